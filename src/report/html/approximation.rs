//! The report of a case that approximates references by the basis of each scenario and inverts nothing.

use super::{asked_table, asked_words, object_table, section, table};
use crate::report::data::{Approximated, Folder};
use crate::report::figures::{Axis, Chart, escape, number};

/// So many scenarios have a colour and a name in a chart.
const NAMED: usize = 12;

/// Body of the page.
pub(super) fn body(folder: &Folder) -> String {
    let asked = format!("{}{}", asked_words(&folder.case), asked_table(&folder.case, Vec::new()));
    let rows = &folder.approximation;
    [outcome(folder), section("asked", "What was asked", &asked), ranks(rows), errors(rows)].concat()
}

/// How often the reference's own scenario came first.
fn outcome(folder: &Folder) -> String {
    let references = folder.approximation.iter().map(|row| row.reference).max().unwrap_or(0);
    let body = format!(
        "<p>{references} references were approximated by the basis of every scenario by itself. Where the scenarios can be \
         told apart, the reference's own scenario comes nearest at its rank (<em>least RMSE</em>), and comes equally near \
         with the smallest coefficients (<em>least norm</em>). Shares of the references for which that holds:</p>{}",
        object_table(folder.summary.list("scores"))
    );
    section("outcome", "The outcome", &body)
}

fn distinct<T: PartialEq + Clone>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut out = Vec::new();
    values.for_each(|value| {
        if !out.contains(&value) {
            out.push(value)
        }
    });
    out
}

/// Columns that each scenario needs for each energy.
fn ranks(rows: &[Approximated]) -> String {
    let scenarios = distinct(rows.iter().map(|row| row.scenario.as_str()));
    let energies = distinct(rows.iter().map(|row| row.energy));
    let first = rows.first().map_or(0, |row| row.reference);
    let rank = |scenario: &str, energy: f64| {
        let same = |row: &&Approximated| row.reference == first && row.scenario == scenario && row.energy == energy;
        rows.iter().find(same).map(|row| row.rank)
    };
    let header: Vec<String> = std::iter::once("columns for an energy of".to_owned())
        .chain(energies.iter().map(|e| super::percent(*e)))
        .collect();
    let cells = |scenario: &&str| {
        let ranks = energies.iter().map(|&e| rank(scenario, e).map_or("—".into(), |r| r.to_string()));
        std::iter::once(escape(scenario)).chain(ranks).collect()
    };
    let table = table(&header, &scenarios.iter().map(cells).collect::<Vec<_>>());
    let most = rows.iter().map(|row| row.rank).max().unwrap_or(1) as f64;
    let x = Axis::around("energy kept [%]", energies.iter().map(|e| 100.0 * e), false);
    let mut chart = Chart::new(x, Axis::linear("columns of the basis", 0.0, 1.05 * most)).wide();
    for (i, scenario) in scenarios.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            energies.iter().filter_map(|&e| Some((100.0 * e, rank(scenario, e)? as f64))).collect();
        chart.line(&points, &format!("k k{}", i % 30), if i < NAMED { scenario } else { "" });
    }
    let figure =
        chart.figure("Rank against energy", "Columns that each scenario needs for each share of the energy", "");
    section("ranks", "How many columns the energy takes", &format!("{table}{figure}"))
}

/// Mean error of every scenario's approximation, by the scenario that the references come from.
fn errors(rows: &[Approximated]) -> String {
    let Some(energy) = rows.iter().map(|row| row.energy).reduce(f64::max) else { return String::new() };
    let rows: Vec<&Approximated> = rows.iter().filter(|row| row.energy == energy).collect();
    let scenarios = distinct(rows.iter().map(|row| row.scenario.as_str()));
    let truths = distinct(rows.iter().map(|row| row.truth.as_deref().unwrap_or("none of them")));
    let mean = |truth: &str, scenario: &str, value: fn(&Approximated) -> Option<f64>| {
        let same =
            |row: &&&Approximated| row.truth.as_deref().unwrap_or("none of them") == truth && row.scenario == scenario;
        let values: Vec<f64> = rows.iter().filter(same).filter_map(|row| value(row)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let matrix = |value: fn(&Approximated) -> Option<f64>| {
        let header: Vec<String> =
            std::iter::once("approximated by").chain(truths.iter().copied()).map(escape).collect();
        let least: Vec<Option<f64>> = (truths.iter())
            .map(|truth| scenarios.iter().filter_map(|s| mean(truth, s, value)).reduce(f64::min))
            .collect();
        let cells = |scenario: &&str| {
            let numbers = truths.iter().zip(&least).map(|(truth, least)| match mean(truth, scenario, value) {
                Some(v) if Some(v) == *least => format!("<strong>{}</strong>", number(v)),
                Some(v) => number(v),
                None => "—".into(),
            });
            std::iter::once(escape(scenario)).chain(numbers).collect()
        };
        table(&header, &scenarios.iter().map(cells).collect::<Vec<_>>())
    };
    let body = format!(
        "<p>At an energy of {}. A column holds the references of one scenario, a row the basis that approximates them; the \
         least of a column stands in bold, and should stand where both are the same.</p><h3>RMSE at the rank of the \
         energy</h3>{}<h3>‖K v‖ at equal RMSE</h3>{}",
        super::percent(energy),
        matrix(|row| Some(row.rmse)),
        matrix(|row| row.equal_norm)
    );
    section("errors", "Who approximates whom", &body)
}
