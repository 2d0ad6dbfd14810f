//! Result files as received, read line by line and by position.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::records::Records;
use crate::target::ResultFile;

/// Bytes that are read around a single line.
const AROUND_BYTES: usize = 4 << 10;

/// A line of a result file, by its place: which of the files in the upper 8 bits, and the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineAt(u64);

const FILE_SHIFT: u32 = 56;

impl LineAt {
    /// `file` counts the files in [`Lines`]; an offset has 56 bits, more than a disk has bytes.
    pub fn new(file: u8, offset: u64) -> Self {
        Self(u64::from(file) << FILE_SHIFT | offset & ((1 << FILE_SHIFT) - 1))
    }

    pub fn to_bits(self) -> u64 {
        self.0
    }

    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn file(self) -> usize {
        (self.0 >> FILE_SHIFT) as usize
    }

    fn offset(self) -> u64 {
        self.0 & ((1 << FILE_SHIFT) - 1)
    }
}

/// The result files of one job.
pub struct Lines {
    files: Vec<OneFile>,
}

struct OneFile {
    path: PathBuf,
    form: FileForm,
    /// For reading single lines by position; opened when first needed.
    single: Option<Records<File>>,
}

/// What stands where in a result file.
struct FileForm {
    which: ResultFile,
    /// For each column of the body, where it stands in this file.
    columns: Vec<Option<usize>>,
    id: Option<usize>,
    created: Option<usize>,
    error: Option<usize>,
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
        for (index, file) in (0_u8..).zip(&self.files) {
            let mut records = Records::new(File::open(&file.path)?);
            // The header.
            records.advance()?;
            while records.advance()? {
                let at = LineAt::new(index, records.offset());
                each(at, &LineView { form: &file.form, record: &records })?;
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
    pub fn read(&mut self, at: LineAt) -> io::Result<LineView<'_>> {
        let OneFile { path, form, single } = &mut self.files[at.file()];
        let record = match single {
            Some(record) => record,
            None => single.insert(Records::with_capacity(File::open(path)?, AROUND_BYTES)),
        };
        record.seek(at.offset())?;
        record.advance()?;
        Ok(LineView { form, record })
    }

    /// Which result file a line stands in.
    pub fn which(&self, at: LineAt) -> ResultFile {
        self.files[at.file()].form.which
    }
}

impl OneFile {
    fn open(which: ResultFile, path: &Path, sent: &[String]) -> io::Result<Self> {
        let mut header = Records::new(File::open(path)?);
        header.advance()?;
        let names: Vec<String> =
            header.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        // The far side's own columns stand first, so a source column of the same name cannot shadow
        // them; a body column is looked for behind them.
        let own = names.iter().take_while(|name| name.starts_with("sf__")).count();
        let place = |name: &str, from: usize| {
            let found = names[from..].iter().position(|other| other.eq_ignore_ascii_case(name));
            found.map(|at| at + from)
        };
        let form = FileForm {
            which,
            columns: sent.iter().map(|name| place(name, own)).collect(),
            id: place("sf__Id", 0),
            created: place("sf__Created", 0),
            error: place("sf__Error", 0),
        };
        Ok(Self { path: path.to_owned(), form, single: None })
    }
}

/// A line at hand.
pub struct LineView<'a> {
    form: &'a FileForm,
    record: &'a Records<File>,
}

impl<'a> LineView<'a> {
    pub fn which(&self) -> ResultFile {
        self.form.which
    }

    /// The echo of a body column.
    #[inline]
    pub fn cell(&self, column: usize) -> Option<&'a [u8]> {
        self.form.columns[column].and_then(|at| self.record.cell(at))
    }

    /// All cells, as they stand.
    pub fn cells(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.record.cells()
    }

    /// The far side's Id; empty where there is none.
    #[inline]
    pub fn id(&self) -> &'a [u8] {
        self.form.id.and_then(|at| self.record.cell(at)).unwrap_or_default()
    }

    /// What was done: `true` when a record was created, `false` when not, or the words of a far
    /// side that has more to say.
    #[inline]
    pub fn created(&self) -> &'a [u8] {
        self.form.created.and_then(|at| self.record.cell(at)).unwrap_or_default()
    }

    /// The far side's error text.
    pub fn error(&self) -> &'a [u8] {
        self.form.error.and_then(|at| self.record.cell(at)).unwrap_or_default()
    }
}
