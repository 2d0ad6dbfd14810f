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
    file: ResultWriter,
    kept: KeptColumns,
    groups: Groups,
}

impl RejectedFile {
    pub fn begin(folder: &Path, kept: &KeptColumns) -> Result<Self, Failure> {
        let file = ResultWriter::begin(folder, "rejected.csv", kept.names(), &OWN)?;
        Ok(Self { file, kept: kept.clone(), groups: Groups::default() })
    }

    /// Reads the file of an earlier process back.
    pub fn find(folder: &Path, kept: &KeptColumns) -> io::Result<Found> {
        let name = "rejected.csv";
        let path = folder.join(name);
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
        Ok(Found { groups, output: Output { name: name.to_owned(), rows, bytes, digest } })
    }

    pub fn rows(&self) -> u64 {
        self.file.rows
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
        self.file.push(source.chain(own.iter().map(|cell| cell.as_bytes())))?;
        self.groups.add("rejected", rejected.code, &rejected.message, rejected.mark.row);
        Ok(())
    }

    /// Gives the file its name; returns what kinds of faults there were, and the file as it is.
    pub fn finish(self) -> Result<(Groups, Output), Failure> {
        let output = self.file.finish()?;
        Ok((self.groups, output))
    }
}
