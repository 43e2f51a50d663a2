//! The report of repeated runs: means with their intervals, every run's value, thumbnails.

use serde_json::Value;

use super::scenarios::{most_probable, true_scenarios};
use super::single::errors_html;
use super::{asked_table, asked_words, duration, listed, measured, percent, section, table};
use crate::report::colour::Palette;
use crate::report::data::scenarios::CRITERIA;
use crate::report::data::{Folder, Iteration, Number, Repeat, Run};
use crate::report::figures::{Axis, Chart, escape, number};
use crate::report::maps::{colour_bar, property_label, thumbnail};
use crate::report::metrics::wilson;

/// Body of the page.
pub(super) fn body(folder: &Folder) -> String {
    let asked = format!("{}{}", asked_words(&folder.case), asked_table(&folder.case, Vec::new()));
    let asked = section("asked", "What was asked", &asked);
    let variants = super::variants_table(folder);
    let variants = if variants.is_empty() { variants } else { section("variants", "The variants", &variants) };
    let sweep = super::sweep::section_of(folder);
    [outcome(folder), asked, hit_rates(folder), sweep, variants, spread(folder), runs(folder)].concat()
}

/// Key in the summary, name, and name at an axis.
const ESTIMATES: [(&str, &str, &str); 4] = [
    ("model", "Model u", "u"),
    ("parameterized", "Parameterized model Φv", "Φv"),
    ("prior_mean", "Prior mean", "prior mean"),
    ("best_achievable", "Best achievable in the basis", "best in Φ"),
];

/// Means with 95 % confidence intervals.
fn outcome(folder: &Folder) -> String {
    let summary = &folder.summary;
    let errors: Vec<(&str, Value)> = (ESTIMATES.iter())
        .filter_map(|(key, name, _)| Some((*name, summary.get(&format!("errors.{key}"))?.clone())))
        .collect();
    let n = folder.repeats.len();
    let mut body = format!(
        "<p>The case was run {n} times, each time with another reference and other noise. Numbers are means over the \
         runs; brackets \
         hold the 95 % confidence interval of the mean (Student's t).</p>"
    );
    if !errors.is_empty() {
        body += &format!("<h3>Errors against the references</h3>{}", errors_html(&errors, &folder.case));
    }
    let names = [
        ("Misfit ‖r‖² of the starting model", "misfit.initial"),
        ("Misfit ‖r‖² of Φv", "misfit.parameterized"),
        ("Misfit ‖r‖² of u", "misfit.model"),
        ("Target of the misfit", "misfit.target"),
        ("Iterations", "iterations"),
        ("Seconds for the prior", "seconds.prior"),
        ("Seconds for the basis", "seconds.basis"),
        ("Seconds for the inversion", "seconds.inversion"),
        ("Seconds in all", "seconds.total"),
    ];
    let rows: Vec<Vec<String>> = (names.iter())
        .filter_map(|(name, key)| {
            let value = summary.number(key)?;
            let ends = value.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            let ends =
                if value.values.is_empty() { ["—".into(), "—".into()] } else { [number(ends.0), number(ends.1)] };
            Some([vec![(*name).into(), measured(&value)], ends.into()].concat())
        })
        .collect();
    if !rows.is_empty() {
        let header = ["", "mean [95 % interval]", "least", "largest"].map(str::to_owned);
        body += &format!("<h3>Fit and time</h3>{}", table(&header, &rows));
    }
    body += &reasons(&folder.repeats);
    section("outcome", "The outcome", &body)
}

/// How many runs stopped for which reason.
fn reasons(repeats: &[Repeat]) -> String {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for word in repeats.iter().filter_map(|r| r.summary.text("stopped_because")) {
        *counts.entry(word).or_default() += 1;
    }
    let items: Vec<String> =
        counts.iter().map(|(word, n)| format!("{n} for “{}”", escape(&word.replace('_', " ")))).collect();
    if items.is_empty() { String::new() } else { format!("<p>Why the runs stopped: {}.</p>", listed(&items)) }
}

/// How often each criterion finds the scenario that the reference was drawn from; empty where that is not known.
fn hit_rates(folder: &Folder) -> String {
    let runs: Vec<_> = (folder.repeats.iter())
        .filter_map(|r| {
            // A reference of several scenarios has no right one.
            let truth = true_scenarios(&folder.case, &r.summary, &r.run.scenarios);
            (truth.len() == 1).then(|| (&r.run.scenarios, truth[0]))
        })
        .filter(|(scenarios, _)| scenarios.len() > 1)
        .collect();
    let mut rows = Vec::new();
    for criterion in &CRITERIA {
        let chosen: Vec<bool> = (runs.iter())
            .filter_map(|(scenarios, truth)| Some(scenarios[criterion.choice(scenarios)?].name == truth.name))
            .collect();
        // Where the truth stands among the scenarios, 1 the best.
        let rank = |(scenarios, truth): &(&Vec<_>, &crate::report::data::Scenario)| {
            let own = (criterion.value)(truth)?;
            let before = |v: f64| if criterion.least { v < own } else { v > own };
            Some(1 + scenarios.iter().filter_map(criterion.value).filter(|v| before(*v)).count())
        };
        let ranks: Vec<usize> = runs.iter().filter_map(rank).collect();
        if !chosen.is_empty() {
            rows.push(hit_row(criterion.name, &chosen, Some(&ranks)));
        }
    }
    // What the run itself knows beyond the table of scenarios, as the choice under another penalty.
    let own = folder.summary.get("hits").and_then(Value::as_object);
    for (name, value) in own.into_iter().flatten() {
        let name = super::words(name);
        let known = CRITERIA.iter().any(|c| c.name.eq_ignore_ascii_case(&name)) || name == "norm";
        if let Some(values) = Number::of(value).map(|n| n.values).filter(|v| !known && !v.is_empty()) {
            rows.push(hit_row(&name, &values.iter().map(|v| *v > 0.5).collect::<Vec<_>>(), None));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let header = ["chosen by", "hits", "hit rate [95 % interval]", "rank of the truth, worst", "mean"];
    let mut truths: Vec<String> = runs.iter().map(|(_, truth)| format!("“{}”", escape(&truth.name))).collect();
    truths.sort_unstable();
    truths.dedup();
    let log_score: Vec<f64> =
        runs.iter().filter_map(|(_, truth)| Some(truth.probability?.max(f64::MIN_POSITIVE).ln())).collect();
    let calibration = match log_score.len() {
        0 => String::new(),
        n => format!(
            "<p>Log score of the probabilities: the mean of ln p(true scenario) is {} (0 would be certainty that is always \
             right; guessing among {} gives {}).</p>",
            number(log_score.iter().sum::<f64>() / n as f64),
            runs[0].0.len(),
            number(-(runs[0].0.len() as f64).ln())
        ),
    };
    let drawn = match truths.len() {
        0 => String::new(),
        _ => format!("The references were drawn from {}. ", listed(&truths)),
    };
    let body = format!(
        "<p>{drawn}A criterion hits where it chooses the reference's own scenario; the \
         interval is Wilson's (1927).</p>{}{calibration}",
        table(&header.map(str::to_owned), &rows)
    );
    section("hits", "How often the right scenario is found", &body)
}

fn hit_row(name: &str, chosen: &[bool], ranks: Option<&[usize]>) -> Vec<String> {
    let hits = chosen.iter().filter(|hit| **hit).count();
    let [low, high] = wilson(hits, chosen.len());
    let interval = format!("<span class=\"interval\">[{}, {}]</span>", percent(low), percent(high));
    let rate = format!("{} {interval}", percent(hits as f64 / chosen.len() as f64));
    let ranks = ranks.filter(|r| !r.is_empty());
    let worst = ranks.and_then(|r| r.iter().max()).map_or("—".into(), usize::to_string);
    let mean = ranks.map_or("—".into(), |r| number(r.iter().sum::<usize>() as f64 / r.len() as f64));
    vec![name.into(), format!("{hits} of {}", chosen.len()), rate, worst, mean]
}

/// Every run's value: mismatch of the estimates, and the misfit by iteration.
fn spread(folder: &Folder) -> String {
    let mut charts = String::new();
    let mismatch = |key: &str| folder.summary.number(&format!("errors.{key}.facies_mismatch"));
    let values: Vec<(&str, Number)> =
        ESTIMATES.iter().filter_map(|(key, _, name)| Some((*name, mismatch(key)?))).collect();
    if !values.is_empty() {
        charts += &strips(&values);
    }
    let all: Vec<&Run> = folder.repeats.iter().map(|r| &r.run).collect();
    charts += &lines(&all, "Facies mismatch of u", ("cells in the wrong facies [%]", "b", false), |h| {
        Some(100.0 * h.mismatch_model?)
    });
    let misfit = "whitened misfit ‖r‖²";
    charts += &lines(&all, "Misfit of Φv", (misfit, "a", true), |h| Some(h.misfit_parameterized));
    charts += &lines(&all, "Misfit of u", (misfit, "b", true), |h| Some(h.misfit_model));
    section("spread", "The spread of the runs", &format!("<div class=\"charts\">{charts}</div>"))
}

/// Dots for the runs and a bar for the mean's interval, a row an estimate.
fn strips(values: &[(&str, Number)]) -> String {
    let rows = values.len() as f64;
    let all: Vec<f64> = values.iter().flat_map(|(_, n)| n.values.iter().chain([&n.mean])).map(|v| 100.0 * v).collect();
    let high = all.iter().copied().fold(0.0, f64::max);
    let x = Axis::linear("cells in the wrong facies [%]", 0.0, if high > 0.0 { 1.05 * high } else { 1.0 });
    let names = values.iter().enumerate().map(|(i, (name, _))| (-(i as f64), (*name).to_owned())).collect();
    let mut chart = Chart::new(x, Axis::named(0.5 - rows, 0.5, names));
    for (i, (name, n)) in values.iter().enumerate() {
        // The runs lie above, the mean below the row's line, so that neither hides the other.
        let (above, below) = (0.15 - i as f64, -0.15 - i as f64);
        let dots: Vec<_> = n.values.iter().map(|v| (100.0 * v, above, format!("{name}: {}", percent(*v)))).collect();
        chart.dots(&dots, "a faint", false, "");
        if let Some([low, high]) = n.ci95 {
            chart.line(&[(100.0 * low, below), (100.0 * high, below)], "b thick", "");
        }
        chart.dots(&[(100.0 * n.mean, below, format!("{name}, mean: {}", percent(n.mean)))], "b", true, "");
    }
    let note =
        "Dots: runs; square and bar: mean with its 95 % interval. Estimates are thresholded where they are smooth.";
    chart.figure(
        "Facies mismatch of every run",
        "Facies mismatch of each run for each estimate, with means and intervals",
        note,
    )
}

/// A line a run by iteration; `axis` is the label, the class, and whether it is logarithmic.
fn lines(runs: &[&Run], heading: &str, axis: (&str, &str, bool), value: fn(&Iteration) -> Option<f64>) -> String {
    let (label, class, log) = axis;
    let points = |run: &Run| -> Vec<(f64, f64)> {
        let all = run.history.iter().filter_map(|h| Some((f64::from(h.iteration), value(h)?)));
        all.filter(|p| p.1.is_finite() && (!log || p.1 > 0.0)).collect()
    };
    let series: Vec<_> = runs.iter().map(|run| points(run)).collect();
    let values = || series.iter().flatten().map(|p| p.1);
    if values().next().is_none() {
        return String::new();
    }
    let last = series.iter().flatten().map(|p| p.0).fold(1.0, f64::max);
    let y = if log {
        Axis::around(label, values(), true)
    } else {
        Axis::linear(label, 0.0, 1.08 * values().fold(0.0, f64::max))
    };
    let mut chart = Chart::new(Axis::linear("iteration", 0.6, last + 0.4), y);
    for points in &series {
        chart.line(points, &format!("{class} faint"), "");
    }
    chart.figure(&format!("{heading}, run by run"), &format!("{heading}: a line a run, by iteration"), "")
}

/// Thumbnails and numbers of each run.
fn runs(folder: &Folder) -> String {
    let scale = scale(folder);
    let picture = |field: &ndarray::Array3<f64>, name: &str| {
        let source = thumbnail(&folder.case, field.view(), scale, Palette::Property);
        format!("<div><img src=\"{source}\" alt=\"{name}\"><span>{name}</span></div>")
    };
    let card = |repeat: &Repeat| {
        let run = &repeat.run;
        let mut pictures = run.reference.as_ref().map(|r| picture(r, "reference")).unwrap_or_default();
        pictures += &picture(&run.parameterized, "Φv");
        pictures += &picture(&run.model, "u");
        let mut facts = Vec::new();
        facts.extend(repeat.summary.get("seed").map(|s| format!("seed {}", super::value_text(s))));
        let mismatch = repeat.summary.number("errors.model.facies_mismatch");
        facts.extend(mismatch.map(|m| format!("mismatch of u {}", percent(m.mean))));
        facts.extend(repeat.summary.number("misfit.model").map(|m| format!("misfit of u {}", number(m.mean))));
        let verdict = most_probable(&run.scenarios).filter(|_| run.scenarios.len() > 1);
        facts.extend(verdict.map(|(best, p)| format!("most probable: {} ({})", escape(&best.name), percent(p))));
        facts.extend(repeat.summary.number("seconds.total").map(|s| duration(s.mean)));
        let name = escape(&repeat.name);
        let linked = folder.path.join(&repeat.name).join(crate::report::FILE_NAME).exists();
        let heading = if linked { format!("<a href=\"{name}/report.html\">{name}</a>") } else { name };
        format!(
            "<article class=\"run\"><h3>{heading}</h3><div class=\"thumbnails\">{pictures}</div><p>{}</p></article>",
            facts.join(" · ")
        )
    };
    let cards: String = folder.repeats.iter().map(card).collect();
    let bar = colour_bar(Palette::Property, scale, &property_label(&folder.case, &folder.summary), true);
    let layer = if folder.case.grid.is_2d() { "" } else { " The pictures show the middle layer." };
    let up = match folder.case.grid.plane {
        crate::grid::Plane::Xy => "x to the right, y up",
        crate::grid::Plane::Xz => "x to the right, depth down",
    };
    let body = format!("<p>One colour scale for all runs; {up}.{layer}</p>{bar}<div class=\"runs\">{cards}</div>");
    section("runs", "The runs", &body)
}

/// One colour scale for all runs: the facies, or all models and references.
fn scale(folder: &Folder) -> [f64; 2] {
    let fields = folder.repeats.iter().flat_map(|r| [Some(&r.run.model), r.run.reference.as_ref()]);
    let values = fields.flatten().flat_map(|f| folder.case.active(f)).chain(&folder.case.facies);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if high > low { [low, high] } else { [low - 0.5, high + 0.5] }
}
