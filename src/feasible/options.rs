//! What a feasible map is asked to be, and what cannot be asked.

use std::ops::Range;

use super::hard_data::HardData;
use super::learning_set::{LabelKind, Source};
use super::nearest::Description;
use super::template::Template;
use super::vote::Aggregation;
use crate::error::{Error, Result};
use crate::grid::Grid;

/// What a feasible map is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Shape of the windows.
    pub template: Template,
    /// Matches k of every window.
    pub neighbours: usize,
    /// Windows N′ of the learning set, of every zone.
    pub library: usize,
    /// Share of the admissible windows that a map matches, in (0, 1].
    pub fraction: f64,
    /// Ranges of layers with learning sets of their own; a layer in none is an error. Empty: one zone, all layers.
    pub zones: Vec<Range<usize>>,
    /// What the labels are.
    pub labels: LabelKind,
    /// How labels become a map.
    pub aggregation: Aggregation,
    /// How windows are described for matching.
    pub description: Description,
    /// Cells that are known.
    pub hard_data: HardData,
    /// The seed of the learning set and of the positions.
    pub seed: u64,
}

impl Options {
    /// The usual choice: 5 matches among 2000 windows at 15 % of the positions, facies by votes.
    pub fn new(template: Template, seed: u64) -> Self {
        Self {
            template,
            neighbours: 5,
            library: 2000,
            fraction: 0.15,
            zones: Vec::new(),
            labels: LabelKind::Facies,
            aggregation: Aggregation::Votes,
            description: Description::Cells,
            hard_data: HardData::default(),
            seed,
        }
    }
}

/// Refuses options that no learning set can meet.
pub(super) fn check(options: &Options) -> Result<()> {
    let wrong =
        |key: &str, problem: String, remedy: &str| Err(Error::input(format!("feasible.{key}"), problem, remedy));
    if options.library == 0 {
        return wrong("library", "the learning set has 0 windows".into(), "ask for at least one, 2000 are usual");
    }
    if options.neighbours == 0 || options.neighbours > options.library {
        let problem = format!("{} neighbours of {} windows of the learning set", options.neighbours, options.library);
        return wrong("neighbours", problem, "ask for at least 1 neighbour, and no more than there are windows");
    }
    if !(options.fraction > 0.0 && options.fraction <= 1.0) {
        let problem = format!("the fraction of positions is {}, expected a number in (0, 1]", options.fraction);
        return wrong("fraction", problem, "0.1 to 0.2 is usual");
    }
    match (options.labels, options.aggregation) {
        (LabelKind::Facies, Aggregation::WeightedMean | Aggregation::Mode { .. }) => {
            let problem = format!("facies cannot be aggregated by {:?}", options.aggregation);
            return wrong("aggregation", problem, "choose votes, or labels that are values");
        }
        (_, Aggregation::Mode { bins }) if !(1..=256).contains(&bins) => {
            return wrong("aggregation", format!("{bins} bins, expected 1 to 256"), "32 is usual");
        }
        _ => {}
    }
    match options.description {
        Description::Subset { cells } if cells == 0 || cells > options.template.len() => {
            let problem = format!("a subset of {cells} of the {} cells of a window", options.template.len());
            wrong("description", problem, "ask for at least 1 cell, and no more than a window has")
        }
        Description::Projection { components: 0 } => {
            wrong("description", "a projection on 0 components".into(), "ask for at least 1 component")
        }
        _ => Ok(()),
    }
}

/// Refuses realizations that do not suit the options, and hard data that do not suit the grid.
pub(super) fn check_sources(grid: &Grid, options: &Options, sources: &[Source<'_>]) -> Result<()> {
    let place = "feasible.library";
    if sources.iter().all(|source| source.ensemble.is_empty()) {
        return Err(Error::input(place, "there are no realizations to learn from", "simulate at least one"));
    }
    for ensemble in sources.iter().map(|source| source.ensemble) {
        assert_eq!(ensemble.grid.cells, grid.cells, "grids of the realizations and of the map");
        if options.labels == LabelKind::Facies {
            if ensemble.facies.is_none() {
                let remedy = "choose labels that are values";
                return Err(Error::input(place, "labels are facies, but the realizations have none", remedy));
            }
            if ensemble.facies_values != sources[0].ensemble.facies_values {
                let problem = format!(
                    "scenarios differ in the values of their facies: {:?} and {:?}",
                    sources[0].ensemble.facies_values, ensemble.facies_values
                );
                return Err(Error::input(place, problem, "give all scenarios the same facies, or label by values"));
            }
        }
    }
    known_cells(&options.hard_data, grid, options.labels)
}

/// Hard data must lie in the grid and be of the labels' kind: data that would be ignored quietly are refused.
pub(super) fn known_cells(hard: &HardData, grid: &Grid, labels: LabelKind) -> Result<()> {
    let place = "feasible.hard_data";
    let (used, unused, other) = match labels {
        LabelKind::Facies => {
            (hard.facies.iter().map(|k| k.0).max(), hard.values.len(), "values, but labels are facies")
        }
        LabelKind::Values => {
            (hard.values.iter().map(|k| k.0).max(), hard.facies.len(), "facies, but labels are values")
        }
    };
    if unused > 0 {
        return Err(Error::input(place, format!("{unused} hard data are {other}"), "give data of the labels' kind"));
    }
    match used {
        Some(cell) if cell >= grid.len() => {
            let problem = format!("a datum lies in cell {cell}, the grid has {} cells", grid.len());
            Err(Error::input(place, problem, "cells count from 0, x fastest"))
        }
        _ => Ok(()),
    }
}

/// The zones asked for, which must hold every layer once; one zone of all layers where none is asked for.
pub(super) fn zones(grid: &Grid, asked: &[Range<usize>]) -> Result<Vec<Range<usize>>> {
    let layers = grid.cells[2];
    if asked.is_empty() {
        return Ok(std::iter::once(0..layers).collect());
    }
    let mut times = vec![0; layers];
    for zone in asked {
        if zone.is_empty() || zone.end > layers {
            let problem = format!("zone {}..{} of a grid of {layers} layers", zone.start, zone.end);
            return Err(Error::input("feasible.zones", problem, "layers count from 0, the end is not included"));
        }
        zone.clone().for_each(|layer| times[layer] += 1);
    }
    if let Some(layer) = times.iter().position(|&times| times != 1) {
        let problem = format!("layer {layer} lies in {} zones", times[layer]);
        return Err(Error::input("feasible.zones", problem, "put every layer into one zone"));
    }
    Ok(asked.to_vec())
}
