//! What the kernels of the cycle compute, by their equations in f64, with bounds of what f32 may do to it.

use crate::linalg::sparse::conjugate_gradients::place;
use crate::linalg::sparse::multigrid::interpolation::Interpolation;
use crate::linalg::sparse::multigrid::stencil::Stencil;

/// Relative rounding error of f32 and of f64.
pub(super) const SINGLE: f64 = 1.0 / (1u64 << 24) as f64;
const DOUBLE: f64 = f64::EPSILON / 2.0;

/// Results and the bounds of their errors, n R of each.
pub(super) struct Expected {
    pub(super) values: Vec<f64>,
    pub(super) bounds: Vec<f64>,
}

/// A block of vectors: cells times right-hand sides.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) values: &'a [f64],
    pub(super) width: usize,
}

impl Block<'_> {
    fn at(&self, cell: usize, column: usize) -> f64 {
        self.values[cell * self.width + column]
    }

    /// Every cell and column.
    fn map(&self, cells: usize, mut f: impl FnMut(usize, usize) -> (f64, f64)) -> Expected {
        let pairs = (0..cells).flat_map(|cell| (0..self.width).map(move |column| (cell, column)));
        let (values, bounds) = pairs.map(|(cell, column)| f(cell, column)).unzip();
        Expected { values, bounds }
    }
}

/// The rows of a symmetric operator, in units of `unit`.
pub(super) struct Rows {
    pub(super) cells: [usize; 3],
    diagonal: Vec<f64>,
    /// (neighbour, coupling) of each cell.
    neighbours: Vec<Vec<(usize, f64)>>,
}

impl Rows {
    pub(super) fn new(stencil: &Stencil, unit: f64) -> Self {
        let layout = stencil.layout;
        let [nx, ny, nz] = layout.cells;
        let mut rows = Self {
            cells: layout.cells,
            diagonal: (0..layout.count()).map(|cell| stencil.diagonal[place(layout, cell)] / unit).collect(),
            neighbours: vec![Vec::new(); layout.count()],
        };
        for (k, j) in (0..nz).flat_map(|k| (0..ny).map(move |j| (k, j))) {
            stencil.for_each_neighbour(j, k, |neighbour| {
                let first = (k * ny + j) * nx;
                for i in (0..nx).filter(|&i| neighbour.values[i] != 0.0) {
                    let [di, dj, dk] = neighbour.offset;
                    let other = (first + i).strict_add_signed((dk * ny as isize + dj) * nx as isize + di);
                    rows.neighbours[first + i].push((other, neighbour.values[i] / unit));
                }
            });
        }
        rows
    }

    pub(super) fn count(&self) -> usize {
        self.diagonal.len()
    }

    /// `b − A x` in a cell, b perhaps 0, and the bound of its error: as many roundings as a row has terms, each of a
    /// coupling, a difference, a product and a sum; row sums from f64.
    fn residual_at(&self, b: f64, x: Block<'_>, cell: usize, column: usize) -> (f64, f64) {
        let own = x.at(cell, column);
        let neighbours = &self.neighbours[cell];
        let surplus = self.diagonal[cell] + neighbours.iter().map(|(_, a)| a).sum::<f64>();
        let sizes = self.diagonal[cell].abs() + neighbours.iter().map(|(_, a)| a.abs()).sum::<f64>();
        let (mut value, mut terms) = (b - surplus * own, b.abs() + (surplus * own).abs());
        for &(other, a) in neighbours {
            let flow = a * (x.at(other, column) - own);
            value -= flow;
            terms += flow.abs();
        }
        let roundings = neighbours.len() as f64 + 5.0;
        (value, roundings * (SINGLE * terms + 2.0 * DOUBLE * sizes * own.abs()))
    }

    /// `b − A x`.
    pub(super) fn residual(&self, b: Block<'_>, x: Block<'_>) -> Expected {
        x.map(self.count(), |cell, column| self.residual_at(b.at(cell, column), x, cell, column))
    }

    /// `A x`.
    pub(super) fn product(&self, x: Block<'_>) -> Expected {
        x.map(self.count(), |cell, column| {
            let (value, bound) = self.residual_at(0.0, x, cell, column);
            (-value, bound)
        })
    }

    /// x after the lines of a colour were relaxed: `x + T⁻¹ (b − A x)` there. Rounding in the elimination of a
    /// tridiagonal matrix of positive pivots is that of a matrix within a few roundings of T (Higham 2002, §9.6).
    pub(super) fn relaxed(&self, b: Block<'_>, x: Block<'_>, colour: [usize; 2]) -> Expected {
        let [nx, ny, nz] = self.cells;
        let width = x.width;
        let mut expected = Expected { values: x.values.to_vec(), bounds: vec![0.0; x.values.len()] };
        for (j, i) in (0..ny).flat_map(|j| (0..nx).map(move |i| (j, i))) {
            if [i % 2, j % 2] != colour {
                continue;
            }
            let cell = |k: usize| (k * ny + j) * nx + i;
            let inverse = self.inverse_of_line(&cell);
            for column in 0..width {
                let (rest, bound): (Vec<f64>, Vec<f64>) =
                    (0..nz).map(|k| self.residual_at(b.at(cell(k), column), x, cell(k), column)).unzip();
                let delta: Vec<f64> =
                    inverse.iter().map(|row| row.iter().zip(&rest).map(|(t, r)| t * r).sum()).collect();
                // |T| |δ|.
                let spread: Vec<f64> = (0..nz)
                    .map(|k| {
                        let line = |l: usize| self.coupling(cell(k), cell(l)).abs() * f64::abs(delta[l]);
                        (k.saturating_sub(1)..(k + 2).min(nz)).map(line).sum()
                    })
                    .collect();
                for k in 0..nz {
                    let at = cell(k) * width + column;
                    let terms = inverse[k].iter().zip(&bound).zip(&spread);
                    let error: f64 = terms.map(|((t, bound), spread)| t.abs() * (bound + 10.0 * SINGLE * spread)).sum();
                    expected.values[at] += delta[k];
                    expected.bounds[at] = error + 2.0 * SINGLE * (x.values[at].abs() + delta[k].abs());
                }
            }
        }
        expected
    }

    fn coupling(&self, cell: usize, other: usize) -> f64 {
        if cell == other {
            return self.diagonal[cell];
        }
        self.neighbours[cell].iter().find(|(d, _)| *d == other).map_or(0.0, |(_, a)| *a)
    }

    /// The inverse of a line's tridiagonal block, row by row.
    fn inverse_of_line(&self, cell: &dyn Fn(usize) -> usize) -> Vec<Vec<f64>> {
        let nz = self.cells[2];
        let mut pivots = vec![self.diagonal[cell(0)]];
        for k in 1..nz {
            let above = self.coupling(cell(k - 1), cell(k));
            pivots.push(self.diagonal[cell(k)] - above * above / pivots[k - 1]);
        }
        let solve = |unit: usize| {
            let mut x = vec![0.0; nz];
            x[unit] = 1.0;
            for k in 1..nz {
                x[k] -= self.coupling(cell(k - 1), cell(k)) / pivots[k - 1] * x[k - 1];
            }
            for k in (0..nz).rev() {
                let above = if k + 1 < nz { self.coupling(cell(k), cell(k + 1)) * x[k + 1] } else { 0.0 };
                x[k] = (x[k] - above) / pivots[k];
            }
            x
        };
        (0..nz).map(solve).collect()
    }
}

/// (fine cell, coarse cell, weight) of all weights that are not 0.
fn weights(interpolation: &Interpolation) -> Vec<(usize, usize, f64)> {
    let ([nx, ny, nz], [cx, cy, _]) = (interpolation.fine.cells, interpolation.coarse.cells);
    let [fx, fy] = interpolation.factor;
    let mut entries = Vec::new();
    for cell in 0..nx * ny * nz {
        let [i, j, k] = [cell % nx, cell / nx % ny, cell / (nx * ny)];
        for (b, a) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let weight = interpolation.weights[b][a][interpolation.fine.at(i, j, k)];
            if weight != 0.0 {
                entries.push((cell, (k * cy + j / fy + b) * cx + i / fx + a, weight));
            }
        }
    }
    entries
}

/// `Pᵀ r`: at most nine terms, each a rounded weight and a product.
pub(super) fn gathered(interpolation: &Interpolation, r: Block<'_>) -> Expected {
    let length = interpolation.coarse.count() * r.width;
    let mut expected = Expected { values: vec![0.0; length], bounds: vec![0.0; length] };
    for (fine, coarse, weight) in weights(interpolation) {
        for column in 0..r.width {
            let term = weight * r.at(fine, column);
            expected.values[coarse * r.width + column] += term;
            expected.bounds[coarse * r.width + column] += 11.0 * SINGLE * term.abs();
        }
    }
    expected
}

/// `x + P correction`: at most four terms.
pub(super) fn scattered(interpolation: &Interpolation, correction: Block<'_>, x: Block<'_>) -> Expected {
    let bounds = x.values.iter().map(|x| 2.0 * SINGLE * x.abs()).collect();
    let mut expected = Expected { values: x.values.to_vec(), bounds };
    for (fine, coarse, weight) in weights(interpolation) {
        for column in 0..x.width {
            let term = weight * correction.at(coarse, column);
            expected.values[fine * x.width + column] += term;
            expected.bounds[fine * x.width + column] += 8.0 * SINGLE * term.abs();
        }
    }
    expected
}
