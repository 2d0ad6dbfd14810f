//! What every user holds: one paced call for each user of the tenant's list, or the lists of the
//! members of all roles where these are fewer calls.

use std::path::Path;
use std::sync::Arc;

use csv::ByteRecord;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::session::PAGES_END;
use super::super::users::{self, Held, Holdings, Item, Kind};
use super::super::wire::UserListed;
use super::super::{Names, Tenant};
use super::{by_role, list, local, refusal};
use crate::target::trouble::nonsense;
use crate::target::{Fault, FaultClass, Holders, Pace, RowSink};

/// Users whose holdings are asked for at once; the limiter decides how many calls are in flight.
const AT_ONCE: usize = 48;

/// Columns, in their order.
const OF_PERMISSIONS: [&str; 6] =
    ["user_id", "email", "resource_server_identifier", "permission_name", "direct", "roles"];
const OF_ROLES: [&str; 4] = ["user_id", "email", "role", "role_name"];

type Looked = (UserListed, Result<Holdings, Fault>);

/// The columns that an export of this kind has.
pub(super) fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Permission => &OF_PERMISSIONS,
        Kind::Role => &OF_ROLES,
    }
}

/// Where an export may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Place {
    /// Behind so many users of the list.
    Users { users: u64 },
    /// In the list of a role's members, or behind it; roles come by their ids.
    Members { role: String, from: Option<String>, over: bool },
}

/// Writes a row for each permission or role of each user, or of those that are asked for; the
/// number of rows. Users come in the order of the list, or by role.
pub(super) async fn export(
    tenant: &Arc<Tenant>,
    kind: Kind,
    of: Option<&Holders>,
    columns: Vec<&'static str>,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<u64, Fault> {
    tenant.session.needs(scopes(kind))?;
    let names = match kind {
        Kind::Permission => None,
        Kind::Role => Some(tenant.roles().await?),
    };
    let place = sink.stopped_at().and_then(|place| serde_json::from_str(place).ok());
    let mut out = Out { sink, columns, names, rows: 0 };
    out.header()?;
    let (users, roles) = match of {
        Some(Holders::Users(users)) => (Some(users.as_slice()), None),
        Some(Holders::OfRoles(roles)) => (None, Some(roles.as_slice())),
        None => (None, None),
    };
    let by_role = match (&place, names) {
        (_, Some(_)) if of.is_some() => roles.is_some(),
        (Some(Place::Users { .. }), _) | (_, None) => false,
        (Some(Place::Members { .. }), Some(_)) => true,
        (None, Some(names)) => by_role::is_cheaper(tenant, names).await?,
    };
    if by_role {
        by_role::export(tenant, roles, place, &mut out).await?;
    } else if kind == Kind::Permission && roles.is_some() {
        // Nothing is missed in silence: there is no list of those who hold a permission.
        return Err(refusal("who holds permissions cannot be asked for by roles"));
    } else {
        by_user(tenant, kind, (users, place), work, &mut out).await?;
    }
    Ok(out.rows)
}

async fn by_user(
    tenant: &Arc<Tenant>,
    kind: Kind,
    (some, place): (Option<&[String]>, Option<Place>),
    work: &Path,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let path = work.join("users");
    let mut done = 0;
    if let Some(Place::Users { users }) = place {
        done = users;
    }
    if let Some(users) = some {
        list::write(&path, users).map_err(|error| local(&error))?;
    } else if done == 0 {
        let fields = [json!({ "name": "user_id" }), json!({ "name": "email" })];
        list::fetch(tenant, &fields, &path).await?;
    }
    let all = list::count(&path).map_err(|error| local(&error))?;
    let mut users = list::open(&path).map_err(|error| local(&error))?;
    let (mut line, mut skip, mut more) = (String::new(), done, true);
    let mut looking: FuturesOrdered<BoxFuture<'static, Looked>> = FuturesOrdered::new();
    loop {
        while more && looking.len() < AT_ONCE {
            line.clear();
            more = users.read_line(&mut line).map_err(|error| local(&error))? > 0;
            if line.trim().is_empty() {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let user: UserListed = serde_json::from_str(&line).map_err(|error| {
                nonsense(
                    tenant.session.client(),
                    &format!("the tenant's list of users is not as agreed: {error}"),
                )
            })?;
            looking.push_back(Box::pin(look(Arc::clone(tenant), kind, user)));
        }
        let Some((user, held)) = looking.next().await else { return Ok(()) };
        match held {
            Ok(held) if held.whole => {
                for held in &held.held {
                    out.row(&user, held)?;
                }
            }
            Ok(_) => return Err(too_many(&user.user_id)),
            // Somebody deleted the user since the list was made.
            Err(fault) if fault.class == FaultClass::Gone => {}
            Err(fault) => return Err(fault),
        }
        done += 1;
        if tenant.paced.is_limited() {
            let left = all.saturating_sub(done);
            let per_second = tenant.paced.per_second();
            out.sink.pace(Pace { calls_left: left, rows_left: left, per_second });
        }
        out.mark(&Place::Users { users: done })?;
    }
}

async fn look(tenant: Arc<Tenant>, kind: Kind, user: UserListed) -> Looked {
    let held = users::holdings(&tenant.session, kind, &user.user_id).await;
    (user, held)
}

fn scopes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Permission => &["read:users"],
        Kind::Role => &["read:users", "read:roles"],
    }
}

/// Rows on their way out.
pub(super) struct Out<'a> {
    pub(super) sink: &'a mut dyn RowSink,
    pub(super) columns: Vec<&'static str>,
    pub(super) names: Option<&'a Names>,
    pub(super) rows: u64,
}

impl Out<'_> {
    pub(super) fn header(&mut self) -> Result<(), Fault> {
        let header = ByteRecord::from(self.columns.clone());
        self.sink.header(&header).map_err(|error| local(&error))
    }

    pub(super) fn mark(&mut self, place: &Place) -> Result<(), Fault> {
        let place = serde_json::to_string(place).unwrap_or_default();
        self.sink.mark(&place).map_err(|error| local(&error))
    }

    pub(super) fn row(&mut self, user: &UserListed, held: &Held) -> Result<(), Fault> {
        let roles = held.roles.join(";");
        let cell = |column: &&'static str| -> &str {
            match (*column, &held.item) {
                ("user_id", _) => &user.user_id,
                ("email", _) => user.email.as_deref().unwrap_or_default(),
                ("direct", _) if held.direct => "true",
                ("direct", _) => "false",
                ("roles", _) => &roles,
                ("permission_name", Item::Permission { permission_name, .. }) => permission_name,
                (_, Item::Permission { resource_server_identifier, .. }) => {
                    resource_server_identifier
                }
                ("role", Item::Role { role_id }) => role_id,
                (_, Item::Role { role_id }) => {
                    self.names.map_or(role_id.as_str(), |names| names.role_name(role_id))
                }
            }
        };
        let row = ByteRecord::from(self.columns.iter().map(cell).collect::<Vec<&str>>());
        self.sink.row(&row).map_err(|error| local(&error))?;
        self.rows += 1;
        Ok(())
    }
}

fn too_many(user: &str) -> Fault {
    let shown = crate::model::wording::shown(user.as_bytes());
    refusal(&format!("`{shown}` holds more than the {PAGES_END} that the tenant lists"))
        .hint("take that user's roles away, or look it up by `effective-permissions`")
}
