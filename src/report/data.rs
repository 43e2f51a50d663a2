//! What a result folder holds, read and checked: every file that the report shows.
//!
//! `case.toml` and `summary.json` must be there; of one run also `model.npy` and `parameterized.npy`, and where the
//! case has physics, `data.csv` and `history.csv`. Everything else is shown where it is. A file that is there must be
//! whole: right shape, finite numbers, known columns.

pub mod case;
mod files;
pub mod flow;
pub mod scenarios;
pub mod signal;

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array3, Array4, Array5, Ix1, Ix3};
use serde::Deserialize;
use serde_json::Value;

use self::files::{array, corrupt, optional_rows, read_text, rows};
use crate::error::{Error, Result};

pub use self::case::{Case, Published, Sweep, combinations};
pub use self::flow::{Heads, Response, WellCell};
pub use self::scenarios::{Scenario, Share};
pub use self::signal::Signal;

/// A result folder: of one run ([`Folder::run`]) or of repeated ones ([`Folder::repeats`]).
#[derive(Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What was asked.
    pub case: Case,
    /// What came out, as `summary.json` has it.
    pub summary: Summary,
    /// The fields and tables of one run; `None` in the folder of repeated runs.
    pub run: Option<Run>,
    /// The repeated runs, in order.
    pub repeats: Vec<Repeat>,
    /// What came out of the case's variants, each a folder of its own.
    pub variants: Vec<Sibling>,
    /// What came out of the combinations of its sweeps, but for the one that is the case itself.
    pub swept: Vec<Sibling>,
    /// How the scenarios' bases approximate references; of a case that inverts nothing.
    pub approximation: Vec<Approximated>,
    /// What is recovered of a signal, where the case has one instead of a map; then nothing of the above is there.
    pub signal: Option<Signal>,
}

/// A variant of the case, run into a folder inside this one.
#[derive(Debug)]
pub struct Sibling {
    /// The variant's name.
    pub name: String,
    /// Its own summary.
    pub summary: Summary,
    /// Its scenarios; none of repeated runs.
    pub scenarios: Vec<Scenario>,
    /// Its u, of repeated runs that of the first; read of combinations of sweeps.
    pub model: Option<Array3<f64>>,
}

/// A row of `approximation.csv`: the basis of one scenario approximates one reference at one energy.
#[derive(Debug, Clone, Deserialize)]
pub struct Approximated {
    /// Reference, from 1.
    pub reference: u64,
    /// The scenario that it was drawn from.
    pub truth: Option<String>,
    /// The scenario whose basis approximates it.
    pub scenario: String,
    /// Share of the energy of the scenario's realizations.
    pub energy: f64,
    /// Columns that hold it.
    pub rank: usize,
    /// Root-mean-square difference from the reference, in the property's unit.
    pub rmse: f64,
    /// `‖K v‖` at which it is as near as the reference's own scenario; `None` where it never is.
    pub equal_norm: Option<f64>,
}

/// A row of `groups.csv`: a group of coefficients.
#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    /// Its number, from 1.
    pub group: usize,
    /// How many members it has.
    pub members: usize,
    /// μ.
    pub weight: f64,
    /// `‖v_g‖`.
    pub norm: f64,
}

/// A row of `group_members.csv`: a coefficient of a group.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// The group, from 1.
    pub group: usize,
    /// The column of the basis, from 1.
    pub column: usize,
    /// Its own coefficient in this group.
    pub coefficient: f64,
    /// Its image among those that are kept, from 1.
    pub image: Option<usize>,
}

/// A model of a variant.
#[derive(Debug)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// u, `[nz, ny, nx]`; where the facies are kept beside it, Φv.
    pub model: Array3<f64>,
    /// The facies that it was rounded to.
    pub facies: Option<Array3<f64>>,
    /// Share of its cells in the wrong facies, where a table of the folder says it.
    pub mismatch: Option<f64>,
}

/// A row of `dictionary.csv`: an iteration of learning.
#[derive(Debug, Clone, Deserialize)]
pub struct Learned {
    /// 1, 2, …
    pub iteration: u32,
    /// Root-mean-square error of the codes.
    pub rmse: f64,
}

#[derive(Debug, Deserialize)]
struct Mapped {
    variant: String,
    facies_mismatch: f64,
}

/// One of the repeated runs, as far as the report shows it.
#[derive(Debug)]
pub struct Repeat {
    /// Name of its folder, e.g. `repeat-001`.
    pub name: String,
    /// Its own summary.
    pub summary: Summary,
    /// Its fields and tables.
    pub run: Run,
}

/// Fields and tables of one run. Fields are `[nz, ny, nx]` in the property's unit.
#[derive(Debug)]
pub struct Run {
    /// The result u.
    pub model: Array3<f64>,
    /// The parameterized model ū + Φv.
    pub parameterized: Array3<f64>,
    /// Mean of the prior realizations.
    pub prior_mean: Option<Array3<f64>>,
    /// The reference that synthetic data were made from.
    pub reference: Option<Array3<f64>>,
    /// Probability of each facies, `[K, nz, ny, nx]`.
    pub probability: Option<Array4<f64>>,
    /// Φv (0) and u (1) of every iteration, `[K, 2, nz, ny, nx]`.
    pub iterations: Option<Array5<f64>>,
    /// The facies that the result was rounded to.
    pub facies: Option<Array3<f64>>,
    /// The first columns of the basis, `[k, nz, ny, nx]`.
    pub basis_images: Option<Array4<f64>>,
    /// How a dictionary was learned.
    pub dictionary: Vec<Learned>,
    /// Models of the case's variants.
    pub variants: Vec<Variant>,
    /// The data and what the two models predict.
    pub data: Vec<Datum>,
    /// A row an iteration.
    pub history: Vec<Iteration>,
    /// Weights that were tried.
    pub tradeoff: Vec<Candidate>,
    /// Coefficients v of the basis, its scenarios' blocks one after the other.
    pub coefficients: Option<Array1<f64>>,
    /// Groups of its coefficients.
    pub groups: Vec<Group>,
    /// Members of these groups.
    pub members: Vec<Member>,
    /// Images of some of the members, `[K, nz, ny, nx]`.
    pub group_images: Option<Array4<f64>>,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Their shares by iteration.
    pub shares: Vec<Share>,
    /// Row of `scenarios` that rules in each cell; 255 where none does.
    pub scenario_map: Option<Array3<f64>>,
    /// Heads of all cells, where the physics has them.
    pub heads: Option<Heads>,
    /// Screened cells of the wells.
    pub wells: Vec<WellCell>,
    /// Curves over time at wells and places of observation.
    pub responses: Vec<Response>,
}

/// A row of `data.csv`. Coordinates in metres; `x2`, `y2`, `z2` are the other end of a ray.
#[derive(Debug, Clone, Deserialize)]
pub struct Datum {
    /// What was measured, e.g. `travel_time`.
    pub kind: String,
    /// The datum's name in the user's file.
    pub id: String,
    /// Source, or place of a point measurement.
    pub x: Option<f64>,
    /// Second axis: north, or depth in a section.
    pub y: Option<f64>,
    /// Third axis.
    pub z: Option<f64>,
    /// Receiver.
    pub x2: Option<f64>,
    /// Receiver, second axis.
    pub y2: Option<f64>,
    /// Receiver, third axis.
    pub z2: Option<f64>,
    /// When \[s\], where time means something.
    pub time: Option<f64>,
    /// Unit of the values.
    pub unit: String,
    /// The measured value d.
    pub observed: f64,
    /// Its standard deviation σ > 0.
    pub sigma: f64,
    /// What Φv predicts.
    pub predicted_parameterized: f64,
    /// What u predicts.
    pub predicted_model: f64,
}

/// A row of `history.csv`. Misfits are ‖r‖² of the whitened residuals; mismatches are fractions of cells.
#[derive(Debug, Clone, Deserialize)]
pub struct Iteration {
    /// 1, 2, …
    pub iteration: u32,
    /// Columns of the basis in use.
    pub rank: Option<f64>,
    /// The objective.
    pub objective: Option<f64>,
    /// Misfit of Φv.
    pub misfit_parameterized: f64,
    /// Misfit of u.
    pub misfit_model: f64,
    /// ‖Φv − u‖² as weighted in the objective.
    pub coupling: Option<f64>,
    /// The penalty on v.
    pub regularization: Option<f64>,
    /// Weight λ_f of the coupling.
    pub lambda_f: Option<f64>,
    /// Weight λ of the penalty.
    pub lambda: Option<f64>,
    /// Weight λ_g of the groups' penalty.
    pub lambda_g: Option<f64>,
    /// The groups' penalty, as weighted in the objective.
    pub group_penalty: Option<f64>,
    /// Step length of the line search.
    pub step_length: Option<f64>,
    /// Change of v against the iteration before.
    pub change_v: Option<f64>,
    /// Change of u against the iteration before.
    pub change_u: Option<f64>,
    /// Facies mismatch of Φv.
    pub mismatch_parameterized: Option<f64>,
    /// Facies mismatch of u.
    pub mismatch_model: Option<f64>,
    /// Seconds that the iteration took.
    pub seconds: Option<f64>,
}

/// A row of `tradeoff.csv`: a weight that was tried.
#[derive(Debug, Clone, Deserialize)]
pub struct Candidate {
    /// The iteration whose search tried it.
    pub iteration: u32,
    /// The weight.
    pub weight: f64,
    /// ‖r‖² that it leads to.
    pub misfit: f64,
    /// The term that it weighs.
    pub penalty: f64,
    /// 1 for the weight that the iteration took, else 0.
    pub chosen: u8,
    /// Which weight it is, where there are several: `lambda_f`, `lambda_g`, `lambda`.
    pub parameter: Option<String>,
}

/// `summary.json`, asked by path: keys that are missing are `None`.
#[derive(Debug)]
pub struct Summary(Value);

/// A number of a summary: of one run, or its mean over repeated ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// The number or the mean.
    pub mean: f64,
    /// 95 % confidence interval of the mean.
    pub ci95: Option<[f64; 2]>,
    /// The value of each run; of one run, just that.
    pub values: Vec<f64>,
}

impl Folder {
    /// Reads the result folder `path`.
    ///
    /// # Errors
    /// Any needed file that is missing, any file that is corrupt, with what is wrong in it.
    pub fn read(path: &Path) -> Result<Self> {
        Self::with(path, Summary::read(path)?)
    }

    /// Reads the result folder `path` that `summary` belongs to, whether or not it lies there yet.
    ///
    /// # Errors
    /// As [`Folder::read`].
    pub fn with(path: &Path, summary: Summary) -> Result<Self> {
        let case = Case::read(&path.join("case.toml"))?;
        if case.get("signal").is_some() {
            let signal = Some(Signal::read(path, &case, repeat_names(path)?)?);
            let (repeats, variants, swept, approximation) = Default::default();
            return Ok(Self {
                path: path.to_owned(),
                case,
                summary,
                run: None,
                repeats,
                variants,
                swept,
                approximation,
                signal,
            });
        }
        let mut repeats = Vec::new();
        for name in repeat_names(path)? {
            let folder = path.join(&name);
            // The report of repeated runs shows no maps by iteration; many of them would fill the memory.
            let run = Run {
                iterations: None,
                probability: None,
                variants: Vec::new(),
                basis_images: None,
                heads: None,
                responses: Vec::new(),
                group_images: None,
                groups: Vec::new(),
                members: Vec::new(),
                ..Run::read(&folder, &case)?
            };
            repeats.push(Repeat { summary: Summary::read(&folder)?, run, name });
        }
        let approximation: Vec<Approximated> = optional_rows(&path.join("approximation.csv"))?;
        let is_one = repeats.is_empty() && approximation.is_empty();
        let run = if is_one { Some(Run::read(path, &case)?) } else { None };
        let mut variants = Vec::new();
        for (name, folder) in variant_folders(path, &case) {
            let scenarios = optional_rows(&folder.join("scenarios.csv"))?;
            variants.push(Sibling { name, summary: Summary::read(&folder)?, scenarios, model: None });
        }
        let swept = swept(path, &case)?;
        Ok(Self { path: path.to_owned(), case, summary, run, repeats, variants, swept, approximation, signal: None })
    }
}

/// The complete folders `variant-NAME` of the case's variants, in its order.
fn variant_folders(path: &Path, case: &Case) -> Vec<(String, PathBuf)> {
    let folder = |name: String| {
        let folder = path.join(format!("variant-{name}"));
        folder.join("summary.json").exists().then_some((name, folder))
    };
    case.names("variant").into_iter().filter_map(folder).collect()
}

/// The complete folders of the combinations of the case's sweeps.
fn swept(path: &Path, case: &Case) -> Result<Vec<Sibling>> {
    let mut out = Vec::new();
    for name in combinations(&case.sweeps).into_iter().filter(|name| !name.is_empty()) {
        let folder = path.join(format!("variant-{name}"));
        if !folder.join("summary.json").exists() {
            continue;
        }
        let shape = case.grid.shape().map(Some);
        let files = [folder.join("model.npy"), folder.join("repeat-001").join("model.npy")];
        let model = files.iter().find(|file| file.exists()).map(|file| array::<Ix3>(file, &shape)).transpose()?;
        out.push(Sibling { summary: Summary::read(&folder)?, name, scenarios: Vec::new(), model });
    }
    Ok(out)
}

/// The models of the variants: rows of `variants.npy`, `mapping-NAME.npy`, models of the folders `variant-NAME`.
fn variants(path: &Path, case: &Case, shape: &[Option<usize>; 3]) -> Result<Vec<Variant>> {
    let names = case.names("mapping.variant");
    let mapped: Vec<Mapped> = optional_rows(&path.join("mapping.csv"))?;
    let mismatch = |name: &str| mapped.iter().find(|row| row.variant == name).map(|row| row.facies_mismatch);
    let mut out = Vec::new();
    let stack = path.join("variants.npy");
    if stack.exists() {
        let stack: Array4<f64> = array(&stack, &[None, shape[0], shape[1], shape[2]])?;
        for (k, model) in stack.outer_iter().enumerate() {
            let name = names.get(k).cloned().unwrap_or_else(|| format!("variant {}", k + 1));
            out.push(Variant { mismatch: mismatch(&name), name, model: model.to_owned(), facies: None });
        }
    }
    for name in &names {
        let file = path.join(format!("mapping-{name}.npy"));
        if file.exists() {
            let model = array(&file, shape)?;
            out.push(Variant { name: name.clone(), model, facies: None, mismatch: mismatch(name) });
        }
    }
    for (name, folder) in variant_folders(path, case) {
        let facies = folder.join("facies.npy");
        let facies = facies.exists().then(|| array(&facies, shape)).transpose()?;
        let file = folder.join(if facies.is_some() { "parameterized.npy" } else { "model.npy" });
        if file.exists() {
            out.push(Variant { name, model: array(&file, shape)?, facies, mismatch: None });
        }
    }
    Ok(out)
}

/// Names of the folders `repeat-001`, `repeat-002`, … inside `path`, in order.
fn repeat_names(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| Error::file("read", path, e))? {
        let entry = entry.map_err(|e| Error::file("read", path, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix("repeat-").is_some_and(|n| n.parse::<u32>().is_ok()) && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort_by_key(|name| name["repeat-".len()..].parse::<u32>().unwrap_or(0));
    Ok(names)
}

impl Run {
    fn read(folder: &Path, case: &Case) -> Result<Self> {
        let facies = case.facies.len();
        let [nz, ny, nx] = case.grid.shape();
        let shape = [Some(nz), Some(ny), Some(nx)];
        let field = |name: &str| array::<Ix3>(&folder.join(name), &shape);
        let optional = |name: &str| folder.join(name).exists().then(|| field(name)).transpose();
        let stacked = |name: &str, length: Option<usize>| {
            let path = folder.join(name);
            path.exists().then(|| array(&path, &[length, Some(nz), Some(ny), Some(nx)])).transpose()
        };
        let (iterations, coefficients) = (folder.join("iterations.npy"), folder.join("coefficients.npy"));
        // Without physics there are neither data nor iterations.
        let inverted = case.get("physics").is_some();
        let data_path = folder.join("data.csv");
        let data = if inverted { rows(&data_path)? } else { optional_rows(&data_path)? };
        let history_path = folder.join("history.csv");
        check_data(&data_path, &data)?;
        Ok(Self {
            model: field("model.npy")?,
            parameterized: field("parameterized.npy")?,
            prior_mean: optional("prior_mean.npy")?,
            reference: optional("reference.npy")?,
            probability: stacked("probability.npy", (facies > 0).then_some(facies))?,
            facies: optional("facies.npy")?,
            basis_images: stacked("basis_images.npy", None)?,
            dictionary: optional_rows(&folder.join("dictionary.csv"))?,
            variants: variants(folder, case, &shape)?,
            iterations: (iterations.exists())
                .then(|| array(&iterations, &[None, Some(2), Some(nz), Some(ny), Some(nx)]))
                .transpose()?,
            data,
            history: if inverted { rows(&history_path)? } else { optional_rows(&history_path)? },
            tradeoff: optional_rows(&folder.join("tradeoff.csv"))?,
            coefficients: coefficients.exists().then(|| array::<Ix1>(&coefficients, &[None])).transpose()?,
            group_images: stacked("group_images.npy", None)?,
            groups: optional_rows(&folder.join("groups.csv"))?,
            members: optional_rows(&folder.join("group_members.csv"))?,
            scenarios: optional_rows(&folder.join("scenarios.csv"))?,
            shares: optional_rows(&folder.join("scenario_history.csv"))?,
            scenario_map: optional("scenario_map.npy")?,
            heads: flow::heads(folder, &case.grid)?,
            wells: optional_rows(&folder.join("wells.csv"))?,
            responses: optional_rows(&folder.join("drawdown.csv"))?,
        })
    }

    /// Whether u is more than Φv by another name: without a feasible set or a discrete penalty both are the same.
    pub fn has_model_step(&self) -> bool {
        self.model != self.parameterized
    }

    /// Whitened residuals `(d − g) / σ`, a datum each.
    pub fn whitened(&self, predicted: impl Fn(&Datum) -> f64) -> Array1<f64> {
        self.data.iter().map(|d| (d.observed - predicted(d)) / d.sigma).collect()
    }

    /// The iteration (from 1) whose u is `model.npy`, where one is: the run keeps its best iterate, not its last.
    pub fn chosen_iteration(&self) -> Option<usize> {
        let iterations = self.iterations.as_ref()?;
        let same = |k: usize| {
            let u = iterations.index_axis(ndarray::Axis(0), k);
            let u = u.index_axis(ndarray::Axis(0), 1);
            // The iterations are kept in single precision.
            u.iter().zip(&self.model).all(|(a, b)| (a - b).abs() <= f64::from(f32::EPSILON) * b.abs())
        };
        (0..iterations.len_of(ndarray::Axis(0))).rev().find(|&k| same(k)).map(|k| k + 1)
    }
}

fn check_data(path: &Path, data: &[Datum]) -> Result<()> {
    for (row, d) in data.iter().enumerate() {
        let values = [("observed", d.observed), ("predicted_parameterized", d.predicted_parameterized)];
        let bad = values.into_iter().chain([("predicted_model", d.predicted_model)]).find(|(_, v)| !v.is_finite());
        let bad = bad.or((!(d.sigma > 0.0 && d.sigma.is_finite())).then_some(("sigma", d.sigma)));
        if let Some((column, value)) = bad {
            let wanted = if column == "sigma" { "a positive number" } else { "a finite number" };
            // Line 1 is the header.
            return Err(corrupt(path, format!("line {}: {column} is {value}, expected {wanted}", row + 2)));
        }
    }
    Ok(())
}

impl Summary {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("summary.json");
        if !path.exists() {
            let remedy =
                "give the folder of a finished run; an interrupted one is finished by `lithoscope run --resume`";
            return Err(Error::input(
                folder.display().to_string(),
                "no summary.json: not a complete result folder",
                remedy,
            ));
        }
        Self::parse(&read_text(&path)?, &path)
    }

    /// The summary in the text of `path`.
    ///
    /// # Errors
    /// A text that is no JSON object.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|e| corrupt(path, e.to_string()))?;
        if !value.is_object() {
            return Err(corrupt(path, "expected a JSON object"));
        }
        Ok(Self(value))
    }

    /// The value at a dotted path, e.g. `"misfit.target"`; a `null` counts as missing.
    pub fn get(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.0, |value, key| value.get(key)).filter(|v| !v.is_null())
    }

    /// The text at a dotted path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The number at a dotted path.
    pub fn number(&self, path: &str) -> Option<Number> {
        Number::of(self.get(path)?)
    }

    /// The list at a dotted path; empty where it is missing.
    pub fn list(&self, path: &str) -> &[Value] {
        self.get(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Number {
    /// A JSON number, or `{"mean", "ci95", "values"}`.
    pub fn of(value: &Value) -> Option<Self> {
        if let Some(mean) = value.as_f64() {
            return Some(Self { mean, ci95: None, values: vec![mean] });
        }
        let interval = value.get("ci95").and_then(Value::as_array);
        let ci95 = interval.and_then(|ci| Some([ci.first()?.as_f64()?, ci.get(1)?.as_f64()?]));
        let values = value.get("values").and_then(Value::as_array);
        let values = values.map(|v| v.iter().filter_map(Value::as_f64).collect()).unwrap_or_default();
        Some(Self { mean: value.get("mean")?.as_f64()?, ci95, values })
    }
}
