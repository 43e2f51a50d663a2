//! Real crosshole radar times (Looms et al. 2010): the examples run as a user runs them, and predict data left out.

use std::path::{Path, PathBuf};

use lithoscope::testing::reference;
use serde_json::Value;

use crate::program::{example, lithoscope};

/// Runs an example on the 351 training times; the result folder and its summary.
fn invert(scratch: &Path, case: &str, train: &Path) -> (PathBuf, Value) {
    let out = scratch.join("result");
    let (data, folder) = (train.display().to_string(), out.display().to_string());
    let run = ["run", &example(case), "--data", &data, "--out", &folder, "--backend", "cpu", "--quiet"];
    lithoscope(&scratch.join("cache"), &run);
    let summary = std::fs::read(out.join("summary.json")).expect("a summary");
    (out, serde_json::from_slice(&summary).expect("JSON"))
}

#[test]
fn a_gaussian_prior_predicts_radar_times_left_out_as_well_as_good_linear_inversions_do() {
    let (Some(train), Some(geometry)) =
        (reference("realdata/arrenaes/am13_train.csv"), reference("realdata/arrenaes/am13_predict_geometry.csv"))
    else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let (folder, summary) = invert(scratch.path(), "arrenaes-gaussian.toml", &train);
    let rms = summary["cross_validation"]["gaussian"].as_f64().expect("a cross-validated error");
    eprintln!(
        "Gaussian prior: 10-fold cross-validated RMS {rms:.3} ns, error level {} of 0.8 ns",
        summary["noise_factor"]
    );
    assert!(rms <= 0.42, "cross-validated RMS {rms} ns, and good linear inversions reach 0.37 to 0.40");
    assert_eq!(summary["cross_validation"]["folds"], 10);

    let (geometry, model) = (geometry.display().to_string(), folder.join("model.npy").display().to_string());
    let case = example("arrenaes-gaussian.toml");
    let predicted = lithoscope(scratch.path(), &["forward", &case, "--data", &geometry, "--model", &model]);
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("ray_id,sx_m,sz_m,rx_m,rz_m,predicted"), "ids and units of the file are kept");
    let asked: Vec<String> = std::fs::read_to_string(&geometry).unwrap().lines().skip(1).map(str::to_owned).collect();
    let mut count = 0;
    for (line, asked) in lines.zip(&asked) {
        let (echo, time) = line.rsplit_once(',').expect("a column more");
        assert_eq!(echo, asked.trim());
        let fields: Vec<f64> = echo.split(',').map(|f| f.parse().unwrap()).collect();
        let length = (fields[3] - fields[1]).hypot(fields[4] - fields[2]);
        let velocity = length / time.parse::<f64>().unwrap();
        assert!((0.11..0.18).contains(&velocity), "ray {}: apparent velocity {velocity} m/ns", fields[0]);
        count += 1;
    }
    assert_eq!(count, 351, "every ray has a prediction");
}

#[test]
fn a_two_facies_prior_is_reported_beside_it() {
    let Some(train) = reference("realdata/arrenaes/am13_train.csv") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let (_, summary) = invert(scratch.path(), "arrenaes-facies.toml", &train);
    let of = |kind: &str| summary["cross_validation"][kind].as_f64().expect("a cross-validated error");
    eprintln!("two facies: cross-validated RMS of the v-step {:.3} ns, of u {:.3} ns", of("gaussian"), of("model"));
    // Two slownesses cannot follow the smooth trend that the Gaussian prior finds, but must beat a homogeneous medium.
    assert!(of("gaussian") < 0.6 && of("model") < 2.5);
}
