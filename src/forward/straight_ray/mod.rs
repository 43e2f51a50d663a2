//! Travel times along straight rays: `t_r = ∫_ray s dl = Σ_c L_rc s_c`, without a stored matrix.
//!
//! - s: slowness of the cells, n values \[s/m\];
//! - t: travel times, m values \[s\];
//! - L_rc: length of ray r inside cell c \[m\], exact (Siddon 1985; Amanatides and Woo 1987), never sampled.
//!
//! Conventions. A ray that runs along a face between cells is shared half and half by the two (by four along an edge of
//! a block); on the outer boundary of the grid there is one neighbour, which has it all, so that the lengths of a ray
//! always sum to its length inside the closed grid. Parts outside of the grid carry no travel time, or that of a stated
//! background slowness. A ray of no length gives 0. In a 2-D grid (nz = 1) the third coordinate does not matter.

mod check;
mod device;
mod path;
mod survey;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use ndarray::{Array1, ArrayView1};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::operator::{LinearOperator, Linearized, Operator};

pub use check::{measure, measured_surveys, verify};
use device::Device;
pub use device::{SHADER, prelude};
use path::Path;
pub use survey::{Side, crosshole};

/// Slabs into which the adjoint divides the image: one owner a slab adds all rays in their order, so that no partial
/// image is needed and the sums do not depend on the number of threads.
const SLABS: usize = 16;

/// A straight ray.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// Where it starts \[m\].
    pub source: [f64; 3],
    /// Where it ends \[m\].
    pub receiver: [f64; 3],
}

/// The ray matrix G = (L_rc), m × n, and the travel times `g(s) = G s + t_out` that it predicts, where
/// `t_out` is the constant time that the parts outside of the grid take at the background slowness.
#[derive(Debug)]
pub struct StraightRays<'g> {
    grid: Grid,
    paths: Vec<Path>,
    /// Travel time outside of the grid, m values \[s\].
    outside: Array1<f64>,
    device: Option<Device<'g>>,
}

impl StraightRays<'_> {
    /// Traces `rays` through `grid`. `background` is the slowness \[s/m\] outside of the grid.
    ///
    /// # Errors
    /// Coordinates that are not finite, or absurdly far; rays that lie entirely outside of the grid, unless there is a
    /// background; a background that is not finite or is negative.
    pub fn new(grid: Grid, rays: Vec<Ray>, background: Option<f64>) -> Result<Self> {
        assert!(!grid.is_empty(), "a grid of {:?} cells has nothing to trace", grid.cells);
        assert!(grid.len() < 1 << 31, "{} cells are more than a ray's cell numbers hold", grid.len());
        if let Some(slowness) = background.filter(|s| !s.is_finite() || *s < 0.0) {
            return Err(Error::input(
                "background slowness",
                format!("{slowness} s/m is not a slowness"),
                "give a finite number of s/m that is not negative, or none",
            ));
        }
        let trace = |(r, ray)| Path::new(&grid, r, ray);
        // One thread finds the first wrong ray, many find any.
        let paths: Result<Vec<Path>> = rays.par_iter().enumerate().map(trace).collect();
        let paths = paths.or_else(|_| rays.iter().enumerate().map(trace).collect::<Result<Vec<Path>>>())?;
        if background.is_none() {
            Self::refuse_misses(&grid, &rays, &paths)?;
        }
        let outside = paths.iter().map(|p| p.outside * background.unwrap_or(0.0)).collect();
        Ok(Self { grid, paths, outside, device: None })
    }

    /// The same rays with [`apply`](LinearOperator::apply) and [`adjoint`](LinearOperator::adjoint) on a device, in f32.
    ///
    /// # Errors
    /// A device without room for the survey.
    pub fn with_gpu(self, gpu: &Gpu) -> Result<StraightRays<'_>> {
        let device = Device::new(gpu, &self.paths, self.grid.len(), gpu.max_binding())?;
        let Self { grid, paths, outside, .. } = self;
        Ok(StraightRays { grid, paths, outside, device: Some(device) })
    }

    fn refuse_misses(grid: &Grid, rays: &[Ray], paths: &[Path]) -> Result<()> {
        let missing: Vec<usize> = (0..paths.len()).filter(|&r| paths[r].misses).collect();
        let Some(&first) = missing.first() else { return Ok(()) };
        let mut named = missing.iter().take(5).map(usize::to_string).collect::<Vec<_>>().join(", ");
        if missing.len() > 5 {
            named += ", …";
        }
        let (Ray { source, receiver }, far) = (rays[first], grid.size());
        Err(Error::input(
            format!("rays {named} (counted from 0)"),
            format!(
                "{} of {} rays lie entirely outside of the grid: ray {first} goes from {source:?} to {receiver:?} m, \
                 the grid from {:?} to {:?} m",
                missing.len(),
                rays.len(),
                grid.origin,
                std::array::from_fn::<_, 3, _>(|a| grid.origin[a] + far[a]),
            ),
            "check the units and the origin of the coordinates, leave these rays out, or state a background slowness",
        ))
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Visits the cells that ray `r` crosses, in order along it, with its length in each \[m\], every cell once.
    pub fn row(&self, r: usize, mut visit: impl FnMut(usize, f64)) {
        let path = &self.paths[r];
        path.visit(0..path.columns, |cell, length| {
            if length > 0.0 {
                visit(cell, length);
            }
        });
    }

    /// Length of ray `r` inside the grid \[m\]: the sum of its row.
    pub fn length_inside(&self, r: usize) -> f64 {
        self.paths[r].inside()
    }

    /// The travel times of the parts outside of the grid, m values \[s\]: 0 without a background.
    pub fn outside_times(&self) -> ArrayView1<'_, f64> {
        self.outside.view()
    }

    /// `G s`, the fallible form of [`apply`](LinearOperator::apply).
    ///
    /// # Errors
    /// A failing device.
    pub fn times(&self, slowness: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        assert_eq!(slowness.len(), self.cols(), "one slowness a cell");
        let slowness = contiguous(&slowness);
        let Some(device) = &self.device else { return Ok(self.apply_on_cpu(&slowness)) };
        device.healthy()?;
        let sums = device.forward(&slowness)?;
        Ok(self.paths.iter().zip(sums).map(|(path, sum)| path.scale * f64::from(sum)).collect())
    }

    /// `Gᵀ y`, the fallible form of [`adjoint`](LinearOperator::adjoint).
    ///
    /// # Errors
    /// A failing device.
    pub fn back_projection(&self, y: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        assert_eq!(y.len(), self.rows(), "one value a ray");
        let y = contiguous(&y);
        let Some(device) = &self.device else { return Ok(self.adjoint_on_cpu(&y)) };
        device.healthy()?;
        let unit = self.adjoint_unit(&y);
        if !unit.is_normal() {
            return Ok(self.adjoint_on_cpu(&y));
        }
        Ok(device.adjoint(&self.weights(&y, unit))?.into_iter().map(|sum| f64::from(sum) * unit).collect())
    }

    /// The unit in which the device adds `Gᵀ y` in integers: no ray is longer in a cell than its diagonal, so that no sum
    /// of a cell reaches 2⁶². A normal number unless y is 0, not finite, or beyond all measure.
    fn adjoint_unit(&self, y: &[f64]) -> f64 {
        let axes = if self.grid.is_2d() { 2 } else { 3 };
        let diagonal = self.grid.spacing[..axes].iter().map(|d| d * d).sum::<f64>().sqrt();
        let most = y.iter().map(|y| y.abs()).sum::<f64>() * diagonal;
        (most.log2().ceil() - 61.0).exp2()
    }

    /// Number of entries of G that are not 0, but for corners that a ray only touches.
    pub fn entries(&self) -> usize {
        self.paths.par_iter().map(Path::entries).sum()
    }

    /// Seconds on the device of [`times`](Self::times) and [`back_projection`](Self::back_projection), without
    /// transfers; 0 without a device.
    fn device_seconds(&self, slowness: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> Result<[f64; 2]> {
        let Some(device) = &self.device else { return Ok([0.0; 2]) };
        let weights = self.weights(&contiguous(&y), self.adjoint_unit(&contiguous(&y)));
        Ok(device.time(&contiguous(&slowness), &weights)?)
    }

    /// The weights of the rays, in units of their scale, for sums in integers of `unit`.
    fn weights(&self, y: &[f64], unit: f64) -> Vec<f64> {
        self.paths.iter().zip(y).map(|(path, y)| y * path.scale / unit).collect()
    }

    /// A result of the device or, where it fails, of the CPU: the failure is kept for the next call that can return it.
    fn or_on_cpu(&self, result: Result<Array1<f64>>, on_cpu: impl FnOnce() -> Array1<f64>) -> Array1<f64> {
        result.unwrap_or_else(|error| {
            if let (Some(device), Error::Gpu(error)) = (&self.device, error) {
                device.record(error);
            }
            on_cpu()
        })
    }

    fn apply_on_cpu(&self, x: &[f64]) -> Array1<f64> {
        let time = |path: &Path| {
            let mut sum = 0.0;
            path.visit(0..path.columns, |cell, length| sum += length * x[cell]);
            sum
        };
        let times: Vec<f64> = self.paths.par_iter().with_min_len(64).map(time).collect();
        Array1::from(times)
    }

    fn adjoint_on_cpu(&self, y: &[f64]) -> Array1<f64> {
        let mut image = vec![0.0; self.grid.len()];
        let [nx, ny, nz] = self.grid.cells;
        let (axis, plane, planes) = if self.grid.is_2d() { (1, nx, ny) } else { (2, nx * ny, nz) };
        let thickness = planes.div_ceil(SLABS);
        image.par_chunks_mut(thickness * plane).enumerate().for_each(|(slab, image)| {
            let first = slab * thickness;
            let range = first as u32..(first + image.len() / plane) as u32;
            for (path, &weight) in self.paths.iter().zip(y) {
                let columns = path.columns_in(axis, plane as u32, range.clone());
                if columns.is_empty() {
                    continue;
                }
                path.visit(columns, |cell, length| {
                    // A cell below the slab wraps to a huge number.
                    if let Some(sum) = image.get_mut(cell.wrapping_sub(first * plane)) {
                        *sum += length * weight;
                    }
                });
            }
        });
        Array1::from(image)
    }
}

/// The numbers of a view in one piece.
fn contiguous<'a>(x: &'a ArrayView1<'_, f64>) -> Cow<'a, [f64]> {
    x.as_slice().map_or_else(|| Cow::Owned(x.to_vec()), Cow::Borrowed)
}

/// Where a device fails, the result is the CPU's and the next [`Operator::predict`] or [`Operator::linearize`] says what
/// happened.
impl LinearOperator for StraightRays<'_> {
    fn rows(&self) -> usize {
        self.paths.len()
    }
    fn cols(&self) -> usize {
        self.grid.len()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.or_on_cpu(self.times(x), || self.apply_on_cpu(&contiguous(&x)))
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.or_on_cpu(self.back_projection(y), || self.adjoint_on_cpu(&contiguous(&y)))
    }
}

impl Operator for StraightRays<'_> {
    fn inputs(&self) -> usize {
        self.grid.len()
    }
    fn outputs(&self) -> usize {
        self.paths.len()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(self.times(x)? + &self.outside)
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        Ok(Linearized { value: self.predict(x)?, jacobian: Box::new(self) })
    }
}
