//! Differences: what the rows of an update or upsert would change, summed up.

use std::collections::BTreeMap;

use super::compare::{Changed, Comparison, Row};
use crate::model::limits::{CHANGES_SHOWN, SAMPLE_CHARS};
use crate::target::Record;

/// What the far side reads as "clear this field".
const CLEAR: &str = "#N/A";

/// What stands for a value that cannot be told.
const NOT_TOLD: &str = "(not compared)";

/// What rows would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// Rows that were looked at, from the first that would be sent.
    pub rows: u64,
    /// Rows that change something, that change nothing, and whose record is not there.
    pub changed: u64,
    pub unchanged: u64,
    pub missing: u64,
    /// Rows of an upsert that make a new record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<u64>,
    /// Rows that change a field, by field.
    pub fields: BTreeMap<String, u64>,
    /// The first changes.
    pub changes: Vec<Change>,
}

/// One value that would be another.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub row: u64,
    pub id: String,
    pub field: String,
    pub old: String,
    pub new: String,
}

impl Differences {
    /// Adds a row and the record that it finds; says whether the row changes nothing.
    pub fn add(&mut self, comparison: &Comparison, row: &Row, record: Option<&Record>) -> bool {
        self.rows += 1;
        let mut new = 0;
        let mut any = false;
        match record {
            None if comparison.creates => new = 1,
            None => self.missing += 1,
            Some(record) => {
                for changed in comparison.changes(row, record) {
                    any = true;
                    self.note(row.number, &record.id, &changed);
                }
                *(if any { &mut self.changed } else { &mut self.unchanged }) += 1;
            }
        }
        if comparison.creates {
            *self.new.get_or_insert(0) += new;
        }
        record.is_some() && !any
    }

    fn note(&mut self, row: u64, id: &str, changed: &Changed<'_>) {
        *self.fields.entry(changed.field.to_owned()).or_default() += 1;
        if self.changes.len() < CHANGES_SHOWN {
            let new = if changed.sent == CLEAR { "" } else { changed.sent };
            self.changes.push(Change {
                row,
                id: id.to_owned(),
                field: changed.field.to_owned(),
                old: cut(changed.held.unwrap_or(NOT_TOLD)),
                new: cut(new),
            });
        }
    }
}

/// A value as a plan shows it: not the whole of a long text.
pub fn cut(value: &str) -> String {
    match value.char_indices().nth(SAMPLE_CHARS) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}
