//! The list of rows that are not sent with all the others, as it lies in the run folder.
//!
//! A line for each, in the order of the input: the row, and the row it is held against. The
//! manifest has the digest, so every process of the run makes the same of each row.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::sort::Sorted;
use crate::config::plan::OnDuplicate;
use crate::faults;
use crate::ledger::{DuplicateRows, RunFolder};
use crate::model::failure::Failure;
use crate::model::rows::{CheckedSlab, DUPLICATE_ROW, Rejected};
use crate::pipeline::row_list::{RowList, private};

/// The list, read along with the rows of the input.
#[derive(Debug, Default)]
pub struct Repeats {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    list: RowList,
    about: DuplicateRows,
    separate: bool,
}

impl Repeats {
    /// Opens the list of a run, if it has one, and holds it against its digest.
    pub fn open(
        folder: &RunFolder,
        about: Option<&DuplicateRows>,
        policy: Option<OnDuplicate>,
    ) -> Result<Self, Failure> {
        match about {
            Some(about) => Self::open_at(place(folder), about, policy),
            None => Ok(Self::default()),
        }
    }

    /// Opens a list that lies somewhere else.
    pub(super) fn open_at(
        path: PathBuf,
        about: &DuplicateRows,
        policy: Option<OnDuplicate>,
    ) -> Result<Self, Failure> {
        let open = Open {
            list: RowList::open(path, about.digest, "rows with the same key")?,
            about: about.clone(),
            separate: policy == Some(OnDuplicate::Separate),
        };
        Ok(Self { open: Some(open) })
    }

    /// Moves the accepted rows that are left out to the rejected of their slab; returns those that
    /// must not share a chunk with an earlier row, and that row.
    pub fn set_apart(&mut self, slab: &mut CheckedSlab) -> Result<Vec<(u64, u64)>, Failure> {
        let mut apart = Vec::new();
        let Some(open) = &mut self.open else { return Ok(apart) };
        let mut kept = Vec::with_capacity(slab.accepted.len());
        for index in std::mem::take(&mut slab.accepted) {
            let mark = slab.raw.marks[index as usize];
            let Some(other) = open.list.word_of(mark.row)? else {
                kept.push(index);
                continue;
            };
            let other: u64 = other.parse().map_err(|_| open.list.damaged())?;
            if open.separate {
                apart.push((mark.row, other));
                kept.push(index);
                continue;
            }
            slab.rejected.push(Rejected {
                mark,
                column: Some(open.about.key.clone()),
                code: DUPLICATE_ROW,
                message: format!(
                    "the same key ({}) as row {other}, which is kept",
                    open.about.names
                ),
                source: slab.raw.source_of(index as usize),
            });
        }
        slab.accepted = kept;
        slab.rejected.sort_by_key(|rejected| rejected.mark.row);
        Ok(apart)
    }
}

/// A set of rows, at a bit for each row of the input.
#[derive(Debug, Default)]
pub struct Tied(Vec<u64>);

impl Tied {
    pub fn has(&self, row: u64) -> bool {
        let (place, bit) = split(row);
        self.0.get(place).is_some_and(|bits| bits & bit != 0)
    }

    pub(super) fn add(&mut self, row: u64) {
        let (place, bit) = split(row);
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= bit;
    }
}

/// The place of a row in the set, and its bit there.
fn split(row: u64) -> (usize, u64) {
    (usize::try_from(row / 64).unwrap_or(usize::MAX), 1 << (row % 64))
}

/// Writes the list and makes it durable.
pub(super) fn write(path: &Path, pairs: &mut Sorted) -> Result<(), Failure> {
    let disk = |error: &io::Error| Failure::disk("write", path, error);
    let file = faults::open(&private(), path).map_err(|error| disk(&error))?;
    let mut file = BufWriter::new(file);
    let mut line = Vec::new();
    let mut walk = pairs.walk()?;
    while let Some([row, other, _]) = walk.next()? {
        push_line(&mut line, row, other);
        file.write_all(&line).map_err(|error| disk(&error))?;
    }
    file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| disk(&error))
}

/// Makes the line of a row, in place of what `line` held.
pub(super) fn push_line(line: &mut Vec<u8>, row: u64, other: u64) {
    line.clear();
    writeln!(line, "{row},{other}").unwrap_or_default();
}

/// Where the list lies.
pub fn place(folder: &RunFolder) -> PathBuf {
    folder.root().join("duplicates.rows")
}

#[cfg(test)]
mod tests {
    use super::super::sort::{Room, Sorter};
    use super::*;
    use crate::model::chunk::Digest;
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

    /// A list of two rows, each held against row 1.
    fn listed(folder: &Path, policy: OnDuplicate) -> Repeats {
        let folder = RunFolder::make(folder, policy.word(), "now").unwrap();
        let room = Room::new(folder.root().to_owned(), "r");
        let mut sorter = Sorter::new(&room);
        for pair in [[4, 1, 0], [2, 1, 0]] {
            sorter.push(pair).unwrap();
        }
        write(&place(&folder), &mut sorter.sorted()).unwrap();
        let text = std::fs::read(place(&folder)).unwrap();
        assert_eq!(text, b"2,1\n4,1\n");
        let digest = Digest::of(&text);
        let about =
            DuplicateRows { rows: 2, digest, key: "Id".to_owned(), names: "`Id`".to_owned() };
        Repeats::open(&folder, Some(&about), Some(policy)).unwrap()
    }

    #[test]
    fn rows_are_left_out_or_kept_apart_slab_by_slab() {
        let folder = tempfile::tempdir().unwrap();
        let mut repeats = listed(folder.path(), OnDuplicate::KeepFirst);
        for (rows, accepted, rejected) in
            [(&[1, 2, 3][..], &[0, 2][..], &[2][..]), (&[4, 5], &[1], &[4]), (&[6], &[0], &[])]
        {
            let mut slab = slab(rows);
            assert_eq!(repeats.set_apart(&mut slab).unwrap(), []);
            assert_eq!(slab.accepted, accepted);
            let found: Vec<u64> = slab.rejected.iter().map(|row| row.mark.row).collect();
            assert_eq!(found, rejected);
        }
        let mut repeats = listed(folder.path(), OnDuplicate::Separate);
        for (rows, apart) in [(&[1, 2, 3][..], &[(2, 1)][..]), (&[4], &[(4, 1)]), (&[5], &[])] {
            let mut slab = slab(rows);
            assert_eq!(repeats.set_apart(&mut slab).unwrap(), apart);
            assert_eq!(slab.accepted.len(), rows.len());
        }
    }

    #[test]
    fn a_set_of_rows_has_what_was_added() {
        let mut tied = Tied::default();
        for row in [0, 1, 63, 64, 1_000] {
            tied.add(row);
        }
        let found: Vec<u64> = (0..2_000).filter(|row| tied.has(*row)).collect();
        assert_eq!(found, [0, 1, 63, 64, 1_000]);
    }

    #[test]
    fn a_row_that_is_not_fit_any_more_stops_what_was_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mut repeats = listed(folder.path(), OnDuplicate::KeepLast);
        let failure = repeats.set_apart(&mut slab(&[1, 3])).unwrap_err();
        assert_eq!(failure.blame, Blame::Guard);
        let says = "row 2 was fit to be sent when the run began, and is not now";
        assert_eq!(failure.message, says);
    }
}
