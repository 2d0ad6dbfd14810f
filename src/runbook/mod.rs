//! Runbooks: a data migration as one file of steps, carried out.
//!
//! The file is read and checked for form by `config::runbook`. Here it is checked against files and
//! orgs ([`check`]), put in order ([`order`]), frozen in the manifest of a run ([`ask`]), and then
//! carried out step by step ([`carry`]), side by side where no step waits for another. A load or a
//! change of permissions is a run of its own below `steps/` ([`step`]), begun once and from then on
//! only gone on with; what is compared is compared by [`assert`] and [`reconcile`]. What became of
//! the steps is read from disk ([`view`]), for the summary ([`ending`]) and for those who doubt it
//! ([`verify`]). Decision 23 says why it is so.
//!
//! Memory: that of the loads side by side, [`STEPS_PARALLEL`] at most.
//!
//! [`STEPS_PARALLEL`]: crate::model::limits::STEPS_PARALLEL

mod ask;
pub mod assert;
mod carry;
mod check;
mod decimal;
mod ending;
mod order;
mod places;
mod question;
pub mod reconcile;
mod step;
mod verify;
mod view;
mod watch;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use ask::{Frozen, FrozenOrg, Orgs, Request, target_of};
pub use carry::{carry_out, resume};
pub use check::{Checked, StepPlan, check};
pub use order::Part;
use places::Places;

use crate::ledger::{Cleaned, Manifest, RunState, StepOutcome, Verified, clean as clean_run};
use crate::model::failure::Failure;
use crate::perms;

/// The operation as manifest and summary name it.
pub const OPERATION: &str = "run";

/// Whether the manifest is that of a runbook's run, and not of a load or of permissions.
pub fn is_run(manifest: &Manifest) -> bool {
    manifest.operation == OPERATION
}

/// Recomputes the accounting of such a run, by a path of its own.
pub fn verify(root: &Path) -> Result<Verified, Failure> {
    verify::verify(root)
}

/// A step of such a run, as an undo needs to know it.
#[derive(Debug, Clone)]
pub struct BegunStep {
    pub id: String,
    /// The folders of its runs, in the order in which they were begun.
    pub runs: Vec<std::path::PathBuf>,
    /// How it ended; `None` when it broke off.
    pub outcome: Option<StepOutcome>,
}

/// The steps of such a run that were begun, in the order in which they are carried out.
pub fn begun(root: &Path, manifest: &Manifest) -> Result<Vec<BegunStep>, Failure> {
    let frozen = Frozen::of(manifest)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let places = Places::of(root, &frozen.runbook);
    let all = frozen.selected().into_iter().filter_map(|step| {
        let known = state.steps.get(&step.id)?;
        known.began.as_ref()?;
        Some(BegunStep {
            id: step.id.clone(),
            runs: view::runs_of(&places, step),
            outcome: known.ended.as_ref().map(|ended| ended.outcome),
        })
    });
    Ok(all.collect())
}

/// Removes what such a run and its steps do not need any more, as [`crate::ledger::clean`] does.
pub fn clean(root: &Path, now: &str) -> Result<Cleaned, Failure> {
    let manifest = Manifest::read(root)?;
    let own = clean_run(root, now)?;
    if !matches!(own, Cleaned::Clean) {
        return Ok(own);
    }
    let mut all = (0, 0);
    for run in begun(root, &manifest)?.into_iter().flat_map(|step| step.runs) {
        let is_perms = perms::is_run(&Manifest::read(&run)?);
        let cleaned = if is_perms { perms::clean(&run, now)? } else { clean_run(&run, now)? };
        match cleaned {
            Cleaned::Removed { files, bytes } => all = (all.0 + files, all.1 + bytes),
            Cleaned::Clean => {}
            kept @ Cleaned::Kept(_) => return Ok(kept),
        }
    }
    let (files, bytes) = all;
    Ok(if files == 0 { Cleaned::Clean } else { Cleaned::Removed { files, bytes } })
}
