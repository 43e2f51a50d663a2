//! Gaussian fields against their model, over an ensemble: mean, variance and variogram of 500 realizations.

use lithoscope::grid::{Grid, Plane};
use lithoscope::prior::gaussian_field::GaussianField;
use lithoscope::prior::variogram::{Shape, Structure, Variogram};

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
    let lags: [[isize; 2]; 10] = [[1, 0], [3, 0], [8, 0], [0, 1], [0, 4], [0, 12], [2, 4], [-2, 4], [5, 10], [-5, 10]];
    let (mut mean, mut variance) = (Statistic::default(), Statistic::default());
    let mut variograms = [Statistic::default(); 10];
    for k in 0..REALIZATIONS {
        let values = field.draw(11, k);
        let n = values.len() as f64;
        mean.add(values.iter().sum::<f64>() / n);
        variance.add(values.iter().map(|x| (x - MEAN).powi(2)).sum::<f64>() / n);
        for (statistic, &lag) in variograms.iter_mut().zip(&lags) {
            statistic.add(semivariance(&values, [50, 60], lag));
        }
    }
    let name = format!("{shape:?}, ranges {ranges:?}, azimuth {azimuth}");
    assert!(mean.deviation(MEAN).abs() < 4.5, "{name}: mean is {} standard errors off", mean.deviation(MEAN));
    let off = variance.deviation(variogram.sill());
    assert!(off.abs() < 4.5, "{name}: variance is {off} standard errors off");
    for (statistic, lag) in variograms.iter().zip(lags) {
        let expected = variogram.semivariance([lag[0] as f64 * 2.0, lag[1] as f64, 0.0]);
        let off = statistic.deviation(expected);
        assert!(off.abs() < 4.5, "{name}: variogram at {lag:?} is {off} standard errors off");
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
