//! Relaxation by vertical lines: every line of cells along z is solved exactly for its neighbours as they stand, in
//! four colours (i and j even or odd), so that lines of one colour do not touch.
//!
//! Sweeps before the coarse correction take the colours in order, those after it in the reverse order: together they
//! are symmetric, as conjugate gradients ask.

use rayon::prelude::*;

use super::stencil::Stencil;

/// The factored lines of one level: `T = L D Lᵀ` along z.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// `1 / D`, in the layout of the level; 0 in the empty cells.
    pub(crate) inverse_pivot: Vec<f64>,
    /// Coupling with the cell above, zero in the top layer; empty where there is one layer.
    above: Vec<f64>,
}

/// Order of the colours in a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// Even slabs before odd ones, even lines before odd ones; x is zero before.
    FromZero,
    /// The same, from any x.
    Forward,
    /// The reverse, from any x.
    Backward,
}

impl Lines {
    /// Factors the lines of `stencil`; `None` where one is not positive definite.
    pub(crate) fn new(stencil: &Stencil) -> Option<Self> {
        let layout = stencil.layout;
        let [nx, ny, nz] = layout.cells;
        let above = stencil.couplings.iter().find(|c| c.offset == [0, 0, 1]).map_or(Vec::new(), |c| c.values.clone());
        let mut inverse_pivot = vec![0.0; layout.len()];
        for j in 0..ny {
            for k in 0..nz {
                for i in 0..nx {
                    let at = layout.at(i, j, k);
                    let mut pivot = stencil.diagonal[at];
                    if k > 0 {
                        let below = at - layout.row();
                        pivot -= above[below] * above[below] * inverse_pivot[below];
                    }
                    if !(pivot > 0.0 && pivot.is_finite()) {
                        return None;
                    }
                    inverse_pivot[at] = 1.0 / pivot;
                }
            }
        }
        Some(Self { inverse_pivot, above })
    }

    /// One sweep of `A x = b`.
    pub(crate) fn relax<const L: usize>(
        &self,
        stencil: &Stencil,
        b: &[[f64; L]],
        x: &mut [[f64; L]],
        sweep: Sweep,
        parallel: bool,
    ) {
        let slab = stencil.layout.slab();
        let (mut even, mut odd) = (Vec::new(), Vec::new());
        for (j, part) in x.chunks_mut(slab).enumerate() {
            if j % 2 == 0 { even.push(part) } else { odd.push(part) }
        }
        let columns = if sweep == Sweep::Backward { [1, 0] } else { [0, 1] };
        let relax_all = |own: &mut Vec<&mut [[f64; L]]>, others: &Vec<&mut [[f64; L]]>, first: usize, alone: bool| {
            let work = |scratch: &mut Vec<[f64; L]>, (index, x): (usize, &mut &mut [[f64; L]])| {
                let j = 2 * index + first;
                let known = &b[j * slab..(j + 1) * slab];
                let other = |j: usize| if alone { None } else { Some(&*others[j / 2]) };
                self.relax_slab(stencil, j, known, x, other, columns, scratch);
            };
            if parallel {
                own.par_iter_mut().enumerate().for_each_init(Vec::new, work);
            } else {
                let mut scratch = Vec::new();
                own.iter_mut().enumerate().for_each(|item| work(&mut scratch, item));
            }
        };
        if sweep == Sweep::Backward {
            relax_all(&mut odd, &even, 1, false);
            relax_all(&mut even, &odd, 0, false);
        } else {
            relax_all(&mut even, &odd, 0, sweep == Sweep::FromZero);
            relax_all(&mut odd, &even, 1, false);
        }
    }

    /// Solves the lines of slab j, those of the first parity `columns[0]` first; `other` gives the neighbouring slabs,
    /// or nothing where they are zero.
    #[expect(clippy::too_many_arguments, reason = "the parts of one equation, called from one place")]
    fn relax_slab<'a, const L: usize>(
        &self,
        stencil: &Stencil,
        j: usize,
        b: &[[f64; L]],
        x: &mut [[f64; L]],
        other: impl Fn(usize) -> Option<&'a [[f64; L]]>,
        columns: [usize; 2],
        rest: &mut Vec<[f64; L]>,
    ) {
        let layout = stencil.layout;
        let ([nx, _, nz], row) = (layout.cells, layout.row());
        rest.clear();
        rest.extend_from_slice(b);
        for k in 0..nz {
            let rest = &mut rest[k * row + 1..][..nx];
            stencil.for_each_neighbour(j, k, |n| {
                if n.j != j
                    && let Some(x) = other(n.j)
                {
                    subtract_products(rest, n.values, &x[n.start..n.start + nx]);
                }
            });
        }
        for parity in columns {
            for k in 0..nz {
                let own = k * row + 1;
                stencil.for_each_neighbour(j, k, |n| {
                    if n.j == j && n.offset[0] != 0 {
                        for i in (parity..nx).step_by(2) {
                            subtract(&mut rest[own + i], n.values[i], &x[n.start + i]);
                        }
                    }
                });
                let inverse = &self.inverse_pivot[j * layout.slab() + own..][..nx];
                for i in (parity..nx).step_by(2) {
                    let mut value = rest[own + i];
                    if k > 0 {
                        subtract(&mut value, self.above[j * layout.slab() + own - row + i], &x[own - row + i]);
                    }
                    x[own + i] = value.map(|v| v * inverse[i]);
                }
            }
            for k in (0..nz.saturating_sub(1)).rev() {
                let own = k * row + 1;
                let at = j * layout.slab() + own;
                for i in (parity..nx).step_by(2) {
                    let up = x[own + row + i];
                    subtract(&mut x[own + i], self.above[at + i] * self.inverse_pivot[at + i], &up);
                }
            }
        }
    }
}

impl Stencil {
    /// Slab j of `A x` subtracted from `out`.
    pub(crate) fn subtract_product<const L: usize>(&self, j: usize, x: &[[f64; L]], out: &mut [[f64; L]]) {
        let layout = self.layout;
        let [nx, _, nz] = layout.cells;
        for k in 0..nz {
            let at = layout.at(0, j, k);
            let out = &mut out[k * layout.row() + 1..][..nx];
            subtract_products(out, &self.diagonal[at..at + nx], &x[at..at + nx]);
            self.for_each_neighbour(j, k, |n| {
                let start = n.j * layout.slab() + n.start;
                subtract_products(out, n.values, &x[start..start + nx]);
            });
        }
    }
}

fn subtract<const L: usize>(out: &mut [f64; L], value: f64, x: &[f64; L]) {
    for lane in 0..L {
        out[lane] -= value * x[lane];
    }
}

/// `out −= values · x`, cell by cell.
fn subtract_products<const L: usize>(out: &mut [[f64; L]], values: &[f64], x: &[[f64; L]]) {
    for ((out, value), x) in out.iter_mut().zip(values).zip(x) {
        subtract(out, *value, x);
    }
}
