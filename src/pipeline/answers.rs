//! The answers of a lookup, on disk: what each key of the input comes to.
//!
//! A table is written once, before anything is sent, and never changed; whoever goes on with the
//! run maps its rows with the very same answers. In memory there is an index of at most
//! [`LOOKUP_INDEX_ENTRIES`], however many keys there are.
//!
//! # Form
//!
//! Records one after the other, sorted by their first 16 bytes: fingerprint of the key, verdict
//! (one byte), length of the text (four bytes, the least first), text. The text is the value that
//! was found; or what a message says of the nearest keys, or of the records that were found.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::config::mapping::LetterCase;
use crate::faults;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::limits::LOOKUP_INDEX_ENTRIES;

/// Bytes of a record without its text.
const HEAD_BYTES: usize = 21;

/// Bytes between two entries of the index at least.
const BLOCK_BYTES_MIN: u64 = 2_048;

/// 128 bits of a key's BLAKE3 digest. Two keys that share them are not known to exist, and nobody
/// who writes the input can make a pair.
pub type KeyPrint = [u8; 16];

/// The fingerprint of a key; `folded` is room that is used again.
pub fn print_of(key: &str, case: LetterCase, folded: &mut String) -> KeyPrint {
    let text = match case {
        LetterCase::Exact => key,
        LetterCase::Ignore => {
            folded.clear();
            if key.is_ascii() {
                folded.push_str(key);
                folded.make_ascii_lowercase();
            } else {
                folded.push_str(&key.to_lowercase());
            }
            folded
        }
    };
    let mut print = [0; 16];
    print.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    print
}

/// What a key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Missing,
    One,
    Many,
}

/// A key's answer; the text is the value, or the rest of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    pub found: Found,
    pub text: &'a [u8],
}

/// A table, opened for many threads at once.
#[derive(Debug)]
pub struct Answers {
    path: PathBuf,
    file: fs::File,
    /// The first key of each block and where the block begins, and one more entry for the end.
    blocks: Vec<(KeyPrint, u64)>,
    end: u64,
    trouble: OnceLock<String>,
}

impl Answers {
    /// Opens a table and reads it through, for its index and its digest.
    pub fn open(path: &Path) -> io::Result<(Self, Digest)> {
        let file = fs::File::open(path)?;
        let end = file.metadata()?.len();
        let block_bytes = (end / LOOKUP_INDEX_ENTRIES).max(BLOCK_BYTES_MIN);
        let mut reader = Hashed { inner: BufReader::new(&file), hasher: blake3::Hasher::new() };
        let mut blocks: Vec<(KeyPrint, u64)> = Vec::new();
        let (mut at, mut before, mut text) = (0, None, Vec::new());
        while !reader.inner.fill_buf()?.is_empty() {
            let mut head = [0; HEAD_BYTES];
            reader.read_exact(&mut head)?;
            let (print, _, length) = parts(&head)?;
            text.resize(length, 0);
            reader.read_exact(&mut text)?;
            if before.is_some_and(|before| before >= print) {
                return Err(io::Error::other("its keys are out of order"));
            }
            before = Some(print);
            if blocks.last().is_none_or(|(_, start)| at - start >= block_bytes) {
                blocks.push((print, at));
            }
            at += (HEAD_BYTES + length) as u64;
        }
        let digest = Digest::finish(&reader.hasher);
        let path = path.to_owned();
        Ok((Self { path, file, blocks, end, trouble: OnceLock::new() }, digest))
    }

    /// The answer for a key; `None` where nobody asked for it.
    ///
    /// `room` is used again and again. When the disk fails, [`Self::trouble`] says so and the
    /// answer counts for nothing.
    pub fn find<'a>(&self, print: &KeyPrint, room: &'a mut Vec<u8>) -> Option<Answer<'a>> {
        match self.look(print, room) {
            Ok(found) => found.map(|(found, start, end)| Answer { found, text: &room[start..end] }),
            Err(error) => {
                let _first = self.trouble.set(error.to_string()).is_ok();
                None
            }
        }
    }

    /// Why answers are missing that should be there.
    pub fn trouble(&self) -> Option<Failure> {
        let why = io::Error::other(self.trouble.get()?.clone());
        Some(Failure::disk("read", &self.path, &why))
    }

    fn look(
        &self,
        print: &KeyPrint,
        room: &mut Vec<u8>,
    ) -> io::Result<Option<(Found, usize, usize)>> {
        let after = self.blocks.partition_point(|(first, _)| first <= print);
        let Some(block) = after.checked_sub(1) else { return Ok(None) };
        let start = self.blocks[block].1;
        let end = self.blocks.get(after).map_or(self.end, |(_, start)| *start);
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        room.resize(length, 0);
        read_at(&self.file, room, start)?;
        let mut at = 0;
        while at < length {
            let (found, verdict, text) = parts(&room[at..])?;
            let from = at + HEAD_BYTES;
            if found == *print {
                return Ok(Some((verdict, from, from + text)));
            }
            if found > *print {
                break;
            }
            at = from + text;
        }
        Ok(None)
    }
}

/// Fingerprint, verdict and length of the text of the record that begins here.
fn parts(record: &[u8]) -> io::Result<(KeyPrint, Found, usize)> {
    let damaged = || io::Error::other("it is damaged");
    let head: &[u8; HEAD_BYTES] = record.first_chunk().ok_or_else(damaged)?;
    let mut print = [0; 16];
    print.copy_from_slice(&head[..16]);
    let found = match head[16] {
        0 => Found::Missing,
        1 => Found::One,
        2 => Found::Many,
        _ => return Err(damaged()),
    };
    let length = u32::from_le_bytes([head[17], head[18], head[19], head[20]]);
    Ok((print, found, length as usize))
}

#[cfg(unix)]
fn read_at(file: &fs::File, into: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &fs::File, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            got => {
                into = &mut into[got..];
                at += got as u64;
            }
        }
    }
    Ok(())
}

struct Hashed<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        Ok(got)
    }
}

/// Writes a table, its keys in ascending order of their fingerprints.
pub struct AnswersFile {
    path: PathBuf,
    writer: BufWriter<faults::File>,
}

impl AnswersFile {
    /// Begins a table; it must be new.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let writer = BufWriter::with_capacity(64 << 10, faults::open(&options, path)?);
        Ok(Self { path: path.to_owned(), writer })
    }

    pub fn push(&mut self, print: &KeyPrint, found: Found, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let verdict = match found {
            Found::Missing => 0,
            Found::One => 1,
            Found::Many => 2,
        };
        self.writer.write_all(print)?;
        self.writer.write_all(&[verdict])?;
        self.writer.write_all(&length.to_le_bytes())?;
        self.writer.write_all(text)
    }

    /// Makes the table durable and opens it.
    pub fn finish(mut self) -> io::Result<(Answers, Digest)> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()?;
        Answers::open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn written(path: &Path, table: &BTreeMap<KeyPrint, (Found, Vec<u8>)>) -> (Answers, Digest) {
        let mut file = AnswersFile::begin(path).unwrap();
        for (print, (found, text)) in table {
            file.push(print, *found, text).unwrap();
        }
        file.finish().unwrap()
    }

    fn answer() -> impl Strategy<Value = (Found, Vec<u8>)> {
        let found = prop::sample::select(vec![Found::Missing, Found::One, Found::Many]);
        (found, prop::collection::vec(any::<u8>(), 0..60))
    }

    proptest! {
        #[test]
        fn a_table_answers_as_a_map_does(
            keys in prop::collection::hash_map("[a-e]{1,4}", answer(), 0..300),
            asked in prop::collection::vec("[a-f]{1,4}", 1..50),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut folded = String::new();
            let mut print = |key: &str| print_of(key, LetterCase::Ignore, &mut folded);
            let table = keys.iter().map(|(key, answer)| (print(key), answer.clone())).collect();
            let path = folder.path().join("1.table");
            let (answers, digest) = written(&path, &table);
            let mut room = Vec::new();
            for key in keys.keys().cloned().chain(asked) {
                let found = answers.find(&print(&key), &mut room);
                let found = found.map(|it| (it.found, it.text.to_vec()));
                prop_assert_eq!(found, keys.get(&key).cloned(), "{}", key);
            }
            prop_assert!(answers.trouble().is_none());
            prop_assert_eq!(Answers::open(&path).unwrap().1, digest);
        }
    }

    #[test]
    fn case_counts_when_it_is_to_count() {
        let mut folded = String::new();
        for (left, right, case, same) in [
            ("Ann", "ann", LetterCase::Ignore, true),
            ("ZOË", "zoë", LetterCase::Ignore, true),
            ("Ann", "ann", LetterCase::Exact, false),
            ("ann ", "ann", LetterCase::Ignore, false),
        ] {
            let prints = [left, right].map(|key| print_of(key, case, &mut folded));
            assert_eq!(prints[0] == prints[1], same, "{left} {right}");
        }
    }

    #[test]
    fn a_damaged_table_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.table");
        let table = (0..200_u8).map(|n| ([n; 16], (Found::One, vec![n; 30]))).collect();
        let (answers, _) = written(&path, &table);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(5_000).unwrap();
        assert!(answers.find(&[199; 16], &mut Vec::new()).is_none());
        let trouble = answers.trouble().unwrap();
        assert!(trouble.message.contains("1.table"), "{}", trouble.message);
        assert!(Answers::open(&path).is_err());
    }
}
