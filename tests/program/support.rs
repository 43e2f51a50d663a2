//! A folder, a small case in it, and the program run there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A case that takes a fraction of a second: 30 × 24 cells, 60 realizations, 25 rays, 3 iterations.
pub(crate) const SMALL: &str = r#"format = 1
name = "small"
title = "A small case"

[grid]
cells = [30, 24]
size = ["300 m", "240 m"]

[property]
name = "slowness"
unit = "ms/m"
facies = [0.5, 1.0]

[[scenario]]
name = "meandering"
azimuth = 90

[scenario.image]
kind = "meandering"
cells = [60, 60]
seed = 1
proportion = 0.3
width = 5
wavelength = 30

[prior]
realizations = 60

[prior.snesim]
template = [5, 5]
grids = 3

[basis]
rank = [10, 20]

[physics]
kind = "straight-rays"
sources = { side = "left", count = 5 }
receivers = { side = "right", count = 5 }

[data]
noise = "2 %"

[feasible]
window = [12, 10]
neighbours = 3
library = 300
fraction = 0.5

[inversion]
iterations = 3

[reference]
scenario = "meandering"
seed = 1
"#;

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// A success: exit code 0.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// A failure with this exit code that says all of `words` on standard error, and does not panic.
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert!(!self.err.contains("panicked"), "{self:?}");
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in {}", self.err);
        }
        self
    }
}

/// A folder that vanishes, with a cache of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// With the small case in `small.toml`.
    pub(crate) fn with_case() -> Self {
        let place = Self::new();
        place.write("small.toml", SMALL);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).expect("room for a file");
        path
    }

    /// The small case with some text replaced.
    pub(crate) fn write_changed(&self, name: &str, changes: &[(&str, &str)]) -> PathBuf {
        let mut text = SMALL.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "the case has no `{from}`");
            text = text.replacen(from, to, 1);
        }
        self.write(name, text)
    }

    /// The program, on the CPU unless the arguments say otherwise.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lithoscope"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LITHOSCOPE_CACHE", self.path("cache"))
            .env_remove("LITHOSCOPE_ALLOW_SOFTWARE_GPU")
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("RAYON_NUM_THREADS", "2");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finished(self.command(arguments))
    }

    /// Where a software adapter is allowed.
    pub(crate) fn run_on_gpu(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("LITHOSCOPE_ALLOW_SOFTWARE_GPU", "1");
        finished(command)
    }

    /// Where no driver is found.
    pub(crate) fn run_without_adapter(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
        command.env("LITHOSCOPE_ALLOW_SOFTWARE_GPU", "1");
        finished(command)
    }

    /// Where no file may grow beyond this many blocks of 1024 bytes: more is answered as on a full disk, by an error of
    /// the write in the middle.
    pub(crate) fn run_with_files_up_to(&self, blocks: u32, arguments: &[&str]) -> Ran {
        let plain = self.command(arguments);
        let mut limited = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        limited.args(["-c", &script, "bash"]).arg(plain.get_program()).args(plain.get_args());
        limited.current_dir(self.folder.path());
        for (key, value) in plain.get_envs() {
            match value {
                Some(value) => limited.env(key, value),
                None => limited.env_remove(key),
            };
        }
        finished(limited)
    }

    /// Nothing in the default folder, `out` or what lies aside of it looks like a result.
    pub(crate) fn assert_no_result(&self) {
        assert!(!self.path("out").join("summary.json").exists(), "out looks complete");
        self.assert_no_result_at_the_top("out.partial");
        for path in files(&self.path("runs")).into_keys() {
            let aside = path.split('/').next().is_some_and(|folder| folder.ends_with(".partial"));
            assert!(aside && !path.ends_with("summary.json"), "runs/{path} looks complete");
        }
    }

    pub(crate) fn assert_no_result_at_the_top(&self, folder: &str) {
        assert!(!self.path(folder).join("summary.json").exists(), "{folder} looks complete");
    }
}

pub(crate) fn finished(mut command: Command) -> Ran {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Every file below a folder, by its path within; none where there is no folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inside, bytes)| (format!("{name}/{inside}"), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap_or_default());
        }
    }
    found
}

pub(crate) fn summary(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("summary.json")).expect("a summary");
    serde_json::from_slice(&text).expect("JSON")
}

/// A CSV without its columns of seconds.
fn without_seconds(text: &str) -> String {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let kept = |fields: Vec<&str>| {
        let named = fields.into_iter().zip(&header).filter(|(_, name)| !name.contains("seconds"));
        named.map(|(field, _)| field.to_owned()).collect::<Vec<_>>().join(",")
    };
    lines.map(kept).collect::<Vec<_>>().join("\n")
}

/// The numbers of a run: every npy and csv file and the summary, without what differs from call to call (seconds,
/// memory, what was found in the cache, the command as typed).
pub(crate) fn numbers(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for (name, bytes) in files(folder) {
        if name.ends_with(".npy") || name.ends_with(".vti") {
            kept.insert(name, bytes);
        } else if name.ends_with(".csv") {
            let text = String::from_utf8(bytes).expect("text");
            kept.insert(name, without_seconds(&text).into_bytes());
        } else if name.ends_with("summary.json") {
            let mut value: Value = serde_json::from_slice(&bytes).expect("JSON");
            let object = value.as_object_mut().expect("an object");
            for key in ["seconds", "peak_memory_bytes", "command", "prior"] {
                assert!(object.remove(key).is_some(), "{name} has no {key}");
            }
            kept.insert(name, serde_json::to_vec(&value).expect("JSON"));
        }
    }
    assert!(kept.len() > 8, "{:?}", kept.keys());
    kept
}

/// Fails with the first file that differs.
pub(crate) fn assert_same_numbers(a: &Path, b: &Path) {
    let (a, b) = (numbers(a), numbers(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        assert!(*bytes == b[name], "{name} differs:\n{}\n{}", text(bytes), text(&b[name]));
    }
}
