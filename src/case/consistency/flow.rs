//! Groundwater models that could not be solved, or say two things of one place.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::case::file::*;
use crate::forward::groundwater::equivalent_radius;
use crate::grid::Plane;

impl Check<'_> {
    pub(super) fn groundwater(&self, flow: &Groundwater) {
        self.aquifer(flow);
        self.heads(flow);
        self.boundaries(flow);
        self.wells(flow);
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
        let in_well = flow.wells.iter().any(|w| matches!(w.control, Control::Head(_)));
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
        if !self.collector.sound(&["grid", "physics.boundary"]) {
            return;
        }
        let mut heads: BTreeMap<[usize; 3], (usize, f64)> = BTreeMap::new();
        let mut faces: BTreeMap<([usize; 3], u8), usize> = BTreeMap::new();
        for (i, boundary) in flow.boundaries.iter().enumerate() {
            let key = format!("physics.boundary[{}]", i + 1);
            let side = boundary.place.side();
            let needs_side = boundary.condition.is_on_faces();
            let problem = "a condition on faces needs the side that they are on";
            self.require(side.is_some() || !needs_side, &[], &key, problem, "add side = \"left\" (or another)");
            for cell in boundary.place.cells(&self.case.grid) {
                let [x, y, z] = cell.map(|c| c + 1);
                let mut found = None;
                if let BoundaryCondition::HeadInCells(head) = boundary.condition {
                    let (other, before) = *heads.entry(cell).or_insert((i, head));
                    let problem = format!("cell ({x}, {y}, {z}) has the head {before} m and the head {head} m");
                    found = (before != head).then_some((other, problem));
                }
                if let (Some(side), true) = (side, boundary.condition != BoundaryCondition::NoFlow) {
                    let other = *faces.entry((cell, side as u8)).or_insert(i);
                    let problem = format!("the same side of cell ({x}, {y}, {z}) has two conditions");
                    found = found.or((other != i).then_some((other, problem)));
                }
                if let Some((other, problem)) = found {
                    let problem = format!("{problem}, the other by boundary {}", other + 1);
                    self.require(false, &[], &key, problem, "let one of them go");
                    break;
                }
            }
        }
    }

    fn wells(&self, flow: &Groundwater) {
        let grid = &self.case.grid;
        let fixed = fixed_columns(flow, grid);
        let mut names = BTreeSet::new();
        let mut taken: BTreeMap<[usize; 3], &str> = BTreeMap::new();
        for (i, well) in flow.wells.iter().enumerate() {
            let key = |key: &str| format!("physics.well[{}].{key}", i + 1);
            let problem = format!("two wells are called \"{}\"", well.name);
            let is_new = names.insert(&well.name);
            self.require(is_new, &[], &key("name"), problem, "give every well a name of its own");
            let [x, y] = well.column;
            let problem = format!("the head is fixed in cell ({}, {}), so that the well has no effect", x + 1, y + 1);
            let from = ["grid", "physics.boundary"];
            self.require(!fixed.contains(&well.column), &from, &key("cell"), problem, "move the well or the boundary");
            for &k in &well.layers {
                let other = *taken.entry([x, y, k]).or_insert(&well.name);
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
    }
}

/// Columns of cells in which a head is fixed.
pub(super) fn fixed_columns(flow: &Groundwater, grid: &crate::grid::Grid) -> BTreeSet<[usize; 2]> {
    let fixed = flow.boundaries.iter().filter(|b| matches!(b.condition, BoundaryCondition::HeadInCells(_)));
    fixed.flat_map(|b| b.place.cells(grid)).map(|[i, j, _]| [i, j]).collect()
}
