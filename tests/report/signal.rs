//! The report of a recovered signal, of one run and of repeated ones.

use std::fs;
use std::path::Path;

use lithoscope::report;
use ndarray::{Array1, Array2, Array3};
use ndarray_npy::write_npy;
use serde_json::json;

use crate::{assert_says, built};

const CASE: &str = r#"format = 1
name = "tiny"
title = "A tiny signal"

[signal]
entries = 12
group = 3
active = [2]
measurements = [4, 8]
sigma = 0.01

[[method]]
name = "group"
group = 3

[[method]]
name = "single <b>"
group = 1
"#;

/// A signal of 12 entries, its second group active, recovered by two methods and at five weights.
pub(crate) fn write_signal(folder: &Path) {
    fs::write(folder.join("case.toml"), CASE).unwrap();
    let v = Array1::from_shape_fn(12, |i| if (3..6).contains(&i) { i as f64 - 4.5 } else { 0.0 });
    let recovered = Array3::from_shape_fn((2, 2, 12), |(i, j, k)| v[k] * (0.5 + 0.2 * (i + j) as f64));
    let by_weight = Array2::from_shape_fn((5, 12), |(i, k)| v[k] * (1.0 - 0.25 * i as f64));
    write_npy(folder.join("reference.npy"), &v).unwrap();
    write_npy(folder.join("recovered.npy"), &recovered).unwrap();
    write_npy(folder.join("weights.npy"), &by_weight).unwrap();
    let header = "e1,e2,rmse,relative_error,group_mismatch,lambda,misfit,selected";
    let row = |error: f64, lambda: f64, selected: &str| format!("0.1,0.2,0.3,{error},0.25,{lambda},4,{selected}");
    let rows = [("group", 4), ("group", 8), ("single <b>", 4), ("single <b>", 8)];
    let rows: Vec<String> = rows.iter().map(|(name, m)| format!("{name},{m},{}", row(0.4, 2.0, "2 3"))).collect();
    fs::write(folder.join("errors.csv"), format!("method,measurements,{header}\n{}\n", rows.join("\n"))).unwrap();
    let rows: Vec<String> = [(1e-3, "2"), (1e-2, "2"), (1e-1, "2 4"), (1.0, "2 4"), (10.0, "")]
        .iter()
        .map(|(lambda, selected)| row(0.5, *lambda, selected))
        .collect();
    fs::write(folder.join("weights.csv"), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    write_summary(folder, json!(0.4), json!(0.25));
}

fn write_summary(folder: &Path, error: serde_json::Value, mismatch: serde_json::Value) {
    let row = json!({"e1": 0.1, "e2": 0.2, "rmse": 0.3, "relative_error": error, "group_mismatch": mismatch});
    let of_method = json!({"4": row, "8": row});
    let summary = json!({
        "format": 1, "case": "tiny", "title": "A tiny signal", "seed": 1, "backend": "cpu", "device": "CPU",
        "command": "lithoscope run tiny.toml", "errors": {"group": of_method, "single <b>": of_method},
        "zero": {"e1": 0.2, "e2": 0.1}, "seconds": {"inversion": 0.1, "total": 0.2},
    });
    fs::write(folder.join("summary.json"), summary.to_string()).unwrap();
}

#[test]
fn the_page_of_a_signal_says_what_was_recovered() {
    let folder = tempfile::tempdir().unwrap();
    write_signal(folder.path());
    let html = built(folder.path());
    assert_says(
        &html,
        &[
            "a signal v of 12 entries, in 4 groups of 3 consecutive ones",
            "Only the group 2 differs from zero",
            "the 4 true groups",
            "every entry by itself, the l1 norm",
            "single &lt;b&gt;",
            "4 measurements",
            "error 0.4; selected: groups 2, 3",
            "0.001 to 0.01</th><td>1.0</td><td>group 2<",
            "no group",
            "Of v̂ = 0 they are 0.2 and 0.1",
        ],
    );
    assert_eq!(html.matches("<figure").count(), 1 + 1 + 4 + 1 + 2, "errors, v, four v̂, norms, misfit, error");
    assert!(!html.contains("single <b>"), "text of the folder is escaped");
}

#[test]
fn the_page_of_repeated_signals_has_intervals_and_links() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("case.toml"), CASE).unwrap();
    for name in ["repeat-001", "repeat-002"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        write_signal(&folder.path().join(name));
    }
    let measured = json!({"mean": 0.4, "ci95": [0.3, 0.5], "values": [0.35, 0.45]});
    write_summary(folder.path(), measured.clone(), measured);
    let html = built(folder.path());
    assert_says(
        &html,
        &["2 signals were recovered", "[0.3, 0.5]", "[30.0 %, 50.0 %]", "repeat-002/report.html", "2 repeated runs"],
    );
}

#[test]
fn files_that_do_not_fit_the_case_are_told() {
    let folder = tempfile::tempdir().unwrap();
    write_signal(folder.path());
    write_npy(folder.path().join("reference.npy"), &Array1::<f64>::zeros(11)).unwrap();
    let said = report::build(folder.path()).unwrap_err().to_string();
    assert!(said.contains("reference.npy") && said.contains("[11]"), "{said}");
}
