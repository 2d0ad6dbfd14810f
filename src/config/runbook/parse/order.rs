//! What steps say about each other: who waits for whom, and who takes what from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::steps::{Draft, Leaves};
use super::{Desk, Fault, fault_at};
use crate::config::document::{Place, meant};

/// Something that a step takes from another one.
pub(super) struct Use {
    pub(super) step: String,
    pub(super) what: What,
    pub(super) spot: Spot,
}

pub(super) enum What {
    /// The file of an export, or rows that were loaded.
    Rows,
    /// The new Ids of records, for a field.
    Ids { field: String },
    /// Rows that can be compared with their records.
    Records,
}

/// Where it is said: in the runbook, or in a mapping file.
pub(super) enum Spot {
    Here(Range<usize>),
    Other { file: String, place: Place },
}

/// Steps by their ids; of two with the same id the first.
type ById<'d> = BTreeMap<&'d str, &'d Draft>;

pub(super) fn check(desk: &Desk, drafts: &[Draft]) {
    let mut by_id = ById::new();
    for draft in drafts {
        let Some(id) = draft.id.as_deref() else { continue };
        if let Some(first) = by_id.get(id) {
            let what = format!("the step `{}` is there a second time", id.escape_debug());
            let line = desk.place(&first.id_span).line;
            desk.hinted(&draft.id_span, what, format!("the first is in line {line}"));
        } else {
            by_id.insert(id, draft);
        }
    }
    for draft in drafts {
        dependencies(desk, draft, &by_id);
        for used in &draft.uses {
            check_use(desk, draft, used, &by_id);
        }
    }
    circles(desk, drafts, &by_id);
}

fn dependencies(desk: &Desk, draft: &Draft, by_id: &ById) {
    let mut seen = BTreeSet::new();
    for (id, span) in &draft.depends_on {
        if !by_id.contains_key(id.as_str()) {
            desk.hinted(span, unknown(id), meant_step(id, by_id));
        } else if !seen.insert(id) {
            desk.fault(span, format!("`depends_on` names `{}` twice", id.escape_debug()));
        }
    }
}

fn unknown(id: &str) -> String {
    format!("unknown step `{}`", id.escape_debug())
}

fn meant_step(id: &str, by_id: &ById) -> String {
    meant(id, by_id.keys().copied())
}

fn check_use(desk: &Desk, draft: &Draft, used: &Use, by_id: &ById) {
    let add = |what: String, hint: Option<String>| {
        desk.add(match &used.spot {
            Spot::Here(span) => fault_at(desk, span, what, hint),
            Spot::Other { file, place } => {
                Fault { file: file.clone(), place: Some(*place), what, hint }
            }
        });
    };
    let shown = used.step.escape_debug();
    let Some(other) = by_id.get(used.step.as_str()) else {
        return add(unknown(&used.step), Some(meant_step(&used.step, by_id)));
    };
    if draft.id.as_deref() == Some(&used.step) {
        return match &used.what {
            What::Ids { field } => {
                let hint =
                    format!("`second_pass = [\"{field}\"]` writes it when all rows are there");
                add(format!("`{shown}` looks up its own rows for `{field}`"), Some(hint));
            }
            _ => add(format!("`{shown}` cannot take its own rows"), None),
        };
    }
    if let Some(what) = leaves_not(used, other.leaves) {
        return add(what, None);
    }
    // A step without an id cannot be named in the hint, and has that fault already.
    let Some(own) = draft.id.as_deref() else { return };
    if !waits_for(draft, &used.step, by_id) {
        let taken = match used.what {
            What::Rows | What::Records => "rows",
            What::Ids { .. } => "Ids",
        };
        let what = format!("`{own}` takes {taken} of `{shown}` and does not wait for it");
        let hint = format!("add `\"{shown}\"` to `depends_on` of `{own}`");
        add(what, Some(hint));
    }
}

/// Why the step does not leave what is wanted of it.
fn leaves_not(used: &Use, leaves: Leaves) -> Option<String> {
    let step = used.step.escape_debug();
    match (&used.what, leaves) {
        (_, Leaves::Unknown)
        | (What::Rows, Leaves::File | Leaves::Records | Leaves::Deleted)
        | (What::Ids { .. } | What::Records, Leaves::Records) => None,
        (What::Rows, Leaves::Nothing) => {
            Some(format!("`{step}` leaves no rows: it is neither an export nor a load"))
        }
        (What::Ids { .. } | What::Records, Leaves::Deleted) => {
            Some(format!("`{step}` deletes its records, so they have no Id any more"))
        }
        (What::Ids { .. } | What::Records, _) => {
            Some(format!("`{step}` is no load, so it has no records of its own"))
        }
    }
}

/// Whether the step waits for this other one, directly or through others.
fn waits_for(draft: &Draft, wanted: &str, by_id: &ById) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![draft];
    while let Some(draft) = ahead.pop() {
        for (id, _) in &draft.depends_on {
            if id == wanted {
                return true;
            }
            if let Some((id, next)) = by_id.get_key_value(id.as_str())
                && seen.insert(*id)
            {
                ahead.push(next);
            }
        }
    }
    false
}

/// Tells each circle once, with all of its steps, at the first of them in the file.
fn circles(desk: &Desk, drafts: &[Draft], by_id: &ById) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for draft in drafts {
        let Some(id) = draft.id.as_deref().filter(|id| !told.contains(id)) else { continue };
        let Some(path) = way_back(id, by_id) else { continue };
        told.extend(&path);
        let next = path.get(1).copied().unwrap_or(id);
        let span = draft.depends_on.iter().find(|(id, _)| id == next);
        let span = span.map_or(&draft.id_span, |(_, span)| span);
        let names: Vec<String> =
            path.iter().chain([&id]).map(|id| id.escape_debug().to_string()).collect();
        let what = format!("steps wait for each other in a circle: `{}`", names.join(" → "));
        desk.hinted(span, what, "take one of them out of `depends_on`");
    }
}

/// The shortest way from a step over those that it waits for back to itself.
fn way_back<'d>(start: &'d str, by_id: &ById<'d>) -> Option<Vec<&'d str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ahead = std::collections::VecDeque::from([start]);
    while let Some(at) = ahead.pop_front() {
        for (id, _) in &by_id.get(at)?.depends_on {
            if id == start {
                let mut path = vec![at];
                while let Some(before) = came_from.get(path[path.len() - 1]) {
                    path.push(before);
                }
                path.reverse();
                return Some(path);
            }
            let known = by_id.get_key_value(id.as_str()).map(|(id, _)| *id);
            if let Some(id) = known.filter(|id| !came_from.contains_key(id)) {
                came_from.insert(id, at);
                ahead.push_back(id);
            }
        }
    }
    None
}
