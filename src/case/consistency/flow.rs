//! Groundwater models that could not be solved, or say two things of one place.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::case::file::*;
use crate::grid::Plane;

/// Ratio of Peaceman's effective radius to the diagonal of a square cell, `r_0 = 0.14 √(dx² + dy²)`.
const EFFECTIVE_RADIUS: f64 = 0.14;

impl Check<'_> {
    pub(super) fn groundwater(&self, flow: &Groundwater) {
        self.aquifer(flow);
        self.heads(flow);
        self.boundaries(flow);
        self.wells(flow);
        self.time(flow);
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
                let (other, problem) = match (boundary.condition, side) {
                    (BoundaryCondition::HeadInCells(head), _) => {
                        let (other, before) = *heads.entry(cell).or_insert((i, head));
                        let what = format!("cell ({x}, {y}, {z}) has the head {before} m and the head {head} m");
                        (if before == head { i } else { other }, what)
                    }
                    (condition, Some(side)) if condition != BoundaryCondition::NoFlow => {
                        let other = *faces.entry((cell, side as u8)).or_insert(i);
                        (other, format!("the same faces of cell ({x}, {y}, {z}) have two conditions"))
                    }
                    _ => continue,
                };
                if other != i {
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
            let effective = EFFECTIVE_RADIUS * dx.hypot(dy);
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
