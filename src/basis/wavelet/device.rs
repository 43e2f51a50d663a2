//! Wavelets on a device: one dispatch an axis and level.
//!
//! The averages and details of a level lie in a box of their own. The first pass of the next level reads its averages
//! out of the corner of that box, and on the way back the last pass writes them there, so that nothing is copied
//! between levels; the host puts details where they belong among the columns.

use bytemuck::{Pod, Zeroable};
use ndarray::{Array2, ArrayView2};

use super::Wavelets;
use crate::basis::Transform;
use crate::basis::portions::{Clock, in_portions};
use crate::error::Result;
use crate::gpu::{Batch, Buffer, Gpu, GpuError, Shader};

/// The kernels of wavelets.
pub const SHADER: Shader =
    Shader { name: "basis/wavelet", text: include_str!("../../../shaders/basis/wavelet.wgsl"), trusted: true };

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

/// The constants that the shader's text takes from here.
pub fn prelude() -> String {
    format!("const WORKGROUP: u32 = {WORKGROUP}u;")
}

/// The columns of a wavelet basis on a device; see [`Wavelets::on_device`].
#[derive(Debug)]
pub struct WaveletsOnDevice<'g> {
    gpu: &'g Gpu,
    wavelets: Wavelets,
    filters: Buffer<f32>,
}

/// `Pass` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Pass {
    fields: u32,
    lines: u32,
    length: u32,
    filters: u32,
    taps: u32,
    along: u32,
    inner: u32,
    between: u32,
    outer: u32,
    read: u32,
    written: u32,
    padding: u32,
}

/// Where value t of line l lies: at `t along + l / inner · outer + l % inner · between`.
#[derive(Debug, Clone, Copy)]
struct Strides {
    along: usize,
    inner: usize,
    between: usize,
    outer: usize,
}

impl Wavelets {
    /// The same columns on a device, in f32.
    ///
    /// # Errors
    /// [`GpuError`] where the device has no room.
    pub fn on_device<'g>(&self, gpu: &'g Gpu) -> Result<WaveletsOnDevice<'g>, GpuError> {
        let taps: Vec<f32> = self.filters.all().map(|f| f as f32).collect();
        Ok(WaveletsOnDevice { gpu, wavelets: self.clone(), filters: gpu.upload("filters", &taps)? })
    }

    /// Twice `size` along the axes in use: averages and details of a scale side by side.
    fn doubled(&self, mut size: [usize; 3]) -> [usize; 3] {
        self.axes.iter().for_each(|&a| size[a] *= 2);
        size
    }
}

impl WaveletsOnDevice<'_> {
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
        let w = &self.wavelets;
        assert_eq!(v.nrows(), w.columns(), "number of coefficients against the columns of the basis");
        in_portions(v, w.cells(), self.most_fields(), |v, count| Ok(self.synthesize(v, count, clock)?))
    }

    /// As [`Self::adjoint_block`], adding the device's seconds to a clock that runs.
    pub(in crate::basis) fn adjoint_timed(&self, u: ArrayView2<'_, f64>, clock: &mut Clock) -> Result<Array2<f64>> {
        let w = &self.wavelets;
        assert_eq!(u.nrows(), w.cells(), "length of a field against the cells of a basis");
        in_portions(u, w.columns(), self.most_fields(), |u, count| Ok(self.analyze(u, count, clock)?))
    }

    fn most_fields(&self) -> usize {
        ((self.gpu.max_binding() / 4) as usize / self.wavelets.cells()).max(1)
    }

    fn dispatch(
        &self,
        batch: &mut Batch<'_>,
        entry: &str,
        pass: Pass,
        buffers: [&Buffer<f32>; 2],
        threads: usize,
    ) -> Result<(), GpuError> {
        let pass = self.gpu.uniform("pass", pass)?;
        let bindings = [pass.bind(), self.filters.bind(), buffers[0].bind(), buffers[1].bind()];
        let groups = [threads.div_ceil(WORKGROUP as usize) as u64, 1, 1];
        batch.dispatch(&SHADER, entry, &prelude(), &bindings, groups)?;
        Ok(())
    }

    fn pass(&self, count: usize, lines: usize, length: usize, both: bool, strides: Strides) -> Pass {
        let Strides { along, inner, between, outer } = strides;
        Pass {
            fields: count as u32,
            lines: lines as u32,
            length: length as u32,
            filters: if both { 2 } else { 1 },
            taps: self.wavelets.filters.taps() as u32,
            along: along as u32,
            inner: inner as u32,
            between: between as u32,
            outer: outer as u32,
            read: 0,
            written: 0,
            padding: 0,
        }
    }

    /// The columns of `count` fields.
    fn analyze(&self, u: &[f32], count: usize, clock: &mut Clock) -> Result<Vec<f32>, GpuError> {
        let (w, gpu) = (&self.wavelets, self.gpu);
        let mut batch = gpu.batch();
        let mut from = gpu.upload("fields", u)?;
        // Sides of the box that `from` is.
        let mut around = w.cells;
        let mut boxes = Vec::new();
        for scale in (0..w.levels).rev() {
            let (size, both) = (w.size(scale), scale < w.scales);
            let mut elements: usize = w.doubled(size).iter().product();
            let mut per_field: usize = around.iter().product();
            for (step, &axis) in w.axes.iter().rev().enumerate() {
                let length = 2 * size[axis];
                let lines = elements / length;
                let strides = match step {
                    0 => corner_of_slowest(axis, around, 2 * size[0]),
                    _ => Strides { along: lines, inner: lines, between: 1, outer: 0 },
                };
                let written = lines * if both { length } else { length / 2 };
                let to = gpu.zeros("averages and details", count * written)?;
                let pass = self.pass(count, lines, length, both, strides);
                let pass = Pass { read: per_field as u32, written: written as u32, ..pass };
                self.dispatch(&mut batch, "analyze", pass, [&from, &to], count * written)?;
                let read = std::mem::replace(&mut from, to);
                if step == 0 && scale + 1 < w.scales {
                    boxes.push(read);
                }
                (elements, per_field) = (written, written);
            }
            around = if both { w.doubled(size) } else { size };
        }
        boxes.push(from);
        clock.run(batch)?;
        let boxes = boxes.iter().rev().map(|part| gpu.read(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.columns_of(&boxes, count))
    }

    /// Columns from the boxes of all scales, the coarsest first.
    fn columns_of(&self, boxes: &[Vec<f32>], count: usize) -> Vec<f32> {
        let w = &self.wavelets;
        let k = w.columns();
        if w.scales == 0 {
            return boxes[0].clone();
        }
        let mut out = vec![0.0; count * k];
        for (field, v) in out.chunks_exact_mut(k).enumerate() {
            for (scale, values) in boxes.iter().enumerate() {
                let (size, columns) = (w.size(scale), w.first_column(scale));
                let values = &values[field * columns * w.orientations()..];
                for orientation in usize::from(scale > 0)..w.orientations() {
                    w.each_row(size, orientation, |from, to| {
                        v[orientation * columns + to..][..size[0]].copy_from_slice(&values[from..][..size[0]]);
                    });
                }
            }
        }
        out
    }

    /// The boxes of all scales, the coarsest first, without averages but for those of the coarsest.
    fn boxes_of(&self, v: &[f32], count: usize) -> Vec<Vec<f32>> {
        let w = &self.wavelets;
        let k = w.columns();
        let of_scale = |scale: usize| {
            let (size, columns) = (w.size(scale), w.first_column(scale));
            let mut values = vec![0.0; count * columns * w.orientations()];
            for (values, v) in values.chunks_exact_mut(columns * w.orientations()).zip(v.chunks_exact(k)) {
                for orientation in usize::from(scale > 0)..w.orientations() {
                    w.each_row(size, orientation, |to, from| {
                        values[to..][..size[0]].copy_from_slice(&v[orientation * columns + from..][..size[0]]);
                    });
                }
            }
            values
        };
        if w.scales == 0 { vec![v.to_vec()] } else { (0..w.scales).map(of_scale).collect() }
    }

    /// The fields of `count` columns of coefficients.
    fn synthesize(&self, v: &[f32], count: usize, clock: &mut Clock) -> Result<Vec<f32>, GpuError> {
        let (w, gpu) = (&self.wavelets, self.gpu);
        let boxes = self.boxes_of(v, count);
        let mut boxes = boxes.iter().map(|values| gpu.upload("averages and details", values));
        let mut batch = gpu.batch();
        let mut from = boxes.next().expect("there are averages")?;
        for scale in 0..w.levels {
            let (size, both) = (w.size(scale), scale < w.scales);
            let mut elements: usize = if both { w.doubled(size) } else { size }.iter().product();
            for (step, &axis) in w.axes.iter().rev().enumerate() {
                let length = 2 * size[axis];
                let lines = elements / if both { length } else { length / 2 };
                let mut written = lines * length;
                let mut strides = Strides { along: 1, inner: lines, between: length, outer: 0 };
                let to = if step + 1 == w.axes.len() && scale + 1 < w.scales {
                    let around = w.doubled(w.size(scale + 1));
                    strides = corner_of_fastest(axis, around, 2 * size[1]);
                    written = around.iter().product();
                    boxes.next().expect("a box a scale")?
                } else {
                    gpu.zeros("averages", count * written)?
                };
                let pass = self.pass(count, lines, length, both, strides);
                let pass = Pass { read: elements as u32, written: written as u32, ..pass };
                self.dispatch(&mut batch, "synthesize", pass, [&from, &to], count * lines * length)?;
                (from, elements) = (to, lines * length);
            }
        }
        clock.run(batch)?;
        gpu.read(&from)
    }
}

/// Lines along `axis`, the slowest in use, in the corner of a box of `around` that is `nx` wide: they are numbered
/// along x, then along y.
fn corner_of_slowest(axis: usize, around: [usize; 3], nx: usize) -> Strides {
    let along = around[..axis].iter().product();
    let inner = if axis == 0 { 1 } else { nx.min(around[0]) };
    Strides { along, inner, between: 1, outer: around[0] }
}

/// Lines along `axis`, the fastest in use, in the corner of a box of `around` that is `ny` deep: they are numbered
/// along y, then along z.
fn corner_of_fastest(axis: usize, around: [usize; 3], ny: usize) -> Strides {
    let [x, y, _] = around;
    match axis {
        0 => Strides { along: 1, inner: ny.min(y), between: x, outer: x * y },
        1 => Strides { along: x, inner: 1, between: 0, outer: x * y },
        _ => Strides { along: x * y, inner: 1, between: 0, outer: 0 },
    }
}
