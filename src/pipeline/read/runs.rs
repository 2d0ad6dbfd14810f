//! The quick way through records that have nothing wrong with them.
//!
//! Delimiters, quotes and line ends are found for 64 bytes at a time, as the bits of a number; a
//! record is taken apart by walking over those bits. What this way does not know (a fault, another
//! line end, the end of what is in memory) it leaves where it stands, and `record::scan` decides: a
//! record that this way takes is the one that `scan` would take.

use crate::model::rows::{Form, Found, Span};
use crate::model::sixteen::first_sixty_four;

/// Bytes that are looked at at once.
const BLOCK: usize = 64;

/// Takes records apart, one after the other.
pub(super) struct Run<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    /// What a field is that has nothing in it that matters here: behind another delimiter, it may
    /// have commas.
    plain: Form,
    cursor: Cursor,
    /// Where the next record begins.
    start: usize,
}

/// The block at hand, and those of its bytes that matter and were not walked over, as bits.
#[derive(Clone, Copy)]
struct Cursor {
    block: usize,
    bits: u64,
}

/// A record without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain {
    /// It is a line where quotes stand only where they must, and the delimiter is a comma.
    pub found: Found,
    /// Line ends inside its quoted fields.
    pub lines: u64,
}

impl<'a> Run<'a> {
    /// A run that begins with the record at the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8], delimiter: u8) -> Self {
        debug_assert!(u32::try_from(bytes.len()).is_ok());
        let cursor = Cursor { block: 0, bits: bits_at(bytes, 0, delimiter) };
        let plain = if delimiter == b',' { Form::Plain } else { Form::Text };
        Self { bytes, delimiter, plain, cursor, start: 0 }
    }

    /// The next record, if it has as many fields as there are `places`, which are filled in with
    /// `shift` added.
    ///
    /// `None` where it has not, is blank, has a fault, or does not end in these bytes with LF or
    /// CRLF. After `None` the run is over.
    #[inline]
    pub(super) fn record(&mut self, places: &mut [Span], shift: u32) -> Option<Plain> {
        let Self { bytes, delimiter, plain, mut cursor, start } = *self;
        let (mut lines, mut is_line, mut has_doubled) = (0, delimiter == b',', false);
        let (mut from, mut at, mut byte) = (start, start, delimiter);
        for place in places {
            if byte != delimiter {
                return None;
            }
            at = cursor.next(bytes, delimiter)?;
            byte = bytes[at];
            if byte == b'"' {
                let quoted = with_quotes(bytes, delimiter, plain, cursor, from)?;
                *place = quoted.field.moved(shift);
                (cursor, at) = (quoted.cursor, quoted.then);
                byte = bytes[at];
                lines += quoted.lines;
                is_line &= !quoted.needless;
                has_doubled |= quoted.field.form == Form::Doubled;
            } else {
                *place = Field { start: from, end: at, form: plain }.moved(shift);
            }
            from = at + 1;
        }
        let next = match byte {
            b'\n' if at > start => at + 1,
            b'\r' if at > start && bytes.get(at + 1) == Some(&b'\n') => {
                cursor.next(bytes, delimiter)? + 1
            }
            _ => return None,
        };
        (self.cursor, self.start) = (cursor, next);
        Some(Plain { found: Found { start, end: at, next, is_line, has_doubled }, lines })
    }
}

/// Where a field is, and what is known of its text.
#[derive(Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    form: Form,
}

impl Field {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a window has some megabytes at most")]
    fn moved(self, by: u32) -> Span {
        let [start, end] = [self.start, self.end].map(|at| (at as u32).wrapping_add(by));
        Span::new(start, end, self.form)
    }
}

/// A field with quotes in it.
struct WithQuotes {
    field: Field,
    cursor: Cursor,
    /// The next byte that matters: a delimiter or line end.
    then: usize,
    /// Line ends inside it.
    lines: u64,
    /// It could be written without these quotes, or could not be without others.
    needless: bool,
}

/// The field that begins at `start`, of which the cursor has gone over the first quote.
#[inline(never)]
fn with_quotes(
    bytes: &[u8],
    delimiter: u8,
    plain: Form,
    mut cursor: Cursor,
    start: usize,
) -> Option<WithQuotes> {
    let mut at;
    if bytes[start] != b'"' {
        loop {
            at = cursor.next(bytes, delimiter)?;
            if bytes[at] != b'"' {
                break;
            }
        }
        let field = Field { start, end: at, form: Form::Text };
        return Some(WithQuotes { field, cursor, then: at, lines: 0, needless: true });
    }
    let (mut form, mut lines) = (plain, 0);
    let end = loop {
        at = cursor.next(bytes, delimiter)?;
        let next = bytes.get(at + 1);
        match bytes[at] {
            b'"' if next == Some(&b'"') => {
                cursor.next(bytes, delimiter)?;
                form = Form::Doubled;
                continue;
            }
            b'"' => break at,
            b'\n' => lines += 1,
            b'\r' if next != Some(&b'\n') => lines += 1,
            _ => {}
        }
        if form == Form::Plain {
            form = Form::Text;
        }
    };
    let then = cursor.next(bytes, delimiter)?;
    let field = Field { start: start + 1, end, form };
    let needless = form == Form::Plain;
    (then == end + 1).then_some(WithQuotes { field, cursor, then, lines, needless })
}

impl Cursor {
    /// The next byte that is a delimiter, quote, LF or CR.
    #[inline]
    fn next(&mut self, bytes: &[u8], delimiter: u8) -> Option<usize> {
        while self.bits == 0 {
            let next = self.block + BLOCK;
            if next >= bytes.len() {
                return None;
            }
            self.bits = bits_at(bytes, next, delimiter);
            self.block = next;
        }
        let at = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// Which bytes of the block at `from` are the delimiter, a quote, LF or CR, as bits; fewer than a
/// block count as far as they go.
#[inline]
fn bits_at(bytes: &[u8], from: usize, delimiter: u8) -> u64 {
    first_sixty_four(&bytes[from..], |part| {
        let lines = part.are(b'\n').or(part.are(b'\r'));
        part.are(delimiter).or(part.are(b'"')).or(lines)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::{Apart, Scan, scan};
    use super::*;
    use crate::config::plan::LineEnding;
    use crate::model::cells;
    use crate::model::rows::Table;

    fn mattering(block: &[u8; BLOCK], delimiter: u8) -> u64 {
        let matters = |byte: &u8| [delimiter, b'"', b'\n', b'\r'].contains(byte);
        let bits = block.iter().enumerate().filter(|(_, byte)| matters(byte));
        bits.fold(0, |bits, (place, _)| bits | 1 << place)
    }

    /// Walks a run over `text` beside `scan`, and holds each record of the one against the other.
    fn agrees(text: &[u8], delimiter: u8) -> Result<usize, TestCaseError> {
        let mut run = Run::new(text, delimiter);
        let (mut at, mut taken) = (0, 0);
        loop {
            let mut apart = Apart::default();
            let slow = scan(&text[at..], false, delimiter, &mut apart);
            let width = apart.cells.len().max(1);
            for other in [width - 1, width + 1] {
                let mut places = vec![Span::NONE; other];
                let mut run = Run { ..run };
                prop_assert_eq!(run.record(&mut places, 0), None, "it has not {} fields", other);
            }
            let mut fast = None;
            let mut table = Table::new(width);
            let used = table.build().take_rows(&text[at..], 1, |places, shift| {
                let by = u32::try_from(at).unwrap();
                fast = run.record(places, shift.wrapping_sub(by));
                let mut found = fast?.found;
                (found.start, found.end) = (found.start - at, found.end - at);
                found.next -= at;
                Some(found)
            });
            let Some(Plain { found, lines }) = fast else {
                // What is left is no record that could have been taken.
                let Scan::Row(record) = slow else { return Ok(taken) };
                let known = matches!(record.ending, Some(LineEnding::Lf | LineEnding::CrLf));
                prop_assert!(!known || record.text == 0, "left {:?}", record);
                return Ok(taken);
            };
            let Scan::Row(record) = slow else {
                return Err(TestCaseError::fail("`scan` finds no record"));
            };
            prop_assert_eq!(table.len(), 1);
            let fields: Vec<_> = table.row(0).map(<[u8]>::to_vec).collect();
            let cells: Vec<_> = apart.cells.iter().map(|cell| cell.to_vec()).collect();
            prop_assert_eq!(&fields, &cells);
            prop_assert_eq!(found.start, at);
            prop_assert_eq!(used, record.used);
            prop_assert_eq!(found.end - at, record.text);
            prop_assert_eq!(found.next - at, record.used);
            prop_assert_eq!(lines, record.lines);
            let is_crlf = record.ending == Some(LineEnding::CrLf);
            prop_assert_eq!(is_crlf, found.next - found.end == 2);
            prop_assert!(is_crlf || record.ending == Some(LineEnding::Lf));
            let mut line = Vec::new();
            cells::push_line(&mut line, fields.iter().map(Vec::as_slice));
            let row = &text[at..at + record.text];
            let is_line = delimiter == b',' && line == [row, b"\n"].concat();
            // A row of one empty cell is written with quotes that no rule of cells asks for.
            let one_empty = fields.concat().is_empty() && fields.len() == 1;
            prop_assert_eq!(found.is_line, is_line && !one_empty);
            prop_assert_eq!(table.line(0), found.is_line.then_some(&*line));
            let mut written = Vec::new();
            table.push_line(0, &mut written);
            prop_assert_eq!(written, line);
            at += record.used;
            taken += 1;
        }
    }

    proptest! {
        #[test]
        fn bits_are_the_bytes_that_matter(
            block in prop::collection::vec(prop_oneof![
                Just(b','), Just(b'\n'), Just(b'\r'), Just(b'"'), Just(b';'), any::<u8>()
            ], BLOCK),
            delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        ) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            prop_assert_eq!(bits_at(&block, 0, delimiter), mattering(&block, delimiter));
        }

        #[test]
        fn a_run_takes_what_scan_takes(
            parts in prop::collection::vec(
                prop_oneof![
                    8 => Just(","), 4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"),
                    4 => Just("\""), 2 => Just("\"\""), 2 => Just("a"), 1 => Just("é"),
                    2 => Just("1,x,y\n"), 2 => Just("2,\"z\",\n"), 1 => Just("\"a,\n\"\"b\"\r\n"),
                    1 => Just("some text that is longer than the others are"), 1 => Just(";"),
                ],
                0..60,
            ),
            delimiter in prop::sample::select(vec![b',', b';']),
        ) {
            agrees(parts.concat().as_bytes(), delimiter)?;
        }
    }

    #[test]
    fn runs_go_on_over_many_blocks() {
        let text = "0015500001QdQWaAAN,\"a, b\",\"x \"\"y\"\"\r\nz\",5\" pipe\n".repeat(40);
        assert_eq!(agrees(text.as_bytes(), b',').unwrap(), 40);
    }
}
