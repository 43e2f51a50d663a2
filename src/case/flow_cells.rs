//! Which cells of a grid take part in groundwater flow, and whose heads are given there: said once, for checks and runs.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Block, Boundary, BoundaryCondition, Face, Groundwater, Observation, ObservationKind};
use crate::grid::Grid;

/// What gives the head of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Giver {
    /// A boundary, by its number from 0.
    Boundary(usize),
    /// A well, by its number from 0.
    Well(usize),
}

/// The cells of a groundwater model on its grid.
pub(super) struct FlowCells<'a> {
    flow: &'a Groundwater,
    grid: &'a Grid,
    /// Whether each cell has flow; `None` where all have.
    active: Option<Vec<bool>>,
    /// Active cells of given head.
    given: BTreeMap<[usize; 3], Giver>,
}

impl<'a> FlowCells<'a> {
    /// The cells of `flow` on `grid`. Of two boundaries the first gives the head, and no well gives that of their cells.
    pub(super) fn new(flow: &'a Groundwater, grid: &'a Grid) -> Self {
        let mut cells = Self { flow, grid, active: flow.active(grid), given: BTreeMap::new() };
        for (number, boundary) in flow.boundaries.iter().enumerate() {
            if let BoundaryCondition::HeadInCells(_) = boundary.condition {
                for cell in boundary.place.cells(grid) {
                    if cells.is_active(cell) {
                        cells.given.entry(cell).or_insert(Giver::Boundary(number));
                    }
                }
            }
        }
        for (number, well) in flow.wells.iter().enumerate() {
            // A bore of given head leaves that of its cells to be found.
            if well.control.is_head() && well.radius.is_none() {
                for cell in well.cells() {
                    cells.given.entry(cell).or_insert(Giver::Well(number));
                }
            }
        }
        cells
    }

    /// Whether a cell takes part in the flow.
    pub(super) fn is_active(&self, cell: [usize; 3]) -> bool {
        self.active.as_ref().is_none_or(|active| active[self.grid.index(cell)])
    }

    /// What gives the head of a cell; `None` where it is to be found.
    pub(super) fn giver(&self, cell: [usize; 3]) -> Option<Giver> {
        self.given.get(&cell).copied()
    }

    /// What messages call it.
    pub(super) fn name(&self, giver: Giver) -> String {
        match giver {
            Giver::Boundary(number) => format!("boundary {}", number + 1),
            Giver::Well(number) => format!("the well \"{}\"", self.flow.wells[number].name),
        }
    }

    /// The boundary that gives the head of a cell.
    pub(super) fn fixing(&self, cell: [usize; 3]) -> Option<usize> {
        match self.giver(cell)? {
            Giver::Boundary(number) => Some(number),
            Giver::Well(_) => None,
        }
    }

    /// What gives a cell the head that is observed there; `None` where there is something to find out.
    pub(super) fn known(&self, observation: &Observation, cell: [usize; 3]) -> Option<Giver> {
        let later = observation.times.is_empty() || observation.times.iter().any(|&time| time > 0.0);
        self.giver(cell).filter(|giver| match (observation.kind, giver) {
            (ObservationKind::Head | ObservationKind::Drawdown, Giver::Boundary(_)) => true,
            // Before pumping the head of a held well's cell is not known, and so is its drawdown.
            (ObservationKind::Head, Giver::Well(_)) => later,
            _ => false,
        })
    }

    /// The active cells that a condition is for: whole sides and parts of them leave out cells without flow, and those
    /// whose head is given otherwise.
    pub(super) fn of(&self, boundary: &Boundary) -> Vec<[usize; 3]> {
        let mut cells = boundary.place.cells(self.grid);
        if boundary.place.is_of_side() {
            let fits = |cell: [usize; 3]| match boundary.condition {
                BoundaryCondition::HeadInCells(_) | BoundaryCondition::NoFlow => true,
                BoundaryCondition::HeadOnFaces(_) | BoundaryCondition::FluxDensity(_) => self.fixing(cell).is_none(),
                BoundaryCondition::Inflow(_) => self.giver(cell).is_none(),
            };
            cells.retain(|&cell| self.is_active(cell) && fits(cell));
        }
        cells
    }

    /// Whether the face of a cell on a side has no active cell behind it.
    pub(super) fn is_outer(&self, cell: [usize; 3], side: Face) -> bool {
        side.neighbour(cell, self.grid.cells).is_none_or(|behind| !self.is_active(behind))
    }

    /// Cells of some layers that have no flow, or a given head.
    pub(super) fn exceptions(&self, layers: &[usize]) -> Vec<[usize; 3]> {
        let inactive = self.flow.inactive.iter().flat_map(Block::cells);
        self.given.keys().copied().chain(inactive).filter(|cell| layers.contains(&cell[2])).collect()
    }

    /// Columns in which nothing is observed at random: those that a well stands in, and those with a cell in one of
    /// `layers` that has no flow or a head that a boundary fixes.
    pub(super) fn closed(&self, layers: &[usize]) -> Vec<[usize; 2]> {
        let mut columns: BTreeSet<[usize; 2]> = self.flow.wells.iter().map(|well| well.column).collect();
        let fixed = self.given.keys().filter(|&&cell| self.fixing(cell).is_some());
        columns.extend(fixed.filter(|cell| layers.contains(&cell[2])).map(|&[i, j, _]| [i, j]));
        for block in &self.flow.inactive {
            if layers.iter().any(|layer| (block.first[2]..=block.last[2]).contains(layer)) {
                columns.extend(block.cells().map(|[i, j, _]| [i, j]));
            }
        }
        columns.into_iter().collect()
    }
}
