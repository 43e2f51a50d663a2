//! Case files: text becomes a [`Case`] of plain checked SI numbers, or *all* its mistakes at once.
//!
//! ```text
//! TOML text, --set overrides → spanned tree → keys read one by one → Case → consistency
//!                                    ↘ every mistake with its place ↙
//! ```

use std::path::Path;

use toml::de::DeTable;

use crate::error::{Error, Result};
use diagnostics::{Collector, Kind};
use reader::Section;

pub mod approximation;
mod beside;
pub mod built_in;
pub mod cache;
mod checkpoint;
pub mod claims;
mod coefficients;
mod consistency;
pub mod diagnostics;
pub mod documentation;
pub mod ensemble;
pub mod estimate;
mod facies_map;
pub mod file;
mod files;
mod flow_cells;
mod flow_results;
pub mod folder;
pub mod geology;
pub mod hard_data;
pub mod mapping;
pub mod matching;
pub mod observations;
mod overrides;
mod paraview;
mod parse;
pub mod predict;
mod pumping;
mod reader;
mod repair;
mod results;
pub mod run;
pub mod signal;
pub mod simulate;
pub mod study;
pub mod summary;
mod variants;
mod words;
mod write;

pub use diagnostics::{Diagnostic, Diagnostics};
pub use estimate::{CheckReport, Estimate, check, estimate};
pub use file::{Case, Signal};
pub use overrides::Overrides;

/// What a case file asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Experiment {
    /// An image of the subsurface.
    Imaging(Box<Case>),
    /// A signal recovered from random measurements: the file has a section `[signal]`.
    Signal(Box<Signal>),
}

impl Experiment {
    /// As [`Case::parse_with`], of either kind.
    ///
    /// # Errors
    /// As [`Case::parse_with`].
    pub fn parse_with(text: &str, origin: &str, overrides: &Overrides) -> Result<Self, Diagnostics> {
        read(text, origin, overrides, |tree, directory, collector| match tree.contains_key("signal") {
            true => Self::Signal(Box::new(parse::signal(Section::new(collector, String::new(), Some(tree))))),
            false => Self::Imaging(Box::new(imaging(tree, directory, collector))),
        })
    }

    /// As [`Case::load`], of either kind.
    ///
    /// # Errors
    /// As [`Case::load`].
    pub fn load(name: &str, overrides: &Overrides) -> Result<Self> {
        let path = Path::new(name);
        if let Ok(built_in) = built_in::get(name) {
            return Ok(Self::parse_with(built_in.text, &format!("built-in {name}"), overrides)?);
        }
        if path.extension().is_none() && !path.exists() {
            built_in::get(name)?;
        }
        let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        Ok(Self::parse_with(&text, name, overrides)?)
    }

    /// Its one line for people.
    pub fn title(&self) -> &str {
        match self {
            Self::Imaging(case) => &case.title,
            Self::Signal(signal) => &signal.title,
        }
    }
}

impl Case {
    /// The case of a TOML text. `origin` is the name of its file: messages begin with it, and files that the case names
    /// are relative to its folder (they are absolute in the [`Case`]).
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Diagnostics> {
        Self::parse_with(text, origin, &Overrides::default())
    }

    /// [`Self::parse`] after the command line's changes.
    ///
    /// # Errors
    /// All mistakes at once; those of an override point at it.
    pub fn parse_with(text: &str, origin: &str, overrides: &Overrides) -> Result<Self, Diagnostics> {
        read(text, origin, overrides, imaging)
    }

    /// The case of a TOML file, or the built-in case of this name.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown name (with the nearest known one), all mistakes of the case; the case of a
    /// signal, which has no geology.
    pub fn load(name: &str, overrides: &Overrides) -> Result<Self> {
        match Experiment::load(name, overrides)? {
            Experiment::Imaging(case) => Ok(*case),
            Experiment::Signal(_) => {
                let problem = "recovers a signal, and has neither geology nor physics";
                Err(Error::input(name, problem, "use it with lithoscope run, case and claims"))
            }
        }
    }

    /// The case as TOML with every key explicit: reading it gives an equal case. Files are given by absolute paths, so
    /// that the text may lie in any folder.
    pub fn to_toml(&self) -> String {
        documentation::plain(write::lines(self))
    }
}

impl Signal {
    /// The case as TOML with every key explicit: reading it gives an equal case.
    pub fn to_toml(&self) -> String {
        documentation::plain(write::signal_lines(self))
    }
}

/// What `build` makes of the tree of a TOML text after the command line's changes.
fn read<T>(
    text: &str,
    origin: &str,
    overrides: &Overrides,
    build: impl FnOnce(&DeTable<'_>, &Path, &Collector) -> T,
) -> Result<T, Diagnostics> {
    let mut collector = Collector::default();
    collector.add_source(origin, text, true);
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        collector.report(Kind::Syntax, span, "", format!("not TOML: {}", error.message()), String::new());
    }
    let texts = overrides.texts();
    let mut tree = tree.into_inner();
    overrides.apply(&texts, &mut tree, &mut collector);
    let directory = Path::new(origin).parent().unwrap_or(Path::new(""));
    let built = build(&tree, directory, &collector);
    match collector.finish() {
        Some(diagnostics) => Err(diagnostics),
        None => Ok(built),
    }
}

fn imaging(tree: &DeTable<'_>, directory: &Path, collector: &Collector) -> Case {
    let mut case = parse::case(Section::new(collector, String::new(), Some(tree)), directory);
    consistency::check(&case, collector);
    (case.sweeps, case.variants) = variants::read(&case, tree, directory, collector);
    case
}

#[cfg(test)]
mod tests;
