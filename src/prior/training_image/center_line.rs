//! Centre lines of channels: sine-generated meanders with Kinoshita's skewness and fattening, bend by bend different.

use std::f64::consts::{PI, TAU};

use super::objects::{Scattered, check_range};
use crate::error::{Error, Result};
use crate::random::Stream;

/// How far a channel swings to and fro.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bend {
    /// Length along the channel over length along its axis, 1 (straight) to 3.
    Sinuosity(f64),
    /// Half the distance between opposite bends' apexes, across the axis, in cells.
    Amplitude(f64),
}

/// The meanders of a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meander {
    /// Distance along the axis from bend to next like bend, in cells.
    pub wavelength: Scattered,
    /// How far the channel swings.
    pub bend: Bend,
    /// Relative standard deviation of wavelength and swing along one channel: 0 repeats one bend for ever, 0.3 is
    /// natural; at most 0.6.
    pub irregularity: f64,
}

/// The largest direction angle \[rad\] against the axis: beyond about 2.2 neighbouring loops touch.
const LARGEST_ANGLE: f64 = 1.9;
/// Kinoshita's (1961) coefficients of skewness and fattening.
const SKEWNESS: f64 = 1.0 / 32.0;
const FATTENING: f64 = 1.0 / 192.0;
/// Distance of neighbouring points of a centre line, in cells.
pub(super) const STEP: f64 = 0.5;

impl Meander {
    /// Checks the parameters for a channel of width `width` cells.
    pub(super) fn check(&self, place: &str, width: f64) -> Result<()> {
        self.wavelength.check_size(place, "wavelength", 4.0)?;
        check_range(place, "irregularity", self.irregularity, 0.0, 0.6)?;
        match self.bend {
            Bend::Sinuosity(s) => check_range(place, "sinuosity", s, 1.0, 3.0)?,
            Bend::Amplitude(a) => {
                let most = amplitude(LARGEST_ANGLE, self.wavelength.mean);
                check_range(place, "amplitude at this wavelength", a, 0.0, most)?;
            }
        }
        let radius = self.smallest_radius();
        if radius < width / 2.0 {
            let problem =
                format!("bends have a radius of {radius:.1} cells, less than half the width of {width} cells");
            let remedy = "take a longer wavelength, a smaller swing or narrower channels";
            return Err(Error::input(place, problem, remedy));
        }
        Ok(())
    }

    /// The largest direction angle ω \[rad\] of the regular meander.
    pub fn angle(&self) -> f64 {
        match self.bend {
            Bend::Sinuosity(s) => bisect(|angle| sinuosity(angle) - s),
            Bend::Amplitude(a) => bisect(|angle| amplitude(angle, self.wavelength.mean) - a),
        }
    }

    /// Sinuosity S of the regular meander: S = 1 / J₀(ω).
    pub fn sinuosity(&self) -> f64 {
        sinuosity(self.angle())
    }

    /// Radius of the apexes, M / (2 π ω), in cells.
    fn smallest_radius(&self) -> f64 {
        self.wavelength.mean * self.sinuosity() / (TAU * self.angle()).max(f64::MIN_POSITIVE)
    }

    /// Points (along, across) of a centre line whose along-coordinate grows from 0 to beyond `length`, every
    /// [`STEP`] cells of arc.
    ///
    /// Langbein and Leopold's (1966) sine-generated curve with Kinoshita's (1961) third harmonic: the direction against
    /// the axis is `φ = A sin ψ + A³ (J_s cos 3ψ − J_f sin 3ψ)`, where `A(s)` and `dψ/ds` wander smoothly (log-normal
    /// about ω and 2π / M, M = S × wavelength) so that no bend copies the last one.
    pub(super) fn path(&self, length: f64, stream: &mut Stream) -> Vec<[f64; 2]> {
        let angle = self.angle();
        let arc = self.wavelength.log_normal(stream) * sinuosity(angle);
        let (mut phase, skew) = (TAU * stream.uniform(), if stream.uniform() < 0.5 { -SKEWNESS } else { SKEWNESS });
        let [rate, swing] = [(); 2].map(|()| Wander::new(arc / 2.0, stream));
        let factor = |g: f64| (self.irregularity * g - self.irregularity.powi(2) / 2.0).exp();
        let (mut points, mut at, mut s) = (vec![[0.0, 0.0]], [0.0, 0.0], 0.0);
        while at[0] <= length {
            phase += TAU / arc * STEP * factor(rate.at(s));
            let a = (angle * factor(swing.at(s))).min(LARGEST_ANGLE);
            let third = skew * (3.0 * phase).cos() - FATTENING * (3.0 * phase).sin();
            let (sin, cos) = (a * phase.sin() + a.powi(3) * third).sin_cos();
            at = [at[0] + STEP * cos, at[1] + STEP * sin];
            s += STEP;
            points.push(at);
        }
        points
    }
}

/// Sinuosity of the sine-generated curve, 1 / J₀(ω), with J₀(ω) = 1/π ∫₀^π cos(ω sin t) dt.
fn sinuosity(angle: f64) -> f64 {
    PI / midpoints(|t| (angle * t.sin()).cos())
}

/// Half the swing of the sine-generated curve: M / (4π) ∫₀^π sin(ω sin t) dt, M the arc length of a wave.
fn amplitude(angle: f64, wavelength: f64) -> f64 {
    wavelength * sinuosity(angle) / (4.0 * PI) * midpoints(|t| (angle * t.sin()).sin())
}

/// ∫₀^π f.
fn midpoints(f: impl Fn(f64) -> f64) -> f64 {
    const POINTS: usize = 512;
    (0..POINTS).map(|i| f(PI * (i as f64 + 0.5) / POINTS as f64)).sum::<f64>() * PI / POINTS as f64
}

/// The zero in [0, LARGEST_ANGLE] of a growing function.
fn bisect(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, LARGEST_ANGLE);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    low
}

/// A smooth stationary Gaussian process of one variable, mean 0, variance 1, covariance `exp(−h² / 2 ℓ²)`, as a sum of
/// cosines with random wave numbers (Shinozuka and Jan 1972).
pub(super) struct Wander(Vec<(f64, f64)>);

impl Wander {
    const TERMS: usize = 32;

    /// A draw of the process with correlation length ℓ = `length`.
    pub(super) fn new(length: f64, stream: &mut Stream) -> Self {
        Self((0..Self::TERMS).map(|_| (stream.normal_pair().0 / length, TAU * stream.uniform())).collect())
    }

    /// Its value at `s`.
    pub(super) fn at(&self, s: f64) -> f64 {
        let sum: f64 = self.0.iter().map(|&(k, phase)| (k * s + phase).cos()).sum();
        sum * (2.0 / Self::TERMS as f64).sqrt()
    }
}

/// The centre line of one channel, in cells; cell (i, j, k) has its centre at (i + ½, j + ½, k + ½).
#[derive(Debug, Clone, PartialEq)]
pub struct CenterLine {
    /// Points along the channel, half a cell of arc apart; they begin and end outside the image.
    pub points: Vec<[f64; 2]>,
    /// Half the channel's width at each point, in cells.
    pub half_widths: Vec<f64>,
    /// Azimuth of the channel's axis \[degrees clockwise from north\].
    pub azimuth: f64,
    /// Height of the channel's flat top above the image's bottom, in cells (3-D).
    pub top: f64,
    /// Thickness in the middle of the channel, in cells (3-D).
    pub depth: f64,
}

impl CenterLine {
    /// Length along the channel over the length of its projection on the axis.
    pub fn sinuosity(&self) -> f64 {
        let (sin, cos) = self.azimuth.to_radians().sin_cos();
        let (first, last) = (self.points[0], self.points[self.points.len() - 1]);
        let along = (last[0] - first[0]) * sin + (last[1] - first[1]) * cos;
        (self.points.len() - 1) as f64 * STEP / along
    }

    /// Mean width, in cells.
    pub fn width(&self) -> f64 {
        2.0 * self.half_widths.iter().sum::<f64>() / self.half_widths.len() as f64
    }

    /// For every cell of an `nx` × `ny` map within `reach` cells of the channel: its number, its signed distance to the
    /// bank (negative in the channel) and half the width there, in cells.
    pub(super) fn footprint(&self, [nx, ny]: [usize; 2], reach: f64) -> Vec<(usize, f64, f64)> {
        let mut banks = vec![(f64::INFINITY, 0.0); nx * ny];
        let mut touched = Vec::new();
        let range =
            |low: f64, high: f64, n: usize| (low - 0.5).max(0.0) as usize..((high + 0.5).max(0.0) as usize).min(n);
        for (ends, halves) in self.points.windows(2).zip(self.half_widths.windows(2)) {
            let far = halves[0].max(halves[1]) + reach;
            let [a, b] = [ends[0], ends[1]];
            for j in range(a[1].min(b[1]) - far, a[1].max(b[1]) + far, ny) {
                for i in range(a[0].min(b[0]) - far, a[0].max(b[0]) + far, nx) {
                    let (square, t) = to_segment([i as f64 + 0.5, j as f64 + 0.5], a, b);
                    if square >= far * far {
                        continue;
                    }
                    let half = halves[0] + t * (halves[1] - halves[0]);
                    let bank = square.sqrt() - half;
                    let nearest = &mut banks[j * nx + i];
                    if bank < reach && bank < nearest.0 {
                        if nearest.0 == f64::INFINITY {
                            touched.push(j * nx + i);
                        }
                        *nearest = (bank, half);
                    }
                }
            }
        }
        touched.into_iter().map(|cell| (cell, banks[cell].0, banks[cell].1)).collect()
    }
}

/// Squared distance of a point to the segment a b, and the place 0..1 of the foot on it.
fn to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> (f64, f64) {
    let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let t = ((ab[0] * ap[0] + ab[1] * ap[1]) / (ab[0] * ab[0] + ab[1] * ab[1])).clamp(0.0, 1.0);
    ((ap[0] - t * ab[0]).powi(2) + (ap[1] - t * ab[1]).powi(2), t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn regular(bend: Bend) -> Meander {
        Meander { wavelength: Scattered::new(100.0, 0.0), bend, irregularity: 0.0 }
    }

    #[test]
    fn sinuosity_is_one_over_the_bessel_function() {
        // J₀(0.8) = 0.846287352750480, J₀(1.5) = 0.511827671735918 (Abramowitz and Stegun 1964, table 9.1).
        assert!((sinuosity(0.8) - 1.0 / 0.846_287_352_750_480).abs() < 1e-13);
        assert!((sinuosity(1.5) - 1.0 / 0.511_827_671_735_918).abs() < 1e-13);
        assert_eq!(regular(Bend::Sinuosity(1.0)).angle(), 0.0);
        assert!((regular(Bend::Sinuosity(1.0 / 0.511_827_671_735_918)).angle() - 1.5).abs() < 1e-12);
    }

    #[test]
    fn a_regular_path_repeats_its_bend() {
        for bend in [Bend::Sinuosity(1.3), Bend::Amplitude(20.0)] {
            let meander = regular(bend);
            let path = meander.path(1000.0, &mut Stream::new(1, Purpose::Check, 0, 0));
            // A harmonic of skewness A³ / 32 rad changes lengths by less than its square, 0.1 % here; steps add half a cell.
            let last = path[path.len() - 1];
            let s = (path.len() - 1) as f64 * STEP / last[0];
            assert!((s / meander.sinuosity() - 1.0).abs() < 0.02, "{bend:?}: {s}");
            let (low, high) = path.iter().fold((0.0f64, 0.0f64), |(l, h), p| (l.min(p[1]), h.max(p[1])));
            let expected = amplitude(meander.angle(), 100.0);
            assert!(((high - low) / 2.0 / expected - 1.0).abs() < 0.05, "{bend:?}: {}", (high - low) / 2.0);
            if let Bend::Amplitude(a) = bend {
                assert!((expected - a).abs() < 1e-9, "{expected}");
            }
        }
    }

    #[test]
    fn direction_turns_smoothly() {
        let meander = Meander { irregularity: 0.4, ..regular(Bend::Sinuosity(1.6)) };
        let path = meander.path(800.0, &mut Stream::new(1, Purpose::Check, 7, 0));
        let direction: Vec<_> = path.windows(2).map(|p| (p[1][1] - p[0][1]).atan2(p[1][0] - p[0][0])).collect();
        let sharpest = direction.windows(2).map(|d| (d[1] - d[0]).abs()).fold(0.0, f64::max);
        // Regular bends turn by at most 2 π ω STEP / M; irregular ones by a few times that.
        let regular = TAU * meander.angle() * STEP / (100.0 * 1.6);
        assert!(sharpest < 6.0 * regular, "a kink of {sharpest} rad");
        assert!(direction.iter().all(|d| d.abs() < 2.3));
    }

    #[test]
    fn a_footprint_holds_the_cells_within_half_the_width() {
        let points: Vec<_> = (0..80).map(|i| [-10.0 + i as f64 * STEP, 7.25]).collect();
        let half_widths = vec![2.0; points.len()];
        let line = CenterLine { points, half_widths, azimuth: 90.0, top: 0.0, depth: 1.0 };
        let mut cells = line.footprint([5, 13], 1.0);
        cells.sort_by_key(|c| c.0);
        let rows: Vec<_> = cells.iter().filter(|c| c.0 % 5 == 3).map(|c| (c.0 / 5, c.1)).collect();
        // Cell j lies |j + ½ − 7¼| from the line; the bank is at 2, the reach ends at 3. All of it is exact in binary.
        let expected: Vec<_> = (4..10).map(|j| (j, (j as f64 - 6.75).abs() - 2.0)).collect();
        assert_eq!(rows, expected);
        assert_eq!(cells.len(), 30);
        assert_eq!((line.width(), line.sinuosity()), (4.0, 1.0));
    }
}
