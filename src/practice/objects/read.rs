//! Objects as another org describes them, or as somebody writes them down.

use std::fmt;

use serde_json::{Value, json};

use super::field::{CREATED_AND_MODIFIED, IS_DELETED, MODSTAMP, field, record_id};
use super::{Definition, Field, Kind, Stamps, Verbs, describe};

/// Why a describe cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// A describe with all its members, from one that may leave out most of them.
///
/// An object needs a `name`, a field a `name` and a `type`; what else is left out is as it mostly
/// is. Over `own`, the describe of an object of that name which is there already, it adds fields
/// and changes members. A new object without an `Id` gets one and the system fields. `prefix` is
/// how its ids begin.
pub fn merged(own: Option<&Value>, given: &Value, prefix: &str) -> Result<Value, Unreadable> {
    let name = api_name(given).ok_or_else(|| Unreadable::new("a describe has no `name`"))?;
    let mut body = own.cloned().unwrap_or_else(|| usual_object(name));
    let mut fields = match body["fields"].take() {
        Value::Array(fields) => fields,
        _ => Vec::new(),
    };
    let added = given["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    if fields.is_empty() && !added.iter().any(|field| field["name"] == "Id") {
        fields.push(describe::field(&record_id("Record")));
        fields.extend(CREATED_AND_MODIFIED.iter().map(describe::field));
        fields.extend([MODSTAMP, IS_DELETED].iter().map(describe::field));
    }
    for field in added {
        let wanted = api_name(field)
            .ok_or_else(|| Unreadable::new(format!("a field of `{name}` has no `name`")))?;
        let same = |known: &&mut Value| {
            known["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(wanted))
        };
        if let Some(known) = fields.iter_mut().find(same) {
            describe::join(known, field.clone());
        } else {
            let mut whole = describe::field(&read_field(name, field)?);
            let choices = whole["picklistValues"].clone();
            describe::join(&mut whole, field.clone());
            if !are_told_whole(&whole["picklistValues"]) {
                whole["picklistValues"] = choices;
            }
            fields.push(whole);
        }
    }
    let mut rest = given.clone();
    if let Value::Object(rest) = &mut rest {
        rest.remove("fields");
        if own.is_some() {
            // It keeps its own spelling.
            rest.remove("name");
        }
    }
    describe::join(&mut body, rest);
    body["keyPrefix"] = Value::from(prefix);
    body["fields"] = Value::Array(fields);
    Ok(body)
}

/// Whether the values of a picklist are as an org tells them; by hand a text alone is written.
fn are_told_whole(choices: &Value) -> bool {
    let told =
        |choice: &Value| ["value", "label", "active"].iter().all(|m| choice.get(m).is_some());
    choices.as_array().is_some_and(|choices| choices.iter().all(told))
}

/// What a describe says of an object that its writer did not say.
fn usual_object(name: &str) -> Value {
    let label = label_of(name);
    json!({
        "createable": true, "custom": name.ends_with("__c"), "deletable": true,
        "keyPrefix": null, "label": label, "labelPlural": format!("{label}s"), "name": name,
        "queryable": true, "replicateable": true, "retrieveable": true, "searchable": true,
        "undeletable": true, "updateable": true,
        "urls": { "describe": format!("/services/data/v66.0/sobjects/{name}/describe") },
        "childRelationships": [], "recordTypeInfos": [], "fields": [],
    })
}

/// `Legacy_Id__c` as `Legacy Id`.
fn label_of(name: &str) -> String {
    name.trim_end_matches("__c").replace('_', " ")
}

/// The name of an object or a field, if it can be one.
fn api_name(value: &Value) -> Option<&str> {
    let name = value["name"].as_str()?;
    let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (fits && name.len() <= 120 && name.starts_with(|c: char| c.is_ascii_alphabetic()))
        .then_some(name)
}

/// An object from a describe with all its members; what it keeps of it lives as long as the
/// process.
pub(super) fn object(sent: &Value) -> Result<(&'static Definition, Vec<Field>), Unreadable> {
    let name = api_name(sent).ok_or_else(|| Unreadable::new("a describe has no `name`"))?;
    let prefix = sent["keyPrefix"].as_str().unwrap_or_default();
    if prefix.len() != 3 || !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Unreadable::new(format!("`{name}` has no prefix for its ids")));
    }
    let mut fields = Vec::new();
    for field in sent["fields"].as_array().map(Vec::as_slice).unwrap_or_default() {
        fields.push(read_field(name, field)?);
    }
    let id = fields.iter().position(|field| field.name == "Id" && field.kind == Kind::Id);
    let id = id.ok_or_else(|| Unreadable::new(format!("`{name}` has no field `Id`")))?;
    // A record is found by place 0.
    fields[..=id].rotate_right(1);
    let is = |flag: &str| sent[flag] == true;
    let verbs = match (is("createable"), is("updateable"), is("deletable")) {
        (_, _, true) if is("undeletable") => Verbs::Soft,
        (_, _, true) => Verbs::Hard,
        (true, ..) => Verbs::InsertUpdate,
        (false, true, _) => Verbs::Update,
        (false, false, false) => Verbs::None,
    };
    let stamped = fields.iter().any(|field| field.name == "CreatedDate");
    let definition = Definition {
        name: kept(name),
        label: kept(sent["label"].as_str().unwrap_or(name)),
        plural: kept(sent["labelPlural"].as_str().unwrap_or(name)),
        prefix: kept(prefix),
        verbs,
        stamps: if stamped { Stamps::Full } else { Stamps::Modstamp },
        fields: &[],
    };
    Ok((Box::leak(Box::new(definition)), fields))
}

fn read_field(object: &str, sent: &Value) -> Result<Field, Unreadable> {
    let name = api_name(sent)
        .ok_or_else(|| Unreadable::new(format!("a field of `{object}` has no `name`")))?;
    let word = sent["type"].as_str().ok_or_else(|| {
        Unreadable::new(format!("`{object}.{name}` has no `type`, such as `string`"))
    })?;
    let kind = kind_of(word);
    let number = |member: &str| {
        sent[member].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    };
    let flag = |member: &str, usual: bool| sent[member].as_bool().unwrap_or(usual);
    let text = |member: &str| sent[member].as_str().unwrap_or_default();
    let computed = flag("calculated", false) || flag("autoNumber", false);
    let external_id = flag("externalId", false);
    let (precision, scale) = match (number("precision"), number("scale")) {
        (0, _) if kind.is_decimal() => (18, 2),
        given => given,
    };
    let label = sent["label"].as_str().map_or_else(|| label_of(name), str::to_owned);
    let picklist = choices(sent);
    let default = default_of(sent);
    let is_flag = kind == Kind::Boolean;
    Ok(Field {
        digits: number("digits"),
        precision,
        scale: scale.min(precision),
        createable: flag("createable", !computed && kind != Kind::Compound),
        updateable: flag("updateable", !computed && kind != Kind::Compound),
        nillable: flag("nillable", !is_flag),
        auto_number: flag("autoNumber", false),
        external_id,
        id_lookup: flag("idLookup", external_id),
        unique: flag("unique", false),
        case_sensitive: flag("caseSensitive", false),
        restricted: flag("restrictedPicklist", false) && !picklist.is_empty(),
        name_field: flag("nameField", false),
        defaulted: flag("defaultedOnCreate", is_flag || default.is_some()),
        default,
        picklist: Vec::leak(picklist),
        refers_to: Vec::leak(texts(&sent["referenceTo"])),
        relationship: kept(text("relationshipName")),
        cascade_delete: flag("cascadeDelete", false),
        part_of: kept(text("compoundFieldName")),
        ..field(kept(name), kept(&label), kind, length_of(kind, number("length")))
    })
}

/// Types that few fields have are read as their next of kin.
fn kind_of(word: &str) -> Kind {
    match word {
        "id" => Kind::Id,
        "reference" => Kind::Reference,
        "textarea" => Kind::TextArea,
        "email" => Kind::Email,
        "phone" => Kind::Phone,
        "url" => Kind::Url,
        "picklist" => Kind::Picklist,
        "multipicklist" => Kind::MultiPicklist,
        "boolean" => Kind::Boolean,
        "int" | "long" => Kind::Int,
        "double" => Kind::Double,
        "currency" => Kind::Currency,
        "percent" => Kind::Percent,
        "date" => Kind::Date,
        "datetime" => Kind::DateTime,
        "time" => Kind::Time,
        "address" | "location" | "complexvalue" => Kind::Compound,
        // `string`, `combobox`, `encryptedstring`, `base64`, `anyType` and what is still to come.
        _ => Kind::Text,
    }
}

/// A text whose describe tells no length has none.
fn length_of(kind: Kind, told: u32) -> u32 {
    match kind {
        Kind::Id | Kind::Reference => 18,
        _ if !kind.is_text() => told,
        _ if told > 0 => told,
        Kind::TextArea => 131_072,
        Kind::Email => 80,
        Kind::Phone => 40,
        Kind::MultiPicklist => 4_099,
        _ => 255,
    }
}

/// The values that may be chosen.
fn choices(sent: &Value) -> Vec<&'static str> {
    let all = sent["picklistValues"].as_array().map(Vec::as_slice).unwrap_or_default();
    let active = all.iter().filter(|choice| choice["active"] != false);
    // A list that was written by hand may have the values alone.
    let value = |choice: &Value| choice["value"].as_str().or(choice.as_str()).map(kept);
    active.filter_map(value).collect()
}

/// The value that a new record gets, where it is a constant.
fn default_of(sent: &Value) -> Option<&'static str> {
    match &sent["defaultValue"] {
        Value::Bool(value) => return Some(if *value { "true" } else { "false" }),
        Value::Number(number) => return Some(kept(&number.to_string())),
        Value::String(text) => return Some(kept(text)),
        _ => {}
    }
    let all = sent["picklistValues"].as_array().map(Vec::as_slice).unwrap_or_default();
    let chosen = all.iter().find(|choice| choice["defaultValue"] == true);
    chosen.and_then(|choice| choice["value"].as_str()).map(kept)
}

fn texts(list: &Value) -> Vec<&'static str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(kept).collect()
}

fn kept(text: &str) -> &'static str {
    if text.is_empty() { "" } else { Box::leak(text.to_owned().into_boxed_str()) }
}
