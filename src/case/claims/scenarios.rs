//! Claims on scenario selection by group sparsity, without the feasible set.

use ndarray::Array3;

use super::super::file::{Case, ReferenceSource};
use super::connectivity::connected_pairs;
use super::runs::{Runs, Share, active};
use super::{Comparison, Context};
use crate::error::Result;
use crate::report::metrics::nearest_facies;

/// References in whose result the wrong scenario has the largest norm, at most: the spread of such a share is large.
const WRONG: f64 = 0.2;
/// Selections are the same where no more than this share of what either has is not in both.
const SAME: f64 = 0.05;
/// What is left of the prior mean's facies mismatch where channels are resolved.
const RESOLVED: f64 = 0.5;

/// 3.1: of group sparsity, l1, and l1 in the basis of all realizations mixed.
pub(super) fn largest_norm(context: &Context<'_>, mut case: Case) -> Result<Vec<Comparison>> {
    // Realizations drawn anew for every reference are another experiment.
    case.variants.retain(|variant| variant.name != "conditioned");
    let group = context.run(&case)?;
    let (l1, mixed) = (group.variant("l1"), group.variant("l1-mixed"));
    let shares = group.scenarios()?;
    let mut comparisons = vec![
        Comparison::share_below("group: another scenario has the largest norm", wrong(&case, &shares), WRONG),
        Comparison::below(
            "effective number of scenarios, group less l1",
            &spread(&shares),
            &spread(&l1.scenarios()?),
            0.0,
        ),
    ];
    if case.variants.iter().any(|variant| variant.name == "one-scenario") {
        let hits = group.variant("one-scenario").numbers("/hits/norm")?;
        let wrong = hits.iter().map(|hit| 1.0 - hit).collect();
        let what = "group, references of one random scenario: another has the largest norm";
        comparisons.push(Comparison::share_below(what, wrong, WRONG));
    }
    if case.property.has_facies() {
        let truth = connectivity(&case, &group.fields("reference.npy")?);
        let of_group = connectivity(&case, &group.fields("model.npy")?);
        let of_mixed = connectivity(&case, &mixed.fields("model.npy")?);
        let pairs = "connected pairs of channel cells";
        comparisons.push(Comparison::below(format!("{pairs}, l1 mixed less group"), &of_mixed, &of_group, 0.0));
        comparisons.push(Comparison::below(format!("{pairs}, l1 mixed less reference"), &of_mixed, &truth, 0.0));
    }
    let errors = |runs: &Runs| runs.numbers("/errors/parameterized/rmse");
    let what = "RMSE over that of the prior mean, group less l1 mixed";
    let base = group.numbers("/errors/prior_mean/rmse")?;
    let relative = |values: Vec<f64>| values.iter().zip(&base).map(|(x, base)| x / base).collect::<Vec<_>>();
    comparisons.push(Comparison::below(what, &relative(errors(&group)?), &relative(errors(&mixed)?), 0.0));
    Ok(comparisons)
}

/// Whether the scenario of the largest norm is none of the reference's, 1 or 0.
fn wrong(case: &Case, shares: &[Vec<Share>]) -> Vec<f64> {
    let truth: Vec<usize> = match case.reference.as_ref().map(|reference| &reference.source) {
        Some(ReferenceSource::Scenario(p)) => vec![*p],
        Some(ReferenceSource::Mixed(parts)) => parts.clone(),
        _ => Vec::new(),
    };
    let is_wrong = |shares: &Vec<Share>| {
        let largest = shares.iter().max_by(|a, b| a.norm.total_cmp(&b.norm)).map(|share| &share.name);
        f64::from(u8::from(!truth.iter().any(|&p| Some(&case.scenarios[p].name) == largest)))
    };
    shares.iter().map(is_wrong).collect()
}

/// `1/Σ c_i²` of the contributions: the number of equal scenarios that would be as spread.
fn spread(shares: &[Vec<Share>]) -> Vec<f64> {
    shares.iter().map(|shares| 1.0 / shares.iter().map(|s| s.contribution.powi(2)).sum::<f64>()).collect()
}

/// The connectivity of the last facies, channels in the cases, of each field.
fn connectivity(case: &Case, fields: &[Array3<f64>]) -> Vec<f64> {
    let values: Vec<f64> = case.property.facies.iter().map(|&u| case.property.reported(u)).collect();
    let channels = |field: &Array3<f64>| field.mapv(|u| nearest_facies(u, &values) + 1 == values.len());
    fields.iter().map(|field| connected_pairs(channels(field).view())).collect()
}

/// The references of `ch3-identify`: of one scenario, of two, of none; each from three starts.
const IDENTIFIED: [[&str; 3]; 3] =
    [["", "a-large", "a-wrong"], ["b-small", "b-large", "b-wrong"], ["c-small", "c-large", "c-wrong"]];
const REFERENCES: [&str; 3] = ["reference of one scenario", "of two", "of none"];

fn started(runs: &Runs, name: &str) -> Result<Vec<Vec<Share>>> {
    match name {
        "" => runs.scenarios(),
        name => runs.variant(name).scenarios(),
    }
}

/// 3.2: the same scenarios from small, large and wrong starts.
pub(super) fn initialization(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for (starts, reference) in IDENTIFIED.iter().zip(REFERENCES) {
        let small = started(&runs, starts[0])?;
        for (name, start) in [(starts[1], "large"), (starts[2], "wrong")] {
            let other = started(&runs, name)?;
            let differ = small.iter().zip(&other).map(|(a, b)| difference(&active(a), &active(b))).collect();
            let what = format!("{reference}: selected from the small or the {start} start alone");
            comparisons.push(Comparison::mean_below(what, differ, SAME));
            let moved = |(a, b): (&Vec<Share>, &Vec<Share>)| {
                a.iter().zip(b).map(|(a, b)| (a.contribution - b.contribution).abs()).fold(0.0, f64::max)
            };
            let what = format!("{reference}: largest change of a contribution, small to {start} start");
            comparisons.push(Comparison::mean_below(what, small.iter().zip(&other).map(moved).collect(), SAME));
        }
    }
    Ok(comparisons)
}

/// Share of what either selects that not both select, 0 to 1.
fn difference(a: &[bool], b: &[bool]) -> f64 {
    let count = |f: fn(bool, bool) -> bool| a.iter().zip(b).filter(|&(&a, &b)| f(a, b)).count() as f64;
    let either = count(|a, b| a || b);
    if either > 0.0 { count(|a, b| a != b) / either } else { 0.0 }
}

/// 3.4: what is left of the mismatch of channels along the rays and across them.
pub(super) fn resolution(context: &Context<'_>, mut case: Case) -> Result<Vec<Comparison>> {
    case.variants.retain(|variant| variant.name != "conditioned");
    let runs = context.run(&case)?;
    let left = |name: &str| -> Result<Vec<f64>> {
        let runs = runs.variant(name);
        let (ours, mean) = (runs.mismatch("parameterized")?, runs.mismatch("prior_mean")?);
        Ok(ours.iter().zip(mean).map(|(ours, mean)| ours / mean).collect())
    };
    let (along, across) = (left("along-the-rays")?, left("across-the-rays")?);
    let limit = vec![RESOLVED; across.len()];
    let what = "facies mismatch over that of the prior mean";
    Ok(vec![
        Comparison::below(format!("{what}, along less across the rays"), &along, &across, 0.0),
        Comparison::mean_below(format!("{what}, along the rays"), along, RESOLVED),
        Comparison::below(format!("{RESOLVED} less {what}, across the rays"), &limit, &across, 0.0),
    ])
}

/// 3.5: how many scenarios references of none need.
pub(super) fn outside(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let shares = IDENTIFIED.iter().map(|starts| started(&runs, starts[0])).collect::<Result<Vec<_>>>()?;
    let selected = |shares: &[Vec<Share>]| -> Vec<f64> {
        shares.iter().map(|s| active(s).into_iter().filter(|&active| active).count() as f64).collect()
    };
    let [one, two, none] = [0, 1, 2].map(|i| selected(&shares[i]));
    let all = vec![case.scenarios.len() as f64; none.len()];
    let half: Vec<f64> = all.iter().map(|all| 0.5 * all).collect();
    Ok(vec![
        Comparison::below("scenarios selected, reference of one less reference of none", &one, &none, 0.0),
        Comparison::below("scenarios selected, reference of two less reference of none", &two, &none, 0.0),
        Comparison::below("half of all scenarios less those selected, reference of none", &half, &none, 0.0),
        Comparison::below(
            "effective number of scenarios, reference of one less reference of none",
            &spread(&shares[0]),
            &spread(&shares[2]),
            0.0,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(norms: [f64; 3]) -> Vec<Share> {
        let total: f64 = norms.iter().map(|n| n * n).sum();
        let share = |(i, norm): (usize, f64)| Share { name: i.to_string(), norm, contribution: norm * norm / total };
        norms.into_iter().enumerate().map(share).collect()
    }

    #[test]
    fn selections_and_their_differences_by_hand() {
        assert_eq!(active(&shares([1.0, 0.1, 0.09])), [true, true, false]);
        assert_eq!(active(&shares([0.0, 0.0, 1.0])), [false, false, true]);
        assert_eq!(difference(&[true, true, false], &[true, false, true]), 2.0 / 3.0);
        assert_eq!(difference(&[true, false], &[true, false]), 0.0);
        assert_eq!(difference(&[false], &[false]), 0.0);
    }

    #[test]
    fn as_many_scenarios_as_are_equal() {
        let spread = spread(&[shares([1.0, 1.0, 1.0]), shares([2.0, 0.0, 0.0])]);
        assert!((spread[0] - 3.0).abs() < 1e-12 && (spread[1] - 1.0).abs() < 1e-12, "{spread:?}");
    }
}
