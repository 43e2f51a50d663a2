//! From numbers to live objects: the one place that knows every concrete prior, basis, physics and map by name.

use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, ArrayView4, Axis};

use super::ensemble::{self, Store};
use super::file::{Apply, BasisKind, Case, Regularizer, Returned, Weight};
use super::geology::{self, Geology};
use super::observations::Observations;
use super::summary::{Scenario, Seconds};
use super::{cache, file, matching, repair};
use crate::basis::karhunen_loeve::KarhunenLoeve;
use crate::basis::pca::{Pca, Truncation};
use crate::basis::{Basis, StoredBasis};
use crate::error::{Error, Result};
use crate::feasible::FeasibleMap;
use crate::gpu::Gpu;
use crate::grid::{Ensemble, Grid, Plane};
use crate::inversion::{
    Alternation, Choice, Estimate, FeasibleAtRank, Iteration, Problem, Repair, Schedule, reduced_jacobian,
    truncation_covariance,
};
use crate::linalg::covariance::Covariance;
use crate::operator::Operator;
use crate::prior::{Conditioning, Known};
use crate::progress::Progress;
use crate::report::metrics::{Errors, nearest_facies};
use crate::units::{Dimension, Unit};

/// Everything of a run that does not depend on the reference: prior, ensemble, basis.
pub struct Study {
    /// The case.
    pub case: Case,
    /// The device; `None`: the CPU.
    pub gpu: Option<Arc<Gpu>>,
    /// The geology of the case's scenario.
    pub geology: Geology,
    /// Its realizations.
    pub ensemble: Ensemble,
    /// How many of them were found in the cache.
    pub cached: usize,
    /// Mean of the realizations, n.
    pub prior_mean: Array1<f64>,
    /// The basis.
    pub basis: StoredBasis,
    /// The principal components that it is made of; `None` where it comes from the prior's own covariance.
    pub components: Option<Pca>,
    /// Time so far.
    pub seconds: Seconds,
    /// What should not be overlooked.
    pub warnings: Vec<String>,
}

/// A cut of the realizations' approximation error between those in the basis and others, above which the ensemble is
/// called too small.
const HOLD_OUT_LIMIT: f64 = 1.5;

impl Study {
    /// Draws (or finds) the realizations and builds the basis.
    ///
    /// # Errors
    /// Whatever the geology, the simulation or the basis refuse; [`Error::Interrupted`].
    pub fn new(
        case: Case,
        gpu: Option<Arc<Gpu>>,
        root: Option<&std::path::Path>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let scenario = &case.scenarios[0];
        if case.scenarios.len() > 1 {
            return Err(Error::input(
                "scenario",
                format!("{} scenarios, and an inversion of one", case.scenarios.len()),
                "keep one [[scenario]] in the case",
            ));
        }
        let started = Instant::now();
        let geology = Geology::new(&case, scenario)?;
        let data = conditioning(&case);
        let store = root.map(|root| Store::new(root, &geology.identity));
        let count = case.prior.realizations;
        let (ensemble, cached) = ensemble::simulate(
            &*geology.prior,
            &data,
            &case.property.facies,
            case.seed,
            count,
            store.as_ref(),
            progress,
        )?;
        if let (Some(root), Some(store)) = (root, &store) {
            cache::touch(store.folder());
            cache::trim(root, store.folder());
        }
        let mut seconds = Seconds { prior: started.elapsed().as_secs_f64(), ..Seconds::default() };
        let started = Instant::now();
        let mut warnings = Vec::new();
        let (basis, components) = build_basis(&case, scenario, &ensemble, &mut warnings, progress)?;
        let prior_mean = mean(&ensemble);
        seconds.basis = started.elapsed().as_secs_f64();
        for warning in &warnings {
            progress.warn(warning);
        }
        Ok(Self { case, gpu, geology, ensemble, cached, prior_mean, basis, components, seconds, warnings })
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.case.grid
    }

    /// Realization `k` as a reference: never a member of the ensemble where `k` is at least their number. Its property
    /// and, where the prior has them, its facies.
    pub fn draw(&self, k: u64) -> Result<(Array1<f64>, Option<Vec<u8>>)> {
        let data = conditioning(&self.case);
        let drawn = self.geology.prior.realization(&data, self.case.seed, k)?;
        let values = self.case.property.facies.as_slice();
        let property = match (&drawn.values, &drawn.facies) {
            (Some(field), _) => field.iter().map(|&x| f64::from(x)).collect(),
            (None, Some(codes)) => codes.iter().map(|&code| values[usize::from(code)]).collect(),
            (None, None) => Array1::zeros(0),
        };
        Ok((property, drawn.facies))
    }

    /// The inversion of one set of observations; `finished` sees each iteration.
    pub fn invert(
        &self,
        observations: &Observations<'_>,
        done: Vec<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let schedule = self.schedule(observations);
        let facies = &self.case.property.facies;
        let truth = observations.reference_facies(facies);
        let mismatch = |field: ArrayView1<'_, f64>| {
            let wrong = |(&u, &code): (&f64, &u8)| usize::from(nearest_facies(u, facies) != usize::from(code));
            field.iter().zip(truth.iter().flatten()).map(wrong).sum::<usize>() as f64 / field.len() as f64
        };
        let at_rank = AtRank::new(self, observations)?;
        let alternation = Alternation {
            problem: self.problem(observations),
            schedule: &schedule,
            at_rank: &at_rank,
            start: self.prior_mean.view(),
            coefficients: None,
            mismatch: if truth.is_some() { Some(&mismatch) } else { None },
        };
        alternation.run(done, finished, progress)
    }

    fn problem<'a>(&'a self, observations: &'a Observations<'a>) -> Problem<'a> {
        Problem {
            forward: &observations.forward,
            exact: &observations.exact,
            basis: &self.basis,
            observed: observations.observed.view(),
            covariance: &observations.covariance,
        }
    }

    fn schedule(&self, observations: &Observations) -> Schedule {
        let (inversion, columns) = (&self.case.inversion, self.basis.rank());
        let rank = |k| self.case.basis.rank.at(k, inversion.iterations).map_or(columns, |rank| rank.min(columns));
        let tied = self.case.feasible.is_some() && inversion.apply == Apply::Every;
        // An error level that the data chose leaves nothing for the discrepancy principle to choose.
        let weight = match if tied { inversion.coupling } else { inversion.weight } {
            Weight::Fixed(lambda) => Choice::Fixed(lambda * lambda),
            Weight::Auto if !tied && observations.estimated => Choice::Fixed(1.0),
            Weight::Auto => Choice::Discrepancy,
        };
        let sigma = self.basis.standard_deviations().map(|s| s.to_owned());
        Schedule {
            ranks: (0..inversion.iterations).map(rank).collect(),
            steps: inversion.steps,
            weight,
            coefficient_sigma: sigma.filter(|_| inversion.regularizer == Regularizer::Gaussian),
            all_iterations: inversion.tolerance == 0.0,
            return_last: inversion.returned == Returned::Last,
            map_last: inversion.apply == Apply::Last,
            sparsity: None,
            coupling_factor: 1.0,
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
        let varies = !self.case.scenarios[0].variability.is_empty();
        varies.then(|| field.mapv(|u| facies[nearest_facies(u, facies)]))
    }

    /// The field in the basis that is nearest to the reference.
    pub fn best_achievable(&self, reference: ArrayView1<'_, f64>) -> Array1<f64> {
        let basis = &self.basis;
        basis.expand(basis.project(reference).view())
    }

    /// Shares of the scenarios in an iterate.
    pub fn scenario_shares(&self, iterate: &Iteration) -> Vec<Scenario> {
        let norm = iterate.v.dot(&iterate.v).sqrt();
        vec![Scenario { name: self.case.scenarios[0].name.clone(), norm, contribution: 1.0, probability: 1.0 }]
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

    /// The unit of travel times in files.
    pub fn time_unit(&self) -> Unit {
        self.case.data.as_ref().map_or_else(|| Dimension::Time.si(), |data| data.columns.time_unit)
    }
}

/// What realizations are conditioned on: the hard data, where the case says so.
pub(super) fn conditioning(case: &Case) -> Conditioning {
    let mut out = Conditioning::default();
    for datum in
        case.hard_data.iter().filter(|_| case.prior.condition != file::Condition::Nothing).flat_map(|h| &h.cells)
    {
        let cell = case.grid.index(datum.cell);
        match datum.known {
            file::Hard::Facies(value) => out.facies.push(Known { cell, value }),
            file::Hard::Value(value) => out.values.push(Known { cell, value }),
        }
    }
    out
}

fn build_basis(
    case: &Case,
    scenario: &file::Scenario,
    ensemble: &Ensemble,
    warnings: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<(StoredBasis, Option<Pca>)> {
    let truncation = match (case.basis.rank.largest(), case.basis.rank) {
        (_, file::Rank::Energy(fraction)) => Truncation::Energy(fraction),
        (rank, _) => Truncation::Rank(rank.unwrap_or(1)),
    };
    match case.basis.kind {
        BasisKind::Pca => {
            let pca = Pca::new(ensemble, truncation, case.basis.center, progress)?;
            let held_out = Pca::hold_out(ensemble, pca.basis.rank(), case.basis.center)?;
            if held_out.outside > HOLD_OUT_LIMIT * held_out.inside {
                warnings.push(format!(
                    "{} realizations are few for rank {}: a basis of {} of them misses {:.0} % of the others' deviation \
                     from the mean, {:.0} % of their own",
                    ensemble.len(),
                    held_out.rank,
                    held_out.kept,
                    100.0 * held_out.outside,
                    100.0 * held_out.inside
                ));
            }
            Ok((pca.basis.clone(), Some(pca)))
        }
        BasisKind::Hybrid => Err(Error::input(
            "basis.kind",
            "\"hybrid\", and an inversion of one scenario",
            "choose \"pca\", or give several scenarios",
        )),
        BasisKind::KarhunenLoeve => {
            let file::Geology::Gaussian(gaussian) = &scenario.geology else {
                return Err(Error::input(
                    "basis.kind",
                    "\"karhunen-loeve\" for a scenario that is no Gaussian field",
                    "choose \"pca\"",
                ));
            };
            let variogram = geology::variogram(gaussian, scenario.azimuth)?;
            let mean = Array1::from_elem(case.grid.len(), gaussian.mean);
            let kl = KarhunenLoeve::new(&case.grid, |lag| variogram.covariance(lag), mean, truncation)?;
            Ok((kl.basis, None))
        }
    }
}

/// Mean of all realizations, summed in their order.
fn mean(ensemble: &Ensemble) -> Array1<f64> {
    let mut sum = Array1::zeros(ensemble.grid.len());
    for l in 0..ensemble.len() {
        sum += &ensemble.property(l);
    }
    sum / ensemble.len() as f64
}

/// What changes with the rank: the feasible map's learning set, and the truncation error in the data.
struct AtRank<'a> {
    study: &'a Study,
    observations: &'a Observations<'a>,
    /// Data of the prior realizations less those of their mean, m × L; `None` where truncation errors are not counted.
    deviations: Option<Array2<f64>>,
    /// What the u-step's repair needs; `None` without repairs.
    repair: Option<repair::Prepared>,
}

/// Data beyond which the truncation error's m × m covariance is not formed.
const LARGEST_DENSE_COVARIANCE: usize = 2000;

impl<'a> AtRank<'a> {
    fn new(study: &'a Study, observations: &'a Observations<'a>) -> Result<Self> {
        let m = observations.observed.len();
        let counted =
            study.case.inversion.truncation_error && m <= LARGEST_DENSE_COVARIANCE && study.components.is_some();
        let deviations = match counted {
            false => None,
            true => {
                let at_mean = observations.exact.predict(study.basis.mean())?;
                let mut deviations = Array2::zeros((m, study.ensemble.len()));
                for (l, mut column) in deviations.axis_iter_mut(Axis(1)).enumerate() {
                    let predicted = observations.exact.predict(study.ensemble.property(l).view())?;
                    column.assign(&(predicted - &at_mean));
                }
                Some(deviations)
            }
        };
        Ok(Self { study, observations, deviations, repair: repair::Prepared::new(study) })
    }
}

impl FeasibleAtRank for AtRank<'_> {
    fn feasible(&self) -> bool {
        self.study.case.feasible.is_some()
    }

    fn map(&self, v: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>> {
        let Some(feasible) = &self.study.case.feasible else {
            return Err(Error::input("feasible", "there is none", "add [feasible] to the case"));
        };
        matching::map(self.study, feasible, v.len())
    }

    fn repair(&self) -> Option<Repair<'_>> {
        self.repair.as_ref().map(|prepared| prepared.with(&self.study.case.property.facies))
    }

    fn covariance(&self, rank: usize) -> Result<Option<Covariance>> {
        let (Some(deviations), Some(pca)) = (&self.deviations, &self.study.components) else { return Ok(None) };
        let basis = pca.basis.at_rank(rank);
        let at = self.observations.exact.linearize(basis.mean())?;
        let jacobian = reduced_jacobian(&*at.jacobian, &basis);
        let carried = jacobian.dot(&pca.coefficients.slice(ndarray::s![..rank, ..]));
        truncation_covariance(&self.observations.covariance, (deviations - &carried).view()).map(Some)
    }
}
