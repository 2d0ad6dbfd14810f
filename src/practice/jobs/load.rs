//! Runs one ingest job: blocks of 10,000 rows, transactions of 200, results as they fall.
//!
//! A kept org may be killed at any moment. Each transaction is in the org's own journal before its
//! results are in `progress`; on the next start the org tells how far it came ([`Org::job_mark`]),
//! so that no row is applied twice and none is forgotten.
//!
//! [`Org::job_mark`]: super::super::org::Org::job_mark

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use super::super::org::{Cell, Change, RowError, RowResult, Verb};
use super::super::serve::Inner;
use super::csv::{Fault, Reader, Record};
use super::locks::{self, Held};
use super::results::{Files, Shuffle, Style, cells, error_text, write_none, write_unprocessed};
use super::survey::{Block, Survey, open_at, survey};
use super::{Job, Settled, State, UPLOAD};

/// Rows of one transaction. Source: Bulk API 2.0, triggers see at most 200.
pub(super) const TRANSACTION_ROWS: u64 = 200;

const PROGRESS: &str = "progress";

/// Works a closed job off, or goes on with one that was interrupted.
pub(super) fn load(inner: &Inner, job: &Job) -> io::Result<()> {
    if !begin(inner, &job.id)? {
        return Ok(());
    }
    let Some(job) = inner.jobs.get(&job.id) else { return Ok(()) };
    let survey = survey(&inner.org, &job, &inner.jobs.file(&job.id, UPLOAD))?;
    if let Some(fault) = &survey.fault {
        write_none(&inner.org, &inner.jobs, &job, &survey)?;
        return finish(inner, &job.id, State::Failed, Some(fault.clone()));
    }
    match Load::new(inner, &job, &survey)?.run()? {
        End::Complete => finish(inner, &job.id, State::JobComplete, None),
        End::Aborted => finish(inner, &job.id, State::Aborted, None),
        End::Failed(message) => finish(inner, &job.id, State::Failed, Some(message)),
        End::Stopped => Ok(()),
    }
}

/// Marks the job as running; `false` when there is nothing left to do.
pub(super) fn begin(inner: &Inner, id: &str) -> io::Result<bool> {
    let now = inner.clock.now_ms();
    let begun = inner.jobs.change(id, |job| {
        let runs = matches!(job.state, State::UploadComplete | State::InProgress);
        if runs {
            job.state = State::InProgress;
            job.modified_ms = now;
        }
        runs
    })?;
    Ok(begun.unwrap_or(false))
}

fn finish(inner: &Inner, id: &str, state: State, error: Option<String>) -> io::Result<()> {
    let now = inner.clock.now_ms();
    inner.jobs.change(id, |job| {
        job.state = state;
        job.error = error;
        job.aborting = false;
        job.total_ms = now - job.modified_ms;
        job.active_ms = job.total_ms;
        job.modified_ms = now;
    })?;
    Ok(())
}

pub(super) enum End {
    Complete,
    Aborted,
    Failed(String),
    /// The process goes away; the job stays as it is.
    Stopped,
}

/// What became of one row, as it is kept in `progress`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outcome {
    id: String,
    created: bool,
    error: Option<RowError>,
}

impl From<RowResult> for Outcome {
    fn from(row: RowResult) -> Self {
        Self { id: row.id, created: row.created, error: row.error }
    }
}

/// One finished transaction, as a line of `progress`.
#[derive(Serialize, Deserialize)]
struct Step {
    /// Position of the block in the order of processing.
    block: u64,
    /// Rows that went through the org; the others failed before.
    sent: u64,
    outcomes: Vec<Outcome>,
}

pub(super) struct Load<'a> {
    pub(super) inner: &'a Inner,
    pub(super) job: &'a Job,
    pub(super) survey: &'a Survey,
    style: Style<'a>,
    verb: Verb,
    /// Columns whose cells name what a transaction locks.
    pub(super) locked: Vec<usize>,
    pub(super) files: Files,
    pub(super) progress: Option<File>,
    /// Transactions of the interrupted block that were finished before.
    replay: std::vec::IntoIter<Step>,
    /// The results of a transaction that the org has and `progress` has not.
    lost: Option<Vec<RowResult>>,
    processed: u64,
    failed: u64,
    pub(super) sent: u64,
}

impl<'a> Load<'a> {
    fn new(inner: &'a Inner, job: &'a Job, survey: &'a Survey) -> io::Result<Self> {
        let style = Style::new(&inner.org, job, survey);
        let files = Files::open(&inner.jobs, job, &style)?;
        let mut steps = Vec::new();
        let mut progress = None;
        if inner.jobs.kept() {
            let (file, found) = open_progress(inner, job)?;
            progress = Some(file);
            steps = found;
        }
        let behind: u64 = steps.iter().map(|step| step.sent).sum();
        let mark = inner.org.job_mark(&job.id);
        let lost = (mark.rows > job.settled.sent + behind).then_some(mark.last);
        Ok(Self {
            inner,
            job,
            survey,
            style,
            verb: verb(job),
            locked: locked(inner, job, survey),
            files,
            progress,
            replay: steps.into_iter(),
            lost,
            processed: job.settled.processed,
            failed: job.settled.failed,
            sent: job.settled.sent,
        })
    }

    fn run(mut self) -> io::Result<End> {
        let mut blocks = self.survey.blocks.clone();
        if !self.job.trouble.keep_order {
            Shuffle::new(&self.job.id).shuffle(&mut blocks);
        }
        if self.goes_side_by_side() {
            return self.run_side_by_side(&blocks);
        }
        let done = usize::try_from(self.job.settled.blocks).unwrap_or(usize::MAX);
        for position in done..blocks.len() {
            let fresh = self.replay.len() == 0 && self.lost.is_none();
            if fresh && !self.inner.meter.take_batch(self.inner.clock.now_ms()) {
                let end = End::Failed("ExceededQuota : ApiBatchItems Limit exceeded".to_owned());
                return self.leave(&blocks[position..], 0, end);
            }
            let (rows, end) = self.run_block(position as u64, blocks[position])?;
            match end {
                None => self.settle_block(position as u64)?,
                Some(End::Stopped) => return Ok(End::Stopped),
                // Not noted as settled: a kill before the job's end is noted repeats the block.
                Some(end) => {
                    let shuffle = self.shuffle(position as u64);
                    self.files.settle(shuffle)?;
                    return self.leave(&blocks[position..], rows, end);
                }
            }
        }
        self.leave(&[], 0, End::Complete)
    }

    /// Writes the third file and gives the end back.
    pub(super) fn leave(self, rest: &[Block], skip: u64, end: End) -> io::Result<End> {
        write_unprocessed(&self.inner.jobs, &self.style, rest, skip)?;
        Ok(end)
    }

    /// Runs the transactions of one block: how many rows were done, and why it ended early.
    fn run_block(&mut self, position: u64, block: Block) -> io::Result<(u64, Option<End>)> {
        let upload = self.inner.jobs.file(&self.job.id, UPLOAD);
        let mut reader = open_at(&upload, self.job, block.offset)?;
        let mut done = 0;
        while done < block.rows {
            let replayed = self.replay.next();
            if replayed.is_none()
                && let Some(end) = self.stop_now()
            {
                return Ok((done, Some(end)));
            }
            let rows = match &replayed {
                Some(step) => step.outcomes.len() as u64,
                None => self.transaction_rows().min(block.rows - done),
            };
            let rows = read_rows(&mut reader, rows)?;
            let first_row = block.first_row + done;
            let outcomes = match replayed {
                Some(step) => {
                    self.sent += step.sent;
                    step.outcomes
                }
                None => self.transact(position, first_row, &rows)?,
            };
            done += rows.len() as u64;
            self.note(first_row, &rows, outcomes);
        }
        Ok((done, None))
    }

    /// Why the job must not go on.
    pub(super) fn stop_now(&self) -> Option<End> {
        if self.lost.is_some() {
            return None;
        }
        if self.inner.jobs.queue.stopped() {
            return Some(End::Stopped);
        }
        let trouble = &self.job.trouble;
        if let Some((after, message)) = &trouble.fail_after
            && self.processed >= *after
        {
            return Some(End::Failed(message.clone()));
        }
        // A job that was deleted under our feet has nowhere to write to.
        let Some(job) = self.inner.jobs.get(&self.job.id) else { return Some(End::Stopped) };
        let abort =
            job.aborting || trouble.abort_after.is_some_and(|after| self.processed >= after);
        abort.then_some(End::Aborted)
    }

    /// A transaction ends where mischief is to strike.
    fn transaction_rows(&self) -> u64 {
        let trouble = &self.job.trouble;
        let ends = [trouble.fail_after.as_ref().map(|(after, _)| *after), trouble.abort_after];
        ends.into_iter()
            .flatten()
            .map(|after| after.saturating_sub(self.processed).max(1))
            .fold(TRANSACTION_ROWS, u64::min)
    }

    /// One transaction, kept in `progress` when the job must survive a kill.
    fn transact(
        &mut self,
        block: u64,
        first_row: u64,
        rows: &[Vec<String>],
    ) -> io::Result<Vec<Outcome>> {
        let lost = self.lost.take();
        let (sent, outcomes) = self.attempt(first_row, rows, lost)?;
        self.sent += sent;
        let step = Step { block, sent, outcomes };
        if let Some(progress) = &mut self.progress {
            let mut line = serde_json::to_vec(&step)?;
            line.push(b'\n');
            progress.write_all(&line)?;
        }
        self.inner.jobs.queue.pause(self.inner.pace().transaction);
        Ok(step.outcomes)
    }

    /// What the org makes of the rows of one transaction, and how many of them it was given;
    /// `lost` is what it made of them before.
    pub(super) fn attempt(
        &self,
        first_row: u64,
        rows: &[Vec<String>],
        lost: Option<Vec<RowResult>>,
    ) -> io::Result<(u64, Vec<Outcome>)> {
        let refusals: Vec<Option<Outcome>> =
            (first_row..).zip(rows).map(|(number, row)| self.refuse(number, row)).collect();
        let good = || rows.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
        let sent: Vec<Vec<Cell>> =
            good().map(|(row, _)| row.iter().map(|cell| spell_cell(cell)).collect()).collect();
        let lock = match lost {
            None if !self.locked.is_empty() => self.lock(good().map(|(row, _)| row)),
            _ => Ok(None),
        };
        let applied = match (lost, &lock) {
            (Some(results), _) => results,
            (None, Err(refusal)) => {
                self.inner.jobs.locks.failed(sent.len());
                let outcome = |refusal: Option<Outcome>, error: &RowError| {
                    let error = Some(error.clone());
                    refusal.unwrap_or(Outcome { id: String::new(), created: false, error })
                };
                return Ok((0, refusals.into_iter().map(|of| outcome(of, refusal)).collect()));
            }
            (None, Ok(_)) if sent.is_empty() => Vec::new(),
            (None, Ok(_)) => self.inner.org.apply(&Change {
                object: &self.job.object,
                verb: self.verb.clone(),
                job: Some(&self.job.id),
                columns: &self.survey.columns,
                rows: &sent,
            }),
        };
        if applied.len() != sent.len() {
            return Err(io::Error::other("the org answered for another number of rows"));
        }
        if let Ok(Some(held)) = lock {
            self.inner.jobs.queue.pause(self.inner.org.switches().row_locks.transaction());
            drop(held);
        }
        let mut applied = applied.into_iter().map(Outcome::from);
        let outcomes =
            refusals.into_iter().filter_map(|refusal| refusal.or_else(|| applied.next())).collect();
        Ok((sent.len() as u64, outcomes))
    }

    /// Takes the parents of the rows for as long as what it gives is kept.
    fn lock<'r>(
        &self,
        rows: impl Iterator<Item = &'r Vec<String>>,
    ) -> Result<Option<Held<'a>>, RowError> {
        let parents = locks::parents(&self.locked, rows);
        let patience = self.inner.org.switches().row_locks.wait();
        let taken = self.inner.jobs.locks.take(&self.job.id, parents, patience);
        taken.map(Some).map_err(|busy| locks::refusal(&busy))
    }

    /// The rows that fail before the org sees them.
    fn refuse(&self, number: u64, row: &[String]) -> Option<Outcome> {
        let width = self.survey.columns.len();
        let (code, message) = if row.len() != width {
            let text = "Number of fields in header is different from the row. header =";
            ("INVALID_FIELD", format!("{text} {width} row = {}", row.len()))
        } else if self.job.trouble.lock_every.is_some_and(|every| number.is_multiple_of(every)) {
            let text = "unable to obtain exclusive access to this record or 1 records:";
            ("UNABLE_TO_LOCK_ROW", format!("{text} {}", row.first().map_or("", String::as_str)))
        } else if self.job.trouble.tire_every.is_some_and(|every| number.is_multiple_of(every)) {
            let text = "the request ran for too long and was stopped";
            ("REQUEST_RUNNING_TOO_LONG", text.to_owned())
        } else {
            return None;
        };
        let error = RowError { code: code.to_owned(), message, fields: Vec::new() };
        Some(Outcome { id: String::new(), created: false, error: Some(error) })
    }

    /// Counts a transaction and keeps its result lines for the end of the block.
    pub(super) fn note(&mut self, first_row: u64, rows: &[Vec<String>], outcomes: Vec<Outcome>) {
        let separator = &self.inner.org.switches().error_field_separator;
        for ((number, row), outcome) in (first_row..).zip(rows).zip(outcomes) {
            self.processed += 1;
            self.failed += u64::from(outcome.error.is_some());
            let dropped = self.job.trouble.drop_every;
            if dropped.is_some_and(|every| number.is_multiple_of(every)) {
                continue;
            }
            let (lines, second) = match &outcome.error {
                None => {
                    let created = if outcome.created { "true" } else { "false" };
                    (&mut self.files.succeeded, created.to_owned())
                }
                Some(error) => (&mut self.files.refused, error_text(error, separator)),
            };
            self.style.row(&[&outcome.id, &second], row, &mut lines.text);
            lines.end_line();
        }
        let (processed, failed) = (self.processed, self.failed);
        self.inner.jobs.count(&self.job.id, |job| {
            job.processed = processed;
            job.failed = failed;
        });
    }

    /// The block's lines go to the files, and the job remembers that they are there.
    pub(super) fn settle_block(&mut self, position: u64) -> io::Result<()> {
        let (success_bytes, failed_bytes) = self.files.settle(self.shuffle(position))?;
        let settled = Settled {
            blocks: position + 1,
            processed: self.processed,
            failed: self.failed,
            sent: self.sent,
            success_bytes,
            failed_bytes,
        };
        self.inner.jobs.change(&self.job.id, |job| job.settled = settled)?;
        if let Some(progress) = &mut self.progress {
            progress.set_len(0)?;
            progress.rewind()?;
        }
        Ok(())
    }

    pub(super) fn shuffle(&self, position: u64) -> Option<Shuffle> {
        let seed = format!("{}/{position}", self.job.id);
        (!self.job.trouble.keep_order).then(|| Shuffle::new(&seed))
    }
}

fn locked(inner: &Inner, job: &Job, survey: &Survey) -> Vec<usize> {
    let locks = &inner.org.switches().row_locks;
    if locks.on { locks::columns(locks, &job.object, &survey.columns) } else { Vec::new() }
}

fn verb(job: &Job) -> Verb {
    match job.operation.as_str() {
        "insert" => Verb::Insert,
        "update" => Verb::Update,
        "delete" => Verb::Delete,
        "hardDelete" => Verb::HardDelete,
        _ => Verb::Upsert { key: job.external_id.clone().unwrap_or_else(|| "Id".to_owned()) },
    }
}

/// An empty cell is not supplied, `#N/A` sets null. Source: Bulk API 2.0, prepare CSV files.
fn spell_cell(cell: &str) -> Cell {
    match cell {
        "" => Cell::Absent,
        "#N/A" => Cell::Clear,
        text => Cell::Text(text.to_owned()),
    }
}

pub(super) fn read_rows(
    reader: &mut Reader<BufReader<File>>,
    count: u64,
) -> io::Result<Vec<Vec<String>>> {
    let mut record = Record::default();
    let mut rows = Vec::new();
    for _ in 0..count {
        let more = reader.read(&mut record).map_err(|fault| match fault {
            Fault::Io(error) => error,
            Fault::Quote => io::ErrorKind::InvalidData.into(),
        })?;
        if !more {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        rows.push(cells(&record));
    }
    Ok(rows)
}

/// The steps of the block that was interrupted; a torn last line is cut off.
fn open_progress(inner: &Inner, job: &Job) -> io::Result<(File, Vec<Step>)> {
    let path = inner.jobs.file(&job.id, PROGRESS);
    let text = if path.exists() { fs::read(&path)? } else { Vec::new() };
    let mut steps = Vec::new();
    let mut good = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Ok(step) = serde_json::from_slice::<Step>(line) else { break };
        if !line.ends_with(b"\n") {
            break;
        }
        good += line.len() as u64;
        if step.block == job.settled.blocks {
            steps.push(step);
        }
    }
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
    file.set_len(good)?;
    file.seek(SeekFrom::Start(good))?;
    Ok((file, steps))
}
