//! The report of a recovered signal: the coefficients by group, errors over methods and numbers of measurements, and
//! what the weight changes.

use ndarray::ArrayView1;

use super::{facts, listed, measured, percent, percent_measured, section, table};
use crate::report::data::signal::{Row, Run};
use crate::report::data::{Folder, Number, Signal};
use crate::report::figures::{Axis, Chart, escape, number};

/// Body of the page.
pub(super) fn body(folder: &Folder, signal: &Signal) -> String {
    let asked = section("asked", "What was asked", &asked(folder, signal));
    match &signal.run {
        Some(run) => [outcome(folder, signal), asked, recovered(signal, run), weights(signal, run)].concat(),
        None => [outcome(folder, signal), asked, runs(signal)].concat(),
    }
}

fn asked(folder: &Folder, signal: &Signal) -> String {
    let k = folder.case.grid.cells[0];
    let (groups, active) = (k / signal.group, numbers(&signal.active));
    let sigma = folder.case.get("signal.sigma").and_then(toml::Value::as_float).unwrap_or(f64::NAN);
    let described = |group: usize| match group {
        1 => "every entry by itself, the l1 norm".to_owned(),
        g if g == signal.group => format!("the {groups} true groups"),
        g => format!("{} groups of {g} consecutive entries", k / g),
    };
    let names: Vec<String> = signal.methods.iter().map(|(name, _)| escape(name)).collect();
    let methods = names.iter().zip(&signal.methods).map(|(name, (_, group))| (name.as_str(), described(*group)));
    let methods: Vec<(&str, String)> = methods.collect();
    let text = format!(
        "<p>The task: recover a signal v of {k} entries, in {groups} groups of {} consecutive ones, from m random \
         measurements d = Gv without noise, m = {}. Only the {} {} from zero. The entries of G and \
         those of the active groups are independent standard normal numbers; the first rows of one G serve the smaller m.</p>\
         <p>Every method minimizes ‖(d − Gv)/σ‖² + λ² Σ ‖v<sub>g</sub>‖ exactly, with its own groups. λ is the largest at \
         which the misfit is no more than m; since there is no noise, σ is set to {} of the root mean square of d.</p>\
         <h3>The groups of each method</h3>",
        signal.group,
        numbers(&signal.measurements),
        if signal.active.len() == 1 { format!("group {active}") } else { format!("groups {active}") },
        if signal.active.len() == 1 { "differs" } else { "differ" },
        percent(sigma),
    );
    let file = escape(&folder.case.text);
    format!("{text}{}<details><summary>The complete case file</summary><pre>{file}</pre></details>", facts(&methods))
}

/// `10, 20 and 40`.
fn numbers(values: &[usize]) -> String {
    listed(&values.iter().map(usize::to_string).collect::<Vec<_>>())
}

/// Errors by method and number of measurements, as tables and a chart.
fn outcome(folder: &Folder, signal: &Signal) -> String {
    let errors = folder.summary.get("errors");
    let of = |method: &str, m: usize, what: &str| Number::of(errors?.get(method)?.get(m.to_string())?.get(what)?);
    let matrix = |what: &str, text: fn(&Number) -> String| {
        let header = std::iter::once("measurements".to_owned());
        let header: Vec<String> = header.chain(signal.measurements.iter().map(usize::to_string)).collect();
        let least: Vec<Option<f64>> = (signal.measurements.iter())
            .map(|&m| signal.methods.iter().filter_map(|(method, _)| Some(of(method, m, what)?.mean)).reduce(f64::min))
            .collect();
        let cells = |(method, _): &(String, usize)| {
            let numbers = signal.measurements.iter().zip(&least).map(|(&m, least)| match of(method, m, what) {
                Some(n) if Some(n.mean) == *least => format!("<strong>{}</strong>", text(&n)),
                Some(n) => text(&n),
                None => "—".into(),
            });
            std::iter::once(escape(method)).chain(numbers).collect()
        };
        table(&header, &signal.methods.iter().map(cells).collect::<Vec<_>>())
    };
    let intro = match signal.repeats.len() {
        0 => "One signal was recovered".to_owned(),
        n => format!(
            "{n} signals were recovered, each with measurements of its own; numbers are means, brackets hold the 95 % \
             confidence interval of the mean (Student's t), also in the chart"
        ),
    };
    let body = format!(
        "<p>{intro}. The least of a column stands in bold.</p><h3>Error ‖v̂ − v‖/‖v‖</h3>{}{}\
         <h3>Groups told wrongly</h3><p>Fraction of the true groups that are selected and should not be, or are not and \
         should be. A group is selected if its norm is at least a tenth of the largest.</p>{}\
         <details><summary>Mean squared and mean absolute errors</summary><h3>e1 = mean (v − v̂)²</h3>{}\
         <h3>e2 = mean |v − v̂|</h3>{}<p>Of v̂ = 0 they are {} and {}.</p></details>",
        matrix("relative_error", measured),
        error_chart(signal, &|method, m| of(method, m, "relative_error")),
        matrix("group_mismatch", percent_measured),
        matrix("e1", measured),
        matrix("e2", measured),
        folder.summary.number("zero.e1").map_or("—".into(), |n| measured(&n)),
        folder.summary.number("zero.e2").map_or("—".into(), |n| measured(&n)),
    );
    section("outcome", "The outcome", &body)
}

fn error_chart(signal: &Signal, error: &dyn Fn(&str, usize) -> Option<Number>) -> String {
    let of = |method: &str| -> Vec<(f64, Number)> {
        signal.measurements.iter().filter_map(|&m| Some((m as f64, error(method, m)?))).collect()
    };
    let all: Vec<(f64, Number)> = signal.methods.iter().flat_map(|(method, _)| of(method)).collect();
    let most = all.iter().map(|(_, n)| n.ci95.map_or(n.mean, |ci| ci[1])).fold(1.0, f64::max);
    let x = Axis::around("measurements m", signal.measurements.iter().map(|&m| m as f64), false);
    let mut chart = Chart::new(x, Axis::linear("‖v̂ − v‖ / ‖v‖", 0.0, 1.05 * most)).wide();
    for (i, (method, _)) in signal.methods.iter().enumerate() {
        let (class, errors) = (format!("k k{i}"), of(method));
        chart.line(&errors.iter().map(|(m, n)| (*m, n.mean)).collect::<Vec<_>>(), &class, method);
        let bars: Vec<_> = errors.iter().filter_map(|(m, n)| Some([(*m, n.ci95?[0]), (*m, n.ci95?[1])])).collect();
        if !bars.is_empty() {
            chart.segments(&bars, &class, "");
        }
    }
    chart.figure(
        "Error against the number of measurements",
        "Relative error of each method by number of measurements",
        "",
    )
}

/// Stems of v and of every v̂.
fn recovered(signal: &Signal, run: &Run) -> String {
    let all = run.reference.iter().chain(&run.recovered);
    let (low, high) = all.fold((0.0f64, 0.0f64), |(low, high), v| (low.min(*v), high.max(*v)));
    let ends = [1.08 * low, 1.08 * high];
    let reference = stems(Chart::wide, signal, signal.group, ends, run.reference.view(), None);
    let reference = reference.figure("The signal v", "Stems of v", "");
    let rows: String = (signal.measurements.iter().enumerate())
        .map(|(j, &m)| {
            let charts: String = (signal.methods.iter().enumerate())
                .map(|(i, (name, group))| {
                    let v = run.recovered.slice(ndarray::s![i, j, ..]);
                    let row = run.row(i, j);
                    let note = format!("error {}; selected: {}", number(row.relative_error), selection(row));
                    let chart = stems(|chart| chart, signal, *group, ends, v, Some(run.reference.view()));
                    chart.figure(name, &format!("Stems of what {name} recovers from {m} measurements"), &note)
                })
                .collect();
            format!("<h3>{m} measurements</h3><div class=\"charts\">{charts}</div>")
        })
        .collect();
    let text = "<p>Every stem is an entry. Shades mark the active groups, faint dots the signal itself, dotted lines the \
                edges of the groups that a method takes.</p>";
    section("recovered", "The signal, and what is recovered of it", &format!("{text}{reference}{rows}"))
}

fn selection(row: &Row) -> String {
    match row.selected.split_whitespace().count() {
        0 => "no group".into(),
        1 => format!("group {}", row.selected),
        _ => format!("groups {}", row.selected.replace(' ', ", ")),
    }
}

fn stems(
    shape: fn(Chart) -> Chart,
    signal: &Signal,
    group: usize,
    ends: [f64; 2],
    v: ArrayView1<'_, f64>,
    behind: Option<ArrayView1<'_, f64>>,
) -> Chart {
    let k = v.len();
    let x = Axis::linear("entry", 0.5, k as f64 + 0.5);
    let mut chart = shape(Chart::new(x, Axis::linear("coefficient", ends[0], ends[1])).low());
    let edge = |entry: usize| entry as f64 + 0.5;
    for &g in &signal.active {
        chart.band(edge((g - 1) * signal.group), edge(g * signal.group), "", "");
    }
    if group > 1 {
        let edges: Vec<_> = (1..k / group).map(|g| edge(g * group)).map(|x| [(x, ends[0]), (x, ends[1])]).collect();
        chart.segments(&edges, "edges", "");
    }
    chart.level(0.0, "c", "");
    if let Some(behind) = behind {
        let dots: Vec<_> = points(behind).map(|(x, y)| (x, y, String::new())).collect();
        chart.dots(&dots, "observed faint", false, "");
    }
    let lines: Vec<_> = points(v).map(|(x, y)| [(x, 0.0), (x, y)]).collect();
    chart.segments(&lines, "k k0", "");
    chart
}

/// The entries that differ from zero, counted from 1.
fn points(v: ArrayView1<'_, f64>) -> impl Iterator<Item = (f64, f64)> {
    v.into_iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| (i as f64 + 1.0, *v))
}

/// What the weight changes: norms of the groups, misfit, error.
fn weights(signal: &Signal, run: &Run) -> String {
    let Some(by_weight) = &run.by_weight else { return String::new() };
    let lambdas: Vec<f64> = run.weights.iter().map(|row| row.lambda).collect();
    let axis = || Axis::around("weight λ", lambdas.iter().copied(), true);
    let norm = |v: ArrayView1<'_, f64>, g: usize| {
        let v = v.slice(ndarray::s![g * signal.group..(g + 1) * signal.group]);
        v.dot(&v).sqrt()
    };
    let groups = run.reference.len() / signal.group;
    let norms: Vec<Vec<f64>> =
        (0..groups).map(|g| by_weight.rows().into_iter().map(|row| norm(row, g)).collect()).collect();
    let most = norms.iter().flatten().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut by_group = Chart::new(axis(), Axis::linear("‖v̂_g‖", 0.0, 1.05 * most)).wide();
    let line = |values: &[f64]| lambdas.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
    // The active groups last, so that they lie above the others.
    let is_active = |g: &usize| signal.active.contains(&(g + 1));
    for (i, g) in (0..groups).filter(|g| !is_active(g)).enumerate() {
        by_group.line(&line(&norms[g]), "c faint", if i == 0 { "other groups" } else { "" });
    }
    for (i, g) in (0..groups).filter(is_active).enumerate() {
        by_group.line(&line(&norms[g]), &format!("k k{i}"), &format!("group {}", g + 1));
    }
    let column = |value: fn(&Row) -> f64| run.weights.iter().map(value).collect::<Vec<f64>>();
    let single = |label: &str, values: Vec<f64>, log: bool, heading: &str| {
        let mut chart = Chart::new(axis(), Axis::around(label, values.iter().copied(), log));
        chart.line(&line(&values), "a", "");
        chart.figure(heading, heading, "")
    };
    let charts = [
        single("misfit ‖r‖²", column(|row| row.misfit.max(1e-12)), true, "Data match against the weight"),
        single("‖v̂ − v‖ / ‖v‖", column(|row| row.relative_error), false, "Error against the weight"),
    ];
    let figure = by_group.figure("Norm of each group against the weight", "Norms of the groups by weight", "");
    let limit = "<p>As λ vanishes, the result tends to that of least Σ‖v<sub>g</sub>‖ which meets the data. Where λ is less \
                 than 10⁻⁵ of that which leaves no group, the two are the same but for rounding, and the limit is shown.</p>";
    let charts = charts.concat();
    let body = format!("{limit}{}{figure}<div class=\"charts\">{charts}</div>", selections(&run.weights));
    section("weights", "What the weight changes", &body)
}

/// Which groups are selected from which weight to which.
fn selections(rows: &[Row]) -> String {
    let header = ["weight λ", "decades", "selected"].map(str::to_owned);
    let runs = rows.chunk_by(|a, b| a.selected == b.selected).map(|run| {
        let (first, last) = (run[0].lambda, run[run.len() - 1].lambda);
        vec![
            format!("{} to {}", number(first), number(last)),
            format!("{:.1}", (last / first).log10()),
            selection(&run[0]),
        ]
    });
    format!("<h3>Selected groups by weight</h3>{}", table(&header, &runs.collect::<Vec<_>>()))
}

/// Links to the reports of repeated runs.
fn runs(signal: &Signal) -> String {
    let links: Vec<String> =
        (signal.repeats.iter()).map(|name| format!("<a href=\"{0}/report.html\">{0}</a>", escape(name))).collect();
    section("runs", "The runs", &format!("<p>Each has a report of its own: {}.</p>", listed(&links)))
}
