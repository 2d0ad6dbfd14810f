//! The rows of the result files, read in the order of the input.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::ROW;
use crate::model::failure::Failure;
use crate::model::names::is_result_column;

/// A result file with its row at hand.
pub struct Rows {
    path: PathBuf,
    reader: csv::Reader<File>,
    /// Which of the files it is.
    pub file: usize,
    /// The columns of the input.
    pub source: Vec<String>,
    /// Our own, behind them.
    own: Vec<String>,
    record: ByteRecord,
    pub at_row: bool,
}

impl Rows {
    /// `None` where there is no such file: a run that ended early may have none.
    fn open(path: &Path, file: usize) -> Result<Option<Self>, Failure> {
        let broken = |error: csv::Error| Failure::disk("read", path, &io::Error::from(error));
        if !path.exists() {
            return Ok(None);
        }
        let reader = csv::ReaderBuilder::new().flexible(true).from_path(path);
        let mut reader = reader.map_err(broken)?;
        let header = reader.byte_headers().map_err(broken)?;
        let mut names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        // Columns of ours are never among those of the input that a result file keeps.
        let width = names.iter().position(|name| is_result_column(name));
        let own = names.split_off(width.unwrap_or(names.len()));
        let mut rows = Self {
            path: path.to_owned(),
            reader,
            file,
            source: names,
            own,
            record: ByteRecord::new(),
            at_row: false,
        };
        rows.next()?;
        Ok(Some(rows))
    }

    fn next(&mut self) -> Result<(), Failure> {
        let read = self.reader.read_byte_record(&mut self.record);
        self.at_row =
            read.map_err(|error| Failure::disk("read", &self.path, &io::Error::from(error)))?;
        Ok(())
    }

    /// The number of the row, larger than any at the end.
    fn row(&self) -> u64 {
        let number = std::str::from_utf8(self.own(ROW)).ok().and_then(|text| text.parse().ok());
        number.filter(|_| self.at_row).unwrap_or(u64::MAX)
    }

    pub fn own(&self, name: &str) -> &[u8] {
        let at = self.own.iter().position(|own| own == name);
        at.and_then(|at| self.record.get(self.source.len() + at)).unwrap_or_default()
    }

    /// The cell of the last source column of that name.
    pub fn cell(&self, column: &str) -> &[u8] {
        let at = self.source.iter().rposition(|own| own.eq_ignore_ascii_case(column));
        at.and_then(|at| self.record.get(at)).unwrap_or_default()
    }
}

/// Shows the rows of some files in their order, and before them, with no row at hand, what the
/// columns are.
pub fn for_each(
    paths: &[&Path],
    mut show: impl FnMut(&Rows) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        files.extend(Rows::open(path, number)?);
    }
    if let Some(first) = files.iter_mut().find(|rows| !rows.at_row) {
        show(first)?;
    }
    while let Some(next) = files.iter_mut().min_by_key(|rows| rows.row()) {
        if !next.at_row {
            break;
        }
        show(next)?;
        next.next()?;
    }
    Ok(())
}
