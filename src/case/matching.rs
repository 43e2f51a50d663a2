//! From the case's `[feasible]` to a live feasible map, its learning set drawn at a given rank.

use ndarray::Array2;

use super::file::{Aggregation, Feasible, Features, Hard, Labels, Window};
use super::study::Study;
use crate::error::{Error, Result};
use crate::feasible::{self, Description, FeasibleMap, HardData, LabelKind, Options, PatternMap, Source, Template};

/// The feasible map of the study's realizations, parameterized at `rank`.
///
/// # Errors
/// A basis without realizations, and whatever the map refuses.
pub fn map<'a>(study: &'a Study, feasible: &Feasible, rank: usize) -> Result<Box<dyn FeasibleMap + 'a>> {
    let Some(components) = &study.components else {
        return Err(Error::input(
            "feasible",
            "a learning set needs the realizations' coefficients, and the basis was made without realizations",
            "choose basis.kind = \"pca\"",
        ));
    };
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
        hard_data: hard_data(study),
        seed: study.case.seed,
    };
    let parameterized =
        |realizations: &[usize]| -> Result<Array2<f32>> { Ok(components.reconstruct_some(realizations, rank)) };
    let source = Source { ensemble: &study.ensemble, parameterized: &parameterized };
    Ok(Box::new(PatternMap::new(*study.grid(), options, &[source], study.gpu.as_deref())?))
}

pub(super) fn hard_data(study: &Study) -> HardData {
    let mut out = HardData::default();
    for datum in study.case.hard_data.iter().flat_map(|h| &h.cells) {
        let cell = study.grid().index(datum.cell);
        match datum.known {
            Hard::Facies(code) => out.facies.push((cell, code)),
            Hard::Value(value) => out.values.push((cell, value)),
        }
    }
    out
}
