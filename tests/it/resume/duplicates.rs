//! Rows with the same key, in runs that are cut short: what was decided before the first job holds
//! for every process of the run.

use std::collections::BTreeMap;

use longshore::practice::org::Value;

use super::{Scene, json};
use crate::faults::each;
use crate::world::read_csv;

/// Rows of the file; each key is there twice, the second time in another case.
const ROWS: usize = 40;

const KEYED: [&str; 10] = [
    "upsert",
    "Account",
    "keyed.csv",
    "--external-id",
    "Legacy_Id__c",
    "--chunk-rows",
    "15",
    "--run-name",
    "r",
    "--on-duplicate",
];

fn scene() -> Scene {
    let scene = Scene::new();
    let half = ROWS / 2;
    let row = |row: usize| {
        let case = if row <= half { "key" } else { "KEY" };
        format!("{case}-{},row {row:02}\n", (row - 1) % half + 1)
    };
    let rows: Vec<String> = (1..=ROWS).map(row).collect();
    scene.stage.world.file("keyed.csv", format!("Legacy_Id__c,Name\n{}", rows.concat()));
    scene
}

fn load(policy: &str) -> Vec<&str> {
    [&KEYED[..], &[policy]].concat()
}

impl Scene {
    /// What was written into each record, in the order in which it was.
    fn written(&self) -> BTreeMap<String, Vec<String>> {
        let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.stage.world.practice().org().audit().entries_since(0) {
            let name = entry.fields.iter().find(|(field, _)| *field == "Name");
            if let (Some((_, Value::Text(name))), true) = (name, entry.job.is_some()) {
                written.entry(entry.id).or_default().push(name.clone());
            }
        }
        written
    }

    /// Every key came to what the policy says, and the files say so.
    fn all_as_decided(&self, policy: &str) {
        let row = |row: usize| format!("row {row:02}");
        let mut written: Vec<Vec<String>> = self.written().into_values().collect();
        written.sort();
        let half = ROWS / 2;
        let keys = (1..=half).map(|key| match policy {
            "keep-first" => vec![row(key)],
            "keep-last" => vec![row(key + half)],
            _ => vec![row(key), row(key + half)],
        });
        assert_eq!(written, keys.collect::<Vec<_>>(), "{policy}");
        let rejected = read_csv(&self.stage.world.path("longshore-runs/r/out/rejected.csv"));
        let left_out = if policy == "separate" { 0 } else { half };
        assert_eq!(rejected.len(), left_out, "{rejected:?}");
        assert!(rejected.iter().all(|row| row["longshore__code"] == "duplicate_row"));
        self.stage.world.run(&["verify", "r"]).expect(0);
    }
}

#[test]
fn after_a_kill_at_any_point_the_rows_are_those_that_were_decided() {
    let points = [
        "create@duplicates.rows:1",
        "sync.after@duplicates.rows:1",
        "rename@manifest:1",
        "rename.after@manifest:1",
        "ledger.planned.after:1",
        "write@sent/000002.csv:1",
        "ledger.prepared.before:1",
        "ledger.prepared.after:1",
        "ledger.started.before:1",
        "ledger.terminal.after:1",
        "ledger.prepared.after:2",
        "ledger.reconciled.before:1",
        "rename@out/rejected.csv:1",
        "ledger.closed.before:1",
    ];
    let cases = points.iter().flat_map(|point| {
        ["keep-first", "keep-last", "separate"]
            .map(|policy| (format!("{policy} at {point}"), (*point, policy)))
    });
    let cases: Vec<(String, (&str, &str))> = cases.collect();
    each(&cases, |(point, policy)| {
        let scene = scene();
        // Of `separate`, nothing is rejected and there is a job more; all come to every point.
        let ran = scene.under(&format!("{point}:kill"), &load(policy));
        assert_eq!(ran.code, -1, "the run did not come to {point}: {}", ran.stderr);
        let world = &scene.stage.world;
        if world.path("longshore-runs/r/manifest.json").exists() {
            let ran = world.run(&["resume", "r", "--json"]);
            let summary = json(&ran);
            assert_eq!(ran.code, if *policy == "separate" { 0 } else { 3 }, "{summary:#}");
            world.check_accounting(&summary, 0);
        } else {
            assert!(scene.written().is_empty());
            std::fs::remove_dir_all(world.path("longshore-runs/r")).unwrap();
            let ran = world.run(&load(policy));
            assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
        }
        scene.all_as_decided(policy);
    });
}

#[test]
fn a_list_that_is_not_what_it_was_refuses_what_was_not_sent() {
    let scene = scene();
    // One job at a time: with two, the kill may strike the second.
    let load = [&load("keep-last")[..], &["--parallel", "1"]].concat();
    let ran = scene.under("ledger.prepared.after:1:kill", &load);
    assert_eq!(ran.code, -1, "{}", ran.stderr);
    let whole = scene.file("duplicates.rows");
    assert_eq!(whole.lines().next(), Some("1,21"));
    assert_eq!(whole.lines().count(), ROWS / 2);
    for change in [None, Some(whole.replacen("1,21", "2,21", 1)), Some(String::new())] {
        if let Some(text) = &change {
            scene.write("duplicates.rows", text);
        } else {
            let path = scene.stage.world.path("longshore-runs/r/duplicates.rows");
            std::fs::remove_file(path).unwrap();
        }
        let ran = scene.stage.world.run(&["resume", "r", "--json"]).expect(6);
        let summary = json(&ran);
        let message = summary["failure"]["message"].as_str().unwrap();
        let says = "is missing or not what it was when the run began";
        assert!(message.starts_with("the list of rows with the same key, `"), "{message}");
        assert!(message.ends_with(says), "{message}");
        let hints = &summary["failure"]["hints"];
        assert_eq!(hints[0], "put the file back as it was, and resume once more");
        assert_eq!(scene.written().len(), 15, "the first job is followed to its end");
    }
    scene.write("duplicates.rows", &whole);
    scene.stage.world.run(&["resume", "r"]).expect(3);
    scene.all_as_decided("keep-last");
}

/// A row that was left out must not overwrite the one that was kept.
#[test]
fn a_retry_leaves_out_what_was_left_out() {
    let scene = scene();
    let rows = "Legacy_Id__c,Name,AnnualRevenue\nk,kept,1\nK,left out,2\nbad,x,much\n";
    scene.stage.world.file("keyed.csv", rows);
    let mut args = load("keep-first");
    args.push("--yes");
    scene.stage.world.run(&args).expect(3);
    scene.stage.world.run(&["retry", "r", "--run-name", "again"]).expect(3);
    let input = scene.stage.world.read("longshore-runs/r/retry/001.csv");
    assert_eq!(input, "Legacy_Id__c,Name,AnnualRevenue\nbad,x,much\n");
    scene.stage.world.file("keyed.csv", "Legacy_Id__c,Name\nq,kept\nQ,left out\n");
    let mut args = load("keep-first");
    args[8] = "s";
    scene.stage.world.run(&args).expect(3);
    let ran = scene.stage.world.run(&["retry", "s"]).expect(2);
    assert!(ran.stderr.contains("has no rows to be tried again"), "{}", ran.stderr);
}

#[test]
fn a_retry_of_rows_whose_order_counts_says_that_they_come_late() {
    let scene = scene();
    let rows = "Legacy_Id__c,Name,AnnualRevenue\nk,first,1\nK,second,2\nbad,x,much\n";
    scene.stage.world.file("keyed.csv", rows);
    scene.stage.world.run(&load("separate")).expect(3);
    let ran = scene.stage.world.run(&["retry", "r", "--on-duplicate", "refuse"]).expect(3);
    let says = "notice: the first run sent several rows of a record one after the other; what is \
                tried again now comes after all of them\n";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}
