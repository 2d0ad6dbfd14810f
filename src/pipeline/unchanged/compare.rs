//! What a row of an update or upsert would change in the record that it finds.

use crate::config::plan::LoadPlan;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::rows::{CheckedSlab, Table};
use crate::model::schema::{FieldKind, FieldSchema, SentField};
use crate::pipeline::settle::matching::would_keep;
use crate::target::{Fault, Record, RecordsWanted, Target};

/// How the rows of a load are compared with their records.
#[derive(Debug, Clone)]
pub struct Comparison {
    wanted: RecordsWanted,
    /// The column of the body that finds the record; none where each row comes with its Id.
    key: Option<usize>,
    columns: Vec<Column>,
    /// A row without a record makes one.
    pub creates: bool,
}

#[derive(Debug, Clone)]
struct Column {
    /// Its place in the body.
    at: usize,
    name: String,
    kind: FieldKind,
    /// Its place in the record; `None` where what would be sent is not what a record holds: the key
    /// of another record, or the bytes of a file.
    place: Option<usize>,
}

/// A row that would be sent.
#[derive(Debug)]
pub struct Row {
    pub number: u64,
    key: String,
    /// A value for each column that is compared.
    sent: Vec<String>,
}

impl Row {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.sent.iter().map(|value| value.len() + 24).sum::<usize>()
    }
}

/// One field that would be another.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed<'a> {
    pub field: &'a str,
    /// `None` where that cannot be told.
    pub held: Option<&'a str>,
    pub sent: &'a str,
}

impl Comparison {
    /// `None` for what finds no records: another operation, or no column of the key.
    pub fn of(
        operation: Operation,
        object: &ObjectName,
        external_id: Option<&str>,
        sent: &[SentField],
    ) -> Option<Self> {
        let creates = match operation {
            Operation::Update => false,
            Operation::Upsert => true,
            _ => return None,
        };
        let is_key = |sent: &SentField| match external_id {
            Some(key) => sent.related.is_none() && sent.field.name.eq_ignore_ascii_case(key),
            None => sent.related.is_none() && sent.field.kind == FieldKind::Id,
        };
        let key = sent.iter().position(is_key)?;
        let found_by = external_id.map(|_| sent[key].field.clone());
        Some(Self { creates, ..Self::with(object, sent, Some(key), found_by) })
    }

    /// For rows whose records are known by their Ids, as those of a load that is over.
    pub fn by_id(object: &ObjectName, sent: &[SentField]) -> Self {
        Self::with(object, sent, None, None)
    }

    fn with(
        object: &ObjectName,
        sent: &[SentField],
        key: Option<usize>,
        found_by: Option<FieldSchema>,
    ) -> Self {
        let mut fields = Vec::new();
        let columns = sent.iter().enumerate().filter(|(_, sent)| sent.field.kind != FieldKind::Id);
        let columns = columns.map(|(at, sent)| {
            let is_held = sent.related.is_none() && sent.field.kind != FieldKind::Base64;
            let place = is_held.then(|| {
                fields.push(sent.field.name.clone());
                fields.len() - 1
            });
            let name = if is_held { &sent.field.name } else { &sent.header };
            Column { at, name: name.clone(), kind: sent.field.kind, place }
        });
        let columns = columns.collect();
        let wanted = RecordsWanted { object: object.clone(), key: found_by, fields };
        Self { wanted, key, columns, creates: false }
    }

    /// The same for a load.
    pub fn of_plan(plan: &LoadPlan, sent: &[SentField]) -> Option<Self> {
        Self::of(plan.operation, &plan.object, plan.external_id.as_deref(), sent)
    }

    /// The columns of the body that cannot be compared.
    pub fn blind(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| column.place.is_none()).map(|c| c.name.as_str())
    }

    /// Fields that are compared.
    pub fn fields(&self) -> usize {
        self.wanted.fields.len()
    }

    /// A row of a slab, by its place there.
    pub fn row(&self, slab: &CheckedSlab, index: usize) -> Row {
        let key = self.key.map(|key| slab.fields.field(index, key)).unwrap_or_default();
        let key = String::from_utf8_lossy(key);
        self.row_of(slab.raw.marks[index].row, key.trim(), &slab.fields, index)
    }

    /// A row of a table of bodies, and the key of its record.
    pub fn row_of(&self, number: u64, key: &str, fields: &Table, index: usize) -> Row {
        let cell = |at| String::from_utf8_lossy(fields.field(index, at)).into_owned();
        let sent = self.columns.iter().map(|column| cell(column.at)).collect();
        Row { number, key: key.to_owned(), sent }
    }

    /// What the records of some rows hold, in the order of the rows.
    pub async fn held<T: Target>(
        &self,
        target: &T,
        rows: &[Row],
    ) -> Result<Vec<Option<Record>>, Fault> {
        let keys = rows.iter().map(|row| &row.key).filter(|key| !key.is_empty());
        let keys: Vec<String> = keys.cloned().collect();
        let mut found = Vec::new();
        if !keys.is_empty() {
            found = target.records(&self.wanted, &keys).await?;
        }
        let mut found = found.into_iter();
        let of_row = |row: &Row| if row.key.is_empty() { None } else { found.next().flatten() };
        Ok(rows.iter().map(of_row).collect())
    }

    /// The fields that the row would change in its record.
    pub fn changes<'a>(
        &'a self,
        row: &'a Row,
        record: &'a Record,
    ) -> impl Iterator<Item = Changed<'a>> {
        let pairs = self.columns.iter().zip(&row.sent);
        pairs.filter_map(|(column, sent)| {
            let held = column.place.map(|place| record.cells.get(place).map_or("", String::as_str));
            let kept = match held {
                Some(held) => would_keep(column.kind, held.as_bytes(), sent.as_bytes()),
                None => sent.is_empty(),
            };
            (!kept).then_some(Changed { field: &column.name, held, sent })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rows::{RawSlab, RowMark};
    use crate::pipeline::sample;

    fn sent(names: &[&str]) -> Vec<SentField> {
        let schema = sample::schema();
        let one = |name: &&str| {
            let (name, related) = match name.split_once('.') {
                Some((name, _)) => (name, Some(schema.object.field("Ext__c").unwrap().clone())),
                None => (*name, None),
            };
            let field = schema.object.field(name).unwrap().clone();
            SentField { header: name.to_owned(), from: name.to_owned(), field, related }
        };
        names.iter().map(one).collect()
    }

    fn object() -> ObjectName {
        ObjectName::parse("Shipment__c").unwrap()
    }

    fn row(comparison: &Comparison, cells: &[&str]) -> Row {
        let mut fields = Table::new(cells.len());
        for cell in cells {
            fields.push_field(cell.as_bytes());
        }
        let mut raw = RawSlab { table: Table::new(1), ..RawSlab::default() };
        raw.table.push_field(b"");
        raw.marks.push(RowMark { row: 7, line: 8 });
        let slab = CheckedSlab { raw, fields, accepted: vec![0], ..CheckedSlab::default() };
        comparison.row(&slab, 0)
    }

    fn changed(comparison: &Comparison, cells: &[&str], held: &[&str]) -> Vec<String> {
        let cells = row(comparison, cells);
        let record = Record {
            id: sample::id("A01", 1),
            cells: held.iter().map(|cell| (*cell).to_owned()).collect(),
        };
        let told = |change: Changed| format!("{} {:?} {}", change.field, change.held, change.sent);
        comparison.changes(&cells, &record).map(told).collect()
    }

    #[test]
    fn a_row_is_compared_field_by_field() {
        let fields = sent(&["Id", "Name", "Pieces__c", "Body__c", "Account__c.Ext__c"]);
        let comparison = Comparison::of(Operation::Update, &object(), None, &fields).unwrap();
        assert_eq!(comparison.wanted.fields, ["Name", "Pieces__c"]);
        assert_eq!(comparison.blind().collect::<Vec<_>>(), ["Body__c", "Account__c"]);
        let id = sample::id("A01", 1);
        let none: [&str; 0] = [];
        for (cells, held, expected) in [
            ([&id, "a", "7.0", "", ""], ["a", "7"], &none[..]),
            ([&id, "", "", "", ""], ["a", "7"], &none),
            ([&id, "b", "", "", ""], ["a", "7"], &["Name Some(\"a\") b"]),
            ([&id, "a", "#N/A", "", ""], ["a", "7"], &["Pieces__c Some(\"7\") #N/A"]),
            ([&id, "a", "", "QQ==", "k"], ["a", "7"], &["Body__c None QQ==", "Account__c None k"]),
        ] {
            assert_eq!(changed(&comparison, &cells, &held), expected, "{cells:?}");
        }
    }

    /// By key, its spelling counts: the far side takes it over as it is sent.
    #[test]
    fn the_key_of_an_upsert_is_compared_too() {
        let fields = sent(&["Ext__c", "Name"]);
        let of = |operation, fields: &[SentField]| {
            Comparison::of(operation, &object(), Some("ext__C"), fields)
        };
        let comparison = of(Operation::Upsert, &fields).unwrap();
        assert!(comparison.creates);
        assert_eq!(comparison.wanted.fields, ["Ext__c", "Name"]);
        assert!(changed(&comparison, &["K-1", "a"], &["K-1", "a"]).is_empty());
        assert_eq!(changed(&comparison, &["k-1", "a"], &["K-1", "a"]).len(), 1);
        assert!(of(Operation::Upsert, &fields[1..]).is_none());
        assert!(of(Operation::Insert, &fields).is_none());
    }
}
