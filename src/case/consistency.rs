//! Keys that are right by themselves and contradict each other.

use std::collections::BTreeSet;

use super::diagnostics::Collector;
use super::file::*;
use super::study::basis_columns;
use crate::error::Error;
use crate::grid::Plane;
use crate::inversion::LEAST_SIMULATIONS;
use crate::units::Transform;

mod flow;
mod observations;

/// Cells of the largest grid on which a basis is tried out.
const MOST_TRIED: usize = 10_000_000;

/// Reports every contradiction between sound keys.
pub(super) fn check(case: &Case, collector: &Collector) {
    let check = Check { case, collector };
    check.grid();
    check.scenarios();
    check.stack();
    check.prior();
    check.hard_data();
    check.basis();
    check.survey();
    check.observations();
    check.data();
    check.inversion();
    check.selection();
    check.verdict();
    check.reference();
    check.mapping();
    check.approximation();
    if let Some(feasible) = &case.feasible {
        check.feasible("feasible", feasible);
    }
    check.discrete();
    check.dictionary();
    check.parts();
}

struct Check<'a> {
    case: &'a Case,
    collector: &'a Collector,
}

impl Check<'_> {
    /// Reports a contradiction at `key` unless one of the keys `from` has a mistake of its own.
    fn require(&self, holds: bool, from: &[&str], key: &str, problem: impl Into<String>, remedy: &str) {
        let key = &self.collector.in_file(key);
        if !holds && self.collector.sound(from) && self.collector.sound(&[key]) {
            self.collector.contradiction(key, problem, remedy);
        }
    }

    fn grid(&self) {
        let grid = &self.case.grid;
        let flat = grid.plane == Plane::Xy || grid.is_2d();
        let problem = format!("nz is {}, but a section (plane = \"xz\") has nz = 1", grid.cells[2]);
        self.require(flat, &["grid.plane"], "grid.cells", problem, "write cells = [nx, nz]");
    }

    fn scenarios(&self) {
        if self.case.stack.is_some() {
            return;
        }
        let problem = format!("{} scenarios are too many", self.case.scenarios.len());
        let fits = self.case.scenarios.len() <= MOST_SCENARIOS;
        self.require(fits, &[], "scenario", problem, &format!("give at most {MOST_SCENARIOS}"));
        let mut names = BTreeSet::new();
        for (i, scenario) in self.case.scenarios.iter().enumerate() {
            let key = |key: &str| format!("scenario[{}].{key}", i + 1);
            let is_new = names.insert(&scenario.name);
            let problem = format!("two scenarios are called \"{}\"", scenario.name);
            self.require(is_new, &[], &key("name"), problem, "give every scenario a name of its own");
            self.geology(scenario, &key);
        }
    }

    /// The scenarios, or the types of geology that they are stacked from: the name of their section, and they.
    fn described(&self) -> (&'static str, &[Scenario]) {
        match &self.case.stack {
            Some(stack) => ("type", &stack.types),
            None => ("scenario", &self.case.scenarios),
        }
    }

    fn stack(&self) {
        let Some(stack) = &self.case.stack else { return };
        let mut next = 0;
        for (i, unit) in stack.units.iter().enumerate() {
            let (first, last) = (unit.layers.start + 1, unit.layers.end);
            let problem = format!("layers {first} to {last} do not begin on layer {}", next + 1);
            let key = format!("unit[{}].layers", i + 1);
            let remedy = "give the units from the lowest on, without gaps";
            self.require(unit.layers.start == next, &["grid", "unit"], &key, problem, remedy);
            next = unit.layers.end;
        }
        let layers = self.case.grid.cells[2];
        let problem = format!("the units fill {next} of {layers} layers");
        let remedy = "let the last unit end with the highest layer";
        self.require(next == layers || stack.units.is_empty(), &["grid", "unit"], "unit", problem, remedy);
        let problem = "units and types combine to too many scenarios";
        let fits = !self.case.scenarios.is_empty() || stack.units.is_empty() || stack.types.is_empty();
        self.require(fits, &["unit", "type"], "unit", problem, &format!("at most {MOST_SCENARIOS}"));
        for (i, described) in stack.types.iter().enumerate() {
            let key = |key: &str| format!("type[{}].{key}", i + 1);
            let problem = format!("two types are called \"{}\"", described.name);
            let is_new = stack.types[..i].iter().all(|other| other.name != described.name);
            self.require(is_new, &[], &key("name"), problem, "give every type a name of its own");
            self.geology(described, &key);
        }
    }

    fn geology(&self, scenario: &Scenario, key: &dyn Fn(&str) -> String) {
        let k = self.case.property.facies.len();
        let from = ["property"];
        match &scenario.geology {
            Geology::Gaussian(gaussian) => {
                let problem = "a Gaussian field has no facies, but property.facies gives facies their values";
                self.require(k == 0, &from, &key("gaussian"), problem, "remove property.facies, or give an image");
                let flat = scenario.variability.is_empty();
                let problem = "a Gaussian field has no facies to vary in";
                self.require(flat, &from, &key("variability"), problem, "add a nested structure instead");
                self.shares(gaussian.nugget, &gaussian.structures, &key("gaussian"));
            }
            Geology::Indicator(indicator) => self.indicator(indicator, key),
            Geology::Stacked(_) => {}
            Geology::ImageFile(_) => self.has_facies(&key("image"), "an image has"),
            Geology::GeneratedImage(image) => {
                self.has_facies(&key("image"), "an image has");
                let problem = format!("a generated image has 2 facies, but property.facies has {k} values");
                let remedy = "give the values of background and objects";
                self.require(k == 0 || k == 2, &from, "property.facies", problem, remedy);
                let flat = !self.case.grid.is_2d() || image.cells[2] == 1;
                let problem = format!("the image has {} layers, but the grid has one", image.cells[2]);
                self.require(flat, &["grid"], &key("image.cells"), problem, "write cells = [nx, ny]");
            }
        }
        let v = scenario.variability.len();
        let problem = format!("{v} Gaussian fields for {k} facies");
        self.require(v == 0 || v == k || k == 0, &from, &key("variability"), problem, "give one a facies, or none");
        for (i, gaussian) in scenario.variability.iter().enumerate() {
            self.shares(gaussian.nugget, &gaussian.structures, &key(&format!("variability[{}]", i + 1)));
        }
    }

    fn indicator(&self, indicator: &Indicator, key: &dyn Fn(&str) -> String) {
        self.has_facies(&key("indicator"), "indicators have");
        let (k, proportions) = (self.case.property.facies.len(), indicator.proportions.len());
        let problem = format!("{proportions} proportions for {k} facies");
        let remedy = "give one a facies";
        self.require(proportions == k || k == 0, &["property"], &key("indicator.proportions"), problem, remedy);
        let (count, at) = (indicator.variograms.len(), key("indicator.variogram"));
        let from = key("indicator.proportions");
        let problem = format!("{count} variograms for {proportions} facies");
        let fits = count == 1 || count == proportions;
        self.require(fits, &[&from], &at, problem, "give one a facies, or one for all");
        let problem = "two facies have one indicator variogram, since each is where the other is not";
        let fits = !(count == 2 && proportions == 2);
        self.require(fits, &[&from], &at, problem, "give one");
        for (i, variogram) in indicator.variograms.iter().enumerate() {
            let key = key(&format!("indicator.variogram[{}]", i + 1));
            self.shares(variogram.nugget, &variogram.structures, &key);
        }
    }

    fn has_facies(&self, key: &str, what: &str) {
        let problem = format!("{what} facies, but property.facies does not say what they mean");
        let fits = self.case.property.has_facies();
        self.require(fits, &["property"], key, problem, "add facies = [...] to [property]");
    }

    fn shares(&self, nugget: f64, structures: &[Structure], key: &str) {
        let sum = nugget + structures.iter().map(|s| s.share).sum::<f64>();
        let problem = format!("nugget and the structures' shares sum to {sum}");
        let is_one = structures.is_empty() || (sum - 1.0).abs() < 1e-6;
        self.require(is_one, &[key], &format!("{key}.structure"), problem, "they must sum to 1");
    }

    fn prior(&self) {
        let Case { prior, grid, property, .. } = self.case;
        let (_, described) = self.described();
        let has_image = described.iter().any(|s| s.geology.has_image());
        let has_indicators = prior.sisim.is_some();
        let of_variograms = match prior.method {
            Method::Gaussian | Method::Sgsim(_) => Some(("Gaussian method", false)),
            Method::Sisim => Some(("simulation of indicators", true)),
            Method::Snesim(_) | Method::DirectSampling(_) => None,
        };
        let (problem, remedy) = match of_variograms {
            Some((method, _)) if has_image => {
                (format!("a {method} cannot simulate from an image"), "choose \"snesim\" or \"direct-sampling\"")
            }
            Some((method, of_indicators)) if of_indicators != has_indicators => {
                let found = if has_indicators { "indicator variograms" } else { "a Gaussian field" };
                let remedy = if has_indicators { "choose \"sisim\"" } else { "choose \"gaussian\" or \"sgsim\"" };
                (format!("a {method} cannot simulate {found}"), remedy)
            }
            None if !has_image => {
                let remedy = if has_indicators { "choose \"sisim\"" } else { "choose \"gaussian\" or \"sgsim\"" };
                ("no scenario has an image to simulate from".into(), remedy)
            }
            _ => (String::new(), ""),
        };
        self.require(problem.is_empty(), &["scenario"], "prior.method", problem, remedy);
        let is_property = |o: &Observation| o.kind == ObservationKind::Property;
        let fits = match prior.condition {
            Condition::Nothing => true,
            Condition::HardData => self.case.hard_data.is_some(),
            Condition::All => {
                self.case.hard_data.is_some() || self.case.observations.iter().any(is_property) || self.reads_heads()
            }
        };
        let problem = "realizations are to honour hard data, but there are none";
        let from = ["hard_data", "observation"];
        self.require(fits, &from, "prior.condition", problem, "add [hard_data], or write false");
        if let Method::Snesim(snesim) = &prior.method {
            self.template(snesim);
            let (found, k) = (snesim.proportions.len(), property.facies.len());
            let problem = format!("{found} proportions for {k} facies");
            let fits = found == 0 || found == k;
            self.require(fits, &["property.facies"], "prior.snesim.proportions", problem, "give one a facies, or none");
        }
        let problem = format!("{} realizations of {} cells do not fit in any memory", prior.realizations, grid.len());
        let fits = prior.realizations.saturating_mul(grid.len()) < 1 << 44;
        self.require(fits, &["grid.cells"], "prior.realizations", problem, "draw fewer");
    }

    fn template(&self, snesim: &Snesim) {
        let from = ["grid.cells", "scenario"];
        let rooms = self.described().1.iter().filter_map(|s| match &s.geology {
            Geology::GeneratedImage(image) => Some(("image", image.cells)),
            _ => None,
        });
        for (what, room) in std::iter::once(("grid", self.case.grid.cells)).chain(rooms) {
            let [x, y, z] = snesim.template;
            let fits = (0..3).all(|a| snesim.template[a] <= room[a]);
            let [nx, ny, nz] = room;
            let problem = format!("a template of {x} x {y} x {z} nodes is larger than the {what}: {nx} x {ny} x {nz}");
            self.require(fits, &from, "prior.snesim.template", problem, "choose a smaller template");
        }
        let problem = "the template has no node but its centre";
        let has_nodes = snesim.template != [1, 1, 1];
        self.require(has_nodes, &from, "prior.snesim.template", problem, "[3, 3] is the smallest of use");
    }

    fn hard_data(&self) {
        let Some(hard_data) = &self.case.hard_data else { return };
        let mut cells = BTreeSet::new();
        for (i, datum) in hard_data.cells.iter().enumerate() {
            let [x, y, z] = datum.cell.map(|i| i + 1);
            let problem = format!("cell ({x}, {y}, {z}) is given twice");
            let is_new = cells.insert(datum.cell);
            self.require(is_new, &["grid"], &format!("hard_data.cells[{}]", i + 1), problem, "remove one");
        }
    }

    fn basis(&self) {
        let Case { basis, prior, scenarios, grid, inversion, .. } = self.case;
        if let BasisKind::KSvd(_) = basis.kind {
            return;
        }
        if !basis.kind.is_of_prior() {
            return self.explicit_basis();
        }
        let key = "basis.rank";
        let is_karhunen_loeve = basis.kind == BasisKind::KarhunenLoeve;
        if let Some(rank) = basis.rank.largest() {
            let n = grid.len();
            let problem = format!("rank {rank} is above the number of cells, {n}");
            self.require(rank <= n, &["grid.cells"], key, problem, "lower the rank");
            let (count, whose) = match (basis.kind, scenarios.len()) {
                (BasisKind::Pca, several) if several > 1 => (prior.realizations * several, " of all scenarios"),
                (_, several) if several > 1 => (prior.realizations, " of each scenario"),
                _ => (prior.realizations, ""),
            };
            let realizations = count - usize::from(basis.center);
            let note = if basis.center { " less one for their mean" } else { "" };
            let problem = format!("rank {rank} is above the number of realizations{whose}, {count}{note}");
            let fits = is_karhunen_loeve || rank <= realizations;
            self.require(fits, &["prior.realizations"], key, problem, "lower the rank, or draw more realizations");
        }
        if let Rank::Growing { first, last } = basis.rank {
            let problem = format!("the rank grows from {first} to {last}");
            self.require(first <= last, &[], key, problem, "write the lower rank first");
            let problem = "a rank cannot grow in one iteration";
            let grows = inversion.iterations > 1 || first == last;
            self.require(grows, &["inversion.iterations"], key, problem, "give one rank, or more iterations");
        }
        let is_one_field = match scenarios.as_slice() {
            [Scenario { geology: Geology::Gaussian(gaussian), .. }] => gaussian.distribution.is_empty(),
            _ => false,
        };
        let problem = "\"karhunen-loeve\" needs the covariance of one Gaussian scenario";
        let fits = !is_karhunen_loeve || is_one_field;
        self.require(fits, &["scenario"], "basis.kind", problem, "choose \"pca\", or one scenario with a gaussian");
        let problem = "\"karhunen-loeve\" describes departures from the mean";
        let fits = !is_karhunen_loeve || basis.center;
        self.require(fits, &["basis.kind"], "basis.center", problem, "write center = true");
    }

    /// A basis that is not made of realizations.
    fn explicit_basis(&self) {
        let Case { basis, grid, .. } = self.case;
        let key = match basis.kind {
            BasisKind::Dct { lowest: Some(_) } => "basis.box",
            BasisKind::Dct { .. } => "basis.rank",
            BasisKind::Wavelet { .. } => "basis.window",
            BasisKind::Zonation { .. } => "basis.zones",
            _ => return,
        };
        let is_fixed = matches!(basis.rank, Rank::Fixed(_));
        let problem = "the number of frequencies cannot grow or follow from an energy";
        self.require(is_fixed, &[], key, problem, "give one number");
        if let BasisKind::Zonation { zones, refined: Some(refined) } = basis.kind {
            let (first, cells) = (zones.iter().product::<usize>(), grid.len());
            let problem = format!("{refined} zones, cut from {first}, of {cells} cells");
            let remedy = format!("choose more than {first} and at most {cells}");
            self.require((first + 1..=cells).contains(&refined), &["grid"], "basis.refined_zones", &problem, &remedy);
            let remedy = "remove one of them";
            let problem = "zones follow the data, and so do their groups";
            self.require(self.case.groups.is_none(), &["groups"], "basis.refined_zones", problem, remedy);
        }
        if !self.collector.sound(&["grid", "basis"]) || grid.len() > MOST_TRIED {
            return;
        }
        let rank = basis.rank.largest().unwrap_or(1);
        if let Err(Error::Input { problem, remedy, .. }) = basis_columns(basis.kind, rank, grid) {
            self.require(false, &["grid"], key, problem, &remedy);
        }
    }

    /// Groups of coefficients, where the penalty is about them.
    fn groups(&self) {
        let Case { basis, groups, inversion, physics, grid, .. } = self.case;
        if inversion.regularizer != Regularizer::Group || physics.is_none() {
            return;
        }
        let from = ["basis", "groups", "scenario"];
        let key = "inversion.regularizer";
        let Some(groups) = groups else {
            let problem = "group sparsity needs a group of columns for each scenario, or groups of its own";
            let remedy = "write kind = \"hybrid\" in [basis], add [groups], or choose another regularizer";
            return self.require(basis.kind == BasisKind::Hybrid, &from, key, problem, remedy);
        };
        let is_transform =
            matches!(basis.kind, BasisKind::Dct { .. } | BasisKind::Wavelet { .. } | BasisKind::Zonation { .. });
        match *groups {
            Groups::Tree => {
                let problem = "only wavelets make a tree";
                let fits = matches!(basis.kind, BasisKind::Wavelet { .. });
                self.require(fits, &from, "groups.kind", problem, "write kind = \"wavelet\" in [basis]");
            }
            Groups::SparsePca { members, .. } => {
                let problem = "this basis has groups of its own, or nothing to group";
                let remedy = "write kind = \"dct\", \"wavelet\" or \"zonation\" in [basis], or remove [groups]";
                self.require(is_transform, &from, "groups.kind", problem, remedy);
                let columns = basis.kind.columns(grid).or(basis.rank.largest()).unwrap_or(0);
                let problem = format!("groups of {members} members on average, of {columns} columns");
                let fits = members <= columns as f64;
                self.require(fits, &from, "groups.members", problem, "ask for fewer, or keep more columns");
            }
        }
    }

    fn survey(&self) {
        let Case { physics, property, data, grid, .. } = self.case;
        let rays = match physics {
            Some(Physics::StraightRays(rays)) => rays,
            Some(Physics::Groundwater(flow)) => return self.groundwater(flow),
            Some(Physics::Map) => return,
            None => {
                let problem = "there is neither physics to invert nor a mapping or an approximation to make";
                let remedy = "add the section [physics], [mapping] or [approximation]";
                let fits = self.case.mapping.is_some() || self.case.approximation.is_some();
                return self.require(fits, &["mapping", "approximation"], "physics", problem, remedy);
            }
        };
        let plain = property.quantity == Quantity::Slowness && property.transform == Transform::None;
        let problem = "straight rays integrate slowness itself";
        let remedy = "write property.name = \"slowness\", transform = \"none\"";
        self.require(plain, &["property"], "physics.kind", problem, remedy);
        let from_file = data.as_ref().is_some_and(|d| d.source != DataSource::Reference);
        for (key, list) in [("physics.sources", &rays.sources), ("physics.receivers", &rays.receivers)] {
            if from_file {
                let problem = "the data file gives the positions";
                self.require(list.is_empty(), &["data"], key, problem, "remove the key");
            } else {
                let problem = "synthetic data need positions";
                let remedy = "e.g. { side = \"left\", count = 6 }";
                self.require(!list.is_empty(), &["data"], key, problem, remedy);
            }
            let spans = list.iter().all(|a| match a {
                Antennas::Side { count, first, last, .. } => *count == 1 || first != last,
                Antennas::Points(points) => points.iter().flatten().all(|x| x.is_finite()),
            });
            let problem = "several positions of an array fall together";
            self.require(spans, &[], key, problem, "let first and last differ");
            let flat =
                grid.plane == Plane::Xy || list.iter().all(|a| matches!(a, Antennas::Side { .. })) || grid.is_2d();
            self.require(flat, &["grid"], key, "points of a section have two coordinates", "write [x, depth]");
        }
    }

    fn data(&self) {
        let Case { physics, data, reference, inversion, .. } = self.case;
        let Some(data) = data else { return };
        let problem = "data without physics to explain them";
        self.require(physics.is_some(), &["physics"], "data", problem, "add the section [physics]");
        let is_synthetic = data.source == DataSource::Reference;
        let problem = "there are neither observed data nor a reference to make them from";
        let remedy = "add file = \"times.csv\" (or \"--data\") to [data], or a section [reference]";
        let fits = !is_synthetic || reference.is_some() || physics.is_none();
        self.require(fits, &["reference"], "data.file", problem, remedy);
        let problem = "with data from a file there is no reference";
        self.require(is_synthetic || reference.is_none(), &["data"], "reference", problem, "remove the section");
        let problem = "a data file holds travel times or measurements of groundwater, and a map has neither";
        let fits = is_synthetic || data.tests.is_some() || !matches!(physics, Some(Physics::Map));
        let remedy = "choose another kind in [physics], or leave the file out: [hard_data] can have one";
        self.require(fits, &["physics"], "data.file", problem, remedy);
        self.tests(data);
        let problem = "static terms are errors of travel times, and this physics has none";
        let has_statics = data.source_statics > 0.0 || data.receiver_statics > 0.0;
        let fits = !has_statics || matches!(physics, Some(Physics::StraightRays(_)) | None);
        self.require(fits, &["physics"], "data.statics", problem, "remove [data.statics]");
        if matches!(physics, Some(Physics::Groundwater(_))) {
            self.measured(data);
        }
        let problem = "the noise of synthetic data cannot come from a file";
        let fits = !(is_synthetic && data.noise == Noise::File);
        self.require(fits, &["data.file"], "data.noise", problem, "write \"2 %\" or a time such as \"0.8 ns\"");
        let problem = "the noise is to come from the file, but data.columns.sigma does not name its column";
        let has_rays = matches!(physics, Some(Physics::StraightRays(_)));
        let fits = data.noise != Noise::File || data.columns.sigma.is_some() || is_synthetic || !has_rays;
        self.require(fits, &["data.columns"], "data.noise", problem, "add sigma = \"...\" to [data.columns]");
        let problem = "the error level can only be chosen under a Gaussian prior of the coefficients";
        let fits = data.noise_level == NoiseLevel::Given || inversion.regularizer == Regularizer::Gaussian;
        let remedy = "write regularizer = \"gaussian\" in [inversion], or noise_level = \"given\"";
        self.require(fits, &["inversion"], "data.noise_level", problem, remedy);
    }

    fn inversion(&self) {
        let Case { inversion, feasible, basis, .. } = self.case;
        let has_regularizer = inversion.regularizer != Regularizer::None;
        let problem = "a weight without a regularizer has no effect";
        let fits = has_regularizer || inversion.weight == Weight::Auto;
        self.require(fits, &["inversion.regularizer"], "inversion.weight", problem, "write \"auto\", or a regularizer");
        let (regularizer, key) = (inversion.regularizer, "inversion.weight");
        let problem = "only a penalty on groups, an l1 norm, Tikhonov's or total variation has its weight chosen so";
        let fits = !inversion.weight.is_of_path() || regularizer.is_sparse() || regularizer.is_of_property();
        self.require(fits, &["inversion.regularizer"], key, problem, "write \"auto\", or another regularizer");
        let problem = "with a feasible map the weight is \"auto\" or a number";
        let fits = !inversion.weight.is_of_path() || feasible.is_none();
        self.require(fits, &["feasible"], key, problem, "write \"auto\", or remove [feasible]");
        let key = "inversion.regularizer";
        let problem = "a penalty on the property and a feasible map both say what the property looks like";
        let fits = !regularizer.is_of_property() || feasible.is_none();
        self.require(fits, &["feasible"], key, problem, "remove [feasible], or choose another regularizer");
        let problem = "cells have no prior standard deviations";
        let fits = !(regularizer == Regularizer::Gaussian && basis.kind == BasisKind::Cells);
        self.require(
            fits,
            &["basis.kind"],
            key,
            problem,
            "choose \"tikhonov-0\", \"tikhonov-1\", \"total-variation\", ...",
        );
        self.groups();
        let problem = "a coupling without a u-step has no effect";
        let fits = self.case.has_u_step() || inversion.coupling == Weight::Auto;
        self.require(
            fits,
            &["feasible", "discrete"],
            "inversion.coupling",
            problem,
            "write \"auto\", or add [feasible]",
        );
    }

    fn selection(&self) {
        let Case { selection, scenarios, basis, .. } = self.case;
        let Some(selection) = selection else { return };
        let problem = "the first stage has a hybrid basis and no penalty on the property";
        let fits = !selection.regularizer.is_of_property();
        self.require(fits, &[], "selection.regularizer", problem, "choose \"group\" or \"l1\"");
        let problem = "there is one scenario, and nothing to select";
        self.require(scenarios.len() > 1, &["scenario"], "selection", problem, "remove [selection]");
        let problem = "the second stage has one basis, made of the selected scenarios together";
        let fits = basis.kind == BasisKind::Pca;
        self.require(fits, &[], "basis.kind", problem, "write kind = \"pca\", or remove [selection]");
    }

    fn verdict(&self) {
        let Case { verdict, scenarios, prior, physics, .. } = self.case;
        let Some(verdict) = verdict else { return };
        let problem = "there is one scenario, and nothing to judge";
        self.require(scenarios.len() > 1, &["scenario"], "verdict", problem, "remove [verdict], or add scenarios");
        let problem = "without a forward model there are no data to judge by";
        self.require(physics.is_some(), &["physics"], "verdict", problem, "remove [verdict], or add [physics]");
        let (simulations, realizations) = (verdict.simulations, prior.realizations);
        // All of few realizations are tried: a run with these says at its end that they are too few.
        let none = simulations == 0 && verdict.by == JudgedBy::Evidence;
        let fits = none || simulations >= LEAST_SIMULATIONS || simulations == realizations;
        let problem = format!("{simulations} simulations of a scenario do not tell how its data scatter");
        let remedy = format!("{LEAST_SIMULATIONS} at least, and several times as many as there are data");
        self.require(fits, &["prior"], "verdict.simulations", problem, &remedy);
    }

    /// A dictionary against the realizations that it is learned from.
    fn dictionary(&self) {
        let Case { basis, prior, scenarios, grid, feasible, .. } = self.case;
        let BasisKind::KSvd(dictionary) = basis.kind else { return };
        let Dictionary { atoms, sparsity, learned_rank, .. } = dictionary;
        let problem = "a dictionary is learned from the realizations of one scenario";
        self.require(scenarios.len() < 2, &["scenario"], "basis.kind", problem, "choose \"hybrid\", or one scenario");
        let problem = format!("{sparsity} atoms represent a realization, of {atoms} in all");
        self.require(sparsity <= atoms, &["basis.atoms"], "basis.sparsity", problem, "ask for at most all of them");
        let count = prior.realizations;
        let problem = format!("{count} realizations are fewer than the {sparsity} atoms that represent one");
        let from = ["prior.realizations", "basis.sparsity"];
        self.require(sparsity <= count, &from, "prior.realizations", problem, "draw more, two an atom or more");
        let problem = format!("{count} realizations teach no {atoms} atoms");
        let fits = atoms <= count || sparsity > count;
        self.require(fits, &["prior.realizations"], "basis.atoms", problem, "ask for fewer, or draw more realizations");
        let independent = (count - usize::from(basis.center)).min(grid.len());
        let problem = format!("{learned_rank} principal components, where the realizations have {independent} at most");
        let from = ["prior.realizations", "grid.cells", "basis.center"];
        self.require(learned_rank <= independent, &from, "basis.learned_rank", problem, "ask for fewer");
        let problem = "a feasible map learns from realizations in the basis, and a dictionary has no one set of them";
        self.require(feasible.is_none(), &["basis.kind"], "feasible", problem, "choose basis.kind = \"pca\"");
    }

    /// A discrete potential against the facies that it pulls to.
    fn discrete(&self) {
        let Case { discrete: Some(discrete), property, feasible, physics, .. } = self.case else { return };
        let problem = "the property has no facies to pull cells to";
        self.require(property.has_facies(), &["property"], "discrete", problem, "add facies = [...] to [property]");
        let values: Vec<_> = property.facies.iter().map(|&u| property.reported(u)).collect();
        let problem = format!("the facies' values {values:?} do not ascend");
        let remedy = "a discrete potential needs them in order: write the least first";
        self.require(ascends(property), &["discrete"], "property.facies", problem, remedy);
        let problem = "a feasible map and a discrete potential are both u-steps";
        self.require(feasible.is_none(), &["feasible"], "discrete", problem, "remove one of the sections");
        let problem = "nothing is inverted, and there is no u-step";
        self.require(physics.is_some(), &["physics"], "discrete", problem, "remove the section, or add [physics]");
        if let Potential::Quartic(weights) = &discrete.potential {
            let gaps = property.facies.len().saturating_sub(1);
            let problem = format!("{} weights for the {gaps} gaps between facies", weights.len());
            self.require(weights.len() == gaps, &["property"], "discrete.weights", problem, "give one a gap");
        }
    }

    fn reference(&self) {
        let Some(reference) = &self.case.reference else { return };
        if let ReferenceSource::Gaussian(gaussian) = &reference.source {
            self.shares(gaussian.nugget, &gaussian.structures, "reference.gaussian");
        }
    }

    fn approximation(&self) {
        let Case { approximation, physics, mapping, .. } = self.case;
        let alone = approximation.is_none() || (physics.is_none() && mapping.is_none());
        let problem = "references are approximated instead of an inversion or a mapping";
        self.require(alone, &["physics", "mapping"], "approximation", problem, "remove the other section");
    }

    fn mapping(&self) {
        let Some(mapping) = &self.case.mapping else { return };
        let inverts = self.case.physics.is_some();
        let problem = "with a physics, the model that is mapped is that of one iteration";
        let remedy = "add iteration = 3 to [mapping], or remove [physics]";
        self.require(mapping.iteration.is_some() || !inverts, &["physics"], "mapping", problem, remedy);
        let problem = "without a physics there are no iterations";
        let fits = mapping.iteration.is_none() || inverts;
        self.require(fits, &["physics"], "mapping.iteration", problem, "remove the key, or add [physics]");
        let (k, iterations) = (mapping.iteration.unwrap_or(1), self.case.inversion.iterations);
        let problem = format!("iteration {k} of {iterations}");
        let from = ["inversion.iterations"];
        self.require(k <= iterations, &from, "mapping.iteration", problem, "name an earlier one");
        let mut names = BTreeSet::new();
        for (i, variant) in mapping.variants.iter().enumerate() {
            let key = format!("mapping.variant[{}]", i + 1);
            let problem = format!("two variants are called \"{}\"", variant.name);
            let is_new = names.insert(&variant.name);
            self.require(is_new, &[], &format!("{key}.name"), problem, "give every variant a name of its own");
            self.feasible(&key, &variant.feasible);
        }
        let problem = "there is no variant";
        self.require(!mapping.variants.is_empty(), &[], "mapping.variant", problem, "add [[mapping.variant]]");
    }

    fn feasible(&self, section: &str, feasible: &Feasible) {
        let grid = &self.case.grid;
        let key = |key: &str| format!("{section}.{key}");
        let extent = feasible.window.extent(grid);
        let fits = (0..3).all(|a| extent[a] <= grid.cells[a]);
        let ([x, y, z], [nx, ny, nz]) = (extent, grid.cells);
        let problem = format!("a window of {x} x {y} x {z} cells is larger than the grid: {nx} x {ny} x {nz}");
        self.require(fits, &["grid.cells"], &key("window"), problem, "choose a smaller window");
        let (k, library) = (feasible.neighbours, feasible.library);
        let problem = format!("{k} neighbours are asked of a library of {library} windows");
        self.require(
            k <= library,
            &[&key("library")],
            &key("neighbours"),
            problem,
            "ask for fewer, or enlarge the library",
        );
        let cells: usize = extent.iter().product();
        if let Features::Subset(n) | Features::Projection(n) = feasible.features {
            let problem = format!("{n} features of a window of {cells} cells");
            self.require(n <= cells, &[&key("window")], &key("features"), problem, "ask for fewer, or \"all\"");
        }
        let has_facies = self.case.property.has_facies();
        let problem = "labels are to be facies, but the property has none";
        let fits = feasible.labels == Labels::Property || has_facies;
        self.require(fits, &["property"], &key("labels"), problem, "write \"property\"");
        let fits = match feasible.labels {
            Labels::Facies => matches!(feasible.aggregation, Aggregation::Vote | Aggregation::Center),
            Labels::Property => feasible.aggregation != Aggregation::Vote,
        };
        let problem = match feasible.labels {
            Labels::Facies => "facies are aggregated by \"vote\" or \"center\"",
            Labels::Property => {
                "a continuous property is aggregated by \"mean\", \"weighted-mean\", \"mode 64\" or \"center\""
            }
        };
        self.require(fits, &[&key("labels")], &key("aggregation"), problem, "choose one of these");
    }
}
