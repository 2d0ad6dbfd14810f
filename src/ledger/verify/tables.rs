//! The files that are verified, read as streams that are counted and hashed as they pass.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use csv::ByteRecord;
use xxhash_rust::xxh3::xxh3_128;

use super::Faults;
use crate::model::chunk::Digest;
use crate::model::verdict::MatchKind;

/// The result files.
pub const NAMES: [&str; 5] =
    ["success.csv", "error.csv", "rejected.csv", "unprocessed.csv", "unknown.csv"];

/// A result file and the row that stands next in it.
pub struct Table {
    pub name: &'static str,
    /// The number of the row; `None` at the end.
    pub head: Option<u64>,
    reader: Option<csv::Reader<Tallied>>,
    record: ByteRecord,
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
            reader: None,
            record: ByteRecord::new(),
            row_column: None,
            id_column: None,
            match_column: None,
            rows: 0,
            broken: None,
        };
        match open(&folder.join(name)) {
            Ok((reader, header)) => {
                table.row_column = column(&header, "longshore__row");
                table.id_column = column(&header, "sf__Id");
                table.match_column = column(&header, "longshore__match");
                table.reader = Some(reader);
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
        while let Some(reader) = &mut self.reader {
            match reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    return faults.add(format!("{} cannot be read: {error}", self.name));
                }
            }
            self.rows += 1;
            self.head = self.row_column.and_then(|column| number(self.record.get(column)?));
            if self.head.is_some() {
                return;
            }
            faults.add(format!("line {} of {} has no row number", self.rows, self.name));
        }
    }

    /// A digest of the Id in the row, if there is one; of success.csv only.
    pub fn id(&self) -> Option<u128> {
        let id = self.record.get(self.id_column?)?;
        (self.name == "success.csv" && !id.is_empty()).then(|| xxh3_128(id))
    }

    /// Whether the row is said not to have been sent, as it changes nothing.
    pub fn is_left_out(&self) -> bool {
        let how = self.match_column.and_then(|column| self.record.get(column));
        self.name == "success.csv" && how == Some(MatchKind::Look.word().as_bytes())
    }

    /// The Id in the row, as it stands there.
    pub fn id_text(&self) -> &[u8] {
        self.id_column.and_then(|column| self.record.get(column)).unwrap_or_default()
    }

    /// Reads what is left, and says what passed.
    pub fn finish(self) -> FileRead {
        let Some(reader) = self.reader else {
            return FileRead { rows: 0, bytes: 0, digest: Digest::of(b"") };
        };
        let mut rest = reader.into_inner();
        // What cannot be read is not hashed either, and shows.
        let _read = io::copy(&mut rest, &mut io::sink()).is_ok();
        FileRead { rows: self.rows, bytes: rest.bytes, digest: Digest::finish(&rest.hasher) }
    }
}

/// A result file of a job.
pub struct RawRead {
    /// Missing where the file is damaged.
    pub rows: Option<u64>,
    pub bytes: u64,
    pub digest: Digest,
    pub ids: Vec<u128>,
}

/// Reads results as received.
pub fn read_raw(path: &Path) -> io::Result<RawRead> {
    let (mut reader, header) = open(path)?;
    let id_column = column(&header, "sf__Id");
    let mut record = ByteRecord::new();
    let mut ids = Vec::new();
    let mut rows = Some(0);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                rows = rows.map(|rows| rows + 1);
                let id = id_column.and_then(|column| record.get(column));
                ids.extend(id.map(xxh3_128));
            }
            Err(_) => {
                rows = None;
                break;
            }
        }
    }
    let mut rest = reader.into_inner();
    io::copy(&mut rest, &mut io::sink())?;
    Ok(RawRead { rows, bytes: rest.bytes, digest: Digest::finish(&rest.hasher), ids })
}

/// The row numbers and Ids of success.csv, one after the other.
pub fn each_id(path: &Path, mut take: impl FnMut(u64, u128)) -> io::Result<()> {
    let (mut reader, header) = open(path)?;
    let columns = column(&header, "longshore__row").zip(column(&header, "sf__Id"));
    let Some((row_column, id_column)) = columns else { return Ok(()) };
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        let row = record.get(row_column).and_then(number).unwrap_or(0);
        if let Some(id) = record.get(id_column).filter(|id| !id.is_empty()) {
            take(row, xxh3_128(id));
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<(csv::Reader<Tallied>, ByteRecord)> {
    let file = Tallied { file: File::open(path)?, hasher: blake3::Hasher::new(), bytes: 0 };
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).buffer_capacity(64 << 10).from_reader(file);
    let header = reader.byte_headers().map_err(io::Error::other)?.clone();
    Ok((reader, header))
}

/// The last column of that name: source columns, which come first, may be called anything.
fn column(header: &ByteRecord, name: &str) -> Option<usize> {
    (0..header.len()).rev().find(|column| header[*column] == *name.as_bytes())
}

fn number(cell: &[u8]) -> Option<u64> {
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
