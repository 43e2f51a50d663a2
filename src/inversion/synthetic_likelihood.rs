//! Scenarios judged by data that the forward model makes of their realizations.
//!
//! Laplace's approximation knows the data of a scenario as far as they are linear in u about one field. Heads between
//! channels are not; what they look like under a scenario, simulations of them tell. The synthetic likelihood (Wood 2010;
//! Price, Drovandi, Lee & Nott 2018) is the Gaussian density
//!
//! `ln p(d|Ω) = −½ (z − z̄)ᵀ S⁻¹ (z − z̄) − ½ ln det S`
//!
//! of the data among L simulated ones, errors included. Here z are the data, those that are not linear in u by their
//! normal scores among the simulations of all scenarios (An, Nott & Drovandi 2020 transform each by itself): one
//! transform for all, so that its derivative is a constant that they share. Of m(m + 1)/2 covariances from L realizations
//! many are chance; `S = (L S_Ω + 2m S̄)/(L + 2m)` leans on S̄, the mean of the scenarios' sample covariances, as if it
//! came from 2m simulations (an inverse Wishart prior; regularized discriminant analysis, Friedman 1989).
//!
//! Data are no more Gaussian than channels are. The density of all data is one of several scores, see [`View`], and how much
//! these are worth is measured: a fifth of the simulations at a time is left out and scored by the densities of the others,
//! and [`Calibration`] makes odds of the scores. The same simulations tell how often each scenario would be named by data
//! like these, and whether the data look like any of them.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis, concatenate};
use rayon::prelude::*;

use super::calibration::Calibration;
use crate::error::{Error, Result};
use crate::linalg::dense::{Cholesky, cholesky, multiply};
use crate::prior::normal_score::NormalScore;

/// Simulations of a scenario without which it is not judged by them.
pub const LEAST_SIMULATIONS: usize = 20;
/// Parts that simulations are left out in.
const FOLDS: usize = 5;

/// What simulations say of a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SyntheticLikelihood {
    /// Its logarithm, calibrated, up to a constant that all scenarios share.
    pub log_likelihood: f64,
    /// Share of the scenario's own simulations, left out a fifth at a time, that are found most probable under it.
    pub recall: f64,
    /// Share of these whose density under it is below that of the data: nearly none where the data look like none of
    /// them (a prior predictive check, Box 1980).
    pub typicality: f64,
}

/// The synthetic likelihoods of scenarios from their simulated data, errors included: a simulation a row, L × m, the same
/// realization in the same row of all; rows that are not finite are left away. `is_linear` says which of the `observed` m
/// are linear in u.
///
/// # Errors
/// [`Error::NoModel`] where the simulations do not tell the covariance of the data.
///
/// # Panics
/// If rows are of another length than the data.
pub fn synthetic_likelihoods(
    simulated: &[ArrayView2<'_, f64>],
    is_linear: &[bool],
    observed: ArrayView1<'_, f64>,
) -> Result<Vec<SyntheticLikelihood>> {
    let m = observed.len();
    assert!(is_linear.len() == m && simulated.iter().all(|s| s.ncols() == m), "data and simulations");
    let mut samples: Vec<Sample> = simulated.iter().map(Sample::new).collect();
    let count: usize = samples.iter().map(|s| s.rows.nrows()).sum();
    if let Some(least) = samples.iter().map(|s| s.rows.nrows()).min().filter(|&least| least < LEAST_SIMULATIONS) {
        return Err(Error::NoModel(format!("a scenario has {least} simulations, and needs {LEAST_SIMULATIONS}")));
    }
    if count * (FOLDS - 1) < FOLDS * (m + 2 * samples.len()) {
        let problem = format!("{count} simulations do not tell the covariance of {m} data: more are needed");
        return Err(Error::NoModel(problem));
    }
    let mut observed = observed.to_owned();
    for j in (0..m).filter(|&j| !is_linear[j]) {
        let mut columns: Vec<_> = samples.iter_mut().map(|s| s.rows.column_mut(j)).collect();
        score(&mut columns, &mut observed[j]);
    }
    let unknown = || Error::NoModel("a datum is the same in all simulations, or follows from others".into());
    let views = View::all(is_linear);
    let folds = left_out_scores(&samples, &views).ok_or_else(unknown)?;
    let own = Densities::new(samples.iter().map(|s| s.rows.view()), &views).ok_or_else(unknown)?;
    let own = own.scores(observed.view().insert_axis(Axis(0)));
    let odds = calibration(&folds, None).log_odds(own.view());
    // How odds from the simulations of the other folds name those of a fold.
    let named = |fold: usize| -> Vec<usize> {
        let calibration = calibration(&folds, Some(fold));
        let of = |(p, scores): (usize, &Array2<f64>)| {
            let odds = calibration.log_odds(scores.view());
            odds.rows().into_iter().filter(|odds| odds.iter().enumerate().all(|(q, &x)| q == p || x < odds[p])).count()
        };
        folds[fold].iter().enumerate().map(of).collect()
    };
    let named: Vec<Vec<usize>> = (0..FOLDS).into_par_iter().map(named).collect();
    let judged = |(p, sample): (usize, &Sample)| {
        let total = sample.rows.nrows() as f64;
        let below =
            folds.iter().map(|fold| fold[p].column(p).iter().filter(|&&x| x < own[[0, p]]).count()).sum::<usize>();
        SyntheticLikelihood {
            log_likelihood: odds[[0, p]],
            recall: named.iter().map(|fold| fold[p]).sum::<usize>() as f64 / total,
            typicality: below as f64 / total,
        }
    };
    Ok(samples.iter().enumerate().map(judged).collect())
}

/// The simulations of a scenario that are finite, and the fold of each.
struct Sample {
    rows: Array2<f64>,
    folds: Vec<usize>,
}

impl Sample {
    fn new(simulated: &ArrayView2<'_, f64>) -> Self {
        let finite = |&l: &usize| simulated.row(l).iter().all(|x| x.is_finite());
        let kept: Vec<usize> = (0..simulated.nrows()).filter(finite).collect();
        Self { rows: simulated.select(Axis(0), &kept), folds: kept.iter().map(|l| l % FOLDS).collect() }
    }

    /// The rows of a fold, or of all others.
    fn part(&self, fold: usize, inside: bool) -> Array2<f64> {
        let rows: Vec<usize> = (0..self.folds.len()).filter(|&i| (self.folds[i] == fold) == inside).collect();
        self.rows.select(Axis(0), &rows)
    }
}

/// Of every fold and scenario the scores of its simulations under all scenarios, as the other folds tell these; `None`
/// where they do not.
fn left_out_scores(samples: &[Sample], views: &[View]) -> Option<Vec<Vec<Array2<f64>>>> {
    let scores = |fold: usize| {
        let others: Vec<Array2<f64>> = samples.iter().map(|s| s.part(fold, false)).collect();
        let densities = Densities::new(others.iter().map(|s| s.view()), views)?;
        Some(samples.iter().map(|s| densities.scores(s.part(fold, true).view())).collect())
    };
    (0..FOLDS).into_par_iter().map(scores).collect()
}

/// The calibration by all folds but one.
fn calibration(folds: &[Vec<Array2<f64>>], but: Option<usize>) -> Calibration {
    let kept = || {
        folds
            .iter()
            .enumerate()
            .filter(|(fold, _)| Some(*fold) != but)
            .flat_map(|(_, scores)| scores.iter().enumerate())
    };
    let classes: Vec<usize> = kept().flat_map(|(p, scores)| vec![p; scores.nrows()]).collect();
    let scores: Vec<ArrayView2<'_, f64>> = kept().map(|(_, scores)| scores.view()).collect();
    let scores = concatenate(Axis(0), &scores).expect("the same scores of all");
    Calibration::new(scores.view(), &classes, folds[0].len())
}

/// Normal scores of one datum among the simulations of all scenarios. What lies beyond them all gets the outermost score:
/// how far beyond it is, they cannot tell. A datum that is the same in all simulations stays as it is.
fn score(columns: &mut [ArrayViewMut1<'_, f64>], observed: &mut f64) {
    let pooled: Vec<f64> = columns.iter().flat_map(|column| column.iter().copied()).collect();
    let Ok(transform) = NormalScore::new(&pooled, None, None, None) else { return };
    columns.iter_mut().for_each(|column| column.mapv_inplace(|x| transform.score(x)));
    let (least, largest) = pooled.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    *observed = transform.score(observed.clamp(least, largest));
}

/// What a score looks at.
///
/// The first is of all data under each scenario's S. Where some data are linear in u and others not, each kind alone is
/// another; and the last is of all data with S̄ for every scenario, by which their means alone tell them apart.
struct View {
    data: Vec<usize>,
    is_shared: bool,
}

impl View {
    fn all(is_linear: &[bool]) -> Vec<Self> {
        let own = |data| Self { data, is_shared: false };
        let all: Vec<usize> = (0..is_linear.len()).collect();
        let (linear, other): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&j| is_linear[j]);
        let mut views = vec![own(all.clone())];
        if !linear.is_empty() && !other.is_empty() {
            views.extend([own(linear), own(other)]);
        }
        views.push(Self { data: all, is_shared: true });
        views
    }
}

/// The Gaussian density of each view of the data under each scenario.
struct Densities<'a>(Vec<(&'a View, Vec<Density>)>);

/// Mean and factor of the covariance.
struct Density(Array1<f64>, Arc<Cholesky>);

impl<'a> Densities<'a> {
    /// From samples of the scenarios, one simulation a row; `None` where these do not tell S.
    fn new<'s>(samples: impl Iterator<Item = ArrayView2<'s, f64>>, views: &'a [View]) -> Option<Self> {
        let moments: Vec<(f64, Array1<f64>, Array2<f64>)> = samples.map(moments).collect();
        let m = moments[0].1.len();
        let mut shared = Array2::zeros((m, m));
        moments.iter().for_each(|(_, _, own)| shared += own);
        shared /= moments.len() as f64;
        let of_view = |view: &'a View| {
            let square = |of: &Array2<f64>| of.select(Axis(0), &view.data).select(Axis(1), &view.data);
            let (shared, weight) = (square(&shared), 2.0 * view.data.len() as f64);
            let common = if view.is_shared { Some(Arc::new(cholesky(&shared)?)) } else { None };
            let density = |(count, mean, own): &(f64, Array1<f64>, Array2<f64>)| {
                let leaning = || cholesky(&((square(own) * *count + &shared * weight) / (count + weight)));
                let covariance = common.clone().or_else(|| leaning().map(Arc::new))?;
                Some(Density(mean.select(Axis(0), &view.data), covariance))
            };
            Some((view, moments.iter().map(density).collect::<Option<_>>()?))
        };
        views.iter().map(of_view).collect::<Option<_>>().map(Self)
    }

    /// Logarithms of the densities of data, one a row: those of the first view under all scenarios, those of the next…
    fn scores(&self, data: ArrayView2<'_, f64>) -> Array2<f64> {
        let of_view = |(view, of_scenarios): &(&View, Vec<Density>)| {
            let seen = data.select(Axis(1), &view.data);
            let mut out = Array2::zeros((data.nrows(), of_scenarios.len()));
            for (Density(mean, factor), mut column) in of_scenarios.iter().zip(out.columns_mut()) {
                let whitened = factor.half_solve_block((&seen - mean).t());
                let half = 0.5 * factor.log_determinant();
                column.iter_mut().zip(whitened.columns()).for_each(|(out, z)| *out = -0.5 * z.dot(&z) - half);
            }
            out
        };
        let scores: Vec<_> = self.0.iter().map(of_view).collect();
        let views: Vec<_> = scores.iter().map(|scores| scores.view()).collect();
        concatenate(Axis(1), &views).expect("a row a simulation")
    }
}

/// Number, mean and unbiased sample covariance of rows.
fn moments(rows: ArrayView2<'_, f64>) -> (f64, Array1<f64>, Array2<f64>) {
    let count = rows.nrows() as f64;
    let mean = rows.sum_axis(Axis(0)) / count;
    let deviations = &rows - &mean;
    let covariance = multiply(deviations.t(), deviations.view()) / (count - 1.0);
    (count, mean, covariance)
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::super::toys::normals;
    use super::super::verdict::{log_score, probabilities};
    use super::*;

    /// Simulations `A x + shift` of standard normal x, one a row.
    fn simulated(count: usize, mixing: &Array2<f64>, shift: f64, level: u32) -> Array2<f64> {
        multiply(normals(count, mixing.ncols(), level).view(), mixing.t()) + shift
    }

    fn mixings() -> [Array2<f64>; 2] {
        [1, 2].map(|level| normals(4, 4, level) + 2.0 * Array2::<f64>::eye(4))
    }

    fn log_likelihoods(
        simulations: &[Array2<f64>; 2],
        is_linear: [bool; 4],
        observed: ArrayView1<'_, f64>,
    ) -> Result<[f64; 2]> {
        let judged = synthetic_likelihoods(&simulations.each_ref().map(|s| s.view()), &is_linear, observed)?;
        Ok([judged[0].log_likelihood, judged[1].log_likelihood])
    }

    /// ln of the density of N(mean, A Aᵀ) without `−(m/2) ln 2π`.
    fn density(mixing: &Array2<f64>, mean: f64, x: ArrayView1<'_, f64>) -> f64 {
        let factor = cholesky(&multiply(mixing.view(), mixing.t())).unwrap();
        let whitened = factor.half_solve((&x - mean).view());
        -0.5 * whitened.dot(&whitened) - 0.5 * factor.log_determinant()
    }

    #[test]
    fn of_gaussian_data_the_odds_are_those_of_their_densities() {
        let [a, b] = mixings();
        let simulations = [simulated(10_000, &a, 0.0, 3), simulated(10_000, &b, 0.7, 4)];
        let mut given = [Vec::new(), Vec::new()];
        for (truth, mixing, shift) in [(0, &a, 0.0), (1, &b, 0.7)] {
            for observed in simulated(4, mixing, shift, 9).rows() {
                let found = log_likelihoods(&simulations, [true; 4], observed).unwrap();
                let expected = [density(&a, 0.0, observed), density(&b, 0.7, observed)];
                given[0].push(probabilities(&found)[truth]);
                given[1].push(probabilities(&expected)[truth]);
            }
        }
        let differs = given[0].iter().zip(&given[1]).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(differs < 0.03 && log_score(&given[1]) < 0.6, "{differs} {given:?}");
    }

    #[test]
    fn scenarios_are_named_as_often_as_their_densities_tell_them_apart() {
        let one = Array2::from_elem((1, 1), 1.0);
        let simulations = [simulated(20_000, &one, 0.0, 3), simulated(20_000, &one, 2.0, 4)];
        let views = simulations.each_ref().map(|s| s.view());
        let judged = synthetic_likelihoods(&views, &[true], Array1::from_elem(1, -1.0).view()).unwrap();
        // Φ(1) of either lie on its side of the middle, and −1 is one and three standard deviations off.
        judged.iter().for_each(|judged| assert!((judged.recall - 0.8413).abs() < 0.01, "{judged:?}"));
        assert!((judged[0].typicality - 0.3173).abs() < 0.015 && judged[1].typicality < 0.005, "{judged:?}");
    }

    #[test]
    fn scenarios_of_one_kind_are_named_by_chance() {
        let [a, _] = mixings();
        let simulations = [3, 4, 5].map(|level| simulated(30, &a, 0.0, level));
        let views = simulations.each_ref().map(|s| s.view());
        let judged = synthetic_likelihoods(&views, &[true; 4], simulations[0].row(0)).unwrap();
        let mean = judged.iter().map(|judged| judged.recall).sum::<f64>() / 3.0;
        assert!((mean - 1.0 / 3.0).abs() < 0.12, "what calibrates does not judge: {judged:?}");
    }

    #[test]
    fn a_scenario_of_fewer_simulations_is_no_less_probable_for_it() {
        let [a, _] = mixings();
        let simulations = [simulated(400, &a, 0.0, 3), simulated(80, &a, 0.0, 4)];
        let observed = simulated(1, &a, 0.0, 9);
        let found = log_likelihoods(&simulations, [true; 4], observed.row(0)).unwrap();
        assert!((probabilities(&found)[0] - 0.5).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn densities_lean_on_the_covariance_that_scenarios_share() {
        // Of one datum: variances 1/2 and 9/2 of two rows each, shared 5/2 with the weight 2.
        let samples = [Array2::from_shape_vec((2, 1), vec![0.0, 1.0]), Array2::from_shape_vec((2, 1), vec![1.0, 4.0])];
        let samples = samples.map(|sample| sample.unwrap());
        let views = View::all(&[true]);
        let densities = Densities::new(samples.iter().map(|s| s.view()), &views).unwrap();
        let found = densities.scores(Array2::from_elem((1, 1), 2.0).view());
        let expected = [(0.5, 1.5), (2.5, 3.5), (0.5, 2.5), (2.5, 2.5_f64)];
        assert_eq!(found.dim(), (1, expected.len()));
        for (&found, (mean, variance)) in found.iter().zip(expected) {
            let expected = -0.5 * (2.0f64 - mean).powi(2) / variance - 0.5 * variance.ln();
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
    }

    #[test]
    fn data_of_either_kind_are_scored_alone() {
        let [a, b] = mixings();
        let samples = [simulated(50, &a, 0.0, 3), simulated(60, &b, 0.7, 4)];
        let scores = |data: &[usize], is_linear: &[bool]| {
            let of = samples.each_ref().map(|sample| sample.select(Axis(1), data));
            let views = View::all(is_linear);
            Densities::new(of.iter().map(|s| s.view()), &views).unwrap().scores(of[0].view())
        };
        let found = scores(&[0, 1, 2, 3], &[true, false, false, true]);
        assert_eq!(found.ncols(), 8, "all, linear, others and shared, of two scenarios");
        let alone = [scores(&[0, 3], &[true; 2]), scores(&[1, 2], &[false; 2])];
        for (k, alone) in alone.iter().enumerate() {
            let differs = (&found.slice(s![.., 2 * k + 2..2 * k + 4]) - &alone.slice(s![.., ..2])).mapv(f64::abs);
            assert!(differs.iter().all(|&x| x < 1e-12), "{differs}");
        }
    }

    #[test]
    fn a_monotonous_transform_of_a_datum_that_is_not_linear_changes_nothing() {
        let [a, b] = mixings();
        let plain = [simulated(300, &a, 0.0, 3), simulated(300, &b, 0.5, 4)];
        let bent = plain.clone().map(|mut s| {
            s.column_mut(2).mapv_inplace(f64::exp);
            s
        });
        let observed = plain[1].row(7).to_owned();
        let mut transformed = observed.clone();
        transformed[2] = observed[2].exp();
        let scored = [true, true, false, true];
        let expected = log_likelihoods(&plain, scored, observed.view()).unwrap();
        let found = log_likelihoods(&bent, scored, transformed.view()).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        let linear = log_likelihoods(&bent, [true; 4], transformed.view()).unwrap();
        assert!((linear[0] - linear[1] - expected[0] + expected[1]).abs() > 0.02, "scores matter here");
    }

    #[test]
    fn data_beyond_all_simulations_count_as_the_outermost() {
        let [a, b] = mixings();
        let simulations = [simulated(100, &a, 0.0, 3), simulated(100, &b, 0.0, 4)];
        let judged = |far: f64| {
            let observed = Array1::from(vec![0.1, far, -0.2, 0.0]);
            log_likelihoods(&simulations, [true, false, true, true], observed.view()).unwrap()
        };
        assert_eq!(judged(50.0), judged(5000.0));
        assert_ne!(judged(50.0), judged(1.0));
    }

    #[test]
    fn rows_without_data_are_left_away_and_the_others_stay_in_their_folds() {
        let [a, b] = mixings();
        let mut simulations = [simulated(60, &a, 0.0, 3), simulated(60, &b, 0.7, 4)];
        let observed = Array1::from(vec![0.1, 0.3, -0.2, 0.0]);
        simulations[1].row_mut(7).fill(f64::NAN);
        simulations[1][[30, 2]] = f64::INFINITY;
        let sample = Sample::new(&simulations[1].view());
        assert_eq!((sample.rows.nrows(), sample.folds[7], sample.folds[29]), (58, 3, 1));
        log_likelihoods(&simulations, [true; 4], observed.view()).unwrap();
    }

    #[test]
    fn simulations_that_tell_no_covariance_are_refused() {
        let [a, b] = mixings();
        let observed = Array1::zeros(4);
        let judged = |simulations: &[Array2<f64>; 2]| {
            log_likelihoods(simulations, [true, true, true, false], observed.view()).map_err(|e| e.to_string())
        };
        let problem = judged(&[simulated(200, &a, 0.0, 3), simulated(19, &b, 0.0, 4)]).unwrap_err();
        assert!(problem.contains("a scenario has 19 simulations, and needs 20"), "{problem}");
        let wide = [3, 4].map(|level| normals(20, 40, level));
        let views = wide.each_ref().map(|s| s.view());
        let problem = synthetic_likelihoods(&views, &[true; 40], Array1::zeros(40).view()).unwrap_err().to_string();
        assert!(problem.contains("40 simulations do not tell the covariance of 40 data"), "{problem}");
        let mut same = [simulated(50, &a, 0.0, 3), simulated(50, &b, 0.0, 4)];
        same.iter_mut().for_each(|s| s.column_mut(3).fill(2.0));
        assert!(judged(&same).unwrap_err().contains("the same in all simulations"), "a datum that never varies");
        same[0].slice_mut(s![..10, 3]).fill(2.5);
        assert!(judged(&same).is_ok(), "one that does in ten");
    }
}
