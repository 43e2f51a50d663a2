//! Windows as short points: their projections on leading components, and the norm of what these leave.
//!
//! With an orthonormal basis P of c components, one a row, and the residual norm `ρ(x)² = ‖x‖² − ‖Px‖²`, the point
//! `a(x) = (Px, ρ(x))` satisfies `‖q − r‖ ≥ ‖a(q) − a(r)‖`: Pythagoras in the span of P, the triangle inequality beside
//! it. A computed point â differs from a by at most η(x), so that `‖q − r‖ ≥ ‖â(q) − â(r)‖ − η(q) − η(r)` holds for the
//! numbers that the computer has, whatever the basis.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use rayon::prelude::*;

use super::learning_set::LearningSet;
use super::template::Stencil;

/// Windows that the basis is learnt from, at most.
const SAMPLE: usize = 384;
/// Windows that one task describes at once.
const BLOCK: usize = 64;
/// Cells that are brought together for one product, about: what a second-level cache holds of `BLOCK` windows.
const CHUNK: usize = 512;
/// Half the distance from 1 to the next f64, and to the next f32.
const EPS64: f64 = f64::EPSILON / 2.0;
const EPS32: f64 = f32::EPSILON as f64 / 2.0;

/// An orthonormal basis of windows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Components {
    /// Number of components c.
    pub(super) count: usize,
    /// P, one component a row, c × n_w.
    pub(super) basis: Vec<f64>,
    /// What every window is shifted by before it is projected: keeps norms, and with them rounding, small.
    pub(super) shift: f64,
    /// `‖P Pᵀ − 1‖` (Frobenius).
    pub(super) defect: f64,
    /// Mean squared distance between two windows of the learning set.
    pub(super) spread: f64,
    chunks: Vec<(Range<usize>, Range<usize>)>,
}

/// Points of windows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Points {
    /// â, c + 1 numbers a window.
    pub(super) coordinates: Vec<f32>,
    /// `‖x‖²` of the shifted window.
    pub(super) norm2: Vec<f64>,
    /// η, the largest distance of â from a.
    pub(super) error: Vec<f64>,
}

impl Components {
    /// The `count` leading components of some hundreds of windows of the learning set, evenly taken from it.
    pub(super) fn learn(stencil: &Stencil, set: &LearningSet, count: usize) -> Self {
        let (cells, sample) = (stencil.len(), set.len().min(SAMPLE));
        let count = count.min(sample).min(cells);
        let window = |number: usize| set.features(number * set.len() / sample);
        let mut windows = vec![0.0f64; sample * cells];
        windows.par_chunks_mut(cells).enumerate().for_each(|(number, x)| {
            let image = window(number);
            let values = stencil.ranges(0).flat_map(|run| &image[run]);
            x.iter_mut().zip(values).for_each(|(x, &value)| *x = f64::from(value));
        });
        // A number of f32, so that windows shifted in f32 and in f64 are the same windows.
        let shift = f64::from((windows.iter().sum::<f64>() / windows.len() as f64) as f32);
        windows.iter_mut().for_each(|x| *x -= shift);
        let x = MatRef::from_column_major_slice(&windows, cells, sample);
        let mut gram = Mat::<f64>::zeros(sample, sample);
        matmul(gram.as_mut(), Accum::Replace, x.transpose(), x, 1.0, Par::Seq);
        let spread = mean_squared_distance(gram.as_ref());
        let leading = leading_directions(x, gram.as_ref(), count);
        // Householder's QR gives orthonormal columns even where the leading directions are not independent.
        let orthonormal = leading.qr().compute_thin_Q();
        let basis: Vec<f64> =
            (0..count).flat_map(|j| (0..cells).map(move |i| (i, j))).map(|at| orthonormal[at]).collect();
        let mut defect = Mat::<f64>::zeros(count, count);
        matmul(defect.as_mut(), Accum::Replace, orthonormal.transpose(), &orthonormal, 1.0, Par::Seq);
        let off = |i: usize, j: usize| (defect[(i, j)] - f64::from(u8::from(i == j))).powi(2);
        let defect2: f64 = (0..count).flat_map(|j| (0..count).map(move |i| (i, j))).map(|(i, j)| off(i, j)).sum();
        let rounding = (cells * count) as f64 * 2.0 * EPS64;
        Self { count, basis, shift, defect: defect2.sqrt() + rounding, spread, chunks: chunks(stencil) }
    }

    /// Numbers a point has.
    pub(super) fn width(&self) -> usize {
        self.count + 1
    }

    /// The points of `count` windows, `window(i)` from its origin on.
    pub(super) fn describe<'a>(
        &self,
        stencil: &Stencil,
        count: usize,
        window: impl Fn(usize) -> &'a [f32] + Sync,
    ) -> Points {
        let width = self.width();
        let mut points =
            Points { coordinates: vec![0.0; count * width], norm2: vec![0.0; count], error: vec![0.0; count] };
        let blocks = points.coordinates.par_chunks_mut(BLOCK * width);
        let blocks = blocks.zip(points.norm2.par_chunks_mut(BLOCK)).zip(points.error.par_chunks_mut(BLOCK));
        blocks.enumerate().for_each(|(block, ((coordinates, norm2), error))| {
            self.describe_block(stencil, |i| window(block * BLOCK + i), coordinates, norm2, error);
        });
        points
    }

    fn describe_block<'a>(
        &self,
        stencil: &Stencil,
        window: impl Fn(usize) -> &'a [f32],
        coordinates: &mut [f32],
        norm2: &mut [f64],
        error: &mut [f64],
    ) {
        let (count, cells, windows) = (self.count, stencil.len(), norm2.len());
        let mut projected = vec![0.0f64; windows * count];
        let mut x = Vec::new();
        for (runs, chunk) in &self.chunks {
            x.clear();
            for i in 0..windows {
                let (image, first) = (window(i), x.len());
                for run in &stencil.runs()[runs.clone()] {
                    x.extend(image[run.offset..run.offset + run.length].iter().map(|&v| f64::from(v) - self.shift));
                }
                norm2[i] += squared_norm(&x[first..]);
            }
            let basis = MatRef::from_row_major_slice_with_stride(&self.basis[chunk.start..], count, chunk.len(), cells);
            let x = MatRef::from_column_major_slice(&x, chunk.len(), windows);
            let target = MatMut::from_column_major_slice_mut(&mut projected, count, windows);
            matmul(target, Accum::Add, basis, x, 1.0, Par::Seq);
        }
        for i in 0..windows {
            let point = &mut coordinates[i * (count + 1)..][..count + 1];
            let projection = &projected[i * count..][..count];
            point.iter_mut().zip(projection).for_each(|(p, &value)| *p = value as f32);
            let inside = squared_norm(projection);
            let residual2 = (norm2[i] - inside).max(0.0);
            point[count] = residual2.sqrt() as f32;
            error[i] = self.error(cells, norm2[i], residual2);
        }
    }

    /// η of a window from its computed norms. With `δ = ‖P Pᵀ − 1‖ + (n_w + 4) √c ε₆₄` a computed projection is within
    /// `δ ‖x‖` of one on an exactly orthonormal basis, `ρ²` within `4 δ ‖x‖²`, and ρ within `min(√·, ·/ρ)` of that;
    /// then each coordinate is rounded to f32, or underflows.
    fn error(&self, cells: usize, norm2: f64, residual2: f64) -> f64 {
        let delta = self.defect + (cells + 4) as f64 * (self.count as f64).sqrt().max(1.0) * 2.0 * EPS64;
        let residual_error2 = 4.0 * delta * norm2;
        let residual_error = residual_error2.sqrt().min(residual_error2 / residual2.sqrt().max(f64::MIN_POSITIVE));
        let underflow = self.width() as f64 * f64::from(f32::MIN_POSITIVE);
        delta * norm2.sqrt() + residual_error + 1.01 * EPS32 * norm2.sqrt() + underflow
    }
}

/// `Σ x²` in eight interleaved sums.
fn squared_norm(x: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (blocks, rest) = x.as_chunks::<8>();
    for block in blocks {
        for lane in 0..8 {
            lanes[lane] += block[lane] * block[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| x * x).sum::<f64>()
}

/// Mean of `‖xᵢ − xⱼ‖²` over all pairs i ≠ j, from the Gram matrix.
fn mean_squared_distance(gram: MatRef<'_, f64>) -> f64 {
    let n = gram.nrows();
    if n < 2 {
        return gram.get(0, 0).max(0.0);
    }
    let trace: f64 = (0..n).map(|i| gram[(i, i)]).sum();
    let total: f64 = (0..n).map(|j| (0..n).map(|i| gram[(i, j)]).sum::<f64>()).sum();
    (2.0 * (n as f64 * trace - total) / (n * (n - 1)) as f64).max(0.0)
}

/// `X V` for the eigenvectors V of the Gram matrix with the largest eigenvalues; the first windows where the
/// decomposition fails, since any directions serve, only less well.
fn leading_directions(x: MatRef<'_, f64>, gram: MatRef<'_, f64>, count: usize) -> Mat<f64> {
    match gram.self_adjoint_eigen(Side::Lower) {
        Ok(eigen) => {
            let vectors = eigen.U();
            let n = vectors.ncols();
            let leading = Mat::from_fn(n, count, |i, j| vectors[(i, n - 1 - j)]);
            let mut out = Mat::zeros(x.nrows(), count);
            matmul(out.as_mut(), Accum::Replace, x, leading.as_ref(), 1.0, Par::Seq);
            out
        }
        Err(_) => x.subcols(0, count).to_owned(),
    }
}

/// Runs in groups of about `CHUNK` cells: (runs, cells of the window).
fn chunks(stencil: &Stencil) -> Vec<(Range<usize>, Range<usize>)> {
    let runs = stencil.runs();
    let mut out = Vec::new();
    let (mut first_run, mut first_cell, mut cell) = (0, 0, 0);
    for (number, run) in runs.iter().enumerate() {
        cell += run.length;
        if cell - first_cell >= CHUNK || number + 1 == runs.len() {
            out.push((first_run..number + 1, first_cell..cell));
            (first_run, first_cell) = (number + 1, cell);
        }
    }
    out
}
