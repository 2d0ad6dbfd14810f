//! What makes two rows name the same thing: the key of a row, as a fingerprint.

use xxhash_rust::xxh3::xxh3_128;

use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::rows::Table;
use crate::model::schema::{FieldKind, FieldSchema, SentField};
use crate::model::wording::shown;

/// An object whose rows have a key although no field of them is one: the same row a second time is
/// refused by the far side, or changes nothing there.
struct Natural {
    object: &'static str,
    operations: &'static [Operation],
    /// Of the fields of a group, the first that is not blank counts.
    groups: &'static [&'static [&'static str]],
}

const NATURAL: [Natural; 3] = [
    Natural {
        object: "PermissionSetAssignment",
        operations: &[Operation::Insert],
        groups: &[&["AssigneeId"], &["PermissionSetId", "PermissionSetGroupId"]],
    },
    Natural {
        object: "UserPermission",
        operations: &[Operation::Insert, Operation::Delete],
        groups: &[&["user_id", "email"], &["resource_server_identifier"], &["permission_name"]],
    },
    Natural {
        object: "UserRole",
        operations: &[Operation::Insert, Operation::Delete],
        groups: &[&["user_id", "email"], &["role"]],
    },
];

/// What the far side reads as "clear this field", and what is a blank key therefore.
const CLEAR: &[u8] = b"#N/A";

/// Between two values of a key; no UTF-8 text holds this byte.
const BETWEEN: u8 = 0xFF;

/// What becomes of rows with the same key where nobody has said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// The load is refused.
    Refuse,
    /// All are sent, as the same row a second time does no harm.
    Send,
    /// Rows have no key.
    NoKey,
}

/// The same by operation and object, for a file that has the columns it needs.
pub fn unasked(operation: Operation, object: &str) -> Unasked {
    if natural(operation, object).is_some() {
        return Unasked::Send;
    }
    let by_key = operation == Operation::Upsert || operation.needs_id();
    if by_key { Unasked::Refuse } else { Unasked::NoKey }
}

fn natural(operation: Operation, object: &str) -> Option<&'static Natural> {
    NATURAL.iter().find(|natural| {
        let is_it = object.eq_ignore_ascii_case(natural.object);
        is_it && natural.operations.contains(&operation)
    })
}

/// How the rows of a load are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    groups: Vec<Vec<Part>>,
    /// The same row a second time does no harm.
    pub harmless: bool,
}

/// A column of the body that belongs to the key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    column: usize,
    /// The column of the input, as a person knows it.
    name: String,
    form: Form,
}

/// Characters of an id that are its own.
const ID_CHARS: usize = 15;

/// When two values are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The first fifteen characters: the others are their checksum.
    Id,
    /// As the same number: `1` and `1.0`.
    Number,
    Exact,
    /// Case ignored.
    Folded,
}

impl RowKey {
    /// The key of a load; `None` where rows have none, as on most inserts.
    pub fn of(
        operation: Operation,
        object: &ObjectName,
        external_id: Option<&str>,
        sent: &[SentField],
    ) -> Option<Self> {
        let own = |name: &str| {
            let is = |field: &SentField| {
                field.related.is_none() && field.header.eq_ignore_ascii_case(name)
            };
            sent.iter().position(is).map(|column| vec![part(sent, column)])
        };
        if operation == Operation::Upsert {
            return Some(Self { groups: vec![own(external_id?)?], harmless: false });
        }
        if operation.needs_id()
            && let Some(id) = own("Id")
        {
            return Some(Self { groups: vec![id], harmless: false });
        }
        let natural = natural(operation, object.as_str())?;
        let groups = natural.groups.iter().map(|fields| {
            let columns = fields.iter().filter_map(|name| {
                sent.iter().position(|sent| sent.field.name.eq_ignore_ascii_case(name))
            });
            let parts: Vec<Part> = columns.map(|column| part(sent, column)).collect();
            (!parts.is_empty()).then_some(parts)
        });
        Some(Self { groups: groups.collect::<Option<_>>()?, harmless: true })
    }

    /// The key of values of one field, which stand in the first column of a table.
    pub fn of_field(field: &FieldSchema) -> Self {
        let (column, name) = (0, field.name.clone());
        Self { groups: vec![vec![Part { column, name, form: Form::of(field) }]], harmless: false }
    }

    /// The columns of the body that make the key, in the order in which [`Self::narrow`] has them.
    pub fn columns(&self) -> Vec<usize> {
        self.groups.iter().flatten().map(|part| part.column).collect()
    }

    /// The same key for bodies that have its columns only.
    #[must_use]
    pub fn narrow(&self) -> Self {
        let mut narrow = self.clone();
        for (column, part) in narrow.groups.iter_mut().flatten().enumerate() {
            part.column = column;
        }
        narrow
    }

    /// The columns of the input, for messages: `` `Id` ``, `` `email`, `role` ``.
    pub fn names(&self) -> String {
        let names = self.groups.iter().flatten().map(|part| format!("`{}`", part.name));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The first column of the input.
    pub fn first_name(&self) -> &str {
        self.groups.iter().flatten().next().map_or("", |part| &part.name)
    }

    /// The fingerprint of a row; `None` where a part of its key is blank.
    ///
    /// 128 bits make one false pair among a hundred million rows less likely than 10⁻²².
    pub fn print(&self, fields: &Table, row: usize, scratch: &mut Vec<u8>) -> Option<u128> {
        self.print_of(|column| fields.field(row, column), scratch)
    }

    /// The same of a row whose values `field` knows by their columns.
    #[inline]
    pub fn print_of<'a>(
        &self,
        field: impl Fn(usize) -> &'a [u8],
        scratch: &mut Vec<u8>,
    ) -> Option<u128> {
        scratch.clear();
        for group in &self.groups {
            let (place, part, value) = given(group, &field)?;
            // Which of the columns it was belongs to the key; a group has a handful.
            let place = u8::try_from(place).unwrap_or(u8::MAX);
            if part.form == Form::Id
                && value.len() == 18
                && let Some(own) = value.first_chunk::<ID_CHARS>()
            {
                // Most keys are ids: all pieces in one.
                let mut pieces = [BETWEEN; ID_CHARS + 2];
                pieces[0] = place;
                pieces[1..=ID_CHARS].copy_from_slice(own);
                scratch.extend_from_slice(&pieces);
                continue;
            }
            scratch.push(place);
            part.form.push(value, scratch);
            scratch.push(BETWEEN);
        }
        Some(xxh3_128(scratch))
    }

    /// The key of a row, for people.
    pub fn shown(&self, fields: &Table, row: usize) -> String {
        let field = |column| fields.field(row, column);
        let values = self.groups.iter().filter_map(|group| given(group, &field));
        values.map(|(_, _, value)| shown(value)).collect::<Vec<_>>().join(" + ")
    }
}

/// The part of a group that is not blank in a row.
#[inline]
fn given<'a, 'b>(
    group: &'b [Part],
    field: &impl Fn(usize) -> &'a [u8],
) -> Option<(usize, &'b Part, &'a [u8])> {
    group.iter().enumerate().find_map(|(place, part)| {
        let value = field(part.column);
        let blank = value == CLEAR || value.iter().all(u8::is_ascii_whitespace);
        (!blank).then_some((place, part, value))
    })
}

fn part(sent: &[SentField], column: usize) -> Part {
    let field = &sent[column];
    let is_constant = field.from == "constant";
    let name = if is_constant { field.header.clone() } else { field.from.clone() };
    Part { column, name, form: Form::of(field.value_field()) }
}

impl Form {
    fn of(field: &FieldSchema) -> Self {
        match field.kind {
            FieldKind::Id | FieldKind::Reference => Self::Id,
            FieldKind::Email => Self::Folded,
            kind if kind.is_number() => Self::Number,
            _ if field.case_sensitive => Self::Exact,
            _ => Self::Folded,
        }
    }

    fn push(self, value: &[u8], into: &mut Vec<u8>) {
        match self {
            Self::Id if value.len() == 18 => into.extend_from_slice(&value[..ID_CHARS]),
            Self::Id | Self::Exact => into.extend_from_slice(value),
            Self::Number => match number(value) {
                Some(number) => into.extend_from_slice(&number.to_bits().to_be_bytes()),
                None => into.extend_from_slice(value),
            },
            Self::Folded if value.is_ascii() => {
                let start = into.len();
                into.extend_from_slice(value);
                into[start..].make_ascii_lowercase();
            }
            Self::Folded => {
                into.extend_from_slice(String::from_utf8_lossy(value).to_lowercase().as_bytes());
            }
        }
    }
}

fn number(value: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    // Minus nought is nought.
    Some(if number == 0.0 { 0.0 } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::sample;

    fn sent(names: &[&str]) -> Vec<SentField> {
        let schema = sample::schema();
        let one = |name: &&str| SentField {
            header: (*name).to_owned(),
            from: format!("my {name}"),
            field: schema.object.field(name).unwrap().clone(),
            related: None,
        };
        names.iter().map(one).collect()
    }

    fn object(name: &str) -> ObjectName {
        ObjectName::parse(name).unwrap()
    }

    fn same(key: &RowKey, one: &[&str], other: &[&str]) -> Option<bool> {
        let mut table = Table::new(one.len());
        one.iter().chain(other).for_each(|value| table.push_field(value.as_bytes()));
        let mut scratch = Vec::new();
        let prints = [0, 1].map(|row| key.print(&table, row, &mut scratch));
        Some(prints[0]? == prints[1]?)
    }

    #[test]
    fn values_are_compared_as_the_far_side_compares_them() {
        let id = sample::id("A01", 7);
        let other_case = id[..15].to_lowercase();
        let exact = |mut fields: Vec<SentField>| {
            fields[0].field.case_sensitive = true;
            fields
        };
        for (operation, external, fields, one, other, same_key) in [
            (Operation::Update, None, sent(&["Id"]), &*id, &id[..15], Some(true)),
            (Operation::Delete, None, sent(&["Id"]), &id[..15], &*other_case, Some(false)),
            (Operation::HardDelete, None, sent(&["Id"]), &id[..], &id[..], Some(true)),
            (Operation::Update, None, sent(&["Id"]), "", "", None),
            (Operation::Update, None, sent(&["Id"]), " ", "#N/A", None),
            (Operation::Upsert, Some("ext__C"), sent(&["Ext__c"]), "a-1", "A-1", Some(true)),
            (Operation::Upsert, Some("Ext__c"), sent(&["Ext__c"]), "ärger", "ÄRGER", Some(true)),
            (Operation::Upsert, Some("Ext__c"), sent(&["Ext__c"]), "a-1", "a-1 ", Some(false)),
            (Operation::Upsert, Some("Ext__c"), exact(sent(&["Ext__c"])), "a", "A", Some(false)),
            (Operation::Upsert, Some("Pieces__c"), sent(&["Pieces__c"]), "7", "7.0", Some(true)),
            (Operation::Upsert, Some("Pieces__c"), sent(&["Pieces__c"]), "0", "-0", Some(true)),
            (Operation::Upsert, Some("Pieces__c"), sent(&["Pieces__c"]), "7", "70", Some(false)),
            (Operation::Upsert, Some("Id"), sent(&["Id"]), "", &*id, None),
        ] {
            let key = RowKey::of(operation, &object("Shipment__c"), external, &fields).unwrap();
            assert!(!key.harmless);
            assert_eq!(same(&key, &[one], &[other]), same_key, "{operation} {one:?} {other:?}");
        }
        assert_eq!(RowKey::of(Operation::Insert, &object("Account"), None, &sent(&["Name"])), None);
    }

    /// What is said without a file is what holds for one that has the columns.
    #[test]
    fn what_holds_unasked_follows_from_operation_and_object() {
        let id = sent(&["Id"]);
        for (operation, name, unasked_is) in [
            (Operation::Insert, "Account", Unasked::NoKey),
            (Operation::Insert, "permissionsetassignment", Unasked::Send),
            (Operation::Insert, "UserRole", Unasked::Send),
            (Operation::Delete, "UserRole", Unasked::Send),
            (Operation::Update, "Account", Unasked::Refuse),
            (Operation::Upsert, "Account", Unasked::Refuse),
            (Operation::Delete, "PermissionSetAssignment", Unasked::Refuse),
            (Operation::HardDelete, "Account", Unasked::Refuse),
        ] {
            assert_eq!(unasked(operation, name), unasked_is, "{operation} {name}");
            let external = (operation == Operation::Upsert).then_some("Id");
            let key = RowKey::of(operation, &object(name), external, &id);
            let refuses = key.is_some_and(|key| !key.harmless);
            let by_id = unasked_is == Unasked::Refuse || operation == Operation::Delete;
            assert_eq!(refuses, by_id, "{operation} {name}");
        }
    }

    #[test]
    fn rows_of_assignments_and_of_auth0_have_a_natural_key() {
        let field = |name: &str, kind| {
            let like = sample::schema().object.field("Name").unwrap().clone();
            let field = FieldSchema { name: name.to_owned(), kind, case_sensitive: true, ..like };
            SentField { header: name.to_owned(), from: name.to_owned(), field, related: None }
        };
        let assignments = ["Remark", "AssigneeId", "PermissionSetGroupId", "PermissionSetId"]
            .map(|name| field(name, FieldKind::Reference));
        let key =
            RowKey::of(Operation::Insert, &object("permissionsetassignment"), None, &assignments);
        let key = key.unwrap();
        assert!(key.harmless);
        assert_eq!(key.names(), "`AssigneeId`, `PermissionSetId`, `PermissionSetGroupId`");
        assert_eq!(key.columns(), [1, 3, 2]);
        let (user, set) = (sample::id("005", 1), sample::id("0PS", 1));
        let row = |remark: &'static str, set: &str, group: &str| {
            [remark.to_owned(), user.clone(), group.to_owned(), set.to_owned()]
        };
        for (one, other, same_key) in [
            (row("a", &set, ""), row("b", &set[..15], ""), Some(true)),
            (row("a", &set, ""), row("a", "", &set), Some(false)),
            (row("a", "", ""), row("a", "", ""), None),
        ] {
            let (one, other) = (one.each_ref(), other.each_ref());
            let same_key_found = same(&key, &one.map(String::as_str), &other.map(String::as_str));
            assert_eq!(same_key_found, same_key, "{one:?} {other:?}");
        }
        let only_user = &assignments[1..2];
        let assignment = object("PermissionSetAssignment");
        assert_eq!(RowKey::of(Operation::Insert, &assignment, None, only_user), None);
        assert_eq!(RowKey::of(Operation::Delete, &assignment, None, &assignments), None);

        let roles = [
            field("user_id", FieldKind::String),
            field("email", FieldKind::Email),
            field("role", FieldKind::Picklist),
        ];
        let key = RowKey::of(Operation::Delete, &object("UserRole"), None, &roles).unwrap();
        for (one, other, same_key) in [
            (["", "A@x.org", "admin"], ["", "a@x.org", "admin"], Some(true)),
            (["auth0|a", "", "admin"], ["auth0|A", "", "admin"], Some(false)),
            (["auth0|a", "b@x.org", "admin"], ["auth0|a", "", "admin"], Some(true)),
            (["a@x.org", "", "admin"], ["", "a@x.org", "admin"], Some(false)),
            (["auth0|a", "", "admin"], ["auth0|a", "", "Admin"], Some(false)),
        ] {
            assert_eq!(same(&key, &one, &other), same_key, "{one:?} {other:?}");
        }
        assert_eq!(key.narrow().columns(), [0, 1, 2]);
    }
}
