//! The choice of a weight that nobody was asked for: the discrepancy principle by cooling, the evidence, and
//! cross-validation.

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::gauss_newton::{Matrix, Term, solve};
use crate::error::{Error, Result};
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::{gram_cholesky, multiply};
use crate::random::{Purpose, Stream};

/// A weight that was tried: a point of the trade-off curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// λ² of the penalty.
    pub weight: f64,
    /// Linearized misfit.
    pub misfit: f64,
    /// The penalty's squares, without the weight.
    pub penalty: f64,
    /// 1 for the candidate that was taken, else 0.
    pub chosen: u8,
}

/// How a weight is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// By the discrepancy principle: the largest weight whose misfit reaches the target.
    Discrepancy,
    /// The user's own λ².
    Fixed(f64),
}

/// Where cooling starts and ends, and by how much λ² falls at each step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cooling {
    /// Least λ².
    pub least: f64,
    /// Largest λ².
    pub largest: f64,
}

/// λ² falls by this factor at each step of cooling: λ by half.
const FACTOR: f64 = 0.25;
/// Bisections of log λ² after cooling: the weight is then known to 1e-4 of itself.
pub(super) const BISECTIONS: usize = 14;

/// The largest weight of `terms[penalty]`, within `range`, at which the minimiser of all terms has
/// `‖A v − b‖² ≤ target` in `terms[0]`: λ² is cooled from the top until the misfit reaches the target, then bisected.
/// Where even the least weight misses the target, the least is taken.
///
/// Returns the minimiser, the weight, and every candidate in the order tried.
pub fn discrepancy(
    terms: &mut [Term],
    penalty: usize,
    range: Cooling,
    target: f64,
) -> (Array1<f64>, f64, Vec<Candidate>) {
    discrepancy_within(terms, penalty, range, target, BISECTIONS)
}

/// As [`discrepancy`], with the number of bisections of log λ² given.
pub(super) fn discrepancy_within(
    terms: &mut [Term],
    penalty: usize,
    range: Cooling,
    target: f64,
    bisections: usize,
) -> (Array1<f64>, f64, Vec<Candidate>) {
    assert!(0.0 < range.least && range.least <= range.largest, "weights from {} to {}", range.least, range.largest);
    let mut tried = Vec::new();
    let mut attempt = |weight: f64| {
        terms[penalty].weight = weight;
        let v = solve(terms);
        let misfit = terms[0].squares(v.view());
        tried.push(Candidate { weight, misfit, penalty: terms[penalty].squares(v.view()), chosen: 0 });
        (v, misfit)
    };
    let mut weight = range.largest;
    let (mut v, mut misfit) = attempt(weight);
    let mut too_large = None;
    while misfit > target && weight > range.least {
        too_large = Some(weight);
        weight = (weight * FACTOR).max(range.least);
        (v, misfit) = attempt(weight);
    }
    if let (Some(mut high), true) = (too_large, misfit <= target) {
        for _ in 0..bisections {
            let middle = (high * weight).sqrt();
            let (candidate, fit) = attempt(middle);
            if fit <= target {
                (weight, v) = (middle, candidate);
            } else {
                high = middle;
            }
        }
    }
    terms[penalty].weight = weight;
    for candidate in &mut tried {
        candidate.chosen = u8::from(candidate.weight == weight);
    }
    (v, weight, tried)
}

/// Log evidence of linear data under a Gaussian prior, `ln p(d) = −½ rᵀr − ½ v̂ᵀv̂ − ½ ln det(I + A Aᵀ) − Σ ln s`, with
/// `A = C^{-1/2} G Φ diag(σ)` (m × k), `d` the whitened data less the prior mean's, and `log_scale = Σ ln s` of the
/// standard deviations that whiten the data. Constant terms (−m/2 ln 2π) are left out.
pub fn log_evidence(scaled: ArrayView2<'_, f64>, data: ArrayView1<'_, f64>, log_scale: f64) -> f64 {
    let mut gram = multiply(scaled, scaled.t());
    gram.diag_mut().mapv_inplace(|g| g + 1.0);
    let factor = gram_cholesky(gram);
    -0.5 * data.dot(&factor.solve(data)) - 0.5 * factor.log_determinant() - log_scale
}

/// Root-mean-square error of predicting each fold of the data from the others, in the data's unit, under a Gaussian
/// prior `v ~ N(0, diag σ²)`: `jacobian` is the unwhitened `G Φ` (m × k), `data` is `d − g(ū)`, `sigma` the
/// coefficients' standard deviations, and `covariance` gives the errors' covariance of a subset of the data.
///
/// # Errors
/// [`Error::Input`] where there are fewer data than folds, or fewer than two folds.
pub fn cross_validate(
    jacobian: ArrayView2<'_, f64>,
    data: ArrayView1<'_, f64>,
    sigma: ArrayView1<'_, f64>,
    covariance: &dyn Fn(&[usize]) -> Result<Covariance>,
    folds: usize,
    seed: u64,
) -> Result<f64> {
    let m = data.len();
    let mut squares = 0.0;
    for [kept, left_out] in split(m, folds, seed)? {
        let errors = covariance(&kept)?;
        let terms = [
            Term {
                matrix: Matrix::Dense(errors.whiten_block(jacobian.select(Axis(0), &kept).view())),
                target: errors.whiten(data.select(Axis(0), &kept).view()),
                weight: 1.0,
            },
            Term { matrix: Matrix::Diagonal(sigma.mapv(f64::recip)), target: Array1::zeros(sigma.len()), weight: 1.0 },
        ];
        let v = solve(&terms);
        let missed = data.select(Axis(0), &left_out) - jacobian.select(Axis(0), &left_out).dot(&v);
        squares += missed.dot(&missed);
    }
    Ok((squares / m as f64).sqrt())
}

/// The folds of a cross-validation of m data: those kept, those left out, both in ascending order.
///
/// # Errors
/// [`Error::Input`] where there are fewer data than folds, or fewer than two folds.
pub fn split(m: usize, folds: usize, seed: u64) -> Result<Vec<[Vec<usize>; 2]>> {
    if folds < 2 || folds > m {
        return Err(Error::input(
            "inversion.cross_validation",
            format!("{folds} folds of {m} data"),
            "choose at least 2 folds and at most as many as there are data",
        ));
    }
    let mut order: Vec<usize> = (0..m).collect();
    Stream::new(seed, Purpose::CrossValidation, 0, 0).shuffle(&mut order);
    let fold = |fold: usize| {
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for (position, &datum) in order.iter().enumerate() {
            if position % folds == fold { left_out.push(datum) } else { kept.push(datum) }
        }
        kept.sort_unstable();
        left_out.sort_unstable();
        [kept, left_out]
    };
    Ok((0..folds).map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::super::toys::normals;
    use super::*;

    #[test]
    fn cooling_ends_at_the_largest_weight_that_reaches_the_target() {
        let (m, k) = (20, 12);
        let mut terms = [
            Term {
                matrix: Matrix::Dense(normals(m, k, 0)),
                target: normals(m, 1, 1).column(0).to_owned(),
                weight: 1.0,
            },
            Term { matrix: Matrix::Diagonal(Array1::ones(k)), target: Array1::zeros(k), weight: 1.0 },
        ];
        let floor = {
            let v = solve(&terms[..1]);
            terms[0].squares(v.view())
        };
        let target = 1.3 * floor;
        let (v, weight, tried) = discrepancy(&mut terms, 1, Cooling { least: 1e-6, largest: 1e6 }, target);
        assert!(terms[0].squares(v.view()) <= target);
        terms[1].weight = 1.001 * weight;
        assert!(terms[0].squares(solve(&terms).view()) > target, "a weight 0.1 % larger misses the target");
        assert_eq!(tried.iter().filter(|c| c.chosen == 1).count(), 1);
        let (_, weight, _) = discrepancy(&mut terms, 1, Cooling { least: 1e-6, largest: 1e6 }, 0.5 * floor);
        assert_eq!(weight, 1e-6, "an unreachable target takes the least weight");
    }

    #[test]
    fn evidence_is_the_gaussian_density_of_the_data() {
        // ln N(d; 0, A Aᵀ + I) by its definition, through the eigenvalues.
        let a = normals(6, 9, 0);
        let d = normals(6, 1, 1).column(0).to_owned();
        let mut covariance = a.dot(&a.t());
        covariance.diag_mut().mapv_inplace(|g| g + 1.0);
        let (values, vectors) = crate::linalg::dense::symmetric_eigen(&covariance).unwrap();
        let projected = vectors.t().dot(&d);
        let expected: f64 =
            projected.iter().zip(&values).map(|(p, l)| -0.5 * p * p / l - 0.5 * l.ln()).sum::<f64>() - 2.5;
        assert!((log_evidence(a.view(), d.view(), 2.5) - expected).abs() < 1e-10);
    }

    #[test]
    fn folds_are_in_order_and_leave_every_datum_out_once() {
        let folds = split(17, 5, 3).unwrap();
        let mut all: Vec<usize> = folds.iter().flat_map(|[_, left_out]| left_out.clone()).collect();
        assert!(!all.is_sorted(), "the folds are drawn at random");
        all.sort_unstable();
        assert_eq!(all, (0..17).collect::<Vec<_>>());
        for [kept, left_out] in &folds {
            assert!(kept.is_sorted() && left_out.is_sorted());
            assert!(kept.len() + left_out.len() == 17 && kept.iter().all(|i| !left_out.contains(i)));
        }
    }

    #[test]
    fn cross_validation_finds_the_level_of_the_noise() {
        // Data of a smooth model: with right noise the error of prediction is near the noise, with none it is larger.
        let (m, k) = (60, 40);
        let jacobian = normals(m, k, 0);
        let v = normals(k, 1, 1).column(0).to_owned();
        let data = jacobian.dot(&v) + 0.5 * &normals(m, 1, 2).column(0);
        let rms = |noise: f64| {
            let covariance = |kept: &[usize]| Covariance::diagonal(Array1::from_elem(kept.len(), noise));
            cross_validate(jacobian.view(), data.view(), Array1::ones(k).view(), &covariance, 10, 1).unwrap()
        };
        assert!(rms(0.5) < rms(1e-3) && rms(0.5) < rms(50.0), "{} {} {}", rms(1e-3), rms(0.5), rms(50.0));
        let covariance = |kept: &[usize]| Covariance::diagonal(Array1::ones(kept.len()));
        assert!(cross_validate(jacobian.view(), data.view(), Array1::ones(k).view(), &covariance, 61, 1).is_err());
    }
}
