//! The effects on disk: `audit.jsonl`, from which a kept org is built again.
//!
//! The journal and the audit are one file, so they cannot disagree. A line is one effect; a
//! transaction ends with a line that has `commit`, and is written by one `write`. What stands
//! behind the last `commit` belongs to a transaction that a kill cut short: it is taken off at
//! open.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::objects::{Catalog, Kind, Object};
use super::org::RowError;
use super::store::{Act, Effect, Rid, Slot};
use super::store::{read_date, read_datetime, spell_date, spell_datetime};

/// One transaction as it is written.
#[derive(Debug, Default)]
pub struct Transaction {
    pub job: Option<String>,
    /// Rows that were given, failed ones included.
    pub rows: usize,
    /// Each effect, and the row whose verdict it is; what follows from a row has none.
    pub effects: Vec<(Effect, Option<usize>)>,
    pub failed: Vec<Failed>,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failed {
    /// From 0, in the transaction.
    pub row: usize,
    pub id: String,
    #[serde(flatten)]
    pub error: RowError,
}

/// The open file.
pub struct Journal {
    file: File,
    buffer: Vec<u8>,
    /// A write has failed: what is behind the last `commit` is not whole, so nothing may follow it.
    broken: bool,
}

pub fn path_in(dir: &Path) -> PathBuf {
    dir.join("audit.jsonl")
}

impl Journal {
    /// Opens the journal under `dir` and gives every whole transaction in it to `seen`.
    pub fn open(dir: &Path, catalog: &Catalog, seen: impl FnMut(Transaction)) -> io::Result<Self> {
        Self::open_file(&path_in(dir), catalog, seen)
    }

    /// The same with a journal of another name.
    pub fn open_file(
        path: &Path,
        catalog: &Catalog,
        mut seen: impl FnMut(Transaction),
    ) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let whole = replay(&file, catalog, &mut seen)?;
        if file.metadata()?.len() > whole {
            file.set_len(whole)?;
        }
        Ok(Self { file, buffer: Vec::new(), broken: false })
    }

    /// Writes a transaction; once this returns it survives the end of the process.
    pub fn write(&mut self, transaction: &Transaction) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.buffer.clear();
        let job = transaction.job.as_deref();
        // One transaction has one time.
        let at = transaction.effects.first().map(|(effect, _)| spell_datetime(effect.at));
        for (effect, row) in &transaction.effects {
            write_effect(&mut self.buffer, effect, *row, (job, at.as_deref().unwrap_or_default()))?;
        }
        let commit = json!({
            "commit": transaction.rows, "job": transaction.job, "failed": transaction.failed,
        });
        writeln!(self.buffer, "{commit}")?;
        self.broken = true;
        self.file.write_all(&self.buffer)?;
        self.broken = false;
        Ok(())
    }
}

/// Returns the length of the whole transactions.
fn replay(file: &File, catalog: &Catalog, seen: &mut dyn FnMut(Transaction)) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut read, mut whole) = (Vec::new(), 0, 0);
    let mut open = Transaction::default();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(whole);
        }
        read += length as u64;
        match read_line(catalog, &line) {
            Some(Line::Effect(effect, row)) => open.effects.push((effect, row)),
            Some(Line::Commit { job, rows, failed }) => {
                let effects = std::mem::take(&mut open.effects);
                seen(Transaction { job, rows, effects, failed });
                whole = read;
            }
            None => {
                let message = format!("`audit.jsonl` is damaged: no effect at byte {whole}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
    }
}

enum Line {
    Effect(Effect, Option<usize>),
    Commit { job: Option<String>, rows: usize, failed: Vec<Failed> },
}

fn read_line(catalog: &Catalog, line: &[u8]) -> Option<Line> {
    let mut value: Value = serde_json::from_slice(line).ok()?;
    let members = value.as_object_mut()?;
    if let Some(rows) = members.get("commit") {
        let rows = usize::try_from(rows.as_u64()?).ok()?;
        let job = members.get("job")?.as_str().map(str::to_owned);
        let failed = serde_json::from_value(members.remove("failed")?).ok()?;
        return Some(Line::Commit { job, rows, failed });
    }
    read_effect(catalog, members)
}

fn read_effect(catalog: &Catalog, members: &Map<String, Value>) -> Option<Line> {
    let text = |name: &str| members.get(name)?.as_str();
    let target = Rid::parse(catalog, text("id")?)?;
    let object = target.object();
    let values = members.get("fields")?.as_object()?.iter().map(|(name, value)| {
        let place = object.position(name)?;
        Some((u16::try_from(place).ok()?, slot_of(object, place, value)?))
    });
    let effect = Effect {
        target,
        act: Act::of_name(text("verb")?)?,
        at: read_datetime(text("at")?)?,
        values: values.collect::<Option<Vec<_>>>()?,
    };
    let row = members.get("row").and_then(Value::as_u64).and_then(|row| usize::try_from(row).ok());
    Some(Line::Effect(effect, row))
}

fn slot_of(object: &Object, place: usize, value: &Value) -> Option<Slot<'static>> {
    if value.is_null() {
        return Some(Slot::Null);
    }
    Some(match object.fields[place].kind {
        Kind::Id | Kind::Reference => Slot::Ref(Rid::parse(object.catalog(), value.as_str()?)?),
        Kind::Boolean => Slot::Bool(value.as_bool()?),
        Kind::Int => Slot::Int(value.as_i64()?),
        Kind::Double | Kind::Currency | Kind::Percent => Slot::Double(value.as_f64()?),
        Kind::Date => Slot::Date(read_date(value.as_str()?)?),
        Kind::DateTime => Slot::DateTime(read_datetime(value.as_str()?)?),
        _ => Slot::from(value.as_str()?),
    })
}

/// By hand, for a million of these are written in a load.
fn write_effect(
    out: &mut Vec<u8>,
    effect: &Effect,
    row: Option<usize>,
    (job, at): (Option<&str>, &str),
) -> io::Result<()> {
    let object = effect.target.object();
    let (name, verb, id) = (object.name(), effect.act.name(), effect.target.spell());
    write!(out, r#"{{"at":"{at}","object":"{name}","verb":"{verb}","id":"{id}""#)?;
    if let Some(job) = job {
        write!(out, r#","job":{}"#, Value::from(job))?;
    }
    if let Some(row) = row {
        write!(out, r#","row":{row}"#)?;
    }
    out.extend_from_slice(br#","fields":{"#);
    for (nth, (place, slot)) in effect.values.iter().enumerate() {
        let comma = if nth == 0 { "" } else { "," };
        write!(out, r#"{comma}"{}":"#, object.fields[usize::from(*place)].name)?;
        write_slot(out, slot)?;
    }
    out.extend_from_slice(b"}}\n");
    Ok(())
}

fn write_slot(out: &mut Vec<u8>, slot: &Slot<'_>) -> io::Result<()> {
    match slot {
        Slot::Null => write!(out, "null"),
        Slot::Bool(value) => write!(out, "{value}"),
        Slot::Int(value) => write!(out, "{value}"),
        Slot::Double(value) => write!(out, "{}", Value::from(*value)),
        Slot::Text(text) => serde_json::to_writer(out, text.as_ref()).map_err(io::Error::from),
        Slot::Date(days) => write!(out, r#""{}""#, spell_date(*days)),
        Slot::DateTime(ms) => write!(out, r#""{}""#, spell_datetime(*ms)),
        Slot::Ref(rid) => write!(out, r#""{}""#, rid.spell()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects::find;

    fn sample(number: u32) -> Transaction {
        let object = find("Shipment__c").unwrap();
        let values = [
            ("Shipment_Number__c", Slot::from("S-\"1\"\n")),
            ("Weight_Kg__c", Slot::Double(12.125)),
            ("Ship_Date__c", Slot::Date(20_000)),
            ("Delivered_At__c", Slot::DateTime(1_795_348_800_007)),
            ("Is_Fragile__c", Slot::Bool(true)),
            ("Account__c", Slot::Ref(Rid::new(find("Account").unwrap(), 3))),
            ("Notes__c", Slot::Null),
        ];
        let values = values
            .map(|(name, slot)| (u16::try_from(object.position(name).unwrap()).unwrap(), slot));
        let target = Rid::new(object, number);
        let effect =
            Effect { target, act: Act::Insert, at: 1_795_348_800_000, values: values.into() };
        let error = RowError {
            code: "STRING_TOO_LONG".to_owned(),
            message: "too long".to_owned(),
            fields: vec!["Name".to_owned()],
        };
        Transaction {
            job: Some("7508c00000Qk3TbAAJ".to_owned()),
            rows: 2,
            effects: vec![(effect, Some(0))],
            failed: vec![Failed { row: 1, id: String::new(), error }],
        }
    }

    fn read(dir: &Path) -> Vec<Transaction> {
        let mut all = Vec::new();
        Journal::open(dir, Catalog::built_in(), |transaction| all.push(transaction)).unwrap();
        all
    }

    #[test]
    fn transactions_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Catalog::built_in(), |_| ()).unwrap();
        journal.write(&sample(5)).unwrap();
        journal.write(&sample(6)).unwrap();
        let back = read(dir.path());
        assert_eq!(back.len(), 2);
        assert_eq!(back[1].effects, sample(6).effects);
        assert_eq!(back[1].failed, sample(6).failed);
        assert_eq!((back[0].rows, &back[0].job), (2, &sample(5).job));
    }

    #[test]
    fn a_torn_transaction_is_taken_off_wherever_it_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Catalog::built_in(), |_| ()).unwrap();
        journal.write(&sample(5)).unwrap();
        let path = path_in(dir.path());
        let first = std::fs::metadata(&path).unwrap().len();
        journal.write(&sample(6)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for cut in usize::try_from(first).unwrap()..bytes.len() {
            File::create(&path).unwrap().write_all(&bytes[..cut]).unwrap();
            assert_eq!(read(dir.path()).len(), 1, "cut at {cut}");
            assert_eq!(std::fs::metadata(&path).unwrap().len(), first, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        File::create(path_in(dir.path())).unwrap().write_all(b"{\"id\":\"x\"}\n").unwrap();
        let failed = Journal::open(dir.path(), Catalog::built_in(), |_| ()).err().unwrap();
        assert_eq!(failed.kind(), io::ErrorKind::InvalidData);
    }
}
