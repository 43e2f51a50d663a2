//! Straight rays against lengths, travel times and transpose products that others computed (two independent programs
//! that agree to 2e-14), and against two published ray matrices.

use std::collections::BTreeMap;
use std::path::Path;

use lithoscope::forward::straight_ray::{Ray, StraightRays};
use lithoscope::grid::{Grid, Plane};
use lithoscope::operator::{LinearOperator, Operator};
use lithoscope::testing::{gpu, reference};
use ndarray::{Array1, Array2};

fn table(path: &Path) -> Vec<Vec<f64>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(|x| x.trim().parse().unwrap()).collect()).collect()
}

fn column(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.trim().parse().unwrap()).collect()
}

/// A case of the reference: the rays, and what it says of them.
struct Case {
    rays: StraightRays<'static>,
    /// Length of the whole ray and its travel time.
    expected: Vec<[f64; 2]>,
    /// (ray, cell) → length.
    lengths: BTreeMap<(usize, usize), f64>,
    slowness: Array1<f64>,
    adjoint: Array1<f64>,
    grid: Grid,
}

/// Arrays of the reference are [ix, iz], ours x fastest.
fn x_fastest(path: &Path) -> Array1<f64> {
    let field: Array2<f64> = ndarray_npy::read_npy(path).unwrap();
    Array1::from_iter(field.t().iter().copied())
}

fn read(folder: &Path) -> Case {
    let (x, z) = (column(&folder.join("nodes_x.csv")), column(&folder.join("nodes_z.csv")));
    let grid = Grid {
        cells: [x.len() - 1, z.len() - 1, 1],
        spacing: [x[1] - x[0], z[1] - z[0], 1.0],
        origin: [x[0], z[0], 0.0],
        plane: Plane::Xz,
    };
    let rows = table(&folder.join("rays.csv"));
    let rays = rows.iter().map(|r| Ray { source: [r[1], r[2], 0.0], receiver: [r[3], r[4], 0.0] }).collect();
    let lengths = table(&folder.join("paths.csv"));
    Case {
        rays: StraightRays::new(grid, rays, None).unwrap(),
        expected: rows.iter().map(|r| [r[5], r[6]]).collect(),
        lengths: lengths
            .iter()
            .map(|e| ((e[0] as usize, grid.index([e[1] as usize, e[2] as usize, 0])), e[3]))
            .collect(),
        slowness: x_fastest(&folder.join("slowness.npy")),
        adjoint: x_fastest(&folder.join("adjoint_y_1toN.npy")),
        grid,
    }
}

/// Largest slowness of a case times the ray's length: the scale of a travel time's error.
fn scale(case: &Case, r: usize) -> f64 {
    case.expected[r][0] * case.slowness.iter().fold(0.0, |a: f64, &b| a.max(b))
}

fn check(folder: &str) {
    let Some(folder) = reference(&format!("tomo/{folder}")) else { return };
    let case = read(&folder);
    let mut found = BTreeMap::new();
    for r in 0..case.rays.rows() {
        case.rays.row(r, |cell, length| assert!(found.insert((r, cell), length).is_none()));
    }
    let keys = found.keys().chain(case.lengths.keys());
    for &(r, cell) in keys {
        let at = |of: &BTreeMap<(usize, usize), f64>| of.get(&(r, cell)).copied().unwrap_or(0.0);
        let error = (at(&found) - at(&case.lengths)).abs();
        assert!(error <= 1e-12 * case.expected[r][0], "ray {r}, cell {:?}: off by {error}", case.grid.cell(cell));
    }
    let times = case.rays.predict(case.slowness.view()).unwrap();
    for r in 0..times.len() {
        assert!((times[r] - case.expected[r][1]).abs() <= 1e-12 * scale(&case, r), "travel time {r}: {}", times[r]);
    }
    let y = Array1::from_iter((1..=times.len()).map(|r| r as f64));
    let terms: f64 = (0..times.len()).map(|r| y[r] * case.expected[r][0]).sum();
    for (c, (a, b)) in case.rays.adjoint(y.view()).iter().zip(&case.adjoint).enumerate() {
        assert!((a - b).abs() <= 1e-12 * terms / 10.0, "adjoint in cell {:?}: {a}, not {b}", case.grid.cell(c));
    }
}

/// The same on the device: 2e-6 of the ray's length, and of the sum of the terms of an adjoint.
fn check_device(folder: &str) {
    let (Some(folder), Some(gpu)) = (reference(&format!("tomo/{folder}")), gpu()) else { return };
    let mut case = read(&folder);
    case.rays = case.rays.with_gpu(gpu).unwrap();
    let times = case.rays.predict(case.slowness.view()).unwrap();
    let mut terms = Array1::<f64>::zeros(case.grid.len());
    for r in 0..times.len() {
        assert!((times[r] - case.expected[r][1]).abs() <= 2e-6 * scale(&case, r), "travel time {r}: {}", times[r]);
        let mut y = Array1::zeros(times.len());
        y[r] = 1.0;
        let mut row = case.rays.back_projection(y.view()).unwrap();
        for (&(_, cell), &length) in case.lengths.range((r, 0)..(r + 1, 0)) {
            row[cell] -= length;
            terms[cell] += (r + 1) as f64 * length;
        }
        assert!(row.iter().all(|error| error.abs() <= 2e-6 * case.expected[r][0]), "lengths of ray {r}");
    }
    let y = Array1::from_iter((1..=times.len()).map(|r| r as f64));
    let found = case.rays.back_projection(y.view()).unwrap();
    for (c, (a, b)) in found.iter().zip(&case.adjoint).enumerate() {
        // A corner that rays only touch has no terms: a billionth of a cell of every ray.
        let bound = 2e-6 * terms[c] + 1e-9 * y.sum() * case.grid.spacing[0];
        assert!((a - b).abs() <= bound, "adjoint in cell {:?}: {a}, not {b}", case.grid.cell(c));
    }
}

#[test]
fn rectangular_cells() {
    check("case1_rect_20x30");
}

#[test]
fn rectangular_cells_on_the_device() {
    check_device("case1_rect_20x30");
}

#[test]
fn crosshole_of_8_by_8() {
    check("case2_edges_100x100_8x8");
}

#[test]
fn crosshole_of_8_by_8_on_the_device() {
    check_device("case2_edges_100x100_8x8");
}

/// A published ray matrix in its own order: (row, column) → length.
fn published(name: &str) -> Option<BTreeMap<(usize, usize), f64>> {
    let folder = reference("seeds/multires")?;
    let at: Array2<i32> = ndarray_npy::read_npy(folder.join(format!("{name}_row_col.npy"))).unwrap();
    let lengths: Array1<f64> = ndarray_npy::read_npy(folder.join(format!("{name}_len.npy"))).unwrap();
    Some(at.outer_iter().zip(&lengths).map(|(at, &l)| ((at[0] as usize, at[1] as usize), l)).collect())
}

/// Compares rows: their sums, and, for rays not along a face, every entry. `n × n` unit cells, the first coordinate
/// slowest in the published columns.
fn compare_published(matrix: &BTreeMap<(usize, usize), f64>, n: usize, rays: &[Ray], skip: Option<usize>) {
    let ours = StraightRays::new(Grid { plane: Plane::Xz, ..Grid::unit([n, n, 1]) }, rays.to_vec(), None).unwrap();
    for r in (0..rays.len()).filter(|&r| Some(r) != skip) {
        let mut row = vec![0.0; n * n];
        for (&(_, c), &length) in matrix.range((r, 0)..(r + 1, 0)) {
            row[c % n * n + c / n] = length;
        }
        let sum: f64 = row.iter().sum();
        let length = ours.length_inside(r);
        assert!((sum - length).abs() <= 1e-12 * length, "row {r} sums to {sum}, the ray is {length} long");
        let Ray { source, receiver } = rays[r];
        if source[0] != receiver[0] && source[1] != receiver[1] {
            ours.row(r, |cell, length| row[cell] -= length);
            assert!(row.iter().all(|d| d.abs() <= 1e-12 * length), "row {r} of {:?}", rays[r]);
        }
    }
}

#[test]
fn published_matrix_of_two_ways() {
    let Some(matrix) = published("G32_32_2way") else { return };
    let point = |x: usize, y: usize| [x as f64, y as f64, 0.0];
    let across = (0..1024).map(|r| Ray { source: point(0, r % 32), receiver: point(32, r / 32) });
    let down = (0..1024).map(|r| Ray { source: point(r % 32, 0), receiver: point(r / 32, 32) });
    compare_published(&matrix, 32, &across.chain(down).collect::<Vec<_>>(), None);
}

#[test]
fn published_matrix_of_one_way() {
    let Some(matrix) = published("G1way_every8") else { return };
    let y = [0.0, 9.0, 18.0, 27.0, 37.0, 46.0, 55.0, 64.0];
    let rays: Vec<Ray> =
        (0..64).map(|r| Ray { source: [0.0, y[r % 8], 0.0], receiver: [64.0, y[r / 8], 0.0] }).collect();
    compare_published(&matrix, 64, &rays, Some(63));
}
