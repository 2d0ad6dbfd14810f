//! STAND-IN for the client engineer's file of this name: only the signature counts.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::event::Watch;
use super::stop::Stop;
use crate::model::failure::{Blame, Failure};
use crate::target::Target;

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportPlan {
    pub soql: String,
    /// Deleted and archived rows too.
    pub all: bool,
}

/// Where to.
pub enum Output {
    File(PathBuf),
    Writer(Arc<Mutex<dyn Write + Send>>),
}

/// How much it was.
#[derive(Debug, Clone, Copy)]
pub struct Exported {
    pub rows: u64,
    pub bytes: u64,
}

/// Writes the rows of a query as CSV.
pub async fn export<T: Target>(
    _plan: &ExportPlan,
    target: &T,
    _output: Output,
    _watch: &dyn Watch,
    _stop: &Stop,
) -> Result<Exported, Failure> {
    target.facts().await?;
    Err(Failure::new(Blame::Run, "the export is not there yet"))
}
