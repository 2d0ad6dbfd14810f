//! The JSON of the Management API, as far as it is read. Unknown members are passed over, because
//! the vendor adds some without notice. Source: reference page on Auth0, section 2.

use serde::Deserialize;

/// The answer of the token endpoint.
#[derive(Deserialize)]
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) expires_in: Option<i64>,
    pub(super) scope: Option<String>,
}

/// The claims of an access token that we look at; we are not the ones to check its signature.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) scope: Option<String>,
    pub(super) exp: Option<i64>,
    /// The client id of the application.
    pub(super) azp: Option<String>,
    pub(super) sub: Option<String>,
}

/// An API.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ResourceServer {
    pub(super) identifier: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) scopes: Vec<Scope>,
}

/// A permission of an API.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Scope {
    pub(super) value: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) name: String,
}

/// A permission that a user has, and where from.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(super) struct HeldPermission {
    pub(super) resource_server_identifier: String,
    pub(super) permission_name: String,
    #[serde(default)]
    pub(super) sources: Vec<Source>,
}

#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(super) struct Source {
    #[serde(default)]
    pub(super) source_name: String,
    /// `DIRECT` or `ROLE`.
    pub(super) source_type: String,
}

impl HeldPermission {
    /// Whether it was given to the user and not only to a role. Without sources it was.
    pub(super) fn is_direct(&self) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|source| source.source_type == "DIRECT")
    }

    /// The names of the roles that give it.
    pub(super) fn roles(&self) -> Vec<String> {
        let roles = self.sources.iter().filter(|source| source.source_type != "DIRECT");
        roles.map(|source| source.source_name.clone()).collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) user_id: String,
}

/// A user as an export job lists it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct UserListed {
    pub(super) user_id: String,
    pub(super) email: Option<String>,
}

/// A job that lists users.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct UserExport {
    pub(super) id: String,
    /// `pending`, `processing`, `completed`, `failed`, `expired`.
    pub(super) status: String,
    pub(super) location: Option<String>,
}
