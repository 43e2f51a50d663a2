//! Orthonormal bases whose columns are stored, each a contiguous image.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix1, Ix2, s};
use rayon::prelude::*;

use super::Basis;
use crate::linalg::dense;
use crate::operator::LinearOperator;

/// Cells that one task treats in products with Φ.
pub(super) const TILE: usize = 4096;

/// Most bytes that the images of a basis take in f64.
pub const DOUBLE_BYTES: usize = 1 << 31;

/// Φᵀ (k × n): one basis image a row.
#[derive(Debug, Clone)]
pub(super) enum Images {
    /// In f64.
    Double(Array2<f64>),
    /// In f32, where f64 would need more than [`DOUBLE_BYTES`]: each entry is off by at most 2⁻²⁴ of itself, so
    /// that Φᵀ Φ is the identity within 2⁻²³. Sums are f64 all the same.
    Single(Array2<f32>),
}

impl Images {
    /// k images of n zeros in the precision that [`DOUBLE_BYTES`] allows.
    pub(super) fn zeros(k: usize, n: usize) -> Self {
        if k * n * size_of::<f64>() <= DOUBLE_BYTES {
            Self::Double(Array2::zeros((k, n)))
        } else {
            Self::Single(Array2::zeros((k, n)))
        }
    }

    /// Number of images k.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Double(images) => images.nrows(),
            Self::Single(images) => images.nrows(),
        }
    }

    /// Number of cells n.
    pub(super) fn cells(&self) -> usize {
        match self {
            Self::Double(images) => images.ncols(),
            Self::Single(images) => images.ncols(),
        }
    }

    /// Image `j`, n values.
    fn image(&self, j: usize) -> CowArray<'_, f64, Ix1> {
        match self {
            Self::Double(images) => images.row(j).into(),
            Self::Single(images) => images.row(j).mapv(f64::from).into(),
        }
    }

    /// Images `range`, restricted to cells `cells`, as rows.
    pub(super) fn tile(&self, range: Range<usize>, cells: Range<usize>) -> CowArray<'_, f64, Ix2> {
        match self {
            Self::Double(images) => images.slice(s![range, cells]).into(),
            Self::Single(images) => images.slice(s![range, cells]).mapv(f64::from).into(),
        }
    }

    /// Rewrites every tile of [`TILE`] cells: `f(cells, tile)` gets the tile's images as rows of f64.
    pub(super) fn rewrite(&mut self, f: impl Fn(Range<usize>, &mut Array2<f64>) + Sync) {
        let cells = |t: usize, width: usize| t * TILE..t * TILE + width;
        match self {
            Self::Double(images) => {
                let tiles: Vec<_> = images.axis_chunks_iter_mut(Axis(1), TILE).enumerate().collect();
                tiles.into_par_iter().for_each(|(t, mut tile)| {
                    let mut work = tile.to_owned();
                    f(cells(t, tile.ncols()), &mut work);
                    tile.assign(&work);
                });
            }
            Self::Single(images) => {
                let tiles: Vec<_> = images.axis_chunks_iter_mut(Axis(1), TILE).enumerate().collect();
                tiles.into_par_iter().for_each(|(t, mut tile)| {
                    let mut work = tile.mapv(f64::from);
                    f(cells(t, tile.ncols()), &mut work);
                    tile.zip_mut_with(&work, |to, &from| *to = from as f32);
                });
            }
        }
    }

    /// Makes the entry of largest magnitude of every image positive (the first of equals), since eigenvectors have no
    /// sign of their own, and returns what each image was multiplied by.
    pub(super) fn fix_signs(&mut self) -> Array1<f64> {
        let sign = |j: usize| {
            let largest = self.image(j).iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
            if largest < 0.0 { -1.0 } else { 1.0 }
        };
        let signs = Array1::from((0..self.len()).into_par_iter().map(sign).collect::<Vec<f64>>());
        self.rewrite(|_, tile| *tile *= &signs.view().insert_axis(Axis(1)));
        signs
    }

    /// `Φ_rᵀ Φ_r`.
    pub(super) fn gram(&self, rank: usize) -> Array2<f64> {
        dense::gram(rank, self.cells(), |cells, mut tile| tile.assign(&self.tile(0..rank, cells)))
    }

    /// `Φ_r v` with r = v.len().
    fn apply(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut out = Array1::zeros(self.cells());
        out.as_slice_mut().expect("a new array is contiguous").par_chunks_mut(TILE).enumerate().for_each(|(t, out)| {
            let cells = t * TILE..t * TILE + out.len();
            match self {
                Self::Double(images) => add_images(out, images.slice(s![..v.len(), cells]), v, |x| x),
                Self::Single(images) => add_images(out, images.slice(s![..v.len(), cells]), v, f64::from),
            }
        });
        out
    }

    /// `Φ_rᵀ u`.
    fn adjoint(&self, rank: usize, u: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(u.len(), self.cells(), "length of a field against the cells of a basis");
        let product = |j: usize| match self {
            Self::Double(images) => images.row(j).dot(&u),
            Self::Single(images) => images.row(j).iter().zip(u).map(|(&a, b)| f64::from(a) * b).sum(),
        };
        Array1::from((0..rank).into_par_iter().with_min_len(8).map(product).collect::<Vec<f64>>())
    }

    /// `Φ_r V`.
    fn apply_block(&self, v: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.cells(), v.ncols()));
        let tiles: Vec<_> = out.axis_chunks_iter_mut(Axis(0), TILE).enumerate().collect();
        tiles.into_par_iter().for_each(|(t, out)| {
            let tile = self.tile(0..v.nrows(), t * TILE..t * TILE + out.nrows());
            dense::multiply_into(out, tile.t(), v, false);
        });
        out
    }

    /// `Φ_rᵀ U`.
    fn adjoint_block(&self, rank: usize, u: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(u.nrows(), self.cells(), "rows of a block of fields against the cells of a basis");
        let mut out = Array2::zeros((rank, u.ncols()));
        for (t, u) in u.axis_chunks_iter(Axis(0), TILE).enumerate() {
            let tile = self.tile(0..rank, t * TILE..t * TILE + u.nrows());
            dense::multiply_into(out.view_mut(), tile.view(), u, true);
        }
        out
    }
}

/// `out += Σ_j v_j image_j`.
fn add_images<T: Copy>(out: &mut [f64], images: ArrayView2<'_, T>, v: ArrayView1<'_, f64>, to_f64: impl Fn(T) -> f64) {
    for (image, &v) in images.rows().into_iter().zip(v) {
        out.iter_mut().zip(image).for_each(|(out, &x)| *out += v * to_f64(x));
    }
}

/// An orthonormal basis that is stored, or its first columns: copies share their images.
#[derive(Debug, Clone)]
pub struct StoredBasis {
    shared: Arc<Shared>,
    rank: usize,
}

#[derive(Debug)]
struct Shared {
    images: Images,
    mean: Array1<f64>,
    standard_deviations: Array1<f64>,
}

impl StoredBasis {
    pub(super) fn new(images: Images, mean: Array1<f64>, standard_deviations: Array1<f64>) -> Self {
        assert_eq!(mean.len(), images.cells(), "one mean a cell");
        assert_eq!(standard_deviations.len(), images.len(), "one standard deviation a column");
        let rank = images.len();
        Self { shared: Arc::new(Shared { images, mean, standard_deviations }), rank }
    }

    /// Number of columns k.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Column `j` of Φ as an image of n values.
    pub fn image(&self, j: usize) -> CowArray<'_, f64, Ix1> {
        assert!(j < self.rank, "column {j} of a basis of rank {}", self.rank);
        self.shared.images.image(j)
    }

    /// The same basis with its first `rank` columns only, 1 ≤ rank ≤ k.
    pub fn at_rank(&self, rank: usize) -> Self {
        assert!((1..=self.rank).contains(&rank), "rank {rank} must be between 1 and {}", self.rank);
        Self { shared: Arc::clone(&self.shared), rank }
    }

    /// How far the basis is from orthonormal: the largest magnitude in `Φᵀ Φ − I`.
    pub fn orthonormality_error(&self) -> f64 {
        let product = self.shared.images.gram(self.rank);
        product.indexed_iter().map(|((i, j), g)| (g - f64::from(u8::from(i == j))).abs()).fold(0.0, f64::max)
    }

    pub(super) fn tile(&self, cells: Range<usize>) -> CowArray<'_, f64, Ix2> {
        self.shared.images.tile(0..self.rank, cells)
    }
}

impl LinearOperator for StoredBasis {
    fn rows(&self) -> usize {
        self.shared.images.cells()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.rank, "number of coefficients against the rank of the basis");
        self.shared.images.apply(x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.shared.images.adjoint(self.rank, y)
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.rank, "number of coefficients against the rank of the basis");
        self.shared.images.apply_block(x)
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        self.shared.images.adjoint_block(self.rank, y)
    }
}

impl Basis for StoredBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.shared.mean.view()
    }
    fn orthonormal(&self) -> bool {
        true
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.shared.standard_deviations.slice(s![..self.rank]))
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        assert!(range.end <= self.rank, "columns {range:?} of a basis of rank {}", self.rank);
        self.shared.images.tile(range, 0..self.rows()).reversed_axes()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        Box::new(self.at_rank(rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::dot_test;
    use crate::random::{Purpose, Stream};

    /// Two orthonormal images over an awkward number of cells: (1, 1, …)/√n, and (1, −1, 0, …, 0)/√2.
    fn images() -> Array2<f64> {
        let n = TILE + 17;
        let mut images = Array2::zeros((2, n));
        images.row_mut(0).fill(1.0 / (n as f64).sqrt());
        (images[[1, 0]], images[[1, 1]]) = (0.5f64.sqrt(), -(0.5f64.sqrt()));
        images
    }

    fn basis(images: Images) -> StoredBasis {
        let n = images.cells();
        StoredBasis::new(images, Array1::from_elem(n, 3.0), Array1::from(vec![2.0, 1.0]))
    }

    #[test]
    fn both_precisions_are_one_basis_within_rounding() {
        let double = basis(Images::Double(images()));
        let single = basis(Images::Single(images().mapv(|x| x as f32)));
        let n = double.rows();
        assert!(double.orthonormality_error() <= n as f64 * f64::EPSILON);
        assert!(single.orthonormality_error() <= f64::from(f32::EPSILON), "Φᵀ Φ within 2⁻²³");
        let v = Array2::from_shape_vec((2, 3), Stream::new(1, Purpose::Check, 0, 0).normals(6)).expect("shape");
        let u = Array2::from_shape_vec((n, 3), Stream::new(2, Purpose::Check, 0, 0).normals(3 * n)).expect("shape");
        let half_unit = 0.5 * f64::from(f32::EPSILON);
        for (tolerance, basis) in [(8.0 * n as f64 * f64::EPSILON, &double), (half_unit, &single)] {
            let matrix = images();
            let (forward, backward) = (matrix.t().dot(&v), matrix.dot(&u));
            let (scale_forward, scale_backward) =
                (matrix.mapv(f64::abs).t().dot(&v.mapv(f64::abs)), matrix.mapv(f64::abs).dot(&u.mapv(f64::abs)));
            let within = |found: &Array2<f64>, expected: &Array2<f64>, scale: &Array2<f64>| {
                found.iter().zip(expected).zip(scale).all(|((a, b), s)| (a - b).abs() <= tolerance * s)
            };
            assert!(within(&basis.apply_block(v.view()), &forward, &scale_forward));
            assert!(within(&basis.adjoint_block(u.view()), &backward, &scale_backward));
            let apply = basis.apply(v.column(1)).insert_axis(Axis(1));
            assert!(within(
                &apply,
                &forward.slice(s![.., 1..2]).to_owned(),
                &scale_forward.slice(s![.., 1..2]).to_owned()
            ));
            let adjoint = basis.adjoint(u.column(1)).insert_axis(Axis(1));
            assert!(within(
                &adjoint,
                &backward.slice(s![.., 1..2]).to_owned(),
                &scale_backward.slice(s![.., 1..2]).to_owned()
            ));
            assert!(dot_test(basis, 5) <= 64.0 * (n as f64).sqrt() * f64::EPSILON);
        }
    }

    #[test]
    fn expand_and_project_know_the_mean_and_truncation_the_first_columns() {
        let basis = basis(Images::Double(images()));
        let v = Array1::from(vec![0.0, 2.0]);
        let u = basis.expand(v.view());
        assert!((u[0] - 3.0 - 2f64.sqrt()).abs() <= 8.0 * f64::EPSILON && u[5] == 3.0);
        let n = u.len() as f64;
        assert!((basis.project(u.view()) - &v).iter().all(|e| e.abs() <= 16.0 * n.sqrt() * f64::EPSILON));
        let first = basis.truncated(1);
        assert_eq!((first.rows(), first.cols()), (basis.rows(), 1));
        assert_eq!(first.standard_deviations().expect("known").to_vec(), vec![2.0]);
        assert_eq!(first.apply(v.slice(s![1..])), 2.0 * &basis.image(0));
        assert_eq!(basis.columns(1..2).column(0), basis.image(1));
    }

    #[test]
    fn signs_are_fixed_by_the_largest_entry() {
        let mut images = Images::Double(-images());
        assert_eq!(images.fix_signs().to_vec(), vec![-1.0, -1.0], "of equals, the first decides");
        assert!(images.image(0)[0] > 0.0 && images.image(1)[0] > 0.0 && images.image(1)[1] < 0.0);
        assert_eq!(images.fix_signs().to_vec(), vec![1.0, 1.0]);
    }
}
