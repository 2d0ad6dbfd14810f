//! The roles of all users by the members of all roles: a call for a hundred members, where a look
//! at each user is a call for one.

use std::sync::Arc;

use super::super::members;
use super::super::users::{self, Held, Item};
use super::super::{Names, Tenant};
use super::holdings::{Out, Place};
use crate::model::wording::counted;
use crate::target::Fault;

/// Whether the lists of members are fewer calls than users.
///
/// A user has 50 roles at most, so these lists have at most half a page a user, and each role
/// begins a page of its own. Source: reference page on Auth0, 2.2.
pub(super) async fn is_cheaper(tenant: &Tenant, names: &Names) -> Result<bool, Fault> {
    let Names::Roles(roles) = names else { return Ok(false) };
    if !roles.whole || tenant.session.needs(&["read:role_members"]).is_err() {
        return Ok(false);
    }
    Ok((roles.by_id.len() as u64).saturating_mul(2) < users::count(&tenant.session).await?)
}

/// Writes a row for each member of each role, or of some, roles by their ids.
pub(super) async fn export(
    tenant: &Arc<Tenant>,
    some: Option<&[String]>,
    place: Option<Place>,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let Some(Names::Roles(roles)) = out.names else { return Ok(()) };
    let (first, mut from, over) = match place {
        Some(Place::Members { role, from, over }) => (role, from, over),
        Some(Place::Users { .. }) | None => (String::new(), None, false),
    };
    let mut asked: Vec<&String> = some.map_or_else(|| roles.by_id.keys().collect(), Vec::from_iter);
    asked.sort_unstable();
    asked.dedup();
    let mut calls = 0_u64;
    for role in &asked {
        let role: &str = role;
        if role < first.as_str() || (over && role == first) {
            continue;
        }
        // A cursor is that of the one role in which the export stopped.
        let mut next = from.take().filter(|_| role == first);
        loop {
            let page = members::page(&tenant.session, role, next.as_deref()).await?;
            calls += 1;
            let item = Item::Role { role_id: role.to_owned() };
            let held = Held { item, direct: true, roles: Vec::new() };
            for user in &page.users {
                out.row(user, &held)?;
            }
            next = page.next;
            let over = next.is_none();
            out.mark(&Place::Members { role: role.to_owned(), from: next.clone(), over })?;
            if over {
                break;
            }
        }
    }
    let (number, calls) = (counted(asked.len() as u64, "role"), counted(calls, "call"));
    out.sink.note(&format!("read from the members of {number} in {calls}"));
    Ok(())
}
