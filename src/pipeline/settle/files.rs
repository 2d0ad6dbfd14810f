//! The result files: five CSV files that stand under their names only when they are whole.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::faults::{self, File};
use crate::ledger::{Output, sync_folder};
use crate::model::cells::push_line;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;

/// Bytes that are written together.
const BLOCK_BYTES: usize = 128 << 10;

/// One result file, written beside its name until it is finished.
pub struct ResultWriter {
    path: PathBuf,
    beside: PathBuf,
    file: Hashed,
    /// What is not in the file yet, and room for more behind it.
    block: Box<[u8]>,
    /// Where that room begins.
    end: usize,
    line: Vec<u8>,
    pub rows: u64,
}

impl ResultWriter {
    /// Begins `folder/name` with the source columns and `own` columns as its header.
    pub fn begin(
        folder: &Path,
        name: &str,
        source: &[String],
        own: &[&str],
    ) -> Result<Self, Failure> {
        Self::begin_beside(folder, name, "part", source, own)
    }

    /// The same, written as `folder/name.ending` until it is finished.
    pub fn begin_beside(
        folder: &Path,
        name: &str,
        ending: &str,
        source: &[String],
        own: &[&str],
    ) -> Result<Self, Failure> {
        let path = folder.join(name);
        let beside = folder.join(format!("{name}.{ending}"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = faults::open(&options, &beside)
            .map_err(|error| Failure::disk("create", &beside, &error))?;
        let mut writer = Self {
            path,
            beside,
            file: Hashed::new(file),
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            end: 0,
            line: Vec::new(),
            rows: 0,
        };
        let header = source.iter().map(String::as_bytes).chain(own.iter().map(|o| o.as_bytes()));
        writer.push(header)?;
        writer.rows = 0;
        Ok(writer)
    }

    /// Appends one row.
    pub fn push<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]>) -> Result<(), Failure> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        push_line(&mut line, cells);
        let pushed = self.push_line(&line);
        self.line = line;
        pushed
    }

    /// Appends one row whose first cells are written already; those of our own must be known to
    /// need no quotes.
    pub fn push_behind<const N: usize>(
        &mut self,
        cells: &[u8],
        own: [&[u8]; N],
    ) -> Result<(), Failure> {
        // The pieces go where they belong at once, not into a line that is copied then.
        let bytes = own.iter().fold(cells.len() + 1, |bytes, cell| bytes + 1 + cell.len());
        let room = self.room(bytes)?;
        let (to, mut rest) = room.split_at_mut(cells.len());
        to.copy_from_slice(cells);
        for cell in own {
            let (to, behind) = rest.split_at_mut(cell.len() + 1);
            to[0] = b',';
            to[1..].copy_from_slice(cell);
            rest = behind;
        }
        rest[0] = b'\n';
        self.rows += 1;
        Ok(())
    }

    /// Appends one row as the line that it is.
    pub fn push_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.room(line.len())?.copy_from_slice(line);
        self.rows += 1;
        Ok(())
    }

    /// Takes room for so many bytes in the block.
    #[inline]
    fn room(&mut self, bytes: usize) -> Result<&mut [u8], Failure> {
        if self.block.len() - self.end < bytes {
            self.write().map_err(|error| Failure::disk("write", &self.beside, &error))?;
            if self.block.len() < bytes {
                self.block = vec![0; bytes].into_boxed_slice();
            }
        }
        let start = self.end;
        self.end += bytes;
        Ok(&mut self.block[start..self.end])
    }

    /// Writes what is in the block.
    fn write(&mut self) -> io::Result<()> {
        let end = std::mem::take(&mut self.end);
        self.file.write_all(&self.block[..end])
    }

    /// Writes what is left, and leaves the file under its other name.
    pub fn part(mut self) -> Result<Part, Failure> {
        let written = self.write();
        written.map_err(|error| Failure::disk("write", &self.beside, &error))?;
        Ok(Part(self.beside))
    }

    /// Makes the file durable and gives it its name; returns what the ledger remembers of it.
    pub fn finish(mut self) -> Result<Output, Failure> {
        let whole = self
            .write()
            .and_then(|()| self.file.file.sync_all())
            .and_then(|()| faults::rename(&self.beside, &self.path))
            .and_then(|()| sync_folder(&self.path));
        whole.map_err(|error| Failure::disk("write", &self.path, &error))?;
        let Hashed { hasher, bytes, .. } = &self.file;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Output { name, rows: self.rows, bytes: *bytes, digest: Digest::finish(hasher) })
    }
}

/// A file that is merged into another and removed then.
pub struct Part(pub PathBuf);

/// A file whose bytes are counted and hashed as they are written.
struct Hashed {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Hashed {
    fn new(file: File) -> Self {
        Self { file, hasher: blake3::Hasher::new(), bytes: 0 }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
