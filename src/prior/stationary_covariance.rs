//! The covariance that realizations of a stationary prior have in common, averaged over all their places.
//!
//! L realizations tell little of the covariance of one pair of cells far apart: its standard error is σ²/√L, and a
//! correction that is spread by it is mottled. Where the geology is the same everywhere, all pairs at one lag are
//! samples of one number, and their mean is steady.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, ShapeBuilder, s};
use rayon::prelude::*;
use rustfft::num_complex::Complex;

use crate::grid::{Ensemble, Grid};
use crate::linalg::fourier::{Fourier, fast_length};
use crate::operator::LinearOperator;

/// `C(h) = 1/(n L) Σ_l Σ_c a_l(c) a_l(c + h)`, the mean over realizations of the products of their deviations
/// `a_l = u_l − mean` at lag h, with pairs that reach out of the grid counted as zeros.
///
/// The zeros taper C to nothing at the grid's own size and make it positive semidefinite. Applied by circulant embedding
/// and the fast Fourier transform (Dietrich and Newsam 1997): n log n, nothing of n × n is stored.
pub struct StationaryCovariance {
    grid: Grid,
    /// Over the embedding, at least 2n − 1 cells along each axis, x last.
    fourier: Fourier,
    /// Fourier transform of C over the embedding, over the number of its cells.
    spectrum: Vec<f64>,
}

/// Pairs of realizations whose spectra are added one after the other; the sums of such runs are added in order.
const RUN: usize = 8;

impl StationaryCovariance {
    /// Averages over at most `limit` realizations of each ensemble, about the ensemble's own mean.
    pub fn new(ensembles: &[&Ensemble], limit: usize) -> Self {
        let grid = ensembles.first().expect("a covariance needs realizations").grid;
        let embedding: [usize; 3] = std::array::from_fn(|axis| fast_length(2 * grid.cells[2 - axis] - 1));
        let spectrum = vec![0.0; embedding.iter().product()];
        let mut out = Self { grid, fourier: Fourier::new(embedding), spectrum };
        let (mut power, mut count) = (vec![0.0; out.spectrum.len()], 0);
        for ensemble in ensembles {
            let mut mean = Array1::zeros(grid.len());
            for l in 0..ensemble.len() {
                mean += &ensemble.property(l);
            }
            mean /= ensemble.len() as f64;
            let used = ensemble.len().min(limit);
            let firsts: Vec<usize> = (0..used).step_by(2).collect();
            let runs: Vec<Vec<f64>> = firsts
                .par_chunks(RUN)
                .map(|run| {
                    let mut sum = vec![0.0; out.spectrum.len()];
                    let mut values = out.block();
                    for &l in run {
                        let second = (l + 1 < used).then(|| ensemble.property(l + 1) - &mean);
                        let first = ensemble.property(l) - &mean;
                        out.embed(first.view(), second.as_ref().map(|a| a.view()), &mut values);
                        out.fourier.transform(&mut values);
                        sum.iter_mut().zip(&values).for_each(|(sum, z)| *sum += z.norm_sqr());
                    }
                    sum
                })
                .collect();
            for run in runs {
                power.iter_mut().zip(run).for_each(|(power, run)| *power += run);
            }
            count += used;
        }
        // Of two real fields in one complex one, |A|² + |B|² at k is the mean of the power at k and at −k.
        let scale = 0.5 / (count as f64 * grid.len() as f64 * power.len() as f64);
        for (at, spectrum) in out.spectrum.iter_mut().enumerate() {
            *spectrum = scale * (power[at] + power[opposite(at, embedding)]);
        }
        out
    }

    /// The same without the taper: products at lag h are divided by the pairs that the grid has at it, and the spectrum's
    /// negative values, which noise at the largest lags brings, are cut off (the rest is scaled, so that the variance
    /// stays). Covariances between far cells are then as large as the realizations say, those between near ones nearly.
    pub fn untapered(ensembles: &[&Ensemble], limit: usize) -> Self {
        let mut out = Self::new(ensembles, limit);
        let variance = out.variance();
        let n = out.grid.len() as f64;
        let [mx, my, mz] = out.fourier.lengths();
        let pairs = |cells: usize, length: usize, at: usize| cells.saturating_sub(at.min(length - at)).max(1) as f64;
        let mut values: Vec<Complex<f64>> = out.spectrum.iter().map(|&s| Complex::from(s)).collect();
        out.fourier.transform(&mut values);
        for (at, value) in values.iter_mut().enumerate() {
            let [z, y, x] = [at / (my * mz), at / mz % my, at % mz];
            let [nx, ny, nz] = out.grid.cells;
            *value *= n / (pairs(nz, mx, z) * pairs(ny, my, y) * pairs(nx, mz, x));
        }
        out.fourier.transform(&mut values);
        let total = values.len() as f64;
        out.spectrum.iter_mut().zip(&values).for_each(|(s, z)| *s = (z.re / total).max(0.0));
        let kept = out.variance();
        if kept > 0.0 {
            out.spectrum.iter_mut().for_each(|s| *s *= variance / kept);
        }
        out
    }

    /// Variance of one cell.
    pub fn variance(&self) -> f64 {
        self.spectrum.iter().sum()
    }

    /// A block of the embedding.
    fn block(&self) -> Vec<Complex<f64>> {
        vec![Complex::default(); self.spectrum.len()]
    }

    /// Where the rows of the grid along x begin in a block of the embedding.
    fn row_starts(&self) -> impl Iterator<Item = usize> {
        let ([_, ny, nz], [_, my, mx]) = (self.grid.cells, self.fourier.lengths());
        (0..nz).flat_map(move |k| (0..ny).map(move |j| (k * my + j) * mx))
    }

    /// One or two real fields as the real and imaginary part of a complex one on the embedding.
    fn embed(&self, first: ArrayView1<'_, f64>, second: Option<ArrayView1<'_, f64>>, values: &mut [Complex<f64>]) {
        let nx = self.grid.cells[0];
        values.fill(Complex::default());
        for (row, start) in self.row_starts().enumerate() {
            let cells = s![row * nx..(row + 1) * nx];
            let values = &mut values[start..start + nx];
            values.iter_mut().zip(first.slice(cells)).for_each(|(z, &a)| z.re = a);
            if let Some(second) = second {
                values.iter_mut().zip(second.slice(cells)).for_each(|(z, &b)| z.im = b);
            }
        }
    }

    /// The parts of a block within the grid: real parts and negative imaginary parts.
    fn extract_conjugate(&self, values: &[Complex<f64>], first: &mut [f64], second: &mut [f64]) {
        let nx = self.grid.cells[0];
        for (row, start) in self.row_starts().enumerate() {
            let (values, cells) = (&values[start..start + nx], row * nx..(row + 1) * nx);
            first[cells.clone()].iter_mut().zip(values).for_each(|(a, z)| *a = z.re);
            second.get_mut(cells).into_iter().flatten().zip(values).for_each(|(b, z)| *b = -z.im);
        }
    }
}

impl LinearOperator for StationaryCovariance {
    fn rows(&self) -> usize {
        self.grid.len()
    }
    fn cols(&self) -> usize {
        self.grid.len()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply_block(x.insert_axis(Axis(1))).remove_axis(Axis(1))
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply(y)
    }
    /// Quickest where the columns of the block are contiguous, as those of the result are.
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let n = self.grid.len();
        let [nx, ny, nz] = self.grid.cells;
        let mut columns = vec![0.0; n * x.ncols()];
        columns.par_chunks_mut(2 * n).enumerate().for_each_init(
            || self.block(),
            |values, (pair, out)| {
                let second = (out.len() > n).then(|| x.column(2 * pair + 1));
                self.embed(x.column(2 * pair), second, values);
                self.fourier.transform(values);
                // The inverse transform is the conjugate of the forward one of the conjugate.
                values.iter_mut().zip(&self.spectrum).for_each(|(z, &s)| *z = z.conj() * s);
                self.fourier.transform_to(values, [nz, ny, nx]);
                let (first, second) = out.split_at_mut(n);
                self.extract_conjugate(values, first, second);
            },
        );
        Array2::from_shape_vec((n, x.ncols()).f(), columns).expect("a number for each cell and column")
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        self.apply_block(y)
    }
}

/// The number of the frequency opposite to number `at`.
fn opposite(at: usize, [mx, my, mz]: [usize; 3]) -> usize {
    let [x, y, z] = [at / (my * mz), at / mz % my, at % mz];
    (((mx - x) % mx) * my + (my - y) % my) * mz + (mz - z) % mz
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    fn ensemble(cells: [usize; 3], count: usize) -> Ensemble {
        let n = cells.iter().product::<usize>();
        let numbers = Stream::new(3, Purpose::Check, 0, 0).normals(n * count).into_iter().map(|x| x as f32).collect();
        let values = Array2::from_shape_vec((count, n), numbers).unwrap();
        Ensemble { grid: Grid::unit(cells), facies: None, values: Some(values), facies_values: Vec::new() }
    }

    /// C(h) by its definition.
    fn by_definition(ensemble: &Ensemble) -> Array2<f64> {
        let (grid, n) = (ensemble.grid, ensemble.grid.len());
        let fields: Vec<_> = (0..ensemble.len()).map(|l| ensemble.property(l)).collect();
        let mean = fields.iter().fold(Array1::zeros(n), |sum: Array1<f64>, u| sum + u) / fields.len() as f64;
        let lag = |a: usize, b: usize| {
            let (a, b) = (grid.cell(a), grid.cell(b));
            std::array::from_fn::<i64, 3, _>(|axis| b[axis] as i64 - a[axis] as i64)
        };
        Array2::from_shape_fn((n, n), |(a, b)| {
            let mut sum = 0.0;
            for (c, d) in (0..n).flat_map(|c| (0..n).map(move |d| (c, d))).filter(|&(c, d)| lag(c, d) == lag(a, b)) {
                sum += fields.iter().map(|u| (u[c] - mean[c]) * (u[d] - mean[d])).sum::<f64>();
            }
            sum / (n * fields.len()) as f64
        })
    }

    #[test]
    fn transforms_give_the_mean_of_products_by_lag() {
        for (cells, count) in [([5, 4, 1], 3), ([3, 4, 5], 4), ([7, 1, 1], 2)] {
            let ensemble = ensemble(cells, count);
            let covariance = StationaryCovariance::new(&[&ensemble], usize::MAX);
            let expected = by_definition(&ensemble);
            let found = covariance.apply_block(Array2::eye(ensemble.grid.len()).view());
            let terms = (2 * ensemble.grid.len()).pow(2) as f64;
            let bound = terms * f64::EPSILON * covariance.variance();
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() <= bound, "{found} against {expected} within {bound:e}");
            }
            assert!((covariance.variance() - expected[[0, 0]]).abs() <= bound);
        }
    }

    #[test]
    fn without_the_taper_each_lag_has_its_own_number_of_pairs() {
        // Means of 32 numbers in a row: C(h) falls to nothing at lag 32 in a straight line, to a half at 16.
        let (grid, width) = (Grid::unit([64, 3, 1]), 32);
        let row = |l: usize| {
            let numbers = Stream::new(3, Purpose::Check, 2, l as u32).normals(64 + width);
            (0..64).map(move |i| numbers[i..i + width].iter().sum::<f64>() as f32 / (width as f32).sqrt())
        };
        let numbers: Vec<f32> = (0..400).flat_map(|l| row(l).chain(row(l)).chain(row(l))).collect();
        let values = Array2::from_shape_vec((400, grid.len()), numbers).unwrap();
        let ensemble = Ensemble { grid, facies: None, values: Some(values), facies_values: Vec::new() };
        let mut unit = Array1::zeros(grid.len());
        unit[0] = 1.0;
        let tapered = StationaryCovariance::new(&[&ensemble], usize::MAX);
        let untapered = StationaryCovariance::untapered(&[&ensemble], usize::MAX);
        assert!((tapered.variance() - untapered.variance()).abs() < 1e-12);
        let [tapered, untapered] = [&tapered, &untapered].map(|c| c.apply(unit.view()) / c.variance());
        // The taper leaves 48 of 64 pairs at lag 16, and 2 of 3 at the next row.
        for (cell, expected) in [(16, 0.5), (64, 1.0)] {
            let (with, without) = ((tapered[cell] - expected).abs(), (untapered[cell] - expected).abs());
            assert!(without < 0.5 * with, "at {cell}: {} against {}", untapered[cell], tapered[cell]);
        }
    }

    #[test]
    fn it_is_positive_semidefinite_and_any_number_of_threads_gives_the_same_bytes() {
        let ensemble = ensemble([9, 8, 1], 41);
        let x = Array1::from(Stream::new(3, Purpose::Check, 1, 0).normals(72));
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| StationaryCovariance::new(&[&ensemble], 40).apply(x.view()))
        };
        assert!(x.dot(&of(1)) >= 0.0);
        assert_eq!(of(1), of(3));
    }

    #[test]
    fn lengths_are_fast() {
        assert_eq!([1, 7, 13, 199, 399].map(fast_length), [1, 8, 15, 200, 400]);
    }
}
