//! Random numbers that depend on nothing but what they are for.
//!
//! A [`Stream`] is ChaCha8 keyed by `(seed, purpose)` and positioned on the stream `(realization, level)`: realization
//! 17 is the same whether it is drawn alone or with 5,000 others, on any number of threads. Uniform and normal numbers
//! come from the bits by the few lines below, because the distributions of crates change between versions.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for: two purposes never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Purpose {
    /// Objects of a generated training image.
    TrainingImage = 1,
    /// Multiple-point simulation.
    MultiplePoint = 2,
    /// Gaussian fields.
    GaussianField = 3,
    /// Noise added to synthetic data.
    Noise = 4,
    /// Windows of the learning set.
    LearningSet = 5,
    /// Window positions matched in one feasible map.
    Positions = 6,
    /// Random directions and shapes of checks.
    Check = 7,
    /// Splits of cross-validation.
    CrossValidation = 8,
    /// Seeds of the units of a stack.
    Unit = 9,
    /// Sequential Gaussian simulation.
    SequentialGaussian = 10,
    /// Places of observations.
    Places = 11,
    /// The scenario of a reference that may be of any.
    Reference = 12,
    /// Columns of a block where some of their cells are known.
    Columns = 13,
    /// Sequential indicator simulation.
    SequentialIndicator = 14,
    /// Signals and their measurements.
    Signal = 15,
    /// The first atoms of a learned dictionary.
    Dictionary = 16,
    /// Errors of simulated data.
    SimulatedNoise = 17,
}

/// A stream of random numbers, a function of `(seed, purpose, realization, level)` alone.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `(seed, purpose)` for `realization` at `level` (grid level, facies, iteration, …; below 2¹⁶).
    pub fn new(seed: u64, purpose: Purpose, realization: u64, level: u32) -> Self {
        assert!(level < 1 << 16, "level {level} must be below 65536");
        assert!(realization < 1 << 48, "realization {realization} must be below 2^48");
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        key[12..26].copy_from_slice(b"lithoscope/v1\0");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(realization << 16 | u64::from(level));
        Self(rng)
    }

    /// 32 random bits.
    pub fn bits32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform on [0, 1): 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform on [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform on 0..n without bias (Lemire 2019, by rejection).
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below 0");
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A pair of independent standard normal numbers (Box and Muller 1958).
    pub fn normal_pair(&mut self) -> (f64, f64) {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        (radius * cos, radius * sin)
    }

    /// `n` independent standard normal numbers.
    pub fn normals(&mut self, n: usize) -> Vec<f64> {
        let mut out = Vec::with_capacity(n + 1);
        while out.len() < n {
            let (a, b) = self.normal_pair();
            out.push(a);
            out.push(b);
        }
        out.truncate(n);
        out
    }

    /// A random permutation in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_depend_on_every_part_of_their_name_and_on_nothing_else() {
        let first = |s, p, r, l| Stream::new(s, p, r, l).bits();
        let base = first(1, Purpose::Noise, 0, 0);
        assert_eq!(base, first(1, Purpose::Noise, 0, 0));
        assert_ne!(base, first(2, Purpose::Noise, 0, 0));
        assert_ne!(base, first(1, Purpose::Check, 0, 0));
        assert_ne!(base, first(1, Purpose::Noise, 1, 0));
        assert_ne!(base, first(1, Purpose::Noise, 0, 1));
    }

    #[test]
    fn moments_of_uniform_and_normal_numbers() {
        let mut stream = Stream::new(7, Purpose::Check, 0, 0);
        let n = 200_000;
        let mean = (0..n).map(|_| stream.uniform()).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5.0 / (12.0 * n as f64).sqrt(), "mean of uniform numbers is {mean}");
        let z = stream.normals(n);
        let (m, v) = (z.iter().sum::<f64>() / n as f64, z.iter().map(|z| z * z).sum::<f64>() / n as f64);
        assert!(m.abs() < 5.0 / (n as f64).sqrt(), "mean of normal numbers is {m}");
        assert!((v - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(), "variance of normal numbers is {v}");
    }

    #[test]
    fn shuffle_is_a_permutation_and_below_is_in_range() {
        let mut stream = Stream::new(7, Purpose::Check, 3, 0);
        let mut items: Vec<usize> = (0..101).collect();
        stream.shuffle(&mut items);
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..101).collect::<Vec<_>>());
        assert_ne!(items, sorted);
        assert!((0..1000).all(|_| stream.below(3) < 3));
    }
}
