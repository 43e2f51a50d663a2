//! Symmetric matrices of any sparse pattern, and their Cholesky factors.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::cholesky::{Analyses, Columns, Factor, by_columns};
use crate::error::Result;
use crate::operator::LinearOperator;

/// A sparse symmetric matrix (n × n).
#[derive(Debug, Clone)]
pub struct SymmetricMatrix(Columns);

impl SymmetricMatrix {
    /// `Σ_r w_r a_r a_rᵀ` of sparse rows `a_r`, given as (column, value), and their weights. Every diagonal entry is in
    /// the pattern, weights of zero too, so that matrices of the same rows share one pattern.
    pub fn sum_of_squares<'r>(n: usize, rows: impl IntoIterator<Item = (&'r [(usize, f64)], f64)>) -> Self {
        let mut entries: Vec<_> = (0..n).map(|i| (i, i, 0.0)).collect();
        for (row, weight) in rows {
            for &(i, a) in row {
                entries.extend(row.iter().filter(|(j, _)| *j >= i).map(|&(j, b)| (i, j, weight * a * b)));
            }
        }
        Self(Columns::from_entries(n, entries.into_iter()))
    }

    /// The diagonal.
    pub fn diagonal(&self) -> Array1<f64> {
        // The diagonal is the last entry of each column of an upper triangle.
        self.0.starts[1..].iter().map(|&end| self.0.values[end - 1]).collect()
    }

    /// Adds to one entry of the diagonal.
    pub fn add_to_diagonal(&mut self, i: usize, value: f64) {
        self.0.values[self.0.starts[i + 1] - 1] += value;
    }

    /// The Cholesky factor; `None` where the matrix is not positive definite.
    ///
    /// # Errors
    /// Where there is not enough memory for it.
    pub fn cholesky(&self, analyses: &Analyses) -> Result<Option<SparseCholesky>> {
        Ok(Factor::new(&self.0, analyses, || None)?.map(SparseCholesky))
    }
}

impl LinearOperator for SymmetricMatrix {
    fn rows(&self) -> usize {
        self.0.starts.len() - 1
    }
    fn cols(&self) -> usize {
        self.rows()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.cols(), "length of a vector against the columns of a sparse matrix");
        let mut y = Array1::zeros(x.len());
        for j in 0..self.cols() {
            for entry in self.0.starts[j]..self.0.starts[j + 1] {
                let (i, a) = (self.0.rows[entry], self.0.values[entry]);
                y[i] += a * x[j];
                if i != j {
                    y[j] += a * x[i];
                }
            }
        }
        y
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply(y)
    }
}

/// The Cholesky factor of a [`SymmetricMatrix`].
pub struct SparseCholesky(Factor);

impl SparseCholesky {
    /// `A⁻¹ B`.
    pub fn solve_block(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        by_columns(b, |b| {
            let mut part = b.as_standard_layout().into_owned();
            self.0.solve_in_place(&mut part);
            part
        })
    }

    /// `A⁻¹ b`.
    pub fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        self.solve_block(b.insert_axis(Axis(1))).remove_axis(Axis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_squares_is_what_its_rows_say_and_its_factor_solves() {
        let rows: [(&[(usize, f64)], f64); 4] = [
            (&[(0, 1.0), (1, -2.0), (2, 1.0)], 3.0),
            (&[(3, 2.0), (1, 1.0)], 0.5),
            (&[(0, 1.0)], 2.0),
            (&[(2, 1.0), (3, -1.0)], 1.0),
        ];
        let mut dense = Array2::<f64>::zeros((4, 4));
        for (row, weight) in rows {
            for &(i, a) in row {
                for &(j, b) in row {
                    dense[[i, j]] += weight * a * b;
                }
            }
        }
        let mut matrix = SymmetricMatrix::sum_of_squares(4, rows);
        matrix.add_to_diagonal(3, 0.25);
        dense[[3, 3]] += 0.25;
        let x = ndarray::array![1.0, -2.0, 0.5, 3.0];
        assert!((matrix.apply(x.view()) - dense.dot(&x)).iter().all(|d| d.abs() < 1e-14));
        assert_eq!(matrix.diagonal(), dense.diag());
        let factor = matrix.cholesky(&Analyses::default()).unwrap().expect("positive definite");
        let back = factor.solve(dense.dot(&x).view());
        assert!((back - &x).iter().all(|d| d.abs() < 1e-12));
        matrix.add_to_diagonal(0, -100.0);
        assert!(matrix.cholesky(&Analyses::default()).unwrap().is_none());
    }
}
