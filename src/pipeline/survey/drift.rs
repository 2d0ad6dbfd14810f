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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::chunk::Digest;
    use crate::pipeline::survey::Lookup;

    type Change = fn(&mut Frozen, Digest);

    /// A plan with a row of each kind, and a lookup.
    fn plan() -> Frozen {
        let digest = Digest::of(b"x");
        let text = format!(
            "format = 1\nversion = '1'\ndigest = 'x'\nedited = true\n[load]\n[org]\n\
             alias = 'a'\nkind = 'salesforce'\nid = '00D1'\nname = 'Acme'\nproduction = true\n\
             origin = 'https://acme.example'\nuser_id = '005'\nusername = 'ada'\n[input]\n\
             file = 'a.csv'\ndigest = '{digest}'\nnot_sent = []\n[rows]\ninput = 9\nsent = 8\n\
             rejected = 1\n[jobs]\ncount = 1\nrows = 8\nbytes = 80\nlargest_rows = 8\n\
             largest_bytes = 80\n[calls]\nbefore = 5\nfor_jobs = 7\n[[columns]]\nfrom = 'A'\n\
             to = 'Name'\ntype = 'string'\ndescribe = 'd'\n[[lookups]]\nfield = 'ParentId'\n\
             by = 'Account.Name'\nkeys = 2\nfound = 2\nmissing = 0\nambiguous = 0\n\
             digest = '{digest}'\n[differences]\nrows = 8\nchanged = 3\nunchanged = 5\n\
             missing = 0\n[differences.fields]\nName = 3\n[[differences.changes]]\nrow = 2\n\
             id = '001'\nfield = 'Name'\nold = 'a'\nnew = 'b'\n"
        );
        Frozen::parse(&text, Path::new("p.toml")).unwrap()
    }

    fn drifts(then: &Frozen, now: &Frozen) -> String {
        let org = check_org("p.toml", then, &now.org).err();
        let rest = check_rest("p.toml", then, now).err();
        let told = org.into_iter().chain(rest).flat_map(|failure| {
            assert_eq!(failure.message, "the plan `p.toml` does not hold any more");
            let hint = "make the plan anew and review what is different; nothing was sent";
            assert_eq!((failure.blame, &*failure.hints), (Blame::Guard, &[hint.to_owned()][..]));
            failure.causes
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_as_it_was_is_no_drift() {
        let plan = plan();
        assert_eq!(drifts(&plan, &plan), "");
        // How the jobs are cut may be meant by an edit, and calls are an estimate.
        let mut now = plan.clone();
        (now.jobs.count, now.calls.before) = (2, 9);
        assert_eq!(drifts(&plan, &now), "");
    }

    #[test]
    fn every_drift_says_what_was_and_what_is() {
        let other = Digest::of(b"y");
        let changes: [Change; 14] = [
            |now, _| (now.org.id, now.org.name) = ("00D2".to_owned(), "Umbrella".to_owned()),
            |now, _| (now.org.id, now.org.origin) = (String::new(), "https://b".to_owned()),
            |now, _| now.org.production = false,
            |now, _| (now.org.user_id, now.org.username) = ("0052".to_owned(), "bob".to_owned()),
            |now, other| now.input.digest = other,
            |now, _| now.columns[0].to = "Site".to_owned(),
            |now, _| now.columns[0].describe = "e".to_owned(),
            |now, _| (now.rows.sent, now.rows.rejected) = (7, 2),
            |now, other| now.lookups[0].digest = other,
            |now, _| now.lookups.push(Lookup { field: "X".to_owned(), ..now.lookups[0].clone() }),
            |now, _| now.differences = None,
            |now, _| now.differences.as_mut().unwrap().changes.clear(),
            |now, _| now.differences.as_mut().unwrap().changed = 4,
            |now, other| now.rows.unchanged_digest = Some(other),
        ];
        let then = plan();
        let told = changes.map(|change| {
            let mut now = then.clone();
            change(&mut now, other);
            drifts(&then, &now)
        });
        insta::assert_snapshot!(told.join("\n"), @"
        the org: the plan is for `Acme` (`00D1`), and this is `Umbrella` (`00D2`)
        the org: the plan is for `Acme` (`00D1`), and this is `Acme` (``)
        the org: it was a production org, and is no production org now
        the user: the plan was made as `ada`, and this is `bob`
        the file: `a.csv` is not what it was
        the columns: they go to other fields
        the fields: the org describes `Name` otherwise
        the rows: 8 were to be sent and 1 rejected, and now 7 and 2
        the lookup of `ParentId` by `Account.Name` finds others
        the lookups: there are others
        the records: what they hold cannot be read any more
        the records: `Name` of `001` was `a` when the plan was made, and is not now
        the records: 3 of the first 8 rows were to change something, and now 4
        the records: other rows than then change nothing now
        ");
        // Of a plan that nobody has edited, the jobs are those that were reviewed.
        let then = Frozen { edited: false, ..plan() };
        let mut now = then.clone();
        (now.jobs.count, now.jobs.bytes) = (2, 90);
        let says = "the jobs: there were 1 with 80 bytes, and now 2 with 90";
        assert_eq!(drifts(&then, &now), says);
        let left_out = |rows| FrozenRows { unchanged: Some(rows), ..then.rows };
        assert_eq!(
            rows(left_out(2), left_out(3)).unwrap(),
            "the rows: 8 were to be sent, 2 left out as unchanged and 1 rejected, and now 8, 3 and 1"
        );
    }
}
