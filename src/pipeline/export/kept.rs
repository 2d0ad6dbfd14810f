//! An export that takes hours is not begun anew: its rows and the place up to which they go are
//! kept beside the output until it is whole.
//!
//! The private directory `.NAME.longshore-export` has the rows (`rows.csv`), what the target keeps
//! there, and a journal: a line with the question, and a line for each place at which all rows
//! before it were on disk. Rows behind the last such place are cut off and asked for once more.

use std::fs::{OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::faults;
use crate::model::failure::{Blame, Failure};

/// A place is written down after this long, or after so many marks.
const SAVED: Duration = Duration::from_secs(1);
const MARKS: u32 = 256;

/// What was asked, the first line of a journal.
#[derive(Serialize, Deserialize)]
struct Head {
    question: String,
}

/// All rows before this place, in the target's words, are so many rows and bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) mark: String,
}

/// The directory, held against other exports to the same output.
pub(super) struct Kept {
    pub(super) dir: PathBuf,
    rows: faults::File,
    journal: faults::File,
    _lock: std::fs::File,
    /// The last place on disk.
    pub(super) place: Option<Place>,
    /// One that is not on disk yet.
    pending: Option<String>,
    marks: u32,
    saved: Instant,
    over: bool,
}

/// What was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// An export of another question; it is gone.
    Other,
    /// This one, which stopped then.
    Same {
        stopped: Option<jiff::Timestamp>,
    },
}

/// The directory of an output.
fn dir_of(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.longshore-export"))
}

/// How many rows of an unfinished export are kept beside an output.
pub(super) fn rows_beside(output: &Path) -> Option<u64> {
    let journal = std::fs::read(dir_of(output).join("journal.jsonl")).ok()?;
    read(&journal).and_then(|(_, place, _)| place).map(|place| place.rows)
}

/// Question, last place and the end of the last whole line.
fn read(journal: &[u8]) -> Option<(String, Option<Place>, u64)> {
    let mut lines = journal.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().filter(|line| line.ends_with(b"\n"))?;
    let head: Head = serde_json::from_slice(first).ok()?;
    let (mut place, mut end) = (None, first.len() as u64);
    for line in lines.take_while(|line| line.ends_with(b"\n")) {
        let Ok(found) = serde_json::from_slice::<Place>(line) else { break };
        place = Some(found);
        end += line.len() as u64;
    }
    Some((head.question, place, end))
}

impl Kept {
    /// Takes the directory of an output, with what an earlier export of the same question left.
    pub(super) fn open(output: &Path, question: &str) -> Result<(Self, Found), Failure> {
        let dir = dir_of(output);
        let opened = Self::locked(&dir).and_then(|lock| match lock {
            Some(lock) => Self::taken(dir.clone(), lock, question).map(Some),
            None => Ok(None),
        });
        let opened = opened.map_err(|error| Failure::disk("keep an export in", &dir, &error))?;
        opened.ok_or_else(|| {
            let message = format!("another export is writing `{}`", output.display());
            Failure::new(Blame::Request, message).hint("name another file with `--output`")
        })
    }

    fn locked(dir: &Path) -> io::Result<Option<std::fs::File>> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let lock = private(OpenOptions::new().write(true).create(true)).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn taken(dir: PathBuf, lock: std::fs::File, question: &str) -> io::Result<(Self, Found)> {
        let (path, rows_path) = (dir.join("journal.jsonl"), dir.join("rows.csv"));
        let before = std::fs::read(&path).unwrap_or_default();
        let before = read(&before);
        let there = std::fs::metadata(&rows_path).ok().map(|about| about.len());
        let append = || private(OpenOptions::new().append(true).create(true));
        let same = before.clone().filter(|(asked, ..)| asked == question);
        let (place, end) = match same {
            Some((_, Some(place), end)) if Some(place.bytes) <= there => (Some(place), end),
            _ => (None, 0),
        };
        let modified = std::fs::metadata(&path).and_then(|about| about.modified()).ok();
        let found = match (&place, before) {
            (Some(_), _) => {
                let stopped = modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
                Found::Same { stopped }
            }
            // Without rows it was done, and only not cleared away.
            (None, Some((_, Some(_), _))) if there.is_some() => Found::Other,
            (None, _) => Found::Nothing,
        };
        let mut journal = faults::open(&append(), &path)?;
        journal.set_len(end)?;
        let rows = faults::open(&append(), &rows_path)?;
        rows.set_len(place.as_ref().map_or(0, |place| place.bytes))?;
        if place.is_none() {
            let head = Head { question: question.to_owned() };
            journal.write_all(&line(&head))?;
            journal.sync_data()?;
            faults::sync_folder(&dir)?;
        }
        let (saved, pending) = (Instant::now(), None);
        let kept =
            Self { dir, rows, journal, _lock: lock, place, pending, marks: 0, saved, over: false };
        Ok((kept, found))
    }

    /// The file that rows are appended to.
    pub(super) fn rows(&self) -> io::Result<faults::File> {
        faults::open(OpenOptions::new().append(true), &self.dir.join("rows.csv"))
    }

    /// Remembers a place; whether it is time to write it down.
    pub(super) fn passed(&mut self, mark: &str) -> bool {
        self.pending = Some(mark.to_owned());
        self.marks += 1;
        self.marks >= MARKS || self.saved.elapsed() >= SAVED
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Writes the last place down; all rows before it were handed to the file.
    pub(super) fn save(&mut self, bytes: u64, rows: u64) -> io::Result<()> {
        let Some(mark) = self.pending.take() else { return Ok(()) };
        let place = Place { bytes, rows, mark };
        self.rows.sync_data()?;
        self.journal.write_all(&line(&place))?;
        self.journal.sync_data()?;
        (self.marks, self.saved, self.place) = (0, Instant::now(), Some(place));
        Ok(())
    }

    /// Gives the rows their name, and removes all else.
    pub(super) fn finish(mut self, output: &Path) -> io::Result<()> {
        self.rows.sync_all()?;
        let rows = self.dir.join("rows.csv");
        faults::rename(&rows, output)?;
        self.over = true;
        if let Some(folder) = output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            faults::sync_folder(folder)?;
        }
        Ok(())
    }
}

impl Drop for Kept {
    /// Nothing stays where there is nothing to go on with.
    fn drop(&mut self) {
        if (self.over || self.place.is_none())
            && let Err(error) = std::fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot remove");
        }
    }
}

fn private(options: &mut OpenOptions) -> OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.clone()
}

fn line<T: Serialize>(value: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes rows up to some places, and stops.
    fn stopped(output: &Path, question: &str, rows: &[(&str, &str)]) -> PathBuf {
        let (mut kept, _) = Kept::open(output, question).unwrap();
        let (mut file, mut bytes) = (kept.rows().unwrap(), 0);
        for (number, (text, mark)) in (1..).zip(rows) {
            file.write_all(text.as_bytes()).unwrap();
            bytes += text.len() as u64;
            kept.passed(mark);
            kept.save(bytes, number).unwrap();
        }
        file.write_all(b"and half a r").unwrap();
        kept.dir.clone()
    }

    #[test]
    fn every_cut_of_the_journal_leaves_a_place_whose_rows_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("held.csv");
        let dir = stopped(&output, "q", &[("h\na\n", "1"), ("b\n", "2")]);
        let journal = std::fs::read(dir.join("journal.jsonl")).unwrap();
        let rows = std::fs::read(dir.join("rows.csv")).unwrap();
        let put = |name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::File::create(dir.join(name)).unwrap().write_all(bytes).unwrap();
        };
        let ends: Vec<usize> = journal
            .iter()
            .enumerate()
            .filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1))
            .collect();
        for length in 0..=journal.len() {
            put("journal.jsonl", &journal[..length]);
            put("rows.csv", &rows);
            let (kept, found) = Kept::open(&output, "q").unwrap();
            let lines = ends.iter().filter(|end| **end <= length).count();
            let wanted = [None, None, Some(("1", 4, 1)), Some(("2", 6, 2))][lines];
            let place = kept.place.as_ref();
            let got = place.map(|place| (place.mark.as_str(), place.bytes, place.rows));
            assert_eq!(got, wanted, "{length} of {} bytes", journal.len());
            assert_eq!(matches!(found, Found::Same { .. }), wanted.is_some());
            let left = std::fs::metadata(dir.join("rows.csv")).unwrap().len();
            assert_eq!(left, wanted.map_or(0, |(_, bytes, _)| bytes));
        }
    }

    #[test]
    fn another_question_begins_anew_and_another_process_waits_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("held.csv");
        stopped(&output, "q", &[("h\na\n", "1")]);
        assert_eq!(rows_beside(&output), Some(1));
        let (kept, found) = Kept::open(&output, "q").unwrap();
        assert!(matches!(found, Found::Same { stopped: Some(_) }));
        let Err(failure) = Kept::open(&output, "q") else { panic!("two at once") };
        assert!(failure.message.starts_with("another export is writing"), "{}", failure.message);
        drop(kept);
        let (kept, found) = Kept::open(&output, "other").unwrap();
        assert_eq!((found, &kept.place), (Found::Other, &None));
        let dir = kept.dir.clone();
        drop(kept);
        assert!(!dir.exists(), "there was nothing to keep");
        assert_eq!(rows_beside(&output), None);
    }
}
