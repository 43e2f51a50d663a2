//! Scenarios: training images and Gaussian fields.

use std::path::Path;

use super::{ANY, MOST_CELLS, NOT_NEGATIVE, PART, POSITIVE, SHARE, cells, name, need_in, path, proportions};
use crate::case::file::{
    Bend, Gaussian, GeneratedImage, Geology, ImageFile, Indicator, IndicatorVariogram, MOST_SCENARIOS, Meander,
    Objects, Property, Scatter, Scenario, Stack, Structure, Unit, VariogramModel,
};
use crate::case::reader::{Section, Value};
use crate::grid::Grid;
use crate::units::Dimension;

pub(super) fn scenarios(
    root: &Section<'_>,
    stack: Option<&Stack>,
    property: &Property,
    directory: &Path,
) -> Vec<Scenario> {
    if let Some(stack) = stack {
        if root.get("scenario").is_some() {
            let problem = "the combinations of units and types are the scenarios";
            root.collector.missing("scenario", problem, "remove [[scenario]], or [[unit]] and [[type]]");
        }
        return combinations(stack);
    }
    let Some(value) = root.need("scenario", "at least one section [[scenario]]") else { return Vec::new() };
    let scenarios = described(value.sections(), "scenario", property, directory);
    if scenarios.is_empty() {
        root.collector.missing("scenario", "there is no scenario", "add a section [[scenario]]");
    }
    scenarios
}

/// The scenarios, or types of geology, of some sections: one for each direction.
fn described(sections: Vec<Section<'_>>, word: &str, property: &Property, directory: &Path) -> Vec<Scenario> {
    let last = sections.len();
    let mut all = Vec::new();
    for (i, section) in sections.into_iter().enumerate() {
        let collector = section.collector;
        for described in scenario(section, &format!("{word}-{}", i + 1), last, property, directory) {
            all.push(described);
            collector.stands_for(word, i + 1, all.len());
        }
    }
    all
}

/// Units and types of geology, where the case is made of them.
pub(super) fn stack(root: &Section<'_>, grid: &Grid, property: &Property, directory: &Path) -> Option<Stack> {
    let types = root.get("type");
    let units = root.get("unit");
    if types.is_none() && units.is_none() {
        return None;
    }
    if types.is_some() != units.is_some() {
        let key = if types.is_some() { "unit" } else { "type" };
        let problem = "units are filled with types of geology, and one is not given";
        root.collector.missing(key, problem, format!("add [[{key}]]"));
    }
    let types = types.map_or_else(Vec::new, |v| described(v.sections(), "type", property, directory));
    let read = |(i, section)| unit(section, i + 1, grid, &types);
    let units = units.map_or_else(Vec::new, |v| v.sections().into_iter().enumerate().map(read).collect());
    Some(Stack { units, types })
}

fn unit(section: Section<'_>, number: usize, grid: &Grid, types: &[Scenario]) -> Unit {
    let name = section.get("name").and_then(|v| name(&v)).unwrap_or_else(|| format!("unit-{number}"));
    let layers = need_in(&section, "layers", "its lowest and its highest layer, e.g. [1, 3]").and_then(|v| {
        let items = v.list(2, 2, "the lowest layer and the highest, from 1 at the bottom")?;
        let (first, last) = (items[0].count(1..=MOST_CELLS)?, items[1].count(1..=MOST_CELLS)?);
        if (first > last || last > grid.cells[2]) && v.grid_is_sound() {
            let problem = format!("found the layers {first} to {last} of {}", grid.cells[2]);
            return v.fail(problem, "give the lower first, both within the grid");
        }
        Some(first - 1..last)
    });
    let names: Vec<_> = types.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let own = section.get("types").and_then(|v| {
        let items = v.list(1, 1000, "names of types")?;
        items.iter().map(|v| v.choice(&names)).collect::<Option<Vec<_>>>()
    });
    section.finish();
    Unit { name, layers: layers.unwrap_or(0..1), types: own.unwrap_or_else(|| (0..types.len()).collect()) }
}

/// Every combination of the units' types, the last unit's changing fastest.
fn combinations(stack: &Stack) -> Vec<Scenario> {
    let counts = stack.units.iter().map(|unit| unit.types.len());
    if counts.clone().try_fold(1usize, |p, n| p.checked_mul(n)).is_none_or(|p| p > MOST_SCENARIOS) {
        return Vec::new();
    }
    let mut all = vec![Vec::new()];
    for unit in &stack.units {
        let longer = |types: &Vec<usize>| unit.types.iter().map(|&t| [&types[..], &[t]].concat()).collect::<Vec<_>>();
        all = all.iter().flat_map(longer).collect();
    }
    let scenario = |types: Vec<usize>| {
        let names: Vec<_> = types.iter().map(|&t| stack.types[t].name.as_str()).collect();
        let name = names.join("/");
        Scenario { name, azimuth: 0.0, scale: 1.0, geology: Geology::Stacked(types), variability: Vec::new() }
    };
    all.into_iter().map(scenario).collect()
}

/// The scenario of a section, or one for each of its directions.
fn scenario(section: Section<'_>, otherwise: &str, of: usize, property: &Property, directory: &Path) -> Vec<Scenario> {
    let name = match section.get("name") {
        Some(value) => name(&value),
        None if of > 1 => section.need("name", "a name, since there are several").map(|_| String::new()),
        None => Some(otherwise.to_owned()),
    };
    let azimuths = section.get("azimuth").and_then(|v| azimuths(&v)).unwrap_or_else(|| vec![0.0]);
    let scale = section.get("scale").and_then(|v| v.number("a factor from 0.1 to 10", |x| (0.1..=10.0).contains(&x)));
    let geology = geology(&section, property, directory);
    let variability = section.sections("variability").into_iter().map(|s| gaussian(s, property, false)).collect();
    section.finish();
    let name = name.unwrap_or_default();
    let one = Scenario { name, azimuth: azimuths[0], scale: scale.unwrap_or(1.0), geology, variability };
    match azimuths.len() {
        1 => vec![one],
        _ => azimuths
            .iter()
            .map(|&azimuth| Scenario { name: format!("{}-{azimuth}", one.name), azimuth, ..one.clone() })
            .collect(),
    }
}

/// What is given of image, Gaussian field and indicator variograms, which should be one.
fn geology(section: &Section<'_>, property: &Property, directory: &Path) -> Geology {
    let (field, facies) = (section.section("gaussian"), section.section("indicator"));
    let from_image = section.get("image").map(|value| image(&value, directory));
    let given = [("image", from_image.is_some()), ("gaussian", field.is_present()), ("indicator", facies.is_present())];
    let mut given = given.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key);
    let (first, second) = (given.next(), given.next());
    if first.is_none() || second.is_some() {
        let problem = "a scenario has either an image, a Gaussian field or indicator variograms";
        let remedy = "give one of the keys image, gaussian and indicator";
        section.collector.missing(&section.key(second.unwrap_or("image")), problem, remedy);
    }
    // All that is given is read, so that all mistakes are told.
    let facies = facies.is_present().then(|| Geology::Indicator(indicator(facies)));
    let field = Geology::Gaussian(gaussian(field, property, true));
    from_image.flatten().or(facies).unwrap_or(field)
}

/// One direction, or several: a scenario for each.
fn azimuths(value: &Value<'_>) -> Option<Vec<f64>> {
    if !value.is_list() {
        return degrees(value).map(|azimuth| vec![azimuth]);
    }
    value.list(2, 360, "a direction, or a list of several")?.iter().map(degrees).collect()
}

fn degrees(value: &Value<'_>) -> Option<f64> {
    value.number("an angle in degrees from -360 to 360", |x| (-360.0..=360.0).contains(&x))
}

fn image(value: &Value<'_>, directory: &Path) -> Option<Geology> {
    if value.is_text() {
        let path = path(value, directory)?;
        return Some(Geology::ImageFile(ImageFile { path, variable: None, cells: None }));
    }
    let section = value.section("the name of a file, or a section for the generator or for a file")?;
    if let Some(file) = section.get("file") {
        let variable = section.get("variable").and_then(|v| v.text()).map(str::to_owned);
        let cells = section.get("cells").and_then(|v| cells(&v));
        section.finish();
        return Some(Geology::ImageFile(ImageFile { path: path(&file, directory)?, variable, cells }));
    }
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
        number("orientation_scatter", "degrees from 0 to 90", 0.0, 90.0, if is_ellipses { 10.0 } else { 2.0 });
    let undulation = || number("undulation", "a number from 0 to 0.3", 0.0, 0.3, 0.06);
    let objects = match kind {
        ImageKind::Straight => Objects::Straight { undulation: undulation() },
        ImageKind::Ellipses => Objects::Ellipses { length: scatter("length", "length_scatter", [30.0, 5.0].into()) },
        ImageKind::Meandering => {
            let meander = meander(&section, [80.0, 8.0].into(), 1.25, 0.3);
            Objects::Meandering { meander, undulation: undulation() }
        }
        ImageKind::Intersecting => {
            let meander = meander(&section, [100.0, 10.0].into(), 1.08, 0.3);
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

pub(super) fn gaussian(section: Section<'_>, property: &Property, is_whole: bool) -> Gaussian {
    let d = property.difference();
    let distribution = if is_whole { distribution(&section, property) } else { Vec::new() };
    if !distribution.is_empty() {
        let (nugget, structures) = correlation(&section);
        section.finish();
        let count = distribution.len() as f64;
        let mean = distribution.iter().sum::<f64>() / count;
        let variance = distribution.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        return Gaussian { mean, variance, distribution, nugget, structures };
    }
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
    let (nugget, structures) = correlation(&section);
    section.finish();
    let variance = property.carried_variance(variance.or(deviation).unwrap_or(1.0));
    Gaussian { mean: mean.unwrap_or(0.0), variance, distribution: Vec::new(), nugget, structures }
}

/// The values that a field's distribution is of, if they are given, in the place of mean and variance.
fn distribution(section: &Section<'_>, property: &Property) -> Vec<f64> {
    let Some(value) = section.get("distribution") else { return Vec::new() };
    if ["mean", "variance", "standard_deviation"].iter().any(|key| section.get(key).is_some()) {
        let problem = "the distribution says what mean and variance are";
        section.collector.missing(&section.key("distribution"), problem, "remove mean and variance, or distribution");
    }
    let items = value.list(2, 100_000, "values of the property, two or more").unwrap_or_default();
    let values: Vec<_> = items.iter().filter_map(|v| v.number("a number", ANY)).map(|y| property.carried(y)).collect();
    if values.iter().all(|x| x == values.first().unwrap_or(x)) && !values.is_empty() {
        value.fail::<()>("all values are equal", "give two different values at least");
    }
    values
}

/// Share of the nugget, and the nested structures.
fn correlation(section: &Section<'_>) -> (f64, Vec<Structure>) {
    let nugget = section.get("nugget").and_then(|v| v.fraction("a share from 0 to 1", SHARE)).unwrap_or(0.0);
    let structures = match need_in(section, "structure", "at least one nested structure") {
        Some(value) => {
            let sections = value.sections();
            let share = (1.0 - nugget) / sections.len() as f64;
            sections.into_iter().map(|s| structure(s, share)).collect()
        }
        None => Vec::new(),
    };
    (nugget, structures)
}

fn indicator(section: Section<'_>) -> Indicator {
    let given = need_in(&section, "proportions", "the proportion of each facies, e.g. [0.5, 0.3, 0.2]");
    let proportions = given.and_then(|v| proportions(&v, 2, "a share above 0, up to 1", PART));
    let variogram = |section: Section<'_>| {
        let (nugget, structures) = correlation(&section);
        section.finish();
        IndicatorVariogram { nugget, structures }
    };
    let variograms = need_in(&section, "variogram", "the variogram of each facies' indicator, or one for all");
    let variograms = variograms.map_or_else(Vec::new, |v| v.sections().into_iter().map(variogram).collect());
    section.finish();
    Indicator { proportions: proportions.unwrap_or_default(), variograms }
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
            let nu = nu.and_then(|v| v.number("a number from 0.1 to 50", |x| (0.1..=50.0).contains(&x)));
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
