//! Dictionaries of realizations: learned once, kept by content beside them after every iteration.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};

use super::super::cache;
use super::super::ensemble::Store;
use super::super::file::{Case, Dictionary};
use super::super::files;
use super::prior::Priors;
use crate::basis::Origin;
use crate::basis::ksvd::{AtomUpdate, Ksvd, KsvdOptions, LearnOptions, SparseCodes, State};
use crate::basis::pca::Truncation;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What dictionaries of this version depend on beside their inputs.
const VERSION: &str = "dictionary 1";

/// The dictionary of the realizations of scenario `p`: found where it was learned before, gone on with where learning was
/// interrupted.
///
/// # Errors
/// Realizations that are too few or all equal, [`Error::Interrupted`], and what the disk returns.
pub(super) fn learned(
    case: &Case,
    dictionary: Dictionary,
    priors: &Priors,
    p: usize,
    progress: &dyn Progress,
) -> Result<Ksvd> {
    let Dictionary { atoms, sparsity, learned_rank, iterations, exact } = dictionary;
    let update = if exact { AtomUpdate::Exact } else { AtomUpdate::Approximate };
    let learn = LearnOptions { iterations, update, seed: case.seed, ..LearnOptions::new(atoms, sparsity) };
    let origin = if case.basis.center { Origin::Mean } else { Origin::Value(priors.origin(case)) };
    let options = KsvdOptions { rank: Truncation::Rank(learned_rank), origin, learn };
    let kept = priors.root.as_deref().map(|root| {
        let mut identity = priors.geologies.scenarios[p].identity.clone();
        let (count, facies) = (priors.ensembles[p].len(), &case.property.facies);
        // Neither the number of iterations nor what a state is gone on to changes the states before.
        let lasting = LearnOptions { iterations: 0, ..options.learn.clone() };
        identity.extend(format!("\n{VERSION}\n{count} {facies:?} {origin:?} {learned_rank} {lasting:?}").into_bytes());
        (root, Kept { folder: Store::new(root, &identity).folder().to_owned() })
    });
    let resume = kept.as_ref().and_then(|(_, kept)| kept.load(iterations));
    if let Some(state) = &resume {
        progress.note(&match state.iterations() {
            done if done == iterations => "the dictionary was learned before".to_owned(),
            done => format!("goes on with iteration {} of the dictionary", done + 1),
        });
    }
    let mut checkpoint = |state: &State| match &kept {
        Some((_, kept)) => kept.save(state),
        None => Ok(()),
    };
    let learned = Ksvd::new(&priors.ensembles[p], &options, resume, progress, &mut checkpoint)?;
    if let Some((root, kept)) = &kept {
        cache::used(root, &kept.folder);
    }
    Ok(learned)
}

/// Where the states of one dictionary are kept; of each the errors are written last and mark it as whole.
struct Kept {
    folder: PathBuf,
}

impl Kept {
    fn path(&self, iteration: u32, part: &str) -> PathBuf {
        self.folder.join(format!("{iteration:05}-{part}.npy"))
    }

    /// Keeps a state, and lets the one before go.
    fn save(&self, state: &State) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::file("create", &self.folder, e))?;
        let number = state.iterations();
        files::array(&self.path(number, "atoms"), state.atoms.view())?;
        files::array(&self.path(number, "counts"), state.codes.counts.view())?;
        files::array(&self.path(number, "codes"), state.codes.atoms.view())?;
        files::array(&self.path(number, "values"), state.codes.values.view())?;
        files::array(&self.path(number, "rmse"), Array1::from(state.rmse.clone()).view())?;
        for part in ["rmse", "atoms", "counts", "codes", "values"] {
            // A state that stays costs space, and nothing else.
            let _ = std::fs::remove_file(self.path(number.saturating_sub(1), part));
        }
        Ok(())
    }

    /// The latest whole state of at most `iterations` iterations.
    fn load(&self, iterations: u32) -> Option<State> {
        (1..=iterations).rev().find_map(|number| self.load_one(number))
    }

    fn load_one(&self, number: u32) -> Option<State> {
        let rmse: Array1<f64> = read(&self.path(number, "rmse"))?;
        let atoms: Array2<f64> = read(&self.path(number, "atoms"))?;
        let counts: Array1<u32> = read(&self.path(number, "counts"))?;
        let codes = SparseCodes {
            counts,
            atoms: read(&self.path(number, "codes"))?,
            values: read(&self.path(number, "values"))?,
        };
        (rmse.len() == number as usize).then(|| State { atoms, codes, rmse: rmse.to_vec() })
    }
}

fn read<T: ndarray_npy::ReadableElement, D: ndarray::Dimension>(path: &Path) -> Option<ndarray::Array<T, D>> {
    ndarray_npy::read_npy(path).ok()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_latest_whole_state_is_found_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { folder: folder.path().join("dictionary") };
        let state = |count: usize| State {
            atoms: array![[1.0, 0.0], [0.6, 0.8]],
            codes: SparseCodes { counts: array![1, 1], atoms: array![[0], [1]], values: array![[2.0], [-1.5]] },
            rmse: (0..count).map(|i| 1.0 / (i + 1) as f64).collect(),
        };
        assert_eq!(kept.load(9), None);
        kept.save(&state(1)).unwrap();
        kept.save(&state(2)).unwrap();
        assert_eq!(kept.load(9), Some(state(2)));
        assert_eq!(kept.load(1), None, "the first went when the second was there");
        std::fs::remove_file(kept.path(2, "values")).unwrap();
        assert_eq!(kept.load(9), None, "half a state is none");
    }
}
