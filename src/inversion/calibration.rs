//! Scores of classes become their log odds: multinomial logistic regression.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::verdict::probabilities;
use crate::linalg::dense::{cholesky, multiply};

/// Powers of the scores that the regression may begin from: from nearly none to nearly twice.
const POWERS: std::ops::RangeInclusive<i32> = -24..=4;
/// How much the odds are held to powers of the scores, in units of one example.
const RIDGE: f64 = 10.0;
const ITERATIONS: usize = 100;

/// What turns scores ℓ of P classes into logarithms of odds, `β W (ℓ − mean ℓ) + α`.
///
/// Scores such as log densities order classes well, and are worth less, and not the same for all classes, than they say.
/// β is the power, `W = I` and `α = 0`, that gives examples whose class is known the best mean log probability; then
///
/// `Σ −ln p(class) + ½ · 10 (‖W − I‖² + ‖α‖²)`
///
/// is made least, by gradients in the metric of Böhning's (1992) bound on its second derivatives, accelerated (Nesterov
/// 1983): a hundred steps, each of the price of two products.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    power: f64,
    /// Wᵀ above α, (P + 1) × P.
    coefficients: Array2<f64>,
}

impl Calibration {
    /// From the scores of examples, one a row, N × P, and their classes.
    pub(super) fn new(scores: ArrayView2<'_, f64>, classes: &[usize]) -> Self {
        let count = scores.ncols();
        let start = powers_alone(count);
        let loss = |power: f64| {
            let of = |(row, &class): (ArrayView1<'_, f64>, &usize)| {
                -probabilities(&(&row * power).to_vec())[class].max(f64::MIN_POSITIVE).ln()
            };
            scores.rows().into_iter().zip(classes).map(of).sum::<f64>()
        };
        let powers = POWERS.map(|k| 2f64.powf(f64::from(k) / 4.0)).map(|power| (power, loss(power)));
        let least = |best: (f64, f64), now: (f64, f64)| if now.1 < best.1 { now } else { best };
        let power = powers.reduce(least).map_or(1.0, |best| best.0);
        let features = features(scores, power);
        let bound = 0.5 * multiply(features.t(), features.view()) + RIDGE * Array2::<f64>::eye(count + 1);
        let Some(bound) = cholesky(&bound) else { return Self { power, coefficients: start } };
        let (mut coefficients, mut ahead) = (start.clone(), start.clone());
        for k in 1..=ITERATIONS {
            let mut excess = multiply(features.view(), ahead.view());
            for (mut row, &class) in excess.rows_mut().into_iter().zip(classes) {
                let given = Array1::from(probabilities(&row.to_vec()));
                row.assign(&given);
                row[class] -= 1.0;
            }
            let gradient = multiply(features.t(), excess.view()) + RIDGE * (&ahead - &start);
            let next = &ahead - &bound.solve_block(gradient.view());
            let momentum = (k - 1) as f64 / (k + 2) as f64;
            ahead = &next + momentum * (&next - &coefficients);
            coefficients = next;
        }
        Self { power, coefficients }
    }

    /// Logarithms of odds from scores, a row each.
    pub(super) fn log_odds(&self, scores: ArrayView2<'_, f64>) -> Array2<f64> {
        multiply(features(scores, self.power).view(), self.coefficients.view())
    }
}

/// The coefficients `W = I`, `α = 0` of P classes.
fn powers_alone(count: usize) -> Array2<f64> {
    Array2::from_shape_fn((count + 1, count), |(i, j)| f64::from(u8::from(i == j)))
}

/// `β (ℓ − mean ℓ)` and 1 of each row of scores.
fn features(scores: ArrayView2<'_, f64>, power: f64) -> Array2<f64> {
    let (rows, count) = scores.dim();
    let mut features = Array2::ones((rows, count + 1));
    for (mut to, from) in features.axis_iter_mut(Axis(0)).zip(scores.axis_iter(Axis(0))) {
        let mean = from.sum() / count as f64;
        to.slice_mut(s![..count]).assign(&((&from - mean) * power));
    }
    features
}

#[cfg(test)]
mod tests {
    use super::super::toys::normals;
    use super::super::verdict::log_score;
    use super::*;

    /// Examples `x = centre(class) + noise` of three classes, and their true log densities.
    fn examples(count: usize, level: u32) -> (Array2<f64>, Vec<usize>) {
        let noise = normals(count, 2, level);
        let classes: Vec<usize> = (0..count).map(|i| i % 3).collect();
        let centres = [[0.0, 0.0], [1.5, 0.0], [0.0, 2.0]];
        let density = |i: usize, class: usize| {
            let [x, y] = [0, 1].map(|axis| centres[classes[i]][axis] + noise[[i, axis]] - centres[class][axis]);
            -0.5 * (x * x + y * y)
        };
        let scores = Array2::from_shape_fn((count, 3), |(i, class)| density(i, class));
        (scores, classes)
    }

    fn score(odds: &Array2<f64>, classes: &[usize]) -> f64 {
        let given: Vec<f64> =
            odds.rows().into_iter().zip(classes).map(|(row, &c)| probabilities(&row.to_vec())[c]).collect();
        log_score(&given)
    }

    #[test]
    fn true_log_densities_are_left_as_they_are() {
        let (scores, classes) = examples(3000, 1);
        let calibration = Calibration::new(scores.view(), &classes);
        let (fresh, fresh_classes) = examples(3000, 2);
        let odds = calibration.log_odds(fresh.view());
        assert!((score(&odds, &fresh_classes) - score(&fresh, &fresh_classes)).abs() < 0.005);
    }

    #[test]
    fn sure_and_uneven_scores_become_as_good_as_the_true_ones() {
        let distorted = |scores: &Array2<f64>| {
            let mut out = scores * 6.0;
            out.column_mut(1).mapv_inplace(|x| 0.7 * x + 2.0);
            out
        };
        let (scores, classes) = examples(3000, 1);
        let calibration = Calibration::new(distorted(&scores).view(), &classes);
        let (fresh, fresh_classes) = examples(3000, 2);
        let odds = calibration.log_odds(distorted(&fresh).view());
        let (best, raw) = (score(&fresh, &fresh_classes), score(&distorted(&fresh), &fresh_classes));
        let found = score(&odds, &fresh_classes);
        assert!(raw > best + 0.5 && found < best + 0.02, "{raw} {found} {best}");
    }

    #[test]
    fn the_gradient_vanishes_at_what_is_found() {
        let (scores, classes) = examples(400, 1);
        let calibration = Calibration::new(scores.view(), &classes);
        let loss = |coefficients: &Array2<f64>| {
            let odds =
                Calibration { power: calibration.power, coefficients: coefficients.clone() }.log_odds(scores.view());
            let off = coefficients - &powers_alone(3);
            400.0 * score(&odds, &classes) + 0.5 * RIDGE * off.iter().map(|x| x * x).sum::<f64>()
        };
        let at = &calibration.coefficients;
        for index in [[0, 0], [1, 2], [3, 1]] {
            let mut moved = [at.clone(), at.clone()];
            moved[0][index] += 1e-4;
            moved[1][index] -= 1e-4;
            let slope = (loss(&moved[0]) - loss(&moved[1])) / 2e-4;
            assert!(slope.abs() < 0.05, "{slope} at {index:?}");
        }
    }
}
