//! How well the basis of each scenario, by itself, approximates references: the right scenario should need least.

use std::path::Path;
use std::time::Instant;

use ndarray::{Array1, ArrayView1, s};
use serde::Serialize;

use super::file::Approximation;
use super::results::write_csv;
use super::run::{Options, property};
use super::study::{Parameterization, Study};
use super::{files, folder, summary};
use crate::basis::Basis;
use crate::basis::pca::Pca;
use crate::error::{Error, Result};
use crate::measure::peak_memory;
use crate::operator::LinearOperator;
use crate::progress::Progress;

/// One scenario's approximation of one reference at one energy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approximated {
    /// Reference, from 1.
    pub reference: u64,
    /// The scenario that it was drawn from.
    pub truth: String,
    /// The scenario whose basis approximates it.
    pub scenario: String,
    /// Share of the energy of the scenario's realizations.
    pub energy: f64,
    /// Columns that hold it.
    pub rank: usize,
    /// Root-mean-square difference from the reference, in the property's unit.
    pub rmse: f64,
    /// Columns that it takes to come as near as the reference's own scenario does at this energy; empty where all do
    /// not.
    pub equal_rank: Option<usize>,
    /// `‖K v‖` of these columns' coefficients, the largest σ counted as 1.
    pub equal_norm: Option<f64>,
}

/// How often the reference's own scenario came first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Score {
    energy: f64,
    least_rmse: f64,
    least_norm: f64,
}

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    head: summary::Head,
    stopped_because: String,
    property: summary::Property,
    prior: summary::Prior,
    warnings: &'a [String],
    /// Columns by scenario at each energy.
    ranks: Vec<serde_json::Value>,
    /// Columns of all scenarios together at each energy.
    columns: Vec<serde_json::Value>,
    scores: Vec<Score>,
    seconds: summary::Seconds,
    peak_memory_bytes: Option<u64>,
}

/// A reference's projection on all columns of one scenario, and what is left of it after 0, 1, … of them.
struct Projected {
    v: Array1<f64>,
    left: Vec<f64>,
}

impl Projected {
    fn new(pca: &Pca, reference: ArrayView1<'_, f64>) -> Self {
        let deviation = &reference - &pca.basis.mean();
        let v = pca.basis.adjoint(deviation.view());
        let mut squares = deviation.dot(&deviation);
        let mut left = vec![squares];
        for coefficient in &v {
            squares -= coefficient * coefficient;
            left.push(squares.max(0.0));
        }
        Self { v, left }
    }

    /// The fewest columns that leave no more than `squares`.
    fn rank_of(&self, squares: f64) -> Option<usize> {
        self.left.iter().position(|&left| left <= squares * (1.0 + 1e-12))
    }
}

/// `‖K v‖` of the first `rank` coefficients, `k_j = σ_1/σ_j`.
fn norm(pca: &Pca, v: &Array1<f64>, rank: usize) -> f64 {
    let sigma = &pca.singular_values;
    v.slice(s![..rank]).iter().zip(sigma).map(|(v, s)| (v * sigma[0] / s).powi(2)).sum::<f64>().sqrt()
}

/// Approximates every reference of the case by every scenario.
///
/// # Errors
/// A basis without blocks; [`Error::Interrupted`] between references.
pub fn compare(study: &Study, approximation: &Approximation, progress: &dyn Progress) -> Result<Vec<Approximated>> {
    let Parameterization::Hybrid { scenarios, .. } = &*study.parameterization else {
        return Err(Error::input("basis.kind", "approximations by scenarios", "choose \"hybrid\""));
    };
    let names = &study.case.scenarios;
    let cells = study.grid().len() as f64;
    let first = study.case.reference.as_ref().map_or(1, |r| r.seed);
    let mut out = Vec::new();
    progress.start("references", approximation.references as u64);
    for number in 0..approximation.references as u64 {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let drawn = study.reference(first + number)?;
        let projected: Vec<Projected> =
            scenarios.iter().map(|pca| Projected::new(pca, drawn.property.view())).collect();
        let own = drawn.scenarios.first().copied().and_then(|p| study.block(p));
        for &energy in &approximation.energies {
            let ranks: Vec<usize> = scenarios.iter().map(|pca| rank_at(pca, energy)).collect();
            for (b, pca) in scenarios.iter().enumerate() {
                let equal = own.and_then(|own| projected[b].rank_of(projected[own].left[ranks[own]]));
                out.push(Approximated {
                    reference: number + 1,
                    truth: own.map_or_else(String::new, |own| names[study.selected[own]].name.clone()),
                    scenario: names[study.selected[b]].name.clone(),
                    energy,
                    rank: ranks[b],
                    rmse: (projected[b].left[ranks[b]] / cells).sqrt() / study.case.property.difference(),
                    equal_rank: equal,
                    equal_norm: equal.map(|rank| norm(pca, &projected[b].v, rank)),
                });
            }
        }
        progress.advance(1);
    }
    progress.finish();
    Ok(out)
}

/// The fewest columns that hold a share of the energy.
fn rank_at(pca: &Pca, energy: f64) -> usize {
    let curve = pca.energy_curve();
    let rank = curve.iter().position(|&share| share >= energy).map_or(curve.len(), |i| i + 1);
    rank.min(pca.basis.rank())
}

/// Runs the comparison into a result folder.
pub(super) fn run(
    study: &Study,
    approximation: &Approximation,
    folder: &Path,
    options: &Options,
    started: Instant,
    progress: &dyn Progress,
) -> Result<()> {
    let began = Instant::now();
    let found = compare(study, approximation, progress)?;
    write_csv(&folder.join("approximation.csv"), |csv| found.iter().try_for_each(|row| csv.serialize(row)))?;
    let mean = study.reported(study.prior_mean.view());
    files::array(&folder.join("prior_mean.npy"), study.shaped(mean.view()))?;
    let case = &study.case;
    let mut seconds = study.seconds;
    seconds.inversion = began.elapsed().as_secs_f64();
    seconds.total = started.elapsed().as_secs_f64();
    let energies = &approximation.energies;
    let of_first = |energy: f64| found.iter().filter(move |row| row.reference == 1 && row.energy == energy);
    let summary = Summary {
        head: summary::Head::new(&case.name, &case.title, case.seed, study.gpu.as_deref(), &options.command),
        stopped_because: "iterations".into(),
        property: property(case),
        prior: summary::Prior { realizations: case.prior.realizations, cached: study.priors.cached },
        warnings: &study.warnings,
        ranks: of_first(energies[energies.len() - 1])
            .map(|row| {
                let ranks: Vec<usize> =
                    found.iter().filter(|r| r.reference == 1 && r.scenario == row.scenario).map(|r| r.rank).collect();
                serde_json::json!({"scenario": row.scenario, "energies": energies, "ranks": ranks})
            })
            .collect(),
        columns: energies
            .iter()
            .map(|&energy| {
                let columns: usize = of_first(energy).map(|row| row.rank).sum();
                serde_json::json!({"energy": energy, "columns": columns})
            })
            .collect(),
        scores: energies.iter().map(|&energy| score(&found, energy)).collect(),
        seconds,
        peak_memory_bytes: peak_memory(),
    };
    folder::complete(folder, &summary)
}

/// Share of the references whose own scenario has the least RMSE at an energy, and the least `‖K v‖` at equal RMSE.
fn score(found: &[Approximated], energy: f64) -> Score {
    let rows: Vec<_> = found.iter().filter(|row| row.energy == energy && !row.truth.is_empty()).collect();
    let references = rows.iter().map(|row| row.reference).max().unwrap_or(0);
    let share = |key: &dyn Fn(&Approximated) -> f64| {
        let first = |number: u64| {
            let of_reference = rows.iter().filter(|row| row.reference == number);
            let best = of_reference.min_by(|a, b| key(a).total_cmp(&key(b)));
            best.is_some_and(|best| best.scenario == best.truth)
        };
        (1..=references).filter(|&number| first(number)).count() as f64 / references.max(1) as f64
    };
    Score {
        energy,
        least_rmse: share(&|row| row.rmse),
        least_norm: share(&|row| row.equal_norm.unwrap_or(f64::INFINITY)),
    }
}
