//! From the window to slabs: good rows into the table, bad ones into rejections.

use std::sync::Arc;

use memchr::{memchr2, memrchr};

use super::decode::MALFORMED;
use super::error::ReadError;
use super::header::header;
use super::record::{
    Apart, Line, Place, Record, Scan, chars, is_strict, line, line_ends, open_quote, place, scan,
};
use super::runs::{Plain, Run};
use super::source::{Raw, Tally, plain};
use super::window::{Fill, RECORD_BYTES_MAX, Window};
use crate::config::plan::{Input, LineEnding};
use crate::model::chunk::Digest;
use crate::model::limits::{FIELD_CHARS_MAX, ROW_CHARS_MAX, SLAB_BYTES, SLAB_ROWS};
use crate::model::rows::{Extent, RawSlab, Rejected, RowMark, Table};

/// The rows of one input, a slab at a time.
///
/// Memory is bounded: one window of at most a longest record and a chunk (about 2 MiB), and the
/// slab that is being filled.
pub struct SlabReader {
    name: String,
    /// The encoding's WHATWG name.
    encoding: &'static str,
    tally: Arc<Tally>,
    bytes_total: Option<u64>,
    window: Window,
    delimiter: u8,
    asked_ending: Option<LineEnding>,
    /// The first line ending seen, then `None` once another was seen and noted.
    only_ending: Option<LineEnding>,
    header: Vec<String>,
    notices: Vec<String>,
    /// Rows handed out so far, and the line that the window starts at.
    rows: u64,
    line: u64,
    /// Blank lines just before the window; rows if another row follows, nothing at the end.
    blanks: u64,
    doomed: Option<Doomed>,
    /// Bytes of source text in the rejections of this slab.
    rejected_bytes: usize,
    /// Rows and bytes of text of the last slab: the next one will have about as many.
    last: (usize, usize),
}

/// The lines that follow are within an opening quote and are all rejected.
#[derive(Debug, Clone, Copy)]
struct Doomed {
    lines: u64,
    opened: Place,
}

/// What is wrong with a row.
struct Fault {
    code: &'static str,
    place: Place,
    column: Option<usize>,
    what: String,
}

impl SlabReader {
    pub(super) fn new(raw: Raw, input: &Input, chunk: usize) -> Result<Self, ReadError> {
        let plain = plain(raw, input.encoding.as_deref())?;
        let mut window = Window::new(plain.reader, chunk);
        let encoding = plain.encoding.name();
        let head = header(&mut window, &plain.name, encoding, input.delimiter)?;
        let mut reader = Self {
            name: plain.name,
            encoding,
            tally: plain.tally,
            bytes_total: plain.bytes_total,
            window,
            delimiter: head.delimiter.byte(),
            asked_ending: input.line_ending,
            only_ending: head.record.ending,
            header: head.columns,
            notices: plain.notices,
            rows: 0,
            line: 1,
            blanks: 0,
            doomed: None,
            rejected_bytes: 0,
            last: (0, 0),
        };
        reader.notices.extend(head.notice);
        reader.see_ending(head.record.ending, 1 + head.record.lines)?;
        reader.window.consume(head.record.used);
        reader.line += head.record.lines + 1;
        Ok(reader)
    }

    /// What the input is called in messages: its path, or `stdin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column names, in file order.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// What a person should know of the input so far; more may come as it is read.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Bytes of the source (packed, if it is packed), where it has a length.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    /// Bytes of the source that have been read.
    pub fn bytes_read(&self) -> u64 {
        self.tally.bytes()
    }

    /// The digest of the source bytes read so far: that of the whole source once
    /// [`Self::next_slab`] has given `None`.
    pub fn digest(&self) -> Digest {
        self.tally.digest()
    }

    /// The next rows, at most [`SLAB_ROWS`] or about [`SLAB_BYTES`]; `None` at the end.
    ///
    /// An error ends the input: the stream broke, or a line ends in another way than was asked for.
    pub fn next_slab(&mut self) -> Result<Option<RawSlab>, ReadError> {
        let (rows, text) = self.last;
        let table = Table::with_capacity(self.header.len(), rows, text);
        let mut slab = RawSlab { table, marks: Vec::with_capacity(rows), rejected: Vec::new() };
        self.rejected_bytes = 0;
        while self.has_room(&slab) {
            self.take_run(&mut slab);
            if !self.has_room(&slab) || !self.step(&mut slab)? {
                break;
            }
        }
        self.last = (slab.marks.len(), slab.table.text().len());
        Ok((!slab.marks.is_empty() || !slab.rejected.is_empty()).then_some(slab))
    }

    /// The lines at hand that have no quote and no CR, each with its LF; nothing where the next row
    /// is none of these, or at the end.
    ///
    /// A line of the right number of fields that is not empty and has no more characters than
    /// [`FIELD_CHARS_MAX`] is a good row. [`Self::pass_lines`] goes on behind such rows, and
    /// [`Self::next_slab`] with all others.
    pub(super) fn lines(&mut self) -> Result<&[u8], ReadError> {
        // Other line ends need a word.
        if self.doomed.is_some() || self.blanks > 0 || self.only_ending != Some(LineEnding::Lf) {
            return Ok(&[]);
        }
        if memrchr(b'\n', self.window.clean_bytes()).is_none() {
            self.fill()?;
        }
        let clean = self.window.clean_bytes();
        let plain = &clean[..memchr2(b'"', b'\r', clean).unwrap_or(clean.len())];
        Ok(&plain[..memrchr(b'\n', plain).map_or(0, |last| last + 1)])
    }

    /// Passes over the first of [`Self::lines`], so many of them and so many bytes.
    pub(super) fn pass_lines(&mut self, lines: u64, bytes: usize) {
        self.rows += lines;
        self.line += lines;
        self.window.consume(bytes);
    }

    /// What stands between two fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Rows that have been handed out or passed over.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts what rows weigh in memory beside their text too: a row may have thousands of empty
    /// fields.
    fn has_room(&self, slab: &RawSlab) -> bool {
        slab.marks.len() + slab.rejected.len() < SLAB_ROWS
            && slab.table.weight() + self.rejected_bytes < SLAB_BYTES
    }

    /// Takes good rows for as long as nothing else stands at the start of the window.
    fn take_run(&mut self, slab: &mut RawSlab) {
        if self.doomed.is_some() || self.blanks > 0 {
            return;
        }
        // What is known of line ends lets through those that need no word.
        let any = self.only_ending.is_none() && self.asked_ending.is_none();
        let [lf, crlf] = [LineEnding::Lf, LineEnding::CrLf]
            .map(|ending| any || self.only_ending == Some(ending));
        let bytes = self.window.clean_bytes();
        let most = SLAB_ROWS - (slab.marks.len() + slab.rejected.len());
        let mut room = SLAB_BYTES.saturating_sub(slab.table.weight() + self.rejected_bytes);
        let mut run = Run::new(bytes, self.delimiter);
        let RawSlab { table, marks, .. } = slab;
        let mut mark = RowMark { row: self.rows, line: self.line };
        let used = table.build().take_rows(bytes, most, |places, shift| {
            if room == 0 {
                return None;
            }
            let Plain { found, lines } = run.record(places, shift)?;
            // A text of so few bytes has no field and no row over the limits.
            let short = found.end - found.start <= FIELD_CHARS_MAX.min(ROW_CHARS_MAX);
            let known = if found.next - found.end == 1 { lf } else { crlf };
            if !short || !known {
                return None;
            }
            room = room.saturating_sub(Table::weight_of(found.next - found.start, places.len()));
            mark.row += 1;
            marks.push(mark);
            mark.line += lines + 1;
            Some(found)
        });
        RowMark { row: self.rows, line: self.line } = mark;
        self.window.consume(used);
    }

    /// Takes what stands at the start of the window; `false` at the end of the input.
    fn step(&mut self, slab: &mut RawSlab) -> Result<bool, ReadError> {
        if self.window.bytes().is_empty() && self.fill()? != Fill::Got {
            return Ok(false);
        }
        if let Some(doomed) = self.doomed {
            return self.reject_doomed(slab, doomed).map(|()| true);
        }
        if matches!(self.window.bytes().first(), Some(b'\n' | b'\r')) {
            return self.pass_blank().map(|()| true);
        }
        if self.blanks > 0 {
            self.reject_blank(slab);
            return Ok(true);
        }
        let bytes = self.window.bytes();
        let before = slab.table.extent();
        match scan(bytes, self.window.at_end(), self.delimiter, &mut slab.table.build()) {
            Scan::Row(record) => self.take(slab, record, before)?,
            fault => {
                slab.table.cut_back(before);
                match fault {
                    Scan::TextAfterQuote { at } => self.reject_quoting(slab, at)?,
                    Scan::Open { opened } => self.reject_open(slab, opened)?,
                    _ if self.fill()? == Fill::Full => self.reject_endless(slab)?,
                    _ => {}
                }
            }
        }
        Ok(true)
    }

    fn fill(&mut self) -> Result<Fill, ReadError> {
        self.window.fill().map_err(|error| ReadError::of(&self.name, error))
    }

    /// Keeps the record that was just written to the table, which was as given `before`, if nothing
    /// is wrong with it.
    fn take(
        &mut self,
        slab: &mut RawSlab,
        record: Record,
        before: Extent,
    ) -> Result<(), ReadError> {
        if record.ending != self.only_ending {
            self.see_ending(record.ending, self.line + record.lines)?;
        }
        // A text of so few bytes has no field and no row over the limits.
        let short = record.text <= FIELD_CHARS_MAX.min(ROW_CHARS_MAX);
        let plain = short && self.window.is_clean(record.text);
        if plain && record.fields == self.header.len() {
            let mark = self.next_mark();
            slab.marks.push(mark);
        } else {
            self.inspect(slab, record, before);
        }
        self.window.consume(record.used);
        self.line += record.lines + 1;
        Ok(())
    }

    /// Looks closely at a record that may have a fault.
    fn inspect(&mut self, slab: &mut RawSlab, record: Record, before: Extent) {
        let known = self.window.is_clean(record.text);
        let flaw = if known { None } else { self.window.flaw(record.text) };
        let text = &self.window.bytes()[..record.text];
        let apart = Apart::of(text, self.delimiter);
        let fault = match flaw {
            Some(at) => Some(self.no_text(text, at, &apart)),
            None => self.ragged(text, record, &apart).or_else(|| self.too_long(text, &apart)),
        };
        let Some(fault) = fault else {
            let mark = self.next_mark();
            slab.marks.push(mark);
            return;
        };
        slab.table.cut_back(before);
        self.reject(slab, fault, apart.cells);
    }

    fn no_text(&self, text: &[u8], at: usize, apart: &Apart) -> Fault {
        let (code, what) = match text[at] {
            0 => ("nul_byte", "the field has a NUL byte".to_owned()),
            MALFORMED if self.encoding != "UTF-8" => {
                ("bad_encoding", format!("the field has bytes that are not {}", self.encoding))
            }
            byte => (
                "bad_utf8",
                format!(
                    "byte 0x{byte:02X} is not UTF-8; if the file has another encoding, name it, \
                     such as `--encoding windows-1252`"
                ),
            ),
        };
        Fault { code, place: place(text, at, self.line), column: apart.index_at(at), what }
    }

    fn ragged(&self, text: &[u8], record: Record, apart: &Apart) -> Option<Fault> {
        let (fields, width) = (record.fields, self.header.len());
        if fields == width {
            return None;
        }
        let at = if fields > width { apart.start(width) } else { text.len() };
        let noun = if fields == 1 { "field" } else { "fields" };
        let from = self.line;
        let spans = match record.lines {
            0 => String::new(),
            _ => format!(" (quoted line ends take the row from line {from} to here)"),
        };
        let what = format!("the row has {fields} {noun}, the header has {width}{spans}");
        Some(Fault { code: "ragged_row", place: place(text, at, self.line), column: None, what })
    }

    fn too_long(&self, text: &[u8], apart: &Apart) -> Option<Fault> {
        let mut sum = 0;
        for (index, cell) in apart.cells.iter().enumerate() {
            let count = chars(cell);
            sum += count;
            if count > FIELD_CHARS_MAX as u64 {
                let what = format!(
                    "the field has {count} characters, at most {FIELD_CHARS_MAX} are allowed"
                );
                let place = place(text, apart.start(index), self.line);
                return Some(Fault { code: "field_too_long", place, column: Some(index), what });
            }
        }
        let what = format!("the row has {sum} characters, at most {ROW_CHARS_MAX} are allowed");
        let place = place(text, 0, self.line);
        let fault = Fault { code: "row_too_long", place, column: None, what };
        (sum > ROW_CHARS_MAX as u64).then_some(fault)
    }

    /// Text at byte `at` follows a closing quote.
    fn reject_quoting(&mut self, slab: &mut RawSlab, at: usize) -> Result<(), ReadError> {
        let (last, cut) = self.line_from(at)?;
        let bytes = self.window.bytes();
        let found = place(bytes, at, self.line);
        let lines = found.line - self.line;
        if lines == 0 {
            let apart = Apart::of(&bytes[..last.text], self.delimiter);
            let what = "text follows the closing quote of the field; a quote inside a quoted field \
                        is written twice";
            let column = apart.index_at(at);
            let code = "text_after_quote";
            let fault = Fault { code, place: found, column, what: what.to_owned() };
            self.reject(slab, fault, apart.cells);
            return self.pass_line(last, cut);
        }
        let first = line(bytes, false).unwrap_or(last);
        let rest = &bytes[first.used..last.text];
        let all_strict = !cut && self.are_strict(rest);
        let apart = Apart::of(&bytes[..first.text], self.delimiter);
        // The record goes on past its first line, so a quote is open at the end of that.
        let opened = open_quote(&bytes[..first.text], self.delimiter).unwrap_or(0);
        let column = apart.index_at(opened);
        let opened = place(bytes, opened, self.line);
        let what = format!(
            "the quote that opens here is not closed before line {}, where text follows the \
             closing quote (column {})",
            found.line, found.column
        );
        let fault = Fault { code: "unclosed_quote", place: opened, column, what };
        self.reject(slab, fault, apart.cells);
        self.doomed = (!all_strict).then_some(Doomed { lines, opened });
        self.pass_line(first, false)
    }

    /// Whether each of these lines is a good record by itself.
    fn are_strict(&self, mut lines: &[u8]) -> bool {
        loop {
            let Some(Line { text, used }) = line(lines, true) else { return true };
            if !is_strict(&lines[..text], self.delimiter, self.header.len()) {
                return false;
            }
            if used == lines.len() {
                return true;
            }
            lines = &lines[used..];
        }
    }

    /// The quote at byte `opened` is closed neither before the end nor within the longest record.
    fn reject_open(&mut self, slab: &mut RawSlab, opened: usize) -> Result<(), ReadError> {
        let (last, cut) = self.line_from(opened)?;
        if cut {
            return self.reject_cut(slab);
        }
        let text = &self.window.bytes()[..last.text];
        let apart = Apart::of(text, self.delimiter);
        let what = if self.window.at_end() {
            "the quote that opens here is never closed".to_owned()
        } else {
            format!("the quote that opens here is not closed within {RECORD_BYTES_MAX} bytes")
        };
        let place = place(text, opened, self.line);
        let column = apart.index_at(opened);
        self.reject(slab, Fault { code: "unclosed_quote", place, column, what }, apart.cells);
        self.line = place.line;
        self.pass_line(last, false)
    }

    /// The window is full and the record is not at its end.
    fn reject_endless(&mut self, slab: &mut RawSlab) -> Result<(), ReadError> {
        match open_quote(self.window.bytes(), self.delimiter) {
            Some(opened) => self.reject_open(slab, opened),
            None => self.reject_cut(slab),
        }
    }

    /// The record at the start of the window does not fit it and ends with its current line.
    fn reject_cut(&mut self, slab: &mut RawSlab) -> Result<(), ReadError> {
        let held = self.held();
        let bytes = &self.window.bytes()[..held];
        let lines = line_ends(bytes);
        let apart = Apart::of(bytes, self.delimiter);
        let what = format!(
            "the row has more than {RECORD_BYTES_MAX} bytes, at most {ROW_CHARS_MAX} characters \
             are allowed"
        );
        let place = Place { line: self.line, column: 1 };
        self.reject(slab, Fault { code: "row_too_long", place, column: None, what }, apart.cells);
        self.line += lines;
        self.pass_line(Line { text: held, used: held }, true)
    }

    /// One of the lines within a quote that was opened before them.
    fn reject_doomed(&mut self, slab: &mut RawSlab, doomed: Doomed) -> Result<(), ReadError> {
        let (whole, cut) = self.line_from(0)?;
        let apart = Apart::of(&self.window.bytes()[..whole.text], self.delimiter);
        let Place { line, column } = doomed.opened;
        let what = format!(
            "the line may be part of the quoted field that opens at line {line}, column {column}"
        );
        let place = Place { line: self.line, column: 1 };
        let fault = Fault { code: "inside_open_quote", place, column: None, what };
        self.reject(slab, fault, apart.cells);
        let lines = doomed.lines - 1;
        self.doomed = (lines > 0).then_some(Doomed { lines, ..doomed });
        self.pass_line(whole, cut)
    }

    /// A blank line; whether it is a row is known when the next row is seen.
    fn pass_blank(&mut self) -> Result<(), ReadError> {
        let (blank, cut) = self.line_from(0)?;
        let ending = match &self.window.bytes()[..blank.used] {
            b"\n" => LineEnding::Lf,
            b"\r" => LineEnding::Cr,
            _ => LineEnding::CrLf,
        };
        self.see_ending(Some(ending), self.line)?;
        self.blanks += 1;
        self.pass_line(blank, cut)
    }

    fn reject_blank(&mut self, slab: &mut RawSlab) {
        let here = self.line;
        self.line = here - self.blanks;
        let place = Place { line: self.line, column: 1 };
        let what = "the line is blank".to_owned();
        self.reject(slab, Fault { code: "blank_row", place, column: None, what }, Vec::new());
        self.line = here;
        self.blanks -= 1;
    }

    /// The end of the physical line that byte `from` is in; `true` if the window does not reach it.
    fn line_from(&mut self, from: usize) -> Result<(Line, bool), ReadError> {
        loop {
            let bytes = self.window.bytes();
            if let Some(Line { text, used }) = line(&bytes[from..], self.window.at_end()) {
                return Ok((Line { text: from + text, used: from + used }, false));
            }
            if self.fill()? == Fill::Full {
                let held = self.held();
                return Ok((Line { text: held, used: held }, true));
            }
        }
    }

    /// Bytes in the window, without a CR at the very end, which may be half of a CRLF.
    fn held(&self) -> usize {
        let bytes = self.window.bytes();
        bytes.len() - usize::from(bytes.last() == Some(&b'\r'))
    }

    /// Leaves a line behind; what the window did not reach of it is skipped as it comes.
    fn pass_line(&mut self, passed: Line, cut: bool) -> Result<(), ReadError> {
        self.window.consume(passed.used);
        self.line += 1;
        let mut cut = cut;
        while cut {
            let next = line(self.window.bytes(), self.window.at_end());
            let skipped = next.map_or_else(|| self.held(), |line| line.used);
            cut = next.is_none();
            self.window.consume(skipped);
            if cut {
                self.fill()?;
            }
        }
        Ok(())
    }

    /// Refuses a line ending that was not asked for, and notes the first mixture.
    fn see_ending(&mut self, seen: Option<LineEnding>, at: u64) -> Result<(), ReadError> {
        let Some(seen) = seen else { return Ok(()) };
        if let Some(asked) = self.asked_ending.filter(|&asked| asked != seen) {
            let at = format!("{}:{at}", self.name);
            return Err(ReadError::LineEnding { at, seen: word(seen), given: word(asked) });
        }
        if let Some(only) = self.only_ending.filter(|&only| only != seen) {
            let (only, seen, name) = (word(only), word(seen), &self.name);
            self.notices.push(format!(
                "the line endings of `{name}` are mixed: {only} first, {seen} on line {at}"
            ));
            self.only_ending = None;
        }
        Ok(())
    }

    fn next_mark(&mut self) -> RowMark {
        self.rows += 1;
        RowMark { row: self.rows, line: self.line }
    }

    /// Records a rejection of the row that starts at the current line.
    fn reject(&mut self, slab: &mut RawSlab, fault: Fault, source: Vec<Box<[u8]>>) {
        let Fault { code, place: Place { line, column: character }, column, what } = fault;
        let message = format!("{}:{line}:{character}: {what}", self.name);
        let source = if self.encoding == "UTF-8" { source } else { readable(source) };
        let text: usize = source.iter().map(|cell| cell.len()).sum();
        self.rejected_bytes += message.len() + text + size_of_val(&*source);
        let column = column.and_then(|index| self.header.get(index).cloned());
        let mark = self.next_mark();
        slab.rejected.push(Rejected { mark, column, code, message, source });
    }
}

/// The mark of a malformed sequence is ours; people get the replacement character.
fn readable(mut source: Vec<Box<[u8]>>) -> Vec<Box<[u8]>> {
    for cell in source.iter_mut().filter(|cell| cell.contains(&MALFORMED)) {
        *cell = String::from_utf8_lossy(cell).into_owned().into_bytes().into_boxed_slice();
    }
    source
}

fn word(ending: LineEnding) -> &'static str {
    match ending {
        LineEnding::Lf => "LF",
        LineEnding::CrLf => "CRLF",
        LineEnding::Cr => "CR",
    }
}
