//! Emit: the source rows of a chunk, in order, each into the file of its verdict.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::groups::Groups;
use super::kept::KeptColumns;
use super::matching::{LineAt, Lines, Outcome, Outcomes};
use super::sheaf::Sheaf;
use crate::faults;
use crate::ledger::Output;
use crate::model::cells::{is_alphanumeric, push_line};
use crate::model::chunk::Chunk;
use crate::model::failure::Failure;
use crate::model::row_error::RowError;
use crate::model::verdict::{Counts, MatchKind};
use crate::pipeline::deferred::{Deferred, DeferredWriter};
use crate::pipeline::source_rows::SourceRows;
use crate::pipeline::unchanged::ShelfReader;

/// The four files of rows that were to be sent; success.csv has those besides that were not sent,
/// as they change nothing.
pub struct Emit {
    files: Sheaf,
    /// Those of the passes before.
    passes: Vec<Sheaf>,
    out: PathBuf,
    /// Where rows go that are sent again; missing where a lock is an error like others.
    deferred: Option<DeferredWriter>,
    kept: KeptColumns,
    groups: Groups,
    shelf: Option<ShelfReader>,
    /// Rows from the shelf.
    unchanged: u64,
}

/// What is known of the job of a chunk.
pub struct EndedJob<'a> {
    pub job: &'a str,
    pub message: Option<&'a str>,
    pub state: &'a str,
    pub incomplete: Option<&'a str>,
    /// Where lines go that belong to no row.
    pub unmatched: &'a Path,
}

impl Emit {
    pub fn begin(
        out: &Path,
        kept: &KeptColumns,
        shelf: Option<ShelfReader>,
        deferred: Option<DeferredWriter>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            files: Sheaf::begin(out, kept.names(), 0)?,
            passes: Vec::new(),
            out: out.to_owned(),
            deferred,
            kept: kept.clone(),
            groups: Groups::default(),
            shelf,
            unchanged: 0,
        })
    }

    /// Begins another pass, over rows that this one has put off.
    pub fn begin_pass(&mut self, deferred: Option<DeferredWriter>) -> Result<(), Failure> {
        // Rows that were not sent are in their places behind all rows of the first pass.
        self.unchanged_before(u64::MAX)?;
        let files = Sheaf::begin(&self.out, self.kept.names(), self.passes.len() + 1)?;
        self.passes.push(std::mem::replace(&mut self.files, files));
        self.deferred = deferred;
        Ok(())
    }

    /// The rows that this pass has put off, if there are any.
    pub fn put_off(&mut self) -> Result<Option<Deferred>, Failure> {
        self.deferred.take().map_or(Ok(None), DeferredWriter::finish)
    }

    /// All rows of a chunk, in their order.
    pub fn all(&mut self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        while sheet.has_row {
            self.next(sheet)?;
        }
        Ok(())
    }

    /// The row at hand, into the file of its verdict; the sheet goes on to the next one.
    pub fn next(&mut self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let Sheet { rows, fate, counts, deferred, at, body, .. } = &mut *sheet;
        counts.input += 1;
        match fate {
            Fate::Unprocessed(why) => {
                self.unprocessed(rows, why)?;
                counts.unprocessed += 1;
            }
            Fate::Unknown(why) => {
                self.unknown(rows, why)?;
                counts.unknown += 1;
            }
            Fate::Matched(matched) => {
                let Some(outcome) = matched.outcomes.get(*at) else {
                    return Err(rows.damaged("it has more rows than the chunk"));
                };
                if let Outcome::Error { at: line, .. } = outcome {
                    if self.error(rows, line, &mut matched.lines, (body, *at))? {
                        counts.error += 1;
                    } else {
                        (counts.input, *deferred) = (counts.input - 1, *deferred + 1);
                    }
                } else {
                    self.matched(rows, outcome, matched, counts)?;
                }
            }
        }
        sheet.go_on()
    }

    /// A row that has its own outcome, which is no error.
    fn matched(
        &mut self,
        rows: &Source<'_>,
        outcome: Outcome,
        of: &mut MatchedSheet,
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        match outcome {
            Outcome::Success { id, created, how } => {
                self.success(rows, &id, flag(created), how)?;
                counts.success += 1;
            }
            Outcome::SuccessWithoutId { created, how } => {
                self.success(rows, b"", flag(created), how)?;
                counts.success += 1;
            }
            Outcome::SuccessAt { at, how } => {
                let line = of.lines.read(at).map_err(|error| rows.broken(&error))?;
                self.success(rows, line.id(), line.created(), how)?;
                counts.success += 1;
            }
            Outcome::Error { .. } => unreachable!("rows in error are told apart before"),
            Outcome::Unprocessed => {
                self.unprocessed(rows, &of.unprocessed)?;
                counts.unprocessed += 1;
            }
            Outcome::Unmatched => {
                self.unknown(rows, &of.unmatched)?;
                counts.unknown += 1;
            }
            Outcome::Contradiction => {
                let why = format!("the results of job {} name this row twice", of.job);
                self.unknown(rows, &why)?;
                counts.unknown += 1;
            }
        }
        Ok(())
    }

    /// Gives the files their names; tells how many rows were not sent, as they change nothing.
    pub fn finish(mut self) -> Result<(Groups, Vec<Output>, u64), Failure> {
        self.unchanged_before(u64::MAX)?;
        self.passes.push(self.files);
        let outputs = Sheaf::finish(self.passes, &self.out, self.kept.names())?;
        Ok((self.groups, outputs, self.unchanged))
    }

    /// Puts rows that were not sent into their places.
    fn unchanged_before(&mut self, row: u64) -> Result<(), Failure> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        while let Some(line) = shelf.next_before(row)? {
            self.files.success.push_line(line)?;
            self.unchanged += 1;
        }
        Ok(())
    }

    fn success(
        &mut self,
        rows: &Source<'_>,
        id: &[u8],
        created: &[u8],
        how: MatchKind,
    ) -> Result<(), Failure> {
        if self.shelf.is_some() {
            self.unchanged_before(rows.row())?;
        }
        let own = [id, created, rows.number(), how.word().as_bytes()];
        let is_plain = is_alphanumeric(id) && is_alphanumeric(created);
        if is_plain && let Some(source) = self.kept.as_they_stand(&rows.rows) {
            return self.files.success.push_behind(source, own);
        }
        self.files.success.push(self.kept.of(|column| rows.cell(column)).chain(own))
    }

    /// A row in error. One that met a lock is put off where it can be, and false is returned then.
    fn error(
        &mut self,
        rows: &Source<'_>,
        at: LineAt,
        lines: &mut Lines,
        (body, place): (&mut BodyRows, usize),
    ) -> Result<bool, Failure> {
        let line = lines.read(at).map_err(|error| rows.broken(&error))?;
        let text = String::from_utf8_lossy(line.error());
        let parsed = RowError::parse(&text);
        if let Some(deferred) = self.deferred.as_mut().filter(|_| parsed.is_lock()) {
            deferred.push(rows.row(), &rows.record(), body.row(rows.chunk, place)?)?;
            return Ok(false);
        }
        let own = [
            line.id(),
            text.as_bytes(),
            parsed.code.as_bytes(),
            parsed.message.as_bytes(),
            parsed.class.word().as_bytes(),
            rows.number(),
        ];
        self.files.error.push(self.kept.of(|column| rows.cell(column)).chain(own))?;
        self.groups.add("error", &parsed.code, &parsed.message, rows.row());
        Ok(true)
    }

    fn unprocessed(&mut self, rows: &Source<'_>, why: &str) -> Result<(), Failure> {
        let own = [why.as_bytes(), rows.number()];
        self.files.unprocessed.push(self.kept.of(|column| rows.cell(column)).chain(own))?;
        self.groups.add("unprocessed", "unprocessed", why, rows.row());
        Ok(())
    }

    fn unknown(&mut self, rows: &Source<'_>, why: &str) -> Result<(), Failure> {
        let own = [why.as_bytes(), rows.number()];
        self.files.unknown.push(self.kept.of(|column| rows.cell(column)).chain(own))?;
        self.groups.add("unknown", "unknown", why, rows.row());
        Ok(())
    }
}

fn flag(created: bool) -> &'static [u8] {
    if created { b"true" } else { b"false" }
}

fn unmatched_reason(ended: &EndedJob<'_>, lines: usize) -> String {
    let job = ended.job;
    let short = ended.incomplete.map(|why| format!(": {why}")).unwrap_or_default();
    match lines {
        0 => format!("the results of job {job} do not name this row{short}"),
        lines => {
            let name = ended.unmatched.file_name().unwrap_or_default().to_string_lossy();
            format!(
                "{lines} result lines of job {job} fit no row for certain, see raw/{name}{short}"
            )
        }
    }
}

fn unprocessed_reason(ended: &EndedJob<'_>) -> String {
    let said = ended.message.map(|message| format!(": {message}")).unwrap_or_default();
    format!("job {} ended {} before this row{said}", ended.job, ended.state)
}

/// Writes the lines that belong to no row, each with the name of its file.
fn keep_lines(path: &Path, places: &[LineAt], lines: &mut Lines) -> io::Result<()> {
    let mut text = Vec::new();
    for at in places {
        let which = format!("{:?}", lines.which(*at)).to_lowercase();
        let line = lines.read(*at)?;
        push_line(&mut text, std::iter::once(which.as_bytes()).chain(line.cells()));
    }
    let mut options = OpenOptions::new();
    faults::open(options.write(true).create(true).truncate(true), path)?.write_all(&text)
}

/// The rows of a chunk and what became of them, one after the other.
pub struct Sheet<'a> {
    rows: Source<'a>,
    fate: Fate,
    counts: Counts,
    /// Rows that are sent again.
    deferred: u64,
    /// What was sent of the rows.
    body: BodyRows,
    /// Rows that are through.
    at: usize,
    has_row: bool,
}

/// What the rows of a chunk came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tallied {
    pub counts: Counts,
    /// Rows that are sent again, and in no count.
    pub deferred: u64,
}

/// What became of the rows of a chunk.
enum Fate {
    /// Every row was certainly not touched, for one reason.
    Unprocessed(String),
    /// Nobody can say what became of any row.
    Unknown(String),
    /// Each row has its own outcome.
    Matched(MatchedSheet),
}

struct MatchedSheet {
    outcomes: Outcomes,
    lines: Lines,
    job: String,
    unmatched: String,
    unprocessed: String,
}

impl<'a> Sheet<'a> {
    /// Every row of the chunk was certainly not touched, for one reason.
    pub fn unprocessed(chunk: &'a Chunk, why: &str) -> Result<Self, Failure> {
        Self::of(chunk, Fate::Unprocessed(why.to_owned()))
    }

    /// Nobody can say what became of any row of the chunk.
    pub fn unknown(chunk: &'a Chunk, why: &str) -> Result<Self, Failure> {
        Self::of(chunk, Fate::Unknown(why.to_owned()))
    }

    /// Each row has its own outcome. Lines that belong to no row are kept apart at once.
    pub fn matched(
        chunk: &'a Chunk,
        ended: &EndedJob<'_>,
        outcomes: Outcomes,
        left_over: &[LineAt],
        mut lines: Lines,
    ) -> Result<Self, Failure> {
        if !left_over.is_empty() {
            keep_lines(ended.unmatched, left_over, &mut lines)
                .map_err(|error| Failure::disk("write", ended.unmatched, &error))?;
        }
        let matched = MatchedSheet {
            outcomes,
            lines,
            job: ended.job.to_owned(),
            unmatched: unmatched_reason(ended, left_over.len()),
            unprocessed: unprocessed_reason(ended),
        };
        Self::of(chunk, Fate::Matched(matched))
    }

    fn of(chunk: &'a Chunk, fate: Fate) -> Result<Self, Failure> {
        let mut rows = Source::open(chunk)?;
        let has_row = rows.next()?;
        let (counts, body) = (Counts::default(), BodyRows::default());
        Ok(Self { rows, fate, counts, deferred: 0, body, at: 0, has_row })
    }

    /// The number of the row at hand; none at the end.
    pub fn row(&self) -> Option<u64> {
        self.has_row.then(|| self.rows.row())
    }

    /// The rows by verdict, after the last one, and room for the outcomes of another chunk.
    pub fn end(self) -> Result<(Tallied, Outcomes), Failure> {
        let tallied = Tallied { counts: self.counts, deferred: self.deferred };
        match self.fate {
            Fate::Matched(matched) if matched.outcomes.len() != self.at => {
                Err(self.rows.damaged("it has fewer rows than the chunk"))
            }
            Fate::Matched(matched) => Ok((tallied, matched.outcomes)),
            _ => Ok((tallied, Outcomes::default())),
        }
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        self.at += 1;
        self.has_row = self.rows.next()?;
        Ok(())
    }
}

/// The body of a chunk, read as far as it is needed; opened when it is.
#[derive(Default)]
struct BodyRows {
    reader: Option<csv::Reader<File>>,
    record: ByteRecord,
    /// Rows that were read.
    read: usize,
}

impl BodyRows {
    /// The row at this place; places ascend.
    fn row(&mut self, chunk: &Chunk, place: usize) -> Result<&ByteRecord, Failure> {
        let broken = |error: io::Error| Failure::disk("read", &chunk.body, &error);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let file = File::open(&chunk.body).map_err(broken)?;
                none.insert(ReaderBuilder::new().buffer_capacity(64 << 10).from_reader(file))
            }
        };
        while self.read <= place {
            let more = reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| broken(io::Error::other(error)))? {
                let what = "it has fewer rows than the chunk";
                return Err(broken(io::Error::new(io::ErrorKind::InvalidData, what)));
            }
            self.read += 1;
        }
        Ok(&self.record)
    }
}

/// The source rows of a chunk, and where they lie.
struct Source<'a> {
    chunk: &'a Chunk,
    rows: SourceRows,
}

impl<'a> Source<'a> {
    fn open(chunk: &'a Chunk) -> Result<Self, Failure> {
        let rows = SourceRows::open(chunk)
            .map_err(|error| Failure::disk("open", &chunk.source, &error))?;
        Ok(Self { chunk, rows })
    }

    /// Goes to the next row; false at the end.
    fn next(&mut self) -> Result<bool, Failure> {
        self.rows.advance().map_err(|error| self.broken(&error))
    }

    fn number(&self) -> &[u8] {
        self.rows.number()
    }

    fn row(&self) -> u64 {
        self.rows.row()
    }

    fn cell(&self, column: usize) -> Option<&[u8]> {
        self.rows.cell(column)
    }

    /// Row number, line and source cells.
    fn record(&self) -> ByteRecord {
        let mut record = ByteRecord::new();
        record.push_field(self.number());
        record.push_field(self.rows.line().to_string().as_bytes());
        record.extend(self.rows.cells());
        record
    }

    fn broken(&self, error: &io::Error) -> Failure {
        Failure::disk("read", &self.chunk.source, error)
    }

    fn damaged(&self, what: &str) -> Failure {
        self.broken(&io::Error::new(io::ErrorKind::InvalidData, what.to_owned()))
    }
}
