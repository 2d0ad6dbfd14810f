//! The rows of a request on disk, one for each pair of user and permission, and the keys in them.
//!
//! The input is read once (it may be standard input); keys are looked up in the org after that, and
//! then the rows are decided one by one. Memory holds the different users and permissions of the
//! file, and no rows.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{API, Columns, GROUP, PERMISSION, ROLE, SET};
use super::who::WhoField;
use crate::config::plan::Input;
use crate::ledger::Output;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::PERMS_ROWS_MAX;
use crate::model::names::is_result_column;
use crate::model::rows::{Rejected, RowMark};
use crate::pipeline::read;
use crate::pipeline::settle::ResultWriter;

const FILE: &str = "rows.csv";

/// Columns before those of the source: number, line, and what is wrong with the row by itself.
const OWN: [&str; 5] = [
    "longshore__row",
    "longshore__line",
    "longshore__code",
    "longshore__column",
    "longshore__message",
];

/// Every row, on disk.
#[derive(Debug)]
pub(super) struct Spooled {
    pub path: PathBuf,
    /// The source columns, and those that a flag added.
    pub header: Vec<String>,
    pub columns: Columns,
    pub rows: u64,
    /// Keys of users by the column that they stand in.
    pub who: BTreeMap<WhoField, HashSet<String>>,
    /// Names of permission sets, and of groups.
    pub sets: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    /// Bytes and digest of the source as it lies on disk, or of the rows where there is no file.
    pub bytes: u64,
    pub digest: Digest,
    pub notices: Vec<String>,
}

/// What a flag says of the permissions of every row.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The columns for it, which the source must not have; those of sets and groups first.
    columns: &'static [&'static str],
    /// Cells of these columns; a row of the source is one for each.
    cells: Vec<Vec<String>>,
}

impl Given {
    /// Sets and groups, of which each has one by its name.
    pub fn sets(names: Vec<[String; 2]>) -> Self {
        let cells: Vec<Vec<String>> = names.into_iter().map(Vec::from).collect();
        Self { columns: if cells.is_empty() { &[] } else { &[SET, GROUP] }, cells }
    }

    /// Columns that are filled in when it is known what users hold.
    pub fn everything(org_kind: &str) -> Self {
        let columns: &[&str] =
            if org_kind == "auth0" { &[API, PERMISSION, ROLE] } else { &[SET, GROUP] };
        Self { columns, cells: vec![vec![String::new(); columns.len()]] }
    }

    /// A column of the source that says what the flag says too.
    fn said_by(&self, own: &Columns) -> Option<usize> {
        let places = [
            (SET, own.set),
            (GROUP, own.group),
            (API, own.api),
            (PERMISSION, own.permission),
            (ROLE, own.role),
        ];
        let mut said = places.into_iter().filter(|(name, _)| self.columns.contains(name));
        said.find_map(|(_, place)| place)
    }
}

/// Takes rows, and writes them down once for each given permission.
pub(super) struct Spool {
    file: ResultWriter,
    folder: PathBuf,
    header: Vec<String>,
    kept: Vec<usize>,
    columns: Columns,
    given: Given,
    who: BTreeMap<WhoField, HashSet<String>>,
    sets: BTreeSet<String>,
    groups: BTreeSet<String>,
    rows: u64,
}

impl Spool {
    /// Begins with the header of the source, from which the result columns of an earlier run are
    /// left out.
    pub fn begin(
        folder: &Path,
        source: &[String],
        order: &[WhoField],
        given: Given,
    ) -> Result<Self, Failure> {
        let kept: Vec<usize> =
            (0..source.len()).filter(|place| !is_result_column(&source[*place])).collect();
        let mut header: Vec<String> = kept.iter().map(|place| source[*place].clone()).collect();
        let own = Columns::of(&header, order)?;
        own.need_who(&header, order)?;
        if let Some(place) = given.said_by(&own) {
            return Err(said_twice(&header[place]));
        }
        header.extend(given.columns.iter().map(|name| (*name).to_owned()));
        let columns = Columns::of(&header, order)?;
        let names: Vec<String> =
            OWN.iter().map(|own| (*own).to_owned()).chain(header.clone()).collect();
        Ok(Self {
            file: ResultWriter::begin(folder, FILE, &names, &[])?,
            folder: folder.to_owned(),
            header,
            kept,
            columns,
            given,
            who: BTreeMap::new(),
            sets: BTreeSet::new(),
            groups: BTreeSet::new(),
            rows: 0,
        })
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// A row of the source; `fault` is what is wrong with it by itself.
    pub fn push<'a>(
        &mut self,
        line: u64,
        cell: impl Fn(usize) -> &'a [u8],
        fault: Option<&Rejected>,
    ) -> Result<(), Failure> {
        if fault.is_none() {
            let text = |place: usize| {
                let place = self.kept.get(place).copied();
                std::str::from_utf8(place.map(&cell).unwrap_or_default()).unwrap_or_default()
            };
            if let Some((field, value)) = self.columns.who(text) {
                let key = field.key(value);
                let known = self.who.entry(field).or_default();
                if !known.contains(&key) {
                    known.insert(key);
                }
            }
            for (place, known) in
                [(self.columns.set, &mut self.sets), (self.columns.group, &mut self.groups)]
            {
                let name = place.map(text).unwrap_or_default().trim();
                if !name.is_empty() && !known.contains(name) {
                    known.insert(name.to_owned());
                }
            }
        }
        let source = |spool: &Self| -> Vec<&'a [u8]> {
            spool.kept.iter().map(|place| cell(*place)).collect()
        };
        let cells = source(self);
        if self.given.cells.is_empty() || fault.is_some() {
            return self.line(line, &cells, fault, None);
        }
        for at in 0..self.given.cells.len() {
            self.line(line, &cells, fault, Some(at))?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: u64,
        cells: &[&[u8]],
        fault: Option<&Rejected>,
        given: Option<usize>,
    ) -> Result<(), Failure> {
        self.rows += 1;
        if self.rows > PERMS_ROWS_MAX {
            return Err(too_many());
        }
        let (row, line) = (self.rows.to_string(), line.to_string());
        let own = [
            row.as_str(),
            &line,
            fault.map_or("", |fault| fault.code),
            fault.and_then(|fault| fault.column.as_deref()).unwrap_or_default(),
            fault.map_or("", |fault| &fault.message),
        ];
        let added: Vec<&[u8]> = match given.map(|at| &self.given.cells[at]) {
            Some(given) => {
                for (name, known) in given.iter().zip([&mut self.sets, &mut self.groups]) {
                    if !name.is_empty() && !known.contains(name) {
                        known.insert(name.clone());
                    }
                }
                given.iter().map(String::as_bytes).collect()
            }
            None => vec![b""; self.header.len() - self.kept.len()],
        };
        let own = own.into_iter().map(str::as_bytes);
        self.file.push(own.chain(cells.iter().copied()).chain(added))
    }

    /// All rows are there; `source` is what was read for them.
    pub fn finish(self, source: Option<(u64, Digest)>) -> Result<Spooled, Failure> {
        let Output { bytes, digest, .. } = self.file.finish()?;
        let (bytes, digest) = source.unwrap_or((bytes, digest));
        Ok(Spooled {
            path: self.folder.join(FILE),
            header: self.header,
            columns: self.columns,
            rows: self.rows,
            who: self.who,
            sets: self.sets,
            groups: self.groups,
            bytes,
            digest,
            notices: Vec::new(),
        })
    }
}

/// Reads a file into the spool, strictly: a row that cannot be read stands there with its fault.
pub(super) fn read_file(
    folder: &Path,
    input: &Input,
    order: &[WhoField],
    given: Given,
    need_what: bool,
) -> Result<Spooled, Failure> {
    let mut reader = read::open(input)?;
    let mut spool = Spool::begin(folder, reader.header(), order, given)?;
    if need_what {
        spool.columns().need_what(spool.header())?;
    }
    while let Some(slab) = reader.next_slab()? {
        let mut faults = slab.rejected.iter().peekable();
        for (at, mark) in slab.marks.iter().enumerate() {
            while let Some(fault) = faults.next_if(|fault| fault.mark.row < mark.row) {
                push_fault(&mut spool, fault)?;
            }
            spool.push(mark.line, |place| slab.table.field(at, place), None)?;
        }
        faults.try_for_each(|fault| push_fault(&mut spool, fault))?;
    }
    let notices = reader.notices().to_vec();
    let mut spooled = spool.finish(Some((reader.bytes_read(), reader.digest())))?;
    spooled.notices = notices;
    Ok(spooled)
}

fn push_fault(spool: &mut Spool, fault: &Rejected) -> Result<(), Failure> {
    let cell = |place: usize| fault.source.get(place).map(AsRef::as_ref).unwrap_or_default();
    spool.push(fault.mark.line, cell, Some(fault))
}

/// A row as it was spooled.
pub(super) struct SpooledRow<'a> {
    pub mark: RowMark,
    record: &'a ByteRecord,
}

impl<'a> SpooledRow<'a> {
    /// Code, column and message of what is wrong with the row by itself.
    pub fn fault(&self) -> Option<[&'a str; 3]> {
        let own = [2, 3, 4].map(|at| text(self.record, at));
        (!own[0].is_empty()).then_some(own)
    }

    /// A cell of the source, as text without blanks around it.
    pub fn cell(&self, place: Option<usize>) -> &'a str {
        place.map_or("", |place| text(self.record, OWN.len() + place).trim())
    }

    /// All cells of the source.
    pub fn source(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.record.iter().skip(OWN.len())
    }
}

fn text(record: &ByteRecord, at: usize) -> &str {
    std::str::from_utf8(record.get(at).unwrap_or_default()).unwrap_or_default()
}

impl Spooled {
    /// Hands each row to `each`, in order.
    pub fn each(
        &self,
        mut each: impl FnMut(&SpooledRow<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let broken = |error: csv::Error| Failure::disk("read", &self.path, &error.into());
        let mut reader = ReaderBuilder::new().from_path(&self.path).map_err(broken)?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(broken)? {
            let number = |at| text(&record, at).parse().unwrap_or(0);
            let mark = RowMark { row: number(0), line: number(1) };
            each(&SpooledRow { mark, record: &record })?;
        }
        Ok(())
    }
}

fn said_twice(column: &str) -> Failure {
    let column = column.escape_debug();
    let message = format!("both the column `{column}` and a flag say which permission");
    Failure::new(Blame::Request, message).hint("leave one of them out")
}

pub(super) fn too_many() -> Failure {
    let message = format!("there are more than {PERMS_ROWS_MAX} pairs of user and permission");
    Failure::new(Blame::Request, message).hint("split the file; a sync can be split by permission")
}
