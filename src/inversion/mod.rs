//! The outer loops, in f64 on the host: Gauss-Newton on weighted squares, alternating directions with the feasible
//! map or a discrete potential, group sparsity, penalties on the property, the verdict on scenarios, the choice of the
//! weight, and why a run stopped.
//!
//! Nothing here knows a physics, a basis or a prior by name: a [`Problem`] is made of traits.

mod alternating;
mod calibration;
mod criterion;
mod descent;
mod discrete;
mod estimate;
mod field_inference;
mod gauss_newton;
mod groups;
mod line_search;
mod linear_tradeoff;
mod overlap;
mod regularized;
mod repair;
mod representers;
mod roughness;
mod sparse;
mod sparse_weight;
mod sparsity;
mod synthetic_likelihood;
#[cfg(test)]
mod toys;
mod truncation;
mod verdict;
mod weight;

pub use alternating::{Alternation, FeasibleAtRank, Mismatch, Schedule, Sparsity, equal_projection};
pub use criterion::{Criterion, least};
pub use discrete::{Rounded, SameAtEveryRank};
pub use estimate::{Estimate, Iteration, Row, Stop};
pub use gauss_newton::{Matrix, Term, gram, reduced_jacobian, solve};
pub use groups::{ACTIVE_SHARE, Group, Grouping, active, no_scenario_fits, ranges};
pub use linear_tradeoff::{LinearTradeoff, Multipliers};
pub use overlap::{OverlappingGroups, Uncovered};
pub use regularized::{RegularizedInversion, RegularizedSchedule};
pub use repair::{Repair, RepairOptions, Repaired};
pub use sparse::{SparseInversion, SparseSchedule, Start};
pub use sparse_weight::choose_weight;
pub use sparsity::{GroupedLeastSquares, Minimizer, minimize_matrix_free, reweighted_step};
pub use synthetic_likelihood::{LEAST_SIMULATIONS, SyntheticLikelihood, synthetic_likelihoods};
pub use truncation::truncation_covariance;
pub use verdict::{
    EVIDENCE_POWER, Evidence, GaussianPrior, Hypothesis, Judged, LeftOver, Solution, Tail, Verdict, VerdictOptions,
    contributions, is_likely, judge, log_score, probabilities,
};
pub use weight::{Candidate, Choice, Cooling, cross_validate, discrepancy, log_evidence, split};

use ndarray::{Array1, ArrayView1};

use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::linalg::covariance::Covariance;
use crate::operator::Operator;

/// What is to be solved: find v such that `g(ū + Φ v)` explains the data.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// The forward model g: property on the cells (n) → predicted data (m); it may run on a device.
    pub forward: &'a dyn Operator,
    /// The same forward model in f64 on the host: it judges misfits, so that every backend chooses alike.
    pub exact: &'a dyn Operator,
    /// The basis Φ and mean ū.
    pub basis: &'a dyn Basis,
    /// Observed data d, m.
    pub observed: ArrayView1<'a, f64>,
    /// Covariance C of the data's errors.
    pub covariance: &'a Covariance,
}

impl Problem<'_> {
    /// Predicted data of a property field, by the exact forward model.
    pub fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        self.exact.predict(u)
    }

    /// Misfit `‖C^{-1/2} (d − predicted)‖²`; its target is the number of data m.
    pub fn misfit(&self, predicted: ArrayView1<'_, f64>) -> f64 {
        let residual = self.covariance.whiten((&self.observed - &predicted).view());
        residual.dot(&residual)
    }

    /// The misfit of a property field, by the exact forward model.
    pub fn misfit_of(&self, u: ArrayView1<'_, f64>) -> Result<f64> {
        Ok(self.misfit(self.predict(u)?.view()))
    }

    /// As [`Problem::misfit_of`], of an estimate: a misfit that is no finite number ends the run.
    fn misfit_of_estimate(&self, u: ArrayView1<'_, f64>) -> Result<f64> {
        let misfit = self.misfit_of(u)?;
        match misfit.is_finite() {
            true => Ok(misfit),
            false => Err(Error::NoModel(format!("the forward model of the estimate gives a misfit of {misfit}"))),
        }
    }

    /// The parameterized field `ū + Φ v`, with as many leading columns of Φ as v has coefficients.
    pub fn parameterized(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        self.basis.truncated(v.len()).expand(v)
    }
}
