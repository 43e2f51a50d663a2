//! Aquifers that do not fill the grid.

use lithoscope::report::metrics::nearest_facies;
use ndarray::{Array3, Array4, s};

use crate::scenarios::PUMPING;
use crate::support::{Place, summary};

/// Numbers of a domain in which a block and two cells of a corner, neither observed nor pumped, have no flow; `more` of the block.
fn domain(more: usize) -> Array3<i32> {
    let mut domain = Array3::ones((1, 20, 24));
    domain.slice_mut(s![0, 5..9, 5..8 + more]).fill(0);
    domain.slice_mut(s![0, 18.., 23]).fill(0);
    domain
}

fn array(place: &Place, name: &str) -> Array3<f64> {
    ndarray_npy::read_npy(place.path(name)).expect("an array")
}

/// A case with `domain.npy`, and a variant with `other.npy`.
fn irregular() -> Place {
    let place = Place::new();
    let variant = "[[variant]]\nname = \"other\"\nset = { \"physics.inactive\" = \"other.npy\" }\n";
    let physics = "kind = \"groundwater\"\ninactive = \"domain.npy\"";
    place.write("case.toml", format!("{}\n{variant}", PUMPING.replace("kind = \"groundwater\"", physics)));
    ndarray_npy::write_npy(place.path("domain.npy"), &domain(0)).expect("room");
    ndarray_npy::write_npy(place.path("other.npy"), &domain(1)).expect("room");
    place
}

#[test]
fn cells_without_flow_count_in_no_error() {
    let place = irregular();
    place.run(&["run", "case.toml", "--out", "out"]).ok();
    for (folder, domain) in [("out", domain(0)), ("out/variant-other", domain(1))] {
        let summary = summary(&place.path(folder));
        let truth = array(&place, "out/reference.npy");
        let facies = |value: f64| nearest_facies(value, &[-1.0, 1.0]);
        for (name, key) in [("model.npy", "model"), ("parameterized.npy", "parameterized")] {
            let estimate = array(&place, &format!("{folder}/{name}"));
            let both = || estimate.iter().zip(&truth).zip(&domain);
            let wrong = both().filter(|((u, t), active)| **active == 1 && facies(**u) != facies(**t)).count();
            let elsewhere = both().filter(|((u, t), active)| **active == 0 && facies(**u) != facies(**t)).count();
            let active = domain.iter().filter(|x| **x == 1).count();
            let found = summary["errors"][key]["facies_mismatch"].as_f64().expect("a number");
            assert!((found - wrong as f64 / active as f64).abs() < 1e-12, "{folder}/{name}: {found}");
            let share = (wrong + elsewhere) as f64 / domain.len() as f64;
            assert!((found - share).abs() > 1e-6, "{folder}/{name}: all cells would give another share");
        }
        let heads: Array4<f64> = ndarray_npy::read_npy(place.path(folder).join("head.npy")).expect("heads");
        assert!(heads.iter().zip(&domain).all(|(head, active)| head.is_nan() == (*active == 0)), "{folder}");
    }
}

#[test]
fn a_changed_domain_is_another_run_and_a_resolved_case_may_lie_anywhere() {
    let place = irregular();
    let run = |case: &str, out: &str| place.run(&["run", case, "--out", out]).ok().out;
    run("case.toml", "out");
    assert!(run("case.toml", "out").contains("a complete run of this case is here already"));
    // The files are named by where they were, and those of the case itself are not needed any more.
    std::fs::remove_file(place.path("domain.npy")).expect("a file");
    run("out/case.toml", "again");
    assert_eq!(array(&place, "out/model.npy"), array(&place, "again/model.npy"));
    ndarray_npy::write_npy(place.path("other.npy"), &domain(2)).expect("room");
    assert!(run("out/case.toml", "again").ends_with("again-2\n"), "the variant has another domain");
}

#[test]
fn a_model_with_gaps_where_nothing_flows_is_predicted() {
    let place = irregular();
    place.run(&["run", "case.toml", "--out", "out"]).ok();
    let forward = |model: &str| place.run(&["forward", "case.toml", "--model", model]);
    let whole = forward("out/model.npy").ok().out;
    let mut model = array(&place, "out/model.npy");
    model.zip_mut_with(&domain(0), |u, active| *u = if *active == 0 { f64::NAN } else { *u });
    ndarray_npy::write_npy(place.path("gaps.npy"), &model).expect("room");
    assert_eq!(forward("gaps.npy").ok().out, whole);
    model[[0, 0, 1]] = f64::NAN;
    ndarray_npy::write_npy(place.path("gaps.npy"), &model).expect("room");
    forward("gaps.npy").fails(2, &["gaps.npy", "cell (2, 1, 1) has NaN"]);
}

#[test]
fn a_start_that_fits_the_data_already_is_told() {
    let place = Place::new();
    let said = "the start of the inversion fits the data to their errors already";
    for (start, noise, is_told) in [("mean", "100 %", true), ("uniform 0.1", "100 %", false), ("mean", "2 %", false)] {
        let noise = format!("noise = \"{noise}\"");
        let start = format!("iterations = 3\nstart = \"{start}\"");
        let text = PUMPING.replace("[hard_data]\ncells = [{ cell = [12, 10], facies = 1 }]\n", "");
        let text = text.replace("noise = \"2 %\"", &noise).replace("iterations = 3", &start);
        place.write("case.toml", text);
        place.run(&["run", "case.toml", "--out", "out", "--force"]).ok();
        let warnings = summary(&place.path("out"))["warnings"].to_string();
        assert_eq!(warnings.contains(said), is_told, "{start}, {noise}: {warnings}");
    }
}
