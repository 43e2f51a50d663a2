//! The Jacobian of the observations: the tangent and the adjoint of the very scheme that predicts, for blocks of
//! directions at once.
//!
//! With the balance `F(h_n, h_{n−1}, u) = 0` of every step, `M_n = −∂F/∂h_n = A + S/Δt_n`:
//!
//! - tangent: `M_n δh_n = ∂F/∂u δu + S/Δt_n δh_{n−1}`, forwards; `δo = Σ a_n δh_n + ∂o/∂u δu`;
//! - adjoint: `M_n ψ_n = a_nᵀ w + S/Δt_{n+1} ψ_{n+1}`, backwards; `G_uᵀ w = Σ (∂F/∂u)ᵀ ψ_n + (∂o/∂u)ᵀ w`.
//!
//! `∂F/∂u` is local: `ln C` of a face depends on its two cells alone, and what a face brings to one cell it takes from
//! the other, so that a cell's part of the adjoint is `Σ_faces C (∂ln C/∂u_c) (h_d − h_c) (ψ_c − ψ_d)`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, ShapeBuilder, s};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::linalg::rows::{Rows, add_scaled, for_each_row};
use crate::linalg::sparse::{PreparedSolver, even_width};
use crate::operator::LinearOperator;

use super::Groundwater;
use super::device::FaceKernels;
use super::property::State;
use super::reading::{Coefficient, gather, scatter};
use super::run::{Solvers, Trajectory};
use super::system::{CELLS_PER_TASK, Step, System};

/// Relative residual asked of sensitivities and adjoints.
const TOLERANCE: f64 = 1e-11;
/// The largest that is taken where rounding lets the residual fall no further: in a field of 18 decades of conductivity,
/// as an early step may be, it stays above 1e-6, and five digits of a derivative lead downhill as well as twelve.
const ACCEPTED: f64 = 1e-5;
/// Bytes of one block of directions (n × r).
const BLOCK_BYTES: usize = 128 << 20;

/// `∂o/∂u` at the state that it owns.
pub(super) struct Jacobian<'a> {
    pub(super) model: &'a Groundwater,
    /// What assembles on a device; the CPU without one.
    pub(super) faces: Option<FaceKernels<'a>>,
    pub(super) state: State,
    pub(super) solvers: Solvers<'a>,
    pub(super) trajectory: Trajectory,
    /// Coefficients of the free heads at the end of each step 0..=N.
    pub(super) by_head: Vec<Vec<Coefficient>>,
    /// Coefficients of the parameters.
    pub(super) by_parameter: Vec<Coefficient>,
    /// What a product could not say: [`LinearOperator::failure`] does.
    pub(super) failure: Mutex<Option<Error>>,
}

/// Derivatives of one step's balance at its heads.
pub(super) struct Balance<'a> {
    model: &'a Groundwater,
    state: &'a State,
    pub(super) system: &'a System,
    step: Step<'a>,
    heads: &'a [f64],
    /// What does the faces between cells; the CPU without one.
    kernels: Option<&'a FaceKernels<'a>>,
}

impl Balance<'_> {
    /// What the balance of a cell gains for a relative change of the conductance at each of its faces, `C (h_d − h_c)`,
    /// with the neighbour and the axis.
    fn flows(&self, cell: usize) -> impl Iterator<Item = (usize, usize, f64)> {
        let neighbours = self.state.neighbours(self.model.equations.geometry.strides, cell);
        neighbours.map(move |(d, axis, c)| (d, axis, c * (self.heads[d] - self.heads[cell])))
    }

    /// What a cell stores in the step \[m³/s\].
    fn stored(&self, cell: usize) -> f64 {
        self.state.storage[cell] * self.step.inverse * (self.heads[cell] - self.step.before[cell])
    }

    /// `∂F/∂u X`, rows of cells that are not free left at 0.
    fn tangent(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let n = self.heads.len();
        let mut out = match self.kernels {
            Some(kernels) => {
                let mut out = kernels.tangent(&self.weights(), x.slice(s![..n, ..]))?;
                self.system.mask(&mut out);
                out
            }
            None => self.tangent_of_faces(x),
        };
        for (input, column) in self.extra_columns() {
            for (cell, mut row) in out.rows_mut().into_iter().enumerate() {
                if self.system.is_free(cell) {
                    row.scaled_add(column[cell], &x.row(input));
                }
            }
        }
        if self.model.has_storage_field() {
            for (cell, mut row) in out.rows_mut().into_iter().enumerate() {
                if self.system.is_free(cell) {
                    row.scaled_add(-self.stored(cell), &x.row(n + cell));
                }
            }
        }
        for (cell, input, c) in self.elsewhere() {
            out.row_mut(cell).scaled_add(c, &x.row(input));
        }
        Ok(out)
    }

    /// What the faces between cells bring to it.
    pub(super) fn tangent_of_faces(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let x = Rows::of(&x);
        let mut out = Array2::zeros((self.heads.len(), x.width()));
        for_each_row(out.view_mut(), |cell, out| {
            if !self.system.is_free(cell) {
                return;
            }
            let mut own = 0.0;
            for (d, _, flow) in self.flows(cell) {
                own += flow * self.state.share(cell, d);
                add_scaled(out, flow * self.state.share(d, cell), x.row(d));
            }
            add_scaled(out, own, x.row(cell));
        });
        out
    }

    /// Adds `(∂F/∂u)ᵀ Ψ`; Ψ is 0 where cells are not free.
    fn adjoint(&self, psi: ArrayView2<'_, f64>, gradient: &mut ArrayViewMut2<'_, f64>) -> Result<()> {
        let (mut cells, mut extra) = gradient.view_mut().split_at(Axis(0), self.heads.len());
        match self.kernels {
            Some(kernels) => cells += &kernels.adjoint(&self.weights(), psi)?,
            None => self.adjoint_of_faces(psi, cells),
        }
        for (input, column) in self.extra_columns() {
            let mut row = extra.row_mut(input - self.heads.len());
            let column = ArrayView1::from(&column);
            for (psi, column) in
                psi.axis_chunks_iter(Axis(0), CELLS_PER_TASK).zip(column.axis_chunks_iter(Axis(0), CELLS_PER_TASK))
            {
                row += &psi.t().dot(&column);
            }
        }
        if self.model.has_storage_field() {
            for (cell, psi) in psi.rows().into_iter().enumerate() {
                extra.row_mut(cell).scaled_add(-self.stored(cell), &psi);
            }
        }
        for (cell, input, c) in self.elsewhere() {
            gradient.row_mut(input).scaled_add(c, &psi.row(cell));
        }
        Ok(())
    }

    /// Adds what the faces between cells bring to it.
    pub(super) fn adjoint_of_faces(&self, psi: ArrayView2<'_, f64>, cells: ArrayViewMut2<'_, f64>) {
        let psi = Rows::of(&psi);
        for_each_row(cells, |cell, out| {
            let mut all = 0.0;
            for (d, _, flow) in self.flows(cell) {
                let c = flow * self.state.share(cell, d);
                all += c;
                add_scaled(out, -c, psi.row(d));
            }
            add_scaled(out, all, psi.row(cell));
        });
    }

    /// `C (∂ln C/∂u_c) (h_d − h_c)` of the faces towards −x, +x, −y, … of every cell: 6 n, face by face.
    pub(super) fn weights(&self) -> Vec<f64> {
        let n = self.heads.len();
        let mut weights = vec![0.0; 6 * n];
        for cell in 0..n {
            for (d, axis, flow) in self.flows(cell) {
                weights[(2 * axis + usize::from(d > cell)) * n + cell] = flow * self.state.share(cell, d);
            }
        }
        weights
    }

    /// Columns of `∂F/∂u` of the parameters that all cells share.
    fn extra_columns(&self) -> Vec<(usize, Vec<f64>)> {
        let [storage, anisotropy] = self.model.extra_rows();
        let stored = |cell| -self.stored(cell) * self.state.storage_slope;
        let vertical = |cell| {
            let flows = self.flows(cell).filter(|(_, axis, _)| *axis == 2);
            flows.map(|(_, _, flow)| flow).sum::<f64>() * self.state.anisotropy_slope
        };
        let cells = 0..self.heads.len();
        let storage = storage.map(|input| (input, cells.clone().map(stored).collect()));
        let anisotropy = anisotropy.map(|input| (input, cells.map(vertical).collect()));
        storage.into_iter().chain(anisotropy).collect()
    }

    /// The entries of `∂F/∂u` beside the faces between cells: links to given heads, and rates that several cells share
    /// by transmissivity. (cell, parameter, derivative).
    fn elsewhere(&self) -> Vec<(usize, usize, f64)> {
        let mut entries = Vec::new();
        let [_, anisotropy] = self.model.extra_rows();
        for link in &self.system.links {
            let flow = link.conductance(self.state) * (link.head - self.heads[link.cell]);
            entries.push((link.cell, link.cell, flow * self.state.slope[link.cell]));
            if let (Some(input), true) = (anisotropy, link.vertical) {
                entries.push((link.cell, input, flow * self.state.anisotropy_slope));
            }
        }
        for well in self.system.rate_wells.iter().filter(|well| well.cells.len() > 1 && !well.common_head) {
            let (shares, rate) = (self.state.shares(&well.cells), self.step.rates[well.well]);
            for (&cell, own) in well.cells.iter().zip(&shares) {
                for (&input, share) in well.cells.iter().zip(&shares) {
                    let change = if cell == input { 1.0 - share } else { -share };
                    entries.push((cell, input, rate * own * change * self.state.slope[input]));
                }
            }
        }
        entries
    }
}

impl Jacobian<'_> {
    pub(super) fn balance<'b>(&'b self, n: usize, before: &'b [f64], heads: &'b [f64]) -> Balance<'b> {
        let equations = &self.model.equations;
        let steps = &equations.steps;
        let (system, inverse) = match &equations.initial {
            Some(initial) if n == 0 => (initial, 0.0),
            _ => (&equations.flow, steps.inverse(n)),
        };
        let step = Step { inverse, before, rates: steps.rates(n) };
        Balance { model: self.model, state: &self.state, system, step, heads, kernels: self.faces.as_ref() }
    }

    /// Solves a block, leaving out the columns that are 0.
    fn solve(&self, solver: &dyn PreparedSolver, mut block: Array2<f64>) -> Result<Array2<f64>> {
        let busy = busy_columns(block.view());
        if busy.is_empty() {
            return Ok(block);
        }
        if busy.len() == block.ncols() {
            return self.converged(solver, block.view());
        }
        let found = self.converged(solver, block.select(Axis(1), &busy).view())?;
        for (mut row, found) in block.rows_mut().into_iter().zip(found.rows()) {
            for (&column, &x) in busy.iter().zip(found) {
                row[column] = x;
            }
        }
        Ok(block)
    }

    fn converged(&self, solver: &dyn PreparedSolver, right: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let solved = solver.solve(right, TOLERANCE)?;
        if solved.converged || solved.residual <= ACCEPTED {
            return Ok(solved.x);
        }
        Err(Error::NoModel(format!(
            "the sensitivities of the heads have a relative residual of {:.1e} after {} iterations, not {TOLERANCE:.0e} \
             (tried: {})",
            solved.residual,
            solved.iterations,
            solver.description()
        )))
    }

    /// Number of kept states.
    fn segments(&self) -> usize {
        self.model.equations.steps.count().div_ceil(self.trajectory.every)
    }

    pub(super) fn states(&self, segment: usize) -> Result<Vec<Vec<f64>>> {
        self.model.equations.segment(&self.state, &self.solvers, &self.trajectory, segment)
    }

    /// `∂o/∂u X`.
    fn forward(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let equations = &self.model.equations;
        let mut out = Array2::zeros((self.rows(), x.ncols()));
        gather(&self.by_parameter, x, &mut out);
        let start = &self.trajectory.kept[0];
        let mut moved = match self.solvers.initial() {
            Some(solver) => self.solve(solver, self.balance(0, start, start).tangent(x)?)?,
            None => Array2::zeros((start.len(), x.ncols())),
        };
        gather(&self.by_head[0], moved.view(), &mut out);
        for segment in 0..self.segments() {
            let states = self.states(segment)?;
            for (local, pair) in states.windows(2).enumerate() {
                let n = segment * self.trajectory.every + local + 1;
                let mut right = self.balance(n, &pair[0], &pair[1]).tangent(x)?;
                self.add_storage(n, moved.view(), &mut right);
                equations.flow.mask(&mut right);
                moved = equations.with_solver(&self.state, &self.solvers, n, |solver| self.solve(solver, right))?;
                gather(&self.by_head[n], moved.view(), &mut out);
            }
        }
        Ok(out)
    }

    /// Columns of Y that weigh a head: the others need no equations.
    fn columns_with_heads(&self, y: ArrayView2<'_, f64>) -> Vec<usize> {
        let readings: BTreeSet<usize> = self.by_head.iter().flatten().map(|&(observation, ..)| observation).collect();
        let readings: Vec<usize> = readings.into_iter().collect();
        busy_columns(y.select(Axis(0), &readings).view())
    }

    /// What the heads bring to `(∂o/∂u)ᵀ Y`.
    fn backward(&self, y: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let equations = &self.model.equations;
        let mut gradient = Array2::zeros((self.cols(), y.ncols()));
        let mut psi = Array2::zeros((self.state.property.len(), y.ncols()));
        for segment in (0..self.segments()).rev() {
            let states = self.states(segment)?;
            for local in (0..states.len() - 1).rev() {
                let n = segment * self.trajectory.every + local + 1;
                let mut right = Array2::zeros(psi.dim());
                if n < equations.steps.count() {
                    self.add_storage(n + 1, psi.view(), &mut right);
                }
                scatter(&self.by_head[n], y, &mut right);
                psi = equations.with_solver(&self.state, &self.solvers, n, |solver| self.solve(solver, right))?;
                self.balance(n, &states[local], &states[local + 1]).adjoint(psi.view(), &mut gradient.view_mut())?;
            }
        }
        if let (Some(solver), Some(initial)) = (self.solvers.initial(), &equations.initial) {
            let start = &self.trajectory.kept[0];
            let mut right = Array2::zeros(psi.dim());
            self.add_storage(1, psi.view(), &mut right);
            scatter(&self.by_head[0], y, &mut right);
            initial.mask(&mut right);
            let psi = self.solve(solver, right)?;
            self.balance(0, start, start).adjoint(psi.view(), &mut gradient.view_mut())?;
        }
        Ok(gradient)
    }

    /// `out += S/Δt_n X`.
    fn add_storage(&self, n: usize, x: ArrayView2<'_, f64>, out: &mut Array2<f64>) {
        let inverse = self.model.equations.steps.inverse(n);
        if inverse == 0.0 {
            return;
        }
        for ((mut out, x), storage) in out.rows_mut().into_iter().zip(x.rows()).zip(&self.state.storage) {
            out.scaled_add(inverse * storage, &x);
        }
    }

    fn kept_failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the columns `out` what `work` finds for ranges of them: blocks of few columns side by side where solvers
    /// work on one thread and nothing is computed again for each, else one after the other as wide as memory allows. A
    /// failure leaves NaN and is kept.
    fn in_blocks(
        &self,
        mut out: Vec<ArrayViewMut1<'_, f64>>,
        work: impl Fn(Range<usize>) -> Result<Array2<f64>> + Sync,
    ) {
        let narrow = self.solvers.columns_of_a_task().filter(|_| self.trajectory.every == 1);
        let most = (BLOCK_BYTES / (size_of::<f64>() * self.cols())).clamp(16, 1024);
        let width = even_width(out.len(), narrow.unwrap_or(most));
        let block = |(number, out): (usize, &mut [ArrayViewMut1<'_, f64>])| {
            let first = number * width;
            match work(first..first + out.len()) {
                Ok(found) => out.iter_mut().zip(found.columns()).for_each(|(out, found)| *out += &found),
                Err(error) => {
                    self.kept_failure().get_or_insert(error);
                    out.iter_mut().for_each(|column| column.fill(f64::NAN));
                }
            }
        };
        match narrow {
            Some(_) => out.par_chunks_mut(width).enumerate().for_each(block),
            None => out.chunks_mut(width).enumerate().for_each(block),
        }
    }
}

/// Columns of a block that are not 0 throughout.
fn busy_columns(block: ArrayView2<'_, f64>) -> Vec<usize> {
    let mut busy = vec![false; block.ncols()];
    for row in block.rows() {
        busy.iter_mut().zip(row).for_each(|(busy, &x)| *busy |= x != 0.0);
    }
    (0..busy.len()).filter(|&column| busy[column]).collect()
}

impl LinearOperator for Jacobian<'_> {
    fn rows(&self) -> usize {
        self.model.readings.count()
    }
    fn cols(&self) -> usize {
        self.model.aquifer.inputs()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.apply_block(x.insert_axis(Axis(1))).remove_axis(Axis(1))
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.adjoint_block(y.insert_axis(Axis(1))).remove_axis(Axis(1))
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.nrows(), self.cols(), "one value a parameter");
        let mut out = Array2::zeros((self.rows(), x.ncols()));
        self.in_blocks(out.columns_mut().into_iter().collect(), |block| self.forward(x.slice(s![.., block])));
        out
    }
    /// The columns of the result are contiguous: they are rows of the Jacobian.
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(y.nrows(), self.rows(), "one value an observation");
        let mut gradient = Array2::zeros((self.cols(), y.ncols()).f());
        scatter(&self.by_parameter, y, &mut gradient);
        let columns = self.columns_with_heads(y);
        let mut of_heads: Vec<_> = gradient.columns_mut().into_iter().enumerate().collect();
        of_heads.retain(|(column, _)| columns.binary_search(column).is_ok());
        let of_heads = of_heads.into_iter().map(|(_, out)| out).collect();
        self.in_blocks(of_heads, |block| self.backward(y.select(Axis(1), &columns[block]).view()));
        gradient
    }
    fn failure(&self) -> Option<Error> {
        self.kept_failure().take()
    }
}
