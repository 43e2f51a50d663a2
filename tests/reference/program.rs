//! The program, run as a user runs it.

use std::path::Path;
use std::process::Command;

/// Runs the program with a cache of its own; its standard output.
pub(crate) fn lithoscope(cache: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lithoscope"))
        .args(arguments)
        .env("LITHOSCOPE_CACHE", cache)
        .output()
        .expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lithoscope {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The path of a case in `examples/`.
pub(crate) fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).display().to_string()
}
