//! What a run on a signal would need.

use crate::case::estimate::{Estimate, Part};
use crate::case::file::Signal;

/// Floating-point operations a second of one core.
const RATE: f64 = 1e10;
/// Weights that the search for one tries.
const TRIED: f64 = 30.0;
/// Evaluations of the dual at each weight.
const EVALUATIONS: f64 = 4.0;

/// Memory and rough time: an evaluation makes an m × m Gram matrix of k columns and the Hessian of up to k groups.
pub fn estimate(signal: &Signal) -> Estimate {
    let k = signal.entries as f64;
    let minimum = |m: usize, group: usize| {
        let (rows, groups) = (m.min(signal.entries) as f64, k / group as f64);
        EVALUATIONS * (rows * rows * k + groups * groups * (rows + groups / 3.0)) / RATE
    };
    let series =
        signal.methods.iter().flat_map(|method| signal.measurements.iter().map(|&m| TRIED * minimum(m, method.group)));
    let scanned = signal
        .weights
        .iter()
        .map(|weights| weights.count as f64 * minimum(weights.measurements, signal.methods[weights.method].group));
    let most = signal.most_measurements() as f64;
    let rows = signal.methods.len() * signal.measurements.len() + signal.weights.as_ref().map_or(0, |w| w.count);
    let bytes = 8.0 * (3.0 * most * k + 2.0 * most * most + rows as f64 * k);
    Estimate { parts: vec![Part { name: "inversion", bytes, seconds: series.chain(scanned).sum() }] }
}
