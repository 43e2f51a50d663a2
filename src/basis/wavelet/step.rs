//! One level of the periodic wavelet transform along one axis.

use rayon::prelude::*;

use super::filters::SCALING;

/// Lines that are transformed together: their values lie side by side, so that one instruction treats several.
const LINES: usize = 8;
/// Multiplications that a task does at least.
const LEAST_PRODUCTS_PER_TASK: usize = 1 << 17;

/// The two filters of a level, h and `g_m = (−1)^m h_{2N−1−m}`.
///
/// A line x of even length M becomes M/2 values of each filter f, periodic in x:
/// `y_o = Σ_m f_m x_{2o − (N−1) + m}`, which is PyWavelets' mode `periodization`. Its transpose is its inverse.
#[derive(Debug, Clone)]
pub(super) struct Filters([Vec<f64>; 2]);

impl Filters {
    /// Those of `moments` vanishing moments, 1 (Haar) to 10.
    pub(super) fn new(moments: usize) -> Self {
        let low = SCALING[moments - 1].to_vec();
        let high = low.iter().rev().enumerate().map(|(m, h)| if m % 2 == 0 { *h } else { -h }).collect();
        Self([low, high])
    }

    /// The same with the magnitudes of all taps: what errors are bounded with.
    pub(super) fn magnitudes(&self) -> Self {
        Self(self.0.clone().map(|filter| filter.into_iter().map(f64::abs).collect()))
    }

    /// h, then g.
    pub(super) fn all(&self) -> impl Iterator<Item = f64> {
        self.0.iter().flatten().copied()
    }

    /// The filters: the first alone where nothing but the averages counts.
    fn used(&self, both: bool) -> &[Vec<f64>] {
        &self.0[..if both { 2 } else { 1 }]
    }

    /// Taps of a filter, 2 N.
    pub(super) fn taps(&self) -> usize {
        self.0[0].len()
    }

    /// Low, then high of every line along the slowest axis of `input` (`length` × lines), which becomes the fastest;
    /// the high half is left out unless `both` is asked for.
    pub(super) fn analyze(&self, input: &[f64], length: usize, both: bool) -> Vec<f64> {
        let (lines, half) = (input.len() / length, length / 2);
        let to = if both { length } else { half };
        let filters = self.used(both);
        let start = |o: usize| (2 * o + self.taps() * length - (self.taps() / 2 - 1)) % length;
        self.each_chunk(lines, to, |first, out| {
            for (o, part) in (0..half).flat_map(|o| (0..filters.len()).map(move |part| (o, part))) {
                let mut row = start(o);
                let rows = filters[part].iter().map(|f| {
                    let this = (row, *f);
                    row = if row + 1 == length { 0 } else { row + 1 };
                    this
                });
                combine(input, lines, first, rows, &mut out[part * half + o..], to);
            }
        })
    }

    /// The transpose of [`Filters::analyze`], the low and the high half (or the low one alone) along the slowest axis.
    pub(super) fn synthesize(&self, input: &[f64], length: usize, both: bool) -> Vec<f64> {
        let half = length / 2;
        let lines = input.len() / if both { length } else { half };
        let shift = self.taps() / 2 - 1;
        self.each_chunk(lines, length, |first, out| {
            for x in 0..length {
                let odd = (x + shift) % 2;
                let filters = self.used(both).iter().enumerate();
                let rows = filters.flat_map(|(part, filter)| {
                    let mut row = (x + shift) / 2 % half;
                    filter.iter().skip(odd).step_by(2).map(move |f| {
                        let this = (part * half + row, *f);
                        row = if row == 0 { half - 1 } else { row - 1 };
                        this
                    })
                });
                combine(input, lines, first, rows, &mut out[x..], length);
            }
        })
    }

    /// `f(first line, values)` for chunks of lines with `to` values each.
    fn each_chunk(&self, lines: usize, to: usize, f: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
        let mut out = vec![0.0; lines * to];
        out.par_chunks_mut(LINES * to)
            .enumerate()
            .with_min_len((LEAST_PRODUCTS_PER_TASK / (LINES * to * self.taps())).max(1))
            .for_each(|(chunk, out)| f(chunk * LINES, out));
        out
    }
}

/// `out[line · stride] = Σ f x[row][first + line]` over all `(row, f)`, for as many lines as `out` holds, [`LINES`] at
/// most.
fn combine(
    x: &[f64],
    lines: usize,
    first: usize,
    rows: impl Iterator<Item = (usize, f64)>,
    out: &mut [f64],
    stride: usize,
) {
    let mut sums = [0.0; LINES];
    if lines - first >= LINES {
        for (row, f) in rows {
            let x: &[f64; LINES] = x[row * lines + first..][..LINES].try_into().expect("as many lines");
            for line in 0..LINES {
                sums[line] += f * x[line];
            }
        }
    } else {
        for (row, f) in rows {
            let x = &x[row * lines + first..(row + 1) * lines];
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += f * x);
        }
    }
    out.iter_mut().step_by(stride).zip(&sums).for_each(|(out, sum)| *out = *sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_orthonormal_and_vanish_on_polynomials() {
        for moments in 1..=10 {
            let Filters([low, high]) = Filters::new(moments);
            assert_eq!((low.len(), high.len()), (2 * moments, 2 * moments));
            let product = |a: &[f64], b: &[f64], shift: usize| -> f64 {
                a.iter().skip(2 * shift).zip(b).map(|(a, b)| a * b).sum()
            };
            for shift in 0..moments {
                let one = if shift == 0 { 1.0 } else { 0.0 };
                for (a, b, expected) in [(&low, &low, one), (&high, &high, one), (&low, &high, 0.0), (&high, &low, 0.0)]
                {
                    assert!((product(a, b, shift) - expected).abs() <= 1e-15, "N = {moments}, shift {shift}");
                }
            }
            for power in 0..moments as i32 {
                let terms = || high.iter().enumerate().map(|(m, g)| g * (m as f64).powi(power));
                let size: f64 = terms().map(f64::abs).sum();
                assert!(terms().sum::<f64>().abs() <= 1e-14 * size, "N = {moments}: moment {power}");
            }
        }
    }

    #[test]
    fn a_step_of_haar_is_known_by_hand() {
        let filters = Filters::new(1);
        let s = 0.5f64.sqrt();
        let found = filters.analyze(&[1.0, 3.0, 5.0, 5.0], 4, true);
        let expected = [4.0 * s, 10.0 * s, -2.0 * s, 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-15), "{found:?}");
        let again = filters.synthesize(&found, 4, true);
        assert!(again.iter().zip([1.0, 3.0, 5.0, 5.0]).all(|(a, b)| (a - b).abs() <= 1e-15), "{again:?}");
    }

    #[test]
    fn lines_side_by_side_are_transformed_alike_and_turned() {
        let filters = Filters::new(4);
        for lines in [1, 7, 8, 9, 19] {
            let value = |t: usize, line: usize| ((t * 31 + line * 17) % 23) as f64;
            let input: Vec<f64> = (0..6 * lines).map(|i| value(i / lines, i % lines)).collect();
            for both in [true, false] {
                let found = filters.analyze(&input, 6, both);
                let to = found.len() / lines;
                assert_eq!(to, if both { 6 } else { 3 });
                for line in 0..lines {
                    let alone: Vec<f64> = (0..6).map(|t| value(t, line)).collect();
                    assert_eq!(found[line * to..(line + 1) * to], filters.analyze(&alone, 6, true)[..to]);
                }
            }
        }
    }
}
