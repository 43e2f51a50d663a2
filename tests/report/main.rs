//! The report, built from result folders that are made here: a map, a block, one without what is optional, groundwater
//! with scenarios, repeated runs, a signal; read as text, and opened in headless Chromium where that is installed.

mod flow;
mod folders;
mod signal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use folders::{write_flow, write_repeats, write_run, write_summary};
use lithoscope::report;
use ndarray::{Array3, Array4};
use ndarray_npy::write_npy;
use serde_json::json;
use signal::write_signal;

/// The page of a folder, after building it.
fn built(folder: &Path) -> String {
    report::build(folder).unwrap();
    fs::read_to_string(folder.join(report::FILE_NAME)).unwrap()
}

/// Asserts that a page has every one of some texts.
fn assert_says(html: &str, texts: &[&str]) {
    for said in texts {
        assert!(html.contains(said), "the page does not say “{said}”");
    }
}

/// Every resource that a page would load: values of `src` and `href`, and of `url(…)` in styles.
fn resources(html: &str) -> Vec<&str> {
    let attributes = ["src=\"", "href=\"", "url(", "@import"];
    let found = attributes.iter().flat_map(|a| html.match_indices(a).map(move |(at, a)| &html[at + a.len()..]));
    found.map(|rest| rest.split(['"', ')']).next().unwrap_or("")).collect()
}

#[test]
fn the_page_holds_everything_and_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 1);
    let html = built(folder.path());
    let strange: Vec<_> =
        resources(&html).into_iter().filter(|r| !r.starts_with("data:") && !r.starts_with('#')).collect();
    assert!(strange.is_empty(), "the page loads {strange:?}");
    // The name of SVG's namespace is the one address that the page may speak of; it is never loaded.
    let addresses = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http://") && !addresses.contains("https://"), "the page names an address");
    assert!(html.contains("default-src 'none'"), "the page forbids loading");
    assert_says(
        &html,
        &[
            "A channel between two wells",
            "400 × 300 m, in 40 × 30 cells of 10 × 10 m",
            "36 rays from 6 sources to 6 receivers",
            "It ran all of the 3 iterations",
            "lithoscope run sample --seed 1",
            "seed 1",
            "CPU, 2 threads",
            "Prior mean",
            "Probability of 0.5 ms/m",
            "Error of u",
            "N(0, 1)",
            "Trade-off of the weight",
            "slowness [ms/m]",
            "ray_forward",
        ],
    );
    assert!(html.contains("&lt;expect&gt; a rough mean"), "text of the folder is escaped");
    let (warning, outcome) = (html.find("class=\"warnings\"").unwrap(), html.find("id=\"outcome\"").unwrap());
    assert!(warning < outcome, "warnings come first");
}

#[test]
fn building_twice_gives_the_same_bytes_and_leaves_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 2);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let mut before = names();
    let first = built(folder.path());
    assert_eq!(first, built(folder.path()));
    before.push(report::FILE_NAME.into());
    before.sort();
    assert_eq!(names(), before);
}

#[test]
fn what_is_optional_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 1);
    for name in
        ["prior_mean.npy", "reference.npy", "probability.npy", "iterations.npy", "tradeoff.csv", "scenarios.csv"]
    {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    write_summary(folder.path(), &json!({"format": 1, "stopped_because": "misfit_reached"}));
    let html = built(folder.path());
    assert!(html.contains("The whitened misfit fell to its target"));
    for absent in [
        "Error maps",
        "Facies probability",
        "Trade-off of the weight",
        "id=\"iteration\"",
        "Errors against the reference",
    ] {
        assert!(!html.contains(absent), "the page speaks of {absent} without it");
    }
}

#[test]
fn without_a_feasible_set_there_is_one_model_and_without_physics_there_is_no_fit() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 1);
    fs::copy(folder.path().join("parameterized.npy"), folder.path().join("model.npy")).unwrap();
    let html = built(folder.path());
    assert!(html.contains("Whitened residuals of Φv") && html.contains("it is the model u as well here"));
    for absent in ["Whitened residuals of u", "Model u (in the feasible set)", "Misfit of u", "Error of u"] {
        assert!(!html.contains(absent), "the page speaks of {absent}, which is Φv");
    }

    write_run(folder.path(), [1, 30, 40], 1);
    for name in ["data.csv", "history.csv", "iterations.npy", "tradeoff.csv"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let case = fs::read_to_string(folder.path().join("case.toml")).unwrap();
    let case = case.replace("[physics]\nkind = \"straight_ray\"\n", "");
    fs::write(folder.path().join("case.toml"), case + "[[mapping.variant]]\nname = \"a narrow window\"\n").unwrap();
    write_npy(folder.path().join("variants.npy"), &Array4::<f32>::from_elem((1, 1, 30, 40), 0.5)).unwrap();
    write_summary(folder.path(), &json!({"format": 1, "variants": [{"name": "a narrow window", "mismatch": 0.125}]}));
    let html = built(folder.path());
    assert!(html.contains("The variants") && html.contains("a narrow window") && html.contains("0.125"));
    for absent in ["How the data are fitted", "How it converged", "Why it stopped"] {
        assert!(!html.contains(absent), "the page speaks of “{absent}” without an inversion");
    }
}

#[test]
fn a_missing_or_corrupt_file_is_named_with_what_is_wrong() {
    let whole = tempfile::tempdir().unwrap();
    write_run(whole.path(), [1, 30, 40], 1);
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 100].to_vec();
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replacen(from, to, 1).into_bytes()
    };
    let mut nan = Array3::<f64>::zeros((1, 30, 40));
    nan[[0, 3, 4]] = f64::NAN;
    let as_npy = |field: Array3<f64>| {
        let mut bytes = Vec::new();
        ndarray_npy::WriteNpyExt::write_npy(&field, &mut bytes).unwrap();
        bytes
    };
    let (nan, other_shape) = (as_npy(nan), as_npy(Array3::zeros((1, 40, 30))));
    let huge = [
        b"\x93NUMPY\x01\x00\x76\x00".as_slice(),
        format!("{:<117}\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999, 9), }").as_bytes(),
    ]
    .concat();
    type Change<'a> = Box<dyn Fn(&[u8]) -> Vec<u8> + 'a>;
    let cases: Vec<(&str, Change<'_>, &str)> = vec![
        ("model.npy", Box::new(cut), "missing"),
        ("model.npy", Box::new(|_| nan.clone()), "the value at [0, 3, 4] is NaN"),
        (
            "reference.npy",
            Box::new(|_| other_shape.clone()),
            "the array has shape [1, 40, 30], the case's grid asks for [1, 30, 40]",
        ),
        ("prior_mean.npy", Box::new(|_| b"no npy".to_vec()), "no npy array"),
        ("iterations.npy", Box::new(move |_| huge.clone()), "no npy array"),
        ("data.csv", Box::new(replaced(",4,", ",0,")), "line 2: sigma is 0, expected a positive number"),
        ("data.csv", Box::new(replaced("observed", "measured")), "observed"),
        ("data.csv", Box::new(replaced(",ms,", ",ms,abc")), "line: 2"),
        ("history.csv", Box::new(|bytes| bytes[..20].to_vec()), "the table has no rows"),
        ("summary.json", Box::new(cut), "EOF"),
        ("case.toml", Box::new(replaced("cells", "sells")), "the key grid.cells is missing"),
    ];
    for (name, change, said) in cases {
        let path = whole.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, change(&bytes)).unwrap();
        let error = report::build(whole.path()).expect_err(name);
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(said), "{name}: the error is “{text}”, expected “{said}” in it");
        assert_eq!(error.exit_code(), 2, "{text}");
        assert!(!whole.path().join(report::FILE_NAME).exists(), "{name}: no report of a corrupt folder");
        fs::write(&path, bytes).unwrap();
    }
    for (name, said) in
        [("data.csv", "cannot read"), ("summary.json", "not a complete result folder"), ("model.npy", "cannot read")]
    {
        let path = whole.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let text = report::build(whole.path()).expect_err(name).to_string();
        assert!(text.contains(said) && text.contains(name), "{name}: the error is “{text}”");
        fs::write(&path, bytes).unwrap();
    }
    report::build(whole.path()).unwrap();
}

#[test]
fn a_report_that_cannot_be_written_leaves_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 1);
    // A folder in the report's place fails for every user, the administrator included.
    fs::create_dir(folder.path().join(report::FILE_NAME)).unwrap();
    let error = report::build(folder.path()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write") && error.exit_code() == 3, "{error}");
    assert!(!folder.path().join("report.html.part").exists());
}

#[test]
fn repeated_runs_show_means_intervals_and_every_run() {
    let folder = tempfile::tempdir().unwrap();
    write_repeats(folder.path(), 4);
    let html = built(folder.path());
    assert!(html.contains("The case was run 4 times") && html.contains("95 % confidence interval"));
    assert_eq!(html.matches("data:image/png;base64,").count(), 4 * 3, "reference, Φv and u of each run");
    assert!(html.contains("href=\"repeat-003/report.html\""));
    assert!(html.contains("4 for “iterations”"));
}

/// Headless Chromium; `None`, said aloud as a skip, where it is not installed.
fn chromium() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&paths).flat_map(|p| ["chromium", "chromium-browser"].map(|n| p.join(n)));
    let found = found.into_iter().find(|p| p.is_file());
    if found.is_none() {
        lithoscope::testing::skipped("no chromium to open the report in");
    }
    found
}

/// Runs Chromium on a page of `folder` with the fragment, without network, and returns what it prints.
fn open(browser: &Path, folder: &Path, fragment: &str, options: &[&str]) -> String {
    let profile = tempfile::tempdir().unwrap();
    let page = format!("file://{}#{fragment}", folder.join(report::FILE_NAME).display());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--disable-quic",
            "--disable-dev-shm-usage",
        ])
        // Whatever the page asked the network for would fail, and be seen as an error.
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--force-color-profile=srgb"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(options)
        .arg(page)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An attribute of the document's element, from what `--dump-dom` prints.
fn attribute<'a>(dom: &'a str, name: &str) -> Option<&'a str> {
    let element = dom.split_once("<html")?.1.split_once('>')?.0;
    Some(element.split_once(&format!("{name}=\""))?.1.split_once('"')?.0)
}

/// Pixels of a screenshot.
fn screenshot(browser: &Path, folder: &Path, fragment: &str) -> Vec<u8> {
    let file = folder.join("screenshot.png");
    open(browser, folder, fragment, &["--window-size=1200,6000", &format!("--screenshot={}", file.display())]);
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(&file).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

#[test]
fn chromium_opens_every_kind_of_report_without_an_error() {
    let Some(browser) = chromium() else { return };
    let folders: Vec<_> = (0..7).map(|_| tempfile::tempdir().unwrap()).collect();
    write_run(folders[0].path(), [1, 30, 40], 1);
    write_run(folders[1].path(), [5, 30, 40], 1);
    write_run(folders[2].path(), [1, 30, 40], 1);
    for name in ["prior_mean.npy", "reference.npy", "probability.npy", "iterations.npy"] {
        fs::remove_file(folders[2].path().join(name)).unwrap();
    }
    write_repeats(folders[3].path(), 2);
    write_flow(folders[4].path(), [1, 30, 40], 1, false);
    write_flow(folders[5].path(), [3, 30, 40], 1, true);
    write_signal(folders[6].path());
    for (folder, iteration) in folders.iter().zip([Some("2"), Some("2"), None, None, Some("2"), Some("2"), None]) {
        built(folder.path());
        let dom = open(&browser, folder.path(), "iteration=2&layer=1", &["--dump-dom"]);
        assert_eq!(attribute(&dom, "data-errors"), Some(""), "errors of the page");
        assert_eq!(attribute(&dom, "data-ready"), Some("true"), "the page's script ran to its end");
        assert_eq!(attribute(&dom, "data-iteration"), iteration);
    }
}

#[test]
fn keys_and_buttons_move_the_page() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [4, 30, 40], 1);
    let html = built(folder.path());
    let hand = "<script>{const press = (key) =>\
                document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));\
                press('ArrowLeft'); press('['); press('['); press('[');\
                document.getElementById('rays').click(); document.getElementById('play').click();\
                const cut = document.getElementById('cut');\
                cut.value = '1'; cut.dispatchEvent(new Event('change'));}</script></body>";
    fs::write(folder.path().join(report::FILE_NAME), html.replace("</body>", hand)).unwrap();
    let dom = open(&browser, folder.path(), "iteration=3", &["--dump-dom"]);
    assert_eq!(attribute(&dom, "data-errors"), Some(""), "errors of the page");
    assert_eq!(attribute(&dom, "data-iteration"), Some("2"), "one step to the left of the last");
    assert_eq!(attribute(&dom, "data-layer"), Some("15"), "a new cut starts at its middle layer");
    assert!(dom.contains("aria-pressed=\"true\""), "the page plays");
    assert!(dom.contains("y = 155 m (16 of 30)") && dom.contains(">z (up) [m]<"), "a vertical section is shown");
}

#[test]
fn the_picture_at_the_first_iteration_differs_from_the_last() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), [1, 30, 40], 1);
    built(folder.path());
    let last = screenshot(&browser, folder.path(), "iteration=3");
    assert_eq!(last, screenshot(&browser, folder.path(), ""), "the page opens at the result, and draws the same twice");
    let first = screenshot(&browser, folder.path(), "iteration=1");
    // What the reader's hand does to the slider shows the same as the address does.
    let html = fs::read_to_string(folder.path().join(report::FILE_NAME)).unwrap();
    let hand = "<script>{const slider = document.getElementById('iteration');\
                slider.value = 0; slider.dispatchEvent(new Event('input'));}</script></body>";
    fs::write(folder.path().join(report::FILE_NAME), html.replace("</body>", hand)).unwrap();
    assert_eq!(first, screenshot(&browser, folder.path(), ""), "the slider moved to its first position");
    assert_eq!(first.len(), last.len());
    let changed = first.chunks(4).zip(last.chunks(4)).filter(|(a, b)| a != b).count();
    // The four maps that follow the slider change in a good part of their cells: far more than a label's pixels.
    assert!(changed > 10_000, "{changed} pixels differ between the first and the last iteration");
}
