//! Files and folders that are complete or absent: written aside and renamed into place.
//!
//! A writer that fails (a full disk, an unwritable folder, an interrupt) leaves what was there before, and nothing that
//! looks complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Writes a file: `fill` into a file beside it, which then takes its place.
///
/// # Errors
/// A folder that cannot be written to, a full disk, or what `fill` returns; the file is then as it was before.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    write_through(path, |file| file, fill)
}

/// As [`write()`], with a writer of the caller's between `fill` and the file: where tests put one that fails.
pub(crate) fn write_through<'a, W: Write + 'a>(
    path: &Path,
    between: impl FnOnce(File) -> W,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let aside = aside(path).map_err(|e| Error::file("create", path, e))?;
    let filled = aside.as_file().try_clone().and_then(|file| {
        let mut writer = BufWriter::new(between(file));
        let filled = fill(&mut writer).and_then(|()| writer.flush());
        if filled.is_err() {
            // What is still in the buffer must not be tried again on drop.
            drop(writer.into_parts());
        }
        filled?;
        aside.as_file().sync_all()
    });
    filled.map_err(|e| Error::file("write", path, e))?;
    aside.persist(path).map_err(|e| Error::file("write", path, e.error))?;
    Ok(())
}

/// A file beside `path` that vanishes unless it is renamed. Its permissions are those of any new file.
fn aside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(HALF_WRITTEN);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent(path))
}

/// How the names of files end that are being written; they begin with a dot.
const HALF_WRITTEN: &str = ".partial";

/// Removes files that a process was writing when it was killed.
fn remove_half_written(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let name = name.to_string_lossy();
        if path.is_dir() {
            remove_half_written(&path)?;
        } else if name.starts_with('.') && name.ends_with(HALF_WRITTEN) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A folder that is filled aside, as `NAME.partial`, and moved into place when it is complete. Dropped before, it stays
/// aside, so that an interrupted run can go on where it was.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    partial: PathBuf,
    resumed: bool,
}

impl Folder {
    /// Begins to fill the folder `target`, or goes on with what an earlier attempt has left aside.
    ///
    /// # Errors
    /// A folder that cannot be created.
    pub fn begin(target: &Path) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| {
            Error::input(target.display().to_string(), "this is no name of a folder", "name a folder, e.g. runs/first")
        })?;
        let mut name = name.to_owned();
        name.push(".partial");
        let partial = parent(target).join(name);
        let resumed = partial.is_dir();
        fs::create_dir_all(&partial).map_err(|e| Error::file("create", &partial, e))?;
        remove_half_written(&partial).map_err(|e| Error::file("remove", &partial, e))?;
        Ok(Self { target: target.to_owned(), partial, resumed })
    }

    /// Where files are written meanwhile.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Whether an earlier attempt had left something aside.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Empties what is aside: a fresh start.
    ///
    /// # Errors
    /// A folder that cannot be removed or created.
    pub fn clear(&mut self) -> Result<()> {
        fs::remove_dir_all(&self.partial).map_err(|e| Error::file("remove", &self.partial, e))?;
        fs::create_dir(&self.partial).map_err(|e| Error::file("create", &self.partial, e))?;
        self.resumed = false;
        Ok(())
    }

    /// Moves the folder into its place. One that is there already is replaced where `replace` says so: it is moved
    /// away first and removed last, so that at any time one of the two is whole.
    ///
    /// # Errors
    /// A folder that is there already and not to be replaced, or that cannot be moved.
    pub fn commit(self, replace: bool) -> Result<()> {
        let moved = |from: &Path, to: &Path| fs::rename(from, to).map_err(|e| Error::file("write", to, e));
        if !self.target.exists() {
            return moved(&self.partial, &self.target);
        }
        if !replace {
            let place = self.target.display().to_string();
            return Err(Error::input(place, "the folder is there already", "name another one, or give --force"));
        }
        let mut old = self.target.clone().into_os_string();
        old.push(".replaced");
        let old = PathBuf::from(old);
        if old.exists() {
            fs::remove_dir_all(&old).map_err(|e| Error::file("remove", &old, e))?;
        }
        moved(&self.target, &old)?;
        moved(&self.partial, &self.target)?;
        fs::remove_dir_all(&old).map_err(|e| Error::file("remove", &old, e))
    }

    /// Gives up: removes what is aside.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn discard(self) -> Result<()> {
        fs::remove_dir_all(&self.partial).map_err(|e| Error::file("remove", &self.partial, e))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A disk with room for `room` more bytes.
    pub(crate) struct Full<W> {
        pub(crate) to: W,
        pub(crate) room: usize,
    }

    impl<W: Write> Write for Full<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = self.to.write(&bytes[..bytes.len().min(self.room)])?;
            self.room -= written;
            Ok(written)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.to.flush()
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_complete_or_as_it_was_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.npy");
        for room in [0, 1, 99_999] {
            let full = |file| Full { to: file, room };
            let failed = write_through(&path, full, |to| to.write_all(&[7; 100_000])).expect_err("a full disk");
            assert!(matches!(failed, Error::File { action: "write", .. }), "{failed}");
            assert_eq!(failed.exit_code(), 3);
            assert!(names(folder.path()).is_empty(), "nothing is left after a first attempt");
        }
        write(&path, |to| to.write_all(b"first")).expect("room enough");
        let full = |file| Full { to: file, room: 3 };
        write_through(&path, full, |to| to.write_all(b"second")).expect_err("a disk full at the flush");
        write(&path, |_| Err(io::Error::other("the source failed"))).expect_err("a failing source");
        assert_eq!(fs::read(&path).expect("still there"), b"first");
        write(&path, |to| to.write_all(b"second")).expect("room enough");
        assert_eq!(fs::read(&path).expect("replaced"), b"second");
        assert_eq!(names(folder.path()), ["model.npy"]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("none").join("a.npy");
        let failed = write(&missing, |_| Ok(())).expect_err("no such folder").to_string();
        assert!(failed.contains("cannot create") && failed.contains("a.npy"), "{failed}");
        fs::write(folder.path().join("file"), b"").expect("a file");
        let below = folder.path().join("file").join("run");
        let failed = Folder::begin(&below).expect_err("a file is no folder");
        assert!(matches!(failed, Error::File { action: "create", .. }), "{failed}");
        assert!(Folder::begin(Path::new("/")).is_err());
    }

    #[test]
    fn a_folder_appears_when_it_is_complete() {
        let root = tempfile::tempdir().expect("a folder");
        let target = root.path().join("run");
        let mut folder = Folder::begin(&target).expect("a new folder");
        assert!(!folder.resumed());
        fs::write(folder.path().join("a"), b"1").expect("room");
        fs::create_dir(folder.path().join("inside")).expect("room");
        fs::write(folder.path().join("inside/.x.partial"), b"").expect("room");
        drop(folder);
        assert!(!target.exists(), "what is not complete does not appear");
        folder = Folder::begin(&target).expect("what was left aside");
        assert!(folder.resumed());
        assert_eq!(names(&folder.path().join("inside")), [""; 0], "a half-written file goes");
        fs::remove_dir(folder.path().join("inside")).expect("empty");
        assert_eq!(names(folder.path()), ["a"]);
        folder.commit(false).expect("a free place");
        assert_eq!(names(root.path()), ["run"]);

        let second = Folder::begin(&target).expect("a new folder");
        fs::write(second.path().join("b"), b"2").expect("room");
        let refused = second.commit(false).expect_err("the place is taken");
        assert_eq!(refused.exit_code(), 2);
        assert_eq!(names(&target), ["a"]);
        let mut second = Folder::begin(&target).expect("what was left aside");
        second.clear().expect("a fresh start");
        fs::write(second.path().join("c"), b"3").expect("room");
        second.commit(true).expect("replaced");
        assert_eq!((names(root.path()), names(&target)), (vec!["run".to_owned()], vec!["c".to_owned()]));

        let given_up = Folder::begin(&root.path().join("other")).expect("a new folder");
        given_up.discard().expect("removed");
        assert_eq!(names(root.path()), ["run"]);
    }
}
