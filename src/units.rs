//! Quantities with units: "250 mD" becomes SI once, where the file is read.
//!
//! A case file writes `"60 m3/day"`, the library computes in m³/s, a report writes m³/day again. A property may be
//! *carried* as the logarithm of its SI value ([`Transform`]); changing the unit of a logarithm is a shift.

use crate::error::Error;

const FOOT: f64 = 0.3048;
const DAY: f64 = 86_400.0;
/// The Julian year, 365.25 days.
const YEAR: f64 = 365.25 * DAY;
const MILLIDARCY: f64 = 9.869_232_667_160_13e-16;
const BARREL: f64 = 0.158_987_294_928;
const GALLON: f64 = 3.785_411_784e-3;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// What a quantity measures, and with it which units it may have and its SI unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dimension {
    /// Length \[m\].
    Length,
    /// Time \[s\].
    Time,
    /// Slowness, the reciprocal of a velocity \[s/m\].
    Slowness,
    /// Velocity \[m/s\].
    Velocity,
    /// Transmissivity, conductivity times thickness \[m²/s\].
    Transmissivity,
    /// Hydraulic conductivity \[m/s\].
    Conductivity,
    /// Permeability \[m²\].
    Permeability,
    /// Pressure \[Pa\].
    Pressure,
    /// Volumetric rate \[m³/s\].
    Rate,
    /// Dynamic viscosity \[Pa s\].
    Viscosity,
    /// Density \[kg/m³\].
    Density,
    /// Compressibility \[1/Pa\].
    Compressibility,
    /// Specific storage \[1/m\].
    SpecificStorage,
    /// Angle \[rad\].
    Angle,
    /// A pure number; the only dimension whose quantities may go without a unit \[1\].
    Fraction,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 15] = [
        Self::Length,
        Self::Time,
        Self::Slowness,
        Self::Velocity,
        Self::Transmissivity,
        Self::Conductivity,
        Self::Permeability,
        Self::Pressure,
        Self::Rate,
        Self::Viscosity,
        Self::Density,
        Self::Compressibility,
        Self::SpecificStorage,
        Self::Angle,
        Self::Fraction,
    ];

    /// The dimension in words, as messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Slowness => "slowness",
            Self::Velocity => "velocity",
            Self::Transmissivity => "transmissivity",
            Self::Conductivity => "hydraulic conductivity",
            Self::Permeability => "permeability",
            Self::Pressure => "pressure",
            Self::Rate => "volumetric rate",
            Self::Viscosity => "viscosity",
            Self::Density => "density",
            Self::Compressibility => "compressibility",
            Self::SpecificStorage => "specific storage",
            Self::Angle => "angle",
            Self::Fraction => "fraction",
        }
    }

    /// Names and SI values of the units of this dimension, the SI unit first.
    fn table(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Length => {
                &[("m", 1.0), ("km", 1e3), ("dm", 0.1), ("cm", 0.01), ("mm", 1e-3), ("ft", FOOT), ("in", FOOT / 12.0)]
            }
            Self::Time => &[
                ("s", 1.0),
                ("ms", 1e-3),
                ("us", 1e-6),
                ("ns", 1e-9),
                ("ps", 1e-12),
                ("min", 60.0),
                ("h", 3600.0),
                ("day", DAY),
                ("year", YEAR),
            ],
            Self::Slowness => &[
                ("s/m", 1.0),
                ("ms/m", 1e-3),
                ("us/m", 1e-6),
                ("ns/m", 1e-9),
                ("s/km", 1e-3),
                ("ms/km", 1e-6),
                ("us/ft", 1e-6 / FOOT),
                ("ms/ft", 1e-3 / FOOT),
            ],
            Self::Velocity | Self::Conductivity => &[
                ("m/s", 1.0),
                ("km/s", 1e3),
                ("cm/s", 0.01),
                ("mm/s", 1e-3),
                ("m/ms", 1e3),
                ("m/us", 1e6),
                ("m/ns", 1e9),
                ("cm/ns", 1e7),
                ("m/h", 1.0 / 3600.0),
                ("m/day", 1.0 / DAY),
                ("cm/day", 0.01 / DAY),
                ("mm/day", 1e-3 / DAY),
                ("m/year", 1.0 / YEAR),
                ("mm/year", 1e-3 / YEAR),
                ("in/year", FOOT / 12.0 / YEAR),
                ("ft/s", FOOT),
                ("ft/day", FOOT / DAY),
            ],
            Self::Transmissivity => &[
                ("m2/s", 1.0),
                ("cm2/s", 1e-4),
                ("m2/h", 1.0 / 3600.0),
                ("m2/day", 1.0 / DAY),
                ("ft2/s", FOOT * FOOT),
                ("ft2/day", FOOT * FOOT / DAY),
            ],
            Self::Permeability => {
                &[("m2", 1.0), ("D", 1e3 * MILLIDARCY), ("mD", MILLIDARCY), ("um2", 1e-12), ("cm2", 1e-4)]
            }
            Self::Pressure => &[
                ("Pa", 1.0),
                ("hPa", 100.0),
                ("kPa", 1e3),
                ("MPa", 1e6),
                ("mbar", 100.0),
                ("bar", 1e5),
                ("atm", 101_325.0),
                ("psi", 6_894.757_293_168),
            ],
            Self::Rate => &[
                ("m3/s", 1.0),
                ("m3/min", 1.0 / 60.0),
                ("m3/h", 1.0 / 3600.0),
                ("m3/day", 1.0 / DAY),
                ("L/s", 1e-3),
                ("L/min", 1e-3 / 60.0),
                ("m3/year", 1.0 / YEAR),
                ("bbl/day", BARREL / DAY),
                ("gal/min", GALLON / 60.0),
                ("ft3/s", FOOT * FOOT * FOOT),
                ("ft3/day", FOOT * FOOT * FOOT / DAY),
            ],
            Self::Viscosity => &[("Pa s", 1.0), ("mPa s", 1e-3), ("cP", 1e-3), ("P", 0.1)],
            Self::Density => &[("kg/m3", 1.0), ("g/cm3", 1e3)],
            Self::Compressibility => {
                &[("1/Pa", 1.0), ("1/MPa", 1e-6), ("1/bar", 1e-5), ("1/psi", 1.0 / 6_894.757_293_168)]
            }
            Self::SpecificStorage => &[("1/m", 1.0), ("1/ft", 1.0 / FOOT)],
            Self::Angle => &[("rad", 1.0), ("deg", DEGREE)],
            Self::Fraction => &[("1", 1.0), ("%", 0.01)],
        }
    }

    /// The units that a quantity of this dimension may have, the SI unit first.
    pub fn units(self) -> impl Iterator<Item = Unit> {
        self.table().iter().map(move |&(name, factor)| Unit { dimension: self, name, factor })
    }

    /// The SI unit.
    pub fn si(self) -> Unit {
        let (name, factor) = self.table()[0];
        Unit { dimension: self, name, factor }
    }

    fn known(self) -> String {
        let names: Vec<_> = self.table().iter().map(|&(name, _)| name).collect();
        format!("units of {}: {}", self.name(), names.join(", "))
    }
}

/// What is wrong with a quantity, and how to mend it. Who reads it knows the place: see [`Mistake::at`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct Mistake {
    /// The value found and what was expected.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}

impl Mistake {
    /// The mistake as an error at a place: file and line, or key of the case.
    pub fn at(self, place: impl Into<String>) -> Error {
        Error::input(place, self.problem, self.remedy)
    }
}

/// A unit: `SI value = factor · value`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// What it measures.
    pub dimension: Dimension,
    /// Its name in files and reports, e.g. `"ms/m"`.
    pub name: &'static str,
    /// SI value of one such unit.
    pub factor: f64,
}

impl Unit {
    /// The unit of this name; `"m³/d"`, `"m^3/day"` and `"m3/days"` are the same. Names are case-sensitive, since mPa
    /// and MPa differ.
    ///
    /// # Errors
    /// An unknown unit (with the nearest known one), or one of another dimension.
    pub fn parse(name: &str, dimension: Dimension) -> Result<Self, Mistake> {
        let plain = plain_name(name);
        if let Some(unit) = dimension.units().find(|u| u.name == plain) {
            return Ok(unit);
        }
        let elsewhere = Dimension::ALL.into_iter().find(|d| d.units().any(|u| u.name == plain));
        let problem = match elsewhere {
            Some(other) => {
                format!("\"{name}\" is a unit of {}, but a unit of {} was expected", other.name(), dimension.name())
            }
            None if plain.is_empty() => format!("no unit given, but a unit of {} was expected", dimension.name()),
            None => format!("unknown unit \"{name}\", a unit of {} was expected", dimension.name()),
        };
        let nearest = nearest(&plain, dimension.units().map(|u| u.name));
        let remedy = match nearest.filter(|_| elsewhere.is_none()) {
            Some(nearest) => format!("did you mean \"{nearest}\"? {}", dimension.known()),
            None => dimension.known(),
        };
        Err(Mistake { problem, remedy })
    }

    /// SI value of `value` in this unit.
    pub fn to_si(self, value: f64) -> f64 {
        value * self.factor
    }

    /// `si` in this unit.
    pub fn from_si(self, si: f64) -> f64 {
        si / self.factor
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A number with a unit, such as `"0.8 ns"` or `"2 %"`, in SI.
///
/// # Errors
/// No number, a number that is not finite, a missing unit (only a [`Dimension::Fraction`] may go without), an unknown
/// unit, or one of another dimension.
pub fn parse(text: &str, dimension: Dimension) -> Result<f64, Mistake> {
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(number_length(trimmed));
    let example = format!("write a number and a unit, e.g. \"1.5 {}\"; {}", dimension.si(), dimension.known());
    let value: f64 = number.parse().map_err(|_| Mistake {
        problem: format!("\"{text}\" does not begin with a number, a {} was expected", dimension.name()),
        remedy: example.clone(),
    })?;
    let unit = unit.trim();
    if unit.is_empty() && dimension != Dimension::Fraction {
        return Err(Mistake { problem: format!("\"{text}\" has no unit"), remedy: example });
    }
    let unit = match unit {
        "" => dimension.si(),
        name => {
            Unit::parse(name, dimension).map_err(|mistake| split_number(text, name, &example).unwrap_or(mistake))?
        }
    };
    let si = unit.to_si(value);
    if !si.is_finite() {
        return Err(Mistake { problem: format!("\"{text}\" is not a finite number"), remedy: example });
    }
    Ok(si)
}

/// What is wrong where a number goes on after a blank or a comma, as in `"1 000 m"` or `"1,5 m"`.
fn split_number(text: &str, rest: &str, example: &str) -> Option<Mistake> {
    rest.starts_with(|c: char| c.is_ascii_digit() || c == ',' || c == '.').then(|| Mistake {
        problem: format!("\"{text}\" is not one number and a unit"),
        remedy: format!("use a point for decimals and nothing between thousands; {example}"),
    })
}

/// Length in bytes of the decimal number that `text` begins with. An `e` belongs to it only where digits follow, so
/// that nothing is swallowed from a unit.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let mut end = sign(0);
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + sign(end + 1);
        if digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    end
}

/// The spelling of a unit that the tables use.
fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    for c in name.trim().chars() {
        match c {
            '²' => plain.push('2'),
            '³' => plain.push('3'),
            'µ' | 'μ' => plain.push('u'),
            '°' => plain.push_str("deg"),
            '·' | '*' => plain.push(' '),
            '^' => {}
            c => plain.push(c),
        }
    }
    let part = |part: &str| match part.trim() {
        "d" | "days" => "day".to_owned(),
        "a" | "yr" | "years" => "year".to_owned(),
        "hr" | "hour" | "hours" => "h".to_owned(),
        "sec" | "second" | "seconds" => "s".to_owned(),
        "minute" | "minutes" => "min".to_owned(),
        "l" => "L".to_owned(),
        "degree" | "degrees" => "deg".to_owned(),
        "radian" | "radians" => "rad".to_owned(),
        "percent" => "%".to_owned(),
        "metre" | "metres" | "meter" | "meters" => "m".to_owned(),
        "foot" | "feet" => "ft".to_owned(),
        "gpm" => "gal/min".to_owned(),
        other => other.to_owned(),
    };
    plain.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The name most like `found`, where one is near enough to be what was meant (half of the letters at most differ).
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = found.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let (best, name) = known.into_iter().map(|name| (distance(name), name)).min_by_key(|&(d, _)| d)?;
    (2 * best <= found.chars().count()).then_some(name)
}

/// How a property is carried: as its SI value, or as a logarithm of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transform {
    /// The SI value itself.
    #[default]
    None,
    /// log₁₀ of the SI value.
    Log10,
    /// Natural logarithm of the SI value.
    Ln,
}

impl Transform {
    /// Its name in case files: `"none"`, `"log10"`, `"ln"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Log10 => "log10",
            Self::Ln => "ln",
        }
    }

    /// The transform of this name.
    ///
    /// # Errors
    /// Another name.
    pub fn parse(name: &str) -> Result<Self, Mistake> {
        [Self::None, Self::Log10, Self::Ln].into_iter().find(|t| t.name() == name).ok_or_else(|| Mistake {
            problem: format!("unknown transform \"{name}\""),
            remedy: "a property is carried as \"none\" (its SI value), \"log10\" or \"ln\"".into(),
        })
    }

    /// The carried value of an SI value; NaN or −∞ where a logarithm has no value.
    pub fn forward(self, si: f64) -> f64 {
        match self {
            Self::None => si,
            Self::Log10 => si.log10(),
            Self::Ln => si.ln(),
        }
    }

    /// The SI value of a carried value.
    pub fn backward(self, carried: f64) -> f64 {
        match self {
            Self::None => carried,
            Self::Log10 => 10f64.powf(carried),
            Self::Ln => carried.exp(),
        }
    }

    /// d(SI value)/d(carried value) at a carried value: what the chain rule multiplies by.
    pub fn slope(self, carried: f64) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Log10 => std::f64::consts::LN_10 * self.backward(carried),
            Self::Ln => self.backward(carried),
        }
    }

    /// The carried value of a number that a file gives in `unit`, transformed there: log₁₀ of m/day, ms/m, ….
    pub fn from_unit(self, in_unit: f64, unit: Unit) -> f64 {
        match self {
            Self::None => unit.to_si(in_unit),
            Self::Log10 => in_unit + unit.factor.log10(),
            Self::Ln => in_unit + unit.factor.ln(),
        }
    }

    /// The number that a file in `unit` gives for a carried value: the inverse of [`Transform::from_unit`].
    pub fn to_unit(self, carried: f64, unit: Unit) -> f64 {
        match self {
            Self::None => unit.from_si(carried),
            Self::Log10 => carried - unit.factor.log10(),
            Self::Ln => carried - unit.factor.ln(),
        }
    }

    /// The transform and the unit of a name as [`Transform::label`] makes it.
    ///
    /// # Errors
    /// As [`Unit::parse`].
    pub fn parse_label(name: &str, dimension: Dimension) -> Result<(Self, Unit), Mistake> {
        let name = name.trim();
        let of_prefix = name.split_once(' ').and_then(|(first, rest)| Some((Self::parse(first).ok()?, rest)));
        let (transform, unit) = of_prefix.unwrap_or((Self::None, name));
        Ok((transform, Unit::parse(unit, dimension)?))
    }

    /// The unit as files and axes name it: `"ms/m"`, `"log10 m/day"`, `"ln mD"`.
    pub fn label(self, unit: Unit) -> String {
        match self {
            Self::None => unit.name.to_owned(),
            _ => format!("{} {}", self.name(), unit.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_of_case_files_become_si() {
        let cases = [
            ("1000 m", Dimension::Length, 1000.0),
            ("6400 ft", Dimension::Length, 1950.72),
            ("60 m3/day", Dimension::Rate, 60.0 / 86_400.0),
            ("60 m³/d", Dimension::Rate, 60.0 / 86_400.0),
            ("500 gpm", Dimension::Rate, 500.0 * 3.785_411_784e-3 / 60.0),
            ("500 gal/min", Dimension::Rate, 500.0 * 231.0 * 0.0254f64.powi(3) / 60.0),
            ("250 mm/a", Dimension::Velocity, 0.25 / 31_557_600.0),
            ("10 in/yr", Dimension::Velocity, 0.254 / 31_557_600.0),
            ("60m^3/days", Dimension::Rate, 60.0 / 86_400.0),
            ("0.8 ns", Dimension::Time, 0.8e-9),
            ("8 years", Dimension::Time, 8.0 * 31_557_600.0),
            ("0.5 ms/m", Dimension::Slowness, 5e-4),
            ("250 mD", Dimension::Permeability, 250.0 * 9.869_232_667_160_13e-16),
            ("45 deg", Dimension::Angle, std::f64::consts::FRAC_PI_4),
            ("-45°", Dimension::Angle, -std::f64::consts::FRAC_PI_4),
            ("2 %", Dimension::Fraction, 0.02),
            ("0.02", Dimension::Fraction, 0.02),
            ("10 bar", Dimension::Pressure, 1e6),
            ("-2.5e-3 m/day", Dimension::Conductivity, -2.5e-3 / 86_400.0),
            ("0.145 m/ns", Dimension::Velocity, 0.145e9),
            ("1 mPa·s", Dimension::Viscosity, 1e-3),
            (" .5  m2/s ", Dimension::Transmissivity, 0.5),
        ];
        for (text, dimension, si) in cases {
            let found = parse(text, dimension).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!((found - si).abs() <= 4.0 * f64::EPSILON * si.abs(), "{text} is {found}, expected {si}");
        }
    }

    #[test]
    fn a_wrong_quantity_says_what_was_found_what_was_expected_and_what_is_known() {
        let message = |text, dimension| parse(text, dimension).expect_err("a wrong quantity").to_string();
        let unknown = message("5 ms/mm", Dimension::Slowness);
        assert!(unknown.contains("\"ms/mm\"") && unknown.contains("did you mean \"ms/m\"?"), "{unknown}");
        assert!(unknown.contains("us/ft"), "lists what is known: {unknown}");
        let other = message("5 ms", Dimension::Length);
        assert!(other.contains("a unit of time, but a unit of length"), "{other}");
        assert!(message("12", Dimension::Length).contains("\"12\" has no unit"));
        assert!(message("", Dimension::Length).contains("does not begin with a number"));
        assert!(message("abc m", Dimension::Length).contains("does not begin with a number"));
        assert!(message("nan m", Dimension::Length).contains("does not begin with a number"));
        assert!(message("1e999 m", Dimension::Length).contains("not a finite number"));
        assert!(message("1,000 m", Dimension::Length).contains("nothing between thousands"));
        assert!(message("1 000 m", Dimension::Length).contains("nothing between thousands"));
        assert_eq!(parse("2 1/MPa", Dimension::Compressibility), Ok(2e-6));
        assert!(message("5 mpa", Dimension::Pressure).contains("did you mean"), "case counts");
        assert!(Unit::parse("", Dimension::Time).expect_err("no unit").problem.contains("no unit given"));
    }

    #[test]
    fn names_of_units_are_found_again_and_unique() {
        for dimension in Dimension::ALL {
            for unit in dimension.units() {
                assert_eq!(Unit::parse(unit.name, dimension), Ok(unit));
                assert_eq!(dimension.units().filter(|u| u.name == unit.name).count(), 1, "{unit} is listed twice");
                assert!((unit.from_si(unit.to_si(3.0)) - 3.0).abs() <= 8.0 * f64::EPSILON);
            }
            assert_eq!(dimension.si().factor, 1.0);
        }
    }

    #[test]
    fn a_logarithm_changes_its_unit_by_a_shift() {
        let day = Unit::parse("m/day", Dimension::Conductivity).expect("a known unit");
        for transform in [Transform::None, Transform::Log10, Transform::Ln] {
            let carried = transform.forward(2.5 / 86_400.0);
            let in_unit = transform.forward(2.5);
            assert!((transform.to_unit(carried, day) - in_unit).abs() < 1e-14);
            assert!((transform.from_unit(in_unit, day) - carried).abs() < 1e-14);
            assert!((transform.backward(carried) / (2.5 / 86_400.0) - 1.0).abs() < 1e-14);
            let h = 1e-6;
            let slope = (transform.backward(carried + h) - transform.backward(carried - h)) / (2.0 * h);
            assert!((slope / transform.slope(carried) - 1.0).abs() < 1e-9);
            assert_eq!(Transform::parse(transform.name()), Ok(transform));
        }
        assert_eq!(Transform::Log10.label(day), "log10 m/day");
        assert!(Transform::parse("log").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            for dimension in Dimension::ALL {
                if let Ok(si) = parse(&text, dimension) {
                    prop_assert!(si.is_finite());
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(value in -1e12..1e12f64, pick in 0usize..1000) {
            for dimension in Dimension::ALL {
                let unit = dimension.units().nth(pick % dimension.units().count()).expect("an index below the count");
                let si = parse(&format!("{value} {unit}"), dimension).expect("a quantity");
                prop_assert_eq!(si, unit.to_si(value));
            }
        }
    }
}
