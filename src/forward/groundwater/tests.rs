//! Closed forms, derivatives, balances, and every mistake that input can make. MODFLOW's heads are in
//! `tests/reference`.

use ndarray::{Array1, Array2, Axis};

use super::check::{by_kind, parameters, samples, verify};
use super::*;
use crate::check::{dot_test, taylor_order};
use crate::grid::{Grid, Plane};
use crate::linalg::sparse::{PreparedSolver, Solved};
use crate::operator::finite;
use crate::random::{Purpose, Stream};
use crate::units::Transform;

fn grid(cells: [usize; 3], spacing: [f64; 3]) -> Grid {
    Grid { cells, spacing, origin: [0.0; 3], plane: Plane::Xy }
}

fn in_cells(cells: Cells, head: f64) -> Condition {
    Condition::HeadInCells { cells, head }
}

fn on_side(side: Side, head: f64) -> Condition {
    Condition::HeadOnFaces { faces: Faces::Side(side), head }
}

fn pumped(cell: usize, rate: f64) -> Well {
    let (name, control) = ("pumped".into(), Control::Rate(rate));
    Well { name, cells: vec![cell], control, split: Split::Transmissivity, radius: None }
}

fn observed(quantity: Quantity, time: Option<f64>) -> Observation {
    Observation { quantity, time }
}

fn uniform(steps: TimeSteps, storage: f64) -> Regime {
    let storage = Storage::Uniform(Scalar::Known(storage));
    Regime::Transient { steps, storage, initial: Initial::Uniform(0.0) }
}

#[test]
fn two_facies_in_a_row_have_the_heads_of_their_resistances() {
    // Faces of 12 and 2 m at the ends of 6 cells of 5 m, K = 1e-3 in the first four and 1e-5 m/s in the rest.
    let row = grid([6, 1, 1], [5.0, 2.0, 3.0]);
    let mut aquifer = Aquifer::new(row, Property::Conductivity, Transform::None)
        .with_boundary("west", on_side(Side::XMin, 12.0))
        .with_boundary("east", on_side(Side::XMax, 2.0));
    aquifer.observations = (0..6).map(|cell| observed(Quantity::Head(cell), None)).collect();
    let model = Groundwater::new(aquifer).unwrap();
    let u = Array1::from(vec![1e-3, 1e-3, 1e-3, 1e-3, 1e-5, 1e-5]);
    let velocity = 10.0 / (20.0 / 1e-3 + 10.0 / 1e-5);
    let expected = [2.5, 7.5, 12.5, 17.5].map(|x| 12.0 - velocity * x / 1e-3);
    let expected = expected.into_iter().chain([7.5, 2.5].map(|x| 2.0 + velocity * x / 1e-5));
    for (found, expected) in model.predict(u.view()).unwrap().iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12 * 12.0, "{found}, not {expected}");
    }
    let balance = &model.water_balance(u.view()).unwrap()[0];
    let through = velocity * 6.0;
    assert!((balance.boundaries[0].1 - through).abs() <= 1e-10 * through, "{balance:?}");
    assert!((balance.boundaries[1].1 + through).abs() <= 1e-10 * through, "{balance:?}");
}

#[test]
fn fluxes_bring_their_area_and_layers_their_anisotropy() {
    // Recharge of 1e-6 m/s sinks through three layers to the fixed head of the lowest: Δh = q Δz / Kv.
    let column = grid([2, 3, 3], [4.0, 5.0, 2.0]);
    let rain = Condition::FluxThroughFaces { faces: Faces::Side(Side::ZMax), flux: 1e-6 };
    let mut aquifer = Aquifer::new(column, Property::Conductivity, Transform::Ln)
        .with_boundary("rain", rain)
        .with_boundary("below", on_side(Side::ZMin, 5.0));
    aquifer.anisotropy = Scalar::Known(0.1);
    let model = Groundwater::new(aquifer).unwrap();
    let u = Array1::from_elem(18, 1e-4f64.ln());
    let heads = model.heads(u.view()).unwrap();
    for (cell, head) in heads.row(0).iter().enumerate() {
        let expected = 5.0 + 1e-6 * (1.0 + 2.0 * (cell / 6) as f64) / 1e-5;
        assert!((head - expected).abs() <= 1e-12 * 5.0, "cell {cell}: {head}, not {expected}");
    }
    let rain = &model.water_balance(u.view()).unwrap()[0].boundaries[0];
    assert!((rain.1 - 1e-6 * 6.0 * 20.0).abs() <= 1e-18, "{rain:?}");
}

/// A quarter of the plane around a well in the corner cell: T = 1e-2 m²/s, a fourth of 0.02 m³/s.
fn quarter(cells: usize, spacing: f64) -> Aquifer {
    let map = grid([cells, cells, 1], [spacing, spacing, 1.0]);
    let mut aquifer = Aquifer::new(map, Property::Transmissivity, Transform::Log10);
    aquifer.wells.push(pumped(0, -0.005));
    aquifer
}

/// Theis's well function `W(u) = ∫_u^∞ e^{−t}/t dt`, by its series.
fn well_function(u: f64) -> f64 {
    let (mut term, mut sum) = (-1.0, -0.577_215_664_901_532_9 - u.ln());
    for k in 1..60 {
        let k = f64::from(k);
        term *= -u / k;
        sum += term / k;
    }
    sum
}

#[test]
fn drawdown_in_time_is_theis() {
    let mut aquifer = quarter(70, 10.0);
    let steps = TimeSteps::geometric(4000.0, 100, 1.045).unwrap();
    let (transmissivity, storativity) = (1e-2, 1e-3);
    let places = [(5, 0), (8, 8), (0, 15)];
    for time in [700.0, 2000.0, 4000.0] {
        let at = places.map(|(i, j)| observed(Quantity::Drawdown(aquifer.grid.index([i, j, 0])), Some(time)));
        aquifer.observations.extend(at);
    }
    aquifer.regime = uniform(steps, storativity);
    let observations = aquifer.observations.clone();
    let model = Groundwater::new(aquifer).unwrap();
    let predicted = model.predict(Array1::from_elem(4900, -2.0).view()).unwrap();
    let scale = 0.02 / (4.0 * std::f64::consts::PI * transmissivity);
    for (i, found) in predicted.iter().enumerate() {
        let (i_cell, j_cell) = places[i % 3];
        // The well of the whole plane is the corner of the quarter.
        let square = 100.0 * ((i_cell as f64 + 0.5).powi(2) + (j_cell as f64 + 0.5).powi(2));
        let u = square * storativity / (4.0 * transmissivity * observations[i].time.unwrap());
        let expected = scale * well_function(u);
        assert!((found - expected).abs() <= 0.015 * scale, "{found} m, not {expected} m (u = {u})");
    }
}

#[test]
fn steady_drawdown_is_thiem_down_to_the_bore() {
    let map = grid([81, 81, 1], [5.0, 5.0, 1.0]);
    let centre = map.index([40, 40, 0]);
    let distance = |cell: usize| {
        let [i, j, _] = map.cell(cell).map(|at| at as f64 - 40.0);
        5.0 * i.hypot(j)
    };
    let far = (0..map.len()).filter(|&cell| distance(cell) >= 190.0).collect();
    let mut aquifer = Aquifer::new(map, Property::Transmissivity, Transform::Log10)
        .with_boundary("far", in_cells(Cells::List(far), 0.0));
    aquifer.wells.push(Well { radius: Some(0.1), ..pumped(centre, -0.02) });
    let places = [[41, 44, 0], [40, 50, 0], [54, 54, 0]].map(|cell| map.index(cell));
    aquifer.observations = places.map(|cell| observed(Quantity::Head(cell), None)).to_vec();
    aquifer.observations.push(observed(Quantity::WellHead(0), None));
    let predicted = Groundwater::new(aquifer).unwrap().predict(Array1::from_elem(map.len(), -2.0).view()).unwrap();
    let scale = 0.02 / (2.0 * std::f64::consts::PI * 1e-2);
    // Against one place, since the far circle is one of cells.
    for (radius, found) in [distance(places[0]), distance(places[1]), 0.1].into_iter().zip([0, 1, 3]) {
        let (found, expected) = (predicted[2] - predicted[found], scale * (distance(places[2]) / radius).ln());
        assert!((found - expected).abs() <= 0.005 * scale, "{found} m at {radius} m, not {expected} m");
    }
    assert!((predicted[2] + scale * (190.0 / distance(places[2])).ln()).abs() <= 0.02 * scale, "{predicted}");
}

/// `erfc(x)` by its series, for 0 ≤ x < 3.
fn complementary_error_function(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for k in 1..80 {
        let k = f64::from(k);
        term *= -x * x / k;
        sum += term / (2.0 * k + 1.0);
    }
    1.0 - 2.0 / std::f64::consts::PI.sqrt() * sum
}

#[test]
fn a_step_of_head_diffuses_into_a_column() {
    let row = grid([120, 1, 1], [1.0, 1.0, 1.0]);
    let mut aquifer =
        Aquifer::new(row, Property::Conductivity, Transform::None).with_boundary("river", on_side(Side::XMin, 1.0));
    let steps = TimeSteps::geometric(400.0, 400, 1.0).unwrap();
    aquifer.regime = uniform(steps, 1e-3);
    aquifer.observations = [3, 10, 40].map(|cell| observed(Quantity::Head(cell), Some(400.0))).to_vec();
    let predicted = Groundwater::new(aquifer).unwrap().predict(Array1::from_elem(120, 1e-3).view()).unwrap();
    for (x, found) in [3.5, 10.5, 40.5].into_iter().zip(&predicted) {
        let expected = complementary_error_function(x / (2.0 * 400f64.sqrt()));
        // Implicit Euler's own diffusion: Δt/2 · max |∂²h/∂t²| t.
        assert!((found - expected).abs() <= 1e-3, "{found} m at {x} m, not {expected} m");
    }
}

#[test]
fn derivatives_hold_for_every_boundary_well_and_observation() {
    for (name, aquifer) in samples().unwrap() {
        for transform in [aquifer.transform, Transform::Log10, Transform::Ln, Transform::None] {
            let aquifer = Aquifer { transform, ..aquifer.clone() };
            let [u, direction] = parameters(&aquifer, 3);
            for kind in by_kind(&aquifer) {
                let case = format!("{name}, {transform:?}, {:?}", kind.observations[0].quantity);
                let model = Groundwater::new(kind).unwrap();
                let at = model.linearize(u.view()).unwrap();
                assert_eq!(at.value, model.predict(u.view()).unwrap(), "{case}");
                let dot = dot_test(&*at.jacobian, 5);
                assert!(dot <= 1e-10, "{case}: {dot}");
                let order = taylor_order(&model, u.view(), direction.view(), 0.03).unwrap();
                assert!(order >= 1.95, "{case}: order {order}");
                // Only the property itself is linear, so that every other test has seen a remainder.
                assert_eq!(order.is_infinite(), case.contains("Property"), "{case}");
            }
        }
    }
}

#[test]
fn a_field_of_eighteen_decades_has_derivatives() {
    // As an early step of an inversion may ask for them. No residual falls to 1e-11 here.
    let map = grid([100, 100, 1], [15.0, 15.0, 20.0]);
    let mut aquifer = Aquifer::new(map, Property::Conductivity, Transform::Log10)
        .with_boundary("west", in_cells(Cells::Side(Side::XMin), 20.0))
        .with_boundary("east", in_cells(Cells::Side(Side::XMax), 10.0));
    let lattice = (0..5).flat_map(|j| (0..5).map(move |i| [10 + 20 * i, 10 + 20 * j, 0]));
    aquifer.observations = lattice.map(|cell| observed(Quantity::Head(map.index(cell)), None)).collect();
    let u = Array1::from_shape_fn(map.len(), |cell| {
        let [i, j, _] = map.cell(cell).map(|at| at as f64);
        -5.5 + 9.0 * (i / 7.0).sin() * (j / 9.0).cos()
    });
    let model = Groundwater::new(aquifer).unwrap();
    let dot = dot_test(&*model.linearize(u.view()).unwrap().jacobian, 5);
    assert!(dot <= 1e-4, "{dot}");
    let state = model.state(u.view()).unwrap();
    let solver = model.equations.prepare(&state, 0, 25, None).unwrap();
    let mut right = Array2::zeros((map.len(), 1));
    right[[map.index([50, 50, 0]), 0]] = 1.0;
    assert!(!solver.solve(right.view(), 1e-11).unwrap().converged, "the case is a hard one");
}

#[test]
fn extra_parameters_alone_move_what_they_are() {
    for (name, aquifer) in samples().unwrap() {
        let [u, _] = parameters(&aquifer, 4);
        let n = aquifer.grid.len();
        for (extra, parameter) in aquifer.extra_parameters().iter().enumerate() {
            let mut direction = Array1::zeros(u.len());
            direction[n + extra] = if parameter.transform == Transform::None { u[n + extra] } else { 1.0 };
            let model = Groundwater::new(aquifer.clone()).unwrap();
            let slope = model.linearize(u.view()).unwrap().jacobian.apply(direction.view());
            assert!(slope.iter().any(|s| s.abs() > 1e-6), "{name}, {}: {slope}", parameter.name());
            let order = taylor_order(&model, u.view(), direction.view(), 0.1).unwrap();
            assert!((1.95..3.0).contains(&order), "{name}, {}: order {order}", parameter.name());
        }
    }
}

#[test]
fn blocks_checkpoints_and_threads_change_nothing() {
    for (name, aquifer) in samples().unwrap() {
        let [u, _] = parameters(&aquifer, 6);
        let model = Groundwater::new(aquifer.clone()).unwrap();
        let sparse = Groundwater::new(aquifer).unwrap().with_checkpoints(3);
        let (at, from_kept) = (model.linearize(u.view()).unwrap(), sparse.linearize(u.view()).unwrap());
        let (rows, cols) = (at.jacobian.rows(), at.jacobian.cols());
        let mut x = Array2::from_shape_vec((cols, 5), Stream::new(7, Purpose::Check, 0, 0).normals(5 * cols)).unwrap();
        x.column_mut(2).fill(0.0);
        let y = Array2::from_shape_vec((rows, 5), Stream::new(8, Purpose::Check, 0, 0).normals(5 * rows)).unwrap();
        let (forward, backward) = (at.jacobian.apply_block(x.view()), at.jacobian.adjoint_block(y.view()));
        assert_eq!(forward, from_kept.jacobian.apply_block(x.view()), "{name}: states computed again are the same");
        assert_eq!(backward, from_kept.jacobian.adjoint_block(y.view()), "{name}");
        let close = |a: &Array1<f64>, b: ndarray::ArrayView1<'_, f64>| {
            let scale = b.iter().fold(1e-300, |most: f64, b| most.max(b.abs()));
            a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9 * scale)
        };
        for column in 0..5 {
            assert!(close(&at.jacobian.apply(x.column(column)), forward.column(column)), "{name}, column {column}");
            assert!(close(&at.jacobian.adjoint(y.column(column)), backward.column(column)), "{name}, column {column}");
        }
        assert!(forward.column(2).iter().all(|&z| z == 0.0));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        pool.install(|| {
            let at = model.linearize(u.view()).unwrap();
            assert_eq!(forward, at.jacobian.apply_block(x.view()), "{name}: any number of threads");
            assert_eq!(backward, at.jacobian.adjoint_block(y.view()), "{name}: any number of threads");
        });
    }
}

#[test]
fn a_device_predicts_and_differentiates_as_the_cpu_does() {
    let Some(gpu) = crate::testing::gpu() else { return };
    for (name, aquifer) in samples().unwrap() {
        let [u, direction] = parameters(&aquifer, 5);
        for kind in by_kind(&aquifer) {
            let case = format!("{name}, {:?}", kind.observations[0].quantity);
            let model = Groundwater::new(kind).unwrap().on(gpu);
            let (exact, found) = (model.model().linearize(u.view()).unwrap(), model.linearize(u.view()).unwrap());
            let size = exact.value.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (found, expected) in found.value.iter().zip(&exact.value) {
                assert!((found - expected).abs() <= 1e-8 * size, "{case}: {found}, not {expected}");
            }
            // In f32 the faces' terms cancel by a few digits: those of a cell's neighbours, not of the whole model.
            let identity = Array2::eye(exact.value.len());
            let expected = exact.jacobian.adjoint_block(identity.view());
            let rows = found.jacobian.adjoint_block(identity.view());
            let norm = |block: ArrayView1<'_, f64>| block.dot(&block).sqrt();
            for (row, expected) in rows.axis_iter(Axis(1)).zip(expected.axis_iter(Axis(1))) {
                let error = norm((&row - &expected).view());
                assert!(error <= 1e-5 * norm(expected), "{case}: {error:e} of {:e}", norm(expected));
            }
            let (image, expected) = (found.jacobian.apply(direction.view()), exact.jacobian.apply(direction.view()));
            let error = norm((&image - &expected).view());
            assert!(error <= 1e-5 * norm(expected.view()), "{case}: {error:e} of {:e}", norm(expected.view()));
        }
        assert!(Groundwater::new(aquifer).unwrap().on(gpu).description(u.view()).unwrap().contains("f32"), "{name}");
    }
}

#[test]
fn kernels_and_heads_on_a_device_are_within_their_bounds() {
    let Some(gpu) = crate::testing::gpu() else { return };
    let outcomes = verify_faces(gpu, 7).unwrap().into_iter().chain(super::check_device::verify_heads(gpu, 7).unwrap());
    for outcome in outcomes {
        assert!(outcome.passed(), "{outcome:?}");
    }
}

#[test]
fn water_is_neither_made_nor_lost() {
    for (name, aquifer) in samples().unwrap() {
        let [u, _] = parameters(&aquifer, 9);
        let model = Groundwater::new(aquifer).unwrap();
        for balance in model.water_balance(u.view()).unwrap() {
            assert!(balance.error() <= 1e-10 && balance.throughput > 0.0, "{name}: {balance:?}");
        }
    }
}

#[test]
fn bores_share_their_rate_as_they_say() {
    let samples = samples().unwrap();
    let (_, aquifer) = samples.iter().find(|(name, _)| *name == "block, four wells").unwrap();
    let [u, _] = parameters(aquifer, 2);
    let model = Groundwater::new(aquifer.clone()).unwrap();
    let heads = model.heads(u.view()).unwrap();
    let one = &aquifer.wells[1].cells;
    assert!(one.iter().all(|&cell| heads[[0, cell]] == heads[[0, one[0]]]), "one head in the bore");
    assert!(aquifer.wells[2].cells.iter().all(|&cell| heads[[0, cell]] == 7.0), "the head that is held");
    let balance = &model.water_balance(u.view()).unwrap()[0];
    let predicted = model.predict(u.view()).unwrap();
    assert!((balance.wells[2].1 - predicted[5]).abs() <= 1e-12, "{balance:?}");
    assert!((balance.wells[3].1 - predicted[6]).abs() <= 1e-12, "{balance:?}");
    assert_eq!(balance.wells[0].1, -0.03);
}

#[test]
fn a_schedule_pumps_its_volume_and_readings_lie_between_steps() {
    let mut aquifer = quarter(9, 10.0);
    let schedule = Control::Schedule(vec![(2.0, -0.01), (5.0, -0.03), (30.0, 0.0)]);
    aquifer.wells[0].control = schedule;
    aquifer.regime = uniform(TimeSteps::new(vec![4.0, 8.0, 40.0]).unwrap(), 1e-3);
    aquifer.observations = [0.0, 4.0, 5.0, 8.0].map(|t| observed(Quantity::Head(20), Some(t))).to_vec();
    let model = Groundwater::new(aquifer).unwrap();
    let u = Array1::from_elem(81, -2.0);
    let rates: Vec<f64> = model.water_balance(u.view()).unwrap().iter().map(|b| b.wells[0].1).collect();
    for (found, volume) in rates.iter().zip([-0.02 / 4.0, (-0.01 - 0.09) / 4.0, -0.66 / 32.0]) {
        assert!((found - volume).abs() <= 1e-15, "{rates:?}");
    }
    let heads = model.predict(u.view()).unwrap();
    assert_eq!(heads[0], 0.0);
    assert!((heads[2] - (0.75 * heads[1] + 0.25 * heads[3])).abs() <= 1e-14, "{heads}");
    let steps = TimeSteps::new(vec![4.0, 8.0]).unwrap().cut_at(&[-1.0, 5.0, 8.0, 9.0]);
    assert_eq!(steps.ends(), [4.0, 5.0, 8.0]);
}

#[test]
fn inactive_cells_have_no_heads_and_their_property_no_effect() {
    let samples = samples().unwrap();
    let (_, aquifer) = samples.iter().find(|(name, _)| *name == "map, heads on faces").unwrap();
    let [mut u, _] = parameters(aquifer, 2);
    let model = Groundwater::new(aquifer.clone()).unwrap();
    let before = model.predict(u.view()).unwrap();
    for &cell in &aquifer.inactive {
        u[cell] = f64::NAN;
    }
    assert_eq!(model.predict(u.view()).unwrap(), before);
    let heads = model.heads(u.view()).unwrap();
    assert!((0..35).all(|cell| heads[[0, cell]].is_nan() == aquifer.inactive.contains(&cell)));
    let gradient = model.linearize(u.view()).unwrap().jacobian.adjoint(Array1::ones(before.len()).view());
    assert!(gradient.iter().all(|g| g.is_finite()) && aquifer.inactive.iter().all(|&cell| gradient[cell] == 0.0));
}

#[test]
fn the_solver_is_described_and_every_method_agrees() {
    for (name, aquifer) in samples().unwrap() {
        let [u, _] = parameters(&aquifer, 2);
        let model = |method: Method| Groundwater::new(aquifer.clone()).unwrap().with_solver(method);
        let found = [Method::Cholesky, Method::Multigrid, Method::Auto].map(|method| {
            let model = model(method);
            let at = model.linearize(u.view()).unwrap();
            let gradient = at.jacobian.adjoint(Array1::ones(at.value.len()).view());
            (model.description(u.view()).unwrap(), at.value, gradient)
        });
        let [(direct, heads, gradient), others @ ..] = found;
        assert!(others[0].0 != direct && !direct.is_empty(), "{name}: {direct}");
        let size = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        for (method, value, other) in others {
            assert!((&value - &heads).iter().all(|d| d.abs() <= 1e-9), "{name}: heads by {method}");
            assert!((&other - &gradient).iter().all(|d| d.abs() <= 1e-8 * size), "{name}: gradient by {method}");
        }
    }
}

/// A solver that does nothing, and says so.
struct Idle;

impl PreparedSolver for Idle {
    fn solve(&self, b: ndarray::ArrayView2<'_, f64>, _: f64) -> Result<Solved> {
        Ok(Solved { x: Array2::zeros(b.dim()), iterations: 7, residual: 1.0, converged: false })
    }
    fn description(&self) -> String {
        "an idle solver".into()
    }
}

#[test]
fn a_solver_that_does_not_converge_says_by_how_much() {
    let (_, aquifer) = samples().unwrap().remove(0);
    let [u, _] = parameters(&aquifer, 2);
    let model = Groundwater::new(aquifer).unwrap();
    let state = model.state(u.view()).unwrap();
    let step = Step { inverse: 0.0, before: &[0.0; 35], rates: &[-0.01] };
    let error = model.equations.flow.solve(&model.equations.geometry, &state, &Idle, step).unwrap_err();
    assert!(matches!(error, Error::NoModel(_)));
    told(&error.to_string(), &["do not settle", "relative residual 1.0e0", "42 iterations", "tried: an idle solver"]);
    let (_, jacobian) = model.jacobian_on(u.view(), None).unwrap();
    *jacobian.failure.lock().unwrap() = Some(Error::NoModel("sensitivities".into()));
    let products = Array1::from_elem(3, f64::NAN);
    told(&finite(products.clone(), &jacobian).unwrap_err().to_string(), &["sensitivities"]);
    told(&finite(products, &jacobian).unwrap_err().to_string(), &["no finite number"]);
    assert!(model.predict(u.view()).is_ok(), "what one Jacobian could not say is no matter of the model");
}

#[test]
fn verify_passes() {
    let outcomes = verify(None, 1).unwrap();
    assert_eq!(outcomes.len(), 3);
    for outcome in outcomes {
        assert!(outcome.passed(), "{outcome:?}");
    }
}

/// A map of 5 × 4 cells with a head of 3 m on the left, and what `change` makes of it.
fn message(change: impl FnOnce(&mut Aquifer)) -> String {
    let mut aquifer = Aquifer::new(grid([5, 4, 1], [1.0; 3]), Property::Transmissivity, Transform::None)
        .with_boundary("left", in_cells(Cells::Side(Side::XMin), 3.0));
    change(&mut aquifer);
    let model = match Groundwater::new(aquifer) {
        Ok(model) => model,
        Err(error) => return error.to_string(),
    };
    let u = Array1::ones(model.inputs());
    model.predict(u.view()).map(|d| format!("no error: {d}")).unwrap_or_else(|error| error.to_string())
}

fn told(text: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| text.contains(part)), "`{text}` does not tell {parts:?}");
}

fn boundary(name: &str, condition: Condition) -> Boundary {
    Boundary { name: name.into(), condition }
}

#[test]
fn wells_in_the_wrong_place() {
    told(&message(|a| a.wells.push(pumped(20, -1.0))), &["well \"pumped\"", "20", "outside of the grid"]);
    let inactive = |a: &mut Aquifer| {
        a.inactive = vec![7];
        a.wells.push(pumped(7, -1.0));
    };
    told(&message(inactive), &["well \"pumped\"", "cell (3, 2) is inactive"]);
    told(&message(|a| a.wells.push(pumped(5, -1.0))), &["well \"pumped\"", "cell (1, 2)", "boundary \"left\""]);
    told(&message(|a| a.wells.extend([pumped(7, -1.0), pumped(7, -2.0)])), &["cell (3, 2)", "well \"pumped\" too"]);
    told(&message(|a| a.wells.push(Well { cells: vec![], ..pumped(0, 1.0) })), &["no cell"]);
    told(&message(|a| a.wells.push(Well { radius: Some(0.5), ..pumped(7, 1.0) })), &["radius of 0.5 m", "0.1980 m"]);
    told(&message(|a| a.wells.push(pumped(7, f64::NAN))), &["NaN is no rate"]);
    let schedule = Control::Schedule(vec![(0.0, 1.0)]);
    told(&message(|a| a.wells.push(Well { control: schedule, ..pumped(7, 1.0) })), &["steady flow has no schedule"]);
}

#[test]
fn boundaries_that_contradict_or_do_not_suffice() {
    told(&message(|a| a.boundaries.clear()), &["no given head reaches 20", "cell (1, 1)"]);
    told(&message(|a| a.inactive = vec![3, 8, 13, 18]), &["no given head reaches 4", "cell (5, 1)"]);
    let corner = in_cells(Cells::Side(Side::YMax), 4.0);
    told(&message(|a| a.boundaries.push(boundary("north", corner))), &["north", "4 m", "3 m by boundary \"left\""]);
    let face = Condition::HeadOnFaces { faces: Faces::Side(Side::XMax), head: 1.0 };
    let flux = Condition::FluxThroughFaces { faces: Faces::List(vec![(4, Side::XMax)]), flux: 1.0 };
    let both = |a: &mut Aquifer| a.boundaries.extend([boundary("head", face), boundary("flux", flux)]);
    told(&message(both), &["boundary \"flux\"", "cell (5, 1)", "boundary \"head\" already"]);
    let inside = Condition::FluxThroughFaces { faces: Faces::List(vec![(7, Side::XMax)]), flux: 1.0 };
    told(&message(|a| a.boundaries.push(boundary("inside", inside))), &["XMax of cell (3, 2)", "two active cells"]);
    let idle = Condition::RateInCells { cells: Cells::List(vec![5]), rate: 1.0 };
    told(&message(|a| a.boundaries.push(boundary("idle", idle))), &["a rate of cell (1, 2)", "boundary \"left\""]);
    let held = Well { control: Control::Head(1.0), ..pumped(7, 0.0) };
    let leak = Condition::RateInCells { cells: Cells::List(vec![7]), rate: 1.0 };
    let lost = |a: &mut Aquifer| {
        a.boundaries.push(boundary("leak", leak));
        a.wells.push(held);
    };
    told(&message(lost), &["boundary \"leak\"", "a rate of cell (3, 2)", "well \"pumped\" gives"]);
    told(&message(|a| a.boundaries.push(boundary("x", in_cells(Cells::List(vec![9]), f64::INFINITY)))), &["inf"]);
}

#[test]
fn properties_that_are_none() {
    let refused = |value: f64| {
        let aquifer = Aquifer::new(grid([5, 4, 1], [1.0; 3]), Property::Transmissivity, Transform::None)
            .with_boundary("left", in_cells(Cells::Side(Side::XMin), 3.0));
        let mut u = Array1::ones(20);
        u[7] = value;
        Groundwater::new(aquifer).unwrap().predict(u.view()).unwrap_err().to_string()
    };
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        told(&refused(value), &["transmissivity of cell (3, 2)", &value.to_string(), "positive"]);
    }
    told(&message(|a| a.anisotropy = Scalar::Known(0.0)), &["Kv/Kh", "0"]);
    let storage = |value: f64| move |a: &mut Aquifer| a.regime = uniform(TimeSteps::new(vec![1.0]).unwrap(), value);
    told(&message(storage(0.0)), &["storage", "0 is not a positive number"]);
    told(&message(storage(f64::NAN)), &["storage", "NaN"]);
    let layers = grid([5, 4, 2], [1.0; 3]);
    told(&message(|a| a.grid = layers), &["transmissivity belongs to one layer", "has 2"]);
    let section = Grid { plane: Plane::Xz, ..grid([5, 4, 1], [1.0; 3]) };
    told(&message(|a| a.grid = section), &["section"]);
}

#[test]
fn times_that_are_none() {
    let refused = |ends: Vec<f64>| TimeSteps::new(ends).unwrap_err().to_string();
    told(&refused(vec![]), &["none"]);
    told(&refused(vec![1.0, 3.0, 2.0]), &["time step 3", "ends at 2 s", "3 s where it begins"]);
    told(&refused(vec![0.0]), &["time step 1"]);
    told(&refused(vec![1.0, f64::NAN]), &["time step 2", "NaN"]);
    assert!(TimeSteps::geometric(10.0, 0, 1.2).is_err() && TimeSteps::geometric(10.0, 3, -1.0).is_err());
    let at = |quantity: Quantity, time: Option<f64>| {
        message(move |a: &mut Aquifer| {
            a.regime = uniform(TimeSteps::new(vec![1.0, 2.0]).unwrap(), 1e-3);
            a.wells.push(Well { control: Control::Head(1.0), ..pumped(7, 0.0) });
            a.wells.push(pumped(9, -1.0));
            a.observations.push(observed(quantity, time));
        })
    };
    told(&at(Quantity::Head(3), Some(3.0)), &["observation 1", "3 s is outside of the run", "2 s"]);
    told(&at(Quantity::Head(3), Some(-1.0)), &["outside of the run"]);
    told(&at(Quantity::Head(3), None), &["no time"]);
    told(&at(Quantity::Head(20), Some(1.0)), &["20", "outside of the grid"]);
    told(&at(Quantity::Rate(0), Some(0.0)), &["outside of the run", "after its start"]);
    told(&at(Quantity::Rate(1), Some(1.0)), &["rate of well \"pumped\" is given"]);
    told(&at(Quantity::WellHead(0), Some(1.0)), &["head of well \"pumped\" is given"]);
    told(&at(Quantity::WellHead(2), Some(1.0)), &["no well number 2"]);
    told(&message(|a| a.observations.push(observed(Quantity::Head(3), Some(1.0)))), &["steady", "no time 1 s"]);
    told(&message(|a| a.observations.push(observed(Quantity::Drawdown(3), None))), &["no drawdown"]);
    let initial = |a: &mut Aquifer| {
        a.boundaries.clear();
        let storage = Storage::Uniform(Scalar::Known(1e-3));
        let steps = TimeSteps::new(vec![1.0]).unwrap();
        a.regime = Regime::Transient { steps, storage, initial: Initial::SteadyWithoutWells };
    };
    told(&message(initial), &["no given head", "before the wells"]);
}

#[test]
fn absurd_heads_name_their_well() {
    let aquifer = |property: Property, rate: f64| {
        let mut aquifer = Aquifer::new(grid([9, 9, 1], [10.0, 10.0, 5.0]), property, Transform::Log10)
            .with_boundary("left", in_cells(Cells::Side(Side::XMin), 6.0));
        aquifer.wells = vec![pumped(40, rate)];
        aquifer
    };
    let warnings = |property: Property, rate: f64| {
        let model = Groundwater::new(aquifer(property, rate)).unwrap();
        let heads = model.heads(Array1::from_elem(81, -4.0).view()).unwrap();
        model.warnings(heads.view())
    };
    assert!(warnings(Property::Conductivity, -1e-4).is_empty());
    let dry = warnings(Property::Conductivity, -0.01);
    assert_eq!(dry.len(), 1);
    told(&dry[0], &["well \"pumped\" falls dry", "cell (5, 5)", "0.00 m"]);
    let absurd = warnings(Property::Transmissivity, -0.1);
    told(&absurd[0], &["well \"pumped\"", "absurd head"]);
    told(&warnings(Property::Transmissivity, 0.1)[0], &["absurd head"]);
}

#[test]
fn initial_heads_are_given_heads() {
    // Nothing is held in a closed aquifer: what it begins with tells what is absurd, and what is dry.
    let warnings = |property: Property, initial: Initial, rate: f64| {
        let mut aquifer = Aquifer::new(grid([9, 9, 1], [10.0, 10.0, 5.0]), property, Transform::Log10);
        let storage = Storage::Uniform(Scalar::Known(1e-3));
        aquifer.regime = Regime::Transient { steps: TimeSteps::new(vec![60.0]).unwrap(), storage, initial };
        aquifer.wells = vec![pumped(40, rate)];
        let model = Groundwater::new(aquifer).unwrap();
        let heads = model.heads(Array1::from_elem(81, -4.0).view()).unwrap();
        model.warnings(heads.view())
    };
    let heads = || Initial::Heads((0..81).map(|cell| 20.0 + f64::from(cell) / 81.0).collect());
    for property in [Property::Transmissivity, Property::Conductivity] {
        assert!(warnings(property, Initial::Uniform(20.0), -1e-4).is_empty());
        assert!(warnings(property, heads(), -1e-4).is_empty());
    }
    told(
        &warnings(Property::Transmissivity, Initial::Uniform(20.0), -1.0)[0],
        &["absurd head", "between 20.00 and 20.00"],
    );
    told(&warnings(Property::Transmissivity, heads(), 1.0)[0], &["absurd head", "between 20.00 and 20.99"]);
    told(&warnings(Property::Conductivity, Initial::Uniform(20.0), -1.0)[0], &["falls dry"]);
}

#[test]
fn jacobian_rows_are_known_by_hand() {
    // Two cells between given heads on faces: h = (T1 H1 + T2 H2 …) is known in closed form by resistances.
    let row = grid([2, 1, 1], [1.0, 1.0, 1.0]);
    let mut aquifer = Aquifer::new(row, Property::Transmissivity, Transform::Ln)
        .with_boundary("west", on_side(Side::XMin, 1.0))
        .with_boundary("east", on_side(Side::XMax, 0.0));
    aquifer.observations = vec![observed(Quantity::Head(0), None)];
    let model = Groundwater::new(aquifer).unwrap();
    let (a, b) = (2.0f64, 0.5f64);
    let at = model.linearize(Array1::from(vec![a.ln(), b.ln()]).view()).unwrap();
    // Resistances 1/(2T) each half cell: h0 = 1 − (1/2a) / (1/a + 1/b) = 1 − b / (2 (a + b)).
    assert!((at.value[0] - (1.0 - b / (2.0 * (a + b)))).abs() <= 1e-15);
    let gradient = at.jacobian.adjoint(Array1::ones(1).view());
    let expected = a * b / (2.0 * (a + b) * (a + b));
    assert!((gradient[0] - expected).abs() <= 1e-14 && (gradient[1] + expected).abs() <= 1e-14, "{gradient}");
    let column = at.jacobian.apply_block(Array2::eye(2).view());
    assert!((&column.index_axis(Axis(0), 0) - &gradient).iter().all(|d| d.abs() <= 1e-14));
}
