//! Users: lists, search, and the calls on one user. Source: section 2.4.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::audit::{Act, Effect};
use super::lucene;
use super::paging::{Cap, Page};
use super::payload::{closed, object, text, wrong_type};
use super::profile::Profile;
use super::reply::{Outcome, Refusal, Reply};
use super::store::{CONNECTIONS, User};
use super::switches::Absent;
use super::wire::{Call, project};

/// Members that a user can be made with.
const WRITABLE: &[&str] = &[
    "connection",
    "email",
    "email_verified",
    "username",
    "phone_number",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "blocked",
    "user_metadata",
    "app_metadata",
    "password",
    "verify_email",
    "user_id",
];

/// What is checked and then forgotten.
const NOT_KEPT: [&str; 3] = ["password", "verify_email", "user_id"];

/// The search: eventually consistent, cut at 1,000 records.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::Search)?;
    let query = match call.param("q").filter(|q| !q.trim().is_empty()) {
        Some(q) => Some(lucene::parse(q).map_err(|text| {
            Refusal::new(400, "invalid_query_string", format!("Invalid query: {text}"))
        })?),
        None => None,
    };
    let connection = call.param("connection");
    let state = call.tenant.state();
    let lag = call.switches.search_lag_ms;
    let found = state.store.users.iter().filter_map(|user| {
        let seen = indexed(user, call.now, lag)?;
        let fits = query.as_ref().is_none_or(|query| query.matches(&user.id, seen))
            && connection.is_none_or(|wanted| seen.connection().name == wanted);
        fits.then_some((user, seen))
    });
    let mut found: Vec<(&User, &Profile)> = found.collect();
    sort(call, &mut found)?;
    let shown: Vec<Value> =
        page.cut(found.iter()).map(|(user, seen)| project(call, seen.show(&user.id))).collect();
    if !page.totals {
        return Ok(Reply::ok(Value::Array(shown)));
    }
    Ok(Reply::ok(json!({
        "start": page.start,
        "limit": page.limit,
        "length": shown.len(),
        "users": shown,
        "total": found.len(),
    })))
}

/// What the search index knows of a user: it lags behind.
fn indexed(user: &User, now: i64, lag: i64) -> Option<&Profile> {
    let behind = |since: i64| since + lag > now;
    if behind(user.made_ms) || user.gone_ms.is_some_and(|gone| !behind(gone)) {
        return None;
    }
    let before = user.before.as_deref().filter(|_| behind(user.changed_ms));
    Some(before.unwrap_or(&user.profile))
}

/// `sort=field:1` or `field:-1`; users without the field come last.
fn sort(call: &Call<'_>, found: &mut [(&User, &Profile)]) -> Result<(), Refusal> {
    let Some(asked) = call.param("sort").filter(|asked| !asked.is_empty()) else { return Ok(()) };
    let (field, direction) = asked.rsplit_once(':').unwrap_or((asked, ""));
    let down = match direction {
        "1" => false,
        "-1" => true,
        _ => {
            let text = format!("'String does not match pattern ^.+:(1|-1)$: {asked}'");
            return Err(Refusal::query(&format!("{text} on property sort (Field to sort by)")));
        }
    };
    found.sort_by_cached_key(|(user, profile)| {
        let value = profile.look(&user.id, field).into_iter().next().map(Cow::into_owned);
        value.map_or_else(|| (true, String::new()), |value| (false, value))
    });
    if down {
        let some = found.partition_point(|(user, seen)| !seen.look(&user.id, field).is_empty());
        found[..some].reverse();
    }
    Ok(())
}

/// Exact and case-sensitive; several connections may know one address.
pub(super) fn by_email(call: &Call<'_>) -> Outcome {
    let email = call
        .param("email")
        .ok_or_else(|| Refusal::query("'Missing required property: email' on property email"))?;
    if !email.contains('@') {
        let text = format!("'Object didn't pass validation for format email: {email}'");
        return Err(Refusal::query(&format!("{text} on property email (Email address to search)")));
    }
    let state = call.tenant.state();
    let found = state.store.users_of_email(email);
    let shown = found.map(|user| project(call, user.show())).collect();
    Ok(Reply::ok(Value::Array(shown)))
}

pub(super) fn read(call: &Call<'_>) -> Outcome {
    let state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    Ok(Reply::ok(project(call, user.show())))
}

pub(super) fn create(call: &Call<'_>) -> Outcome {
    let mut fields = object(call)?;
    closed(&fields, WRITABLE, "")?;
    let connection = text(&fields, "connection", "")?.to_owned();
    check_kinds(&fields)?;
    let Some(known) = CONNECTIONS.iter().find(|known| known.name == connection) else {
        let text = format!("The connection does not exist. Connection name: {connection}");
        return Err(Refusal::new(400, "inexistent_connection", text));
    };
    if known.provider != "sms" && !fields.contains_key("email") {
        return Err(Refusal::payload("'Missing required property: email'"));
    }
    if let Some(Value::String(email)) = fields.get_mut("email") {
        *email = email.to_lowercase();
    }
    let mut state = call.tenant.state();
    let own = fields.get("user_id").and_then(Value::as_str).map(str::to_owned);
    let own = own.unwrap_or_else(|| call.tenant.fresh_mark(0, 24));
    let id = format!("{}|{own}", known.provider);
    let email = fields.get("email").and_then(Value::as_str);
    let taken = state.store.user(&id).is_some()
        || email.is_some_and(|email| {
            let mut same = state.store.users_of_email(email);
            same.any(|user| user.profile.connection().name == connection)
        });
    if taken {
        return Err(Refusal::new(409, "auth0_idp_error", "The user already exists."));
    }
    complete(&mut fields);
    let effect = Effect::User { verb: Act::Create, user: id.clone(), fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    let user = state.store.user(&id).ok_or_else(Refusal::no_user)?;
    Ok(Reply::json(201, user.show()))
}

/// What every user has: a name, a nickname, a picture.
pub(super) fn complete(fields: &mut Map<String, Value>) {
    for name in NOT_KEPT {
        fields.shift_remove(name);
    }
    let first = ["email", "phone_number", "username"].into_iter();
    let first = first.filter_map(|name| fields.get(name)).find_map(Value::as_str);
    let first = first.unwrap_or_default().to_owned();
    let nickname = first.split('@').next().unwrap_or_default().to_owned();
    let picture = "https://pictures.example/new.png".to_owned();
    for (name, value) in [("name", first), ("nickname", nickname), ("picture", picture)] {
        fields.entry(name).or_insert(Value::String(value));
    }
}

/// Types of the members; text, flag or object. Null is allowed where `PATCH` takes a member away.
fn check_kinds(fields: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in fields {
        let (wanted, fits) = match name.as_str() {
            "email_verified" | "blocked" | "verify_email" => ("boolean", value.is_boolean()),
            "user_metadata" | "app_metadata" => ("object", value.is_object() || value.is_null()),
            _ => ("string", value.is_string() || value.is_null()),
        };
        if !fits {
            let fault = wrong_type(wanted, value);
            return Err(Refusal::payload(&format!("{fault} on property {name}")));
        }
        if name == "email" && value.as_str().is_some_and(|email| !email.contains('@')) {
            let shown = value.as_str().unwrap_or_default();
            let text = format!("'Object didn't pass validation for format email: {shown}'");
            return Err(Refusal::payload(&format!("{text} on property email")));
        }
    }
    Ok(())
}

/// Root members replace, metadata merges at its first level, null takes away.
pub(super) fn change(call: &Call<'_>) -> Outcome {
    let mut fields = object(call)?;
    closed(&fields, WRITABLE, "")?;
    check_kinds(&fields)?;
    if fields.is_empty() {
        return Err(Refusal::payload("'Too few properties defined (0), minimum 1'"));
    }
    let mut state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    for name in ["connection", "password", "verify_email", "user_id"] {
        fields.shift_remove(name);
    }
    if let Some(Value::String(email)) = fields.get_mut("email") {
        *email = email.to_lowercase();
    }
    let known = [
        ("user_metadata", &user.profile.user_metadata),
        ("app_metadata", &user.profile.app_metadata),
    ];
    for (name, known) in known {
        if let Some(Value::Object(changed)) = fields.get_mut(name) {
            let mut merged = known.as_deref().cloned().unwrap_or_default();
            merged.extend(std::mem::take(changed));
            merged.retain(|_, value| !value.is_null());
            *changed = merged;
        }
    }
    let effect = Effect::User { verb: Act::Update, user: call.id().to_owned(), fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    Ok(Reply::ok(user.show()))
}

/// 204, also when there is no such user.
pub(super) fn delete(call: &Call<'_>) -> Outcome {
    let mut state = call.tenant.state();
    if state.store.user(call.id()).is_none() {
        return match call.switches.delete_absent_user {
            Absent::NoContent => Ok(Reply::no_content()),
            Absent::NotFound => Err(Refusal::no_user()),
        };
    }
    let (user, fields) = (call.id().to_owned(), Map::new());
    let effect = Effect::User { verb: Act::Delete, user, fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    Ok(Reply::no_content())
}
