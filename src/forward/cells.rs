//! The property itself, read in some cells.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::Result;
use crate::operator::{LinearOperator, Linearized, Operator};

/// `y_i = u_c(i)`: the carried property of cell c(i), or 0 where a datum is of no cell. Linear, and its own Jacobian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyInCells {
    cells: Vec<Option<usize>>,
    inputs: usize,
}

impl PropertyInCells {
    /// The property of `cells` among n = `inputs`.
    pub fn new(cells: Vec<Option<usize>>, inputs: usize) -> Self {
        assert!(cells.iter().flatten().all(|&cell| cell < inputs), "cells beyond the {inputs} of the grid");
        Self { cells, inputs }
    }
}

impl LinearOperator for PropertyInCells {
    fn rows(&self) -> usize {
        self.cells.len()
    }
    fn cols(&self) -> usize {
        self.inputs
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.cells.iter().map(|cell| cell.map_or(0.0, |c| x[c])).collect()
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut out = Array1::zeros(self.inputs);
        for (cell, y) in self.cells.iter().zip(y) {
            if let Some(cell) = cell {
                out[*cell] += y;
            }
        }
        out
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.rows(), x.ncols()));
        for (mut row, cell) in out.rows_mut().into_iter().zip(&self.cells) {
            if let Some(cell) = cell {
                row.assign(&x.row(*cell));
            }
        }
        out
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.inputs, y.ncols()));
        for (row, cell) in y.rows().into_iter().zip(&self.cells) {
            if let Some(cell) = cell {
                let mut sum = out.row_mut(*cell);
                sum += &row;
            }
        }
        out
    }
}

impl Operator for PropertyInCells {
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.cells.len()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(self.apply(x))
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        Ok(Linearized { value: self.apply(x), jacobian: Box::new(self) })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};

    use super::*;
    use crate::check::dot_test;

    #[test]
    fn cells_are_read_and_given_back() {
        let operator = PropertyInCells::new(vec![Some(3), None, Some(0), Some(3)], 5);
        assert_eq!(operator.apply(array![1.0, 2.0, 3.0, 4.0, 5.0].view()), array![4.0, 0.0, 1.0, 4.0]);
        assert_eq!(operator.adjoint(array![1.0, 10.0, 100.0, 1000.0].view()), array![100.0, 0.0, 0.0, 1001.0, 0.0]);
        assert!(dot_test(&operator, 3) <= 16.0 * f64::EPSILON);
        let block = array![[1.0, -1.0], [2.0, 0.5], [3.0, 7.0], [4.0, 0.0], [5.0, 9.0]];
        let (read, back) = (operator.apply_block(block.view()), operator.adjoint_block(block.slice(s![..4, ..])));
        for column in 0..2 {
            assert_eq!(read.column(column), operator.apply(block.column(column)));
            assert_eq!(back.column(column), operator.adjoint(block.slice(s![..4, column])));
        }
    }
}
