//! Result files as received, read line by line and by position.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Position, Reader, ReaderBuilder};

use crate::target::ResultFile;

/// A line of a result file, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineAt {
    /// Which of the job's result files, by its index in [`Lines`].
    pub file: u8,
    pub offset: u64,
}

/// The result files of one job.
pub struct Lines {
    files: Vec<OneFile>,
}

struct OneFile {
    which: ResultFile,
    path: PathBuf,
    /// For each column of the body, where it stands in this file.
    columns: Vec<Option<usize>>,
    id: Option<usize>,
    created: Option<usize>,
    error: Option<usize>,
    /// For reading single lines by position; opened when first needed.
    single: Option<Reader<File>>,
}

impl Lines {
    /// Opens the files and finds the columns of `sent` in their headers, by name, case ignored.
    pub fn open(files: &[(ResultFile, PathBuf)], sent: &[String]) -> io::Result<Self> {
        let files = files
            .iter()
            .map(|(which, path)| OneFile::open(*which, path, sent))
            .collect::<io::Result<_>>()?;
        Ok(Self { files })
    }

    /// Calls `each` for every line of every file, in file order.
    pub fn each(
        &self,
        mut each: impl FnMut(LineAt, &LineView<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut record = ByteRecord::new();
        for (index, file) in (0_u8..).zip(&self.files) {
            let mut reader = reader(File::open(&file.path)?, true);
            while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
                let offset = record.position().map_or(0, Position::byte);
                each(LineAt { file: index, offset }, &LineView { file, record: &record })?;
            }
        }
        Ok(())
    }

    /// Calls `each` for the given lines only, which are in ascending order.
    pub fn some(
        &self,
        wanted: &[LineAt],
        mut each: impl FnMut(LineAt, &LineView<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut left = wanted.iter().peekable();
        self.each(
            |at, line| {
                if left.next_if(|next| **next == at).is_some() { each(at, line) } else { Ok(()) }
            },
        )
    }

    /// Reads one line by its place.
    pub fn read(&mut self, at: LineAt, record: &mut ByteRecord) -> io::Result<()> {
        let file = &mut self.files[usize::from(at.file)];
        if file.single.is_none() {
            file.single = Some(reader(File::open(&file.path)?, false));
        }
        let Some(single) = &mut file.single else { return Ok(()) };
        let mut position = Position::new();
        position.set_byte(at.offset);
        single.seek(position).map_err(io::Error::other)?;
        single.read_byte_record(record).map_err(io::Error::other)?;
        Ok(())
    }

    /// Which result file a line stands in.
    pub fn which(&self, at: LineAt) -> ResultFile {
        self.files[usize::from(at.file)].which
    }

    /// The far side's Id on a line that was read; empty where there is none.
    pub fn id<'a>(&self, at: LineAt, record: &'a ByteRecord) -> &'a [u8] {
        let column = self.files[usize::from(at.file)].id;
        column.and_then(|column| record.get(column)).unwrap_or_default()
    }

    /// The far side's error text on a line that was read.
    pub fn error<'a>(&self, at: LineAt, record: &'a ByteRecord) -> &'a [u8] {
        let column = self.files[usize::from(at.file)].error;
        column.and_then(|column| record.get(column)).unwrap_or_default()
    }

    /// What a line that was read says of what was done: `true` when a record was created, `false`
    /// when not, or the words of a far side that has more to say.
    pub fn created<'a>(&self, at: LineAt, record: &'a ByteRecord) -> &'a [u8] {
        let column = self.files[usize::from(at.file)].created;
        column.and_then(|column| record.get(column)).unwrap_or_default()
    }
}

impl OneFile {
    fn open(which: ResultFile, path: &Path, sent: &[String]) -> io::Result<Self> {
        let mut header = reader(File::open(path)?, true);
        let names: Vec<String> = header
            .byte_headers()
            .map_err(io::Error::other)?
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).into_owned())
            .collect();
        // The far side's own columns stand first, so a source column of the same name cannot shadow
        // them; a body column is looked for behind them.
        let own = names.iter().take_while(|name| name.starts_with("sf__")).count();
        let place = |name: &str, from: usize| {
            let found = names[from..].iter().position(|other| other.eq_ignore_ascii_case(name));
            found.map(|at| at + from)
        };
        Ok(Self {
            which,
            path: path.to_owned(),
            columns: sent.iter().map(|name| place(name, own)).collect(),
            id: place("sf__Id", 0),
            created: place("sf__Created", 0),
            error: place("sf__Error", 0),
            single: None,
        })
    }
}

/// A line while the files are being read through.
pub struct LineView<'a> {
    file: &'a OneFile,
    record: &'a ByteRecord,
}

impl<'a> LineView<'a> {
    pub fn which(&self) -> ResultFile {
        self.file.which
    }

    /// The echo of a body column.
    pub fn cell(&self, column: usize) -> Option<&'a [u8]> {
        self.file.columns[column].and_then(|at| self.record.get(at))
    }

    /// The far side's Id; empty where there is none.
    pub fn id(&self) -> &'a [u8] {
        self.file.id.and_then(|at| self.record.get(at)).unwrap_or_default()
    }

    /// What was done.
    pub fn created(&self) -> &'a [u8] {
        self.file.created.and_then(|at| self.record.get(at)).unwrap_or_default()
    }
}

fn reader(file: File, has_headers: bool) -> Reader<File> {
    ReaderBuilder::new()
        .has_headers(has_headers)
        .flexible(true)
        .buffer_capacity(if has_headers { 64 << 10 } else { 4 << 10 })
        .from_reader(file)
}
