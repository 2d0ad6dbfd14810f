//! What the service does with the rows of a transaction: its checks, its defaults, its refusals.

mod access;
mod cell;
mod column;
mod draft;
mod fault;
mod remove;
mod sales;
mod write;

use std::collections::HashMap;

pub(in crate::practice) use access::{STANDARD_PROFILES, aggregate_of};
pub use cell::{of_type, read_decimal};
pub use column::{Target, resolve, spelled};

use super::ids;
use super::journal::{Failed, Transaction};
use super::objects::{Catalog, Object};
use super::org::{Cell, Change, RowError, RowResult, Verb};
use super::store::{Effect, Life, Rid, Store};
use super::switches::Switches;

/// Runs a change row by row on `store`; a failing row does not undo others.
pub fn run(
    store: &mut Store,
    switches: &Switches,
    now: i64,
    change: &Change<'_>,
) -> (Vec<RowResult>, Transaction) {
    let job = change.job.map(str::to_owned);
    let done = Transaction { job, rows: change.rows.len(), ..Transaction::default() };
    let admitted = admit(store.catalog(), change);
    let mut desk = Desk { store, switches, now, done };
    let results = match admitted {
        Err(error) => change.rows.iter().map(|_| refused("", error.clone())).collect(),
        Ok(load) => desk.rows(&load, change),
    };
    for (row, result) in results.iter().enumerate() {
        if let Some(error) = &result.error {
            let (id, error) = (result.id.clone(), error.clone());
            desk.done.failed.push(Failed { row, id, error });
        }
    }
    (results, desk.done)
}

/// Where rows are worked on: the data, and what has been done so far in this transaction.
struct Desk<'a> {
    store: &'a mut Store,
    switches: &'a Switches,
    now: i64,
    done: Transaction,
}

/// A change whose names are known.
struct Load<'a> {
    object: &'static Object,
    verb: &'a Verb,
    targets: Vec<Target>,
    /// The column that says which record: `Id` or the key of the upsert.
    by: Option<usize>,
}

/// Why the whole change can not be, if so.
fn admit<'a>(catalog: &'static Catalog, change: &'a Change<'_>) -> Result<Load<'a>, RowError> {
    let object = catalog.find(change.object).ok_or_else(|| fault::no_object(change.object))?;
    let verb = &change.verb;
    let able = match verb {
        Verb::Insert => object.can_insert(),
        Verb::Update => object.can_update(),
        Verb::Upsert { .. } => object.can_insert() && object.can_update(),
        Verb::Delete | Verb::HardDelete => object.can_delete(),
        Verb::Undelete => object.soft_deletes(),
    };
    if !able {
        return Err(fault::not_able(object, verb));
    }
    let target =
        |name: &String| resolve(object, name).map_err(|name| fault::no_column(object, &name));
    let targets = change.columns.iter().map(target).collect::<Result<Vec<_>, _>>()?;
    let key = match verb {
        Verb::Insert => None,
        Verb::Upsert { key } => Some(upsert_key(object, key)?),
        _ => Some(0),
    };
    let at = |place| targets.iter().position(|target| *target == Target::Field(place));
    let by = key.and_then(at);
    Ok(Load { object, verb, targets, by })
}

fn upsert_key(object: &Object, key: &str) -> Result<usize, RowError> {
    let place = object.position(key).filter(|place| *place == 0 || object.fields[*place].is_key());
    place.ok_or_else(|| fault::no_key(key))
}

impl Desk<'_> {
    fn rows(&mut self, load: &Load<'_>, change: &Change<'_>) -> Vec<RowResult> {
        let repeated = repeated(load, change.rows);
        let rows = change.rows.iter().enumerate();
        rows.map(|(nth, cells)| self.row(load, nth, cells, &repeated)).collect()
    }

    fn row(
        &mut self,
        load: &Load<'_>,
        nth: usize,
        cells: &[Cell],
        repeated: &HashMap<String, usize>,
    ) -> RowResult {
        let sent = load.by.and_then(|by| text_of(cells.get(by)?));
        if let Some(key) = sent.as_deref().filter(|key| repeats(load, repeated, key)) {
            return refused(
                &self.known_id(load, key),
                fault::repeated(load.object, load.verb, key),
            );
        }
        match self.row_of_its_own(load, nth, cells, sent.as_deref()) {
            Ok((record, created)) => RowResult { id: record.spell(), created, error: None },
            Err(error) => refused(&sent.map_or(String::new(), |s| self.known_id(load, &s)), error),
        }
    }

    fn row_of_its_own(
        &mut self,
        load: &Load<'_>,
        nth: usize,
        cells: &[Cell],
        sent: Option<&str>,
    ) -> Result<(Rid, bool), RowError> {
        match load.verb {
            Verb::Insert => Ok((self.insert(load, nth, cells)?, true)),
            Verb::Update => {
                let id = sent.ok_or_else(|| fault::no_id("update"))?;
                let record = self.live(load.object, id)?;
                self.update(load, nth, cells, record)?;
                Ok((record, false))
            }
            Verb::Upsert { key } => self.upsert(load, nth, cells, (key, sent)),
            Verb::Delete | Verb::HardDelete => {
                let id = sent.ok_or_else(|| fault::no_id("delete"))?;
                let record = self.live(load.object, id)?;
                self.delete(nth, record, *load.verb == Verb::HardDelete)?;
                Ok((record, false))
            }
            Verb::Undelete => {
                let id = sent.ok_or_else(|| fault::no_id("undelete"))?;
                let record = self.named(load.object, id)?;
                self.undelete(nth, record)?;
                Ok((record, false))
            }
        }
    }

    fn upsert(
        &mut self,
        load: &Load<'_>,
        nth: usize,
        cells: &[Cell],
        (key, sent): (&str, Option<&str>),
    ) -> Result<(Rid, bool), RowError> {
        let place = upsert_key(load.object, key)?;
        let record = match sent {
            None if place == 0 => None,
            None => return Err(fault::key_missing(load.object.fields[place].name)),
            Some(id) if place == 0 => Some(self.live(load.object, id)?),
            Some(value) => self.found(load.object, place, value)?,
        };
        match record {
            None => Ok((self.insert(load, nth, cells)?, true)),
            Some(record) => {
                self.update(load, nth, cells, record)?;
                Ok((record, false))
            }
        }
    }

    fn found(&self, object: &Object, place: usize, value: &str) -> Result<Option<Rid>, RowError> {
        let numbers = self.store.table(object).having(place, value);
        match numbers {
            [] => Ok(None),
            [one] => Ok(Some(Rid::new(object, *one))),
            more => Err(fault::many_found(object, object.fields[place].name, more)),
        }
    }

    /// The record of that id, be it live or not.
    fn named(&self, object: &Object, id: &str) -> Result<Rid, RowError> {
        match ids::parse(id) {
            ids::Parsed::Malformed => Err(fault::malformed(id)),
            ids::Parsed::Id(prefix, _) if prefix != *object.prefix().as_bytes() => {
                Err(fault::wrong_id(object, id))
            }
            ids::Parsed::Id(_, number) => number
                .filter(|number| *number < self.store.table(object).len())
                .map(|number| Rid::new(object, number))
                .ok_or_else(fault::no_record),
        }
    }

    fn live(&self, object: &Object, id: &str) -> Result<Rid, RowError> {
        let record = self.named(object, id)?;
        match self.store.life(record) {
            Life::Live => Ok(record),
            Life::Binned | Life::Gone => Err(fault::deleted()),
        }
    }

    /// What stands in `sf__Id` of a failed row.
    fn known_id(&self, load: &Load<'_>, sent: &str) -> String {
        let by_id = load.by.is_some_and(|by| load.targets[by] == Target::Field(0));
        match self.named(load.object, sent) {
            Ok(record) if by_id => record.spell(),
            Err(_) if by_id && self.switches.failed_rows_repeat_bad_ids => sent.to_owned(),
            _ => String::new(),
        }
    }

    fn perform(&mut self, effect: Effect, row: Option<usize>) {
        self.store.perform(&effect);
        self.done.effects.push((effect, row));
    }
}

fn refused(id: &str, error: RowError) -> RowResult {
    RowResult { id: id.to_owned(), created: false, error: Some(error) }
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) | Cell::Json(serde_json::Value::String(text)) => {
            (!text.is_empty()).then(|| text.clone())
        }
        Cell::Json(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// How often each key is in this transaction.
fn repeated(load: &Load<'_>, rows: &[Vec<Cell>]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    let Some(by) = load.by else { return counts };
    for key in rows.iter().filter_map(|cells| text_of(cells.get(by)?)) {
        *counts.entry(same_key(load, &key)).or_insert(0) += 1;
    }
    counts
}

fn repeats(load: &Load<'_>, counts: &HashMap<String, usize>, key: &str) -> bool {
    counts.get(&same_key(load, key)).is_some_and(|count| *count > 1)
}

/// Ids are the same by their first 15 characters, other keys without case.
fn same_key(load: &Load<'_>, key: &str) -> String {
    let by_id = load.by.is_some_and(|by| load.targets[by] == Target::Field(0));
    match key.get(..15) {
        Some(fifteen) if by_id => fifteen.to_owned(),
        _ => key.to_lowercase(),
    }
}

#[cfg(test)]
mod tests;
