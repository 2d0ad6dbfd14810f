//! Copies of result files in places of the user's choice (`--success`, `--error`).

mod data_loader;

use std::io;
use std::path::{Path, PathBuf};

use self::data_loader::Places;
use super::event::SummaryFiles;
use super::styled::Styled;
use crate::config::plan::{CopyStyle, LoadPlan};
use crate::faults;
use crate::model::failure::{Blame, Failure};

/// Refuses places that cannot be written, before anything is sent.
pub fn check(plan: &LoadPlan) -> Result<(), Failure> {
    let mut places =
        vec![("--success", plan.success_copy.as_ref()), ("--error", plan.error_copy.as_ref())];
    if let CopyStyle::DataLoader(copies) = &plan.copy_style {
        Styled::new(&copies.text, b',', true)?;
        places = vec![
            ("process.outputSuccess", plan.success_copy.as_ref()),
            ("process.outputError", plan.error_copy.as_ref()),
            ("the file of unsent rows", copies.unsent_copy.as_ref()),
        ];
    }
    for (flag, path) in places {
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
pub fn place(plan: &LoadPlan, files: &SummaryFiles) -> Result<(), Failure> {
    let (success, error) = (plan.success_copy.as_deref(), plan.error_copy.as_deref());
    if let CopyStyle::DataLoader(copies) = &plan.copy_style {
        let places = Places { success, error, unsent: copies.unsent_copy.as_deref() };
        return data_loader::place(copies, plan.operation, &places, files);
    }
    for (from, to) in [(&files.success, success), (&files.error, error)] {
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
