//! What synthetic data are made from, and what is tried on it.

use super::Gaussian;
use crate::grid::Grid;

/// The model that synthetic data come from: a realization that is no member of the ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where it comes from.
    pub source: ReferenceSource,
    /// Which one: reference r is realization `L + r` (1-based) of its scenario, the first `r = seed`; `--repeat` goes on
    /// from here.
    pub seed: u64,
}

/// Where a reference comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ReferenceSource {
    /// A scenario, by its number from 0.
    Scenario(usize),
    /// A scenario drawn anew for each reference, each with the same chance.
    Random,
    /// Parts of realizations of several scenarios side by side: see [`part`].
    Mixed(Vec<usize>),
    /// A Gaussian field, whatever the scenarios are.
    Gaussian(Gaussian),
}

/// Which of the `parts` scenarios of a mixed reference a cell is of: strips of equal width, whose seams run along x
/// where the first scenario's `azimuth` is nearer to east than to north (or at 45° to both), else along y, so that
/// objects run along the seams rather than end at them. The first scenario's strip has the least coordinates.
pub fn part(grid: &Grid, cell: [usize; 3], parts: usize, azimuth: f64) -> usize {
    let (sin, cos) = azimuth.to_radians().sin_cos();
    let across = usize::from(sin.abs() >= cos.abs() - 1e-9);
    cell[across] * parts / grid.cells[across]
}

/// Approximation of references by the basis of every scenario by itself: how many columns an energy takes, how far each
/// scenario's best approximation is from the reference at each energy, and which `‖K_i v_i‖` it takes to come as near
/// as the reference's own scenario does.
#[derive(Debug, Clone, PartialEq)]
pub struct Approximation {
    /// Number of references.
    pub references: usize,
    /// Fractions of the energy, ascending.
    pub energies: Vec<f64>,
}
