//! Roles and their permissions. Source: section 2.3.

use serde_json::{Map, Value, json};

use super::audit::{Act, Change, Effect};
use super::grants::{find, read_permissions};
use super::paging::{Cap, Page};
use super::payload::{closed, object, text};
use super::reply::{Outcome, Refusal, Reply};
use super::store::{Role, Store, at};
use super::switches::Done;
use super::wire::Call;

/// Permissions of a role at most, and roles of a tenant. Source: entity limits.
const MOST: usize = 1_000;

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::None)?;
    let wanted = call.param("name_filter").unwrap_or_default().to_lowercase();
    // All our roles are the tenant's own, none an organization's.
    let none =
        call.param("type").is_some_and(|kind| kind != "tenant") || call.param("owner_id").is_some();
    let state = call.tenant.state();
    let found: Vec<&Role> = state
        .store
        .live_roles()
        .filter(|role| !none && role.name.to_lowercase().contains(&wanted))
        .collect();
    let shown = page.cut(found.iter()).map(|role| Store::show_role(role)).collect();
    Ok(page.reply("roles", shown, found.len()))
}

pub(super) fn read(call: &Call<'_>) -> Outcome {
    let state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    Ok(Reply::ok(Store::show_role(&state.store.roles[at(number)])))
}

/// 200, not 201.
pub(super) fn create(call: &Call<'_>) -> Outcome {
    let fields = read_fields(call)?;
    let name = text(&fields, "name", "")?;
    let mut state = call.tenant.state();
    if state.store.live_roles().any(|role| role.name == name) {
        let text = "There is already a role with this name.";
        return Err(Refusal::new(409, "", text));
    }
    if state.store.live_roles().count() >= MOST {
        return Err(Refusal::new(400, "", "No more roles can be created."));
    }
    let role = format!("rol_{}", call.tenant.fresh_mark(0, 16));
    let effect = Effect::Role { verb: Act::Create, role: role.clone(), fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    let number = state.store.role(&role).ok_or_else(Refusal::no_role)?;
    Ok(Reply::ok(Store::show_role(&state.store.roles[at(number)])))
}

pub(super) fn change(call: &Call<'_>) -> Outcome {
    let fields = read_fields(call)?;
    let mut state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let name = fields.get("name");
    let taken = state
        .store
        .live_roles()
        .any(|role| role.id != call.id() && name.is_some_and(|name| name == role.name.as_str()));
    if taken {
        return Err(Refusal::new(409, "", "There is already a role with this name."));
    }
    let effect = Effect::Role { verb: Act::Update, role: call.id().to_owned(), fields };
    call.tenant.commit(&mut state, vec![effect], call.now)?;
    Ok(Reply::ok(Store::show_role(&state.store.roles[at(number)])))
}

fn read_fields(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let fields = object(call)?;
    closed(&fields, &["name", "description"], "")?;
    for name in fields.keys() {
        text(&fields, name, "")?;
    }
    Ok(fields)
}

/// Takes the role from all users at once, and answers 200 with an empty object.
pub(super) fn delete(call: &Call<'_>) -> Outcome {
    let mut state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let role = call.id().to_owned();
    let mut effects: Vec<Effect> = state.store.roles[at(number)]
        .members
        .iter()
        .map(|(_, user)| Effect::UserRole {
            verb: Change::Remove,
            user: user.to_string(),
            role: role.clone(),
        })
        .collect();
    effects.push(Effect::Role { verb: Act::Delete, role, fields: Map::new() });
    call.tenant.commit(&mut state, effects, call.now)?;
    Ok(Reply::ok(json!({})))
}

/// Without sources.
pub(super) fn permissions(call: &Call<'_>) -> Outcome {
    let page = Page::of(call, Cap::None)?;
    let state = call.tenant.state();
    let number = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let held = &state.store.roles[at(number)].permissions;
    let shown = page.cut(held.iter()).map(|number| state.store.show_permission(*number)).collect();
    Ok(page.reply("permissions", shown, held.len()))
}

pub(super) fn add_permissions(call: &Call<'_>) -> Outcome {
    change_permissions(call, Change::Add)?;
    Ok(Reply::created())
}

pub(super) fn remove_permissions(call: &Call<'_>) -> Outcome {
    change_permissions(call, Change::Remove)?;
    Ok(match call.switches.role_permissions_delete {
        Done::NoContent => Reply::no_content(),
        Done::Ok => Reply::ok(json!({})),
    })
}

fn change_permissions(call: &Call<'_>, verb: Change) -> Result<(), Refusal> {
    let wanted = read_permissions(call)?;
    let mut state = call.tenant.state();
    let role = state.store.role(call.id()).ok_or_else(Refusal::no_role)?;
    let held = &state.store.roles[at(role)].permissions;
    let mut after = held.clone();
    let mut effects = Vec::new();
    for (api, permission) in wanted {
        let Some(number) = find(call, &state.store, &api, &permission, verb)? else { continue };
        let changes = match verb {
            Change::Add => after.insert(number),
            Change::Remove => after.remove(&number),
        };
        if changes {
            let role = call.id().to_owned();
            effects.push(Effect::RolePermission { verb, role, api, permission });
        }
    }
    if after.len() > MOST {
        let text = "No more permissions can be assigned to this role.";
        return Err(Refusal::new(400, "", text));
    }
    call.tenant.commit(&mut state, effects, call.now)
}
