//! The solution: the feasible map and the inversion.

use super::{MANY, MOST_CELLS, NOT_NEGATIVE, PART, SHARE, prior};
use crate::case::file::{
    Aggregation, Apply, BasisKind, Discrete, Feasible, Features, Inversion, JudgedBy, Labels, Potential, Property,
    Rank, Regularizer, Repair, Returned, Scenario, SelectedBy, Selection, Start, Verdict, Weight, Window,
};
use crate::case::reader::{Section, Value};
use crate::case::words;
use crate::grid::Grid;
use crate::units;

/// Share of the largest ‖v_i‖ from which a scenario counts as active.
const ACTIVE: f64 = 0.1;

/// What [feasible] starts from.
pub(super) fn default_feasible(grid: &Grid, property: &Property, is_varied: bool, scenarios: usize) -> Feasible {
    let [nx, ny, nz] = grid.cells;
    let is_facies = property.has_facies() && !is_varied;
    Feasible {
        window: Window::Box([nx.div_ceil(2), ny.div_ceil(2), nz.div_ceil(2)]),
        neighbours: 5,
        library: 2000,
        fraction: 0.2,
        labels: if is_facies { Labels::Facies } else { Labels::Property },
        aggregation: if is_facies { Aggregation::Vote } else { Aggregation::Mean },
        features: Features::All,
        refine: (scenarios > 1).then_some(ACTIVE),
        respect_hard_data: true,
        repair: if is_facies { Repair::Gradient } else { Repair::None },
    }
}

pub(super) fn feasible(section: Section<'_>, base: &Feasible) -> Feasible {
    let feasible = read_feasible(&section, base);
    section.finish();
    feasible
}

/// The keys of the u-step; those left out are as in `base`.
pub(super) fn read_feasible(section: &Section<'_>, base: &Feasible) -> Feasible {
    let labels = section.get("labels").and_then(|v| v.choice(&words::LABELS)).unwrap_or(base.labels);
    let usual = match labels {
        Labels::Facies => Aggregation::Vote,
        Labels::Property => Aggregation::Mean,
    };
    let usual = if labels == base.labels { base.aggregation } else { usual };
    let usual_repair = if labels == Labels::Facies { base.repair } else { Repair::None };
    let fraction = section.get("fraction").and_then(|v| v.fraction("a fraction above 0, up to 1", PART));
    Feasible {
        window: section.get("window").and_then(|v| window(&v)).unwrap_or(base.window),
        neighbours: section.get("neighbours").and_then(|v| v.count(1..=100_000)).unwrap_or(base.neighbours),
        library: section.get("library").and_then(|v| v.count(1..=MANY)).unwrap_or(base.library),
        fraction: fraction.unwrap_or(base.fraction),
        labels,
        aggregation: section.get("aggregation").and_then(|v| aggregation(&v)).unwrap_or(usual),
        features: section.get("features").and_then(|v| features(&v)).unwrap_or(base.features),
        refine: section.get("refine").and_then(|v| refine(&v)).unwrap_or(base.refine),
        respect_hard_data: section.get("respect_hard_data").and_then(|v| v.flag()).unwrap_or(base.respect_hard_data),
        repair: section.get("repair").and_then(|v| v.choice(&words::REPAIRS)).unwrap_or(usual_repair),
    }
}

/// false: all scenarios; a share of the largest ‖v_i‖, or true for the usual one: those above it.
fn refine(value: &Value<'_>) -> Option<Option<f64>> {
    if value.is_flag() {
        return value.flag().map(|on| on.then_some(ACTIVE));
    }
    value.number("true, false, or a share above 0, below 1", |x| x > 0.0 && x < 1.0).map(Some)
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

pub(super) fn inversion(section: Section<'_>, scenarios: &[Scenario], basis: BasisKind, is_grouped: bool) -> Inversion {
    let factor = |key| {
        let value = section.get(key).and_then(|v| v.number("a factor of 0 or more", NOT_NEGATIVE));
        value.unwrap_or(1.0)
    };
    let weight = section.get("weight").and_then(|v| weight(&v)).unwrap_or(Weight::Auto);
    let coupling = section.get("coupling").and_then(|v| coupling(&v)).unwrap_or(Weight::Auto);
    let tolerance = section.get("tolerance").and_then(|v| v.number("a number from 0 to below 1", SHARE));
    let folds = section.get("cross_validation").and_then(|v| match v.count(0..=MANY) {
        Some(1) => v.wrong("0 (none), or 2 folds or more"),
        folds => folds,
    });
    let usual = match basis {
        BasisKind::Hybrid => Regularizer::Group,
        BasisKind::Pca | BasisKind::KarhunenLoeve => Regularizer::Gaussian,
        _ if is_grouped => Regularizer::Group,
        BasisKind::Dct { .. } | BasisKind::Wavelet { .. } | BasisKind::KSvd(_) => Regularizer::L1,
        BasisKind::Zonation { .. } | BasisKind::Cells => Regularizer::Tikhonov(1),
    };
    let inversion = Inversion {
        iterations: section.get("iterations").and_then(|v| v.count(1..=60_000)).unwrap_or(10),
        steps: section.get("steps").and_then(|v| v.count(1..=1000)).unwrap_or(2),
        regularizer: section.get("regularizer").and_then(|v| v.choice(&words::REGULARIZERS)).unwrap_or(usual),
        weight,
        weight_factor: factor("weight_factor"),
        coupling,
        coupling_factor: factor("coupling_factor"),
        start: section.get("start").and_then(|v| start(&v, scenarios)).unwrap_or(Start::Mean),
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
        return value.choice(&words::WEIGHTS);
    }
    let expected = "\"auto\", \"l-curve\", \"gcv\", \"cross-validation\", or a number from 0 to 1e100";
    value.number(expected, A_WEIGHT).map(Weight::Fixed)
}

/// A weight whose square is a number, and leaves room for those of the data.
const A_WEIGHT: fn(f64) -> bool = |x| (0.0..=1e100).contains(&x);

fn coupling(value: &Value<'_>) -> Option<Weight> {
    if value.is_text() {
        return value.choice(&[("auto", Weight::Auto)]);
    }
    value.number("\"auto\", or a number from 0 to 1e100", A_WEIGHT).map(Weight::Fixed)
}

fn start(value: &Value<'_>, scenarios: &[Scenario]) -> Option<Start> {
    let text = value.text()?;
    if let Some(name) = text.strip_prefix("scenario ") {
        let names = scenarios.iter().map(|s| s.name.as_str());
        let place = names.clone().position(|known| known == name.trim());
        return place.map(Start::Scenario).or_else(|| {
            let remedy = units::nearest(name.trim(), names).map(|near| format!("did you mean \"scenario {near}\"?"));
            value.fail(format!("there is no scenario \"{}\"", name.trim()), remedy.unwrap_or_default())
        });
    }
    if let Some(size) = text.strip_prefix("uniform ") {
        return match size.trim().parse::<f64>() {
            Ok(size) if size.is_finite() => Some(Start::Uniform(size)),
            _ => value.wrong("\"uniform 0.01\", a multiple of the largest standard deviation"),
        };
    }
    match text {
        "mean" => Some(Start::Mean),
        "zero" => Some(Start::Zero),
        _ => value.wrong("\"mean\", \"zero\", \"uniform 0.01\" or \"scenario NAME\""),
    }
}

/// The keys of the discrete potential.
pub(super) fn discrete(section: Section<'_>, property: &Property) -> Option<Discrete> {
    #[derive(Clone, Copy)]
    enum Form {
        Quartic,
        Tukey,
        TruncatedQuadratic,
        GemanMcClure,
    }
    let forms = [
        ("quartic", Form::Quartic),
        ("tukey", Form::Tukey),
        ("truncated-quadratic", Form::TruncatedQuadratic),
        ("geman-mcclure", Form::GemanMcClure),
    ];
    let form = section.get("potential").and_then(|v| v.choice(&forms)).unwrap_or(Form::Quartic);
    let gaps = property.facies.len().saturating_sub(1);
    let weights = section.get("weights");
    if let (Some(v), false) = (&weights, matches!(form, Form::Quartic)) {
        v.fail::<()>("only the quartic potential has a weight for each gap", "remove the key");
    }
    let weights = weights.and_then(|v| {
        let items = v.list(1, 254, "a weight for each gap between facies, e.g. [1, 100]")?;
        let weight = |v: &Value<'_>| v.number("a weight above 0", |x| x > 0.0 && x.is_finite());
        let read: Option<Vec<_>> = items.iter().map(weight).collect();
        read.and_then(|read| match read.len() == gaps || gaps == 0 {
            true => Some(read),
            false => v.fail(format!("{} weights for the {gaps} gaps between facies", read.len()), "give one a gap"),
        })
    });
    let weight = |key| section.get(key).and_then(|v| v.number("a weight above 0", |x| x > 0.0 && x.is_finite()));
    let factor = section.get("factor").and_then(|v| v.number("a factor of 1 or more", |x| x >= 1.0 && x.is_finite()));
    let first = weight("first").unwrap_or(1.0);
    let last = section.get("last").and_then(|v| match v.is_text() {
        true => v.choice(&[("none", None)]),
        false => v.number("a weight of at least the first, or \"none\"", |x| x >= first && x.is_finite()).map(Some),
    });
    let discrete = Discrete {
        potential: match form {
            Form::Quartic => Potential::Quartic(weights.unwrap_or_else(|| vec![1.0; gaps])),
            Form::Tukey => Potential::Tukey,
            Form::TruncatedQuadratic => Potential::TruncatedQuadratic,
            Form::GemanMcClure => Potential::GemanMcClure,
        },
        first,
        factor: factor.unwrap_or(2.0),
        last: last.flatten(),
    };
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(discrete)
}

pub(super) fn selection(section: Section<'_>) -> Option<Selection> {
    let regularizer = section.get("regularizer").and_then(|v| v.choice(&words::REGULARIZERS));
    let threshold = section.get("threshold").and_then(|v| v.number("a share above 0, below 1", |x| x > 0.0 && x < 1.0));
    let by = section.get("by").and_then(|v| v.choice(&words::SELECTED_BY));
    let selection = Selection {
        by: by.unwrap_or(SelectedBy::Norm),
        rank: if section.get("rank").is_some() || section.get("energy").is_some() {
            prior::rank(&section)
        } else {
            Rank::Energy(0.8)
        },
        iterations: section.get("iterations").and_then(|v| v.count(1..=60_000)).unwrap_or(20),
        steps: section.get("steps").and_then(|v| v.count(1..=1000)).unwrap_or(1),
        regularizer: regularizer.unwrap_or(Regularizer::Group),
        weight: section.get("weight").and_then(|v| weight(&v)).unwrap_or(Weight::Auto),
        threshold: threshold.unwrap_or(ACTIVE),
    };
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(selection)
}

/// How scenarios are judged, by default with as many simulations as there are `realizations` of each.
pub(super) fn verdict(section: Section<'_>, realizations: usize) -> Option<Verdict> {
    let by = section.get("by").and_then(|v| v.choice(&words::JUDGED_BY)).unwrap_or(JudgedBy::Evidence);
    let default = match by {
        JudgedBy::Evidence => 0,
        JudgedBy::SyntheticLikelihood => realizations,
    };
    let simulations = section.get("simulations").and_then(|v| v.count(0..=MANY)).unwrap_or(default);
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Verdict { by, simulations })
}
