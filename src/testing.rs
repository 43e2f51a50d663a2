//! What tests of every room share: one device, the reference data, and skips that are counted.

use std::path::PathBuf;
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
