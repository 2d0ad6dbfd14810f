//! The header: which delimiter, which columns, and whether their names can be trusted.

use std::collections::HashMap;

use super::decode::MALFORMED;
use super::error::ReadError;
use super::record::{Apart, Record, Scan, chars, line, line_ends, place, scan};
use super::window::{Fill, Window, first_flaw};
use crate::config::plan::Delimiter;
use crate::model::limits::{HEADER_CHARS_MAX, ROW_FIELDS_MAX};

/// What the first record says.
pub(super) struct Header {
    pub columns: Vec<String>,
    pub delimiter: Delimiter,
    pub record: Record,
    pub notice: Option<String>,
}

/// Reads the header at the start of `window`; it is not consumed.
pub(super) fn header(
    window: &mut Window,
    name: &str,
    encoding: &'static str,
    given: Option<Delimiter>,
) -> Result<Header, ReadError> {
    load(window, name)?;
    let bytes = window.bytes();
    let about = About { name, encoding, bytes };
    if bytes.is_empty() {
        return Err(ReadError::Empty { name: name.to_owned() });
    }
    let first = line(bytes, true).map_or(0, |line| line.text);
    if bytes[..first].iter().all(u8::is_ascii_whitespace) && !bytes[..first].contains(&b'\t') {
        return Err(ReadError::HeaderBlank { at: about.at(0) });
    }
    let delimiter = given.unwrap_or_else(|| detect(bytes));
    let mut apart = Apart::default();
    let record = match scan(bytes, true, delimiter.byte(), &mut apart) {
        Scan::Row(record) => record,
        Scan::TextAfterQuote { at } if line_ends(&bytes[..at]) > 0 => {
            let opened = apart.start(apart.cells.len());
            return Err(ReadError::HeaderOpen { at: about.at(opened) });
        }
        Scan::TextAfterQuote { at } => return Err(ReadError::HeaderQuote { at: about.at(at) }),
        Scan::Open { opened } => return Err(ReadError::HeaderOpen { at: about.at(opened) }),
        Scan::More => return Err(ReadError::HeaderLong { at: about.at(0) }),
    };
    about.check_text(record.text)?;
    about.check_width(&record, delimiter)?;
    let columns = about.names(&apart)?;
    let notice = (given.is_none() && delimiter != Delimiter::Comma)
        .then(|| format!("the delimiter of `{name}` is {}, by its header", delimiter.word()));
    Ok(Header { columns, delimiter, record, notice })
}

/// Loads at least as much as the longest header has, and the line end after it.
fn load(window: &mut Window, name: &str) -> Result<(), ReadError> {
    while window.bytes().len() < 4 * HEADER_CHARS_MAX + 2 {
        if window.fill().map_err(|e| ReadError::of(name, e))? != Fill::Got {
            break;
        }
    }
    Ok(())
}

/// The delimiter that splits the header line most often; a comma if two are equal or there is none.
fn detect(bytes: &[u8]) -> Delimiter {
    let counts = counts(bytes);
    let most = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    let mut best = counts.iter().filter(|&&(_, count)| count == most && most > 0);
    match (best.next(), best.next()) {
        (Some(&(delimiter, _)), None) => delimiter,
        _ => Delimiter::Comma,
    }
}

/// How often each delimiter stands in the header outside of quotes.
fn counts(bytes: &[u8]) -> [(Delimiter, usize); 6] {
    let mut counts = Delimiter::ALL.map(|delimiter| (delimiter, 0));
    let (mut quoted, mut at_start) = (false, true);
    for &byte in bytes {
        if quoted {
            // A doubled quote closes and opens again at once.
            quoted = byte != b'"';
            at_start = !quoted;
        } else if byte == b'"' && at_start {
            quoted = true;
        } else if byte == b'\n' || byte == b'\r' {
            break;
        } else if let Some(entry) = counts.iter_mut().find(|(d, _)| d.byte() == byte) {
            entry.1 += 1;
            at_start = true;
        } else {
            at_start = false;
        }
    }
    counts
}

/// The header's bytes and how to speak of them.
struct About<'a> {
    name: &'a str,
    encoding: &'static str,
    bytes: &'a [u8],
}

impl About<'_> {
    /// `file:line:column` of a byte.
    fn at(&self, offset: usize) -> String {
        let place = place(self.bytes, offset, 1);
        format!("{}:{}:{}", self.name, place.line, place.column)
    }

    fn check_text(&self, text: usize) -> Result<(), ReadError> {
        if chars(&self.bytes[..text]) > HEADER_CHARS_MAX as u64 {
            return Err(ReadError::HeaderLong { at: self.at(0) });
        }
        let Some(flaw) = first_flaw(&self.bytes[..text]) else { return Ok(()) };
        let (what, hint) = match self.bytes[flaw] {
            0 => (
                "a NUL byte in the header".to_owned(),
                "if the file is UTF-16, give `--encoding utf-16le` or `--encoding utf-16be`",
            ),
            MALFORMED if self.encoding != "UTF-8" => (
                format!("bytes in the header that are not {}", self.encoding),
                "give the encoding that the file has with `--encoding`",
            ),
            byte => (
                format!("byte 0x{byte:02X} in the header is not UTF-8"),
                "name the encoding of the file, such as `--encoding windows-1252`",
            ),
        };
        Err(ReadError::HeaderText { at: self.at(flaw), what, hint })
    }

    fn check_width(&self, record: &Record, delimiter: Delimiter) -> Result<(), ReadError> {
        let fields = record.fields;
        if fields > ROW_FIELDS_MAX {
            return Err(ReadError::HeaderWide { at: self.at(0), fields });
        }
        let others = counts(self.bytes);
        let better = others.iter().filter(|&&(d, _)| d != delimiter).max_by_key(|&&(_, n)| n);
        match better {
            Some(&(other, count)) if fields == 1 && count > 0 => Err(ReadError::OneColumn {
                at: self.at(0),
                other: other.word(),
                columns: count + 1,
            }),
            _ => Ok(()),
        }
    }

    fn names(&self, apart: &Apart) -> Result<Vec<String>, ReadError> {
        let mut columns: Vec<String> = Vec::with_capacity(apart.cells.len());
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, cell) in apart.cells.iter().enumerate() {
            let name = String::from_utf8_lossy(cell).into_owned();
            let at = || self.at(apart.start(index));
            let column = index + 1;
            if name.is_empty() {
                return Err(ReadError::HeaderEmpty { at: at(), column });
            }
            if let Some(what) = unseen(&name) {
                let shown = escaped(&name);
                return Err(ReadError::HeaderName { at: at(), column, shown, what });
            }
            if let Some(before) = seen.insert(name.to_lowercase(), index) {
                let (first, second) = (before + 1, column);
                let other: &String = &columns[before];
                let spelled = if *other == name { String::new() } else { format!(" and `{name}`") };
                let name = other.clone();
                return Err(ReadError::HeaderTwice { at: at(), first, second, name, spelled });
            }
            columns.push(name);
        }
        Ok(columns)
    }
}

/// What a person would not see in a column name, and a comparison of names would trip over.
fn unseen(name: &str) -> Option<&'static str> {
    let edge = |c: Option<char>| {
        c.is_some_and(|c| {
            c.is_whitespace() || c.is_control() || ('\u{200C}'..='\u{200D}').contains(&c)
        })
    };
    if name.chars().any(is_invisible) {
        Some("has characters that cannot be seen")
    } else if edge(name.chars().next()) {
        Some("begins with a blank")
    } else if edge(name.chars().next_back()) {
        Some("ends with a blank")
    } else {
        None
    }
}

/// Zero-width characters and marks of direction.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// The name with all that is not plainly visible as escapes.
fn escaped(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars() {
        let plain = c == ' ' || !(c.is_whitespace() || c.is_control() || is_invisible(c));
        if plain && !('\u{200C}'..='\u{200D}').contains(&c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_splits_most() {
        let table = [
            ("Id,Name", Delimiter::Comma),
            ("Id;Name", Delimiter::Semicolon),
            ("Id\tName\tAge", Delimiter::Tab),
            ("Id|Name", Delimiter::Pipe),
            ("Id^Name", Delimiter::Caret),
            ("Id`Name", Delimiter::Backquote),
            ("Id", Delimiter::Comma),
            ("Id;Name,Age", Delimiter::Comma),
            ("Id;\"a,b,c\";\"d \"\",,,\"", Delimiter::Semicolon),
            ("Id;joh\"n;x,\"\na,b,c,d", Delimiter::Semicolon),
        ];
        for (text, expected) in table {
            assert_eq!(detect(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(escaped("\u{A0}Id "), "\\u{a0}Id ");
        assert_eq!(escaped("I\u{200B}d\n"), "I\\u{200b}d\\n");
        assert_eq!(unseen("Größe in cm"), None);
        assert_eq!(unseen("Id\u{A0}"), Some("ends with a blank"));
    }
}
