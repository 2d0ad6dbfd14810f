//! Removing what a finished run needs no more: chunk bodies, results as received, and answers of
//! lookups.

use std::fs;
use std::io;
use std::path::Path;

use super::{Fact, Ledger, Manifest, RunFolder};
use crate::faults;
use crate::model::failure::Failure;

/// Exit codes of runs in which every row came to a certain end; the others may want their chunks
/// and results again.
const ENDED_FOR_CERTAIN: [u8; 2] = [0, 3];

/// What cleaning a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleaned {
    /// So many bytes of so many files were removed.
    Removed { files: u64, bytes: u64 },
    /// There was nothing to remove.
    Clean,
    /// Nothing was removed, and why.
    Kept(String),
}

/// Removes `sent/`, `raw/` and `lookups/` of the run in `root`, unless the run may still need them.
///
/// The ledger says so first, durably: a folder that is half gone is never taken for damage. The run
/// is locked meanwhile; one that another process holds is an error.
pub fn clean(root: &Path, now: &str) -> Result<Cleaned, Failure> {
    let folder = RunFolder::open(root, now)?;
    let manifest = Manifest::read(root)?;
    let (state, _) = super::RunState::read(&folder.ledger(), &manifest.run)?;
    let Some(closed) = state.closed else {
        return Ok(Cleaned::Kept("it is not finished".to_owned()));
    };
    if !ENDED_FOR_CERTAIN.contains(&closed.exit_code) {
        let code = closed.exit_code;
        return Ok(Cleaned::Kept(format!("it ended with exit code {code}")));
    }
    let parts = [folder.sent(), folder.raw(), folder.lookups()];
    let mut found = (0, 0);
    for part in &parts {
        let (files, bytes) = size(part).map_err(|error| Failure::disk("read", part, &error))?;
        found = (found.0 + files, found.1 + bytes);
    }
    let (files, bytes) = found;
    if files == 0 {
        return Ok(Cleaned::Clean);
    }
    let ledger = Ledger::reopen(&folder.ledger(), &manifest.run)?.ledger;
    ledger
        .record(&Fact::Cleaned { when: now.to_owned() })
        .map_err(|error| Failure::disk("write", &folder.ledger(), &error))?;
    for part in parts.iter().filter(|part| part.exists()) {
        faults::remove_dir_all(part).map_err(|error| Failure::disk("remove", part, &error))?;
    }
    Ok(Cleaned::Removed { files, bytes })
}

/// Files of a folder and their bytes; a folder that is not there has none.
fn size(folder: &Path) -> io::Result<(u64, u64)> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        other => other?,
    };
    let mut found = (0, 0);
    for entry in entries {
        found = (found.0 + 1, found.1 + entry?.metadata()?.len());
    }
    Ok(found)
}
