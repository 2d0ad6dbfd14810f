//! From a file or stdin to a stream of UTF-8: what it is, unpacked, decoded, counted and hashed.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::Encoding;
use flate2::bufread::MultiGzDecoder;

use super::decode::Decoded;
use super::error::ReadError;
use crate::model::chunk::Digest;

/// Bytes that may come out of a gzip stream before its ratio is looked at.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// Bytes out for one byte in at most. Tables of ids pack to a third or a tenth; deflate can reach
/// 1032, and only for input that says nothing.
const RATIO_MAX: u64 = 200;

/// Bytes looked at to tell what a file is.
const HEAD_BYTES: usize = 10;

/// What a person calls the input when it has no path.
const STDIN: &str = "stdin";

/// An input as it comes, before anybody looked at it.
pub(super) struct Raw {
    pub name: String,
    pub reader: Box<dyn Read + Send>,
    pub bytes_total: Option<u64>,
}

/// A stream of UTF-8, without byte order mark.
pub(super) struct Plain {
    pub name: String,
    pub reader: Box<dyn Read + Send>,
    pub bytes_total: Option<u64>,
    pub tally: Arc<Tally>,
    pub encoding: &'static Encoding,
    pub notices: Vec<String>,
}

/// How many bytes of the source were read, and their running digest.
#[derive(Default)]
pub(super) struct Tally {
    bytes: AtomicU64,
    hasher: Mutex<blake3::Hasher>,
}

impl Tally {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::finish(&self.hasher.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, bytes: &[u8]) {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.hasher.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
    }
}

/// Opens a regular file; anything else has no length, may block for ever, or is no text.
pub(super) fn file(path: &Path) -> Result<Raw, ReadError> {
    let name = path.display().to_string();
    let fault = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::Missing { name: name.clone() },
        _ => ReadError::Open { name: name.clone(), source },
    };
    let about = fs::metadata(path).map_err(fault)?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "a pipe, socket or device" };
        return Err(ReadError::NotAFile { name, what });
    }
    let reader = Box::new(File::open(path).map_err(fault)?);
    Ok(Raw { name, reader, bytes_total: Some(about.len()) })
}

/// Reads a file through and returns its digest.
pub(super) fn digest(path: &Path) -> Result<Digest, ReadError> {
    let mut raw = file(path)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut raw.reader, &mut hasher).map_err(|error| ReadError::of(&raw.name, error))?;
    Ok(Digest::finish(&hasher))
}

pub(super) fn stdin() -> Raw {
    Raw { name: STDIN.to_owned(), reader: Box::new(io::stdin()), bytes_total: None }
}

/// Unpacks and decodes `raw`; refuses what is no text.
pub(super) fn plain(raw: Raw, label: Option<&str>) -> Result<Plain, ReadError> {
    let Raw { name, reader, bytes_total } = raw;
    let encoding = asked_encoding(label)?;
    let tally = Arc::new(Tally::default());
    let counted = Counted { source: reader, tally: Arc::clone(&tally) };
    let (packed, head) = peek(Box::new(counted)).map_err(|e| ReadError::of(&name, e))?;
    if head.is_empty() {
        return Err(ReadError::Empty { name });
    }
    let mut notices = Vec::new();
    let named_gzip = Path::new(&name).extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let reader: Box<dyn Read + Send> = if head.starts_with(&[0x1F, 0x8B]) {
        notices.push(format!("`{name}` is gzip and is unpacked as it is read"));
        let buffered = BufReader::with_capacity(64 << 10, packed);
        let source = MultiGzDecoder::new(buffered);
        Box::new(Guarded { source, tally: Arc::clone(&tally), out: 0 })
    } else if named_gzip {
        return Err(ReadError::NotGzip { name });
    } else {
        packed
    };
    let (reader, head) = peek(reader).map_err(|e| ReadError::of(&name, e))?;
    if head.is_empty() {
        return Err(ReadError::Empty { name });
    }
    refuse_binary(&name, &head)?;
    let (reader, encoding) = decoded(&name, reader, &head, encoding, &mut notices)?;
    Ok(Plain { name, reader, bytes_total, tally, encoding, notices })
}

fn asked_encoding(label: Option<&str>) -> Result<Option<&'static Encoding>, ReadError> {
    let Some(label) = label else { return Ok(None) };
    Encoding::for_label_no_replacement(label.as_bytes())
        .map(Some)
        .ok_or_else(|| ReadError::UnknownEncoding { label: label.to_owned() })
}

/// Files that people take for CSV, by their first bytes; what they are and the way out.
const BINARIES: [(&[u8], &str, &str); 8] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "save the sheet as CSV, or unpack it"),
    (b"PK\x05\x06", "an empty zip archive", "name the CSV file itself"),
    (b"\xD0\xCF\x11\xE0", "an old Excel workbook", "save the sheet as CSV UTF-8"),
    (b"\x28\xB5\x2F\xFD", "zstd", "unpack it: `zstd -dc FILE | longshore … -`"),
    (b"\xFD7zXZ\x00", "xz", "unpack it: `xz -dc FILE | longshore … -`"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it and name the CSV file itself"),
    (b"BZh91AY&SY", "bzip2", "unpack it: `bzip2 -dc FILE | longshore … -`"),
    (b"\x1F\x8B", "gzip within gzip", "unpack it once: `gzip -dc FILE | longshore … -`"),
];

fn refuse_binary(name: &str, head: &[u8]) -> Result<(), ReadError> {
    match BINARIES.iter().find(|(magic, ..)| head.starts_with(magic)) {
        Some(&(_, what, hint)) => Err(ReadError::Binary { name: name.to_owned(), what, hint }),
        None => Ok(()),
    }
}

type Utf8 = (Box<dyn Read + Send>, &'static Encoding);

/// A byte order mark is a fact and `--encoding` a claim: the mark wins, and it is said.
fn decoded(
    name: &str,
    mut reader: Box<dyn Read + Send>,
    head: &[u8],
    asked: Option<&'static Encoding>,
    notices: &mut Vec<String>,
) -> Result<Utf8, ReadError> {
    if head.starts_with(b"\xFF\xFE\0\0") || head.starts_with(b"\0\0\xFE\xFF") {
        let what = "text in UTF-32";
        let hint = "save it as UTF-8";
        return Err(ReadError::Binary { name: name.to_owned(), what, hint });
    }
    let marked = Encoding::for_bom(head);
    if let (Some((encoding, _)), None) = (marked, asked)
        && encoding != encoding_rs::UTF_8
    {
        return Err(ReadError::Utf16 { name: name.to_owned(), encoding: encoding.name() });
    }
    if let Some((_, length)) = marked {
        let mut mark = [0; 3];
        reader.read_exact(&mut mark[..length]).map_err(|e| ReadError::of(name, e))?;
        notices.push(format!("`{name}` begins with a byte order mark, which is dropped"));
    }
    let encoding = marked.map(|(encoding, _)| encoding).or(asked).unwrap_or(encoding_rs::UTF_8);
    if let Some(asked) = asked.filter(|&asked| asked != encoding) {
        let (is, asked) = (encoding.name(), asked.name());
        notices.push(format!("`{name}` is {is} by its byte order mark, not `{asked}` as asked"));
    }
    if encoding == encoding_rs::UTF_8 {
        return Ok((reader, encoding));
    }
    notices.push(format!("`{name}` is read as {}", encoding.name()));
    Ok((Box::new(Decoded::new(reader, encoding)), encoding))
}

/// Reads the first bytes and puts them back.
fn peek(mut reader: Box<dyn Read + Send>) -> io::Result<(Box<dyn Read + Send>, Vec<u8>)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((Box::new(Cursor::new(head.clone()).chain(reader)), head))
}

/// Counts and hashes the bytes of the source as they pass.
struct Counted {
    source: Box<dyn Read + Send>,
    tally: Arc<Tally>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(buffer)?;
        self.tally.add(&buffer[..got]);
        Ok(got)
    }
}

/// Stops a gzip stream that unpacks to absurdly more than it is, and says which way a damaged one
/// is damaged.
struct Guarded<R> {
    source: R,
    tally: Arc<Tally>,
    out: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GzipFault::Cut.into(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => GzipFault::Damaged.into(),
            _ => error,
        })?;
        self.out += got as u64;
        if self.out > RATIO_FREE_BYTES && self.out / RATIO_MAX > self.tally.bytes() {
            return Err(GzipFault::Bomb.into());
        }
        Ok(got)
    }
}

/// What is wrong with a gzip stream; travels inside an `io::Error` through the readers above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GzipFault {
    #[error("the gzip stream is cut off")]
    Cut,
    #[error("the gzip stream is damaged")]
    Damaged,
    #[error("the gzip stream unpacks to more than {RATIO_MAX} times its size")]
    Bomb,
}

impl From<GzipFault> for io::Error {
    fn from(fault: GzipFault) -> Self {
        Self::other(fault)
    }
}
