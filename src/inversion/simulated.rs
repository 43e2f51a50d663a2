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
//! Data are no more Gaussian than channels are. How much these densities are worth is measured: a fifth of the simulations
//! at a time is left out and scored by the densities of the others, and [`Calibration`] makes odds of the scores. The same
//! simulations tell how often each scenario would be recognized by data like these.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis, concatenate};
use rayon::prelude::*;

use super::calibration::Calibration;
use crate::error::{Error, Result};
use crate::linalg::dense::{Cholesky, cholesky, multiply};
use crate::prior::normal_score::NormalScore;

/// Parts that simulations are left out in.
const FOLDS: usize = 5;

/// What simulations say of a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulated {
    /// Its log synthetic likelihood, calibrated, up to a constant that all scenarios share.
    pub log_likelihood: f64,
    /// Share of its own simulations, left out in turn, that are found most probable under it.
    pub recognized: f64,
}

/// Judges scenarios by their simulated data, errors included, one simulation a row, L × m; `is_linear` says which of the
/// `observed` m are linear in u.
///
/// # Errors
/// [`Error::NoModel`] where the simulations do not tell the covariance of the data: they are too few, or not finite.
///
/// # Panics
/// If rows are of another length than the data.
pub fn judge_by_simulations(
    simulated: &[ArrayView2<'_, f64>],
    is_linear: &[bool],
    observed: ArrayView1<'_, f64>,
) -> Result<Vec<Simulated>> {
    let m = observed.len();
    assert!(is_linear.len() == m && simulated.iter().all(|s| s.ncols() == m), "data and simulations");
    let count: usize = simulated.iter().map(|s| s.nrows()).sum();
    let few = || Error::NoModel(format!("{count} simulations do not tell the covariance of {m} data: more are needed"));
    if count * (FOLDS - 1) < FOLDS * (m + 2 * simulated.len()) || simulated.iter().any(|s| s.nrows() < 2 * FOLDS) {
        return Err(few());
    }
    if !simulated.iter().flatten().all(|x| x.is_finite()) {
        return Err(Error::NoModel("simulated data are no finite numbers".into()));
    }
    let mut scores: Vec<Array2<f64>> = simulated.iter().map(|s| s.to_owned()).collect();
    let mut observed = observed.to_owned();
    for j in (0..m).filter(|&j| !is_linear[j]) {
        let mut columns: Vec<_> = scores.iter_mut().map(|s| s.column_mut(j)).collect();
        score(&mut columns, &mut observed[j]);
    }
    let left_out = |fold: usize| {
        let rows = |s: &Array2<f64>, held: bool| {
            let kept: Vec<usize> = (0..s.nrows()).filter(|l| (l % FOLDS == fold) == held).collect();
            s.select(Axis(0), &kept)
        };
        let densities = Densities::new(&scores.iter().map(|s| rows(s, false)).collect::<Vec<_>>())?;
        Some(scores.iter().map(|s| densities.of(rows(s, true).view())).collect::<Vec<_>>())
    };
    let folds: Vec<Vec<Array2<f64>>> =
        (0..FOLDS).into_par_iter().map(left_out).collect::<Option<_>>().ok_or_else(few)?;
    let blocks = folds.iter().flatten();
    let classes: Vec<usize> =
        folds.iter().flat_map(|fold| fold.iter().enumerate()).flat_map(|(p, s)| vec![p; s.nrows()]).collect();
    let examples = concatenate(Axis(0), &blocks.map(|s| s.view()).collect::<Vec<_>>()).expect("rows are of one length");
    let calibration = Calibration::new(examples.view(), &classes);
    let mut recognized = vec![0usize; simulated.len()];
    for (odds, &class) in calibration.log_odds(examples.view()).rows().into_iter().zip(&classes) {
        recognized[class] += usize::from(odds.iter().enumerate().all(|(p, &x)| p == class || x < odds[class]));
    }
    let own = Densities::new(&scores).ok_or_else(few)?.of(observed.view().insert_axis(Axis(0)));
    let odds = calibration.log_odds(own.view());
    let judged = odds.iter().zip(recognized).zip(simulated).map(|((&log_likelihood, recognized), s)| Simulated {
        log_likelihood,
        recognized: recognized as f64 / s.nrows() as f64,
    });
    Ok(judged.collect())
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

/// The Gaussian density of the data under each scenario: mean and factor of S.
struct Densities(Vec<(Array1<f64>, Cholesky)>);

impl Densities {
    /// From samples, one a row; `None` where these do not tell S.
    fn new(samples: &[Array2<f64>]) -> Option<Self> {
        let m = samples[0].ncols();
        let moments: Vec<(Array1<f64>, Array2<f64>)> = samples.iter().map(|s| moments(s.view())).collect();
        let mut shared = Array2::zeros((m, m));
        moments.iter().for_each(|(_, covariance)| shared += covariance);
        shared /= samples.len() as f64;
        let density = |((mean, own), sample): ((Array1<f64>, Array2<f64>), &Array2<f64>)| {
            let (own_weight, shared_weight) = (sample.nrows() as f64, 2.0 * m as f64);
            let covariance = (own * own_weight + &shared * shared_weight) / (own_weight + shared_weight);
            Some((mean, cholesky(&covariance)?))
        };
        moments.into_iter().zip(samples).map(density).collect::<Option<_>>().map(Self)
    }

    /// Logarithms of the densities of data, one a row, N × P.
    fn of(&self, data: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((data.nrows(), self.0.len()));
        for ((mean, factor), mut column) in self.0.iter().zip(out.columns_mut()) {
            let whitened = factor.half_solve_block((&data - mean).t());
            let half = 0.5 * factor.log_determinant();
            column.iter_mut().zip(whitened.columns()).for_each(|(out, z)| *out = -0.5 * z.dot(&z) - half);
        }
        out
    }
}

/// Mean and unbiased sample covariance of rows.
fn moments(rows: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let mean = rows.mean_axis(Axis(0)).expect("there are rows");
    let deviations = &rows - &mean;
    let covariance = multiply(deviations.t(), deviations.view()) / (rows.nrows() - 1) as f64;
    (mean, covariance)
}

#[cfg(test)]
mod tests {
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
        let judged = judge_by_simulations(&simulations.each_ref().map(|s| s.view()), &is_linear, observed)?;
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
    fn scenarios_are_recognized_as_often_as_their_densities_tell_them_apart() {
        let one = Array2::from_elem((1, 1), 1.0);
        let simulations = [simulated(20_000, &one, 0.0, 3), simulated(20_000, &one, 2.0, 4)];
        let views = simulations.each_ref().map(|s| s.view());
        let judged = judge_by_simulations(&views, &[true], Array1::zeros(1).view()).unwrap();
        // Φ(1) of either lie on its side of the middle.
        judged.iter().for_each(|judged| assert!((judged.recognized - 0.8413).abs() < 0.01, "{judged:?}"));
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
    fn simulations_that_tell_no_covariance_are_refused() {
        let [a, b] = mixings();
        let observed = Array1::zeros(4);
        let judged = |simulations: [Array2<f64>; 2]| {
            log_likelihoods(&simulations, [true; 4], observed.view()).unwrap_err().to_string()
        };
        let problem = judged([simulated(20, &a, 0.0, 3), simulated(9, &b, 0.0, 4)]);
        assert!(problem.contains("29 simulations do not tell the covariance of 4 data"), "{problem}");
        let same = Array2::ones((50, 4));
        assert!(judged([same.clone(), same]).contains("100 simulations"), "nothing varies");
        let mut wild = [simulated(50, &a, 0.0, 3), simulated(50, &b, 0.0, 4)];
        wild[1][[7, 2]] = f64::NAN;
        assert!(judged(wild).contains("no finite numbers"));
    }
}
