//! What a result folder holds, read and checked: every file that the report shows.
//!
//! `case.toml` and `summary.json` must be there; of one run also `model.npy` and `parameterized.npy`, and where the
//! case has physics, `data.csv` and `history.csv`. Everything else is shown where it is. A file that is there must be
//! whole: right shape, finite numbers, known columns.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array, Array1, Array3, Array4, Array5, Dimension, IxDyn};
use ndarray_npy::{ViewNpyError, ViewNpyExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::grid::{Grid, Plane};

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
    /// Models of the case's variants (`mapping.variant`), `[V, nz, ny, nx]`.
    pub variants: Option<Array4<f64>>,
    /// The data and what the two models predict.
    pub data: Vec<Datum>,
    /// A row an iteration.
    pub history: Vec<Iteration>,
    /// Weights that were tried.
    pub tradeoff: Vec<Candidate>,
    /// The table of scenarios.
    pub scenarios: Option<TextTable>,
}

/// A table as text.
#[derive(Debug, Clone)]
pub struct TextTable {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
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
}

/// What `case.toml` says, as far as the report speaks of it.
#[derive(Debug)]
pub struct Case {
    /// Its title, or else its name.
    pub title: Option<String>,
    /// The grid.
    pub grid: Grid,
    /// The property's name.
    pub property: String,
    /// The property's unit.
    pub unit: String,
    /// The facies' values of the property, in its unit; empty where it has none.
    pub facies: Vec<f64>,
    /// The whole file.
    pub table: toml::Table,
    /// The whole file as it was written.
    pub text: String,
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
        let summary = Summary::read(path)?;
        let case = Case::read(&path.join("case.toml"))?;
        let mut repeats = Vec::new();
        for name in repeat_names(path)? {
            let folder = path.join(&name);
            // The report of repeated runs shows no maps by iteration; many of them would fill the memory.
            let run = Run { iterations: None, probability: None, variants: None, ..Run::read(&folder, &case)? };
            repeats.push(Repeat { summary: Summary::read(&folder)?, run, name });
        }
        let run = if repeats.is_empty() { Some(Run::read(path, &case)?) } else { None };
        Ok(Self { path: path.to_owned(), case, summary, run, repeats })
    }
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
        let field = |name: &str| array::<ndarray::Ix3>(&folder.join(name), &shape);
        let optional = |name: &str| folder.join(name).exists().then(|| field(name)).transpose();
        let stacked = |name: &str, length: Option<usize>| {
            let path = folder.join(name);
            path.exists().then(|| array(&path, &[length, Some(nz), Some(ny), Some(nx)])).transpose()
        };
        let iterations = folder.join("iterations.npy");
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
            variants: stacked("variants.npy", None)?,
            iterations: (iterations.exists())
                .then(|| array(&iterations, &[None, Some(2), Some(nz), Some(ny), Some(nx)]))
                .transpose()?,
            data,
            history: if inverted { rows(&history_path)? } else { optional_rows(&history_path)? },
            tradeoff: optional_rows(&folder.join("tradeoff.csv"))?,
            scenarios: text_table(&folder.join("scenarios.csv"))?,
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

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::file("read", path, e))
}

const REMEDY: &str = "run the case again: the folder's files come from the program and are not meant to be edited";

fn corrupt(path: &Path, problem: impl Into<String>) -> Error {
    Error::input(path.display().to_string(), problem, REMEDY)
}

/// An npy array of f64 or f32 with finite values; `None` in `shape` stands for any positive length.
fn array<D: Dimension>(path: &Path, shape: &[Option<usize>]) -> Result<Array<f64, D>> {
    let bytes = fs::read(path).map_err(|e| Error::file("read", path, e))?;
    // The buffer is aligned for f64, so that viewing it can fail for the file's reasons only. A view never allocates
    // what a corrupt header asks for.
    let mut aligned = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut aligned)[..bytes.len()].copy_from_slice(&bytes);
    let bytes = &bytemuck::cast_slice(&aligned)[..bytes.len()];
    let values = match ndarray::ArrayViewD::<f64>::view_npy(bytes) {
        Ok(view) => view.to_owned(),
        Err(ViewNpyError::WrongDescriptor(_)) => ndarray::ArrayViewD::<f32>::view_npy(bytes)
            .map_err(|e| corrupt(path, format!("no npy array of f64 or f32: {e}")))?
            .mapv(f64::from),
        Err(e) => return Err(corrupt(path, format!("no npy array of f64 or f32: {e}"))),
    };
    let found = values.shape();
    let fits =
        found.len() == shape.len() && found.iter().zip(shape).all(|(&n, want)| n > 0 && want.is_none_or(|w| w == n));
    if !fits {
        let wanted: Vec<_> = shape.iter().map(|n| n.map_or("K".into(), |n| n.to_string())).collect();
        let expected = wanted.join(", ");
        return Err(corrupt(path, format!("the array has shape {found:?}, the case's grid asks for [{expected}]")));
    }
    if let Some((at, value)) = values.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(corrupt(path, format!("the value at {:?} is {value}, expected finite numbers", IxDyn::slice(&at))));
    }
    let shaped = values.into_dimensionality::<D>();
    shaped.map_err(|e| corrupt(path, format!("the array has the wrong number of axes: {e}")))
}

/// Rows of a CSV file with a header.
fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = read_text(path)?;
    let rows: Result<Vec<T>, _> = csv::Reader::from_reader(text.as_bytes()).deserialize().collect();
    let rows = rows.map_err(|e| corrupt(path, e.to_string()))?;
    if rows.is_empty() { Err(corrupt(path, "the table has no rows")) } else { Ok(rows) }
}

fn optional_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if path.exists() && !read_text(path)?.lines().skip(1).all(str::is_empty) { rows(path) } else { Ok(Vec::new()) }
}

fn text_table(path: &Path) -> Result<Option<TextTable>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let cells = |r: &csv::StringRecord| r.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = reader.headers().map(cells).map_err(|e| corrupt(path, e.to_string()))?;
    let rows: Result<Vec<_>, _> = reader.records().map(|r| r.map(|r| cells(&r))).collect();
    Ok(Some(TextTable { header, rows: rows.map_err(|e| corrupt(path, e.to_string()))? }))
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
        let value: Value = serde_json::from_str(&read_text(&path)?).map_err(|e| corrupt(&path, e.to_string()))?;
        if !value.is_object() {
            return Err(corrupt(&path, "expected a JSON object"));
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

impl Case {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| corrupt(path, e.to_string()))?;
        let missing = |key: &str| corrupt(path, format!("the key {key} is missing or of the wrong kind"));
        let cells = key(&table, "grid.cells").and_then(integers).ok_or_else(|| missing("grid.cells"))?;
        let size = key(&table, "grid.size").and_then(lengths).ok_or_else(|| missing("grid.size"))?;
        let origin = key(&table, "grid.origin").and_then(lengths).unwrap_or_default();
        let axis = |values: &[f64], a: usize, default: f64| values.get(a).copied().unwrap_or(default);
        let cells: [usize; 3] = std::array::from_fn(|a| cells.get(a).copied().unwrap_or(1));
        if cells.contains(&0) || !size.iter().all(|s| *s > 0.0 && s.is_finite()) {
            return Err(corrupt(path, format!("a grid of {cells:?} cells and {size:?} m has no extent")));
        }
        let grid = Grid {
            cells,
            spacing: std::array::from_fn(|a| axis(&size, a, cells[a] as f64) / cells[a] as f64),
            origin: std::array::from_fn(|a| axis(&origin, a, 0.0)),
            plane: if text_at(&table, "grid.plane") == Some("xz") { Plane::Xz } else { Plane::Xy },
        };
        let facies = key(&table, "property.facies").and_then(toml::Value::as_array);
        Ok(Self {
            title: text_at(&table, "title").or(text_at(&table, "name")).map(str::to_owned),
            grid,
            property: text_at(&table, "property.name").unwrap_or("property").to_owned(),
            unit: text_at(&table, "property.unit").unwrap_or("").to_owned(),
            facies: facies.map(|f| f.iter().filter_map(leading_number).collect()).unwrap_or_default(),
            table,
            text,
        })
    }

    /// The value at a dotted path of the case.
    pub fn get(&self, path: &str) -> Option<&toml::Value> {
        key(&self.table, path)
    }

    /// What facies `k` is called: its name in the case, or its value.
    pub fn facies_name(&self, k: usize) -> String {
        let facies = self.get("property.facies").and_then(|f| f.get(k));
        let name = facies.and_then(|f| f.get("name")?.as_str());
        let value = self.facies.get(k).map(|v| format!("{v} {}", self.unit).trim_end().to_owned());
        name.map(str::to_owned).or(value).unwrap_or_else(|| format!("facies {}", k + 1))
    }

    /// Names of the scenarios.
    pub fn scenarios(&self) -> Vec<&str> {
        let list = self.table.get("scenario").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|s| s.get("name")?.as_str()).collect()
    }
}

fn key<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let mut parts = path.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn text_at<'a>(table: &'a toml::Table, path: &str) -> Option<&'a str> {
    key(table, path)?.as_str()
}

fn integers(value: &toml::Value) -> Option<Vec<usize>> {
    value.as_array()?.iter().map(|v| usize::try_from(v.as_integer()?).ok()).collect()
}

/// Lengths in metres: an array, or one for every axis.
fn lengths(value: &toml::Value) -> Option<Vec<f64>> {
    match value.as_array() {
        Some(list) => list.iter().map(length).collect(),
        None => length(value).map(|l| vec![l; 3]),
    }
}

/// `1000`, `"1000 m"`, `"1 km"`, `"6400 ft"` in metres.
fn length(value: &toml::Value) -> Option<f64> {
    let number = leading_number(value)?;
    let unit = value.as_str().and_then(|s| s.split_whitespace().nth(1)).unwrap_or("m");
    let metres = match unit {
        "m" => 1.0,
        "km" => 1000.0,
        "cm" => 0.01,
        "mm" => 0.001,
        "ft" => 0.3048,
        _ => return None,
    };
    Some(number * metres)
}

/// The number of `0.5`, `"0.5 ms/m"` or a table with a `value`.
fn leading_number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Integer(i) => Some(*i as f64),
        toml::Value::Float(f) => Some(*f),
        toml::Value::String(s) => s.split_whitespace().next()?.parse().ok(),
        toml::Value::Table(t) => leading_number(t.get("value")?),
        _ => None,
    }
}
