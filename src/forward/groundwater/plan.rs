//! From named boundaries and wells to the cells they touch, and every mistake that can be made there.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::forward::straight_ray::Side;
use crate::grid::Plane;

use super::model::{Aquifer, Cells, Condition, Control, Faces, Property, Regime, Scalar, Split, Storage, Well};
use super::property::Geometry;
use super::system::{Link, RateWell, Role, Source, System};

/// Refuses a grid, an anisotropy, inactive cells and a storage that cannot be used.
pub(super) fn check_aquifer(aquifer: &Aquifer) -> Result<()> {
    let grid = &aquifer.grid;
    assert!(!grid.is_empty(), "a grid of {:?} cells has no heads", grid.cells);
    if grid.plane == Plane::Xz {
        let remedy = "use a map (x, y) or a block; a section is a block with ny = 1";
        return Err(Error::input("grid", "groundwater does not flow in a section whose second axis is depth", remedy));
    }
    if aquifer.property == Property::Transmissivity && !grid.is_2d() {
        return Err(Error::input(
            "property",
            format!("transmissivity belongs to one layer, the grid has {}", grid.cells[2]),
            "give hydraulic conductivity, or one layer",
        ));
    }
    let positive = |place: &str, value: f64| {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(Error::input(place, format!("{value} is not a positive number"), "give a positive number"))
    };
    if let Scalar::Known(value) = aquifer.anisotropy {
        positive("Kv/Kh", value)?;
    }
    if let Some(&cell) = aquifer.inactive.iter().find(|&&cell| cell >= grid.len()) {
        return Err(outside("inactive cells", cell, grid.len()));
    }
    let Regime::Transient { storage, .. } = &aquifer.regime else { return Ok(()) };
    match storage {
        Storage::Uniform(Scalar::Known(value)) => positive("storage", *value),
        Storage::Uniform(Scalar::Unknown(_)) | Storage::LogField => Ok(()),
        Storage::Cells(values) => {
            assert_eq!(values.len(), grid.len(), "one storage a cell");
            let active = Geometry::new(aquifer).active;
            match (0..values.len()).find(|&c| active[c] && !(values[c].is_finite() && values[c] > 0.0)) {
                Some(cell) => positive(&format!("storage of {}", Geometry::new(aquifer).name(cell)), values[cell]),
                None => Ok(()),
            }
        }
    }
}

fn outside(place: &str, cell: usize, cells: usize) -> Error {
    let problem = format!("cell number {cell} is outside of the grid of {cells} cells");
    Error::input(place, problem, "number cells from 0, x fastest, then y, then z")
}

/// Gathers what boundaries and wells do to the cells.
pub(super) struct Planner<'a> {
    aquifer: &'a Aquifer,
    geometry: &'a Geometry,
    system: System,
    /// Outer faces that have a condition already, by cell, axis and end.
    faces: BTreeMap<(usize, usize, bool), (usize, Option<f64>)>,
}

impl<'a> Planner<'a> {
    /// The boundaries of `aquifer`, and its wells where they are on.
    ///
    /// # Errors
    /// Cells outside of the grid or inactive, contradictions, parts of the aquifer without any given head where
    /// `determined` asks for one.
    pub(super) fn plan(aquifer: &'a Aquifer, geometry: &'a Geometry, wells: bool, determined: bool) -> Result<System> {
        let roles = geometry.active.iter().map(|&active| if active { Role::Free } else { Role::Inactive }).collect();
        let system = System { roles, links: Vec::new(), sources: Vec::new(), rate_wells: Vec::new() };
        let mut planner = Self { aquifer, geometry, system, faces: BTreeMap::new() };
        for owner in 0..aquifer.boundaries.len() {
            planner.fixed_cells(owner)?;
        }
        if wells {
            planner.wells()?;
        }
        for owner in 0..aquifer.boundaries.len() {
            planner.other_boundary(owner)?;
        }
        planner.system.links.sort_by_key(|link| link.cell);
        if determined {
            planner.refuse_undetermined(wells)?;
        }
        Ok(planner.system)
    }

    /// Name of a boundary or well.
    fn owner(&self, owner: usize) -> String {
        owner_name(self.aquifer, owner)
    }

    fn fixed_cells(&mut self, owner: usize) -> Result<()> {
        let Condition::HeadInCells { cells, head } = &self.aquifer.boundaries[owner].condition else { return Ok(()) };
        self.finite(owner, "head", *head)?;
        for cell in self.cells(owner, cells)? {
            self.fix(owner, cell, *head)?;
        }
        Ok(())
    }

    fn fix(&mut self, owner: usize, cell: usize, head: f64) -> Result<()> {
        match self.system.roles[cell] {
            Role::Fixed { head: other, owner: first } if other != head => Err(Error::input(
                self.owner(owner),
                format!(
                    "{} has the head {head} m here and {other} m by {}",
                    self.geometry.name(cell),
                    self.owner(first)
                ),
                "give each cell one head; where sides meet, list the cells of one of them",
            )),
            Role::Fixed { .. } => Ok(()),
            Role::Free => {
                self.system.roles[cell] = Role::Fixed { head, owner };
                Ok(())
            }
            Role::Inactive => unreachable!("cells are checked to be active"),
        }
    }

    fn other_boundary(&mut self, owner: usize) -> Result<()> {
        match &self.aquifer.boundaries[owner].condition {
            Condition::HeadInCells { .. } => Ok(()),
            Condition::HeadOnFaces { faces, head } => {
                self.finite(owner, "head", *head)?;
                for (cell, side) in self.outer_faces(owner, faces)? {
                    if self.claim(owner, faces, (cell, side), Some(*head))? {
                        let (axis, _) = axis_and_end(side);
                        // Half a cell from the centre to the face.
                        let factor = 2.0 * self.geometry.factor(axis);
                        self.system.links.push(Link { cell, factor, vertical: axis == 2, head: *head, owner });
                    }
                }
                Ok(())
            }
            Condition::FluxThroughFaces { faces, flux } => {
                self.finite(owner, "flux", *flux)?;
                for (cell, side) in self.outer_faces(owner, faces)? {
                    if self.claim(owner, faces, (cell, side), None)? {
                        let rate = flux * self.geometry.area(axis_and_end(side).0);
                        self.system.sources.push(Source { cell, rate, owner });
                    }
                }
                Ok(())
            }
            Condition::RateInCells { cells, rate } => {
                self.finite(owner, "rate", *rate)?;
                for cell in self.cells(owner, cells)? {
                    match (self.system.roles[cell], cells) {
                        (Role::Fixed { .. }, Cells::Side(_)) => {}
                        (Role::Fixed { owner: other, .. }, Cells::List(_)) => {
                            return Err(self.no_effect(owner, cell, other, "a rate"));
                        }
                        _ => self.system.sources.push(Source { cell, rate: *rate, owner }),
                    }
                }
                Ok(())
            }
        }
    }

    /// Notes the condition of a face; `false` where it has no effect: a whole side leaves cells of given head out.
    fn claim(&mut self, owner: usize, of: &Faces, (cell, side): (usize, Side), head: Option<f64>) -> Result<bool> {
        if let Role::Fixed { owner: other, .. } = self.system.roles[cell] {
            let side = matches!(of, Faces::Side(_));
            return if side { Ok(false) } else { Err(self.no_effect(owner, cell, other, "a face")) };
        }
        let (axis, end) = axis_and_end(side);
        match self.faces.insert((cell, axis, end), (owner, head)) {
            None => Ok(true),
            Some((_, other)) if other.is_some() && other == head => Ok(false),
            Some((first, _)) => Err(Error::input(
                self.owner(owner),
                format!("a face of {} has a condition by {} already", self.geometry.name(cell), self.owner(first)),
                "give each face one condition",
            )),
        }
    }

    fn no_effect(&self, owner: usize, cell: usize, other: usize, what: &str) -> Error {
        Error::input(
            self.owner(owner),
            format!("{what} of {} is given, whose head {} gives", self.geometry.name(cell), self.owner(other)),
            "leave this cell out of one of the two",
        )
    }

    fn wells(&mut self) -> Result<()> {
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, well) in self.aquifer.wells.iter().enumerate() {
            let owner = self.aquifer.boundaries.len() + number;
            if well.cells.is_empty() {
                return Err(Error::input(self.owner(owner), "it has no cell", "give the cells of its screen"));
            }
            for &cell in &well.cells {
                self.active(owner, cell)?;
                if let Some(first) = taken.insert(cell, number) {
                    return Err(self.shared_cell(owner, cell, first));
                }
            }
            self.radius(owner, well)?;
            match &well.control {
                Control::Head(head) => self.head_well(owner, well, *head)?,
                Control::Rate(rate) => self.rate_well(owner, well, &[(0.0, *rate)])?,
                Control::Schedule(schedule) => {
                    self.check_schedule(owner, schedule)?;
                    self.rate_well(owner, well, schedule)?;
                }
            }
        }
        Ok(())
    }

    fn shared_cell(&self, owner: usize, cell: usize, first: usize) -> Error {
        let other = self.owner(self.aquifer.boundaries.len() + first);
        let problem = format!("{} is a cell of {other} too", self.geometry.name(cell));
        Error::input(
            self.owner(owner),
            problem,
            "give each cell once and to one well; add the rates of wells in one cell",
        )
    }

    fn head_well(&mut self, owner: usize, well: &Well, head: f64) -> Result<()> {
        self.finite(owner, "head", head)?;
        for &cell in &well.cells {
            if let Role::Fixed { owner: other, .. } = self.system.roles[cell] {
                return Err(self.no_effect(owner, cell, other, "the well"));
            }
            match well_factor(self.geometry, well) {
                Some(factor) => self.system.links.push(Link { cell, factor, vertical: false, head, owner }),
                None => self.fix(owner, cell, head)?,
            }
        }
        Ok(())
    }

    fn rate_well(&mut self, owner: usize, well: &Well, schedule: &[(f64, f64)]) -> Result<()> {
        for (_, rate) in schedule {
            self.finite(owner, "rate", *rate)?;
        }
        for &cell in &well.cells {
            if let Role::Fixed { owner: other, .. } = self.system.roles[cell] {
                return Err(self.no_effect(owner, cell, other, "the rate of a well"));
            }
        }
        self.system.rate_wells.push(RateWell {
            well: owner - self.aquifer.boundaries.len(),
            cells: well.cells.clone(),
            common_head: well.split == Split::CommonHead,
        });
        Ok(())
    }

    fn check_schedule(&self, owner: usize, schedule: &[(f64, f64)]) -> Result<()> {
        if self.aquifer.regime == Regime::Steady {
            let remedy = "give one rate, or steps in time";
            return Err(Error::input(self.owner(owner), "steady flow has no schedule of rates", remedy));
        }
        let ordered = schedule.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if schedule.is_empty() || !ordered || schedule.iter().any(|(start, _)| !start.is_finite()) {
            let problem = format!("{:?} are no times in order", schedule.iter().map(|s| s.0).collect::<Vec<_>>());
            return Err(Error::input(
                self.owner(owner),
                problem,
                "give (start in s, rate) in increasing order of time",
            ));
        }
        Ok(())
    }

    fn radius(&self, owner: usize, well: &Well) -> Result<()> {
        let (Some(radius), most) = (well.radius, equivalent_radius(self.geometry.grid.spacing)) else { return Ok(()) };
        if radius > 0.0 && radius < most {
            return Ok(());
        }
        Err(Error::input(
            self.owner(owner),
            format!("a radius of {radius} m is not between 0 and {most:.4} m, where the head of its cell holds"),
            "give the radius of the bore in m, or larger cells, or none for the head of the cell",
        ))
    }

    fn finite(&self, owner: usize, what: &str, value: f64) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        Err(Error::input(self.owner(owner), format!("{value} is no {what}"), "give a finite number"))
    }

    fn active(&self, owner: usize, cell: usize) -> Result<()> {
        if cell >= self.geometry.len() {
            return Err(outside(&self.owner(owner), cell, self.geometry.len()));
        }
        if self.geometry.active[cell] {
            return Ok(());
        }
        let problem = format!("{} is inactive", self.geometry.name(cell));
        Err(Error::input(self.owner(owner), problem, "move it into an active cell, or make this one active"))
    }

    fn cells(&self, owner: usize, cells: &Cells) -> Result<Vec<usize>> {
        match cells {
            Cells::Side(side) => Ok(self.along(*side)),
            Cells::List(list) => list.iter().map(|&cell| self.active(owner, cell).map(|()| cell)).collect(),
        }
    }

    /// Active cells along a side of the grid.
    fn along(&self, side: Side) -> Vec<usize> {
        let (axis, end) = axis_and_end(side);
        let on_side = |&cell: &usize| self.geometry.neighbour(cell, axis, end).is_none() && self.geometry.active[cell];
        (0..self.geometry.len()).filter(on_side).collect()
    }

    fn outer_faces(&self, owner: usize, faces: &Faces) -> Result<Vec<(usize, Side)>> {
        let list = match faces {
            Faces::Side(side) => return Ok(self.along(*side).into_iter().map(|cell| (cell, *side)).collect()),
            Faces::List(list) => list,
        };
        for &(cell, side) in list {
            self.active(owner, cell)?;
            let (axis, end) = axis_and_end(side);
            if self.geometry.neighbour(cell, axis, end).is_some_and(|other| self.geometry.active[other]) {
                return Err(Error::input(
                    self.owner(owner),
                    format!("the face {side:?} of {} lies between two active cells", self.geometry.name(cell)),
                    "give faces on the sides of the grid or towards inactive cells",
                ));
            }
        }
        Ok(list.clone())
    }

    /// Refuses free cells that no given head reaches: their heads are known but for a constant.
    fn refuse_undetermined(&self, wells: bool) -> Result<()> {
        let mut reached = vec![false; self.geometry.len()];
        let fixed = |&cell: &usize| matches!(self.system.roles[cell], Role::Fixed { .. });
        let mut open: Vec<usize> = (0..reached.len()).filter(fixed).collect();
        open.extend(self.system.links.iter().map(|link| link.cell));
        open.iter().for_each(|&cell| reached[cell] = true);
        let bores: Vec<&RateWell> = self.system.rate_wells.iter().filter(|well| well.common_head).collect();
        loop {
            self.flood(&mut open, &mut reached);
            for well in &bores {
                if well.cells.iter().any(|&cell| reached[cell]) {
                    open.extend(well.cells.iter().filter(|&&cell| !reached[cell]));
                }
            }
            open.iter().for_each(|&cell| reached[cell] = true);
            if open.is_empty() {
                break;
            }
        }
        let lost = |&cell: &usize| !reached[cell] && self.geometry.active[cell];
        let Some(first) = (0..reached.len()).find(lost) else { return Ok(()) };
        let count = (0..reached.len()).filter(lost).count();
        let flow = if wells { "steady flow" } else { "the steady state before the wells" };
        Err(Error::input(
            "boundaries",
            format!(
                "no given head reaches {count} of the active cells, {} for one: their heads in {flow} are known but \
                 for a constant",
                self.geometry.name(first)
            ),
            "fix a head in a cell, on a face or in a well that is connected with them, or make them inactive",
        ))
    }

    fn flood(&self, open: &mut Vec<usize>, reached: &mut [bool]) {
        while let Some(cell) = open.pop() {
            for (axis, up) in [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true)] {
                let Some(other) = self.geometry.neighbour(cell, axis, up) else { continue };
                if self.geometry.active[other] && !reached[other] {
                    reached[other] = true;
                    open.push(other);
                }
            }
        }
    }
}

/// Name of boundary or well number `owner`, boundaries first.
pub(super) fn owner_name(aquifer: &Aquifer, owner: usize) -> String {
    match aquifer.boundaries.get(owner) {
        Some(boundary) => format!("boundary \"{}\"", boundary.name),
        None => format!("well \"{}\"", aquifer.wells[owner - aquifer.boundaries.len()].name),
    }
}

/// The axis a side is across, and whether it is at the upper end.
fn axis_and_end(side: Side) -> (usize, bool) {
    match side {
        Side::XMin => (0, false),
        Side::XMax => (0, true),
        Side::YMin => (1, false),
        Side::YMax => (1, true),
        Side::ZMin => (2, false),
        Side::ZMax => (2, true),
    }
}

/// Radius at which a pumped cell's head holds, `r_0 = 0.14 √(dx² + dy²)` \[m\] for cells of `spacing` (Peaceman 1978).
pub fn equivalent_radius([dx, dy, _]: [f64; 3]) -> f64 {
    0.14 * dx.hypot(dy)
}

/// Conductance a property between a bore and its cell, `2π b / ln(r_0/r_w)`, where the well has a radius.
pub(super) fn well_factor(geometry: &Geometry, well: &Well) -> Option<f64> {
    let radius = well.radius?;
    Some(2.0 * PI * geometry.thickness / (equivalent_radius(geometry.grid.spacing) / radius).ln())
}
