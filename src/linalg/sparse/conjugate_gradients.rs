//! Conjugate gradients preconditioned by one multigrid cycle, for many right-hand sides in lockstep.
//!
//! L right-hand sides are interleaved, so that a coefficient is read once for all of them; each column has its own
//! step lengths and stops on its own. Sums run slab by slab in a fixed order: results have the same bytes on any
//! number of threads, and do not depend on the other columns.
//!
//! Tied cells are held together by the orthogonal projection Π onto vectors that are constant on each tie: what is
//! solved is `Π A Π x = Π b` with the preconditioner `Π M Π`. In the matrix that M is built from, tied neighbours are
//! also joined by a large conductance, which Π A Π cannot see but which makes M treat them as one.
//!
//! The preconditioner is the cycle, and a correction by [`Bodies`] around it where there are any.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::bodies::Bodies;
use super::matrix::{GridMatrix, Unknowns};
use super::multigrid::cycle::{Workspace, for_each_slab};
use super::multigrid::hierarchy::Hierarchy;
use super::multigrid::stencil::{Layout, Stencil};
use super::{PreparedSolver, Solved, largest_ratio};
use crate::error::{Error, Result};

/// Most iterations between two computations of the true residual.
const ITERATIONS: usize = 200;
/// How often conjugate gradients start, the first time included, until the true residual is small enough.
const STARTS: usize = 3;
/// Most cells of the level that is solved by a dense factorization.
pub(super) const DIRECT_CELLS: usize = 160;
/// Conductance between tied neighbours in the preconditioner, in units of their diagonals.
const TIE_STRENGTH: f64 = 1e4;

/// A matrix with its hierarchy.
pub(crate) struct MultigridSolver {
    matrix: GridMatrix,
    unknowns: Unknowns,
    stencil: Stencil,
    ties: Vec<Vec<usize>>,
    hierarchy: Hierarchy,
    bodies: Bodies,
}

impl MultigridSolver {
    /// Builds the hierarchy of `matrix`.
    pub(crate) fn new(matrix: GridMatrix) -> Result<Self> {
        let unknowns = Unknowns::new(&matrix);
        let hierarchy = hierarchy(&matrix, DIRECT_CELLS)?;
        let stencil = Stencil::of_matrix(&matrix);
        let place = |&cell: &usize| place(stencil.layout, cell);
        let ties = matrix.ties.iter().filter(|tie| tie.len() > 1).map(|tie| tie.iter().map(place).collect()).collect();
        let bodies = Bodies::new(&matrix, |cell| self::place(stencil.layout, cell));
        Ok(Self { unknowns, stencil, ties, hierarchy, bodies, matrix })
    }

    /// `image = Π M Π r`, corrected by bodies; `rest` is scratch.
    fn precondition<const L: usize>(
        &self,
        r: &[[f64; L]],
        image: &mut [[f64; L]],
        rest: &mut Vec<[f64; L]>,
        workspace: &mut Workspace<L>,
    ) {
        if self.bodies.count() == 0 {
            self.hierarchy.cycle(r, image, workspace);
            return self.project(image);
        }
        rest.clear();
        rest.extend_from_slice(r);
        let levels = self.bodies.take(rest);
        self.hierarchy.cycle(rest, image, workspace);
        self.project(image);
        self.bodies.give(&levels, image);
    }

    /// Solves L columns at most.
    fn solve_lanes<const L: usize>(
        &self,
        b: ArrayView2<'_, f64>,
        tolerance: f64,
        parallel: bool,
    ) -> (Array2<f64>, usize) {
        let mut known = self.interleaved(b);
        self.project(&mut known);
        let mut gradients = Gradients::<L>::new(self, parallel);
        let mut iterations = 0;
        let goal = gradients.norms(&known).map(|norm| tolerance * norm);
        for _ in 0..STARTS {
            let taken = gradients.iterate(self, &known, goal);
            iterations += taken;
            if taken == 0 {
                break;
            }
        }
        let layout = self.stencil.layout;
        let x = Array2::from_shape_fn(b.dim(), |(cell, lane)| gradients.x[place(layout, cell)][lane]);
        (x, iterations)
    }

    fn interleaved<const L: usize>(&self, b: ArrayView2<'_, f64>) -> Vec<[f64; L]> {
        let layout = self.stencil.layout;
        let mut out = vec![[0.0; L]; layout.len()];
        for (cell, row) in b.rows().into_iter().enumerate() {
            for (to, from) in out[place(layout, cell)].iter_mut().zip(row) {
                *to = *from;
            }
        }
        out
    }

    /// `Π x`: tied cells get their mean.
    fn project<const L: usize>(&self, x: &mut [[f64; L]]) {
        for tie in &self.ties {
            let mean: [f64; L] =
                std::array::from_fn(|lane| tie.iter().map(|&at| x[at][lane]).sum::<f64>() / tie.len() as f64);
            tie.iter().for_each(|&at| x[at] = mean);
        }
    }
}

/// What preconditions conjugate gradients for `matrix`; its last level has at most `direct` cells.
pub(crate) fn hierarchy(matrix: &GridMatrix, direct: usize) -> Result<Hierarchy> {
    Hierarchy::new(Stencil::of_matrix(&joined(matrix)), direct).ok_or_else(|| {
        Error::input(
            "system of the grid",
            "the matrix is not positive definite",
            "fix a head somewhere, or give storage: without either, heads are known up to a constant only",
        )
    })
}

/// The method in words.
pub(crate) fn words(matrix: &GridMatrix, hierarchy: &Hierarchy, bodies: usize) -> String {
    let ties = matrix.ties.iter().filter(|tie| tie.len() > 1).count();
    let sizes: Vec<String> = hierarchy.sizes().map(|[nx, ny, nz]| format!("{nx} x {ny} x {nz}")).collect();
    let counted = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    format!(
        "conjugate gradients with a multigrid preconditioner, levels {}{}{}, {:.0} MB",
        sizes.join(", "),
        counted(bodies, "bodies"),
        counted(ties, "ties"),
        hierarchy.bytes() as f64 / 1e6
    )
}

/// Where a cell of a `GridMatrix` lies in a layout.
pub(crate) fn place(layout: Layout, cell: usize) -> usize {
    let [nx, ny, _] = layout.cells;
    layout.at(cell % nx, cell / nx % ny, cell / (nx * ny))
}

/// The matrix with tied neighbours joined, for the preconditioner.
fn joined(matrix: &GridMatrix) -> GridMatrix {
    let mut joined = matrix.clone();
    let mut tie_of = vec![usize::MAX; matrix.len()];
    for (index, tie) in matrix.ties.iter().enumerate() {
        tie.iter().for_each(|&cell| tie_of[cell] = index);
    }
    for &cell in matrix.ties.iter().flatten() {
        for (axis, stride) in matrix.strides().into_iter().enumerate() {
            let next = cell + stride;
            let inside = cell / stride % matrix.cells[axis] + 1 < matrix.cells[axis];
            if inside && tie_of[next] == tie_of[cell] {
                let strong = TIE_STRENGTH * matrix.diagonal[cell].max(matrix.diagonal[next]);
                joined.conductance[axis][cell] += strong;
                joined.diagonal[cell] += strong;
                joined.diagonal[next] += strong;
            }
        }
    }
    joined
}

/// The vectors of one run.
struct Gradients<const L: usize> {
    x: Vec<[f64; L]>,
    residual: Vec<[f64; L]>,
    direction: Vec<[f64; L]>,
    /// `M r`, then `A p`.
    image: Vec<[f64; L]>,
    /// What bodies leave of r; empty without any.
    rest: Vec<[f64; L]>,
    workspace: Workspace<L>,
    slab: usize,
    parallel: bool,
}

impl<const L: usize> Gradients<L> {
    fn new(solver: &MultigridSolver, parallel: bool) -> Self {
        let layout = solver.stencil.layout;
        let zeros = || vec![[0.0; L]; layout.len()];
        Self {
            x: zeros(),
            residual: zeros(),
            direction: zeros(),
            image: zeros(),
            rest: Vec::new(),
            workspace: Workspace::new(&solver.hierarchy, parallel),
            slab: layout.slab(),
            parallel,
        }
    }

    /// Inner products, slab by slab.
    fn dot(&self, a: &[[f64; L]], b: &[[f64; L]]) -> [f64; L] {
        let part = |(a, b): (&[[f64; L]], &[[f64; L]])| {
            let mut sum = [0.0; L];
            for (a, b) in a.iter().zip(b) {
                for lane in 0..L {
                    sum[lane] += a[lane] * b[lane];
                }
            }
            sum
        };
        let parts: Vec<[f64; L]> = if self.parallel {
            a.par_chunks(self.slab).zip(b.par_chunks(self.slab)).map(part).collect()
        } else {
            a.chunks(self.slab).zip(b.chunks(self.slab)).map(part).collect()
        };
        parts.iter().fold([0.0; L], |sum, part| std::array::from_fn(|lane| sum[lane] + part[lane]))
    }

    fn norms(&self, a: &[[f64; L]]) -> [f64; L] {
        self.dot(a, a).map(f64::sqrt)
    }

    /// Goes on from x until each column's residual is at most its `goal`; returns the iterations.
    fn iterate(&mut self, solver: &MultigridSolver, known: &[[f64; L]], goal: [f64; L]) -> usize {
        let (slab, parallel) = (self.slab, self.parallel);
        for_each_slab(&mut self.residual, slab, parallel, |j, out| {
            out.copy_from_slice(&known[j * slab..(j + 1) * slab]);
            solver.stencil.subtract_product(j, &self.x, out);
        });
        solver.project(&mut self.residual);
        let above = |norms: [f64; L]| -> [bool; L] { std::array::from_fn(|lane| norms[lane] > goal[lane]) };
        let mut active = above(self.norms(&self.residual));
        let mut previous = [0.0; L];
        let mut iterations = 0;
        while active.contains(&true) && iterations < ITERATIONS {
            solver.precondition(&self.residual, &mut self.image, &mut self.rest, &mut self.workspace);
            let product = self.dot(&self.residual, &self.image);
            let ratio = |above: f64, below: f64, active: bool| if active && below != 0.0 { above / below } else { 0.0 };
            let beta: [f64; L] = std::array::from_fn(|lane| ratio(product[lane], previous[lane], active[lane]));
            let image = &self.image;
            for_each_slab(&mut self.direction, slab, parallel, |j, out| {
                for (p, z) in out.iter_mut().zip(&image[j * slab..]) {
                    for lane in 0..L {
                        p[lane] = z[lane] + beta[lane] * p[lane];
                    }
                }
            });
            // −A p.
            let direction = &self.direction;
            for_each_slab(&mut self.image, slab, parallel, |j, out| {
                out.fill([0.0; L]);
                solver.stencil.subtract_product(j, direction, out);
            });
            solver.project(&mut self.image);
            let curvature = self.dot(&self.direction, &self.image).map(|c| -c);
            let alpha: [f64; L] = std::array::from_fn(|lane| ratio(product[lane], curvature[lane], active[lane]));
            let (direction, image) = (&self.direction, &self.image);
            let step = |out: &mut [[f64; L]], by: &[[f64; L]]| {
                for (out, by) in out.iter_mut().zip(by) {
                    for lane in 0..L {
                        out[lane] += alpha[lane] * by[lane];
                    }
                }
            };
            for_each_slab(&mut self.x, slab, parallel, |j, out| step(out, &direction[j * slab..]));
            for_each_slab(&mut self.residual, slab, parallel, |j, out| step(out, &image[j * slab..]));
            let still = above(self.norms(&self.residual));
            active = std::array::from_fn(|lane| active[lane] && still[lane]);
            previous = product;
            iterations += 1;
        }
        iterations
    }
}

impl PreparedSolver for MultigridSolver {
    fn solve(&self, b: ArrayView2<'_, f64>, tolerance: f64) -> Result<Solved> {
        assert_eq!(b.nrows(), self.matrix.len(), "rows of a right-hand side against {:?} cells", self.matrix.cells);
        let columns = b.ncols();
        let lanes = if columns > 4 {
            8
        } else if columns > 1 {
            4
        } else {
            1
        };
        let batches: Vec<ArrayView2<'_, f64>> = b.axis_chunks_iter(Axis(1), lanes).collect();
        let alone = batches.len() == 1;
        let solve = |b: ArrayView2<'_, f64>| match lanes {
            1 => self.solve_lanes::<1>(b, tolerance, alone),
            4 => self.solve_lanes::<4>(b, tolerance, alone),
            _ => self.solve_lanes::<8>(b, tolerance, alone),
        };
        let solutions: Vec<_> = batches.into_par_iter().map(solve).collect();
        let mut x = Array2::zeros(b.dim());
        for (batch, (part, _)) in solutions.iter().enumerate() {
            x.slice_mut(s![.., batch * lanes..batch * lanes + part.ncols()]).assign(part);
        }
        let iterations = solutions.iter().map(|(_, iterations)| *iterations).max().unwrap_or(0);
        let defect = &b - &self.matrix.multiply_block(x.view());
        let residual = largest_ratio(&self.unknowns, defect.view(), b);
        Ok(Solved { x, iterations, residual, converged: residual <= tolerance })
    }

    fn description(&self) -> String {
        words(&self.matrix, &self.hierarchy, self.bodies.count())
    }
}
