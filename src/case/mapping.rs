//! Variants of the feasible map applied to the same rank-truncated references: how well each finds the map behind a
//! parameterized one, without any data.

use std::path::Path;
use std::time::Instant;

use ndarray::ArrayView1;
use serde::Serialize;

use super::file::Mapping;
use super::folder;
use super::observations::Observations;
use super::results::write_csv;
use super::run::{Options, property};
use super::study::Study;
use super::{files, matching, summary};
use crate::error::{Error, Result};
use crate::feasible::FeasibleMap;
use crate::inversion::Estimate;
use crate::measure::peak_memory;
use crate::progress::Progress;
use crate::report::metrics::{Repeated, nearest_facies};

/// Facies mismatch of one variant over all references.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// Its name in the case; `"threshold"` is the nearest facies value in every cell.
    pub name: String,
    /// Fraction of the cells in the wrong facies.
    pub facies_mismatch: Repeated,
}

#[derive(Serialize)]
struct Summary {
    #[serde(flatten)]
    head: summary::Head,
    stopped_because: String,
    property: summary::Property,
    prior: summary::Prior,
    warnings: Vec<String>,
    variants: Vec<Variant>,
    seconds: summary::Seconds,
    peak_memory_bytes: Option<u64>,
}

/// Fraction of cells whose nearest facies is not that of the reference.
fn mismatch(field: ArrayView1<'_, f64>, reference: ArrayView1<'_, f64>, facies: &[f64]) -> f64 {
    let wrong = |(a, b): &(&f64, &f64)| nearest_facies(**a, facies) != nearest_facies(**b, facies);
    field.iter().zip(reference).filter(wrong).count() as f64 / field.len() as f64
}

/// Maps every reference of the case with every variant.
///
/// # Errors
/// [`Error::Interrupted`] between references, and whatever the maps return.
pub fn compare(study: &Study, progress: &dyn Progress) -> Result<Vec<Variant>> {
    let mapping = study.case.mapping.as_ref().expect("a case of mappings");
    let basis = study.basis();
    let sources = study.selected.clone();
    let facies = &study.case.property.facies;
    let maps = mapping
        .variants
        .iter()
        .map(|variant| matching::map(study, None, &variant.feasible, basis.cols(), &sources))
        .collect::<Result<Vec<_>>>()?;
    let mut found = vec![Vec::new(); maps.len() + 1];
    progress.start("references", mapping.references as u64);
    for reference in 1..=mapping.references as u64 {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let truth = study.reference(reference)?.property;
        let theta = study.best_achievable(truth.view());
        found[0].push(mismatch(theta.view(), truth.view(), facies));
        for (map, found) in maps.iter().zip(&mut found[1..]) {
            let projection = map.project(theta.view(), reference as u32)?;
            found.push(mismatch(projection.model.view(), truth.view(), facies));
        }
        progress.advance(1);
    }
    progress.finish();
    let names = std::iter::once("threshold").chain(mapping.variants.iter().map(|v| v.name.as_str()));
    Ok(names
        .zip(found)
        .map(|(name, values)| Variant { name: name.into(), facies_mismatch: Repeated::of(values) })
        .collect())
}

/// Runs the comparison into a result folder.
pub(super) fn run(
    study: &Study,
    folder: &Path,
    options: &Options,
    started: Instant,
    progress: &dyn Progress,
) -> Result<()> {
    let inversion = Instant::now();
    let variants = compare(study, progress)?;
    let mut seconds = study.seconds;
    seconds.inversion = inversion.elapsed().as_secs_f64();
    write_table(&folder.join("mapping.csv"), &variants)?;
    let case = &study.case;
    let first = case.mapping.as_ref().and_then(|m| m.variants.first()).expect("a case of mappings has a variant");
    let truth = study.reference(1)?.property;
    let theta = study.best_achievable(truth.view());
    let sources = study.selected.clone();
    let projection =
        matching::map(study, None, &first.feasible, study.basis().cols(), &sources)?.project(theta.view(), 1)?;
    for (name, field) in [
        ("model.npy", projection.model.view()),
        ("parameterized.npy", theta.view()),
        ("reference.npy", truth.view()),
        ("prior_mean.npy", study.prior_mean.view()),
    ] {
        files::array(&folder.join(name), study.shaped(study.reported(field).view()))?;
    }
    seconds.total = started.elapsed().as_secs_f64();
    let summary = Summary {
        head: summary::Head::new(&case.name, &case.title, case.seed, study.gpu.as_deref(), &options.command),
        stopped_because: "iterations".into(),
        property: property(case),
        prior: summary::Prior { realizations: case.prior.realizations, cached: study.priors.cached },
        warnings: study.warnings.clone(),
        variants,
        seconds,
        peak_memory_bytes: peak_memory(),
    };
    folder::complete(folder, &summary)
}

/// Maps the parameterized model of one iteration with every variant: `mapping.csv`, and `mapping-NAME.npy` each.
///
/// # Errors
/// Whatever the maps return.
pub(super) fn of_iteration(
    study: &Study,
    observations: &Observations<'_>,
    mapping: &Mapping,
    estimate: &Estimate,
    folder: &Path,
) -> Result<()> {
    let last = estimate.iterations.len();
    let number = mapping.iteration.unwrap_or(last).clamp(1, last);
    let iterate = &estimate.iterations[number - 1];
    let mut variants = Vec::new();
    for variant in &mapping.variants {
        let sources = study.active(iterate.v.view(), variant.feasible.refine);
        let map = matching::map(study, Some(observations), &variant.feasible, iterate.v.len(), &sources)?;
        let model = map.project(iterate.parameterized.view(), iterate.row.iteration)?.model;
        let path = folder.join(format!("mapping-{}.npy", variant.name));
        files::array(&path, study.shaped(study.reported(model.view()).view()))?;
        if let Some(mismatch) = study.facies_mismatch(observations, model.view()) {
            variants.push(Variant { name: variant.name.clone(), facies_mismatch: Repeated::of(vec![mismatch]) });
        }
    }
    write_table(&folder.join("mapping.csv"), &variants)
}

/// `mapping.csv`: a row a variant and reference.
fn write_table(path: &Path, variants: &[Variant]) -> Result<()> {
    write_csv(path, |csv| {
        csv.write_record(["variant", "reference", "facies_mismatch"])?;
        for variant in variants {
            for (i, value) in variant.facies_mismatch.values.iter().enumerate() {
                csv.serialize((&variant.name, i + 1, value))?;
            }
        }
        Ok(())
    })
}
