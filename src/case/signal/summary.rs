//! `summary.json` and the tables of a recovered signal.

use std::collections::BTreeMap;

use serde::Serialize;

use super::recovery::Recovered;
use crate::case::summary::Head;
use crate::report::metrics::Errors;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What ran.
    #[serde(flatten)]
    pub head: Head,
    /// `"stagnation"`: every problem is convex and solved until nothing changes.
    pub stopped_because: String,
    /// By method and number of measurements.
    pub errors: BTreeMap<String, BTreeMap<usize, Row>>,
    /// Errors of v̂ = 0.
    pub zero: Errors,
    /// Wall seconds.
    pub seconds: Seconds,
    /// Largest resident memory \[bytes\], where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// What a method makes of a number of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// `mean (v − v̂)²`.
    pub e1: f64,
    /// `mean |v − v̂|`.
    pub e2: f64,
    /// `√e1`.
    pub rmse: f64,
    /// `‖v̂ − v‖/‖v‖`.
    pub relative_error: f64,
    /// Fraction of the true groups that are selected and should not be, or are not and should be.
    pub group_mismatch: f64,
    /// λ.
    pub lambda: f64,
    /// Whitened misfit.
    pub misfit: f64,
}

impl Row {
    pub(super) fn of(recovered: &Recovered) -> Self {
        let Errors { e1, e2, rmse, .. } = recovered.errors;
        let &Recovered { relative_error, group_mismatch, lambda, misfit, .. } = recovered;
        Self { e1, e2, rmse, relative_error, group_mismatch, lambda, misfit }
    }
}

/// Wall seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// Every method and number of measurements, and the weights.
    pub inversion: f64,
    /// Everything, the report included.
    pub total: f64,
}
