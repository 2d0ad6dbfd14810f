//! The checks of a reconcile step.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Folder;
use super::keys::SAMPLE_ROWS;
use super::order::{Spot, Use, What};
use super::steps::{number, rows};
use super::tree::{Node, Table};
use crate::config::runbook::{Check, CheckKind, CheckSource, Tolerance};

pub(super) fn checks(folder: &Folder, node: &Node, uses: &mut Vec<Use>) -> Option<Vec<Check>> {
    let mut names = BTreeSet::new();
    let mut checks = Vec::new();
    let mut whole = true;
    for item in node.items() {
        let Some(table) = item.table() else { continue };
        if let Some(name) = table.get("name")
            && let Some(text) = name.text()
            && !names.insert(text.to_owned())
        {
            let what = format!("the check `{}` is there a second time", text.escape_debug());
            folder.desk.fault(&name.span, what);
        }
        match check(folder, item, table, uses) {
            Some(check) => checks.push(check),
            None => whole = false,
        }
    }
    whole.then_some(checks)
}

fn check(folder: &Folder, item: &Node, table: &Table, uses: &mut Vec<Use>) -> Option<Check> {
    let inner = |key: &str| table.get(key).and_then(Node::table);
    let kind = if let Some(count) = inner("count") {
        source(folder, count, uses).and_then(|source| {
            let (object, filter) = (count.owned("object")?, count.owned("where"));
            Some(CheckKind::Count { source, object, filter })
        })
    } else if let Some(orphans) = inner("orphans") {
        self::orphans(orphans)
    } else if let Some(sample) = inner("sample") {
        self::sample(sample, uses)
    } else {
        let compared = ["sum", "nulls", "duplicates"].into_iter();
        let mut compared = compared.filter_map(|word| Some((word, inner(word)?)));
        compared.next().and_then(|(word, table)| compare(folder, word, table, uses))
    };
    Some(Check {
        name: table.owned("name")?,
        kind: kind?,
        tolerance: tolerance(table.get("tolerance"), folder)?,
        place: folder.desk.place(&item.span),
    })
}

fn compare(folder: &Folder, word: &str, table: &Table, uses: &mut Vec<Use>) -> Option<CheckKind> {
    let source = source(folder, table, uses)?;
    let (column, object) = (table.owned("column")?, table.owned("object")?);
    let (field, filter) = (table.owned("field")?, table.owned("where"));
    Some(match word {
        "sum" => CheckKind::Sum { source, column, object, field, filter },
        "nulls" => CheckKind::Nulls { source, column, object, field, filter },
        _ => CheckKind::Duplicates { source, column, object, field, filter },
    })
}

fn orphans(table: &Table) -> Option<CheckKind> {
    Some(CheckKind::Orphans {
        object: table.owned("object")?,
        field: table.owned("field")?,
        filter: table.owned("where"),
        expected: number(table, "expected").unwrap_or_default(),
    })
}

fn sample(table: &Table, uses: &mut Vec<Use>) -> Option<CheckKind> {
    let step = table.get("step")?;
    let id = step.text()?.to_owned();
    let spot = Spot::Here(step.span.clone());
    uses.push(Use { step: id.clone(), what: What::Records, spot });
    let rows = number(table, "rows").unwrap_or(SAMPLE_ROWS);
    Some(CheckKind::Sample { step: id, rows, fields: table.texts("fields") })
}

fn source(folder: &Folder, table: &Table, uses: &mut Vec<Use>) -> Option<CheckSource> {
    let rows = rows(folder, table, uses)?;
    let only = table.get("only").and_then(Node::table).map(|only| &only.entries[..]);
    let only: BTreeMap<String, String> = only
        .unwrap_or_default()
        .iter()
        .filter_map(|member| Some((member.key.clone(), member.node.text()?.to_owned())))
        .collect();
    Some(CheckSource { rows, only })
}

fn tolerance(node: Option<&Node>, folder: &Folder) -> Option<Tolerance> {
    let Some(node) = node else { return Some(Tolerance::default()) };
    if let Some(absolute) = node.number() {
        if absolute < 0.0 {
            folder.desk.fault(&node.span, "a tolerance is not less than 0");
        }
        return Some(Tolerance { absolute, share: None });
    }
    let share = node.text()?.parse().ok()?;
    Some(Tolerance { absolute: 0.0, share: Some(share) })
}
