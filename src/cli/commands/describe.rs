//! `describe`: the fields of an object as a loader sees them.

use super::objects::json;
use super::print;
use crate::cli::args::Describe;
use crate::cli::org::{self, Choice};
use crate::cli::resolve;
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table, tick};
use crate::config::project::Defaults;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldSchema, ObjectSchema};
use crate::report::figures::{count, counted, escape};
use crate::report::paint::Paint;
use crate::target::Fault;
use crate::target::Target;

/// Picklist values that the table shows; `--json` has them all.
const VALUES_SHOWN: usize = 4;

/// Shows one object.
pub async fn describe(args: &Describe, shell: &Shell) -> Result<u8, Failure> {
    let object = ObjectName::parse(&args.object)
        .map_err(|error| Failure::new(Blame::Request, format!("object {error}")))?;
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(args.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment)?;
    let target = org::connect(choice, shell, org::notices(shell)).await?;
    let schema = target.describe(&object).await.map_err(Fault::of_request)?;
    let text = if args.manners.json {
        json(&schema)?
    } else {
        screen(&schema, shell.out_paint(args.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(0)
}

fn screen(object: &ObjectSchema, paint: Paint) -> String {
    let columns = [
        Column::Left("field"),
        Column::Left("type"),
        Column::Right("length"),
        Column::Left("required"),
        Column::Left("insert"),
        Column::Left("update"),
        Column::Left("key"),
        Column::Left("values or references"),
    ];
    let row = |field: &FieldSchema| {
        vec![
            field.name.clone(),
            field.type_name.clone(),
            size(field),
            tick(field.is_required()),
            tick(field.createable),
            tick(field.updateable),
            key(field).to_owned(),
            domain(field),
        ]
    };
    let rows: Vec<Vec<String>> = object.fields.iter().map(row).collect();
    let name = paint.bold(&escape(&object.name));
    let prefix = object.key_prefix.as_deref().map(|prefix| format!(", ids begin with {prefix}"));
    let fields = counted(u64::try_from(rows.len()).unwrap_or(u64::MAX), "field");
    let head =
        format!("{name} ({}): {fields}{}", escape(&object.label), prefix.unwrap_or_default());
    format!("{head}\n\n{}", table(&columns, &rows, paint))
}

/// Characters of a text, digits of a number.
fn size(field: &FieldSchema) -> String {
    if field.kind.is_number() && field.precision > 0 {
        return format!("{},{}", field.precision, field.scale);
    }
    match field.length.max(field.digits) {
        0 => String::new(),
        length => count(u64::from(length)),
    }
}

fn key(field: &FieldSchema) -> &'static str {
    if field.external_id {
        "external id"
    } else if field.is_key() {
        "lookup"
    } else if field.unique {
        "unique"
    } else {
        ""
    }
}

/// What the values may be: picklist values, or the objects that a reference points to.
fn domain(field: &FieldSchema) -> String {
    if !field.reference_to.is_empty() {
        let targets = field.reference_to.join(", ");
        let name = field.relationship_name.as_deref();
        return name.map_or_else(|| targets.clone(), |name| format!("{targets} as {name}"));
    }
    let active = field.picklist.iter().filter(|value| value.active);
    let active: Vec<&str> = active.map(|value| value.value.as_str()).collect();
    let mut text = active.iter().take(VALUES_SHOWN).copied().collect::<Vec<_>>().join(", ");
    if active.len() > VALUES_SHOWN {
        text.push_str(", … (");
        text.push_str(&active.len().to_string());
        text.push_str(" in all)");
    }
    if !active.is_empty() && !field.restricted_picklist {
        text.push_str(", or others");
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::schema::{FieldKind, PicklistValue};

    fn field(name: &str, kind: FieldKind, type_name: &str) -> FieldSchema {
        FieldSchema {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            type_name: type_name.to_owned(),
            length: 18,
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
            restricted_picklist: true,
            picklist: Vec::new(),
            reference_to: Vec::new(),
            relationship_name: None,
            polymorphic: false,
        }
    }

    /// An object with a field of each interesting kind.
    pub(crate) fn sample() -> ObjectSchema {
        let values = (0..6).map(|n| PicklistValue {
            value: format!("V{n}"),
            label: format!("Value {n}"),
            active: n != 3,
        });
        let id = FieldSchema {
            createable: false,
            updateable: false,
            id_lookup: true,
            nillable: false,
            ..field("Id", FieldKind::Id, "id")
        };
        let account = FieldSchema {
            nillable: false,
            reference_to: vec!["Account".to_owned()],
            relationship_name: Some("Account".to_owned()),
            ..field("AccountId", FieldKind::Reference, "reference")
        };
        let status = FieldSchema {
            picklist: values.collect(),
            length: 1_255,
            ..field("Status__c", FieldKind::Picklist, "picklist")
        };
        ObjectSchema {
            name: "Shipment__c".to_owned(),
            label: "Shipment".to_owned(),
            key_prefix: Some("a01".to_owned()),
            createable: true,
            updateable: true,
            deletable: false,
            undeletable: true,
            queryable: true,
            custom: true,
            deleted_by_row: false,
            fields: vec![
                id,
                account,
                status,
                field("Body__c", FieldKind::Base64, "base64"),
                field("Address", FieldKind::Other, "address"),
            ],
        }
    }

    #[test]
    fn each_field_has_a_line() {
        insta::assert_snapshot!(screen(&sample(), Paint::PLAIN), @"
        Shipment__c (Shipment): 5 fields, ids begin with a01

        field      type       length  required  insert  update  key     values or references
        Id         id             18                            lookup
        AccountId  reference      18  yes       yes     yes             Account as Account
        Status__c  picklist    1,255            yes     yes             V0, V1, V2, V4, … (5 in all)
        Body__c    base64         18            yes     yes
        Address    address        18            yes     yes
        ");
    }

    #[test]
    fn numbers_have_digits_and_keys_have_names() {
        let number = FieldSchema {
            precision: 18,
            scale: 2,
            external_id: true,
            restricted_picklist: false,
            ..field("N__c", FieldKind::Currency, "currency")
        };
        assert_eq!((size(&number).as_str(), key(&number)), ("18,2", "external id"));
        assert_eq!(domain(&number), "");
    }
}
