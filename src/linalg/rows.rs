//! Blocks of vectors by their rows: what one cell has in every vector stands side by side.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, CowArray, Ix2};
use rayon::prelude::*;

/// Rows that one task works on: fixed, so that results do not depend on the number of threads.
pub(crate) const ROWS_PER_TASK: usize = 4096;

/// The rows of a block (n × r) as slices; a block whose rows are not contiguous is copied.
pub(crate) struct Rows<'a>(CowArray<'a, f64, Ix2>);

impl<'a> Rows<'a> {
    pub(crate) fn of(block: &'a ArrayView2<'_, f64>) -> Self {
        Self(block.as_standard_layout())
    }

    /// Row i.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        let numbers = self.0.as_slice().expect("a block in standard layout");
        let width = self.width();
        &numbers[i * width..(i + 1) * width]
    }

    /// Number of vectors r.
    pub(crate) fn width(&self) -> usize {
        self.0.ncols()
    }

    /// All rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.0.nrows()).map(|i| self.row(i))
    }
}

/// Calls `work` with every row of a block in standard layout and its number, in parallel.
pub(crate) fn for_each_row(mut block: ArrayViewMut2<'_, f64>, work: impl Fn(usize, &mut [f64]) + Sync) {
    let tasks: Vec<_> = block.axis_chunks_iter_mut(Axis(0), ROWS_PER_TASK).enumerate().collect();
    tasks.into_par_iter().for_each(|(task, mut rows)| {
        for (local, mut row) in rows.rows_mut().into_iter().enumerate() {
            work(task * ROWS_PER_TASK + local, row.as_slice_mut().expect("a block in standard layout"));
        }
    });
}

/// `out += factor x`.
pub(crate) fn add_scaled(out: &mut [f64], factor: f64, x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += factor * x);
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;

    #[test]
    fn rows_are_those_of_the_block_whatever_its_layout() {
        let block = Array2::from_shape_fn((ROWS_PER_TASK + 3, 5), |(i, j)| (10 * i + j) as f64);
        for view in [block.view(), block.slice(s![.., 1..4]), block.slice(s![.., ..0]), block.slice(s![..7, ..]).t()] {
            let rows = Rows::of(&view);
            assert_eq!(rows.iter().count(), view.nrows());
            assert!(rows.iter().zip(view.rows()).all(|(slice, row)| row.iter().eq(slice)));
            let mut twice = Array2::zeros(view.dim());
            for_each_row(twice.view_mut(), |i, out| add_scaled(out, 2.0, rows.row(i)));
            assert_eq!(twice, 2.0 * &view);
        }
    }
}
