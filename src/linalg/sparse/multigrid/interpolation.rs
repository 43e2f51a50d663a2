//! Operator-dependent interpolation between two levels.
//!
//! Every second cell along x, y or both is kept; z is never coarsened. A cell between two kept ones takes the values
//! that make its vertical line satisfy the homogeneous equations when the neighbours are constant along z: with T the
//! tridiagonal block of the line and `A_W`, `A_E` its couplings with the two sides, `w_W = −T⁻¹ A_W 1`,
//! `w_E = −T⁻¹ A_E 1` (Schaffer 1998, SIAM J. Sci. Comput. 20, 228). Strong vertical coupling makes the weights equal
//! along z, weak coupling leaves each layer its own; w_W + w_E = 1 where the row sums are zero. Before that the
//! stencil is summed across the other axis, and a cell in the middle of four uses its eight neighbours, the sides
//! interpolated already (Dendy 1982, J. Comput. Phys. 48, 366).

use rayon::prelude::*;

use super::stencil::{Layout, Neighbour, Stencil};

/// Interpolation P from a coarse to a fine level.
#[derive(Debug, Clone)]
pub(crate) struct Interpolation {
    /// The fine level's layout.
    pub(crate) fine: Layout,
    /// The coarse level's layout.
    pub(crate) coarse: Layout,
    /// Cells of a fine grid for one of the coarse along x and y: 1 or 2.
    pub(crate) factor: [usize; 2],
    /// `weights[b][a]` of fine cell (i, j, k): its weight on coarse cell (⌊i/fx⌋ + a, ⌊j/fy⌋ + b, k), in the fine
    /// layout. 0 for a = 1 where i is a multiple of fx, and for b = 1 likewise.
    pub(crate) weights: [[Vec<f64>; 2]; 2],
}

/// A tridiagonal system along one vertical line, and a small right-hand side for each coarse cell.
struct Line {
    lower: Vec<f64>,
    diagonal: Vec<f64>,
    upper: Vec<f64>,
    sides: [Vec<f64>; 4],
}

impl Line {
    fn new(cells: usize) -> Self {
        let zeros = || vec![0.0; cells];
        Self { lower: zeros(), diagonal: zeros(), upper: zeros(), sides: std::array::from_fn(|_| zeros()) }
    }

    fn clear(&mut self) {
        let Self { lower, diagonal, upper, sides } = self;
        [lower, diagonal, upper].into_iter().chain(sides).for_each(|v| v.fill(0.0));
    }

    /// Adds the coupling `value` of cell k with the one at k + dk of its own line.
    fn couple(&mut self, k: usize, dk: isize, value: f64) {
        match dk {
            -1 => self.lower[k] += value,
            0 => self.diagonal[k] += value,
            _ => self.upper[k] += value,
        }
    }

    /// Solves for all sides in place by elimination. Rounding must not make a row less than what its couplings need:
    /// a cell that is coupled with nothing gets the weight 0.
    fn solve(&mut self) {
        let n = self.diagonal.len();
        for k in 0..n {
            let needed = self.sides.iter().map(|side| side[k]).sum::<f64>() - self.lower[k] - self.upper[k];
            self.diagonal[k] = self.diagonal[k].max(needed);
        }
        let mut inverse = 0.0;
        for k in 0..n {
            let mut pivot = self.diagonal[k];
            if k > 0 {
                let factor = self.lower[k] * inverse;
                pivot -= factor * self.upper[k - 1];
                for side in &mut self.sides {
                    side[k] -= factor * side[k - 1];
                }
            }
            inverse = if pivot > 8.0 * f64::EPSILON * self.diagonal[k] { 1.0 / pivot } else { 0.0 };
            self.diagonal[k] = inverse;
        }
        for side in &mut self.sides {
            for k in (0..n).rev() {
                let above = if k + 1 < n { self.upper[k] * side[k + 1] } else { 0.0 };
                side[k] = (side[k] - above) * self.diagonal[k];
            }
        }
    }
}

impl Interpolation {
    /// The weights for `stencil` when every `factor`-th cell along x and y is kept.
    pub(crate) fn new(stencil: &Stencil, factor: [usize; 2]) -> Self {
        let fine = stencil.layout;
        let [nx, ny, nz] = fine.cells;
        let coarse = Layout { cells: [nx.div_ceil(factor[0]), ny.div_ceil(factor[1]), nz] };
        let zeros = || vec![0.0; fine.len()];
        let weights = [[zeros(), zeros()], [zeros(), zeros()]];
        let mut interpolation = Self { fine, coarse, factor, weights };
        interpolation.weigh_lines(stencil, [false, false]);
        interpolation.weigh_lines(stencil, [true, false]);
        interpolation.weigh_lines(stencil, [false, true]);
        interpolation.weigh_lines(stencil, [true, true]);
        interpolation
    }

    /// Sets the weights of all lines that lie between kept cells along the axes said, and at kept ones along the other.
    fn weigh_lines(&mut self, stencil: &Stencil, between: [bool; 2]) {
        let (layout, factor) = (self.fine, self.factor);
        let [nx, ny, nz] = layout.cells;
        let kind = |axis: usize, index: usize| index.is_multiple_of(factor[axis]) != between[axis];
        let slabs: Vec<usize> = (0..ny).filter(|&j| kind(1, j)).collect();
        let found: Vec<Vec<[f64; 4]>> = slabs
            .par_iter()
            .map(|&j| {
                let mut line = Line::new(nz);
                let rows: Vec<Vec<Neighbour<'_>>> = (0..nz)
                    .map(|k| {
                        let mut row = Vec::with_capacity(26);
                        stencil.for_each_neighbour(j, k, |neighbour| row.push(neighbour));
                        row
                    })
                    .collect();
                let mut out = Vec::with_capacity(nz * nx);
                for i in (0..nx).filter(|&i| kind(0, i)) {
                    if between == [false, false] {
                        out.extend(std::iter::repeat_n([1.0, 0.0, 0.0, 0.0], nz));
                        continue;
                    }
                    self.line(stencil, &rows, [i, j], between, &mut line);
                    line.solve();
                    out.extend((0..nz).map(|k| std::array::from_fn(|side| line.sides[side][k])));
                }
                out
            })
            .collect();
        for (&j, found) in slabs.iter().zip(&found) {
            for (i, line) in (0..nx).filter(|&i| kind(0, i)).zip(found.chunks(nz)) {
                for (k, sides) in line.iter().enumerate() {
                    for (side, &weight) in sides.iter().enumerate() {
                        self.weights[side / 2][side % 2][layout.at(i, j, k)] = weight;
                    }
                }
            }
        }
    }

    /// The system of the line at (i, j): sides are numbered 2 b + a.
    fn line(
        &self,
        stencil: &Stencil,
        rows: &[Vec<Neighbour<'_>>],
        [i, j]: [usize; 2],
        between: [bool; 2],
        line: &mut Line,
    ) {
        let layout = self.fine;
        line.clear();
        for (k, row) in rows.iter().enumerate() {
            line.diagonal[k] += stencil.diagonal[layout.at(i, j, k)];
            for neighbour in row {
                let value = neighbour.values[i];
                if value == 0.0 {
                    continue;
                }
                let [di, dj, dk] = neighbour.offset;
                match between {
                    // Across an axis that does not separate the cell from kept ones, the stencil is summed.
                    [true, false] if di == 0 => line.couple(k, dk, value),
                    [true, false] => line.sides[usize::from(di > 0)][k] -= value,
                    [false, true] if dj == 0 => line.couple(k, dk, value),
                    [false, true] => line.sides[2 * usize::from(dj > 0)][k] -= value,
                    _ if di == 0 && dj == 0 => line.couple(k, dk, value),
                    _ => {
                        // The neighbour's own weights on the four coarse cells around (i, j).
                        let at = neighbour.j * layout.slab() + neighbour.start + i;
                        for b in 0..2 {
                            for a in 0..2 {
                                let side = [usize::from(di > 0) + a, usize::from(dj > 0) + b];
                                if side[0] < 2 && side[1] < 2 {
                                    line.sides[2 * side[1] + side[0]][k] -= value * self.weights[b][a][at];
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Coarse slabs, with b, on which fine slab j has weight.
    fn parents(&self, axis: usize, index: usize) -> impl Iterator<Item = (usize, usize)> {
        let (factor, count) = (self.factor[axis], self.coarse.cells[axis]);
        let (first, last) = (index / factor, index.div_ceil(factor).min(count - 1));
        (first..=last).enumerate()
    }

    /// Fine slabs that have weight on coarse slab J, with their b.
    pub(crate) fn children(&self, slab: usize) -> impl Iterator<Item = (usize, usize)> {
        let (factor, count) = (self.factor[1], self.fine.cells[1]);
        let middle = slab * factor;
        (middle.saturating_sub(factor - 1)..(middle + factor).min(count)).map(move |j| (j, usize::from(j < middle)))
    }

    /// Coarse slab J of `Pᵀ r`, from the fine r.
    pub(crate) fn restrict_slab<const L: usize>(&self, slab: usize, r: &[[f64; L]], out: &mut [[f64; L]]) {
        let [nx, _, nz] = self.fine.cells;
        out.fill([0.0; L]);
        for (j, b) in self.children(slab) {
            for k in 0..nz {
                let at = self.fine.at(0, j, k);
                let rows = [0, 1].map(|a| &self.weights[b][a][at..at + nx]);
                let coarse = &mut out[k * self.coarse.row() + 1..][..self.coarse.cells[0]];
                gather_row(self.factor[0], rows, &r[at..at + nx], coarse);
            }
        }
    }

    /// Adds slab j of `P x` to the fine `out`, from the coarse x.
    pub(crate) fn add_slab<const L: usize>(&self, j: usize, x: &[[f64; L]], out: &mut [[f64; L]]) {
        let [nx, _, nz] = self.fine.cells;
        for (b, slab) in self.parents(1, j) {
            for k in 0..nz {
                let at = self.fine.at(0, j, k);
                let rows = [0, 1].map(|a| &self.weights[b][a][at..at + nx]);
                let coarse = &x[self.coarse.at(0, slab, k)..][..self.coarse.cells[0] + 1];
                scatter_row(self.factor[0], rows, coarse, &mut out[k * self.fine.row() + 1..][..nx]);
            }
        }
    }
}

fn add<const L: usize>(out: &mut [f64; L], weight: f64, x: &[f64; L]) {
    for lane in 0..L {
        out[lane] += weight * x[lane];
    }
}

/// `coarse += Pᵀ fine` within one row.
fn gather_row<const L: usize>(factor: usize, [own, next]: [&[f64]; 2], fine: &[[f64; L]], coarse: &mut [[f64; L]]) {
    if factor == 1 {
        for ((out, w), x) in coarse.iter_mut().zip(own).zip(fine) {
            add(out, *w, x);
        }
        return;
    }
    for (index, out) in coarse.iter_mut().enumerate() {
        let i = 2 * index;
        if i > 0 {
            add(out, next[i - 1], &fine[i - 1]);
        }
        add(out, own[i], &fine[i]);
        if i + 1 < fine.len() {
            add(out, own[i + 1], &fine[i + 1]);
        }
    }
}

/// `fine += P coarse` within one row; `coarse` has one empty cell at its end.
fn scatter_row<const L: usize>(factor: usize, [own, next]: [&[f64]; 2], coarse: &[[f64; L]], fine: &mut [[f64; L]]) {
    if factor == 1 {
        for ((out, w), x) in fine.iter_mut().zip(own).zip(coarse) {
            add(out, *w, x);
        }
        return;
    }
    for (i, out) in fine.iter_mut().enumerate() {
        add(out, own[i], &coarse[i / 2]);
        if i % 2 == 1 {
            add(out, next[i], &coarse[i / 2 + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::galerkin::coarse_operator;
    use super::*;
    use crate::linalg::sparse::GridMatrix;

    #[test]
    fn a_chain_is_coarsened_as_by_hand() {
        let conductance = [vec![1.0, 1.0, 1.0, 1.0, 0.0], vec![0.0; 5], vec![0.0; 5]];
        let matrix = GridMatrix { cells: [5, 1, 1], diagonal: vec![2.0; 5], conductance, ties: Vec::new() };
        let stencil = Stencil::of_matrix(&matrix);
        let interpolation = Interpolation::new(&stencil, [2, 1]);
        let coarse = coarse_operator(&stencil, &interpolation);
        assert_eq!(coarse.diagonal, [0.0, 1.5, 1.0, 1.5, 0.0]);
        assert_eq!(coarse.couplings[0].offset, [1, 0, 0]);
        assert_eq!(coarse.couplings[0].values, [0.0, -0.5, -0.5, 0.0, 0.0]);
        let mut fine = vec![[0.0]; 7];
        interpolation.add_slab(0, &[[0.0], [1.0], [3.0], [7.0], [0.0]], &mut fine);
        assert_eq!(fine, [[0.0], [1.0], [2.0], [3.0], [5.0], [7.0], [0.0]]);
        let mut sums = vec![[0.0]; 5];
        interpolation.restrict_slab(0, &fine, &mut sums);
        assert_eq!(sums, [[0.0], [2.0], [6.5], [9.5], [0.0]]);
    }

    /// Three columns of two cells: the upper layer leans west, the lower east, by 3 to 1.
    fn weights_west(vertical: f64) -> [f64; 2] {
        let along_x = vec![1.0, 3.0, 0.0, 3.0, 1.0, 0.0];
        let along_z = vec![vertical, vertical, vertical, 0.0, 0.0, 0.0];
        let diagonal = [2.0, 4.0, 4.0, 4.0, 4.0, 2.0].map(|d| d + vertical).to_vec();
        let conductance = [along_x, vec![0.0; 6], along_z];
        let stencil = Stencil::of_matrix(&GridMatrix { cells: [3, 1, 2], diagonal, conductance, ties: Vec::new() });
        let interpolation = Interpolation::new(&stencil, [2, 1]);
        [0, 1].map(|k| interpolation.weights[0][0][interpolation.fine.at(1, 0, k)])
    }

    #[test]
    fn layers_have_their_own_weights_unless_they_are_strongly_coupled() {
        assert_eq!(weights_west(0.0), [0.25, 0.75]);
        // (T + v B)⁻¹ by hand: half plus or minus 1 / (4 + 2 v).
        for (found, sign) in weights_west(1e6).into_iter().zip([-1.0, 1.0]) {
            assert!((found - 0.5 - sign / (4.0 + 2e6)).abs() <= 1e6 * f64::EPSILON, "{found}");
        }
    }
}
