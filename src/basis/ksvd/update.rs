//! Atoms updated one at a time, with the coefficients of the signals that use them.

use ndarray::Array2;

use super::codes::{SparseCodes, Use};
use super::lanes::{add, add_two, dot, widest};
use crate::linalg::dense;

/// Lanczos vectors before a restart.
const KRYLOV: usize = 24;
/// Restarts before the best pair so far is taken.
const RESTARTS: usize = 8;
/// Residual of a singular pair, relative to its squared singular value, at which it is taken.
const RESIDUAL: f64 = 1e-9;

/// How an atom is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtomUpdate {
    /// By the leading pair of singular vectors of the residual without the atom, restricted to the signals that use it
    /// (Aharon, Elad & Bruckstein 2006).
    Exact,
    /// By one step of the power method towards it (Rubinstein, Zibulevsky & Elad 2008).
    #[default]
    Approximate,
}

/// Updates every atom that is used, in their order, with its coefficients: with `E = R_Ω + g dᵀ` the residual (|Ω| × m)
/// of the signals Ω that use atom d with coefficients g, minimizes `‖E − g dᵀ‖_F` over d of unit norm and g, and keeps
/// R = X − Γ D (N × m) true.
pub(super) fn update_atoms(
    how: AtomUpdate,
    atoms: &mut Array2<f64>,
    codes: &mut SparseCodes,
    residual: &mut Array2<f64>,
) {
    let uses = codes.uses(atoms.nrows());
    let length = atoms.ncols();
    let sparsity = codes.sparsity();
    let values = codes.values.as_slice_mut().expect("standard layout");
    let rows = residual.as_slice_mut().expect("standard layout");
    let mut work =
        Work { length, coefficients: Vec::new(), old: vec![0.0; length], new: vec![0.0; length], stack: Vec::new() };
    for (j, uses) in uses.iter().enumerate().filter(|(_, uses)| !uses.is_empty()) {
        let mut atom = atoms.row_mut(j);
        let atom = atom.as_slice_mut().expect("standard layout");
        work.coefficients.clear();
        work.coefficients.extend(uses.iter().map(|&(i, slot)| values[i as usize * sparsity + slot as usize]));
        work.old.copy_from_slice(atom);
        match how {
            AtomUpdate::Approximate => power_step(&mut work, rows, uses),
            AtomUpdate::Exact => leading_pair(&mut work, rows, uses),
        }
        let norm = work.new.iter().map(|x| x * x).sum::<f64>().sqrt();
        if !norm.is_normal() {
            continue;
        }
        work.new.iter_mut().for_each(|x| *x /= norm);
        replace(&mut work, rows, uses);
        atom.copy_from_slice(&work.new);
        for (&(i, slot), &value) in uses.iter().zip(&work.coefficients) {
            values[i as usize * sparsity + slot as usize] = value;
        }
    }
}

/// One atom in work.
struct Work {
    /// m.
    length: usize,
    /// g, one a use.
    coefficients: Vec<f64>,
    /// d before.
    old: Vec<f64>,
    /// d after, of any norm until it is used.
    new: Vec<f64>,
    /// E, one row a use.
    stack: Vec<f64>,
}

impl Work {
    fn range(&self, i: u32) -> std::ops::Range<usize> {
        let start = i as usize * self.length;
        start..start + self.length
    }
}

/// `d ← Eᵀ g`.
#[inline(always)]
fn power_step_portable(work: &mut Work, residual: &[f64], uses: &[Use]) {
    work.new.fill(0.0);
    let mut energy = 0.0;
    for (at, &(i, _)) in uses.iter().enumerate() {
        let g = work.coefficients[at];
        energy += g * g;
        let range = work.range(i);
        add(&mut work.new, g, &residual[range]);
    }
    add(&mut work.new, energy, &work.old);
}

/// `g ← E d` with the new d, and `R ← R + g_old d_oldᵀ − g dᵀ`.
#[inline(always)]
fn replace_portable(work: &mut Work, residual: &mut [f64], uses: &[Use]) {
    let overlap = dot(&work.old, &work.new);
    for (at, &(i, _)) in uses.iter().enumerate() {
        let before = work.coefficients[at];
        let row = &mut residual[work.range(i)];
        let after = dot(row, &work.new) + before * overlap;
        add_two(row, before, &work.old, -after, &work.new);
        work.coefficients[at] = after;
    }
}

/// `Eᵀ` (m × |Ω|) times g, into d.
#[inline(always)]
fn combine_portable(stack: &[f64], coefficients: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for (row, &g) in stack.chunks_exact(out.len()).zip(coefficients) {
        add(out, g, row);
    }
}

/// E times d, into g.
#[inline(always)]
fn correlate_portable(stack: &[f64], direction: &[f64], out: &mut [f64]) {
    for (out, row) in out.iter_mut().zip(stack.chunks_exact(direction.len())) {
        *out = dot(row, direction);
    }
}

/// The right singular vector d of E with the largest singular value, from `E Eᵀ` by Lanczos' iteration with full
/// reorthogonalization, begun with the coefficients so far and restarted with the best vector found.
fn leading_pair(work: &mut Work, residual: &[f64], uses: &[Use]) {
    let (m, count) = (work.length, uses.len());
    work.stack.clear();
    for (at, &(i, _)) in uses.iter().enumerate() {
        work.stack.extend_from_slice(&residual[work.range(i)]);
        add(&mut work.stack[at * m..], work.coefficients[at], &work.old);
    }
    let mut start = work.coefficients.clone();
    for _ in 0..RESTARTS {
        if !normalize(&mut start) {
            break;
        }
        let (next, settled) = lanczos(&work.stack, start, &mut work.new);
        start = next;
        if settled || count == 1 {
            break;
        }
    }
    combine(&work.stack, &start, &mut work.new);
}

/// The leading Ritz vector of `E Eᵀ` in the Krylov space of `start` (of unit norm), and whether it is an eigenvector to
/// the tolerance; `image` has room for m numbers.
fn lanczos(stack: &[f64], start: Vec<f64>, image: &mut [f64]) -> (Vec<f64>, bool) {
    let count = start.len();
    let most = KRYLOV.min(count);
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    let mut basis = vec![start];
    loop {
        let mut next = vec![0.0; count];
        combine(stack, &basis[basis.len() - 1], image);
        correlate(stack, image, &mut next);
        diagonal.push(inner(&next, &basis[basis.len() - 1]));
        // Twice is enough (Kahan and Parlett).
        for _ in 0..2 {
            for vector in &basis {
                let part = inner(&next, vector);
                add(&mut next, -part, vector);
            }
        }
        let size = inner(&next, &next).sqrt();
        let n = basis.len();
        if n == most || n % 4 == 0 || size <= RESIDUAL * diagonal[0] {
            let (value, ritz) = leading_of_tridiagonal(&diagonal, &beside);
            let settled = size * ritz[n - 1].abs() <= RESIDUAL * value;
            if settled || n == most {
                let mut vector = vec![0.0; count];
                basis.iter().zip(&ritz).for_each(|(b, &c)| add(&mut vector, c, b));
                return (vector, settled || count <= KRYLOV);
            }
        }
        beside.push(size);
        next.iter_mut().for_each(|x| *x /= size);
        basis.push(next);
    }
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, and its eigenvector.
fn leading_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> (f64, Vec<f64>) {
    let n = diagonal.len();
    let matrix = Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => beside[i.min(j)],
        _ => 0.0,
    });
    let (values, vectors) = dense::symmetric_eigen(&matrix).expect("a finite symmetric matrix has eigenvalues");
    (values[0], vectors.column(0).to_vec())
}

fn inner(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn normalize(x: &mut [f64]) -> bool {
    let norm = inner(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
    norm.is_normal()
}

widest! {
    fn power_step(work: &mut Work, residual: &[f64], uses: &[Use]) = power_step_portable
}
widest! {
    fn replace(work: &mut Work, residual: &mut [f64], uses: &[Use]) = replace_portable
}
widest! {
    fn combine(stack: &[f64], coefficients: &[f64], out: &mut [f64]) = combine_portable
}
widest! {
    fn correlate(stack: &[f64], direction: &[f64], out: &mut [f64]) = correlate_portable
}
