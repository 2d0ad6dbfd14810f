//! Records of a CSV file that we or the far side have written, read one after the other.
//!
//! The rules are those of the `csv` crate, which the tests hold it against: comma, double quotes,
//! CR, LF or both end a record, empty lines are none, quotes that stand wrong are text. What makes
//! it several times as fast: a cell is a piece of the buffer and is copied only to undo doubled
//! quotes, and what matters is found for 64 bytes at a time, as the bits of a number. The strict
//! reader of input files is another one, `pipeline::read`.

use std::io::{self, Read, Seek, SeekFrom};

use super::sixteen::{Sixteen, first_sixty_four, sixty_four};

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
    /// The offset in the source of `buffer[end]`.
    passed: u64,
    scan: Scan,
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
#[repr(u32)]
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
            passed: 0,
            scan: Scan::from(page),
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
            match self.scan.next(&self.buffer[..self.end]) {
                Scanned::Record => return self.check_width().map(|()| true),
                Scanned::Nothing if self.scan.is_at_end => return Ok(false),
                Scanned::Nothing | Scanned::Part => self.read_more()?,
            }
        }
    }

    /// Cells of the record at hand.
    pub fn len(&self) -> usize {
        self.scan.cells.len()
    }

    /// Whether no record is at hand.
    pub fn is_empty(&self) -> bool {
        self.scan.cells.is_empty()
    }

    /// A cell of the record at hand.
    #[inline]
    pub fn cell(&self, index: usize) -> Option<&[u8]> {
        let cell = self.scan.cells.get(index)?;
        let text = if cell.kind == Kind::Undone { &self.scan.undone } else { &self.buffer };
        text.get(cell.start as usize..cell.end as usize)
    }

    /// The cells of the record at hand.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.cell(index))
    }

    /// The cells from `index` on as they stand in the file, with quotes and delimiters, without the
    /// line end; nothing where a cell of them is not at hand as it stood, or there is none.
    pub fn as_it_stands(&self, index: usize) -> Option<&[u8]> {
        let rest = self.scan.cells.get(index..)?;
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
        (self.passed + self.scan.start as u64).saturating_sub(self.end as u64)
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
        let (at, left) = (self.scan.at, self.end - self.scan.at);
        if left <= self.page {
            // The usual case: a piece of a record.
            let start = self.page - left;
            self.buffer.copy_within(at..self.end, start);
            (self.first, self.end) = (start, self.page);
        } else {
            // A long record; should it fill the buffer, it gets a larger one.
            self.buffer.copy_within(at..self.end, 0);
            (self.first, self.end) = (0, left);
            if left * 2 > self.buffer.len() {
                let mut larger = vec![0; self.buffer.len() * 2];
                larger[..left].copy_from_slice(&self.buffer[..left]);
                self.page = to_page(&larger, larger.len() / FRONT);
                self.buffer = larger;
            }
        }
        self.scan.go_to(self.first);
        let to = if self.end == self.page { self.page + self.block } else { self.buffer.len() };
        loop {
            match self.source.read(&mut self.buffer[self.end..to]) {
                Ok(0) => self.scan.is_at_end = true,
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
        while self.end - self.first < MARK.len() {
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
        if self.buffer[self.first..self.end].starts_with(MARK) {
            self.scan.go_to(self.first + MARK.len());
        }
        Ok(())
    }
}

impl<R: Read + Seek> Records<R> {
    /// Goes to the record that begins at `offset`; what is read already is not read again.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        let behind = self.passed.checked_sub(offset);
        let place = behind.and_then(|behind| self.end.checked_sub(usize::try_from(behind).ok()?));
        self.scan.cells.clear();
        if let Some(place) = place.filter(|place| *place >= self.first) {
            self.scan.go_to(place);
            return Ok(());
        }
        self.source.seek(SeekFrom::Start(offset))?;
        (self.first, self.end, self.passed) = (self.page, self.page, offset);
        self.scan.go_to(self.page);
        self.scan.is_at_end = false;
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

/// Takes the text of a buffer apart; the same for every source.
struct Scan {
    /// What was not looked at yet.
    at: usize,
    /// What matters from there on.
    marks: Marks,
    /// Nothing follows the text.
    is_at_end: bool,
    /// Where the record at hand begins.
    start: usize,
    cells: Vec<Cell>,
    /// Cells with their doubled quotes undone.
    undone: Vec<u8>,
}

impl Scan {
    /// Begins at `place`.
    fn from(place: usize) -> Self {
        Self {
            at: place,
            marks: Marks::from(place),
            is_at_end: false,
            start: place,
            cells: Vec::new(),
            undone: Vec::new(),
        }
    }

    fn go_to(&mut self, place: usize) {
        (self.at, self.marks) = (place, Marks::from(place));
    }

    /// Finds the cells of the next record.
    ///
    /// A fifth of the instructions of a run are these: the usual ways are short, and `look` is a
    /// call, so that what they need stays in registers.
    fn next(&mut self, text: &[u8]) -> Scanned {
        self.cells.clear();
        self.undone.clear();
        let (mut marks, mut start) = (self.marks, self.at);
        while let Some(b'\r' | b'\n') = text.get(start) {
            marks.pass(text);
            start += 1;
        }
        (self.at, self.marks, self.start) = (start, marks, start);
        if start == text.len() {
            return Scanned::Nothing;
        }
        loop {
            let end;
            if text.get(start) == Some(&b'"') {
                marks.pass(text);
                start += 1;
                let close = marks.next_quote(text);
                match text.get(close + 1) {
                    Some(b',' | b'\r' | b'\n') => {
                        marks.pass(text);
                        self.push(start, close, Kind::Quoted);
                        end = close + 1;
                    }
                    // What ends with the text may go on behind it, and is looked at again.
                    None => {
                        self.push(start, close, Kind::Quoted);
                        end = text.len();
                    }
                    Some(_) => {
                        let from = self.undone.len();
                        end = odd(text, start, close, &mut self.undone);
                        self.push(from, self.undone.len(), Kind::Undone);
                        marks = Marks::from(end);
                        marks.pass(text);
                    }
                }
            } else {
                end = marks.next_end(text);
                self.push(start, end, Kind::Plain);
            }
            match text.get(end) {
                Some(b',') => start = end + 1,
                None if !self.is_at_end => return Scanned::Part,
                behind => {
                    self.at = end + usize::from(behind.is_some());
                    self.marks = marks;
                    return Scanned::Record;
                }
            }
        }
    }

    #[inline]
    fn push(&mut self, start: usize, end: usize, kind: Kind) {
        #[expect(clippy::cast_possible_truncation, reason = "a record is shorter than 4 GiB")]
        self.cells.push(Cell { start: start as u32, end: end as u32, kind });
    }
}

/// A cell with doubled quotes, or with text behind the closing one: where what ends it stands.
#[cold]
fn odd(text: &[u8], first: usize, close: usize, undone: &mut Vec<u8>) -> usize {
    let (mut from, mut quote) = (first, close);
    loop {
        undone.extend_from_slice(&text[from..quote]);
        if text.get(quote + 1) != Some(&b'"') {
            // From here to the delimiter quotes are text.
            let rest = text.get(quote + 1..).unwrap_or_default();
            let end = memchr::memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
            undone.extend_from_slice(&rest[..end]);
            return text.len() - rest.len() + end;
        }
        undone.push(b'"');
        from = quote + 2;
        let rest = text.get(from..).unwrap_or_default();
        let Some(next) = memchr::memchr(b'"', rest) else {
            undone.extend_from_slice(rest);
            return text.len();
        };
        quote = from + next;
    }
}

/// Bytes that are looked at at once.
const LOOK: usize = 64;

/// The places of commas, quotes, CR and LF, one after the other.
#[derive(Clone, Copy)]
struct Marks {
    /// Those among the bytes looked at that were not gone over, as bits.
    bits: u64,
    /// Where the bytes looked at begin; a block before them at first.
    base: usize,
}

impl Marks {
    /// Those from `place` on.
    fn from(place: usize) -> Self {
        Self { bits: 0, base: place.wrapping_sub(LOOK) }
    }

    /// The next one, or the end of the text.
    #[inline]
    fn next(&mut self, text: &[u8]) -> usize {
        if self.bits == 0 {
            *self = look(text, self.base);
            if self.bits == 0 {
                return text.len();
            }
        }
        let at = self.base.wrapping_add(self.bits.trailing_zeros() as usize);
        self.bits &= self.bits - 1;
        at
    }

    /// The next one that is a quote, or the end of the text.
    #[inline]
    fn next_quote(&mut self, text: &[u8]) -> usize {
        loop {
            let at = self.next(text);
            if text.get(at).is_none_or(|byte| *byte == b'"') {
                return at;
            }
        }
    }

    /// The next one that is no quote, or the end of the text: a quote within a cell is text.
    #[inline]
    fn next_end(&mut self, text: &[u8]) -> usize {
        loop {
            let at = self.next(text);
            if text.get(at) != Some(&b'"') {
                return at;
            }
        }
    }

    /// Goes over the next one, where it is known to be.
    #[inline]
    fn pass(&mut self, text: &[u8]) {
        if self.bits == 0 {
            *self = look(text, self.base);
        }
        self.bits &= self.bits.wrapping_sub(1);
    }
}

/// The marks behind the block at `base`, with at least one, if there is any.
#[inline(never)]
fn look(text: &[u8], mut base: usize) -> Marks {
    loop {
        base = base.wrapping_add(LOOK);
        let Some(block) = text.get(base..).and_then(|rest| rest.first_chunk()) else {
            return look_at_rest(text, base);
        };
        let bits = sixty_four(block, matter);
        if bits != 0 {
            return Marks { bits, base };
        }
    }
}

/// The same of fewer bytes than are looked at at once.
#[cold]
#[inline(never)]
fn look_at_rest(text: &[u8], base: usize) -> Marks {
    let rest = text.get(base..).unwrap_or_default();
    Marks { bits: first_sixty_four(rest, matter), base }
}

/// Which bytes matter.
#[inline]
fn matter(part: Sixteen) -> Sixteen {
    part.are(b',').or(part.are(b'"')).or(part.are(b'\n').or(part.are(b'\r')))
}

/// The first page behind so many bytes.
fn to_page(buffer: &[u8], front: usize) -> usize {
    let place = buffer.as_ptr().addr();
    (place + front).next_multiple_of(PAGE_BYTES) - place
}

#[cfg(test)]
mod tests;
