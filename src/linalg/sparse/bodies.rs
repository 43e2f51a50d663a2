//! A coarse correction by bodies: what multigrid on a structured grid is slow for.
//!
//! A body is a connected set of cells that conduct far better among themselves than to their surroundings, and that no
//! fixed head holds: its level, constant inside, is nearly an eigenvector of A of a tiny eigenvalue. Where bodies are
//! thinner than a coarse cell, interpolation mixes their levels with those of their neighbours. With a column of Z for
//! each body, 1 inside and 0 outside, and `E = Zᵀ A Z`, the preconditioner M becomes
//!
//! `Z E⁻¹ Zᵀ + (I − Z E⁻¹ Zᵀ A) M (I − A Z E⁻¹ Zᵀ)`,
//!
//! which is symmetric and positive as M is, and exact for every combination of columns of Z (the balancing form of
//! deflation: Vuik, Segal and Meijerink 1999, J. Comput. Phys. 152, 385; Tang, Nabben, Vuik and Erlangga 2009, J. Sci.
//! Comput. 39, 340).

use std::collections::BTreeMap;

use ndarray::Array2;

use super::matrix::GridMatrix;
use super::multigrid::hierarchy::Dense;

/// Least ratio of the largest conductance to the smallest at which bodies are looked for.
const CONTRAST: f64 = 100.0;
/// Most of a body's diagonals that may lead out of it: `zᵀ A z` against the sum of its `A[c, c]`.
const LEAK: f64 = 0.01;
/// Most bodies, the largest ones.
const MOST: usize = 512;

/// The bodies of a matrix.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// Where the cells of each body lie.
    cells: Vec<Vec<usize>>,
    /// `A z` of each body, where it is not zero.
    images: Vec<Vec<(usize, f64)>>,
    /// E, factored; `None` without bodies.
    coarse: Option<Dense>,
}

impl Bodies {
    /// The bodies of `matrix`, its cells lying at `place(cell)`. Tied cells are of one body.
    pub(super) fn new(matrix: &GridMatrix, place: impl Fn(usize) -> usize) -> Self {
        let mut bodies = connected(matrix);
        bodies.retain(|cells| is_apart(matrix, cells));
        bodies.sort_by_key(|cells| std::cmp::Reverse(cells.len()));
        bodies.truncate(MOST);
        let mut of_cell = vec![None; matrix.len()];
        for (number, cells) in bodies.iter().enumerate() {
            cells.iter().for_each(|&cell| of_cell[cell] = Some(number));
        }
        let images: Vec<BTreeMap<usize, f64>> = bodies.iter().map(|cells| image(matrix, cells)).collect();
        let mut products = Array2::zeros((bodies.len(), bodies.len()));
        for (number, image) in images.iter().enumerate() {
            for (&cell, value) in image {
                if let Some(other) = of_cell[cell] {
                    products[[number, other]] += value;
                }
            }
        }
        let Some(coarse) = (!bodies.is_empty()).then(|| Dense::new(&products)).flatten() else {
            return Self::default();
        };
        let placed =
            |image: BTreeMap<usize, f64>| image.into_iter().map(|(cell, value)| (place(cell), value)).collect();
        Self {
            cells: bodies.into_iter().map(|cells| cells.into_iter().map(&place).collect()).collect(),
            images: images.into_iter().map(placed).collect(),
            coarse: Some(coarse),
        }
    }

    /// Number of bodies.
    pub(super) fn count(&self) -> usize {
        self.cells.len()
    }

    /// `c = E⁻¹ Zᵀ r`, and `r ← r − A Z c`.
    pub(super) fn take<const L: usize>(&self, r: &mut [[f64; L]]) -> Vec<[f64; L]> {
        let sum = |cells: &Vec<usize>| {
            cells.iter().fold([0.0; L], |sum: [f64; L], &at| std::array::from_fn(|lane| sum[lane] + r[at][lane]))
        };
        let levels = self.solved(self.cells.iter().map(sum).collect());
        for (image, level) in self.images.iter().zip(&levels) {
            for &(at, value) in image {
                add(&mut r[at], -value, level);
            }
        }
        levels
    }

    /// `x ← x + Z (c − E⁻¹ (A Z)ᵀ x)`.
    pub(super) fn give<const L: usize>(&self, levels: &[[f64; L]], x: &mut [[f64; L]]) {
        let product = |image: &Vec<(usize, f64)>| {
            let mut sum = [0.0; L];
            image.iter().for_each(|&(at, value)| add(&mut sum, value, &x[at]));
            sum
        };
        let excess = self.solved(self.images.iter().map(product).collect());
        for ((cells, level), excess) in self.cells.iter().zip(levels).zip(&excess) {
            let change: [f64; L] = std::array::from_fn(|lane| level[lane] - excess[lane]);
            cells.iter().for_each(|&at| add(&mut x[at], 1.0, &change));
        }
    }

    fn solved<const L: usize>(&self, mut sums: Vec<[f64; L]>) -> Vec<[f64; L]> {
        if let Some(coarse) = &self.coarse {
            coarse.solve(&mut sums);
        }
        sums
    }
}

fn add<const L: usize>(out: &mut [f64; L], factor: f64, x: &[f64; L]) {
    for lane in 0..L {
        out[lane] += factor * x[lane];
    }
}

/// Sets of more than one cell that conductances above the geometric middle of the smallest and the largest join, each
/// in the order of its cells; tied cells are joined whatever conducts between them.
fn connected(matrix: &GridMatrix) -> Vec<Vec<usize>> {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for &conductance in matrix.conductance.iter().flatten().filter(|&&conductance| conductance > 0.0) {
        (low, high) = (low.min(conductance), high.max(conductance));
    }
    if high < CONTRAST * low {
        return Vec::new();
    }
    let middle = low.sqrt() * high.sqrt();
    let mut first: Vec<usize> = (0..matrix.len()).collect();
    for (conductance, stride) in matrix.conductance.iter().zip(matrix.strides()) {
        for cell in (0..matrix.len()).filter(|&cell| conductance[cell] > middle) {
            join(&mut first, cell, cell + stride);
        }
    }
    for tie in &matrix.ties {
        tie.windows(2).for_each(|pair| join(&mut first, pair[0], pair[1]));
    }
    let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for cell in 0..matrix.len() {
        let root = root(&mut first, cell);
        if root != cell {
            // The root is the first cell of its set.
            sets.entry(root).or_insert_with(|| vec![root]).push(cell);
        }
    }
    sets.into_values().collect()
}

/// The first cell of a cell's set; paths are halved on the way.
fn root(first: &mut [usize], mut cell: usize) -> usize {
    while first[cell] != cell {
        first[cell] = first[first[cell]];
        cell = first[cell];
    }
    cell
}

fn join(first: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(first, a), root(first, b));
    first[a.max(b)] = a.min(b);
}

/// `A z` of the body of these cells, where it is not zero; tied cells, which carry one unknown, get their mean.
fn image(matrix: &GridMatrix, cells: &[usize]) -> BTreeMap<usize, f64> {
    let mut image = BTreeMap::new();
    let mut put = |cell: usize, value: f64| *image.entry(cell).or_insert(0.0) += value;
    for &cell in cells {
        put(cell, matrix.diagonal[cell]);
        for (conductance, stride) in matrix.conductance.iter().zip(matrix.strides()) {
            if conductance[cell] != 0.0 {
                put(cell + stride, -conductance[cell]);
            }
            if cell >= stride && conductance[cell - stride] != 0.0 {
                put(cell - stride, -conductance[cell - stride]);
            }
        }
    }
    for tie in &matrix.ties {
        if tie.iter().any(|cell| image.contains_key(cell)) {
            let mean = tie.iter().filter_map(|cell| image.get(cell)).sum::<f64>() / tie.len() as f64;
            image.extend(tie.iter().map(|&cell| (cell, mean)));
        }
    }
    image.retain(|_, value| *value != 0.0);
    image
}

/// Whether little leads out of a set of cells, to others or to fixed heads.
fn is_apart(matrix: &GridMatrix, cells: &[usize]) -> bool {
    let all: f64 = cells.iter().map(|&cell| matrix.diagonal[cell]).sum();
    let inside = |cell: usize| cells.binary_search(&cell).is_ok();
    let within: f64 = (matrix.conductance.iter().zip(matrix.strides()))
        .flat_map(|(conductance, stride)| cells.iter().map(move |&cell| (conductance[cell], cell + stride)))
        .filter(|&(conductance, next)| conductance != 0.0 && inside(next))
        .map(|(conductance, _)| conductance)
        .sum();
    all - 2.0 * within < LEAK * all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five cells in a row; the middle three conduct a thousand times better.
    fn row(held: f64) -> GridMatrix {
        let along_x = vec![1.0, 1e3, 1e3, 1.0, 0.0];
        let diagonal = vec![2.0, 1001.0, 2000.0 + held, 1001.0, 2.0];
        GridMatrix { cells: [5, 1, 1], diagonal, conductance: [along_x, vec![0.0; 5], vec![0.0; 5]], ties: Vec::new() }
    }

    #[test]
    fn a_body_is_found_with_its_image_unless_a_fixed_head_holds_it() {
        let bodies = Bodies::new(&row(0.0), |cell| cell);
        assert_eq!(bodies.cells, [[1, 2, 3]]);
        assert_eq!(bodies.images, [[(0, -1.0), (1, 1.0), (3, 1.0), (4, -1.0)]]);
        assert_eq!(Bodies::new(&row(1e3), |cell| cell).count(), 0);
    }

    #[test]
    fn tied_cells_share_their_image() {
        let mut matrix = row(0.0);
        matrix.ties = vec![vec![0, 4], vec![1, 2]];
        let bodies = Bodies::new(&matrix, |cell| cell);
        assert_eq!(bodies.images, [[(0, -1.0), (1, 0.5), (2, 0.5), (3, 1.0), (4, -1.0)]]);
    }

    #[test]
    fn the_level_of_a_body_is_corrected_exactly() {
        let bodies = Bodies::new(&row(0.0), |cell| cell);
        // A z times 3: nothing of it is left, and z times 3 is given back.
        let mut r = [[-3.0], [3.0], [0.0], [3.0], [-3.0]];
        let levels = bodies.take(&mut r);
        assert!(r.iter().all(|r| r[0].abs() < 1e-14), "{r:?}");
        let mut x = [[0.0]; 5];
        bodies.give(&levels, &mut x);
        assert!(x.iter().zip([0.0, 3.0, 3.0, 3.0, 0.0]).all(|(x, expected)| (x[0] - expected).abs() < 1e-14), "{x:?}");
    }
}
