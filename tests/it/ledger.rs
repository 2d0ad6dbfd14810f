//! The ledger of real runs: what `verify` and `runs` make of it, and who may hold a run.

use std::process::Stdio;

use longshore::practice::mischief::{BodyKind, Fault, Length, Rule};

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

#[test]
fn a_row_that_fits_no_job_is_rejected_and_its_neighbors_are_not_lost() {
    let world = World::new();
    let long = "x".repeat(120);
    let rows: String = (1..=60)
        .map(|row| match row {
            41 => format!("{long}\n"),
            row => format!("Account {row}\n"),
        })
        .collect();
    let file = world.file("a.csv", format!("Name\n{rows}"));
    let args = ["insert", "Account", file.to_str().unwrap(), "--chunk-bytes", "100"];
    let (ran, summary) = world.load(&[&args[..], &["--run-name", "r"]].concat());
    ran.expect(3);
    assert_eq!(summary["rows"]["success"], 59);
    let rejected = world.results(&summary, "rejected");
    assert_eq!((rejected.len(), rejected[0]["longshore__row"].as_str()), (1, "41"));
    assert_eq!(rejected[0]["longshore__code"], "row_too_large");
    assert!(rejected[0]["longshore__message"].contains("takes 126 bytes"), "{rejected:?}");
    world.run(&["verify", "r"]).expect(0);
}

/// Faults, each with the facts that the ledger must hold after it.
fn faults() -> Vec<(&'static str, Vec<Rule>, &'static [&'static str])> {
    let job = "*/jobs/ingest/*";
    let at = |method: &str, path: &str, nth, fault| Rule {
        method: method.to_owned(),
        path: path.to_owned(),
        nth,
        times: 1,
        fault,
    };
    let on = |method: &str, path: &str, fault| vec![at(method, path, 1, fault)];
    let refused = |message: &str| Fault::Answer {
        status: 400,
        code: "INVALIDJOB".to_owned(),
        message: message.to_owned(),
        body: BodyKind::Json,
        retry_after: None,
        effect: false,
    };
    let lost = |effect| Fault::LoseAnswer { effect };
    let cut = Fault::Truncate { bytes: 900, length: Length::Missing };
    let failed = Fault::FailJob { after_rows: 30, message: "no".to_owned() };
    // The commit arrives, its answer does not, and the job is done before anybody asks.
    let late = vec![at("PATCH", job, 1, lost(true)), at("GET", job, 1, Fault::Delay { ms: 2_000 })];
    vec![
        ("a create that arrives and is not answered", on("POST", "*/jobs/ingest", lost(true)), &[]),
        ("an upload that arrives and is not answered", on("PUT", job, lost(true)), &["abandoned"]),
        ("an upload that breaks", on("PUT", job, Fault::BreakUpload { bytes: 99 }), &["abandoned"]),
        ("a commit that is lost", on("PATCH", job, lost(false)), &["started"]),
        ("a commit whose job ends before it is asked about", late, &["started", "terminal", "raw"]),
        (
            "a job that cannot be started for what it holds",
            on("PATCH", job, refused("Found multiple contents for job")),
            &["spoiled", "abandoned"],
        ),
        ("a job that fails half-way", on("POST", "*/jobs/ingest", failed), &["terminal"]),
        (
            "a job that somebody aborts",
            on("POST", "*/jobs/ingest", Fault::AbortJob { after_rows: 30 }),
            &["terminal"],
        ),
        (
            "results that are not recorded",
            on("POST", "*/jobs/ingest", Fault::DropResults { every: 7 }),
            &["unknown"],
        ),
        ("results that are cut once", on("GET", "*/successfulResults", cut), &["raw"]),
        ("a job that is deleted", on("GET", job, Fault::VanishJob), &["unknown"]),
    ]
}

#[test]
fn under_every_fault_the_ledger_makes_sense_and_the_accounting_is_right() {
    for (name, rules, facts) in faults() {
        let world = World::new();
        let count = rules.len();
        for rule in rules {
            world.practice().mischief().add(rule);
        }
        let file = fixture("quickstart/friday.csv");
        let args = ["insert", "PermissionSetAssignment", &file, "--limit", "100"];
        let (ran, summary) = world.load(&[&args[..], &["--run-name", "r"]].concat());
        let fired = world.practice().mischief().fired();
        assert_eq!(fired.iter().filter(|(_, times)| *times > 0).count(), count, "{name}");
        let ledger = world.read("longshore-runs/r/ledger.jsonl");
        for fact in facts {
            assert!(ledger.contains(&format!(r#""what":"{fact}""#)), "{name}: {fact}\n{ledger}");
        }
        let verified = world.run(&["verify", "r", "--json"]);
        assert_eq!(verified.code, 0, "{name}: {} {summary:#}\n{}", ran.stderr, verified.stderr);
        assert_eq!(json(&verified.stdout)["rows"], summary["rows"], "{name}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process is waited for by what it writes")]
fn an_accounting_that_is_wrong_at_the_end_of_a_run_is_loud() {
    let world = World::new();
    // The second job is held up until the results of the first have been tampered with.
    world.practice().mischief().add(Rule {
        method: "POST".to_owned(),
        path: "*/jobs/ingest".to_owned(),
        nth: 2,
        times: 1,
        fault: Fault::Delay { ms: 4_000 },
    });
    let file = fixture("quickstart/friday.csv");
    let args = ["insert", "PermissionSetAssignment", &file, "--limit", "200", "--json"];
    let more = ["--chunk-rows", "100", "--parallel", "1", "--run-name", "r"];
    let mut command = world.command(&[&args[..], &more[..]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let ledger = world.path("longshore-runs/r/ledger.jsonl");
    while !std::fs::read_to_string(&ledger).is_ok_and(|text| text.contains("reconciled")) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let raw = "longshore-runs/r/raw/000001.successful.csv";
    world.file(raw, world.read(raw).replacen("0Pa", "0Px", 1));
    let output = child.wait_with_output().unwrap();
    let summary = json(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((output.status.code(), &summary["exit_code"]), (Some(5), &5.into()), "{summary:#}");
    assert_eq!(summary["status"], "failed");
    let message = summary["failure"]["message"].as_str().unwrap();
    assert!(message.contains("raw/000001.successful.csv is not as it was received"), "{message}");
    assert_eq!(json(&world.read("longshore-runs/r/out/summary.json")), summary);
    world.run(&["verify", "r"]).expect(5);
    let kept = world.run(&["runs", "clean"]).expect(0).stdout;
    assert!(kept.contains("r: kept: it ended with exit code 5"), "{kept}");
}
