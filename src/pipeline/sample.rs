//! An object with a field of each kind, for the tests of the stages.

use std::collections::BTreeMap;

use crate::model::schema::{FieldKind, FieldSchema, LoadSchema, ObjectSchema, PicklistValue};

/// `Shipment__c` with what it refers to: `Account` by lookup, `User` or `Group` as its owner.
pub fn schema() -> LoadSchema {
    let related = [account(), user(), group()];
    let prefixes = [
        ("shipment__c", "a01"),
        ("account", "001"),
        ("contact", "003"),
        ("user", "005"),
        ("group", "00G"),
    ];
    LoadSchema {
        object: shipment(),
        related: related.map(|object| (object.name.to_lowercase(), object)).into(),
        key_prefixes: prefixes
            .map(|(object, prefix)| (object.to_owned(), prefix.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    }
}

/// An id of 18 characters with that prefix and serial number.
pub fn id(prefix: &str, serial: u32) -> String {
    let fifteen = format!("{prefix}8c00000{serial:05}");
    let parsed = crate::model::ids::RecordId::parse(fifteen.as_bytes());
    parsed.expect("a sample id is well-formed").as_str().to_owned()
}

fn shipment() -> ObjectSchema {
    object(
        "Shipment__c",
        "a01",
        vec![
            id_field(),
            FieldSchema { label: "Shipment Name".into(), nillable: false, ..text("Name", 80) },
            FieldSchema {
                label: "External Key".into(),
                external_id: true,
                id_lookup: true,
                unique: true,
                ..text("Ext__c", 20)
            },
            FieldSchema { label: "Customer".into(), ..reference("Account__c", &["Account"]) },
            FieldSchema {
                polymorphic: true,
                nillable: false,
                defaulted_on_create: true,
                ..reference("OwnerId", &["Group", "User"])
            },
            FieldSchema { createable: false, updateable: false, ..created_date() },
            FieldSchema {
                createable: false,
                updateable: false,
                calculated: true,
                ..number("Total__c", FieldKind::Currency, 18, 2)
            },
            FieldSchema {
                createable: false,
                updateable: false,
                auto_number: true,
                ..text("Number__c", 30)
            },
            FieldSchema { createable: false, updateable: false, ..text("Closed__c", 30) },
            number("Weight__c", FieldKind::Double, 8, 2),
            number("Price__c", FieldKind::Currency, 18, 2),
            FieldSchema { digits: 8, ..field("Pieces__c", FieldKind::Int) },
            FieldSchema {
                nillable: false,
                defaulted_on_create: true,
                ..field("Fragile__c", FieldKind::Boolean)
            },
            field("Due__c", FieldKind::Date),
            field("At__c", FieldKind::DateTime),
            field("Slot__c", FieldKind::Time),
            picklist("Mode__c", FieldKind::Picklist, &["Air", "Sea", "Übersee"]),
            picklist("Tags__c", FieldKind::MultiPicklist, &["cold", "heavy"]),
            FieldSchema { length: 80, ..field("Email__c", FieldKind::Email) },
            FieldSchema { length: 32_000, ..field("Note__c", FieldKind::Textarea) },
            field("Body__c", FieldKind::Base64),
        ],
    )
}

fn account() -> ObjectSchema {
    let key = FieldSchema { external_id: true, id_lookup: true, ..text("Ext__c", 20) };
    object("Account", "001", vec![id_field(), text("Name", 255), key])
}

fn user() -> ObjectSchema {
    let key = FieldSchema { id_lookup: true, ..text("Username", 80) };
    object("User", "005", vec![id_field(), key, text("Name", 121)])
}

fn group() -> ObjectSchema {
    object("Group", "00G", vec![id_field(), text("DeveloperName", 80), text("Name", 40)])
}

fn object(name: &str, key_prefix: &str, fields: Vec<FieldSchema>) -> ObjectSchema {
    ObjectSchema {
        name: name.to_owned(),
        label: name.trim_end_matches("__c").to_owned(),
        key_prefix: Some(key_prefix.to_owned()),
        createable: true,
        updateable: true,
        deletable: true,
        undeletable: true,
        queryable: true,
        custom: name.ends_with("__c"),
        deleted_by_row: false,
        fields,
    }
}

pub fn field(name: &str, kind: FieldKind) -> FieldSchema {
    FieldSchema {
        name: name.to_owned(),
        label: name.trim_end_matches("__c").to_owned(),
        kind,
        type_name: format!("{kind:?}").to_lowercase(),
        length: 0,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: true,
        nillable: true,
        defaulted_on_create: false,
        calculated: false,
        html: false,
        auto_number: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: false,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    }
}

fn id_field() -> FieldSchema {
    FieldSchema {
        label: "Record ID".to_owned(),
        length: 18,
        createable: false,
        updateable: false,
        nillable: false,
        defaulted_on_create: true,
        id_lookup: true,
        ..field("Id", FieldKind::Id)
    }
}

fn created_date() -> FieldSchema {
    FieldSchema { nillable: false, ..field("CreatedDate", FieldKind::DateTime) }
}

fn text(name: &str, length: u32) -> FieldSchema {
    FieldSchema { length, ..field(name, FieldKind::String) }
}

fn number(name: &str, kind: FieldKind, precision: u32, scale: u32) -> FieldSchema {
    FieldSchema { precision, scale, ..field(name, kind) }
}

fn reference(name: &str, to: &[&str]) -> FieldSchema {
    let relationship = name.strip_suffix("Id").map(str::to_owned);
    FieldSchema {
        length: 18,
        reference_to: to.iter().copied().map(str::to_owned).collect(),
        relationship_name: relationship.or_else(|| Some(name.replace("__c", "__r"))),
        ..field(name, FieldKind::Reference)
    }
}

/// The values as given, each with a label of its own, and one that is no longer active.
fn picklist(name: &str, kind: FieldKind, values: &[&str]) -> FieldSchema {
    let value = |value: &str, active| PicklistValue {
        value: value.to_owned(),
        label: format!("by {value}"),
        active,
    };
    let mut picklist: Vec<_> = values.iter().map(|text| value(text, true)).collect();
    picklist.push(value("Mule", false));
    FieldSchema { length: 255, restricted_picklist: true, picklist, ..field(name, kind) }
}
