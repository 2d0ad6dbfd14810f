//! Permissions by names: who is to have what, in usernames, e-mails and labels.
//!
//! A file says pairs of user and permission. They are looked up in the org ([`Sets`](sets),
//! [`Users`](users), [`Held`](held)), each row is decided ([`decide`]), the decisions are written
//! down ([`decisions`]), and then they are carried out as ordinary loads ([`steps`]) whose result
//! files are put together again ([`merge`]). [`carry`] reads as that sentence.
//!
//! A run looks like that of a load from outside: `manifest.json`, `ledger.jsonl`, `out/`. Beside
//! them stand `decisions.csv` and `steps/`, with a run folder for each load.
//!
//! Memory: about 300 bytes for each user and 100 for each pair that the file names, and for a sync
//! 300 for each grant that it looks at; all of them bounded in `model::limits`.

mod ask;
mod candidates;
mod carry;
mod columns;
mod decide;
mod decided;
mod decisions;
mod ending;
mod expiry;
mod held;
mod merge;
mod preview;
mod query;
mod report;
mod sets;
mod spool;
mod steps;
mod tenant;
mod users;
mod verify;
mod who;

#[cfg(test)]
mod tests;

use std::path::Path;

use ask::Frozen;
pub use ask::{Action, Request, Scope};
pub use carry::{Ended, carry_out, resume};
pub use merge::REVIEW;
pub use preview::Preview;
pub use report::{Reported, report, report_columns};
use steps::Step;
pub use who::WhoField;

use crate::ledger::{Cleaned, Manifest, Verified, clean as clean_run};
use crate::model::failure::{Blame, Failure};

/// Whether the manifest is that of a change of permissions, and not of a load.
pub fn is_run(manifest: &Manifest) -> bool {
    Action::of_operation(&manifest.operation).is_some()
}

/// Recomputes the accounting of such a run, by a path of its own.
pub fn verify(root: &Path) -> Result<Verified, Failure> {
    let manifest = Manifest::read(root)?;
    verify::verify(root, &frozen(&manifest)?, steps_of(&manifest.org_kind))
}

/// The steps of such a run that were begun, by name, and whether they have come to their end.
pub fn begun(root: &Path, manifest: &Manifest) -> Result<Vec<(&'static str, bool)>, Failure> {
    let steps = steps_of(&manifest.org_kind).iter().filter(|step| step.is_begun(root));
    steps.map(|step| Ok((step.name, step.is_closed(root)?))).collect()
}

/// Removes what such a run and its steps do not need any more, as [`ledger::clean`] does.
///
/// [`ledger::clean`]: crate::ledger::clean
pub fn clean(root: &Path, now: &str) -> Result<Cleaned, Failure> {
    let manifest = Manifest::read(root)?;
    let own = clean_run(root, now)?;
    if !matches!(own, Cleaned::Clean) {
        return Ok(own);
    }
    let mut all = (0, 0);
    for step in steps_of(&manifest.org_kind).iter().filter(|step| step.is_begun(root)) {
        match clean_run(&step.root(root), now)? {
            Cleaned::Removed { files, bytes } => all = (all.0 + files, all.1 + bytes),
            Cleaned::Clean => {}
            kept @ Cleaned::Kept(_) => return Ok(kept),
        }
    }
    let (files, bytes) = all;
    Ok(if files == 0 { Cleaned::Clean } else { Cleaned::Removed { files, bytes } })
}

fn frozen(manifest: &Manifest) -> Result<Frozen, Failure> {
    let plan = manifest.plan.clone().unwrap_or_default();
    serde_json::from_value(plan).map_err(|error| {
        Failure::new(Blame::Ledger, format!("the manifest of `{}` is damaged", manifest.run))
            .cause(error)
    })
}

/// The loads that a change comes to, in a kind of org.
fn steps_of(org_kind: &str) -> &'static [Step] {
    if org_kind == "auth0" { &steps::AUTH0 } else { &steps::SALESFORCE }
}

/// What summaries call the object.
fn object_of(org_kind: &str) -> &'static str {
    if org_kind == "auth0" { "UserPermission, UserRole" } else { "PermissionSetAssignment" }
}
