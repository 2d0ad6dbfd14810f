//! Objects and fields as the REST API describes them.

use serde_json::{Value, json};

use super::{Catalog, Field, Kind, Object};

/// The body of `GET /sobjects`; `version` is the API version of the links, such as `66.0`.
pub fn describe_global(catalog: &Catalog, version: &str) -> Value {
    let objects: Vec<Value> =
        catalog.all().iter().map(|object| summary_of(object, version)).collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
}

/// The body of `GET /sobjects/X/describe`.
pub fn describe(catalog: &Catalog, object: &Object, version: &str) -> Value {
    let mut body = summary(object, version);
    let fields: Vec<Value> = object.fields.iter().map(field).collect();
    let rest = json!({
        "actionOverrides": [],
        "childRelationships": children(catalog, object),
        "compactLayoutable": object.soft_deletes(),
        "defaultImplementation": null,
        "extendedBy": null,
        "extendsInterfaces": null,
        "fields": fields,
        "implementedBy": null,
        "implementsInterfaces": null,
        "listviewable": null,
        "lookupLayoutable": null,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": [master_record_type(object, version)],
        "searchLayoutable": object.soft_deletes(),
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [
            { "label": format!("All {}", object.definition.plural.to_lowercase()),
              "name": "everything" },
        ],
    });
    join(&mut body, rest);
    body
}

/// What the list of objects says of one: of an object that another org described, its own words.
fn summary_of(object: &Object, version: &str) -> Value {
    let mut body = summary(object, version);
    if let (Value::Object(body), Some(sent)) = (&mut body, &object.sent) {
        for (name, value) in body.iter_mut().filter(|(name, _)| *name != "urls") {
            if let Some(sent) = sent.get(name) {
                value.clone_from(sent);
            }
        }
    }
    body
}

fn summary(object: &Object, version: &str) -> Value {
    let name = object.name();
    let base = format!("/services/data/v{version}/sobjects/{name}");
    let ordinary = object.soft_deletes();
    json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": object.can_insert(),
        "custom": name.ends_with("__c"),
        "customSetting": false,
        "deepCloneable": false,
        "deletable": object.can_delete(),
        "deprecatedAndHidden": false,
        "feedEnabled": ordinary,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.prefix(),
        "label": object.definition.label,
        "labelPlural": object.definition.plural,
        "layoutable": ordinary,
        "mergeable": matches!(name, "Account" | "Contact" | "Lead" | "Case"),
        "mruEnabled": ordinary,
        "name": name,
        "queryable": true,
        "replicateable": ordinary,
        "retrieveable": true,
        "searchable": ordinary || name == "User",
        "triggerable": ordinary || name == "User",
        "undeletable": ordinary,
        "updateable": object.can_update(),
        "urls": {
            "sobject": base,
            "describe": format!("{base}/describe"),
            "rowTemplate": format!("{base}/{{ID}}"),
        },
    })
}

fn master_record_type(object: &Object, version: &str) -> Value {
    let name = object.name();
    let layout =
        format!("/services/data/v{version}/sobjects/{name}/describe/layouts/012000000000000AAA");
    json!({
        "active": true,
        "available": true,
        "defaultRecordTypeMapping": true,
        "developerName": "Master",
        "master": true,
        "name": "Master",
        "recordTypeId": "012000000000000AAA",
        "urls": { "layout": layout },
    })
}

fn children(catalog: &Catalog, object: &Object) -> Vec<Value> {
    let mut children = Vec::new();
    for child in catalog.all() {
        let refers = |field: &&Field| field.refers_to.contains(&object.name());
        for field in child.fields.iter().filter(refers) {
            children.push(json!({
                "cascadeDelete": field.cascade_delete,
                "childSObject": child.name(),
                "deprecatedAndHidden": false,
                "field": field.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": null,
                "restrictedDelete": false,
            }));
        }
    }
    children
}

pub(super) fn field(field: &Field) -> Value {
    let text = field.kind.is_text();
    let picklist: Vec<Value> = field.picklist.iter().map(|v| choice(field, v)).collect();
    let relationship = Some(field.relationship).filter(|name| !name.is_empty());
    let length = if matches!(field.kind, Kind::Id | Kind::Reference) { 18 } else { field.length };
    let mut body = json!({
        "aggregatable": field.length <= 255,
        "aiPredictionField": false,
        "autoNumber": field.auto_number,
        "byteLength": if text { length * 3 } else { length },
        "calculated": false,
        "calculatedFormula": null,
        "cascadeDelete": field.cascade_delete,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": Some(field.part_of).filter(|name| !name.is_empty()),
        "controllerName": null,
        "createable": field.createable,
        "custom": field.is_custom(),
        "defaultValue": default_value(field),
        "defaultValueFormula": null,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": false,
        "deprecatedAndHidden": false,
        "digits": field.digits,
        "displayLocationInDecimal": false,
        "encrypted": false,
        "externalId": field.external_id,
        "extraTypeInfo": extra_type(field),
        "filterable": field.length <= 255,
        "filteredLookupInfo": null,
        "formulaTreatNullNumberAsZero": false,
        "groupable": field.length <= 255 && !field.kind.is_decimal(),
        "highScaleNumber": false,
        "htmlFormatted": false,
    });
    let rest = json!({
        "idLookup": field.id_lookup,
        "inlineHelpText": null,
        "label": field.label,
        "length": length,
        "mask": null,
        "maskType": null,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": field.polymorphic(),
        "nillable": field.nillable,
        "permissionable": field.nillable && field.updateable,
        "picklistValues": picklist,
        "polymorphicForeignKey": field.polymorphic(),
        "precision": field.precision,
        "queryByDistance": false,
        "referenceTargetField": null,
        "referenceTo": field.refers_to,
        "relationshipName": relationship,
        "relationshipOrder": null,
        "restrictedDelete": false,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.kind == Kind::Reference,
        "soapType": field.kind.soap_type(),
        "sortable": field.length <= 255,
        "type": field.kind.type_name(),
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": false,
    });
    join(&mut body, rest);
    body
}

pub(super) fn join(body: &mut Value, rest: Value) {
    if let (Value::Object(body), Value::Object(rest)) = (body, rest) {
        body.extend(rest);
    }
}

fn choice(field: &Field, value: &str) -> Value {
    json!({
        "active": true,
        "defaultValue": field.default == Some(value),
        "label": value,
        "validFor": null,
        "value": value,
    })
}

fn default_value(field: &Field) -> Value {
    match (field.kind, field.default) {
        (Kind::Boolean, Some(text)) => Value::Bool(text == "true"),
        // The default of a picklist is told by its values.
        _ => Value::Null,
    }
}

fn extra_type(field: &Field) -> Value {
    match field.kind {
        Kind::TextArea if field.length > 255 => Value::from("plaintextarea"),
        Kind::Text if field.name_field && field.name == "Name" && !field.createable => {
            Value::from("personname")
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects::find;

    fn of(object: &str, name: &str) -> Value {
        let body = describe(Catalog::built_in(), find(object).unwrap(), "66.0");
        let fields = body["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap().clone()
    }

    #[test]
    fn flags_of_fields_that_loads_depend_on() {
        let flags = |object, name| {
            let field = of(object, name);
            ["createable", "updateable", "nillable", "defaultedOnCreate", "idLookup", "externalId"]
                .map(|flag| u8::from(field[flag] == true))
                .map(|bit| bit.to_string())
                .concat()
        };
        for (object, name, expected) in [
            ("PermissionSetAssignment", "Id", "000110"),
            ("PermissionSetAssignment", "AssigneeId", "100000"),
            ("PermissionSetAssignment", "PermissionSetId", "101000"),
            ("PermissionSetAssignment", "ExpirationDate", "111000"),
            ("PermissionSetAssignment", "IsActive", "000100"),
            ("Profile", "PermissionsApiUserOnly", "110100"),
            ("User", "Username", "110010"),
            ("Contact", "Email", "111010"),
            ("Contact", "Name", "000000"),
            ("Shipment__c", "Shipment_Number__c", "111011"),
            ("Account", "OwnerId", "110100"),
        ] {
            assert_eq!(flags(object, name), expected, "{object}.{name}");
        }
    }

    #[test]
    fn numbers_and_references_are_described() {
        let revenue = of("Account", "AnnualRevenue");
        assert_eq!((&revenue["precision"], &revenue["scale"]), (&json!(18), &json!(0)));
        assert_eq!(of("Account", "NumberOfEmployees")["digits"], 8);
        let account = of("Shipment__c", "Account__c");
        assert_eq!(account["referenceTo"], json!(["Account"]));
        assert_eq!(account["relationshipName"], "Account__r");
        assert_eq!(of("Case", "OwnerId")["polymorphicForeignKey"], true);
        assert_eq!(of("Shipment__c", "Status__c")["restrictedPicklist"], true);
    }

    #[test]
    fn the_list_has_every_object_and_what_it_takes() {
        let body = describe_global(Catalog::built_in(), "66.0");
        let objects = body["sobjects"].as_array().unwrap();
        assert_eq!(objects.len(), Catalog::built_in().all().len());
        let user = objects.iter().find(|object| object["name"] == "User").unwrap();
        assert_eq!((&user["createable"], &user["deletable"]), (&json!(true), &json!(false)));
        assert_eq!(user["urls"]["describe"], "/services/data/v66.0/sobjects/User/describe");
    }
}
