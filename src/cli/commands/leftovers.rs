//! What processes that were killed have left among the runs, and that is no run: answers of lookups
//! on their way, folders of runs that never came to be, and answers of a sync.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::faults;
use crate::ledger::{Cleaned, RunFolder};
use crate::model::failure::Failure;

/// Hours for which something stays that a later process might still go on with, or whose lock is
/// not there, as it is made in this moment.
const STAYS_HOURS: i64 = 24;

/// Facts of a ledger before its manifest is written: that it was opened.
const FACTS_BEFORE: usize = 1;

/// Removes what nobody needs any more below `dir`: by name, and what was removed.
pub fn clean(dir: &Path, now: Timestamp) -> Result<Vec<(String, Cleaned)>, Failure> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| Failure::disk("read", dir, &error))?,
    };
    let mut done = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Failure::disk("read", dir, &error))?.path();
        let about = |error: io::Error| Failure::disk("remove", &path, &error);
        if !is_left(&path, now).map_err(about)? {
            continue;
        }
        let mut found = (0, 0);
        size(&path, &mut found).map_err(about)?;
        faults::remove_dir_all(&path).map_err(about)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        done.push((name, Cleaned::Removed { files: found.0, bytes: found.1 }));
    }
    done.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(done)
}

/// Whether it is a folder of ours that is no run, and that no process holds.
fn is_left(path: &Path, now: Timestamp) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !path.is_dir() || path.join("manifest.json").exists() || RunFolder::is_held(path) {
        return Ok(false);
    }
    let has_lock = path.join("lock").is_file();
    if name.starts_with(".lookups-") {
        return Ok(has_lock || is_old(path, now)?);
    }
    if name.starts_with(".sync-") && name.ends_with(".longshore-export") {
        return is_old(path, now);
    }
    // Whoever makes a run makes these, and the manifest last; nothing is sent before.
    let is_ours = has_lock && ["sent", "raw", "out"].iter().all(|part| path.join(part).is_dir());
    Ok(is_ours && is_empty(path)?)
}

/// Whether nothing tells of a run: no chunk, no result, no fact but that there was to be a ledger.
fn is_empty(path: &Path) -> io::Result<bool> {
    for part in ["sent", "raw", "out"] {
        if std::fs::read_dir(path.join(part))?.next().is_some() {
            return Ok(false);
        }
    }
    match std::fs::read(path.join("ledger.jsonl")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        read => Ok(read?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
            <= FACTS_BEFORE),
    }
}

/// Whether all that is in it was written long ago.
fn is_old(path: &Path, now: Timestamp) -> io::Result<bool> {
    let mut times = vec![std::fs::metadata(path)?.modified()?];
    for entry in std::fs::read_dir(path)? {
        times.push(entry?.metadata()?.modified()?);
    }
    let old = |time| {
        let time = Timestamp::try_from(time);
        time.is_ok_and(|time| now.duration_since(time).as_hours() >= STAYS_HOURS)
    };
    Ok(times.into_iter().all(old))
}

/// Files and bytes below a folder.
fn size(folder: &Path, found: &mut (u64, u64)) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            size(&entry.path(), found)?;
        } else {
            *found = (found.0 + 1, found.1 + about.len());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    fn folder(root: &Path, name: &str, files: &[&str]) {
        for file in files {
            let path = root.join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if file.ends_with('/') {
                std::fs::create_dir_all(&path).unwrap();
            } else {
                File::create(&path).unwrap().write_all(b"1 line\n").unwrap();
            }
        }
    }

    #[test]
    fn what_is_no_run_and_held_by_nobody_goes_and_all_else_stays() {
        let runs = tempfile::tempdir().unwrap();
        let root = runs.path();
        let parts = ["sent/", "raw/", "out/", "lock"];
        let with = |more: &[&'static str]| [&parts[..], more].concat();
        for (name, files) in [
            (".lookups-a-1", vec!["lock", "keys"]),
            (".lookups-new", vec!["keys"]),
            (".sync-roles.csv.longshore-export", vec!["lock", "journal.jsonl"]),
            ("unborn", with(&["decisions.csv"])),
            ("opened", with(&["ledger.jsonl"])),
            ("a-run", with(&["manifest.json", "ledger.jsonl"])),
            ("sent-some", with(&["sent/000001.csv"])),
            ("somebody's", vec!["notes.txt"]),
            ("held", with(&[])),
        ] {
            folder(root, name, &files);
        }
        let lock = File::create(root.join("held/lock")).unwrap();
        lock.lock().unwrap();
        let names = |now: Timestamp| -> Vec<String> {
            clean(root, now).unwrap().into_iter().map(|(name, _)| name).collect()
        };
        let now = Timestamp::try_from(std::fs::metadata(root).unwrap().modified().unwrap());
        let now = now.unwrap();
        assert_eq!(names(now), [".lookups-a-1", "opened", "unborn"]);
        assert_eq!(names(now), Vec::<String>::new());
        let later = now + jiff::SignedDuration::from_hours(STAYS_HOURS + 1);
        assert_eq!(names(later), [".lookups-new", ".sync-roles.csv.longshore-export"]);
        for stays in ["a-run", "sent-some", "somebody's", "held"] {
            assert!(root.join(stays).is_dir(), "{stays}");
        }
    }
}
