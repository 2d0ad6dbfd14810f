//! `/practice/*`: how a test or a person steers a practice org that runs elsewhere.
//!
//! These paths are ours, not the vendor's; they are served on loopback only and need no sign-in.
//!
//! | call | does |
//! |---|---|
//! | `POST /practice/mischief` | adds a rule, or an array of them |
//! | `GET /practice/mischief` | the rules and how often each has struck |
//! | `DELETE /practice/mischief` | forgets all rules |
//! | `GET /practice/audit?since=n` | the effects after number n, at most 10,000 |
//! | `GET /practice/requests?since=n` | the requests after number n |
//! | `POST /practice/clock` | `{"advanceMs":n}` lets time pass |
//! | `POST /practice/application` | sets the application up; what is not named is as usual |

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::mischief::Rule;
use super::super::serve::Body;
use super::query::spell;
use super::reply::{Refusal, Reply};
use super::{Call, Outcome, read_json};

const ENTRIES_MAX: usize = 10_000;

pub(super) async fn route(call: &Call<'_>, body: Body) -> Outcome {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (&call.method, path.as_slice()) {
        (&Method::POST, [_, "mischief"]) => add(call, read_json(body).await?),
        (&Method::GET, [_, "mischief"]) => Ok(Reply::ok(fired(call))),
        (&Method::DELETE, [_, "mischief"]) => {
            call.inner.mischief.clear();
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, [_, "audit"]) => Ok(Reply::ok(audit(call)?)),
        (&Method::GET, [_, "requests"]) => Ok(Reply::ok(requests(call)?)),
        (&Method::POST, [_, "clock"]) => {
            let asked = read_json(body).await?;
            let ms = asked["advanceMs"].as_i64();
            let ms = ms.ok_or_else(|| Refusal::bad("BAD_CLOCK", "`advanceMs` is not a number"))?;
            call.inner.clock.advance_ms(ms);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, [_, "application"]) => {
            let application = serde_json::from_value(read_json(body).await?)
                .map_err(|error| Refusal::bad("BAD_APPLICATION", error.to_string()))?;
            call.inner.set_application(application);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn add(call: &Call<'_>, body: Value) -> Outcome {
    let rules = if body.is_array() { body } else { json!([body]) };
    let rules: Vec<Rule> = serde_json::from_value(rules)
        .map_err(|error| Refusal::bad("BAD_MISCHIEF", error.to_string()))?;
    for rule in rules {
        call.inner.mischief.add(rule);
    }
    Ok(Reply::json(StatusCode::CREATED, fired(call)))
}

fn fired(call: &Call<'_>) -> Value {
    let rules = call.inner.mischief.fired();
    rules.into_iter().map(|(rule, fired)| json!({"rule": rule, "fired": fired})).collect()
}

fn since(call: &Call<'_>) -> Result<u64, Refusal> {
    let text = call.param("since").unwrap_or("0");
    text.parse().map_err(|_| Refusal::bad("BAD_SINCE", "`since` is not a number"))
}

fn audit(call: &Call<'_>) -> Result<Value, Refusal> {
    let audit = call.inner.org.audit();
    let entries = audit.entries_since(since(call)?).into_iter().take(ENTRIES_MAX);
    let spelled: Vec<Value> = entries
        .map(|entry| {
            let fields: Map<String, Value> =
                entry.fields.iter().map(|(name, value)| (name.to_string(), spell(value))).collect();
            json!({
                "number": entry.number,
                "object": entry.object,
                "verb": entry.verb,
                "id": entry.id,
                "job": entry.job,
                "fields": fields,
            })
        })
        .collect();
    Ok(json!({"length": audit.len(), "entries": spelled}))
}

fn requests(call: &Call<'_>) -> Result<Value, Refusal> {
    let skip = usize::try_from(since(call)?).unwrap_or(usize::MAX);
    let all = call.inner.org.audit().requests();
    let spelled: Vec<Value> = all
        .iter()
        .skip(skip)
        .map(|request| json!({"method": request.method, "path": request.path}))
        .collect();
    Ok(json!({"length": all.len(), "requests": spelled}))
}
