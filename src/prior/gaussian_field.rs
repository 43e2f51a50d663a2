//! Gaussian random fields by circulant embedding (Dietrich and Newsam 1997).

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, Array2};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::kriging::{known_values, singular};
use super::variogram::Variogram;
use super::{Conditioning, Known, Prior, Realization};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::linalg::dense;
use crate::linalg::fourier::{Fourier, fast_length};
use crate::random::{Purpose, Stream};

/// Most cells of a torus (16 bytes each while its eigenvalues are computed).
const MOST_EMBEDDED: usize = 1 << 27;
/// Most cells of a torus that is made larger because of negative eigenvalues.
const MOST_ENLARGED: usize = 1 << 24;
/// Most times that an embedding is longer than the grid along an axis; beyond that, eigenvalues are clipped.
const LONGEST: usize = 6;
/// Share of the sill up to which a covariance at half the length of a torus counts as none,
const HELD: f64 = 1e-6;
/// and up to which a torus of [`LONGEST`] times the grid is worth its size.
const NEARLY_HELD: f64 = 0.01;

/// A stationary Gaussian field of given mean and variogram on a grid.
///
/// The covariance on a torus of M cells (M ≥ 2N along each axis, so that no two cells of the grid meet the long way
/// round) is diagonal in Fourier space with eigenvalues `λ = FFT(C)`. A field is `FFT⁻¹(√λ ε)` with complex white noise
/// ε of the symmetry that makes it real. Where λ is negative the torus is made longer along the axes where that helps; what is
/// still negative then is clipped, the rest scaled so that the variance stays the sill, and [`GaussianField::clipped`] tells how much it was.
///
/// Known values are honoured by kriging of residuals (Journel 1974): `y + C_xd C_dd⁻¹ (d − y_d)`, with the covariance
/// that the field has on its torus.
#[derive(Clone)]
pub struct GaussianField {
    grid: Grid,
    mean: f64,
    variogram: Variogram,
    level: u32,
    /// Cells of the torus along x (even), y, z.
    embedding: [usize; 3],
    /// `√(λ/M)` for frequencies `[0..=M_x/2][M_y][M_z]`.
    amplitudes: Vec<f64>,
    covariance: Covariance,
    clipped: f64,
    transforms: [Arc<dyn Fft<f64>>; 3],
}

impl fmt::Debug for GaussianField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaussianField")
            .field("grid", &self.grid)
            .field("mean", &self.mean)
            .field("variogram", &self.variogram)
            .field("embedding", &self.embedding)
            .field("clipped", &self.clipped)
            .finish_non_exhaustive()
    }
}

impl GaussianField {
    /// The field of `mean` and `variogram` on `grid`.
    pub fn new(grid: Grid, variogram: &Variogram, mean: f64) -> Result<Self> {
        if !mean.is_finite() {
            return Err(Error::input("Gaussian field", format!("the mean is {mean}"), "give a finite mean"));
        }
        assert!(!grid.is_empty(), "a Gaussian field needs cells");
        let mut times = [2; 3];
        let mut found = Eigenvalues::new(&grid, variogram, embedding(grid.cells, times))?;
        while found.negative {
            let short = [0, 1, 2].map(|axis| is_short(&grid, variogram, axis, times[axis]));
            times = [0, 1, 2].map(|axis| times[axis] + usize::from(short[axis]));
            let larger = embedding(grid.cells, times);
            if larger == found.embedding || larger.iter().product::<usize>() > MOST_ENLARGED {
                break;
            }
            found = Eigenvalues::new(&grid, variogram, larger)?;
        }
        let mut planner = FftPlanner::new();
        let transforms = found.embedding.map(|m| planner.plan_fft_inverse(m));
        let (amplitudes, clipped) = found.amplitudes(variogram.sill());
        let embedding = found.embedding;
        let covariance = found.covariance(grid.cells, variogram.sill());
        Ok(Self {
            grid,
            mean,
            variogram: variogram.clone(),
            level: 0,
            embedding,
            amplitudes,
            covariance,
            clipped,
            transforms,
        })
    }

    /// The same field drawn from other random numbers: `level` 0 unless told otherwise.
    pub fn with_level(self, level: u32) -> Self {
        Self { level, ..self }
    }

    /// Share of the eigenvalues' sum that was negative and is clipped: 0 for an exact embedding.
    pub fn clipped(&self) -> f64 {
        self.clipped
    }

    /// Unconditional field `k`, one value a cell.
    pub fn draw(&self, seed: u64, k: u64) -> Vec<f64> {
        let [nx, ny, nz] = self.grid.cells;
        let columns = self.columns(Stream::new(seed, Purpose::GaussianField, k, self.level));
        let [mx, _, _] = self.embedding;
        let half = mx / 2;
        let rows = ny * nz;
        let mut out = vec![self.mean; nx * rows];
        let mut line = vec![Complex::default(); mx];
        let mut scratch = vec![Complex::default(); self.transforms[0].get_inplace_scratch_len()];
        // Two real rows a and b make one complex transform of A + i B.
        for row in (0..rows).step_by(2) {
            let second = row + 1 < rows;
            for h in 0..=half {
                let a = columns[h * rows + row];
                let b = if second { columns[h * rows + row + 1] } else { Complex::default() };
                line[h] = Complex::new(a.re - b.im, a.im + b.re);
                if h > 0 && h < half {
                    line[mx - h] = Complex::new(a.re + b.im, b.re - a.im);
                }
            }
            self.transforms[0].process_with_scratch(&mut line, &mut scratch);
            for i in 0..nx {
                out[row * nx + i] += line[i].re;
                if second {
                    out[(row + 1) * nx + i] += line[i].im;
                }
            }
        }
        out
    }

    /// White noise times amplitudes, transformed along z and y: `[0..=M_x/2][nz][ny]`.
    fn columns(&self, mut stream: Stream) -> Vec<Complex<f64>> {
        let [mx, my, mz] = self.embedding;
        let [_, ny, nz] = self.grid.cells;
        let mut out = Vec::with_capacity((mx / 2 + 1) * nz * ny);
        let mut plane = vec![Complex::default(); mz * my];
        let mut line = vec![Complex::default(); my];
        let scratch = self.transforms[1].get_inplace_scratch_len().max(self.transforms[2].get_inplace_scratch_len());
        let mut scratch = vec![Complex::default(); scratch];
        for (h, amplitudes) in self.amplitudes.chunks_exact(my * mz).enumerate() {
            // The first and the last frequency along x are their own mirror image: real after the transforms.
            let real = h == 0 || h == mx / 2;
            let scale = if real { 1.0 } else { 0.5f64.sqrt() };
            for (value, amplitude) in plane.iter_mut().zip(amplitudes) {
                let (re, im) = stream.normal_pair();
                *value = Complex::new(scale * amplitude * re, scale * amplitude * im);
            }
            if mz > 1 {
                self.transforms[2].process_with_scratch(&mut plane, &mut scratch);
            }
            for k in 0..nz {
                for j in 0..my {
                    line[j] = plane[j * mz + k];
                }
                self.transforms[1].process_with_scratch(&mut line, &mut scratch);
                out.extend(line[..ny].iter().map(|c| if real { Complex::new(c.re, 0.0) } else { *c }));
            }
        }
        out
    }

    /// Adds what kriging makes of the differences between known values and the field there.
    fn condition(&self, field: &mut [f64], data: &[Known<f64>]) -> Result<()> {
        let between = |(i, j): (usize, usize)| {
            let [to, from] = [i, j].map(|d| self.grid.cell(data[d].cell));
            self.covariance.row(to[1], to[2], from)[to[0]]
        };
        let factor = dense::cholesky(&Array2::from_shape_fn((data.len(), data.len()), between))
            .ok_or_else(|| singular(data.len()))?;
        let differences: Array1<f64> = data.iter().map(|known| known.value - field[known.cell]).collect();
        let weights = factor.solve(differences.view());
        let [nx, ny, _] = self.grid.cells;
        for (known, weight) in data.iter().zip(&weights) {
            let from = self.grid.cell(known.cell);
            for (row, values) in field.chunks_exact_mut(nx).enumerate() {
                let covariances = self.covariance.row(row % ny, row / ny, from);
                values.iter_mut().zip(covariances).for_each(|(value, c)| *value += weight * c);
            }
        }
        Ok(())
    }
}

impl Prior for GaussianField {
    fn grid(&self) -> Grid {
        self.grid
    }

    fn realization(&self, data: &Conditioning, seed: u64, k: u64) -> Result<Realization> {
        let known = known_values(data, self.grid.len())?;
        let mut field = self.draw(seed, k);
        if !known.is_empty() {
            self.condition(&mut field, &known)?;
        }
        let mut values: Vec<f32> = field.into_iter().map(|x| x as f32).collect();
        known.iter().for_each(|known| values[known.cell] = known.value as f32);
        Ok(Realization { facies: None, values: Some(values) })
    }
}

/// Covariances at the lags within a grid, `[2 nz − 1][2 ny − 1][2 nx − 1]`, lag 0 in the middle.
#[derive(Clone)]
struct Covariance {
    cells: [usize; 3],
    values: Vec<f64>,
}

impl Covariance {
    /// Covariances of the cells of row (y, z) with cell `from`.
    fn row(&self, y: usize, z: usize, from: [usize; 3]) -> &[f64] {
        let [nx, ny, nz] = self.cells;
        let row = (z + nz - 1 - from[2]) * (2 * ny - 1) + y + ny - 1 - from[1];
        &self.values[row * (2 * nx - 1) + nx - 1 - from[0]..][..nx]
    }
}

/// Whether a torus `times` as long as the grid cuts covariances off along an axis that a longer one would hold. Along an
/// axis that none up to [`LONGEST`] holds (a block much thinner than its vertical range), a longer torus only has more
/// lags that are cut off, and more negative eigenvalues.
fn is_short(grid: &Grid, variogram: &Variogram, axis: usize, times: usize) -> bool {
    let left = |times: usize| {
        let mut lag = [0.0; 3];
        lag[axis] = 0.5 * (times * grid.cells[axis]) as f64 * grid.spacing[axis];
        variogram.covariance(lag) / variogram.sill()
    };
    grid.cells[axis] > 1 && times < LONGEST && left(times) > HELD && left(LONGEST) <= NEARLY_HELD
}

/// Cells of a torus at least `times` as long as the grid along each axis of more than one cell, and quick to transform;
/// even along x.
fn embedding(cells: [usize; 3], times: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|a| match (a, cells[a]) {
        (0, n) => 2 * fast_length((times[0] * n).div_ceil(2)),
        (_, 1) => 1,
        (_, n) => fast_length(times[a] * n),
    })
}

/// Eigenvalues of the covariance on a torus, `[M_x][M_y][M_z]`.
struct Eigenvalues {
    embedding: [usize; 3],
    values: Vec<Complex<f64>>,
    /// Whether some are negative beyond rounding.
    negative: bool,
}

impl Eigenvalues {
    fn new(grid: &Grid, variogram: &Variogram, embedding: [usize; 3]) -> Result<Self> {
        let [mx, my, mz] = embedding;
        let total = mx * my * mz;
        if total > MOST_EMBEDDED {
            return Err(Error::input(
                "Gaussian field",
                format!("{:?} cells need a torus of {total} cells, above {MOST_EMBEDDED}", grid.cells),
                "choose fewer cells",
            ));
        }
        let mut values = Vec::with_capacity(total);
        for i in 0..mx {
            for j in 0..my {
                values.extend((0..mz).map(|k| Complex::new(wrapped(grid, variogram, embedding, [i, j, k]), 0.0)));
            }
        }
        let absolute: f64 = values.iter().map(|c| c.re.abs()).sum();
        Fourier::new(embedding).transform(&mut values);
        let rounding = 16.0 * f64::EPSILON * (total as f64).log2().max(1.0) * absolute;
        let negative = values.iter().any(|c| c.re < -rounding);
        Ok(Self { embedding, values, negative })
    }

    /// `√(λ/M)` of half the frequencies along x, and the share that was clipped.
    fn amplitudes(&self, sill: f64) -> (Vec<f64>, f64) {
        let positive: f64 = self.values.iter().map(|c| c.re.max(0.0)).sum();
        let below: f64 = self.values.iter().map(|c| (-c.re).max(0.0)).sum();
        let [mx, my, mz] = self.embedding;
        // Σ λ/M is the variance of the field.
        let scale = sill / positive;
        let half = self.values[..(mx / 2 + 1) * my * mz].iter().map(|c| (scale * c.re.max(0.0)).sqrt()).collect();
        (half, if self.negative { below / (positive + below) } else { 0.0 })
    }

    /// The covariance of the field on its torus, `Σ λ/M cos(k h)`, at the lags within `cells`.
    fn covariance(mut self, cells: [usize; 3], sill: f64) -> Covariance {
        let scale = sill / self.values.iter().map(|c| c.re.max(0.0)).sum::<f64>();
        self.values.iter_mut().for_each(|c| *c = Complex::new(scale * c.re.max(0.0), 0.0));
        Fourier::new(self.embedding).transform(&mut self.values);
        let [mx, my, mz] = self.embedding;
        let around = |n: usize, m: usize| (0..2 * n - 1).map(move |i| (m + i + 1 - n) % m);
        let mut values = Vec::with_capacity(cells.iter().map(|n| 2 * n - 1).product());
        for k in around(cells[2], mz) {
            for j in around(cells[1], my) {
                values.extend(around(cells[0], mx).map(|i| self.values[(i * my + j) * mz + k].re));
            }
        }
        Covariance { cells, values }
    }
}

/// Covariance between cell 0 and cell `[i, j, k]` of a torus, the short way round; the mean of both ways where they are
/// equally long.
fn wrapped(grid: &Grid, variogram: &Variogram, embedding: [usize; 3], cell: [usize; 3]) -> f64 {
    let ways = |a: usize| {
        let (c, m) = (cell[a] as f64, embedding[a] as f64);
        let first = if 2 * cell[a] > embedding[a] { c - m } else { c };
        let second = if 2 * cell[a] == embedding[a] { c - m } else { first };
        [first * grid.spacing[a], second * grid.spacing[a]]
    };
    let [x, y, z] = [ways(0), ways(1), ways(2)];
    if [x, y, z].iter().all(|way| way[0] == way[1]) {
        return variogram.covariance([x[0], y[0], z[0]]);
    }
    let corner = |i: usize| variogram.covariance([x[i & 1], y[i >> 1 & 1], z[i >> 2]]);
    (0..8).map(corner).sum::<f64>() / 8.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Plane;
    use crate::prior::kriging::{Kriging, krige};
    use crate::prior::variogram::{Shape, Structure};

    fn anisotropic(shape: Shape, ranges: [f64; 3], azimuth: f64) -> Variogram {
        Variogram::new(0.0, &[Structure { ranges, azimuth, ..Structure::isotropic(shape, 2.5, 1.0) }]).expect("fine")
    }

    /// Standard error of the mean of the products of L independent pairs of variance `sill` and covariance `c`.
    fn sampling_error(sill: f64, c: f64, count: usize) -> f64 {
        ((sill * sill + c * c) / count as f64).sqrt()
    }

    /// Mean, variance and covariance at some lags of single cells over `count` fields, within five sampling errors:
    /// cells of one field are dependent, those of different fields are not.
    fn check(grid: Grid, variogram: &Variogram, count: usize) {
        let field = GaussianField::new(grid, variogram, 10.0).expect("fine");
        assert!(field.clipped() < 1e-3, "clipped {}", field.clipped());
        let fields: Vec<Vec<f64>> = (0..count as u64).map(|k| field.draw(4, k)).collect();
        let [nx, ny, nz] = grid.cells;
        let base = [nx / 3, ny / 2, nz / 2];
        let sill = variogram.sill();
        let mean = fields.iter().map(|f| f[grid.index(base)]).sum::<f64>() / count as f64;
        assert!((mean - 10.0).abs() <= 5.0 * (sill / count as f64).sqrt(), "mean {mean}");
        for other in
            [base, [base[0] + 3, base[1], base[2]], [base[0] + 2, ny - 1, 0], [nx - 1, base[1], nz - 1], [0; 3]]
        {
            let (a, b) = (grid.index(base), grid.index(other));
            let found = fields.iter().map(|f| (f[a] - 10.0) * (f[b] - 10.0)).sum::<f64>() / count as f64;
            let (p, q) = (grid.center(base), grid.center(other));
            let expected = variogram.covariance(std::array::from_fn(|i| p[i] - q[i]));
            let error = sampling_error(sill, expected, count);
            assert!(
                (found - expected).abs() <= 5.0 * error,
                "{base:?} to {other:?}: {found} against {expected} ± {error}"
            );
        }
    }

    #[test]
    fn moments_are_those_of_the_model_in_two_and_three_dimensions() {
        let grid = Grid { spacing: [2.0, 1.0, 1.0], plane: Plane::Xz, ..Grid::unit([23, 30, 1]) };
        check(grid, &anisotropic(Shape::Spherical, [20.0, 8.0, 1.0], 30.0), 1000);
        check(grid, &anisotropic(Shape::Matern { smoothness: 1.5 }, [15.0, 15.0, 1.0], 0.0), 1000);
        let block = Grid { spacing: [1.0, 1.0, 0.5], ..Grid::unit([9, 8, 7]) };
        check(block, &anisotropic(Shape::Exponential, [9.0, 4.0, 2.0], 110.0), 1000);
        check(Grid::unit([17, 1, 1]), &anisotropic(Shape::Gaussian, [4.0, 4.0, 4.0], 0.0), 1000);
    }

    #[test]
    fn the_embedding_reproduces_the_covariance_exactly() {
        // Σ over frequencies of λ/M cos(k h) is the covariance, which is what the field's is by construction.
        let grid = Grid::unit([12, 10, 1]);
        let variogram = anisotropic(Shape::Spherical, [7.0, 3.0, 1.0], 35.0);
        let field = GaussianField::new(grid, &variogram, 0.0).expect("fine");
        let [mx, my, _] = field.embedding;
        assert_eq!(field.clipped(), 0.0);
        for (di, dj) in [(0, 0), (3, 2), (-3, 2), (11, 0), (5, -9)] {
            let mut sum = 0.0;
            for h in 0..=mx / 2 {
                let both = if h == 0 || h == mx / 2 { 1.0 } else { 2.0 };
                for j in 0..my {
                    let phase = (h as f64 * f64::from(di) / mx as f64 + j as f64 * f64::from(dj) / my as f64)
                        * std::f64::consts::TAU;
                    sum += both * field.amplitudes[h * my + j].powi(2) * phase.cos();
                }
            }
            let expected = variogram.covariance([f64::from(di), f64::from(dj), 0.0]);
            assert!((sum - expected).abs() < 1e-12, "lag ({di}, {dj}): {sum} against {expected}");
        }
    }

    #[test]
    fn realizations_depend_on_their_number_and_level_alone() {
        let field = GaussianField::new(Grid::unit([9, 7, 3]), &anisotropic(Shape::Spherical, [5.0; 3], 0.0), 0.0)
            .expect("fine");
        let third = field.draw(1, 3);
        assert_eq!(third, field.draw(1, 3));
        assert_ne!(third, field.draw(1, 2));
        assert_ne!(third, field.draw(2, 3));
        assert_ne!(third, field.clone().with_level(1).draw(1, 3));
    }

    #[test]
    fn a_range_beyond_the_grid_enlarges_the_torus_and_tells_what_is_clipped() {
        let long = anisotropic(Shape::Gaussian, [40.0; 3], 0.0);
        let field = GaussianField::new(Grid::unit([20, 20, 1]), &long, 0.0).expect("fine");
        assert!(field.embedding[0] > 40, "{:?}", field.embedding);
        let longer = anisotropic(Shape::Spherical, [4000.0; 3], 0.0);
        let field = GaussianField::new(Grid::unit([20, 20, 1]), &longer, 0.0).expect("fine");
        assert!(field.clipped() > 0.0 && field.clipped() < 0.1, "{}", field.clipped());
        let power: f64 = (0..=field.embedding[0] / 2)
            .flat_map(|h| (0..field.embedding[1]).map(move |j| (h, j)))
            .map(|(h, j)| {
                let both = if h == 0 || 2 * h == field.embedding[0] { 1.0 } else { 2.0 };
                both * field.amplitudes[h * field.embedding[1] + j].powi(2)
            })
            .sum();
        assert!((power - 2.5).abs() < 1e-9, "the variance stays the sill: {power}");
    }

    #[test]
    fn a_block_much_thinner_than_its_range_is_not_embedded_in_a_longer_torus() {
        let grid = Grid { spacing: [10.0, 10.0, 1.0], ..Grid::unit([20, 20, 4]) };
        let thin = anisotropic(Shape::Spherical, [400.0, 100.0, 100.0], 0.0);
        let field = GaussianField::new(grid, &thin, 0.0).expect("fine");
        let [mx, my, mz] = field.embedding;
        assert_eq!((mx, mz), (40, 8), "the range across fits, the vertical one never will");
        assert!(my > 40 && field.clipped() > 0.0 && field.clipped() < 0.02, "{my} cells, clipped {}", field.clipped());
    }

    #[test]
    fn fields_with_data_have_the_mean_and_the_variance_of_simple_kriging() {
        let grid = Grid { spacing: [1.0, 1.0, 0.5], ..Grid::unit([9, 8, 5]) };
        let structures = [
            Structure::isotropic(Shape::Spherical, 0.7, 4.0),
            Structure { azimuth: 60.0, ranges: [12.0, 6.0, 2.0], ..Structure::isotropic(Shape::Exponential, 1.3, 1.0) },
        ];
        let variogram = Variogram::new(0.1, &structures).expect("fine");
        let field = GaussianField::new(grid, &variogram, 5.0).expect("fine");
        assert!(field.clipped() < 1e-3, "{}", field.clipped());
        // Wells through all layers.
        let wells = [[1, 1], [6, 2], [3, 6]].into_iter().flat_map(|[i, j]| (0..5).map(move |k| [i, j, k]));
        let values: Vec<Known<f64>> =
            wells.enumerate().map(|(d, cell)| Known { cell: grid.index(cell), value: 4.0 + (d % 4) as f64 }).collect();
        let data = Conditioning { values: values.clone(), ..Default::default() };
        let (mean, variance) = krige(&grid, &variogram, Kriging::Simple, 5.0, &data).expect("fine");
        let count = 500;
        let mut sums = vec![[0.0; 2]; grid.len()];
        for k in 0..count {
            let drawn = field.realization(&data, 8, k).expect("fine").values.expect("values");
            assert!(values.iter().all(|known| drawn[known.cell] == known.value as f32), "realization {k}");
            for (sum, (value, mean)) in sums.iter_mut().zip(drawn.iter().zip(&mean)) {
                let departure = f64::from(*value) - mean;
                *sum = [sum[0] + departure, sum[1] + departure * departure];
            }
        }
        // Both estimates are of independent draws; what is clipped of the covariance is beside their sampling errors.
        let n = count as f64;
        for (cell, (sum, variance)) in sums.iter().zip(&variance).enumerate() {
            assert!(sum[0].abs() / n <= 4.5 * (variance / n).sqrt() + 1e-5, "mean of cell {cell}: {}", sum[0] / n);
            let off = (sum[1] / n - variance).abs();
            assert!(off <= 4.5 * variance * (2.0 / n).sqrt() + 1e-9, "variance of cell {cell}: {off} off {variance}");
        }
    }

    #[test]
    fn data_are_honoured_where_the_torus_clips_the_covariance() {
        let long = anisotropic(Shape::Spherical, [4000.0; 3], 0.0);
        let field = GaussianField::new(Grid::unit([20, 20, 1]), &long, 0.0).expect("fine");
        assert!(field.clipped() > 0.0);
        let data = [Known { cell: 3, value: 1.0 }, Known { cell: 333, value: -0.5 }];
        let mut drawn = field.draw(2, 0);
        field.condition(&mut drawn, &data).expect("fine");
        assert!(data.iter().all(|known| (drawn[known.cell] - known.value).abs() < 1e-9));
    }

    #[test]
    fn known_values_are_honoured_and_pull_their_neighbours() {
        let grid = Grid::unit([20, 15, 1]);
        let field = GaussianField::new(grid, &anisotropic(Shape::Spherical, [8.0; 3], 0.0), 0.0).expect("fine");
        let known = |i, j, value| Known { cell: grid.index([i, j, 0]), value };
        let data = Conditioning { values: vec![known(3, 4, 9.0), known(10, 12, -7.0)], ..Default::default() };
        for k in 0..3 {
            let values = field.realization(&data, 1, k).expect("fine").values.expect("values");
            assert!(data.values.iter().all(|d| (f64::from(values[d.cell]) - d.value).abs() < 1e-5));
            assert!(values[grid.index([4, 4, 0])] > 4.0 && values[grid.index([10, 11, 0])] < -3.0);
            let far = grid.index([19, 0, 0]);
            assert_eq!(values[far], field.draw(1, k)[far] as f32, "beyond the range nothing changes");
        }
        let twice = Conditioning { values: vec![known(3, 4, 9.0), known(3, 4, 8.0)], ..Default::default() };
        assert!(field.realization(&twice, 1, 0).is_err());
        let outside = Conditioning { values: vec![Known { cell: 300, value: 0.0 }], ..Default::default() };
        assert!(field.realization(&outside, 1, 0).is_err());
        let facies = Conditioning { facies: vec![Known { cell: 0, value: 1 }], ..Default::default() };
        assert!(field.realization(&facies, 1, 0).is_err());
    }
}
