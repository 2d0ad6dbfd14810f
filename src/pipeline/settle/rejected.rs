//! rejected.csv: rows that failed a local check, as they come out of validate.

use std::path::Path;

use super::files::ResultWriter;
use super::groups::Groups;
use super::kept::KeptColumns;
use crate::ledger::Output;
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
