//! The claims of the source document, settled over many random references with confidence intervals.
//!
//! A claim is: a built-in case and its variants, run on the same references; what of them is compared, reference by
//! reference; and what the intervals of these differences say. Whatever a claim needs beyond a case is set as on the
//! command line.

use std::path::PathBuf;
use std::sync::Arc;

use super::folder::Existing;
use super::overrides::Overrides;
use super::{Case, Experiment, Signal, cache, files, run};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::progress::Progress;

mod comparison;
mod connectivity;
mod discrete;
mod energy;
mod feasible;
mod joint;
mod runs;
mod scenarios;
mod signal;
mod sparsity;

pub use comparison::{Comparison, Finding, Verdict};

use Settle::{OnImages, OnSignals};
use runs::Runs;

/// What the user asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// One claim, `"3.1"`, or one on one of its cases, `"3.1/ch3-tomo-channel"`; `None`: all that can be settled here.
    pub id: Option<String>,
    /// References of each.
    pub repeat: u64,
    /// The result folder, with a folder for each run inside.
    pub out: PathBuf,
    /// Go on with runs that were interrupted.
    pub resume: bool,
}

/// What a claim on a case is settled by.
struct Claim {
    id: &'static str,
    case: &'static str,
    says: &'static str,
    settle: Settle,
}

/// How the comparisons of a claim are made, by the kind of its case.
#[derive(Clone, Copy)]
enum Settle {
    OnImages(fn(&Context<'_>, Case) -> Result<Vec<Comparison>>),
    OnSignals(fn(&Context<'_>, Signal) -> Result<Vec<Comparison>>),
}

const TREE: &str = "the wavelet tree beats l1 when data are few relative to unknowns";
const LARGEST_NORM: &str = "the data-consistent scenario gets the largest ||v_i|| under group sparsity; l1 spreads; one \
                            basis of all realizations mixed loses connectivity";
const AGGREGATION: &str = "aggregation beats centre-cell labels and thresholding, and k then matters little; larger \
                           windows help; 10 % of positions are nearly as good as all";
const DISCRETE: &str =
    "discrete regularization lowers the mismatch rate and keeps the data match that thresholding loses";
const DICTIONARIES: &str = "k-SVD bases beat TSVD bases for channels";
const CONTINUOUS: &str = "discretizing inside the iteration improves the continuous map too; hard data improve every \
                          method";
const ALTERNATION: &str = "alternating with the feasible set beats mapping once at the end";

/// The claims that the built-in cases can settle.
const CLAIMS: [Claim; 30] = [
    Claim {
        id: "2.1",
        case: "ch2-signal",
        says: "with few data (m <= 40) group sparsity beats l1 on a group-sparse signal; with many they agree; wrong groups \
               hurt",
        settle: OnSignals(signal::groups),
    },
    Claim {
        id: "2.2",
        case: "ch2-signal",
        says: "the set of selected groups hardly depends on lambda over many decades",
        settle: OnSignals(signal::weights),
    },
    Claim { id: "2.3", case: "ch2-tomo-wavelet", says: TREE, settle: OnImages(sparsity::tree_of_rays) },
    Claim { id: "2.3", case: "ch2-pumping-wavelet", says: TREE, settle: OnImages(sparsity::tree_of_wells) },
    Claim {
        id: "2.4",
        case: "ch2-pumping-dct",
        says: "groups of sparse PCA beat weighted l1, which beats l1, at every noise level",
        settle: OnImages(sparsity::order),
    },
    Claim { id: "3.1", case: "ch3-tomo-channel", says: LARGEST_NORM, settle: OnImages(scenarios::largest_norm) },
    Claim { id: "3.1", case: "ch3-tomo-gaussian", says: LARGEST_NORM, settle: OnImages(scenarios::largest_norm) },
    Claim { id: "3.1", case: "ch3-pumping-2d", says: LARGEST_NORM, settle: OnImages(scenarios::largest_norm) },
    Claim {
        id: "3.2",
        case: "ch3-identify",
        says: "the selected groups do not depend on the initialization",
        settle: OnImages(scenarios::initialization),
    },
    Claim {
        id: "3.3",
        case: "ch3-energy",
        says: "at equal energy meandering channels need the most columns",
        settle: OnImages(energy::columns),
    },
    Claim {
        id: "3.4",
        case: "ch3-tomo-channel",
        says: "two channels along the rays are resolved, across the rays they are not",
        settle: OnImages(scenarios::resolution),
    },
    Claim {
        id: "3.5",
        case: "ch3-identify",
        says: "a reference outside all scenarios activates many groups",
        settle: OnImages(scenarios::outside),
    },
    Claim { id: "4.1", case: "ch4-tomo-3facies", says: DISCRETE, settle: OnImages(discrete::mismatch_and_fit) },
    Claim { id: "4.1", case: "ch4-pumping-drawdown", says: DISCRETE, settle: OnImages(discrete::mismatch_and_fit) },
    Claim { id: "4.1", case: "ch4-pumping-200", says: DISCRETE, settle: OnImages(discrete::mismatch_and_fit) },
    Claim { id: "4.2", case: "ch4-pumping-drawdown", says: DICTIONARIES, settle: OnImages(discrete::dictionaries) },
    Claim { id: "4.2", case: "ch4-pumping-200", says: DICTIONARIES, settle: OnImages(discrete::dictionaries) },
    Claim {
        id: "4.3",
        case: "ch4-tomo-3facies",
        says: "the penalty's shape hardly matters; h_j decides which facies boundary is sharp",
        settle: OnImages(discrete::shapes),
    },
    Claim { id: "4.4", case: "ch4-tomo-3facies", says: CONTINUOUS, settle: OnImages(discrete::continuous_maps) },
    Claim { id: "4.4", case: "ch4-pumping-drawdown", says: CONTINUOUS, settle: OnImages(discrete::continuous_maps) },
    Claim { id: "4.4", case: "ch4-pumping-200", says: CONTINUOUS, settle: OnImages(discrete::continuous_maps) },
    Claim { id: "5.1", case: "ch5-mapping", says: AGGREGATION, settle: OnImages(feasible::aggregation) },
    Claim { id: "5.1", case: "ch5-pumping", says: AGGREGATION, settle: OnImages(feasible::aggregation_of_estimates) },
    Claim { id: "5.2", case: "ch5-tomo", says: ALTERNATION, settle: OnImages(feasible::alternation) },
    Claim { id: "5.2", case: "ch5-pumping", says: ALTERNATION, settle: OnImages(feasible::alternation) },
    Claim {
        id: "5.3",
        case: "ch5-tomo-heterogeneous",
        says: "channels and the variability inside facies are recovered together",
        settle: OnImages(feasible::variability),
    },
    Claim {
        id: "6.1",
        case: "ch6-pumping",
        says: "refining the learning set to active scenarios improves the map",
        settle: OnImages(joint::refinement),
    },
    Claim {
        id: "6.2",
        case: "ch6-pumping",
        says: "the right scenario becomes dominant as iterations proceed",
        settle: OnImages(joint::dominance),
    },
    Claim {
        id: "6.3",
        case: "ch6-pumping",
        says: "with the feasible set the right scenario's share is larger than with group sparsity alone; one joint \
               inversion beats two stages",
        settle: OnImages(joint::joint),
    },
    Claim {
        id: "6.4",
        case: "ch6-weights",
        says: "the solution is insensitive to lambda_g and lambda_f over a wide range",
        settle: OnImages(joint::weights),
    },
];

/// Facies mismatches that differ by less are called nearly as good: one cell in a hundred.
const NEARLY: f64 = 0.01;

struct Context<'a> {
    options: &'a Options,
    /// What is changed in every built-in case: nothing, but for tests of smaller cases.
    overrides: Overrides,
    /// Where realizations are kept beyond a run.
    cache: Option<PathBuf>,
    gpu: Option<Arc<Gpu>>,
    progress: &'a dyn Progress,
}

/// Settles one claim or all of them; writes `claims.json`, `claims.csv` and `claims.txt` into the result folder.
///
/// # Errors
/// An unknown claim, fewer than two references, and whatever the runs return.
pub fn settle(options: &Options, gpu: Option<Arc<Gpu>>, progress: &dyn Progress) -> Result<Vec<Verdict>> {
    if options.repeat < 2 {
        return Err(Error::input("--repeat", format!("{} reference", options.repeat), "an interval needs at least 2"));
    }
    let chosen = chosen(options.id.as_deref())?;
    std::fs::create_dir_all(&options.out).map_err(|e| Error::file("create", &options.out, e))?;
    let context = Context { options, overrides: Overrides::default(), cache: cache::folder(), gpu, progress };
    let verdicts = chosen.into_iter().map(|claim| context.verdict(claim)).collect::<Result<Vec<_>>>()?;
    write(options, &verdicts)?;
    Ok(verdicts)
}

/// The claims that are meant: all, those of a number, or that of a number on a case.
fn chosen(wanted: Option<&str>) -> Result<Vec<&'static Claim>> {
    let is_meant = |claim: &&Claim| match wanted.map(|id| id.split_once('/').unwrap_or((id, claim.case))) {
        None => true,
        Some(meant) => meant == (claim.id, claim.case),
    };
    let chosen: Vec<_> = CLAIMS.iter().filter(is_meant).collect();
    match wanted {
        Some(wanted) if chosen.is_empty() => {
            let known: Vec<String> = CLAIMS.iter().map(|claim| format!("{}/{}", claim.id, claim.case)).collect();
            let remedy = format!("known, with the case or without: {}", known.join(", "));
            Err(Error::input(format!("claim {wanted}"), "is none that can be settled here", remedy))
        }
        _ => Ok(chosen),
    }
}

fn write(options: &Options, verdicts: &[Verdict]) -> Result<()> {
    let path = options.out.join("claims.json");
    let json = serde_json::to_vec_pretty(verdicts).map_err(|e| Error::file("write", &path, e.into()))?;
    files::bytes(&path, &json)?;
    let path = options.out.join("claims.csv");
    let table = comparison::table(verdicts).map_err(|e| Error::file("write", &path, std::io::Error::other(e)))?;
    files::bytes(&path, &table)?;
    let text: String = verdicts.iter().map(Verdict::to_string).collect();
    files::bytes(&options.out.join("claims.txt"), text.as_bytes())
}

impl Context<'_> {
    fn verdict(&self, &Claim { id, case, says, settle }: &Claim) -> Result<Verdict> {
        self.progress.note(&format!("claim {id} on {case}: {says}"));
        let comparisons = match (settle, Experiment::load(case, &self.overrides)?) {
            (OnImages(settle), Experiment::Imaging(case)) => settle(self, *case)?,
            (OnSignals(settle), Experiment::Signal(signal)) => settle(self, *signal)?,
            _ => unreachable!("the claims on images and on signals name cases of their kind"),
        };
        let finding = Finding::of(&comparisons);
        Ok(Verdict { id, case, claim: says, references: self.options.repeat, comparisons, finding })
    }

    fn built_in(&self, name: &str) -> Result<Case> {
        Case::load(name, &self.overrides)
    }

    /// Runs a case over the references (or finds its complete run).
    fn run(&self, case: &Case) -> Result<Runs> {
        Ok(Runs::new(self.folder_of(case, Some(self.options.repeat))?, self.options.repeat))
    }

    /// Runs a case (or finds its complete run) and returns its result folder.
    fn folder_of(&self, case: &Case, repeat: Option<u64>) -> Result<PathBuf> {
        let options = self.run_options(&case.name, repeat);
        Ok(run::run(case, self.gpu.clone(), &options, self.progress)?.folder)
    }

    /// Recovers a signal over the references (or finds its complete run).
    fn run_signal(&self, signal: &Signal) -> Result<Runs> {
        let options = self.run_options(&signal.name, Some(self.options.repeat));
        let finished = super::signal::run(signal, &options, self.progress)?;
        Ok(Runs::new(finished.folder, self.options.repeat))
    }

    fn run_options(&self, name: &str, repeat: Option<u64>) -> run::Options {
        run::Options {
            scenarios_from: None,
            out: Some(self.options.out.join(name)),
            existing: Existing { force: false, resume: self.options.resume },
            repeat,
            cache: self.cache.is_some(),
            fall_back: false,
            command: format!("lithoscope claims --repeat {} (run {name})", self.options.repeat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_chosen_by_number_or_by_number_and_case() {
        let ids = |wanted| chosen(wanted).unwrap().iter().map(|c| (c.id, c.case)).collect::<Vec<_>>();
        assert_eq!(ids(None).len(), CLAIMS.len());
        assert_eq!(ids(Some("5.2")), [("5.2", "ch5-tomo"), ("5.2", "ch5-pumping")]);
        assert_eq!(ids(Some("5.2/ch5-pumping")), [("5.2", "ch5-pumping")]);
        let unknown = chosen(Some("5.2/ch5-mapping")).err().unwrap().to_string();
        assert!(unknown.contains("5.2/ch5-mapping") && unknown.contains("5.2/ch5-pumping"), "{unknown}");
    }

    /// Settles claims on their cases with some keys changed, over two references.
    fn settled(ids: &[&str], changes: &[&str]) -> Vec<Verdict> {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { id: None, repeat: 2, out: folder.path().to_owned(), resume: false };
        let small = ["grid.cells=[60,60]", "prior.realizations=12", "prior.snesim.grids=3"];
        let set = small.iter().chain(changes).map(|&s| s.to_owned()).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        let context = Context { options: &options, overrides, cache: None, gpu: None, progress: &() };
        let settled = |id: &&str| context.verdict(chosen(Some(id)).unwrap()[0]).unwrap();
        let verdicts: Vec<Verdict> = ids.iter().map(settled).collect();
        for comparison in verdicts.iter().flat_map(|verdict| &verdict.comparisons) {
            let values = &comparison.difference.values;
            assert!(values.len() == 2 && values.iter().all(|x| x.is_finite()), "{comparison:?}");
        }
        write(&options, &verdicts).unwrap();
        let rows = std::fs::read_to_string(folder.path().join("claims.csv")).unwrap().lines().count() - 1;
        assert_eq!(rows, verdicts.iter().map(|verdict| verdict.comparisons.len()).sum::<usize>());
        verdicts
    }

    #[test]
    fn claims_on_selection_read_their_runs() {
        let verdicts = settled(&["3.1/ch3-tomo-channel", "3.4"], &["inversion.iterations=3"]);
        assert_eq!(verdicts.iter().map(|verdict| verdict.comparisons.len()).collect::<Vec<_>>(), [5, 3]);
    }

    #[test]
    fn claims_on_known_maps_read_their_runs() {
        let verdicts = settled(&["3.2", "3.5"], &["inversion.iterations=30"]);
        assert_eq!(verdicts.iter().map(|verdict| verdict.comparisons.len()).collect::<Vec<_>>(), [12, 4]);
    }

    #[test]
    fn claims_on_signals_read_their_runs() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { id: None, repeat: 2, out: folder.path().to_owned(), resume: false };
        let set = ["signal.measurements=[10, 40, 80]", "weights.measurements=40", "weights.count=12"];
        let set = set.map(str::to_owned).to_vec();
        let overrides = Overrides { set, ..Overrides::default() };
        let context = Context { options: &options, overrides, cache: None, gpu: None, progress: &() };
        let settled = |id| context.verdict(chosen(Some(id)).unwrap()[0]).unwrap().comparisons;
        let (groups, weights) = (settled("2.1"), settled("2.2"));
        // Few data: 2; many: 1; two wrong groupings at all but the most measurements: 4.
        assert_eq!((groups.len(), weights.len()), (7, 2));
        for comparison in groups.iter().chain(&weights) {
            let values = &comparison.difference.values;
            assert!(values.len() == 2 && values.iter().all(|x| x.is_finite()), "{comparison:?}");
        }
    }

    #[test]
    fn claims_on_groups_read_their_runs() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { id: None, repeat: 2, out: folder.path().to_owned(), resume: false };
        let settled = |id, changes: &[&str]| {
            let small =
                ["grid.cells=[32,32]", "prior.realizations=30", "prior.snesim.grids=2", "inversion.iterations=3"];
            let set = small.iter().chain(changes).map(|&s| s.to_owned()).collect();
            let overrides = Overrides { set, ..Overrides::default() };
            let context = Context { options: &options, overrides, cache: None, gpu: None, progress: &() };
            let comparisons = context.verdict(chosen(Some(id)).unwrap()[0]).unwrap().comparisons;
            assert!(comparisons.iter().flat_map(|c| &c.difference.values).all(|x| x.is_finite()), "{id}");
            comparisons.len()
        };
        let well = "physics.well.cell=[16, 16]";
        assert_eq!(settled("2.3/ch2-pumping-wavelet", &[well, "basis.window=[8, 8]"]), 3);
        let few = ["groups.count=10", "groups.members=4", "basis.box=[6, 6]"];
        assert_eq!(settled("2.4", &[&[well][..], &few].concat()), 24);
    }

    #[test]
    fn claims_on_discrete_potentials_read_their_runs() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { id: None, repeat: 2, out: folder.path().to_owned(), resume: false };
        let context =
            Context { options: &options, overrides: Overrides::default(), cache: None, gpu: None, progress: &() };
        let mut text = super::super::built_in::get("ch4-tomo-3facies").unwrap().text.to_owned();
        for (from, to) in [
            ("cells = [64, 64]", "cells = [16, 16]"),
            ("realizations = 2000", "realizations = 40"),
            ("rank = 60", "rank = 10"),
            ("iterations = 12", "iterations = 3"),
            ("\"basis.atoms\" = 1000", "\"basis.atoms\" = 20, \"basis.learned_rank\" = 15"),
            ("\"basis.sparsity\" = 30", "\"basis.sparsity\" = 3"),
        ] {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let case = || Case::parse(&text, "small.toml").unwrap();
        let settled = |settle: fn(&Context<'_>, Case) -> Result<Vec<Comparison>>, count: usize| {
            let found = settle(&context, case()).unwrap();
            assert_eq!(found.len(), count);
            assert!(found.iter().flat_map(|c| &c.difference.values).all(|x| x.is_finite()));
        };
        // Three runs without a potential: two numbers each; five with a dictionary, one of them beside two others.
        settled(discrete::mismatch_and_fit, 6);
        settled(discrete::dictionaries, 6);
        settled(discrete::shapes, 8);
        settled(discrete::continuous_maps, 3);
    }

    #[test]
    fn columns_are_counted_by_kind() {
        let verdicts = settled(&["3.3"], &[]);
        assert_eq!(verdicts[0].comparisons.len(), 2 * 6, "two other kinds, six energies");
    }

    #[test]
    fn claims_on_the_feasible_set_read_their_runs() {
        let changes =
            ["inversion.iterations=3", "basis.rank=[4, 8]", "feasible.library=60", "feasible.window=\"disk 8\""];
        let verdicts = settled(&["5.1/ch5-pumping", "5.2/ch5-pumping"], &changes);
        assert_eq!(verdicts.iter().map(|verdict| verdict.comparisons.len()).collect::<Vec<_>>(), [12, 1]);
    }

    #[test]
    fn claims_on_joint_inversions_read_their_runs() {
        let changes = ["inversion.iterations=3", "feasible.library=60", "feasible.window=[20, 20]"];
        let verdicts = settled(&["6.1", "6.2", "6.3"], &changes);
        assert_eq!(verdicts.iter().map(|verdict| verdict.comparisons.len()).collect::<Vec<_>>(), [2, 3, 3]);
    }
}
