//! What SNESIM can be told, its defaults, and the check of both.

use crate::error::{Error, Result};
use crate::grid::Grid;

/// How SNESIM simulates. `SnesimOptions::default()` is meant for channels in two dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct SnesimOptions {
    /// Nodes of the template along x, y, z: odd numbers; default 7 × 7 × 1. On a grid level the template's nodes are as
    /// far apart as the level's.
    pub template: [usize; 3],
    /// Number of grid levels G: nodes of level g = G−1, …, 0 are 2ᵍ cells apart; default 4. Along an axis the spacing
    /// stops growing where the template would span more than half of the training image, or the grid has no more nodes.
    pub grids: usize,
    /// Weights of the axes in the distance by which template nodes are sorted (the nearest are dropped last):
    /// `√Σ (wₐ hₐ)²`; default 1, 1, 1. A larger weight makes nodes along that axis count as farther.
    pub distance_weights: [f64; 3],
    /// A data event needs as many replicates in the training image, else its farthest node is dropped; default 10.
    pub minimum_replicates: u32,
    /// At most so many informed nodes, the nearest, make a data event; default 48.
    pub maximum_informed: usize,
    /// How often, after a level is simulated, its nodes are simulated again whose data event had lost nodes for want of
    /// replicates (Strebelle and Remy 2004); default 1.
    pub resimulations: usize,
    /// Servo factor λ in [0, 1): corrects `P(k | event)` by `λ/(1−λ) (target_k − current_k)` where the event leaves doubt,
    /// less where it does not; default 0.5; 0 is off.
    pub servo: f64,
    /// What proportions the servo steers to; default: the training image's.
    pub target: Target,
    /// How the training image is turned and scaled before it is scanned; default: not at all. More than one needs
    /// `classes`.
    pub transformations: Vec<Transformation>,
    /// For each cell the transformation that rules there, as its index in `transformations`.
    pub classes: Option<Vec<u8>>,
    /// Probabilities of the facies known beforehand, e.g. from seismics.
    pub soft: Option<SoftData>,
}

impl Default for SnesimOptions {
    fn default() -> Self {
        Self {
            template: [7, 7, 1],
            grids: 4,
            distance_weights: [1.0; 3],
            minimum_replicates: 10,
            maximum_informed: 48,
            resimulations: 1,
            servo: 0.5,
            target: Target::TrainingImage,
            transformations: vec![Transformation::default()],
            classes: None,
            soft: None,
        }
    }
}

/// Proportions of the facies that the servo steers to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Those of the training image.
    TrainingImage,
    /// One proportion a facies, summing to one.
    Global(Vec<f64>),
    /// A proportion curve: one proportion a facies for each layer, layers along z or, in a grid of one layer, along its
    /// second axis.
    Curve(Vec<Vec<f64>>),
}

/// The training image's geology turned and scaled: objects that run at azimuth α and are w wide along the axes of the
/// image run at `α + azimuth` and are `scale · w` wide in the realization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transformation {
    /// Turn about z in degrees, clockwise seen from above (from +y to +x).
    pub azimuth: f64,
    /// Factors of size along the training image's own x, y, z.
    pub scale: [f64; 3],
}

impl Default for Transformation {
    fn default() -> Self {
        Self { azimuth: 0.0, scale: [1.0; 3] }
    }
}

/// Soft data: probabilities of the facies in every cell, combined with those of the data event by the tau model
/// (Journel 2002): with the odds `o_A` of the target proportion, `o_B` of the data event and `o_C` of the soft data,
/// `o = o_A (o_B/o_A)^τ₁ (o_C/o_A)^τ₂` and `P = o/(1+o)`, then rescaled to sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftData {
    /// K probabilities a cell, facies fastest, each cell's summing to one: `probability[cell * K + facies]`.
    pub probability: Vec<f32>,
    /// Weights (τ₁, τ₂) of the data event and of the soft data; (1, 1) is permanence of ratios, τ₂ = 0 ignores the soft
    /// data.
    pub tau: [f64; 2],
}

/// Deviation from one that a sum of proportions given with six digits may have.
const SUM_TOLERANCE: f64 = 1e-5;

impl SnesimOptions {
    /// Checks every option against the grid and the number of facies.
    pub(super) fn check(&self, grid: &Grid, ti_cells: [usize; 3], facies: usize) -> Result<()> {
        for (a, axis) in ["x", "y", "z"].into_iter().enumerate() {
            let t = self.template[a];
            if t.is_multiple_of(2) {
                return Err(wrong("template", format!("{t} nodes along {axis}"), "an odd number has a centre"));
            }
            let room = grid.cells[a].min(ti_cells[a]);
            if t > room {
                let found = format!("{t} nodes along {axis}, but grid and training image have {room} cells in common");
                return Err(wrong("template", found, "choose a smaller template"));
            }
            let weight = self.distance_weights[a];
            if !(weight.is_finite() && weight > 0.0) {
                return Err(wrong("distance_weights", format!("{weight} for {axis}"), "give a positive number"));
            }
        }
        if self.template == [1, 1, 1] {
            return Err(wrong("template", "it has no node but its centre".into(), "3 x 3 x 1 is the smallest of use"));
        }
        if !(1..=16).contains(&self.grids) {
            return Err(wrong("grids", self.grids.to_string(), "give a number from 1 to 16"));
        }
        if self.minimum_replicates == 0 {
            return Err(wrong("minimum_replicates", "0".into(), "an event without replicate has no probability"));
        }
        if self.maximum_informed == 0 {
            return Err(wrong("maximum_informed", "0".into(), "give at least 1"));
        }
        if !(0.0..1.0).contains(&self.servo) {
            return Err(wrong("servo", self.servo.to_string(), "give a number from 0 (off) up to, not including, 1"));
        }
        self.check_target(grid, facies)?;
        self.check_transformations(grid)?;
        self.soft.as_ref().map_or(Ok(()), |soft| soft.check(grid, facies))
    }

    fn check_target(&self, grid: &Grid, facies: usize) -> Result<()> {
        match &self.target {
            Target::TrainingImage => Ok(()),
            Target::Global(target) => check_proportions("target", target, facies),
            Target::Curve(curve) => {
                let layers = layers(grid);
                if curve.len() != layers {
                    let found = format!("proportions of {} layers for a grid of {layers}", curve.len());
                    return Err(wrong("target", found, "give one row of proportions a layer"));
                }
                curve.iter().enumerate().try_for_each(|(l, p)| check_proportions(&format!("target[{l}]"), p, facies))
            }
        }
    }

    fn check_transformations(&self, grid: &Grid) -> Result<()> {
        let n = self.transformations.len();
        if n == 0 || n > 255 {
            return Err(wrong("transformations", format!("{n} of them"), "give 1 to 255"));
        }
        for t in &self.transformations {
            if !t.azimuth.is_finite() || t.scale.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
                let found = format!("azimuth {} and scale {:?}", t.azimuth, t.scale);
                return Err(wrong("transformations", found, "give a finite azimuth and positive scales"));
            }
        }
        match &self.classes {
            None if n > 1 => {
                Err(wrong("classes", format!("missing with {n} transformations"), "say which one rules in each cell"))
            }
            None => Ok(()),
            Some(classes) if classes.len() != grid.len() => {
                let found = format!("{} values for {} cells", classes.len(), grid.len());
                Err(wrong("classes", found, "give one a cell"))
            }
            Some(classes) => match classes.iter().position(|&c| usize::from(c) >= n) {
                Some(cell) => {
                    let found = format!("{} in cell {cell}, but there are {n} transformations", classes[cell]);
                    Err(wrong("classes", found, "number the transformations from 0"))
                }
                None => Ok(()),
            },
        }
    }
}

impl SoftData {
    fn check(&self, grid: &Grid, facies: usize) -> Result<()> {
        if self.probability.len() != grid.len() * facies {
            let found = format!("{} values for {} cells of {facies} facies", self.probability.len(), grid.len());
            return Err(wrong("soft.probability", found, "give one probability a facies and cell"));
        }
        if let Some(tau) = self.tau.iter().find(|t| !(t.is_finite() && **t >= 0.0)) {
            return Err(wrong("soft.tau", tau.to_string(), "give finite numbers that are not negative"));
        }
        for (cell, p) in self.probability.chunks_exact(facies).enumerate() {
            let p: Vec<f64> = p.iter().map(|&p| f64::from(p)).collect();
            check_proportions(&format!("soft.probability of cell {cell}"), &p, facies)?;
        }
        Ok(())
    }
}

/// Number of layers of a proportion curve.
pub(super) fn layers(grid: &Grid) -> usize {
    if grid.is_2d() { grid.cells[1] } else { grid.cells[2] }
}

/// The layer of a cell in a proportion curve.
pub(super) fn layer(grid: &Grid, cell: usize) -> usize {
    let [_, j, k] = grid.cell(cell);
    if grid.is_2d() { j } else { k }
}

fn check_proportions(place: &str, p: &[f64], facies: usize) -> Result<()> {
    let sum: f64 = p.iter().sum();
    if p.len() != facies {
        let found = format!("{} proportions for {facies} facies", p.len());
        return Err(wrong(place, found, "give one a facies"));
    }
    if p.iter().any(|p| !(0.0..=1.0).contains(p)) || (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(wrong(place, format!("{p:?}, which sum to {sum}"), "give numbers from 0 to 1 that sum to 1"));
    }
    Ok(())
}

fn wrong(option: &str, found: String, remedy: &str) -> Error {
    Error::input(format!("snesim: {option}"), found, remedy)
}
