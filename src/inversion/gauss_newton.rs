//! Gauss-Newton steps: every term of the objective is a sum of weighted squares of the coefficients.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, s};

use super::Problem;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::linalg::dense::{cholesky, gram_cholesky, multiply, symmetric_eigen};
use crate::operator::{LinearOperator, Linearized, finite};

/// The matrix of a [`Term`].
#[derive(Debug, Clone)]
pub enum Matrix {
    /// m × k.
    Dense(Array2<f64>),
    /// k × k, its diagonal.
    Diagonal(Array1<f64>),
    /// A tall matrix that is known by its Gram matrix alone. The target of its [`Term`] holds `Aᵀ b`, k values.
    Gram {
        /// `AᵀA`, k × k.
        product: Arc<Array2<f64>>,
        /// `‖b‖²`.
        target_squares: f64,
    },
}

impl Matrix {
    /// `‖A‖_F²`.
    pub(super) fn squares(&self) -> f64 {
        match self {
            Self::Dense(a) => a.iter().map(|x| x * x).sum::<f64>(),
            Self::Diagonal(a) => a.dot(a),
            Self::Gram { product, .. } => product.diag().sum(),
        }
    }
}

/// One term `weight · ‖A v − b‖²` of an objective over coefficients v.
#[derive(Debug, Clone)]
pub struct Term {
    /// A.
    pub matrix: Matrix,
    /// b.
    pub target: Array1<f64>,
    /// The weight: λ² of the objective's formula.
    pub weight: f64,
}

impl Term {
    /// `‖A v − b‖²`, without the weight.
    pub fn squares(&self, v: ArrayView1<'_, f64>) -> f64 {
        let residual = match &self.matrix {
            Matrix::Dense(a) => a.dot(&v),
            Matrix::Diagonal(a) => a * &v,
            Matrix::Gram { product, target_squares } => {
                return v.dot(&(product.dot(&v) - 2.0 * &self.target)) + target_squares;
            }
        } - &self.target;
        residual.dot(&residual)
    }
}

/// The coefficients that minimise a sum of terms, `(Σ w AᵀA) v = Σ w Aᵀb`.
///
/// Solved in the smaller space: with one dense term of m < k rows beside others whose sum `M = Σ w AᵀA` is positive
/// definite, the dual form `v = M⁻¹c + M⁻¹Aᵀ (A M⁻¹ Aᵀ + I/w)⁻¹ (b − A M⁻¹ c)` of m × m, else the normal equations of
/// k × k. Where the terms leave a direction undetermined the result is the minimiser of least norm.
pub fn solve(terms: &[Term]) -> Array1<f64> {
    let dense: Vec<_> = terms.iter().filter(|t| matches!(t.matrix, Matrix::Dense(_))).collect();
    let rest = Rest::new(terms);
    if let [term] = dense[..]
        && let Matrix::Dense(a) = &term.matrix
        && a.nrows() < a.ncols()
        && term.weight > 0.0
        && let Some(solution) = solve_dual(a, &term.target, term.weight, &rest)
    {
        return solution;
    }
    solve_primal(&dense, rest)
}

/// The sum of all terms that are not dense, `M = Σ w AᵀA` and `c = Σ w Aᵀb`.
pub(super) struct Rest {
    diagonal: Array1<f64>,
    full: Option<Array2<f64>>,
    rhs: Array1<f64>,
}

impl Rest {
    pub(super) fn new(terms: &[Term]) -> Self {
        let k = match &terms.first().expect("an objective has a term").matrix {
            Matrix::Dense(a) => a.ncols(),
            Matrix::Diagonal(a) => a.len(),
            Matrix::Gram { product, .. } => product.nrows(),
        };
        let mut rest = Self { diagonal: Array1::zeros(k), full: None, rhs: Array1::zeros(k) };
        for term in terms {
            match &term.matrix {
                Matrix::Dense(_) => {}
                Matrix::Diagonal(a) => {
                    rest.diagonal += &(term.weight * &(a * a));
                    rest.rhs += &(term.weight * &(a * &term.target));
                }
                Matrix::Gram { product, .. } => {
                    rest.full.get_or_insert_with(|| Array2::zeros((k, k))).scaled_add(term.weight, product);
                    rest.rhs.scaled_add(term.weight, &term.target);
                }
            }
        }
        rest
    }

    /// M as a full matrix, and c.
    fn assembled(self) -> (Array2<f64>, Array1<f64>) {
        let matrix = match self.full {
            None => Array2::from_diag(&self.diagonal),
            Some(mut full) => {
                full.diag_mut().zip_mut_with(&self.diagonal, |a, b| *a += b);
                full
            }
        };
        (matrix, self.rhs)
    }
}

/// The m × m form; `None` where M is not positive definite.
pub(super) fn solve_dual(a: &Array2<f64>, b: &Array1<f64>, weight: f64, rest: &Rest) -> Option<Array1<f64>> {
    if let Some(full) = &rest.full {
        return solve_dual_full(a, b, weight, full, rest);
    }
    if rest.diagonal.iter().any(|&d| d <= 0.0) {
        return None;
    }
    let scaled = a / &rest.diagonal; // A M⁻¹
    let mut gram = multiply(scaled.view(), a.t());
    gram.diag_mut().mapv_inplace(|g| g + 1.0 / weight);
    let start = &rest.rhs / &rest.diagonal;
    let multiplier = gram_cholesky(gram).solve((b - &a.dot(&start)).view());
    Some(start + scaled.t().dot(&multiplier))
}

/// The m × m form with `M = L Lᵀ` a full matrix: with `B = L⁻¹Aᵀ` and `s = L⁻¹c`,
/// `v = L⁻ᵀ (s + B (BᵀB + I/w)⁻¹ (b − Bᵀ s))`.
fn solve_dual_full(
    a: &Array2<f64>,
    b: &Array1<f64>,
    weight: f64,
    full: &Array2<f64>,
    rest: &Rest,
) -> Option<Array1<f64>> {
    let mut matrix = full.clone();
    matrix.diag_mut().zip_mut_with(&rest.diagonal, |m, d| *m += d);
    let half = cholesky(&matrix)?;
    let (scaled, start) = (half.half_solve_block(a.t()), half.half_solve(rest.rhs.view()));
    let mut gram = multiply(scaled.t(), scaled.view());
    gram.diag_mut().mapv_inplace(|g| g + 1.0 / weight);
    let multiplier = gram_cholesky(gram).solve((b - &scaled.t().dot(&start)).view());
    Some(half.half_solve_transposed((start + scaled.dot(&multiplier)).view()))
}

/// The normal equations of k × k.
pub(super) fn solve_primal(dense: &[&Term], rest: Rest) -> Array1<f64> {
    let (mut hessian, mut rhs) = rest.assembled();
    for term in dense {
        if let Matrix::Dense(a) = &term.matrix {
            hessian.scaled_add(term.weight, &multiply(a.t(), a.view()));
            rhs.scaled_add(term.weight, &a.t().dot(&term.target));
        }
    }
    match cholesky(&hessian) {
        Some(factor) => factor.solve(rhs.view()),
        None => least_norm(&hessian, &rhs),
    }
}

/// Least-norm solution of a singular symmetric system, its null space cut at n ε of the largest eigenvalue.
fn least_norm(hessian: &Array2<f64>, rhs: &Array1<f64>) -> Array1<f64> {
    let (values, vectors) = symmetric_eigen(hessian).expect("a finite matrix has eigenvalues");
    let floor = values[0].max(0.0) * f64::EPSILON * values.len() as f64;
    let mut projected = vectors.t().dot(rhs);
    projected.zip_mut_with(&values, |p, &value| *p = if value > floor { *p / value } else { 0.0 });
    vectors.dot(&projected)
}

/// Coefficients at which the forward model is linearized: where a Gauss-Newton step begins.
pub(super) struct Point {
    pub(super) v: Array1<f64>,
    /// g(ū + Φv).
    pub(super) predicted: Array1<f64>,
    /// `A = C^{-1/2} G_u Φ`, m × k.
    pub(super) jacobian: Array2<f64>,
    /// `Δd = C^{-1/2}(d − g(ū + Φv)) + A v`: the data term of the step is `‖A v' − Δd‖²`.
    pub(super) target: Array1<f64>,
}

impl Point {
    /// The point v.
    ///
    /// # Errors
    /// Those of the forward model, and [`Error::NoModel`] where a prediction or a derivative is no finite number.
    pub(super) fn at(problem: &Problem<'_>, v: Array1<f64>) -> Result<Self> {
        let field = problem.parameterized(v.view());
        Self::of(problem, v, problem.forward.linearize(field.view())?)
    }

    /// The point v, at whose parameterized field the forward model is linearized.
    ///
    /// # Errors
    /// As those of [`Point::at`].
    pub(super) fn of(
        problem: &Problem<'_>,
        v: Array1<f64>,
        Linearized { value: predicted, jacobian }: Linearized<'_>,
    ) -> Result<Self> {
        let jacobian = reduced_jacobian(&*jacobian, &*problem.basis.truncated(v.len()))?;
        let jacobian = problem.covariance.whiten_block(jacobian.view());
        let target = problem.covariance.whiten((&problem.observed - &predicted).view()) + jacobian.dot(&v);
        if target.iter().any(|x| !x.is_finite()) {
            let misfit = problem.misfit(predicted.view());
            return Err(Error::NoModel(format!("the forward model of an iterate gives a misfit of {misfit}")));
        }
        Ok(Self { v, predicted, jacobian, target })
    }
}

/// The columns of `Gᵀ`, n × m, with the Jacobian G.
///
/// # Errors
/// See [`finite`].
pub(super) fn gradients(jacobian: &dyn LinearOperator) -> Result<Array2<f64>> {
    finite(jacobian.adjoint_block(Array2::eye(jacobian.rows()).view()), jacobian)
}

/// Columns of Φ that [`gram`] holds at once.
const COLUMNS_AT_ONCE: usize = 64;

/// The Gram matrix `ΦᵀΦ` of a basis, k × k: not the identity where blocks that are orthonormal by themselves stand side
/// by side.
pub fn gram(basis: &dyn Basis) -> Array2<f64> {
    let k = basis.cols();
    let mut out = Array2::zeros((k, k));
    for start in (0..k).step_by(COLUMNS_AT_ONCE) {
        let range = start..(start + COLUMNS_AT_ONCE).min(k);
        let products = basis.adjoint_block(basis.columns(range.clone()).view());
        out.slice_mut(s![.., range]).assign(&products);
    }
    // Both triangles are sums of the same products, in orders that need not be the same.
    (&out + &out.t()) / 2.0
}

/// The dense product `G_u Φ`, m × k, by m adjoint or k forward applications, whichever are fewer.
///
/// # Errors
/// See [`finite`].
pub fn reduced_jacobian(jacobian: &dyn LinearOperator, basis: &dyn Basis) -> Result<Array2<f64>> {
    if jacobian.rows() < basis.cols() {
        Ok(basis.adjoint_block(gradients(jacobian)?.view()).reversed_axes())
    } else {
        finite(jacobian.apply_block(basis.columns(0..basis.cols()).view()), jacobian)
    }
}

#[cfg(test)]
mod tests {
    use super::super::toys::normals;
    use super::*;

    /// The gradient `Σ w Aᵀ(A v − b)` at the solution, relative to its largest term.
    fn relative_gradient(terms: &[Term], v: &Array1<f64>) -> f64 {
        let (mut sum, mut scale) = (Array1::<f64>::zeros(v.len()), 0.0f64);
        for term in terms {
            let gradient = match &term.matrix {
                Matrix::Dense(a) => a.t().dot(&(a.dot(v) - &term.target)),
                Matrix::Diagonal(a) => a * &(a * v - &term.target),
                Matrix::Gram { product, .. } => product.dot(v) - &term.target,
            } * term.weight;
            scale = scale.max(gradient.dot(&gradient).sqrt());
            sum += &gradient;
        }
        sum.dot(&sum).sqrt() / scale
    }

    #[test]
    fn primal_and_dual_solutions_have_no_gradient() {
        for (m, k) in [(7, 31), (31, 7), (1, 1), (13, 13)] {
            let terms = [
                Term {
                    matrix: Matrix::Dense(normals(m, k, 0)),
                    target: normals(m, 1, 1).column(0).to_owned(),
                    weight: 3.0,
                },
                Term {
                    matrix: Matrix::Diagonal(normals(k, 1, 2).column(0).mapv(|d| 0.5 + d.abs())),
                    target: normals(k, 1, 3).column(0).to_owned(),
                    weight: 0.25,
                },
            ];
            let gradient = relative_gradient(&terms, &solve(&terms));
            assert!(gradient < 1e-11, "{m} data, {k} coefficients: relative gradient {gradient:e}");
        }
    }

    #[test]
    fn a_gram_matrix_stands_for_the_matrix_it_comes_from() {
        for (m, k) in [(5, 17), (40, 17)] {
            let (tall, target) = (normals(30, k, 4), normals(30, 1, 5).column(0).to_owned());
            let data = Term {
                matrix: Matrix::Dense(normals(m, k, 0)),
                target: normals(m, 1, 1).column(0).to_owned(),
                weight: 1.0,
            };
            let explicit = Term { matrix: Matrix::Dense(tall.clone()), target: target.clone(), weight: 0.7 };
            let implied = Term {
                matrix: Matrix::Gram { product: Arc::new(tall.t().dot(&tall)), target_squares: target.dot(&target) },
                target: tall.t().dot(&target),
                weight: 0.7,
            };
            let expected = solve(&[data.clone(), explicit.clone()]);
            let found = solve(&[data, implied.clone()]);
            let difference = &found - &expected;
            assert!(difference.dot(&difference).sqrt() < 1e-10 * expected.dot(&expected).sqrt());
            let (a, b) = (explicit.squares(found.view()), implied.squares(found.view()));
            assert!((a - b).abs() < 1e-12 * target.dot(&target), "{a} {b}");
        }
    }

    #[test]
    fn an_undetermined_problem_gets_its_least_norm_solution() {
        let a = normals(4, 9, 0);
        let target = normals(4, 1, 1).column(0).to_owned();
        let v = solve(&[Term { matrix: Matrix::Dense(a.clone()), target: target.clone(), weight: 1.0 }]);
        let residual = a.dot(&v) - &target;
        assert!(residual.dot(&residual).sqrt() < 1e-6, "the data are fitted");
        let multiplier = cholesky(&a.dot(&a.t())).unwrap().solve(a.dot(&v).view());
        let outside = &v - &a.t().dot(&multiplier);
        assert!(outside.dot(&outside).sqrt() < 1e-6, "nothing lies in the null space");
    }
}
