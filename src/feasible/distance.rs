//! Squared distances of windows in one fixed order of summation, and sums over cells as fast as the processor allows.

use super::template::Run;

/// Terms are added up in this many interleaved sums, which one addition joins at the end.
const LANES: usize = 16;
/// Runs between two looks at whether the sum is beyond its limit.
const LOOK: usize = 8;

/// `Σ (x − y)²` over `runs` of two images, each given from a window's origin on: differences and sums in f64, the same
/// bits on every processor. Infinity as soon as the sum is sure to exceed `limit`: terms are not negative, and neither
/// is the rounding of a sum of them against its parts, so a partial sum beyond the limit stays beyond it.
pub(super) fn squared_distance(runs: &[Run], x: &[f32], y: &[f32], limit: f64) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { with_avx2(runs, x, y, limit) };
    }
    portable(runs, x, y, limit)
}

/// The same text compiled for wider registers: Rust neither reorders nor fuses floating-point operations.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(runs: &[Run], x: &[f32], y: &[f32], limit: f64) -> f64 {
    portable(runs, x, y, limit)
}

#[inline(always)]
fn portable(runs: &[Run], x: &[f32], y: &[f32], limit: f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    for (number, run) in runs.iter().enumerate() {
        let cells = run.offset..run.offset + run.length;
        let (xs, x_rest) = x[cells.clone()].as_chunks::<LANES>();
        let (ys, y_rest) = y[cells].as_chunks::<LANES>();
        for (xs, ys) in xs.iter().zip(ys) {
            for lane in 0..LANES {
                let difference = f64::from(xs[lane]) - f64::from(ys[lane]);
                lanes[lane] += difference * difference;
            }
        }
        for (lane, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
            let difference = f64::from(*x) - f64::from(*y);
            lanes[lane] += difference * difference;
        }
        if number % LOOK == LOOK - 1 && total(&lanes) > limit {
            return f64::INFINITY;
        }
    }
    total(&lanes)
}

#[inline(always)]
fn total(lanes: &[f64; LANES]) -> f64 {
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn both_forms_give_the_same_bits_and_stop_only_beyond_the_limit() {
        let mut stream = Stream::new(11, Purpose::Check, 0, 0);
        let image = |stream: &mut Stream| stream.normals(4000).iter().map(|&x| x as f32).collect::<Vec<_>>();
        let (x, y) = (image(&mut stream), image(&mut stream));
        for length in [1, 7, 16, 33, 80] {
            let runs: Vec<_> = (0..40).map(|row| Run { offset: row * 97, length }).collect();
            let d2 = squared_distance(&runs, &x, &y, f64::INFINITY);
            assert_eq!(d2.to_bits(), portable(&runs, &x, &y, f64::INFINITY).to_bits());
            let plain: f64 = runs
                .iter()
                .flat_map(|r| r.offset..r.offset + length)
                .map(|c| (f64::from(x[c]) - f64::from(y[c])).powi(2))
                .sum();
            let bound = 2.0 * (runs.len() * length) as f64 * f64::EPSILON * plain;
            assert!((d2 - plain).abs() <= bound, "{d2} against {plain} at length {length}");
            assert_eq!(squared_distance(&runs, &x, &y, d2), d2);
            assert_eq!(squared_distance(&runs, &x, &y, 0.5 * d2), f64::INFINITY);
        }
    }
}
