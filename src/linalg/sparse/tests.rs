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
            match (apart[cell], apart[next]) {
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
        if apart[cell] || matrix.diagonal[cell] == 0.0 {
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
fn dense_solution(matrix: &GridMatrix, b: &Array2<f64>) -> Array2<f64> {
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
fn condition(matrix: &GridMatrix) -> f64 {
    let (values, _) = dense::symmetric_eigen(&matrix.dense()).expect("converges");
    values[0] / values[values.len() - 1]
}

const AWKWARD: [[usize; 3]; 9] =
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
