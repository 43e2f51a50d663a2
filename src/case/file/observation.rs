//! What is observed beside travel times.

use super::{Noise, Property};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};
use crate::units::{Dimension, Transform};

/// Data of one kind at some places.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What is observed.
    pub kind: ObservationKind,
    /// Where.
    pub places: Places,
    /// Layers in which each place is observed, from the bottom; empty for what is observed in wells.
    pub layers: Vec<usize>,
    /// When \[s\]; empty: at the end of every step (of no meaning in steady flow, and for the property).
    pub times: Vec<f64>,
    /// Standard deviations; `None`: as the data's.
    pub noise: Option<Noise>,
}

impl Observation {
    /// The cells (i, j, k) of its places in its layers; see [`Places::columns`].
    pub fn cells(&self, grid: &Grid, wells: &[[usize; 2]], closed: &[[usize; 2]]) -> Vec<[usize; 3]> {
        let columns = self.places.columns(grid, wells, closed);
        columns.iter().flat_map(|&[i, j]| self.layers.iter().map(move |&k| [i, j, k])).collect()
    }
}

/// What is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationKind {
    /// Head \[m\].
    Head,
    /// Head before pumping less head \[m\].
    Drawdown,
    /// Head in the bore of a well \[m\].
    WellHead,
    /// Head before pumping less head in the bore of a well \[m\].
    WellDrawdown,
    /// Rate of a well that is held at a head \[m³/s\], extraction positive.
    Rate,
    /// The carried property itself: hard data, which bind u in the feasible map.
    Property,
}

impl ObservationKind {
    /// Whether it is observed in wells, not in cells.
    pub fn is_of_wells(self) -> bool {
        matches!(self, Self::WellHead | Self::WellDrawdown | Self::Rate)
    }

    /// What its numbers measure; `None`: pure numbers, logarithms of the property.
    pub fn measure(self, property: &Property) -> Option<Dimension> {
        match self {
            Self::Head | Self::Drawdown | Self::WellHead | Self::WellDrawdown => Some(Dimension::Length),
            Self::Rate => Some(Dimension::Rate),
            Self::Property if property.transform == Transform::None => Some(property.quantity.dimension()),
            Self::Property => None,
        }
    }
}

/// Where something is observed.
#[derive(Debug, Clone, PartialEq)]
pub enum Places {
    /// In columns (i, j) of cells.
    Columns(Vec<[usize; 2]>),
    /// In `count` different columns, drawn at random from those without a well, and without a fixed head or an inactive
    /// cell in the layers.
    Random {
        /// How many.
        count: usize,
        /// Seed of the places alone: they do not change with the seed of the run.
        seed: u64,
    },
    /// On a regular lattice of `counts[0] × counts[1]` columns: along an axis of N cells, number k = 1..n is in the cell
    /// that holds the position `(k − ½) N/n`, the lower of two: cell `⌈(k − ½) N/n⌉`, counted from 1.
    Lattice([usize; 2]),
    /// In every column.
    Everywhere,
    /// In wells, by their numbers from 0.
    Wells(Vec<usize>),
}

impl Places {
    /// The columns (i, j), those of wells given by `wells`; `closed` columns are not drawn at random.
    pub fn columns(&self, grid: &Grid, wells: &[[usize; 2]], closed: &[[usize; 2]]) -> Vec<[usize; 2]> {
        let [nx, ny, _] = grid.cells;
        let all = || (0..ny).flat_map(move |j| (0..nx).map(move |i| [i, j]));
        match self {
            Self::Columns(columns) => columns.clone(),
            Self::Wells(numbers) => {
                // Of several wells in one column it is one place.
                let mut seen = std::collections::BTreeSet::new();
                numbers.iter().map(|&w| wells[w]).filter(|&column| seen.insert(column)).collect()
            }
            Self::Everywhere => all().collect(),
            Self::Lattice([mx, my]) => {
                let place = |k: usize, count: usize, cells: usize| ((2 * k + 1) * cells).div_ceil(2 * count) - 1;
                (0..*my).flat_map(|j| (0..*mx).map(move |i| [place(i, *mx, nx), place(j, *my, ny)])).collect()
            }
            Self::Random { count, seed } => {
                let closed: std::collections::BTreeSet<_> = closed.iter().collect();
                let mut open: Vec<_> = all().filter(|column| !closed.contains(column)).collect();
                Stream::new(*seed, Purpose::Places, 0, 0).shuffle(&mut open);
                open.truncate(*count);
                open
            }
        }
    }

    /// Number of columns on `grid`.
    pub fn count(&self, grid: &Grid) -> usize {
        match self {
            Self::Columns(columns) => columns.len(),
            Self::Random { count, .. } => *count,
            Self::Lattice([mx, my]) => mx * my,
            Self::Everywhere => grid.cells[0] * grid.cells[1],
            Self::Wells(wells) => wells.len(),
        }
    }
}
