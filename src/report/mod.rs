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

use crate::error::{Error, Result};

/// The name of the report inside a result folder.
pub const FILE_NAME: &str = "report.html";

/// Writes `report.html` into the result folder `folder`, from the folder's files alone: of one run, or of repeated
/// runs (where it holds `repeat-001/` and so on).
///
/// # Errors
/// A missing or corrupt file of the folder, named with what is wrong in it; a folder that cannot be written. An older
/// report stays as it was then.
pub fn build(folder: &Path) -> Result<()> {
    let html = render(folder)?;
    let (part, path) = (folder.join("report.html.part"), folder.join(FILE_NAME));
    let written = std::fs::write(&part, html).and_then(|()| std::fs::rename(&part, &path));
    written.map_err(|e| {
        // Whatever was written is incomplete; that it cannot be removed either adds nothing to the error.
        let _ = std::fs::remove_file(&part);
        Error::file("write", &path, e)
    })
}

/// The report of the result folder `folder` as HTML text; errors as in [`build`].
pub fn render(folder: &Path) -> Result<String> {
    Ok(html::page(&data::Folder::read(folder)?))
}
