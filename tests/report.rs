//! The report, built from result folders that are made here: a map, a block, one without what is optional, repeated
//! runs; read as text, and opened in headless Chromium where that is installed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lithoscope::random::{Purpose, Stream};
use lithoscope::report;
use lithoscope::report::metrics::Repeated;
use ndarray::{Array3, Array4, Array5, Axis, s};
use ndarray_npy::write_npy;
use serde_json::{Value, json};

const ITERATIONS: usize = 3;

/// A channel of slowness 0.5 ms/m in rock of 1 ms/m, meandering along x, shifted a little from layer to layer.
fn channel([nz, ny, nx]: [usize; 3], phase: f64) -> Array3<f64> {
    Array3::from_shape_fn((nz, ny, nx), |(k, j, i)| {
        let middle = ny as f64 * (0.5 + 0.22 * (i as f64 / nx as f64 * 7.0 + phase + 0.3 * k as f64).sin());
        if (j as f64 - middle).abs() < 0.14 * ny as f64 { 0.5 } else { 1.0 }
    })
}

/// Mean over a window of 2·radius + 1 cells in each direction of a layer.
fn smoothed(field: &Array3<f64>, radius: usize) -> Array3<f64> {
    let (_, ny, nx) = field.dim();
    Array3::from_shape_fn(field.dim(), |(k, j, i)| {
        let rows = j.saturating_sub(radius)..(j + radius + 1).min(ny);
        let columns = i.saturating_sub(radius)..(i + radius + 1).min(nx);
        field.slice(s![k, rows, columns]).mean().unwrap()
    })
}

/// Mean of the property along a straight line, times its length: a travel time.
fn travel_time(field: &Array3<f64>, size: [f64; 3], a: [f64; 3], b: [f64; 3]) -> f64 {
    let (nz, ny, nx) = field.dim();
    let steps = 200;
    let length = (0..3).map(|d| (b[d] - a[d]).powi(2)).sum::<f64>().sqrt();
    let sum: f64 = (0..steps)
        .map(|s| {
            let t = (f64::from(s) + 0.5) / f64::from(steps);
            let cell = |d: usize, n: usize| (((a[d] + t * (b[d] - a[d])) / size[d] * n as f64) as usize).min(n - 1);
            field[[cell(2, nz), cell(1, ny), cell(0, nx)]]
        })
        .sum();
    length * sum / f64::from(steps)
}

/// Writes the folder of a finished run of `shape` cells as the program leaves it.
fn write_run(folder: &Path, shape: [usize; 3], seed: u64) {
    fs::create_dir_all(folder).unwrap();
    let [nz, ny, nx] = shape;
    let size = [400.0, 300.0, 10.0 * nz as f64];
    let reference = channel(shape, seed as f64);
    let field = |name: &str, values: &Array3<f64>| write_npy(folder.join(name), values).unwrap();
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);

    let estimate = |k: usize| {
        // Each iteration is nearer to the reference.
        let model = channel(shape, seed as f64 + 0.9 * (1.0 - k as f64 / ITERATIONS as f64));
        let smooth = smoothed(&model, 3).mapv(|v| 0.75 + 1.25 * (v - 0.75));
        (smooth, model)
    };
    let mut iterations = Array5::<f32>::zeros((ITERATIONS, 2, nz, ny, nx));
    for k in 0..ITERATIONS {
        let (smooth, model) = estimate(k + 1);
        iterations.slice_mut(s![k, 0, .., .., ..]).assign(&smooth.mapv(|v| v as f32));
        iterations.slice_mut(s![k, 1, .., .., ..]).assign(&model.mapv(|v| v as f32));
    }
    let (parameterized, model) = estimate(ITERATIONS);
    let slow = smoothed(&model, 1).mapv(|v| (2.0 * v - 1.0) as f32);
    let mut probability = Array4::<f32>::zeros((2, nz, ny, nx));
    probability.index_axis_mut(Axis(0), 0).assign(&slow.mapv(|p| 1.0 - p));
    probability.index_axis_mut(Axis(0), 1).assign(&slow);
    field("model.npy", &model);
    field("parameterized.npy", &parameterized);
    field("prior_mean.npy", &Array3::from_elem(shape, 0.83));
    field("reference.npy", &reference);
    write_npy(folder.join("probability.npy"), &probability).unwrap();
    write_npy(folder.join("iterations.npy"), &iterations).unwrap();

    let mut data =
        "kind,id,x,y,z,x2,y2,z2,time,unit,observed,sigma,predicted_parameterized,predicted_model\n".to_owned();
    let (mut smooth_misfit, mut model_misfit) = (0.0, 0.0);
    for ray in 0..36 {
        let height = |i: usize| 300.0 * (i as f64 + 0.5) / 6.0;
        let (a, b) = ([0.0, height(ray / 6), size[2] / 2.0], [400.0, height(ray % 6), size[2] / 2.0]);
        let sigma = 4.0;
        let observed = travel_time(&reference, size, a, b) + sigma * stream.normal_pair().0;
        let smooth = observed + sigma * stream.normal_pair().0;
        let predicted = travel_time(&model, size, a, b);
        smooth_misfit += ((observed - smooth) / sigma).powi(2);
        model_misfit += ((observed - predicted) / sigma).powi(2);
        let ends = [a, b].map(|p| format!("{},{},{}", p[0], p[1], p[2])).join(",");
        writeln!(data, "travel_time,r{ray},{ends},,ms,{observed},{sigma},{smooth},{predicted}").unwrap();
    }
    fs::write(folder.join("data.csv"), data).unwrap();

    let mut history =
        "iteration,rank,objective,misfit_parameterized,misfit_model,coupling,regularization,lambda_f,lambda,\
                       step_length,change_v,change_u,mismatch_parameterized,mismatch_model,seconds\n"
            .to_owned();
    let mut tradeoff = "iteration,weight,misfit,penalty,chosen\n".to_owned();
    for k in 1..=ITERATIONS {
        let left = 10f64.powi((ITERATIONS - k) as i32);
        let (a, b) = (smooth_misfit * left, model_misfit * left);
        let mismatch = 0.3 - 0.06 * k as f64;
        writeln!(
            history,
            "{k},{},{},{a},{b},{},{},{},{},1,{},{},{},{mismatch},0.8",
            15 + 5 * k,
            a + b,
            3.0 * left,
            0.5 * left,
            0.01 * k as f64,
            1e-3,
            2.0 / k as f64,
            5.0 / (k * k) as f64,
            mismatch + 0.05
        )
        .unwrap();
        for w in 0..7 {
            let (weight, chosen) = (10f64.powi(w - 3), u8::from(w == 3));
            let (misfit, penalty) = (a * (0.8 + 0.2 * weight), 40.0 / (k as f64 * (0.1 + weight)));
            writeln!(tradeoff, "{k},{weight},{misfit},{penalty},{chosen}").unwrap();
        }
    }
    fs::write(folder.join("history.csv"), history).unwrap();
    fs::write(folder.join("tradeoff.csv"), tradeoff).unwrap();
    fs::write(folder.join("scenarios.csv"), "name,norm,contribution,probability\nmeandering,3.25,1,1\n").unwrap();
    write_case(folder, shape);
    let summary = json!({
        "format": 1, "case": "sample", "title": "A channel between two wells", "seed": seed, "backend": "cpu",
        "device": "CPU, 2 threads", "version": "0.1.0", "iterations": ITERATIONS, "stopped_because": "iterations",
        "command": format!("lithoscope run sample --seed {seed}"),
        "warnings": ["the prior holds 40 realizations only: <expect> a rough mean"],
        "kernels": [{"name": "ray_forward", "dispatches": 12, "bytes_moved": 48000}],
        "property": {"name": "slowness", "unit": "ms/m", "transform": "none"},
        "misfit": {"initial": 5400.0, "parameterized": smooth_misfit, "model": model_misfit, "target": 36},
        "prior": {"cached": false, "realizations": 500, "scenario": "meandering"},
        "scenarios": [{"name": "meandering", "norm": 3.25, "contribution": 1.0, "probability": 1.0}],
        "seconds": {"prior": 6.5, "basis": 0.4, "inversion": 3.1, "total": 10.4}, "peak_memory_bytes": 141_000_000,
        "errors": {
            "model": {"e1": 0.03, "e2": 0.06, "rmse": 0.1732, "facies_mismatch": 0.12},
            "prior_mean": {"e1": 0.05, "e2": 0.2, "rmse": 0.2236, "facies_mismatch": 0.25},
        },
    });
    write_summary(folder, &summary);
}

fn write_summary(folder: &Path, summary: &Value) {
    fs::write(folder.join("summary.json"), serde_json::to_string_pretty(summary).unwrap()).unwrap();
}

fn write_case(folder: &Path, [nz, ny, nx]: [usize; 3]) {
    let case = format!(
        "format = 1\ntitle = \"A channel between two wells\"\n[grid]\ncells = [{nx}, {ny}, {nz}]\n\
         size = [\"400 m\", \"300 m\", \"{} m\"]\nplane = \"xy\"\n[property]\nname = \"slowness\"\nunit = \"ms/m\"\n\
         facies = [\"0.5 ms/m\", \"1 ms/m\"]\n[[scenario]]\nname = \"meandering\"\n[prior]\nrealizations = 500\n\
         [basis]\nkind = \"pca\"\nrank = [20, 50]\n[physics]\nkind = \"straight_ray\"\n[feasible]\nwindow = [15, 15]\n\
         neighbours = 5\n[inversion]\niterations = {ITERATIONS}\n[reference]\nscenario = \"meandering\"\nseed = 501\n",
        10 * nz
    );
    fs::write(folder.join("case.toml"), case).unwrap();
}

/// The folder of `count` repeated runs.
fn write_repeats(folder: &Path, count: u64) {
    let shape = [1, 30, 40];
    let runs = 1..=count;
    for seed in runs.clone() {
        let run = folder.join(format!("repeat-{seed:03}"));
        write_run(&run, shape, seed);
        report::build(&run).unwrap();
    }
    write_case(folder, shape);
    let many = |base: f64, step: f64| {
        let values = runs.clone().map(|s| base + step * (1.7 * s as f64).sin()).collect();
        serde_json::to_value(Repeated::of(values)).unwrap()
    };
    let errors = |base: f64| {
        let (e1, e2) = (many(base / 4.0, 0.01), many(base / 2.0, 0.01));
        json!({"e1": e1, "e2": e2, "rmse": many(base, 0.01), "facies_mismatch": many(base, 0.02)})
    };
    let summary = json!({
        "format": 1, "case": "sample", "title": "A channel between two wells", "backend": "cpu", "version": "0.1.0",
        "misfit": {
            "initial": many(5400.0, 300.0), "parameterized": many(36.0, 5.0), "model": many(90.0, 20.0),
            "target": many(36.0, 0.0)
        },
        "seconds": {
            "prior": many(6.5, 0.1), "basis": many(0.4, 0.01), "inversion": many(3.1, 0.2), "total": many(10.4, 0.3)
        },
        "errors": {"model": errors(0.14), "parameterized": errors(0.18), "prior_mean": errors(0.25)},
    });
    write_summary(folder, &summary);
}

/// The page of a folder, after building it.
fn built(folder: &Path) -> String {
    report::build(folder).unwrap();
    fs::read_to_string(folder.join(report::FILE_NAME)).unwrap()
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
    for said in [
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
    ] {
        assert!(html.contains(said), "the page does not say “{said}”");
    }
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
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    write_run(folders[0].path(), [1, 30, 40], 1);
    write_run(folders[1].path(), [5, 30, 40], 1);
    write_run(folders[2].path(), [1, 30, 40], 1);
    for name in ["prior_mean.npy", "reference.npy", "probability.npy", "iterations.npy"] {
        fs::remove_file(folders[2].path().join(name)).unwrap();
    }
    write_repeats(folders[3].path(), 2);
    for (folder, iteration) in folders.iter().zip([Some("2"), Some("2"), None, None]) {
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
