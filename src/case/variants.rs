//! Variants of a case: some keys changed, and the case read anew.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Collector, Kind};
use super::file::{Case, Variant};
use super::reader::Section;
use super::{consistency, overrides, parse};

/// Sections that a variant may change: the others say what it is compared on.
const CHANGEABLE: [&str; 12] = [
    "scenario",
    "prior",
    "hard_data",
    "basis",
    "physics",
    "observation",
    "data",
    "feasible",
    "discrete",
    "selection",
    "inversion",
    "reference",
];

/// The variants of a case whose other keys are right; their mistakes point at the values that they set.
pub(super) fn read(case: &Case, tree: &DeTable<'_>, directory: &Path, collector: &Collector) -> Vec<Variant> {
    let Some(value) = tree.get("variant") else { return Vec::new() };
    let mut main = DeTable::new();
    main.insert(Spanned::new(value.span(), "variant".into()), value.clone());
    let root = Section::new(collector, String::new(), Some(&main));
    let described: Vec<_> = root.sections("variant").into_iter().map(|section| describe(section, collector)).collect();
    root.finish();
    let mut names = BTreeSet::new();
    for (i, (name, _)) in described.iter().enumerate() {
        if !names.insert(name) {
            let problem = format!("two variants are called \"{name}\"");
            collector.contradiction(
                &format!("variant[{}].name", i + 1),
                problem,
                "give every variant a name of its own",
            );
        }
    }
    if case.mapping.as_ref().is_some_and(|m| m.iteration.is_none()) || case.approximation.is_some() {
        let problem = "variants are inversions, and nothing is inverted";
        collector.contradiction("variant", problem, "remove [[variant]]");
    }
    if !collector.is_clean() {
        return Vec::new();
    }
    described.iter().map(|(name, changes)| changed(name, changes, tree, directory, collector)).collect()
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
    for (key, span, _) in &changes {
        let first = key.split(['.', '[']).next().unwrap_or_default().trim();
        if !CHANGEABLE.contains(&first) {
            let problem = format!("a variant cannot change \"{key}\"");
            let remedy = format!("it may change keys of {}", CHANGEABLE.join(", "));
            collector.report(Kind::Value, span.clone(), &section.key("set"), problem, remedy);
        }
    }
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    section.finish();
    (name, changes)
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
    tree.remove("variant");
    tree.remove("mapping");
    for (key, span, value) in changes {
        if let Err((_, problem)) = overrides::put(&mut tree, key, span.clone(), (*value).clone()) {
            collector.report(Kind::Value, span.clone(), "variant", problem, String::new());
        }
    }
    let own = collector.sibling();
    let case = parse::case(Section::new(&own, String::new(), Some(&tree)), directory);
    consistency::check(&case, &own);
    collector.adopt(own, &format!("variant \"{name}\""));
    let set = changes.iter().map(|(key, _, value)| (key.clone(), text(value.get_ref()))).collect();
    Variant { name: name.to_owned(), set, case }
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
