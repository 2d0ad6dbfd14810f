//! The shelf: lines of success.csv for rows that were left out, on their way past the jobs.
//!
//! Intake puts them into a file of `sent/` as the rows come by, and settle takes them from there so
//! that success.csv keeps the order of the input. A record is the row number (8 bytes), the length
//! of the line (4 bytes) and the line, numbers low byte first. Nothing is read that was not shown:
//! the writer shows what is whole before it hands a chunk on that may lie behind it.

use std::fs::OpenOptions;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::faults;
use crate::ledger::Shelved;
use crate::model::cells::push_cell;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::verdict::MatchKind;

/// What `sf__Created` says of such a row.
const UNCHANGED: &str = "unchanged";

/// Where the lines lie, and how many bytes of them may be read.
#[derive(Debug, Clone)]
pub struct Shelf {
    path: PathBuf,
    shown: Arc<AtomicU64>,
}

impl Shelf {
    /// The shelf in the folder of chunks.
    pub fn in_folder(sent: &Path) -> Self {
        Self { path: sent.join("unchanged.lines"), shown: Arc::default() }
    }

    /// Begins it anew.
    pub fn begin(&self) -> Result<ShelfWriter, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = faults::open(&options, &self.path)
            .map_err(|error| Failure::disk("create", &self.path, &error))?;
        Ok(ShelfWriter {
            shelf: self.clone(),
            file: BufWriter::with_capacity(128 << 10, file),
            hasher: blake3::Hasher::new(),
            rows: 0,
            bytes: 0,
            line: Vec::new(),
        })
    }

    /// Whether an earlier process left it whole; it can be read then.
    pub fn find(&self, about: &Shelved) -> bool {
        let mut hasher = blake3::Hasher::new();
        let read =
            std::fs::File::open(&self.path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        let is_whole = read.is_ok_and(|bytes| bytes == about.bytes);
        let is_it = is_whole && Digest::finish(&hasher) == about.digest;
        if is_it {
            self.shown.store(about.bytes, Ordering::Release);
        }
        is_it
    }

    /// Reads it from its beginning; the file is opened when there is something to read.
    pub fn reader(&self) -> ShelfReader {
        ShelfReader { shelf: self.clone(), file: None, at: 0, head: None, line: Vec::new() }
    }
}

/// Puts lines on the shelf.
pub struct ShelfWriter {
    shelf: Shelf,
    file: BufWriter<faults::File>,
    hasher: blake3::Hasher,
    rows: u64,
    bytes: u64,
    line: Vec<u8>,
}

impl ShelfWriter {
    /// Appends a row with the Id of its record; `source` are its cells of the user's columns.
    pub fn push<'a>(
        &mut self,
        row: u64,
        id: &str,
        source: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        self.line.clear();
        self.line.extend_from_slice(&row.to_le_bytes());
        self.line.extend_from_slice(&[0; 4]);
        for cell in source {
            push_cell(&mut self.line, cell);
            self.line.push(b',');
        }
        writeln!(self.line, "{id},{UNCHANGED},{row},{}", MatchKind::Look.word())
            .unwrap_or_default();
        let length = u32::try_from(self.line.len() - 12).unwrap_or(u32::MAX);
        self.line[8..12].copy_from_slice(&length.to_le_bytes());
        self.file.write_all(&self.line).map_err(|error| self.failed(&error))?;
        self.hasher.update(&self.line);
        self.rows += 1;
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    /// Lets all that was put there be read.
    pub fn show(&mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| self.failed(&error))?;
        self.shelf.shown.store(self.bytes, Ordering::Release);
        Ok(())
    }

    /// Makes the file durable; returns what the ledger remembers of it.
    pub fn finish(mut self) -> Result<Shelved, Failure> {
        self.show()?;
        self.file.get_ref().sync_all().map_err(|error| self.failed(&error))?;
        let digest = Digest::finish(&self.hasher);
        Ok(Shelved { rows: self.rows, bytes: self.bytes, digest })
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::disk("write", &self.shelf.path, error)
    }
}

/// Takes lines from the shelf, in the order of their rows.
pub struct ShelfReader {
    shelf: Shelf,
    file: Option<BufReader<std::fs::File>>,
    at: u64,
    /// The row of the line at hand.
    head: Option<u64>,
    line: Vec<u8>,
}

impl ShelfReader {
    /// The next line, if it is of a row before `row`.
    pub fn next_before(&mut self, row: u64) -> Result<Option<&[u8]>, Failure> {
        let path = self.shelf.path.clone();
        self.fill().map_err(|error| Failure::disk("read", &path, &error))?;
        Ok(self.head.take_if(|head| *head < row).map(|_| self.line.as_slice()))
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.head.is_some() || self.at >= self.shelf.shown.load(Ordering::Acquire) {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufReader::new(std::fs::File::open(&self.shelf.path)?)),
        };
        let (mut row, mut length) = ([0; 8], [0; 4]);
        file.read_exact(&mut row)?;
        file.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        self.line.resize(length as usize, 0);
        file.read_exact(&mut self.line)?;
        self.at += 12 + u64::from(length);
        self.head = Some(u64::from_le_bytes(row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(reader: &mut ShelfReader, before: u64) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = reader.next_before(before).unwrap() {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        }
        lines
    }

    #[test]
    fn lines_are_taken_in_their_order_and_never_before_they_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::in_folder(folder.path());
        let mut reader = shelf.reader();
        assert!(taken(&mut reader, u64::MAX).is_empty(), "there is no file yet");
        let mut writer = shelf.begin().unwrap();
        let push = |writer: &mut ShelfWriter, row| {
            writer.push(row, "001A", ["a,b", ""].iter().map(|cell| cell.as_bytes())).unwrap();
        };
        push(&mut writer, 2);
        push(&mut writer, 3);
        assert!(taken(&mut reader, u64::MAX).is_empty());
        writer.show().unwrap();
        push(&mut writer, 7);
        let line = |row| format!("\"a,b\",,001A,unchanged,{row},look\n");
        assert_eq!(taken(&mut reader, 3), [line(2)]);
        assert_eq!(taken(&mut reader, 3), Vec::<String>::new());
        assert_eq!(taken(&mut reader, 9), [line(3)]);
        let about = writer.finish().unwrap();
        assert_eq!(about.rows, 3);
        assert_eq!(taken(&mut reader, u64::MAX), [line(7)]);
        // Another process finds it whole or not at all.
        let again = Shelf::in_folder(folder.path());
        assert!(taken(&mut again.reader(), u64::MAX).is_empty());
        assert!(!again.find(&Shelved { bytes: 1, ..about }));
        assert!(!again.find(&Shelved { digest: Digest::of(b""), ..about }));
        assert!(again.find(&about));
        assert_eq!(taken(&mut again.reader(), u64::MAX), [line(2), line(3), line(7)]);
    }
}
