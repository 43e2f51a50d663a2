//! The result folder: what is in it, and that the same case gives the same numbers.

use ndarray::{Array1, Array3, Array4};
use serde_json::Value;

use crate::support::{Place, assert_same_numbers, files, numbers, summary};

#[test]
fn every_file_is_there_and_has_its_shape() {
    let place = Place::with_case();
    let ran = place.run(&["run", "small.toml", "--out", "a"]).ok();
    assert_eq!(ran.out.lines().last(), Some("a"), "the folder is the last line");
    let folder = place.path("a");
    let names: Vec<String> = files(&folder).into_keys().filter(|name| !name.starts_with('.')).collect();
    for name in [
        "case.toml",
        "coefficients.npy",
        "data.csv",
        "history.csv",
        "model.npy",
        "model.vti",
        "parameterized.npy",
        "prior_mean.npy",
        "probability.npy",
        "reference.npy",
        "report.html",
        "scenario_map.npy",
        "scenarios.csv",
        "summary.json",
    ] {
        assert!(names.iter().any(|n| n == name), "no {name} in {names:?}");
    }
    assert!(!names.iter().any(|n| n.contains('/')), "nothing is left of checkpoints: {names:?}");
    for name in ["model", "parameterized", "prior_mean", "reference"] {
        let field: Array3<f64> = ndarray_npy::read_npy(folder.join(format!("{name}.npy"))).expect("f64");
        assert_eq!(field.shape(), [1, 24, 30], "{name}");
        let [low, high] = if name == "parameterized" { [0.0, 2.0] } else { [0.5, 1.0] };
        assert!(field.iter().all(|x| (low..=high).contains(x)), "{name} is in ms/m");
    }
    let model: Array3<f64> = ndarray_npy::read_npy(folder.join("model.npy")).expect("f64");
    assert!(model.iter().all(|x| [0.5, 1.0].contains(x)), "u has facies alone");
    let probability: Array4<f32> = ndarray_npy::read_npy(folder.join("probability.npy")).expect("f32");
    assert_eq!(probability.shape(), [2, 1, 24, 30]);
    assert!(probability.sum_axis(ndarray::Axis(0)).iter().all(|s| (s - 1.0).abs() < 1e-6));
    let scenarios: Array3<u8> = ndarray_npy::read_npy(folder.join("scenario_map.npy")).expect("u8");
    assert_eq!(scenarios.shape(), [1, 24, 30]);
    let summary = summary(&folder);
    let coefficients: Array1<f64> = ndarray_npy::read_npy(folder.join("coefficients.npy")).expect("f64");
    let history = std::fs::read_to_string(folder.join("history.csv")).expect("a table");
    let returned = summary["returned_iteration"].as_u64().expect("a number") as usize;
    assert_eq!(coefficients.len(), [10, 15, 20][returned - 1]);
    let iterations = summary["iterations"].as_u64().expect("a number") as usize;
    assert_eq!(history.lines().count(), iterations + 1);
    assert_eq!(std::fs::read_to_string(folder.join("scenarios.csv")).expect("a table").lines().count(), 2);
    let data = std::fs::read_to_string(folder.join("data.csv")).expect("a table");
    let header = "kind,id,x,y,z,x2,y2,z2,time,unit,observed,sigma,predicted_parameterized,predicted_model";
    assert_eq!((data.lines().next(), data.lines().count()), (Some(header), 26));
    let report = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(report.contains("</html>") && report.len() > 20_000);
}

#[test]
fn the_summary_says_what_scripts_need() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--out", "a", "--seed", "7"]).ok();
    let summary = summary(&place.path("a"));
    for pointer in [
        "/format",
        "/seed",
        "/iterations",
        "/misfit/initial",
        "/misfit/parameterized",
        "/misfit/model",
        "/misfit/target",
        "/scenarios/0/norm",
        "/scenarios/0/contribution",
        "/scenarios/0/probability",
        "/seconds/prior",
        "/seconds/basis",
        "/seconds/inversion",
        "/seconds/total",
        "/peak_memory_bytes",
    ] {
        assert!(summary.pointer(pointer).is_some_and(Value::is_number), "{pointer}: {summary}");
    }
    for of in ["model", "parameterized", "prior_mean", "best_achievable"] {
        for error in ["e1", "e2", "rmse", "facies_mismatch"] {
            let value = summary["errors"][of][error].as_f64().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{of} {error}");
        }
    }
    for pointer in [
        "/case",
        "/backend",
        "/device",
        "/version",
        "/stopped_because",
        "/property/name",
        "/property/unit",
        "/property/transform",
        "/scenarios/0/name",
    ] {
        assert!(summary.pointer(pointer).is_some_and(Value::is_string), "{pointer}: {summary}");
    }
    assert_eq!((&summary["format"], &summary["seed"]), (&Value::from(1), &Value::from(7)));
    assert_eq!(summary["case"], "small");
    assert_eq!(summary["misfit"]["target"], 25.0);
    assert!(summary["kernels"].is_object());
}

#[test]
fn the_resolved_case_gives_the_same_numbers_again() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--out", "a", "--set", "inversion.iterations=2", "--seed", "3"]).ok();
    place.run(&["run", "a/case.toml", "--out", "b", "--no-cache"]).ok();
    assert_same_numbers(&place.path("a"), &place.path("b"));
    assert_eq!(files(&place.path("a"))["case.toml"], files(&place.path("b"))["case.toml"]);
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let place = Place::with_case();
    for threads in ["1", "2", "3"] {
        place.run(&["run", "small.toml", "--out", threads, "--threads", threads, "--no-cache"]).ok();
        assert_same_numbers(&place.path("1"), &place.path(threads));
    }
    let mut other = place.command(&["run", "small.toml", "--out", "other", "--seed", "2"]);
    other.env("RAYON_NUM_THREADS", "1");
    crate::support::finished(other).ok();
    assert_ne!(numbers(&place.path("1")), numbers(&place.path("other")), "the seed matters");
}

#[test]
fn a_complete_run_is_found_and_another_case_takes_the_next_suffix() {
    let place = Place::with_case();
    place.run(&["run", "small.toml"]).ok();
    let first = files(&place.path("runs/small-1"));
    assert!(!first.is_empty(), "runs/NAME-SEED");
    let again = place.run(&["run", "small.toml"]).ok();
    assert!(again.out.contains("a complete run of this case is here already"), "{}", again.out);
    assert!(!again.err.contains("inversion"), "nothing is computed: {}", again.err);
    assert_eq!(files(&place.path("runs/small-1")), first, "not a byte has changed");

    let other = place.run(&["run", "small.toml", "--set", "inversion.iterations=2"]).ok();
    assert_eq!(other.out.lines().last(), Some("runs/small-1-2"));
    assert_eq!(files(&place.path("runs/small-1")), first);
    assert_eq!(summary(&place.path("runs/small-1-2"))["iterations"], 2);

    let forced = place.run(&["run", "small.toml", "--force", "--set", "inversion.iterations=1"]);
    forced.fails(2, &["basis.rank"]);
    assert_eq!(files(&place.path("runs/small-1")), first, "a failed run overwrites nothing");
    let forced = place.run(&["run", "small.toml", "--force", "--quiet"]).ok();
    assert_eq!((forced.out.as_str(), forced.err.replace("error: XDG_RUNTIME_DIR", "").contains("small")), ("", false));
    let now = files(&place.path("runs/small-1"));
    assert_ne!(now["summary.json"], first["summary.json"], "computed again");
    assert_eq!(now["model.npy"], first["model.npy"]);
    assert!(!place.path("runs/small-1.replaced").exists() && !place.path("runs/small-1.partial").exists());
}

#[test]
fn a_changed_data_file_is_another_run() {
    let place = Place::new();
    let rows = |time: f64| {
        let header = "source_x,source_y,receiver_x,receiver_y,time\n";
        let row = |i: usize| format!("0,{},300,{},{}\n", 20 * i, 230 - 10 * i, time + 0.003 * i as f64);
        header.to_owned() + &(1..=10).map(row).collect::<String>()
    };
    place.write("times.csv", rows(0.2));
    let data = [
        ("noise = \"2 %\"", "noise = \"4 ms\"\nfile = \"times.csv\""),
        ("sources = { side = \"left\", count = 5 }\n", ""),
        ("receivers = { side = \"right\", count = 5 }\n", ""),
        ("[reference]\nscenario = \"meandering\"\nseed = 1\n", ""),
    ];
    place.write_changed("own.toml", &data);
    place.run(&["run", "own.toml", "--out", "a"]).ok();
    assert!(!place.path("a/reference.npy").exists());
    assert!(place.run(&["run", "own.toml", "--out", "a"]).ok().out.contains("already"));
    place.write("times.csv", rows(0.21));
    let other = place.run(&["run", "own.toml", "--out", "a"]).ok();
    assert_eq!(other.out.lines().last(), Some("a-2"), "{}", other.out);
    let place_of_reference = place.run(&["run", "own.toml", "--repeat", "3"]);
    place_of_reference.fails(2, &["--repeat", "no random reference", "remedy"]);
}

#[test]
fn repeated_runs_are_summed_up_with_intervals() {
    let place = Place::with_case();
    place.run(&["run", "small.toml", "--repeat", "3", "--out", "r"]).ok();
    let all = summary(&place.path("r"));
    let pointer = "/errors/model/facies_mismatch";
    let each: Vec<f64> = (1..=3)
        .map(|run| {
            let folder = place.path(&format!("r/repeat-{run:03}"));
            assert!(folder.join("report.html").exists() && folder.join("case.toml").exists());
            summary(&folder).pointer(pointer).and_then(Value::as_f64).expect("a number")
        })
        .collect();
    assert!(each[0] != each[1] || each[1] != each[2], "the references differ");
    let of_all = all.pointer(pointer).expect("is there");
    assert_eq!(of_all["values"], serde_json::json!(each));
    let mean = of_all["mean"].as_f64().expect("a number");
    assert!((mean - each.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    let interval: Vec<f64> = serde_json::from_value(of_all["ci95"].clone()).expect("two numbers");
    assert!(interval[0] < mean && mean < interval[1], "{interval:?}");
    assert!(place.path("r/report.html").exists());
    // A reference by itself is the same run.
    let third = place.run(&["run", "r/repeat-003/case.toml", "--out", "third"]).ok();
    assert!(third.out.contains("facies mismatch"));
    assert_same_numbers(&place.path("r/repeat-003"), &place.path("third"));
}
