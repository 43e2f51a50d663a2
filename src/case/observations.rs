//! Data of one inversion: observed in the field or predicted from a reference, with the covariance of their errors.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::file::{self, Case, Data, DataSource, Noise, NoiseLevel, Physics};
use super::study::Study;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::forward::Datum;
use crate::forward::straight_ray::{Ray, StraightRays};
use crate::grid::Plane;
use crate::inversion::{cross_validate, reduced_jacobian};
use crate::io::survey;
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::{multiply, symmetric_eigen};
use crate::operator::Operator;
use crate::random::{Purpose, Stream};
use crate::report::metrics::nearest_facies;

/// Data, their errors, and the forward model that predicts them.
pub struct Observations<'g> {
    /// What and where, m.
    pub data: Vec<Datum>,
    /// Observed data d \[SI\], m.
    pub observed: Array1<f64>,
    /// Standard deviations of independent errors \[SI\], m, the error level included.
    pub sigma: Array1<f64>,
    /// Covariance C of all errors.
    pub covariance: Covariance,
    /// The factor on the case's error level.
    pub noise_factor: f64,
    /// Whether the data chose that factor.
    pub estimated: bool,
    /// Root-mean-square error of cross-validated predictions of the Gaussian v-step alone \[SI\], where the case asks for
    /// it.
    pub cross_validation: Option<f64>,
    /// The forward model, on the device where there is one.
    pub forward: StraightRays<'g>,
    /// The forward model in f64.
    pub exact: StraightRays<'static>,
    /// The model that synthetic data come from: carried property.
    pub reference: Option<Array1<f64>>,
    /// Its facies.
    reference_codes: Option<Vec<u8>>,
    /// Which sources and receivers data share.
    shared: Shared,
    /// Where the rays run.
    rays: Vec<Ray>,
}

/// Which sources and receivers data share, as numbers from 0.
#[derive(Debug, Clone)]
struct Shared {
    source: Vec<usize>,
    receiver: Vec<usize>,
}

impl<'g> Observations<'g> {
    /// Data of the case's file, or of reference `number` (1 is the first realization beyond the ensemble).
    ///
    /// # Errors
    /// A survey or a data file that cannot be used; rays outside of the grid; errors that are no errors.
    pub fn new(study: &'g Study, number: u64) -> Result<Self> {
        let case = &study.case;
        let (Some(Physics::StraightRays(physics)), Some(data)) = (&case.physics, &case.data) else {
            return Err(Error::input("physics", "the case has no forward model", "add [physics] and [data]"));
        };
        let survey = self::survey(case, data, true)?;
        let rays: Vec<Ray> =
            survey.sources.iter().zip(&survey.receivers).map(|(&source, &receiver)| Ray { source, receiver }).collect();
        let (forward, exact) = operators(study, physics, &rays)?;
        let (reference, reference_codes, clean) = match &survey.times {
            Some(times) => (None, None, Array1::from(times.clone())),
            None => {
                let (property, codes) = study.draw(case.prior.realizations as u64 + number - 1)?;
                let clean = exact.predict(property.view())?;
                (Some(property), codes, clean)
            }
        };
        let sigma = sigma(data, clean.view(), survey.sigmas.as_deref())?;
        let shared = shared(&survey);
        let mut observed = clean;
        if reference.is_some() && data.noise != Noise::Free {
            let normals = Stream::new(case.seed, Purpose::Noise, number, 0).normals(observed.len());
            let covariance = covariance(data, &sigma, &shared, 1.0, None)?;
            observed += &covariance.color(Array1::from(normals).view());
        }
        let mut out = Self {
            data: survey
                .ids
                .iter()
                .zip(survey.sources.iter().zip(&survey.receivers))
                .map(|(id, (&at, &to))| Datum { kind: "travel_time", id: id.clone(), at, to: Some(to), time: None })
                .collect(),
            covariance: covariance(data, &sigma, &shared, 1.0, None)?,
            observed,
            noise_factor: 1.0,
            estimated: data.noise_level != NoiseLevel::Given,
            cross_validation: None,
            forward,
            exact,
            reference,
            reference_codes,
            sigma,
            shared,
            rays,
        };
        out.choose_error_level(study, data)?;
        Ok(out)
    }

    /// Some of these data alone, with the error level that was chosen: what cross-validation inverts.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn subset(&self, study: &'g Study, kept: &[usize]) -> Result<Self> {
        let (Some(Physics::StraightRays(physics)), Some(data)) = (&study.case.physics, &study.case.data) else {
            unreachable!("observations come from a case with a physics and data");
        };
        let rays: Vec<Ray> = kept.iter().map(|&i| self.rays[i]).collect();
        let (forward, exact) = operators(study, physics, &rays)?;
        let given = &self.sigma / self.noise_factor;
        let pick = |numbers: &[usize]| kept.iter().map(|&i| numbers[i]).collect();
        Ok(Self {
            data: kept.iter().map(|&i| self.data[i].clone()).collect(),
            observed: self.observed.select(Axis(0), kept),
            sigma: self.sigma.select(Axis(0), kept),
            covariance: covariance(data, &given, &self.shared, self.noise_factor, Some(kept))?,
            noise_factor: self.noise_factor,
            estimated: self.estimated,
            cross_validation: None,
            forward,
            exact,
            reference: self.reference.clone(),
            reference_codes: self.reference_codes.clone(),
            shared: Shared { source: pick(&self.shared.source), receiver: pick(&self.shared.receiver) },
            rays,
        })
    }

    /// Facies of the reference: its own where it has them, else those of the nearest values.
    pub fn reference_facies(&self, values: &[f64]) -> Option<Vec<u8>> {
        let reference = self.reference.as_ref()?;
        if values.len() < 2 {
            return None;
        }
        Some(match &self.reference_codes {
            Some(codes) => codes.clone(),
            None => reference.iter().map(|&u| nearest_facies(u, values) as u8).collect(),
        })
    }

    /// Chooses the factor on the error level, where the case leaves it to the data, and cross-validates.
    fn choose_error_level(&mut self, study: &Study, data: &Data) -> Result<()> {
        let shared = &self.shared;
        let folds = study.case.inversion.cross_validation;
        if data.noise_level == NoiseLevel::Given && folds == 0 {
            return Ok(());
        }
        let basis = &study.basis;
        let Some(deviations) = basis.standard_deviations() else {
            return Err(Error::input(
                "data.noise_level",
                "an error level from the data needs a basis that knows the spread of its coefficients",
                "choose basis.kind = \"pca\" or \"karhunen-loeve\"",
            ));
        };
        let at = self.exact.linearize(basis.mean())?;
        let jacobian = reduced_jacobian(&*at.jacobian, basis);
        let residual = &self.observed - &at.value;
        let given = self.sigma.clone();
        let seed = study.case.seed;
        let validated = |factor: f64, folds: usize| {
            let errors = |kept: &[usize]| covariance(data, &given, shared, factor, Some(kept));
            cross_validate(jacobian.view(), residual.view(), deviations, &errors, folds, seed)
        };
        match data.noise_level {
            NoiseLevel::Given => {}
            NoiseLevel::Likelihood => {
                let scaled = self.covariance.whiten_block((&jacobian * &deviations).view());
                self.noise_factor = likeliest_factor(&scaled, self.covariance.whiten(residual.view()).view());
            }
            NoiseLevel::CrossValidation => {
                let folds = if folds == 0 { 10 } else { folds };
                let mut failure = None;
                self.noise_factor = least(|factor| match validated(factor, folds) {
                    Ok(rms) => rms,
                    Err(e) => {
                        failure = Some(e);
                        f64::INFINITY
                    }
                });
                if let Some(e) = failure {
                    return Err(e);
                }
            }
        }
        if folds > 0 {
            self.cross_validation = Some(validated(self.noise_factor, folds)?);
        }
        self.sigma *= self.noise_factor;
        self.covariance = covariance(data, &given, shared, self.noise_factor, None)?;
        Ok(())
    }
}

/// The forward model of some rays, on the study's device where there is one, and in f64 on the host.
fn operators<'g>(
    study: &'g Study,
    physics: &file::StraightRays,
    rays: &[Ray],
) -> Result<(StraightRays<'g>, StraightRays<'static>)> {
    let build = || StraightRays::new(study.case.grid, rays.to_vec(), physics.background);
    let forward = match &study.gpu {
        Some(gpu) => build()?.with_gpu(gpu)?,
        None => build()?,
    };
    Ok((forward, build()?))
}

/// Reads the case's data file and lays its rays, before any work is done that they would spoil.
///
/// # Errors
/// A survey that cannot be read, or rays outside of the grid; the file is named.
pub(super) fn check(case: &Case) -> Result<()> {
    let (Some(Physics::StraightRays(physics)), Some(data)) = (&case.physics, &case.data) else { return Ok(()) };
    let survey = survey(case, data, true)?;
    let rays = survey.sources.iter().zip(&survey.receivers).map(|(&source, &receiver)| Ray { source, receiver });
    match (StraightRays::new(case.grid, rays.collect(), physics.background), &data.source) {
        (Err(Error::Input { place, problem, remedy }), DataSource::File(path)) => {
            Err(Error::input(format!("{}, {place}", path.display()), problem, remedy))
        }
        (laid, _) => laid.map(|_| ()),
    }
}

/// Where the rays of an inversion run, and what was measured along them, in SI.
pub(super) struct Survey {
    /// Name of each datum, m.
    pub(super) ids: Vec<String>,
    /// Sources along the grid's axes \[m\], m.
    pub(super) sources: Vec<[f64; 3]>,
    /// Receivers along the grid's axes \[m\], m.
    pub(super) receivers: Vec<[f64; 3]>,
    /// Travel times \[s\], where a file has them.
    times: Option<Vec<f64>>,
    /// Standard deviations \[s\], where a file has them.
    sigmas: Option<Vec<f64>>,
}

/// The survey of the case: from its data file (with its times, or the geometry alone), or every source to every
/// receiver.
pub(super) fn survey(case: &Case, data: &Data, times: bool) -> Result<Survey> {
    match (&data.source, &case.physics) {
        (DataSource::File(path), _) => {
            let columns = columns(&data.columns, case.grid.plane);
            let read = survey::read(path, &if times { columns } else { columns.geometry() })?;
            Ok(Survey {
                ids: read.ids,
                sources: read.sources,
                receivers: read.receivers,
                times: read.times,
                sigmas: read.sigmas,
            })
        }
        (DataSource::CommandLine, _) => Err(Error::input(
            "data.file",
            "the case leaves its data file to the command line",
            "name it with --data FILE",
        )),
        (DataSource::Reference, Some(Physics::StraightRays(physics))) => {
            let positions = |antennas: &[super::file::Antennas]| {
                antennas.iter().flat_map(|a| a.positions(&case.grid)).collect::<Vec<_>>()
            };
            let (sources, receivers) = (positions(&physics.sources), positions(&physics.receivers));
            let pairs = sources.iter().flat_map(|s| receivers.iter().map(move |r| (*s, *r)));
            let (sources, receivers): (Vec<_>, Vec<_>) = pairs.unzip();
            let ids = (1..=sources.len()).map(|i| i.to_string()).collect();
            Ok(Survey { ids, sources, receivers, times: None, sigmas: None })
        }
        (DataSource::Reference, _) => {
            Err(Error::input("physics", "no rays run in this case", "write kind = \"straight-rays\""))
        }
    }
}

/// The columns of a data file as its reader wants them, by the axes of the grid.
pub(super) fn columns(columns: &file::Columns, plane: Plane) -> survey::Columns {
    let by_axes = |named| file::Columns::of_axes(named, plane).map(|name| name.map(str::to_owned));
    survey::Columns {
        id: columns.id.clone(),
        source: by_axes(&columns.source),
        receiver: by_axes(&columns.receiver),
        time: Some(columns.time.clone()),
        sigma: columns.sigma.clone(),
        length_unit: columns.length_unit,
        time_unit: columns.time_unit,
    }
}

/// Numbers of equal positions, in the order of their first appearance.
fn shared(survey: &Survey) -> Shared {
    let number = |positions: &[[f64; 3]]| {
        let mut known: std::collections::HashMap<[u64; 3], usize> = std::collections::HashMap::new();
        positions
            .iter()
            .map(|p| {
                let next = known.len();
                *known.entry(p.map(f64::to_bits)).or_insert(next)
            })
            .collect()
    };
    Shared { source: number(&survey.sources), receiver: number(&survey.receivers) }
}

/// Standard deviations of independent errors, as the case's noise says.
fn sigma(data: &Data, d: ArrayView1<'_, f64>, file: Option<&[f64]>) -> Result<Array1<f64>> {
    let m = d.len() as f64;
    let rms = (d.dot(&d) / m).sqrt();
    Ok(match data.noise {
        Noise::Relative(fraction) => d.mapv(|d| (fraction * d.abs()).max(0.01 * rms)),
        Noise::RelativeToMean(fraction) => Array1::from_elem(d.len(), fraction * d.mapv(f64::abs).sum() / m),
        Noise::Absolute(sigma) => Array1::from_elem(d.len(), sigma),
        Noise::Free => Array1::from_elem(d.len(), 0.01 * rms),
        Noise::File => match file {
            Some(sigma) => Array1::from(sigma.to_vec()),
            None => {
                return Err(Error::input(
                    "data.noise",
                    "\"file\", and the data file has no column of standard deviations",
                    "name the column in data.columns.sigma, or give the noise here",
                ));
            }
        },
    })
}

/// Covariance of the errors of some data (all where `kept` is `None`), every standard deviation times `factor`.
fn covariance(
    data: &Data,
    sigma: &Array1<f64>,
    shared: &Shared,
    factor: f64,
    kept: Option<&[usize]>,
) -> Result<Covariance> {
    let pick = |numbers: &[usize]| match kept {
        Some(kept) => kept.iter().map(|&i| numbers[i]).collect::<Vec<_>>(),
        None => numbers.to_vec(),
    };
    let sigma = factor * kept.map_or_else(|| sigma.clone(), |kept| sigma.select(Axis(0), kept));
    if data.source_statics == 0.0 && data.receiver_statics == 0.0 {
        return Covariance::diagonal(sigma);
    }
    let (source, receiver) = (pick(&shared.source), pick(&shared.receiver));
    Covariance::with_statics(sigma, &source, &receiver, factor * data.source_statics, factor * data.receiver_statics)
}

/// The factor f on all standard deviations under which the data are likeliest, with `A` (m × k) the whitened Jacobian
/// times the coefficients' standard deviations and r the whitened residual of the prior mean: with
/// `A Aᵀ = Q diag(λ) Qᵀ` and `p = Qᵀ r`, `ln p(d | f) = −½ Σ p_i²/(f² + λ_i) − ½ Σ ln(f² + λ_i)` up to a constant.
fn likeliest_factor(scaled: &Array2<f64>, residual: ArrayView1<'_, f64>) -> f64 {
    let gram = multiply(scaled.view(), scaled.t());
    let (values, vectors) = symmetric_eigen(&gram).expect("a finite matrix has eigenvalues");
    let projected = vectors.t().dot(&residual);
    least(|factor| {
        let term = |(p, l): (&f64, &f64)| {
            let total = factor * factor + l.max(0.0);
            p * p / total + total.ln()
        };
        projected.iter().zip(&values).map(term).sum()
    })
}

/// Where a function of the factor is least in 1/30 … 30: a coarse scan, then golden section, both in its logarithm.
fn least(mut f: impl FnMut(f64) -> f64) -> f64 {
    const STEPS: usize = 24;
    let (low, high) = ((1.0f64 / 30.0).ln(), 30f64.ln());
    let width = (high - low) / STEPS as f64;
    let at = |i: usize| low + width * i as f64;
    let scanned: Vec<f64> = (0..=STEPS).map(|i| f(at(i).exp())).collect();
    let best = (0..=STEPS).min_by(|&a, &b| scanned[a].total_cmp(&scanned[b])).unwrap_or(0);
    let (mut a, mut b) = (at(best.saturating_sub(1)), at((best + 1).min(STEPS)));
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let (mut x, mut y) = (b - golden * (b - a), a + golden * (b - a));
    let (mut fx, mut fy) = (f(x.exp()), f(y.exp()));
    for _ in 0..20 {
        if fx < fy {
            (b, y, fy) = (y, x, fx);
            x = b - golden * (b - a);
            fx = f(x.exp());
        } else {
            (a, x, fx) = (x, y, fy);
            y = a + golden * (b - a);
            fy = f(y.exp());
        }
    }
    (0.5 * (a + b)).exp()
}
