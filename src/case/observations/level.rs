//! The error level, where the case leaves it to the data.

use ndarray::{Array2, ArrayView1};

use crate::inversion::{Cooling, least};
use crate::linalg::dense::{multiply, symmetric_eigen};

/// The factor f on all standard deviations under which the data are likeliest, with `A` (m × k) the whitened Jacobian
/// times the coefficients' standard deviations and r the whitened residual of the prior mean: with
/// `A Aᵀ = Q diag(λ) Qᵀ` and `p = Qᵀ r`, `ln p(d | f) = −½ Σ p_i²/(f² + λ_i) − ½ Σ ln(f² + λ_i)` up to a constant.
pub(super) fn likeliest_factor(scaled: &Array2<f64>, residual: ArrayView1<'_, f64>) -> f64 {
    let gram = multiply(scaled.view(), scaled.t());
    let (values, vectors) = symmetric_eigen(&gram).expect("a finite matrix has eigenvalues");
    let projected = vectors.t().dot(&residual);
    least_factor(|factor| {
        let term = |(p, l): (&f64, &f64)| {
            let total = factor * factor + l.max(0.0);
            p * p / total + total.ln()
        };
        projected.iter().zip(&values).map(term).sum()
    })
}

/// Where a function of the factor is least in 1/30 … 30.
pub(super) fn least_factor(f: impl FnMut(f64) -> f64) -> f64 {
    const SAMPLES: usize = 25;
    least(Cooling { least: 1.0 / 30.0, largest: 30.0 }, SAMPLES, f)
}
