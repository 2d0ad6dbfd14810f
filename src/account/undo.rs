//! Whether and how a run can be taken back, as far as its folder tells; `longshore undo` looks at
//! the org besides.

use std::path::Path;

use super::{Account, Kind, Step};
use crate::ledger::{Manifest, RunState};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::BIN_DAYS;
use crate::model::wording::counted;

/// How a run is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    /// What an undo does; of a runbook the words for the kinds of its steps.
    pub does: Vec<String>,
    /// What it cannot bring back.
    pub cannot: Vec<String>,
    /// Runs that have taken it back, in whole or in part.
    pub undone_by: Vec<String>,
    /// Whether `longshore undo` would look at it at all.
    pub can_be_asked: bool,
}

/// The record of an undo that was begun, as `undo/NNN.json` has it.
#[derive(serde::Deserialize)]
struct Begun {
    parts: Vec<Part>,
}

#[derive(serde::Deserialize)]
struct Part {
    run: String,
}

impl Undo {
    pub(super) fn of(
        root: &Path,
        manifest: &Manifest,
        state: &RunState,
        kind: Kind,
        steps: &[Step],
    ) -> Result<Self, Failure> {
        let mut undo = Self::default();
        let passing = manifest.plan.as_ref().is_some_and(|plan| plan["passing_org"] == true);
        if passing {
            undo.cannot.push("the org of the command ended with it".to_owned());
            return Ok(undo);
        }
        undo.can_be_asked = state.closed.is_some();
        if kind == Kind::Load {
            if undo.can_be_asked {
                undo.load(manifest, state);
            }
            undo.undone_by = undone_by(root)?;
        } else {
            for step in steps {
                undo.take(step);
            }
        }
        Ok(undo)
    }

    /// What a step says, the step named.
    fn take(&mut self, step: &Step) {
        let id = &step.step.id;
        for Account { undo, .. } in &step.runs {
            self.does.extend(undo.does.iter().map(|line| format!("`{id}`: {line}")));
            self.cannot.extend(undo.cannot.iter().map(|line| format!("`{id}`: {line}")));
            self.undone_by.extend(undo.undone_by.iter().cloned());
        }
    }

    fn load(&mut self, manifest: &Manifest, state: &RunState) {
        let counts = state.closed.map(|closed| closed.counts).unwrap_or_default();
        let sent = counts.success.saturating_sub(counts.unchanged);
        if counts.unknown > 0 {
            let rows = counted(counts.unknown, "row");
            self.cannot
                .push(format!("{rows} of `unknown.csv`: nobody knows whether they took effect"));
        }
        if sent == 0 {
            self.does.push("it changed nothing that is known".to_owned());
            return;
        }
        let rows = counted(sent, "row");
        let kept = !manifest.images.is_empty() && state.cleaned.is_none();
        let is_auth0 = manifest.org_kind == "auth0";
        let cleaned = match &state.cleaned {
            Some(when) => format!("what was kept was removed by `runs clean` at {when}"),
            None => "what the records held before was not kept".to_owned(),
        };
        match manifest.operation.as_str() {
            "insert" if is_auth0 => {
                self.pairs(state, "what was added to users is taken away again");
            }
            _ if is_auth0 => self.pairs(state, "what was taken from users is given back"),
            "insert" => self.does.push(format!(
                "what {rows} created is deleted, and what others have made below it since goes too"
            )),
            "undelete" => self.does.push(format!("what {rows} brought back is deleted again")),
            "update" if kept => self.written_back(&rows),
            "update" => self.cannot.push(format!("{rows}: {cleaned}")),
            "upsert" if kept => {
                self.does.push("what was created is deleted".to_owned());
                self.written_back(&rows);
            }
            "upsert" => {
                self.does.push("what was created is deleted".to_owned());
                self.cannot.push(format!("what was changed and not created: {cleaned}"));
            }
            operation => self.deleted(operation, &rows, kept, &cleaned),
        }
    }

    fn written_back(&mut self, rows: &str) {
        self.does.push(format!(
            "the values that records held before are written back ({rows}); fields that others \
             have changed since are left alone"
        ));
    }

    fn deleted(&mut self, operation: &str, rows: &str, kept: bool, cleaned: &str) {
        let has_bin = operation == "delete";
        if has_bin {
            self.does.push(format!(
                "{rows}: records that are in the recycle bin still, {BIN_DAYS} days at most, are \
                 taken out of it, with their Ids"
            ));
        }
        let later = if has_bin { "records that are not: " } else { "" };
        if kept {
            self.does.push(format!("{later}created anew from what they held before, with new Ids"));
            self.cannot.push(
                "where records are created anew: their old Ids, and what referred to them or went \
                 with them"
                    .to_owned(),
            );
        } else {
            self.cannot.push(format!("{later}{cleaned}"));
        }
    }

    fn pairs(&mut self, state: &RunState, does: &str) {
        match &state.cleaned {
            Some(when) => self.cannot.push(format!(
                "what was changed for whom: the results were removed by `runs clean` at {when}"
            )),
            None => self.does.push(does.to_owned()),
        }
    }
}

/// The runs of undos of this one that were begun, in their order.
fn undone_by(root: &Path) -> Result<Vec<String>, Failure> {
    let Ok(entries) = std::fs::read_dir(root.join("undo")) else { return Ok(Vec::new()) };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut records: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    records.sort();
    let mut runs = Vec::new();
    for path in records {
        let text = std::fs::read(&path).map_err(|error| Failure::disk("read", &path, &error))?;
        let begun: Begun = serde_json::from_slice(&text).map_err(|error| {
            Failure::new(Blame::Ledger, format!("`{}` is damaged", path.display())).cause(error)
        })?;
        runs.extend(begun.parts.into_iter().map(|part| part.run));
    }
    Ok(runs)
}
