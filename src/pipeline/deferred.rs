//! Rows that are sent again: those that met a lock, on their way from settle to the next round.
//!
//! Settle writes them down in the order of the input, into two files: `sent/roundN.csv`, of which a
//! line is row number, line, the source cells and the cells of the body; and the list of their
//! numbers, which stays with the run as `roundN.rows` from the moment that the round begins.
//! Memory: one row, or one slab.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use crate::faults;
use crate::ledger::{Round, round_list, sync_folder};
use crate::model::cells::push_line;
use crate::model::chunk::{Chunk, ChunkNumber, Digest};
use crate::model::failure::Failure;
use crate::model::limits::{SLAB_BYTES, SLAB_ROWS};
use crate::model::rows::{CheckedSlab, RawSlab, RowMark, Table};

/// Takes the rows that go into one round; without a row it writes nothing.
pub struct DeferredWriter {
    root: PathBuf,
    path: PathBuf,
    round: u32,
    open: Option<Open>,
    line: Vec<u8>,
}

struct Open {
    rows: BufWriter<faults::File>,
    list: BufWriter<faults::File>,
    hasher: blake3::Hasher,
    count: u64,
    first: u64,
    last: u64,
}

/// The rows of a round, written down.
#[derive(Debug, Clone)]
pub struct Deferred {
    pub round: u32,
    pub rows: u64,
    /// Of the list of their numbers.
    pub digest: Digest,
    first: u64,
    last: u64,
    path: PathBuf,
    root: PathBuf,
}

impl DeferredWriter {
    /// Rows of round `round` of the run in `root`, whose chunks lie in `sent`.
    pub fn new(root: &Path, sent: &Path, round: u32) -> Self {
        let path = sent.join(format!("round{round}.csv"));
        Self { root: root.to_owned(), path, round, open: None, line: Vec::new() }
    }

    /// Takes a row: `source` is row number, line and source cells, `body` what is sent of it.
    pub fn push(
        &mut self,
        row: u64,
        source: &ByteRecord,
        body: &ByteRecord,
    ) -> Result<(), Failure> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open {
                rows: create(&self.path)?,
                list: create(&beside(&self.root, self.round))?,
                hasher: blake3::Hasher::new(),
                count: 0,
                first: row,
                last: row,
            }),
        };
        self.line.clear();
        push_line(&mut self.line, source.iter().chain(body.iter()));
        let number = format!("{row}\n");
        open.hasher.update(number.as_bytes());
        (open.count, open.last) = (open.count + 1, row);
        let written =
            open.rows.write_all(&self.line).and_then(|()| open.list.write_all(number.as_bytes()));
        written.map_err(|error| Failure::disk("write", &self.path, &error))
    }

    /// What was put off, if anything was.
    pub fn finish(self) -> Result<Option<Deferred>, Failure> {
        let Self { root, path, round, open, .. } = self;
        let Some(Open { mut rows, mut list, hasher, count, first, last }) = open else {
            return Ok(None);
        };
        rows.flush()
            .and_then(|()| list.flush())
            .and_then(|()| list.get_ref().sync_all())
            .map_err(|error| Failure::disk("write", &path, &error))?;
        let digest = Digest::finish(&hasher);
        Ok(Some(Deferred { round, rows: count, digest, first, last, path, root }))
    }
}

impl Deferred {
    /// What the ledger tells of it.
    pub fn round(&self) -> Round {
        Round { rows: self.rows, digest: self.digest }
    }

    /// The round begins: gives the list its name.
    pub fn keep(&self) -> Result<(), Failure> {
        let path = round_list(&self.root, self.round);
        let beside = beside(&self.root, self.round);
        faults::rename(&beside, &path)
            .and_then(|()| sync_folder(&path))
            .map_err(|error| Failure::disk("write", &path, &error))
    }

    /// The round does not begin now.
    pub fn leave(&self) -> Result<(), Failure> {
        let path = beside(&self.root, self.round);
        faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))
    }

    /// The rows as if they were a chunk; there is no body.
    pub fn chunk(&self) -> Chunk {
        Chunk {
            number: ChunkNumber(0),
            rows: u32::try_from(self.rows).unwrap_or(u32::MAX),
            first_row: self.first,
            last_row: self.last,
            body: PathBuf::new(),
            body_bytes: 0,
            digest: self.digest,
            source: self.path.clone(),
            source_digest: self.digest,
            window: None,
        }
    }

    /// Reads the rows; `fields` is the number of cells of a body.
    pub fn read(&self, fields: usize) -> Result<DeferredRows, Failure> {
        let file = std::fs::File::open(&self.path)
            .map_err(|error| Failure::disk("open", &self.path, &error))?;
        let reader =
            ReaderBuilder::new().has_headers(false).buffer_capacity(64 << 10).from_reader(file);
        Ok(DeferredRows { path: self.path.clone(), reader, record: ByteRecord::new(), fields })
    }
}

/// Reads rows that were put off, slab by slab.
pub struct DeferredRows {
    path: PathBuf,
    reader: csv::Reader<std::fs::File>,
    record: ByteRecord,
    fields: usize,
}

impl DeferredRows {
    /// The next rows, all of them accepted; none at the end.
    pub fn next_slab(&mut self) -> Result<Option<CheckedSlab>, Failure> {
        let mut slab: Option<CheckedSlab> = None;
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| self.broken(&io::Error::other(error)))? {
                return Ok(slab);
            }
            let width = self.record.len().checked_sub(self.fields + 2);
            let number = |at: usize| std::str::from_utf8(self.record.get(at)?).ok()?.parse().ok();
            let (Some(width), Some(row), Some(line)) = (width, number(0), number(1)) else {
                let error = io::Error::new(io::ErrorKind::InvalidData, "a line is damaged");
                return Err(self.broken(&error));
            };
            let slab = slab.get_or_insert_with(|| CheckedSlab {
                raw: RawSlab { table: Table::new(width), ..RawSlab::default() },
                fields: Table::new(self.fields),
                accepted: Vec::new(),
                rejected: Vec::new(),
            });
            slab.accepted.push(u32::try_from(slab.accepted.len()).unwrap_or(u32::MAX));
            slab.raw.marks.push(RowMark { row, line });
            let cells = self.record.iter().skip(2);
            cells.clone().take(width).for_each(|cell| slab.raw.table.push_field(cell));
            cells.skip(width).for_each(|cell| slab.fields.push_field(cell));
            let bytes = slab.raw.table.weight() + slab.fields.weight();
            if slab.accepted.len() >= SLAB_ROWS || bytes >= SLAB_BYTES {
                break;
            }
        }
        Ok(slab)
    }

    fn broken(&self, error: &io::Error) -> Failure {
        Failure::disk("read", &self.path, error)
    }
}

fn beside(root: &Path, round: u32) -> PathBuf {
    root.join(format!("round{round}.rows.part"))
}

fn create(path: &Path) -> Result<BufWriter<faults::File>, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file =
        faults::open(&options, path).map_err(|error| Failure::disk("create", path, &error))?;
    Ok(BufWriter::with_capacity(64 << 10, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_put_off() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut writer = DeferredWriter::new(root, root, 2);
        let cells = |number: u64| {
            let (row, text) = (number.to_string(), format!("a \"{number}\",\n"));
            let source = ByteRecord::from(vec![&row, &row, &text, ""]);
            (source, ByteRecord::from(vec![text.as_str(), "", "x"]))
        };
        let rows = 3_000_u64;
        for row in 1..=rows {
            let (source, body) = cells(row * 2);
            writer.push(row * 2, &source, &body).unwrap();
        }
        let deferred = writer.finish().unwrap().unwrap();
        assert_eq!((deferred.round, deferred.rows), (2, rows));
        let mut read = deferred.read(3).unwrap();
        let mut number = 0;
        while let Some(slab) = read.next_slab().unwrap() {
            for index in 0..slab.accepted.len() {
                number += 2;
                let (source, body) = cells(number);
                assert_eq!(slab.raw.marks[index], RowMark { row: number, line: number });
                assert!(slab.raw.table.row(index).eq(source.iter().skip(2)));
                assert!(slab.fields.row(index).eq(body.iter()));
            }
        }
        assert_eq!(number, rows * 2);
        let numbers: Vec<String> = (1..=rows).map(|row| (row * 2).to_string()).collect();
        let list = numbers.join("\n") + "\n";
        assert_eq!(deferred.digest, Digest::of(list.as_bytes()));
        deferred.keep().unwrap();
        assert_eq!(std::fs::read_to_string(round_list(root, 2)).unwrap(), list);
        assert!(DeferredWriter::new(root, root, 3).finish().unwrap().is_none());
    }
}
