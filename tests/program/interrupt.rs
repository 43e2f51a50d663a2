//! Interrupted at any time: exit code 130, nothing that looks complete, and `--resume` ends in the same bytes without
//! doing again what was finished.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::scenarios::PUMPING;
use crate::support::{Place, assert_same_numbers, files, finished, summary};

/// Enough realizations and iterations to be hit.
const LONG: [(&str, &str); 3] = [
    ("realizations = 60", "realizations = 300"),
    ("iterations = 3", "iterations = 24"),
    ("fraction = 0.5", "fraction = 1"),
];
const ITERATIONS: usize = 24;

fn send(signal: &str, id: u32) {
    let sent = Command::new("kill").args([format!("-{signal}"), id.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
}

/// Runs the program and sends it a signal as soon as a line on standard error begins with `line`.
pub(crate) fn interrupted_at(mut command: Command, signal: &str, line: &str) -> (ExitStatus, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = String::new();
    let mut sent = false;
    for read in BufReader::new(child.stderr.take().expect("piped")).lines() {
        let read = read.expect("text");
        if !sent && read.starts_with(line) {
            send(signal, child.id());
            sent = true;
        }
        said.push_str(&read);
        said.push('\n');
    }
    assert!(sent, "no line `{line}` in {said}");
    (child.wait().expect("the program ends"), said)
}

pub(crate) fn assert_interrupted((status, said): (ExitStatus, String)) -> String {
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("--resume") && !said.contains("panicked"), "{said}");
    said
}

/// The blocks of realizations below a folder and when they were written.
fn blocks(folder: &Path) -> Vec<(String, SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(blocks(&path));
        } else if name.ends_with("-layers.txt") {
            found.push((name, entry.metadata().and_then(|m| m.modified()).expect("a time")));
        }
    }
    found.sort();
    found
}

/// Seconds of the finished iterations, from the checkpoints of an unfinished run.
fn finished_seconds(partial: &Path) -> Vec<f64> {
    let kept = files(&partial.join("checkpoint"));
    let numbers = kept.iter().filter(|(name, _)| name.ends_with("numbers.json"));
    numbers
        .map(|(_, bytes)| {
            let value: Value = serde_json::from_slice(bytes).expect("JSON");
            value["row"]["seconds"].as_f64().expect("a number")
        })
        .collect()
}

/// Seconds of every iteration of a finished run.
fn history_seconds(folder: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.join("history.csv")).expect("a table");
    text.lines().skip(1).map(|line| line.rsplit(',').next().and_then(|s| s.parse().ok()).expect("seconds")).collect()
}

fn long_case() -> Place {
    let place = Place::new();
    place.write_changed("long.toml", &LONG);
    place
}

#[test]
fn realizations_that_are_finished_are_not_drawn_again() {
    let place = long_case();
    place.run(&["run", "long.toml", "--out", "whole", "--no-cache"]).ok();
    for options in [&["--out", "out"][..], &["--out", "out", "--no-cache"][..]] {
        let arguments = [&["run", "long.toml"][..], options].concat();
        assert_interrupted(interrupted_at(place.command(&arguments), "INT", "prior realizations: 100/300"));
        place.assert_no_result();
        let kept = match options.contains(&"--no-cache") {
            true => blocks(&place.path("out.partial/realizations")),
            false => blocks(&place.path("cache")),
        };
        assert!((2..6).contains(&kept.len()), "{kept:?}");
        let resumed = place.run(&[&arguments[..], &["--resume"]].concat()).ok();
        assert_eq!(summary(&place.path("out"))["prior"]["cached"], 50 * kept.len(), "{}", resumed.err);
        if !options.contains(&"--no-cache") {
            let now = blocks(&place.path("cache"));
            assert_eq!((now.len(), &now[..kept.len()]), (6, &kept[..]), "no block is written twice");
        }
        assert!(!place.path("out/realizations").exists());
        assert_same_numbers(&place.path("whole"), &place.path("out"));
        std::fs::remove_dir_all(place.path("out")).expect("is there");
    }
}

#[test]
fn iterations_that_are_finished_are_not_done_again() {
    let place = long_case();
    place.run(&["run", "long.toml", "--out", "whole"]).ok();
    let arguments = ["run", "long.toml", "--out", "out", "--resume"];
    let said = assert_interrupted(interrupted_at(place.command(&arguments[..4]), "INT", "inversion: 3/24"));
    assert!(!said.contains("goes on"));
    place.assert_no_result();
    assert!(!place.path("out").exists());
    let first = finished_seconds(&place.path("out.partial"));
    assert!((3..ITERATIONS).contains(&first.len()), "{first:?}");
    // Once more, by the signal of a system that shuts down.
    let said = assert_interrupted(interrupted_at(place.command(&arguments), "TERM", "inversion: 1"));
    assert!(said.contains(&format!("goes on with iteration {}", first.len() + 1)), "{said}");
    let second = finished_seconds(&place.path("out.partial"));
    assert!(second.len() > first.len() && second.starts_with(&first), "{second:?} after {first:?}");
    let last = place.run(&arguments).ok();
    assert!(last.err.contains(&format!("goes on with iteration {}", second.len() + 1)), "{}", last.err);
    assert!(history_seconds(&place.path("out")).starts_with(&second), "the finished iterations are those of before");
    assert_same_numbers(&place.path("whole"), &place.path("out"));
    assert!(!place.path("out.partial").exists() && !place.path("out/checkpoint").exists());
}

#[test]
fn without_resume_a_run_begins_anew() {
    let place = long_case();
    let arguments = ["run", "long.toml", "--out", "out", "--resume"];
    assert_interrupted(interrupted_at(place.command(&arguments[..4]), "INT", "inversion: 3/24"));
    let other = place.run(&[&arguments[..], &["--set", "inversion.steps=1"]].concat());
    other.fails(2, &["out.partial", "another case", "remedy"]);
    let first = finished_seconds(&place.path("out.partial"));
    let anew = place.run(&arguments[..4]).ok();
    assert!(!anew.err.contains("goes on with"), "{}", anew.err);
    assert!(!history_seconds(&place.path("out")).starts_with(&first));
    place.run(&["run", "long.toml", "--out", "nothing", "--resume", "--set", "inversion.iterations=2"]).ok();
}

#[test]
fn repeated_runs_keep_the_finished_ones() {
    let place = long_case();
    let arguments = ["run", "long.toml", "--repeat", "3", "--out", "out", "--resume"];
    let short = ["--set", "inversion.iterations=8"];
    place.run(&[&["run", "long.toml", "--repeat", "3", "--out", "whole"], &short[..]].concat()).ok();
    let first = [&arguments[..6], &short[..]].concat();
    assert_interrupted(interrupted_at(place.command(&first), "INT", "reference 2 of 3"));
    place.assert_no_result_at_the_top("out.partial");
    let kept = files(&place.path("out.partial/repeat-001"));
    assert!(kept.contains_key("summary.json"));
    let resumed = place.run(&[&arguments[..], &short[..]].concat()).ok();
    assert!(!resumed.err.contains("reference 1 of 3"), "{}", resumed.err);
    assert_eq!(files(&place.path("out/repeat-001")), kept, "not a byte has changed");
    for run in ["repeat-001", "repeat-002", "repeat-003"] {
        assert_same_numbers(&place.path("whole").join(run), &place.path("out").join(run));
    }
}

#[test]
fn a_run_that_had_stopped_early_is_not_gone_on_with() {
    let place = Place::new();
    // Errors so large that the first models fit.
    let changes = [
        ("rank = [10, 20]", "rank = 15"),
        ("\"2 %\"", "\"60 %\""),
        ("iterations = 3", "iterations = 9\ntolerance = 0.001"),
    ];
    place.write_changed("small.toml", &changes);
    place.run(&["run", "small.toml", "--out", "whole"]).ok();
    let whole = summary(&place.path("whole"));
    assert_ne!(whole["stopped_because"], "iterations");
    assert!(whole["iterations"].as_u64().is_some_and(|n| n < 9));
    // The iterations are kept, and then the disk is full.
    let arguments = ["run", "small.toml", "--out", "out", "--resume"];
    place.run_with_files_up_to(20, &arguments[..4]).fails(3, &["cannot write"]);
    let finished = finished_seconds(&place.path("out.partial"));
    assert_eq!(Some(finished.len() as u64), whole["iterations"].as_u64());
    place.run(&arguments).ok();
    assert_eq!(history_seconds(&place.path("out")), finished, "nothing is done again");
    assert_same_numbers(&place.path("whole"), &place.path("out"));
}

#[test]
fn killed_at_any_moment_it_resumes_to_the_same_bytes() {
    let place = long_case();
    place.run(&["run", "long.toml", "--out", "whole", "--no-cache"]).ok();
    let arguments = ["run", "long.toml", "--out", "out", "--no-cache", "--resume", "--quiet"];
    let mut ended = false;
    for (i, milliseconds) in [5, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400, 440].into_iter().enumerate() {
        // A signal that can be answered, and one that cannot.
        let signal = ["INT", "KILL"][i % 2];
        let mut child = place.command(&arguments).stdout(Stdio::null()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(milliseconds));
        if child.try_wait().expect("a child").is_none() {
            send(signal, child.id());
        }
        let status = child.wait().expect("the program ends");
        if status.success() {
            ended = true;
            break;
        }
        // Before the program listens, the signal itself ends it.
        assert!(status.code() == Some(130) || status.signal().is_some(), "{status:?}");
        // Killed between its last file and the move into place, a run is whole, if elsewhere.
        let aside = place.path("out.partial");
        let whole = aside.join("report.html").exists() && !aside.join("checkpoint").exists();
        if !(whole && aside.join("summary.json").exists()) {
            place.assert_no_result();
        }
    }
    if !ended {
        finished(place.command(&arguments)).ok();
    }
    assert_same_numbers(&place.path("whole"), &place.path("out"));
    let left: Vec<_> = files(&place.path("out")).into_keys().filter(|n| n.ends_with(".partial")).collect();
    assert!(left.is_empty(), "half-written files are not part of a result: {left:?}");
}

#[test]
fn a_run_of_several_scenarios_goes_on_anywhere_with_any_number_of_threads() {
    let place = Place::new();
    let changed =
        PUMPING.replace("realizations = 40", "realizations = 150").replace("iterations = 3", "iterations = 8")
            + "\n[[variant]]\nname = \"l1\"\nset = { \"inversion.regularizer\" = \"l1\" }\n";
    place.write("pumping.toml", changed);
    let on = |threads: &str, out: &str| {
        let arguments = ["run", "pumping.toml", "--out", out, "--no-cache", "--resume", "--threads", threads];
        place.command(&arguments)
    };
    finished(on("2", "whole")).ok();
    // While the second scenario is drawn, in the variant, in the case itself after the variant.
    assert_interrupted(interrupted_at(on("1", "out"), "INT", "scenario \"straight-90\""));
    place.assert_no_result();
    assert_interrupted(interrupted_at(on("2", "out"), "INT", "inversion: 3/8"));
    place.assert_no_result();
    let kept = files(&place.path("out.partial/variant-l1/checkpoint"));
    assert!(!kept.is_empty(), "the variant is kept as far as it is");
    assert_interrupted(interrupted_at(on("1", "out"), "TERM", "variant \"l1\""));
    let last = finished(on("2", "out")).ok();
    assert!(last.err.contains("goes on with iteration"), "{}", last.err);
    assert_same_numbers(&place.path("whole"), &place.path("out"));
    let left: Vec<_> = files(&place.path("out")).into_keys().filter(|n| n.contains("checkpoint")).collect();
    assert!(left.is_empty(), "checkpoints are no part of a result: {left:?}");
}
