//! Which field of the org a name means, and whether this load may set it.

use std::fmt;

use super::compile::Wanted;
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, LoadSchema, ObjectSchema};
use crate::model::wording::{nearest, shown};

/// A name that was understood.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The header cell of the body, in the org's spelling.
    pub header: String,
    pub field: FieldSchema,
    /// For a relationship column: the key field of the related object.
    pub related: Option<FieldSchema>,
}

/// Why a name cannot be a field of this load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    UnknownField { object: String, by_label: Option<String>, near: Option<String> },
    UnknownRelationship { object: String, relationship: String, near: Option<String> },
    TooDeep,
    NeedsType { forms: Vec<String> },
    NeedlessType { form: String },
    WrongType { given: String, allowed: Vec<String> },
    UnseenObject { object: String },
    UnknownRelated { object: String, field: String, near: Option<String> },
    NotAKey { object: String, field: String, keys: Vec<String> },
    NotWritable { field: String, operation: Operation, why: ReadOnly },
    OnlyId { operation: Operation },
}

/// Why a field cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    /// The Id of a record is the org's to give.
    Id,
    Formula,
    AutoNumber,
    /// An address or location; its parts are fields.
    Compound,
    /// A system field, or the user lacks the right.
    Closed,
}

/// Finds the field that a name means: `Field`, `Relationship.Field` or `Type:Relationship.Field`.
///
/// Source: Bulk API CSV rules for relationship columns (one level, external id or idLookup field,
/// `Type:` if and only if the reference is polymorphic).
pub fn resolve(name: &str, schema: &LoadSchema) -> Result<Resolved, Unfit> {
    let (given_type, path) = match name.split_once(':') {
        Some((given, path)) => (Some(given), path),
        None => (None, name),
    };
    match path.split('.').collect::<Vec<_>>()[..] {
        [_] => plain_field(name, &schema.object),
        [relationship, field] => related_field(given_type, relationship, field, schema),
        _ => Err(Unfit::TooDeep),
    }
}

/// The same as Data Loader understands it: the object of a relationship may be named although there
/// is only one, and where there are several and none is named, the first is meant.
pub fn resolve_loosely(name: &str, schema: &LoadSchema) -> Result<Resolved, Unfit> {
    let targets = |relationship| {
        let reference = schema.object.relationship(relationship);
        reference.map(|reference| reference.reference_to.clone()).unwrap_or_default()
    };
    match resolve(name, schema) {
        Err(Unfit::NeedlessType { form }) => {
            let given = name.split_once(':').map_or("", |(given, _)| given);
            let allowed =
                targets(form.split_once('.').map_or("", |(relationship, _)| relationship));
            if allowed.iter().any(|to| to.eq_ignore_ascii_case(given)) {
                return resolve(&form, schema);
            }
            Err(Unfit::WrongType { given: given.to_owned(), allowed })
        }
        Err(Unfit::NeedsType { forms }) => {
            let relationship = name.split_once('.').map_or("", |(relationship, _)| relationship);
            match targets(relationship).first() {
                Some(first) => resolve(&format!("{first}:{name}"), schema),
                None => Err(Unfit::NeedsType { forms }),
            }
        }
        other => other,
    }
}

/// Whether this load may set what the name means.
pub fn may_send(resolved: &Resolved, object: &ObjectSchema, wanted: &Wanted) -> Result<(), Unfit> {
    let field = &resolved.field;
    let is_id = field.kind == FieldKind::Id;
    if object.sends_only_id(wanted.operation) {
        return if is_id { Ok(()) } else { Err(Unfit::OnlyId { operation: wanted.operation }) };
    }
    if resolved.related.is_none() && wanted.is_key(field) {
        return Ok(());
    }
    let settable = match wanted.operation {
        operation if object.sends_whole_rows(operation) => field.createable,
        Operation::Update => field.updateable,
        // A field that every new record must have (a detail's master, say) may be closed to
        // updates; an upsert could never create without it.
        _ => field.createable && (field.updateable || field.is_required()),
    };
    if settable && !is_id {
        return Ok(());
    }
    let why = match field {
        _ if is_id => ReadOnly::Id,
        field if field.auto_number => ReadOnly::AutoNumber,
        field if field.calculated => ReadOnly::Formula,
        field if matches!(field.type_name.as_str(), "address" | "location") => ReadOnly::Compound,
        _ => ReadOnly::Closed,
    };
    Err(Unfit::NotWritable { field: field.name.clone(), operation: wanted.operation, why })
}

fn plain_field(name: &str, object: &ObjectSchema) -> Result<Resolved, Unfit> {
    if let Some(field) = object.field(name) {
        return Ok(Resolved { header: field.name.clone(), field: field.clone(), related: None });
    }
    let same = |field: &&FieldSchema| field.label.to_lowercase() == name.to_lowercase();
    let by_label = object.fields.iter().find(same).map(|field| field.name.clone());
    let near = nearest_field(name, object);
    Err(Unfit::UnknownField { object: object.name.clone(), by_label, near })
}

/// The field whose name or label is nearest.
fn nearest_field(name: &str, object: &ObjectSchema) -> Option<String> {
    let names = object.fields.iter().map(|field| field.name.as_str());
    let by_name = nearest(name, names).map(str::to_owned);
    by_name.or_else(|| {
        let label = nearest(name, object.fields.iter().map(|field| field.label.as_str()))?;
        object.fields.iter().find(|field| field.label == label).map(|field| field.name.clone())
    })
}

fn related_field(
    given_type: Option<&str>,
    relationship: &str,
    field: &str,
    schema: &LoadSchema,
) -> Result<Resolved, Unfit> {
    let object = &schema.object;
    let Some(reference) = object.relationship(relationship) else {
        let names = object.fields.iter().filter_map(|field| field.relationship_name.as_deref());
        return Err(Unfit::UnknownRelationship {
            object: object.name.clone(),
            relationship: relationship.to_owned(),
            near: nearest(relationship, names).map(str::to_owned),
        });
    };
    let relationship = reference.relationship_name.as_deref().unwrap_or(relationship);
    let polymorphic = reference.polymorphic || reference.reference_to.len() > 1;
    match (given_type, polymorphic) {
        (Some(given), true) => {
            let known = reference.reference_to.iter().find(|to| to.eq_ignore_ascii_case(given));
            let Some(to) = known else {
                let allowed = reference.reference_to.clone();
                return Err(Unfit::WrongType { given: given.to_owned(), allowed });
            };
            let key = key_field(to, field, schema)?;
            let header = format!("{to}:{relationship}.{}", key.name);
            Ok(Resolved { header, field: reference.clone(), related: Some(key) })
        }
        (None, false) => {
            let to = reference.reference_to.first().map_or("", String::as_str);
            let key = key_field(to, field, schema)?;
            let header = format!("{relationship}.{}", key.name);
            Ok(Resolved { header, field: reference.clone(), related: Some(key) })
        }
        (Some(_), false) => Err(Unfit::NeedlessType { form: format!("{relationship}.{field}") }),
        (None, true) => Err(needs_type(reference, relationship, field, schema)),
    }
}

/// A polymorphic relationship without its type: the forms that would do, if there are any.
fn needs_type(
    reference: &FieldSchema,
    relationship: &str,
    field: &str,
    schema: &LoadSchema,
) -> Unfit {
    let mut forms = Vec::new();
    let mut problem = None;
    for to in &reference.reference_to {
        match key_field(to, field, schema) {
            Ok(key) => forms.push(format!("{to}:{relationship}.{}", key.name)),
            Err(unfit) => problem = problem.or(Some(unfit)),
        }
    }
    match problem {
        Some(problem) if forms.is_empty() => problem,
        _ => Unfit::NeedsType { forms },
    }
}

fn key_field(to: &str, field: &str, schema: &LoadSchema) -> Result<FieldSchema, Unfit> {
    let related = schema.related.get(&to.to_lowercase());
    let own = to.eq_ignore_ascii_case(&schema.object.name).then_some(&schema.object);
    let Some(related) = related.or(own) else {
        return Err(Unfit::UnseenObject { object: to.to_owned() });
    };
    match related.field(field) {
        Some(key) if key.is_key() => Ok(key.clone()),
        Some(other) => {
            let keys = related.fields.iter().filter(|field| field.is_key());
            Err(Unfit::NotAKey {
                object: related.name.clone(),
                field: other.name.clone(),
                keys: keys.map(|field| field.name.clone()).collect(),
            })
        }
        None => Err(Unfit::UnknownRelated {
            object: related.name.clone(),
            field: field.to_owned(),
            near: nearest_field(field, related),
        }),
    }
}

impl fmt::Display for Unfit {
    /// What is wrong, as the end of a sentence that begins with the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField { object, .. } => write!(f, "is no field of `{object}`"),
            Self::UnknownRelationship { object, relationship, .. } => {
                let relationship = shown(relationship.as_bytes());
                write!(f, "cannot be filled: `{relationship}` is no relationship of `{object}`")
            }
            Self::TooDeep => write!(f, "goes over more than one relationship"),
            Self::NeedsType { .. } => write!(f, "must name the object that it means"),
            Self::NeedlessType { .. } => {
                write!(f, "names an object although the relationship has only one")
            }
            Self::WrongType { given, .. } => {
                write!(f, "cannot refer to `{}`", shown(given.as_bytes()))
            }
            Self::UnseenObject { object } => {
                write!(f, "refers to `{object}`, which this user cannot see")
            }
            Self::UnknownRelated { object, field, .. } => {
                write!(f, "cannot be filled: `{object}` has no field `{}`", shown(field.as_bytes()))
            }
            Self::NotAKey { object, field, .. } => {
                write!(f, "cannot be filled: `{field}` is no key of `{object}`")
            }
            Self::NotWritable { operation, why, .. } => match why {
                ReadOnly::Id if *operation == Operation::Insert => {
                    write!(f, "is given by the org, an insert cannot set it")
                }
                ReadOnly::Id => write!(f, "cannot be set beside the key of an {operation}"),
                ReadOnly::Formula => write!(f, "is calculated by the org"),
                ReadOnly::AutoNumber => write!(f, "is numbered by the org"),
                ReadOnly::Compound => write!(f, "is put together from other fields"),
                ReadOnly::Closed => write!(f, "cannot be set by an {operation} of this user"),
            },
            Self::OnlyId { operation } => {
                write!(f, "is not needed, {operation} takes only `Id`")
            }
        }
    }
}

impl Unfit {
    /// The ways out.
    pub fn hints(&self) -> Vec<String> {
        let did_you_mean = |near: &Option<String>| {
            near.iter().map(|near| format!("did you mean `{near}`?")).collect()
        };
        match self {
            Self::UnknownField { by_label: Some(name), .. } => {
                vec![format!("it is the label of `{name}`; use the API name")]
            }
            Self::UnknownField { object, near: None, .. } => {
                vec![format!("`longshore describe {object}` lists its fields")]
            }
            Self::UnknownField { near, .. }
            | Self::UnknownRelationship { near, .. }
            | Self::UnknownRelated { near, .. } => did_you_mean(near),
            Self::TooDeep => {
                vec!["the form is `Relationship.Field`, such as `Account.Number__c`".to_owned()]
            }
            Self::NeedsType { forms } => vec![format!("write `{}`", forms.join("` or `"))],
            Self::NeedlessType { form } => vec![format!("write `{form}`")],
            Self::WrongType { allowed, .. } => {
                vec![format!("it can refer to `{}`", allowed.join("`, `"))]
            }
            Self::UnseenObject { object } => {
                vec![format!("ask for the right to read `{object}`, or load ids instead")]
            }
            Self::NotAKey { object, keys, .. } => {
                vec![format!(
                    "external ids and lookup keys of `{object}` are `{}`",
                    keys.join("`, `")
                )]
            }
            Self::NotWritable { field, why: ReadOnly::Closed, .. } => vec![format!(
                "unless it is a system field, the user needs edit access to `{field}`"
            )],
            Self::NotWritable { why: ReadOnly::Compound, .. } => {
                vec!["map the parts, such as `BillingCity`".to_owned()]
            }
            Self::NotWritable { .. } | Self::OnlyId { .. } => {
                vec!["take it out of the mapping".to_owned()]
            }
        }
    }
}
