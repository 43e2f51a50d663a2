//! A dictionary learned from signals: sparse coding and update of the atoms in turn.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::codes::SparseCodes;
use super::pursuit::{Pursuit, Selection, Stop, check_sparsity, wrong};
use super::update::{AtomUpdate, update_atoms};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::random::{Purpose, Stream};

/// Two atoms with a larger `|d_iᵀ d_j|` are one.
const COHERENCE: f64 = 0.99;
/// Difference of models, relative to the largest coefficient, that rounding in a basis explains.
const EQUAL: f64 = 1e-10;
/// Share of a signal's energy in its residual below which it is represented and no atom needed for it.
const REPRESENTED: f64 = 1e-20;

/// How a dictionary is learned.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnOptions {
    /// Number of atoms k.
    pub atoms: usize,
    /// The most atoms of a code, S.
    pub sparsity: usize,
    /// The residual norm of a signal that is small enough, in the unit of the signals; 0 for S atoms in any case.
    pub error: f64,
    /// Number of iterations.
    pub iterations: u32,
    /// How atoms are updated.
    pub update: AtomUpdate,
    /// How the atoms of a code are chosen.
    pub selection: Selection,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl LearnOptions {
    /// k atoms of which a code has at most S, with defaults for the rest: 20 approximate iterations.
    pub fn new(atoms: usize, sparsity: usize) -> Self {
        Self {
            atoms,
            sparsity,
            error: 0.0,
            iterations: 20,
            update: AtomUpdate::default(),
            selection: Selection::default(),
            seed: 0,
        }
    }

    /// Whether the atoms allow the sparsity, and `count` training models the atoms.
    pub(super) fn check_count(&self, count: usize) -> Result<()> {
        check_sparsity(self.sparsity, self.atoms)?;
        if count >= self.atoms {
            return Ok(());
        }
        let problem = format!(
            "{count} training models are fewer than the {} atoms: each would be an atom of its own and nothing learned",
            self.atoms
        );
        Err(wrong("training set", problem, "draw more realizations, two an atom or more, or lower the number of atoms"))
    }
}

/// A dictionary between two iterations: all that the next one needs, since what an iteration draws depends on the seed
/// and its number alone. Its arrays are plain ones, to be written as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Atoms D, k × m, one a row of unit norm.
    pub atoms: Array2<f64>,
    /// Codes Γ of the N training signals.
    pub codes: SparseCodes,
    /// `√(‖X − Γ D‖_F²/(N m))` after each finished iteration, in the unit of the signals.
    pub rmse: Vec<f64>,
}

impl State {
    /// Number of finished iterations.
    pub fn iterations(&self) -> u32 {
        self.rmse.len() as u32
    }
}

/// Learns a dictionary by k-SVD (Aharon, Elad & Bruckstein 2006),
///
/// `min ‖X − Γ D‖_F²` over D with rows of unit norm and Γ with at most S nonzeros a row,
///
/// of the signals X (N × m, one a row). The first atoms are signals drawn at random. An iteration replaces atoms that no
/// code uses, and all but one of several that point the same way, by the signals that are represented worst; codes every
/// signal by batch orthogonal matching pursuit; and updates the atoms one at a time. After the last iteration the signals
/// are coded once more, and codes that the last update left better than the new ones stay. (To keep such codes in every
/// iteration makes the error fall steadily, but slower: signals that are atoms at first stay with that one atom.)
///
/// `checkpoint` gets the state after every iteration; given back as `resume`, it is gone on from to the same bits.
///
/// # Errors
/// A sparsity above the number of atoms, which is above that of signals; signals that are not finite or all equal; an
/// error bound that is no norm; a state that does not fit; an interrupt.
pub fn learn(
    signals: ArrayView2<'_, f64>,
    options: &LearnOptions,
    resume: Option<State>,
    progress: &dyn Progress,
    checkpoint: &mut dyn FnMut(&State) -> Result<()>,
) -> Result<State> {
    check(signals, options)?;
    let mut state = match resume {
        Some(state) => fitting(state, signals, options)?,
        None => State {
            atoms: first_atoms(signals, options),
            codes: SparseCodes::zeros(signals.nrows(), options.sparsity),
            rmse: Vec::new(),
        },
    };
    progress.start("dictionary", u64::from(options.iterations) + 1);
    progress.advance(u64::from(state.iterations()));
    while state.iterations() < options.iterations {
        let mut residual = code(signals, options, &mut state, false)?;
        update_atoms(options.update, &mut state.atoms, &mut state.codes, &mut residual);
        let rmse = root_mean_square(&residual);
        state.rmse.push(rmse);
        checkpoint(&state)?;
        progress.advance(1);
        progress.note(&format!("k-SVD iteration {}: RMSE {rmse:.6e}", state.iterations()));
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
    }
    code(signals, options, &mut state, true)?;
    progress.advance(1);
    progress.finish();
    Ok(state)
}

fn check(signals: ArrayView2<'_, f64>, options: &LearnOptions) -> Result<()> {
    options.check_count(signals.nrows())?;
    if let Some(i) = signals.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
        let problem = format!("signal {i} (from 0) has a value that is not finite");
        return Err(wrong("training set", problem, "check the realizations"));
    }
    let least = EQUAL * signals.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if signals.rows().into_iter().all(|row| row.iter().zip(signals.row(0)).all(|(x, y)| (x - y).abs() <= least)) {
        let problem = "all training models are equal and teach nothing".to_owned();
        return Err(wrong("training set", problem, "draw realizations that differ, or check the facies' values"));
    }
    if !(options.error >= 0.0 && options.error.is_finite()) {
        let problem = format!("the error bound {} is no norm", options.error);
        return Err(wrong("error bound", problem, "give zero or a positive number"));
    }
    Ok(())
}

fn fitting(mut state: State, signals: ArrayView2<'_, f64>, options: &LearnOptions) -> Result<State> {
    let (shape, codes) = ((options.atoms, signals.ncols()), (signals.nrows(), options.sparsity));
    let known = |&atom: &u32| (atom as usize) < options.atoms;
    let fits = state.atoms.dim() == shape
        && state.codes.atoms.dim() == codes
        && state.codes.values.dim() == codes
        && state.codes.counts.len() == codes.0
        && state.codes.counts.iter().all(|&count| count as usize <= options.sparsity)
        && state.codes.atoms.iter().all(known)
        && state.atoms.iter().chain(&state.codes.values).all(|x| x.is_finite());
    if !fits {
        let problem = format!("the checkpoint is not one of {} atoms of {} numbers with these codes", shape.0, shape.1);
        return Err(wrong("checkpoint", problem, "start anew, or resume with the settings and realizations it had"));
    }
    // What was read from a file may have another order in memory.
    state.atoms = state.atoms.as_standard_layout().into_owned();
    state.codes.atoms = state.codes.atoms.as_standard_layout().into_owned();
    state.codes.values = state.codes.values.as_standard_layout().into_owned();
    Ok(state)
}

/// Replaces atoms, codes every signal, and returns the residual. Where `keep`, codes that are better than the new ones
/// stay.
fn code(signals: ArrayView2<'_, f64>, options: &LearnOptions, state: &mut State, keep: bool) -> Result<Array2<f64>> {
    let mut pursuit = Pursuit::new(&state.atoms, options.selection);
    let mut energies = Array1::from_elem(signals.nrows(), f64::INFINITY);
    if state.iterations() > 0 {
        let superfluous = superfluous(&state.codes, pursuit.gram());
        let missed = energies_of(state.codes.residual(signals, &state.atoms).view());
        if replace(&mut state.atoms, &superfluous, signals, &missed) {
            pursuit = Pursuit::new(&state.atoms, options.selection);
        }
        let stays = |i: &usize| state.codes.of(*i).all(|(atom, _)| superfluous.binary_search(&atom).is_err());
        (0..signals.nrows()).filter(|i| keep && stays(i)).for_each(|i| energies[i] = missed[i]);
    }
    let stop = Stop { sparsity: options.sparsity, error: options.error };
    pursuit.improve(&state.atoms, signals, stop, &mut state.codes, energies.view())?;
    Ok(state.codes.residual(signals, &state.atoms))
}

fn energies_of(rows: ArrayView2<'_, f64>) -> Array1<f64> {
    rows.map_axis(Axis(1), |row| row.dot(&row))
}

fn root_mean_square(residual: &Array2<f64>) -> f64 {
    // Row by row, so that rounding does not grow with the number of signals.
    (energies_of(residual.view()).sum() / residual.len() as f64).sqrt()
}

/// Atoms that no code uses, and all but the first of several that are used and point the same way, ascending.
pub(super) fn superfluous(codes: &SparseCodes, gram: ArrayView2<'_, f64>) -> Vec<usize> {
    let mut used = vec![false; gram.nrows()];
    (0..codes.len()).for_each(|i| codes.of(i).for_each(|(atom, _)| used[atom] = true));
    for j in 0..used.len() {
        used[j] = used[j] && !(0..j).any(|i| used[i] && gram[[i, j]].abs() > COHERENCE);
    }
    (0..used.len()).filter(|&j| !used[j]).collect()
}

/// Puts the signals that are represented worst, of squared residual norms `energies`, in the place of the atoms
/// `unused`, and says whether there were any.
fn replace(atoms: &mut Array2<f64>, unused: &[usize], signals: ArrayView2<'_, f64>, energies: &Array1<f64>) -> bool {
    let mut worst: Vec<usize> = (0..energies.len()).collect();
    worst.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]).then(a.cmp(&b)));
    let mut any = false;
    for (&j, &i) in unused.iter().zip(&worst) {
        let signal = signals.row(i);
        let energy = signal.dot(&signal);
        if energies[i] <= REPRESENTED * energy {
            break;
        }
        atoms.row_mut(j).assign(&(&signal / energy.sqrt()));
        any = true;
    }
    any
}

/// k atoms of unit norm: signals drawn without replacement, and directions where too few are not zero.
fn first_atoms(signals: ArrayView2<'_, f64>, options: &LearnOptions) -> Array2<f64> {
    let energies = energies_of(signals);
    let mut drawn: Vec<usize> = (0..signals.nrows()).filter(|&i| energies[i] > 0.0).collect();
    let mut stream = Stream::new(options.seed, Purpose::Dictionary, 0, 0);
    stream.shuffle(&mut drawn);
    let mut atoms = Array2::zeros((options.atoms, signals.ncols()));
    for (j, mut atom) in atoms.outer_iter_mut().enumerate() {
        match drawn.get(j) {
            Some(&i) => atom.assign(&signals.row(i)),
            None => atom.assign(&Array1::from(stream.normals(signals.ncols()))),
        }
        atom /= atom.dot(&atom).sqrt();
    }
    atoms
}
