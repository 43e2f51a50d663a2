//! Text becomes a case: every key is read, checked by itself, and given its default.

use std::path::{Path, PathBuf};

use super::file::*;
use super::reader::{Section, Value};
use crate::grid::{Grid, Plane};
use crate::units::{self, Dimension, Transform, Unit};

/// Cells of a grid or image at most: more are a slip of the pen.
const MOST_CELLS: usize = 1_000_000_000;
/// Any count of things that memory must hold.
const MANY: usize = 10_000_000;

/// Reads the whole case; what is wrong goes to the root's collector, and then the result is not to be used.
pub(super) fn case(root: Section<'_>, directory: &Path) -> Case {
    if let Some(value) = root.need("format", "format = 1, the version of case files that this program reads") {
        value.whole(1..=1);
    }
    let grid = grid(root.section("grid"), &root);
    let property = property(root.section("property"), &root);
    let scenarios = scenarios(&root, &property, directory);
    let physics = physics(root.section("physics"), &grid);
    let has_u_step = root.get("feasible").is_some();
    let reference = reference(root.section("reference"), &scenarios);
    let base = feasible(root.section("feasible"), &default_feasible(&grid, &property, &scenarios));
    let case = Case {
        name: root.need("name", "a short name").and_then(|v| name(&v)).unwrap_or_default(),
        title: root.get("title").and_then(|v| v.text()).unwrap_or_default().to_owned(),
        seed: root.get("seed").and_then(|v| v.whole(0..=u64::MAX)).unwrap_or(1),
        prior: prior(root.section("prior"), &scenarios),
        hard_data: hard_data(root.section("hard_data"), &grid, &property, directory),
        basis: basis(root.section("basis"), &root),
        data: data(root.section("data"), &grid, physics.is_some(), directory),
        inversion: inversion(root.section("inversion"), has_u_step),
        mapping: mapping(root.section("mapping"), &base),
        feasible: has_u_step.then_some(base),
        grid,
        property,
        scenarios,
        physics,
        reference,
    };
    root.finish();
    case
}

/// Numbers that are sizes, shares, ….
const POSITIVE: fn(f64) -> bool = |x| x > 0.0;
const NOT_NEGATIVE: fn(f64) -> bool = |x| x >= 0.0;
const SHARE: fn(f64) -> bool = |x| (0.0..=1.0).contains(&x);
const PART: fn(f64) -> bool = |x| x > 0.0 && x <= 1.0;
const ANY: fn(f64) -> bool = |_| true;

fn name(value: &Value<'_>) -> Option<String> {
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
    let joined = directory.join(text);
    Some(std::path::absolute(&joined).unwrap_or(joined))
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

fn grid(section: Section<'_>, root: &Section<'_>) -> Grid {
    missing(&section, root, "grid", "the section [grid] with cells and size");
    let plane = section.get("plane").and_then(|v| v.choice(&PLANES)).unwrap_or(Plane::Xy);
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

fn property(section: Section<'_>, root: &Section<'_>) -> Property {
    missing(&section, root, "property", "the section [property] with name and unit");
    let quantity = need_in(&section, "name", "the quantity that is imaged, e.g. \"slowness\"");
    let quantity = quantity.and_then(|v| v.choice(&Quantity::ALL.map(|q| (q.name(), q)))).unwrap_or(Quantity::Slowness);
    let unit = need_in(&section, "unit", "a unit, e.g. \"ms/m\"").and_then(|v| v.unit(quantity.dimension()));
    let unit = unit.unwrap_or(quantity.dimension().si());
    let transform = section.get("transform").and_then(|v| v.choice(&TRANSFORMS)).unwrap_or_default();
    let mut property = Property { quantity, unit, transform, facies: Vec::new() };
    let positive = transform == Transform::None;
    if let Some(value) = section.get("facies") {
        let items = value.list(2, 255, "the value of each facies, 2 to 255 of them").unwrap_or_default();
        let number = |v: &Value<'_>| v.number("a number above 0", |x| x > 0.0 || !positive);
        let values: Vec<_> = items.iter().filter_map(number).map(|y| property.carried(y)).collect();
        if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
            value.fail::<()>("two facies have the same value", "give every facies a value of its own");
        }
        property.facies = values;
    }
    section.finish();
    property
}

fn scenarios(root: &Section<'_>, property: &Property, directory: &Path) -> Vec<Scenario> {
    let sections = match root.need("scenario", "at least one section [[scenario]]") {
        Some(value) => value.sections(),
        None => return Vec::new(),
    };
    let last = sections.len();
    let read = |(i, section)| scenario(section, i + 1, last, property, directory);
    let scenarios: Vec<_> = sections.into_iter().enumerate().map(read).collect();
    if scenarios.is_empty() {
        root.collector.missing("scenario", "there is no scenario", "add a section [[scenario]]");
    }
    scenarios
}

fn scenario(section: Section<'_>, number: usize, of: usize, property: &Property, directory: &Path) -> Scenario {
    let name = match section.get("name") {
        Some(value) => name(&value),
        None if of > 1 => section.need("name", "a name, since there are several scenarios").map(|_| String::new()),
        None => Some(format!("scenario-{number}")),
    };
    let azimuth = section.get("azimuth").and_then(|v| degrees(&v)).unwrap_or(0.0);
    let scale = section.get("scale").and_then(|v| v.number("a factor from 0.1 to 10", |x| (0.1..=10.0).contains(&x)));
    let gaussian = section.section("gaussian");
    let from_image = section.get("image").map(|value| image(&value, directory));
    if from_image.is_some() == gaussian.is_present() {
        let key = section.key(if from_image.is_some() { "gaussian" } else { "image" });
        let problem = "a scenario has either an image or a Gaussian field";
        section.collector.missing(&key, problem, "give one of the keys image and gaussian");
    }
    let geology = from_image.flatten().unwrap_or_else(|| Geology::Gaussian(read_gaussian(gaussian, property, true)));
    let variability = section.sections("variability").into_iter().map(|s| read_gaussian(s, property, false)).collect();
    section.finish();
    Scenario { name: name.unwrap_or_default(), azimuth, scale: scale.unwrap_or(1.0), geology, variability }
}

fn degrees(value: &Value<'_>) -> Option<f64> {
    value.number("an angle in degrees from -360 to 360", |x| (-360.0..=360.0).contains(&x))
}

fn image(value: &Value<'_>, directory: &Path) -> Option<Geology> {
    if value.is_text() {
        return path(value, directory).map(Geology::ImageFile);
    }
    let section = value.section("the name of a file, or a section for the generator")?;
    let generated = generated_image(section);
    generated.map(Geology::GeneratedImage)
}

/// Words for the kinds of generated images.
#[derive(Clone, Copy, PartialEq)]
enum ImageKind {
    Meandering,
    Intersecting,
    Straight,
    Ellipses,
}

fn generated_image(section: Section<'_>) -> Option<GeneratedImage> {
    let words = [
        ("meandering", ImageKind::Meandering),
        ("intersecting", ImageKind::Intersecting),
        ("straight", ImageKind::Straight),
        ("ellipses", ImageKind::Ellipses),
    ];
    let kind = section.need("kind", "one of \"meandering\", \"intersecting\", \"straight\", \"ellipses\"");
    let kind = kind.and_then(|v| v.choice(&words))?;
    let scatter = |mean, deviation, standard: Scatter| scatter(&section, mean, deviation, standard);
    let number = |key, expected: &str, low: f64, high: f64, otherwise: f64| {
        let value = section.get(key).and_then(|v| v.number(expected, |x| (low..=high).contains(&x)));
        value.unwrap_or(otherwise)
    };
    let is_ellipses = kind == ImageKind::Ellipses;
    let cells = section.get("cells").and_then(|v| cells(&v)).unwrap_or([250, 250, 1]);
    let seed = section.get("seed").and_then(|v| v.whole(0..=u64::MAX)).unwrap_or(1);
    let proportion = section.get("proportion");
    let proportion = proportion.and_then(|v| v.fraction("a fraction above 0 and below 1", |x| x > 0.0 && x < 1.0));
    let (width, thickness) = if is_ellipses { ([15.0, 2.5], [5.0, 1.0]) } else { ([10.0, 0.8], [4.0, 0.6]) };
    let width = scatter("width", "width_scatter", width.into());
    let thickness = scatter("thickness", "thickness_scatter", thickness.into());
    let orientation_scatter =
        number("orientation_scatter", "degrees from 0 to 90", 0.0, 90.0, if is_ellipses { 10.0 } else { 3.0 });
    let undulation = || number("undulation", "a number from 0 to 0.3", 0.0, 0.3, 0.06);
    let objects = match kind {
        ImageKind::Straight => Objects::Straight { undulation: undulation() },
        ImageKind::Ellipses => Objects::Ellipses { length: scatter("length", "length_scatter", [30.0, 5.0].into()) },
        ImageKind::Meandering => {
            let meander = meander(&section, [80.0, 8.0].into(), 1.25, 0.3);
            Objects::Meandering { meander, undulation: undulation() }
        }
        ImageKind::Intersecting => {
            let meander = meander(&section, [90.0, 9.0].into(), 1.08, 0.35);
            let angle = number("angle", "degrees from 10 to 90", 10.0, 90.0, 50.0);
            Objects::Intersecting { meander, undulation: undulation(), angle }
        }
    };
    section.finish();
    let proportion = proportion.unwrap_or(0.3);
    Some(GeneratedImage { objects, cells, seed, proportion, width, thickness, orientation_scatter })
}

impl From<[f64; 2]> for Scatter {
    fn from([mean, deviation]: [f64; 2]) -> Self {
        Self { mean, deviation }
    }
}

/// A mean length and its scatter; a mean without scatter gets the standard's in proportion.
fn scatter(section: &Section<'_>, mean_key: &'static str, deviation_key: &'static str, standard: Scatter) -> Scatter {
    let mean = section.get(mean_key).and_then(|v| v.number("a length of 1 cell or more", |x| x >= 1.0));
    let mean = mean.unwrap_or(standard.mean);
    let deviation = section
        .get(deviation_key)
        .and_then(|v| v.number("cells, not below 0 and not above half the mean", |x| x >= 0.0 && 2.0 * x <= mean));
    Scatter { mean, deviation: deviation.unwrap_or(standard.deviation / standard.mean * mean) }
}

fn meander(section: &Section<'_>, wavelength: Scatter, sinuosity: f64, irregularity: f64) -> Meander {
    let wavelength = scatter(section, "wavelength", "wavelength_scatter", wavelength);
    let amplitude = section.get("amplitude");
    let given = section.get("sinuosity");
    if amplitude.is_some() && given.is_some() {
        let problem = "sinuosity and amplitude both say how far channels swing";
        section.collector.missing(&section.key("amplitude"), problem, "give one of them");
    }
    let amplitude = amplitude.and_then(|v| v.number("cells, 0 or more", NOT_NEGATIVE)).map(Bend::Amplitude);
    let given = given.and_then(|v| v.number("a number from 1 (straight) to 3", |x| (1.0..=3.0).contains(&x)));
    let bend = amplitude.unwrap_or(Bend::Sinuosity(given.unwrap_or(sinuosity)));
    let value = section.get("irregularity");
    let given = value.and_then(|v| v.number("a number from 0 to 0.6", |x| (0.0..=0.6).contains(&x)));
    Meander { wavelength, bend, irregularity: given.unwrap_or(irregularity) }
}

fn read_gaussian(section: Section<'_>, property: &Property, is_whole: bool) -> Gaussian {
    let d = property.difference();
    let mean = if is_whole { need_in(&section, "mean", "the mean of the property") } else { section.get("mean") };
    let mean = mean.and_then(|v| v.number("a number", ANY));
    let mean = mean.map(|y| if is_whole { property.carried(y) } else { y * d });
    let (variance, deviation) = (section.get("variance"), section.get("standard_deviation"));
    if section.is_present() && variance.is_some() == deviation.is_some() {
        let problem = "the spread of a Gaussian field is its variance or its standard deviation";
        let remedy = "give one of the keys variance and standard_deviation";
        section.collector.missing(&section.key("variance"), problem, remedy);
    }
    let variance = variance.and_then(|v| v.number("a number above 0", POSITIVE));
    let deviation = deviation.and_then(|v| v.number("a number above 0", POSITIVE)).map(|s| s * s);
    let nugget = section.get("nugget").and_then(|v| v.fraction("a share from 0 to 1", SHARE)).unwrap_or(0.0);
    let structures = match need_in(&section, "structure", "at least one nested structure") {
        Some(value) => {
            let sections = value.sections();
            let share = (1.0 - nugget) / sections.len() as f64;
            sections.into_iter().map(|s| structure(s, share)).collect()
        }
        None => Vec::new(),
    };
    section.finish();
    let variance = carried_variance(variance.or(deviation).unwrap_or(1.0), property);
    Gaussian { mean: mean.unwrap_or(0.0), variance, nugget, structures }
}

/// Carried variance of a variance `y` in the unit of the file, squared.
pub(super) fn carried_variance(y: f64, property: &Property) -> f64 {
    y * property.difference() * property.difference()
}

/// Words for the models of variograms.
#[derive(Clone, Copy)]
enum ModelWord {
    Spherical,
    Exponential,
    Gaussian,
    Matern,
}

fn structure(section: Section<'_>, share: f64) -> Structure {
    let words = [
        ("spherical", ModelWord::Spherical),
        ("exponential", ModelWord::Exponential),
        ("gaussian", ModelWord::Gaussian),
        ("matern", ModelWord::Matern),
    ];
    let word = need_in(&section, "model", "one of \"spherical\", \"exponential\", \"gaussian\", \"matern\"");
    let word = word.and_then(|v| v.choice(&words)).unwrap_or(ModelWord::Spherical);
    let model = match word {
        ModelWord::Spherical => VariogramModel::Spherical,
        ModelWord::Exponential => VariogramModel::Exponential,
        ModelWord::Gaussian => VariogramModel::Gaussian,
        ModelWord::Matern => {
            let nu = section.need("nu", "the smoothness of the Matérn model");
            let nu = nu.and_then(|v| v.number("a number from 0.1 to 20", |x| (0.1..=20.0).contains(&x)));
            VariogramModel::Matern { nu: nu.unwrap_or(1.0) }
        }
    };
    let share = section.get("share").and_then(|v| v.fraction("a share above 0, up to 1", PART)).unwrap_or(share);
    let ranges = need_in(&section, "ranges", "ranges, e.g. [\"400 m\", \"100 m\"]").and_then(|v| ranges(&v));
    let angle = |key| section.get(key).and_then(|v| degrees(&v)).unwrap_or(0.0);
    let (azimuth, dip, rake) = (angle("azimuth"), angle("dip"), angle("rake"));
    section.finish();
    Structure { model, share, ranges: ranges.unwrap_or([1.0; 3]), azimuth, dip, rake }
}

/// One range for all directions, two (along and across; vertical as across), or three.
fn ranges(value: &Value<'_>) -> Option<[f64; 3]> {
    let one = |v: &Value<'_>| v.quantity(Dimension::Length, "a length above 0", POSITIVE);
    if value.is_text() {
        return one(value).map(|r| [r; 3]);
    }
    let found: Vec<_> = value.list(1, 3, "one to three ranges")?.iter().map(one).collect();
    let at = |i: usize| found[i.min(found.len() - 1)];
    Some([at(0)?, at(1)?, at(2)?])
}

fn prior(section: Section<'_>, scenarios: &[Scenario]) -> Prior {
    let realizations = section.get("realizations").and_then(|v| v.count(2..=MANY)).unwrap_or(500);
    let condition = section.get("condition").and_then(|v| v.flag()).unwrap_or(false);
    let has_image = scenarios.iter().any(|s| !matches!(s.geology, Geology::Gaussian(_)));
    let snesim = snesim(section.section("snesim"));
    let direct_sampling = direct_sampling(section.section("direct_sampling"));
    let words = [
        ("snesim", Method::Snesim(snesim.clone())),
        ("direct-sampling", Method::DirectSampling(direct_sampling)),
        ("gaussian", Method::Gaussian),
    ];
    let indices = [(words[0].0, 0), (words[1].0, 1), (words[2].0, 2)];
    let chosen = section.get("method").and_then(|v| v.choice(&indices));
    section.finish();
    let method = match chosen {
        Some(i) => words[i].1.clone(),
        None if has_image || scenarios.is_empty() => Method::Snesim(snesim),
        None => Method::Gaussian,
    };
    Prior { realizations, condition, method }
}

fn snesim(section: Section<'_>) -> Snesim {
    let template = section.get("template").and_then(|v| {
        v.triple("two or three odd numbers", 1, |v| match v.count(1..=99) {
            Some(n) if n % 2 == 0 => v.wrong("an odd number, which has a centre"),
            n => n,
        })
    });
    let proportions = section.get("proportions").and_then(|v| {
        let items = v.list(0, 255, "the target proportion of each facies")?;
        let read: Vec<_> = items.iter().filter_map(|v| v.fraction("a share from 0 to 1", SHARE)).collect();
        if !read.is_empty() && read.len() == items.len() && (read.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
            return v.fail(format!("the proportions sum to {}", read.iter().sum::<f64>()), "they must sum to 1");
        }
        Some(read)
    });
    let servo = section.get("servo").and_then(|v| v.number("a number from 0 to below 1", |x| (0.0..1.0).contains(&x)));
    let snesim = Snesim {
        template: template.unwrap_or([7, 7, 1]),
        grids: section.get("grids").and_then(|v| v.count(1..=16)).unwrap_or(4),
        servo: servo.unwrap_or(0.5),
        minimum_replicates: section.get("minimum_replicates").and_then(|v| v.count(1..=MANY)).unwrap_or(10),
        maximum_informed: section.get("maximum_informed").and_then(|v| v.count(1..=10_000)).unwrap_or(48),
        resimulations: section.get("resimulations").and_then(|v| v.count(0..=100)).unwrap_or(1),
        proportions: proportions.unwrap_or_default(),
    };
    section.finish();
    snesim
}

fn direct_sampling(section: Section<'_>) -> DirectSampling {
    let threshold = section.get("threshold").and_then(|v| v.number("a distance from 0 to 1", SHARE));
    let fraction = section.get("fraction").and_then(|v| v.fraction("a fraction above 0, up to 1", PART));
    let neighbours = section.get("neighbours").and_then(|v| v.count(1..=1000));
    section.finish();
    DirectSampling {
        neighbours: neighbours.unwrap_or(30),
        threshold: threshold.unwrap_or(0.05),
        fraction: fraction.unwrap_or(0.3),
    }
}

fn hard_data(section: Section<'_>, grid: &Grid, property: &Property, directory: &Path) -> Option<HardData> {
    let file = section.get("file").and_then(|v| path(&v, directory));
    let has_cells = section.get("cells").is_some();
    let cells = section.sections("cells").into_iter().filter_map(|s| hard_datum(s, grid, property)).collect();
    if section.is_present() && file.is_none() && !has_cells {
        section.need("cells", "measured cells, e.g. [{ cell = [50, 50], facies = 1 }], or a file");
    }
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(HardData { file, cells })
}

fn hard_datum(section: Section<'_>, grid: &Grid, property: &Property) -> Option<HardDatum> {
    let cell = section.need("cell", "the cell's numbers (i, j, k), from 1").and_then(|v| {
        let cell = v.triple("two or three numbers of a cell, from 1", 1, |v| v.count(1..=MOST_CELLS))?;
        if (0..3).any(|a| cell[a] > grid.cells[a]) && section.collector.sound(&["grid.cells"]) {
            let [nx, ny, nz] = grid.cells;
            let problem = format!("cell ({}, {}, {}) is outside of the grid", cell[0], cell[1], cell[2]);
            return v.fail(problem, format!("the grid has {nx} x {ny} x {nz} cells"));
        }
        Some(cell.map(|i| i - 1))
    });
    let facies = section.get("facies").and_then(|v| match property.facies.len() {
        0 => v.fail("the property has no facies", "give a value"),
        k => v.count(0..=k - 1).map(|code| Hard::Facies(code as u8)),
    });
    let value = section.get("value").and_then(|v| v.number("a number in the property's unit", ANY));
    let value = value.map(|y| Hard::Value(property.carried(y)));
    if facies.is_some() == value.is_some() && section.is_present() {
        let key = section.key("facies");
        if section.collector.sound(&[&key, &section.key("value")]) {
            section.collector.missing(&key, "a measured cell has a facies or a value", "give one of them");
        }
    }
    section.finish();
    Some(HardDatum { cell: cell?, known: facies.or(value)? })
}

fn basis(section: Section<'_>, root: &Section<'_>) -> Basis {
    missing(&section, root, "basis", "the section [basis] with rank or energy");
    let kind = section.get("kind").and_then(|v| v.choice(&BASES)).unwrap_or(BasisKind::Pca);
    let center = section.get("center").and_then(|v| v.flag()).unwrap_or(true);
    let rank = section.get("rank").map(|v| {
        if v.is_list() {
            let items = v.list(2, 2, "one number of columns, or the first and the last: [20, 50]")?;
            let (first, last) = (items[0].count(1..=MANY)?, items[1].count(1..=MANY)?);
            Some(Rank::Growing { first, last })
        } else {
            v.count(1..=MANY).map(Rank::Fixed)
        }
    });
    let energy = section.get("energy").map(|v| v.fraction("a fraction above 0, up to 1", PART).map(Rank::Energy));
    match (rank.is_some(), energy.is_some()) {
        (true, true) => {
            let problem = "rank and energy both say how many columns there are";
            section.collector.missing(&section.key("energy"), problem, "give one of them");
        }
        (false, false) => {
            need_in(&section, "rank", "a number of columns, or the first and the last: [20, 50]; or an energy");
        }
        _ => {}
    }
    section.finish();
    Basis { kind, rank: rank.flatten().or(energy.flatten()).unwrap_or(Rank::Fixed(1)), center }
}

fn physics(section: Section<'_>, grid: &Grid) -> Option<Physics> {
    let is_present = section.is_present();
    need_in(&section, "kind", "the forward model: \"straight-rays\"").and_then(|v| v.choice(&[("straight-rays", ())]));
    let sources = antennas(&section, "sources", grid);
    let receivers = antennas(&section, "receivers", grid);
    let background = section.get("background");
    let background = background.and_then(|v| v.quantity(Dimension::Slowness, "a slowness of 0 or more", NOT_NEGATIVE));
    section.finish();
    is_present.then_some(Physics::StraightRays(StraightRays { sources, receivers, background }))
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
    let side = side.and_then(|v| v.choice(&sides(grid.plane)));
    let count = need_in(&section, "count", "a number of positions").and_then(|v| v.count(1..=MANY));
    let axis = usize::from(matches!(side, Some(Side::Left | Side::Right) | None));
    let (low, high) = (grid.origin[axis], grid.origin[axis] + grid.size()[axis]);
    let first = section.get("first").and_then(|v| length(&v)).unwrap_or(low);
    let last = section.get("last").and_then(|v| length(&v)).unwrap_or(high);
    section.finish();
    Some(Antennas::Side { side: side?, count: count?, first, last })
}

fn data(section: Section<'_>, grid: &Grid, has_physics: bool, directory: &Path) -> Option<Data> {
    let file = section.get("file").and_then(|v| match v.text()? {
        "--data" => Some(DataSource::CommandLine),
        _ => path(&v, directory).map(DataSource::File),
    });
    let columns = columns(section.section("columns"), grid);
    let noise = section.get("noise").and_then(|v| noise(&v)).unwrap_or(Noise::Relative(0.02));
    let statics = section.section("statics");
    let error = |key| {
        let value = statics.get(key);
        value.and_then(|v| v.quantity(Dimension::Time, "a time of 0 or more", NOT_NEGATIVE)).unwrap_or(0.0)
    };
    let (source_statics, receiver_statics) = (error("source"), error("receiver"));
    statics.finish();
    let noise_level = section.get("noise_level").and_then(|v| v.choice(&NOISE_LEVELS)).unwrap_or(NoiseLevel::Given);
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
    })
}

fn columns(section: Section<'_>, grid: &Grid) -> Columns {
    let is_section = grid.plane == Plane::Xz;
    let has_y = !is_section;
    let has_z = is_section || !grid.is_2d();
    let name = |key, otherwise: Option<&str>| match section.get(key) {
        Some(value) => value.text().map(str::to_owned),
        None => otherwise.map(str::to_owned),
    };
    let unit = |key, dimension: Dimension, otherwise: Unit| {
        section.get(key).and_then(|v| v.unit(dimension)).unwrap_or(otherwise)
    };
    let columns = Columns {
        id: name("id", None),
        source: [
            name("source_x", Some("source_x")),
            name("source_y", has_y.then_some("source_y")),
            name("source_z", has_z.then_some("source_z")),
        ],
        receiver: [
            name("receiver_x", Some("receiver_x")),
            name("receiver_y", has_y.then_some("receiver_y")),
            name("receiver_z", has_z.then_some("receiver_z")),
        ],
        time: name("time", Some("time")).unwrap_or_default(),
        sigma: name("sigma", None),
        length_unit: unit("length_unit", Dimension::Length, Dimension::Length.si()),
        time_unit: unit("time_unit", Dimension::Time, Dimension::Time.si()),
    };
    section.finish();
    columns
}

fn noise(value: &Value<'_>) -> Option<Noise> {
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
    match units::parse(text, Dimension::Time) {
        Ok(sigma) if sigma > 0.0 => Some(Noise::Absolute(sigma)),
        _ => value.wrong("\"2 %\" (of each datum), \"2 % of mean\", a time such as \"0.8 ns\", \"file\" or \"none\""),
    }
}

/// What [feasible] starts from.
fn default_feasible(grid: &Grid, property: &Property, scenarios: &[Scenario]) -> Feasible {
    let [nx, ny, nz] = grid.cells;
    let is_facies = property.has_facies() && scenarios.iter().all(|s| s.variability.is_empty());
    Feasible {
        window: Window::Box([nx.div_ceil(2), ny.div_ceil(2), nz.div_ceil(2)]),
        neighbours: 5,
        library: 2000,
        fraction: 0.2,
        labels: if is_facies { Labels::Facies } else { Labels::Property },
        aggregation: if is_facies { Aggregation::Vote } else { Aggregation::Mean },
        features: Features::All,
    }
}

/// The keys of the u-step; those left out are as in `base`.
fn read_feasible(section: &Section<'_>, base: &Feasible) -> Feasible {
    let labels = section.get("labels").and_then(|v| v.choice(&LABELS)).unwrap_or(base.labels);
    let usual = match labels {
        Labels::Facies => Aggregation::Vote,
        Labels::Property => Aggregation::Mean,
    };
    let usual = if labels == base.labels { base.aggregation } else { usual };
    let fraction = section.get("fraction").and_then(|v| v.fraction("a fraction above 0, up to 1", PART));
    Feasible {
        window: section.get("window").and_then(|v| window(&v)).unwrap_or(base.window),
        neighbours: section.get("neighbours").and_then(|v| v.count(1..=100_000)).unwrap_or(base.neighbours),
        library: section.get("library").and_then(|v| v.count(1..=MANY)).unwrap_or(base.library),
        fraction: fraction.unwrap_or(base.fraction),
        labels,
        aggregation: section.get("aggregation").and_then(|v| v.choice(&AGGREGATIONS)).unwrap_or(usual),
        features: section.get("features").and_then(|v| features(&v)).unwrap_or(base.features),
    }
}

fn feasible(section: Section<'_>, base: &Feasible) -> Feasible {
    let feasible = read_feasible(&section, base);
    section.finish();
    feasible
}

fn window(value: &Value<'_>) -> Option<Window> {
    let expected = "cells such as [50, 50], or \"disk 25\" with a radius in cells";
    if value.is_list() {
        return value.triple(expected, 1, |v| v.count(1..=MOST_CELLS)).map(Window::Box);
    }
    let radius = value.text()?.strip_prefix("disk ").and_then(|r| r.trim().parse::<f64>().ok());
    match radius {
        Some(radius) if (1.0..=1e4).contains(&radius) => Some(Window::Disk { radius }),
        _ => value.wrong(expected),
    }
}

fn features(value: &Value<'_>) -> Option<Features> {
    let text = value.text()?;
    let number = |prefix| text.strip_prefix(prefix).and_then(|n: &str| n.trim().parse().ok()).filter(|&n| n > 0);
    match (text, number("subset "), number("projection ")) {
        ("all", _, _) => Some(Features::All),
        (_, Some(cells), _) => Some(Features::Subset(cells)),
        (_, _, Some(components)) => Some(Features::Projection(components)),
        _ => value.wrong("\"all\", \"subset 500\" (random cells) or \"projection 50\" (leading components)"),
    }
}

fn inversion(section: Section<'_>, has_u_step: bool) -> Inversion {
    let usual = if has_u_step { Regularizer::None } else { Regularizer::Gaussian };
    let weight = |key| section.get(key).and_then(|v| weight(&v)).unwrap_or(Weight::Auto);
    let tolerance = section.get("tolerance").and_then(|v| v.number("a number from 0 to below 1", SHARE));
    let folds = section.get("cross_validation").and_then(|v| match v.count(0..=MANY) {
        Some(1) => v.wrong("0 (none), or 2 folds or more"),
        folds => folds,
    });
    let inversion = Inversion {
        iterations: section.get("iterations").and_then(|v| v.count(1..=60_000)).unwrap_or(10),
        steps: section.get("steps").and_then(|v| v.count(1..=1000)).unwrap_or(2),
        regularizer: section.get("regularizer").and_then(|v| v.choice(&REGULARIZERS)).unwrap_or(usual),
        weight: weight("weight"),
        coupling: weight("coupling"),
        tolerance: tolerance.unwrap_or(0.0),
        returned: section.get("return").and_then(|v| v.choice(&RETURNS)).unwrap_or(Returned::Best),
        cross_validation: folds.unwrap_or(0),
        truncation_error: section.get("truncation_error").and_then(|v| v.flag()).unwrap_or(true),
        apply: section.get("feasible").and_then(|v| v.choice(&APPLIES)).unwrap_or(Apply::Every),
    };
    section.finish();
    inversion
}

fn weight(value: &Value<'_>) -> Option<Weight> {
    if value.is_text() {
        return value.choice(&[("auto", Weight::Auto)]);
    }
    value.number("\"auto\", or a number of 0 or more", NOT_NEGATIVE).map(Weight::Fixed)
}

fn reference(section: Section<'_>, scenarios: &[Scenario]) -> Option<Reference> {
    let names: Vec<_> = scenarios.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    let scenario = section.get("scenario").and_then(|v| v.choice(&names));
    if section.is_present() && scenarios.len() > 1 {
        section.need("scenario", "the name of the reference's scenario, since there are several");
    }
    let seed = section.get("seed").and_then(|v| v.whole(1..=1 << 40)).unwrap_or(1);
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Reference { scenario: scenario.unwrap_or(0), seed })
}

fn mapping(section: Section<'_>, base: &Feasible) -> Option<Mapping> {
    let references = section.get("references").and_then(|v| v.count(1..=MANY)).unwrap_or(1);
    let sections = need_in(&section, "variant", "at least one section [[mapping.variant]]").map(|v| v.sections());
    let variant = |section: Section<'_>| {
        let name = need_in(&section, "name", "a name").and_then(|v| name(&v)).unwrap_or_default();
        let feasible = read_feasible(&section, base);
        section.finish();
        MappingVariant { name, feasible }
    };
    let variants = sections.unwrap_or_default().into_iter().map(variant).collect();
    let is_present = section.is_present();
    section.finish();
    is_present.then_some(Mapping { references, variants })
}

pub(super) const PLANES: [(&str, Plane); 2] = [("xy", Plane::Xy), ("xz", Plane::Xz)];
pub(super) const TRANSFORMS: [(&str, Transform); 3] =
    [("none", Transform::None), ("log10", Transform::Log10), ("ln", Transform::Ln)];
pub(super) const BASES: [(&str, BasisKind); 2] =
    [("pca", BasisKind::Pca), ("karhunen-loeve", BasisKind::KarhunenLoeve)];
pub(super) const NOISE_LEVELS: [(&str, NoiseLevel); 3] = [
    ("given", NoiseLevel::Given),
    ("likelihood", NoiseLevel::Likelihood),
    ("cross-validation", NoiseLevel::CrossValidation),
];
pub(super) const LABELS: [(&str, Labels); 2] = [("facies", Labels::Facies), ("property", Labels::Property)];
pub(super) const AGGREGATIONS: [(&str, Aggregation); 5] = [
    ("vote", Aggregation::Vote),
    ("mean", Aggregation::Mean),
    ("weighted-mean", Aggregation::WeightedMean),
    ("mode", Aggregation::Mode),
    ("center", Aggregation::Center),
];
pub(super) const REGULARIZERS: [(&str, Regularizer); 2] =
    [("none", Regularizer::None), ("gaussian", Regularizer::Gaussian)];
pub(super) const RETURNS: [(&str, Returned); 2] = [("best", Returned::Best), ("last", Returned::Last)];
pub(super) const APPLIES: [(&str, Apply); 2] = [("every", Apply::Every), ("last", Apply::Last)];

/// The sides of a grid: the top of a map is its largest y, the top of a section its least depth.
pub(super) fn sides(plane: Plane) -> [(&'static str, Side); 4] {
    let (top, bottom) = match plane {
        Plane::Xy => (Side::High, Side::Low),
        Plane::Xz => (Side::Low, Side::High),
    };
    [("left", Side::Left), ("right", Side::Right), ("top", top), ("bottom", bottom)]
}
