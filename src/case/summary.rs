//! `summary.json`: what a script needs to know of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::report::metrics::{self, Repeated};

/// What every summary begins with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// Format of the file: 1.
    pub format: u32,
    /// Name of the case.
    pub case: String,
    /// Its title.
    pub title: String,
    /// Its seed.
    pub seed: u64,
    /// `"cpu"` or `"gpu"`.
    pub backend: String,
    /// The device, by name.
    pub device: String,
    /// Dispatches by kernel, and bytes moved; empty on the CPU.
    pub kernels: Kernels,
    /// Version of lithoscope.
    pub version: String,
    /// The command that repeats the run.
    pub command: String,
}

impl Head {
    /// Of a case by its name, title and seed, run on a device or without one by a command.
    pub fn new(case: &str, title: &str, seed: u64, gpu: Option<&Gpu>, command: &str) -> Self {
        Self {
            format: 1,
            case: case.to_owned(),
            title: title.to_owned(),
            seed,
            backend: if gpu.is_some() { "gpu" } else { "cpu" }.into(),
            device: gpu.map_or_else(|| "CPU".to_owned(), |gpu| gpu.summary().name.clone()),
            kernels: Kernels::of(gpu),
            version: env!("CARGO_PKG_VERSION").into(),
            command: command.to_owned(),
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What ran, where.
    #[serde(flatten)]
    pub head: Head,
    /// Iterations done.
    pub iterations: u32,
    /// The iteration that is returned.
    pub returned_iteration: u32,
    /// Why it stopped, one word.
    pub stopped_because: String,
    /// What u is.
    pub property: Property,
    /// Whitened misfits `‖r‖²`; the target is the number of data.
    pub misfit: Misfit,
    /// Errors against the reference, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
    /// The map of facies that comes of it; absent where the property has none, or a feasible map has said what they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facies: Option<Discretized>,
    /// Forecast errors by kind of datum, in a transient with a reference.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub forecast: BTreeMap<String, Forecast>,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Whether the scenario that the reference was drawn from comes first by each measure, 1 or 0; absent where there is
    /// no such scenario, or no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<BTreeMap<String, f64>>,
    /// What the probabilities of the scenarios follow from; absent without a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<String>,
    /// The groups of coefficients, where these are no scenarios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// Those that the reference was drawn from, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference_scenarios: Vec<String>,
    /// How the equations of flow were solved, in words; absent without flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solver: Option<String>,
    /// Unknown numbers beside the property.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scalars: Vec<Scalar>,
    /// Pumping tests, those that were left out too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Test>,
    /// The factor on the given error level that the data chose; 1 where it was taken as given.
    pub noise_factor: f64,
    /// Root-mean-square errors of predicting left-out data, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_validation: Option<CrossValidation>,
    /// The realizations that the run stands on.
    pub prior: Prior,
    /// What should not be overlooked.
    pub warnings: Vec<String>,
    /// Wall seconds.
    pub seconds: Seconds,
    /// Largest resident memory \[bytes\], where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// What the device did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kernels {
    /// Dispatches by kernel.
    pub dispatches: BTreeMap<String, u64>,
    /// Bytes sent to the device.
    pub bytes_up: u64,
    /// Bytes read back.
    pub bytes_down: u64,
}

impl Kernels {
    /// What a device has done so far.
    pub fn of(gpu: Option<&Gpu>) -> Self {
        gpu.map_or_else(Self::default, |gpu| {
            let usage = gpu.usage();
            Self { dispatches: usage.dispatches, bytes_up: usage.bytes_up, bytes_down: usage.bytes_down }
        })
    }
}

/// What u is, in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// The quantity.
    pub name: String,
    /// The unit of every file in the folder.
    pub unit: String,
    /// `"none"`, `"log10"` or `"ln"`.
    pub transform: String,
}

/// Whitened misfits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Misfit {
    /// Of the prior mean.
    pub initial: f64,
    /// Of ū + Φv.
    pub parameterized: f64,
    /// Of u.
    pub model: f64,
    /// The number of data m.
    pub target: f64,
    /// That of ū + Φv with what the basis cannot describe counted among the errors of the data, where the inversion
    /// brought this one to its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<f64>,
}

/// Root-mean-square errors of predicting each fold of the data from the others, in the data's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CrossValidation {
    /// Number of folds.
    pub folds: usize,
    /// Of the v-step alone, under the Gaussian prior of the coefficients.
    pub gaussian: f64,
    /// Of u, the whole inversion done anew for each fold; absent where there is no u-step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<f64>,
}

/// Errors against the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// Of u.
    pub model: metrics::Errors,
    /// Of ū + Φv.
    pub parameterized: metrics::Errors,
    /// Of u with every cell at its facies' value; absent where the facies are all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_facies_means: Option<metrics::Errors>,
    /// Of the prior mean.
    pub prior_mean: metrics::Errors,
    /// Of the reference's own projection on the basis: no ū + Φv comes nearer.
    pub best_achievable: metrics::Errors,
    /// Of the last heads of u \[m\]; absent without flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<metrics::Errors>,
}

/// Groups of coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Groups {
    /// Their number.
    pub count: usize,
    /// How many have at least a `share` of the largest norm.
    pub active: usize,
    /// That share.
    pub share: f64,
    /// Columns of the basis.
    pub columns: usize,
    /// Members of all groups together.
    pub expanded: usize,
    /// Columns in no group, which are left out.
    pub dropped: usize,
    /// Share of the energy of the realizations' coefficients that sparse principal components explain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<f64>,
}

/// Root-mean-square errors of what is predicted for the time behind the last datum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The unit.
    pub unit: String,
    /// Of ū + Φv.
    pub parameterized: f64,
    /// Of u.
    pub model: f64,
    /// Of the map of facies, where there is one; else that of u.
    pub facies: f64,
}

/// A map of facies that a field was rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Discretized {
    /// Whitened misfit of the map.
    pub misfit: f64,
    /// Share of its cells in the wrong facies, where there is a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facies_mismatch: Option<f64>,
    /// The field before it was rounded.
    pub before: FaciesMap,
    /// The parameterized field with every cell at the nearest facies: the map itself where there is no u-step.
    pub thresholded: FaciesMap,
}

/// How a field fits the data, and the facies of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaciesMap {
    /// Its whitened misfit.
    pub misfit: f64,
    /// Share of its cells nearest to a wrong facies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facies_mismatch: Option<f64>,
}

/// One scenario's share in the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// `‖v_i‖₂`.
    pub norm: f64,
    /// `‖Φ_i v_i‖² / Σ_j ‖Φ_j v_j‖²`.
    pub contribution: f64,
    /// Its probability, where it was judged.
    pub probability: Option<f64>,
}

/// An unknown number that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scalar {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The value's unit.
    pub unit: String,
    /// Its standard deviation, in the unit, as far as the model is linear there.
    pub sigma: f64,
}

/// How well the drawdowns of a pumping test are met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Whether it was predicted without being data.
    pub left_out: bool,
    /// Samples of all wells but the pumped one.
    pub samples: usize,
    /// Root mean square of what they miss \[m\]; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rms: Option<f64>,
}

/// The realizations that the run stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prior {
    /// Realizations of each scenario.
    pub realizations: usize,
    /// How many of them were found in the cache.
    pub cached: usize,
}

/// Wall seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Training image and realizations.
    pub prior: f64,
    /// Basis.
    pub basis: f64,
    /// Inversion.
    pub inversion: f64,
    /// Everything, the report included.
    pub total: f64,
}

/// Replaces every number of several summaries of the same shape by `{"mean", "ci95": [low, high], "values"}`; warnings are
/// gathered; format, seed and what is no number are taken from the first.
pub fn aggregate(summaries: &[serde_json::Value]) -> serde_json::Value {
    let mut all = numbers_gathered(summaries);
    for key in ["format", "seed"] {
        if let (Some(kept), Some(first)) = (all.get_mut(key), summaries.first()) {
            *kept = first[key].clone();
        }
    }
    for (measure, gathered) in all.get_mut("hits").and_then(serde_json::Value::as_object_mut).into_iter().flatten() {
        let hits = summaries.iter().filter_map(|summary| summary["hits"][measure].as_f64()).collect();
        *gathered = serde_json::json!(Repeated::share(hits));
    }
    if let Some(warnings) = all.get_mut("warnings") {
        *warnings = warnings_gathered(summaries).into();
    }
    all
}

/// Every kind of warning (what stands before its colon but for digits) once; with how many of the summaries have it, unless all say the
/// same.
fn warnings_gathered(summaries: &[serde_json::Value]) -> Vec<String> {
    let mut kinds: Vec<(String, Vec<(usize, &str)>)> = Vec::new();
    for (run, summary) in summaries.iter().enumerate() {
        for text in summary["warnings"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
            let kind: String = text.split(':').next().unwrap_or(text).chars().filter(|c| !c.is_ascii_digit()).collect();
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, said)) => said.push((run, text)),
                None => kinds.push((kind, vec![(run, text)])),
            }
        }
    }
    let gathered = |(_, said): (String, Vec<(usize, &str)>)| {
        let runs: BTreeSet<usize> = said.iter().map(|&(run, _)| run).collect();
        let first = said[0].1;
        match runs.len() == summaries.len() && said.iter().all(|&(_, text)| text == first) {
            true => first.to_owned(),
            false => format!("in {} of {} runs; the first says: {first}", runs.len(), summaries.len()),
        }
    };
    kinds.into_iter().map(gathered).collect()
}

fn numbers_gathered(summaries: &[serde_json::Value]) -> serde_json::Value {
    use serde_json::Value;

    let Some(first) = summaries.first() else { return Value::Null };
    match first {
        Value::Number(_) => {
            let values: Vec<f64> = summaries.iter().filter_map(Value::as_f64).collect();
            serde_json::json!(Repeated::of(values))
        }
        Value::Array(items) => {
            let column = |i: usize| summaries.iter().filter_map(|s| s.get(i).cloned()).collect::<Vec<_>>();
            Value::Array((0..items.len()).map(|i| numbers_gathered(&column(i))).collect())
        }
        Value::Object(keys) => {
            let column = |key: &str| summaries.iter().filter_map(|s| s.get(key).cloned()).collect::<Vec<_>>();
            Value::Object(keys.keys().map(|key| (key.clone(), numbers_gathered(&column(key)))).collect())
        }
        other => other.clone(),
    }
}

/// The summary of a complete result folder.
///
/// # Errors
/// A file that is not there or is no JSON.
pub fn read(folder: &Path) -> Result<serde_json::Value> {
    let path = folder.join(super::folder::SUMMARY);
    let text = std::fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
    serde_json::from_slice(&text).map_err(|e| {
        Error::input(path.display().to_string(), e.to_string(), "remove the folder and run the case again")
    })
}

/// The `values` of a number that was aggregated, or of a mapping's variant.
pub fn values(repeated: &serde_json::Value) -> Option<Vec<f64>> {
    Some(repeated.get("values")?.as_array()?.iter().filter_map(serde_json::Value::as_f64).collect())
}

/// A few lines of a complete result folder for the terminal.
///
/// # Errors
/// A folder without a readable summary.
pub fn digest(folder: &Path) -> Result<String> {
    let summary = read(folder)?;
    let mut lines = Vec::new();
    let mut line = |name: &str, pointer: &str| {
        if let Some(value) = summary.pointer(pointer).and_then(measured) {
            lines.push(format!("{name:44} {value}"));
        }
    };
    line("misfit of the prior mean", "/misfit/initial");
    line("misfit of the parameterized field", "/misfit/parameterized");
    line("the same, what the basis lacks counted as error", "/misfit/counted");
    line("misfit of the model", "/misfit/model");
    line("target (number of data)", "/misfit/target");
    line("facies mismatch of the prior mean", "/errors/prior_mean/facies_mismatch");
    line("facies mismatch of the parameterized field", "/errors/parameterized/facies_mismatch");
    line("facies mismatch of the model", "/errors/model/facies_mismatch");
    line("misfit before the model was rounded", "/facies/before/misfit");
    line("misfit of the map of facies", "/facies/misfit");
    line("misfit of the thresholded parameterized field", "/facies/thresholded/misfit");
    line("factor on the error level", "/noise_factor");
    line("cross-validated RMS, Gaussian v-step alone", "/cross_validation/gaussian");
    line("cross-validated RMS of the model", "/cross_validation/model");
    for test in summary["tests"].as_array().into_iter().flatten() {
        let word = if test["left_out"] == true { "left out" } else { "fitted" };
        if let (Some(name), Some(rms)) = (test["name"].as_str(), test["rms"].as_f64()) {
            lines.push(format!("{:44} {:.2} mm", format!("RMS of test {name}, {word}"), 1e3 * rms));
        }
    }
    for variant in summary["variants"].as_array().into_iter().flatten() {
        let mean = &variant["facies_mismatch"]["mean"];
        lines.push(format!(
            "{:44} {:.4}",
            variant["name"].as_str().unwrap_or_default(),
            mean.as_f64().unwrap_or(f64::NAN)
        ));
    }
    lines.extend(digest_of_scenarios(&summary));
    lines.extend(digest_of_signal(&summary));
    if let Some(word) = summary["stopped_because"].as_str() {
        lines.push(format!("{:44} {word}", "stopped because"));
    }
    let warnings = summary["warnings"].as_array().into_iter().flatten();
    lines.extend(warnings.filter_map(|warning| Some(format!("warning: {}", warning.as_str()?))));
    Ok(lines.join("\n"))
}

/// A number, or its mean over repeated runs with the interval.
fn measured(value: &serde_json::Value) -> Option<String> {
    match (value.as_f64(), value.get("mean").and_then(serde_json::Value::as_f64)) {
        (Some(x), _) => Some(format!("{x:.4}")),
        (_, Some(mean)) => {
            let end = |i: usize| value["ci95"][i].as_f64().unwrap_or(f64::NAN);
            Some(format!("{mean:.4} [{:.4}, {:.4}]", end(0), end(1)))
        }
        _ => None,
    }
}

/// Which scenario the data support most; of repeated runs, how often it was the right one.
fn digest_of_scenarios(summary: &serde_json::Value) -> Option<String> {
    let measure = summary["judged_by"].as_str()?.replace('-', "_");
    let hits = &summary["hits"][&measure];
    if let Some(share) = measured(hits).filter(|_| hits.is_object()) {
        return Some(format!("{:44} {share}", "references whose own scenario is named"));
    }
    let probability = |scenario: &&serde_json::Value| scenario["probability"].as_f64().unwrap_or(-1.0);
    let scenarios = summary["scenarios"].as_array()?;
    let best = scenarios.iter().max_by(|a, b| probability(a).total_cmp(&probability(b)))?;
    let (name, probability) = (best["name"].as_str()?, best["probability"].as_f64()?);
    Some(format!("{:44} {name}, {probability:.4}", "most probable scenario"))
}

/// The errors of a recovered signal: a line a method.
fn digest_of_signal(summary: &serde_json::Value) -> Vec<String> {
    let methods = summary["errors"].as_object().filter(|_| summary.get("zero").is_some());
    let line = |(method, by_measurements): (&String, &serde_json::Value)| {
        let mut errors: Vec<(u64, f64)> = (by_measurements.as_object().into_iter().flatten())
            .filter_map(|(m, row)| {
                let error = &row["relative_error"];
                Some((m.parse().ok()?, error.as_f64().or(error["mean"].as_f64())?))
            })
            .collect();
        errors.sort_by_key(|(m, _)| *m);
        let errors: Vec<String> = errors.iter().map(|(m, error)| format!("{error:.4} ({m})")).collect();
        format!("{:44} {}", format!("relative error (measurements), {method}"), errors.join(" "))
    };
    methods.into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_numbers_have_means_and_warnings_are_counted() {
        let run = |x: f64, warnings: &[&str]| json!({"x": [x], "word": "a", "seed": u64::MAX, "warnings": warnings});
        let all = aggregate(&[
            run(1.0, &["alike: it is"]),
            run(2.0, &["alike: it is", "well 1 dry: yes", "well 2 dry: yes"]),
            run(6.0, &["alike: it is", "well 3 dry: no"]),
        ]);
        assert_eq!((&all["x"][0]["mean"], &all["word"]), (&json!(3.0), &json!("a")));
        assert_eq!(all["seed"], json!(u64::MAX), "no mean, and no digit of it lost");
        assert_eq!(all["warnings"], json!(["alike: it is", "in 2 of 3 runs; the first says: well 1 dry: yes"]));
        assert!(aggregate(&[json!({"x": 1})]).get("warnings").is_none(), "what has none gets none");
    }
}
