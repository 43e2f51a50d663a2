//! One cycle: a symmetric positive definite approximation M of A⁻¹.
//!
//! On each level: one sweep of line relaxation, the residual restricted by Pᵀ, the coarse correction added by P, one
//! sweep in the reverse order. Where a level's correction is *repeated* (see [`Level::repeated`]), the next level is
//! gone through twice, the second time from what the first found: for the error that is the square of one cycle, so
//! that M stays symmetric and positive. What a high contrast leaves of slow errors adds up from level to level in a
//! V-cycle and does not when corrections are repeated (a W-cycle below the first coarse level; Trottenberg, Oosterlee
//! and Schüller 2001, Multigrid, §2.4). Vectors are interleaved: `[f64; L]` holds one cell of L right-hand sides.

use rayon::prelude::*;

use super::hierarchy::{Coarsest, Direct, Hierarchy, Level};
use super::relaxation::Sweep;

/// Numbers (cells times right-hand sides) below which a level is not worth being cut into tasks.
const PARALLEL_NUMBERS: usize = 1 << 13;

/// Right-hand side and solution of one level.
type Pair<const L: usize> = (Vec<[f64; L]>, Vec<[f64; L]>);

/// The vectors of all levels below the finest, and a residual on each.
pub(crate) struct Workspace<const L: usize> {
    /// Residual of each level that is relaxed.
    residuals: Vec<Vec<[f64; L]>>,
    /// Right-hand side and solution of each level below the finest.
    below: Vec<Pair<L>>,
    /// Whether slabs are given to threads.
    parallel: bool,
}

impl<const L: usize> Workspace<L> {
    /// Zeros for `hierarchy`.
    pub(crate) fn new(hierarchy: &Hierarchy, parallel: bool) -> Self {
        let zeros = |length: usize| vec![[0.0; L]; length];
        let residuals = hierarchy.levels.iter().map(|l| zeros(l.stencil.layout.len())).collect();
        let below = hierarchy.levels.iter().map(|l| l.interpolation.coarse.len()).map(|n| (zeros(n), zeros(n)));
        Self { residuals, below: below.collect(), parallel }
    }
}

impl Hierarchy {
    /// `x = M b` by one cycle.
    pub(crate) fn cycle<const L: usize>(&self, b: &[[f64; L]], x: &mut [[f64; L]], workspace: &mut Workspace<L>) {
        let parallel = workspace.parallel;
        let Workspace { residuals, below, .. } = workspace;
        descend(&self.levels, &self.coarsest, b, x, Sweep::FromZero, residuals, below, parallel);
    }
}

/// The cycle from the first of `levels` downwards; the `first` sweep says whether x is zero before.
#[expect(clippy::too_many_arguments, reason = "the parts of one equation, split level by level")]
fn descend<const L: usize>(
    levels: &[Level],
    coarsest: &Coarsest,
    b: &[[f64; L]],
    x: &mut [[f64; L]],
    first: Sweep,
    residuals: &mut [Vec<[f64; L]>],
    below: &mut [Pair<L>],
    parallel: bool,
) {
    let Some((level, levels)) = levels.split_first() else {
        return solve_coarsest(coarsest, b, x);
    };
    let (residual, residuals) = residuals.split_first_mut().expect("one residual a level");
    let ((coarse_b, coarse_x), below) = below.split_first_mut().expect("one pair of vectors a level");
    let Level { stencil, lines, interpolation, repeated } = level;
    let shared = parallel && stencil.layout.count() * L >= PARALLEL_NUMBERS;
    let slab = stencil.layout.slab();
    if first == Sweep::FromZero {
        x.fill([0.0; L]);
    }
    lines.relax(stencil, b, x, first, shared);
    for_each_slab(residual, slab, shared, |j, out| {
        out.copy_from_slice(&b[j * slab..(j + 1) * slab]);
        stencil.subtract_product(j, x, out);
    });
    for_each_slab(coarse_b, interpolation.coarse.slab(), shared, |j, out| {
        interpolation.restrict_slab(j, residual, out);
    });
    descend(levels, coarsest, coarse_b, coarse_x, Sweep::FromZero, residuals, below, parallel);
    if *repeated {
        descend(levels, coarsest, coarse_b, coarse_x, Sweep::Forward, residuals, below, parallel);
    }
    for_each_slab(x, slab, shared, |j, out| interpolation.add_slab(j, coarse_x, out));
    lines.relax(stencil, b, x, Sweep::Backward, shared);
}

/// Calls `f(j, slab j)`, on many threads where `shared`.
pub(crate) fn for_each_slab<T: Send>(values: &mut [T], slab: usize, shared: bool, f: impl Fn(usize, &mut [T]) + Sync) {
    if shared {
        values.par_chunks_mut(slab).enumerate().for_each(|(j, part)| f(j, part));
    } else {
        values.chunks_mut(slab).enumerate().for_each(|(j, part)| f(j, part));
    }
}

fn solve_coarsest<const L: usize>(coarsest: &Coarsest, b: &[[f64; L]], x: &mut [[f64; L]]) {
    let stencil = &coarsest.stencil;
    let factor = match &coarsest.solution {
        Direct::Line(lines) => {
            x.fill([0.0; L]);
            return lines.relax(stencil, b, x, Sweep::FromZero, false);
        }
        Direct::Dense(factor) => factor,
    };
    let layout = stencil.layout;
    let [nx, ny, nz] = layout.cells;
    let places: Vec<usize> = (0..ny * nz).flat_map(|row| (0..nx).map(move |i| row * layout.row() + 1 + i)).collect();
    let mut solution: Vec<[f64; L]> = places.iter().map(|&at| b[at]).collect();
    factor.solve(&mut solution);
    for (&at, solution) in places.iter().zip(solution) {
        x[at] = solution;
    }
}
