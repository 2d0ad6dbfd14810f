//! Checks of JSON bodies, worded as the service's schema library words them. Source: section 3.

use serde_json::{Map, Value};

use super::reply::Refusal;
use super::switches::Strictness;
use super::wire::Call;

/// The body as an object.
pub(super) fn object(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    if call.body.is_empty() {
        return Err(Refusal::payload("'Expected type object but found type null'"));
    }
    match serde_json::from_slice(&call.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(Refusal::payload(&wrong_type("object", &other))),
        Err(_) => Err(Refusal::new(400, "", "Invalid request payload JSON format")),
    }
}

/// Refuses members that are not among these. `path` ends with a dot unless it is empty.
pub(super) fn closed(
    members: &Map<String, Value>,
    known: &[&str],
    path: &str,
) -> Result<(), Refusal> {
    let unknown: Vec<&str> =
        members.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let place = path.trim_end_matches('.');
    let place = if place.is_empty() { String::new() } else { format!(" on property {place}") };
    let names = unknown.join(",");
    Err(Refusal::payload(&format!("'Additional properties not allowed: {names}'{place}")))
}

/// The items of a list that must be there and must not be empty.
pub(super) fn items<'a>(
    call: &Call<'_>,
    members: &'a Map<String, Value>,
    name: &str,
    most: Option<usize>,
) -> Result<&'a [Value], Refusal> {
    let found = require(members, name, "")?;
    let Value::Array(items) = found else {
        let text = wrong_type("array", found);
        return Err(Refusal::payload(&format!("{text} on property {name}")));
    };
    let fault = match most {
        _ if items.is_empty() => "'Array is too short (0), minimum 1'".to_owned(),
        Some(most) if items.len() > most => {
            format!("'Array is too long ({}), maximum {most}'", items.len())
        }
        _ => match twins(items) {
            Some((first, second)) if call.switches.duplicate_items == Strictness::Refused => {
                format!("'Array items are not unique (indexes {first} and {second})'")
            }
            _ => return Ok(items),
        },
    };
    Err(Refusal::payload(&format!("{fault} on property {name}")))
}

/// A text that must be there and must not be empty.
pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<&'a str, Refusal> {
    full_text(require(members, name, path)?, &format!("{path}{name}"))
}

/// The value as a text that is not empty.
pub(super) fn full_text<'a>(value: &'a Value, path: &str) -> Result<&'a str, Refusal> {
    let fault = match value {
        Value::String(text) if text.is_empty() => {
            "'String is too short (0 chars), minimum 1'".to_owned()
        }
        Value::String(text) => return Ok(text),
        other => wrong_type("string", other),
    };
    Err(Refusal::payload(&format!("{fault} on property {path}")))
}

fn require<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<&'a Value, Refusal> {
    members.get(name).ok_or_else(|| {
        let place = path.trim_end_matches('.');
        let place = if place.is_empty() { String::new() } else { format!(" on property {place}") };
        Refusal::payload(&format!("'Missing required property: {name}'{place}"))
    })
}

/// `'Expected type string but found type integer'`.
pub(super) fn wrong_type(wanted: &str, found: &Value) -> String {
    format!("'Expected type {wanted} but found type {}'", type_name(found))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The first two places with the same item.
fn twins(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen = std::collections::HashMap::new();
    items
        .iter()
        .enumerate()
        .find_map(|(place, item)| seen.insert(item.to_string(), place).map(|first| (first, place)))
}
