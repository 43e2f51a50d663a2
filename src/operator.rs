//! One idea of an operator: what can be applied, what can be linearized, and what maps onto possible models.
//!
//! Basis Φ, Jacobian, ray matrix and whitening all answer [`LinearOperator`]; a forward model, a parameterization, or
//! one after the other, answers [`Operator`]. A Jacobian owns the state it was linearized at, so a stale one cannot be
//! written.

use ndarray::{Array, Array1, Array2, ArrayView1, ArrayView2, Axis, Dimension};

use crate::error::{Error, Result};

/// `y = A x`, with A of `rows × cols`.
pub trait LinearOperator: Send + Sync {
    /// Number of rows: length of y.
    fn rows(&self) -> usize;
    /// Number of columns: length of x.
    fn cols(&self) -> usize;
    /// `A x`.
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64>;
    /// `Aᵀ y`.
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64>;
    /// `A X`, one direction a column.
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        block(self.rows(), x, |column| self.apply(column))
    }
    /// `Aᵀ Y`, one direction a column.
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        block(self.cols(), y, |column| self.adjoint(column))
    }
    /// Why a product since the last call of this is no finite number, where the operator knows: products cannot fail.
    fn failure(&self) -> Option<Error> {
        None
    }
}

/// Products with an operator, if they are finite numbers.
///
/// # Errors
/// The operator's [`LinearOperator::failure`], or [`Error::NoModel`].
pub fn finite<D: Dimension>(products: Array<f64, D>, operator: &dyn LinearOperator) -> Result<Array<f64, D>> {
    if products.iter().all(|x| x.is_finite()) {
        return Ok(products);
    }
    let unknown = || Error::NoModel("the forward model has a derivative that is no finite number".into());
    Err(operator.failure().unwrap_or_else(unknown))
}

fn block(rows: usize, x: ArrayView2<'_, f64>, f: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((rows, x.ncols()));
    for (column, mut result) in x.axis_iter(Axis(1)).zip(out.axis_iter_mut(Axis(1))) {
        result.assign(&f(column));
    }
    out
}

/// `y = f(x)`, differentiable.
pub trait Operator: Send + Sync {
    /// Length of x.
    fn inputs(&self) -> usize;
    /// Length of y.
    fn outputs(&self) -> usize;
    /// `f(x)` alone.
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>>;
    /// `f(x)` and the Jacobian at x, which owns the state it was taken at.
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>>;
}

/// Value and Jacobian of an [`Operator`] at a point.
pub struct Linearized<'a> {
    /// `f(x)`.
    pub value: Array1<f64>,
    /// `∂f/∂x`.
    pub jacobian: Box<dyn LinearOperator + 'a>,
}

/// A possible model, and how sure its map is of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The property in every cell: n values.
    pub model: Array1<f64>,
    /// Facies codes, where the map decides for facies.
    pub facies: Option<Vec<u8>>,
    /// Share of the votes by facies, K × n, where the map counts votes.
    pub probability: Option<Array2<f32>>,
}

/// The u-step of an alternation: the possible model that is nearest to a parameterized one.
pub trait FeasibleMap: Send + Sync {
    /// The possible model nearest to the parameterized map `theta` in outer iteration `iteration`, from 1 (which selects
    /// random window positions, or how strongly a potential pulls).
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection>;
}

/// A dense matrix as an operator.
#[derive(Debug, Clone)]
pub struct Dense(pub Array2<f64>);

impl LinearOperator for Dense {
    fn rows(&self) -> usize {
        self.0.nrows()
    }
    fn cols(&self) -> usize {
        self.0.ncols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.0.dot(&x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.0.t().dot(&y)
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        self.0.dot(&x)
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        self.0.t().dot(&y)
    }
}

/// A borrowed operator is an operator.
impl<T: LinearOperator + ?Sized> LinearOperator for &T {
    fn rows(&self) -> usize {
        (**self).rows()
    }
    fn cols(&self) -> usize {
        (**self).cols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        (**self).apply(x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        (**self).adjoint(y)
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        (**self).apply_block(x)
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        (**self).adjoint_block(y)
    }
    fn failure(&self) -> Option<Error> {
        (**self).failure()
    }
}

/// The Jacobian of tests whose rows are unknown from one on.
#[cfg(test)]
pub(crate) struct Unknown {
    pub(crate) jacobian: Dense,
    pub(crate) from: usize,
}

#[cfg(test)]
impl Unknown {
    pub(crate) const REASON: &str = "too wild for derivatives";
}

#[cfg(test)]
impl LinearOperator for Unknown {
    fn rows(&self) -> usize {
        self.jacobian.rows()
    }
    fn cols(&self) -> usize {
        self.jacobian.cols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut image = self.jacobian.apply(x);
        image.iter_mut().skip(self.from).for_each(|y| *y = f64::NAN);
        image
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        match y.iter().skip(self.from).all(|&y| y == 0.0) {
            true => self.jacobian.adjoint(y),
            false => Array1::from_elem(self.cols(), f64::NAN),
        }
    }
    fn failure(&self) -> Option<Error> {
        Some(Error::NoModel(Self::REASON.into()))
    }
}
