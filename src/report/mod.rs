//! The report that a person reads, built from a result folder.
//!
//! [`build`] reads what a run left behind ([`data::Folder`]) and writes `report.html` beside it: one file, without
//! any resource from outside, for a reader who was not there. Nothing but the folder is needed, so a report can be
//! made again at any time.

pub mod colour;
pub mod data;
pub mod figures;
mod html;
mod maps;
pub mod metrics;

use std::path::Path;

use crate::error::Result;
use crate::io::atomic;

/// The name of the report inside a result folder.
pub const FILE_NAME: &str = "report.html";

/// Writes `report.html` into the result folder `folder`, from the folder's files alone: of one run, or of repeated
/// runs (where it holds `repeat-001/` and so on).
///
/// # Errors
/// A missing or corrupt file of the folder, named with what is wrong in it; a folder that cannot be written. An older
/// report stays as it was then.
pub fn build(folder: &Path) -> Result<()> {
    write(folder, &render(folder)?)
}

/// As [`build`], with `summary` as the text of a `summary.json` that is yet to be written: since that file marks a
/// folder as complete, the report comes first.
///
/// # Errors
/// As [`build`].
pub fn build_before_summary(folder: &Path, summary: &str) -> Result<()> {
    let summary = data::Summary::parse(summary, &folder.join("summary.json"))?;
    write(folder, &html::page(&data::Folder::with(folder, summary)?))
}

fn write(folder: &Path, html: &str) -> Result<()> {
    atomic::write(&folder.join(FILE_NAME), |to| to.write_all(html.as_bytes()))
}

/// The report of the result folder `folder` as HTML text; errors as in [`build`].
pub fn render(folder: &Path) -> Result<String> {
    Ok(html::page(&data::Folder::read(folder)?))
}
