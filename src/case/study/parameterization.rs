//! The basis of a case, and what parameterizes realizations by it.

use std::ops::Range;

use ndarray::{Array1, Array2, s};

use super::super::file::{self, BasisKind, Case};
use super::super::geology;
use super::super::observations::names_of_tests;
use super::dictionary;
use super::explicit::Explicit;
use super::prior::Priors;
use crate::basis::karhunen_loeve::KarhunenLoeve;
use crate::basis::ksvd::Ksvd;
use crate::basis::pca::{HoldOut, Pca, Truncation};
use crate::basis::{Basis, ExtendedBasis, HybridBasis, Origin, Precision, Realizations, StoredBasis};
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
    /// A basis that is not made of realizations.
    Explicit(Explicit),
    /// A dictionary learned from the realizations of one scenario.
    Dictionary(Ksvd),
    /// The basis of a field, joined with what else is unknown.
    Extended {
        /// All unknowns.
        basis: ExtendedBasis,
        /// Those that are one number each.
        scalars: Vec<Unknown>,
    },
}

/// An unknown number beside the field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unknown {
    /// What it is.
    pub kind: UnknownKind,
    /// Its column in the basis: a coefficient of 0 is the prior mean.
    pub column: usize,
    /// That prior mean.
    pub mean: f64,
}

/// What an unknown number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKind {
    /// The property's mean, as the property is carried.
    Mean,
    /// The mean of ln storage.
    Storage,
    /// ln of the rate of a pumping test, by its number, over the one that was noted.
    Rate(usize),
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
        Self::of_fields(case, priors, selected, warnings, progress)?.extended(case)
    }

    fn of_fields(
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
            (BasisKind::Dct { .. } | BasisKind::Wavelet { .. } | BasisKind::Zonation { .. } | BasisKind::Cells, _) => {
                Explicit::new(case, priors, selected, warnings, progress).map(Self::Explicit)
            }
            (BasisKind::KSvd(options), _) => {
                dictionary::learned(case, options, priors, selected[0], progress).map(Self::Dictionary)
            }
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
            Self::Explicit(explicit) => explicit.basis(),
            Self::Dictionary(ksvd) => &ksvd.basis,
            Self::Extended { basis, .. } => basis,
        }
    }

    /// The basis that is not made of realizations, where it is one.
    pub fn explicit(&self) -> Option<&Explicit> {
        match self {
            Self::Explicit(explicit) => Some(explicit),
            _ => None,
        }
    }

    /// The unknown numbers beside a field, where there are any.
    pub fn scalars(&self) -> &[Unknown] {
        match self {
            Self::Extended { scalars, .. } => scalars,
            _ => &[],
        }
    }

    /// Whether more than the property of cells is unknown.
    pub fn is_extended(&self) -> bool {
        matches!(self, Self::Extended { .. })
    }

    /// Joined with what the case does not know beside the property.
    fn extended(self, case: &Case) -> Result<Self> {
        let Some(file::Physics::Groundwater(flow)) = &case.physics else { return Ok(self) };
        if !flow.uncertain.any() {
            return Ok(self);
        }
        let (field, gaussian) = match (&self, &case.scenarios[0].geology) {
            (Self::Components(pca), file::Geology::Gaussian(gaussian)) => (&pca.basis, gaussian),
            (Self::KarhunenLoeve(basis), file::Geology::Gaussian(gaussian)) => (basis, gaussian),
            _ => {
                return Err(Error::input(
                    "physics.uncertain",
                    "it is joined to the basis of one Gaussian scenario",
                    "choose basis.kind = \"karhunen-loeve\" or \"pca\" with one Gaussian scenario",
                ));
            }
        };
        let storage = match flow.storage {
            Some(file::Storage::Storativity(s) | file::Storage::Specific(s)) => s.ln(),
            None => 0.0,
        };
        let tests = match (&case.data, flow.uncertain.rate > 0.0) {
            (Some(data), true) => names_of_tests(data)?.len(),
            _ => 0,
        };
        Ok(extended(field, gaussian, &flow.uncertain, storage, tests))
    }

    /// The dictionary, where the basis is one.
    pub fn dictionary(&self) -> Option<&Ksvd> {
        match self {
            Self::Dictionary(ksvd) => Some(ksvd),
            _ => None,
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
            Self::Mixed(_) | Self::Explicit(_) => {
                let basis = self.basis().truncated(rank);
                let mut out = Array2::zeros((realizations.len(), ensemble.grid.len()));
                for (&l, mut row) in realizations.iter().zip(out.rows_mut()) {
                    let u = ensemble.property(l);
                    row.assign(&basis.expand(basis.nearest(u.view()).view()).mapv(|x| x as f32));
                }
                Ok(out)
            }
            Self::KarhunenLoeve(_) | Self::Dictionary(_) | Self::Extended { .. } => Err(Error::input(
                "feasible",
                "a learning set needs the realizations' coefficients, and the basis has none of one block",
                "choose basis.kind = \"pca\"",
            )),
        }
    }
}

/// `[Φ 1 0 0; 0 0 Φ 1]` for a field, its mean, ln storage and its mean, or with a storage that does not vary
/// `[Φ 1 0; 0 0 1]`, and behind them the rates of tests; what is known has no column.
fn extended(
    field: &StoredBasis,
    gaussian: &file::Gaussian,
    uncertain: &file::Uncertain,
    log_storage: f64,
    tests: usize,
) -> Parameterization {
    let (n, k) = (field.mean().len(), field.rank());
    let sigma = field.standard_deviations().map(|s| s.to_owned()).unwrap_or_else(|| Array1::ones(k));
    let varies = uncertain.storage_variation > 0.0;
    let storage_rows = if varies { n } else { usize::from(uncertain.storage > 0.0) };
    let of_storage = if varies { k } else { 0 } + usize::from(uncertain.storage > 0.0);
    let width = k + usize::from(uncertain.mean > 0.0) + of_storage + tests;
    let mut columns = Array2::zeros((n + storage_rows + tests, width));
    let mut deviations = Array1::zeros(width);
    let mut mean = Array1::from_elem(n + storage_rows + tests, log_storage);
    mean.slice_mut(s![n + storage_rows..]).fill(0.0);
    mean.slice_mut(s![..n]).assign(&field.mean());
    let images = field.columns(0..k);
    columns.slice_mut(s![..n, ..k]).assign(&images);
    deviations.slice_mut(s![..k]).assign(&sigma);
    let (mut next, mut scalars) = (k, Vec::new());
    if uncertain.mean > 0.0 {
        columns.slice_mut(s![..n, next]).fill(1.0);
        deviations[next] = uncertain.mean;
        scalars.push(Unknown { kind: UnknownKind::Mean, column: next, mean: gaussian.mean });
        next += 1;
    }
    if varies {
        columns.slice_mut(s![n..n + storage_rows, next..next + k]).assign(&images);
        let ratio = uncertain.storage_variation / gaussian.variance.sqrt();
        deviations.slice_mut(s![next..next + k]).assign(&(ratio * &sigma));
        next += k;
    }
    if uncertain.storage > 0.0 {
        columns.slice_mut(s![n..n + storage_rows, next]).fill(1.0);
        deviations[next] = uncertain.storage;
        scalars.push(Unknown { kind: UnknownKind::Storage, column: next, mean: log_storage });
        next += 1;
    }
    for test in 0..tests {
        columns[[n + storage_rows + test, next + test]] = 1.0;
        deviations[next + test] = uncertain.rate;
        scalars.push(Unknown { kind: UnknownKind::Rate(test), column: next + test, mean: 0.0 });
    }
    Parameterization::Extended { basis: ExtendedBasis::new(mean, columns, deviations), scalars }
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
