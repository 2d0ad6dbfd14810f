//! The rows that go out as one job.

use std::fmt;
use std::path::PathBuf;

/// The number of a chunk within its run, counted from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ChunkNumber(pub u32);

impl fmt::Display for ChunkNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// A BLAKE3 digest, 32 bytes, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Ends a running hash.
    pub fn finish(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let hash = blake3::Hash::from_hex(&text).map_err(|_| format!("`{text}` is no digest"))?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// Where a chunk lies among those whose rows lie between its own: all chunks of a window have the
/// same numbers here, and outside a window rows of chunks do not interleave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InWindow {
    /// Chunks of one lane go out one after the other.
    pub lane: u32,
    /// The first and the last chunk of the window.
    pub first: ChunkNumber,
    pub last: ChunkNumber,
    /// The last row of all of them.
    pub last_row: u64,
}

impl InWindow {
    /// Whether both are of one window.
    pub fn is_with(&self, other: &Self) -> bool {
        (self.first, self.last, self.last_row) == (other.first, other.last, other.last_row)
    }
}

/// A chunk on disk. Memory holds this, never the body.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub number: ChunkNumber,
    /// Rows in the body, header not counted.
    pub rows: u32,
    /// First and last row number of the input; rejected rows may lie between.
    pub first_row: u64,
    pub last_row: u64,
    /// The exact bytes to send: UTF-8 CSV, comma, LF, header first.
    pub body: PathBuf,
    pub body_bytes: u64,
    pub digest: Digest,
    /// The source rows of the body, row for row: row number, line, then every source column.
    pub source: PathBuf,
    pub source_digest: Digest,
    /// There where rows are in lanes.
    pub window: Option<InWindow>,
}
