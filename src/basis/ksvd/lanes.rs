//! Sums and products over contiguous numbers, compiled for the widest registers that the processor has.
//!
//! Rust neither reorders nor fuses floating-point operations, so that every form of a function gives the same bits.

/// Numbers that are treated at once; partial sums are interleaved in as many lanes.
pub(super) const LANES: usize = 32;
/// As many numbers.
pub(super) type Lanes = [f64; LANES];

/// Defines a function as the text of another, an `#[inline(always)]` one, compiled for wider registers.
macro_rules! widest {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $out:ty)? = $portable:path) => {
        $(#[$doc])*
        fn $name($($argument: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn with_avx512($($argument: $type),*) $(-> $out)? {
                    $portable($($argument),*)
                }
                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $type),*) $(-> $out)? {
                    $portable($($argument),*)
                }
                if std::arch::is_x86_feature_detected!("avx512f") {
                    // SAFETY: the processor has AVX-512.
                    return unsafe { with_avx512($($argument),*) };
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            $portable($($argument),*)
        }
    };
}
pub(super) use widest;

/// `xᵀ y`.
#[inline(always)]
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (xs, ys) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            lanes[lane] += xs[lane] * ys[lane];
        }
    }
    for (lane, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
        lanes[lane] += x * y;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `y += a x`.
#[inline(always)]
pub(super) fn add(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// `z += a x + b y`.
#[inline(always)]
pub(super) fn add_two(z: &mut [f64], a: f64, x: &[f64], b: f64, y: &[f64]) {
    for ((z, x), y) in z.iter_mut().zip(x).zip(y) {
        *z += a * x + b * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    widest! {
        fn widest_dot(x: &[f64], y: &[f64]) -> f64 = dot
    }

    #[test]
    fn wide_sums_have_the_bits_of_narrow_ones() {
        for length in [0, 1, 31, 32, 33, 500] {
            let numbers = Stream::new(5, Purpose::Check, length as u64, 0).normals(2 * length);
            let (x, y) = numbers.split_at(length);
            assert_eq!(widest_dot(x, y).to_bits(), dot(x, y).to_bits());
            let plain: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
            let size: f64 = x.iter().zip(y).map(|(x, y)| (x * y).abs()).sum();
            assert!((dot(x, y) - plain).abs() <= length as f64 * f64::EPSILON * size);
            let (mut once, mut twice) = (x.to_vec(), x.to_vec());
            add_two(&mut once, 2.0, x, 0.5, y);
            add(&mut twice, 2.0, x);
            add(&mut twice, 0.5, y);
            assert!(once.iter().zip(&twice).all(|(a, b)| (a - b).abs() <= 16.0 * f64::EPSILON * (1.0 + b.abs())));
        }
    }
}
