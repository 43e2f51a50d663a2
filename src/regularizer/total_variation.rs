//! Total variation: fields of few, sharp boundaries.

use ndarray::{Array1, ArrayView1, s};

use super::{Differences, Regularizer};
use crate::grid::Grid;
use crate::operator::LinearOperator;

/// Isotropic total variation, `φ_ε(u) = Σ_c √(‖(∇u)_c‖² + ε²)`, with forward differences `(∇u)_c` along the two or three
/// axes at every cell.
///
/// Rudin, Osher & Fatemi (1992), Nonlinear total variation based noise removal algorithms, Physica D 60; as reweighted
/// squares: Vogel & Oman (1996), Iterative methods for total variation denoising, SIAM Journal on Scientific Computing
/// 17(1).
#[derive(Debug, Clone)]
pub struct TotalVariation {
    differences: Differences,
}

impl TotalVariation {
    /// The penalty on a grid.
    pub fn new(grid: &Grid) -> Self {
        Self { differences: Differences::first(grid) }
    }
}

impl Regularizer for TotalVariation {
    fn differences(&self) -> &Differences {
        &self.differences
    }
    fn quadratic(&self) -> bool {
        false
    }
    fn value(&self, u: ArrayView1<'_, f64>, epsilon: f64) -> f64 {
        self.differences.norms(self.residual(u).view()).map(|norm| norm.hypot(epsilon)).sum()
    }
    /// `1/√(‖(∇u)_c‖² + ε²)`: infinite for ε = 0 where u is flat.
    fn weights(&self, u: ArrayView1<'_, f64>, epsilon: f64) -> Array1<f64> {
        let mut weights = Array1::zeros(self.differences.rows());
        let s = self.residual(u);
        for (block, norm) in self.differences.blocks().zip(self.differences.norms(s.view())) {
            weights.slice_mut(s![block]).fill(norm.hypot(epsilon).recip());
        }
        weights
    }
}
