//! Records of Salesforce, back to what they were: what is deleted, written back, taken out of the
//! recycle bin or created anew.

use std::collections::{BTreeSet, HashMap};

use super::rows::{Done, DoneRows};
use super::sheet::{OLD_ID, Sheets};
use super::{Held, Tally};
use crate::model::failure::Failure;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, SentField};
use crate::model::wording::counted;
use crate::pipeline::images::ImageRow;
use crate::pipeline::settle::matching::is_same;
use crate::target::{Record, RecordsWanted, Target};

/// What clears a field.
const CLEAR: &[u8] = b"#N/A";

/// The undo of one run while it is drawn.
pub(super) struct Drawing<'a, T> {
    held: &'a Held,
    target: &'a T,
    sheets: &'a mut Sheets,
    tally: &'a mut Tally,
    notices: &'a mut Vec<String>,
    /// The fields that were written.
    columns: Vec<Column>,
    /// The fields that a new record gets, by their places among the kept ones.
    given: Vec<usize>,
    /// Rows of records to be created that refer to others of their own kind.
    cut_off: u64,
    /// Records that are deleted go into a recycle bin.
    has_bin: bool,
    /// Records can be deleted; where not, those that the run created stay, so many.
    deletable: bool,
    stay: u64,
    loads: Loads,
}

/// The places of the loads.
#[derive(Default)]
struct Loads {
    delete: usize,
    update: usize,
    restore: usize,
    insert: usize,
}

/// A field that was written.
struct Column {
    name: String,
    kind: FieldKind,
    updateable: bool,
    /// Its place in what was sent, and among the kept fields.
    sent: usize,
    kept: usize,
    related: Option<Related>,
}

/// A reference that was written by a key of what it refers to.
struct Related {
    /// `None` where it may be of several objects.
    object: Option<ObjectName>,
    key: FieldSchema,
}

impl<'a, T: Target> Drawing<'a, T> {
    pub(super) fn new(
        held: &'a Held,
        target: &'a T,
        sheets: &'a mut Sheets,
        tally: &'a mut Tally,
        notices: &'a mut Vec<String>,
    ) -> Self {
        let images = &held.manifest.images;
        let place = |name: &str| images.iter().position(|field| field.name == name);
        let columns: Vec<Column> = held
            .manifest
            .fields
            .iter()
            .enumerate()
            .filter_map(|(sent, field)| Column::of(sent, field, place(&field.field.name)?))
            .collect();
        let given: Vec<usize> = (0..images.len()).filter(|at| images[*at].createable).collect();
        let mut loads = Loads::default();
        match held.plan.operation {
            Operation::Insert | Operation::Undelete => {
                loads.delete = sheets.load(Operation::Delete, &["Id"]);
            }
            Operation::Update | Operation::Upsert => {
                loads.delete = sheets.load(Operation::Delete, &["Id"]);
                let names = columns.iter().map(|column| column.name.as_str());
                let header: Vec<&str> = std::iter::once("Id").chain(names).collect();
                loads.update = sheets.load(Operation::Update, &header);
            }
            Operation::Delete | Operation::HardDelete => {
                loads.restore = sheets.load(Operation::Undelete, &["Id"]);
                let names = given.iter().map(|at| images[*at].name.as_str());
                let header: Vec<&str> = names.chain([OLD_ID]).collect();
                loads.insert = sheets.load(Operation::Insert, &header);
            }
        }
        Self {
            held,
            target,
            sheets,
            tally,
            notices,
            columns,
            given,
            cut_off: 0,
            has_bin: false,
            deletable: true,
            stay: 0,
            loads,
        }
    }

    /// Goes through all that succeeded.
    pub(super) async fn draw(mut self) -> Result<(), Failure> {
        let operation = self.held.plan.operation;
        if !matches!(operation, Operation::Update | Operation::HardDelete) {
            let described = self.target.describe(&self.held.plan.object).await?;
            (self.has_bin, self.deletable) = (described.undeletable, described.deletable);
        }
        let mut rows = DoneRows::open(self.held)?;
        let with_images = !matches!(operation, Operation::Insert | Operation::Undelete);
        loop {
            let batch = rows.batch(with_images)?;
            if batch.is_empty() {
                break;
            }
            let (unchanged, batch): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|done| done.unchanged);
            self.tally.nothing += unchanged.len() as u64;
            let (known, unknown): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|done| !done.id.is_empty());
            self.tally.cannot += unknown.len() as u64;
            match operation {
                Operation::Insert => self.tally.delete += self.away(&known).await?,
                Operation::Undelete => self.tally.delete_again += self.away(&known).await?,
                Operation::Update => self.changed(known).await?,
                Operation::Upsert => {
                    let (created, changed): (Vec<_>, Vec<_>) =
                        known.into_iter().partition(|done| done.created);
                    self.tally.delete += self.away(&created).await?;
                    self.changed(changed).await?;
                }
                _ => self.deleted(known).await?,
            }
        }
        self.say();
        Ok(())
    }

    /// What stays different, in words.
    fn say(&mut self) {
        let object = &self.held.plan.object;
        let away = self.tally.delete + self.tally.delete_again;
        if self.stay > 0 {
            let stay = counted(self.stay, "record");
            self.notices.push(format!(
                "this user cannot delete `{object}`, so {stay} that it created will stay"
            ));
        }
        if away > 0 {
            self.notices.push(format!(
                "what others have made below the {} since goes with them",
                counted(away, "record")
            ));
        }
        if self.tally.create > 0 {
            self.notices.push(format!(
                "{} in no recycle bin: what is created anew gets a new Id, and what \
                 referred to the old one stays cut off",
                if self.tally.create == 1 {
                    "1 record is".to_owned()
                } else {
                    format!("{} are", counted(self.tally.create, "record"))
                }
            ));
        }
        if self.cut_off > 0 {
            let rows = counted(self.cut_off, "row");
            self.notices.push(format!(
                "references to another `{object}` stand in {rows}: where that was deleted too, the \
                 org refuses the row, as its new Id is not known yet"
            ));
        }
    }

    async fn ask(
        &self,
        object: &ObjectName,
        key: Option<FieldSchema>,
        fields: Vec<String>,
        keys: &[String],
    ) -> Result<Vec<Option<Record>>, Failure> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = RecordsWanted { object: object.clone(), key, fields };
        Ok(self.target.records(&wanted, keys).await?)
    }

    /// Records as they are now.
    async fn now(
        &self,
        done: &[Done],
        fields: Vec<String>,
    ) -> Result<Vec<Option<Record>>, Failure> {
        let ids: Vec<String> = done.iter().map(|done| done.id.clone()).collect();
        self.ask(&self.held.plan.object, None, fields, &ids).await
    }

    /// Those that are there because of the run are deleted, where they are still there; so many.
    async fn away(&mut self, done: &[Done]) -> Result<u64, Failure> {
        let now = self.now(done, Vec::new()).await?;
        let mut away = 0;
        for (done, now) in done.iter().zip(now) {
            if now.is_some() && !self.deletable {
                self.stay += 1;
                self.tally.cannot += 1;
            } else if now.is_some() {
                away += 1;
                self.sheets.row(self.loads.delete, [done.id.as_bytes()].into_iter())?;
            } else {
                self.tally.nothing += 1;
            }
        }
        Ok(away)
    }

    /// Those that the run deleted come out of the recycle bin with their Ids, and are created anew
    /// where they are not there any more, unless somebody has brought them back.
    async fn deleted(&mut self, done: Vec<Done>) -> Result<(), Failure> {
        let now = self.now(&done, Vec::new()).await?;
        let binned = self.binned(&done, &now).await?;
        for ((done, now), binned) in done.into_iter().zip(now).zip(binned) {
            if now.is_some() {
                self.tally.nothing += 1;
                continue;
            }
            if binned {
                self.tally.restore += 1;
                self.sheets.row(self.loads.restore, [done.id.as_bytes()].into_iter())?;
                continue;
            }
            let Some(image) = done.image.filter(|image| !image.id().is_empty()) else {
                self.not_kept(&done.id)?;
                continue;
            };
            self.tally.create += 1;
            self.cut_off += u64::from(self.refers_to_its_like(&image));
            let cells = self.given.iter().map(|at| image.before(*at));
            self.sheets.row(self.loads.insert, cells.chain([done.id.as_bytes()]))?;
        }
        Ok(())
    }

    /// For each of those that are not there now, whether the recycle bin has it.
    async fn binned(&self, done: &[Done], now: &[Option<Record>]) -> Result<Vec<bool>, Failure> {
        if !self.has_bin {
            return Ok(vec![false; done.len()]);
        }
        let gone = done.iter().zip(now).filter(|(_, now)| now.is_none());
        let ids: Vec<String> = gone.map(|(done, _)| done.id.clone()).collect();
        let mut found = self.target.binned(&self.held.plan.object, &ids).await?.into_iter();
        let of = |now: &Option<Record>| now.is_none() && found.next().unwrap_or(false);
        Ok(now.iter().map(of).collect())
    }

    fn refers_to_its_like(&self, image: &ImageRow) -> bool {
        let object = self.held.plan.object.as_str();
        self.given.iter().any(|at| {
            let to = &self.held.manifest.images[*at].reference_to;
            to.iter().any(|to| to.eq_ignore_ascii_case(object)) && !image.before(*at).is_empty()
        })
    }

    fn not_kept(&mut self, id: &str) -> Result<(), Failure> {
        self.tally.cannot += 1;
        self.sheets.conflict([id.as_bytes(), b"", b"", b"", b"", b"nothing was kept of it"])
    }

    /// Fields that still hold what the run wrote get back what they held before.
    async fn changed(&mut self, done: Vec<Done>) -> Result<(), Failure> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let now = self.now(&done, names).await?;
        let resolved = self.resolved(&done).await?;
        for (done, now) in done.iter().zip(now) {
            let id = done.id.as_bytes();
            let Some(image) = done.image.as_ref().filter(|image| !image.id().is_empty()) else {
                self.not_kept(&done.id)?;
                continue;
            };
            let Some(now) = now else {
                self.tally.cannot += 1;
                self.sheets.conflict([id, b"", b"", b"", b"", b"the record is gone"])?;
                continue;
            };
            self.write_back(id, image, &now, &resolved)?;
        }
        Ok(())
    }

    fn write_back(
        &mut self,
        id: &[u8],
        image: &ImageRow,
        now: &Record,
        resolved: &Resolved,
    ) -> Result<(), Failure> {
        let (mut cells, mut any, mut conflicts): (Vec<&[u8]>, bool, u64) = (vec![id], false, 0);
        for (column, now) in self.columns.iter().zip(&now.cells) {
            let (sent, before) = (image.sent(column.sent), image.before(column.kept));
            let ours = match &column.related {
                Some(_) => resolved.get(&(column.sent, sent.to_vec())).map(String::as_bytes),
                None => Some(sent),
            };
            let verdict = judge(column, sent, before, ours, now.as_bytes());
            match verdict {
                Verdict::Leave => cells.push(b""),
                Verdict::Restore => {
                    any = true;
                    cells.push(if before.is_empty() { CLEAR } else { before });
                }
                Verdict::Conflict(why) => {
                    conflicts += 1;
                    cells.push(b"");
                    let (name, now) = (column.name.as_bytes(), now.as_bytes());
                    self.sheets.conflict([id, name, before, sent, now, why.as_bytes()])?;
                }
            }
        }
        self.tally.conflicts += conflicts;
        if any {
            self.tally.write_back += 1;
            self.sheets.row(self.loads.update, cells.into_iter())?;
        } else if conflicts == 0 {
            self.tally.nothing += 1;
        }
        Ok(())
    }

    /// The Ids behind references that were written by keys.
    async fn resolved(&self, done: &[Done]) -> Result<Resolved, Failure> {
        let mut resolved = Resolved::new();
        for column in &self.columns {
            let Some(Related { object: Some(object), key }) = &column.related else { continue };
            let sent = done.iter().filter_map(|done| done.image.as_ref());
            let sent = sent.map(|image| image.sent(column.sent));
            let keys: BTreeSet<&[u8]> = sent.filter(|cell| !is_blank(cell)).collect();
            let asked: Vec<String> =
                keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
            let found = self.ask(object, Some(key.clone()), Vec::new(), &asked).await?;
            let found = keys.into_iter().zip(found);
            resolved.extend(
                found.filter_map(|(key, record)| Some(((column.sent, key.to_vec()), record?.id))),
            );
        }
        Ok(resolved)
    }
}

/// The Id for a column of the body and what was sent in it.
type Resolved = HashMap<(usize, Vec<u8>), String>;

/// What is done about one field of one record.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Leave,
    Restore,
    Conflict(&'static str),
}

/// `ours` is what was sent, as the field holds it; `None` where that cannot be told.
fn judge(column: &Column, sent: &[u8], before: &[u8], ours: Option<&[u8]>, now: &[u8]) -> Verdict {
    // A blank cell was not sent.
    if sent.is_empty() || is_same(column.kind, now, before) {
        return Verdict::Leave;
    }
    let ours = if sent == CLEAR { Some(sent) } else { ours };
    match ours {
        None => Verdict::Conflict("what was written cannot be looked up any more"),
        Some(ours) if !is_same(column.kind, now, ours) => Verdict::Conflict("it was changed since"),
        Some(_) if !column.updateable => Verdict::Conflict("the field cannot be updated"),
        Some(_) => Verdict::Restore,
    }
}

fn is_blank(cell: &[u8]) -> bool {
    cell.is_empty() || cell == CLEAR
}

impl Column {
    /// `None` for the Id.
    fn of(sent: usize, field: &SentField, kept: usize) -> Option<Self> {
        if field.field.kind == FieldKind::Id {
            return None;
        }
        let related = field.related.as_ref().map(|key| {
            let given = field.header.split_once(':').map(|(object, _)| object);
            let only = match &field.field.reference_to[..] {
                [only] => Some(only.as_str()),
                _ => None,
            };
            let object = given.or(only).and_then(|name| ObjectName::parse(name.trim()).ok());
            Related { object, key: key.clone() }
        });
        Some(Self {
            name: field.field.name.clone(),
            kind: field.field.kind,
            updateable: field.field.updateable,
            sent,
            kept,
            related,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: FieldKind, updateable: bool) -> Column {
        Column { name: "F".to_owned(), kind, updateable, sent: 0, kept: 0, related: None }
    }

    #[test]
    fn only_what_is_still_ours_is_written_back() {
        use FieldKind::{Boolean, Currency, Date, DateTime, Reference, String};
        let since = Verdict::Conflict("it was changed since");
        for (kind, before, sent, now, verdict) in [
            (String, "old", "new", "new", Verdict::Restore),
            (String, "", "new", "new", Verdict::Restore),
            (String, "old", "#N/A", "", Verdict::Restore),
            (String, "old", "new", "theirs", since),
            // Already as it was, by whomever.
            (String, "old", "new", "old", Verdict::Leave),
            (String, "same", "same", "same", Verdict::Leave),
            // Not written, so whatever it holds is not ours.
            (String, "old", "", "theirs", Verdict::Leave),
            (String, "old", "#N/A", "theirs", Verdict::Conflict("it was changed since")),
            // Spelled as the far side does.
            (Currency, "1.0", "1500000", "1500000.0", Verdict::Restore),
            (Boolean, "false", "1", "true", Verdict::Restore),
            (Date, "", "2026-11-20", "2026-11-20", Verdict::Restore),
            (
                DateTime,
                "",
                "2026-11-20T11:00:01+02:00",
                "2026-11-20T09:00:01.000+0000",
                Verdict::Restore,
            ),
            (Reference, "", "0015500001QdQWa", "0015500001QdQWaAAN", Verdict::Restore),
        ] {
            let (sent, ours) = (sent.as_bytes(), Some(sent.as_bytes()));
            let found = judge(&column(kind, true), sent, before.as_bytes(), ours, now.as_bytes());
            assert_eq!(found, verdict, "{kind:?} {before:?} {sent:?} {now:?}");
        }
        let closed = judge(&column(String, false), b"new", b"old", Some(b"new"), b"new");
        assert_eq!(closed, Verdict::Conflict("the field cannot be updated"));
        let lost = judge(&column(Reference, true), b"key", b"", None, b"0015500001QdQWaAAN");
        assert_eq!(lost, Verdict::Conflict("what was written cannot be looked up any more"));
        let cleared = judge(&column(Reference, true), b"#N/A", b"0015500001QdQWaAAN", None, b"");
        assert_eq!(cleared, Verdict::Restore);
    }
}
