//! The result files: five CSV files that stand under their names only when they are whole.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::faults::{self, File};
use crate::ledger::{Output, sync_folder};
use crate::model::cells::push_line;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;

/// One result file, written beside its name until it is finished.
pub struct ResultWriter {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<Hashed>,
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
            file: BufWriter::with_capacity(128 << 10, Hashed::new(file)),
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
        self.line.clear();
        push_line(&mut self.line, cells);
        self.write_line()
    }

    fn write_line(&mut self) -> Result<(), Failure> {
        self.file
            .write_all(&self.line)
            .map_err(|error| Failure::disk("write", &self.beside, &error))?;
        self.rows += 1;
        Ok(())
    }

    /// Appends one row whose first cells are written already; those of our own must be known to
    /// need no quotes.
    pub fn push_behind<const N: usize>(
        &mut self,
        cells: &[u8],
        own: [&[u8]; N],
    ) -> Result<(), Failure> {
        self.line.clear();
        self.line.extend_from_slice(cells);
        for cell in own {
            self.line.push(b',');
            self.line.extend_from_slice(cell);
        }
        self.line.push(b'\n');
        self.write_line()
    }

    /// Appends one row as the line that it is.
    pub fn push_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.file.write_all(line).map_err(|error| Failure::disk("write", &self.beside, &error))?;
        self.rows += 1;
        Ok(())
    }

    /// Writes what is left, and leaves the file under its other name.
    pub fn part(mut self) -> Result<Part, Failure> {
        let written = self.file.flush();
        written.map_err(|error| Failure::disk("write", &self.beside, &error))?;
        Ok(Part(self.beside))
    }

    /// Makes the file durable and gives it its name; returns what the ledger remembers of it.
    pub fn finish(mut self) -> Result<Output, Failure> {
        let whole = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().file.sync_all())
            .and_then(|()| faults::rename(&self.beside, &self.path))
            .and_then(|()| sync_folder(&self.path));
        whole.map_err(|error| Failure::disk("write", &self.path, &error))?;
        let Hashed { hasher, bytes, .. } = self.file.get_ref();
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
