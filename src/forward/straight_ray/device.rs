//! The rays on a device: the twin of [`Path::visit`] in WGSL.
//!
//! The transpose scatters into 64-bit integers rather than gathering by tiles of cells: its work is proportional to the
//! entries of G and not to pairs of a tile's cells and rays, it needs no lists, and its sums are exact, so that only the
//! single terms carry f32's rounding.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::gpu::{Batch, Buffer, Gpu, GpuError, Shader};

use super::path::Path;

/// The kernels of straight rays.
pub const SHADER: Shader = Shader {
    name: "forward/straight_ray",
    text: include_str!("../../../shaders/forward/straight_ray.wgsl"),
    trusted: true,
};

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

/// Columns whose terms are summed before they join a ray's sum: keeps the rounding of long sums small.
pub(super) const BLOCK: u32 = 16;

const TWO_32: f64 = (1u64 << 32) as f64;

/// A [`Path`] in fixed point, as WGSL lays it out; the scale stays on the host.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Record {
    cell: u32,
    stride: u32,
    columns: u32,
    share: f32,
    entry: u32,
    exit: u32,
    first_column: [u32; 2],
    first_fraction: [u32; 2],
    spacing_columns: [u32; 2],
    spacing_fraction: [u32; 2],
    crossings: [u32; 2],
    step: [i32; 2],
    twin: [u32; 2],
}

/// Whole columns and the fraction, in units of 2⁻³², of a distance. Far beyond any grid the distance does not matter.
fn fixed(distance: f64) -> (u32, u32) {
    let units = (distance.clamp(0.0, 1e9) * TWO_32).round() as u64;
    ((units >> 32) as u32, units as u32)
}

impl From<&Path> for Record {
    fn from(path: &Path) -> Self {
        // From the face of the first column on.
        let entry = if path.columns > 0 { 1.0 - path.boundary } else { 0.0 };
        let half = |place: f64| (place * (TWO_32 / 2.0)).round() as u32;
        let first = path.minor.map(|m| fixed(if m.crossings > 0 { entry + m.first } else { 0.0 }));
        let spacing = path.minor.map(|m| fixed(if m.crossings > 0 { m.spacing } else { 0.0 }));
        Self {
            cell: path.cell,
            stride: path.stride,
            columns: path.columns,
            share: path.share() as f32,
            entry: half(entry),
            exit: half(entry + path.end - f64::from(path.columns.saturating_sub(1))),
            first_column: first.map(|f| f.0),
            first_fraction: first.map(|f| f.1),
            spacing_columns: spacing.map(|s| s.0),
            spacing_fraction: spacing.map(|s| s.1),
            crossings: path.minor.map(|m| m.crossings),
            step: path.minor.map(|m| m.step),
            twin: path.minor.map(|m| m.twin),
        }
    }
}

/// Rays that fit one binding.
#[derive(Debug)]
struct Chunk {
    paths: Buffer<Record>,
    /// Sums of the rays (forward), or their weights (adjoint).
    values: Buffer<f32>,
}

/// Device memory of a survey. One computation at a time uses it.
#[derive(Debug)]
pub(super) struct Memory {
    chunks: Vec<Chunk>,
    /// Slowness (forward), or the image (adjoint).
    cells: Buffer<f32>,
    /// The words of 64-bit integers, one a cell; all zero between two computations.
    low: Buffer<u32>,
    high: Buffer<u32>,
}

/// A survey on a device.
#[derive(Debug)]
pub(super) struct Device<'g> {
    gpu: &'g Gpu,
    memory: Mutex<Memory>,
    failure: Mutex<Option<GpuError>>,
    prelude: String,
}

/// The constants that the shader's text takes from here.
pub fn prelude() -> String {
    format!("const WORKGROUP: u32 = {WORKGROUP}u;\nconst BLOCK: u32 = {BLOCK}u;")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'g> Device<'g> {
    /// Puts `paths` through `cells` cells on the device, in chunks of at most `binding` bytes.
    pub(super) fn new(gpu: &'g Gpu, paths: &[Path], cells: usize, binding: u64) -> Result<Self, GpuError> {
        let most = (binding as usize / size_of::<Record>()).max(1);
        let chunk = |paths: &[Path]| {
            let records: Vec<Record> = paths.iter().map(Record::from).collect();
            Ok(Chunk { paths: gpu.upload("rays", &records)?, values: gpu.zeros("values of rays", paths.len())? })
        };
        let memory = Memory {
            chunks: paths.chunks(most).map(chunk).collect::<Result<_, GpuError>>()?,
            cells: gpu.zeros("cells", cells)?,
            low: gpu.zeros("low words of cells", cells)?,
            high: gpu.zeros("high words of cells", cells)?,
        };
        Ok(Self { gpu, memory: Mutex::new(memory), failure: Mutex::new(None), prelude: prelude() })
    }

    /// Keeps the first failure of a computation that could not return it.
    pub(super) fn record(&self, error: GpuError) {
        lock(&self.failure).get_or_insert(error);
    }

    /// The failure kept by [`Device::record`], if any.
    pub(super) fn healthy(&self) -> Result<(), GpuError> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }

    fn groups(items: usize) -> [u64; 3] {
        [(items as u64).div_ceil(u64::from(WORKGROUP)), 1, 1]
    }

    fn forward_batch(&self, memory: &Memory) -> Result<Batch<'_>, GpuError> {
        let mut batch = self.gpu.batch();
        for Chunk { paths, values } in &memory.chunks {
            let bindings = [paths.bind(), memory.cells.bind(), values.bind()];
            batch.dispatch(&SHADER, "forward", &self.prelude, &bindings, Self::groups(paths.len()))?;
        }
        Ok(batch)
    }

    fn adjoint_batch(&self, memory: &Memory) -> Result<Batch<'_>, GpuError> {
        let mut batch = self.gpu.batch();
        let Memory { chunks, cells, low, high } = memory;
        for Chunk { paths, values } in chunks {
            let bindings = [paths.bind(), values.bind(), low.bind(), high.bind()];
            batch.dispatch(&SHADER, "adjoint", &self.prelude, &bindings, Self::groups(paths.len()))?;
        }
        let bindings = [cells.bind(), low.bind(), high.bind()];
        batch.dispatch(&SHADER, "collect", &self.prelude, &bindings, Self::groups(cells.len()))?;
        Ok(batch)
    }

    /// `Σ_c L_rc s_c` of every ray, in units of its scale: m values.
    pub(super) fn forward(&self, slowness: &[f64]) -> Result<Vec<f32>, GpuError> {
        let memory = lock(&self.memory);
        self.gpu.write(&memory.cells, &to_f32(slowness))?;
        self.forward_batch(&memory)?.submit()?;
        let mut sums = Vec::new();
        for chunk in &memory.chunks {
            sums.extend(self.gpu.read(&chunk.values)?);
        }
        Ok(sums)
    }

    /// `Σ_r L_rc w_r` of every cell, rays in units of their scale: n values. The sum of `|L_rc w_r|` must be below 2⁶²
    /// in every cell, and the terms are rounded to integers.
    pub(super) fn adjoint(&self, weights: &[f64]) -> Result<Vec<f32>, GpuError> {
        let memory = lock(&self.memory);
        self.write_weights(&memory, weights)?;
        self.adjoint_batch(&memory)?.submit()?;
        self.gpu.read(&memory.cells)
    }

    fn write_weights(&self, memory: &Memory, weights: &[f64]) -> Result<(), GpuError> {
        let mut rest = weights;
        for chunk in &memory.chunks {
            let (these, others) = rest.split_at(chunk.values.len());
            self.gpu.write(&chunk.values, &to_f32(these))?;
            rest = others;
        }
        Ok(())
    }

    /// Seconds on the device, without transfers, of a forward computation and of an adjoint one: the least of a few
    /// runs.
    pub(super) fn time(&self, slowness: &[f64], weights: &[f64]) -> Result<[f64; 2], GpuError> {
        let memory = lock(&self.memory);
        let least = |batch: Batch<'_>| {
            let mut best = f64::INFINITY;
            for _ in 0..5 {
                best = best.min(batch.time()?);
            }
            Ok::<_, GpuError>(best)
        };
        self.gpu.write(&memory.cells, &to_f32(slowness))?;
        let forward = least(self.forward_batch(&memory)?)?;
        self.write_weights(&memory, weights)?;
        Ok([forward, least(self.adjoint_batch(&memory)?)?])
    }

    /// Bytes of a ray in device memory.
    pub(super) const RECORD: usize = size_of::<Record>();
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.par_iter().with_min_len(1 << 14).map(|&v| v as f32).collect()
}
