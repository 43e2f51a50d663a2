//! Groundwater models that could not be solved, or say two things of one place.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::case::file::*;
use crate::case::flow_cells::FlowCells;
use crate::case::observations::check_flow;
use crate::error::Error;
use crate::forward::groundwater::{TimeSteps as Steps, equivalent_radius};
use crate::grid::{Grid, Plane};

impl Check<'_> {
    pub(super) fn groundwater(&self, flow: &Groundwater) {
        self.aquifer(flow);
        self.heads(flow);
        if self.collector.sound(&["grid", "physics.boundary", "physics.well", "physics.inactive"]) {
            self.boundaries(flow);
            self.wells(flow);
            self.known_cells(flow);
        }
        self.time(flow);
        self.uncertain(flow);
    }

    /// Whether heads and what else is measured of groundwater come from a file.
    pub(super) fn reads_heads(&self) -> bool {
        let is_flow = matches!(self.case.physics, Some(Physics::Groundwater(_)));
        is_flow && self.case.data.as_ref().is_some_and(Data::is_one_file)
    }

    /// Measurements have their own standard deviations, and a file of them the columns of `data.csv`.
    pub(super) fn measured(&self, data: &Data) {
        if !self.reads_heads() {
            return;
        }
        let problem = "the noise of [data] has the unit of a travel time";
        let remedy = "give every line of the file its sigma, or write \"2 %\"";
        self.require(!data.noise.is_absolute(), &["physics.kind"], "data.noise", problem, remedy);
        let Columns { length_unit, time_unit, .. } = data.columns;
        let usual = Columns { length_unit, time_unit, ..Columns::usual(&self.case.grid) };
        let problem = "measurements of groundwater have the columns kind, id, x, y, z, time, unit, observed and sigma";
        let remedy = "rename the columns in the file, and keep length_unit and time_unit here";
        self.require(data.columns == usual, &["grid", "physics.kind"], "data.columns", problem, remedy);
    }

    /// Pumping tests need flow in time through a map, and say themselves where wells stand.
    pub(super) fn tests(&self, data: &Data) {
        let Case { physics, observations, .. } = self.case;
        if data.tests.is_none() {
            return;
        }
        let flow = match physics {
            Some(Physics::Groundwater(flow)) => Some(flow),
            _ => None,
        };
        let fits = flow.is_some_and(|flow| flow.time.is_some());
        let problem = "pumping tests are flow that changes in time";
        let remedy = "write physics.kind = \"groundwater\" and add [physics.time]";
        self.require(fits, &["physics"], "data.tests", problem, remedy);
        let from_file = data.source != DataSource::Reference;
        let problem = "pumping tests come from files";
        self.require(from_file, &["data.file"], "data.tests", problem, "add file = \"--data\" to [data]");
        let fits = observations.is_empty() && flow.is_none_or(|flow| flow.wells.is_empty());
        let problem = "the files of the tests say where wells stand and what is observed in them";
        let remedy = "remove [[physics.well]] and [[observation]]";
        self.require(fits, &["observation", "physics.well"], "data.tests", problem, remedy);
        let problem = "the files of pumping tests have no column of standard deviations";
        let remedy = "give a length such as \"5 mm\"";
        self.require(data.noise != Noise::File, &["data.tests"], "data.noise", problem, remedy);
        let problem = "the error level of pumping tests is not chosen from the data";
        let given = data.noise_level == NoiseLevel::Given;
        self.require(given, &["data.tests"], "data.noise_level", problem, "write \"given\"");
    }

    /// What is found beside the property needs data of tests, and a basis that it can be joined to.
    fn uncertain(&self, flow: &Groundwater) {
        let Case { basis, scenarios, data, feasible, inversion, property, grid, .. } = self.case;
        if !flow.uncertain.any() {
            return;
        }
        let key = "physics.uncertain";
        let fits = data.as_ref().is_some_and(|data| data.tests.is_some());
        let problem = "only the data of pumping tests say something of it";
        self.require(fits, &["data"], key, problem, "add [data.tests], or remove the section");
        let is_gaussian = matches!(scenarios.as_slice(), [Scenario { geology: Geology::Gaussian(_), .. }]);
        let one_basis = basis.kind != BasisKind::Hybrid && basis.center;
        let problem = "it is joined to the basis of one Gaussian scenario about its mean";
        let remedy = "choose basis.kind = \"karhunen-loeve\" or \"pca\" with one Gaussian scenario";
        self.require(is_gaussian && one_basis, &["scenario", "basis"], key, problem, remedy);
        let fits = feasible.is_none() && inversion.regularizer == Regularizer::Gaussian;
        let problem = "it has a Gaussian prior and no feasible map";
        self.require(
            fits,
            &["inversion", "feasible"],
            key,
            problem,
            "write regularizer = \"gaussian\", remove [feasible]",
        );
        let fits = property.quantity == Quantity::Transmissivity && grid.is_2d();
        let problem = "it is found in maps of transmissivity";
        self.require(fits, &["property", "grid"], key, problem, "write property.name = \"transmissivity\"");
    }

    fn aquifer(&self, flow: &Groundwater) {
        let Case { property, grid, .. } = self.case;
        let is_transmissivity = property.quantity == Quantity::Transmissivity;
        let fits = is_transmissivity || property.quantity == Quantity::Conductivity;
        let problem = "water flows by transmissivity or hydraulic conductivity";
        let remedy = "write property.name = \"transmissivity\" or \"hydraulic conductivity\"";
        self.require(fits, &["property"], "physics.kind", problem, remedy);
        let problem = format!("a transmissivity is that of one layer, and the grid has {}", grid.cells[2]);
        let fits = !is_transmissivity || grid.is_2d();
        self.require(fits, &["grid"], "property.name", problem, "write \"hydraulic conductivity\"");
        let problem = "groundwater flows in a map or a block, not in a section";
        self.require(grid.plane == Plane::Xy, &["grid"], "grid.plane", problem, "write \"xy\"");
        let (fits, problem, remedy) = match flow.storage {
            Some(Storage::Storativity(_)) => {
                (is_transmissivity, "a storativity goes with a transmissivity", "give specific_storage = \"1e-5 1/m\"")
            }
            Some(Storage::Specific(_)) => {
                (!is_transmissivity, "a specific storage goes with a conductivity", "give storativity = 1e-4")
            }
            None => (true, "", ""),
        };
        self.require(fits, &["property"], "physics.kind", problem, remedy);
    }

    /// Whether heads are held anywhere: else flow, and its steady state before pumping, have no one solution.
    fn heads(&self, flow: &Groundwater) {
        let at_boundary = flow.boundaries.iter().any(|b| b.condition.head().is_some());
        let in_well = flow.wells.iter().any(|w| w.control.is_head());
        let from = ["physics.boundary", "physics.well", "physics.time"];
        let remedy = "add e.g. [[physics.boundary]] with side = \"left\", head = \"20 m\"";
        if flow.time.is_none() {
            let problem = "no head is fixed anywhere, so that steady flow has no one solution";
            self.require(at_boundary || in_well, &from, "physics.boundary", problem, remedy);
        } else if flow.initial == InitialHead::Steady {
            let problem = "no boundary has a fixed head, so that steady flow before pumping has no one solution";
            let remedy = "add one, or give initial_head = \"20 m\"";
            self.require(at_boundary, &from, "physics.boundary", problem, remedy);
        }
    }

    fn boundaries(&self, flow: &Groundwater) {
        let mut said = Said::new(flow, &self.case.grid);
        for (i, boundary) in flow.boundaries.iter().enumerate() {
            if let Err((problem, remedy)) = said.add(i, boundary) {
                self.require(false, &[], &format!("physics.boundary[{}]", i + 1), problem, remedy);
            }
        }
    }

    fn wells(&self, flow: &Groundwater) {
        let grid = &self.case.grid;
        let cells = FlowCells::new(flow, grid);
        let mut names = BTreeSet::new();
        let mut taken: BTreeMap<[usize; 3], &str> = BTreeMap::new();
        for (i, well) in flow.wells.iter().enumerate() {
            let key = |key: &str| format!("physics.well[{}].{key}", i + 1);
            let problem = format!("two wells are called \"{}\"", well.name);
            let is_new = names.insert(&well.name);
            self.require(is_new, &[], &key("name"), problem, "give every well a name of its own");
            let found = well.cells().find(|&cell| cells.fixing(cell).is_some());
            let place = self.cell(found.unwrap_or_default());
            let problem = format!("the head is fixed in {place}, so that the well has no effect");
            let from = ["grid", "physics.boundary"];
            self.require(found.is_none(), &from, &key("cell"), problem, "move the well or the boundary");
            let found = well.cells().find(|&cell| !flow.is_active(cell));
            let problem = format!("the well stands in {}, which is inactive", self.cell(found.unwrap_or_default()));
            let remedy = "move the well, or give layers whose cells are active";
            self.require(found.is_none(), &["physics.inactive"], &key("cell"), problem, remedy);
            for cell in well.cells() {
                let other = *taken.entry(cell).or_insert(&well.name);
                let problem = format!("the well \"{other}\" is in the same cell");
                self.require(other == well.name || !is_new, &["grid"], &key("cell"), problem, "move one of them");
            }
            let [dx, dy, _] = grid.spacing;
            let effective = equivalent_radius(grid.spacing);
            let problem = format!("a cell of {dx} m x {dy} m stands for a bore of less than {effective:.3} m radius");
            let fits = well.radius.is_none_or(|radius| radius < effective);
            self.require(fits, &["grid"], &key("radius"), problem, "give a smaller radius, or none");
            let fits = flow.time.is_some() || !matches!(well.control, Control::Schedule(_));
            let problem = "the rate changes in time, and the flow is steady";
            self.require(fits, &["physics.time"], &key("rate"), problem, "give one rate, or add [physics.time]");
        }
    }

    fn time(&self, flow: &Groundwater) {
        let fits = flow.time.is_none() || flow.storage.is_some();
        let problem = "flow that changes in time needs the storage of water";
        let remedy = match self.case.property.quantity {
            Quantity::Transmissivity => "add storativity = 1e-4 to [physics]",
            _ => "add specific_storage = \"1e-5 1/m\" to [physics]",
        };
        let from = ["physics.storativity", "physics.specific_storage", "property"];
        self.require(fits, &from, "physics.time", problem, remedy);
        if let Some(Err(Error::Input { place, problem, .. })) = flow.time.as_ref().map(|time| Steps::new(time.ends())) {
            let remedy = "give fewer steps, or a growth nearer to 1";
            self.require(false, &["physics.time"], "physics.time", format!("{place}: {problem}"), remedy);
        }
    }

    /// Hard data where nothing flows.
    fn known_cells(&self, flow: &Groundwater) {
        for (i, datum) in self.case.hard_data.iter().flat_map(|data| &data.cells).enumerate() {
            let problem = format!("{} is inactive: no datum of flow depends on it", self.cell(datum.cell));
            let remedy = "remove the datum, or make the cell active";
            let key = format!("hard_data.cells[{}]", i + 1);
            self.require(flow.is_active(datum.cell), &["grid", "physics.inactive"], &key, problem, remedy);
        }
    }

    /// Parts of the aquifer that cells without flow cut off from every given head: the model itself finds them, where
    /// all else is right.
    pub(super) fn parts(&self) {
        let Some(Physics::Groundwater(flow)) = &self.case.physics else { return };
        if flow.inactive.is_empty() || !self.collector.is_clean() {
            return;
        }
        if let Err(Error::Input { place, problem, remedy }) = check_flow(self.case, flow) {
            self.require(false, &[], "physics.inactive", format!("{place}: {problem}"), &remedy);
        }
    }

    /// A cell as the file counts.
    pub(super) fn cell(&self, cell: [usize; 3]) -> String {
        name(&self.case.grid, cell)
    }
}

fn name(grid: &Grid, cell: [usize; 3]) -> String {
    let [i, j, k] = cell.map(|at| at + 1);
    if grid.is_2d() { format!("cell ({i}, {j})") } else { format!("cell ({i}, {j}, {k})") }
}

/// What is wrong with a boundary, and how to mend it.
type Mistake = (String, &'static str);

/// What boundaries have said of cells and faces so far.
struct Said<'a> {
    flow: &'a Groundwater,
    grid: &'a Grid,
    cells: FlowCells<'a>,
    /// Cells of which no_flow is said without a side, and the boundary.
    still: BTreeMap<[usize; 3], usize>,
    /// Heads of cells, and the boundary.
    heads: BTreeMap<[usize; 3], (usize, f64)>,
    /// Conditions of faces, and the boundary.
    faces: BTreeMap<([usize; 3], u8), usize>,
}

impl<'a> Said<'a> {
    fn new(flow: &'a Groundwater, grid: &'a Grid) -> Self {
        let mut still = BTreeMap::new();
        for (i, boundary) in flow.boundaries.iter().enumerate() {
            if boundary.condition == BoundaryCondition::NoFlow && boundary.place.side().is_none() {
                boundary.place.cells(grid).into_iter().for_each(|cell| _ = still.entry(cell).or_insert(i));
            }
        }
        let cells = FlowCells::new(flow, grid);
        Self { flow, grid, cells, still, heads: BTreeMap::new(), faces: BTreeMap::new() }
    }

    /// Takes in boundary number `i`; the first thing that is wrong with it, or that another one contradicts.
    fn add(&mut self, i: usize, boundary: &Boundary) -> Result<(), Mistake> {
        self.place(boundary)?;
        let side = boundary.place.side();
        for cell in boundary.place.cells(self.grid).into_iter().filter(|&cell| self.cells.is_active(cell)) {
            let name = || name(self.grid, cell);
            let contradicts = |problem: String, other: usize| {
                Err((format!("{problem}, the other by boundary {}", other + 1), "let one of them go"))
            };
            if let BoundaryCondition::HeadInCells(head) = boundary.condition {
                let (other, before) = *self.heads.entry(cell).or_insert((i, head));
                if before != head {
                    return contradicts(format!("{} has the head {before} m and the head {head} m", name()), other);
                }
            }
            if let (Some(&other), true) = (self.still.get(&cell), boundary.condition != BoundaryCondition::NoFlow) {
                return contradicts(format!("{} has a condition and no_flow", name()), other);
            }
            if let Some(side) = side {
                let other = *self.faces.entry((cell, side as u8)).or_insert(i);
                let before = self.flow.boundaries[other].condition;
                if other != i && !(before == BoundaryCondition::NoFlow && before == boundary.condition) {
                    return contradicts(format!("the same side of {} has two conditions", name()), other);
                }
            }
        }
        self.effect(boundary)
    }

    /// Whether a place is one for its condition.
    fn place(&self, boundary: &Boundary) -> Result<(), Mistake> {
        let (place, condition) = (&boundary.place, boundary.condition);
        if condition.is_on_faces() && place.side().is_none() {
            let problem = "a condition on faces needs the side that they are on";
            return Err((problem.into(), "add side = \"left\" (or another)"));
        }
        let cells = place.cells(self.grid);
        if let BoundaryPlace::FacesOfCells { side, .. } = place {
            if !condition.is_on_faces() && condition != BoundaryCondition::NoFlow {
                let problem = "a side of listed cells is for a condition on their faces";
                return Err((problem.into(), "remove side, or write on = \"faces\" or flux"));
            }
            if let Some(&cell) = cells.iter().find(|&&cell| !self.cells.is_outer(cell, *side)) {
                let problem = format!("the face of {} lies between two active cells", name(self.grid, cell));
                return Err((problem, "name cells at the end of the grid, or beside inactive ones"));
            }
        }
        if place.is_of_side() {
            return match cells.is_empty() || cells.iter().any(|&cell| self.cells.is_active(cell)) {
                true => Ok(()),
                false => Err(("all of its cells are inactive".into(), "remove the boundary")),
            };
        }
        let mut seen = BTreeSet::new();
        if let Some(&twice) = cells.iter().find(|&&cell| !seen.insert(cell)) {
            return Err((format!("{} is named twice", name(self.grid, twice)), "name every cell once"));
        }
        match cells.iter().find(|&&cell| !self.cells.is_active(cell)) {
            Some(&cell) => Err((format!("{} is inactive", name(self.grid, cell)), "leave it out")),
            None => Ok(()),
        }
    }

    /// Whether a condition has an effect where it is given.
    fn effect(&self, boundary: &Boundary) -> Result<(), Mistake> {
        let is_rate = match boundary.condition {
            BoundaryCondition::NoFlow | BoundaryCondition::HeadInCells(_) => return Ok(()),
            BoundaryCondition::HeadOnFaces(_) | BoundaryCondition::FluxDensity(_) => false,
            BoundaryCondition::Inflow(_) => true,
        };
        let cells = self.cells.of(boundary);
        if cells.is_empty() {
            let problem = "the heads of all of its cells are given, so that it has no effect";
            return Err((problem.into(), "leave cells to it, or remove it"));
        }
        // Beside a held well, which begins later, a whole side keeps its faces.
        let is_side = matches!(boundary.place, BoundaryPlace::Side(_)) && !is_rate;
        let found = cells.into_iter().find_map(|cell| Some((cell, self.cells.giver(cell)?))).filter(|_| !is_side);
        let Some((cell, giver)) = found else { return Ok(()) };
        let by = self.cells.name(giver);
        let problem = format!("it has no effect in {}, whose head {by} gives", name(self.grid, cell));
        Err((problem, "leave the cell out"))
    }
}
