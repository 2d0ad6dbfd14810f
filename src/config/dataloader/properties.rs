//! Property files as `java.util.Properties` reads and writes them: `config.properties`, `.sdl`.
//!
//! The bytes are ISO-8859-1; other characters stand as `\uXXXX`, in UTF-16. A key ends at the first
//! `=`, `:` or blank that is not escaped, which is why `First Name=X` sets `First`. A line may go
//! on behind a backslash. Source: the class's documentation, method `load(Reader)`.

use std::fmt::Write;

/// What an entry has at most; Data Loader has no bound, and a file of more is not one of its own.
pub const ENTRIES_MAX: usize = 100_000;

/// The entries of a property file, in the order of the file, repeated keys included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    pub entries: Vec<Entry>,
}

/// A key and its value, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// Where it begins, counted from 1.
    pub line: usize,
}

/// Why a property file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProperties {
    #[error("line {line}: `\\u` wants four hexadecimal digits")]
    BadEscape { line: usize },
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooMany,
}

impl Properties {
    /// Reads the bytes of a property file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadProperties> {
        let mut entries = Vec::new();
        for (line, text) in logical_lines(bytes) {
            if entries.len() == ENTRIES_MAX {
                return Err(BadProperties::TooMany);
            }
            let (key, value) = split(&text);
            let unescaped = |part| unescape(part).ok_or(BadProperties::BadEscape { line });
            entries.push(Entry { key: unescaped(key)?, value: unescaped(value)?, line });
        }
        Ok(Self { entries })
    }

    /// The value of a key; the last one counts, as in a map that is filled from top to bottom.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.key == key).map(|entry| &*entry.value)
    }

    /// The text of a file that is read back as these entries; ASCII only.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for Entry { key, value, .. } in &self.entries {
            escape(key, true, &mut text);
            text.push('=');
            escape(value, false, &mut text);
            text.push('\n');
        }
        text
    }
}

/// Lines without comments and blank lines, joined where a backslash says so; escapes stay.
fn logical_lines(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut lines = Vec::new();
    // The line that goes on, with the number of its first part.
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (number, natural) in natural_lines(bytes) {
        let text = natural.trim_ascii_start_blanks();
        let begun = match open.take() {
            Some((first, mut begun)) => {
                begun.extend_from_slice(text);
                (first, begun)
            }
            None if text.is_empty() || matches!(text[0], b'#' | b'!') => continue,
            None => (number, text.to_vec()),
        };
        let backslashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            let (first, mut text) = begun;
            text.pop();
            open = Some((first, text));
        } else if !begun.1.is_empty() {
            lines.push(begun);
        }
    }
    lines.extend(open.filter(|(_, text)| !text.is_empty()));
    lines
}

/// Lines with their numbers; LF, CR and CRLF end one.
fn natural_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(bytes);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let ended_by = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&text[end + ended_by..]);
        Some(&text[..end])
    });
    (1..).zip(lines)
}

trait Blanks {
    fn trim_ascii_start_blanks(&self) -> &[u8];
}

impl Blanks for [u8] {
    fn trim_ascii_start_blanks(&self) -> &[u8] {
        let begin = self.iter().position(|byte| !is_blank(*byte)).unwrap_or(self.len());
        &self[begin..]
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

/// Key and value of a logical line, the separator and the blanks around it left out.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = line.iter().position(|byte| {
        let ends = !escaped && (is_blank(*byte) || matches!(byte, b'=' | b':'));
        escaped = !escaped && *byte == b'\\';
        ends
    });
    let Some(end) = end else { return (line, b"") };
    let rest = line[end..].trim_ascii_start_blanks();
    let value = match rest {
        [b'=' | b':', value @ ..] => value.trim_ascii_start_blanks(),
        value => value,
    };
    (&line[..end], value)
}

/// The text of Latin-1 bytes with their escapes resolved; nothing where a `\u` is broken.
///
/// Halves of a UTF-16 pair that stand alone become U+FFFD: there is no other way to keep them.
fn unescape(bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        units.push(match rest.next() {
            None => break,
            Some(b'u') => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(rest.next()?).to_digit(16)?;
                    unit = unit << 4 | u16::try_from(digit).ok()?;
                }
                unit
            }
            Some(b't') => 9,
            Some(b'n') => 10,
            Some(b'f') => 12,
            Some(b'r') => 13,
            Some(other) => u16::from(other),
        });
    }
    Some(String::from_utf16_lossy(&units))
}

fn escape(text: &str, is_key: bool, into: &mut String) {
    for (at, character) in text.chars().enumerate() {
        match character {
            ' ' if is_key || at == 0 => into.push_str("\\ "),
            '\t' => into.push_str("\\t"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\x0c' => into.push_str("\\f"),
            '\\' | '=' | ':' | '#' | '!' => into.extend(['\\', character]),
            ' '..='~' => into.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _written = write!(into, "\\u{unit:04X}").is_ok();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
        let read = Properties::parse(bytes).unwrap();
        read.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    #[test]
    fn lines_are_read_as_java_reads_them() {
        type Case = (&'static [u8], &'static [(&'static str, &'static str)]);
        let cases: [Case; 27] = [
            (b"", &[]),
            (b"a=b", &[("a", "b")]),
            (b"a = b ", &[("a", "b ")]),
            (b"  a:b", &[("a", "b")]),
            (b"a b", &[("a", "b")]),
            (b"a\tb", &[("a", "b")]),
            (b"a  =  b", &[("a", "b")]),
            (b"a == b", &[("a", "= b")]),
            (b"a", &[("a", "")]),
            (b"a=", &[("a", "")]),
            (b"=b", &[("", "b")]),
            (b"# note\n ! note\n\n \t\na=b", &[("a", "b")]),
            (b"First Name=X", &[("First", "Name=X")]),
            (b"First\\ Name=X", &[("First Name", "X")]),
            (b"Owner:User-Name__c=X", &[("Owner", "User-Name__c=X")]),
            (b"Owner\\:User=X", &[("Owner:User", "X")]),
            (b"C=Parent:Account-Ext__c", &[("C", "Parent:Account-Ext__c")]),
            (b"\" \" = F", &[("\"", "\" = F")]),
            (b"path=c:\\temp\\new", &[("path", "c:\temp\new")]),
            (b"path=c:\\data", &[("path", "c:data")]),
            (b"a=1\\\n   2\r\nb=3", &[("a", "12"), ("b", "3")]),
            (b"a=1\\\\\nb=2", &[("a", "1\\"), ("b", "2")]),
            (b"a=1\\\n#2", &[("a", "1#2")]),
            (b"a=1\\\n\nb=2", &[("a", "1"), ("b", "2")]),
            (b"a=1\\", &[("a", "1")]),
            (b"k\\u00e4=\\uD83D\\uDE00\rx=\xe4", &[("k\u{e4}", "\u{1f600}"), ("x", "\u{e4}")]),
            // UTF-8 that nobody announced: two characters, as in the program itself.
            (b"\xc3\xa4=x", &[("\u{c3}\u{a4}", "x")]),
        ];
        for (bytes, wanted) in cases {
            let wanted: Vec<_> =
                wanted.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(pairs(bytes), wanted, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_broken_escape_is_refused_with_its_line() {
        for text in ["\n\na=\\u12", "\n\na=\\u12g4", "#\\u\n\n\\u=1"] {
            let error = Properties::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error, BadProperties::BadEscape { line: 3 }, "{text}");
        }
        let many = "a=b\n".repeat(ENTRIES_MAX + 1);
        assert_eq!(Properties::parse(many.as_bytes()), Err(BadProperties::TooMany));
    }

    #[test]
    fn the_last_value_of_a_key_counts() {
        let read = Properties::parse(b"a=1\nb=2\na=3\n").unwrap();
        assert_eq!((read.get("a"), read.get("b"), read.get("c")), (Some("3"), Some("2"), None));
        assert_eq!(read.entries[2].line, 3);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in prop::collection::vec((".*", ".*"), 0..8)) {
            let entry = |(line, (key, value))| Entry { key, value, line };
            let wanted = Properties { entries: (1..).zip(pairs).map(entry).collect() };
            let text = wanted.write();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(Properties::parse(text.as_bytes()), Ok(wanted));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(read) = Properties::parse(&bytes) {
                let again = Properties::parse(read.write().as_bytes()).unwrap();
                let parts = |p: &Properties| -> Vec<(String, String)> {
                    p.entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect()
                };
                prop_assert_eq!(parts(&again), parts(&read));
            }
        }
    }
}
