//! The report of one run, from what was asked to the last table.

use std::collections::BTreeMap;

use ndarray::Array1;
use serde_json::{Map as JsonMap, Value};

use super::{
    asked_table, asked_words, duration, listed, measured, percent, percent_measured, plain, section, table, value_text,
    words,
};
use crate::report::colour::Palette;
use crate::report::data::{Case, Datum, Folder, Iteration, Number, Run, Summary, TextTable};
use crate::report::figures::{Axis, Chart, escape, number};
use crate::report::maps::{Map, Maps, colour_bar, property_label};
use crate::report::metrics::Errors;

/// Beyond so many data, only some are drawn in a crossplot.
const DRAWN_DATA: usize = 2500;

/// Body of the page and the payload of its script.
pub(super) fn body(folder: &Folder, run: &Run) -> (String, Value) {
    let maps = Maps::new(&folder.case, run);
    let errors = error_table(folder, run);
    let sections = [
        outcome(folder, run, &errors),
        asked(folder, run, &maps),
        models(folder, run, &maps),
        variants(folder, run, &maps),
        prior(folder, run, &maps),
        fit(run, &folder.summary),
        convergence(folder, run, &errors),
        numbers(folder, run, &errors),
        glossary(),
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

fn error_of(errors: &[(&str, Value)], name: &str, kind: &str) -> Option<Number> {
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
        tile("RMSE of u", format!("{} {}", number(rmse.mean), escape(&folder.case.unit)), note);
    }
    if let Some(total) = summary.number("seconds.total") {
        tile("Time in all", duration(total.mean), plain(summary, "device").unwrap_or_default());
    }
    let why = summary.text("stopped_because").map(|word| format!("<p class=\"why\">{}</p>", why_stopped(word, run)));
    let kept = run.chosen_iteration().filter(|k| *k < run.history.len());
    let kept = kept.map(|k| format!("<p>The result is the model of iteration {k}, not that of the last one.</p>"));
    let body = format!(
        "<dl class=\"tiles\">{tiles}</dl>{}{}{}",
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
fn target(summary: &Summary, run: &Run) -> f64 {
    summary.number("misfit.target").map(|t| t.mean).filter(|t| *t > 0.0).unwrap_or(run.data.len() as f64)
}

/// Why the run stopped, a sentence for each documented word.
pub(super) fn why_stopped(word: &str, run: &Run) -> String {
    let done = run.history.len();
    let sentence = match word {
        "iterations" => format!("It ran all of the {done} iterations that the case asks for."),
        "stagnation" => "The models no longer changed from one iteration to the next.".into(),
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
    format!("<p>The parameterized model Φv {smooth}.{model}</p>")
}

/// What was asked: words, the survey over the model, the case.
fn asked(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for d in &run.data {
        *counts.entry(d.kind.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(kind, n)| format!("{n} of kind “{}”", words(kind))).collect();
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
    let mut note =
        if folder.case.grid.is_2d() { String::new() } else { "Seen along the axis across the cut.".to_owned() };
    if drawn < rays {
        note += &format!(" {drawn} of the {rays} rays are drawn.");
    }
    let heading = if run.data.is_empty() { "The resulting model u" } else { "The survey over the resulting model u" };
    let map = Map { survey: "always", large: true, note: &note, ..Map::of(heading, "model") };
    let mut rows = Vec::new();
    rows.extend(plain(&folder.summary, "prior.scenario").map(|t| ("Prior", t)));
    if let Some(survey) = folder.summary.get("survey") {
        rows.push(("Survey", value_text(survey)));
    }
    let sigma = (run.data.iter()).fold((f64::INFINITY, 0.0f64), |(l, h), d| (l.min(d.sigma), h.max(d.sigma)));
    let units: std::collections::BTreeSet<&str> = run.data.iter().map(|d| d.unit.as_str()).collect();
    if units.len() == 1 {
        let unit = escape(&run.data[0].unit);
        let range =
            if sigma.0 == sigma.1 { number(sigma.0) } else { format!("{} to {}", number(sigma.0), number(sigma.1)) };
        rows.push(("Standard deviation of a datum", format!("{range} {unit}")));
    }
    let bar = property_bar(folder, maps);
    let key = if run.data.is_empty() { "" } else { SURVEY_KEY };
    let body = format!(
        "<div class=\"split\"><div>{}{survey}{}</div><div>{}{bar}{key}</div></div>",
        asked_words(&folder.case),
        asked_table(&folder.case, rows),
        map.figure()
    );
    section("asked", "What was asked", &body)
}

const SURVEY_KEY: &str = "<ul class=\"legend survey-key\"><li class=\"key source\">source</li><li class=\"key \
    receiver\">receiver</li>\
    <li class=\"key ray\">ray</li></ul>";

fn property_bar(folder: &Folder, maps: &Maps) -> String {
    colour_bar(
        Palette::Property,
        maps.property,
        &property_label(&folder.case, &folder.summary),
        !folder.case.facies.is_empty(),
    )
}

/// Reference, Φv and u by iteration, and their errors.
fn models(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let (frame, names) = if run.iterations.is_some() {
        (None, ["iterations_parameterized", "iterations_model"])
    } else {
        (Some(0), ["parameterized", "model"])
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

/// Maps of the case's variants, and what the summary says of them.
fn variants(folder: &Folder, run: &Run, maps: &Maps) -> String {
    let Some(stack) = &run.variants else { return String::new() };
    let said = folder.summary.list("variants");
    let name = |k: usize| {
        let case = folder.case.get("mapping.variant").and_then(|v| v.get(k)?.get("name")?.as_str());
        let name = case.or_else(|| said.get(k)?.get("name")?.as_str());
        name.map_or_else(|| format!("variant {}", k + 1), str::to_owned)
    };
    let panels: String =
        (0..stack.shape()[0]).map(|k| Map { frame: Some(k), ..Map::of(&name(k), "variants") }.figure()).collect();
    let table = super::object_table(said);
    let body = format!("{table}<div class=\"maps\">{panels}</div>{}", property_bar(folder, maps));
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
    let [nx, ny, nz] = folder.case.grid.cells;
    if nz > 1 {
        inside += &format!(
            "<div class=\"control\"><label for=\"cut\">Cut</label><select id=\"cut\"><option value=\"2\">map \
             x–y</option>\
             <option value=\"1\">section x–z</option><option value=\"0\">section y–z</option></select>\
             <label for=\"layer\">Layer</label><input type=\"range\" id=\"layer\" min=\"0\" max=\"{}\" value=\"{}\" \
             step=\"1\" \
             data-counts=\"{nx},{ny},{nz}\"><output for=\"layer\" id=\"layer-text\"></output></div>",
            nz - 1,
            nz / 2
        );
    }
    if maps.rays.1 > 0 {
        inside += "<div class=\"control\"><label><input type=\"checkbox\" id=\"rays\"> Rays</label></div>";
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
            let map = Map { frame: Some(k), palette: Palette::Probability, ..Map::of(&heading, "probability") };
            panels += &map.figure();
        }
        bars += &colour_bar(Palette::Probability, [0.0, 1.0], "probability [–]", false);
    }
    if panels.is_empty() {
        return panels;
    }
    let body = format!("{words}<div class=\"maps\">{panels}</div><div class=\"bars\">{bars}</div>");
    section("prior", "Prior and certainty", &body)
}

/// Crossplots, whitened residuals, and what they amount to.
fn fit(run: &Run, summary: &Summary) -> String {
    if run.data.is_empty() {
        return String::new();
    }
    let mut charts = String::new();
    let mut groups: BTreeMap<(&str, &str), Vec<&Datum>> = BTreeMap::new();
    for d in &run.data {
        groups.entry((d.kind.as_str(), d.unit.as_str())).or_default().push(d);
    }
    for ((kind, unit), data) in &groups {
        charts += &crossplot(kind, unit, data, ("Φv", "a", |d| d.predicted_parameterized));
        if run.has_model_step() {
            charts += &crossplot(kind, unit, data, ("u", "b", |d| d.predicted_model));
        }
    }
    let mut residuals = vec![("Φv", "a", run.whitened(|d| d.predicted_parameterized))];
    if run.has_model_step() {
        residuals.push(("u", "b", run.whitened(|d| d.predicted_model)));
    }
    for (name, class, r) in &residuals {
        charts += &histogram(name, class, r);
    }
    let header = ["", "‖r‖²", "‖r‖² / target", "mean of r", "standard deviation of r", "largest |r|"];
    let header: Vec<String> = header.iter().map(|h| (*h).into()).collect();
    let target = target(summary, run);
    let rows: Vec<Vec<String>> = (residuals.iter())
        .map(|(name, _, r)| {
            let sum = r.dot(r);
            let largest = r.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let (mean, deviation) = moments(r);
            let numbers = [sum, sum / target, mean, deviation, largest];
            std::iter::once(format!("of {name}")).chain(numbers.map(number)).collect()
        })
        .collect();
    let body = format!(
        "<p>Residuals are whitened: r = (observed − predicted) / σ, so that they follow the normal distribution N(0, \
         1) where the \
         model explains the data. The misfit ‖r‖² is then about the number of data, which is its target.</p>\
         {}<div class=\"charts\">{charts}</div>",
        table(&header, &rows)
    );
    section("fit", "How the data are fitted", &body)
}

fn moments(r: &Array1<f64>) -> (f64, f64) {
    let n = r.len() as f64;
    let mean = r.sum() / n;
    (mean, (r.mapv(|v| (v - mean).powi(2)).sum() / n).sqrt())
}

/// A model in the charts of the fit: its name, its class, what it predicts.
type Predicted<'a> = (&'a str, &'a str, fn(&Datum) -> f64);

/// Predicted against observed data of one kind; both models have the same axes.
fn crossplot(kind: &str, unit: &str, data: &[&Datum], (name, class, predicted): Predicted<'_>) -> String {
    let every = data.len().div_ceil(DRAWN_DATA);
    let kind = kind.replace('_', " ");
    let axis = |what: &str| {
        let all = data.iter().flat_map(|d| [d.observed, d.predicted_parameterized, d.predicted_model]);
        Axis::around(&format!("{what} {kind} [{unit}]"), all, false)
    };
    let mut chart = Chart::new(axis("observed"), axis("predicted"));
    chart.diagonal("rule c", "observed = predicted");
    let point = |d: &&Datum| {
        let text = format!("{}: observed {}, predicted {} {unit}", d.id, number(d.observed), number(predicted(d)));
        (d.observed, predicted(d), text)
    };
    let points: Vec<_> = data.iter().step_by(every).map(point).collect();
    chart.dots(&points, class, class == "b", &format!("predicted by {name}"));
    let note = if every > 1 { format!("One in {every} of the {} data is drawn.", data.len()) } else { String::new() };
    let heading = format!("Observed {kind} and what {name} predicts");
    chart.figure(&heading, &format!("{heading}: {} data, against the line of equality", data.len()), &note)
}

fn histogram(name: &str, class: &str, r: &Array1<f64>) -> String {
    let limit = r.iter().fold(4.0f64, |m, v| m.max(v.abs() * 1.02));
    let bins = (2.0 * (r.len() as f64).sqrt()).clamp(12.0, 60.0) as usize / 2 * 2;
    let width = 2.0 * limit / bins as f64;
    let edges: Vec<f64> = (0..=bins).map(|i| -limit + i as f64 * width).collect();
    let mut density = vec![0.0; bins];
    for v in r {
        density[(((v + limit) / width) as usize).min(bins - 1)] += 1.0 / (r.len() as f64 * width);
    }
    let normal = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let top = density.iter().copied().fold(normal(0.0), f64::max) * 1.06;
    let x = Axis::linear("whitened residual r [σ]", -limit, limit);
    let mut chart = Chart::new(x, Axis::linear("density [1/σ]", 0.0, top));
    chart.bars(&edges, &density, class, &format!("residuals of {name}"));
    let curve: Vec<(f64, f64)> =
        (0..=200).map(|i| -limit + f64::from(i) * limit / 100.0).map(|x| (x, normal(x))).collect();
    chart.line(&curve, "curve", "N(0, 1)");
    let (mean, deviation) = moments(r);
    let note = format!("mean {}, standard deviation {}", number(mean), number(deviation));
    chart.figure(
        &format!("Whitened residuals of {name}"),
        &format!("Histogram of {} whitened residuals of {name}: {note}", r.len()),
        &note,
    )
}

/// A line of the history in a chart: its name, its class, its value.
type Series<'a> = (&'a str, &'a str, fn(&Iteration) -> Option<f64>);

/// Chart of columns of the history against the iteration; `None` where all of them are empty.
fn by_iteration(run: &Run, label: &str, log: bool, series: &[Series<'_>], more: &[(f64, &str)]) -> Option<Chart> {
    let points = |value: &fn(&Iteration) -> Option<f64>| -> Vec<(f64, f64)> {
        let all = run.history.iter().filter_map(|h| Some((f64::from(h.iteration), value(h)?)));
        all.filter(|p| p.1.is_finite() && (!log || p.1 > 0.0)).collect()
    };
    let lines: Vec<_> = series.iter().map(|(name, class, value)| (name, class, points(value))).collect();
    let all: Vec<f64> = lines.iter().flat_map(|(_, _, p)| p.iter().map(|p| p.1)).collect();
    if all.is_empty() {
        return None;
    }
    let last = run.history.iter().map(|h| h.iteration).max().unwrap_or(1);
    let y = if log {
        Axis::around(label, all.into_iter().chain(more.iter().map(|m| m.0)), true)
    } else {
        let high = all.into_iter().chain(more.iter().map(|m| m.0)).fold(0.0, f64::max);
        Axis::linear(label, 0.0, if high > 0.0 { 1.08 * high } else { 1.0 })
    };
    let mut chart = Chart::new(Axis::linear("iteration", 0.6, f64::from(last) + 0.4), y);
    for ((level, name), class) in more.iter().zip(["c", "c dotted"]) {
        chart.level(*level, class, name);
    }
    for (name, class, points) in lines.into_iter().filter(|l| !l.2.is_empty()) {
        chart.line(&points, class, name);
        let dots: Vec<_> =
            points.iter().map(|&(x, y)| (x, y, format!("iteration {x}: {name} {}", number(y)))).collect();
        chart.dots(&dots, class, *class == "b", "");
    }
    chart.iteration_cursor();
    Some(chart)
}

/// Misfit, mismatch, changes, weights and trade-off by iteration, and the table of them.
fn convergence(folder: &Folder, run: &Run, errors: &[(&str, Value)]) -> String {
    if run.history.is_empty() {
        return String::new();
    }
    // The second series of a chart is that of u.
    let shown = if run.has_model_step() { 2 } else { 1 };
    let mut charts = String::new();
    let target = target(&folder.summary, run);
    let mut levels = vec![(target, "target")];
    levels.extend(
        folder.summary.number("misfit.initial").filter(|m| m.mean > 0.0).map(|m| (m.mean, "of the starting model")),
    );
    let misfits: [Series<'_>; 2] =
        [("misfit of Φv", "a", |h| Some(h.misfit_parameterized)), ("misfit of u", "b", |h| Some(h.misfit_model))];
    if let Some(chart) = by_iteration(run, "whitened misfit ‖r‖²", true, &misfits[..shown], &levels) {
        charts += &chart.figure("Misfit", "Whitened misfit of Φv and of u by iteration, with its target", "");
    }
    let prior = error_of(errors, "Prior mean", "facies_mismatch");
    let prior: Vec<_> = prior.iter().map(|p| (100.0 * p.mean, "thresholded prior mean")).collect();
    let mismatches: [Series<'_>; 2] = [
        ("Φv, thresholded", "a", |h| h.mismatch_parameterized.map(|m| 100.0 * m)),
        ("u", "b", |h| h.mismatch_model.map(|m| 100.0 * m)),
    ];
    if let Some(chart) = by_iteration(run, "cells in the wrong facies [%]", false, &mismatches[..shown], &prior) {
        charts += &chart.figure(
            "Facies mismatch against the reference",
            "Share of cells in the wrong facies by iteration",
            "",
        );
    }
    charts += &tradeoff(run);
    let changes: [Series<'_>; 2] = [("change of v", "a", |h| h.change_v), ("change of u", "b", |h| h.change_u)];
    if let Some(chart) = by_iteration(run, "change against the iteration before", true, &changes[..shown], &[]) {
        charts +=
            &chart.figure("Change from iteration to iteration", "Norms of the changes of v and of u by iteration", "");
    }
    let weights: [Series<'_>; 2] =
        [("λ_f, pull towards u", "a", |h| h.lambda_f), ("λ, penalty on v", "b", |h| h.lambda)];
    if let Some(chart) = by_iteration(run, "weight", true, &weights, &[]) {
        charts += &chart.figure("Weights", "The weights chosen by iteration", "");
    }
    if let Some(chart) = by_iteration(run, "columns of Φ in use", false, &[("rank", "a", |h| h.rank)], &[]) {
        charts += &chart.figure("Rank of the basis", "Number of columns of the basis in use by iteration", "");
    }
    let body = format!(
        "<div class=\"charts\">{charts}</div><details><summary>The history as a table</summary>{}</details>",
        history_table(run)
    );
    section("convergence", "How it converged", &body)
}

/// Misfit against the weighed penalty for every weight that was tried; the page highlights the iteration it shows.
fn tradeoff(run: &Run) -> String {
    let tried = &run.tradeoff;
    let Some(last) = tried.iter().map(|c| c.iteration).max() else { return String::new() };
    let positive = |c: &&crate::report::data::Candidate| c.penalty > 0.0 && c.misfit > 0.0;
    let log = tried.iter().filter(positive).count() == tried.len();
    let x = Axis::around("penalty ‖Φv − u‖²", tried.iter().map(|c| c.penalty), log);
    let mut chart = Chart::new(x, Axis::around("whitened misfit ‖r‖²", tried.iter().map(|c| c.misfit), log));
    for iteration in 1..=last {
        let mut all: Vec<_> = tried.iter().filter(|c| c.iteration == iteration).collect();
        all.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        let shown = if iteration == last { "curve-of now" } else { "curve-of" };
        chart.group(&format!("class=\"{shown}\" data-iteration=\"{iteration}\""), |chart| {
            let text =
                |c: &crate::report::data::Candidate| format!("iteration {iteration}, weight {}", number(c.weight));
            let points: Vec<_> = all.iter().map(|c| (c.penalty, c.misfit)).collect();
            chart.line(&points, "a", "");
            let dots = |chosen: bool| -> Vec<_> {
                let kept = all.iter().filter(|c| (c.chosen != 0) == chosen);
                kept.map(|c| (c.penalty, c.misfit, text(c))).collect()
            };
            chart.dots(&dots(false), "a", false, if iteration == last { "weight that was tried" } else { "" });
            chart.dots(&dots(true), "b", true, if iteration == last { "weight that was chosen" } else { "" });
        });
    }
    let note = "The curve of the iteration that the slider shows is drawn in full; the others are faint.";
    chart.figure("Trade-off of the weight", "Misfit against penalty for the weights tried in each iteration", note)
}

fn history_table(run: &Run) -> String {
    type Column = (&'static str, fn(&Iteration) -> Option<f64>);
    let columns: [Column; 14] = [
        ("rank", |h| h.rank),
        ("objective", |h| h.objective),
        ("misfit of Φv", |h| Some(h.misfit_parameterized)),
        ("misfit of u", |h| Some(h.misfit_model)),
        ("coupling", |h| h.coupling),
        ("penalty", |h| h.regularization),
        ("λ_f", |h| h.lambda_f),
        ("λ", |h| h.lambda),
        ("step length", |h| h.step_length),
        ("change of v", |h| h.change_v),
        ("change of u", |h| h.change_u),
        ("mismatch of Φv", |h| h.mismatch_parameterized),
        ("mismatch of u", |h| h.mismatch_model),
        ("seconds", |h| h.seconds),
    ];
    let used: Vec<&Column> =
        columns.iter().filter(|(_, value)| run.history.iter().any(|h| value(h).is_some())).collect();
    let header = std::iter::once("iteration".into()).chain(used.iter().map(|c| c.0.into())).collect::<Vec<String>>();
    let row = |h: &Iteration| {
        let cells = used.iter().map(|(_, value)| value(h).map_or("—".into(), number));
        std::iter::once(h.iteration.to_string()).chain(cells).collect()
    };
    table(&header, &run.history.iter().map(row).collect::<Vec<_>>())
}

/// Errors against the reference, and the table of scenarios.
fn numbers(folder: &Folder, run: &Run, errors: &[(&str, Value)]) -> String {
    let mut body = String::new();
    if !errors.is_empty() {
        body += "<h3>Errors against the reference</h3>";
        body += &errors_html(errors, &folder.case);
    }
    if let Some(TextTable { header, rows }) = &run.scenarios
        && !rows.is_empty()
    {
        let header: Vec<String> = header.iter().map(|h| words(h)).collect();
        let cell = |text: &String| text.parse::<f64>().map_or_else(|_| escape(text), number);
        let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(cell).collect()).collect();
        body += &format!("<h3>Scenarios</h3>{}", table(&header, &rows));
    }
    if body.is_empty() { body } else { section("numbers", "The numbers", &body) }
}

/// Table of e1, e2, RMSE and facies mismatch of each estimate.
pub(super) fn errors_html(errors: &[(&str, Value)], case: &Case) -> String {
    let unit = if case.unit.is_empty() { String::new() } else { format!(" [{}]", escape(&case.unit)) };
    let squared = if case.unit.is_empty() { String::new() } else { format!(" [({})²]", escape(&case.unit)) };
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

fn glossary() -> String {
    let terms = [
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
    let items: String = terms.iter().map(|(t, d)| format!("<dt>{t}</dt><dd>{d}</dd>")).collect();
    section("words", "Words and symbols", &format!("<dl class=\"glossary\">{items}</dl>"))
}
