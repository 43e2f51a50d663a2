//! The report of groundwater runs with several scenarios.

use std::fs;

use lithoscope::report;
use ndarray::Array4;
use ndarray_npy::write_npy;
use serde_json::json;

use crate::folders::{write_case, write_flow, write_summary};
use crate::{assert_says, attribute, built, chromium, open, screenshot};

#[test]
fn wells_heads_scenarios_and_curves_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [1, 30, 40], 1, true);
    let html = built(folder.path());
    assert_says(
        &html,
        &[
            "Wells and places of observation over the resulting model u",
            "P1 pumps 60 m3/day",
            "I1 injects 20 m3/day",
            "H1 is held at a head of 14 m",
            "Head of the reference",
            "Heads in the wells",
            "M0: head",
            "they are a forecast",
            "observed head [m]",
            "observed hydraulic conductivity [log10 m/s]",
            "observed rate [m3/day]",
            "largest error of u",
            "The data support the scenario <strong>“meandering 90°”</strong> more than the others",
            "its probability is <strong>88.1 %</strong>; next comes “intersecting” with 11.9 %",
            "by BIC it would be “intersecting”",
            "The reference was drawn from “meandering 90°”: the verdict is right.",
            "undefined",
            "Coefficients by group",
            "meandering 90° (12)",
            "Scenario with the most votes in each cell",
        ],
    );
    assert!(!html.contains("No scenario fits"), "two of five are at work");
}

#[test]
fn the_page_warns_where_no_scenario_fits() {
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [1, 30, 40], 1, false);
    let path = folder.path().join("scenarios.csv");
    let table = "name,columns,norm,contribution,probability\na,5,1,0.3,0.2\nb,5,0.9,0.3,0.5\nc,5,0.5,0.2,0.2\nd,5,0.01,0.2,0.1\n";
    fs::write(&path, table).unwrap();
    let html = built(folder.path());
    assert!(html.contains("No scenario fits the whole model.</strong> 3 of the 4 scenarios"), "the warning");
    assert!(html.contains("they do not tell whether one fits"), "without χ² nothing does");
    for (chi_squared, said) in
        [("20.4", "“b” agrees with the data (χ² is 20 for "), ("900", "even “b” disagrees with the data")]
    {
        let judged =
            table.replace("probability", "probability,chi_squared").replace("0.5\n", &format!("0.5,{chi_squared}\n"));
        fs::write(&path, judged.replace("0.2\n", "0.2,\n").replace("0.1\n", "0.1,\n")).unwrap();
        let html = built(folder.path());
        assert_says(&html, &[said]);
    }
    fs::write(&path, table.replace("columns,", "").replace(",5,", ",")).unwrap();
    assert!(!built(folder.path()).contains("No scenario fits"), "scenarios that share one basis share one norm");
    assert!(html.contains("“b”</strong> most, but without certainty"));
    assert!(!html.contains("Over time: fit and forecast"), "steady flow has no curves");
    assert!(!html.contains("Coefficients by group"), "without their columns the groups are not known");
}

#[test]
fn the_page_says_what_simulations_tell_of_the_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [1, 30, 40], 1, false);
    let table = "name,columns,norm,contribution,log_evidence,log_synthetic_likelihood,recall,probability\n\
                 a,5,1,0.5,-20,3.5,0.9,0.8\nb,5,0.9,0.5,-10,2.5,0.5,0.2\n";
    fs::write(folder.path().join("scenarios.csv"), table).unwrap();
    let html = built(folder.path());
    assert_says(
        &html,
        &[
            "by evidence it would be “b”",
            "Of simulated data like these the synthetic likelihood names 70 % rightly.",
            "ln synthetic likelihood",
            "the probabilities follow from the evidence",
            "share of the simulations of a scenario",
        ],
    );
    let path = folder.path().join("summary.json");
    let mut summary: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    summary["judged_by"] = json!("synthetic-likelihood");
    fs::write(&path, summary.to_string()).unwrap();
    assert!(built(folder.path()).contains("the probabilities follow from the synthetic likelihood"));
    fs::write(folder.path().join("scenarios.csv"), table.replace("3.5,0.9", ",").replace("2.5,0.5", ",")).unwrap();
    let html = built(folder.path());
    assert!(!html.contains("Of simulated data like these") && !html.contains("ln synthetic likelihood"));
}

#[test]
fn heads_at_the_end_of_pumping_tests_are_shown_by_test() {
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [1, 30, 40], 1, true);
    fs::remove_file(folder.path().join("head_times.csv")).unwrap();
    let names: String = (0..12).map(|frame| format!("{frame},B{frame},600\n")).collect();
    fs::write(folder.path().join("head_tests.csv"), format!("frame,test,time\n{names}")).unwrap();
    let html = built(folder.path());
    assert_says(&html, &["At the end of each pumping test", ">At the end of</label>", "test B11"]);
    assert!(!html.contains("Heads in the wells"), "no one test pumps them all");
    fs::write(folder.path().join("head_tests.csv"), "frame,test,time\n0,B1,600\n").unwrap();
    let text = report::build(folder.path()).expect_err("one test for twelve frames").to_string();
    assert!(text.contains("1 tests for 12 frames of head.npy"), "{text}");
}

#[test]
fn heads_of_another_shape_or_number_of_times_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [2, 30, 40], 1, true);
    let refused = |said: &str| {
        let text = report::build(folder.path()).expect_err(said).to_string();
        assert!(text.contains(said), "the error is “{text}”, expected “{said}” in it");
    };
    fs::write(folder.path().join("head_times.csv"), "frame,time\n0,1\n1,2\n").unwrap();
    refused("2 times for 12 frames of head.npy");
    write_npy(folder.path().join("head.npy"), &Array4::<f64>::zeros((2, 2, 30, 41))).unwrap();
    refused("the array has shape [2, 2, 30, 41]");
}

#[test]
fn repeated_runs_show_how_often_the_right_scenario_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=4 {
        write_flow(&folder.path().join(format!("repeat-{run:03}")), [1, 30, 40], run, false);
    }
    // In one of the runs the evidence is for another scenario.
    let path = folder.path().join("repeat-002/scenarios.csv");
    let table = fs::read_to_string(&path).unwrap();
    fs::write(&path, table.replace(",-62,", ",-50,")).unwrap();
    fs::copy(folder.path().join("repeat-001/case.toml"), folder.path().join("case.toml")).unwrap();
    let hits = json!({"mean": 0.5, "ci95": [0.0, 1.0], "values": [1, 0, 1, 0]});
    write_summary(folder.path(), &json!({"format": 1, "hits": {"l1": hits, "norm": hits}}));
    let html = built(folder.path());
    assert_says(
        &html,
        &[
            "The references were drawn from “meandering 90°”.",
            "<th scope=\"row\">evidence</th><td>3 of 4</td><td>75.0 % <span class=\"interval\">[30.1 %, 95.4 %]</span>",
            "<th scope=\"row\">BIC</th><td>0 of 4</td>",
            "<th scope=\"row\">‖vᵢ‖</th><td>4 of 4</td>",
            "<th scope=\"row\">l1</th><td>2 of 4</td>",
            "the mean of ln p(true scenario) is −0.1267",
            "most probable: meandering 90° (88.1 %)",
        ],
    );
    // Of references of unknown scenarios nothing is said but what the runs say themselves.
    write_case(folder.path(), [1, 30, 40]);
    let html = built(folder.path());
    assert!(html.contains(">l1</th>") && !html.contains(">BIC</th>"), "only what the runs know by themselves");
}

#[test]
fn chromium_moves_heads_by_time_bars_by_iteration_and_wells_by_layer() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    write_flow(folder.path(), [4, 30, 40], 1, true);
    let html = built(folder.path());
    let hand = "<script>{const set = (id, value) => { const input = document.getElementById(id); input.value = value;\
                input.dispatchEvent(new Event('input')); };\
                set('time', 3); set('layer-heads', 1); set('iteration', 0);}</script></body>";
    fs::write(folder.path().join(report::FILE_NAME), html.replace("</body>", hand)).unwrap();
    let dom = open(&browser, folder.path(), "", &["--dump-dom"]);
    assert_eq!(attribute(&dom, "data-errors"), Some(""), "errors of the page");
    assert_eq!(attribute(&dom, "data-time"), Some("3"));
    assert_eq!(attribute(&dom, "data-layer"), Some("1"));
    assert!(dom.contains("id=\"shares-iteration\">1</output>"), "the bars follow the slider");
    assert!(dom.matches("class=\"isolines\"><path").count() == 3, "three maps of heads with isolines");
    assert!(dom.contains("well injecting away"), "a well of another layer is pale");
    assert!(dom.matches("z = 15 m (2 of 4)").count() >= 3, "every slider of the layer says where it stands");

    fs::write(folder.path().join(report::FILE_NAME), html).unwrap();
    let early = screenshot(&browser, folder.path(), "time=0&iteration=3");
    let late = screenshot(&browser, folder.path(), "time=11&iteration=3");
    let changed = early.chunks(4).zip(late.chunks(4)).filter(|(a, b)| a != b).count();
    assert!(changed > 3_000, "{changed} pixels differ between the first and the last time");
}
