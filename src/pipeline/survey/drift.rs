//! Drift: what is not any more as it was when a plan was made.

use std::fmt::Write as _;

use super::frozen::{Frozen, FrozenOrg};
use crate::model::failure::{Blame, Failure};

/// Refuses another org and another user than those of the plan; `name` is that of its file.
pub fn check_org(name: &str, plan: &Frozen, now: &FrozenOrg) -> Result<(), Failure> {
    let mut drifts = Vec::new();
    let then = &plan.org;
    let is_same = if then.id.is_empty() || now.id.is_empty() {
        then.origin == now.origin
    } else {
        then.id == now.id
    };
    if !is_same {
        drifts.push(format!(
            "the org: the plan is for `{}` (`{}`), and this is `{}` (`{}`)",
            then.name, then.id, now.name, now.id
        ));
    } else if then.production != now.production {
        let kind = |production| if production { "a production org" } else { "no production org" };
        drifts.push(format!(
            "the org: it was {}, and is {} now",
            kind(then.production),
            kind(now.production)
        ));
    }
    if then.user_id != now.user_id {
        drifts.push(format!(
            "the user: the plan was made as `{}`, and this is `{}`",
            then.username, now.username
        ));
    }
    refuse(name, drifts)
}

/// Refuses all that is otherwise than in the plan but org and user.
pub fn check_rest(name: &str, plan: &Frozen, now: &Frozen) -> Result<(), Failure> {
    let mut drifts = Vec::new();
    if plan.input.digest != now.input.digest {
        drifts.push(format!("the file: `{}` is not what it was", plan.input.file.display()));
    }
    if let (Some(then), Some(found)) = (&plan.mapping, &now.mapping)
        && then.digest != found.digest
    {
        drifts.push(format!("the mapping: `{}` is not what it was", then.file.display()));
    }
    drifts.extend(columns(plan, now));
    if plan.rows != now.rows {
        let (then, now) = (plan.rows, now.rows);
        drifts.push(format!(
            "the rows: {} were to be sent and {} rejected, and now {} and {}",
            then.sent, then.rejected, now.sent, now.rejected
        ));
    }
    for then in &plan.lookups {
        let found = now.lookups.iter().find(|lookup| lookup.field == then.field);
        if found != Some(then) {
            drifts.push(format!("the lookup of `{}` by `{}` finds others", then.field, then.by));
        }
    }
    if plan.lookups.len() != now.lookups.len() {
        drifts.push("the lookups: there are others".to_owned());
    }
    if plan.jobs != now.jobs && !plan.edited && drifts.is_empty() {
        let (then, now) = (plan.jobs, now.jobs);
        drifts.push(format!(
            "the jobs: there were {} with {} bytes, and now {} with {}",
            then.count, then.bytes, now.count, now.bytes
        ));
    }
    refuse(name, drifts)
}

/// Fields that columns go to, and what the org says of them.
fn columns(plan: &Frozen, now: &Frozen) -> Option<String> {
    let pairs = |plan: &Frozen| -> Vec<(String, String)> {
        plan.columns.iter().map(|column| (column.from.clone(), column.to.clone())).collect()
    };
    if pairs(plan) != pairs(now) {
        return Some("the columns: they go to other fields".to_owned());
    }
    let mut changed = String::new();
    for (then, found) in plan.columns.iter().zip(&now.columns) {
        if then.describe != found.describe {
            let comma = if changed.is_empty() { "" } else { ", " };
            let _infallible = write!(changed, "{comma}`{}`", then.to);
        }
    }
    (!changed.is_empty()).then(|| format!("the fields: the org describes {changed} otherwise"))
}

fn refuse(name: &str, drifts: Vec<String>) -> Result<(), Failure> {
    if drifts.is_empty() {
        return Ok(());
    }
    let message = format!("the plan `{name}` does not hold any more");
    let failure = Failure::new(Blame::Guard, message);
    let failure = drifts.into_iter().fold(failure, Failure::cause);
    Err(failure.hint("make the plan anew and review what is different; nothing was sent"))
}
