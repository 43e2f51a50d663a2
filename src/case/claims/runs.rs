//! What a claim reads of its runs.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis, Ix3, Ix5};
use serde_json::Value;

use super::super::{folder, summary};
use crate::error::{Error, Result};
use crate::inversion::ACTIVE_SHARE;
use crate::io::npy;

/// The runs of a case over its references.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    folder: PathBuf,
    repeat: u64,
}

/// One scenario in one result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    pub(super) name: String,
    /// `‖v_i‖₂`.
    pub(super) norm: f64,
    /// `‖Φ_i v_i‖² / Σ_j ‖Φ_j v_j‖²`.
    pub(super) contribution: f64,
}

impl Runs {
    pub(super) fn new(folder: PathBuf, repeat: u64) -> Self {
        Self { folder, repeat }
    }

    /// Those of a variant of the case, on the same references.
    pub(super) fn variant(&self, name: &str) -> Self {
        Self { folder: self.folder.join(format!("variant-{name}")), repeat: self.repeat }
    }

    /// What `read` finds in the result folder of each reference.
    pub(super) fn each<T>(&self, read: impl Fn(&Path) -> Result<T>) -> Result<Vec<T>> {
        (1..=self.repeat).map(|number| read(&self.folder.join(format!("repeat-{number:03}")))).collect()
    }

    /// A number of the summary of each reference.
    pub(super) fn numbers(&self, pointer: &str) -> Result<Vec<f64>> {
        self.each(|folder| {
            let number = summary::read(folder)?.pointer(pointer).and_then(Value::as_f64);
            number.ok_or_else(|| missing(&folder.join(folder::SUMMARY), pointer))
        })
    }

    /// The facies mismatch of a field of the summary's errors: `"model"`, `"parameterized"`, `"prior_mean"`, ….
    pub(super) fn mismatch(&self, field: &str) -> Result<Vec<f64>> {
        self.numbers(&format!("/errors/{field}/facies_mismatch"))
    }

    /// The scenarios in each result.
    pub(super) fn scenarios(&self) -> Result<Vec<Vec<Share>>> {
        self.each(|folder| {
            let summary = summary::read(folder)?;
            let share = |scenario: &Value| {
                Some(Share {
                    name: scenario["name"].as_str()?.to_owned(),
                    norm: scenario["norm"].as_f64()?,
                    contribution: scenario["contribution"].as_f64()?,
                })
            };
            let shares = summary["scenarios"].as_array().and_then(|s| s.iter().map(share).collect::<Option<Vec<_>>>());
            shares.filter(|s| !s.is_empty()).ok_or_else(|| missing(&folder.join(folder::SUMMARY), "scenarios"))
        })
    }

    /// Rows of a table of each reference, as numbers and words by the names of `columns`.
    pub(super) fn table<const N: usize>(&self, file: &str, columns: [&str; N]) -> Result<Vec<Vec<[String; N]>>> {
        self.each(|folder| rows(&folder.join(file), columns))
    }

    /// The facies mismatch of a variant of the map, each applied to the same parameterized model.
    pub(super) fn mapped(&self, variant: &str) -> Result<Vec<f64>> {
        self.each(|folder| {
            let path = folder.join("mapping.csv");
            let found = rows(&path, ["variant", "facies_mismatch"])?.into_iter().find(|row| row[0] == variant);
            found.and_then(|row| row[1].parse().ok()).ok_or_else(|| missing(&path, variant))
        })
    }

    /// The model u of iteration `number` (from 1) of each reference, as far as single precision keeps it; the last one of
    /// a shorter run.
    pub(super) fn iterations(&self, number: usize) -> Result<Vec<Vec<f64>>> {
        self.each(|folder| {
            let path = folder.join("iterations.npy");
            let array = npy::read_array::<f32>(&path)?;
            let array = array.into_dimensionality::<Ix5>().map_err(|e| missing(&path, &e.to_string()))?;
            let Some(last) = array.len_of(Axis(0)).checked_sub(1) else { return Err(missing(&path, "an iteration")) };
            let now = array.index_axis(Axis(0), last.min(number - 1));
            Ok(now.index_axis(Axis(0), 1).iter().map(|&u| f64::from(u)).collect())
        })
    }

    /// A field of each reference.
    pub(super) fn fields(&self, file: &str) -> Result<Vec<Array3<f64>>> {
        self.each(|folder| {
            let array = npy::read_array::<f64>(&folder.join(file))?;
            array.into_dimensionality::<Ix3>().map_err(|e| missing(&folder.join(file), &e.to_string()))
        })
    }
}

fn rows<const N: usize>(path: &Path, columns: [&str; N]) -> Result<Vec<[String; N]>> {
    let failed = |e: csv::Error| Error::file("read", path, std::io::Error::other(e));
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    let mut at = [0; N];
    for (at, column) in at.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name == column);
        *at = found.ok_or_else(|| missing(path, &format!("the column \"{column}\"")))?;
    }
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(failed)?;
        Ok(at.map(|i| record.get(i).unwrap_or_default().to_owned()))
    };
    reader.records().map(row).collect()
}

/// What a finished run should have and has not.
pub(super) fn missing(path: &Path, what: &str) -> Error {
    let place = path.display().to_string();
    Error::input(place, format!("has no values of {what}"), "remove the folder and run again")
}

/// Which scenarios are active in a result: those whose norm is at least a tenth of the largest.
pub(super) fn active(shares: &[Share]) -> Vec<bool> {
    let largest = shares.iter().map(|s| s.norm).fold(0.0, f64::max);
    shares.iter().map(|s| s.norm > 0.0 && s.norm >= ACTIVE_SHARE * largest).collect()
}
