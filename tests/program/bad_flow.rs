//! What bad input of a pumping test among several scenarios gets: exit code 2, the place in the file, the value found and
//! what was expected; and what is no mistake but looks wrong, a warning.

use ndarray::Array3;

use crate::scenarios::PUMPING;
use crate::support::{Place, summary};

const HEADS: &str = "boundary = [{ side = \"left\", head = \"20 m\" }, { side = \"right\", head = \"10 m\" }]";
const FLOW: &str = "kind = \"groundwater\"\n";
const STORAGE: &str = "kind = \"groundwater\"\nspecific_storage = \"1e-5 1/m\"\n";
const OBSERVED: &str = "kind = [\"head\", \"property\"]\nlattice = [4, 3]";
/// The key of the only well, and the table that its lines end.
const WELL: &str = "[[physics.well]]\n";

/// The pumping test with some text replaced.
fn changed(changes: &[(&str, &str)]) -> String {
    let mut text = PUMPING.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the case has no `{from}`");
        text = text.replacen(from, to, 1);
    }
    text
}

/// Runs the pumping test with some text changed and expects it to be refused.
fn refused(changes: &[(&str, &str)], words: &[&str]) {
    let place = Place::new();
    place.write("pumping.toml", changed(changes));
    place.run(&["run", "pumping.toml", "--out", "out"]).fails(2, &[&["pumping.toml:"], words].concat());
    place.assert_no_result();
}

/// The same of a pumping test in time: four steps of 1, 2, 4 and 8 hours.
fn refused_in_time(changes: &[(&str, &str)], words: &[&str]) {
    let time = format!("[physics.time]\nsteps = 4\nfirst = \"1 h\"\ngrowth = 2\n\n{WELL}");
    refused(&[&[(WELL, &*time)], changes].concat(), words);
}

#[test]
fn wells_that_stand_nowhere_or_do_nothing() {
    refused(&[("cell = [12, 10]\n", "cell = [25, 10]\n")], &["physics.well[1].cell", "(25, 10, 1)", "24 x 20 x 1"]);
    refused(
        &[("cell = [12, 10]\n", "at = [\"250 m\", \"50 m\"]\n")],
        &["physics.well[1].at", "(250 m, 50 m)", "240 m, 200 m"],
    );
    refused(&[("cell = [12, 10]\n", "cell = [1, 10]\n")], &["physics.well[1].cell", "cell (1, 10)", "fixed", "move"]);
    let second = format!("{WELL}name = \"other\"\ncell = [12, 10]\nrate = \"1 m3/day\"\n\n[[observation]]");
    refused(&[("[[observation]]", &second)], &["physics.well[2].cell", "\"centre\"", "same cell"]);
    let alike = second.replace("other", "centre").replace("[12, 10]", "[13, 10]");
    refused(&[("[[observation]]", &alike)], &["physics.well[2].name", "two wells", "\"centre\""]);
    let rate = "rate = \"60 m3/day\"\n";
    refused(&[(rate, "rate = \"60 m3/day\"\nhead = \"9 m\"\n")], &["physics.well[1].rate", "a rate or at a head"]);
    refused(&[(rate, "rate = \"nan m3/day\"\n")], &["physics.well[1].rate", "nan m3/day", "m3/s"]);
    refused(&[(rate, "rate = \"60 m\"\n")], &["physics.well[1].rate", "\"m\" is a unit of length"]);
    refused(&[(rate, "rate = \"60 m3/day\"\nradius = \"5 m\"\n")], &["physics.well[1].radius", "1.980 m"]);
}

#[test]
fn boundaries_without_a_head_or_with_two() {
    let sides = |text: &str| format!("boundary = [{text}]");
    let none = sides("{ side = \"left\", no_flow = true }");
    refused(&[(HEADS, &none)], &["physics.boundary", "no head is fixed", "side = \"left\", head = \"20 m\""]);
    for other in ["left", "bottom"] {
        let two = sides(&format!("{{ side = \"left\", head = \"20 m\" }}, {{ side = \"{other}\", head = \"10 m\" }}"));
        refused(&[(HEADS, &two)], &["physics.boundary[2]", "cell (1, 1)", "20 m", "10 m", "boundary 1"]);
    }
    let both = sides("{ side = \"left\", head = \"20 m\", flux = \"1 cm/day\" }");
    refused(&[(HEADS, &both)], &["physics.boundary[1]", "2 conditions"]);
    refused(&[("\"20 m\"", "\"nan m\"")], &["physics.boundary[1].head", "nan m", "a length"]);
    refused(&[("\"20 m\"", "\"20 s\"")], &["physics.boundary[1].head", "unit of time"]);
    refused(&[("side = \"left\"", "side = \"west\"")], &["physics.boundary[1].side", "west", "\"left\""]);
    let outside = sides("{ cells = [[1, 1], [99, 1]], head = \"20 m\" }");
    refused(&[(HEADS, &outside)], &["physics.boundary[1].cells[2]", "(99, 1, 1)", "24 x 20 x 1"]);
}

#[test]
fn properties_that_let_no_water_through() {
    let facies = "transform = \"log10\"\nfacies = [-1.0, 1.0]";
    for value in ["0.0", "-1.0", "nan"] {
        let plain = format!("facies = [{value}, 1.0]");
        refused(&[(facies, &plain)], &["property.facies[1]", value, "a number above 0"]);
    }
    refused(&[("facies = [-1.0, 1.0]", "facies = [-1.0, inf]")], &["property.facies[2]", "inf"]);
    refused(&[(FLOW, &format!("{FLOW}anisotropy = 0\n"))], &["physics.anisotropy", "0", "above 0"]);
    let slow = ("name = \"hydraulic conductivity\"\nunit = \"m/day\"", "name = \"slowness\"\nunit = \"ms/m\"");
    refused(&[slow], &["physics.kind", "hydraulic conductivity"]);
}

#[test]
fn times_that_do_not_fit() {
    refused_in_time(&[], &["physics.time", "storage", "specific_storage = "]);
    let negative = STORAGE.replace("1e-5", "-1e-5");
    refused_in_time(&[(FLOW, &negative)], &["physics.specific_storage", "-1e-5 1/m", "above 0"]);
    let map = STORAGE.replace("specific_storage = \"1e-5 1/m\"", "storativity = 1e-4");
    refused_in_time(&[(FLOW, &map)], &["physics.kind", "storativity", "specific_storage = "]);
    let ends = format!("[physics.time]\nends = [\"1 h\", \"3 h\", \"2 h\"]\n\n{WELL}");
    refused(
        &[(FLOW, STORAGE), (WELL, &ends)],
        &["physics.time.ends", "10800 s is followed by 7200 s", "earliest first"],
    );
    let schedule = ("rate = \"60 m3/day\"", "rate = [[\"1 h\", \"60 m3/day\"], [\"0 s\", \"0 m3/day\"]]");
    refused_in_time(&[(FLOW, STORAGE), schedule], &["physics.well[1].rate", "3600 s is followed by 0 s"]);
    let observed = |time: &str| format!("kind = \"head\"\nlattice = [4, 3]\ntimes = [\"1 h\", \"{time}\"]");
    refused_in_time(
        &[(FLOW, STORAGE), (OBSERVED, &observed("16 h"))],
        &["observation[1].times", "57600 s", "after the end of the last step, 54000 s"],
    );
    refused_in_time(
        &[(FLOW, STORAGE), (OBSERVED, &observed("-1 h"))],
        &["observation[1].times[2]", "-1 h", "0 or more"],
    );
    refused(&[(OBSERVED, &observed("2 h"))], &["observation[1].times", "steady", "[physics.time]"]);
}

#[test]
fn observations_of_nothing() {
    let cells = |text: &str| format!("kind = \"head\"\ncells = [{text}]");
    refused(&[(OBSERVED, &cells("[2, 2], [30, 2]"))], &["observation[1].cells[2]", "(30, 2, 1)", "24 x 20 x 1"]);
    refused(&[(OBSERVED, &cells("[1, 2]"))], &["observation[1].cells", "head of cell (1, 2) is fixed"]);
    refused(
        &[(OBSERVED, "kind = \"well-head\"\nwells = [\"center\"]")],
        &["observation[1].wells[1]", "\"center\"", "did you mean \"centre\"?"],
    );
    refused(
        &[(OBSERVED, "kind = \"rate\"\nwells = [\"centre\"]")],
        &["observation[1].wells", "\"centre\"", "at a head"],
    );
    refused(&[("lattice = [4, 3]", "lattice = [40, 3]")], &["observation[1].lattice", "40 x 3", "24 x 20"]);
    refused(
        &[("noise = \"2 %\"", "noise = \"2 ms\"")],
        &["observation[1].noise", "the unit of a travel time", "its own"],
    );
}

#[test]
fn scenarios_that_are_unknown_alike_or_too_few() {
    let reference = "scenario = \"straight-90\"";
    refused(&[(reference, "scenario = \"straight-45\"")], &["reference.scenario", "straight-45", "\"straight-90\""]);
    refused(
        &[(reference, "scenario = [\"straight-90\", \"strait-0\"]")],
        &["reference.scenario[2]", "strait-0", "did you mean \"straight-0\"?"],
    );
    let start = ("regularizer = \"group\"", "regularizer = \"group\"\nstart = \"scenario straight-45\"");
    refused(&[start], &["inversion.start", "straight-45"]);
    refused(&[("azimuth = [0, 90]", "azimuth = [0, 0]")], &["scenario[1].name", "two scenarios", "straight-0"]);
    refused(&[("realizations = 40", "realizations = 1")], &["prior.realizations", "1", "from 2"]);
    refused(&[("energy = 0.8", "rank = 41")], &["basis.rank", "41", "of each scenario, 40"]);
    refused(&[("energy = 0.8", "energy = 1.5")], &["basis.energy", "1.5", "up to 1"]);
    let selection = "[selection]\nenergy = 0.8\nthreshold = 2\n\n[inversion]";
    refused(&[("[inversion]", selection)], &["selection.threshold", "2", "below 1", "basis.kind"]);
    let place = Place::new();
    place.write("few.toml", changed(&[("realizations = 40", "realizations = 4")]));
    place.run(&["run", "few.toml", "--out", "out"]).fails(2, &["4 realizations are too few", "at least five"]);
    place.assert_no_result();
}

#[test]
fn earlier_runs_that_are_none() {
    let place = Place::new();
    place.write("pumping.toml", PUMPING);
    let from = |folder: &str, words: &[&str]| {
        place.run(&["run", "pumping.toml", "--out", "out", "--scenarios-from", folder]).fails(2, words);
        place.assert_no_result();
    };
    std::fs::create_dir(place.path("folder")).expect("a folder");
    from("nowhere", &["cannot read", "nowhere"]);
    from("folder", &["cannot read", "folder/summary.json"]);
    place.write("folder/summary.json", "not JSON");
    from("folder", &["folder/summary.json", "line 1", "remedy"]);
    for text in
        ["{}", "{\"scenarios\": 3}", "{\"scenarios\": [{\"name\": \"delta\", \"norm\": 1.0, \"probability\": 1.0}]}"]
    {
        place.write("folder/summary.json", text);
        from("folder", &["--scenarios-from folder", "scenario of this case", "remedy"]);
    }
}

#[test]
fn files_with_numbers_that_are_none() {
    let place = Place::new();
    let cells = "cells = [{ cell = [12, 10], facies = 1 }]";
    place.write("hard.toml", changed(&[(cells, "file = \"wells.csv\"")]));
    for (text, words) in [
        ("i,j,value\n12,10,NaN\n", ["line 2, column 3 (value)", "NaN"]),
        ("i,j,facies\n12,10,1\n13,nan,1\n", ["line 3, column 2 (j)", "nan"]),
        ("i,j,facies\n12,30,1\n", ["line 2, column 2 (j)", "20 cells"]),
        ("i,j,facies\n12,10,1\n12,10,0\n", ["line 3", "line 2"]),
    ] {
        place.write("wells.csv", text);
        place.run(&["run", "hard.toml", "--out", "out"]).fails(2, &[&["wells.csv", "remedy"], &words[..]].concat());
        place.assert_no_result();
    }
    place.write("pumping.toml", PUMPING);
    for (value, words) in [(f64::NAN, ["NaN", "cell ("]), (400.0, ["(log10 395", "positive"])] {
        let mut model = Array3::from_elem((1, 20, 24), 1.0);
        model[[0, 3, 4]] = value;
        ndarray_npy::write_npy(place.path("model.npy"), &model).expect("room");
        place.run(&["forward", "pumping.toml", "--model", "model.npy"]).fails(2, &[&["remedy"], &words[..]].concat());
    }
}

#[test]
fn wells_that_fall_dry_are_named() {
    let place = Place::new();
    place.write("dry.toml", changed(&[("60 m3/day", "6000 m3/day")]));
    place.run(&["run", "dry.toml", "--out", "out"]).ok();
    let summary = summary(&place.path("out"));
    let warnings: Vec<&str> =
        summary["warnings"].as_array().expect("a list").iter().filter_map(|w| w.as_str()).collect();
    let dry = warnings.iter().find(|warning| warning.contains("dry")).expect("a warning");
    assert!(dry.contains("\"centre\"") && dry.contains("cell (12, 10)") && dry.contains("bottom at 0.00 m"), "{dry}");
    let report = std::fs::read_to_string(place.path("out/report.html")).expect("a report");
    assert!(report.contains("falls dry"), "the report says so too");
}
