//! Settle: every row of an ended chunk goes into the file of its verdict, in input order.
//!
//! Chunks are settled in the order of the input, whatever order their jobs ended in; a chunk that
//! ended early waits here as a few names. The results are streamed from disk, matched to the rows
//! of that chunk ([`matching`]), and written by one sequential pass over its source rows.

mod emit;
mod files;
mod groups;
mod kept;
pub mod matching;
mod rejected;
mod sheaf;
mod window;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::emit::{Emit, Sheet, Tallied};
pub use self::files::ResultWriter;
pub use self::groups::Groups;
pub use self::kept::KeptColumns;
use self::matching::{Job, Keys, Matcher};
pub use self::rejected::{Found, RejectedFile};
use crate::ledger::{Fact, Ledger, Output};
use crate::model::chunk::ChunkNumber;
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::model::schema::SentField;
use crate::model::verdict::{Counts, MatchKind};
use crate::pipeline::deferred::{Deferred, DeferredWriter};
use crate::pipeline::earlier::Earlier;
use crate::pipeline::event::{Event, SummaryJob, Watch};
use crate::pipeline::handover::{EndedChunk, Ending};
use crate::pipeline::unchanged::ShelfReader;

/// What all chunks of a load have in common.
pub struct SettlePlan {
    pub operation: Operation,
    /// The columns of the body.
    pub fields: Vec<SentField>,
    pub external_id: Option<String>,
    pub kept: KeptColumns,
    /// Lines of rows that were not sent, as they change nothing.
    pub shelf: Option<ShelfReader>,
    /// The run folder, and that of its chunks.
    pub root: PathBuf,
    pub sent: PathBuf,
    /// Folder of raw results; unmatched lines are put there too.
    pub raw: PathBuf,
    /// Folder of the result files.
    pub out: PathBuf,
    /// Rounds at most in which rows that met a lock are sent again.
    pub rounds: u32,
    /// Seed of the fingerprints.
    pub seed: u64,
}

/// The settling of one run.
pub struct Settle {
    plan: SettlePlan,
    sent: Vec<String>,
    matcher: Matcher,
    primary: MatchKind,
    emit: Emit,
    /// Chunks that ended before an earlier one did.
    early: BTreeMap<u32, EndedChunk>,
    next: u32,
    /// The round whose rows pass; 0 for those of the input.
    round: u32,
    counts: Counts,
    jobs: Vec<SummaryJob>,
    alarm: Option<Failure>,
    open: u32,
    earlier: Arc<Earlier>,
    ledger: Arc<Ledger>,
    watch: Arc<dyn Watch>,
}

/// What was settled.
pub struct Settled {
    /// Rows by verdict, rejected ones not among them.
    pub counts: Counts,
    /// Chunks whose rows are in the result files as far as is known by now, without a last word.
    pub open: u32,
    /// Rounds that were begun.
    pub rounds: u32,
    pub groups: Groups,
    pub jobs: Vec<SummaryJob>,
    /// A job told of rows that it was never sent, though it told of all that it was.
    pub alarm: Option<Failure>,
    /// The result files as they were finished, rejected.csv not among them.
    pub outputs: Vec<Output>,
}

impl Settle {
    pub fn begin(
        mut plan: SettlePlan,
        earlier: Arc<Earlier>,
        ledger: Arc<Ledger>,
        watch: Arc<dyn Watch>,
    ) -> Result<Self, Failure> {
        let key = plan.key_column();
        let primary = match (key, plan.operation.needs_id()) {
            (None, _) => MatchKind::Text,
            (Some(_), true) => MatchKind::Id,
            (Some(_), false) => MatchKind::Key,
        };
        Ok(Self {
            sent: plan.fields.iter().map(|field| field.header.clone()).collect(),
            matcher: Matcher::new(Keys::new(&plan.fields, key, plan.seed)),
            primary,
            emit: Emit::begin(&plan.out, &plan.kept, plan.shelf.take(), plan.deferred(0))?,
            early: BTreeMap::new(),
            next: 1,
            round: 0,
            counts: Counts::default(),
            jobs: Vec::new(),
            alarm: None,
            open: 0,
            plan,
            earlier,
            ledger,
            watch,
        })
    }

    /// Takes an ended chunk, and settles it and those that waited for it.
    pub fn take(&mut self, ended: EndedChunk) -> Result<(), Failure> {
        self.early.insert(ended.chunk.number.0, ended);
        while let Some(next) = self.next_group() {
            self.settle(&next)?;
        }
        Ok(())
    }

    /// Rows by verdict so far, rejected ones not among them.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Chunks without a last word so far.
    pub fn open_chunks(&self) -> u32 {
        self.open
    }

    /// The number of the chunk that comes next.
    pub fn next_chunk(&self) -> ChunkNumber {
        ChunkNumber(self.next)
    }

    /// The last chunk of the round at hand has ended; gives the rows that are to be sent again.
    pub fn end_round(&mut self) -> Result<Option<Deferred>, Failure> {
        // Only a broken task leaves a gap; what ended behind it is settled all the same.
        while let Some((number, _)) = self.early.first_key_value() {
            self.next = *number;
            let next = self.group();
            self.settle(&next)?;
        }
        self.emit.put_off()
    }

    /// The rows that were put off come once more.
    pub fn begin_round(&mut self) -> Result<(), Failure> {
        self.round += 1;
        self.emit.begin_pass(self.plan.deferred(self.round))
    }

    /// The rows that were put off do not come once more now: so far they are not done, or nobody
    /// can say it, as jobs of an earlier process may have them.
    pub fn leave(&mut self, rows: &Deferred, in_jobs: bool) -> Result<(), Failure> {
        self.emit.begin_pass(None)?;
        let chunk = rows.chunk();
        let mut sheet = if in_jobs {
            let why = format!("met a lock and was sent again in round {}", rows.round);
            Sheet::unknown(&chunk, &why)?
        } else {
            Sheet::unprocessed(
                &chunk,
                "met a lock, and the run had stopped before it was sent again",
            )?
        };
        self.emit.all(&mut sheet)?;
        let (tallied, _) = sheet.end()?;
        self.counts.add(tallied.counts);
        self.open += 1;
        Ok(())
    }

    /// Gives the result files their names.
    pub fn finish(mut self) -> Result<Settled, Failure> {
        let (groups, outputs, unchanged) = self.emit.finish()?;
        let of_shelf =
            Counts { input: unchanged, success: unchanged, unchanged, ..Counts::default() };
        self.counts.add(of_shelf);
        let (counts, open, jobs, alarm) = (self.counts, self.open, self.jobs, self.alarm);
        Ok(Settled { counts, open, rounds: self.round, groups, jobs, alarm, outputs })
    }

    /// The next chunk, or all of the next window, if they have ended.
    fn next_group(&mut self) -> Option<Vec<EndedChunk>> {
        let ended = self.early.get(&self.next)?;
        let last = ended.chunk.window.map_or(self.next, |window| window.last.0);
        let all = (self.next..=last).all(|number| self.early.contains_key(&number));
        all.then(|| self.group())
    }

    /// Takes out the next chunk, or what is there of its window.
    fn group(&mut self) -> Vec<EndedChunk> {
        let window = self.early.get(&self.next).and_then(|ended| ended.chunk.window);
        let last = window.map_or(self.next, |window| window.last.0);
        let group = (self.next..=last).filter_map(|number| self.early.remove(&number)).collect();
        self.next = last + 1;
        group
    }

    fn settle(&mut self, group: &[EndedChunk]) -> Result<(), Failure> {
        self.jobs.extend(group.iter().filter_map(summary_job));
        let tallied = match group {
            [one] => {
                let (mut sheet, strays) = self.sheet(one)?;
                self.emit.all(&mut sheet)?;
                vec![self.end(sheet, strays)?]
            }
            window => self.merge(window)?,
        };
        for (ended, tallied) in group.iter().zip(tallied) {
            self.note(ended, tallied)?;
            let Tallied { counts, deferred } = tallied;
            self.counts.add(counts);
            self.watch.see(&Event::Settled { chunk: ended.chunk.number, counts, deferred });
        }
        Ok(())
    }

    /// The rows of a chunk with what became of them; and what is wrong with the job, if it told of
    /// rows that it was not sent and all of its own can be told.
    fn sheet<'a>(
        &mut self,
        ended: &'a EndedChunk,
    ) -> Result<(Sheet<'a>, Option<Failure>), Failure> {
        let chunk = &ended.chunk;
        let (job, status, files, incomplete) = match &ended.ending {
            Ending::NotStarted { why } => return Ok((Sheet::unprocessed(chunk, why)?, None)),
            Ending::Unknowable { why, .. } | Ending::Lost { why, .. } => {
                return Ok((Sheet::unknown(chunk, why)?, None));
            }
            Ending::Results { job, status, files, incomplete } => (job, status, files, incomplete),
        };
        let work = Job {
            body: &chunk.body,
            rows: chunk.rows,
            files,
            sent: &self.sent,
            primary: self.primary,
        };
        let (matched, lines) = self
            .matcher
            .match_results(&work)
            .map_err(|error| Failure::disk("read the results in", &self.plan.raw, &error))?;
        let unmatched = self.plan.raw.join(format!("{}.unmatched.csv", chunk.number));
        let state = format!("{:?}", status.state);
        let about = emit::EndedJob {
            job: job.as_str(),
            message: status.message.as_deref(),
            state: &state,
            incomplete: incomplete.as_deref(),
            unmatched: &unmatched,
        };
        let left_over = matched.left_over.len();
        let outcomes = std::mem::take(&mut matched.outcomes);
        let sheet = Sheet::matched(chunk, &about, outcomes, &matched.left_over, lines)?;
        let strays = (left_over > 0).then(|| strays(job.as_str(), left_over, &unmatched));
        Ok((sheet, strays))
    }

    /// Every row of a chunk is through.
    fn end(&mut self, sheet: Sheet<'_>, strays: Option<Failure>) -> Result<Tallied, Failure> {
        let (tallied, outcomes) = sheet.end()?;
        self.matcher.give_back(outcomes);
        if let Some(strays) = strays.filter(|_| tallied.counts.unknown == 0) {
            self.alarm.get_or_insert(strays);
        }
        Ok(tallied)
    }

    /// Notes that the chunk is settled, if this is the last word on it.
    fn note(&mut self, ended: &EndedChunk, tallied: Tallied) -> Result<(), Failure> {
        let Tallied { counts, deferred } = tallied;
        let chunk = ended.chunk.number;
        // Results that are to be fetched once more, and cannot be now, are no other result.
        if !ended.ending.is_final() {
            self.open += 1;
            return Ok(());
        }
        if let Some(before) = self.earlier.settled(chunk) {
            // What is not in the counts was put off, then and now.
            return if before == counts { Ok(()) } else { Err(changed(chunk)) };
        }
        if counts.unknown > 0 {
            let why = match &ended.ending {
                Ending::Lost { why, .. } => why.clone(),
                _ => "see out/unknown.csv".to_owned(),
            };
            self.record(&Fact::Unknown { chunk, rows: counts.unknown, why })?;
        }
        self.record(&Fact::Reconciled { chunk, counts, deferred })
    }

    fn record(&self, fact: &Fact) -> Result<(), Failure> {
        self.ledger
            .record(fact)
            .map_err(|error| Failure::new(Blame::Disk, format!("cannot write the ledger: {error}")))
    }
}

impl SettlePlan {
    /// Where rows go that meet a lock in this round, unless it is the last.
    fn deferred(&self, round: u32) -> Option<DeferredWriter> {
        let next = round + 1;
        (next <= self.rounds).then(|| DeferredWriter::new(&self.root, &self.sent, next))
    }

    /// The body column that identifies a row, if the operation has one.
    fn key_column(&self) -> Option<usize> {
        let name = if self.operation.needs_id() { Some("Id") } else { self.external_id.as_deref() };
        let name = name?;
        self.fields.iter().position(|field| field.header.eq_ignore_ascii_case(name))
    }
}

fn strays(job: &str, lines: usize, kept: &Path) -> Failure {
    let message =
        format!("the results of job {job} hold {lines} lines of rows that it was not sent");
    Failure::new(Blame::Accounting, message)
        .hint(format!("the lines are in `{}`", kept.display()))
        .hint("look in the org whether somebody else has put rows into this job")
}

/// The job of a chunk, if it had one that may have run.
fn summary_job(ended: &EndedChunk) -> Option<SummaryJob> {
    let (job, state) = match &ended.ending {
        Ending::NotStarted { .. } => return None,
        Ending::Unknowable { job, .. } | Ending::Lost { job, .. } => (job, "Unknown".to_owned()),
        Ending::Results { job, status, .. } => (job, format!("{:?}", status.state)),
    };
    Some(SummaryJob { id: job.to_string(), rows: u64::from(ended.chunk.rows), state })
}

/// The files of a chunk do not come out as they did when it was settled.
fn changed(chunk: ChunkNumber) -> Failure {
    let message = format!("chunk {chunk} was settled before, and comes out in another way now");
    Failure::new(Blame::Accounting, message)
        .hint("keep the run folder; a file in `sent/` or `raw/` was changed, or longshore is wrong")
}
