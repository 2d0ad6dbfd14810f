//! Sorting more records than fit in memory: sorted files, merged into one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::faults;
use crate::model::failure::Failure;
use crate::model::limits::{LOOKUP_MERGE_FILES, LOOKUP_SORT_BYTES};

/// Bytes that are gathered before a file is read or written.
const BUFFER_BYTES: usize = 64 << 10;

/// Makes one record of two that stand next to each other, if they are to be one; says whether.
pub type Fold = fn(&mut [u8], &[u8]) -> bool;

/// Equal records are one.
pub fn once(before: &mut [u8], record: &[u8]) -> bool {
    before == record
}

/// The folder that files of sorting are in, gone in the end.
pub struct Work(pub PathBuf);

impl Work {
    pub fn make(path: PathBuf) -> Result<Self, Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        faults::create_folder(&builder, &path)
            .map_err(|error| Failure::disk("create", &path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = faults::remove_dir_all(&self.0) {
            tracing::debug!(%error, "files of sorting stay");
        }
    }
}

/// Takes records of bytes in any order and gives them back in ascending order.
///
/// Memory is bounded by the limits that are named in `model::limits`. Its files are private to one
/// process and gone in the end; they need not survive anything.
pub struct Sorter {
    folder: PathBuf,
    name: &'static str,
    fold: Fold,
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
    files: Vec<PathBuf>,
    made: u32,
    bytes_max: usize,
    files_max: usize,
}

impl Sorter {
    pub fn new(folder: &Path, name: &'static str, fold: Fold) -> Self {
        Self {
            folder: folder.to_owned(),
            name,
            fold,
            bytes: Vec::new(),
            spans: Vec::new(),
            files: Vec::new(),
            made: 0,
            bytes_max: LOOKUP_SORT_BYTES,
            files_max: LOOKUP_MERGE_FILES,
        }
    }

    /// Takes a record that is made of these parts.
    pub fn push(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let held = self.bytes.len() + self.spans.len() * size_of::<(u32, u32)>();
        if held + length > self.bytes_max && !self.spans.is_empty() {
            self.spill()?;
        }
        let start = u32::try_from(self.bytes.len()).map_err(io::Error::other)?;
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let end = u32::try_from(self.bytes.len()).map_err(io::Error::other)?;
        self.spans.push((start, end));
        Ok(())
    }

    /// All records in one file.
    pub fn finish(mut self) -> io::Result<Sorted> {
        if !self.spans.is_empty() || self.files.is_empty() {
            self.spill()?;
        }
        self.bytes = Vec::new();
        self.spans = Vec::new();
        while self.files.len() > 1 {
            let few = self.files.len().min(self.files_max);
            let files: Vec<PathBuf> = self.files.drain(..few).collect();
            let merged = self.merge(&files)?;
            for file in &files {
                faults::remove_file(file)?;
            }
            self.files.push(merged);
        }
        Ok(Sorted(self.files.remove(0)))
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut out = self.next_file()?;
        let bytes = std::mem::take(&mut self.bytes);
        let of = |span: &(u32, u32)| &bytes[span.0 as usize..span.1 as usize];
        self.spans.sort_unstable_by(|left, right| of(left).cmp(of(right)));
        for span in &self.spans {
            out.push(of(span))?;
        }
        self.files.push(out.finish()?);
        self.bytes = bytes;
        self.bytes.clear();
        self.spans.clear();
        Ok(())
    }

    fn merge(&mut self, files: &[PathBuf]) -> io::Result<PathBuf> {
        let mut out = self.next_file()?;
        let mut heads = BinaryHeap::new();
        let mut readers = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let mut records = Records::open(file)?;
            let mut record = Vec::new();
            if records.next(&mut record)? {
                heads.push(Reverse((record, index)));
            }
            readers.push(records);
        }
        while let Some(Reverse((mut record, index))) = heads.pop() {
            out.push(&record)?;
            if readers[index].next(&mut record)? {
                heads.push(Reverse((record, index)));
            }
        }
        out.finish()
    }

    fn next_file(&mut self) -> io::Result<Folding> {
        self.made += 1;
        let path = self.folder.join(format!("{}.{}.part", self.name, self.made));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let writer = BufWriter::with_capacity(BUFFER_BYTES, faults::open(&options, &path)?);
        Ok(Folding { path, writer, fold: self.fold, held: None })
    }
}

/// Writes ascending records; those that belong together become one.
struct Folding {
    path: PathBuf,
    writer: BufWriter<faults::File>,
    fold: Fold,
    held: Option<Vec<u8>>,
}

impl Folding {
    fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let mut room = self.held.take().unwrap_or_default();
        if !room.is_empty() {
            if (self.fold)(&mut room, record) {
                self.held = Some(room);
                return Ok(());
            }
            self.write(&room)?;
        }
        room.clear();
        room.extend_from_slice(record);
        self.held = Some(room);
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        self.writer.write_all(&length.to_le_bytes())?;
        self.writer.write_all(record)
    }

    fn finish(mut self) -> io::Result<PathBuf> {
        if let Some(held) = self.held.take() {
            self.write(&held)?;
        }
        self.writer.flush()?;
        Ok(self.path)
    }
}

/// Sorted records in a file, which goes when this does.
pub struct Sorted(PathBuf);

impl Sorted {
    pub fn records(&self) -> io::Result<Records> {
        Records::open(&self.0)
    }
}

impl Drop for Sorted {
    fn drop(&mut self) {
        if let Err(error) = faults::remove_file(&self.0) {
            tracing::debug!(%error, "a sorted file stays");
        }
    }
}

/// Reads records one after the other.
pub struct Records(BufReader<fs::File>);

impl Records {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::with_capacity(BUFFER_BYTES, fs::File::open(path)?)))
    }

    /// Puts the next record into `record`; `false` after the last.
    pub fn next(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        record.resize(u32::from_le_bytes(length) as usize, 0);
        self.0.read_exact(record)?;
        Ok(true)
    }

    pub fn rewind(&mut self) -> io::Result<()> {
        self.0.rewind()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// So many records that there are more files than are merged at once.
    #[test]
    fn records_come_back_sorted_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let sorter = Sorter::new(folder.path(), "test", once);
        let mut sorter = Sorter { bytes_max: 1_000, files_max: 3, ..sorter };
        let mut wanted = BTreeSet::new();
        for number in 0..1_500_u32 {
            let key = (number.wrapping_mul(2_654_435_761) % 1_000).to_be_bytes();
            sorter.push(&[&key[..2], &key[2..]]).unwrap();
            wanted.insert(key);
        }
        let sorted = sorter.finish().unwrap();
        let mut records = sorted.records().unwrap();
        for _ in 0..2 {
            let (mut record, mut got) = (Vec::new(), Vec::new());
            while records.next(&mut record).unwrap() {
                got.push(<[u8; 4]>::try_from(&record[..4]).unwrap());
            }
            assert!(got.iter().eq(wanted.iter()), "{} of {}", got.len(), wanted.len());
            records.rewind().unwrap();
        }
        drop((records, sorted));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
