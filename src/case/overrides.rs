//! What the command line changes in a case before it is checked.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostics::{Collector, Kind};

/// What the command line changes in a case before it is checked; mistakes in it point at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `path.to.key=VALUE` in TOML syntax; sections of a list are numbered from 1: `scenario[2].azimuth=45`.
    pub set: Vec<String>,
    /// The seed of all random numbers.
    pub seed: Option<u64>,
    /// The CSV file of observed data, relative to the current folder; it takes the place of the reference and of the
    /// survey or the observations that the case gives.
    pub data: Option<PathBuf>,
}

impl Overrides {
    /// The overrides as pairs of their name on the command line and `path=VALUE`.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let mut texts: Vec<_> = self.set.iter().map(|set| (format!("--set {set}"), set.clone())).collect();
        if let Some(seed) = self.seed {
            texts.push((format!("--seed {seed}"), format!("seed={seed}")));
        }
        if let Some(data) = &self.data {
            let path = std::path::absolute(data).unwrap_or_else(|_| data.clone());
            let text = toml::Value::String(path.to_string_lossy().into_owned()).to_string();
            texts.push((format!("--data {}", data.display()), format!("data.file={text}")));
        }
        texts
    }

    /// Puts every override, as [`Self::texts`] gives them, into the tree.
    pub(super) fn apply<'i>(&self, texts: &'i [(String, String)], tree: &mut DeTable<'i>, collector: &mut Collector) {
        for (name, text) in texts {
            let start = collector.add_source(name, text, false);
            if let Err((at, problem)) = apply(tree, text, start) {
                let remedy = "write path.to.key=VALUE in TOML syntax, text in quotes: 'basis.kind=\"pca\"'".to_owned();
                collector.report(Kind::Value, start + at..start + text.len(), "", problem, remedy);
            }
        }
        if self.data.is_some() {
            REPLACED.into_iter().for_each(|section| drop(tree.remove(section)));
            remove_variants_of_what_is_replaced(tree);
            if let Some(DeValue::Table(physics)) = tree.get_mut("physics").map(Spanned::get_mut) {
                physics.remove("sources");
                physics.remove("receivers");
            }
        }
    }
}

/// Sections that own data take the place of.
const REPLACED: [&str; 2] = ["reference", "observation"];

/// Takes out the variants that change what own data leave no place for.
fn remove_variants_of_what_is_replaced(tree: &mut DeTable<'_>) {
    if let Some(DeValue::Array(variants)) = tree.get_mut("variant").map(Spanned::get_mut) {
        let changes_it = |variant: &Spanned<DeValue<'_>>| {
            let set = variant.get_ref().as_table().and_then(|table| table.get("set"));
            let mut keys = set.and_then(|set| set.get_ref().as_table()).into_iter().flat_map(|set| set.keys());
            keys.any(|key| REPLACED.iter().any(|section| key.get_ref().starts_with(section)))
        };
        *variants = variants.iter().filter(|variant| !changes_it(variant)).cloned().collect();
    }
}

/// What is wrong with an override: offset in its text, and the problem.
pub(super) type Mistake = (usize, String);

/// Puts one override into the tree; its text begins at `start` of all texts.
fn apply<'i>(tree: &mut DeTable<'i>, text: &'i str, start: usize) -> Result<(), Mistake> {
    let Some(equals) = text.find('=') else { return Err((0, format!("\"{text}\" has no '='"))) };
    let after = text.len() - text[equals + 1..].trim_start().len();
    let value = DeValue::parse(text[after..].trim_end()).map_err(|error| (after, error.message().to_owned()))?;
    put(tree, &text[..equals], start..start + equals, moved(value, start + after))
}

/// Keys of one section of which only one holds: who sets one takes out the other.
const RIVALS: [(&str, &str); 14] = [
    ("rate", "head"),
    ("rank", "energy"),
    ("rank", "box"),
    ("scenario", "gaussian"),
    ("image", "gaussian"),
    ("image", "indicator"),
    ("gaussian", "indicator"),
    ("variance", "standard_deviation"),
    ("distribution", "mean"),
    ("distribution", "variance"),
    ("distribution", "standard_deviation"),
    ("storativity", "specific_storage"),
    ("cell", "at"),
    ("sinuosity", "amplitude"),
];

/// The keys of `[basis]` that a kind of basis has beside those of all kinds.
const OF_BASES: [(&str, &[&str]); 7] = [
    ("pca", &["rank", "energy"]),
    ("hybrid", &["rank", "energy"]),
    ("karhunen-loeve", &["rank", "energy"]),
    ("dct", &["box", "rank"]),
    ("wavelet", &["vanishing_moments", "window"]),
    ("zonation", &["zones", "refined_zones"]),
    ("cells", &[]),
];

/// Takes out of `[basis]` what a new kind of basis does not know.
fn displace_other_bases(basis: &mut DeTable<'_>, kind: &DeValue<'_>) {
    let Some((_, own)) = OF_BASES.iter().find(|(name, _)| kind.as_str() == Some(name)) else { return };
    for key in OF_BASES.iter().flat_map(|(_, keys)| *keys).filter(|key| !own.contains(key)) {
        basis.remove(*key);
    }
}

/// Puts the value of the key `path` into the tree; `span` is where the path is written.
pub(super) fn put<'i>(
    tree: &mut DeTable<'i>,
    path: &'i str,
    span: Range<usize>,
    value: Spanned<DeValue<'i>>,
) -> Result<(), Mistake> {
    let path: Vec<_> = path.split('.').map(str::trim).collect();
    let (last, sections) = path.split_last().ok_or((0, "no key".to_owned()))?;
    let mut table = tree;
    for section in sections {
        displace(table, section);
        table = descend(table, section, &span)?;
    }
    if last.is_empty() || last.contains(['[', ']', '"', '\'']) {
        return Err((0, format!("\"{last}\" is not a key")));
    }
    displace(table, last);
    if path == ["basis", "kind"] {
        displace_other_bases(table, value.get_ref());
    }
    table.insert(Spanned::new(span, Cow::Borrowed(*last)), value);
    Ok(())
}

/// Takes out of a section what does not go with `key`.
fn displace(table: &mut DeTable<'_>, key: &str) {
    for (one, rival) in RIVALS.iter().flat_map(|&(a, b)| [(a, b), (b, a)]) {
        if one == key {
            table.remove(rival);
        }
    }
}

/// The table that `section` (`name` or `name[i]`, i from 1) means, which is made where there is none.
fn descend<'t, 'i>(
    table: &'t mut DeTable<'i>,
    section: &'i str,
    span: &Range<usize>,
) -> Result<&'t mut DeTable<'i>, Mistake> {
    let (name, number) = match section.split_once('[') {
        None => (section, None),
        Some((name, rest)) => (name, rest.strip_suffix(']').and_then(|i| i.parse::<usize>().ok())),
    };
    if name.is_empty() || (number.is_none() && section.contains(['[', '"', '\''])) {
        return Err((0, format!("\"{section}\" is not the name of a section")));
    }
    let new = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    let entry = table.entry(Spanned::new(span.clone(), Cow::Borrowed(name))).or_insert_with(new);
    match (entry.get_mut(), number) {
        (DeValue::Table(table), None) => Ok(table),
        (DeValue::Table(table), Some(1)) => Ok(table),
        (DeValue::Array(items), number) => {
            let count = items.len();
            let place = match number {
                Some(i) => i.wrapping_sub(1),
                None if count == 1 => 0,
                None => return Err((0, format!("\"{name}\" is a list of {count}; say which: {name}[1]"))),
            };
            match items.get_mut(place).map(Spanned::get_mut) {
                Some(DeValue::Table(table)) => Ok(table),
                Some(_) => Err((0, format!("\"{section}\" is no section"))),
                None => Err((0, format!("\"{section}\" is not there; the list \"{name}\" has {count} items"))),
            }
        }
        _ => Err((0, format!("\"{section}\" is a value, no section"))),
    }
}

/// The value with its spans moved by `start`.
fn moved(value: Spanned<DeValue<'_>>, start: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, start)).collect()),
        DeValue::Table(table) => {
            let entries = table.into_iter();
            DeValue::Table(entries.map(|(key, value)| (moved_key(key, start), moved(value, start))).collect())
        }
        scalar => scalar,
    };
    Spanned::new(span.start + start..span.end + start, value)
}

fn moved_key(key: Spanned<DeString<'_>>, start: usize) -> Spanned<DeString<'_>> {
    let span = key.span();
    Spanned::new(span.start + start..span.end + start, key.into_inner())
}
