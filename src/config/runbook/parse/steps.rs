//! Steps as they are built, and what one of them says against itself.

use std::collections::BTreeSet;
use std::ops::Range;

use super::files::Folder;
use super::keys::{KINDS, LOAD, MATCHES};
use super::order::{Spot, Use, What};
use super::shape::misspelt;
use super::tree::{Content, Member, Node, Table};
use super::{checks, max_failed};
use crate::config::document::meant;
use crate::config::mapping::{LookupFrom, MappingSpec};
use crate::config::plan::{Delimiter, LineEnding, Nulls, OnBadRow, OnDuplicate};
use crate::config::runbook::{
    Assertion, Bound, Checkpoint, ExportSpec, ExportStep, LoadStep, PermissionsAction,
    PermissionsStep, Rows, Step, StepKind,
};
use crate::model::operation::Operation;

/// A step as far as it could be understood.
pub(super) struct Draft {
    pub(super) id: Option<String>,
    pub(super) id_span: Range<usize>,
    pub(super) depends_on: Vec<(String, Range<usize>)>,
    /// What it takes from other steps.
    pub(super) uses: Vec<Use>,
    /// What it leaves for other steps.
    pub(super) leaves: Leaves,
    /// `None` after a fault.
    pub(super) step: Option<Step>,
}

/// What a step leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Nothing,
    /// The file of an export.
    File,
    /// Rows that were loaded, with the Ids of their records.
    Records,
    /// Rows whose records are gone.
    Deleted,
    /// It could not be understood.
    Unknown,
}

/// Reads one step.
struct Reader<'a, 'f> {
    folder: &'a Folder<'f>,
    own: Option<&'a str>,
    uses: Vec<Use>,
}

pub(super) fn drafts(folder: &Folder, table: &Table, words: &BTreeSet<String>) -> Vec<Draft> {
    let steps = table.get("steps").map(Node::items).unwrap_or_default();
    let tables = steps.iter().filter_map(|step| Some((step, step.table()?)));
    tables.map(|(node, step)| draft(folder, node, step, words)).collect()
}

fn draft(folder: &Folder, node: &Node, table: &Table, words: &BTreeSet<String>) -> Draft {
    let id = table.get("id");
    let id_span = id.map_or(node.span.clone(), |id| id.span.clone());
    let id = id.and_then(Node::text).map(str::to_owned);
    let depends_on = table.get("depends_on").map(Node::items).unwrap_or_default();
    let depends_on =
        depends_on.iter().filter_map(|it| Some((it.text()?.to_owned(), it.span.clone())));
    let depends_on: Vec<_> = depends_on.collect();
    let org = org(folder, node, table, words);
    let kinds: Vec<&Member> =
        table.entries.iter().filter(|member| KINDS.contains(&member.key.as_str())).collect();
    let mut reader = Reader { folder, own: id.as_deref(), uses: Vec::new() };
    let (mut kind, mut leaves) = (None, Leaves::Unknown);
    for member in &kinds {
        (kind, leaves) = reader.kind(member);
    }
    let uses = reader.uses;
    let kind = kind.filter(|_| kinds.len() == 1);
    let build = || {
        Some(Step {
            id: id.clone()?,
            title: table.owned("title"),
            depends_on: depends_on.iter().map(|(id, _)| id.clone()).collect(),
            org: org?,
            max_failed: max_failed(table),
            kind: kind?,
            place: folder.desk.place(&node.span),
        })
    };
    let step = build();
    Draft { id, id_span, depends_on, uses, leaves, step }
}

fn org(folder: &Folder, node: &Node, table: &Table, words: &BTreeSet<String>) -> Option<String> {
    let desk = folder.desk;
    if let Some(org) = table.get("org") {
        let word = org.text()?;
        if !words.contains(word) && !words.is_empty() {
            let what = format!("unknown org `{}`", word.escape_debug());
            desk.hinted(&org.span, what, meant(word, words.iter().map(String::as_str)));
        }
        return Some(word.to_owned());
    }
    let first = words.first()?;
    if words.len() > 1 && table.get("checkpoint").is_none() {
        let list = words.iter().map(String::as_str).collect::<Vec<_>>().join("`, `");
        let what = "the step does not say in which org, and the targets have more than one";
        desk.hinted(&node.span, what, format!("known here: `{list}`"));
    }
    Some(first.clone())
}

impl Reader<'_, '_> {
    fn kind(&mut self, member: &Member) -> (Option<StepKind>, Leaves) {
        let Member { key, node, key_span } = member;
        if key == "assert" {
            return (self.assertions(node).map(StepKind::Assert), Leaves::Nothing);
        }
        if key == "reconcile" {
            let checks = checks::checks(self.folder, node, &mut self.uses);
            return (checks.map(StepKind::Reconcile), Leaves::Nothing);
        }
        let Some(table) = node.table() else { return (None, Leaves::Unknown) };
        match key.as_str() {
            "load" => self.load(table, key_span),
            "export" => (export(table).map(StepKind::Export), Leaves::File),
            "permissions" => {
                let step = self.permissions(table);
                (step.map(|step| StepKind::Permissions(Box::new(step))), Leaves::Nothing)
            }
            _ => {
                let message = table.owned("message");
                let step = message.map(|message| StepKind::Checkpoint(Checkpoint { message }));
                (step, Leaves::Nothing)
            }
        }
    }

    fn load(&mut self, table: &Table, span: &Range<usize>) -> (Option<StepKind>, Leaves) {
        let operation = table.text("operation").and_then(operation_of);
        let leaves = match operation {
            None => Leaves::Unknown,
            Some(Operation::Delete | Operation::HardDelete) => Leaves::Deleted,
            Some(_) => Leaves::Records,
        };
        if let Some(operation) = operation {
            self.fits(table, operation, span);
        }
        let rows = rows(self.folder, table, &mut self.uses);
        let mapping = self.mapping(table);
        let build = || {
            Some(LoadStep {
                operation: operation?,
                object: table.owned("object")?,
                rows: rows?,
                external_id: table.owned("external_id"),
                mapping,
                second_pass: table.texts("second_pass"),
                delimiter: table.text("column_delimiter").and_then(delimiter_of),
                line_ending: table.text("line_ending").and_then(line_ending_of),
                encoding: table.owned("encoding"),
                on_bad_row: match table.text("on_bad_row") {
                    Some("stop") => OnBadRow::Stop,
                    _ => OnBadRow::Reject,
                },
                on_duplicate: table.text("on_duplicate").and_then(on_duplicate_of),
                nulls: match table.text("nulls") {
                    Some("clear") => Nulls::Clear,
                    _ => Nulls::Ignore,
                },
                before_images: table.get("before_images").and_then(Node::yes),
                skip_unchanged: table.yes("skip_unchanged"),
                verify_after: table.yes("verify_after"),
                chunk_rows: number(table, "chunk_rows"),
                chunk_bytes: number(table, "chunk_bytes"),
                parallel: number(table, "parallel"),
            })
        };
        (build().map(|load| StepKind::Load(Box::new(load))), leaves)
    }

    /// Whether all that is said goes with the operation.
    fn fits(&self, table: &Table, operation: Operation, span: &Range<usize>) {
        let desk = self.folder.desk;
        let changes = matches!(operation, Operation::Update | Operation::Upsert);
        let deletes = matches!(operation, Operation::Delete | Operation::HardDelete);
        let of = [
            ("external_id", operation == Operation::Upsert),
            ("second_pass", changes || operation == Operation::Insert),
            ("nulls", changes),
            ("skip_unchanged", changes),
            ("before_images", changes || deletes),
        ];
        for (key, has_use) in of {
            if let Some(member) = table.member(key).filter(|_| !has_use) {
                let word = operation.word();
                desk.fault(&member.key_span, format!("`{key}` has no use with `{word}`"));
            }
        }
        let key = "external_id";
        let is_missing = table.get(key).is_none() && !misspelt(table, &LOAD, key);
        if operation == Operation::Upsert && is_missing {
            let hint = "such as `external_id = \"Legacy_Id__c\"`";
            desk.hinted(span, "an upsert needs `external_id`", hint);
        }
    }

    fn mapping(&mut self, table: &Table) -> Option<std::path::PathBuf> {
        let given = table.get("mapping")?;
        let (path, spec) = self.folder.mapping(given.text()?, &given.span)?;
        if let Some(spec) = spec {
            self.second_pass(table, &spec);
            self.lookups(table, &spec);
        }
        Some(path)
    }

    fn second_pass(&self, table: &Table, spec: &MappingSpec) {
        let desk = self.folder.desk;
        let Some(member) = table.member("second_pass") else { return };
        let targets = || spec.rules.iter().map(|rule| rule.target.as_str());
        let mut seen = BTreeSet::new();
        let fields = member.node.items().iter().filter_map(|it| Some((it.text()?, &it.span)));
        for (field, span) in fields {
            let shown = field.escape_debug();
            let is_key =
                table.text("external_id").is_some_and(|key| key.eq_ignore_ascii_case(field));
            if !seen.insert(field.to_lowercase()) {
                desk.fault(span, format!("`second_pass` names `{shown}` twice"));
            } else if is_key {
                let what = format!("`{shown}` finds the records, so it cannot be written later");
                desk.fault(span, what);
            } else if !targets().any(|target| target.eq_ignore_ascii_case(field)) {
                let what = format!("the mapping fills no field `{shown}`");
                desk.hinted(span, what, meant(field, targets()));
            }
        }
        if targets().all(|target| seen.contains(&target.to_lowercase())) {
            let what = "every field of the mapping is left to the second pass";
            desk.fault(&member.key_span, what);
        }
    }

    /// Other steps whose rows the mapping looks up.
    fn lookups(&mut self, table: &Table, spec: &MappingSpec) {
        let later: Vec<String> =
            table.texts("second_pass").iter().map(|field| field.to_lowercase()).collect();
        for rule in &spec.rules {
            let Some(LookupFrom::Step { step, .. }) = rule.lookup.as_ref().map(|it| &it.from)
            else {
                continue;
            };
            let is_later = later.contains(&rule.target.to_lowercase());
            if is_later && self.own == Some(step) {
                continue;
            }
            self.uses.push(Use {
                step: step.clone(),
                what: What::Ids { field: rule.target.clone() },
                spot: Spot::Other { file: spec.name.clone(), place: rule.place },
            });
        }
    }

    fn permissions(&mut self, table: &Table) -> Option<PermissionsStep> {
        let rows = rows(self.folder, table, &mut self.uses);
        let action = match table.text("action")? {
            "grant" => PermissionsAction::Grant,
            "revoke" => PermissionsAction::Revoke,
            "sync" => PermissionsAction::Sync,
            _ => return None,
        };
        self.action_fits(table, action);
        Some(PermissionsStep {
            action,
            listed_users: table.text("scope") == Some("listed-users"),
            everything: table.yes("everything"),
            rows: rows?,
            permission_sets: table.texts("permission_sets"),
            permission_set_groups: table.texts("permission_set_groups"),
            matching: table.texts("match").iter().map(|column| spelled(column)).collect(),
            expires: table.owned("expires"),
        })
    }

    fn action_fits(&self, table: &Table, action: PermissionsAction) {
        let desk = self.folder.desk;
        let everything = table.yes("everything");
        let rules = [
            ("scope", action == PermissionsAction::Sync, "only a sync has a scope"),
            ("everything", action == PermissionsAction::Revoke, "only a revoke takes everything"),
            ("expires", action != PermissionsAction::Revoke, "what is revoked does not expire"),
            ("permission_sets", !everything, "`everything` leaves nothing to name"),
            ("permission_set_groups", !everything, "`everything` leaves nothing to name"),
        ];
        for (key, has_use, why) in rules {
            if let Some(member) = table.member(key).filter(|_| !has_use) {
                desk.hinted(&member.key_span, format!("`{key}` has no use here"), why);
            }
        }
    }

    fn assertions(&self, node: &Node) -> Option<Vec<Assertion>> {
        node.items().iter().map(|item| self.assertion(item)).collect()
    }

    fn assertion(&self, item: &Node) -> Option<Assertion> {
        let table = item.table()?;
        let number = |key: &str| table.get(key).and_then(Node::number);
        let equals = table.get("equals").and_then(|value| match &value.content {
            Content::Text(text) => Some(text.clone()),
            Content::YesNo(yes) => Some(yes.to_string()),
            Content::Whole(whole) => whole.map(|whole| whole.to_string()),
            Content::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let between = || {
            let pair: Vec<f64> =
                table.get("between")?.items().iter().filter_map(Node::number).collect();
            if let [low, high] = pair[..] { Some(Bound::Between(low, high)) } else { None }
        };
        let bound = equals
            .map(Bound::Equals)
            .or_else(|| number("at_least").map(Bound::AtLeast))
            .or_else(|| number("at_most").map(Bound::AtMost))
            .or_else(between)?;
        let place = self.folder.desk.place(&item.span);
        Some(Assertion { soql: table.owned("query")?, bound, place })
    }
}

fn export(table: &Table) -> Option<ExportStep> {
    let query = match (table.owned("query"), table.owned("object")) {
        (Some(soql), _) => ExportSpec::Soql(soql),
        (None, Some(object)) => ExportSpec::Object {
            object,
            fields: table.texts("fields"),
            filter: table.owned("where"),
        },
        (None, None) => return None,
    };
    Some(ExportStep { query, output: table.owned("output")?, all: table.yes("all") })
}

/// A column as it is called in files, whichever of the two spellings was given.
fn spelled(column: &str) -> String {
    let word = |column: &str| column.to_lowercase().replace(' ', "-");
    let known = MATCHES.iter().rev().find(|known| word(known) == word(column));
    known.map_or_else(|| column.to_owned(), |known| (*known).to_owned())
}

/// Where the rows of a table come from.
pub(super) fn rows(folder: &Folder, table: &Table, uses: &mut Vec<Use>) -> Option<Rows> {
    if let Some(step) = table.get("rows_of") {
        let id = step.text()?.to_owned();
        let spot = Spot::Here(step.span.clone());
        uses.push(Use { step: id.clone(), what: What::Rows, spot });
        return Some(Rows::Step(id));
    }
    let file = table.get("file")?;
    folder.file(file.text()?, &file.span).map(Rows::File)
}

pub(super) fn number<N: TryFrom<u64>>(table: &Table, key: &str) -> Option<N> {
    table.get(key).and_then(Node::whole).and_then(|whole| N::try_from(whole).ok())
}

fn operation_of(word: &str) -> Option<Operation> {
    let all = [
        Operation::Insert,
        Operation::Update,
        Operation::Upsert,
        Operation::Delete,
        Operation::HardDelete,
        Operation::Undelete,
    ];
    all.into_iter().find(|operation| operation.word() == word)
}

fn delimiter_of(word: &str) -> Option<Delimiter> {
    Delimiter::ALL.into_iter().find(|delimiter| delimiter.word() == word)
}

fn line_ending_of(word: &str) -> Option<LineEnding> {
    match word {
        "LF" => Some(LineEnding::Lf),
        "CRLF" => Some(LineEnding::CrLf),
        "CR" => Some(LineEnding::Cr),
        _ => None,
    }
}

fn on_duplicate_of(word: &str) -> Option<OnDuplicate> {
    let all =
        [OnDuplicate::Refuse, OnDuplicate::KeepFirst, OnDuplicate::KeepLast, OnDuplicate::Separate];
    all.into_iter().find(|way| way.word() == word)
}
