//! Copies of result files in places of the user's choice (`--success`, `--error`).

use std::io;
use std::path::{Path, PathBuf};

use crate::config::plan::LoadPlan;
use crate::faults;
use crate::model::failure::{Blame, Failure};

/// Refuses places that cannot be written, before anything is sent.
pub fn check(plan: &LoadPlan) -> Result<(), Failure> {
    for (flag, path) in [("--success", &plan.success_copy), ("--error", &plan.error_copy)] {
        let Some(path) = path else { continue };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if path.is_dir() || !folder.is_dir() {
            let what =
                if path.is_dir() { "is a folder" } else { "is in a folder that is not there" };
            let message = format!("`{flag} {}` {what}", path.display());
            return Err(Failure::new(Blame::Request, message).hint("give the path of a file"));
        }
    }
    Ok(())
}

/// Places the copies; each is there whole or not at all.
pub fn place(plan: &LoadPlan, success: &Path, error: &Path) -> Result<(), Failure> {
    for (from, to) in [(success, &plan.success_copy), (error, &plan.error_copy)] {
        if let Some(to) = to {
            copy(from, to).map_err(|error| Failure::disk("write", to, &error))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut beside = to.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    faults::copy(from, &beside)?;
    faults::rename(&beside, to)
}
