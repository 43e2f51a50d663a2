//! What `lithoscope verify` and `lithoscope bench` ask of groundwater flow.

use ndarray::{Array1, Array2, Axis, s};

use crate::check::{Outcome, dot_test, taylor_order};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::{Grid, Plane};
use crate::linalg::dense::multiply;
use crate::measure::{Measurement, timed};
use crate::operator::Operator;
use crate::random::{Purpose, Stream};
use crate::units::Transform;

use super::check_device::{measure_on, verify_faces, verify_heads};
use super::{
    Aquifer, Cells, Condition, Control, Faces, Groundwater, Initial, Observation, Property, Quantity, Regime, Scalar,
    Side, Split, Storage, TimeSteps, Well,
};

fn well(name: &str, cells: Vec<usize>, control: Control, split: Split, radius: Option<f64>) -> Well {
    Well { name: name.into(), cells, control, split, radius }
}

fn head_in_cells(side: Side, head: f64) -> Condition {
    Condition::HeadInCells { cells: Cells::Side(side), head }
}

fn head_on_faces(side: Side, head: f64) -> Condition {
    Condition::HeadOnFaces { faces: Faces::Side(side), head }
}

fn observe(quantities: &[Quantity], times: &[Option<f64>]) -> Vec<Observation> {
    times.iter().flat_map(|&time| quantities.iter().map(move |&quantity| Observation { quantity, time })).collect()
}

fn transient(steps: TimeSteps, storage: Storage, initial: Initial) -> Regime {
    Regime::Transient { steps, storage, initial }
}

/// Small aquifers that together have every boundary, well, observation and parameter.
pub(super) fn samples() -> Result<Vec<(&'static str, Aquifer)>> {
    let map = Grid { cells: [7, 5, 1], spacing: [10.0, 14.0, 3.0], origin: [0.0; 3], plane: Plane::Xy };
    let block = Grid { cells: [5, 4, 3], spacing: [8.0, 10.0, 2.0], origin: [0.0; 3], plane: Plane::Xy };
    let at = |i: usize, j: usize| map.index([i, j, 0]);
    let heads = [at(1, 1), at(3, 2), at(5, 3)].map(Quantity::Head);

    let mut cells = Aquifer::new(map, Property::Transmissivity, Transform::Log10)
        .with_boundary("left", head_in_cells(Side::XMin, 20.0))
        .with_boundary("right", head_in_cells(Side::XMax, 10.0));
    cells.wells.push(well("pumped", vec![at(3, 3)], Control::Rate(-0.02), Split::Transmissivity, Some(0.1)));
    cells.observations = observe(&heads, &[None]);
    cells.observations.extend(observe(&[Quantity::WellHead(0), Quantity::Property(at(3, 3))], &[None]));

    let mut faces = Aquifer::new(map, Property::Conductivity, Transform::Ln)
        .with_boundary("left", head_on_faces(Side::XMin, 12.0))
        .with_boundary("north", Condition::FluxThroughFaces { faces: Faces::Side(Side::YMax), flux: 1e-4 })
        .with_boundary("rain", Condition::FluxThroughFaces { faces: Faces::Side(Side::ZMax), flux: 1e-6 })
        .with_boundary("leak", Condition::RateInCells { cells: Cells::List(vec![at(5, 1), at(6, 1)]), rate: -1e-4 })
        .with_boundary("pond", Condition::HeadOnFaces { faces: Faces::List(vec![(at(4, 0), Side::XMax)]), head: 11.0 });
    faces.inactive = vec![at(5, 0), at(6, 4)];
    faces.wells.push(well("held", vec![at(3, 3)], Control::Head(9.0), Split::Transmissivity, None));
    faces.wells.push(well("bore", vec![at(1, 3)], Control::Head(10.0), Split::Transmissivity, Some(0.2)));
    faces.observations = observe(&heads, &[None]);
    faces.observations.extend(observe(&[Quantity::Rate(0), Quantity::Rate(1)], &[None]));

    let column = |i, j| Well::column(&block, i, j);
    let in_block = [[1, 1, 0], [3, 2, 1], [3, 1, 2]].map(|cell| Quantity::Head(block.index(cell)));
    let mut layers = Aquifer::new(block, Property::Conductivity, Transform::None)
        .with_boundary("below", head_on_faces(Side::ZMin, 8.0))
        .with_boundary("right", head_in_cells(Side::XMax, 10.0));
    layers.anisotropy = Scalar::Unknown(Transform::Log10);
    layers.wells = vec![
        well("split", column(1, 2), Control::Rate(-0.03), Split::Transmissivity, Some(0.1)),
        well("one head", column(2, 1), Control::Rate(-0.03), Split::CommonHead, Some(0.1)),
        well("held", column(3, 3)[..2].to_vec(), Control::Head(7.0), Split::CommonHead, None),
        well("bore", column(0, 0), Control::Head(7.5), Split::CommonHead, Some(0.1)),
    ];
    layers.observations = observe(&in_block, &[None]);
    let of_wells = [Quantity::WellHead(0), Quantity::WellHead(1), Quantity::Rate(2), Quantity::Rate(3)];
    layers.observations.extend(observe(&of_wells, &[None]));
    layers.observations.extend(observe(&[Quantity::Property(7)], &[None]));

    let times = [30.0, 75.0, 260.0, 1000.0].map(Some);
    let steps = TimeSteps::new(vec![20.0, 40.0, 60.0, 90.0, 200.0, 310.0, 1000.0])?;
    let mut pumping = cells.clone();
    let schedule = Control::Schedule(vec![(0.0, -0.02), (50.0, -0.01), (100.0, -0.03)]);
    pumping.wells = vec![
        well("pumped", vec![at(3, 3)], schedule, Split::Transmissivity, Some(0.1)),
        well("held", vec![at(1, 1)], Control::Head(13.0), Split::Transmissivity, None),
    ];
    let unknown = Storage::Uniform(Scalar::Unknown(Transform::Log10));
    pumping.regime = transient(steps.clone(), unknown, Initial::SteadyWithoutWells);
    let mut quantities = heads.to_vec();
    quantities.extend([at(4, 2), at(1, 1)].map(Quantity::Drawdown));
    quantities.extend([Quantity::WellHead(0), Quantity::WellDrawdown(0), Quantity::Rate(1)]);
    pumping.observations = observe(&quantities, &times);
    pumping.observations.extend(observe(&heads, &[Some(0.0)]));
    pumping.observations.extend(observe(&[Quantity::Property(at(2, 2))], &[None]));

    let mut closed = Aquifer::new(block, Property::Conductivity, Transform::Ln);
    closed.anisotropy = Scalar::Unknown(Transform::Ln);
    closed.wells = vec![
        well("split", column(1, 2), Control::Rate(-0.003), Split::Transmissivity, Some(0.1)),
        well("one head", column(2, 1), Control::Rate(0.002), Split::CommonHead, None),
        well("bore", column(0, 3), Control::Head(-0.2), Split::CommonHead, Some(0.1)),
        well("held", column(4, 0), Control::Head(-0.1), Split::CommonHead, None),
    ];
    let storage = (0..block.len()).map(|cell| 1e-4 * (1.0 + (cell % 3) as f64)).collect();
    closed.regime = transient(steps.clone(), Storage::Cells(storage), Initial::Uniform(0.0));
    let of_wells = [Quantity::WellHead(0), Quantity::WellDrawdown(1), Quantity::Rate(2), Quantity::Rate(3)];
    closed.observations = observe(&in_block, &times);
    closed.observations.extend(observe(&of_wells, &times));

    let mut tilted = faces.clone();
    let mut slope: Vec<f64> = (0..map.len()).map(|cell| 12.0 - 0.1 * map.cell(cell)[0] as f64).collect();
    tilted.inactive.iter().for_each(|&cell| slope[cell] = f64::NAN);
    let storage = Storage::Uniform(Scalar::Unknown(Transform::Ln));
    tilted.regime = transient(steps, storage, Initial::Heads(slope));
    tilted.observations = observe(&heads, &times);
    tilted.observations.extend(observe(&[Quantity::Rate(0), Quantity::Rate(1)], &times));
    tilted.observations.extend(observe(&[Quantity::Drawdown(at(2, 2))], &times));
    Ok(vec![
        ("map, heads in cells", cells),
        ("map, heads on faces", faces),
        ("block, four wells", layers),
        ("transient map", pumping),
        ("transient block", closed),
        ("transient map, initial heads", tilted),
    ])
}

/// Parameters of a sample: a property of three decades around 10⁻³, the extra ones near the values of their kind, and a
/// direction of their size.
pub(super) fn parameters(aquifer: &Aquifer, seed: u64) -> [Array1<f64>; 2] {
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);
    let mut u: Array1<f64> =
        (0..aquifer.grid.len()).map(|_| aquifer.transform.forward(10f64.powf(stream.between(-4.5, -1.5)))).collect();
    let mut direction: Array1<f64> = stream.normals(u.len()).into();
    if aquifer.transform == Transform::None {
        direction *= &u;
    }
    for extra in aquifer.extra_parameters() {
        let middle = if extra.name().contains("storage") { 1e-3 } else { 0.2 };
        let one = |x: f64| Array1::from_elem(1, x);
        u.append(Axis(0), one(extra.transform.forward(middle)).view()).unwrap_or_else(|e| panic!("a row: {e}"));
        direction.append(Axis(0), one(stream.normal_pair().0).view()).unwrap_or_else(|e| panic!("a row: {e}"));
    }
    [u, direction]
}

/// The kinds of observations of a sample, each alone: small rates would hide behind heads.
pub(super) fn by_kind(aquifer: &Aquifer) -> Vec<Aquifer> {
    let kind = |observation: &Observation| std::mem::discriminant(&observation.quantity);
    let mut kinds: Vec<Aquifer> = Vec::new();
    for observation in &aquifer.observations {
        match kinds.iter_mut().find(|other| kind(&other.observations[0]) == kind(observation)) {
            Some(same) => same.observations.push(*observation),
            None => kinds.push(Aquifer { observations: vec![*observation], ..aquifer.clone() }),
        }
    }
    kinds
}

/// Checks the derivatives and the water balance of every boundary, well and observation, steady and transient; on a
/// device its heads and kernels against those of the CPU.
///
/// # Errors
/// A solver that does not converge; a failing device.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut keep = |name: &str, case: &str, error: f64, bound: f64| {
        let new = Outcome { name: format!("groundwater/{name}"), case: case.into(), error, bound };
        match outcomes.iter().position(|o| o.name == new.name) {
            Some(i) => outcomes[i] = outcomes[i].clone().worse(new),
            None => outcomes.push(new),
        }
    };
    for (name, aquifer) in samples()? {
        let [u, direction] = parameters(&aquifer, seed);
        for kind in by_kind(&aquifer) {
            let case = format!("{name}, {:?}", kind.observations[0].quantity);
            let model = Groundwater::new(kind)?;
            keep("dot", &case, dot_test(&*model.linearize(u.view())?.jacobian, seed), 1e-10);
            let order = taylor_order(&model, u.view(), direction.view(), 0.03)?;
            keep("taylor, 2 less the order", &case, (2.0 - order).max(0.0), 0.05);
        }
        for balance in Groundwater::new(aquifer)?.water_balance(u.view())? {
            keep("water balance", name, balance.error(), 1e-10);
        }
    }
    if let Some(gpu) = gpu {
        outcomes.extend(verify_faces(gpu, seed)?);
        outcomes.extend(verify_heads(gpu, seed)?);
    }
    Ok(outcomes)
}

/// A map of two facies, channels that meander along x.
fn channels(grid: &Grid, values: [f64; 2]) -> Array1<f64> {
    let value = |cell: usize| {
        let [i, j, k] = grid.cell(cell).map(|at| at as f64);
        let x = std::f64::consts::TAU * (i / grid.cells[0] as f64 + 0.1 * (k / 3.0).floor());
        let across = j + 0.08 * grid.cells[1] as f64 * (2.0 * x).sin() + 7.0 * (k / 3.0).floor();
        values[usize::from(across.rem_euclid(0.2 * grid.cells[1] as f64) < 0.06 * grid.cells[1] as f64)]
    };
    (0..grid.len()).map(value).collect()
}

/// Columns of a basis that no one needs to store: smooth waves, of `columns`.
fn waves(grid: &Grid, columns: std::ops::Range<usize>) -> Array2<f64> {
    let mut basis = Array2::zeros((grid.len(), columns.len()));
    for (cell, mut row) in basis.rows_mut().into_iter().enumerate() {
        for (column, x) in columns.clone().zip(&mut row) {
            let phase = (cell as f64 + 0.5) * (column as f64 + 1.0);
            *x = (phase / grid.len() as f64 * std::f64::consts::PI).fract() - 0.5;
        }
    }
    basis
}

/// An aquifer of the flagship's kind with `heads` observed, `[along x, along y]` in every layer.
fn measured(grid: Grid, wells: &[[usize; 2]], heads: [usize; 2]) -> Aquifer {
    let mut aquifer = Aquifer::new(grid, Property::Conductivity, Transform::Log10)
        .with_boundary("left", head_in_cells(Side::XMin, 20.0))
        .with_boundary("right", head_in_cells(Side::XMax, 10.0));
    let pumped = |&[i, j]: &[usize; 2]| {
        well(&format!("{i}, {j}"), Well::column(&grid, i, j), Control::Rate(-0.0578), Split::Transmissivity, None)
    };
    aquifer.wells = wells.iter().map(pumped).collect();
    let [nx, ny, nz] = grid.cells;
    for k in 0..nz {
        for (i, j) in (0..heads[0]).flat_map(|i| (0..heads[1]).map(move |j| (i, j))) {
            let cell = grid.index([(2 * i + 1) * nx / (2 * heads[0]), (2 * j + 1) * ny / (2 * heads[1]), k]);
            aquifer.observations.push(Observation { quantity: Quantity::Head(cell), time: None });
        }
    }
    aquifer
}

/// Columns of a basis that are made and multiplied at a time.
const TILE: usize = 128;

/// Measures one steady solve and heads with `G_u Φ` at the sizes of the cases, and both directions of a pumping test.
///
/// # Errors
/// A solver that does not converge.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let map = Grid { cells: [200, 200, 1], spacing: [17.5, 17.5, 10.0], origin: [0.0; 3], plane: Plane::Xy };
    let block = Grid { cells: [100, 100, 9], spacing: [10.0, 10.0, 10.0 / 9.0], origin: [0.0; 3], plane: Plane::Xy };
    let four = [[50, 50], [50, 149], [149, 50], [149, 149]];
    let mut lines = measure_steady(gpu, measured(map, &four, [7, 7]), [-2.4, 0.6], 400)?;
    lines.extend(measure_steady(gpu, measured(block, &[[50, 50]], [6, 5]), [-2.7047, -1.4037], 2411)?);
    lines.extend(measure_transient()?);
    Ok(lines)
}

/// Heads, all adjoints, and the product of heads' Jacobian with a basis of so many columns.
fn measure_steady(gpu: Option<&Gpu>, aquifer: Aquifer, values: [f64; 2], columns: usize) -> Result<Vec<Measurement>> {
    let (grid, n, m) = (aquifer.grid, aquifer.grid.len() as f64, aquifer.observations.len() as f64);
    let u = channels(&grid, values);
    let model = Groundwater::new(aquifer.clone())?;
    let cells = format!("{:?} cells", grid.cells);
    let (heads, wall, cpu) = timed(|| model.predict(u.view()));
    heads?;
    let mut lines = vec![line("heads", cells.clone(), [cpu, wall], 14.0 * n, 16.0 * n)];
    let (rows, mut wall, mut cpu) = timed(|| -> Result<Array2<f64>> {
        let at = model.linearize(u.view())?;
        Ok(at.jacobian.adjoint_block(Array2::eye(at.value.len()).view()))
    });
    let rows = rows?;
    lines.push(line("adjoints", format!("{cells}, {m} heads"), [cpu, wall], 14.0 * n * m, 8.0 * n * m));
    if let Some(gpu) = gpu {
        let device = measure_on(gpu, aquifer, u.view())?;
        lines.iter_mut().zip(device.walls).for_each(|(line, wall)| line.gpu_wall = Some(wall));
        lines.extend(device.kernels);
    }
    let mut product = Array2::zeros((rows.ncols(), columns));
    for first in (0..columns).step_by(TILE) {
        let range = first..(first + TILE).min(columns);
        let basis = waves(&grid, range.clone());
        let (tile, tile_wall, tile_cpu) = timed(|| multiply(rows.t(), basis.view()));
        product.slice_mut(s![.., range]).assign(&tile);
        (wall, cpu) = (wall + tile_wall, cpu + tile_cpu);
    }
    let bytes = 8.0 * (n * columns as f64 + n * m + m * columns as f64);
    let size = format!("{cells}, {m} heads, {columns} columns");
    lines.push(line("jacobian", size, [cpu, wall], 2.0 * n * m * columns as f64, bytes));
    Ok(lines)
}

/// A pumping test of 48 growing steps on 100 × 100 cells: 4 wells observed at 40 times, 100 directions.
fn measure_transient() -> Result<Vec<Measurement>> {
    let (steps, times, directions) = (48, 40, 100);
    let map = Grid { cells: [100, 100, 1], spacing: [1.0, 1.0, 5.0], origin: [0.0; 3], plane: Plane::Xy };
    let mut aquifer = measured(map, &[[50, 50]], [2, 2]);
    let storage = Storage::Uniform(Scalar::Unknown(Transform::Log10));
    aquifer.regime = transient(TimeSteps::geometric(6300.0, steps, 1.2)?, storage, Initial::SteadyWithoutWells);
    let places = aquifer.observations.clone();
    let at = |time: usize| Some(6300.0 * 1e-3f64.powf(1.0 - time as f64 / times as f64));
    aquifer.observations =
        (1..=times).flat_map(|t| places.iter().map(move |place| Observation { time: at(t), ..*place })).collect();
    let mut u = channels(&map, [-3.0, -2.0]).to_vec();
    u.push(-3.0);
    let model = Groundwater::new(aquifer)?;
    let (at, wall, cpu) = timed(|| model.linearize(Array1::from(u).view()));
    let jacobian = at?.jacobian;
    let (n, m, size) =
        ((map.len() * steps) as f64, (4 * times) as f64, format!("{:?} cells, {steps} steps", map.cells));
    let mut lines = vec![line("transient", size.clone(), [cpu, wall], 14.0 * n, 16.0 * n)];
    let mut both = |name: &str, size: String, columns: f64, work: &dyn Fn() -> Array2<f64>| {
        let (_, wall, cpu) = timed(work);
        lines.push(line(name, size, [cpu, wall], 14.0 * n * columns, 8.0 * map.len() as f64 * columns));
    };
    let tangents = || jacobian.apply_block(Array2::from_elem((jacobian.cols(), directions), 1.0).view());
    both("transient tangents", format!("{size}, {directions} directions"), directions as f64, &tangents);
    let adjoints = || jacobian.adjoint_block(Array2::eye(jacobian.rows()).view());
    both("transient adjoints", format!("{size}, {m} heads"), m, &adjoints);
    Ok(lines)
}

fn line(kernel: &str, size: String, [cpu_seconds, cpu_wall]: [f64; 2], flops: f64, bytes: f64) -> Measurement {
    let kernel = format!("groundwater/{kernel}");
    Measurement { kernel, size, cpu_seconds, cpu_wall, gpu_seconds: None, gpu_wall: None, flops, bytes }
}
