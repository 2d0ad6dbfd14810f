//! Who is meant: the columns by which a row may name a user, and how their values are compared.

use crate::model::ids::RecordId;

/// A column that names a user.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum WhoField {
    Username,
    Email,
    UserId,
    FederationIdentifier,
    EmployeeNumber,
}

impl WhoField {
    /// In the order in which they decide unless `--match` says otherwise.
    pub const ALL: [Self; 5] = [
        Self::Username,
        Self::Email,
        Self::UserId,
        Self::FederationIdentifier,
        Self::EmployeeNumber,
    ];

    /// The header of the column.
    pub fn header(self) -> &'static str {
        match self {
            Self::Username => "Username",
            Self::Email => "Email",
            Self::UserId => "User Id",
            Self::FederationIdentifier => "Federation Identifier",
            Self::EmployeeNumber => "Employee Number",
        }
    }

    /// The field of `User`.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Username => "Username",
            Self::Email => "Email",
            Self::UserId => "Id",
            Self::FederationIdentifier => "FederationIdentifier",
            Self::EmployeeNumber => "EmployeeNumber",
        }
    }

    /// A value in the form in which two of them are compared: an id in its long form, anything
    /// else without case, as the org compares it.
    pub(super) fn key(self, value: &str) -> String {
        match (self, RecordId::parse(value.as_bytes())) {
            (Self::UserId, Ok(id)) => id.to_string(),
            (Self::UserId, Err(_)) => value.to_owned(),
            _ => value.to_lowercase(),
        }
    }

    /// What a message calls the value.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "e-mail",
            Self::UserId => "id",
            Self::FederationIdentifier => "federation identifier",
            Self::EmployeeNumber => "employee number",
        }
    }
}

/// The name of a column without what people write differently.
pub(super) fn bare(header: &str) -> String {
    let kept = header.chars().filter(|c| !c.is_whitespace() && *c != '_');
    kept.flat_map(char::to_lowercase).collect()
}
