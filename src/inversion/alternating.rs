//! Alternating directions: Gauss-Newton on the coefficients, tied to the feasible model, then the feasible model
//! nearest to the result.
//!
//! Each iteration k minimises, over v, `‖C^{-1/2}(d − g(ū + Φv))‖² + λ_f² ‖ū + Φv − u_{k−1}‖² + λ² R(v)`, and sets `u_k` to
//! the feasible map nearest to `ū + Φv`. R is `Σ v_j²/σ_j²`, or with several scenarios `Σ_i ‖K_i v_i‖₂`. λ_f is found anew
//! in every iteration (see [`discrepancy_within`]); without a u-step λ is found in its stead.

use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1, s};

use super::estimate::best_fitting;
use super::gauss_newton::{Matrix, Point, Term, gram, solve};
use super::groups::Grouping;
use super::line_search::{self, Following, Moved, padded};
use super::weight::{BISECTIONS, Candidate, Choice, Cooling, discrepancy_within};
use super::{Estimate, Iteration, Problem, Repair, Repaired, Row, Stop};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::{multiply, symmetric_eigen};
use crate::operator::{FeasibleMap, Projection};
use crate::progress::Progress;

/// Everything of an alternation that is a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Rank in use in each iteration, never below the one before; their number is the number of iterations.
    pub ranks: Vec<usize>,
    /// Gauss-Newton steps in a v-step.
    pub steps: usize,
    /// How the weight is found: λ_f² with a u-step, λ² without.
    pub weight: Choice,
    /// Standard deviations σ of the coefficients, for the penalty `Σ v_j²/σ_j²`; `None`: no penalty.
    pub coefficient_sigma: Option<Array1<f64>>,
    /// Do all iterations even where nothing changes or the misfit is reached.
    pub all_iterations: bool,
    /// Return the last iterate rather than the one whose model fits best.
    pub return_last: bool,
    /// Map onto the feasible set once, after the last v-step, instead of in every iteration.
    pub map_last: bool,
    /// Group sparsity of the coefficients, where the basis has blocks; the rank is then that of the whole basis.
    pub sparsity: Option<Sparsity>,
    /// Multiplies λ_f², found or fixed; with 0 v-steps know nothing of u.
    pub coupling_factor: f64,
}

/// The penalty `λ_g² Σ_i μ_i ‖K_i v_i‖₂` in the v-steps of an alternation, one reweighted least squares step each.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// The groups.
    pub grouping: Grouping,
    /// λ_g²: the user's own, or 0.01 of the weight that leaves nothing of v, lowered where no λ_f reaches the misfit's
    /// target.
    pub weight: Choice,
    /// Multiplies a λ_g² that is not the user's own; with a factor other than 1 it is never lowered.
    pub factor: f64,
}

impl Sparsity {
    /// λ_g² before it is lowered: of the data's term at the coefficients in hand, since a linearization far from the data
    /// says nothing of later ones.
    fn weight_for(&self, data: &Term) -> f64 {
        match (self.weight, &data.matrix) {
            (Choice::Discrepancy, Matrix::Dense(jacobian)) => {
                let largest = self.grouping.largest_weight(jacobian.t().dot(&data.target).view());
                self.factor * SHARE_OF_LARGEST * largest
            }
            (Choice::Discrepancy, _) => unreachable!("the data term is dense"),
            (Choice::Fixed(weight), _) => weight,
        }
    }

    fn may_be_lowered(&self) -> bool {
        self.weight == Choice::Discrepancy && self.factor == 1.0
    }
}

/// λ_g² as a share of the weight that leaves nothing of v.
const SHARE_OF_LARGEST: f64 = 0.01;
/// λ_g² falls by this factor while no λ_f reaches the misfit's target.
const LOWERING: f64 = 0.25;
/// Most falls of λ_g² in a v-step.
const LOWERINGS: usize = 12;
/// Bisections of log λ_f² where each attempt factors a k × k matrix: λ_f² is then known within 5 %.
const COSTLY_BISECTIONS: usize = 5;
/// The smoothing ε of the group norms in the first iteration, and its least value, as shares of the largest norm: √ε
/// falls by √0.1 an iteration. It stays well above zero, so that a group that was emptied can come back when the
/// feasible model asks for it, and well below the tenth from which a scenario counts as active.
const SMOOTHING: [f64; 2] = [0.1, 0.01];

/// What changes with the coefficients in use: the feasible map, whose learning set is drawn at their rank and from the
/// scenarios that are active, and the covariance of the errors that the v-step counts with (the data's, with or without
/// the basis' truncation error).
pub trait FeasibleAtRank {
    /// Whether there is a u-step.
    fn feasible(&self) -> bool;
    /// The feasible map for a parameterized field of coefficients v, whose number is the rank in use.
    fn map(&self, v: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>>;
    /// How the feasible model is made to fit the data better; `None`: it is left as the map gives it.
    fn repair(&self) -> Option<Repair<'_>> {
        None
    }
    /// The covariance that the v-step counts with at a rank; `None`: the data's own.
    fn covariance(&self, rank: usize) -> Result<Option<Covariance>>;
}

/// Fraction of a field's cells in the wrong facies.
pub type Mismatch<'a> = dyn Fn(ArrayView1<'_, f64>) -> f64 + 'a;

/// An inversion by alternating directions.
pub struct Alternation<'a> {
    /// What is to be solved.
    pub problem: Problem<'a>,
    /// The numbers.
    pub schedule: &'a Schedule,
    /// Feasible map and covariance at each rank.
    pub at_rank: &'a dyn FeasibleAtRank,
    /// Mean of the prior realizations: the u that the first v-step is tied to.
    pub start: ArrayView1<'a, f64>,
    /// Coefficients before the first iteration, see [`equal_projection`]; `None`: zeros.
    pub coefficients: Option<ArrayView1<'a, f64>>,
    /// Facies mismatch of a field against the reference, where there is one.
    pub mismatch: Option<&'a Mismatch<'a>>,
}

/// The equal projection `(1/P) Φᵀ(u − ū)` of a field on P blocks: where an alternation of several scenarios begins.
pub fn equal_projection(basis: &dyn Basis, u: ArrayView1<'_, f64>, blocks: usize) -> Array1<f64> {
    basis.project(u) / blocks.max(1) as f64
}

impl Alternation<'_> {
    /// Runs the iterations that `done` does not hold yet; `finished` sees each new one before the next begins.
    ///
    /// # Errors
    /// [`Error::Interrupted`] between iterations, [`Error::NoModel`] where the forward model returns no finite number,
    /// and whatever the forward model, the feasible map or `finished` return.
    pub fn run(
        &self,
        done: Vec<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let total = self.schedule.ranks.len();
        let (mut iterations, mut begun) = (done, None);
        let fixed = Fixed::new(self, iterations.len() < total);
        progress.start("inversion", total as u64);
        progress.advance(iterations.len() as u64);
        let stopped = loop {
            // Finished iterations that a resumed run brings may have been the last.
            if let Some(reason) = iterations.split_last().and_then(|(now, before)| self.early_stop(now, before)) {
                break reason;
            }
            if iterations.len() >= total {
                break Stop::Iterations;
            }
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let started = Instant::now();
            let begins = match begun {
                Some(begun) => begun,
                None => self.begin(iterations.len() as u32 + 1, None)?,
            };
            let iteration;
            (iteration, begun) = self.iterate(begins, iterations.last(), &fixed, started)?;
            finished(&iteration)?;
            progress.advance(1);
            iterations.push(iteration);
        };
        progress.finish();
        let data = self.problem.observed.len();
        let returned = if self.schedule.return_last { iterations.len() - 1 } else { best_fitting(&iterations, data) };
        Ok(Estimate { iterations, returned, stopped })
    }

    fn early_stop(&self, now: &Iteration, before: &[Iteration]) -> Option<Stop> {
        let last_rank = self.schedule.ranks.last() == Some(&now.row.rank);
        if self.schedule.all_iterations || !last_rank || before.is_empty() {
            return None;
        }
        let scale = now.v.dot(&now.v).sqrt();
        if now.row.misfit_model <= self.problem.observed.len() as f64 {
            Some(Stop::MisfitReached)
        } else if now.row.step_length == 0.0 {
            Some(Stop::Objective)
        } else if now.row.change_v <= 1e-8 * scale && now.row.change_u <= 1e-8 * now.model.dot(&now.model).sqrt() {
            Some(Stop::Stagnation)
        } else {
            None
        }
    }

    /// Where an iteration begins, as far as is known before the one before it has ended.
    fn begin(&self, number: u32, before: Option<&Begun>) -> Result<Begun> {
        let rank = self.schedule.ranks[number as usize - 1];
        let covariance = match before {
            Some(before) if before.rank == rank => before.covariance.clone(),
            _ => self.at_rank.covariance(rank)?,
        };
        Ok(Begun { number, rank, covariance, point: None })
    }

    /// What is to be solved in an iteration.
    fn problem<'b>(&'b self, begun: &'b Begun) -> Problem<'b> {
        Problem { covariance: begun.covariance.as_ref().unwrap_or(self.problem.covariance), ..self.problem }
    }

    /// An iteration, and where the next one begins, if there is one.
    fn iterate(
        &self,
        mut begun: Begun,
        previous: Option<&Iteration>,
        fixed: &Fixed,
        started: Instant,
    ) -> Result<(Iteration, Option<Begun>)> {
        let (number, rank, last) = (begun.number, begun.rank, begun.number as usize == self.schedule.ranks.len());
        let mut next = if last { None } else { Some(self.begin(number + 1, Some(&begun))?) };
        let mapped = self.at_rank.feasible() && (!self.schedule.map_last || last);
        let tied = self.at_rank.feasible() && !self.schedule.map_last;
        let anchor = previous.map_or(self.start, |p| p.model.view());
        let point = match begun.point.take() {
            Some(point) => point,
            None => {
                let before = previous.map(|p| p.v.view()).or(self.coefficients);
                let v = before.map_or_else(|| Array1::zeros(rank), |v| padded(v.slice(s![..rank.min(v.len())]), rank));
                Point::at(&self.problem(&begun), v)?
            }
        };
        let step = {
            let following = next.as_ref().map(|next| Following { problem: self.problem(next), rank: next.rank });
            let (problem, anchor) = (self.problem(&begun), tied.then_some(anchor));
            VStep { problem, anchor, schedule: self.schedule, number, following, fixed }.solve(point)?
        };
        if let Some(next) = &mut next {
            // A v-step that settled before its last step knows no other rank than its own.
            next.point = step.point.filter(|point| point.v.len() == next.rank);
        }
        let parameterized = self.problem.parameterized(step.v.view());
        let misfit_parameterized = self.problem.misfit_of_estimate(parameterized.view())?;
        let (fitted, probability) = match mapped {
            true => {
                let projection = self.at_rank.map(step.v.view())?.project(parameterized.view(), number)?;
                (self.repaired(&projection)?, projection.probability)
            }
            false => (Repaired::unchanged(parameterized.clone(), misfit_parameterized), None),
        };
        let model = fitted.model;
        let distance = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| (&a - &b).mapv(|x| x * x).sum();
        let coupling = if tied { step.weights.lambda_f2 * distance(parameterized.view(), anchor) } else { 0.0 };
        let change_v = previous.map_or(step.v.dot(&step.v).sqrt(), |before| {
            let change = &step.v - &padded(before.v.view(), rank);
            change.dot(&change).sqrt()
        });
        let row = Row {
            iteration: number,
            rank,
            objective: misfit_parameterized + coupling + step.regularization,
            misfit_parameterized,
            misfit_model: fitted.misfit,
            misfit_mapped: fitted.before,
            redecided: fitted.changed,
            coupling,
            regularization: step.regularization,
            lambda_f: step.weights.lambda_f2.sqrt(),
            lambda: step.weights.lambda2.sqrt(),
            step_length: step.length,
            change_v,
            change_u: distance(model.view(), anchor).sqrt(),
            mismatch_parameterized: self.mismatch.map(|m| m(parameterized.view())),
            mismatch_model: self.mismatch.map(|m| m(model.view())),
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((Iteration { row, v: step.v, parameterized, model, probability, tradeoff: step.tradeoff }, next))
    }

    /// The model of a feasible map, repaired where there is a way to and the map has voted for facies.
    fn repaired(&self, projection: &Projection) -> Result<Repaired> {
        match (self.at_rank.repair(), &projection.facies, &projection.probability) {
            (Some(repair), Some(_), Some(votes)) => repair.repair(&self.problem, projection.model.view(), votes.view()),
            _ => Ok(Repaired::unchanged(
                projection.model.clone(),
                self.problem.misfit_of_estimate(projection.model.view())?,
            )),
        }
    }
}

/// Where an iteration begins.
struct Begun {
    /// Its number, from 1.
    number: u32,
    rank: usize,
    /// That of the errors; `None`: the data's own.
    covariance: Option<Covariance>,
    /// `None`: at the coefficients of the iteration before, where the forward model is still to be linearized.
    point: Option<Point>,
}

/// What the v-steps of a run share.
struct Fixed {
    /// ΦᵀΦ of a basis that is not orthonormal and that v-steps are tied to.
    gram: Option<Arc<Array2<f64>>>,
}

impl Fixed {
    /// `needed` tells whether a v-step will follow: a run that is done needs nothing.
    fn new(alternation: &Alternation<'_>, needed: bool) -> Self {
        let Alternation { problem, schedule, at_rank, .. } = alternation;
        assert!(schedule.ranks.is_sorted(), "ranks of an inversion never fall: {:?}", schedule.ranks);
        if let Some(sparsity) = &schedule.sparsity {
            let k = sparsity.grouping.columns();
            assert_eq!(k, problem.basis.cols(), "columns of the grouping against those of the basis");
            assert!(schedule.ranks.iter().all(|&rank| rank == k), "group sparsity takes all {k} columns at once");
        }
        let tied = needed && at_rank.feasible() && !schedule.map_last && !problem.basis.orthonormal();
        Self { gram: tied.then(|| Arc::new(gram(problem.basis))) }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Weights {
    lambda_f2: f64,
    lambda2: f64,
}

struct VStepResult {
    v: Array1<f64>,
    /// Where the next iteration begins, if that is known.
    point: Option<Point>,
    weights: Weights,
    regularization: f64,
    length: f64,
    tradeoff: Vec<Candidate>,
}

/// The v-step of one iteration.
struct VStep<'a> {
    problem: Problem<'a>,
    /// The u that ū + Φv is tied to; `None` without a u-step.
    anchor: Option<ArrayView1<'a, f64>>,
    schedule: &'a Schedule,
    /// Number of the iteration, from 1.
    number: u32,
    /// The first step of the next iteration, if there is one.
    following: Option<Following<'a>>,
    fixed: &'a Fixed,
}

/// Where the terms of a v-step stand in their list.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    coupling: Option<usize>,
    penalty: Option<usize>,
    sparsity: Option<usize>,
}

impl VStep<'_> {
    fn solve(&self, start: Point) -> Result<VStepResult> {
        let (mut weights, mut tradeoff) = (Weights::default(), Vec::new());
        let mut moved = Moved { v: start.v.clone(), fraction: 0.0, point: Some(start) };
        for left in (0..self.schedule.steps.max(1)).rev() {
            let Some(Point { v, predicted, jacobian, target }) = moved.point.take() else { break };
            let data = Term { matrix: Matrix::Dense(jacobian), target, weight: 1.0 };
            let (mut terms, places, smoothing) = self.terms(data, v.view());
            let (goal, tried) = match places.coupling.or(places.penalty) {
                None => (solve(&terms), Vec::new()),
                Some(weighed) => self.weigh(&mut terms, weighed, places),
            };
            tradeoff = tried;
            weights.lambda_f2 = places.coupling.map_or(0.0, |c| terms[c].weight);
            weights.lambda2 = match places.sparsity {
                Some(place) => 2.0 * terms[place].weight,
                None => places.penalty.map_or(0.0, |p| terms[p].weight),
            };
            let before = v.clone();
            let objective = self.objective(&terms, places, smoothing);
            let following = match left {
                0 => self.following,
                _ => Some(Following { problem: self.problem, rank: v.len() }),
            };
            moved = line_search::search(&self.problem, v, &predicted, &goal, &objective, following)?;
            let change = &moved.v - &before;
            if change.dot(&change) <= 1e-24 * moved.v.dot(&moved.v) {
                break;
            }
        }
        let Moved { v, fraction: length, point } = moved;
        let penalty = match (&self.schedule.sparsity, self.penalized(v.len())) {
            (Some(sparsity), _) => sparsity.grouping.value(v.view()),
            (None, Some(scale)) => (&v * &scale).mapv(|x| x * x).sum(),
            (None, None) => 0.0,
        };
        let regularization = weights.lambda2 * penalty;
        Ok(VStepResult { v, point, weights, regularization, length, tradeoff })
    }

    /// The terms at v, the data's first, and the smoothing ε of the group norms.
    fn terms(&self, data: Term, v: ArrayView1<'_, f64>) -> (Vec<Term>, Places, f64) {
        let (mut places, mut smoothing) = (Places::default(), 0.0);
        let mut terms = vec![data];
        let sparsity = self.schedule.sparsity.as_ref().map(|sparsity| (sparsity, sparsity.weight_for(&terms[0])));
        let mut push = |term| {
            terms.push(term);
            terms.len() - 1
        };
        places.coupling = self.anchor.map(|u| push(self.coupling_term(u, v.len())));
        if let Some((sparsity, weight)) = sparsity {
            let (weights, epsilon) = self.group_weights(&sparsity.grouping, v);
            smoothing = epsilon;
            places.sparsity = Some(push(Term {
                matrix: Matrix::Diagonal(weights.mapv(f64::sqrt)),
                target: Array1::zeros(v.len()),
                weight: weight / 2.0,
            }));
        } else if let Some(scale) = self.penalized(v.len()) {
            places.penalty =
                Some(push(Term { matrix: Matrix::Diagonal(scale), target: Array1::zeros(v.len()), weight: 1.0 }));
        }
        (terms, places, smoothing)
    }

    /// What each coefficient is multiplied by in a penalty on their squares; `None` where there is no penalty. Nothing but
    /// the data leaves some directions open where these are fewer: of the coefficients that meet the data, the smallest
    /// are asked for.
    fn penalized(&self, rank: usize) -> Option<Array1<f64>> {
        let is_open = self.anchor.is_none() && self.problem.observed.len() < rank;
        match &self.schedule.coefficient_sigma {
            Some(sigma) => Some(sigma.slice(s![..rank]).mapv(f64::recip)),
            None => is_open.then(|| Array1::ones(rank)),
        }
    }

    /// Λ at v and the smoothing ε; `KᵀK` (a ridge) where v is zero.
    fn group_weights(&self, grouping: &Grouping, v: ArrayView1<'_, f64>) -> (Array1<f64>, f64) {
        let largest = grouping.norms(v).into_iter().fold(0.0, f64::max);
        if largest == 0.0 {
            return (grouping.weights_by_group(|_| 1.0), 0.0);
        }
        let share = (SMOOTHING[0] * 0.1f64.powf(0.5 * f64::from(self.number - 1))).max(SMOOTHING[1]);
        let epsilon = (share * largest).powi(2);
        (grouping.irls_weights(v, epsilon), epsilon)
    }

    /// `‖ū + Φv − u‖²`; for an orthonormal Φ up to the part of u that Φ cannot carry, `‖v − Φᵀ(u − ū)‖²`.
    fn coupling_term(&self, u: ArrayView1<'_, f64>, rank: usize) -> Term {
        let basis = self.problem.basis.truncated(rank);
        let target = basis.project(u);
        let matrix = match &self.fixed.gram {
            None => Matrix::Diagonal(Array1::ones(rank)),
            Some(gram) => {
                assert_eq!(rank, gram.nrows(), "a basis that is not orthonormal is used with all its columns");
                let target_squares = (&u - &basis.mean()).mapv(|x| x * x).sum();
                Matrix::Gram { product: Arc::clone(gram), target_squares }
            }
        };
        Term { matrix, target, weight: 1.0 }
    }

    fn weigh(&self, terms: &mut [Term], weighed: usize, places: Places) -> (Array1<f64>, Vec<Candidate>) {
        let factor = if places.coupling == Some(weighed) { self.schedule.coupling_factor } else { 1.0 };
        if let Choice::Fixed(weight) = self.schedule.weight {
            terms[weighed].weight = factor * weight;
            return (solve(terms), Vec::new());
        }
        let scale = (terms[0].matrix.squares() / terms[weighed].matrix.squares()).max(f64::MIN_POSITIVE);
        let range = Cooling { least: 1e-3 * scale, largest: 1e3 * scale };
        let target = match places.sparsity {
            Some(_) => terms[0].target.len() as f64,
            None => expected_misfit(terms, weighed),
        };
        let bisections = if self.fixed.gram.is_some() { COSTLY_BISECTIONS } else { BISECTIONS };
        let (mut goal, mut weight, mut tried) = discrepancy_within(terms, weighed, range, target, bisections);
        if let Some(place) = places.sparsity
            && self.schedule.sparsity.as_ref().is_some_and(Sparsity::may_be_lowered)
            && terms[0].squares(goal.view()) > target
            && lower(terms, place, target)
        {
            (goal, weight, tried) = discrepancy_within(terms, weighed, range, target, bisections);
        }
        if factor != 1.0 {
            terms[weighed].weight = factor * weight;
            goal = solve(terms);
        }
        (goal, tried)
    }

    /// The true objective, of coefficients and the data predicted for them; group norms smoothed by ε.
    fn objective(
        &self,
        terms: &[Term],
        places: Places,
        smoothing: f64,
    ) -> impl Fn(ArrayView1<'_, f64>, &Array1<f64>) -> f64 {
        let penalty = move |v: ArrayView1<'_, f64>, (place, term): (usize, &Term)| match &self.schedule.sparsity {
            Some(sparsity) if places.sparsity == Some(place) => {
                2.0 * term.weight * sparsity.grouping.smoothed(v, smoothing)
            }
            _ => term.weight * term.squares(v),
        };
        move |v, predicted| {
            let penalties: f64 = terms.iter().enumerate().skip(1).map(|term| penalty(v, term)).sum();
            self.problem.misfit(predicted.view()) + penalties
        }
    }
}

/// Lowers the weight of a term until the misfit reaches its target; `false`, with the weight as it was, where
/// [`LOWERINGS`] do not reach it.
fn lower(terms: &mut [Term], place: usize, target: f64) -> bool {
    let before = terms[place].weight;
    for _ in 0..LOWERINGS {
        terms[place].weight *= LOWERING;
        let goal = solve(terms);
        if terms[0].squares(goal.view()) <= target {
            return true;
        }
    }
    terms[place].weight = before;
    false
}

/// The misfit that a right model would leave: m, less the number of parameters that the data determine where a Gaussian
/// prior says how many those are. `k_e = tr[A Σ Aᵀ (A Σ Aᵀ + I)⁻¹]` with the whitened Jacobian A and the prior
/// covariance `Σ = diag σ²` of the coefficients; the most probable model has an expected misfit of `m − k_e`.
fn expected_misfit(terms: &[Term], weighed: usize) -> f64 {
    let m = terms[0].target.len() as f64;
    let prior = terms.iter().enumerate().skip(1).find(|(i, _)| *i != weighed).map(|(_, term)| term);
    match (&terms[0].matrix, prior.map(|p| &p.matrix)) {
        (Matrix::Dense(a), Some(Matrix::Diagonal(reciprocal))) => {
            let scaled = a / reciprocal;
            let small = if a.nrows() < a.ncols() {
                multiply(scaled.view(), scaled.t())
            } else {
                multiply(scaled.t(), scaled.view())
            };
            let (values, _) = symmetric_eigen(&small).expect("a finite matrix has eigenvalues");
            m - values.iter().map(|l| l.max(0.0) / (1.0 + l.max(0.0))).sum::<f64>()
        }
        _ => m,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::ArrayView1;

    use super::super::groups::ranges;
    use super::super::toys::{Columns, Cubic, Wild, host_problem, normals};
    use super::*;
    use crate::basis::pca::{Pca, Truncation};
    use crate::grid::{Ensemble, Grid};
    use crate::operator::{LinearOperator, Operator};

    /// Rounds every cell to −1 or 1.
    struct Signs;

    impl FeasibleMap for Signs {
        fn project(&self, theta: ArrayView1<'_, f64>, _: u32) -> Result<Projection> {
            Ok(Projection { model: theta.mapv(f64::signum), facies: None, probability: None })
        }
    }

    struct Toy {
        feasible: bool,
    }

    impl FeasibleAtRank for Toy {
        fn feasible(&self) -> bool {
            self.feasible
        }
        fn map(&self, _: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>> {
            Ok(Box::new(Signs))
        }
        fn covariance(&self, _: usize) -> Result<Option<Covariance>> {
            Ok(None)
        }
    }

    /// Runs the toy problem of 30 cells and 12 data, after the iterations `done`.
    fn invert(c: f64, feasible: bool, schedule: &Schedule, done: Vec<Iteration>) -> Estimate {
        let values = normals(40, 30, 0).mapv(|x| x as f32);
        let ensemble =
            Ensemble { grid: Grid::unit([6, 5, 1]), facies: None, values: Some(values), facies_values: Vec::new() };
        let rank = schedule.ranks.iter().copied().max().unwrap();
        let basis = Pca::new(&ensemble, Truncation::Rank(rank), true, &()).unwrap().basis;
        let forward = Cubic { matrix: normals(12, 30, 1) * 0.1, c };
        let truth = ensemble.property(3).mapv(f64::signum);
        let observed = forward.predict(truth.view()).unwrap() + &(0.05 * &normals(12, 1, 2).column(0));
        let covariance = Covariance::diagonal(Array1::from_elem(12, 0.05)).unwrap();
        let problem = host_problem(&forward, &basis, &observed, &covariance);
        let start = Array1::zeros(30);
        let at_rank = Toy { feasible };
        let alternation = Alternation {
            problem,
            schedule,
            at_rank: &at_rank,
            start: start.view(),
            coefficients: None,
            mismatch: None,
        };
        alternation.run(done, &mut |_| Ok(()), &()).unwrap()
    }

    fn schedule(ranks: &[usize]) -> Schedule {
        Schedule {
            ranks: ranks.to_vec(),
            steps: 2,
            weight: Choice::Discrepancy,
            coefficient_sigma: None,
            all_iterations: true,
            return_last: false,
            map_last: false,
            sparsity: None,
            coupling_factor: 1.0,
        }
    }

    #[test]
    fn a_resumed_inversion_ends_in_the_same_numbers() {
        let schedule = schedule(&[4, 6, 8, 10]);
        let whole = invert(0.3, true, &schedule, Vec::new());
        let resumed = invert(0.3, true, &schedule, whole.iterations[..2].to_vec());
        assert_eq!(whole.iterations.len(), 4);
        for (a, b) in whole.iterations.iter().zip(&resumed.iterations) {
            assert_eq!((&a.v, &a.model, a.row.misfit_model), (&b.v, &b.model, b.row.misfit_model));
        }
        assert_eq!(whole.returned, resumed.returned);
    }

    #[test]
    fn no_iteration_ends_where_the_next_cannot_begin_at_whatever_rank() {
        let run = |reach: f64| {
            let forward = Wild::new(Cubic { matrix: Array2::eye(4), c: 0.0 }, reach);
            let basis = Columns { matrix: Array2::eye(4), mean: Array1::zeros(4), sigma: Array1::ones(4) };
            let (observed, start) = (Array1::ones(4), Array1::zeros(4));
            let covariance = Covariance::diagonal(Array1::from_elem(4, 0.1)).unwrap();
            let problem = host_problem(&forward, &basis, &observed, &covariance);
            let schedule = Schedule { steps: 1, ..schedule(&[1, 2, 4]) };
            let (schedule, at_rank) = (&schedule, &Toy { feasible: false });
            Alternation { problem, schedule, at_rank, start: start.view(), coefficients: None, mismatch: None }
                .run(Vec::new(), &mut |_| Ok(()), &())
                .map(|estimate| estimate.iterations)
        };
        let lengths = |iterations: &[Iteration]| -> Vec<f64> { iterations.iter().map(|i| i.row.step_length).collect() };
        let tame = run(2.0).unwrap();
        assert_eq!(lengths(&tame), [1.0; 3]);
        // Beyond 0.6 only the last iteration, which nothing follows, may end.
        let wild = run(0.6).unwrap();
        assert_eq!(lengths(&wild), [0.5, 0.125, 1.0]);
        assert!((&wild[1].v - &ndarray::arr1(&[0.5625, 0.125])).iter().all(|d| d.abs() < 1e-6), "{}", wild[1].v);
        assert!((&wild[2].v - 1.0).iter().all(|d| d.abs() < 1e-6), "{}", wild[2].v);
    }

    #[test]
    fn the_iterate_returned_fits_best_and_is_the_earliest_that_does() {
        let estimate = invert(0.0, true, &schedule(&[4, 6, 8, 10, 10]), Vec::new());
        let misfits: Vec<f64> = estimate.iterations.iter().map(|i| i.row.misfit_model).collect();
        let least = misfits.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(misfits[estimate.returned] <= 1.01 * least, "{misfits:?}");
        assert!(misfits[..estimate.returned].iter().all(|&m| m > 1.01 * least), "{misfits:?}");
        assert!(estimate.iterations.iter().all(|i| i.model.iter().all(|u| u.abs() == 1.0)), "u is feasible");
    }

    #[test]
    fn without_a_penalty_the_smallest_coefficients_that_fit_are_taken() {
        let mut schedule = schedule(&[25; 4]);
        let (smallest, size) = (invert(0.0, false, &schedule, Vec::new()), |v: &Array1<f64>| v.dot(v));
        let best = smallest.best();
        assert!((best.row.misfit_parameterized - 12.0).abs() < 0.05, "{}", best.row.misfit_parameterized);
        assert!((best.row.regularization / (best.row.lambda.powi(2) * size(&best.v)) - 1.0).abs() < 1e-12);
        schedule.weight = Choice::Fixed(1e-9);
        let exact = invert(0.0, false, &schedule, Vec::new());
        assert!(exact.best().row.misfit_parameterized < 1e-6);
        assert!(size(&best.v) < 0.99 * size(&exact.best().v));
    }

    #[test]
    fn without_a_feasible_set_the_misfit_comes_down_to_its_target_or_the_weight_to_its_least() {
        let mut schedule = schedule(&[10; 6]);
        schedule.coefficient_sigma = Some(Array1::ones(10));
        schedule.all_iterations = false;
        let estimate = invert(0.3, false, &schedule, Vec::new());
        let last = estimate.iterations.last().expect("an iteration");
        let chosen = last.tradeoff.iter().find(|c| c.chosen == 1).expect("a weight was chosen");
        let floor = last.tradeoff.iter().map(|c| c.weight).fold(f64::INFINITY, f64::min);
        assert!(chosen.misfit <= 12.0 || chosen.weight == floor, "{chosen:?}");
        assert_eq!(last.parameterized, last.model, "there is no u-step");
    }

    /// Keeps the coefficients that each map was made for.
    struct Watching(Mutex<Vec<Array1<f64>>>);

    impl FeasibleAtRank for Watching {
        fn feasible(&self) -> bool {
            true
        }
        fn map(&self, v: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>> {
            self.0.lock().expect("no other thread failed").push(v.to_owned());
            Ok(Box::new(Signs))
        }
        fn covariance(&self, _: usize) -> Result<Option<Covariance>> {
            Ok(None)
        }
    }

    /// Two blocks of five orthonormal columns each, side by side.
    fn hybrid() -> Columns {
        let block = |level| {
            let columns = normals(30, 5, level);
            let factor = crate::linalg::dense::cholesky(&columns.t().dot(&columns)).unwrap();
            factor.half_solve_block(columns.t()).reversed_axes()
        };
        let matrix = ndarray::concatenate![ndarray::Axis(1), block(20), block(21)];
        Columns { matrix, mean: Array1::from_elem(30, 0.1), sigma: Array1::ones(10) }
    }

    fn invert_hybrid(basis: &dyn Basis, schedule: &Schedule, at_rank: &dyn FeasibleAtRank) -> Estimate {
        let forward = Cubic { matrix: normals(12, 30, 1) * 0.3, c: 0.02 };
        let mut v = Array1::zeros(10);
        v.slice_mut(s![5..]).assign(&(3.0 * &normals(5, 1, 22).column(0)));
        let observed = forward.predict(basis.expand(v.view()).view()).unwrap() + &(0.05 * &normals(12, 1, 2).column(0));
        let covariance = Covariance::diagonal(Array1::from_elem(12, 0.05)).unwrap();
        let problem = host_problem(&forward, basis, &observed, &covariance);
        let start = Array1::from_elem(30, 0.4);
        let v = equal_projection(basis, start.view(), 2);
        let coefficients = Some(v.view());
        let start = start.view();
        Alternation { problem, schedule, at_rank, start, coefficients, mismatch: None }
            .run(Vec::new(), &mut |_| Ok(()), &())
            .unwrap()
    }

    fn sparsity(weight: Choice) -> Option<Sparsity> {
        let grouping = Grouping::scenarios(&ranges(&[5, 5]), Array1::ones(10).view()).unwrap();
        Some(Sparsity { grouping, weight, factor: 1.0 })
    }

    #[test]
    fn blocks_that_the_data_do_not_need_fade_and_the_map_sees_it() {
        let basis = hybrid();
        let mut schedule = schedule(&[10; 8]);
        (schedule.steps, schedule.sparsity) = (1, sparsity(Choice::Discrepancy));
        schedule.coupling_factor = 1e-3;
        let watching = Watching(Mutex::new(Vec::new()));
        let estimate = invert_hybrid(&basis, &schedule, &watching);
        let grouping = &schedule.sparsity.as_ref().unwrap().grouping;
        let norms: Vec<_> = estimate.iterations.iter().map(|i| grouping.euclidean_norms(i.v.view())).collect();
        let share = |norms: &[f64]| norms[0] / norms[1];
        assert!(share(&norms[7]) < 0.5 * share(&norms[0]), "{norms:?}");
        let seen = watching.0.into_inner().unwrap();
        assert!(seen.iter().zip(&estimate.iterations).all(|(seen, i)| seen == i.v));
        for Iteration { row, v, .. } in &estimate.iterations {
            assert!((row.regularization - row.lambda.powi(2) * grouping.value(v.view())).abs() < 1e-9);
            assert!((row.objective - row.misfit_parameterized - row.coupling - row.regularization).abs() < 1e-9);
        }
    }

    #[test]
    fn one_orthonormal_block_without_sparsity_is_the_alternation_of_one_scenario() {
        let matrix = hybrid().matrix;
        let factor = crate::linalg::dense::cholesky(&matrix.t().dot(&matrix)).unwrap();
        let columns = Columns { matrix: factor.half_solve_block(matrix.t()).reversed_axes(), ..hybrid() };
        /// The same columns, known to be orthonormal.
        struct Orthonormal(Columns);
        impl LinearOperator for Orthonormal {
            fn rows(&self) -> usize {
                self.0.rows()
            }
            fn cols(&self) -> usize {
                self.0.cols()
            }
            fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
                self.0.apply(x)
            }
            fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
                self.0.adjoint(y)
            }
        }
        impl Basis for Orthonormal {
            fn mean(&self) -> ArrayView1<'_, f64> {
                self.0.mean()
            }
            fn orthonormal(&self) -> bool {
                true
            }
            fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
                self.0.standard_deviations()
            }
            fn columns(&self, range: std::ops::Range<usize>) -> ndarray::CowArray<'_, f64, ndarray::Ix2> {
                self.0.columns(range)
            }
            fn truncated(&self, rank: usize) -> Box<dyn Basis> {
                Box::new(Self(Columns { matrix: self.0.matrix.slice(s![.., ..rank]).to_owned(), ..self.0.clone() }))
            }
        }
        let mut plain = schedule(&[10; 4]);
        plain.weight = Choice::Fixed(0.3);
        let mut grouped = plain.clone();
        grouped.sparsity = sparsity(Choice::Fixed(0.0));
        let toy = Toy { feasible: true };
        let expected = invert_hybrid(&Orthonormal(columns.clone()), &plain, &toy);
        for schedule in [&plain, &grouped] {
            let found = invert_hybrid(&columns, schedule, &toy);
            for (a, b) in found.iterations.iter().zip(&expected.iterations) {
                let difference = &a.v - &b.v;
                assert!(difference.dot(&difference).sqrt() < 1e-9 * b.v.dot(&b.v).sqrt());
                assert_eq!(a.model, b.model);
            }
        }
    }

    #[test]
    fn a_map_that_comes_last_leaves_the_steps_before_it_untied() {
        let mut schedule = schedule(&[6, 10]);
        schedule.coefficient_sigma = Some(Array1::ones(10));
        schedule.map_last = true;
        let estimate = invert(0.0, true, &schedule, Vec::new());
        assert!(estimate.iterations.iter().all(|i| i.row.coupling == 0.0 && i.row.lambda_f == 0.0));
        assert_eq!(estimate.iterations[0].model, estimate.iterations[0].parameterized);
        assert!(estimate.iterations[1].model.iter().all(|u| u.abs() == 1.0));
    }
}
