//! The load as a whole against the describe: what makes every row fail is refused here.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::checks::{Blank, Check, Checks, Picklist, Prefixes, Test};
use crate::model::failure::{Blame, Explain};
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, LoadSchema, ObjectSchema, SentField};

/// A load that cannot succeed in any row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    #[error("this user cannot {verb} `{object}`")]
    NotAllowed { object: String, verb: &'static str },
    #[error(
        "{} of `{object}` needs {}, and no column gives {}",
        if *operation == Operation::Insert { "an insert" } else { "a delete" },
        named(fields),
        pronoun(fields)
    )]
    RequiredMissing { object: String, operation: Operation, fields: Vec<String> },
    #[error("the field `{field}` holds binary data, which a bulk load cannot carry")]
    Binary { field: String },
}

impl Explain for CheckError {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotAllowed { object, .. } => {
                vec![format!(
                    "ask for the right; `longshore describe {object}` shows what there is"
                )]
            }
            Self::RequiredMissing { fields, .. } => vec![format!(
                "add a column, or a constant in a mapping: `{} = {{ constant = \"…\" }}`",
                fields.first().map_or("Field", String::as_str)
            )],
            Self::Binary { .. } => vec!["leave the column out".to_owned()],
        }
    }
}

fn named(fields: &[String]) -> String {
    format!("`{}`", fields.join("`, `"))
}

fn pronoun(fields: &[String]) -> &'static str {
    if fields.len() == 1 { "it" } else { "them" }
}

/// Looks at the load as a whole, and makes the checks of each column.
///
/// `sent` is what the mapping sends, in the order of the body; `external_id` is an upsert's key.
pub fn prepare(
    sent: &[SentField],
    schema: &LoadSchema,
    operation: Operation,
    external_id: Option<&str>,
) -> Result<Checks, CheckError> {
    allowed(&schema.object, operation)?;
    if let Some(binary) = sent.iter().find(|field| field.value_field().kind == FieldKind::Base64) {
        return Err(CheckError::Binary { field: binary.header.clone() });
    }
    let whole_rows = schema.object.sends_whole_rows(operation);
    if whole_rows {
        nothing_required_missing(sent, &schema.object, operation)?;
    }
    let known = Arc::from(known_prefixes(schema));
    let columns = sent.iter().map(|field| {
        let blank = blank_rule(field, operation, external_id, whole_rows);
        check(field, blank, schema, &known)
    });
    Ok(Checks { columns: columns.collect() })
}

/// Whether the org lets this user do that with the object at all; asked before any column is
/// looked at, so that the refusal names the true reason.
pub fn allowed(object: &ObjectSchema, operation: Operation) -> Result<(), CheckError> {
    let needs: &[(bool, &'static str)] = match operation {
        Operation::Insert => &[(object.createable, "create")],
        Operation::Update => &[(object.updateable, "update")],
        Operation::Upsert => &[(object.createable, "create"), (object.updateable, "update")],
        Operation::Delete | Operation::HardDelete => &[(object.deletable, "delete")],
        Operation::Undelete => &[(object.undeletable, "undelete")],
    };
    match needs.iter().find(|(may, _)| !may) {
        Some((_, verb)) => Err(CheckError::NotAllowed { object: object.name.clone(), verb }),
        None => Ok(()),
    }
}

fn nothing_required_missing(
    sent: &[SentField],
    object: &ObjectSchema,
    operation: Operation,
) -> Result<(), CheckError> {
    let is_sent = |field: &FieldSchema| sent.iter().any(|sent| sent.field.name == field.name);
    let missing = object.fields.iter().filter(|field| field.is_required() && !is_sent(field));
    let fields: Vec<String> = missing.map(|field| field.name.clone()).collect();
    if fields.is_empty() {
        return Ok(());
    }
    Err(CheckError::RequiredMissing { object: object.name.clone(), operation, fields })
}

fn blank_rule(
    sent: &SentField,
    operation: Operation,
    external_id: Option<&str>,
    whole_rows: bool,
) -> Blank {
    let field = &sent.field;
    let is_upsert_key = operation == Operation::Upsert
        && sent.related.is_none()
        && external_id.is_some_and(|key| key.eq_ignore_ascii_case(&field.name));
    if is_upsert_key {
        Blank::Key
    } else if field.kind == FieldKind::Id {
        Blank::Id
    } else if whole_rows && field.is_required() {
        Blank::Required
    } else {
        Blank::Fine
    }
}

fn check(
    sent: &SentField,
    blank: Blank,
    schema: &LoadSchema,
    known: &Arc<[([u8; 3], String)]>,
) -> Check {
    let value = sent.value_field();
    let is_constant = sent.from == "constant";
    Check {
        column: if is_constant { sent.header.clone() } else { sent.from.clone() },
        field: sent.header.clone(),
        blank,
        nillable: sent.field.nillable,
        length: length_of(value),
        test: test_of(sent, value, schema, known),
    }
}

/// The length counts for texts only; numbers and the like have bounds of their own.
fn length_of(field: &FieldSchema) -> usize {
    let counts = matches!(
        field.kind,
        FieldKind::String
            | FieldKind::Textarea
            | FieldKind::Email
            | FieldKind::Phone
            | FieldKind::Url
            | FieldKind::Picklist
            | FieldKind::MultiPicklist
            | FieldKind::Combobox
            | FieldKind::EncryptedString
    );
    match usize::try_from(field.length) {
        Ok(length) if counts && length > 0 => length,
        _ => usize::MAX,
    }
}

fn test_of(
    sent: &SentField,
    value: &FieldSchema,
    schema: &LoadSchema,
    known: &Arc<[([u8; 3], String)]>,
) -> Test {
    let restricted = value.restricted_picklist && !value.picklist.is_empty();
    match value.kind {
        FieldKind::Id => match &sent.related {
            None => Test::Id(own_prefix(&schema.object, known)),
            Some(_) => Test::Id(prefixes_of(&sent.field, schema, known)),
        },
        FieldKind::Reference => Test::Id(prefixes_of(value, schema, known)),
        FieldKind::Int => Test::Int(value.digits),
        FieldKind::Double | FieldKind::Currency | FieldKind::Percent => {
            let bounded = value.precision > 0;
            Test::Number(bounded.then(|| value.precision.saturating_sub(value.scale)))
        }
        FieldKind::Boolean => Test::Boolean,
        FieldKind::Date => Test::Date { early: false },
        FieldKind::DateTime => Test::DateTime { early: false },
        FieldKind::Time => Test::Time,
        FieldKind::Email => Test::Email,
        FieldKind::Picklist if restricted => Test::OneOf(picklist(value)),
        FieldKind::MultiPicklist if restricted => Test::SomeOf(picklist(value)),
        FieldKind::Picklist
        | FieldKind::MultiPicklist
        | FieldKind::String
        | FieldKind::Textarea
        | FieldKind::Phone
        | FieldKind::Url
        | FieldKind::Combobox
        | FieldKind::EncryptedString
        | FieldKind::Base64
        | FieldKind::Other => Test::Text,
    }
}

fn picklist(field: &FieldSchema) -> Picklist {
    let active = field.picklist.iter().filter(|value| value.active);
    let values: Vec<(String, String)> =
        active.map(|value| (value.value.clone(), value.label.clone())).collect();
    let exact: HashSet<Box<[u8]>> =
        values.iter().map(|(value, _)| Box::from(value.as_bytes())).collect();
    Picklist { exact, values }
}

fn own_prefix(object: &ObjectSchema, known: &Arc<[([u8; 3], String)]>) -> Prefixes {
    let own = object.key_prefix.as_deref().and_then(prefix_bytes);
    Prefixes {
        allowed: own.into_iter().collect(),
        objects: vec![object.name.clone()],
        known: Arc::clone(known),
    }
}

/// What a reference may point to; if one target's prefix is not known, anything goes.
fn prefixes_of(
    reference: &FieldSchema,
    schema: &LoadSchema,
    known: &Arc<[([u8; 3], String)]>,
) -> Prefixes {
    let prefix = |object: &String| {
        schema.key_prefixes.get(&object.to_lowercase()).and_then(|prefix| prefix_bytes(prefix))
    };
    let allowed: Option<Vec<[u8; 3]>> = reference.reference_to.iter().map(prefix).collect();
    Prefixes {
        allowed: allowed.unwrap_or_default(),
        objects: reference.reference_to.clone(),
        known: Arc::clone(known),
    }
}

/// Every known prefix with its object, in the org's spelling where we have seen it.
fn known_prefixes(schema: &LoadSchema) -> Vec<([u8; 3], String)> {
    let spelled = schema.related.values().map(|object| &object.name);
    let spelled = spelled.chain([&schema.object.name]);
    let spelled = spelled.chain(schema.object.fields.iter().flat_map(|field| &field.reference_to));
    let spelled: BTreeMap<String, &String> =
        spelled.map(|name| (name.to_lowercase(), name)).collect();
    let mut known: Vec<([u8; 3], String)> = schema
        .key_prefixes
        .iter()
        .filter_map(|(object, prefix)| {
            let name = spelled.get(object).map_or(object, |name| name);
            Some((prefix_bytes(prefix)?, name.clone()))
        })
        .collect();
    known.sort();
    known
}

fn prefix_bytes(prefix: &str) -> Option<[u8; 3]> {
    prefix.as_bytes().try_into().ok()
}
