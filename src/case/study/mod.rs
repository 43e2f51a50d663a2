//! From numbers to live objects: the one place that knows every concrete prior, basis, physics and map by name.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayView3, ArrayView4, Axis, s};

use super::file::{Case, Condition, Rank};
use super::observations::Observations;
use super::summary::Seconds;
use crate::basis::Basis;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::{Grid, Plane};
use crate::progress::Progress;
use crate::report::metrics::{Errors, nearest_facies};

mod dictionary;
mod explicit;
mod inversion;
mod parameterization;
mod prior;
mod refinement;
mod scenarios;
mod selection;
mod simulated;
mod truncation;
mod verdict;

pub(super) use explicit::columns as basis_columns;
pub use explicit::{Explicit, Grouped};
pub use parameterization::{Parameterization, UnknownKind};
pub(super) use prior::conditioning;
pub use prior::{Drawn, Priors};
pub use scenarios::hits;
pub use selection::from_run;
pub use verdict::{Opinion, judged_by};

/// Everything of a run that does not depend on the reference: priors, ensembles, basis. A copy shares them.
#[derive(Clone)]
pub struct Study {
    /// The case.
    pub case: Case,
    /// The device; `None`: the CPU.
    pub gpu: Option<Arc<Gpu>>,
    /// The scenarios and their realizations.
    pub priors: Arc<Priors>,
    /// The scenarios in use, by number: all, or those that a selection left. The basis has a block for each of them.
    pub selected: Vec<usize>,
    /// The verdict that they were selected by, where they were.
    pub opinions: Option<Vec<Opinion>>,
    /// Mean of the realizations of the scenarios in use, n.
    pub prior_mean: Array1<f64>,
    /// The basis.
    pub parameterization: Arc<Parameterization>,
    /// Time so far.
    pub seconds: Seconds,
    /// What should not be overlooked.
    pub warnings: Vec<String>,
}

impl Study {
    /// Draws (or finds) the realizations and builds the basis of the scenarios `selected`, all of them where there is no
    /// choice. A case that selects scenarios by itself gets the basis that it selects with, see [`Study::for_observations`].
    ///
    /// # Errors
    /// Whatever the geology, the simulation or the basis refuse; [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn new(
        case: Case,
        gpu: Option<Arc<Gpu>>,
        root: Option<&Path>,
        selected: Option<Vec<usize>>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let started = Instant::now();
        let priors = Arc::new(Priors::new(&case, &conditioning(&case), root, progress)?);
        let prior = started.elapsed().as_secs_f64();
        let selected = selected.unwrap_or_else(|| (0..case.scenarios.len()).collect());
        let mut study = Self::of_priors(case, gpu, priors, selected, progress)?;
        study.seconds.prior = prior;
        Ok(study)
    }

    /// Whether a case has this study's realizations and its basis.
    pub fn shares_basis(&self, case: &Case) -> bool {
        same_prior(&self.case, case)
            && self.case.basis == case.basis
            && self.case.selection == case.selection
            && explicit::groups_in_use(&self.case) == explicit::groups_in_use(case)
    }

    fn of_priors(
        case: Case,
        gpu: Option<Arc<Gpu>>,
        priors: Arc<Priors>,
        selected: Vec<usize>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut warnings = Vec::new();
        let first = selection::first_stage(&case);
        let mut of_basis = first.as_ref().unwrap_or(&case).clone();
        if let Some(approximation) = &case.approximation {
            // As many columns as the largest energy takes.
            of_basis.basis.rank = Rank::Energy(approximation.energies.iter().copied().fold(0.0, f64::max));
        }
        let parameterization = Parameterization::new(&of_basis, &priors, &selected, &mut warnings, progress)?;
        let parameterization = Arc::new(parameterization);
        for warning in &warnings {
            progress.warn(warning);
        }
        let prior_mean = priors.mean(&selected);
        let seconds = Seconds { basis: started.elapsed().as_secs_f64(), ..Seconds::default() };
        Ok(Self { case, gpu, priors, selected, opinions: None, prior_mean, parameterization, seconds, warnings })
    }

    /// The study of a variant of this case, which shares what is the same.
    ///
    /// # Errors
    /// As [`Study::new`].
    pub fn variant(&self, mut case: Case, root: Option<&Path>, progress: &dyn Progress) -> Result<Self> {
        case.seed = self.case.seed;
        if !same_prior(&self.case, &case) {
            let selected = (self.case.scenarios == case.scenarios).then(|| self.selected.clone());
            return Self::new(case, self.gpu.clone(), root, selected, progress);
        }
        if self.shares_basis(&case) {
            return Ok(Self { case, ..self.clone() });
        }
        Self::of_priors(case, self.gpu.clone(), Arc::clone(&self.priors), self.selected.clone(), progress)
    }

    /// The basis.
    pub fn basis(&self) -> &dyn Basis {
        self.parameterization.basis()
    }

    /// The parameters before anything is observed: the prior mean, and that of what else is unknown.
    pub fn initial(&self) -> Array1<f64> {
        if self.parameterization.is_extended() { self.basis().mean().to_owned() } else { self.prior_mean.clone() }
    }

    /// The property of the cells among all parameters.
    pub fn field<'a>(&self, parameters: ArrayView1<'a, f64>) -> ArrayView1<'a, f64> {
        parameters.slice_move(s![..self.grid().len()])
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.case.grid
    }

    /// Reference `number`: never a member of an ensemble.
    ///
    /// # Errors
    /// Whatever the prior refuses.
    pub fn reference(&self, number: u64) -> Result<Drawn> {
        self.priors.reference(&self.case, number)
    }

    /// Errors of a field against the observations' reference over the active cells, in the property's unit.
    pub fn errors(&self, observations: &Observations<'_>, field: ArrayView1<'_, f64>) -> Option<Errors> {
        let (property, active) = (&self.case.property, self.active_cells());
        let reported = |field: ArrayView1<'_, f64>| field.select(Axis(0), &active).mapv(|u| property.reported(u));
        let reference = reported(observations.reference.as_ref()?.view());
        let facies: Vec<f64> = property.facies.iter().map(|&u| property.reported(u)).collect();
        let mut errors = Errors::between(reference.view(), reported(field).view(), &facies);
        // Inside a facies that varies, the reference's own facies count, not the values nearest to it.
        errors.facies_mismatch = self.facies_mismatch(observations, field).or(errors.facies_mismatch);
        Some(errors)
    }

    /// Share of the active cells whose facies is not the reference's; `None` without facies or reference.
    pub fn facies_mismatch(&self, observations: &Observations<'_>, field: ArrayView1<'_, f64>) -> Option<f64> {
        let (facies, active) = (&self.case.property.facies, self.active_cells());
        let truth = observations.reference_facies(facies)?;
        let is_wrong = |&&cell: &&usize| nearest_facies(field[cell], facies) != usize::from(truth[cell]);
        Some(active.iter().filter(is_wrong).count() as f64 / active.len() as f64)
    }

    /// Cells whose property matters: all but those without flow.
    fn active_cells(&self) -> Vec<usize> {
        let active = self.case.active();
        (0..self.grid().len()).filter(|&cell| active.as_ref().is_none_or(|active| active[cell])).collect()
    }

    /// A field with every cell at the value of its facies; `None` where the property varies with the facies alone.
    pub fn filled_with_means(&self, field: ArrayView1<'_, f64>) -> Option<Array1<f64>> {
        let facies = &self.case.property.facies;
        let varies = !self.case.scenarios.iter().all(|scenario| scenario.variability.is_empty());
        varies.then(|| field.mapv(|u| facies[nearest_facies(u, facies)]))
    }

    /// The field in the basis that is nearest to the reference.
    pub fn best_achievable(&self, reference: ArrayView1<'_, f64>) -> Array1<f64> {
        let basis = self.basis();
        basis.expand(basis.nearest(reference).view())
    }

    /// A field in the property's unit.
    pub fn reported(&self, field: ArrayView1<'_, f64>) -> Array1<f64> {
        field.mapv(|u| self.case.property.reported(u))
    }

    /// A field as `[nz, ny, nx]`.
    pub fn shaped<'a, T>(&self, field: ArrayView1<'a, T>) -> ArrayView3<'a, T> {
        let [nz, ny, nx] = self.grid().shape();
        field.into_shape_with_order((nz, ny, nx)).expect("n = nz · ny · nx")
    }

    /// Layers of fields, K × n, as `[K, nz, ny, nx]`.
    pub fn shaped_layers<'a, T>(&self, layers: ArrayView2<'a, T>) -> ArrayView4<'a, T> {
        let [nz, ny, nx] = self.grid().shape();
        let k = layers.nrows();
        layers.into_shape_with_order((k, nz, ny, nx)).expect("n = nz · ny · nx")
    }

    /// Coordinates \[m\] as files give them, x, y, z: in a section the second axis is the depth z.
    pub fn file_coordinates(&self, [a, b, c]: [f64; 3]) -> [f64; 3] {
        match self.case.grid.plane {
            Plane::Xy => [a, b, c],
            Plane::Xz => [a, 0.0, b],
        }
    }
}

/// Whether two cases draw the same realizations, but for those that every reference conditions anew.
fn same_prior(a: &Case, b: &Case) -> bool {
    let condition = |case: &Case| match case.prior.condition {
        Condition::All => None,
        other => Some(other),
    };
    let same_condition = match (condition(a), condition(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    same_condition
        && a.prior.realizations == b.prior.realizations
        && a.prior.method == b.prior.method
        && (&a.grid, &a.property, a.seed) == (&b.grid, &b.property, b.seed)
        && (&a.scenarios, &a.stack, &a.hard_data) == (&b.scenarios, &b.stack, &b.hard_data)
}
