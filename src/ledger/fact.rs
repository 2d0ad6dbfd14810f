//! The facts of a run.

use crate::model::chunk::{ChunkNumber, Digest, InWindow};
use crate::model::ids::JobId;
use crate::model::verdict::Counts;

/// One fact; [`Fact::is_synced`] says which must be on disk before anything else is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fact {
    /// The run begins; nothing was called yet.
    Opened { format: u32, run: String },
    /// A chunk is on disk here; between its first and last row may lie rejected ones.
    Planned {
        chunk: ChunkNumber,
        first_row: u64,
        last_row: u64,
        rows: u32,
        bytes: u64,
        digest: Digest,
        /// Digest of the source rows beside the body; ledgers of 0.1 did not have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Digest>,
        /// There where rows of several chunks interleave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<InWindow>,
    },
    /// Reading is over, at the end of the input (`whole`) or before it. Rows are numbered from
    /// `first_row` without a gap; bytes and digest are those of the source as it lies on disk.
    InputRead {
        first_row: u64,
        rows: u64,
        accepted: u64,
        rejected: u64,
        bytes: u64,
        digest: Digest,
        whole: bool,
        /// Rows that were neither accepted nor rejected, as they change nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unchanged: Option<Shelved>,
    },
    /// What the records of the chunk hold is on disk, in `raw/NNNNNN.before.csv`; no row of it was
    /// started. Not synced by itself: it stands before the fact that is ([`Fact::Prepared`]).
    Imaged { chunk: ChunkNumber, rows: u64, bytes: u64, digest: Digest },
    /// An empty job was created for the chunk.
    Created { chunk: ChunkNumber, job: JobId },
    /// The job holds every row. Synced before the commit is sent: the one mandatory sync.
    Prepared { chunk: ChunkNumber, job: JobId, bytes: u64, digest: Digest },
    /// The far side acknowledged the commit, or was seen working on the job.
    Started { chunk: ChunkNumber, job: JobId },
    /// The job got two contents, is open and will never start. Synced before it is given up: a job
    /// that was prepared and is found aborted would otherwise pass for one that somebody stopped.
    Spoiled { chunk: ChunkNumber, job: JobId },
    /// A job that was never committed was given up.
    Abandoned { chunk: ChunkNumber, job: JobId, confirmed: bool },
    /// The job has ended, in the far side's word.
    Terminal {
        chunk: ChunkNumber,
        job: JobId,
        state: String,
        processed: Option<u64>,
        failed: Option<u64>,
        /// Why the job as a whole failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A result file of the job is on disk, as received. `rows` is missing where the file is
    /// damaged and cannot be counted.
    Raw { chunk: ChunkNumber, which: RawKind, rows: Option<u64>, bytes: u64, digest: Digest },
    /// The rows of the chunk are in the result files.
    ///
    /// Rows that are sent again in the next round are in none of them, and in no count but
    /// `deferred`.
    Reconciled {
        chunk: ChunkNumber,
        counts: Counts,
        #[serde(default, skip_serializing_if = "is_nought")]
        deferred: u64,
    },
    /// A round begins: every chunk before is settled, and so many rows are sent again, in chunks
    /// that are planned after this. `digest` is that of their list, `roundN.rows`.
    RoundBegan { round: u32, rows: u64, digest: Digest },
    /// Rows whose fate cannot be known.
    Unknown { chunk: ChunkNumber, rows: u64, why: String },
    /// The result files stand under their names.
    Outputs { files: Vec<Output> },
    /// The process ends in an orderly way before the run is over. The result files hold what is
    /// known by now, from row `first_row` on; all of it is worked out anew when the run
    /// is gone on with.
    Paused {
        counts: Counts,
        exit_code: u8,
        first_row: u64,
        files: Vec<Output>,
        /// Rounds that the process has come to.
        #[serde(default, skip_serializing_if = "is_none")]
        rounds: u32,
    },
    /// Another process goes on with the run.
    Resumed { when: String, version: String },
    /// The run is over.
    Closed { counts: Counts, exit_code: u8 },
    /// What the run no longer needs is about to be removed. Synced before the first removal.
    Cleaned { when: String },
    /// A step of a runbook begins, or is gone on with; nothing of it was done by this process yet.
    StepBegan { step: String, when: String },
    /// Somebody has approved a checkpoint, or the errors of a step that failed.
    StepApproved { step: String, by: String, when: String },
    /// A step has come to an end, as far as this process could bring it.
    StepEnded {
        step: String,
        outcome: StepOutcome,
        when: String,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// What it wrote that is in no ledger of its own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<Output>,
    },
}

/// How a step of a runbook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Succeeded,
    /// Some rows are in error, and that is allowed.
    Partial,
    Failed,
    Interrupted,
    Waiting,
}

impl StepOutcome {
    /// Whether the steps that depend on it may begin; it is never begun again then.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial)
    }
}

/// One of the three result files of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawKind {
    Successful,
    Failed,
    Unprocessed,
}

impl RawKind {
    /// The word in the name of the file: `raw/000001.successful.csv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Unprocessed => "unprocessed",
        }
    }
}

/// A result file as it was finished; the header counts for bytes and digest and not for rows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Output {
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    pub digest: Digest,
}

/// The lines of success.csv of rows that were not sent, in a file of `sent/`; synced before the
/// fact is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shelved {
    pub rows: u64,
    pub bytes: u64,
    pub digest: Digest,
}

impl Fact {
    /// The chunk that the fact is about, if it is about one.
    pub fn chunk(&self) -> Option<ChunkNumber> {
        match self {
            Self::Planned { chunk, .. }
            | Self::Imaged { chunk, .. }
            | Self::Created { chunk, .. }
            | Self::Prepared { chunk, .. }
            | Self::Spoiled { chunk, .. }
            | Self::Started { chunk, .. }
            | Self::Abandoned { chunk, .. }
            | Self::Terminal { chunk, .. }
            | Self::Raw { chunk, .. }
            | Self::Reconciled { chunk, .. }
            | Self::Unknown { chunk, .. } => Some(*chunk),
            Self::Opened { .. }
            | Self::InputRead { .. }
            | Self::RoundBegan { .. }
            | Self::Outputs { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Closed { .. }
            | Self::Cleaned { .. }
            | Self::StepBegan { .. }
            | Self::StepApproved { .. }
            | Self::StepEnded { .. } => None,
        }
    }

    /// Whether the fact is synced to disk before the next step.
    pub fn is_synced(&self) -> bool {
        match self {
            Self::Opened { .. }
            | Self::Prepared { .. }
            | Self::Spoiled { .. }
            | Self::Reconciled { .. }
            | Self::Unknown { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Closed { .. }
            | Self::Cleaned { .. }
            | Self::StepBegan { .. }
            | Self::StepApproved { .. }
            | Self::StepEnded { .. } => true,
            Self::Planned { .. }
            | Self::InputRead { .. }
            | Self::RoundBegan { .. }
            | Self::Imaged { .. }
            | Self::Created { .. }
            | Self::Started { .. }
            | Self::Abandoned { .. }
            | Self::Terminal { .. }
            | Self::Raw { .. }
            | Self::Outputs { .. } => false,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_nought(rows: &u64) -> bool {
    *rows == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_none(rounds: &u32) -> bool {
    *rounds == 0
}
