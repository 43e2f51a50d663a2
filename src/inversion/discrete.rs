//! The u-step of an alternation as a map that is the same at every rank, and the rounding that ends a run.

use ndarray::{Array1, ArrayView1};

use super::alternating::{FeasibleAtRank, Mismatch};
use super::{Iteration, Problem};
use crate::error::Result;
use crate::linalg::covariance::Covariance;
use crate::operator::{FeasibleMap, Projection};

/// A u-step that does not depend on the basis: a discrete potential, say, whose weight goes with the iterations alone.
#[derive(Clone, Copy)]
pub struct SameAtEveryRank<'a>(pub &'a dyn FeasibleMap);

struct Borrowed<'a>(&'a dyn FeasibleMap);

impl FeasibleMap for Borrowed<'_> {
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection> {
        self.0.project(theta, iteration)
    }
}

impl FeasibleAtRank for SameAtEveryRank<'_> {
    fn feasible(&self) -> bool {
        true
    }
    fn map(&self, _: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>> {
        Ok(Box::new(Borrowed(self.0)))
    }
    fn covariance(&self, _: usize) -> Result<Option<Covariance>> {
        Ok(None)
    }
}

/// What rounding to the nearest facies does to a model: a finite weight of the potential leaves cells between facies.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    /// The rounded model, n.
    pub model: Array1<f64>,
    /// `‖C^{-1/2}(d − g(u))‖²` before and after.
    pub misfit: [f64; 2],
    /// Facies mismatch against the reference before (of the thresholded model) and after, where there is one.
    pub mismatch: Option<[f64; 2]>,
}

impl Rounded {
    /// Rounds the model of an iteration.
    ///
    /// # Errors
    /// What the forward model returns.
    pub fn new(
        problem: &Problem<'_>,
        iteration: &Iteration,
        round: &dyn Fn(ArrayView1<'_, f64>) -> Array1<f64>,
        mismatch: Option<&Mismatch<'_>>,
    ) -> Result<Self> {
        let model = round(iteration.model.view());
        let after = problem.misfit_of(model.view())?;
        Ok(Self {
            misfit: [iteration.row.misfit_model, after],
            mismatch: mismatch.map(|of| [of(iteration.model.view()), of(model.view())]),
            model,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::alternating::{Alternation, Schedule};
    use super::super::toys::{Cubic, host_problem, normals};
    use super::super::weight::Choice;
    use super::*;
    use crate::basis::pca::{Pca, Truncation};
    use crate::grid::{Ensemble, Grid};
    use crate::operator::{LinearOperator, Operator};
    use crate::regularizer::discrete::{DiscreteMap, DiscretePotential, Penalty, Strength};

    /// Facies 0, 2, 3 of smooth realizations on 12 × 10 cells.
    fn facies(smooth: f64) -> f64 {
        if smooth < -0.4 {
            0.0
        } else if smooth < 0.5 {
            2.0
        } else {
            3.0
        }
    }

    #[test]
    fn an_alternation_with_wells_ends_at_facies_and_rounding_keeps_its_fit() {
        let (waves, n) = (normals(4, 120, 0), 120);
        let values = normals(60, 4, 1).dot(&waves).mapv(|x| facies(0.7 * x) as f32);
        let ensemble =
            Ensemble { grid: Grid::unit([12, 10, 1]), facies: None, values: Some(values), facies_values: Vec::new() };
        let basis = Pca::new(&ensemble, Truncation::Rank(20), true, &()).unwrap().basis;
        let forward = Cubic { matrix: normals(30, n, 2) * 0.1, c: 0.01 };
        let truth = ensemble.property(7);
        let observed = forward.predict(truth.view()).unwrap() + &(0.1 * &normals(30, 1, 3).column(0));
        let covariance = Covariance::diagonal(Array1::from_elem(30, 0.1)).unwrap();
        let problem = host_problem(&forward, &basis, &observed, &covariance);
        let potential = DiscretePotential::new(vec![0.0, 2.0, 3.0], Penalty::Wells(vec![1.0, 1.0])).unwrap();
        let map = DiscreteMap::new(potential.clone(), Strength::DOUBLING, None).unwrap();
        let schedule = Schedule {
            ranks: vec![basis.cols(); 16],
            steps: 2,
            weight: Choice::Discrepancy,
            coefficient_sigma: None,
            all_iterations: true,
            return_last: true,
            map_last: false,
            sparsity: None,
            coupling_factor: 1.0,
        };
        let mismatch = |u: ArrayView1<'_, f64>| {
            let wrong = u.iter().zip(&truth).filter(|(u, t)| potential.nearest(**u) != potential.nearest(**t));
            wrong.count() as f64 / n as f64
        };
        let start = ensemble.values.as_ref().unwrap().mapv(f64::from).mean_axis(ndarray::Axis(0)).unwrap();
        let alternation = Alternation {
            problem,
            schedule: &schedule,
            at_rank: &SameAtEveryRank(&map),
            start: start.view(),
            coefficients: None,
            mismatch: Some(&mismatch),
        };
        let estimate = alternation.run(Vec::new(), &mut |_| Ok(()), &()).unwrap();
        assert_eq!(estimate.iterations.len(), 16);
        let between = |i: &Iteration| (&i.model - &potential.round(i.model.view())).mapv(f64::abs).sum();
        let (first, last) = (&estimate.iterations[0], estimate.best());
        assert!(between(last) < 1e-2 * between(first), "{} {}", between(first), between(last));
        let rounded = Rounded::new(&problem, last, &|u| potential.round(u), Some(&mismatch)).unwrap();
        assert!((rounded.misfit[0] - rounded.misfit[1]).abs() < 0.1 * rounded.misfit[0], "{:?}", rounded.misfit);
        let [before, after] = rounded.mismatch.unwrap();
        assert_eq!(before, after, "the mismatch is that of the nearest facies");
        let of_start = mismatch(start.view());
        assert!(after < 0.5 * of_start, "{after} of the cells are wrong, {of_start} at the start");
    }
}
