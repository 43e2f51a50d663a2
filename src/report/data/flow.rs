//! What a run with groundwater flow leaves behind: heads of all cells, wells, curves over time.

use std::path::Path;

use ndarray::{Array4, Ix4};
use serde::{Deserialize, Serialize};

use super::files::{array_with_gaps, corrupt, optional_rows};
use crate::error::Result;
use crate::grid::Grid;

/// Heads \[m\] of every cell, `[frames, nz, ny, nx]`; NaN where a cell is inactive.
#[derive(Debug)]
pub struct Heads {
    /// Time of each frame \[s\]; empty in steady flow, and where each frame is the end of a pumping test.
    pub times: Vec<f64>,
    /// Name of the pumping test of each frame; empty where there are none.
    pub tests: Vec<String>,
    /// Of u.
    pub model: Array4<f64>,
    /// Of ū + Φv.
    pub parameterized: Option<Array4<f64>>,
    /// Of the reference.
    pub reference: Option<Array4<f64>>,
}

/// A row of `wells.csv`: a screened cell of a well.
#[derive(Debug, Clone, Deserialize)]
pub struct WellCell {
    /// The well's name.
    pub name: String,
    /// Centre of the cell \[m\].
    pub x: f64,
    /// Second axis.
    pub y: f64,
    /// Third axis.
    pub z: f64,
    /// Number of the layer, from 1 at the bottom.
    pub layer: usize,
    /// What is held: `rate`, a `schedule` of rates, of which the largest is given, or `head`.
    pub control: String,
    /// The rate (extraction positive) or head.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// A row of `drawdown.csv`: what happens at a place at a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Response {
    /// Name of the well or of the place.
    pub place: String,
    /// `head`, `drawdown` or `rate`.
    pub kind: String,
    /// Where it is \[m\].
    pub x: f64,
    /// North of the origin \[m\].
    pub y: f64,
    /// Above it \[m\].
    pub z: f64,
    /// Time \[s\].
    pub time: f64,
    /// Unit of the values.
    pub unit: String,
    /// Of the reference.
    pub reference: Option<f64>,
    /// Of ū + Φv.
    pub predicted_parameterized: f64,
    /// Of u.
    pub predicted_model: f64,
    /// The datum, where there is one; times beyond the last datum are a forecast.
    pub observed: Option<f64>,
    /// Of the facies that a field was rounded to, where these are not u.
    #[serde(default)]
    pub predicted_facies: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Frame {
    time: f64,
}

#[derive(Debug, Deserialize)]
struct OfTest {
    test: String,
}

/// The heads of the folder, where it has them.
pub(super) fn heads(folder: &Path, grid: &Grid) -> Result<Option<Heads>> {
    let [nz, ny, nx] = grid.shape();
    let read = |name: &str, frames: Option<usize>| {
        let path = folder.join(name);
        let read = || array_with_gaps::<Ix4>(&path, &[frames, Some(nz), Some(ny), Some(nx)]);
        path.exists().then(read).transpose()
    };
    let Some(model) = read("head.npy", None)? else { return Ok(None) };
    let frames = Some(model.shape()[0]);
    let path = folder.join("head_times.csv");
    let times: Vec<f64> = optional_rows::<Frame>(&path)?.into_iter().map(|frame| frame.time).collect();
    if !times.is_empty() && Some(times.len()) != frames {
        return Err(corrupt(&path, format!("{} times for {} frames of head.npy", times.len(), model.shape()[0])));
    }
    let path = folder.join("head_tests.csv");
    let tests: Vec<String> = optional_rows::<OfTest>(&path)?.into_iter().map(|frame| frame.test).collect();
    if !tests.is_empty() && Some(tests.len()) != frames {
        return Err(corrupt(&path, format!("{} tests for {} frames of head.npy", tests.len(), model.shape()[0])));
    }
    let (parameterized, reference) = (read("head_parameterized.npy", frames)?, read("head_reference.npy", frames)?);
    Ok(Some(Heads { times, tests, model, parameterized, reference }))
}
