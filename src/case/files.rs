//! Files of a result folder: whole or absent.

use std::path::Path;

use ndarray::{ArrayView, Dimension};
use ndarray_npy::WritableElement;

use crate::error::Result;
use crate::grid::Grid;
use crate::io::{atomic, npy, vti};

/// Writes bytes.
pub(super) fn bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic::write(path, |to| to.write_all(bytes))
}

/// Writes an array of any shape as npy, C order.
pub(super) fn array<T: WritableElement + Clone, D: Dimension>(path: &Path, values: ArrayView<'_, T, D>) -> Result<()> {
    let values = values.as_standard_layout();
    let flat = values.as_slice().expect("standard layout is contiguous");
    atomic::write(path, |to| npy::write(to, flat, values.shape()))
}

/// Writes fields on a grid for ParaView: a name (with its unit) and one value a cell each.
pub(super) fn vti(path: &Path, grid: &Grid, fields: &[(String, Vec<f64>)]) -> Result<()> {
    let arrays: Vec<_> =
        fields.iter().map(|(name, values)| vti::Array { name, values: vti::Values::F64(values) }).collect();
    atomic::write(path, |to| vti::write(to, grid, &arrays, vti::Encoding::Base64))
}
