//! How the weight of a penalty is chosen from a trade-off curve: misfit against penalty.

use super::weight::{Choice, Cooling};

/// How λ² is found where every weight's minimiser can be had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// Discrepancy principle: the largest weight whose misfit reaches the number of data.
    Discrepancy,
    /// The user's own λ².
    Fixed(f64),
    /// The corner of the L-curve: most curved in (ln misfit, ln penalty) (Hansen & O'Leary 1993, SIAM Journal on
    /// Scientific Computing 14(6)).
    LCurve,
    /// Generalized cross-validation, least `‖r‖²/tr(I − ∂(A v)/∂b)²` (Golub, Heath & Wahba 1979, Technometrics 21(2)).
    Gcv,
    /// Least misfit of data left out, fold by fold.
    CrossValidation {
        /// Number of folds.
        folds: usize,
        /// Seed of the folds.
        seed: u64,
    },
}

impl From<Choice> for Criterion {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Discrepancy => Self::Discrepancy,
            Choice::Fixed(weight) => Self::Fixed(weight),
        }
    }
}

impl Criterion {
    /// Whether the misfit has a target.
    pub(super) fn aims_at_misfit(self) -> bool {
        self == Self::Discrepancy
    }
}

/// Steps of golden section: the logarithm is then known within 1e-4 of the distance of two samples.
const SECTIONS: usize = 20;

/// `count` weights from `range.largest` down to `range.least`, evenly spaced in their logarithm.
pub(super) fn sampled(range: Cooling, count: usize) -> Vec<f64> {
    assert!(0.0 < range.least && range.least <= range.largest, "weights from {} to {}", range.least, range.largest);
    let step = (range.least / range.largest).ln() / (count - 1) as f64;
    (0..count).map(|i| range.largest * (step * i as f64).exp()).collect()
}

/// The weight (or another positive number) at which `score` is least: the best of `count` samples of `range`, then golden
/// section between its neighbours, both in its logarithm. Scores that are no numbers count as infinite.
pub fn least(range: Cooling, count: usize, mut score: impl FnMut(f64) -> f64) -> f64 {
    let weights = sampled(range, count);
    let mut found = (weights[0], f64::INFINITY);
    let mut score = |weight: f64| {
        let at = score(weight);
        let at = if at.is_nan() { f64::INFINITY } else { at };
        if at < found.1 {
            found = (weight, at);
        }
        at
    };
    let scores: Vec<f64> = weights.iter().map(|&w| score(w)).collect();
    let best = (0..count).min_by(|&i, &j| scores[i].total_cmp(&scores[j])).expect("samples");
    let (mut high, mut low) = (weights[best.saturating_sub(1)].ln(), weights[(best + 1).min(count - 1)].ln());
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let inside = |low: f64, high: f64| [high - golden * (high - low), low + golden * (high - low)];
    let [mut a, mut b] = inside(low, high);
    let (mut at_a, mut at_b) = (score(a.exp()), score(b.exp()));
    for _ in 0..SECTIONS {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = inside(low, high)[0];
            at_a = score(a.exp());
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = inside(low, high)[1];
            at_b = score(b.exp());
        }
    }
    score((0.5 * (low + high)).exp());
    found.0
}

/// The sample of a trade-off curve (ln misfit, ln penalty), in the order of the weights, at which it bends most towards
/// the origin: the curvature of the circle through it and the samples `stride` before and behind it.
pub(super) fn corner(curve: &[[f64; 2]], stride: usize) -> Option<usize> {
    let bend = |i: usize| {
        let [a, b, c] = [curve[i - stride], curve[i], curve[i + stride]];
        let side = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        // Falling weights: the curve comes from the right, below, and turns up at the corner, to the right.
        let turn = (b[1] - a[1]) * (c[0] - b[0]) - (b[0] - a[0]) * (c[1] - b[1]);
        2.0 * turn / (side(a, b) * side(b, c) * side(c, a)).max(f64::MIN_POSITIVE)
    };
    let inner = stride..curve.len().saturating_sub(stride);
    let bends: Vec<(usize, f64)> = inner.map(|i| (i, bend(i))).filter(|(_, b)| b.is_finite()).collect();
    bends.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_score_is_found_between_samples() {
        let range = Cooling { least: 1e-6, largest: 1e3 };
        let found = least(range, 19, |w| (w.ln() - 2.345).powi(2));
        assert!((found.ln() - 2.345).abs() < 1e-3);
        assert!((least(range, 19, |w| w) / 1e-6 - 1.0).abs() < 1e-3, "at the end of the range");
        // Where there is no number on one side: the last before it, whichever side it is.
        let below = least(range, 19, |w| if w > 1.5 { f64::NAN } else { -w });
        assert!((1.49..=1.5).contains(&below), "{below}");
        let above = least(range, 19, |w| if w < 1.5 { f64::NAN } else { w });
        assert!((1.5..=1.51).contains(&above), "{above}");
        let nowhere = least(range, 19, |_| f64::NAN);
        assert!((range.least..=range.largest * (1.0 + 1e-12)).contains(&nowhere), "{nowhere}");
    }

    #[test]
    fn the_corner_is_where_the_curve_turns_up() {
        // From (3, 0) left to (0, 0), then up: the corner is in the middle; a curve that turns down has none there.
        let curve: Vec<[f64; 2]> = (0..31)
            .map(|i| if i <= 15 { [3.0 - 0.2 * f64::from(i), 0.0] } else { [0.0, 0.2 * f64::from(i - 15)] })
            .collect();
        assert_eq!(corner(&curve, 2), Some(15));
        let down: Vec<[f64; 2]> = curve.iter().map(|p| [p[0], -p[1]]).collect();
        assert_ne!(corner(&down, 2), Some(15));
        assert_eq!(corner(&curve[..3], 2), None);
    }
}
