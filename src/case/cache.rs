//! The user's cache of realizations: content-addressed, limited in size, least recently used out first.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Size limit where `LITHOSCOPE_CACHE_LIMIT_MB` says none.
const LIMIT_MB: u64 = 4096;

/// The cache folder: `LITHOSCOPE_CACHE`, else the user's own; `None` where the system has no home for one.
pub fn folder() -> Option<PathBuf> {
    match std::env::var_os("LITHOSCOPE_CACHE") {
        Some(folder) => Some(folder.into()),
        None => Some(directories::ProjectDirs::from("", "", "lithoscope")?.cache_dir().to_owned()),
    }
}

/// Marks an entry of the cache as used now, and lets others go that the limit has no room for.
pub fn used(cache: &Path, entry: &Path) {
    touch(entry);
    trim(cache, entry);
}

/// Removes the least recently used entries of the cache (its subfolders) until it is within its limit; `keep` is never
/// removed. What cannot be removed stays: the cache is a convenience, and a run does not fail for it.
fn trim(cache: &Path, keep: &Path) {
    let limit = std::env::var("LITHOSCOPE_CACHE_LIMIT_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(LIMIT_MB);
    trim_to(cache, keep, limit << 20);
}

fn trim_to(cache: &Path, keep: &Path, limit: u64) {
    let mut entries: Vec<_> = std::fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .map(|path| {
            let (bytes, used) = size_and_age(&path);
            (used, bytes, path)
        })
        .collect();
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in entries {
        if total <= limit {
            return;
        }
        if path != keep && std::fs::remove_dir_all(&path).is_ok() {
            total -= bytes;
        }
    }
}

/// Bytes in a folder, and when anything in it was last written or marked as used.
fn size_and_age(folder: &Path) -> (u64, SystemTime) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|file| file.metadata().ok());
    files.fold((0, SystemTime::UNIX_EPOCH), |(bytes, used), file| {
        (bytes + file.len(), used.max(file.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
    })
}

/// Marks an entry as used now.
fn touch(entry: &Path) {
    // An entry on a read-only disk keeps its age, which costs at most a simulation later.
    let _ = std::fs::write(entry.join("used"), b"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_go_first_and_the_one_in_use_stays() {
        let cache = tempfile::tempdir().unwrap();
        let entry = |name: &str, age: u64| {
            let folder = cache.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let file = std::fs::File::create(folder.join("block")).unwrap();
            std::io::Write::write_all(&mut &file, &[0; 1000]).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
            folder
        };
        let (old, middle, new) = (entry("old", 300), entry("middle", 200), entry("new", 100));
        trim_to(cache.path(), &old, 2500);
        assert!(old.exists() && !middle.exists() && new.exists());
        trim_to(cache.path(), &old, 2500);
        assert!(old.exists() && new.exists(), "within its limit nothing goes");
    }
}
