//! Which scenario do the data support? Each is solved by itself and judged by its evidence.
//!
//! With `v ~ N(0, diag σ²)` in a scenario's own centred basis, `G = ∂g/∂v` whitened, r the whitened residual at the most
//! probable v and s the standard deviations that whiten the data, Laplace's approximation is
//!
//! `ln p(d|Ω) = −½(rᵀr + Σ v_j²/σ_j²) − ½ ln det(I + Σ^½ GᵀG Σ^½) − Σ ln s`.
//!
//! A prior known by the covariance of its cells, averaged over all places where it is stationary, is solved in as many
//! unknowns as there are data instead, see [`GaussianPrior::Field`].
//!
//! What a basis cannot carry counts too (see [`LeftOver`]): the parts ρ_i of realizations that it leaves over have the
//! covariance `Σ ρ_i ρ_iᵀ/L`, as noise seen through the Jacobian, or as more parameters. For data linear in u both give
//! the same evidence, whatever the rank, since all of the prior's covariance is in it either way. The criteria that
//! stand beside it count `k_e = tr[G C_v Gᵀ (G C_v Gᵀ + I)⁻¹]` parameters.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use super::field_inference::FieldInference;
use super::gauss_newton::{Matrix, Term, solve};
use super::line_search::backtrack;
use super::synthetic_likelihood::SyntheticLikelihood;
use super::truncation::sample_covariance;
use super::weight::log_evidence;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::linalg::covariance::Covariance;
use crate::linalg::dense::{multiply, symmetric_eigen};
use crate::operator::{LinearOperator, Linearized, Operator, finite};
use crate::progress::Progress;

/// A scenario to be judged.
#[derive(Clone, Copy)]
pub struct Hypothesis<'a> {
    /// Its name.
    pub name: &'a str,
    /// How its fields vary.
    pub prior: GaussianPrior<'a>,
}

/// The Gaussian prior of one scenario.
#[derive(Clone, Copy)]
pub enum GaussianPrior<'a> {
    /// Principal components.
    Components {
        /// Its own centred basis, which knows the standard deviations of its coefficients.
        basis: &'a dyn Basis,
        /// What the basis leaves over of realizations, `u_i − ū − ΦΦᵀ(u_i − ū)`, a realization a row, L × n; no rows:
        /// not counted. A hundred or two tell their covariance in the data.
        left_over: ArrayView2<'a, f32>,
    },
    /// A covariance of the cells. Averaged over all places of a stationary prior it has far less sampling noise than
    /// components, of which L realizations cannot have more than L.
    Field {
        /// ū, n.
        mean: ArrayView1<'a, f64>,
        /// n × n, symmetric and positive semidefinite.
        covariance: &'a dyn LinearOperator,
    },
}

/// What all scenarios are judged by.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The forward model g.
    pub forward: &'a dyn Operator,
    /// Observed data d, m.
    pub observed: ArrayView1<'a, f64>,
    /// Covariance of the data's errors, without any truncation error.
    pub covariance: &'a Covariance,
    /// Numbers of the data that depend on u (nearly) linearly, such as values of the property itself: one of the starts
    /// is the most probable field given these alone. Empty: there are none.
    pub linear_data: &'a [usize],
}

/// How scenarios are judged. What is left over, and the linear start, concern priors of principal components.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerdictOptions {
    /// Gauss-Newton iterations from each start.
    pub iterations: usize,
    /// What becomes of the parts of realizations that the basis leaves over.
    pub left_over: LeftOver,
    /// Begin from the prior mean with noise ten times larger, then three times, then as it is.
    pub tempered_start: bool,
    /// Begin (also) from the most probable field given the linear data alone, at the price of as many linearizations
    /// again. It is tried in any case where no other start leads anywhere.
    pub linear_start: bool,
    /// Form of the data's density.
    pub tail: Tail,
    /// The power that evidences are raised to before they become probabilities. 1 believes the Gaussian prior to the
    /// letter. Channels are not Gaussian: their data are larger combinations of fewer things than the covariance tells,
    /// and so are the logarithms of their evidence. A power below 1 (a tempered posterior, Grünwald 2012) leaves the
    /// order as it is.
    pub power: f64,
}

impl Default for VerdictOptions {
    fn default() -> Self {
        Self {
            iterations: 15,
            left_over: LeftOver::Parameters,
            tempered_start: true,
            linear_start: false,
            tail: Tail::Gaussian,
            power: EVIDENCE_POWER,
        }
    }
}

/// The power that gave the best log score where it was chosen, on channels seen by rays, heads and values in wells.
pub const EVIDENCE_POWER: f64 = 0.4;

/// What becomes of the parts ρ_i of L realizations that a basis leaves over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOver {
    /// Noise: `E Eᵀ/L` with `E = [G_u ρ_i]` is added to the errors' covariance, with the Jacobian at ū first, where all data
    /// must have derivatives, then at the most probable field.
    Noise,
    /// Parameters: the field is `ū + Φ v + Σ ρ_i w_i` with `w_i ~ N(0, 1/L)`. The Jacobian is then taken at a field that
    /// honours the data of the property itself; at a smooth one the head of a well can be off by more than all others.
    Parameters,
}

/// Form of the density whose logarithm is the evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tail {
    /// Laplace's approximation as it stands.
    Gaussian,
    /// Student's t of so many degrees of freedom with the same scale: one datum missed by far, as where a linearization
    /// fails, then decides less.
    Student(f64),
}

/// A scenario, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// ln p(d|Ω) up to a constant that all scenarios share; −∞ where its inversion failed.
    pub log_evidence: f64,
    /// What simulated data say of it, or why they say nothing; `None` where none were asked for.
    pub simulated: Option<std::result::Result<SyntheticLikelihood, String>>,
    /// Probability among the scenarios, their prior odds equal: by the evidence, see [`VerdictOptions::power`], or by the
    /// synthetic likelihood where whoever simulated the data goes by that.
    pub probability: f64,
    /// Why it could not be solved.
    pub failure: Option<String>,
    /// What was found, where it could be solved.
    pub solution: Option<Solution>,
}

/// The most probable field of a scenario, and how it is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Its coefficients in the basis; none where the prior is a covariance of the cells.
    pub v: Array1<f64>,
    /// The field, n; with what the basis leaves over where that is made of parameters.
    pub field: Array1<f64>,
    /// Its predicted data, m.
    pub predicted: Array1<f64>,
    /// `rᵀr`, whitened with all that counts as noise.
    pub misfit: f64,
    /// `Σ v_j²/σ_j²` over all parameters.
    pub prior_squares: f64,
    /// k_e.
    pub effective_parameters: f64,
    /// `−2 ln L + 2 k_e`, with `−2 ln L = rᵀr + 2 Σ ln s` (m ln 2π is left out everywhere).
    pub aic: f64,
    /// `AIC + 2 k_e (k_e + 1)/(m − k_e − 1)`; `None` where `m − k_e − 1 ≤ 0`.
    pub aicc: Option<f64>,
    /// `−2 ln L + k_e ln m`.
    pub bic: f64,
    /// Kashyap's criterion; with a Gaussian prior it is −2 ln of Laplace's evidence.
    pub kic: f64,
    /// Gauss-Newton iterations of the start that was kept.
    pub iterations: usize,
    /// Whether these settled.
    pub settled: bool,
}

impl Solution {
    /// `rᵀr + Σ v_j²/σ_j²`: for data linear in u `(d − g(ū))ᵀ (G C Gᵀ + C_d)⁻¹ (d − g(ū))`, the squared distance of the
    /// data from what the scenario predicts of them, in units of their covariance under it. Where the scenario is right
    /// it is χ² with m degrees of freedom, see [`is_likely`].
    pub fn chi_squared(&self) -> f64 {
        self.misfit + self.prior_squares
    }
}

/// Whether a χ² of so many degrees of freedom is no larger than two standard deviations above its mean.
pub fn is_likely(chi_squared: f64, degrees: f64) -> bool {
    chi_squared <= degrees + 2.0 * (2.0 * degrees).sqrt()
}

/// Scenarios in the order given, with their probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The scenarios.
    pub scenarios: Vec<Judged>,
}

impl Judged {
    /// What simulated data say of it, where they do.
    pub fn synthetic(&self) -> Option<SyntheticLikelihood> {
        self.simulated.as_ref()?.as_ref().ok().copied()
    }
}

/// Judges scenarios, several at once.
///
/// # Errors
/// [`Error::Interrupted`] and failures of files or devices; a scenario that has no model gets −∞ and a reason instead.
pub fn judge(
    evidence: &Evidence<'_>,
    hypotheses: &[Hypothesis<'_>],
    options: &VerdictOptions,
    progress: &dyn Progress,
) -> Result<Verdict> {
    progress.start("scenarios by themselves", hypotheses.len() as u64);
    let solve = |hypothesis: &Hypothesis<'_>| {
        let solved = match hypothesis.prior {
            GaussianPrior::Components { basis, left_over } => {
                Inference::new(evidence, hypothesis.name, basis, left_over, options, progress)
                    .and_then(|inference| inference.solve())
            }
            GaussianPrior::Field { mean, covariance } => {
                FieldInference { evidence, mean, covariance, options, progress }.solve()
            }
        };
        progress.advance(1);
        solved
    };
    let solved: Vec<Result<(f64, Solution)>> = hypotheses.par_iter().map(solve).collect();
    progress.finish();
    let mut scenarios = Vec::new();
    for (hypothesis, solved) in hypotheses.iter().zip(solved) {
        let name = hypothesis.name.to_owned();
        scenarios.push(match solved {
            Ok((log_evidence, solution)) if log_evidence.is_finite() => {
                Judged { log_evidence, solution: Some(solution), ..unjudged(name) }
            }
            Ok((value, _)) => failed(name, format!("its evidence is {value}")),
            Err(error @ (Error::NoModel(_) | Error::Input { .. })) => failed(name, error.to_string()),
            Err(other) => return Err(other),
        });
    }
    let logarithms: Vec<f64> = scenarios.iter().map(|s| options.power * s.log_evidence).collect();
    for (scenario, probability) in scenarios.iter_mut().zip(probabilities(&logarithms)) {
        scenario.probability = probability;
    }
    Ok(Verdict { scenarios })
}

fn unjudged(name: String) -> Judged {
    let log_evidence = f64::NEG_INFINITY;
    Judged { name, log_evidence, simulated: None, probability: 0.0, failure: None, solution: None }
}

fn failed(name: String, why: String) -> Judged {
    Judged { failure: Some(why), ..unjudged(name) }
}

/// Probabilities from log evidences under equal prior odds, `p_i ∝ exp(ln p(d|Ω_i))`; zeros where all are −∞.
pub fn probabilities(log_evidence: &[f64]) -> Vec<f64> {
    let most = log_evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return vec![0.0; log_evidence.len()];
    }
    let odds: Vec<f64> = log_evidence.iter().map(|l| (l - most).exp()).collect();
    let sum: f64 = odds.iter().sum();
    odds.iter().map(|o| o / sum).collect()
}

/// The least probability that [`log_score`] counts with.
const LEAST_PROBABILITY: f64 = 1e-12;

/// Mean of `−ln p` over the probabilities that were given to what was true: 0 for a judge who knows, ln P for one who
/// cannot tell P scenarios apart, more for one who is sure and wrong.
pub fn log_score(given_to_truth: &[f64]) -> f64 {
    let sum: f64 = given_to_truth.iter().map(|p| -p.max(LEAST_PROBABILITY).ln()).sum();
    sum / given_to_truth.len().max(1) as f64
}

/// Contributions `‖Φ_i v_i‖² / Σ_j ‖Φ_j v_j‖²` of the blocks of a basis: shares, though blocks are not orthogonal to each
/// other. Zeros where v is zero.
pub fn contributions(basis: &dyn Basis, blocks: &[std::ops::Range<usize>], v: ArrayView1<'_, f64>) -> Vec<f64> {
    let square = |block: &std::ops::Range<usize>| {
        let mut part = Array1::zeros(v.len());
        part.slice_mut(s![block.clone()]).assign(&v.slice(s![block.clone()]));
        let field = basis.apply(part.view());
        field.dot(&field)
    };
    let squares: Vec<f64> = blocks.iter().map(square).collect();
    let sum: f64 = squares.iter().sum();
    squares.iter().map(|s| if sum > 0.0 { s / sum } else { 0.0 }).collect()
}

/// One scenario's inversion.
struct Inference<'a, 'e, 'h> {
    evidence: &'a Evidence<'e>,
    basis: &'h dyn Basis,
    /// ρ, L × n.
    left_over: Array2<f64>,
    /// Standard deviations of all parameters: those of v, then those of w.
    sigma: Array1<f64>,
    options: &'a VerdictOptions,
    progress: &'a dyn Progress,
}

/// The data linearized at parameters x, not whitened.
struct Linear {
    x: Array1<f64>,
    /// With respect to all parameters, m × k.
    jacobian: Array2<f64>,
    predicted: Array1<f64>,
}

/// What a most probable field is scored by.
pub(super) struct Scored {
    /// A with `A Aᵀ` the covariance of the whitened data under the prior: G Σ^½, or a root of `G C Gᵀ`.
    pub(super) scaled: Array2<f64>,
    /// Δd: the whitened data less those that the linearization gives the prior's mean.
    pub(super) data: Array1<f64>,
    /// The whitened residual at the field.
    pub(super) residual: Array1<f64>,
    /// Σ ln s.
    pub(super) log_scale: f64,
    /// `Σ v_j²/σ_j²`.
    pub(super) prior_squares: f64,
}

impl Scored {
    /// The log evidence, and the solution that `complete` makes of its scores.
    pub(super) fn solution(self, tail: Tail, complete: impl FnOnce(Solution) -> Solution) -> Result<(f64, Solution)> {
        let laplace = log_evidence(self.scaled.view(), self.data.view(), self.log_scale);
        let (values, _) = symmetric_eigen(&multiply(self.scaled.view(), self.scaled.t()))
            .ok_or_else(|| Error::NoModel("the Jacobian is not finite".into()))?;
        let values = values.mapv(|l| l.max(0.0));
        let m = self.data.len() as f64;
        let score = match tail {
            Tail::Gaussian => laplace,
            Tail::Student(degrees) => {
                let log_det: f64 = values.iter().map(|l| l.ln_1p()).sum();
                let squares = -2.0 * (laplace + self.log_scale) - log_det;
                -0.5 * (degrees + m) * (squares / degrees).ln_1p() - 0.5 * log_det - self.log_scale
            }
        };
        let misfit = self.residual.dot(&self.residual);
        let effective: f64 = values.iter().map(|l| l / (1.0 + l)).sum();
        let likelihood = misfit + 2.0 * self.log_scale;
        let aic = likelihood + 2.0 * effective;
        let spare = m - effective - 1.0;
        let scores = Solution {
            v: Array1::zeros(0),
            field: Array1::zeros(0),
            predicted: Array1::zeros(0),
            misfit,
            prior_squares: self.prior_squares,
            effective_parameters: effective,
            aic,
            aicc: (spare > 0.0).then(|| aic + 2.0 * effective * (effective + 1.0) / spare),
            bic: likelihood + effective * m.ln(),
            kic: -2.0 * laplace,
            iterations: 0,
            settled: false,
        };
        Ok((score, complete(scores)))
    }
}

/// Where Gauss-Newton iterations ended.
struct Ended {
    at: Linear,
    objective: f64,
    iterations: usize,
    settled: bool,
}

/// Data whose rows of G_u are formed at once.
const ROWS_AT_ONCE: usize = 64;
/// Factors on the noise's standard deviation, from a tempered start on.
pub(super) const TEMPERING: [f64; 2] = [10.0, 3.0];
/// Gauss-Newton iterations at each of these.
pub(super) const TEMPERED_ITERATIONS: usize = 3;
/// Step lengths tried: 1, ½, ….
pub(super) const STEP_LENGTHS: usize = 10;
/// Relative fall of the objective below which iterations have settled.
pub(super) const SETTLED: f64 = 1e-4;

impl<'a, 'e, 'h> Inference<'a, 'e, 'h> {
    fn new(
        evidence: &'a Evidence<'e>,
        name: &str,
        basis: &'h dyn Basis,
        left_over: ArrayView2<'h, f32>,
        options: &'a VerdictOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let sigma = match basis.standard_deviations() {
            Some(sigma) if sigma.iter().all(|&s| s > 0.0) => sigma.to_owned(),
            _ => {
                return Err(Error::input(
                    name,
                    "the basis does not know the standard deviations of its coefficients",
                    "judge scenarios by principal components of their realizations",
                ));
            }
        };
        let left_over = left_over.mapv(f64::from);
        let sigma = match options.left_over {
            LeftOver::Noise => sigma,
            LeftOver::Parameters => {
                let count = left_over.nrows();
                concatenate![Axis(0), sigma, Array1::from_elem(count, (count.max(1) as f64).sqrt().recip())]
            }
        };
        Ok(Self { evidence, basis, left_over, sigma, options, progress })
    }

    /// The log evidence and the solution.
    fn solve(&self) -> Result<(f64, Solution)> {
        let at_mean = self.linearize(Array1::zeros(self.sigma.len()).view())?;
        let mut covariance = self.covariance(&at_mean)?;
        let mut ended = self.best_of_starts(at_mean, &covariance)?;
        if self.noise() {
            covariance = self.covariance(&self.linearize(ended.at.x.view())?)?;
            ended = self.descend(ended.at, &covariance, 1.0, self.options.iterations)?;
            covariance = self.covariance(&self.linearize(ended.at.x.view())?)?;
        }
        self.scored(ended, &covariance)
    }

    /// Whether what the basis leaves over counts as noise.
    fn noise(&self) -> bool {
        self.options.left_over == LeftOver::Noise && !self.left_over.is_empty()
    }

    fn scored(&self, Ended { at, iterations, settled, .. }: Ended, covariance: &Covariance) -> Result<(f64, Solution)> {
        let scaled = covariance.whiten_block(at.jacobian.view()) * &self.sigma;
        let normalized = &at.x / &self.sigma;
        let residual = covariance.whiten((&self.evidence.observed - &at.predicted).view());
        let scored = Scored {
            data: &residual + &scaled.dot(&normalized),
            scaled,
            residual,
            log_scale: covariance.log_det_half(),
            prior_squares: normalized.dot(&normalized),
        };
        scored.solution(self.options.tail, |score| Solution {
            v: at.x.slice(s![..self.basis.cols()]).to_owned(),
            field: self.field(at.x.view()),
            predicted: at.predicted,
            iterations,
            settled,
            ..score
        })
    }

    /// The field of parameters x.
    fn field(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        let (v, w) = x.split_at(Axis(0), self.basis.cols());
        let field = self.basis.expand(v);
        if w.is_empty() { field } else { field + self.left_over.t().dot(&w) }
    }

    /// The forward model at the field of parameters x.
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'e>> {
        self.evidence.forward.linearize(self.field(x).view())
    }

    /// What `rows` makes of the rows of G_u of some of the data (n × a few of them), one datum a row, k numbers each.
    fn of_rows(
        at: &Linearized<'_>,
        data: &[usize],
        k: usize,
        rows: impl Fn(ArrayView2<'_, f64>) -> Array2<f64>,
    ) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((data.len(), k));
        for (data, mut out) in data.chunks(ROWS_AT_ONCE).zip(out.axis_chunks_iter_mut(Axis(0), ROWS_AT_ONCE)) {
            let mut unit = Array2::zeros((at.value.len(), data.len()));
            data.iter().enumerate().for_each(|(column, &datum)| unit[[datum, column]] = 1.0);
            out.assign(&rows(finite(at.jacobian.adjoint_block(unit.view()), &*at.jacobian)?.view()));
        }
        Ok(out)
    }

    /// The Jacobian of some of the data with respect to all parameters.
    fn jacobian(&self, at: &Linearized<'_>, data: &[usize]) -> Result<Array2<f64>> {
        let (k, left_over) = (self.basis.cols(), self.left_over.view());
        Self::of_rows(at, data, self.sigma.len(), |rows| {
            let of_basis = self.basis.adjoint_block(rows).reversed_axes();
            match self.sigma.len() == k {
                true => of_basis,
                false => concatenate![Axis(1), of_basis, multiply(rows.t(), left_over.t())],
            }
        })
    }

    /// Prediction and Jacobian at x, at whose field the forward model is linearized.
    fn linear(&self, x: Array1<f64>, at: &Linearized<'_>) -> Result<Linear> {
        let all: Vec<usize> = (0..at.value.len()).collect();
        Ok(Linear { x, jacobian: self.jacobian(at, &all)?, predicted: at.value.clone() })
    }

    /// The errors' covariance with all that counts as noise.
    fn covariance(&self, at: &Linearized<'_>) -> Result<Covariance> {
        if !self.noise() {
            return Ok(self.evidence.covariance.clone());
        }
        let (all, left_over): (Vec<usize>, _) = ((0..at.value.len()).collect(), self.left_over.view());
        let noise = Self::of_rows(at, &all, left_over.nrows(), |rows| multiply(rows.t(), left_over.t()))?;
        Covariance::full(&(sample_covariance(noise.view()) + self.evidence.covariance.matrix()))
    }

    fn best_of_starts(&self, at_mean: Linearized<'_>, covariance: &Covariance) -> Result<Ended> {
        let VerdictOptions { tempered_start, linear_start, iterations, .. } = *self.options;
        let linear_data = !self.evidence.linear_data.is_empty();
        let begins = || Array1::zeros(self.sigma.len());
        let from_mean = (tempered_start || !(linear_start && linear_data)).then(|| self.linear(begins(), &at_mean));
        let from_data = (linear_start && linear_data).then(|| self.given_linear_data(&at_mean, covariance));
        // Its factorization is large.
        drop(at_mean);
        let mut ended: Vec<Result<Ended>> = Vec::new();
        ended.extend(from_mean.map(|start| match tempered_start {
            true => self.tempered(start?, covariance),
            false => self.descend(start?, covariance, 1.0, iterations),
        }));
        let stranded = ended.iter().all(|ended| matches!(ended, Err(Error::NoModel(_))));
        // Linear data have derivatives even where others have none.
        let from_data = from_data.or_else(|| {
            let at_mean = (linear_data && stranded).then(|| self.linearize(begins().view()))?;
            Some(at_mean.and_then(|at_mean| self.given_linear_data(&at_mean, covariance)))
        });
        ended.extend(from_data.map(|x| {
            let x = x?;
            let at = self.linearize(x.view())?;
            self.descend(self.linear(x, &at)?, covariance, 1.0, iterations)
        }));
        let least = |a: Result<Ended>, b: Result<Ended>| match (a, b) {
            (Ok(a), Ok(b)) => Ok(if b.objective < a.objective { b } else { a }),
            // An interrupt or a device that fails is no property of a start.
            (Err(e), _) | (_, Err(e)) if !matches!(e, Error::NoModel(_) | Error::Input { .. }) => Err(e),
            (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
            (Err(first), Err(_)) => Err(first),
        };
        ended.into_iter().reduce(least).expect("at least one start")
    }

    fn tempered(&self, mut at: Linear, covariance: &Covariance) -> Result<Ended> {
        for factor in TEMPERING {
            at = self.descend(at, covariance, factor, TEMPERED_ITERATIONS)?.at;
        }
        self.descend(at, covariance, 1.0, self.options.iterations)
    }

    /// The most probable parameters given the linear data alone.
    fn given_linear_data(&self, at_mean: &Linearized<'_>, covariance: &Covariance) -> Result<Array1<f64>> {
        let (chosen, matrix) = (self.evidence.linear_data, covariance.matrix());
        let errors = Covariance::full(&matrix.select(Axis(0), chosen).select(Axis(1), chosen))?;
        let residual = (&self.evidence.observed - &at_mean.value).select(Axis(0), chosen);
        let jacobian = errors.whiten_block(self.jacobian(at_mean, chosen)?.view());
        Ok(most_probable(jacobian, errors.whiten(residual.view()), &self.sigma, 1.0))
    }

    /// Gauss-Newton on `‖C^{-1/2}(d − g(x))‖²/f² + Σ x²/σ²`, f a factor on the noise.
    fn descend(&self, start: Linear, covariance: &Covariance, factor: f64, iterations: usize) -> Result<Ended> {
        let weight = factor.powi(-2);
        let objective = |x: &Array1<f64>, predicted: &Array1<f64>| {
            let residual = covariance.whiten((&self.evidence.observed - predicted).view());
            weight * residual.dot(&residual) + (x / &self.sigma).mapv(|x| x * x).sum()
        };
        let objective_at_start = objective(&start.x, &start.predicted);
        let mut ended = Ended { at: start, objective: objective_at_start, iterations: 0, settled: false };
        while ended.iterations < iterations && !ended.settled {
            if self.progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let (Linear { x, jacobian, predicted }, now) = (&ended.at, ended.objective);
            let jacobian = covariance.whiten_block(jacobian.view());
            let target = covariance.whiten((&self.evidence.observed - predicted).view()) + jacobian.dot(x);
            let goal = most_probable(jacobian, target, &self.sigma, weight);
            if !now.is_finite() {
                return Err(Error::NoModel(format!("the objective at iteration {} is {now}", ended.iterations + 1)));
            }
            let moved = backtrack(
                STEP_LENGTHS,
                |share| x + &(share * &(&goal - x)),
                |candidate| self.linearize(candidate.view()),
                |candidate, linearized| objective(candidate, &linearized.value) < now,
                |candidate, linearized| self.linear(candidate, &linearized),
            )?;
            ended.iterations += 1;
            ended.settled = true;
            if let Some((_, at)) = moved {
                ended.objective = objective(&at.x, &at.predicted);
                ended.settled = now - ended.objective <= SETTLED * now;
                ended.at = at;
            }
        }
        Ok(ended)
    }
}

/// The minimiser of `weight ‖G v − Δd‖² + Σ v²/σ²`.
fn most_probable(jacobian: Array2<f64>, target: Array1<f64>, sigma: &Array1<f64>, weight: f64) -> Array1<f64> {
    solve(&[
        Term { matrix: Matrix::Dense(jacobian), target, weight },
        Term { matrix: Matrix::Diagonal(sigma.mapv(f64::recip)), target: Array1::zeros(sigma.len()), weight: 1.0 },
    ])
}

#[cfg(test)]
mod tests {
    use super::super::toys::{Columns, Cubic, Wild, normals};
    use super::*;
    use crate::operator::Dense;

    /// A scenario of four coefficients over nine cells, and what it leaves over of six realizations.
    fn scenario(level: u32) -> (Columns, Array2<f32>) {
        let columns = Columns {
            matrix: normals(9, 4, level),
            mean: normals(9, 1, level + 1).column(0).to_owned(),
            sigma: normals(4, 1, level + 2).column(0).mapv(|x| 0.3 + x.abs()),
        };
        (columns, normals(6, 9, level + 3).mapv(|x| 0.3 * x as f32))
    }

    fn components<'a>(basis: &'a Columns, left_over: &'a Array2<f32>) -> GaussianPrior<'a> {
        GaussianPrior::Components { basis, left_over: left_over.view() }
    }

    /// Number of the scenario of the largest evidence.
    fn named(verdict: &Verdict) -> usize {
        let evidence: Vec<f64> = verdict.scenarios.iter().map(|s| s.log_evidence).collect();
        (0..evidence.len()).max_by(|&p, &q| evidence[p].total_cmp(&evidence[q])).unwrap()
    }

    /// Judges scenarios `levels` by data of the first.
    fn verdict(
        c: f64,
        levels: &[u32],
        linear_data: &[usize],
        options: VerdictOptions,
    ) -> (Verdict, Cubic, Array1<f64>) {
        let forward = Cubic { matrix: normals(5, 9, 40), c };
        let scenarios: Vec<_> = levels.iter().map(|&level| scenario(level)).collect();
        let drawn = scenarios[0].0.expand((normals(4, 1, 41).column(0).to_owned() * &scenarios[0].0.sigma).view());
        let observed = forward.predict(drawn.view()).unwrap() + 0.1 * &normals(5, 1, 42).column(0);
        let covariance = Covariance::diagonal(Array1::from_elem(5, 0.1)).unwrap();
        let evidence = Evidence { forward: &forward, observed: observed.view(), covariance: &covariance, linear_data };
        let hypotheses: Vec<_> = scenarios
            .iter()
            .map(|(basis, rest)| Hypothesis { name: "scenario", prior: components(basis, rest) })
            .collect();
        let verdict = judge(&evidence, &hypotheses, &options, &()).unwrap();
        (verdict, forward, observed)
    }

    #[test]
    fn evidence_of_linear_data_is_their_density() {
        let levels = [50, 60, 70];
        for (left_over, linear_data) in [
            (LeftOver::Noise, &[][..]),
            (LeftOver::Noise, &[0, 2]),
            (LeftOver::Parameters, &[]),
            (LeftOver::Parameters, &[0, 1, 2, 3, 4]),
        ] {
            let options = VerdictOptions { left_over, linear_start: true, ..VerdictOptions::default() };
            let (verdict, forward, observed) = verdict(0.0, &levels, linear_data, options);
            for (judged, level) in verdict.scenarios.iter().zip(levels) {
                // ln N(d; g(ū), G (ΦΣΦᵀ + EEᵀ/L) Gᵀ + C), less the constant −m/2 ln 2π.
                let (basis, rest) = scenario(level);
                let (scaled, rest) = (&basis.matrix * &basis.sigma, rest.mapv(f64::from));
                let field = scaled.dot(&scaled.t()) + rest.t().dot(&rest) / 6.0;
                let covariance = forward.matrix.dot(&field).dot(&forward.matrix.t()) + 0.01 * Array2::<f64>::eye(5);
                let (values, vectors) = symmetric_eigen(&covariance).unwrap();
                let missed = vectors.t().dot(&(&observed - &forward.matrix.dot(&basis.mean)));
                let terms = missed.iter().zip(&values).map(|(r, l)| -0.5 * r * r / l - 0.5 * l.ln());
                let expected: f64 = terms.sum();
                assert!((judged.log_evidence - expected).abs() < 1e-7 * expected.abs(), "{judged:?} {expected}");
                let solution = judged.solution.as_ref().unwrap();
                assert!((solution.kic + 2.0 * judged.log_evidence).abs() < 1e-9 * expected.abs());
                let distance: f64 = missed.iter().zip(&values).map(|(r, l)| r * r / l).sum();
                assert!((solution.chi_squared() - distance).abs() < 1e-7 * distance, "{solution:?} {distance}");
                assert!(solution.effective_parameters > 0.0 && solution.effective_parameters < 5.0);
                assert_eq!((solution.v.len(), solution.field.len()), (4, 9));
                let misses = &forward.predict(solution.field.view()).unwrap() - &solution.predicted;
                assert!(misses.iter().all(|e| e.abs() < 1e-9), "what is predicted is of the field");
                let spare = 5.0 - solution.effective_parameters - 1.0;
                assert_eq!(solution.aicc.is_some(), spare > 0.0);
            }
            let sum: f64 = verdict.scenarios.iter().map(|s| s.probability).sum();
            assert!((sum - 1.0).abs() < 1e-12);
            let most = named(&verdict);
            assert!(verdict.scenarios.iter().all(|s| s.probability <= verdict.scenarios[most].probability));
        }
    }

    #[test]
    fn a_covariance_of_the_cells_says_the_same_as_its_components() {
        for (c, linear_data) in [(0.0, &[][..]), (0.0, &[1, 3]), (0.05, &[])] {
            let levels = [50, 60];
            let (expected, forward, observed) = verdict(c, &levels, &[], VerdictOptions::default());
            let covariance = Covariance::diagonal(Array1::from_elem(5, 0.1)).unwrap();
            let evidence =
                Evidence { forward: &forward, observed: observed.view(), covariance: &covariance, linear_data };
            let scenarios = levels.map(|level| {
                let (basis, rest) = scenario(level);
                let (scaled, rest) = (&basis.matrix * &basis.sigma, rest.mapv(f64::from));
                (basis.mean, Dense(scaled.dot(&scaled.t()) + rest.t().dot(&rest) / 6.0))
            });
            let hypotheses: Vec<_> = scenarios
                .iter()
                .map(|(mean, covariance)| Hypothesis {
                    name: "scenario",
                    prior: GaussianPrior::Field { mean: mean.view(), covariance },
                })
                .collect();
            let found = judge(&evidence, &hypotheses, &VerdictOptions::default(), &()).unwrap();
            // Where data are not linear, the iterations of both end within what counts as settled.
            let bound = if c == 0.0 { 1e-7 } else { 1e-2 };
            for (found, expected) in found.scenarios.iter().zip(&expected.scenarios) {
                let difference = (found.log_evidence - expected.log_evidence).abs();
                assert!(difference <= bound * expected.log_evidence.abs(), "{found:?} {expected:?}");
                let (found, expected) = (found.solution.as_ref().unwrap(), expected.solution.as_ref().unwrap());
                let effective = (found.effective_parameters - expected.effective_parameters).abs();
                assert!(effective <= bound * expected.effective_parameters);
                assert!((found.prior_squares - expected.prior_squares).abs() <= bound * expected.prior_squares);
            }
        }
    }

    #[test]
    fn a_power_below_one_leaves_the_order_and_doubts_more() {
        let of = |power| verdict(0.0, &[50, 60, 70], &[], VerdictOptions { power, ..VerdictOptions::default() }).0;
        let (plain, tempered) = (of(1.0), of(0.5));
        for (a, b) in plain.scenarios.iter().zip(&tempered.scenarios) {
            assert_eq!(a.log_evidence, b.log_evidence);
        }
        let odds = |v: &Verdict| (v.scenarios[0].probability / v.scenarios[1].probability).ln();
        assert!((odds(&plain) - 2.0 * odds(&tempered)).abs() < 1e-9 * odds(&plain).abs().max(1.0));
    }

    #[test]
    fn a_nonlinear_model_is_integrated_within_laplaces_error() {
        // One coefficient: the evidence is an integral over a line.
        let forward = Cubic { matrix: normals(4, 3, 80), c: 0.05 };
        let basis = Columns { matrix: normals(3, 1, 81), mean: Array1::zeros(3), sigma: Array1::from_elem(1, 0.8) };
        let observed = forward.predict(basis.expand(Array1::from_elem(1, 0.7).view()).view()).unwrap();
        let covariance = Covariance::diagonal(Array1::from_elem(4, 0.1)).unwrap();
        let nothing = Array2::zeros((0, 3));
        let hypothesis = Hypothesis { name: "line", prior: components(&basis, &nothing) };
        let evidence =
            Evidence { forward: &forward, observed: observed.view(), covariance: &covariance, linear_data: &[] };
        let verdict = judge(&evidence, &[hypothesis], &VerdictOptions::default(), &()).unwrap();
        let (step, mut integral) = (1e-3, 0.0);
        for i in -5000..5000 {
            let v = f64::from(i) * step;
            let predicted = forward.predict(basis.expand(Array1::from_elem(1, v).view()).view()).unwrap();
            let r = covariance.whiten((&observed - &predicted).view());
            integral += step * (-0.5 * r.dot(&r) - 0.5 * (v / 0.8).powi(2)).exp();
        }
        let expected = (integral / (0.8 * std::f64::consts::TAU.sqrt())).ln() - covariance.log_det_half();
        let found = verdict.scenarios[0].log_evidence;
        assert!((found - expected).abs() < 0.05, "Laplace {found}, integral {expected}");
        assert_eq!(verdict.scenarios[0].probability, 1.0);
    }

    #[test]
    fn heavy_tails_keep_the_order_but_not_the_certainty() {
        let judged = |tail| {
            let options = VerdictOptions { tail, ..VerdictOptions::default() };
            verdict(0.05, &[50, 60, 70], &[0], options).0
        };
        let (gaussian, student) = (judged(Tail::Gaussian), judged(Tail::Student(4.0)));
        let certainty = |v: &Verdict| v.scenarios[named(v)].probability;
        assert_eq!(named(&gaussian), named(&student));
        assert!(certainty(&student) < certainty(&gaussian));
        let nearly = judged(Tail::Student(1e9));
        let differs = nearly.scenarios.iter().zip(&gaussian.scenarios);
        assert!(differs.into_iter().all(|(a, b)| (a.log_evidence - b.log_evidence).abs() < 1e-3));
    }

    /// Refuses fields of positive mean.
    struct Refusing(Cubic);

    impl Operator for Refusing {
        fn inputs(&self) -> usize {
            self.0.inputs()
        }
        fn outputs(&self) -> usize {
            self.0.outputs()
        }
        fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
            if u.sum() > 0.0 { Err(Error::NoModel("the mean is positive".into())) } else { self.0.predict(u) }
        }
        fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
            if u.sum() > 0.0 { Err(Error::NoModel("the mean is positive".into())) } else { self.0.linearize(u) }
        }
    }

    #[test]
    fn a_scenario_that_has_no_model_says_why() {
        let forward = Refusing(Cubic { matrix: normals(5, 9, 40), c: 0.0 });
        let with_mean = |mean: f64| Columns { mean: Array1::from_elem(9, mean), ..scenario(50).0 };
        let (good, bad) = (with_mean(-5.0), with_mean(5.0));
        let nothing = Array2::zeros((0, 9));
        let observed = forward.predict(good.mean.view()).unwrap();
        let covariance = Covariance::diagonal(Array1::from_elem(5, 0.1)).unwrap();
        let evidence =
            Evidence { forward: &forward, observed: observed.view(), covariance: &covariance, linear_data: &[] };
        let hypotheses = [&bad, &good].map(|basis| Hypothesis { name: "one", prior: components(basis, &nothing) });
        let verdict = judge(&evidence, &hypotheses, &VerdictOptions::default(), &()).unwrap();
        assert_eq!(named(&verdict), 1);
        assert_eq!(verdict.scenarios[0].log_evidence, f64::NEG_INFINITY);
        assert!(verdict.scenarios[0].failure.as_ref().is_some_and(|why| why.contains("mean is positive")));
        assert_eq!((verdict.scenarios[0].probability, verdict.scenarios[1].probability), (0.0, 1.0));
    }

    #[test]
    fn linear_data_begin_where_others_have_no_derivatives_at_the_mean() {
        let (basis, nothing) = (scenario(50).0, Array2::zeros((0, 9)));
        let model = || Cubic { matrix: normals(5, 9, 40), c: 0.0 };
        let observed = normals(5, 1, 43).column(0).to_owned();
        let covariance = Covariance::diagonal(Array1::from_elem(5, 0.1)).unwrap();
        let blind = Wild::at(model(), basis.mean.clone(), 2);
        for (tempered_start, linear_start) in [(true, false), (true, true), (false, false), (false, true)] {
            let options = VerdictOptions { tempered_start, linear_start, ..VerdictOptions::default() };
            let judged = |forward: &dyn Operator, linear_data: &[usize]| {
                let evidence = Evidence { forward, observed: observed.view(), covariance: &covariance, linear_data };
                let hypothesis = Hypothesis { name: "one", prior: components(&basis, &nothing) };
                judge(&evidence, &[hypothesis], &options, &()).unwrap().scenarios.remove(0)
            };
            let expected = judged(&model(), &[0, 1]).log_evidence;
            let found = judged(&blind, &[0, 1]).log_evidence;
            assert!((found - expected).abs() < 1e-7 * expected.abs(), "{found} {expected}");
            assert_eq!(judged(&blind, &[]).log_evidence, f64::NEG_INFINITY);
            assert_eq!(judged(&blind, &[0, 4]).log_evidence, f64::NEG_INFINITY);
        }
    }

    #[test]
    fn probabilities_and_scores_are_known_by_hand() {
        assert_eq!(probabilities(&[0.0, 3f64.ln()]), [0.25, 0.75]);
        assert_eq!(probabilities(&[f64::NEG_INFINITY, -2000.0]), [0.0, 1.0]);
        assert_eq!(probabilities(&[f64::NEG_INFINITY; 2]), [0.0, 0.0]);
        assert!((log_score(&[0.25, 0.25]) - 4f64.ln()).abs() < 1e-15);
        assert_eq!(log_score(&[1.0]), 0.0);
        let basis = Columns { matrix: Array2::eye(3), mean: Array1::zeros(3), sigma: Array1::ones(3) };
        let v = Array1::from(vec![1.0, 2.0, 2.0]);
        let shares = contributions(&basis, &[0..1, 1..3], v.view());
        assert!((shares[0] - 1.0 / 9.0).abs() < 1e-15 && (shares[1] - 8.0 / 9.0).abs() < 1e-15);
    }
}
