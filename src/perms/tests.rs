//! What people are told where no practice org brings it about.

use std::io::Write as _;

use super::ask::{Action, Scope};
use super::carry::{on_thread, removes};
use super::columns::Columns;
use super::decided::{empty_scope, withheld_words};
use super::decisions::{Decision, What};
use super::merge::StepRows;
use super::preview::Preview;
use super::who::WhoField;
use super::{ending, held, spool, steps, verify};
use crate::model::failure::Failure;
use crate::model::rows::RowMark;
use crate::pipeline::parent::no_ledger;

fn told(failure: &Failure) -> String {
    let lines = std::iter::once(&failure.message).chain(&failure.hints);
    lines.map(String::as_str).collect::<Vec<_>>().join("\n  ")
}

#[test]
fn failures_say_what_is_wrong_and_the_way_out() {
    let mut one = Preview::begin("salesforce", Action::Sync);
    one.revoke = 1;
    let wide: Vec<String> = (1..=13).map(|number| format!("c{number}")).collect();
    let columns = Columns::of(&wide, &WhoField::ALL).unwrap();
    let all = [
        held::too_many(),
        spool::too_many(),
        no_ledger(&std::io::Error::other("the disk is full")),
        ending::no_end(),
        removes(Action::Sync, &one, &one.line(Action::Sync)),
        removes(Action::Revoke, &one, &one.line(Action::Revoke)),
        empty_scope("no row names a user that there is"),
        columns.need_what(&wide).unwrap_err(),
    ];
    let all: Vec<String> = all.iter().map(told).collect();
    insta::assert_snapshot!(all.join("\n"), @"
    more than 1000000 grants of others would have to be looked at for this change
      split the file by permission
    there are more than 2000000 pairs of user and permission
      split the file; a sync can be split by permission
    cannot write the ledger: the disk is full
    the run came to no end
    this sync takes away 1 grant that is not listed: add 0 · already 0 · remove 1 · blocked 0
      `--dry-run` and `--review FILE` show each of them
      `--yes` takes them away
    this takes away everything that the users hold, 1 grant: remove 1 · not there 0 · blocked 0
      `--dry-run` and `--review FILE` show each of them
      `--yes` takes them away
    the scope of this sync is empty: no row names a user that there is
      `longshore perms revoke FILE` takes away what is listed
    no column says which permission: the file has `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7`, `c8`, `c9`, `c10`, `c11`, `c12`, …
      name the column `Permission Set` or `Permission Set Group`
      or name the same for every row with `--permission-set NAME`
    ");
}

#[test]
fn notices_of_one_are_about_one() {
    insta::assert_snapshot!([withheld_words(1), withheld_words(1_200)].join("\n"), @"
    1 grant is not taken away, as a row that names nobody or nothing for certain may mean it: correct those rows, and sync once more
    1,200 grants are not taken away, as a row that names nobody or nothing for certain may mean them: correct those rows, and sync once more
    ");
    let whys = [Scope::ListedPermissions, Scope::ListedUsers].map(Scope::not_listed);
    assert_eq!(whys, ["not listed for this permission", "not listed for this user"]);
}

#[tokio::test]
async fn a_thread_that_breaks_down_is_a_fault_of_ours() {
    let broken = on_thread(|| -> Result<(), Failure> { panic!("on purpose") }).await;
    let wanted = "a thread of `perms` broke down; this is a fault of longshore";
    assert_eq!(broken.unwrap_err().message, wanted);
}

#[test]
fn every_code_has_a_word_in_the_line_before() {
    let mut preview = Preview::default();
    let codes = [
        "licence_mismatch",
        "licence_exhausted",
        "user_inactive",
        "user_not_found",
        "user_ambiguous",
        "blank_user",
        "permission_not_found",
        "permission_ambiguous",
        "blank_permission",
        "two_permissions",
        "api_not_found",
        "api_ambiguous",
        "role_not_found",
        "role_ambiguous",
        "profile_owned",
        "duplicate_row",
        "bad_expires",
        "expires_past",
        "group_failed",
        "removal_withheld",
        "ragged_row",
    ];
    for (row, code) in (1..).zip(codes) {
        preview.add(&Decision::of(RowMark { row, line: row }).rejected(code, "", "no"));
    }
    insta::assert_snapshot!(preview.line(Action::Grant), @"add 0 · already 0 · blocked 21 (permission unclear 8, user unclear 3, expiry 2, licence 2, group 1, inactive 1, owned by profile 1, removal withheld 1, twice 1, unreadable 1)");
    let counts = preview.counts();
    assert_eq!((counts.blocked, counts.blocked_by["permission unclear"]), (21, 8));
    let mut left = Preview::begin("auth0", Action::Revoke);
    (left.revoke, left.unchanged) = (2, 3);
    assert_eq!(left.line(Action::Revoke), "remove up to 2 · left alone 3 · blocked 0");
}

#[test]
fn rows_of_a_step_that_did_not_come_to_them_say_so_and_files_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let step = &steps::SALESFORCE[1];
    let root = step.root(folder.path());
    let mut decision = Decision::of(RowMark { row: 7, line: 8 });
    decision.what = What::Grant;
    let reason = |rows: &mut StepRows| rows.next(&decision).unwrap().own.join("|");
    let mut rows = StepRows::open(step, folder.path()).unwrap();
    assert_eq!(reason(&mut rows), "step `02-grant` has not begun|7");

    let put = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    put("manifest.json", "{}");
    for (name, own) in super::merge::FILES {
        put(&format!("out/{name}"), &format!("{}\n", own.join(",")));
    }
    let mut rows = StepRows::open(step, folder.path()).unwrap();
    assert_eq!(reason(&mut rows), "step `02-grant` has not come to this row|7");

    put("out/error.csv", "Name\n");
    let refused = StepRows::open(step, folder.path()).err().unwrap();
    assert!(refused.message.ends_with("error.csv` lacks a column of ours"), "{}", refused.message);
}

#[test]
fn a_step_that_broke_off_hard_is_told_and_is_no_fault_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let step = &steps::SALESFORCE[1];
    let root = step.root(folder.path());
    std::fs::create_dir_all(&root).unwrap();
    let manifest = serde_json::json!({
        "format": 2, "version": "0.1.0", "run": "02-grant", "started": "2026-01-16T18:00:00Z",
        "operation": "insert", "object": "PermissionSetAssignment", "external_id": null,
        "alias": "practice", "org_id": "", "org_origin": "", "user_id": "", "username": "",
        "input": "02-grant.csv", "skip": 0, "limit": null, "chunk_rows": 1, "chunk_bytes": 1,
        "sent": [],
    });
    let mut file = std::fs::File::create(root.join("manifest.json")).unwrap();
    file.write_all(manifest.to_string().as_bytes()).unwrap();
    drop(crate::ledger::Ledger::create(&root.join("ledger.jsonl"), "02-grant").unwrap());
    let (notes, faults) = verify::step_told(step, folder.path()).unwrap();
    assert_eq!(notes, ["step `02-grant` broke off and cannot be verified"]);
    assert!(faults.is_empty(), "{faults:?}");
}
