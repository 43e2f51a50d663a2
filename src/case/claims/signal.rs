//! Claims on signals: what groups are worth, and how little the weight matters.

use super::super::file::Signal;
use super::runs::missing;
use super::{Comparison, Context};
use crate::error::Result;

/// So many measurements are called few.
const FEW: usize = 40;
/// Errors relative to the signal's norm that differ by less are said to agree.
const AGREE: f64 = 0.1;
/// So many decades are many.
const MANY_DECADES: f64 = 10.0;
/// Selections differ hardly if less than this share of all groups differs.
const HARDLY: f64 = 0.1;

const GROUP: &str = "group";
const L1: &str = "l1";
const WRONG: [&str; 2] = ["split", "misplaced"];

/// 2.1, by the errors `‖v̂ − v‖/‖v‖`.
pub(super) fn groups(context: &Context<'_>, signal: Signal) -> Result<Vec<Comparison>> {
    let runs = context.run_signal(&signal)?;
    let error = |method: &str, m: usize| runs.numbers(&format!("/errors/{method}/{m}/relative_error"));
    let below = |a: &str, b: &str, m: usize| -> Result<Comparison> {
        let what = format!("relative error of {m} measurements, {a} less {b}");
        Ok(Comparison::below(what, &error(a, m)?, &error(b, m)?, 0.0))
    };
    let mut comparisons = Vec::new();
    for &m in signal.measurements.iter().filter(|&&m| m <= FEW) {
        comparisons.push(below(GROUP, L1, m)?);
    }
    let Some((&most, fewer)) = signal.measurements.split_last() else { return Ok(comparisons) };
    let what = format!("relative error of {most} measurements, {L1} less {GROUP}: they agree");
    comparisons.push(Comparison::below(what, &error(L1, most)?, &error(GROUP, most)?, AGREE));
    for wrong in WRONG {
        for &m in fewer {
            comparisons.push(below(GROUP, wrong, m)?);
        }
    }
    Ok(comparisons)
}

/// 2.2: the most decades of λ in a row with one selection of groups, and how much selections differ from that at the weight
/// which the data choose, over all weights that select any.
pub(super) fn weights(context: &Context<'_>, signal: Signal) -> Result<Vec<Comparison>> {
    let runs = context.run_signal(&signal)?;
    let place = |what: &str| missing(&context.options.out.join(&signal.name), what);
    let weights = signal.weights.as_ref().ok_or_else(|| place("weights"))?;
    let method = &signal.methods[weights.method].name;
    let chosen = runs.table("errors.csv", ["method", "measurements", "selected"])?;
    let scanned = runs.table("weights.csv", ["lambda", "selected"])?;
    let groups = (signal.entries / signal.group) as f64;
    let (mut decades, mut differences) = (Vec::new(), Vec::new());
    for (chosen, scanned) in chosen.iter().zip(&scanned) {
        let is_chosen = |row: &&[String; 3]| row[0] == *method && row[1] == weights.measurements.to_string();
        let chosen = &chosen.iter().find(is_chosen).ok_or_else(|| place("the weight's number of measurements"))?[2];
        let selections: Vec<(f64, &str)> =
            scanned.iter().filter_map(|row| Some((row[0].parse().ok()?, row[1].as_str()))).collect();
        decades.push(longest(&selections));
        let selecting: Vec<&str> = selections.iter().map(|s| s.1).filter(|s| !s.is_empty()).collect();
        let differ: f64 = selecting.iter().map(|s| differing(s, chosen) as f64 / groups).sum();
        differences.push(differ / selecting.len().max(1) as f64);
    }
    let what = format!("{MANY_DECADES} less the decades of lambda with one selection of groups");
    Ok(vec![
        Comparison::mean_below(what, decades.iter().map(|d| MANY_DECADES - d).collect(), 0.0),
        Comparison::mean_below(
            "share of the groups selected otherwise than at the weight that the data choose",
            differences,
            HARDLY,
        ),
    ])
}

/// Decades of the longest run of λ, ascending, that select the same groups, and any.
fn longest(selections: &[(f64, &str)]) -> f64 {
    let runs = selections.chunk_by(|a, b| a.1 == b.1).filter(|run| !run[0].1.is_empty());
    runs.map(|run| (run[run.len() - 1].0 / run[0].0).log10()).fold(0.0, f64::max)
}

/// Groups that one of two selections has and the other has not.
fn differing(a: &str, b: &str) -> usize {
    let [a, b] = [a, b].map(|s| s.split_whitespace().collect::<std::collections::BTreeSet<_>>());
    a.symmetric_difference(&b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_compared() {
        assert_eq!(differing("3 8", "8 9 10"), 3);
        assert_eq!(differing("", "1"), 1);
        let selections = [(1e-3, "1 3"), (1e-2, "3"), (1e-1, "3"), (1.0, "3"), (10.0, "3 8"), (1e3, ""), (1e6, "")];
        assert!((longest(&selections) - 2.0).abs() < 1e-12);
    }
}
