//! The leading eigenvectors of a large symmetric matrix that is not negative.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use super::dense::{cholesky, multiply, symmetric_eigen};

/// Columns beyond those asked for in a block.
const OVERSAMPLING: usize = 16;
/// Residual of an eigenvector, relative to its eigenvalue, at which it is taken: the eigenvalue is then known to the
/// square of it.
const RESIDUAL: f64 = 1e-5;
/// Blocks after which the iteration gives up.
const MOST_BLOCKS: usize = 40;

/// The `count` largest eigenvalues of A (n × n, symmetric, not negative), descending, and their eigenvectors, one a
/// column (n × count). `None` where A is not finite or the iteration does not converge.
///
/// Block Krylov iteration (Golub and Underwood 1977): Rayleigh–Ritz in the span of `X, A X, A² X, …`, each block made
/// orthonormal to those before, until `‖A w − λ w‖ ≤ 1e-5 λ` for every pair. X is made of evenly spaced columns of A. A
/// small matrix is decomposed as a whole.
pub fn leading_eigen(a: &Array2<f64>, count: usize) -> Option<(Array1<f64>, Array2<f64>)> {
    let n = a.nrows();
    assert!((1..=n).contains(&count), "{count} eigenvectors of a matrix of {n} rows");
    let width = count + OVERSAMPLING;
    if n <= 4 * width {
        let (values, vectors) = symmetric_eigen(a)?;
        return Some((values.slice(s![..count]).to_owned(), vectors.slice(s![.., ..count]).to_owned()));
    }
    let picks: Vec<usize> = (0..width).map(|i| i * n / width).collect();
    let (values, vectors) = leading_eigen_from(a, count, a.select(Axis(1), &picks))?;
    Some((values, vectors.slice(s![.., ..count]).to_owned()))
}

/// As [`leading_eigen`] from a block X (n × w, w ≥ count) that is near the leading eigenvectors, such as those of a matrix
/// that differs little; of the w vectors that are returned the first `count` have converged.
pub fn leading_eigen_from(a: &Array2<f64>, count: usize, x: Array2<f64>) -> Option<(Array1<f64>, Array2<f64>)> {
    let (n, width) = x.dim();
    assert_eq!(a.dim(), (n, n), "a square matrix against the rows of a block");
    assert!((1..=width).contains(&count), "{count} eigenvectors from a block of {width}");
    let mut block = orthonormal(x)?;
    let mut span = block.clone();
    let mut image = multiply(a.view(), block.view());
    let mut images = image.clone();
    for _ in 0..MOST_BLOCKS {
        let (values, small) = symmetric_eigen(&multiply(span.t(), images.view()))?;
        let first = small.slice(s![.., ..count]);
        let values = values.slice(s![..count]).to_owned();
        let missed = multiply(images.view(), first) - &(multiply(span.view(), first) * &values);
        let settled = missed.columns().into_iter().zip(&values).all(|(r, l)| r.dot(&r).sqrt() <= RESIDUAL * l.abs());
        if settled || span.ncols() + width > n {
            return settled.then(|| (values, multiply(span.view(), small.slice(s![.., ..width]))));
        }
        block = image;
        for _ in 0..2 {
            let inside = multiply(span.t(), block.view());
            block -= &multiply(span.view(), inside.view());
            block = orthonormal(block)?;
        }
        image = multiply(a.view(), block.view());
        span = beside(span.view(), block.view());
        images = beside(images.view(), image.view());
    }
    None
}

/// An orthonormal basis of the columns of X, by shifted Cholesky factors of `Xᵀ X` (Fukaya et al. 2020: three times,
/// since one loses half the digits and the shift spoils the first).
fn orthonormal(mut x: Array2<f64>) -> Option<Array2<f64>> {
    for _ in 0..3 {
        let mut gram = multiply(x.t(), x.view());
        let scale = gram.diag().fold(0.0f64, |m, &d| m.max(d));
        let shift = 16.0 * x.nrows() as f64 * f64::EPSILON * scale;
        gram.diag_mut().mapv_inplace(|d| d + shift);
        x = cholesky(&gram)?.half_solve_block(x.t()).reversed_axes();
    }
    Some(x)
}

fn beside(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    concatenate(Axis(1), &[a, b]).expect("blocks of one height")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn leading_pairs_are_those_of_the_whole_decomposition() {
        // A slowly decaying spectrum, as of channels: 300 rows of 600 correlated numbers.
        let (n, count) = (300, 9);
        let numbers = Stream::new(4, Purpose::Check, 0, 0).normals(n * 600);
        let mut rows = Array2::from_shape_vec((n, 600), numbers).expect("shape");
        rows.columns_mut().into_iter().enumerate().for_each(|(j, mut c)| c /= 1.0 + j as f64 / 40.0);
        let gram = rows.dot(&rows.t());
        let (values, vectors) = leading_eigen(&gram, count).expect("converges");
        let (all, _) = symmetric_eigen(&gram).expect("converges");
        for j in 0..count {
            assert!((values[j] - all[j]).abs() <= RESIDUAL * RESIDUAL * 100.0 * all[j], "eigenvalue {j}");
            let w = vectors.column(j);
            let missed = gram.dot(&w) - values[j] * &w;
            assert!(missed.dot(&missed).sqrt() <= 2.0 * RESIDUAL * values[j]);
        }
        let product = vectors.t().dot(&vectors) - Array2::<f64>::eye(count);
        assert!(product.iter().all(|e| e.abs() <= 64.0 * n as f64 * f64::EPSILON), "orthonormal");
    }

    #[test]
    fn a_small_matrix_is_decomposed_and_one_that_is_not_finite_refused() {
        let a = Array2::from_diag(&ndarray::array![1.0, 5.0, 3.0]);
        let (values, _) = leading_eigen(&a, 2).expect("converges");
        assert!((values - ndarray::array![5.0, 3.0]).iter().all(|e| e.abs() <= 16.0 * f64::EPSILON));
        assert!(leading_eigen(&Array2::from_elem((2, 2), f64::NAN), 1).is_none());
    }
}
