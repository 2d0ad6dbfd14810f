//! What a load does with its rows.

use std::fmt;

/// One of the operations of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
    Undelete,
}

impl Operation {
    /// The word of the Bulk API, which is case-sensitive there. Undelete has none.
    pub fn bulk_word(self) -> Option<&'static str> {
        match self {
            Self::Insert => Some("insert"),
            Self::Update => Some("update"),
            Self::Upsert => Some("upsert"),
            Self::Delete => Some("delete"),
            Self::HardDelete => Some("hardDelete"),
            Self::Undelete => None,
        }
    }

    /// The word people type and read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hard-delete",
            Self::Undelete => "undelete",
        }
    }

    /// Whether every row must carry the Id of an existing record, where the object has Ids
    /// (`ObjectSchema::needs_id`).
    pub fn needs_id(self) -> bool {
        matches!(self, Self::Update | Self::Delete | Self::HardDelete | Self::Undelete)
    }

    /// Whether the job may carry the Id column and nothing else.
    pub fn sends_only_id(self) -> bool {
        matches!(self, Self::Delete | Self::HardDelete | Self::Undelete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
