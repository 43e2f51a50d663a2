//! The survey: physics, data and their noise.

use std::path::Path;

use super::flow::groundwater;
use super::{MANY, NOT_NEGATIVE, length, need_in, path, tests};
use crate::case::file::{Antennas, Columns, Data, DataSource, Noise, NoiseLevel, Physics, Side, StraightRays};
use crate::case::reader::{Section, Value};
use crate::case::words;
use crate::grid::Grid;
use crate::units::{self, Dimension, Unit};

/// Words for the kinds of physics.
#[derive(Clone, Copy)]
enum Kind {
    StraightRays,
    Groundwater,
    Map,
}

pub(super) fn physics(section: Section<'_>, grid: &Grid, directory: &Path) -> Option<Physics> {
    let words = [("straight-rays", Kind::StraightRays), ("groundwater", Kind::Groundwater), ("map", Kind::Map)];
    let kind = need_in(&section, "kind", "the forward model: \"straight-rays\", \"groundwater\" or \"map\"");
    let kind = kind.and_then(|v| v.choice(&words)).unwrap_or(Kind::StraightRays);
    let is_present = section.is_present();
    let physics = match kind {
        Kind::StraightRays => Physics::StraightRays(straight_rays(&section, grid)),
        Kind::Groundwater => Physics::Groundwater(groundwater(&section, grid, directory)),
        Kind::Map => Physics::Map,
    };
    section.finish();
    is_present.then_some(physics)
}

fn straight_rays(section: &Section<'_>, grid: &Grid) -> StraightRays {
    let sources = antennas(section, "sources", grid);
    let receivers = antennas(section, "receivers", grid);
    let background = section.get("background");
    let background = background.and_then(|v| v.quantity(Dimension::Slowness, "a slowness of 0 or more", NOT_NEGATIVE));
    StraightRays { sources, receivers, background }
}

fn antennas(section: &Section<'_>, key: &'static str, grid: &Grid) -> Vec<Antennas> {
    section.sections(key).into_iter().filter_map(|s| antenna_array(s, grid)).collect()
}

fn antenna_array(section: Section<'_>, grid: &Grid) -> Option<Antennas> {
    let points = section.get("points");
    let side = section.get("side");
    if section.is_present() && points.is_some() == side.is_some() {
        let problem = "positions are given by a side and a count, or as points";
        section.collector.missing(&section.key("side"), problem, "give one of the keys side and points");
    }
    if let Some(value) = points {
        section.finish();
        let middle = grid.origin[2] + 0.5 * grid.size()[2];
        let items = value.list(1, MANY, "a list of points")?;
        let read = |v: &Value<'_>| v.triple("two or three coordinates, e.g. [\"0 m\", \"12 m\"]", middle, length);
        return items.iter().map(read).collect::<Option<Vec<_>>>().map(Antennas::Points);
    }
    let side = side.and_then(|v| v.choice(&words::sides(grid.plane)));
    let count = need_in(&section, "count", "a number of positions").and_then(|v| v.count(1..=MANY));
    let axis = usize::from(matches!(side, Some(Side::Left | Side::Right) | None));
    let (low, high) = (grid.origin[axis], grid.origin[axis] + grid.size()[axis]);
    let first = section.get("first").and_then(|v| length(&v)).unwrap_or(low);
    let last = section.get("last").and_then(|v| length(&v)).unwrap_or(high);
    section.finish();
    Some(Antennas::Side { side: side?, count: count?, first, last })
}

pub(super) fn data(section: Section<'_>, grid: &Grid, has_physics: bool, directory: &Path) -> Option<Data> {
    let file = section.get("file").and_then(|v| match v.text()? {
        "--data" => Some(DataSource::CommandLine),
        _ => path(&v, directory).map(DataSource::File),
    });
    let columns = columns(section.section("columns"), grid);
    let tests = tests::tests(section.section("tests"));
    let measure = if tests.is_some() { Dimension::Length } else { Dimension::Time };
    let noise = section.get("noise").and_then(|v| noise(&v, Some(measure))).unwrap_or(Noise::Relative(0.02));
    let statics = section.section("statics");
    let error = |key| {
        let value = statics.get(key);
        value.and_then(|v| v.quantity(Dimension::Time, "a time of 0 or more", NOT_NEGATIVE)).unwrap_or(0.0)
    };
    let (source_statics, receiver_statics) = (error("source"), error("receiver"));
    statics.finish();
    let noise_level =
        section.get("noise_level").and_then(|v| v.choice(&words::NOISE_LEVELS)).unwrap_or(NoiseLevel::Given);
    let is_present = section.is_present();
    section.finish();
    let source = file.unwrap_or(DataSource::Reference);
    (has_physics || is_present).then_some(Data {
        source,
        columns,
        noise,
        source_statics,
        receiver_statics,
        noise_level,
        tests,
    })
}

fn columns(section: Section<'_>, grid: &Grid) -> Columns {
    let usual = Columns::usual(grid);
    let name = |key, otherwise: Option<String>| match section.get(key) {
        Some(value) => value.text().map(str::to_owned),
        None => otherwise,
    };
    let unit = |key, dimension: Dimension, otherwise: Unit| {
        section.get(key).and_then(|v| v.unit(dimension)).unwrap_or(otherwise)
    };
    let axes = |keys: [&'static str; 3], usual: [Option<String>; 3]| {
        let [x, y, z] = usual;
        [name(keys[0], x), name(keys[1], y), name(keys[2], z)]
    };
    let columns = Columns {
        id: name("id", usual.id),
        source: axes(["source_x", "source_y", "source_z"], usual.source),
        receiver: axes(["receiver_x", "receiver_y", "receiver_z"], usual.receiver),
        time: name("time", Some(usual.time)).unwrap_or_default(),
        sigma: name("sigma", usual.sigma),
        length_unit: unit("length_unit", Dimension::Length, usual.length_unit),
        time_unit: unit("time_unit", Dimension::Time, usual.time_unit),
    };
    section.finish();
    columns
}

/// The noise of data of one kind; `measure` is what they measure, `None` for pure numbers.
pub(super) fn noise(value: &Value<'_>, measure: Option<Dimension>) -> Option<Noise> {
    let text = value.text()?;
    if text == "file" {
        return Some(Noise::File);
    }
    if text == "none" {
        return Some(Noise::Free);
    }
    let (number, of_mean) = match text.trim_end().strip_suffix("of mean") {
        Some(number) => (number, true),
        None => (text, false),
    };
    if let Ok(fraction) = units::parse(number, Dimension::Fraction)
        && number.contains('%')
    {
        return match (fraction > 0.0 && fraction <= 1.0, of_mean) {
            (true, true) => Some(Noise::RelativeToMean(fraction)),
            (true, false) => Some(Noise::Relative(fraction)),
            (false, _) => value.wrong("a percentage above 0, up to 100 %"),
        };
    }
    let sigma = match measure {
        Some(dimension) => units::parse(text, dimension).ok(),
        None => text.trim().parse().ok(),
    };
    match sigma {
        Some(sigma) if sigma > 0.0 && sigma.is_finite() => Some(Noise::Absolute(sigma)),
        _ => {
            let example = match measure {
                Some(Dimension::Time) => "a time such as \"0.8 ns\"".to_owned(),
                Some(dimension) => format!("a {} such as \"0.01 {}\"", dimension.name(), dimension.si()),
                None => "a number such as \"0.1\" (of the logarithm)".to_owned(),
            };
            value.wrong(&format!("\"2 %\" (of each datum), \"2 % of mean\", {example}, \"file\" or \"none\""))
        }
    }
}
