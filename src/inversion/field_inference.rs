//! The most probable field under a Gaussian prior that is known by its covariance alone.
//!
//! With `u ~ N(ū, C)` on the cells, the field that Gauss-Newton's step at u goes to is a combination of as many columns
//! of `C G_uᵀ` as there are data (the representers of Bennett 1992),
//! `ū + C Gᵀ w`, `(G C Gᵀ + f² C_d) w = d − g(u) + G (u − ū)`, f a factor on the noise; data are whitened.
//! Nothing of it needs a basis, and C is only applied, so that it may be a covariance of many more directions than there
//! are realizations, see [`StationaryCovariance`](crate::prior::stationary_covariance::StationaryCovariance).

use ndarray::{Array1, Array2, ArrayView1};

use super::gauss_newton::gradients;
use super::line_search::backtrack;
use super::representers::Representers;
use super::verdict::{
    Evidence, SETTLED, STEP_LENGTHS, Scored, Solution, TEMPERED_ITERATIONS, TEMPERING, VerdictOptions,
};
use crate::error::{Error, Result};
use crate::linalg::dense::{cholesky, symmetric_eigen};
use crate::operator::{LinearOperator, Linearized};
use crate::progress::Progress;

/// One scenario's inversion.
pub(super) struct FieldInference<'a, 'e, 'h> {
    pub(super) evidence: &'a Evidence<'e>,
    /// ū, n.
    pub(super) mean: ArrayView1<'h, f64>,
    /// C, n × n.
    pub(super) covariance: &'h dyn LinearOperator,
    pub(super) options: &'a VerdictOptions,
    pub(super) progress: &'a dyn Progress,
}

/// A field `ū + C q`.
#[derive(Clone)]
struct Combination {
    /// q, n.
    weights: Array1<f64>,
    /// C q, n.
    deviation: Array1<f64>,
}

impl Combination {
    /// The point at a share of the way to another.
    fn towards(&self, goal: &Self, share: f64) -> Self {
        Self {
            weights: &self.weights + &(share * &(&goal.weights - &self.weights)),
            deviation: &self.deviation + &(share * &(&goal.deviation - &self.deviation)),
        }
    }

    /// `(u − ū)ᵀ C⁻¹ (u − ū)`.
    fn prior_squares(&self) -> f64 {
        self.weights.dot(&self.deviation)
    }
}

/// The data linearized at a field.
struct Seen {
    representers: Representers,
    predicted: Array1<f64>,
}

/// Where Gauss-Newton iterations ended.
struct Ended {
    at: Combination,
    iterations: usize,
    settled: bool,
}

impl FieldInference<'_, '_, '_> {
    /// The log evidence and the solution.
    pub(super) fn solve(&self) -> Result<(f64, Solution)> {
        let n = self.mean.len();
        let mut at = Combination { weights: Array1::zeros(n), deviation: Array1::zeros(n) };
        let mut seen = {
            let Linearized { value, jacobian } = self.evidence.forward.linearize(self.mean)?;
            self.see(gradients(&*jacobian)?, value, None)
        };
        if self.options.tempered_start {
            for factor in TEMPERING {
                (Ended { at, .. }, seen) = self.descend(at, seen, factor, TEMPERED_ITERATIONS)?;
            }
        }
        let (ended, seen) = self.descend(at, seen, 1.0, self.options.iterations)?;
        let (values, vectors) = symmetric_eigen(&seen.representers.gram)
            .ok_or_else(|| Error::NoModel("the Jacobian is not finite".into()))?;
        let errors = self.evidence.covariance;
        let residual = errors.whiten((&self.evidence.observed - &seen.predicted).view());
        let shift = seen.representers.seen(ended.at.deviation.view());
        let scored = Scored {
            scaled: &vectors * &values.mapv(|l| l.max(0.0).sqrt()),
            data: &residual + &shift,
            residual,
            log_scale: errors.log_det_half(),
            prior_squares: ended.at.prior_squares(),
        };
        scored.solution(self.options.tail, |score| Solution {
            v: Array1::zeros(0),
            field: self.field(&ended.at),
            predicted: seen.predicted,
            iterations: ended.iterations,
            settled: ended.settled,
            ..score
        })
    }

    fn field(&self, at: &Combination) -> Array1<f64> {
        &self.mean + &at.deviation
    }

    /// What the data see at a field, given their gradients there and what is predicted; `before`: at another one.
    fn see(&self, gradients: Array2<f64>, predicted: Array1<f64>, before: Option<Seen>) -> Seen {
        let before = before.map(|seen| seen.representers);
        let representers = Representers::new(self.covariance, gradients, self.evidence.covariance, before);
        Seen { representers, predicted }
    }

    /// The field that is most probable where the data are as they are linearized at `at`.
    fn goal(&self, seen: &Seen, at: &Combination, factor: f64) -> Result<Combination> {
        let Seen { representers, predicted } = seen;
        let residual = self.evidence.covariance.whiten((&self.evidence.observed - predicted).view());
        let target = residual + representers.seen(at.deviation.view());
        let mut system = representers.gram.clone();
        system.diag_mut().mapv_inplace(|d| d + factor * factor);
        let factored =
            cholesky(&system).ok_or_else(|| Error::NoModel("the covariance of the data is not finite".into()))?;
        let weights = factored.solve(target.view());
        Ok(Combination {
            weights: representers.gradient(weights.view()),
            deviation: representers.combination(weights.view()),
        })
    }

    /// Gauss-Newton on `‖C_d^{-1/2}(d − g(u))‖²/f² + (u − ū)ᵀ C⁻¹ (u − ū)`.
    /// `seen` is at the start, and what is returned where the iterations ended.
    fn descend(&self, start: Combination, mut seen: Seen, factor: f64, iterations: usize) -> Result<(Ended, Seen)> {
        let objective = |at: &Combination, predicted: &Array1<f64>| {
            let residual = self.evidence.covariance.whiten((&self.evidence.observed - predicted).view());
            residual.dot(&residual) / (factor * factor) + at.prior_squares()
        };
        let mut ended = Ended { at: start, iterations: 0, settled: false };
        while ended.iterations < iterations && !ended.settled {
            if self.progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let now = objective(&ended.at, &seen.predicted);
            if !now.is_finite() {
                return Err(Error::NoModel(format!("the objective at iteration {} is {now}", ended.iterations + 1)));
            }
            let goal = self.goal(&seen, &ended.at, factor)?;
            ended.iterations += 1;
            let moved = backtrack(
                STEP_LENGTHS,
                |share| ended.at.towards(&goal, share),
                |candidate| self.evidence.forward.linearize(self.field(candidate).view()),
                |candidate, linearized| objective(candidate, &linearized.value) < now,
                |candidate, Linearized { value, jacobian }| Ok((candidate, value, gradients(&*jacobian)?)),
            )?;
            ended.settled = true;
            if let Some((_, (at, predicted, gradients))) = moved {
                ended.settled = now - objective(&at, &predicted) <= SETTLED * now;
                ended.at = at;
                seen = self.see(gradients, predicted, Some(seen));
            }
        }
        Ok((ended, seen))
    }
}
