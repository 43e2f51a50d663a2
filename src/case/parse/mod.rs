//! Text becomes a case: every key is read, checked by itself, and given its default.

use std::path::{Path, PathBuf};

use super::file::{Case, Property, Quantity, Returned, Scenario, Stack};
use super::reader::{Section, Value};
use super::words;
use crate::grid::{Grid, Plane};
use crate::units::{Dimension, Transform};

mod flow;
mod geology;
mod observations;
mod prior;
mod reference;
mod signal;
mod solution;
mod survey;
mod tests;

pub(super) use signal::signal;

/// Cells of a grid or image at most: more are a slip of the pen.
const MOST_CELLS: usize = 1_000_000_000;

/// Any count of things that memory must hold.
const MANY: usize = 10_000_000;

/// What numbers that are sizes, shares, … must fulfil.
const POSITIVE: fn(f64) -> bool = |x| x > 0.0;
const NOT_NEGATIVE: fn(f64) -> bool = |x| x >= 0.0;
const SHARE: fn(f64) -> bool = |x| (0.0..=1.0).contains(&x);
const PART: fn(f64) -> bool = |x| x > 0.0 && x <= 1.0;
const ANY: fn(f64) -> bool = |_| true;

/// Reads the whole case; what is wrong goes to the root's collector, and then the result is not to be used.
pub(super) fn case(root: Section<'_>, directory: &Path) -> Case {
    format(&root);
    let grid = grid(root.section("grid"), &root);
    let property = property(root.section("property"), &root);
    let stack = geology::stack(&root, &grid, &property, directory);
    let scenarios = geology::scenarios(&root, stack.as_ref(), &property, directory);
    let physics = survey::physics(root.section("physics"), &grid, directory);
    let has_u_step = root.get("feasible").is_some();
    let is_varied = has_variability(&scenarios, stack.as_ref());
    let basis = prior::basis(root.section("basis"), &root, scenarios.len(), &grid);
    let groups = prior::groups(root.section("groups"));
    let base = solution::default_feasible(&grid, &property, is_varied, scenarios.len());
    let base = solution::feasible(root.section("feasible"), &base);
    let discrete = solution::discrete(root.section("discrete"), &property);
    let mut inversion = solution::inversion(root.section("inversion"), &scenarios, basis.kind, groups.is_some());
    if discrete.is_some() && root.section("inversion").get("return").is_none() {
        // Its weight grows: only the last model has been pulled to facies with all its strength.
        inversion.returned = Returned::Last;
    }
    let prior = prior::prior(root.section("prior"), &scenarios, stack.as_ref());
    let case = Case {
        name: root.need("name", "a short name").and_then(|v| name(&v)).unwrap_or_default(),
        title: root.get("title").and_then(|v| v.text()).unwrap_or_default().to_owned(),
        seed: root.get("seed").and_then(|v| v.whole(0..=u64::MAX)).unwrap_or(1),
        hard_data: prior::hard_data(root.section("hard_data"), &grid, &property, directory),
        observations: observations::observations(root.sections("observation"), &grid, &property, physics.as_ref()),
        data: survey::data(root.section("data"), &grid, physics.is_some(), directory),
        selection: solution::selection(root.section("selection")),
        verdict: solution::verdict(root.section("verdict"), prior.realizations),
        prior,
        inversion,
        basis,
        groups,
        reference: reference::reference(root.section("reference"), &scenarios, &property),
        mapping: reference::mapping(root.section("mapping"), &base),
        approximation: reference::approximation(root.section("approximation")),
        sweeps: Vec::new(),
        published: reference::published(root.sections("published")),
        variants: Vec::new(),
        feasible: has_u_step.then_some(base),
        discrete,
        grid,
        property,
        scenarios,
        physics,
        stack,
    };
    root.get("sweep");
    root.get("variant");
    root.finish();
    case
}

/// Checks the version of the case file.
fn format(root: &Section<'_>) {
    if let Some(value) = root.need("format", "format = 1, the version of case files that this program reads") {
        value.whole(1..=1);
    }
}

/// Whether the property varies inside facies.
fn has_variability(scenarios: &[Scenario], stack: Option<&Stack>) -> bool {
    let types = stack.map_or(&[][..], |stack| &stack.types);
    scenarios.iter().chain(types).any(|scenario| !scenario.variability.is_empty())
}

/// Layers of the grid, from 1 at the bottom: "all" (the default), or a list of their numbers.
fn layers(section: &Section<'_>, grid: &Grid) -> Vec<usize> {
    let all = || (0..grid.cells[2]).collect();
    let Some(value) = section.get("layers") else { return all() };
    if value.is_text() {
        value.choice(&[("all", ())]);
        return all();
    }
    let items = value.list(1, MOST_CELLS, "\"all\", or numbers of layers, from 1 at the bottom").unwrap_or_default();
    let layer = |v: &Value<'_>| match v.count(1..=MOST_CELLS)? {
        k if k > grid.cells[2] && v.grid_is_sound() => {
            v.fail(format!("layer {k} is outside of the grid"), format!("the grid has {} layers", grid.cells[2]))
        }
        k => Some(k - 1),
    };
    let layers: Vec<_> = items.iter().filter_map(layer).collect();
    if !layers.windows(2).all(|w| w[0] < w[1]) {
        value.fail::<()>("the layers are out of order", "name every layer once, the lowest first");
    }
    layers
}

/// Reports a section that must be there.
fn missing(section: &Section<'_>, root: &Section<'_>, key: &'static str, expected: &str) {
    if !section.is_present() {
        root.need(key, expected);
    }
}

/// A key that must be there if its section is.
fn need_in<'a>(section: &Section<'a>, key: &'static str, expected: &str) -> Option<Value<'a>> {
    if section.is_present() { section.need(key, expected) } else { None }
}

fn grid(section: Section<'_>, root: &Section<'_>) -> Grid {
    missing(&section, root, "grid", "the section [grid] with cells and size");
    let plane = section.get("plane").and_then(|v| v.choice(&words::PLANES)).unwrap_or(Plane::Xy);
    let found = need_in(&section, "cells", "cells = [nx, ny] or [nx, ny, nz]").and_then(|v| cells(&v));
    let size = need_in(&section, "size", "the lengths of the grid along its axes, e.g. [\"1000 m\", \"1000 m\"]")
        .and_then(|v| {
            v.triple("two or three lengths", 0.0, |v| {
                v.quantity(Dimension::Length, "a length above 0", |x| x > 0.0 && x < 1e9)
            })
        });
    let origin = section.get("origin").and_then(|v| v.triple("two or three lengths", 0.0, length));
    section.finish();
    let (cells, size) = (found.unwrap_or([1; 3]), size.unwrap_or([1.0; 3]));
    let spacing = std::array::from_fn(|a| if size[a] > 0.0 { size[a] / cells[a] as f64 } else { 1.0 });
    Grid { cells, spacing, origin: origin.unwrap_or_default(), plane }
}

fn property(section: Section<'_>, root: &Section<'_>) -> Property {
    missing(&section, root, "property", "the section [property] with name and unit");
    let quantity = need_in(&section, "name", "the quantity that is imaged, e.g. \"slowness\"");
    let quantity = quantity.and_then(|v| v.choice(&Quantity::ALL.map(|q| (q.name(), q)))).unwrap_or(Quantity::Slowness);
    let unit = need_in(&section, "unit", "a unit, e.g. \"ms/m\"").and_then(|v| v.unit(quantity.dimension()));
    let unit = unit.unwrap_or(quantity.dimension().si());
    let transform = section.get("transform").and_then(|v| v.choice(&words::TRANSFORMS)).unwrap_or_default();
    let mut property = Property { quantity, unit, transform, facies: Vec::new() };
    let positive = transform == Transform::None;
    if let Some(value) = section.get("facies") {
        let items = value.list(2, 255, "the value of each facies, 2 to 255 of them").unwrap_or_default();
        // A medium that is crossed in no time is no medium of flow, but an image of it can be.
        let least = if quantity == Quantity::Slowness { 0.0 } else { f64::MIN_POSITIVE };
        let number = |v: &Value<'_>| v.number("a number above 0", |x| x >= least || !positive);
        let values: Vec<_> = items.iter().filter_map(number).map(|y| property.carried(y)).collect();
        if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
            value.fail::<()>("two facies have the same value", "give every facies a value of its own");
        }
        property.facies = values;
    }
    section.finish();
    property
}

/// The proportion of each facies, which sum to 1.
fn proportions(value: &Value<'_>, least: usize, expected: &str, is_right: fn(f64) -> bool) -> Option<Vec<f64>> {
    let items = value.list(least, 255, "the proportion of each facies, 2 to 255 of them")?;
    let read: Vec<_> = items.iter().filter_map(|v| v.fraction(expected, is_right)).collect();
    let sum: f64 = read.iter().sum();
    if !read.is_empty() && read.len() == items.len() && (sum - 1.0).abs() > 1e-6 {
        return value.fail(format!("the proportions sum to {sum}"), "they must sum to 1");
    }
    Some(read)
}

pub(super) fn name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 100 || text.starts_with('.') || !text.chars().all(fits) {
        return value.wrong("1 to 100 letters, digits, '-', '_' or '.', since folders are named so");
    }
    Some(text.to_owned())
}

fn path(value: &Value<'_>, directory: &Path) -> Option<PathBuf> {
    let text = value.text()?;
    if text.is_empty() {
        return value.wrong("the name of a file");
    }
    Some(absolute(directory, text))
}

/// The path of a file relative to a case in `directory`.
pub(super) fn absolute(directory: &Path, file: &str) -> PathBuf {
    let joined = directory.join(file);
    std::path::absolute(&joined).unwrap_or(joined)
}

fn cells(value: &Value<'_>) -> Option<[usize; 3]> {
    let cells = value.triple("two or three numbers of cells along x, y, z", 1, |v| v.count(1..=MOST_CELLS))?;
    match cells.iter().try_fold(1usize, |product, &n| product.checked_mul(n)) {
        Some(n) if n <= MOST_CELLS => Some(cells),
        _ => value.fail(format!("{} x {} x {} cells are too many", cells[0], cells[1], cells[2]), "at most 10^9"),
    }
}

fn length(value: &Value<'_>) -> Option<f64> {
    value.quantity(Dimension::Length, "a length", ANY)
}
