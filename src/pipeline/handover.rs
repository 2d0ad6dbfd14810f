//! What submit hands to settle.

use std::path::PathBuf;

use crate::model::chunk::Chunk;
use crate::model::ids::JobId;
use crate::target::{JobStatus, ResultFile};

/// A chunk whose job has come to an end, one way or another.
#[derive(Debug)]
pub struct EndedChunk {
    pub chunk: Chunk,
    pub ending: Ending,
}

/// How it ended.
#[derive(Debug)]
pub enum Ending {
    /// The results are on disk.
    Results {
        job: JobId,
        status: JobStatus,
        files: Vec<(ResultFile, PathBuf)>,
        /// Why the results are known not to be all there; `None` when they add up.
        incomplete: Option<String>,
    },
    /// Certain: no row was started. A later process of the run sends them.
    NotStarted { why: String },
    /// Rows may have run, and the far side cannot be asked about them now. A later process asks.
    Unknowable { job: JobId, why: String },
    /// Rows may have run, and nobody can ever say.
    Lost { job: JobId, why: String },
}

impl Ending {
    /// Whether this is the last word on the rows, and not just all that is known by now.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Results { .. } | Self::Lost { .. } => true,
            Self::NotStarted { .. } | Self::Unknowable { .. } => false,
        }
    }
}
