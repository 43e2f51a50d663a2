//! The u-step, and mappings that try it.

use crate::grid::Grid;

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
    /// Of several scenarios only those with `‖v_i‖ ≥ threshold · max_j ‖v_j‖` make the learning set; `None`: all do.
    pub refine: Option<f64>,
    /// Whether hard data weigh in the match and bind the cells that they are of.
    pub respect_hard_data: bool,
    /// What is done where the feasible model misses data that the parameterized model fits.
    pub repair: Repair,
}

/// What is done where the feasible model misses data that the parameterized model fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing.
    None,
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

/// Variants of the feasible map, each applied to the same parameterized models: rank-truncated references where the
/// case has no physics, else the parameterized model of one iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// Number of references; 1 with a physics.
    pub references: usize,
    /// The iteration (from 1) whose parameterized model is mapped; `None` without a physics.
    pub iteration: Option<usize>,
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
