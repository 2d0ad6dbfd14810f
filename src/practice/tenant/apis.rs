//! Resource servers and the permissions that they define. Source: section 2.5.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::audit::{Act, Effect};
use super::paging::{Cap, Page};
use super::payload::{closed, object, text, wrong_type};
use super::reply::{Outcome, Refusal, Reply};
use super::store::{Api, Store, at};
use super::wire::Call;

/// Identifiers that one list call may name.
const IDENTIFIERS_MAX: usize = 10;

/// Permissions of an API at most. Source: entity limits.
const SCOPES_MAX: usize = 1_000;

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::None)?;
    let wanted: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "identifiers")
        .map(|(_, value)| value.as_str())
        .collect();
    if wanted.len() > IDENTIFIERS_MAX {
        let text = format!("'Array is too long ({}), maximum {IDENTIFIERS_MAX}'", wanted.len());
        return Err(Refusal::query(&format!("{text} on property identifiers")));
    }
    let state = call.tenant.state();
    let found: Vec<&Api> = state
        .store
        .apis
        .iter()
        .filter(|api| wanted.is_empty() || wanted.contains(&api.identifier.as_str()))
        .collect();
    let shown = page.cut(found.iter()).map(|api| show(&state.store, api)).collect();
    Ok(page.reply("resource_servers", shown, found.len()))
}

pub(super) fn read(call: &Call<'_>) -> Outcome {
    let state = call.tenant.state();
    let place = find(call, &state.store)?;
    Ok(Reply::ok(show(&state.store, &state.store.apis[place])))
}

/// By id or by identifier.
fn find(call: &Call<'_>, store: &Store) -> Result<usize, Refusal> {
    let found =
        store.apis.iter().position(|api| api.id == call.id() || api.identifier == call.id());
    let text = "The resource server does not exist";
    found.ok_or_else(|| Refusal::new(404, "inexistent_resource_server", text))
}

fn show(store: &Store, api: &Api) -> Value {
    let scope = |number: &u32| {
        let permission = &store.permissions[at(*number)];
        json!({"value": permission.name, "description": permission.description})
    };
    json!({
        "id": api.id,
        "name": api.name,
        "identifier": api.identifier,
        "scopes": api.permissions.iter().map(scope).collect::<Vec<_>>(),
        "signing_alg": "RS256",
        "token_lifetime": 86_400,
        "token_lifetime_for_web": 7_200,
        "token_dialect": if api.system { "access_token" } else { "access_token_authz" },
        "enforce_policies": !api.system,
        "allow_offline_access": false,
        "skip_consent_for_verifiable_first_party_clients": true,
        "is_system": api.system,
    })
}

/// Replaces the permissions as a whole; those that are not named go, and their assignments too.
pub(super) fn change(call: &Call<'_>) -> Outcome {
    let body = object(call)?;
    closed(&body, &["scopes"], "")?;
    let scopes = read_scopes(&body)?;
    let mut state = call.tenant.state();
    let place = find(call, &state.store)?;
    if state.store.apis[place].system {
        let text = "You cannot change the scopes of a system API.";
        return Err(Refusal::new(400, "operation_not_supported", text));
    }
    let api = state.store.apis[place].identifier.clone();
    let fields = Map::from_iter([("scopes".to_owned(), Value::Array(scopes))]);
    let effect = Effect::ResourceServer { verb: Act::Update, api, fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    Ok(Reply::ok(show(&state.store, &state.store.apis[place])))
}

fn read_scopes(body: &Map<String, Value>) -> Result<Vec<Value>, Refusal> {
    let found = body.get("scopes").unwrap_or(&Value::Null);
    let Value::Array(scopes) = found else {
        let fault = wrong_type("array", found);
        return Err(Refusal::payload(&format!("{fault} on property scopes")));
    };
    if scopes.len() > SCOPES_MAX {
        let fault = format!("'Array is too long ({}), maximum {SCOPES_MAX}'", scopes.len());
        return Err(Refusal::payload(&format!("{fault} on property scopes")));
    }
    let mut seen = HashSet::new();
    for (place, scope) in scopes.iter().enumerate() {
        let path = format!("scopes[{place}].");
        let Some(members) = scope.as_object() else {
            let fault = wrong_type("object", scope);
            return Err(Refusal::payload(&format!("{fault} on property scopes[{place}]")));
        };
        closed(members, &["value", "description"], &path)?;
        if !seen.insert(text(members, "value", &path)?) {
            return Err(Refusal::new(400, "invalid_body", "Scope values must be unique."));
        }
    }
    Ok(scopes.clone())
}
