//! Covariance matrices of observations, and the whitening `C^{-1/2}` that every misfit goes through.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::linalg::dense::{self, Cholesky};
use crate::operator::LinearOperator;

/// The covariance C (m × m) of the observation errors.
///
/// As a [`LinearOperator`] it is the *whitening* W, the square root of `C⁻¹` in the sense of `Wᵀ W = C⁻¹`: the misfit
/// `r = W (d − g(u))` of errors of covariance C has the identity as its covariance. W is
/// - `diag(1/σ)` for independent errors;
/// - `(I + K Kᵀ)^{-1/2} diag(1/σ)` for independent errors with static terms, see [`Covariance::with_statics`];
/// - `L⁻¹` of the Cholesky factor `C = L Lᵀ` for a matrix that is given.
#[derive(Debug, Clone)]
pub struct Covariance {
    sigma: Array1<f64>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Diagonal,
    Statics(Statics),
    Full(Cholesky),
}

/// `I + K Kᵀ` with K (m × q) of up to two entries a row, and the eigenvalues of `Kᵀ K = Q diag(λ) Qᵀ`.
#[derive(Debug, Clone)]
struct Statics {
    /// σ, without the static terms.
    sigma: Array1<f64>,
    /// Columns of K where datum i has its entries: its source and its receiver, if it has them.
    columns: Vec<[Option<usize>; 2]>,
    /// τ_s and τ_r.
    tau: [f64; 2],
    eigenvalues: Array1<f64>,
    eigenvectors: Array2<f64>,
}

impl Covariance {
    /// Independent errors, `C = diag(σ²)`; σ (m) in the unit of the data.
    pub fn diagonal(sigma: Array1<f64>) -> Result<Self> {
        check_sigma(&sigma)?;
        Ok(Self { sigma, kind: Kind::Diagonal })
    }

    /// Independent errors, and errors that data of one source or one receiver share (static terms):
    /// `C_ij = σ_i² δ_ij + τ_s² [source_i = source_j] + τ_r² [receiver_i = receiver_j]`.
    ///
    /// With `D = diag(σ²)` and a column of K for each source and each receiver, `K = D^{-1/2} [τ_s S, τ_r R]`,
    /// `C = D^{1/2} (I + K Kᵀ) D^{1/2}`. From `Kᵀ K = Q diag(λ) Qᵀ`, of the order of the number of sources and
    /// receivers, powers follow without an m × m matrix: `(I + K Kᵀ)^p = I + K Q diag(((1 + λ)^p − 1)/λ) Qᵀ Kᵀ`.
    /// A datum of no source or no receiver has no such term.
    pub fn with_statics(
        sigma: Array1<f64>,
        source: &[Option<usize>],
        receiver: &[Option<usize>],
        tau_source: f64,
        tau_receiver: f64,
    ) -> Result<Self> {
        check_sigma(&sigma)?;
        assert_eq!(source.len(), sigma.len(), "one source a datum");
        assert_eq!(receiver.len(), sigma.len(), "one receiver a datum");
        for (name, tau) in [("sources", tau_source), ("receivers", tau_receiver)] {
            if !(tau.is_finite() && tau >= 0.0) {
                return Err(Error::input(
                    "observation errors",
                    format!("the standard deviation of the static terms of {name} is {tau}"),
                    "give a finite number of at least 0, in the unit of the data",
                ));
            }
        }
        let statics = Statics::new(sigma, source, receiver, [tau_source, tau_receiver])?;
        let total = statics.sigma.iter().zip(&statics.columns);
        let total = total
            .map(|(s, columns)| {
                let shared = statics.entries(columns).map(|(_, tau)| tau * tau).sum::<f64>();
                (s * s + shared).sqrt()
            })
            .collect();
        Ok(Self { sigma: total, kind: Kind::Statics(statics) })
    }

    /// Errors of a given covariance matrix (m × m, symmetric and positive definite).
    pub fn full(matrix: &Array2<f64>) -> Result<Self> {
        let wrong = |problem: String| {
            Error::input("observation covariance", problem, "give a symmetric, positive definite matrix")
        };
        let (rows, cols) = matrix.dim();
        if rows != cols {
            return Err(wrong(format!("the matrix has {rows} rows and {cols} columns")));
        }
        for i in 0..rows {
            for j in 0..i {
                let (lower, upper) = (matrix[[i, j]], matrix[[j, i]]);
                let scale = (matrix[[i, i]] * matrix[[j, j]]).abs().sqrt();
                if (lower - upper).abs() > 1e-9 * scale {
                    return Err(wrong(format!("C[{i}, {j}] = {lower} differs from C[{j}, {i}] = {upper}")));
                }
            }
        }
        let factor = dense::cholesky(matrix).ok_or_else(|| wrong("the matrix is not positive definite".into()))?;
        Ok(Self { sigma: matrix.diag().mapv(f64::sqrt), kind: Kind::Full(factor) })
    }

    /// Number of data m.
    pub fn len(&self) -> usize {
        self.sigma.len()
    }

    /// Whether there are no data.
    pub fn is_empty(&self) -> bool {
        self.sigma.is_empty()
    }

    /// Standard deviation of each datum's error, `√C_ii`, static terms included.
    pub fn sigma(&self) -> ArrayView1<'_, f64> {
        self.sigma.view()
    }

    /// `W r`: C^{-1/2} of a residual.
    pub fn whiten(&self, residual: ArrayView1<'_, f64>) -> Array1<f64> {
        self.assert_length(residual.len());
        match &self.kind {
            Kind::Diagonal => &residual / &self.sigma,
            Kind::Statics(statics) => statics.power(-0.5, (&residual / &statics.sigma).view()),
            Kind::Full(factor) => factor.half_solve(residual),
        }
    }

    /// `W R`, one residual (or one column of a Jacobian) a column.
    pub fn whiten_block(&self, residuals: ArrayView2<'_, f64>) -> Array2<f64> {
        match &self.kind {
            Kind::Diagonal => self.divided(residuals),
            Kind::Statics(_) => self.columns(residuals, Self::whiten),
            Kind::Full(factor) => factor.half_solve_block(residuals),
        }
    }

    /// `Wᵀ r`: C^{-T/2} of a whitened residual.
    pub fn whiten_adjoint(&self, whitened: ArrayView1<'_, f64>) -> Array1<f64> {
        self.assert_length(whitened.len());
        match &self.kind {
            Kind::Diagonal => &whitened / &self.sigma,
            Kind::Statics(statics) => statics.power(-0.5, whitened) / &statics.sigma,
            Kind::Full(factor) => factor.half_solve_transposed(whitened),
        }
    }

    /// `W⁻¹ z`: standard normal numbers become a draw of the errors.
    pub fn color(&self, z: ArrayView1<'_, f64>) -> Array1<f64> {
        self.assert_length(z.len());
        match &self.kind {
            Kind::Diagonal => &z * &self.sigma,
            Kind::Statics(statics) => statics.power(0.5, z) * &statics.sigma,
            Kind::Full(factor) => factor.half_apply(z),
        }
    }

    /// C as a matrix, m × m.
    pub fn matrix(&self) -> Array2<f64> {
        let mut roots = Array2::eye(self.len());
        for mut column in roots.columns_mut() {
            let colored = self.color(column.view());
            column.assign(&colored);
        }
        dense::multiply(roots.view(), roots.t())
    }

    /// `½ ln det C = −ln det W`: what a likelihood adds to half the squared whitened misfit.
    pub fn log_det_half(&self) -> f64 {
        match &self.kind {
            Kind::Diagonal => self.sigma.iter().map(|s| s.ln()).sum(),
            Kind::Statics(statics) => {
                statics.sigma.iter().map(|s| s.ln()).sum::<f64>()
                    + 0.5 * statics.eigenvalues.iter().map(|l| l.ln_1p()).sum::<f64>()
            }
            Kind::Full(factor) => 0.5 * factor.log_determinant(),
        }
    }

    fn divided(&self, block: ArrayView2<'_, f64>) -> Array2<f64> {
        self.assert_length(block.nrows());
        &block / &self.sigma.view().insert_axis(Axis(1))
    }

    fn columns(
        &self,
        block: ArrayView2<'_, f64>,
        f: impl Fn(&Self, ArrayView1<'_, f64>) -> Array1<f64>,
    ) -> Array2<f64> {
        let mut out = Array2::zeros(block.dim());
        for (mut result, column) in out.columns_mut().into_iter().zip(block.columns()) {
            result.assign(&f(self, column));
        }
        out
    }

    fn assert_length(&self, length: usize) {
        assert_eq!(length, self.len(), "length of a residual against the number of data");
    }
}

impl Statics {
    fn new(sigma: Array1<f64>, source: &[Option<usize>], receiver: &[Option<usize>], tau: [f64; 2]) -> Result<Self> {
        let sources = numbered(source);
        let receivers = numbered(receiver);
        let q = sources.len() + receivers.len();
        let columns = source.iter().zip(receiver);
        let columns =
            columns.map(|(s, r)| [s.map(|s| sources[&s]), r.map(|r| sources.len() + receivers[&r])]).collect();
        let mut statics =
            Self { sigma, columns, tau, eigenvalues: Array1::zeros(0), eigenvectors: Array2::zeros((0, 0)) };
        let mut product = Array2::<f64>::zeros((q, q));
        for (columns, sigma) in statics.columns.iter().zip(&statics.sigma) {
            for (a, tau_a) in statics.entries(columns) {
                for (b, tau_b) in statics.entries(columns) {
                    product[[a, b]] += tau_a * tau_b / (sigma * sigma);
                }
            }
        }
        let (eigenvalues, eigenvectors) = dense::symmetric_eigen(&product).ok_or_else(|| {
            Error::input(
                "observation errors",
                format!("static terms of {} and {} against the smallest error overflow", tau[0], tau[1]),
                "give errors and static terms of comparable size",
            )
        })?;
        // Kᵀ K has no negative eigenvalue but for rounding.
        statics.eigenvalues = eigenvalues.mapv(|l| l.max(0.0));
        statics.eigenvectors = eigenvectors;
        Ok(statics)
    }

    /// Columns of a row of `D^{1/2} K` that are not zero, and what is in them.
    fn entries<'a>(&'a self, columns: &'a [Option<usize>; 2]) -> impl Iterator<Item = (usize, f64)> + 'a {
        columns.iter().zip(self.tau).filter_map(|(column, tau)| Some(((*column)?, tau)))
    }

    /// `(I + K Kᵀ)^p x`.
    fn power(&self, p: f64, x: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut sums = Array1::<f64>::zeros(self.eigenvalues.len());
        for ((columns, sigma), x) in self.columns.iter().zip(&self.sigma).zip(x) {
            for (a, tau) in self.entries(columns) {
                sums[a] += tau / sigma * x;
            }
        }
        let mut inner = self.eigenvectors.t().dot(&sums);
        // ((1 + λ)^p − 1)/λ without cancellation, and its limit p at λ = 0.
        inner.zip_mut_with(&self.eigenvalues, |c, &l| *c *= if l > 0.0 { (p * l.ln_1p()).exp_m1() / l } else { p });
        let inner = self.eigenvectors.dot(&inner);
        let mut out = x.to_owned();
        for ((columns, sigma), out) in self.columns.iter().zip(&self.sigma).zip(&mut out) {
            for (a, tau) in self.entries(columns) {
                *out += tau / sigma * inner[a];
            }
        }
        out
    }
}

/// Numbers 0, 1, 2, … for the different identifiers, in their order.
fn numbered(identifiers: &[Option<usize>]) -> BTreeMap<usize, usize> {
    let mut numbers: BTreeMap<usize, usize> = identifiers.iter().flatten().map(|&id| (id, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(i, number)| *number = i);
    numbers
}

fn check_sigma(sigma: &Array1<f64>) -> Result<()> {
    match sigma.iter().position(|s| !(s.is_finite() && *s > 0.0)) {
        None => Ok(()),
        Some(i) => Err(Error::input(
            format!("error of datum {i} (from 0)"),
            format!("the standard deviation is {}, expected a finite number above 0", sigma[i]),
            "give each datum its error in the unit of the data, or leave out data without one",
        )),
    }
}

/// The whitening W.
impl LinearOperator for Covariance {
    fn rows(&self) -> usize {
        self.len()
    }
    fn cols(&self) -> usize {
        self.len()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.whiten(x)
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.whiten_adjoint(y)
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        self.whiten_block(x)
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        match &self.kind {
            Kind::Diagonal => self.divided(y),
            Kind::Statics(_) => self.columns(y, Self::whiten_adjoint),
            Kind::Full(factor) => factor.half_solve_transposed_block(y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::dot_test;
    use crate::random::{Purpose, Stream};
    use ndarray::array;

    fn statics() -> (Covariance, Array2<f64>) {
        let m = 37;
        let mut stream = Stream::new(5, Purpose::Check, 0, 0);
        let sigma: Array1<f64> = (0..m).map(|_| stream.between(0.3, 2.0)).collect();
        // Every sixth datum has no source, every seventh no receiver.
        let mut numbers = |every: usize, count: u64, first: usize| -> Vec<Option<usize>> {
            let number = |i| Some(first + stream.below(count) as usize).filter(|_| i % every > 0);
            (0..m).map(number).collect()
        };
        let (source, receiver) = (numbers(6, 5, 100), numbers(7, 6, 0));
        let shared = |of: &[Option<usize>], i: usize, j: usize| f64::from(u8::from(of[i].is_some() && of[i] == of[j]));
        let (tau_s, tau_r) = (0.8, 1.7);
        let matrix = Array2::from_shape_fn((m, m), |(i, j)| {
            f64::from(u8::from(i == j)) * sigma[i] * sigma[i]
                + shared(&source, i, j) * tau_s * tau_s
                + shared(&receiver, i, j) * tau_r * tau_r
        });
        (Covariance::with_statics(sigma, &source, &receiver, tau_s, tau_r).expect("fine"), matrix)
    }

    #[test]
    fn known_by_hand() {
        let c = Covariance::diagonal(array![2.0, 0.5]).expect("positive");
        assert_eq!(c.whiten(array![4.0, 1.0].view()), array![2.0, 2.0]);
        assert!((c.log_det_half() - 0.0).abs() <= f64::EPSILON);
        // Two data of one source, unit errors, τ_s = √1.5: C = I + 1.5·[1 1; 1 1] has eigenvalues 4 and 1.
        let c = Covariance::with_statics(array![1.0, 1.0], &[Some(3); 2], &[Some(0), Some(1)], 1.5f64.sqrt(), 0.0)
            .expect("fine");
        let tolerance = 16.0 * f64::EPSILON;
        assert!((c.whiten(array![2.0, 2.0].view()) - array![1.0, 1.0]).iter().all(|e| e.abs() <= tolerance));
        assert!((c.whiten(array![1.0, -1.0].view()) - array![1.0, -1.0]).iter().all(|e| e.abs() <= tolerance));
        assert!((c.log_det_half() - 2f64.ln()).abs() <= tolerance);
        assert!((c.sigma()[0] - 2.5f64.sqrt()).abs() <= tolerance);
    }

    #[test]
    fn statics_are_the_dense_matrix() {
        let (c, matrix) = statics();
        let full = Covariance::full(&matrix).expect("positive definite");
        let m = c.len();
        let tolerance = 64.0 * m as f64 * f64::EPSILON;
        let whitening = c.whiten_block(Array2::eye(m).view());
        let identity = whitening.dot(&matrix).dot(&whitening.t()) - Array2::<f64>::eye(m);
        assert!(identity.iter().all(|e| e.abs() <= tolerance), "W C Wᵀ = I");
        assert!((c.log_det_half() - full.log_det_half()).abs() <= tolerance);
        let x = Array1::from(Stream::new(6, Purpose::Check, 0, 0).normals(m));
        let (a, b) = (c.whiten(x.view()), full.whiten(x.view()));
        assert!((a.dot(&a) - b.dot(&b)).abs() <= tolerance * b.dot(&b), "one misfit");
        for c in [&c, &full] {
            assert!((c.whiten(c.color(x.view()).view()) - &x).iter().all(|e| e.abs() <= tolerance));
            let scale = (&c.sigma() - &matrix.diag().mapv(f64::sqrt)).mapv(f64::abs).sum();
            assert!(scale <= tolerance);
        }
    }

    #[test]
    fn dot_tests() {
        let (c, matrix) = statics();
        for c in
            [Covariance::diagonal(c.sigma().to_owned()).expect("fine"), Covariance::full(&matrix).expect("fine"), c]
        {
            assert!(dot_test(&c, 3) <= 64.0 * c.len() as f64 * f64::EPSILON);
            let x = Array2::from_shape_vec((c.len(), 2), Stream::new(6, Purpose::Check, 0, 0).normals(2 * c.len()))
                .expect("shape");
            let difference = &c.apply_block(x.view()).column(1) - &c.apply(x.column(1));
            assert!(difference.iter().all(|e| e.abs() <= 64.0 * f64::EPSILON * c.len() as f64));
            let difference = &c.adjoint_block(x.view()).column(1) - &c.adjoint(x.column(1));
            assert!(difference.iter().all(|e| e.abs() <= 64.0 * f64::EPSILON * c.len() as f64));
        }
    }

    #[test]
    fn wrong_errors_are_told_with_their_place() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Covariance::diagonal(array![1.0, bad]).expect_err("not an error of a datum").to_string();
            assert!(error.contains("datum 1") && error.contains(&bad.to_string()), "{error}");
        }
        assert!(Covariance::with_statics(array![1.0], &[None], &[None], f64::NAN, 0.0).is_err());
        assert!(Covariance::full(&array![[1.0, 2.0], [2.0, 1.0]]).is_err());
        assert!(Covariance::full(&array![[1.0, 0.5], [0.2, 1.0]]).is_err());
        assert!(Covariance::full(&Array2::zeros((2, 3))).is_err());
    }
}
