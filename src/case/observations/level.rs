//! The error level, where the case leaves it to the data.

use ndarray::{Array2, ArrayView1};

use crate::linalg::dense::{multiply, symmetric_eigen};

/// The factor f on all standard deviations under which the data are likeliest, with `A` (m × k) the whitened Jacobian
/// times the coefficients' standard deviations and r the whitened residual of the prior mean: with
/// `A Aᵀ = Q diag(λ) Qᵀ` and `p = Qᵀ r`, `ln p(d | f) = −½ Σ p_i²/(f² + λ_i) − ½ Σ ln(f² + λ_i)` up to a constant.
pub(super) fn likeliest_factor(scaled: &Array2<f64>, residual: ArrayView1<'_, f64>) -> f64 {
    let gram = multiply(scaled.view(), scaled.t());
    let (values, vectors) = symmetric_eigen(&gram).expect("a finite matrix has eigenvalues");
    let projected = vectors.t().dot(&residual);
    least(|factor| {
        let term = |(p, l): (&f64, &f64)| {
            let total = factor * factor + l.max(0.0);
            p * p / total + total.ln()
        };
        projected.iter().zip(&values).map(term).sum()
    })
}

/// Where a function of the factor is least in 1/30 … 30: a coarse scan, then golden section, both in its logarithm.
pub(super) fn least(mut f: impl FnMut(f64) -> f64) -> f64 {
    const STEPS: usize = 24;
    let (low, high) = ((1.0f64 / 30.0).ln(), 30f64.ln());
    let width = (high - low) / STEPS as f64;
    let at = |i: usize| low + width * i as f64;
    let scanned: Vec<f64> = (0..=STEPS).map(|i| f(at(i).exp())).collect();
    let best = (0..=STEPS).min_by(|&a, &b| scanned[a].total_cmp(&scanned[b])).unwrap_or(0);
    let (mut a, mut b) = (at(best.saturating_sub(1)), at((best + 1).min(STEPS)));
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let (mut x, mut y) = (b - golden * (b - a), a + golden * (b - a));
    let (mut fx, mut fy) = (f(x.exp()), f(y.exp()));
    for _ in 0..20 {
        if fx < fy {
            (b, y, fy) = (y, x, fx);
            x = b - golden * (b - a);
            fx = f(x.exp());
        } else {
            (a, x, fx) = (x, y, fy);
            y = a + golden * (b - a);
            fy = f(y.exp());
        }
    }
    (0.5 * (a + b)).exp()
}
