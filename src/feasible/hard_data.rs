//! Cells whose facies or property is measured, and what a window that contradicts them pays.

use super::learning_set::{Labels, LearningSet};
use super::template::Stencil;
use crate::error::{Error, Result};

const PLACE: &str = "feasible.hard_data";

/// Cells whose facies or property is known: (number of the cell, what is known).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HardData {
    /// Known facies, where labels are facies.
    pub facies: Vec<(usize, u8)>,
    /// Known values of the property, where labels are values.
    pub values: Vec<(usize, f64)>,
}

/// The hard data of a grid against the labels of a learning set.
///
/// A window r matched at a place where it covers data h costs `d² + w Σ_h c(r, h)`: the contradiction c is 1 where the
/// facies differ, or `(y − h)² / s²` with the variance s² of the labels; w is the mean squared distance between two
/// windows of the learning set, so that one contradiction weighs as much as being an arbitrary window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Penalty {
    /// Cell and datum (a facies code or a value), ascending.
    pub(super) data: Vec<(usize, f64)>,
    /// w of facies, w / s² of values.
    pub(super) weight: f64,
    /// Whether data are facies codes.
    pub(super) facies: bool,
}

impl Penalty {
    /// The data that fit the labels; `spread` is the mean squared distance between two windows.
    pub(super) fn new(hard: &HardData, set: &LearningSet, spread: f64) -> Result<Self> {
        let cells = set.stencil().grid().len();
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let (mut data, weight, facies) = match &set.labels {
            Labels::Facies { values, .. } => {
                if let Some(known) = hard.facies.iter().find(|known| usize::from(known.1) >= values.len()) {
                    let problem = format!("facies {} in cell {}: there are {} facies", known.1, known.0, values.len());
                    return Err(Error::input(PLACE, problem, "give codes that occur in the realizations"));
                }
                (hard.facies.iter().map(|&(cell, code)| (cell, f64::from(code))).collect(), spread, true)
            }
            Labels::Values(labels) => (hard.values.clone(), spread / variance(labels).max(f64::MIN_POSITIVE), false),
        };
        if let Some(known) = data.iter().find(|known| known.0 >= cells || !known.1.is_finite()) {
            let problem = format!("cell {} of {cells} has the datum {}", known.0, known.1);
            return Err(Error::input(PLACE, problem, "give cells of the grid and finite values"));
        }
        data.sort_by_key(|known| known.0);
        if let Some(pair) = data.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1) {
            let problem = format!("cell {} has the data {} and {}", pair[0].0, pair[0].1, pair[1].1);
            return Err(Error::input(PLACE, problem, "give one datum a cell"));
        }
        data.dedup_by_key(|known| known.0);
        Ok(Self { data, weight, facies })
    }

    /// The data that the window at `origin` covers, by their offset in the window.
    pub(super) fn covered(&self, stencil: &Stencil, origin: u32) -> Vec<(usize, f64)> {
        let held = self.data.iter().filter(|(cell, _)| stencil.holds(origin, *cell));
        held.map(|&(cell, datum)| (cell - origin as usize, datum)).collect()
    }

    /// What window `number` of the learning set pays over the data `covered`.
    pub(super) fn of(&self, set: &LearningSet, number: usize, covered: &[(usize, f64)]) -> f64 {
        let start = set.start(number);
        let contradiction = |&(offset, datum): &(usize, f64)| match &set.labels {
            Labels::Facies { codes, .. } => f64::from(u8::from(f64::from(codes[start + offset]) != datum)),
            Labels::Values(values) => (f64::from(values[start + offset]) - datum).powi(2),
        };
        self.weight * covered.iter().map(contradiction).sum::<f64>()
    }
}

fn variance(values: &[f32]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|&y| f64::from(y)).sum::<f64>() / n;
    values.iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / n
}
