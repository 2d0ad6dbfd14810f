//! Reads CSV strictly and as a stream: bytes of a file or stdin become
//! [`RawSlab`](crate::model::rows::RawSlab)s, in memory that does not grow with the file.
//!
//! # What is a row
//!
//! A record ends at LF, CRLF or a lone CR outside quotes; mixtures are taken and noted. A field
//! whose first byte is a quote is quoted, and a quote inside it is doubled; a quote anywhere else
//! in an unquoted field (`5" pipe`) is text. Line ends inside quoted fields are kept as they are.
//! Lines are physical lines from 1 (the header's first is line 1), rows are counted from 1 after
//! the header, good or not. Blank lines at the end of the file are no rows.
//!
//! # What becomes of a bad row
//!
//! It is a [`Rejected`](crate::model::rows::Rejected) value with a stable code and
//! `file:line:column`, and it takes no neighbor with it:
//!
//! | code | fault | points to |
//! |---|---|---|
//! | `unclosed_quote` | a quote not closed, or only where text follows | the opening quote |
//! | `inside_open_quote` | a line after it that may be quoted text | its start |
//! | `text_after_quote` | text between a closing quote and the delimiter | that text |
//! | `ragged_row` | more or fewer fields than the header | a surplus field, or the row's end |
//! | `field_too_long`, `row_too_long` | over 131,072 or 400,000 characters | the field, the row |
//! | `nul_byte`, `bad_utf8`, `bad_encoding` | bytes that are no text | the byte |
//! | `blank_row` | a blank line with rows after it | its start |
//!
//! # A quote that is opened by mistake
//!
//! It would swallow the rows up to the next quote. When that next quote is followed by text, the
//! mistake is known, and the lines decide:
//!
//! ```text
//! 1  Id,Name
//! 2  1,"ab        <- opened by mistake: row 1, unclosed_quote at 2:3
//! 3  2,cd         <- row 2, good
//! 4  3,"ef"       <- row 3, good; its first quote "closes" line 2, and `ef` is text after it
//! ```
//!
//! If each line after the first is a record of the right width by itself, with quotes at field
//! boundaries only, the first alone is rejected. If one is not (say line 3 is just `cd`), the lines
//! might as well be the inside of a quoted field; sending any would be a guess, so each is
//! rejected: the first as `unclosed_quote`, the others as `inside_open_quote`.
//!
//! When no quote closes it at all, before the end of the input or within the longest record
//! (1,665,536 bytes), the record is rejected up to the end of the line on which that quote stands,
//! and the next line begins a row. All this happens within the window that is in memory; the file
//! is never read twice.

mod decode;
mod error;
mod header;
mod lines;
mod record;
mod runs;
mod slabs;
mod source;
#[cfg(test)]
mod tests;
mod window;

use std::io::{Cursor, Read};

pub use error::{GzipProblem, ReadError};
pub use lines::Fields;
pub use slabs::SlabReader;

use crate::config::plan::{Input, Source};
use crate::model::chunk::Digest;

/// Opens the input and reads its header.
///
/// Finds out what the file is: gzip by its first bytes, a byte order mark, the delimiter by the
/// header line. All faults here concern the whole input, and nothing has been sent.
pub fn open(input: &Input) -> Result<SlabReader, ReadError> {
    let raw = match &input.source {
        Source::File(path) => source::file(path)?,
        Source::Stdin => source::stdin(),
    };
    SlabReader::new(raw, input, window::CHUNK_BYTES)
}

/// Whether standard input is a person, who would have to type the rows.
pub fn stdin_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// The digest of a source as it lies on disk; `None` for standard input, which is read but once.
pub fn digest(source: &Source) -> Result<Option<Digest>, ReadError> {
    match source {
        Source::File(path) => source::digest(path).map(Some),
        Source::Stdin => Ok(None),
    }
}

/// Reads from `reader` instead of the source that `input` names; `name` is what messages call it.
pub fn from_reader(
    name: &str,
    reader: Box<dyn Read + Send>,
    input: &Input,
) -> Result<SlabReader, ReadError> {
    let raw = source::Raw { name: name.to_owned(), reader, bytes_total: None };
    SlabReader::new(raw, input, window::CHUNK_BYTES)
}

/// Reads from memory; otherwise like [`from_reader`].
pub fn from_bytes(name: &str, bytes: Vec<u8>, input: &Input) -> Result<SlabReader, ReadError> {
    let bytes_total = u64::try_from(bytes.len()).ok();
    let reader = Box::new(Cursor::new(bytes));
    let raw = source::Raw { name: name.to_owned(), reader, bytes_total };
    SlabReader::new(raw, input, window::CHUNK_BYTES)
}
