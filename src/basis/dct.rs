//! The cosine basis: the orthonormal discrete cosine transform (DCT-II) in one to three dimensions.

mod device;

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use rustdct::{DctPlanner, TransformType2And3};

use super::transform::{Transform, TransformBasis};
use crate::error::{Error, Result};
use crate::grid::Grid;

pub use device::{CosinesOnDevice, SHADER, prelude};

/// Lines that are transformed together, so that what lies side by side is read together.
const LINES: usize = 8;
/// Values that a task transforms at least.
const LEAST_VALUES_PER_TASK: usize = 1 << 14;

/// Which frequencies are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequencies {
    /// The lowest of each axis: this many along x, y, z.
    Box([usize; 3]),
    /// The first K in zig-zag order.
    First(usize),
}

/// The basis of cosines on a grid of N_x × N_y × N_z cells:
///
/// `φ_p(c) = Π_a α_a cos(π p_a (c_a + ½)/N_a)`, `α_a = √(1/N_a)` for p_a = 0 and `√(2/N_a)` else,
///
/// so that `ΦᵀΦ = I` and column 0 is the mean. Columns are in zig-zag order (see [`Cosines::frequency`]), also where a
/// box is kept: the first are the lowest frequencies. No column is stored; a product takes O(n log n) operations
/// (Ahmed, Natarajan & Rao 1974, IEEE Transactions on Computers C-23(1)).
pub type DctBasis = TransformBasis<Cosines>;

impl DctBasis {
    /// The cosines of `frequencies` on `grid`, about zero.
    ///
    /// # Errors
    /// [`Error::Input`] where there are more frequencies than cells, or none.
    pub fn new(grid: &Grid, frequencies: Frequencies) -> Result<Self> {
        Ok(Cosines::new(grid, frequencies)?.into())
    }
}

/// The columns of a [`DctBasis`].
pub struct Cosines {
    cells: [usize; 3],
    /// Frequencies along x, y, z of the smallest box that holds all that are kept.
    kept: [usize; 3],
    /// Frequency p of each column.
    frequencies: Vec<[usize; 3]>,
    /// Place of each column in the box, x fastest.
    places: Vec<usize>,
    transforms: [Arc<dyn TransformType2And3<f64>>; 3],
}

impl fmt::Debug for Cosines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cosines")
            .field("cells", &self.cells)
            .field("kept", &self.kept)
            .field("columns", &self.places.len())
            .finish_non_exhaustive()
    }
}

impl Cosines {
    /// The cosines of `frequencies` on `grid`.
    ///
    /// # Errors
    /// [`Error::Input`] where there are more frequencies than cells, or none.
    pub fn new(grid: &Grid, frequencies: Frequencies) -> Result<Self> {
        let cells = grid.cells;
        assert!(!grid.is_empty(), "a cosine basis needs cells");
        let frequencies = match frequencies {
            Frequencies::Box(kept) => {
                check_box(kept, cells)?;
                zigzag(kept)
            }
            Frequencies::First(count) => {
                let n = grid.len();
                if !(1..=n).contains(&count) {
                    let problem = format!("{count} frequencies of a grid of {n} cells");
                    return Err(Error::input(PLACE, problem, format!("keep 1 to {n}")));
                }
                let mut all = zigzag(cells);
                all.truncate(count);
                all
            }
        };
        let kept = [0, 1, 2].map(|a| 1 + frequencies.iter().map(|p| p[a]).max().unwrap_or(0));
        let places = frequencies.iter().map(|[p, q, r]| (r * kept[1] + q) * kept[0] + p).collect();
        let mut planner = DctPlanner::new();
        let transforms = cells.map(|length| planner.plan_dct2(length));
        Ok(Self { cells, kept, frequencies, places, transforms })
    }

    /// The frequency (p_x, p_y, p_z) of a column, in half waves over the grid.
    ///
    /// Zig-zag order: by p_x + p_y + p_z, then by p_z, then along the diagonal of p_x + p_y, towards smaller p_x where
    /// that sum is odd and towards larger p_x where it is even: (0,0) (1,0) (0,1) (0,2) (1,1) (2,0) (3,0) ….
    pub fn frequency(&self, column: usize) -> [usize; 3] {
        self.frequencies[column]
    }

    /// Cells along x, y, z.
    pub(super) fn sides(&self) -> [usize; 3] {
        self.cells
    }

    /// Frequencies along x, y, z of the box that holds all that are kept.
    pub(super) fn kept(&self) -> [usize; 3] {
        self.kept
    }

    /// Coefficients in their places in the box of frequencies; what is not kept is zero.
    pub(super) fn spread(&self, v: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; self.kept.iter().product()];
        self.places.iter().zip(v).for_each(|(&place, &v)| values[place] = v);
        values
    }

    /// The first `rank` coefficients from the box of frequencies.
    pub(super) fn gather(&self, values: &[f64], rank: usize) -> Vec<f64> {
        self.places[..rank].iter().map(|&place| values[place]).collect()
    }

    /// Transforms every line along the slowest axis of `input`, `from` values a line, and makes it the fastest: `to`
    /// values a line, in a buffer of a whole line.
    fn rotate(
        &self,
        axis: usize,
        input: &[f64],
        from: usize,
        to: usize,
        transform: impl Fn(&dyn TransformType2And3<f64>, &mut [f64], &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let (length, lines) = (self.cells[axis], input.len() / from);
        let plan = &*self.transforms[axis];
        let mut out = vec![0.0; lines * to];
        let work = || (vec![0.0; LINES * length], vec![0.0; plan.get_scratch_len()]);
        out.par_chunks_mut(LINES * to)
            .enumerate()
            .with_min_len((LEAST_VALUES_PER_TASK / (LINES * length)).max(1))
            .for_each_init(work, |(buffer, scratch), (chunk, out)| {
                let (first, width) = (chunk * LINES, out.len() / to);
                for t in 0..from {
                    let together = &input[t * lines + first..][..width];
                    together.iter().enumerate().for_each(|(line, &value)| buffer[line * length + t] = value);
                }
                for (line, out) in buffer.chunks_exact_mut(length).zip(out.chunks_exact_mut(to)) {
                    line[from..].fill(0.0);
                    transform(plan, line, scratch);
                    out.copy_from_slice(&line[..to]);
                }
            });
        out
    }
}

/// Where errors point.
const PLACE: &str = "basis.frequencies";

fn check_box(kept: [usize; 3], cells: [usize; 3]) -> Result<()> {
    for a in 0..3 {
        let axis = ["x", "y", "z"][a];
        if !(1..=cells[a]).contains(&kept[a]) {
            let problem = format!("{} frequencies along {axis}, where the grid has {} cells", kept[a], cells[a]);
            return Err(Error::input(PLACE, problem, format!("keep 1 to {}", cells[a])));
        }
    }
    Ok(())
}

/// All frequencies of a box in zig-zag order.
fn zigzag([nx, ny, nz]: [usize; 3]) -> Vec<[usize; 3]> {
    let mut all: Vec<_> = (0..nx * ny * nz).map(|c| [c % nx, c / nx % ny, c / (nx * ny)]).collect();
    all.sort_by_key(|&[p, q, r]| (p + q + r, r, if (p + q) % 2 == 1 { q } else { p }));
    all
}

impl Transform for Cosines {
    fn cells(&self) -> usize {
        self.cells.iter().product()
    }
    fn columns(&self) -> usize {
        self.places.len()
    }
    fn synthesize(&self, v: &[f64]) -> Vec<f64> {
        let mut values = self.spread(v);
        for axis in [2, 1, 0].into_iter().filter(|&axis| self.cells[axis] > 1) {
            let (kept, length) = (self.kept[axis], self.cells[axis]);
            // The DCT-III halves the first coefficient by itself.
            let scale = (2.0 / length as f64).sqrt();
            values = self.rotate(axis, &values, kept, length, |plan, line, scratch| {
                line[..kept].iter_mut().for_each(|x| *x *= scale);
                line[0] *= std::f64::consts::SQRT_2;
                plan.process_dct3_with_scratch(line, scratch);
            });
        }
        values
    }
    fn analyze(&self, u: &[f64], rank: usize) -> Vec<f64> {
        let mut values: Option<Vec<f64>> = None;
        for axis in [2, 1, 0].into_iter().filter(|&axis| self.cells[axis] > 1) {
            let (kept, length) = (self.kept[axis], self.cells[axis]);
            let scale = (2.0 / length as f64).sqrt();
            let input = values.as_deref().unwrap_or(u);
            values = Some(self.rotate(axis, input, length, kept, |plan, line, scratch| {
                plan.process_dct2_with_scratch(line, scratch);
                line[..kept].iter_mut().for_each(|x| *x *= scale);
                line[0] *= std::f64::consts::FRAC_1_SQRT_2;
            }));
        }
        self.gather(values.as_deref().unwrap_or(u), rank)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::transform::tests::{golden, golden_field, hold, numbers};
    use super::*;
    use crate::basis::Basis;
    use crate::operator::LinearOperator;

    #[test]
    fn coefficients_are_those_of_scipy() {
        for case in golden()["cosines"].as_array().unwrap() {
            let cells: [usize; 3] = serde_json::from_value(case["cells"].clone()).unwrap();
            let grid = Grid::unit(cells);
            let basis = DctBasis::new(&grid, Frequencies::Box(cells)).unwrap();
            let (u, expected) = (golden_field(grid.len()), numbers(&case["coefficients"]));
            let v = basis.adjoint(u.view());
            for (j, v) in v.iter().enumerate() {
                let known = expected[grid.index(basis.transform().frequency(j))];
                assert!((v - known).abs() <= 1e-12, "{cells:?}, column {j}: {v} and {known}");
            }
            assert!((basis.apply(v.view()) - u).iter().all(|e| e.abs() <= 1e-12), "{cells:?} there and back");
        }
    }

    #[test]
    fn columns_are_the_cosines_of_the_formula() {
        for (cells, kept) in
            [([17, 23, 1], [5, 3, 1]), ([5, 7, 9], [2, 7, 3]), ([1, 1, 1], [1; 3]), ([1, 6, 2], [1, 4, 2])]
        {
            let grid = Grid::unit(cells);
            let basis = DctBasis::new(&grid, Frequencies::Box(kept)).unwrap();
            hold(&basis);
            let columns = basis.columns(0..basis.cols());
            for (j, column) in columns.columns().into_iter().enumerate() {
                let p = basis.transform().frequency(j);
                let factor = |a: usize, c: usize| {
                    let n = cells[a] as f64;
                    let alpha = if p[a] == 0 { 1.0 / n } else { 2.0 / n }.sqrt();
                    alpha * (PI * p[a] as f64 * (c as f64 + 0.5) / n).cos()
                };
                for (c, &value) in column.iter().enumerate() {
                    let at = grid.cell(c);
                    let expected = factor(0, at[0]) * factor(1, at[1]) * factor(2, at[2]);
                    assert!((value - expected).abs() <= 1e-14, "{cells:?}: column {j}, cell {c}");
                }
            }
        }
    }

    #[test]
    fn the_first_frequencies_come_in_zigzag_order() {
        let basis = DctBasis::new(&Grid::unit([4, 3, 1]), Frequencies::First(9)).unwrap();
        let order: Vec<_> = (0..9).map(|j| basis.transform().frequency(j)).map(|[p, q, _]| (p, q)).collect();
        assert_eq!(order, [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (2, 0), (3, 0), (2, 1), (1, 2)]);
        hold(&basis);
        let block = DctBasis::new(&Grid::unit([3, 4, 2]), Frequencies::First(7)).unwrap();
        let order: Vec<_> = (0..5).map(|j| block.transform().frequency(j)).collect();
        assert_eq!(order, [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 2, 0]]);
        hold(&block);
        // The same columns whether they are asked for as such or cut out of more.
        let some = DctBasis::new(&Grid::unit([4, 3, 1]), Frequencies::First(5)).unwrap();
        assert_eq!(basis.at_rank(5).columns(0..5), some.columns(0..5));
    }

    #[test]
    fn the_same_bytes_on_one_thread() {
        let grid = Grid::unit([131, 97, 3]);
        let basis = DctBasis::new(&grid, Frequencies::First(500)).unwrap();
        let run = || {
            let v = basis.adjoint(golden_field(grid.len()).view());
            (basis.apply(v.view()), v)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(run(), pool.install(run));
    }

    #[test]
    fn frequencies_that_the_grid_lacks_are_refused() {
        let message = |frequencies| DctBasis::new(&Grid::unit([8, 6, 1]), frequencies).unwrap_err().to_string();
        assert!(message(Frequencies::Box([8, 7, 1])).contains("7 frequencies along y, where the grid has 6 cells"));
        assert!(message(Frequencies::Box([8, 6, 0])).contains("0 frequencies along z"));
        assert!(message(Frequencies::First(49)).contains("49 frequencies of a grid of 48 cells"));
        assert!(message(Frequencies::First(0)).contains("keep 1 to 48"));
    }
}
