//! Blocks of several layers: stacks of units that share their realizations, and Gaussian fields of any distribution.

use ndarray::Array3;

use crate::interrupt::{assert_interrupted, interrupted_at};
use crate::support::{Place, assert_same_numbers, summary};

/// A pumping test in a block of two units of two layers, each with channels along x or along y: four scenarios.
const STACK: &str = r#"format = 1
name = "stack"
title = "A small stack"

[grid]
cells = [18, 16, 4]
size = ["180 m", "160 m", "8 m"]

[property]
name = "hydraulic conductivity"
unit = "m/day"
transform = "log10"
facies = [-1.0, 1.0]

[[type]]
name = "north"
azimuth = 0

[type.image]
kind = "straight"
cells = [60, 60, 2]
seed = 1
proportion = 0.3
width = 5
thickness = 4

[[type]]
name = "east"
azimuth = 90

[type.image]
kind = "straight"
cells = [60, 60, 2]
seed = 1
proportion = 0.3
width = 5
thickness = 4

[[unit]]
name = "lower"
layers = [1, 2]

[[unit]]
name = "upper"
layers = [3, 4]

[prior]
realizations = 60

[prior.snesim]
template = [5, 5]
grids = 3

[basis]
kind = "hybrid"
energy = 0.8

[physics]
kind = "groundwater"
boundary = [{ side = "left", head = "20 m" }, { side = "right", head = "10 m" }]

[[physics.well]]
name = "centre"
cell = [9, 8]
rate = "30 m3/day"

[[observation]]
kind = "head"
random = { count = 6, seed = 1 }

[data]
noise = "0.5 %"

[inversion]
iterations = 10
steps = 1
regularizer = "group"
start = "scenario north/north"

[reference]
scenario = "north/east"
seed = 1
"#;

/// A pumping test in a block of three layers whose fields run north or east, of a skewed distribution.
const FIELDS: &str = r#"format = 1
name = "fields"
title = "Small Gaussian blocks"

[grid]
cells = [16, 14, 3]
size = ["160 m", "140 m", "6 m"]

[property]
name = "hydraulic conductivity"
unit = "m/day"
transform = "log10"

[[scenario]]
name = "field"
azimuth = [0, 90]

[scenario.gaussian]
distribution = [-1.0, -0.9, -0.7, -0.3, 0.4, 1.5]
structure = { model = "spherical", ranges = ["80 m", "20 m", "20 m"] }

[prior]
realizations = 40
method = "sgsim"

[prior.sgsim]
neighbours = 8

[basis]
kind = "hybrid"
energy = 0.8

[physics]
kind = "groundwater"
boundary = [{ side = "left", head = "20 m" }, { side = "right", head = "10 m" }]

[[observation]]
kind = ["head", "property"]
lattice = [3, 3]

[data]
noise = "2.5 %"

[inversion]
iterations = 4
steps = 1
regularizer = "group"
start = "uniform 0.1"

[reference]
scenario = "field-90"
seed = 1

[[variant]]
name = "conditioned"
set = { "prior.condition" = true }

[[variant]]
name = "embedded"
set = { "prior.method" = "gaussian" }
"#;

#[test]
fn scenarios_of_a_stack_share_the_realizations_of_their_units() {
    let place = Place::new();
    place.write("stack.toml", STACK);
    place.run(&["run", "stack.toml", "--out", "a", "--threads", "1"]).ok();
    let summary = |name| summary(&place.path(name));
    let names: Vec<_> =
        summary("a")["scenarios"].as_array().expect("scenarios").iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["north/north", "north/east", "east/north", "east/east"]);
    let folders = std::fs::read_dir(place.path("cache")).expect("a cache").count();
    assert_eq!(folders, 4, "two types in each of two units");
    let misfit = &summary("a")["misfit"];
    assert_eq!(misfit["target"], 24.0, "six wells in four layers");
    let of = |key: &str| misfit[key].as_f64().expect("a number");
    assert!(of("model") < of("initial"), "{misfit}");
    let model: Array3<f64> = ndarray_npy::read_npy(place.path("a/model.npy")).expect("f64");
    assert_eq!(model.shape(), [4, 16, 18]);
    // A column of a unit's layers is one cell of its image where channels go through the whole unit.
    let truth: Array3<f64> = ndarray_npy::read_npy(place.path("a/reference.npy")).expect("f64");
    let layer = |k: usize| truth.index_axis(ndarray::Axis(0), k).to_owned();
    let differ = |a: usize, b: usize| layer(a).iter().zip(&layer(b)).filter(|(a, b)| a != b).count();
    assert!(differ(0, 1) < differ(1, 2) && differ(2, 3) < differ(1, 2), "layers of a unit are alike");
    let drawn = 4 * 60u64;
    assert_eq!(summary("a")["prior"]["cached"], 0);
    place.run(&["run", "stack.toml", "--out", "b", "--threads", "2"]).ok();
    assert_eq!(summary("b")["prior"]["cached"], drawn, "each unit once, not once a scenario");
    assert_same_numbers(&place.path("a"), &place.path("b"));
    let arguments = ["run", "stack.toml", "--out", "c", "--no-cache"];
    assert_interrupted(interrupted_at(place.command(&arguments), "INT", "prior realizations: 50/60"));
    let resumed = [&arguments[..], &["--resume"]].concat();
    place.run(&resumed).ok();
    let cached = summary("c")["prior"]["cached"].as_u64().expect("a number");
    assert!((50..drawn).contains(&cached), "realizations are kept with the unfinished run: {cached}");
    assert_same_numbers(&place.path("a"), &place.path("c"));
}

#[test]
fn fields_have_the_distribution_of_the_case_by_every_method_and_honour_what_they_are_conditioned_on() {
    let place = Place::new();
    place.write("fields.toml", FIELDS);
    place.run(&["run", "fields.toml", "--out", "a", "--threads", "1"]).ok();
    place.run(&["run", "fields.toml", "--out", "b", "--threads", "2", "--no-cache"]).ok();
    assert_same_numbers(&place.path("a"), &place.path("b"));
    for folder in ["a", "a/variant-conditioned", "a/variant-embedded"] {
        let summary = summary(&place.path(folder));
        assert_eq!(summary["misfit"]["target"], 54.0, "nine wells, three layers, head and property");
        let of = |key: &str| summary["misfit"][key].as_f64().expect("a number");
        assert!(of("model") < of("initial"), "{folder}: {}", summary["misfit"]);
        let truth: Array3<f64> = ndarray_npy::read_npy(place.path(folder).join("reference.npy")).expect("f64");
        assert!(truth.iter().all(|x| (-1.00001..=1.50001).contains(x)), "nothing beyond the values given");
        assert!(truth.iter().any(|&x| x < -0.7) && truth.iter().any(|&x| x > 0.4), "{folder}");
    }
    let prior_mean = |folder: &str| -> Array3<f64> {
        ndarray_npy::read_npy(place.path(folder).join("prior_mean.npy")).expect("f64")
    };
    let data = std::fs::read_to_string(place.path("a/data.csv")).expect("a table");
    let known = data.lines().filter(|line| line.contains(",log10 m/day,")).count();
    assert_eq!(known, 27, "{data}");
    let spread = |mean: Array3<f64>| mean.std(0.0);
    assert!(
        spread(prior_mean("a/variant-conditioned")) > 1.5 * spread(prior_mean("a")),
        "realizations follow the data"
    );
}

#[test]
fn realizations_of_a_stack_are_files_in_folders() {
    let place = Place::new();
    place.write("stack.toml", STACK);
    for format in ["npy", "gslib", "vti"] {
        place.run(&["simulate", "stack.toml", "--count", "2", "--format", format, "--out", format]).ok();
    }
    let facies: ndarray::Array4<u8> =
        ndarray_npy::read_npy(place.path("npy/north/east-facies.npy")).expect("facies of a scenario");
    assert_eq!(facies.shape(), [2, 4, 16, 18]);
    for file in ["gslib/east/north-00002.gslib", "vti/east/east-00001.vti"] {
        assert!(place.path(file).exists(), "{file}");
    }
}
