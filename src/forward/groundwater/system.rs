//! One system of equations: which heads are free, which are given, what flows in; its residual, matrix and solution.
//!
//! For every free cell c, with neighbours d and links f to given heads,
//! `Σ_d C_cd (h_d − h_c) + Σ_f C_f (H_f − h_c) + q_c = S_c (h_c − h_c^{old}) / Δt`.

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::linalg::sparse::{GridMatrix, PreparedSolver, largest};

use super::property::{Geometry, State};

/// Cells that one task works on: fixed, so that results do not depend on the number of threads.
pub(super) const CELLS_PER_TASK: usize = 4096;

/// What a cell's head is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// An unknown.
    Free,
    /// Nothing: the cell takes no part.
    Inactive,
    /// Given \[m\], by this boundary or well.
    Fixed { head: f64, owner: usize },
}

/// Conductance from a cell to a given head: half a cell to a face, or a bore.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) cell: usize,
    /// Conductance a property; for vertical links times Kv/Kh.
    pub(super) factor: f64,
    pub(super) vertical: bool,
    /// The given head \[m\].
    pub(super) head: f64,
    /// The boundary or well.
    pub(super) owner: usize,
}

impl Link {
    /// Its conductance \[m²/s\].
    pub(super) fn conductance(&self, state: &State) -> f64 {
        self.factor * state.property[self.cell] * if self.vertical { state.anisotropy } else { 1.0 }
    }
}

/// A given rate into a cell \[m³/s\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Source {
    pub(super) cell: usize,
    pub(super) rate: f64,
    /// The boundary.
    pub(super) owner: usize,
}

/// Boundaries, and wells where they are on, as the cells meet them. Owners count boundaries first, then wells.
#[derive(Debug, Clone)]
pub(super) struct System {
    pub(super) roles: Vec<Role>,
    /// In order of their cells.
    pub(super) links: Vec<Link>,
    pub(super) sources: Vec<Source>,
    /// Wells of a given rate, by number, with their cells; those of a common head are one unknown.
    pub(super) rate_wells: Vec<RateWell>,
}

/// A well of a given rate.
#[derive(Debug, Clone)]
pub(super) struct RateWell {
    pub(super) well: usize,
    pub(super) cells: Vec<usize>,
    pub(super) common_head: bool,
}

/// One step of implicit Euler; steady flow is a step with `inverse = 0`.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// 1/Δt \[1/s\].
    pub(super) inverse: f64,
    /// Heads at its beginning \[m\], n.
    pub(super) before: &'a [f64],
    /// Rate of each well of the model \[m³/s\]; those of constant head are not looked at.
    pub(super) rates: &'a [f64],
}

/// How far heads may be from the solution: the last correction, for each metre of their range and never less than one
/// metre's.
const HEAD_TOLERANCE: f64 = 1e-10;
/// The same, where rounding lets corrections fall no further.
const HEAD_ROUNDING: f64 = 1e-7;
/// Most rounds of solving for the correction of what the fluxes do not balance yet.
const ROUNDS: usize = 6;
/// Relative residual asked of the first round and of corrections.
const FIRST_ROUND: f64 = 1e-10;
const CORRECTION: f64 = 1e-3;
/// Relative residual of a correction that has the size of the error.
const CORRECTED: f64 = 0.1;

impl System {
    /// Whether the head of a cell is an unknown.
    pub(super) fn is_free(&self, cell: usize) -> bool {
        self.roles[cell] == Role::Free
    }

    /// The bores whose cells are one unknown.
    fn ties(&self) -> impl Iterator<Item = &RateWell> {
        self.rate_wells.iter().filter(|well| well.common_head && well.cells.len() > 1)
    }

    /// The matrix of the free heads, `A + S/Δt`; other cells are rows of their own.
    pub(super) fn matrix(&self, geometry: &Geometry, state: &State, inverse: f64) -> GridMatrix {
        let diagonal = (0..geometry.len()).map(|cell| {
            if !self.is_free(cell) {
                return 1.0;
            }
            let around: f64 = state.neighbours(geometry.strides, cell).map(|(_, _, conductance)| conductance).sum();
            around + inverse * state.storage[cell]
        });
        let mut diagonal: Vec<f64> = diagonal.collect();
        for link in &self.links {
            diagonal[link.cell] += link.conductance(state);
        }
        let conductance = std::array::from_fn(|axis| {
            let between = |(cell, &c): (usize, &f64)| {
                if c > 0.0 && self.is_free(cell) && self.is_free(cell + geometry.strides[axis]) { c } else { 0.0 }
            };
            state.faces[axis].iter().enumerate().map(between).collect()
        });
        let ties = self.ties().map(|well| well.cells.clone()).collect();
        GridMatrix { cells: geometry.grid.cells, diagonal, conductance, ties }
    }

    /// What flows into each free cell and is not stored there \[m³/s\]: 0 at the solution. Formed from differences of
    /// heads, it is far more exact than `b − A h`.
    pub(super) fn residual(&self, geometry: &Geometry, state: &State, step: Step<'_>, heads: &[f64]) -> Vec<f64> {
        let mut residual: Vec<f64> = (0..geometry.len())
            .into_par_iter()
            .with_min_len(CELLS_PER_TASK)
            .map(|cell| {
                if !self.is_free(cell) {
                    return 0.0;
                }
                let inflow: f64 =
                    state.neighbours(geometry.strides, cell).map(|(d, _, c)| c * (heads[d] - heads[cell])).sum();
                inflow - state.storage[cell] * step.inverse * (heads[cell] - step.before[cell])
            })
            .collect();
        for link in &self.links {
            residual[link.cell] += link.conductance(state) * (link.head - heads[link.cell]);
        }
        for source in &self.sources {
            residual[source.cell] += source.rate;
        }
        for well in &self.rate_wells {
            for (cell, share) in well.cells.iter().zip(self.shares(state, well)) {
                residual[*cell] += step.rates[well.well] * share;
            }
        }
        residual
    }

    /// Shares of a well's rate by cell. Cells of one head are one unknown, where it does not matter which gets it.
    pub(super) fn shares(&self, state: &State, well: &RateWell) -> Vec<f64> {
        state.shares(&well.cells)
    }

    /// Heads to start from: the given ones, elsewhere `heads`, made one in every bore of a common head.
    fn start(&self, heads: &[f64]) -> Vec<f64> {
        let mut start: Vec<f64> = self
            .roles
            .iter()
            .zip(heads)
            .map(|(role, &before)| match role {
                Role::Free => before,
                Role::Inactive => 0.0,
                Role::Fixed { head, .. } => *head,
            })
            .collect();
        for well in self.ties() {
            let mean = well.cells.iter().map(|&cell| start[cell]).sum::<f64>() / well.cells.len() as f64;
            well.cells.iter().for_each(|&cell| start[cell] = mean);
        }
        start
    }

    /// The heads at the end of a step: corrected by `A δ = residual` until δ is small in metres, so that the result does
    /// not depend on how a solver measures its residual.
    ///
    /// # Errors
    /// [`Error::NoModel`] where the corrections do not become small.
    pub(super) fn solve(
        &self,
        geometry: &Geometry,
        state: &State,
        solver: &dyn PreparedSolver,
        step: Step<'_>,
    ) -> Result<Vec<f64>> {
        let mut heads = self.start(step.before);
        let (mut last, mut residual, mut iterations) = (f64::INFINITY, 0.0, 0);
        for round in 0..ROUNDS {
            let unbalanced = self.residual(geometry, state, step, &heads);
            if unbalanced.iter().all(|&r| r == 0.0) {
                return Ok(heads);
            }
            let right = ArrayView1::from(&unbalanced).insert_axis(ndarray::Axis(1));
            let solved = solver.solve(right, if round == 0 { FIRST_ROUND } else { CORRECTION })?;
            let largest = largest(solved.x.iter().map(|x| x.abs()));
            heads.iter_mut().zip(&solved.x).for_each(|(head, x)| *head += x);
            (residual, iterations) = (solved.residual, iterations + solved.iterations);
            let scale = self.range(&heads).max(1.0);
            let stalled = round > 0 && largest > 0.5 * last;
            let small = largest <= HEAD_TOLERANCE * scale || (stalled && largest <= HEAD_ROUNDING * scale);
            // A correction tells how far the heads are off only where it is one.
            if small && residual <= CORRECTED {
                return Ok(heads);
            }
            last = largest;
            if last.is_nan() {
                break;
            }
        }
        Err(Error::NoModel(format!(
            "the heads do not settle: the last of {ROUNDS} corrections still changes one by {last:.1e} m (relative \
             residual {residual:.1e} after {iterations} iterations; tried: {}); look for contrasts of the property \
             beyond ten decades",
            solver.description()
        )))
    }

    /// Highest less lowest head.
    fn range(&self, heads: &[f64]) -> f64 {
        let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
        for (role, &head) in self.roles.iter().zip(heads) {
            if *role != Role::Inactive {
                ends = (ends.0.min(head), ends.1.max(head));
            }
        }
        ends.1 - ends.0
    }

    /// Sets the rows of cells that are not free to 0.
    pub(super) fn mask(&self, block: &mut Array2<f64>) {
        for (role, mut row) in self.roles.iter().zip(block.rows_mut()) {
            if *role != Role::Free {
                row.fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::linalg::sparse::largest;

    #[test]
    fn a_correction_that_is_no_number_is_not_overlooked() {
        assert_eq!(largest([1.0, -3.0, 2.0].map(f64::abs)), 3.0);
        for x in [f64::NAN, -f64::NAN] {
            assert!(
                [[x, 1.0, 2.0], [1.0, x, 2.0], [1.0, 2.0, x]].iter().all(|some| largest(some.map(f64::abs)).is_nan())
            );
        }
    }
}
