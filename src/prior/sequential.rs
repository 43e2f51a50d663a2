//! What sequential simulations share: the path over the cells, the neighbours of a cell, and kriging from them.

use super::kriging::Kriging;
use crate::error::{Error, Result};
use crate::grid::Grid;

/// How [`Sgsim`](super::sgsim::Sgsim) and [`Sisim`](super::sisim::Sisim) go from cell to cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialOptions {
    /// Whether the mean is taken as known; default: simple kriging, which alone reproduces the variogram.
    pub kriging: Kriging,
    /// Most cells that a cell is kriged from: those of largest covariance; 1 to 64, default 24.
    pub neighbours: usize,
    /// Levels of the path: cells 2^{g−1}, …, 2, 1 apart are visited in turn, the far correlation first; default 4.
    pub grids: usize,
}

impl Default for SequentialOptions {
    fn default() -> Self {
        Self { kriging: Kriging::Simple, neighbours: 24, grids: 4 }
    }
}

const MOST_NEIGHBOURS: usize = 64;
/// Cells whose correlation with a cell is less do not count as its neighbours.
pub(super) const LEAST_CORRELATION: f64 = 0.01;
/// Most cells that are searched for neighbours.
const MOST_SEARCHED: usize = 1 << 20;
/// A neighbour that the others determine up to this share of the sill says nothing new.
const REDUNDANT: f64 = 1e-9;

impl SequentialOptions {
    /// Refuses numbers out of range; `method` is who asks.
    pub(super) fn check(&self, method: &str) -> Result<()> {
        let wrong = |problem: String, remedy: &str| Err(Error::input(method, problem, remedy));
        if !(1..=MOST_NEIGHBOURS).contains(&self.neighbours) {
            return wrong(format!("{} neighbours", self.neighbours), "give 1 to 64");
        }
        if !(1..=16).contains(&self.grids) {
            return wrong(format!("{} grids", self.grids), "give 1 to 16");
        }
        Ok(())
    }

    /// Distances in cells between the nodes of the levels, the widest first.
    pub(super) fn spacings(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.grids).rev().map(|level| 1 << level)
    }
}

/// The cells around a cell, the nearest first.
#[derive(Debug, Clone)]
pub(super) struct Neighbourhood {
    grid: Grid,
    most: usize,
    offsets: Vec<Offset>,
    /// How far apart two neighbours of a cell can lie along each axis.
    half: [i32; 3],
}

#[derive(Debug, Clone, Copy)]
struct Offset {
    lag: [i32; 3],
    /// From cell to cell.
    stride: isize,
    /// Where its covariance lies in a table, from the middle.
    place: isize,
}

impl Neighbourhood {
    /// At most `most` neighbours: near is what has a large `nearness`, a function of the lag \[m\], and what has no more
    /// than `least` of it is no neighbour at all.
    pub(super) fn new(grid: Grid, most: usize, least: f64, nearness: impl Fn([f64; 3]) -> f64) -> Self {
        assert!(!grid.is_empty(), "a simulation needs cells");
        let lags = neighbours(&grid, least, nearness);
        let reach: [i32; 3] = std::array::from_fn(|a| lags.iter().map(|lag| lag[a]).max().unwrap_or(0));
        // Two neighbours lie in the grid, and each in reach of the cell between them.
        let half: [i32; 3] = std::array::from_fn(|a| (2 * reach[a]).min(grid.cells[a] as i32 - 1));
        let width = half.map(|h| 2 * h as isize + 1);
        let [nx, ny, _] = grid.cells.map(|n| n as isize);
        let offset = |lag: [i32; 3]| {
            let [i, j, k] = lag.map(|l| l as isize);
            Offset { lag, stride: (k * ny + j) * nx + i, place: (k * width[1] + j) * width[0] + i }
        };
        Self { grid, most, offsets: lags.into_iter().map(offset).collect(), half }
    }

    /// The grid.
    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    /// A covariance, a function of the lag \[m\], between any two of a cell and its neighbours.
    pub(super) fn table(&self, covariance: impl Fn([f64; 3]) -> f64) -> Table {
        let half = self.half;
        let mut values = Vec::with_capacity(half.iter().map(|&h| 2 * h as usize + 1).product());
        for k in -half[2]..=half[2] {
            for j in -half[1]..=half[1] {
                values.extend((-half[0]..=half[0]).map(|i| covariance(metres(&self.grid, [i, j, k]))));
            }
        }
        Table { middle: values.len() / 2, values }
    }

    /// The cells `spacing` apart along each axis that are unset.
    pub(super) fn unset(&self, spacing: usize, is_unset: impl Fn(usize) -> bool) -> Vec<u32> {
        let [nx, ny, nz] = self.grid.cells;
        let mut cells = Vec::new();
        for k in (0..nz).step_by(spacing) {
            for j in (0..ny).step_by(spacing) {
                let row = (k * ny + j) * nx;
                cells.extend((row..row + nx).step_by(spacing).filter(|&c| is_unset(c)).map(|c| c as u32));
            }
        }
        cells
    }

    /// Finds the nearest cells that have a value already.
    pub(super) fn gather<T>(&self, cell: usize, value: impl Fn(usize) -> Option<T>, found: &mut Found<T>) {
        found.places.clear();
        found.values.clear();
        let cells = self.grid.cells;
        let at = self.grid.cell(cell).map(|c| c as i32);
        for offset in &self.offsets {
            // Negative numbers are large ones without their sign.
            if (0..3).any(|a| (at[a] + offset.lag[a]) as u32 >= cells[a] as u32) {
                continue;
            }
            if let Some(value) = value(cell.wrapping_add_signed(offset.stride)) {
                found.places.push(offset.place);
                found.values.push(value);
                if found.places.len() == self.most {
                    return;
                }
            }
        }
    }
}

/// The lags in cells at which a cell has neighbours, the nearest first; of equally near ones in raster order.
fn neighbours(grid: &Grid, least: f64, nearness: impl Fn([f64; 3]) -> f64) -> Vec<[i32; 3]> {
    let reach = grid.cells.map(|n| n as i32 - 1);
    let mut found = Vec::new();
    for k in -reach[2]..=reach[2] {
        for j in -reach[1]..=reach[1] {
            for i in -reach[0]..=reach[0] {
                let near = nearness(metres(grid, [i, j, k]));
                if near > least && [i, j, k] != [0; 3] {
                    found.push((near, [i, j, k]));
                }
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(MOST_SEARCHED);
    found.into_iter().map(|(_, lag)| lag).collect()
}

fn metres(grid: &Grid, lag: [i32; 3]) -> [f64; 3] {
    std::array::from_fn(|a| f64::from(lag[a]) * grid.spacing[a])
}

/// Neighbours that have a value: where they lie, as a [`Table`] counts, and what they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Found<T> {
    /// Places in a table.
    pub(super) places: Vec<isize>,
    /// Their values.
    pub(super) values: Vec<T>,
}

/// Covariance by the difference of two neighbours' places; that of a cell itself is 0.
#[derive(Debug, Clone)]
pub(super) struct Table {
    values: Vec<f64>,
    middle: usize,
}

impl Table {
    /// The covariance at a difference of places.
    pub(super) fn at(&self, place: isize) -> f64 {
        self.values[self.middle.wrapping_add_signed(place)]
    }
}

/// The kriging system of a cell: `C = L Lᵀ` of its neighbours, and `L⁻¹` of R right-hand sides.
pub(super) struct System<const R: usize> {
    most: usize,
    neighbours: usize,
    /// Rows of L, one neighbour after the other, below the diagonal; reciprocals of its diagonal, 0 where redundant.
    rows: Vec<f64>,
    diagonal: Vec<f64>,
    solved: [Vec<f64>; R],
}

impl<const R: usize> System<R> {
    /// Room for as many neighbours as a neighbourhood finds.
    pub(super) fn new(neighbourhood: &Neighbourhood) -> Self {
        let most = neighbourhood.most;
        Self {
            most,
            neighbours: 0,
            rows: vec![0.0; most * most],
            diagonal: vec![0.0; most],
            solved: std::array::from_fn(|_| vec![0.0; most]),
        }
    }

    /// Factorizes the covariances of the neighbours at `places`; `right` are the right-hand sides of each of them.
    pub(super) fn factorize(&mut self, table: &Table, places: &[isize], right: impl Fn(usize) -> [f64; R]) {
        let most = self.most;
        self.neighbours = places.len();
        let sill = table.at(0);
        for i in 0..places.len() {
            let (before, row) = self.rows[..(i + 1) * most].split_at_mut(i * most);
            for j in 0..i {
                let c = table.at(places[i] - places[j]);
                row[j] = (c - dot(&row[..j], &before[j * most..j * most + j])) * self.diagonal[j];
            }
            let pivot = sill - dot(&row[..i], &row[..i]);
            self.diagonal[i] = if pivot > REDUNDANT * sill { 1.0 / pivot.sqrt() } else { 0.0 };
            for (solved, right) in self.solved.iter_mut().zip(right(i)) {
                solved[i] = (right - dot(&row[..i], &solved[..i])) * self.diagonal[i];
            }
        }
    }

    /// `L⁻¹` of each right-hand side.
    pub(super) fn solved(&self) -> [&[f64]; R] {
        self.solved.each_ref().map(|solved| &solved[..self.neighbours])
    }

    /// `x ← L⁻ᵀ x`, 0 for redundant neighbours.
    pub(super) fn solve_transposed(&self, x: &mut [f64]) {
        for i in (0..self.neighbours).rev() {
            let (before, rest) = x.split_at_mut(i);
            rest[0] *= self.diagonal[i];
            let row = &self.rows[i * self.most..i * self.most + i];
            before.iter_mut().zip(row).for_each(|(x, l)| *x -= l * rest[0]);
        }
    }
}

/// `aᵀ b`, summed in order.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
