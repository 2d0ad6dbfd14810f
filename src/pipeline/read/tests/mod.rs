//! Inputs through the reader, and what comes out, to the letter.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::slabs::SlabReader;
use super::source::Raw;
use super::window::CHUNK_BYTES;
use super::{ReadError, from_bytes};
use crate::config::plan::{Delimiter, Input, LineEnding, Source};
use crate::model::failure::Failure;
use crate::model::rows::{RawSlab, Rejected, RowMark};

mod files;
mod inputs;
mod properties;
mod rows;

/// A row that came out: where it stands, and its fields or why it was rejected.
type Outcome = (RowMark, Result<Vec<Vec<u8>>, Rejected>);

fn input() -> Input {
    Input { source: Source::Stdin, delimiter: None, line_ending: None, encoding: None }
}

fn file_input(path: PathBuf) -> Input {
    Input { source: Source::File(path), ..input() }
}

/// All slabs of `bytes`, read `chunk` bytes at a time.
fn slabs(bytes: &[u8], input: &Input, chunk: usize) -> Result<Vec<RawSlab>, ReadError> {
    let raw = Raw {
        name: "t.csv".to_owned(),
        reader: Box::new(std::io::Cursor::new(bytes.to_vec())),
        bytes_total: None,
    };
    drain(&mut SlabReader::new(raw, input, chunk)?)
}

fn drain(reader: &mut SlabReader) -> Result<Vec<RawSlab>, ReadError> {
    std::iter::from_fn(|| reader.next_slab().transpose()).collect()
}

/// The rows of some slabs in the order of the file.
fn outcomes(slabs: &[RawSlab]) -> Vec<Outcome> {
    let mut all: Vec<Outcome> = Vec::new();
    for slab in slabs {
        assert_eq!(slab.table.len(), slab.marks.len(), "each row of the table has its mark");
        for (index, mark) in slab.marks.iter().enumerate() {
            all.push((*mark, Ok(slab.table.row(index).map(<[u8]>::to_vec).collect())));
        }
        all.extend(slab.rejected.iter().map(|r| (r.mark, Err(r.clone()))));
        assert!(slab.rejected.is_sorted_by_key(|r| r.mark) && slab.marks.is_sorted());
        all.sort_by_key(|(mark, _)| *mark);
    }
    all
}

fn read_all(bytes: &[u8]) -> Vec<Outcome> {
    outcomes(&slabs(bytes, &input(), CHUNK_BYTES).expect("the input opens"))
}

/// A good row as `row@line [fields]`; a rejected one as `row@line code (column)`, its message and
/// its source.
fn show(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    for (mark, outcome) in outcomes {
        let _ = write!(out, "{}@{} ", mark.row, mark.line);
        match outcome {
            Ok(cells) => out += &fields(cells.iter().map(Vec::as_slice)),
            Err(r) => {
                let column = r.column.as_deref().unwrap_or("-");
                let _ = write!(out, "{} ({column})", r.code);
                wrap(&mut out, &r.message);
                out += "\n      ";
                out += &fields(r.source.iter().map(|cell| &**cell));
            }
        }
        out.push('\n');
    }
    out
}

fn fields<'a>(cells: impl Iterator<Item = &'a [u8]>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.escape_ascii().to_string()).collect();
    format!("[{}]", cells.join("|"))
}

/// Adds `text` on lines of its own; where it is too long for one, it goes on in the next.
fn wrap(out: &mut String, text: &str) {
    let mut width = usize::MAX;
    for word in text.split(' ') {
        if width.saturating_add(word.len()) > 80 {
            out.push_str("\n      ");
            width = 0;
        } else {
            out.push(' ');
        }
        out.push_str(word);
        width += word.len() + 1;
    }
}

/// The failure of an input as a person sees it: exit code, message, causes, hints.
fn show_failure(error: impl Into<Failure>) -> String {
    let failure = error.into();
    let mut out = format!("exit {}", failure.blame.exit_code());
    wrap(&mut out, &failure.message);
    for cause in failure.causes {
        wrap(&mut out, &format!("cause: {cause}"));
    }
    for hint in failure.hints {
        wrap(&mut out, &format!("hint: {hint}"));
    }
    out + "\n"
}

fn refused(bytes: &[u8], input: &Input) -> String {
    match from_bytes("t.csv", bytes.to_vec(), input) {
        Ok(reader) => panic!("it opened, with the header {:?}", reader.header()),
        Err(error) => show_failure(error),
    }
}
