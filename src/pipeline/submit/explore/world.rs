//! A whole state of the model: jobs, the ledger on disk, and the client's memory.

use std::hash::{Hash, Hasher};

use super::far::{Job, ROWS, Stand};
use crate::ledger::Fact;
use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::ids::JobId;
use crate::model::limits::DOWNLOADS_MAX;
use crate::model::verdict::Counts;
use crate::pipeline::submit::machine::Progress;
use crate::target::{JobState, JobStatus};

pub(super) const CHUNKS: usize = 2;
pub(super) const JOBS: usize = 8;
const NOTES: usize = 28;
const TAIL: usize = 12;

/// [`Progress`] in a form that is quick to copy and compare; `u8` is the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    Spooled,
    Reserved(u8),
    Doubtful(u8),
    Prepared(u8),
    Committing(u8),
    Committed(u8),
    Ended(u8, End),
    Vanished(u8),
    /// The process stopped caring; the next one goes on.
    Parked,
    Settled,
}

/// A terminal [`JobStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) state: Ended,
    pub(super) processed: u8,
    pub(super) failed: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    Complete,
    Failed,
    Aborted,
}

/// [`Fact`] of one chunk, likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Note {
    Created(u8),
    Prepared(u8),
    Started(u8),
    Spoiled(u8),
    Abandoned(u8),
    Terminal(u8, End),
    Reconciled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    Success,
    Error,
    Unprocessed,
    Unknown,
}

/// The refusal that `Tries` remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Refusal {
    None,
    Spoiled,
    State,
    Gone,
    Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) at: At,
    pub(super) made: u8,
    pub(super) refusal: Refusal,
    pub(super) unheard: bool,
    /// Rounds of downloads so far.
    pub(super) rounds: u8,
    /// How many of them a fault made short.
    pub(super) cuts: u8,
    pub(super) jobs: [Job; JOBS],
    pub(super) jobs_made: u8,
    /// Facts that no crash takes away.
    synced: [Option<Note>; NOTES],
    synced_count: u8,
    pub(super) verdicts: Option<[Verdict; ROWS]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct World {
    pub(super) lanes: [Lane; CHUNKS],
    /// Facts written and not synced, in order.
    tail: [Option<(u8, Note)>; TAIL],
    tail_count: u8,
    /// No further job is started.
    pub(super) halted: bool,
    /// Somebody wishes the run to stop.
    pub(super) stopping: bool,
    /// A write to the ledger failed; this process writes no more.
    pub(super) broken: bool,
    pub(super) faults_left: u8,
    /// A fault that allows rows to stay unprocessed has happened.
    pub(super) excused: bool,
}

impl World {
    pub(super) fn new(faults: u8) -> Self {
        let lane = Lane {
            at: At::Spooled,
            made: 0,
            refusal: Refusal::None,
            unheard: false,
            rounds: 0,
            cuts: 0,
            jobs: [Job::default(); JOBS],
            jobs_made: 0,
            synced: [None; NOTES],
            synced_count: 0,
            verdicts: None,
        };
        Self {
            lanes: [lane; CHUNKS],
            tail: [None; TAIL],
            tail_count: 0,
            halted: false,
            stopping: false,
            broken: false,
            faults_left: faults,
            excused: false,
        }
    }

    /// Writes a fact and, if so told, syncs all that was written; says whether that worked.
    pub(super) fn record(&mut self, lane: usize, note: Note, sync: bool) -> bool {
        if self.broken {
            return false;
        }
        let index = u8::try_from(lane).unwrap();
        self.tail[usize::from(self.tail_count)] = Some((index, note));
        self.tail_count += 1;
        if sync {
            self.keep(self.tail_count);
        }
        true
    }

    pub(super) fn tail_count(&self) -> u8 {
        self.tail_count
    }

    /// The disk has the first `count` unsynced facts; the others are gone.
    fn keep(&mut self, count: u8) {
        for (lane, note) in self.tail[..usize::from(count)].iter().flatten() {
            let lane = &mut self.lanes[usize::from(*lane)];
            lane.synced[usize::from(lane.synced_count)] = Some(*note);
            lane.synced_count += 1;
        }
        self.tail = [None; TAIL];
        self.tail_count = 0;
    }

    /// The process is gone, with all that it knew; another one finds `kept` unsynced facts.
    ///
    /// `place` says where the facts of a chunk put it.
    pub(super) fn restart(&mut self, kept: u8, place: impl Fn(usize, &[Fact]) -> At) {
        self.keep(kept);
        self.halted = false;
        self.stopping = false;
        self.broken = false;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let facts: Vec<Fact> = lane.synced[..usize::from(lane.synced_count)]
                .iter()
                .flatten()
                .map(|note| note.fact(index))
                .collect();
            lane.at = place(index, &facts);
            lane.made = 0;
            lane.refusal = Refusal::None;
            lane.unheard = false;
            lane.rounds = 0;
            if lane.at != At::Settled {
                lane.cuts = 0;
                lane.verdicts = None;
            }
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.lanes.iter().all(|lane| lane.at == At::Settled)
    }

    pub(super) fn simplified(mut self) -> Self {
        self.lanes.iter_mut().for_each(Lane::simplify);
        self
    }

    /// Chunks are alike, so states that differ by their names only are one.
    pub(super) fn canonical(mut self) -> Self {
        let key = |lane: &Lane| {
            let worked = lane.made_jobs().last().map(|job| job.worked);
            (lane.jobs_made, lane.synced_count, lane.at.rank(), worked)
        };
        if key(&self.lanes[0]) < key(&self.lanes[1]) {
            self.lanes.swap(0, 1);
            for (lane, _) in self.tail.iter_mut().flatten() {
                *lane = 1 - *lane;
            }
        }
        self
    }
}

impl Lane {
    pub(super) fn job(&mut self, job: u8) -> &mut Job {
        &mut self.jobs[usize::from(job)]
    }

    /// Whether nobody can say what became of the rows: the last job was made away with, or every
    /// round of downloads was made short by a fault.
    pub(super) fn lost_its_results(&self) -> bool {
        self.made_jobs().last().is_some_and(|job| job.stand == Stand::Deleted)
            || u32::from(self.cuts) >= DOWNLOADS_MAX
    }

    pub(super) fn made_jobs(&self) -> &[Job] {
        &self.jobs[..usize::from(self.jobs_made)]
    }

    /// Takes away what can make no difference any more, so that fewer states differ.
    fn simplify(&mut self) {
        for job in &mut self.jobs[..usize::from(self.jobs_made)] {
            job.forget_what_cannot_arrive();
        }
        if self.at == At::Settled && self.synced_count > 0 {
            let count = usize::from(self.synced_count);
            if self.synced[count - 1] == Some(Note::Reconciled) {
                self.synced = [None; NOTES];
                self.synced[0] = Some(Note::Reconciled);
                self.synced_count = 1;
                self.made = 0;
                self.refusal = Refusal::None;
                self.unheard = false;
                self.rounds = 0;
                if u32::from(self.cuts) < DOWNLOADS_MAX {
                    self.cuts = 0;
                }
            }
        }
    }
}

/// Only what is filled in: most of it is room.
impl Hash for Lane {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
        self.made_jobs().hash(state);
        self.synced[..usize::from(self.synced_count)].hash(state);
        state.write_u8(self.made);
        state.write_u8(self.rounds);
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lanes.iter().for_each(|lane| lane.hash(state));
        self.tail[..usize::from(self.tail_count)].hash(state);
        state.write_u8(self.faults_left);
        state.write_u8(u8::from(self.halted) + 2 * u8::from(self.stopping));
    }
}

fn job_id(job: u8) -> JobId {
    JobId::parse(&format!("7508c00000Qk3TbAA{job}")).unwrap()
}

fn attempt(job: &JobId) -> u8 {
    job.as_str().as_bytes()[17] - b'0'
}

impl At {
    fn rank(self) -> u8 {
        match self {
            Self::Spooled => 0,
            Self::Reserved(_) => 1,
            Self::Doubtful(_) => 2,
            Self::Prepared(_) => 3,
            Self::Committing(_) => 4,
            Self::Committed(_) => 5,
            Self::Ended(..) => 6,
            Self::Vanished(_) => 7,
            Self::Parked => 8,
            Self::Settled => 9,
        }
    }

    /// What the real machine is asked with; `None` when it has nothing more to say.
    pub(super) fn progress(self) -> Option<Progress> {
        Some(match self {
            Self::Spooled => Progress::Spooled,
            Self::Reserved(job) => Progress::Reserved(job_id(job)),
            Self::Doubtful(job) => Progress::Doubtful(job_id(job)),
            Self::Prepared(job) => Progress::Prepared(job_id(job)),
            Self::Committing(job) => Progress::Committing(job_id(job)),
            Self::Committed(job) => Progress::Committed(job_id(job)),
            Self::Ended(job, end) => Progress::Ended(job_id(job), end.status()),
            Self::Vanished(job) => Progress::Vanished(job_id(job)),
            Self::Parked | Self::Settled => return None,
        })
    }

    pub(super) fn of(progress: &Progress) -> Self {
        match progress {
            Progress::Spooled => Self::Spooled,
            Progress::Reserved(job) => Self::Reserved(attempt(job)),
            Progress::Doubtful(job) => Self::Doubtful(attempt(job)),
            Progress::Prepared(job) => Self::Prepared(attempt(job)),
            Progress::Committing(job) => Self::Committing(attempt(job)),
            Progress::Committed(job) => Self::Committed(attempt(job)),
            Progress::Ended(job, status) => Self::Ended(attempt(job), End::of(status)),
            Progress::Vanished(job) => Self::Vanished(attempt(job)),
        }
    }

    pub(super) fn reserved(job: u8) -> JobId {
        job_id(job)
    }
}

impl End {
    pub(super) fn status(self) -> JobStatus {
        let state = match self.state {
            Ended::Complete => JobState::JobComplete,
            Ended::Failed => JobState::Failed,
            Ended::Aborted => JobState::Aborted,
        };
        let (processed, failed) = (Some(self.processed.into()), Some(self.failed.into()));
        JobStatus { state, processed, failed, message: None }
    }

    pub(super) fn of(status: &JobStatus) -> Self {
        let state = match status.state {
            JobState::JobComplete => Ended::Complete,
            JobState::Failed => Ended::Failed,
            JobState::Aborted => Ended::Aborted,
            running => panic!("{running:?} is no end"),
        };
        let count = |value: Option<u64>| u8::try_from(value.unwrap_or(0)).unwrap();
        Self { state, processed: count(status.processed), failed: count(status.failed) }
    }
}

impl Note {
    /// The real fact that stands on disk.
    fn fact(self, lane: usize) -> Fact {
        let chunk = ChunkNumber(u32::try_from(lane).unwrap() + 1);
        match self {
            Self::Created(job) => Fact::Created { chunk, job: job_id(job) },
            Self::Prepared(job) => {
                Fact::Prepared { chunk, job: job_id(job), bytes: 1, digest: Digest::of(b"") }
            }
            Self::Started(job) => Fact::Started { chunk, job: job_id(job) },
            Self::Spoiled(job) => Fact::Spoiled { chunk, job: job_id(job) },
            Self::Abandoned(job) => Fact::Abandoned { chunk, job: job_id(job), confirmed: true },
            Self::Terminal(job, end) => {
                let JobStatus { state, processed, failed, message } = end.status();
                let state = format!("{state:?}");
                Fact::Terminal { chunk, job: job_id(job), state, processed, failed, message }
            }
            Self::Reconciled => Fact::Reconciled { chunk, counts: Counts::default(), deferred: 0 },
        }
    }
}
