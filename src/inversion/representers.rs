//! The most probable field under a Gaussian prior that is known by its covariance alone.
//!
//! With `u ~ N(ū, C)` on the cells, the field that Gauss-Newton's step at u goes to is a combination of as many columns
//! of `C G_uᵀ` as there are data (the representers of Bennett 1992),
//! `ū + C Gᵀ w`, `(G C Gᵀ + f² C_d) w = d − g(u) + G (u − ū)`, f a factor on the noise.
//! Nothing of it needs a basis, and C is only applied, so that it may be a covariance of many more directions than there
//! are realizations, see [`StationaryCovariance`](crate::prior::stationary_covariance::StationaryCovariance).

use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use super::verdict::{
    Evidence, ROWS_AT_ONCE, SETTLED, STEP_LENGTHS, Scored, Solution, TEMPERED_ITERATIONS, TEMPERING, VerdictOptions,
};
use super::within_reach;
use crate::error::{Error, Result};
use crate::linalg::dense::{cholesky, multiply, symmetric_eigen};
use crate::operator::LinearOperator;
use crate::progress::Progress;

/// One scenario's inversion.
pub(super) struct Representers<'a, 'e, 'h> {
    pub(super) evidence: &'a Evidence<'e>,
    /// ū, n.
    pub(super) mean: ArrayView1<'h, f64>,
    /// C, n × n.
    pub(super) covariance: &'h dyn LinearOperator,
    pub(super) options: &'a VerdictOptions,
    pub(super) progress: &'a dyn Progress,
}

/// A field `ū + C q`.
#[derive(Clone)]
struct Point {
    /// q, n.
    weights: Array1<f64>,
    /// C q, n.
    deviation: Array1<f64>,
}

impl Point {
    /// The point at a share of the way to another.
    fn towards(&self, goal: &Self, share: f64) -> Self {
        Self {
            weights: &self.weights + &(share * &(&goal.weights - &self.weights)),
            deviation: &self.deviation + &(share * &(&goal.deviation - &self.deviation)),
        }
    }

    /// `(u − ū)ᵀ C⁻¹ (u − ū)`.
    fn prior_squares(&self) -> f64 {
        self.weights.dot(&self.deviation)
    }
}

/// The data linearized at a field.
struct Seen {
    /// G, m × n.
    rows: Array2<f64>,
    /// C Gᵀ, n × m.
    spread: Array2<f64>,
    /// `C_d^{-1/2} G C Gᵀ C_d^{-1/2}`, m × m.
    gram: Array2<f64>,
    predicted: Array1<f64>,
}

/// Where Gauss-Newton iterations ended.
struct Ended {
    at: Point,
    iterations: usize,
    settled: bool,
}

impl Representers<'_, '_, '_> {
    /// The log evidence and the solution.
    pub(super) fn solve(&self) -> Result<(f64, Solution)> {
        let n = self.mean.len();
        let mut at = Point { weights: Array1::zeros(n), deviation: Array1::zeros(n) };
        // What data that are linear in u see of the prior is the same everywhere.
        let known = match self.evidence.linear_data {
            [] => Array2::zeros((n, 0)),
            linear => {
                let rows = self.evidence.forward.linearize(self.field(&at).view())?.jacobian;
                let unit =
                    Array2::from_shape_fn((rows.rows(), linear.len()), |(i, j)| f64::from(u8::from(i == linear[j])));
                self.covariance.apply_block(rows.adjoint_block(unit.view()).view())
            }
        };
        if self.options.tempered_start {
            for factor in TEMPERING {
                at = self.descend(at, &known, factor, TEMPERED_ITERATIONS)?.at;
            }
        }
        let ended = self.descend(at, &known, 1.0, self.options.iterations)?;
        let seen = self.see(&ended.at, &known)?;
        let (values, vectors) =
            symmetric_eigen(&seen.gram).ok_or_else(|| Error::NoModel("the Jacobian is not finite".into()))?;
        let errors = self.evidence.covariance;
        let residual = errors.whiten((&self.evidence.observed - &seen.predicted).view());
        let shift = errors.whiten(multiply(seen.rows.view(), column(&ended.at.deviation).view()).column(0));
        let scored = Scored {
            scaled: &vectors * &values.mapv(|l| l.max(0.0).sqrt()),
            data: &residual + &shift,
            residual,
            log_scale: errors.log_det_half(),
            prior_squares: ended.at.prior_squares(),
        };
        scored.solution(self.options.tail, |score| Solution {
            v: Array1::zeros(0),
            field: self.field(&ended.at),
            predicted: seen.predicted,
            iterations: ended.iterations,
            settled: ended.settled,
            ..score
        })
    }

    fn field(&self, at: &Point) -> Array1<f64> {
        &self.mean + &at.deviation
    }

    fn see(&self, at: &Point, known: &Array2<f64>) -> Result<Seen> {
        let linearized = self.evidence.forward.linearize(self.field(at).view())?;
        let (m, n) = (linearized.value.len(), self.mean.len());
        let linear = self.evidence.linear_data;
        let mut rows = Array2::zeros((m, n));
        for start in (0..m).step_by(ROWS_AT_ONCE) {
            let data = start..(start + ROWS_AT_ONCE).min(m);
            let unit = Array2::from_shape_fn((m, data.len()), |(i, j)| f64::from(u8::from(i == start + j)));
            rows.slice_mut(s![data, ..]).assign(&linearized.jacobian.adjoint_block(unit.view()).t());
        }
        let others: Vec<usize> = (0..m).filter(|i| !linear.contains(i)).collect();
        let of_others = self.covariance.apply_block(rows.select(Axis(0), &others).t());
        let mut spread = Array2::zeros((n, m));
        for (numbers, columns) in [(&others[..], &of_others), (linear, known)] {
            for (&i, column) in numbers.iter().zip(columns.columns()) {
                spread.column_mut(i).assign(&column);
            }
        }
        let errors = self.evidence.covariance;
        let half = errors.whiten_block(multiply(rows.view(), spread.view()).view());
        let gram = errors.whiten_block(half.t());
        // Rounding leaves it symmetric only nearly.
        let gram = 0.5 * (&gram + &gram.t());
        Ok(Seen { rows, spread, gram, predicted: linearized.value })
    }

    /// The field that is most probable where the data are as they are linearized at `at`.
    fn goal(&self, seen: &Seen, at: &Point, factor: f64) -> Result<Point> {
        let errors = self.evidence.covariance;
        let moved = multiply(seen.rows.view(), column(&at.deviation).view());
        let target = errors.whiten((&self.evidence.observed - &seen.predicted + moved.column(0)).view());
        let mut system = seen.gram.clone();
        system.diag_mut().mapv_inplace(|d| d + factor * factor);
        let factored =
            cholesky(&system).ok_or_else(|| Error::NoModel("the covariance of the data is not finite".into()))?;
        let weights = errors.whiten_adjoint(factored.solve(target.view()).view());
        let weights = column(&weights);
        Ok(Point {
            weights: multiply(seen.rows.t(), weights.view()).column(0).to_owned(),
            deviation: multiply(seen.spread.view(), weights.view()).column(0).to_owned(),
        })
    }

    /// Gauss-Newton on `‖C_d^{-1/2}(d − g(u))‖²/f² + (u − ū)ᵀ C⁻¹ (u − ū)`.
    fn descend(&self, start: Point, known: &Array2<f64>, factor: f64, iterations: usize) -> Result<Ended> {
        let objective = |at: &Point, predicted: &Array1<f64>| {
            let residual = self.evidence.covariance.whiten((&self.evidence.observed - predicted).view());
            residual.dot(&residual) / (factor * factor) + at.prior_squares()
        };
        let mut ended = Ended { at: start, iterations: 0, settled: false };
        while ended.iterations < iterations && !ended.settled {
            if self.progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let seen = self.see(&ended.at, known)?;
            let now = objective(&ended.at, &seen.predicted);
            if !now.is_finite() {
                return Err(Error::NoModel(format!("the objective at iteration {} is {now}", ended.iterations + 1)));
            }
            let goal = self.goal(&seen, &ended.at, factor)?;
            ended.iterations += 1;
            ended.settled = true;
            for fraction in (0..STEP_LENGTHS as i32).map(|halvings| 0.5f64.powi(halvings)) {
                let candidate = ended.at.towards(&goal, fraction);
                let predicted = self.evidence.forward.predict(self.field(&candidate).view());
                let value = within_reach(predicted.map(|predicted| objective(&candidate, &predicted)))?;
                if value < now {
                    ended.settled = now - value <= SETTLED * now;
                    ended.at = candidate;
                    break;
                }
            }
        }
        Ok(ended)
    }
}

/// A vector as a matrix of one column.
fn column(x: &Array1<f64>) -> Array2<f64> {
    x.view().insert_axis(Axis(1)).to_owned()
}
