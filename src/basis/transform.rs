//! Bases that are fast transforms: Φ is never stored.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2, s};
use rayon::prelude::*;

use super::Basis;
use crate::error::{Error, Result};
use crate::operator::LinearOperator;

/// The columns of Φ, mutually orthogonal, known by their products alone. The first columns are the coarsest.
pub trait Transform: Debug + Send + Sync + 'static {
    /// Number of cells n.
    fn cells(&self) -> usize;
    /// Number of columns k.
    fn columns(&self) -> usize;
    /// `Φ_r v`, n values, with r = v.len() leading columns.
    fn synthesize(&self, v: &[f64]) -> Vec<f64>;
    /// `Φ_rᵀ u`, r values, for `r = rank` leading columns.
    fn analyze(&self, u: &[f64], rank: usize) -> Vec<f64>;
    /// `‖φ_j‖²` of every column, where they are not all 1.
    fn squares(&self) -> Option<&[f64]> {
        None
    }
}

/// `u = ū + Φ v` with a [`Transform`] Φ: ū is zero and v has no prior until they are given.
#[derive(Debug)]
pub struct TransformBasis<T> {
    transform: Arc<T>,
    rank: usize,
    mean: Array1<f64>,
    deviations: Option<Array1<f64>>,
    /// `ΦᵀΦ`, where it is not the identity.
    gram: Option<Array2<f64>>,
}

impl<T> Clone for TransformBasis<T> {
    fn clone(&self) -> Self {
        let Self { transform, rank, mean, deviations, gram } = self;
        Self {
            transform: Arc::clone(transform),
            rank: *rank,
            mean: mean.clone(),
            deviations: deviations.clone(),
            gram: gram.clone(),
        }
    }
}

impl<T: Transform> From<T> for TransformBasis<T> {
    fn from(transform: T) -> Self {
        let gram = transform.squares().map(|squares| Array2::from_diag(&ArrayView1::from(squares)));
        let (rank, mean) = (transform.columns(), Array1::zeros(transform.cells()));
        Self { transform: Arc::new(transform), rank, mean, deviations: None, gram }
    }
}

impl<T: Transform> TransformBasis<T> {
    /// The same basis about ū (n values, in the unit of the property).
    ///
    /// # Errors
    /// [`Error::Input`] where a value is not finite or their number is not the number of cells.
    pub fn about(self, mean: Array1<f64>) -> Result<Self> {
        let n = self.rows();
        let remedy = "give a finite mean for every cell";
        if mean.len() != n {
            return Err(Error::input("basis.mean", format!("{} values for {n} cells", mean.len()), remedy));
        }
        check_finite("basis.mean", mean.view(), remedy)?;
        Ok(Self { mean, ..self })
    }

    /// The same basis about one value in all cells.
    ///
    /// # Errors
    /// [`Error::Input`] where the value is not finite.
    pub fn about_constant(self, value: f64) -> Result<Self> {
        let n = self.rows();
        self.about(Array1::from_elem(n, value))
    }

    /// The same basis with prior standard deviations of its coefficients, k values in the unit of the coefficients.
    ///
    /// # Errors
    /// [`Error::Input`] where one is not finite and positive, or their number is not the number of columns.
    pub fn with_deviations(self, deviations: Array1<f64>) -> Result<Self> {
        let place = "standard deviations of the coefficients";
        let remedy = "give a finite positive one for every column";
        if deviations.len() != self.rank {
            let problem = format!("{} values for {} columns", deviations.len(), self.rank);
            return Err(Error::input(place, problem, remedy));
        }
        check_finite(place, deviations.view(), remedy)?;
        match deviations.iter().position(|&sigma| sigma <= 0.0) {
            Some(j) => Err(Error::input(place, format!("that of column {j} is {}", deviations[j]), remedy)),
            None => Ok(Self { deviations: Some(deviations), ..self }),
        }
    }

    /// The columns themselves.
    pub fn transform(&self) -> &T {
        &self.transform
    }

    /// The first `rank` columns.
    pub fn at_rank(&self, rank: usize) -> Self {
        assert!((1..=self.rank).contains(&rank), "rank {rank} must be between 1 and {}", self.rank);
        let gram = self.gram.as_ref().map(|gram| gram.slice(s![..rank, ..rank]).to_owned());
        let deviations = self.deviations.as_ref().map(|sigma| sigma.slice(s![..rank]).to_owned());
        Self { rank, gram, deviations, ..self.clone() }
    }
}

fn check_finite(place: &str, values: ArrayView1<'_, f64>, remedy: &str) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(Error::input(place, format!("value {i} is {}", values[i]), remedy)),
        None => Ok(()),
    }
}

/// `f` of every column of `x`, as the columns of a matrix of `rows` rows whose columns are contiguous.
fn each_column(rows: usize, x: ArrayView2<'_, f64>, f: impl Fn(ArrayView1<'_, f64>) -> Vec<f64> + Sync) -> Array2<f64> {
    let mut out = Array2::zeros((x.ncols(), rows));
    let pairs: Vec<_> = out.axis_iter_mut(Axis(0)).zip(x.axis_iter(Axis(1))).collect();
    pairs.into_par_iter().for_each(|(mut out, column)| out.assign(&ArrayView1::from(&f(column))));
    out.reversed_axes()
}

impl<T: Transform> LinearOperator for TransformBasis<T> {
    fn rows(&self) -> usize {
        self.transform.cells()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.rank, "number of coefficients against the rank of the basis");
        self.transform.synthesize(&contiguous(x)).into()
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(y.len(), self.rows(), "length of a field against the cells of a basis");
        self.transform.analyze(&contiguous(y), self.rank).into()
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.rank, "number of coefficients against the rank of the basis");
        each_column(self.rows(), x, |v| self.transform.synthesize(&contiguous(v)))
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(y.nrows(), self.rows(), "length of a field against the cells of a basis");
        each_column(self.rank, y, |u| self.transform.analyze(&contiguous(u), self.rank))
    }
}

fn contiguous(x: ArrayView1<'_, f64>) -> std::borrow::Cow<'_, [f64]> {
    match x.to_slice() {
        Some(slice) => slice.into(),
        None => x.to_vec().into(),
    }
}

impl<T: Transform> Basis for TransformBasis<T> {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }
    fn orthonormal(&self) -> bool {
        self.gram.is_none()
    }
    fn orthogonal(&self) -> bool {
        true
    }
    fn gram(&self) -> Option<ArrayView2<'_, f64>> {
        self.gram.as_ref().map(|gram| gram.view())
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        self.deviations.as_ref().map(|sigma| sigma.view())
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        assert!(range.end <= self.rank, "columns {range:?} of a basis of rank {}", self.rank);
        let mut unit = Array2::zeros((self.rank, range.len()));
        range.enumerate().for_each(|(at, column)| unit[[column, at]] = 1.0);
        self.apply_block(unit.view()).into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        Box::new(self.at_rank(rank))
    }
    fn nearest(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut v = self.project(u);
        if let Some(gram) = &self.gram {
            v /= &gram.diag();
        }
        v
    }
}

/// What every basis of this kind is held to.
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::check::dot_test;
    use crate::random::{Purpose, Stream};

    /// The field of `tests/golden/transforms.py`.
    pub(in crate::basis) fn golden_field(cells: usize) -> Array1<f64> {
        let value = |c: u64| ((37 * c * c + 11 * c) % 101) as f64 / 101.0 - 0.5;
        (0..cells as u64).map(value).collect()
    }

    /// `tests/golden/transforms.json`.
    pub(in crate::basis) fn golden() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/golden/transforms.json")).expect("golden numbers")
    }

    /// The numbers of a JSON array.
    pub(in crate::basis) fn numbers(value: &serde_json::Value) -> Vec<f64> {
        value.as_array().expect("an array").iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    /// Products in one piece, in blocks and at lower rank agree with the matrix, and its columns are orthogonal.
    pub(in crate::basis) fn hold<T: Transform>(basis: &TransformBasis<T>) {
        let (n, k) = (basis.rows(), basis.cols());
        assert!(dot_test(basis, 5) <= 1e-13, "{basis:?}");
        let phi = basis.columns(0..k).to_owned();
        let gram = phi.t().dot(&phi);
        let expected = basis.gram().map_or_else(|| Array2::eye(k), |gram| gram.to_owned());
        let worst = (&gram - &expected).iter().fold(0.0f64, |m, e| m.max(e.abs()));
        assert!(worst <= 1e-12, "ΦᵀΦ is off by {worst:e}");
        let mut stream = Stream::new(3, Purpose::Check, 0, 0);
        let v = Array2::from_shape_vec((k, 3), stream.normals(3 * k)).unwrap();
        let u = Array2::from_shape_vec((n, 3), stream.normals(3 * n)).unwrap();
        let near = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().all(|e| e.abs() <= 1e-12 * n as f64);
        assert!(near(&basis.apply_block(v.view()), &phi.dot(&v)));
        assert!(near(&basis.adjoint_block(u.view()), &phi.t().dot(&u)));
        assert_eq!(basis.apply_block(v.view()).column(1), basis.apply(v.column(1)));
        assert_eq!(basis.adjoint_block(u.view()).column(2), basis.adjoint(u.column(2)));
        let rank = k.div_ceil(3);
        let some = basis.truncated(rank);
        assert_eq!((some.rows(), some.cols(), some.columns(0..rank).ncols()), (n, rank, rank));
        let part: Array1<f64> = some.apply(v.slice(s![..rank, 0]));
        let expected = phi.slice(s![.., ..rank]).dot(&v.slice(s![..rank, 0]));
        assert!((&part - &expected).iter().all(|e: &f64| e.abs() <= 1e-12));
        let nearest = basis.nearest(u.column(0));
        let left = &u.column(0) - &basis.expand(nearest.view());
        assert!(basis.adjoint(left.view()).iter().all(|e| e.abs() <= 1e-11), "what is left is orthogonal to Φ");
    }

    #[derive(Debug)]
    struct Doubled;

    impl Transform for Doubled {
        fn cells(&self) -> usize {
            3
        }
        fn columns(&self) -> usize {
            2
        }
        fn synthesize(&self, v: &[f64]) -> Vec<f64> {
            let mut u = vec![0.0; 3];
            u.iter_mut().zip(v).for_each(|(u, v)| *u = 2.0 * v);
            u
        }
        fn analyze(&self, u: &[f64], rank: usize) -> Vec<f64> {
            u[..rank].iter().map(|u| 2.0 * u).collect()
        }
        fn squares(&self) -> Option<&[f64]> {
            Some(&[4.0, 4.0])
        }
    }

    #[test]
    fn a_mean_and_deviations_are_kept_and_checked() {
        let basis = || TransformBasis::from(Doubled);
        hold(&basis());
        let given = basis().about_constant(10.0).unwrap().with_deviations(Array1::from(vec![1.0, 0.5])).unwrap();
        assert_eq!(given.expand(Array1::from(vec![1.0, -1.0]).view()).to_vec(), [12.0, 8.0, 10.0]);
        assert_eq!(given.truncated(1).standard_deviations().unwrap().to_vec(), [1.0]);
        assert!(basis().standard_deviations().is_none() && !given.orthonormal());
        let message = |e: Error| e.to_string();
        assert!(message(basis().about(Array1::zeros(2)).unwrap_err()).contains("2 values for 3 cells"));
        assert!(message(basis().about_constant(f64::NAN).unwrap_err()).contains("value 0 is NaN"));
        for (sigma, problem) in
            [(vec![1.0], "1 values for 2"), (vec![1.0, 0.0], "column 1 is 0"), (vec![f64::INFINITY, 1.0], "inf")]
        {
            let text = message(basis().with_deviations(sigma.into()).unwrap_err());
            assert!(text.contains(problem), "{text}");
        }
    }
}
