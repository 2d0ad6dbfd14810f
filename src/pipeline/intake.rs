//! Intake: the synchronous half of the conveyor, from the file to chunks on disk.
//!
//! One thread takes each slab through all its stages, while it is near the processor; rayon shares
//! out the rows of a slab whose values are transformed.
//! Source: `docs/decisions/0033-one-thread.md`.

use std::sync::Arc;

use super::chunk::Spool;
use super::duplicates::Repeats;
use super::event::{Event, Watch};
use super::map::{self, Mapping};
use super::read::SlabReader;
use super::settle::{Groups, KeptColumns, RejectedFile};
use super::stop::{Halt, Stop};
use super::unchanged::{ShelfWriter, Unchanged};
use super::validate::{self, Checks};
use crate::config::plan::OnBadRow;
use crate::ledger::{Output, Shelved};
use crate::model::chunk::{Chunk, Digest};
use crate::model::failure::{Blame, Failure};
use crate::model::rows::{CheckedSlab, DUPLICATE_ROW, RawSlab, Rejected};

/// All that the first half needs.
pub struct Intake {
    pub reader: SlabReader,
    pub mapping: Mapping,
    pub checks: Checks,
    pub repeats: Repeats,
    pub unchanged: Unchanged,
    pub spool: Spool,
    pub rejected: RejectedFile,
    /// Where rows go that change nothing; missing where they are counted only.
    pub shelf: Option<ShelfWriter>,
    pub kept: KeptColumns,
    pub on_bad_row: OnBadRow,
    /// Rows to pass over, and rows to take after them.
    pub skip: u64,
    pub limit: Option<u64>,
    pub watch: Arc<dyn Watch>,
    pub stop: Stop,
    pub halt: Halt,
    /// Sees each slab after it was checked, in order.
    pub look: Option<Look>,
}

/// Somebody who sees checked slabs before they are spooled.
pub type Look = Box<dyn FnMut(&CheckedSlab) + Send>;

/// What came in.
#[derive(Debug)]
pub struct TakenIn {
    /// Rows accepted and spooled, and rows rejected.
    pub accepted: u64,
    pub rejected: u64,
    /// Rows that change nothing, which are neither, and their lines.
    pub unchanged: u64,
    pub shelved: Option<Shelved>,
    pub groups: Groups,
    /// The number of the first row that was taken; the others follow without a gap.
    pub first_row: u64,
    pub source: SourceRead,
    /// rejected.csv as it was finished.
    pub output: Output,
}

/// What was read of the source, as it lies on disk.
#[derive(Debug, Clone, Copy)]
pub struct SourceRead {
    pub bytes: u64,
    pub digest: Digest,
    pub end: ReadingEnd,
}

/// Where reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingEnd {
    /// At the end of the source, whose digest is known therefore.
    Source,
    /// Behind the last row that was asked for.
    Window,
    /// In mid-file, for a wish or a fault.
    Stopped,
}

impl Intake {
    /// Runs to the end of the input; `hand_on` takes each chunk and says whether to go on.
    ///
    /// A fault of the input in mid-file halts the run; what was spooled before is handed on all the
    /// same, so that every row that was read is accounted for.
    pub fn run(self, mut hand_on: impl FnMut(Chunk) -> bool) -> Result<TakenIn, Failure> {
        let Self { mut repeats, mut unchanged, watch, mut look, .. } = self;
        let mut sink = Sink {
            spool: self.spool,
            rejected: self.rejected,
            shelf: self.shelf,
            kept: self.kept,
            accepted: 0,
            unchanged: 0,
            on_bad_row: self.on_bad_row,
            input: self.reader.name().to_owned(),
            hand_on: &mut hand_on,
        };
        let mut upstream = Upstream {
            reader: self.reader,
            window: Window { skip: self.skip, limit: self.limit },
            is_over: false,
            mapping: self.mapping,
            checks: self.checks,
            stop: self.stop,
            halt: self.halt,
        };
        let end = loop {
            let mut slab = match upstream.next() {
                Ok(slab) => slab,
                Err(end) => break end,
            };
            sink.spool.set_apart(&mut slab);
            sink.spool.keep_apart(repeats.set_apart(&mut slab)?);
            let left_out = unchanged.take_out(&mut slab)?;
            if let Some(look) = &mut look {
                look(&slab);
            }
            sink.shelve(&slab, &left_out)?;
            sink.take(&slab)?;
            sink.tell_unchanged(&*watch, left_out.len());
            watch.see(&sink.so_far(upstream.progress()));
        };
        let Upstream { reader, window, .. } = upstream;
        let source = SourceRead { bytes: reader.bytes_read(), digest: reader.digest(), end };
        sink.close(&*watch, window.skip + 1, source)
    }
}

/// The stages before the spool.
struct Upstream {
    reader: SlabReader,
    window: Window,
    /// The last row that was asked for has come.
    is_over: bool,
    mapping: Mapping,
    checks: Checks,
    stop: Stop,
    halt: Halt,
}

impl Upstream {
    /// The next rows: read, mapped and validated. `Err` says where reading ended.
    fn next(&mut self) -> Result<CheckedSlab, ReadingEnd> {
        if self.is_over {
            return Err(ReadingEnd::Window);
        }
        if self.stop.is_asked() || self.halt.message().is_some() {
            return Err(ReadingEnd::Stopped);
        }
        let slab = match self.reader.next_slab() {
            Ok(Some(slab)) => slab,
            Ok(None) => return Err(ReadingEnd::Source),
            Err(error) => return Err(self.halted(error.into())),
        };
        let (slab, is_over) = self.window.cut(slab);
        self.is_over = is_over;
        let mapped = map::map(slab, &self.mapping);
        match self.mapping.trouble() {
            Some(failure) => Err(self.halted(failure)),
            None => Ok(validate::validate(mapped, &self.checks)),
        }
    }

    fn halted(&self, failure: Failure) -> ReadingEnd {
        self.halt.because(failure);
        ReadingEnd::Stopped
    }

    fn progress(&self) -> Progress {
        Progress { bytes: self.reader.bytes_read(), bytes_total: self.reader.bytes_total() }
    }
}

/// How far reading has come, in bytes of the source.
#[derive(Debug, Clone, Copy)]
struct Progress {
    bytes: u64,
    bytes_total: Option<u64>,
}

/// Where accepted and rejected rows go.
struct Sink<'a> {
    spool: Spool,
    rejected: RejectedFile,
    shelf: Option<ShelfWriter>,
    kept: KeptColumns,
    accepted: u64,
    unchanged: u64,
    on_bad_row: OnBadRow,
    /// What the input is called in messages.
    input: String,
    hand_on: &'a mut dyn FnMut(Chunk) -> bool,
}

impl Sink<'_> {
    fn take(&mut self, slab: &CheckedSlab) -> Result<(), Failure> {
        for rejected in &slab.rejected {
            if self.on_bad_row == OnBadRow::Stop && rejected.code != DUPLICATE_ROW {
                return Err(refusal(&self.input, rejected));
            }
            self.rejected.push(rejected)?;
        }
        self.accepted += slab.accepted.len() as u64;
        for chunk in self.spool.take(slab)? {
            if !(self.hand_on)(chunk) {
                break;
            }
        }
        Ok(())
    }

    /// Puts rows that change nothing aside, before a chunk is handed on that may lie behind them.
    fn shelve(&mut self, slab: &CheckedSlab, rows: &[(usize, String)]) -> Result<(), Failure> {
        self.unchanged += rows.len() as u64;
        let Some(shelf) = self.shelf.as_mut().filter(|_| !rows.is_empty()) else { return Ok(()) };
        for (index, id) in rows {
            let source = self.kept.of(|column| Some(slab.raw.table.field(*index, column)));
            shelf.push(slab.raw.marks[*index].row, id, source)?;
        }
        shelf.show()
    }

    fn tell_unchanged(&self, watch: &dyn Watch, more: usize) {
        if more > 0 {
            watch.see(&Event::Unchanged { rows: self.unchanged });
        }
    }

    fn so_far(&self, progress: Progress) -> Event {
        Event::Read {
            rows: self.accepted + self.unchanged + self.rejected.rows(),
            rejected: self.rejected.rows(),
            bytes: progress.bytes,
            bytes_total: progress.bytes_total,
        }
    }

    fn close(
        mut self,
        watch: &dyn Watch,
        first_row: u64,
        source: SourceRead,
    ) -> Result<TakenIn, Failure> {
        for chunk in self.spool.close()? {
            if !(self.hand_on)(chunk) {
                break;
            }
        }
        let rejected = self.rejected.rows();
        let (accepted, unchanged) = (self.accepted, self.unchanged);
        watch.see(&Event::InputEnded { rows: accepted + unchanged + rejected, rejected });
        let shelved = self.shelf.map(ShelfWriter::finish).transpose()?;
        let (groups, output) = self.rejected.finish()?;
        Ok(TakenIn { accepted, rejected, unchanged, shelved, groups, first_row, source, output })
    }
}

fn refusal(input: &str, rejected: &Rejected) -> Failure {
    let (row, line) = (rejected.mark.row, rejected.mark.line);
    // What `read` says begins with the place; what the checks say begins with the column.
    let placed = rejected.message.starts_with(&format!("{input}:"));
    let place = if placed { String::new() } else { format!("{input}:{line}: ") };
    let message = format!("row {row} is not valid: {place}{}", rejected.message);
    Failure::new(Blame::Request, message)
        .hint("correct the row; nothing was sent")
        .hint("use `--on-bad-row reject` to load the other rows and find such rows in rejected.csv")
}

/// `--skip` and `--limit`.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub skip: u64,
    pub limit: Option<u64>,
}

impl Window {
    /// Whether every row lies in the window.
    pub fn is_all(self) -> bool {
        self.skip == 0 && self.limit.is_none()
    }

    /// The part of a slab that lies in the window, and whether the window ends in it.
    pub fn cut(self, slab: RawSlab) -> (RawSlab, bool) {
        let last = self.limit.map_or(u64::MAX, |limit| self.skip.saturating_add(limit));
        let rows = slab.marks.iter().chain(slab.rejected.iter().map(|rejected| &rejected.mark));
        let (first_row, last_row) =
            rows.fold((u64::MAX, 0), |(low, high), mark| (low.min(mark.row), high.max(mark.row)));
        let ended = last_row >= last;
        if first_row > self.skip && last_row <= last {
            return (slab, ended);
        }
        let inside = |row: u64| row > self.skip && row <= last;
        let mut cut = RawSlab {
            table: crate::model::rows::Table::new(slab.table.width()),
            marks: Vec::new(),
            rejected: slab.rejected.into_iter().filter(|r| inside(r.mark.row)).collect(),
        };
        for (index, mark) in slab.marks.iter().enumerate() {
            if inside(mark.row) {
                cut.marks.push(*mark);
                slab.table.row(index).for_each(|field| cut.table.push_field(field));
            }
        }
        (cut, ended)
    }
}
