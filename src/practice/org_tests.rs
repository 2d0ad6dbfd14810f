//! An org as a whole: what it keeps, and what it answers.

use std::fs::{self, File};
use std::io::{self, Write};

use super::journal;
use super::org::{Cell, Change, JobMark, Org, QueryScope, RowResult, SeedSize, Value, Verb};

const SMALL: SeedSize = SeedSize { users: 60, permission_sets: 40 };

fn insert(org: &Org, job: Option<&str>, names: &[&str]) -> Vec<RowResult> {
    let columns = ["Name".to_owned()];
    let rows: Vec<Vec<Cell>> = names
        .iter()
        .map(|&name| vec![if name.is_empty() { Cell::Absent } else { Cell::Text(name.to_owned()) }])
        .collect();
    let verb = Verb::Insert;
    org.apply(&Change { object: "Account", verb, job, columns: &columns, rows: &rows })
}

fn names(org: &Org) -> Vec<Vec<Value>> {
    let soql = "SELECT Name, CreatedDate FROM Account WHERE Legacy_Id__c = null ORDER BY Name";
    org.query(soql, QueryScope::Live).unwrap().rows
}

#[test]
fn a_kept_org_remembers_everything() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    let first = insert(&org, Some("7508c00000Qk3TbAAJ"), &["one", "", "three"]);
    insert(&org, None, &["four"]);
    let (told, entries) = (names(&org), org.audit().entries_since(0));
    drop(org);

    // The size of the first use counts.
    let org = Org::open(dir.path(), &SeedSize { users: 5, permission_sets: 1 }).unwrap();
    assert_eq!(names(&org), told);
    assert_eq!(org.audit().entries_since(0), entries);
    let mark = JobMark { rows: 3, last: first };
    assert_eq!(org.job_mark("7508c00000Qk3TbAAJ"), mark);
    assert_eq!(org.job_mark("7508c00000Qk3TcAAJ"), JobMark::default());
    let count = org.query("SELECT COUNT() FROM User", QueryScope::Live).unwrap();
    assert_eq!(count.count_only, Some(60));
}

#[test]
fn a_transaction_that_was_cut_short_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    insert(&org, None, &["one"]);
    drop(org);
    let mut file = File::options().append(true).open(journal::path_in(dir.path())).unwrap();
    file.write_all(br#"{"at":"2026-11-22T12:00:00.000Z","object":"Account","verb""#).unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    assert_eq!(names(&org).len(), 1);
    insert(&org, None, &["two"]);
    drop(org);
    assert_eq!(names(&Org::open(dir.path(), &SMALL).unwrap()).len(), 2);
}

#[test]
fn the_journal_is_an_audit_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap().with_time(|| 1_795_348_800_000);
    let told = insert(&org, Some("7508c00000Qk3TbAAJ"), &["one", ""]);
    let text = fs::read_to_string(journal::path_in(dir.path())).unwrap();
    let text = text.replace(&told[0].id, "[id]").replace(&org.user_id(), "[admin]");
    // A line for each effect, and one that ends the transaction; broken here for the reader.
    let text = text.replace(r#"","#, "\",\n  ");
    insta::assert_snapshot!(text, @r#"
    {"at":"2026-11-22T12:00:00.000Z",
      "object":"Account",
      "verb":"insert",
      "id":"[id]",
      "job":"7508c00000Qk3TbAAJ",
      "row":0,"fields":{"Name":"one",
      "OwnerId":"[admin]"}}
    {"commit":2,"job":"7508c00000Qk3TbAAJ",
      "failed":[{"row":1,"id":"",
      "code":"REQUIRED_FIELD_MISSING",
      "message":"Required fields are missing: [Name]",
      "fields":["Name"]}]}
    "#);
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    let refused = Org::open(dir.path(), &SMALL).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(Org::reset(dir.path()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(org);
    assert!(Org::open(dir.path(), &SMALL).is_ok());
}

#[test]
fn a_reset_org_is_as_new() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    insert(&org, None, &["one"]);
    drop(org);
    fs::create_dir_all(dir.path().join("jobs/7508c00000Qk3TbAAJ")).unwrap();
    Org::reset(dir.path()).unwrap();
    assert!(!dir.path().join("jobs").exists());
    let org = Org::open(dir.path(), &SeedSize { users: 7, permission_sets: 1 }).unwrap();
    assert!(names(&org).is_empty() && org.audit().is_empty());
    let count = org.query("SELECT COUNT() FROM User", QueryScope::Live).unwrap();
    assert_eq!(count.count_only, Some(7));
    assert!(Org::reset(&dir.path().join("nowhere")).is_ok());
}

#[test]
fn settings_are_read_from_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("switches.json");
    File::create(&path).unwrap().write_all(br#"{"inactiveAssignee":false}"#).unwrap();
    let org = Org::open(dir.path(), &SMALL).unwrap();
    assert!(!org.switches().inactive_assignee);
}

#[test]
fn a_cursor_reads_in_blocks_what_a_query_reads_at_once() {
    let org = Org::new(&SMALL);
    let soql = "SELECT Id, Account.Name FROM Contact ORDER BY Account.Name, Id";
    let whole = org.query(soql, QueryScope::Live).unwrap();
    let cursor = org.cursor(soql, QueryScope::Live).unwrap();
    let mut rows = Vec::new();
    for from in (0..cursor.len()).step_by(150) {
        rows.extend(cursor.read(from, 150));
    }
    let (ids, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    assert_eq!((ids, rows), (whole.record_ids, whole.rows));
    assert_eq!(whole.columns, ["Id", "Account.Name"]);
    assert!(cursor.read(cursor.len(), 1).is_empty());
}

#[test]
fn counts_in_both_forms() {
    let org = Org::new(&SMALL);
    let plain = org.query("SELECT COUNT() FROM Contact", QueryScope::Live).unwrap();
    assert_eq!((plain.count_only, plain.rows.len()), (Some(400), 0));
    let one = org.query("SELECT COUNT(Id) FROM Contact", QueryScope::Live).unwrap();
    assert_eq!((&*one.object, one.columns), ("AggregateResult", vec!["expr0".to_owned()]));
    assert_eq!(one.rows, [[Value::Int(400)]]);
}

#[test]
fn columns_are_checked_and_spelled() {
    let org = Org::new(&SMALL);
    assert_eq!(org.check_column("Case", "user:owner.username"), Ok(()));
    assert_eq!(org.column_name("Case", "user:owner.username"), "User:Owner.Username");
    assert_eq!(org.check_column("Case", "Nope"), Err("Nope".to_owned()));
    assert_eq!(org.column_name("Case", "Nope"), "Nope");
    assert_eq!(org.object_name("SHIPMENT__C"), Some("Shipment__c"));
}

#[test]
fn the_admin_is_who_the_manual_says() {
    let org = Org::new(&SMALL);
    let record = org.retrieve("User", &org.user_id()).unwrap();
    let username = Value::Text(org.username());
    assert!(record.contains(&("Username".to_owned(), username)));
    assert!(org.org_id().starts_with("00D"));
    assert!(org.retrieve("Account", &org.user_id()).is_none());
}

/// All pairs of users and sets, in transactions of 200: the load that people do most.
#[test]
fn many_assignments_are_all_there_once() {
    let org = Org::new(&SMALL);
    let ask = |soql: &str| org.query(soql, QueryScope::Live).unwrap().record_ids;
    let users = ask("SELECT Id FROM User WHERE IsActive = true");
    let sets = ask("SELECT Id FROM PermissionSet WHERE Type = 'Regular' AND LicenseId = null");
    let columns = ["AssigneeId", "PermissionSetId"].map(str::to_owned);
    let cell = |id: &String| Cell::Text(id.clone());
    let rows: Vec<Vec<Cell>> =
        users.iter().flat_map(|u| sets.iter().map(move |s| vec![cell(u), cell(s)])).collect();
    let (mut made, mut refused) = (0, 0);
    for _ in 0..2 {
        for rows in rows.chunks(200) {
            let object = "PermissionSetAssignment";
            let (verb, columns) = (Verb::Insert, &columns[..]);
            let results = org.apply(&Change { object, verb, job: None, columns, rows });
            made += results.iter().filter(|result| result.created).count();
            refused += results.iter().filter(|result| result.error.is_some()).count();
        }
    }
    assert_eq!(made + refused, rows.len() * 2);
    assert_eq!(org.audit().len(), made as u64);
    let there = "SELECT COUNT() FROM PermissionSetAssignment WHERE PermissionSet.Type = 'Regular' \
                 AND PermissionSet.LicenseId = null";
    let there = org.query(there, QueryScope::Live).unwrap().count_only;
    assert_eq!(there, Some(rows.len() as u64));
}
