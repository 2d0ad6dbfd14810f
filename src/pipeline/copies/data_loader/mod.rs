//! Copies of the result files in Data Loader's form.
//!
//! ```text
//! success   ID, all source columns, STATUS
//! error     all source columns, ERROR
//! unsent    all source columns, STATUS, ERROR
//! ```
//!
//! Error rows are those that the org refused, and those that were refused before it. Unsent rows
//! are those that nobody refused and that are not in the org for all that is known; Data Loader
//! loses them.
//!
//! Every cell is in quotes. Columns of one name, whatever its case, share one cell: a source column
//! `Id` shows what the org says, and `ID` is not put before a first column of just that name.
//! Source: the Data Loader reference, section 4.2.

mod rows;

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use self::rows::{Rows, for_each};
use crate::config::styles::DataLoaderCopies;
use crate::faults::{self, File};
use crate::ledger::sync_folder;
use crate::model::failure::Failure;
use crate::model::operation::Operation;
use crate::pipeline::event::SummaryFiles;
use crate::pipeline::map::CONVERSION_FAILED;
use crate::pipeline::styled::Styled;

/// Where the three copies go, as far as they are wanted.
pub struct Places<'a> {
    pub success: Option<&'a Path>,
    pub error: Option<&'a Path>,
    pub unsent: Option<&'a Path>,
}

/// Writes the copies from the result files as they are; each is there whole or not at all.
///
/// Rows of each file are in the order of the input.
pub fn place(
    copies: &DataLoaderCopies,
    operation: Operation,
    places: &Places<'_>,
    files: &SummaryFiles,
) -> Result<(), Failure> {
    let styled = Styled::new(&copies.text, b',', true)?;
    if let Some(path) = places.success {
        let status = |rows: &Rows| success_status(operation, rows.own(CREATED));
        let mut copy = Copy::begin(path, &styled)?;
        for_each(&[&files.success], |rows| {
            let cells = Cells { id: Some(rows.own(ID)), status: Some(status(rows)), error: None };
            copy.line(rows, Shape::Success, &cells)
        })?;
        copy.finish()?;
    }
    if let Some(path) = places.error {
        let mut copy = Copy::begin(path, &styled)?;
        for_each(&[&files.error, &files.rejected], |rows| {
            let error = error_text(copies, rows);
            let cells = Cells { id: None, status: Some(b""), error: Some(&error) };
            copy.line(rows, Shape::Error, &cells)
        })?;
        copy.finish()?;
    }
    if let Some(path) = places.unsent {
        let mut copy = Copy::begin(path, &styled)?;
        for_each(&[&files.unprocessed, &files.unknown], |rows| {
            let is_unknown = rows.file == 1;
            let status: &[u8] = if is_unknown { b"Unknown" } else { b"Not Processed" };
            let reason = rows.own(REASON);
            let cells = Cells { id: None, status: Some(status), error: Some(reason) };
            copy.line(rows, Shape::Unsent, &cells)
        })?;
        copy.finish()?;
    }
    Ok(())
}

const ID: &str = "sf__Id";
const CREATED: &str = "sf__Created";
const ERROR: &str = "sf__Error";
const CODE: &str = "longshore__code";
const MESSAGE: &str = "longshore__message";
const REASON: &str = "longshore__reason";
const ROW: &str = "longshore__row";

/// The texts of Data Loader's STATUS column.
fn success_status(operation: Operation, created: &[u8]) -> &'static [u8] {
    match operation {
        Operation::Upsert if created != b"true" => b"Item Updated",
        Operation::Insert | Operation::Upsert => b"Item Created",
        Operation::Update => b"Item Updated",
        Operation::Delete => b"Item Deleted",
        Operation::HardDelete => b"Item Hard Deleted",
        Operation::Undelete => b"Item Undeleted",
    }
}

/// What stands in front of the cause where a value could not be converted.
const CONVERSION: &str = "Error converting value to correct data type: ";

/// The text of the ERROR column.
fn error_text(copies: &DataLoaderCopies, rows: &Rows) -> Vec<u8> {
    let message = rows.own(MESSAGE);
    if rows.own(CODE) == CONVERSION_FAILED.as_bytes() {
        return [CONVERSION.as_bytes(), message].concat();
    }
    let said = rows.own(ERROR);
    if copies.codes && !said.is_empty() { with_code(said) } else { message.to_vec() }
}

/// `CODE:text`, and the fields on a line of their own, as behind Bulk API 1.0.
fn with_code(said: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(said);
    let fields = text.trim_end().strip_suffix("--").and_then(|bare| {
        let (text, fields) = bare.rsplit_once(':')?;
        Some((text, fields.trim()))
    });
    match fields {
        Some((text, "")) => text.as_bytes().to_vec(),
        Some((text, fields)) => format!("{text}\nError fields: {fields} ").into_bytes(),
        None => said.to_vec(),
    }
}

/// The columns of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Success,
    Error,
    Unsent,
}

/// The cells that columns of these names have; `None` leaves a source column alone.
struct Cells<'a> {
    id: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
}

impl Cells<'_> {
    fn of(&self, column: &str) -> Option<&[u8]> {
        let own = [("ID", self.id), ("STATUS", self.status), ("ERROR", self.error)];
        let named = own.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        named.and_then(|(_, cell)| cell)
    }
}

impl Shape {
    fn header(self, source: &[String]) -> Vec<&str> {
        let first_is_id = source.first().is_some_and(|column| column == "ID");
        let before: &[&str] = if self == Self::Success && !first_is_id { &["ID"] } else { &[] };
        let after: &[&str] = match self {
            Self::Success => &["STATUS"],
            Self::Error => &["ERROR"],
            Self::Unsent => &["STATUS", "ERROR"],
        };
        let source = source.iter().map(String::as_str);
        before.iter().copied().chain(source).chain(after.iter().copied()).collect()
    }
}

/// A copy that is written beside its name.
struct Copy {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
    styled: Styled,
    bytes: Vec<u8>,
    has_header: bool,
}

impl Copy {
    fn begin(path: &Path, styled: &Styled) -> Result<Self, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let file = faults::open(&options, &beside)
            .map_err(|error| Failure::disk("create", &beside, &error))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file: BufWriter::with_capacity(128 << 10, file),
            styled: styled.clone(),
            bytes: styled.mark().to_vec(),
            has_header: false,
        })
    }

    /// Writes the row at hand, and the header before the first; a file without rows has one too.
    fn line(&mut self, rows: &Rows, shape: Shape, cells: &Cells<'_>) -> Result<(), Failure> {
        let header = shape.header(&rows.source);
        if !self.has_header {
            self.has_header = true;
            self.styled.push_line(&mut self.bytes, header.iter().map(|name| name.as_bytes()));
        }
        if rows.at_row {
            let line =
                header.iter().map(|column| cells.of(column).unwrap_or_else(|| rows.cell(column)));
            self.styled.push_line(&mut self.bytes, line);
        }
        let written = self.file.write_all(&self.bytes);
        self.bytes.clear();
        written.map_err(|error| Failure::disk("write", &self.beside, &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        // A file without a header has its mark all the same.
        let whole = self
            .file
            .write_all(&self.bytes)
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| faults::rename(&self.beside, &self.path))
            .and_then(|()| sync_folder(&self.path));
        whole.map_err(|error| Failure::disk("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests;
