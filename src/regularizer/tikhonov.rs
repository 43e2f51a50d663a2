//! Tikhonov's penalties: small, flat or smooth fields.

use ndarray::{Array1, ArrayView1};

use super::{Differences, Regularizer};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::operator::LinearOperator;

/// `φ(u) = ‖D (u − u₀)‖²` with D = I (order 0), first differences (1) or second differences (2) between cells.
///
/// Tikhonov & Arsenin (1977), Solutions of Ill-posed Problems, chapter 2.
#[derive(Debug, Clone)]
pub struct Tikhonov {
    differences: Differences,
    reference: Option<Array1<f64>>,
}

impl Tikhonov {
    /// The penalty of an order on a grid, with u₀ (n values) where a field is known that the estimate should be near to.
    ///
    /// # Errors
    /// [`Error::Input`] for an order above 2 or a u₀ that is not finite.
    pub fn new(grid: &Grid, order: usize, reference: Option<Array1<f64>>) -> Result<Self> {
        let differences = match order {
            0 => Differences::identity(grid),
            1 => Differences::first(grid),
            2 => Differences::second(grid),
            _ => {
                let problem = format!("a penalty of order {order}");
                return Err(Error::input("Tikhonov regularization", problem, "choose order 0, 1 or 2"));
            }
        };
        if let Some(reference) = &reference {
            assert_eq!(reference.len(), grid.len(), "values of the reference field against the cells");
            if let Some(cell) = reference.iter().position(|u| !u.is_finite()) {
                let problem = format!("the reference field is {} in cell {cell}", reference[cell]);
                return Err(Error::input("Tikhonov regularization", problem, "give a finite value for every cell"));
            }
        }
        Ok(Self { differences, reference })
    }
}

impl Regularizer for Tikhonov {
    fn differences(&self) -> &Differences {
        &self.differences
    }
    fn reference(&self) -> Option<ArrayView1<'_, f64>> {
        self.reference.as_ref().map(|u| u.view())
    }
    fn quadratic(&self) -> bool {
        true
    }
    fn value(&self, u: ArrayView1<'_, f64>, _: f64) -> f64 {
        let s = self.residual(u);
        s.dot(&s)
    }
    fn weights(&self, _: ArrayView1<'_, f64>, _: f64) -> Array1<f64> {
        Array1::from_elem(self.differences.rows(), 2.0)
    }
}
