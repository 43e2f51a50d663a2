//! The basis of a case, and what parameterizes realizations by it.

use std::ops::Range;

use ndarray::{Array1, Array2};

use super::super::file::{self, BasisKind, Case};
use super::super::geology;
use super::prior::Priors;
use crate::basis::karhunen_loeve::KarhunenLoeve;
use crate::basis::pca::{HoldOut, Pca, Truncation};
use crate::basis::{Basis, HybridBasis, Origin, Precision, Realizations, StoredBasis};
use crate::error::{Error, Result};
use crate::grid::Ensemble;
use crate::progress::Progress;

/// The basis of a case and the realizations' coefficients in it, as far as they are known.
pub enum Parameterization {
    /// Principal components of one scenario.
    Components(Pca),
    /// A block of components for each scenario.
    Hybrid {
        /// The blocks side by side.
        basis: HybridBasis,
        /// The components that each block is made of.
        scenarios: Vec<Pca>,
    },
    /// Leading components Φ_m of the realizations of all scenarios, mixed.
    Mixed(StoredBasis),
    /// Leading eigenvectors of a Gaussian prior's own covariance.
    KarhunenLoeve(StoredBasis),
}

/// A ratio of the realizations' approximation error between others and those in the basis, above which the ensemble is
/// called too small.
const HOLD_OUT_LIMIT: f64 = 1.5;
/// Most realizations of all scenarios together whose inner products are formed for Φ_m: of more, an even share.
const MOST_MIXED: usize = 6000;
/// Operations that these inner products may take.
const MOST_PRODUCTS: f64 = 5e11;

impl Parameterization {
    /// The basis that the case asks for, of the scenarios `selected`.
    ///
    /// # Errors
    /// Whatever the realizations do not span; [`Error::Interrupted`].
    pub fn new(
        case: &Case,
        priors: &Priors,
        selected: &[usize],
        warnings: &mut Vec<String>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let truncation = match (case.basis.rank.largest(), case.basis.rank) {
            (_, file::Rank::Energy(fraction)) => Truncation::Energy(fraction),
            (rank, _) => Truncation::Rank(rank.unwrap_or(1)),
        };
        match (case.basis.kind, selected) {
            (BasisKind::Pca, &[p]) => {
                let ensemble = &priors.ensembles[p];
                let origin = if case.basis.center { Origin::Mean } else { Origin::Value(priors.origin(case)) };
                progress.start("principal components", 1);
                let realizations = Realizations::new(ensemble, origin)?;
                let pca = realizations.components(truncation, Precision::BySize)?;
                let held_out = realizations.hold_out(pca.basis.rank())?;
                warnings.extend(too_few("", realizations.count(), held_out));
                progress.advance(1);
                progress.finish();
                Ok(Self::Components(pca))
            }
            (BasisKind::Pca, _) => mixed(case, priors, selected, truncation, progress),
            (BasisKind::Hybrid, _) => hybrid(case, priors, selected, truncation, warnings, progress),
            (BasisKind::KarhunenLoeve, _) => {
                let scenario = &case.scenarios[0];
                let file::Geology::Gaussian(gaussian) = &scenario.geology else {
                    return Err(Error::input(
                        "basis.kind",
                        "\"karhunen-loeve\" for a scenario that is no Gaussian field",
                        "choose \"pca\"",
                    ));
                };
                let variogram = geology::variogram(gaussian, scenario.azimuth)?;
                let mean = Array1::from_elem(case.grid.len(), gaussian.mean);
                let kl = KarhunenLoeve::new(&case.grid, |lag| variogram.covariance(lag), mean, truncation)?;
                Ok(Self::KarhunenLoeve(kl.basis))
            }
        }
    }

    /// The basis.
    pub fn basis(&self) -> &dyn Basis {
        match self {
            Self::Components(pca) => &pca.basis,
            Self::Hybrid { basis, .. } => basis,
            Self::Mixed(basis) | Self::KarhunenLoeve(basis) => basis,
        }
    }

    /// The components of one scenario, where the basis is made of them.
    pub fn components(&self) -> Option<&Pca> {
        match self {
            Self::Components(pca) => Some(pca),
            _ => None,
        }
    }

    /// Columns of each scenario in use, where each has its own.
    pub fn groups(&self) -> Option<Vec<Range<usize>>> {
        match self {
            Self::Hybrid { basis, .. } => Some(basis.groups()),
            _ => None,
        }
    }

    /// Realizations of an ensemble at `rank`, `ū + ΦΦᵀ(u − ū)`, one a row: by block number `block` where scenarios have
    /// their own, with all its columns.
    ///
    /// # Errors
    /// A basis that was made without realizations.
    pub fn reconstruct(
        &self,
        ensemble: &Ensemble,
        block: usize,
        realizations: &[usize],
        rank: usize,
    ) -> Result<Array2<f32>> {
        match self {
            Self::Components(pca) => Ok(pca.reconstruct_some(realizations, rank)),
            Self::Hybrid { scenarios, .. } => {
                let pca = &scenarios[block];
                Ok(pca.reconstruct_some(realizations, pca.basis.rank()))
            }
            Self::Mixed(basis) => {
                let basis = basis.at_rank(rank);
                let mut out = Array2::zeros((realizations.len(), ensemble.grid.len()));
                for (&l, mut row) in realizations.iter().zip(out.rows_mut()) {
                    let u = ensemble.property(l);
                    row.assign(&basis.expand(basis.project(u.view()).view()).mapv(|x| x as f32));
                }
                Ok(out)
            }
            Self::KarhunenLoeve(_) => Err(Error::input(
                "feasible",
                "a learning set needs the realizations' coefficients, and the basis was made without realizations",
                "choose basis.kind = \"pca\"",
            )),
        }
    }
}

fn too_few(scenario: &str, count: usize, held_out: HoldOut) -> Option<String> {
    (held_out.outside > HOLD_OUT_LIMIT * held_out.inside).then(|| {
        format!(
            "{scenario}{count} realizations are few for rank {}: a basis of {} of them misses {:.0} % of the others' \
             deviation from the mean, {:.0} % of their own",
            held_out.rank,
            held_out.kept,
            100.0 * held_out.outside,
            100.0 * held_out.inside
        )
    })
}

fn hybrid(
    case: &Case,
    priors: &Priors,
    selected: &[usize],
    truncation: Truncation,
    warnings: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<Parameterization> {
    let all = priors.realizations(selected, priors.origin(case), progress)?;
    progress.start("bases of the scenarios", all.len() as u64);
    let mut scenarios = Vec::new();
    for (realizations, &p) in all.iter().zip(selected) {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let pca = realizations.components(truncation, Precision::Single)?;
        let held_out = realizations.hold_out(pca.basis.rank())?;
        warnings.extend(too_few(&format!("scenario \"{}\": ", case.scenarios[p].name), realizations.count(), held_out));
        scenarios.push(pca);
        progress.advance(1);
    }
    progress.finish();
    let basis = HybridBasis::new(scenarios.iter().map(|pca| pca.basis.clone()).collect());
    Ok(Parameterization::Hybrid { basis, scenarios })
}

/// Φ_m. Of more realizations than can be decomposed an even share of each scenario is taken.
fn mixed(
    case: &Case,
    priors: &Priors,
    selected: &[usize],
    truncation: Truncation,
    progress: &dyn Progress,
) -> Result<Parameterization> {
    let affordable = (MOST_PRODUCTS / case.grid.len() as f64).sqrt() as usize;
    let ensembles: Vec<_> = selected.iter().map(|&p| &priors.ensembles[p]).collect();
    progress.start("components of all realizations", 1);
    let mut realizations = Realizations::mixed(&ensembles, priors.origin(case), affordable.min(MOST_MIXED))?;
    if case.basis.center {
        realizations = realizations.centered()?;
    }
    let basis = match truncation {
        Truncation::Rank(rank) => realizations.leading(rank, Precision::BySize)?,
        Truncation::Energy(_) => realizations.components(truncation, Precision::BySize)?.basis,
    };
    progress.advance(1);
    progress.finish();
    Ok(Parameterization::Mixed(basis))
}
