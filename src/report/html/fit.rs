//! How the data are fitted: crossplots by kind of datum, whitened residuals, and what they amount to.

use std::collections::BTreeMap;

use ndarray::Array1;

use super::single::target;
use super::{section, table};
use crate::report::data::{Case, Datum, Folder, Run};
use crate::report::figures::{Axis, Chart, number};

/// Beyond so many data, only some are drawn in a crossplot.
const DRAWN_DATA: usize = 2500;

/// Crossplots, whitened residuals, and what they amount to.
pub(super) fn fit(folder: &Folder, run: &Run) -> String {
    let (case, summary) = (&folder.case, &folder.summary);
    if run.data.is_empty() {
        return String::new();
    }
    let mut charts = String::new();
    let mut groups: BTreeMap<(&str, &str), Vec<&Datum>> = BTreeMap::new();
    for d in &run.data {
        groups.entry((d.kind.as_str(), d.unit.as_str())).or_default().push(d);
    }
    for ((kind, unit), data) in &groups {
        let kind = super::kind_words(case, kind);
        charts += &crossplot(&kind, unit, data, ("Φv", "a", |d| d.predicted_parameterized));
        if run.has_model_step() {
            charts += &crossplot(&kind, unit, data, ("u", "b", |d| d.predicted_model));
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
    let by_kind = if groups.len() > 1 { kinds_table(case, run, &groups) } else { String::new() };
    let body = format!(
        "<p>Residuals are whitened: r = (observed − predicted) / σ, so that they follow the normal distribution N(0, \
         1) where the \
         model explains the data. The misfit ‖r‖² is then about the number of data, which is its target.</p>\
         {}{by_kind}<div class=\"charts\">{charts}</div>",
        table(&header, &rows)
    );
    section("fit", "How the data are fitted", &body)
}

/// How each kind of datum is fitted: errors in its unit, and its part of the misfit a datum.
fn kinds_table(case: &Case, run: &Run, groups: &BTreeMap<(&str, &str), Vec<&Datum>>) -> String {
    let models: &[Predicted<'_>] = &[("Φv", "a", |d| d.predicted_parameterized), ("u", "b", |d| d.predicted_model)];
    let models = &models[..if run.has_model_step() { 2 } else { 1 }];
    let mut header = vec!["kind of datum".to_owned(), "number".into()];
    for (name, ..) in models {
        header.extend([
            format!("RMSE of {name}"),
            format!("largest error of {name}"),
            format!("‖r‖² a datum of {name}"),
        ]);
    }
    let rows: Vec<Vec<String>> = (groups.iter())
        .map(|((kind, unit), data)| {
            let count = data.len() as f64;
            let mut row = vec![super::escape(&super::kind_words(case, kind)), data.len().to_string()];
            for (_, _, predicted) in models {
                let mean = |f: &dyn Fn(&Datum) -> f64| data.iter().map(|d| f(d)).sum::<f64>() / count;
                let rmse = mean(&|d| (d.observed - predicted(d)).powi(2)).sqrt();
                let largest = data.iter().map(|d| (d.observed - predicted(d)).abs()).fold(0.0, f64::max);
                let unit = super::escape(unit);
                row.extend([format!("{} {unit}", number(rmse)), format!("{} {unit}", number(largest))]);
                row.push(number(mean(&|d| ((d.observed - predicted(d)) / d.sigma).powi(2))));
            }
            row
        })
        .collect();
    table(&header, &rows)
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
