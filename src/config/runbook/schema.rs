//! The JSON Schema of a runbook, for editors; made of the table of keys, as the parser is.
//!
//! It says no more than the parser checks: what steps say about each other, paths and mappings
//! cannot be said there. Where the table names words or a form, a text with a parameter (`${name}`)
//! is allowed too.

use serde_json::{Map, Value, json};

use super::parse::keys::RUNBOOK;
use super::parse::shape::{Form, MANY, Shape, Takes};

/// The schema, in draft 7 of JSON Schema, which editors of TOML know.
pub fn schema() -> Value {
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    whole.insert("title".to_owned(), json!("longshore runbook"));
    whole.extend(table(&RUNBOOK));
    Value::Object(whole)
}

fn table(shape: &Shape) -> Map<String, Value> {
    let properties = shape.keys.iter().map(|key| {
        let mut told = takes(&key.takes);
        told.insert("description".to_owned(), json!(key.about));
        (key.name.to_owned(), Value::Object(told))
    });
    let needed: Vec<&str> =
        shape.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    let groups: Vec<Value> = shape
        .one_of
        .iter()
        .map(|group| {
            let ways: Vec<Value> = group.iter().map(|key| json!({ "required": [key] })).collect();
            json!({ "oneOf": ways })
        })
        .collect();
    let mut needs = Map::new();
    for (key, other) in shape.needs {
        needs.insert((*key).to_owned(), json!([other]));
    }
    let mut told = object(json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<Map<_, _>>(),
    }));
    let more = [
        ("required", needed.is_empty(), json!(needed)),
        ("allOf", groups.is_empty(), json!(groups)),
        ("dependencies", needs.is_empty(), Value::Object(needs)),
    ];
    for (keyword, is_empty, value) in more {
        if !is_empty {
            told.insert(keyword.to_owned(), value);
        }
    }
    told
}

fn takes(kind: &Takes) -> Map<String, Value> {
    object(match kind {
        Takes::Text => json!({ "type": "string", "pattern": "\\S" }),
        Takes::AnyText => json!({ "type": "string" }),
        Takes::Word(words) => json!({
            "anyOf": [{ "enum": words }, { "type": "string", "pattern": "\\$\\{" }],
        }),
        Takes::Form(form) => match form.pattern {
            Some(pattern) => {
                json!({ "type": "string", "pattern": format!("{pattern}|\\$\\{{") })
            }
            None => json!({ "type": "string" }),
        },
        Takes::Version => json!({ "const": 1 }),
        Takes::Whole { from, to } if *to >= MANY => json!({ "type": "integer", "minimum": from }),
        Takes::Whole { from, to } => {
            json!({ "type": "integer", "minimum": from, "maximum": to })
        }
        Takes::Number => json!({ "type": "number" }),
        Takes::YesNo => json!({ "type": "boolean" }),
        Takes::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Takes::Pair => {
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 })
        }
        Takes::List(one) => json!({ "type": "array", "items": takes(one), "minItems": 1 }),
        Takes::OneOrMore(one) => json!({
            "anyOf": [takes(one), { "type": "array", "items": takes(one), "minItems": 1 }],
        }),
        Takes::Table(shape) => Value::Object(table(shape)),
        Takes::Tables(shape) => {
            json!({ "type": "array", "items": table(shape), "minItems": 1 })
        }
        Takes::Names { named, takes: one, at_least } => names(*named, one, *at_least),
        Takes::Either(ways) => {
            let ways: Vec<Value> = ways.iter().map(|way| Value::Object(takes(way))).collect();
            json!({ "anyOf": ways })
        }
    })
}

fn names(named: Option<&Form>, one: &Takes, at_least: usize) -> Value {
    let mut told = object(json!({ "type": "object", "additionalProperties": takes(one) }));
    if let Some(pattern) = named.and_then(|form| form.pattern) {
        told.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
    if at_least > 0 {
        told.insert("minProperties".to_owned(), json!(at_least));
    }
    Value::Object(told)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}
