//! API names of objects and fields.

use std::fmt;

/// The API name of an object, such as `PermissionSetAssignment` or `ns__Shipment__c`.
///
/// A letter, then letters, digits and underscores, at most 80 + namespace; compared without case,
/// as the org does. It can stand in a URL path as it is.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName(String);

/// A text that cannot be the API name of an object or field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an API name: a letter, then letters, digits and underscores")]
pub struct BadName(String);

impl ObjectName {
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let mut bytes = text.bytes();
        let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if starts && goes_on && text.len() <= 120 {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.escape_debug().to_string()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for ObjectName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ObjectName {}

impl TryFrom<String> for ObjectName {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::parse(&text)
    }
}

impl From<ObjectName> for String {
    fn from(name: ObjectName) -> Self {
        name.0
    }
}

impl std::str::FromStr for ObjectName {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::parse(text)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Columns that start with one of these are ours or the far side's, never the user's: they are
/// ignored in an input file, so that an error file can be corrected and loaded again as it is.
pub const RESULT_COLUMN_PREFIXES: [&str; 2] = ["sf__", "longshore__"];

/// Whether a header cell names a result column of an earlier run.
pub fn is_result_column(header: &str) -> bool {
    let lower = header.to_ascii_lowercase();
    RESULT_COLUMN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}
