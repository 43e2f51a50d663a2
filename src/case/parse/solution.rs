//! The solution: the feasible map, the inversion, and what they are tried on.

use super::{MANY, MOST_CELLS, NOT_NEGATIVE, PART, SHARE, name, need_in};
use crate::case::file::{
    Aggregation, Apply, Feasible, Features, Inversion, Labels, Mapping, MappingVariant, Property, Reference,
    ReferenceSource, Regularizer, Repair, Returned, Scenario, Start, Weight, Window,
};
use crate::case::reader::{Section, Value};
use crate::case::words;
use crate::grid::Grid;

/// What [feasible] starts from.
pub(super) fn default_feasible(grid: &Grid, property: &Property, scenarios: &[Scenario]) -> Feasible {
    let [nx, ny, nz] = grid.cells;
    let is_facies = property.has_facies() && scenarios.iter().all(|s| s.variability.is_empty());
    Feasible {
        window: Window::Box([nx.div_ceil(2), ny.div_ceil(2), nz.div_ceil(2)]),
        neighbours: 5,
        library: 2000,
        fraction: 0.2,
        labels: if is_facies { Labels::Facies } else { Labels::Property },
        aggregation: if is_facies { Aggregation::Vote } else { Aggregation::Mean },
        features: Features::All,
        refine: None,
        respect_hard_data: true,
        repair: Repair::None,
    }
}

pub(super) fn feasible(section: Section<'_>, base: &Feasible) -> Feasible {
    let feasible = read_feasible(&section, base);
    section.finish();
    feasible
}

/// The keys of the u-step; those left out are as in `base`.
fn read_feasible(section: &Section<'_>, base: &Feasible) -> Feasible {
    let labels = section.get("labels").and_then(|v| v.choice(&words::LABELS)).unwrap_or(base.labels);
    let usual = match labels {
        Labels::Facies => Aggregation::Vote,
        Labels::Property => Aggregation::Mean,
    };
    let usual = if labels == base.labels { base.aggregation } else { usual };
    let fraction = section.get("fraction").and_then(|v| v.fraction("a fraction above 0, up to 1", PART));
    Feasible {
        window: section.get("window").and_then(|v| window(&v)).unwrap_or(base.window),
        neighbours: section.get("neighbours").and_then(|v| v.count(1..=100_000)).unwrap_or(base.neighbours),
        library: section.get("library").and_then(|v| v.count(1..=MANY)).unwrap_or(base.library),
        fraction: fraction.unwrap_or(base.fraction),
        labels,
        aggregation: section.get("aggregation").and_then(|v| aggregation(&v)).unwrap_or(usual),
        features: section.get("features").and_then(|v| features(&v)).unwrap_or(base.features),
        refine: base.refine,
        respect_hard_data: base.respect_hard_data,
        repair: base.repair,
    }
}

fn window(value: &Value<'_>) -> Option<Window> {
    let expected = "cells such as [50, 50], or \"disk 25\" with a radius in cells";
    if value.is_list() {
        return value.triple(expected, 1, |v| v.count(1..=MOST_CELLS)).map(Window::Box);
    }
    let radius = value.text()?.strip_prefix("disk ").and_then(|r| r.trim().parse::<f64>().ok());
    match radius {
        Some(radius) if (1.0..=1e4).contains(&radius) => Some(Window::Disk { radius }),
        _ => value.wrong(expected),
    }
}

fn aggregation(value: &Value<'_>) -> Option<Aggregation> {
    if let Some(bins) = value.text()?.strip_prefix("mode ") {
        return match bins.trim().parse() {
            Ok(bins @ 2..=256) => Some(Aggregation::Mode { bins }),
            _ => value.wrong("\"mode N\" with a number of bins from 2 to 256"),
        };
    }
    let mode = [("mode", Aggregation::Mode { bins: 64 })];
    value.choice(&[&words::AGGREGATIONS[..], &mode].concat())
}

fn features(value: &Value<'_>) -> Option<Features> {
    let text = value.text()?;
    let number = |prefix| text.strip_prefix(prefix).and_then(|n: &str| n.trim().parse().ok()).filter(|&n| n > 0);
    match (text, number("subset "), number("projection ")) {
        ("all", _, _) => Some(Features::All),
        (_, Some(cells), _) => Some(Features::Subset(cells)),
        (_, _, Some(components)) => Some(Features::Projection(components)),
        _ => value.wrong("\"all\", \"subset 500\" (random cells) or \"projection 50\" (leading components)"),
    }
}

pub(super) fn inversion(section: Section<'_>) -> Inversion {
    let weight = |key| section.get(key).and_then(|v| weight(&v)).unwrap_or(Weight::Auto);
    let tolerance = section.get("tolerance").and_then(|v| v.number("a number from 0 to below 1", SHARE));
    let folds = section.get("cross_validation").and_then(|v| match v.count(0..=MANY) {
        Some(1) => v.wrong("0 (none), or 2 folds or more"),
        folds => folds,
    });
    let inversion = Inversion {
        iterations: section.get("iterations").and_then(|v| v.count(1..=60_000)).unwrap_or(10),
        steps: section.get("steps").and_then(|v| v.count(1..=1000)).unwrap_or(2),
        regularizer: section
            .get("regularizer")
            .and_then(|v| v.choice(&words::REGULARIZERS))
            .unwrap_or(Regularizer::Gaussian),
        weight: weight("weight"),
        coupling: weight("coupling"),
        weight_factor: 1.0,
        coupling_factor: 1.0,
        start: Start::Mean,
        tolerance: tolerance.unwrap_or(0.0),
        returned: section.get("return").and_then(|v| v.choice(&words::RETURNS)).unwrap_or(Returned::Best),
        cross_validation: folds.unwrap_or(0),
        truncation_error: section.get("truncation_error").and_then(|v| v.flag()).unwrap_or(true),
        apply: section.get("feasible").and_then(|v| v.choice(&words::APPLIES)).unwrap_or(Apply::Every),
    };
    section.finish();
    inversion
}

fn weight(value: &Value<'_>) -> Option<Weight> {
    if value.is_text() {
        return value.choice(&[("auto", Weight::Auto)]);
    }
    value.number("\"auto\", or a number of 0 or more", NOT_NEGATIVE).map(Weight::Fixed)
}

pub(super) fn reference(section: Section<'_>, scenarios: &[Scenario]) -> Option<Reference> {
    let names: Vec<_> = scenarios.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    let scenario = section.get("scenario").and_then(|v| v.choice(&names));
    if section.is_present() && scenarios.len() > 1 {
        section.need("scenario", "the name of the reference's scenario, since there are several");
    }
    let seed = section.get("seed").and_then(|v| v.whole(1..=1 << 40)).unwrap_or(1);
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Reference { source: ReferenceSource::Scenario(scenario.unwrap_or(0)), seed })
}

pub(super) fn mapping(section: Section<'_>, base: &Feasible) -> Option<Mapping> {
    let references = section.get("references").and_then(|v| v.count(1..=MANY)).unwrap_or(1);
    let sections = need_in(&section, "variant", "at least one section [[mapping.variant]]").map(|v| v.sections());
    let variant = |section: Section<'_>| {
        let name = need_in(&section, "name", "a name").and_then(|v| name(&v)).unwrap_or_default();
        let feasible = read_feasible(&section, base);
        section.finish();
        MappingVariant { name, feasible }
    };
    let variants = sections.unwrap_or_default().into_iter().map(variant).collect();
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Mapping { references, iteration: None, variants })
}
