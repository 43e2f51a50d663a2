//! The vectors of a block of right-hand sides on a device, and the dispatches of an iteration, recorded once.

use bytemuck::{Pod, Zeroable};
use ndarray::{Array1, ArrayView2, ArrayViewMut2};

use crate::gpu::{Batch, Buffer, Gpu, GpuError};
use crate::linalg::single;

use super::hierarchy::{Corrected, Last, Operator, Relaxed, Ties, Uploaded};
use super::{GRADIENTS, ITERATIONS, LINES, MULTIGRID, OFFSETS, PRODUCTS, WORKGROUP, prelude};

/// Iterations between two looks at the states.
const BATCH: usize = 4;
const _: () = assert!(BATCH.is_power_of_two());
/// Most threads of one right-hand side in a reduction.
const PARTS: usize = 16384;

/// What the kernels know of a level, as WGSL lays it out.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Shape {
    pub(super) cells: [u32; 4],
    pub(super) coarse: [u32; 4],
    pub(super) lines: [u32; 4],
    pub(super) counts: [u32; 4],
    pub(super) offsets: [[i32; 4]; OFFSETS],
}

/// One right-hand side, as WGSL lays it out.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable, Default, PartialEq)]
pub(super) struct State {
    pub(super) product: f32,
    pub(super) alpha: f32,
    pub(super) beta: f32,
    pub(super) goal: f32,
    pub(super) going: u32,
    pub(super) begun: u32,
    pub(super) taken: u32,
    pub(super) square: f32,
}

/// The vectors of a level: n R numbers each.
#[derive(Debug)]
struct Vectors {
    known: Buffer<f32>,
    x: Buffer<f32>,
    scratch: Buffer<f32>,
}

/// Dispatches of the kernels on buffers of one width.
pub(super) struct Kernels<'g> {
    pub(super) gpu: &'g Gpu,
    pub(super) width: usize,
    prelude: String,
}

/// The vectors of `width` right-hand sides.
pub(super) struct Memory<'g> {
    kernels: Kernels<'g>,
    solution: Buffer<f32>,
    residual: Buffer<f32>,
    states: Buffer<State>,
    /// [`BATCH`] iterations.
    iterations: Batch<'g>,
}

/// A round of refinement.
#[derive(Clone, Copy)]
pub(super) struct Round<'a> {
    /// What is left of the right-hand sides (n × r).
    pub(super) residual: ArrayView2<'a, f64>,
    /// The columns that are solved for.
    pub(super) open: &'a [bool],
    /// Relative residual that each is solved to.
    pub(super) goals: &'a [f64],
}

/// Threads of one right-hand side in a reduction over n cells: a function of n alone, as the order of sums must be.
pub(super) fn parts(cells: usize) -> usize {
    cells.min(PARTS)
}

fn groups(threads: usize) -> [u64; 3] {
    [(threads as u64).div_ceil(u64::from(WORKGROUP)), 1, 1]
}

impl<'g> Kernels<'g> {
    pub(super) fn new(gpu: &'g Gpu, width: usize) -> Self {
        Self { gpu, width, prelude: prelude() }
    }

    fn shape(&self, cells: [usize; 3]) -> Shape {
        let [nx, ny, nz] = cells.map(|count| count as u32);
        let parts = parts(cells.iter().product()) as u32;
        Shape {
            cells: [nx, ny, nz, self.width as u32],
            coarse: [1; 4],
            lines: [0; 4],
            counts: [0, 0, parts, 0],
            offsets: [[0; 4]; OFFSETS],
        }
    }

    fn shape_of(&self, operator: &Operator) -> Shape {
        let mut shape = self.shape(operator.cells);
        shape.counts[0] = operator.count as u32;
        shape.counts[1] = operator.vertical as u32;
        shape.offsets = operator.offsets;
        shape
    }

    fn uniform(&self, shape: Shape) -> Result<Buffer<Shape>, GpuError> {
        self.gpu.uniform("shape of a level", shape)
    }

    fn numbers(&self, cells: [usize; 3]) -> usize {
        cells.iter().product::<usize>() * self.width
    }

    /// Relaxes the lines of one colour (parities of i and j).
    pub(super) fn relax(
        &self,
        batch: &mut Batch<'g>,
        level: &Relaxed,
        colour: [usize; 2],
        [known, x, scratch]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let Relaxed { operator, inverse_pivots } = level;
        let mut shape = self.shape_of(operator);
        let lines = [0, 1].map(|axis| (operator.cells[axis] + 1 - colour[axis]) / 2);
        shape.lines = [colour[0], colour[1], lines[0], lines[1]].map(|number| number as u32);
        let shape = self.uniform(shape)?;
        let bindings = [
            shape.bind(),
            operator.couplings.bind(),
            operator.surplus.bind(),
            x.bind(),
            known.bind(),
            inverse_pivots.bind(),
            scratch.bind(),
        ];
        let lines = lines[0] * lines[1] * self.width;
        let layers = operator.cells[2];
        if layers == 1 || layers > LINES as usize {
            batch.dispatch(&MULTIGRID, "relax", &self.prelude, &bindings, groups(lines))?;
        } else {
            let [bindings @ .., _] = bindings;
            let groups = [lines.div_ceil(LINES as usize / layers) as u64, 1, 1];
            batch.dispatch(&MULTIGRID, "relax_together", &self.prelude, &bindings, groups)?;
        }
        Ok(())
    }

    /// `rest = known − A x`.
    pub(super) fn residual(
        &self,
        batch: &mut Batch<'g>,
        operator: &Operator,
        [known, x, rest]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape_of(operator))?;
        let bindings =
            [shape.bind(), operator.couplings.bind(), operator.surplus.bind(), x.bind(), known.bind(), rest.bind()];
        batch.dispatch(&MULTIGRID, "residual", &self.prelude, &bindings, groups(self.numbers(operator.cells)))?;
        Ok(())
    }

    /// `image = A x`, and the parts of `xᵀ A x`.
    pub(super) fn product(
        &self,
        batch: &mut Batch<'g>,
        operator: &Operator,
        [x, image, partial]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape_of(operator))?;
        let bindings =
            [shape.bind(), operator.couplings.bind(), operator.surplus.bind(), x.bind(), image.bind(), partial.bind()];
        let threads = parts(operator.cells.iter().product()) * self.width;
        batch.dispatch(&MULTIGRID, "product", &self.prelude, &bindings, groups(threads))?;
        Ok(())
    }

    fn shape_between(&self, level: &Corrected) -> Result<Buffer<Shape>, GpuError> {
        let mut shape = self.shape(level.level.operator.cells);
        let ([cx, cy, _], [fx, fy]) = (level.coarse, level.factor);
        shape.coarse = [cx, cy, fx, fy].map(|number| number as u32);
        self.uniform(shape)
    }

    /// `coarse_known = Pᵀ fine`, `coarse_x = 0`.
    pub(super) fn gather(
        &self,
        batch: &mut Batch<'g>,
        level: &Corrected,
        [fine, coarse_known, coarse_x]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let shape = self.shape_between(level)?;
        let bindings = [shape.bind(), level.weights.bind(), fine.bind(), coarse_known.bind(), coarse_x.bind()];
        batch.dispatch(&MULTIGRID, "gather", &self.prelude, &bindings, groups(self.numbers(level.coarse)))?;
        Ok(())
    }

    /// `x += P correction`.
    pub(super) fn scatter(
        &self,
        batch: &mut Batch<'g>,
        level: &Corrected,
        [correction, x]: [&Buffer<f32>; 2],
    ) -> Result<(), GpuError> {
        let shape = self.shape_between(level)?;
        let bindings = [shape.bind(), level.weights.bind(), correction.bind(), x.bind()];
        let threads = groups(self.numbers(level.level.operator.cells));
        batch.dispatch(&MULTIGRID, "scatter", &self.prelude, &bindings, threads)?;
        Ok(())
    }

    /// `x = inverse · known`.
    pub(super) fn coarsest(
        &self,
        batch: &mut Batch<'g>,
        cells: [usize; 3],
        [inverse, known, x]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape(cells))?;
        let bindings = [shape.bind(), inverse.bind(), known.bind(), x.bind()];
        let [rows, blocks] = [cells.iter().product(), self.width.div_ceil(PRODUCTS[1] as usize)];
        batch.dispatch(&MULTIGRID, "coarsest", &self.prelude, &bindings, [(rows * blocks) as u64, 1, 1])?;
        Ok(())
    }

    /// Parts of `rᵀ z` and of `rᵀ r`.
    pub(super) fn inner(
        &self,
        batch: &mut Batch<'g>,
        cells: [usize; 3],
        [r, z, partial]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape(cells))?;
        let threads = parts(cells.iter().product()) * self.width;
        let bindings = [shape.bind(), r.bind(), z.bind(), partial.bind()];
        batch.dispatch(&GRADIENTS, "inner", &self.prelude, &bindings, groups(threads))?;
        Ok(())
    }

    /// `"begin"` or `"step"`: ends sums and sets the scalars.
    pub(super) fn scalars(
        &self,
        batch: &mut Batch<'g>,
        entry: &str,
        cells: [usize; 3],
        partial: &Buffer<f32>,
        states: &Buffer<State>,
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape(cells))?;
        let bindings = [shape.bind(), partial.bind(), states.bind()];
        batch.dispatch(&GRADIENTS, entry, &self.prelude, &bindings, [self.width as u64, 1, 1])?;
        Ok(())
    }

    /// `p = z + β p`.
    pub(super) fn advance(
        &self,
        batch: &mut Batch<'g>,
        cells: [usize; 3],
        states: &Buffer<State>,
        [z, p]: [&Buffer<f32>; 2],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape(cells))?;
        let bindings = [shape.bind(), states.bind(), z.bind(), p.bind()];
        batch.dispatch(&GRADIENTS, "advance", &self.prelude, &bindings, groups(self.numbers(cells)))?;
        Ok(())
    }

    /// `x += α p`, `r −= α A p`, `z = 0`.
    pub(super) fn update(
        &self,
        batch: &mut Batch<'g>,
        cells: [usize; 3],
        states: &Buffer<State>,
        [p, image, x, r, z]: [&Buffer<f32>; 5],
    ) -> Result<(), GpuError> {
        let shape = self.uniform(self.shape(cells))?;
        let bindings = [shape.bind(), states.bind(), p.bind(), image.bind(), x.bind(), r.bind(), z.bind()];
        batch.dispatch(&GRADIENTS, "update", &self.prelude, &bindings, groups(self.numbers(cells)))?;
        Ok(())
    }

    /// Tied cells get their mean.
    pub(super) fn project(
        &self,
        batch: &mut Batch<'g>,
        cells: [usize; 3],
        ties: Option<&Ties>,
        x: &Buffer<f32>,
    ) -> Result<(), GpuError> {
        let Some(ties) = ties else { return Ok(()) };
        let mut shape = self.shape(cells);
        shape.counts[3] = ties.count as u32;
        let shape = self.uniform(shape)?;
        let bindings = [shape.bind(), ties.starts.bind(), ties.cells.bind(), x.bind()];
        batch.dispatch(&GRADIENTS, "project", &self.prelude, &bindings, groups(ties.count * self.width))?;
        Ok(())
    }

    fn vectors(&self, cells: [usize; 3]) -> Result<Vectors, GpuError> {
        let zeros = |label: &str| self.gpu.zeros(label, self.numbers(cells));
        Ok(Vectors {
            known: zeros("right-hand sides of a level")?,
            x: zeros("solutions of a level")?,
            scratch: zeros("residuals of a level")?,
        })
    }
}

/// The colours of the sweep before the coarse correction; the sweep after it reverses them.
pub(super) const COLOURS: [[usize; 2]; 4] = [[0, 0], [1, 0], [0, 1], [1, 1]];

/// A cycle: what is on the device, and the vectors of each level below the finest.
struct Cycle<'a, 'g> {
    kernels: &'a Kernels<'g>,
    uploaded: &'a Uploaded,
    vectors: &'a [Vectors],
}

impl<'g> Cycle<'_, 'g> {
    /// Goes on from `x` on the level of that number, the finest being 0, whose vectors are given.
    fn record(
        &self,
        batch: &mut Batch<'g>,
        number: usize,
        [known, x, scratch]: [&Buffer<f32>; 3],
    ) -> Result<(), GpuError> {
        let Self { kernels, uploaded, vectors } = self;
        let Some(level) = uploaded.levels.get(number) else {
            return match &uploaded.last {
                Last::Inverse { cells, inverse } => kernels.coarsest(batch, *cells, [inverse, known, x]),
                Last::Line(level) => kernels.relax(batch, level, COLOURS[0], [known, x, scratch]),
            };
        };
        for colour in COLOURS {
            kernels.relax(batch, &level.level, colour, [known, x, scratch])?;
        }
        kernels.residual(batch, &level.level.operator, [known, x, scratch])?;
        let below = &vectors[number];
        kernels.gather(batch, level, [scratch, &below.known, &below.x])?;
        let first = batch.len();
        self.record(batch, number + 1, [&below.known, &below.x, &below.scratch])?;
        if level.repeated {
            batch.repeat(first);
        }
        kernels.scatter(batch, level, [&below.x, x])?;
        for colour in COLOURS.into_iter().rev() {
            kernels.relax(batch, &level.level, colour, [known, x, scratch])?;
        }
        Ok(())
    }
}

impl<'g> Memory<'g> {
    /// Vectors for `width` right-hand sides of what is uploaded.
    pub(super) fn new(gpu: &'g Gpu, uploaded: &Uploaded, width: usize) -> Result<Self, GpuError> {
        let kernels = Kernels::new(gpu, width);
        let cells = uploaded.operator.cells;
        let vector = |label: &str| gpu.zeros::<f32>(label, kernels.numbers(cells));
        let [solution, residual, direction] = [vector("solutions")?, vector("residuals")?, vector("directions")?];
        let [image, preconditioned] = [vector("images of directions")?, vector("preconditioned residuals")?];
        let partial = gpu.zeros("parts of sums", 2 * parts(cells.iter().product()) * width)?;
        let states = gpu.zeros("states of right-hand sides", width)?;
        let below = uploaded.levels.iter().map(|level| kernels.vectors(level.coarse));
        let vectors = below.collect::<Result<Vec<_>, _>>()?;
        let ties = uploaded.ties.as_ref();
        let mut batch = gpu.batch();
        // A p is not needed any more: its place serves the cycle.
        let cycle = Cycle { kernels: &kernels, uploaded, vectors: &vectors };
        cycle.record(&mut batch, 0, [&residual, &preconditioned, &image])?;
        kernels.project(&mut batch, cells, ties, &preconditioned)?;
        kernels.inner(&mut batch, cells, [&residual, &preconditioned, &partial])?;
        kernels.scalars(&mut batch, "begin", cells, &partial, &states)?;
        kernels.advance(&mut batch, cells, &states, [&preconditioned, &direction])?;
        kernels.product(&mut batch, &uploaded.operator, [&direction, &image, &partial])?;
        kernels.project(&mut batch, cells, ties, &image)?;
        kernels.scalars(&mut batch, "step", cells, &partial, &states)?;
        kernels.update(&mut batch, cells, &states, [&direction, &image, &solution, &residual, &preconditioned])?;
        for _ in 0..BATCH.ilog2() {
            batch.repeat(0);
        }
        Ok(Self { kernels, solution, residual, states, iterations: batch })
    }

    /// Number of right-hand sides.
    pub(super) fn width(&self) -> usize {
        self.kernels.width
    }

    /// Solves `A δ = r` for the open columns and adds δ to those of x (n × r); the iterations of each.
    pub(super) fn solve(
        &self,
        uploaded: &Uploaded,
        Round { residual, open, goals }: Round<'_>,
        x: ArrayViewMut2<'_, f64>,
        mut clock: Option<&mut f64>,
    ) -> Result<Array1<usize>, GpuError> {
        let gpu = self.kernels.gpu;
        let projected = uploaded.projected(residual);
        let mut sizes = single::sizes(projected.view());
        gpu.write(&self.residual, &single::rounded(projected.view(), &sizes))?;
        let start = |(&open, &goal): (&bool, &f64)| State {
            goal: (goal * goal) as f32,
            going: u32::from(open),
            ..State::default()
        };
        let mut states: Vec<State> = open.iter().zip(goals).map(start).collect();
        gpu.write(&self.states, &states)?;
        for _ in 0..ITERATIONS / BATCH {
            match clock.as_deref_mut() {
                Some(clock) => *clock += self.iterations.time()?,
                None => self.iterations.run()?,
            }
            states = gpu.read(&self.states)?;
            if states.iter().all(|state| state.going == 0) {
                break;
            }
        }
        // A closed column stands still: its δ is 0.
        sizes.iter_mut().for_each(|size| *size /= uploaded.unit);
        gpu.read_with(&self.solution, |found| single::add(x, found, &sizes))?;
        Ok(states.iter().map(|state| state.taken as usize).collect())
    }
}
