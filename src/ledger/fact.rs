//! The facts of a run.

use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::ids::JobId;
use crate::model::rows::RowMark;
use crate::model::verdict::Counts;

/// One fact; [`Fact::is_synced`] says which must be on disk before anything else is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fact {
    /// The run begins; nothing was called yet.
    Opened { format: u32, run: String },
    /// A chunk is on disk here.
    Planned {
        chunk: ChunkNumber,
        first: RowMark,
        last_row: u64,
        rows: u32,
        bytes: u64,
        digest: Digest,
    },
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
    /// The rows of the chunk are in the result files.
    Reconciled { chunk: ChunkNumber, counts: Counts },
    /// Rows whose fate cannot be known.
    Unknown { chunk: ChunkNumber, rows: u64, why: String },
    /// The run is over.
    Closed { counts: Counts, exit_code: u8 },
}

impl Fact {
    /// Whether the fact is synced to disk before the next step.
    pub fn is_synced(&self) -> bool {
        match self {
            Self::Opened { .. }
            | Self::Prepared { .. }
            | Self::Spoiled { .. }
            | Self::Reconciled { .. }
            | Self::Unknown { .. }
            | Self::Closed { .. } => true,
            Self::Planned { .. }
            | Self::Created { .. }
            | Self::Started { .. }
            | Self::Abandoned { .. }
            | Self::Terminal { .. } => false,
        }
    }
}
