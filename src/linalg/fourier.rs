//! Fourier transforms of blocks along three axes.

use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

/// Lines across memory that are transformed together: so many numbers share a line of the processor's cache.
const LINES_AT_ONCE: usize = 4;

/// The discrete transform `Z(k) = Σ_c z(c) exp(−2πi Σ_a k_a c_a / M_a)` of blocks of one shape, the last axis contiguous.
/// The inverse, times the number of cells, is the conjugate of the transform of the conjugate.
pub struct Fourier {
    lengths: [usize; 3],
    plans: [Arc<dyn Fft<f64>>; 3],
}

impl Fourier {
    /// For blocks of M_0 × M_1 × M_2 numbers.
    pub fn new(lengths: [usize; 3]) -> Self {
        let mut planner = FftPlanner::new();
        Self { lengths, plans: lengths.map(|length| planner.plan_fft_forward(length)) }
    }

    /// Cells of a block along each axis.
    pub fn lengths(&self) -> [usize; 3] {
        self.lengths
    }

    /// Transforms a block in place. Lines of zeros, of which a padded block has many, are passed over.
    pub fn transform(&self, values: &mut [Complex<f64>]) {
        for axis in [2, 1, 0] {
            self.along(axis, values, self.lengths);
        }
    }

    /// Transforms a block of which only the first `kept` cells along each axis are wanted; the others are undefined.
    pub fn transform_to(&self, values: &mut [Complex<f64>], kept: [usize; 3]) {
        for axis in [0, 1, 2] {
            self.along(axis, values, kept);
        }
    }

    /// Transforms the lines along an axis whose places on the axes before it are below `kept`.
    fn along(&self, axis: usize, values: &mut [Complex<f64>], kept: [usize; 3]) {
        let length = self.lengths[axis];
        if length == 1 {
            return;
        }
        let stride: usize = self.lengths[axis + 1..].iter().product();
        let fft = &self.plans[axis];
        let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
        let mut lines = vec![Complex::default(); length * LINES_AT_ONCE];
        let zeros = |line: &[Complex<f64>]| line.iter().all(|value| *value == Complex::default());
        for (outer, block) in values.chunks_exact_mut(length * stride).enumerate() {
            let wanted = match axis {
                0 => true,
                1 => outer < kept[0],
                _ => outer / self.lengths[1] < kept[0] && outer % self.lengths[1] < kept[1],
            };
            if !wanted {
                continue;
            }
            if stride == 1 {
                if !zeros(block) {
                    fft.process_with_scratch(block, &mut scratch);
                }
                continue;
            }
            for start in (0..stride).step_by(LINES_AT_ONCE) {
                let count = LINES_AT_ONCE.min(stride - start);
                let lines = &mut lines[..count * length];
                for i in 0..length {
                    let row = &block[start + i * stride..][..count];
                    for (line, &value) in row.iter().enumerate() {
                        lines[line * length + i] = value;
                    }
                }
                if zeros(lines) {
                    continue;
                }
                fft.process_with_scratch(lines, &mut scratch);
                for i in 0..length {
                    let row = &mut block[start + i * stride..][..count];
                    for (line, value) in row.iter_mut().enumerate() {
                        *value = lines[line * length + i];
                    }
                }
            }
        }
    }
}

/// The least number from `least` on that has no prime factor above 5: quick to transform.
pub fn fast_length(least: usize) -> usize {
    let without = |mut n: usize, p: usize| {
        while n.is_multiple_of(p) {
            n /= p;
        }
        n
    };
    let rest = |n: usize| [2, 3, 5].into_iter().fold(n, without);
    (least.max(1)..).find(|&n| rest(n) == 1).expect("powers of two go on")
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::random::{Purpose, Stream};

    fn cell([_, my, mz]: [usize; 3], at: usize) -> [usize; 3] {
        [at / (my * mz), at / mz % my, at % mz]
    }

    fn by_definition(values: &[Complex<f64>], lengths: [usize; 3]) -> Vec<Complex<f64>> {
        let term = |k: usize, c: usize| {
            let (k, c) = (cell(lengths, k), cell(lengths, c));
            let turns: f64 = (0..3).map(|a| (k[a] * c[a]) as f64 / lengths[a] as f64).sum();
            Complex::from_polar(1.0, -TAU * turns)
        };
        (0..values.len()).map(|k| values.iter().enumerate().map(|(c, z)| z * term(k, c)).sum()).collect()
    }

    #[test]
    fn a_block_and_the_wanted_part_of_it_are_those_of_the_definition() {
        for lengths in [[4, 6, 5], [1, 9, 8], [1, 1, 12], [3, 1, 10]] {
            let total = lengths.iter().product();
            let numbers = Stream::new(5, Purpose::Check, 0, 0).normals(2 * total);
            // Zeros in the second half of each axis, as of a padded grid.
            let inside = |at| cell(lengths, at).into_iter().zip(lengths).all(|(i, m)| i < m.div_ceil(2));
            let value = |at: usize| match inside(at) {
                true => Complex::new(numbers[2 * at], numbers[2 * at + 1]),
                false => Complex::default(),
            };
            let values: Vec<_> = (0..total).map(value).collect();
            let (expected, fourier) = (by_definition(&values, lengths), Fourier::new(lengths));
            let close = |a: Complex<f64>, b: Complex<f64>| (a - b).norm() <= 1e-13 * total as f64;
            let mut all = values.clone();
            fourier.transform(&mut all);
            assert!(all.iter().zip(&expected).all(|(&a, &b)| close(a, b)), "{lengths:?}");
            let mut part = values;
            fourier.transform_to(&mut part, lengths.map(|m| m.div_ceil(2)));
            assert!((0..total).filter(|&at| inside(at)).all(|at| close(part[at], expected[at])), "{lengths:?}");
        }
    }

    #[test]
    fn lengths_have_small_factors_alone() {
        let lengths = [0, 1, 7, 11, 97, 241, 399].map(fast_length);
        assert_eq!(lengths, [1, 1, 8, 12, 100, 243, 400]);
    }
}
