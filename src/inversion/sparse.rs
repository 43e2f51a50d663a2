//! Inversion under group sparsity alone, without a feasible set: which groups of coefficients do the data need?
//!
//! Each iteration linearizes g at v and goes towards the exact minimiser of `‖Δd − G v‖² + λ² Σ_g μ_g ‖K_g v_g‖₂` (see
//! [`GroupedLeastSquares`]), as far as the true objective falls. λ² starts where it empties every group and falls by one
//! half an iteration (faster where the linearization proves right) until the whitened misfit reaches its target, so that
//! every start comes the same way.

use std::time::Instant;

use ndarray::{Array1, ArrayView1};

use super::alternating::Mismatch;
use super::estimate::best_fitting;
use super::gauss_newton::{Matrix, data_term};
use super::groups::Grouping;
use super::sparsity::{GroupedLeastSquares, Minimizer};
use super::weight::{Candidate, Choice, Cooling};
use super::{Estimate, Iteration, Problem, Row, Stop};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Everything of a sparse inversion that is a number.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseSchedule {
    /// Most linearizations.
    pub iterations: usize,
    /// How λ² is found.
    pub weight: Choice,
    /// It ends when `‖v_k − v_{k−1}‖ ≤ tolerance ‖v_k‖` at the misfit's target (or at a weight of the user's own).
    pub tolerance: f64,
    /// Do all iterations even where nothing changes.
    pub all_iterations: bool,
}

/// The coefficients before the first iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Zeros.
    Zero,
    /// This value everywhere.
    Uniform(f64),
    /// This value in one group, zeros elsewhere.
    Group {
        /// Number of the group, from 0.
        group: usize,
        /// The value.
        value: f64,
    },
}

impl Start {
    /// The k coefficients.
    ///
    /// # Errors
    /// [`Error::Input`] for a group that does not exist.
    pub fn coefficients(self, grouping: &Grouping) -> Result<Array1<f64>> {
        let mut v = Array1::zeros(grouping.columns());
        match self {
            Self::Zero => {}
            Self::Uniform(value) => v.fill(value),
            Self::Group { group, value } => {
                let Some(found) = grouping.groups().get(group) else {
                    let count = grouping.groups().len();
                    let problem = format!("it begins in group {} of {count}", group + 1);
                    return Err(Error::input("start of the inversion", problem, "name one of the groups"));
                };
                found.columns.iter().for_each(|&i| v[i] = value);
            }
        }
        Ok(v)
    }
}

/// An inversion under group sparsity (l1: every coefficient its own group).
pub struct SparseInversion<'a> {
    /// What is to be solved.
    pub problem: Problem<'a>,
    /// The groups of all k coefficients.
    pub grouping: &'a Grouping,
    /// The numbers.
    pub schedule: &'a SparseSchedule,
    /// Coefficients before the first iteration, k.
    pub start: ArrayView1<'a, f64>,
    /// Facies mismatch of a field against the reference, where there is one.
    pub mismatch: Option<&'a Mismatch<'a>>,
}

/// λ² falls by this factor an iteration at most,
const COOLING: f64 = 0.5;
/// by this one where the linearization before foretold the misfit within [`FORETOLD`] of itself.
const FAST_COOLING: f64 = 0.1;
/// See [`FAST_COOLING`].
const FORETOLD: f64 = 0.2;
/// λ² rises by this factor an iteration at most.
const HEATING: f64 = 4.0;
/// λ² never falls below this share of the largest.
const LEAST_SHARE: f64 = 1e-10;
/// Step lengths tried: 1, ½, ….
const STEP_LENGTHS: usize = 12;
/// Iterations over which the misfit must fall by [`PROGRESS`] of itself, else the inversion stagnates.
const PATIENCE: usize = 5;
/// See [`PATIENCE`].
const PROGRESS: f64 = 0.01;
/// What the misfit may exceed its target by when it counts as reached: bisection knows λ within 0.1 % only.
const REACHED: f64 = 1.02;

impl SparseInversion<'_> {
    /// Runs the iterations that `done` does not hold yet; `finished` sees each new one before the next begins.
    ///
    /// # Errors
    /// [`Error::Interrupted`] between iterations, [`Error::NoModel`] where the forward model returns no finite number,
    /// and whatever the forward model or `finished` return.
    pub fn run(
        &self,
        done: Vec<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let k = self.problem.basis.cols();
        assert_eq!(self.grouping.columns(), k, "columns of the grouping against those of the basis");
        assert_eq!(self.start.len(), k, "start against the columns of the basis");
        let mut iterations = done;
        let largest = self.largest_weight()?;
        progress.start("inversion", self.schedule.iterations as u64);
        progress.advance(iterations.len() as u64);
        let stopped = loop {
            // Finished iterations that a resumed run brings may have been the last.
            if let Some(reason) = self.early_stop(&iterations) {
                break reason;
            }
            if iterations.len() >= self.schedule.iterations {
                break Stop::Iterations;
            }
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let iteration = self.iterate(iterations.len() as u32 + 1, iterations.last(), largest)?;
            finished(&iteration)?;
            progress.advance(1);
            iterations.push(iteration);
        };
        progress.finish();
        let returned = match stopped {
            Stop::Stagnation if self.schedule.weight == Choice::Discrepancy => {
                best_fitting(&iterations, self.problem.observed.len())
            }
            _ => iterations.len() - 1,
        };
        Ok(Estimate { iterations, returned, stopped })
    }

    /// λ_max² at v = 0.
    fn largest_weight(&self) -> Result<f64> {
        let data = data_term(&self.problem, Array1::zeros(self.grouping.columns()).view())?;
        let Matrix::Dense(jacobian) = &data.matrix else { unreachable!("the data term is dense") };
        let largest = self.grouping.largest_weight(jacobian.t().dot(&data.target).view());
        match largest.is_finite() {
            true => Ok(largest.max(f64::MIN_POSITIVE)),
            false => Err(Error::NoModel(format!("the gradient of the misfit at v = 0 has a norm of {largest}"))),
        }
    }

    fn early_stop(&self, iterations: &[Iteration]) -> Option<Stop> {
        let (now, before) = iterations.split_last()?;
        if self.schedule.all_iterations || before.is_empty() {
            return None;
        }
        let settled = now.row.change_v <= self.schedule.tolerance * now.v.dot(&now.v).sqrt();
        let fixed = self.schedule.weight != Choice::Discrepancy;
        let reached = now.row.misfit_parameterized <= REACHED * self.target();
        let misfit_before = |back: usize| iterations[iterations.len() - 1 - back].row.misfit_parameterized;
        if reached && settled {
            Some(Stop::MisfitReached)
        } else if fixed && settled {
            Some(Stop::Stagnation)
        } else if now.row.step_length == 0.0 && before.last().is_some_and(|b| b.row.step_length == 0.0) {
            Some(Stop::Objective)
        } else if !fixed
            && !reached
            && iterations.len() > 2 * PATIENCE
            && misfit_before(0) > (1.0 - PROGRESS) * misfit_before(PATIENCE)
        {
            Some(Stop::Stagnation)
        } else {
            None
        }
    }

    /// The misfit that noise alone would leave: the number of data.
    fn target(&self) -> f64 {
        self.problem.observed.len() as f64
    }

    fn iterate(&self, number: u32, previous: Option<&Iteration>, largest: f64) -> Result<Iteration> {
        let started = Instant::now();
        let v = previous.map_or(self.start, |p| p.v.view());
        let data = data_term(&self.problem, v)?;
        let Matrix::Dense(jacobian) = &data.matrix else { unreachable!("the data term is dense") };
        let prepared = GroupedLeastSquares::new(jacobian.view(), data.target.view(), self.grouping);
        let (goal, weight, tradeoff) = self.weigh(&prepared, previous, v, largest);
        let (v_new, length) = self.line_search(v, &goal.v, weight)?;
        let parameterized = self.problem.parameterized(v_new.view());
        let misfit = self.problem.misfit(self.problem.predict(parameterized.view())?.view());
        if !misfit.is_finite() {
            return Err(Error::NoModel(format!("the forward model of the estimate gives a misfit of {misfit}")));
        }
        let distance = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| (&a - &b).mapv(|x| x * x).sum().sqrt();
        let model_before = previous.map_or_else(|| self.problem.parameterized(v), |p| p.model.clone());
        let regularization = weight * self.grouping.value(v_new.view());
        let mismatch = self.mismatch.map(|m| m(parameterized.view()));
        let row = Row {
            iteration: number,
            rank: v_new.len(),
            objective: misfit + regularization,
            misfit_parameterized: misfit,
            misfit_model: misfit,
            misfit_mapped: misfit,
            redecided: 0,
            coupling: 0.0,
            regularization,
            lambda_f: 0.0,
            lambda: weight.sqrt(),
            step_length: length,
            change_v: distance(v_new.view(), v),
            change_u: distance(parameterized.view(), model_before.view()),
            mismatch_parameterized: mismatch,
            mismatch_model: mismatch,
            seconds: started.elapsed().as_secs_f64(),
        };
        let model = parameterized.clone();
        Ok(Iteration { row, v: v_new, parameterized, model, probability: None, tradeoff })
    }

    /// The minimiser of the linearized problem, its λ², and the weights that were tried.
    fn weigh(
        &self,
        prepared: &GroupedLeastSquares<'_>,
        previous: Option<&Iteration>,
        v: ArrayView1<'_, f64>,
        largest: f64,
    ) -> (Minimizer, f64, Vec<Candidate>) {
        let target = self.target();
        match self.schedule.weight {
            Choice::Fixed(weight) => (prepared.minimize(weight, Some(v)), weight, Vec::new()),
            Choice::Discrepancy => {
                let before = previous.map_or(largest, |p| p.row.lambda.powi(2));
                let cooling = if previous.is_some_and(foretold) { FAST_COOLING } else { COOLING };
                let least = (cooling * before).max(LEAST_SHARE * largest);
                // Most often the least weight of this iteration still misses the target, and is taken.
                let at_least = prepared.minimize(least, Some(v));
                if at_least.misfit > target {
                    let tried =
                        Candidate { weight: least, misfit: at_least.misfit, penalty: at_least.penalty, chosen: 1 };
                    return (at_least, least, vec![tried]);
                }
                let top = prepared.largest_weight().min(HEATING * before).max(least);
                prepared.discrepancy(Cooling { least, largest: top }, target)
            }
        }
    }

    /// Backtracks from the full step until the true objective is no larger than at v; 0 where no fraction helps.
    fn line_search(&self, v: ArrayView1<'_, f64>, goal: &Array1<f64>, weight: f64) -> Result<(Array1<f64>, f64)> {
        let objective = |v: ArrayView1<'_, f64>| -> Result<f64> {
            let predicted = self.problem.forward.predict(self.problem.parameterized(v).view())?;
            Ok(self.problem.misfit(predicted.view()) + weight * self.grouping.value(v))
        };
        let at_v = objective(v)?;
        for fraction in (0..STEP_LENGTHS as i32).map(|halvings| 0.5f64.powi(halvings)) {
            // A group that is empty at both ends stays exactly empty.
            let candidate = if fraction == 1.0 { goal.clone() } else { &v + &(fraction * &(goal - &v)) };
            match objective(candidate.view()) {
                // Where the step is at rounding level, so is the change of the objective.
                Ok(value) if value <= at_v * (1.0 + 1e-12) => return Ok((candidate, fraction)),
                // A field too wild for the forward model is a step too long.
                Ok(_) | Err(Error::NoModel(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok((v.to_owned(), 0.0))
    }
}

/// Whether the linearized problem foretold the misfit of the full step that was taken.
fn foretold(previous: &Iteration) -> bool {
    let chosen = previous.tradeoff.iter().find(|candidate| candidate.chosen == 1);
    previous.row.step_length == 1.0
        && chosen.is_some_and(|c| (previous.row.misfit_parameterized - c.misfit).abs() <= FORETOLD * c.misfit)
}

#[cfg(test)]
mod tests {
    use super::super::groups::ranges;
    use super::super::toys::{Columns, Cubic, normals};
    use super::*;
    use crate::linalg::covariance::Covariance;
    use crate::operator::Operator;

    const BLOCKS: [usize; 5] = [4, 6, 3, 5, 7];

    /// A problem of five blocks, the second of which is needed.
    struct Toy {
        basis: Columns,
        forward: Cubic,
        observed: Array1<f64>,
        covariance: Covariance,
        grouping: Grouping,
    }

    impl Toy {
        fn new(c: f64) -> Self {
            let basis = Columns { matrix: normals(40, 25, 3), mean: Array1::zeros(40), sigma: Array1::ones(25) };
            let forward = Cubic { matrix: normals(18, 40, 4) * 0.05, c };
            let mut v = Array1::zeros(25);
            v.slice_mut(ndarray::s![4..10]).assign(&normals(6, 1, 5).column(0));
            let field = basis.matrix.dot(&v);
            let observed = forward.predict(field.view()).unwrap() + 0.02 * &normals(18, 1, 6).column(0);
            let covariance = Covariance::diagonal(Array1::from_elem(18, 0.02)).unwrap();
            Self { basis, forward, observed, covariance, grouping: Grouping::blocks(&BLOCKS).unwrap() }
        }

        fn invert(&self, weight: Choice, start: Start, done: Vec<Iteration>) -> Estimate {
            let problem = Problem {
                forward: &self.forward,
                exact: &self.forward,
                basis: &self.basis,
                observed: self.observed.view(),
                covariance: &self.covariance,
            };
            let schedule = SparseSchedule { iterations: 60, weight, tolerance: 1e-6, all_iterations: false };
            let start = start.coefficients(&self.grouping).unwrap();
            let inversion = SparseInversion {
                problem,
                grouping: &self.grouping,
                schedule: &schedule,
                start: start.view(),
                mismatch: None,
            };
            inversion.run(done, &mut |_| Ok(()), &()).unwrap()
        }
    }

    #[test]
    fn every_start_ends_in_the_same_groups_and_the_target() {
        for c in [0.0, 0.1] {
            let toy = Toy::new(c);
            let starts =
                [Start::Zero, Start::Uniform(0.01), Start::Uniform(0.5), Start::Group { group: 3, value: 0.5 }];
            let found = starts.map(|start| toy.invert(Choice::Discrepancy, start, Vec::new()));
            for estimate in &found {
                assert_eq!(estimate.stopped, Stop::MisfitReached, "c = {c}");
                let best = estimate.best();
                assert!(
                    (best.row.misfit_parameterized - 18.0).abs() <= 0.03 * 18.0,
                    "{}",
                    best.row.misfit_parameterized
                );
                let norms = toy.grouping.euclidean_norms(best.v.view());
                assert!(norms.iter().enumerate().all(|(g, n)| g == 1 || *n < norms[1]), "{norms:?}");
                let difference = &best.v - &found[0].best().v;
                assert!(difference.dot(&difference).sqrt() < 5e-3 * best.v.dot(&best.v).sqrt(), "c = {c}");
            }
        }
        let none = Start::Group { group: 5, value: 1.0 }.coefficients(&Toy::new(0.0).grouping);
        assert!(none.is_err(), "there is no sixth group");
    }

    #[test]
    fn a_linear_problem_at_a_fixed_weight_takes_one_step() {
        let toy = Toy::new(0.0);
        let estimate = toy.invert(Choice::Fixed(20.0), Start::Uniform(1.0), Vec::new());
        let jacobian = toy.covariance.whiten_block(toy.forward.matrix.dot(&toy.basis.matrix).view());
        let data = toy.covariance.whiten(toy.observed.view());
        let expected = GroupedLeastSquares::new(jacobian.view(), data.view(), &toy.grouping).minimize(20.0, None);
        let difference = &estimate.best().v - &expected.v;
        assert!(difference.dot(&difference).sqrt() < 1e-9 * expected.v.dot(&expected.v).sqrt());
        assert_eq!(estimate.iterations.len(), 2, "the second iteration finds nothing to do");
        assert!(estimate.iterations.windows(2).all(|w| w[1].row.objective <= w[0].row.objective * (1.0 + 1e-12)));
    }

    #[test]
    fn a_resumed_inversion_ends_in_the_same_numbers() {
        let toy = Toy::new(0.1);
        let whole = toy.invert(Choice::Discrepancy, Start::Uniform(0.1), Vec::new());
        let resumed = toy.invert(Choice::Discrepancy, Start::Uniform(0.1), whole.iterations[..3].to_vec());
        assert_eq!(whole.iterations.len(), resumed.iterations.len());
        assert!(whole.iterations.iter().zip(&resumed.iterations).all(|(a, b)| a.v == b.v && a.tradeoff == b.tradeoff));
        let again = toy.invert(Choice::Discrepancy, Start::Uniform(0.1), whole.iterations.clone());
        assert_eq!((again.iterations.len(), again.stopped), (whole.iterations.len(), whole.stopped));
    }

    #[test]
    fn blocks_are_numbered_without_gaps() {
        assert_eq!(ranges(&BLOCKS), [0..4, 4..10, 10..13, 13..18, 18..25]);
    }
}
