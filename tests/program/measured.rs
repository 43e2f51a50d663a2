//! Heads, drawdowns, rates and the property as own measurements: what a run wrote comes back as data, and what is wrong in
//! a file is told with its line.

use ndarray::Array3;

use crate::flow::BLOCK;
use crate::support::Place;

/// A second well, and what is seen of both.
const WELLS: &str = "[[physics.well]]\nname = \"H\"\ncell = [2, 4]\nlayers = [2, 3]\nhead = \"19 m\"\n\n\
                     [[observation]]\nkind = \"well-drawdown\"\nwells = [\"P\"]\ntimes = [\"5 h\"]\n\n\
                     [[observation]]\nkind = \"rate\"\nwells = [\"H\"]\ntimes = [\"4 h\", \"1 day\"]\n\n[data]";

/// The block with what is observed in it made from a reference.
fn synthetic() -> String {
    BLOCK.replacen("[data]", WELLS, 1)
}

/// The same without what it observes and without reference.
fn of_file() -> String {
    let sections = synthetic();
    let kept = sections
        .split("\n\n")
        .filter(|section| ["[[observation]]", "[reference]"].iter().all(|other| !section.starts_with(other)));
    kept.collect::<Vec<_>>().join("\n\n").replace("noise = \"2 %\"", "file = \"--data\"")
}

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

fn near(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

#[test]
fn data_of_a_run_are_data_of_the_next() {
    let place = Place::new();
    place.write("block.toml", synthetic());
    place.write("own.toml", of_file());
    place.run(&["run", "block.toml", "--out", "a"]).ok();
    place.run(&["case", "check", "own.toml"]).ok();
    place.run(&["run", "own.toml", "--data", "a/data.csv", "--out", "b"]).ok();
    let text = |name: &str| std::fs::read_to_string(place.path(name)).expect(name);
    let (first, second) = (rows(&text("a/data.csv")), rows(&text("b/data.csv")));
    assert_eq!((first.len(), second.len()), (4 + 5 + 1 + 2, 4 + 5 + 1 + 2));
    let ids: Vec<_> = first.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(ids[9..], ["P", "H", "H"], "wells are called by their names");
    for (a, b) in first.iter().zip(&second) {
        assert!(a.iter().zip(b).all(|(a, b)| near(a, b)), "{a:?}\n{b:?}");
    }
    let model = |name: &str| -> Array3<f64> { ndarray_npy::read_npy(place.path(name)).expect(name) };
    let (a, b) = (model("a/model.npy"), model("b/model.npy"));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-8), "the same data, the same model");
    assert!(!place.path("b/reference.npy").exists());
    let report = text("b/report.html");
    assert!(report.contains("The heads") && report.contains("H is held at"), "the report shows wells and heads");

    let said = place.run(&["forward", "own.toml", "--model", "b/model.npy", "--data", "b/data.csv"]).ok().out;
    for (line, of_run) in rows(&said).iter().zip(&second) {
        assert_eq!(line[..14], of_run[..], "every column is kept");
        assert!(near(&line[14], &of_run[13]), "{line:?}");
    }
    let said_too = place.run(&["forward", "block.toml", "--model", "b/model.npy", "--data", "b/data.csv"]).ok().out;
    assert_eq!(said_too, said, "--data takes the place of what the case observes");
    place.write("more.csv", "id;unit;kind;time;note\nP;cm;well_drawdown;7200;new\nH;L/min;rate;7200;\n");
    let said = place.run(&["forward", "own.toml", "--model", "b/model.npy", "--data", "more.csv"]).ok().out;
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(';').collect()).collect();
    assert_eq!(
        (lines[0].last(), &lines[1][..5]),
        (Some(&"predicted"), &["P", "cm", "well_drawdown", "7200", "new"][..])
    );
    assert!(lines[1][5].parse::<f64>().expect("a number") > 1.0, "{said}");
}

#[test]
fn files_of_measurements_that_cannot_be_used() {
    let place = Place::new();
    place.write("own.toml", of_file().replace("\"--data\"", "\"heads.csv\""));
    place.run(&["case", "check", "own.toml"]).fails(2, &["data.file: there is no file", "heads.csv"]);
    let header = "kind,id,x,y,z,time,unit,observed,sigma";
    for (line, words) in [
        ("", ["heads.csv", "no data below the header"]),
        ("drawdown,a,115,250,-2,3600,m,much,", ["line 2, column 8 (observed)", "\"much\" is no number"]),
        ("drawdown,a,99,250,-2,3600,m,1,", ["line 2, column 3 (x)", "outside of the grid"]),
        ("drawdown,a,115,250,-2,3600,m,1,-1", ["line 2, column 9 (sigma)", "-1 is not positive"]),
        ("rate,P,,,,3600,m3/day,1,", ["line 2, column 1 (kind)", "the rate of the well \"P\" is given"]),
        ("drawdown,a,115,250,-2,4e5,m,1,", ["line 2, column 6 (time)", "345600 s"]),
    ] {
        place.write("heads.csv", format!("{header}\n{line}\n"));
        place.run(&["case", "check", "own.toml"]).fails(2, &[&words[..], &["remedy"]].concat());
        place.run(&["run", "own.toml", "--out", "out"]).fails(2, &words);
        place.assert_no_result();
    }
    place.write("heads.csv", "kind,x,y,z,time,unit\ndrawdown,115,250,-2,3600,m\n");
    place.run(&["run", "own.toml", "--out", "out"]).fails(2, &["there is no column \"observed\"", "kind, x, y, z"]);
    place.assert_no_result();
}
