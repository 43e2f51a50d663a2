//! Least squares with a group penalty, `min_v ‖A v − b‖² + λ² Σ_g μ_g ‖K_g v_g‖₂`, to the last digit.
//!
//! A few steps of iteratively reweighted least squares (IRLS) come near; which groups are empty is then read off the
//! optimality conditions, and Newton's method on the others ends it. Both work on one function of one number a group:
//! with `w = K v`, `α_g = λ² μ_g / 2` and `α ‖w‖ = min_η ½ (‖w‖²/η + α² η)`, half the objective is the minimum over
//! η ≥ 0 of the convex
//!
//! `J(η) = ½ bᵀ S⁻¹ b + ½ Σ α_g² η_g`, `S = I + Σ η_g A_g A_gᵀ`, with `r = S⁻¹ b`, `w_g = η_g A_gᵀ r`,
//! `∂J/∂η_g = ½ (α_g² − ‖A_gᵀ r‖²)`, `∂²J/∂η_g∂η_h = x_gᵀ S⁻¹ x_h` with `x_g = A_g A_gᵀ r`.
//!
//! IRLS is `η_g ← ‖w_g‖/α_g`. Its majorizer has the curvature `‖A_gᵀ r‖²/η_g`, which damps Newton's steps. (Variational
//! form: Bach, Jenatton, Mairal & Obozinski 2012, Optimization with Sparsity-Inducing Penalties, section 1.4.2.)

use std::collections::HashMap;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, ShapeBuilder};

use super::groups::Grouping;
use super::weight::{Candidate, Cooling};
use crate::linalg::dense::{Cholesky, cholesky, gram, gram_cholesky, multiply, triangularize};
use crate::operator::LinearOperator;

/// Reweighted steps before Newton's.
const REWEIGHTINGS: usize = 8;
/// √ε of the first reweighting as a share of the largest group norm; ε falls tenfold a step.
const SMOOTHING: f64 = 0.1;
/// √ε never falls below this share.
const LEAST_SMOOTHING: f64 = 1e-8;
/// Groups below this share of the largest norm start Newton's method empty.
const SCREEN: f64 = 1e-3;
/// Newton steps, refused ones included.
const NEWTON_STEPS: usize = 200;
/// Sweeps of the descent by coordinates within a Newton step,
const SWEEPS: usize = 10;
/// and active sets tried after it.
const ACTIVE_SETS: usize = 60;
/// A derivative at zero below this share of the first one is none.
const RESTS: f64 = 1e-9;
/// Relative violation `|‖A_gᵀr‖/α_g − 1|` of the optimality conditions at which a minimiser counts as found.
const OPTIMAL: f64 = 1e-11;
/// Relative rounding errors of J, at most.
const ROUNDING: f64 = 1e-10;
/// λ² falls by this factor at each step of cooling.
const COOLING: f64 = 0.5;
/// Weights between the last two of cooling that are tried, at most,
const NARROWINGS: usize = 12;
/// and how far below its target, relative to it, a misfit has reached it.
const REACHED: f64 = 5e-4;

/// The minimiser at one weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimizer {
    /// v, k values; exactly zero in every group that is empty.
    pub v: Array1<f64>,
    /// Whether each group is not empty.
    pub active: Vec<bool>,
    /// `‖A v − b‖²`.
    pub misfit: f64,
    /// `R(v)`.
    pub penalty: f64,
    /// Largest relative violation of the optimality conditions, of those groups that are not empty and of those that
    /// should not be.
    pub violation: f64,
    /// Newton steps that it took.
    pub steps: usize,
}

/// Least squares with a group penalty, prepared for any number of weights: equal columns of A kept once, and where more
/// rows than columns are left, the triangle R of their QR decomposition in their place.
///
/// Groups that share coefficients repeat columns ([`OverlappingGroups::repeat`](super::OverlappingGroups::repeat)), and
/// a column that c groups hold enters S with one weight, the sum of c.
pub struct GroupedLeastSquares<'a> {
    grouping: &'a Grouping,
    /// The distinct columns of A, or their R.
    matrix: Array2<f64>,
    /// Which of them each of the k columns of A is.
    distinct: Vec<usize>,
    /// The diagonal of `K⁻¹`, k values.
    scale: Array1<f64>,
    target: Array1<f64>,
    /// What of `‖b‖²` lies outside the range of A, where R stands for A.
    unreachable: f64,
    /// How many data's worth of directions that is.
    outside: usize,
}

/// J and what it takes to go on from η.
struct State {
    eta: Vec<f64>,
    value: f64,
    factor: Cholesky,
    /// r.
    residual: Array1<f64>,
    /// `AᵀK⁻ᵀ r`, k values.
    gradient: Array1<f64>,
    /// `‖A_gᵀ r‖` of every group.
    norms: Vec<f64>,
}

impl<'a> GroupedLeastSquares<'a> {
    /// Prepares `‖A v − b‖²` (A: m × k) under the penalty of a grouping of k coefficients.
    pub fn new(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>, grouping: &'a Grouping) -> Self {
        assert_eq!(a.ncols(), grouping.columns(), "columns of a matrix against those of the grouping");
        assert_eq!(a.nrows(), b.len(), "rows of a matrix against its right-hand side");
        let (first, distinct) = distinct_columns(a, &column_hashes(a));
        // Columns are what it is read by.
        let matrix = a.t().select(Axis(0), &first).reversed_axes();
        let scale = element_weights(grouping).mapv(f64::recip);
        if matrix.nrows() <= matrix.ncols() {
            return Self { grouping, matrix, distinct, scale, target: b.to_owned(), unreachable: 0.0, outside: 0 };
        }
        let outside = matrix.nrows() - matrix.ncols();
        let (matrix, target) = triangularize(matrix.view(), b);
        let unreachable = (b.dot(&b) - target.dot(&target)).max(0.0);
        Self { grouping, matrix, distinct, scale, target, unreachable, outside }
    }

    /// `K⁻¹ Aᵀ r`, k values.
    fn gradient(&self, residual: &Array1<f64>) -> Array1<f64> {
        let products = self.matrix.t().dot(residual);
        self.distinct.iter().zip(&self.scale).map(|(&column, scale)| scale * products[column]).collect()
    }

    /// The weight λ² from which on everything is zero.
    pub fn largest_weight(&self) -> f64 {
        let gradient = self.gradient(&self.target);
        let groups = self.grouping.groups().iter();
        groups.map(|g| 2.0 * norm(g.columns.iter().map(|&i| gradient[i])) / g.weight).fold(0.0, f64::max)
    }

    /// The minimiser at weight λ² > 0. `near`: coefficients to start from, such as the minimiser at a weight nearby.
    pub fn minimize(&self, weight: f64, near: Option<ArrayView1<'_, f64>>) -> Minimizer {
        assert!(weight > 0.0 && weight.is_finite(), "λ² must be positive, not {weight}");
        let alpha: Vec<f64> = self.grouping.groups().iter().map(|g| 0.5 * weight * g.weight).collect();
        if self.largest_weight() <= weight {
            return self.finished(self.state(vec![0.0; alpha.len()], &alpha), &alpha, 0);
        }
        let norms = match near.map(|v| self.grouping.norms(v)) {
            Some(norms) if norms.iter().any(|&n| n > 0.0) => norms,
            _ => self.reweighted(&alpha),
        };
        let screen = SCREEN * largest(&norms);
        let eta = norms.iter().zip(&alpha).map(|(&n, a)| if n > screen { n / a } else { 0.0 }).collect();
        self.newton(self.state(eta, &alpha), &alpha)
    }

    /// The minimiser at the largest weight whose misfit reaches `target`: λ² is halved from the top of `range` until it
    /// does, then narrowed down until the misfit is the target but for a share of 5e-4; where even the least weight misses
    /// the target, the least is taken. Returns the weight, and every candidate in the order tried, too.
    pub fn discrepancy(&self, range: Cooling, target: f64) -> (Minimizer, f64, Vec<Candidate>) {
        assert!(0.0 < range.least && range.least <= range.largest, "weights from {} to {}", range.least, range.largest);
        let mut tried = Vec::new();
        let mut attempt = |weight: f64, near: Option<&Minimizer>| {
            let found = self.minimize(weight, near.map(|n| n.v.view()));
            tried.push(Candidate { weight, misfit: found.misfit, penalty: found.penalty, chosen: 0 });
            found
        };
        let excess = |found: &Minimizer| (found.misfit / target).ln();
        let mut weight = range.largest;
        let mut found = attempt(weight, None);
        let mut too_large = None;
        while found.misfit > target && weight > range.least {
            too_large = Some((weight, excess(&found)));
            weight = (weight * COOLING).max(range.least);
            found = attempt(weight, Some(&found));
        }
        // False position on ln misfit by ln λ²; an end that stays counts half from the second time on (Illinois).
        if let (Some(missed), true) = (too_large, found.misfit <= target) {
            let (mut ends, mut moved) = ([missed, (weight, excess(&found))], None);
            for _ in 0..NARROWINGS {
                if excess(&found) >= -REACHED {
                    break;
                }
                let [(high, above), (low, below)] = ends;
                let between = high * (low / high).powf((above / (above - below)).clamp(0.1, 0.9));
                let candidate = attempt(between, Some(&found));
                let end = usize::from(candidate.misfit <= target);
                ends[end] = (between, excess(&candidate));
                if moved == Some(end) {
                    ends[1 - end].1 *= 0.5;
                }
                moved = Some(end);
                if end == 1 {
                    (weight, found) = (between, candidate);
                }
            }
        }
        for candidate in &mut tried {
            candidate.chosen = u8::from(candidate.weight == weight);
        }
        (found, weight, tried)
    }

    /// The minimisers at descending weights, each found from the one before.
    pub fn path(&self, weights: &[f64]) -> Vec<(f64, Minimizer)> {
        let mut path: Vec<(f64, Minimizer)> = Vec::with_capacity(weights.len());
        for &weight in weights {
            let found = self.minimize(weight, path.last().map(|(_, before)| before.v.view()));
            path.push((weight, found));
        }
        path
    }

    /// `tr(∂r/∂b)` of the residual `r = b − A v` of the minimiser at a weight: the data less what v takes of them.
    ///
    /// Where groups stay empty or not as they are, `‖A_gᵀr‖ = α_g` gives `x_gᵀ ∂r = 0` for those that are not, so that with
    /// X their columns x_g, `∂r = (S⁻¹ − S⁻¹X (XᵀS⁻¹X)⁻¹ XᵀS⁻¹) ∂b`.
    pub fn freedom(&self, found: &Minimizer, weight: f64) -> f64 {
        let alpha: Vec<f64> = self.grouping.groups().iter().map(|g| 0.5 * weight * g.weight).collect();
        let eta = self.grouping.norms(found.v.view()).iter().zip(&alpha).map(|(n, a)| n / a).collect();
        let state = self.state(eta, &alpha);
        let half = state.factor.half_solve_block(Array2::eye(self.matrix.nrows()).view());
        let all = half.iter().map(|x| x * x).sum::<f64>() + self.outside as f64;
        let active: Vec<usize> = (0..alpha.len()).filter(|&g| state.eta[g] > 0.0).collect();
        let directions = state.factor.half_solve_block(self.images(&state, &active).view());
        let mut hessian = multiply(directions.t(), directions.view());
        // Groups whose images coincide share one freedom.
        hessian.diag_mut().mapv_inplace(|h| h * (1.0 + 1e-13));
        let Some(factor) = cholesky(&hessian) else { return all };
        let solved = state.factor.half_solve_transposed_block(directions.view());
        let taken = factor.solve_block(multiply(solved.t(), solved.view()).view());
        all - taken.diag().sum()
    }

    /// `x_g = A_g A_gᵀ r` of some groups, one a column.
    fn images(&self, state: &State, groups: &[usize]) -> Array2<f64> {
        let mut images = Array2::zeros((self.matrix.nrows(), groups.len()).f());
        for (&g, mut image) in groups.iter().zip(images.axis_iter_mut(Axis(1))) {
            for &i in &self.grouping.groups()[g].columns {
                image.scaled_add(self.scale[i] * state.gradient[i], &self.matrix.column(self.distinct[i]));
            }
        }
        images
    }

    /// Norms `‖w_g‖` after some steps of IRLS in the dual form, from a ridge (Λ = KᵀK) on.
    fn reweighted(&self, alpha: &[f64]) -> Vec<f64> {
        let mut eta: Vec<f64> = alpha.iter().map(|a| a.recip()).collect();
        let mut norms = Vec::new();
        for step in 0..REWEIGHTINGS {
            let state = self.state(eta, alpha);
            norms = state.eta.iter().zip(&state.norms).map(|(e, n)| e * n).collect();
            let epsilon = smoothing(step, largest(&norms));
            eta = norms.iter().zip(alpha).map(|(n, a)| (n * n + epsilon).sqrt() / a).collect();
        }
        norms
    }

    /// Evaluates J at η.
    fn state(&self, eta: Vec<f64>, alpha: &[f64]) -> State {
        let mut squares = vec![0.0; self.matrix.ncols()];
        for (group, eta) in self.grouping.groups().iter().zip(&eta) {
            group.columns.iter().for_each(|&i| squares[self.distinct[i]] += eta * self.scale[i].powi(2));
        }
        let of_column = |(column, square): (usize, &f64)| (*square > 0.0).then(|| (column, square.sqrt()));
        let scaled: Vec<(usize, f64)> = squares.iter().enumerate().filter_map(of_column).collect();
        let mut system = gram(self.matrix.nrows(), scaled.len(), |range, mut tile| {
            for (row, mut out) in self.matrix.rows().into_iter().zip(tile.rows_mut()) {
                for (out, (column, factor)) in out.iter_mut().zip(&scaled[range.clone()]) {
                    *out = row[*column] * factor;
                }
            }
        });
        system.diag_mut().mapv_inplace(|s| s + 1.0);
        let factor = gram_cholesky(system);
        let residual = factor.solve(self.target.view());
        let gradient = self.gradient(&residual);
        let groups = self.grouping.groups().iter();
        let norms = groups.map(|g| norm(g.columns.iter().map(|&i| gradient[i]))).collect();
        let penalty: f64 = eta.iter().zip(alpha).map(|(eta, alpha)| alpha * alpha * eta).sum();
        State { value: 0.5 * (self.target.dot(&residual) + penalty), eta, factor, residual, gradient, norms }
    }

    /// Newton's method on the groups that are not empty or should not be, damped by the curvature of IRLS.
    fn newton(&self, mut state: State, alpha: &[f64]) -> Minimizer {
        let mut damping = 1e-2;
        for step in 0..NEWTON_STEPS {
            if violation(&state, alpha) <= OPTIMAL {
                return self.finished(state, alpha, step);
            }
            let next = self.state(self.newton_step(&state, alpha, damping), alpha);
            // Where J changes by its rounding errors only, its derivatives still tell which of two is nearer.
            let is_level = next.value <= state.value * (1.0 + ROUNDING);
            if next.value <= state.value || (is_level && violation(&next, alpha) < violation(&state, alpha)) {
                state = next;
                damping = if damping > 1e-6 { 0.1 * damping } else { 0.0 };
            } else if damping > 1e12 {
                break;
            } else {
                damping = (10.0 * damping).max(1e-3);
            }
        }
        self.finished(state, alpha, NEWTON_STEPS)
    }

    /// η after one damped Newton step: the least of the quadratic model of J over η ≥ 0.
    fn newton_step(&self, state: &State, alpha: &[f64], damping: f64) -> Vec<f64> {
        let working: Vec<usize> =
            (0..alpha.len()).filter(|&g| state.eta[g] > 0.0 || state.norms[g] > alpha[g] * (1.0 + OPTIMAL)).collect();
        let half = state.factor.half_solve_block(self.images(state, &working).view());
        let mut hessian = multiply(half.t(), half.view());
        let least = 1e-3 * largest(&state.eta);
        for (at, &g) in working.iter().enumerate() {
            let curvature = state.norms[g].powi(2) / state.eta[g].max(least).max(f64::MIN_POSITIVE);
            hessian[[at, at]] += (damping + 1e-12) * curvature;
        }
        let slope: Array1<f64> = working.iter().map(|&g| 0.5 * (state.norms[g].powi(2) - alpha[g].powi(2))).collect();
        let before: Array1<f64> = working.iter().map(|&g| state.eta[g]).collect();
        let after = least_above_zero(&hessian, &slope, &before);
        let mut eta = state.eta.clone();
        working.iter().zip(&after).for_each(|(&g, &value)| eta[g] = value);
        eta
    }

    fn finished(&self, state: State, alpha: &[f64], steps: usize) -> Minimizer {
        let mut v = Array1::zeros(self.grouping.columns());
        for (group, eta) in self.grouping.groups().iter().zip(&state.eta) {
            group.columns.iter().for_each(|&i| v[i] = eta * self.scale[i] * state.gradient[i]);
        }
        Minimizer {
            misfit: state.residual.dot(&state.residual) + self.unreachable,
            penalty: self.grouping.value(v.view()),
            violation: violation(&state, alpha),
            active: state.eta.iter().map(|&eta| eta > 0.0).collect(),
            v,
            steps,
        }
    }
}

/// The least of `½ (x − x₀)ᵀ H (x − x₀) − cᵀ (x − x₀)` over x ≥ 0: descent by coordinates comes near, and active sets end it
/// (Nocedal & Wright 2006, Numerical Optimization, section 16.5).
fn least_above_zero(hessian: &Array2<f64>, slope: &Array1<f64>, start: &Array1<f64>) -> Array1<f64> {
    let (mut x, mut descent) = (start.clone(), slope.clone());
    let put = |x: &mut Array1<f64>, i: usize, value: f64, descent: &mut Array1<f64>| {
        let change = value - x[i];
        if change != 0.0 {
            descent.scaled_add(-change, &hessian.row(i));
            x[i] = value;
        }
    };
    for _ in 0..SWEEPS {
        for i in 0..x.len() {
            let value = (x[i] + descent[i] / hessian[[i, i]]).max(0.0);
            put(&mut x, i, value, &mut descent);
        }
    }
    let mut free: Vec<usize> = (0..x.len()).filter(|&i| x[i] > 0.0).collect();
    for _ in 0..ACTIVE_SETS {
        let part = hessian.select(Axis(0), &free).select(Axis(1), &free);
        let Some(factor) = cholesky(&part) else { break };
        let step = factor.solve(descent.select(Axis(0), &free).view());
        let reach = |(&i, step): (&usize, &f64)| if *step < 0.0 { -x[i] / step } else { f64::INFINITY };
        let fraction = free.iter().zip(&step).map(reach).fold(1.0, f64::min);
        for (&i, step) in free.iter().zip(&step) {
            let value = x[i] + fraction * step;
            let value = if value > x[i] * f64::EPSILON { value } else { 0.0 };
            put(&mut x, i, value, &mut descent);
        }
        let is_wanted = |i: usize| x[i] > 0.0 || (fraction == 1.0 && descent[i] > RESTS * slope[i].abs());
        let next: Vec<usize> = (0..x.len()).filter(|&i| is_wanted(i)).collect();
        if fraction == 1.0 && next == free {
            break;
        }
        free = next;
    }
    x
}

/// FxHash of the bits of every column, all at once row by row: a matrix of many rows is stored so.
fn column_hashes(a: ArrayView2<'_, f64>) -> Vec<u64> {
    let mut hashes = vec![0u64; a.ncols()];
    for row in a.rows() {
        for (hash, x) in hashes.iter_mut().zip(row) {
            *hash = (hash.rotate_left(5) ^ x.to_bits()).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
    hashes
}

/// The first of each set of equal columns, and which of these every column equals; equal columns have equal `hashes`.
fn distinct_columns(a: ArrayView2<'_, f64>, hashes: &[u64]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<u64, Vec<usize>> = HashMap::with_capacity(a.ncols());
    let mut first: Vec<usize> = Vec::new();
    let mut distinct = Vec::with_capacity(a.ncols());
    for (i, hash) in hashes.iter().enumerate() {
        let alike = numbers.entry(*hash).or_default();
        let known = alike.iter().copied().find(|&number| a.column(first[number]) == a.column(i));
        distinct.push(known.unwrap_or_else(|| {
            first.push(i);
            alike.push(first.len() - 1);
            first.len() - 1
        }));
    }
    (first, distinct)
}

/// How many groups enter at once where a matrix is known by its products alone; the worst violators come first.
const ENTERING: usize = 16;

/// As [`GroupedLeastSquares::minimize`], for a matrix that is known by its products alone: IRLS by LSQR finds which
/// groups count, and the columns of these alone are formed.
pub fn minimize_matrix_free(
    a: &dyn LinearOperator,
    b: ArrayView1<'_, f64>,
    grouping: &Grouping,
    weight: f64,
) -> Minimizer {
    if grouping.largest_weight(a.adjoint(b).view()) <= weight {
        return Minimizer {
            v: Array1::zeros(a.cols()),
            active: vec![false; grouping.groups().len()],
            misfit: b.dot(&b),
            penalty: 0.0,
            violation: 0.0,
            steps: 0,
        };
    }
    let norms = reweighted_by_lsqr(a, b, grouping, weight);
    let mut working: Vec<usize> = (0..norms.len()).filter(|&g| norms[g] > SCREEN * largest(&norms)).collect();
    loop {
        let (part, columns) = grouping.subset(&working);
        let mut unit = Array2::zeros((a.cols(), columns.len()));
        columns.iter().enumerate().for_each(|(at, &column)| unit[[column, at]] = 1.0);
        let found = GroupedLeastSquares::new(a.apply_block(unit.view()).view(), b, &part).minimize(weight, None);
        let mut v = Array1::zeros(a.cols());
        columns.iter().zip(&found.v).for_each(|(&column, &value)| v[column] = value);
        let gradient = a.adjoint((&b - &a.apply(v.view())).view());
        let needed = grouping.needed_weights(gradient.view());
        let mut violators: Vec<usize> =
            (0..norms.len()).filter(|g| !working.contains(g) && needed[*g] > weight * (1.0 + OPTIMAL.sqrt())).collect();
        if violators.is_empty() {
            let mut active = vec![false; norms.len()];
            working.iter().zip(&found.active).for_each(|(&g, &is)| active[g] = is);
            return Minimizer { v, active, ..found };
        }
        violators.sort_by(|&g, &h| needed[h].total_cmp(&needed[g]));
        working.extend(violators.into_iter().take(ENTERING));
        working.sort_unstable();
    }
}

/// Norms `‖K_g v_g‖` after some steps of IRLS, each by LSQR on `A (λ²Λ/2)^{-1/2}`.
fn reweighted_by_lsqr(a: &dyn LinearOperator, b: ArrayView1<'_, f64>, grouping: &Grouping, weight: f64) -> Vec<f64> {
    let mut weights = grouping.weights_by_group(|_| 1.0);
    let mut norms = Vec::new();
    for step in 0..REWEIGHTINGS {
        let v = reweighted_step(a, b, (0.5 * weight * &weights).view(), 1e-8);
        norms = grouping.norms(v.view());
        weights = grouping.irls_weights(v.view(), smoothing(step, largest(&norms)));
    }
    norms
}

/// The minimiser of `‖A v − b‖² + Σ_j D_j v_j²` for D > 0 by LSQR with unit damping on `A D^{-1/2}`, until the relative
/// gradient falls below `tolerance` (Paige & Saunders 1982, ACM Transactions on Mathematical Software 8(1)).
pub fn reweighted_step(
    a: &dyn LinearOperator,
    b: ArrayView1<'_, f64>,
    weights: ArrayView1<'_, f64>,
    tolerance: f64,
) -> Array1<f64> {
    let scale = weights.mapv(|d| d.sqrt().recip());
    let length = |x: &Array1<f64>| x.dot(x).sqrt();
    let mut u = b.to_owned();
    let mut x = Array1::zeros(a.cols());
    let beta = length(&u);
    if beta == 0.0 {
        return x;
    }
    u /= beta;
    let mut v = &scale * &a.adjoint(u.view());
    let mut alpha = length(&v);
    if alpha == 0.0 {
        return x;
    }
    v /= alpha;
    let mut w = v.clone();
    let (mut phi_bar, mut rho_bar) = (beta, alpha);
    let first = alpha * beta;
    for _ in 0..4 * (a.rows() + a.cols()) {
        u = a.apply((&scale * &v).view()) - alpha * &u;
        let beta = length(&u);
        if beta > 0.0 {
            u /= beta;
        }
        v = &scale * &a.adjoint(u.view()) - beta * &v;
        alpha = length(&v);
        if alpha > 0.0 {
            v /= alpha;
        }
        // The damping's rotation, then that of the bidiagonal matrix.
        let damped = rho_bar.hypot(1.0);
        phi_bar *= rho_bar / damped;
        let rho = damped.hypot(beta);
        let (c, s) = (damped / rho, beta / rho);
        x.scaled_add(c * phi_bar / rho, &w);
        let theta = s * alpha;
        rho_bar = -c * alpha;
        phi_bar *= s;
        w = &v - theta / rho * &w;
        if (phi_bar * alpha * c).abs() <= tolerance * first {
            break;
        }
    }
    scale * x
}

/// ε of reweighting `step` (from 0), for group norms of which `most` is the largest.
fn smoothing(step: usize, most: f64) -> f64 {
    let least = (LEAST_SMOOTHING * most).powi(2).max(f64::MIN_POSITIVE);
    ((SMOOTHING * most).powi(2) * 0.1f64.powi(step as i32)).max(least)
}

/// Largest relative violation of `‖A_gᵀr‖ = α_g` where η_g > 0 and `≤ α_g` elsewhere.
fn violation(state: &State, alpha: &[f64]) -> f64 {
    let of_group = |((eta, norm), alpha): ((&f64, &f64), &f64)| match *eta > 0.0 {
        true => (norm / alpha - 1.0).abs(),
        false => (norm / alpha - 1.0).max(0.0),
    };
    state.eta.iter().zip(&state.norms).zip(alpha).map(of_group).fold(0.0, f64::max)
}

fn element_weights(grouping: &Grouping) -> Array1<f64> {
    grouping.weights_by_group(|_| 1.0).mapv(f64::sqrt)
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::gauss_newton::{Matrix, Rest, Term, solve_dual, solve_primal};
    use super::super::groups::ranges;
    use super::super::toys::normals;
    use super::*;
    use crate::operator::Dense;

    #[test]
    fn equal_columns_are_kept_once_whatever_their_hashes() {
        let a = array![[1.0, 2.0, 1.0, 0.0, 2.0, 1.0], [3.0, 4.0, 3.0, 0.0, 4.0, 3.5], [5.0, 6.0, 5.0, 0.0, 6.0, 5.0]];
        let expected = (vec![0, 1, 3, 5], vec![0, 1, 0, 2, 1, 3]);
        assert_eq!(distinct_columns(a.view(), &column_hashes(a.view())), expected);
        assert_eq!(distinct_columns(a.view(), &[7; 6]), expected, "columns of one hash are told apart");
    }

    /// Columns that stand there several times, fewer of them than data, and a weight that leaves nothing but rounding.
    #[test]
    fn a_vanishing_weight_of_repeated_columns_is_least_squares() {
        let (a, b) = (normals(40, 6, 1), normals(40, 1, 2).column(0).to_owned());
        let members: Vec<usize> = (0..18).map(|i| if i % 3 == 0 { 0 } else { i % 6 }).collect();
        let repeated = a.select(Axis(1), &members);
        let grouping = Grouping::blocks(&[3; 6]).unwrap();
        let prepared = GroupedLeastSquares::new(repeated.view(), b.view(), &grouping);
        let used = a.select(Axis(1), &[0, 1, 2, 4, 5]);
        let (_, seen) = triangularize(used.view(), b.view());
        let least = b.dot(&b) - seen.dot(&seen);
        for share in [1e-6, 1e-10, 1e-14] {
            let found = prepared.minimize(share * prepared.largest_weight(), None);
            assert!(found.v.iter().all(|v| v.is_finite()));
            let missed = &b - &repeated.dot(&found.v);
            assert!((missed.dot(&missed) / least - 1.0).abs() < 1e-4, "{share}: {} {least}", missed.dot(&missed));
        }
    }

    fn relative(found: &Array1<f64>, expected: &Array1<f64>) -> f64 {
        let difference = found - expected;
        (difference.dot(&difference) / expected.dot(expected)).sqrt()
    }

    /// Data of two of seven groups, with weights of their own, and some noise.
    fn problem(m: usize) -> (Array2<f64>, Array1<f64>, Grouping) {
        let lengths = [3, 5, 1, 4, 6, 2, 8];
        let k = lengths.iter().sum();
        let a = normals(m, k, 0);
        let sigma = normals(k, 1, 1).column(0).mapv(|x| 0.2 + x.abs());
        let grouping = Grouping::scenarios(&ranges(&lengths), sigma.view()).unwrap();
        let mut v = Array1::zeros(k);
        v.slice_mut(ndarray::s![3..8]).assign(&normals(5, 1, 2).column(0));
        v.slice_mut(ndarray::s![13..19]).assign(&normals(6, 1, 3).column(0));
        let b = a.dot(&v) + 0.1 * &normals(m, 1, 4).column(0);
        (a, b, grouping)
    }

    #[test]
    fn the_least_above_zero_meets_its_conditions() {
        // Six directions for forty unknowns, and next to nothing that tells the others apart.
        for (rows, ridge) in [(60, 0.0), (6, 1e-6)] {
            let a = normals(rows, 40, 7);
            let hessian = a.t().dot(&a) + ridge * Array2::<f64>::eye(40);
            let slope = a.t().dot(&normals(rows, 1, 8).column(0));
            let start = normals(40, 1, 9).column(0).mapv(|x| x.max(0.0));
            let x = least_above_zero(&hessian, &slope, &start);
            let descent = &slope - &hessian.dot(&(&x - &start));
            let scale = slope.dot(&slope).sqrt();
            let free = x.iter().filter(|x| **x > 0.0).count();
            assert!(0 < free && free < 40, "{free}");
            for (x, d) in x.iter().zip(&descent) {
                let violated = if *x > 0.0 { d.abs() } else { d.max(0.0) };
                assert!(*x >= 0.0 && violated < 1e-7 * scale, "{rows} rows: {x} {d}");
            }
        }
    }

    #[test]
    fn the_minimizer_meets_the_optimality_conditions() {
        for m in [13, 60] {
            let (a, b, grouping) = problem(m);
            let prepared = GroupedLeastSquares::new(a.view(), b.view(), &grouping);
            for share in [0.9, 0.1, 1e-3] {
                let weight = share * prepared.largest_weight();
                let found = prepared.minimize(weight, None);
                let residual = &b - &a.dot(&found.v);
                assert!((residual.dot(&residual) - found.misfit).abs() <= 1e-9 * b.dot(&b));
                let gradient = a.t().dot(&residual);
                for (g, group) in grouping.groups().iter().enumerate() {
                    let norm = grouping.norms(found.v.view())[g];
                    if found.active[g] {
                        for (&i, k) in group.columns.iter().zip(&group.element_weights) {
                            // 2 Aᵀr = λ² μ KᵀK v / ‖K v‖
                            let wanted = 0.5 * weight * group.weight * k * k * found.v[i] / norm;
                            assert!((gradient[i] - wanted).abs() < 1e-8 * weight * k, "{m} data, share {share}");
                        }
                    } else {
                        assert_eq!(norm, 0.0, "an empty group is exactly zero");
                        assert!(grouping.needed_weights(gradient.view())[g] <= weight * (1.0 + 1e-9));
                    }
                }
            }
            assert!(prepared.minimize(prepared.largest_weight(), None).v.iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn forms_of_a_reweighted_step_agree() {
        for m in [13, 60] {
            let (a, b, grouping) = problem(m);
            let weights = 0.3 * grouping.irls_weights(normals(29, 1, 5).column(0), 0.01);
            let terms = [
                Term { matrix: Matrix::Dense(a.clone()), target: b.clone(), weight: 1.0 },
                Term { matrix: Matrix::Diagonal(weights.mapv(f64::sqrt)), target: Array1::zeros(29), weight: 1.0 },
            ];
            let dual = solve_dual(&a, &b, 1.0, &Rest::new(&terms)).expect("positive weights");
            let primal = solve_primal(&[&terms[0]], Rest::new(&terms));
            let matrix_free = reweighted_step(&Dense(a), b.view(), weights.view(), 1e-13);
            assert!(relative(&dual, &primal) < 1e-11, "{m} data: dual and primal");
            assert!(relative(&matrix_free, &primal) < 1e-9, "{m} data: LSQR and primal");
        }
    }

    #[test]
    fn products_alone_lead_to_the_same_minimizer() {
        for m in [13, 60] {
            let (a, b, grouping) = problem(m);
            let prepared = GroupedLeastSquares::new(a.view(), b.view(), &grouping);
            for share in [1.5, 0.5, 0.02] {
                let weight = share * prepared.largest_weight();
                let expected = prepared.minimize(weight, None);
                let found = minimize_matrix_free(&Dense(a.clone()), b.view(), &grouping, weight);
                assert_eq!(found.active, expected.active);
                let difference = &found.v - &expected.v;
                let scale = expected.v.dot(&expected.v).sqrt().max(1e-12);
                assert!(difference.dot(&difference).sqrt() < 1e-8 * scale, "{m} data, share {share}");
            }
        }
    }

    #[test]
    fn reweighting_never_raises_the_smoothed_objective() {
        let (a, b, grouping) = problem(13);
        let (weight, epsilon) = (5.0, 1e-4);
        let objective = |v: &Array1<f64>| {
            let residual = &b - &a.dot(v);
            residual.dot(&residual) + weight * grouping.smoothed(v.view(), epsilon)
        };
        let a = Dense(a.clone());
        let mut v = reweighted_step(&a, b.view(), Array1::ones(29).view(), 1e-13);
        for _ in 0..20 {
            let weights = 0.5 * weight * &grouping.irls_weights(v.view(), epsilon);
            let next = reweighted_step(&a, b.view(), weights.view(), 1e-13);
            assert!(objective(&next) <= objective(&v) * (1.0 + 1e-12));
            v = next;
        }
    }

    #[test]
    fn cooling_finds_the_largest_weight_that_fits() {
        let (a, b, grouping) = problem(13);
        let prepared = GroupedLeastSquares::new(a.view(), b.view(), &grouping);
        let largest = prepared.largest_weight();
        let range = Cooling { least: 1e-6 * largest, largest };
        let target = 0.05 * b.dot(&b);
        let (found, weight, tried) = prepared.discrepancy(range, target);
        assert!(found.misfit <= target && prepared.minimize(1.002 * weight, None).misfit > target);
        assert_eq!(tried.iter().filter(|c| c.chosen == 1).count(), 1);
        let (_, weight, _) = prepared.discrepancy(Cooling { least: 0.5 * largest, largest }, target);
        assert_eq!(weight, 0.5 * largest, "an unreachable target takes the least weight");
    }
}
