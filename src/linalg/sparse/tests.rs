//! Both methods against the dense solve, on awkward sizes.

use ndarray::{Array1, Array2, Axis};

use super::*;
use crate::linalg::dense;
use crate::random::{Purpose, Stream};

/// A random system of `cells` with conductivities of contrast `10^decades`, a few fixed heads (rows of their own), a
/// few cells outside the model, and the anisotropy Kv/Kh.
pub(super) fn random_system(cells: [usize; 3], decades: f64, anisotropy: f64, seed: u64) -> GridMatrix {
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);
    let n: usize = cells.iter().product();
    let conductivity: Vec<f64> = (0..n).map(|_| 10f64.powf(decades * (stream.uniform() - 0.5))).collect();
    let apart: Vec<bool> = (0..n).map(|c| c == 0 || stream.uniform() < 0.03).collect();
    assemble(cells, &conductivity, anisotropy, |cell| apart[cell])
}

/// Harmonic conductances between unit cells; cells `apart` carry a fixed head.
fn assemble(cells: [usize; 3], conductivity: &[f64], anisotropy: f64, apart: impl Fn(usize) -> bool) -> GridMatrix {
    let n = conductivity.len();
    let strides = [1, cells[0], cells[0] * cells[1]];
    let mut matrix = GridMatrix {
        cells,
        diagonal: vec![0.0; n],
        conductance: std::array::from_fn(|_| vec![0.0; n]),
        ties: Vec::new(),
    };
    for axis in 0..3 {
        let factor = if axis == 2 { anisotropy } else { 1.0 };
        for cell in 0..n {
            if cell / strides[axis] % cells[axis] + 1 == cells[axis] {
                continue;
            }
            let next = cell + strides[axis];
            let (a, b) = (conductivity[cell], conductivity[next]);
            let conductance = factor * 2.0 * a * b / (a + b);
            match (apart(cell), apart(next)) {
                (false, false) => {
                    matrix.conductance[axis][cell] = conductance;
                    matrix.diagonal[cell] += conductance;
                    matrix.diagonal[next] += conductance;
                }
                (true, false) => matrix.diagonal[next] += conductance,
                (false, true) => matrix.diagonal[cell] += conductance,
                (true, true) => {}
            }
        }
    }
    for cell in 0..n {
        if apart(cell) || matrix.diagonal[cell] == 0.0 {
            matrix.diagonal[cell] = 1.0;
        }
    }
    matrix
}

/// Normal numbers, n × r.
pub(super) fn normals(n: usize, r: usize, seed: u64) -> Array2<f64> {
    let values = Stream::new(seed, Purpose::Check, 1, 0).normals(n * r);
    Array2::from_shape_vec((n, r), values).expect("as many numbers as the shape has")
}

/// The solution by the dense factorization of `Sᵀ A S`, spread to the cells.
pub(super) fn dense_solution(matrix: &GridMatrix, b: &Array2<f64>) -> Array2<f64> {
    let mut leader: Vec<usize> = (0..matrix.len()).collect();
    for tie in &matrix.ties {
        tie.iter().for_each(|&cell| leader[cell] = tie[0]);
    }
    let spread = Array2::from_shape_fn((matrix.len(), matrix.len()), |(c, u)| f64::from(u8::from(leader[c] == u)));
    let mut merged = spread.t().dot(&matrix.dense()).dot(&spread);
    for cell in (0..matrix.len()).filter(|&cell| leader[cell] != cell) {
        merged[[cell, cell]] = 1.0;
    }
    let factor = dense::cholesky(&merged).expect("positive definite");
    spread.dot(&factor.solve_block(spread.t().dot(b).view()))
}

/// `‖A‖ ‖A⁻¹‖` by the eigenvalues.
pub(super) fn condition(matrix: &GridMatrix) -> f64 {
    let (values, _) = dense::symmetric_eigen(&matrix.dense()).expect("converges");
    values[0] / values[values.len() - 1]
}

pub(super) const AWKWARD: [[usize; 3]; 9] =
    [[1, 1, 1], [1, 7, 1], [2, 1, 1], [17, 1, 1], [13, 11, 1], [3, 4, 5], [1, 1, 9], [7, 2, 3], [23, 5, 4]];

#[test]
fn the_product_is_that_of_the_dense_matrix() {
    for cells in AWKWARD {
        let matrix = random_system(cells, 3.0, 0.1, 1);
        let x = normals(matrix.len(), 3, 2);
        let (found, expected) = (matrix.multiply_block(x.view()), matrix.dense().dot(&x));
        let terms = matrix.dense().mapv(f64::abs).dot(&x.mapv(f64::abs));
        let one = Array1::from(matrix.multiply(x.column(1)));
        for ((found, expected), terms) in found.iter().zip(&expected).zip(&terms) {
            assert!((found - expected).abs() <= 14.0 * f64::EPSILON * terms, "{cells:?}");
        }
        assert_eq!(one, found.column(1), "{cells:?}");
    }
}

#[test]
fn solutions_agree_with_the_dense_solve_ties_included() {
    for (index, cells) in AWKWARD.into_iter().enumerate() {
        for tied in [false, true] {
            let mut matrix = random_system(cells, 3.0, 0.1, index as u64);
            let n = matrix.len();
            if tied {
                matrix.ties = vec![(0..n).filter(|c| c % 5 == 2).collect(), (0..n).filter(|c| c % 7 == 6).collect()];
                let first = matrix.ties[0].clone();
                matrix.ties[1].retain(|cell| !first.contains(cell));
                matrix.ties.retain(|tie| !tie.is_empty());
            }
            let b = normals(n, 19, 3);
            let expected = dense_solution(&matrix, &b);
            // Both solutions are within the condition number times the residual of the true one.
            let bound = 2.0 * condition(&matrix) * (1e-12 + 8.0 * n as f64 * f64::EPSILON);
            for method in [Method::Cholesky, Method::Multigrid] {
                let solver = prepare(matrix.clone(), method, 19).expect("positive definite");
                let solved = solver.solve(b.view(), 1e-12).expect("solves");
                assert!(solved.converged, "{cells:?} by {}: residual {}", solver.description(), solved.residual);
                for (column, (x, e)) in solved.x.axis_iter(Axis(1)).zip(expected.axis_iter(Axis(1))).enumerate() {
                    let (error, size) = ((&x - &e).mapv(|d| d * d).sum().sqrt(), e.dot(&e).sqrt());
                    assert!(error <= bound * size, "{cells:?}, column {column}, {method:?}: {error:e} of {size:e}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_positive_definite_is_refused() {
    let mut matrix = random_system([4, 3, 2], 1.0, 1.0, 5);
    matrix.diagonal[7] = f64::NAN;
    let said = prepare(matrix.clone(), Method::Auto, 1).err().expect("refused").to_string();
    assert!(said.contains("cell (3, 1, 0)") && said.contains("NaN"), "{said}");
    matrix.diagonal[7] = 1e-9;
    let said = prepare(matrix, Method::Cholesky, 1).err().expect("refused").to_string();
    assert!(said.contains("not positive definite"), "{said}");
}

#[test]
fn a_zero_right_hand_side_has_a_zero_solution() {
    let matrix = random_system([5, 4, 3], 2.0, 1.0, 6);
    for method in [Method::Cholesky, Method::Multigrid] {
        let solver = prepare(matrix.clone(), method, 2).expect("positive definite");
        let solved = solver.solve(Array2::zeros((60, 2)).view(), 1e-10).expect("solves");
        assert!(solved.converged && solved.x.iter().all(|x| *x == 0.0));
    }
}

/// Bands of high conductivity in a background, heads fixed on two opposite sides.
pub(super) fn channels(cells: [usize; 3], contrast: f64) -> GridMatrix {
    let [nx, ny, nz] = cells;
    let mut stream = Stream::new(11, Purpose::Check, 2, 0);
    let bands: Vec<[f64; 3]> = (0..5 * nz).map(|_| std::array::from_fn(|_| stream.uniform())).collect();
    let strides = [1, nx, nx * ny];
    let conductivity: Vec<f64> = (0..nx * ny * nz)
        .map(|cell| {
            let (x, y) = (((cell % nx) as f64 + 0.5) / nx as f64, ((cell / nx % ny) as f64 + 0.5) / ny as f64);
            let layer = &bands[5 * (cell / strides[2])..][..5];
            let inside = |[start, phase, slope]: &[f64; 3]| {
                (y - start - 0.1 * (7.0 * (x + phase)).sin() - 0.5 * (slope - 0.5) * x).abs() < 0.03
            };
            if layer.iter().any(inside) { contrast } else { 1.0 }
        })
        .collect();
    let fixed = |cell: usize| cell.is_multiple_of(nx) || cell % nx + 1 == nx;
    assemble(cells, &conductivity, 0.1, fixed)
}

/// Lenses of high conductivity that touch no side, one cell wide and stepping aside every seven cells; heads are fixed on
/// two opposite sides.
fn lenses(cells: [usize; 3], contrast: f64) -> GridMatrix {
    let [nx, ny, nz] = cells;
    let mut conductivity = vec![1.0; nx * ny * nz];
    for (j, k) in (0..nz).flat_map(|k| (1..ny - 1).map(move |j| (j, k))).filter(|(j, k)| (j + 2 * k) % 4 == 0) {
        let (start, length) = (2 + (11 * j + 17 * k) % (nx / 3), nx / 3 + (5 * j + 3 * k) % (nx / 4));
        for i in 0..length {
            let row = (k * ny + j + i / 7 % 2) * nx + start;
            conductivity[row + i] = contrast;
            if i % 7 == 6 {
                conductivity[(k * ny + j + 1 - i / 7 % 2) * nx + start + i] = contrast;
            }
        }
    }
    assemble(cells, &conductivity, 0.1, |cell| cell.is_multiple_of(nx) || cell % nx + 1 == nx)
}

fn iterations(matrix: GridMatrix, tolerance: f64) -> usize {
    let mut b = Array2::zeros((matrix.len(), 1));
    let middle = matrix.len() / 2 + matrix.cells[0] / 3;
    b[[middle, 0]] = 1.0;
    b.iter_mut().skip(1).step_by(matrix.cells[0]).for_each(|b| *b += 1.0);
    let solved = prepare(matrix, Method::Multigrid, 1).and_then(|s| s.solve(b.view(), tolerance)).expect("solves");
    assert!(solved.converged, "residual {} after {} iterations", solved.residual, solved.iterations);
    solved.iterations
}

#[test]
fn iterations_hardly_grow_with_size_and_contrast() {
    let (small, large) =
        (iterations(channels([50, 50, 1], 1e3), 1e-10), iterations(channels([200, 200, 1], 1e3), 1e-10));
    assert!(2 * large <= 3 * small, "{small} iterations on 50 x 50 cells, {large} on 200 x 200");
    let (mild, harsh) =
        (iterations(channels([101, 97, 1], 10.0), 1e-10), iterations(channels([101, 97, 1], 1e6), 1e-10));
    assert!(2 * harsh <= 3 * mild, "{mild} iterations at contrast 10, {harsh} at 10^6");
    for cells in [[61, 40, 7], [90, 83, 12]] {
        let [mild, middle, harsh] = [10.0, 1e3, 1e6].map(|contrast| iterations(channels(cells, contrast), 1e-8));
        // 1.5 is kept to at the size of the cases (`benches/flow.rs`); thinner bands cost one iteration more.
        assert!(2 * middle.max(harsh) <= 3 * mild + 2, "{cells:?}: {mild}, {middle} and {harsh} iterations");
    }
}

#[test]
fn lenses_thinner_than_a_coarse_cell_are_solved_at_a_contrast_of_a_million() {
    let [mild, harsh] = [10.0, 1e6].map(|contrast| iterations(lenses([60, 50, 6], contrast), 1e-8));
    assert!(harsh <= 5 * mild, "{mild} iterations at contrast 10, {harsh} at 10^6");
    let solver = prepare(lenses([60, 50, 6], 1e6), Method::Multigrid, 1).expect("positive definite");
    assert!(solver.description().contains(" bodies"), "{}", solver.description());
}

#[test]
fn stretched_cells_are_coarsened_along_one_axis_first() {
    let mut matrix = channels([96, 96, 1], 1.0);
    let plain = iterations(matrix.clone(), 1e-10);
    // Cells a hundred times as long in x as in y.
    for cell in 0..matrix.len() {
        matrix.conductance[1][cell] *= 1e4;
    }
    let sums = {
        let rest = GridMatrix { diagonal: vec![0.0; matrix.len()], ..matrix.clone() };
        rest.multiply(Array1::ones(matrix.len()).view())
    };
    for cell in 0..matrix.len() {
        // Cells beside a fixed head keep the conductance to it.
        let beside = matches!(cell % 96, 1 | 94);
        matrix.diagonal[cell] =
            if matches!(cell % 96, 0 | 95) { 1.0 } else { -sums[cell] + f64::from(u8::from(beside)) * 2.0 };
    }
    let stretched = iterations(matrix, 1e-10);
    assert!(2 * stretched <= 3 * plain, "{plain} iterations in square cells, {stretched} in stretched ones");
}

#[test]
fn the_preconditioner_is_symmetric_and_positive() {
    for (index, cells) in AWKWARD.into_iter().chain([[37, 29, 1], [31, 14, 6]]).enumerate() {
        let matrix = random_system(cells, 3.0, 0.01, index as u64);
        let finest = multigrid::stencil::Stencil::of_matrix(&matrix);
        let hierarchy =
            multigrid::hierarchy::Hierarchy::new(finest, conjugate_gradients::DIRECT_CELLS).expect("positive definite");
        let layout = multigrid::stencil::Layout { cells };
        let mut workspace = multigrid::cycle::Workspace::<4>::new(&hierarchy, false);
        let mut b = vec![[0.0; 4]; layout.len()];
        let numbers = normals(matrix.len(), 4, 9);
        let mut numbers = numbers.rows().into_iter();
        for j in 0..cells[1] {
            for k in 0..cells[2] {
                for i in 0..cells[0] {
                    let row = numbers.next().expect("one a cell");
                    b[layout.at(i, j, k)] = std::array::from_fn(|lane| row[lane]);
                }
            }
        }
        let mut x = vec![[1.0; 4]; layout.len()];
        hierarchy.cycle(&b, &mut x, &mut workspace);
        let product = |a: usize, b_lane: usize| x.iter().zip(&b).map(|(x, b)| x[a] * b[b_lane]).sum::<f64>();
        let terms = |a: usize, b_lane: usize| x.iter().zip(&b).map(|(x, b)| (x[a] * b[b_lane]).abs()).sum::<f64>();
        for a in 0..4 {
            assert!(product(a, a) > 0.0, "{cells:?}");
            for b in 0..a {
                // A cycle is a chain of sums as long as a stencil on each level, the last one as long as its cells.
                let length = (27 * 12 + 160 + layout.count()) as f64;
                let bound = length * f64::EPSILON * (terms(a, b) + terms(b, a));
                assert!(
                    (product(a, b) - product(b, a)).abs() <= bound,
                    "{cells:?}: {} and {}",
                    product(a, b),
                    product(b, a)
                );
            }
        }
    }
}

#[test]
fn neither_threads_nor_other_columns_change_a_byte() {
    let matrix = channels([70, 53, 4], 1e3);
    let b = normals(matrix.len(), 11, 4);
    let solver = prepare(matrix, Method::Multigrid, 11).expect("positive definite");
    let on = |threads: usize, b: ArrayView2<'_, f64>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| solver.solve(b, 1e-9)).expect("solves").x
    };
    let one = on(1, b.view());
    assert_eq!(one, on(3, b.view()));
    let column = b.column(9).insert_axis(Axis(1));
    assert_eq!(one.column(9), on(1, column).column(0));
    assert_eq!(one.column(9), on(3, column).column(0));
}

#[test]
fn what_does_not_converge_says_by_how_much() {
    let solver = prepare(random_system([40, 30, 2], 3.0, 0.1, 8), Method::Multigrid, 1).expect("positive definite");
    let solved = solver.solve(normals(2400, 2, 8).view(), 1e-30).expect("an answer");
    assert!(!solved.converged && solved.residual > 1e-30 && solved.residual < 1e-9, "residual {}", solved.residual);
    assert!(solved.iterations > 0);
}

#[test]
fn a_tied_bore_over_many_layers_costs_few_iterations() {
    let free = channels([40, 40, 12], 1e3);
    let mut tied = free.clone();
    let bore = |i: usize, j: usize| (2..11).map(|k| (k * 40 + j) * 40 + i).collect::<Vec<usize>>();
    tied.ties = [[20, 20], [7, 31], [33, 5], [12, 12]].map(|[i, j]| bore(i, j)).to_vec();
    let (free, tied) = (iterations(free, 1e-9), iterations(tied, 1e-9));
    assert!(2 * tied <= 3 * free, "{free} iterations without bores, {tied} with");
}
