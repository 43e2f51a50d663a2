//! Every kernel against its definition, every forward model's derivatives against its values.

use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::{CEILING_SHADER, Gpu, Shader};
use crate::measure::Measurement;
use crate::{feasible, forward};

/// Every shader of the program.
pub fn shaders() -> Vec<Shader> {
    let mut all = vec![CEILING_SHADER];
    all.push(forward::straight_ray::SHADER);
    all.extend(feasible::SHADERS);
    all
}

/// Runs every check: the comparison of the twins where there is a device, the dot-product and Taylor tests always.
///
/// # Errors
/// What the device refuses; an error over its bound is an [`Outcome`], not an error.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes = forward::straight_ray::verify(gpu, seed)?;
    outcomes.extend(feasible::verify(gpu, seed)?);
    Ok(outcomes)
}

/// Times every kernel whose name contains `filter`.
pub fn bench(gpu: Option<&Gpu>, filter: &str) -> Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    if "straight_ray".contains(filter) || filter.contains("straight_ray") {
        measured.extend(forward::straight_ray::measure(gpu)?);
    }
    if "feasible".contains(filter) || filter.contains("feasible") {
        measured.extend(feasible::measure(gpu)?);
    }
    measured.retain(|m| m.kernel.contains(filter) || filter.is_empty());
    Ok(measured)
}
