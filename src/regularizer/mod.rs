//! Penalties on the property itself: what a field should look like where the data do not say.
//!
//! Tikhonov's penalties and total variation are functions of differences between cells and answer one trait,
//! [`Regularizer`]; a discrete potential acts cell by cell and is the u-step of an alternation ([`discrete`]).

use ndarray::{Array1, ArrayView1};

mod differences;
pub mod discrete;
mod tikhonov;
mod total_variation;

pub use differences::Differences;
pub use tikhonov::Tikhonov;
pub use total_variation::TotalVariation;

use crate::operator::LinearOperator;

/// A penalty φ(u) of differences `s = D (u − u₀)`, and the weighted squares that lie above it and touch it.
///
/// `φ_ε(x) ≤ c + ½ sᵀ diag(w) s` with `s = D (x − u₀)` and `w = w(u)`, equal at x = u, so that `∇φ_ε(u) = Dᵀ (w ∘ D (u − u₀))`.
/// ε rounds off the kink of a penalty that has one: `φ = φ₀`.
pub trait Regularizer: Send + Sync {
    /// D, with its blocks and null space.
    fn differences(&self) -> &Differences;

    /// u₀, n values; `None`: zero.
    fn reference(&self) -> Option<ArrayView1<'_, f64>> {
        None
    }

    /// Whether φ is quadratic: its weights are then the same everywhere and ε counts for nothing.
    fn quadratic(&self) -> bool;

    /// `φ_ε(u)`.
    fn value(&self, u: ArrayView1<'_, f64>, epsilon: f64) -> f64;

    /// w at u, one number a row of D.
    fn weights(&self, u: ArrayView1<'_, f64>, epsilon: f64) -> Array1<f64>;

    /// `s = D (u − u₀)`.
    fn residual(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        match self.reference() {
            None => self.differences().apply(u),
            Some(reference) => self.differences().apply((&u - &reference).view()),
        }
    }

    /// `∇φ_ε(u)`, n values.
    fn gradient(&self, u: ArrayView1<'_, f64>, epsilon: f64) -> Array1<f64> {
        let weighted = self.weights(u, epsilon) * self.residual(u);
        self.differences().adjoint(weighted.view())
    }

    /// The largest norm of a block of s: what ε is measured by.
    fn steepest(&self, u: ArrayView1<'_, f64>) -> f64 {
        self.differences().norms(self.residual(u).view()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests;
