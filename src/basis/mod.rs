//! Parameterizations u = ū + Φ v.

use ndarray::{Array1, ArrayView1, ArrayView2, CowArray, Ix2};
use std::ops::Range;

use crate::operator::LinearOperator;

mod cells;
mod check;
pub mod dct;
mod expanded;
mod extended;
pub mod hybrid;
pub mod karhunen_loeve;
pub mod ksvd;
pub mod pca;
mod portions;
mod realizations;
pub mod sparse_pca;
mod stored;
mod transform;
pub mod wavelet;
pub mod zonation;

pub use cells::CellBasis;
pub use check::{measure, verify, verify_dct, verify_wavelet};
pub use dct::DctBasis;
pub use expanded::ExpandedBasis;
pub use extended::ExtendedBasis;
pub use hybrid::HybridBasis;
pub use realizations::{Origin, Precision, Realizations};
pub use stored::{DOUBLE_BYTES, StoredBasis};
pub use transform::{Transform, TransformBasis};
pub use wavelet::WaveletBasis;
pub use zonation::ZonationBasis;

/// A linear parameterization of a property field, `u = ū + Φ v`: as a [`LinearOperator`] it is Φ (n × k).
pub trait Basis: LinearOperator {
    /// ū, n values in the unit of the property; zero where nothing was removed.
    fn mean(&self) -> ArrayView1<'_, f64>;

    /// Whether `Φᵀ Φ = I` (to the precision that the basis states).
    fn orthonormal(&self) -> bool;

    /// Whether columns are orthogonal to each other, of whatever length: the nearest field in some of them has the same
    /// coefficients there as that in all.
    fn orthogonal(&self) -> bool {
        self.orthonormal()
    }

    /// Whether Φ is the identity: every cell its own coefficient.
    fn is_cells(&self) -> bool {
        false
    }

    /// `ΦᵀΦ` (k × k), where the basis keeps it because it is not the identity.
    fn gram(&self) -> Option<ArrayView2<'_, f64>> {
        None
    }

    /// Prior standard deviation of each coefficient, k values, where the basis knows it.
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>>;

    /// Columns `range` of Φ as a matrix (n × range.len()): a view where Φ is stored in f64.
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2>;

    /// The same basis with its first `rank` columns only, 1 ≤ rank ≤ k.
    fn truncated(&self, rank: usize) -> Box<dyn Basis>;

    /// `u = ū + Φ v`.
    fn expand(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply(v) + self.mean()
    }

    /// `Φᵀ (u − ū)`: for an orthonormal basis, the coefficients of the nearest field.
    fn project(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        self.adjoint((&u - &self.mean()).view())
    }

    /// The coefficients of the field nearest to u, `(ΦᵀΦ)⁻¹ Φᵀ (u − ū)`.
    fn nearest(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        assert!(self.orthonormal(), "a basis that is not orthonormal finds the nearest field by its own means");
        self.project(u)
    }
}

/// The smallest rank whose leading `energies` (descending, not negative) sum to at least `fraction` of their total.
pub(crate) fn rank_of_energy(energies: ArrayView1<'_, f64>, fraction: f64) -> usize {
    let wanted = fraction * energies.sum();
    let mut sum = 0.0;
    let enough = energies.iter().position(|energy| {
        sum += energy;
        sum >= wanted
    });
    enough.map_or(energies.len(), |i| i + 1)
}
