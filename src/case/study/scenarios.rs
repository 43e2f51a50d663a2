//! What an inversion says of its scenarios.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use super::super::matching;
use super::super::observations::Observations;
use super::super::summary::Scenario;
use super::parameterization::Parameterization;
use super::{Opinion, Study};
use crate::error::Result;
use crate::inversion::{ACTIVE_SHARE, Iteration, Judged};
use crate::operator::LinearOperator;

/// What the basis has of a scenario, and whether an iterate uses it.
pub struct Details {
    /// Columns.
    pub columns: usize,
    /// Share of the energy of its realizations that these hold.
    pub energy: f64,
    /// Whether its `‖v_i‖₂` is at least a tenth of the largest.
    pub active: bool,
}

impl Study {
    /// `‖Φ_p v_p‖²` of each scenario of the case, `‖v_p‖²` since blocks are orthonormal, 0 of those that are not in use;
    /// `None` where scenarios have no columns of their own.
    pub fn energies(&self, v: ArrayView1<'_, f64>) -> Option<Vec<f64>> {
        let mut energies = vec![0.0; self.case.scenarios.len()];
        for (&p, group) in self.selected.iter().zip(self.parameterization.groups()?) {
            energies[p] = v.slice(s![group]).mapv(|x| x * x).sum();
        }
        Some(energies)
    }

    /// Number of the block of scenario `p` among those in use.
    pub fn block(&self, p: usize) -> Option<usize> {
        self.selected.iter().position(|&selected| selected == p)
    }

    /// Shares of the scenarios in an iterate: with one basis for all, nothing tells them apart. Their probabilities are
    /// those of the verdict, where there is one; one scenario alone is certain.
    pub fn scenario_shares(&self, iterate: &Iteration, verdict: Option<&[Opinion]>) -> Vec<Scenario> {
        let count = self.case.scenarios.len();
        let energies = self.energies(iterate.v.view());
        let energies = energies.unwrap_or_else(|| vec![iterate.v.dot(&iterate.v) / count as f64; count]);
        let total: f64 = energies.iter().sum();
        let share = |energy: f64| if total > 0.0 { energy / total } else { 1.0 / count as f64 };
        let probability = |p: usize| match verdict {
            None => (count == 1).then_some(1.0),
            Some(verdict) => Some(verdict[p].as_ref().map_or(0.0, |judged| judged.probability)),
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

    /// What the basis has of each scenario, `None` for one that is not in use; `None` at all where they have no columns
    /// of their own.
    pub fn scenario_details(&self, iterate: &Iteration) -> Option<Vec<Option<Details>>> {
        let Parameterization::Hybrid { scenarios, .. } = &*self.parameterization else { return None };
        let active = self.active(iterate.v.view(), Some(ACTIVE_SHARE));
        let details = |p: usize| {
            let pca = &scenarios[self.block(p)?];
            Some(Details {
                columns: pca.basis.rank(),
                energy: pca.energy_curve()[pca.basis.rank() - 1],
                active: active.contains(&p),
            })
        };
        Some((0..self.case.scenarios.len()).map(details).collect())
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
        let Parameterization::Hybrid { basis, .. } = &*self.parameterization else { return Ok(None) };
        let mut parts = Array2::zeros((self.selected.len(), self.grid().len()));
        for (block, (group, mut part)) in basis.groups().into_iter().zip(parts.rows_mut()).enumerate() {
            part.assign(&basis.block(block).apply(iterate.v.slice(s![group])));
        }
        let most = |parts: ArrayView1<'_, f64>| self.selected[largest(parts.iter().map(|x| x.abs()))] as u8;
        Ok(Some(parts.axis_iter(Axis(1)).map(most).collect()))
    }
}

/// Whether the scenario that a reference was drawn from comes first by each measure, 1 or 0: by norm and contribution
/// where scenarios have `shares` of their own, by evidence, by synthetic likelihood, and by the least of each criterion.
/// A measure that no scenario has is left out; one by which all failed has no first.
pub fn hits(truth: usize, shares: Option<&[Scenario]>, verdict: Option<&[Opinion]>) -> BTreeMap<String, f64> {
    let mut measures: Vec<(&str, Vec<Option<f64>>)> = Vec::new();
    if let Some(shares) = shares {
        measures.push(("norm", shares.iter().map(|s| Some(s.norm)).collect()));
        measures.push(("contribution", shares.iter().map(|s| Some(s.contribution)).collect()));
    }
    if let Some(verdict) = verdict {
        let of = |f: fn(&Judged) -> Option<f64>| verdict.iter().map(|opinion| opinion.as_ref().and_then(f)).collect();
        measures.push(("evidence", of(|j| Some(j.log_evidence))));
        measures.push(("synthetic_likelihood", of(|j| j.synthetic().map(|s| s.log_likelihood))));
        measures.push(("aic", of(|j| j.solution.as_ref().map(|s| -s.aic))));
        measures.push(("aicc", of(|j| j.solution.as_ref().and_then(|s| s.aicc).map(|aicc| -aicc))));
        measures.push(("bic", of(|j| j.solution.as_ref().map(|s| -s.bic))));
        measures.push(("kic", of(|j| j.solution.as_ref().map(|s| -s.kic))));
    }
    let known = measures.into_iter().filter(|(_, values)| values.iter().any(Option::is_some));
    known
        .map(|(name, values)| {
            let values = || values.iter().map(|value| value.unwrap_or(f64::NEG_INFINITY));
            let is_first = values().any(|x| x > f64::NEG_INFINITY) && largest(values()) == truth;
            (name.to_owned(), f64::from(u8::from(is_first)))
        })
        .collect()
}

/// The number of the largest, of equals the first.
fn largest(values: impl Iterator<Item = f64>) -> usize {
    values.enumerate().fold((0, f64::NEG_INFINITY), |best, (i, x)| if x > best.1 { (i, x) } else { best }).0
}
