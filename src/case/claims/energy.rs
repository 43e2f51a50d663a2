//! How many columns a share of the energy takes, and how sure that number is.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};

use super::super::file::{Case, Geology, Objects};
use super::super::hard_data;
use super::super::study::{Priors, conditioning};
use super::{Comparison, Context};
use crate::error::{Error, Result};
use crate::linalg::dense::symmetric_eigen;

/// 3.3: one ensemble serves all; its R parts, each left out in turn, say how sure the columns are (Tukey's jackknife).
pub(super) fn columns(context: &Context<'_>, case: Case) -> Result<Vec<Comparison>> {
    let case = hard_data::resolved(&case)?;
    let energies = case.approximation.as_ref().map(|a| a.energies.clone()).unwrap_or_default();
    let parts = context.options.repeat as usize;
    if 2 * parts > case.prior.realizations {
        let problem = format!("{parts} parts of {} realizations", case.prior.realizations);
        return Err(Error::input("--repeat", problem, "leave two realizations in each part"));
    }
    let priors = Priors::new(&case, &conditioning(&case), context.cache.as_deref(), context.progress)?;
    let all: Vec<usize> = (0..case.scenarios.len()).collect();
    let realizations = priors.realizations(&all, priors.origin(&case), context.progress)?;
    // By kind: what each scenario of it takes, energies × parts.
    let mut kinds: BTreeMap<&str, Vec<Array2<f64>>> = BTreeMap::new();
    context.progress.start("columns of the scenarios", all.len() as u64);
    for (scenario, realizations) in case.scenarios.iter().zip(&realizations) {
        if context.progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let taken = pseudo_values(realizations.gram(), &energies, parts)?;
        kinds.entry(kind(&scenario.geology)).or_default().push(taken);
        context.progress.advance(1);
    }
    context.progress.finish();
    let means: BTreeMap<&str, Array2<f64>> = kinds
        .into_iter()
        .filter_map(|(kind, taken)| {
            let count = taken.len() as f64;
            Some((kind, taken.into_iter().reduce(|a, b| a + b)? / count))
        })
        .collect();
    let Some(meandering) = means.get(MEANDERING) else {
        return Err(Error::input(case.name, "has no meandering channels", "settle the claim on ch3-energy"));
    };
    let mut comparisons = Vec::new();
    for (kind, taken) in means.iter().filter(|(kind, _)| **kind != MEANDERING) {
        for ((energy, taken), meandering) in energies.iter().zip(taken.rows()).zip(meandering.rows()) {
            let what = format!("columns for {energy} of the energy, {kind} less meandering");
            comparisons.push(Comparison::below(what, &taken.to_vec(), &meandering.to_vec(), 0.0));
        }
    }
    Ok(comparisons)
}

const MEANDERING: &str = "meandering";

fn kind(geology: &Geology) -> &'static str {
    match geology {
        Geology::GeneratedImage(image) => match image.objects {
            Objects::Meandering { .. } => MEANDERING,
            Objects::Intersecting { .. } => "intersecting",
            Objects::Straight { .. } => "straight",
            Objects::Ellipses { .. } => "ellipses",
        },
        Geology::Gaussian(_) => "Gaussian",
        Geology::Indicator(_) => "indicators",
        Geology::ImageFile(_) | Geology::Stacked(_) => "other",
    }
}

/// `R k − (R − 1) k_r` for each energy and part r, energies × R: k are the columns of all realizations, k_r those
/// without part r (every R-th realization from the r-th on). Mean and t-interval of these are the jackknife's.
fn pseudo_values(gram: &Array2<f64>, energies: &[f64], parts: usize) -> Result<Array2<f64>> {
    let whole = taken(gram, energies)?;
    let mut out = Array2::zeros((energies.len(), parts));
    for (part, mut column) in out.columns_mut().into_iter().enumerate() {
        let kept: Vec<usize> = (0..gram.nrows()).filter(|i| i % parts != part).collect();
        let without = taken(&gram.select(Axis(0), &kept).select(Axis(1), &kept), energies)?;
        for (value, (whole, without)) in column.iter_mut().zip(whole.iter().zip(without)) {
            *value = parts as f64 * whole - (parts as f64 - 1.0) * without;
        }
    }
    Ok(out)
}

/// Columns that hold each share of the trace, of the eigenvalues of a Gram matrix; between whole numbers of columns
/// the energy is taken as linear, since the jackknife asks for numbers that change smoothly.
fn taken(gram: &Array2<f64>, energies: &[f64]) -> Result<Vec<f64>> {
    let not_finite = || Error::NoModel("inner products of realizations are not finite".into());
    let (values, _) = symmetric_eigen(gram).ok_or_else(not_finite)?;
    let total: f64 = values.iter().map(|x| x.max(0.0)).sum();
    let columns = |energy: f64| {
        let mut left = energy * total;
        for (k, value) in values.iter().enumerate() {
            if *value >= left {
                return k as f64 + left / value;
            }
            left -= value;
        }
        values.len() as f64
    };
    Ok(energies.iter().map(|&energy| columns(energy)).collect())
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn columns_of_known_eigenvalues() {
        let gram = Array2::from_diag(&array![1.0, 4.0, 3.0, 2.0]);
        let found = taken(&gram, &[0.2, 0.4, 0.55, 0.7, 1.0]).unwrap();
        for (found, expected) in found.iter().zip([0.5, 1.0, 1.5, 2.0, 4.0]) {
            assert_relative_eq!(*found, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn the_jackknife_of_alike_realizations_by_hand() {
        // Of n orthogonal realizations of one length, 80 % of the energy takes 0.8 n columns: with n = 20 and 4 parts
        // every pseudo-value is 4 · 16 − 3 · 12 = 28, the value that the trend in n points to beyond the ensemble.
        let values = pseudo_values(&Array2::from_diag(&Array1::ones(20)), &[0.8], 4).unwrap();
        assert_eq!(values.dim(), (1, 4));
        values.iter().for_each(|&x| assert_relative_eq!(x, 28.0, epsilon = 1e-9));
    }
}
