use std::f64::consts::PI;

use super::super::Choice;
use super::super::toys::{Columns, Cubic, host_problem, normals};
use super::*;
use crate::basis::{Basis, CellBasis};
use crate::grid::Grid;
use crate::linalg::covariance::Covariance;
use crate::operator::Operator;
use crate::regularizer::{Tikhonov, TotalVariation};

/// Data of a field on a grid, each with an error of `sigma`.
struct Toy {
    basis: Box<dyn Basis>,
    forward: Cubic,
    observed: Array1<f64>,
    covariance: Covariance,
}

impl Toy {
    /// Every cell is observed: denoising.
    fn denoising(observed: Array1<f64>) -> Self {
        let n = observed.len();
        Self {
            basis: Box::new(CellBasis::new(Array1::zeros(n))),
            forward: Cubic { matrix: Array2::eye(n), c: 0.0 },
            covariance: Covariance::diagonal(Array1::ones(n)).unwrap(),
            observed,
        }
    }

    fn invert(&self, regularizer: &dyn Regularizer, weight: Criterion, iterations: usize) -> Estimate {
        self.resume(regularizer, weight, iterations, Vec::new())
    }

    fn resume(
        &self,
        regularizer: &dyn Regularizer,
        weight: Criterion,
        iterations: usize,
        done: Vec<Iteration>,
    ) -> Estimate {
        self.attempt(regularizer, weight, iterations, done).unwrap()
    }

    fn attempt(
        &self,
        regularizer: &dyn Regularizer,
        weight: Criterion,
        iterations: usize,
        done: Vec<Iteration>,
    ) -> Result<Estimate> {
        let problem = host_problem(&self.forward, &*self.basis, &self.observed, &self.covariance);
        let schedule = RegularizedSchedule { iterations, weight, tolerance: 1e-9, all_iterations: false };
        let start = Array1::zeros(self.basis.cols());
        let inversion =
            RegularizedInversion { problem, regularizer, schedule: &schedule, start: start.view(), mismatch: None };
        inversion.run(done, &mut |_| Ok(()), &())
    }
}

fn norm(x: &Array1<f64>) -> f64 {
    x.dot(x).sqrt()
}

#[test]
fn order_zero_shrinks_towards_the_reference() {
    let grid = Grid::unit([3, 4, 1]);
    let (d, reference) = (normals(12, 1, 0).column(0).to_owned(), normals(12, 1, 1).column(0).to_owned());
    let toy = Toy::denoising(d.clone());
    let tikhonov = Tikhonov::new(&grid, 0, Some(reference.clone())).unwrap();
    let found = toy.invert(&tikhonov, Criterion::Fixed(0.7), 5);
    let expected = (&d + &(0.7 * &reference)) / 1.7;
    assert!(norm(&(&found.best().v - &expected)) < 1e-12);
    assert_eq!(found.iterations.len(), 2, "a linear problem takes one step, and one to see it");
    let row = &found.best().row;
    assert!((row.regularization - 0.7 * (&expected - &reference).mapv(|x| x * x).sum()).abs() < 1e-12);
}

#[test]
fn order_one_damps_cosines_by_their_wavelength() {
    // In one dimension cos(π k (i + ½)/n) is an eigenvector of DᵀD of eigenvalue 4 sin²(π k/2n).
    let n = 23;
    let cosine = |k: usize| Array1::from_shape_fn(n, |i| (PI * k as f64 * (i as f64 + 0.5) / n as f64).cos());
    let damping = |k: usize| 4.0 * (PI * k as f64 / (2 * n) as f64).sin().powi(2);
    let d = 2.0 + cosine(3) - 0.5 * cosine(11);
    let tikhonov = Tikhonov::new(&Grid::unit([n, 1, 1]), 1, None).unwrap();
    for weight in [1e-3, 1.0, 1e3] {
        let found = Toy::denoising(d.clone()).invert(&tikhonov, Criterion::Fixed(weight), 5);
        let expected = 2.0 + cosine(3) / (1.0 + weight * damping(3)) - 0.5 * cosine(11) / (1.0 + weight * damping(11));
        assert!(norm(&(&found.best().v - &expected)) < 1e-9, "{weight}");
    }
}

#[test]
fn order_two_leaves_planes_alone_and_a_large_weight_nothing_else() {
    let grid = Grid::unit([5, 4, 3]);
    let plane: Array1<f64> = (0..grid.len())
        .map(|c| {
            let [x, y, z] = grid.center(grid.cell(c));
            1.0 + 0.5 * x - 2.0 * y + z
        })
        .collect();
    let tikhonov = Tikhonov::new(&grid, 2, None).unwrap();
    let found = Toy::denoising(plane.clone()).invert(&tikhonov, Criterion::Fixed(10.0), 3);
    assert!(norm(&(&found.best().v - &plane)) < 1e-9 * norm(&plane));
    // Three cells in a row: the deviation from the line shrinks by 1 + 6 λ².
    let tikhonov = Tikhonov::new(&Grid::unit([3, 1, 1]), 2, None).unwrap();
    let found = Toy::denoising(ndarray::array![1.0, 0.0, 0.0]).invert(&tikhonov, Criterion::Fixed(2.0), 3);
    let s = 1.0 / 13.0;
    let expected = ndarray::array![5.0 + s, 2.0 - 2.0 * s, -1.0 + s] / 6.0;
    assert!(norm(&(&found.best().v - &expected)) < 1e-12);
}

/// By how much the conditions of the taut string are missed: with `S_i = Σ_{j ≤ i} (d_j − u_j)` and half the weight h,
/// `|S_i| ≤ h` everywhere, `S_n = 0`, and `S_i = −h sign(u_{i+1} − u_i)` where u jumps.
fn string_misses(d: &Array1<f64>, u: &Array1<f64>, h: f64) -> f64 {
    let (mut sum, mut worst) = (0.0, 0.0f64);
    for i in 0..d.len() {
        sum += d[i] - u[i];
        let miss = match u.get(i + 1).map(|next| next - u[i]) {
            None => sum.abs(),
            Some(jump) if jump.abs() > 1e-3 => (sum + h * jump.signum()).abs(),
            Some(_) => sum.abs() - h,
        };
        worst = worst.max(miss / h);
    }
    worst
}

#[test]
fn total_variation_in_one_dimension_is_the_taut_string() {
    let n = 40;
    let noise = 0.2 * &normals(n, 1, 5).column(0);
    let d = Array1::from_shape_fn(n, |i| {
        if i < 13 {
            0.0
        } else if i < 30 {
            2.0
        } else {
            1.0
        }
    }) + noise;
    let variation = TotalVariation::new(&Grid::unit([1, n, 1]));
    for weight in [0.1, 2.0] {
        let found = Toy::denoising(d.clone()).invert(&variation, Criterion::Fixed(weight), 400);
        let missed = string_misses(&d, &found.best().v, 0.5 * weight);
        assert!(missed < 1e-2, "λ² = {weight}: missed by {missed:e} of the half-width of the string");
        let rows: Vec<f64> = found.iterations.iter().map(|i| i.row.objective).collect();
        assert!(rows.last() <= rows.first(), "{rows:?}");
    }
    // Two plateaus of 3 and 5 cells: each gives way by h over its number of cells.
    let d = ndarray::array![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let variation = TotalVariation::new(&Grid::unit([8, 1, 1]));
    let found = Toy::denoising(d).invert(&variation, Criterion::Fixed(0.6), 200);
    let expected = ndarray::array![0.1, 0.1, 0.1, 0.94, 0.94, 0.94, 0.94, 0.94];
    assert!(norm(&(&found.best().v - &expected)) < 1e-6, "{:?}", found.best().v);
}

/// A block in a flat field of 9 × 8 × nz cells, seen by 25 sums over random cells with errors of 0.02.
fn block(nz: usize, c: f64) -> (Grid, Array1<f64>, Toy) {
    let grid = Grid { spacing: [10.0, 20.0, 5.0], ..Grid::unit([9, 8, nz]) };
    let n = grid.len();
    let truth: Array1<f64> = (0..n)
        .map(|cell| {
            let [x, y, _] = grid.cell(cell);
            if (3..7).contains(&x) && (2..6).contains(&y) { 2.0 } else { 1.0 }
        })
        .collect();
    let matrix = normals(25, n, 7).mapv(|x| f64::from(x > 0.6)) / (n as f64).sqrt();
    let forward = Cubic { matrix, c };
    let observed = forward.predict(truth.view()).unwrap() + 0.02 * &normals(25, 1, 8).column(0);
    let covariance = Covariance::diagonal(Array1::from_elem(25, 0.02)).unwrap();
    let toy = Toy { basis: Box::new(CellBasis::new(Array1::zeros(n))), forward, observed, covariance };
    (grid, truth, toy)
}

#[test]
fn fields_are_found_in_two_and_three_dimensions_by_every_criterion() {
    for (nz, c) in [(1, 0.0), (2, 0.0), (1, 0.02)] {
        let (grid, truth, toy) = block(nz, c);
        let variation = TotalVariation::new(&grid);
        let orders =
            [0, 1, 2].map(|order| Tikhonov::new(&grid, order, Some(Array1::from_elem(grid.len(), 1.3))).unwrap());
        let mean = truth.mean().unwrap();
        let spread = norm(&(&truth - mean));
        for regularizer in [&variation as &dyn Regularizer, &orders[0], &orders[1], &orders[2]] {
            for criterion in [
                Criterion::Discrepancy,
                Criterion::LCurve,
                Criterion::Gcv,
                Criterion::CrossValidation { folds: 5, seed: 1 },
            ] {
                let found = toy.invert(regularizer, criterion, 40);
                let best = found.best();
                let error = norm(&(&best.parameterized - &truth));
                assert!(error < 1.3 * spread, "{nz} layers, c = {c}, {criterion:?}: {error} of {spread}");
                assert!(!best.tradeoff.is_empty() && best.tradeoff.iter().any(|p| p.chosen == 1));
                if criterion == Criterion::Discrepancy {
                    let misfit = best.row.misfit_parameterized;
                    assert!((misfit / 25.0 - 1.0).abs() < 0.03, "{nz} layers, c = {c}: misfit {misfit}");
                }
            }
        }
    }
}

#[test]
fn a_basis_of_all_cells_gives_the_field_of_the_cells() {
    let (grid, _, cells) = block(1, 0.02);
    let n = grid.len();
    let mut rotated = cells.forward.matrix.clone();
    rotated.fill(0.0);
    let (_, vectors) = crate::linalg::dense::symmetric_eigen(&(&normals(n, n, 1) + &normals(n, n, 1).t())).unwrap();
    let forward = Cubic { matrix: cells.forward.matrix.clone(), c: cells.forward.c };
    let basis = Columns { matrix: vectors, mean: Array1::from_elem(n, 0.4), sigma: Array1::ones(n) };
    let dense =
        Toy { basis: Box::new(basis), forward, observed: cells.observed.clone(), covariance: cells.covariance.clone() };
    let orders = [0, 1, 2].map(|order| Tikhonov::new(&grid, order, None).unwrap());
    for regularizer in [&orders[0] as &dyn Regularizer, &orders[1], &orders[2]] {
        let [a, b] = [&cells, &dense].map(|toy| toy.invert(regularizer, Criterion::Fixed(3.0), 30));
        let difference = norm(&(&a.best().parameterized - &b.best().parameterized));
        assert!(difference < 1e-6 * norm(&a.best().parameterized), "{difference}");
    }
    let variation = TotalVariation::new(&grid);
    let [a, b] = [&cells, &dense].map(|toy| toy.invert(&variation, Criterion::Fixed(3.0), 60));
    let [a, b] = [a, b].map(|e| e.best().row.objective);
    assert!((a / b - 1.0).abs() < 1e-5, "{a} {b}");
}

#[test]
fn more_data_than_coefficients_are_reduced_to_a_triangle() {
    let (grid, _, cells) = block(1, 0.0);
    let basis = Columns { matrix: normals(grid.len(), 7, 3), mean: Array1::ones(grid.len()), sigma: Array1::ones(7) };
    let toy = Toy { basis: Box::new(basis.clone()), ..cells };
    let tikhonov = Tikhonov::new(&grid, 1, None).unwrap();
    for weight in [1e-3, 5.0] {
        let found = toy.invert(&tikhonov, Criterion::Fixed(weight), 5);
        // The normal equations: GᵀG v + λ² (DΦ)ᵀ(DΦ v + D ū) = Gᵀ(d − g(ū)).
        let jacobian = toy.covariance.whiten_block(toy.forward.matrix.dot(&basis.matrix).view());
        let at_v = toy.covariance.whiten(
            (&toy.observed - &toy.forward.predict(toy.basis.expand(found.best().v.view()).view()).unwrap()).view(),
        );
        let penalty = toy.basis.adjoint(tikhonov.gradient(found.best().parameterized.view(), 0.0).view());
        let gradient = 0.5 * weight * &penalty - jacobian.t().dot(&at_v);
        assert!(norm(&gradient) < 1e-9 * norm(&jacobian.t().dot(&toy.covariance.whiten(toy.observed.view()))));
        let point = found.best().tradeoff.iter().find(|c| c.chosen == 1).unwrap();
        assert!((point.misfit / found.best().row.misfit_parameterized - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_resumed_inversion_ends_in_the_same_numbers() {
    let (grid, _, toy) = block(1, 0.02);
    let variation = TotalVariation::new(&grid);
    let whole = toy.invert(&variation, Criterion::Discrepancy, 12);
    let resumed = toy.resume(&variation, Criterion::Discrepancy, 12, whole.iterations[..3].to_vec());
    assert_eq!(whole.iterations.len(), resumed.iterations.len());
    assert!(whole.iterations.iter().zip(&resumed.iterations).all(|(a, b)| a.v == b.v && a.tradeoff == b.tradeoff));
}

#[test]
fn a_weight_of_nothing_is_refused() {
    let (grid, _, toy) = block(1, 0.0);
    let refused = |weight: Criterion| toy.attempt(&TotalVariation::new(&grid), weight, 3, Vec::new()).is_err();
    assert!(refused(Criterion::from(Choice::Fixed(0.0))));
    assert!(refused(Criterion::CrossValidation { folds: 99, seed: 1 }));
}
