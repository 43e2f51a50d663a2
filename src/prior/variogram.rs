//! Variogram models and their anisotropy.

use crate::error::{Error, Result};

/// How correlation falls with the distance h, scaled by the range a so that 1 is where it is (all but) gone.
///
/// Spherical: `ρ = 1 − 1.5 h/a + 0.5 (h/a)³` up to a, 0 beyond. The others never reach 0, and a is their *practical*
/// range, where ρ has fallen to `e⁻³ ≈ 0.05`, as in GSLIB (Deutsch and Journel 1998).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// `1 − 1.5 h/a + 0.5 (h/a)³`.
    Spherical,
    /// `exp(−3 h/a)`.
    Exponential,
    /// `exp(−3 (h/a)²)`.
    Gaussian,
    /// `2^{1−ν}/Γ(ν) s^ν K_ν(s)` with `s = c_ν h/a`, c_ν such that `ρ(a) = e⁻³`: the exponential model at ν = ½,
    /// nearing the Gaussian one as ν grows (Matérn 1960).
    Matern {
        /// ν, between 0.1 and 50.
        smoothness: f64,
    },
}

/// One structure of a nested variogram: a shape, its part of the sill and its ellipsoid of ranges.
///
/// Angles follow GSLIB. *Azimuth*: direction of the first range in the horizontal plane, degrees clockwise from north
/// (the second axis, +y): 0 along y, 90 along x. *Dip*: degrees from the horizontal, positive up (GSLIB's negative dips
/// point down). *Rake*: degrees that the second and third ranges are turned about the first. In a section
/// (`Plane::Xz`) the azimuth is measured in the section, from its second axis (depth, down) towards x: 90 is
/// horizontal, 0 vertical, and 45 falls to the right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Structure {
    /// Shape of the correlation.
    pub shape: Shape,
    /// Variance that this structure contributes (unit of the property, squared).
    pub sill: f64,
    /// Ranges along the first, second and third direction \[m\]: usually the largest, the medium and the least.
    pub ranges: [f64; 3],
    /// Azimuth \[degrees\].
    pub azimuth: f64,
    /// Dip \[degrees\].
    pub dip: f64,
    /// Rake \[degrees\].
    pub rake: f64,
}

impl Structure {
    /// A structure of one range in all directions.
    pub fn isotropic(shape: Shape, sill: f64, range: f64) -> Self {
        Self { shape, sill, ranges: [range; 3], azimuth: 0.0, dip: 0.0, rake: 0.0 }
    }
}

/// A nested variogram: nugget and structures, `γ(h) = C(0) − C(h)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Variogram {
    nugget: f64,
    structures: Vec<Built>,
}

#[derive(Debug, Clone, PartialEq)]
struct Built {
    sill: f64,
    correlation: Correlation,
    /// Turns a lag \[m\] into ranges: rows are the three directions, divided by their range.
    to_ranges: [[f64; 3]; 3],
}

#[derive(Debug, Clone, PartialEq)]
enum Correlation {
    Spherical,
    Exponential,
    Gaussian,
    Matern(Matern),
}

impl Variogram {
    /// A variogram of `nugget` (a variance, ≥ 0) and `structures`.
    pub fn new(nugget: f64, structures: &[Structure]) -> Result<Self> {
        let wrong = |problem: String| Error::input("variogram", problem, "give positive, finite numbers");
        if !(nugget.is_finite() && nugget >= 0.0) {
            return Err(wrong(format!("the nugget is {nugget}, expected a variance of at least 0")));
        }
        for (i, structure) in structures.iter().enumerate() {
            if !(structure.sill.is_finite() && structure.sill >= 0.0) {
                return Err(wrong(format!("structure {i} (from 0) has the sill {}", structure.sill)));
            }
            if let Some(range) = structure.ranges.iter().find(|a| !(a.is_finite() && **a > 0.0)) {
                return Err(wrong(format!("structure {i} (from 0) has the range {range} m")));
            }
            if let Some(angle) = [structure.azimuth, structure.dip, structure.rake].into_iter().find(|a| !a.is_finite())
            {
                return Err(wrong(format!("structure {i} (from 0) has the angle {angle}")));
            }
            if let Shape::Matern { smoothness } = structure.shape
                && !(0.1..=50.0).contains(&smoothness)
            {
                return Err(wrong(format!("structure {i} (from 0) has the smoothness {smoothness}, not in 0.1 to 50")));
            }
        }
        let variogram = Self { nugget, structures: structures.iter().map(Built::new).collect() };
        if variogram.sill() > 0.0 { Ok(variogram) } else { Err(wrong("the sill is 0".into())) }
    }

    /// C(0): nugget and all structures together.
    pub fn sill(&self) -> f64 {
        self.nugget + self.structures.iter().map(|s| s.sill).sum::<f64>()
    }

    /// Variance of the nugget alone.
    pub fn nugget(&self) -> f64 {
        self.nugget
    }

    /// Covariance `C(h)` at lag h \[m\] along x, y, z.
    pub fn covariance(&self, lag: [f64; 3]) -> f64 {
        let nugget = if lag == [0.0; 3] { self.nugget } else { 0.0 };
        nugget + self.structures.iter().map(|s| s.covariance(lag)).sum::<f64>()
    }

    /// Semivariance `γ(h) = C(0) − C(h)`.
    pub fn semivariance(&self, lag: [f64; 3]) -> f64 {
        self.sill() - self.covariance(lag)
    }
}

impl Built {
    fn new(structure: &Structure) -> Self {
        // GSLIB's setrot: α counter-clockwise from x, β down, θ about the first direction.
        let (sin_a, cos_a) = (90.0 - structure.azimuth).to_radians().sin_cos();
        let (sin_b, cos_b) = (-structure.dip).to_radians().sin_cos();
        let (sin_t, cos_t) = structure.rake.to_radians().sin_cos();
        let directions = [
            [cos_b * cos_a, cos_b * sin_a, -sin_b],
            [-cos_t * sin_a + sin_t * sin_b * cos_a, cos_t * cos_a + sin_t * sin_b * sin_a, sin_t * cos_b],
            [sin_t * sin_a + cos_t * sin_b * cos_a, -sin_t * cos_a + cos_t * sin_b * sin_a, cos_t * cos_b],
        ];
        let correlation = match structure.shape {
            Shape::Spherical => Correlation::Spherical,
            Shape::Exponential => Correlation::Exponential,
            Shape::Gaussian => Correlation::Gaussian,
            Shape::Matern { smoothness } => Correlation::Matern(Matern::new(smoothness)),
        };
        let to_ranges = std::array::from_fn(|i| directions[i].map(|x| x / structure.ranges[i]));
        Self { sill: structure.sill, correlation, to_ranges }
    }

    fn covariance(&self, lag: [f64; 3]) -> f64 {
        let along = self.to_ranges.map(|row| row[0] * lag[0] + row[1] * lag[1] + row[2] * lag[2]);
        let h = (along[0] * along[0] + along[1] * along[1] + along[2] * along[2]).sqrt();
        self.sill
            * match &self.correlation {
                Correlation::Spherical if h >= 1.0 => 0.0,
                Correlation::Spherical => 1.0 - 1.5 * h + 0.5 * h * h * h,
                Correlation::Exponential => (-3.0 * h).exp(),
                Correlation::Gaussian => (-3.0 * h * h).exp(),
                Correlation::Matern(matern) => matern.correlation(h),
            }
    }
}

/// `ρ = 2^{1−ν}/Γ(ν) s^ν K_ν(s) = (1/Γ(ν)) ∫ exp(ν x − eˣ − s²/4 e⁻ˣ) dx` over all x, `s = scale · h`.
#[derive(Debug, Clone, PartialEq)]
struct Matern {
    smoothness: f64,
    gamma: f64,
    scale: f64,
}

impl Matern {
    fn new(smoothness: f64) -> Self {
        let mut matern = Self { smoothness, gamma: 1.0, scale: 1.0 };
        matern.gamma = matern.integral(0.0);
        let (mut low, mut high) = (0.0, 100.0);
        while high - low > 4.0 * f64::EPSILON * high {
            let middle = 0.5 * (low + high);
            let above = matern.correlation(middle) > (-3f64).exp();
            *(if above { &mut low } else { &mut high }) = middle;
            if middle == 0.5 * (low + high) {
                break;
            }
        }
        matern.scale = high;
        matern
    }

    fn correlation(&self, h: f64) -> f64 {
        if h == 0.0 { 1.0 } else { self.integral(self.scale * h) / self.gamma }
    }

    /// By the trapezoidal rule, whose error `exp(−π²/step)` is far below rounding for this analytic integrand.
    fn integral(&self, s: f64) -> f64 {
        const STEP: f64 = 0.2;
        let exponent = |x: f64| self.smoothness * x - x.exp() - 0.25 * s * s * (-x).exp();
        // The integrand has one peak, where ν − eˣ + s²/4 e⁻ˣ = 0; beyond 60 below its logarithm nothing counts.
        let peak = (0.5 * (self.smoothness + self.smoothness.hypot(s))).ln();
        let least = exponent(peak) - 60.0;
        let side = |direction: f64| {
            let terms = (1..).map(|i| exponent(peak + direction * STEP * f64::from(i)));
            terms.take_while(|&e| e > least).map(f64::exp).sum::<f64>()
        };
        STEP * (exponent(peak).exp() + side(1.0) + side(-1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(structure: Structure) -> Variogram {
        Variogram::new(0.0, &[structure]).expect("a variogram")
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e3 * f64::EPSILON * expected.abs().max(1.0), "{found} against {expected}");
    }

    #[test]
    fn values_known_by_hand() {
        let at = |shape, h| one(Structure::isotropic(shape, 2.0, 10.0)).covariance([h, 0.0, 0.0]);
        assert_near(at(Shape::Spherical, 5.0), 2.0 * (1.0 - 0.75 + 0.0625));
        assert_eq!(at(Shape::Spherical, 10.0), 0.0);
        assert_near(at(Shape::Exponential, 10.0), 2.0 * (-3f64).exp());
        assert_near(at(Shape::Exponential, 2.0), 2.0 * (-0.6f64).exp());
        assert_near(at(Shape::Gaussian, 5.0), 2.0 * (-0.75f64).exp());
        assert_near(at(Shape::Matern { smoothness: 0.5 }, 3.0), 2.0 * (-0.9f64).exp());
        assert_eq!(at(Shape::Matern { smoothness: 1.5 }, 0.0), 2.0);
    }

    #[test]
    fn matern_has_its_closed_forms_and_its_practical_range() {
        // ν = 3/2: (1 + s) e⁻ˢ; ν = 5/2: (1 + s + s²/3) e⁻ˢ.
        for (smoothness, form) in [(1.5, (|s: f64| 1.0 + s) as fn(f64) -> f64), (2.5, |s: f64| 1.0 + s + s * s / 3.0)] {
            let matern = Matern::new(smoothness);
            assert_near(matern.correlation(1.0), (-3f64).exp());
            for h in [1e-3, 0.1, 0.7, 1.3, 5.0] {
                let s = matern.scale * h;
                assert_near(matern.correlation(h), form(s) * (-s).exp());
            }
        }
        let smooth = Matern::new(50.0);
        assert!((smooth.correlation(0.5) - (-0.75f64).exp()).abs() < 0.01, "nearing the Gaussian model");
        assert_near(Matern::new(0.1).correlation(1.0), (-3f64).exp());
    }

    #[test]
    fn azimuth_90_is_along_x_and_dip_is_up() {
        let structure =
            Structure { ranges: [20.0, 5.0, 2.0], azimuth: 90.0, ..Structure::isotropic(Shape::Spherical, 1.0, 1.0) };
        let east = one(structure);
        assert_near(east.covariance([10.0, 0.0, 0.0]), 0.3125);
        assert_near(east.covariance([0.0, 2.5, 0.0]), 0.3125);
        assert_near(east.covariance([0.0, 0.0, 1.0]), 0.3125);
        let north = one(Structure { azimuth: 0.0, ..structure });
        assert_near(north.covariance([0.0, 10.0, 0.0]), 0.3125);
        let half = 0.5f64.sqrt();
        let northeast = one(Structure { azimuth: 45.0, ..structure });
        assert_near(northeast.covariance([10.0 * half, 10.0 * half, 0.0]), 0.3125);
        assert_near(northeast.covariance([2.5 * half, -2.5 * half, 0.0]), 0.3125);
        let up = one(Structure { dip: 90.0, ..structure });
        assert_near(up.covariance([0.0, 0.0, 10.0]), 0.3125);
        assert_near(up.covariance([0.0, 2.5, 0.0]), 0.3125);
        let rising = one(Structure { dip: 45.0, ..structure });
        assert_near(rising.covariance([10.0 * half, 0.0, 10.0 * half]), 0.3125);
        let turned = one(Structure { rake: 90.0, ..structure });
        assert_near(turned.covariance([0.0, 1.0, 0.0]), 0.3125);
        assert_near(turned.covariance([0.0, 0.0, 2.5]), 0.3125);
    }

    #[test]
    fn structures_nest_and_the_nugget_is_at_zero_only() {
        let parts =
            [Structure::isotropic(Shape::Spherical, 1.0, 10.0), Structure::isotropic(Shape::Exponential, 2.0, 30.0)];
        let nested = Variogram::new(0.5, &parts).expect("a variogram");
        assert_eq!(nested.covariance([0.0; 3]), 3.5);
        assert_near(nested.covariance([0.0, 5.0, 0.0]), 0.3125 + 2.0 * (-0.5f64).exp());
        assert_near(nested.semivariance([0.0, 50.0, 0.0]), 3.5 - 2.0 * (-5f64).exp());
    }

    #[test]
    fn what_is_no_variogram_is_told() {
        let fine = Structure::isotropic(Shape::Spherical, 1.0, 10.0);
        let message = |nugget, s: &[Structure]| Variogram::new(nugget, s).expect_err("wrong").to_string();
        assert!(message(f64::NAN, &[fine]).contains("nugget is NaN"));
        assert!(message(0.0, &[Structure { ranges: [1.0, 0.0, 1.0], ..fine }]).contains("range 0 m"));
        assert!(message(0.0, &[fine, Structure { sill: -1.0, ..fine }]).contains("structure 1"));
        assert!(message(0.0, &[Structure { dip: f64::INFINITY, ..fine }]).contains("angle inf"));
        let rough = Structure { shape: Shape::Matern { smoothness: 0.0 }, ..fine };
        assert!(message(0.0, &[rough]).contains("smoothness 0"));
        assert!(message(0.0, &[]).contains("sill is 0"));
    }
}
