//! A basis of a field joined with further unknowns: a field of the same structure, means, and other scalars.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, CowArray, Ix2, s};

use super::Basis;
use crate::linalg::dense::multiply;
use crate::operator::LinearOperator;

/// `u = ū + Ψ v` for any Ψ whose coefficients are independent with known standard deviations, such as
/// `[Φ 1 0; 0 0 1]` for a field, its uncertain mean and one scalar. Its columns need not be orthonormal.
#[derive(Debug, Clone)]
pub struct ExtendedBasis {
    /// Ψ, shared by all ranks.
    columns: Arc<Array2<f64>>,
    rank: usize,
    mean: Array1<f64>,
    deviations: Array1<f64>,
}

impl ExtendedBasis {
    /// The parameterization of mean `mean` (n), columns Ψ (n × k), and standard deviations of the coefficients (k).
    pub fn new(mean: Array1<f64>, columns: Array2<f64>, deviations: Array1<f64>) -> Self {
        assert_eq!(columns.nrows(), mean.len(), "one mean a row");
        assert_eq!(columns.ncols(), deviations.len(), "one standard deviation a column");
        Self { rank: columns.ncols(), columns: Arc::new(columns), mean, deviations }
    }

    fn in_use(&self) -> ArrayView2<'_, f64> {
        self.columns.slice(s![.., ..self.rank])
    }
}

impl LinearOperator for ExtendedBasis {
    fn rows(&self) -> usize {
        self.columns.nrows()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.in_use().dot(&x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.in_use().t().dot(&y)
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        multiply(self.in_use(), x)
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        multiply(self.in_use().t(), y)
    }
}

impl Basis for ExtendedBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }
    fn orthonormal(&self) -> bool {
        false
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.deviations.slice(s![..self.rank]))
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        self.in_use().slice_move(s![.., range]).into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        assert!((1..=self.rank).contains(&rank), "rank {rank} of {}", self.rank);
        Box::new(Self { rank, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::check::dot_test;

    #[test]
    fn a_field_its_mean_and_a_scalar() {
        let columns = array![[0.6, 1.0, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let basis = ExtendedBasis::new(array![10.0, 20.0, -3.0], columns, array![2.0, 0.5, 1.0]);
        assert_eq!(basis.expand(array![5.0, 1.0, 2.0].view()), array![14.0, 25.0, -1.0]);
        assert!(dot_test(&basis, 1) <= 16.0 * f64::EPSILON);
        let some = basis.truncated(2);
        assert_eq!((some.cols(), some.expand(array![5.0, 1.0].view())), (2, array![14.0, 25.0, -3.0]));
        assert_eq!(some.standard_deviations().unwrap().to_vec(), [2.0, 0.5]);
        assert_eq!(basis.columns(1..3).column(1).to_vec(), [0.0, 0.0, 1.0]);
    }
}
