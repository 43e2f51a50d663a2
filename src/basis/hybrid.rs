//! The bases of several scenarios side by side.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2, concatenate, s};
use rayon::prelude::*;

use super::{Basis, StoredBasis};
use crate::linalg::dense;
use crate::operator::LinearOperator;

/// `Φ = [Φ_1 … Φ_P]`: one orthonormal block a scenario, all about the same ū, with the columns of each remembered.
///
/// The blocks are not orthogonal to each other, so that `Φᵀ Φ ≠ I`; it is kept, since it says what the distance of
/// parameterized fields is in coefficients, `‖Φ v‖² = vᵀ (ΦᵀΦ) v`. [`Basis::nearest`] finds the coefficients of the
/// nearest field by it; where the blocks depend on each other there are many, and it returns one that is near the
/// smallest.
#[derive(Debug, Clone)]
pub struct HybridBasis {
    shared: Arc<Shared>,
    rank: usize,
}

#[derive(Debug)]
struct Shared {
    blocks: Vec<StoredBasis>,
    groups: Vec<Range<usize>>,
    deviations: Array1<f64>,
    gram: Array2<f64>,
}

/// Ridge on `ΦᵀΦ` in [`Basis::nearest`], well above the rounding of blocks kept in f32: it moves the nearest field by
/// a millionth of the distance.
const RIDGE: f64 = 1e-6;

impl HybridBasis {
    /// The blocks of P scenarios, at least one; their means are equal.
    pub fn new(blocks: Vec<StoredBasis>) -> Self {
        let first = blocks.first().expect("a hybrid basis has a block");
        assert!(blocks.iter().all(|b| b.mean() == first.mean()), "blocks about one mean");
        let mut end = 0;
        let groups: Vec<_> = blocks
            .iter()
            .map(|block| {
                end += block.rank();
                end - block.rank()..end
            })
            .collect();
        let deviations: Vec<_> = blocks.iter().map(|b| b.standard_deviations().expect("a stored basis")).collect();
        let deviations = concatenate(Axis(0), &deviations).expect("vectors");
        let gram = dense::gram(end, first.rows(), |cells, mut tile| {
            for (block, group) in blocks.iter().zip(&groups) {
                tile.slice_mut(s![group.clone(), ..]).assign(&block.tile(cells.clone()));
            }
        });
        Self { shared: Arc::new(Shared { blocks, groups, deviations, gram }), rank: end }
    }

    /// Number of columns k.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Columns of each scenario among those in use.
    pub fn groups(&self) -> Vec<Range<usize>> {
        self.shared.groups.iter().map(|g| g.start.min(self.rank)..g.end.min(self.rank)).collect()
    }

    /// The basis of scenario `p` alone.
    pub fn block(&self, p: usize) -> &StoredBasis {
        &self.shared.blocks[p]
    }

    /// `ΦᵀΦ`, k × k.
    pub fn gram(&self) -> ArrayView2<'_, f64> {
        self.shared.gram.slice(s![..self.rank, ..self.rank])
    }

    /// `‖Φ_p v_p‖²` of each scenario: v_p itself, since a block is orthonormal.
    pub fn energies(&self, v: ArrayView1<'_, f64>) -> Vec<f64> {
        self.groups().into_iter().map(|group| v.slice(s![group]).mapv(|x| x * x).sum()).collect()
    }

    /// Blocks in use, with their columns.
    fn parts(&self) -> impl Iterator<Item = (StoredBasis, Range<usize>)> + '_ {
        let used = self.groups().into_iter().filter(|group| !group.is_empty());
        self.shared.blocks.iter().zip(used).map(|(block, group)| (block.at_rank(group.len()), group))
    }
}

impl LinearOperator for HybridBasis {
    fn rows(&self) -> usize {
        self.shared.blocks[0].rows()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.rank, "number of coefficients against the rank of the basis");
        let mut out = Array1::zeros(self.rows());
        for (block, group) in self.parts() {
            let part = x.slice(s![group]);
            if part.iter().any(|&v| v != 0.0) {
                out += &block.apply(part);
            }
        }
        out
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut out = Array1::zeros(self.rank);
        for (block, group) in self.parts() {
            out.slice_mut(s![group]).assign(&block.adjoint(y));
        }
        out
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.rank, "number of coefficients against the rank of the basis");
        let mut out = Array2::zeros((self.rows(), x.ncols()));
        for (block, group) in self.parts() {
            out += &block.apply_block(x.slice(s![group, ..]));
        }
        out
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        let parts: Vec<_> = self.parts().collect();
        let products: Vec<_> = parts.into_par_iter().map(|(block, group)| (group, block.adjoint_block(y))).collect();
        let mut out = Array2::zeros((self.rank, y.ncols()));
        for (group, product) in products {
            out.slice_mut(s![group, ..]).assign(&product);
        }
        out
    }
}

impl Basis for HybridBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.shared.blocks[0].mean()
    }
    fn orthonormal(&self) -> bool {
        self.shared.blocks.len() == 1
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.shared.deviations.slice(s![..self.rank]))
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        assert!(range.end <= self.rank, "columns {range:?} of a basis of rank {}", self.rank);
        let mut images = Array2::zeros((range.len(), self.rows()));
        for (block, group) in self.shared.blocks.iter().zip(&self.shared.groups) {
            let (start, end) = (range.start.max(group.start), range.end.min(group.end));
            for column in start..end {
                images.row_mut(column - range.start).assign(&block.image(column - group.start));
            }
        }
        images.reversed_axes().into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        assert!((1..=self.rank).contains(&rank), "rank {rank} must be between 1 and {}", self.rank);
        Box::new(Self { shared: Arc::clone(&self.shared), rank })
    }
    fn gram(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.gram())
    }
    fn nearest(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let right = self.project(u);
        if self.orthonormal() {
            return right;
        }
        let mut gram = self.gram().to_owned();
        gram.diag_mut().mapv_inplace(|g| g + RIDGE);
        dense::cholesky(&gram).expect("ΦᵀΦ + ridge is positive definite").solve(right.view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::pca::Truncation;
    use crate::basis::{Origin, Precision, Realizations};
    use crate::check::dot_test;
    use crate::grid::{Ensemble, Grid};
    use crate::random::{Purpose, Stream};

    /// Stripes along x or along y, of random phase, with random cells.
    fn stripes(axis: usize, facies_values: Vec<f64>) -> Ensemble {
        let grid = Grid::unit([23, 19, 1]);
        let mut facies = Array2::zeros((30, grid.len()));
        for (l, mut row) in facies.rows_mut().into_iter().enumerate() {
            let mut stream = Stream::new(3, Purpose::Check, l as u64, axis as u32);
            let (phase, wavelength) = (stream.between(0.0, 6.0), stream.between(8.0, 20.0));
            for (c, code) in row.iter_mut().enumerate() {
                let wave = (6.0 * grid.cell(c)[axis] as f64 / wavelength + phase).sin();
                *code = u8::from(wave + stream.between(-0.3, 0.3) > 0.2);
            }
        }
        Ensemble { grid, facies: Some(facies), values: None, facies_values }
    }

    fn hybrid(facies_values: [f64; 2], energy: f64) -> HybridBasis {
        let blocks = [0, 1].map(|axis| {
            let ensemble = stripes(axis, facies_values.to_vec());
            let realizations = Realizations::new(&ensemble, Origin::Value(facies_values[0])).expect("fine");
            realizations.components(Truncation::Energy(energy), Precision::Single).expect("fine").basis
        });
        HybridBasis::new(blocks.to_vec())
    }

    #[test]
    fn columns_groups_and_inner_products_are_those_of_the_blocks() {
        let basis = hybrid([2.0, 5.0], 0.8);
        let groups = basis.groups();
        assert_eq!((groups[0].start, groups[0].end, groups[1].end), (0, groups[1].start, basis.rank()));
        assert_eq!(groups[1].len(), basis.block(1).rank());
        assert!(dot_test(&basis, 3) <= 1e3 * f64::EPSILON && !basis.orthonormal());
        let phi = basis.columns(0..basis.rank()).to_owned();
        assert_eq!(phi.column(groups[1].start), basis.block(1).image(0));
        let tolerance = 8.0 * phi.nrows() as f64 * f64::EPSILON;
        assert!((phi.t().dot(&phi) - basis.gram()).iter().all(|e| e.abs() <= tolerance));
        assert!(basis.gram().slice(s![groups[0].clone(), groups[1].clone()]).iter().any(|g| g.abs() > 0.1));
        let v = Array1::from(Stream::new(1, Purpose::Check, 0, 0).normals(basis.rank()));
        assert!((phi.dot(&v) - basis.apply(v.view())).iter().all(|e| e.abs() <= 1e-12));
        let block = v.clone().insert_axis(Axis(1));
        assert_eq!(basis.apply_block(block.view()).column(0).len(), phi.nrows());
        let some = basis.truncated(groups[0].len() + 1);
        assert_eq!(some.cols(), groups[0].len() + 1);
        let first = some.apply(v.slice(s![..some.cols()]));
        assert!(
            (phi.slice(s![.., ..some.cols()]).dot(&v.slice(s![..some.cols()])) - first).iter().all(|e| e.abs() < 1e-12)
        );
    }

    #[test]
    fn the_nearest_field_leaves_nothing_that_the_basis_carries() {
        let basis = hybrid([0.0, 1.0], 0.9);
        let field = stripes(1, vec![0.0, 1.0]).property(7);
        let v = basis.nearest(field.view());
        let missed = &field - &basis.expand(v.view());
        // Orthogonal to every column, but for the ridge.
        let bound = RIDGE * v.dot(&v).sqrt() + 1e-9;
        assert!(basis.adjoint(missed.view()).iter().all(|e| e.abs() <= bound));
        let alone = basis.block(1).project(field.view());
        let by_one = &field - &basis.block(1).expand(alone.view());
        assert!(missed.dot(&missed) <= by_one.dot(&by_one) * (1.0 + 1e-9), "two blocks are no worse than one");
    }

    #[test]
    fn ranks_do_not_depend_on_units_and_offsets() {
        let ranks = |values| hybrid(values, 0.8).groups();
        let plain = ranks([0.0, 1.0]);
        for values in [[-1.7047, -0.4037], [5e-4, 1e-3], [1e3, -7.0]] {
            assert_eq!(plain, ranks(values), "{values:?}");
        }
    }
}
