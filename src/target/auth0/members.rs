//! The users of a role: the only calls of the Management API that deal with many users at once.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::session::{ApiPath, Session};
use super::wire::UserListed;
use crate::target::Fault;

/// Members of one page. Source: the most that the service gives.
pub(super) const PAGE: usize = 100;

/// Users that one call assigns a role to. Source: no limit is published, and a hundred at a time is
/// advised (reference page on Auth0, 2.3).
pub(super) const ADDED: usize = 100;

/// Some members of a role, by the time of their assignment.
#[derive(Deserialize)]
pub(super) struct Members {
    pub(super) users: Vec<UserListed>,
    /// Where the next page begins; missing at the end. A last page may be empty.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    total: u64,
}

/// A page of members, from the beginning or from a cursor on.
///
/// The cursor stays right while members come and go, and knows no end after 1,000 records. Source:
/// `GET /roles/{id}/users` with `take` (reference page on Auth0, 2.3).
pub(super) async fn page(
    session: &Session,
    role: &str,
    from: Option<&str>,
) -> Result<Members, Fault> {
    let size = PAGE.to_string();
    let mut path = ApiPath::of(&["roles", role, "users"])?.with(&[("take", &size)]);
    if let Some(from) = from {
        path = path.with(&[("from", from)]);
    }
    session.get("list the users of a role", &path).await
}

/// How many users have a role.
pub(super) async fn count(session: &Session, role: &str) -> Result<u64, Fault> {
    let question = [("page", "0"), ("per_page", "1"), ("include_totals", "true")];
    let path = ApiPath::of(&["roles", role, "users"])?.with(&question);
    let counted: Counted = session.get("count the users of a role", &path).await?;
    Ok(counted.total)
}

/// Gives a role to users; those who have it already keep it.
pub(super) async fn add(session: &Session, role: &str, users: &[&str]) -> Result<(), Fault> {
    let path = ApiPath::of(&["roles", role, "users"])?;
    let body = json!({ "users": users });
    session.put_set("assign a role to users", &Method::POST, &path, &body).await
}
