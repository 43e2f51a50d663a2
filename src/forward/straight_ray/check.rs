//! What `lithoscope verify` and `lithoscope bench` ask of the rays.

use ndarray::{Array1, ArrayView1};

use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::{Grid, Plane};
use crate::measure::{Measurement, timed};
use crate::operator::LinearOperator;
use crate::random::{Purpose, Stream};

use super::device::{BLOCK, Device};
use super::{Ray, Side, StraightRays, crosshole};

/// Relative rounding error of f32 and of f64.
const SINGLE: f64 = 1.0 / (1u64 << 24) as f64;
const DOUBLE: f64 = f64::EPSILON / 2.0;

/// How wrong may a length be: relative to itself, and by the places of the two faces that bound it.
#[derive(Clone, Copy)]
enum Arithmetic {
    /// Places are f64 distances.
    Double,
    /// Places are fixed-point numbers: see the shader.
    Fixed,
}

impl Arithmetic {
    fn relative(self) -> f64 {
        match self {
            Self::Double => DOUBLE,
            Self::Fixed => SINGLE,
        }
    }

    /// Largest error \[m\] of a place where a face is crossed. In f64 it has four roundings of a distance that is at most
    /// the ray's own. In fixed point the spacing's 2⁻³³ comes as often as a face is crossed, beside the 2⁻³³ of the first
    /// crossing and the 2⁻³¹ of a truncated fraction.
    fn misplacement(self, rays: &StraightRays<'_>, r: usize) -> f64 {
        let path = &rays.paths[r];
        let double = 4.0 * DOUBLE * path.inside();
        let crossings = path.minor.iter().map(|m| m.crossings).fold(0, u32::max);
        match self {
            Self::Double => double,
            Self::Fixed => double + path.scale * 2f64.powi(-33) * (5.0 + f64::from(crossings)),
        }
    }
}

/// Random rays of `grid`, their ends up to a third of it outside; every third has its ends on faces, every seventh
/// runs along an axis.
pub(super) fn random_rays(grid: &Grid, seed: u64, count: usize) -> Vec<Ray> {
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);
    let mut point = |on_faces: bool| -> [f64; 3] {
        std::array::from_fn(|a| {
            let t = stream.between(-0.3, 1.3) * grid.cells[a] as f64;
            grid.origin[a] + grid.spacing[a] * if on_faces { t.round() } else { t }
        })
    };
    let ray = |r: usize| {
        let (source, mut receiver) = (point(r.is_multiple_of(3)), point(r.is_multiple_of(3)));
        if r.is_multiple_of(7) {
            receiver = std::array::from_fn(|a| if a == r % 3 { receiver[a] } else { source[a] });
        }
        Ray { source, receiver }
    };
    (0..count).map(ray).collect()
}

/// The cells around a cell, itself included.
fn around(grid: &Grid, cell: usize, mut visit: impl FnMut(usize)) {
    let at = grid.cell(cell);
    let [x, y, z] = [0, 1, 2].map(|a| at[a].saturating_sub(1)..=(at[a] + 1).min(grid.cells[a] - 1));
    for k in z {
        for j in y.clone() {
            for i in x.clone() {
                visit(grid.index([i, j, k]));
            }
        }
    }
}

/// Bound of the error of `G s`: every face crossed may be misplaced, which moves that length between neighbours and costs
/// as much as their slowness differs, and the terms are rounded as they are summed (`summands` roundings each).
fn forward_bound(
    rays: &StraightRays<'_>,
    s: ArrayView1<'_, f64>,
    arithmetic: Arithmetic,
    summands: impl Fn(usize) -> f64,
) -> Array1<f64> {
    let spread: Vec<f64> = (0..s.len())
        .map(|c| {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            around(rays.grid(), c, |n| (low, high) = (low.min(s[n]), high.max(s[n])));
            high - low
        })
        .collect();
    let bound = |r: usize| {
        let (mut terms, mut moved, mut ends, mut cells) = (0.0, 0.0, 0.0f64, 0);
        rays.row(r, |cell, length| {
            terms += length * s[cell].abs();
            moved += spread[cell];
            // Where the ray ends, there is no neighbour that gets what a cell loses.
            ends = ends.max(2.0 * s[cell].abs());
            cells += 1;
        });
        arithmetic.relative() * summands(cells) * terms + arithmetic.misplacement(rays, r) * (moved + ends)
    };
    (0..rays.rows()).map(bound).collect()
}

/// Bound of the error of `Gᵀ y`: a length is the difference of two distances, also in a cell that the ray only nearly
/// touches. `summands` counts the roundings of a term and its sum, `quantum` the absolute rounding of a ray's terms.
fn adjoint_bound(
    rays: &StraightRays<'_>,
    y: ArrayView1<'_, f64>,
    arithmetic: Arithmetic,
    summands: f64,
    quantum: f64,
) -> Array1<f64> {
    let mut bound = Array1::zeros(rays.cols());
    let mut seen = vec![usize::MAX; rays.cols()];
    for r in 0..rays.rows() {
        let misplaced = 2.0 * arithmetic.misplacement(rays, r) * y[r].abs();
        rays.row(r, |cell, length| {
            bound[cell] += summands * arithmetic.relative() * length * y[r].abs();
            around(rays.grid(), cell, |near| {
                if seen[near] != r {
                    seen[near] = r;
                    bound[near] += misplaced + quantum;
                }
            });
        });
    }
    bound
}

/// A field that varies smoothly by half its mean, whose bound is narrow, or at random.
fn slowness(grid: &Grid, smooth: bool, seed: u64) -> Array1<f64> {
    let mut stream = Stream::new(seed, Purpose::Check, 1, 0);
    let value = |c: usize| {
        let at = grid.cell(c);
        let t: f64 = (0..3).map(|a| (at[a] as f64 + 0.5) / grid.cells[a] as f64).sum();
        if smooth { 1e-3 * (1.0 + 0.5 * t) } else { stream.between(-1.0, 1.0) }
    };
    (0..grid.len()).map(value).collect()
}

/// `|⟨G s, y⟩ − ⟨s, Gᵀ y⟩|` against what the errors of both sides allow.
fn dot(name: &str, case: &str, pair: [&Array1<f64>; 4], bounds: [&Array1<f64>; 2]) -> Outcome {
    let [s, forward, y, adjoint] = pair;
    let bound = bounds[0].dot(&y.mapv(f64::abs)) + bounds[1].dot(&s.mapv(f64::abs));
    Outcome { name: name.into(), case: case.into(), error: (forward.dot(y) - adjoint.dot(s)).abs(), bound }
}

/// Checks the rays: the transpose of the CPU form and, on a device, both kernels against the CPU form and each other.
///
/// # Errors
/// A failing device.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut keep = |new: Outcome| match outcomes.iter().position(|o| o.name == new.name) {
        Some(i) => outcomes[i] = outcomes[i].clone().worse(new),
        None => outcomes.push(new),
    };
    let sizes = [
        ([1, 1, 1], 1),
        ([97, 101, 1], 301),
        ([1, 64, 1], 65),
        ([1000, 3, 1], 64),
        ([17, 19, 23], 257),
        ([2, 70, 5], 63),
    ];
    for (cells, count) in sizes {
        let grid = Grid { cells, spacing: [0.5, 2.0, 1.25], origin: [-1.0, 3.0, 10.0], plane: Plane::Xy };
        let list = random_rays(&grid, seed, count);
        let rays = StraightRays::new(grid, list.clone(), Some(0.0))?;
        // Residuals of very different size: the small ones show whether both words of the integers are right.
        let mut stream = Stream::new(seed, Purpose::Check, 2, 0);
        let y = Array1::from(stream.normals(count)).mapv(|y| y * 10f64.powf(stream.between(-8.0, 0.0)));
        let adjoint = rays.adjoint(y.view());
        let adjoint_bound64 = adjoint_bound(&rays, y.view(), Arithmetic::Double, 4.0 + count as f64, 0.0);
        for smooth in [true, false] {
            let case = format!("{cells:?} cells, {count} rays, {} slowness", if smooth { "smooth" } else { "random" });
            let s = slowness(&grid, smooth, seed);
            let forward = rays.apply(s.view());
            let bound64 = forward_bound(&rays, s.view(), Arithmetic::Double, |cells| 4.0 + 3.0 * cells as f64);
            keep(dot("straight_ray/dot", &case, [&s, &forward, &y, &adjoint], [&bound64, &adjoint_bound64]));
            let Some(gpu) = gpu else { continue };
            let device = StraightRays::new(grid, list.clone(), Some(0.0))?.with_gpu(gpu)?;
            let found = device.times(s.view())?;
            // Up to three terms a column in a block, then the blocks, and a few roundings of each term.
            let bound = forward_bound(&rays, s.view(), Arithmetic::Fixed, |cells| {
                8.0 + 3.0 * f64::from(BLOCK) + (cells as f64 / f64::from(BLOCK)).ceil() * 4.0
            });
            keep(Outcome::compare("straight_ray/forward", &case, found.view(), forward.view(), bound.view()));
            // The second transpose sees what the first has left behind.
            device.back_projection(y.view())?;
            let back = device.back_projection(y.view())?;
            // Three terms in each of four strands, truncated to integers.
            let quantum = 12.0 * device.adjoint_unit(y.view().as_slice().unwrap_or_default());
            let back_bound = adjoint_bound(&rays, y.view(), Arithmetic::Fixed, 8.0, quantum);
            keep(Outcome::compare("straight_ray/adjoint", &case, back.view(), adjoint.view(), back_bound.view()));
            keep(dot("straight_ray/device dot", &case, [&s, &found, &y, &back], [&bound, &back_bound]));
        }
    }
    Ok(outcomes)
}

/// The surveys that are measured: a name, a grid, and rays from side to side of it.
pub fn measured_surveys() -> Vec<(&'static str, Grid, Vec<Ray>)> {
    let [plane, block] = [[100, 100, 1], [100; 3]].map(Grid::unit);
    let mut stream = Stream::new(1, Purpose::Check, 0, 0);
    let across = |stream: &mut Stream, n: f64| Ray {
        source: [0.0, stream.between(0.0, n), stream.between(0.0, n)],
        receiver: [n, stream.between(0.0, n), stream.between(0.0, n)],
    };
    let thousands = (0..100_000).map(|_| across(&mut stream, 100.0)).collect();
    let million = (0..1_000_000).map(|_| across(&mut stream, 200.0)).collect();
    vec![
        ("65,536 rays, 100 x 100", plane, crosshole(&plane, [256, 1], [256, 1], [Side::XMin, Side::XMax])),
        ("100,000 rays, 100 x 100 x 100", block, thousands),
        ("1,000,000 rays, 200 x 200 x 200", Grid::unit([200; 3]), million),
    ]
}

/// Measures forward and adjoint at the sizes of [`measured_surveys`]; the largest only on a hardware device.
///
/// # Errors
/// A failing device.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let hardware = gpu.is_some_and(|gpu| !gpu.summary().software);
    let mut lines = Vec::new();
    for (size, grid, list) in measured_surveys().into_iter().take(if hardware { 3 } else { 2 }) {
        let rays = StraightRays::new(grid, list.clone(), None)?;
        let s = slowness(&grid, true, 1);
        let y = Array1::from_elem(rays.rows(), 1.0);
        let (_, forward_wall, forward_cpu) = timed(|| rays.apply(s.view()));
        let (_, adjoint_wall, adjoint_cpu) = timed(|| rays.adjoint(y.view()));
        let mut device_seconds = [None; 2];
        let mut device_wall = [None; 2];
        if let Some(gpu) = gpu {
            let device = StraightRays::new(grid, list, None)?.with_gpu(gpu)?;
            device_seconds = device.device_seconds(s.view(), y.view())?.map(Some);
            let (forward, wall, _) = timed(|| device.times(s.view()));
            forward?;
            device_wall[0] = Some(wall);
            let (adjoint, wall, _) = timed(|| device.back_projection(y.view()));
            adjoint?;
            device_wall[1] = Some(wall);
        }
        let entries = rays.entries() as f64;
        let arrays = (Device::RECORD * rays.rows() + 4 * rays.rows() + 4 * rays.cols()) as f64;
        let times = [(forward_cpu, forward_wall), (adjoint_cpu, adjoint_wall)];
        for (i, kernel) in ["straight_ray/forward", "straight_ray/adjoint"].into_iter().enumerate() {
            lines.push(Measurement {
                kernel: kernel.into(),
                size: format!("{size}, {:.1} M entries", entries * 1e-6),
                cpu_seconds: times[i].0,
                cpu_wall: times[i].1,
                gpu_seconds: device_seconds[i],
                gpu_wall: device_wall[i],
                // A product and a sum for where a face is crossed, a difference for the length, a product and a sum.
                flops: 5.0 * entries,
                bytes: arrays,
            });
        }
    }
    Ok(lines)
}
