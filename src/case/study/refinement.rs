//! Zones that are cut where the data ask for it.

use std::sync::Arc;

use ndarray::{Array1, ArrayView1};

use super::super::file::BasisKind;
use super::super::observations::Observations;
use super::Study;
use super::parameterization::Parameterization;
use crate::error::Result;
use crate::operator::{LinearOperator, finite};
use crate::progress::Progress;

/// Misfits below this multiple of the number of data leave nothing that finer zones could explain.
const MET: f64 = 1.01;

impl Study {
    /// The most zones that the zones of this study are cut into, where its case says so.
    pub(super) fn zones_wanted(&self) -> Option<usize> {
        match self.case.basis.kind {
            BasisKind::Zonation { refined, .. } => refined,
            _ => None,
        }
    }

    /// This study with its zones cut until there are `count` of them or the data are met: the observations are inverted
    /// on the zones that there are, then as many are cut again as there are, where the gradient of the misfit by the
    /// property, `2 Gᵀ C⁻¹ (g(u) − d)` at the result, changes most.
    ///
    /// # Errors
    /// What an inversion returns.
    pub(super) fn refined(
        &self,
        count: usize,
        observations: &Observations<'_>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut study = self.clone();
        while let Some(explicit) = study.parameterization.explicit().filter(|e| e.basis().cols() < count) {
            let zones = explicit.basis().cols();
            progress.note(&format!("inversion on {zones} zones"));
            let estimate = study.invert(observations, Vec::new(), &mut |_| Ok(()), progress)?;
            let best = estimate.best();
            let (misfit, gradient) = study.misfit(observations, best.parameterized.view())?;
            if misfit <= MET * observations.observed.len() as f64 {
                break;
            }
            let wanted = count.min(2 * zones);
            let Some(cut) = explicit.refined(best.v.view(), gradient.view(), wanted, &study, progress)? else { break };
            study.parameterization = Arc::new(Parameterization::Explicit(cut));
        }
        Ok(study)
    }

    /// The misfit of a field and its gradient. What zones cannot describe counts as misfit here: finer ones can.
    fn misfit(&self, observations: &Observations<'_>, u: ArrayView1<'_, f64>) -> Result<(f64, Array1<f64>)> {
        let problem = self.problem(observations);
        let at = problem.forward.linearize(u)?;
        let residual = problem.covariance.whiten((&at.value - &problem.observed).view());
        let gradient = at.jacobian.adjoint(problem.covariance.adjoint(residual.view()).view());
        Ok((residual.dot(&residual), finite(gradient, &*at.jacobian)? * 2.0))
    }
}
