//! A case becomes TOML again, every key explicit, so that reading it gives an equal case.

use std::path::Path;

use super::file::*;
use super::words;
use crate::units::Dimension;

/// A line of the text to be.
pub(super) enum Line {
    /// `[path]`, or `[[path]]` of a list.
    Section {
        /// Name of the section.
        path: &'static str,
        /// Whether it is one of a list.
        in_list: bool,
    },
    /// `key = value` in the section above.
    Key {
        /// Name of the key within its section.
        key: &'static str,
        /// Its value in TOML; `None`: the key is not set.
        value: Option<String>,
    },
}

/// All lines of a case.
pub(super) fn lines(case: &Case) -> Vec<Line> {
    let mut writer = Writer { lines: Vec::new(), property: &case.property };
    writer.key("format", "1".into());
    writer.key("name", text(&case.name));
    writer.key("title", text(&case.title));
    writer.key("seed", case.seed.to_string());
    writer.grid(case);
    writer.property();
    case.scenarios.iter().for_each(|scenario| writer.scenario(scenario));
    writer.prior(&case.prior);
    writer.hard_data(case.hard_data.as_ref());
    writer.basis(&case.basis);
    writer.physics(case);
    writer.data(case.data.as_ref());
    writer.feasible(case.feasible.as_ref());
    writer.inversion(&case.inversion);
    writer.reference(case);
    writer.mapping(case.mapping.as_ref());
    writer.lines
}

struct Writer<'a> {
    lines: Vec<Line>,
    property: &'a Property,
}

impl Writer<'_> {
    fn section(&mut self, path: &'static str) {
        self.lines.push(Line::Section { path, in_list: false });
    }

    fn item(&mut self, path: &'static str) {
        self.lines.push(Line::Section { path, in_list: true });
    }

    fn key(&mut self, key: &'static str, value: String) {
        self.lines.push(Line::Key { key, value: Some(value) });
    }

    fn optional(&mut self, key: &'static str, value: Option<String>) {
        self.lines.push(Line::Key { key, value });
    }

    fn grid(&mut self, case: &Case) {
        let grid = &case.grid;
        self.section("grid");
        self.key("cells", list(grid.cells.map(|n| n.to_string())));
        let size = |a: usize| {
            let n = grid.cells[a] as f64;
            format!("\"{} m\"", decimal(exact(grid.spacing[a], grid.spacing[a] * n, |y| y / n)))
        };
        self.key("size", list([size(0), size(1), size(2)]));
        self.key("origin", list(grid.origin.map(length)));
        self.key("plane", word(&words::PLANES, grid.plane));
    }

    fn property(&mut self) {
        let property = self.property;
        self.section("property");
        self.key("name", text(property.quantity.name()));
        self.key("unit", text(property.unit.name));
        self.key("transform", word(&words::TRANSFORMS, property.transform));
        let facies = property.facies.iter().map(|&u| self.value(u));
        self.optional("facies", property.has_facies().then(|| list(facies)));
    }

    /// A carried value as the number of the file.
    fn value(&self, u: f64) -> String {
        decimal(exact(u, self.property.reported(u), |y| self.property.carried(y)))
    }

    fn scenario(&mut self, scenario: &Scenario) {
        self.item("scenario");
        self.key("name", text(&scenario.name));
        self.key("azimuth", decimal(scenario.azimuth));
        self.key("scale", decimal(scenario.scale));
        match &scenario.geology {
            Geology::ImageFile(file) => self.key("image", path(file)),
            Geology::GeneratedImage(image) => self.image(image),
            Geology::Gaussian(gaussian) => {
                self.section("scenario.gaussian");
                let mean = self.value(gaussian.mean);
                self.gaussian(gaussian, mean, "scenario.gaussian.structure");
            }
            Geology::Stacked(_) => {}
        }
        for gaussian in &scenario.variability {
            self.item("scenario.variability");
            let d = self.property.difference();
            let mean = decimal(exact(gaussian.mean, gaussian.mean / d, |y| y * d));
            self.gaussian(gaussian, mean, "scenario.variability.structure");
        }
    }

    fn gaussian(&mut self, gaussian: &Gaussian, mean: String, structure: &'static str) {
        let d = self.property.difference();
        let variance = exact(gaussian.variance, gaussian.variance / d / d, |y| self.property.carried_variance(y));
        self.key("mean", mean);
        self.key("variance", decimal(variance));
        self.key("nugget", decimal(gaussian.nugget));
        for nested in &gaussian.structures {
            self.item(structure);
            let (model, nu) = match nested.model {
                VariogramModel::Spherical => ("spherical", None),
                VariogramModel::Exponential => ("exponential", None),
                VariogramModel::Gaussian => ("gaussian", None),
                VariogramModel::Matern { nu } => ("matern", Some(nu)),
            };
            self.key("model", text(model));
            if let Some(nu) = nu {
                self.key("nu", decimal(nu));
            }
            self.key("share", decimal(nested.share));
            self.key("ranges", list(nested.ranges.map(length)));
            self.key("azimuth", decimal(nested.azimuth));
            self.key("dip", decimal(nested.dip));
            self.key("rake", decimal(nested.rake));
        }
    }

    fn image(&mut self, image: &GeneratedImage) {
        self.section("scenario.image");
        let kind = match image.objects {
            Objects::Meandering { .. } => "meandering",
            Objects::Intersecting { .. } => "intersecting",
            Objects::Straight { .. } => "straight",
            Objects::Ellipses { .. } => "ellipses",
        };
        self.key("kind", text(kind));
        self.key("cells", list(image.cells.map(|n| n.to_string())));
        self.key("seed", image.seed.to_string());
        self.key("proportion", decimal(image.proportion));
        self.scatter("width", "width_scatter", image.width);
        self.scatter("thickness", "thickness_scatter", image.thickness);
        self.key("orientation_scatter", decimal(image.orientation_scatter));
        match image.objects {
            Objects::Straight { undulation } => self.key("undulation", decimal(undulation)),
            Objects::Ellipses { length } => self.scatter("length", "length_scatter", length),
            Objects::Meandering { meander, undulation } => {
                self.key("undulation", decimal(undulation));
                self.meander(&meander);
            }
            Objects::Intersecting { meander, undulation, angle } => {
                self.key("undulation", decimal(undulation));
                self.meander(&meander);
                self.key("angle", decimal(angle));
            }
        }
    }

    fn scatter(&mut self, mean: &'static str, deviation: &'static str, scatter: Scatter) {
        self.key(mean, decimal(scatter.mean));
        self.key(deviation, decimal(scatter.deviation));
    }

    fn meander(&mut self, meander: &Meander) {
        self.scatter("wavelength", "wavelength_scatter", meander.wavelength);
        let (sinuosity, amplitude) = match meander.bend {
            Bend::Sinuosity(s) => (Some(decimal(s)), None),
            Bend::Amplitude(a) => (None, Some(decimal(a))),
        };
        self.optional("sinuosity", sinuosity);
        self.optional("amplitude", amplitude);
        self.key("irregularity", decimal(meander.irregularity));
    }

    fn prior(&mut self, prior: &Prior) {
        self.section("prior");
        self.key("realizations", prior.realizations.to_string());
        self.key("condition", (prior.condition == Condition::All).to_string());
        match &prior.method {
            Method::Gaussian => self.key("method", text("gaussian")),
            Method::Sgsim(_) => self.key("method", text("sgsim")),
            Method::Snesim(snesim) => {
                self.key("method", text("snesim"));
                self.section("prior.snesim");
                self.key("template", list(snesim.template.map(|n| n.to_string())));
                self.key("grids", snesim.grids.to_string());
                self.key("servo", decimal(snesim.servo));
                self.key("minimum_replicates", snesim.minimum_replicates.to_string());
                self.key("maximum_informed", snesim.maximum_informed.to_string());
                self.key("resimulations", snesim.resimulations.to_string());
                self.key("proportions", list(snesim.proportions.iter().map(|&p| decimal(p))));
            }
            Method::DirectSampling(sampling) => {
                self.key("method", text("direct-sampling"));
                self.section("prior.direct_sampling");
                self.key("neighbours", sampling.neighbours.to_string());
                self.key("threshold", decimal(sampling.threshold));
                self.key("fraction", decimal(sampling.fraction));
            }
        }
    }

    fn hard_data(&mut self, hard_data: Option<&HardData>) {
        let Some(hard_data) = hard_data else { return };
        self.section("hard_data");
        self.optional("file", hard_data.file.as_deref().map(path));
        if hard_data.cells.is_empty() {
            self.key("cells", "[]".into());
        }
        for datum in &hard_data.cells {
            self.item("hard_data.cells");
            self.key("cell", list(datum.cell.map(|i| (i + 1).to_string())));
            match datum.known {
                Hard::Facies(code) => self.key("facies", code.to_string()),
                Hard::Value(u) => self.key("value", self.value(u)),
            }
        }
    }

    fn basis(&mut self, basis: &Basis) {
        self.section("basis");
        self.key("kind", word(&words::BASES, basis.kind));
        let (rank, energy) = match basis.rank {
            Rank::Fixed(rank) => (Some(rank.to_string()), None),
            Rank::Growing { first, last } => (Some(format!("[{first}, {last}]")), None),
            Rank::Energy(energy) => (None, Some(decimal(energy))),
        };
        self.optional("rank", rank);
        self.optional("energy", energy);
        self.key("center", basis.center.to_string());
    }

    fn physics(&mut self, case: &Case) {
        let Some(Physics::StraightRays(rays)) = &case.physics else { return };
        self.section("physics");
        self.key("kind", text("straight-rays"));
        let background = rays.background.map(|s| {
            let unit = self.property.unit;
            let y = exact(s, unit.from_si(s), |y| unit.to_si(y));
            if unit.to_si(y) == s { format!("\"{} {unit}\"", decimal(y)) } else { format!("\"{} s/m\"", decimal(s)) }
        });
        self.optional("background", background);
        for (path, arrays) in [("physics.sources", &rays.sources), ("physics.receivers", &rays.receivers)] {
            arrays.iter().for_each(|array| self.antennas(path, array, case));
        }
    }

    fn antennas(&mut self, path: &'static str, array: &Antennas, case: &Case) {
        self.item(path);
        match array {
            Antennas::Points(points) => {
                let points = points.iter().map(|point| list(point.map(length)));
                self.key("points", list(points));
            }
            Antennas::Side { side, count, first, last } => {
                self.key("side", word(&words::sides(case.grid.plane), *side));
                self.key("count", count.to_string());
                self.key("first", length(*first));
                self.key("last", length(*last));
            }
        }
    }

    fn data(&mut self, data: Option<&Data>) {
        let Some(data) = data else { return };
        self.section("data");
        let file = match &data.source {
            DataSource::Reference => None,
            DataSource::CommandLine => Some(text("--data")),
            DataSource::File(file) => Some(path(file)),
        };
        self.optional("file", file);
        let noise = match data.noise {
            Noise::Relative(fraction) => format!("{} %", percent(fraction)),
            Noise::RelativeToMean(fraction) => format!("{} % of mean", percent(fraction)),
            Noise::Absolute(sigma) => time(sigma),
            Noise::File => "file".into(),
            Noise::Free => "none".into(),
        };
        self.key("noise", text(&noise));
        self.key("noise_level", word(&words::NOISE_LEVELS, data.noise_level));
        self.section("data.statics");
        self.key("source", text(&time(data.source_statics)));
        self.key("receiver", text(&time(data.receiver_statics)));
        self.columns(&data.columns);
    }

    fn columns(&mut self, columns: &Columns) {
        let name = |name: &Option<String>| name.as_deref().map(text);
        self.section("data.columns");
        self.optional("id", name(&columns.id));
        for (i, key) in ["source_x", "source_y", "source_z"].into_iter().enumerate() {
            self.optional(key, name(&columns.source[i]));
        }
        for (i, key) in ["receiver_x", "receiver_y", "receiver_z"].into_iter().enumerate() {
            self.optional(key, name(&columns.receiver[i]));
        }
        self.key("time", text(&columns.time));
        self.optional("sigma", name(&columns.sigma));
        self.key("length_unit", text(columns.length_unit.name));
        self.key("time_unit", text(columns.time_unit.name));
    }

    fn feasible(&mut self, feasible: Option<&Feasible>) {
        let Some(feasible) = feasible else { return };
        self.section("feasible");
        self.map(feasible);
    }

    fn map(&mut self, feasible: &Feasible) {
        let window = match feasible.window {
            Window::Box(cells) => list(cells.map(|n| n.to_string())),
            Window::Disk { radius } => format!("\"disk {radius}\""),
        };
        self.key("window", window);
        self.key("neighbours", feasible.neighbours.to_string());
        self.key("library", feasible.library.to_string());
        self.key("fraction", decimal(feasible.fraction));
        self.key("labels", word(&words::LABELS, feasible.labels));
        let aggregation = match feasible.aggregation {
            Aggregation::Mode { bins } => format!("\"mode {bins}\""),
            other => word(&words::AGGREGATIONS, other),
        };
        self.key("aggregation", aggregation);
        let features = match feasible.features {
            Features::All => "all".into(),
            Features::Subset(n) => format!("subset {n}"),
            Features::Projection(n) => format!("projection {n}"),
        };
        self.key("features", text(&features));
    }

    fn inversion(&mut self, inversion: &Inversion) {
        let weight = |weight| match weight {
            Weight::Auto => text("auto"),
            Weight::Fixed(w) => decimal(w),
        };
        self.section("inversion");
        self.key("iterations", inversion.iterations.to_string());
        self.key("steps", inversion.steps.to_string());
        self.key("regularizer", word(&words::REGULARIZERS, inversion.regularizer));
        self.key("weight", weight(inversion.weight));
        self.key("coupling", weight(inversion.coupling));
        self.key("tolerance", decimal(inversion.tolerance));
        self.key("return", word(&words::RETURNS, inversion.returned));
        self.key("cross_validation", inversion.cross_validation.to_string());
        self.key("truncation_error", inversion.truncation_error.to_string());
        self.key("feasible", word(&words::APPLIES, inversion.apply));
    }

    fn reference(&mut self, case: &Case) {
        let Some(reference) = &case.reference else { return };
        self.section("reference");
        if let ReferenceSource::Scenario(scenario) = reference.source {
            self.key("scenario", text(&case.scenarios[scenario].name));
        }
        self.key("seed", reference.seed.to_string());
    }

    fn mapping(&mut self, mapping: Option<&Mapping>) {
        let Some(mapping) = mapping else { return };
        self.section("mapping");
        self.key("references", mapping.references.to_string());
        for variant in &mapping.variants {
            self.item("mapping.variant");
            self.key("name", text(&variant.name));
            self.map(&variant.feasible);
        }
    }
}

/// The number with fewest digits near `guess` that is read as `target`; `guess` where there is none.
fn exact(target: f64, guess: f64, read: impl Fn(f64) -> f64) -> f64 {
    let rounded = (0..17).filter_map(|digits| format!("{guess:.digits$e}").parse::<f64>().ok());
    let mut neighbours = vec![guess];
    for _ in 0..4 {
        neighbours.insert(0, neighbours[0].next_down());
        neighbours.push(neighbours[neighbours.len() - 1].next_up());
    }
    rounded.chain(neighbours).find(|&y| read(y) == target).unwrap_or(guess)
}

/// A number as TOML and the quantities read it.
fn decimal(x: f64) -> String {
    if x == 0.0 || (1e-5..1e15).contains(&x.abs()) { format!("{x}") } else { format!("{x:e}") }
}

fn length(x: f64) -> String {
    format!("\"{} m\"", decimal(x))
}

/// A time in the unit that makes it shortest.
fn time(si: f64) -> String {
    let candidates = Dimension::Time.units().filter(|u| ["s", "ms", "us", "ns"].contains(&u.name));
    let written = candidates.filter_map(|unit| {
        let y = exact(si, unit.from_si(si), |y| unit.to_si(y));
        (unit.to_si(y) == si).then(|| format!("{} {unit}", decimal(y)))
    });
    written.min_by_key(String::len).unwrap_or_else(|| format!("{} s", decimal(si)))
}

fn percent(fraction: f64) -> String {
    decimal(exact(fraction, fraction * 100.0, |y| y * 0.01))
}

fn text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn path(path: &Path) -> String {
    text(&path.to_string_lossy())
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// The word for a choice.
fn word<T: Copy + PartialEq>(words: &[(&str, T)], choice: T) -> String {
    text(words.iter().find(|(_, c)| *c == choice).map_or("", |(word, _)| word))
}
