//! Groundwater flow against MODFLOW 6: heads, boundary flows, the rate of a well of constant head, a transient.

use std::path::{Path, PathBuf};

use lithoscope::forward::groundwater::{
    Aquifer, Boundary, Cells, Condition, Control, Groundwater, Initial, Observation, Property, Quantity, Regime,
    Scalar, Side, Split, Storage, TimeSteps, Well,
};
use lithoscope::grid::{Grid, Plane};
use lithoscope::operator::Operator;
use lithoscope::testing::{gpu, reference};
use lithoscope::units::Transform;
use ndarray::{Array1, Array2, Array3, ArrayD};
use serde_json::Value;

struct Case {
    folder: PathBuf,
    meta: Value,
    grid: Grid,
    /// The carried property in our order.
    u: Array1<f64>,
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Arrays of the reference have their top layer and their northern row first, ours the lowest and the southern.
fn flipped<T: Clone>(array: &Array3<T>) -> Array1<T> {
    array.slice(ndarray::s![..;-1, ..;-1, ..]).iter().cloned().collect()
}

impl Case {
    fn read(name: &str, values: [f64; 2]) -> Option<Self> {
        let folder = reference(&format!("flow/{name}"))?;
        let meta: Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let facies: ArrayD<u8> = ndarray_npy::read_npy(folder.join("facies.npy")).unwrap();
        let of = |key: &str| number(&meta["grid"][key]);
        let cells = [of("ncol") as usize, of("nrow") as usize, meta["grid"]["nlay"].as_u64().unwrap_or(1) as usize];
        let facies = facies.into_shape_with_order((cells[2], cells[1], cells[0])).unwrap();
        let u = flipped(&facies).mapv(|code| values[usize::from(code)]);
        let grid = Grid { cells, spacing: [of("dx"), of("dy"), of("dz")], origin: [0.0; 3], plane: Plane::Xy };
        Some(Self { folder, meta, grid, u })
    }

    fn cell(&self, layer: usize, row: usize, column: usize) -> usize {
        let [_, ny, nz] = self.grid.cells;
        self.grid.index([column, ny - 1 - row, nz - 1 - layer])
    }

    fn aquifer(&self, property: Property) -> Aquifer {
        let fixed = |name: &str, side: Side, key: &str| Boundary {
            name: name.into(),
            condition: Condition::HeadInCells { cells: Cells::Side(side), head: self.head(key) },
        };
        let boundaries = vec![fixed("left", Side::XMin, "head_left"), fixed("right", Side::XMax, "head_right")];
        Aquifer { boundaries, ..Aquifer::new(self.grid, property, Transform::Log10) }
    }

    fn head(&self, key: &str) -> f64 {
        number(&self.meta[key])
    }

    /// The wells of the reference, those of one column as one.
    fn wells(&self) -> Vec<Well> {
        let mut wells: Vec<Well> = Vec::new();
        for (w, well) in self.meta["wells"].as_array().unwrap().iter().enumerate() {
            let of = |key: &str| number(&well[key]) as usize;
            let (cell, rate) = (self.cell(of("lay"), of("row"), of("col")), number(&well["q"]));
            if of("lay") > 0 {
                let last = wells.last_mut().unwrap();
                last.cells.push(cell);
                let Control::Rate(sum) = &mut last.control else { unreachable!() };
                *sum += rate;
            } else {
                let (name, cells, control) = (format!("{w}"), vec![cell], Control::Rate(rate));
                wells.push(Well { name, cells, control, split: Split::Transmissivity, radius: None });
            }
        }
        wells
    }

    fn compare(&self, heads: &Array2<f64>, file: &Path) -> f64 {
        let expected: Array3<f64> = ndarray_npy::read_npy(file)
            .or_else(|_| ndarray_npy::read_npy(file).map(|a: Array2<f64>| a.insert_axis(ndarray::Axis(0))))
            .unwrap();
        (&heads.row(0) - &flipped(&expected)).iter().fold(0.0, |worst: f64, d| worst.max(d.abs()))
    }
}

fn steady(name: &str, property: Property, values: [f64; 2]) {
    let Some(case) = Case::read(name, values) else { return };
    let mut aquifer = case.aquifer(property);
    aquifer.wells = case.wells();
    if case.meta["fixed_head_well"].is_object() {
        let well = &case.meta["fixed_head_well"];
        let cell = case.cell(0, number(&well["row"]) as usize, number(&well["col"]) as usize);
        let control = Control::Head(number(&well["head"]));
        aquifer.wells.push(Well {
            name: "held".into(),
            cells: vec![cell],
            control,
            split: Split::Transmissivity,
            radius: None,
        });
        aquifer.observations.push(Observation { quantity: Quantity::Rate(0), time: None });
    }
    let held = !aquifer.observations.is_empty();
    let model = Groundwater::new(aquifer).unwrap();
    let heads = model.heads(case.u.view()).unwrap();
    let worst = case.compare(&heads, &case.folder.join("head.npy"));
    assert!(worst <= 1e-6, "{name}: heads differ by {worst} m ({})", model.description(case.u.view()).unwrap());
    let balance = &model.water_balance(case.u.view()).unwrap()[0];
    assert!(balance.error() <= 1e-10, "{name}: {balance:?} misses {}", balance.error());
    let flows = &case.meta["boundary_flow"];
    // The reference stops at residuals of 1e-10 m3 a cell and unit of time, which add up along a side.
    let sides = [(0, "left_col_into_model"), (1, "right_col_into_model")];
    for (found, expected) in sides.map(|(side, key)| (balance.boundaries[side].1, number(&flows[key]))) {
        let error = (found - expected).abs();
        assert!(error <= 2e-8 * expected.abs() + 1e-10 * case.grid.cells[1] as f64, "{name}: {found}, not {expected}");
    }
    if held {
        let expected = number(&flows["interior_fixed_head_into_model"]);
        for found in [model.predict(case.u.view()).unwrap()[0], balance.wells[0].1] {
            assert!((found - expected).abs() <= 2e-8 * expected.abs(), "{name}: {found} m3/s, not {expected}");
        }
    }
    if let Some(gpu) = gpu() {
        let device = model.on(gpu);
        let worst = case.compare(&device.heads(case.u.view()).unwrap(), &case.folder.join("head.npy"));
        let solver = device.description(case.u.view()).unwrap();
        assert!(worst <= 1e-6, "{name}: heads on a device differ by {worst} m ({solver})");
        if held {
            let (found, expected) =
                (device.predict(case.u.view()).unwrap()[0], number(&flows["interior_fixed_head_into_model"]));
            assert!((found - expected).abs() <= 2e-8 * expected.abs(), "{name}: {found} m3/s on a device");
        }
    }
}

#[test]
fn one_well_in_a_map_of_transmissivity() {
    steady("a_single_well_2d", Property::Transmissivity, [-1.7047, -0.4037]);
}

#[test]
fn conductivity_in_other_units_and_absurd_drawdowns() {
    for name in ["b_m_per_day", "b_m_per_s", "b_m_per_day_channel_well"] {
        steady(name, Property::Conductivity, [-2.3, 0.5]);
    }
}

#[test]
fn four_wells() {
    steady("c_four_wells_2d", Property::Conductivity, [-2.4, 0.6]);
}

#[test]
fn a_well_through_nine_layers() {
    steady("d_single_well_3d", Property::Conductivity, [-2.7047, -1.4037]);
}

#[test]
fn a_well_of_constant_head() {
    for name in ["f_constant_drawdown_lr20_10", "f_constant_drawdown_lr20_20"] {
        steady(name, Property::Conductivity, [-4.0, -2.9]);
    }
}

#[test]
fn every_step_of_a_transient() {
    let Some(case) = Case::read("e_transient_single_well_2d", [-1.7047, -0.4037]) else { return };
    let times: Array1<f64> = ndarray_npy::read_npy(case.folder.join("time_s.npy")).unwrap();
    let expected: Array2<f64> = ndarray_npy::read_npy(case.folder.join("head_obs.npy")).unwrap();
    let mut aquifer = case.aquifer(Property::Transmissivity);
    let well = &case.meta["well"];
    aquifer.wells = vec![Well {
        name: "centre".into(),
        cells: vec![case.cell(0, number(&well["row"]) as usize, number(&well["col"]) as usize)],
        control: Control::Rate(number(&well["q"])),
        split: Split::Transmissivity,
        radius: None,
    }];
    let steps = TimeSteps::new(times.iter().skip(1).copied().collect()).unwrap();
    // Storativity of 10 m of 1e-5 1/m.
    let storage = Storage::Uniform(Scalar::Known(number(&case.meta["Ss"]) * case.grid.spacing[2]));
    aquifer.regime = Regime::Transient { steps, storage, initial: Initial::SteadyWithoutWells };
    let places = case.meta["obs_row_col"].as_array().unwrap();
    for &time in &times {
        for place in places {
            let cell = case.cell(0, number(&place[0]) as usize, number(&place[1]) as usize);
            aquifer.observations.push(Observation { quantity: Quantity::Head(cell), time: Some(time) });
        }
    }
    let model = Groundwater::new(aquifer).unwrap();
    let predicted = model.predict(case.u.view()).unwrap();
    for (i, (found, expected)) in predicted.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= 1e-6, "step {}, place {}: {error} m", i / places.len(), i % places.len());
    }
    let heads = model.heads(case.u.view()).unwrap();
    let selected: Array3<f64> = ndarray_npy::read_npy(case.folder.join("head_selected.npy")).unwrap();
    for (selected, step) in selected.outer_iter().zip(case.meta["head_time_indices"].as_array().unwrap()) {
        let map = flipped(&selected.to_owned().insert_axis(ndarray::Axis(0)));
        let worst = (&heads.row(number(step) as usize) - &map).iter().fold(0.0, |worst: f64, d| worst.max(d.abs()));
        assert!(worst <= 1e-6, "step {step}: heads differ by {worst} m");
    }
    for (step, balance) in model.water_balance(case.u.view()).unwrap().iter().enumerate() {
        assert!(balance.error() <= 1e-10, "step {}: {balance:?} misses {}", step + 1, balance.error());
    }
    if let Some(gpu) = gpu() {
        let worst =
            (&model.on(gpu).predict(case.u.view()).unwrap() - &predicted).iter().fold(0.0, |w: f64, d| w.max(d.abs()));
        assert!(worst <= 1e-6, "heads on a device differ by {worst} m");
    }
}
