//! The property itself, read in some cells.

use ndarray::{Array1, ArrayView1};

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
    use ndarray::array;

    use super::*;
    use crate::check::dot_test;

    #[test]
    fn cells_are_read_and_given_back() {
        let operator = PropertyInCells::new(vec![Some(3), None, Some(0), Some(3)], 5);
        assert_eq!(operator.apply(array![1.0, 2.0, 3.0, 4.0, 5.0].view()), array![4.0, 0.0, 1.0, 4.0]);
        assert_eq!(operator.adjoint(array![1.0, 10.0, 100.0, 1000.0].view()), array![100.0, 0.0, 0.0, 1001.0, 0.0]);
        assert!(dot_test(&operator, 3) <= 16.0 * f64::EPSILON);
    }
}
