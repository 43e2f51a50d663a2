//! `case.toml`, as far as the report speaks of it.

use std::path::Path;

use super::files::{corrupt, read_text};
use crate::error::Result;
use crate::grid::{Grid, Plane};

/// What `case.toml` says, as far as the report speaks of it.
#[derive(Debug)]
pub struct Case {
    /// Its title, or else its name.
    pub title: Option<String>,
    /// The grid.
    pub grid: Grid,
    /// The property's name.
    pub property: String,
    /// The property's unit.
    pub unit: String,
    /// The facies' values of the property, in its unit; empty where it has none.
    pub facies: Vec<f64>,
    /// Whether each cell has no flow, x fastest; empty where all have.
    pub inactive: Vec<bool>,
    /// What was tried in several ways.
    pub sweeps: Vec<Sweep>,
    /// What others found of it.
    pub published: Vec<Published>,
    /// The whole file.
    pub table: toml::Table,
    /// The whole file as it was written.
    pub text: String,
}

/// Something that was tried in several ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// What it is called.
    pub name: String,
    /// Names of its ways.
    pub choices: Vec<String>,
}

/// Numbers that others found, one for each choice of the last sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Which numbers: `"e1"`, ….
    pub what: String,
    /// The choices of the other sweeps.
    pub row: String,
    /// The numbers.
    pub values: Vec<f64>,
}

/// Names of all combinations of sweeps, as their folders have them, the last sweep running fastest; of no sweep, one
/// without a name.
pub fn combinations(sweeps: &[Sweep]) -> Vec<String> {
    sweeps.iter().fold(vec![String::new()], |all, sweep| {
        let join = |name: &String, own: &String| {
            if name.is_empty() { own.clone() } else { format!("{name}-{own}") }
        };
        all.iter().flat_map(|name| sweep.choices.iter().map(move |own| join(name, own))).collect()
    })
}

impl Case {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| corrupt(path, e.to_string()))?;
        let missing = |key: &str| corrupt(path, format!("the key {key} is missing or of the wrong kind"));
        // A signal is a row of its entries.
        let entries = key(&table, "signal.entries").and_then(toml::Value::as_integer);
        let row = entries.and_then(|k| usize::try_from(k).ok()).map(|k| vec![k]);
        let size = row.as_ref().map(|row| vec![row[0] as f64]);
        let cells = key(&table, "grid.cells").and_then(integers).or(row).ok_or_else(|| missing("grid.cells"))?;
        let size = key(&table, "grid.size").and_then(lengths).or(size).ok_or_else(|| missing("grid.size"))?;
        let origin = key(&table, "grid.origin").and_then(lengths).unwrap_or_default();
        let axis = |values: &[f64], a: usize, default: f64| values.get(a).copied().unwrap_or(default);
        let cells: [usize; 3] = std::array::from_fn(|a| cells.get(a).copied().unwrap_or(1));
        if cells.contains(&0) || !size.iter().all(|s| *s > 0.0 && s.is_finite()) {
            return Err(corrupt(path, format!("a grid of {cells:?} cells and {size:?} m has no extent")));
        }
        let grid = Grid {
            cells,
            spacing: std::array::from_fn(|a| axis(&size, a, cells[a] as f64) / cells[a] as f64),
            origin: std::array::from_fn(|a| axis(&origin, a, 0.0)),
            plane: if text_at(&table, "grid.plane") == Some("xz") { Plane::Xz } else { Plane::Xy },
        };
        let facies = key(&table, "property.facies").and_then(toml::Value::as_array);
        let tables = |name: &str| table.get(name).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let name = |table: &toml::Value, key: &str| Some(table.get(key)?.as_str()?.to_owned());
        let sweep = |table: &toml::Value| {
            let choices = table.get("choice")?.as_array()?.iter().map(|choice| name(choice, "name"));
            Some(Sweep { name: name(table, "name")?, choices: choices.collect::<Option<_>>()? })
        };
        let published = |table: &toml::Value| {
            let values = table.get("values")?.as_array()?.iter().map(leading_number).collect::<Option<_>>()?;
            Some(Published { what: name(table, "what")?, row: name(table, "row")?, values })
        };
        let blocks = key(&table, "physics.inactive").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        Ok(Self {
            inactive: inactive(&grid, blocks).ok_or_else(|| missing("physics.inactive"))?,
            sweeps: tables("sweep").iter().filter_map(sweep).collect(),
            published: tables("published").iter().filter_map(published).collect(),
            title: text_at(&table, "title").or(text_at(&table, "name")).map(str::to_owned),
            grid,
            property: text_at(&table, "property.name").unwrap_or("property").to_owned(),
            unit: text_at(&table, "property.unit").unwrap_or("").to_owned(),
            facies: facies.map(|f| f.iter().filter_map(leading_number).collect()).unwrap_or_default(),
            table,
            text,
        })
    }

    /// Values of a field, x fastest, in the cells that have flow: all of them where all have.
    pub fn active<'a>(&'a self, field: impl IntoIterator<Item = &'a f64>) -> impl Iterator<Item = &'a f64> {
        let is_active = |cell: usize| self.inactive.get(cell) != Some(&true);
        field.into_iter().enumerate().filter(move |(cell, _)| is_active(*cell)).map(|(_, value)| value)
    }

    /// The value at a dotted path of the case.
    pub fn get(&self, path: &str) -> Option<&toml::Value> {
        key(&self.table, path)
    }

    /// What facies `k` is called: its name in the case, or its value.
    pub fn facies_name(&self, k: usize) -> String {
        let facies = self.get("property.facies").and_then(|f| f.get(k));
        let name = facies.and_then(|f| f.get("name")?.as_str());
        let value = self.facies.get(k).map(|v| format!("{v} {}", self.label()).trim_end().to_owned());
        name.map(str::to_owned).or(value).unwrap_or_else(|| format!("facies {}", k + 1))
    }

    /// What stands before the property's name where files carry its logarithm: `"log₁₀ "`, `"ln "`, or nothing.
    pub fn transform(&self) -> &'static str {
        match self.get("property.transform").and_then(toml::Value::as_str) {
            Some("log10") => "log₁₀ ",
            Some("ln") => "ln ",
            _ => "",
        }
    }

    /// The unit of the property as files carry it: `log₁₀ m/day`.
    pub fn label(&self) -> String {
        if self.unit.is_empty() { String::new() } else { format!("{}{}", self.transform(), self.unit) }
    }

    /// Names of the tables of a list of tables at a dotted path.
    pub fn names(&self, path: &str) -> Vec<String> {
        let list = self.get(path).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|table| Some(table.get("name")?.as_str()?.to_owned())).collect()
    }

    /// Names of the scenarios.
    pub fn scenarios(&self) -> Vec<&str> {
        let list = self.table.get("scenario").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|s| s.get("name")?.as_str()).collect()
    }
}

/// The cells of blocks [[i, j, k], [i, j, k]], the first and the last cell of each, from 1.
fn inactive(grid: &Grid, blocks: &[toml::Value]) -> Option<Vec<bool>> {
    let mut cells = vec![false; if blocks.is_empty() { 0 } else { grid.len() }];
    for block in blocks {
        let [first, last] = block.as_array()?.as_slice() else { return None };
        let [first, last]: [[usize; 3]; 2] = [integers(first)?.try_into().ok()?, integers(last)?.try_into().ok()?];
        let inside = |a: usize| first[a] >= 1 && first[a] <= last[a] && last[a] <= grid.cells[a];
        if !(0..3).all(inside) {
            return None;
        }
        for (j, k) in (first[2]..=last[2]).flat_map(|k| (first[1]..=last[1]).map(move |j| (j, k))) {
            let row = grid.index([0, j - 1, k - 1]);
            cells[row + first[0] - 1..row + last[0]].fill(true);
        }
    }
    Some(cells)
}

fn key<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let mut parts = path.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn text_at<'a>(table: &'a toml::Table, path: &str) -> Option<&'a str> {
    key(table, path)?.as_str()
}

fn integers(value: &toml::Value) -> Option<Vec<usize>> {
    value.as_array()?.iter().map(|v| usize::try_from(v.as_integer()?).ok()).collect()
}

/// Lengths in metres: an array, or one for every axis.
fn lengths(value: &toml::Value) -> Option<Vec<f64>> {
    match value.as_array() {
        Some(list) => list.iter().map(length).collect(),
        None => length(value).map(|l| vec![l; 3]),
    }
}

/// `1000`, `"1000 m"`, `"1 km"`, `"6400 ft"` in metres.
fn length(value: &toml::Value) -> Option<f64> {
    let number = leading_number(value)?;
    let unit = value.as_str().and_then(|s| s.split_whitespace().nth(1)).unwrap_or("m");
    let metres = match unit {
        "m" => 1.0,
        "km" => 1000.0,
        "cm" => 0.01,
        "mm" => 0.001,
        "ft" => 0.3048,
        _ => return None,
    };
    Some(number * metres)
}

/// The number of `0.5`, `"0.5 ms/m"` or a table with a `value`.
fn leading_number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Integer(i) => Some(*i as f64),
        toml::Value::Float(f) => Some(*f),
        toml::Value::String(s) => s.split_whitespace().next()?.parse().ok(),
        toml::Value::Table(t) => leading_number(t.get("value")?),
        _ => None,
    }
}
