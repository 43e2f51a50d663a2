//! What inversions of coefficients alone share: the loop of linearizations, the line search, and when to stop.

use std::time::Instant;

use ndarray::{Array1, ArrayView1};

use super::alternating::Mismatch;
use super::estimate::best_fitting;
use super::weight::Candidate;
use super::{Estimate, Iteration, Problem, Row, Stop, within_reach};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Step lengths tried: 1, ½, ….
const STEP_LENGTHS: usize = 12;
/// Iterations over which the misfit must fall by [`PROGRESS`] of itself, else the inversion stagnates.
const PATIENCE: usize = 5;
/// See [`PATIENCE`].
const PROGRESS: f64 = 0.01;
/// What the misfit may exceed its target by when it counts as reached: bisection knows λ within 0.1 % only.
const REACHED: f64 = 1.02;
/// A linearization proved right when it foretold the misfit within this share of itself.
const FORETOLD: f64 = 0.2;

/// What the iterations of an inversion have in common.
#[derive(Clone, Copy)]
pub(super) struct Descent<'a> {
    pub(super) problem: Problem<'a>,
    /// Most linearizations.
    pub(super) iterations: usize,
    /// It ends when `‖v_k − v_{k−1}‖ ≤ tolerance ‖v_k‖` (at the misfit's target, where there is one).
    pub(super) tolerance: f64,
    /// Do all iterations even where nothing changes.
    pub(super) all_iterations: bool,
    /// Whether the weight is found by the misfit.
    pub(super) aims_at_misfit: bool,
    pub(super) mismatch: Option<&'a Mismatch<'a>>,
}

/// The penalty of coefficients, without its weight.
pub(super) type Penalty<'a> = dyn Fn(ArrayView1<'_, f64>) -> f64 + 'a;

/// A v-step before its line search.
pub(super) struct Goal {
    /// The minimiser of the linearized problem.
    pub(super) v: Array1<f64>,
    /// λ².
    pub(super) weight: f64,
    pub(super) tradeoff: Vec<Candidate>,
}

impl Descent<'_> {
    /// Runs the iterations that `done` does not hold yet, each made by `iterate` from its number and the one before;
    /// `finished` sees each new one before the next begins.
    pub(super) fn run(
        &self,
        done: Vec<Iteration>,
        iterate: &mut dyn FnMut(u32, Option<&Iteration>) -> Result<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let mut iterations = done;
        progress.start("inversion", self.iterations as u64);
        progress.advance(iterations.len() as u64);
        let stopped = loop {
            // Finished iterations that a resumed run brings may have been the last.
            if let Some(reason) = self.early_stop(&iterations) {
                break reason;
            }
            if iterations.len() >= self.iterations {
                break Stop::Iterations;
            }
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let iteration = iterate(iterations.len() as u32 + 1, iterations.last())?;
            finished(&iteration)?;
            progress.advance(1);
            iterations.push(iteration);
        };
        progress.finish();
        let returned = match stopped {
            Stop::Stagnation if self.aims_at_misfit => best_fitting(&iterations, self.problem.observed.len()),
            _ => iterations.len() - 1,
        };
        Ok(Estimate { iterations, returned, stopped })
    }

    fn early_stop(&self, iterations: &[Iteration]) -> Option<Stop> {
        let (now, before) = iterations.split_last()?;
        if self.all_iterations || before.is_empty() {
            return None;
        }
        let settled = now.row.change_v <= self.tolerance * now.v.dot(&now.v).sqrt();
        let reached = now.row.misfit_parameterized <= REACHED * self.target();
        let misfit_before = |back: usize| iterations[iterations.len() - 1 - back].row.misfit_parameterized;
        if reached && settled {
            Some(Stop::MisfitReached)
        } else if !self.aims_at_misfit && settled {
            Some(Stop::Stagnation)
        } else if now.row.step_length == 0.0 && before.last().is_some_and(|b| b.row.step_length == 0.0) {
            Some(Stop::Objective)
        } else if self.aims_at_misfit
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
    pub(super) fn target(&self) -> f64 {
        self.problem.observed.len() as f64
    }

    /// Goes from v towards the goal as far as misfit and `smoothed` penalty do not rise, and tells what came of it with
    /// the penalty itself.
    pub(super) fn finish(
        &self,
        number: u32,
        previous: Option<&Iteration>,
        v: ArrayView1<'_, f64>,
        Goal { v: goal, weight, tradeoff }: Goal,
        [smoothed, penalty]: [&Penalty<'_>; 2],
        started: Instant,
    ) -> Result<Iteration> {
        let (v_new, length) = self.line_search(v, &goal, weight, smoothed)?;
        let parameterized = self.problem.parameterized(v_new.view());
        let misfit = self.problem.misfit_of_estimate(parameterized.view())?;
        let distance = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| (&a - &b).mapv(|x| x * x).sum().sqrt();
        let model_before = previous.map_or_else(|| self.problem.parameterized(v), |p| p.model.clone());
        let regularization = weight * penalty(v_new.view());
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

    /// Backtracks from the full step until the objective is no larger than at v; 0 where no fraction helps.
    fn line_search(
        &self,
        v: ArrayView1<'_, f64>,
        goal: &Array1<f64>,
        weight: f64,
        penalty: &Penalty<'_>,
    ) -> Result<(Array1<f64>, f64)> {
        let objective = |v: ArrayView1<'_, f64>| -> Result<f64> {
            let predicted = self.problem.forward.predict(self.problem.parameterized(v).view())?;
            Ok(self.problem.misfit(predicted.view()) + weight * penalty(v))
        };
        let at_v = objective(v)?;
        for fraction in (0..STEP_LENGTHS as i32).map(|halvings| 0.5f64.powi(halvings)) {
            // A group that is empty at both ends stays exactly empty.
            let candidate = if fraction == 1.0 { goal.clone() } else { &v + &(fraction * &(goal - &v)) };
            // Where the step is at rounding level, so is the change of the objective.
            if within_reach(objective(candidate.view()))? <= at_v * (1.0 + 1e-12) {
                return Ok((candidate, fraction));
            }
        }
        Ok((v.to_owned(), 0.0))
    }
}

/// Whether the linearized problem foretold the misfit of the full step that was taken.
pub(super) fn foretold(previous: &Iteration) -> bool {
    let chosen = previous.tradeoff.iter().find(|candidate| candidate.chosen == 1);
    previous.row.step_length == 1.0
        && chosen.is_some_and(|c| (previous.row.misfit_parameterized - c.misfit).abs() <= FORETOLD * c.misfit)
}
