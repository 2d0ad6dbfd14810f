//! The calls of the Management API that the tenant knows, each with what it asks for.

use http::Method;

use super::reply::Outcome;
use super::wire::Call;
use super::{apis, grants, jobs, members, roles, users};

/// One call.
pub(super) struct Route {
    /// Source: section 1.5.
    pub(super) scopes: &'static [&'static str],
    /// How the refusal words the list.
    pub(super) all_in_text: bool,
    /// The query parameters that it knows.
    pub(super) query: &'static [&'static str],
    pub(super) run: fn(&Call<'_>) -> Outcome,
}

const PAGES: &[&str] = &["page", "per_page", "include_totals"];

/// The call that a method and a path below `/api/v2` mean.
pub(super) fn find(method: &Method, path: &[&str]) -> Option<Route> {
    let found = match path {
        ["users" | "users-by-email", ..] => of_users(method, path),
        ["roles", ..] => of_roles(method, path),
        ["resource-servers", ..] => of_apis(method, path),
        ["jobs", ..] => of_jobs(method, path),
        _ => None,
    };
    found.map(|(scopes, query, run)| {
        let all_in_text = scopes.contains(&"read:role_members");
        Route { scopes, all_in_text, query, run }
    })
}

type Found = (&'static [&'static str], &'static [&'static str], fn(&Call<'_>) -> Outcome);

fn of_users(method: &Method, path: &[&str]) -> Option<Found> {
    const SEARCH: &[&str] = &[
        "page",
        "per_page",
        "include_totals",
        "sort",
        "connection",
        "fields",
        "include_fields",
        "q",
        "search_engine",
        "primary_order",
    ];
    const FIELDS: &[&str] = &["fields", "include_fields"];
    Some(match (method.as_str(), path) {
        ("GET", ["users"]) => (&["read:users"], SEARCH, users::list),
        ("POST", ["users"]) => (&["create:users"], &[], users::create),
        ("GET", ["users-by-email"]) => {
            (&["read:users"], &["email", "fields", "include_fields"], users::by_email)
        }
        ("GET", ["users", _]) => (&["read:users"], FIELDS, users::read),
        ("PATCH", ["users", _]) => (&["update:users"], &[], users::change),
        ("DELETE", ["users", _]) => (&["delete:users"], &[], users::delete),
        ("GET", ["users", _, "permissions"]) => (&["read:users"], PAGES, grants::permissions),
        ("POST", ["users", _, "permissions"]) => (&["update:users"], &[], grants::add_permissions),
        ("DELETE", ["users", _, "permissions"]) => {
            (&["update:users"], &[], grants::remove_permissions)
        }
        ("GET", ["users", _, "effective-permissions"]) => (
            &["read:user_effective_permissions"],
            &["resource_server_identifier", "from", "take"],
            grants::effective_permissions,
        ),
        ("GET", ["users", _, "roles"]) => {
            (&["read:users", "read:roles", "read:role_members"], PAGES, grants::roles)
        }
        ("POST", ["users", _, "roles"]) => {
            (&["update:users", "create:role_members"], &[], grants::add_roles)
        }
        ("DELETE", ["users", _, "roles"]) => {
            (&["update:users", "delete:role_members"], &[], grants::remove_roles)
        }
        _ => return None,
    })
}

fn of_roles(method: &Method, path: &[&str]) -> Option<Found> {
    const LIST: &[&str] =
        &["page", "per_page", "include_totals", "name_filter", "type", "owner_id"];
    const MEMBERS: &[&str] = &["page", "per_page", "include_totals", "from", "take"];
    Some(match (method.as_str(), path) {
        ("GET", ["roles"]) => (&["read:roles"], LIST, roles::list),
        ("POST", ["roles"]) => (&["create:roles"], &[], roles::create),
        ("GET", ["roles", _]) => (&["read:roles"], &[], roles::read),
        ("PATCH", ["roles", _]) => (&["update:roles"], &[], roles::change),
        ("DELETE", ["roles", _]) => (&["delete:roles"], &[], roles::delete),
        ("GET", ["roles", _, "permissions"]) => (&["read:roles"], PAGES, roles::permissions),
        ("POST", ["roles", _, "permissions"]) => (&["update:roles"], &[], roles::add_permissions),
        ("DELETE", ["roles", _, "permissions"]) => {
            (&["update:roles"], &[], roles::remove_permissions)
        }
        ("GET", ["roles", _, "users"]) => {
            (&["read:users", "read:roles", "read:role_members"], MEMBERS, members::list)
        }
        ("POST", ["roles", _, "users"]) => {
            (&["update:roles", "create:role_members"], &[], members::add)
        }
        _ => return None,
    })
}

fn of_apis(method: &Method, path: &[&str]) -> Option<Found> {
    const LIST: &[&str] = &["page", "per_page", "include_totals", "include_fields", "identifiers"];
    Some(match (method.as_str(), path) {
        ("GET", ["resource-servers"]) => (&["read:resource_servers"], LIST, apis::list),
        ("GET", ["resource-servers", _]) => {
            (&["read:resource_servers"], &["include_fields"], apis::read)
        }
        ("PATCH", ["resource-servers", _]) => (&["update:resource_servers"], &[], apis::change),
        _ => return None,
    })
}

fn of_jobs(method: &Method, path: &[&str]) -> Option<Found> {
    Some(match (method.as_str(), path) {
        ("POST", ["jobs", "users-exports"]) => (&["read:users"], &[], jobs::create_export),
        ("POST", ["jobs", "users-imports"]) => (&["create:users"], &[], jobs::create_import),
        ("GET", ["jobs", _]) => (&["create:users", "read:users"], &[], jobs::read),
        ("GET", ["jobs", _, "errors"]) => (&["create:users", "read:users"], &[], jobs::errors),
        _ => return None,
    })
}
