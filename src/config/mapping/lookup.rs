//! Lookups: a field gets its value from the record, or the line of another file, that a key finds.

use std::path::PathBuf;

/// The names of all that a lookup can be told, as they are written.
pub const LOOKUP_KEYS: [&str; 10] =
    ["object", "match", "where", "file", "step", "key", "value", "case", "on_missing", "on_many"];

/// How a key becomes the value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    pub from: LookupFrom,
    pub case: LetterCase,
    /// For a key that finds nothing.
    pub on_missing: Fallback,
    /// For a key that finds more than one.
    pub on_many: Fallback,
}

/// Where a key is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupFrom {
    /// The records of an object; the value is the record's Id.
    Object {
        object: String,
        /// Fields to compare the key with, at least one. The first in which anything is found
        /// decides.
        fields: Vec<String>,
        /// The text after `WHERE` that narrows the records down.
        filter: Option<String>,
    },
    /// The lines of a CSV file.
    File {
        /// A path that is not absolute is taken from the folder of the mapping file.
        path: PathBuf,
        key: String,
        value: String,
    },
    /// The rows that an earlier step of a runbook loaded; the value is the new Id of the record.
    Step {
        step: String,
        /// The column of that step's rows that the key is compared with.
        key: String,
    },
}

/// Whether `Ann` and `ann` are one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LetterCase {
    #[default]
    Ignore,
    Exact,
}

/// What becomes of a key without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fallback {
    /// The load is refused, and nothing is sent.
    Error,
    /// The row is rejected; the others go on.
    #[default]
    Reject,
    /// The field is sent empty.
    Skip,
    /// The field gets this value.
    Default(String),
}
