//! What is observed beside travel times.

use super::flow::column;
use super::{MANY, MOST_CELLS, NOT_NEGATIVE, layers, need_in, survey};
use crate::case::file::{Observation, ObservationKind, Physics, Places, Property, Well};
use crate::case::reader::{Section, Value};
use crate::case::words;
use crate::grid::Grid;
use crate::units::Dimension;

/// The keys that say where.
const PLACES: [&str; 5] = ["cells", "random", "lattice", "wells", "everywhere"];

pub(super) fn observations(
    sections: Vec<Section<'_>>,
    grid: &Grid,
    property: &Property,
    physics: Option<&Physics>,
) -> Vec<Observation> {
    let wells: &[Well] = match physics {
        Some(Physics::Groundwater(flow)) => &flow.wells,
        _ => &[],
    };
    let mut all = Vec::new();
    for (i, section) in sections.into_iter().enumerate() {
        let collector = section.collector;
        for found in observation(section, grid, property, wells) {
            all.push(found);
            collector.stands_for("observation", i + 1, all.len());
        }
    }
    all
}

/// One section: an observation for each kind that it names.
fn observation(section: Section<'_>, grid: &Grid, property: &Property, wells: &[Well]) -> Vec<Observation> {
    let kinds = need_in(&section, "kind", "what is observed, e.g. \"head\" or [\"head\", \"property\"]");
    let kinds = kinds.map(|v| kinds_of(&v)).unwrap_or_default();
    let in_wells = kinds.iter().any(|kind| kind.is_of_wells());
    let by_default = in_wells && PLACES.iter().all(|&key| section.get(key).is_none());
    let places = if by_default { None } else { places(&section, grid, wells, &kinds) };
    let layers = layers(&section, grid);
    let times = section.get("times").and_then(|v| match v.is_text() {
        true => v.choice(&[("all", ())]).map(|()| Vec::new()),
        false => {
            let items = v.list(1, MANY, "\"all\", or times such as [\"1 h\", \"1 day\"]")?;
            let time = |v: &Value<'_>| v.quantity(Dimension::Time, "a time of 0 or more", NOT_NEGATIVE);
            items.iter().map(time).collect::<Option<Vec<_>>>()
        }
    });
    let times = times.unwrap_or_default();
    let value = section.get("noise");
    let noise = |kind: ObservationKind| value.as_ref().and_then(|v| survey::noise(v, kind.measure(property)));
    let read = |&kind: &ObservationKind| {
        let places = if by_default { Some(Places::Wells(default_wells(wells, kind))) } else { places.clone() };
        let layers = if in_wells { Vec::new() } else { layers.clone() };
        Some(Observation { kind, places: places?, layers, times: times.clone(), noise: noise(kind) })
    };
    let observations = kinds.iter().filter_map(read).collect();
    section.finish();
    observations
}

fn kinds_of(value: &Value<'_>) -> Vec<ObservationKind> {
    if !value.is_list() {
        return value.choice(&words::OBSERVATIONS).into_iter().collect();
    }
    let items = value.list(1, words::OBSERVATIONS.len(), "kinds of observations").unwrap_or_default();
    let kinds: Vec<_> = items.iter().filter_map(|v| v.choice(&words::OBSERVATIONS)).collect();
    if kinds.iter().any(|kind| kind.is_of_wells() != kinds[0].is_of_wells()) {
        value.fail::<()>("some of these are observed in wells, some in cells", "write two sections [[observation]]");
    }
    kinds
}

fn places(section: &Section<'_>, grid: &Grid, wells: &[Well], kinds: &[ObservationKind]) -> Option<Places> {
    let given = PLACES.map(|key| section.get(key));
    let count = given.iter().flatten().count();
    let [cells, random, lattice, at_wells, everywhere] = given;
    if kinds.iter().any(|kind| kind.is_of_wells()) {
        return match (at_wells, count) {
            (Some(value), 1) => wells_of(&value, wells),
            _ => {
                let problem = "this is observed in wells";
                section.collector.missing(
                    &section.key("wells"),
                    problem,
                    "give wells = [\"name\"], or nothing for all",
                );
                None
            }
        };
    }
    if section.is_present() && count != 1 {
        let problem = format!("{count} keys say where something is observed");
        let remedy = "give one of cells, random = { count = 30 }, lattice = [5, 5], wells, everywhere = true";
        section.collector.missing(&section.key("cells"), problem, remedy);
    }
    if let Some(value) = cells {
        let items = value.list(1, MANY, "columns of cells, e.g. [[10, 20], [30, 40]]")?;
        return items.iter().map(|v| column(v, grid)).collect::<Option<Vec<_>>>().map(Places::Columns);
    }
    if let Some(value) = random {
        let section = value.section("a section, e.g. { count = 30, seed = 1 }")?;
        let count = section.need("count", "a number of places").and_then(|v| v.count(1..=MANY));
        let seed = section.get("seed").and_then(|v| v.whole(0..=u64::MAX)).unwrap_or(1);
        section.finish();
        return Some(Places::Random { count: count?, seed });
    }
    if let Some(value) = lattice {
        let items = value.list(2, 2, "numbers of places along x and y, e.g. [5, 5]")?;
        return Some(Places::Lattice([items[0].count(1..=MOST_CELLS)?, items[1].count(1..=MOST_CELLS)?]));
    }
    if let Some(value) = at_wells {
        return wells_of(&value, wells);
    }
    match everywhere?.flag()? {
        true => Some(Places::Everywhere),
        false => None,
    }
}

/// All wells of which there is something to find out: the rate of a held head, else the head.
fn default_wells(wells: &[Well], kind: ObservationKind) -> Vec<usize> {
    let fits = |well: &Well| well.control.is_head() == (kind == ObservationKind::Rate);
    wells.iter().enumerate().filter(|(_, well)| fits(well)).map(|(i, _)| i).collect()
}

fn wells_of(value: &Value<'_>, wells: &[Well]) -> Option<Places> {
    if value.is_text() {
        return value.choice(&[("all", ())]).map(|()| Places::Wells((0..wells.len()).collect()));
    }
    let names: Vec<_> = wells.iter().enumerate().map(|(i, well)| (well.name.as_str(), i)).collect();
    let items = value.list(1, MANY, "\"all\", or names of wells")?;
    items.iter().map(|v| v.choice(&names)).collect::<Option<Vec<_>>>().map(Places::Wells)
}
