//! Takes one record apart: the byte state machine, and what the slow paths need around it.

use memchr::{memchr, memchr2, memchr3};

use crate::config::plan::LineEnding;
use crate::model::limits::ROW_FIELDS_MAX;
use crate::model::rows::Building;

/// Where the fields of a record go.
pub(super) trait Cells {
    /// More bytes of the field that is being built, quotes already removed.
    fn part(&mut self, bytes: &[u8]);
    /// The field is complete; its raw text ends before byte `at` of the record.
    fn end(&mut self, at: usize);
}

impl Cells for Building<'_> {
    fn part(&mut self, bytes: &[u8]) {
        self.extend_field(bytes);
    }

    fn end(&mut self, _at: usize) {
        self.end_field();
    }
}

/// A complete record, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub fields: usize,
    /// Bytes of its text, the line end not counted.
    pub text: usize,
    /// Bytes of its text and line end.
    pub used: usize,
    /// Line ends inside its quoted fields.
    pub lines: u64,
    /// `None` for a last line without a line end.
    pub ending: Option<LineEnding>,
}

/// What [`scan`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    Row(Record),
    /// The bytes end before the record does.
    More,
    /// Byte `at` is neither delimiter nor line end and follows a closing quote.
    TextAfterQuote {
        at: usize,
    },
    /// The input ends inside the quoted field that opens at byte `opened`.
    Open {
        opened: usize,
    },
}

/// Reads the record at the start of `bytes`, which must not be empty.
///
/// `whole` says that nothing comes after `bytes`; without it a record that touches their end is
/// [`Scan::More`]. Fields are handed over as they are found, so after anything but [`Scan::Row`]
/// the caller takes them back. A quote opens a field only as its first byte; elsewhere in an
/// unquoted field it is text.
pub(super) fn scan<C: Cells>(bytes: &[u8], whole: bool, delimiter: u8, cells: &mut C) -> Scan {
    let (mut at, mut fields, mut lines) = (0, 0, 0);
    let row =
        |fields, lines, text, used, ending| Scan::Row(Record { fields, text, used, lines, ending });
    loop {
        if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, whole, cells) {
                Quoted::Closed { end, lines: inside } => {
                    at = end;
                    lines += inside;
                }
                Quoted::More => return Scan::More,
                Quoted::Open => return Scan::Open { opened: at },
            }
            if bytes.get(at).is_some_and(|&b| b != delimiter && b != b'\n' && b != b'\r') {
                return Scan::TextAfterQuote { at };
            }
        } else {
            let rest = &bytes[at..];
            let len = match memchr3(delimiter, b'\n', b'\r', rest) {
                Some(len) => len,
                None if whole => rest.len(),
                None => return Scan::More,
            };
            cells.part(&rest[..len]);
            at += len;
        }
        cells.end(at);
        fields += 1;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\n'), _) => return row(fields, lines, at, at + 1, Some(LineEnding::Lf)),
            (Some(b'\r'), Some(b'\n')) => {
                return row(fields, lines, at, at + 2, Some(LineEnding::CrLf));
            }
            (Some(b'\r'), None) if !whole => return Scan::More,
            (Some(b'\r'), _) => return row(fields, lines, at, at + 1, Some(LineEnding::Cr)),
            (Some(_), _) => at += 1,
            (None, _) => return row(fields, lines, at, at, None),
        }
    }
}

enum Quoted {
    Closed { end: usize, lines: u64 },
    More,
    Open,
}

/// Reads the quoted field that opens at byte `opened`.
fn quoted<C: Cells>(bytes: &[u8], opened: usize, whole: bool, cells: &mut C) -> Quoted {
    let mut from = opened + 1;
    loop {
        let Some(quote) = memchr(b'"', &bytes[from..]).map(|n| from + n) else {
            return if whole { Quoted::Open } else { Quoted::More };
        };
        match bytes.get(quote + 1) {
            Some(b'"') => {
                cells.part(&bytes[from..=quote]);
                from = quote + 2;
            }
            None if !whole => return Quoted::More,
            _ => {
                cells.part(&bytes[from..quote]);
                let lines = line_ends(&bytes[opened + 1..quote]);
                return Quoted::Closed { end: quote + 1, lines };
            }
        }
    }
}

/// A physical line, in bytes from where the search began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub text: usize,
    pub used: usize,
}

/// The end of the physical line that `bytes` begin in; `None` if they end first and are not
/// `whole`.
pub(super) fn line(bytes: &[u8], whole: bool) -> Option<Line> {
    match memchr2(b'\n', b'\r', bytes) {
        None if whole => Some(Line { text: bytes.len(), used: bytes.len() }),
        None => None,
        Some(text) if bytes[text] == b'\n' => Some(Line { text, used: text + 1 }),
        Some(text) => match bytes.get(text + 1) {
            Some(b'\n') => Some(Line { text, used: text + 2 }),
            None if !whole => None,
            _ => Some(Line { text, used: text + 1 }),
        },
    }
}

/// How many lines end in `bytes`; LF, CRLF and a lone CR each end one.
pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    let (mut from, mut count) = (0, 0);
    while memchr2(b'\n', b'\r', &bytes[from..]).is_some() {
        from += line(&bytes[from..], true).map_or(bytes.len(), |line| line.used);
        count += 1;
    }
    count
}

/// A position in the file: physical line and character within it, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub line: u64,
    pub column: u64,
}

/// The place of byte `offset` of `text`, which starts at the start of line `first`.
pub(super) fn place(text: &[u8], offset: usize, first: u64) -> Place {
    let (mut start, mut line_number) = (0, first);
    while let Some(next) = line(&text[start..], false).map(|line| start + line.used) {
        if next > offset {
            break;
        }
        start = next;
        line_number += 1;
    }
    Place { line: line_number, column: 1 + chars(&text[start..offset]) }
}

/// Characters in `bytes`; a byte that is not UTF-8 counts as one, if it does not continue another.
pub(super) fn chars(bytes: &[u8]) -> u64 {
    let starts = bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
    u64::try_from(starts).unwrap_or(u64::MAX)
}

/// The fields of a record that is looked at closely, one by one, as far as a row may have fields.
#[derive(Debug, Default)]
pub(super) struct Apart {
    pub cells: Vec<Box<[u8]>>,
    /// Where the raw text of each field ends.
    ends: Vec<usize>,
    building: Vec<u8>,
    /// Whether there were more fields than are kept.
    surplus: bool,
}

impl Cells for Apart {
    fn part(&mut self, bytes: &[u8]) {
        self.building.extend_from_slice(bytes);
    }

    fn end(&mut self, at: usize) {
        if self.cells.len() < ROW_FIELDS_MAX {
            self.cells.push(Box::from(&*self.building));
            self.ends.push(at);
        } else {
            self.surplus = true;
        }
        self.building.clear();
    }
}

impl Apart {
    /// Takes `text` apart as far as it goes: from a fault in the quoting on, and from the last
    /// field that a row may have, the rest is one field, as it stands in the file.
    pub(super) fn of(text: &[u8], delimiter: u8) -> Self {
        let mut apart = Self::default();
        let whole = matches!(scan(text, true, delimiter, &mut apart), Scan::Row(_));
        let count = apart.cells.len();
        if whole && !apart.surplus {
            return apart;
        }
        if count == ROW_FIELDS_MAX {
            apart.cells[count - 1] = Box::from(&text[apart.start(count - 1)..]);
        } else {
            apart.cells.push(Box::from(&text[apart.start(count)..]));
            apart.ends.push(text.len());
        }
        apart
    }

    /// Where the raw text of field `index` starts.
    pub(super) fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] + 1)
    }

    /// The field that byte `offset` lies in.
    pub(super) fn index_at(&self, offset: usize) -> Option<usize> {
        self.ends.iter().position(|&end| end >= offset)
    }
}

/// Where the quoted field opens that is still open at the end of `text`.
pub(super) fn open_quote(text: &[u8], delimiter: u8) -> Option<usize> {
    match scan(text, true, delimiter, &mut Apart::default()) {
        Scan::Open { opened } => Some(opened),
        _ => None,
    }
}

/// Whether a physical line is a record of `width` fields by itself, with quotes at field boundaries
/// only, so that it cannot be the inside of somebody's quoted field by any other reading.
pub(super) fn is_strict(text: &[u8], delimiter: u8, width: usize) -> bool {
    let mut apart = Apart::default();
    let Scan::Row(record) = scan(text, true, delimiter, &mut apart) else { return false };
    let bare = |index: usize| {
        let raw = &text[apart.start(index)..apart.ends[index]];
        raw.first() != Some(&b'"') && memchr(b'"', raw).is_some()
    };
    record.fields == width && !text.is_empty() && !(0..record.fields).any(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Result<Vec<String>, Scan> {
        let mut apart = Apart::default();
        match scan(text.as_bytes(), true, b',', &mut apart) {
            Scan::Row(_) => {
                Ok(apart.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect())
            }
            fault => Err(fault),
        }
    }

    #[test]
    fn records_come_apart() {
        let table: &[(&str, &[&str])] = &[
            ("a,b", &["a", "b"]),
            ("a,b\nc,d", &["a", "b"]),
            (",", &["", ""]),
            ("\"\",\"\"", &["", ""]),
            ("\"a\"\"b\",c\r\n", &["a\"b", "c"]),
            ("\"a,b\",c\r", &["a,b", "c"]),
            ("\"a\nb\",c\n", &["a\nb", "c"]),
            ("5\" pipe,joh\"n", &["5\" pipe", "joh\"n"]),
            ("\"\"\"\",x", &["\"", "x"]),
            (" \"a\",b", &[" \"a\"", "b"]),
        ];
        for (text, expected) in table {
            assert_eq!(cells(text).expect(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn faults_are_found_where_they_are() {
        assert_eq!(cells("1,\"a\"b"), Err(Scan::TextAfterQuote { at: 5 }));
        assert_eq!(cells("1,\"a\" ,b"), Err(Scan::TextAfterQuote { at: 5 }));
        assert_eq!(cells("1,\"a\n2,b"), Err(Scan::Open { opened: 2 }));
        assert_eq!(cells("\""), Err(Scan::Open { opened: 0 }));
    }

    #[test]
    fn a_record_that_touches_the_end_of_the_bytes_is_not_settled() {
        for text in ["a", "a,", "a,b\r", "\"a", "\"a\"", "a,\"b\"\"", "a,\"b\r\n"] {
            let mut sink = Apart::default();
            assert_eq!(scan(text.as_bytes(), false, b',', &mut sink), Scan::More, "{text:?}");
        }
    }

    #[test]
    fn lines_and_places() {
        assert_eq!(line_ends(b"a\nb\r\nc\rd"), 3);
        assert_eq!(line_ends(b"\r\r\n\n"), 3);
        assert_eq!(place("ab\né\u{20ac}x".as_bytes(), 8, 7), Place { line: 8, column: 3 });
        assert_eq!(place(b"ab", 0, 7), Place { line: 7, column: 1 });
        assert_eq!(place(b"a\r\nb", 3, 1), Place { line: 2, column: 1 });
    }

    #[test]
    fn strict_means_quotes_at_boundaries_and_the_right_width() {
        let table = [
            ("2,cd", true),
            ("3,\"ef\"", true),
            ("\"\",\"a\"\"b\"", true),
            ("2", false),
            ("", false),
            ("5\" pipe,x", false),
            ("3,\"ef", false),
            ("3,\"e\"f", false),
        ];
        for (text, expected) in table {
            assert_eq!(is_strict(text.as_bytes(), b',', 2), expected, "{text:?}");
        }
    }
}
