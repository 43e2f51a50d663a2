//! Blocks of vectors in single precision, each vector in units of its largest magnitude: how devices are given them.

use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::rows::{ROWS_PER_TASK, Rows, fold_columns, for_each_row};

/// The largest magnitude in each column; 1 in a column of zeros.
pub(crate) fn sizes(block: ArrayView2<'_, f64>) -> Vec<f64> {
    let most = fold_columns(block, |most, _, x| most.max(x.abs()), f64::max);
    most.into_iter().map(|most| if most == 0.0 { 1.0 } else { most }).collect()
}

/// The block with its columns divided by `sizes`, row by row.
pub(crate) fn rounded(block: ArrayView2<'_, f64>, sizes: &[f64]) -> Vec<f32> {
    let (rows, width) = (Rows::of(&block), sizes.len());
    let mut out = vec![0.0f32; block.len()];
    if width > 0 {
        out.par_chunks_mut(width).with_min_len(ROWS_PER_TASK).enumerate().for_each(|(row, out)| {
            for ((out, x), size) in out.iter_mut().zip(rows.row(row)).zip(sizes) {
                *out = (x / size) as f32;
            }
        });
    }
    out
}

/// Adds the columns of `single`, which lies as [`rounded`] leaves it, times `sizes` to those of a block whose rows are
/// contiguous.
pub(crate) fn add(block: ArrayViewMut2<'_, f64>, single: &[f32], sizes: &[f64]) {
    let width = sizes.len();
    for_each_row(block, |row, out| {
        for ((out, &x), size) in out.iter_mut().zip(&single[row * width..]).zip(sizes) {
            *out += f64::from(x) * size;
        }
    });
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;

    #[test]
    fn columns_of_any_size_come_back_to_within_the_rounding_of_single_precision() {
        let n = ROWS_PER_TASK + 5;
        let wide = Array2::from_shape_fn((n, 6), |(i, j)| [0.0, 1e-300, 1e300, -3.0][j % 4] * ((i + j) as f64).sin());
        for block in [wide.view(), wide.slice(s![.., 1..4]), wide.slice(s![.., ..0])] {
            let sizes = sizes(block);
            for (column, size) in block.columns().into_iter().zip(&sizes) {
                let most = column.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                assert_eq!(*size, if most == 0.0 { 1.0 } else { most });
            }
            let mut twice = block.to_owned();
            add(twice.view_mut(), &rounded(block, &sizes), &sizes);
            for ((i, j), x) in twice.indexed_iter() {
                assert!((x - 2.0 * block[[i, j]]).abs() <= sizes[j] / f64::from(1u32 << 23), "{i}, {j}");
            }
        }
    }
}
