//! The feasible set: the geologically possible map nearest to a parameterized one, by matching windows against a
//! learning set and letting the matches vote.

use ndarray::{Array1, Array2, ArrayView1};

use crate::error::Result;

/// A feasible map, and how sure the votes were of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The property in every cell: n values.
    pub model: Array1<f64>,
    /// Facies codes, where labels are facies.
    pub facies: Option<Vec<u8>>,
    /// Share of the votes by facies, K × n.
    pub probability: Option<Array2<f32>>,
}

/// The nearest member of a set of geologically possible models.
pub trait FeasibleMap: Send + Sync {
    /// The feasible map nearest to the parameterized map `theta`, for outer iteration `iteration` (which selects the
    /// random window positions).
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection>;
}
