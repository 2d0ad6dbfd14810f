//! Differences: what an update would change, by what the records hold now.
//!
//! The first rows are looked at, as many as [`DIFFERENCE_ROWS`]; it costs a call for each
//! [`ROWS_OF_A_CALL`] of them. Values are compared as the org means them: ids without their
//! suffix, numbers by value, moments by time. A cell that leaves its field alone is no difference.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use csv::ByteRecord;

use super::cut;
use crate::model::limits::{
    CHANGES_SHOWN, DIFFERENCE_BYTES, DIFFERENCE_ROWS, ROWS_OF_A_CALL, URL_BYTES_MAX,
};
use crate::model::rows::CheckedSlab;
use crate::model::schema::{FieldKind, SentField};
use crate::target::{ExportQuery, ExportRequest, Fault, RowSink, Target};

/// What an update would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// Rows that were looked at, from the first that would be sent.
    pub rows: u64,
    /// Rows that change something, that change nothing, and whose record is not there.
    pub changed: u64,
    pub unchanged: u64,
    pub missing: u64,
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

/// What the far side reads as "clear this field".
const CLEAR: &str = "#N/A";

/// Bytes of a query that its ids may not take.
const URL_RESERVE: usize = 2_000;

/// The first rows of an update, until they are compared.
#[derive(Debug)]
pub struct Compared {
    /// Place of the id in the body, and the fields that are compared, by place and name.
    id: usize,
    fields: Vec<(usize, String, FieldKind)>,
    rows: Vec<Row>,
    /// Bytes of the values in them.
    bytes: usize,
}

#[derive(Debug)]
struct Row {
    number: u64,
    id: String,
    new: Vec<String>,
}

impl Compared {
    /// `None` where nothing can be compared: no id, or fields of other objects only.
    pub fn of(sent: &[SentField]) -> Option<Self> {
        let id = sent.iter().position(|field| field.header.eq_ignore_ascii_case("Id"))?;
        let own =
            sent.iter().enumerate().filter(|(at, field)| *at != id && field.related.is_none());
        let fields: Vec<_> =
            own.map(|(at, field)| (at, field.field.name.clone(), field.field.kind)).collect();
        let names: usize = fields.iter().map(|(_, name, _)| name.len() + 3).sum();
        let fits = names + ROWS_OF_A_CALL * 27 + URL_RESERVE < URL_BYTES_MAX;
        (fits && !fields.is_empty()).then_some(Self { id, fields, rows: Vec::new(), bytes: 0 })
    }

    /// Keeps the rows of a slab, as long as there is room.
    pub fn look(&mut self, slab: &CheckedSlab) {
        let room = DIFFERENCE_ROWS.saturating_sub(self.rows.len());
        for &index in slab.accepted.iter().take(room) {
            if self.bytes > DIFFERENCE_BYTES {
                return;
            }
            let index = index as usize;
            let cell = |at| String::from_utf8_lossy(slab.fields.field(index, at)).into_owned();
            let new: Vec<String> = self.fields.iter().map(|(at, _, _)| cell(*at)).collect();
            self.bytes += new.iter().map(String::len).sum::<usize>();
            let number = slab.raw.marks[index].row;
            self.rows.push(Row { number, id: short(&cell(self.id)), new });
        }
    }

    /// Asks the org what the records hold, and compares.
    pub async fn with<T: Target>(&self, target: &T, object: &str) -> Result<Differences, Fault> {
        let mut found = Differences::default();
        let names: Vec<&str> = self.fields.iter().map(|(_, name, _)| name.as_str()).collect();
        for rows in self.rows.chunks(ROWS_OF_A_CALL) {
            let ids: Vec<String> = rows.iter().map(|row| format!("'{}'", row.id)).collect();
            let soql = format!(
                "SELECT Id, {} FROM {object} WHERE Id IN ({}) LIMIT {}",
                names.join(", "),
                ids.join(","),
                ids.len()
            );
            let request = ExportRequest { query: ExportQuery::Soql(soql), all: false };
            let mut now = Now::default();
            // The query fits one page, so no page lies on the disk on its way.
            target.export(&request, Path::new(""), &mut now).await?;
            for row in rows {
                found.add(row, now.0.get(&row.id), &self.fields);
            }
        }
        Ok(found)
    }
}

impl Differences {
    fn add(&mut self, row: &Row, now: Option<&Vec<String>>, fields: &[(usize, String, FieldKind)]) {
        self.rows += 1;
        let Some(now) = now else {
            self.missing += 1;
            return;
        };
        let mut any = false;
        for (((_, field, kind), new), old) in fields.iter().zip(&row.new).zip(now) {
            if is_same(*kind, old, new) {
                continue;
            }
            any = true;
            *self.fields.entry(field.clone()).or_default() += 1;
            if self.changes.len() < CHANGES_SHOWN {
                let new = if new == CLEAR { "" } else { new };
                self.changes.push(Change {
                    row: row.number,
                    id: row.id.clone(),
                    field: field.clone(),
                    old: cut(old),
                    new: cut(new),
                });
            }
        }
        *(if any { &mut self.changed } else { &mut self.unchanged }) += 1;
    }
}

/// Whether a record holds what would be sent.
fn is_same(kind: FieldKind, old: &str, new: &str) -> bool {
    if new.is_empty() || old == new {
        return true;
    }
    if new == CLEAR {
        return old.is_empty();
    }
    match kind {
        FieldKind::Id | FieldKind::Reference => short(old) == short(new),
        FieldKind::Boolean => {
            let word = |text: &str| match text.to_ascii_lowercase().as_str() {
                "1" => "true".to_owned(),
                "0" => "false".to_owned(),
                other => other.to_owned(),
            };
            word(old) == word(new)
        }
        FieldKind::DateTime => {
            let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
            moment(old).is_some_and(|old| moment(new) == Some(old))
        }
        kind if kind.is_number() => {
            let number = |text: &str| text.parse::<f64>().ok();
            number(old)
                .is_some_and(|old| number(new).is_some_and(|new| old.to_bits() == new.to_bits()))
        }
        _ => false,
    }
}

/// An id without the suffix that only tells upper from lower case.
fn short(id: &str) -> String {
    if id.len() == 18 && id.is_ascii() { id[..15].to_owned() } else { id.to_owned() }
}

/// What the records hold now, by short id.
#[derive(Default)]
struct Now(BTreeMap<String, Vec<String>>);

impl RowSink for Now {
    fn header(&mut self, _header: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        let mut cells = row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
        let id = short(&cells.next().unwrap_or_default());
        self.0.insert(id, cells.collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_the_org_means_them() {
        use FieldKind::{Boolean, Date, DateTime, Double, Reference, String};
        for (kind, old, new, same) in [
            (String, "a", "a", true),
            (String, "a", "A", false),
            (String, "a", "", true),
            (String, "a", "#N/A", false),
            (String, "", "#N/A", true),
            (Reference, "0018c00000Hn2PqEAJ", "0018c00000Hn2Pq", true),
            (Reference, "0018c00000Hn2PqEAJ", "0018c00000Hn2Pr", false),
            (Boolean, "true", "TRUE", true),
            (Boolean, "false", "0", true),
            (Boolean, "false", "1", false),
            (Double, "10.5", "10.50", true),
            (Double, "1000", "1e3", true),
            (Double, "10.5", "10.51", false),
            (DateTime, "2026-11-22T22:00:00.000Z", "2026-11-22T23:00:00+01:00", true),
            (DateTime, "2026-11-22T22:00:00.000Z", "2026-11-22T22:00:01Z", false),
            (Date, "2026-11-22", "2026-11-23", false),
        ] {
            assert_eq!(is_same(kind, old, new), same, "{kind:?} {old} {new}");
        }
    }
}
