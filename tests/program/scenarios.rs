//! Several scenarios and a pumping test: what a run says of them, and that it says the same again.

use ndarray::Array3;

use crate::support::{Place, assert_same_numbers, summary};

/// A pumping test in straight channels along x or along y: 24 × 20 cells, 40 realizations each.
pub(crate) const PUMPING: &str = r#"format = 1
name = "pumping"
title = "A small pumping test"

[grid]
cells = [24, 20]
size = ["240 m", "200 m", "10 m"]

[property]
name = "hydraulic conductivity"
unit = "m/day"
transform = "log10"
facies = [-1.0, 1.0]

[[scenario]]
name = "straight"
azimuth = [0, 90]

[scenario.image]
kind = "straight"
cells = [60, 60]
seed = 1
proportion = 0.3
width = 5

[prior]
realizations = 40

[prior.snesim]
template = [5, 5]
grids = 3

[hard_data]
cells = [{ cell = [12, 10], facies = 1 }]

[basis]
kind = "hybrid"
energy = 0.8

[physics]
kind = "groundwater"
boundary = [{ side = "left", head = "20 m" }, { side = "right", head = "10 m" }]

[[physics.well]]
name = "centre"
cell = [12, 10]
rate = "60 m3/day"

[[observation]]
kind = ["head", "property"]
lattice = [4, 3]

[data]
noise = "2 %"

[feasible]
window = [10, 10]
neighbours = 3
library = 200
fraction = 0.5
refine = 0.1

[inversion]
iterations = 3
steps = 1
regularizer = "group"

[reference]
scenario = "straight-90"
seed = 1
"#;

#[test]
fn a_run_tells_scenarios_apart_and_ends_in_the_same_numbers_on_any_thread_count() {
    let place = Place::new();
    place.write("pumping.toml", PUMPING);
    let said = place.run(&["run", "pumping.toml", "--out", "a", "--threads", "1"]).ok().out;
    place.run(&["run", "pumping.toml", "--out", "b", "--threads", "2"]).ok();
    assert_same_numbers(&place.path("a"), &place.path("b"));
    assert!(
        said.lines().any(|line| line.starts_with("most probable scenario") && line.contains("straight-")),
        "{said}"
    );
    for warning in summary(&place.path("a"))["warnings"].as_array().expect("warnings") {
        assert!(said.contains(&format!("warning: {}", warning.as_str().expect("a text"))), "{said}");
    }
    let folder = place.path("a");
    let summary = summary(&folder);
    let scenarios = summary["scenarios"].as_array().expect("scenarios");
    let sum = |key: &str| scenarios.iter().map(|s| s[key].as_f64().expect("a number")).sum::<f64>();
    assert_eq!(scenarios.len(), 2);
    assert!((sum("contribution") - 1.0).abs() < 1e-12 && (sum("probability") - 1.0).abs() < 1e-12, "{scenarios:?}");
    assert!(summary["hits"]["evidence"].is_number() && summary["solver"].is_string(), "{summary}");
    let map: Array3<u8> = ndarray_npy::read_npy(folder.join("scenario_map.npy")).expect("u8");
    assert!(map.shape() == [1, 20, 24] && map.iter().all(|&p| p < 2));
    let model: Array3<f64> = ndarray_npy::read_npy(folder.join("model.npy")).expect("f64");
    assert!(model.iter().all(|x| (x.abs() - 1.0).abs() < 1e-12), "u has facies alone");
    assert!((model[[0, 9, 11]] - 1.0).abs() < 1e-12, "the well stands in its channel");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a table");
    assert_eq!(text("scenarios.csv").lines().count(), 3);
    assert!(text("scenario_history.csv").lines().count() > 2);
    let data = text("data.csv");
    assert_eq!(data.lines().filter(|line| line.starts_with("head,")).count(), 12);
    let properties = || data.lines().filter(|line| line.contains(",log10 m/day,"));
    assert_eq!(properties().count(), 13, "twelve of the lattice, and the well's facies");
    let of_well: Vec<&str> = properties().next_back().expect("data").split(',').collect();
    // Observed near 1 with an error of 2 % of the spread from −1 to 1.
    let number = |i: usize| of_well[i].parse::<f64>().expect("a number");
    assert!((number(10) - 1.0).abs() < 0.2 && (number(11) - 0.04).abs() < 1e-12, "{of_well:?}");
}

#[test]
fn scenarios_are_judged_by_simulated_data_where_the_case_says_so() {
    let place = Place::new();
    // As many data as simulations can tell.
    let judged =
        PUMPING.replace("lattice = [4, 3]", "lattice = [4, 2]") + "\n[verdict]\nby = \"synthetic-likelihood\"\n";
    place.write("pumping.toml", &judged);
    place.run(&["run", "pumping.toml", "--out", "a", "--threads", "1"]).ok();
    place.run(&["run", "pumping.toml", "--out", "b", "--threads", "2", "--no-cache"]).ok();
    assert_same_numbers(&place.path("a"), &place.path("b"));
    let stored = || {
        let folders = std::fs::read_dir(place.path("cache")).expect("the cache").flatten();
        folders.filter(|folder| folder.path().join("data.npy").exists()).count()
    };
    assert_eq!(stored(), 2, "data of both scenarios");
    place.run(&["run", "pumping.toml", "--out", "c"]).ok();
    assert_same_numbers(&place.path("a"), &place.path("c"));
    assert_eq!(stored(), 2, "they were found");
    place.write("more.toml", judged.replace("60 m3/day", "61 m3/day"));
    place.run(&["run", "more.toml", "--out", "d"]).ok();
    assert_eq!(stored(), 4, "another rate makes other data");

    let mut table = csv::Reader::from_path(place.path("a").join("scenarios.csv")).expect("a table");
    let header = table.headers().expect("a header").clone();
    let rows: Vec<_> = table.records().map(|row| row.expect("a row")).collect();
    let column = |name: &str| -> Vec<f64> {
        let at = header.iter().position(|h| h == name).unwrap_or_else(|| panic!("a column {name}"));
        rows.iter().map(|row| row[at].parse().unwrap_or_else(|_| panic!("{name}: {row:?}"))).collect()
    };
    let (log_likelihood, probability) = (column("log_synthetic_likelihood"), column("probability"));
    let odds = (log_likelihood[0] - log_likelihood[1]).exp();
    assert!((probability[0] - odds / (1.0 + odds)).abs() < 1e-12, "{log_likelihood:?} {probability:?}");
    assert!(column("recall").iter().all(|&share| share > 0.6 && share <= 1.0), "two directions can be told apart");
    assert!(column("typicality").iter().all(|share| (0.0..=1.0).contains(share)));
    let told = summary(&place.path("a"));
    assert!(told["hits"]["synthetic_likelihood"].is_number() && told["judged_by"] == "synthetic-likelihood", "{told}");
    let page = std::fs::read_to_string(place.path("a").join("report.html")).expect("a report");
    assert!(page.contains("the probabilities follow from the synthetic likelihood"));

    place.write("few.toml", judged.replace("lattice = [4, 2]", "lattice = [8, 8]"));
    place.run(&["run", "few.toml", "--out", "few"]).ok();
    let told = summary(&place.path("few"));
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("80 simulations do not tell the covariance of 129 data"), "{warnings}");
    assert!(
        warnings.contains("the scenarios are judged by their evidence") && told["judged_by"] == "evidence",
        "{told}"
    );

    // More simulations than realizations are drawn for the verdict alone.
    place.write("many.toml", judged.replace("lattice = [4, 2]", "lattice = [8, 8]") + "simulations = 150\n");
    place.run(&["run", "many.toml", "--out", "many", "--threads", "1"]).ok();
    place.run(&["run", "many.toml", "--out", "again", "--threads", "2", "--no-cache"]).ok();
    assert_same_numbers(&place.path("many"), &place.path("again"));
    let told = summary(&place.path("many"));
    assert!(told["judged_by"] == "synthetic-likelihood", "{told}");
    assert!(told["scenarios"] != summary(&place.path("few"))["scenarios"], "{told}");

    // Scenarios that are selected by the verdict share one basis afterwards, and the verdict stands.
    let selected = judged.replace("kind = \"hybrid\"", "kind = \"pca\"").replace("refine = 0.1\n", "");
    place.write("two.toml", selected.replace("\"group\"", "\"gaussian\"") + "\n[selection]\nby = \"evidence\"\n");
    place.run(&["run", "two.toml", "--out", "two"]).ok();
    let told = summary(&place.path("two"));
    assert!(told["judged_by"] == "synthetic-likelihood", "{told}");
    assert!(!told["warnings"].to_string().contains("no verdict"), "{told}");
    let table = std::fs::read_to_string(place.path("two").join("scenarios.csv")).expect("a table");
    assert!(table.starts_with("name,columns,rank") && table.contains("log_synthetic_likelihood"), "{table}");
}

#[test]
fn scenarios_of_an_earlier_run_are_taken_up_and_variants_lie_beside_it() {
    let place = Place::new();
    let changed = PUMPING.replace("refine = 0.1\n", "")
        + "\n[[variant]]\nname = \"l1\"\nset = { \"inversion.regularizer\" = \"l1\" }\n";
    place.write("pumping.toml", PUMPING);
    place.write("variants.toml", changed);
    place.run(&["run", "variants.toml", "--out", "a"]).ok();
    let variant = summary(&place.path("a").join("variant-l1"));
    assert_eq!(variant["misfit"]["target"], summary(&place.path("a"))["misfit"]["target"], "the same data");
    place.run(&["run", "pumping.toml", "--out", "b", "--scenarios-from", "a"]).ok();
    assert_eq!(summary(&place.path("b"))["scenarios"].as_array().expect("scenarios").len(), 2);
    place.run(&["run", "pumping.toml", "--out", "c", "--scenarios-from", "nowhere"]).fails(2, &["nowhere"]);
}
