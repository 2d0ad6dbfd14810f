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
    /// Certain: no row was started.
    NotStarted { why: String },
    /// Rows may have run, and the far side cannot be asked about them (now).
    Unknowable { job: JobId, why: String },
}
