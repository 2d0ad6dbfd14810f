//! Drift: what is not any more as it was when a plan was made.

use std::fmt::Write as _;

use super::frozen::{Frozen, FrozenOrg, FrozenRows};
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
    drifts.extend(rows(plan.rows, now.rows));
    for then in &plan.lookups {
        let found = now.lookups.iter().find(|lookup| lookup.field == then.field);
        if found != Some(then) {
            drifts.push(format!("the lookup of `{}` by `{}` finds others", then.field, then.by));
        }
    }
    if plan.lookups.len() != now.lookups.len() {
        drifts.push("the lookups: there are others".to_owned());
    }
    drifts.extend(records(plan, now));
    if plan.jobs != now.jobs && !plan.edited && drifts.is_empty() {
        let (then, now) = (plan.jobs, now.jobs);
        drifts.push(format!(
            "the jobs: there were {} with {} bytes, and now {} with {}",
            then.count, then.bytes, now.count, now.bytes
        ));
    }
    refuse(name, drifts)
}

/// What would become of the rows.
fn rows(then: FrozenRows, now: FrozenRows) -> Option<String> {
    let bare = |rows| FrozenRows { unchanged_digest: None, ..rows };
    if bare(then) == bare(now) {
        return None; // Which of them change nothing is a matter of the records.
    }
    let left_out = |rows: FrozenRows, word: &str| match rows.unchanged {
        Some(rows) => format!(", {rows}{word}"),
        None => String::new(),
    };
    Some(format!(
        "the rows: {} were to be sent{} and {} rejected, and now {}{} and {}",
        then.sent,
        left_out(then, " left out as unchanged"),
        then.rejected,
        now.sent,
        left_out(now, ""),
        now.rejected
    ))
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

/// What the records held that an update would change.
fn records(plan: &Frozen, now: &Frozen) -> Option<String> {
    let is_same_file = plan.input.digest == now.input.digest;
    let (left_out, now_left_out) = (plan.rows.unchanged_digest, now.rows.unchanged_digest);
    let then = plan.differences.as_ref()?;
    let Some(now) = &now.differences else {
        return Some("the records: what they hold cannot be read any more".to_owned());
    };
    if !is_same_file || (then == now && left_out == now_left_out) {
        return None; // Another file changes other things; that is told already.
    }
    let other = then.changes.iter().find(|change| !now.changes.contains(change));
    Some(match other {
        Some(change) => format!(
            "the records: `{}` of `{}` was `{}` when the plan was made, and is not now",
            change.field, change.id, change.old
        ),
        None if then == now => "the records: other rows than then change nothing now".to_owned(),
        None => format!(
            "the records: {} of the first {} rows were to change something, and now {}",
            then.changed, then.rows, now.changed
        ),
    })
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
