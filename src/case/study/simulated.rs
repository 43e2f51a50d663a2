//! What the forward model makes of realizations, for the synthetic likelihood of scenarios.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::super::cache;
use super::super::ensemble::Store;
use super::super::files;
use super::super::observations::Observations;
use super::Study;
use crate::error::{Error, Result};
use crate::inversion::{Simulated, judge_by_simulations};
use crate::progress::Progress;
use crate::random::{Purpose, Stream};

/// What simulated data depend on beside their inputs: the version of the forward models.
const VERSION: &str = "simulated data 1";

impl Study {
    /// What the data of so many realizations of each of some scenarios say of them.
    ///
    /// # Errors
    /// [`Error::NoModel`] where their data cannot be compared; [`Error::Interrupted`], and failures of files or devices.
    pub(super) fn judge_by_simulations(
        &self,
        observations: &Observations<'_>,
        scenarios: &[usize],
        simulations: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Simulated>> {
        progress.start("data of realizations", (scenarios.len() * simulations) as u64);
        let mut simulated = Vec::new();
        for &p in scenarios {
            let data = self.simulated(observations, p, simulations, progress)?;
            simulated.push(self.with_errors(observations, p, data.view()));
        }
        progress.finish();
        let mut is_linear = vec![observations.is_linear(); observations.observed.len()];
        observations.property_data().into_iter().for_each(|i| is_linear[i] = true);
        let views: Vec<_> = simulated.iter().map(|s| s.view()).collect();
        judge_by_simulations(&views, &is_linear, observations.observed.view())
    }

    /// Data of the first realizations of scenario `p` before errors are added, one a row, without those that have no
    /// model: found beside the realizations where they were simulated before.
    fn simulated(
        &self,
        observations: &Observations<'_>,
        p: usize,
        simulations: usize,
        progress: &dyn Progress,
    ) -> Result<Array2<f64>> {
        let Some(root) = &self.priors.root else { return self.simulate(observations, p, simulations, progress) };
        let mut identity = self.priors.geologies.scenarios[p].identity.clone();
        identity.extend(format!("\n{VERSION}\n{simulations} {:?}", observations.instruments()).into_bytes());
        let store = Store::new(root, &identity);
        let path = store.folder().join("data.npy");
        let kept = ndarray_npy::read_npy(&path).ok();
        let data = match kept.filter(|data: &Array2<f64>| data.ncols() == observations.observed.len()) {
            Some(data) => {
                progress.advance(simulations as u64);
                data
            }
            None => {
                let data = self.simulate(observations, p, simulations, progress)?;
                std::fs::create_dir_all(store.folder()).map_err(|e| Error::file("create", store.folder(), e))?;
                files::array(&path, data.view())?;
                data
            }
        };
        cache::touch(store.folder());
        cache::trim(root, store.folder());
        Ok(data)
    }

    fn simulate(
        &self,
        observations: &Observations<'_>,
        p: usize,
        simulations: usize,
        progress: &dyn Progress,
    ) -> Result<Array2<f64>> {
        let ensemble = &self.priors.ensembles[p];
        let data_of = |l: usize| {
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let data = observations.exact().predict(ensemble.property(l).view());
            progress.advance(1);
            match data {
                Ok(data) => Ok(Some(data)),
                Err(Error::NoModel(_)) => Ok(None),
                Err(other) => Err(other),
            }
        };
        let rows: Vec<Option<Array1<f64>>> = (0..simulations).into_par_iter().map(data_of).collect::<Result<_>>()?;
        let rows: Vec<Array1<f64>> = rows.into_iter().flatten().collect();
        if rows.len() < 2 {
            let name = &self.case.scenarios[p].name;
            return Err(Error::NoModel(format!(
                "{} of {simulations} realizations of \"{name}\" have data",
                rows.len()
            )));
        }
        let mut data = Array2::zeros((rows.len(), observations.observed.len()));
        data.axis_iter_mut(Axis(0)).zip(&rows).for_each(|(mut to, from)| to.assign(from));
        Ok(data)
    }

    /// Simulated data of scenario `p` with errors drawn from their covariance.
    fn with_errors(&self, observations: &Observations<'_>, p: usize, data: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut noisy = data.to_owned();
        for (l, mut row) in noisy.axis_iter_mut(Axis(0)).enumerate() {
            let mut stream = Stream::new(self.case.seed, Purpose::SimulatedNoise, l as u64, p as u32);
            row += &observations.covariance.color(Array1::from(stream.normals(data.ncols())).view());
        }
        noisy
    }
}
