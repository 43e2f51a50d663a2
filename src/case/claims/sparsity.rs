//! Claims on groups of coefficients: what the tree of wavelets and sparse principal components are worth beside l1 norms.

use super::super::file::{BasisKind, Case, Sweep};
use super::runs::{Runs, missing};
use super::{Comparison, Context};
use crate::error::Result;

const GROUP: &str = "group";
const L1: &str = "l1";
const WEIGHTED: &str = "weighted-l1";
/// Errors of log T and of heads, and how they are called.
const ERRORS: [(&str, &str); 2] = [("/errors/model/e1", "e1"), ("/errors/head/e1", "e1 of heads")];

/// The runs of a combination of sweeps: of a variant, or of the case itself where it is that combination.
fn combination(runs: &Runs, case: &Case, name: &str) -> Runs {
    match case.variants.iter().any(|variant| variant.name == name) {
        true => runs.variant(name),
        false => runs.clone(),
    }
}

/// The choices of a sweep.
fn choices<'a>(context: &Context<'_>, case: &'a Case, sweep: &str) -> Result<Vec<&'a str>> {
    let found: Option<&Sweep> = case.sweeps.iter().find(|known| known.name == sweep);
    let place = context.options.out.join(&case.name);
    let found = found.ok_or_else(|| missing(&place, &format!("the sweep \"{sweep}\"")))?;
    Ok(found.choices.iter().map(|choice| choice.name.as_str()).collect())
}

/// 2.3 on travel times, by RMSE: every window and number of rays of fewer data than columns.
pub(super) fn tree_of_rays(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for window in choices(context, &case, "window")? {
        for rays in choices(context, &case, "rays")? {
            let name = |penalty: &str| format!("{window}-{penalty}-{rays}");
            let columns: usize = window.split('x').filter_map(|n| n.parse::<usize>().ok()).product();
            if rays.parse().is_ok_and(|rays: usize| rays < columns) {
                let rmse = |penalty| combination(&runs, &case, &name(penalty)).numbers("/errors/model/rmse");
                let what = format!("RMSE of {columns} wavelets from {rays} rays, {GROUP} less {L1}");
                comparisons.push(Comparison::below(what, &rmse(GROUP)?, &rmse(L1)?, 0.0));
            }
        }
    }
    Ok(comparisons)
}

/// 2.3 on pumping tests, by RMSE of log T: every number of wells.
pub(super) fn tree_of_wells(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let columns = match case.basis.kind {
        BasisKind::Wavelet { .. } => case.basis.kind.columns(&case.grid).unwrap_or(0),
        _ => 0,
    };
    let of_wells = |wells: &&str| -> Result<Comparison> {
        let rmse = |penalty| combination(&runs, &case, &format!("{penalty}-{wells}")).numbers("/errors/model/rmse");
        let what = format!("RMSE of {columns} wavelets from {wells} wells, {GROUP} less {L1}");
        Ok(Comparison::below(what, &rmse(GROUP)?, &rmse(L1)?, 0.0))
    };
    choices(context, &case, "wells")?.iter().map(of_wells).collect()
}

/// 2.4, by e1 of log T and of heads at every noise level.
pub(super) fn order(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let mut comparisons = Vec::new();
    for (pointer, what) in ERRORS {
        for noise in choices(context, &case, "noise")? {
            let error = |penalty: &str| combination(&runs, &case, &format!("{penalty}-{noise}")).numbers(pointer);
            for [better, worse] in [[GROUP, WEIGHTED], [WEIGHTED, L1]] {
                let what = format!("{what} at noise {noise}, {better} less {worse}");
                comparisons.push(Comparison::below(what, &error(better)?, &error(worse)?, 0.0));
            }
        }
    }
    Ok(comparisons)
}
