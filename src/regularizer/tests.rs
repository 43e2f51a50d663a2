use ndarray::array;

use super::*;
use crate::check::{dot_test, taylor_order};
use crate::error::Result;
use crate::grid::{Grid, Plane};
use crate::operator::{Dense, Linearized, Operator};
use crate::random::{Purpose, Stream};

/// φ_ε as an operator of one output, whose Jacobian is the gradient.
struct Value<'a>(&'a dyn Regularizer, f64);

impl Operator for Value<'_> {
    fn inputs(&self) -> usize {
        self.0.differences().cols()
    }
    fn outputs(&self) -> usize {
        1
    }
    fn predict(&self, u: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(array![self.0.value(u, self.1)])
    }
    fn linearize(&self, u: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        let gradient = self.0.gradient(u, self.1).insert_axis(ndarray::Axis(0));
        Ok(Linearized { value: self.predict(u)?, jacobian: Box::new(Dense(gradient)) })
    }
}

/// Grids of one, two and three dimensions with cells that are no cubes.
fn grids() -> [Grid; 5] {
    [[1, 1, 1], [7, 1, 1], [3, 4, 5], [1, 5, 2], [6, 5, 1]].map(|cells| Grid {
        cells,
        spacing: [2.0, 0.5, 3.0],
        origin: [0.0; 3],
        plane: Plane::Xy,
    })
}

fn all(grid: &Grid, reference: bool) -> Vec<Box<dyn Regularizer>> {
    let reference = reference.then(|| normals(grid.len(), 9));
    let mut all: Vec<Box<dyn Regularizer>> = vec![Box::new(TotalVariation::new(grid))];
    for order in 0..3 {
        all.push(Box::new(Tikhonov::new(grid, order, reference.clone()).unwrap()));
    }
    all
}

fn normals(count: usize, level: u32) -> Array1<f64> {
    Stream::new(3, Purpose::Check, 0, level).normals(count).into()
}

#[test]
fn gradients_are_those_of_the_values() {
    for grid in grids() {
        let (u, direction) = (normals(grid.len(), 0), normals(grid.len(), 1));
        for regularizer in all(&grid, true) {
            for epsilon in [0.3, 1e-3] {
                let value = Value(&*regularizer, epsilon);
                let order = taylor_order(&value, u.view(), direction.view(), 1e-2).unwrap();
                assert!(order > 1.9, "{:?}: order {order}", grid.cells);
            }
        }
    }
}

#[test]
fn weighted_squares_lie_above_the_penalty_and_touch_it() {
    for grid in grids() {
        let u = normals(grid.len(), 0);
        for regularizer in all(&grid, true) {
            let weights = regularizer.weights(u.view(), 0.1);
            let squares = |u: &Array1<f64>| {
                let s = regularizer.residual(u.view());
                0.5 * (&weights * &s).dot(&s)
            };
            let offset = regularizer.value(u.view(), 0.1) - squares(&u);
            for level in 1..5 {
                let moved = &u + &(f64::from(level) * &normals(grid.len(), level));
                let value = regularizer.value(moved.view(), 0.1);
                assert!(squares(&moved) + offset >= value * (1.0 - 1e-12));
            }
            let matrix = regularizer.differences().weighted_squares(weights.view());
            let from_reference = regularizer.reference().map_or(u.clone(), |r| &u - &r);
            let gradient = matrix.apply(from_reference.view());
            let difference = gradient - regularizer.gradient(u.view(), 0.1);
            assert!(difference.iter().all(|d| d.abs() < 1e-11));
        }
    }
}

#[test]
fn differences_are_an_operator_whose_null_space_is_known() {
    for grid in grids() {
        for (order, differences) in
            [Differences::identity(&grid), Differences::first(&grid), Differences::second(&grid)].iter().enumerate()
        {
            assert!(dot_test(differences, 1) < 1e-14);
            let null = differences.null_space();
            assert!(differences.apply_block(null.view()).iter().all(|d| d.abs() < 1e-12));
            assert_eq!(null.ncols(), differences.pins().len());
            // With the pins added nothing is left undetermined; with one left out something is.
            let mut matrix = differences.weighted_squares(Array1::ones(differences.rows()).view());
            let definite = |matrix: &crate::linalg::sparse::SymmetricMatrix| {
                let dense =
                    crate::linalg::dense::symmetric_eigen(&matrix.apply_block(ndarray::Array2::eye(grid.len()).view()));
                dense.unwrap().0.iter().all(|&e| e > 1e-10)
            };
            for &pin in differences.pins() {
                assert!(!definite(&matrix), "order {order} on {:?}", grid.cells);
                matrix.add_to_diagonal(pin, 1.0);
            }
            assert!(definite(&matrix), "order {order} on {:?}", grid.cells);
        }
    }
}

#[test]
fn values_are_known_by_hand() {
    // Cells of 1 × 4 m: h = 2, differences along x count twice, along y half.
    let grid = Grid { cells: [3, 2, 1], spacing: [1.0, 4.0, 1.0], origin: [0.0; 3], plane: Plane::Xy };
    let u = array![0.0, 1.0, 3.0, 2.0, 2.0, 2.0];
    let tikhonov = |order: usize| Tikhonov::new(&grid, order, None).unwrap().value(u.view(), 0.0);
    assert_eq!(tikhonov(0), 22.0);
    // Along x: 2(1), 2(2), 0, 0; along y: ½(2), ½(1), ½(−1).
    assert!((tikhonov(1) - (4.0 + 16.0 + 1.0 + 0.25 + 0.25)).abs() < 1e-14);
    // Along x: 4(1), 4(0); mixed: √2·2·½ times (0 − 1), (0 − 2).
    assert!((tikhonov(2) - (16.0 + 2.0 + 8.0)).abs() < 1e-13);
    let variation = TotalVariation::new(&grid);
    let expected = 5f64.sqrt() + 16.25f64.sqrt() + 0.5;
    assert!((variation.value(u.view(), 0.0) - expected).abs() < 1e-14);
    assert_eq!(variation.steepest(u.view()), 16.25f64.sqrt());
}

#[test]
fn the_penalties_do_not_depend_on_the_direction_of_the_axes() {
    // A smooth bump and the same bump turned by 45° have the same penalties, up to the error of the differences.
    let grid = Grid::unit([60, 60, 1]);
    let bump = |turned: bool| -> Array1<f64> {
        let value = |cell: usize| {
            let [x, y, _] = grid.center(grid.cell(cell)).map(|x| x - 30.0);
            let (a, b) = if turned { ((x + y) / 2f64.sqrt(), (y - x) / 2f64.sqrt()) } else { (x, y) };
            (-(a / 9.0).powi(2) - (b / 4.0).powi(2)).exp()
        };
        (0..grid.len()).map(value).collect()
    };
    let (straight, turned) = (bump(false), bump(true));
    for regularizer in all(&grid, false) {
        let values = [&straight, &turned].map(|u| regularizer.value(u.view(), 0.0));
        assert!((values[0] / values[1] - 1.0).abs() < 0.03, "{values:?}");
    }
}

#[test]
fn what_is_no_penalty_is_refused() {
    let grid = Grid::unit([2, 2, 1]);
    assert!(Tikhonov::new(&grid, 3, None).is_err());
    assert!(Tikhonov::new(&grid, 0, Some(array![0.0, 1.0, f64::NAN, 2.0])).is_err());
}
