//! How far an estimate is from the reference, and how sure a mean over repeated runs is.

use ndarray::ArrayView1;
use serde::Serialize;

/// Errors of an estimate û against the reference u, over n cells.
///
/// - `e1 = (1/n) Σ (u − û)²`, in the property's unit squared;
/// - `e2 = (1/n) Σ |u − û|`, in the property's unit;
/// - `rmse = √e1`;
/// - `facies_mismatch`: the fraction of cells whose nearest facies value is not the reference's; only for a property
///   with at least two facies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// Mean squared error.
    pub e1: f64,
    /// Mean absolute error.
    pub e2: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Fraction of cells in the wrong facies, 0 to 1.
    pub facies_mismatch: Option<f64>,
}

impl Errors {
    /// Errors of `estimate` against `reference` (n values each, one unit); `facies` are the facies' values of the
    /// property, empty where it has none.
    pub fn between(reference: ArrayView1<'_, f64>, estimate: ArrayView1<'_, f64>, facies: &[f64]) -> Self {
        let n = reference.len();
        assert_eq!(estimate.len(), n, "cells of the estimate and of the reference");
        assert!(n > 0, "errors need at least one cell");
        let (mut squares, mut absolutes, mut wrong) = (0.0, 0.0, 0usize);
        for (&u, &estimated) in reference.iter().zip(estimate) {
            let error = u - estimated;
            squares += error * error;
            absolutes += error.abs();
            wrong += usize::from(nearest_facies(u, facies) != nearest_facies(estimated, facies));
        }
        let e1 = squares / n as f64;
        let facies_mismatch = (facies.len() > 1).then_some(wrong as f64 / n as f64);
        Self { e1, e2: absolutes / n as f64, rmse: e1.sqrt(), facies_mismatch }
    }
}

/// Index of the facies value nearest to `value` (the first of equally near ones; 0 for an empty list).
pub fn nearest_facies(value: f64, facies: &[f64]) -> usize {
    let mut best = 0;
    for (i, f) in facies.iter().enumerate() {
        if (value - f).abs() < (value - facies[best]).abs() {
            best = i;
        }
    }
    best
}

/// A number measured in R runs: its mean, and the mean's 95 % confidence interval
/// `x̄ ± t₀.₉₇₅(R − 1) s / √R` (Student 1908), s the sample's standard deviation; or a share of the runs, see
/// [`Repeated::share`].
///
/// As `summary.json` has it: `{"mean", "ci95": [low, high], "values"}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeated {
    /// Mean of the values.
    pub mean: f64,
    /// Lower and upper end of the interval; `None` (JSON `null`) for fewer than two values.
    pub ci95: Option<[f64; 2]>,
    /// The values, a run each.
    pub values: Vec<f64>,
}

impl Repeated {
    /// Mean and interval of `values`, at least one.
    pub fn of(values: Vec<f64>) -> Self {
        let n = values.len();
        assert!(n > 0, "a mean needs at least one value");
        let mean = values.iter().sum::<f64>() / n as f64;
        let ci95 = (n > 1).then(|| {
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
            let half = student_t_975(n - 1) * (variance / n as f64).sqrt();
            [mean - half, mean + half]
        });
        Self { mean, ci95, values }
    }

    /// Share of ones among `values`, each 0 or 1, at least one, and its interval by Wilson.
    pub fn share(values: Vec<f64>) -> Self {
        let (count, hits) = (values.len(), values.iter().filter(|&&x| x > 0.5).count());
        assert!(count > 0, "a share needs at least one value");
        Self { mean: hits as f64 / count as f64, ci95: (count > 1).then(|| wilson(hits, count)), values }
    }
}

/// 95 % interval of a proportion of `hits` in `n > 0` by Wilson (1927).
pub fn wilson(hits: usize, n: usize) -> [f64; 2] {
    let (p, n, z) = (hits as f64 / n as f64, n as f64, 1.959_963_984_540_054f64);
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)]
}

/// Half-width of the central 95 % of Student's t with ν ≥ 1 degrees of freedom, in standard deviations, by bisection
/// of its distribution function.
pub fn student_t_975(degrees: usize) -> f64 {
    // 12.71 at ν = 1 is the largest of all; 1.96 of the normal distribution is their infimum.
    let (mut low, mut high) = (1.9, 13.0);
    while high - low > 4.0 * f64::EPSILON * high {
        let middle = 0.5 * (low + high);
        if student_t_within(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `P(|T| ≤ t)` for Student's t with ν degrees of freedom: the finite sums of Abramowitz and Stegun (1964), 26.7.3 for
/// odd ν and 26.7.4 for even ν, with θ = arctan(t/√ν).
fn student_t_within(t: f64, degrees: usize) -> f64 {
    assert!(degrees > 0, "Student's t has at least one degree of freedom");
    let (sin, cos) = (t / (degrees as f64).sqrt()).atan().sin_cos();
    let odd = degrees % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = 0.0;
    // Powers of the cosine up to ν − 2, each with the ratio of double factorials before it.
    let mut power = if odd { 1 } else { 0 };
    while power + 2 <= degrees {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd { 2.0 / std::f64::consts::PI * (sin.atan2(cos) + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    #[test]
    fn errors_of_four_cells_by_hand() {
        let errors = Errors::between(array![0.5, 0.5, 1.0, 1.0].view(), array![0.5, 0.8, 0.9, 0.5].view(), &[0.5, 1.0]);
        assert_relative_eq!(errors.e1, (0.09 + 0.01 + 0.25) / 4.0, epsilon = 1e-15);
        assert_relative_eq!(errors.e2, 0.9 / 4.0, epsilon = 1e-15);
        assert_relative_eq!(errors.rmse, errors.e1.sqrt());
        assert_eq!(errors.facies_mismatch, Some(0.5), "0.8 is nearer to 1.0, and 0.5 is not 1.0");
        let continuous = Errors::between(array![0.5].view(), array![0.25].view(), &[]);
        assert_eq!(continuous.facies_mismatch, None);
    }

    #[test]
    fn halfway_between_two_facies_the_first_wins() {
        assert_eq!(nearest_facies(0.75, &[0.5, 1.0]), 0);
        assert_eq!(nearest_facies(0.75, &[1.0, 0.5]), 0);
        assert_eq!(nearest_facies(9.0, &[0.5, 1.0, 3.0]), 2);
    }

    #[test]
    fn student_quantiles_of_the_printed_tables() {
        // Abramowitz and Stegun, table 26.10, Q = 0.975 one-sided, three decimals.
        for (degrees, t) in [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (120, 1.980)] {
            assert!((student_t_975(degrees) - t).abs() <= 0.5e-3, "{degrees}: {}", student_t_975(degrees));
        }
    }

    #[test]
    fn interval_of_a_mean_by_hand() {
        let repeated = Repeated::of(vec![1.0, 2.0, 3.0]);
        // For two degrees of freedom P(|T| ≤ t) = t/√(2 + t²), and s = 1.
        let half = 0.95 * (2.0f64 / (1.0 - 0.95 * 0.95)).sqrt() / 3f64.sqrt();
        let [low, high] = repeated.ci95.unwrap();
        assert_relative_eq!(low, 2.0 - half, epsilon = 1e-12);
        assert_relative_eq!(high, 2.0 + half, epsilon = 1e-12);
        assert_eq!(Repeated::of(vec![1.0]).ci95, None);
    }

    #[test]
    fn wilsons_interval_as_printed() {
        // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20.
        for (hits, n, ends) in [(81, 263, [0.2553, 0.3662]), (15, 148, [0.0624, 0.1605]), (0, 20, [0.0, 0.1611])] {
            for (found, printed) in wilson(hits, n).iter().zip(ends) {
                assert!((found - printed).abs() <= 0.5e-4, "{hits} of {n}: {found}, printed {printed}");
            }
        }
        let share = Repeated::share((0..148).map(|i| f64::from(u8::from(i % 10 == 0))).collect());
        assert_eq!((share.mean, share.ci95), (15.0 / 148.0, Some(wilson(15, 148))));
    }
}
