//! Real pumping tests (Leven 2020): the example runs as a user runs it, and predicts tests left out, beside Theis's
//! homogeneous aquifer fitted to the same samples.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::path::Path;

use lithoscope::testing::reference;
use serde::Deserialize;

use crate::program::{example, lithoscope};

/// A line of `drawdown.csv`.
#[derive(Deserialize)]
struct Line {
    place: String,
    x: f64,
    y: f64,
    time: f64,
    predicted_model: f64,
    observed: Option<f64>,
}

/// A drawdown in a well that is not pumped.
struct Sample {
    test: String,
    left_out: bool,
    /// Distance from the pumped well \[m\].
    distance: f64,
    time: f64,
    observed: f64,
    predicted: f64,
}

/// Runs the example without the tests `left_out`; every sample of every test.
fn invert(data: &Path, left_out: &str) -> Vec<Sample> {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("result");
    let (case, data, folder) = (example("lauswiesen.toml"), data.display().to_string(), out.display().to_string());
    let leave_out = format!("data.tests.leave_out={left_out}");
    let run = ["run", &case, "--data", &data, "--set", &leave_out, "--out", &folder, "--backend", "cpu", "--quiet"];
    lithoscope(&scratch.path().join("cache"), &run);
    let mut table = csv::Reader::from_path(out.join("drawdown.csv")).unwrap();
    let lines: Vec<Line> = table.deserialize().map(|line| line.unwrap()).collect();
    let test_of = |line: &Line| line.place.split(',').next().unwrap().trim_start_matches("test ").to_owned();
    let bores = lines.iter().filter(|line| line.place.contains("bore"));
    let pumped: BTreeMap<String, [f64; 2]> = bores.map(|line| (test_of(line), [line.x, line.y])).collect();
    let others = lines.iter().filter(|line| !line.place.contains("bore"));
    let sample = |line: &Line| {
        let test = test_of(line);
        let [x, y] = pumped[&test];
        Some(Sample {
            left_out: line.place.contains("left out"),
            distance: (line.x - x).hypot(line.y - y),
            time: line.time,
            observed: line.observed?,
            predicted: line.predicted_model,
            test,
        })
    };
    others.filter_map(sample).collect()
}

fn rms(misses: impl Iterator<Item = f64>) -> f64 {
    let (count, squares) = misses.fold((0.0, 0.0), |(count, squares), miss| (count + 1.0, squares + miss * miss));
    f64::sqrt(squares / count)
}

/// Theis's well function `W(u) = ∫_u^∞ e^{−t}/t dt`: its series, beyond 1 its continued fraction.
fn well_function(u: f64) -> f64 {
    if u > 1.0 {
        let fraction = (1..=60).rev().fold(0.0, |tail, k| f64::from(k) / (1.0 + f64::from(k) / (u + tail)));
        return (-u).exp() / (u + fraction);
    }
    let (mut term, mut sum) = (-1.0, -0.577_215_664_901_532_9 - u.ln());
    for k in 1..40 {
        let k = f64::from(k);
        term *= -u / k;
        sum += term / k;
    }
    sum
}

/// Drawdown in a homogeneous aquifer, `Q/(4πT) W(r²S/(4Tt))`.
fn theis([ln_t, ln_s]: [f64; 2], rate: f64, sample: &Sample) -> f64 {
    let transmissivity = ln_t.exp();
    let u = sample.distance.powi(2) * ln_s.exp() / (4.0 * transmissivity * sample.time);
    rate / (4.0 * PI * transmissivity) * well_function(u)
}

/// RMS error of Theis's solution where it is fitted to samples by least squares, on others \[m\].
fn theis_error(rates: &BTreeMap<String, f64>, fitted: &[&Sample], others: &[&Sample]) -> f64 {
    let error = |at: [f64; 2], samples: &[&Sample]| {
        rms(samples.iter().map(|sample| sample.observed - theis(at, rates[&sample.test], sample)))
    };
    let (mut best, mut step) = ([-4.0, -2.5], 0.5);
    while step > 1e-4 {
        let around = [[step, 0.0], [-step, 0.0], [0.0, step], [0.0, -step], [step, -step], [-step, step]];
        let moved = around.map(|[t, s]| [best[0] + t, best[1] + s]).into_iter();
        let least = moved.min_by(|&a, &b| error(a, fitted).total_cmp(&error(b, fitted))).unwrap();
        if error(least, fitted) < error(best, fitted) {
            best = least;
        } else {
            step *= 0.5;
        }
    }
    error(best, others)
}

#[test]
fn pumping_tests_are_fitted_and_predicted_better_than_by_theis() {
    assert!((well_function(1e-3) - 6.331_539_364_136_149).abs() < 1e-12);
    assert!((well_function(0.999_999) - well_function(1.000_001)).abs() < 1e-6, "the two branches meet");
    let Some(data) = reference("realdata/lauswiesen") else { return };
    let mut rates = BTreeMap::new();
    for record in csv::Reader::from_path(data.join("tests.csv")).unwrap().records() {
        let record = record.unwrap();
        rates.insert(record[0].to_owned(), record[2].parse().unwrap());
    }
    let error = |samples: &[&Sample]| rms(samples.iter().map(|sample| sample.observed - sample.predicted));
    let millimetres = |ours: f64, theis: f64| format!("{:.2} mm, Theis {:.2} mm", 1e3 * ours, 1e3 * theis);

    let all = invert(&data, "[]");
    let all: Vec<&Sample> = all.iter().collect();
    assert_eq!(all.len(), 3 * 4 * 118, "three tests, four wells each, 118 samples");
    let (ours, of_theis) = (error(&all), theis_error(&rates, &all, &all));
    eprintln!("Lauswiesen, all tests fitted: {}", millimetres(ours, of_theis));
    assert!(ours < 0.9 * of_theis, "{}", millimetres(ours, of_theis));

    for test in ["B2", "B3", "B4"] {
        let samples = invert(&data, &format!("[\"{test}\"]"));
        let (others, fitted): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.left_out);
        assert!(others.iter().all(|sample| sample.test == test) && others.len() == 4 * 118);
        let (ours, of_theis) = (error(&others), theis_error(&rates, &fitted, &others));
        eprintln!("Lauswiesen, {test} left out: {}", millimetres(ours, of_theis));
        assert!(ours <= of_theis, "{test} left out: {}", millimetres(ours, of_theis));
    }
}
