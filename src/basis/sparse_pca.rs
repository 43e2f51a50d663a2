//! Groups of coefficients that go together in the prior realizations: sparse principal components by regularized
//! low-rank approximation.
//!
//! From the coefficients V (k × L) of the realizations, `R_1 = Vᵀ` is deflated component by component: from the leading
//! singular vectors on,
//!
//! `z = R w̃/‖R w̃‖`, `w̃ = soft(Rᵀz, τ)`, `τ = t max|Rᵀz|`
//!
//! alternate until w̃ settles, then `ρ_j = ‖w̃‖`, `w_j = w̃/ρ_j`, `R_{j+1} = R_j − z ρ_j w_jᵀ`. Group j is the support of w_j, of
//! weight `μ_j = 1/ρ_j`, with `k_ij² = 1/|w_ij|` inside. One t serves all groups.
//!
//! R itself (L × k) is never formed. With the Gram matrix `G = RᵀR` (k × k), `‖R w̃‖² = w̃ᵀG w̃` and
//! `q = Rᵀz = G w̃/√(w̃ᵀG w̃)` need G alone; and since `zᵀz = 1`, so does the deflation:
//!
//! `R_{j+1}ᵀR_{j+1} = G − ρ (q wᵀ + w qᵀ) + ρ² w wᵀ`.
//!
//! By induction the whole computation runs in k × k numbers from `G_1 = V Vᵀ` on, whatever L is, and its supports, w_j and
//! ρ_j are those of the computation with R.
//!
//! Shen & Huang (2008), Sparse principal component analysis via regularized low rank matrix approximation, Journal of
//! Multivariate Analysis 99(6), algorithm 1 with the soft threshold.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::linalg::dense::{multiply, symmetric_eigen};
use crate::linalg::leading::leading_eigen_from;

/// Where errors point.
const PLACE: &str = "groups of sparse PCA";
/// Most alternations for a component.
const ALTERNATIONS: usize = 2000;
/// Directions that are followed from component to component, of which the leading one starts the next.
const FOLLOWED: usize = 8;
/// A component has settled when its direction changes by less.
const SETTLED: f64 = 1e-10;
/// Thresholds that are tried at once; a fixed number, so that results do not depend on the number of threads.
const TRIED_AT_ONCE: usize = 3;
/// Rounds of narrowing t down by [`TRIED_AT_ONCE`] + 1: it is then known within 4⁻⁷.
const ROUNDS: usize = 7;
/// A mean size this near to the one asked for, relative, ends the search.
const NEAR: f64 = 0.03;

/// One sparse principal component: a group of coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseComponent {
    /// The coefficients of its support, ascending.
    pub columns: Vec<usize>,
    /// w_ij of these, ‖w_j‖ = 1, the largest of them positive.
    pub loadings: Vec<f64>,
    /// ρ_j, in the unit of the coefficients times √L.
    pub size: f64,
}

impl SparseComponent {
    /// `μ_j = 1/ρ_j`.
    pub fn weight(&self) -> f64 {
        self.size.recip()
    }

    /// `k_ij = 1/√|w_ij|`.
    pub fn element_weights(&self) -> Vec<f64> {
        self.loadings.iter().map(|w| w.abs().sqrt().recip()).collect()
    }
}

/// Sparse principal components of the coefficients of prior realizations.
#[derive(Debug, Clone, PartialEq)]
pub struct SparsePca {
    /// The components in the order found; fewer than asked for where nothing is left to explain.
    pub components: Vec<SparseComponent>,
    /// t.
    pub threshold: f64,
    /// Coefficients in no group: they are dropped from the basis.
    pub dropped: Vec<usize>,
    /// `1 − ‖R_{P+1}‖²/‖V‖²`, the share of the energy that the components explain.
    pub explained: f64,
    /// Components that had not settled after 2000 alternations.
    pub unsettled: usize,
}

impl SparsePca {
    /// `groups` components at a given relative threshold t in \[0, 1).
    ///
    /// # Errors
    /// [`Error::Input`] for coefficients that are not finite or all zero, no groups, or a threshold outside of \[0, 1).
    pub fn new(coefficients: ArrayView2<'_, f64>, groups: usize, threshold: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&threshold) {
            let problem = format!("the relative threshold is {threshold}");
            return Err(Error::input(PLACE, problem, "choose it from 0 (full components) to below 1"));
        }
        deflate(gram_of(coefficients, groups)?, groups, threshold)
    }

    /// `groups` components of about `mean_size` members each, by the one threshold that gives them.
    ///
    /// # Errors
    /// As [`SparsePca::new`]; [`Error::Input`] for a mean size that is not between 1 and the number of coefficients.
    pub fn of_mean_size(coefficients: ArrayView2<'_, f64>, groups: usize, mean_size: f64) -> Result<Self> {
        let k = coefficients.nrows();
        if !(1.0..=k as f64).contains(&mean_size) {
            let problem = format!("groups of {mean_size} members on average, of {k} coefficients");
            return Err(Error::input(PLACE, problem, "choose a size from 1 to the number of coefficients"));
        }
        let gram = gram_of(coefficients, groups)?;
        let distance = |found: &Self| (found.mean_size() / mean_size).ln().abs();
        let (mut low, mut high) = (0.0, 1.0);
        let mut best: Option<Self> = None;
        for _ in 0..ROUNDS {
            let width = (high - low) / (TRIED_AT_ONCE + 1) as f64;
            let tried: Vec<f64> = (1..=TRIED_AT_ONCE).map(|i| low + width * i as f64).collect();
            let found = tried.par_iter().map(|&t| deflate(gram.clone(), groups, t)).collect::<Result<Vec<Self>>>()?;
            // Groups shrink as t grows: t lies behind the last that is too large.
            let too_large = found.iter().rposition(|f| f.mean_size() > mean_size);
            (low, high) = match too_large {
                None => (low, tried[0]),
                Some(at) => (tried[at], tried.get(at + 1).copied().unwrap_or(high)),
            };
            for candidate in found {
                if best.as_ref().is_none_or(|b| distance(&candidate) < distance(b)) {
                    best = Some(candidate);
                }
            }
            if best.as_ref().is_some_and(|b| distance(b) <= NEAR) {
                break;
            }
        }
        Ok(best.expect("every round tries thresholds"))
    }

    /// Mean number of members of a group.
    pub fn mean_size(&self) -> f64 {
        self.expanded_columns() as f64 / self.components.len().max(1) as f64
    }

    /// Columns of the expanded dictionary, in which every group has columns of its own: `Σ_j k_j`.
    pub fn expanded_columns(&self) -> usize {
        self.components.iter().map(|c| c.columns.len()).sum()
    }

    /// The index sets of all groups; a coefficient may be in several or in none.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        self.components.iter().map(|c| c.columns.clone()).collect()
    }
}

/// Weights of the weighted l1 norm, `w_i = 1/√(mean of v_i² over the realizations)`, from coefficients V (k × L).
///
/// # Errors
/// [`Error::Input`] for coefficients that are not finite, or one that is zero in all realizations.
pub fn second_moment_weights(coefficients: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    check(coefficients)?;
    let realizations = coefficients.ncols() as f64;
    let mut weights = Array1::zeros(coefficients.nrows());
    for (i, (row, weight)) in coefficients.rows().into_iter().zip(&mut weights).enumerate() {
        *weight = (row.dot(&row) / realizations).sqrt().recip();
        if !f64::is_finite(*weight) {
            let problem = format!("coefficient {i} is zero in all {realizations} realizations");
            return Err(Error::input("weighted l1 norm", problem, "leave this column of the basis out"));
        }
    }
    Ok(weights)
}

fn check(coefficients: ArrayView2<'_, f64>) -> Result<()> {
    let (k, l) = coefficients.dim();
    if k == 0 || l == 0 {
        let problem = format!("{k} coefficients of {l} realizations");
        return Err(Error::input("coefficients of the realizations", problem, "give realizations and a basis"));
    }
    match coefficients.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((i, l), v)) => Err(Error::input(
            "coefficients of the realizations",
            format!("coefficient {i} of realization {l} is {v}"),
            "check the realizations: every cell needs a finite value",
        )),
        None => Ok(()),
    }
}

/// `V Vᵀ` in units of its trace, and the trace.
#[derive(Clone)]
struct Gram {
    matrix: Array2<f64>,
    /// `‖V‖²`.
    energy: f64,
}

fn gram_of(coefficients: ArrayView2<'_, f64>, groups: usize) -> Result<Gram> {
    check(coefficients)?;
    if groups == 0 {
        return Err(Error::input(PLACE, "no group is asked for", "ask for one or more"));
    }
    let product = multiply(coefficients, coefficients.t());
    let energy = product.diag().sum();
    if !(energy.is_finite() && energy > 0.0) {
        let problem = format!("the squares of all coefficients sum to {energy}");
        return Err(Error::input(PLACE, problem, "realizations that differ from the background are needed"));
    }
    // Rounding leaves it symmetric only nearly.
    Ok(Gram { matrix: (&product + &product.t()) / (2.0 * energy), energy })
}

/// One sparse direction of a Gram matrix.
struct Direction {
    /// w̃, its norm ρ.
    shrunk: Array1<f64>,
    /// q = Rᵀz.
    image: Array1<f64>,
    settled: bool,
}

fn deflate(Gram { matrix: mut gram, energy }: Gram, groups: usize, threshold: f64) -> Result<SparsePca> {
    let k = gram.nrows();
    // Share of the energy that rounding alone leaves in the Gram matrix.
    let exhausted = 8.0 * k as f64 * f64::EPSILON;
    let mut components = Vec::new();
    let mut unsettled = 0;
    let mut leading = Leading(None);
    while components.len() < groups && gram.diag().sum() > exhausted {
        let Some(start) = leading.of(&gram) else { break };
        let Some(direction) = sparse_direction(&gram, start, threshold) else { break };
        unsettled += usize::from(!direction.settled);
        let size = norm(direction.shrunk.view());
        let w = &direction.shrunk / size;
        subtract(&mut gram, &direction.image, &w, size);
        let largest = w.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).expect("k is positive");
        let columns: Vec<usize> = (0..k).filter(|&i| w[i] != 0.0).collect();
        let loadings = columns.iter().map(|&i| w[i] * largest.signum()).collect();
        components.push(SparseComponent { columns, loadings, size: size * energy.sqrt() });
    }
    let mut used = vec![false; k];
    components.iter().flat_map(|c: &SparseComponent| &c.columns).for_each(|&i| used[i] = true);
    Ok(SparsePca {
        components,
        threshold,
        dropped: (0..k).filter(|&i| !used[i]).collect(),
        explained: 1.0 - gram.diag().sum(),
        unsettled,
    })
}

/// The leading directions of the last Gram matrix: after a deflation those of the next are near.
struct Leading(Option<Array2<f64>>);

impl Leading {
    /// The leading eigenvector of a Gram matrix; `None` where it is not finite.
    fn of(&mut self, gram: &Array2<f64>) -> Option<Array1<f64>> {
        let near = self.0.take().and_then(|block| leading_eigen_from(gram, 1, block));
        let vectors = match near {
            Some((_, vectors)) => vectors,
            None => symmetric_eigen(gram)?.1,
        };
        let followed = vectors.slice(s![.., ..FOLLOWED.min(gram.nrows())]).to_owned();
        self.0 = (4 * FOLLOWED < gram.nrows()).then_some(followed);
        Some(vectors.column(0).to_owned())
    }
}

/// The sparse direction that alternation finds from w on; `None` where the Gram matrix has come down to rounding.
fn sparse_direction(gram: &Array2<f64>, mut w: Array1<f64>, threshold: f64) -> Option<Direction> {
    let mut direction = None;
    for _ in 0..ALTERNATIONS {
        let mut image = Array1::zeros(w.len());
        // Most of w is zero, and G is symmetric.
        for (&w, row) in w.iter().zip(gram.rows()).filter(|(w, _)| **w != 0.0) {
            image.scaled_add(w, &row);
        }
        let square = w.dot(&image);
        if !(square.is_finite() && square > 0.0) {
            return None;
        }
        image /= square.sqrt();
        let tau = threshold * image.iter().fold(0.0f64, |m, q| m.max(q.abs()));
        let shrunk = image.mapv(|q| q.signum() * (q.abs() - tau).max(0.0));
        let next = &shrunk / norm(shrunk.view());
        let change = norm((&next - &w).view());
        w = next;
        let settled = change <= SETTLED;
        direction = Some(Direction { shrunk, image, settled });
        if settled {
            break;
        }
    }
    direction
}

/// `G − ρ (q wᵀ + w qᵀ) + ρ² w wᵀ` = `G − ρ (p wᵀ + w pᵀ)` with `p = q − (ρ/2) w`.
fn subtract(gram: &mut Array2<f64>, q: &Array1<f64>, w: &Array1<f64>, rho: f64) {
    let p = q - &(0.5 * rho * w);
    for (i, mut row) in gram.rows_mut().into_iter().enumerate() {
        let (of_p, of_w) = (rho * p[i], rho * w[i]);
        for (j, g) in row.iter_mut().enumerate() {
            *g -= of_p * w[j] + of_w * p[j];
        }
    }
}

fn norm(x: ArrayView1<'_, f64>) -> f64 {
    x.dot(&x).sqrt()
}

#[cfg(test)]
mod tests;
