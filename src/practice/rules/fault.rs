//! The refusals, in the words of the service where they are known.

use crate::practice::objects::{Field, Object};
use crate::practice::org::{RowError, Verb};
use crate::practice::store::Rid;

pub(super) fn fault(code: &str, message: impl Into<String>, fields: &[&str]) -> RowError {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    RowError { code: code.to_owned(), message: message.into(), fields }
}

pub(super) fn no_object(name: &str) -> RowError {
    fault("INVALID_TYPE", format!("sObject type '{name}' is not supported."), &[])
}

pub(super) fn no_column(object: &Object, name: &str) -> RowError {
    let object = object.name();
    let message = format!("No such column '{name}' on sobject of type {object}");
    fault("INVALID_FIELD", message, &[])
}

pub(super) fn not_able(object: &Object, verb: &Verb) -> RowError {
    let name = object.name();
    match verb {
        Verb::Insert => cannot(&format!("entity type cannot be inserted: {name}")),
        Verb::Update => cannot(&format!("entity type cannot be updated: {name}")),
        Verb::Upsert { .. } => cannot(&format!("entity type cannot be upserted: {name}")),
        Verb::Delete | Verb::HardDelete => fault(
            "INVALID_TYPE_FOR_OPERATION",
            format!("entity type cannot be deleted: {name}"),
            &[],
        ),
        Verb::Undelete => {
            let message = format!("entity type cannot be undeleted: {name}");
            fault("INVALID_TYPE_FOR_OPERATION", message, &[])
        }
    }
}

fn cannot(message: &str) -> RowError {
    fault("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
}

pub(super) fn no_key(name: &str) -> RowError {
    let message =
        format!("Field name provided, {name} is not an External ID or indexed field for upsert");
    fault("INVALID_FIELD", message, &[])
}

pub(super) fn no_id(verb: &str) -> RowError {
    fault("MISSING_ARGUMENT", format!("Id not specified in an {verb} call"), &["Id"])
}

pub(super) fn key_missing(key: &str) -> RowError {
    fault("MISSING_ARGUMENT", format!("{key} not specified"), &[key])
}

pub(super) fn malformed(id: &str) -> RowError {
    fault("MALFORMED_ID", format!("malformed id {id}"), &["Id"])
}

/// An `Id` of another object.
pub(super) fn wrong_id(object: &Object, id: &str) -> RowError {
    let label = object.definition.label;
    fault("MALFORMED_ID", format!("{label} ID: id value of incorrect type: {id}"), &["Id"])
}

pub(super) fn no_record() -> RowError {
    fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])
}

pub(super) fn deleted() -> RowError {
    fault("ENTITY_IS_DELETED", "entity is deleted", &[])
}

pub(super) fn repeated(object: &Object, verb: &Verb, key: &str) -> RowError {
    match verb {
        Verb::Upsert { key: field } if !field.eq_ignore_ascii_case("Id") => {
            let name = object.position(field).map_or(&**field, |at| object.fields[at].name);
            fault("DUPLICATE_VALUE", format!("Duplicate external id specified: {key}"), &[name])
        }
        _ => fault("DUPLICATE_VALUE", format!("Duplicate id specified: {key}"), &["Id"]),
    }
}

pub(super) fn many_found(object: &Object, field: &str, numbers: &[u32]) -> RowError {
    let ids: Vec<String> = numbers.iter().map(|number| Rid::new(object, *number).spell()).collect();
    let ids = ids.join(", ");
    let message = format!("{field}: more than one record found for external id field: [{ids}]");
    fault("DUPLICATE_EXTERNAL_ID", message, &[field])
}

pub(super) fn taken(field: &Field, by: Rid) -> RowError {
    let (name, id) = (field.name, by.spell());
    let message =
        format!("duplicate value found: {name} duplicates value on record with id: {}", &id[..15]);
    fault("DUPLICATE_VALUE", message, &[name])
}

pub(super) fn missing(names: &[&str]) -> RowError {
    let list = names.join(", ");
    fault("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{list}]"), names)
}

pub(super) fn read_only(names: &[&str]) -> RowError {
    let list = names.join(", ");
    let message = format!(
        "Unable to create/update fields: {list}. Please check the security settings of this field \
         and verify that it is read/write for your profile or permission set."
    );
    fault("INVALID_FIELD_FOR_INSERT_UPDATE", message, names)
}

pub(super) fn no_foreign_key(object: &Object, field: &Field, value: &str) -> RowError {
    let (name, object) = (field.name, object.name());
    let message =
        format!("Foreign key external ID: {value} not found for field {name} in entity {object}");
    fault("INVALID_FIELD", message, &[])
}

/// One field has two columns with values.
pub(super) fn twice(field: &Field) -> RowError {
    let (name, relationship) = (field.name, field.relationship);
    let message = if relationship.is_empty() {
        format!("field {name} is specified more than once")
    } else {
        format!(
            "cannot specify both an external ID reference {relationship} and a salesforce id, \
             {name}"
        )
    };
    fault("INVALID_FIELD", message, &[name])
}

pub(super) fn no_right() -> RowError {
    let message = "insufficient access rights on object id";
    fault("INSUFFICIENT_ACCESS_OR_READONLY", message, &[])
}
