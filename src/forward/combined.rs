//! Data that are weighted sums of what a forward model gives, such as readings between the centres of cells.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::operator::{LinearOperator, Linearized, Operator};

/// `y = W g(u)`, W of `m × m'` with few entries in a row.
pub struct Combined<'a> {
    inner: Box<dyn Operator + 'a>,
    /// (number of an output of g, its weight) of every datum, m.
    weights: Vec<Vec<(usize, f64)>>,
}

impl<'a> Combined<'a> {
    /// The sums that `weights` says of the outputs of `inner`.
    pub fn new(inner: Box<dyn Operator + 'a>, weights: Vec<Vec<(usize, f64)>>) -> Self {
        let outputs = inner.outputs();
        assert!(weights.iter().flatten().all(|&(i, _)| i < outputs), "weights of the {outputs} outputs");
        Self { inner, weights }
    }
}

fn sums(weights: &[Vec<(usize, f64)>], y: ArrayView1<'_, f64>) -> Array1<f64> {
    weights.iter().map(|row| row.iter().map(|&(i, w)| w * y[i]).sum::<f64>()).collect()
}

impl Operator for Combined<'_> {
    fn inputs(&self) -> usize {
        self.inner.inputs()
    }
    fn outputs(&self) -> usize {
        self.weights.len()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(sums(&self.weights, self.inner.predict(x)?.view()))
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        let at = self.inner.linearize(x)?;
        let value = sums(&self.weights, at.value.view());
        Ok(Linearized { value, jacobian: Box::new(CombinedJacobian { inner: at.jacobian, weights: &self.weights }) })
    }
}

/// `W G`.
struct CombinedJacobian<'a> {
    inner: Box<dyn LinearOperator + 'a>,
    weights: &'a [Vec<(usize, f64)>],
}

impl LinearOperator for CombinedJacobian<'_> {
    fn rows(&self) -> usize {
        self.weights.len()
    }
    fn cols(&self) -> usize {
        self.inner.cols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        sums(self.weights, self.inner.apply(x).view())
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut spread = Array1::zeros(self.inner.rows());
        for (row, y) in self.weights.iter().zip(y) {
            row.iter().for_each(|&(i, w)| spread[i] += w * y);
        }
        self.inner.adjoint(spread.view())
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let inner = self.inner.apply_block(x);
        let mut out = Array2::zeros((self.rows(), x.ncols()));
        for (row, mut out) in self.weights.iter().zip(out.rows_mut()) {
            row.iter().for_each(|&(i, w)| out.scaled_add(w, &inner.row(i)));
        }
        out
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut spread = Array2::zeros((self.inner.rows(), y.ncols()));
        for (row, y) in self.weights.iter().zip(y.rows()) {
            row.iter().for_each(|&(i, w)| spread.row_mut(i).scaled_add(w, &y));
        }
        self.inner.adjoint_block(spread.view())
    }
    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::check::dot_test;
    use crate::forward::cells::PropertyInCells;

    #[test]
    fn sums_are_those_known_by_hand_and_their_adjoint_belongs_to_them() {
        let cells = Box::new(PropertyInCells::new(vec![Some(2), Some(0), Some(3)], 4));
        let operator = Combined::new(cells, vec![vec![(0, 0.25), (2, 0.75)], vec![(1, 1.0)]]);
        let x = array![1.0, 2.0, 3.0, 4.0];
        let at = operator.linearize(x.view()).expect("linear");
        assert_eq!(at.value, array![3.75, 1.0]);
        assert_eq!(operator.predict(x.view()).expect("linear"), at.value);
        assert_eq!(at.jacobian.adjoint(array![1.0, 2.0].view()), array![2.0, 0.0, 0.25, 0.75]);
        assert!(dot_test(&*at.jacobian, 3) <= 16.0 * f64::EPSILON);
        let block = array![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0]];
        assert_eq!(at.jacobian.apply_block(block.view()).column(1), array![7.75, 5.0]);
        let data = array![[1.0, 0.0], [2.0, 4.0]];
        assert_eq!(at.jacobian.adjoint_block(data.view()).column(1), array![4.0, 0.0, 0.0, 0.0]);
    }
}
