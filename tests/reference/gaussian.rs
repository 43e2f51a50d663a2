//! Gaussian fields against their model, over an ensemble: mean, variance and variogram of 500 realizations, by circulant
//! embedding and drawn cell by cell, and the distribution of transformed ones.

use lithoscope::grid::{Grid, Plane};
use lithoscope::prior::gaussian_field::GaussianField;
use lithoscope::prior::normal_score::{NormalScore, Tail, Transformed};
use lithoscope::prior::sequential::SequentialOptions;
use lithoscope::prior::sgsim::Sgsim;
use lithoscope::prior::variogram::{Shape, Structure, Variogram};
use lithoscope::prior::{Conditioning, Known, Prior};

const REALIZATIONS: u64 = 500;
const MEAN: f64 = 3.0;

/// Sum and sum of squares of one statistic over the realizations.
#[derive(Clone, Copy, Default)]
struct Statistic {
    sum: f64,
    squares: f64,
}

impl Statistic {
    fn add(&mut self, x: f64) {
        self.sum += x;
        self.squares += x * x;
    }

    /// Distance of the mean from `expected`, in standard errors of the mean.
    fn deviation(&self, expected: f64) -> f64 {
        let count = REALIZATIONS as f64;
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean) * count / (count - 1.0);
        (mean - expected) / (variance / count).sqrt()
    }
}

/// Half the mean squared difference of cells `[i, j]` apart.
fn semivariance(field: &[f64], [nx, ny]: [usize; 2], [i, j]: [isize; 2]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for y in 0..ny as isize - j {
        for x in (-i).max(0)..nx as isize - i.max(0) {
            let there = ((y + j) * nx as isize + x + i) as usize;
            let difference = field[(y * nx as isize + x) as usize] - field[there];
            sum += difference * difference;
            pairs += 1.0;
        }
    }
    0.5 * sum / pairs
}

/// Each statistic is unbiased, since the mean of the field is known: its mean over the realizations lies within four and
/// a half standard errors of the model's (one of the 60 compared here beyond that: 4 in 10,000).
fn check(shape: Shape, ranges: [f64; 3], azimuth: f64) {
    let grid = Grid { spacing: [2.0, 1.0, 1.0], plane: Plane::Xz, ..Grid::unit([50, 60, 1]) };
    let structure = Structure { ranges, azimuth, ..Structure::isotropic(shape, 1.5, 1.0) };
    let variogram = Variogram::new(0.1, &[structure]).expect("a variogram");
    let field = GaussianField::new(grid, &variogram, MEAN).expect("a field");
    assert!(field.clipped() < 1e-6, "clipped {}", field.clipped());
    let name = format!("{shape:?}, ranges {ranges:?}, azimuth {azimuth}");
    compare(&name, &grid, &variogram, |k| field.draw(11, k));
}

/// Compares mean, variance and variogram of what `draw` gives with the model's.
fn compare(name: &str, grid: &Grid, variogram: &Variogram, draw: impl Fn(u64) -> Vec<f64>) {
    let [nx, ny, _] = grid.cells;
    let lags: [[isize; 2]; 10] = [[1, 0], [3, 0], [8, 0], [0, 1], [0, 4], [0, 12], [2, 4], [-2, 4], [5, 10], [-5, 10]];
    let (mut mean, mut variance) = (Statistic::default(), Statistic::default());
    let mut variograms = [Statistic::default(); 10];
    for k in 0..REALIZATIONS {
        let values = draw(k);
        let n = values.len() as f64;
        mean.add(values.iter().sum::<f64>() / n);
        variance.add(values.iter().map(|x| (x - MEAN).powi(2)).sum::<f64>() / n);
        for (statistic, &lag) in variograms.iter_mut().zip(&lags) {
            statistic.add(semivariance(&values, [nx, ny], lag));
        }
    }
    assert!(mean.deviation(MEAN).abs() < 4.5, "{name}: mean is {} standard errors off", mean.deviation(MEAN));
    let off = variance.deviation(variogram.sill());
    assert!(off.abs() < 4.5, "{name}: variance is {off} standard errors off");
    for (statistic, lag) in variograms.iter().zip(lags) {
        let expected = variogram.semivariance([lag[0] as f64 * grid.spacing[0], lag[1] as f64 * grid.spacing[1], 0.0]);
        let off = statistic.deviation(expected);
        assert!(off.abs() < 4.5, "{name}: variogram at {lag:?} is {off} standard errors off");
    }
}

/// A field drawn cell by cell from few neighbours is as good as one by embedding, within what 500 realizations show.
#[test]
fn sequential_simulation_has_the_mean_the_variance_and_the_variogram() {
    let grid = Grid { spacing: [1.0, 0.5, 1.0], ..Grid::unit([36, 32, 1]) };
    let long =
        Structure { ranges: [14.0, 6.0, 1.0], azimuth: 60.0, ..Structure::isotropic(Shape::Spherical, 1.0, 1.0) };
    let short = Structure::isotropic(Shape::Exponential, 0.5, 4.0);
    let variogram = Variogram::new(0.1, &[long, short]).expect("a variogram");
    let prior = Sgsim::new(grid, &variogram, MEAN, SequentialOptions::default()).expect("a simulation");
    compare("sgsim", &grid, &variogram, |k| {
        let drawn = prior.realization(&Conditioning::default(), 11, k).expect("no data to be wrong");
        drawn.values.expect("values").into_iter().map(f64::from).collect()
    });
}

/// Share of the cells below each decile of a skewed distribution, over 500 realizations with a few data.
#[test]
fn transformed_fields_have_their_distribution_and_their_data() {
    let grid = Grid::unit([30, 24, 1]);
    let variogram = Variogram::new(0.0, &[Structure::isotropic(Shape::Spherical, 1.0, 6.0)]).expect("a variogram");
    // z = −ln(1 − p): exponentially distributed.
    let decile = |p: f64| -(1.0 - p).ln();
    let reference: Vec<f64> = (0..1000).map(|i| decile((f64::from(i) + 0.5) / 1000.0)).collect();
    let (lower, upper) = (Tail { limit: 0.0, power: 1.0 }, Tail { limit: 12.0, power: 4.0 });
    let transform = NormalScore::new(&reference, None, Some(lower), Some(upper)).expect("a distribution");
    let simulated = Sgsim::new(grid, &variogram, 0.0, SequentialOptions::default()).expect("a simulation");
    let embedded = GaussianField::new(grid, &variogram, 0.0).expect("a field");
    for scores in [Box::new(simulated) as Box<dyn Prior>, Box::new(embedded)] {
        let prior = Transformed::new(scores, transform.clone());
        let mut shares = [Statistic::default(); 9];
        for k in 0..REALIZATIONS {
            // Data drawn from the distribution, far apart and other ones each time, leave it as it is.
            let value = |i: u64| decile(((7 * i + k) as f64 * 0.618_033_988_749_895).fract());
            let values = (0..4).map(|i| Known { cell: 100 + 170 * i, value: value(i as u64) }).collect();
            let data = Conditioning { values, ..Default::default() };
            let drawn = prior.realization(&data, 5, k).expect("data are fine").values.expect("values");
            assert!(data.values.iter().all(|known| drawn[known.cell] == known.value as f32), "realization {k}");
            for (d, share) in shares.iter_mut().enumerate() {
                let limit = decile((d + 1) as f64 / 10.0);
                share.add(drawn.iter().filter(|&&z| f64::from(z) < limit).count() as f64 / drawn.len() as f64);
            }
        }
        for (d, share) in shares.iter().enumerate() {
            let expected = (d + 1) as f64 / 10.0;
            let off = share.deviation(expected);
            assert!(off.abs() < 4.5, "the share below {} is {off} standard errors off", decile(expected));
        }
    }
}

#[test]
fn spherical_along_x() {
    check(Shape::Spherical, [40.0, 10.0, 1.0], 90.0);
}

#[test]
fn spherical_oblique() {
    check(Shape::Spherical, [30.0, 10.0, 1.0], 30.0);
}

#[test]
fn exponential_along_the_second_axis() {
    check(Shape::Exponential, [20.0, 10.0, 1.0], 0.0);
}

#[test]
fn gaussian_falling() {
    check(Shape::Gaussian, [24.0, 8.0, 1.0], 135.0);
}

#[test]
fn matern_isotropic() {
    check(Shape::Matern { smoothness: 1.5 }, [20.0, 20.0, 1.0], 0.0);
}
