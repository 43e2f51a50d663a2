//! Kriging: the best linear unbiased estimate of a field from values known at some places (Matheron 1963; Chilès and
//! Delfiner 2012).

use ndarray::{Array1, Array2};

use super::variogram::Variogram;
use super::{Conditioning, Known};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::linalg::dense;

/// What is known of the mean of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kriging {
    /// The mean is known: weights solve `C w = c`.
    Simple,
    /// The mean is some unknown constant: the weights sum to one, `C w + μ 1 = c`, `1ᵀ w = 1`.
    Ordinary,
}

/// Values at m places `x_α`, ready to be kriged from: `C_αβ = C(x_α − x_β)` is factorized once.
pub struct Estimator<'a> {
    variogram: &'a Variogram,
    kriging: Kriging,
    places: Vec<[f64; 3]>,
    factor: dense::Cholesky,
    /// `C⁻¹ 1` and `1ᵀ C⁻¹ 1`.
    ones: (Array1<f64>, f64),
}

/// What the data say of one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Weight w of each datum: the estimate is `m + wᵀ (z − m)`, where m, the mean, drops out of ordinary kriging.
    pub weights: Array1<f64>,
    /// Variance of the estimate's error, `C(0) − wᵀ c − μ`; μ is 0 in simple kriging.
    pub variance: f64,
}

impl<'a> Estimator<'a> {
    /// From data at `places` \[m\].
    ///
    /// # Errors
    /// Two data at one place, or so near that the covariance is singular; no datum for ordinary kriging.
    pub fn new(variogram: &'a Variogram, kriging: Kriging, places: Vec<[f64; 3]>) -> Result<Self> {
        if places.is_empty() && kriging == Kriging::Ordinary {
            return Err(Error::input("kriging", "no value is known", "ordinary kriging needs one at least"));
        }
        let covariance = |(i, j): (usize, usize)| variogram.covariance(lag(places[i], places[j]));
        let matrix = Array2::from_shape_fn((places.len(), places.len()), covariance);
        let factor = dense::cholesky(&matrix).ok_or_else(|| singular(places.len()))?;
        let ones = factor.solve(Array1::ones(places.len()).view());
        let sum = ones.sum();
        Ok(Self { variogram, kriging, places, factor, ones: (ones, sum) })
    }

    /// Weights and variance for the field at `place` \[m\].
    pub fn weights(&self, place: [f64; 3]) -> Weights {
        let to_data: Array1<f64> = self.places.iter().map(|&at| self.variogram.covariance(lag(place, at))).collect();
        let mut weights = self.factor.solve(to_data.view());
        let mut multiplier = 0.0;
        if self.kriging == Kriging::Ordinary {
            multiplier = (weights.sum() - 1.0) / self.ones.1;
            weights.scaled_add(-multiplier, &self.ones.0);
        }
        let variance = self.variogram.sill() - weights.dot(&to_data) - multiplier;
        Weights { weights, variance: variance.max(0.0) }
    }
}

/// The kriged field and its variance, one a cell, from all known values at once (`mean` is used by simple kriging only).
///
/// # Errors
/// Data outside of the grid or competing for a cell, and those of [`Estimator::new`].
pub fn krige(
    grid: &Grid,
    variogram: &Variogram,
    kriging: Kriging,
    mean: f64,
    data: &Conditioning,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let known = known_values(data, grid.len())?;
    let center = |cell: usize| grid.center(grid.cell(cell));
    let estimator = Estimator::new(variogram, kriging, known.iter().map(|known| center(known.cell)).collect())?;
    let departures: Array1<f64> = known.iter().map(|known| known.value - mean).collect();
    let at = |cell: usize| {
        let found = estimator.weights(center(cell));
        (mean + found.weights.dot(&departures), found.variance)
    };
    Ok((0..grid.len()).map(at).unzip())
}

fn lag(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(super) fn singular(data: usize) -> Error {
    Error::input(
        "conditioning",
        format!("the covariance of {data} known values is singular"),
        "thin out the data, or give very smooth variograms a small nugget",
    )
}

/// The known values by ascending cell, each cell once.
///
/// # Errors
/// Values outside of `cells` cells or not finite, different values for one cell, or facies among the data.
pub(super) fn known_values(data: &Conditioning, cells: usize) -> Result<Vec<Known<f64>>> {
    let fail = |problem: String, remedy: &str| Err(Error::input("conditioning", problem, remedy));
    if let Some(known) = data.facies.first() {
        let problem = format!("facies {} is known in cell {}, but the field has no facies", known.value, known.cell);
        return fail(problem, "give known values, or choose a prior of facies");
    }
    if let Some(known) = data.values.iter().find(|known| known.cell >= cells || !known.value.is_finite()) {
        let problem = format!("value {} in cell {} of {cells} cells", known.value, known.cell);
        return fail(problem, "give finite values in cells of the grid");
    }
    let mut known = data.values.clone();
    known.sort_by_key(|known| known.cell);
    known.dedup();
    if let Some(pair) = known.windows(2).find(|pair| pair[0].cell == pair[1].cell) {
        let problem = format!("values {} and {} compete for cell {}", pair[0].value, pair[1].value, pair[0].cell);
        return fail(problem, "give each cell one value");
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::variogram::{Shape, Structure};

    fn spherical(nugget: f64) -> Variogram {
        Variogram::new(nugget, &[Structure::isotropic(Shape::Spherical, 2.0, 10.0)]).expect("a variogram")
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 64.0 * f64::EPSILON * expected.abs().max(1.0), "{found}, not {expected}");
    }

    #[test]
    fn two_data_on_either_side_share_the_weight() {
        // C(0) = 2, c = C(4) to the place, b = C(8) between the data: w = c / (C(0) + b), σ² = C(0) − 2 w c.
        let variogram = spherical(0.0);
        let (c, b) = (2.0 * (1.0 - 0.6 + 0.032), 2.0 * (1.0 - 1.2 + 0.256));
        let places = vec![[-4.0, 0.0, 0.0], [4.0, 0.0, 0.0]];
        let found = Estimator::new(&variogram, Kriging::Simple, places.clone()).expect("fine").weights([0.0; 3]);
        found.weights.iter().for_each(|&w| near(w, c / (2.0 + b)));
        near(found.variance, 2.0 - 2.0 * c * c / (2.0 + b));
        // Ordinary: ½ each; σ² = C(0) − 2 c + (C(0) + b)/2.
        let found = Estimator::new(&variogram, Kriging::Ordinary, places).expect("fine").weights([0.0; 3]);
        found.weights.iter().for_each(|&w| near(w, 0.5));
        near(found.variance, 2.0 - 2.0 * c + (2.0 + b) / 2.0);
    }

    #[test]
    fn beyond_the_range_simple_kriging_knows_the_mean_and_ordinary_the_average() {
        let variogram = spherical(0.0);
        let places = vec![[0.0; 3], [30.0, 0.0, 0.0]];
        let far = [0.0, 60.0, 0.0];
        let simple = Estimator::new(&variogram, Kriging::Simple, places.clone()).expect("fine").weights(far);
        assert_eq!((simple.weights.to_vec(), simple.variance), (vec![0.0; 2], 2.0));
        // Two independent data: the mean of both, σ² = C(0) (1 + ½).
        let ordinary = Estimator::new(&variogram, Kriging::Ordinary, places).expect("fine").weights(far);
        ordinary.weights.iter().for_each(|&w| near(w, 0.5));
        near(ordinary.variance, 3.0);
    }

    #[test]
    fn a_datum_is_exact_and_a_nugget_is_no_smoother() {
        for (nugget, kriging) in [(0.0, Kriging::Simple), (1.0, Kriging::Simple), (1.0, Kriging::Ordinary)] {
            let variogram = spherical(nugget);
            let places = vec![[0.0; 3], [3.0, 1.0, 0.0], [-2.0, 5.0, 1.0]];
            let estimator = Estimator::new(&variogram, kriging, places).expect("fine");
            let at = estimator.weights([3.0, 1.0, 0.0]);
            [0.0, 1.0, 0.0].iter().zip(&at.weights).for_each(|(&expected, &w)| near(w, expected));
            near(at.variance, 0.0);
            // Beside the datum the variance jumps by the nugget at least.
            assert!(estimator.weights([3.0, 1.0 + 1e-9, 0.0]).variance >= nugget);
        }
        // Pure nugget: data elsewhere say nothing; ordinary kriging has their mean, σ² = C(0) (1 + 1/m).
        let nugget = Variogram::new(3.0, &[]).expect("a variogram");
        let places = vec![[0.0; 3], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]];
        let found = Estimator::new(&nugget, Kriging::Ordinary, places).expect("fine").weights([0.5, 0.0, 0.0]);
        found.weights.iter().for_each(|&w| near(w, 1.0 / 3.0));
        near(found.variance, 4.0);
    }

    #[test]
    fn a_kriged_grid_honours_its_data_and_bad_data_are_told() {
        let grid = Grid { spacing: [2.0, 1.0, 0.5], ..Grid::unit([7, 5, 3]) };
        let values =
            vec![Known { cell: 40, value: 1.5 }, Known { cell: 3, value: -1.0 }, Known { cell: 40, value: 1.5 }];
        let data = Conditioning { values, ..Default::default() };
        let (mean, variance) = krige(&grid, &spherical(0.5), Kriging::Simple, 7.0, &data).expect("fine");
        near(mean[40], 1.5);
        near(mean[3], -1.0);
        assert!(variance[40] < 1e-14 && variance[41] > 0.5);
        let said = |data: Conditioning, words: &str| {
            let message = krige(&grid, &spherical(0.0), Kriging::Ordinary, 0.0, &data).expect_err("wrong").to_string();
            assert!(message.contains(words), "{message:?} should say {words:?}");
        };
        said(Conditioning::default(), "no value is known");
        let values = |values: &[(usize, f64)]| Conditioning {
            values: values.iter().map(|&(cell, value)| Known { cell, value }).collect(),
            ..Default::default()
        };
        said(values(&[(3, 1.0), (3, 2.0)]), "compete for cell 3");
        said(values(&[(105, 1.0)]), "cell 105 of 105");
        said(values(&[(5, f64::NAN)]), "NaN");
        said(Conditioning { facies: vec![Known { cell: 0, value: 1 }], ..Default::default() }, "no facies");
    }
}
