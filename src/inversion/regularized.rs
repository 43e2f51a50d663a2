//! Inversion under a penalty on the property itself: small, flat, smooth, or of few sharp boundaries.
//!
//! `min_v ‖C^{-1/2}(d − g(ū + Φv))‖² + λ² φ(ū + Φv)` on the cells (Φ = I) or in a basis. Each iteration linearizes g at v and
//! replaces φ by the weighted squares that touch it there (of a total variation smoothed by ε, which falls), so that
//! every weight's minimiser is known at once from a [`LinearTradeoff`]; λ² is taken from it by the [`Criterion`]; a line
//! search on the smoothed objective follows.

use ndarray::{Array1, Array2, ArrayView1};

use super::alternating::Mismatch;
use super::criterion::Criterion;
use super::descent::{Begun, Descent, Goal, foretold};
use super::gauss_newton::Point;
use super::linear_tradeoff::{LinearTradeoff, expand};
use super::roughness::Roughness;
use super::{Estimate, Iteration, Problem};
use crate::error::{Error, Result};
use crate::linalg::dense::{multiply, triangularize};
use crate::linalg::sparse::Analyses;
use crate::progress::Progress;
use crate::regularizer::Regularizer;

/// ε of the first iteration as a share of the largest norm of differences; ε² falls tenfold an iteration,
const SMOOTHING: f64 = 0.1;
/// to no less than this share.
const LEAST_SMOOTHING: f64 = 1e-8;
/// Share of the misfit that a linearization may leave,
const AMBITION: f64 = 0.1;
/// and where the one before proved right.
const HIGH_AMBITION: f64 = 1e-3;

/// Everything of a regularized inversion that is a number.
#[derive(Debug, Clone, PartialEq)]
pub struct RegularizedSchedule {
    /// Most linearizations.
    pub iterations: usize,
    /// How λ² is found. Criteria other than the misfit's are those of the linearized problem, exact for a linear one.
    pub weight: Criterion,
    /// It ends when `‖v_k − v_{k−1}‖ ≤ tolerance ‖v_k‖` (at the misfit's target, where the weight is found by it).
    pub tolerance: f64,
    /// Do all iterations even where nothing changes.
    pub all_iterations: bool,
}

/// An inversion under a penalty on the property.
pub struct RegularizedInversion<'a> {
    /// What is to be solved; the basis is [`CellBasis`](crate::basis::CellBasis) for an inversion on the cells.
    pub problem: Problem<'a>,
    /// φ.
    pub regularizer: &'a dyn Regularizer,
    /// The numbers.
    pub schedule: &'a RegularizedSchedule,
    /// Coefficients before the first iteration, k.
    pub start: ArrayView1<'a, f64>,
    /// Facies mismatch of a field against the reference, where there is one.
    pub mismatch: Option<&'a Mismatch<'a>>,
}

impl RegularizedInversion<'_> {
    /// Runs the iterations that `done` does not hold yet; `finished` sees each new one before the next begins.
    ///
    /// # Errors
    /// [`Error::Input`] for a fixed weight that is not positive, and for folds that the data do not fill;
    /// [`Error::Interrupted`] between iterations; [`Error::NoModel`] where the forward model returns no finite number; and
    /// whatever the forward model or `finished` return.
    pub fn run(
        &self,
        done: Vec<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let basis = self.problem.basis;
        assert_eq!(self.start.len(), basis.cols(), "start against the columns of the basis");
        assert_eq!(self.regularizer.differences().cells(), basis.rows(), "cells of the penalty against the basis");
        if let Criterion::Fixed(weight) = self.schedule.weight
            && !(weight.is_finite() && weight > 0.0)
        {
            let problem = format!("λ² is {weight}");
            return Err(Error::input("weight of the regularization", problem, "give a positive number, or none"));
        }
        let descent = Descent {
            problem: self.problem,
            iterations: self.schedule.iterations,
            tolerance: self.schedule.tolerance,
            all_iterations: self.schedule.all_iterations,
            aims_at_misfit: self.schedule.weight.aims_at_misfit(),
            mismatch: self.mismatch,
        };
        let analyses = Analyses::default();
        // A quadratic penalty is the same in every iteration.
        let mut kept = None;
        let mut iterate = |begun: Begun<'_>| {
            let field = self.problem.parameterized(begun.point.v.view());
            let epsilon = self.smoothing(field.view(), begun.number);
            let roughness = match kept.take() {
                Some(roughness) => roughness,
                None => {
                    let weights = self.regularizer.weights(field.view(), epsilon);
                    Roughness::new(basis, self.regularizer.differences(), weights.view(), &analyses)?
                }
            };
            let goal = self.goal(&roughness, field.view(), epsilon, &begun.point, begun.previous)?;
            if self.regularizer.quadratic() {
                kept = Some(roughness);
            }
            let penalty = |v: ArrayView1<'_, f64>, epsilon: f64| {
                self.regularizer.value(self.problem.parameterized(v).view(), epsilon)
            };
            let smoothed = |v: ArrayView1<'_, f64>| penalty(v, epsilon);
            descent.finish(begun, goal, [&smoothed, &|v| penalty(v, 0.0)])
        };
        descent.run(self.start, done, &mut iterate, finished, progress)
    }

    /// ε of an iteration: a share of the steepest differences; 1 where there are none, which makes the squares plain.
    fn smoothing(&self, field: ArrayView1<'_, f64>, number: u32) -> f64 {
        let steepest = self.regularizer.steepest(field);
        let share = (SMOOTHING * 0.1f64.powf(0.5 * f64::from(number - 1))).max(LEAST_SMOOTHING);
        if steepest > 0.0 { share * steepest } else { 1.0 }
    }

    /// The minimiser of the linearized problem under the weighted squares, and its weight.
    fn goal(
        &self,
        roughness: &Roughness,
        field: ArrayView1<'_, f64>,
        epsilon: f64,
        Point { v, predicted, jacobian, target }: &Point,
        previous: Option<&Iteration>,
    ) -> Result<Goal> {
        let misfit = self.problem.misfit(predicted.view());
        let center = self.center(roughness, field, epsilon, v.view());
        let target = target - &jacobian.dot(&center);
        let (matrix, tradeoff) = reduced(jacobian, &target, self.schedule.weight, roughness);
        let share = if previous.is_some_and(foretold) { HIGH_AMBITION } else { AMBITION };
        let aim = (self.problem.observed.len() as f64).max(share * misfit);
        // The weighted squares are ½ xᵀM x.
        let criterion = match self.schedule.weight {
            Criterion::Fixed(weight) => Criterion::Fixed(0.5 * weight),
            other => other,
        };
        let mu = tradeoff.choose(criterion, aim)?;
        let step = expand(&tradeoff.multipliers(mu), &matrix, &roughness.null_space, |x| roughness.solve(x));
        Ok(Goal { v: center + step, weight: 2.0 * mu, tradeoff: tradeoff.curve(mu) })
    }

    /// The coefficients at which the weighted squares are least: `u₀ − ū` on the cells, else `v − M⁻Φᵀ∇φ_ε(ū + Φv)`.
    fn center(
        &self,
        roughness: &Roughness,
        field: ArrayView1<'_, f64>,
        epsilon: f64,
        v: ArrayView1<'_, f64>,
    ) -> Array1<f64> {
        if self.problem.basis.is_cells() {
            let mean = self.problem.basis.mean();
            return self.regularizer.reference().map_or_else(|| -&mean, |reference| &reference - &mean);
        }
        let gradient = self.problem.basis.adjoint(self.regularizer.gradient(field, epsilon).view());
        &v - &roughness.solve(gradient.view())
    }
}

/// A and its trade-off; a triangle in place of A where there are more data than unknowns, unless data are to be left out.
fn reduced(
    jacobian: &Array2<f64>,
    target: &Array1<f64>,
    criterion: Criterion,
    roughness: &Roughness,
) -> (Array2<f64>, LinearTradeoff) {
    let (m, k) = jacobian.dim();
    let keep_rows = matches!(criterion, Criterion::CrossValidation { .. });
    let (matrix, target, outside) = if m <= k || keep_rows {
        (jacobian.clone(), target.clone(), None)
    } else {
        let (triangle, seen) = triangularize(jacobian.view(), target.view());
        let squares = (target.dot(target) - seen.dot(&seen)).max(0.0);
        (triangle, seen, Some((squares, m - k)))
    };
    let product = multiply(matrix.view(), roughness.solve_block(matrix.t()).view());
    let null_image = multiply(matrix.view(), roughness.null_space.view());
    let scale = matrix.iter().map(|a| a * a).sum();
    let tradeoff = LinearTradeoff::new(product, null_image, target, scale);
    match outside {
        Some((squares, count)) => (matrix, tradeoff.with_outside(squares, count)),
        None => (matrix, tradeoff),
    }
}

#[cfg(test)]
mod tests;
