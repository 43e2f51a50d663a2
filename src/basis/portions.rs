//! What the transforms on a device share: fields go there in portions that fit, as f32.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::Result;
use crate::gpu::{Batch, GpuError};

/// Adds up the seconds that the device spends, where it runs.
#[derive(Debug)]
pub(super) struct Clock(Option<f64>);

impl Clock {
    /// A clock that runs.
    pub(super) fn running() -> Self {
        Self(Some(0.0))
    }

    /// A clock that stands.
    pub(super) fn standing() -> Self {
        Self(None)
    }

    /// The seconds so far, of a clock that runs.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.0
    }

    /// Submits a batch, and waits for it only where it is timed.
    pub(super) fn run(&mut self, batch: Batch<'_>) -> Result<(), GpuError> {
        match &mut self.0 {
            None => batch.submit(),
            Some(seconds) => {
                *seconds += batch.time()?;
                Ok(())
            }
        }
    }
}

/// `f(columns one after the other, how many)` for portions of at most `most` columns of `x`, whose results are columns
/// of `rows` values.
pub(super) fn in_portions(
    x: ArrayView2<'_, f64>,
    rows: usize,
    most: usize,
    mut f: impl FnMut(&[f32], usize) -> Result<Vec<f32>>,
) -> Result<Array2<f64>> {
    let mut out = Vec::with_capacity(rows * x.ncols());
    for portion in x.axis_chunks_iter(Axis(1), most) {
        let packed = packed(portion);
        out.extend(f(&packed, portion.ncols())?.into_iter().map(f64::from));
    }
    Ok(Array2::from_shape_vec((x.ncols(), rows), out).expect("a result a column").reversed_axes())
}

/// Rows that one task transposes: few enough for a cache.
const ROWS_PER_TASK: usize = 512;

/// The columns one after the other, as f32.
fn packed(x: ArrayView2<'_, f64>) -> Vec<f32> {
    let mut out = Array2::zeros((x.ncols(), x.nrows()));
    let tasks: Vec<_> =
        out.axis_chunks_iter_mut(Axis(1), ROWS_PER_TASK).zip(x.axis_chunks_iter(Axis(0), ROWS_PER_TASK)).collect();
    tasks.into_par_iter().for_each(|(mut out, x)| out.zip_mut_with(&x.t(), |out, &x| *out = x as f32));
    out.into_raw_vec_and_offset().0
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn portions_are_put_together_again() {
        let x = array![[1.0, 2.0, 3.0, 4.0, 5.0], [10.0, 20.0, 30.0, 40.0, 50.0]];
        for most in 1..7 {
            let mut counts = Vec::new();
            let sums = in_portions(x.view(), 1, most, |packed, count| {
                counts.push(count);
                Ok(packed.chunks_exact(2).map(|field| field[0] + field[1]).collect())
            });
            assert_eq!(sums.unwrap(), array![[11.0, 22.0, 33.0, 44.0, 55.0]]);
            assert!(counts.iter().all(|&count| count <= most) && counts.iter().sum::<usize>() == 5);
        }
    }

    #[test]
    fn columns_are_packed_one_after_the_other() {
        for n in [1, ROWS_PER_TASK, ROWS_PER_TASK + 1, 3 * ROWS_PER_TASK - 2] {
            let x = Array2::from_shape_fn((n, 3), |(i, j)| (10 * i + j) as f64);
            let expected: Vec<f32> = (0..3).flat_map(|j| (0..n).map(move |i| (10 * i + j) as f32)).collect();
            assert_eq!(packed(x.view()), expected);
        }
    }
}
