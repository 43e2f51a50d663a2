//! From numbers to live objects: the one place that knows every concrete prior, basis, physics and map by name.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayView3, ArrayView4};

use super::file::Case;
use super::observations::Observations;
use super::summary::Seconds;
use crate::basis::Basis;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::{Grid, Plane};
use crate::progress::Progress;
use crate::report::metrics::{Errors, nearest_facies};

mod inversion;
mod parameterization;
mod prior;
mod scenarios;
mod verdict;

pub use parameterization::Parameterization;
pub(super) use prior::conditioning;
pub use prior::{Drawn, Priors};
pub use verdict::Opinion;

/// Everything of a run that does not depend on the reference: priors, ensembles, basis.
pub struct Study {
    /// The case.
    pub case: Case,
    /// The device; `None`: the CPU.
    pub gpu: Option<Arc<Gpu>>,
    /// The scenarios and their realizations.
    pub priors: Priors,
    /// Mean of the realizations of all scenarios, n.
    pub prior_mean: Array1<f64>,
    /// The basis.
    pub parameterization: Parameterization,
    /// Time so far.
    pub seconds: Seconds,
    /// What should not be overlooked.
    pub warnings: Vec<String>,
}

impl Study {
    /// Draws (or finds) the realizations and builds the basis.
    ///
    /// # Errors
    /// Whatever the geology, the simulation or the basis refuse; [`Error::Interrupted`].
    pub fn new(case: Case, gpu: Option<Arc<Gpu>>, root: Option<&Path>, progress: &dyn Progress) -> Result<Self> {
        let started = Instant::now();
        let priors = Priors::new(&case, &conditioning(&case), root, progress)?;
        let mut seconds = Seconds { prior: started.elapsed().as_secs_f64(), ..Seconds::default() };
        let started = Instant::now();
        let mut warnings = Vec::new();
        let parameterization = Parameterization::new(&case, &priors, &mut warnings, progress)?;
        let prior_mean = priors.mean();
        seconds.basis = started.elapsed().as_secs_f64();
        for warning in &warnings {
            progress.warn(warning);
        }
        Ok(Self { case, gpu, priors, prior_mean, parameterization, seconds, warnings })
    }

    /// The basis.
    pub fn basis(&self) -> &dyn Basis {
        self.parameterization.basis()
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

    /// The scenarios whose `‖v_i‖₂` is at least `threshold` of the largest; all of them without a threshold or without
    /// columns of their own.
    pub fn active(&self, v: ArrayView1<'_, f64>, threshold: Option<f64>) -> Vec<usize> {
        let all = 0..self.case.scenarios.len();
        match (threshold, self.parameterization.energies(v)) {
            (Some(threshold), Some(energies)) => {
                let largest = energies.iter().copied().fold(0.0, f64::max);
                all.filter(|&p| energies[p].sqrt() >= threshold * largest.sqrt()).collect()
            }
            _ => all.collect(),
        }
    }

    /// Errors of a field against the observations' reference, in the property's unit.
    pub fn errors(&self, observations: &Observations<'_>, field: ArrayView1<'_, f64>) -> Option<Errors> {
        let reference = self.reported(observations.reference.as_ref()?.view());
        let facies: Vec<f64> = self.case.property.facies.iter().map(|&u| self.case.property.reported(u)).collect();
        let mut errors = Errors::between(reference.view(), self.reported(field).view(), &facies);
        // Inside a facies that varies, the reference's own facies count, not the values nearest to it.
        if let Some(truth) = observations.reference_facies(&self.case.property.facies) {
            let wrong = field
                .iter()
                .zip(&truth)
                .filter(|&(&u, &code)| nearest_facies(u, &self.case.property.facies) != usize::from(code))
                .count();
            errors.facies_mismatch = Some(wrong as f64 / truth.len() as f64);
        }
        Some(errors)
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
