//! From another encoding to UTF-8, as a stream.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// What a malformed sequence becomes: a byte that UTF-8 never has, so that the check for UTF-8
/// finds it again with the row and position, and no second way of reporting is needed.
pub(super) const MALFORMED: u8 = 0xFF;

const RAW_BYTES: usize = 64 << 10;

/// A reader of UTF-8 over a reader of `encoding`.
pub(super) struct Decoded {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    text: Vec<u8>,
    text_at: usize,
    text_end: usize,
    source_ended: bool,
    ended: bool,
}

impl Decoded {
    pub(super) fn new(source: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        Self {
            source,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: vec![0; RAW_BYTES],
            raw_at: 0,
            raw_end: 0,
            text: vec![0; 2 * RAW_BYTES],
            text_at: 0,
            text_end: 0,
            source_ended: false,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.raw_at == self.raw_end && !self.source_ended {
            self.raw_at = 0;
            self.raw_end = 0;
            self.raw_end = self.source.read(&mut self.raw)?;
            self.source_ended = self.raw_end == 0;
        }
        // One byte is kept free for the mark of a malformed sequence.
        let room = self.text.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.raw[self.raw_at..self.raw_end],
            &mut self.text[..room],
            self.source_ended,
        );
        self.raw_at += read;
        self.text_at = 0;
        self.text_end = written;
        match result {
            DecoderResult::InputEmpty => self.ended = self.source_ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.text[written] = MALFORMED;
                self.text_end += 1;
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text_at == self.text_end {
            if self.ended {
                return Ok(0);
            }
            self.refill()?;
        }
        let held = &self.text[self.text_at..self.text_end];
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.text_at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(label: &str, bytes: &'static [u8]) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let mut out = Vec::new();
        Decoded::new(Box::new(bytes), encoding).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn text_is_decoded_and_damage_is_marked_where_it_is() {
        let table: [(&str, &'static [u8], &[u8]); 6] = [
            ("windows-1252", b"caf\xE9 \x80", "café €".as_bytes()),
            ("utf-16le", b"a\0\xAC\x20", "a€".as_bytes()),
            ("utf-16be", b"\0a\xD8\0\0b", b"a\xFFb"),
            ("utf-16le", b"a\0b", b"a\xFF"),
            ("shift_jis", b"\x82\xA0,\xFFx", "あ,\u{0}x".as_bytes()),
            ("gbk", b"", b""),
        ];
        for (label, bytes, expected) in table {
            let expected: Vec<u8> =
                expected.iter().map(|&b| if b == 0 { MALFORMED } else { b }).collect();
            assert_eq!(decode(label, bytes), expected, "{label}");
        }
    }
}
