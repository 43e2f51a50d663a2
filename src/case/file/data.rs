//! Observed data and their errors.

use std::path::PathBuf;

use crate::grid::{Grid, Plane};
use crate::io::pumping;
use crate::units::{Dimension, Unit};

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
    /// Pumping tests, whose folder (or list of tests in it) the source then names.
    pub tests: Option<Tests>,
}

impl Data {
    /// Whether they come from a file of their own, not from those of pumping tests.
    pub fn is_one_file(&self) -> bool {
        self.source != DataSource::Reference && self.tests.is_none()
    }
}

/// Drawdowns of pumping tests: which of them are data.
#[derive(Debug, Clone, PartialEq)]
pub struct Tests {
    /// Names of files and columns, and their units.
    pub columns: pumping::Columns,
    /// Samples of each series (a test, a well) that are data: those nearest to times of constant ratio.
    pub samples: usize,
    /// The first of these times \[s\]; the last is the last sample's.
    pub from: f64,
    /// Standard deviation of an error shared by all samples of a series \[m\]; 0: none.
    pub series_error: f64,
    /// Names of the tests that are no data, but predicted and compared.
    pub left_out: Vec<String>,
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

/// Names of the columns of a CSV file of travel times, and the units of its numbers. Of measurements of groundwater the
/// columns are those of `data.csv`, and only the units are of use.
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
    /// What the columns are called where a case says nothing: those of the axes that a grid has, units of SI.
    pub fn usual(grid: &Grid) -> Self {
        let (is_section, name) = (grid.plane == Plane::Xz, |name: &str| Some(name.to_owned()));
        let axes = |end: &str| {
            let axis = |axis: &str, has: bool| if has { name(&format!("{end}_{axis}")) } else { None };
            [axis("x", true), axis("y", !is_section), axis("z", is_section || !grid.is_2d())]
        };
        Self {
            id: None,
            source: axes("source"),
            receiver: axes("receiver"),
            time: "time".to_owned(),
            sigma: None,
            length_unit: Dimension::Length.si(),
            time_unit: Dimension::Time.si(),
        }
    }

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
    /// One σ \[SI\]; of a logarithm without unit.
    Absolute(f64),
    /// The σ column of the data file. (Where a file of measurements of groundwater has one, it goes before all others.)
    File,
    /// No noise is added; data are whitened with `0.01 rms`.
    Free,
}

impl Noise {
    /// Whether it is a quantity with the data's unit.
    pub fn is_absolute(self) -> bool {
        matches!(self, Self::Absolute(_))
    }
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
