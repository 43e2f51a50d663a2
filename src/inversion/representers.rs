//! What data see of a prior that is known by its covariance.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::linalg::covariance::Covariance;
use crate::linalg::dense::multiply;
use crate::operator::LinearOperator;

/// The rows of a whitened Jacobian `A = C_d^{-1/2} G` and their representers, the rows of `A C`. Only these many
/// directions of a field are known by the data.
pub(super) struct Representers {
    /// A, m × n, rows contiguous.
    whitened: Array2<f64>,
    /// A C, m × n, rows contiguous.
    spread: Array2<f64>,
    /// A C Aᵀ, m × m.
    pub(super) gram: Array2<f64>,
}

impl Representers {
    /// Those of the `gradients` `Gᵀ` (n × m) of data with the errors C_d under a prior covariance C of the cells. Rows of
    /// A that are as they were `before`, such as those of values of the field itself, are not spread again.
    pub(super) fn new(
        prior: &dyn LinearOperator,
        gradients: Array2<f64>,
        errors: &Covariance,
        before: Option<Self>,
    ) -> Self {
        // A block of n × m numbers is large: each is dropped as soon as the next is there.
        let whitened = errors.whiten_block(gradients.t());
        drop(gradients);
        let whitened = in_rows(whitened);
        let spread_rows = |rows: ArrayView2<'_, f64>| prior.apply_block(rows.t()).reversed_axes();
        let spread = match before {
            None => spread_rows(whitened.view()),
            Some(Self { whitened: old, mut spread, .. }) => {
                let new: Vec<usize> = (0..old.nrows()).filter(|&i| old.row(i) != whitened.row(i)).collect();
                let again = spread_rows(whitened.select(Axis(0), &new).view());
                new.iter().zip(again.rows()).for_each(|(&i, row)| spread.row_mut(i).assign(&row));
                spread
            }
        };
        let gram = multiply(whitened.view(), spread.t());
        // Rounding leaves it symmetric only nearly.
        let gram = 0.5 * (&gram + &gram.t());
        Self { whitened, spread, gram }
    }

    /// `A x`: what the data see of a change of the field.
    pub(super) fn seen(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        product(self.whitened.view(), x)
    }

    /// `Aᵀ w`.
    pub(super) fn gradient(&self, w: ArrayView1<'_, f64>) -> Array1<f64> {
        product(self.whitened.t(), w)
    }

    /// `C Aᵀ w`.
    pub(super) fn combination(&self, w: ArrayView1<'_, f64>) -> Array1<f64> {
        product(self.spread.t(), w)
    }
}

fn product(matrix: ArrayView2<'_, f64>, x: ArrayView1<'_, f64>) -> Array1<f64> {
    multiply(matrix, x.insert_axis(Axis(1))).remove_axis(Axis(1))
}

/// Rows that are copied together: so many numbers of a row across memory share a line of the processor's cache.
const ROWS_AT_ONCE: usize = 8;

/// The matrix with its rows contiguous.
fn in_rows(matrix: Array2<f64>) -> Array2<f64> {
    if matrix.is_standard_layout() {
        return matrix;
    }
    let mut out = Array2::zeros(matrix.dim());
    let blocks: Vec<_> =
        out.axis_chunks_iter_mut(Axis(0), ROWS_AT_ONCE).zip(matrix.axis_chunks_iter(Axis(0), ROWS_AT_ONCE)).collect();
    blocks.into_par_iter().for_each(|(mut out, block)| {
        for (mut out, column) in out.columns_mut().into_iter().zip(block.columns()) {
            out.assign(&column);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::super::toys::normals;
    use super::*;
    use crate::operator::Dense;

    #[test]
    fn they_are_the_products_whether_rows_are_known_before_or_not() {
        let (m, n) = (11, 40);
        let root = normals(n, n, 0);
        let prior = root.dot(&root.t());
        let errors = Covariance::diagonal(normals(m, 1, 1).column(0).mapv(|x| 0.1 + x.abs())).unwrap();
        let first = normals(m, n, 2);
        let mut second = normals(m, n, 3);
        second.row_mut(4).assign(&first.row(4));
        let spread = Dense(prior.clone());
        let before = Representers::new(&spread, first.reversed_axes(), &errors, None);
        let found = Representers::new(&spread, second.t().to_owned(), &errors, Some(before));
        let whitened = errors.whiten_block(second.view());
        let (x, w) = (normals(n, 1, 4), normals(m, 1, 5));
        let close = |a: ArrayView1<'_, f64>, b: Array2<f64>| {
            let scale = b.iter().fold(0.0f64, |most, b| most.max(b.abs()));
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-12 * scale)
        };
        assert!(close(found.seen(x.column(0)).view(), whitened.dot(&x)));
        assert!(close(found.gradient(w.column(0)).view(), whitened.t().dot(&w)));
        assert!(close(found.combination(w.column(0)).view(), prior.dot(&whitened.t()).dot(&w)));
        let gram = whitened.dot(&prior).dot(&whitened.t());
        assert!(close(Array1::from_iter(found.gram.iter().copied()).view(), gram));
    }
}
