//! The list of rows that change nothing, as it lies in the run folder.
//!
//! A line `ROW,ID` for each, in the order of the input: the row, and the record that holds already
//! what it says. The manifest has the digest, so every process of the run leaves out the same rows.

use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use crate::faults;
use crate::ledger::{RunFolder, UnchangedRows, make_runs_dir};
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::rows::CheckedSlab;
use crate::pipeline::row_list::{RowList, private};

/// What the listed rows are.
const WHAT: &str = "rows that change nothing";

/// The list while it is made: in a file of the runs' folder that has lost its name, so that none
/// stays behind, however the process ends.
#[derive(Debug)]
pub(super) struct Draft {
    folder: PathBuf,
    path: PathBuf,
    files: Option<(BufWriter<faults::File>, std::fs::File)>,
    hasher: blake3::Hasher,
    rows: u64,
}

impl Draft {
    pub(super) fn new(runs_dir: PathBuf, run: &str) -> Self {
        let path = runs_dir.join(format!(".{run}-unchanged"));
        Self { folder: runs_dir, path, files: None, hasher: blake3::Hasher::new(), rows: 0 }
    }

    /// Appends rows and the Ids of their records.
    pub(super) fn add(&mut self, rows: &[(u64, String)]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (row, id) in rows {
            writeln!(text, "{row},{id}").unwrap_or_default();
        }
        self.rows += rows.len() as u64;
        self.hasher.update(&text);
        if self.files.is_none() {
            make_runs_dir(&self.folder)?;
            self.files = Some(nameless(&self.path).map_err(|error| self.failed(&error))?);
        }
        let Some((file, _)) = &mut self.files else { return Ok(()) };
        file.write_all(&text).map_err(|error| Failure::disk("write", &self.path, &error))
    }

    /// The list with nothing more to come; `None` where it has no row.
    pub(super) fn finish(mut self) -> Result<Option<Self>, Failure> {
        let Some((file, _)) = &mut self.files else { return Ok(None) };
        file.flush().map_err(|error| Failure::disk("write", &self.path, &error))?;
        Ok(Some(self))
    }

    pub(super) fn about(&self) -> UnchangedRows {
        UnchangedRows { rows: self.rows, digest: Digest::finish(&self.hasher) }
    }

    /// Copies the list into the folder of the run and makes it durable.
    pub(super) fn write(&mut self, folder: &RunFolder) -> Result<(), Failure> {
        let to = place(folder);
        let Some((_, from)) = &mut self.files else { return Ok(()) };
        let written = from.rewind().and_then(|()| {
            let mut file = BufWriter::new(faults::open(&private(), &to)?);
            io::copy(&mut BufReader::new(from), &mut file)?;
            file.flush()?;
            file.get_ref().sync_all()
        });
        written.map_err(|error| Failure::disk("write", &to, &error))
    }

    /// The list as it is, for somebody who only looks.
    pub(super) fn passing(&mut self) -> Result<Unchanged, Failure> {
        let Some((_, from)) = &mut self.files else { return Ok(Unchanged::default()) };
        let again = from.rewind().and_then(|()| from.try_clone());
        let again = again.map_err(|error| self.failed(&error))?;
        Ok(Unchanged { list: Some(RowList::read(self.path.clone(), again, WHAT)?) })
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::disk("write", &self.path, error)
    }
}

/// A file to be written and read that nobody finds.
fn nameless(path: &Path) -> io::Result<(BufWriter<faults::File>, std::fs::File)> {
    let file = faults::open(&private(), path)?;
    let reading = std::fs::File::open(path);
    faults::remove_file(path)?;
    Ok((BufWriter::new(file), reading?))
}

/// Where the list lies.
fn place(folder: &RunFolder) -> PathBuf {
    folder.root().join(UnchangedRows::FILE)
}

/// The list, read along with the rows of the input.
#[derive(Debug, Default)]
pub struct Unchanged {
    list: Option<RowList>,
}

impl Unchanged {
    /// Opens the list of a run, if it has one, and holds it against its digest.
    pub fn open(folder: &RunFolder, about: Option<&UnchangedRows>) -> Result<Self, Failure> {
        let list = about.map(|about| RowList::open(place(folder), about.digest, WHAT));
        Ok(Self { list: list.transpose()? })
    }

    /// Takes the listed rows out of the accepted ones of a slab; returns them by their place there,
    /// each with the Id of its record.
    pub fn take_out(&mut self, slab: &mut CheckedSlab) -> Result<Vec<(usize, String)>, Failure> {
        let mut out = Vec::new();
        let Some(list) = &mut self.list else { return Ok(out) };
        let mut kept = Vec::with_capacity(slab.accepted.len());
        for index in std::mem::take(&mut slab.accepted) {
            let row = slab.raw.marks[index as usize].row;
            match list.word_of(row)? {
                Some(id) => out.push((index as usize, id)),
                None => kept.push(index),
            }
        }
        slab.accepted = kept;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::Blame;
    use crate::model::rows::{RawSlab, RowMark, Table};

    fn slab(rows: &[u64]) -> CheckedSlab {
        let mut raw = RawSlab { table: Table::new(1), ..RawSlab::default() };
        for row in rows {
            raw.table.push_field(b"k");
            raw.marks.push(RowMark { row: *row, line: row + 1 });
        }
        CheckedSlab { accepted: (0..).take(rows.len()).collect(), raw, ..CheckedSlab::default() }
    }

    fn draft(folder: &Path) -> Draft {
        let mut draft = Draft::new(folder.join("runs"), "r");
        draft.add(&[]).unwrap();
        draft.add(&[(2, "A".to_owned())]).unwrap();
        draft.add(&[(4, "B".to_owned()), (5, "C".to_owned())]).unwrap();
        draft.finish().unwrap().unwrap()
    }

    #[test]
    fn listed_rows_are_taken_out_slab_by_slab() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = draft(folder.path());
        assert_eq!(std::fs::read_dir(folder.path().join("runs")).unwrap().count(), 0);
        let run = RunFolder::make(&folder.path().join("runs"), "r", "now").unwrap();
        draft.write(&run).unwrap();
        assert_eq!(std::fs::read(place(&run)).unwrap(), b"2,A\n4,B\n5,C\n");
        let about = draft.about();
        for mut unchanged in
            [Unchanged::open(&run, Some(&about)).unwrap(), draft.passing().unwrap()]
        {
            for (rows, accepted, out) in [
                (&[1, 2, 3][..], &[0, 2][..], &[(1, "A".to_owned())][..]),
                (&[4, 5], &[], &[(0, "B".to_owned()), (1, "C".to_owned())]),
                (&[6], &[0], &[]),
            ] {
                let mut slab = slab(rows);
                assert_eq!(unchanged.take_out(&mut slab).unwrap(), out);
                assert_eq!(slab.accepted, accepted);
            }
        }
        let empty = Draft::new(folder.path().join("runs"), "s").finish().unwrap();
        assert!(empty.is_none());
    }

    #[test]
    fn a_list_that_is_not_what_it_was_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = draft(folder.path());
        let run = RunFolder::make(&folder.path().join("runs"), "r", "now").unwrap();
        let about = draft.about();
        let refused = |says: &str| {
            let failure = Unchanged::open(&run, Some(&about)).unwrap_err();
            assert_eq!(failure.blame, Blame::Guard);
            assert!(failure.message.contains(says), "{}", failure.message);
        };
        refused("is missing or not what it was when the run began");
        crate::ledger::write_whole(&place(&run), b"2,A\n4,B\n5,D\n").unwrap();
        refused("is missing or not what it was when the run began");
        draft.write(&run).unwrap();
        let mut unchanged = Unchanged::open(&run, Some(&about)).unwrap();
        let failure = unchanged.take_out(&mut slab(&[1, 3])).unwrap_err();
        let says = "row 2 was fit to be sent when the run began, and is not now";
        assert_eq!((failure.blame, &*failure.message), (Blame::Guard, says));
    }
}
