//! Reads an uploaded CSV as the service does: RFC 4180, strict about quotes, one record at a time.

use std::io::{self, BufRead};

/// Why an upload cannot be parsed.
#[derive(Debug)]
pub enum Fault {
    /// A quote inside an unquoted value, text after a closing quote, or a quote that never closes.
    Quote,
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    Lf,
    CrLf,
    /// A carriage return with no line feed after it.
    Cr,
    #[default]
    EndOfFile,
}

/// One record: its cells in one buffer, reused from record to record.
#[derive(Debug, Default)]
pub struct Record {
    text: Vec<u8>,
    ends: Vec<usize>,
    pub ending: Ending,
    /// A quoted cell has a line feed with no carriage return before it.
    pub inner_lf: bool,
    /// A quoted cell has a carriage return followed by a line feed.
    pub inner_crlf: bool,
    quoted: bool,
}

impl Record {
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let cell = &self.text[start..end];
            start = end;
            cell
        })
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.ending = Ending::EndOfFile;
        (self.inner_lf, self.inner_crlf, self.quoted) = (false, false, false);
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    fn is_blank_line(&self) -> bool {
        self.ends.len() == 1 && self.text.is_empty() && !self.quoted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuotedCr,
    QuoteSeen,
    CrSeen,
}

/// What to do after one byte.
enum Step {
    Go(State),
    /// The record is complete; the flag says whether the byte belongs to it.
    Done(Ending, bool),
}

/// Reads records from `input`; blank lines are passed over.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    delimiter: u8,
    offset: u64,
}

impl<R: BufRead> Reader<R> {
    /// `offset` is where `input` stands in its file.
    pub fn new(input: R, delimiter: u8, offset: u64) -> Self {
        Self { input, delimiter, offset }
    }

    /// Bytes read so far, from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next record into `record`; `false` at the end of the file.
    pub fn read(&mut self, record: &mut Record) -> Result<bool, Fault> {
        loop {
            if !self.read_line(record)? {
                return Ok(false);
            }
            if !record.is_blank_line() {
                return Ok(true);
            }
        }
    }

    fn read_line(&mut self, record: &mut Record) -> Result<bool, Fault> {
        record.clear();
        let mut state = State::CellStart;
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return if any { finish(state, record).map(|()| true) } else { Ok(false) };
            }
            any = true;
            let mut used = 0;
            let mut done = false;
            for &byte in chunk {
                match step(state, byte, self.delimiter, record)? {
                    Step::Go(next) => {
                        state = next;
                        used += 1;
                    }
                    Step::Done(ending, taken) => {
                        record.ending = ending;
                        used += usize::from(taken);
                        done = true;
                        break;
                    }
                }
            }
            self.input.consume(used);
            self.offset += used as u64;
            if done {
                return Ok(true);
            }
        }
    }
}

fn step(state: State, byte: u8, delimiter: u8, record: &mut Record) -> Result<Step, Fault> {
    match state {
        State::CellStart if byte == b'"' => {
            record.quoted = true;
            Ok(Step::Go(State::Quoted))
        }
        State::CellStart | State::Plain => match byte {
            b'"' => Err(Fault::Quote),
            _ => Ok(outside(byte, delimiter, record).unwrap_or_else(|| {
                record.text.push(byte);
                Step::Go(State::Plain)
            })),
        },
        State::Quoted | State::QuotedCr => {
            if byte == b'"' {
                return Ok(Step::Go(State::QuoteSeen));
            }
            if byte == b'\n' {
                let after_cr = state == State::QuotedCr;
                record.inner_crlf |= after_cr;
                record.inner_lf |= !after_cr;
            }
            record.text.push(byte);
            Ok(Step::Go(if byte == b'\r' { State::QuotedCr } else { State::Quoted }))
        }
        State::QuoteSeen if byte == b'"' => {
            record.text.push(byte);
            Ok(Step::Go(State::Quoted))
        }
        State::QuoteSeen => outside(byte, delimiter, record).ok_or(Fault::Quote),
        State::CrSeen if byte == b'\n' => Ok(Step::Done(Ending::CrLf, true)),
        State::CrSeen => Ok(Step::Done(Ending::Cr, false)),
    }
}

/// The three bytes that end a cell.
fn outside(byte: u8, delimiter: u8, record: &mut Record) -> Option<Step> {
    let step = match byte {
        b'\n' => Step::Done(Ending::Lf, true),
        b'\r' => Step::Go(State::CrSeen),
        _ if byte == delimiter => Step::Go(State::CellStart),
        _ => return None,
    };
    record.end_cell();
    Some(step)
}

fn finish(state: State, record: &mut Record) -> Result<(), Fault> {
    match state {
        State::Quoted | State::QuotedCr => return Err(Fault::Quote),
        State::CrSeen => record.ending = Ending::Cr,
        State::CellStart | State::Plain | State::QuoteSeen => record.end_cell(),
    }
    Ok(())
}

/// Writes one cell as results have it: always quoted, quotes doubled.
pub fn quote(cell: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for (index, part) in cell.split('"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(text: &[u8], buffer: usize) -> Result<Vec<Vec<String>>, Fault> {
        let input = io::BufReader::with_capacity(buffer, text);
        let mut reader = Reader::new(input, b',', 0);
        let mut record = Record::default();
        let mut rows = Vec::new();
        while reader.read(&mut record)? {
            rows.push(
                record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect(),
            );
        }
        assert_eq!(reader.offset(), text.len() as u64);
        Ok(rows)
    }

    #[test]
    fn records_of_every_shape() {
        for (text, expected) in [
            ("", vec![]),
            ("\n\r\n", vec![]),
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\r\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a\rb\r", vec![vec!["a"], vec!["b"]]),
            ("a\n\"\"\n\nb", vec![vec!["a"], vec![""], vec!["b"]]),
            ("\"x\"\"y\",\"1\n2\"\n", vec![vec!["x\"y", "1\n2"]]),
            (",\n", vec![vec!["", ""]]),
            ("a,", vec![vec!["a", ""]]),
        ] {
            for buffer in [1, 2, 64] {
                assert_eq!(read_all(text.as_bytes(), buffer).unwrap(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn bad_quotes_are_faults() {
        for text in ["a\"b\n", "\"a\"b\n", "\"a", "\u{feff}\"Id\"\n", "a, \"b\"\n"] {
            assert!(matches!(read_all(text.as_bytes(), 3), Err(Fault::Quote)), "{text:?}");
        }
    }

    #[test]
    fn line_endings_are_noticed_inside_and_outside_of_cells() {
        let mut reader = Reader::new(&b"a,\"x\r\ny\"\r\n\"p\nq\"\n"[..], b',', 0);
        let mut record = Record::default();
        assert!(reader.read(&mut record).unwrap());
        assert_eq!(
            (record.ending, record.inner_crlf, record.inner_lf),
            (Ending::CrLf, true, false)
        );
        assert!(reader.read(&mut record).unwrap());
        assert_eq!((record.ending, record.inner_crlf, record.inner_lf), (Ending::Lf, false, true));
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a\",\r\n ]{0,4}", 3), 1..8)
        ) {
            let mut writer = csv::WriterBuilder::new()
                .quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            prop_assert_eq!(read_all(&text, 5).unwrap(), rows);
        }

        #[test]
        fn a_quoted_cell_reads_as_it_was(cell in "\\PC{0,12}") {
            let mut text = Vec::new();
            quote(&cell, &mut text);
            text.push(b'\n');
            prop_assert_eq!(read_all(&text, 4).unwrap(), vec![vec![cell]]);
        }
    }
}
