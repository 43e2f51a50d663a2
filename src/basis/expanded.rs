//! A basis some of whose columns stand there several times: one copy for each group that they are in.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2, s};

use super::Basis;
use crate::operator::LinearOperator;

/// `Φ̄ = Φ E`, the expanded dictionary of groups that overlap: column j of Φ̄ is column `members[j]` of Φ (E: k × k̄ of
/// zeros and ones, never formed), so that copies are summed back by `v = E v̄`.
///
/// A column of Φ in no group is not there. c copies of a coefficient of standard deviation σ have σ/√c each, so that
/// their sum has σ.
#[derive(Clone)]
pub struct ExpandedBasis {
    basis: Arc<dyn Basis>,
    members: Vec<usize>,
    deviations: Option<Array1<f64>>,
}

impl ExpandedBasis {
    /// Columns `members` of `basis`, one after the other; at least one.
    pub fn new(basis: Arc<dyn Basis>, members: &[usize]) -> Self {
        let k = basis.cols();
        assert!(!members.is_empty(), "an expanded basis needs a column");
        if let Some(member) = members.iter().find(|&&member| member >= k) {
            panic!("column {member} of a basis of {k}");
        }
        let copies = copies(members, k);
        let deviations = basis
            .standard_deviations()
            .map(|sigma| members.iter().map(|&i| sigma[i] / (copies[i] as f64).sqrt()).collect());
        Self { basis, members: members.to_vec(), deviations }
    }

    /// The columns of the basis that those of this one are copies of.
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// `E v̄`: the coefficients of the basis itself, copies summed.
    pub fn sum(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(v.len(), self.members.len(), "number of coefficients against the columns of the expanded basis");
        let mut sum = Array1::zeros(self.basis.cols());
        self.members.iter().zip(v).for_each(|(&i, v)| sum[i] += v);
        sum
    }
}

/// How often each of k columns is among `members`.
fn copies(members: &[usize], k: usize) -> Vec<usize> {
    let mut copies = vec![0; k];
    members.iter().for_each(|&i| copies[i] += 1);
    copies
}

impl LinearOperator for ExpandedBasis {
    fn rows(&self) -> usize {
        self.basis.rows()
    }
    fn cols(&self) -> usize {
        self.members.len()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.basis.apply(self.sum(x).view())
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let products = self.basis.adjoint(y);
        self.members.iter().map(|&i| products[i]).collect()
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.members.len(), "number of coefficients against the columns of the expanded basis");
        let mut sums = Array2::zeros((self.basis.cols(), x.ncols()));
        for (&i, row) in self.members.iter().zip(x.rows()) {
            let mut sum = sums.row_mut(i);
            sum += &row;
        }
        self.basis.apply_block(sums.view())
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        self.basis.adjoint_block(y).select(Axis(0), &self.members)
    }
}

impl Basis for ExpandedBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.basis.mean()
    }
    fn orthonormal(&self) -> bool {
        let distinct = copies(&self.members, self.basis.cols()).iter().all(|&count| count <= 1);
        distinct && self.basis.orthonormal()
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        self.deviations.as_ref().map(|sigma| sigma.view())
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        let mut images = Array2::zeros((range.len(), self.rows()));
        for (mut image, &i) in images.rows_mut().into_iter().zip(&self.members[range]) {
            image.assign(&self.basis.columns(i..i + 1).column(0));
        }
        images.reversed_axes().into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        assert!((1..=self.cols()).contains(&rank), "rank {rank} must be between 1 and {}", self.cols());
        let deviations = self.deviations.as_ref().map(|sigma| sigma.slice(s![..rank]).to_owned());
        Box::new(Self { basis: Arc::clone(&self.basis), members: self.members[..rank].to_vec(), deviations })
    }
    /// Of the many, those where copies are equal.
    fn nearest(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let copies = copies(&self.members, self.basis.cols());
        assert!(
            self.basis.orthogonal() || copies.iter().all(|&count| count > 0),
            "without some of its columns, a basis that is not orthogonal does not know the nearest field"
        );
        let v = self.basis.nearest(u);
        self.members.iter().map(|&i| v[i] / copies[i] as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::basis::dct::Frequencies;
    use crate::basis::{DctBasis, ZonationBasis};
    use crate::check::dot_test;
    use crate::grid::Grid;
    use crate::random::{Purpose, Stream};

    #[test]
    fn copies_are_columns_of_the_basis_and_are_summed_back() {
        let grid = Grid::unit([7, 5, 1]);
        let basis = DctBasis::new(&grid, Frequencies::First(6)).unwrap();
        let basis = basis.about_constant(-2.0).unwrap().with_deviations(array![4.0, 3.0, 2.0, 1.0, 1.0, 1.0]).unwrap();
        let members = [0, 1, 0, 2, 0, 3, 4, 0];
        let expanded = ExpandedBasis::new(Arc::new(basis.clone()), &members);
        assert_eq!((expanded.rows(), expanded.cols(), expanded.orthonormal()), (35, 8, false));
        assert_eq!(expanded.members(), members);
        assert!(dot_test(&expanded, 1) <= 1e-14);
        let phi = basis.columns(0..6).select(Axis(1), &members);
        assert_eq!(expanded.columns(0..8), phi);
        assert_eq!(expanded.columns(3..6).column(1), phi.column(4));
        let v = Array2::from_shape_vec((8, 2), Stream::new(1, Purpose::Check, 0, 0).normals(16)).unwrap();
        assert!((expanded.apply_block(v.view()) - phi.dot(&v)).iter().all(|e| e.abs() <= 1e-14));
        let y = expanded.apply(v.column(0));
        assert_eq!(y, basis.apply(expanded.sum(v.column(0)).view()));
        assert_eq!(expanded.sum(v.column(0))[5], 0.0, "in no group");
        let block = y.clone().insert_axis(Axis(1));
        assert_eq!(expanded.adjoint_block(block.view()).column(0), expanded.adjoint(y.view()));
        assert_eq!(expanded.standard_deviations().unwrap().to_vec(), [2.0, 3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 2.0]);
        let some = expanded.truncated(3);
        assert_eq!((some.cols(), some.standard_deviations().unwrap().to_vec()), (3, vec![2.0, 3.0, 2.0]));
        assert_eq!(some.columns(0..3), phi.slice(s![.., ..3]));
    }

    #[test]
    fn the_nearest_field_is_that_of_the_columns_in_use() {
        let basis = DctBasis::new(&Grid::unit([7, 5, 1]), Frequencies::First(6)).unwrap().about_constant(3.0).unwrap();
        let expanded = ExpandedBasis::new(Arc::new(basis.clone()), &[0, 1, 0, 2, 3, 4]);
        let u = Array1::from(Stream::new(2, Purpose::Check, 0, 0).normals(35));
        let v = expanded.nearest(u.view());
        assert_eq!(v[0], v[2]);
        let expected = basis.at_rank(5).expand(basis.at_rank(5).nearest(u.view()).view());
        assert!((expanded.expand(v.view()) - expected).iter().all(|e| e.abs() <= 1e-14));
    }

    #[test]
    fn zones_that_are_left_out_change_nothing_in_the_others() {
        let zones = ZonationBasis::new(&Grid::unit([4, 2, 1]), &[0, 0, 1, 2, 0, 0, 1, 2]).unwrap();
        let u = Array1::from(Stream::new(3, Purpose::Check, 0, 0).normals(8));
        let mean = |cells: &[usize]| cells.iter().map(|&c| u[c]).sum::<f64>() / cells.len() as f64;
        let v = ExpandedBasis::new(Arc::new(zones), &[2, 0, 2]).nearest(u.view());
        let expected = [0.5 * mean(&[3, 7]), mean(&[0, 1, 4, 5]), 0.5 * mean(&[3, 7])];
        assert!(v.iter().zip(expected).all(|(v, mean)| (v - mean).abs() <= 1e-14), "{v}");
    }

    #[test]
    fn a_selection_without_copies_stays_orthonormal() {
        let basis = Arc::new(DctBasis::new(&Grid::unit([7, 5, 1]), Frequencies::First(6)).unwrap());
        assert!(ExpandedBasis::new(basis, &[4, 0, 2]).orthonormal());
    }
}
