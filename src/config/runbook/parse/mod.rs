//! TOML to a runbook: the text is read, parameters are filled in, the table of keys is held against
//! it, and what is left is built and checked across steps. Every fault is gathered on the way.

mod checks;
mod files;
pub mod keys;
mod order;
pub mod shape;
mod steps;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::faults::{Desk, Fault, RunbookFaults};
use super::{ApiBudget, OrgSpec, Runbook, RunbookPolicy, TargetSpec};
use crate::config::document::{self, Value, Wrong, in_file_order, meant};
use crate::config::policy::MaxFailed;
use crate::model::chunk::Digest;
use files::Folder;
use tree::{Content, Filling, Node, Table};

/// A runbook has at most so many bytes; one of 100 steps has some 50,000.
const RUNBOOK_BYTES_MAX: u64 = 4 << 20;

/// Reads the file at `path`.
pub fn read(path: &Path, given: &[(String, String)]) -> Result<Runbook, RunbookFaults> {
    let file = path.display().to_string();
    let refuse = |what: String, hint| RunbookFaults::one(&file, what, hint);
    let unreadable = |error: std::io::Error| refuse(format!("cannot be read: {error}"), None);
    // Asked before it is opened: opening a pipe would wait, and a device may have no end.
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        let hint = "`docs/reference/runbook.md` shows a runbook";
        return Err(refuse("is not a file".to_owned(), Some(hint)));
    }
    if about.len() > RUNBOOK_BYTES_MAX {
        let what = format!("has {} bytes, at most {RUNBOOK_BYTES_MAX} are read", about.len());
        return Err(refuse(what, None));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(folder).map_err(unreadable)?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| refuse("is not UTF-8 text".to_owned(), Some("save it as UTF-8")))?;
    parse(text, &file, &folder, given)
}

/// Reads the text of a runbook; `file` is its name in messages, and `folder` where its paths are
/// taken from, from the root of the file system on.
pub fn parse(
    text: &str,
    file: &str,
    folder: &Path,
    given: &[(String, String)],
) -> Result<Runbook, RunbookFaults> {
    let digest = Digest::of(text.as_bytes());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let desk = Desk::new(file, text);
    let runbook = match document::read(text) {
        Ok(document) => runbook(&desk, document.get_ref(), folder, given, digest),
        Err(Wrong { span, what, hints }) => {
            match hints.first() {
                Some(hint) => desk.hinted(&span, what, hint),
                None => desk.fault(&span, what),
            }
            None
        }
    };
    match (desk.close(), runbook) {
        (None, Some(runbook)) => Ok(runbook),
        (Some(faults), _) => Err(faults),
        // What is not built is told as a fault, so this is out of reach.
        (None, None) => Err(RunbookFaults::one(file, "cannot be understood", None)),
    }
}

fn runbook(
    desk: &Desk,
    document: &DeTable,
    folder: &Path,
    given: &[(String, String)],
    digest: Digest,
) -> Option<Runbook> {
    let values = parameters(desk, document, given);
    let table = Filling { desk, values: &values }.table(document);
    shape::check(desk, &keys::RUNBOOK, &table, &(0..0));
    let (targets, words) = targets(desk, &table);
    let default_target = default_target(desk, &table, &targets);
    let folder = Folder::new(desk, folder, table.yes("allow_paths_outside"));
    let drafts = steps::drafts(&folder, &table, &words);
    order::check(desk, &drafts);
    let parameters = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Some(Runbook {
        name: table.owned("runbook")?,
        description: table.owned("description"),
        file: desk.file.to_owned(),
        folder: folder.root.to_owned(),
        digest,
        parameters: parameters.collect(),
        targets,
        default_target: default_target?,
        policy: policy(&table),
        steps: drafts.into_iter().map(|draft| draft.step).collect::<Option<_>>()?,
    })
}

/// What each parameter stands for; `None` has no value.
fn parameters(
    desk: &Desk,
    document: &DeTable,
    given: &[(String, String)],
) -> BTreeMap<String, Option<String>> {
    let section = document.get_key_value("parameters");
    let declared = section.map(|(_, value)| value.get_ref());
    let mut values = BTreeMap::new();
    if let Some(DeValue::Table(declared)) = declared {
        for (name, value) in in_file_order(declared) {
            let said = given.iter().rev().find(|(given, _)| given == name.get_ref());
            let value = match said {
                Some((_, given)) => Some(given.clone()),
                None => default_of(desk, name.get_ref(), &name.span(), value),
            };
            values.insert(name.get_ref().to_string(), value);
        }
    }
    let place = section.map_or(0..0, |(key, _)| key.span());
    let mut seen = BTreeSet::new();
    for (name, _) in given {
        let shown = name.escape_debug();
        if !values.contains_key(name) {
            let what = format!("`--parameter {shown}` is given, and the file declares none such");
            let hint = if values.is_empty() {
                "it declares no parameter at all".to_owned()
            } else {
                meant(name, values.keys().map(String::as_str))
            };
            desk.hinted(&place, what, hint);
        } else if !seen.insert(name) {
            desk.fault(&place, format!("`--parameter {shown}` is given twice"));
        }
    }
    values
}

/// The value of a parameter that is not given.
fn default_of(desk: &Desk, name: &str, span: &Range<usize>, value: &Value) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) if text.contains("${") => {
            let what = "the value of a parameter is taken as it is, and no other stands in it";
            desk.fault(&value.span(), what);
            None
        }
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Table(table) => {
            let about = table.get("description").and_then(|about| about.get_ref().as_str());
            let about = about.map(|about| format!(": {about}")).unwrap_or_default();
            let what = format!("the parameter `{name}` has no value");
            desk.hinted(span, what, format!("`--parameter {name}=…` gives it{about}"));
            None
        }
        // The wrong type is told with all others.
        _ => None,
    }
}

/// The targets that are well-formed, and all words that orgs are called by in any of them.
fn targets(desk: &Desk, table: &Table) -> (Vec<TargetSpec>, BTreeSet<String>) {
    let section = table.get("targets").and_then(Node::table);
    let entries = section.map(|section| &section.entries[..]).unwrap_or_default();
    let words: BTreeSet<String> = entries
        .iter()
        .filter_map(|target| target.node.table())
        .flat_map(|orgs| orgs.entries.iter().map(|org| org.key.clone()))
        .collect();
    let mut targets = Vec::new();
    for target in entries {
        let Some(orgs) = target.node.table() else { continue };
        for word in words.iter().filter(|word| orgs.get(word).is_none()) {
            let what = format!(
                "the target `{}` has no org `{word}`, which another target has",
                target.key.escape_debug()
            );
            let hint = format!("`{word} = \"ALIAS\"` says which org it is there");
            desk.hinted(&target.key_span, what, hint);
        }
        let orgs =
            orgs.entries.iter().filter_map(|org| Some((org.key.clone(), org_of(&org.node)?)));
        targets.push(TargetSpec {
            name: target.key.clone(),
            orgs: orgs.collect(),
            place: desk.place(&target.key_span),
        });
    }
    (targets, words)
}

fn org_of(node: &Node) -> Option<OrgSpec> {
    match &node.content {
        Content::Text(alias) => Some(OrgSpec { alias: alias.clone(), org_id: None }),
        Content::Table(org) => {
            Some(OrgSpec { alias: org.owned("alias")?, org_id: org.owned("org_id") })
        }
        _ => None,
    }
}

fn default_target(desk: &Desk, table: &Table, targets: &[TargetSpec]) -> Option<String> {
    let names = || targets.iter().map(|target| target.name.as_str());
    match (table.get("default_target"), targets) {
        (Some(node), [_, ..]) => {
            let name = node.text()?;
            if !names().any(|known| known == name) {
                let what = format!("unknown target `{}`", name.escape_debug());
                desk.hinted(&node.span, what, meant(name, names()));
            }
            Some(name.to_owned())
        }
        (None, [only]) => Some(only.name.clone()),
        (None, [_, _, ..]) => {
            let list = names().collect::<Vec<_>>().join("`, `");
            let hint = format!("known here: `{list}`");
            let what = "there is more than one target, and `default_target` does not choose";
            desk.hinted(&table.member("targets")?.key_span, what, hint);
            None
        }
        (_, []) => None,
    }
}

fn policy(table: &Table) -> RunbookPolicy {
    let Some(policy) = table.get("policy").and_then(Node::table) else {
        return RunbookPolicy::default();
    };
    let budget = policy.get("api_budget").and_then(|budget| {
        let calls = budget.whole().map(ApiBudget::Calls);
        calls.or_else(|| budget.text()?.parse().ok().map(ApiBudget::Share))
    });
    let windows = policy.texts("change_window");
    RunbookPolicy {
        max_failed: max_failed(policy),
        max_rows_deleted: policy.get("max_rows_deleted").and_then(Node::whole),
        change_window: windows.iter().filter_map(|window| window.parse().ok()).collect(),
        api_budget: budget,
    }
}

fn max_failed(table: &Table) -> Option<MaxFailed> {
    let limit = table.get("max_failed")?;
    let rows = limit.whole().map(MaxFailed::Rows);
    rows.or_else(|| limit.text()?.parse().ok().map(MaxFailed::Share))
}

/// A fault of the runbook at this place.
fn fault_at(desk: &Desk, span: &Range<usize>, what: String, hint: Option<String>) -> Fault {
    Fault { file: desk.file.to_owned(), place: Some(desk.place(span)), what, hint }
}
