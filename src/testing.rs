//! What tests of every room share: one device, the reference data, and skips that are counted.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::gpu::{Choice, Gpu, choose};

/// The device that the tests of this process share: any adapter, software ones too. `None`, said aloud as a skip,
/// where the machine has none.
pub fn gpu() -> Option<&'static Gpu> {
    static DEVICE: OnceLock<Option<Gpu>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| choose(Choice::Auto, true).expect("an adapter that opens")).as_ref();
    if device.is_none() {
        skipped("no GPU adapter");
    }
    device
}

/// A file or folder of the reference data, which lies beside the project, not inside it. `None`, said aloud as a skip,
/// where it is missing.
pub fn reference(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference").join(path);
    if found.exists() {
        return Some(found);
    }
    skipped(&format!("no reference data {}", found.display()));
    None
}

/// Says, on a line that scripts count, that a check could not run here. Skips are not passes: continuous integration
/// fails where one appears that need not (it names a file in `LITHOSCOPE_SKIP_LOG`, since the test harness captures
/// standard output).
#[expect(clippy::print_stdout, reason = "a skip must be visible in the test's output")]
pub fn skipped(why: &str) {
    use std::io::Write;
    println!("SKIPPED: {why}");
    if let Some(file) = std::env::var_os("LITHOSCOPE_SKIP_LOG") {
        let line = format!("{}: {why}\n", std::thread::current().name().unwrap_or("?"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&file);
        if let Err(e) = log.and_then(|mut log| log.write_all(line.as_bytes())) {
            panic!("cannot write the skip log {}: {e}", file.display());
        }
    }
}

/// A small case of two pumping tests among three wells, whose files are in the folder that [`write_pumping_tests`] filled.
pub const PUMPING_TESTS: &str = r#"format = 1
name = "tests"
title = "Two small pumping tests"

[grid]
cells = [12, 10]
size = ["120 m", "100 m", "5 m"]

[property]
name = "transmissivity"
unit = "m2/s"
transform = "ln"

[[scenario]]
name = "gaussian"

[scenario.gaussian]
mean = -6
standard_deviation = 0.7
structure = { model = "exponential", ranges = "60 m" }

[prior]
realizations = 20

[basis]
kind = "karhunen-loeve"
rank = 8

[physics]
kind = "groundwater"
storativity = 1e-3
initial_head = "0 m"
boundary = [{ side = "left", head = "0 m" }, { side = "right", head = "0 m" }]
time = { steps = 6, first = "10 s", growth = 2 }

[physics.uncertain]
mean = 1
storage = 1
rate = 0.05

[data]
file = "--data"
noise = "10 mm"

[data.tests]
test = "test"
pumped = "pumped"
rate = "rate"
well = "well"
x = "x"
y = "y"
radius = "radius"
observed = "well"
time = "time"
drawdown = "drawdown"
samples = 4
from = "5 s"

[inversion]
iterations = 3
steps = 1
regularizer = "gaussian"
weight = 1
"#;

/// Writes the files of [`PUMPING_TESTS`] into a folder: tests A and B, named as the wells that they pump, and a well C.
///
/// # Panics
/// Where the folder cannot be written to.
pub fn write_pumping_tests(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("room for a file");
    write("tests.csv", "test,pumped,rate\nA,A,0.003\nB,B,0.002\n");
    write("wells.csv", "well,x,y,radius\nA,32,48,0.1\nB,71,57,0.1\nC,53,29,0.1\n");
    for (name, others, size) in [("A", ["B", "C"], 0.09), ("B", ["C", "A"], 0.06)] {
        let mut text = "well,time,drawdown\n".to_owned();
        for (place, well) in others.into_iter().enumerate() {
            for time in [5.0, 20.0, 60.0, 200.0, 600.0f64] {
                let drawdown = size * (1.0 + time / (150.0 + 60.0 * place as f64)).ln();
                text.push_str(&format!("{well},{time},{drawdown:.4}\n"));
            }
        }
        write(&format!("test_{name}.csv"), &text);
    }
}
