//! The report of one run, from what was asked to the last table.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array1;
use serde_json::{Map as JsonMap, Value};

use super::convergence::convergence;
use super::fit::fit;
use super::{
    asked_table, asked_words, columns, duration, facies, flow, kind_words, layer_control, listed, measured, percent,
    percent_measured, plain, property_bar, scenarios, section, sweep, table, value_text,
};
use crate::report::colour::Palette;
use crate::report::data::{Case, Folder, Number, Run, Summary};
use crate::report::figures::{escape, number};
use crate::report::maps::{Frame, Map, Maps, colour_bar, property_label};
use crate::report::metrics::Errors;

/// Body of the page and the payload of its script.
pub(super) fn body(folder: &Folder, run: &Run) -> (String, Value) {
    let maps = Maps::new(&folder.case, run);
    let errors = error_table(folder, run);
    let sections = [
        outcome(folder, run, &errors),
        asked(folder, run, &maps),
        models(folder, run, &maps),
        facies::facies_section(folder, run, &maps),
        scenarios::section_of(&folder.summary, run),
        flow::sections(folder, run, &maps),
        columns::section_of(folder, run),
        sweep::section_of(folder),
        variants(folder, run, &maps),
        prior(folder, run, &maps),
        fit(folder, run),
        convergence(folder, run, &errors),
        numbers(folder, &errors),
        glossary(run),
    ];
    (sections.concat(), maps.payload)
}

/// Errors of each estimate: of the summary, or made here where there is a reference.
fn error_table(folder: &Folder, run: &Run) -> Vec<(&'static str, Value)> {
    let names = [
        ("model", "Model u"),
        ("parameterized", "Parameterized model Φv"),
        ("prior_mean", "Prior mean"),
        ("best_achievable", "Best achievable in the basis"),
    ];
    let measured = |key: &str| {
        let estimate = match key {
            "model" => Some(&run.model),
            "parameterized" => Some(&run.parameterized),
            "prior_mean" => run.prior_mean.as_ref(),
            _ => None,
        };
        let (estimate, reference) = (estimate?, run.reference.as_ref()?);
        let flat = |a: &ndarray::Array3<f64>| a.iter().copied().collect::<Array1<f64>>();
        serde_json::to_value(Errors::between(flat(reference).view(), flat(estimate).view(), &folder.case.facies)).ok()
    };
    let known = |key: &str| folder.summary.get(&format!("errors.{key}")).cloned().or_else(|| measured(key));
    let shown = |key: &str| run.has_model_step() || key != "parameterized";
    names.into_iter().filter(|(key, _)| shown(key)).filter_map(|(key, name)| Some((name, known(key)?))).collect()
}

pub(super) fn error_of(errors: &[(&str, Value)], name: &str, kind: &str) -> Option<Number> {
    errors.iter().find(|(n, _)| *n == name).and_then(|(_, v)| Number::of(v.get(kind)?))
}

/// The few numbers that matter, and why it stopped.
fn outcome(folder: &Folder, run: &Run, errors: &[(&'static str, Value)]) -> String {
    let summary = &folder.summary;
    let mut tiles = String::new();
    let mut tile = |name: &str, value: String, note: String| {
        tiles += &format!("<div class=\"tile\"><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>");
    };
    let target = target(summary, run);
    for (name, key) in [("Misfit of Φv", "misfit.parameterized"), ("Misfit of u", "misfit.model")] {
        if let Some(misfit) = summary.number(key).filter(|_| run.has_model_step() || key == "misfit.parameterized") {
            let ratio = format!("{} × target", rounded(misfit.mean / target));
            tile(name, ratio, format!("‖r‖² = {}, target {}", number(misfit.mean), number(target)));
        }
    }
    if let Some(mismatch) = error_of(errors, "Model u", "facies_mismatch") {
        let prior = error_of(errors, "Prior mean", "facies_mismatch");
        let note = prior.map(|p| format!("thresholded prior mean: {}", percent(p.mean))).unwrap_or_default();
        tile("Cells of u in the wrong facies", percent(mismatch.mean), note);
    } else if let Some(rmse) = error_of(errors, "Model u", "rmse") {
        let prior = error_of(errors, "Prior mean", "rmse");
        let note = prior.map(|p| format!("prior mean: {}", number(p.mean))).unwrap_or_default();
        tile("RMSE of u", format!("{} {}", number(rmse.mean), escape(&folder.case.label())), note);
    }
    if let Some((best, probability)) = scenarios::most_probable(&run.scenarios).filter(|_| run.scenarios.len() > 1) {
        tile("Most probable scenario", escape(&best.name), format!("probability {}", percent(probability)));
    }
    if let Some(total) = summary.number("seconds.total") {
        tile("Time in all", duration(total.mean), plain(summary, "device").unwrap_or_default());
    }
    let why =
        summary.text("stopped_because").map(|word| format!("<p class=\"why\">{}</p>", why_stopped(word, summary, run)));
    let kept = run.chosen_iteration().filter(|k| *k < run.history.len());
    let kept = kept.map(|k| format!("<p>The result is the model of iteration {k}, not that of the last one.</p>"));
    let verdict = match run.scenarios.len() {
        0 | 1 => String::new(),
        _ => scenarios::verdict(&folder.case, summary, &run.scenarios, target),
    };
    let body = format!(
        "<dl class=\"tiles\">{tiles}</dl>{verdict}{}{}{}",
        why.unwrap_or_default(),
        kept.unwrap_or_default(),
        judgement(summary, run, target)
    );
    section("outcome", "The outcome", &body)
}

/// A ratio near one with as many digits as mean something.
fn rounded(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { number(ratio.round()) }
}

/// The whitened misfit that the data's errors explain: of the summary, else the number of data.
pub(super) fn target(summary: &Summary, run: &Run) -> f64 {
    summary.number("misfit.target").map(|t| t.mean).filter(|t| *t > 0.0).unwrap_or(run.data.len() as f64)
}

/// Why the run stopped, a sentence for each documented word.
pub(super) fn why_stopped(word: &str, summary: &Summary, run: &Run) -> String {
    let done = run.history.len();
    let sentence = match word {
        "iterations" => format!("It ran all of the {done} iterations that the case asks for."),
        "stagnation" => "The models no longer changed from one iteration to the next.".into(),
        "misfit_reached" if summary.number("misfit.counted").is_some() => {
            "The whitened misfit fell to its target, with what the basis cannot describe counted among the errors of the \
             data: going on would fit that."
                .into()
        }
        "misfit_reached" => {
            "The whitened misfit fell to its target: the data are explained to within their errors, and \
                             going on would fit noise."
                .into()
        }
        "objective" => "The objective no longer fell by more than the tolerance.".into(),
        "step" => "The steps became too short to matter: the line search found no lower objective.".into(),
        "gradient" => "The gradient of the objective vanished: this is a minimum.".into(),
        "interrupted" => "It was interrupted by the user.".into(),
        other => format!("The run names “{}” as the reason.", escape(other)),
    };
    let after = match done {
        0 => String::new(),
        1 => " after 1 iteration".into(),
        n => format!(" after {n} iterations"),
    };
    format!("<strong>Why it stopped{after}:</strong> {sentence}")
}

/// What the misfits mean, in words.
fn judgement(summary: &Summary, run: &Run, target: f64) -> String {
    let judge = |key: &str| {
        let ratio = summary.number(key)?.mean / target;
        let words = match ratio {
            r if r < 0.5 => "fits the data more closely than their errors warrant",
            r if r <= 1.5 => "fits the data to within their errors",
            r if r <= 5.0 => "fits the data, but worse than their errors allow",
            _ => "does not fit the data to within their errors",
        };
        Some(format!("{words} (residuals of {}\u{a0}σ on the whole)", rounded(ratio.sqrt())))
    };
    let Some(smooth) = judge("misfit.parameterized") else { return String::new() };
    let model = judge("misfit.model").filter(|_| run.has_model_step());
    let model = model.map(|m| format!(" The model u, which looks as the geology does, {m}.")).unwrap_or_default();
    let counted = summary.number("misfit.counted").map_or_else(String::new, |counted| {
        format!(
            " With what the basis cannot describe counted among the errors of the data, as the inversion did, the misfit of Φv \
             is {}\u{a0}× its target.",
            rounded(counted.mean / target)
        )
    });
    format!("<p>The parameterized model Φv {smooth}.{counted}{model}</p>")
}

/// What was asked: words, the survey over the model, the case.
fn asked(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for d in &run.data {
        *counts.entry(d.kind.as_str()).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(kind, n)| format!("{n} of kind “{}”", escape(&kind_words(&folder.case, kind)))).collect();
    let [sources, receivers, points] = maps.places;
    let mut survey =
        if counts.is_empty() { "<p>There are no data".into() } else { format!("<p>The data: {}", listed(&counts)) };
    let (drawn, rays) = maps.rays;
    if rays > 0 {
        survey += &format!(", along {rays} rays from {} sources to {} receivers", sources, receivers);
    }
    if points > 0 {
        survey += &format!(", at {} places", points);
    }
    survey += ".</p>";
    survey += &wells(run);
    let mut note = match folder.case.grid.is_2d() {
        true => String::new(),
        false => "Seen along the axis across the cut: what lies outside of the shown layer is pale.".to_owned(),
    };
    if drawn < rays {
        note += &format!(" {drawn} of the {rays} rays are drawn.");
    }
    let heading = match (run.data.is_empty(), run.wells.is_empty()) {
        (true, true) => "The resulting model u",
        (_, true) => "The survey over the resulting model u",
        (_, false) => "Wells and places of observation over the resulting model u",
    };
    let map = Map { survey: "always", large: true, note: &note, ..Map::of(heading, "model") };
    let mut rows = Vec::new();
    rows.extend(plain(&folder.summary, "prior.scenario").map(|t| ("Prior", t)));
    if let Some(survey) = folder.summary.get("survey") {
        rows.push(("Survey", value_text(survey)));
    }
    let sigma = (run.data.iter()).fold((f64::INFINITY, 0.0f64), |(l, h), d| (l.min(d.sigma), h.max(d.sigma)));
    let units: BTreeSet<&str> = run.data.iter().map(|d| d.unit.as_str()).collect();
    if units.len() == 1 {
        let unit = escape(&run.data[0].unit);
        let range =
            if sigma.0 == sigma.1 { number(sigma.0) } else { format!("{} to {}", number(sigma.0), number(sigma.1)) };
        rows.push(("Standard deviation of a datum", format!("{range} {unit}")));
    }
    let bar = property_bar(folder, maps);
    let key = survey_key(run, maps);
    let body = format!(
        "<div class=\"split\"><div>{}{survey}{}</div><div>{}{bar}{key}</div></div>",
        asked_words(&folder.case),
        asked_table(&folder.case, rows),
        map.figure()
    );
    section("asked", "What was asked", &body)
}

/// What the signs of the survey mean, those that occur.
fn survey_key(run: &Run, maps: &Maps) -> String {
    let [sources, receivers, points] = maps.places;
    let rate = |sign: f64| run.wells.iter().any(|w| w.control != "head" && sign * w.value > 0.0);
    let signs = [
        (sources > 0, "source", "source"),
        (receivers > 0, "receiver", "receiver"),
        (maps.rays.1 > 0, "ray", "ray"),
        (points > 0, "point", "place of observation"),
        (rate(1.0), "well pumping", "pumping well"),
        (rate(-1.0), "well injecting", "injecting well"),
        (run.wells.iter().any(|w| w.control == "head"), "well held", "well held at a head"),
    ];
    let keys = signs.iter().filter(|s| s.0).map(|(_, class, name)| format!("<li class=\"key {class}\">{name}</li>"));
    let keys: String = keys.collect();
    if keys.is_empty() { keys } else { format!("<ul class=\"legend survey-key\">{keys}</ul>") }
}

/// The wells in words.
fn wells(run: &Run) -> String {
    const NAMED: usize = 6;
    let mut names: Vec<&str> = Vec::new();
    let mut said = Vec::new();
    for cell in run.wells.iter() {
        if names.contains(&cell.name.as_str()) {
            continue;
        }
        names.push(&cell.name);
        let layers = run.wells.iter().filter(|w| w.name == cell.name).count();
        let (name, value, unit) = (escape(&cell.name), number(cell.value.abs()), escape(&cell.unit));
        let held = match cell.control.as_str() {
            "rate" if cell.value < 0.0 => format!("injects {value} {unit}"),
            "schedule" => format!("pumps by a schedule, at most {value} {unit}"),
            "rate" => format!("pumps {value} {unit}"),
            _ => format!("is held at a head of {} {unit}", number(cell.value)),
        };
        let through = if layers > 1 { format!(" through {layers} layers") } else { String::new() };
        said.push(format!("{name} {held}{through}"));
    }
    let more = said.len().saturating_sub(NAMED);
    said.truncate(NAMED);
    said.extend((more > 0).then(|| format!("{more} more")));
    match names.len() {
        0 => String::new(),
        1 => format!("<p>One well: {}.</p>", listed(&said)),
        n => format!("<p>{n} wells: {}.</p>", listed(&said)),
    }
}

/// Reference, Φv and u by iteration, and their errors.
fn models(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let (frame, names) = if run.iterations.is_some() {
        (Frame::Iteration, ["iterations_parameterized", "iterations_model"])
    } else {
        (Frame::Fixed(0), ["parameterized", "model"])
    };
    let follow = |heading, field| Map { frame, ..Map::of(heading, field) };
    let mut panels = String::new();
    if run.reference.is_some() {
        panels += &Map::of("Reference (the truth)", "reference").figure();
    }
    panels += &follow("Parameterized model Φv", names[0]).figure();
    if run.has_model_step() {
        panels += &follow("Model u (in the feasible set)", names[1]).figure();
    }
    let mut errors = String::new();
    if let Some(scale) = maps.error {
        let error = |heading, field| Map {
            minus: Some("reference"),
            palette: Palette::Error,
            survey: "never",
            ..follow(heading, field)
        };
        let label = format!("estimate − reference, {}", property_label(&folder.case, &folder.summary));
        let of_model = if run.has_model_step() { error("Error of u", names[1]).figure() } else { String::new() };
        errors = format!(
            "<h3>Error maps</h3><div class=\"maps\"><div><p>Estimate minus reference: blue where the estimate is too \
             low, red where \
             it is too high, white where it is right.</p>{}</div>{}{of_model}</div>",
            colour_bar(Palette::Error, scale, &label, true),
            error("Error of Φv", names[0]).figure(),
        );
    }
    let words = if run.has_model_step() {
        "Φv is what the coefficients v of the basis can describe; u is the model nearest to it that looks as the \
         prior's geology does."
    } else {
        "Φv is what the coefficients v of the basis can describe (with the basis' mean added); it is the model u as \
         well here."
    };
    let beyond =
        if folder.case.facies.is_empty() { "" } else { "; Φv may leave it, and takes the colour of its ends there" };
    let body = format!(
        "<p>{words} All maps of the property share one colour scale{beyond}. Point at a map to read its values.</p>\
         {}<div class=\"maps\">{panels}</div>{}{errors}",
        controls(folder, run, maps),
        property_bar(folder, maps)
    );
    section("models", "The models, iteration by iteration", &body)
}

/// Maps of the case's variants, and what the summaries say of them.
fn variants(folder: &Folder, run: &Run, maps: &Maps) -> String {
    if run.variants.is_empty() {
        return String::new();
    }
    let mut panels = run.reference.as_ref().map(|_| Map::of("Reference (the truth)", "reference").figure());
    let panels = panels.get_or_insert_default();
    if !folder.variants.is_empty() {
        *panels += &Map::of("The case itself", "model").figure();
    }
    let with_facies = run.variants.iter().any(|variant| variant.facies.is_some());
    for (k, variant) in run.variants.iter().enumerate() {
        let note = variant.mismatch.map(|m| format!("{} of the cells in the wrong facies", percent(m)));
        let note = note.unwrap_or_default();
        *panels += &Map { frame: Frame::Fixed(k), note: &note, ..Map::of(&variant.name, "variants") }.figure();
        if with_facies {
            let heading = format!("{}: facies", variant.name);
            *panels += &Map { frame: Frame::Fixed(k), ..Map::of(&heading, "variant_facies") }.figure();
            if maps.error.is_some() {
                let heading = format!("{}: facies − reference", variant.name);
                let (minus, palette, survey) = (Some("reference"), Palette::Error, "never");
                let frame = Frame::Fixed(k);
                *panels += &Map { frame, minus, palette, survey, ..Map::of(&heading, "variant_facies") }.figure();
            }
        }
    }
    let tables = super::object_table(folder.summary.list("variants")) + &super::variants_table(folder);
    let layer = super::controls_around(&layer_control(&folder.case, "variants"));
    let body = format!("{tables}{layer}<div class=\"maps\">{panels}</div>{}", property_bar(folder, maps));
    section("variants", "The variants", &body)
}

/// The sliders. They follow the reader through the section.
fn controls(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let mut inside = String::new();
    if run.iterations.is_some() {
        let (last, total) = (maps.shown.len() - 1, run.iterations.as_ref().map_or(0, |k| k.shape()[0]));
        let some = if maps.shown.len() < total {
            format!(" ({} of {total} are kept in this page)", maps.shown.len())
        } else {
            String::new()
        };
        inside += &format!(
            "<div class=\"control\"><button type=\"button\" id=\"play\" aria-pressed=\"false\">▶ Play</button>\
             <label for=\"iteration\">Iteration{some}</label><input type=\"range\" id=\"iteration\" min=\"0\" \
             max=\"{last}\" \
             value=\"{last}\" step=\"1\"><output for=\"iteration\" id=\"iteration-text\"></output></div>"
        );
    }
    let nz = folder.case.grid.cells[2];
    if nz > 1 {
        inside += "<div class=\"control\"><label for=\"cut\">Cut</label><select id=\"cut\"><option value=\"2\">map \
                   x–y</option><option value=\"1\">section x–z</option><option value=\"0\">section \
                   y–z</option></select></div>";
        inside += &layer_control(&folder.case, "models");
    }
    if maps.rays.1 > 0 {
        inside += "<div class=\"control\"><label><input type=\"checkbox\" id=\"rays\"> Rays</label></div>";
    } else if maps.places[2] > 0 || !run.wells.is_empty() {
        inside += "<div class=\"control\"><label><input type=\"checkbox\" id=\"rays\"> Wells and places</label></div>";
    }
    if inside.is_empty() {
        return String::new();
    }
    format!(
        "<noscript><p>The maps need JavaScript; nothing is loaded from elsewhere.</p></noscript>\
         <div class=\"controls\" role=\"group\" aria-label=\"What the maps show\">{inside}<span class=\"hint\">keys: \
         ← → iteration, \
         space play{}</span></div>",
        if nz > 1 { ", [ ] layer" } else { "" }
    )
}

/// Prior mean and facies probability.
fn prior(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let (mut words, mut panels, mut bars) = (String::new(), String::new(), String::new());
    if run.prior_mean.is_some() {
        words += "<p>The mean of the prior's realizations is what was known without the data, and where the \
                  inversion started.</p>";
        panels += &Map::of("Prior mean", "prior_mean").figure();
        bars += &property_bar(folder, maps);
    }
    if let Some(probability) = &run.probability {
        words += "<p>The probability of a facies is its share of the votes of the patterns matched in a cell: near 0 \
                  or 1 the patterns \
                  agree, near one half they do not. It is no posterior probability.</p>";
        for k in 0..probability.shape()[0] {
            let heading = format!("Probability of {}", folder.case.facies_name(k));
            let map = Map { frame: Frame::Fixed(k), palette: Palette::Probability, ..Map::of(&heading, "probability") };
            panels += &map.figure();
        }
        bars += &colour_bar(Palette::Probability, [0.0, 1.0], "probability [–]", false);
    }
    if panels.is_empty() {
        return panels;
    }
    let layer = super::controls_around(&layer_control(&folder.case, "prior"));
    let body = format!("{words}{layer}<div class=\"maps\">{panels}</div><div class=\"bars\">{bars}</div>");
    section("prior", "Prior and certainty", &body)
}

/// Errors against the reference.
fn numbers(folder: &Folder, errors: &[(&str, Value)]) -> String {
    if errors.is_empty() {
        return String::new();
    }
    let body = format!("<h3>Errors against the reference</h3>{}", errors_html(errors, &folder.case));
    section("numbers", "The numbers", &body)
}

/// Table of e1, e2, RMSE and facies mismatch of each estimate.
pub(super) fn errors_html(errors: &[(&str, Value)], case: &Case) -> String {
    let label = escape(&case.label());
    let unit = if label.is_empty() { String::new() } else { format!(" [{label}]") };
    let squared = if label.is_empty() { String::new() } else { format!(" [({label})²]") };
    let header = [
        "Estimate û".into(),
        format!("e1 = mean (u − û)²{squared}"),
        format!("e2 = mean |u − û|{unit}"),
        format!("RMSE{unit}"),
        "facies mismatch".into(),
    ];
    let empty = JsonMap::new();
    let row = |(name, value): &(&str, Value)| {
        let map = value.as_object().unwrap_or(&empty);
        let cell = |key: &str| map.get(key).and_then(Number::of);
        let numbers = ["e1", "e2", "rmse"].map(|key| cell(key).map_or("—".into(), |n| measured(&n)));
        let mismatch = cell("facies_mismatch").map_or("—".into(), |n| percent_measured(&n));
        std::iter::once((*name).to_owned()).chain(numbers).chain([mismatch]).collect::<Vec<String>>()
    };
    table(&header, &errors.iter().map(row).collect::<Vec<_>>())
}

fn glossary(run: &Run) -> String {
    let mut terms = vec![
        (
            "u",
            "the model: a member of the feasible set, which holds what patterns of the prior's realizations can be \
             put together to",
        ),
        (
            "v, Φv",
            "coefficients, and the parameterized model that they make in the basis Φ (with its mean added); smoother \
             than u",
        ),
        ("r", "whitened residual, (observed − predicted) / σ of the datum"),
        (
            "misfit",
            "‖r‖², the sum of the squared whitened residuals; about the number of data where the errors explain them",
        ),
        ("λ_f", "weight that ties Φv to u; chosen by the program as the largest that still lets Φv fit the data"),
        ("facies mismatch", "share of cells whose nearest facies is not that of the reference"),
        ("prior mean", "mean of the prior's realizations, before any of the data is used"),
    ];
    if run.history.iter().any(|h| h.lambda_g.is_some()) {
        terms.push(("λ_g", "weight of the penalty that empties whole groups of coefficients: here, scenarios"));
    }
    if run.scenarios.len() > 1 {
        terms.extend(SCENARIO_TERMS);
        if run.scenarios.iter().any(|s| s.log_synthetic_likelihood.is_some()) {
            terms.extend(SIMULATED_TERMS);
        }
    }
    if run.heads.is_some() {
        terms.push(("head", "level to which water would rise, in metres; the drawdown is how far pumping lowers it"));
    }
    let items: String = terms.iter().map(|(t, d)| format!("<dt>{t}</dt><dd>{d}</dd>")).collect();
    section("words", "Words and symbols", &format!("<dl class=\"glossary\">{items}</dl>"))
}

const SIMULATED_TERMS: [(&str, &str); 3] = [
    (
        "synthetic likelihood",
        "density of the data among those that the forward model makes of a scenario's realizations; how much it is worth is \
         measured on simulations that were left out",
    ),
    (
        "recall",
        "share of the simulations of a scenario, left out a fifth at a time, that are found most probable under it",
    ),
    ("typicality", "share of the simulations of a scenario that are less likely under it than the data"),
];

const SCENARIO_TERMS: [(&str, &str); 6] = [
    ("scenario", "one idea of the geology, as an ensemble of realizations; each has a block of columns of the basis"),
    ("‖vᵢ‖", "size of the coefficients of scenario i: how much of it the joint inversion uses"),
    ("contribution", "‖Φᵢvᵢ‖² / Σ ‖Φⱼvⱼ‖², what scenario i adds to the model; the blocks overlap"),
    (
        "evidence",
        "probability of the data under a scenario, over all its models (Laplace's approximation); its logarithm is in the \
         table",
    ),
    ("kₑ", "effective number of parameters: how many coefficients the data determine"),
    ("AIC, AICc, BIC, KIC", "criteria that weigh misfit against kₑ; less is better"),
];
