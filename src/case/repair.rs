//! From the case's `feasible.repair` to a live repair of the feasible model.

use super::file::{self, Labels};
use super::matching;
use super::observations::Observations;
use super::study::Study;
use crate::inversion::{Repair, RepairOptions};
use crate::prior::stationary_covariance::StationaryCovariance;

/// Realizations of a scenario that the covariance is averaged over: each has many places, so few are enough.
const REALIZATIONS: usize = 100;

/// What a repair needs and what is the same in every iteration.
pub(super) struct Prepared {
    covariance: StationaryCovariance,
    /// Cells whose facies is measured.
    kept: Vec<usize>,
    options: RepairOptions,
}

impl Prepared {
    /// `None` where the case asks for no repair, or its labels are no facies.
    pub(super) fn new(study: &Study, observations: &Observations<'_>) -> Option<Self> {
        let feasible = study.case.feasible.as_ref()?;
        if feasible.repair == file::Repair::None || feasible.labels != Labels::Facies {
            return None;
        }
        let known = if feasible.respect_hard_data {
            matching::hard_data(study, Some(observations), true).facies
        } else {
            Vec::new()
        };
        let ensembles: Vec<_> = study.selected.iter().map(|&p| &study.priors.ensembles[p]).collect();
        Some(Self {
            covariance: StationaryCovariance::new(&ensembles, REALIZATIONS),
            kept: known.into_iter().map(|(cell, _)| cell).collect(),
            options: match observations.is_linear() {
                true => RepairOptions::default(),
                false => RepairOptions::nonlinear(),
            },
        })
    }

    /// The repair of models whose facies have the property `facies`.
    pub(super) fn with<'a>(&'a self, facies: &'a [f64]) -> Repair<'a> {
        Repair { covariance: &self.covariance, facies, kept: &self.kept, options: self.options }
    }
}
