//! The checked case: plain SI numbers and enums, no strings in anything that computes.
//!
//! Lengths are metres, slowness s/m, times s. The *carried property* is the SI value of the property, or its log10 or
//! ln where [`Property::transform`] says so; facies values, means and standard deviations are in the carried property.
//! Cells are 0-based here and 1-based in the file; azimuths are degrees clockwise from north (in a section: from the
//! second axis towards x, so that 90° is horizontal).

use std::path::PathBuf;

use crate::grid::{Grid, Plane};
use crate::units::{Dimension, Transform, Unit};

/// Everything that a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Short name, used for result folders.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The one seed of all random numbers.
    pub seed: u64,
    /// The grid of models, realizations and physics.
    pub grid: Grid,
    /// What u is.
    pub property: Property,
    /// The competing geologic scenarios Ω_p, at least one.
    pub scenarios: Vec<Scenario>,
    /// How realizations are drawn.
    pub prior: Prior,
    /// Cells whose facies or property is measured.
    pub hard_data: Option<HardData>,
    /// The parameterization u ≈ ū + Φ v.
    pub basis: Basis,
    /// The forward model g; absent where nothing is inverted (`ch5-mapping`).
    pub physics: Option<Physics>,
    /// Observed data, or what noise synthetic data get; present exactly where there is a physics.
    pub data: Option<Data>,
    /// The u-step; absent: the inversion is v-steps alone.
    pub feasible: Option<Feasible>,
    /// How v is found.
    pub inversion: Inversion,
    /// The model that synthetic data come from; absent with data from a file.
    pub reference: Option<Reference>,
    /// Variants of the feasible map applied to rank-truncated references, instead of an inversion.
    pub mapping: Option<Mapping>,
}

/// What the model's values mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The physical quantity.
    pub quantity: Quantity,
    /// The unit of files and reports.
    pub unit: Unit,
    /// Whether u carries the value or a logarithm of it.
    pub transform: Transform,
    /// Carried value of each facies code 0..K; empty for a continuous property.
    pub facies: Vec<f64>,
}

impl Property {
    /// Carried value u of a number `y` in the unit and transform of the file.
    pub fn carried(&self, y: f64) -> f64 {
        self.transform.from_unit(y, self.unit)
    }

    /// The number in the unit and transform of the file for the carried value `u`: the inverse of [`Self::carried`].
    pub fn reported(&self, u: f64) -> f64 {
        self.transform.to_unit(u, self.unit)
    }

    /// Carried size of one unit of *difference* (of a standard deviation) in the file: a logarithm's differences have
    /// no unit.
    pub fn difference(&self) -> f64 {
        match self.transform {
            Transform::None => self.unit.factor,
            Transform::Log10 | Transform::Ln => 1.0,
        }
    }

    /// Carried variance of a variance `y` in the file.
    pub fn carried_variance(&self, y: f64) -> f64 {
        y * self.difference() * self.difference()
    }

    /// The unit with its transform, for axes and tables: `"ms/m"`, `"log10 m/day"`.
    pub fn label(&self) -> String {
        self.transform.label(self.unit)
    }

    /// Whether the geology is facies, each with its value.
    pub fn has_facies(&self) -> bool {
        !self.facies.is_empty()
    }
}

/// Physical quantities that a model can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Slowness \[s/m\].
    Slowness,
    /// Transmissivity \[m²/s\].
    Transmissivity,
    /// Hydraulic conductivity \[m/s\].
    Conductivity,
    /// Permeability \[m²\].
    Permeability,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Self; 4] = [Self::Slowness, Self::Transmissivity, Self::Conductivity, Self::Permeability];

    /// Its name in cases and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slowness => "slowness",
            Self::Transmissivity => "transmissivity",
            Self::Conductivity => "hydraulic conductivity",
            Self::Permeability => "permeability",
        }
    }

    /// Which units it may have.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Slowness => Dimension::Slowness,
            Self::Transmissivity => Dimension::Transmissivity,
            Self::Conductivity => Dimension::Conductivity,
            Self::Permeability => Dimension::Permeability,
        }
    }
}

/// One idea of the geology, from which realizations are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name, unique in the case.
    pub name: String,
    /// Direction of the geology \[degrees clockwise from north\]: the objects of a generated image run along it, an
    /// image from a file and the variogram of [`Geology::Gaussian`] are turned by it.
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
    /// A training image read from a file (GSLIB/SGeMS, npy or PNG by its ending); distinct values in ascending order
    /// are the facies codes 0, 1, ….
    ImageFile(PathBuf),
    /// A training image from the project's own generator.
    GeneratedImage(GeneratedImage),
    /// A stationary Gaussian field.
    Gaussian(Gaussian),
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

/// A stationary Gaussian field in the carried property.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Mean (of a facies' variability: departure from the facies' value).
    pub mean: f64,
    /// Variance that every structure and the nugget sum to.
    pub variance: f64,
    /// Share of the nugget in the variance, 0..1.
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
    /// Direction of the main axis \[degrees clockwise from north\]; that of a Gaussian scenario is turned further by the
    /// scenario's azimuth, that of a facies' variability is not.
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
    /// Whether realizations honour the hard data (`false`: hard data enter as observations and through the u-step).
    pub condition: bool,
    /// The method for scenarios with an image; [`Method::Gaussian`] where no scenario has one.
    pub method: Method,
}

/// Methods of simulation.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Single normal equation simulation (Strebelle 2002).
    Snesim(Snesim),
    /// Direct sampling (Mariethoz et al. 2010).
    DirectSampling(DirectSampling),
    /// Gaussian fields by circulant embedding.
    Gaussian,
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

/// Cells whose facies or property is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct HardData {
    /// A CSV file with columns `i, j, k` (1-based) and `facies` or `value` (in the property's unit); read by the run.
    pub file: Option<PathBuf>,
    /// Data given in the case itself.
    pub cells: Vec<HardDatum>,
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

/// The parameterization u ≈ ū + Φ v.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// Which basis.
    pub kind: BasisKind,
    /// How many columns.
    pub rank: Rank,
    /// Whether the prior mean is removed and kept as ū.
    pub center: bool,
}

/// Kinds of bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasisKind {
    /// Leading left singular vectors of the realizations.
    Pca,
    /// Leading eigenvectors of a Gaussian prior's own covariance: no realizations needed.
    KarhunenLoeve,
}

/// How many columns a basis has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    /// k columns.
    Fixed(usize),
    /// `round(first + (last − first) k/(K − 1))` columns in outer iteration k = 0..K.
    Growing {
        /// Columns in the first iteration.
        first: usize,
        /// Columns in the last iteration.
        last: usize,
    },
    /// The least number of columns that keeps this fraction of Σσ².
    Energy(f64),
}

impl Rank {
    /// Columns in outer iteration `k` of `iterations`; `None` where the energy decides.
    pub fn at(&self, k: usize, iterations: usize) -> Option<usize> {
        match *self {
            Self::Fixed(rank) => Some(rank),
            Self::Growing { first, last } if iterations < 2 => Some(first.max(last)),
            Self::Growing { first, last } => {
                let t = k.min(iterations - 1) as f64 / (iterations - 1) as f64;
                Some((first as f64 + (last as f64 - first as f64) * t).round() as usize)
            }
            Self::Energy(_) => None,
        }
    }

    /// The largest number of columns that is asked for; `None` where the energy decides.
    pub fn largest(&self) -> Option<usize> {
        match *self {
            Self::Fixed(rank) => Some(rank),
            Self::Growing { first, last } => Some(first.max(last)),
            Self::Energy(_) => None,
        }
    }
}

/// The forward model.
#[derive(Debug, Clone, PartialEq)]
pub enum Physics {
    /// Straight-ray travel times t = L s.
    StraightRays(StraightRays),
}

/// Straight rays: every source to every receiver, or the pairs of the data file.
#[derive(Debug, Clone, PartialEq)]
pub struct StraightRays {
    /// Sources; empty where the data file carries the survey.
    pub sources: Vec<Antennas>,
    /// Receivers; empty where the data file carries the survey.
    pub receivers: Vec<Antennas>,
    /// Slowness outside of the grid \[s/m\]; `None`: outside parts carry no travel time.
    pub background: Option<f64>,
}

/// Positions of sources or receivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Antennas {
    /// `count` positions on one side of the grid, position i at `first + (i + ½)(last − first)/count` along it (halfway
    /// up in 3-D).
    Side {
        /// The side.
        side: Side,
        /// Number of positions.
        count: usize,
        /// Coordinate where the array begins \[m\].
        first: f64,
        /// Coordinate where the array ends \[m\].
        last: f64,
    },
    /// Points \[m\].
    Points(Vec<[f64; 3]>),
}

impl Antennas {
    /// Number of positions.
    pub fn count(&self) -> usize {
        match self {
            Self::Points(points) => points.len(),
            Self::Side { count, .. } => *count,
        }
    }

    /// The positions \[m\].
    pub fn positions(&self, grid: &Grid) -> Vec<[f64; 3]> {
        match self {
            Self::Points(points) => points.clone(),
            Self::Side { side, count, first, last } => {
                let (low, size) = (grid.origin, grid.size());
                (0..*count)
                    .map(|i| {
                        let t = first + (i as f64 + 0.5) * (last - first) / *count as f64;
                        let middle = low[2] + 0.5 * size[2];
                        match side {
                            Side::Left => [low[0], t, middle],
                            Side::Right => [low[0] + size[0], t, middle],
                            Side::Low => [t, low[1], middle],
                            Side::High => [t, low[1] + size[1], middle],
                        }
                    })
                    .collect()
            }
        }
    }
}

/// A side of the grid; "top" and "bottom" of the file depend on the plane (the top of a map is its largest y, the top
/// of a section its least depth).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Least x.
    Left,
    /// Largest x.
    Right,
    /// Least second coordinate: the bottom of a map, the top of a section.
    Low,
    /// Largest second coordinate: the top of a map, the bottom of a section.
    High,
}

/// Observed data, or what noise synthetic data get.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Where data come from.
    pub source: DataSource,
    /// How the CSV file's columns are called, and their units.
    pub columns: Columns,
    /// Standard deviation of each datum.
    pub noise: Noise,
    /// Standard deviation of an error shared by all data of one source \[s\]; 0: none.
    pub source_statics: f64,
    /// Standard deviation of an error shared by all data of one receiver \[s\]; 0: none.
    pub receiver_statics: f64,
    /// Whether the error level is taken as given or chosen from the data.
    pub noise_level: NoiseLevel,
}

/// Where data come from.
#[derive(Debug, Clone, PartialEq)]
pub enum DataSource {
    /// Predicted from the reference, with noise added.
    Reference,
    /// A CSV file.
    File(PathBuf),
    /// A CSV file that the command line must name (`file = "--data"`).
    CommandLine,
}

/// Names of the columns of a CSV file, and the units of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Name of the datum; `None`: numbered by line.
    pub id: Option<String>,
    /// x, y, z of the source; `None`: 0 (see [`Self::of_axes`]).
    pub source: [Option<String>; 3],
    /// x, y, z of the receiver, as [`Self::source`].
    pub receiver: [Option<String>; 3],
    /// Travel time.
    pub time: String,
    /// Standard deviation of the travel time, in the time's unit.
    pub sigma: Option<String>,
    /// Unit of coordinates.
    pub length_unit: Unit,
    /// Unit of times.
    pub time_unit: Unit,
}

impl Columns {
    /// The columns of [`Self::source`] or [`Self::receiver`] by the axes of a grid: in a section the second axis is
    /// depth, which files call z.
    pub fn of_axes(columns: &[Option<String>; 3], plane: Plane) -> [Option<&str>; 3] {
        let [x, y, z] = columns.each_ref().map(Option::as_deref);
        match plane {
            Plane::Xy => [x, y, z],
            Plane::Xz => [x, z, y],
        }
    }
}

/// Standard deviation of each datum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// `σ_i = max(fraction · |d_i|, 0.01 rms of its kind)`.
    Relative(f64),
    /// One σ for all data of a kind: `fraction · mean |d|`.
    RelativeToMean(f64),
    /// One σ \[s\].
    Absolute(f64),
    /// The σ column of the data file.
    File,
    /// No noise is added; data are whitened with `0.01 rms`.
    Free,
}

/// Whether the error level is taken as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseLevel {
    /// σ as [`Noise`] says.
    Given,
    /// One factor on all σ, of largest likelihood of the data under the prior.
    Likelihood,
    /// One factor on all σ, of least cross-validated misfit.
    CrossValidation,
}

/// The u-step: matching windows against a learning set, and voting.
#[derive(Debug, Clone, PartialEq)]
pub struct Feasible {
    /// Shape of windows.
    pub window: Window,
    /// Nearest neighbours k of each window.
    pub neighbours: usize,
    /// Windows N′ of the learning set.
    pub library: usize,
    /// Fraction of the admissible window positions that are matched, 0..1.
    pub fraction: f64,
    /// What the windows' labels are.
    pub labels: Labels,
    /// How labels become a map.
    pub aggregation: Aggregation,
    /// What describes a window.
    pub features: Features,
}

/// Shape of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Window {
    /// A rectangle or box of cells.
    Box([usize; 3]),
    /// A disk (in 3-D a ball) of cells whose centres are within `radius` cells.
    Disk {
        /// Radius \[cells\].
        radius: f64,
    },
}

impl Window {
    /// Cells along x, y, z of the window's bounding box on `grid`.
    pub fn extent(&self, grid: &Grid) -> [usize; 3] {
        match *self {
            Self::Box(cells) => cells,
            Self::Disk { radius } => {
                let across = 2 * radius.floor() as usize + 1;
                [across, across, if grid.is_2d() { 1 } else { across }]
            }
        }
    }
}

/// What the windows' labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Facies codes.
    Facies,
    /// The carried property.
    Property,
}

/// How labels become a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// The most frequent facies of all votes for a cell.
    Vote,
    /// The mean of all votes for a cell.
    Mean,
    /// The mean of all votes, weighted by match distance.
    WeightedMean,
    /// The fullest bin of the votes' histogram.
    Mode {
        /// Number of bins.
        bins: usize,
    },
    /// No aggregation: each cell hears only the window whose centre is nearest.
    Center,
}

/// What describes a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Features {
    /// All its cells: exact.
    All,
    /// A random subset of this many cells.
    Subset(usize),
    /// Projections on this many leading components.
    Projection(usize),
}

/// How v is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Inversion {
    /// Outer iterations (v-step, u-step).
    pub iterations: usize,
    /// Gauss-Newton steps in a v-step.
    pub steps: usize,
    /// What is added to the data misfit.
    pub regularizer: Regularizer,
    /// Weight λ of the regularizer.
    pub weight: Weight,
    /// Weight λ_f of ‖ū + Φv − u‖².
    pub coupling: Weight,
    /// Relative change of u and v below which the iteration stops; 0: all iterations are run.
    pub tolerance: f64,
    /// Which iterate is returned.
    pub returned: Returned,
    /// Folds of the cross-validation that is reported; 0: none.
    pub cross_validation: usize,
    /// Whether the truncated basis' error in the data counts as noise while v is found.
    pub truncation_error: bool,
    /// When the feasible map is applied.
    pub apply: Apply,
}

/// What is added to the data misfit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regularizer {
    /// Nothing (the u-step regularizes).
    None,
    /// `λ² Σ v_j²/σ_j²`, σ_j the prior standard deviation of coefficient j.
    Gaussian,
}

/// A regularization weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// Chosen from the data.
    Auto,
    /// Fixed by the user.
    Fixed(f64),
}

/// When the feasible map is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// In every iteration.
    Every,
    /// Once, in the last.
    Last,
}

/// Which iterate is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The one whose u fits the data best.
    Best,
    /// The last.
    Last,
}

/// The model that synthetic data come from: a realization that is no member of the ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Number of its scenario, 0-based.
    pub scenario: usize,
    /// Which one: the reference is realization `L + seed` (1-based) of its scenario; `--repeat` goes on from here.
    pub seed: u64,
}

/// Variants of the feasible map, each applied to the same rank-truncated references.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// Number of references.
    pub references: usize,
    /// The variants, in the order of the file.
    pub variants: Vec<MappingVariant>,
}

/// One variant of the feasible map.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingVariant {
    /// Name, unique in the case.
    pub name: String,
    /// The map.
    pub feasible: Feasible,
}
