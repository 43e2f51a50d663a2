//! Claims on the feasible set of one scenario.

use super::super::file::{Aggregation, Apply, Case, Feasible, Mapping, MappingVariant, Regularizer, Returned, Window};
use super::super::summary;
use super::runs::missing;
use super::{Comparison, Context, NEARLY};
use crate::error::Result;

/// 5.1 on rank-truncated references: the variants of the map that the case itself has.
pub(super) fn aggregation(context: &Context<'_>, mut case: Case) -> Result<Vec<Comparison>> {
    if let Some(mapping) = &mut case.mapping {
        mapping.references = context.options.repeat as usize;
    }
    let folder = context.folder_of(&case, None)?;
    let summary = summary::read(&folder)?;
    let mismatch = |name: &str| -> Result<Vec<f64>> {
        let variant = summary["variants"].as_array().into_iter().flatten().find(|v| v["name"] == name);
        variant.and_then(|v| summary::values(&v["facies_mismatch"])).ok_or_else(|| missing(&folder, name))
    };
    compared(&mismatch, &mismatch("threshold")?, ["square-50-fraction-10", "square-50-fraction-100"])
}

/// 5.1 on the parameterized models that data lead to: v-steps alone, and the last of them mapped by every variant.
pub(super) fn aggregation_of_estimates(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let mut case = mapped_once(&case, "mappings");
    let Some(feasible) = &case.feasible else { return Ok(Vec::new()) };
    let mut variants = Vec::new();
    for radius in RADII {
        for neighbours in NEIGHBOURS {
            let at = |aggregation, fraction| Feasible {
                window: Window::Disk { radius: f64::from(radius) },
                neighbours: neighbours as usize,
                aggregation,
                fraction,
                ..feasible.clone()
            };
            let disk = format!("disk-{radius}-k{neighbours}");
            let mut add = |name, feasible| variants.push(MappingVariant { name: format!("{disk}-{name}"), feasible });
            add("vote", at(Aggregation::Vote, feasible.fraction));
            add("center", at(Aggregation::Center, 1.0));
            add("fraction-10", at(Aggregation::Vote, 0.1));
            add("fraction-100", at(Aggregation::Vote, 1.0));
        }
    }
    variants.retain(|v| !v.name.contains("fraction") || v.name.starts_with("disk-25-k5"));
    case.mapping = Some(Mapping { references: 1, iteration: Some(case.inversion.iterations), variants });
    let runs = context.run(&case)?;
    let threshold = runs.mismatch("parameterized")?;
    compared(&|name| runs.mapped(name), &threshold, ["disk-25-k5-fraction-10", "disk-25-k5-fraction-100"])
}

const RADII: [u32; 2] = [5, 25];
const NEIGHBOURS: [u32; 2] = [1, 5];

fn compared(
    mismatch: &dyn Fn(&str) -> Result<Vec<f64>>,
    threshold: &[f64],
    [tenth, all]: [&str; 2],
) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for radius in RADII {
        for k in NEIGHBOURS {
            let vote = mismatch(&format!("disk-{radius}-k{k}-vote"))?;
            let center = mismatch(&format!("disk-{radius}-k{k}-center"))?;
            let name = format!("disk of radius {radius}, k = {k}: mismatch with aggregation less");
            comparisons.push(Comparison::below(format!("{name} centre cells"), &vote, &center, 0.0));
            comparisons.push(Comparison::below(format!("{name} threshold"), &vote, threshold, 0.0));
        }
    }
    let wide = |k: u32| mismatch(&format!("disk-25-k{k}-vote"));
    let (one, five) = (wide(1)?, wide(5)?);
    comparisons.push(Comparison::below("k = 5 less k = 1, with aggregation", &five, &one, NEARLY));
    comparisons.push(Comparison::below("k = 1 less k = 5, with aggregation", &one, &five, NEARLY));
    comparisons.push(Comparison::below("radius 25 less radius 5, k = 5", &five, &mismatch("disk-5-k5-vote")?, 0.0));
    let what = "10 % of positions less all of them";
    comparisons.push(Comparison::below(what, &mismatch(tenth)?, &mismatch(all)?, NEARLY));
    Ok(comparisons)
}

/// The comparator of alternation. It sees the same prior: its v-steps are regularized by the coefficients' own spread,
/// with the weight chosen by the same principle, and the map comes once, after the last.
fn mapped_once(case: &Case, name: &str) -> Case {
    let mut once = Case { name: format!("{}-{name}", case.name), variants: Vec::new(), ..case.clone() };
    once.inversion.regularizer = Regularizer::Gaussian;
    once.inversion.apply = Apply::Last;
    once.inversion.returned = Returned::Last;
    once
}

/// 5.2.
pub(super) fn alternation(context: &Context<'_>, mut case: Case) -> Result<Vec<Comparison>> {
    let once = context.run(&mapped_once(&case, "mapped-once"))?;
    case.variants.clear();
    let alternating = context.run(&case)?;
    let what = "mismatch of u, alternating less mapped once";
    Ok(vec![Comparison::below(what, &alternating.mismatch("model")?, &once.mismatch("model")?, 0.0)])
}

/// 5.3.
pub(super) fn variability(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let runs = context.run(&case)?;
    let rmse = |field: &str| runs.numbers(&format!("/errors/{field}/rmse"));
    Ok(vec![
        Comparison::below(
            "mismatch of u less that of the prior mean",
            &runs.mismatch("model")?,
            &runs.mismatch("prior_mean")?,
            0.0,
        ),
        Comparison::below("RMSE of u less that of the prior mean", &rmse("model")?, &rmse("prior_mean")?, 0.0),
        Comparison::below(
            "RMSE of u less that of its facies filled with their mean values",
            &rmse("model")?,
            &rmse("model_facies_means")?,
            0.0,
        ),
    ])
}
