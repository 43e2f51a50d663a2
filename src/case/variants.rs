//! Variants of a case: some keys changed, and the case read anew; sweeps, whose combinations are variants.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Collector, Kind};
use super::file::{Case, Choice, Sweep, Variant};
use super::reader::{Section, Value};
use super::results::write_csv;
use super::{consistency, overrides, parse, summary};
use crate::error::{Error, Result};

/// Sections that a variant may change: the others say what it is compared on.
const CHANGEABLE: [&str; 14] = [
    "scenario",
    "prior",
    "hard_data",
    "basis",
    "groups",
    "physics",
    "observation",
    "data",
    "feasible",
    "discrete",
    "selection",
    "verdict",
    "inversion",
    "reference",
];

/// The sweeps of a case whose other keys are right, and its variants: those that the file names, then the combinations of
/// all sweeps but the one that is the case itself. Mistakes point at the values that they set.
pub(super) fn read(
    case: &Case,
    tree: &DeTable<'_>,
    directory: &Path,
    collector: &Collector,
) -> (Vec<Sweep>, Vec<Variant>) {
    let mut main = DeTable::new();
    for key in ["variant", "sweep"] {
        if let Some(value) = tree.get(key) {
            main.insert(Spanned::new(value.span(), key.into()), value.clone());
        }
    }
    if !case.published.is_empty() && !main.contains_key("sweep") {
        let problem = "published numbers stand beside those of sweeps, and there are none";
        collector.contradiction("published", problem, "add [[sweep]], or remove the section");
    }
    if main.is_empty() {
        return Default::default();
    }
    let root = Section::new(collector, String::new(), Some(&main));
    let mut described: Vec<_> =
        root.sections("variant").into_iter().map(|section| describe(section, collector)).collect();
    let named = described.len();
    let sweeps: Vec<_> = root.sections("sweep").into_iter().map(|section| sweep(section, collector)).collect();
    root.finish();
    unique("sweep", "sweeps", sweeps.iter().map(|(name, _)| name), collector);
    let combinations = sweeps.iter().map(|(_, choices)| choices.len()).try_fold(1usize, usize::checked_mul);
    if combinations.is_none_or(|count| count > MOST_COMBINATIONS) {
        let problem = "the sweeps have too many combinations";
        collector.contradiction("sweep", problem, format!("at most {MOST_COMBINATIONS}"));
    }
    if case.mapping.as_ref().is_some_and(|m| m.iteration.is_none()) || case.approximation.is_some() {
        let problem = "variants are inversions, and nothing is inverted";
        let section = if tree.contains_key("variant") { "variant" } else { "sweep" };
        collector.contradiction(section, problem, format!("remove [[{section}]]"));
    }
    if !collector.is_clean() {
        return Default::default();
    }
    published(case, &sweeps, collector);
    described.extend(combined(&sweeps));
    unique("variant", "variants", described.iter().map(|(name, _)| name), collector);
    // A variant has neither.
    let alone = Case { mapping: None, published: Vec::new(), ..case.clone() };
    let mut variants = Vec::new();
    for (number, (name, changes)) in described.iter().enumerate() {
        let is_swept = number >= named;
        let variant = changed(name, changes, tree, directory, collector);
        // The combination that the case is already needs no run of its own.
        if !(is_swept && variant.case == alone) {
            variants.push(Variant { is_swept, ..variant });
        }
    }
    let choice =
        |(name, changes): &(String, Vec<Change<'_>>)| Choice { name: name.clone(), set: texts(changes, directory) };
    let sweeps = sweeps
        .iter()
        .map(|(name, choices)| Sweep { name: name.clone(), choices: choices.iter().map(choice).collect() });
    (sweeps.collect(), variants)
}

/// Reports published numbers that no row of the sweeps has a place for.
fn published(case: &Case, sweeps: &[(String, Vec<Named<'_>>)], collector: &Collector) {
    let Some((last, others)) = sweeps.split_last() else { return };
    let mut rows: Vec<String> = combined(others).into_iter().map(|(name, _)| name).collect();
    if others.is_empty() {
        rows.push(String::new());
    }
    for (i, found) in case.published.iter().enumerate() {
        let key = |key: &str| format!("published[{}].{key}", i + 1);
        if !rows.contains(&found.row) {
            let problem = format!("no combination of the sweeps but the last is called \"{}\"", found.row);
            collector.contradiction(&key("row"), problem, format!("known: {}", rows.join(", ")));
        }
        let (count, choices) = (found.values.len(), last.1.len());
        if count != choices {
            let problem = format!("{count} values for {choices} choices of the sweep \"{}\"", last.0);
            collector.contradiction(&key("values"), problem, "give one a choice");
        }
    }
}

/// Combinations that sweeps may have.
const MOST_COMBINATIONS: usize = 1000;

/// Reports a name that two of a kind have.
fn unique<'a>(section: &str, kind: &str, names: impl Iterator<Item = &'a String>, collector: &Collector) {
    let mut known = BTreeSet::new();
    for (i, name) in names.enumerate() {
        if !known.insert(name) {
            let (problem, remedy) =
                (format!("two {kind} are called \"{name}\""), format!("give all {kind} names of their own"));
            collector.contradiction(&format!("{section}[{}].name", i + 1), problem, &remedy);
        }
    }
}

/// A name, and the changes that go by it.
type Named<'a> = (String, Vec<Change<'a>>);

/// A sweep: either a key (or several that take the same value) and its values, or choices with a name and keys of their
/// own.
fn sweep<'a>(section: Section<'a>, collector: &Collector) -> (String, Vec<Named<'a>>) {
    let keys: Vec<(&'a str, Range<usize>)> = match section.get("key") {
        Some(value) if value.is_list() => {
            let items = value.list(1, 100, "a key, or a list of keys").unwrap_or_default();
            items.iter().filter_map(|item| Some((item.text()?, item.span()))).collect()
        }
        Some(value) => value.text().map(|text| (text, value.span())).into_iter().collect(),
        None => Vec::new(),
    };
    let usual = keys.first().map(|(key, _)| key.replace(['[', ']'], "")).unwrap_or_default();
    let name = section.get("name").and_then(|v| parse::name(&v)).unwrap_or(usual);
    let expected = "at least one value";
    let values = section.get("values").and_then(|v| v.list(1, MOST_COMBINATIONS, expected));
    let choices: Vec<Named<'a>> = match (keys.is_empty(), values) {
        (false, Some(values)) => {
            let choice = |value: &Value<'a>| {
                let mut changes: Vec<Change<'a>> =
                    keys.iter().map(|(key, span)| ((*key).to_owned(), span.clone(), value.spanned())).collect();
                changes.sort_by(|a, b| a.0.cmp(&b.0));
                changes.iter().for_each(|change| changeable(change, &section.key("key"), collector));
                (folder_name(value.raw()), changes)
            };
            values.iter().map(choice).collect()
        }
        _ => section.sections("choice").into_iter().map(|choice| describe(choice, collector)).collect(),
    };
    if choices.is_empty() && section.get("values").is_none() {
        section.need("choice", "choices [{ name = \"...\", set = { ... } }, ...], or a key and its values");
    }
    if name.is_empty() && section.get("name").is_none() {
        section.need("name", "a name");
    }
    unique(&section.key("choice"), "choices", choices.iter().map(|(name, _)| name), collector);
    section.finish();
    (name, choices)
}

/// A value as a part of a folder's name: `[16, 16]` is `16x16`, `"2 %"` is `2-percent`.
fn folder_name(value: &DeValue<'_>) -> String {
    let plain = match value {
        DeValue::String(text) => text.replace('%', "percent"),
        DeValue::Array(items) => items.iter().map(|item| folder_name(item.get_ref())).collect::<Vec<_>>().join("x"),
        other => text(other),
    };
    let kept: String =
        plain.trim().chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    kept.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Every combination of a choice of each sweep, the last sweep running fastest.
fn combined<'a>(sweeps: &[(String, Vec<Named<'a>>)]) -> Vec<Named<'a>> {
    if sweeps.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Named<'a>> = vec![(String::new(), Vec::new())];
    for (_, choices) in sweeps {
        let with = |(name, changes): &Named<'a>| {
            let extended = |(own, set): &Named<'a>| {
                let name = if name.is_empty() { own.clone() } else { format!("{name}-{own}") };
                (name, changes.iter().chain(set).cloned().collect())
            };
            choices.iter().map(extended).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// The changed keys and their values as TOML; files by absolute paths, since the text may lie in any folder.
fn texts(changes: &[Change<'_>], directory: &Path) -> Vec<(String, String)> {
    let value = |(key, _, value): &Change<'_>| match value.get_ref() {
        DeValue::String(file) if names_file(key) && file.as_ref() != "--data" => {
            text(&DeValue::String(parse::absolute(directory, file).display().to_string().into()))
        }
        other => text(other),
    };
    changes.iter().map(|change| (change.0.clone(), value(change))).collect()
}

/// Whether a text that this key has names a file relative to the case.
fn names_file(key: &str) -> bool {
    matches!(key, "physics.inactive" | "hard_data.file" | "data.file")
        || key.ends_with(".image")
        || key.ends_with(".image.file")
}

/// A key that a variant sets: its full name, where it is, its value.
type Change<'a> = (String, Range<usize>, &'a Spanned<DeValue<'a>>);

/// The name of a variant and the keys that it sets, by name.
fn describe<'a>(section: Section<'a>, collector: &Collector) -> (String, Vec<Change<'a>>) {
    let name = section.need("name", "a name").and_then(|v| parse::name(&v)).unwrap_or_default();
    let set = section.need("set", "the changed keys, e.g. { \"inversion.regularizer\" = \"l1\" }");
    let mut changes = Vec::new();
    if let Some(table) = set.and_then(|v| v.table("the changed keys and their values")) {
        flatten("", table, &mut changes);
    }
    changes.iter().for_each(|change| changeable(change, &section.key("set"), collector));
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    section.finish();
    (name, changes)
}

/// Reports a change of what all variants have in common.
fn changeable((key, span, _): &Change<'_>, place: &str, collector: &Collector) {
    let first = key.split(['.', '[']).next().unwrap_or_default().trim();
    if !CHANGEABLE.contains(&first) {
        let problem = format!("a variant cannot change \"{key}\"");
        let remedy = format!("it may change keys of {}", CHANGEABLE.join(", "));
        collector.report(Kind::Value, span.clone(), place, problem, remedy);
    }
}

/// The keys of a table and of the tables in it, by their full names.
fn flatten<'a>(prefix: &str, table: &'a DeTable<'a>, changes: &mut Vec<Change<'a>>) {
    for (key, value) in table.iter() {
        let name = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&format!("{name}."), inner, changes),
            _ => changes.push((name, key.span(), value)),
        }
    }
}

/// The case with the keys of a variant.
fn changed(name: &str, changes: &[Change<'_>], tree: &DeTable<'_>, directory: &Path, collector: &Collector) -> Variant {
    let mut tree = tree.clone();
    ["variant", "sweep", "published", "mapping"].into_iter().for_each(|section| drop(tree.remove(section)));
    for (key, span, value) in changes {
        if let Err((_, problem)) = overrides::put(&mut tree, key, span.clone(), (*value).clone()) {
            collector.report(Kind::Value, span.clone(), "variant", problem, String::new());
        }
    }
    let own = collector.sibling();
    let case = parse::case(Section::new(&own, String::new(), Some(&tree)), directory);
    consistency::check(&case, &own);
    collector.adopt(own, &format!("variant \"{name}\""));
    Variant { name: name.to_owned(), set: texts(changes, directory), is_swept: false, case }
}

/// Columns of `variants.csv` and where summaries have them.
const TABLE: [(&str, &str); 13] = [
    ("misfit", "/misfit/model"),
    ("target", "/misfit/target"),
    ("e1", "/errors/model/e1"),
    ("e2", "/errors/model/e2"),
    ("rmse", "/errors/model/rmse"),
    ("facies_mismatch", "/errors/model/facies_mismatch"),
    ("best_achievable_rmse", "/errors/best_achievable/rmse"),
    ("head_e1", "/errors/head/e1"),
    ("head_e2", "/errors/head/e2"),
    ("groups", "/groups/count"),
    ("active_groups", "/groups/active"),
    ("iterations", "/iterations"),
    ("seconds", "/seconds/inversion"),
];

/// `variants.csv`: a row a variant and one, without a name, for the case itself, with the choices of its sweeps and the
/// numbers of its summary, means where runs are repeated. Nothing is written of a case without variants.
///
/// # Errors
/// A variant without a summary; a file that cannot be written.
pub(super) fn table(folder: &Path, case: &Case, own: &impl Serialize) -> Result<()> {
    if case.variants.is_empty() {
        return Ok(());
    }
    let path = folder.join("variants.csv");
    let own = serde_json::to_value(own).map_err(|e| Error::file("write", &path, e.into()))?;
    let mut rows = vec![(String::new(), own)];
    for Variant { name, .. } in &case.variants {
        rows.push((name.clone(), summary::read(&folder.join(format!("variant-{name}")))?));
    }
    let combinations = combinations(&case.sweeps);
    write_csv(&path, |csv| {
        let sweeps = case.sweeps.iter().map(|sweep| sweep.name.as_str());
        csv.write_record(std::iter::once("variant").chain(sweeps).chain(TABLE.iter().map(|column| column.0)))?;
        for (name, summary) in &rows {
            // The case itself is the combination that is no variant.
            let is_own = |(of, _): &&(String, Vec<String>)| match name.as_str() {
                "" => case.variants.iter().all(|variant| variant.name != *of),
                name => of == name,
            };
            let choices = combinations.iter().find(is_own).map(|(_, choices)| choices.clone());
            let choices = choices.unwrap_or_else(|| vec![String::new(); case.sweeps.len()]);
            let number = |pointer: &str| {
                let value = summary.pointer(pointer)?;
                value.as_f64().or_else(|| value.get("mean")?.as_f64()).map(|x| x.to_string())
            };
            let numbers = TABLE.iter().map(|(_, pointer)| number(pointer).unwrap_or_default());
            csv.write_record(std::iter::once(name.clone()).chain(choices).chain(numbers))?;
        }
        Ok(())
    })
}

/// Names of all combinations of sweeps, with the choices that they are made of.
fn combinations(sweeps: &[Sweep]) -> Vec<(String, Vec<String>)> {
    if sweeps.is_empty() {
        return Vec::new();
    }
    let mut all = vec![Vec::new()];
    for sweep in sweeps {
        let with = |chosen: &Vec<String>| {
            let extended = |choice: &Choice| [&chosen[..], std::slice::from_ref(&choice.name)].concat();
            sweep.choices.iter().map(extended).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all.into_iter().map(|choices| (choices.join("-"), choices)).collect()
}

/// A value as TOML on one line.
fn text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()).to_string(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.to_string(),
            Err(_) => number.as_str().to_owned(),
        },
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| text(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let entries: Vec<_> =
                table.iter().map(|(k, v)| format!("{} = {}", quoted(k.get_ref()), text(v.get_ref()))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A key in quotes.
pub(super) fn quoted(key: &str) -> String {
    toml::Value::String(key.to_owned()).to_string()
}
