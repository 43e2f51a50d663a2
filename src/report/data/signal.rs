//! What is recovered of a signal: the files of its result folder.

use std::path::Path;

use ndarray::{Array1, Array2, Array3, Ix1, Ix2, Ix3};
use serde::Deserialize;

use super::Case;
use super::files::{array, corrupt, rows};
use crate::error::Result;

/// A signal as the case asks for it, and what a run made of it.
#[derive(Debug)]
pub struct Signal {
    /// Entries of a true group.
    pub group: usize,
    /// Numbers of the active groups, from 1.
    pub active: Vec<usize>,
    /// Numbers of measurements, ascending.
    pub measurements: Vec<usize>,
    /// Names of the methods, and the entries of their groups.
    pub methods: Vec<(String, usize)>,
    /// Arrays and tables of one run; `None` in the folder of repeated runs.
    pub run: Option<Run>,
    /// Names of the folders of repeated runs.
    pub repeats: Vec<String>,
}

/// Arrays and tables of one run.
#[derive(Debug)]
pub struct Run {
    /// v, k values.
    pub reference: Array1<f64>,
    /// v̂ by method and number of measurements, k values each.
    pub recovered: Array3<f64>,
    /// Its rows, by method, then by number of measurements.
    pub rows: Vec<Row>,
    /// v̂ by weight, k values each, where weights were tried.
    pub by_weight: Option<Array2<f64>>,
    /// Its rows, from the least weight on.
    pub weights: Vec<Row>,
}

/// A row of `errors.csv` or `weights.csv`.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// `‖v̂ − v‖/‖v‖`.
    pub relative_error: f64,
    /// λ.
    pub lambda: f64,
    /// Whitened misfit.
    pub misfit: f64,
    /// Numbers of the selected groups, from 1.
    pub selected: String,
}

impl Signal {
    pub(super) fn read(path: &Path, case: &Case, repeats: Vec<String>) -> Result<Self> {
        let file = path.join("case.toml");
        let missing = |key: &str| corrupt(&file, format!("the key {key} is missing or of the wrong kind"));
        let numbers = |key: &str| {
            let list = case.get(key).and_then(toml::Value::as_array).ok_or_else(|| missing(key))?;
            let number = |v: &toml::Value| usize::try_from(v.as_integer()?).ok();
            list.iter().map(number).collect::<Option<Vec<usize>>>().ok_or_else(|| missing(key))
        };
        let size = |table: &toml::Value| usize::try_from(table.get("group")?.as_integer()?).ok().filter(|n| *n > 0);
        let group = case.get("signal").and_then(size).ok_or_else(|| missing("signal.group"))?;
        let methods = case.get("method").and_then(toml::Value::as_array).ok_or_else(|| missing("method"))?;
        let methods = methods.iter().map(|method| Some((method.get("name")?.as_str()?.to_owned(), size(method)?)));
        let methods: Vec<_> = methods.collect::<Option<_>>().ok_or_else(|| missing("method"))?;
        let measurements = numbers("signal.measurements")?;
        let run = match repeats.is_empty() {
            true => Some(Run::read(path, case.grid.cells[0], methods.len(), measurements.len())?),
            false => None,
        };
        Ok(Self { group, active: numbers("signal.active")?, measurements, methods, run, repeats })
    }
}

impl Run {
    fn read(path: &Path, entries: usize, methods: usize, measurements: usize) -> Result<Self> {
        let (k, table, weights) = (Some(entries), path.join("errors.csv"), path.join("weights.csv"));
        let found: Vec<Row> = rows(&table)?;
        if found.len() != methods * measurements {
            let expected = format!("{methods} methods and {measurements} numbers of measurements");
            return Err(corrupt(&table, format!("{} rows for {expected}", found.len())));
        }
        let weights: Vec<Row> = if weights.exists() { rows(&weights)? } else { Vec::new() };
        let count = Some(weights.len());
        let by_weight = (!weights.is_empty()).then(|| array::<Ix2>(&path.join("weights.npy"), &[count, k]));
        Ok(Self {
            reference: array::<Ix1>(&path.join("reference.npy"), &[k])?,
            recovered: array::<Ix3>(&path.join("recovered.npy"), &[Some(methods), Some(measurements), k])?,
            rows: found,
            by_weight: by_weight.transpose()?,
            weights,
        })
    }

    /// The row of a method and a number of measurements, by their places in the lists of [`Signal`].
    pub fn row(&self, method: usize, measurements: usize) -> &Row {
        &self.rows[method * self.recovered.dim().1 + measurements]
    }
}
