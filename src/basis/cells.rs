//! Every cell its own coefficient.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, CowArray, Ix2};

use super::Basis;
use crate::operator::LinearOperator;

/// `Φ = I`: v is the field itself, less ū.
#[derive(Debug, Clone)]
pub struct CellBasis {
    mean: Array1<f64>,
    rank: usize,
}

impl CellBasis {
    /// The cells, as deviations from ū (n values).
    pub fn new(mean: Array1<f64>) -> Self {
        Self { rank: mean.len(), mean }
    }
}

impl LinearOperator for CellBasis {
    fn rows(&self) -> usize {
        self.mean.len()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply_block(x.insert_axis(ndarray::Axis(1))).remove_axis(ndarray::Axis(1))
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.adjoint_block(y.insert_axis(ndarray::Axis(1))).remove_axis(ndarray::Axis(1))
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.rank, "coefficients against the columns of the basis");
        let mut out = Array2::zeros((self.mean.len(), x.ncols()));
        out.slice_mut(ndarray::s![..self.rank, ..]).assign(&x);
        out
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(y.nrows(), self.mean.len(), "values against the cells of the basis");
        y.slice(ndarray::s![..self.rank, ..]).to_owned()
    }
}

impl Basis for CellBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }
    fn orthonormal(&self) -> bool {
        true
    }
    fn is_cells(&self) -> bool {
        self.rank == self.mean.len()
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        None
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        let mut columns = Array2::zeros((self.mean.len(), range.len()));
        range.enumerate().for_each(|(at, cell)| columns[[cell, at]] = 1.0);
        columns.into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        assert!((1..=self.rank).contains(&rank), "rank {rank} of {} cells", self.rank);
        Box::new(Self { rank, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::check::dot_test;

    #[test]
    fn cells_are_their_own_coefficients() {
        let basis = CellBasis::new(array![1.0, 2.0, 3.0]);
        assert_eq!(basis.expand(array![0.5, 0.0, -1.0].view()), array![1.5, 2.0, 2.0]);
        assert_eq!(basis.project(array![1.5, 2.0, 2.0].view()), array![0.5, 0.0, -1.0]);
        assert!(basis.is_cells() && dot_test(&basis, 1) < 1e-15);
        let part = basis.truncated(2);
        assert_eq!(part.expand(array![0.5, 0.0].view()), array![1.5, 2.0, 3.0]);
        assert!(!part.is_cells() && dot_test(&*part, 1) < 1e-15);
        assert_eq!(basis.columns(1..3).column(0), array![0.0, 1.0, 0.0]);
    }
}
