//! What a tenant has that rows may name: APIs with their permissions, and roles.

use std::collections::{BTreeMap, BTreeSet};

use super::session::{ApiPath, Session};
use super::wire::{ResourceServer, Role};
use crate::model::wording::{nearest, shown};
use crate::target::Fault;

/// An API (resource server).
#[derive(Debug, Clone, Default)]
pub(super) struct Api {
    pub(super) name: String,
    pub(super) permissions: BTreeSet<String>,
}

/// The APIs of a tenant by their identifiers.
#[derive(Debug, Clone, Default)]
pub(super) struct Apis {
    pub(super) by_identifier: BTreeMap<String, Api>,
    /// `false` when the tenant has more than it would list, so that a name that is not here may
    /// exist all the same.
    pub(super) whole: bool,
}

/// The roles of a tenant, names by ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles {
    pub(super) by_id: BTreeMap<String, String>,
    pub(super) whole: bool,
}

/// Why a row names nothing: a code, and a sentence for people.
pub(super) type NoSuch = (&'static str, String);

impl Apis {
    /// Source: `GET /resource-servers` (reference page on Auth0, 2.5).
    pub(super) async fn fetch(session: &Session) -> Result<Self, Fault> {
        let path = ApiPath::of(&["resource-servers"])?;
        let listed =
            session.list::<ResourceServer>("list the APIs", &path, "resource_servers").await?;
        let apis = listed.records.into_iter().map(|server| {
            let permissions = server.scopes.into_iter().map(|scope| scope.value).collect();
            (server.identifier, Api { name: server.name, permissions })
        });
        Ok(Self { by_identifier: apis.collect(), whole: listed.whole })
    }

    /// Whether the API defines the permission. An assignment of one that it does not define is
    /// refused, and the removal of one is silently answered with success.
    pub(super) fn check(&self, api: &str, permission: &str) -> Result<(), NoSuch> {
        let Some(found) = self.by_identifier.get(api) else {
            if self.whole {
                let near = nearest(api, self.by_identifier.keys().map(String::as_str));
                let what = format!("there is no API `{}`", shown(api.as_bytes()));
                return Err(("api_not_found", meant(what, near)));
            }
            return Ok(());
        };
        if found.permissions.contains(permission) {
            return Ok(());
        }
        let near = nearest(permission, found.permissions.iter().map(String::as_str));
        let permission = shown(permission.as_bytes());
        let what = format!("`{permission}` is no permission of `{api}`");
        Err(("permission_not_found", meant(what, near)))
    }
}

impl Roles {
    /// Source: `GET /roles` (reference page on Auth0, 2.3).
    pub(super) async fn fetch(session: &Session) -> Result<Self, Fault> {
        let path = ApiPath::of(&["roles"])?;
        let listed = session.list::<Role>("list the roles", &path, "roles").await?;
        let roles = listed.records.into_iter().map(|role| (role.id, role.name));
        Ok(Self { by_id: roles.collect(), whole: listed.whole })
    }

    /// The id of the role that is named by id or name.
    pub(super) fn id_of(&self, role: &str) -> Result<String, NoSuch> {
        if self.by_id.contains_key(role) {
            return Ok(role.to_owned());
        }
        let mut named = self.by_id.iter().filter(|(_, name)| *name == role);
        match (named.next(), named.next()) {
            (Some((id, _)), None) => Ok(id.clone()),
            (Some(_), Some(_)) => {
                let what = format!("several roles are called `{}`", shown(role.as_bytes()));
                Err(("role_ambiguous", format!("{what}; give the role id")))
            }
            (None, _) if !self.whole && role.starts_with("rol_") => Ok(role.to_owned()),
            (None, _) => {
                let near = nearest(role, self.by_id.values().map(String::as_str));
                let what = format!("there is no role `{}`", shown(role.as_bytes()));
                Err(("role_not_found", meant(what, near)))
            }
        }
    }
}

fn meant(what: String, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("{what}, did you mean `{near}`?"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_is_told_with_what_was_meant() {
        let permissions = ["read:ledger", "write:ledger"].map(str::to_owned).into();
        let api = Api { name: "Ledger".to_owned(), permissions };
        let by_identifier = [("https://ledger.example/".to_owned(), api)].into();
        let apis = Apis { by_identifier, whole: true };
        for (api, permission, code, message) in [
            ("https://ledger.example/", "read:ledger", "", ""),
            (
                "https://ledger.example/",
                "read:legder",
                "permission_not_found",
                "`read:legder` is no permission of `https://ledger.example/`, did you mean \
                 `read:ledger`?",
            ),
            (
                "https://ledger.example",
                "read:ledger",
                "api_not_found",
                "there is no API `https://ledger.example`, did you mean `https://ledger.example/`?",
            ),
        ] {
            let (got, told) = apis.check(api, permission).err().unwrap_or_default();
            assert_eq!((got, told.as_str()), (code, message));
        }
        let some = Apis { whole: false, ..apis };
        assert!(some.check("urn:not-listed", "x").is_ok());
        assert!(some.check("https://ledger.example/", "x").is_err());
    }

    #[test]
    fn a_role_is_named_by_id_or_name() {
        let role = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        let by_id = [role("rol_1", "auditor"), role("rol_2", "twin"), role("rol_3", "twin")].into();
        let roles = Roles { by_id, whole: true };
        for (given, expected) in [
            ("rol_1", Ok("rol_1")),
            ("auditor", Ok("rol_1")),
            ("twin", Err("role_ambiguous")),
            ("Auditor", Err("role_not_found")),
            ("rol_9", Err("role_not_found")),
        ] {
            let got = roles.id_of(given);
            assert_eq!(got.as_deref().map_err(|(code, _)| *code), expected, "{given}");
        }
        let some = Roles { whole: false, ..roles };
        assert_eq!(some.id_of("rol_9").as_deref(), Ok("rol_9"));
        assert!(some.id_of("nine").is_err());
    }
}
