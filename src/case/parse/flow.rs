//! Groundwater flow: boundaries, wells, storage, time.

use std::path::Path;

use super::{ANY, MANY, MOST_CELLS, NOT_NEGATIVE, POSITIVE, layers, length, name, need_in, path};
use crate::case::file::{
    Block, Boundary, BoundaryCondition, BoundaryPlace, Control, Groundwater, InitialHead, Split, Storage, TimeSteps,
    Uncertain, Well,
};
use crate::case::reader::{Section, Value};
use crate::case::words;
use crate::error::Error;
use crate::grid::Grid;
use crate::io;
use crate::units::Dimension;

/// The keys of `[physics]` with kind = "groundwater"; the section is finished by who called.
pub(super) fn groundwater(section: &Section<'_>, grid: &Grid, directory: &Path) -> Groundwater {
    let inactive = section.get("inactive").and_then(|v| inactive(&v, grid, directory)).unwrap_or_default();
    let boundaries = section.sections("boundary").into_iter().filter_map(|s| boundary(s, grid)).collect();
    let wells = section.sections("well").into_iter().enumerate().filter_map(|(i, s)| well(s, i + 1, grid)).collect();
    let anisotropy = section.get("anisotropy").and_then(|v| v.number("a ratio above 0", POSITIVE));
    let storativity = section.get("storativity");
    let specific = section.get("specific_storage");
    if storativity.is_some() && specific.is_some() {
        let problem = "storativity and specific storage both say how much water is stored";
        section.collector.missing(&section.key("specific_storage"), problem, "give one of them");
    }
    let storativity = storativity.and_then(|v| v.number("a number above 0", POSITIVE)).map(Storage::Storativity);
    let quantity = |v: Value<'_>| v.quantity(Dimension::SpecificStorage, "a specific storage above 0", POSITIVE);
    let specific = specific.and_then(quantity).map(Storage::Specific);
    let initial = section.get("initial_head").and_then(|v| match v.text()? {
        "steady" => Some(InitialHead::Steady),
        _ => v.quantity(Dimension::Length, "a head", ANY).map(InitialHead::Uniform),
    });
    Groundwater {
        inactive,
        boundaries,
        wells,
        anisotropy: anisotropy.unwrap_or(1.0),
        storage: storativity.or(specific),
        time: time(section.section("time")),
        initial: initial.unwrap_or(InitialHead::Steady),
        uncertain: uncertain(section.section("uncertain")),
    }
}

fn uncertain(section: Section<'_>) -> Uncertain {
    let deviation = |key| {
        let value = section.get(key).and_then(|v| v.number("a standard deviation of 0 or more", NOT_NEGATIVE));
        value.unwrap_or(0.0)
    };
    let uncertain = Uncertain {
        mean: deviation("mean"),
        storage: deviation("storage"),
        storage_variation: deviation("storage_variation"),
        rate: deviation("rate"),
    };
    section.finish();
    uncertain
}

fn boundary(section: Section<'_>, grid: &Grid) -> Option<Boundary> {
    let place = boundary_place(&section, grid);
    let on_faces = section.get("on").and_then(|v| v.choice(&words::HEADS_ON)).unwrap_or(false);
    let given = ["head", "flux", "inflow", "no_flow"].map(|key| section.get(key));
    let count = given.iter().flatten().count();
    if section.is_present() && count != 1 {
        let problem = format!("{count} conditions are given");
        let remedy = "give one of head = \"20 m\", flux = \"0.1 cm/day\", inflow = \"0.1 m3/s\", no_flow = true";
        section.collector.missing(&section.key("head"), problem, remedy);
    }
    let [head, flux, inflow, no_flow] = given;
    let head = head.and_then(|v| length(&v)).map(|head| match on_faces {
        true => BoundaryCondition::HeadOnFaces(head),
        false => BoundaryCondition::HeadInCells(head),
    });
    let flux = flux.and_then(|v| v.quantity(Dimension::Velocity, "a flux per area", ANY));
    let inflow = inflow.and_then(|v| v.quantity(Dimension::Rate, "a rate", ANY));
    let no_flow = no_flow.and_then(|v| match v.flag()? {
        true => Some(BoundaryCondition::NoFlow),
        false => v.wrong("true, or another key"),
    });
    section.finish();
    let flux = flux.map(BoundaryCondition::FluxDensity);
    let condition = head.or(flux).or(inflow.map(BoundaryCondition::Inflow)).or(no_flow);
    Some(Boundary { place: place?, condition: condition? })
}

/// Cells without flow: those of a file, or each item a cell or a block, of all layers where they are left out.
fn inactive(value: &Value<'_>, grid: &Grid, directory: &Path) -> Option<Vec<Block>> {
    if value.is_text() {
        return inactive_of_file(value, grid, &path(value, directory)?);
    }
    let items = value.list(1, MANY, "a file, or a list of cells and blocks, e.g. [[1, 1], [[3, 1], [5, 20]]]")?;
    let one = |v: &Value<'_>| match v.list(2, 3, "a cell [i, j] or [i, j, k], or a block [[1, 1], [1, 20]]")? {
        ends if ends[0].is_list() => block(v, grid),
        _ => Some(Block { first: cell(v, grid)?, last: through_layers(v, grid)? }),
    };
    items.iter().map(one).collect()
}

/// Cells where a file has 0, as MODFLOW's IDOMAIN. The file is read here, since wells and boundaries are checked against it.
fn inactive_of_file(value: &Value<'_>, grid: &Grid, path: &Path) -> Option<Vec<Block>> {
    if !value.grid_is_sound() {
        return None;
    }
    let domain = match io::field(path, grid.cells, |_| true) {
        Ok(domain) => domain,
        Err(Error::Input { place, problem, remedy }) => return value.fail(format!("{place}: {problem}"), remedy),
        Err(e) => return value.fail(e.to_string(), ""),
    };
    if let Some(cell) = domain.iter().position(|&x| x < 0.0) {
        let [i, j, k] = grid.cell(cell).map(|at| at + 1);
        let problem = format!("{}: cell ({i}, {j}, {k}) has {}", path.display(), domain[cell]);
        return value
            .fail(problem, "give 0 where nothing flows, else 1: water does not pass through cells without flow");
    }
    Some(Block::runs(grid, |cell| domain[cell] == 0.0))
}

fn boundary_place(section: &Section<'_>, grid: &Grid) -> Option<BoundaryPlace> {
    let (side, bounds, cells) = (section.get("side"), section.get("box"), section.get("cells"));
    let named = match (&side, &bounds, &cells) {
        (_, Some(_), Some(_)) => false,
        (side, bounds, cells) => side.is_some() || bounds.is_some() || cells.is_some(),
    };
    if section.is_present() && !named {
        let problem =
            "a boundary is at a side, in a box (or the part of a side in it), or in cells (or on a side of them)";
        section.collector.missing(&section.key("side"), problem, "give side = \"left\", box or cells");
    }
    let has_side = side.is_some();
    let side = side.and_then(|v| v.choice(&words::FACES));
    if let Some(cells) = cells {
        let items = cells.list(1, MANY, "a list of cells, e.g. [[1, 1], [1, 2]]")?;
        let cells = items.iter().map(|v| cell(v, grid)).collect::<Option<Vec<_>>>()?;
        return match has_side {
            true => Some(BoundaryPlace::FacesOfCells { side: side?, cells }),
            false => Some(BoundaryPlace::Cells(cells)),
        };
    }
    let Some(bounds) = bounds else { return side.map(BoundaryPlace::Side) };
    let block = block(&bounds, grid)?;
    match has_side {
        true => Some(BoundaryPlace::PartOfSide { side: side?, block }),
        false => Some(BoundaryPlace::Box(block)),
    }
}

/// All cells from the first to the last, of all layers where they are left out.
fn block(value: &Value<'_>, grid: &Grid) -> Option<Block> {
    let ends = value.list(2, 2, "the first cell and the last, e.g. [[1, 1], [1, 20]]")?;
    let first = cell(&ends[0], grid)?;
    let last = through_layers(&ends[1], grid)?;
    if (0..3).any(|a| first[a] > last[a]) {
        return value.fail("the last cell comes before the first", "give the least numbers first");
    }
    Some(Block { first, last })
}

/// A cell, that of the highest layer where none is named.
fn through_layers(value: &Value<'_>, grid: &Grid) -> Option<[usize; 3]> {
    let mut last = cell(value, grid)?;
    if value.list(2, 3, "a cell")?.len() == 2 {
        last[2] = grid.cells[2] - 1;
    }
    Some(last)
}

/// A cell (i, j, k) of the grid, from 1; k is 1 where it is left out.
pub(super) fn cell(value: &Value<'_>, grid: &Grid) -> Option<[usize; 3]> {
    let cell = value.triple("two or three numbers of a cell, from 1", 1, |v| v.count(1..=MOST_CELLS))?;
    inside(value, cell, grid)
}

/// A column (i, j) of the grid, from 1.
pub(super) fn column(value: &Value<'_>, grid: &Grid) -> Option<[usize; 2]> {
    let items = value.list(2, 2, "two numbers of a column, from 1")?;
    let column = [items[0].count(1..=MOST_CELLS)?, items[1].count(1..=MOST_CELLS)?];
    let [i, j, _] = inside(value, [column[0], column[1], 1], grid)?;
    Some([i, j])
}

/// The cell, from 0, where it is one of the grid.
pub(super) fn inside(value: &Value<'_>, cell: [usize; 3], grid: &Grid) -> Option<[usize; 3]> {
    if (0..3).any(|a| cell[a] > grid.cells[a]) && value.grid_is_sound() {
        let [nx, ny, nz] = grid.cells;
        let problem = format!("cell ({}, {}, {}) is outside of the grid", cell[0], cell[1], cell[2]);
        return value.fail(problem, format!("the grid has {nx} x {ny} x {nz} cells"));
    }
    (0..3).all(|a| cell[a] <= grid.cells[a]).then(|| cell.map(|i| i - 1))
}

fn well(section: Section<'_>, number: usize, grid: &Grid) -> Option<Well> {
    let name = section.get("name").and_then(|v| name(&v)).unwrap_or_else(|| format!("well-{number}"));
    let (in_cell, at) = (section.get("cell"), section.get("at"));
    if section.is_present() && in_cell.is_some() == at.is_some() {
        let problem = "a well stands in a cell or at a point";
        section.collector.missing(&section.key("cell"), problem, "give one of the keys cell and at");
    }
    let column = match at {
        Some(value) => point(&value, grid),
        None => in_cell.and_then(|v| column(&v, grid)),
    };
    let layers = layers(&section, grid);
    let (rate, head) = (section.get("rate"), section.get("head"));
    if section.is_present() && rate.is_some() == head.is_some() {
        let problem = "a well is held at a rate or at a head";
        section.collector.missing(&section.key("rate"), problem, "give one of the keys rate and head");
    }
    let rate = rate.and_then(|v| self::rate(&v));
    let head = head.and_then(|v| length(&v)).map(Control::Head);
    let radius = section.get("radius").and_then(|v| v.quantity(Dimension::Length, "a radius above 0", POSITIVE));
    let split = section.get("split").and_then(|v| v.choice(&words::SPLITS)).unwrap_or(Split::CommonHead);
    section.finish();
    Some(Well { name, column: column?, layers, control: rate.or(head)?, radius, split })
}

/// The column that holds a point \[m\].
fn point(value: &Value<'_>, grid: &Grid) -> Option<[usize; 2]> {
    let items = value.list(2, 2, "two coordinates, e.g. [\"250 m\", \"300 m\"]")?;
    let point = [length(&items[0])?, length(&items[1])?];
    match grid.locate([point[0], point[1], grid.origin[2]]) {
        Some([i, j, _]) => Some([i, j]),
        None if value.grid_is_sound() => {
            let (low, size) = (grid.origin, grid.size());
            let problem = format!("the point ({} m, {} m) is outside of the grid", point[0], point[1]);
            let (right, top) = (low[0] + size[0], low[1] + size[1]);
            value.fail(problem, format!("the grid reaches from ({} m, {} m) to ({right} m, {top} m)", low[0], low[1]))
        }
        None => None,
    }
}

/// One rate, or a list of times and the rates from there on.
fn rate(value: &Value<'_>) -> Option<Control> {
    let one = |v: &Value<'_>| v.quantity(Dimension::Rate, "a rate", ANY);
    if !value.is_list() {
        return one(value).map(Control::Rate);
    }
    let items = value.list(1, MANY, "a rate, or times and rates: [[\"0 s\", \"5 L/s\"], [\"1 day\", \"0 L/s\"]]")?;
    let read = |v: &Value<'_>| {
        let pair = v.list(2, 2, "a time and the rate from there on")?;
        Some((pair[0].quantity(Dimension::Time, "a time of 0 or more", NOT_NEGATIVE)?, one(&pair[1])?))
    };
    let pairs: Vec<_> = items.iter().map(read).collect::<Option<_>>()?;
    let times: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
    in_order(value, &times).then_some(Control::Schedule(pairs))
}

fn time(section: Section<'_>) -> Option<TimeSteps> {
    let is_present = section.is_present();
    let positive = |v: &Value<'_>| v.quantity(Dimension::Time, "a time above 0", POSITIVE);
    if let Some(value) = section.get("ends") {
        section.finish();
        let items = value.list(1, MANY, "the ends of the steps, e.g. [\"1 h\", \"3 h\", \"1 day\"]")?;
        let ends: Vec<_> = items.iter().map(positive).collect::<Option<_>>()?;
        return in_order(&value, &ends).then_some(TimeSteps::Ends(ends));
    }
    let count = need_in(&section, "steps", "a number of steps, or their ends").and_then(|v| v.count(1..=1_000_000));
    let first = need_in(&section, "first", "the length of the first step").and_then(|v| positive(&v));
    let growth = section.get("growth").and_then(|v| v.number("a ratio from 0.1 to 10", |x| (0.1..=10.0).contains(&x)));
    section.finish();
    is_present.then_some(TimeSteps::Growing { count: count?, first: first?, growth: growth.unwrap_or(1.0) })
}

/// Whether times \[s\] ascend; reports the first that does not.
fn in_order(value: &Value<'_>, times: &[f64]) -> bool {
    let Some(pair) = times.windows(2).find(|pair| pair[0] >= pair[1]) else { return true };
    let problem = format!("the times are out of order: {} s is followed by {} s", pair[0], pair[1]);
    value.fail::<()>(problem, "give every time once, the earliest first");
    false
}
