//! What the facts of a run come to: a fold without I/O.
//!
//! Every fact is held against what must be true when it is written. One that cannot follow is an
//! error, also in a release build: a run whose ledger makes no sense is not gone on with.

mod rounds;
mod steps;

use std::collections::BTreeMap;

use super::Fact;
use super::fact::{Output, RawKind, Shelved};
use crate::model::chunk::{ChunkNumber, Digest, InWindow};
use crate::model::ids::JobId;
use crate::model::verdict::Counts;

pub use rounds::{Round, round_list};
pub use steps::{Approval, EndedStep, StepState};

/// What is known of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunState {
    /// Empty when not even the first fact was written.
    pub run: String,
    pub chunks: BTreeMap<ChunkNumber, ChunkState>,
    pub input: Option<InputRead>,
    /// Rounds in which rows are sent again, in their order from 1 on.
    pub rounds: Vec<Round>,
    pub outputs: Option<Vec<Output>>,
    /// How the last process left the run, if it could say so and no other has gone on with it.
    pub paused: Option<Paused>,
    pub closed: Option<Closed>,
    /// When what the run does not need any more was removed.
    pub cleaned: Option<String>,
    /// The steps of a runbook that were begun or approved.
    pub steps: BTreeMap<String, StepState>,
}

/// What is known of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkState {
    pub plan: Planned,
    /// The round that it belongs to; 0 for a chunk of the input.
    pub round: u32,
    /// Rows that are sent again in the next round; known when it is settled.
    pub deferred: u64,
    pub phase: Phase,
    /// Jobs that were given up, and whether the far side confirmed it.
    pub given_up: Vec<(JobId, bool)>,
    /// Why rows of it are unknown, once that is noted.
    pub why_unknown: Option<String>,
    pub raw: Vec<Raw>,
    /// What its records held before the job, where that was kept.
    pub image: Option<Image>,
    /// Rows that were noted as unknown before the chunk was settled.
    pub unknown: u64,
}

/// The chunk on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    pub first_row: u64,
    pub last_row: u64,
    pub rows: u32,
    pub bytes: u64,
    pub digest: Digest,
    /// Digest of the source rows beside the body.
    pub source: Option<Digest>,
    /// There where rows of several chunks interleave.
    pub window: Option<InWindow>,
}

impl Planned {
    /// The row behind which a chunk begins that comes next. In one window chunks begin in the order
    /// of their numbers, and end in any.
    fn before(&self, next: &Self) -> u64 {
        let together = self.window.zip(next.window).is_some_and(|(own, other)| own.is_with(&other));
        if together { self.first_row } else { self.end() }
    }

    /// Whether chunks of the window are still to come, and the next one is none of them.
    fn is_amid_window(&self, number: ChunkNumber, next: &Self) -> bool {
        let together = self.window.zip(next.window).is_some_and(|(own, other)| own.is_with(&other));
        self.window.is_some_and(|window| number < window.last) && !together
    }

    /// Whether the chunk lies in the window that it names.
    fn is_in_window(&self, number: ChunkNumber) -> bool {
        let inside = |window: InWindow| {
            (window.first..=window.last).contains(&number) && self.last_row <= window.last_row
        };
        self.window.is_none_or(inside)
    }

    /// The last row before which every row is in this chunk or one before it, or beside it in its
    /// window.
    pub fn end(&self) -> u64 {
        self.window.map_or(self.last_row, |window| window.last_row)
    }
}

/// How far a chunk has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// On disk here; no job counts.
    Spooled,
    /// A job that may hold anything and was never told to start.
    Reserved(JobId),
    /// A job that holds every row; it may have been told to start.
    Prepared(JobId),
    /// A job that holds every row and will, for certain, never start.
    Spoiled(JobId),
    /// A job that was told to start.
    Started(JobId),
    /// A job that has ended.
    Ended(EndedJob),
    /// The rows are in the result files; `job` is the last one that may have run.
    Settled { job: Option<JobId>, counts: Counts },
}

/// A job's end in the far side's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedJob {
    pub job: JobId,
    pub state: String,
    pub processed: Option<u64>,
    pub failed: Option<u64>,
}

/// A result file as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    pub which: RawKind,
    pub rows: Option<u64>,
    pub bytes: u64,
    pub digest: Digest,
}

/// A file of before-images as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    pub rows: u64,
    pub bytes: u64,
    pub digest: Digest,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRead {
    pub first_row: u64,
    pub rows: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub bytes: u64,
    pub digest: Digest,
    pub whole: bool,
    /// The lines of rows that change nothing.
    pub unchanged: Option<Shelved>,
}

impl InputRead {
    /// Rows that were not sent, as they change nothing.
    pub fn left_out(&self) -> u64 {
        self.unchanged.map_or(0, |shelved| shelved.rows)
    }
}

/// How a process left the run before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub counts: Counts,
    pub exit_code: u8,
    pub first_row: u64,
    pub files: Vec<Output>,
    /// Rounds that the process has come to.
    pub rounds: u32,
}

impl Paused {
    /// Whether the result files end before the chunk begins.
    pub fn is_before(&self, chunk: &ChunkState) -> bool {
        if chunk.round > 0 {
            return chunk.round > self.rounds;
        }
        self.first_row + self.counts.input <= chunk.plan.first_row
    }
}

/// How the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub counts: Counts,
    pub exit_code: u8,
}

/// A fact that cannot follow those before it, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(pub String);

type Step = Result<(), Impossible>;

impl RunState {
    /// Takes in the next fact; after an error the state means nothing.
    pub fn apply(&mut self, fact: &Fact) -> Step {
        if let Fact::Opened { run, .. } = fact {
            check(self.run.is_empty(), || "the run is opened twice".to_owned())?;
            self.run.clone_from(run);
            return Ok(());
        }
        check(!self.run.is_empty(), || "a fact stands before the run is opened".to_owned())?;
        let open = self.closed.is_none() || matches!(fact, Fact::Cleaned { .. });
        check(open, || "a fact stands after the run is closed".to_owned())?;
        match fact {
            Fact::Opened { .. } => Ok(()),
            &Fact::Planned { chunk, first_row, last_row, rows, bytes, digest, source, window } => {
                let plan = Planned { first_row, last_row, rows, bytes, digest, source, window };
                self.plan(chunk, plan)
            }
            Fact::InputRead { .. } => self.read_input(fact),
            &Fact::RoundBegan { round, rows, digest } => {
                self.begin_round(round, Round { rows, digest })
            }
            // A process that goes on with the run writes the files anew.
            Fact::Outputs { files } => {
                self.outputs = Some(files.clone());
                Ok(())
            }
            Fact::Paused { counts, exit_code, first_row, files, rounds } => {
                let (counts, exit_code, first_row) = (*counts, *exit_code, *first_row);
                let (files, rounds) = (files.clone(), *rounds);
                self.paused = Some(Paused { counts, exit_code, first_row, files, rounds });
                Ok(())
            }
            Fact::Resumed { .. } => {
                self.paused = None;
                Ok(())
            }
            &Fact::Closed { counts, exit_code } => {
                self.closed = Some(Closed { counts, exit_code });
                Ok(())
            }
            Fact::Cleaned { when } => {
                check(self.closed.is_some(), || "an unfinished run is cleaned".to_owned())?;
                self.cleaned = Some(when.clone());
                Ok(())
            }
            Fact::StepBegan { step, .. }
            | Fact::StepApproved { step, .. }
            | Fact::StepEnded { step, .. } => {
                let state = self.steps.entry(step.clone()).or_default();
                state.apply(fact).map_err(|why| Impossible(format!("step `{step}` {why}")))
            }
            Fact::Imaged { chunk, .. }
            | Fact::Created { chunk, .. }
            | Fact::Prepared { chunk, .. }
            | Fact::Spoiled { chunk, .. }
            | Fact::Started { chunk, .. }
            | Fact::Abandoned { chunk, .. }
            | Fact::Terminal { chunk, .. }
            | Fact::Raw { chunk, .. }
            | Fact::Reconciled { chunk, .. }
            | Fact::Unknown { chunk, .. } => match self.chunks.get_mut(chunk) {
                Some(state) => state
                    .apply(fact)
                    .map_err(|Impossible(why)| Impossible(format!("chunk {chunk} {why}"))),
                None => Err(Impossible(format!("chunk {chunk} was never planned"))),
            },
        }
    }

    fn plan(&mut self, chunk: ChunkNumber, plan: Planned) -> Step {
        let round = self.round();
        check(round > 0 || self.input.is_none(), || {
            format!("chunk {chunk} is planned after the end of the input")
        })?;
        check(self.has_room(plan.rows), || {
            format!("chunk {chunk} holds more rows than round {round} sends again")
        })?;
        let last = self.chunks.last_key_value();
        let number = last.map_or(0, |(number, _)| number.0);
        let beside = last.filter(|(_, last)| last.round == round);
        let row = beside.map_or(0, |(_, last)| last.plan.before(&plan));
        let gap = last.is_some_and(|(number, last)| last.plan.is_amid_window(*number, &plan));
        check(!gap && plan.is_in_window(chunk), || {
            format!("chunk {chunk} is not of the window where it stands")
        })?;
        check(chunk.0 == number + 1, || {
            format!("chunk {chunk} is planned after chunk {}", ChunkNumber(number))
        })?;
        let span = plan.last_row.saturating_sub(plan.first_row).saturating_add(1);
        let fits = plan.first_row > row
            && plan.last_row >= plan.first_row
            && (1..=span).contains(&u64::from(plan.rows));
        check(fits, || {
            format!(
                "chunk {chunk} cannot hold {} rows from {} to {} after row {row}",
                plan.rows, plan.first_row, plan.last_row
            )
        })?;
        let state = ChunkState {
            plan,
            round,
            deferred: 0,
            phase: Phase::Spooled,
            given_up: Vec::new(),
            why_unknown: None,
            raw: Vec::new(),
            image: None,
            unknown: 0,
        };
        self.chunks.insert(chunk, state);
        Ok(())
    }

    fn read_input(&mut self, fact: &Fact) -> Step {
        let &Fact::InputRead {
            first_row,
            rows,
            accepted,
            rejected,
            bytes,
            digest,
            whole,
            unchanged,
        } = fact
        else {
            return Ok(());
        };
        let input =
            InputRead { first_row, rows, accepted, rejected, bytes, digest, whole, unchanged };
        check(self.input.is_none(), || "the input ends twice".to_owned())?;
        let ended = [accepted, rejected, input.left_out()];
        let ended = ended.into_iter().try_fold(0_u64, u64::checked_add);
        check(ended == Some(rows), || {
            format!("{rows} rows were read, and {accepted} accepted and {rejected} rejected")
        })?;
        self.input = Some(input);
        Ok(())
    }

    /// Whether no job was ever made for a chunk.
    pub fn has_no_job(&self) -> bool {
        let idle = |chunk: &ChunkState| chunk.phase.job().is_none() && chunk.given_up.is_empty();
        self.chunks.values().all(idle)
    }

    /// The sum of what was settled, with the rejected rows; `input` is what was read.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for chunk in self.chunks.values() {
            if let Phase::Settled { counts: settled, .. } = &chunk.phase {
                counts.add(*settled);
            }
        }
        if let Some(input) = &self.input {
            counts.input = input.rows;
            counts.rejected = input.rejected;
            counts.success = counts.success.saturating_add(input.left_out());
            counts.unchanged = input.left_out();
        }
        counts
    }
}

impl ChunkState {
    fn apply(&mut self, fact: &Fact) -> Step {
        let settled = matches!(self.phase, Phase::Settled { .. });
        // Two things may still happen: results that were lost on disk are fetched once more, and a
        // job that was given up is seen to be out of the way.
        let late = match fact {
            Fact::Raw { .. } => true,
            Fact::Abandoned { job, .. } => self.has_given_up(job),
            _ => false,
        };
        check(!settled || late, || "is settled already".to_owned())?;
        match fact {
            &Fact::Imaged { rows, bytes, digest, .. } => {
                let free = self.phase == Phase::Spooled && rows == u64::from(self.plan.rows);
                check(free, || "gets its images late, or others than its own".to_owned())?;
                self.image = Some(Image { rows, bytes, digest });
            }
            Fact::Created { job, .. } => {
                let free = self.phase == Phase::Spooled;
                check(free, || format!("gets job {job} and has one that counts"))?;
                self.phase = Phase::Reserved(job.clone());
            }
            Fact::Prepared { job, bytes, digest, .. } => {
                self.expect(&Phase::Reserved(job.clone()), job)?;
                let same = *bytes == self.plan.bytes && *digest == self.plan.digest;
                check(same, || format!("was not what job {job} was sent"))?;
                self.phase = Phase::Prepared(job.clone());
            }
            Fact::Spoiled { job, .. } => {
                self.expect(&Phase::Prepared(job.clone()), job)?;
                self.phase = Phase::Spoiled(job.clone());
            }
            Fact::Started { job, .. } => {
                self.expect(&Phase::Prepared(job.clone()), job)?;
                self.phase = Phase::Started(job.clone());
            }
            Fact::Abandoned { job, confirmed, .. } if self.has_given_up(job) => {
                let mut given_up = self.given_up.iter_mut();
                if let Some((_, sure)) = given_up.find(|(of, _)| of == job) {
                    *sure |= *confirmed;
                }
            }
            Fact::Abandoned { job, confirmed, .. } => {
                let idle =
                    matches!(&self.phase, Phase::Reserved(of) | Phase::Spoiled(of) if of == job);
                check(idle, || format!("gives up job {job}, which may run"))?;
                self.given_up.push((job.clone(), *confirmed));
                self.phase = Phase::Spooled;
            }
            Fact::Terminal { job, state, processed, failed, .. } => {
                self.expect(&Phase::Started(job.clone()), job)?;
                let (processed, failed) = (*processed, *failed);
                let (job, state) = (job.clone(), state.clone());
                self.phase = Phase::Ended(EndedJob { job, state, processed, failed });
            }
            &Fact::Raw { which, rows, bytes, digest, .. } => {
                let ended = matches!(self.phase, Phase::Ended(_) | Phase::Settled { .. });
                check(ended, || "has results of a job that has not ended".to_owned())?;
                self.raw.retain(|raw| raw.which != which);
                self.raw.push(Raw { which, rows, bytes, digest });
            }
            Fact::Unknown { rows, why, .. } => {
                self.unknown = *rows;
                self.why_unknown = Some(why.clone());
            }
            Fact::Reconciled { counts, deferred, .. } => self.settle(*counts, *deferred)?,
            Fact::Opened { .. }
            | Fact::Planned { .. }
            | Fact::InputRead { .. }
            | Fact::RoundBegan { .. }
            | Fact::Outputs { .. }
            | Fact::Paused { .. }
            | Fact::Resumed { .. }
            | Fact::Closed { .. }
            | Fact::Cleaned { .. }
            | Fact::StepBegan { .. }
            | Fact::StepApproved { .. }
            | Fact::StepEnded { .. } => {}
        }
        Ok(())
    }

    fn has_given_up(&self, job: &JobId) -> bool {
        self.given_up.iter().any(|(of, _)| of == job)
    }

    fn expect(&self, phase: &Phase, job: &JobId) -> Step {
        check(self.phase == *phase, || format!("has a fact of job {job} out of its order"))
    }

    fn settle(&mut self, counts: Counts, deferred: u64) -> Step {
        let whole = counts.is_balanced()
            && counts.rejected == 0
            && counts.input.checked_add(deferred) == Some(u64::from(self.plan.rows));
        check(whole, || format!("has {} rows and is settled with others", self.plan.rows))?;
        // Rows that were noted as unknown may be known by now: the note was written, the process
        // ended, and the next one got all the results.
        check(counts.unknown == 0 || counts.unknown == self.unknown, || {
            format!("has {} unknown rows and was noted with {}", counts.unknown, self.unknown)
        })?;
        let ran = counts.success + counts.error + counts.unknown + deferred > 0;
        let job = self.phase.job().cloned();
        check(!ran || self.phase.may_have_run(), || {
            "has rows that ran, and no job that may have run".to_owned()
        })?;
        self.phase = Phase::Settled { job, counts };
        self.deferred = deferred;
        Ok(())
    }
}

impl Phase {
    /// The job that counts, if there is one.
    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::Spooled => None,
            Self::Reserved(job) | Self::Prepared(job) | Self::Spoiled(job) | Self::Started(job) => {
                Some(job)
            }
            Self::Ended(ended) => Some(&ended.job),
            Self::Settled { job, .. } => job.as_ref(),
        }
    }

    /// Whether a row of the chunk may have been touched.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Spooled | Self::Reserved(_) | Self::Spoiled(_) => false,
            Self::Prepared(_) | Self::Started(_) | Self::Ended(_) => true,
            Self::Settled { job, .. } => job.is_some(),
        }
    }
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Step {
    if holds { Ok(()) } else { Err(Impossible(why())) }
}

#[cfg(test)]
pub(crate) mod tests;
