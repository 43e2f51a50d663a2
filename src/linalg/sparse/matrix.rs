//! The matrix of a diffusion problem on a structured grid, and cells that share one unknown.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use crate::error::{Error, Result};
use crate::linalg::rows::{Rows, add_scaled, for_each_row};

/// A symmetric positive definite matrix A on a structured grid, each cell coupled with its six neighbours:
/// `A[c, c] = diagonal[c]` and `A[c, c'] = −conductance[a][c]` for the next cell c' along axis a.
///
/// Cells are numbered x fastest, then y, then z. A cell of fixed head, or outside the model, is a row of its own: no
/// conductance, a positive diagonal. `ties` are lists of cells that share one unknown (a bore with one head): with S
/// the matrix that copies the unknowns y to the cells, `x = S y`, what is solved is `Sᵀ A S y = Sᵀ b`.
#[derive(Debug, Clone, PartialEq)]
pub struct GridMatrix {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// The diagonal of A (n).
    pub diagonal: Vec<f64>,
    /// Conductance between cell c and the next along x, y, z (n each); 0 in the last plane of its axis.
    pub conductance: [Vec<f64>; 3],
    /// Lists of cells that are one unknown; no cell is in two of them.
    pub ties: Vec<Vec<usize>>,
}

impl GridMatrix {
    /// Number of cells n.
    pub fn len(&self) -> usize {
        self.cells.iter().product()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distance in the numbering between neighbours along x, y, z.
    pub(crate) fn strides(&self) -> [usize; 3] {
        [1, self.cells[0], self.cells[0] * self.cells[1]]
    }

    /// Refuses numbers that no positive definite matrix of this kind has.
    ///
    /// # Errors
    /// Where a diagonal is not positive and finite, or a conductance is negative or not finite.
    pub(crate) fn check(&self) -> Result<()> {
        let n = self.len();
        assert!(n > 0, "a system of {:?} cells has no unknown", self.cells);
        assert_eq!(self.diagonal.len(), n, "diagonal of {:?} cells", self.cells);
        let refused = |cell: usize, what: &str, value: f64, expected: &str| {
            let [nx, ny, _] = self.cells;
            let [i, j, k] = [cell % nx, cell / nx % ny, cell / (nx * ny)];
            let problem = format!("{what} of cell ({i}, {j}, {k}) is {value}, expected {expected}");
            Err(Error::input("system of the grid", problem, "check conductivity, thickness and storage there"))
        };
        if let Some(cell) = self.diagonal.iter().position(|d| !(d.is_finite() && *d > 0.0)) {
            return refused(cell, "the diagonal", self.diagonal[cell], "a positive number");
        }
        for (axis, (conductance, stride)) in self.conductance.iter().zip(self.strides()).enumerate() {
            assert_eq!(conductance.len(), n, "conductances along axis {axis} of {:?} cells", self.cells);
            if let Some(cell) = conductance.iter().position(|c| !(c.is_finite() && *c >= 0.0)) {
                return refused(cell, "the conductance", conductance[cell], "zero or a positive number");
            }
            let last = |cell: usize| cell / stride % self.cells[axis] + 1 == self.cells[axis];
            let beyond = (0..n).find(|&cell| last(cell) && conductance[cell] != 0.0);
            assert!(beyond.is_none(), "conductance of cell {beyond:?} leads out of the grid along axis {axis}");
        }
        Ok(())
    }

    /// `A x` for one vector, ties left aside.
    pub fn multiply(&self, x: ArrayView1<'_, f64>) -> Vec<f64> {
        let product = self.multiply_block(x.insert_axis(Axis(1)));
        product.into_raw_vec_and_offset().0
    }

    /// `A X` for a block of vectors (n × r), ties left aside.
    pub fn multiply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.len(), "rows of a block against {:?} cells", self.cells);
        let x = Rows::of(&x);
        let mut product = Array2::zeros((self.len(), x.width()));
        for_each_row(product.view_mut(), |cell, out| self.add_product(cell, 1.0, &x, out));
        product
    }

    /// `B − A X` for blocks of vectors (n × r each), ties left aside, into one whose rows are contiguous.
    pub(crate) fn residual_block(&self, b: ArrayView2<'_, f64>, x: ArrayView2<'_, f64>, rest: ArrayViewMut2<'_, f64>) {
        let (b, x) = (Rows::of(&b), Rows::of(&x));
        for_each_row(rest, |cell, out| {
            out.copy_from_slice(b.row(cell));
            self.add_product(cell, -1.0, &x, out);
        });
    }

    /// Adds `factor A X` in one cell.
    fn add_product(&self, cell: usize, factor: f64, x: &Rows<'_>, out: &mut [f64]) {
        add_scaled(out, factor * self.diagonal[cell], x.row(cell));
        for (conductance, stride) in self.conductance.iter().zip(self.strides()) {
            if conductance[cell] != 0.0 {
                add_scaled(out, -factor * conductance[cell], x.row(cell + stride));
            }
            if cell >= stride && conductance[cell - stride] != 0.0 {
                add_scaled(out, -factor * conductance[cell - stride], x.row(cell - stride));
            }
        }
    }

    /// The whole matrix, ties left aside: what tests compare with.
    #[cfg(test)]
    pub(crate) fn dense(&self) -> Array2<f64> {
        let mut a = Array2::from_diag(&ndarray::Array1::from(self.diagonal.clone()));
        for (conductance, stride) in self.conductance.iter().zip(self.strides()) {
            for (cell, &c) in conductance.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                a[[cell, cell + stride]] -= c;
                a[[cell + stride, cell]] -= c;
            }
        }
        a
    }
}

/// Which unknown each cell carries: the matrix S of [`GridMatrix`].
#[derive(Debug, Clone)]
pub(crate) struct Unknowns {
    /// Unknown of each cell (n).
    of_cell: Vec<usize>,
    /// Number of unknowns.
    count: usize,
}

impl Unknowns {
    /// Numbers the unknowns in the order of their first cells.
    pub(crate) fn new(matrix: &GridMatrix) -> Self {
        let n = matrix.len();
        let mut leader: Vec<usize> = (0..n).collect();
        for tie in &matrix.ties {
            let Some(&first) = tie.iter().min() else { continue };
            for &cell in tie {
                assert!(cell < n, "tied cell {cell} of {n}");
                assert!(leader[cell] == cell, "cell {cell} is tied twice");
                leader[cell] = first;
            }
        }
        let mut of_cell = vec![0; n];
        let mut count = 0;
        for cell in 0..n {
            of_cell[cell] = if leader[cell] == cell {
                count += 1;
                count - 1
            } else {
                of_cell[leader[cell]]
            };
        }
        Self { of_cell, count }
    }

    /// Number of unknowns.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Number of cells of each unknown.
    pub(crate) fn sizes(&self) -> Vec<f64> {
        let mut sizes = vec![0.0; self.count];
        self.of_cell.iter().for_each(|&unknown| sizes[unknown] += 1.0);
        sizes
    }

    /// The unknown of each cell.
    pub(crate) fn of_cell(&self) -> &[usize] {
        &self.of_cell
    }

    /// `Sᵀ B`: the sums over the cells of each unknown.
    pub(crate) fn gather(&self, cells: ArrayView2<'_, f64>) -> Array2<f64> {
        if self.count == self.of_cell.len() {
            return cells.as_standard_layout().into_owned();
        }
        let mut sums = Array2::zeros((self.count, cells.ncols()));
        for (row, &unknown) in cells.rows().into_iter().zip(&self.of_cell) {
            sums.row_mut(unknown).zip_mut_with(&row, |sum, x| *sum += x);
        }
        sums
    }

    /// `S Y`: every cell gets what its unknown has.
    pub(crate) fn spread(&self, unknowns: Array2<f64>) -> Array2<f64> {
        match self.count == self.of_cell.len() {
            true => unknowns,
            false => unknowns.select(Axis(0), &self.of_cell),
        }
    }
}
