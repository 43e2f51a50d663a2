//! Small problems that the tests of this room share.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, Axis, CowArray, Ix2, s};

use super::Problem;
use crate::basis::Basis;
use crate::error::Result;
use crate::linalg::covariance::Covariance;
use crate::operator::{Dense, LinearOperator, Linearized, Operator, Unknown};
use crate::random::{Purpose, Stream};

/// Standard normal numbers, rows × cols.
pub(super) fn normals(rows: usize, cols: usize, level: u32) -> Array2<f64> {
    let numbers = Stream::new(11, Purpose::Check, 0, level).normals(rows * cols);
    Array2::from_shape_vec((rows, cols), numbers).expect("as many numbers as asked for")
}

/// `g(u) = A u + c (A u)³`, element by element: linear for c = 0.
pub(super) struct Cubic {
    pub(super) matrix: Array2<f64>,
    pub(super) c: f64,
}

impl Cubic {
    fn jacobian(&self, u: ArrayView1<'_, f64>) -> Dense {
        let slopes = self.matrix.dot(&u).mapv(|y| 1.0 + 3.0 * self.c * y * y);
        Dense(&self.matrix * &slopes.insert_axis(Axis(1)))
    }
}

impl Operator for Cubic {
    fn inputs(&self) -> usize {
        self.matrix.ncols()
    }
    fn outputs(&self) -> usize {
        self.matrix.nrows()
    }
    fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(self.matrix.dot(&u).mapv(|y| y + self.c * y.powi(3)))
    }
    fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        Ok(Linearized { value: self.predict(u)?, jacobian: Box::new(self.jacobian(u)) })
    }
}

/// Whether a field has all derivatives.
type Tame = dyn Fn(ArrayView1<'_, f64>) -> bool + Send + Sync;

/// A model that predicts well everywhere, but has no derivatives of some data in some fields.
pub(super) struct Wild {
    model: Cubic,
    tame: Box<Tame>,
    from: usize,
}

impl Wild {
    /// One that has derivatives only where no element exceeds `reach`.
    pub(super) fn new(model: Cubic, reach: f64) -> Self {
        Self { model, tame: Box::new(move |u| u.iter().all(|x| x.abs() <= reach)), from: 0 }
    }

    /// One that has none in the one `field`, but for the data before number `from`.
    pub(super) fn at(model: Cubic, field: Array1<f64>, from: usize) -> Self {
        Self { model, tame: Box::new(move |u| u != field), from }
    }
}

impl Operator for Wild {
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.model.outputs()
    }
    fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        self.model.predict(u)
    }
    fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        if (self.tame)(u) {
            return self.model.linearize(u);
        }
        let jacobian = Box::new(Unknown { jacobian: self.model.jacobian(u), from: self.from });
        Ok(Linearized { value: self.predict(u)?, jacobian })
    }
}

/// What is to be solved on the host alone.
pub(super) fn host_problem<'a>(
    forward: &'a dyn Operator,
    basis: &'a dyn Basis,
    observed: &'a Array1<f64>,
    covariance: &'a Covariance,
) -> Problem<'a> {
    Problem { forward, exact: forward, basis, observed: observed.view(), covariance }
}

/// A basis of given columns, which claims nothing about them.
#[derive(Clone)]
pub(super) struct Columns {
    pub(super) matrix: Array2<f64>,
    pub(super) mean: Array1<f64>,
    pub(super) sigma: Array1<f64>,
}

impl LinearOperator for Columns {
    fn rows(&self) -> usize {
        self.matrix.nrows()
    }
    fn cols(&self) -> usize {
        self.matrix.ncols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.matrix.dot(&x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.matrix.t().dot(&y)
    }
}

impl Basis for Columns {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }
    fn orthonormal(&self) -> bool {
        false
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.sigma.view())
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        self.matrix.slice(s![.., range]).into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        Box::new(Self {
            matrix: self.matrix.slice(s![.., ..rank]).to_owned(),
            mean: self.mean.clone(),
            sigma: self.sigma.slice(s![..rank]).to_owned(),
        })
    }
}
