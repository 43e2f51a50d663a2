//! Data of one inversion: observed in the field or predicted from a reference, with the covariance of their errors.

use ndarray::{Array1, ArrayView1, Axis};

use super::file::{Case, Data, DataSource, Noise, NoiseLevel, ObservationKind, Physics, Property};
use super::study::Study;
use crate::error::{Error, Result};
use crate::forward::Datum;
use crate::forward::cells::PropertyInCells;
use crate::forward::groundwater::Aquifer;
use crate::gpu::Gpu;
use crate::inversion::{cross_validate, reduced_jacobian};
use crate::linalg::covariance::Covariance;
use crate::operator::Operator;
use crate::random::{Purpose, Stream};
use crate::report::metrics::nearest_facies;
use crate::units::{self, Dimension};

mod errors;
mod flow;
mod instruments;
mod level;
mod pumping;
mod rays;

pub(super) use flow::check as check_flow;
pub(super) use instruments::Instruments;
pub(super) use pumping::{Layout, Which, count_of_tests};
pub(super) use rays::{columns, survey};

use errors::{Scale, covariance, sigma};
use level::{least, likeliest_factor};
use rays::Shared;

/// A datum that is no travel time.
#[derive(Debug, Clone)]
pub(super) struct Measurement {
    datum: Datum,
    kind: ObservationKind,
    /// Its noise, where it is not the data's.
    noise: Option<Noise>,
}

/// The word for a kind of observation in files.
fn word(kind: ObservationKind) -> &'static str {
    match kind {
        ObservationKind::Head => "head",
        ObservationKind::Drawdown => "drawdown",
        ObservationKind::WellHead => "well_head",
        ObservationKind::WellDrawdown => "well_drawdown",
        ObservationKind::Rate => "rate",
        ObservationKind::Property => "property",
    }
}

/// The unit in which files carry a datum.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// A unit of a quantity.
    Plain(units::Unit),
    /// That of the property, with its transform.
    Property(Property),
}

impl Unit {
    /// Its name: `"ns"`, `"log10 m/day"`.
    pub fn name(&self) -> String {
        match self {
            Self::Plain(unit) => unit.name.to_owned(),
            Self::Property(property) => property.label(),
        }
    }

    /// The number in a file for a datum as the library carries it.
    pub fn reported(&self, carried: f64) -> f64 {
        match self {
            Self::Plain(unit) => unit.from_si(carried),
            Self::Property(property) => property.reported(carried),
        }
    }

    /// The number in a file for a standard deviation.
    pub fn reported_difference(&self, carried: f64) -> f64 {
        match self {
            Self::Plain(unit) => unit.from_si(carried),
            Self::Property(property) => carried / property.difference(),
        }
    }

    /// Size of a datum, in units of [`Unit::difference`].
    fn size(&self, carried: f64) -> f64 {
        match self {
            Self::Plain(_) => carried.abs(),
            Self::Property(property) => property.reported(carried).abs(),
        }
    }

    /// What a difference of one in [`Unit::size`] is as the library carries it.
    fn difference(&self) -> f64 {
        match self {
            Self::Plain(_) => 1.0,
            Self::Property(property) => property.difference(),
        }
    }
}

/// Data, their errors, and the forward model that predicts them.
pub struct Observations<'g> {
    /// What and where, m.
    pub data: Vec<Datum>,
    /// The unit of each datum in files, m.
    pub units: Vec<Unit>,
    /// Observed data d \[SI, or the carried property\], m.
    pub observed: Array1<f64>,
    /// Standard deviations of independent errors, m, the error level included.
    pub sigma: Array1<f64>,
    /// Covariance C of all errors.
    pub covariance: Covariance,
    /// The factor on the case's error level.
    pub noise_factor: f64,
    /// Whether the data chose that factor.
    pub estimated: bool,
    /// Root-mean-square error of cross-validated predictions of the Gaussian v-step alone, where the case asks for it.
    pub cross_validation: Option<f64>,
    /// The model that synthetic data come from: carried property.
    pub reference: Option<Array1<f64>>,
    /// The scenarios that the reference was drawn from.
    pub reference_scenarios: Vec<usize>,
    /// Its facies.
    reference_codes: Option<Vec<u8>>,
    /// The forward model on the device, where there is one for it.
    device: Option<Box<dyn Operator + 'g>>,
    /// The forward model in f64.
    host: Box<dyn Operator>,
    /// Which sources and receivers data share.
    shared: Shared,
    instruments: Instruments,
    cells: usize,
}

impl<'g> Observations<'g> {
    /// Data of the case's file, or of reference `number` (1 is the first realization beyond the ensembles).
    ///
    /// # Errors
    /// A survey or a data file that cannot be used; rays or wells outside of the grid; errors that are no errors.
    pub fn new(study: &'g Study, number: u64) -> Result<Self> {
        let case = &study.case;
        let Some(data) = &case.data else {
            return Err(Error::input("physics", "the case has no forward model", "add [physics] and [data]"));
        };
        let laid = Laid::new(case, data)?;
        let host = laid.instruments.host(case)?;
        let (reference, codes, scenarios, clean) = match &laid.times {
            Some(times) => (None, None, Vec::new(), Array1::from(times.clone())),
            None => {
                let drawn = study.reference(number)?;
                let clean = host.predict(drawn.property.view())?;
                (Some(drawn.property), drawn.codes, drawn.scenarios, clean)
            }
        };
        let scales: Vec<_> =
            laid.measurements.iter().zip(&laid.units).map(|(m, unit)| laid_scale(m, unit, data)).collect();
        let sigma = sigma(&scales, clean.view(), laid.sigmas.as_deref())?;
        let mut observed = clean;
        if reference.is_some() && data.noise != Noise::Free {
            let normals = Stream::new(case.seed, Purpose::Noise, number, 0).normals(observed.len());
            let covariance = covariance(data, &sigma, &laid.shared, 1.0, None)?;
            observed += &covariance.color(Array1::from(normals).view());
        }
        let mut out = Self {
            data: laid.measurements.into_iter().map(|(datum, _)| datum).collect(),
            units: laid.units,
            covariance: covariance(data, &sigma, &laid.shared, 1.0, None)?,
            observed,
            noise_factor: 1.0,
            estimated: data.noise_level != NoiseLevel::Given,
            cross_validation: None,
            device: laid.instruments.device(case, study.gpu.as_deref())?,
            host,
            reference,
            reference_scenarios: scenarios,
            reference_codes: codes,
            sigma,
            shared: laid.shared,
            instruments: laid.instruments,
            cells: case.grid.len(),
        };
        out.choose_error_level(study, data)?;
        Ok(out)
    }

    /// The forward model, on the device where there is one for it.
    pub fn forward(&self) -> &dyn Operator {
        self.device.as_deref().unwrap_or(&*self.host)
    }

    /// The forward model in f64.
    pub fn exact(&self) -> &dyn Operator {
        &*self.host
    }

    /// The part of the forward model that is linear in the carried property: rays whole, and of what flow is read from
    /// only the property itself; all other data are zero.
    pub fn linear(&self) -> Box<dyn Operator + '_> {
        match self.instruments.is_linear() {
            true => Box::new(instruments::Borrowed(self.exact())),
            false => Box::new(PropertyInCells::new(self.instruments.property_cells(), self.cells)),
        }
    }

    /// Whether all data are linear in the carried property.
    pub fn is_linear(&self) -> bool {
        self.instruments.is_linear()
    }

    /// Cells whose property was observed, and what was: the carried property.
    pub fn known_cells(&self) -> impl Iterator<Item = (usize, f64)> {
        let cells = self.instruments.property_cells();
        cells.into_iter().zip(&self.observed).filter_map(|(cell, &value)| Some((cell?, value)))
    }

    /// Numbers of the data that are the property itself.
    pub fn property_data(&self) -> Vec<usize> {
        let cells = self.instruments.property_cells();
        (0..cells.len()).filter(|&i| cells[i].is_some()).collect()
    }

    /// What reads the data.
    pub(super) fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// The groundwater model with all that is observed; `None` without flow.
    pub(super) fn aquifer(&self) -> Option<&Aquifer> {
        self.instruments.aquifer()
    }

    /// What cannot be overlooked in the heads of a model.
    ///
    /// # Errors
    /// A model that the flow cannot be solved for.
    pub fn head_warnings(&self, field: ArrayView1<'_, f64>) -> Result<Vec<String>> {
        self.instruments.head_warnings(field)
    }

    /// How the equations of flow are solved for a model, in words; `None` without flow.
    ///
    /// # Errors
    /// A model that the flow cannot be solved for.
    pub fn solver(&self, field: ArrayView1<'_, f64>, gpu: Option<&Gpu>) -> Result<Option<String>> {
        self.instruments.solver(field, gpu)
    }

    /// Some of these data alone, with the error level that was chosen: what cross-validation inverts.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn subset(&self, study: &'g Study, kept: &[usize]) -> Result<Self> {
        let data = study.case.data.as_ref().expect("observations come from a case with data");
        let instruments = self.instruments.subset(kept);
        let given = &self.sigma / self.noise_factor;
        let pick = |numbers: &[usize]| {
            if numbers.is_empty() { Vec::new() } else { kept.iter().map(|&i| numbers[i]).collect() }
        };
        Ok(Self {
            data: kept.iter().map(|&i| self.data[i].clone()).collect(),
            units: kept.iter().map(|&i| self.units[i].clone()).collect(),
            observed: self.observed.select(Axis(0), kept),
            sigma: self.sigma.select(Axis(0), kept),
            covariance: covariance(data, &given, &self.shared, self.noise_factor, Some(kept))?,
            noise_factor: self.noise_factor,
            estimated: self.estimated,
            cross_validation: None,
            device: instruments.device(&study.case, study.gpu.as_deref())?,
            host: instruments.host(&study.case)?,
            reference: self.reference.clone(),
            reference_scenarios: self.reference_scenarios.clone(),
            reference_codes: self.reference_codes.clone(),
            shared: Shared { source: pick(&self.shared.source), receiver: pick(&self.shared.receiver) },
            instruments,
            cells: self.cells,
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
        if self.units.iter().any(|unit| *unit != self.units[0]) {
            return Err(Error::input(
                "inversion.cross_validation",
                "data of several kinds, whose errors of prediction have no common unit",
                "give the noise of every kind, and no folds",
            ));
        }
        let basis = study.basis();
        let Some(deviations) = basis.standard_deviations() else {
            return Err(Error::input(
                "data.noise_level",
                "an error level from the data needs a basis that knows the spread of its coefficients",
                "choose basis.kind = \"pca\" or \"karhunen-loeve\"",
            ));
        };
        let at = self.host.linearize(basis.mean())?;
        let jacobian = reduced_jacobian(&*at.jacobian, &basis)?;
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

fn laid_scale<'a>((datum, noise): &(Datum, Option<Noise>), unit: &'a Unit, data: &Data) -> Scale<'a> {
    Scale { kind: datum.kind, unit, noise: noise.unwrap_or(data.noise) }
}

/// The instruments of a case laid out: what each reads, in which unit, with which noise.
pub(super) struct Laid {
    /// What reads.
    pub(super) instruments: Instruments,
    /// Every datum, and its noise where it is not the data's.
    pub(super) measurements: Vec<(Datum, Option<Noise>)>,
    /// The unit of every datum in files.
    pub(super) units: Vec<Unit>,
    /// Data of a file, travel times or drawdowns.
    times: Option<Vec<f64>>,
    sigmas: Option<Vec<f64>>,
    shared: Shared,
}

impl Laid {
    /// Lays out the instruments of a case.
    ///
    /// # Errors
    /// A survey or a data file that cannot be read; a property or storage that fits no aquifer.
    pub(super) fn new(case: &Case, data: &Data) -> Result<Self> {
        let time = Unit::Plain(data.columns.time_unit);
        let mut laid = match &case.physics {
            Some(Physics::StraightRays(physics)) => {
                let survey = survey(case, data, true)?;
                let ends = survey.sources.iter().zip(&survey.receivers);
                let rays =
                    ends.clone().map(|(&source, &receiver)| crate::forward::straight_ray::Ray { source, receiver });
                let datum = |(id, (&at, &to)): (&String, (&[f64; 3], &[f64; 3]))| {
                    (Datum { kind: "travel_time", id: id.clone(), at, to: Some(to), time: None }, None)
                };
                Self {
                    shared: rays::shared(&survey),
                    instruments: Instruments::rays(rays.collect(), physics.background),
                    measurements: survey.ids.iter().zip(ends).map(datum).collect(),
                    units: vec![time; survey.ids.len()],
                    times: survey.times,
                    sigmas: survey.sigmas,
                }
            }
            Some(Physics::Groundwater(_)) if data.tests.is_some() => return Self::of_tests(case, data),
            Some(Physics::Groundwater(flow)) => {
                synthetic(data)?;
                let (aquifer, measurements) = flow::aquifer(case, flow)?;
                return Ok(Self::of_measurements(case, Instruments::flow(aquifer), measurements));
            }
            Some(Physics::Map) | None => {
                synthetic(data)?;
                Self::of_measurements(case, Instruments::none(), Vec::new())
            }
        };
        laid.add_property(case)?;
        Ok(laid)
    }

    fn of_tests(case: &Case, data: &Data) -> Result<Self> {
        let layout = Layout::new(case, data, Which::Data)?;
        let datum = |reading: &pumping::Reading| {
            let (test, well) = (&layout.tests.tests[reading.test], &layout.tests.wells[reading.well]);
            let [x, y] = well.place;
            let id = format!("{} {} {}", test.name, well.name, reading.time);
            (Datum { kind: "drawdown", id, at: [x, y, 0.0], to: None, time: Some(reading.time) }, None)
        };
        let count = layout.readings.len();
        Ok(Self {
            measurements: layout.readings.iter().map(datum).collect(),
            units: vec![Unit::Plain(Dimension::Length.si()); count],
            times: Some(layout.readings.iter().filter_map(|reading| reading.observed).collect()),
            sigmas: None,
            shared: Shared { source: layout.series(), receiver: (0..count).collect() },
            instruments: Instruments::tests(layout.parts),
        })
    }

    fn of_measurements(case: &Case, instruments: Instruments, measurements: Vec<Measurement>) -> Self {
        let unit = |m: &Measurement| match m.kind {
            ObservationKind::Head
            | ObservationKind::Drawdown
            | ObservationKind::WellHead
            | ObservationKind::WellDrawdown => Unit::Plain(Dimension::Length.si()),
            ObservationKind::Rate => Unit::Plain(Dimension::Rate.si()),
            ObservationKind::Property => Unit::Property(case.property.clone()),
        };
        Self {
            instruments,
            units: measurements.iter().map(unit).collect(),
            measurements: measurements.into_iter().map(|m| (m.datum, m.noise)).collect(),
            times: None,
            sigmas: None,
            shared: Shared::default(),
        }
    }

    /// The property observed beside what the physics reads.
    fn add_property(&mut self, case: &Case) -> Result<()> {
        for observed in &case.observations {
            if observed.kind != ObservationKind::Property {
                return Err(Error::input(
                    "observation.kind",
                    format!("\"{}\" is no datum of this physics", word(observed.kind)),
                    "choose \"property\", or physics.kind = \"groundwater\"",
                ));
            }
            if self.times.is_some() {
                return Err(Error::input(
                    "observation",
                    "observed properties beside travel times from a file",
                    "give them as hard data",
                ));
            }
            for [i, j] in observed.places.columns(&case.grid, &[], &[]) {
                for &k in &observed.layers {
                    let (kind, id) = (word(observed.kind), (self.measurements.len() + 1).to_string());
                    let at = case.grid.center([i, j, k]);
                    self.measurements.push((Datum { kind, id, at, to: None, time: None }, observed.noise));
                    self.units.push(Unit::Property(case.property.clone()));
                    self.instruments.add_property(case.grid.index([i, j, k]));
                }
            }
        }
        // Data of cells share no source and no receiver with others.
        let next = |numbers: &[usize]| numbers.iter().max().map_or(0, |most| most + 1);
        let (m, laid) = (self.measurements.len(), self.shared.source.len());
        for numbers in [&mut self.shared.source, &mut self.shared.receiver] {
            let first = next(numbers);
            numbers.extend(first..first + m - laid);
        }
        Ok(())
    }
}

/// Whether data are made from a reference, as they are for everything but rays.
fn synthetic(data: &Data) -> Result<()> {
    match &data.source {
        DataSource::Reference => Ok(()),
        DataSource::File(_) | DataSource::CommandLine => Err(Error::input(
            "data.file",
            "only travel times are read from a file",
            "leave the data to a [reference], or choose physics.kind = \"straight-rays\"",
        )),
    }
}

/// Reads the case's data file and lays its instruments out, before any work is done that they would spoil.
///
/// # Errors
/// A survey that cannot be read, rays or wells outside of the grid; the file is named.
pub(super) fn check(case: &Case) -> Result<()> {
    let Some(data) = &case.data else { return Ok(()) };
    let laid = Laid::new(case, data)?.instruments.host(case);
    match (laid, &data.source) {
        (Err(Error::Input { place, problem, remedy }), DataSource::File(path)) => {
            Err(Error::input(format!("{}, {place}", path.display()), problem, remedy))
        }
        (laid, _) => laid.map(|_| ()),
    }
}
