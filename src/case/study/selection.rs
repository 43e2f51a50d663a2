//! Choosing scenarios before the inversion, and conditioning them on what was observed.

use std::path::Path;
use std::sync::Arc;

use ndarray::ArrayView1;

use super::super::file::{Basis, BasisKind, Case, Condition, Inversion, SelectedBy, Selection, Start, Weight};
use super::super::matching;
use super::super::observations::Observations;
use super::super::summary;
use super::prior::{Priors, conditioning};
use super::{Opinion, Study};
use crate::error::{Error, Result};
use crate::inversion::ACTIVE_SHARE;
use crate::prior::Known;
use crate::progress::Progress;

/// The first stage of a case that selects scenarios by itself: the hybrid basis of all, and no feasible map.
pub(super) fn first_stage(case: &Case) -> Option<Case> {
    let selection = case.selection.as_ref()?;
    let inversion = Inversion {
        iterations: selection.iterations,
        steps: selection.steps,
        regularizer: selection.regularizer,
        weight: selection.weight,
        weight_factor: 1.0,
        start: Start::Mean,
        coupling: Weight::Auto,
        ..case.inversion.clone()
    };
    let basis = Basis { kind: BasisKind::Hybrid, rank: selection.rank, center: false };
    Some(Case { basis, inversion, feasible: None, selection: None, ..case.clone() })
}

impl Study {
    /// The scenarios in use whose `‖v_i‖₂` is at least `threshold` of the largest; all of them without a threshold or
    /// without columns of their own.
    pub fn active(&self, v: ArrayView1<'_, f64>, threshold: Option<f64>) -> Vec<usize> {
        match (threshold, self.energies(v)) {
            (Some(threshold), Some(energies)) => {
                let largest = energies.iter().copied().fold(0.0, f64::max);
                let active = |p: &usize| energies[*p].sqrt() >= threshold * largest.sqrt();
                self.selected.iter().copied().filter(active).collect()
            }
            _ => self.selected.clone(),
        }
    }

    /// The study that inverts these observations: this one, unless the case selects scenarios or cuts zones by the data,
    /// or conditions its realizations on them.
    ///
    /// # Errors
    /// As [`Study::new`], and whatever an inversion returns.
    pub fn for_observations(
        &self,
        observations: &Observations<'_>,
        root: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let conditioned = match self.case.prior.condition {
            Condition::All => self.conditioned(observations, root, progress)?,
            Condition::Nothing | Condition::HardData => None,
        };
        let base = conditioned.as_ref().unwrap_or(self);
        if let Some(zones) = self.zones_wanted() {
            return base.refined(zones, observations, progress).map(Some);
        }
        let (Some(selection), Some(first)) = (&self.case.selection, first_stage(&self.case)) else {
            return Ok(conditioned);
        };
        progress.note("first stage: scenarios are selected");
        let first = Self { case: first, ..base.clone() };
        let (selected, opinions) = first.select(selection, observations, progress)?;
        let names: Vec<&str> = selected.iter().map(|&p| self.case.scenarios[p].name.as_str()).collect();
        progress.note(&format!("selected: {}", names.join(", ")));
        let second = Case { selection: None, ..self.case.clone() };
        let mut study = Self::of_priors(second, self.gpu.clone(), Arc::clone(&base.priors), selected, progress)?;
        study.seconds.prior = base.seconds.prior;
        study.seconds.basis += base.seconds.basis;
        study.opinions = opinions;
        Ok(Some(study))
    }

    /// The scenarios that the first stage selects, and the verdict where it is by evidence.
    fn select(
        &self,
        selection: &Selection,
        observations: &Observations<'_>,
        progress: &dyn Progress,
    ) -> Result<(Vec<usize>, Option<Vec<Opinion>>)> {
        if selection.by == SelectedBy::Norm {
            let estimate = self.invert(observations, Vec::new(), &mut |_| Ok(()), progress)?;
            return Ok((self.active(estimate.best().v.view(), Some(selection.threshold)), None));
        }
        let refused = |problem: String| {
            Error::input("selection.by", problem, "write by = \"norm\", or look at the data and the scenarios")
        };
        if self.selected.len() == 1 {
            return Ok((self.selected.clone(), None));
        }
        let judged = self.judged(observations, &self.selected);
        let Some(opinions) = self.verdict(observations, &judged, progress)? else {
            return Err(refused("these data are too many to judge scenarios by evidence".into()));
        };
        let probability = |p: usize| opinions[p].as_ref().map_or(0.0, |judged| judged.probability);
        let largest = opinions.iter().enumerate().map(|(p, _)| probability(p)).fold(0.0, f64::max);
        if largest == 0.0 {
            return Err(refused("no scenario has a model of these data".into()));
        }
        let probable = |p: &usize| probability(*p) >= selection.threshold * largest;
        let selected = self.selected.iter().copied().filter(probable).collect();
        Ok((selected, Some(opinions)))
    }

    /// The study of realizations that honour the hard data and the observed property; `None` where there is nothing
    /// that these do not honour yet.
    fn conditioned(
        &self,
        observations: &Observations<'_>,
        root: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let mut data = conditioning(&self.case);
        let known = matching::hard_data(self, Some(observations), self.case.property.has_facies());
        let is_new =
            |cell: usize| data.facies.iter().all(|k| k.cell != cell) && data.values.iter().all(|k| k.cell != cell);
        let codes: Vec<_> =
            known.facies.iter().filter(|k| is_new(k.0)).map(|&(cell, value)| Known { cell, value }).collect();
        let values: Vec<_> =
            known.values.iter().filter(|k| is_new(k.0)).map(|&(cell, value)| Known { cell, value }).collect();
        if codes.is_empty() && values.is_empty() {
            return Ok(None);
        }
        data.facies.extend(codes);
        data.values.extend(values);
        let started = std::time::Instant::now();
        let priors = Arc::new(Priors::new(&self.case, &data, root, progress)?);
        let prior = started.elapsed().as_secs_f64();
        let mut study = Self::of_priors(self.case.clone(), self.gpu.clone(), priors, self.selected.clone(), progress)?;
        study.seconds.prior = prior;
        Ok(Some(study))
    }
}

/// The scenarios of a case that an earlier run selected: those whose norm is at least a tenth of the largest, and the
/// most probable one where that run judged them.
///
/// # Errors
/// A folder without the summary of a run, or none of whose scenarios is in the case.
pub fn from_run(case: &Case, folder: &Path) -> Result<Vec<usize>> {
    let place = || format!("--scenarios-from {}", folder.display());
    let summary = summary::read(folder)
        .map_err(|e| Error::input(place(), e.to_string(), "name the result folder of a complete run"))?;
    let number = |scenario: &serde_json::Value, key: &str| {
        let value = &scenario[key];
        value.as_f64().or_else(|| value["mean"].as_f64()).unwrap_or(0.0)
    };
    let scenarios = summary["scenarios"].as_array().cloned().unwrap_or_default();
    let largest = |key: &str| scenarios.iter().map(|s| number(s, key)).fold(0.0, f64::max);
    let (norm, probability) = (largest("norm"), largest("probability"));
    // Without a verdict there are no probabilities.
    let is_most_probable = |s: &serde_json::Value| probability > 0.0 && number(s, "probability") == probability;
    let chosen: Vec<&str> = scenarios
        .iter()
        .filter(|s| number(s, "norm") >= ACTIVE_SHARE * norm || is_most_probable(s))
        .filter_map(|s| s["name"].as_str())
        .collect();
    let selected: Vec<usize> =
        (0..case.scenarios.len()).filter(|&p| chosen.contains(&&*case.scenarios[p].name)).collect();
    match selected.is_empty() {
        false => Ok(selected),
        true => Err(Error::input(
            place(),
            format!("that run selected {chosen:?}, and none of them is a scenario of this case"),
            "name the result folder of a run of the same scenarios",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_run_selects_by_norm_and_by_its_verdict_where_it_has_one() {
        let case = Case::load("ch6-pumping-200", &super::super::super::Overrides::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let selected = |scenarios: [(f64, Option<f64>); 4]| {
            let of = |(scenario, (norm, probability)): (&crate::case::file::Scenario, (f64, Option<f64>))| serde_json::json!({"name": scenario.name, "norm": norm, "probability": probability});
            let scenarios: Vec<_> = case.scenarios.iter().zip(scenarios).map(of).collect();
            let summary = serde_json::json!({"format": 1, "scenarios": scenarios}).to_string();
            std::fs::write(folder.path().join("summary.json"), summary).unwrap();
            from_run(&case, folder.path()).unwrap()
        };
        let norms = [0.0, 12.0, 1.1, 3.0];
        assert_eq!(selected(norms.map(|norm| (norm, None))), [1, 3]);
        let probabilities = [0.6, 0.2, 0.1, 0.1].map(Some);
        assert_eq!(selected(std::array::from_fn(|p| (norms[p], probabilities[p]))), [0, 1, 3]);
    }
}
