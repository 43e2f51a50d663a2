//! The groundwater model of a case, and what is read from it.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::super::file::{self, BoundaryCondition, BoundaryPlace, Case, Face, ObservationKind, Places};
use super::super::flow_cells::FlowCells;
use super::{Measurement, Unit};
use crate::error::{Error, Result};
use crate::forward::Datum;
use crate::forward::groundwater::{
    Aquifer, Boundary, Cells, Condition, Control, Faces, Groundwater, Initial, Observation, OnDevice, Property,
    Quantity, Regime, Scalar, Side, Split, Storage, TimeSteps, Well,
};
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::operator::{LinearOperator, Linearized, Operator};

/// The groundwater model, on the CPU or on a device, its rates as cases count them: positive where a well extracts.
pub(super) struct Flow<M> {
    model: M,
    /// 1, or −1 for rates; m.
    sign: Array1<f64>,
}

impl Flow<Groundwater> {
    /// The model of `aquifer`.
    ///
    /// # Errors
    /// Whatever [`Groundwater::new`] refuses.
    pub(super) fn new(aquifer: &Aquifer) -> Result<Self> {
        let sign = aquifer.observations.iter().map(|o| if let Quantity::Rate(_) = o.quantity { -1.0 } else { 1.0 });
        Ok(Self { sign: sign.collect(), model: Groundwater::new(aquifer.clone())? })
    }

    /// The same on a device.
    pub(super) fn on(self, gpu: &Gpu) -> Flow<OnDevice<'_>> {
        Flow { model: self.model.on(gpu), sign: self.sign }
    }
}

impl<M> Flow<M> {
    /// The model.
    pub(super) fn model(&self) -> &M {
        &self.model
    }
}

impl<M: Operator> Operator for Flow<M> {
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.model.outputs()
    }
    fn predict(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        Ok(self.model.predict(x)? * &self.sign)
    }
    fn linearize(&self, x: ArrayView1<'_, f64>) -> Result<Linearized<'_>> {
        let at = self.model.linearize(x)?;
        let jacobian = Signed { inner: at.jacobian, sign: self.sign.view() };
        Ok(Linearized { value: at.value * &self.sign, jacobian: Box::new(jacobian) })
    }
}

/// `diag(sign) A`.
struct Signed<'a> {
    inner: Box<dyn LinearOperator + 'a>,
    sign: ArrayView1<'a, f64>,
}

impl LinearOperator for Signed<'_> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }
    fn cols(&self) -> usize {
        self.inner.cols()
    }
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        self.inner.apply(x) * self.sign
    }
    fn adjoint(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        self.inner.adjoint((&y * &self.sign).view())
    }
    fn apply_block(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        self.inner.apply_block(x) * self.sign.insert_axis(Axis(1))
    }
    fn adjoint_block(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        self.inner.adjoint_block((&y * &self.sign.insert_axis(Axis(1))).view())
    }
    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

/// The aquifer of a case, nothing observed yet.
///
/// # Errors
/// A case whose property or storage fits no aquifer.
pub(super) fn aquifer(case: &Case, flow: &file::Groundwater) -> Result<Aquifer> {
    let property = match (case.property.quantity, case.grid.is_2d()) {
        (file::Quantity::Transmissivity, true) => Property::Transmissivity,
        (file::Quantity::Conductivity, _) => Property::Conductivity,
        (other, _) => {
            return Err(Error::input(
                "property.name",
                format!("groundwater flow of {} on {} layers", other.name(), case.grid.cells[2]),
                "choose \"hydraulic conductivity\", or \"transmissivity\" on one layer",
            ));
        }
    };
    let mut aquifer = Aquifer::new(case.grid, property, case.property.transform);
    aquifer.anisotropy = Scalar::Known(flow.anisotropy);
    let cells = FlowCells::new(flow, &case.grid);
    aquifer.inactive = flow.inactive.iter().flat_map(file::Block::cells).map(|cell| case.grid.index(cell)).collect();
    aquifer.boundaries = boundaries(&case.grid, property, flow, &cells)?;
    aquifer.wells = flow.wells.iter().map(|well| self::well(&case.grid, well)).collect();
    if let Some(time) = &flow.time {
        aquifer.regime = Regime::Transient {
            steps: TimeSteps::new(time.ends())?,
            storage: storage(&case.grid, property, flow)?,
            initial: match flow.initial {
                file::InitialHead::Steady => Initial::SteadyWithoutWells,
                file::InitialHead::Uniform(head) => Initial::Uniform(head),
            },
        };
    }
    Ok(aquifer)
}

/// Adds what the case's sections observe to its aquifer; returns what each datum is.
pub(super) fn observe(case: &Case, flow: &file::Groundwater, aquifer: &mut Aquifer) -> Vec<Measurement> {
    let cells = FlowCells::new(flow, &case.grid);
    let mut measurements = Vec::new();
    for observed in &case.observed() {
        let times = times(flow, &aquifer.regime, observed);
        for (quantity, cell) in measured(case, flow, &cells, observed) {
            for &time in &times {
                let id = match quantity {
                    // By its name a well is found again when the data come back from a file.
                    Quantity::Rate(w) | Quantity::WellHead(w) | Quantity::WellDrawdown(w) => flow.wells[w].name.clone(),
                    _ => (measurements.len() + 1).to_string(),
                };
                let (kind, at) = (super::word(observed.kind), case.grid.center(cell));
                let (datum, unit) = (Datum { kind, id, at, to: None, time }, Unit::of(observed.kind, &case.property));
                aquifer.observations.push(Observation { quantity, time });
                measurements.push(Measurement { datum, unit, noise: observed.noise });
            }
        }
    }
    measurements
}

/// Whatever the model of a case refuses.
///
/// # Errors
/// See [`aquifer`] and [`Groundwater::new`].
pub(in crate::case) fn check(case: &Case, flow: &file::Groundwater) -> Result<()> {
    let mut aquifer = aquifer(case, flow)?;
    observe(case, flow, &mut aquifer);
    Groundwater::new(aquifer).map(|_| ())
}

/// When something is observed; `None`: at no time of its own.
fn times(flow: &file::Groundwater, regime: &Regime, observed: &file::Observation) -> Vec<Option<f64>> {
    match (regime, observed.kind, &observed.times[..]) {
        (Regime::Steady, ..) | (_, ObservationKind::Property, _) => vec![None],
        (_, _, []) => flow.time.iter().flat_map(file::TimeSteps::ends).map(Some).collect(),
        (Regime::Transient { steps, .. }, _, times) => {
            times.iter().map(|&time| Some(steps.inside(time).unwrap_or(time))).collect()
        }
    }
}

/// Everything of one kind that is observed, and the cell that stands for its place.
fn measured(
    case: &Case,
    flow: &file::Groundwater,
    cells: &FlowCells<'_>,
    observed: &file::Observation,
) -> Vec<(Quantity, [usize; 3])> {
    let grid = &case.grid;
    let of_cell = match observed.kind {
        ObservationKind::Head => Quantity::Head,
        ObservationKind::Drawdown => Quantity::Drawdown,
        ObservationKind::Property => Quantity::Property,
        ObservationKind::WellHead => return in_wells(flow, observed, Quantity::WellHead),
        ObservationKind::WellDrawdown => return in_wells(flow, observed, Quantity::WellDrawdown),
        ObservationKind::Rate => return in_wells(flow, observed, Quantity::Rate),
    };
    let wells: Vec<_> = flow.wells.iter().map(|well| well.column).collect();
    let places = observed.cells(grid, &wells, &cells.closed(&observed.layers));
    places.into_iter().map(|cell| (of_cell(grid.index(cell)), cell)).collect()
}

/// What is observed in wells is so once, whatever their layers; several wells may stand in one column.
fn in_wells(
    flow: &file::Groundwater,
    observed: &file::Observation,
    quantity: fn(usize) -> Quantity,
) -> Vec<(Quantity, [usize; 3])> {
    let Places::Wells(wells) = &observed.places else { return Vec::new() };
    wells.iter().filter_map(|&w| Some((quantity(w), flow.wells[w].cells().next()?))).collect()
}

fn well(grid: &Grid, well: &file::Well) -> Well {
    Well {
        name: well.name.clone(),
        cells: well.cells().map(|cell| grid.index(cell)).collect(),
        control: match &well.control {
            file::Control::Rate(rate) => Control::Rate(-rate),
            file::Control::Schedule(rates) => {
                Control::Schedule(rates.iter().map(|&(start, rate)| (start, -rate)).collect())
            }
            file::Control::Head(head) => Control::Head(*head),
        },
        split: match well.split {
            file::Split::Transmissivity => Split::Transmissivity,
            file::Split::CommonHead => Split::CommonHead,
        },
        radius: well.radius,
    }
}

/// Storage as the property's equation wants it: S beside T, S_s beside K.
fn storage(grid: &Grid, property: Property, flow: &file::Groundwater) -> Result<Storage> {
    let thickness = grid.spacing[2];
    let value = match (property, flow.storage) {
        (Property::Transmissivity, Some(file::Storage::Storativity(s))) => s,
        (Property::Transmissivity, Some(file::Storage::Specific(s))) => s * thickness,
        (Property::Conductivity, Some(file::Storage::Storativity(s))) => s / (thickness * grid.cells[2] as f64),
        (Property::Conductivity, Some(file::Storage::Specific(s))) => s,
        (_, None) => {
            return Err(Error::input(
                "physics.storage",
                "flow that changes with time, and no storage",
                "give the storativity or the specific storage",
            ));
        }
    };
    Ok(Storage::Uniform(Scalar::Known(value)))
}

/// The boundaries of a case as flow knows them.
fn boundaries(
    grid: &Grid,
    property: Property,
    flow: &file::Groundwater,
    cells: &FlowCells<'_>,
) -> Result<Vec<Boundary>> {
    let mut out = Vec::new();
    for (number, boundary) in flow.boundaries.iter().enumerate() {
        let name = format!("physics.boundary[{}]", number + 1);
        let list = || -> Vec<usize> { cells.of(boundary).into_iter().map(|cell| grid.index(cell)).collect() };
        let faces = || match (&boundary.place, boundary.place.side()) {
            (BoundaryPlace::Side(face), _) => Ok((side(*face), Faces::Side(side(*face)))),
            (_, Some(face)) => {
                let side = side(face);
                Ok((side, Faces::List(list().into_iter().map(|cell| (cell, side)).collect())))
            }
            (_, None) => Err(Error::input(&name, "a condition on faces without their side", "add side = \"left\"")),
        };
        let condition = match boundary.condition {
            BoundaryCondition::NoFlow => continue,
            BoundaryCondition::HeadInCells(head) => Condition::HeadInCells { cells: Cells::List(list()), head },
            BoundaryCondition::HeadOnFaces(head) => Condition::HeadOnFaces { faces: faces()?.1, head },
            BoundaryCondition::Inflow(total) => {
                let list = list();
                let rate = total / list.len().max(1) as f64;
                Condition::RateInCells { cells: Cells::List(list), rate }
            }
            BoundaryCondition::FluxDensity(flux) => {
                let (side, faces) = faces()?;
                // Without a height, what comes through the upright sides of a map is counted by their length.
                let upright = property == Property::Transmissivity && !is_flat(side);
                let height = if upright { grid.spacing[2] } else { 1.0 };
                Condition::FluxThroughFaces { faces, flux: flux * height }
            }
        };
        out.push(Boundary { name, condition });
    }
    Ok(out)
}

fn is_flat(side: Side) -> bool {
    matches!(side, Side::ZMin | Side::ZMax)
}

fn side(face: Face) -> Side {
    match face {
        Face::Left => Side::XMin,
        Face::Right => Side::XMax,
        Face::Low => Side::YMin,
        Face::High => Side::YMax,
        Face::Floor => Side::ZMin,
        Face::Roof => Side::ZMax,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;
    use crate::case::file::Physics;
    use crate::case::{run, summary};
    use crate::io::npy;

    /// A block of 5 x 4 x 3 cells of 10 m with the section `physics` and the observations `observed`.
    fn case(physics: &str, observed: &str) -> Case {
        let text = format!(
            r#"
format = 1
name = "block"
grid = {{ cells = [5, 4, 3], size = ["50 m", "40 m", "30 m"] }}
property = {{ name = "hydraulic conductivity", unit = "m/day", transform = "log10" }}
prior = {{ realizations = 10 }}
basis = {{ rank = 2 }}
[[scenario]]
name = "field"
gaussian = {{ mean = 0, variance = 1, structure = {{ model = "spherical", ranges = "20 m" }} }}
[physics]
kind = "groundwater"
{physics}
[reference]
seed = 1
{observed}
"#
        );
        Case::parse(&text, "case.toml").unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    fn observed(case: &Case) -> (Aquifer, Vec<Measurement>) {
        let Some(Physics::Groundwater(flow)) = &case.physics else { panic!("groundwater") };
        let mut aquifer = aquifer(case, flow).expect("an aquifer");
        let measurements = observe(case, flow, &mut aquifer);
        (aquifer, measurements)
    }

    fn model(case: &Case) -> Groundwater {
        Groundwater::new(observed(case).0).expect("a model")
    }

    fn quantities(model: &Groundwater) -> Vec<Quantity> {
        model.aquifer().observations.iter().map(|o| o.quantity).collect()
    }

    /// log10 K of 1 m/day and, from cell to cell, half a decade more or less.
    fn uneven(case: &Case) -> Array1<f64> {
        (0..case.grid.len()).map(|i| -4.94 + 0.5 * (7.0 * i as f64).sin()).collect()
    }

    const LEFT: &str = "boundary = [{ side = \"left\", head = \"20 m\" }]";

    #[test]
    fn wells_of_one_column_are_read_each_by_itself() {
        let wells = |first: &str, second: &str| {
            format!(
                "{LEFT}\n[[physics.well]]\nname = \"low\"\ncell = [3, 2]\nlayers = [1]\n{first}\n[[physics.well]]\n\
                 name = \"high\"\ncell = [3, 2]\nlayers = [3]\n{second}\n"
            )
        };
        let case = case(&wells("head = \"12 m\"", "head = \"5 m\""), "[[observation]]\nkind = \"rate\"");
        let model = model(&case);
        assert_eq!(quantities(&model), [Quantity::Rate(0), Quantity::Rate(1)]);
        let (_, measurements) = observed(&case);
        assert_eq!([0, 1].map(|i| measurements[i].datum.at[2]), [5.0, 25.0], "in their own layers");
        let u = uneven(&case);
        let rates = model.predict(u.view()).expect("rates");
        let balance = &model.water_balance(u.view()).expect("a balance")[0];
        assert!((rates[0] - rates[1]).abs() > 1e-3 * rates[0].abs(), "{rates}");
        assert!([0, 1].iter().all(|&w| (rates[w] - balance.wells[w].1).abs() < 1e-9 * balance.throughput), "{rates}");
        let observed =
            "[[observation]]\nkind = \"well-head\"\n[[observation]]\nkind = \"head\"\nwells = \"all\"\nlayers = [2]";
        let pumped = self::case(&wells("rate = \"1 m3/day\"", "rate = \"2 m3/day\""), observed);
        let middle = Quantity::Head(pumped.grid.index([2, 1, 1]));
        assert_eq!(quantities(&self::model(&pumped)), [Quantity::WellHead(0), Quantity::WellHead(1), middle]);
        let mixed = self::case(
            &wells("rate = \"1 m3/day\"", "head = \"5 m\""),
            "[[observation]]\nkind = [\"rate\", \"well-head\"]",
        );
        let own = [Quantity::Rate(1), Quantity::WellHead(0)];
        assert_eq!(quantities(&self::model(&mixed)), own, "by default of every well what there is to find out");
    }

    #[test]
    fn a_layer_of_fixed_head_leaves_those_below_to_wells_and_observations() {
        let physics = "boundary = [{ side = \"roof\", head = \"20 m\" }]\nwell = { cell = [3, 2], layers = [1, 2], rate = \"5 m3/day\" }";
        let observed = "[[observation]]\nkind = \"head\"\ncells = [[1, 1]]\nlayers = [1, 2]\n[[observation]]\nkind = \"head\"\n\
                        random = { count = 19 }\nlayers = [2]";
        let case = case(physics, observed);
        let found = quantities(&model(&case));
        assert_eq!((found.len(), found[1]), (21, Quantity::Head(case.grid.index([0, 0, 1]))));
    }

    #[test]
    fn inflow_of_a_side_comes_in_whole() {
        let total = 3.0 / 86400.0;
        let inflow = "boundary = [{ side = \"left\", head = \"20 m\" }, { side = \"top\", inflow = \"3 m3/day\" }]";
        let part = inflow.replace("side = \"top\"", "side = \"top\", box = [[1, 1], [3, 4]]");
        let held = "\nwell = { cell = [2, 4], head = \"10 m\" }";
        for (physics, cells) in [(inflow.to_owned(), 12), (part.clone(), 6), (part + held, 3)] {
            let case = case(&physics, "[[observation]]\nkind = \"head\"\ncells = [[4, 2]]");
            let model = model(&case);
            let Condition::RateInCells { cells: Cells::List(list), .. } = &model.aquifer().boundaries[1].condition
            else {
                panic!("a rate in cells")
            };
            assert_eq!(list.len(), cells);
            let balance = &model.water_balance(uneven(&case).view()).expect("a balance")[0];
            assert!((balance.boundaries[1].1 - total).abs() < 1e-12 * total, "{balance:?}");
        }
    }

    #[test]
    fn faces_of_listed_cells_on_one_side_take_a_flux_or_a_head() {
        let of = |condition: &str| {
            let cells = "{ side = \"right\", cells = [[5, 1, 1], [5, 4, 2], [3, 2, 1]], ";
            let inactive = "inactive = [[4, 2, 1]]\n";
            let physics =
                format!("{inactive}boundary = [{{ side = \"left\", head = \"20 m\" }}, {cells}{condition} }}]");
            let case = case(&physics, "[[observation]]\nkind = \"head\"\ncells = [[3, 3]]");
            let u = uneven(&case);
            model(&case).water_balance(u.view()).expect("a balance")[0].boundaries[1].1
        };
        let flux = of("flux = \"1 cm/day\"");
        assert!((flux - 3.0 * 100.0 * 0.01 / 86400.0).abs() < 1e-16, "three faces of 10 m x 10 m: {flux}");
        assert!(of("head = \"25 m\", on = \"faces\"") > 0.0 && of("head = \"15 m\", on = \"faces\"") < 0.0);
    }

    #[test]
    fn a_time_that_rounding_puts_after_the_last_step_is_its_end() {
        let physics = format!("{LEFT}\nspecific_storage = \"1e-4 1/m\"\ntime = {{ steps = 10, first = \"0.1 s\" }}");
        let physics = physics + "\nwell = { cell = [3, 2], rate = \"5 m3/day\" }";
        let observed = "[[observation]]\nkind = \"drawdown\"\ncells = [[3, 2]]\nlayers = [1]\ntimes = ";
        let late = case(&physics, &format!("{observed}[\"1 s\"]"));
        let all = case(&physics, &format!("{observed}\"all\""));
        let u = uneven(&late);
        let [late, all] = [late, all].map(|case| model(&case).predict(u.view()).expect("drawdowns"));
        assert_eq!((late.len(), late[0]), (1, all[9]));
        assert!(all[9] > all[8]);
    }

    #[test]
    fn inactive_cells_have_no_heads_and_sides_leave_them_out() {
        let physics = format!("{LEFT}\ninactive = [[1, 1], [[3, 2, 1], [4, 3, 2]]]");
        let case = case(&physics, "[[observation]]\nkind = \"head\"\ncells = [[5, 2]]");
        let Some(Physics::Groundwater(flow)) = &case.physics else { panic!("groundwater") };
        let heads = model(&case).heads(uneven(&case).view()).expect("heads");
        let inactive: Vec<_> = (0..case.grid.len()).filter(|&cell| heads[[0, cell]].is_nan()).collect();
        let expected: Vec<_> = (0..case.grid.len()).filter(|&cell| !flow.is_active(case.grid.cell(cell))).collect();
        assert_eq!((inactive.len(), inactive), (3 + 8, expected));
        assert!(heads.iter().all(|head| head.is_nan() || (head - 20.0).abs() < 1e-9), "nothing flows");
    }

    /// Writes a domain of 5 x 4 x 3 cells in which `inactive` ones are 0.
    fn domain(path: &Path, inactive: &[usize]) {
        let values: Vec<f64> = (0..60).map(|cell| f64::from(u8::from(!inactive.contains(&cell)))).collect();
        npy::write(File::create(path).unwrap(), &values, &[3, 4, 5]).unwrap();
    }

    #[test]
    fn a_run_beside_inactive_cells_of_a_file_reports_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inactive) = (folder.path().join("domain.npy"), [7, 27, 47, 48, 49, 55]);
        domain(&file, &inactive);
        let well = "well = { cell = [4, 3], rate = \"5 m3/day\" }";
        let physics = format!("{LEFT}\ninactive = {:?}\n{well}", file.display().to_string());
        let observed = "[[observation]]\nkind = \"head\"\ncells = [[2, 2]]\nlayers = [1]\n[inversion]\niterations = 2";
        let case = case(&physics, observed);
        let Some(Physics::Groundwater(flow)) = &case.physics else { panic!("groundwater") };
        assert_eq!(flow.inactive.len(), 4, "a run of three cells is one block");
        assert_eq!(
            Case::parse(&case.to_toml(), "resolved").unwrap().physics,
            case.physics,
            "the file is not needed again"
        );

        let options = run::Options { out: Some(folder.path().join("run")), ..run::Options::default() };
        let finished = run::run(&case, None, &options, &()).unwrap();
        let page = std::fs::read_to_string(finished.folder.join("report.html")).unwrap();
        assert!(page.contains("The heads"));
        let shown = page.split("<script").next().unwrap_or_default();
        assert!(!shown.contains("NaN"), "gaps are not shown as numbers");
        let summary = summary::read(&finished.folder).unwrap();
        let number = |key: &str| summary.pointer(key).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
        assert!(number("/misfit/parameterized").is_finite(), "{summary}");
        let [model, truth] = ["model.npy", "reference.npy"]
            .map(|name| crate::io::field(&finished.folder.join(name), case.grid.cells, |_| true).unwrap());
        let squares =
            |cells: Vec<usize>| cells.iter().map(|&c| (model[c] - truth[c]).powi(2)).sum::<f64>() / cells.len() as f64;
        let active = squares((0..60).filter(|cell| !inactive.contains(cell)).collect());
        assert!((number("/errors/model/e1") / active - 1.0).abs() < 1e-9, "{summary}");
        assert!((active / squares((0..60).collect()) - 1.0).abs() > 1e-3, "all cells would be another error");
        let fields = std::fs::read(finished.folder.join("model.vti")).unwrap();
        assert!(String::from_utf8_lossy(&fields).contains("Name=\"active\""));
    }

    #[test]
    fn a_domain_that_cannot_be_used_is_told_at_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let told = |name: &str| {
            let path = folder.path().join(name).display().to_string();
            let text = case(LEFT, "[[observation]]\nkind = \"head\"\ncells = [[2, 2]]").to_toml();
            let text = text.replace("[physics]", &format!("[physics]\ninactive = {path:?}"));
            Case::parse(&text, "case.toml").expect_err(name).to_string()
        };
        domain(&folder.path().join("hole.npy"), &[26]);
        assert!(told("hole.npy").contains("observation[1].cells: cell (2, 2, 2) is inactive"), "{}", told("hole.npy"));
        npy::write(File::create(folder.path().join("flat.npy")).unwrap(), &[1.0; 20], &[4, 5]).unwrap();
        let flat = told("flat.npy");
        assert!(flat.contains("physics.inactive: ") && flat.contains("the file holds 5 x 4 x 1 cells"), "{flat}");
        let mut through = [1.0; 60];
        through[22] = -1.0;
        npy::write(File::create(folder.path().join("through.npy")).unwrap(), &through, &[3, 4, 5]).unwrap();
        assert!(
            told("through.npy").contains("cell (3, 1, 2) has -1; give 0 where nothing flows"),
            "{}",
            told("through.npy")
        );
        assert!(told("absent.npy").contains("absent.npy"), "{}", told("absent.npy"));
    }
}
