//! What bad input gets: exit code 2 or 3, the place, the value found and a remedy; never a panic, never a result.

use std::os::unix::fs::PermissionsExt;

use lithoscope::io::npy;
use ndarray::Array3;

use crate::support::{Place, finished};

/// Runs the small case with some text changed and expects it to be refused.
fn refused(changes: &[(&str, &str)], words: &[&str]) {
    let place = Place::new();
    place.write_changed("small.toml", changes);
    place.run(&["run", "small.toml", "--out", "out"]).fails(2, words);
    place.assert_no_result();
}

/// The small case with travel times from `times.csv`.
const OWN_DATA: [(&str, &str); 4] = [
    ("noise = \"2 %\"", "noise = \"4 ms\"\nfile = \"times.csv\""),
    ("sources = { side = \"left\", count = 5 }\n", ""),
    ("receivers = { side = \"right\", count = 5 }\n", ""),
    ("[reference]\nscenario = \"meandering\"\nseed = 1\n", ""),
];

/// The small case with its image from a file.
fn with_image(file: &str) -> Place {
    let place = Place::new();
    let generated = "[scenario.image]\nkind = \"meandering\"\ncells = [60, 60]\nseed = 1\nproportion = 0.3\nwidth = 5\nwavelength = 30\n";
    place.write_changed("small.toml", &[("azimuth = 90", &format!("image = \"{file}\"")), (generated, "")]);
    place
}

#[test]
fn keys_that_are_missing_unknown_or_contradict_each_other() {
    refused(&[("rank = [10, 20]", "")], &["basis", "rank", "small.toml:"]);
    refused(&[("iterations = 3", "iteration = 3")], &["iteration", "did you mean", "iterations", "small.toml:51:"]);
    refused(&[("[prior.snesim]", "[prior.snesin]")], &["snesin", "snesim"]);
    refused(&[("format = 1", "format = 2")], &["small.toml:1:", "format", "2"]);
    refused(&[("format = 1", "format = 1\nformat = 1")], &["small.toml:2:", "duplicate key"]);
    refused(&[("cells = [30, 24]", "cells = [30, 24")], &["not TOML"]);
    refused(&[("cells = [30, 24]", "cells = [30, -24]")], &["grid.cells", "-24"]);
    refused(&[("cells = [30, 24]", "cells = [30000000, 24000000]")], &["cells", "too many"]);
    refused(&[("unit = \"ms/m\"", "unit = \"ms\"")], &["property.unit", "\"ms\"", "ms/m"]);
    refused(&[("\"240 m\"", "\"240 s\"")], &["grid.size[2]", "\"s\" is a unit of time", "length"]);
    refused(&[("\"240 m\"", "240")], &["grid.size", "240", "unit"]);
    refused(&[("noise = \"2 %\"", "noise = \"-2 %\"")], &["data.noise", "-2 %"]);
    refused(&[("noise = \"2 %\"", "noise = \"nan ms\"")], &["data.noise"]);
    refused(&[("facies = [0.5, 1.0]", "facies = [0.5, nan]")], &["property.facies", "nan"]);
    refused(&[("facies = [0.5, 1.0]", "facies = [0.5, inf]")], &["property.facies", "inf"]);
    refused(&[("facies = [0.5, 1.0]", "facies = [0.5, -1.0]")], &["property.facies", "-1"]);
    refused(&[("facies = [0.5, 1.0]", "facies = [0.5]")], &["property.facies"]);
    refused(&[("facies = [0.5, 1.0]", "facies = [0.5, 1.0, 2.0]")], &["property.facies", "2 facies", "3 values"]);
}

#[test]
fn counts_that_do_not_fit() {
    refused(&[("template = [5, 5]", "template = [35, 5]")], &["template", "35 x 5 x 1", "30 x 24 x 1"]);
    refused(&[("template = [5, 5]", "template = [4, 5]")], &["template", "odd"]);
    refused(&[("rank = [10, 20]", "rank = 60")], &["basis.rank", "60", "realizations"]);
    refused(&[("rank = [10, 20]", "rank = 0")], &["basis.rank", "0"]);
    refused(&[("neighbours = 3", "neighbours = 301")], &["feasible.neighbours", "301", "300"]);
    refused(&[("neighbours = 3", "neighbours = 0")], &["feasible.neighbours", "0"]);
    refused(&[("window = [12, 10]", "window = [12, 25]")], &["feasible.window", "12 x 25 x 1", "30 x 24 x 1"]);
    refused(&[("fraction = 0.5", "fraction = 0")], &["feasible.fraction", "0"]);
    refused(&[("realizations = 60", "realizations = 1")], &["prior.realizations", "1"]);
    refused(&[("realizations = 60", "realizations = 9000000000000")], &["prior.realizations"]);
    refused(&[("proportion = 0.3", "proportion = 1.5")], &["proportion", "1.5"]);
    refused(&[("count = 5", "count = 0")], &["physics.sources", "0"]);
    refused(&[("side = \"left\"", "side = \"west\"")], &["physics.sources", "west", "left"]);
}

#[test]
fn rays_that_miss_the_grid() {
    let outside = "sources = { points = [[\"-50 m\", \"10 m\"], [\"-50 m\", \"20 m\"]] }";
    let above = "receivers = { points = [[\"-20 m\", \"500 m\"]] }";
    refused(
        &[
            ("sources = { side = \"left\", count = 5 }", outside),
            ("receivers = { side = \"right\", count = 5 }", above),
        ],
        &["ray", "outside", "remedy"],
    );
}

#[test]
fn data_files_that_cannot_be_used() {
    let good = "source_x,source_y,receiver_x,receiver_y,time\n0,20,300,20,0.2\n0,40,300,40,0.21\n";
    let place = Place::new();
    place.write_changed("own.toml", &OWN_DATA);
    let refused = |contents: &[u8], words: &[&str]| {
        place.write("times.csv", contents);
        place.run(&["run", "own.toml", "--out", "out"]).fails(2, &[&["times.csv"], words].concat());
        place.assert_no_result();
    };
    for (bad, words) in [
        ("0.21", ["line 3, column 5 (time)", ""]),
        ("NaN", ["line 3, column 5 (time)", "NaN"]),
        ("inf", ["line 3, column 5 (time)", "inf"]),
        ("-0.21", ["line 3, column 5 (time)", "-0.21"]),
        ("fast", ["line 3, column 5 (time)", "fast"]),
        ("", ["line 3, column 5 (time)", "empty"]),
        ("0,21", ["line 3", "6 fields, the header 5"]),
    ] {
        if bad != "0.21" {
            refused(good.replace("0.21", bad).as_bytes(), &[words[0], words[1], "remedy"]);
        }
    }
    refused(b"", &["empty", "remedy"]);
    refused(b"source_x,source_y,receiver_x,receiver_y,time\n", &["no data", "remedy"]);
    refused(good.replace("time", "tine").as_bytes(), &["\"time\"", "did you mean \"tine\"?"]);
    refused(&good.as_bytes()[..good.len() - 9], &["line 3"]);
    refused(b"\xff\xfes\0o\0u\0r\0c\0e\0", &["line 1", "UTF-8"]);
    refused(good.replace("0,40,300,40", "-9,-40,-9,40").as_bytes(), &["ray", "outside of the grid", "remedy"]);
    std::fs::remove_file(place.path("times.csv")).expect("is there");
    place.run(&["run", "own.toml", "--out", "out"]).fails(2, &["cannot read", "times.csv"]);
    place
        .run(&["run", "own.toml", "--out", "out", "--data", "elsewhere.csv"])
        .fails(2, &["cannot read", "elsewhere.csv"]);
}

#[test]
fn training_images_that_cannot_be_used() {
    let array = |value: fn(usize, usize) -> f64| {
        let mut bytes = Vec::new();
        let values: Vec<f64> = (0..40 * 40).map(|c| value(c % 40, c / 40)).collect();
        npy::write(&mut bytes, &values, &[1, 40, 40]).expect("memory");
        bytes
    };
    let stripes = array(|_, j| f64::from(u8::from(j % 8 < 3)));
    let place = with_image("image.npy");
    place.write("image.npy", &stripes);
    place.run(&["run", "small.toml", "--out", "good"]).ok();
    let refused = |contents: &[u8], words: &[&str]| {
        place.write("image.npy", contents);
        place.run(&["run", "small.toml", "--out", "out"]).fails(2, words);
        place.assert_no_result();
    };
    refused(b"", &["image.npy", "empty", "remedy"]);
    refused(&array(|_, _| 1.0), &["facies", "remedy"]);
    refused(&array(|i, _| (i % 3) as f64), &["3 facies", "2 values", "remedy"]);
    refused(&array(|i, j| if i == 7 && j == 3 { f64::NAN } else { (i % 2) as f64 }), &["image.npy", "remedy"]);
    refused(&stripes[..stripes.len() - 8], &["image.npy", "remedy"]);
    refused(&stripes[..30], &["image.npy", "remedy"]);
    let header = |from: &str, to: &str| {
        let at = stripes.windows(from.len()).position(|w| w == from.as_bytes()).expect("in the header");
        [&stripes[..at], to.as_bytes(), &stripes[at + from.len()..]].concat()
    };
    // As long as the text that it replaces: the length of the header stays right.
    refused(&header("40, 40", "99, 99"), &["image.npy", "remedy"]);
    refused(&header("(1, 40, 40)", "(1,4e9,9e9)"), &["image.npy", "remedy"]);
    refused(&header("'<f8'", "'|O8'"), &["image.npy", "remedy"]);
    refused(&header("'descr'", "'dexcr'"), &["image.npy", "remedy"]);
    // Numbers of the other byte order under a right header are astronomically small or large: far too many facies.
    let body = stripes.len() - 8 * 1600;
    let mut turned = stripes.clone();
    turned[body..].chunks_exact_mut(8).for_each(<[u8]>::reverse);
    for (c, cell) in turned[body..].chunks_exact_mut(8).enumerate() {
        cell[0] = c as u8;
    }
    refused(&turned, &["image.npy", "remedy"]);
    place.run(&["run", "small.toml", "--set", "scenario[1].image=\"none.npy\""]).fails(2, &[]);
    std::fs::remove_file(place.path("image.npy")).expect("is there");
    place.run(&["run", "small.toml"]).fails(2, &["cannot read", "image.npy"]);

    let place = with_image("image.dat");
    for (text, words) in [
        ("a title\n1\nfacies\n0\n1\n", ["image.dat", "remedy"]),
        ("40 40 1\n1\nfacies\n0\n1\n0\n", ["image.dat", "remedy"]),
        ("0 0 0\n1\nfacies\n", ["image.dat", "remedy"]),
        ("2 2 1\n1\nfacies\n0\n1\nx\n0\n", ["line 6", "x"]),
        ("4000000000 4000000000 4000000000\n1\nfacies\n0\n", ["image.dat", "remedy"]),
        ("2 2 1\n99999999999\nfacies\n0\n", ["image.dat", "remedy"]),
        ("2 2 1\n1\nfacies\n0\n1\n1\n0\n", ["template", "remedy"]),
    ] {
        place.write("image.dat", text);
        place.run(&["run", "small.toml", "--out", "out"]).fails(2, &words);
        place.assert_no_result();
    }
}

#[test]
fn models_that_cannot_be_used() {
    let place = Place::with_case();
    let model = Array3::from_elem((1, 24, 30), 0.5);
    ndarray_npy::write_npy(place.path("model.npy"), &model).expect("room");
    let forward = ["forward", "small.toml", "--model", "model.npy"];
    place.run(&forward).ok();
    let bytes = std::fs::read(place.path("model.npy")).expect("is there");
    place.write("model.npy", &bytes[..bytes.len() - 1]);
    place.run(&forward).fails(2, &["model.npy", "remedy"]);
    place.write("model.npy", [&bytes[..], b"more"].concat());
    place.run(&forward).fails(2, &["model.npy", "remedy"]);
    place.write("model.npy", b"\x93NUMPY\x09\x00");
    place.run(&forward).fails(2, &["model.npy", "remedy"]);
    place.write("model.npy", vec![0x93; 5000]);
    place.run(&forward).fails(2, &["model.npy", "remedy"]);
    ndarray_npy::write_npy(place.path("model.npy"), &model.mapv(|_| -0.5)).expect("room");
    let negative = place.run(&forward);
    assert!(!negative.err.contains("panicked"), "{negative:?}");
    place.run(&[&forward[..], &["--out", "none/p.csv"]].concat()).fails(3, &["cannot create none/p.csv"]);
}

#[test]
fn folders_that_cannot_be_written() {
    let place = Place::with_case();
    place.write("file", "not a folder");
    place.run(&["run", "small.toml", "--out", "file/run"]).fails(3, &["cannot create", "file"]);
    place.run(&["run", "small.toml", "--out", "file"]).fails(2, &["exists and is no result folder", "remedy"]);
    std::fs::create_dir(place.path("thesis")).expect("room");
    place.write("thesis/chapter.tex", "years of work");
    place.run(&["run", "small.toml", "--out", "thesis"]).fails(2, &["thesis", "no result folder", "remedy"]);
    place.run(&["simulate", "small.toml", "--out", "thesis"]).fails(2, &["thesis", "no result folder", "remedy"]);
    let forced = place.run(&["run", "small.toml", "--out", "thesis", "--force"]);
    forced.fails(2, &["thesis", "no result folder"]);
    assert!(place.path("thesis/chapter.tex").exists(), "years of work");
    place.run(&["run", "small.toml", "--out", "/"]).fails(2, &["/"]);
    place.run(&["run", "small.toml", "--out", "/proc/nowhere/run"]).fails(3, &["cannot create", "/proc/nowhere"]);

    // The system's own protection binds everyone but the superuser.
    std::fs::create_dir(place.path("locked")).expect("room");
    std::fs::set_permissions(place.path("locked"), PermissionsExt::from_mode(0o500)).expect("mine");
    if std::fs::write(place.path("locked/probe"), "").is_err() {
        place.run(&["run", "small.toml", "--out", "locked/run"]).fails(3, &["cannot create", "locked"]);
    }
    // A cache that cannot be written is an error with a place, too.
    let mut command = place.command(&["run", "small.toml", "--out", "out"]);
    command.env("LITHOSCOPE_CACHE", place.path("file"));
    finished(command).fails(3, &["cannot create", "file"]);
    place.assert_no_result();
}

#[test]
fn a_disk_that_is_full() {
    let place = Place::with_case();
    for blocks in [0, 1, 4, 16, 40] {
        let ran = place.run_with_files_up_to(blocks, &["run", "small.toml", "--out", "out", "--quiet"]);
        let ran = ran.fails(3, &["cannot write"]);
        assert!(ran.err.contains("os error"), "{}", ran.err);
        place.assert_no_result();
        assert!(!place.path("out").exists());
    }
    place.run(&["run", "small.toml", "--out", "out", "--resume"]).ok();
}

#[test]
fn output_that_cannot_be_printed_is_no_panic() {
    let place = Place::with_case();
    for arguments in [&["case", "show", "ch5-tomo"][..], &["run", "small.toml"], &["devices"]] {
        let mut command = place.command(arguments);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it"));
        let ran = finished(command);
        assert!(!ran.err.contains("panicked"), "{arguments:?}: {}", ran.err);
    }
}
