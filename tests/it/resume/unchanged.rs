//! Rows that change nothing, in runs that are cut short: what was decided before the first job
//! holds for every process of the run, whatever the records have come to hold since.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Scene, json};
use crate::faults::each;
use crate::world::read_csv;

/// Rows of the file; each third changes nothing, row 7 is not valid.
const ROWS: usize = 40;

const LOAD: [&str; 10] = [
    "update",
    "Account",
    "rows.csv",
    "--skip-unchanged",
    "--chunk-rows",
    "9",
    "--parallel",
    "1",
    "--run-name",
    "r",
];

/// The rows that are sent.
fn sent() -> impl Iterator<Item = usize> {
    (1..=ROWS).filter(|row| row % 3 != 0 && *row != 7)
}

/// A scene with its records, and how many effects there are before the load.
fn scene() -> (Scene, Vec<String>, u64) {
    let scene = Scene::new();
    let world = &scene.stage.world;
    let stock: Vec<String> = (1..=ROWS).map(|row| format!("row {row:02}\n")).collect();
    world.file("stock.csv", format!("Name\n{}", stock.concat()));
    world.run(&["insert", "Account", "stock.csv", "--run-name", "stock"]).expect(0);
    let made = read_csv(&world.path("longshore-runs/stock/out/success.csv"));
    let ids: Vec<String> = made.iter().map(|row| row["sf__Id"].clone()).collect();
    let line = |row: usize| {
        let id = if row == 7 { "no id" } else { &ids[row - 1] };
        let new = if row.is_multiple_of(3) { "" } else { "new " };
        format!("{id},{new}row {row:02},\"a, {row}\"\n")
    };
    let lines: Vec<String> = (1..=ROWS).map(line).collect();
    world.file("rows.csv", format!("Id,Name,Remark\n{}", lines.concat()));
    let since = world.practice().org().audit().len();
    (scene, ids, since)
}

impl Scene {
    /// Every row was sent once or left out, as was decided, and the files say so.
    fn all_as_looked(&self, ids: &[String], since: u64, whole: &str) {
        let world = &self.stage.world;
        let entries = world.practice().org().audit().entries_since(since);
        let applied = entries.iter().filter(|entry| entry.job.is_some());
        let mut applied: Vec<&str> = applied.map(|entry| entry.id.as_str()).collect();
        applied.sort_unstable();
        let mut due: Vec<&str> = sent().map(|row| ids[row - 1].as_str()).collect();
        due.sort_unstable();
        assert_eq!(applied, due);
        assert_eq!(self.file("out/success.csv"), whole);
        world.run(&["verify", "r"]).expect(0);
    }

    /// Somebody else changes the records of all rows that are left out.
    fn changed_meanwhile(&self, ids: &[String]) -> usize {
        let rows: Vec<String> = (1..=ROWS)
            .filter(|row| row.is_multiple_of(3))
            .map(|row| format!("{},other {row}\n", ids[row - 1]))
            .collect();
        self.stage.world.file("other.csv", format!("Id,Name\n{}", rows.concat()));
        let args = ["update", "Account", "other.csv", "--run-name", "other"];
        self.stage.world.run(&args).expect(0);
        rows.len()
    }
}

/// success.csv as a run that nobody cuts short writes it, for records with these Ids.
fn whole(ids: &[String]) -> String {
    let mut text = "Id,Name,Remark,sf__Id,sf__Created,longshore__row,longshore__match\n".to_owned();
    for row in (1..=ROWS).filter(|row| *row != 7) {
        let id = &ids[row - 1];
        let (new, told, how) = match row % 3 {
            0 => ("", "unchanged", "look"),
            _ => ("new ", "false", "id"),
        };
        writeln!(text, "{id},{new}row {row:02},\"a, {row}\",{id},{told},{row},{how}").unwrap();
    }
    text
}

#[test]
fn after_a_kill_at_any_point_the_rows_that_were_found_unchanged_stay_out() {
    let points = [
        // During the look, and before there is a run.
        "create@.r-unchanged:1",
        "write@.r-unchanged:1",
        "remove@.r-unchanged:1",
        "create@unchanged.rows:1",
        "sync.after@unchanged.rows:1",
        "rename@manifest:1",
        // After it.
        "rename.after@manifest:1",
        "create@unchanged.lines:1",
        "write@unchanged.lines:1",
        "sync@unchanged.lines:1",
        "sync.after@unchanged.lines:1",
        "ledger.planned.after:1",
        "ledger.prepared.before:1",
        "ledger.prepared.after:1",
        "ledger.prepared.after:2",
        "ledger.input_read.before:1",
        "ledger.input_read.after:1",
        "ledger.reconciled.before:1",
        "ledger.reconciled.after:3",
        "rename@out/success.csv:1",
        "rename@out/rejected.csv:1",
        "ledger.outputs.after:1",
        "ledger.closed.before:1",
    ];
    let cases: Vec<(String, &str)> = points.map(|point| (point.to_owned(), point)).into();
    each(&cases, |point| {
        let (scene, ids, since) = scene();
        let ran = scene.under(&format!("{point}:kill"), &LOAD);
        assert_eq!(ran.code, -1, "the run did not come to {point}: {}", ran.stderr);
        let world = &scene.stage.world;
        if world.path("longshore-runs/r/manifest.json").exists() {
            let before = world.practice().org().audit().len();
            let others = scene.changed_meanwhile(&ids);
            let ran = world.run(&["resume", "r", "--json"]).expect(3);
            let summary = json(&ran);
            assert_eq!(summary["rows"]["unchanged"], ROWS / 3, "{summary:#}");
            assert_eq!(summary["rows"]["rejected"], 1, "{summary:#}");
            // What others did since does not count among the effects of the run.
            let entries = world.practice().org().audit().entries_since(before);
            let of_others = entries.iter().take(others).map(|entry| &entry.id);
            assert!(of_others.clone().all(|id| ids.contains(id)));
            let left_out = |row: &usize| row.is_multiple_of(3);
            let theirs: Vec<&String> =
                (1..=ROWS).filter(left_out).map(|row| &ids[row - 1]).collect();
            let applied = world.practice().org().audit().entries_since(since);
            for id in theirs {
                let times = applied.iter().filter(|entry| entry.id == *id).count();
                assert_eq!(times, 1, "{id} was sent though it was left out");
            }
            for row in sent() {
                let times = applied.iter().filter(|entry| entry.id == ids[row - 1]).count();
                assert_eq!(times, 1, "row {row}");
            }
            assert_eq!(scene.file("out/success.csv"), whole(&ids));
            world.run(&["verify", "r"]).expect(0);
        } else {
            assert_eq!(world.practice().org().audit().len(), since, "nothing was sent");
            let _folder = std::fs::remove_dir_all(world.path("longshore-runs/r")).is_ok();
            world.run(&LOAD).expect(3);
            scene.all_as_looked(&ids, since, &whole(&ids));
        }
    });
}

/// Lines of rows that were left out lie beside the chunks: without them, the input is read again.
#[test]
fn lines_of_rows_that_were_left_out_are_found_or_made_again() {
    for (change, gone) in [(None, true), (Some(""), false), (Some("damaged"), false)] {
        let (scene, ids, since) = scene();
        assert!(scene.killed("ledger.outputs.before:1", &LOAD));
        if let Some(text) = change {
            scene.write("sent/unchanged.lines", text);
        }
        if gone {
            std::fs::remove_file(scene.stage.world.path("rows.csv")).unwrap();
        }
        scene.stage.world.run(&["resume", "r"]).expect(3);
        scene.all_as_looked(&ids, since, &whole(&ids));
        assert!(!scene.stage.world.path("longshore-runs/r/sent/unchanged.lines").exists());
    }
}

#[test]
fn a_list_that_is_not_what_it_was_refuses_what_was_not_sent() {
    let (scene, ids, since) = scene();
    assert!(scene.killed("ledger.prepared.after:1", &LOAD));
    let list = scene.file("unchanged.rows");
    assert_eq!(list.lines().count(), ROWS / 3);
    let first = list.lines().next().unwrap().to_owned();
    for change in [None, Some(list.replacen(&first, &format!("2,{}", ids[1]), 1))] {
        match &change {
            Some(text) => scene.write("unchanged.rows", text),
            None => {
                std::fs::remove_file(scene.stage.world.path("longshore-runs/r/unchanged.rows"))
                    .unwrap();
            }
        }
        let ran = scene.stage.world.run(&["resume", "r", "--json"]).expect(6);
        let summary: Value = json(&ran);
        let message = summary["failure"]["message"].as_str().unwrap();
        assert!(message.starts_with("the list of rows that change nothing, `"), "{message}");
        assert!(message.ends_with("is missing or not what it was when the run began"), "{message}");
        let hints = &summary["failure"]["hints"];
        assert_eq!(hints[0], "put the file back as it was, and resume once more");
        let effects = scene.stage.world.practice().org().audit().len() - since;
        assert_eq!(effects, 9, "the first job is followed to its end");
    }
    scene.write("unchanged.rows", &list);
    scene.stage.world.run(&["resume", "r"]).expect(3);
    scene.all_as_looked(&ids, since, &whole(&ids));
}

/// A run that is stopped has told of every row that it read; the rest follows.
#[test]
fn a_run_that_is_stopped_keeps_its_account() {
    let (scene, ids, since) = scene();
    scene.jobs_wait();
    let ran = scene.signaled(&LOAD, "INT", "PATCH", "/jobs/ingest/");
    assert_eq!(ran.code, 130, "{}\n{}", ran.stdout, ran.stderr);
    scene.stage.world.run(&["verify", "r"]).expect(0);
    scene.jobs_run();
    scene.stage.world.run(&["resume", "r"]).expect(3);
    scene.all_as_looked(&ids, since, &whole(&ids));
}
