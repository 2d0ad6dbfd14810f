//! Lines of CSV in the style of another program: its quotes, delimiter, encoding and line ends.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding};

use crate::config::styles::TextStyle;
use crate::model::failure::{Blame, Failure};
use crate::model::wording::shown;

/// How the cells of a line become bytes.
#[derive(Debug, Clone)]
pub struct Styled {
    charset: Charset,
    byte_order_mark: bool,
    line_end: &'static str,
    delimiter: char,
    quote_all: bool,
    text: String,
}

/// An encoding that files are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Utf16 { big: bool },
    Other(&'static Encoding),
}

impl Styled {
    /// Refuses an encoding that is not known.
    pub fn new(style: &TextStyle, delimiter: u8, quote_all: bool) -> Result<Self, Failure> {
        Ok(Self {
            charset: Charset::named(&style.charset)?,
            byte_order_mark: style.byte_order_mark,
            line_end: if style.crlf { "\r\n" } else { "\n" },
            delimiter: char::from(delimiter),
            quote_all,
            text: String::new(),
        })
    }

    /// The mark that a file begins with; nothing where there is none.
    pub fn mark(&self) -> &'static [u8] {
        match self.charset {
            _ if !self.byte_order_mark => b"",
            Charset::Utf8 => b"\xEF\xBB\xBF",
            Charset::Utf16 { big: true } => b"\xFE\xFF",
            Charset::Utf16 { big: false } => b"\xFF\xFE",
            Charset::Other(_) => b"",
        }
    }

    /// Appends one line. Line breaks within cells are LF; characters that the encoding does not
    /// have become `?`, as in Java.
    pub fn push_line<'a>(&mut self, out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
        self.text.clear();
        let mut count = 0;
        for cell in cells {
            if count > 0 {
                self.text.push(self.delimiter);
            }
            self.push_cell(&String::from_utf8_lossy(cell));
            count += 1;
        }
        if count == 1 && self.text.is_empty() {
            self.text.push_str("\"\"");
        }
        self.text.push_str(self.line_end);
        self.charset.encode(&self.text, out);
    }

    /// The same with commas and quotes around each cell.
    pub fn push_status<'a>(&mut self, out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
        let (delimiter, quote_all) = (self.delimiter, self.quote_all);
        (self.delimiter, self.quote_all) = (',', true);
        self.push_line(out, cells);
        (self.delimiter, self.quote_all) = (delimiter, quote_all);
    }

    fn push_cell(&mut self, cell: &str) {
        let cell = if cell.contains('\r') {
            Cow::Owned(cell.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            Cow::Borrowed(cell)
        };
        let special = |c: char| c == self.delimiter || matches!(c, '"' | '\n' | '\r');
        if !self.quote_all && !cell.contains(special) {
            self.text.push_str(&cell);
            return;
        }
        self.text.push('"');
        for part in cell.split_inclusive('"') {
            self.text.push_str(part);
            if part.ends_with('"') {
                self.text.push('"');
            }
        }
        self.text.push('"');
    }
}

impl Charset {
    /// An encoding by its WHATWG label or by Java's name for it.
    fn named(name: &str) -> Result<Self, Failure> {
        let lower = name.trim().to_ascii_lowercase();
        match &*lower {
            "utf-16" | "utf-16be" | "utf16" => return Ok(Self::Utf16 { big: true }),
            "utf-16le" => return Ok(Self::Utf16 { big: false }),
            _ => {}
        }
        let label = match &*lower {
            "iso8859_1" => "iso-8859-1".to_owned(),
            "iso8859_15" => "iso-8859-15".to_owned(),
            other => match other.strip_prefix("cp125") {
                Some(page) => format!("windows-125{page}"),
                None => other.to_owned(),
            },
        };
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == encoding_rs::UTF_8 => Ok(Self::Utf8),
            Some(encoding) if encoding.output_encoding() == encoding => Ok(Self::Other(encoding)),
            _ => {
                let name = shown(name.as_bytes());
                let message = format!("files cannot be written in the encoding `{name}`");
                Err(Failure::new(Blame::Request, message)
                    .hint("use a label such as `utf-8`, `utf-16le` or `windows-1252`"))
            }
        }
    }

    fn encode(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Utf16 { big: true } => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Utf16 { big: false } => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Self::Other(encoding) => encode_other(encoding, text, out),
        }
    }
}

fn encode_other(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    let mut rest = text;
    loop {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(room.unwrap_or(rest.len() * 4) + 8);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(charset: &str, byte_order_mark: bool, crlf: bool) -> TextStyle {
        TextStyle { charset: charset.to_owned(), byte_order_mark, crlf }
    }

    fn line(style: &TextStyle, quote_all: bool, cells: &[&str]) -> Vec<u8> {
        let mut styled = Styled::new(style, b',', quote_all).unwrap();
        let mut out = styled.mark().to_vec();
        styled.push_line(&mut out, cells.iter().map(|cell| cell.as_bytes()));
        out
    }

    #[test]
    fn quotes_and_line_ends() {
        let unix = style("utf-8", false, false);
        let cells = ["", "a,b", "say \"hi\"", "x\r\ny\rz", "\"", "é"];
        let all = "\"\",\"a,b\",\"say \"\"hi\"\"\",\"x\ny\nz\",\"\"\"\",\"é\"\n";
        assert_eq!(line(&unix, true, &cells), all.as_bytes());
        let needed = ",\"a,b\",\"say \"\"hi\"\"\",\"x\ny\nz\",\"\"\"\",é\n";
        assert_eq!(line(&unix, false, &cells), needed.as_bytes());
        assert_eq!(line(&style("utf-8", false, true), true, &["a\nb"]), b"\"a\nb\"\r\n");
        assert_eq!(line(&unix, false, &[""]), b"\"\"\n", "an empty line would be no row");
    }

    #[test]
    fn encodings_and_their_marks() {
        for (charset, wanted) in [
            ("UTF-8", &b"\xEF\xBB\xBF\"\xC3\xA9\"\n"[..]),
            ("utf-16", b"\xFE\xFF\0\"\0\xE9\0\"\0\n"),
            ("UTF-16LE", b"\xFF\xFE\"\0\xE9\0\"\0\n\0"),
            ("windows-1252", b"\"\xE9\"\n"),
            ("Cp1252", b"\"\xE9\"\n"),
            ("ISO8859_1", b"\"\xE9\"\n"),
            ("Cp1250", b"\"\xE9\"\n"),
        ] {
            assert_eq!(line(&style(charset, true, false), true, &["é"]), wanted, "{charset}");
        }
        let cells = ["a\u{4E2D}b", "\u{1F600}"];
        assert_eq!(line(&style("Cp1252", true, false), false, &cells), b"a?b,?\n");
        let shift = line(&style("Shift_JIS", true, false), false, &["a\u{4E2D}\u{1F600}b"]);
        assert_eq!(shift, b"a\x92\x86?b\n");
    }

    #[test]
    fn an_unknown_encoding_is_refused() {
        for charset in ["utf-32", "klingon", ""] {
            let failure = Styled::new(&style(charset, true, false), b',', true).unwrap_err();
            assert_eq!(failure.blame, Blame::Request, "{charset}");
        }
    }
}
