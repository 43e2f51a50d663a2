//! Sparse Cholesky factorization, `P A Pᵀ = L Lᵀ`: beside `linalg::dense` the only file that names faer's types.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::cholesky::{LltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::matrix::{GridMatrix, Unknowns};
use super::{PreparedSolver, Solved, largest_ratio};
use crate::error::{Error, Result};

/// Right-hand sides that one task solves together.
const COLUMNS_PER_TASK: usize = 16;
/// Most steps of iterative refinement.
const REFINEMENTS: usize = 3;

/// A factored system: faer's supernodal (for little fill, simplicial) factorization.
pub(crate) struct CholeskySolver {
    matrix: GridMatrix,
    unknowns: Unknowns,
    symbolic: SymbolicCholesky<usize>,
    values: Vec<f64>,
}

/// The upper triangle of `Sᵀ A S` by compressed columns.
struct Columns {
    starts: Vec<usize>,
    rows: Vec<usize>,
    values: Vec<f64>,
}

impl Columns {
    fn of(matrix: &GridMatrix, unknowns: &Unknowns) -> Self {
        let mut entries: Vec<Vec<(usize, f64)>> = vec![Vec::new(); unknowns.count()];
        let of_cell = unknowns.of_cell();
        for (cell, &d) in matrix.diagonal.iter().enumerate() {
            entries[of_cell[cell]].push((of_cell[cell], d));
        }
        for (conductance, stride) in matrix.conductance.iter().zip(matrix.strides()) {
            for (cell, &c) in conductance.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                let (a, b) = (of_cell[cell], of_cell[cell + stride]);
                // Between two cells of one unknown both triangles of A fall on the diagonal.
                let value = if a == b { -2.0 * c } else { -c };
                entries[a.max(b)].push((a.min(b), value));
            }
        }
        let mut columns = Self { starts: vec![0], rows: Vec::new(), values: Vec::new() };
        for mut column in entries {
            column.sort_by_key(|(row, _)| *row);
            for (row, value) in column {
                if columns.rows.len() > columns.starts[columns.starts.len() - 1] && columns.rows.last() == Some(&row) {
                    let last = columns.values.len() - 1;
                    columns.values[last] += value;
                } else {
                    columns.rows.push(row);
                    columns.values.push(value);
                }
            }
            columns.starts.push(columns.rows.len());
        }
        columns
    }
}

fn no_memory() -> Error {
    Error::NoModel("there is not enough memory for the Cholesky factor of the grid's system".into())
}

impl CholeskySolver {
    /// Factors `matrix`.
    pub(crate) fn new(matrix: GridMatrix) -> Result<Self> {
        let unknowns = Unknowns::new(&matrix);
        let n = unknowns.count();
        let columns = Columns::of(&matrix, &unknowns);
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &columns.starts, None, &columns.rows);
        let symbolic = factorize_symbolic_cholesky(pattern, Side::Upper, SymmetricOrdering::Amd, Default::default())
            .map_err(|_| no_memory())?;
        let mut values = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        let mut memory = MemBuffer::try_new(scratch).map_err(|_| no_memory())?;
        symbolic
            .factorize_numeric_llt(
                &mut values,
                SparseColMatRef::new(pattern, &columns.values),
                Side::Upper,
                Default::default(),
                Par::Seq,
                MemStack::new(&mut memory),
                Default::default(),
            )
            .map_err(|_| {
                Error::input(
                    "system of the grid",
                    "the matrix is not positive definite",
                    "fix a head somewhere, or give storage: without either, heads are known up to a constant only",
                )
            })?;
        Ok(Self { matrix, unknowns, symbolic, values })
    }

    /// `(Sᵀ A S)⁻¹ B` spread to the cells.
    fn apply_inverse(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut x = Array2::zeros(b.dim());
        let tasks: Vec<_> = x
            .axis_chunks_iter_mut(Axis(1), COLUMNS_PER_TASK)
            .zip(b.axis_chunks_iter(Axis(1), COLUMNS_PER_TASK))
            .collect();
        tasks.into_par_iter().for_each(|(mut x, b)| {
            let mut merged = self.unknowns.gather(b);
            let (rows, columns) = merged.dim();
            // A standard layout is a contiguous row-major block.
            let slice = merged.as_slice_mut().expect("gathered in standard layout");
            let scratch = self.symbolic.solve_in_place_scratch::<f64>(columns, Par::Seq);
            LltRef::new(&self.symbolic, &self.values).solve_in_place_with_conj(
                Conj::No,
                MatMut::from_row_major_slice_mut(slice, rows, columns),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
            );
            for (mut row, &unknown) in x.rows_mut().into_iter().zip(self.unknowns.of_cell()) {
                row.assign(&merged.row(unknown));
            }
        });
        x
    }
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

    fn description(&self) -> String {
        let ties = self.matrix.len() - self.unknowns.count();
        let tied = if ties > 0 { format!(", {ties} cells tied") } else { String::new() };
        format!(
            "sparse Cholesky factorization of {} unknowns{tied}, {} numbers in the factor",
            self.unknowns.count(),
            self.symbolic.len_val()
        )
    }
}
