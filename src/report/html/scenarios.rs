//! What the data say of the scenarios: a verdict in words, its table, the shares by iteration, the coefficients, and
//! where each scenario is at work.

use super::{listed, percent, section, table};
use crate::inversion::{ACTIVE_SHARE, EVIDENCE_POWER, is_likely};
use crate::report::colour::{NO_CATEGORY, Palette, category};
use crate::report::data::scenarios::{CRITERIA, none_fits};
use crate::report::data::{Case, Run, Scenario, Summary};
use crate::report::figures::{Axis, Chart, escape, number};
use crate::report::maps::Map;

/// So many scenarios have a colour and a name in the chart of shares.
const NAMED: usize = 6;

/// The section; empty for one scenario.
pub(super) fn section_of(summary: &Summary, run: &Run) -> String {
    if run.scenarios.len() < 2 {
        return String::new();
    }
    let body = [
        "<h3>The verdict in numbers</h3>".into(),
        verdict_table(summary, &run.scenarios),
        shares(run),
        coefficients(run),
        map(run),
    ];
    section("scenarios", "Which scenarios the data support", &body.concat())
}

fn quoted(scenario: &Scenario) -> String {
    format!("“{}”", escape(&scenario.name))
}

/// The scenario with the largest probability, with the probability.
pub(super) fn most_probable(scenarios: &[Scenario]) -> Option<(&Scenario, f64)> {
    let known = scenarios.iter().filter_map(|s| Some((s, s.probability?)));
    known.reduce(|best, now| if now.1 > best.1 { now } else { best })
}

/// The verdict in words, with the warning where no scenario fits; `target` is the number of data.
pub(super) fn verdict(case: &Case, summary: &Summary, scenarios: &[Scenario], target: f64) -> String {
    let Some((best, probability)) = most_probable(scenarios) else { return warning(scenarios, target) };
    let strength = match probability {
        p if p >= 0.99 => "decisively",
        p if p >= 0.9 => "strongly",
        p if p >= 0.6 => "more than the others",
        _ => "most, but without certainty",
    };
    let others = scenarios.iter().filter(|s| s.name != best.name).filter_map(|s| Some((s, s.probability?)));
    let next = others.reduce(|best, now| if now.1 > best.1 { now } else { best });
    let next = match next {
        Some((next, p)) if p >= 0.0005 => format!("; next comes {} with {}", quoted(next), percent(p)),
        _ => "; none of the others reaches 0.1 %".into(),
    };
    let mut text = format!(
        "<p class=\"verdict\">The data support the scenario <strong>{}</strong> {strength}: its probability is \
         <strong>{}</strong>{next}.",
        quoted(best),
        percent(probability)
    );
    let differing: Vec<String> = CRITERIA
        .iter()
        .filter_map(|criterion| {
            let choice = &scenarios[criterion.choice(scenarios)?];
            (choice.name != best.name).then(|| format!("by {} it would be {}", criterion.name, quoted(choice)))
        })
        .collect();
    text += &match differing.is_empty() {
        true => " Every criterion of the table below agrees.".to_owned(),
        false => format!(" Not all criteria agree: {}.", listed(&differing)),
    };
    let recall: Option<Vec<f64>> = scenarios.iter().map(|s| s.recall).collect();
    if let Some(recall) = recall {
        let mean = recall.iter().sum::<f64>() / recall.len() as f64;
        text += &format!(" Of simulated data like these the synthetic likelihood names {:.0} % rightly.", 100.0 * mean);
    }
    let truth = true_scenarios(case, summary, scenarios);
    let names: Vec<String> = truth.iter().map(|s| quoted(s)).collect();
    let found = truth.iter().any(|s| s.name == best.name);
    text += &match (truth.len(), found) {
        (0, _) => String::new(),
        (1, true) => format!(" The reference was drawn from {}: the verdict is right.", names[0]),
        (1, false) => format!(" The reference was drawn from {}: the verdict is wrong.", names[0]),
        (_, true) => format!(" The reference is made of {}: the verdict names one of them.", listed(&names)),
        (_, false) => format!(" The reference is made of {}: the verdict names none of them.", listed(&names)),
    };
    format!("{text}</p>{}", warning(scenarios, target))
}

/// The scenarios of the table that the reference was drawn from: those that the summary names, else that of the case.
pub(super) fn true_scenarios<'a>(case: &Case, summary: &Summary, scenarios: &'a [Scenario]) -> Vec<&'a Scenario> {
    let mut names: Vec<&str> = summary.list("reference_scenarios").iter().filter_map(|name| name.as_str()).collect();
    if names.is_empty() {
        names.extend(case.get("reference.scenario").and_then(|name| name.as_str()));
    }
    names.into_iter().filter_map(|name| scenarios.iter().find(|s| s.name == name)).collect()
}

/// Where most scenarios are at work at once: also whether the most probable agrees with the data by itself, which its
/// probability, a comparison with the others, does not tell.
fn warning(scenarios: &[Scenario], target: f64) -> String {
    let Some(at_work) = none_fits(scenarios) else { return String::new() };
    let best = most_probable(scenarios).map(|(best, _)| (quoted(best), best.chi_squared));
    let alone = match best {
        None => String::new(),
        Some((_, None)) => {
            " The probabilities above compare the scenarios with each other: they do not tell whether one fits.".into()
        }
        Some((best, Some(chi_squared))) if is_likely(chi_squared, target) => format!(
            " By itself {best} agrees with the data (χ² is {chi_squared:.0} for {target:.0} of them): they may not tell the \
             scenarios apart."
        ),
        Some((best, Some(chi_squared))) => {
            format!(" By itself even {best} disagrees with the data: χ² is {chi_squared:.0} for {target:.0} of them.")
        }
    };
    format!(
        "<p class=\"caution\" role=\"alert\"><strong>No scenario fits the whole model.</strong> {at_work} of the {} \
         scenarios have coefficients of more than {:.0} % of the largest ‖vᵢ‖: the model is patched together from most of \
         them, and none carries it. The geology may be none of those that were offered.{alone}</p>",
        scenarios.len(),
        100.0 * ACTIVE_SHARE,
    )
}

/// A column of the verdict's table: heading, value, how it is written, and whether the least or largest is marked.
type Column = (&'static str, fn(&Scenario) -> Option<f64>, fn(f64) -> String, Option<bool>);

fn verdict_table(summary: &Summary, scenarios: &[Scenario]) -> String {
    const COLUMNS: [Column; 15] = [
        ("probability", |s| s.probability, percent, Some(false)),
        ("ln evidence", |s| s.log_evidence, fixed, Some(false)),
        ("ln synthetic likelihood", |s| s.log_synthetic_likelihood, fixed, Some(false)),
        ("recall", |s| s.recall, percent, None),
        ("typicality", |s| s.typicality, percent, None),
        ("kₑ", |s| s.k_e, fixed, None),
        ("AIC", |s| s.aic, fixed, Some(true)),
        ("AICc", |s| s.aicc, fixed, Some(true)),
        ("BIC", |s| s.bic, fixed, Some(true)),
        ("KIC", |s| s.kic, fixed, Some(true)),
        ("χ²", |s| s.chi_squared, fixed, None),
        ("‖vᵢ‖", |s| s.norm, number, Some(false)),
        ("contribution", |s| s.contribution, percent, Some(false)),
        ("energy kept", |s| s.energy, percent, None),
        ("in the learning set", |s| s.is_active().map(f64::from), yes, None),
    ];
    let used: Vec<&Column> = COLUMNS.iter().filter(|c| scenarios.iter().any(|s| c.1(s).is_some())).collect();
    let best = |column: &Column, s: &Scenario| {
        let values = scenarios.iter().filter_map(column.1);
        let end = match column.3 {
            Some(true) => values.fold(f64::INFINITY, f64::min),
            Some(false) => values.fold(f64::NEG_INFINITY, f64::max),
            None => return false,
        };
        column.1(s) == Some(end)
    };
    // The most probable first, then in the order of the case.
    let mut order: Vec<&Scenario> = scenarios.iter().collect();
    order.sort_by(|a, b| b.probability.unwrap_or(0.0).total_cmp(&a.probability.unwrap_or(0.0)));
    let rows: Vec<Vec<String>> = (order.iter())
        .map(|s| {
            let cell = |column: &&Column| match column.1(s) {
                Some(value) if best(column, s) => format!("<strong>{}</strong>", column.2(value)),
                Some(value) => column.2(value),
                None => if column.0 == "AICc" { "undefined" } else { "—" }.into(),
            };
            std::iter::once(escape(&s.name)).chain(used.iter().map(cell)).collect()
        })
        .collect();
    let header: Vec<String> = std::iter::once("scenario").chain(used.iter().map(|c| c.0)).map(str::to_owned).collect();
    let simulated = match scenarios.iter().any(|s| s.log_synthetic_likelihood.is_some()) {
        false => "",
        true => {
            " The synthetic likelihood is the density of the data among those that the forward model makes of a scenario’s \
             realizations, up to a constant that all share. Recall is the share of these simulations, left out a fifth at a \
             time, that are found most probable under it: what data like these can tell. Typicality is the share of them \
             that are less likely under it than the data: next to none where the data look like none of them."
        }
    };
    let by = match summary.text("judged_by") {
        Some("synthetic-likelihood") => "synthetic likelihood".to_owned(),
        _ => format!("evidence, raised to the power {EVIDENCE_POWER} (to the letter it is too sure of channels),"),
    };
    format!(
        "{}<p class=\"note\">Each scenario is inverted by itself; the probabilities follow from the {by} with \
         all scenarios equally likely beforehand.{simulated} The best of a column stands in bold: the least criterion, the \
         largest of the rest. AICc is undefined where there are not more data than effective parameters kₑ + 1. χ² is the squared \
         distance of the data from what a scenario predicts of them, in units of their covariance under it: about their \
         number where the scenario is right and its fields are Gaussian.</p>",
        table(&header, &rows)
    )
}

fn fixed(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}").replace('-', "−") } else { "—".into() }
}

fn yes(value: f64) -> String {
    if value == 0.0 { "no" } else { "yes" }.into()
}

/// Bars of ‖vᵢ‖ and of the contribution for the iteration that the slider shows, and lines over all iterations.
fn shares(run: &Run) -> String {
    let largest = run.scenarios.iter().filter_map(|s| s.norm).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |kind: &str, part: Option<f64>, text: String| {
        format!(
            "<td class=\"share {kind}\"><i style=\"width:{:.1}%\"></i><b>{text}</b></td>",
            100.0 * part.unwrap_or(0.0).clamp(0.0, 1.0)
        )
    };
    let row = |s: &Scenario| {
        let passive = if s.is_active() == Some(false) { " class=\"passive\"" } else { "" };
        format!(
            "<tr{passive}><th scope=\"row\">{}</th>{}{}</tr>",
            escape(&s.name),
            bar("norm", s.norm.map(|n| n / largest), s.norm.map_or("—".into(), number)),
            bar("contribution", s.contribution, s.contribution.map_or("—".into(), percent))
        )
    };
    let when = match run.shares.iter().map(|s| s.iteration).max() {
        Some(last) => format!(
            "<p>Shares of the scenarios after iteration <output id=\"shares-iteration\">{last}</output> (the slider of \
             the models moves them):</p>"
        ),
        None => "<p>Shares of the scenarios in the result:</p>".into(),
    };
    let rows: String = run.scenarios.iter().map(row).collect();
    let bars = format!(
        "{when}<div class=\"scroll\"><table class=\"shares\" id=\"shares\"><thead><tr><th scope=\"col\">scenario</th>\
         <th scope=\"col\">‖vᵢ‖, size of its coefficients</th><th scope=\"col\">contribution, its part of \
         Σ ‖Φⱼvⱼ‖²</th></tr></thead><tbody>{rows}</tbody></table></div><p class=\"note\">Pale rows are not in the \
         learning set of the feasible model. The blocks of the basis are not orthogonal to each other: a contribution is a \
         share, no partition.</p>"
    );
    let charts = [lines(run, "‖vᵢ‖", |s| s.norm), lines(run, "contribution [%]", |s| 100.0 * s.contribution)];
    format!("<h3>The scenarios’ shares by iteration</h3>{bars}<div class=\"charts\">{}</div>", charts.concat())
}

/// A line a scenario; those with the largest values at the end have colours and names.
fn lines(run: &Run, label: &str, value: fn(&crate::report::data::Share) -> f64) -> String {
    let series: Vec<Vec<(f64, f64)>> = (run.scenarios.iter())
        .map(|scenario| {
            let own = run.shares.iter().filter(|s| s.scenario == scenario.name);
            own.map(|s| (f64::from(s.iteration), value(s))).filter(|p| p.1.is_finite()).collect()
        })
        .collect();
    let last = series.iter().flatten().map(|p| p.0).fold(0.0, f64::max);
    if last < 2.0 {
        return String::new();
    }
    let high = series.iter().flatten().map(|p| p.1).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut order: Vec<usize> = (0..series.len()).collect();
    let end = |i: usize| series[i].last().map_or(0.0, |p| p.1);
    order.sort_by(|&a, &b| end(b).total_cmp(&end(a)));
    // What never had any share is not named.
    let named = order.iter().take(NAMED).filter(|&&i| series[i].iter().any(|p| p.1 > 0.0)).count();
    let mut chart = Chart::new(Axis::linear("iteration", 0.6, last + 0.4), Axis::linear(label, 0.0, 1.06 * high));
    for (place, &i) in order.iter().enumerate().rev() {
        if place >= named {
            chart.line(&series[i], "c faint", if place == named { "other scenarios" } else { "" });
        }
    }
    for &i in order.iter().take(named) {
        chart.line(&series[i], &format!("k k{}", i % 30), &run.scenarios[i].name);
    }
    chart.iteration_cursor();
    let what = label.split(" [").next().unwrap_or(label);
    chart.figure(&format!("{what} of the scenarios"), &format!("{what} of {} scenarios by iteration", series.len()), "")
}

/// Stems of the coefficients, a group a scenario.
fn coefficients(run: &Run) -> String {
    let Some(v) = &run.coefficients else { return String::new() };
    // A scenario that was not selected has no columns.
    let columns: Vec<usize> = run.scenarios.iter().map(|s| s.columns.unwrap_or(0)).collect();
    if columns.iter().sum::<usize>() != v.len() {
        return String::new();
    }
    let largest = v.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    let x = Axis::linear("number of the coefficient, scenario after scenario", 0.0, v.len() as f64 + 1.0);
    let mut chart = Chart::new(x, Axis::linear("coefficient vⱼ", -1.08 * largest, 1.08 * largest)).wide();
    let mut first = 0;
    for (i, (scenario, &count)) in run.scenarios.iter().zip(&columns).enumerate() {
        if i % 2 == 1 {
            chart.band(first as f64 + 0.5, (first + count) as f64 + 0.5, "", "");
        }
        let stem = |j: usize| [((j + 1) as f64, 0.0), ((j + 1) as f64, v[j])];
        let stems: Vec<_> = (first..first + count).filter(|&j| v[j] != 0.0).map(stem).collect();
        let label = if count > 0 { format!("{} ({count})", scenario.name) } else { String::new() };
        chart.segments(&stems, &format!("k k{}", i % 30), &label);
        first += count;
    }
    chart.level(0.0, "c", "");
    let note = "Behind a scenario's name: how many columns its block of the basis has. A group that the penalty emptied has \
                no stems.";
    let figure =
        chart.figure("Coefficients by group", &format!("{} coefficients in {} groups", v.len(), columns.len()), note);
    format!("<h3>The coefficients</h3>{figure}")
}

/// Where each scenario is at work.
fn map(run: &Run) -> String {
    let Some(map) = &run.scenario_map else { return String::new() };
    let mut cells = vec![0usize; 256];
    map.iter().for_each(|&code| cells[code as usize & 255] += 1);
    let share = |code: usize| percent(cells[code] as f64 / map.len() as f64);
    let key = |code: usize, name: &str| {
        let [r, g, b] = category(code as u8);
        format!(
            "<li class=\"key bar\" style=\"--c:#{r:02x}{g:02x}{b:02x}\">{}: {} of the cells</li>",
            escape(name),
            share(code)
        )
    };
    let present = |(code, _): &(usize, &Scenario)| cells[*code] > 0;
    let mut keys: Vec<_> = run.scenarios.iter().enumerate().filter(present).collect();
    keys.sort_by_key(|(code, _)| std::cmp::Reverse(cells[*code]));
    let mut legend: String = keys.iter().map(|(code, scenario)| key(*code, &scenario.name)).collect();
    if cells[usize::from(NO_CATEGORY)] > 0 {
        legend += &key(usize::from(NO_CATEGORY), "no scenario");
    }
    let (words, heading) = match run.probability.is_some() {
        true => (
            "A cell shows the scenario whose realizations gave most of the patterns that vote in it.",
            "Scenario with the most votes in each cell",
        ),
        false => ("A cell shows the scenario that has the largest share in it.", "Scenario that rules in each cell"),
    };
    let figure = Map { palette: Palette::Category, ..Map::of(heading, "scenario") };
    format!(
        "<h3>Where each scenario is at work</h3><p>{}</p><div class=\"maps\">{}<ul class=\"legend column\">{legend}</ul></div>",
        words,
        figure.figure()
    )
}
