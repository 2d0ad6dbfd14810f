//! Jobs that share parents, and jobs that do not.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::super::rig::{INGEST, Rig, small};
use super::super::switches::{RowLocks, Switches};
use super::super::{LocksTold, Org};

/// Ten times 200 rows last 40 s of the org, and 20 ms of the test.
fn locks() -> RowLocks {
    RowLocks { on: true, time_scale: 2_000, ..RowLocks::default() }
}

fn rig(locks: RowLocks) -> Rig {
    Rig::switched(Switches { row_locks: locks, ..Switches::default() })
}

/// Contacts, each with a parent of those given, in turn.
fn contacts(rows: usize, parents: &[&str]) -> String {
    let mut csv = String::from("LastName,Account.Legacy_Id__c\n");
    for row in 0..rows {
        writeln!(csv, "Row {row},{}", parents[row % parents.len()]).unwrap();
    }
    csv
}

async fn failed_rows(rig: &Rig, id: &str) -> Vec<String> {
    rig.ended(INGEST, id).await;
    let [_, failed, unprocessed] = rig.results(id).await;
    assert_eq!(unprocessed.len(), 1);
    failed[1..].to_vec()
}

#[tokio::test]
async fn jobs_that_share_a_parent_wait_for_each_other_and_fail_when_it_takes_too_long() {
    // A wait of less than one transaction: who comes second fails.
    let rig = rig(RowLocks { wait_ms: 100, time_scale: 20, ..locks() });
    let members = json!({"object": "Contact", "operation": "insert"});
    let one = rig.submit(&members, &contacts(400, &["A-00001", "A-00002"])).await;
    let two = rig.submit(&members, &contacts(400, &["A-00002", "A-00003"])).await;
    let mut failed = failed_rows(&rig, &one).await;
    failed.extend(failed_rows(&rig, &two).await);
    let told = rig.practice.locks_told();
    assert_eq!(told.rows_failed, failed.len() as u64, "{told:?}");
    assert!(!failed.is_empty() && failed.len().is_multiple_of(200), "{}", failed.len());
    assert!(told.met_other_jobs > 0 && told.met_own_job == 0, "{told:?}");
    let text = "unable to obtain exclusive access to this record or 1 records: a-00002";
    assert!(failed.iter().all(|line| line.contains("UNABLE_TO_LOCK_ROW") && line.contains(text)));
    assert!(failed.iter().all(|line| line.starts_with(',') || line.starts_with("\"\"")), "no id");
}

#[tokio::test]
async fn batches_of_one_job_meet_too_and_every_row_is_in_one_file() {
    let rig = rig(RowLocks { wait_ms: 1, transaction_ms: 2_000, ..locks() });
    let members = json!({"object": "Contact", "operation": "insert"});
    let id = rig.submit(&members, &contacts(20_400, &["A-00001"])).await;
    let failed = failed_rows(&rig, &id).await.len();
    let [succeeded, ..] = rig.results(&id).await;
    assert_eq!(failed + succeeded.len() - 1, 20_400);
    assert_eq!(rig.practice.org().audit().len(), succeeded.len() as u64 - 1);
    let told = rig.practice.locks_told();
    assert!(told.met_own_job > 0 && told.met_other_jobs == 0, "{told:?}");
    assert_eq!(told.rows_failed, failed as u64);
}

#[tokio::test]
async fn parents_that_are_apart_never_meet() {
    let rig = rig(locks());
    let members = json!({"object": "Contact", "operation": "insert"});
    let mut ids = Vec::new();
    for parent in ["A-00001", "A-00002", "A-00003"] {
        ids.push(rig.submit(&members, &contacts(1_000, &[parent])).await);
    }
    for id in &ids {
        assert!(failed_rows(&rig, id).await.is_empty());
    }
    let expected = LocksTold { transactions: 15, ..LocksTold::default() };
    assert_eq!(rig.practice.locks_told(), expected);
}

#[tokio::test]
async fn what_is_locked_can_be_said_and_off_is_off() {
    let fields = BTreeMap::from([("contact".to_owned(), vec!["OwnerId".to_owned()])]);
    for locks in [RowLocks { fields, ..locks() }, RowLocks::default()] {
        let rig = rig(locks);
        let members = json!({"object": "Contact", "operation": "insert"});
        let id = rig.submit(&members, &contacts(400, &["A-00001"])).await;
        assert!(failed_rows(&rig, &id).await.is_empty());
        assert_eq!(rig.practice.locks_told(), LocksTold::default());
    }
}

#[tokio::test]
async fn an_org_on_disk_locks_too() {
    let dir = tempfile::tempdir().unwrap();
    let switches = Switches { row_locks: locks(), ..Switches::default() };
    let org = Org::open(dir.path(), &small()).unwrap().with_switches(switches);
    let rig = Rig::of(org);
    let members = json!({"object": "Contact", "operation": "insert"});
    let id = rig.submit(&members, &contacts(10_200, &["A-00001"])).await;
    assert!(failed_rows(&rig, &id).await.is_empty());
    let told = rig.practice.locks_told();
    assert_eq!((told.transactions, told.met_own_job), (51, 0), "one batch after the other");
}
