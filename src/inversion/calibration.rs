//! Scores of classes become their log odds: multinomial logistic regression.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::verdict::probabilities;
use crate::linalg::dense::{cholesky, multiply};

/// Powers of the scores that the regression may begin from: from nearly none to nearly twice.
const POWERS: std::ops::RangeInclusive<i32> = -24..=4;
/// How much the odds are held to powers of the scores, in units of one example.
const RIDGE: f64 = 10.0;
const ITERATIONS: usize = 100;

/// What turns K scores ℓₖ of each of P classes into logarithms of odds, `β Σ Wₖ (ℓₖ − mean ℓₖ) + α`.
///
/// Scores such as log densities order classes well, and are worth less, and not the same for all classes, than they say;
/// what the first overlook, others add. β is the power of the first, `W₁ = I` and all else nothing, that gives examples
/// whose class is known the best mean log probability; then
///
/// `Σ −ln p(class) + ½ · 10 (‖W₁ − I‖² + Σ ‖Wₖ‖² + ‖α‖²)`
///
/// over the examples, those of each class weighted as if all had as many: how many there are says nothing of the odds. It
/// is made least by gradients in the metric of Böhning's (1992) bound on its second derivatives, accelerated (Nesterov
/// 1983): a hundred steps, each of the price of two products.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    power: f64,
    /// W₁ᵀ to W_Kᵀ above α, (K P + 1) × P.
    coefficients: Array2<f64>,
}

impl Calibration {
    /// From the scores of examples, one a row, N × K P, all classes' first scores first, and their classes.
    pub(super) fn new(scores: ArrayView2<'_, f64>, classes: &[usize], count: usize) -> Self {
        let start = powers_alone(scores.ncols(), count);
        let weights = weights(classes, count);
        let first = scores.slice(s![.., ..count]);
        let loss = |power: f64| {
            let of = |(row, &class): (ArrayView1<'_, f64>, &usize)| {
                -weights[class] * probabilities(&(&row * power).to_vec())[class].max(f64::MIN_POSITIVE).ln()
            };
            first.rows().into_iter().zip(classes).map(of).sum::<f64>()
        };
        let powers = POWERS.map(|k| 2f64.powf(f64::from(k) / 4.0)).map(|power| (power, loss(power)));
        let least = |best: (f64, f64), now: (f64, f64)| if now.1 < best.1 { now } else { best };
        let power = powers.reduce(least).map_or(1.0, |best| best.0);
        let features = features(scores, power, count);
        let mut weighted = features.clone();
        weighted.rows_mut().into_iter().zip(classes).for_each(|(mut row, &class)| row *= weights[class]);
        let bound = 0.5 * multiply(features.t(), weighted.view()) + RIDGE * Array2::<f64>::eye(features.ncols());
        let Some(bound) = cholesky(&bound) else { return Self { power, coefficients: start } };
        let (mut coefficients, mut ahead) = (start.clone(), start.clone());
        for k in 1..=ITERATIONS {
            let mut excess = multiply(features.view(), ahead.view());
            for (mut row, &class) in excess.rows_mut().into_iter().zip(classes) {
                let given = Array1::from(probabilities(&row.to_vec()));
                row.assign(&given);
                row[class] -= 1.0;
            }
            let gradient = multiply(weighted.t(), excess.view()) + RIDGE * (&ahead - &start);
            let next = &ahead - &bound.solve_block(gradient.view());
            let momentum = (k - 1) as f64 / (k + 2) as f64;
            ahead = &next + momentum * (&next - &coefficients);
            coefficients = next;
        }
        Self { power, coefficients }
    }

    /// Logarithms of odds from scores, a row each.
    pub(super) fn log_odds(&self, scores: ArrayView2<'_, f64>) -> Array2<f64> {
        multiply(features(scores, self.power, self.coefficients.ncols()).view(), self.coefficients.view())
    }
}

/// Of each class, what makes its examples count as many as those of any other.
fn weights(classes: &[usize], count: usize) -> Vec<f64> {
    let mut examples = vec![0.0; count];
    classes.iter().for_each(|&class| examples[class] += 1.0);
    examples.iter().map(|&own| classes.len() as f64 / (count as f64 * own)).collect()
}

/// The coefficients `W₁ = I` alone, of P classes with so many scores.
fn powers_alone(scores: usize, count: usize) -> Array2<f64> {
    Array2::from_shape_fn((scores + 1, count), |(i, j)| f64::from(u8::from(i == j)))
}

/// `β (ℓₖ − mean ℓₖ)` of each k, and 1, of each row of scores.
fn features(scores: ArrayView2<'_, f64>, power: f64, count: usize) -> Array2<f64> {
    let mut features = Array2::ones((scores.nrows(), scores.ncols() + 1));
    for (mut to, from) in features.axis_iter_mut(Axis(0)).zip(scores.axis_iter(Axis(0))) {
        for first in (0..from.len()).step_by(count) {
            let of_one = from.slice(s![first..first + count]);
            let mean = of_one.sum() / count as f64;
            to.slice_mut(s![first..first + count]).assign(&((&of_one - mean) * power));
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use ndarray::concatenate;

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
        let calibration = Calibration::new(scores.view(), &classes, 3);
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
        let calibration = Calibration::new(distorted(&scores).view(), &classes, 3);
        let (fresh, fresh_classes) = examples(3000, 2);
        let odds = calibration.log_odds(distorted(&fresh).view());
        let (best, raw) = (score(&fresh, &fresh_classes), score(&distorted(&fresh), &fresh_classes));
        let found = score(&odds, &fresh_classes);
        assert!(raw > best + 0.5 && found < best + 0.02, "{raw} {found} {best}");
    }

    #[test]
    fn the_gradient_vanishes_at_what_is_found() {
        let (scores, classes) = examples(402, 1);
        let calibration = Calibration::new(scores.view(), &classes, 3);
        let loss = |coefficients: &Array2<f64>| {
            let odds =
                Calibration { power: calibration.power, coefficients: coefficients.clone() }.log_odds(scores.view());
            let off = coefficients - &powers_alone(3, 3);
            402.0 * score(&odds, &classes) + 0.5 * RIDGE * off.iter().map(|x| x * x).sum::<f64>()
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

    #[test]
    fn further_scores_add_what_the_first_overlook() {
        let (scores, classes) = examples(3000, 1);
        let (fresh, fresh_classes) = examples(3000, 2);
        // The true scores in two parts, of which neither tells the classes alone.
        let parts = |scores: &Array2<f64>| {
            let part = Array2::from_shape_fn(scores.dim(), |(i, j)| scores[[i, j]] * ((i + j) % 2) as f64);
            concatenate(Axis(1), &[part.view(), (scores - &part).view()]).unwrap()
        };
        let found = |scores: Array2<f64>, fresh: Array2<f64>| {
            score(&Calibration::new(scores.view(), &classes, 3).log_odds(fresh.view()), &fresh_classes)
        };
        let first = |scores: &Array2<f64>| parts(scores).slice(s![.., ..3]).to_owned();
        let (alone, both) = (found(first(&scores), first(&fresh)), found(parts(&scores), parts(&fresh)));
        assert!(both < alone - 0.2 && both < score(&fresh, &fresh_classes) + 0.15, "{alone} {both}");
    }
}
