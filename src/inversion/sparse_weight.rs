//! The weight of a group penalty by the L-curve, generalized cross-validation or cross-validation.

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use super::criterion::{Criterion, corner, sampled};
use super::groups::Grouping;
use super::sparsity::{GroupedLeastSquares, Minimizer};
use super::weight::{Candidate, Cooling, split};
use crate::error::Result;

/// Weights of a path: from the one that leaves nothing
const SAMPLES: usize = 49;
/// down to this share of it.
const LEAST_SHARE: f64 = 1e-6;
/// Samples to either side of a corner that its curvature is measured by.
const STRIDE: usize = 3;

/// The minimiser of `‖A v − b‖² + λ² R(v)` at the weight of a criterion, the weight, and the trade-off curve.
///
/// Generalized cross-validation counts what the minimiser takes of the data by its exact derivative
/// ([`GroupedLeastSquares::freedom`]): for the l1 norm the number of coefficients that are not zero.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) where there are fewer data than folds, or fewer than two folds.
pub fn choose_weight(
    a: ArrayView2<'_, f64>,
    b: ArrayView1<'_, f64>,
    grouping: &Grouping,
    criterion: Criterion,
) -> Result<(Minimizer, f64, Vec<Candidate>)> {
    let prepared = GroupedLeastSquares::new(a, b, grouping);
    let largest = prepared.largest_weight().max(f64::MIN_POSITIVE);
    let range = Cooling { least: LEAST_SHARE * largest, largest };
    let path = || prepared.path(&sampled(range, SAMPLES));
    let chosen = match criterion {
        Criterion::Fixed(weight) => {
            let found = prepared.minimize(weight, None);
            let taken = candidate(weight, &found, 1);
            return Ok((found, weight, vec![taken]));
        }
        Criterion::Discrepancy => return Ok(prepared.discrepancy(range, b.len() as f64)),
        Criterion::LCurve => {
            let path = path();
            // At the largest weight the penalty is zero, and its logarithm no number.
            let curve: Vec<[f64; 2]> = path[1..].iter().map(|(_, f)| [f.misfit.ln(), f.penalty.ln()]).collect();
            let at = corner(&curve, STRIDE).map_or(path.len() - 1, |i| i + 1);
            (path, at)
        }
        Criterion::Gcv => {
            let path = path();
            let score = |(weight, found): &(f64, Minimizer)| found.misfit / prepared.freedom(found, *weight).powi(2);
            let at = first_least(path.iter().map(score));
            (path, at)
        }
        Criterion::CrossValidation { folds, seed } => {
            let weights = sampled(range, SAMPLES);
            let mut missed = Array1::<f64>::zeros(SAMPLES);
            for [kept, out] in split(b.len(), folds, seed)? {
                let (rows, left_out) = (a.select(Axis(0), &kept), a.select(Axis(0), &out));
                let fold = GroupedLeastSquares::new(rows.view(), b.select(Axis(0), &kept).view(), grouping);
                for ((_, found), missed) in fold.path(&weights).iter().zip(&mut missed) {
                    let difference = b.select(Axis(0), &out) - left_out.dot(&found.v);
                    *missed += difference.dot(&difference);
                }
            }
            (path(), first_least(missed.iter().copied()))
        }
    };
    let (mut path, at) = chosen;
    let curve = path.iter().enumerate().map(|(i, (w, f))| candidate(*w, f, u8::from(i == at))).collect();
    let (weight, found) = path.swap_remove(at);
    Ok((found, weight, curve))
}

fn candidate(weight: f64, found: &Minimizer, chosen: u8) -> Candidate {
    Candidate { weight, misfit: found.misfit, penalty: found.penalty, chosen }
}

/// The first of the least scores: the largest weight.
fn first_least(scores: impl Iterator<Item = f64>) -> usize {
    let best = scores.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::toys::normals;
    use super::*;

    /// 40 data with noise of 1 of two of twelve groups of five, and what they are without noise.
    fn toy() -> (Array2<f64>, Array1<f64>, Array1<f64>, Grouping) {
        let (m, lengths) = (40, [5; 12]);
        let a = normals(m, 60, 0);
        let mut v = Array1::zeros(60);
        v.slice_mut(ndarray::s![10..15]).fill(2.0);
        v.slice_mut(ndarray::s![40..45]).assign(&(3.0 * &normals(5, 1, 1).column(0)));
        let exact = a.dot(&v);
        let b = &exact + &normals(m, 1, 2).column(0);
        (a, b, exact, Grouping::blocks(&lengths).unwrap())
    }

    #[test]
    fn every_criterion_comes_near_the_best_weight() {
        let (a, b, exact, grouping) = toy();
        let error = |v: &Array1<f64>| (&a.dot(v) - &exact).mapv(|e| e * e).sum().sqrt();
        let prepared = GroupedLeastSquares::new(a.view(), b.view(), &grouping);
        let largest = prepared.largest_weight();
        let path = prepared.path(&sampled(Cooling { least: 1e-5 * largest, largest }, 80));
        let best = path.iter().map(|(_, found)| error(&found.v)).fold(f64::INFINITY, f64::min);
        for criterion in [
            Criterion::Discrepancy,
            Criterion::Gcv,
            Criterion::CrossValidation { folds: 10, seed: 1 },
            Criterion::LCurve,
        ] {
            let (found, weight, curve) = choose_weight(a.view(), b.view(), &grouping, criterion).unwrap();
            assert!(error(&found.v) < 2.0 * best, "{criterion:?}: {} against {best}", error(&found.v));
            assert!(found.active[2] && found.active[8]);
            let chosen: Vec<_> = curve.iter().filter(|c| c.chosen == 1).collect();
            assert_eq!((chosen.len(), chosen[0].weight), (1, weight));
        }
        let folds = Criterion::CrossValidation { folds: 41, seed: 1 };
        assert!(choose_weight(a.view(), b.view(), &grouping, folds).is_err());
    }

    #[test]
    fn the_freedom_is_the_derivative_of_the_residual() {
        let (a, b, _, groups) = toy();
        let singles = Grouping::singles(Array1::ones(60).view()).unwrap();
        for (m, grouping) in [(40, &groups), (40, &singles), (12, &groups)] {
            let (a, b) = (a.slice(ndarray::s![..m, ..]), b.slice(ndarray::s![..m]).to_owned());
            let prepared = GroupedLeastSquares::new(a, b.view(), grouping);
            let weight = 0.1 * prepared.largest_weight();
            let found = prepared.minimize(weight, None);
            let freedom = prepared.freedom(&found, weight);
            let residual = |b: &Array1<f64>| {
                let found = GroupedLeastSquares::new(a, b.view(), grouping).minimize(weight, None);
                b - &a.dot(&found.v)
            };
            let h = 1e-4;
            let derivative = |i: usize| {
                let moved = |h: f64| {
                    let mut moved = b.clone();
                    moved[i] += h;
                    residual(&moved)[i]
                };
                (moved(h) - moved(-h)) / (2.0 * h)
            };
            let trace: f64 = (0..m).map(derivative).sum();
            assert!((freedom - trace).abs() < 1e-4 * m as f64, "{freedom} {trace}");
        }
        let prepared = GroupedLeastSquares::new(a.view(), b.view(), &singles);
        let weight = 0.1 * prepared.largest_weight();
        let found = prepared.minimize(weight, None);
        let active = found.active.iter().filter(|&&a| a).count() as f64;
        assert!((prepared.freedom(&found, weight) - (40.0 - active)).abs() < 1e-6, "under l1 one for each coefficient");
    }
}
