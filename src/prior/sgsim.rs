//! Sequential Gaussian simulation (Deutsch and Journel 1998).

use super::kriging::{Kriging, known_values};
use super::variogram::Variogram;
use super::{Conditioning, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::random::{Purpose, Stream};

/// How [`Sgsim`] simulates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgsimOptions {
    /// Whether the mean is taken as known; default: simple kriging, which alone reproduces the variogram.
    pub kriging: Kriging,
    /// Most cells that a cell is kriged from: those of largest covariance; 1 to 64, default 24.
    pub neighbours: usize,
    /// Levels of the path: cells 2^{g−1}, …, 2, 1 apart are visited in turn, the far correlation first; default 4.
    pub grids: usize,
}

impl Default for SgsimOptions {
    fn default() -> Self {
        Self { kriging: Kriging::Simple, neighbours: 24, grids: 4 }
    }
}

const MOST_NEIGHBOURS: usize = 64;
/// Cells whose correlation with a cell is less do not count as its neighbours.
const LEAST_CORRELATION: f64 = 0.01;
/// Most cells that are searched for neighbours.
const MOST_SEARCHED: usize = 1 << 20;
/// A neighbour that the others determine up to this share of the sill says nothing new.
const REDUNDANT: f64 = 1e-9;

/// A Gaussian field drawn cell by cell along a random path: each from the normal distribution whose mean and variance
/// are kriged from the nearest cells that have their values already, data and earlier draws alike.
///
/// Near is what has a large covariance. Data keep their cells' values exactly. Unlike
/// [`GaussianField`](super::gaussian_field::GaussianField) the covariance is reproduced only as far as the neighbours
/// reach.
#[derive(Debug, Clone)]
pub struct Sgsim {
    grid: Grid,
    mean: f64,
    sill: f64,
    options: SgsimOptions,
    /// Where neighbours are looked for, in falling order of covariance.
    offsets: Vec<Offset>,
    /// Covariance by the difference of two offsets' `place`, counted from the middle.
    table: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Offset {
    lag: [i32; 3],
    /// From cell to cell.
    stride: isize,
    /// Where its covariance lies in the table, from the middle.
    place: isize,
}

impl Sgsim {
    /// The field of `mean` and `variogram` on `grid`.
    ///
    /// # Errors
    /// A mean that is not finite, a number of neighbours or of grids out of range.
    pub fn new(grid: Grid, variogram: &Variogram, mean: f64, options: SgsimOptions) -> Result<Self> {
        let wrong = |problem: String, remedy: &str| Err(Error::input("sgsim", problem, remedy));
        assert!(!grid.is_empty(), "a simulation needs cells");
        if !mean.is_finite() {
            return wrong(format!("the mean is {mean}"), "give a finite mean");
        }
        if !(1..=MOST_NEIGHBOURS).contains(&options.neighbours) {
            return wrong(format!("{} neighbours", options.neighbours), "give 1 to 64");
        }
        if !(1..=16).contains(&options.grids) {
            return wrong(format!("{} grids", options.grids), "give 1 to 16");
        }
        let lags = neighbours(&grid, variogram);
        let reach: [i32; 3] = std::array::from_fn(|a| lags.iter().map(|lag| lag[a]).max().unwrap_or(0));
        // Two neighbours lie in the grid, and each in reach of the cell between them.
        let half: [i32; 3] = std::array::from_fn(|a| (2 * reach[a]).min(grid.cells[a] as i32 - 1));
        let width = half.map(|h| 2 * h as isize + 1);
        let mut table = Vec::with_capacity(width.iter().product::<isize>() as usize);
        for k in -half[2]..=half[2] {
            for j in -half[1]..=half[1] {
                table.extend((-half[0]..=half[0]).map(|i| covariance(&grid, variogram, [i, j, k])));
            }
        }
        let [nx, ny, _] = grid.cells.map(|n| n as isize);
        let offset = |lag: [i32; 3]| {
            let [i, j, k] = lag.map(|l| l as isize);
            Offset { lag, stride: (k * ny + j) * nx + i, place: (k * width[1] + j) * width[0] + i }
        };
        let offsets = lags.into_iter().map(offset).collect();
        Ok(Self { grid, mean, sill: variogram.sill(), options, offsets, table })
    }

    /// Field `k` given the values `known` (by cell), one value a cell.
    fn simulate(&self, known: &[super::Known<f64>], seed: u64, k: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::SequentialGaussian, k, 0);
        let mut field = vec![f64::NAN; self.grid.len()];
        known.iter().for_each(|known| field[known.cell] = known.value - self.mean);
        let mut system = System::new(self);
        let mut spare = None;
        for level in (0..self.options.grids).rev() {
            let mut path = self.unset(&field, 1 << level);
            stream.shuffle(&mut path);
            for cell in path {
                system.gather(&field, cell as usize);
                let (mean, variance) = system.solve();
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

    /// The cells `spacing` apart along each axis that have no value yet.
    fn unset(&self, field: &[f64], spacing: usize) -> Vec<u32> {
        let [nx, ny, nz] = self.grid.cells;
        let mut cells = Vec::new();
        for k in (0..nz).step_by(spacing) {
            for j in (0..ny).step_by(spacing) {
                let row = (k * ny + j) * nx;
                cells.extend((row..row + nx).step_by(spacing).filter(|&c| field[c].is_nan()).map(|c| c as u32));
            }
        }
        cells
    }
}

impl Prior for Sgsim {
    fn grid(&self) -> Grid {
        self.grid
    }

    /// Realization `k`, known values as they are.
    ///
    /// # Errors
    /// Values outside of the grid or competing for a cell, or known facies.
    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let field = self.simulate(&known_values(data, self.grid.len())?, seed, k);
        Ok(Realization { facies: None, values: Some(field.into_iter().map(|x| x as f32).collect()) })
    }
}

fn covariance(grid: &Grid, variogram: &Variogram, lag: [i32; 3]) -> f64 {
    variogram.covariance(std::array::from_fn(|a| f64::from(lag[a]) * grid.spacing[a]))
}

/// The lags in cells at which a cell has neighbours, in falling order of covariance; of equal ones in raster order.
fn neighbours(grid: &Grid, variogram: &Variogram) -> Vec<[i32; 3]> {
    let least = LEAST_CORRELATION * (variogram.sill() - variogram.nugget());
    let reach = grid.cells.map(|n| n as i32 - 1);
    let mut found = Vec::new();
    for k in -reach[2]..=reach[2] {
        for j in -reach[1]..=reach[1] {
            for i in -reach[0]..=reach[0] {
                let c = covariance(grid, variogram, [i, j, k]);
                if c > least && [i, j, k] != [0; 3] {
                    found.push((c, [i, j, k]));
                }
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(MOST_SEARCHED);
    found.into_iter().map(|(_, lag)| lag).collect()
}

/// The kriging system of one cell, bordered by what it is solved for.
struct System<'a> {
    model: &'a Sgsim,
    /// Table places and values of the neighbours.
    places: Vec<isize>,
    values: Vec<f64>,
    /// Rows of L, one neighbour after the other, below the diagonal; reciprocals of its diagonal, 0 where redundant.
    rows: Vec<f64>,
    diagonal: Vec<f64>,
    /// `L⁻¹ c`, `L⁻¹ z` and `L⁻¹ 1`.
    solved: [Vec<f64>; 3],
}

impl<'a> System<'a> {
    fn new(model: &'a Sgsim) -> Self {
        let most = model.options.neighbours;
        Self {
            model,
            places: Vec::with_capacity(most),
            values: Vec::with_capacity(most),
            rows: vec![0.0; most * most],
            diagonal: vec![0.0; most],
            solved: std::array::from_fn(|_| vec![0.0; most]),
        }
    }

    /// Finds the neighbours of a cell.
    fn gather(&mut self, field: &[f64], cell: usize) {
        self.places.clear();
        self.values.clear();
        let cells = self.model.grid.cells;
        let at = self.model.grid.cell(cell).map(|c| c as i32);
        for offset in &self.model.offsets {
            // Negative numbers are large ones without their sign.
            if (0..3).any(|a| (at[a] + offset.lag[a]) as u32 >= cells[a] as u32) {
                continue;
            }
            let value = field[cell.wrapping_add_signed(offset.stride)];
            if !value.is_nan() {
                self.places.push(offset.place);
                self.values.push(value);
                if self.places.len() == self.model.options.neighbours {
                    return;
                }
            }
        }
    }

    /// Kriged departure from the mean, and its variance: with `C = L Lᵀ`, `y = L⁻¹ c`, `q = L⁻¹ z`, `p = L⁻¹ 1` they are
    /// `y·q − μ p·q` and `C(0) − y·y + (p·p) μ²`; `μ = (p·y − 1) / p·p` in ordinary kriging, 0 in simple kriging.
    fn solve(&mut self) -> (f64, f64) {
        let (n, middle) = (self.places.len(), self.model.table.len() / 2);
        let most = self.model.options.neighbours;
        let covariance = |place: isize| self.model.table[middle.wrapping_add_signed(place)];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for i in 0..n {
            let (before, row) = self.rows[..(i + 1) * most].split_at_mut(i * most);
            for j in 0..i {
                let c = covariance(self.places[i] - self.places[j]);
                row[j] = (c - dot(&row[..j], &before[j * most..j * most + j])) * self.diagonal[j];
            }
            let pivot = self.model.sill - dot(&row[..i], &row[..i]);
            self.diagonal[i] = if pivot > REDUNDANT * self.model.sill { 1.0 / pivot.sqrt() } else { 0.0 };
            for (solved, right) in self.solved.iter_mut().zip([covariance(self.places[i]), self.values[i], 1.0]) {
                solved[i] = (right - dot(&row[..i], &solved[..i])) * self.diagonal[i];
            }
        }
        let [y, q, p] = self.solved.each_ref().map(|solved| &solved[..n]);
        let (mut mean, mut variance) = (dot(y, q), self.model.sill - dot(y, y));
        if self.model.options.kriging == Kriging::Ordinary && n > 0 {
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
            Sgsim::new(grid, &variogram, 0.0, SgsimOptions { neighbours: 9, ..Default::default() }).expect("ok");
        let field = partly_known(&grid, 12);
        let mut system = System::new(&model);
        for cell in (0..grid.len()).step_by(97) {
            system.gather(&field, cell);
            let here = grid.center(grid.cell(cell));
            let to = |c: usize| {
                let there = grid.center(grid.cell(c));
                variogram.covariance(std::array::from_fn(|a| there[a] - here[a]))
            };
            let mut expected: Vec<f64> =
                (0..grid.len()).filter(|&c| !field[c].is_nan() && c != cell).map(to).filter(|&c| c > 0.018).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            expected.truncate(9);
            let found = system.places.iter().map(|&p| model.table[(model.table.len() / 2).wrapping_add_signed(p)]);
            let far = found.zip(&expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
            assert!(system.places.len() == expected.len() && far < 1e-12, "cell {cell}: {far}");
        }
    }

    #[test]
    fn each_cell_is_kriged_as_the_definition_says() {
        let (grid, variogram) = (block(), nested());
        for kriging in [Kriging::Simple, Kriging::Ordinary] {
            let options = SgsimOptions { kriging, neighbours: 64, ..Default::default() };
            let model = Sgsim::new(grid, &variogram, 0.0, options).expect("fine");
            let field = partly_known(&grid, 40);
            let known: Vec<usize> = (0..grid.len()).filter(|&c| !field[c].is_nan()).collect();
            let mut system = System::new(&model);
            for cell in (1..grid.len()).step_by(83).filter(|&c| field[c].is_nan()) {
                system.gather(&field, cell);
                // All data that correlate with the cell.
                let places: Vec<[f64; 3]> = known.iter().map(|&c| grid.center(grid.cell(c))).collect();
                let here = grid.center(grid.cell(cell));
                let near = |p: &[f64; 3]| variogram.covariance(std::array::from_fn(|a| p[a] - here[a])) > 0.018;
                let values: Array1<f64> =
                    known.iter().zip(&places).filter(|(_, p)| near(p)).map(|(&c, _)| field[c]).collect();
                let places: Vec<_> = places.iter().copied().filter(near).collect();
                let expected = Estimator::new(&variogram, kriging, places).expect("fine").weights(here);
                let (mean, variance) = system.solve();
                assert!((mean - expected.weights.dot(&values)).abs() < 1e-12, "{kriging:?}, cell {cell}");
                assert!((variance - expected.variance).abs() < 1e-12, "{kriging:?}, cell {cell}");
            }
        }
    }

    #[test]
    fn realizations_depend_on_seed_and_number_and_honour_data() {
        let grid = block();
        let model = Sgsim::new(grid, &nested(), 4.0, SgsimOptions::default()).expect("fine");
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
        let options = SgsimOptions { neighbours: 64, ..Default::default() };
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
        let model = Sgsim::new(grid, &smooth, 0.0, SgsimOptions::default()).expect("fine");
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
        assert!(of(f64::NAN, SgsimOptions::default()).contains("NaN"));
        assert!(of(0.0, SgsimOptions { neighbours: 65, ..Default::default() }).contains("65 neighbours"));
        assert!(of(0.0, SgsimOptions { grids: 0, ..Default::default() }).contains("0 grids"));
    }
}
