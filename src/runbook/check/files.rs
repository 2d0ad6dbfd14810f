//! The files of a runbook as they are now: each with its digest, so that a step that begins later
//! reads the file that was checked.

use std::path::Path;

use crate::config::mapping::{LookupFrom, MappingSpec};
use crate::config::plan::Source;
use crate::config::runbook::{CheckKind, Rows, Runbook, Step, StepKind};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::read;
use crate::runbook::ask::FrozenFile;

/// The text of the runbook; it must be what was read a moment ago.
pub fn same_text(runbook: &Runbook) -> Result<Vec<u8>, Failure> {
    let path = Path::new(&runbook.file);
    let text = std::fs::read(path).map_err(|error| Failure::disk("read", path, &error))?;
    if Digest::of(&text) == runbook.digest {
        return Ok(text);
    }
    let message = format!("`{}` changes while it is read", runbook.file);
    Err(Failure::new(Blame::Guard, message).hint("wait until it is written"))
}

/// The digest of each file that the steps read, and what is wrong with those that cannot be.
pub fn freeze(runbook: &Runbook, steps: &[&Step]) -> (Vec<FrozenFile>, Vec<Failure>) {
    let (mut frozen, mut faults) = (Vec::new(), Vec::new());
    for step in steps {
        for (what, path) in of_step(step, &mut faults) {
            match digest(&path) {
                Ok(digest) => frozen.push(FrozenFile {
                    step: step.id.clone(),
                    what: what.to_owned(),
                    path,
                    digest,
                }),
                Err(failure) => faults.push(of(runbook, step, failure)),
            }
        }
    }
    (frozen, faults)
}

/// A failure of one step, with its place in the file.
pub fn of(runbook: &Runbook, step: &Step, failure: Failure) -> Failure {
    let message =
        format!("{}:{}: step `{}`: {}", runbook.file, step.place, step.id, failure.message);
    Failure { message, ..failure }
}

fn digest(path: &Path) -> Result<Digest, Failure> {
    let digest = read::digest(&Source::File(path.to_owned()))?;
    digest.ok_or_else(|| Failure::new(Blame::Request, format!("`{}` is no file", path.display())))
}

fn of_step(step: &Step, faults: &mut Vec<Failure>) -> Vec<(&'static str, std::path::PathBuf)> {
    let file = |what, rows: &Rows| match rows {
        Rows::File(path) => vec![(what, path.clone())],
        Rows::Step(_) => Vec::new(),
    };
    match &step.kind {
        StepKind::Load(load) => {
            let mut files = file("input", &load.rows);
            if let Some(path) = &load.mapping {
                files.push(("mapping", path.clone()));
                match MappingSpec::read(path) {
                    Ok(spec) => files.extend(lookups(&spec)),
                    Err(error) => faults.push(error.into()),
                }
            }
            files
        }
        StepKind::Permissions(change) => file("input", &change.rows),
        StepKind::Reconcile(checks) => {
            let mut files: Vec<_> =
                checks.iter().filter_map(|check| sources(&check.kind)).collect();
            files.dedup();
            files
        }
        StepKind::Export(_) | StepKind::Assert(_) | StepKind::Checkpoint(_) => Vec::new(),
    }
}

fn lookups(spec: &MappingSpec) -> Vec<(&'static str, std::path::PathBuf)> {
    let of_rule = |rule: &crate::config::mapping::Rule| match &rule.lookup.as_ref()?.from {
        LookupFrom::File { path, .. } => Some(("lookup", path.clone())),
        LookupFrom::Object { .. } | LookupFrom::Step { .. } => None,
    };
    spec.rules.iter().filter_map(of_rule).collect()
}

fn sources(kind: &CheckKind) -> Option<(&'static str, std::path::PathBuf)> {
    match kind {
        CheckKind::Count { source, .. }
        | CheckKind::Sum { source, .. }
        | CheckKind::Nulls { source, .. }
        | CheckKind::Duplicates { source, .. } => match &source.rows {
            Rows::File(path) => Some(("source", path.clone())),
            Rows::Step(_) => None,
        },
        CheckKind::Orphans { .. } | CheckKind::Sample { .. } => None,
    }
}
