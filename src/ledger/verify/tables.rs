//! The files that are verified, read as streams that are counted and hashed as they pass.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::Faults;
use crate::model::chunk::Digest;
use crate::model::records::Records;
use crate::model::verdict::MatchKind;

/// The result files.
pub const NAMES: [&str; 5] =
    ["success.csv", "error.csv", "rejected.csv", "unprocessed.csv", "unknown.csv"];

/// A result file and the row that stands next in it.
pub struct Table {
    pub name: &'static str,
    /// The number of the row; `None` at the end.
    pub head: Option<u64>,
    records: Option<Records<Tallied>>,
    is_success: bool,
    row_column: Option<usize>,
    id_column: Option<usize>,
    match_column: Option<usize>,
    rows: u64,
    /// Why it cannot be read.
    broken: Option<String>,
}

/// What a file turned out to be.
pub struct FileRead {
    pub rows: u64,
    pub bytes: u64,
    pub digest: Digest,
}

impl Table {
    /// Opens `folder/name`; a file that is not there has no rows, and is told as a fault later.
    pub fn open(folder: &Path, name: &'static str) -> Self {
        let mut table = Self {
            name,
            head: None,
            records: None,
            is_success: name == NAMES[0],
            row_column: None,
            id_column: None,
            match_column: None,
            rows: 0,
            broken: None,
        };
        match open(&folder.join(name)) {
            Ok(header) => {
                table.row_column = column(&header, "longshore__row");
                table.id_column = column(&header, "sf__Id");
                table.match_column = column(&header, "longshore__match");
                table.records = Some(header);
            }
            Err(error) => table.broken = Some(error.to_string()),
        }
        table
    }

    /// Goes to the next row that has a number.
    pub fn advance(&mut self, faults: &mut Faults) {
        self.head = None;
        if let Some(error) = self.broken.take() {
            faults.add(format!("{} cannot be read: {error}", self.name));
        }
        while let Some(records) = &mut self.records {
            match records.advance() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    return faults.add(format!("{} cannot be read: {error}", self.name));
                }
            }
            self.rows += 1;
            self.head = self.row_column.and_then(|column| number(records.cell(column)?));
            if self.head.is_some() {
                return;
            }
            faults.add(format!("line {} of {} has no row number", self.rows, self.name));
        }
    }

    /// The Id in the row, if there is one; of success.csv only.
    #[inline]
    pub fn id(&self) -> Option<&[u8]> {
        let id = self.cell(self.id_column)?;
        (self.is_success && !id.is_empty()).then_some(id)
    }

    /// Whether the row is said not to have been sent, as it changes nothing.
    #[inline]
    pub fn is_left_out(&self) -> bool {
        self.is_success && is_look(self.cell(self.match_column))
    }

    /// The Id in the row, as it stands there.
    pub fn id_text(&self) -> &[u8] {
        self.cell(self.id_column).unwrap_or_default()
    }

    /// Where the row begins in the file.
    pub fn offset(&self) -> u64 {
        self.records.as_ref().map_or(0, Records::offset)
    }

    #[inline]
    fn cell(&self, column: Option<usize>) -> Option<&[u8]> {
        self.records.as_ref()?.cell(column?)
    }

    /// Reads what is left, and says what passed.
    pub fn finish(self) -> FileRead {
        let Some(records) = self.records else {
            return FileRead { rows: 0, bytes: 0, digest: Digest::of(b"") };
        };
        let mut rest = records.into_inner();
        // What cannot be read is not hashed either, and shows.
        let _read = io::copy(&mut rest, &mut io::sink()).is_ok();
        FileRead { rows: self.rows, bytes: rest.bytes, digest: Digest::finish(&rest.hasher) }
    }
}

/// Reads results as received; `take` gets every Id.
pub fn read_raw(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<FileRead> {
    let mut records = open(path)?;
    let id_column = column(&records, "sf__Id");
    let mut rows = 0;
    while records.advance()? {
        rows += 1;
        if let Some(id) = id_column.and_then(|column| records.cell(column)) {
            take(id);
        }
    }
    let read = records.into_inner();
    Ok(FileRead { rows, bytes: read.bytes, digest: Digest::finish(&read.hasher) })
}

/// The row numbers and Ids of success.csv, one after the other.
pub fn each_id(path: &Path, mut take: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let mut records = open(path)?;
    let columns = column(&records, "longshore__row").zip(column(&records, "sf__Id"));
    let Some((row_column, id_column)) = columns else { return Ok(()) };
    while records.advance()? {
        let row = records.cell(row_column).and_then(number).unwrap_or(0);
        if let Some(id) = records.cell(id_column).filter(|id| !id.is_empty()) {
            take(row, id);
        }
    }
    Ok(())
}

/// Digests of the Ids of the rows of success.csv that were sent, from the row at `offset` on to
/// `last_row`.
pub fn ids_from(path: &Path, offset: u64, last_row: u64) -> io::Result<Vec<u128>> {
    let mut records = open(path)?;
    let (row_column, id_column) = (column(&records, "longshore__row"), column(&records, "sf__Id"));
    let match_column = column(&records, "longshore__match");
    records.seek(offset)?;
    let mut ids = Vec::new();
    while records.advance()? {
        let cell = |column: Option<usize>| column.and_then(|column| records.cell(column));
        if cell(row_column).and_then(number).is_some_and(|row| row > last_row) {
            break;
        }
        let id = cell(id_column).filter(|id| !id.is_empty() && !is_look(cell(match_column)));
        ids.extend(id.map(xxh3_128));
    }
    Ok(ids)
}

fn is_look(how: Option<&[u8]>) -> bool {
    how == Some(MatchKind::Look.word().as_bytes())
}

/// Opens a file and goes to its header.
fn open(path: &Path) -> io::Result<Records<Tallied>> {
    let file = Tallied { file: File::open(path)?, hasher: blake3::Hasher::new(), bytes: 0 };
    let mut records = Records::new(file);
    records.advance()?;
    Ok(records)
}

/// The last column of that name: source columns, which come first, may be called anything.
fn column(header: &Records<Tallied>, name: &str) -> Option<usize> {
    (0..header.len()).rev().find(|column| header.cell(*column) == Some(name.as_bytes()))
}

/// The number in a cell, as the standard library reads numbers.
#[inline]
fn number(cell: &[u8]) -> Option<u64> {
    // As many digits as fit whatever they are.
    if cell.is_empty() || cell.len() > 19 {
        return odd_number(cell);
    }
    let mut number = 0;
    for byte in cell {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return odd_number(cell);
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

#[cold]
fn odd_number(cell: &[u8]) -> Option<u64> {
    std::str::from_utf8(cell).ok()?.parse().ok()
}

/// A file whose bytes are counted and hashed as they are read.
struct Tallied {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Read for Tallied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        self.bytes += got as u64;
        Ok(got)
    }
}

impl Seek for Tallied {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        for text in [
            "",
            "0",
            "7",
            "007",
            "+7",
            "-7",
            "1 ",
            "1:",
            "1/",
            "a",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "00000000000000000000001",
        ] {
            assert_eq!(number(text.as_bytes()), text.parse().ok(), "{text:?}");
        }
        assert_eq!(number(b"1\xFF"), None);
    }
}
