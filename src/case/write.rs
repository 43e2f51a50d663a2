//! A case becomes TOML again, every key explicit, so that reading it gives an equal case.

use std::mem;
use std::path::Path;

use super::file::*;
use super::variants::quoted;
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
    match &case.stack {
        None => case.scenarios.iter().for_each(|scenario| writer.scenario(scenario, &SCENARIO)),
        Some(stack) => writer.stack(stack),
    }
    writer.prior(&case.prior);
    writer.hard_data(case.hard_data.as_ref());
    writer.basis(&case.basis);
    writer.groups(case.groups.as_ref());
    writer.physics(case);
    case.observations.iter().for_each(|observation| writer.observation(observation, case));
    writer.data(case.data.as_ref());
    writer.feasible(case.feasible.as_ref());
    writer.discrete(case.discrete.as_ref());
    writer.selection(case.selection.as_ref());
    writer.verdict(case.verdict);
    writer.inversion(&case.inversion, &case.scenarios);
    writer.reference(case);
    writer.mapping(case.mapping.as_ref());
    writer.approximation(case.approximation.as_ref());
    case.sweeps.iter().for_each(|sweep| writer.sweep(sweep));
    case.published.iter().for_each(|published| writer.published(published));
    case.variants.iter().filter(|variant| !variant.is_swept).for_each(|variant| writer.variant(variant));
    writer.lines
}

/// All lines of the case of a signal.
pub(super) fn signal_lines(signal: &Signal) -> Vec<Line> {
    let mut lines = Vec::new();
    let section = |path| Line::Section { path, in_list: false };
    let key = |key, value| Line::Key { key, value: Some(value) };
    let counts = |values: &[usize]| list(values.iter().map(usize::to_string));
    lines.extend([
        key("format", "1".into()),
        key("name", text(&signal.name)),
        key("title", text(&signal.title)),
        key("seed", signal.seed.to_string()),
        section("signal"),
        key("entries", signal.entries.to_string()),
        key("group", signal.group.to_string()),
        key("active", numbers(&signal.active)),
        key("measurements", counts(&signal.measurements)),
        key("sigma", decimal(signal.sigma)),
    ]);
    for method in &signal.methods {
        lines.push(Line::Section { path: "method", in_list: true });
        lines.extend([key("name", text(&method.name)), key("group", method.group.to_string())]);
    }
    if let Some(weights) = &signal.weights {
        lines.extend([
            section("weights"),
            key("method", text(&signal.methods[weights.method].name)),
            key("measurements", weights.measurements.to_string()),
            key("least", decimal(weights.least)),
            key("largest", decimal(weights.largest)),
            key("count", weights.count.to_string()),
        ]);
    }
    lines.extend([section("reference"), key("seed", signal.reference.to_string())]);
    lines
}

/// Names of the sections of a scenario, or of a type of geology.
struct Names {
    item: &'static str,
    image: &'static str,
    gaussian: &'static str,
    structure: &'static str,
    indicator: &'static str,
    indicator_variogram: &'static str,
    indicator_structure: &'static str,
    variability: &'static str,
    variability_structure: &'static str,
}

const SCENARIO: Names = Names {
    item: "scenario",
    image: "scenario.image",
    gaussian: "scenario.gaussian",
    structure: "scenario.gaussian.structure",
    indicator: "scenario.indicator",
    indicator_variogram: "scenario.indicator.variogram",
    indicator_structure: "scenario.indicator.variogram.structure",
    variability: "scenario.variability",
    variability_structure: "scenario.variability.structure",
};

const TYPE: Names = Names {
    item: "type",
    image: "type.image",
    gaussian: "type.gaussian",
    structure: "type.gaussian.structure",
    indicator: "type.indicator",
    indicator_variogram: "type.indicator.variogram",
    indicator_structure: "type.indicator.variogram.structure",
    variability: "type.variability",
    variability_structure: "type.variability.structure",
};

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

    fn stack(&mut self, stack: &Stack) {
        stack.types.iter().for_each(|described| self.scenario(described, &TYPE));
        for unit in &stack.units {
            self.item("unit");
            self.key("name", text(&unit.name));
            self.key("layers", format!("[{}, {}]", unit.layers.start + 1, unit.layers.end));
            self.key("types", list(unit.types.iter().map(|&t| text(&stack.types[t].name))));
        }
    }

    fn scenario(&mut self, scenario: &Scenario, names: &Names) {
        self.item(names.item);
        self.key("name", text(&scenario.name));
        self.key("azimuth", decimal(scenario.azimuth));
        self.key("scale", decimal(scenario.scale));
        match &scenario.geology {
            Geology::ImageFile(file) if file.variable.is_none() && file.cells.is_none() => {
                self.key("image", path(&file.path));
            }
            Geology::ImageFile(file) => {
                self.section(names.image);
                self.key("file", path(&file.path));
                self.optional("variable", file.variable.as_deref().map(text));
                self.optional("cells", file.cells.map(|cells| list(cells.map(|n| n.to_string()))));
            }
            Geology::GeneratedImage(image) => {
                self.section(names.image);
                self.image(image);
            }
            Geology::Gaussian(gaussian) => {
                self.section(names.gaussian);
                let mean = self.value(gaussian.mean);
                self.gaussian(gaussian, mean, names.structure);
            }
            Geology::Indicator(indicator) => self.indicator(indicator, names),
            // Combinations of units are written as these.
            Geology::Stacked(_) => {}
        }
        for gaussian in &scenario.variability {
            self.item(names.variability);
            let d = self.property.difference();
            let mean = decimal(exact(gaussian.mean, gaussian.mean / d, |y| y * d));
            self.gaussian(gaussian, mean, names.variability_structure);
        }
    }

    fn gaussian(&mut self, gaussian: &Gaussian, mean: String, structure: &'static str) {
        let d = self.property.difference();
        let variance = exact(gaussian.variance, gaussian.variance / d / d, |y| self.property.carried_variance(y));
        if gaussian.distribution.is_empty() {
            self.key("mean", mean);
            self.key("variance", decimal(variance));
        } else {
            self.key("distribution", list(gaussian.distribution.iter().map(|&u| self.value(u))));
        }
        self.correlation(gaussian.nugget, &gaussian.structures, structure);
    }

    fn indicator(&mut self, indicator: &Indicator, names: &Names) {
        self.section(names.indicator);
        self.key("proportions", list(indicator.proportions.iter().map(|&p| decimal(p))));
        for variogram in &indicator.variograms {
            self.item(names.indicator_variogram);
            self.correlation(variogram.nugget, &variogram.structures, names.indicator_structure);
        }
    }

    fn correlation(&mut self, nugget: f64, structures: &[Structure], structure: &'static str) {
        self.key("nugget", decimal(nugget));
        for nested in structures {
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
        let condition = match prior.condition {
            Condition::Nothing => "false".into(),
            Condition::HardData => text("hard-data"),
            Condition::All => "true".into(),
        };
        self.key("condition", condition);
        match &prior.method {
            Method::Gaussian => self.key("method", text("gaussian")),
            Method::Sgsim(sgsim) => {
                self.key("method", text("sgsim"));
                self.section("prior.sgsim");
                self.sequential(sgsim);
            }
            Method::Sisim => self.key("method", text("sisim")),
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
        if let Some(sisim) = &prior.sisim {
            self.section("prior.sisim");
            self.sequential(sisim);
        }
    }

    fn sequential(&mut self, sequential: &Sequential) {
        self.key("kriging", word(&words::KRIGINGS, sequential.kriging));
        self.key("neighbours", sequential.neighbours.to_string());
    }

    fn hard_data(&mut self, hard_data: Option<&HardData>) {
        let Some(hard_data) = hard_data else { return };
        self.section("hard_data");
        self.optional("file", hard_data.file.as_deref().map(path));
        self.key("observed", hard_data.observed.to_string());
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
        let same = |(_, kind): &&(&str, BasisKind)| mem::discriminant(kind) == mem::discriminant(&basis.kind);
        self.key("kind", words::BASES.iter().find(same).map_or_else(String::new, |(word, _)| text(word)));
        let counts = |counts: [usize; 3]| list(counts.map(|n| n.to_string()));
        match basis.kind {
            BasisKind::Dct { lowest: Some(lowest) } => self.key("box", counts(lowest)),
            BasisKind::Wavelet { vanishing_moments, window } => {
                self.key("vanishing_moments", vanishing_moments.to_string());
                self.optional("window", window.map(counts));
            }
            BasisKind::Zonation { zones, refined } => {
                self.key("zones", counts(zones));
                self.optional("refined_zones", refined.map(|n| n.to_string()));
            }
            BasisKind::Cells => {}
            BasisKind::KSvd(dictionary) => self.dictionary(&dictionary),
            _ => self.rank(basis.rank),
        }
        self.key("center", basis.center.to_string());
    }

    fn groups(&mut self, groups: Option<&Groups>) {
        let Some(groups) = groups else { return };
        self.section("groups");
        match groups {
            Groups::Tree => self.key("kind", text("tree")),
            Groups::SparsePca { count, members } => {
                self.key("kind", text("sparse-pca"));
                self.key("count", count.to_string());
                self.key("members", decimal(*members));
            }
        }
    }

    fn dictionary(&mut self, dictionary: &Dictionary) {
        self.key("atoms", dictionary.atoms.to_string());
        self.key("sparsity", dictionary.sparsity.to_string());
        self.key("learned_rank", dictionary.learned_rank.to_string());
        self.key("iterations", dictionary.iterations.to_string());
        self.key("updates", word(&words::UPDATES, dictionary.exact));
    }

    fn rank(&mut self, rank: Rank) {
        let (rank, energy) = match rank {
            Rank::Fixed(rank) => (Some(rank.to_string()), None),
            Rank::Growing { first, last } => (Some(format!("[{first}, {last}]")), None),
            Rank::Energy(energy) => (None, Some(decimal(energy))),
        };
        self.optional("rank", rank);
        self.optional("energy", energy);
    }

    fn physics(&mut self, case: &Case) {
        match &case.physics {
            None => {}
            Some(Physics::StraightRays(rays)) => self.straight_rays(rays, case),
            Some(Physics::Groundwater(flow)) => self.groundwater(flow, case.grid.cells[2]),
            Some(Physics::Map) => {
                self.section("physics");
                self.key("kind", text("map"));
            }
        }
    }

    fn groundwater(&mut self, flow: &Groundwater, layers: usize) {
        self.section("physics");
        self.key("kind", text("groundwater"));
        self.key("anisotropy", decimal(flow.anisotropy));
        let (storativity, specific) = match flow.storage {
            None => (None, None),
            Some(Storage::Storativity(s)) => (Some(decimal(s)), None),
            Some(Storage::Specific(s)) => (None, Some(format!("\"{} 1/m\"", decimal(s)))),
        };
        self.optional("storativity", storativity);
        self.optional("specific_storage", specific);
        let initial = match flow.initial {
            InitialHead::Steady => text("steady"),
            InitialHead::Uniform(head) => length(head),
        };
        self.key("initial_head", initial);
        if !flow.inactive.is_empty() {
            self.key("inactive", list(flow.inactive.iter().map(block)));
        }
        if flow.uncertain.any() {
            self.section("physics.uncertain");
            self.key("mean", decimal(flow.uncertain.mean));
            self.key("storage", decimal(flow.uncertain.storage));
            self.key("storage_variation", decimal(flow.uncertain.storage_variation));
            self.key("rate", decimal(flow.uncertain.rate));
        }
        if let Some(time) = &flow.time {
            self.section("physics.time");
            match time {
                TimeSteps::Ends(ends) => self.key("ends", list(ends.iter().map(|&t| seconds(t)))),
                TimeSteps::Growing { count, first, growth } => {
                    self.key("steps", count.to_string());
                    self.key("first", seconds(*first));
                    self.key("growth", decimal(*growth));
                }
            }
        }
        flow.boundaries.iter().for_each(|boundary| self.boundary(boundary));
        flow.wells.iter().for_each(|well| self.well(well, layers));
    }

    fn boundary(&mut self, boundary: &Boundary) {
        self.item("physics.boundary");
        if let Some(side) = boundary.place.side() {
            self.key("side", word(&words::FACES, side));
        }
        match &boundary.place {
            BoundaryPlace::Side(_) => {}
            BoundaryPlace::Box(block) | BoundaryPlace::PartOfSide { block, .. } => self.key("box", self::block(block)),
            BoundaryPlace::Cells(cells) | BoundaryPlace::FacesOfCells { cells, .. } => {
                self.key("cells", list(cells.iter().map(|cell| numbers(cell))))
            }
        }
        match boundary.condition {
            BoundaryCondition::NoFlow => self.key("no_flow", "true".into()),
            BoundaryCondition::HeadInCells(head) => {
                self.key("head", length(head));
                self.key("on", word(&words::HEADS_ON, false));
            }
            BoundaryCondition::HeadOnFaces(head) => {
                self.key("head", length(head));
                self.key("on", word(&words::HEADS_ON, true));
            }
            BoundaryCondition::FluxDensity(flux) => self.key("flux", format!("\"{} m/s\"", decimal(flux))),
            BoundaryCondition::Inflow(rate) => self.key("inflow", self::rate(rate)),
        }
    }

    fn well(&mut self, well: &Well, layers: usize) {
        self.item("physics.well");
        self.key("name", text(&well.name));
        self.key("cell", numbers(&well.column));
        self.key("layers", self::layers(&well.layers, layers));
        match &well.control {
            Control::Rate(rate) => self.key("rate", self::rate(*rate)),
            Control::Schedule(rates) => {
                let pairs = rates.iter().map(|&(start, rate)| list([seconds(start), self::rate(rate)]));
                self.key("rate", list(pairs));
            }
            Control::Head(head) => self.key("head", length(*head)),
        }
        self.optional("radius", well.radius.map(length));
        self.key("split", word(&words::SPLITS, well.split));
    }

    fn observation(&mut self, observation: &Observation, case: &Case) {
        self.item("observation");
        self.key("kind", word(&words::OBSERVATIONS, observation.kind));
        match &observation.places {
            Places::Columns(columns) => self.key("cells", list(columns.iter().map(|column| numbers(column)))),
            Places::Random { count, seed } => self.key("random", format!("{{ count = {count}, seed = {seed} }}")),
            Places::Lattice([x, y]) => self.key("lattice", format!("[{x}, {y}]")),
            Places::Everywhere => self.key("everywhere", "true".into()),
            Places::Wells(wells) => {
                let Some(Physics::Groundwater(flow)) = &case.physics else { return };
                self.key("wells", list(wells.iter().map(|&w| text(&flow.wells[w].name))));
            }
        }
        if !observation.kind.is_of_wells() {
            self.key("layers", layers(&observation.layers, case.grid.cells[2]));
        }
        let times = match observation.times.as_slice() {
            [] => text("all"),
            times => list(times.iter().map(|&t| seconds(t))),
        };
        self.key("times", times);
        let absolute = |sigma| match observation.kind.measure(self.property) {
            Some(dimension) => format!("{} {}", decimal(sigma), dimension.si()),
            None => decimal(sigma),
        };
        let noise = observation.noise.map(|noise| text(&self::noise(noise, absolute)));
        self.optional("noise", noise);
    }

    fn straight_rays(&mut self, rays: &StraightRays, case: &Case) {
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
        let noise = match data.tests {
            Some(_) => self::noise(data.noise, |sigma| format!("{} m", decimal(sigma))),
            None => self::noise(data.noise, time),
        };
        self.key("noise", text(&noise));
        self.key("noise_level", word(&words::NOISE_LEVELS, data.noise_level));
        self.section("data.statics");
        self.key("source", text(&time(data.source_statics)));
        self.key("receiver", text(&time(data.receiver_statics)));
        self.columns(&data.columns);
        if let Some(tests) = &data.tests {
            self.tests(tests);
        }
    }

    fn tests(&mut self, tests: &Tests) {
        let columns = &tests.columns;
        self.section("data.tests");
        let names = [
            ("list", &columns.tests_file),
            ("wells", &columns.wells_file),
            ("series", &columns.series_file),
            ("test", &columns.test),
            ("pumped", &columns.pumped),
            ("rate", &columns.rate),
            ("well", &columns.well),
            ("x", &columns.x),
            ("y", &columns.y),
        ];
        names.into_iter().for_each(|(key, name)| self.key(key, text(name)));
        self.optional("radius", columns.radius.as_deref().map(text));
        let names = [("observed", &columns.observed), ("time", &columns.time), ("drawdown", &columns.drawdown)];
        names.into_iter().for_each(|(key, name)| self.key(key, text(name)));
        self.key("length_unit", text(columns.length_unit.name));
        self.key("time_unit", text(columns.time_unit.name));
        self.key("rate_unit", text(columns.rate_unit.name));
        self.key("samples", tests.samples.to_string());
        self.key("from", seconds(tests.from));
        self.key("series_error", length(tests.series_error));
        self.key("leave_out", list(tests.left_out.iter().map(|name| text(name))));
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
        self.key("refine", feasible.refine.map_or("false".into(), decimal));
        self.key("respect_hard_data", feasible.respect_hard_data.to_string());
        self.key("repair", word(&words::REPAIRS, feasible.repair));
    }

    fn discrete(&mut self, discrete: Option<&Discrete>) {
        let Some(discrete) = discrete else { return };
        self.section("discrete");
        let (potential, weights) = match &discrete.potential {
            Potential::Quartic(weights) => ("quartic", Some(list(weights.iter().map(|&w| decimal(w))))),
            Potential::Tukey => ("tukey", None),
            Potential::TruncatedQuadratic => ("truncated-quadratic", None),
            Potential::GemanMcClure => ("geman-mcclure", None),
        };
        self.key("potential", text(potential));
        self.optional("weights", weights);
        self.key("first", decimal(discrete.first));
        self.key("factor", decimal(discrete.factor));
        self.key("last", discrete.last.map_or_else(|| text("none"), decimal));
    }

    fn selection(&mut self, selection: Option<&Selection>) {
        let Some(selection) = selection else { return };
        self.section("selection");
        self.key("by", word(&words::SELECTED_BY, selection.by));
        self.rank(selection.rank);
        self.key("iterations", selection.iterations.to_string());
        self.key("steps", selection.steps.to_string());
        self.key("regularizer", word(&words::REGULARIZERS, selection.regularizer));
        self.key("weight", weight(selection.weight));
        self.key("threshold", decimal(selection.threshold));
    }

    fn verdict(&mut self, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        self.section("verdict");
        self.key("by", word(&words::JUDGED_BY, verdict.by));
        self.key("simulations", verdict.simulations.to_string());
    }

    fn inversion(&mut self, inversion: &Inversion, scenarios: &[Scenario]) {
        self.section("inversion");
        self.key("iterations", inversion.iterations.to_string());
        self.key("steps", inversion.steps.to_string());
        self.key("regularizer", word(&words::REGULARIZERS, inversion.regularizer));
        self.key("weight", weight(inversion.weight));
        self.key("weight_factor", decimal(inversion.weight_factor));
        self.key("coupling", weight(inversion.coupling));
        self.key("coupling_factor", decimal(inversion.coupling_factor));
        let start = match inversion.start {
            Start::Mean => "mean".into(),
            Start::Zero => "zero".into(),
            Start::Uniform(size) => format!("uniform {}", decimal(size)),
            Start::Scenario(i) => format!("scenario {}", scenarios[i].name),
        };
        self.key("start", text(&start));
        self.key("tolerance", decimal(inversion.tolerance));
        self.key("return", word(&words::RETURNS, inversion.returned));
        self.key("cross_validation", inversion.cross_validation.to_string());
        self.key("truncation_error", inversion.truncation_error.to_string());
        self.key("feasible", word(&words::APPLIES, inversion.apply));
    }

    fn reference(&mut self, case: &Case) {
        let Some(reference) = &case.reference else { return };
        self.section("reference");
        let name = |&i: &usize| text(&case.scenarios[i].name);
        match &reference.source {
            ReferenceSource::Scenario(scenario) => self.key("scenario", name(scenario)),
            ReferenceSource::Random => self.key("scenario", text("random")),
            ReferenceSource::Mixed(scenarios) => self.key("scenario", list(scenarios.iter().map(name))),
            ReferenceSource::Gaussian(_) => {}
        }
        self.key("seed", reference.seed.to_string());
        if let ReferenceSource::Gaussian(gaussian) = &reference.source {
            self.section("reference.gaussian");
            self.gaussian(gaussian, self.value(gaussian.mean), "reference.gaussian.structure");
        }
    }

    fn mapping(&mut self, mapping: Option<&Mapping>) {
        let Some(mapping) = mapping else { return };
        self.section("mapping");
        self.key("references", mapping.references.to_string());
        self.optional("iteration", mapping.iteration.map(|k| k.to_string()));
        for variant in &mapping.variants {
            self.item("mapping.variant");
            self.key("name", text(&variant.name));
            self.map(&variant.feasible);
        }
    }

    fn approximation(&mut self, approximation: Option<&Approximation>) {
        let Some(approximation) = approximation else { return };
        self.section("approximation");
        self.key("references", approximation.references.to_string());
        self.key("energies", list(approximation.energies.iter().map(|&e| decimal(e))));
    }

    fn variant(&mut self, variant: &Variant) {
        self.item("variant");
        self.key("name", text(&variant.name));
        self.key("set", set(&variant.set));
    }

    fn published(&mut self, published: &Published) {
        self.item("published");
        self.key("what", word(&words::PUBLISHED, published.what));
        self.key("row", text(&published.row));
        self.key("values", list(published.values.iter().map(|&x| decimal(x))));
    }

    fn sweep(&mut self, sweep: &Sweep) {
        self.item("sweep");
        self.key("name", text(&sweep.name));
        let choice = |choice: &Choice| format!("{{ name = {}, set = {} }}", text(&choice.name), set(&choice.set));
        self.key("choice", list(sweep.choices.iter().map(choice)));
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

/// A time in seconds, exactly.
fn seconds(x: f64) -> String {
    format!("\"{} s\"", decimal(x))
}

fn rate(x: f64) -> String {
    format!("\"{} m3/s\"", decimal(x))
}

/// Numbers of a cell or column, from 1.
fn numbers(cell: &[usize]) -> String {
    list(cell.iter().map(|i| (i + 1).to_string()))
}

/// The first cell of a block and its last.
fn block(block: &Block) -> String {
    list([numbers(&block.first), numbers(&block.last)])
}

/// Numbers of layers, from 1, of `of` in all.
fn layers(layers: &[usize], of: usize) -> String {
    if layers.len() == of { text("all") } else { numbers(layers) }
}

fn weight(weight: Weight) -> String {
    match weight {
        Weight::Fixed(w) => decimal(w),
        chosen => word(&words::WEIGHTS, chosen),
    }
}

/// Changed keys as a table on one line.
fn set(changes: &[(String, String)]) -> String {
    let entries: Vec<_> = changes.iter().map(|(key, value)| format!("{} = {value}", quoted(key))).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn noise(noise: Noise, absolute: impl Fn(f64) -> String) -> String {
    match noise {
        Noise::Relative(fraction) => format!("{} %", percent(fraction)),
        Noise::RelativeToMean(fraction) => format!("{} % of mean", percent(fraction)),
        Noise::Absolute(sigma) => absolute(sigma),
        Noise::File => "file".into(),
        Noise::Free => "none".into(),
    }
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
    text(words::word(words, choice))
}
