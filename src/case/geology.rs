//! From a scenario of the case to a live prior: image read or generated, simulation method chosen.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::{self, Case, GeneratedImage, ImageFile, Method, Objects, Scenario, Stack};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::io;
use crate::prior::Prior;
use crate::prior::columns::Columns;
use crate::prior::cookie_cutter::CookieCutter;
use crate::prior::direct_sampling::{DirectSampling, Settings};
use crate::prior::gaussian_field::GaussianField;
use crate::prior::kriging::Kriging;
use crate::prior::normal_score::{NormalScore, Transformed};
use crate::prior::sequential::SequentialOptions;
use crate::prior::sgsim::Sgsim;
use crate::prior::sisim::Sisim;
use crate::prior::snesim::{Snesim, SnesimOptions, Target, Transformation};
use crate::prior::stacked::{Stacked, Unit};
use crate::prior::training_image::{Bend, ChannelKind, ChannelModel, EllipseModel, Meander, Scattered, TrainingImage};
use crate::prior::variogram::{Shape, Structure, Variogram};

/// Changes whenever the numbers of a realization change for the same inputs: cached realizations of other versions
/// are not found.
const ALGORITHM_VERSION: &str = "lithoscope realizations 2";
/// The same of Gaussian fields.
const GAUSSIAN_VERSION: &str = "Gaussian fields 2";
/// The same of indicator simulation.
const INDICATOR_VERSION: &str = "indicator simulation 1";

/// The scenarios of a case brought to life.
pub struct Geologies {
    /// One a scenario.
    pub scenarios: Vec<Geology>,
    /// What stacked scenarios share.
    pub units: Vec<SharedUnit>,
}

/// A scenario brought to life.
pub struct Geology {
    /// Where realizations come from.
    pub prior: Box<dyn Prior>,
    /// The training image, where there is one.
    pub image: Option<TrainingImage>,
    /// Everything that realizations depend on but their number: the name of their place in the cache.
    pub identity: Vec<u8>,
    /// The units that it is stacked from, by their numbers in [`Geologies::units`]; empty where it is one piece.
    pub units: Vec<usize>,
}

/// A unit of a stack filled with one type of geology, drawn once for all scenarios that have it.
pub struct SharedUnit {
    /// The unit.
    pub unit: Arc<Unit>,
    /// Everything that its realizations depend on but their number.
    pub identity: Vec<u8>,
}

impl Geologies {
    /// The priors of all scenarios of the case.
    ///
    /// # Errors
    /// An image that cannot be read or used, parameters that the generator or the simulation refuses.
    pub fn new(case: &Case) -> Result<Self> {
        let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut units = Vec::new();
        if let Some(stack) = &case.stack {
            for (number, unit) in stack.units.iter().enumerate() {
                for &kind in &unit.types {
                    shared.insert((number, kind), units.len());
                    units.push(SharedUnit::new(case, stack, number, kind)?);
                }
            }
        }
        let scenario = |scenario: &Scenario| match &scenario.geology {
            file::Geology::Stacked(types) => {
                let units_of: Vec<usize> = types.iter().enumerate().map(|key| shared[&(key.0, *key.1)]).collect();
                let parts: Vec<Arc<Unit>> = units_of.iter().map(|&u| Arc::clone(&units[u].unit)).collect();
                let identity = units_of.iter().flat_map(|&u| units[u].identity.clone()).collect();
                Ok(Geology { prior: Box::new(Stacked::new(case.grid, parts)), image: None, identity, units: units_of })
            }
            _ => Geology::new(case, case.grid, scenario),
        };
        let scenarios = case.scenarios.iter().map(scenario).collect::<Result<_>>()?;
        Ok(Self { scenarios, units })
    }
}

impl SharedUnit {
    fn new(case: &Case, stack: &Stack, number: usize, kind: usize) -> Result<Self> {
        let layers = stack.units[number].layers.clone();
        let grid = Unit::grid_of(case.grid, layers.clone());
        let Geology { prior, mut identity, .. } = Geology::new(case, grid, &stack.types[kind])?;
        identity.extend(format!("\nunit {number} of type {kind}, layers {layers:?}").into_bytes());
        let unit = Unit::new(case.grid, layers, number as u32, kind as u32, prior);
        Ok(Self { unit: Arc::new(unit), identity })
    }
}

impl Geology {
    /// The prior of a scenario of one piece on `grid`.
    fn new(case: &Case, grid: Grid, scenario: &Scenario) -> Result<Self> {
        let mut identity = format!(
            "{ALGORITHM_VERSION}\n{:?}\n{scenario:?}\n{:?}\n{:?}\n{:?}\n{}\n",
            grid,
            case.prior.method,
            (case.prior.condition != file::Condition::Nothing).then_some(&case.hard_data),
            case.property.facies,
            case.seed
        )
        .into_bytes();
        if matches!(scenario.geology, file::Geology::Gaussian(_)) || !scenario.variability.is_empty() {
            identity.extend(GAUSSIAN_VERSION.as_bytes());
        }
        if matches!(scenario.geology, file::Geology::Indicator(_)) {
            identity.extend(format!("{INDICATOR_VERSION}\n{:?}\n", case.prior.sisim).into_bytes());
        }
        let (facies, image): (Box<dyn Prior>, _) = match &scenario.geology {
            file::Geology::Indicator(indicator) => (indicators(case, grid, indicator, scenario.azimuth)?, None),
            file::Geology::Gaussian(gaussian) => (field(grid, gaussian, scenario.azimuth, &case.prior.method)?, None),
            file::Geology::ImageFile(file) => {
                let image = read_image(file)?;
                identity.extend(format!("{:?}", image.cells).into_bytes());
                (simulator(case, grid, &image, scenario.azimuth, scenario.scale)?, Some(image))
            }
            file::Geology::GeneratedImage(generated) => {
                let image = generate(generated, scenario.azimuth)?;
                (simulator(case, grid, &image, 0.0, scenario.scale)?, Some(image))
            }
            file::Geology::Stacked(_) => unreachable!("a stack is no type of a unit"),
        };
        if let Some(image) = &image {
            identity.extend(&image.codes);
            check_facies(case, scenario, image)?;
        }
        if scenario.variability.is_empty() {
            return Ok(Self { prior: facies, image, identity, units: Vec::new() });
        }
        let fillings = scenario
            .variability
            .iter()
            .zip(&case.property.facies)
            .map(|(gaussian, &value)| Ok((value + gaussian.mean, Some(variogram(gaussian, scenario.azimuth)?))))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { prior: Box::new(CookieCutter::new(facies, &fillings)?), image, identity, units: Vec::new() })
    }
}

/// What is wrong with the files of training images that a case names, each told once, at the key of its first scenario.
pub fn unusable_images(case: &Case) -> Vec<String> {
    let section = if case.stack.is_some() { "type" } else { "scenario" };
    let mut seen: Vec<&ImageFile> = Vec::new();
    let mut problems = Vec::new();
    for (number, scenario) in case.described().iter().enumerate() {
        let file::Geology::ImageFile(file) = &scenario.geology else { continue };
        if !seen.contains(&file) {
            seen.push(file);
            let used = read_image(file).and_then(|image| check_facies(case, scenario, &image));
            problems.extend(used.err().map(|e| format!("{section}[{}].image: {e}", number + 1)));
        }
    }
    problems
}

fn check_facies(case: &Case, scenario: &Scenario, image: &TrainingImage) -> Result<()> {
    let (found, expected) = (image.categories.len(), case.property.facies.len());
    if found == expected {
        return Ok(());
    }
    Err(Error::input(
        format!("scenario \"{}\"", scenario.name),
        format!("its image has {found} facies, property.facies has {expected} values"),
        "give one property value for each facies of the image",
    ))
}

/// An image read from a file: the first realization of its variable.
fn read_image(file: &ImageFile) -> Result<TrainingImage> {
    let place = file.path.display().to_string();
    let raster = io::read(&file.path, file.cells)?;
    let values = &raster.variable(&place, file.variable.as_deref())?.values;
    TrainingImage::from_values(raster.cells, &values[..raster.len()])
        .map_err(|e| Error::input(place, e.to_string(), ""))
}

fn scattered(scatter: &file::Scatter) -> Scattered {
    Scattered::new(scatter.mean, scatter.deviation)
}

/// A generated image whose objects run along `azimuth`.
fn generate(generated: &GeneratedImage, azimuth: f64) -> Result<TrainingImage> {
    let azimuth = Scattered::new(azimuth, generated.orientation_scatter);
    let bends = |meander: &file::Meander| Meander {
        wavelength: scattered(&meander.wavelength),
        bend: match meander.bend {
            file::Bend::Sinuosity(sinuosity) => Bend::Sinuosity(sinuosity),
            file::Bend::Amplitude(amplitude) => Bend::Amplitude(amplitude),
        },
        irregularity: meander.irregularity,
    };
    let (kind, undulation) = match &generated.objects {
        Objects::Ellipses { length } => {
            let model = EllipseModel {
                cells: generated.cells,
                azimuth,
                length: scattered(length),
                width: scattered(&generated.width),
                thickness: scattered(&generated.thickness),
                proportion: generated.proportion,
            };
            return Ok(model.generate(generated.seed)?.image);
        }
        Objects::Straight { undulation } => (ChannelKind::Straight, undulation),
        Objects::Meandering { meander, undulation } => (ChannelKind::Meandering(bends(meander)), undulation),
        Objects::Intersecting { meander, undulation, angle } => {
            (ChannelKind::Intersecting { meander: bends(meander), angle: *angle }, undulation)
        }
    };
    let model = ChannelModel {
        cells: generated.cells,
        kind,
        azimuth,
        width: scattered(&generated.width),
        undulation: *undulation,
        depth: scattered(&generated.thickness),
        levee: 0.0,
        proportion: generated.proportion,
    };
    Ok(model.generate(generated.seed)?.image)
}

fn simulator(case: &Case, grid: Grid, image: &TrainingImage, azimuth: f64, scale: f64) -> Result<Box<dyn Prior>> {
    match &case.prior.method {
        Method::Snesim(given) => {
            let options = SnesimOptions {
                template: given.template,
                grids: given.grids,
                servo: given.servo,
                minimum_replicates: given.minimum_replicates as u32,
                resimulations: given.resimulations,
                maximum_informed: given.maximum_informed,
                target: match &given.proportions[..] {
                    [] => Target::TrainingImage,
                    proportions => Target::Global(proportions.to_vec()),
                },
                transformations: vec![Transformation { azimuth, scale: [scale; 3] }],
                ..SnesimOptions::default()
            };
            // A template of one layer on an image as thick as the block: columns of layers are simulated as one cell.
            if image.cells[2] > 1 && image.cells[2] == grid.cells[2] && options.template[2] == 1 {
                return Ok(Box::new(Columns::new(image, grid, options)?));
            }
            Ok(Box::new(Snesim::new(image.cells, &image.codes, image.categories.len(), grid, options)?))
        }
        Method::DirectSampling(given) => {
            if azimuth != 0.0 || scale != 1.0 {
                return Err(Error::input(
                    "prior.method",
                    format!("direct sampling of an image turned by {azimuth} degrees and scaled by {scale}"),
                    "turn the image itself, or simulate with method = \"snesim\"",
                ));
            }
            let settings = Settings {
                neighbours: given.neighbours,
                threshold: given.threshold,
                scan_fraction: given.fraction,
                ..Settings::default()
            };
            Ok(Box::new(DirectSampling::of_facies(grid, image, settings)?))
        }
        Method::Gaussian | Method::Sgsim(_) | Method::Sisim => Err(Error::input(
            "prior.method",
            "a method of variograms for a scenario with a training image",
            "choose \"snesim\" or \"direct-sampling\"",
        )),
    }
}

/// A field of the case's variogram, turned by the scenario's azimuth; where it has a distribution of its own, the scores
/// are what is simulated.
pub(super) fn field(grid: Grid, gaussian: &file::Gaussian, azimuth: f64, method: &Method) -> Result<Box<dyn Prior>> {
    if gaussian.distribution.is_empty() {
        return gaussian_field(grid, gaussian, azimuth, method);
    }
    let transform = NormalScore::new(&gaussian.distribution, None, None, None)?;
    let scores = file::Gaussian { mean: 0.0, variance: 1.0, ..gaussian.clone() };
    Ok(Box::new(Transformed::new(gaussian_field(grid, &scores, azimuth, method)?, transform)))
}

fn gaussian_field(grid: Grid, gaussian: &file::Gaussian, azimuth: f64, method: &Method) -> Result<Box<dyn Prior>> {
    let variogram = variogram(gaussian, azimuth)?;
    let Method::Sgsim(given) = method else {
        return Ok(Box::new(GaussianField::new(grid, &variogram, gaussian.mean)?));
    };
    Ok(Box::new(Sgsim::new(grid, &variogram, gaussian.mean, sequential(given))?))
}

/// Facies of the case's proportions and indicator variograms, these turned by the scenario's azimuth.
fn indicators(case: &Case, grid: Grid, indicator: &file::Indicator, azimuth: f64) -> Result<Box<dyn Prior>> {
    let given = case.prior.sisim.as_ref().expect("a case with indicator variograms says how they are simulated");
    let shape = |v: &file::IndicatorVariogram| nested(1.0, v.nugget, &v.structures, azimuth);
    let variograms = indicator.variograms.iter().map(shape).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(Sisim::new(grid, &indicator.proportions, &variograms, sequential(given))?))
}

fn sequential(given: &file::Sequential) -> SequentialOptions {
    let kriging = match given.kriging {
        file::Kriging::Simple => Kriging::Simple,
        file::Kriging::Ordinary => Kriging::Ordinary,
    };
    SequentialOptions { kriging, neighbours: given.neighbours, ..SequentialOptions::default() }
}

/// The variogram of a Gaussian field of the case.
pub fn variogram(gaussian: &file::Gaussian, azimuth: f64) -> Result<Variogram> {
    nested(gaussian.variance, gaussian.nugget, &gaussian.structures, azimuth)
}

/// A variogram of `sill` from the shares of nugget and structures.
fn nested(sill: f64, nugget: f64, structures: &[file::Structure], azimuth: f64) -> Result<Variogram> {
    let structures = structures.iter().map(|s| Structure {
        shape: match s.model {
            file::VariogramModel::Spherical => Shape::Spherical,
            file::VariogramModel::Exponential => Shape::Exponential,
            file::VariogramModel::Gaussian => Shape::Gaussian,
            file::VariogramModel::Matern { nu } => Shape::Matern { smoothness: nu },
        },
        sill: s.share * sill,
        ranges: s.ranges,
        azimuth: s.azimuth + azimuth,
        dip: s.dip,
        rake: s.rake,
    });
    Variogram::new(nugget * sill, &structures.collect::<Vec<_>>())
}
