//! Ideas of the geology, and how realizations are drawn from them.

use std::ops::Range;
use std::path::PathBuf;

/// One idea of the geology, from which realizations are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name, unique in the case.
    pub name: String,
    /// Direction of the geology \[degrees clockwise from north\]: the objects of a generated image run along it, an
    /// image from a file and the variograms of [`Geology::Gaussian`] and [`Geology::Indicator`] are turned by it.
    pub azimuth: f64,
    /// Factor by which patterns of the image grow (1: as they are).
    pub scale: f64,
    /// Where patterns come from.
    pub geology: Geology,
    /// The Gaussian field that fills each facies, one a facies, means being departures from the facies' value
    /// (cookie cutter); empty: constant facies.
    pub variability: Vec<Gaussian>,
}

/// Where a scenario's patterns come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Geology {
    /// A training image read from a file; distinct values in ascending order are the facies codes 0, 1, ….
    ImageFile(ImageFile),
    /// A training image from the project's own generator.
    GeneratedImage(GeneratedImage),
    /// A stationary Gaussian field.
    Gaussian(Gaussian),
    /// Facies of given proportions and indicator variograms.
    Indicator(Indicator),
    /// Units one above the other, from the lowest on: for each the number of its type in [`Stack::types`].
    Stacked(Vec<usize>),
}

/// A file of a training image: GSLIB, SGeMS, npy or PNG.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFile {
    /// Where it is.
    pub path: PathBuf,
    /// The variable of several that is the image.
    pub variable: Option<String>,
    /// The size of the grid, where the file does not say it.
    pub cells: Option<[usize; 3]>,
}

impl Geology {
    /// Whether patterns come from a training image.
    pub fn has_image(&self) -> bool {
        matches!(self, Self::ImageFile(_) | Self::GeneratedImage(_))
    }
}

/// Units one above the other, and the types of geology that may fill each: every combination is a scenario.
///
/// With units of A, B, C types the scenario of types a, b, c (from 1, the first unit first) is number
/// `(a − 1) B C + (b − 1) C + c`, and is called after its types: `"intersecting/straight/meandering"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// The units, from the lowest on; together they are the layers of the grid.
    pub units: Vec<Unit>,
    /// Types of geology. A type is described as a scenario is; its grid is the unit's layers.
    pub types: Vec<Scenario>,
}

/// A unit of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Name, unique in the case.
    pub name: String,
    /// Its layers, from the bottom.
    pub layers: Range<usize>,
    /// Numbers of the types that may fill it, in [`Stack::types`].
    pub types: Vec<usize>,
}

/// Parameters of a generated training image; lengths in cells of the image. Objects run along the scenario's azimuth.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedImage {
    /// Kind of objects.
    pub objects: Objects,
    /// Cells of the image (nx, ny, nz).
    pub cells: [usize; 3],
    /// Seed of the image alone: the image does not change with the seed of the run.
    pub seed: u64,
    /// Fraction of cells in the objects (facies 1; the background is facies 0).
    pub proportion: f64,
    /// Width of a channel, or short axis of an ellipse.
    pub width: Scatter,
    /// Thickness in the middle of an object; without meaning in 2-D.
    pub thickness: Scatter,
    /// Standard deviation of the direction of single objects \[degrees\].
    pub orientation_scatter: f64,
}

/// A length that varies from object to object \[cells\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// Kinds of objects in a generated image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objects {
    /// Channels along the azimuth, in bends.
    Meandering {
        /// The bends.
        meander: Meander,
        /// Relative standard deviation of the width along one channel.
        undulation: f64,
    },
    /// Two families of channels that cross, split and join.
    Intersecting {
        /// The bends of both families.
        meander: Meander,
        /// Relative standard deviation of the width along one channel.
        undulation: f64,
        /// Angle between the families' axes \[degrees\], each half of it to one side of the azimuth.
        angle: f64,
    },
    /// Channels along the azimuth, without bends.
    Straight {
        /// Relative standard deviation of the width along one channel.
        undulation: f64,
    },
    /// Ellipses elongated along the azimuth.
    Ellipses {
        /// Full length of the long axis.
        length: Scatter,
    },
}

/// The meanders of a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meander {
    /// Distance along the axis from bend to next like bend.
    pub wavelength: Scatter,
    /// How far the channel swings.
    pub bend: Bend,
    /// Relative standard deviation of wavelength and swing along one channel.
    pub irregularity: f64,
}

/// How far a channel swings to and fro.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bend {
    /// Length along the channel over length along its axis (1 is straight).
    Sinuosity(f64),
    /// Half the distance across the axis between opposite apexes \[cells\].
    Amplitude(f64),
}

/// A stationary Gaussian field in the carried property, or one whose normal scores are such a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Mean (of a facies' variability: departure from the facies' value).
    pub mean: f64,
    /// Variance that every structure and the nugget sum to.
    pub variance: f64,
    /// Values whose distribution the field has, of that mean and variance; empty: the normal one.
    pub distribution: Vec<f64>,
    /// Share of the nugget in the variance, 0..1.
    pub nugget: f64,
    /// Nested structures, whose shares and the nugget's sum to 1.
    pub structures: Vec<Structure>,
}

/// Facies by the proportion and the variogram of the indicator of each: 1 in the facies, 0 elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicator {
    /// Proportion of each facies, above 0; they sum to 1.
    pub proportions: Vec<f64>,
    /// The variogram of each facies, or one for all.
    pub variograms: Vec<IndicatorVariogram>,
}

/// The shape of an indicator variogram; its sill follows from the proportion p, `p (1 − p)`.
#[derive(Debug, Clone, PartialEq)]
pub struct IndicatorVariogram {
    /// Share of the nugget in the sill, 0..1.
    pub nugget: f64,
    /// Nested structures, whose shares and the nugget's sum to 1.
    pub structures: Vec<Structure>,
}

/// One nested structure of a variogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// The model of correlation against distance.
    pub model: VariogramModel,
    /// Share of the variance, 0..1.
    pub share: f64,
    /// Ranges along the main axis, across it, and vertically \[m\]; *practical* ranges (5 % of the covariance left)
    /// where the model only tends to its sill.
    pub ranges: [f64; 3],
    /// Direction of the main axis \[degrees clockwise from north\]; that of a Gaussian scenario or an indicator is turned
    /// further by the scenario's azimuth, that of a facies' variability is not.
    pub azimuth: f64,
    /// Dip of the main axis \[degrees from the horizontal, positive up\].
    pub dip: f64,
    /// Turn about the main axis \[degrees\].
    pub rake: f64,
}

/// Models of correlation against distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VariogramModel {
    /// Spherical.
    Spherical,
    /// Exponential, by practical range.
    Exponential,
    /// Gaussian, by practical range.
    Gaussian,
    /// Matérn of smoothness `nu`, by practical range.
    Matern {
        /// Smoothness ν > 0.
        nu: f64,
    },
}

/// How realizations are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Realizations L of each scenario.
    pub realizations: usize,
    /// What realizations honour.
    pub condition: Condition,
    /// The method for scenarios with an image; where no scenario has one, [`Method::Sisim`] for indicator variograms,
    /// [`Method::Gaussian`] or [`Method::Sgsim`] for Gaussian fields.
    pub method: Method,
    /// How scenarios of indicator variograms are drawn, whatever the method of others is; `None` where there are none.
    pub sisim: Option<Sequential>,
}

/// What realizations honour. References honour [`HardData`] always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: hard data and observed properties enter as observations and through the u-step.
    Nothing,
    /// The cells of [`HardData`], which are the same for every reference.
    HardData,
    /// These and the observed properties: the ensemble is drawn anew for every reference.
    All,
}

/// Methods of simulation.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Single normal equation simulation (Strebelle 2002).
    Snesim(Snesim),
    /// Direct sampling (Mariethoz et al. 2010).
    DirectSampling(DirectSampling),
    /// Gaussian fields by circulant embedding, conditioned by kriging of residuals.
    Gaussian,
    /// Sequential Gaussian simulation.
    Sgsim(Sequential),
    /// Sequential indicator simulation, with the parameters of [`Prior::sisim`].
    Sisim,
}

/// Parameters of sequential simulation, Gaussian or indicator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    /// How the mean is treated.
    pub kriging: Kriging,
    /// Nearest informed cells used at most.
    pub neighbours: usize,
}

/// How kriging treats the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kriging {
    /// It is known.
    Simple,
    /// It is estimated from the neighbours.
    Ordinary,
}

/// Parameters of SNESIM.
#[derive(Debug, Clone, PartialEq)]
pub struct Snesim {
    /// Nodes of the template on each of the multiple grids, odd numbers.
    pub template: [usize; 3],
    /// Number of multiple grids.
    pub grids: usize,
    /// Strength of the servo correction towards the target proportions, 0 (off) to below 1.
    pub servo: f64,
    /// Replicates below which the farthest informed node is dropped.
    pub minimum_replicates: usize,
    /// Nearest informed nodes used at most.
    pub maximum_informed: usize,
    /// How often nodes whose data event had lost nodes are simulated again on each grid.
    pub resimulations: usize,
    /// Target proportion of each facies; empty: the image's.
    pub proportions: Vec<f64>,
}

/// Parameters of direct sampling.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectSampling {
    /// Nearest informed cells compared.
    pub neighbours: usize,
    /// Largest distance of an accepted pattern, 0..1.
    pub threshold: f64,
    /// Largest fraction of the image scanned for one cell, 0..1.
    pub fraction: f64,
}

/// Scenarios at most: maps of scenarios have a byte a cell, of which 255 is none.
pub const MOST_SCENARIOS: usize = 255;

/// Cells whose facies or property is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct HardData {
    /// A CSV file with columns `i, j, k` (1-based) or `x, y, z` \[m\], and `facies` or `value` (in the property's unit); read
    /// by the run.
    pub file: Option<PathBuf>,
    /// Data given in the case itself.
    pub cells: Vec<HardDatum>,
    /// Whether they are data of the inversion too, see [`Case::observed`](super::Case::observed).
    pub observed: bool,
}

/// One measured cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HardDatum {
    /// The cell (i, j, k), 0-based.
    pub cell: [usize; 3],
    /// What is known there.
    pub known: Hard,
}

/// What is known of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hard {
    /// Its facies code.
    Facies(u8),
    /// Its carried property.
    Value(f64),
}
