//! `lithoscope run`: a case from its numbers to a complete result folder.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::Array1;

use super::checkpoint::Checkpoint;
use super::file::{self, Case, DataSource, Geology, JudgedBy};
use super::folder::{self, Begin, Existing, Folder};
use super::observations::Observations;
use super::pumping::{self, Tested};
use super::study::{self, Opinion, Parameterization, Study};
use super::summary::{self, CrossValidation, Errors, Head, Kernels, Misfit, Summary};
use super::{
    approximation, cache, coefficients, facies_map, files, flow_results, hard_data, mapping, observations, results,
    variants, words,
};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::inversion::{ACTIVE_SHARE, Estimate, Iteration, Repair, Row, is_likely, no_scenario_fits, split};
use crate::measure::peak_memory;
use crate::progress::Progress;

/// What the user asked beside the case.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The result folder; `None`: `runs/NAME-SEED`.
    pub out: Option<PathBuf>,
    /// What to do with an existing folder.
    pub existing: Existing,
    /// Repeat over this many references.
    pub repeat: Option<u64>,
    /// Use only the scenarios that the run in this folder selected.
    pub scenarios_from: Option<PathBuf>,
    /// Keep realizations in the user's cache, and look there.
    pub cache: bool,
    /// Whether a device that fails in the middle hands its work over to the CPU (`--backend auto`) or ends the run.
    pub fall_back: bool,
    /// The command that repeats the run, for the report.
    pub command: String,
}

/// Where the results are, and whether they were there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The complete result folder.
    pub folder: PathBuf,
    /// Whether a complete run of the same case was found there, so that nothing was done.
    pub found: bool,
}

/// Runs a case.
///
/// # Errors
/// [`Error::Interrupted`] keeps what is finished beside the result folder, for `resume`; everything else that the
/// parts of the run return.
pub fn run(case: &Case, gpu: Option<Arc<Gpu>>, options: &Options, progress: &dyn Progress) -> Result<Finished> {
    let started = Instant::now();
    if options.repeat.is_some() && case.reference.is_none() {
        return Err(Error::input(
            "--repeat",
            "the case has no random reference to repeat over",
            "repeat a case with a [reference]",
        ));
    }
    if options.repeat == Some(0) {
        return Err(Error::input("--repeat", "0 references", "repeat over at least one"));
    }
    let case = &hard_data::resolved(case)?;
    observations::check(case)?;
    for variant in &case.variants {
        observations::check(&variant.case)?;
    }
    let selected = options.scenarios_from.as_deref().map(|folder| study::from_run(case, folder)).transpose()?;
    let resolved = case.to_toml();
    let backend = if gpu.is_some() { "gpu" } else { "cpu" };
    let mut identity = format!("{resolved}\n# backend = {backend}, repeat = {:?}\n", options.repeat);
    if let Some(selected) = &selected {
        let names: Vec<&str> = selected.iter().map(|&p| case.scenarios[p].name.as_str()).collect();
        identity.push_str(&format!("# scenarios = {names:?}\n"));
    }
    identity.push_str(&files(case)?);
    let wanted = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-{}", case.name, case.seed)));
    let folder = match Folder::begin(&wanted, &identity, options.existing)? {
        Begin::Complete(folder) => return Ok(Finished { folder, found: true }),
        Begin::Work(folder) => folder,
    };
    if options.existing.resume && !folder.resumed() {
        progress.note("nothing to resume: a new run begins");
    }
    progress.note(&format!("{}: {}", case.name, case.title));
    progress.note(&match &gpu {
        Some(gpu) => format!("heavy work on {} ({})", gpu.summary().name, gpu.summary().backend),
        None => "heavy work on the CPU, in f64".to_owned(),
    });
    files::bytes(&folder.aside().join(folder::CASE), resolved.as_bytes())?;
    // Without the cache, realizations are kept with the unfinished run, so that an interrupt costs none of them.
    let root = if options.cache { cache::folder() } else { None };
    let root = root.unwrap_or_else(|| folder.aside().join("realizations"));
    let mut study = Study::new(case.clone(), gpu.clone(), Some(&root), selected, progress)?;
    let run = Run { options, progress, started, gpu: gpu.as_deref(), root: &root, verdicts: RefCell::default() };
    match run.work(&study, folder.aside()) {
        Err(Error::Gpu(failure)) if options.fall_back && study.gpu.is_some() => {
            let first = failure.to_string().lines().next().unwrap_or_default().to_owned();
            let warning = format!("the device failed, and the CPU went on from what was finished: {first}");
            progress.finish();
            progress.warn(&warning);
            study.warnings.push(warning);
            study.gpu = None;
            run.work(&study, folder.aside())?;
        }
        done => done?,
    }
    let kept = folder.aside().join("realizations");
    if kept.exists() {
        std::fs::remove_dir_all(&kept).map_err(|e| Error::file("remove", &kept, e))?;
    }
    Ok(Finished { folder: folder.finish()?, found: false })
}

/// The files that a case and its variants name, and a hash of what is in each: a file that has changed makes another run.
pub(super) fn files(case: &Case) -> Result<String> {
    let all = std::iter::once(case).chain(case.variants.iter().map(|variant| &variant.case));
    let paths: BTreeSet<PathBuf> = all.flat_map(files_of).collect();
    let mut text = String::new();
    for path in paths {
        text.push_str(&format!("# {} = {}\n", path.display(), contents(&path)?));
    }
    // What variants took over from files of their own stands in none of their keys.
    let inactive = |case: &Case| match &case.physics {
        Some(file::Physics::Groundwater(flow)) => flow.inactive.clone(),
        _ => Vec::new(),
    };
    for variant in &case.variants {
        if variant.case.hard_data != case.hard_data {
            text.push_str(&format!("# hard data of {} = {:?}\n", variant.name, variant.case.hard_data));
        }
        let blocks = inactive(&variant.case);
        if blocks != inactive(case) {
            text.push_str(&format!("# inactive cells of {} = {blocks:?}\n", variant.name));
        }
    }
    Ok(text)
}

/// The files that a case names, but those of its hard data, which it has taken over.
pub(super) fn files_of(case: &Case) -> Vec<PathBuf> {
    let images = case.described().iter().filter_map(|scenario| match &scenario.geology {
        Geology::ImageFile(file) => Some(&file.path),
        _ => None,
    });
    let data = case.data.iter().filter_map(|data| match &data.source {
        DataSource::File(path) => Some(path),
        _ => None,
    });
    images.chain(data).cloned().collect()
}

/// A hash of a file, or of the CSV files in a folder and their names.
fn contents(path: &Path) -> Result<blake3::Hash> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::file("read", path, e));
    if !path.is_dir() {
        return Ok(blake3::hash(&read(path)?));
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::file("read", path, e))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "csv"));
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in &files {
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update(&read(file)?);
    }
    Ok(hasher.finalize())
}

/// Share of its simulations that must be less likely under a scenario than data that look like them.
const LEAST_TYPICALITY: f64 = 0.01;

struct Run<'a> {
    options: &'a Options,
    progress: &'a dyn Progress,
    started: Instant,
    /// The device that the run began with: what it did counts, even if it failed later.
    gpu: Option<&'a Gpu>,
    /// Where realizations are kept.
    root: &'a Path,
    /// Verdicts so far: variants that differ in how they invert share them.
    verdicts: RefCell<Vec<KnownVerdict>>,
}

/// A verdict, and what it follows from.
struct KnownVerdict {
    parameterization: Arc<Parameterization>,
    judged: Vec<usize>,
    asked: Option<file::Verdict>,
    physics: Option<file::Physics>,
    data: Option<file::Data>,
    observed: Array1<f64>,
    sigma: Array1<f64>,
    verdict: Option<Vec<Opinion>>,
}

impl Run<'_> {
    /// Everything behind the study: the inversions, or the mappings. What is finished in `folder` is not done again.
    fn work(&self, study: &Study, folder: &Path) -> Result<()> {
        let case = &study.case;
        // Killed when all was done, and only the move into place was left.
        if folder::is_complete(folder) {
            return Ok(());
        }
        if case.mapping.as_ref().is_some_and(|mapping| mapping.iteration.is_none()) {
            return mapping::run(study, folder, self.options, self.started, self.progress);
        }
        if let Some(approximation) = &case.approximation {
            return approximation::run(study, approximation, folder, self.options, self.started, self.progress);
        }
        // Neighbours in the file often share a basis that took long to make.
        let mut latest: Option<Study> = None;
        for variant in &case.variants {
            self.progress.note(&format!("variant \"{}\"", variant.name));
            let place = folder.join(format!("variant-{}", variant.name));
            std::fs::create_dir_all(&place).map_err(|e| Error::file("create", &place, e))?;
            if folder::is_complete(&place) {
                continue;
            }
            files::bytes(&place.join(folder::CASE), variant.case.to_toml().as_bytes())?;
            latest = latest.filter(|latest| latest.shares_basis(&variant.case));
            let from = latest.as_ref().unwrap_or(study);
            let own = from.variant(variant.case.clone(), Some(self.root), self.progress)?;
            self.inversions(&own, &place)?;
            latest = Some(own);
        }
        self.inversions(study, folder)
    }

    /// One inversion, or one for each of several references.
    fn inversions(&self, study: &Study, folder: &Path) -> Result<()> {
        // Variants before it are no part of its time.
        let (case, before) = (&study.case, Duration::from_secs_f64(study.seconds.prior + study.seconds.basis));
        match self.options.repeat {
            None => {
                let summary = self.one(study, folder, case.reference.as_ref().map_or(1, |r| r.seed), before)?;
                variants::table(folder, case, &summary)?;
                folder::complete(folder, &summary)
            }
            Some(repeat) => self.repeated(study, folder, repeat, before),
        }
    }

    /// One inversion, all but its summary written into `folder`: reference `number`, or the data of the case's file. What
    /// was done `before` any of the references counts in its time.
    fn one(&self, study: &Study, folder: &Path, number: u64, before: Duration) -> Result<Summary> {
        let began = Instant::now();
        let observations = Observations::new(study, number)?;
        if let Some(line) = on_the_cpu(study, &observations) {
            self.progress.warn(&line);
        }
        let own = study.for_observations(&observations, Some(self.root), self.progress)?;
        let study = own.as_ref().unwrap_or(study);
        let checkpoint = Checkpoint::new(folder.join(folder::CHECKPOINT))?;
        let done = checkpoint.load();
        if !done.is_empty() {
            self.progress.note(&format!("goes on with iteration {}", done.len() + 1));
        }
        let started = Instant::now();
        let mut estimate = study.invert(&observations, done, &mut |i| checkpoint.save(i), self.progress)?;
        let rounded = facies_map::round(study, &observations, &mut estimate)?;
        let inversion = started.elapsed().as_secs_f64();
        let active = study.active(estimate.best().v.view(), Some(ACTIVE_SHARE));
        let verdict = self.verdict(study, &observations, &active)?;
        let model = estimate.best().model.view();
        let tested = Tested::new(&study.case, model)?;
        let head = results::write(folder, study, &observations, &estimate, verdict.as_deref(), tested.as_ref())?;
        if let Some(tested) = &tested {
            tested.write(folder, study, model)?;
        }
        if let Some(mapping) = &study.case.mapping {
            mapping::of_iteration(study, &observations, mapping, &estimate, folder)?;
        }
        let mut summary = self.summary(study, &observations, &estimate, verdict.as_deref(), tested.as_ref())?;
        if let Some(errors) = &mut summary.errors {
            errors.head = head;
        }
        summary.facies = facies_map::of_summary(study, &observations, estimate.best(), rounded.as_ref())?;
        summary.forecast = flow_results::forecasts(folder)?;
        summary.seconds.inversion = inversion;
        summary.seconds.total = (before + began.elapsed()).as_secs_f64();
        Ok(summary)
    }

    fn verdict(
        &self,
        study: &Study,
        observations: &Observations<'_>,
        active: &[usize],
    ) -> Result<Option<Vec<Opinion>>> {
        if study.opinions.is_some() {
            return Ok(study.opinions.clone());
        }
        let judged = study.judged(observations, active);
        let same = |known: &&KnownVerdict| {
            Arc::ptr_eq(&known.parameterization, &study.parameterization)
                && (&known.judged, known.asked) == (&judged, study.case.verdict)
                && (&known.physics, &known.data) == (&study.case.physics, &study.case.data)
                && (&known.observed, &known.sigma) == (&observations.observed, &observations.sigma)
        };
        if let Some(known) = self.verdicts.borrow().iter().find(same) {
            return Ok(known.verdict.clone());
        }
        let verdict = study.verdict(observations, &judged, self.progress)?;
        self.verdicts.borrow_mut().push(KnownVerdict {
            parameterization: Arc::clone(&study.parameterization),
            judged,
            asked: study.case.verdict,
            physics: study.case.physics.clone(),
            data: study.case.data.clone(),
            observed: observations.observed.clone(),
            sigma: observations.sigma.clone(),
            verdict: verdict.clone(),
        });
        Ok(verdict)
    }

    /// One inversion for each of several references, each in a folder of its own, and the summary of them all.
    fn repeated(&self, study: &Study, folder: &Path, repeat: u64, before: Duration) -> Result<()> {
        let first = study.case.reference.as_ref().map_or(1, |r| r.seed);
        let mut summaries = Vec::new();
        for run in 0..repeat {
            let place = folder.join(format!("repeat-{:03}", run + 1));
            if !folder::is_complete(&place) {
                self.progress.note(&format!("reference {} of {repeat}", run + 1));
                std::fs::create_dir_all(&place).map_err(|e| Error::file("create", &place, e))?;
                let mut case = study.case.clone();
                if let Some(reference) = &mut case.reference {
                    reference.seed = first + run;
                }
                files::bytes(&place.join(folder::CASE), case.to_toml().as_bytes())?;
                folder::complete(&place, &self.one(study, &place, first + run, before)?)?;
            }
            summaries.push(summary::read(&place)?);
        }
        let summary = summary::aggregate(&summaries);
        variants::table(folder, &study.case, &summary)?;
        folder::complete(folder, &summary)
    }

    fn summary(
        &self,
        study: &Study,
        observations: &Observations<'_>,
        estimate: &Estimate,
        verdict: Option<&[Opinion]>,
        tested: Option<&Tested>,
    ) -> Result<Summary> {
        let (case, best) = (&study.case, estimate.best());
        let errors = observations.reference.as_ref().map(|reference| {
            let of =
                |field: ndarray::ArrayView1<'_, f64>| study.errors(observations, field).expect("there is a reference");
            Errors {
                model: of(best.model.view()),
                parameterized: of(best.parameterized.view()),
                model_facies_means: study.filled_with_means(best.model.view()).map(|field| of(field.view())),
                prior_mean: of(study.prior_mean.view()),
                best_achievable: of(study.best_achievable(reference.view()).view()),
                head: None,
            }
        });
        let shares = study.scenario_shares(best, verdict);
        let own = (study.selected.len() > 1 && study.parameterization.groups().is_some()).then_some(&shares[..]);
        let hits = match &observations.reference_scenarios[..] {
            &[truth] if own.is_some() || study.opinions.is_some() => Some(study::hits(truth, own, verdict)),
            _ => None,
        };
        Ok(Summary {
            head: Head {
                kernels: Kernels::of(self.gpu),
                ..Head::new(&case.name, &case.title, case.seed, study.gpu.as_deref(), &self.options.command)
            },
            iterations: estimate.iterations.len() as u32,
            returned_iteration: best.row.iteration,
            stopped_because: estimate.stopped.word().into(),
            property: property(case),
            misfit: misfits(study, observations, best)?,
            errors,
            facies: None,
            forecast: Default::default(),
            scenarios: shares,
            hits,
            judged_by: verdict
                .map(|verdict| words::word(&words::JUDGED_BY, study::judged_by(case, verdict)).to_owned()),
            groups: coefficients::of_summary(study, best),
            reference_scenarios: (observations.reference_scenarios.iter())
                .map(|&scenario| case.scenarios[scenario].name.clone())
                .collect(),
            solver: observations.solver(best.model.view(), study.gpu.as_deref())?,
            scalars: pumping::scalars(study, observations, best, tested)?,
            tests: tested.map_or_else(Vec::new, |tested| tested.tests(case)),
            noise_factor: observations.noise_factor,
            cross_validation: self.cross_validation(study, observations)?,
            prior: summary::Prior { realizations: case.prior.realizations, cached: study.priors.cached },
            warnings: self.warnings(study, observations, estimate, verdict)?,
            seconds: study.seconds,
            peak_memory_bytes: peak_memory(),
        })
    }

    /// How well left-out data are predicted: by the v-step alone, and by the whole inversion where there is a u-step.
    fn cross_validation(&self, study: &Study, observations: &Observations<'_>) -> Result<Option<CrossValidation>> {
        let Some(gaussian) = observations.cross_validation else { return Ok(None) };
        let folds = study.case.inversion.cross_validation;
        let unit = &observations.units[0];
        let model = match study.case.feasible {
            None => None,
            Some(_) => {
                let m = observations.observed.len();
                let mut squares = 0.0;
                self.progress.start("cross-validation", folds as u64);
                for [kept, left_out] in split(m, folds, study.case.seed)? {
                    if self.progress.interrupted() {
                        return Err(Error::Interrupted);
                    }
                    let estimate =
                        study.invert(&observations.subset(study, &kept)?, Vec::new(), &mut |_| Ok(()), &())?;
                    let missed =
                        &observations.observed - &observations.exact().predict(estimate.best().model.view())?;
                    squares += left_out.iter().map(|&i| missed[i] * missed[i]).sum::<f64>();
                    self.progress.advance(1);
                }
                self.progress.finish();
                Some(unit.reported_difference((squares / m as f64).sqrt()))
            }
        };
        Ok(Some(CrossValidation { folds, gaussian: unit.reported_difference(gaussian), model }))
    }

    fn warnings(
        &self,
        study: &Study,
        observations: &Observations<'_>,
        estimate: &Estimate,
        verdict: Option<&[Opinion]>,
    ) -> Result<Vec<String>> {
        let mut warnings = study.warnings.clone();
        let (row, m) = (&estimate.best().row, observations.observed.len() as f64);
        if study.case.has_u_step() && row.misfit_model > 4.0 * row.misfit_parameterized.max(m) {
            warnings.push(format!(
                "the {} model u fits the data far worse than the parameterized one: misfit {:.0} against {:.0}, \
                 target {m:.0}",
                if study.case.feasible.is_some() { "feasible" } else { "discrete" },
                row.misfit_model,
                row.misfit_parameterized
            ));
        }
        let (data, cells) = (observations.observed.len(), study.grid().len());
        let repair = study.case.feasible.as_ref().is_some_and(|feasible| feasible.repair == file::Repair::Gradient);
        if repair && Repair::too_large(data, cells) {
            warnings.push(format!(
                "the feasible model was not repaired: {data} data times {cells} cells are too many for that"
            ));
        }
        let at_start = study.problem(observations).misfit_of(study.starting_field().view())?;
        if is_likely(at_start, m) {
            warnings.push(format!(
                "the start of the inversion fits the data to their errors already: misfit {at_start:.0}, target {m:.0}; \
                 they tell little beside it, by the size of their errors or because the prior knows them"
            ));
        }
        if row.misfit_parameterized > 2.0 * m {
            warnings.push(format!(
                "the data are not fitted to their errors: misfit {:.0}, target {m:.0}; rank {} of the basis is {}",
                row.misfit_parameterized,
                row.rank,
                if row.rank < study.basis().cols() { "not its largest" } else { "its largest" }
            ));
        }
        let norms: Vec<f64> =
            study.scenario_shares(estimate.best(), None).iter().map(|scenario| scenario.norm).collect();
        if study.parameterization.groups().is_some() && no_scenario_fits(&norms).is_some() {
            let most =
                "no scenario fits the whole model: more than half of them have a norm above a tenth of the largest";
            let judged = verdict.into_iter().flatten().flatten().filter(|judged| judged.solution.is_some());
            let best = judged.reduce(|best, now| if now.probability > best.probability { now } else { best });
            let alone = best.and_then(|best| Some((&best.name, best.solution.as_ref()?.chi_squared())));
            warnings.push(match alone {
                Some((name, chi_squared)) if is_likely(chi_squared, m) => format!(
                    "{most}; by itself {name} agrees with the data (χ² {chi_squared:.0} of {m:.0}), which may not tell the \
                     scenarios apart"
                ),
                _ => format!("{most}; the geology may be of another kind"),
            });
        }
        let (judged, scenarios) = (verdict.map_or(0, |v| v.iter().flatten().count()), study.selected.len());
        if scenarios > 1 && study.parameterization.groups().is_some() && judged < scenarios {
            warnings.push(match judged {
                0 => "no verdict on the scenarios: the problem is too large to judge each of them by itself".into(),
                _ => format!(
                    "the verdict is on {judged} of {scenarios} scenarios, those that the inversion uses: the problem is \
                     too large to judge all"
                ),
            });
        }
        if let Some(asked) = study.case.verdict {
            match verdict {
                Some(verdict) => warnings.extend(simulation_warning(asked, verdict)),
                None if study.parameterization.groups().is_none() => {
                    warnings.push("no verdict on the scenarios: they share one basis".into());
                }
                None => {}
            }
        }
        warnings.extend(observations.head_warnings(estimate.best().model.view())?);
        if let Some(file::Physics::Groundwater(flow)) = &study.case.physics {
            let times: Vec<f64> = observations.data.iter().filter_map(|datum| datum.time).collect();
            warnings.extend(flow.coarse_steps(&times));
        }
        warnings.extend(on_the_cpu(study, observations));
        if study.gpu.as_ref().is_some_and(|gpu| gpu.summary().software) {
            warnings.push("a software adapter stood for the GPU: times say nothing of one".into());
        }
        Ok(warnings)
    }
}

/// What should not be overlooked of a verdict that simulated data were asked for.
fn simulation_warning(asked: file::Verdict, verdict: &[Opinion]) -> Option<String> {
    let judged = || verdict.iter().flatten();
    if let Some(why) = judged().find_map(|judged| judged.simulated.as_ref()?.as_ref().err()) {
        let by = match asked.by {
            JudgedBy::Evidence => "",
            JudgedBy::SyntheticLikelihood => "; the scenarios are judged by their evidence",
        };
        return Some(format!("no synthetic likelihood of the scenarios: {why}{by}"));
    }
    let likelihoods = judged().filter_map(|judged| Some((&judged.name, judged.synthetic()?)));
    let (name, best) = likelihoods.max_by(|a, b| a.1.log_likelihood.total_cmp(&b.1.log_likelihood))?;
    (best.typicality < LEAST_TYPICALITY).then(|| {
        format!(
            "the data look like none of those simulated: of those of {name}, the likeliest scenario, only {:.1} % are less \
             likely under it; the geology, the flow or the errors may be of another kind",
            100.0 * best.typicality
        )
    })
}

/// What the CPU does although the run has a device.
fn on_the_cpu(study: &Study, observations: &Observations<'_>) -> Option<String> {
    study.gpu.as_ref()?;
    let what = observations.instruments().only_on_the_cpu()?;
    Some(format!("{what} has no form on the device and is solved on the CPU, in f64"))
}

/// Misfits by the errors of the data alone, and by what the inversion counted beside them.
fn misfits(study: &Study, observations: &Observations<'_>, best: &Iteration) -> Result<Misfit> {
    let problem = study.problem(observations);
    let Row { misfit_parameterized: counted, misfit_model, .. } = best.row;
    let parameterized = problem.misfit_of(best.parameterized.view())?;
    let is_counted = (parameterized - counted).abs() > 1e-6 * counted;
    Ok(Misfit {
        initial: problem.misfit_of(study.initial().view())?,
        parameterized,
        model: if is_counted { problem.misfit_of(best.model.view())? } else { misfit_model },
        target: observations.observed.len() as f64,
        counted: is_counted.then_some(counted),
    })
}

pub(super) fn property(case: &Case) -> summary::Property {
    summary::Property {
        name: case.property.quantity.name().into(),
        unit: case.property.unit.name.into(),
        transform: case.property.transform.name().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inversion::{Judged, SyntheticLikelihood};

    fn opinion(name: &str, simulated: std::result::Result<[f64; 2], &str>) -> Opinion {
        let simulated = simulated.map_err(str::to_owned).map(|[log_likelihood, typicality]| SyntheticLikelihood {
            log_likelihood,
            recall: 0.7,
            typicality,
        });
        let (name, log_evidence) = (name.to_owned(), -5.0);
        Some(Judged { name, log_evidence, simulated: Some(simulated), probability: 0.5, failure: None, solution: None })
    }

    #[test]
    fn data_unlike_all_simulations_and_simulations_that_fail_are_warned_of() {
        let asked = |by| file::Verdict { by, simulations: 100 };
        let by_likelihood = asked(JudgedBy::SyntheticLikelihood);
        let verdict = |typicality: f64| [opinion("a", Ok([-9.0, 0.5])), None, opinion("b", Ok([-2.0, typicality]))];
        assert_eq!(simulation_warning(by_likelihood, &verdict(0.01)), None);
        let said = simulation_warning(by_likelihood, &verdict(0.004)).unwrap();
        assert!(said.contains("of those of b, the likeliest scenario, only 0.4 %"), "{said}");
        let failed = [opinion("a", Err("too few")), opinion("b", Err("too few"))];
        let said = simulation_warning(by_likelihood, &failed).unwrap();
        assert!(said.ends_with("too few; the scenarios are judged by their evidence"), "{said}");
        assert!(simulation_warning(asked(JudgedBy::Evidence), &failed).unwrap().ends_with("too few"));
    }
}
