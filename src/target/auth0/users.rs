//! Users: whom an e-mail means, what a user holds, and the calls that change it.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{ApiPath, Session};
use super::wire::{HeldPermission, Role, User};
use crate::model::operation::Operation;
use crate::model::wording::how_far;
use crate::target::Fault;

/// Items of one call at most. Source: a user has at most 1,000 direct permissions, and no limit of
/// the array is published (reference page on Auth0, 2.1).
pub(super) const CALL_ITEMS: usize = 1_000;

/// Letters that near e-mails begin with at least, and how many of them are told.
const NEAR_START: usize = 3;
const NEAR_TOLD: usize = 3;

/// What rows are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Permission,
    Role,
}

/// Something that a user can hold: a permission of an API, or a role by its id.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(untagged)]
pub(super) enum Item {
    Permission { resource_server_identifier: String, permission_name: String },
    Role { role_id: String },
}

/// An item that a user holds, and how.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Held {
    #[serde(flatten)]
    pub(super) item: Item,
    /// Given to the user itself; only this can be taken away.
    pub(super) direct: bool,
    /// The roles that give it besides.
    pub(super) roles: Vec<String>,
}

/// All that a user holds.
#[derive(Debug, Clone)]
pub(super) struct Holdings {
    pub(super) held: Vec<Held>,
    /// `false` when there is more than could be read.
    pub(super) whole: bool,
}

impl Holdings {
    pub(super) fn find(&self, item: &Item) -> Option<&Held> {
        self.held.iter().find(|held| held.item == *item)
    }
}

/// The users with exactly this e-mail; there may be several, one for each connection. Source: `GET
/// /users-by-email`; database users are stored in lower case (reference page on Auth0, 2.4).
///
/// The spelling counts. Where nobody has this one, the address in lower case is asked for.
pub(super) async fn by_email(session: &Session, email: &str) -> Result<Vec<User>, Fault> {
    let ask = async |email: &str| {
        let path = ApiPath::of(&["users-by-email"])?.with(&[("email", email)]);
        session.get::<Vec<User>>("look a user up by e-mail", &path).await
    };
    let found = ask(email).await?;
    let lower = email.to_lowercase();
    if found.is_empty() && lower != email { ask(&lower).await } else { Ok(found) }
}

#[derive(Deserialize)]
struct Mailed {
    email: Option<String>,
}

/// E-mails that somebody may have meant who wrote one that nobody has, by one call at most; a
/// courtesy, so trouble with it is none.
///
/// Source: search of users by the beginning of an e-mail (reference page on Auth0, 2.4).
pub(super) async fn near_email(session: &Session, email: &str) -> Vec<String> {
    let local = email.split('@').next().unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let length = (local.len() / 2).max(NEAR_START);
    let start: String =
        local.chars().take(length).take_while(plain).collect::<String>().to_lowercase();
    if start.len() < NEAR_START || !start.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Vec::new();
    }
    let question = format!("email:{start}*");
    let path = ApiPath::of(&["users"]).map(|path| {
        path.with(&[
            ("q", question.as_str()),
            ("search_engine", "v3"),
            ("fields", "email"),
            ("include_fields", "true"),
            ("per_page", "100"),
        ])
    });
    let Ok(path) = path else { return Vec::new() };
    let found = session.get::<Vec<Mailed>>("look for users with such an e-mail", &path).await;
    let found = found.unwrap_or_default().into_iter().filter_map(|user| user.email);
    let mut near: Vec<(usize, String)> =
        found.filter_map(|other| Some((how_far(email, &other)?, other))).collect();
    near.sort();
    near.dedup();
    // Beside a slip of one letter, what shares no more than the domain is noise.
    let nearest = near.first().map_or(0, |(far, _)| *far);
    near.into_iter()
        .filter(|(far, _)| *far <= 2 * nearest + 1)
        .map(|(_, email)| email)
        .take(NEAR_TOLD)
        .collect()
}

#[derive(Deserialize)]
struct Counted {
    total: u64,
}

/// How many users the tenant has. Source: the total of a search, which may lag behind (reference
/// page on Auth0, 2.4).
pub(super) async fn count(session: &Session) -> Result<u64, Fault> {
    let question = [("page", "0"), ("per_page", "1"), ("include_totals", "true")];
    let path = ApiPath::of(&["users"])?.with(&question);
    let users: Counted = session.get("count the users", &path).await?;
    Ok(users.total)
}

/// What a user holds. A user that does not exist is a fault of class `Gone`.
pub(super) async fn holdings(session: &Session, kind: Kind, user: &str) -> Result<Holdings, Fault> {
    match kind {
        Kind::Permission => {
            let path = ApiPath::of(&["users", user, "permissions"])?;
            let doing = "read the permissions of a user";
            let listed = session.list::<HeldPermission>(doing, &path, "permissions").await?;
            let held = listed.records.into_iter().map(|held| Held {
                direct: held.is_direct(),
                roles: held.roles(),
                item: Item::Permission {
                    resource_server_identifier: held.resource_server_identifier,
                    permission_name: held.permission_name,
                },
            });
            Ok(Holdings { held: held.collect(), whole: listed.whole })
        }
        Kind::Role => {
            let path = ApiPath::of(&["users", user, "roles"])?;
            let listed = session.list::<Role>("read the roles of a user", &path, "roles").await?;
            let held = listed.records.into_iter().map(|role| Held {
                item: Item::Role { role_id: role.id },
                direct: true,
                roles: Vec::new(),
            });
            Ok(Holdings { held: held.collect(), whole: listed.whole })
        }
    }
}

/// Gives items to a user or takes them away, in one call.
pub(super) async fn change(
    session: &Session,
    operation: Operation,
    kind: Kind,
    user: &str,
    items: &[Item],
) -> Result<(), Fault> {
    let (method, doing) = match (operation, kind) {
        (Operation::Insert, Kind::Permission) => (Method::POST, "add permissions to a user"),
        (Operation::Insert, Kind::Role) => (Method::POST, "assign roles to a user"),
        (_, Kind::Permission) => (Method::DELETE, "remove permissions from a user"),
        (_, Kind::Role) => (Method::DELETE, "remove roles from a user"),
    };
    let (path, body) = match kind {
        Kind::Permission => {
            (ApiPath::of(&["users", user, "permissions"])?, json!({ "permissions": items }))
        }
        Kind::Role => {
            let ids: Vec<&str> = items.iter().map(role_id).collect();
            (ApiPath::of(&["users", user, "roles"])?, Value::from_iter([("roles", ids)]))
        }
    };
    session.put_set(doing, &method, &path, &body).await
}

fn role_id(item: &Item) -> &str {
    match item {
        Item::Role { role_id } => role_id,
        Item::Permission { permission_name, .. } => permission_name,
    }
}
