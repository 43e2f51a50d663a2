//! Steady flow systems at the sizes of `benches/peers/flow.py`: CPU seconds of preparation and solution, iterations and
//! memory. `cargo bench --bench flow`; `-- NAME` runs the lines whose name contains NAME (so that the peak is theirs).
//!
//! Bands of high conductivity wind through each layer, or many thin lenses lie in it; heads are fixed on the west and
//! east sides, and wells are unit sources. Cells are 10 m × 10 m × 1 m, Kv/Kh is 0.1.

use lithoscope::linalg::sparse::{GridMatrix, Method, prepare};
use lithoscope::measure::{peak_memory, timed};
use ndarray::Array2;

/// Name, cells, contrast, right-hand sides, tolerance and methods of one line.
type Line<'a> = (&'a str, [usize; 3], f64, usize, f64, &'a [Method]);

/// Bands in a layer.
const BANDS: usize = 5;

/// Conductivities: `contrast` in winding bands, else 1. The same formula as in the peer's script.
fn conductivity([nx, ny, nz]: [usize; 3], contrast: f64) -> Vec<f64> {
    let mut field = Vec::with_capacity(nx * ny * nz);
    for k in 0..nz {
        let bands: [[f64; 3]; BANDS] =
            std::array::from_fn(|m| [0.618034, 0.37, 0.73].map(|step| (0.17 + step * (BANDS * k + m) as f64).fract()));
        for j in 0..ny {
            for i in 0..nx {
                let (x, y) = ((i as f64 + 0.5) / nx as f64, (j as f64 + 0.5) / ny as f64);
                let inside = bands.iter().any(|[start, phase, slope]| {
                    (y - start - 0.1 * (7.0 * (x + phase)).sin() - 0.5 * (slope - 0.5) * x).abs() < 0.03
                });
                field.push(if inside { contrast } else { 1.0 });
            }
        }
    }
    field
}

/// Lenses that touch no side, one cell wide and stepping aside every seven cells, in a background of 1.
fn lenses([nx, ny, nz]: [usize; 3], contrast: f64) -> Vec<f64> {
    let mut field = vec![1.0; nx * ny * nz];
    for (j, k) in (0..nz).flat_map(|k| (1..ny - 1).map(move |j| (j, k))).filter(|(j, k)| (j + 2 * k) % 4 == 0) {
        let (start, length) = (2 + (11 * j + 17 * k) % (nx / 3), nx / 3 + (5 * j + 3 * k) % (nx / 4));
        for i in 0..length {
            field[(k * ny + j + i / 7 % 2) * nx + start + i] = contrast;
            if i % 7 == 6 {
                field[(k * ny + j + 1 - i / 7 % 2) * nx + start + i] = contrast;
            }
        }
    }
    field
}

/// Harmonic conductances; the first and the last cell of each row carry fixed heads.
fn assemble(cells: [usize; 3], conductivity: &[f64]) -> GridMatrix {
    let n = conductivity.len();
    let strides = [1, cells[0], cells[0] * cells[1]];
    let factors = [1.0, 1.0, 10.0];
    let mut diagonal = vec![0.0; n];
    let mut conductance: [Vec<f64>; 3] = std::array::from_fn(|_| vec![0.0; n]);
    let fixed = |cell: usize| cell.is_multiple_of(cells[0]) || cell % cells[0] + 1 == cells[0];
    for axis in 0..3 {
        for cell in (0..n).filter(|cell| cell / strides[axis] % cells[axis] + 1 < cells[axis]) {
            let next = cell + strides[axis];
            let value = factors[axis] * 2.0 / (1.0 / conductivity[cell] + 1.0 / conductivity[next]);
            for (own, other) in [(cell, next), (next, cell)] {
                if !fixed(own) {
                    diagonal[own] += value;
                }
                if !fixed(own) && !fixed(other) {
                    conductance[axis][cell] = value;
                }
            }
        }
    }
    (0..n).filter(|&cell| fixed(cell)).for_each(|cell| diagonal[cell] = 1.0);
    GridMatrix { cells, diagonal, conductance, ties: Vec::new() }
}

/// One unit source a column, spread over the grid.
fn sources(cells: [usize; 3], columns: usize) -> Array2<f64> {
    let [nx, ny, nz] = cells;
    let mut b = Array2::zeros((nx * ny * nz, columns));
    for column in 0..columns {
        let part = |step: f64, count: usize| ((0.5 + step * column as f64).fract() * (count - 2) as f64) as usize + 1;
        let [i, j] = [part(0.754878, nx), part(0.569840, ny)];
        b[[(column % nz * ny + j) * nx + i, column]] = 1.0;
    }
    b
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn main() -> lithoscope::error::Result<()> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let (both, multigrid) = ([Method::Cholesky, Method::Multigrid], [Method::Multigrid]);
    let lines: [Line; 16] = [
        ("size-50", [50, 50, 1], 1e3, 1, 1e-10, &multigrid),
        ("size-100", [100, 100, 1], 1e3, 1, 1e-10, &multigrid),
        ("map", [200, 200, 1], 1e3, 1, 1e-10, &both),
        ("map-10", [200, 200, 1], 10.0, 1, 1e-10, &multigrid),
        ("map-1e6", [200, 200, 1], 1e6, 1, 1e-10, &multigrid),
        ("map-49", [200, 200, 1], 1e3, 49, 1e-10, &both),
        ("size-400", [400, 400, 1], 1e3, 1, 1e-10, &both),
        ("layers", [100, 100, 9], 1e3, 1, 1e-10, &both),
        ("layers-270", [100, 100, 9], 1e3, 270, 1e-10, &both),
        ("block-10", [200, 200, 20], 10.0, 1, 1e-8, &multigrid),
        ("block", [200, 200, 20], 1e3, 1, 1e-8, &multigrid),
        ("block-1e6", [200, 200, 20], 1e6, 1, 1e-8, &multigrid),
        ("lenses-10", [100, 100, 10], 10.0, 1, 1e-8, &multigrid),
        ("lenses", [100, 100, 10], 1e3, 1, 1e-8, &multigrid),
        ("lenses-1e6", [100, 100, 10], 1e6, 1, 1e-8, &multigrid),
        ("block-8", [200, 200, 20], 1e3, 8, 1e-8, &multigrid),
    ];
    println!("threads: {}", rayon::current_num_threads());
    for (name, cells, contrast, columns, tolerance, methods) in lines {
        if !name.contains(&wanted) {
            continue;
        }
        let field = if name.starts_with("lenses") { lenses } else { conductivity };
        let matrix = assemble(cells, &field(cells, contrast));
        let b = sources(cells, columns);
        for &method in methods {
            let (solver, _, preparing) = timed(|| prepare(matrix.clone(), method, columns));
            let solver = solver?;
            let (solved, _, solving) = timed(|| solver.solve(b.view(), tolerance));
            let solved = solved?;
            println!(
                "{name:<11} {:>3} x {:>3} x {:>2}, contrast {contrast:>7}, {columns:>3} to {tolerance:.0e}: \
                 {method:<9?} prepare {preparing:7.3} solve {solving:7.3} CPU s, {:>3} iterations, residual {:.1e}, \
                 peak so far {:.0} MB",
                cells[0],
                cells[1],
                cells[2],
                solved.iterations,
                solved.residual,
                peak_memory().unwrap_or(0) as f64 / 1e6,
            );
            println!("            {}", solver.description());
        }
    }
    Ok(())
}
