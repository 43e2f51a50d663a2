//! Repair of the feasible model: votes near a tie are re-decided so that the model fits the data better.
//!
//! The votes of the feasible map say how likely each facies is in each cell, and nothing of the data. Where they are
//! nearly tied the data may decide: a field s is added to them in proportion to the facies' property, and every cell takes
//! the facies c of the largest `p_c + 2 s y_c / (max y − min y)²` (of two facies: the one on whose side of the middle the
//! expected property plus s lies). s is the gradient of the misfit with the whole prior behind it,
//!
//! ```text
//! s₀ = K (d − g(E u)),   s_{j+1} = s_j + t K (d − g(u_j)),   K = C_u Gᵀ (G C_u Gᵀ + C)⁻¹,   E u = Σ_c p_c y_c
//! ```
//!
//! The covariance C_u spreads what the gradient asks for, so that whole reaches of a channel come and go and not single
//! cells along a ray. The start makes the *expected* property fit the data, which is linear; the short steps that follow
//! make the facies fit. Few of them: facies that fit to the last have bent to data that cannot tell so much of them. Over
//! 20 references of `ch5-tomo` the misfit of u fell from 911 to 189 (target 36), its facies mismatch from 0.76 to 0.69 of
//! the prior mean's; three steps left 253 and 0.68, ten 87 and 0.70.
//!
//! Heads are not linear: K of the smooth start leaves misfits two or three times larger than K formed anew along the way,
//! see [`RepairOptions::nonlinear`]. And where the map cuts a pumping well off, they are missed a hundredfold: each step
//! then takes off some two fifths of the residual, and the steps go on while they gain. Three references of `ch6-pumping`:
//! misfit of u 1929, 3864 and 6596 after five steps, 470, 730 and 907 after as many as gain (target 50), mismatch .170
//! either way. Within four times the target they do not go on: ten references of `ch6-pumping-200` end at a mismatch of .216
//! and a misfit of 163 (target 98) so, at .222 and 134 otherwise.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::Problem;
use super::gauss_newton::gradients;
use super::representers::Representers;
use crate::error::{Error, Result};
use crate::feasible::threshold;
use crate::linalg::dense::{Cholesky, gram_cholesky};
use crate::operator::LinearOperator;

/// How far votes are re-decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepairOptions {
    /// Steps behind the start: forward solves.
    pub steps: usize,
    /// Most steps, where the misfit is still far from its target and the last of them gain: one in three lowers the least
    /// misfit by a tenth.
    pub most: usize,
    /// Length t of a step, as a fraction of the Gauss-Newton step of a field without facies.
    pub length: f64,
    /// Largest |s|, as a fraction of the range of the facies' property: of two facies, one that has more than a half and
    /// `reach` of the votes stays, whatever the data say.
    pub reach: f64,
    /// K is formed anew at the model in hand before the first step and every so many steps later; `None`: K is that of
    /// the start, which is right where data are linear in the property.
    pub relinearize: Option<usize>,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self { steps: 5, most: 5, length: 0.1, reach: 0.5, relinearize: None }
    }
}

impl RepairOptions {
    /// For data that are not linear in the property, such as heads: what a smooth expected property says of their
    /// derivatives is little worth among facies, and longer steps do not bend them too far. Ten steps of 0.2 leave as
    /// many cells in the wrong facies, and take half as many solves again.
    pub fn nonlinear() -> Self {
        Self { most: 20, length: 0.4, relinearize: Some(2), ..Self::default() }
    }
}

/// Most that s changes in a step, as a fraction of the range of the property: the start apart, no residual, however
/// large, moves all votes at once.
const LARGEST_CHANGE: f64 = 0.1;
/// A repair goes on beyond its steps while the least misfit is above so many times its target
const FAR: f64 = 4.0;
/// and one of the last so many steps has gained.
const PATIENCE: usize = 3;
/// A step gains that lowers the least misfit to this share of it.
const CLEARLY_LESS: f64 = 0.9;
/// Data times cells beyond which nothing is repaired: K is stored.
const LARGEST_GAIN: usize = 50_000_000;

/// What a repair needs to know beside the problem.
pub struct Repair<'a> {
    /// The covariance C_u of the property, n × n.
    pub covariance: &'a dyn LinearOperator,
    /// The property of each facies.
    pub facies: &'a [f64],
    /// Cells that keep what they have: those of hard data.
    pub kept: &'a [usize],
    /// How far.
    pub options: RepairOptions,
}

/// A model before and after its repair.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// The model of least misfit that was met; the given one where none was better.
    pub model: Array1<f64>,
    /// Its misfit.
    pub misfit: f64,
    /// The misfit of the model that was given.
    pub before: f64,
    /// Cells that were re-decided.
    pub changed: usize,
}

impl Repaired {
    /// A model that is left as it is.
    pub fn unchanged(model: Array1<f64>, misfit: f64) -> Self {
        Self { model, misfit, before: misfit, changed: 0 }
    }

    /// Takes a candidate's place where that fits better.
    fn better(&mut self, model: &Array1<f64>, misfit: f64, changed: usize) {
        if misfit < self.misfit {
            *self = Self { model: model.clone(), misfit, before: self.before, changed };
        }
    }
}

impl Repair<'_> {
    /// Whether m data on n cells are too many for a repair: K is stored, and such a model is left as it is.
    pub fn too_large(data: usize, cells: usize) -> bool {
        data * cells > LARGEST_GAIN
    }

    /// Repairs the facies model `model` whose votes' shares are `probability`, K × n. A model that fits to its errors,
    /// or whose candidates the forward model cannot solve, is returned as it is.
    ///
    /// # Errors
    /// Whatever the forward model returns for the model itself, and all but [`Error::NoModel`] for candidates.
    pub fn repair(
        &self,
        problem: &Problem<'_>,
        model: ArrayView1<'_, f64>,
        probability: ArrayView2<'_, f32>,
    ) -> Result<Repaired> {
        let (m, residual) = (problem.observed.len(), residual(problem, model)?);
        let before = residual.dot(&residual);
        let mut best = Repaired::unchanged(model.to_owned(), before);
        if !before.is_finite() {
            return Err(Error::NoModel(format!("the forward model of the estimate gives a misfit of {before}")));
        }
        if before <= m as f64 || Self::too_large(m, model.len()) {
            return Ok(best);
        }
        match self.search(problem, model, probability, &mut best) {
            Err(Error::NoModel(_)) | Ok(()) => Ok(best),
            Err(other) => Err(other),
        }
    }

    /// Leaves in `best` the candidate of least misfit.
    fn search(
        &self,
        problem: &Problem<'_>,
        model: ArrayView1<'_, f64>,
        probability: ArrayView2<'_, f32>,
        best: &mut Repaired,
    ) -> Result<()> {
        let decision = Decision::new(self, model, probability);
        let expected = decision.expected();
        let at = problem.exact.linearize(expected.view())?;
        let mut gain = Gain::new(problem, self.covariance, gradients(&*at.jacobian)?, None);
        let bound = self.options.reach * decision.range;
        let mut field = gain.apply(whitened_residual(problem, &at.value).view());
        let mut gained_at = 0;
        for step in 0..=self.options.most {
            field.mapv_inplace(|s| s.clamp(-bound, bound));
            let (candidate, changed) = decision.take(field.view());
            let hopeful = step < gained_at + PATIENCE && best.misfit > FAR * problem.observed.len() as f64;
            let last = step == self.options.most || (step >= self.options.steps && !hopeful);
            // A linearization predicts as well, and solves the equations once for both.
            let relinearized = !last && self.options.relinearize.is_some_and(|every| step.is_multiple_of(every));
            let (residual, jacobian) = if relinearized {
                let at = problem.exact.linearize(candidate.view())?;
                (whitened_residual(problem, &at.value), Some(at.jacobian))
            } else {
                (residual(problem, candidate.view())?, None)
            };
            let misfit = residual.dot(&residual);
            if misfit < CLEARLY_LESS * best.misfit {
                gained_at = step;
            }
            best.better(&candidate, misfit, changed);
            if misfit <= problem.observed.len() as f64 || last {
                break;
            }
            if let Some(jacobian) = jacobian {
                gain = Gain::new(problem, self.covariance, gradients(&*jacobian)?, Some(gain));
            }
            let change = gain.apply(residual.view()) * self.options.length;
            let largest = change.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            field.scaled_add((LARGEST_CHANGE * decision.range / largest).min(1.0), &change);
        }
        Ok(())
    }
}

fn residual(problem: &Problem<'_>, model: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
    Ok(whitened_residual(problem, &problem.predict(model)?))
}

fn whitened_residual(problem: &Problem<'_>, predicted: &Array1<f64>) -> Array1<f64> {
    problem.covariance.whiten((&problem.observed - predicted).view())
}

/// `C_u Aᵀ (A C_u Aᵀ + I)⁻¹` with the whitened Jacobian `A = C^{-1/2} G`.
struct Gain {
    representers: Representers,
    factor: Cholesky,
}

impl Gain {
    /// The gain of the data's gradients `Gᵀ`; `before`: of others.
    fn new(
        problem: &Problem<'_>,
        covariance: &dyn LinearOperator,
        gradients: Array2<f64>,
        before: Option<Self>,
    ) -> Self {
        let before = before.map(|gain| gain.representers);
        let representers = Representers::new(covariance, gradients, problem.covariance, before);
        let mut system = representers.gram.clone();
        system.diag_mut().mapv_inplace(|g| g + 1.0);
        let factor = gram_cholesky(system);
        Self { representers, factor }
    }

    fn apply(&self, residual: ArrayView1<'_, f64>) -> Array1<f64> {
        self.representers.combination(self.factor.solve(residual).view())
    }
}

/// Which facies a cell takes, given its votes and the field s.
struct Decision<'a> {
    facies: &'a [f64],
    probability: ArrayView2<'a, f32>,
    /// The facies that each cell was given.
    codes: Vec<usize>,
    kept: Vec<bool>,
    /// Largest less least property of a facies.
    range: f64,
}

impl<'a> Decision<'a> {
    fn new(repair: &Repair<'a>, model: ArrayView1<'_, f64>, probability: ArrayView2<'a, f32>) -> Self {
        let facies = repair.facies;
        assert_eq!(probability.dim(), (facies.len(), model.len()), "shares of the votes, facies × cells");
        let mut kept = vec![false; model.len()];
        repair.kept.iter().for_each(|&cell| kept[cell] = true);
        let largest = facies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = largest - facies.iter().copied().fold(f64::INFINITY, f64::min);
        Self {
            facies,
            probability,
            codes: threshold(model, facies).into_iter().map(usize::from).collect(),
            kept,
            range,
        }
    }

    /// The expected property of every cell; where a datum is kept, the datum.
    fn expected(&self) -> Array1<f64> {
        let mean = |cell: usize| {
            let shares = self.facies.iter().enumerate().map(|(c, y)| f64::from(self.probability[[c, cell]]) * y);
            if self.kept[cell] { self.facies[self.codes[cell]] } else { shares.sum() }
        };
        (0..self.codes.len()).map(mean).collect()
    }

    /// The model at s, and how many of its cells are not as they were given. Ties keep the facies that was given.
    fn take(&self, field: ArrayView1<'_, f64>) -> (Array1<f64>, usize) {
        let scale = 2.0 / (self.range * self.range);
        let mut changed = 0;
        let model = field.iter().enumerate().map(|(cell, &s)| {
            let given = self.codes[cell];
            if self.kept[cell] {
                return self.facies[given];
            }
            let score = |code: usize| f64::from(self.probability[[code, cell]]) + scale * s * self.facies[code];
            let better = |best: usize, code: usize| if score(code) > score(best) { code } else { best };
            let taken = (0..self.facies.len()).fold(given, better);
            changed += usize::from(taken != given);
            self.facies[taken]
        });
        (model.collect(), changed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::toys::{Cubic, Wild, host_problem, normals};
    use super::*;
    use crate::basis::pca::{Pca, Truncation};
    use crate::grid::{Ensemble, Grid};
    use crate::linalg::covariance::Covariance;
    use crate::operator::{Dense, Linearized, Operator};
    use crate::random::{Purpose, Stream};

    const FACIES: [f64; 2] = [-1.0, 1.0];

    /// `g(u) = A u`, which refuses fields whose mean is above `most`.
    struct Linear {
        matrix: Array2<f64>,
        most: f64,
    }

    impl Operator for Linear {
        fn inputs(&self) -> usize {
            self.matrix.ncols()
        }
        fn outputs(&self) -> usize {
            self.matrix.nrows()
        }
        fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
            if u.sum() > self.most * u.len() as f64 {
                return Err(Error::NoModel("too much of it".into()));
            }
            Ok(self.matrix.dot(&u))
        }
        fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
            Ok(Linearized { value: self.predict(u)?, jacobian: Box::new(Dense(self.matrix.clone())) })
        }
    }

    /// A repair of the model that `votes` for the second facies elect, with the identity as the prior's covariance.
    fn repair(forward: &Linear, observed: &Array1<f64>, sigma: f64, votes: &[f32], kept: &[usize]) -> Repaired {
        repair_with(RepairOptions::default(), forward, observed, sigma, votes, kept)
    }

    fn repair_with(
        options: RepairOptions,
        forward: &dyn Operator,
        observed: &Array1<f64>,
        sigma: f64,
        votes: &[f32],
        kept: &[usize],
    ) -> Repaired {
        let (n, m) = (votes.len(), observed.len());
        let identity = Dense(Array2::eye(n));
        let values = Some(normals(3, n, 99).mapv(|x| x as f32));
        let grid = Grid::unit([n, 1, 1]);
        let ensemble = Ensemble { grid, facies: None, values, facies_values: Vec::new() };
        let basis = Pca::new(&ensemble, Truncation::Rank(1), true, &()).unwrap().basis;
        let covariance = Covariance::diagonal(Array1::from_elem(m, sigma)).unwrap();
        let problem = host_problem(forward, &basis, observed, &covariance);
        let probability =
            Array2::from_shape_fn((2, n), |(c, cell)| if c == 1 { votes[cell] } else { 1.0 - votes[cell] });
        let model: Array1<f64> = votes.iter().map(|&p| FACIES[usize::from(p > 0.5)]).collect();
        Repair { covariance: &identity, facies: &FACIES, kept, options }
            .repair(&problem, model.view(), probability.view())
            .unwrap()
    }

    /// A checkerboard of two facies, and votes for it that are sure but in `wrong`, where they just miss.
    fn board(n: usize, wrong: usize) -> (Array1<f64>, Vec<f32>) {
        let truth = (0..n).map(|c| FACIES[c % 2]).collect();
        let share = |c: usize| match (c % 2, c == wrong) {
            (0, false) => 0.1,
            (0, true) => 0.55,
            (_, false) => 0.9,
            (_, true) => 0.45,
        };
        (truth, (0..n).map(share).collect())
    }

    #[test]
    fn a_cell_that_votes_just_missed_is_found_as_by_trying_all_models() {
        let n = 8;
        let forward = Linear { matrix: normals(6, n, 0), most: f64::INFINITY };
        for wrong in 0..n {
            let (truth, votes) = board(n, wrong);
            let observed = forward.matrix.dot(&truth);
            let misfit = |u: &Array1<f64>| (&observed - &forward.matrix.dot(u)).mapv(|r| (r / 0.1).powi(2)).sum();
            let all = (0..1usize << n).map(|bits| Array1::from_shape_fn(n, |c| FACIES[bits >> c & 1]));
            let best = all.min_by(|a, b| misfit(a).total_cmp(&misfit(b))).unwrap();
            let repaired = repair(&forward, &observed, 0.1, &votes, &[]);
            assert_eq!((&repaired.model, repaired.changed), (&best, 1), "cell {wrong}");
            assert!(repaired.before > 6.0 && repaired.misfit <= 6.0, "{repaired:?}");
        }
    }

    #[test]
    fn no_repair_raises_the_misfit_or_touches_what_is_measured() {
        let n = 30;
        let votes: Vec<f32> = Stream::new(17, Purpose::Check, 1, 0)
            .normals(n)
            .iter()
            .map(|z| (0.5 + 0.1 * z).clamp(0.0, 1.0) as f32)
            .collect();
        let kept = [0, 7, 8, 29];
        let mut changed = 0;
        for level in 0..20 {
            let forward = Linear { matrix: normals(12, n, 2 * level), most: f64::INFINITY };
            let observed = forward.matrix.dot(&normals(n, 1, 2 * level + 1).column(0).mapv(f64::signum));
            let model: Array1<f64> = votes.iter().map(|&p| FACIES[usize::from(p > 0.5)]).collect();
            let repaired = repair(&forward, &observed, 0.3, &votes, &kept);
            let misfit = |u: &Array1<f64>| (&observed - &forward.matrix.dot(u)).mapv(|r| (r / 0.3).powi(2)).sum();
            let bound = 1e3 * f64::EPSILON * misfit(&model);
            assert!((repaired.before - misfit(&model)).abs() <= bound, "{repaired:?}");
            assert!((repaired.misfit - misfit(&repaired.model)).abs() <= bound, "{repaired:?}");
            assert!(repaired.misfit <= repaired.before, "{repaired:?}");
            assert!(kept.iter().all(|&cell| repaired.model[cell] == model[cell]));
            assert_eq!(repaired.changed, model.iter().zip(&repaired.model).filter(|(a, b)| a != b).count());
            changed += repaired.changed;
        }
        assert!(changed > 0, "the repairs did something");
    }

    #[test]
    fn data_that_are_linear_need_no_second_linearization() {
        let n = 30;
        let votes: Vec<f32> = normals(n, 1, 0).iter().map(|z| (0.5 + 0.1 * z).clamp(0.0, 1.0) as f32).collect();
        let forward = Linear { matrix: normals(12, n, 2), most: f64::INFINITY };
        let observed = forward.matrix.dot(&normals(n, 1, 3).column(0).mapv(f64::signum));
        let with = |relinearize| {
            let options = RepairOptions { relinearize, ..RepairOptions::nonlinear() };
            repair_with(options, &forward, &observed, 0.3, &votes, &[3])
        };
        assert_eq!(with(None), with(Some(1)));
        assert!(with(None).changed > 0);
    }

    /// A forward model that counts what is asked of it.
    struct Counted(Linear, AtomicUsize);

    impl Operator for Counted {
        fn inputs(&self) -> usize {
            self.0.inputs()
        }
        fn outputs(&self) -> usize {
            self.0.outputs()
        }
        fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.predict(u)
        }
        fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
            Ok(Linearized { value: self.predict(u)?, jacobian: Box::new(Dense(self.0.matrix.clone())) })
        }
    }

    #[test]
    fn a_repair_goes_on_while_it_gains_and_no_longer() {
        let n = 200;
        let votes: Vec<f32> = normals(n, 1, 0).iter().map(|z| (0.5 + 0.1 * z).clamp(0.0, 1.0) as f32).collect();
        let matrix = normals(6, n, 2);
        let observed = matrix.dot(&normals(n, 1, 3).column(0).mapv(f64::signum));
        let with = |most| {
            let forward = Counted(Linear { matrix: matrix.clone(), most: f64::INFINITY }, AtomicUsize::new(0));
            let options = RepairOptions { steps: 1, most, length: 0.1, reach: 0.5, relinearize: None };
            let repaired = repair_with(options, &forward, &observed, 0.01, &votes, &[]);
            (repaired.misfit, forward.1.into_inner())
        };
        let ((short, few), (long, more), (longest, most)) = (with(1), with(8), with(1000));
        // The model that is given, the expected one, the start and the steps.
        assert_eq!(few, 4);
        assert!(more > few && long < 0.7 * short, "{short} after {few}, {long} after {more}");
        assert!(most < 100 && longest <= long, "{longest} after {most}");
    }

    #[test]
    fn without_data_with_data_that_fit_or_candidates_that_cannot_be_solved_the_model_stays() {
        let (truth, votes) = board(8, 3);
        let model: Array1<f64> = votes.iter().map(|&p| FACIES[usize::from(p > 0.5)]).collect();
        let matrix = normals(6, 8, 0);
        let none = Linear { matrix: Array2::zeros((0, 8)), most: f64::INFINITY };
        assert_eq!(repair(&none, &Array1::zeros(0), 0.1, &votes, &[]).model, model);
        let fine = Linear { matrix: matrix.clone(), most: f64::INFINITY };
        assert_eq!(repair(&fine, &matrix.dot(&model), 0.1, &votes, &[]), Repaired::unchanged(model.clone(), 0.0));
        // The wrong cell lacks the second facies: no better model has as little of it as the one given.
        let refuses = Linear { matrix: matrix.clone(), most: model.mean().unwrap() };
        assert_eq!(repair(&refuses, &matrix.dot(&truth), 0.1, &votes, &[]).model, model);
        let wild = Wild::new(Cubic { matrix: matrix.clone(), c: 0.0 }, 0.0);
        let options = RepairOptions::nonlinear();
        assert_eq!(repair_with(options, &wild, &matrix.dot(&truth), 0.1, &votes, &[]).model, model);
    }

    #[test]
    fn of_three_facies_the_data_move_a_cell_to_the_next() {
        let facies = [0.0, 1.0, 2.0];
        let kept = vec![false; 2];
        let probability = ndarray::arr2(&[[0.5f32, 0.5], [0.4, 0.1], [0.1, 0.4]]);
        let decision =
            Decision { facies: &facies, probability: probability.view(), codes: vec![0, 0], kept, range: 2.0 };
        let at = |s: f64| decision.take(ndarray::arr1(&[s, s]).view());
        assert_eq!(at(0.0), (ndarray::arr1(&[0.0, 0.0]), 0));
        assert_eq!(at(0.3), (ndarray::arr1(&[1.0, 2.0]), 2), "votes differ by 0.1 and s weighs 0.5 a facies");
        assert_eq!(at(-1.0), (ndarray::arr1(&[0.0, 0.0]), 0));
        assert_eq!(
            decision.expected(),
            ndarray::arr1(&[f64::from(0.4f32) + 2.0 * f64::from(0.1f32), f64::from(0.1f32) + 2.0 * f64::from(0.4f32)])
        );
    }
}
