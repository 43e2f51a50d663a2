//! The water balance: what comes in by each boundary, each well and storage.

use super::Groundwater;
use super::plan::owner_name;
use super::property::State;
use super::system::{Role, Step, System};

/// Flows into the aquifer \[m³/s\], by what they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct WaterBalance {
    /// Net inflow of each boundary, in the order of the aquifer: negative where water leaves.
    pub boundaries: Vec<(String, f64)>,
    /// Net inflow of each well: negative where it extracts.
    pub wells: Vec<(String, f64)>,
    /// What storage releases.
    pub storage: f64,
    /// All that comes in somewhere: the sum of the positive flows of single cells.
    pub throughput: f64,
}

impl WaterBalance {
    /// What comes in and does not go out, relative to the throughput: 0 but for rounding and the solver's tolerance.
    pub fn error(&self) -> f64 {
        let sum: f64 = self.boundaries.iter().chain(&self.wells).map(|(_, inflow)| inflow).sum();
        (sum + self.storage).abs() / self.throughput.max(f64::MIN_POSITIVE)
    }

    /// The balance of one step. Flow between cells of given head counts only where two different owners give them.
    pub(super) fn new(model: &Groundwater, system: &System, state: &State, step: Step<'_>, heads: &[f64]) -> Self {
        let aquifer = &model.aquifer;
        let names = |range: std::ops::Range<usize>| range.map(|owner| (owner_name(aquifer, owner), 0.0)).collect();
        let (boundaries, owners) = (aquifer.boundaries.len(), aquifer.boundaries.len() + aquifer.wells.len());
        let mut balance =
            Self { boundaries: names(0..boundaries), wells: names(boundaries..owners), storage: 0.0, throughput: 0.0 };
        let mut add = |owner: Option<usize>, inflow: f64| {
            balance.throughput += inflow.max(0.0);
            match owner {
                None => balance.storage += inflow,
                Some(owner) if owner < boundaries => balance.boundaries[owner].1 += inflow,
                Some(owner) => balance.wells[owner - boundaries].1 += inflow,
            }
        };
        for (cell, role) in system.roles.iter().enumerate() {
            match *role {
                Role::Inactive => {}
                Role::Free => {
                    add(None, -state.storage[cell] * step.inverse * (heads[cell] - step.before[cell]));
                }
                Role::Fixed { owner, .. } => {
                    for (next, _, conductance) in state.neighbours(model.equations.geometry.strides, cell) {
                        let own = matches!(system.roles[next], Role::Fixed { owner: other, .. } if other == owner);
                        if !own {
                            add(Some(owner), conductance * (heads[cell] - heads[next]));
                        }
                    }
                }
            }
        }
        for link in &system.links {
            add(Some(link.owner), link.conductance(state) * (link.head - heads[link.cell]));
        }
        for source in &system.sources {
            add(Some(source.owner), source.rate);
        }
        for well in &system.rate_wells {
            add(Some(boundaries + well.well), step.rates[well.well]);
        }
        balance
    }
}
