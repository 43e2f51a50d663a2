//! `model.vti`: everything of a run that has a value a cell, for ParaView.

use std::path::Path;

use ndarray::ArrayView1;

use super::study::Study;
use crate::error::Result;
use crate::inversion::Iteration;
use crate::io::atomic;
use crate::io::vti::{Array, Encoding, Values, write as write_vti};
use crate::report::metrics::nearest_facies;

/// Writes `fields` (the property, reported; a name each), the facies of u and their probabilities where the property has
/// facies, which cells are active where not all are, and `heads` (with their unit in the name).
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(
    path: &Path,
    study: &Study,
    fields: &[(&str, ArrayView1<'_, f64>)],
    best: &Iteration,
    heads: &[(String, Vec<f64>)],
) -> Result<()> {
    let property = &study.case.property;
    let unit = property.label();
    let mut real: Vec<(String, Vec<f64>)> =
        fields.iter().map(|(name, field)| (format!("{name} [{unit}]"), field.to_vec())).collect();
    real.extend(heads.iter().cloned());
    let facies: Vec<u8> = match property.facies.len() {
        0 | 1 => Vec::new(),
        _ => best.model.iter().map(|&u| nearest_facies(u, &property.facies) as u8).collect(),
    };
    let single: Vec<(String, Vec<f32>)> = (best.probability.iter().flat_map(|p| p.rows()).enumerate())
        .map(|(code, row)| (format!("probability of facies {code}"), row.to_vec()))
        .collect();
    let mut arrays: Vec<Array<'_>> =
        real.iter().map(|(name, values)| Array { name, values: Values::F64(values) }).collect();
    let active: Option<Vec<u8>> = study.case.active().map(|active| active.into_iter().map(u8::from).collect());
    if let Some(active) = &active {
        arrays.push(Array { name: "active", values: Values::U8(active) });
    }
    if !facies.is_empty() {
        arrays.push(Array { name: "facies", values: Values::U8(&facies) });
    }
    arrays.extend(single.iter().map(|(name, values)| Array { name, values: Values::F32(values) }));
    atomic::write(path, |to| write_vti(to, study.grid(), &arrays, Encoding::Base64))
}
