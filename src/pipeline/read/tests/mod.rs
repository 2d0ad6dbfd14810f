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

/// One line a row: `row@line [fields]`, or `row@line code (column): message [source]`.
fn show(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    let text = |cells: &[String]| format!("[{}]", cells.join("|"));
    for (mark, outcome) in outcomes {
        let _ = write!(out, "{}@{} ", mark.row, mark.line);
        let shown = |cell: &[u8]| cell.escape_ascii().to_string();
        let _ = match outcome {
            Ok(cells) => {
                let cells: Vec<_> = cells.iter().map(|cell| shown(cell)).collect();
                writeln!(out, "{}", text(&cells))
            }
            Err(r) => {
                let cells: Vec<_> = r.source.iter().map(|cell| shown(cell)).collect();
                let column = r.column.as_deref().unwrap_or("-");
                writeln!(out, "{} ({column}): {} {}", r.code, r.message, text(&cells))
            }
        };
    }
    out
}

/// The failure of an input as a person sees it: exit code, message, causes, hints.
fn show_failure(error: ReadError) -> String {
    let failure = Failure::from(error);
    let mut out = format!("{} {}", failure.blame.exit_code(), failure.message);
    for cause in failure.causes {
        let _ = write!(out, "; cause: {cause}");
    }
    for hint in failure.hints {
        let _ = write!(out, "; hint: {hint}");
    }
    out
}

fn refused(bytes: &[u8], input: &Input) -> String {
    match from_bytes("t.csv", bytes.to_vec(), input) {
        Ok(reader) => panic!("it opened, with the header {:?}", reader.header()),
        Err(error) => show_failure(error),
    }
}
