//! Symmetric positive definite systems on a structured grid, solved for many right-hand sides at once.
//!
//! `A x = b` with A a [`GridMatrix`] is prepared once (factored, or its multigrid hierarchy built) and solved as often
//! as wanted: heads, sensitivities and adjoints of one model share one [`PreparedSolver`].
//!
//! The tolerance is relative, column by column: `‖b − A x‖₂ ≤ tolerance ‖b‖₂` (with ties, after tied cells got their mean).

mod bodies;
mod choice;
mod cholesky;
mod conjugate_gradients;
mod device;
mod dissection;
mod matrix;
mod multigrid;
mod symmetric;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView2};

pub use self::cholesky::Analyses;
use self::device::DeviceSolver;
pub use self::device::{measure, shaders, verify, verify_gradients, verify_multigrid};
pub use self::matrix::GridMatrix;
use self::matrix::Unknowns;
pub use self::symmetric::{SparseCholesky, SymmetricMatrix};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::linalg::rows::fold_columns;

/// How a system is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Chosen by size and by the number of right-hand sides.
    #[default]
    Auto,
    /// Sparse Cholesky factorization with a fill-reducing ordering.
    Cholesky,
    /// Conjugate gradients preconditioned by multigrid.
    Multigrid,
}

/// A block of solutions and how good they are. Not converged is no error here: the residual says by how much.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// The solutions x, one a column (n × r); tied cells carry the same number.
    pub x: Array2<f64>,
    /// Most iterations that a column took (of conjugate gradients, or of refinement after a factorization).
    pub iterations: usize,
    /// Largest `‖b − A x‖₂ / ‖b‖₂` over the columns, computed from the result.
    pub residual: f64,
    /// Whether every column reached the tolerance.
    pub converged: bool,
}

/// A system that is ready to be solved for any right-hand side.
pub trait PreparedSolver: Send + Sync {
    /// Solves `A x = b` for each column of `b` (n × r) to the relative `tolerance`.
    fn solve(&self, b: ArrayView2<'_, f64>, tolerance: f64) -> Result<Solved>;

    /// Columns that a call solves on one thread, so that many columns are quickest in several such calls side by side;
    /// `None`: in one call.
    fn columns_of_a_task(&self) -> Option<usize> {
        None
    }

    /// The method, its choice and its size in words, for logs and reports.
    fn description(&self) -> String;
}

/// Prepares `matrix` for about `right_hand_sides` right-hand sides in all.
///
/// # Errors
/// Where the matrix has a number that no positive definite matrix has, or turns out not to be positive definite (as
/// when no head is fixed anywhere).
pub fn prepare(matrix: GridMatrix, method: Method, right_hand_sides: usize) -> Result<Box<dyn PreparedSolver>> {
    prepare_again(matrix, method, right_hand_sides, &Analyses::default())
}

/// As [`prepare`], with what earlier factorizations of the same pattern have found out.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_again(
    matrix: GridMatrix,
    method: Method,
    right_hand_sides: usize,
    analyses: &Analyses,
) -> Result<Box<dyn PreparedSolver>> {
    matrix.check()?;
    let direct = match method {
        Method::Auto => choice::cholesky_pays(matrix.cells, right_hand_sides),
        Method::Cholesky => true,
        Method::Multigrid => false,
    };
    Ok(if direct {
        Box::new(cholesky::CholeskySolver::new(matrix, analyses)?)
    } else {
        Box::new(conjugate_gradients::MultigridSolver::new(matrix)?)
    })
}

/// Prepares `matrix` for conjugate gradients with the multigrid preconditioner on `gpu`: f32 there, refined against the
/// residual in f64.
///
/// # Errors
/// As [`prepare`]; a failing device.
pub fn prepare_on(matrix: GridMatrix, gpu: &Gpu) -> Result<Box<dyn PreparedSolver + '_>> {
    matrix.check()?;
    Ok(Box::new(DeviceSolver::new(matrix, gpu)?))
}

/// Columns of the blocks into which `columns` are split evenly, with at most `most` in each.
pub(crate) fn even_width(columns: usize, most: usize) -> usize {
    columns.div_ceil(columns.div_ceil(most).max(1)).max(1)
}

/// Largest `‖Π r‖ / ‖Π b‖` over the columns, where Π gives tied cells their mean; a column whose residual is zero counts
/// as solved.
fn largest_ratio(unknowns: &Unknowns, defect: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    largest(
        norms(unknowns, defect).into_iter().zip(norms(unknowns, b)).map(|(r, b)| if r == 0.0 { 0.0 } else { r / b }),
    )
}

/// `‖Π b‖` of every column.
fn norms(unknowns: &Unknowns, block: ArrayView2<'_, f64>) -> Array1<f64> {
    let squares = if unknowns.count() == block.nrows() {
        fold_columns(block, |sum, _, x| sum + x * x, |a, b| a + b)
    } else {
        let sizes = unknowns.sizes();
        fold_columns(unknowns.gather(block).view(), |sum, row, x| sum + x * x / sizes[row], |a, b| a + b)
    };
    squares.into_iter().map(f64::sqrt).collect()
}

/// The largest of magnitudes, or NaN where there is one, so that it is never small.
pub(crate) fn largest(ratios: impl IntoIterator<Item = f64>) -> f64 {
    ratios.into_iter().fold(0.0, |worst, ratio| if ratio > worst || ratio.is_nan() { ratio } else { worst })
}
