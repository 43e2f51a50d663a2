//! Conjugate gradients with the multigrid preconditioner on a device: f32 there, refined against the f64 residual here.
//!
//! Each round solves `A δ = b − A x` on the device and adds δ to x in f64. The device forms A x from differences,
//! `Σ a_cd (x_d − x_c) + s_c x_c` with the row sums s from f64: what rounding does to δ is then small against δ in every
//! cell, whatever the condition of A, and each round gains about seven digits of the solution, although the residual of
//! the first, rough as the rounding of x, may be large.
//!
//! The cycle is the CPU's, level by level, but for its end: a device waits longer for a kernel of few cells than it
//! computes, so that a larger level is the last here, solved by its inverse. What the CPU adds to the cycle for bodies
//! (`bodies.rs`) is left out: of bodies one cell wide at a contrast of 10⁶ the device takes more iterations.
//!
//! A right-hand side has step lengths of its own, ends its rounds on its own, and its sums run in an order that depends on
//! the number of cells alone: its solution has the same bytes whatever is solved beside it.

mod check;
mod definition;
mod hierarchy;
mod memory;
#[cfg(test)]
mod tests;
mod timing;

use std::sync::{Mutex, PoisonError};

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, CowArray, s};

use super::conjugate_gradients::{hierarchy as hierarchy_of, words};
use super::matrix::{GridMatrix, Unknowns};
use super::{PreparedSolver, Solved, largest, norms};
use crate::error::Result;
use crate::gpu::{Gpu, GpuError, Shader};

pub use check::{verify, verify_gradients, verify_multigrid};
use hierarchy::Uploaded;
use memory::{Memory, Round};
pub use timing::measure;

/// The kernels of the cycle, and the product with the operator.
const MULTIGRID: Shader =
    Shader { name: "linalg/multigrid", text: include_str!("../../../../shaders/linalg/multigrid.wgsl"), trusted: true };

/// The kernels of the vectors and scalars.
const GRADIENTS: Shader =
    Shader { name: "linalg/gradients", text: include_str!("../../../../shaders/linalg/gradients.wgsl"), trusted: true };

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;
/// Invocations of a workgroup that ends a sum.
const LANES: u32 = 256;
/// Invocations of a workgroup that relaxes lines, and the most layers that it can hold.
const LINES: u32 = 256;
/// Parts of each sum of the coarsest solution, and right-hand sides of one of its workgroups.
const PRODUCTS: [u32; 2] = [32, 8];
/// Most couplings that are stored of a cell: half of 26.
const OFFSETS: usize = 13;

/// The shaders of this room, each with the constants that its text takes from here.
pub fn shaders() -> Vec<(Shader, String)> {
    vec![(MULTIGRID, prelude()), (GRADIENTS, prelude())]
}

fn prelude() -> String {
    let [parts, columns] = PRODUCTS;
    let constants = [
        ("WORKGROUP", WORKGROUP),
        ("LANES", LANES),
        ("LINES", LINES),
        ("PARTS", parts),
        ("COLUMNS", columns),
        ("OFFSETS", OFFSETS as u32),
    ];
    constants.map(|(name, value)| format!("const {name}: u32 = {value}u;")).join("\n")
}

/// Most rounds of refinement.
const ROUNDS: usize = 8;
/// A round that leaves more than this of the residual, from the third on, is the last: the rest is rounding.
const STALLED: f64 = 0.5;
/// Relative residual that a round is asked for on the device: what f32 can tell.
const INNER: f64 = 1e-6;
/// The same, of the tolerance that is still to be gained: less would be wasted.
const MARGIN: f64 = 0.25;
/// Most iterations of a round.
const ITERATIONS: usize = 60;
/// Most cells of the level that is solved by its inverse: forming that on the host costs as much as a few solutions
/// gain by it.
const DIRECT_CELLS: usize = 512;
/// Right-hand sides that are solved at a time: as many as fill a device, while their vectors take little of its memory.
const COLUMNS: usize = 64;

/// A matrix whose hierarchy lies on a device.
pub(super) struct DeviceSolver<'g> {
    gpu: &'g Gpu,
    matrix: GridMatrix,
    unknowns: Unknowns,
    uploaded: Uploaded,
    /// Vectors for blocks of right-hand sides, by their number. One computation at a time uses them.
    memory: Mutex<Vec<Memory<'g>>>,
    description: String,
    /// Most right-hand sides at a time.
    columns: usize,
}

impl<'g> DeviceSolver<'g> {
    /// Builds the hierarchy of `matrix` in f64 and puts it on `gpu`.
    ///
    /// # Errors
    /// A matrix that is not positive definite; a device without room for it.
    pub(super) fn new(matrix: GridMatrix, gpu: &'g Gpu) -> Result<Self> {
        let unknowns = Unknowns::new(&matrix);
        let hierarchy = hierarchy_of(&matrix, DIRECT_CELLS)?;
        let uploaded = Uploaded::new(gpu, &matrix, &hierarchy)?;
        let device = &gpu.summary().name;
        let description = format!("{}, in f32 on {device}, refined in f64", words(&matrix, &hierarchy, 0));
        let most = gpu.max_binding() as usize / (size_of::<f32>() * matrix.len());
        let columns = most.clamp(1, COLUMNS);
        Ok(Self { gpu, unknowns, uploaded, memory: Mutex::default(), description, columns, matrix })
    }

    /// Solves the columns of a block; `clock` gathers the seconds on the device.
    fn solve_timed(&self, b: ArrayView2<'_, f64>, tolerance: f64, clock: Option<&mut f64>) -> Result<Solved> {
        assert_eq!(b.nrows(), self.matrix.len(), "rows of a right-hand side against {:?} cells", self.matrix.cells);
        let mut memories = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut x, mut clock) = (Array2::zeros(b.dim()), clock);
        let (mut iterations, mut ratio) = (0, 0.0);
        let mut most = self.columns;
        let mut first = 0;
        while first < b.ncols() {
            let rest = b.ncols() - first;
            let width = rest.div_ceil(rest.div_ceil(most));
            let memory = match self.memory_of(&mut memories, width) {
                // Half as many right-hand sides may have room.
                Err(GpuError::OutOfMemory { .. } | GpuError::TooLarge { .. }) if width > 1 => {
                    most = width.div_ceil(2);
                    continue;
                }
                found => found?,
            };
            let range = s![.., first..first + width];
            let (b, x) = (b.slice(range), x.slice_mut(range));
            let (taken, worst) = self.refine(memory, b, x, tolerance, clock.as_deref_mut())?;
            iterations = iterations.max(taken);
            ratio = largest([ratio, worst]);
            first += width;
        }
        Ok(Solved { x, iterations, residual: ratio, converged: ratio <= tolerance })
    }

    /// The vectors for `width` right-hand sides; those of other numbers make room for new ones.
    fn memory_of<'m>(&self, memories: &'m mut Vec<Memory<'g>>, width: usize) -> Result<&'m Memory<'g>, GpuError> {
        let found = memories.iter().position(|memory| memory.width() == width);
        let at = match found {
            Some(at) => at,
            None => {
                // One right-hand side takes little: it is kept beside a block.
                memories.retain(|memory| width == 1 || memory.width() == 1);
                memories.push(Memory::new(self.gpu, &self.uploaded, width)?);
                memories.len() - 1
            }
        };
        Ok(&memories[at])
    }

    /// One block, whose solutions x are zero before: the most iterations of a column, the largest relative residual.
    fn refine(
        &self,
        memory: &Memory<'g>,
        b: ArrayView2<'_, f64>,
        mut x: ArrayViewMut2<'_, f64>,
        tolerance: f64,
        mut clock: Option<&mut f64>,
    ) -> Result<(usize, f64)> {
        let mut taken = Array1::<usize>::zeros(b.ncols());
        let mut residual = CowArray::from(b);
        let sizes = norms(&self.unknowns, b);
        let mut ratios = sizes.mapv(|size| if size == 0.0 { 0.0 } else { 1.0 });
        let mut open: Vec<bool> = ratios.iter().map(|ratio| *ratio > tolerance).collect();
        for round in 0..ROUNDS {
            if !open.contains(&true) {
                break;
            }
            let goals: Vec<f64> = open
                .iter()
                .zip(&ratios)
                .map(|(open, ratio)| if *open { INNER.max(MARGIN * tolerance / ratio) } else { 1.0 })
                .collect();
            let problem = Round { residual: residual.view(), open: &open, goals: &goals };
            taken += &memory.solve(&self.uploaded, problem, x.view_mut(), clock.as_deref_mut())?;
            if residual.is_view() {
                residual = Array2::zeros(b.dim()).into();
            }
            self.matrix.residual_block(b, x.view(), residual.view_mut());
            let now = norms(&self.unknowns, residual.view()) / &sizes;
            for (column, open) in open.iter_mut().enumerate().filter(|(_, open)| **open) {
                let stalled = round > 1 && now[column] > STALLED * ratios[column];
                ratios[column] = now[column];
                *open = now[column] > tolerance && !stalled;
            }
        }
        Ok((taken.into_iter().max().unwrap_or(0), largest(ratios)))
    }
}

impl PreparedSolver for DeviceSolver<'_> {
    fn solve(&self, b: ArrayView2<'_, f64>, tolerance: f64) -> Result<Solved> {
        self.solve_timed(b, tolerance, None)
    }

    fn description(&self) -> String {
        self.description.clone()
    }
}
