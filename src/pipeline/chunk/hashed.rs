//! A file that is hashed as it is written, some hundred thousand bytes at a time.
//!
//! The digest takes large blocks at several times the speed of single lines, and so does the disk.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::faults::File;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;

/// Bytes that are gathered before they are hashed and written.
const BLOCK_BYTES: usize = 128 << 10;

/// One file of a chunk; without a file it only counts as what would be written.
pub(super) struct Hashed {
    path: PathBuf,
    file: Option<File>,
    hasher: blake3::Hasher,
    block: Vec<u8>,
}

impl Hashed {
    pub(super) fn new(path: PathBuf, file: Option<File>) -> Self {
        let block = Vec::with_capacity(BLOCK_BYTES + (BLOCK_BYTES >> 3));
        Self { path, file, hasher: blake3::Hasher::new(), block }
    }

    /// Where a line is appended; [`Self::end_line`] follows.
    #[inline]
    pub(super) fn line(&mut self) -> &mut Vec<u8> {
        &mut self.block
    }

    /// Passes the block on when it is full.
    #[inline]
    pub(super) fn end_line(&mut self) -> Result<(), Failure> {
        if self.block.len() < BLOCK_BYTES { Ok(()) } else { self.pass_on() }
    }

    /// Writes what is left; the digest of all of it.
    pub(super) fn finish(mut self) -> Result<Digest, Failure> {
        self.pass_on()?;
        Ok(Digest::finish(&self.hasher))
    }

    fn pass_on(&mut self) -> Result<(), Failure> {
        self.hasher.update(&self.block);
        let written: io::Result<()> =
            self.file.as_mut().map_or(Ok(()), |file| file.write_all(&self.block));
        self.block.clear();
        written.map_err(|error| Failure::disk("write", &self.path, &error))
    }
}
