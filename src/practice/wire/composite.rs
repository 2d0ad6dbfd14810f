//! Composite requests: several calls in one, and small trees of records.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Map, Value as Json, json};

use super::super::serve::Body;
use super::collections::{Row, apply_rows, spell_error};
use super::reply::{Content, Refusal, Reply, full};
use super::sobjects::flatten;
use super::{Call, Outcome, data, decode, read_json, tidy_path};
use crate::practice::org::Verb;

/// Calls in one. Source: REST, composite.
const SUBREQUESTS_MAX: usize = 25;

/// Records of one tree.
const TREE_RECORDS_MAX: usize = 200;

/// `POST /composite`. After a failure with `allOrNone` the rest is halted. Nothing is taken back,
/// so
/// `allOrNone` with more than one write is refused before anything is done.
pub(super) async fn batch(call: &Call<'_>, version: u32, body: Body) -> Outcome {
    if call.method != Method::POST {
        return Err(Refusal::method(&call.method));
    }
    let sent = read_json(body).await?;
    let calls = sent["compositeRequest"].as_array().cloned().unwrap_or_default();
    if calls.is_empty() || calls.len() > SUBREQUESTS_MAX {
        let message = format!("between 1 and {SUBREQUESTS_MAX} subrequests are required");
        return Err(Refusal::bad("INVALID_INPUT", message));
    }
    let writes = calls.iter().filter(|one| one["method"] != "GET").count();
    if sent["allOrNone"] == json!(true) && writes > 1 {
        let message = "the practice org cannot take several writes of a composite back; \
                       send allOrNone false";
        return Err(Refusal::bad("FUNCTIONALITY_NOT_ENABLED", message));
    }
    let mut done: Vec<Json> = Vec::new();
    let mut halted = false;
    for one in &calls {
        let reference = one["referenceId"].clone();
        let reply = if halted {
            Reply::from(Refusal::bad("PROCESSING_HALTED", HALTED))
        } else {
            let one = resolve(one, &done);
            Box::pin(subrequest(call, version, &one)).await.unwrap_or_else(Reply::from)
        };
        halted |= sent["allOrNone"] == json!(true) && reply.status.as_u16() >= 300;
        let body = if let Content::Json(body) = reply.content { body } else { Json::Null };
        done.push(json!({
            "body": body,
            "httpHeaders": {},
            "httpStatusCode": reply.status.as_u16(),
            "referenceId": reference,
        }));
    }
    Ok(Reply::ok(json!({"compositeResponse": done})))
}

const HALTED: &str = "The transaction was rolled back since another operation in the same \
                      transaction failed.";

async fn subrequest(call: &Call<'_>, version: u32, one: &Json) -> Outcome {
    let url = one["url"].as_str().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = one["method"].as_str().unwrap_or_default();
    let unknown = || Refusal::bad("INVALID_INPUT", format!("no such method: {method}"));
    let sub = Call {
        inner: call.inner,
        method: Method::from_bytes(method.as_bytes()).map_err(|_| unknown())?,
        segments: tidy_path(path).split('/').skip(1).map(decode).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: HeaderMap::new(),
        origin: call.origin.clone(),
    };
    let body = full(Bytes::from(one["body"].to_string()));
    let path: Vec<&str> = sub.segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", "data", asked, rest @ ..] if super::discovery::version(asked)? == version => {
            data(&sub, version, rest, body).await
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Puts the values of earlier answers where `@{reference.field}` stands.
fn resolve(one: &Json, done: &[Json]) -> Json {
    match one {
        Json::String(text) => json!(resolve_text(text, done)),
        Json::Array(items) => items.iter().map(|item| resolve(item, done)).collect(),
        Json::Object(map) => {
            let resolved: Map<String, Json> =
                map.iter().map(|(name, value)| (name.clone(), resolve(value, done))).collect();
            Json::Object(resolved)
        }
        other => other.clone(),
    }
}

fn resolve_text(text: &str, done: &[Json]) -> String {
    let Some((before, rest)) = text.split_once("@{") else { return text.to_owned() };
    let Some((path, after)) = rest.split_once('}') else { return text.to_owned() };
    let mut words = path.split(['.', '[']).map(|word| word.trim_end_matches(']'));
    let reference = words.next().unwrap_or_default();
    let mut value = done
        .iter()
        .find(|answer| answer["referenceId"] == reference)
        .map_or(&Json::Null, |answer| &answer["body"]);
    for word in words {
        value = match word.parse::<usize>() {
            Ok(index) if value.is_array() => &value[index],
            _ => &value[word],
        };
    }
    let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{before}{found}{}", resolve_text(after, done))
}

/// `POST /composite/tree/{object}`: all records of one level, or none of them.
pub(super) async fn tree(call: &Call<'_>, object: &str, body: Body) -> Outcome {
    if call.method != Method::POST {
        return Err(Refusal::method(&call.method));
    }
    let object = call.inner.org.object_name(object).ok_or_else(Refusal::not_found)?;
    let sent = read_json(body).await?;
    let records = sent["records"].as_array().cloned().unwrap_or_default();
    if records.is_empty() || records.len() > TREE_RECORDS_MAX {
        let message = format!("between 1 and {TREE_RECORDS_MAX} records are required");
        return Err(Refusal::bad("INVALID_INPUT", message));
    }
    let mut rows: Vec<Row> = Vec::new();
    for record in records.iter().filter_map(Json::as_object) {
        let nests = |value: &Json| value.get("records").is_some();
        if record.values().any(nests) {
            let message = "the practice org takes trees of one level";
            return Err(Refusal::bad("FUNCTIONALITY_NOT_ENABLED", message));
        }
        rows.push((object, flatten(record)));
    }
    let results = apply_rows(call, &Verb::Insert, &rows, true);
    let failed = results.iter().any(|result| result.error.is_some());
    let spelled: Vec<Json> = records
        .iter()
        .zip(&results)
        .filter(|(_, result)| {
            let innocent = |code: &str| code == "ALL_OR_NONE_OPERATION_ROLLED_BACK";
            !(failed && result.error.as_ref().is_none_or(|error| innocent(&error.code)))
        })
        .map(|(record, result)| {
            let reference = &record["attributes"]["referenceId"];
            match &result.error {
                None => json!({"referenceId": reference, "id": result.id}),
                Some(error) => {
                    json!({"referenceId": reference, "errors": [spell_error(error)]})
                }
            }
        })
        .collect();
    let status = if failed { http::StatusCode::BAD_REQUEST } else { http::StatusCode::CREATED };
    Ok(Reply::json(status, json!({"hasErrors": failed, "results": spelled})))
}
