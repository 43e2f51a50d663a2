use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::file::*;
use super::*;
use crate::io::npy;

/// The smallest case of an inversion.
const SMALL: &str = r#"
format = 1
name = "small"

[grid]
cells = [20, 10]
size = ["200 m", "100 m"]

[property]
name = "slowness"
unit = "ms/m"
facies = [0.5, 1.0]

[[scenario]]
image = { kind = "straight" }

[basis]
rank = 5

[physics]
kind = "straight-rays"
sources = { side = "left", count = 2 }
receivers = { side = "right", count = 3 }

[feasible]

[reference]
"#;

/// A case that has what [`SMALL`] has not.
const OTHER: &str = r#"
format = 1
name = "other"
title = "quotes \" and \\ and ü"
seed = 18446744073709551615

[grid]
cells = [7, 11, 3]
size = ["0.1 km", "333.3 ft", "1 m"]
origin = ["-1.7 m", "3 cm", "0.1 ft"]

[property]
name = "slowness"
unit = "us/ft"
facies = [141.3, 98.7]

[[scenario]]
name = "a"
azimuth = 17.3
image = { file = "images/channels.gslib", variable = "facies", cells = [100, 90, 5] }

[[scenario]]
name = "b"
scale = 0.7
image = { kind = "intersecting", cells = [90, 80, 5], amplitude = 3.1, angle = 33.3, proportion = "17 %" }

[[scenario.variability]]
mean = 0.37
standard_deviation = 1.7
nugget = 0.1
structure = [
  { model = "matern", nu = 1.3, ranges = ["10 ft", "7 ft", "0.3 m"], share = 0.6, azimuth = 20, dip = 3, rake = 1 },
  { model = "gaussian", ranges = "33 ft", share = 0.3 },
]

[[scenario.variability]]
variance = 0.7
structure = { model = "exponential", ranges = ["3.3 ft", "1.1 ft"] }

[[scenario]]
name = "c"
image = { kind = "ellipses", length = 20, width = 7.7 }

[prior]
realizations = 33
condition = true
method = "direct-sampling"

[hard_data]
file = "wells.csv"
cells = [{ cell = [1, 2, 3], facies = 1 }, { cell = [7, 11, 1], value = 123.4 }]

[basis]
energy = 0.83

[physics]
kind = "straight-rays"
background = "123.4 us/ft"

[data]
file = "times.csv"
noise = "3.3 % of mean"
noise_level = "likelihood"
statics = { source = "0.7 ns", receiver = "3.3 us" }
columns = { id = "ray", sigma = "s", time_unit = "us", length_unit = "ft" }

[feasible]
window = "disk 1"
features = "subset 4"
aggregation = "weighted-mean"
labels = "property"

[inversion]
regularizer = "gaussian"
weight = 0.3
coupling = 1e-7
tolerance = 1e-4
return = "last"
cross_validation = 7
"#;

/// A case of transient flow in units of a block, which says whatever a case of flow can say.
const FLOW: &str = r#"
format = 1
name = "flow"

[grid]
cells = [12, 10, 3]
size = ["120 m", "100 m", "7 m"]
origin = ["5 m", "0 m", "-7 m"]

[property]
name = "hydraulic conductivity"
unit = "m/day"
transform = "log10"
facies = [-2.3, 0.5]

[[type]]
name = "channels"
azimuth = [0, 90]
image = { kind = "meandering", cells = [90, 90, 3] }

[[type]]
name = "file"
image = "images/units.gslib"

[[unit]]
name = "sand"
layers = [1, 2]

[[unit]]
layers = [3, 3]
types = ["file", "channels-90"]

[prior]
realizations = 20
condition = "hard-data"

[hard_data]
cells = [{ cell = [4, 5, 1], facies = 1 }]

[basis]
energy = 0.7

[physics]
kind = "groundwater"
anisotropy = 0.1
specific_storage = "3e-6 1/ft"
initial_head = "31 ft"
inactive = [[1, 10, 3], [[11, 9], [12, 10]]]
time = { steps = 4, first = "10 min", growth = 1.3 }

[[physics.boundary]]
side = "left"
head = "20.1 m"

[[physics.boundary]]
side = "right"
box = [[1, 3], [12, 7]]
head = "10 ft"
on = "faces"

[[physics.boundary]]
side = "roof"
flux = "1.7 cm/day"

[[physics.boundary]]
cells = [[5, 5], [6, 6, 2]]
inflow = "3 L/s"

[[physics.boundary]]
box = [[7, 7, 1], [8, 8, 2]]
no_flow = true

[[physics.boundary]]
side = "top"
cells = [[10, 10, 1], [11, 8, 3]]
flux = "0.3 cm/day"

[[physics.well]]
cell = [4, 5]
layers = [1, 2]
rate = [["0 s", "5 L/s"], ["7 min", "1 bbl/day"]]
radius = "4 in"
split = "transmissivity"

[[physics.well]]
name = "held"
at = ["70 m", "33 m"]
head = "14 m"

[[observation]]
kind = ["head", "drawdown"]
cells = [[2, 3], [9, 9]]
layers = [2, 3]
times = ["11 min", "0.5 h"]
noise = "1 cm"

[[observation]]
kind = "property"
random = { count = 7, seed = 3 }
noise = "0.1"

[[observation]]
kind = "well-head"
wells = ["well-1"]
noise = "2.5 % of mean"

[[observation]]
kind = "rate"
wells = ["held"]
noise = "2.5 % of mean"

[feasible]
window = [5, 5, 3]
refine = 0.2
respect_hard_data = false

[verdict]
by = "synthetic-likelihood"
simulations = 20

[inversion]
regularizer = "group"
start = "scenario channels-0/file"
weight_factor = 1e-4
coupling_factor = 100

[reference]
scenario = ["channels-0/file", "file/channels-90"]

[mapping]
iteration = 3
variant = { name = "all", refine = false }

[[variant]]
name = "l1"
set = { "inversion.regularizer" = "l1", basis.rank = 3, "physics.well[2].head" = "13 m" }

[[variant]]
name = "none"
set = { "reference.scenario" = "random", "hard_data.cells" = [{ cell = [1, 1], facies = 0 }] }
"#;

/// A case of Gaussian scenarios in a map.
const GAUSSIAN: &str = r#"
format = 1
name = "gaussian"
grid = { cells = [20, 10], size = ["200 m", "100 m", "4 m"] }
property = { name = "transmissivity", unit = "m2/day", transform = "ln" }
prior = { method = "sgsim", sgsim = { kriging = "ordinary", neighbours = 12 }, realizations = 30 }
basis = { kind = "pca", rank = [5, 9] }
selection = { by = "evidence", rank = 7, regularizer = "l1", weight = 0.5 }
inversion = { regularizer = "gaussian", start = "uniform 0.01" }
data = { noise = "none" }

[[scenario]]
name = "field"
azimuth = [0, 22.5]
gaussian = { distribution = [1.1, 1.7, 2.9], structure = { model = "spherical", ranges = "50 m" } }

[physics]
kind = "groundwater"
storativity = 1e-4
time.ends = ["1 h", "3 h", "1 day"]
boundary = [{ side = "left", head = "20 m" }]

[[observation]]
kind = "head"
lattice = [5, 5]

[[observation]]
kind = "property"
everywhere = true

[reference]
gaussian = { mean = 2, standard_deviation = 0.7, structure = { model = "exponential", ranges = "50 m" } }
"#;

/// A case of facies by indicator variograms.
const INDICATOR: &str = r#"
format = 1
name = "indicator"

[grid]
cells = [12, 11, 5]
size = ["1200 ft", "110 m", "5 m"]

[property]
name = "slowness"
unit = "ms/m"
facies = [0.3, 0.4, 0.5]

[[scenario]]
name = "own"
azimuth = [0, 30]

[scenario.indicator]
proportions = [0.5, "30 %", 0.2]

[[scenario.indicator.variogram]]
structure = { model = "spherical", ranges = ["300 ft", "100 ft", "3 m"], azimuth = 90 }

[[scenario.indicator.variogram]]
nugget = 0.1
structure = [
  { model = "exponential", ranges = "40 m", dip = 3, rake = 1, share = 0.7 },
  { model = "matern", nu = 1.3, ranges = "80 m", share = 0.2 },
]

[[scenario.indicator.variogram]]
structure = { model = "gaussian", ranges = "33 m" }

[[scenario]]
name = "common"
indicator = { proportions = [0.4, 0.3, 0.3], variogram = { structure = { model = "spherical", ranges = "50 m" } } }

[prior]
realizations = 30
method = "sisim"
sisim = { kriging = "ordinary", neighbours = 12 }

[basis]
rank = 5

[physics]
kind = "map"

[[observation]]
kind = "property"
lattice = [3, 3]

[reference]
scenario = "common"
"#;

/// A case with a learned dictionary and a discrete potential.
const DISCRETE: &str = r#"
format = 1
name = "discrete"

[grid]
cells = [12, 11]
size = ["12 m", "11 m"]

[property]
name = "slowness"
unit = "ms/m"
facies = [0, 2, 3]

[[scenario]]
name = "indicators"
indicator = { proportions = [0.4, 0.3, 0.3], variogram = { structure = { model = "spherical", ranges = "5 m" } } }

[prior]
realizations = 40

[basis]
kind = "k-svd"
atoms = 30
sparsity = 4
learned_rank = 20
iterations = 3
updates = "exact"

[physics]
kind = "map"

[[observation]]
kind = "property"
lattice = [3, 3]

[data]
noise = "5 %"

[discrete]
potential = "quartic"
weights = [100, 1]
first = 0.5
factor = 1.5
last = 64

[reference]
seed = 1
"#;

fn parsed(text: &str) -> Case {
    Case::parse(text, "case.toml").unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn mistakes(text: &str) -> String {
    Case::parse(text, "case.toml").expect_err("a case with mistakes").to_string()
}

/// The cases of images that the repository carries.
fn carried() -> Vec<(String, String)> {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(examples).expect("the examples").map(|entry| entry.expect("an example").path());
    let examples = files.filter(|file| file.extension().is_some_and(|e| e == "toml")).map(|file| {
        let text = std::fs::read_to_string(&file).expect("an example that can be read");
        (file.display().to_string(), text)
    });
    let mut cases: Vec<_> = built_in::list().iter().map(|b| (b.name.to_owned(), b.text.to_owned())).collect();
    cases.extend(examples);
    cases.retain(|(_, text)| !text.contains("[signal]"));
    assert!(cases.len() >= 6, "built-in cases and examples: {cases:?}");
    cases
}

#[test]
fn every_carried_case_is_read_and_written_and_read_again_equal() {
    let own = [
        ("small".to_owned(), SMALL.to_owned()),
        ("other".to_owned(), OTHER.to_owned()),
        ("flow".to_owned(), FLOW.to_owned()),
        ("gaussian".to_owned(), GAUSSIAN.to_owned()),
        ("indicator".to_owned(), INDICATOR.to_owned()),
        ("discrete".to_owned(), DISCRETE.to_owned()),
    ];
    for (name, text) in carried().into_iter().chain(own) {
        let case = Case::parse(&text, &name).unwrap_or_else(|e| panic!("{name}: {e}"));
        for written in [case.to_toml(), documentation::show(&case)] {
            let again =
                Case::parse(&written, "elsewhere/case.toml").unwrap_or_else(|e| panic!("{name}: {e}\n{written}"));
            assert_eq!(again, case, "{name}\n{written}");
        }
        let estimate = estimate(&case);
        assert!(estimate.bytes() > 1e3 && estimate.bytes() < 8e9, "{name}: {estimate}");
        assert!(estimate.seconds() > 0.0 && estimate.seconds() < 2.0 * 3600.0, "{name}: {estimate}");
    }
}

#[test]
fn every_key_and_section_is_explained_and_every_explanation_is_used() {
    let mut used = BTreeSet::new();
    let own = [SMALL, OTHER, FLOW, GAUSSIAN, INDICATOR, DISCRETE].map(str::to_owned);
    let zones =
        SMALL.replace("rank = 5", "kind = \"zonation\"\nzones = [4, 2]\nrefined_zones = 20").replace("[feasible]", "");
    let own = own.into_iter().chain([OTHER.replace("direct-sampling", "snesim"), zones]);
    for text in carried().into_iter().map(|(_, text)| text).chain(own) {
        let mut section = "";
        for line in write::lines(&parsed(&text)) {
            let path = match line {
                write::Line::Section { path, .. } => {
                    section = path;
                    path.to_owned()
                }
                write::Line::Key { key, .. } if section.is_empty() => key.to_owned(),
                write::Line::Key { key, .. } => format!("{section}.{key}"),
            };
            let path = documentation::explained_as(&path).into_owned();
            assert!(documentation::KEYS.iter().any(|(key, _)| *key == path), "{path} is not explained");
            used.insert(path);
        }
    }
    let rare = ["points", "nu"];
    for (path, comment) in documentation::KEYS {
        let is_rare = rare.iter().any(|key| path.ends_with(key));
        assert!(used.contains(*path) || is_rare, "{path} is explained, but no case writes it");
        assert!(comment.ends_with(['.', ',']) && comment.lines().all(|l| l.len() <= 118), "{path}: {comment}");
    }
}

#[test]
fn the_demo_has_the_numbers_of_its_source() {
    let case = Case::load("ch5-tomo", &Overrides::default()).expect("the demo");
    assert_eq!(case.grid.cells, [100, 100, 1]);
    assert_eq!(case.grid.size(), [1000.0, 1000.0, 1.0]);
    assert_eq!(case.property.facies, [0.5e-3, 1e-3], "s/m");
    assert_eq!((case.prior.realizations, case.inversion.iterations, case.inversion.steps), (500, 10, 2));
    let ranks: Vec<_> = (0..10).map(|k| case.basis.rank.at(k, 10).expect("a growing rank")).collect();
    assert_eq!(ranks, [20, 23, 27, 30, 33, 37, 40, 43, 47, 50]);
    let feasible = case.feasible.as_ref().expect("a u-step");
    assert_eq!(feasible.window, Window::Box([50, 50, 1]));
    assert_eq!((feasible.neighbours, feasible.library, feasible.fraction), (5, 2000, 0.2));
    assert_eq!((feasible.labels, feasible.aggregation), (Labels::Facies, Aggregation::Vote));
    let Some(Physics::StraightRays(rays)) = &case.physics else { panic!("straight rays") };
    let sources = rays.sources[0].positions(&case.grid);
    assert_eq!(sources.len(), 6);
    assert_eq!(sources[0], [0.0, 500.0 / 6.0, 0.5]);
    assert_eq!(rays.receivers[0].positions(&case.grid)[5], [1000.0, 5500.0 / 6.0, 0.5]);
    assert_eq!(case.data.expect("noise").noise, Noise::Relative(0.02));
    assert_eq!(case.reference, Some(Reference { source: ReferenceSource::Scenario(0), seed: 1 }));
}

#[test]
fn units_become_si_and_defaults_are_filled_in() {
    let case = parsed(OTHER);
    let [x, y, z] = case.grid.spacing;
    assert!(
        (x - 100.0 / 7.0).abs() < 1e-13 && (y - 333.3 * 0.3048 / 11.0).abs() < 1e-13 && (z - 1.0 / 3.0).abs() < 1e-15
    );
    assert!((case.property.facies[0] - 141.3e-6 / 0.3048).abs() < 1e-18);
    assert_eq!(case.scenarios[1].variability[0].structures[1].ranges, [33.0 * 0.3048; 3]);
    let deviation = case.scenarios[1].variability[0].variance.sqrt();
    assert!((deviation / (1.7e-6 / 0.3048) - 1.0).abs() < 1e-14);
    let hard = &case.hard_data.as_ref().expect("hard data").cells;
    assert_eq!(hard[0], HardDatum { cell: [0, 1, 2], known: Hard::Facies(1) });
    let data = case.data.as_ref().expect("data");
    assert_eq!((data.source_statics, data.noise), (0.7e-9, Noise::RelativeToMean(0.033)));
    let small = parsed(SMALL);
    assert_eq!(small.feasible.as_ref().map(|f| f.window), Some(Window::Box([10, 5, 1])));
    assert_eq!((small.seed, small.scenarios[0].name.as_str()), (1, "scenario-1"));
    let file = Case::parse(OTHER, "/some/where/case.toml").expect("a case").data.expect("data").source;
    assert_eq!(file, DataSource::File(PathBuf::from("/some/where/times.csv")));
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = SMALL
        .replace("cells = [20, 10]", "cels = [20, 10]")
        .replace("\"100 m\"", "\"100 s\"")
        .replace("facies = [0.5, 1.0]", "facies = [0.5, 0.5]")
        .replace("kind = \"straight\"", "kind = \"strait\"")
        .replace("rank = 5", "rank = -5\nrealizations = 7")
        .replace("count = 3", "count = \"three\"");
    let found = mistakes(&text);
    let expected = [
        "case.toml:6:1: grid.cels: unknown key; did you mean \"cells\"?",
        "grid.cells: the key is missing",
        "case.toml:7:18: grid.size[2]: \"s\" is a unit of time, but a unit of length was expected",
        "case.toml:12:10: property.facies: two facies have the same value",
        "case.toml:15:18: scenario[1].image.kind: found \"strait\", expected one of \"meandering\"",
        "did you mean \"straight\"?",
        "case.toml:18:8: basis.rank: found -5, expected a whole number from 1 to",
        "case.toml:19:1: basis.realizations: unknown key; did you mean \"realizations\" of [prior]?",
        "case.toml:24:39: physics.receivers.count: found \"three\", expected a whole number",
        "8 mistakes",
    ];
    for line in expected {
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
}

#[test]
fn contradictions_name_the_key_that_should_change() {
    let table: &[(&str, &str, &str)] = &[
        ("rank = 5", "rank = 500", "basis.rank: rank 500 is above the number of cells, 200"),
        (
            "[feasible]",
            "[prior]\nrealizations = 4\n[feasible]",
            "basis.rank: rank 5 is above the number of realizations, 4",
        ),
        ("[feasible]", "[feasible]\nwindow = [21, 10]", "feasible.window: a window of 21 x 10 x 1 cells is larger"),
        ("[feasible]", "[feasible]\nwindow = \"disk 5\"", "feasible.window: a window of 11 x 11 x 1 cells is larger"),
        ("[feasible]", "[feasible]\nlibrary = 3", "feasible.neighbours: 5 neighbours are asked of a library of 3"),
        ("[feasible]", "[feasible]\naggregation = \"mean\"", "feasible.aggregation: facies are aggregated by \"vote\""),
        (
            "[feasible]",
            "[feasible]\nfeatures = \"subset 51\"",
            "feasible.features: 51 features of a window of 50 cells",
        ),
        (
            "[feasible]",
            "[prior.snesim]\ntemplate = [7, 11]\n[feasible]",
            "prior.snesim.template: a template of 7 x 11 x 1 nodes",
        ),
        (
            "[feasible]",
            "[prior.snesim]\ntemplate = [7, 6]\n[feasible]",
            "prior.snesim.template[2]: found 6, expected an odd",
        ),
        ("[20, 10]", "[20, 10, 2]\nplane = \"xz\"", "grid.cells: nz is 2, but a section"),
        ("[reference]", "", "data.file: there are neither observed data nor a reference"),
        (
            "[reference]",
            "[data]\nfile = \"a.csv\"\n[reference]",
            "reference: with data from a file there is no reference",
        ),
        ("[reference]", "[data]\nnoise = \"file\"\n[reference]", "data.noise: the noise of synthetic data cannot come"),
        ("[reference]", "[data]\nnoise = \"2\"\n[reference]", "data.noise: found \"2\", expected \"2 %\""),
        (
            "[reference]",
            "[inversion]\nregularizer = \"none\"\nweight = 3\n[reference]",
            "inversion.weight: a weight without a regularizer",
        ),
        ("[0.5, 1.0]", "[0.5, 1.0, 2.0]", "property.facies: a generated image has 2 facies, but property.facies has 3"),
        ("facies = [0.5, 1.0]", "", "scenario[1].image: an image has facies, but property.facies does not say"),
        (
            "[[scenario]]",
            "[[scenario]]\nname = \"a\"\nimage = \"b\"\n[[scenario]]\nname = \"a\"",
            "scenario[2].name: two scenarios",
        ),
        ("rank = 5", "rank = 5\nenergy = 0.8", "basis.energy: rank and energy both say"),
        ("rank = 5", "rank = [5, 2]", "basis.rank: the rank grows from 5 to 2"),
        ("rank = 5", "rank = 5\nkind = \"karhunen-loeve\"", "basis.kind: \"karhunen-loeve\" needs the covariance"),
        (
            "[reference]",
            "[hard_data]\ncells = [{ cell = [21, 1], facies = 0 }]\n[reference]",
            "cell (21, 1, 1) is outside",
        ),
        (
            "[reference]",
            "[reference]\nscenario = \"scenari-1\"",
            "reference.scenario: found \"scenari-1\", expected one of",
        ),
        ("[physics]", "[physic]", "physic: unknown key; did you mean \"physics\"?"),
        ("[[scenario]]\nimage", "[[scenario]]\nscale", "scenario[1].image: a scenario has either an image"),
        ("\"200 m\"", "\"nan m\"", "grid.size[1]: \"nan m\" does not begin with a number"),
        ("\"200 m\"", "200", "grid.size[1]: found 200, expected a string with a unit"),
        ("[20, 10]", "[9999999999, 9999999999]", "grid.cells[1]: found 9999999999, expected a whole number"),
    ];
    for (from, to, line) in table {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL);
        let found = mistakes(&text);
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
}

#[test]
fn flow_is_read_into_si_units_and_cells_from_zero() {
    let case = parsed(FLOW);
    let names: Vec<_> = case.scenarios.iter().map(|s| s.name.as_str()).collect();
    let first = ["channels-0/file", "channels-0/channels-90", "channels-90/file"];
    assert_eq!((names.len(), &names[..3]), (6, &first[..]));
    assert_eq!(case.scenarios[5].geology, Geology::Stacked(vec![2, 1]), "the last unit's types change fastest");
    assert_eq!(case.stack.as_ref().map(|s| s.units[0].layers.clone()), Some(0..2));
    assert_eq!(case.prior.condition, Condition::HardData);
    let Some(Physics::Groundwater(flow)) = &case.physics else { panic!("groundwater") };
    assert_eq!(flow.storage, Some(Storage::Specific(3e-6 / 0.3048)));
    assert_eq!(flow.initial, InitialHead::Uniform(31.0 * 0.3048));
    let ends = flow.time.as_ref().expect("steps in time").ends();
    assert!((ends[1] - 600.0 * 2.3).abs() < 1e-9 && ends.len() == 4, "{ends:?}");
    assert_eq!(flow.boundaries[0].place.cells(&case.grid).len(), 10 * 3);
    let part = flow.boundaries[1].place.cells(&case.grid);
    assert_eq!((part.len(), part[0], part[14]), (15, [11, 2, 0], [11, 6, 2]), "five cells of three layers");
    assert_eq!(flow.boundaries[3].place.cells(&case.grid), [[4, 4, 0], [5, 5, 1]]);
    let faces = BoundaryPlace::FacesOfCells { side: Face::High, cells: vec![[9, 9, 0], [10, 7, 2]] };
    assert_eq!(flow.boundaries[5].place, faces);
    let corner = Block { first: [10, 8, 0], last: [11, 9, 2] };
    assert_eq!(flow.inactive, [Block { first: [0, 9, 2], last: [0, 9, 2] }, corner]);
    assert_eq!(
        [[11, 9, 1], [9, 9, 1], [0, 9, 1], [0, 9, 2]].map(|cell| flow.is_active(cell)),
        [false, true, true, false]
    );
    assert_eq!(
        (flow.wells[0].name.as_str(), flow.wells[0].column, &flow.wells[0].layers[..]),
        ("well-1", [3, 4], &[0, 1][..])
    );
    assert_eq!((flow.wells[1].column, &flow.wells[1].control), ([6, 3], &Control::Head(14.0)));
    let kinds: Vec<_> = case.observations.iter().map(|o| o.kind).collect();
    let [head, drawdown, property] = [ObservationKind::Head, ObservationKind::Drawdown, ObservationKind::Property];
    assert_eq!(kinds, [head, drawdown, property, ObservationKind::WellHead, ObservationKind::Rate]);
    assert_eq!(case.observations[0].noise, Some(Noise::Absolute(0.01)));
    assert_eq!(case.observations[2].noise, Some(Noise::Absolute(0.1)));
    assert_eq!(case.observations[4].places, Places::Wells(vec![1]));
    assert_eq!((case.inversion.start, case.inversion.regularizer), (Start::Scenario(0), Regularizer::Group));
    let l1 = &case.variants[0].case;
    assert_eq!((l1.inversion.regularizer, l1.basis.rank), (Regularizer::L1, Rank::Fixed(3)), "rank displaces energy");
    let others = Case { mapping: case.mapping.clone(), variants: case.variants.clone(), ..l1.clone() };
    assert_eq!(others.observations, case.observations, "what a variant does not set stays");
    assert_eq!(case.variants[1].case.reference.as_ref().map(|r| &r.source), Some(&ReferenceSource::Random));
    let fields = parsed(GAUSSIAN);
    assert_eq!(fields.scenarios[1].name, "field-22.5");
    assert!(
        matches!(fields.reference.map(|r| r.source), Some(ReferenceSource::Gaussian(g)) if (g.variance - 0.49).abs() < 1e-15)
    );
}

/// [`SMALL`] in wavelets, without a feasible map, with the sections `more`.
fn in_wavelets(more: &str) -> String {
    let grid = SMALL.replace("cells = [20, 10]", "cells = [16, 32]").replace("[feasible]", more);
    grid.replace("rank = 5", "kind = \"wavelet\"\nvanishing_moments = 2\nwindow = [4, 8]")
}

#[test]
fn sweeps_make_a_variant_of_every_combination_but_the_case_itself() {
    let text = in_wavelets(
        "[groups]\nkind = \"tree\"\n[[sweep]]\nname = \"penalty\"\nchoice = [{ name = \"tree\", set = {} }, { name = \"flat\", \
         set = { \"basis.kind\" = \"cells\", \"inversion.regularizer\" = \"tikhonov-1\" } }]\n[[sweep]]\nkey = \
         [\"physics.sources.count\", \"physics.receivers.count\"]\nname = \"rays\"\nvalues = [2, 3]\n[[sweep]]\n\
         key = \"data.noise\"\nvalues = [\"none\", \"2 %\"]\n[[published]]\nwhat = \"e1\"\nrow = \"flat-3\"\nvalues = [1, 2.5]",
    );
    let case = parsed(&text);
    assert_eq!((case.basis.rank, case.basis.kind.columns(&case.grid)), (Rank::Fixed(32), Some(32)));
    assert_eq!((case.groups, case.inversion.regularizer), (Some(Groups::Tree), Regularizer::Group));
    let names: Vec<&str> = case.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names.len(), 8, "the case itself has 2 sources and 3 receivers: {names:?}");
    assert_eq!((names[0], names[7]), ("tree-2-none", "flat-3-2-percent"));
    let flat = &case.variants[6].case;
    assert_eq!((flat.basis.kind, flat.inversion.regularizer), (BasisKind::Cells, Regularizer::Tikhonov(1)));
    assert_eq!(flat.data.as_ref().map(|data| data.noise), Some(Noise::Free));
    assert_eq!(case.published[0].values, [1.0, 2.5]);
    assert_eq!(parsed(&case.to_toml()), case);
    let own = parsed(
        &text.replace("values = [2, 3]", "values = [2]").replace("count = 3", "count = 2").replace("flat-3", "flat-2"),
    );
    let names: Vec<&str> = own.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["tree-2-none", "flat-2-none", "flat-2-2-percent"], "one combination is the case itself");
}

#[test]
fn mistakes_of_bases_groups_and_sweeps_are_told() {
    let tree = in_wavelets("[groups]\nkind = \"tree\"\n[inversion]\nregularizer = \"group\"");
    assert_eq!(parsed(&tree).inversion.regularizer, Regularizer::Group);
    let wavelets = "\"wavelet\"\nvanishing_moments = 2\nwindow = [4, 8]";
    for (from, to, expected) in [
        ("[4, 8]", "[5, 8]", "basis.window: a window of 5 x 8"),
        ("[16, 32]", "[15, 32]", "basis.window: the 15 cells along x cannot be halved"),
        ("moments = 2", "moments = 11", "basis.vanishing_moments: found 11, expected a whole number from 1 to 10"),
        ("moments = 2", "moments = nan", "basis.vanishing_moments: found nan"),
        ("kind = \"tree\"", "", "groups.kind: the key is missing"),
        ("\"tree\"", "\"sparse-pca\"", "groups.count: the key is missing"),
        ("\"tree\"", "\"sparse-pca\"\ncount = 5\nmembers = 0", "groups.members: found 0, expected a mean number of"),
        (
            "\"tree\"",
            "\"sparse-pca\"\ncount = 5\nmembers = 33",
            "groups.members: groups of 33 members on average, of 32",
        ),
        ("\"tree\"", "\"sparse-pca\"\ncount = 0", "groups.count: found 0"),
        ("[groups]\nkind = \"tree\"", "", "inversion.regularizer: group sparsity needs"),
        ("\"group\"", "\"gaussian\"\nweight = \"gcv\"", "inversion.weight: only a penalty on groups"),
        ("\"group\"", "\"tikhonov-3\"", "expected one of \"none\""),
        (
            "\"group\"",
            "\"total-variation\"\n[feasible]",
            "inversion.regularizer: a penalty on the property and a feasible map",
        ),
        (wavelets, "\"dct\"\nbox = [17, 1]", "basis.box: 17 frequencies along x"),
        (wavelets, "\"dct\"", "basis.box: the key is missing"),
        (wavelets, "\"dct\"\nbox = [4, 4]\nrank = 3", "basis.rank: box and rank both say"),
        (wavelets, "\"zonation\"\nzones = [4, 33]", "basis.zones: 33 zones along y"),
        (wavelets, "\"zonation\"\nzones = [4, 4]\nrefined_zones = 16", "basis.refined_zones: 16 zones, cut from 16"),
        (wavelets, "\"dct\"\nbox = [4, 4]", "groups.kind: only wavelets make a tree"),
        (
            "[reference]",
            "[reference]\n[[sweep]]\nkey = \"grid.cells\"\nvalues = [[8, 8]]",
            "cannot change \"grid.cells\"",
        ),
        ("[reference]", "[reference]\n[[sweep]]\nname = \"a\"", "sweep[1].choice: the key is missing"),
        ("[reference]", "[reference]\n[[sweep]]\nkey = \"data.noise\"\nvalues = []", "sweep[1].values: found 0 values"),
        (
            "[reference]",
            "[reference]\n[[sweep]]\nkey = \"data.noise\"\nvalues = [\"1 %\", \"1 %\"]",
            "two choices are called",
        ),
        (
            "[reference]",
            "[reference]\n[[published]]\nwhat = \"e1\"\nrow = \"a\"\nvalues = [1]",
            "published: published numbers",
        ),
        (
            "[reference]",
            "[reference]\n[[sweep]]\nkey = \"basis.window\"\nvalues = [[4, 8], [3, 8]]",
            "basis.window: in variant \"3x8\": a window of 3 x 8",
        ),
    ] {
        let found = mistakes(&tree.replacen(from, to, 1));
        assert!(found.contains(expected), "{to}: expected {expected}, found {found}");
    }
}

#[test]
fn places_of_observations_follow_their_formulas() {
    let grid = crate::grid::Grid::unit([100, 200, 1]);
    let lattice = Places::Lattice([5, 7]).columns(&grid, &[], &[]);
    let (x, y): (Vec<_>, Vec<_>) = lattice.iter().map(|c| (c[0] + 1, c[1] + 1)).unzip();
    assert_eq!(x[..5], [10, 30, 50, 70, 90]);
    assert_eq!(y.iter().step_by(5).copied().collect::<Vec<_>>(), [15, 43, 72, 100, 129, 158, 186]);
    let closed: Vec<_> = (0..200).map(|j| [0, j]).collect();
    let random = |seed| Places::Random { count: 30, seed }.columns(&grid, &[], &closed);
    let found = random(1);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 30, "all different");
    assert!(found.iter().all(|c| c[0] > 0 && c[0] < 100 && c[1] < 200));
    assert_eq!((random(1) == found, random(2) == found), (true, false));
    assert_eq!(Places::Wells(vec![1]).columns(&grid, &[[1, 2], [3, 4]], &[]), [[3, 4]]);
    assert_eq!(Places::Everywhere.columns(&grid, &[], &[]).len(), Places::Everywhere.count(&grid));
    let half = |cell, azimuth| part(&grid, cell, 2, azimuth);
    assert_eq!([half([99, 0, 0], 90.0), half([0, 199, 0], 90.0)], [0, 1], "channels along x: south and north");
    assert_eq!([half([49, 199, 0], 0.0), half([50, 0, 0], 180.0)], [0, 1], "channels along y: west and east");
    assert_eq!([half([0, 99, 0], 45.0), half([0, 100, 0], 135.0)], [0, 1]);
}

#[test]
fn the_pumping_cases_have_the_numbers_of_their_source() {
    let load = |name| Case::load(name, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let ten: Vec<_> = load("ch3-pumping-2d").scenarios.into_iter().map(|s| (s.name, s.azimuth)).collect();
    assert_eq!(ten.len(), 10);
    assert_eq!([&ten[4], &ten[8]], [&("intersecting-90".to_owned(), 90.0), &("straight-90".to_owned(), 90.0)]);
    let block = load("ch3-pumping-3d-channel");
    assert_eq!((block.scenarios.len(), block.grid.cells), (27, [100, 100, 9]));
    let Some(Reference { source: ReferenceSource::Scenario(scenario), .. }) = block.reference else {
        panic!("a scenario")
    };
    let [a, b, c] = [2, 3, 1];
    assert_eq!(scenario + 1, 9 * (a - 1) + 3 * (b - 1) + c, "intersecting, straight, meandering");
    let observed = &block.observations[0];
    assert_eq!(observed.places.count(&block.grid) * observed.layers.len(), 270);
    let flagship = load("ch6-pumping-200");
    assert_eq!((flagship.scenarios.len(), flagship.prior.realizations, flagship.inversion.iterations), (4, 1000, 40));
    let Some(Physics::Groundwater(flow)) = &flagship.physics else { panic!("groundwater") };
    assert_eq!(flow.wells.iter().map(|w| w.column).collect::<Vec<_>>(), [[49, 49], [49, 149], [149, 49], [149, 149]]);
    assert!(flow.wells.iter().all(|w| w.control == Control::Rate(0.0578)));
    let feasible = flagship.feasible.expect("a feasible map");
    assert_eq!((feasible.library, feasible.neighbours, feasible.fraction, feasible.refine), (4000, 5, 0.1, Some(0.1)));
    let weights = load("ch6-weights");
    let factors: Vec<_> = weights.variants.iter().map(|v| v.case.inversion.weight_factor).collect();
    assert_eq!((factors.len(), factors[0], factors[7], factors[8]), (16, 1e-4, 1e4, 1.0));
    let again = Case { name: weights.name, title: weights.title, variants: Vec::new(), ..load("ch6-pumping") };
    let first =
        Case { inversion: again.inversion.clone(), mapping: again.mapping.clone(), ..weights.variants[0].case.clone() };
    assert_eq!(first, again, "but for its weights it is ch6-pumping");
}

#[test]
fn contradictions_of_flow_name_the_key_that_should_change() {
    let table: &[(&str, &str, &str)] = &[
        (
            "cell = [4, 5]\nlayers",
            "cell = [4, 11]\nlayers",
            "physics.well[1].cell: cell (4, 11, 1) is outside of the grid",
        ),
        (
            "[\"70 m\", \"33 m\"]",
            "[\"4 m\", \"33 m\"]",
            "physics.well[2].at: the point (4 m, 33 m) is outside of the grid",
        ),
        ("layers = [1, 2]\nrate", "layers = [1, 4]\nrate", "physics.well[1].layers[2]: layer 4 is outside of the grid"),
        ("cell = [4, 5]\nlayers", "cell = [1, 5]\nlayers", "physics.well[1].cell: the head is fixed in cell (1, 5, 1)"),
        ("at = [\"70 m\", \"33 m\"]", "cell = [4, 5]", "physics.well[2].cell: the well \"well-1\" is in the same cell"),
        ("name = \"held\"", "name = \"well-1\"", "physics.well[2].name: two wells are called \"well-1\""),
        ("\"4 in\"", "\"2 m\"", "physics.well[1].radius: a cell of 10 m x 10 m stands for a bore of less than 1.980 m"),
        (
            "head = \"14 m\"",
            "head = \"14 m\"\nrate = \"1 L/s\"",
            "physics.well[2].rate: a well is held at a rate or at a head",
        ),
        ("[\"7 min\", \"1 bbl", "[\"0 s\", \"1 bbl", "physics.well[1].rate: the times are out of order"),
        ("time = { steps = 4, first = \"10 min\", growth = 1.3 }", "", "observation[1].times: the flow is steady"),
        ("specific_storage = \"3e-6 1/ft\"", "", "physics.time: flow that changes in time needs the storage of water"),
        ("specific_storage = \"3e-6 1/ft\"", "storativity = 1e-4", "a storativity goes with a transmissivity"),
        ("specific_storage = \"3e-6 1/ft\"", "specific_storage = \"0 1/m\"", "expected a specific storage above 0"),
        (
            "steps = 4, first = \"10 min\", growth = 1.3",
            "ends = [\"1 h\", \"30 min\"]",
            "physics.time.ends: the times are out of order",
        ),
        (
            "[[observation]]\nkind = [\"head\", \"drawdown\"]",
            "[data]\nstatics = { source = \"1 ns\" }\n[[observation]]\nkind = [\"head\", \"drawdown\"]",
            "data.statics: static terms are errors of travel times",
        ),
        ("\"0.5 h\"", "\"5 h\"", "observation[1].times: 18000 s is after the end of the last step, "),
        ("side = \"right\"", "side = \"left\"", "physics.boundary[2]: "),
        (
            "side = \"roof\"\nflux = \"1.7 cm/day\"",
            "side = \"bottom\"\nhead = \"3 m\"",
            "physics.boundary[3]: cell (1, 1, 1) has the head 20.1 m and the head 3 m, the other by boundary 1",
        ),
        (
            "side = \"roof\"\nflux",
            "box = [[1, 1], [2, 2]]\nflux",
            "physics.boundary[3]: a condition on faces needs the side",
        ),
        ("no_flow = true", "", "physics.boundary[5].head: 0 conditions are given"),
        (
            "[[7, 7, 1], [8, 8, 2]]",
            "[[9, 7, 1], [8, 8, 2]]",
            "physics.boundary[5].box: the last cell comes before the first",
        ),
        (
            "cells = [[2, 3], [9, 9]]",
            "cells = [[1, 3], [9, 9]]",
            "observation[1].cells: the head of cell (1, 3, 2) is fixed by boundary 1, not found (one of 2 such cells)",
        ),
        ("cells = [[2, 3], [9, 9]]", "", "observation[1].cells: 0 keys say where something is observed"),
        ("noise = \"1 cm\"", "noise = \"1 s\"", "observation[1].noise: found \"1 s\", expected \"2 %\""),
        ("count = 7", "count = 105", "observation[2].random: 105 places in 104 columns"),
        (
            "wells = [\"held\"]",
            "wells = [\"well-1\"]",
            "observation[4].wells: the rate of the well \"well-1\" is given, not found",
        ),
        (
            "wells = [\"well-1\"]",
            "wells = [\"held\"]",
            "observation[3].wells: the head of the well \"held\" is given, not found; observe its rate",
        ),
        (
            "wells = [\"held\"]",
            "wells = [\"held\"]\ntimes = [\"0 s\", \"1 min\"]",
            "observation[4].times: a well of given head begins to flow after 0 s",
        ),
        (
            "cells = [[2, 3], [9, 9]]",
            "cells = [[2, 3], [7, 4]]",
            "observation[1].cells: the head of cell (7, 4, 2) is fixed by the well \"held\", not found",
        ),
        (
            "steps = 4, first = \"10 min\", growth = 1.3",
            "steps = 30, first = \"10 min\", growth = 0.1",
            "physics.time: time step",
        ),
        (
            "cells = [[5, 5], [6, 6, 2]]",
            "cells = [[1, 5], [6, 6, 2]]",
            "physics.boundary[4]: it has no effect in cell (1, 5, 1), whose head boundary 1 gives",
        ),
        ("cells = [[5, 5], [6, 6, 2]]", "cells = [[7, 4]]", "in cell (7, 4, 1), whose head the well \"held\" gives"),
        (
            "cells = [[5, 5], [6, 6, 2]]",
            "cells = [[5, 5], [5, 5]]",
            "physics.boundary[4]: cell (5, 5, 1) is named twice",
        ),
        (
            "box = [[7, 7, 1], [8, 8, 2]]",
            "side = \"left\"",
            "physics.boundary[5]: the same side of cell (1, 1, 1) has two conditions, the other by boundary 1",
        ),
        (
            "box = [[7, 7, 1], [8, 8, 2]]",
            "box = [[5, 5], [8, 8]]",
            "physics.boundary[4]: cell (5, 5, 1) has a condition and no_flow, the other by boundary 5",
        ),
        (
            "[[10, 10, 1], [11, 8, 3]]",
            "[[10, 10, 1], [10, 8, 3]]",
            "physics.boundary[6]: the face of cell (10, 8, 3) lies between two active cells",
        ),
        (
            "flux = \"0.3 cm/day\"",
            "inflow = \"3 L/s\"",
            "physics.boundary[6]: a side of listed cells is for a condition on their faces",
        ),
        ("[1, 10, 3]", "[4, 5]", "physics.well[1].cell: the well stands in cell (4, 5, 1), which is inactive"),
        ("[1, 10, 3]", "[4, 5, 1]", "hard_data.cells[1]: cell (4, 5, 1) is inactive"),
        ("[1, 10, 3]", "[9, 9]", "observation[1].cells: cell (9, 9, 2) is inactive"),
        ("[1, 10, 3]", "[5, 5]", "physics.boundary[4]: cell (5, 5, 1) is inactive"),
        ("[1, 10, 3]", "[[1, 1], [1, 10]]", "physics.boundary[1]: all of its cells are inactive"),
        ("[1, 10, 3]", "[1, 11]", "physics.inactive[1]: cell (1, 11, 1) is outside of the grid"),
        ("[[11, 9], [12, 10]]", "[[12, 9], [11, 10]]", "physics.inactive[2]: the last cell comes before the first"),
        (
            "layers = [1, 2]\n\n[[unit]]",
            "layers = [1, 1]\n\n[[unit]]",
            "unit[2].layers: layers 3 to 3 do not begin on layer 2",
        ),
        ("layers = [3, 3]", "layers = [3, 4]", "unit[2].layers: found the layers 3 to 4 of 3"),
        ("\"channels-90\"]\n", "\"chanels-90\"]\n", "did you mean \"channels-90\"?"),
        ("[prior]", "[[scenario]]\n[prior]", "scenario: the combinations of units and types are the scenarios"),
        (
            "start = \"scenario channels-0/file\"",
            "start = \"scenario channels-0/fil\"",
            "did you mean \"scenario channels-0/file\"?",
        ),
        (
            "[basis]",
            "[basis]\nkind = \"pca\"",
            "inversion.regularizer: group sparsity needs a group of columns for each scenario",
        ),
        ("energy = 0.7", "rank = 30", "basis.rank: rank 30 is above the number of realizations of each scenario, 20"),
        ("simulations = 20", "simulations = 19", "verdict.simulations: 19 simulations of a scenario do not tell"),
        ("\"synthetic-likelihood\"", "\"likelihood\"", "verdict.by: found \"likelihood\", expected one of"),
        ("[reference]", "[selection]\n[reference]", "basis.kind: the second stage has one basis"),
        (
            "[reference]",
            "[data]\nfile = \"a.csv\"\n[reference]",
            "observation: the data file says all that is observed",
        ),
        ("iteration = 3", "iteration = 30", "mapping.iteration: iteration 30 of 10"),
        ("iteration = 3", "", "mapping: with a physics, the model that is mapped is that of one iteration"),
        ("\"13 m\"", "\"13 s\"", "physics.well[2].head: in variant \"l1\": \"s\" is a unit of time"),
        ("basis.rank = 3", "basis.rank = 21", "basis.rank: in variant \"l1\": rank 21 is above"),
        ("basis.rank = 3", "grid.plane = \"xz\"", "variant[1].set: a variant cannot change \"grid.plane\""),
        ("physics.well[2].head", "physics.well[3].head", "\"well[3]\" is not there"),
        ("name = \"none\"", "name = \"l1\"", "variant[2].name: two variants are called \"l1\""),
        ("hydraulic conductivity", "transmissivity", "a transmissivity is that of one layer"),
        ("kind = \"groundwater\"", "kind = \"grounwater\"", "did you mean \"groundwater\"?"),
        (
            "condition = \"hard-data\"",
            "condition = \"hard\"",
            "prior.condition: found \"hard\", expected one of \"hard-data\"",
        ),
    ];
    let told = |&(from, to, line): &(&str, &str, &str)| {
        let text = FLOW.replacen(from, to, 1);
        assert_ne!(text, FLOW, "{from}");
        let found = mistakes(&text);
        (!found.contains(line)).then(|| format!("{line}\nis not in\n{found}"))
    };
    let untold: Vec<_> = table.iter().filter_map(told).collect();
    assert!(untold.is_empty(), "{}", untold.join("\n"));
    let found = mistakes(&FLOW.replace("\"13 m\"", "\"13 s\""));
    let flux = GAUSSIAN.replace("head = \"20 m\"", "flux = \"0.1 cm/day\"");
    assert!(mistakes(&flux).contains("physics.boundary: no boundary has a fixed head"), "{flux}");
    let steady = flux.replace("time.ends = [\"1 h\", \"3 h\", \"1 day\"]", "");
    assert!(mistakes(&steady).contains("physics.boundary: no head is fixed anywhere"), "{steady}");
    let steady = GAUSSIAN.replace("time.ends = [\"1 h\", \"3 h\", \"1 day\"]", "");
    let drawn = mistakes(&steady.replace("kind = \"head\"", "kind = \"drawdown\""));
    assert!(drawn.contains("observation[1].kind: the flow is steady, and nothing is drawn down"), "{drawn}");
    for (places, key) in [("lattice = [20, 5]", "lattice"), ("everywhere = true", "everywhere")] {
        let found = mistakes(&GAUSSIAN.replace("lattice = [5, 5]", places));
        let expected = format!("observation[1].{key}: the head of cell (1, 1) is fixed by boundary 1");
        assert!(found.contains(&expected), "{expected}: {found}");
    }
    let cut = steady.replace("everywhere = true", "cells = [[2, 2]]");
    let cut = mistakes(&cut.replace("[physics]", "[physics]\ninactive = [[[5, 1], [5, 10]]]"));
    assert!(cut.contains("physics.inactive: boundaries: no given head reaches 150 of the active cells"), "{cut}");
    let several = FLOW.replace("wells = [\"held\"]", "wells = [\"well-1\"]\ntimes = [\"0 s\"]");
    let several = mistakes(&several.replace("cells = [[5, 5], [6, 6, 2]]", "cells = [[1, 5]]"));
    for part in ["physics.boundary[4]: it has", "observation[4].wells: the rate", "observation[4].times: a well"] {
        assert!(several.contains(part), "all at once: {part}: {several}");
    }
    let line = FLOW.lines().position(|line| line.contains("13 m")).expect("the variant") + 1;
    assert!(found.contains(&format!("case.toml:{line}:")), "a variant's mistake points at what it sets: {found}");
    let found =
        mistakes(&SMALL.replace("[reference]", "[[observation]]\nkind = \"head\"\nlattice = [2, 2]\n[reference]"));
    assert!(found.contains("observation[1].kind: only groundwater flow has heads and rates"), "{found}");
    let found = mistakes(&GAUSSIAN.replace("[reference]\ngaussian", "[reference]\nscenario = \"field-0\"\ngaussian"));
    assert!(found.contains("reference.gaussian: the reference is of a scenario, or a Gaussian field"), "{found}");
    let found = mistakes(&GAUSSIAN.replace("[1.1, 1.7, 2.9],", "[1.1, 1.7, 2.9], mean = 3,"));
    assert!(
        found.contains("scenario[1].gaussian.distribution: the distribution says what mean and variance"),
        "{found}"
    );
    let found = mistakes(&GAUSSIAN.replace("[1.1, 1.7, 2.9]", "[1.1, 1.1]"));
    assert!(found.contains("all values are equal"), "{found}");
}

#[test]
fn indicator_variograms_are_read_and_their_mistakes_told() {
    let case = parsed(INDICATOR);
    let names: Vec<_> = case.scenarios.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["own-0", "own-30", "common"]);
    let Geology::Indicator(indicator) = &case.scenarios[1].geology else { panic!("{:?}", case.scenarios[1]) };
    assert_eq!(indicator.proportions, [0.5, 0.3, 0.2]);
    assert_eq!(indicator.variograms.len(), 3);
    let ranges = indicator.variograms[0].structures[0].ranges;
    assert!((ranges[0] - 91.44).abs() < 1e-9 && ranges[2] == 3.0, "{ranges:?}");
    assert_eq!((indicator.variograms[1].nugget, indicator.variograms[1].structures.len()), (0.1, 2));
    assert_eq!(case.prior.method, Method::Sisim);
    assert_eq!(case.prior.sisim, Some(Sequential { kriging: Kriging::Ordinary, neighbours: 12 }));
    assert_eq!(parsed(&INDICATOR.replace("method = \"sisim\"\n", "")), case, "the method that fits");
    let beside = "[[scenario]]\nname = \"image\"\nimage = \"facies.gslib\"\n[prior]";
    let both = parsed(&INDICATOR.replace("method = \"sisim\"\n", "").replace("[prior]", beside));
    assert!(matches!(both.prior.method, Method::Snesim(_)) && both.prior.sisim.is_some(), "images beside indicators");

    for (from, to, line) in [
        ("0.5, \"30 %\"", "0.5, \"40 %\"", "scenario[1].indicator.proportions: the proportions sum to 1.1"),
        ("0.5, \"30 %\", 0.2", "0.5, 0.5, 0.0", "scenario[1].indicator.proportions[3]: found 0.0, expected a share"),
        ("0.5, \"30 %\", 0.2", "0.5, 0.5", "scenario[1].indicator.proportions: 2 proportions for 3 facies"),
        ("proportions = [0.5, \"30 %\", 0.2]", "", "scenario[1].indicator.proportions: the key is missing"),
        (
            "[0.4, 0.3, 0.3], variogram",
            "[0.4, 0.3, 0.3], varigram",
            "varigram: unknown key; did you mean \"variogram\"?",
        ),
        (
            "share = 0.7",
            "share = 0.6",
            "scenario[1].indicator.variogram[2].structure: nugget and the structures' shares",
        ),
        ("facies = [0.3, 0.4, 0.5]", "", "scenario[1].indicator: indicators have facies, but property.facies does not"),
        (
            "method = \"sisim\"",
            "method = \"sgsim\"",
            "prior.method: a Gaussian method cannot simulate indicator variograms",
        ),
        (
            "method = \"sisim\"",
            "method = \"snesim\"",
            "prior.method: no scenario has an image to simulate from; choose \"sisim\"",
        ),
        ("method = \"sisim\"", "method = \"sisi\"", "prior.method: found \"sisi\", expected one of"),
        ("neighbours = 12", "neighbours = 65", "prior.sisim.neighbours: found 65, expected"),
        ("neighbours = 12", "neighbors = 12", "prior.sisim.neighbors: unknown key; did you mean \"neighbours\"?"),
        ("[prior]", beside, "prior.method: a simulation of indicators cannot simulate from an image"),
        (
            "indicator = {",
            "gaussian = { mean = 1 }\nindicator = {",
            "scenario[2].indicator: a scenario has either an image, a Gaussian field or indicator variograms",
        ),
        (
            "structure = { model = \"gaussian\", ranges = \"33 m\" }",
            "structure = { model = \"gausian\", ranges = \"33 s\" }\n[[scenario.indicator.variogram]]\nnuget = 1",
            "scenario[1].indicator.variogram[4].nuget: unknown key; did you mean \"nugget\"?",
        ),
    ] {
        let text = INDICATOR.replace(from, to);
        assert_ne!(text, INDICATOR, "{from}");
        let found = mistakes(&text);
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
    let four = INDICATOR.replace(
        "[[scenario]]\nname = \"common\"",
        "[[scenario.indicator.variogram]]\nstructure = { model = \"spherical\", ranges = \"5 m\" }\n\n[[scenario]]\nname = \"common\"",
    );
    let found = mistakes(&four);
    assert!(found.contains("scenario[1].indicator.variogram: 4 variograms for 3 facies"), "{found}");
    let found = mistakes(&GAUSSIAN.replace("\"sgsim\", sgsim", "\"sisim\", sgsim"));
    assert!(found.contains("prior.method: a simulation of indicators cannot simulate a Gaussian field"), "{found}");
    let two = INDICATOR
        .replace("[0.3, 0.4, 0.5]", "[0.3, 0.4]")
        .replace("[0.5, \"30 %\", 0.2]", "[0.5, 0.5]")
        .replace("[0.4, 0.3, 0.3]", "[0.4, 0.6]")
        .replace("[[scenario.indicator.variogram]]\nstructure = { model = \"gaussian\", ranges = \"33 m\" }", "");
    let found = mistakes(&two);
    assert!(found.contains("scenario[1].indicator.variogram: two facies have one indicator variogram"), "{found}");
}

#[test]
fn dictionaries_and_discrete_potentials_are_read_and_their_mistakes_told() {
    let case = parsed(DISCRETE);
    let dictionary = Dictionary { atoms: 30, sparsity: 4, learned_rank: 20, iterations: 3, exact: true };
    assert_eq!((case.basis.kind, case.basis.rank), (BasisKind::KSvd(dictionary), Rank::Fixed(30)));
    let potential = Potential::Quartic(vec![100.0, 1.0]);
    assert_eq!(case.discrete, Some(Discrete { potential, first: 0.5, factor: 1.5, last: Some(64.0) }));
    assert_eq!((case.inversion.regularizer, case.inversion.returned), (Regularizer::L1, Returned::Last));
    assert!(case.has_u_step());
    let plain = parsed(&DISCRETE.replace("weights = [100, 1]\nfirst = 0.5\nfactor = 1.5\nlast = 64\n", ""));
    let potential = Potential::Quartic(vec![1.0, 1.0]);
    assert_eq!(plain.discrete, Some(Discrete { potential, first: 1.0, factor: 2.0, last: None }));
    for (from, to, line) in [
        (
            "facies = [0, 2, 3]",
            "facies = [0, 3, 2]",
            "property.facies: the facies' values [0.0, 3.0, 2.0] do not ascend",
        ),
        ("facies = [0, 2, 3]", "facies = [0, 2, 2]", "property.facies: two facies have the same value"),
        ("facies = [0, 2, 3]", "facies = [0, nan, 3]", "property.facies[2]: found nan, expected"),
        ("sparsity = 4", "sparsity = 31", "basis.sparsity: 31 atoms represent a realization, of 30 in all"),
        ("realizations = 40", "realizations = 25", "basis.atoms: 25 realizations teach no 30 atoms"),
        ("realizations = 40", "realizations = 3", "prior.realizations: 3 realizations are fewer than the 4 atoms"),
        (
            "learned_rank = 20",
            "learned_rank = 40",
            "basis.learned_rank: 40 principal components, where the realizations",
        ),
        ("updates = \"exact\"", "updates = \"exactly\"", "basis.updates: found \"exactly\", expected one of"),
        ("[100, 1]", "[100]", "discrete.weights: 1 weights for the 2 gaps between facies"),
        ("[100, 1]", "[100, 0]", "discrete.weights[2]: found 0, expected a weight above 0"),
        ("[100, 1]", "[nan, 1]", "discrete.weights[1]: found nan, expected a weight above 0"),
        ("\"quartic\"", "\"tukey\"", "discrete.weights: only the quartic potential has a weight for each gap"),
        ("\"quartic\"", "\"quadratic\"", "discrete.potential: found \"quadratic\", expected one of"),
        ("factor = 1.5", "factor = 0.5", "discrete.factor: found 0.5, expected a factor of 1 or more"),
        ("last = 64", "last = 0.1", "discrete.last: found 0.1, expected a weight of at least the first"),
        ("[discrete]", "[feasible]\n[discrete]", "discrete: a feasible map and a discrete potential are both u-steps"),
    ] {
        let text = DISCRETE.replace(from, to);
        assert_ne!(text, DISCRETE, "{from}");
        let found = mistakes(&text);
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
}

#[test]
fn a_run_with_a_discrete_potential_ends_in_facies_and_says_what_rounding_cost() {
    let folder = tempfile::tempdir().unwrap();
    let continuous = DISCRETE.replace("[discrete]\npotential = \"quartic\"\nweights = [100, 1]\n", "[discrete]\n");
    let continuous = continuous.replace("[discrete]\nfirst = 0.5\nfactor = 1.5\nlast = 64\n", "");
    let mut mismatch = Vec::new();
    for (name, text) in [("discrete", DISCRETE), ("continuous", &continuous)] {
        let case = parsed(text);
        assert_eq!(case.discrete.is_some(), name == "discrete");
        let options = run::Options { out: Some(folder.path().join(name)), ..run::Options::default() };
        let finished = run::run(&case, None, &options, &()).unwrap();
        let summary = summary::read(&finished.folder).unwrap();
        let number = |pointer: &str| summary.pointer(pointer).and_then(serde_json::Value::as_f64).expect(pointer);
        let read = |file: &str| crate::io::npy::read_array::<f64>(&finished.folder.join(file)).unwrap();
        let facies = read("facies.npy");
        assert!(facies.iter().all(|u| [0.0, 2.0, 3.0].iter().any(|l| (u - l).abs() < 1e-9)), "{facies}");
        assert_eq!(facies == read("model.npy"), name == "discrete");
        assert_eq!(number("/facies/misfit") == number("/misfit/model"), name == "discrete");
        mismatch.push(number("/facies/facies_mismatch"));
        assert!(number("/facies/before/misfit").is_finite() && number("/facies/thresholded/misfit").is_finite());
        assert!(finished.folder.join("basis_images.npy").exists() && finished.folder.join("dictionary.csv").exists());
    }
    assert!(mismatch.iter().all(|share| (0.0..0.7).contains(share)), "{mismatch:?}");
}

#[test]
fn what_a_basis_cannot_describe_counts_among_the_errors_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let cosines = SMALL.replace("rank = 5", "kind = \"dct\"\nbox = [2, 2]").replace("[feasible]", "");
    let own = format!("{cosines}\n[inversion]\ntruncation_error = false\n");
    let run = |name: &str, text: &str| {
        let options = run::Options { out: Some(folder.path().join(name)), ..run::Options::default() };
        summary::read(&run::run(&parsed(text), None, &options, &()).unwrap().folder).unwrap()
    };
    let number = |summary: &serde_json::Value, key: &str| summary.pointer(key).and_then(serde_json::Value::as_f64);
    let (counted, own) = (run("counted", &cosines), run("own", &own));
    let misfit = number(&counted, "/misfit/parameterized").unwrap();
    let with_truncation = number(&counted, "/misfit/counted").unwrap();
    assert!(with_truncation <= 6.1 && misfit > with_truncation, "{misfit} {with_truncation}, six data");
    assert_eq!(number(&own, "/misfit/counted"), None);
    assert!(number(&own, "/misfit/parameterized").unwrap() < misfit, "nothing held it back");
    let size = |name: &str| {
        let v = crate::io::npy::read_array::<f64>(&folder.path().join(name).join("coefficients.npy")).unwrap();
        v.iter().map(|v| v.abs()).sum::<f64>()
    };
    assert!(size("counted") < size("own"));
}

#[test]
fn zones_can_be_grouped_by_sparse_components() {
    let folder = tempfile::tempdir().unwrap();
    let grouped = "kind = \"zonation\"\nzones = [4, 2]\n\n[groups]\nkind = \"sparse-pca\"\ncount = 3\nmembers = 2";
    let case = parsed(&SMALL.replace("rank = 5", grouped).replace("[feasible]", ""));
    assert_eq!(case.inversion.regularizer, Regularizer::Group);
    let options = run::Options { out: Some(folder.path().join("zones")), ..run::Options::default() };
    let finished = run::run(&case, None, &options, &()).unwrap();
    let summary = summary::read(&finished.folder).unwrap();
    let count = |key: &str| summary.pointer(key).and_then(serde_json::Value::as_u64);
    assert_eq!((count("/groups/count"), count("/groups/columns")), (Some(3), Some(8)));
}

#[test]
fn zones_are_cut_where_the_data_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let zones = |keys: &str| {
        let text = SMALL.replace("rank = 5", &format!("kind = \"zonation\"\nzones = [2, 1]{keys}"));
        parsed(&text.replace("[feasible]", "").replace("[scenario]]", "[scenario]]\nazimuth = 20"))
    };
    let (mut misfits, mut columns) = (Vec::new(), Vec::new());
    for (name, keys) in [("fixed", ""), ("cut", "\nrefined_zones = 6"), ("finer", "\nrefined_zones = 60")] {
        let options = run::Options { out: Some(folder.path().join(name)), ..run::Options::default() };
        let finished = run::run(&zones(keys), None, &options, &()).unwrap();
        let read = |file: &str| crate::io::npy::read_array::<f64>(&finished.folder.join(file)).unwrap();
        let (reference, model) = (read("reference.npy"), read("model.npy"));
        misfits.push((&reference - &model).mapv(|e| e * e).sum());
        columns.push(read("coefficients.npy").len());
    }
    assert_eq!(columns[..2], [2, 6]);
    assert!((7..=60).contains(&columns[2]), "{columns:?}");
    assert!(misfits[1] < misfits[0], "{misfits:?}");
}

#[test]
fn broken_toml_is_told_together_with_wrong_values() {
    let found = mistakes(&SMALL.replace("rank = 5", "rank = = 5").replace("[0.5, 1.0]", "[0.5, true]"));
    assert!(found.contains("case.toml:18:") && found.contains("not TOML"), "{found}");
    assert!(found.contains("property.facies[2]: found true, expected a number above 0"), "{found}");
    assert!(!found.contains("the key is missing"), "what only follows from broken TOML is not told: {found}");
}

#[test]
fn overrides_come_before_checks_and_mistakes_point_at_them() {
    let with = |set: &[&str]| {
        let set = set.iter().map(|&s| s.to_owned()).collect();
        Case::parse_with(SMALL, "case.toml", &Overrides { set, ..Overrides::default() })
    };
    let case = with(&["basis.rank=[2, 7]", "prior.snesim.grids = 3", "scenario[1].azimuth=45", "scenario.scale=2"]);
    let case = case.expect("overrides that are right");
    assert_eq!(case.basis.rank, Rank::Growing { first: 2, last: 7 });
    assert!(matches!(&case.prior.method, Method::Snesim(s) if s.grids == 3));
    assert_eq!((case.scenarios[0].azimuth, case.scenarios[0].scale), (45.0, 2.0));
    let wrong = [
        ("basis.rank=1000", "--set basis.rank=1000:12: basis.rank: rank 1000 is above"),
        ("basis.rnk=10", "--set basis.rnk=10:1: basis.rnk: unknown key; did you mean \"rank\"?"),
        ("basis.kind=pca", "in quotes"),
        ("basis.rank", "\"basis.rank\" has no '='"),
        ("scenario[2].azimuth=4", "is not there"),
        ("name.first=4", "\"name\" is a value, no section"),
        ("=4", "\"\" is not a key"),
    ];
    for (set, line) in wrong {
        let found = with(&[set]).expect_err(set).to_string();
        assert!(found.contains(line), "{line}\nis not in\n{found}");
    }
    let overrides = Overrides { seed: Some(7), data: Some("own.csv".into()), ..Overrides::default() };
    let case = Case::parse_with(SMALL, "case.toml", &overrides).expect("own data take the reference's place");
    assert_eq!((case.seed, case.reference), (7, None));
    assert!(matches!(case.data.expect("data").source, DataSource::File(file) if file.is_absolute()));
}

#[test]
fn names_of_cases_and_files_are_told_apart() {
    let message = |name| Case::load(name, &Overrides::default()).expect_err(name).to_string();
    assert!(message("ch5-tomoo").contains("did you mean \"ch5-tomo\"?"));
    assert!(message("no/such.toml").contains("cannot read no/such.toml"));
    let report = estimate::check("crosshole-csv", &Overrides::default()).expect("the template").to_string();
    assert!(report.contains("a run needs --data FILE"), "{report}");
    let overrides = Overrides { data: Some("no-such.csv".into()), ..Overrides::default() };
    let error = estimate::check("crosshole-csv", &overrides).expect_err("no such file").to_string();
    assert!(error.contains("data.file: there is no file"), "{error}");
}

#[test]
fn a_check_opens_the_images_of_a_case() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let told = |image: &str| {
        let image = if image.starts_with('{') { image.to_owned() } else { format!("{image:?}") };
        let own = format!("name = \"own\"\nazimuth = [0, 90]\nimage = {image}");
        let text = SMALL.replace("image = { kind = \"straight\" }", &own);
        let text = text.replace("[reference]", "[reference]\nscenario = \"own-0\"");
        std::fs::write(path("case.toml"), text).unwrap();
        estimate::check(&path("case.toml").display().to_string(), &Overrides::default())
    };
    let message = |image: &str| told(image).map(|report| report.to_string()).expect_err(image).to_string();
    let absent = message("absent.gslib");
    assert!(absent.contains("absent.gslib") && absent.lines().count() == 1, "told once for both azimuths: {absent}");
    let values: Vec<f64> = (0..900).map(|cell| f64::from(cell % 7 % 3)).collect();
    npy::write(std::fs::File::create(path("three.npy")).unwrap(), &values, &[30, 30]).unwrap();
    assert!(message("three.npy").contains("its image has 3 facies"), "{}", message("three.npy"));
    let values: Vec<f64> = values.iter().map(|v| v.min(1.0)).collect();
    npy::write(std::fs::File::create(path("two.npy")).unwrap(), &values, &[30, 30]).unwrap();
    told("two.npy").expect("an image of as many facies as the property");

    let lines: String = values.iter().map(|code| format!("0.25 {code}\n")).collect();
    std::fs::write(path("own.gslib"), format!("an image\n2\nporosity\nfacies\n{lines}")).unwrap();
    assert!(message("own.gslib").contains("neither the file nor the case says the size of the grid"));
    let sized = "{ file = \"own.gslib\", cells = [30, 30] }";
    assert!(message(sized).contains("choose one (of a training image by image.variable)"), "{}", message(sized));
    let chosen = "{ file = \"own.gslib\", variable = \"facies\", cells = [30, 30] }";
    let Experiment::Imaging(case) = told(chosen).expect("an image of two facies").experiment else { panic!("a case") };
    assert_eq!(Case::parse(&case.to_toml(), "again").expect("the same").scenarios, case.scenarios);
}

#[test]
fn a_logarithm_is_carried_in_si_and_written_in_its_unit() {
    let text = r#"
format = 1
name = "conductivity"
grid = { cells = [10, 10], size = ["1 m", "1 m"] }
property = { name = "hydraulic conductivity", unit = "m/day", transform = "log10", facies = [-2.3, 0.5] }
scenario = { image = { kind = "straight" } }
basis = { rank = 5 }
mapping = { variant = { name = "one" } }
"#;
    let case = parsed(text);
    assert!((case.property.facies[1] - (0.5 - 86_400f64.log10())).abs() < 1e-15);
    let written = case.to_toml();
    assert!(written.contains("facies = [-2.3, 0.5]"), "{written}");
    assert_eq!(parsed(&written), case);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_gives_mistakes_and_no_panic(text in "\\PC{0,200}", set in "\\PC{0,40}") {
        let overrides = Overrides { set: vec![set], ..Overrides::default() };
        prop_assert!(Case::parse_with(&text, "x", &overrides).is_err());
    }

    #[test]
    fn a_mutated_case_is_read_or_refused(at in 0usize..2000, cut in 0usize..30, insert in "[\\PC\n\"=\\[\\]{}.,#0-9]{0,8}") {
        for text in [SMALL, OTHER, FLOW, GAUSSIAN] {
            let boundary = |mut i: usize| { i = i.min(text.len()); while !text.is_char_boundary(i) { i -= 1; } i };
            let (start, end) = (boundary(at), boundary(at + cut));
            let mutated = format!("{}{insert}{}", &text[..start], &text[end..]);
            if let Ok(case) = Case::parse(&mutated, "case.toml") {
                estimate(&case);
                let again = Case::parse(&case.to_toml(), "case.toml");
                prop_assert_eq!(again.as_ref(), Ok(&case));
            }
        }
    }

    #[test]
    fn an_overridden_number_is_refused_or_written_again_exactly(value in proptest::num::f64::ANY) {
        for key in ["scenario.azimuth", "inversion.coupling", "scenario.image.proportion", "feasible.fraction"] {
            let set = vec![format!("{key}={value:?}")];
            if let Ok(case) = Case::parse_with(SMALL, "case.toml", &Overrides { set, ..Overrides::default() }) {
                prop_assert_eq!(parsed(&case.to_toml()), case);
            }
        }
        let set = vec![format!("grid.size[1]=\"{value} ft\"")];
        let _ = Case::parse_with(SMALL, "case.toml", &Overrides { set, ..Overrides::default() });
        let set = vec![format!("data.noise=\"{value} us\""), format!("property.facies=[{value:?}, 1.5]")];
        if let Ok(case) = Case::parse_with(SMALL, "case.toml", &Overrides { set, ..Overrides::default() }) {
            prop_assert_eq!(parsed(&case.to_toml()), case);
        }
    }
}

#[test]
fn files_of_types_in_stacks_are_named() {
    let case = Case::parse(FLOW, "flow.toml").unwrap();
    let files = super::run::files_of(&case);
    assert!(files.len() == 1 && files[0].ends_with("images/units.gslib"), "{files:?}");
}
