//! The checked case: plain SI numbers and enums, no strings in anything that computes.
//!
//! Lengths are metres, slowness s/m, times s, heads m, rates m³/s. The *carried property* is the SI value of the
//! property, or its log10 or ln where [`Property::transform`] says so; facies values, means and standard deviations are
//! in the carried property. Cells and layers are 0-based here and 1-based in the file, layer 0 at the bottom; azimuths
//! are degrees clockwise from north (in a section: from the second axis towards x, so that 90° is horizontal).

use std::collections::BTreeSet;

use crate::grid::Grid;

mod basis;
mod data;
mod discrete;
mod feasible;
mod geology;
mod groundwater;
mod inversion;
mod observation;
mod property;
mod rays;
mod reference;
mod signal;

pub use basis::*;
pub use data::*;
pub use discrete::*;
pub use feasible::*;
pub use geology::*;
pub use groundwater::*;
pub use inversion::*;
pub use observation::*;
pub use property::*;
pub use rays::*;
pub use reference::*;
pub use signal::*;

/// Everything that a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Short name, used for result folders.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The one seed of all random numbers.
    pub seed: u64,
    /// The grid of models, realizations and physics.
    pub grid: Grid,
    /// What u is.
    pub property: Property,
    /// The competing geologic scenarios Ω_p, at least one. With [`Self::stack`] they are all its combinations, each
    /// with a [`Geology::Stacked`].
    pub scenarios: Vec<Scenario>,
    /// The units and the types of geology that scenarios are stacked from, unit by unit.
    pub stack: Option<Stack>,
    /// How realizations are drawn.
    pub prior: Prior,
    /// Cells whose facies or property is measured.
    pub hard_data: Option<HardData>,
    /// The parameterization u ≈ ū + Φ v.
    pub basis: Basis,
    /// What groups its coefficients, where that is not the scenarios.
    pub groups: Option<Groups>,
    /// The forward model g; absent where nothing is inverted (`ch5-mapping`).
    pub physics: Option<Physics>,
    /// What is observed beside travel times: heads, drawdowns, rates, the property itself.
    pub observations: Vec<Observation>,
    /// Observed data, or what noise synthetic data get; present exactly where there is a physics.
    pub data: Option<Data>,
    /// The u-step; absent: the inversion is v-steps alone.
    pub feasible: Option<Feasible>,
    /// The u-step as a discrete potential, in the place of [`Self::feasible`].
    pub discrete: Option<Discrete>,
    /// A first stage that selects scenarios, of whose realizations the second stage's basis is made.
    pub selection: Option<Selection>,
    /// How scenarios are judged; absent: by their evidence.
    pub verdict: Option<Verdict>,
    /// How v is found.
    pub inversion: Inversion,
    /// The model that synthetic data come from; absent with data from a file.
    pub reference: Option<Reference>,
    /// Variants of the feasible map, applied side by side to one parameterized model.
    pub mapping: Option<Mapping>,
    /// Approximation of references by every scenario's basis, instead of an inversion.
    pub approximation: Option<Approximation>,
    /// Keys that take several values; all combinations are among the variants.
    pub sweeps: Vec<Sweep>,
    /// Numbers that others found, shown beside those of the sweeps.
    pub published: Vec<Published>,
    /// The case with some keys changed, each run on the same references before the case itself.
    pub variants: Vec<Variant>,
}

/// Standard deviation of hard data that are observed: of the spread of the facies' values, or of a datum's size.
const NOISE_OF_HARD_DATA: f64 = 0.02;

impl Case {
    /// Whether v-steps alternate with u-steps.
    pub fn has_u_step(&self) -> bool {
        self.feasible.is_some() || self.discrete.is_some()
    }

    /// The scenarios, or the types of geology that they are stacked from.
    pub fn described(&self) -> &[Scenario] {
        self.stack.as_ref().map_or(&self.scenarios, |stack| &stack.types)
    }

    /// Whether each cell has flow, where the physics is of flow and leaves some cells out.
    pub fn active(&self) -> Option<Vec<bool>> {
        match &self.physics {
            Some(Physics::Groundwater(flow)) => flow.active(&self.grid),
            _ => None,
        }
    }

    /// What is observed of a reference: what the case says, and hard data that are `observed`, as values of the property
    /// in cells where it is not observed already. A facies whose values vary from place to place tells none.
    pub fn observed(&self) -> Vec<Observation> {
        let mut all = self.observations.clone();
        let of_reference = |data: &Data| data.source == DataSource::Reference && data.tests.is_none();
        let Some(hard_data) = self.hard_data.as_ref().filter(|hard_data| hard_data.observed) else { return all };
        if !self.data.as_ref().is_some_and(of_reference) {
            return all;
        }
        let is_property = |o: &&Observation| {
            o.kind == ObservationKind::Property && !matches!(o.places, Places::Random { .. } | Places::Wells(_))
        };
        let properties = self.observations.iter().filter(is_property);
        let seen: BTreeSet<_> = properties.flat_map(|observation| observation.cells(&self.grid, &[], &[])).collect();
        let varies = !self.scenarios.iter().all(|scenario| scenario.variability.is_empty());
        let (least, largest) = (self.property.facies.first().copied(), self.property.facies.last().copied());
        let spread = least.zip(largest).map_or(0.0, |(least, largest)| (largest - least).abs());
        for &HardDatum { cell, known } in hard_data.cells.iter().filter(|datum| !seen.contains(&datum.cell)) {
            let noise = match known {
                Hard::Facies(_) if varies => continue,
                Hard::Facies(_) => Noise::Absolute(NOISE_OF_HARD_DATA * spread),
                Hard::Value(_) => Noise::Relative(NOISE_OF_HARD_DATA),
            };
            let [i, j, k] = cell;
            all.push(Observation {
                kind: ObservationKind::Property,
                places: Places::Columns(vec![[i, j]]),
                layers: vec![k],
                times: Vec::new(),
                noise: Some(noise),
            });
        }
        all
    }
}

/// Something that is tried in several ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// What it is called, unique in the case.
    pub name: String,
    /// Its ways, at least one.
    pub choices: Vec<Choice>,
}

/// Numbers that others found for each choice of the last sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Which errors of u.
    pub what: PublishedError,
    /// Names of the choices of all other sweeps, joined as in the names of variants.
    pub row: String,
    /// The numbers.
    pub values: Vec<f64>,
}

/// Which errors others found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishedError {
    /// Mean square of the property's.
    Square,
    /// Mean size of the property's.
    Absolute,
    /// Mean square of the heads' \[m²\].
    HeadSquare,
    /// Mean size of the heads' \[m\].
    HeadAbsolute,
}

/// One way of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Name, unique in the sweep.
    pub name: String,
    /// The changed keys and their values in TOML, in the order of their names.
    pub set: Vec<(String, String)>,
}

/// The case with some keys changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Name, unique in the case.
    pub name: String,
    /// The changed keys and their values in TOML, in the order of their names.
    pub set: Vec<(String, String)>,
    /// Whether it is a combination of sweeps, not one that the file names.
    pub is_swept: bool,
    /// The changed case, which has no variants itself.
    pub case: Case,
}

/// The forward model.
#[derive(Debug, Clone, PartialEq)]
pub enum Physics {
    /// Straight-ray travel times t = L s.
    StraightRays(StraightRays),
    /// Single-phase groundwater flow.
    Groundwater(Groundwater),
    /// None: the property is observed, nothing else.
    Map,
}
