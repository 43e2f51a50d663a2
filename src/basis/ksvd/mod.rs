//! Learned dictionaries: k-SVD with batch orthogonal matching pursuit, in the span of leading singular vectors.

mod basis;
mod codes;
mod lanes;
mod learn;
mod pursuit;
mod update;

#[cfg(test)]
mod tests;

pub use basis::KsvdBasis;
pub use codes::SparseCodes;
pub use learn::{LearnOptions, State, learn};
pub use pursuit::{Pursuit, Selection, Stop};
pub use update::AtomUpdate;

use super::pca::{Pca, Truncation};
use super::{Origin, Precision, Realizations};
use crate::error::Result;
use crate::grid::Ensemble;
use crate::progress::Progress;

/// How a dictionary is learned from an ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct KsvdOptions {
    /// The rank T of the span that it is learned in. Coding and updates see inner products alone: in the span of all
    /// singular vectors, `Truncation::Energy(1.0)`, the dictionary is the one of the fields themselves.
    pub rank: Truncation,
    /// What is removed from the realizations first.
    pub origin: Origin,
    /// Atoms, sparsity, iterations.
    pub learn: LearnOptions,
}

/// A dictionary learned from an ensemble, `min ‖U − ū 1ᵀ − Ψ_T Dᵀ V‖_F²` with at most S nonzeros in each column of V.
#[derive(Debug, Clone)]
pub struct Ksvd {
    /// ū, Ψ_T and D.
    pub basis: KsvdBasis,
    /// Codes of the realizations.
    pub codes: SparseCodes,
    /// Root-mean-square error of the coefficients in Ψ_T, `√(‖Ψ_Tᵀ(U − ū 1ᵀ) − Dᵀ V‖_F²/(L T))`, after each iteration.
    pub rmse: Vec<f64>,
}

impl Ksvd {
    /// Learns a dictionary from `ensemble`, or goes on from a state that `checkpoint` was given.
    ///
    /// # Errors
    /// As [`Pca::new`] and [`learn()`].
    pub fn new(
        ensemble: &Ensemble,
        options: &KsvdOptions,
        resume: Option<State>,
        progress: &dyn Progress,
        checkpoint: &mut dyn FnMut(&State) -> Result<()>,
    ) -> Result<Self> {
        options.learn.check_count(ensemble.len())?;
        progress.start("principal components", 1);
        let realizations = Realizations::new(ensemble, options.origin)?;
        let pca = realizations.components(options.rank, Precision::BySize)?;
        progress.advance(1);
        progress.finish();
        Self::of_components(&pca, &options.learn, resume, progress, checkpoint)
    }

    /// Learns a dictionary in the span of principal components from the coefficients that the realizations have there.
    ///
    /// # Errors
    /// As [`learn()`].
    pub fn of_components(
        pca: &Pca,
        options: &LearnOptions,
        resume: Option<State>,
        progress: &dyn Progress,
        checkpoint: &mut dyn FnMut(&State) -> Result<()>,
    ) -> Result<Self> {
        let signals = pca.coefficients.t().as_standard_layout().into_owned();
        let state = learn(signals.view(), options, resume, progress, checkpoint)?;
        let (basis, codes) = KsvdBasis::new(pca.basis.clone(), state.atoms, state.codes, options.selection);
        Ok(Self { basis, codes, rmse: state.rmse })
    }
}
