//! Sorting more than memory holds: parts that fit are sorted and put on disk, and read side by
//! side.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use crate::faults::{self, File as Written};
use crate::ledger::make_runs_dir;
use crate::model::failure::Failure;
use crate::model::limits::{KEYS_HELD, SORTED_PARTS_MAX};

/// Three numbers, compared in their order.
pub type Record = [u64; 3];

/// Bytes of the buffer of a part that is read or written.
const BUFFER_BYTES: usize = 32 << 10;

/// Bytes that are asked for where there may be many; what is not touched takes no memory.
///
/// From the size of what is given back to it the allocator of glibc learns to keep as much for
/// itself later, in each thread. From more than 32 MiB it learns nothing. Source: `mallopt(3)`,
/// `M_MMAP_THRESHOLD`; `benches/README.md` has what it comes to.
pub const ASKED_BYTES: usize = 33 << 20;

/// A list of more than so many bytes asks for [`ASKED_BYTES`]. From 128 KiB on glibc takes a piece
/// from the system and learns from it.
const SHORT_BYTES: usize = 64 << 10;

/// Adds to a list that may become long.
#[inline]
pub fn add<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() && list.capacity() * size_of::<T>() >= SHORT_BYTES {
        list.reserve_exact(ASKED_BYTES / size_of::<T>());
    }
    list.push(item);
}

/// Where sorted parts go. Their files lose their names as soon as they are open, so that none stays
/// behind, however the process ends.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    name: String,
    parts: Cell<u32>,
    held: usize,
}

impl Room {
    /// Room in `folder`, which is there, for a process that knows itself by `name`.
    pub fn new(folder: PathBuf, name: &str) -> Self {
        Self { folder, name: name.to_owned(), parts: Cell::new(0), held: KEYS_HELD }
    }

    /// The same where memory holds so many records.
    #[cfg(test)]
    pub fn holding(folder: PathBuf, name: &str, held: usize) -> Self {
        Self { held, ..Self::new(folder, name) }
    }

    fn write(
        &self,
        mut records: impl FnMut() -> io::Result<Option<Record>>,
    ) -> Result<File, Failure> {
        let mut file = self.file()?;
        let mut written = || {
            while let Some(record) = records()? {
                put(&mut file.file, record)?;
            }
            file.file.flush()
        };
        match written() {
            Ok(()) => Ok(file.reading),
            Err(error) => Err(Failure::disk("write", &file.path, &error)),
        }
    }

    /// A new file, which has lost its name already.
    fn file(&self) -> Result<Unnamed, Failure> {
        make_runs_dir(&self.folder)?;
        self.parts.set(self.parts.get() + 1);
        let path = self.folder.join(format!(".{}-sorted-{}", self.name, self.parts.get()));
        let opened = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = faults::open(&options, &path)?;
            let reading = File::open(&path);
            faults::remove_file(&path)?;
            Ok((BufWriter::with_capacity(BUFFER_BYTES, file), reading?))
        };
        let (file, reading) = opened().map_err(|error| Failure::disk("write", &path, &error))?;
        Ok(Unnamed { path, file, reading })
    }
}

/// A file without a name, being written, and its other end.
#[derive(Debug)]
struct Unnamed {
    path: PathBuf,
    file: BufWriter<Written>,
    reading: File,
}

fn put<const N: usize>(file: &mut impl Write, record: [u64; N]) -> io::Result<()> {
    file.write_all(record.map(u64::to_le_bytes).as_flattened())
}

/// Numbers that are kept in the order in which they come, on disk when there are many.
#[derive(Debug)]
pub struct Writing<'a> {
    room: &'a Room,
    held: Vec<u64>,
    file: Option<Unnamed>,
}

impl<'a> Writing<'a> {
    pub fn new(room: &'a Room) -> Self {
        Self { room, held: Vec::new(), file: None }
    }

    #[inline]
    pub fn push(&mut self, number: u64) -> Result<(), Failure> {
        if self.held.len() == self.room.held {
            self.put_away()?;
        }
        add(&mut self.held, number);
        Ok(())
    }

    #[cold]
    fn put_away(&mut self) -> Result<(), Failure> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.room.file()?),
        };
        let mut put = || self.held.drain(..).try_for_each(|number| put(&mut file.file, [number]));
        put().map_err(|error| Failure::disk("write", &file.path, &error))
    }

    /// The numbers from the first on.
    pub fn read(mut self) -> Result<Stored, Failure> {
        if self.file.is_some() {
            self.put_away()?;
        }
        let file = match self.file {
            None => None,
            Some(mut file) => {
                file.file.flush().map_err(|error| Failure::disk("write", &file.path, &error))?;
                Some(BufReader::with_capacity(BUFFER_BYTES, file.reading))
            }
        };
        Ok(Stored { held: self.held.into_iter(), file })
    }
}

/// Numbers as they came: all in memory, or all on disk.
#[derive(Debug)]
pub struct Stored {
    held: std::vec::IntoIter<u64>,
    file: Option<BufReader<File>>,
}

impl Stored {
    pub fn next(&mut self) -> Result<Option<u64>, Failure> {
        let Some(file) = &mut self.file else { return Ok(self.held.next()) };
        let read: io::Result<Option<[u64; 1]>> = take(file);
        read.map(|read| read.map(|[number]| number)).map_err(|error| unreadable(&error))
    }
}

/// The next record of a file; nothing at its end.
fn take<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u64; N]>> {
    let mut numbers = [[0; 8]; N];
    match file.read_exact(numbers.as_flattened_mut()) {
        Ok(()) => Ok(Some(numbers.map(u64::from_le_bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes records in any order.
#[derive(Debug)]
pub struct Sorter<'a> {
    room: &'a Room,
    held: Vec<Record>,
    parts: Vec<File>,
}

/// Records in their order, to be walked through as often as wanted.
#[derive(Debug)]
pub struct Sorted {
    held: Vec<Record>,
    parts: Vec<File>,
}

impl<'a> Sorter<'a> {
    pub fn new(room: &'a Room) -> Self {
        Self { room, held: Vec::new(), parts: Vec::new() }
    }

    pub fn push(&mut self, record: Record) -> Result<(), Failure> {
        if self.held.len() == self.room.held {
            self.put_away()?;
        }
        add(&mut self.held, record);
        Ok(())
    }

    pub fn sorted(mut self) -> Sorted {
        self.held.sort_unstable();
        Sorted { held: self.held, parts: self.parts }
    }

    fn put_away(&mut self) -> Result<(), Failure> {
        if self.parts.len() == SORTED_PARTS_MAX {
            let mut all = Sorted { held: Vec::new(), parts: std::mem::take(&mut self.parts) };
            let mut walk = all.walk()?;
            self.parts.push(self.room.write(|| walk.read())?);
        }
        self.held.sort_unstable();
        let mut records = self.held.iter().copied();
        self.parts.push(self.room.write(|| Ok(records.next()))?);
        self.held.clear();
        Ok(())
    }
}

impl Sorted {
    /// Walks through all records, from the first on.
    pub fn walk(&mut self) -> Result<Walk<'_>, Failure> {
        let mut sources = vec![Part::Held(self.held.iter())];
        for part in &mut self.parts {
            part.rewind().map_err(|error| unreadable(&error))?;
            sources.push(Part::Stored(BufReader::with_capacity(BUFFER_BYTES, part)));
        }
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (index, source) in sources.iter_mut().enumerate() {
            let head = source.read().map_err(|error| unreadable(&error))?;
            heads.extend(head.map(|record| Reverse((record, index))));
        }
        Ok(Walk { sources, heads })
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.parts.is_empty()
    }
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::disk("read back", &PathBuf::from("sorted keys"), error)
}

#[derive(Debug)]
enum Part<'a> {
    Held(std::slice::Iter<'a, Record>),
    Stored(BufReader<&'a mut File>),
}

impl Part<'_> {
    fn read(&mut self) -> io::Result<Option<Record>> {
        match self {
            Self::Held(records) => Ok(records.next().copied()),
            Self::Stored(file) => take(file),
        }
    }
}

/// One way through the records.
#[derive(Debug)]
pub struct Walk<'a> {
    sources: Vec<Part<'a>>,
    heads: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Walk<'_> {
    pub fn next(&mut self) -> Result<Option<Record>, Failure> {
        self.read().map_err(|error| unreadable(&error))
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        let Some(Reverse((record, source))) = self.heads.pop() else { return Ok(None) };
        let head = self.sources[source].read()?;
        self.heads.extend(head.map(|record| Reverse((record, source))));
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(sorted: &mut Sorted) -> Vec<Record> {
        let mut walk = sorted.walk().unwrap();
        std::iter::from_fn(|| walk.next().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever memory holds, and however often parts were merged, the order is that of `sort`.
        #[test]
        fn records_come_in_order(
            records in prop::collection::vec([0..4_u64, 0..4_u64, 0..u64::MAX], 0..600),
            held in 1..40_usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let room = Room { held, ..Room::new(folder.path().to_owned(), "r") };
            let mut sorter = Sorter::new(&room);
            for record in &records {
                sorter.push(*record).unwrap();
            }
            let mut sorted = sorter.sorted();
            let mut expected = records;
            expected.sort_unstable();
            prop_assert_eq!(&all(&mut sorted), &expected);
            prop_assert_eq!(all(&mut sorted), expected, "a second time");
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_disk_that_is_gone_is_told() {
        let folder = tempfile::NamedTempFile::new().unwrap();
        let room = Room { held: 1, ..Room::new(folder.path().to_owned(), "r") };
        let mut sorter = Sorter::new(&room);
        sorter.push([1, 2, 3]).unwrap();
        let failure = sorter.push([1, 2, 4]).unwrap_err();
        assert_eq!(failure.blame, crate::model::failure::Blame::Disk);
    }
}
