//! The result folder: written aside, moved into place when it is complete, never overwritten unasked.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::files;
use crate::error::{Error, Result};
use crate::io::atomic;
use crate::report;

/// The mark of completeness, written last.
pub const SUMMARY: &str = "summary.json";
/// The resolved case.
pub const CASE: &str = "case.toml";

/// The folder inside that holds finished iterations while a run is not complete.
pub const CHECKPOINT: &str = "checkpoint";

/// A result folder in the making.
#[derive(Debug)]
pub struct Folder {
    aside: atomic::Folder,
    place: PathBuf,
    replace: bool,
}

/// What [`Folder::begin`] finds.
#[derive(Debug)]
pub enum Begin {
    /// A complete run of the same case with the same backend lies here.
    Complete(PathBuf),
    /// The work can begin, or go on.
    Work(Folder),
}

/// What the user asked of an existing folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Existing {
    /// Overwrite it.
    pub force: bool,
    /// Go on with what an interrupted run left aside.
    pub resume: bool,
}

impl Folder {
    /// Opens the folder `wanted` for the run that `identity` names: the resolved case as TOML and the backend. A
    /// complete folder of another run is left alone and the next free suffix taken, unless `force`; one that is no
    /// result folder is never touched.
    ///
    /// # Errors
    /// Where the folder holds something else, cannot be written, or `resume` finds the work of another case.
    pub fn begin(wanted: &Path, identity: &str, existing: Existing) -> Result<Begin> {
        let mut place = wanted.to_owned();
        let mut suffix = 1;
        while place.exists() {
            if !is_complete(&place) {
                let empty = std::fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none());
                if empty {
                    break;
                }
                return Err(Error::input(
                    place.display().to_string(),
                    "exists and is no result folder",
                    "choose another folder with --out, or remove it yourself",
                ));
            }
            if existing.force {
                break;
            }
            if std::fs::read_to_string(place.join(IDENTITY)).is_ok_and(|found| found == identity) {
                return Ok(Begin::Complete(place));
            }
            suffix += 1;
            place = with_suffix(wanted, &format!("-{suffix}"));
        }
        let mut aside = atomic::Folder::begin(&place)?;
        let found = std::fs::read_to_string(aside.path().join(IDENTITY)).ok();
        if aside.resumed() && !(existing.resume && found.as_deref() == Some(identity)) {
            if existing.resume && found.is_some() {
                return Err(Error::input(
                    aside.path().display().to_string(),
                    "holds the unfinished run of another case or backend",
                    "run the same case with the same options, or without --resume to begin anew",
                ));
            }
            aside.clear()?;
        }
        files::bytes(&aside.path().join(IDENTITY), identity.as_bytes())?;
        Ok(Begin::Work(Self { aside, place, replace: existing.force }))
    }

    /// Where files are written until the run is complete.
    pub fn aside(&self) -> &Path {
        self.aside.path()
    }

    /// Whether an interrupted run is gone on with.
    pub fn resumed(&self) -> bool {
        self.aside.resumed()
    }

    /// Moves the folder into place; a complete folder that was to be overwritten goes only now.
    ///
    /// # Errors
    /// A folder that cannot be moved.
    pub fn finish(self) -> Result<PathBuf> {
        // An empty folder that the user has made himself is no result.
        let replace = self.replace || self.place.exists();
        self.aside.commit(replace)?;
        Ok(self.place)
    }
}

/// What run a folder belongs to; hidden, since `case.toml` and `summary.json` say the same to a person.
const IDENTITY: &str = ".run";

/// Completes a folder of results: the report, and last `summary.json`, which marks it as complete; just before, what an
/// interrupted run would have gone on from goes.
///
/// # Errors
/// A folder that cannot be written to, or whose files make no report.
pub fn complete(folder: &Path, summary: &impl Serialize) -> Result<()> {
    let path = folder.join(SUMMARY);
    let text = serde_json::to_string_pretty(summary).map_err(|e| Error::file("write", &path, e.into()))?;
    report::build_before_summary(folder, &text)?;
    let checkpoint = folder.join(CHECKPOINT);
    if checkpoint.exists() {
        std::fs::remove_dir_all(&checkpoint).map_err(|e| Error::file("remove", &checkpoint, e))?;
    }
    files::bytes(&path, text.as_bytes())
}

/// Whether all of a run's results lie in `folder`.
pub fn is_complete(folder: &Path) -> bool {
    folder.join(SUMMARY).is_file()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(folder: Folder) -> PathBuf {
        std::fs::write(folder.aside().join(SUMMARY), "{}").unwrap();
        folder.finish().unwrap()
    }

    fn begin(place: &Path, identity: &str, force: bool, resume: bool) -> Result<Begin> {
        Folder::begin(place, identity, Existing { force, resume })
    }

    fn work(begun: Result<Begin>) -> Folder {
        match begun.unwrap() {
            Begin::Work(folder) => folder,
            Begin::Complete(place) => panic!("{} is complete already", place.display()),
        }
    }

    fn found(begun: Result<Begin>) -> PathBuf {
        match begun.unwrap() {
            Begin::Complete(place) => place,
            Begin::Work(folder) => panic!("{} is to be worked on", folder.aside().display()),
        }
    }

    #[test]
    fn a_complete_run_is_found_again_and_never_overwritten_unasked() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("case-1");
        complete(work(begin(&place, "a", false, false)));
        assert_eq!(found(begin(&place, "a", false, false)), place);
        let other = complete(work(begin(&place, "b", false, false)));
        assert_eq!(other, root.path().join("case-1-2"), "the run of another case takes the next suffix");
        assert_eq!(found(begin(&place, "b", false, false)), other);
        assert_eq!(complete(work(begin(&place, "c", true, false))), place, "--force overwrites");
        assert_eq!(found(begin(&place, "c", false, false)), place);
    }

    #[test]
    fn unfinished_work_is_kept_for_the_same_case_alone() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("case-1");
        let folder = work(begin(&place, "a", false, false));
        std::fs::write(folder.aside().join("finished"), "x").unwrap();
        assert!(!place.exists(), "nothing that looks complete");
        assert!(begin(&place, "b", false, true).is_err(), "another case cannot be resumed");
        let again = work(begin(&place, "a", false, true));
        assert!(again.resumed() && again.aside().join("finished").exists());
        let anew = work(begin(&place, "a", false, false));
        assert!(!anew.resumed() && !anew.aside().join("finished").exists());
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("thesis.tex"), "years of work").unwrap();
        assert!(begin(root.path(), "a", false, false).is_err());
        assert!(begin(root.path(), "a", true, false).is_err(), "--force overwrites results, nothing else");
        assert!(root.path().join("thesis.tex").exists());
    }
}
