//! The ledger of real runs: what `verify` and `runs` make of it, and who may hold a run.

use crate::world::{World, fixture};

fn loaded() -> (World, serde_json::Value) {
    let world = World::new();
    let file = fixture("quickstart/friday.csv");
    let args = ["insert", "PermissionSetAssignment", &file, "--chunk-rows", "100"];
    let (_, summary) = world.load(&[&args[..], &["--run-name", "friday"]].concat());
    (world, summary)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_run_is_verified_and_the_ledger_holds_every_fact_of_it() {
    let (world, summary) = loaded();
    let verified = json(&world.run(&["verify", "friday", "--json"]).expect(0).stdout);
    assert_eq!(verified["rows"], summary["rows"]);
    assert_eq!(verified["chunks"], 5);
    let ledger = world.read("longshore-runs/friday/ledger.jsonl");
    let count = |what: &str| ledger.matches(&format!(r#""what":"{what}""#)).count();
    for (what, times) in [
        ("opened", 1),
        ("planned", 5),
        ("input_read", 1),
        ("created", 5),
        ("prepared", 5),
        ("started", 5),
        ("terminal", 5),
        ("reconciled", 5),
        ("outputs", 1),
        ("closed", 1),
    ] {
        assert_eq!(count(what), times, "{what}\n{ledger}");
    }
    assert!(count("raw") >= 5);
    let input = std::fs::read(fixture("quickstart/friday.csv")).unwrap();
    assert!(ledger.contains(&blake3::hash(&input).to_hex().to_string()));
}

#[test]
fn skip_and_limit_are_part_of_the_accounting() {
    let world = World::new();
    let file = fixture("quickstart/friday.csv");
    let args = ["insert", "PermissionSetAssignment", &file, "--skip", "7", "--limit", "50"];
    let (_, summary) = world.load(&[&args[..], &["--run-name", "r"]].concat());
    assert_eq!(summary["rows"]["input"], 50);
    world.run(&["verify", "r"]).expect(0);
}

#[test]
fn what_came_by_standard_input_is_digested_too() {
    let world = World::new();
    let input = std::fs::read(fixture("quickstart/friday.csv")).unwrap();
    let args = ["insert", "PermissionSetAssignment", "-", "--run-name", "r"];
    world.run_with_input(&args, &input).expect(3);
    let changes = world.changes();
    world.run(&["verify", "r"]).expect(0);
    assert_eq!(world.changes(), changes, "verifying asks the org for nothing");
    let ledger = world.read("longshore-runs/r/ledger.jsonl");
    assert!(ledger.contains(&blake3::hash(&input).to_hex().to_string()), "{ledger}");
    assert!(ledger.contains(r#""whole":true"#), "{ledger}");
}

#[test]
fn a_result_file_that_was_changed_is_found() {
    let (world, _) = loaded();
    let name = "longshore-runs/friday/out/success.csv";
    let text = world.read(name);
    let without_last: Vec<&str> = text.split_inclusive('\n').collect();
    world.file(name, without_last[..without_last.len() - 1].concat());
    let ran = world.run(&["verify", "friday"]).expect(5);
    assert!(ran.stderr.contains("stands in no file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("success.csv was changed after the run"), "{}", ran.stderr);
}

#[test]
fn a_damaged_ledger_is_exit_code_8_with_its_line() {
    let (world, _) = loaded();
    let name = "longshore-runs/friday/ledger.jsonl";
    world.file(name, world.read(name).replacen("\"rows\":100", "\"rows\":101", 1));
    let ran = world.run(&["verify", "friday"]).expect(8);
    assert!(ran.stderr.contains("ledger.jsonl:2: the line is damaged"), "{}", ran.stderr);
    assert!(world.run(&["runs"]).expect(0).stdout.contains("damaged"));
}

#[test]
fn a_run_that_another_process_holds_is_exit_code_7() {
    let (world, _) = loaded();
    let path = world.path("longshore-runs/friday");
    let _held = longshore::ledger::RunFolder::open(&path, "noon").unwrap();
    let ran = world.run(&["verify", "friday"]).expect(7);
    let holder = format!("is held by process {}, since noon", std::process::id());
    assert!(ran.stderr.contains(&holder), "{}", ran.stderr);
    let ran = world.run(&["runs", "clean"]).expect(0);
    assert!(ran.stdout.contains("friday: kept: the run"), "{}", ran.stdout);
}

#[test]
fn runs_are_listed_newest_first_and_shown() {
    let (world, _) = loaded();
    let file = fixture("quickstart/assignments.csv");
    world.load(&["insert", "PermissionSetAssignment", &file, "--run-name", "monday"]);
    let list = json(&world.run(&["runs", "--json"]).expect(0).stdout);
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(names, ["monday", "friday"]);
    assert_eq!(list[1]["status"], "partial");
    assert_eq!(list[0]["rows"]["success"], 5_000);
    let screen = world.run(&["runs", "list"]).expect(0).stdout;
    assert!(screen.lines().nth(1).unwrap().starts_with("monday"), "{screen}");

    let shown = world.run(&["runs", "show", "friday"]).expect(0).stdout;
    for part in ["rows read", "ledger", "5 of 5 chunks settled", "closed with exit code 3"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let document = json(&world.run(&["runs", "show", "friday", "--json"]).expect(0).stdout);
    assert_eq!(document["summary"]["rows"]["input"], 429);
    assert_eq!(document["manifest"]["org_origin"], world.origin());
    world.run(&["runs", "show", "never"]).expect(2);
}

#[test]
fn a_run_that_was_cut_short_is_shown_and_neither_verified_nor_cleaned() {
    let (world, _) = loaded();
    let name = "longshore-runs/friday/ledger.jsonl";
    let ledger = world.read(name);
    let prepared = ledger.find(r#""what":"prepared""#).unwrap();
    world.file(name, &ledger[..prepared]);
    world.run(&["verify", "friday"]).expect(2);
    let shown = world.run(&["runs", "show", "friday"]).expect(0).stdout;
    for part in ["is torn off", "was made for it and never started", "not closed"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert_eq!(json(&world.run(&["runs", "--json"]).stdout)[0]["status"], "unfinished");
    let ran = world.run(&["runs", "clean"]).expect(0);
    assert!(ran.stdout.contains("friday: kept: it is not finished"), "{}", ran.stdout);
    assert!(world.path("longshore-runs/friday/raw").exists());
}

#[test]
fn cleaning_removes_what_a_finished_run_needs_no_more() {
    let (world, _) = loaded();
    let ran = world.run(&["runs", "clean", "--older-than", "1"]).expect(0);
    assert!(!ran.stdout.contains("friday"), "{}", ran.stdout);
    let removed = json(&world.run(&["runs", "clean", "--json"]).expect(0).stdout);
    assert!(removed[0]["bytes"].as_u64().unwrap() > 1_000, "{removed}");
    assert!(!world.path("longshore-runs/friday/raw").exists());
    assert!(!world.path("longshore-runs/friday/sent").exists());
    assert_eq!(json(&world.run(&["runs", "clean", "--json"]).stdout), serde_json::json!([]));
    let verified = json(&world.run(&["verify", "friday", "--json"]).expect(0).stdout);
    assert!(verified["notes"][0].as_str().unwrap().contains("`runs clean`"), "{verified}");
}
