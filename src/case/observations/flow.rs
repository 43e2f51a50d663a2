//! The groundwater model of a case, and what is read from it.

use std::collections::BTreeSet;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::super::file::{self, BoundaryCondition, BoundaryPlace, Case, Face, ObservationKind, Places};
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
    aquifer.boundaries = boundaries(&case.grid, property, &flow.boundaries);
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
    let wells: Vec<_> = flow.wells.iter().map(|well| well.column).collect();
    let closed = closed(&case.grid, aquifer, &wells);
    let mut measurements = Vec::new();
    for observed in &case.observed() {
        for (quantity, mut datum, time) in measured(case, flow, observed, &wells, &closed) {
            datum.id = match quantity {
                // By its name a well is found again when the data come back from a file.
                Quantity::Rate(w) | Quantity::WellHead(w) | Quantity::WellDrawdown(w) => flow.wells[w].name.clone(),
                _ => (measurements.len() + 1).to_string(),
            };
            aquifer.observations.push(Observation { quantity, time });
            let unit = Unit::of(observed.kind, &case.property);
            measurements.push(Measurement { datum, unit, noise: observed.noise });
        }
    }
    measurements
}

/// Columns in which nothing is observed at random: those with a fixed head or a well.
fn closed(grid: &Grid, aquifer: &Aquifer, wells: &[[usize; 2]]) -> Vec<[usize; 2]> {
    let mut columns: BTreeSet<[usize; 2]> = wells.iter().copied().collect();
    for boundary in &aquifer.boundaries {
        if let Condition::HeadInCells { cells, .. } = &boundary.condition {
            let fixed: Vec<usize> = match cells {
                Cells::List(list) => list.clone(),
                Cells::Side(side) => (0..grid.len()).filter(|&cell| touches(grid, cell, *side)).collect(),
            };
            columns.extend(fixed.into_iter().map(|cell| grid.cell(cell)).map(|[i, j, _]| [i, j]));
        }
    }
    columns.into_iter().collect()
}

/// Every datum of one kind: what is read, where and when.
fn measured(
    case: &Case,
    flow: &file::Groundwater,
    observed: &file::Observation,
    wells: &[[usize; 2]],
    closed: &[[usize; 2]],
) -> Vec<(Quantity, Datum, Option<f64>)> {
    let grid = &case.grid;
    let datum = |cell: [usize; 3], time| Datum {
        kind: super::word(observed.kind),
        id: String::new(),
        at: grid.center(cell),
        to: None,
        time,
    };
    let times: Vec<Option<f64>> = match (&flow.time, observed.kind, &observed.times[..]) {
        (None, ..) | (_, ObservationKind::Property, _) => vec![None],
        (Some(steps), _, []) => steps.ends().into_iter().map(Some).collect(),
        (Some(_), _, times) => times.iter().copied().map(Some).collect(),
    };
    let mut out = Vec::new();
    let mut push = |quantity, cell| out.extend(times.iter().map(|&time| (quantity, datum(cell, time), time)));
    // What is observed in wells is so once, whatever their layers.
    if let (true, Places::Wells(numbers)) = (observed.kind.is_of_wells(), &observed.places) {
        for &w in numbers {
            let ([i, j], layer) = (wells[w], flow.wells[w].layers.first());
            let quantity = match observed.kind {
                ObservationKind::WellHead => Quantity::WellHead(w),
                ObservationKind::WellDrawdown => Quantity::WellDrawdown(w),
                _ => Quantity::Rate(w),
            };
            push(quantity, [i, j, layer.copied().unwrap_or(0)]);
        }
        return out;
    }
    for [i, j] in observed.places.columns(grid, wells, closed) {
        for &k in &observed.layers {
            let cell = grid.index([i, j, k]);
            match observed.kind {
                ObservationKind::Head => push(Quantity::Head(cell), [i, j, k]),
                ObservationKind::Drawdown => push(Quantity::Drawdown(cell), [i, j, k]),
                ObservationKind::Property => push(Quantity::Property(cell), [i, j, k]),
                ObservationKind::WellHead | ObservationKind::WellDrawdown | ObservationKind::Rate => {}
            }
        }
    }
    out
}

fn well(grid: &Grid, well: &file::Well) -> Well {
    let [i, j] = well.column;
    Well {
        name: well.name.clone(),
        cells: well.layers.iter().map(|&k| grid.index([i, j, k])).collect(),
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
fn boundaries(grid: &Grid, property: Property, given: &[file::Boundary]) -> Vec<Boundary> {
    let of = |boundary: &file::Boundary| match boundary.condition {
        BoundaryCondition::NoFlow => Vec::new(),
        BoundaryCondition::HeadInCells(head) => {
            vec![Condition::HeadInCells { cells: cells(grid, &boundary.place), head }]
        }
        BoundaryCondition::HeadOnFaces(head) => {
            vec![Condition::HeadOnFaces { faces: faces(grid, &boundary.place), head }]
        }
        BoundaryCondition::Inflow(total) => {
            let cells = cells(grid, &boundary.place);
            let count = match &cells {
                Cells::List(list) => list.len(),
                Cells::Side(side) => (0..grid.len()).filter(|&cell| touches(grid, cell, *side)).count(),
            };
            vec![Condition::RateInCells { cells, rate: total / count.max(1) as f64 }]
        }
        BoundaryCondition::FluxDensity(flux) => {
            // Without a height, what comes through the upright sides of a map is counted by their length.
            let height = if property == Property::Transmissivity { grid.spacing[2] } else { 1.0 };
            let through = |faces, flux| Condition::FluxThroughFaces { faces, flux };
            match faces(grid, &boundary.place) {
                Faces::Side(side) => vec![through(Faces::Side(side), if is_flat(side) { flux } else { flux * height })],
                Faces::List(list) => {
                    let (flat, upright): (Vec<_>, Vec<_>) = list.into_iter().partition(|face| is_flat(face.1));
                    let parts = [(flat, flux), (upright, flux * height)].into_iter().filter(|part| !part.0.is_empty());
                    parts.map(|(list, flux)| through(Faces::List(list), flux)).collect()
                }
            }
        }
    };
    let named = |(number, boundary): (usize, &file::Boundary)| {
        let name = format!("physics.boundary[{}]", number + 1);
        of(boundary).into_iter().map(move |condition| Boundary { name: name.clone(), condition })
    };
    given.iter().enumerate().flat_map(named).collect()
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

/// Whether a cell lies on a side of the grid.
fn touches(grid: &Grid, cell: usize, side: Side) -> bool {
    let (at, last) = (grid.cell(cell), grid.cells.map(|count| count - 1));
    match side {
        Side::XMin => at[0] == 0,
        Side::XMax => at[0] == last[0],
        Side::YMin => at[1] == 0,
        Side::YMax => at[1] == last[1],
        Side::ZMin => at[2] == 0,
        Side::ZMax => at[2] == last[2],
    }
}

fn listed(grid: &Grid, place: &BoundaryPlace) -> Vec<usize> {
    match place {
        BoundaryPlace::Side(face) => (0..grid.len()).filter(|&cell| touches(grid, cell, side(*face))).collect(),
        BoundaryPlace::Box { first, last } => {
            let inside = |cell: &usize| (0..3).all(|a| (first[a]..=last[a]).contains(&grid.cell(*cell)[a]));
            (0..grid.len()).filter(inside).collect()
        }
        BoundaryPlace::Cells(cells) => cells.iter().map(|&cell| grid.index(cell)).collect(),
        BoundaryPlace::PartOfSide { side: face, first, last } => {
            let all = listed(grid, &BoundaryPlace::Box { first: *first, last: *last });
            all.into_iter().filter(|&cell| touches(grid, cell, side(*face))).collect()
        }
    }
}

fn cells(grid: &Grid, place: &BoundaryPlace) -> Cells {
    match place {
        BoundaryPlace::Side(face) => Cells::Side(side(*face)),
        _ => Cells::List(listed(grid, place)),
    }
}

/// The outer faces of a place: those of the side, or of every side that its cells touch.
fn faces(grid: &Grid, place: &BoundaryPlace) -> Faces {
    const SIDES: [Side; 6] = [Side::XMin, Side::XMax, Side::YMin, Side::YMax, Side::ZMin, Side::ZMax];
    match place {
        BoundaryPlace::Side(face) => Faces::Side(side(*face)),
        BoundaryPlace::PartOfSide { side: face, .. } => {
            Faces::List(listed(grid, place).into_iter().map(|cell| (cell, side(*face))).collect())
        }
        _ => {
            let of_cell = |cell: usize| {
                SIDES.into_iter().filter(move |&side| touches(grid, cell, side)).map(move |side| (cell, side))
            };
            Faces::List(listed(grid, place).into_iter().flat_map(of_cell).collect())
        }
    }
}
