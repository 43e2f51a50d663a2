//! Which scenario the data support: each solved by itself, about its own mean.

use ndarray::{Array1, Array2, ArrayView2};

use super::super::file::{Case, Condition, JudgedBy, Rank, Verdict};
use super::super::observations::Observations;
use super::Study;
use super::parameterization::Parameterization;
use super::prior::Priors;
use super::truncation::LARGEST_DENSE_COVARIANCE;
use crate::basis::pca::{Pca, Truncation};
use crate::basis::{Precision, Realizations};
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::inversion::{Evidence, GaussianPrior, Hypothesis, Judged, VerdictOptions, judge, probabilities};
use crate::prior::stationary_covariance::StationaryCovariance;
use crate::progress::Progress;

/// Realizations whose left-over parts tell the truncation error of a basis in the data.
const LEFT_OVER: usize = 120;
/// Cells × data × scenarios up to which all scenarios are judged; beyond, only those that the inversion uses.
const MOST_JUDGED: f64 = 1e8;

/// Realizations of a scenario that a stationary covariance is averaged over.
const AVERAGED: usize = 250;

/// What a scenario is judged by.
enum Own {
    /// Its principal components about its own mean, and what these leave over.
    Components { components: Pca, left_over: Array2<f32> },
    /// One mean everywhere, and the covariance averaged over all places: what 500 realizations leave of noise in a
    /// sample's covariance costs hits, and certainty that is not earned costs more.
    Stationary { mean: Array1<f64>, covariance: StationaryCovariance },
}

/// A scenario's verdict: what was judged, `None` where it was left out.
pub type Opinion = Option<Judged>;

/// What the probabilities of a verdict follow from: what the case asks for, but the evidence where no data could be
/// simulated.
pub fn judged_by(case: &Case, verdict: &[Opinion]) -> JudgedBy {
    let is_simulated = verdict.iter().flatten().any(|judged| judged.synthetic().is_some());
    case.verdict.map(|verdict| verdict.by).filter(|_| is_simulated).unwrap_or(JudgedBy::Evidence)
}

impl Study {
    /// The scenarios that can be judged, where there are several with columns of their own: all in use, or of a problem
    /// too large for all those of `active`. None where these are less than two.
    pub fn judged(&self, observations: &Observations<'_>, active: &[usize]) -> Vec<usize> {
        let (count, m) = (self.selected.len(), observations.observed.len());
        let of_their_own = matches!(*self.parameterization, Parameterization::Hybrid { .. });
        if m > LARGEST_DENSE_COVARIANCE || !of_their_own {
            return Vec::new();
        }
        chosen(&self.selected, active, self.grid().len() as f64 * m as f64 * count as f64)
    }

    /// The verdict on `scenarios`, those that are [`judged`](Self::judged); the others have none. `None` without any.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and failures of files or devices.
    pub fn verdict(
        &self,
        observations: &Observations<'_>,
        scenarios: &[usize],
        progress: &dyn Progress,
    ) -> Result<Option<Vec<Opinion>>> {
        if scenarios.is_empty() {
            return Ok(None);
        }
        progress.start("scenarios about their means", scenarios.len() as u64);
        let own = match self.stationary() {
            true => scenarios.iter().map(|&p| Own::stationary(&self.priors.ensembles[p])).collect(),
            false => self.own_components(scenarios, progress)?,
        };
        progress.finish();
        let linear_data = observations.property_data();
        let evidence = Evidence {
            forward: observations.exact(),
            observed: observations.observed.view(),
            covariance: &observations.covariance,
            linear_data: &linear_data,
        };
        let hypotheses: Vec<_> = scenarios
            .iter()
            .zip(&own)
            .map(|(&p, own)| Hypothesis { name: &self.case.scenarios[p].name, prior: own.prior() })
            .collect();
        let mut judged = judge(&evidence, &hypotheses, &VerdictOptions::default(), progress)?.scenarios;
        if let Some(verdict) = self.case.verdict {
            self.compare_with_simulations(verdict, observations, scenarios, &mut judged, progress)?;
        }
        let mut opinions: Vec<Opinion> = vec![None; self.case.scenarios.len()];
        for (&p, judged) in scenarios.iter().zip(judged) {
            opinions[p] = Some(judged);
        }
        Ok(Some(opinions))
    }

    /// Adds what simulated data say to what is known of some scenarios, and the probabilities that follow from it where
    /// the case judges by it.
    fn compare_with_simulations(
        &self,
        Verdict { by, simulations }: Verdict,
        observations: &Observations<'_>,
        scenarios: &[usize],
        judged: &mut [Judged],
        progress: &dyn Progress,
    ) -> Result<()> {
        if simulations == 0 {
            return Ok(());
        }
        let likelihoods = match self.synthetic_likelihoods(observations, scenarios, simulations, progress) {
            Err(Error::NoModel(why)) => {
                judged.iter_mut().for_each(|judged| judged.simulated = Some(Err(why.clone())));
                return Ok(());
            }
            other => other?,
        };
        let logarithms: Vec<f64> = likelihoods.iter().map(|likelihood| likelihood.log_likelihood).collect();
        for ((judged, likelihood), probability) in judged.iter_mut().zip(likelihoods).zip(probabilities(&logarithms)) {
            judged.simulated = Some(Ok(likelihood));
            if by == JudgedBy::SyntheticLikelihood {
                judged.probability = probability;
            }
        }
        Ok(())
    }

    /// Whether the prior is the same at all places: unconditional, and of one piece.
    fn stationary(&self) -> bool {
        let known = self.case.hard_data.iter().any(|hard_data| !hard_data.cells.is_empty());
        let conditional = match self.case.prior.condition {
            Condition::Nothing => false,
            Condition::HardData => known,
            Condition::All => true,
        };
        !conditional && self.priors.geologies.scenarios.iter().all(|geology| geology.units.is_empty())
    }

    fn own_components(&self, chosen: &[usize], progress: &dyn Progress) -> Result<Vec<Own>> {
        let realizations = self.priors.realizations(chosen, self.priors.origin(&self.case), &())?;
        let mut own = Vec::new();
        for (&p, realizations) in chosen.iter().zip(&realizations) {
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            own.push(Own::components(&self.case, &self.priors, realizations, p)?);
            progress.advance(1);
        }
        Ok(own)
    }
}

/// The scenarios that a problem of `size` (cells × data × scenarios) has judged; none where these are less than two: one
/// alone would be certain, whatever the data say.
fn chosen(selected: &[usize], active: &[usize], size: f64) -> Vec<usize> {
    let chosen = if size <= MOST_JUDGED { selected } else { active };
    if chosen.len() > 1 { chosen.to_vec() } else { Vec::new() }
}

impl Own {
    fn prior(&self) -> GaussianPrior<'_> {
        match self {
            Self::Components { components, left_over } => {
                GaussianPrior::Components { basis: &components.basis, left_over: left_over.view() }
            }
            Self::Stationary { mean, covariance } => GaussianPrior::Field { mean: mean.view(), covariance },
        }
    }

    fn stationary(ensemble: &Ensemble) -> Self {
        let sums: f64 = (0..ensemble.len()).map(|l| ensemble.property(l).sum()).sum();
        let mean = sums / (ensemble.len() * ensemble.grid.len()) as f64;
        let covariance = StationaryCovariance::untapered(&[ensemble], AVERAGED);
        Self::Stationary { mean: Array1::from_elem(ensemble.grid.len(), mean), covariance }
    }

    fn components(case: &Case, priors: &Priors, realizations: &Realizations<'_>, p: usize) -> Result<Self> {
        let truncation = match case.basis.rank {
            Rank::Energy(fraction) => Truncation::Energy(fraction),
            Rank::Fixed(rank) | Rank::Growing { last: rank, .. } => Truncation::Rank(rank),
        };
        let components = realizations.centered()?.components(truncation, Precision::Single)?;
        let ensemble = &priors.ensembles[p];
        let taken = LEFT_OVER.min(ensemble.len());
        let picks: Vec<usize> = (0..taken).map(|i| i * ensemble.len() / taken).collect();
        let kept = components.reconstruct_some(&picks, components.basis.rank());
        Ok(Self::Components { left_over: left_over(ensemble, &picks, kept.view()), components })
    }
}

/// `u − r` of some realizations, one a row.
fn left_over(ensemble: &Ensemble, picks: &[usize], kept: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut out = Array2::zeros(kept.dim());
    for ((&l, kept), mut row) in picks.iter().zip(kept.rows()).zip(out.rows_mut()) {
        let realization = ensemble.property(l);
        row.iter_mut().zip(&realization).zip(kept).for_each(|((out, u), r)| *out = (u - f64::from(*r)) as f32);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_too_large_has_its_active_scenarios_judged_and_one_alone_never() {
        assert_eq!(chosen(&[0, 2, 5], &[2], MOST_JUDGED), [0, 2, 5]);
        assert_eq!(chosen(&[0, 2, 5], &[2, 5], 2.0 * MOST_JUDGED), [2, 5]);
        assert!(chosen(&[0, 2, 5], &[2], 2.0 * MOST_JUDGED).is_empty());
        assert!(chosen(&[3], &[3], MOST_JUDGED).is_empty());
    }
}
