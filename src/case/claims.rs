//! The claims of the source document, settled over many random references with confidence intervals.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::file::{Apply, Case, Regularizer, Returned};
use super::folder::Existing;
use super::overrides::Overrides;
use super::{files, run, summary};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::progress::Progress;
use crate::report::metrics::Repeated;

/// What the user asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// One claim; `None`: all that can be settled here.
    pub id: Option<String>,
    /// References of each.
    pub repeat: u64,
    /// The result folder, with a folder for each run inside.
    pub out: PathBuf,
    /// Go on with runs that were interrupted.
    pub resume: bool,
}

/// How a claim fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Every part of it holds with 95 % confidence.
    Holds,
    /// A part of it is contradicted with 95 % confidence.
    Contradicted,
    /// The references are too few to tell, or a difference is within its interval.
    Undecided,
}

/// One comparison that a claim makes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared, in words.
    pub what: String,
    /// The difference over the references; the claim says that it is below `limit`.
    pub difference: Repeated,
    /// The limit.
    pub limit: f64,
    /// How it fared.
    pub finding: Finding,
}

impl Comparison {
    /// The claim that `a` is below `b` by reference, in the mean, but for a tolerance of `slack`.
    fn below(what: impl Into<String>, a: &[f64], b: &[f64], slack: f64) -> Self {
        assert_eq!(a.len(), b.len(), "the same references");
        let difference = Repeated::of(a.iter().zip(b).map(|(a, b)| a - b).collect());
        let finding = match difference.ci95 {
            Some([_, high]) if high < slack => Finding::Holds,
            Some([low, _]) if low > slack => Finding::Contradicted,
            _ => Finding::Undecided,
        };
        Self { what: what.into(), difference, limit: slack, finding }
    }
}

/// A claim, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Its number in the source.
    pub id: &'static str,
    /// What it says.
    pub claim: &'static str,
    /// References.
    pub references: u64,
    /// Its comparisons.
    pub comparisons: Vec<Comparison>,
    /// How it fared as a whole.
    pub finding: Finding,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |finding| match finding {
            Finding::Holds => "holds",
            Finding::Contradicted => "contradicted",
            Finding::Undecided => "undecided",
        };
        writeln!(f, "{} {}: {} ({} references)", self.id, self.claim, word(self.finding), self.references)?;
        for c in &self.comparisons {
            let [low, high] = c.difference.ci95.unwrap_or([f64::NAN; 2]);
            writeln!(
                f,
                "    {:12} {}: {:+.4} [{low:+.4}, {high:+.4}], claimed below {}",
                word(c.finding),
                c.what,
                c.difference.mean,
                c.limit
            )?;
        }
        Ok(())
    }
}

type Settle = fn(&Context<'_>) -> Result<Vec<Comparison>>;

/// The claims that the built-in cases can settle.
const CLAIMS: [(&str, &str, Settle); 3] = [
    (
        "5.1",
        "aggregation beats centre-cell labels and thresholding, and k then matters little; larger windows help; 10 % of \
         positions are nearly as good as all",
        aggregation,
    ),
    ("5.2", "alternating with the feasible set beats mapping once at the end", alternation),
    ("5.3", "channels and the variability inside facies are recovered together", variability),
];

/// Facies mismatches that differ by less are called nearly as good: one cell in a hundred.
const NEARLY: f64 = 0.01;

struct Context<'a> {
    options: &'a Options,
    gpu: Option<Arc<Gpu>>,
    progress: &'a dyn Progress,
}

/// Settles one claim or all of them; writes `claims.json` and `claims.txt` into the result folder.
///
/// # Errors
/// An unknown claim, fewer than two references, and whatever the runs return.
pub fn settle(options: &Options, gpu: Option<Arc<Gpu>>, progress: &dyn Progress) -> Result<Vec<Verdict>> {
    let known = || CLAIMS.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
    if options.repeat < 2 {
        return Err(Error::input("--repeat", format!("{} reference", options.repeat), "an interval needs at least 2"));
    }
    let chosen: Vec<_> = CLAIMS.iter().filter(|c| options.id.as_deref().is_none_or(|id| id == c.0)).collect();
    if chosen.is_empty() {
        let id = options.id.as_deref().unwrap_or_default();
        return Err(Error::input(
            format!("claim {id}"),
            "is none that can be settled here",
            format!("known: {}", known()),
        ));
    }
    std::fs::create_dir_all(&options.out).map_err(|e| Error::file("create", &options.out, e))?;
    let context = Context { options, gpu, progress };
    let mut verdicts = Vec::new();
    for (id, claim, settle) in chosen {
        progress.note(&format!("claim {id}: {claim}"));
        let comparisons = settle(&context)?;
        let all = |finding| comparisons.iter().all(|c| c.finding == finding);
        let finding = if comparisons.iter().any(|c| c.finding == Finding::Contradicted) {
            Finding::Contradicted
        } else if all(Finding::Holds) {
            Finding::Holds
        } else {
            Finding::Undecided
        };
        verdicts.push(Verdict { id, claim, references: options.repeat, comparisons, finding });
    }
    let path = options.out.join("claims.json");
    let json = serde_json::to_vec_pretty(&verdicts).map_err(|e| Error::file("write", &path, e.into()))?;
    files::bytes(&path, &json)?;
    let text: String = verdicts.iter().map(Verdict::to_string).collect();
    files::bytes(&options.out.join("claims.txt"), text.as_bytes())?;
    Ok(verdicts)
}

impl Context<'_> {
    /// Runs a case (or finds its complete run) and returns its result folder.
    fn run(&self, case: &Case, name: &str, repeat: Option<u64>) -> Result<PathBuf> {
        let options = run::Options {
            scenarios_from: None,
            out: Some(self.options.out.join(name)),
            existing: Existing { force: false, resume: self.options.resume },
            repeat,
            cache: true,
            fall_back: false,
            command: format!("lithoscope claims --repeat {} (run {name})", self.options.repeat),
        };
        Ok(run::run(case, self.gpu.clone(), &options, self.progress)?.folder)
    }

    /// The values of one number of the aggregated summary, a reference each.
    fn values(&self, folder: &Path, pointer: &str) -> Result<Vec<f64>> {
        let summary = summary::read(folder)?;
        summary.pointer(pointer).and_then(summary::values).ok_or_else(|| missing(folder, pointer))
    }
}

fn missing(folder: &Path, what: &str) -> Error {
    let place = folder.join(super::folder::SUMMARY).display().to_string();
    Error::input(place, format!("has no values of {what}"), "remove the folder and run again")
}

fn built_in(name: &str) -> Result<Case> {
    Case::load(name, &Overrides::default())
}

fn aggregation(context: &Context<'_>) -> Result<Vec<Comparison>> {
    let mut case = built_in("ch5-mapping")?;
    if let Some(mapping) = &mut case.mapping {
        mapping.references = context.options.repeat as usize;
    }
    let folder = context.run(&case, "5.1-mapping", None)?;
    let summary = summary::read(&folder)?;
    let mismatch = |name: &str| -> Result<Vec<f64>> {
        let variant = summary["variants"].as_array().into_iter().flatten().find(|v| v["name"] == name);
        variant.and_then(|v| summary::values(&v["facies_mismatch"])).ok_or_else(|| missing(&folder, name))
    };
    let threshold = mismatch("threshold")?;
    let mut comparisons = Vec::new();
    for radius in [5, 25] {
        for k in [1, 5] {
            let vote = mismatch(&format!("disk-{radius}-k{k}-vote"))?;
            let center = mismatch(&format!("disk-{radius}-k{k}-center"))?;
            let name = format!("disk of radius {radius}, k = {k}: mismatch");
            comparisons.push(Comparison::below(
                format!("{name} with aggregation less centre cells"),
                &vote,
                &center,
                0.0,
            ));
            comparisons.push(Comparison::below(
                format!("{name} with aggregation less threshold"),
                &vote,
                &threshold,
                0.0,
            ));
        }
    }
    let wide = |k: u32| mismatch(&format!("disk-25-k{k}-vote"));
    let (one, five) = (wide(1)?, wide(5)?);
    comparisons.push(Comparison::below("k = 5 less k = 1, with aggregation", &five, &one, NEARLY));
    comparisons.push(Comparison::below("k = 1 less k = 5, with aggregation", &one, &five, NEARLY));
    comparisons.push(Comparison::below("radius 25 less radius 5, k = 5", &five, &mismatch("disk-5-k5-vote")?, 0.0));
    let (tenth, all) = (mismatch("square-50-fraction-10")?, mismatch("square-50-fraction-100")?);
    comparisons.push(Comparison::below("10 % of positions less all of them", &tenth, &all, NEARLY));
    Ok(comparisons)
}

fn alternation(context: &Context<'_>) -> Result<Vec<Comparison>> {
    let alternating = built_in("ch5-tomo")?;
    // The comparator sees the same prior: its v-steps are regularized by the coefficients' own spread, with the weight
    // chosen by the same principle, and the map comes once, after the last.
    let mut once = alternating.clone();
    once.name = "ch5-tomo-mapped-once".into();
    once.inversion.regularizer = Regularizer::Gaussian;
    once.inversion.apply = Apply::Last;
    once.inversion.returned = Returned::Last;
    let alternating = context.run(&alternating, "5.2-alternating", Some(context.options.repeat))?;
    let once = context.run(&once, "5.2-mapped-once", Some(context.options.repeat))?;
    let mismatch = |folder: &Path| context.values(folder, "/errors/model/facies_mismatch");
    let (alternating, once) = (mismatch(&alternating)?, mismatch(&once)?);
    Ok(vec![Comparison::below("mismatch of u, alternating less mapped once", &alternating, &once, 0.0)])
}

fn variability(context: &Context<'_>) -> Result<Vec<Comparison>> {
    let case = built_in("ch5-tomo-heterogeneous")?;
    let folder = context.run(&case, "5.3-heterogeneous", Some(context.options.repeat))?;
    let of = |field: &str, error: &str| context.values(&folder, &format!("/errors/{field}/{error}"));
    Ok(vec![
        Comparison::below(
            "mismatch of u less that of the prior mean",
            &of("model", "facies_mismatch")?,
            &of("prior_mean", "facies_mismatch")?,
            0.0,
        ),
        Comparison::below(
            "RMSE of u less that of the prior mean",
            &of("model", "rmse")?,
            &of("prior_mean", "rmse")?,
            0.0,
        ),
        Comparison::below(
            "RMSE of u less that of its facies filled with their mean values",
            &of("model", "rmse")?,
            &of("model_facies_means", "rmse")?,
            0.0,
        ),
    ])
}
