//! Why an input cannot be read at all.

use std::io;

use super::source::GzipFault;
use crate::model::failure::{Blame, Explain};
use crate::model::limits::{HEADER_CHARS_MAX, ROW_FIELDS_MAX};

/// A fault of the input as a whole or of its header; a fault of one row is a rejected row instead.
///
/// `at` is `file:line:column`. All are the request's fault (exit code 2), except what the disk or
/// the system did (exit code 9).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("there is no file `{name}`")]
    Missing { name: String },
    #[error("cannot open `{name}`")]
    Open { name: String, source: io::Error },
    #[error("`{name}` is {what}, not a regular file")]
    NotAFile { name: String, what: &'static str },
    #[error("cannot read `{name}`")]
    Io { name: String, source: io::Error },
    #[error("`{name}` is {what}, not CSV")]
    Binary { name: String, what: &'static str, hint: &'static str },
    #[error("`{name}` is {encoding} by its byte order mark")]
    Utf16 { name: String, encoding: &'static str },
    #[error("there is no encoding `{label}`")]
    UnknownEncoding { label: String },
    #[error("`{name}` is named as gzip and is not")]
    NotGzip { name: String },
    #[error("`{name}`: {fault}")]
    Gzip { name: String, fault: GzipProblem },
    #[error("`{name}` is empty: it has no header")]
    Empty { name: String },
    #[error("{at}: the first line is blank; it must be the header")]
    HeaderBlank { at: String },
    #[error("{at}: {what}")]
    HeaderText { at: String, what: String, hint: &'static str },
    #[error("{at}: the quote that opens here in the header is not closed")]
    HeaderOpen { at: String },
    #[error("{at}: text follows a closing quote in the header")]
    HeaderQuote { at: String },
    #[error("{at}: the header has more than {HEADER_CHARS_MAX} characters")]
    HeaderLong { at: String },
    #[error("{at}: the header has {fields} columns, at most {ROW_FIELDS_MAX} are allowed")]
    HeaderWide { at: String, fields: usize },
    #[error("{at}: column {column} of the header has no name")]
    HeaderEmpty { at: String, column: usize },
    #[error("{at}: the name of column {column}, \"{shown}\", {what}")]
    HeaderName { at: String, column: usize, shown: String, what: &'static str },
    #[error("{at}: columns {first} and {second} have the same name, `{name}`{spelled}")]
    HeaderTwice { at: String, first: usize, second: usize, name: String, spelled: String },
    #[error("{at}: the header has one column, and {other} would give {columns}")]
    OneColumn { at: String, other: &'static str, columns: usize },
    #[error("{at}: the line ends with {seen}, and {given} was asked for")]
    LineEnding { at: String, seen: &'static str, given: &'static str },
}

/// What is wrong with a gzip stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct GzipProblem(#[from] pub(super) GzipFault);

impl ReadError {
    /// An error of the stream: the system's, or what our own readers sent through it.
    pub(super) fn of(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.get_ref().and_then(|inner| inner.downcast_ref::<GzipFault>()) {
            Some(&fault) => Self::Gzip { name, fault: GzipProblem(fault) },
            None => Self::Io { name, source },
        }
    }
}

impl Explain for ReadError {
    fn blame(&self) -> Blame {
        match self {
            Self::Open { .. } | Self::Io { .. } => Blame::Disk,
            _ => Blame::Request,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Missing { .. } => "check the path; `-` reads from stdin",
            Self::NotAFile { .. } => "name a regular file, or give `-` and pipe the rows in",
            Self::Binary { hint, .. } | Self::HeaderText { hint, .. } => hint,
            Self::Utf16 { encoding, .. } => {
                return vec![format!("give `--encoding {encoding}`, or save the file as UTF-8")];
            }
            Self::UnknownEncoding { .. } => {
                "give a WHATWG label such as `utf-8`, `utf-16le`, `windows-1252` or `shift_jis`"
            }
            Self::NotGzip { .. } => "take the `.gz` off its name if it is plain CSV",
            Self::Gzip { fault, .. } => match fault.0 {
                GzipFault::Cut => "copy or download the file again: its end is missing",
                GzipFault::Damaged => "copy or download the file again; `gzip -t FILE` tests it",
                GzipFault::Bomb => "if it is in order, unpack it and load the plain file",
            },
            Self::Empty { .. } | Self::HeaderBlank { .. } => {
                "the first line names the columns, such as `AssigneeId,PermissionSetId`"
            }
            Self::HeaderOpen { .. } => "close the quote before the delimiter or the line end",
            Self::HeaderQuote { .. } => "a quote inside a quoted name is written twice",
            Self::HeaderLong { .. } | Self::HeaderWide { .. } => {
                "check that the file is CSV, and take out columns that are not needed"
            }
            Self::HeaderEmpty { .. } => "give the column a name, or take it out",
            Self::HeaderName { .. } => "type the name anew in the header",
            Self::HeaderTwice { .. } => "rename or take out one of the two",
            Self::OneColumn { other, .. } => {
                return vec![
                    format!("give `--column-delimiter {other}`"),
                    "if it is one column, put its name in quotes".to_owned(),
                ];
            }
            Self::LineEnding { .. } => "leave out `--line-ending` to accept every line ending",
            Self::Open { .. } | Self::Io { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
