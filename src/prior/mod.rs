//! What the geology could be: training images, simulation, and ensembles of realizations.

use crate::error::Result;
use crate::grid::Grid;

pub mod columns;
pub mod cookie_cutter;
pub mod direct_sampling;
mod facies;
pub mod gaussian_field;
pub mod kriging;
pub mod normal_score;
pub mod pattern_statistics;
pub mod sequential;
pub mod sgsim;
pub mod sisim;
pub mod snesim;
pub mod stacked;
pub mod stationary_covariance;
pub mod training_image;
pub mod variogram;

/// A cell whose facies or property is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known<T> {
    /// Number of the cell (see [`Grid::index`]).
    pub cell: usize,
    /// What is known there: a facies code, or the property.
    pub value: T,
}

/// What a realization is conditioned on. Empty: unconditional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditioning {
    /// Cells whose facies is known.
    pub facies: Vec<Known<u8>>,
    /// Cells whose property is known.
    pub values: Vec<Known<f64>>,
}

/// One draw of a prior: facies, a continuous property, or both.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Realization {
    /// Facies codes, one a cell.
    pub facies: Option<Vec<u8>>,
    /// The property, one value a cell, where the facies do not say all.
    pub values: Option<Vec<f32>>,
}

/// A source of realizations. Realization k depends on `(seed, k)` and the conditioning alone, never on which others
/// are drawn, in what order or on how many threads.
pub trait Prior: Send + Sync {
    /// The grid of every realization.
    fn grid(&self) -> Grid;
    /// Realization `k`.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization>;
}
