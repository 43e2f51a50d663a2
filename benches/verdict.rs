//! How often each measure of a scenario names the one that the reference was drawn from.
//!
//! `cargo bench --bench verdict -- CASE [--references R] [--first N] [--no-sparse] [--csv FILE] [--set KEY=VALUE]…` draws R
//! references (20), each from one scenario of the case by lot, numbers them from N (1), and prints a line for each, then
//! the hit rates, the log scores at several powers, and how often simulations left out are named. `--no-sparse` leaves out
//! the two sparse inversions (groups and l1) of each reference. Realizations are shared with the program through its cache.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lithoscope::case::file::{Case, ReferenceSource, Regularizer};
use lithoscope::case::observations::Observations;
use lithoscope::case::study::{Opinion, Study, hits};
use lithoscope::case::{Overrides, cache};
use lithoscope::inversion::{Judged, VerdictOptions, log_score, probabilities};
use lithoscope::measure::timed;

type Failure = Box<dyn std::error::Error>;

/// What the command line asks for.
struct Asked {
    case: String,
    references: u64,
    first: u64,
    sparse: bool,
    csv: Option<PathBuf>,
    overrides: Overrides,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let case = arguments.next().ok_or("give the name of a case")?;
        let mut asked =
            Self { case, references: 20, first: 1, sparse: true, csv: None, overrides: Overrides::default() };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
            match name.as_str() {
                "--references" => asked.references = value()?.parse()?,
                "--first" => asked.first = value()?.parse()?,
                "--csv" => asked.csv = Some(value()?.into()),
                "--set" => asked.overrides.set.push(value()?),
                "--no-sparse" => asked.sparse = false,
                other => return Err(format!("{other} is unknown").into()),
            }
        }
        Ok(asked)
    }

    /// The case, its inversion by sparsity alone: no feasible map, no variants.
    fn case(&self) -> Result<Case, Failure> {
        let mut case = Case::load(&self.case, &self.overrides)?;
        case.feasible = None;
        case.mapping = None;
        case.variants.clear();
        let reference = case.reference.as_mut().ok_or("the case has no reference to draw")?;
        reference.source = ReferenceSource::Random;
        Ok(case)
    }
}

/// A logarithm that probabilities follow from.
type Measure = fn(&Judged) -> Option<f64>;

/// Those that are compared, with their names.
const MEASURES: [(&str, Measure); 2] =
    [("evidence", |j| Some(j.log_evidence)), ("synthetic likelihood", |j| j.synthetic().map(|s| s.log_likelihood))];

/// What one reference tells.
struct Told {
    truth: usize,
    hits: BTreeMap<String, f64>,
    verdict: Vec<Opinion>,
    seconds: [f64; 2],
}

/// The hits of both sparse inversions, and of the verdict.
fn told(studies: &[(&str, Study)], study: &Study, number: u64) -> Result<Told, Failure> {
    let observations = Observations::new(study, number)?;
    let [truth] = observations.reference_scenarios[..] else {
        return Err("the reference is of no one scenario".into());
    };
    let (mut found, mut seconds) = (BTreeMap::new(), [0.0; 2]);
    for (name, study) in studies {
        let (estimate, _, cpu) = timed(|| study.invert(&observations, Vec::new(), &mut |_| Ok(()), &()));
        seconds[1] += cpu;
        let shares = study.scenario_shares(estimate?.best(), None);
        found.extend(
            hits(truth, Some(&shares), None).into_iter().map(|(measure, hit)| (format!("{name} {measure}"), hit)),
        );
    }
    let all: Vec<usize> = (0..study.case.scenarios.len()).collect();
    let (verdict, _, cpu) = timed(|| study.verdict(&observations, &all, &()));
    seconds[0] = cpu;
    let verdict = verdict?.ok_or("the case has no scenarios to judge")?;
    found.extend(hits(truth, None, Some(&verdict)));
    Ok(Told { truth, hits: found, verdict, seconds })
}

impl Told {
    /// The probability that was given to the truth, its rank from 1, and the most probable scenario.
    fn outcome(&self) -> (f64, usize, usize) {
        let probability = |p: usize| self.verdict[p].as_ref().map_or(0.0, |judged| judged.probability);
        let mut order: Vec<usize> = (0..self.verdict.len()).collect();
        order.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)));
        let rank = 1 + order.iter().position(|&p| p == self.truth).unwrap_or(order.len());
        (probability(self.truth), rank, order[0])
    }

    /// The probability that a measure gives to the truth at a power; `None` where a scenario lacks it.
    fn given(&self, measure: Measure, power: f64) -> Option<f64> {
        let logarithm = |opinion: &Opinion| Some(power * measure(opinion.as_ref()?)?);
        let logarithms: Option<Vec<f64>> = self.verdict.iter().map(logarithm).collect();
        Some(probabilities(&logarithms?)[self.truth])
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn main() -> Result<(), Failure> {
    let asked = Asked::read(std::env::args().skip(1).filter(|a| a != "--bench"))?;
    let case = asked.case()?;
    let root = cache::folder();
    let study = Study::new(case.clone(), None, root.as_deref(), None, &())?;
    let mut studies = Vec::new();
    if asked.sparse {
        for (name, regularizer) in [("group", Regularizer::Group), ("l1", Regularizer::L1)] {
            let mut case = case.clone();
            case.inversion.regularizer = regularizer;
            studies.push((name, study.variant(case, root.as_deref(), &())?));
        }
    }
    let mut rows = csv::Writer::from_writer(Vec::new());
    let header = vec!["reference", "scenario", "most_probable", "probability_of_truth", "rank_of_truth"];
    let columns =
        MEASURES.iter().flat_map(|(name, _)| case.scenarios.iter().map(move |s| format!("{name} {}", s.name)));
    rows.write_record(header.into_iter().map(str::to_owned).chain(columns))?;
    let mut all = Vec::new();
    for number in asked.first..asked.first + asked.references {
        let told = told(&studies, &study, number)?;
        let (probability, rank, most) = told.outcome();
        let name = |p: usize| case.scenarios[p].name.as_str();
        println!(
            "{number:4} {:16} {:16} probability of the truth {probability:.3}, rank {rank}; CPU s {:.1} + {:.1}",
            name(told.truth),
            name(most),
            told.seconds[0],
            told.seconds[1]
        );
        let mut row = vec![number.to_string(), name(told.truth).into(), name(most).into()];
        row.extend([probability.to_string(), rank.to_string()]);
        for (_, measure) in MEASURES {
            let value = |opinion: &Opinion| opinion.as_ref().and_then(measure).map(|value| value.to_string());
            row.extend(told.verdict.iter().map(|opinion| value(opinion).unwrap_or_default()));
        }
        rows.write_record(&row)?;
        all.push(told);
    }
    let mut measures: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, &hit) in all.iter().flat_map(|told| &told.hits) {
        measures.entry(name).or_default().push(hit);
    }
    for (name, hits) in measures {
        println!("{name:20} {:.0} of {}", hits.iter().sum::<f64>(), hits.len());
    }
    let recall: Vec<f64> =
        all.iter().flat_map(|told| told.verdict.iter().flatten()).filter_map(|j| Some(j.synthetic()?.recall)).collect();
    if !recall.is_empty() {
        println!("simulations left out, named {:.3}", recall.iter().sum::<f64>() / recall.len() as f64);
    }
    let count = all.len() as f64;
    let mean = |part: usize| all.iter().map(|told| told.seconds[part]).sum::<f64>() / count;
    println!("log scores, blind {:.3}", (case.scenarios.len() as f64).ln());
    for (name, measure) in MEASURES {
        let at = |power: f64| all.iter().map(|told| told.given(measure, power)).collect::<Option<Vec<f64>>>();
        let scores = [VerdictOptions::default().power, 1.0, 0.7, 0.5, 0.3].map(|power| (power, at(power)));
        for (power, given) in &scores {
            match given {
                Some(given) => println!("{name:20} {:.3} at the power {power}", log_score(given)),
                None => println!("{name:20} missing in some of the references"),
            }
        }
    }
    println!("CPU s a reference: verdict {:.1}, sparse inversions {:.1}", mean(0), mean(1));
    if let Some(path) = asked.csv {
        std::fs::write(path, rows.into_inner()?)?;
    }
    Ok(())
}
