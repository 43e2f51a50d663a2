//! What the forward model makes of realizations, for the synthetic likelihood of scenarios.

use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use super::super::cache;
use super::super::ensemble::Store;
use super::super::files;
use super::super::observations::Observations;
use super::Study;
use crate::error::{Error, Result};
use crate::inversion::{SyntheticLikelihood, synthetic_likelihoods};
use crate::progress::Progress;
use crate::random::{Purpose, Stream};

/// What simulated data depend on beside their inputs: the version of the forward models.
const VERSION: &str = "simulated data 1";

impl Study {
    /// What the data of so many realizations of each of some scenarios say of them.
    ///
    /// # Errors
    /// [`Error::NoModel`] where their data cannot be compared; [`Error::Interrupted`], and failures of files or devices.
    pub(super) fn synthetic_likelihoods(
        &self,
        observations: &Observations<'_>,
        scenarios: &[usize],
        simulations: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<SyntheticLikelihood>> {
        progress.start("data of realizations", (scenarios.len() * simulations) as u64);
        let simulation = Simulation { study: self, observations, simulations, progress };
        let noisy = scenarios.iter().map(|&p| Ok(simulation.with_errors(p, simulation.found_or_made(p)?)));
        let noisy = noisy.collect::<Result<Vec<_>>>();
        progress.finish();
        let noisy = noisy?;
        let mut is_linear = vec![observations.is_linear(); observations.observed.len()];
        observations.property_data().into_iter().for_each(|i| is_linear[i] = true);
        let views: Vec<_> = noisy.iter().map(|s| s.view()).collect();
        synthetic_likelihoods(&views, &is_linear, observations.observed.view())
    }
}

/// The forward model on the first realizations of scenarios, those of their ensembles and as many beyond as it takes.
struct Simulation<'a> {
    study: &'a Study,
    observations: &'a Observations<'a>,
    simulations: usize,
    progress: &'a dyn Progress,
}

impl Simulation<'_> {
    /// Data of scenario `p` before errors are added, one realization a row, NaN of those that have none: found beside the
    /// realizations as far as they were simulated before.
    fn found_or_made(&self, p: usize) -> Result<Array2<f64>> {
        let Self { study: Study { priors, .. }, observations, simulations, .. } = *self;
        let Some(root) = &priors.root else {
            let mut data = self.none();
            self.fill(p, &mut data)?;
            return Ok(data);
        };
        let mut identity = priors.geologies.scenarios[p].identity.clone();
        let of_ensemble = simulations.min(priors.ensembles[p].len());
        // Instruments hold lists and numbers, whose text leaves nothing out, as that of large arrays would.
        let instruments = observations.instruments();
        identity.extend(format!("\n{VERSION}\n{simulations} {of_ensemble} {instruments:?}").into_bytes());
        let store = Store::new(root, &identity);
        let path = store.folder().join("data.npy");
        let shape = [simulations, observations.observed.len()];
        let kept = ndarray_npy::read_npy(&path).ok().filter(|kept: &Array2<f64>| kept.shape() == shape);
        let is_new = kept.is_none();
        let mut data = kept.unwrap_or_else(|| self.none());
        // What failed before, for want of memory say, is tried again.
        if self.fill(p, &mut data)? > 0 || is_new {
            std::fs::create_dir_all(store.folder()).map_err(|e| Error::file("create", store.folder(), e))?;
            files::array(&path, data.view())?;
        }
        cache::used(root, store.folder());
        Ok(data)
    }

    /// No data yet.
    fn none(&self) -> Array2<f64> {
        Array2::from_elem((self.simulations, self.observations.observed.len()), f64::NAN)
    }

    /// Makes the data of scenario `p` that are missing, NaN; returns of how many realizations it could.
    fn fill(&self, p: usize, data: &mut Array2<f64>) -> Result<usize> {
        let Self { study, observations, simulations, progress } = *self;
        let missing: Vec<usize> = (0..simulations).filter(|&l| data.row(l).iter().any(|x| x.is_nan())).collect();
        progress.advance((simulations - missing.len()) as u64);
        let data_of = |&l: &usize| {
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let field = study.priors.property(&study.case, p, l)?;
            let data = observations.exact().predict(field.view());
            progress.advance(1);
            match data {
                Ok(data) => Ok(Ok(data)),
                Err(error @ (Error::NoModel(_) | Error::Input { .. })) => Ok(Err(error.to_string())),
                Err(other) => Err(other),
            }
        };
        let simulated: Vec<_> = missing.par_iter().map(data_of).collect::<Result<_>>()?;
        let failures: Vec<&String> = simulated.iter().filter_map(|data| data.as_ref().err()).collect();
        if let Some(first) = failures.first() {
            let (count, name) = (failures.len(), &study.case.scenarios[p].name);
            progress
                .warn(&format!("{count} of {simulations} realizations of \"{name}\" have no data; the first: {first}"));
        }
        for (&l, found) in missing.iter().zip(&simulated) {
            if let Ok(found) = found {
                data.row_mut(l).assign(found);
            }
        }
        Ok(missing.len() - failures.len())
    }

    /// Data of scenario `p` with errors drawn from their covariance.
    fn with_errors(&self, p: usize, mut data: Array2<f64>) -> Array2<f64> {
        let m = data.ncols();
        for (l, mut row) in data.axis_iter_mut(Axis(0)).enumerate() {
            let normals = Stream::new(self.study.case.seed, Purpose::SimulatedNoise, l as u64, p as u32).normals(m);
            row += &self.observations.covariance.color(Array1::from(normals).view());
        }
        data
    }
}
