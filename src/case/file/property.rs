//! What the model's values mean.

use crate::units::{Dimension, Transform, Unit};

/// What the model's values mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The physical quantity.
    pub quantity: Quantity,
    /// The unit of files and reports.
    pub unit: Unit,
    /// Whether u carries the value or a logarithm of it.
    pub transform: Transform,
    /// Carried value of each facies code 0..K; empty for a continuous property.
    pub facies: Vec<f64>,
}

impl Property {
    /// Carried value u of a number `y` in the unit and transform of the file.
    pub fn carried(&self, y: f64) -> f64 {
        self.transform.from_unit(y, self.unit)
    }

    /// The number in the unit and transform of the file for the carried value `u`: the inverse of [`Self::carried`].
    pub fn reported(&self, u: f64) -> f64 {
        self.transform.to_unit(u, self.unit)
    }

    /// Carried size of one unit of *difference* (of a standard deviation) in the file: a logarithm's differences have
    /// no unit.
    pub fn difference(&self) -> f64 {
        match self.transform {
            Transform::None => self.unit.factor,
            Transform::Log10 | Transform::Ln => 1.0,
        }
    }

    /// Carried variance of a variance `y` in the file.
    pub fn carried_variance(&self, y: f64) -> f64 {
        y * self.difference() * self.difference()
    }

    /// The unit with its transform, for axes and tables: `"ms/m"`, `"log10 m/day"`.
    pub fn label(&self) -> String {
        self.transform.label(self.unit)
    }

    /// Whether the geology is facies, each with its value.
    pub fn has_facies(&self) -> bool {
        !self.facies.is_empty()
    }
}

/// Physical quantities that a model can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Slowness \[s/m\].
    Slowness,
    /// Transmissivity \[m²/s\].
    Transmissivity,
    /// Hydraulic conductivity \[m/s\].
    Conductivity,
    /// Permeability \[m²\].
    Permeability,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Self; 4] = [Self::Slowness, Self::Transmissivity, Self::Conductivity, Self::Permeability];

    /// Its name in cases and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slowness => "slowness",
            Self::Transmissivity => "transmissivity",
            Self::Conductivity => "hydraulic conductivity",
            Self::Permeability => "permeability",
        }
    }

    /// Which units it may have.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Slowness => Dimension::Slowness,
            Self::Transmissivity => Dimension::Transmissivity,
            Self::Conductivity => Dimension::Conductivity,
            Self::Permeability => Dimension::Permeability,
        }
    }
}
