//! Claims on the feasible set of several scenarios: selected and mapped in one inversion.

use super::super::file::{Case, ReferenceSource};
use super::runs::{Runs, Share};
use super::{Comparison, Context};
use crate::error::{Error, Result};

/// References in whose result another scenario contributes most, at most, where the right one is called dominant.
const WRONG: f64 = 0.2;
/// Facies mismatches that differ by less are called the same where weights change by powers of ten.
const INSENSITIVE: f64 = 0.02;
/// Factors on the squared weights that are called a wide range: λ over two decades.
const FACTORS: [&str; 4] = ["1e-2", "1e-1", "1e1", "1e2"];

/// The scenario of the references, by name.
fn truth(case: &Case) -> Result<String> {
    match case.reference.as_ref().map(|reference| &reference.source) {
        Some(ReferenceSource::Scenario(p)) => Ok(case.scenarios[*p].name.clone()),
        _ => Err(Error::input(case.name.clone(), "its references are of no single scenario", "choose ch6-pumping")),
    }
}

/// 6.1: the whole inversion with either learning set, and both maps of one parameterized model.
pub(super) fn refinement(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let refined = context.run(&case)?;
    let all = refined.variant("all-scenarios");
    Ok(vec![
        Comparison::below(
            "mismatch of u, active scenarios less all",
            &refined.mismatch("model")?,
            &all.mismatch("model")?,
            0.0,
        ),
        Comparison::below(
            "mismatch of the map of iteration 3, active scenarios less all",
            &refined.mapped("refined")?,
            &refined.mapped("all")?,
            0.0,
        ),
    ])
}

/// 6.2: contributions of the right scenario and of the largest other, first and last.
pub(super) fn dominance(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let (truth, runs) = (truth(&case)?, context.run(&case)?);
    let histories = runs.table("scenario_history.csv", ["iteration", "scenario", "contribution"])?;
    let (mut first, mut last, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for rows in &histories {
        let end = rows.last().map(|row| row[0].clone()).unwrap_or_default();
        let of = |iteration: &str, is_right: bool| {
            let meant = rows.iter().filter(|row| row[0] == iteration && (row[1] == truth) == is_right);
            meant.filter_map(|row| row[2].parse().ok()).fold(0.0, f64::max)
        };
        first.push(of("1", true));
        last.push(of(&end, true));
        other.push(of(&end, false));
    }
    let wrong = other.iter().zip(&last).map(|(other, last)| f64::from(u8::from(other >= last))).collect();
    Ok(vec![
        Comparison::below("contribution of the right scenario, first iteration less last", &first, &last, 0.0),
        Comparison::below("contributions at the end, largest other less right scenario", &other, &last, 0.0),
        Comparison::share_below("another scenario contributes most at the end", wrong, WRONG),
    ])
}

/// 6.3: against group sparsity alone, and against two stages.
pub(super) fn joint(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let truth = truth(&case)?;
    let joint = context.run(&case)?;
    let alone = joint.variant("group-sparsity-alone");
    let stages = context.run(&context.built_in("ch6-twostage")?)?;
    let right = |runs: &Runs| -> Result<Vec<f64>> {
        let of_truth = |shares: Vec<Share>| {
            shares.iter().find(|share| share.name == truth).map_or(0.0, |share| share.contribution)
        };
        Ok(runs.scenarios()?.into_iter().map(of_truth).collect())
    };
    Ok(vec![
        Comparison::below(
            "contribution of the right scenario, group sparsity alone less joint inversion",
            &right(&alone)?,
            &right(&joint)?,
            0.0,
        ),
        Comparison::below(
            "mismatch of u, joint inversion less group sparsity alone",
            &joint.mismatch("model")?,
            &alone.mismatch("model")?,
            0.0,
        ),
        Comparison::below(
            "mismatch of u, joint inversion less two stages",
            &joint.mismatch("model")?,
            &stages.mismatch("model")?,
            0.0,
        ),
    ])
}

/// 6.4: either weight times powers of ten, against the weights that the program chooses.
pub(super) fn weights(context: &Context<'_>, mut case: Case) -> Result<Vec<Comparison>> {
    case.variants.retain(|variant| is_in_range(&variant.name));
    let runs = context.run(&case)?;
    let chosen = runs.mismatch("model")?;
    let compared = |name: &str| {
        let what = format!("mismatch of u, {name} less the chosen weight");
        Ok(Comparison::below(what, &runs.variant(name).mismatch("model")?, &chosen, INSENSITIVE))
    };
    case.variants.iter().map(|variant| compared(&variant.name)).collect()
}

/// Whether a variant, `"sparsity-1e-2"` or `"coupling-1e1"`, is within the range that is called wide.
fn is_in_range(variant: &str) -> bool {
    variant.split_once('-').is_some_and(|(_, factor)| FACTORS.contains(&factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Overrides;

    #[test]
    fn each_weight_is_tried_at_every_factor_of_the_range() {
        let case = Case::load("ch6-weights", &Overrides::default()).unwrap();
        for weight in ["sparsity", "coupling"] {
            let of_weight = case.variants.iter().filter(|v| v.name.starts_with(weight) && is_in_range(&v.name));
            assert_eq!(of_weight.count(), FACTORS.len(), "{weight}");
        }
    }
}
