//! The hierarchy of operators: what is built once for a matrix, whatever is solved with it.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::galerkin::coarse_operator;
use super::interpolation::Interpolation;
use super::relaxation::Lines;
use super::stencil::Stencil;
use crate::linalg::dense;

/// Both axes are coarsened unless one is coupled this many times more strongly than the other.
const ANISOTROPY: f64 = 3.0;

/// A level that is relaxed and corrected from the next.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    /// The operator.
    pub(crate) stencil: Stencil,
    /// Its vertical lines, factored.
    pub(crate) lines: Lines,
    /// Interpolation from the next, coarser level.
    pub(crate) interpolation: Interpolation,
    /// Whether the correction is computed twice, the second time from the first. Not on the finest level, whose
    /// neighbour costs a third of a cycle and gains little; not where cells are halved only, since repeating would then
    /// cost as much on every level; not from the coarsest level, which is exact.
    pub(crate) repeated: bool,
}

/// The last level: solved exactly.
#[derive(Debug, Clone)]
pub(crate) struct Coarsest {
    /// The operator.
    pub(crate) stencil: Stencil,
    /// How it is solved.
    pub(crate) solution: Direct,
}

/// How the coarsest level is solved.
#[derive(Debug, Clone)]
pub(crate) enum Direct {
    /// By its dense Cholesky factor.
    Dense(Dense),
    /// One vertical line, by its factorization.
    Line(Lines),
}

/// A dense Cholesky factor L, cells in the order (j, k, i), kept twice so that both substitutions run along rows.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    /// L.
    pub(crate) lower: Array2<f64>,
    /// Lᵀ.
    pub(crate) upper: Array2<f64>,
}

impl Dense {
    /// Factors `matrix`; `None` where it is not positive definite.
    pub(crate) fn new(matrix: &Array2<f64>) -> Option<Self> {
        let lower = dense::cholesky(matrix)?.factor();
        let upper = lower.t().as_standard_layout().into_owned();
        Some(Self { lower, upper })
    }

    /// `x ← (L Lᵀ)⁻¹ x`. Each of the L vectors is treated as if it were alone, which products of a library do not
    /// promise.
    pub(crate) fn solve<const L: usize>(&self, x: &mut [[f64; L]]) {
        let n = x.len();
        for i in 0..n {
            let (done, rest) = x.split_at_mut(i + 1);
            let value = &mut done[i];
            *value = value.map(|v| v / self.upper[[i, i]]);
            eliminate(&self.upper.as_slice().expect("standard layout")[i * n + i + 1..(i + 1) * n], value, rest);
        }
        for i in (0..n).rev() {
            let (rest, done) = x.split_at_mut(i);
            let value = &mut done[0];
            *value = value.map(|v| v / self.lower[[i, i]]);
            eliminate(&self.lower.as_slice().expect("standard layout")[i * n..i * n + i], value, rest);
        }
    }

    /// `(L Lᵀ)⁻¹`.
    pub(crate) fn inverse(&self) -> Array2<f64> {
        const TOGETHER: usize = 8;
        let n = self.lower.nrows();
        let mut inverse = Array2::zeros((n, n));
        // The inverse is symmetric: its columns are kept as rows.
        let blocks: Vec<_> = inverse.axis_chunks_iter_mut(Axis(0), TOGETHER).enumerate().collect();
        blocks.into_par_iter().for_each(|(block, mut rows)| {
            let mut columns = vec![[0.0; TOGETHER]; n];
            (0..rows.nrows()).for_each(|lane| columns[block * TOGETHER + lane][lane] = 1.0);
            self.solve(&mut columns);
            rows.indexed_iter_mut().for_each(|((lane, at), to)| *to = columns[at][lane]);
        });
        inverse
    }
}

/// `rest −= row · value`.
fn eliminate<const L: usize>(row: &[f64], value: &[f64; L], rest: &mut [[f64; L]]) {
    for (rest, factor) in rest.iter_mut().zip(row) {
        for lane in 0..L {
            rest[lane] -= factor * value[lane];
        }
    }
}

/// All levels, the finest first.
#[derive(Debug, Clone)]
pub(crate) struct Hierarchy {
    /// The levels that are relaxed; may be none.
    pub(crate) levels: Vec<Level>,
    /// The last one.
    pub(crate) coarsest: Coarsest,
}

impl Hierarchy {
    /// Builds the levels, the last of at most `direct` cells, solved by a dense factorization; `None` where one of them
    /// is not positive definite.
    pub(crate) fn new(finest: Stencil, direct: usize) -> Option<Self> {
        let (mut levels, mut stencil) = (Vec::new(), finest);
        let relaxed = |stencil: &Stencil| stencil.layout.count() > direct && stencil.layout.cells[..2] != [1, 1];
        while relaxed(&stencil) {
            let interpolation = Interpolation::new(&stencil, coarsening(&stencil));
            let coarse = coarse_operator(&stencil, &interpolation);
            let lines = Lines::new(&stencil)?;
            let repeated = !levels.is_empty() && interpolation.factor == [2, 2] && relaxed(&coarse);
            levels.push(Level { stencil, lines, interpolation, repeated });
            stencil = coarse;
        }
        let solution = if stencil.layout.count() <= direct {
            Direct::Dense(Dense::new(&dense_matrix(&stencil))?)
        } else {
            Direct::Line(Lines::new(&stencil)?)
        };
        Some(Self { levels, coarsest: Coarsest { stencil, solution } })
    }

    /// Sizes of the levels, the finest first.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = [usize; 3]> {
        self.levels.iter().map(|l| l.stencil.layout.cells).chain([self.coarsest.stencil.layout.cells])
    }

    /// Bytes of all operators, factors and weights.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = |stencil: &Stencil| stencil.layout.len() * (1 + stencil.couplings.len());
        // Beside the stencil: pivots, the coupling upwards, four weights.
        let levels: usize = self.levels.iter().map(|l| numbers(&l.stencil) + 6 * l.stencil.layout.len()).sum();
        let dense = match &self.coarsest.solution {
            Direct::Dense(factor) => factor.lower.len(),
            Direct::Line(_) => 0,
        };
        8 * (levels + numbers(&self.coarsest.stencil) + dense)
    }
}

/// Whether every second cell is kept along x and y: along both, or along the one with the stronger coupling, measured
/// by the energy `uᵀ A u` of a field u that grows by one a cell along the axis.
fn coarsening(stencil: &Stencil) -> [usize; 2] {
    let strength = |axis: usize| -> f64 {
        let along = stencil.couplings.iter().filter(|c| c.offset[axis] != 0);
        -along.map(|c| c.values.iter().sum::<f64>()).sum::<f64>()
    };
    let [nx, ny, _] = stencil.layout.cells;
    let (along_x, along_y) = (strength(0), strength(1));
    match (nx > 1, ny > 1) {
        (true, false) => [2, 1],
        (false, _) => [1, 2],
        _ if along_x > ANISOTROPY * along_y => [2, 1],
        _ if along_y > ANISOTROPY * along_x => [1, 2],
        _ => [2, 2],
    }
}

/// The whole matrix of a small stencil, cells in the order (j, k, i).
fn dense_matrix(stencil: &Stencil) -> Array2<f64> {
    let layout = stencil.layout;
    let [nx, ny, nz] = layout.cells;
    let mut matrix = Array2::zeros((layout.count(), layout.count()));
    for j in 0..ny {
        for k in 0..nz {
            let first = (j * nz + k) * nx;
            for i in 0..nx {
                matrix[[first + i, first + i]] = stencil.diagonal[layout.at(i, j, k)];
            }
            stencil.for_each_neighbour(j, k, |n| {
                for i in (0..nx).filter(|&i| n.values[i] != 0.0) {
                    let [di, dj, dk] = n.offset;
                    let column = (first + i).strict_add_signed((dj * nz as isize + dk) * nx as isize + di);
                    matrix[[first + i, column]] += n.values[i];
                }
            });
        }
    }
    matrix
}
