//! Blocks of vectors by their rows: what one cell has in every vector stands side by side.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, CowArray, Ix2};
use rayon::prelude::*;

/// Rows that one task works on: fixed, so that results do not depend on the number of threads.
pub(crate) const ROWS_PER_TASK: usize = 4096;

/// The rows of a block (n × r) as slices; a block whose rows are not contiguous is copied.
pub(crate) enum Rows<'a> {
    /// Rows that follow each other.
    Dense(CowArray<'a, f64, Ix2>),
    /// Parts of the rows of a wider block.
    Parts(ArrayView2<'a, f64>),
}

impl<'a> Rows<'a> {
    pub(crate) fn of(block: &'a ArrayView2<'_, f64>) -> Self {
        match !block.is_standard_layout() && block.strides()[1] == 1 {
            true => Self::Parts(block.view()),
            false => Self::Dense(block.as_standard_layout()),
        }
    }

    /// Row i.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        match self {
            Self::Dense(block) => {
                let (numbers, width) = (block.as_slice().expect("a block in standard layout"), block.ncols());
                &numbers[i * width..(i + 1) * width]
            }
            Self::Parts(block) => block.row(i).to_slice().expect("rows are contiguous"),
        }
    }

    /// Number of vectors r.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Dense(block) => block.ncols(),
            Self::Parts(block) => block.ncols(),
        }
    }
}

/// Calls `work` with every row, of contiguous numbers, of a block and with its number, in parallel.
pub(crate) fn for_each_row(mut block: ArrayViewMut2<'_, f64>, work: impl Fn(usize, &mut [f64]) + Sync) {
    let tasks: Vec<_> = block.axis_chunks_iter_mut(Axis(0), ROWS_PER_TASK).enumerate().collect();
    tasks.into_par_iter().for_each(|(task, mut rows)| {
        for (local, mut row) in rows.rows_mut().into_iter().enumerate() {
            work(task * ROWS_PER_TASK + local, row.as_slice_mut().expect("rows are contiguous"));
        }
    });
}

/// What `add` gathers of every column, from zero on, of its entries and their rows, in parallel; `join` puts what tasks
/// gathered together, always in the same order.
pub(crate) fn fold_columns(
    block: ArrayView2<'_, f64>,
    add: impl Fn(f64, usize, f64) -> f64 + Sync,
    join: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let (n, rows) = (block.nrows(), Rows::of(&block));
    let tasks: Vec<usize> = (0..n).step_by(ROWS_PER_TASK).collect();
    let of_task = |start: usize| {
        let mut gathered = vec![0.0; rows.width()];
        for row in start..(start + ROWS_PER_TASK).min(n) {
            gathered.iter_mut().zip(rows.row(row)).for_each(|(gathered, &x)| *gathered = add(*gathered, row, x));
        }
        gathered
    };
    let parts: Vec<Vec<f64>> = tasks.into_par_iter().map(of_task).collect();
    parts.into_iter().fold(vec![0.0; rows.width()], |mut all, part| {
        all.iter_mut().zip(part).for_each(|(all, part)| *all = join(*all, part));
        all
    })
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
            assert_eq!(rows.width(), view.ncols());
            assert!(view.rows().into_iter().enumerate().all(|(i, row)| row.iter().eq(rows.row(i))));
            let mut twice = Array2::zeros(view.dim());
            for_each_row(twice.view_mut(), |i, out| add_scaled(out, 2.0, rows.row(i)));
            assert_eq!(twice, 2.0 * &view);
            let sums = fold_columns(view, |sum, row, x| sum + (row + 1) as f64 * x, |a, b| a + b);
            for (sum, column) in sums.into_iter().zip(view.columns()) {
                assert_eq!(sum, column.iter().enumerate().map(|(row, x)| (row + 1) as f64 * x).sum::<f64>());
            }
        }
    }
}
