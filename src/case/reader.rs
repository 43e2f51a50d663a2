//! Sections and values of a spanned TOML tree, which report what is wrong with them and go on.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Collector, Kind};
use super::documentation;
use crate::units::{self, Dimension, Unit};

/// A table of the case, or its absence; knows which keys were asked for, so that all others are unknown.
pub(super) struct Section<'a> {
    pub(super) collector: &'a Collector,
    path: String,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The table at `path` (empty: the whole case).
    pub(super) fn new(collector: &'a Collector, path: String, table: Option<&'a DeTable<'a>>) -> Self {
        Self { collector, path, table, asked: RefCell::default() }
    }

    /// Whether the section is there.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Full name of one of its keys.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of `key`, where it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        drop(asked);
        let value = self.table?.get(key)?;
        let path = self.key(key);
        self.collector.remember(&path, value.span());
        Some(Value { collector: self.collector, path, span: value.span(), value: value.get_ref(), spanned: value })
    }

    /// The value of `key`; its absence is a mistake.
    pub(super) fn need(&self, key: &'static str, expected: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.collector.missing(&self.key(key), "the key is missing", format!("expected {expected}"));
        }
        value
    }

    /// The section below `key`.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let section = self.get(key).and_then(|value| value.section("a section"));
        section.unwrap_or_else(|| Section::new(self.collector, self.key(key), None))
    }

    /// The sections of the array of tables `key`, numbered from 1.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        self.get(key).map_or_else(Vec::new, |value| value.sections())
    }

    /// Reports every key that nobody asked for, with the nearest name.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let elsewhere = || documentation::section_of(name).filter(|path| *path != self.path);
            let remedy = match (units::nearest(name, asked.iter().copied()), elsewhere()) {
                (Some(near), _) => format!("did you mean \"{near}\"?"),
                (None, Some(section)) => format!("did you mean \"{name}\" of [{section}]?"),
                (None, None) => format!("known here: {}", asked.join(", ")),
            };
            self.collector.report(Kind::Value, key.span(), &self.key(name), "unknown key".into(), remedy);
        }
    }
}

/// One value of the case and its place.
pub(super) struct Value<'a> {
    collector: &'a Collector,
    path: String,
    span: Range<usize>,
    value: &'a DeValue<'a>,
    spanned: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// The value as TOML has it.
    pub(super) fn raw(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// The value as TOML has it, with its place.
    pub(super) fn spanned(&self) -> &'a Spanned<DeValue<'a>> {
        self.spanned
    }

    /// Where it is.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Reports that the value cannot be used.
    pub(super) fn fail<T>(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Option<T> {
        self.collector.report(Kind::Value, self.span.clone(), &self.path, problem.into(), remedy.into());
        None
    }

    /// Reports that something else was expected.
    pub(super) fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.fail(format!("found {}, expected {expected}", shown(self.value)), "")
    }

    /// Whether the grid's cells are there and can be used, so that cells outside of them mean something.
    pub(super) fn grid_is_sound(&self) -> bool {
        self.collector.sound(&["grid"])
    }

    /// Text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong("a string"))
    }

    /// Whether the value is a string.
    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// Whether the value is true or false.
    pub(super) fn is_flag(&self) -> bool {
        self.value.is_bool()
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// true or false.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("true or false"))
    }

    /// A whole number within `range`.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = || match *range.end() {
            u64::MAX => format!("a whole number, {} or more", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        let number = self.value.as_integer().and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        number.filter(|n| range.contains(n)).or_else(|| self.wrong(&expected()))
    }

    /// A whole number within `range`, as a count.
    pub(super) fn count(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let end = if *range.end() == usize::MAX { u64::MAX } else { *range.end() as u64 };
        self.whole(*range.start() as u64..=end).and_then(|n| usize::try_from(n).ok())
    }

    /// A finite number that `is_right`, which `expected` describes.
    pub(super) fn number(&self, expected: &str, is_right: impl Fn(f64) -> bool) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok().map(|i| i as f64),
            DeValue::Float(f) => f.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|&x: &f64| x.is_finite() && is_right(x)).or_else(|| self.wrong(expected))
    }

    /// A number with a unit, in SI, that `is_right`.
    pub(super) fn quantity(&self, dimension: Dimension, expected: &str, is_right: impl Fn(f64) -> bool) -> Option<f64> {
        let Some(text) = self.value.as_str() else {
            let example = format!("a string with a unit, e.g. \"1.5 {}\"", dimension.si());
            return self.wrong(&example);
        };
        match units::parse(text, dimension) {
            Ok(si) if is_right(si) => Some(si),
            Ok(_) => self.wrong(expected),
            Err(mistake) => self.fail(mistake.problem, mistake.remedy),
        }
    }

    /// A fraction: a number, or a string in per cent.
    pub(super) fn fraction(&self, expected: &str, is_right: impl Fn(f64) -> bool) -> Option<f64> {
        if self.is_text() {
            self.quantity(Dimension::Fraction, expected, is_right)
        } else {
            self.number(expected, is_right)
        }
    }

    /// The name of a unit.
    pub(super) fn unit(&self, dimension: Dimension) -> Option<Unit> {
        match Unit::parse(self.text()?, dimension) {
            Ok(unit) => Some(unit),
            Err(mistake) => self.fail(mistake.problem, mistake.remedy),
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let expected = format!("one of {}", names.join(", "));
        let Some(text) = self.value.as_str() else { return self.wrong(&expected) };
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let remedy = units::nearest(text, words.iter().map(|(word, _)| *word));
        let remedy = remedy.map_or(String::new(), |near| format!("did you mean \"{near}\"?"));
        self.fail(format!("found \"{text}\", expected {expected}"), remedy)
    }

    /// The items of a list of `least` to `most` items.
    pub(super) fn list(&self, least: usize, most: usize, expected: &str) -> Option<Vec<Value<'a>>> {
        let Some(items) = self.value.as_array() else { return self.wrong(expected) };
        if !(least..=most).contains(&items.len()) {
            return self.fail(format!("found {} values, expected {expected}", items.len()), "");
        }
        Some(items.iter().enumerate().map(|(i, item)| self.item(i, item)).collect())
    }

    /// The value as a section.
    pub(super) fn section(&self, expected: &str) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Section::new(self.collector, self.path.clone(), Some(table))),
            _ => self.wrong(expected),
        }
    }

    /// The value as a table whose keys nobody knows beforehand.
    pub(super) fn table(&self, expected: &str) -> Option<&'a DeTable<'a>> {
        match self.value {
            DeValue::Table(table) => Some(table),
            _ => self.wrong(expected),
        }
    }

    /// The tables of a list, or the one table that stands for a list of one.
    pub(super) fn sections(&self) -> Vec<Section<'a>> {
        if let DeValue::Table(table) = self.value {
            return vec![Section::new(self.collector, self.path.clone(), Some(table))];
        }
        let items = self.list(0, usize::MAX, "a list of sections").unwrap_or_default();
        let tables = items.into_iter().map(|item| match item.value {
            DeValue::Table(table) => Section::new(self.collector, item.path.clone(), Some(table)),
            _ => {
                item.wrong::<()>("a section");
                Section::new(self.collector, item.path.clone(), None)
            }
        });
        tables.collect()
    }

    /// Two or three items, of which the third is `third` where it is left out.
    pub(super) fn triple<T: Copy>(
        &self,
        expected: &str,
        third: T,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> Option<[T; 3]> {
        let items: Vec<_> = self.list(2, 3, expected)?.iter().map(read).collect();
        Some([items[0]?, items[1]?, if items.len() == 3 { items[2]? } else { third }])
    }

    fn item(&self, i: usize, item: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        let path = format!("{}[{}]", self.path, i + 1);
        self.collector.remember(&path, item.span());
        Value { collector: self.collector, path, span: item.span(), value: item.get_ref(), spanned: item }
    }
}

/// A value as a message shows it: scalars themselves, lists and sections by their kind.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", text.chars().take(60).collect::<String>().escape_debug()),
        DeValue::Integer(i) => i.to_string(),
        DeValue::Float(f) => f.to_string(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => format!("the date {d}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a section".into(),
    }
}
