//! A signal instead of an image: its folder, its report, and that the same case gives the same numbers.

use ndarray::{Array1, Array2, Array3};

use crate::support::{Place, files, summary};

const FEW: [&str; 6] = ["run", "ch2-signal", "--set", "signal.measurements=[20, 80]", "--set", "weights.count=9"];

#[test]
fn a_signal_is_recovered_into_a_folder() {
    let place = Place::new();
    let ran = place.run(&[&FEW[..], &["--out", "a"]].concat()).ok();
    assert!(ran.out.contains("relative error (measurements), group"), "{}", ran.out);
    let folder = place.path("a");
    let names: Vec<String> = files(&folder).into_keys().filter(|name| !name.starts_with('.')).collect();
    let expected = ["case.toml", "errors.csv", "recovered.npy", "reference.npy", "report.html", "summary.json"];
    assert_eq!(names, [&expected[..], &["weights.csv", "weights.npy"]].concat());
    let reference: Array1<f64> = ndarray_npy::read_npy(folder.join("reference.npy")).expect("f64");
    let recovered: Array3<f64> = ndarray_npy::read_npy(folder.join("recovered.npy")).expect("f64");
    let by_weight: Array2<f64> = ndarray_npy::read_npy(folder.join("weights.npy")).expect("f64");
    assert_eq!((reference.len(), recovered.dim(), by_weight.dim()), (150, (4, 2, 150), (9, 150)));
    let summary = summary(&folder);
    for (i, method) in ["group", "l1", "split", "misplaced"].into_iter().enumerate() {
        for (j, m) in ["20", "80"].into_iter().enumerate() {
            let e1 = summary["errors"][method][m]["e1"].as_f64().expect("a number");
            let squares: f64 = (0..150).map(|k| (recovered[[i, j, k]] - reference[k]).powi(2)).sum();
            assert!((e1 - squares / 150.0).abs() < 1e-12, "{method}, {m}");
        }
    }
    let error = |m: &str| summary["errors"]["group"][m]["relative_error"].as_f64().expect("a number");
    assert!(error("80") < 0.05 && error("20") > 0.3, "{} and {}", error("80"), error("20"));
    let report = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    for said in ["Only the groups 3 and 8 differ from zero", "What the weight changes", "misplaced", "</html>"] {
        assert!(report.contains(said), "no `{said}`");
    }
    assert!(place.run(&[&FEW[..], &["--out", "a"]].concat()).ok().out.contains("here already"));
    let again = place.run(&["run", "a/case.toml", "--out", "b", "--threads", "1"]);
    again.ok();
    for name in ["recovered.npy", "weights.npy", "errors.csv", "weights.csv"] {
        let read = |folder: &str| std::fs::read(place.path(folder).join(name)).expect("a file");
        assert_eq!(read("a"), read("b"), "{name}");
    }
}

#[test]
fn repeated_signals_have_a_summary_of_all_and_a_report_each() {
    let place = Place::new();
    place.run(&[&FEW[..], &["--out", "r", "--repeat", "3"]].concat()).ok();
    let all = summary(&place.path("r"));
    let errors = &all["errors"]["l1"]["80"]["relative_error"];
    let values: Vec<f64> = (1..=3)
        .map(|i| summary(&place.path(&format!("r/repeat-{i:03}")))["errors"]["l1"]["80"]["relative_error"].as_f64())
        .map(|x| x.expect("a number"))
        .collect();
    let found: Vec<f64> = errors["values"].as_array().expect("values").iter().filter_map(|x| x.as_f64()).collect();
    assert_eq!(found, values);
    assert!(values[0] != values[1], "other signals");
    let report = std::fs::read_to_string(place.path("r/report.html")).expect("a page");
    assert!(report.contains("3 signals were recovered") && report.contains("repeat-003/report.html"));
    // A later reference alone is the same.
    place.run(&[&FEW[..], &["--out", "third", "--set", "reference.seed=3"]].concat()).ok();
    let bytes = |folder: &str| std::fs::read(place.path(folder).join("recovered.npy")).expect("a file");
    assert_eq!(bytes("r/repeat-003"), bytes("third"));
}

#[test]
fn a_signal_has_no_geology_and_says_so() {
    let place = Place::new();
    place.run(&["simulate", "ch2-signal"]).fails(2, &["neither geology nor physics"]);
    place.run(&["run", "ch2-signal", "--scenarios-from", "x"]).fails(2, &["--scenarios-from", "no scenarios"]);
    place.run(&["run", "ch2-signal", "--repeat", "0"]).fails(2, &["0 references"]);
    place.run(&["run", "ch2-signal", "--set", "prior.realizations=3"]).fails(2, &["prior: unknown key"]);
    let checked = place.run(&["case", "check", "ch2-signal"]).ok().out;
    assert!(checked.contains("150 entries, 4 methods, 5 numbers of measurements"), "{checked}");
    let shown = place.run(&["case", "show", "ch2-signal"]).ok().out;
    assert!(shown.contains("measurements = [10, 20, 40, 60, 80]") && !shown.contains("Not used"), "{shown}");
}
