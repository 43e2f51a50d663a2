//! What an inversion says of its scenarios.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use super::super::matching;
use super::super::observations::Observations;
use super::super::summary::Scenario;
use super::parameterization::Parameterization;
use super::{Opinion, Study};
use crate::basis::Basis;
use crate::error::Result;
use crate::inversion::{Iteration, active};

/// What the basis has of a scenario, and whether an iterate uses it.
pub struct Details {
    /// Columns.
    pub columns: usize,
    /// Share of the energy of its realizations that these hold.
    pub energy: f64,
    /// Root mean square of the first coefficient over its realizations.
    pub largest_sigma: f64,
    /// Whether its `‖v_i‖₂` is at least a tenth of the largest.
    pub active: bool,
}

impl Study {
    /// Shares of the scenarios in an iterate: with one basis for all, nothing tells them apart. Their probabilities are
    /// those of the verdict; without one they are equal.
    pub fn scenario_shares(&self, iterate: &Iteration, verdict: Option<&[Opinion]>) -> Vec<Scenario> {
        let count = self.case.scenarios.len();
        let energies = self.parameterization.energies(iterate.v.view());
        let energies = energies.unwrap_or_else(|| vec![iterate.v.dot(&iterate.v) / count as f64; count]);
        let total: f64 = energies.iter().sum();
        let share = |energy: f64| if total > 0.0 { energy / total } else { 1.0 / count as f64 };
        let probability = |p: usize| match verdict {
            None => 1.0 / count as f64,
            Some(verdict) => verdict[p].as_ref().map_or(0.0, |judged| judged.probability),
        };
        let scenarios = self.case.scenarios.iter().zip(&energies).enumerate();
        scenarios
            .map(|(p, (scenario, &energy))| Scenario {
                name: scenario.name.clone(),
                norm: energy.sqrt(),
                contribution: if count == 1 { 1.0 } else { share(energy) },
                probability: probability(p),
            })
            .collect()
    }

    /// What the basis has of each scenario; `None` where they have no columns of their own.
    pub fn scenario_details(&self, iterate: &Iteration) -> Option<Vec<Details>> {
        let Parameterization::Hybrid { basis, scenarios } = &self.parameterization else { return None };
        let norms: Vec<f64> = basis.energies(iterate.v.view()).into_iter().map(f64::sqrt).collect();
        let details = scenarios.iter().zip(active(&norms)).map(|(pca, active)| Details {
            columns: pca.basis.rank(),
            energy: pca.energy_curve()[pca.basis.rank() - 1],
            largest_sigma: pca.basis.standard_deviations().map_or(0.0, |sigma| sigma[0]),
            active,
        });
        Some(details.collect())
    }

    /// The scenario at work in every cell, by its number: that of most votes for a feasible model; without one, that
    /// whose `Φ_i v_i` is largest there. `None` where nothing tells several scenarios apart.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn scenario_map(&self, observations: &Observations<'_>, iterate: &Iteration) -> Result<Option<Array1<u8>>> {
        if self.case.scenarios.len() == 1 {
            return Ok(Some(Array1::zeros(self.grid().len())));
        }
        if let (Some(feasible), Some(_)) = (&self.case.feasible, &iterate.probability) {
            let sources = self.active(iterate.v.view(), feasible.refine);
            let map = matching::map(self, Some(observations), feasible, iterate.v.len(), &sources)?;
            let votes = map.source_votes(iterate.parameterized.view(), iterate.row.iteration)?;
            let most = |votes: ArrayView1<'_, u32>| sources[largest(votes.iter().map(|&v| f64::from(v)))] as u8;
            return Ok(Some(votes.axis_iter(Axis(1)).map(most).collect()));
        }
        let Some(groups) = self.parameterization.groups() else { return Ok(None) };
        let mut parts = Array2::zeros((groups.len(), self.grid().len()));
        for (p, (group, mut part)) in groups.into_iter().zip(parts.rows_mut()).enumerate() {
            part.assign(&self.parameterization.of_scenario(p).apply(iterate.v.slice(s![group])));
        }
        Ok(Some(parts.axis_iter(Axis(1)).map(|parts| largest(parts.iter().map(|x: &f64| x.abs())) as u8).collect()))
    }
}

/// The number of the largest, of equals the first.
fn largest(values: impl Iterator<Item = f64>) -> usize {
    values.enumerate().fold((0, f64::NEG_INFINITY), |best, (i, x)| if x > best.1 { (i, x) } else { best }).0
}
