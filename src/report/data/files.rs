//! Reading a result folder's files: npy arrays and tables, checked.

use std::fs;
use std::path::Path;

use ndarray::{Array, Dimension};
use ndarray_npy::{ViewNpyError, ViewNpyExt};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

pub(super) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::file("read", path, e))
}

const REMEDY: &str = "run the case again: the folder's files come from the program and are not meant to be edited";

pub(super) fn corrupt(path: &Path, problem: impl Into<String>) -> Error {
    Error::input(path.display().to_string(), problem, REMEDY)
}

/// An npy array of f64, f32 or u8 with finite values; `None` in `shape` stands for any positive length.
pub(super) fn array<D: Dimension>(path: &Path, shape: &[Option<usize>]) -> Result<Array<f64, D>> {
    let values = array_with_gaps::<D>(path, shape)?;
    let bad = values.view().into_dyn().indexed_iter().find(|(_, v)| !v.is_finite()).map(|(at, v)| (at, *v));
    match bad {
        Some((at, value)) => {
            Err(corrupt(path, format!("the value at {:?} is {value}, expected finite numbers", at.slice())))
        }
        None => Ok(values),
    }
}

/// As [`array()`], where NaN stands for "no value here".
pub(super) fn array_with_gaps<D: Dimension>(path: &Path, shape: &[Option<usize>]) -> Result<Array<f64, D>> {
    let bytes = fs::read(path).map_err(|e| Error::file("read", path, e))?;
    // The buffer is aligned for f64, so that viewing it can fail for the file's reasons only. A view never allocates
    // what a corrupt header asks for.
    let mut aligned = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut aligned)[..bytes.len()].copy_from_slice(&bytes);
    let bytes = &bytemuck::cast_slice(&aligned)[..bytes.len()];
    let values = match ndarray::ArrayViewD::<f64>::view_npy(bytes) {
        Ok(view) => view.to_owned(),
        Err(ViewNpyError::WrongDescriptor(_)) => match ndarray::ArrayViewD::<f32>::view_npy(bytes) {
            Ok(view) => view.mapv(f64::from),
            Err(ViewNpyError::WrongDescriptor(_)) => {
                ndarray::ArrayViewD::<u8>::view_npy(bytes).map_err(|e| no_array(path, &e))?.mapv(f64::from)
            }
            Err(e) => return Err(no_array(path, &e)),
        },
        Err(e) => return Err(no_array(path, &e)),
    };
    let found = values.shape();
    let fits =
        found.len() == shape.len() && found.iter().zip(shape).all(|(&n, want)| n > 0 && want.is_none_or(|w| w == n));
    if !fits {
        let wanted: Vec<_> = shape.iter().map(|n| n.map_or("K".into(), |n| n.to_string())).collect();
        let expected = wanted.join(", ");
        return Err(corrupt(path, format!("the array has shape {found:?}, the case's grid asks for [{expected}]")));
    }
    let shaped = values.into_dimensionality::<D>();
    shaped.map_err(|e| corrupt(path, format!("the array has the wrong number of axes: {e}")))
}

fn no_array(path: &Path, problem: &ViewNpyError) -> Error {
    corrupt(path, format!("no npy array of f64, f32 or u8: {problem}"))
}

/// Rows of a CSV file with a header.
pub(super) fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = read_text(path)?;
    let rows: Result<Vec<T>, _> = csv::Reader::from_reader(text.as_bytes()).deserialize().collect();
    let rows = rows.map_err(|e| corrupt(path, e.to_string()))?;
    if rows.is_empty() { Err(corrupt(path, "the table has no rows")) } else { Ok(rows) }
}

pub(super) fn optional_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if path.exists() && !read_text(path)?.lines().skip(1).all(str::is_empty) { rows(path) } else { Ok(Vec::new()) }
}
