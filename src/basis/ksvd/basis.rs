//! A dictionary as a parameterization.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix2, s};

use super::codes::SparseCodes;
use super::pursuit::{Pursuit, Selection, Stop};
use crate::basis::{Basis, StoredBasis};
use crate::linalg::dense;
use crate::operator::LinearOperator;

/// `u = ū + Φ v` with the lifted dictionary `Φ = Ψ_T Dᵀ` (n × k): orthonormal Ψ_T (n × T) of a training set, and atoms D
/// (k × T) of unit norm, those with the most energy in the training set's codes first.
///
/// Φ is not stored: a product costs `T (n + k)` instead of `n k`. It is not orthonormal, and `ΦᵀΦ = D Dᵀ` is kept. As it
/// usually has more columns than rank, a field has no one set of coefficients: [`Basis::nearest`] returns the sparse
/// code with at most S atoms, by the pursuit that the dictionary was learned with.
#[derive(Debug, Clone)]
pub struct KsvdBasis {
    shared: Arc<Shared>,
    rank: usize,
}

#[derive(Debug)]
struct Shared {
    span: StoredBasis,
    atoms: Array2<f64>,
    pursuit: Pursuit,
    deviations: Array1<f64>,
    sparsity: usize,
    selection: Selection,
}

impl KsvdBasis {
    /// The basis of atoms (k × T) in the span of an orthonormal basis of rank T, and the codes of its training set, both
    /// with the atoms in the order of their energy.
    ///
    /// The standard deviation of a coefficient is its root mean square over the codes, zeros included; an atom that no
    /// code uses has that of the least used one.
    pub fn new(span: StoredBasis, atoms: Array2<f64>, codes: SparseCodes, selection: Selection) -> (Self, SparseCodes) {
        assert_eq!(atoms.ncols(), span.rank(), "length of the atoms and rank of what they span");
        let energies = codes.energies(atoms.nrows());
        let mut order: Vec<usize> = (0..atoms.nrows()).collect();
        order.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]).then(a.cmp(&b)));
        let mut place = vec![0u32; order.len()];
        order.iter().enumerate().for_each(|(to, &from)| place[from] = to as u32);
        let atoms = atoms.select(Axis(0), &order);
        let mut codes = codes;
        for i in 0..codes.len() {
            let count = codes.counts[i] as usize;
            codes.atoms.slice_mut(s![i, ..count]).mapv_inplace(|atom| place[atom as usize]);
        }
        let least = energies.iter().copied().filter(|&e| e > 0.0).fold(f64::INFINITY, f64::min);
        let deviations = order.iter().map(|&j| if energies[j] > 0.0 { energies[j] } else { least }.sqrt()).collect();
        let (sparsity, pursuit) = (codes.sparsity(), Pursuit::new(&atoms, selection));
        let rank = atoms.nrows();
        let shared = Shared { span, atoms, pursuit, deviations, sparsity, selection };
        (Self { shared: Arc::new(shared), rank }, codes)
    }

    /// Number of atoms k.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The most atoms of a code, S.
    pub fn sparsity(&self) -> usize {
        self.shared.sparsity.min(self.rank)
    }

    /// The atoms in the span, D (k × T), one a row.
    pub fn atoms(&self) -> ArrayView2<'_, f64> {
        self.shared.atoms.slice(s![..self.rank, ..])
    }

    /// The orthonormal basis Ψ_T that the atoms are learned in.
    pub fn span(&self) -> &StoredBasis {
        &self.shared.span
    }
}

impl LinearOperator for KsvdBasis {
    fn rows(&self) -> usize {
        self.shared.span.rows()
    }
    fn cols(&self) -> usize {
        self.rank
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        assert_eq!(x.len(), self.rank, "number of coefficients against the number of atoms");
        self.shared.span.apply(self.atoms().t().dot(&x).view())
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.atoms().dot(&self.shared.span.adjoint(y))
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.rank, "number of coefficients against the number of atoms");
        self.shared.span.apply_block(dense::multiply(self.atoms().t(), x).view())
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        dense::multiply(self.atoms(), self.shared.span.adjoint_block(y).view())
    }
}

impl Basis for KsvdBasis {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.shared.span.mean()
    }
    fn orthonormal(&self) -> bool {
        false
    }
    fn gram(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.shared.pursuit.gram().slice_move(s![..self.rank, ..self.rank]))
    }
    fn standard_deviations(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.shared.deviations.slice(s![..self.rank]))
    }
    fn columns(&self, range: Range<usize>) -> CowArray<'_, f64, Ix2> {
        assert!(range.end <= self.rank, "columns {range:?} of a dictionary of {} atoms", self.rank);
        self.shared.span.apply_block(self.atoms().slice(s![range, ..]).t()).into()
    }
    fn truncated(&self, rank: usize) -> Box<dyn Basis> {
        assert!((1..=self.rank).contains(&rank), "rank {rank} must be between 1 and {}", self.rank);
        Box::new(Self { shared: Arc::clone(&self.shared), rank })
    }
    fn nearest(&self, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let signal = self.shared.span.project(u).insert_axis(Axis(0));
        let stop = Stop { sparsity: self.sparsity(), error: 0.0 };
        let code = if self.rank == self.shared.atoms.nrows() {
            self.shared.pursuit.code(&self.shared.atoms, signal.view(), stop)
        } else {
            let gram = self.shared.pursuit.gram().slice_move(s![..self.rank, ..self.rank]);
            Pursuit::with_gram(gram, self.shared.selection).code(&self.atoms().to_owned(), signal.view(), stop)
        };
        code.expect("a finite field").dense(self.rank).remove_axis(Axis(1))
    }
}
