//! From a scenario of the case to a live prior: image read or generated, simulation method chosen.

use std::path::Path;

use super::file::{self, Case, GeneratedImage, Method, Objects, Scenario};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::io;
use crate::prior::Prior;
use crate::prior::cookie_cutter::CookieCutter;
use crate::prior::direct_sampling::{DirectSampling, Settings};
use crate::prior::gaussian_field::GaussianField;
use crate::prior::snesim::{Snesim, SnesimOptions, Target, Transformation};
use crate::prior::training_image::{Bend, ChannelKind, ChannelModel, EllipseModel, Meander, Scattered, TrainingImage};
use crate::prior::variogram::{Shape, Structure, Variogram};

/// Changes whenever the numbers of a realization change for the same inputs: cached realizations of other versions
/// are not found.
const ALGORITHM_VERSION: &str = "lithoscope realizations 1";

/// A scenario brought to life.
pub struct Geology {
    /// Where realizations come from.
    pub prior: Box<dyn Prior>,
    /// The training image, where there is one.
    pub image: Option<TrainingImage>,
    /// Everything that realizations depend on but their number: the name of their place in the cache.
    pub identity: Vec<u8>,
}

impl Geology {
    /// The prior of one scenario of the case.
    ///
    /// # Errors
    /// An image that cannot be read or used, parameters that the generator or the simulation refuses.
    pub fn new(case: &Case, scenario: &Scenario) -> Result<Self> {
        let mut identity = format!(
            "{ALGORITHM_VERSION}\n{:?}\n{scenario:?}\n{:?}\n{:?}\n{:?}\n{}\n",
            case.grid,
            case.prior.method,
            (case.prior.condition != file::Condition::Nothing).then_some(&case.hard_data),
            case.property.facies,
            case.seed
        )
        .into_bytes();
        let (facies, image): (Box<dyn Prior>, _) = match &scenario.geology {
            file::Geology::Gaussian(gaussian) => {
                (Box::new(gaussian_field(case.grid, gaussian, scenario.azimuth)?), None)
            }
            file::Geology::Stacked(_) => {
                return Err(Error::input(
                    "stack",
                    "a scenario of several units, and an inversion of one",
                    "give the scenario an image or a Gaussian field",
                ));
            }
            file::Geology::ImageFile(path) => {
                let image = read_image(path)?;
                (simulator(case, &image, scenario.azimuth, scenario.scale)?, Some(image))
            }
            file::Geology::GeneratedImage(generated) => {
                let image = generate(generated, scenario.azimuth)?;
                (simulator(case, &image, 0.0, scenario.scale)?, Some(image))
            }
        };
        if let Some(image) = &image {
            identity.extend(&image.codes);
            check_facies(case, scenario, image)?;
        }
        if scenario.variability.is_empty() {
            return Ok(Self { prior: facies, image, identity });
        }
        let fillings = scenario
            .variability
            .iter()
            .zip(&case.property.facies)
            .map(|(gaussian, &value)| Ok((value + gaussian.mean, Some(variogram(gaussian, scenario.azimuth)?))))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { prior: Box::new(CookieCutter::new(facies, &fillings)?), image, identity })
    }
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

/// An image read from a file, by its ending.
fn read_image(path: &Path) -> Result<TrainingImage> {
    let place = path.display().to_string();
    let raster = io::read(path, None)?;
    let values = &raster.variable(&place, None)?.values;
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

fn simulator(case: &Case, image: &TrainingImage, azimuth: f64, scale: f64) -> Result<Box<dyn Prior>> {
    match &case.prior.method {
        Method::Snesim(given) => {
            let options = SnesimOptions {
                template: given.template,
                grids: given.grids,
                servo: given.servo,
                minimum_replicates: given.minimum_replicates as u32,
                maximum_informed: given.maximum_informed,
                target: match &given.proportions[..] {
                    [] => Target::TrainingImage,
                    proportions => Target::Global(proportions.to_vec()),
                },
                transformations: vec![Transformation { azimuth, scale: [scale; 3] }],
                ..SnesimOptions::default()
            };
            Ok(Box::new(Snesim::new(image.cells, &image.codes, image.categories.len(), case.grid, options)?))
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
            Ok(Box::new(DirectSampling::of_facies(case.grid, image, settings)?))
        }
        Method::Gaussian | Method::Sgsim(_) => Err(Error::input(
            "prior.method",
            "a Gaussian method for a scenario with a training image",
            "choose \"snesim\" or \"direct-sampling\"",
        )),
    }
}

/// A field of the case's variogram, turned by the scenario's azimuth.
fn gaussian_field(grid: Grid, gaussian: &file::Gaussian, azimuth: f64) -> Result<GaussianField> {
    GaussianField::new(grid, &variogram(gaussian, azimuth)?, gaussian.mean)
}

/// The variogram of a Gaussian field of the case.
pub fn variogram(gaussian: &file::Gaussian, azimuth: f64) -> Result<Variogram> {
    let structures = gaussian.structures.iter().map(|s| Structure {
        shape: match s.model {
            file::VariogramModel::Spherical => Shape::Spherical,
            file::VariogramModel::Exponential => Shape::Exponential,
            file::VariogramModel::Gaussian => Shape::Gaussian,
            file::VariogramModel::Matern { nu } => Shape::Matern { smoothness: nu },
        },
        sill: s.share * gaussian.variance,
        ranges: s.ranges,
        azimuth: s.azimuth + azimuth,
        dip: s.dip,
        rake: s.rake,
    });
    Variogram::new(gaussian.nugget * gaussian.variance, &structures.collect::<Vec<_>>())
}
