//! The scenarios' realizations, and the references that are none of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::super::cache;
use super::super::ensemble::{self, Store};
use super::super::file::{self, Case, Condition, Method, ReferenceSource};
use super::super::geology::{self, Geologies};
use crate::basis::{Origin, Realizations};
use crate::error::Result;
use crate::grid::{Ensemble, StackedEnsemble};
use crate::prior::{Conditioning, Known, Prior};
use crate::progress::Progress;
use crate::random::{Purpose, Stream};

/// Added to the number of a realization that is drawn beyond its ensemble: the numbers there are those of references.
const BEYOND: u64 = 1 << 41;

/// Every scenario's prior and realizations.
pub struct Priors {
    /// The scenarios.
    pub geologies: Geologies,
    /// L realizations of each scenario.
    pub ensembles: Vec<Ensemble>,
    /// Realizations of the units that stacked scenarios share.
    units: Vec<Arc<Ensemble>>,
    /// What the realizations are conditioned on.
    data: Conditioning,
    /// How many realizations were found in the cache.
    pub cached: usize,
    /// Where they are kept, and what is learned of them.
    pub root: Option<PathBuf>,
}

/// A model that synthetic data come from.
pub struct Drawn {
    /// The carried property, n.
    pub property: Array1<f64>,
    /// Its facies, where the prior has them.
    pub codes: Option<Vec<u8>>,
    /// The scenarios that it was drawn from; none for a field that is of none.
    pub scenarios: Vec<usize>,
}

impl Priors {
    /// Draws (or finds in `root`) the realizations of all scenarios, conditioned on `data`.
    ///
    /// # Errors
    /// Whatever a geology or the simulation refuses; [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn new(case: &Case, data: &Conditioning, root: Option<&Path>, progress: &dyn Progress) -> Result<Self> {
        let mut geologies = Geologies::new(case)?;
        if case.prior.condition == Condition::All {
            // What was observed tells realizations of one reference from those of another.
            let observed = format!("{data:?}").into_bytes();
            geologies.scenarios.iter_mut().for_each(|geology| geology.identity.extend(&observed));
            geologies.units.iter_mut().for_each(|unit| unit.identity.extend(&observed));
        }
        let mut drawing = Drawing { case, root, progress, cached: 0 };
        let mut units = Vec::new();
        for shared in &geologies.units {
            let own = shared.unit.conditioning(data);
            units.push(Arc::new(drawing.ensemble(&*shared.unit, &own, &shared.identity)?));
        }
        let mut ensembles = Vec::new();
        for (geology, scenario) in geologies.scenarios.iter().zip(&case.scenarios) {
            if geologies.scenarios.len() > 1 && geology.units.is_empty() {
                progress.note(&format!("scenario \"{}\"", scenario.name));
            }
            ensembles.push(match &geology.units[..] {
                [] => drawing.ensemble(&*geology.prior, data, &geology.identity)?,
                parts => {
                    let parts = parts.iter().map(|&u| Arc::clone(&units[u])).collect();
                    let stack = StackedEnsemble::new(case.grid, parts);
                    stack.gather(0..stack.len())
                }
            });
        }
        let cached = drawing.cached;
        Ok(Self { geologies, ensembles, units, data: data.clone(), cached, root: root.map(Path::to_owned) })
    }

    /// Mean of the realizations of some scenarios, summed in their order.
    pub fn mean(&self, scenarios: &[usize]) -> Array1<f64> {
        let mut sum = Array1::zeros(self.ensembles[0].grid.len());
        self.fields(scenarios).for_each(|field| sum += &field);
        sum / self.count(scenarios) as f64
    }

    /// Number of realizations of some scenarios.
    pub fn count(&self, scenarios: &[usize]) -> usize {
        scenarios.iter().map(|&p| self.ensembles[p].len()).sum()
    }

    /// The realizations of some scenarios, one scenario's after the other's.
    pub fn fields(&self, scenarios: &[usize]) -> impl Iterator<Item = Array1<f64>> {
        let ensembles = scenarios.iter().map(|&p| &self.ensembles[p]);
        ensembles.flat_map(|ensemble| (0..ensemble.len()).map(|l| ensemble.property(l)))
    }

    /// What scenario bases are made about where the mean is kept: the background's value of facies, or the mean of a
    /// continuous property over all realizations of all scenarios.
    pub fn origin(&self, case: &Case) -> f64 {
        match (&self.ensembles[0].values, case.property.facies.first()) {
            (None, Some(&background)) => background,
            _ => self.mean(&(0..self.ensembles.len()).collect::<Vec<_>>()).mean().unwrap_or(0.0),
        }
    }

    /// The realizations of some scenarios about one value, with their inner products: those of stacks are sums over
    /// their units, each computed once.
    ///
    /// # Errors
    /// A property that is not finite.
    pub fn realizations(
        &self,
        scenarios: &[usize],
        value: f64,
        progress: &dyn Progress,
    ) -> Result<Vec<Realizations<'_>>> {
        progress.start("inner products of realizations", (self.units.len() + scenarios.len()) as u64);
        let mut of_units: Vec<Array2<f64>> = Vec::new();
        for unit in &self.units {
            of_units.push(Realizations::new(unit, Origin::Value(value))?.gram().to_owned());
            progress.advance(1);
        }
        let mut all = Vec::new();
        for (ensemble, geology) in scenarios.iter().map(|&p| (&self.ensembles[p], &self.geologies.scenarios[p])) {
            let realizations = match &geology.units[..] {
                [] => Realizations::new(ensemble, Origin::Value(value))?,
                parts => {
                    let mut sum = Array2::zeros((ensemble.len(), ensemble.len()));
                    parts.iter().for_each(|&unit| sum += &of_units[unit]);
                    Realizations::with_gram(ensemble, value, sum)?
                }
            };
            all.push(realizations);
            progress.advance(1);
        }
        progress.finish();
        Ok(all)
    }

    /// The reference `number` of a case (1 is the first beyond the ensembles), which honours the hard data.
    ///
    /// # Errors
    /// Whatever the prior refuses.
    pub fn reference(&self, case: &Case, number: u64) -> Result<Drawn> {
        let k = case.prior.realizations as u64 + number - 1;
        match case.reference.as_ref().map(|r| &r.source) {
            None => self.draw(case, 0, k),
            Some(ReferenceSource::Scenario(p)) => self.draw(case, *p, k),
            Some(ReferenceSource::Random) => {
                let p = Stream::new(case.seed, Purpose::Reference, number, 0).below(case.scenarios.len() as u64);
                self.draw(case, p as usize, k)
            }
            Some(ReferenceSource::Mixed(parts)) => self.mixed(case, parts, k),
            Some(ReferenceSource::Gaussian(gaussian)) => {
                let field = geology::field(case.grid, gaussian, 0.0, &Method::Gaussian)?;
                let drawn = field.realization(&hard_data(case), case.seed, k)?;
                let values = drawn.values.unwrap_or_default();
                let property = values.iter().map(|&x| f64::from(x)).collect();
                Ok(Drawn { property, codes: None, scenarios: Vec::new() })
            }
        }
    }

    /// The property of realization `l` of scenario `p`, conditioned as its ensemble: one of these, or one drawn beyond
    /// them and not kept.
    ///
    /// # Errors
    /// Whatever the prior refuses.
    pub fn property(&self, case: &Case, p: usize, l: usize) -> Result<Array1<f64>> {
        let ensemble = &self.ensembles[p];
        match l < ensemble.len() {
            true => Ok(ensemble.property(l)),
            false => Ok(self.drawn(case, &self.data, p, BEYOND + l as u64)?.property),
        }
    }

    /// Realization `k` of scenario `p`, which honours the hard data.
    ///
    /// # Errors
    /// Whatever the prior refuses.
    pub fn draw(&self, case: &Case, p: usize, k: u64) -> Result<Drawn> {
        self.drawn(case, &hard_data(case), p, k)
    }

    fn drawn(&self, case: &Case, data: &Conditioning, p: usize, k: u64) -> Result<Drawn> {
        let drawn = self.geologies.scenarios[p].prior.realization(data, case.seed, k)?;
        let values = &case.property.facies;
        let property = match (&drawn.values, &drawn.facies) {
            (Some(field), _) => field.iter().map(|&x| f64::from(x)).collect(),
            (None, Some(codes)) => codes.iter().map(|&code| values[usize::from(code)]).collect(),
            (None, None) => Array1::zeros(0),
        };
        Ok(Drawn { property, codes: drawn.facies, scenarios: vec![p] })
    }

    /// Strips of realization `k` of several scenarios, see [`file::part`].
    fn mixed(&self, case: &Case, parts: &[usize], k: u64) -> Result<Drawn> {
        let drawn = parts.iter().map(|&p| self.draw(case, p, k)).collect::<Result<Vec<_>>>()?;
        let azimuth = case.scenarios[parts[0]].azimuth;
        let of_cell = |cell: usize| &drawn[file::part(&case.grid, case.grid.cell(cell), parts.len(), azimuth)];
        let cells = 0..case.grid.len();
        let coded = drawn.iter().all(|d| d.codes.is_some());
        Ok(Drawn {
            property: cells.clone().map(|c| of_cell(c).property[c]).collect(),
            codes: coded.then(|| cells.filter_map(|c| of_cell(c).codes.as_ref().map(|codes| codes[c])).collect()),
            scenarios: parts.to_vec(),
        })
    }
}

/// Ensembles on their way.
struct Drawing<'a> {
    case: &'a Case,
    root: Option<&'a Path>,
    progress: &'a dyn Progress,
    cached: usize,
}

impl Drawing<'_> {
    fn ensemble(&mut self, prior: &dyn Prior, data: &Conditioning, identity: &[u8]) -> Result<Ensemble> {
        let Self { case, root, progress, .. } = *self;
        let store = root.map(|root| Store::new(root, identity));
        let count = case.prior.realizations;
        let facies = &case.property.facies;
        let (ensemble, cached) = ensemble::simulate(prior, data, facies, case.seed, count, store.as_ref(), progress)?;
        self.cached += cached;
        if let (Some(root), Some(store)) = (root, &store) {
            cache::used(root, store.folder());
        }
        Ok(ensemble)
    }
}

/// What realizations are conditioned on: the hard data, where the case says so.
pub(in crate::case) fn conditioning(case: &Case) -> Conditioning {
    match case.prior.condition {
        Condition::Nothing => Conditioning::default(),
        Condition::HardData | Condition::All => hard_data(case),
    }
}

/// The hard data of a case.
fn hard_data(case: &Case) -> Conditioning {
    let mut out = Conditioning::default();
    for datum in case.hard_data.iter().flat_map(|h| &h.cells) {
        let cell = case.grid.index(datum.cell);
        match datum.known {
            file::Hard::Facies(value) => out.facies.push(Known { cell, value }),
            file::Hard::Value(value) => out.values.push(Known { cell, value }),
        }
    }
    out
}
