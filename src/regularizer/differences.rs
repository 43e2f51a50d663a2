//! Differences between neighbouring cells as a sparse operator.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, s};

use crate::grid::Grid;
use crate::linalg::sparse::SymmetricMatrix;
use crate::operator::LinearOperator;

/// D: rows of differences (r × n), those of one cell together in a block.
///
/// Differences are divided by distances in units of `h = (Π_a d_a)^{1/p}`, the mean spacing over the p axes of more than
/// one cell: with cubic cells they are plain differences, with others they are derivatives up to one factor.
#[derive(Debug, Clone)]
pub struct Differences {
    cells: usize,
    /// First entry of each row, and the number of entries.
    starts: Vec<usize>,
    /// Column and value.
    entries: Vec<(usize, f64)>,
    /// First row of each block, and the number of rows.
    blocks: Vec<usize>,
    null_space: Array2<f64>,
    pins: Vec<usize>,
}

impl Differences {
    /// D = I: the cells themselves.
    pub fn identity(grid: &Grid) -> Self {
        let mut new = Self::empty(grid);
        for cell in 0..new.cells {
            new.push(&[(cell, 1.0)]);
            new.end_block();
        }
        new
    }

    /// Forward differences along every axis, `(h/d_a)(u_{c+a} − u_c)`; a block holds those of one cell, and constants are
    /// the null space.
    pub fn first(grid: &Grid) -> Self {
        let mut new = Self::empty(grid);
        let steps = Steps::new(grid);
        for cell in 0..new.cells {
            for a in 0..3 {
                if let Some(next) = steps.ahead(cell, [a]) {
                    let scale = steps.scale[a];
                    new.push(&[(cell, -scale), (next, scale)]);
                }
            }
            new.end_block();
        }
        new.null_space = Array2::ones((new.cells, 1));
        new.pins = vec![grid.index(grid.cells.map(|n| n / 2))];
        new
    }

    /// Second differences, `(h/d_a)²(u_{c+2a} − 2u_{c+a} + u_c)` along every axis and
    /// `√2 (h²/d_a d_b)(u_{c+a+b} − u_{c+a} − u_{c+b} + u_c)` for every two: with these the sum of squares does not depend
    /// on the direction of the axes, and its null space is the planes.
    pub fn second(grid: &Grid) -> Self {
        let mut new = Self::empty(grid);
        let steps = Steps::new(grid);
        for cell in 0..new.cells {
            for a in 0..3 {
                if let (Some(next), Some(after)) = (steps.ahead(cell, [a]), steps.ahead(cell, [a, a])) {
                    let scale = steps.scale[a].powi(2);
                    new.push(&[(cell, scale), (next, -2.0 * scale), (after, scale)]);
                }
                for b in a + 1..3 {
                    let corner = (steps.ahead(cell, [a]), steps.ahead(cell, [b]), steps.ahead(cell, [a, b]));
                    if let (Some(along_a), Some(along_b), Some(both)) = corner {
                        let scale = std::f64::consts::SQRT_2 * steps.scale[a] * steps.scale[b];
                        new.push(&[(cell, scale), (along_a, -scale), (along_b, -scale), (both, scale)]);
                    }
                }
            }
            new.end_block();
        }
        let axes: Vec<usize> = (0..3).filter(|&a| grid.cells[a] > 1).collect();
        new.null_space = Array2::from_shape_fn((new.cells, 1 + axes.len()), |(cell, column)| match column {
            0 => 1.0,
            _ => {
                let a = axes[column - 1];
                2.0 * grid.cell(cell)[a] as f64 / (grid.cells[a] - 1) as f64 - 1.0
            }
        });
        new.pins = vec![0];
        for &a in &axes {
            let mut end = [0; 3];
            end[a] = grid.cells[a] - 1;
            new.pins.push(grid.index(end));
        }
        new
    }

    fn empty(grid: &Grid) -> Self {
        let cells = grid.len();
        Self {
            cells,
            starts: vec![0],
            entries: Vec::new(),
            blocks: vec![0],
            null_space: Array2::zeros((cells, 0)),
            pins: Vec::new(),
        }
    }

    fn push(&mut self, row: &[(usize, f64)]) {
        self.entries.extend_from_slice(row);
        self.starts.push(self.entries.len());
    }

    fn end_block(&mut self) {
        if self.blocks.last() != Some(&self.rows()) {
            self.blocks.push(self.rows());
        }
    }

    /// Number of cells n.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// A basis N of the null space of D, n × p.
    pub fn null_space(&self) -> &Array2<f64> {
        &self.null_space
    }

    /// p cells whose values fix a member of the null space.
    pub fn pins(&self) -> &[usize] {
        &self.pins
    }

    /// The rows of each block.
    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.blocks.windows(2).map(|w| w[0]..w[1])
    }

    /// `‖s_b‖₂` of every block.
    pub fn norms<'s>(&'s self, s: ArrayView1<'s, f64>) -> impl Iterator<Item = f64> + 's {
        assert_eq!(s.len(), self.rows(), "number of differences against the rows");
        self.blocks().map(move |block| s.slice(s![block]).iter().map(|x| x * x).sum::<f64>().sqrt())
    }

    /// `Dᵀ diag(w) D`, n × n.
    pub fn weighted_squares(&self, weights: ArrayView1<'_, f64>) -> SymmetricMatrix {
        assert_eq!(weights.len(), self.rows(), "one weight a row of differences");
        let rows = self.starts.windows(2).map(|w| &self.entries[w[0]..w[1]]);
        SymmetricMatrix::sum_of_squares(self.cells, rows.zip(weights.iter().copied()))
    }
}

impl LinearOperator for Differences {
    fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    fn cols(&self) -> usize {
        self.cells
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.cells, "number of values against the cells");
        self.starts.windows(2).map(|w| self.entries[w[0]..w[1]].iter().map(|&(i, a)| a * x[i]).sum::<f64>()).collect()
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(y.len(), self.rows(), "number of differences against the rows");
        let mut x = Array1::zeros(self.cells);
        for (row, &y) in self.starts.windows(2).zip(&y) {
            self.entries[row[0]..row[1]].iter().for_each(|&(i, a)| x[i] += a * y);
        }
        x
    }
}

/// Neighbours on a grid, and `h/d_a`.
struct Steps<'g> {
    grid: &'g Grid,
    scale: [f64; 3],
}

impl<'g> Steps<'g> {
    fn new(grid: &'g Grid) -> Self {
        let used: Vec<f64> = (0..3).filter(|&a| grid.cells[a] > 1).map(|a| grid.spacing[a]).collect();
        let h = (used.iter().map(|d| d.ln()).sum::<f64>() / used.len().max(1) as f64).exp();
        Self { grid, scale: grid.spacing.map(|d| h / d) }
    }

    /// The cell that is one step ahead along each of the axes named (one named twice: two steps), if there is one.
    fn ahead<const S: usize>(&self, cell: usize, axes: [usize; S]) -> Option<usize> {
        let mut at = self.grid.cell(cell);
        axes.iter().for_each(|&a| at[a] += 1);
        (0..3).all(|a| at[a] < self.grid.cells[a]).then(|| self.grid.index(at))
    }
}
