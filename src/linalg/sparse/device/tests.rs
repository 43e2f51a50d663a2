//! The refined solution on a device against what the CPU finds and what is exact.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::super::tests::{AWKWARD, channels, condition, dense_solution, normals, random_system};
use super::super::{GridMatrix, Method, PreparedSolver, prepare, prepare_on};
use super::DeviceSolver;
use crate::testing::gpu;

/// Ties of every fifth and every seventh cell.
fn tie(matrix: &mut GridMatrix) {
    let n = matrix.len();
    let fifth: Vec<usize> = (0..n).filter(|c| c % 5 == 2).collect();
    let seventh = (0..n).filter(|c| c % 7 == 6 && !fifth.contains(c)).collect();
    matrix.ties = [fifth, seventh].into_iter().filter(|tie: &Vec<usize>| !tie.is_empty()).collect();
}

#[test]
fn solutions_agree_with_the_dense_solve_ties_included() {
    let Some(gpu) = gpu() else { return };
    for (index, cells) in AWKWARD.into_iter().chain([[37, 29, 1], [29, 7, 5], [2, 2, 200]]).enumerate() {
        for tied in [false, true] {
            let mut matrix = random_system(cells, 3.0, 0.1, index as u64);
            let n = matrix.len();
            if tied {
                tie(&mut matrix);
            }
            let b = normals(n, 5, 3);
            let expected = dense_solution(&matrix, &b);
            // Both solutions are within the condition number times the residual of the true one.
            let bound = 2.0 * condition(&matrix) * (1e-12 + 8.0 * n as f64 * f64::EPSILON);
            let solver = prepare_on(matrix, gpu).expect("positive definite");
            let solved = solver.solve(b.view(), 1e-12).expect("solves");
            assert!(solved.converged, "{cells:?}, tied: {tied}: residual {}", solved.residual);
            for (column, (x, e)) in solved.x.axis_iter(Axis(1)).zip(expected.axis_iter(Axis(1))).enumerate() {
                let (error, size) = ((&x - &e).mapv(|d| d * d).sum().sqrt(), e.dot(&e).sqrt());
                assert!(error <= bound * size, "{cells:?}, column {column}: {error:e} of {size:e}");
            }
        }
    }
}

/// A well in the middle, rates along a column, and noise.
fn right_hand_sides(matrix: &GridMatrix) -> Array2<f64> {
    let mut b = Array2::zeros((matrix.len(), 3));
    b[[matrix.len() / 2 + matrix.cells[0] / 3, 0]] = -0.05;
    b.column_mut(1).iter_mut().skip(1).step_by(matrix.cells[0]).for_each(|b| *b = 1.0);
    b.column_mut(2).assign(&normals(matrix.len(), 1, 5).column(0));
    b
}

#[test]
fn contrasts_of_a_thousand_and_a_million_are_refined_to_the_end() {
    let Some(gpu) = gpu() else { return };
    for (cells, contrast) in [([101, 97, 1], 1e3), ([101, 97, 1], 1e6), ([23, 31, 7], 1e3), ([23, 31, 7], 1e6)] {
        let matrix = channels(cells, contrast);
        let b = right_hand_sides(&matrix);
        let exact =
            prepare(matrix.clone(), Method::Multigrid, 3).and_then(|s| s.solve(b.view(), 1e-10)).expect("solves");
        let solved = prepare_on(matrix, gpu).and_then(|s| s.solve(b.view(), 1e-10)).expect("solves");
        assert!(solved.converged, "{cells:?}, contrast {contrast:e}: residual {:e}", solved.residual);
        assert!(
            solved.iterations <= 2 * exact.iterations,
            "{cells:?}, contrast {contrast:e}: {} iterations, {} on the CPU",
            solved.iterations,
            exact.iterations
        );
    }
}

#[test]
fn neither_repetition_nor_other_columns_change_a_byte() {
    let Some(gpu) = gpu() else { return };
    let matrix = channels([40, 33, 4], 1e3);
    let b = normals(matrix.len(), 11, 4);
    let mut solver = DeviceSolver::new(matrix, gpu).expect("positive definite");
    let solve = |solver: &DeviceSolver<'_>, b: ArrayView2<'_, f64>| solver.solve(b, 1e-10).expect("solves").x;
    let once = solve(&solver, b.view());
    assert_eq!(once, solve(&solver, b.view()));
    assert_eq!(once.slice(s![.., 9..10]), solve(&solver, b.slice(s![.., 9..10])));
    solver.columns = 3;
    assert_eq!(once, solve(&solver, b.view()));
}

#[test]
fn columns_of_zeros_and_of_any_size_are_solved_beside_others() {
    let Some(gpu) = gpu() else { return };
    let matrix = random_system([9, 8, 3], 2.0, 1.0, 6);
    let mut b = normals(matrix.len(), 4, 7);
    b.column_mut(1).fill(0.0);
    b.column_mut(2).mapv_inplace(|b| 1e-30 * b);
    b.column_mut(3).mapv_inplace(|b| 1e30 * b);
    for unit in [1e-20, 1.0, 1e20] {
        let mut scaled = matrix.clone();
        scaled.diagonal.iter_mut().chain(scaled.conductance.iter_mut().flatten()).for_each(|value| *value *= unit);
        let solved = prepare_on(scaled, gpu).and_then(|s| s.solve(b.view(), 1e-11)).expect("solves");
        assert!(solved.converged, "unit {unit:e}: residual {:e}", solved.residual);
        assert!(solved.x.column(1).iter().all(|x| *x == 0.0));
    }
}

#[test]
fn what_does_not_converge_says_by_how_much() {
    let Some(gpu) = gpu() else { return };
    let solver = prepare_on(random_system([20, 13, 2], 3.0, 0.1, 8), gpu).expect("positive definite");
    let solved = solver.solve(normals(520, 2, 8).view(), 1e-30).expect("an answer");
    assert!(!solved.converged && solved.residual > 1e-30 && solved.residual < 1e-12, "residual {}", solved.residual);
    assert!(solver.description().contains("refined in f64"), "{}", solver.description());
}

#[test]
fn a_device_without_room_for_a_block_takes_fewer_columns_at_a_time() {
    if gpu().is_none() {
        return;
    }
    let choice = crate::gpu::choose(crate::gpu::Choice::Auto, true).expect("an adapter that opens");
    let mut small = choice.expect("there is one");
    let matrix = channels([101, 97, 1], 1e3);
    let b = normals(matrix.len(), 24, 4);
    let expected = prepare_on(matrix.clone(), &small).and_then(|s| s.solve(b.view(), 1e-10)).expect("solves").x;
    // Room for the hierarchy and the vectors of nine right-hand sides, but not for the parts of their sums.
    small.limit_memory(9 * 4 * matrix.len() as u64);
    let found = prepare_on(matrix.clone(), &small).and_then(|s| s.solve(b.view(), 1e-10)).expect("solves").x;
    assert_eq!(found, expected);
    small.limit_memory(64);
    assert!(prepare_on(matrix, &small).is_err(), "no room at all");
}

#[test]
fn every_kernel_is_within_its_bounds() {
    let Some(gpu) = gpu() else { return };
    for outcome in super::verify(Some(gpu), 3).expect("a device that works") {
        assert!(outcome.passed(), "{outcome:?}");
    }
}
