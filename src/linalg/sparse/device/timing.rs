//! What `lithoscope bench` asks of the solver.

use ndarray::Array2;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::linalg::sparse::{Method, PreparedSolver, prepare};
use crate::measure::{Measurement, timed};
use crate::random::{Purpose, Stream};

use super::DeviceSolver;
use super::check::system;
use super::hierarchy::{Last, Operator, Uploaded};

/// Relative residual that is asked for.
const TOLERANCE: f64 = 1e-10;

/// Operations and bytes.
#[derive(Clone, Copy)]
struct Work {
    flops: f64,
    bytes: f64,
}

impl Operator {
    fn count_of_cells(&self) -> f64 {
        self.cells.iter().product::<usize>() as f64
    }

    /// Operations of a row of the product: a difference, a product and a sum a neighbour, and the row sum's.
    fn row(&self) -> f64 {
        6.0 * self.count as f64 + 2.0
    }
}

/// One iteration for `width` right-hand sides: every vector that a kernel reads or writes counted once, coefficients once
/// for all right-hand sides.
fn iteration(uploaded: &Uploaded, width: f64) -> Work {
    let n = uploaded.operator.count_of_cells();
    // Product 2, inner products 2, direction 3, update 7 vectors.
    let mut numbers = 14.0 * n * width + uploaded.operator.count as f64 * n;
    let mut flops = (uploaded.operator.row() + 12.0) * n * width;
    let mut visits = 1.0;
    for corrected in &uploaded.levels {
        let operator = &corrected.level.operator;
        let (n, coarse) = (operator.count_of_cells(), corrected.coarse.iter().product::<usize>() as f64);
        // Two sweeps of 3 and the residual's 3 vectors, down and up 3, the coarse ones 3.
        numbers += visits * ((12.0 * n + 3.0 * coarse) * width + 3.0 * (operator.count as f64 + 2.0) * n + 8.0 * n);
        flops += visits * (3.0 * (operator.row() + 1.0) + 10.0 + 16.0) * n * width;
        visits *= corrected.visits() as f64;
    }
    match &uploaded.last {
        Last::Inverse { cells, .. } => {
            let n = cells.iter().product::<usize>() as f64;
            numbers += visits * (2.0 * n * width + n * n);
            flops += visits * 2.0 * n * n * width;
        }
        Last::Line(level) => {
            let n = level.operator.count_of_cells();
            numbers += visits * (3.0 * n * width + 3.0 * n);
            flops += visits * (level.operator.row() + 5.0) * n * width;
        }
    }
    Work { flops, bytes: 4.0 * numbers }
}

/// Measures solutions to 1e-10 at the sizes of the cases, conductances of three decades; the largest only on a hardware
/// device or on the CPU alone.
///
/// # Errors
/// A failing device.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let software = gpu.is_some_and(|gpu| gpu.summary().software);
    let sizes = [([200, 200, 1], 49), ([100, 100, 9], 64), ([200, 200, 20], 1)];
    sizes
        .into_iter()
        .take(if software { 1 } else { 3 })
        .map(|(cells, columns)| measure_one(gpu, cells, columns))
        .collect()
}

fn measure_one(gpu: Option<&Gpu>, cells: [usize; 3], columns: usize) -> Result<Measurement> {
    let mut stream = Stream::new(1, Purpose::Check, 0, 7);
    let matrix = system(cells, &mut stream);
    let b = Array2::from_shape_simple_fn((matrix.len(), columns), || stream.between(-1.0, 1.0));
    let on_cpu = prepare(matrix.clone(), Method::Multigrid, columns)?;
    let (solved, cpu_wall, cpu_seconds) = timed(|| on_cpu.solve(b.view(), TOLERANCE));
    solved?;
    let mut line = Measurement {
        kernel: "multigrid/solve".into(),
        size: format!("{cells:?} cells, {columns} right-hand sides"),
        cpu_seconds,
        cpu_wall,
        gpu_seconds: None,
        gpu_wall: None,
        flops: 0.0,
        bytes: 0.0,
    };
    let Some(gpu) = gpu else { return Ok(line) };
    let solver = DeviceSolver::new(matrix, gpu)?;
    // The first run compiles the kernels and makes room for the vectors.
    solver.solve(b.view(), TOLERANCE)?;
    let (solved, wall, _) = timed(|| solver.solve(b.view(), TOLERANCE));
    let work = iteration(&solver.uploaded, columns as f64);
    let iterations = solved?.iterations as f64;
    (line.flops, line.bytes) = (iterations * work.flops, iterations * work.bytes);
    let mut seconds = 0.0;
    solver.solve_timed(b.view(), TOLERANCE, Some(&mut seconds))?;
    (line.gpu_seconds, line.gpu_wall) = (Some(seconds), Some(wall));
    Ok(line)
}
