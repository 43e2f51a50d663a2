//! A generalized inverse of the quadratic form that a penalty of differences is on the unknowns of an inversion.
//!
//! On the cells `M = Dᵀ diag(w) D` is sparse and singular along the null space of D. With a number τ added on the diagonal
//! at cells that fix a member of it, `M' = M + τ Σ e eᵀ` is positive definite, and `M'⁻¹` is as good as a generalized
//! inverse wherever it acts on `Aᵀ q` with `NᵀAᵀ q = 0`: there `eᵀM'⁻¹Aᵀ q = 0`, whatever τ is. In a basis `ΦᵀM Φ` is a
//! dense matrix of k × k, whose eigenvectors tell its null space.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::linalg::dense::symmetric_eigen;
use crate::linalg::sparse::{Analyses, SparseCholesky};
use crate::operator::LinearOperator;
use crate::regularizer::Differences;

/// Columns of Φ that are held at once.
const COLUMNS_AT_ONCE: usize = 64;

/// M⁻ and a basis N of the null space of M, of columns of unit length.
pub(super) struct Roughness {
    pub(super) null_space: Array2<f64>,
    inverse: Inverse,
}

enum Inverse {
    Sparse(SparseCholesky),
    /// Eigenvectors and reciprocal eigenvalues.
    Dense(Array2<f64>, Array1<f64>),
}

impl Roughness {
    /// `Dᵀ diag(w) D` on the unknowns of a basis.
    pub(super) fn new(
        basis: &dyn Basis,
        differences: &Differences,
        weights: ArrayView1<'_, f64>,
        analyses: &Analyses,
    ) -> Result<Self> {
        match basis.is_cells() {
            true => Self::sparse(differences, weights, analyses),
            false => Ok(Self::dense(&in_basis(basis, differences, weights))),
        }
    }

    fn sparse(differences: &Differences, weights: ArrayView1<'_, f64>, analyses: &Analyses) -> Result<Self> {
        let mut matrix = differences.weighted_squares(weights);
        let diagonal = matrix.diagonal();
        let mean = diagonal.sum() / diagonal.len() as f64;
        let pinned = if mean > 0.0 { mean } else { 1.0 };
        differences.pins().iter().for_each(|&cell| matrix.add_to_diagonal(cell, pinned));
        let Some(factor) = matrix.cholesky(analyses)? else {
            let range = weights.iter().fold([f64::INFINITY, 0.0], |[a, b], &w| [w.min(a), w.max(b)]);
            return Err(Error::NoModel(format!(
                "the penalty's matrix is not positive definite: its weights range from {:e} to {:e}",
                range[0], range[1]
            )));
        };
        let mut null_space = differences.null_space().clone();
        for mut column in null_space.columns_mut() {
            let length = column.dot(&column).sqrt();
            column /= length;
        }
        Ok(Self { null_space, inverse: Inverse::Sparse(factor) })
    }

    fn dense(matrix: &Array2<f64>) -> Self {
        let (values, vectors) = symmetric_eigen(matrix).expect("a finite matrix has eigenvalues");
        let k = values.len();
        let floor = 8.0 * k as f64 * f64::EPSILON * values[0].max(0.0);
        let rank = values.iter().filter(|&&e| e > floor).count();
        Self {
            null_space: vectors.slice(s![.., rank..]).to_owned(),
            inverse: Inverse::Dense(
                vectors.slice(s![.., ..rank]).to_owned(),
                values.slice(s![..rank]).mapv(f64::recip),
            ),
        }
    }

    /// `M⁻ B`, one vector a column.
    pub(super) fn solve_block(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        match &self.inverse {
            Inverse::Sparse(factor) => factor.solve_block(b),
            Inverse::Dense(vectors, reciprocals) => {
                let mut projected = vectors.t().dot(&b);
                projected.columns_mut().into_iter().for_each(|mut column| column *= reciprocals);
                vectors.dot(&projected)
            }
        }
    }

    /// `M⁻ b`.
    pub(super) fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        self.solve_block(b.insert_axis(Axis(1))).remove_axis(Axis(1))
    }
}

/// `Φᵀ Dᵀ diag(w) D Φ`, k × k, a few columns at a time.
fn in_basis(basis: &dyn Basis, differences: &Differences, weights: ArrayView1<'_, f64>) -> Array2<f64> {
    let k = basis.cols();
    let mut out = Array2::zeros((k, k));
    for start in (0..k).step_by(COLUMNS_AT_ONCE) {
        let range = start..(start + COLUMNS_AT_ONCE).min(k);
        let mut rows = differences.apply_block(basis.columns(range.clone()).view());
        rows.columns_mut().into_iter().for_each(|mut column| column *= &weights);
        let products = basis.adjoint_block(differences.adjoint_block(rows.view()).view());
        out.slice_mut(s![.., range]).assign(&products);
    }
    (&out + &out.t()) / 2.0
}
