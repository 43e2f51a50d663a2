//! What inversions of coefficients alone share: the loop of linearizations, the line search, and when to stop.

use std::time::Instant;

use ndarray::{Array1, ArrayView1};

use super::alternating::Mismatch;
use super::estimate::best_fitting;
use super::gauss_newton::Point;
use super::line_search::{self, Following, Moved};
use super::weight::Candidate;
use super::{Estimate, Iteration, Problem, Row, Stop};
use crate::error::{Error, Result};
use crate::progress::Progress;

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

/// Where an iteration begins.
pub(super) struct Begun<'a> {
    /// Its number, from 1.
    pub(super) number: u32,
    pub(super) previous: Option<&'a Iteration>,
    pub(super) point: Point,
    started: Instant,
}

/// An iteration, and where the next one begins, if that is known.
pub(super) type Iterated = (Iteration, Option<Point>);

impl Descent<'_> {
    /// Runs the iterations that `done` does not hold yet, each made by `iterate`, which says where the next one begins if
    /// that is known; `finished` sees each new one before the next begins.
    pub(super) fn run(
        &self,
        start: ArrayView1<'_, f64>,
        done: Vec<Iteration>,
        iterate: &mut dyn FnMut(Begun<'_>) -> Result<Iterated>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let (mut iterations, mut point) = (done, None);
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
            let (number, previous, started) = (iterations.len() as u32 + 1, iterations.last(), Instant::now());
            let begins = match point {
                Some(point) => point,
                None => Point::at(&self.problem, previous.map_or(start, |p| p.v.view()).to_owned())?,
            };
            let iteration;
            (iteration, point) = iterate(Begun { number, previous, point: begins, started })?;
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

    /// Goes towards the goal as far as misfit and `smoothed` penalty do not rise, and tells what came of it with the
    /// penalty itself.
    pub(super) fn finish(
        &self,
        Begun { number, previous, point, started }: Begun<'_>,
        Goal { v: goal, weight, tradeoff }: Goal,
        [smoothed, penalty]: [&Penalty<'_>; 2],
    ) -> Result<Iterated> {
        let objective = |v: ArrayView1<'_, f64>, predicted: &Array1<f64>| {
            self.problem.misfit(predicted.view()) + weight * smoothed(v)
        };
        let Point { v, predicted, .. } = point;
        let following =
            ((number as usize) < self.iterations).then_some(Following { problem: self.problem, rank: v.len() });
        let Moved { v: v_new, fraction: length, point: next } =
            line_search::search(&self.problem, v.clone(), &predicted, &goal, &objective, following)?;
        let parameterized = self.problem.parameterized(v_new.view());
        let misfit = self.problem.misfit_of_estimate(parameterized.view())?;
        let distance = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| (&a - &b).mapv(|x| x * x).sum().sqrt();
        let model_before = previous.map_or_else(|| self.problem.parameterized(v.view()), |p| p.model.clone());
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
            change_v: distance(v_new.view(), v.view()),
            change_u: distance(parameterized.view(), model_before.view()),
            mismatch_parameterized: mismatch,
            mismatch_model: mismatch,
            seconds: started.elapsed().as_secs_f64(),
        };
        let model = parameterized.clone();
        Ok((Iteration { row, v: v_new, parameterized, model, probability: None, tradeoff }, next))
    }
}

/// Whether the linearized problem foretold the misfit of the full step that was taken.
pub(super) fn foretold(previous: &Iteration) -> bool {
    let chosen = previous.tradeoff.iter().find(|candidate| candidate.chosen == 1);
    previous.row.step_length == 1.0
        && chosen.is_some_and(|c| (previous.row.misfit_parameterized - c.misfit).abs() <= FORETOLD * c.misfit)
}
