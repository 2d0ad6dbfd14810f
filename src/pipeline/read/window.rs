//! The part of the input that is in memory: one reused buffer that slides over it.

use std::io::{self, Read};

use memchr::memchr;

use crate::model::limits::ROW_CHARS_MAX;

/// Bytes asked for in one read.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// Bytes of one record, quotes and delimiters included, that the window holds at most: four for
/// each character of the longest row, and some for quotes.
pub(super) const RECORD_BYTES_MAX: usize = 4 * ROW_CHARS_MAX + (64 << 10);

const _: () = assert!(RECORD_BYTES_MAX == 1_665_536, "the page of `read` says so");

/// Reads into a page offset of 1 to 31 run at a quarter of the speed on some processors, and large
/// allocations begin at offset 16.
const PAGE: usize = 4096;

/// A sliding buffer; offsets that callers see count from the first byte not yet consumed.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    chunk: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes before this index of the buffer are known to be UTF-8 without NUL.
    clean: usize,
    at_end: bool,
}

/// What asking for more bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Got,
    End,
    /// The window holds as much as one record may have.
    Full,
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>, chunk: usize) -> Self {
        Self { source, chunk, buffer: Vec::new(), start: 0, end: 0, clean: 0, at_end: false }
    }

    /// The bytes not yet consumed, at most [`RECORD_BYTES_MAX`], so that what becomes of a long
    /// record does not depend on how the reads fall.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end.min(self.start + RECORD_BYTES_MAX)]
    }

    /// Whether nothing comes after [`Self::bytes`].
    pub(super) fn at_end(&self) -> bool {
        self.at_end && self.end - self.start <= RECORD_BYTES_MAX
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
    }

    /// Appends up to one chunk of input. Memory grows only if a record is larger than the room
    /// there is, and never past [`RECORD_BYTES_MAX`] and a chunk.
    pub(super) fn fill(&mut self) -> io::Result<Fill> {
        if self.end - self.start >= RECORD_BYTES_MAX && !self.at_end() {
            return Ok(Fill::Full);
        }
        if self.at_end {
            return Ok(Fill::End);
        }
        self.make_room();
        let before = self.end;
        let goal = self.end + self.chunk;
        while self.end < goal {
            match self.source.read(&mut self.buffer[self.end..goal]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(got) => self.end += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sweep();
        Ok(if self.end == before { Fill::End } else { Fill::Got })
    }

    /// Moves what is held to just before a page boundary that has room for a chunk behind it.
    fn make_room(&mut self) {
        let held = self.end - self.start;
        let needed = held.next_multiple_of(PAGE) + self.chunk + PAGE;
        if self.buffer.len() < needed {
            let size = needed.max(2 * self.buffer.len()).min(RECORD_BYTES_MAX + 3 * CHUNK_BYTES);
            let size = size.max(needed);
            self.buffer.reserve_exact(size - self.buffer.len());
            self.buffer.resize(size, 0);
        }
        let first = self.buffer.as_ptr().align_offset(PAGE).min(PAGE - 1);
        let to = first + held.next_multiple_of(PAGE) - held;
        self.buffer.copy_within(self.start..self.end, to);
        self.clean = (self.clean + to).saturating_sub(self.start);
        self.start = to;
        self.end = to + held;
    }

    /// Extends the part known to be clean as far as it goes. The zero byte is looked for first, so
    /// that each call costs no more than the way to the next flaw.
    fn sweep(&mut self) {
        let from = self.clean.max(self.start);
        let bytes = &self.buffer[from..self.end];
        let bytes = &bytes[..memchr(0, bytes).unwrap_or(bytes.len())];
        let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
        self.clean = from + valid;
    }

    /// Whether the next `len` bytes are known to be UTF-8 without NUL.
    pub(super) fn is_clean(&self, len: usize) -> bool {
        self.start + len <= self.clean
    }

    /// The next bytes that are known to be UTF-8 without NUL, as far as [`Self::bytes`] go.
    pub(super) fn clean_bytes(&self) -> &[u8] {
        let clean = self.clean.saturating_sub(self.start);
        let bytes = self.bytes();
        &bytes[..clean.min(bytes.len())]
    }

    /// The offset of the first byte, of the next `len`, that is NUL or not UTF-8.
    ///
    /// For a whole record of which [`Self::is_clean`] does not know; what comes after it is judged
    /// afresh.
    pub(super) fn flaw(&mut self, len: usize) -> Option<usize> {
        let flaw = first_flaw(&self.bytes()[..len]);
        self.clean = self.start + len;
        self.sweep();
        flaw
    }
}

/// The first byte that is NUL or not UTF-8.
pub(super) fn first_flaw(text: &[u8]) -> Option<usize> {
    let until = memchr(0, text);
    let checked = &text[..until.unwrap_or(text.len())];
    std::str::from_utf8(checked).map_or_else(|error| Some(error.valid_up_to()), |_| until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: &'static [u8], chunk: usize) -> Window {
        Window::new(Box::new(bytes), chunk)
    }

    #[test]
    fn it_slides_over_the_input_and_keeps_what_was_not_consumed() {
        let mut window = window(b"abcdefgh", 3);
        assert_eq!(window.fill().unwrap(), Fill::Got);
        assert_eq!(window.bytes(), b"abc");
        window.consume(2);
        assert_eq!(window.fill().unwrap(), Fill::Got);
        assert_eq!(window.bytes(), b"cdef");
        assert_eq!(window.fill().unwrap(), Fill::Got);
        assert!(window.at_end());
        assert_eq!(window.fill().unwrap(), Fill::End);
        assert_eq!(window.bytes(), b"cdefgh");
    }

    #[test]
    fn reads_begin_on_a_page() {
        let mut window = Window::new(Box::new(io::repeat(b'x')), 8192);
        for _ in 0..4 {
            window.fill().unwrap();
            let held_end = window.buffer.as_ptr().addr() + window.end;
            assert_eq!(held_end % PAGE, 0, "whole chunks from a page boundary end on one");
            window.consume(5000);
        }
    }

    #[test]
    fn flaws_are_found_across_chunks() {
        let mut window = window("aé\0b\u{20ac}".as_bytes(), 2);
        while window.fill().unwrap() == Fill::Got {}
        assert!(window.is_clean(3));
        assert!(!window.is_clean(4));
        assert_eq!(window.flaw(4), Some(3));
        window.consume(4);
        assert!(window.is_clean(4), "what follows a flaw is judged afresh");
        assert_eq!(first_flaw(b"a\xFF\0"), Some(1));
        assert_eq!(first_flaw(b"a\0\xFF"), Some(1));
    }

    #[test]
    fn it_never_grows_past_one_record() {
        let mut window = Window::new(Box::new(io::repeat(b'x')), CHUNK_BYTES);
        while window.fill().unwrap() == Fill::Got {}
        assert!(window.buffer.capacity() < 3 << 20, "{}", window.buffer.capacity());
    }
}
