//! Dense factorizations and products: beside `sparse::cholesky` the only file that names faer's types.
//!
//! faer runs sequentially here; what is parallel is cut into chunks whose size does not depend on the number of
//! threads, so that results have the same bytes on any machine of one kind.

use std::ops::Range;

use faer::linalg::matmul::{matmul_with_conj, triangular};
use faer::linalg::solvers::{Llt, Qr, SelfAdjointEigen};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, Side};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Rows of a product that one task computes.
const ROWS_PER_TASK: usize = 256;
/// Columns of a tile in [`gram`].
const TILE: usize = 512;
/// Most bytes that the partial sums of [`gram`] take together.
const PARTIAL_BYTES: usize = 1 << 29;
/// Most partial sums in [`gram`].
const PARTIAL_SUMS: usize = 16;

mod sealed {
    pub trait Sealed: faer::traits::ComplexField {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// What matrices are made of: `f32` or `f64`.
pub trait Scalar: ndarray::LinalgScalar + Send + Sync + sealed::Sealed {}
impl Scalar for f32 {}
impl Scalar for f64 {}

fn faer_view<'a, T>(a: &ArrayView2<'a, T>) -> MatRef<'a, T> {
    let strides = a.strides();
    // SAFETY: ndarray guarantees that pointer, shape and strides of a view reach initialized elements only, for 'a.
    unsafe { MatRef::from_raw_parts(a.as_ptr(), a.nrows(), a.ncols(), strides[0], strides[1]) }
}

fn faer_view_mut<'a, T>(a: &'a mut ArrayViewMut2<'_, T>) -> MatMut<'a, T> {
    let (rows, cols, row_stride, col_stride) = (a.nrows(), a.ncols(), a.strides()[0], a.strides()[1]);
    // SAFETY: as above, and the exclusive borrow of the view lasts as long as the result.
    unsafe { MatMut::from_raw_parts_mut(a.as_mut_ptr(), rows, cols, row_stride, col_stride) }
}

fn copied(a: MatRef<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), a.ncols()), |(i, j)| a[(i, j)])
}

/// `out = A B`, or `out += A B` where `accumulate`, on the calling thread.
pub fn multiply_into<T: Scalar>(
    mut out: ArrayViewMut2<'_, T>,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    accumulate: bool,
) {
    assert_eq!(a.ncols(), b.nrows(), "product of {:?} and {:?}", a.dim(), b.dim());
    assert_eq!(out.dim(), (a.nrows(), b.ncols()), "shape of the product of {:?} and {:?}", a.dim(), b.dim());
    let mode = if accumulate { Accum::Add } else { Accum::Replace };
    matmul_with_conj(
        faer_view_mut(&mut out),
        mode,
        faer_view(&a),
        Conj::No,
        faer_view(&b),
        Conj::No,
        T::one(),
        Par::Seq,
    );
}

/// `A B`, in parallel over blocks of rows.
pub fn multiply<T: Scalar>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Array2<T> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    let tasks: Vec<_> =
        out.axis_chunks_iter_mut(Axis(0), ROWS_PER_TASK).zip(a.axis_chunks_iter(Axis(0), ROWS_PER_TASK)).collect();
    tasks.into_par_iter().for_each(|(out, a)| multiply_into(out, a, b, false));
    out
}

/// The Gram matrix `G = A Aᵀ` of `rows` rows of `length` numbers, which need not exist all at once: `fill(range, tile)`
/// writes the columns `range` of A into `tile` (rows × range.len()).
///
/// Memory: the result, at most 16 partial sums (fewer where they would exceed half a GiB), one tile a task.
pub fn gram(rows: usize, length: usize, fill: impl Fn(Range<usize>, ArrayViewMut2<'_, f64>) + Sync) -> Array2<f64> {
    let affordable = (PARTIAL_BYTES / (8 * rows * rows).max(1)).clamp(1, PARTIAL_SUMS);
    let tiles = length.div_ceil(TILE);
    let tiles_per_sum = tiles.div_ceil(affordable).max(1);
    let partial_sums: Vec<Array2<f64>> = (0..tiles.div_ceil(tiles_per_sum))
        .into_par_iter()
        .map(|part| {
            let mut sum = Array2::zeros((rows, rows));
            let mut tile = Array2::zeros((rows, TILE));
            for t in part * tiles_per_sum..((part + 1) * tiles_per_sum).min(tiles) {
                let range = t * TILE..((t + 1) * TILE).min(length);
                let mut tile = tile.slice_mut(ndarray::s![.., ..range.len()]);
                fill(range, tile.view_mut());
                add_lower_product(sum.view_mut(), tile.view());
            }
            sum
        })
        .collect();
    let mut sum = Array2::zeros((rows, rows));
    for partial in partial_sums {
        sum += &partial;
    }
    for i in 0..rows {
        for j in i + 1..rows {
            sum[[i, j]] = sum[[j, i]];
        }
    }
    sum
}

/// Lower triangle of `sum += A Aᵀ`.
fn add_lower_product(mut sum: ArrayViewMut2<'_, f64>, a: ArrayView2<'_, f64>) {
    let a = faer_view(&a);
    triangular::matmul_with_conj(
        faer_view_mut(&mut sum),
        triangular::BlockStructure::TriangularLower,
        Accum::Add,
        a,
        triangular::BlockStructure::Rectangular,
        Conj::No,
        a.transpose(),
        triangular::BlockStructure::Rectangular,
        Conj::No,
        1.0,
        Par::Seq,
    );
}

/// R (k × k, upper triangular) and `c = Qᵀ b` of the QR decomposition `A = Q R` of a matrix with more rows than columns:
/// `‖A x − b‖² = ‖R x − c‖² + ‖b‖² − ‖c‖²`.
pub fn triangularize(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>) -> (Array2<f64>, Array1<f64>) {
    let k = a.ncols();
    assert!(a.nrows() > k, "{} rows are no more than {k} columns", a.nrows());
    assert_eq!(a.nrows(), b.len(), "rows of a matrix against its right-hand side");
    // With b as a last column its Qᵀ b is a column of R.
    let both = Mat::from_fn(a.nrows(), k + 1, |i, j| if j < k { a[[i, j]] } else { b[i] });
    let decomposition = Qr::new(both.as_ref());
    let r = decomposition.thin_R();
    let triangle = Array2::from_shape_fn((k, k), |(i, j)| if i <= j { r[(i, j)] } else { 0.0 });
    (triangle, Array1::from_shape_fn(k, |i| r[(i, k)]))
}

/// The Cholesky factor L of a symmetric positive definite matrix, `A = L Lᵀ`.
#[derive(Debug, Clone)]
pub struct Cholesky {
    factor: Mat<f64>,
}

/// Factors `A = L Lᵀ`, reading the lower triangle of A; `None` where A is not positive definite (or not finite).
pub fn cholesky(a: &Array2<f64>) -> Option<Cholesky> {
    assert_eq!(a.nrows(), a.ncols(), "a Cholesky factorization takes a square matrix");
    let factor = Llt::new(faer_view(&a.view()), Side::Lower).ok()?.L().to_owned();
    let proper = (0..factor.nrows()).all(|i| factor[(i, i)].is_finite() && factor[(i, i)] > 0.0);
    proper.then_some(Cholesky { factor })
}

/// The Cholesky factor of a Gram matrix `A Aᵀ + D`, D positive and diagonal. Where A is so large that D is lost in
/// rounding, as much as rounding may have taken is put back.
///
/// # Panics
/// If the matrix is not finite.
pub fn gram_cholesky(mut system: Array2<f64>) -> Cholesky {
    if let Some(factor) = cholesky(&system) {
        return factor;
    }
    let rounding = 8.0 * system.nrows() as f64 * f64::EPSILON * system.diag().iter().copied().fold(0.0, f64::max);
    system.diag_mut().mapv_inplace(|s| s + rounding);
    cholesky(&system).expect("a Gram matrix with its rounding errors put back is positive definite")
}

impl Cholesky {
    /// Number of rows of A.
    pub fn dimension(&self) -> usize {
        self.factor.nrows()
    }

    /// The factor L, zero above its diagonal.
    pub fn factor(&self) -> Array2<f64> {
        copied(self.factor.as_ref())
    }

    /// `A⁻¹ b`.
    pub fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        column(self.solve_block(b.insert_axis(Axis(1))))
    }

    /// `A⁻¹ B`.
    pub fn solve_block(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        self.half_solve_transposed_block(self.half_solve_block(b).view())
    }

    /// `L⁻¹ b`.
    pub fn half_solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        column(self.half_solve_block(b.insert_axis(Axis(1))))
    }

    /// `L⁻¹ B`.
    pub fn half_solve_block(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        self.assert_rows(b.nrows());
        let mut x = b.to_owned();
        solve_lower_triangular_in_place(self.factor.as_ref(), faer_view_mut(&mut x.view_mut()), Par::Seq);
        x
    }

    /// `L⁻ᵀ b`.
    pub fn half_solve_transposed(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        column(self.half_solve_transposed_block(b.insert_axis(Axis(1))))
    }

    /// `L⁻ᵀ B`.
    pub fn half_solve_transposed_block(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        self.assert_rows(b.nrows());
        let mut x = b.to_owned();
        solve_upper_triangular_in_place(self.factor.transpose(), faer_view_mut(&mut x.view_mut()), Par::Seq);
        x
    }

    /// `L x`: standard normal numbers become a draw of `N(0, A)`.
    pub fn half_apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.assert_rows(x.len());
        (0..x.len()).map(|i| (0..=i).map(|j| self.factor[(i, j)] * x[j]).sum()).collect()
    }

    /// `ln det A = 2 Σ ln L_ii`.
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.dimension()).map(|i| self.factor[(i, i)].ln()).sum::<f64>()
    }

    fn assert_rows(&self, rows: usize) {
        assert_eq!(rows, self.dimension(), "rows of a right-hand side against the dimension of the factor");
    }
}

fn column(block: Array2<f64>) -> Array1<f64> {
    block.remove_axis(Axis(1))
}

/// Eigenvalues in descending order and the eigenvectors, one a column, of a symmetric matrix whose lower triangle is
/// read: `A = Q diag(λ) Qᵀ`. `None` where the iteration does not converge, as for a matrix that is not finite.
pub fn symmetric_eigen(a: &Array2<f64>) -> Option<(Array1<f64>, Array2<f64>)> {
    assert_eq!(a.nrows(), a.ncols(), "an eigenvalue decomposition takes a square matrix");
    let n = a.nrows();
    if a.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let eigen = SelfAdjointEigen::new(faer_view(&a.view()), Side::Lower).ok()?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    // faer's order is ascending.
    let descending = Array1::from_shape_fn(n, |i| values[n - 1 - i]);
    Some((descending, Array2::from_shape_fn((n, n), |(i, j)| vectors[(i, n - 1 - j)])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    fn random(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
        let values = Stream::new(seed, Purpose::Check, 0, 0).normals(rows * cols);
        Array2::from_shape_vec((rows, cols), values).expect("as many numbers as the shape has")
    }

    fn largest_difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Bound of the error of an inner product of n standard normal numbers, with room for growth in a factorization.
    fn bound(n: usize) -> f64 {
        8.0 * n as f64 * f64::EPSILON * (n as f64).sqrt() * 4.0
    }

    #[test]
    fn a_gram_matrix_of_repeated_rows_is_factored_whatever_rounding_takes() {
        let mut stream = Stream::new(4, Purpose::Check, 0, 0);
        for scale in [1.0, 1e8, 1e12] {
            let row: Array1<f64> = (0..30).map(|_| scale * stream.between(-1.0, 1.0)).collect();
            let a = Array2::from_shape_fn((12, 30), |(i, j)| row[j] * (1.0 + (i / 6) as f64));
            let mut system = multiply(a.view(), a.t());
            system.diag_mut().mapv_inplace(|x| x + 1.0);
            let solution = gram_cholesky(system.clone()).solve(a.column(3));
            let missed = &system.dot(&solution) - &a.column(3);
            assert!(missed.iter().all(|x| x.abs() < 1e-3 * scale), "{missed}");
        }
    }

    #[test]
    fn products_agree_with_the_definition_for_any_layout() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (257, 31, 65), (600, 1, 7), (5, 700, 3)] {
            let (a, b) = (random(m, k, 1), random(k, n, 2));
            let expected = Array2::from_shape_fn((m, n), |(i, j)| a.row(i).dot(&b.column(j)));
            assert!(largest_difference(&multiply(a.view(), b.view()), &expected) <= bound(k));
            let transposed = multiply(b.t(), a.t());
            assert!(largest_difference(&transposed.t().to_owned(), &expected) <= bound(k));
            let mut twice = expected.clone();
            multiply_into(twice.view_mut(), a.view(), b.view(), true);
            assert!(largest_difference(&twice, &(2.0 * &expected)) <= 2.0 * bound(k));
        }
    }

    #[test]
    fn gram_is_the_product_of_the_rows() {
        for (rows, length) in [(1, 1), (7, 511), (13, 513), (40, 20_000)] {
            let a = random(rows, length, 3);
            let found = gram(rows, length, |range, mut tile| tile.assign(&a.slice(ndarray::s![.., range])));
            let expected = a.dot(&a.t());
            assert!(largest_difference(&found, &expected) <= bound(length), "{rows} rows of {length}");
        }
    }

    #[test]
    fn cholesky_solves_and_knows_its_determinant() {
        let a = ndarray::array![[4.0, 2.0, 0.0], [2.0, 5.0, 2.0], [0.0, 2.0, 5.0]];
        let factored = cholesky(&a).expect("positive definite");
        let known = ndarray::array![[2.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, 1.0, 2.0]];
        assert!(largest_difference(&factored.factor(), &known) <= bound(3), "the factor known by hand");
        assert!((factored.log_determinant() - 64f64.ln()).abs() <= bound(3));

        let n = 53;
        let b = random(n, n + 5, 4);
        let a = b.dot(&b.t()) / n as f64 + Array2::<f64>::eye(n);
        let factored = cholesky(&a).expect("positive definite");
        let x = random(n, 3, 5);
        assert!(largest_difference(&factored.solve_block(a.dot(&x).view()), &x) <= 10.0 * bound(n));
        let y = x.column(0);
        assert!((factored.solve(a.dot(&y).view()) - y).iter().all(|e| e.abs() <= 10.0 * bound(n)));
        let halves = factored.half_solve(y).dot(&factored.half_solve(x.column(1)));
        assert!((halves - y.dot(&factored.solve(x.column(1)))).abs() <= 10.0 * bound(n), "L⁻ᵀ L⁻¹ = A⁻¹");
        assert!((factored.half_solve(factored.half_apply(y).view()) - y).iter().all(|e| e.abs() <= 10.0 * bound(n)));
        let adjoint = factored.half_solve(y).dot(&x.column(1)) - y.dot(&factored.half_solve_transposed(x.column(1)));
        assert!(adjoint.abs() <= 10.0 * bound(n), "L⁻ᵀ is the transpose of L⁻¹");
    }

    #[test]
    fn a_triangle_keeps_all_that_least_squares_needs() {
        for (m, k) in [(2, 1), (31, 30), (157, 23)] {
            let (a, b, x) = (random(m, k, 7), random(m, 1, 8), random(k, 1, 9));
            let (b, x) = (b.column(0), x.column(0));
            let (r, c) = triangularize(a.view(), b);
            assert!(largest_difference(&r.t().dot(&r), &a.t().dot(&a)) <= 10.0 * bound(m));
            let (full, small) = (a.dot(&x) - b, r.dot(&x) - &c);
            let expected = full.dot(&full);
            let found = small.dot(&small) + b.dot(&b) - c.dot(&c);
            assert!((found - expected).abs() <= 10.0 * bound(m) * expected, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(cholesky(&ndarray::array![[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(cholesky(&ndarray::array![[f64::NAN, 0.0], [0.0, 1.0]]).is_none());
        assert!(symmetric_eigen(&ndarray::array![[f64::NAN, 0.0], [0.0, 1.0]]).is_none());
    }

    #[test]
    fn eigenvalues_descend_and_rebuild_the_matrix() {
        let n = 61;
        let b = random(n, n, 6);
        let a = (&b + &b.t()) / 2.0;
        let (values, vectors) = symmetric_eigen(&a).expect("converges");
        assert!(values.windows(2).into_iter().all(|w| w[0] >= w[1]));
        let rebuilt = (&vectors * &values).dot(&vectors.t());
        assert!(largest_difference(&rebuilt, &a) <= 10.0 * bound(n));
        assert!(largest_difference(&vectors.t().dot(&vectors), &Array2::eye(n)) <= 10.0 * bound(n));
    }
}
