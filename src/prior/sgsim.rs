//! Sequential Gaussian simulation (Deutsch and Journel 1998).

use super::kriging::{Kriging, known_values};
use super::sequential::{Found, LEAST_CORRELATION, Neighbourhood, SequentialOptions, System, Table, dot};
use super::variogram::Variogram;
use super::{Conditioning, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// A Gaussian field drawn cell by cell along a random path: each from the normal distribution whose mean and variance
/// are kriged from the nearest cells that have their values already, data and earlier draws alike.
///
/// Near is what has a large covariance. Data keep their cells' values exactly. Unlike
/// [`GaussianField`](super::gaussian_field::GaussianField) the covariance is reproduced only as far as the neighbours
/// reach.
#[derive(Debug, Clone)]
pub struct Sgsim {
    mean: f64,
    options: SequentialOptions,
    neighbourhood: Neighbourhood,
    covariance: Table,
}

impl Sgsim {
    /// The field of `mean` and `variogram` on `grid`.
    ///
    /// # Errors
    /// A mean that is not finite, a number of neighbours or of grids out of range.
    pub fn new(grid: Grid, variogram: &Variogram, mean: f64, options: SequentialOptions) -> Result<Self> {
        if !mean.is_finite() {
            return Err(Error::input("sgsim", format!("the mean is {mean}"), "give a finite mean"));
        }
        options.check("sgsim")?;
        let least = LEAST_CORRELATION * (variogram.sill() - variogram.nugget());
        let covariance = |lag: [f64; 3]| variogram.covariance(lag);
        let neighbourhood = Neighbourhood::new(grid, options.neighbours, least, covariance);
        let covariance = neighbourhood.table(covariance);
        Ok(Self { mean, options, neighbourhood, covariance })
    }

    /// Field `k` given the values `known` (by cell), one value a cell.
    fn simulate(&self, known: &[super::Known<f64>], seed: u64, k: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::SequentialGaussian, k, 0);
        let mut field = vec![f64::NAN; self.neighbourhood.grid().len()];
        known.iter().for_each(|known| field[known.cell] = known.value - self.mean);
        let mut node = Node::new(self);
        let mut spare = None;
        for spacing in self.options.spacings() {
            let mut path = self.neighbourhood.unset(spacing, |cell| field[cell].is_nan());
            stream.shuffle(&mut path);
            for cell in path {
                node.gather(&field, cell as usize);
                let (mean, variance) = node.krige();
                let normal = spare.take().unwrap_or_else(|| {
                    let (first, second) = stream.normal_pair();
                    spare = Some(second);
                    first
                });
                field[cell as usize] = mean + variance.sqrt() * normal;
            }
        }
        field.iter_mut().for_each(|value| *value += self.mean);
        known.iter().for_each(|known| field[known.cell] = known.value);
        field
    }
}

impl Prior for Sgsim {
    fn grid(&self) -> Grid {
        self.neighbourhood.grid()
    }

    /// Realization `k`, known values as they are.
    ///
    /// # Errors
    /// Values outside of the grid or competing for a cell, or known facies.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let field = self.simulate(&known_values(data, self.grid().len())?, seed, k);
        Ok(Realization { facies: None, values: Some(field.into_iter().map(|x| x as f32).collect()) })
    }
}

/// One cell on its way: its neighbours and its kriging system.
struct Node<'a> {
    model: &'a Sgsim,
    found: Found<f64>,
    system: System<3>,
}

impl<'a> Node<'a> {
    fn new(model: &'a Sgsim) -> Self {
        Self { model, found: Found::default(), system: System::new(&model.neighbourhood) }
    }

    /// Finds the neighbours of a cell.
    fn gather(&mut self, field: &[f64], cell: usize) {
        let value = |cell: usize| Some(field[cell]).filter(|value| !value.is_nan());
        self.model.neighbourhood.gather(cell, value, &mut self.found);
    }

    /// Kriged departure from the mean, and its variance: with `C = L Lᵀ`, `y = L⁻¹ c`, `q = L⁻¹ z`, `p = L⁻¹ 1` they are
    /// `y·q − μ p·q` and `C(0) − y·y + (p·p) μ²`; `μ = (p·y − 1) / p·p` in ordinary kriging, 0 in simple kriging.
    fn krige(&mut self) -> (f64, f64) {
        let (covariance, Found { places, values }) = (&self.model.covariance, &self.found);
        self.system.factorize(covariance, places, |i| [covariance.at(places[i]), values[i], 1.0]);
        let [y, q, p] = self.system.solved();
        let (mut mean, mut variance) = (dot(y, q), covariance.at(0) - dot(y, y));
        if self.model.options.kriging == Kriging::Ordinary && !y.is_empty() {
            let sum = dot(p, p);
            let multiplier = (dot(p, y) - 1.0) / sum;
            mean -= multiplier * dot(p, q);
            variance += sum * multiplier * multiplier;
        }
        (mean, variance.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;
    use crate::prior::Known;
    use crate::prior::kriging::{Estimator, krige};
    use crate::prior::variogram::{Shape, Structure};

    fn nested() -> Variogram {
        let long = Structure {
            ranges: [20.0, 9.0, 4.0],
            azimuth: 30.0,
            dip: 10.0,
            ..Structure::isotropic(Shape::Exponential, 1.0, 1.0)
        };
        Variogram::new(0.2, &[Structure::isotropic(Shape::Spherical, 0.8, 5.0), long]).expect("a variogram")
    }

    fn block() -> Grid {
        Grid { spacing: [1.0, 1.5, 0.5], ..Grid::unit([13, 11, 7]) }
    }

    /// A field known in some cells, NaN elsewhere.
    fn partly_known(grid: &Grid, every: u64) -> Vec<f64> {
        let mut stream = Stream::new(5, Purpose::Check, 0, 0);
        (0..grid.len()).map(|_| if stream.below(every) == 0 { stream.normal_pair().0 } else { f64::NAN }).collect()
    }

    #[test]
    fn neighbours_are_the_known_cells_of_largest_covariance() {
        let (grid, variogram) = (block(), nested());
        let model =
            Sgsim::new(grid, &variogram, 0.0, SequentialOptions { neighbours: 9, ..Default::default() }).expect("ok");
        let field = partly_known(&grid, 12);
        let mut node = Node::new(&model);
        for cell in (0..grid.len()).step_by(97) {
            node.gather(&field, cell);
            let here = grid.center(grid.cell(cell));
            let to = |c: usize| {
                let there = grid.center(grid.cell(c));
                variogram.covariance(std::array::from_fn(|a| there[a] - here[a]))
            };
            let mut expected: Vec<f64> =
                (0..grid.len()).filter(|&c| !field[c].is_nan() && c != cell).map(to).filter(|&c| c > 0.018).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            expected.truncate(9);
            let found = node.found.places.iter().map(|&p| model.covariance.at(p));
            let far = found.zip(&expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
            assert!(node.found.places.len() == expected.len() && far < 1e-12, "cell {cell}: {far}");
        }
    }

    #[test]
    fn each_cell_is_kriged_as_the_definition_says() {
        let (grid, variogram) = (block(), nested());
        for kriging in [Kriging::Simple, Kriging::Ordinary] {
            let options = SequentialOptions { kriging, neighbours: 64, ..Default::default() };
            let model = Sgsim::new(grid, &variogram, 0.0, options).expect("fine");
            let field = partly_known(&grid, 40);
            let known: Vec<usize> = (0..grid.len()).filter(|&c| !field[c].is_nan()).collect();
            let mut node = Node::new(&model);
            for cell in (1..grid.len()).step_by(83).filter(|&c| field[c].is_nan()) {
                node.gather(&field, cell);
                // All data that correlate with the cell.
                let places: Vec<[f64; 3]> = known.iter().map(|&c| grid.center(grid.cell(c))).collect();
                let here = grid.center(grid.cell(cell));
                let near = |p: &[f64; 3]| variogram.covariance(std::array::from_fn(|a| p[a] - here[a])) > 0.018;
                let values: Array1<f64> =
                    known.iter().zip(&places).filter(|(_, p)| near(p)).map(|(&c, _)| field[c]).collect();
                let places: Vec<_> = places.iter().copied().filter(near).collect();
                let expected = Estimator::new(&variogram, kriging, places).expect("fine").weights(here);
                let (mean, variance) = node.krige();
                assert!((mean - expected.weights.dot(&values)).abs() < 1e-12, "{kriging:?}, cell {cell}");
                assert!((variance - expected.variance).abs() < 1e-12, "{kriging:?}, cell {cell}");
            }
        }
    }

    #[test]
    fn realizations_depend_on_seed_and_number_and_honour_data() {
        let grid = block();
        let model = Sgsim::new(grid, &nested(), 4.0, SequentialOptions::default()).expect("fine");
        let values = (0..30).map(|i| Known { cell: i * 33, value: f64::from(i as u32) / 3.0 - 1.0 }).collect();
        let data = Conditioning { values, ..Default::default() };
        let draw = |seed, k| model.realization(&data, seed, k).expect("fine").values.expect("values");
        let third = draw(1, 3);
        assert_eq!(third, draw(1, 3));
        assert!(third != draw(1, 2) && third != draw(2, 3));
        assert!(data.values.iter().all(|known| third[known.cell] == known.value as f32));
        let facies = Conditioning { facies: vec![Known { cell: 0, value: 1 }], ..Default::default() };
        assert!(model.realization(&facies, 1, 0).is_err());
    }

    #[test]
    fn a_small_ensemble_has_the_conditional_mean_and_variance() {
        // With all cells as neighbours the conditional distribution is exact: mean and variance are those of kriging.
        let grid = Grid::unit([8, 7, 1]);
        let variogram = nested();
        let options = SequentialOptions { neighbours: 64, ..Default::default() };
        let model = Sgsim::new(grid, &variogram, 2.0, options).expect("fine");
        let values =
            vec![Known { cell: 9, value: 4.0 }, Known { cell: 30, value: 1.0 }, Known { cell: 50, value: 0.5 }];
        let data = Conditioning { values, ..Default::default() };
        let (mean, variance) = krige(&grid, &variogram, Kriging::Simple, 2.0, &data).expect("fine");
        let count = 2000;
        let mut sums = vec![[0.0; 2]; grid.len()];
        for k in 0..count {
            let drawn = model.simulate(&known_values(&data, grid.len()).expect("fine"), 3, k);
            for (c, sum) in sums.iter_mut().enumerate() {
                let departure = drawn[c] - mean[c];
                *sum = [sum[0] + departure, sum[1] + departure * departure];
            }
        }
        for (c, sum) in sums.iter().enumerate() {
            let n = count as f64;
            assert!(sum[0].abs() <= 4.5 * (variance[c] * n).sqrt() + 1e-9, "mean of cell {c}");
            assert!(
                (sum[1] / n - variance[c]).abs() <= 4.5 * variance[c] * (2.0 / n).sqrt() + 1e-9,
                "variance of cell {c}"
            );
        }
    }

    #[test]
    fn a_very_smooth_variogram_is_simulated_in_spite_of_redundant_neighbours() {
        let smooth = Variogram::new(0.0, &[Structure::isotropic(Shape::Gaussian, 1.0, 40.0)]).expect("a variogram");
        let grid = Grid::unit([40, 40, 1]);
        let model = Sgsim::new(grid, &smooth, 0.0, SequentialOptions::default()).expect("fine");
        let field = model.simulate(&[], 1, 0);
        assert!(field.iter().all(|x| x.abs() < 6.0));
        let steps = (0..39 * 40).map(|c| (field[c + 40] - field[c]).abs()).fold(0.0, f64::max);
        assert!(
            steps < 0.5,
            "a step of {steps} between neighbours whose γ is {}",
            smooth.semivariance([0.0, 1.0, 0.0])
        );
    }

    #[test]
    fn wrong_options_are_told() {
        let of = |mean, options| Sgsim::new(block(), &nested(), mean, options).expect_err("wrong").to_string();
        assert!(of(f64::NAN, SequentialOptions::default()).contains("NaN"));
        assert!(of(0.0, SequentialOptions { neighbours: 65, ..Default::default() }).contains("65 neighbours"));
        assert!(of(0.0, SequentialOptions { grids: 0, ..Default::default() }).contains("0 grids"));
    }
}
