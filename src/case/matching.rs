//! From the case's `[feasible]` to a live feasible map, its learning set drawn at a given rank.

use std::collections::BTreeSet;

use super::file::{Aggregation, Feasible, Features, Hard, Labels, Window};
use super::observations::Observations;
use super::study::Study;
use crate::error::Result;
use crate::feasible::{self, Description, HardData, LabelKind, Options, PatternMap, Source, Template};
use crate::report::metrics::nearest_facies;

/// The feasible map of the realizations of the scenarios `sources`, parameterized at `rank`; what observations know of
/// cells binds it beside the case's hard data.
///
/// # Errors
/// A basis without realizations, and whatever the map refuses.
pub fn map<'a>(
    study: &'a Study,
    observations: Option<&Observations<'_>>,
    feasible: &Feasible,
    rank: usize,
    sources: &[usize],
) -> Result<PatternMap<'a>> {
    let two_dimensional = study.grid().is_2d();
    let template = match feasible.window {
        Window::Box(cells) => Template::cuboid(cells)?,
        Window::Disk { radius } if two_dimensional => Template::disk(radius)?,
        Window::Disk { radius } => Template::ball(radius)?,
    };
    let options = Options {
        template,
        neighbours: feasible.neighbours,
        library: feasible.library,
        fraction: feasible.fraction,
        zones: Vec::new(),
        labels: match feasible.labels {
            Labels::Facies => LabelKind::Facies,
            Labels::Property => LabelKind::Values,
        },
        aggregation: match feasible.aggregation {
            Aggregation::Vote | Aggregation::Mean => feasible::Aggregation::Votes,
            Aggregation::WeightedMean => feasible::Aggregation::WeightedMean,
            Aggregation::Mode { bins } => feasible::Aggregation::Mode { bins },
            Aggregation::Center => feasible::Aggregation::Centre,
        },
        description: match feasible.features {
            Features::All => Description::Cells,
            Features::Subset(cells) => Description::Subset { cells },
            Features::Projection(components) => Description::Projection { components },
        },
        hard_data: match feasible.respect_hard_data {
            true => hard_data(study, observations, feasible.labels == Labels::Facies),
            false => HardData::default(),
        },
        seed: study.case.seed,
    };
    let parameterized: Vec<_> = sources
        .iter()
        .map(|&p| {
            let (ensemble, block) = (&study.priors.ensembles[p], study.block(p).unwrap_or(0));
            move |realizations: &[usize]| study.parameterization.reconstruct(ensemble, block, realizations, rank)
        })
        .collect();
    let sources: Vec<_> = sources
        .iter()
        .zip(&parameterized)
        .map(|(&p, parameterized)| Source { ensemble: &study.priors.ensembles[p], parameterized })
        .collect();
    PatternMap::new(*study.grid(), options, &sources, study.gpu.as_deref())
}

/// Cells that are known: the case's hard data, and where the property itself was observed its nearest facies (where
/// `facies`) or its value.
pub(super) fn hard_data(study: &Study, observations: Option<&Observations<'_>>, facies: bool) -> HardData {
    let mut out = HardData::default();
    for datum in study.case.hard_data.iter().flat_map(|h| &h.cells) {
        let cell = study.grid().index(datum.cell);
        match datum.known {
            Hard::Facies(code) => out.facies.push((cell, code)),
            Hard::Value(value) => out.values.push((cell, value)),
        }
    }
    let values = &study.case.property.facies;
    let mut known: BTreeSet<usize> = match facies {
        true => out.facies.iter().map(|known| known.0).collect(),
        false => out.values.iter().map(|known| known.0).collect(),
    };
    for (cell, value) in observations.iter().flat_map(|o| o.known_cells()).filter(|&(cell, _)| known.insert(cell)) {
        match facies {
            true => out.facies.push((cell, nearest_facies(value, values) as u8)),
            false => out.values.push((cell, value)),
        }
    }
    out
}
