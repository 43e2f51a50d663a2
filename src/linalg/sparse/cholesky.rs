//! Sparse Cholesky factorization, `P A Pᵀ = L Lᵀ`: beside `linalg::dense` the only file that names faer's types.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::perm::PermRef;
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::dissection;
use super::matrix::{GridMatrix, Unknowns};
use super::{PreparedSolver, Solved, even_width, largest_ratio};
use crate::error::{Error, Result};

/// Most right-hand sides that one task solves together.
const COLUMNS_PER_TASK: usize = 16;
/// Most steps of iterative refinement.
const REFINEMENTS: usize = 3;

/// Patterns that are remembered: of a steady state and of the steps after it.
const PATTERNS: usize = 2;

/// A factored system: faer's supernodal (for little fill, simplicial) factorization.
pub(crate) struct CholeskySolver {
    matrix: GridMatrix,
    unknowns: Unknowns,
    factor: Factor,
}

/// The factor L of a sparse matrix.
pub(super) struct Factor {
    analysis: Arc<Analysis>,
    values: Vec<f64>,
}

/// What the factors of all matrices of one pattern have in common: the fill-reducing ordering and where the entries are.
struct Analysis {
    starts: Vec<usize>,
    rows: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
}

/// Analyses of earlier factorizations, kept for matrices that differ from those in their numbers only: an analysis takes
/// from a fifth (nested dissection) to two thirds (minimum degree) of the time of a factorization.
#[derive(Clone, Default)]
pub struct Analyses(Arc<Mutex<Vec<Arc<Analysis>>>>);

impl fmt::Debug for Analyses {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Analyses")
    }
}

impl Analyses {
    /// The analysis of a pattern, for elimination in a given `order` or, without one, of minimum degree.
    fn of(&self, columns: &Columns, order: impl FnOnce() -> Option<Vec<usize>>) -> Result<Arc<Analysis>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.iter().find(|known| known.starts == columns.starts && known.rows == columns.rows) {
            return Ok(Arc::clone(found));
        }
        let n = columns.starts.len() - 1;
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &columns.starts, None, &columns.rows);
        let symbolic = match order() {
            None => factorize_symbolic_cholesky(pattern, Side::Upper, SymmetricOrdering::Amd, Default::default()),
            Some(order) => {
                let mut place = vec![0; n];
                order.iter().enumerate().for_each(|(at, &unknown)| place[unknown] = at);
                let order = SymmetricOrdering::Custom(PermRef::new_checked(&order, &place, n));
                let supernodal_flop_ratio_threshold = SupernodalThreshold::FORCE_SUPERNODAL;
                let params = CholeskySymbolicParams { supernodal_flop_ratio_threshold, ..Default::default() };
                factorize_symbolic_cholesky(pattern, Side::Upper, order, params)
            }
        };
        let symbolic = symbolic.map_err(|_| no_memory())?;
        let found = Arc::new(Analysis { starts: columns.starts.clone(), rows: columns.rows.clone(), symbolic });
        known.truncate(PATTERNS - 1);
        known.insert(0, Arc::clone(&found));
        Ok(found)
    }
}

/// The upper triangle of a symmetric matrix by compressed columns.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) starts: Vec<usize>,
    pub(super) rows: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl Columns {
    /// The upper triangle of `Sᵀ A S`.
    fn of(matrix: &GridMatrix, unknowns: &Unknowns) -> Self {
        let of_cell = unknowns.of_cell();
        let diagonal = of_cell.iter().zip(&matrix.diagonal).map(|(&unknown, &d)| (unknown, unknown, d));
        let between = matrix.conductance.iter().zip(matrix.strides()).flat_map(|(conductance, stride)| {
            let pairs = of_cell.iter().zip(&of_cell[stride.min(of_cell.len())..]);
            pairs.zip(conductance).filter(|(_, c)| **c != 0.0).map(|((&a, &b), &c)| {
                // Between two cells of one unknown both triangles of A fall on the diagonal.
                (a.min(b), a.max(b), if a == b { -2.0 * c } else { -c })
            })
        });
        Self::from_entries(unknowns.count(), diagonal.chain(between))
    }

    /// Of n columns, from entries (row, column, value), rows no larger than their columns; entries of one place are added
    /// in their order.
    pub(super) fn from_entries(n: usize, entries: impl Iterator<Item = (usize, usize, f64)> + Clone) -> Self {
        let mut ends = vec![0; n + 1];
        entries.clone().for_each(|(_, column, _)| ends[column + 1] += 1);
        (0..n).for_each(|column| ends[column + 1] += ends[column]);
        let mut sorted = vec![(0, 0.0); ends[n]];
        // The beginning of each column becomes, entry by entry, its end.
        for (row, column, value) in entries {
            sorted[ends[column]] = (row, value);
            ends[column] += 1;
        }
        let mut columns = Self {
            starts: Vec::with_capacity(n + 1),
            rows: Vec::with_capacity(sorted.len()),
            values: Vec::with_capacity(sorted.len()),
        };
        columns.starts.push(0);
        let mut start = 0;
        for &end in &ends[..n] {
            let column = &mut sorted[start..end];
            column.sort_by_key(|(row, _)| *row);
            for same in column.chunk_by(|a, b| a.0 == b.0) {
                columns.rows.push(same[0].0);
                columns.values.push(same.iter().map(|(_, value)| value).sum());
            }
            columns.starts.push(columns.rows.len());
            start = end;
        }
        columns
    }
}

fn no_memory() -> Error {
    Error::NoModel("there is not enough memory for the Cholesky factor of the grid's system".into())
}

impl Factor {
    /// Factors a matrix; `None` where it is not positive definite. `order` is that of the elimination, asked for where
    /// the pattern is new; where it gives none it is of minimum degree.
    pub(super) fn new(
        columns: &Columns,
        analyses: &Analyses,
        order: impl FnOnce() -> Option<Vec<usize>>,
    ) -> Result<Option<Self>> {
        let n = columns.starts.len() - 1;
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &columns.starts, None, &columns.rows);
        let analysis = analyses.of(columns, order)?;
        let symbolic = &analysis.symbolic;
        let mut values = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        let mut memory = MemBuffer::try_new(scratch).map_err(|_| no_memory())?;
        let factored = symbolic.factorize_numeric_llt(
            &mut values,
            SparseColMatRef::new(pattern, &columns.values),
            Side::Upper,
            Default::default(),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        );
        Ok(factored.is_ok().then_some(Self { analysis, values }))
    }

    /// `X ← A⁻¹ X` for a block in standard layout.
    pub(super) fn solve_in_place(&self, x: &mut Array2<f64>) {
        let (rows, columns) = x.dim();
        // A standard layout is a contiguous row-major block.
        let slice = x.as_slice_mut().expect("a block in standard layout");
        let scratch = self.analysis.symbolic.solve_in_place_scratch::<f64>(columns, Par::Seq);
        LltRef::new(&self.analysis.symbolic, &self.values).solve_in_place_with_conj(
            Conj::No,
            MatMut::from_row_major_slice_mut(slice, rows, columns),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
}

impl CholeskySolver {
    /// Factors `matrix`.
    pub(crate) fn new(matrix: GridMatrix, analyses: &Analyses) -> Result<Self> {
        let unknowns = Unknowns::new(&matrix);
        let order = || matrix.cells.contains(&1).then(|| dissection::order(matrix.cells, &unknowns));
        match Factor::new(&Columns::of(&matrix, &unknowns), analyses, order)? {
            Some(factor) => Ok(Self { matrix, unknowns, factor }),
            None => Err(Error::input(
                "system of the grid",
                "the matrix is not positive definite",
                "fix a head somewhere, or give storage: without either, heads are known up to a constant only",
            )),
        }
    }

    /// `(Sᵀ A S)⁻¹ B` spread to the cells.
    fn apply_inverse(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        by_columns(b, |b| {
            let mut merged = self.unknowns.gather(b);
            self.factor.solve_in_place(&mut merged);
            self.unknowns.spread(merged)
        })
    }
}

/// `X` of the shape of B, a task solving some of its columns: tasks of one size keep all threads at work to the end.
pub(super) fn by_columns(
    b: ArrayView2<'_, f64>,
    solve: impl Fn(ArrayView2<'_, f64>) -> Array2<f64> + Sync,
) -> Array2<f64> {
    if b.ncols() <= COLUMNS_PER_TASK {
        return solve(b);
    }
    let mut x = Array2::zeros(b.dim());
    let width = even_width(b.ncols(), COLUMNS_PER_TASK);
    let tasks: Vec<_> = x.axis_chunks_iter_mut(Axis(1), width).zip(b.axis_chunks_iter(Axis(1), width)).collect();
    tasks.into_par_iter().for_each(|(mut x, b)| x.assign(&solve(b)));
    x
}

impl PreparedSolver for CholeskySolver {
    fn solve(&self, b: ArrayView2<'_, f64>, tolerance: f64) -> Result<Solved> {
        assert_eq!(b.nrows(), self.matrix.len(), "rows of a right-hand side against {:?} cells", self.matrix.cells);
        let mut x = self.apply_inverse(b);
        let mut iterations = 0;
        loop {
            let defect = &b - &self.matrix.multiply_block(x.view());
            let residual = largest_ratio(&self.unknowns, defect.view(), b);
            let converged = residual <= tolerance;
            if converged || iterations == REFINEMENTS {
                return Ok(Solved { x, iterations, residual, converged });
            }
            x += &self.apply_inverse(defect.view());
            iterations += 1;
        }
    }

    fn columns_of_a_task(&self) -> Option<usize> {
        Some(COLUMNS_PER_TASK)
    }

    fn description(&self) -> String {
        let ties = self.matrix.len() - self.unknowns.count();
        let tied = if ties > 0 { format!(", {ties} cells tied") } else { String::new() };
        format!(
            "sparse Cholesky factorization of {} unknowns{tied}, {} numbers in the factor",
            self.unknowns.count(),
            self.factor.analysis.symbolic.len_val()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(factor: f64) -> GridMatrix {
        let along = |last: usize| (0..12).map(|c| if c % 4 == last { 0.0 } else { factor }).collect();
        let across = (0..12).map(|c| if c < 8 { 1.0 } else { 0.0 }).collect();
        let conductance = [along(3), across, vec![0.0; 12]];
        GridMatrix { cells: [4, 3, 1], diagonal: vec![4.0 * factor + 3.0; 12], conductance, ties: Vec::new() }
    }

    #[test]
    fn matrices_of_one_pattern_share_their_analysis_and_nothing_else() {
        let analyses = Analyses::default();
        let b = Array2::from_shape_fn((12, 2), |(i, j)| (i + 7 * j) as f64);
        let mut solvers = Vec::new();
        for factor in [1.0, 5.0] {
            let again = CholeskySolver::new(matrix(factor), &analyses).expect("positive definite");
            let alone = CholeskySolver::new(matrix(factor), &Analyses::default()).expect("positive definite");
            let solve = |solver: &CholeskySolver| solver.solve(b.view(), 1e-14).expect("solves").x;
            assert_eq!(solve(&again), solve(&alone));
            solvers.push(again);
        }
        assert!(Arc::ptr_eq(&solvers[0].factor.analysis, &solvers[1].factor.analysis));
        let mut other = matrix(1.0);
        other.conductance[0][0] = 0.0;
        let other = CholeskySolver::new(other, &analyses).expect("positive definite");
        assert!(!Arc::ptr_eq(&other.factor.analysis, &solvers[0].factor.analysis));
        assert_eq!(other.solve(b.view(), 1e-12).expect("solves").iterations, 0);
    }
}
