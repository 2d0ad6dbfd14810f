//! Permissions and roles of one user. Source: sections 2.1 and 2.2.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::audit::{Change, Effect};
use super::paging::{Cap, Page, take};
use super::payload::{closed, full_text, items, object, text, wrong_type};
use super::reply::{Outcome, Refusal, Reply};
use super::store::{Role, Store, User, at};
use super::switches::{Absent, Repeated, UnknownRole};
use super::wire::Call;

/// Direct permissions of a user at most. Source: entity limits.
const PERMISSIONS_MAX: usize = 1_000;

/// Roles of a user at most.
const ROLES_MAX: usize = 50;

/// A permission that a user has, and the roles by which.
struct Held<'a> {
    direct: bool,
    roles: Vec<&'a Role>,
}

/// All permissions of a user by number, direct ones and those of roles.
fn held<'a>(store: &'a Store, user: &User) -> BTreeMap<u32, Held<'a>> {
    let mut all: BTreeMap<u32, Held<'a>> = BTreeMap::new();
    for number in &user.permissions {
        all.insert(*number, Held { direct: true, roles: Vec::new() });
    }
    for (role, _) in &user.roles {
        let role = &store.roles[at(*role)];
        for number in &role.permissions {
            let none = || Held { direct: false, roles: Vec::new() };
            all.entry(*number).or_insert_with(none).roles.push(role);
        }
    }
    all
}

/// Where a permission comes from.
fn source(id: &str, name: &str, kind: &str) -> Value {
    json!({"source_id": id, "source_name": name, "source_type": kind})
}

pub(super) fn permissions(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::None)?;
    let state = call.tenant.state();
    let store = &state.store;
    let user = store.user(call.id()).ok_or_else(Refusal::no_user)?;
    let all = held(store, user);
    let show = |(number, held): (&u32, &Held<'_>)| {
        let direct = held.direct.then(|| source("", "", "DIRECT"));
        let roles = held.roles.iter().map(|role| source(&role.id, &role.name, "ROLE"));
        let mut shown = store.show_permission(*number);
        shown["sources"] = direct.into_iter().chain(roles).collect();
        shown
    };
    let shown = page.cut(all.iter()).map(show).collect();
    Ok(page.reply("permissions", shown, all.len()))
}

/// Direct and role-derived permissions of one API, by cursor; the cursor is a place in the list.
pub(super) fn effective_permissions(call: &Call<'_>) -> Outcome {
    let take = take(call)?.unwrap_or(50);
    let from = call.param("from").map_or(Ok(0), |from| {
        from.parse().map_err(|_| Refusal::query("'from' is not a cursor of this list"))
    });
    let from: usize = from?;
    let state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    let wanted = call
        .param("resource_server_identifier")
        .ok_or_else(|| Refusal::query("'Missing required property: resource_server_identifier'"))?;
    let all: Vec<Value> = held(&state.store, user)
        .iter()
        .filter(|(number, _)| state.store.spell(**number).0 == wanted)
        .map(|(number, held)| {
            let direct = held.direct.then_some("direct");
            let roles = (!held.roles.is_empty()).then_some("roles");
            let mut shown = state.store.show_permission(*number);
            shown["sources"] = direct.into_iter().chain(roles).collect();
            shown
        })
        .collect();
    let shown: Vec<Value> = all.iter().skip(from).take(take).cloned().collect();
    let mut body = json!({"permissions": shown});
    if from + take < all.len() {
        body["next"] = json!((from + take).to_string());
    }
    Ok(Reply::ok(body))
}

pub(super) fn add_permissions(call: &Call<'_>) -> Outcome {
    change_permissions(call, Change::Add)?;
    Ok(Reply::created())
}

pub(super) fn remove_permissions(call: &Call<'_>) -> Outcome {
    change_permissions(call, Change::Remove)?;
    Ok(Reply::no_content())
}

fn change_permissions(call: &Call<'_>, verb: Change) -> Result<(), Refusal> {
    let wanted = read_permissions(call)?;
    let mut state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    let mut done = HashSet::new();
    let mut effects = Vec::new();
    let mut refused = None;
    for (api, permission) in wanted {
        let number = match find(call, &state.store, &api, &permission, verb) {
            Ok(Some(number)) => number,
            Ok(None) => continue,
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        };
        let held = user.permissions.binary_search(&number).is_ok();
        if verb == Change::Add {
            if held && call.switches.repeated_assignment == Repeated::Conflict {
                let text = "The permission is already assigned to the user.";
                refused = Some(Refusal::new(409, "", text));
                break;
            }
            if !held && user.permissions.len() + done.len() >= PERMISSIONS_MAX {
                let text = "No more permissions can be assigned to this user.";
                refused = Some(Refusal::new(400, "", text));
                break;
            }
        }
        if held == (verb == Change::Remove) && done.insert(number) {
            let user = user.id.to_string();
            effects.push(Effect::UserPermission { verb, user, api, permission });
        }
    }
    if refused.is_none() || call.switches.partial_writes {
        call.tenant.commit(&mut state, effects, call.now)?;
    }
    refused.map_or(Ok(()), Err)
}

/// Pairs of API identifier and permission name, as a body lists them.
pub(super) fn read_permissions(call: &Call<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let body = object(call)?;
    closed(&body, &["permissions"], "")?;
    let list = items(call, &body, "permissions", call.switches.permissions_max)?;
    let pair = |(place, item): (usize, &Value)| {
        let path = format!("permissions[{place}].");
        let Value::Object(members) = item else {
            let fault = wrong_type("object", item);
            let path = path.trim_end_matches('.');
            return Err(Refusal::payload(&format!("{fault} on property {path}")));
        };
        let api = text(members, "resource_server_identifier", &path)?;
        let permission = text(members, "permission_name", &path)?;
        closed(members, &["resource_server_identifier", "permission_name"], &path)?;
        Ok((api.to_owned(), permission.to_owned()))
    };
    list.iter().enumerate().map(pair).collect()
}

/// The number of a permission; none where a removal of what is not defined is passed over.
pub(super) fn find(
    call: &Call<'_>,
    store: &Store,
    api: &str,
    permission: &str,
    verb: Change,
) -> Result<Option<u32>, Refusal> {
    let lenient = verb == Change::Remove;
    let Some(place) = store.api(api) else {
        if lenient && call.switches.delete_unknown_api == Absent::NoContent {
            return Ok(None);
        }
        let text = format!("The resource server does not exist: \"{api}\"");
        return Err(Refusal::new(404, "inexistent_resource_server", text));
    };
    let found = store.permission(place, permission);
    if found.is_none() && !lenient {
        let text = format!("This permission does not exist: '{api} - {permission}'");
        return Err(Refusal::new(404, "inexistent_resource_server_permission", text));
    }
    Ok(found)
}

pub(super) fn roles(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::None)?;
    let state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    let role = |(number, _): &(u32, i64)| &state.store.roles[at(*number)];
    let shown = page.cut(user.roles.iter().map(role)).map(Store::show_role).collect();
    Ok(page.reply("roles", shown, user.roles.len()))
}

pub(super) fn add_roles(call: &Call<'_>) -> Outcome {
    change_roles(call, Change::Add)
}

pub(super) fn remove_roles(call: &Call<'_>) -> Outcome {
    change_roles(call, Change::Remove)
}

fn change_roles(call: &Call<'_>, verb: Change) -> Outcome {
    let body = object(call)?;
    closed(&body, &["roles"], "")?;
    let list = items(call, &body, "roles", call.switches.roles_max)?;
    let wanted = list
        .iter()
        .enumerate()
        .map(|(place, item)| full_text(item, &format!("roles[{place}]")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut state = call.tenant.state();
    let user = state.store.user(call.id()).ok_or_else(Refusal::no_user)?;
    let mut done = HashSet::new();
    let mut effects = Vec::new();
    let mut refused = None;
    for id in wanted {
        let Some(number) = state.store.role(id) else {
            refused = Some(unknown_role(call, id));
            break;
        };
        let held = user.roles.iter().any(|(held, _)| *held == number);
        if verb == Change::Add {
            if held && call.switches.repeated_assignment == Repeated::Conflict {
                let text = "The role is already assigned to the user.";
                refused = Some(Refusal::new(409, "", text));
                break;
            }
            if !held && user.roles.len() + done.len() >= ROLES_MAX {
                let text = "No more roles can be assigned to this user.";
                refused = Some(Refusal::new(400, "", text));
                break;
            }
        }
        if held == (verb == Change::Remove) && done.insert(number) {
            let (user, role) = (user.id.to_string(), id.to_owned());
            effects.push(Effect::UserRole { verb, user, role });
        }
    }
    if refused.is_none() || call.switches.partial_writes {
        call.tenant.commit(&mut state, effects, call.now)?;
    }
    refused.map_or_else(|| Ok(Reply::no_content()), Err)
}

fn unknown_role(call: &Call<'_>, id: &str) -> Refusal {
    match call.switches.unknown_role {
        UnknownRole::NotFound => Refusal::no_role(),
        UnknownRole::InvalidBody => {
            let text = format!("One or more of the specified roles do not exist: {id}");
            Refusal::new(400, "invalid_body", text)
        }
    }
}
