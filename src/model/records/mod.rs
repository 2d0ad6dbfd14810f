//! Records of a CSV file that we or the far side have written, read one after the other.
//!
//! The rules are those of the `csv` crate, which the tests hold it against: comma, double quotes,
//! CR, LF or both end a record, empty lines are none, quotes that stand wrong are text. What makes
//! it several times as fast: a cell is a piece of the buffer and is copied only to undo doubled
//! quotes, and eight bytes are looked at together. The strict reader of input files is another
//! one, `pipeline::read`.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes that are read together. Source: measured; less costs calls, more costs cache.
pub const BLOCK_BYTES: usize = 128 << 10;

/// The system copies to the beginning of a page several times as fast as to other places.
const PAGE_BYTES: usize = 4 << 10;

/// What part of a block there is room for in front of it.
const FRONT: usize = 8;

/// Reads the records of `source`.
pub struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where a page begins in the buffer, to which the system copies; what is left of the block
    /// before is put in front of it.
    page: usize,
    /// Bytes that are read together.
    block: usize,
    /// What is in the buffer.
    first: usize,
    end: usize,
    /// What was not looked at yet.
    at: usize,
    /// The offset in the source of `buffer[end]`.
    passed: u64,
    is_at_end: bool,
    cells: Vec<Cell>,
    /// Cells with their doubled quotes undone.
    undone: Vec<u8>,
    /// The offset of the record at hand.
    offset: u64,
    /// Cells that every record must have, where all must have as many.
    width: Option<Width>,
}

/// How wide records are that must be of one width.
#[derive(Debug, Clone, Copy)]
enum Width {
    LikeTheFirst,
    Cells(usize),
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// In the buffer, quotes not included, or in `undone`.
    start: u32,
    end: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Quoted,
    /// The cell stands in `undone`.
    Undone,
}

impl<R: Read> Records<R> {
    /// Records of any number of cells each.
    pub fn new(source: R) -> Self {
        Self::with_capacity(source, BLOCK_BYTES)
    }

    /// The same with another size of block, for files of which little is read.
    pub fn with_capacity(source: R, block: usize) -> Self {
        let buffer = vec![0; block + block / FRONT + PAGE_BYTES];
        let page = to_page(&buffer, block / FRONT);
        Self {
            source,
            buffer,
            page,
            block,
            first: page,
            end: page,
            at: page,
            passed: 0,
            is_at_end: false,
            cells: Vec::new(),
            undone: Vec::new(),
            offset: 0,
            width: None,
        }
    }

    /// A record that is not as wide as the first one is an error: `InvalidData`.
    #[must_use]
    pub fn of_one_width(mut self) -> Self {
        self.width = Some(Width::LikeTheFirst);
        self
    }

    /// Goes to the next record; false at the end.
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            let whole = self.scan();
            match whole {
                Scanned::Record => return self.check_width().map(|()| true),
                Scanned::Nothing if self.is_at_end => return Ok(false),
                Scanned::Nothing | Scanned::Part => self.read_more()?,
            }
        }
    }

    /// Cells of the record at hand.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether no record is at hand.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// A cell of the record at hand.
    #[inline]
    pub fn cell(&self, index: usize) -> Option<&[u8]> {
        let cell = self.cells.get(index)?;
        let text = if cell.kind == Kind::Undone { &self.undone } else { &self.buffer };
        text.get(cell.start as usize..cell.end as usize)
    }

    /// The cells of the record at hand.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.cell(index))
    }

    /// The cells from `index` on as they stand in the file, with quotes and delimiters, without the
    /// line end; nothing where a cell of them is not at hand as it stood, or there is none.
    pub fn as_it_stands(&self, index: usize) -> Option<&[u8]> {
        let rest = self.cells.get(index..)?;
        let (first, last) = (rest.first()?, rest.last()?);
        if rest.iter().any(|cell| cell.kind == Kind::Undone) {
            return None;
        }
        let quote = |cell: &Cell| usize::from(cell.kind == Kind::Quoted);
        let range = first.start as usize - quote(first)..last.end as usize + quote(last);
        self.buffer.get(range)
    }

    /// Where the record at hand begins in the source, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The source; what was read ahead is lost.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// The source, which has been read as far as the last block.
    pub fn source(&self) -> &R {
        &self.source
    }

    fn check_width(&mut self) -> io::Result<()> {
        match self.width {
            None => Ok(()),
            Some(Width::LikeTheFirst) => {
                self.width = Some(Width::Cells(self.len()));
                Ok(())
            }
            Some(Width::Cells(width)) if width == self.len() => Ok(()),
            Some(Width::Cells(width)) => {
                let found = self.len();
                let message = format!("a record has {found} cells, and the first one {width}");
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        }
    }

    /// Reads another block behind what is left of the one before.
    fn read_more(&mut self) -> io::Result<()> {
        let left = self.end - self.at;
        if left <= self.page {
            // The usual case: a piece of a record.
            let start = self.page - left;
            self.buffer.copy_within(self.at..self.end, start);
            (self.first, self.at, self.end) = (start, start, self.page);
        } else {
            // A long record; should it fill the buffer, it gets a larger one.
            self.buffer.copy_within(self.at..self.end, 0);
            (self.first, self.at, self.end) = (0, 0, left);
            if left * 2 > self.buffer.len() {
                let mut larger = vec![0; self.buffer.len() * 2];
                larger[..left].copy_from_slice(&self.buffer[..left]);
                self.page = to_page(&larger, larger.len() / FRONT);
                self.buffer = larger;
            }
        }
        let to = if self.end == self.page { self.page + self.block } else { self.buffer.len() };
        loop {
            match self.source.read(&mut self.buffer[self.end..to]) {
                Ok(0) => self.is_at_end = true,
                Ok(read) => {
                    let begins = self.passed == 0;
                    self.end += read;
                    self.passed += read as u64;
                    if begins {
                        self.pass_over_mark()?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// A byte order mark at the very beginning is not text.
    fn pass_over_mark(&mut self) -> io::Result<()> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        while self.end - self.at < MARK.len() {
            let mut byte = [0];
            match self.source.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    self.buffer[self.end] = byte[0];
                    self.end += 1;
                    self.passed += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.buffer[self.at..self.end].starts_with(MARK) {
            self.at += MARK.len();
        }
        Ok(())
    }
}

impl<R: Read + Seek> Records<R> {
    /// Goes to the record that begins at `offset`; what is read already is not read again.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        let behind = self.passed.checked_sub(offset);
        let place = behind.and_then(|behind| self.end.checked_sub(usize::try_from(behind).ok()?));
        self.cells.clear();
        if let Some(place) = place.filter(|place| *place >= self.first) {
            self.at = place;
            return Ok(());
        }
        self.source.seek(SeekFrom::Start(offset))?;
        (self.first, self.at, self.end) = (self.page, self.page, self.page);
        (self.passed, self.is_at_end) = (offset, false);
        Ok(())
    }
}

/// What a look at the buffer came to.
enum Scanned {
    Record,
    /// A record begins and does not end.
    Part,
    /// There is not even the beginning of a record.
    Nothing,
}

/// How a cell ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Comma,
    Line,
    /// The buffer ends.
    Open,
}

impl<R> Records<R> {
    /// Finds the cells of the next record.
    fn scan(&mut self) -> Scanned {
        self.cells.clear();
        self.undone.clear();
        let text = &self.buffer[..self.end];
        while let Some(b'\r' | b'\n') = text.get(self.at) {
            self.at += 1;
        }
        if self.at == self.end {
            return Scanned::Nothing;
        }
        self.offset = self.passed - (self.end - self.at) as u64;
        let mut at = self.at;
        loop {
            let (cell, next, end) = match text.get(at) {
                Some(b'"') => quoted(text, at, &mut self.undone),
                _ => plain(text, at),
            };
            if end == End::Open && !self.is_at_end {
                return Scanned::Part;
            }
            self.cells.push(cell);
            at = next;
            if end != End::Comma {
                self.at = at;
                return Scanned::Record;
            }
        }
    }
}

/// A cell without quotes around it: to the next delimiter.
#[inline]
fn plain(text: &[u8], start: usize) -> (Cell, usize, End) {
    let end = find_end(text, start);
    let (next, how) = ended(text, end);
    (cell(start..end, Kind::Plain), next, how)
}

/// A cell that begins with a quote: to the next quote that stands alone.
#[inline]
fn quoted(text: &[u8], start: usize, undone: &mut Vec<u8>) -> (Cell, usize, End) {
    let first = start + 1;
    let close = find_quote(text, first);
    match text.get(close + 1) {
        Some(b',' | b'\r' | b'\n') => {
            let (next, how) = ended(text, close + 1);
            (cell(first..close, Kind::Quoted), next, how)
        }
        // What ends with the buffer may go on behind it, and is looked at again.
        None => (cell(first..close.min(text.len()), Kind::Quoted), text.len(), End::Open),
        Some(_) => odd(text, first, close, undone),
    }
}

/// A cell with doubled quotes, or with text behind the closing one.
#[cold]
fn odd(text: &[u8], first: usize, close: usize, undone: &mut Vec<u8>) -> (Cell, usize, End) {
    let start = undone.len();
    let (mut from, mut quote) = (first, close);
    let (next, how) = loop {
        undone.extend_from_slice(&text[from..quote]);
        if text.get(quote + 1) != Some(&b'"') {
            // From here to the delimiter quotes are text.
            let end = find_end(text, (quote + 1).min(text.len()));
            undone.extend_from_slice(text.get(quote + 1..end).unwrap_or_default());
            break ended(text, end);
        }
        undone.push(b'"');
        from = quote + 2;
        quote = find_quote(text, from);
        if quote == text.len() {
            undone.extend_from_slice(&text[from.min(quote)..]);
            break (quote, End::Open);
        }
    };
    (cell(start..undone.len(), Kind::Undone), next, how)
}

fn cell(range: Range<usize>, kind: Kind) -> Cell {
    #[expect(clippy::cast_possible_truncation, reason = "a record is shorter than 4 GiB")]
    let (start, end) = (range.start as u32, range.end as u32);
    Cell { start, end, kind }
}

/// How a cell ends whose text ends at `at`, and where the next one begins.
#[inline]
fn ended(text: &[u8], at: usize) -> (usize, End) {
    match text.get(at) {
        Some(b',') => (at + 1, End::Comma),
        Some(_) => (at + 1, End::Line),
        None => (at, End::Open),
    }
}

const WORD: usize = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte that equals `byte` is set; above that one nothing is meant.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let differing = word ^ (ONES * u64::from(byte));
    differing.wrapping_sub(ONES) & !differing & HIGH
}

/// The first comma, CR or LF from `from` on, or the end of the text.
#[inline]
fn find_end(text: &[u8], from: usize) -> usize {
    find(
        text,
        from,
        |word| equal(word, b',') | equal(word, b'\n') | equal(word, b'\r'),
        |byte| matches!(byte, b',' | b'\n' | b'\r'),
    )
}

/// The first quote from `from` on, or the end of the text.
#[inline]
fn find_quote(text: &[u8], from: usize) -> usize {
    find(text, from, |word| equal(word, b'"'), |byte| byte == b'"')
}

#[inline]
fn find(
    text: &[u8],
    from: usize,
    in_word: impl Fn(u64) -> u64,
    is_one: impl Fn(u8) -> bool,
) -> usize {
    let mut at = from;
    while let Some(word) = text.get(at..at + WORD).and_then(|word| word.try_into().ok()) {
        let found = in_word(u64::from_le_bytes(word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += WORD;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| is_one(*byte)).map_or(text.len(), |found| at + found)
}

/// The first page behind so many bytes.
fn to_page(buffer: &[u8], front: usize) -> usize {
    let place = buffer.as_ptr().addr();
    (place + front).next_multiple_of(PAGE_BYTES) - place
}

#[cfg(test)]
mod tests;
