//! The operator of one level: a symmetric stencil of at most 27 points on its grid.

use super::super::matrix::GridMatrix;

/// How cells lie in memory on a level: x fastest with an empty cell before and after each row, then z, then y, so that
/// a *slab* (all cells of one j) is contiguous and slabs can be given to tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Number of cells along x, y, z.
    pub(crate) cells: [usize; 3],
}

impl Layout {
    /// Numbers between the starts of two rows.
    pub(crate) fn row(&self) -> usize {
        self.cells[0] + 2
    }

    /// Numbers in a slab.
    pub(crate) fn slab(&self) -> usize {
        self.cells[2] * self.row()
    }

    /// Numbers in all, the empty ones included.
    pub(crate) fn len(&self) -> usize {
        self.cells[1] * self.slab()
    }

    /// Number of cells.
    pub(crate) fn count(&self) -> usize {
        self.cells.iter().product()
    }

    /// Where cell (i, j, k) lies.
    pub(crate) fn at(&self, i: usize, j: usize, k: usize) -> usize {
        j * self.slab() + k * self.row() + 1 + i
    }
}

/// The couplings of a cell with the neighbour at `offset`, one number a cell.
#[derive(Debug, Clone)]
pub(crate) struct Coupling {
    /// (di, dj, dk), each in −1..=1, the first nonzero of (dj, dk, di) positive.
    pub(crate) offset: [isize; 3],
    /// `A[c, c + offset]` in the layout of the level; 0 where the neighbour is outside of the grid.
    pub(crate) values: Vec<f64>,
}

/// A symmetric operator on one level: each coupling is stored once, at the first of its two cells.
#[derive(Debug, Clone)]
pub(crate) struct Stencil {
    /// How cells lie in memory.
    pub(crate) layout: Layout,
    /// `A[c, c]`; 0 in the empty cells.
    pub(crate) diagonal: Vec<f64>,
    /// The couplings, by offset.
    pub(crate) couplings: Vec<Coupling>,
}

/// One row of cells as another sees it: the couplings with it, and where it lies.
pub(crate) struct Neighbour<'a> {
    /// (di, dj, dk) from the cells to their neighbours.
    pub(crate) offset: [isize; 3],
    /// The couplings of the cells i = 0, 1, ….
    pub(crate) values: &'a [f64],
    /// Slab of the neighbours.
    pub(crate) j: usize,
    /// Where in that slab the neighbour of cell i = 0 lies.
    pub(crate) start: usize,
}

/// The offsets that a symmetric stencil stores on a grid of `cells`: none along an axis of one cell.
pub(crate) fn forward_offsets(cells: [usize; 3]) -> Vec<[isize; 3]> {
    let reach = cells.map(|count| isize::from(count > 1));
    let mut offsets = Vec::new();
    for dj in 0..=reach[1] {
        for dk in -reach[2]..=reach[2] {
            for di in -reach[0]..=reach[0] {
                if (dj, dk, di) > (0, 0, 0) {
                    offsets.push([di, dj, dk]);
                }
            }
        }
    }
    offsets
}

impl Stencil {
    /// A zero operator with the given offsets.
    pub(crate) fn zeros(cells: [usize; 3], offsets: &[[isize; 3]]) -> Self {
        let layout = Layout { cells };
        let couplings = offsets.iter().map(|&offset| Coupling { offset, values: vec![0.0; layout.len()] }).collect();
        Self { layout, diagonal: vec![0.0; layout.len()], couplings }
    }

    /// The finest operator: the seven points of `matrix`, ties left aside.
    pub(crate) fn of_matrix(matrix: &GridMatrix) -> Self {
        let axes: Vec<usize> = (0..3).filter(|&axis| matrix.cells[axis] > 1).collect();
        let offsets: Vec<[isize; 3]> =
            axes.iter().map(|&axis| std::array::from_fn(|a| isize::from(a == axis))).collect();
        let mut stencil = Self::zeros(matrix.cells, &offsets);
        stencil.for_each_cell(|stencil, cell, at| {
            stencil.diagonal[at] = matrix.diagonal[cell];
            for (coupling, &axis) in stencil.couplings.iter_mut().zip(&axes) {
                coupling.values[at] = -matrix.conductance[axis][cell];
            }
        });
        stencil
    }

    /// Calls `f(self, number of the cell as a `GridMatrix` counts, where it lies here)`.
    fn for_each_cell(&mut self, mut f: impl FnMut(&mut Self, usize, usize)) {
        let layout = self.layout;
        let [nx, ny, nz] = layout.cells;
        for k in 0..nz {
            for j in 0..ny {
                for i in 0..nx {
                    f(self, (k * ny + j) * nx + i, layout.at(i, j, k));
                }
            }
        }
    }

    /// Calls `f` with every neighbouring row of row (j, k) that is inside of the grid, in a fixed order. The row itself
    /// is among them where cells are coupled with the next along x.
    pub(crate) fn for_each_neighbour<'a>(&'a self, j: usize, k: usize, mut f: impl FnMut(Neighbour<'a>)) {
        let layout = self.layout;
        let [nx, ny, nz] = layout.cells;
        let own = layout.at(0, j, k);
        for Coupling { offset, values } in &self.couplings {
            for sign in [1, -1] {
                let [di, dj, dk] = offset.map(|d| d * sign);
                let (Some(j), Some(k)) = (j.checked_add_signed(dj), k.checked_add_signed(dk)) else { continue };
                if j >= ny || k >= nz {
                    continue;
                }
                let start = (k * layout.row() + 1).strict_add_signed(di);
                let first = if sign == 1 { own } else { j * layout.slab() + start };
                f(Neighbour { offset: [di, dj, dk], values: &values[first..first + nx], j, start });
            }
        }
    }
}
