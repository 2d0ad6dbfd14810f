//! The data of a tenant: users, roles, APIs and who has what.
//!
//! Everything changes through [`Store::perform`], one effect at a time, so the seed and the effects
//! are the whole truth.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::audit::{Act, Change, Effect};
use super::profile::Profile;

/// A connection that users come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    pub id: &'static str,
    pub name: &'static str,
    /// The provider in identities; the `strategy`.
    pub provider: &'static str,
    pub social: bool,
}

/// The connections of every practice tenant; they can not be changed.
pub const CONNECTIONS: [Connection; 5] = [
    Connection {
        id: "con_Pr4ct1c3Datab4se",
        name: "Username-Password-Authentication",
        provider: "auth0",
        social: false,
    },
    Connection {
        id: "con_Pr4ct1c3Go0gle00",
        name: "google-oauth2",
        provider: "google-oauth2",
        social: true,
    },
    Connection { id: "con_Pr4ct1c3Corp0000", name: "corp", provider: "samlp", social: false },
    Connection {
        id: "con_Pr4ct1c3Azure000",
        name: "harbor-azure",
        provider: "waad",
        social: false,
    },
    Connection { id: "con_Pr4ct1c3Sms00000", name: "sms", provider: "sms", social: false },
];

/// A user, also one that is gone: numbers stay.
#[derive(Debug, Clone)]
pub struct User {
    pub id: Arc<str>,
    pub profile: Profile,
    /// What the last change replaced, which a search may still find.
    pub before: Option<Box<Profile>>,
    pub made_ms: i64,
    pub changed_ms: i64,
    pub gone_ms: Option<i64>,
    /// Direct permissions by number, ascending.
    pub permissions: Vec<u32>,
    /// Roles by number, in the order of assignment, with the time of it in microseconds.
    pub roles: Vec<(u32, i64)>,
}

impl User {
    /// The user as the API shows it.
    pub fn show(&self) -> Value {
        self.profile.show(&self.id)
    }
}

/// A permission (scope) of an API, also one that is gone.
#[derive(Debug, Clone)]
pub struct Permission {
    pub api: usize,
    pub name: String,
    pub description: String,
    pub gone: bool,
}

/// A resource server.
#[derive(Debug, Clone)]
pub struct Api {
    pub id: String,
    pub name: String,
    pub identifier: String,
    pub system: bool,
    /// By number, in the order in which they were defined.
    pub permissions: Vec<u32>,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub id: String,
    pub name: String,
    pub description: String,
    pub gone: bool,
    /// By number, ascending.
    pub permissions: BTreeSet<u32>,
    /// Time of assignment in microseconds, user id: the order of the cursor.
    pub members: BTreeSet<(i64, Arc<str>)>,
}

#[derive(Debug, Default)]
pub struct Store {
    pub users: Vec<User>,
    pub apis: Vec<Api>,
    pub permissions: Vec<Permission>,
    pub roles: Vec<Role>,
    user_numbers: HashMap<Arc<str>, u32>,
    role_numbers: HashMap<String, u32>,
    permission_numbers: HashMap<(usize, String), u32>,
    emails: HashMap<String, Vec<u32>>,
}

impl Store {
    /// A user who is there, by id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.user_number(id).map(|number| &self.users[at(number)])
    }

    fn user_number(&self, id: &str) -> Option<u32> {
        let number = *self.user_numbers.get(id)?;
        self.users[at(number)].gone_ms.is_none().then_some(number)
    }

    /// The users with exactly this e-mail address.
    pub fn users_of_email<'a>(&'a self, email: &str) -> impl Iterator<Item = &'a User> + use<'a> {
        let numbers = self.emails.get(email).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().map(|number| &self.users[at(*number)]).filter(|user| user.gone_ms.is_none())
    }

    pub fn api(&self, identifier: &str) -> Option<usize> {
        self.apis.iter().position(|api| api.identifier == identifier)
    }

    /// The number of a permission that is defined.
    pub fn permission(&self, api: usize, name: &str) -> Option<u32> {
        let number = *self.permission_numbers.get(&(api, name.to_owned()))?;
        (!self.permissions[at(number)].gone).then_some(number)
    }

    /// The number of a role that is there, by id.
    pub fn role(&self, id: &str) -> Option<u32> {
        let number = *self.role_numbers.get(id)?;
        (!self.roles[at(number)].gone).then_some(number)
    }

    /// The roles that are there, in the order in which they were made.
    pub fn live_roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().filter(|role| !role.gone)
    }

    /// Identifier of the API and name.
    pub fn spell(&self, permission: u32) -> (&str, &str) {
        let permission = &self.permissions[at(permission)];
        (&self.apis[permission.api].identifier, &permission.name)
    }

    /// Applies an effect that came about at `now` (milliseconds). What names nothing is passed
    /// over.
    pub fn perform(&mut self, effect: &Effect, now: i64) {
        match effect {
            Effect::UserPermission { verb, user, api, permission } => {
                let (Some(user), Some(permission)) =
                    (self.user_number(user), self.find(api, permission))
                else {
                    return;
                };
                assign(&mut self.users[at(user)].permissions, permission, *verb);
            }
            Effect::UserRole { verb, user, role } => self.join(user, role, *verb, now * 1_000),
            Effect::RolePermission { verb, role, api, permission } => {
                let (Some(role), Some(permission)) = (self.role(role), self.find(api, permission))
                else {
                    return;
                };
                let permissions = &mut self.roles[at(role)].permissions;
                match verb {
                    Change::Add => permissions.insert(permission),
                    Change::Remove => permissions.remove(&permission),
                };
            }
            Effect::User { verb, user, fields } => match verb {
                Act::Create => self.put_user(user, Profile::of(fields, now), now),
                Act::Update => self.change_user(user, fields, now),
                Act::Delete => self.remove_user(user, now),
            },
            Effect::Role { verb, role, fields } => self.change_role(role, *verb, fields),
            Effect::ResourceServer { api, fields, .. } => {
                let scopes = fields.get("scopes").and_then(Value::as_array);
                if let (Some(api), Some(scopes)) = (self.api(api), scopes) {
                    self.define(api, scopes);
                }
            }
        }
    }

    fn find(&self, api: &str, permission: &str) -> Option<u32> {
        self.permission(self.api(api)?, permission)
    }

    pub(super) fn put_user(&mut self, id: &str, profile: Profile, now: i64) {
        let number = number(self.users.len());
        let id: Arc<str> = id.into();
        self.user_numbers.insert(Arc::clone(&id), number);
        self.index(profile.email.as_deref(), number);
        self.users.push(User {
            id,
            profile,
            before: None,
            made_ms: now,
            changed_ms: now,
            gone_ms: None,
            permissions: Vec::new(),
            roles: Vec::new(),
        });
    }

    fn index(&mut self, email: Option<&str>, number: u32) {
        let Some(email) = email else { return };
        let numbers = self.emails.entry(email.to_owned()).or_default();
        if let Err(place) = numbers.binary_search(&number) {
            numbers.insert(place, number);
        }
    }

    fn change_user(&mut self, id: &str, fields: &Map<String, Value>, now: i64) {
        let Some(number) = self.user_number(id) else { return };
        let user = &mut self.users[at(number)];
        let before = user.profile.clone();
        user.profile.set_all(fields);
        user.profile.updated_ms = now;
        user.changed_ms = now;
        let email = user.profile.email.clone();
        if before.email != email {
            if let Some(numbers) = before.email.as_ref().and_then(|old| self.emails.get_mut(old)) {
                numbers.retain(|known| *known != number);
            }
            self.index(email.as_deref(), number);
        }
        self.users[at(number)].before = Some(Box::new(before));
    }

    fn remove_user(&mut self, id: &str, now: i64) {
        let Some(number) = self.user_number(id) else { return };
        let user = &mut self.users[at(number)];
        user.gone_ms = Some(now);
        user.permissions = Vec::new();
        let id = Arc::clone(&user.id);
        for (role, since) in std::mem::take(&mut user.roles) {
            self.roles[at(role)].members.remove(&(since, Arc::clone(&id)));
        }
    }

    fn join(&mut self, user: &str, role: &str, verb: Change, at_us: i64) {
        let (Some(user), Some(role)) = (self.user_number(user), self.role(role)) else { return };
        let user = &mut self.users[at(user)];
        let members = &mut self.roles[at(role)].members;
        let held = user.roles.iter().position(|(held, _)| *held == role);
        match (verb, held) {
            (Change::Add, None) => {
                user.roles.push((role, at_us));
                members.insert((at_us, Arc::clone(&user.id)));
            }
            (Change::Remove, Some(place)) => {
                let (_, since) = user.roles.remove(place);
                members.remove(&(since, Arc::clone(&user.id)));
            }
            _ => {}
        }
    }

    fn change_role(&mut self, id: &str, verb: Act, fields: &Map<String, Value>) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        if verb == Act::Create {
            self.put_role(id, text("name").unwrap_or_default(), text("description"));
            return;
        }
        let Some(number) = self.role(id) else { return };
        let role = &mut self.roles[at(number)];
        if verb == Act::Delete {
            role.gone = true;
            role.permissions = BTreeSet::new();
            return;
        }
        role.name = text("name").unwrap_or(std::mem::take(&mut role.name));
        role.description = text("description").unwrap_or(std::mem::take(&mut role.description));
    }

    pub(super) fn put_role(&mut self, id: &str, name: String, description: Option<String>) {
        self.role_numbers.insert(id.to_owned(), number(self.roles.len()));
        self.roles.push(Role {
            id: id.to_owned(),
            description: description.unwrap_or_default(),
            name,
            gone: false,
            permissions: BTreeSet::new(),
            members: BTreeSet::new(),
        });
    }

    /// Gives an API these permissions; those that it had and that are not among them go, and their
    /// assignments with them.
    pub(super) fn define(&mut self, api: usize, scopes: &[Value]) {
        for number in std::mem::take(&mut self.apis[api].permissions) {
            self.permissions[at(number)].gone = true;
        }
        for scope in scopes {
            let text = |name: &str| scope[name].as_str().unwrap_or_default().to_owned();
            let (name, description) = (text("value"), text("description"));
            let fresh = number(self.permissions.len());
            let known = *self.permission_numbers.entry((api, name.clone())).or_insert(fresh);
            if known == fresh {
                self.permissions.push(Permission { api, name, description, gone: false });
            } else {
                let permission = &mut self.permissions[at(known)];
                (permission.description, permission.gone) = (description, false);
            }
            self.apis[api].permissions.push(known);
        }
        let Self { users, roles, permissions, .. } = self;
        let gone = |number: &u32| permissions[at(*number)].gone;
        for user in users {
            user.permissions.retain(|number| !gone(number));
        }
        for role in roles {
            role.permissions.retain(|number| !gone(number));
        }
    }

    /// A role as lists and single reads show it.
    pub fn show_role(role: &Role) -> Value {
        json!({"id": role.id, "name": role.name, "description": role.description})
    }

    /// A permission as lists show it, without sources.
    pub fn show_permission(&self, number: u32) -> Value {
        let permission = &self.permissions[at(number)];
        let api = &self.apis[permission.api];
        json!({
            "permission_name": permission.name,
            "description": permission.description,
            "resource_server_name": api.name,
            "resource_server_identifier": api.identifier,
        })
    }
}

fn assign(held: &mut Vec<u32>, number: u32, verb: Change) {
    match (held.binary_search(&number), verb) {
        (Err(place), Change::Add) => held.insert(place, number),
        (Ok(place), Change::Remove) => {
            held.remove(place);
        }
        _ => {}
    }
}

/// A number as a place in a list.
pub fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
