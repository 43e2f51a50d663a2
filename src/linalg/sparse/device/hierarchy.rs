//! The hierarchy on a device: operators as couplings and row sums, factors of lines, weights, the coarsest inverse.
//!
//! All numbers are in units of one conductance in the middle of the matrix's, so that f32 holds them.

use ndarray::{Array1, ArrayView2, CowArray, Ix2};

use crate::gpu::{Buffer, Gpu, GpuError};
use crate::linalg::sparse::conjugate_gradients::place;
use crate::linalg::sparse::matrix::GridMatrix;
use crate::linalg::sparse::multigrid::hierarchy::{Coarsest, Direct, Hierarchy, Level};
use crate::linalg::sparse::multigrid::relaxation::Lines;
use crate::linalg::sparse::multigrid::stencil::{Layout, Stencil};

use super::OFFSETS;

/// A symmetric operator by differences: `(A x)_c = Σ_d a_cd (x_d − x_c) + s_c x_c`.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) cells: [usize; 3],
    /// (di, dj, dk, 0) of each stored coupling.
    pub(super) offsets: [[i32; 4]; OFFSETS],
    /// How many there are.
    pub(super) count: usize,
    /// Which is the one with the cell above; 0 where there is one layer.
    pub(super) vertical: usize,
    /// Coupling by coupling, n each.
    pub(super) couplings: Buffer<f32>,
    /// Row sums s (n).
    pub(super) surplus: Buffer<f32>,
}

/// A level that is relaxed.
#[derive(Debug)]
pub(super) struct Relaxed {
    pub(super) operator: Operator,
    /// `1 / D` of the lines (n).
    pub(super) inverse_pivots: Buffer<f32>,
}

/// A level that is corrected from the next.
#[derive(Debug)]
pub(super) struct Corrected {
    pub(super) level: Relaxed,
    /// Cells of the next level.
    pub(super) coarse: [usize; 3],
    /// Cells for one of the next level along x and y.
    pub(super) factor: [usize; 2],
    /// Four weights a cell: those with b = 0 and a = 0, 1, then b = 1; n each.
    pub(super) weights: Buffer<f32>,
    /// Whether the correction is computed twice.
    pub(super) repeated: bool,
}

impl Corrected {
    /// How often the next level is gone through in a cycle.
    pub(super) fn visits(&self) -> usize {
        1 + usize::from(self.repeated)
    }
}

/// The last level.
#[derive(Debug)]
pub(super) enum Last {
    /// Solved by its inverse (n × n).
    Inverse { cells: [usize; 3], inverse: Buffer<f32> },
    /// One vertical line.
    Line(Box<Relaxed>),
}

/// Cells that are one unknown: those of tie t are `cells[starts[t]..starts[t + 1]]`.
#[derive(Debug)]
pub(super) struct Ties {
    pub(super) count: usize,
    pub(super) starts: Buffer<u32>,
    pub(super) cells: Buffer<u32>,
}

/// Everything that is on the device once for a matrix.
#[derive(Debug)]
pub(super) struct Uploaded {
    /// A itself, ties left aside.
    pub(super) operator: Operator,
    pub(super) levels: Vec<Corrected>,
    pub(super) last: Last,
    /// `None` where no cells are tied.
    pub(super) ties: Option<Ties>,
    /// The same on the host.
    pub(super) tied: Vec<Vec<usize>>,
    /// The unit of all conductances.
    pub(super) unit: f64,
}

/// Puts arrays of one level on the device.
struct Sender<'g> {
    gpu: &'g Gpu,
    unit: f64,
}

impl Uploaded {
    /// Sends `matrix` and its hierarchy.
    pub(super) fn new(gpu: &Gpu, matrix: &GridMatrix, hierarchy: &Hierarchy) -> Result<Self, GpuError> {
        let sender = Sender { gpu, unit: unit(matrix) };
        Ok(Self {
            tied: matrix.ties.clone(),
            operator: sender.operator(&Stencil::of_matrix(matrix))?,
            levels: hierarchy.levels.iter().map(|level| sender.corrected(level)).collect::<Result<_, GpuError>>()?,
            last: sender.last(&hierarchy.coarsest)?,
            ties: if matrix.ties.is_empty() { None } else { Some(sender.ties(&matrix.ties)?) },
            unit: sender.unit,
        })
    }

    /// `Π r`: tied cells get their mean.
    pub(super) fn projected<'a>(&self, r: ArrayView2<'a, f64>) -> CowArray<'a, f64, Ix2> {
        let mut projected = CowArray::from(r);
        for tie in &self.tied {
            let sum = tie.iter().fold(Array1::zeros(r.ncols()), |sum, &cell| sum + r.row(cell));
            let mean = sum / tie.len() as f64;
            tie.iter().for_each(|&cell| projected.row_mut(cell).assign(&mean));
        }
        projected
    }
}

/// The geometric middle of the smallest and the largest diagonal.
fn unit(matrix: &GridMatrix) -> f64 {
    let ends = matrix.diagonal.iter().fold((f64::INFINITY, 0.0f64), |(low, high), &d| (low.min(d), high.max(d)));
    ends.0.sqrt() * ends.1.sqrt()
}

/// The values of the cells in the order of a [`GridMatrix`], in f32, times `factor`.
pub(super) fn in_order(layout: Layout, values: &[f64], factor: f64) -> impl Iterator<Item = f32> {
    (0..layout.count()).map(move |cell| (values[place(layout, cell)] * factor) as f32)
}

/// Row sums of a stencil, in its layout.
pub(super) fn row_sums(stencil: &Stencil) -> Vec<f64> {
    let layout = stencil.layout;
    let [nx, ny, nz] = layout.cells;
    let mut sums = stencil.diagonal.clone();
    for j in 0..ny {
        for k in 0..nz {
            let own = layout.at(0, j, k);
            stencil.for_each_neighbour(j, k, |neighbour| {
                sums[own..own + nx].iter_mut().zip(neighbour.values).for_each(|(sum, value)| *sum += value);
            });
        }
    }
    sums
}

impl Sender<'_> {
    fn operator(&self, stencil: &Stencil) -> Result<Operator, GpuError> {
        let layout = stencil.layout;
        let mut offsets = [[0; 4]; OFFSETS];
        for (to, coupling) in offsets.iter_mut().zip(&stencil.couplings) {
            let [di, dj, dk] = coupling.offset.map(|d| d as i32);
            *to = [di, dj, dk, 0];
        }
        let couplings: Vec<f32> =
            stencil.couplings.iter().flat_map(|c| in_order(layout, &c.values, 1.0 / self.unit)).collect();
        let surplus: Vec<f32> = in_order(layout, &row_sums(stencil), 1.0 / self.unit).collect();
        Ok(Operator {
            cells: layout.cells,
            offsets,
            count: stencil.couplings.len(),
            vertical: stencil.couplings.iter().position(|c| c.offset == [0, 0, 1]).unwrap_or(0),
            couplings: self.gpu.upload("couplings of cells", &couplings)?,
            surplus: self.gpu.upload("row sums", &surplus)?,
        })
    }

    fn relaxed(&self, stencil: &Stencil, lines: &Lines) -> Result<Relaxed, GpuError> {
        let pivots: Vec<f32> = in_order(stencil.layout, &lines.inverse_pivot, self.unit).collect();
        Ok(Relaxed { operator: self.operator(stencil)?, inverse_pivots: self.gpu.upload("pivots of lines", &pivots)? })
    }

    fn corrected(&self, level: &Level) -> Result<Corrected, GpuError> {
        let Level { stencil, lines, interpolation, repeated } = level;
        let arrays = interpolation.weights.iter().flatten();
        let weights: Vec<f32> = arrays.flat_map(|values| in_order(stencil.layout, values, 1.0)).collect();
        Ok(Corrected {
            level: self.relaxed(stencil, lines)?,
            coarse: interpolation.coarse.cells,
            factor: interpolation.factor,
            weights: self.gpu.upload("weights of interpolation", &weights)?,
            repeated: *repeated,
        })
    }

    fn last(&self, coarsest: &Coarsest) -> Result<Last, GpuError> {
        let layout = coarsest.stencil.layout;
        let factor = match &coarsest.solution {
            Direct::Line(lines) => return Ok(Last::Line(Box::new(self.relaxed(&coarsest.stencil, lines)?))),
            Direct::Dense(factor) => factor,
        };
        let n = layout.count();
        let [nx, ny, nz] = layout.cells;
        // The factor counts cells in the order (j, k, i).
        let row = |cell: usize| (cell / nx % ny * nz + cell / (nx * ny)) * nx + cell % nx;
        let in_its_order = factor.inverse();
        let pairs = (0..n).flat_map(|cell| (0..n).map(move |other| [row(cell), row(other)]));
        let inverse: Vec<f32> = pairs.map(|pair| (in_its_order[pair] * self.unit) as f32).collect();
        Ok(Last::Inverse { cells: layout.cells, inverse: self.gpu.upload("coarsest inverse", &inverse)? })
    }

    fn ties(&self, ties: &[Vec<usize>]) -> Result<Ties, GpuError> {
        let cells: Vec<u32> = ties.iter().flatten().map(|&cell| cell as u32).collect();
        let mut starts = vec![0];
        for tie in ties {
            starts.push(starts[starts.len() - 1] + tie.len() as u32);
        }
        Ok(Ties {
            count: ties.len(),
            starts: self.gpu.upload("starts of ties", &starts)?,
            cells: self.gpu.upload("tied cells", &cells)?,
        })
    }
}
