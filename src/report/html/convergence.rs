//! How an inversion converged: misfits, weights, trade-off curves, the history.

use serde_json::Value;

use super::single::{error_of, target};
use super::{section, table};
use crate::report::data::{Candidate, Folder, Iteration, Run};
use crate::report::figures::{Axis, Chart, number};

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
pub(super) fn convergence(folder: &Folder, run: &Run, errors: &[(&str, Value)]) -> String {
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
    let mut parameters: Vec<Option<&str>> = run.tradeoff.iter().map(|c| c.parameter.as_deref()).collect();
    parameters.sort_unstable();
    parameters.dedup();
    for parameter in parameters {
        charts += &tradeoff(run, parameter);
    }
    let changes: [Series<'_>; 2] = [("change of v", "a", |h| h.change_v), ("change of u", "b", |h| h.change_u)];
    if let Some(chart) = by_iteration(run, "change against the iteration before", true, &changes[..shown], &[]) {
        charts +=
            &chart.figure("Change from iteration to iteration", "Norms of the changes of v and of u by iteration", "");
    }
    let weights: [Series<'_>; 3] = [
        ("λ_f, pull towards u", "a", |h| h.lambda_f),
        ("λ, penalty on v", "b", |h| h.lambda),
        ("λ_g, penalty on the groups", "k k2", |h| h.lambda_g),
    ];
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
fn tradeoff(run: &Run, parameter: Option<&str>) -> String {
    let (penalty, of) = match parameter {
        None => ("penalty ‖Φv − u‖²", ""),
        Some("lambda_f") => ("penalty ‖Φv − u‖²", ", λ_f"),
        Some("lambda_g") => ("penalty of the groups Σ ‖Kᵢvᵢ‖", ", λ_g"),
        Some("lambda") => ("penalty Σ v_j²/σ_j²", ", λ"),
        Some(_) => ("penalty", ""),
    };
    let tried: Vec<&Candidate> = run.tradeoff.iter().filter(|c| c.parameter.as_deref() == parameter).collect();
    let Some(last) = tried.iter().map(|c| c.iteration).max() else { return String::new() };
    let positive = |c: &&&Candidate| c.penalty > 0.0 && c.misfit > 0.0;
    let log = tried.iter().filter(positive).count() == tried.len();
    let x = Axis::around(penalty, tried.iter().map(|c| c.penalty), log);
    let mut chart = Chart::new(x, Axis::around("whitened misfit ‖r‖²", tried.iter().map(|c| c.misfit), log));
    for iteration in 1..=last {
        let mut all: Vec<_> = tried.iter().filter(|c| c.iteration == iteration).collect();
        all.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        let shown = if iteration == last { "curve-of now" } else { "curve-of" };
        chart.group(&format!("class=\"{shown}\" data-iteration=\"{iteration}\""), |chart| {
            let text = |c: &Candidate| format!("iteration {iteration}, weight {}", number(c.weight));
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
    chart.figure(
        &format!("Trade-off of the weight{of}"),
        "Misfit against penalty for the weights tried in each iteration",
        note,
    )
}

fn history_table(run: &Run) -> String {
    type Column = (&'static str, fn(&Iteration) -> Option<f64>);
    let columns: [Column; 16] = [
        ("rank", |h| h.rank),
        ("objective", |h| h.objective),
        ("misfit of Φv", |h| Some(h.misfit_parameterized)),
        ("misfit of u", |h| Some(h.misfit_model)),
        ("coupling", |h| h.coupling),
        ("penalty", |h| h.regularization),
        ("λ_f", |h| h.lambda_f),
        ("λ", |h| h.lambda),
        ("λ_g", |h| h.lambda_g),
        ("penalty of the groups", |h| h.group_penalty),
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
