//! Measured cells, from the case and from a file: realizations and the feasible model honour them.

use ndarray::{Array3, Array4};

use crate::scenarios::PUMPING;
use crate::support::{Place, assert_same_numbers, summary};

/// Cells (i, j), from 1, and their facies.
const WELLS: [(usize, usize, u8); 6] = [(3, 2, 1), (15, 12, 0), (15, 13, 1), (28, 23, 0), (1, 24, 1), (30, 1, 1)];

fn csv() -> String {
    let rows = WELLS.map(|(i, j, facies)| format!("{i},{j},{facies}\n"));
    "i,j,facies\n".to_owned() + &rows.concat()
}

fn place(condition: bool) -> Place {
    let place = Place::new();
    place.write("wells.csv", csv());
    let condition = format!("realizations = 60\ncondition = {condition}");
    let hard = "[hard_data]\nfile = \"wells.csv\"\n\n[basis]";
    place.write_changed("wells.toml", &[("realizations = 60", &condition), ("[basis]", hard)]);
    let rows = WELLS.map(|(i, j, facies)| format!("{{ cell = [{i}, {j}], facies = {facies} }}, "));
    let hard = format!("[hard_data]\ncells = [{}]\n\n[basis]", rows.concat());
    place.write_changed("cells.toml", &[("realizations = 60", &condition), ("[basis]", &hard)]);
    place
}

#[test]
fn every_conditioned_realization_honours_the_file() {
    let place = place(true);
    place.run(&["simulate", "wells.toml", "--out", "p"]).ok();
    let facies: Array4<u8> = ndarray_npy::read_npy(place.path("p/meandering-facies.npy")).expect("codes");
    for (l, realization) in facies.outer_iter().enumerate() {
        for (i, j, code) in WELLS {
            assert_eq!(realization[[0, j - 1, i - 1]], code, "realization {l}, cell ({i}, {j})");
        }
    }
    place.run(&["simulate", "wells.toml", "--out", "q", "--set", "prior.condition=false"]).ok();
    let free: Array4<u8> = ndarray_npy::read_npy(place.path("q/meandering-facies.npy")).expect("codes");
    assert!(free.outer_iter().any(|r| WELLS.iter().any(|&(i, j, code)| r[[0, j - 1, i - 1]] != code)));
}

#[test]
fn the_feasible_model_honours_the_file() {
    for condition in [true, false] {
        let place = place(condition);
        place.run(&["run", "wells.toml", "--out", "r"]).ok();
        let model: Array3<f64> = ndarray_npy::read_npy(place.path("r/model.npy")).expect("a map");
        for (i, j, code) in WELLS {
            assert_eq!(model[[0, j - 1, i - 1]], [0.5, 1.0][usize::from(code)], "cell ({i}, {j}), {condition}");
        }
        place.run(&["run", "cells.toml", "--out", "c"]).ok();
        assert_same_numbers(&place.path("r"), &place.path("c"));
        place.run(&["run", "r/case.toml", "--out", "again"]).ok();
        assert_same_numbers(&place.path("r"), &place.path("again"));
        assert!(summary(&place.path("r"))["misfit"]["model"].is_number());
    }
}

#[test]
fn another_file_is_another_run_and_another_prior() {
    let place = place(true);
    place.run(&["run", "wells.toml", "--out", "r"]).ok();
    place.write("wells.csv", csv().replace("15,12,0", "15,12,1"));
    let ran = place.run(&["run", "wells.toml", "--out", "r"]).ok();
    assert_eq!(ran.out.lines().last(), Some("r-2"));
    assert_eq!(summary(&place.path("r-2"))["prior"]["cached"], 0);
}

#[test]
fn mistakes_in_the_file_have_their_place() {
    let place = place(true);
    for (text, words) in [
        ("i,j,facies\n31,1,0\n", ["wells.csv, line 2, column 1 (i)", "31 is outside of the grid"]),
        ("i,j,facies\n1,1,0\n1,1,1\n", ["wells.csv, line 3", "(1, 1, 1) is that of line 2 too"]),
        ("i,j,facies\n1,1,2\n", ["wells.csv, line 2, column 3 (facies)", "\"2\" is no facies"]),
        ("i,j\n1,1\n", ["wells.csv, line 1", "no column \"facies\" or \"value\""]),
        ("", ["wells.csv", "empty"]),
    ] {
        place.write("wells.csv", text);
        for arguments in [["run", "wells.toml"], ["simulate", "wells.toml"]] {
            place.run(&arguments).fails(2, &[words[0], words[1], "remedy"]);
        }
        place.run(&["case", "check", "wells.toml"]).fails(2, &words);
    }
    std::fs::remove_file(place.path("wells.csv")).expect("is there");
    place.run(&["run", "wells.toml"]).fails(2, &["cannot read", "wells.csv"]);
    place.assert_no_result();
}

#[test]
fn variants_have_the_data_of_the_file_and_the_same_references() {
    let place = place(true);
    let variant = "\n[[variant]]\nname = \"short\"\nset = { \"inversion.iterations\" = 2 }\n";
    let text = std::fs::read_to_string(place.path("wells.toml")).expect("a case");
    place.write("variants.toml", text + variant);
    place.run(&["run", "variants.toml", "--out", "r"]).ok();
    let reference = |folder: &str| -> Array3<f64> {
        ndarray_npy::read_npy(place.path(folder).join("reference.npy")).expect("a reference")
    };
    assert_eq!(reference("r"), reference("r/variant-short"));
    let case = std::fs::read_to_string(place.path("r/variant-short/case.toml")).expect("a case");
    assert!(!case.contains("wells.csv") && case.matches("facies = 1").count() >= 4, "{case}");
}

#[test]
fn predictions_have_the_cells_of_the_file() {
    let place = Place::new();
    place.write("wells.csv", "id,x,y,facies\ncentre,115,95,1\n");
    let cells = "cells = [{ cell = [12, 10], facies = 1 }]";
    place.write("pumping.toml", PUMPING.replace(cells, "file = \"wells.csv\""));
    place.run(&["run", "pumping.toml", "--out", "r"]).ok();
    let forward = |case: &str| place.run(&["forward", case, "--model", "r/model.npy"]).ok().out;
    let predicted = forward("pumping.toml");
    assert_eq!(predicted, forward("r/case.toml"));
    assert_eq!(predicted.lines().filter(|line| line.starts_with("property,")).count(), 12 + 1, "{predicted}");
}
