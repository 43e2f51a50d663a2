//! The cosines on a device: along each axis a product with the matrix of the frequencies that are kept.
//!
//! A dense product takes n K_a operations along axis a, more than n log N_a; but most often few frequencies are kept, and
//! one kernel of long sums is what a device is best at.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};

use super::Cosines;
use crate::basis::portions::{Clock, in_portions};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, GpuError, Shader};

/// The kernel of cosines.
pub const SHADER: Shader =
    Shader { name: "basis/dct", text: include_str!("../../../shaders/basis/dct.wgsl"), trusted: true };

/// Side of a tile of products.
const TILE: u32 = 16;

/// The constants that the shader's text takes from here.
pub fn prelude() -> String {
    format!("const TILE: u32 = {TILE}u;")
}

/// The columns of a cosine basis on a device; see [`Cosines::on_device`].
#[derive(Debug)]
pub struct CosinesOnDevice<'g> {
    gpu: &'g Gpu,
    cells: usize,
    columns: Vec<usize>,
    /// Axes of more than one cell, the slowest first.
    axes: Vec<Axis>,
}

#[derive(Debug)]
struct Axis {
    kept: usize,
    length: usize,
    /// Kept × length, and its transpose.
    matrices: [Buffer<f32>; 2],
}

impl Cosines {
    /// `α_p cos(π p (c + ½)/N)` along an axis: kept frequencies × cells.
    pub(in crate::basis) fn matrix(&self, axis: usize) -> Array2<f64> {
        let n = self.cells[axis] as f64;
        Array2::from_shape_fn((self.kept[axis], self.cells[axis]), |(p, c)| {
            let alpha = if p == 0 { 1.0 / n } else { 2.0 / n }.sqrt();
            alpha * (PI * p as f64 * (c as f64 + 0.5) / n).cos()
        })
    }

    /// The same columns on a device, in f32.
    ///
    /// # Errors
    /// [`GpuError`] where the device has no room.
    pub fn on_device<'g>(&self, gpu: &'g Gpu) -> Result<CosinesOnDevice<'g>, GpuError> {
        let axis = |a: usize| {
            let matrix = self.matrix(a).mapv(|x| x as f32);
            let upload = |m: ArrayView2<'_, f32>| {
                gpu.upload("cosines", m.as_standard_layout().as_slice().expect("in standard layout"))
            };
            let matrices = [upload(matrix.view())?, upload(matrix.t())?];
            Ok(Axis { kept: self.kept[a], length: self.cells[a], matrices })
        };
        let used = [2, 1, 0].into_iter().filter(|&a| self.cells[a] > 1);
        let cells = self.cells.iter().product();
        Ok(CosinesOnDevice {
            gpu,
            cells,
            columns: self.places.clone(),
            axes: used.map(axis).collect::<Result<_, GpuError>>()?,
        })
    }
}

impl CosinesOnDevice<'_> {
    /// `Φ V` for coefficients V (k × r).
    ///
    /// # Errors
    /// A failing device.
    pub fn apply_block(&self, v: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.apply_timed(v, &mut Clock::standing())
    }

    /// `Φᵀ U` for fields U (n × r).
    ///
    /// # Errors
    /// A failing device.
    pub fn adjoint_block(&self, u: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.adjoint_timed(u, &mut Clock::standing())
    }

    /// As [`Self::apply_block`], adding the device's seconds to a clock that runs.
    pub(in crate::basis) fn apply_timed(&self, v: ArrayView2<'_, f64>, clock: &mut Clock) -> Result<Array2<f64>> {
        assert_eq!(v.nrows(), self.columns.len(), "number of coefficients against the columns of the basis");
        let kept: usize = self.axes.iter().map(|axis| axis.kept).product();
        in_portions(v, self.cells, self.most_fields(), |v, count| {
            let mut boxes = vec![0.0f32; count * kept];
            for (values, v) in boxes.chunks_exact_mut(kept).zip(v.chunks_exact(self.columns.len())) {
                self.columns.iter().zip(v).for_each(|(&place, &v)| values[place] = v);
            }
            Ok(self.rotate(boxes, count, false, clock)?)
        })
    }

    /// As [`Self::adjoint_block`], adding the device's seconds to a clock that runs.
    pub(in crate::basis) fn adjoint_timed(&self, u: ArrayView2<'_, f64>, clock: &mut Clock) -> Result<Array2<f64>> {
        assert_eq!(u.nrows(), self.cells, "length of a field against the cells of a basis");
        let kept: usize = self.axes.iter().map(|axis| axis.kept).product();
        in_portions(u, self.columns.len(), self.most_fields(), |u, count| {
            let boxes = self.rotate(u.to_vec(), count, true, clock)?;
            let columns = |values: &[f32]| self.columns.iter().map(|&place| values[place]).collect::<Vec<_>>();
            Ok(boxes.chunks_exact(kept).flat_map(columns).collect())
        })
    }

    fn most_fields(&self) -> usize {
        ((self.gpu.max_binding() / 4) as usize / self.cells).max(1)
    }

    /// The products along all axes of `count` fields: from cells to frequencies, or back.
    fn rotate(&self, fields: Vec<f32>, count: usize, forward: bool, clock: &mut Clock) -> Result<Vec<f32>, GpuError> {
        let mut batch = self.gpu.batch();
        let mut length = fields.len() / count;
        let mut from = self.gpu.upload("fields", &fields)?;
        for Axis { kept, length: cells, matrices } in &self.axes {
            let (before, after) = if forward { (*cells, *kept) } else { (*kept, *cells) };
            let matrix = &matrices[usize::from(!forward)];
            let lines = length / before;
            length = lines * after;
            let to = self.gpu.zeros("rotated fields", count * length)?;
            let shape = self.gpu.uniform("shape", [count, lines, before, after].map(|x| x as u32))?;
            let tiles = |values: usize| values.div_ceil(TILE as usize) as u64;
            let groups = [count as u64 * tiles(lines) * tiles(after), 1, 1];
            let bindings = [shape.bind(), matrix.bind(), from.bind(), to.bind()];
            batch.dispatch(&SHADER, "rotate", &prelude(), &bindings, groups)?;
            from = to;
        }
        clock.run(batch)?;
        self.gpu.read(&from)
    }
}
