//! The minimisers of a linear problem under a quadratic penalty at every weight, from one decomposition in the space of
//! the data.
//!
//! `min_x ‖A x − b‖² + μ xᵀM x` (A: m × n, M symmetric, not negative) with a generalized inverse M⁻ of M and a basis N of
//! its null space is solved by
//!
//! `x = N c + M⁻Aᵀ q`, `(T + μ I) q + F c = b`, `Fᵀ q = 0`, `T = A M⁻ Aᵀ`, `F = A N`,
//!
//! the equations of kriging with a drift. With Q an orthonormal basis of the complement of F and `QᵀT Q = V diag(t) Vᵀ`,
//! `β = VᵀQᵀ b`, everything is a sum over m numbers: the residual is `μ q`, `‖A x − b‖² = Σ (μ β/(t + μ))²`,
//! `xᵀM x = Σ t (β/(t + μ))²`, and `tr(I − ∂(A x)/∂b) = Σ μ/(t + μ)`.
//!
//! Wahba (1990), Spline Models for Observational Data, chapters 1 and 4.

use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate, s};

use super::criterion::{Criterion, least, sampled};
use super::weight::{Candidate, Cooling, split};
use crate::error::Result;
use crate::linalg::dense::{multiply, symmetric_eigen};

/// A direction of the null space that the data see less than this share of `‖A‖_F²` is left at zero.
const UNSEEN: f64 = 1e-13;
/// Bisections of log μ: μ is then known to rounding.
const BISECTIONS: usize = 60;
/// Weights that are tried in search of a least score, and points of the curve.
const SAMPLES: usize = 61;
/// μ ranges from this share of the largest t
const LEAST_SHARE: f64 = 1e-12;
/// to this multiple of it.
const LARGEST_SHARE: f64 = 1e3;

/// A linear problem that is ready for any weight μ.
#[derive(Debug, Clone)]
pub struct LinearTradeoff {
    /// T, m × m.
    product: Array2<f64>,
    /// F, m × p.
    null_image: Array2<f64>,
    /// b, m.
    target: Array1<f64>,
    /// t, descending, and β.
    values: Array1<f64>,
    beta: Array1<f64>,
    /// Q V, m × (m − p).
    directions: Array2<f64>,
    /// `(FᵀF)⁺ Fᵀ`, p × m.
    null_inverse: Array2<f64>,
    /// What of `‖b‖²` lies outside of the range of A and was split off, and how many data that were.
    outside: (f64, usize),
    /// `‖A‖_F²`.
    scale: f64,
}

/// What a minimiser is made of: `x = N c + M⁻Aᵀ q`.
#[derive(Debug, Clone, PartialEq)]
pub struct Multipliers {
    /// q, m values.
    pub q: Array1<f64>,
    /// c, p values.
    pub c: Array1<f64>,
}

impl LinearTradeoff {
    /// From T, F (of columns N of unit length), b and `‖A‖_F²`.
    pub fn new(product: Array2<f64>, null_image: Array2<f64>, target: Array1<f64>, scale: f64) -> Self {
        let m = target.len();
        assert_eq!(product.dim(), (m, m), "A M⁻ Aᵀ against the data");
        assert_eq!(null_image.nrows(), m, "A N against the data");
        let (seen, null_inverse) = null_part(&null_image, scale);
        // The eigenvalues of the drift's directions are moved below all others, where they can be cut off.
        let drift = multiply(seen.view(), seen.t());
        let free = Array2::<f64>::eye(m) - &drift;
        let projected = multiply(multiply(free.view(), product.view()).view(), free.view());
        let shift = 1.0 + projected.diag().sum().abs();
        let projected = (&projected + &projected.t()) / 2.0 - shift * &drift;
        let (values, vectors) = symmetric_eigen(&projected).expect("a finite matrix has eigenvalues");
        let kept = m - seen.ncols();
        let directions = vectors.slice(s![.., ..kept]).to_owned();
        let values = values.slice(s![..kept]).mapv(|t| t.max(0.0));
        let beta = directions.t().dot(&target);
        Self { product, null_image, target, values, beta, directions, null_inverse, outside: (0.0, 0), scale }
    }

    /// The same with `count` data whose part outside of the range of A was split off before, of square `squares`.
    pub fn with_outside(self, squares: f64, count: usize) -> Self {
        Self { outside: (squares, count), ..self }
    }

    /// `‖A x − b‖²` at μ.
    pub fn misfit(&self, mu: f64) -> f64 {
        self.sum(|t, beta| (mu * beta / (t + mu)).powi(2)) + self.outside.0
    }

    /// `xᵀM x` at μ.
    pub fn penalty(&self, mu: f64) -> f64 {
        self.sum(|t, beta| t * (beta / (t + mu)).powi(2))
    }

    /// `tr(I − ∂(A x)/∂b)` at μ: data less what the minimiser takes of them.
    pub fn freedom(&self, mu: f64) -> f64 {
        self.sum(|t, _| mu / (t + mu)) + self.outside.1 as f64
    }

    /// `‖r‖²/tr(I − ∂(A x)/∂b)²`.
    pub fn gcv(&self, mu: f64) -> f64 {
        self.misfit(mu) / self.freedom(mu).powi(2)
    }

    /// Curvature of (ln misfit, ln penalty) over ln μ, positive where it bends towards the origin.
    pub fn curvature(&self, mu: f64) -> f64 {
        let of = |power: i32| self.sum(|t, beta| t * beta * beta / (t + mu).powi(power));
        let (s3, s4) = (of(3), of(4));
        let (misfit, penalty) = (self.misfit(mu), self.penalty(mu));
        // Derivatives over ln μ; those of the misfit are −μ times those of the penalty, and what follows from that.
        let (misfit_1, misfit_2) = (2.0 * mu * mu * s3, 4.0 * mu * mu * s3 - 6.0 * mu.powi(3) * s4);
        let (penalty_1, penalty_2) = (-2.0 * mu * s3, -2.0 * mu * s3 + 6.0 * mu * mu * s4);
        let (x1, y1) = (misfit_1 / misfit, penalty_1 / penalty);
        let (x2, y2) = (misfit_2 / misfit - x1 * x1, penalty_2 / penalty - y1 * y1);
        (x1 * y2 - y1 * x2) / (x1 * x1 + y1 * y1).powf(1.5)
    }

    /// q and c at μ > 0.
    pub fn multipliers(&self, mu: f64) -> Multipliers {
        let q = self.directions.dot(&(&self.beta / &(&self.values + mu)));
        let c = self.null_inverse.dot(&(&self.target - &self.product.dot(&q)));
        Multipliers { q, c }
    }

    /// μ by a criterion (a fixed weight is μ itself), for a misfit target where the criterion has one.
    ///
    /// # Errors
    /// [`Error::Input`](crate::error::Error::Input) where there are fewer data than folds, or fewer than two folds.
    pub fn choose(&self, criterion: Criterion, target: f64) -> Result<f64> {
        Ok(match criterion {
            Criterion::Fixed(mu) => mu,
            Criterion::Discrepancy => self.discrepancy(target),
            Criterion::LCurve => least(self.seen_range(), SAMPLES, |mu| -self.curvature(mu)),
            Criterion::Gcv => least(self.range(), SAMPLES, |mu| self.gcv(mu)),
            Criterion::CrossValidation { folds, seed } => {
                let folds = self.folds(folds, seed)?;
                least(self.range(), SAMPLES, |mu| folds.iter().map(|fold| fold.missed(mu)).sum())
            }
        })
    }

    /// The largest μ of the range whose misfit is no more than `target`; the least where there is none.
    fn discrepancy(&self, target: f64) -> f64 {
        let Cooling { least, largest } = self.range();
        if self.misfit(largest) <= target {
            return largest;
        }
        if self.misfit(least) > target {
            return least;
        }
        let (mut low, mut high) = (least, largest);
        for _ in 0..BISECTIONS {
            let middle = (low * high).sqrt();
            if self.misfit(middle) <= target { low = middle } else { high = middle }
        }
        low
    }

    /// The trade-off curve: points over the whole range, and the one that was taken. The weight of a [`Candidate`] is 2 μ,
    /// its penalty ½ xᵀM x: λ² and the penalty of a [`Regularizer`](crate::regularizer::Regularizer).
    pub fn curve(&self, taken: f64) -> Vec<Candidate> {
        let point = |mu: f64, chosen: u8| Candidate {
            weight: 2.0 * mu,
            misfit: self.misfit(mu),
            penalty: 0.5 * self.penalty(mu),
            chosen,
        };
        let mut curve: Vec<Candidate> = sampled(self.range(), SAMPLES).into_iter().map(|mu| point(mu, 0)).collect();
        curve.push(point(taken, 1));
        curve.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        curve
    }

    /// Weights from those that hardly count to those that leave the null space alone.
    fn range(&self) -> Cooling {
        let largest = self.values.first().copied().unwrap_or(0.0);
        let largest = if largest > 0.0 { largest } else { 1.0 };
        Cooling { least: LEAST_SHARE * largest, largest: LARGEST_SHARE * largest }
    }

    /// Weights within the eigenvalues that are not rounding, where a corner has a meaning.
    fn seen_range(&self) -> Cooling {
        let Cooling { least, largest } = self.range();
        let smallest = self.values.iter().copied().filter(|&t| t > least).fold(f64::INFINITY, f64::min);
        let largest = largest / LARGEST_SHARE;
        Cooling { least: smallest.min(largest), largest }
    }

    fn folds(&self, folds: usize, seed: u64) -> Result<Vec<Fold>> {
        assert_eq!(self.outside.1, 0, "data are left out of all rows of A, not of its triangle");
        let fold = |[kept, out]: [Vec<usize>; 2]| {
            let rows = |from: &[usize]| {
                (self.product.select(Axis(0), from).select(Axis(1), &kept), self.null_image.select(Axis(0), from))
            };
            let (product, null_image) = rows(&kept);
            let (to_product, to_null) = rows(&out);
            Fold {
                kept: Self::new(product, null_image, self.target.select(Axis(0), &kept), self.scale),
                predict: concatenate(Axis(1), &[to_product.view(), to_null.view()]).expect("as many rows"),
                left_out: self.target.select(Axis(0), &out),
            }
        };
        Ok(split(self.target.len(), folds, seed)?.into_iter().map(fold).collect())
    }

    fn sum(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        self.values.iter().zip(&self.beta).map(|(&t, &beta)| of(t, beta)).sum()
    }
}

/// Data kept and data left out.
struct Fold {
    kept: LinearTradeoff,
    /// From (q, c) of the data kept to the data left out.
    predict: Array2<f64>,
    left_out: Array1<f64>,
}

impl Fold {
    /// Squares by which the data left out are missed.
    fn missed(&self, mu: f64) -> f64 {
        let Multipliers { q, c } = self.kept.multipliers(mu);
        let both = concatenate(Axis(0), &[q.view(), c.view()]).expect("vectors");
        let missed = &self.left_out - &self.predict.dot(&both);
        missed.dot(&missed)
    }
}

/// An orthonormal basis of the range of F, as far as the data see it, and `(FᵀF)⁺ Fᵀ`.
fn null_part(null_image: &Array2<f64>, scale: f64) -> (Array2<f64>, Array2<f64>) {
    let (m, p) = null_image.dim();
    if p == 0 {
        return (Array2::zeros((m, 0)), Array2::zeros((0, m)));
    }
    let (values, vectors) =
        symmetric_eigen(&multiply(null_image.t(), null_image.view())).expect("a finite matrix has eigenvalues");
    let seen = values.iter().filter(|&&e| e > UNSEEN * scale).count().min(m);
    let vectors = vectors.slice(s![.., ..seen]);
    let roots = values.slice(s![..seen]).mapv(f64::sqrt);
    let image = null_image.dot(&vectors) / &roots;
    let inverse = (&vectors / &roots).dot(&image.t());
    (image, inverse)
}

/// `x = N c + M⁻Aᵀ q` by the transpose of A and by M⁻.
pub(super) fn expand(
    multipliers: &Multipliers,
    a: &Array2<f64>,
    null_space: &Array2<f64>,
    inverse: impl Fn(ArrayView1<'_, f64>) -> Array1<f64>,
) -> Array1<f64> {
    inverse(a.t().dot(&multipliers.q).view()) + null_space.dot(&multipliers.c)
}

#[cfg(test)]
mod tests {
    use super::super::gauss_newton::{Matrix, Term, solve};
    use super::super::toys::normals;
    use super::*;

    /// A, b, and a diagonal M of which two entries are zero.
    struct Toy {
        a: Array2<f64>,
        b: Array1<f64>,
        diagonal: Array1<f64>,
    }

    impl Toy {
        fn new(m: usize, n: usize) -> Self {
            let mut diagonal = normals(n, 1, 1).column(0).mapv(|x| 0.1 + x * x);
            (diagonal[0], diagonal[n - 2]) = (0.0, 0.0);
            // Columns of falling size: an ill-posed problem.
            let sizes = Array1::from_shape_fn(n, |j| (-0.3 * j as f64).exp());
            let a = normals(m, n, 0) * &sizes;
            let b = a.dot(&normals(n, 1, 2).column(0)) + 0.05 * &normals(m, 1, 3).column(0);
            Self { a, b, diagonal }
        }

        fn inverse(&self) -> Array1<f64> {
            self.diagonal.mapv(|d| if d > 0.0 { d.recip() } else { 0.0 })
        }

        fn null_space(&self) -> Array2<f64> {
            let n = self.diagonal.len();
            let mut null = Array2::zeros((n, 2));
            (null[[0, 0]], null[[n - 2, 1]]) = (1.0, 1.0);
            null
        }

        fn tradeoff(&self) -> LinearTradeoff {
            let product = (&self.a * &self.inverse()).dot(&self.a.t());
            let scale = self.a.iter().map(|a| a * a).sum();
            LinearTradeoff::new(product, self.a.dot(&self.null_space()), self.b.clone(), scale)
        }

        fn terms(&self, mu: f64) -> [Term; 2] {
            let penalty = Matrix::Diagonal(self.diagonal.mapv(f64::sqrt));
            [
                Term { matrix: Matrix::Dense(self.a.clone()), target: self.b.clone(), weight: 1.0 },
                Term { matrix: penalty, target: Array1::zeros(self.diagonal.len()), weight: mu },
            ]
        }
    }

    #[test]
    fn minimisers_and_their_squares_are_those_of_the_normal_equations() {
        for (m, n) in [(9, 20), (25, 12), (3, 3)] {
            let toy = Toy::new(m, n);
            let tradeoff = toy.tradeoff();
            for mu in [1e-3, 0.1, 7.0] {
                let terms = toy.terms(mu);
                let expected = solve(&terms);
                let found = expand(&tradeoff.multipliers(mu), &toy.a, &toy.null_space(), |x| &toy.inverse() * &x);
                let difference = &found - &expected;
                assert!(
                    difference.dot(&difference).sqrt() < 1e-8 * expected.dot(&expected).sqrt(),
                    "{m} × {n}, μ = {mu}"
                );
                let [misfit, penalty] = [0, 1].map(|t| terms[t].squares(expected.view()));
                assert!((tradeoff.misfit(mu) - misfit).abs() < 1e-9 * (misfit + 1e-3), "{m} × {n}, μ = {mu}");
                assert!((tradeoff.penalty(mu) - penalty).abs() < 1e-8 * penalty.max(1e-9), "{m} × {n}, μ = {mu}");
            }
        }
    }

    #[test]
    fn the_freedom_is_the_derivative_of_the_residual() {
        let toy = Toy::new(9, 20);
        let mu = 0.3;
        let residual = |b: &Array1<f64>| {
            let [mut data, penalty] = toy.terms(mu);
            data.target = b.clone();
            b - &toy.a.dot(&solve(&[data, penalty]))
        };
        let trace: f64 = (0..9)
            .map(|i| {
                let mut moved = toy.b.clone();
                moved[i] += 1.0;
                residual(&moved)[i] - residual(&toy.b)[i]
            })
            .sum();
        assert!((toy.tradeoff().freedom(mu) - trace).abs() < 1e-8);
    }

    #[test]
    fn curvature_is_that_of_the_curve() {
        let tradeoff = Toy::new(12, 20).tradeoff();
        let point = |s: f64| [tradeoff.misfit(s.exp()).ln(), tradeoff.penalty(s.exp()).ln()];
        for s in [-4.0, -1.0, 1.0] {
            let h = 1e-3;
            let [a, b, c] = [point(s - h), point(s), point(s + h)];
            let first = |i: usize| (c[i] - a[i]) / (2.0 * h);
            let second = |i: usize| (c[i] - 2.0 * b[i] + a[i]) / (h * h);
            let expected = (first(0) * second(1) - first(1) * second(0)) / first(0).hypot(first(1)).powi(3);
            let found = tradeoff.curvature(f64::exp(s));
            assert!((found - expected).abs() < 1e-3 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }

    #[test]
    fn every_criterion_comes_near_the_best_weight() {
        // Noise of 0.05 on 60 data: the error of the estimate is within 1.5 times the least that any weight leaves.
        let (m, n) = (60, 80);
        let sizes = Array1::from_shape_fn(n, |j| (-0.1 * j as f64).exp());
        let a = normals(m, n, 0) * &sizes / (m as f64).sqrt();
        let truth = normals(n, 1, 2).column(0).to_owned();
        let noise = 0.05;
        let b = (a.dot(&truth) + noise * &normals(m, 1, 3).column(0)) / noise;
        let a = a / noise;
        let scale = a.iter().map(|a| a * a).sum();
        let tradeoff = LinearTradeoff::new(a.dot(&a.t()), Array2::zeros((m, 0)), b, scale);
        let error = |mu: f64| {
            let x = a.t().dot(&tradeoff.multipliers(mu).q);
            (&a.dot(&x) - &a.dot(&truth)).mapv(|e| e * e).sum().sqrt()
        };
        let best = sampled(tradeoff.range(), 200).into_iter().map(error).fold(f64::INFINITY, f64::min);
        for criterion in [
            Criterion::Discrepancy,
            Criterion::LCurve,
            Criterion::Gcv,
            Criterion::CrossValidation { folds: 10, seed: 1 },
        ] {
            let mu = tradeoff.choose(criterion, m as f64).unwrap();
            assert!(error(mu) < 1.5 * best, "{criterion:?}: {} against {best}", error(mu));
            let curve = tradeoff.curve(mu);
            assert_eq!(curve.iter().filter(|c| c.chosen == 1 && c.weight == 2.0 * mu).count(), 1);
            assert!(curve.windows(2).all(|w| w[0].misfit >= w[1].misfit && w[0].penalty <= w[1].penalty));
        }
        let mu = tradeoff.choose(Criterion::Discrepancy, m as f64).unwrap();
        assert!((tradeoff.misfit(mu) / m as f64 - 1.0).abs() < 1e-9);
        assert!(tradeoff.choose(Criterion::CrossValidation { folds: 1, seed: 1 }, 0.0).is_err());
    }

    #[test]
    fn leaving_data_out_is_solving_without_them() {
        let toy = Toy::new(10, 20);
        let folds = toy.tradeoff().folds(5, 3).unwrap();
        let mu = 0.2;
        for (fold, [kept, out]) in folds.iter().zip(split(10, 5, 3).unwrap()) {
            let [mut data, penalty] = toy.terms(mu);
            data.matrix = Matrix::Dense(toy.a.select(Axis(0), &kept));
            data.target = toy.b.select(Axis(0), &kept);
            let missed = toy.b.select(Axis(0), &out) - toy.a.select(Axis(0), &out).dot(&solve(&[data, penalty]));
            assert!((fold.missed(mu) - missed.dot(&missed)).abs() < 1e-8);
        }
    }
}
