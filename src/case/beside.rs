//! What a model of pumping tests is beside its property: storage and the tests' rates, as a run leaves them in
//! `unknowns.csv` and `storage.npy`, and `lithoscope forward` takes them up again.

use std::path::Path;

use ndarray::{Array1, ArrayView1, s};
use serde::{Deserialize, Serialize};

use super::file::{Case, Uncertain};
use super::files;
use super::results::write_csv;
use super::study::Study;
use crate::error::{Error, Result};
use crate::io;

/// The table of what is one number each.
const TABLE: &str = "unknowns.csv";
/// Storage, where it varies: a value a cell.
const STORAGE: &str = "storage.npy";
/// The words for the two kinds of numbers.
const KINDS: [&str; 2] = ["storage", "rate"];

/// What was found beside the property; what is not there is as the case says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Beside {
    /// ln of storage: of no cell, of all together, or of each.
    log_storage: Vec<f64>,
    /// ln of the rate of tests, by name, over the one noted.
    log_rates: Vec<(String, f64)>,
}

/// A row of [`TABLE`].
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    kind: String,
    test: Option<String>,
    value: f64,
    unit: String,
}

impl Beside {
    /// The part of `parameters` behind the n cells of the property: ln storage, if `uncertain`, and behind it a number for
    /// each of `tests`, if their rates are.
    pub(super) fn of<'t>(
        uncertain: &Uncertain,
        n: usize,
        tests: impl Iterator<Item = &'t str>,
        parameters: ArrayView1<'_, f64>,
    ) -> Self {
        let storage = match (uncertain.storage_variation > 0.0, uncertain.has_storage()) {
            (true, _) => n,
            (_, has_one) => usize::from(has_one),
        };
        let rates = parameters.slice(s![n + storage..]);
        Self {
            log_storage: parameters.slice(s![n..n + storage]).to_vec(),
            log_rates: tests.map(str::to_owned).zip(rates.iter().copied()).collect(),
        }
    }

    /// Writes [`TABLE`] (`kind, test, value, unit`) and, where storage varies, [`STORAGE`] (`[nz, ny, nx]`); nothing where
    /// there is nothing beside the property.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub(super) fn write(&self, folder: &Path, study: &Study) -> Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        let [storage, rate] = KINDS;
        let row = |kind: &str, test: Option<&String>, value: f64| Row {
            kind: kind.into(),
            test: test.cloned(),
            value,
            unit: "ln".into(),
        };
        let mut rows = Vec::new();
        match self.log_storage[..] {
            [] => {}
            [one] => rows.push(row(storage, None, one)),
            _ => {
                let values: Array1<f64> = self.log_storage.iter().map(|x| x.exp()).collect();
                files::array(&folder.join(STORAGE), study.shaped(values.view()))?;
            }
        }
        rows.extend(self.log_rates.iter().map(|(test, value)| row(rate, Some(test), *value)));
        write_csv(&folder.join(TABLE), |csv| {
            if rows.is_empty() {
                csv.write_record(["kind", "test", "value", "unit"])?;
            }
            rows.iter().try_for_each(|row| csv.serialize(row))
        })
    }

    /// What lies in a result folder; `None` where it has no [`TABLE`].
    ///
    /// # Errors
    /// Files that say something else than [`Beside::write`] does.
    pub(super) fn read(folder: &Path, case: &Case) -> Result<Option<Self>> {
        let path = folder.join(TABLE);
        if !path.exists() {
            return Ok(None);
        }
        let refused = |place: &Path, problem: String| {
            Err(Error::input(place.display().to_string(), problem, "run the case again, or give the model elsewhere"))
        };
        let bytes = std::fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
        let rows: Vec<Row> = match csv::Reader::from_reader(&bytes[..]).deserialize().collect() {
            Ok(rows) => rows,
            Err(e) => return refused(&path, e.to_string()),
        };
        let mut out = Self::default();
        for Row { kind, test, value, unit } in rows {
            let [storage, rate] = KINDS;
            match test {
                _ if unit != "ln" || !value.is_finite() => return refused(&path, format!("{kind} of {value} {unit}")),
                None if kind == storage => out.log_storage = vec![value],
                Some(test) if kind == rate => out.log_rates.push((test, value)),
                test => return refused(&path, format!("a {kind} of test {test:?}")),
            }
        }
        let field = folder.join(STORAGE);
        if field.exists() {
            let values = io::field(&field, case.grid.cells, |_| true)?;
            if !values.iter().all(|s| *s > 0.0) {
                return refused(&field, "no field of positive numbers".into());
            }
            out.log_storage = values.iter().map(|s| s.ln()).collect();
        }
        Ok(Some(out))
    }

    /// Behind the property `u`, what this knows of it, in the order of `tests`; and what the case has to call unknown for
    /// that. A test that this does not know has the rate noted.
    pub(super) fn behind(&self, u: &Array1<f64>, tests: &[String]) -> (Array1<f64>, Uncertain) {
        let rate = |test: &String| self.log_rates.iter().find(|(name, _)| name == test).map_or(0.0, |rate| rate.1);
        let rates: Vec<f64> = if self.log_rates.is_empty() { Vec::new() } else { tests.iter().map(rate).collect() };
        let is = |unknown: bool| f64::from(u8::from(unknown));
        let uncertain = Uncertain {
            mean: 0.0,
            storage: is(self.log_storage.len() == 1),
            storage_variation: is(self.log_storage.len() > 1),
            rate: is(!rates.is_empty()),
        };
        (u.iter().chain(&self.log_storage).chain(&rates).copied().collect(), uncertain)
    }

    /// What this is, in words.
    pub(super) fn words(&self) -> String {
        let storage = match self.log_storage[..] {
            [] => None,
            [one] => Some(format!("a storage of {:.4e}", one.exp())),
            _ => Some("a storage that varies".to_owned()),
        };
        let rates = match self.log_rates.len() {
            0 => None,
            1 => Some("the rate of a test".to_owned()),
            tests => Some(format!("the rates of {tests} tests")),
        };
        storage.into_iter().chain(rates).collect::<Vec<_>>().join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_behind_the_property_is_split_and_joined_alike() {
        let tests = ["a".to_owned(), "b".to_owned()];
        let u = array![1.0, 2.0];
        for (uncertain, behind) in [
            (Uncertain::default(), vec![]),
            (Uncertain { storage: 1.0, ..Uncertain::default() }, vec![-3.0]),
            (Uncertain { storage_variation: 1.0, ..Uncertain::default() }, vec![-3.0, -4.0]),
            (Uncertain { rate: 1.0, ..Uncertain::default() }, vec![0.1, -0.2]),
            (Uncertain { storage: 1.0, rate: 1.0, ..Uncertain::default() }, vec![-3.0, 0.1, -0.2]),
        ] {
            let parameters: Array1<f64> = u.iter().copied().chain(behind).collect();
            let beside = Beside::of(&uncertain, 2, tests.iter().map(String::as_str), parameters.view());
            assert_eq!(beside.behind(&u, &tests), (parameters, uncertain));
        }
        // Another order, and a test that the run did not know.
        let beside = Beside { log_storage: vec![], log_rates: vec![("b".into(), 0.3)] };
        assert_eq!(beside.behind(&u, &tests).0, array![1.0, 2.0, 0.0, 0.3]);
        assert_eq!(beside.words(), "the rate of a test");
    }
}
