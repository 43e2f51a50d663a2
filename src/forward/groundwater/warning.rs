//! Heads that the equations allow and nature does not.

use ndarray::ArrayView2;

use super::model::{Aquifer, Initial, Property, Regime};
use super::run::Equations;
use super::system::Role;

/// A head this far beyond all given heads is absurd \[m\].
const ABSURD: f64 = 100.0;

/// Warnings of wells whose heads are far beyond the given ones (of boundaries, wells and the initial state), or below
/// their cells where heads are elevations: where every given head lies above the bottom of the grid. One line a well, of
/// its worst state.
pub(super) fn warnings(aquifer: &Aquifer, equations: &Equations, heads: ArrayView2<'_, f64>) -> Vec<String> {
    let (grid, system) = (&aquifer.grid, &equations.flow);
    assert_eq!(heads.ncols(), grid.len(), "one head a cell");
    let fixed = system.roles.iter().filter_map(|role| match role {
        Role::Fixed { head, .. } => Some(*head),
        _ => None,
    });
    let initial: Vec<f64> = match &aquifer.regime {
        Regime::Transient { initial: Initial::Uniform(head), .. } => vec![*head],
        Regime::Transient { initial: Initial::Heads(heads), .. } => heads
            .iter()
            .zip(&system.roles)
            .filter(|(_, role)| **role != Role::Inactive)
            .map(|(head, _)| *head)
            .collect(),
        Regime::Transient { initial: Initial::SteadyWithoutWells, .. } | Regime::Steady => Vec::new(),
    };
    let given: Vec<f64> = fixed.chain(system.links.iter().map(|link| link.head)).chain(initial).collect();
    let lowest = given.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = given.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let elevations = aquifer.property == Property::Conductivity && lowest.is_finite() && lowest > grid.origin[2];
    let mut lines = Vec::new();
    for well in &aquifer.wells {
        let of_cell = |cell: usize| heads.column(cell).iter().copied().fold(f64::INFINITY, f64::min);
        let Some((cell, low)) = well.cells.iter().map(|&c| (c, of_cell(c))).min_by(|a, b| a.1.total_cmp(&b.1)) else {
            continue;
        };
        let high = well.cells.iter().flat_map(|&c| heads.column(c)).copied().fold(f64::NEG_INFINITY, f64::max);
        let bottom = grid.origin[2] + grid.cell(cell)[2] as f64 * grid.spacing[2];
        let place = equations.geometry.name(cell);
        if elevations && low < bottom {
            lines.push(format!(
                "well \"{}\" falls dry: its head in {place} is {low:.2} m, below the cell's bottom at {bottom:.2} m; a \
                 confined aquifer is no model of it (check rate, unit and property there)",
                well.name
            ));
        } else if low < lowest - ABSURD || high > highest + ABSURD {
            let absurd = if low < lowest - ABSURD { low } else { high };
            lines.push(format!(
                "well \"{}\" has an absurd head of {absurd:.1} m at {place}, where given heads lie between {lowest:.2} and \
                 {highest:.2} m (check rate, unit and property there)",
                well.name
            ));
        }
    }
    lines
}
