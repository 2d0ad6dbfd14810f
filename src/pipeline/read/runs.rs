//! The quick way through records that have nothing wrong with them.
//!
//! Delimiters, quotes and line ends are found for 64 bytes at a time, as the bits of a number; a
//! record is taken apart by walking over those bits. What this way does not know (a fault, another
//! line end, the end of what is in memory) it leaves where it stands, and `record::scan` decides: a
//! record that this way takes is the one that `scan` would take.

use crate::config::plan::LineEnding;
use crate::model::rows::{Form, Place};

/// Bytes that are looked at at once.
const BLOCK: usize = 64;

/// Takes records apart, one after the other.
pub(super) struct Run<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    /// What a field is that has nothing in it that matters here: behind another delimiter, it may
    /// have commas.
    plain: Form,
    /// The block at hand, and those of its bytes that matter and were not walked over, as bits.
    block: usize,
    bits: u64,
    /// Where the next record begins.
    start: usize,
    /// Where the fields of the last record lie, from its start.
    places: &'a mut Vec<Place>,
}

/// A record without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain {
    pub start: usize,
    /// Bytes of its text, the line end not counted.
    pub text: usize,
    /// Bytes of its text and line end.
    pub used: usize,
    /// Line ends inside its quoted fields.
    pub lines: u64,
    pub ending: LineEnding,
    /// Quotes stand only where they must, and the delimiter is a comma.
    pub is_line: bool,
}

impl<'a> Run<'a> {
    /// A run that begins with the record at the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8], delimiter: u8, places: &'a mut Vec<Place>) -> Self {
        let bits = bits_at(bytes, 0, delimiter);
        debug_assert!(u32::try_from(bytes.len()).is_ok());
        let plain = if delimiter == b',' { Form::Plain } else { Form::Text };
        Self { bytes, delimiter, plain, block: 0, bits, start: 0, places }
    }

    /// Where the fields of the last record lie, from its start.
    #[inline]
    pub(super) fn places(&self) -> &[Place] {
        self.places
    }

    /// The next byte that is a delimiter, quote, LF or CR.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            let next = self.block + BLOCK;
            if next >= self.bytes.len() {
                return None;
            }
            self.bits = bits_at(self.bytes, next, self.delimiter);
            self.block = next;
        }
        let at = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }

    /// The next record; `None` where it is blank, has a fault, or does not end in these bytes with
    /// LF or CRLF. After `None` the run is over.
    #[inline]
    pub(super) fn record(&mut self) -> Option<Plain> {
        self.places.clear();
        let (bytes, start) = (self.bytes, self.start);
        let (mut from, mut lines, mut is_line) = (start, 0, self.delimiter == b',');
        loop {
            let mut at = self.next()?;
            let mut byte = bytes[at];
            if byte == b'"' && at == from {
                let field = self.quoted()?;
                is_line &= field.form != self.plain;
                lines += field.lines;
                self.push(from + 1, field.end, field.form);
                at = self.next()?;
                if at != field.end + 1 {
                    return None;
                }
                byte = bytes[at];
            } else {
                let mut form = self.plain;
                while byte == b'"' {
                    form = Form::Text;
                    is_line = false;
                    at = self.next()?;
                    byte = bytes[at];
                }
                self.push(from, at, form);
            }
            let ending = match byte {
                b'\n' => LineEnding::Lf,
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => LineEnding::CrLf,
                b'\r' => return None,
                _ => {
                    from = at + 1;
                    continue;
                }
            };
            if at == start {
                return None;
            }
            let mut end = at + 1;
            if ending == LineEnding::CrLf {
                end = self.next()? + 1;
            }
            self.start = end;
            let (text, used) = (at - start, end - start);
            return Some(Plain { start, text, used, lines, ending, is_line });
        }
    }

    /// The quoted field whose opening quote was just walked over.
    fn quoted(&mut self) -> Option<Quoted> {
        let (mut form, mut lines) = (self.plain, 0);
        loop {
            let at = self.next()?;
            let next = self.bytes.get(at + 1);
            match self.bytes[at] {
                b'"' if next == Some(&b'"') => {
                    self.next();
                    form = Form::Doubled;
                    continue;
                }
                b'"' => return Some(Quoted { end: at, form, lines }),
                b'\n' => lines += 1,
                b'\r' if next != Some(&b'\n') => lines += 1,
                _ => {}
            }
            if form == Form::Plain {
                form = Form::Text;
            }
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a window has some megabytes at most")]
    fn push(&mut self, from: usize, to: usize, form: Form) {
        let (start, end) = ((from - self.start) as u32, (to - self.start) as u32);
        self.places.push(Place { start, end, form });
    }
}

struct Quoted {
    /// Where its closing quote is.
    end: usize,
    form: Form,
    lines: u64,
}

/// The bytes of the block at `from` that matter, as bits; fewer than a block count as far as they
/// go.
#[inline]
fn bits_at(bytes: &[u8], from: usize, delimiter: u8) -> u64 {
    let rest = &bytes[from..];
    if let Some(block) = rest.first_chunk() {
        return bits(block, delimiter);
    }
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    bits(&block, delimiter)
}

/// Which bytes are the delimiter, a quote, LF or CR.
#[inline]
fn bits(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    // The compiler makes wide compares of this; there is no safe way to write them down.
    let mut found = [0; BLOCK];
    for (found, byte) in found.iter_mut().zip(block) {
        *found = u8::from(*byte == delimiter)
            | u8::from(*byte == b'"')
            | u8::from(*byte == b'\n')
            | u8::from(*byte == b'\r');
    }
    let (words, _) = found.as_chunks::<8>();
    let mut bits = 0;
    for (place, word) in words.iter().enumerate() {
        // The product has the eight ones or zeros side by side in its highest byte.
        let word = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080);
        bits |= (word >> 56) << (8 * place);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::{Apart, Scan, scan};
    use super::*;

    fn mattering(block: &[u8; BLOCK], delimiter: u8) -> u64 {
        let matters = |byte: &u8| [delimiter, b'"', b'\n', b'\r'].contains(byte);
        let bits = block.iter().enumerate().filter(|(_, byte)| matters(byte));
        bits.fold(0, |bits, (place, _)| bits | 1 << place)
    }

    /// The fields of a record by the places that a run gives.
    fn cells(text: &[u8], places: &[Place]) -> Vec<Vec<u8>> {
        let cell = |place: &Place| {
            let raw = &text[place.start as usize..place.end as usize];
            match place.form {
                Form::Doubled => String::from_utf8_lossy(raw).replace("\"\"", "\"").into_bytes(),
                _ => raw.to_vec(),
            }
        };
        places.iter().map(cell).collect()
    }

    /// Walks a run over `text` beside `scan`, and holds each record of the one against the other.
    fn agrees(text: &[u8], delimiter: u8) -> Result<usize, TestCaseError> {
        let mut places = Vec::new();
        let mut run = Run::new(text, delimiter, &mut places);
        let (mut at, mut taken) = (0, 0);
        while let Some(plain) = run.record() {
            let mut apart = Apart::default();
            let Scan::Row(record) = scan(&text[at..], false, delimiter, &mut apart) else {
                return Err(TestCaseError::fail("`scan` finds no record"));
            };
            prop_assert_eq!(plain.start, at);
            let row = &text[at..at + plain.text];
            let fields = cells(row, run.places());
            let slow: Vec<_> = apart.cells.iter().map(|cell| cell.to_vec()).collect();
            prop_assert_eq!(&fields, &slow);
            prop_assert_eq!(plain.text, record.text);
            prop_assert_eq!(plain.used, record.used);
            prop_assert_eq!(plain.lines, record.lines);
            prop_assert_eq!(Some(plain.ending), record.ending);
            let mut line = Vec::new();
            crate::model::cells::push_line(&mut line, fields.iter().map(Vec::as_slice));
            let is_line = delimiter == b',' && line == [row, b"\n"].concat();
            // A row of one empty cell is written with quotes that no rule of cells asks for.
            let one_empty = fields.concat().is_empty() && fields.len() == 1;
            prop_assert_eq!(plain.is_line, is_line && !one_empty);
            for (field, place) in fields.iter().zip(run.places()) {
                let quotes = crate::model::cells::needs_quotes(field);
                prop_assert!(!(quotes && place.form == Form::Plain));
            }
            at += plain.used;
            taken += 1;
        }
        // What is left is no record that could have been taken.
        if let Scan::Row(record) = scan(&text[at..], false, delimiter, &mut Apart::default()) {
            let known = matches!(record.ending, Some(LineEnding::Lf | LineEnding::CrLf));
            prop_assert!(!known || record.text == 0, "left {:?}", record);
        }
        Ok(taken)
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
            prop_assert_eq!(bits(&block, delimiter), mattering(&block, delimiter));
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
