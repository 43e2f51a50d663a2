//! References, their measurements, and what each penalty recovers of them.

use ndarray::{Array1, Array2, ArrayView1, s};

use crate::case::file::{Signal, SignalMethod, Weights};
use crate::inversion::{ACTIVE_SHARE, Cooling, GroupedLeastSquares, Grouping};
use crate::random::{Purpose, Stream};
use crate::report::metrics::Errors;

/// The least weight λ² as a share of that which empties every group. The minimiser of an under-determined system that can
/// be met tends to that of least penalty, and is as near to it here as rounding allows: below, S = I + Σ η_g A_g A_gᵀ is
/// singular in f64.
const LEAST_SHARE: f64 = 1e-10;

/// A reference: the signal and the rows of G that it may be measured with.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// v, k values: standard normal in the active groups, zero elsewhere.
    pub v: Array1<f64>,
    /// G, m × k, standard normal, m the most measurements of the case.
    pub matrix: Array2<f64>,
}

impl Reference {
    /// Reference `number` of the case.
    pub fn new(signal: &Signal, number: u64) -> Self {
        let (k, m) = (signal.entries, signal.most_measurements());
        let stream = |level| Stream::new(signal.seed, Purpose::Signal, number, level);
        let mut v = Array1::zeros(k);
        let values = stream(0).normals(signal.active.len() * signal.group);
        for (group, values) in signal.active.iter().zip(values.chunks(signal.group)) {
            let at = group * signal.group;
            v.slice_mut(s![at..at + signal.group]).assign(&ArrayView1::from(values));
        }
        let matrix = Array2::from_shape_vec((m, k), stream(1).normals(m * k)).expect("m · k numbers");
        Self { v, matrix }
    }

    /// Its first `m` measurements, `d = G v`, whitened by σ = `sigma` times the root mean square of d.
    pub fn measured(&self, m: usize, sigma: f64) -> Measured {
        let matrix = self.matrix.slice(s![..m, ..]);
        let d = matrix.dot(&self.v);
        let rms = (d.dot(&d) / m as f64).sqrt();
        // A signal of zeros measures as zero, whatever σ.
        let scale = if rms > 0.0 { 1.0 / (sigma * rms) } else { 1.0 };
        Measured { matrix: scale * &matrix, data: scale * d }
    }
}

/// Whitened measurements: `A = G/σ` and `b = d/σ`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// A, m × k.
    pub matrix: Array2<f64>,
    /// b, m.
    pub data: Array1<f64>,
}

/// What was recovered, and how near it comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// v̂, k values.
    pub v: Array1<f64>,
    /// λ.
    pub lambda: f64,
    /// `‖A v̂ − b‖²`.
    pub misfit: f64,
    /// Errors against the reference.
    pub errors: Errors,
    /// `‖v̂ − v‖/‖v‖`.
    pub relative_error: f64,
    /// Which of the true groups are [`selected`].
    pub selected: Vec<bool>,
    /// Fraction of the true groups that are selected and should not be, or are not and should be.
    pub group_mismatch: f64,
}

impl Recovered {
    fn new(signal: &Signal, reference: &Reference, lambda: f64, v: Array1<f64>, misfit: f64) -> Self {
        let difference = &v - &reference.v;
        let selected = selected(v.view(), signal.group);
        let wrong = (0..selected.len()).filter(|g| selected[*g] != signal.active.contains(g)).count();
        Self {
            lambda,
            misfit,
            errors: Errors::between(reference.v.view(), v.view(), &[]),
            relative_error: (difference.dot(&difference) / reference.v.dot(&reference.v)).sqrt(),
            group_mismatch: wrong as f64 / selected.len() as f64,
            selected,
            v,
        }
    }
}

/// Which groups of `group` consecutive entries have a norm of at least a tenth of the largest; none where all are zero.
pub fn selected(v: ArrayView1<'_, f64>, group: usize) -> Vec<bool> {
    let norms: Vec<f64> = v.exact_chunks(group).into_iter().map(|v| v.dot(&v).sqrt()).collect();
    let largest = norms.iter().copied().fold(0.0, f64::max);
    norms.iter().map(|&norm| norm > 0.0 && norm >= ACTIVE_SHARE * largest).collect()
}

fn grouping(entries: usize, method: &SignalMethod) -> Grouping {
    Grouping::blocks(&vec![method.group; entries / method.group]).expect("groups of one size fill the entries")
}

/// The minimiser of `‖A v − b‖² + λ² Σ_g ‖v_g‖` at the largest λ whose misfit is no more than m.
pub fn recover(signal: &Signal, reference: &Reference, method: &SignalMethod, m: usize) -> Recovered {
    let measured = reference.measured(m, signal.sigma);
    let grouping = grouping(signal.entries, method);
    let problem = GroupedLeastSquares::new(measured.matrix.view(), measured.data.view(), &grouping);
    let largest = problem.largest_weight();
    if largest == 0.0 {
        return Recovered::new(signal, reference, 0.0, Array1::zeros(signal.entries), 0.0);
    }
    let (found, weight, _) = problem.discrepancy(Cooling { least: LEAST_SHARE * largest, largest }, m as f64);
    Recovered::new(signal, reference, weight.sqrt(), found.v, found.misfit)
}

/// The minimisers at every λ of `weights`, from the least on; those of vanishing λ are their limit as near as it is known.
pub fn scan(signal: &Signal, reference: &Reference, weights: &Weights) -> Vec<Recovered> {
    let measured = reference.measured(weights.measurements, signal.sigma);
    let grouping = grouping(signal.entries, &signal.methods[weights.method]);
    let problem = GroupedLeastSquares::new(measured.matrix.view(), measured.data.view(), &grouping);
    let least = LEAST_SHARE * problem.largest_weight();
    let lambdas: Vec<f64> = weights.values().collect();
    let mut out: Vec<Recovered> = Vec::with_capacity(lambdas.len());
    // From the largest on, since each is near the one before.
    for &lambda in lambdas.iter().rev() {
        let recovered = match out.last() {
            Some(last) if lambda * lambda < least && last.lambda * last.lambda <= least => {
                Recovered { lambda, ..last.clone() }
            }
            last => {
                let near = last.map(|last| last.v.view());
                let found = problem.minimize((lambda * lambda).max(least), near);
                Recovered::new(signal, reference, lambda, found.v, found.misfit)
            }
        };
        out.push(recovered);
    }
    out.reverse();
    out
}
