//! What can go wrong, in three kinds: wrong input or device (an [`Error`] here), a run without a valid model
//! ([`Error::NoModel`]), and an interrupt. A wrong shape is a bug and asserts; "not converged" is no error but a
//! reason in the result.

use std::path::{Path, PathBuf};

use crate::gpu::GpuError;

/// The result of everything that can meet wrong input, a failing file or a failing device.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a user can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Input that cannot be used: where it is, what is wrong with it, how to mend it.
    #[error("{place}: {problem}{}", remedy_suffix(.remedy))]
    Input {
        /// File and line, or key of the case.
        place: String,
        /// What is wrong, with the value found and what was expected.
        problem: String,
        /// How to mend it; may be empty.
        remedy: String,
    },
    /// Several mistakes of one case file, already rendered one a paragraph.
    #[error("{0}")]
    Case(String),
    /// A file that could not be read or written.
    #[error("cannot {action} {}: {problem}", .path.display())]
    File {
        /// `"read"`, `"write"`, `"create"`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// The device, or the lack of one.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The run stopped without a valid model.
    #[error("the run stopped without a valid model: {0}")]
    NoModel(String),
    /// A check (`lithoscope verify`, `case check`) found what it looks for.
    #[error("{0}")]
    CheckFailed(String),
    /// The user interrupted the run; what was finished is kept.
    #[error("interrupted; what was finished is kept, go on with --resume")]
    Interrupted,
}

fn remedy_suffix(remedy: &str) -> String {
    if remedy.is_empty() { String::new() } else { format!("\n  remedy: {remedy}") }
}

impl Error {
    /// Wrong input at `place`.
    pub fn input(place: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Input { place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// A failing file.
    pub fn file(action: &'static str, path: &Path, problem: std::io::Error) -> Self {
        Self::File { action, path: path.to_owned(), problem }
    }

    /// The exit code of the program for this error (see `interface.md`: 1 a check, 2 input, 3 no model or no device).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::CheckFailed(_) => 1,
            Self::Input { .. } | Self::Case(_) => 2,
            Self::File { action, .. } => {
                if *action == "read" {
                    2
                } else {
                    3
                }
            }
            Self::Gpu(_) | Self::NoModel(_) => 3,
            Self::Interrupted => 130,
        }
    }
}
