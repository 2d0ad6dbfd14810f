//! rejected.csv: rows that failed a local check, as they come out of validate.

use std::fs::File;
use std::io;
use std::path::Path;

use super::files::ResultWriter;
use super::groups::Groups;
use super::kept::KeptColumns;
use crate::ledger::Output;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::rows::Rejected;

const NAME: &str = "rejected.csv";

/// Columns of our own in rejected.csv.
const OWN: [&str; 5] = [
    "longshore__column",
    "longshore__code",
    "longshore__message",
    "longshore__line",
    "longshore__row",
];

/// rejected.csv as an earlier process of the run finished it.
#[derive(Debug)]
pub struct Found {
    pub groups: Groups,
    pub output: Output,
}

/// Writes rejected rows and counts them by kind.
pub struct RejectedFile {
    /// Missing where rows are counted only.
    file: Option<ResultWriter>,
    rows: u64,
    kept: KeptColumns,
    groups: Groups,
}

impl RejectedFile {
    pub fn begin(folder: &Path, kept: &KeptColumns) -> Result<Self, Failure> {
        let file = ResultWriter::begin(folder, NAME, kept.names(), &OWN)?;
        Ok(Self { file: Some(file), ..Self::nowhere(kept) })
    }

    /// The same file under a path of one's own.
    pub fn at(path: &Path, kept: &KeptColumns) -> Result<Self, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = ResultWriter::begin(folder, &name, kept.names(), &OWN)?;
        Ok(Self { file: Some(file), ..Self::nowhere(kept) })
    }

    /// Counts rows and writes none.
    pub fn nowhere(kept: &KeptColumns) -> Self {
        Self { file: None, rows: 0, kept: kept.clone(), groups: Groups::default() }
    }

    /// Reads the file of an earlier process back.
    pub fn find(folder: &Path, kept: &KeptColumns) -> io::Result<Found> {
        let path = folder.join(NAME);
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut File::open(&path)?, &mut hasher)?;
        let mut reader = csv::Reader::from_path(&path)?;
        let (mut groups, mut rows, own) = (Groups::default(), 0, kept.names().len());
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record)? {
            let cell =
                |at: usize| String::from_utf8_lossy(record.get(own + at).unwrap_or_default());
            let row = cell(4).parse().map_err(io::Error::other)?;
            groups.add("rejected", &cell(1), &cell(2), row);
            rows += 1;
        }
        let digest = Digest::finish(&hasher);
        Ok(Found { groups, output: Output { name: NAME.to_owned(), rows, bytes, digest } })
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn push(&mut self, rejected: &Rejected) -> Result<(), Failure> {
        let line = rejected.mark.line.to_string();
        let row = rejected.mark.row.to_string();
        let own = [
            rejected.column.as_deref().unwrap_or_default(),
            rejected.code,
            &rejected.message,
            &line,
            &row,
        ];
        let source = self.kept.of(|column| rejected.source.get(column).map(AsRef::as_ref));
        if let Some(file) = &mut self.file {
            file.push(source.chain(own.iter().map(|cell| cell.as_bytes())))?;
        }
        self.rows += 1;
        self.groups.add("rejected", rejected.code, &rejected.message, rejected.mark.row);
        Ok(())
    }

    /// Gives the file its name; returns what kinds of faults there were, and the file as it is.
    pub fn finish(self) -> Result<(Groups, Output), Failure> {
        let nothing =
            || Output { name: NAME.to_owned(), rows: self.rows, bytes: 0, digest: Digest::of(b"") };
        let output = self.file.map_or_else(|| Ok(nothing()), ResultWriter::finish)?;
        Ok((self.groups, output))
    }
}
