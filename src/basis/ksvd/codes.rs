//! Sparse coefficients of many signals.

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

use super::lanes::{add, widest};

/// Coefficients `Γ` (N × k) with at most S nonzeros a signal: signal i is `Σ_s values[i, s] d_{atoms[i, s]}` over its
/// first `counts[i]` slots, in the order in which they were chosen; the other slots are zero.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseCodes {
    /// Number of slots in use, N.
    pub counts: Array1<u32>,
    /// Numbers of the atoms, N × S.
    pub atoms: Array2<u32>,
    /// Their coefficients, N × S, in the unit of the signals.
    pub values: Array2<f64>,
}

/// Where an atom is used: signal and slot.
pub(super) type Use = (u32, u32);

impl SparseCodes {
    /// Codes of `signals` signals of which each is zero, with room for `sparsity` atoms.
    pub fn zeros(signals: usize, sparsity: usize) -> Self {
        let shape = (signals, sparsity);
        Self { counts: Array1::zeros(signals), atoms: Array2::zeros(shape), values: Array2::zeros(shape) }
    }

    /// Number of signals N.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no signal.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The most atoms that a signal can have, S.
    pub fn sparsity(&self) -> usize {
        self.atoms.ncols()
    }

    /// Atoms and coefficients of signal `i`.
    pub fn of(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let count = self.counts[i] as usize;
        let row = self.atoms.row(i).into_iter().zip(self.values.row(i));
        row.take(count).map(|(&atom, &value)| (atom as usize, value))
    }

    /// The codes as a matrix Γᵀ (k × N), one signal a column.
    pub fn dense(&self, atoms: usize) -> Array2<f64> {
        let mut out = Array2::zeros((atoms, self.len()));
        for i in 0..self.len() {
            for (atom, value) in self.of(i) {
                out[[atom, i]] += value;
            }
        }
        out
    }

    /// Mean of the squares of each atom's coefficients over all signals, k values.
    pub fn energies(&self, atoms: usize) -> Array1<f64> {
        let mut sums = Array1::zeros(atoms);
        for i in 0..self.len() {
            for (atom, value) in self.of(i) {
                sums[atom] += value * value;
            }
        }
        sums / self.len().max(1) as f64
    }

    /// The uses of every atom, in the order of the signals.
    pub(super) fn uses(&self, atoms: usize) -> Vec<Vec<Use>> {
        let mut uses = vec![Vec::new(); atoms];
        for i in 0..self.len() {
            for (slot, (atom, _)) in self.of(i).enumerate() {
                uses[atom].push((i as u32, slot as u32));
            }
        }
        uses
    }

    /// `R = X − Γ D` (N × m) of signals X (N × m) and atoms D (k × m), one a row.
    pub fn residual(&self, signals: ArrayView2<'_, f64>, atoms: &Array2<f64>) -> Array2<f64> {
        assert_eq!(self.len(), signals.nrows(), "one code a signal");
        assert_eq!(signals.ncols(), atoms.ncols(), "length of the signals and of the atoms");
        let mut residual = signals.as_standard_layout().into_owned();
        let rows = residual.as_slice_mut().expect("standard layout").par_chunks_exact_mut(atoms.ncols());
        rows.enumerate().for_each(|(i, row)| {
            self.of(i).for_each(|(atom, value)| subtract(row, value, contiguous(atoms, atom)));
        });
        residual
    }
}

/// Row `i` of a matrix in standard layout.
pub(super) fn contiguous(matrix: &Array2<f64>, i: usize) -> &[f64] {
    let columns = matrix.ncols();
    &matrix.as_slice().expect("a matrix in standard layout")[i * columns..(i + 1) * columns]
}

#[inline(always)]
fn subtract_portable(y: &mut [f64], a: f64, x: &[f64]) {
    add(y, -a, x);
}

widest! {
    /// `y −= a x`.
    fn subtract(y: &mut [f64], a: f64, x: &[f64]) = subtract_portable
}
