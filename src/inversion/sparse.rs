//! Inversion under group sparsity alone, without a feasible set: which groups of coefficients do the data need?
//!
//! Each iteration linearizes g at v and goes towards the exact minimiser of `‖Δd − G v‖² + λ² Σ_g μ_g ‖K_g v_g‖₂` (see
//! [`GroupedLeastSquares`]), as far as the true objective falls. λ² starts where it empties every group and falls by one
//! half an iteration (faster where the linearization proves right) until the whitened misfit reaches its target, so that
//! every start comes the same way.

use ndarray::{Array1, ArrayView1};

use super::alternating::Mismatch;
use super::criterion::Criterion;
use super::descent::{Begun, Descent, Goal, Iterated, foretold};
use super::gauss_newton::Point;
use super::groups::Grouping;
use super::sparse_weight::choose_weight;
use super::sparsity::{GroupedLeastSquares, Minimizer};
use super::weight::{Candidate, Cooling};
use super::{Estimate, Iteration, Problem};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Everything of a sparse inversion that is a number.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseSchedule {
    /// Most linearizations.
    pub iterations: usize,
    /// How λ² is found.
    pub weight: Criterion,
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
/// by this one where the linearization before foretold the misfit.
const FAST_COOLING: f64 = 0.1;
/// λ² rises by this factor an iteration at most.
const HEATING: f64 = 4.0;
/// λ² never falls below this share of the largest.
const LEAST_SHARE: f64 = 1e-10;

impl<'a> SparseInversion<'a> {
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
        let largest = self.largest_weight()?;
        let descent = self.descent();
        descent.run(self.start, done, &mut |begun| self.iterate(&descent, begun, largest), finished, progress)
    }

    fn descent(&self) -> Descent<'a> {
        Descent {
            problem: self.problem,
            iterations: self.schedule.iterations,
            tolerance: self.schedule.tolerance,
            all_iterations: self.schedule.all_iterations,
            aims_at_misfit: self.schedule.weight.aims_at_misfit(),
            mismatch: self.mismatch,
        }
    }

    /// λ_max² at v = 0.
    fn largest_weight(&self) -> Result<f64> {
        let zero = Point::at(&self.problem, Array1::zeros(self.grouping.columns()))?;
        let largest = self.grouping.largest_weight(zero.jacobian.t().dot(&zero.target).view());
        match largest.is_finite() {
            true => Ok(largest.max(f64::MIN_POSITIVE)),
            false => Err(Error::NoModel(format!("the gradient of the misfit at v = 0 has a norm of {largest}"))),
        }
    }

    fn iterate(&self, descent: &Descent<'_>, begun: Begun<'_>, largest: f64) -> Result<Iterated> {
        let goal = self.weigh(&begun.point, begun.previous, largest)?;
        let penalty = |v: ArrayView1<'_, f64>| self.grouping.value(v);
        descent.finish(begun, goal, [&penalty, &penalty])
    }

    /// The minimiser of the linearized problem, its λ², and the weights that were tried.
    fn weigh(&self, point: &Point, previous: Option<&Iteration>, largest: f64) -> Result<Goal> {
        let (jacobian, data, v) = (point.jacobian.view(), point.target.view(), point.v.view());
        let prepared = || GroupedLeastSquares::new(jacobian, data, self.grouping);
        let (found, weight, tradeoff) = match self.schedule.weight {
            Criterion::Fixed(weight) => (prepared().minimize(weight, Some(v)), weight, Vec::new()),
            Criterion::Discrepancy => self.cool(&prepared(), previous, v, largest),
            criterion => choose_weight(jacobian, data, self.grouping, criterion)?,
        };
        Ok(Goal { v: found.v, weight, tradeoff })
    }

    fn cool(
        &self,
        prepared: &GroupedLeastSquares<'_>,
        previous: Option<&Iteration>,
        v: ArrayView1<'_, f64>,
        largest: f64,
    ) -> (Minimizer, f64, Vec<Candidate>) {
        let target = self.problem.observed.len() as f64;
        let before = previous.map_or(largest, |p| p.row.lambda.powi(2));
        let cooling = if previous.is_some_and(foretold) { FAST_COOLING } else { COOLING };
        let least = (cooling * before).max(LEAST_SHARE * largest);
        // Most often the least weight of this iteration still misses the target, and is taken.
        let at_least = prepared.minimize(least, Some(v));
        if at_least.misfit > target {
            let tried = Candidate { weight: least, misfit: at_least.misfit, penalty: at_least.penalty, chosen: 1 };
            return (at_least, least, vec![tried]);
        }
        let top = prepared.largest_weight().min(HEATING * before).max(least);
        prepared.discrepancy(Cooling { least, largest: top }, target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stop;
    use super::super::groups::ranges;
    use super::super::toys::{Columns, Cubic, host_problem, normals};
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

        fn invert(&self, weight: Criterion, start: Start, done: Vec<Iteration>) -> Estimate {
            let problem = host_problem(&self.forward, &self.basis, &self.observed, &self.covariance);
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
            let found = starts.map(|start| toy.invert(Criterion::Discrepancy, start, Vec::new()));
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
        let estimate = toy.invert(Criterion::Fixed(20.0), Start::Uniform(1.0), Vec::new());
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
        let whole = toy.invert(Criterion::Discrepancy, Start::Uniform(0.1), Vec::new());
        let resumed = toy.invert(Criterion::Discrepancy, Start::Uniform(0.1), whole.iterations[..3].to_vec());
        assert_eq!(whole.iterations.len(), resumed.iterations.len());
        assert!(whole.iterations.iter().zip(&resumed.iterations).all(|(a, b)| a.v == b.v && a.tradeoff == b.tradeoff));
        let again = toy.invert(Criterion::Discrepancy, Start::Uniform(0.1), whole.iterations.clone());
        assert_eq!((again.iterations.len(), again.stopped), (whole.iterations.len(), whole.stopped));
    }

    #[test]
    fn blocks_are_numbered_without_gaps() {
        assert_eq!(ranges(&BLOCKS), [0..4, 4..10, 10..13, 13..18, 18..25]);
    }
}
