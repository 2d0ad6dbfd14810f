//! Row locks: a transaction takes the parents of its rows, or fails after waiting for them.
//!
//! Source: `docs/reference/practice-org.md`, "Row locks". All parents of a transaction are taken at
//! once or not at all, so nothing can lock up; a transaction holds them for as long as it lasts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::org::RowError;
use super::super::switches::RowLocks;

/// Ids that a message names at most.
const IDS_NAMED: usize = 200;

/// The parents that are taken, by whom, and what has come of it so far.
#[derive(Default)]
pub(in crate::practice) struct Locks {
    table: Mutex<Table>,
    freed: Condvar,
}

#[derive(Default)]
struct Table {
    held: HashMap<String, String>,
    told: Told,
}

/// What the locks have come to since the org was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Transactions that took parents.
    pub transactions: u64,
    /// Those that found one taken by another job.
    pub met_other_jobs: u64,
    /// Those that found one taken by another batch of their own job.
    pub met_own_job: u64,
    /// Rows that failed, as the wait was too long.
    pub rows_failed: u64,
}

/// Parents that are taken, until it goes.
pub struct Held<'a> {
    locks: &'a Locks,
    parents: BTreeSet<String>,
}

impl Locks {
    /// What has happened so far.
    pub(in crate::practice) fn told(&self) -> Told {
        self.lock().told.clone()
    }

    /// Takes all of the parents for `job`, or says which were taken for longer than `patience`.
    pub(in crate::practice) fn take(
        &self,
        job: &str,
        parents: BTreeSet<String>,
        patience: Duration,
    ) -> Result<Held<'_>, Vec<String>> {
        let mut table = self.lock();
        table.told.transactions += 1;
        let holder = parents.iter().find_map(|parent| table.held.get(parent));
        match holder.map(|holder| holder == job) {
            Some(true) => table.told.met_own_job += 1,
            Some(false) => table.told.met_other_jobs += 1,
            None => {}
        }
        let taken =
            |table: &mut Table| parents.iter().any(|parent| table.held.contains_key(parent));
        let waited = self.freed.wait_timeout_while(table, patience, taken);
        let (mut table, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let busy: Vec<String> =
            parents.iter().filter(|parent| table.held.contains_key(*parent)).cloned().collect();
        if !busy.is_empty() {
            return Err(busy);
        }
        table.held.extend(parents.iter().map(|parent| (parent.clone(), job.to_owned())));
        drop(table);
        Ok(Held { locks: self, parents })
    }

    /// Notes rows that failed for a lock.
    pub(super) fn failed(&self, rows: usize) {
        self.lock().told.rows_failed += rows as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut table = self.locks.lock();
        for parent in &self.parents {
            table.held.remove(parent);
        }
        drop(table);
        self.locks.freed.notify_all();
    }
}

/// The parents of rows: cells of these columns that hold something.
pub(super) fn parents<'a>(
    columns: &[usize],
    rows: impl Iterator<Item = &'a Vec<String>>,
) -> BTreeSet<String> {
    let cells = rows.flat_map(|row| columns.iter().filter_map(|column| row.get(*column)));
    cells.filter(|cell| !cell.is_empty() && *cell != "#N/A").map(|cell| name(cell)).collect()
}

/// An id in 15 or 18 characters is one parent; another key is compared without case.
fn name(cell: &str) -> String {
    match crate::model::ids::RecordId::parse(cell.as_bytes()) {
        Ok(id) => id.as_str().to_owned(),
        Err(_) => cell.to_lowercase(),
    }
}

/// The places of the columns whose cells name what a transaction locks.
pub(super) fn columns(locks: &RowLocks, object: &str, header: &[String]) -> Vec<usize> {
    let fields = locks.fields_of(object);
    let is_locked = |column: &String| {
        let head = column.split('.').next().unwrap_or_default();
        let head = head.rsplit(':').next().unwrap_or_default();
        fields.iter().any(|field| {
            let relation = field.strip_suffix("__c").map(|stem| format!("{stem}__r"));
            let relation = relation
                .or_else(|| field.strip_suffix("Id").map(str::to_owned))
                .unwrap_or_default();
            head.eq_ignore_ascii_case(field) || head.eq_ignore_ascii_case(&relation)
        })
    };
    let names: HashSet<usize> =
        (0..).zip(header).filter(|(_, column)| is_locked(column)).map(|(at, _)| at).collect();
    (0..header.len()).filter(|at| names.contains(at)).collect()
}

/// What a row is told whose transaction could not take its parents.
pub(super) fn refusal(busy: &[String]) -> RowError {
    let named: Vec<&str> = busy.iter().take(IDS_NAMED).map(String::as_str).collect();
    let message = format!(
        "unable to obtain exclusive access to this record or {} records: {}",
        busy.len(),
        named.join(",")
    );
    RowError { code: "UNABLE_TO_LOCK_ROW".to_owned(), message, fields: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn parents_are_taken_all_or_none_and_given_back() {
        let locks = Locks::default();
        let now = Duration::ZERO;
        let held = locks.take("a", set(&["x", "y"]), now).ok().unwrap();
        assert_eq!(locks.take("b", set(&["y", "z"]), now).err(), Some(vec!["y".to_owned()]));
        assert!(locks.take("b", set(&["z"]), now).is_ok());
        assert_eq!(locks.take("a", set(&["x"]), now).err(), Some(vec!["x".to_owned()]));
        drop(held);
        assert!(locks.take("b", set(&["x", "y", "z"]), now).is_ok());
        let told = locks.told();
        assert_eq!((told.transactions, told.met_other_jobs, told.met_own_job), (5, 1, 1));
    }

    #[test]
    fn who_waits_gets_them_when_they_are_free() {
        let locks = Locks::default();
        let held = locks.take("a", set(&["x"]), Duration::ZERO).ok().unwrap();
        std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| locks.take("b", set(&["x"]), Duration::from_mins(1)).is_ok());
            while locks.told().met_other_jobs == 0 {
                std::thread::yield_now();
            }
            drop(held);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn columns_are_found_by_field_and_by_relationship() {
        let locks = RowLocks::default();
        let columns_of = |object: &str, header: &[&str]| {
            let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
            columns(&locks, object, &header)
        };
        for (object, header, expected) in [
            ("Contact", &["LastName", "AccountId"][..], vec![1]),
            ("contact", &["Account.Legacy_Id__c", "LastName"], vec![0]),
            ("Contact", &["LastName", "OwnerId"], vec![]),
            ("PermissionSetAssignment", &["PermissionSetId", "AssigneeId"], vec![1]),
            ("Shipment__c", &["Account__r.Legacy_Id__c", "Name"], vec![0]),
            ("Account", &["Name"], vec![]),
        ] {
            assert_eq!(columns_of(object, header), expected, "{object} {header:?}");
        }
    }

    #[test]
    fn a_parent_is_one_however_it_is_spelled() {
        let rows =
            [vec!["0018c00000ZgV6f".to_owned()], vec![String::new()], vec!["A-1".to_owned()]];
        let spelled = [vec!["0018c00000ZgV6fAAF".to_owned()], vec!["a-1".to_owned()]];
        assert_eq!(parents(&[0], rows.iter()), parents(&[0], spelled.iter()));
    }
}
