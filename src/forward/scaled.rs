//! A forward model whose data are all proportional to one unknown number, as drawdowns are to the rate of a well.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

use crate::error::{Error, Result};
use crate::operator::{LinearOperator, Linearized, Operator};

/// `y = exp(x_a) g(x_1 … x_k)` of `inputs` parameters, of which g takes the first k ≤ a.
pub struct Scaled<'a> {
    inner: Box<dyn Operator + 'a>,
    at: usize,
    inputs: usize,
}

impl<'a> Scaled<'a> {
    /// The model `inner` times the exponential of parameter `at` of `inputs`.
    pub fn new(inner: Box<dyn Operator + 'a>, at: usize, inputs: usize) -> Self {
        assert!(inner.inputs() <= at && at < inputs, "parameter {at} of {inputs}, behind {}", inner.inputs());
        Self { inner, at, inputs }
    }
}

impl Operator for Scaled<'_> {
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.inner.outputs()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(self.inner.predict(x.slice(s![..self.inner.inputs()]))? * x[self.at].exp())
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        let at = self.inner.linearize(x.slice(s![..self.inner.inputs()]))?;
        let factor = x[self.at].exp();
        let value = at.value * factor;
        let jacobian =
            ScaledJacobian { inner: at.jacobian, factor, value: value.clone(), at: self.at, inputs: self.inputs };
        Ok(Linearized { value, jacobian: Box::new(jacobian) })
    }
}

/// `[f G, 0 … y … 0]`.
struct ScaledJacobian<'a> {
    inner: Box<dyn LinearOperator + 'a>,
    factor: f64,
    value: Array1<f64>,
    at: usize,
    inputs: usize,
}

impl LinearOperator for ScaledJacobian<'_> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }
    fn cols(&self) -> usize {
        self.inputs
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.inner.apply(x.slice(s![..self.inner.cols()])) * self.factor + &self.value * x[self.at]
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut out = Array1::zeros(self.inputs);
        out.slice_mut(s![..self.inner.cols()]).assign(&(self.inner.adjoint(y) * self.factor));
        out[self.at] = self.value.dot(&y);
        out
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = self.inner.apply_block(x.slice(s![..self.inner.cols(), ..])) * self.factor;
        for (mut row, &value) in out.rows_mut().into_iter().zip(&self.value) {
            row.scaled_add(value, &x.row(self.at));
        }
        out
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.inputs, y.ncols()));
        out.slice_mut(s![..self.inner.cols(), ..]).assign(&(self.inner.adjoint_block(y) * self.factor));
        out.row_mut(self.at).assign(&self.value.dot(&y));
        out
    }
    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::check::{dot_test, taylor_order};
    use crate::forward::cells::PropertyInCells;

    #[test]
    fn data_are_proportional_to_the_number_and_derivatives_follow() {
        let cells = Box::new(PropertyInCells::new(vec![Some(1), Some(0)], 2));
        let operator = Scaled::new(cells, 3, 4);
        let x = array![2.0, 3.0, 9.0, 2f64.ln()];
        let at = operator.linearize(x.view()).expect("finite");
        assert!((&at.value - &array![6.0, 4.0]).iter().all(|d| d.abs() < 1e-14));
        assert_eq!(operator.predict(x.view()).expect("finite"), at.value);
        assert!(dot_test(&*at.jacobian, 3) <= 16.0 * f64::EPSILON);
        let order = taylor_order(&operator, x.view(), array![0.3, -0.2, 5.0, 1.0].view(), 0.1).expect("finite");
        assert!((1.9..3.0).contains(&order), "order {order}");
        let block = array![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0]];
        let expected = at.jacobian.apply(block.column(1));
        assert!((&at.jacobian.apply_block(block.view()).column(1) - &expected).iter().all(|d| d.abs() < 1e-13));
        let data = array![[1.0, 0.5], [2.0, 4.0]];
        let expected = at.jacobian.adjoint(data.column(1));
        assert!((&at.jacobian.adjoint_block(data.view()).column(1) - &expected).iter().all(|d| d.abs() < 1e-13));
    }
}
