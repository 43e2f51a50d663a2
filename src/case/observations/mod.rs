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
use crate::io::measurements::Measurements;
use crate::linalg::covariance::Covariance;
use crate::operator::Operator;
use crate::random::{Purpose, Stream};
use crate::report::metrics::nearest_facies;
use crate::units::{self, Dimension, Mistake, Transform};

mod errors;
mod flow;
mod instruments;
mod level;
mod measured;
mod pumping;
mod rays;

pub(super) use flow::check as check_flow;
pub(super) use instruments::Instruments;
pub(super) use measured::open;
pub(super) use pumping::{Layout, Which, names_of_tests};
pub(super) use rays::{columns, survey};

use errors::{Scale, covariance, sigma};
use level::{least_factor, likeliest_factor};
use rays::Shared;

/// A datum: what is read, in which unit of files.
#[derive(Debug, Clone)]
pub(super) struct Measurement {
    pub(super) datum: Datum,
    pub(super) unit: Unit,
    /// Its noise, where it is not the data's.
    noise: Option<Noise>,
}

impl Measurement {
    fn scale(&self, data: &Data) -> Scale<'_> {
        Scale { kind: self.datum.kind, unit: &self.unit, noise: self.noise.unwrap_or(data.noise) }
    }
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
    /// That in which files carry a kind of observation where they do not say another.
    fn of(kind: ObservationKind, property: &Property) -> Self {
        match kind {
            ObservationKind::Head
            | ObservationKind::Drawdown
            | ObservationKind::WellHead
            | ObservationKind::WellDrawdown => Self::Plain(Dimension::Length.si()),
            ObservationKind::Rate => Self::Plain(Dimension::Rate.si()),
            ObservationKind::Property => Self::Property(property.clone()),
        }
    }

    /// The unit of this name for the same kind of datum: one of the same dimension, of a property with its transform.
    fn named(&self, name: &str) -> Result<Self, Mistake> {
        let property = match self {
            Self::Plain(unit) => return units::Unit::parse(name, unit.dimension).map(Self::Plain),
            Self::Property(property) => property,
        };
        let (transform, unit) = Transform::parse_label(name, property.quantity.dimension())?;
        if transform != property.transform {
            let problem = format!("\"{name}\", and the case carries its property as \"{}\"", property.label());
            let remedy = format!("give \"{}\" or another unit with the same transform", property.label());
            return Err(Mistake { problem, remedy });
        }
        Ok(Self::Property(Property { unit, ..property.clone() }))
    }

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

    /// What the library carries for the number in a file: the inverse of [`Unit::reported`].
    fn carried(&self, reported: f64) -> f64 {
        match self {
            Self::Plain(unit) => unit.to_si(reported),
            Self::Property(property) => property.carried(reported),
        }
    }

    /// What the library carries for a standard deviation: the inverse of [`Unit::reported_difference`].
    fn carried_difference(&self, reported: f64) -> f64 {
        match self {
            Self::Plain(unit) => unit.to_si(reported),
            Self::Property(property) => reported * property.difference(),
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
        let (reference, codes, scenarios, clean) = match &laid.observed {
            Some(observed) => (None, None, Vec::new(), Array1::from(observed.clone())),
            None => {
                let drawn = study.reference(number)?;
                let clean = host.predict(drawn.property.view())?;
                (Some(drawn.property), drawn.codes, drawn.scenarios, clean)
            }
        };
        let scales: Vec<_> = laid.measurements.iter().map(|measurement| measurement.scale(data)).collect();
        let sigma = sigma(&scales, clean.view(), laid.sigmas.as_deref())?;
        let mut observed = clean;
        if reference.is_some() && data.noise != Noise::Free {
            let normals = Stream::new(case.seed, Purpose::Noise, number, 0).normals(observed.len());
            let covariance = covariance(data, &sigma, &laid.shared, 1.0)?;
            observed += &covariance.color(Array1::from(normals).view());
        }
        let (read, units) = laid.measurements.into_iter().map(|m| (m.datum, m.unit)).unzip();
        let mut out = Self {
            data: read,
            units,
            covariance: covariance(data, &sigma, &laid.shared, 1.0)?,
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

    /// Some of these data alone, with the error level that was chosen: what cross-validation inverts. They stay in their
    /// order here, in which instruments read, whatever the order of `kept`.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn subset(&self, study: &'g Study, kept: &[usize]) -> Result<Self> {
        let data = study.case.data.as_ref().expect("observations come from a case with data");
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let kept = &kept[..];
        let instruments = self.instruments.subset(kept);
        let (sigma, shared) = (self.sigma.select(Axis(0), kept), self.shared.subset(kept));
        let given = &sigma / self.noise_factor;
        Ok(Self {
            data: kept.iter().map(|&i| self.data[i].clone()).collect(),
            units: kept.iter().map(|&i| self.units[i].clone()).collect(),
            observed: self.observed.select(Axis(0), kept),
            sigma,
            covariance: covariance(data, &given, &shared, self.noise_factor)?,
            noise_factor: self.noise_factor,
            estimated: self.estimated,
            cross_validation: None,
            device: instruments.device(&study.case, study.gpu.as_deref())?,
            host: instruments.host(&study.case)?,
            reference: self.reference.clone(),
            reference_scenarios: self.reference_scenarios.clone(),
            reference_codes: self.reference_codes.clone(),
            shared,
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
        let jacobian = reduced_jacobian(&*at.jacobian, basis)?;
        let residual = &self.observed - &at.value;
        let given = self.sigma.clone();
        let seed = study.case.seed;
        let validated = |factor: f64, folds: usize| {
            let errors = |kept: &[usize]| covariance(data, &given.select(Axis(0), kept), &shared.subset(kept), factor);
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
                self.noise_factor = least_factor(|factor| match validated(factor, folds) {
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
        self.covariance = covariance(data, &given, shared, self.noise_factor)?;
        Ok(())
    }
}

/// The instruments of a case laid out: what each reads, in which unit, with which noise.
pub(super) struct Laid {
    /// What reads.
    pub(super) instruments: Instruments,
    /// Every datum.
    pub(super) measurements: Vec<Measurement>,
    /// Data of a file.
    observed: Option<Vec<f64>>,
    sigmas: Option<Vec<f64>>,
    shared: Shared,
}

impl Laid {
    /// Lays out the instruments of a case.
    ///
    /// # Errors
    /// A survey or a data file that cannot be read; a property or storage that fits no aquifer.
    pub(super) fn new(case: &Case, data: &Data) -> Result<Self> {
        let mut laid = match &case.physics {
            Some(Physics::StraightRays(physics)) => {
                let survey = survey(case, data, true)?;
                let ends = survey.sources.iter().zip(&survey.receivers);
                let rays =
                    ends.clone().map(|(&source, &receiver)| crate::forward::straight_ray::Ray { source, receiver });
                let measurement = |(id, (&at, &to)): (&String, (&[f64; 3], &[f64; 3]))| {
                    let datum = Datum { kind: "travel_time", id: id.clone(), at, to: Some(to), time: None };
                    Measurement { datum, unit: Unit::Plain(data.columns.time_unit), noise: None }
                };
                Self {
                    shared: rays::shared(&survey),
                    instruments: Instruments::rays(rays.collect(), physics.background),
                    measurements: survey.ids.iter().zip(ends).map(measurement).collect(),
                    observed: survey.times,
                    sigmas: survey.sigmas,
                }
            }
            Some(Physics::Groundwater(_)) if data.tests.is_some() => return Self::of_tests(case, data),
            Some(Physics::Groundwater(flow)) => {
                return match data.source {
                    DataSource::Reference => {
                        let mut aquifer = flow::aquifer(case, flow)?;
                        let measurements = flow::observe(case, flow, &mut aquifer);
                        Ok(Self::synthetic(Instruments::flow(aquifer), measurements))
                    }
                    DataSource::File(_) | DataSource::CommandLine => Self::of_file(case, data, &open(data, true)?),
                };
            }
            Some(Physics::Map) | None => {
                no_file(data)?;
                Self::synthetic(Instruments::none(), Vec::new())
            }
        };
        laid.add_property(case)?;
        Ok(laid)
    }

    fn of_tests(case: &Case, data: &Data) -> Result<Self> {
        let layout = Layout::new(case, data, Which::Data)?;
        let measurement = |reading: &pumping::Reading| {
            let (test, well) = (&layout.tests.tests[reading.test], &layout.tests.wells[reading.well]);
            let [x, y] = well.place;
            let id = format!("{} {} {}", test.name, well.name, reading.time);
            let datum = Datum { kind: "drawdown", id, at: [x, y, 0.0], to: None, time: Some(reading.time) };
            Measurement { datum, unit: Unit::Plain(Dimension::Length.si()), noise: None }
        };
        Ok(Self {
            measurements: layout.readings.iter().map(measurement).collect(),
            observed: Some(layout.readings.iter().filter_map(|reading| reading.observed).collect()),
            sigmas: None,
            shared: Shared { source: layout.series(), ..Shared::none(layout.readings.len()) },
            instruments: Instruments::tests(layout.parts),
        })
    }

    /// What the lines of a file measure of groundwater.
    ///
    /// # Errors
    /// A case without flow; whatever [`measured::readings`] refuses.
    pub(super) fn of_file(case: &Case, data: &Data, file: &Measurements) -> Result<Self> {
        let Some(Physics::Groundwater(flow)) = &case.physics else {
            return Err(Error::input("physics.kind", "no groundwater flows in this case", "write \"groundwater\""));
        };
        let mut aquifer = flow::aquifer(case, flow)?;
        let (mut measurements, mut observed) = (Vec::new(), Vec::new());
        for reading in measured::readings(case, flow, data, file)? {
            aquifer.observations.push(reading.observation);
            measurements.push(reading.measurement);
            observed.push(reading.observed);
        }
        let observed = observed.into_iter().collect();
        Ok(Self { observed, ..Self::synthetic(Instruments::flow(aquifer), measurements) })
    }

    /// Instruments without data: these are to be made from a reference.
    fn synthetic(instruments: Instruments, measurements: Vec<Measurement>) -> Self {
        let shared = Shared::none(measurements.len());
        Self { instruments, measurements, observed: None, sigmas: None, shared }
    }

    /// The property observed beside what the physics reads.
    fn add_property(&mut self, case: &Case) -> Result<()> {
        for observed in &case.observed() {
            if observed.kind != ObservationKind::Property {
                return Err(Error::input(
                    "observation.kind",
                    format!("\"{}\" is no datum of this physics", word(observed.kind)),
                    "choose \"property\", or physics.kind = \"groundwater\"",
                ));
            }
            for cell in observed.cells(&case.grid, &[], &[]) {
                let (kind, id) = (word(observed.kind), (self.measurements.len() + 1).to_string());
                let at = case.grid.center(cell);
                let (datum, unit) =
                    (Datum { kind, id, at, to: None, time: None }, Unit::of(observed.kind, &case.property));
                self.measurements.push(Measurement { datum, unit, noise: observed.noise });
                self.instruments.add_property(case.grid.index(cell));
            }
        }
        for numbers in [&mut self.shared.source, &mut self.shared.receiver] {
            numbers.resize(self.measurements.len(), None);
        }
        Ok(())
    }
}

/// Refuses a data file where nothing is read from one.
fn no_file(data: &Data) -> Result<()> {
    match &data.source {
        DataSource::Reference => Ok(()),
        DataSource::File(_) | DataSource::CommandLine => Err(Error::input(
            "data.file",
            "only travel times and measurements of groundwater are read from a file",
            "leave the data to a [reference], or choose another physics.kind",
        )),
    }
}

fn left_to_the_command_line() -> Error {
    Error::input("data.file", "the case leaves its data file to the command line", "name it with --data FILE")
}

/// Reads the case's data file and lays its instruments out, before any work is done that they would spoil.
///
/// # Errors
/// A survey that cannot be read, rays or wells outside of the grid; the file is named.
pub(super) fn check(case: &Case) -> Result<()> {
    let Some(data) = &case.data else { return Ok(()) };
    let laid = Laid::new(case, data)?.instruments.host(case);
    // An aquifer is the case's own: the lines of a file of measurements have been checked one by one.
    let is_of_file = !matches!(case.physics, Some(Physics::Groundwater(_))) || data.tests.is_some();
    match (laid, &data.source) {
        (Err(Error::Input { place, problem, remedy }), DataSource::File(path)) if is_of_file => {
            Err(Error::input(format!("{}, {place}", path.display()), problem, remedy))
        }
        (laid, _) => laid.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::testing::{PUMPING_TESTS, write_pumping_tests};

    /// Two pumping tests whose last samples are at the end of the last step.
    fn pumping_tests(folder: &Path) -> Study {
        write_pumping_tests(folder);
        let [steps, ends] = ["steps = 6, first = \"10 s\", growth = 2", "ends = [\"20 s\", \"100 s\", \"600 s\"]"];
        assert!(PUMPING_TESTS.contains(steps));
        let text = PUMPING_TESTS.replace(steps, ends).replace("\"--data\"", &format!("{folder:?}"));
        let case = Case::parse(&text, "tests.toml").unwrap_or_else(|e| panic!("{e}"));
        Study::new(case, None, None, None, &()).expect("a basis")
    }

    /// The prior mean with other rates.
    fn parameters(study: &Study) -> Array1<f64> {
        let mut parameters = study.basis().mean().to_owned();
        let rates = parameters.len() - 2;
        parameters[rates] = 0.1;
        parameters[rates + 1] = -0.3;
        parameters
    }

    #[test]
    fn some_of_the_data_of_several_tests_are_predicted_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let study = pumping_tests(folder.path());
        let all = Observations::new(&study, 1).expect("data");
        let parameters = parameters(&study);
        let expected = all.exact().predict(parameters.view()).expect("a solution");
        for kept in [vec![13, 1, 9, 0, 4, 15], vec![8, 7], vec![15]] {
            let some = all.subset(&study, &kept).expect("data");
            let predicted = some.exact().predict(parameters.view()).expect("a solution");
            assert_eq!((some.data.len(), predicted.len()), (kept.len(), kept.len()));
            for (i, datum) in some.data.iter().enumerate() {
                let whole = kept.iter().copied().find(|&i| all.data[i].id == datum.id).expect("one of those kept");
                assert_eq!((some.observed[i], some.sigma[i]), (all.observed[whole], all.sigma[whole]));
                let (found, expected) = (predicted[i], expected[whole]);
                assert!((found - expected).abs() <= 1e-14, "{}: {found}, not {expected}", datum.id);
            }
        }
    }

    #[test]
    fn last_heads_of_a_test_are_those_that_its_last_drawdowns_were_read_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let study = pumping_tests(folder.path());
        let (grid, parameters) = (study.grid(), parameters(&study));
        let data = study.case.data.as_ref().expect("data");
        let layout = Layout::new(&study.case, data, Which::All).expect("tests");
        let drawdown = layout.forward().and_then(|forward| forward.predict(parameters.view())).expect("a solution");
        let heads: Vec<_> =
            layout.parts.iter().map(|part| part.last_heads(parameters.view()).expect("a solution")).collect();
        let last = layout.readings.iter().zip(&drawdown).filter(|(reading, _)| reading.time == 600.0);
        let mut count = 0;
        for (reading, drawdown) in last {
            let [x, y] = layout.tests.wells[reading.well].place;
            let [(i, a), (j, b)] = [(0, x), (1, y)].map(|(axis, at)| {
                let cells = (at - grid.origin[axis]) / grid.spacing[axis] - 0.5;
                (cells as usize, cells.fract())
            });
            let head = |i: usize, j: usize| heads[reading.test][grid.index([i, j, 0])];
            let along = |j: usize| (1.0 - a) * head(i, j) + a * head(i + 1, j);
            let expected = -((1.0 - b) * along(j) + b * along(j + 1));
            assert!((drawdown - expected).abs() <= 1e-12, "{reading:?}: {drawdown}, heads say {expected}");
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
