//! `kill -9` at every kind of moment, and then `resume`.

use super::{Scene, signal, until, wait};
use crate::faults::{ROWS, accounts, each};
use std::time::Duration;

#[test]
fn after_a_kill_at_any_point_a_resumption_finishes_the_run() {
    let mut points = Vec::new();
    for fact in ["planned", "created", "prepared", "started", "terminal", "raw", "reconciled"] {
        // `kills.rs` beside this folder has every point of every fact.
        points.push(format!("ledger.{fact}.before:1"));
        points.push(format!("ledger.{fact}.after:2"));
    }
    for once in [
        "ledger.input_read.before:1",
        "ledger.input_read.after:1",
        "ledger.outputs.before:1",
        "ledger.outputs.after:1",
        "ledger.closed.before:1",
        "rename@out/success.csv:1",
        "rename.after@out/success.csv:1",
        "rename@out/rejected.csv:1",
        "rename@summary.json:1",
        "write@sent/000002.csv:1",
        "sync@sent/000001.rows:1",
        "rename@raw/:1",
    ] {
        points.push(once.to_owned());
    }
    let cases: Vec<(String, String)> = points.into_iter().map(|at| (at.clone(), at)).collect();
    each(&cases, |point| {
        let scene = Scene::new();
        assert!(scene.killed(point, &Scene::usual()), "the run did not come to {point}");
        scene.finish();
    });
}

/// What was killed while it went on with a run is gone on with like any other.
#[test]
fn kills_in_a_row_lose_and_double_nothing() {
    let cases = [
        ["created.after:1", "prepared.before:1", "prepared.after:1", "started.before:1"],
        ["prepared.after:1", "resumed.before:1", "resumed.after:1", "terminal.before:1"],
        ["started.after:1", "raw.before:1", "reconciled.before:1", "closed.before:1"],
        ["terminal.after:1", "reconciled.after:1", "terminal.before:1", "outputs.after:1"],
    ];
    let cases: Vec<_> = cases.map(|points| (points.join(", "), points)).into();
    each(&cases, |points| {
        let scene = Scene::new();
        let mut args = Scene::usual();
        for point in points {
            assert!(scene.killed(&format!("ledger.{point}"), &args), "it did not come to {point}");
            args = vec!["resume", "r"];
        }
        scene.finish();
    });
}

/// Before its manifest is there a run has done nothing, and is none.
#[test]
fn killed_before_it_had_begun_a_run_is_not_there() {
    for point in ["ledger.opened.before:1", "create@ledger.jsonl:1", "create@manifest:1"] {
        let scene = Scene::new();
        assert!(scene.killed(point, &Scene::usual()), "{point}");
        scene.stage.world.run(&["resume", "r"]).expect(2);
        scene.stage.world.run(&["resume"]).expect(2);
        assert_eq!(scene.stage.world.changes(), Vec::<String>::new());
        let mut args = Scene::usual();
        args[6] = "other";
        scene.stage.world.run(&args).expect(0);
    }
}

#[test]
fn killed_at_the_last_fact_a_run_is_finished_or_finishes() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.closed.after:1", &Scene::usual()));
    let ran = scene.stage.world.run(&["resume", "r"]).expect(2);
    assert!(ran.stderr.contains("the run `r` is finished"), "{}", ran.stderr);
    scene.stage.world.run(&["verify", "r"]).expect(0);
    assert_eq!(scene.effects(), ROWS);
}

/// No process of ours knows the moment: the signal comes from outside, by the clock.
#[test]
fn after_kills_at_any_instant_nothing_is_lost_or_doubled() {
    let cases: Vec<(String, u64)> =
        (1..=8).map(|at| (format!("after {} ms", at * 50), at * 50)).collect();
    each(&cases, |after| {
        let scene = Scene::new();
        scene.stage.world.file("accounts.csv", accounts(400));
        let args = ["insert", "Account", "accounts.csv", "--chunk-rows", "40"];
        let args = [&args[..], &["--run-name", "r"]].concat();
        let mut child = scene.spawn(&args);
        wait(Duration::from_millis(*after));
        let _killed = child.kill().is_ok();
        child.wait().unwrap();
        let manifest = scene.stage.world.path("longshore-runs/r/manifest.json");
        if !manifest.exists() {
            assert_eq!(scene.effects(), 0, "the run had not begun");
            return;
        }
        if !scene.ledger_has("closed") {
            let (ran, _) = scene.resume();
            ran.expect(0);
        }
        assert_eq!(scene.effects(), 400);
        scene.stage.check_once();
        scene.stage.world.run(&["verify", "r"]).expect(0);
    });
}

/// The newest unfinished run is meant when none is named; a path names one too.
#[test]
fn a_run_is_found_by_default_by_name_and_by_path() {
    let scene = Scene::new();
    scene.stage.world.file("b.csv", accounts(41).replace("Mill", "Quay"));
    scene.stage.world.file("c.csv", accounts(42).replace("Mill", "Dock"));
    let begin = |file: &'static str, name: &'static str| {
        let args = ["insert", "Account", file, "--chunk-rows", "20", "--run-name", name];
        assert!(scene.killed("ledger.prepared.after:1", &args));
        wait(Duration::from_millis(5));
    };
    begin("accounts.csv", "a");
    begin("b.csv", "b");
    begin("c.csv", "c");
    let resumed = |args: &[&str]| {
        let ran = scene.stage.world.run(&[args, &["--json"][..]].concat()).expect(0);
        super::json(&ran)["run"].as_str().unwrap().to_owned()
    };
    assert_eq!(resumed(&["resume", "longshore-runs/b"]), "b");
    assert_eq!(resumed(&["resume"]), "c");
    assert_eq!(resumed(&["resume"]), "a");
    let ran = scene.stage.world.run(&["resume"]).expect(2);
    insta::assert_snapshot!(ran.stderr.trim_end(), @"
    error: there is no unfinished run in `longshore-runs`

    hint: `longshore runs` lists the runs; `--runs-dir DIR` looks elsewhere
    ");
    assert_eq!(scene.effects(), ROWS + 41 + 42);
    scene.stage.check_once();
    for run in ["a", "b", "c"] {
        scene.stage.world.run(&["verify", run]).expect(0);
    }
    let ran = scene.stage.world.run(&["resume", "never"]).expect(2);
    assert!(ran.stderr.contains("there is no run in `longshore-runs/never`"), "{}", ran.stderr);
}

/// Every operation, with rows that fail, and with a window.
#[test]
fn other_operations_and_windows_are_gone_on_with_too() {
    let mut cases = Vec::new();
    for (operation, points) in [
        ("insert", ["planned.after:2", "prepared.before:2"]),
        ("update", ["prepared.after:1", "reconciled.after:1"]),
        ("upsert", ["created.after:1", "started.before:2"]),
        ("delete", ["prepared.after:2", "terminal.after:1"]),
        ("hard-delete", ["prepared.before:1", "raw.after:1"]),
    ] {
        for point in points {
            cases.push((format!("{operation} at {point}"), (operation, point)));
        }
    }
    each(&cases, |(operation, point)| {
        let scene = Scene::new();
        let seeded = scene.seed_accounts();
        scene.stage.world.file("rows.csv", rows_for(operation, &seeded));
        let mut args = vec![*operation, "Account", "rows.csv", "--chunk-rows", "7"];
        args.extend(["--run-name", "r", "--parallel", "1", "--skip", "2", "--limit", "21"]);
        if *operation == "upsert" {
            args.extend(["-i", "Legacy_Id__c"]);
        }
        let before = scene.stage.world.practice().org().audit().len();
        assert!(scene.killed(&format!("ledger.{point}"), &args), "it did not come to {point}");
        let ran = scene.stage.world.run(&["resume", "r", "--json"]).expect(3);
        let summary = super::json(&ran);
        scene.stage.world.check_accounting(&summary, before);
        assert_eq!(summary["rows"]["input"], 21, "{summary:#}");
        assert_eq!(summary["rows"]["rejected"], 1, "{summary:#}");
        assert_eq!(summary["rows"]["success"], 20, "{summary:#}");
        let entries = scene.stage.world.practice().org().audit().entries_since(before);
        let of_accounts = entries.iter().filter(|entry| entry.object == "Account").count();
        assert_eq!(of_accounts, 20, "each row once");
        scene.stage.world.run(&["verify", "r"]).expect(0);
    });
}

impl Scene {
    /// Ids of thirty accounts that are there already.
    fn seed_accounts(&self) -> Vec<String> {
        let rows: Vec<String> = (1..=30).map(|row| format!("Old {row},L{row}\n")).collect();
        self.stage.world.file("old.csv", format!("Name,Legacy_Id__c\n{}", rows.concat()));
        let (ran, summary) = self.stage.world.load(&["insert", "Account", "old.csv"]);
        ran.expect(0);
        let done = self.stage.world.results(&summary, "success");
        done.iter().map(|row| row["sf__Id"].clone()).collect()
    }
}

/// Thirty rows for an operation; row 5 is not valid.
fn rows_for(operation: &str, ids: &[String]) -> String {
    let mut text = match operation {
        "insert" => "Name\n",
        "update" => "Id,Name\n",
        "upsert" => "Legacy_Id__c,Name,NumberOfEmployees\n",
        _ => "Id\n",
    }
    .to_owned();
    for row in 1..=30 {
        let id = if row == 5 { "no id" } else { ids[row - 1].as_str() };
        let line = match operation {
            "insert" if row == 5 => "\"\"\n".to_owned(),
            "insert" => format!("New {row}\n"),
            "update" => format!("{id},New {row}\n"),
            "upsert" if row == 5 => "L5,x,many\n".to_owned(),
            "upsert" => format!("L{},New {row},{row}\n", if row < 15 { row } else { row + 100 }),
            _ => format!("{id}\n"),
        };
        text.push_str(&line);
    }
    text
}

#[test]
fn a_run_without_an_accepted_row_is_gone_on_with() {
    for (text, code, rejected) in [("Name\n", 0, 0), ("Name\n\"\"\n\"\"\n", 3, 2)] {
        let cases = ["create@out/rejected:1", "ledger.input_read.before:1", "rename@out/success:1"];
        for point in cases {
            let scene = Scene::new();
            scene.stage.world.file("few.csv", text);
            let args = ["insert", "Account", "few.csv", "--run-name", "r"];
            assert!(scene.killed(point, &args), "{point}");
            let (ran, summary) = scene.resume();
            ran.expect(code);
            assert_eq!(summary["rows"]["rejected"], rejected, "{point}: {summary:#}");
            scene.stage.world.run(&["verify", "r"]).expect(0);
            assert_eq!(scene.stage.world.changes(), Vec::<String>::new());
        }
    }
}

/// The rejected rows are found again, with their places, though the input is not read once more.
#[test]
fn rejected_rows_are_the_same_after_a_resumption() {
    for point in ["ledger.planned.after:2", "ledger.terminal.after:1", "ledger.outputs.before:1"] {
        let scene = Scene::new();
        let text = accounts(ROWS).replace(",7,note 7", ",seven,\"a \"\"note\"\"\"");
        let text = text.replace(",33,note 33", ",many,\"two\nlines\"");
        scene.stage.world.file("accounts.csv", &text);
        scene.stage.world.file("whole.csv", &text);
        let args = [&Scene::usual()[..3], &["--run-name", "whole"]].concat();
        let other = Scene::new();
        other.stage.world.file("accounts.csv", &text);
        other.stage.world.run(&args).expect(3);
        let whole = other.stage.world.read("longshore-runs/whole/out/rejected.csv");

        assert!(scene.killed(point, &Scene::usual()), "{point}");
        let (ran, summary) = scene.resume();
        ran.expect(3);
        assert_eq!(summary["rows"]["rejected"], 2, "{point}: {summary:#}");
        assert_eq!(scene.file("out/rejected.csv"), whole, "{point}");
        let group = summary["errors"].as_array().unwrap();
        assert_eq!(group.iter().filter(|g| g["verdict"] == "rejected").count(), 1, "{summary:#}");
    }
}

#[test]
fn a_second_process_on_the_same_run_is_refused() {
    let scene = Scene::new();
    scene.jobs_wait();
    let mut child = scene.spawn(&Scene::usual());
    until("a started job", || {
        scene.stage.world.path("longshore-runs/r/ledger.jsonl").exists()
            && scene.ledger_has("started")
    });
    let changes = scene.stage.world.changes();
    let ran = scene.stage.world.run(&["resume", "r"]).expect(7);
    assert!(ran.stderr.contains("is held by process"), "{}", ran.stderr);
    // Without a name it is the only one that could be meant.
    let ran = scene.stage.world.run(&["resume"]).expect(7);
    assert!(ran.stderr.contains("is held by process"), "{}", ran.stderr);
    let listed = scene.stage.world.run(&["runs"]).expect(0);
    assert!(listed.stdout.contains("running"), "{}", listed.stdout);
    scene.stage.world.run(&["retry", "r"]).expect(7);
    assert_eq!(scene.stage.world.changes(), changes);
    signal(&child, "KILL");
    child.wait().unwrap();
    scene.jobs_run();
    scene.finish();
}
