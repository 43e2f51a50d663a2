//! The other commands: cases, the prior alone, predictions, reports, devices, benches.

use lithoscope::io;
use ndarray::{Array3, Array4};

use crate::support::{Place, SMALL, files};

/// A block of 3 × 4 × 5 cells that tells every axis apart, filled by a Gaussian field.
const BLOCK: &str = r#"format = 1
name = "block"

[grid]
cells = [3, 4, 5]
size = ["30 m", "80 m", "20 m"]

[property]
name = "slowness"
unit = "ms/m"

[[scenario]]
[scenario.gaussian]
mean = 1.0
variance = 0.01
structure = { model = "spherical", ranges = "50 m" }

[prior]
realizations = 3

[basis]
rank = 2

[physics]
kind = "straight-rays"
sources = { points = [["0 m", "10 m", "2 m"], ["0 m", "70 m", "18 m"]] }
receivers = { points = [["30 m", "10 m", "2 m"]] }

[data]
noise = "1 %"

[reference]
"#;

#[test]
fn built_in_cases_are_listed_shown_and_checked() {
    let place = Place::new();
    let list = place.run(&["case", "list"]).ok().out;
    for name in ["ch5-mapping", "ch5-tomo", "ch5-tomo-heterogeneous", "crosshole-csv"] {
        assert!(list.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {list}");
        let shown = place.run(&["case", "show", name]).ok().out;
        assert!(shown.contains("format = 1") && shown.matches('#').count() > 20, "every key is explained: {shown}");
        place.write("shown.toml", &shown);
        let checked = place.run(&["case", "check", "shown.toml"]).ok().out;
        assert!(checked.contains("no mistakes") && checked.contains("MB"), "{checked}");
        assert_eq!(checked, place.run(&["case", "check", name]).ok().out);
    }
    place.run(&["case", "show", "ch5-tomography"]).fails(2, &["ch5-tomo"]);
    place.run(&["run", "ch5-tom"]).fails(2, &["ch5-tom", "ch5-tomo"]);
    place.run(&["run", "nothing.toml"]).fails(2, &["cannot read", "nothing.toml"]);
    place.run(&["run"]).fails(2, &["CASE"]);
    place.run(&["rum"]).fails(2, &["rum"]);
}

#[test]
fn every_mistake_of_a_case_is_reported_at_once() {
    let place = Place::new();
    let path = place.write_changed(
        "bad.toml",
        &[
            ("unit = \"ms/m\"", "unit = \"ms\""),
            ("neighbours = 3", "neigbours = 3"),
            ("iterations = 3", "iterations = 0"),
            ("size = [\"300 m\", \"240 m\"]", ""),
        ],
    );
    let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
    for arguments in [["case", "check", name], ["run", name, "--quiet"], ["simulate", name, "--quiet"]] {
        let ran = place.run(&arguments).fails(2, &["neigbours", "neighbours", "\"ms\"", "size", "iterations"]);
        for line in [5, 11, 46, 51] {
            assert!(ran.err.contains(&format!("bad.toml:{line}:")), "line {line}: {}", ran.err);
        }
    }
    place.assert_no_result();
}

#[test]
fn realizations_are_read_back_from_every_format() {
    let place = Place::new();
    place.write("block.toml", BLOCK);
    for format in ["npy", "gslib", "vti"] {
        place.run(&["simulate", "block.toml", "--out", format, "--format", format, "--quiet"]).ok();
    }
    let name = "scenario-1-property.npy";
    let stored: Array4<f32> = ndarray_npy::read_npy(place.path("npy").join(name)).expect("L, nz, ny, nx");
    assert_eq!(stored.shape(), [3, 5, 4, 3]);
    for l in 0..3 {
        let path = place.path(&format!("gslib/scenario-1-{:05}.gslib", l + 1));
        let raster = io::read(&path, None).expect("GSLIB");
        assert_eq!((raster.cells, raster.spacing), ([3, 4, 5], Some([10.0, 20.0, 4.0])));
        let values = &raster.variables.last().expect("the property").values;
        // x is fastest in the file, and last in the array.
        let expected: Vec<f64> = stored.index_axis(ndarray::Axis(0), l).iter().map(|&x| f64::from(x)).collect();
        assert!(values.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-6), "realization {l}");
        let vti = std::fs::read_to_string(place.path(&format!("vti/scenario-1-{:05}.vti", l + 1))).expect("XML");
        assert!(vti.contains("WholeExtent=\"0 3 0 4 0 5\"") && vti.contains("Spacing=\"10 20 4\""), "{vti}");
    }
    let cells: Vec<f32> = stored.iter().copied().collect();
    assert!(cells.windows(2).any(|pair| pair[0] != pair[1]));
    let summary = files(&place.path("npy"));
    assert!(summary.contains_key("summary.json") && summary.contains_key("case.toml"));
    // The same case again is found, another count takes the next suffix.
    place.run(&["simulate", "block.toml", "--out", "npy", "--count", "2", "--quiet"]).ok();
    let fewer: Array4<f32> = ndarray_npy::read_npy(place.path("npy-2").join(name)).expect("L, nz, ny, nx");
    assert_eq!(fewer, stored.slice(ndarray::s![..2, .., .., ..]));
}

#[test]
fn facies_are_simulated_with_their_image() {
    let place = Place::with_case();
    place.run(&["simulate", "small.toml", "--out", "p", "--count", "4"]).ok();
    let facies: Array4<u8> = ndarray_npy::read_npy(place.path("p/meandering-facies.npy")).expect("codes");
    assert_eq!(facies.shape(), [4, 1, 24, 30]);
    assert!(facies.iter().all(|&code| code < 2));
    let image: Array3<f64> = ndarray_npy::read_npy(place.path("p/meandering-image.npy")).expect("an image");
    assert_eq!(image.shape(), [1, 60, 60]);
    // Channels run along x: neighbours along x are alike more often than neighbours along y.
    let alike = |axis: usize| {
        let n = facies.len_of(ndarray::Axis(axis));
        let (a, b) = (ndarray::Slice::from(..n - 1), ndarray::Slice::from(1..));
        let pairs = facies.slice_axis(ndarray::Axis(axis), a).to_owned();
        let same = pairs.iter().zip(facies.slice_axis(ndarray::Axis(axis), b)).filter(|(a, b)| a == b).count();
        same as f64 / pairs.len() as f64
    };
    assert!(alike(3) > alike(2), "{} {}", alike(3), alike(2));
}

#[test]
fn predictions_keep_ids_and_units() {
    let place = Place::new();
    // Slowness grows with x, so that a turned or mirrored model predicts something else.
    let model = Array3::from_shape_fn((1, 24, 30), |(_, j, i)| 0.5 + 0.02 * i as f64 + 0.001 * j as f64);
    ndarray_npy::write_npy(place.path("model.npy"), &model).expect("room");
    place.write(
        "survey.csv",
        "shot;x1;y1;geophone;x2;y2;note\nA-7;0;5;g1;10;5;along x\nB;290;5;g2;300;5;far end\nC;5;0;g1;5;240;along y\n",
    );
    place.write_changed(
        "own.toml",
        &[
            (
                "noise = \"2 %\"",
                "noise = \"4 ms\"\nfile = \"--data\"\n[data.columns]\nid = \"shot\"\nsource_x = \"x1\"\nsource_y = \"y1\"\n\
                 receiver_x = \"x2\"\nreceiver_y = \"y2\"\ntime_unit = \"ms\"",
            ),
            ("sources = { side = \"left\", count = 5 }\n", ""),
            ("receivers = { side = \"right\", count = 5 }\n", ""),
            ("[reference]\nscenario = \"meandering\"\nseed = 1\n", ""),
        ],
    );
    let base = ["forward", "own.toml", "--model", "model.npy"];
    let ran = place.run(&[&base[..], &["--data", "survey.csv"]].concat()).ok();
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split(';').collect()).collect();
    assert_eq!(lines[0], ["shot", "x1", "y1", "geophone", "x2", "y2", "note", "predicted"]);
    assert_eq!(lines[2][..7], ["B", "290", "5", "g2", "300", "5", "far end"]);
    let column_of_5 = (0..24).map(|j| 10.0 * (0.5 + 0.001 * f64::from(j))).sum::<f64>();
    for (line, expected) in [(1, 10.0 * 0.5), (2, 10.0 * (0.5 + 0.02 * 29.0)), (3, column_of_5)] {
        let predicted: f64 = lines[line][7].parse().expect("a number");
        assert!((predicted - expected).abs() < 1e-9, "{}: {predicted} ms, not {expected}", lines[line][0]);
    }
    place.run(&[&base[..], &["--data", "survey.csv", "--out", "p.csv"]].concat()).ok();
    assert_eq!(std::fs::read_to_string(place.path("p.csv")).expect("a file").trim_end(), ran.out.trim_end());
    place.run(&base).fails(2, &["data.file", "--data FILE"]);

    let narrow = Array3::<f64>::ones((1, 30, 24));
    ndarray_npy::write_npy(place.path("turned.npy"), &narrow).expect("room");
    let turned = ["forward", "own.toml", "--model", "turned.npy", "--data", "survey.csv"];
    place.run(&turned).fails(2, &["turned.npy", "24 x 30 x 1", "30 x 24 x 1"]);
    let mut gap = model;
    gap[[0, 2, 1]] = f64::NAN;
    ndarray_npy::write_npy(place.path("gap.npy"), &gap).expect("room");
    let gap = ["forward", "own.toml", "--model", "gap.npy", "--data", "survey.csv"];
    place.run(&gap).fails(2, &["gap.npy", "NaN", "cell (2, 3, 1)", "remedy"]);
}

#[test]
fn a_run_predicts_what_its_data_file_says() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--out", "r"]).ok();
    let predicted = place.run(&["forward", "small.toml", "--model", "r/model.npy"]).ok().out;
    let data = std::fs::read_to_string(place.path("r/data.csv")).expect("a table");
    let last = |line: &str| line.rsplit(',').next().and_then(|s| s.parse::<f64>().ok()).expect("a number");
    assert_eq!(predicted.lines().count(), data.lines().count());
    for (a, b) in predicted.lines().zip(data.lines()).skip(1) {
        assert!((last(a) - last(b)).abs() <= 1e-12 * last(b), "{a} and {b}");
    }
}

#[test]
fn a_report_is_built_anew() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--out", "r"]).ok();
    let before = files(&place.path("r"))["report.html"].clone();
    std::fs::remove_file(place.path("r/report.html")).expect("is there");
    let ran = place.run(&["report", "r"]).ok();
    assert!(ran.out.contains("report.html"));
    assert!(files(&place.path("r"))["report.html"] == before, "the same page");
    place.run(&["report", "nothing"]).fails(2, &["nothing"]);
    place.write("r/summary.json", "{");
    place.run(&["report", "r"]).fails(2, &["summary.json"]);
    std::fs::remove_file(place.path("r/summary.json")).expect("is there");
    place.run(&["report", "r"]).fails(2, &["summary.json"]);
}

#[test]
fn a_bench_of_an_unknown_kernel_says_so() {
    let place = Place::new();
    place.run(&["bench", "fourier", "--backend", "cpu"]).fails(2, &["fourier", "remedy"]);
}

#[test]
fn overrides_say_where_they_are_wrong() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--set", "inversion.iteration=2"]).fails(2, &["--set", "iterations"]);
    place.run(&["run", "small.toml", "--set", "inversion.iterations=two"]).fails(2, &["--set"]);
    place.run(&["run", "small.toml", "--set", "inversion.iterations"]).fails(2, &["--set"]);
    place.run(&["run", "small.toml", "--seed", "x"]).fails(2, &["--seed"]);
    place.run(&["run", "small.toml", "--repeat", "0"]).fails(2, &["--repeat"]);
    place.run(&["run", "small.toml", "--scenarios-from", "x"]).fails(2, &["--scenarios-from"]);
    place.assert_no_result();
    assert!(SMALL.contains("iterations = 3"));
}

#[test]
fn claims_that_cannot_be_settled() {
    let place = Place::new();
    let refused = |arguments: &[&str], words: &[&str]| {
        place.run(&[&["claims", "--backend", "cpu", "--out", "out"], arguments].concat()).fails(2, words);
        assert!(!place.path("out/claims.txt").exists());
    };
    refused(&["9.9"], &["claim 9.9", "known", "3.1/ch3-tomo-channel", "6.4/ch6-weights"]);
    refused(&["5.2/ch5-mapping"], &["claim 5.2/ch5-mapping", "5.2/ch5-pumping"]);
    refused(&["5.2", "--repeat", "1"], &["--repeat", "1 reference", "at least 2"]);
    refused(&["3.3", "--repeat", "400"], &["--repeat", "400 parts of 500 realizations", "two realizations"]);
}
