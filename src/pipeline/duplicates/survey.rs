//! The survey: which rows that will be sent have the same key.
//!
//! Most files have no duplicates, so the first way through the input is lean: it maps the columns
//! of the key and nothing else, and checks nothing. Only where keys repeat, a second way looks
//! which of these rows are sent at all, and whether their keys are the same: a row that is rejected
//! is nobody's duplicate.

use super::key::RowKey;
use super::prints::Prints;
use super::sort::{Record, Room, Sorted, Sorter};
use super::{Policy, list};
use crate::config::plan::{LoadPlan, OnDuplicate};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::ROWS_LISTED;
use crate::model::rows::RawSlab;
use crate::pipeline::chunk::{ChunkLimits, Spool};
use crate::pipeline::intake::Window;
use crate::pipeline::map::{self, Mapping};
use crate::pipeline::read::{self, SlabReader};
use crate::pipeline::stop::Stop;
use crate::pipeline::validate::{self, Checks};

/// All that a survey needs.
pub(super) struct Survey<'a> {
    pub plan: &'a LoadPlan,
    pub mapping: &'a Mapping,
    pub checks: &'a Checks,
    pub key: &'a RowKey,
    pub policy: Policy,
    pub room: &'a Room,
    pub stop: &'a Stop,
    /// Of the input, once it was read to its end.
    pub digest: Option<Digest>,
}

/// Rows with the same key.
#[derive(Debug)]
pub(super) struct Found {
    /// Row and the row it is held against, ascending: the row that is kept, the one before it with
    /// the same key (`separate`), or the first of its key (`refuse`, which lists that one too).
    pub pairs: Sorted,
    /// Rows of `pairs` that are not the first of their key.
    pub rows: u64,
    /// Keys that more than one row has.
    pub keys: u64,
    /// The first few rows.
    pub first: Vec<u64>,
    /// Places where a chunk must end for its keys to differ.
    pub cuts: u64,
    /// Of the list as the run folder has it.
    pub digest: Digest,
}

impl Survey<'_> {
    /// The rows with the same key, which are among those of [`Self::repeated`]; `None` where all
    /// keys differ.
    pub(super) fn found(&mut self, mut repeated: Sorted) -> Result<Option<Found>, Failure> {
        if repeated.is_empty() {
            return Ok(None);
        }
        let mut sent = self.sent(&mut repeated)?;
        drop(repeated);
        self.decided(&mut sent)
    }

    /// Every row of whose fingerprint another row has a half too, by row.
    pub(super) fn repeated(&mut self) -> Result<Sorted, Failure> {
        let mut prints = self.prints()?;
        let mut repeated = Sorter::new(self.room);
        let mut walk = prints.walk()?;
        let mut before: Option<(Record, bool)> = None;
        while let Some(now) = walk.next()? {
            let (same, told) = match before {
                Some((before, told)) if before[..2] == now[..2] => {
                    if !told {
                        repeated.push(turned(before))?;
                    }
                    (true, true)
                }
                _ => (false, false),
            };
            if same {
                repeated.push(turned(now))?;
            }
            before = Some((now, told));
        }
        Ok(repeated.sorted())
    }

    /// The rows whose fingerprints may be those of several, by a half of these; of those that are,
    /// all.
    fn prints(&mut self) -> Result<Sorted, Failure> {
        let (mapping, key) = (self.mapping.narrow(&self.key.columns()), self.key.narrow());
        let mut reader = read::open(&self.plan.input)?;
        let mut prints = Prints::new(self.room, reader.bytes_total());
        let mut scratch = Vec::new();
        let window = Window { skip: self.plan.skip, limit: self.plan.limit };
        // Most keys are columns as they stand in the file, and no slab is needed to see them.
        let columns = mapping.as_they_are().filter(|_| window.is_all());
        loop {
            self.stop.refuse_to_look_on()?;
            if let Some(columns) = &columns {
                let passed = reader.pass_rows(|row, fields| {
                    match key.print_of(|column| fields.get(columns[column]), &mut scratch) {
                        Some(print) => prints.push(halves(print)[0], row),
                        None => Ok(()),
                    }
                })?;
                if passed > 0 {
                    continue;
                }
            }
            let Some(slab) = reader.next_slab()? else { break };
            let (slab, ended) = window.cut(slab);
            let mapped = map::map(slab, &mapping);
            let mut failed = mapped.failed.iter().map(|(row, _)| *row).peekable();
            for (index, mark) in mapped.raw.marks.iter().enumerate() {
                if failed.next_if_eq(&index).is_some() {
                    continue;
                }
                if let Some(print) = key.print(&mapped.fields, index, &mut scratch) {
                    prints.push(halves(print)[0], mark.row)?;
                }
            }
            if ended {
                return prints.repeated();
            }
        }
        self.has_read(&reader)?;
        prints.repeated()
    }

    /// Those of the repeated rows that pass every check, by fingerprint.
    fn sent(&mut self, repeated: &mut Sorted) -> Result<Sorted, Failure> {
        let (mapping, checks) = (self.mapping, self.checks);
        let header: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
        let limits = ChunkLimits { rows: self.plan.chunk_rows, bytes: self.plan.chunk_bytes };
        let mut spool = Spool::new(&self.plan.runs_dir, &header, limits);
        let policy = self.policy;
        let key = self.key;
        let mut scratch = Vec::new();
        let mut sent = Sorter::new(self.room);
        let mut walk = repeated.walk()?;
        let mut next = walk.next()?;
        self.each_slab(|slab| {
            let last = slab.marks.last().map_or(0, |mark| mark.row);
            if next.is_none_or(|[row, ..]| row > last) {
                return Ok(());
            }
            let mut checked = validate::validate(map::map(slab, mapping), checks);
            spool.set_apart(&mut checked);
            for &index in &checked.accepted {
                let index = index as usize;
                let row = checked.raw.marks[index].row;
                while next.is_some_and(|[repeated, ..]| repeated < row) {
                    next = walk.next()?;
                }
                if next.is_some_and(|[repeated, ..]| repeated == row) {
                    if let Some(print) = key.print(&checked.fields, index, &mut scratch) {
                        let [high, low] = halves(print);
                        sent.push([high, low, place(policy, row)])?;
                    }
                    next = walk.next()?;
                }
            }
            Ok(())
        })?;
        Ok(sent.sorted())
    }

    /// What becomes of each row of a key that several rows have.
    fn decided(&self, sent: &mut Sorted) -> Result<Option<Found>, Failure> {
        let mut pairs = Sorter::new(self.room);
        let (mut rows, mut keys) = (0, 0);
        let mut walk = sent.walk()?;
        // The key at hand, its first row in this order, the row before, and whether it is counted.
        let mut open: Option<(Record, u64, u64, bool)> = None;
        while let Some(now) = walk.next()? {
            let row = place(self.policy, now[2]);
            open = match open {
                Some((key, first, before, counted)) if key[..2] == now[..2] => {
                    if !counted {
                        keys += 1;
                        if self.policy == Policy::Asked(OnDuplicate::Refuse) {
                            pairs.push([first, first, 0])?;
                        }
                    }
                    let separate = self.policy == Policy::Asked(OnDuplicate::Separate);
                    pairs.push([row, if separate { before } else { first }, 0])?;
                    rows += 1;
                    Some((key, first, row, true))
                }
                _ => Some((now, row, row, false)),
            };
        }
        if rows == 0 {
            return Ok(None);
        }
        let mut found = Found {
            pairs: pairs.sorted(),
            rows,
            keys,
            first: Vec::new(),
            cuts: 0,
            digest: Digest::of(b""),
        };
        found.look_through()?;
        Ok(Some(found))
    }

    /// Goes once through the rows that were asked for.
    pub(super) fn each_slab(
        &mut self,
        mut take: impl FnMut(RawSlab) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut reader = read::open(&self.plan.input)?;
        let window = Window { skip: self.plan.skip, limit: self.plan.limit };
        loop {
            self.stop.refuse_to_look_on()?;
            let Some(slab) = reader.next_slab()? else { break };
            let (slab, ended) = window.cut(slab);
            take(slab)?;
            if ended {
                return Ok(());
            }
        }
        self.has_read(&reader)
    }

    /// The input was read to its end; it must be the same each time.
    fn has_read(&mut self, reader: &SlabReader) -> Result<(), Failure> {
        // What lies behind the last row, as after the end of a gzip stream, is not read.
        if reader.bytes_total() != Some(reader.bytes_read()) {
            return Ok(());
        }
        let digest = reader.digest();
        if self.digest.is_some_and(|before| before != digest) {
            let message = format!("`{}` is being written while it is read", reader.name());
            return Err(Failure::new(Blame::Request, message)
                .hint("nothing was sent; wait until the file is whole"));
        }
        self.digest = Some(digest);
        Ok(())
    }
}

impl Found {
    fn look_through(&mut self) -> Result<(), Failure> {
        let mut hasher = blake3::Hasher::new();
        let mut line = Vec::new();
        let mut chunk_begins = 0;
        let mut walk = self.pairs.walk()?;
        while let Some([row, other, _]) = walk.next()? {
            list::push_line(&mut line, row, other);
            hasher.update(&line);
            if self.first.len() < ROWS_LISTED && row != other {
                self.first.push(row);
            }
            // The same rule as the spool's, for the chunks that are cut for no other reason.
            if other >= chunk_begins {
                chunk_begins = row;
                self.cuts += 1;
            }
        }
        self.digest = Digest::finish(&hasher);
        Ok(())
    }
}

/// Where a row stands among those of its key: the one that is kept comes first. Its own inverse.
fn place(policy: Policy, row: u64) -> u64 {
    if policy == Policy::Asked(OnDuplicate::KeepLast) { !row } else { row }
}

/// By row instead of by fingerprint.
fn turned([half, other, row]: Record) -> Record {
    [row, half, other]
}

#[expect(clippy::cast_possible_truncation, reason = "each half is what it keeps")]
fn halves(print: u128) -> [u64; 2] {
    [(print >> 64) as u64, print as u64]
}
