//! Objects, their descriptions, and single records.

use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::super::serve::Body;
use super::query::{attributes, spell};
use super::reply::{Refusal, Reply};
use super::{Call, Outcome, read_json};
use crate::practice::org::{Cell, Change, QueryScope, RowError, RowResult, Value, Verb};

pub(super) async fn route(call: &Call<'_>, version: u32, rest: &[&str], body: Body) -> Outcome {
    let [asked, rest @ ..] = rest else {
        return match call.method {
            Method::GET => Ok(Reply::ok(call.inner.org.describe_global())),
            _ => Err(Refusal::method(&call.method)),
        };
    };
    let object = call.inner.org.object_name(asked).ok_or_else(Refusal::not_found)?;
    match (&call.method, rest) {
        (&Method::GET, []) => basic(call, object),
        (&Method::GET, ["describe"]) => {
            let body = call.inner.org.describe(object).ok_or_else(Refusal::not_found)?;
            Ok(Reply::ok((*body).clone()))
        }
        (&Method::POST, [] | ["Id"]) => insert(call, object, &read_json(body).await?),
        (&Method::GET, [id]) => retrieve(call, version, object, id),
        (&Method::PATCH, [id]) => {
            let sent = read_json(body).await?;
            let result = one(call, object, Verb::Update, &sent, Some(("Id", id)))?;
            finish(result, StatusCode::NO_CONTENT)
        }
        (&Method::DELETE, [id]) => delete(call, object, id),
        (&Method::PATCH, [key, value]) => {
            let key = key_field(call, object, key)?;
            upsert(call, version, object, &key, value, &read_json(body).await?)
        }
        (&Method::GET, [key, value]) => {
            let key = key_field(call, object, key)?;
            match &ids_by_key(call, object, &key, value)?[..] {
                [] => Err(Refusal::not_found()),
                [id] => retrieve(call, version, object, id),
                many => Ok(choices(version, object, many)),
            }
        }
        (&Method::DELETE, [key, value]) => {
            let key = key_field(call, object, key)?;
            match &ids_by_key(call, object, &key, value)?[..] {
                [] => Err(Refusal::not_found()),
                [id] => delete(call, object, id),
                many => Ok(choices(version, object, many)),
            }
        }
        (_, [] | [_] | [_, _]) => Err(Refusal::method(&call.method)),
        _ => Err(Refusal::not_found()),
    }
}

fn basic(call: &Call<'_>, object: &str) -> Outcome {
    let all = call.inner.org.describe_global();
    let mut objects = all["sobjects"].as_array().into_iter().flatten();
    let found = objects.find(|entry| entry["name"] == object).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(json!({"objectDescribe": found, "recentItems": []})))
}

fn insert(call: &Call<'_>, object: &str, sent: &Json) -> Outcome {
    let result = one(call, object, Verb::Insert, sent, None)?;
    if let Some(error) = result.error {
        return Err(row_refusal(error));
    }
    let body = json!({"id": result.id, "success": true, "errors": []});
    Ok(Reply::json(StatusCode::CREATED, body))
}

fn retrieve(call: &Call<'_>, version: u32, object: &str, id: &str) -> Outcome {
    let fields = call.inner.org.retrieve(object, id).ok_or_else(Refusal::not_found)?;
    let wanted: Option<Vec<&str>> =
        call.param("fields").map(|list| list.split(',').map(str::trim).collect());
    if let Some(unknown) = wanted.iter().flatten().find(|name| !has(&fields, name)) {
        let message = format!("No such column '{unknown}' on sobject of type {object}");
        return Err(Refusal::bad("INVALID_FIELD", message));
    }
    let full = fields.iter().find_map(|(name, value)| match value {
        Value::Text(full) if name == "Id" => Some(full.as_str()),
        _ => None,
    });
    let id = full.unwrap_or(id);
    let mut record = Map::new();
    record.insert("attributes".to_owned(), attributes(object, id, version));
    for (name, value) in &fields {
        let asked = wanted.as_ref().is_none_or(|all| {
            name == "Id" || all.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        });
        if asked {
            record.insert(name.clone(), spell(value));
        }
    }
    Ok(Reply::ok(Json::Object(record)))
}

fn has(fields: &[(String, Value)], name: &str) -> bool {
    fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn delete(call: &Call<'_>, object: &str, id: &str) -> Outcome {
    let result = one(call, object, Verb::Delete, &json!({}), Some(("Id", id)))?;
    finish(result, StatusCode::NO_CONTENT)
}

fn finish(result: RowResult, status: StatusCode) -> Outcome {
    match result.error {
        Some(error) => Err(row_refusal(error)),
        None => Ok(Reply::empty(status)),
    }
}

fn upsert(
    call: &Call<'_>,
    version: u32,
    object: &str,
    key: &str,
    value: &str,
    sent: &Json,
) -> Outcome {
    if let Some(name) =
        sent.as_object().and_then(|map| map.keys().find(|name| name.eq_ignore_ascii_case(key)))
    {
        let message = format!("The {name} field should not be specified in the sobject data.");
        let mut refusal = Refusal::bad("INVALID_FIELD", message);
        refusal.fields = Some(vec![name.clone()]);
        return Err(refusal);
    }
    let many = ids_by_key(call, object, key, value)?;
    if many.len() > 1 {
        return Ok(choices(version, object, &many));
    }
    let verb = Verb::Upsert { key: key.to_owned() };
    let result = one(call, object, verb, sent, Some((key, value)))?;
    if let Some(error) = result.error {
        return Err(row_refusal(error));
    }
    // Source: REST, upsert answers an update with 204 before v46.
    if !result.created && version < 46 {
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let body = json!({
        "id": result.id, "success": true, "errors": [], "created": result.created,
    });
    let status = if result.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Reply::json(status, body))
}

/// More than one record has the key: 300 and where they are.
fn choices(version: u32, object: &str, ids: &[String]) -> Reply {
    let urls: Vec<String> = ids
        .iter()
        .map(|id| format!("/services/data/v{version}.0/sobjects/{object}/{id}"))
        .collect();
    Reply::json(StatusCode::MULTIPLE_CHOICES, json!(urls))
}

/// A field by which records may be found, in its own case.
pub(super) fn key_field(call: &Call<'_>, object: &str, key: &str) -> Result<String, Refusal> {
    let describe = call.inner.describe(object);
    let mut fields = describe["fields"].as_array().into_iter().flatten();
    let field = fields.find(|field| {
        let name = field["name"].as_str().unwrap_or_default();
        let usable =
            field["externalId"] == json!(true) || field["idLookup"] == json!(true) || name == "Id";
        name.eq_ignore_ascii_case(key) && usable
    });
    let name = field.and_then(|field| field["name"].as_str()).map(str::to_owned);
    name.ok_or_else(|| {
        let text = "Provided external ID field does not exist or is not accessible:";
        Refusal::new(404, "NOT_FOUND", format!("{text} {key}"))
    })
}

/// The live records with that key.
pub(super) fn ids_by_key(
    call: &Call<'_>,
    object: &str,
    key: &str,
    value: &str,
) -> Result<Vec<String>, Refusal> {
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    let soql = format!("SELECT Id FROM {object} WHERE {key} = '{value}'");
    let answer = call.inner.org.query(&soql, QueryScope::Live).map_err(super::query::refusal)?;
    Ok(answer.record_ids)
}

/// One row through the org; `key` is a column of its own.
fn one(
    call: &Call<'_>,
    object: &str,
    verb: Verb,
    sent: &Json,
    key: Option<(&str, &str)>,
) -> Result<RowResult, Refusal> {
    let Some(record) = sent.as_object() else {
        return Err(Refusal::bad("JSON_PARSER_ERROR", "the body is not an object"));
    };
    let (mut columns, mut cells) = (Vec::new(), Vec::new());
    if let Some((name, value)) = key {
        columns.push(name.to_owned());
        cells.push(Cell::Text(value.to_owned()));
    }
    for (name, value) in flatten(record) {
        if key.is_some_and(|(key, _)| key.eq_ignore_ascii_case(&name)) {
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(Refusal::bad("INVALID_FIELD", message));
        }
        columns.push(name);
        cells.push(value);
    }
    let change = Change { object, verb, job: None, columns: &columns, rows: &[cells] };
    let mut results = call.inner.org.apply(&change);
    results.pop().ok_or_else(|| Refusal::new(500, "UNKNOWN_EXCEPTION", "no result for the row"))
}

/// The columns of a JSON record: parents become `Rel.Field`, null clears.
pub(super) fn flatten(record: &Map<String, Json>) -> Vec<(String, Cell)> {
    let mut columns = Vec::new();
    for (name, value) in record {
        match value {
            _ if name == "attributes" => {}
            Json::Null => columns.push((name.clone(), Cell::Clear)),
            Json::Object(parent) => {
                for (field, value) in parent {
                    if field != "attributes" {
                        columns.push((format!("{name}.{field}"), Cell::Json(value.clone())));
                    }
                }
            }
            value => columns.push((name.clone(), Cell::Json(value.clone()))),
        }
    }
    columns
}

/// A row's error as the error of the whole request.
fn row_refusal(error: RowError) -> Refusal {
    let status = match error.code.as_str() {
        "ENTITY_IS_DELETED" | "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY"
            if error.fields.is_empty() =>
        {
            404
        }
        _ => 400,
    };
    let mut refusal = Refusal::new(status, &error.code, error.message);
    refusal.fields = Some(error.fields);
    refusal
}
