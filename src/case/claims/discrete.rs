//! Claims on discrete potentials and learned dictionaries.

use super::super::file::{Case, Variant};
use super::runs::Runs;
use super::{Comparison, Context, NEARLY};
use crate::error::{Error, Result};

/// Runs of a case that have a partner with a discrete potential: their names, `""` for the case itself, and the partner's.
fn pairs(case: &Case) -> Vec<(String, String)> {
    let is_discrete = |name: &str| case.variants.iter().any(|v| v.name == name && v.case.discrete.is_some());
    let own = std::iter::once((String::new(), &case.basis, case.prior.condition));
    let continuous = case.variants.iter().filter(|v| v.case.discrete.is_none());
    let named = own.chain(continuous.map(|v| (v.name.clone(), &v.case.basis, v.case.prior.condition)));
    let partner = |(name, basis, condition): (String, _, _)| {
        let same = |v: &&Variant| is_discrete(&v.name) && (&v.case.basis, v.case.prior.condition) == (basis, condition);
        case.variants.iter().find(same).map(|v| (name, v.name.clone()))
    };
    named.filter_map(partner).collect()
}

/// Runs of the case itself, or of a variant.
fn of(runs: &Runs, name: &str) -> Runs {
    if name.is_empty() { runs.clone() } else { runs.variant(name) }
}

fn called(name: &str) -> &str {
    if name.is_empty() { "tsvd" } else { name }
}

/// 4.1: the map of facies has fewer wrong cells, and fits the data better than the thresholded field.
pub(super) fn mismatch_and_fit(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for (continuous, discrete) in pairs(&case) {
        let (before, after) = (of(&runs, &continuous), of(&runs, &discrete));
        let numbers = |pointer: &str| Ok::<_, Error>((after.numbers(pointer)?, before.numbers(pointer)?));
        let name = format!("{discrete} less {} thresholded", called(&continuous));
        let (a, b) = numbers("/facies/facies_mismatch")?;
        comparisons.push(Comparison::below(format!("mismatch of the facies, {name}"), &a, &b, 0.0));
        let (a, b) = numbers("/facies/misfit")?;
        let logarithm = |values: Vec<f64>| values.iter().map(|misfit| misfit.log10()).collect::<Vec<_>>();
        let (a, b) = (logarithm(a), logarithm(b));
        comparisons.push(Comparison::below(format!("log10 misfit of the facies, {name}"), &a, &b, 0.0));
    }
    Ok(comparisons)
}

/// 4.2: a dictionary's map of facies has fewer wrong cells than that of principal components, both with and without a
/// discrete potential, and than that of components under the penalty that their variances ask for.
pub(super) fn dictionaries(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for variant in &case.variants {
        let Some(rest) = variant.name.strip_prefix("ksvd") else { continue };
        let same = if rest.is_empty() { String::new() } else { format!("tsvd{rest}") };
        let penalized = format!("tsvd-gaussian{rest}");
        let is_known = |name: &String| case.variants.iter().any(|v| v.name == *name);
        for partner in std::iter::once(same).chain(Some(penalized).filter(is_known)) {
            let read = |name: &str| of(&runs, name).numbers("/facies/facies_mismatch");
            let what = format!("mismatch of the facies, {} less {}", variant.name, called(&partner));
            comparisons.push(Comparison::below(what, &read(&variant.name)?, &read(&partner)?, 0.0));
        }
    }
    Ok(comparisons)
}

/// 4.3: the potential's shape makes little difference, and a gap's weight sharpens its own boundary: with 100 on one gap
/// and 1 on the other fewer cells are left inside the heavier one before the last rounding.
pub(super) fn shapes(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for basis in ["tsvd", "ksvd"] {
        let read = |name: &str| of(&runs, &format!("{basis}-{name}")).numbers("/facies/facies_mismatch");
        let (quartic, tukey) = (read("quartic-1-1")?, read("tukey")?);
        let what = format!("mismatch of the facies, {basis}: Tukey less quartic");
        comparisons.push(Comparison::below(what, &tukey, &quartic, NEARLY));
        let what = format!("mismatch of the facies, {basis}: quartic less Tukey");
        comparisons.push(Comparison::below(what, &quartic, &tukey, NEARLY));
        for (gap, heavy, light) in [(0, "quartic-100-1", "quartic-1-100"), (1, "quartic-1-100", "quartic-100-1")] {
            let blurred = |name: &str| blurred(&of(&runs, &format!("{basis}-{name}")), gap, &case);
            let what = format!("share of cells between the facies of gap {}, {basis}: {heavy} less {light}", gap + 1);
            comparisons.push(Comparison::below(what, &blurred(heavy)?, &blurred(light)?, 0.0));
        }
    }
    Ok(comparisons)
}

/// Share of the cells that the u-step of iteration 6 left inside a gap, away from both of its facies by more than a tenth
/// of it: later all weights are large.
fn blurred(runs: &Runs, gap: usize, case: &Case) -> Result<Vec<f64>> {
    let facies: Vec<f64> = case.property.facies.iter().map(|&u| case.property.reported(u)).collect();
    let margin = 0.1 * (facies[gap + 1] - facies[gap]);
    let inside = |u: f64| u > facies[gap] + margin && u < facies[gap + 1] - margin;
    let share = |values: Vec<f64>| values.iter().filter(|&&u| inside(u)).count() as f64 / values.len() as f64;
    Ok(runs.iterations(BLURRED_AT)?.into_iter().map(share).collect())
}

/// The iteration, from 1, whose model shows which boundaries are sharp.
const BLURRED_AT: usize = 6;

/// 4.4: the continuous field is better where its iterations were discretized, and every method where realizations honour
/// hard data.
pub(super) fn continuous_maps(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for (continuous, discrete) in pairs(&case) {
        let read = |name: &str| of(&runs, name).numbers("/errors/parameterized/rmse");
        let what = format!("RMSE of the continuous field, {discrete} less {}", called(&continuous));
        comparisons.push(Comparison::below(what, &read(&discrete)?, &read(&continuous)?, 0.0));
    }
    for variant in case.variants.iter().filter(|v| v.name.ends_with("-hard")) {
        let without = variant.name.trim_end_matches("-hard");
        let without = if without == "tsvd" { "" } else { without };
        let read = |name: &str| of(&runs, name).numbers("/facies/facies_mismatch");
        let what = format!("mismatch of the facies, {} less {}", variant.name, called(without));
        comparisons.push(Comparison::below(what, &read(&variant.name)?, &read(without)?, 0.0));
    }
    Ok(comparisons)
}
