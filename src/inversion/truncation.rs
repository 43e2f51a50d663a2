//! The error that a truncated basis makes in the data, counted as noise.

use ndarray::{Array2, ArrayView2};

use crate::error::Result;
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::multiply;

/// Covariance of the data's errors with the truncation error of the basis added, `C + E Eᵀ / L`.
///
/// `deviations` is E (m × L): a column a prior realization, what the forward model makes of the part of it that the
/// basis cannot carry, `g(u_i) − g(r_i)`. Without it a truncated basis is asked to fit the data to their noise, which
/// its span may not allow, and the weight of everything else falls to its least value.
///
/// # Errors
/// Where the sum is not a covariance (not finite).
pub fn truncation_covariance(covariance: &Covariance, deviations: ArrayView2<'_, f64>) -> Result<Covariance> {
    let realizations = deviations.ncols().max(1) as f64;
    let mut total: Array2<f64> = multiply(deviations, deviations.t());
    total.mapv_inplace(|c| c / realizations);
    Covariance::full(&(total + covariance.matrix()))
}
