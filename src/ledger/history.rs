//! History: which loads this user has started, so that the same load is not started twice unseen.
//!
//! One file in the user's state folder, one JSON object a line, no row data. It is a help and no
//! proof: it knows nothing of other users and other machines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::chunk::Digest;

const FILE: &str = "history.jsonl";

/// Days after which a load is forgotten.
const DAYS: i64 = 30;

/// The file of one user.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
}

/// A load that was started.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StartedLoad {
    /// Digest over org, object, operation, input, mapping and the window of rows.
    pub key: Digest,
    pub run: String,
    pub run_dir: PathBuf,
    pub started: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Line {
    /// The load sent nothing after all.
    Withdrawn {
        withdrawn: PathBuf,
    },
    Started(StartedLoad),
}

impl History {
    /// The history in a user's state folder, which is made when it is not there.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        Ok(Self { path: folder.join(FILE) })
    }

    /// Forgets every load that is remembered in `folder`.
    pub fn forget(folder: &Path) -> io::Result<()> {
        match std::fs::remove_file(folder.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes that `load` starts; or, unless `again`, returns the last one like it and notes
    /// nothing. Two processes that start at once are told apart by a lock.
    pub fn start(&self, load: &StartedLoad, again: bool) -> io::Result<Option<StartedLoad>> {
        let mut file = self.open()?;
        if !again && let Some(earlier) = earlier(&mut file, load)? {
            return Ok(Some(earlier));
        }
        append(&mut file, &Line::Started(load.clone()))?;
        Ok(None)
    }

    /// Notes that the load in `run_dir` was refused before anything was sent.
    pub fn withdraw(&self, run_dir: &Path) -> io::Result<()> {
        append(&mut self.open()?, &Line::Withdrawn { withdrawn: run_dir.to_owned() })
    }

    /// The file, locked until it is closed.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        file.lock()?;
        Ok(file)
    }
}

/// The last load like this one that is neither withdrawn nor too old. Lines that cannot be read
/// are passed over: they are another version's.
fn earlier(file: &mut File, load: &StartedLoad) -> io::Result<Option<StartedLoad>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let mut alike: Vec<StartedLoad> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Line::Started(started)) if started.key == load.key => alike.push(started),
            Ok(Line::Withdrawn { withdrawn }) => alike.retain(|load| load.run_dir != withdrawn),
            _ => {}
        }
    }
    alike.retain(|earlier| is_recent(&earlier.started, &load.started));
    Ok(alike.pop())
}

fn is_recent(earlier: &str, now: &str) -> bool {
    let (Ok(earlier), Ok(now)) = (earlier.parse::<Timestamp>(), now.parse::<Timestamp>()) else {
        return true;
    };
    now.duration_since(earlier).as_hours() < DAYS * 24
}

fn append(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    // A torn line of an earlier crash must not swallow this one.
    text.insert(0, b'\n');
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(key: &str, run: &str, started: &str) -> StartedLoad {
        StartedLoad {
            key: Digest::of(key.as_bytes()),
            run: run.to_owned(),
            run_dir: PathBuf::from("runs").join(run),
            started: started.to_owned(),
        }
    }

    #[test]
    fn the_same_load_is_found_for_thirty_days() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::in_folder(&folder.path().join("state")).unwrap();
        let first = load("a", "r1", "2026-11-01T10:00:00Z");
        assert_eq!(history.start(&first, false).unwrap(), None);
        for (key, when, found) in [
            ("a", "2026-11-01T10:00:01Z", true),
            ("a", "2026-11-30T10:00:00Z", true),
            ("a", "2026-12-01T10:00:00Z", false),
            ("b", "2026-11-01T10:00:01Z", false),
        ] {
            let earlier = history.start(&load(key, "r2", when), false).unwrap();
            assert_eq!(earlier.is_some(), found, "{key} {when}");
        }
    }

    #[test]
    fn the_newest_is_told_and_a_withdrawn_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::in_folder(folder.path()).unwrap();
        let (first, second) =
            (load("a", "r1", "2026-11-01T10:00:00Z"), load("a", "r2", "2026-11-01T11:00:00Z"));
        history.start(&first, false).unwrap();
        assert_eq!(history.start(&second, true).unwrap(), None, "it was assented to");
        let third = load("a", "r3", "2026-11-01T12:00:00Z");
        assert_eq!(history.start(&third, false).unwrap(), Some(second.clone()));
        history.withdraw(&second.run_dir).unwrap();
        assert_eq!(history.start(&third, false).unwrap(), Some(first.clone()));
        history.withdraw(&first.run_dir).unwrap();
        assert_eq!(history.start(&third, false).unwrap(), None);
    }

    #[test]
    fn a_torn_line_hides_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::in_folder(folder.path()).unwrap();
        history.open().unwrap().write_all(b"{\"key\":\"12").unwrap();
        let first = load("a", "r1", "2026-11-01T10:00:00Z");
        history.start(&first, false).unwrap();
        let second = load("a", "r2", "2026-11-01T11:00:00Z");
        assert_eq!(history.start(&second, false).unwrap(), Some(first));
    }
}
