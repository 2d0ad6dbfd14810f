//! The users of a role. Source: section 2.3.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::audit::{Change, Effect};
use super::paging::{Cap, Page, take};
use super::payload::{closed, full_text, items, object};
use super::reply::{Outcome, Refusal, Reply};
use super::store::{Store, at};
use super::wire::Call;

/// By cursor if `take` or `from` is given, and by number otherwise; `per_page` and `include_totals`
/// beside a `take` are passed over.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    match take(call)? {
        Some(take) => by_cursor(call, take),
        None => by_number(call),
    }
}

/// Offsets count the members of the moment: who removes while paging skips users.
fn by_number(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::Members)?;
    let state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let members = &state.store.roles[at(number)].members;
    let shown = page.cut(members.iter()).map(|(_, id)| show(&state.store, id)).collect();
    Ok(page.reply("users", shown, members.len()))
}

/// A keyset on time of assignment and user id, so it stays right while members are removed.
fn by_cursor(call: &Call<'_>, take: usize) -> Outcome {
    let after = call.param("from").map(read_cursor).transpose()?;
    let state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let members = &state.store.roles[at(number)].members;
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = members.range((start, Bound::Unbounded));
    let page: Vec<&(i64, Arc<str>)> = rest.by_ref().take(take).collect();
    let more = rest.next().is_some();
    let mut body = json!({
        "users": page.iter().map(|(_, id)| show(&state.store, id)).collect::<Vec<_>>(),
    });
    if let Some((since, id)) = page.last()
        && (more || call.switches.empty_last_page)
    {
        body["next"] = json!(spell_cursor(*since, id));
    }
    Ok(Reply::ok(body))
}

fn show(store: &Store, id: &str) -> Value {
    let Some(user) = store.user(id) else { return Value::Null };
    let profile = &user.profile;
    let mut shown = json!({
        "user_id": id, "email": profile.email, "picture": profile.picture, "name": profile.name,
    });
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}

/// Base64 of `2023-03-14 13:41:28.961000UTC,auth0|id`.
fn spell_cursor(since_us: i64, id: &str) -> String {
    let time = jiff::Timestamp::from_microsecond(since_us).unwrap_or_default();
    STANDARD.encode(format!("{}UTC,{id}", time.strftime("%Y-%m-%d %H:%M:%S.%6f")))
}

fn read_cursor(text: &str) -> Result<(i64, Arc<str>), Refusal> {
    let read = || {
        let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let (time, id) = plain.split_once("UTC,")?;
        let time: jiff::Timestamp = format!("{}Z", time.replace(' ', "T")).parse().ok()?;
        Some((time.as_microsecond(), Arc::from(id)))
    };
    let refuse = || Refusal::new(400, "invalid_query_string", "The from parameter is not valid.");
    read().ok_or_else(refuse)
}

/// Assigns the role to all of them, or to none.
pub(super) fn add(call: &Call<'_>) -> Outcome {
    let body = object(call)?;
    closed(&body, &["users"], "")?;
    let list = items(call, &body, "users", call.switches.members_max)?;
    let mut state = call.tenant.state();
    let number =
        state.store.role(call.id()).ok_or_else(|| Refusal::new(404, "", "Role not found"))?;
    let mut effects = Vec::new();
    let mut done = HashSet::new();
    for (place, item) in list.iter().enumerate() {
        let id = full_text(item, &format!("users[{place}]"))?;
        let Some(user) = state.store.user(id) else {
            if call.switches.partial_writes {
                call.tenant.commit(&mut state, effects, call.now)?;
            }
            return Err(Refusal::new(404, "", "One or more of the users do not exist."));
        };
        let held = user.roles.iter().any(|(held, _)| *held == number);
        if !held && done.insert(id) {
            let (user, role) = (id.to_owned(), call.id().to_owned());
            effects.push(Effect::UserRole { verb: Change::Add, user, role });
        }
    }
    call.tenant.commit(&mut state, effects, call.now)?;
    Ok(Reply::ok(json!({})))
}
