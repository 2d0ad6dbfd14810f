//! Whether the files of a chunk are still what they were written as.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Cut, files_of};
use crate::model::chunk::{ChunkNumber, Digest};

impl Cut {
    /// Reads both files in `folder` through and holds them against their digests.
    pub fn is_intact(&self, folder: &Path, number: ChunkNumber) -> bool {
        let (body, source) = files_of(folder, number);
        let whole = digest_of(&body).is_ok_and(|digest| digest == self.digest);
        let same = |digest| self.source.is_none_or(|source| source == digest);
        whole && digest_of(&source).is_ok_and(same)
    }
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(Digest::finish(&hasher))
}
