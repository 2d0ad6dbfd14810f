//! The record of an undo that was begun, and how far the runs that carry it out have come.

use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::Tally;
use super::sheet::{OLD_ID, Sheet};
use crate::faults;
use crate::ledger::{Manifest, RunState, write_whole};
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;

/// What was begun: `undo/NNN.json`, written once, before the first of its runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// The run that is taken back.
    pub run: String,
    pub tally: Tally,
    /// The loads that carry it out, one after the other.
    pub parts: Vec<Part>,
}

/// One load of an undo.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    pub operation: Operation,
    pub rows: u64,
    /// The name of its input in the folder `undo/`.
    pub input: String,
    /// The name of its run.
    pub run: String,
}

/// How far a part has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// Nothing was sent.
    NotBegun,
    /// The run in this folder is to be gone on with.
    Unfinished(PathBuf),
    /// The run in this folder is over, with this exit code.
    Finished(PathBuf, u8),
}

impl Record {
    /// The newest in `folder`, if there is one.
    pub(super) fn newest(folder: &Path) -> Result<Option<Self>, Failure> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(None) };
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Failure::disk("read", folder, &error))?.path();
            found.extend(path.extension().is_some_and(|end| end == "json").then_some(path));
        }
        let Some(path) = found.into_iter().max() else { return Ok(None) };
        let text = std::fs::read(&path).map_err(|error| Failure::disk("read", &path, &error))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Failure::new(Blame::Ledger, format!("`{}` is damaged", path.display())).cause(error)
        })
    }

    /// Makes it durable at `path`.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::disk("write", path, &error.into()))?;
        write_whole(path, &json).map_err(|error| Failure::disk("write", path, &error))
    }
}

impl Part {
    /// How far the run of this part below `runs_dir` has come; `of` is the run that is undone.
    ///
    /// A folder without a manifest is no run: a process ended while it made it, and nothing was
    /// sent. It is taken away, so that the run can have its name.
    pub(super) fn stand(&self, runs_dir: &Path, of: &str) -> Result<Stand, Failure> {
        let root = runs_dir.join(&self.run);
        if !root.join("manifest.json").is_file() {
            if root.exists() {
                faults::remove_dir_all(&root)
                    .map_err(|error| Failure::disk("remove", &root, &error))?;
            }
            return Ok(Stand::NotBegun);
        }
        let manifest = Manifest::read(&root)?;
        if manifest.undo_of.as_deref() != Some(of) {
            let message = format!("the run `{}` is there and is no undo of `{of}`", self.run);
            return Err(Failure::new(Blame::Guard, message)
                .hint("move its folder away; an undo needs this name"));
        }
        let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
        Ok(match state.closed {
            Some(closed) => Stand::Finished(root, closed.exit_code),
            None => Stand::Unfinished(root),
        })
    }
}

/// `undo/NNN.ids.csv`: the old and the new Id of each record that a part has created anew.
///
/// Rows are told by their numbers in the input of the part.
pub(super) fn write_ids(
    folder: &Path,
    part: &Part,
    runs_dir: &Path,
) -> Result<Option<PathBuf>, Failure> {
    let input = folder.join(&part.input);
    let success = runs_dir.join(&part.run).join("out/success.csv");
    let open = |path: &Path| {
        let reader = ReaderBuilder::new().flexible(true).from_path(path);
        reader.map_err(|error| Failure::disk("read", path, &error.into()))
    };
    let (mut old, mut new) = (open(&input)?, open(&success)?);
    let bad = |path: &Path, error: csv::Error| Failure::disk("read", path, &error.into());
    let place = |header: &ByteRecord, name: &str| {
        header.iter().rposition(|column| column == name.as_bytes())
    };
    let at = place(old.byte_headers().map_err(|error| bad(&input, error))?, OLD_ID);
    let header = new.byte_headers().map_err(|error| bad(&success, error))?;
    let (id, row) = (place(header, "sf__Id"), place(header, "longshore__row"));
    let (Some(at), Some(id), Some(row)) = (at, id, row) else { return Ok(None) };

    let stem = part.input.split('.').next().unwrap_or_default();
    let name = format!("{stem}.ids.csv");
    let mut sheet = Sheet::new(folder, &name, &["old", "new"]);
    let (mut before, mut made, mut number) = (ByteRecord::new(), ByteRecord::new(), 0_u64);
    while new.read_byte_record(&mut made).map_err(|error| bad(&success, error))? {
        let wanted = made.get(row).and_then(|cell| std::str::from_utf8(cell).ok());
        let Some(wanted) = wanted.and_then(|cell| cell.parse::<u64>().ok()) else { continue };
        while number < wanted {
            if !old.read_byte_record(&mut before).map_err(|error| bad(&input, error))? {
                return Ok(None);
            }
            number += 1;
        }
        let cells = [before.get(at).unwrap_or_default(), made.get(id).unwrap_or_default()];
        sheet.row(cells.into_iter())?;
    }
    Ok(sheet.finish()?.then(|| folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RunFolder;

    #[test]
    fn the_newest_record_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::newest(&folder.path().join("undo")).unwrap(), None);
        let record =
            |run: &str| Record { run: run.to_owned(), tally: Tally::default(), parts: Vec::new() };
        for (name, run) in [("001.json", "a"), ("010.json", "c"), ("009.json", "b")] {
            record(run).write(&folder.path().join(name)).unwrap();
        }
        assert_eq!(Record::newest(folder.path()).unwrap(), Some(record("c")));
        write_whole(&folder.path().join("011.json"), b"{").unwrap();
        assert_eq!(Record::newest(folder.path()).unwrap_err().blame, Blame::Ledger);
    }

    #[test]
    fn a_folder_of_that_name_that_is_no_run_is_taken_away() {
        let runs = tempfile::tempdir().unwrap();
        let part = Part {
            operation: Operation::Delete,
            rows: 1,
            input: "001.delete.csv".to_owned(),
            run: "r-undo-001-delete".to_owned(),
        };
        assert_eq!(part.stand(runs.path(), "r").unwrap(), Stand::NotBegun);
        let made = RunFolder::make(runs.path(), &part.run, "now").unwrap();
        let root = made.root().to_owned();
        drop(made);
        assert_eq!(part.stand(runs.path(), "r").unwrap(), Stand::NotBegun);
        assert!(!root.exists());
    }

    #[test]
    fn old_and_new_ids_are_told_by_row() {
        let folder = tempfile::tempdir().unwrap();
        let (undo, runs) = (folder.path().join("undo"), folder.path().join("runs"));
        let put = |path: PathBuf, text: &str| {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).create(path.parent().unwrap()).unwrap();
            write_whole(&path, text.as_bytes()).unwrap();
        };
        put(undo.join("004.insert.csv"), "Name,longshore__old_id\na,1\nb,2\n\"c\nd\",3\n");
        let text = "Name,sf__Id,sf__Created,longshore__row,longshore__match\n\
                    a,11,true,1,text\n\"c\nd\",33,true,3,text\n";
        put(runs.join("x/out/success.csv"), text);
        let part = Part {
            operation: Operation::Insert,
            rows: 3,
            input: "004.insert.csv".to_owned(),
            run: "x".to_owned(),
        };
        let path = write_ids(&undo, &part, &runs).unwrap().unwrap();
        assert!(path.ends_with("undo/004.ids.csv"));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "old,new\n1,11\n3,33\n");
    }
}
