//! Daubechies' wavelets, periodic, in one to three dimensions.

mod device;
mod filters;
mod step;
mod tree;

use super::transform::{Transform, TransformBasis};
use crate::error::{Error, Result};
use crate::grid::Grid;
use step::Filters;

pub use device::{SHADER, WaveletsOnDevice, prelude};

/// Most vanishing moments.
pub const MOST_MOMENTS: usize = 10;

/// Which scales are kept: always the coarsest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All.
    Whole,
    /// The averages and this many scales of details.
    Scales(usize),
    /// As many as there are coefficients in a box of this many along x, y, z, e.g. 16 × 16 of 64 × 64 cells.
    Cells([usize; 3]),
}

/// The orthonormal basis of Daubechies' wavelets of extremal phase with N vanishing moments (N = 1: Haar) on a periodic
/// grid, equal along all axes of more than one cell (the *square* or isotropic transform).
///
/// At each level the averages of the level before are replaced by averages and details of half as many a side, by
/// `Σ_m h_m x_{2o−(N−1)+m}` and `Σ_m g_m x_{2o−(N−1)+m}`, `g_m = (−1)^m h_{2N−1−m}`, axis by axis: with d axes there
/// are 2^d − 1 kinds of details (*orientations*). Columns are ordered coarse to fine (see [`Wavelets::coefficient`]),
/// so that a window of coarse scales is the first columns, and any first columns are a basis. Products take O(n N)
/// operations.
///
/// Sides are not padded: a side of `q 2^J` cells with q odd allows J levels.
///
/// Daubechies (1992), Ten lectures on wavelets, chapters 5, 6 and 10; the phase is that of PyWavelets' mode
/// `periodization`.
pub type WaveletBasis = TransformBasis<Wavelets>;

impl WaveletBasis {
    /// The wavelets of `moments` vanishing moments on `grid`, about zero: `levels` levels, or as many as its sides
    /// allow.
    ///
    /// # Errors
    /// [`Error::Input`] for moments other than 1 to 10, levels that a side does not allow, or a window that is none of
    /// whole scales.
    pub fn new(grid: &Grid, moments: usize, levels: Option<usize>, window: Window) -> Result<Self> {
        Ok(Wavelets::new(grid, moments, levels, window)?.into())
    }

    /// The wavelet tree as groups of columns: one for each coefficient of the finest scale in use, with its ancestors
    /// and the average at their root, the coarsest first.
    pub fn tree_groups(&self) -> Vec<Vec<usize>> {
        self.transform().tree_groups()
    }
}

/// Which coefficient a column of a [`WaveletBasis`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// Scale of the details: 0 the coarsest. Averages count as scale 0, too.
    pub scale: usize,
    /// Along which of x, y, z it is a detail; along none: it is an average.
    pub detail: [bool; 3],
    /// Its place among those of its scale and orientation, along x, y, z.
    pub position: [usize; 3],
}

/// The columns of a [`WaveletBasis`].
#[derive(Debug, Clone)]
pub struct Wavelets {
    cells: [usize; 3],
    /// Axes of more than one cell.
    axes: Vec<usize>,
    levels: usize,
    /// Scales of details that are kept.
    scales: usize,
    filters: Filters,
}

impl Wavelets {
    /// See [`WaveletBasis::new`].
    ///
    /// # Errors
    /// [`Error::Input`] for moments other than 1 to 10, levels that a side does not allow, or a window that is none of
    /// whole scales.
    pub fn new(grid: &Grid, moments: usize, levels: Option<usize>, window: Window) -> Result<Self> {
        if !(1..=MOST_MOMENTS).contains(&moments) {
            let problem = format!("a wavelet of {moments} vanishing moments");
            return Err(Error::input("basis.moments", problem, format!("choose 1 (Haar) to {MOST_MOMENTS}")));
        }
        let cells = grid.cells;
        let axes: Vec<usize> = (0..3).filter(|&a| cells[a] > 1).collect();
        let levels = checked_levels(cells, &axes, levels)?;
        let mut wavelets = Self { cells, axes, levels, scales: levels, filters: Filters::new(moments) };
        wavelets.scales = wavelets.scales_of(window)?;
        Ok(wavelets)
    }

    /// Number of levels.
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// Scales of details that are kept; the first `scales` of [`Wavelets::levels`].
    pub fn scales(&self) -> usize {
        self.scales
    }

    /// Passes of a filter: one an axis and level.
    pub(super) fn passes(&self) -> usize {
        self.axes.len() * self.levels
    }

    /// Taps of a filter.
    pub(super) fn taps(&self) -> usize {
        self.filters.taps()
    }

    /// The same with the magnitudes of all taps: what errors are bounded with.
    pub(super) fn magnitudes(&self) -> Self {
        Self { filters: self.filters.magnitudes(), ..self.clone() }
    }

    fn scales_of(&self, window: Window) -> Result<usize> {
        let place = "basis.window";
        match window {
            Window::Whole => Ok(self.levels),
            Window::Scales(scales) if scales <= self.levels => Ok(scales),
            Window::Scales(scales) => {
                let problem = format!("{scales} scales of details, where there are {} levels", self.levels);
                Err(Error::input(place, problem, format!("keep at most {}", self.levels)))
            }
            Window::Cells(cells) => (0..=self.levels).find(|&scale| self.size(scale) == cells).ok_or_else(|| {
                let text = |[x, y, z]: [usize; 3]| format!("{x} x {y} x {z}");
                let windows: Vec<_> = (0..=self.levels).map(|scale| text(self.size(scale))).collect();
                let remedy = format!("choose one of whole scales: {}", windows.join(", "));
                Error::input(place, format!("a window of {}", text(cells)), remedy)
            }),
        }
    }

    /// Side lengths of the averages from which the details of `scale` are left out: those of scale 0 are the averages
    /// of the last level.
    fn size(&self, scale: usize) -> [usize; 3] {
        let mut size = self.cells;
        self.axes.iter().for_each(|&a| size[a] >>= self.levels - scale);
        size
    }

    /// Number of the first column of the details of `scale`: all coarser columns come before.
    fn first_column(&self, scale: usize) -> usize {
        self.size(scale).iter().product()
    }

    /// Orientations: 1 to 2^d − 1 are details, bit b says whether along axis `axes[b]`.
    fn orientations(&self) -> usize {
        1 << self.axes.len()
    }

    /// What a column is: averages first (x fastest), then the details scale by scale from the coarsest on; in a scale,
    /// those along x, along y, along both, along z, …; of one orientation, x fastest.
    pub fn coefficient(&self, column: usize) -> Coefficient {
        assert!(column < self.columns(), "column {column} of {}", self.columns());
        let scale = (0..self.scales).rev().find(|&s| column >= self.first_column(s)).unwrap_or(0);
        let size = self.size(scale);
        let count = self.first_column(scale);
        let (orientation, place) = (column / count, column % count);
        let mut detail = [false; 3];
        self.axes.iter().enumerate().for_each(|(b, &a)| detail[a] = orientation >> b & 1 == 1);
        Coefficient {
            scale,
            detail,
            position: [place % size[0], place / size[0] % size[1], place / (size[0] * size[1])],
        }
    }

    /// The column of a coefficient.
    fn column(&self, Coefficient { scale, detail, position: [i, j, k] }: Coefficient) -> usize {
        let [nx, ny, _] = self.size(scale);
        let bits = self.axes.iter().enumerate().map(|(b, &a)| usize::from(detail[a]) << b);
        bits.sum::<usize>() * self.first_column(scale) + (k * ny + j) * nx + i
    }

    /// Copies the quarter (eighth) of `orientation` between a box of twice `size` a side and `part`.
    fn each_row(&self, size: [usize; 3], orientation: usize, mut f: impl FnMut(usize, usize)) {
        let (mut whole, mut start) = (size, [0; 3]);
        for (b, &a) in self.axes.iter().enumerate() {
            whole[a] *= 2;
            start[a] = if orientation >> b & 1 == 1 { size[a] } else { 0 };
        }
        for (k, j) in (0..size[2]).flat_map(|k| (0..size[1]).map(move |j| (k, j))) {
            let in_whole = ((start[2] + k) * whole[1] + start[1] + j) * whole[0] + start[0];
            f(in_whole, (k * size[1] + j) * size[0]);
        }
    }
}

/// The levels asked for, or as many as the sides allow.
fn checked_levels(cells: [usize; 3], axes: &[usize], levels: Option<usize>) -> Result<usize> {
    let place = "basis.levels";
    let Some(&least) = axes.iter().min_by_key(|&&a| cells[a].trailing_zeros()) else {
        return Err(Error::input(place, "a grid of one cell has no wavelets", "choose a grid of more cells"));
    };
    let (most, axis) = (cells[least].trailing_zeros() as usize, ["x", "y", "z"][least]);
    let times = if most == 1 { "once".into() } else { format!("{most} times") };
    let problem = match levels {
        None if most == 0 => format!("the {} cells along {axis} cannot be halved", cells[least]),
        Some(0) => "no level".into(),
        Some(levels) if levels > most => {
            format!("{levels} levels, but the {} cells along {axis} can be halved {times} only", cells[least])
        }
        _ => return Ok(levels.unwrap_or(most)),
    };
    let remedy = match most {
        0 => {
            "sides are not padded: choose even ones (powers of two allow all levels), or cosines, which take any".into()
        }
        _ => format!("ask for 1 to {most}, or choose a grid whose sides are powers of two"),
    };
    Err(Error::input(place, problem, remedy))
}

impl Transform for Wavelets {
    fn cells(&self) -> usize {
        self.cells.iter().product()
    }
    fn columns(&self) -> usize {
        self.first_column(self.scales)
    }
    fn synthesize(&self, v: &[f64]) -> Vec<f64> {
        let mut averages = vec![0.0; self.first_column(0)];
        averages.iter_mut().zip(v).for_each(|(average, v)| *average = *v);
        for scale in 0..self.levels {
            let (size, count) = (self.size(scale), self.first_column(scale));
            // Beyond the last column in use details are zero.
            let both = scale < self.scales && v.len() > count;
            if both {
                let mut whole = vec![0.0; count * self.orientations()];
                for orientation in 0..self.orientations() {
                    let details = v.get(orientation * count..).unwrap_or(&[]);
                    let part = if orientation == 0 { &averages[..] } else { &details[..details.len().min(count)] };
                    self.each_row(size, orientation, |to, from| {
                        let row = part.get(from..).unwrap_or(&[]);
                        let row = &row[..row.len().min(size[0])];
                        whole[to..][..row.len()].copy_from_slice(row);
                    });
                }
                averages = whole;
            }
            for &axis in self.axes.iter().rev() {
                averages = self.filters.synthesize(&averages, 2 * size[axis], both);
            }
        }
        averages
    }
    fn analyze(&self, u: &[f64], rank: usize) -> Vec<f64> {
        let mut v = vec![0.0; self.columns()];
        let mut averages = std::borrow::Cow::from(u);
        for scale in (0..self.levels).rev() {
            let (size, count) = (self.size(scale), self.first_column(scale));
            let both = scale < self.scales && rank > count;
            for &axis in self.axes.iter().rev() {
                averages = self.filters.analyze(&averages, 2 * size[axis], both).into();
            }
            if both {
                for orientation in 1..self.orientations() {
                    let part = &mut v[orientation * count..][..count];
                    self.each_row(size, orientation, |from, to| {
                        part[to..][..size[0]].copy_from_slice(&averages[from..][..size[0]]);
                    });
                }
                let mut coarser = vec![0.0; count];
                self.each_row(size, 0, |from, to| {
                    coarser[to..][..size[0]].copy_from_slice(&averages[from..][..size[0]])
                });
                averages = coarser.into();
            }
        }
        v[..averages.len()].copy_from_slice(&averages);
        v.truncate(rank);
        v
    }
}

#[cfg(test)]
mod tests;
