//! The inversion of one set of observations, and what changes with the coefficients.

use std::cell::RefCell;
use std::sync::Arc;

use ndarray::{Array1, ArrayView1, s};

use super::super::file::{Apply, Discrete, Inversion, Potential, Regularizer, Returned, Start, Weight};
use super::super::observations::Observations;
use super::super::{matching, repair};
use super::Study;
use super::parameterization::Parameterization;
use super::truncation::TruncationError;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::feasible::{FeasibleMap, PatternMap, Projection};
use crate::inversion::{
    Alternation, Choice, Criterion, Estimate, FeasibleAtRank, Grouping, Iteration, Mismatch, Problem,
    RegularizedInversion, RegularizedSchedule, Repair, SameAtEveryRank, Schedule, SparseInversion, SparseSchedule,
    Sparsity, equal_projection,
};
use crate::linalg::covariance::Covariance;
use crate::progress::Progress;
use crate::regularizer::discrete::{DiscreteMap, DiscretePotential, Penalty, Strength};
use crate::regularizer::{Regularizer as PropertyPenalty, Tikhonov, TotalVariation};

/// Folds of a weight that is chosen by cross-validation.
const FOLDS: usize = 10;

impl Study {
    /// The inversion of one set of observations; `finished` sees each iteration.
    pub fn invert(
        &self,
        observations: &Observations<'_>,
        done: Vec<Iteration>,
        finished: &mut dyn FnMut(&Iteration) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Estimate> {
        let schedule = self.schedule(observations)?;
        let has_facies = observations.reference_facies(&self.case.property.facies).is_some();
        let mismatch = |field: ArrayView1<'_, f64>| self.facies_mismatch(observations, field).unwrap_or_default();
        let mismatch: Option<&Mismatch<'_>> = if has_facies { Some(&mismatch) } else { None };
        let (start, coefficients) = self.start();
        let inversion = &self.case.inversion;
        let of_property = self.penalty_on_the_property()?;
        if !self.case.has_u_step() && (of_property.is_some() || inversion.regularizer.is_sparse()) {
            let start = coefficients.unwrap_or_else(|| Array1::zeros(self.basis().cols()));
            let (iterations, tolerance) = (inversion.iterations, inversion.tolerance);
            let (weight, all_iterations) = (self.criterion(), schedule.all_iterations);
            let covariance = TruncationError::new(self, observations)?.covariance(self.basis().cols())?;
            let covariance = covariance.as_ref().unwrap_or(&observations.covariance);
            let problem = Problem { covariance, ..self.problem(observations) };
            let start = start.view();
            if let Some(regularizer) = &of_property {
                let schedule = &RegularizedSchedule { iterations, weight, tolerance, all_iterations };
                let inversion =
                    RegularizedInversion { problem, regularizer: &**regularizer, schedule, start, mismatch };
                return inversion.run(done, finished, progress);
            }
            let grouping = &self.grouping(inversion.regularizer)?;
            let schedule = &SparseSchedule { iterations, weight, tolerance, all_iterations };
            return SparseInversion { problem, grouping, schedule, start, mismatch }.run(done, finished, progress);
        }
        let discrete = self.discrete_map()?;
        let at_rank = AtRank::new(self, observations, discrete.as_ref())?;
        let alternation = Alternation {
            problem: self.problem(observations),
            schedule: &schedule,
            at_rank: &at_rank,
            start: start.view(),
            coefficients: coefficients.as_ref().map(|v| v.view()),
            mismatch,
        };
        alternation.run(done, finished, progress)
    }

    /// What is to be solved.
    pub(in crate::case) fn problem<'a>(&'a self, observations: &'a Observations<'a>) -> Problem<'a> {
        Problem {
            forward: observations.forward(),
            exact: observations.exact(),
            basis: self.basis(),
            observed: observations.observed.view(),
            covariance: &observations.covariance,
        }
    }

    /// The parameterized field that an inversion starts from.
    pub fn starting_field(&self) -> Array1<f64> {
        let coefficients = self.start().1.unwrap_or_else(|| Array1::zeros(self.basis().cols()));
        self.basis().expand(coefficients.view())
    }

    /// The u that the first v-step is tied to, and the coefficients before it.
    fn start(&self) -> (Array1<f64>, Option<Array1<f64>>) {
        if let Some(explicit) = self.parameterization.explicit() {
            let basis = explicit.basis();
            return match self.case.inversion.start {
                Start::Mean => (self.prior_mean.clone(), Some(basis.nearest(self.prior_mean.view()))),
                Start::Zero => (self.prior_mean.clone(), None),
                Start::Uniform(share) => {
                    let largest = basis.standard_deviations().map_or(1.0, |s| s.iter().copied().fold(0.0, f64::max));
                    (self.prior_mean.clone(), Some(Array1::from_elem(basis.cols(), share * largest)))
                }
                Start::Scenario(p) => {
                    let mean = self.priors.mean(&[p]);
                    let v = basis.nearest(mean.view());
                    (mean, Some(v))
                }
            };
        }
        let Parameterization::Hybrid { basis, .. } = &*self.parameterization else {
            return (self.initial(), self.coded_start());
        };
        let groups = basis.groups();
        match self.case.inversion.start {
            Start::Mean => {
                let v = equal_projection(basis, self.prior_mean.view(), groups.len());
                (self.prior_mean.clone(), Some(v))
            }
            Start::Zero => (self.prior_mean.clone(), None),
            Start::Uniform(share) => {
                let sigma = basis.standard_deviations().expect("a hybrid basis knows them");
                let largest = sigma.iter().copied().fold(0.0, f64::max);
                (self.prior_mean.clone(), Some(Array1::from_elem(basis.rank(), share * largest)))
            }
            Start::Scenario(p) => {
                let mean = self.priors.mean(&[p]);
                let mut v = Array1::zeros(basis.rank());
                if let Some(block) = self.block(p) {
                    v.slice_mut(s![groups[block].clone()]).assign(&basis.block(block).project(mean.view()));
                }
                (mean, Some(v))
            }
        }
    }

    /// The coefficients that an inversion in a dictionary begins with: the sparse code of the mean of the realizations.
    /// Where the mean is kept this is zero, and so it is where there is no dictionary.
    fn coded_start(&self) -> Option<Array1<f64>> {
        let ksvd = self.parameterization.dictionary()?;
        let is_coded = self.case.inversion.start == Start::Mean && !self.case.basis.center;
        is_coded.then(|| ksvd.basis.nearest(self.prior_mean.view()))
    }

    /// The u-step of a discrete potential, where the case has one.
    fn discrete_map(&self) -> Result<Option<DiscreteMap<'_>>> {
        let Some(discrete) = &self.case.discrete else { return Ok(None) };
        let Discrete { first, factor, last, .. } = *discrete;
        let strength = Strength::Growing { first, factor, last: last.unwrap_or(f64::INFINITY) };
        DiscreteMap::new(self.potential(discrete)?, strength, self.gpu.as_deref()).map(Some)
    }

    /// The potential of a case's facies.
    fn potential(&self, discrete: &Discrete) -> Result<DiscretePotential> {
        let penalty = match &discrete.potential {
            Potential::Quartic(weights) => Penalty::Wells(weights.clone()),
            Potential::Tukey => Penalty::Tukey,
            Potential::TruncatedQuadratic => Penalty::TruncatedQuadratic,
            Potential::GemanMcClure => Penalty::GemanMcClure,
        };
        DiscretePotential::new(self.case.property.facies.clone(), penalty)
    }

    fn schedule(&self, observations: &Observations<'_>) -> Result<Schedule> {
        let (inversion, columns) = (&self.case.inversion, self.basis().cols());
        let blocks = self.parameterization.groups();
        let rank = |k| match blocks {
            Some(_) => columns,
            None if self.parameterization.is_extended() || self.parameterization.explicit().is_some() => columns,
            None => self.case.basis.rank.at(k, inversion.iterations).map_or(columns, |rank| rank.min(columns)),
        };
        let tied = self.tied();
        // An error level that the data chose leaves nothing for the discrepancy principle to choose.
        let weight = match if tied { inversion.coupling } else { inversion.weight } {
            Weight::Fixed(lambda) => Choice::Fixed(lambda * lambda * if tied { 1.0 } else { inversion.weight_factor }),
            Weight::Auto if !tied && observations.estimated => Choice::Fixed(1.0),
            // Criteria of a whole path of weights are used where there is no alternation.
            _ => Choice::Discrepancy,
        };
        let sigma = self.basis().standard_deviations().map(|s| s.to_owned());
        if sigma.is_none() && inversion.regularizer == Regularizer::Gaussian {
            let problem = "\"gaussian\" where a coefficient is zero in all realizations";
            return Err(Error::input("inversion.regularizer", problem, "keep fewer columns, or choose \"l1\""));
        }
        Ok(Schedule {
            ranks: (0..inversion.iterations).map(rank).collect(),
            steps: inversion.steps,
            weight,
            coefficient_sigma: sigma.filter(|_| inversion.regularizer == Regularizer::Gaussian),
            all_iterations: inversion.tolerance == 0.0,
            return_last: inversion.returned == Returned::Last,
            map_last: inversion.apply == Apply::Last,
            sparsity: self.sparsity(inversion)?,
            coupling_factor: inversion.coupling_factor,
        })
    }

    /// Whether v-steps are tied to a feasible model.
    fn tied(&self) -> bool {
        self.case.has_u_step() && self.case.inversion.apply == Apply::Every
    }

    /// How λ² of an inversion without a feasible map is found.
    fn criterion(&self) -> Criterion {
        let inversion = &self.case.inversion;
        match inversion.weight {
            Weight::Auto => Criterion::Discrepancy,
            Weight::Fixed(lambda) => Criterion::Fixed(lambda * lambda * inversion.weight_factor),
            Weight::LCurve => Criterion::LCurve,
            Weight::Gcv => Criterion::Gcv,
            Weight::CrossValidation => Criterion::CrossValidation { folds: FOLDS, seed: self.case.seed },
        }
    }

    /// φ, where the penalty is on the property.
    fn penalty_on_the_property(&self) -> Result<Option<Box<dyn PropertyPenalty>>> {
        let grid = self.grid();
        Ok(match self.case.inversion.regularizer {
            Regularizer::Tikhonov(0) => {
                let mean = self.basis().mean().to_owned();
                Some(Box::new(Tikhonov::new(grid, 0, Some(mean))?))
            }
            Regularizer::Tikhonov(order) => Some(Box::new(Tikhonov::new(grid, order, None)?)),
            Regularizer::TotalVariation => Some(Box::new(TotalVariation::new(grid))),
            _ => None,
        })
    }

    fn sparsity(&self, inversion: &Inversion) -> Result<Option<Sparsity>> {
        if !inversion.regularizer.is_sparse() {
            return Ok(None);
        }
        let weight = match inversion.weight {
            Weight::Fixed(lambda) => Choice::Fixed(lambda * lambda * inversion.weight_factor),
            _ => Choice::Discrepancy,
        };
        Ok(Some(Sparsity { grouping: self.grouping(inversion.regularizer)?, weight, factor: inversion.weight_factor }))
    }

    /// The groups of coefficients: one a scenario, or with l1 every coefficient by itself, weighed as in its group. A
    /// basis without blocks is one group; one that is not made of realizations has the case's own.
    ///
    /// # Errors
    /// A basis that does not know the spread of its coefficients.
    pub(in crate::case) fn grouping(&self, regularizer: Regularizer) -> Result<Grouping> {
        if let Some(explicit) = self.parameterization.explicit() {
            return explicit.grouping(regularizer);
        }
        let columns = self.basis().cols();
        let Some(sigma) = self.basis().standard_deviations() else {
            return Err(Error::input(
                "inversion.regularizer",
                "the basis does not know the spread of its coefficients",
                "choose basis.kind = \"hybrid\"",
            ));
        };
        if regularizer == Regularizer::WeightedL1 {
            return Grouping::singles(sigma.mapv(f64::recip).view());
        }
        if regularizer == Regularizer::L1 && self.parameterization.dictionary().is_some() {
            return Grouping::singles(Array1::ones(columns).view());
        }
        let blocks = self.parameterization.groups().unwrap_or_else(|| std::iter::once(0..columns).collect());
        let groups = Grouping::scenarios(&blocks, sigma)?;
        match regularizer {
            Regularizer::L1 => {
                let mut weights = Array1::zeros(columns);
                for group in groups.groups() {
                    group.columns.iter().zip(&group.element_weights).for_each(|(&i, &k)| weights[i] = k);
                }
                Grouping::singles(weights.view())
            }
            _ => Ok(groups),
        }
    }
}

/// What changes with the coefficients: the feasible map's learning set, and the truncation error in the data.
struct AtRank<'a> {
    study: &'a Study,
    observations: &'a Observations<'a>,
    /// The latest map: it holds until the rank or the active scenarios change.
    latest: RefCell<Option<Made<'a>>>,
    /// Error of the basis in the data.
    truncation: TruncationError<'a>,
    /// The u-step of a discrete potential, in the place of a map that is learned.
    discrete: Option<SameAtEveryRank<'a>>,
    /// What the u-step's repair needs; `None` without repairs.
    repair: Option<repair::Prepared>,
}

/// A map, and what it was made for.
#[derive(Clone)]
struct Made<'a> {
    rank: usize,
    sources: Vec<usize>,
    map: Arc<PatternMap<'a>>,
}

/// A map that is kept for later iterations.
struct Shared<'a>(Arc<PatternMap<'a>>);

impl FeasibleMap for Shared<'_> {
    fn project(&self, theta: ArrayView1<'_, f64>, iteration: u32) -> Result<Projection> {
        self.0.project(theta, iteration)
    }
}

impl<'a> AtRank<'a> {
    fn new(
        study: &'a Study,
        observations: &'a Observations<'a>,
        discrete: Option<&'a DiscreteMap<'a>>,
    ) -> Result<Self> {
        let truncation = TruncationError::new(study, observations)?;
        let repair = repair::Prepared::new(study, observations);
        let discrete = discrete.map(|map| SameAtEveryRank(map));
        Ok(Self { study, observations, latest: RefCell::new(None), truncation, discrete, repair })
    }
}

impl FeasibleAtRank for AtRank<'_> {
    fn feasible(&self) -> bool {
        self.study.case.has_u_step()
    }

    fn map(&self, v: ArrayView1<'_, f64>) -> Result<Box<dyn FeasibleMap + '_>> {
        if let Some(discrete) = &self.discrete {
            return discrete.map(v);
        }
        let Some(feasible) = &self.study.case.feasible else {
            return Err(Error::input("feasible", "there is none", "add [feasible] to the case"));
        };
        let (rank, sources) = (v.len(), self.study.active(v, feasible.refine));
        let kept = self.latest.borrow().clone().filter(|made| made.rank == rank && made.sources == sources);
        let made = match kept {
            Some(made) => made,
            None => {
                // Learning sets are large: one goes before the next is drawn.
                *self.latest.borrow_mut() = None;
                let map = matching::map(self.study, Some(self.observations), feasible, rank, &sources)?;
                Made { rank, sources, map: Arc::new(map) }
            }
        };
        *self.latest.borrow_mut() = Some(made.clone());
        Ok(Box::new(Shared(made.map)))
    }

    fn repair(&self) -> Option<Repair<'_>> {
        self.repair.as_ref().map(|prepared| prepared.with(&self.study.case.property.facies))
    }

    fn covariance(&self, rank: usize) -> Result<Option<Covariance>> {
        self.truncation.covariance(rank)
    }
}
