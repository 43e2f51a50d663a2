//! The definition, and the traversal against it.

use ndarray::Array1;
use proptest::prelude::*;

use super::check::random_rays;
use super::path::in_cells;
use super::*;
use crate::check::dot_test;
use crate::grid::Plane;
use crate::random::{Purpose, Stream};

fn grid(cells: [usize; 3]) -> Grid {
    Grid { cells, spacing: [0.5, 2.0, 1.25], origin: [-1.0, 3.0, 10.0], plane: Plane::Xy }
}

/// The definition: the length of a ray in a cell is that of the segment clipped by the cell's three slabs; a slab that
/// the ray runs in the face of counts half, but for the grid's outer faces.
fn definition(grid: &Grid, ray: &Ray, cell: [usize; 3]) -> f64 {
    let (p, q) = (in_cells(grid, ray.source), in_cells(grid, ray.receiver));
    let length = (0..3).map(|a| ((q[a] - p[a]) * grid.spacing[a]).powi(2)).sum::<f64>().sqrt();
    let (mut enter, mut exit, mut share) = (0.0f64, 1.0f64, 1.0);
    for a in 0..3 {
        let (low, high, n) = (cell[a] as f64, cell[a] as f64 + 1.0, grid.cells[a] as f64);
        if p[a] == q[a] {
            let on_face = p[a] == low && low > 0.0 || p[a] == high && high < n;
            share *= if on_face { 0.5 } else { f64::from(u8::from((low..=high).contains(&p[a]))) };
        } else {
            let (s, t) = ((low - p[a]) / (q[a] - p[a]), (high - p[a]) / (q[a] - p[a]));
            enter = enter.max(s.min(t));
            exit = exit.min(s.max(t));
        }
    }
    (exit - enter).max(0.0) * length * share
}

fn dense_row(rays: &StraightRays, r: usize) -> Array1<f64> {
    let mut row = Array1::zeros(rays.grid().len());
    rays.row(r, |cell, length| {
        assert_eq!(row[cell], 0.0, "cell {cell} comes once");
        row[cell] = length;
    });
    row
}

fn row_of(grid: Grid, source: [f64; 3], receiver: [f64; 3]) -> Array1<f64> {
    dense_row(&StraightRays::new(grid, vec![Ray { source, receiver }], Some(0.0)).unwrap(), 0)
}

/// Cells with a length, and the lengths.
fn entries(row: &Array1<f64>) -> Vec<(usize, f64)> {
    row.iter().copied().enumerate().filter(|e| e.1 != 0.0).collect()
}

fn assert_follows_definition(grid: Grid, ray: Ray) {
    let rays = StraightRays::new(grid, vec![ray], Some(0.0)).unwrap();
    let row = dense_row(&rays, 0);
    let expected = Array1::from_iter((0..grid.len()).map(|c| definition(&grid, &ray, grid.cell(c))));
    let length = (0..3).map(|a| (ray.source[a] - ray.receiver[a]).powi(2)).sum::<f64>().sqrt();
    for (c, (&found, &wanted)) in row.iter().zip(&expected).enumerate() {
        assert!((found - wanted).abs() <= 1e-12 * length, "{ray:?}, cell {:?}: {found}, not {wanted}", grid.cell(c));
    }
    assert!((row.sum() - rays.length_inside(0)).abs() <= 1e-13 * length, "{ray:?}: the lengths sum to the ray's");
    assert!((expected.sum() - row.sum()).abs() <= 1e-12 * length, "{ray:?}: {} and {}", expected.sum(), row.sum());
    let back = StraightRays::new(grid, vec![Ray { source: ray.receiver, receiver: ray.source }], Some(0.0)).unwrap();
    assert_eq!(row, dense_row(&back, 0), "{ray:?}: the reversed ray is the same ray");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_rays_follow_the_definition(
        cells in [1usize..7, 1usize..7, 1usize..7],
        ends in [[-0.5f64..1.5, -0.5f64..1.5, -0.5f64..1.5], [-0.5f64..1.5, -0.5f64..1.5, -0.5f64..1.5]],
        // Per end and axis: anywhere, on a face, or half way between two.
        on in [[0u8..4, 0u8..4, 0u8..4], [0u8..4, 0u8..4, 0u8..4]],
    ) {
        let grid = grid(cells);
        let end = |e: usize| std::array::from_fn(|a| {
            let t = ends[e][a] * cells[a] as f64;
            grid.origin[a] + grid.spacing[a] * match on[e][a] { 0 | 1 => t, 2 => t.round(), _ => t.floor() + 0.5 }
        });
        let (mut source, mut receiver): ([f64; 3], [f64; 3]) = (end(0), end(1));
        if grid.is_2d() {
            (source[2], receiver[2]) = (0.0, 0.0);
        }
        assert_follows_definition(grid, Ray { source, receiver });
    }
}

#[test]
fn every_ray_between_corners_of_cells_follows_the_definition() {
    let grid = Grid::unit([2, 2, 3]);
    let corners: Vec<[f64; 3]> = (0..3 * 3 * 4).map(|c| [c % 3, c / 3 % 3, c / 9].map(f64::from)).collect();
    for &source in &corners {
        for &receiver in &corners {
            assert_follows_definition(grid, Ray { source, receiver });
        }
    }
}

#[test]
fn lengths_known_by_hand() {
    // Cells of 0.5 × 2 × 1.25 m, 3 × 4 × 5 of them from (-1, 3, 10).
    let g = grid([3, 4, 5]);
    assert_eq!(entries(&row_of(g, [-1.0, 4.0, 10.5], [0.5, 4.0, 10.5])), [(0, 0.5), (1, 0.5), (2, 0.5)]);
    assert_eq!(entries(&row_of(g, [-0.75, 4.0, 10.625], [-0.75, 4.0, 12.5])), [(0, 0.625), (12, 1.25)]);
    // A diagonal of one cell, and one through two cells by their common corner.
    let diagonal = (0.25f64 + 4.0).sqrt();
    let row = entries(&row_of(g, [-1.0, 3.0, 10.5], [0.0, 7.0, 10.5]));
    assert_eq!(row.iter().map(|e| e.0).collect::<Vec<_>>(), [0, 4]);
    assert!(row.iter().all(|e| (e.1 - diagonal).abs() < 1e-15));
}

#[test]
fn rays_along_faces_edges_and_boundaries_are_shared() {
    let g = Grid::unit([3, 4, 5]);
    let shared = |source, receiver| entries(&row_of(g, source, receiver));
    let along_x = |y: f64, z: f64| shared([0.0, y, z], [1.0, y, z]);
    assert_eq!(along_x(2.0, 0.5), [(3, 0.5), (6, 0.5)], "two cells share a face");
    assert_eq!(along_x(2.0, 1.0), [(3, 0.25), (6, 0.25), (15, 0.25), (18, 0.25)], "four cells share an edge");
    assert_eq!(along_x(0.0, 0.5), [(0, 1.0)], "the outer boundary has one neighbour");
    assert_eq!(along_x(4.0, 5.0), [(57, 1.0)], "and the far edge too");
    assert_eq!(along_x(0.0, 2.0), [(12, 0.5), (24, 0.5)], "an edge in the outer boundary has two");
    let oblique = shared([0.0, 2.0, 0.0], [1.0, 2.0, 1.0]);
    assert_eq!(oblique.iter().map(|e| e.0).collect::<Vec<_>>(), [3, 6], "an oblique ray in a face");
    assert!((oblique.iter().map(|e| e.1).sum::<f64>() - 2f64.sqrt()).abs() < 1e-15);
}

#[test]
fn a_face_is_found_where_decimals_are_not_binary() {
    // 0.3 / 0.1 is 2.9999999999999996 in f64.
    let g = Grid { cells: [10, 10, 1], spacing: [0.1, 0.1, 1.0], origin: [0.0; 3], plane: Plane::Xz };
    let row = row_of(g, [0.0, 0.3, 0.0], [1.0, 0.1 + 0.2, 0.0]);
    assert!((0..10).all(|i| (row[20 + i] - 0.05).abs() < 1e-16 && (row[30 + i] - 0.05).abs() < 1e-16));
}

#[test]
fn the_third_axis_of_a_2d_grid_does_not_matter() {
    let g = Grid { cells: [7, 5, 1], spacing: [1.0; 3], origin: [0.0; 3], plane: Plane::Xz };
    let flat = row_of(g, [0.0, 0.3, 0.0], [7.0, 4.1, 0.0]);
    assert_eq!(flat, row_of(g, [0.0, 0.3, -900.0], [7.0, 4.1, f64::NAN]));
    assert!((flat.sum() - (49.0f64 + 3.8 * 3.8).sqrt()).abs() < 1e-14);
}

#[test]
fn a_ray_of_no_length_gives_zero() {
    let rays = vec![Ray { source: [1.0, 1.5, 0.0], receiver: [1.0, 1.5, 0.0] }];
    let rays = StraightRays::new(Grid::unit([3, 3, 1]), rays, Some(2.0)).unwrap();
    assert_eq!(rays.predict(Array1::ones(9).view()).unwrap(), Array1::<f64>::zeros(1));
    assert_eq!(rays.adjoint(Array1::ones(1).view()), Array1::<f64>::zeros(9));
}

#[test]
fn outside_parts_take_the_background_slowness_or_nothing() {
    let rays = || vec![Ray { source: [-2.0, 1.5, 0.0], receiver: [5.0, 1.5, 0.0] }];
    let slowness = Array1::from_elem(9, 10.0);
    let without = StraightRays::new(Grid::unit([3, 3, 1]), rays(), None).unwrap();
    assert_eq!(without.predict(slowness.view()).unwrap()[0], 30.0);
    let with = StraightRays::new(Grid::unit([3, 3, 1]), rays(), Some(0.25)).unwrap();
    assert_eq!(with.length_inside(0), 3.0);
    let linearized = with.linearize(slowness.view()).unwrap();
    assert_eq!(linearized.value[0], 31.0);
    assert_eq!(linearized.jacobian.apply(slowness.view())[0], 30.0, "the constant is no part of the Jacobian");
    let miss = vec![Ray { source: [4.0, 0.0, 0.0], receiver: [4.0, 3.0, 0.0] }];
    let miss = StraightRays::new(Grid::unit([3, 3, 1]), miss, Some(0.25)).unwrap();
    assert_eq!(miss.predict(slowness.view()).unwrap()[0], 0.75);
}

#[test]
fn wrong_rays_are_named() {
    let good = Ray { source: [0.0, 1.0, 1.0], receiver: [3.0, 1.0, 1.0] };
    let message = |bad: Ray, background| {
        StraightRays::new(Grid::unit([3, 3, 3]), vec![good, bad], background).unwrap_err().to_string()
    };
    let text = message(Ray { receiver: [1.0, f64::NAN, 0.0], ..good }, Some(1.0));
    assert!(text.contains("ray 1") && text.contains("receiver") && text.contains("not finite"), "{text}");
    let text = message(Ray { source: [1e300, 0.0, 0.0], ..good }, None);
    assert!(text.contains("ray 1") && text.contains("source") && text.contains("1e9 cells"), "{text}");
    let text = message(Ray { source: [-1.0, 0.0, 0.0], receiver: [-1.0, 3.0, 0.0] }, None);
    assert!(text.contains("rays 1 ") && text.contains("entirely outside"), "{text}");
    let many = vec![Ray { source: [f64::NAN; 3], ..good }; 1000];
    let text = StraightRays::new(Grid::unit([3, 3, 3]), many, None).unwrap_err().to_string();
    assert!(text.contains("ray 0 "), "the first wrong ray is the one named: {text}");
    let text = message(good, Some(f64::INFINITY));
    assert!(text.contains("background"), "{text}");
}

#[test]
fn dot_test_and_adjoint_by_rows() {
    for cells in [[1, 1, 1], [100, 1, 1], [37, 41, 1], [41, 7, 1], [3, 4, 5], [19, 23, 29], [5, 40, 3]] {
        let rays = StraightRays::new(grid(cells), random_rays(&grid(cells), 3, 301), Some(0.0)).unwrap();
        assert!(dot_test(&rays, 5) < 1e-13, "{cells:?}: {}", dot_test(&rays, 5));
        let y = Array1::from(Stream::new(6, Purpose::Check, 0, 0).normals(rays.rows()));
        let mut expected = Array1::<f64>::zeros(rays.cols());
        let mut terms = expected.clone();
        for r in 0..rays.rows() {
            rays.row(r, |cell, length| {
                expected[cell] += y[r] * length;
                terms[cell] += (y[r] * length).abs();
            });
        }
        for (c, &found) in rays.adjoint(y.view()).iter().enumerate() {
            let bound = 1e-12 * (terms[c] + y.iter().map(|y| y.abs()).sum::<f64>() / 300.0);
            assert!((found - expected[c]).abs() <= bound, "{cells:?}, cell {c}: {found}, not {}", expected[c]);
        }
    }
}

#[test]
fn constant_slowness_gives_length_times_slowness_in_a_large_grid() {
    let grid = Grid { cells: [1000, 1000, 1], spacing: [0.1, 0.3, 1.0], origin: [5e5, 6e6, 0.0], plane: Plane::Xz };
    let list = random_rays(&grid, 8, 500);
    let rays = StraightRays::new(grid, list, Some(0.0)).unwrap();
    let times = rays.apply(Array1::from_elem(grid.len(), 2.0).view());
    for r in 0..rays.rows() {
        assert!((times[r] - 2.0 * rays.length_inside(r)).abs() <= 1e-12 * rays.length_inside(r), "ray {r}");
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let grid = grid([31, 17, 13]);
    let rays = StraightRays::new(grid, random_rays(&grid, 4, 2000), Some(0.0)).unwrap();
    let y = Array1::from(Stream::new(1, Purpose::Check, 0, 0).normals(rays.rows()));
    let x = Array1::from(Stream::new(2, Purpose::Check, 0, 0).normals(rays.cols()));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (rays.apply(x.view()), rays.adjoint(y.view())))
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(5));
}

#[test]
fn kernels_agree_with_their_twins_and_chunks_change_nothing() {
    let Some(gpu) = crate::testing::gpu() else { return };
    let outcomes = verify(Some(gpu), 1).unwrap();
    assert_eq!(outcomes.len(), 4);
    for outcome in outcomes {
        assert!(outcome.passed(), "{outcome:?}");
    }
    let grid = grid([13, 11, 7]);
    let list = random_rays(&grid, 2, 333);
    let whole = StraightRays::new(grid, list.clone(), Some(0.0)).unwrap().with_gpu(gpu).unwrap();
    let mut chunked = StraightRays::new(grid, list, Some(0.0)).unwrap();
    chunked.device = Some(Device::new(gpu, &chunked.paths, grid.len(), 100 * Device::RECORD as u64).unwrap());
    let s = Array1::from(Stream::new(2, Purpose::Check, 0, 0).normals(whole.cols()));
    let y = Array1::from(Stream::new(1, Purpose::Check, 0, 0).normals(whole.rows()));
    assert_eq!(whole.times(s.view()).unwrap(), chunked.times(s.view()).unwrap());
    let image = whole.back_projection(y.view()).unwrap();
    assert_eq!(image, chunked.back_projection(y.view()).unwrap(), "integers add up the same in any order");
    assert_eq!(image, whole.back_projection(y.view()).unwrap(), "and again");
    assert_eq!(whole.back_projection(Array1::zeros(333).view()).unwrap(), Array1::<f64>::zeros(whole.cols()));
}

#[test]
fn lengths_on_the_device_are_right_to_its_rounding_however_short_the_ray() {
    let Some(gpu) = crate::testing::gpu() else { return };
    let grid = Grid { cells: [1000, 1000, 1], spacing: [0.1, 0.3, 1.0], origin: [5e5, 6e6, 0.0], plane: Plane::Xz };
    let mut stream = Stream::new(3, Purpose::Check, 0, 0);
    let list: Vec<Ray> = (0..40)
        .map(|r| {
            let source = [5e5 + stream.between(0.0, 100.0), 6e6 + stream.between(0.0, 300.0), 0.0];
            let reach = 100.0 * 0.5f64.powi(r % 14);
            Ray { source, receiver: [source[0] + reach, source[1] + stream.between(-reach, reach), 0.0] }
        })
        .collect();
    let cpu = StraightRays::new(grid, list.clone(), None).unwrap();
    let device = StraightRays::new(grid, list, None).unwrap().with_gpu(gpu).unwrap();
    for r in 0..cpu.rows() {
        let mut y = Array1::zeros(cpu.rows());
        y[r] = 1.0;
        let worst = (device.back_projection(y.view()).unwrap() - dense_row(&cpu, r)).mapv(f64::abs);
        let worst = worst.iter().fold(0.0, |a: f64, &b| a.max(b)) / cpu.length_inside(r);
        assert!(worst <= 2e-7, "ray {r}: a length is wrong by {worst} of the ray's");
    }
}

#[test]
fn the_shader_is_valid() {
    let module = naga::front::wgsl::parse_str(&format!("{}\n{}", device::prelude(), device::SHADER.text)).unwrap();
    let capabilities = naga::valid::Capabilities::empty();
    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities).validate(&module).unwrap();
    assert_eq!(module.entry_points.len(), 3);
}

#[test]
fn kernels_agree_with_runtime_checks_too() {
    let Some(mut gpu) = crate::gpu::choose(crate::gpu::Choice::Auto, true).unwrap() else {
        return crate::testing::skipped("no GPU adapter");
    };
    gpu.force_checks();
    for outcome in verify(Some(&gpu), 2).unwrap() {
        assert!(outcome.passed(), "{outcome:?}");
    }
}

#[test]
fn the_cpu_form_is_verified_without_a_device() {
    let outcomes = verify(None, 3).unwrap();
    assert_eq!(outcomes.len(), 1);
    assert!(outcomes[0].passed() && outcomes[0].bound > 0.0, "{outcomes:?}");
}

#[test]
fn a_wrong_kernel_is_seen() {
    let Some(mut gpu) = crate::gpu::choose(crate::gpu::Choice::Auto, true).unwrap() else {
        return crate::testing::skipped("no GPU adapter");
    };
    let text = device::SHADER.text;
    let edits = [
        ("second - first, end - second", "end - first, 0u", "straight_ray/forward"),
        ("times[ray] = sum * path.share", "times[ray] = sum * 1.00001", "straight_ray/forward"),
        ("select(0u, 1u, before > ~lower)", "0u", "straight_ray/adjoint"),
        ("f32(upper) * TWO_32 + f32(lower)", "f32(upper) * TWO_32", "straight_ray/adjoint"),
    ];
    for (right, wrong, name) in edits {
        assert_eq!(text.matches(right).count(), 1, "{right}");
        gpu.replace_shader(device::SHADER.name, text.replace(right, wrong));
        let outcomes = verify(Some(&gpu), 1).unwrap();
        assert!(outcomes.iter().any(|o| o.name == name && !o.passed()), "`{wrong}` passes: {outcomes:?}");
    }
}

#[test]
fn a_lost_device_is_told_by_the_next_call_that_can() {
    let Some(gpu) = crate::gpu::choose(crate::gpu::Choice::Auto, true).unwrap() else {
        return crate::testing::skipped("no GPU adapter");
    };
    let grid = grid([5, 6, 7]);
    let cpu = StraightRays::new(grid, random_rays(&grid, 2, 10), Some(0.0)).unwrap();
    let device = StraightRays::new(grid, random_rays(&grid, 2, 10), Some(0.0)).unwrap().with_gpu(&gpu).unwrap();
    let s = Array1::ones(cpu.cols());
    gpu.destroy();
    assert_eq!(device.apply(s.view()), cpu.apply(s.view()), "the result is right");
    assert!(matches!(device.predict(s.view()), Err(Error::Gpu(_))));
    assert!(matches!(device.linearize(s.view()).err(), Some(Error::Gpu(_))));
}
