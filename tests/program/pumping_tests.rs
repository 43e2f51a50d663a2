//! Pumping tests from files: what a run finds beside the property, and what it leaves behind.

use lithoscope::testing::{PUMPING_TESTS, write_pumping_tests};
use ndarray::Array4;

use crate::support::{Place, summary};

/// A folder with the case `tests.toml`, its data, and a run of it in `out`.
fn ran(changes: &[(&str, &str)]) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).expect("a folder");
    write_pumping_tests(&place.path("data"));
    let mut text = PUMPING_TESTS.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the case has no `{from}`");
        text = text.replacen(from, to, 1);
    }
    place.write("tests.toml", text);
    place.run(&["run", "tests.toml", "--data", "data", "--out", "out", "--backend", "cpu"]).ok();
    place
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path("out").join(name)).expect(name)
}

/// A column of a table, as numbers.
fn column(text: &str, name: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader.headers().expect("a header").iter().position(|h| h == name).expect(name);
    reader.records().map(|row| row.expect("a row")[at].parse().expect("a number")).collect()
}

/// Predictions of `forward`, and what it said beside them.
fn forward(place: &Place, model: &str) -> (Vec<f64>, String) {
    let ran = place.run(&["forward", "tests.toml", "--data", "data", "--model", model, "--backend", "cpu"]).ok();
    (column(&ran.out, "predicted"), ran.err)
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn forward_predicts_what_the_run_did_with_the_storage_and_rates_that_it_found() {
    for (changes, said) in [
        (&[][..], ["a storage of", "and the rates of 2 tests"]),
        (&[("storage = 1\n", "storage = 1\nstorage_variation = 0.5\n")], ["a storage that varies", "rates of 2 tests"]),
        (
            &[("storage = 1\n", ""), ("samples = 4", "samples = 4\nleave_out = [\"B\"]")],
            ["with the rates of 2", "tests"],
        ),
        (&[("rate = 0.05\n", "")], ["with a storage of", "that the run found"]),
    ] {
        let place = ran(changes);
        let expected = column(&read(&place, "data.csv"), "predicted_model");
        let (found, heard) = forward(&place, "out/model.npy");
        assert!(largest_difference(&found, &expected) <= 1e-12, "{changes:?}: {found:?}, the run {expected:?}");
        assert!(said.iter().all(|words| heard.contains(words)) && !heard.contains("warning"), "{changes:?}: {heard}");
        // The resolved case of the run is the same case.
        let again = place.run(&["forward", "out/case.toml", "--model", "out/model.npy", "--backend", "cpu"]).ok();
        assert_eq!(column(&again.out, "predicted"), found);
        // A field elsewhere has neither, nor has another field of the folder.
        std::fs::copy(place.path("out/model.npy"), place.path("field.npy")).expect("a copy");
        for field in ["field.npy", "out/prior_mean.npy"] {
            let (alone, heard) = forward(&place, field);
            assert!(
                heard.contains("warning: ") && heard.contains("storage and rates are those of the case"),
                "{heard}"
            );
            assert!(largest_difference(&alone, &expected) > 1e-6, "{changes:?}: they matter");
        }
    }
}

#[test]
fn a_table_of_unknowns_that_is_none_is_refused() {
    let place = ran(&[]);
    let table = read(&place, "unknowns.csv");
    assert_eq!(table.lines().count(), 4, "{table}");
    for (from, to, said) in
        [("storage,,", "porosity,,", "a porosity"), ("rate,B,", "rate,B,x", "unknowns.csv"), (",ln", ",log10", "log10")]
    {
        assert!(table.contains(from), "{table}");
        place.write("out/unknowns.csv", table.replacen(from, to, 1));
        let arguments = ["forward", "tests.toml", "--data", "data", "--model", "out/model.npy", "--backend", "cpu"];
        place.run(&arguments).fails(2, &["unknowns.csv", said]);
    }
}

#[test]
fn a_run_leaves_wells_heads_and_the_solver() {
    let place = ran(&[("samples = 4", "samples = 4\nleave_out = [\"B\"]")]);
    let wells = read(&place, "wells.csv");
    assert_eq!(column(&wells, "x"), [32.0, 71.0]);
    let rates = column(&wells, "value");
    assert!((rates[0] - 259.2).abs() < 1e-9 && (rates[1] - 172.8).abs() < 1e-9, "{rates:?}, extraction is positive");
    assert!(wells.contains("\"test B, well B\""), "{wells}");

    let heads: Array4<f64> = ndarray_npy::read_npy(place.path("out/head.npy")).expect("head.npy");
    assert_eq!(heads.shape(), [2, 1, 10, 12], "a frame a test, the one that is left out too");
    let tests = read(&place, "head_tests.csv");
    assert_eq!(column(&tests, "time"), [630.0, 630.0]);
    // The well that is pumped has the deepest head of its test.
    for (test, [i, j]) in [[2, 4], [6, 5]].into_iter().enumerate() {
        let map = heads.index_axis(ndarray::Axis(0), test);
        let (deepest, _) = map.indexed_iter().min_by(|a, b| a.1.total_cmp(b.1)).expect("cells");
        assert!(deepest.1.abs_diff(j) <= 1 && deepest.2.abs_diff(i) <= 1, "test {test}: {deepest:?}");
        assert!(map.iter().all(|h| *h <= 1e-9), "pumping lowers heads");
    }

    let summary = summary(&place.path("out"));
    assert!(summary["solver"].as_str().is_some_and(|solver| !solver.is_empty()), "{}", summary["solver"]);
    let vti = read(&place, "model.vti");
    assert!(vti.contains("Name=\"head of test A [m]\"") && vti.contains("Name=\"head of test B [m]\""));
    let report = read(&place, "report.html");
    for words in [
        "Wells and places of observation",
        "test A, well A pumps 259.2 m3/day",
        "The heads",
        "At the end of",
        "Solver of",
    ] {
        assert!(report.contains(words), "the report does not say `{words}`");
    }
}

#[test]
fn absurd_drawdowns_of_a_test_are_warned_of() {
    let place = ran(&[
        ("mean = -6", "mean = -18"),
        ("storativity = 1e-3", "storativity = 1e-5"),
        ("noise = \"10 mm\"", "noise = \"1 km\""),
    ]);
    let summary = summary(&place.path("out"));
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("in test A, well") && warnings.contains("absurd head"), "{warnings}");
}

#[test]
fn what_the_cpu_does_beside_a_device_is_said() {
    if lithoscope::testing::gpu().is_none() {
        return;
    }
    let place = ran(&[]);
    let arguments = ["run", "tests.toml", "--data", "data", "--out", "gpu", "--backend", "gpu"];
    let ran = place.run_on_gpu(&arguments).ok();
    let said = "the flow of pumping tests has no form on the device and is solved on the CPU, in f64";
    assert!(ran.err.contains(said), "{}", ran.err);
    let summary = summary(&place.path("gpu"));
    assert_eq!(summary["backend"], "gpu");
    assert!(summary["warnings"].to_string().contains(said), "{}", summary["warnings"]);
    assert!(summary["solver"].as_str().expect("words").ends_with(", on the CPU"), "{}", summary["solver"]);
    let arguments = ["forward", "tests.toml", "--data", "data", "--model", "gpu/model.npy", "--backend", "gpu"];
    let predicted = place.run_on_gpu(&arguments).ok();
    assert!(predicted.err.contains("predicted on the CPU"), "{}", predicted.err);
}
