//! The map of facies that a run ends in: a discrete u-step's model rounded, or a parameterized field thresholded.

use ndarray::{Array1, ArrayView1};

use super::observations::Observations;
use super::study::Study;
use super::summary::{Discretized, FaciesMap};
use crate::error::Result;
use crate::inversion::{Estimate, Iteration, Rounded};
use crate::report::metrics::nearest_facies;

/// The last rounding of a discrete u-step: the estimate's model becomes one of facies alone. `None` without such a step.
///
/// # Errors
/// What the forward model returns.
pub(super) fn round(
    study: &Study,
    observations: &Observations<'_>,
    estimate: &mut Estimate,
) -> Result<Option<Rounded>> {
    if study.case.discrete.is_none() {
        return Ok(None);
    }
    let facies = &study.case.property.facies;
    let best = &mut estimate.iterations[estimate.returned];
    let mismatch = |field: ArrayView1<'_, f64>| study.facies_mismatch(observations, field).unwrap_or(0.0);
    let known = observations.reference_facies(facies).map(|_| &mismatch as &dyn Fn(ArrayView1<'_, f64>) -> f64);
    let rounded = Rounded::new(&study.problem(observations), best, &|u| nearest(u, facies), known)?;
    best.row.misfit_mapped = rounded.misfit[0];
    best.row.misfit_model = rounded.misfit[1];
    best.row.mismatch_model = rounded.mismatch.map(|both| both[1]);
    best.model = rounded.model.clone();
    Ok(Some(rounded))
}

/// Every cell at the facies value nearest to it.
pub(super) fn nearest(field: ArrayView1<'_, f64>, facies: &[f64]) -> Array1<f64> {
    field.mapv(|u| facies[nearest_facies(u, facies)])
}

/// The map of facies of a finished run: its model where that is one, else the parameterized field thresholded; `None`
/// where the property has no facies, or a feasible map has said what they are.
pub(super) fn of(study: &Study, best: &Iteration) -> Option<Array1<f64>> {
    let facies = &study.case.property.facies;
    let is_open = study.case.property.has_facies() && study.case.feasible.is_none();
    is_open.then(|| nearest(best.model.view(), facies))
}

/// What the summary says of it.
///
/// # Errors
/// What the forward model returns.
pub(super) fn of_summary(
    study: &Study,
    observations: &Observations<'_>,
    best: &Iteration,
    rounded: Option<&Rounded>,
) -> Result<Option<Discretized>> {
    let facies = &study.case.property.facies;
    let Some(map) = of(study, best) else { return Ok(None) };
    let problem = study.problem(observations);
    let measured = |field: ArrayView1<'_, f64>| -> Result<FaciesMap> {
        let misfit = problem.misfit_of(field)?;
        Ok(FaciesMap { misfit, facies_mismatch: study.facies_mismatch(observations, field) })
    };
    let FaciesMap { misfit, facies_mismatch } = measured(map.view())?;
    Ok(Some(Discretized {
        misfit,
        facies_mismatch,
        thresholded: measured(nearest(best.parameterized.view(), facies).view())?,
        before: match rounded {
            Some(rounded) => FaciesMap { misfit: rounded.misfit[0], facies_mismatch: rounded.mismatch.map(|m| m[0]) },
            None => measured(best.model.view())?,
        },
    }))
}
