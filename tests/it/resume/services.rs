//! Runs that the far side, a session or a disk has ended, and that go on later.

use longshore::practice::mischief::{Fault, Rule};

use super::{Scene, signal};
use crate::faults::{LOAD, ROWS, Stage, always, answer, each, rule};
use crate::world::Ran;

const CREATE: &str = "*/jobs/ingest";
const JOB: &str = "*/jobs/ingest/*";

#[test]
fn a_run_that_the_service_has_ended_goes_on_when_it_is_back() {
    let used_up = || answer(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    let second = |rule: Rule| Rule { nth: 2, ..rule };
    let refused =
        || Rule { nth: 2, ..always("POST", "*/oauth2/token", answer(400, "invalid_grant", "no")) };
    let ended = |method, path| always(method, path, Fault::ExpireSessions);
    let cases: Vec<(&str, i32, Vec<Rule>)> = vec![
        ("no job can be made", 75, vec![second(always("POST", CREATE, used_up()))]),
        ("no job can be filled", 75, vec![second(always("PUT", "*/batches", used_up()))]),
        ("no job can be started", 75, vec![always("PATCH", JOB, used_up())]),
        (
            "a start is lost, then nothing goes",
            75,
            vec![
                rule("PATCH", JOB, Fault::LoseAnswer { effect: true }),
                always("GET", JOB, used_up()),
            ],
        ),
        ("no results", 75, vec![always("GET", "*/successfulResults", used_up())]),
        ("a session refused at a job", 4, vec![ended("POST", CREATE), refused()]),
        ("a session refused at a start", 4, vec![ended("PATCH", JOB), refused()]),
        ("a session refused while polling", 4, vec![ended("GET", JOB), refused()]),
        (
            "a session refused at the results",
            4,
            vec![ended("GET", "*/successfulResults"), refused()],
        ),
    ];
    let cases: Vec<(String, (i32, Vec<Rule>))> =
        cases.into_iter().map(|(name, code, rules)| (name.to_owned(), (code, rules))).collect();
    each(&cases, |(code, rules)| {
        let scene = Scene { stage: Stage::new().mischief(rules) };
        let (ran, summary) = scene.stage.world.load(&Scene::usual());
        ran.expect(*code);
        let hints = summary["failure"]["hints"].to_string();
        assert!(hints.contains("`longshore resume r` goes on where it stopped"), "{hints}");
        let shown = scene.stage.world.run(&["runs", "show", "r"]).expect(0).stdout;
        for wrong in ["--skip", "load it again", "load the file again"] {
            assert!(!shown.contains(wrong), "{wrong}\n{shown}");
        }
        scene.stage.world.run(&["verify", "r"]).expect(0);
        scene.stage.world.practice().mischief().clear();
        // A service that is still away is told as such, and the run stays as it is.
        if *code == 75 {
            scene.stage.world.practice().mischief().add(always("GET", "*", used_up()));
            scene.stage.world.run(&["resume", "r"]).expect(75);
            scene.stage.world.practice().mischief().clear();
        }
        scene.finish();
    });
}

#[test]
fn a_run_that_the_disk_has_ended_goes_on_when_there_is_room() {
    let mut cases = Vec::new();
    for point in [
        "write@sent/:3+",
        "sync@sent/:1",
        "write@raw/:1",
        "write@out/:1",
        "sync@out/:2",
        "rename@out/success:1",
        "write@ledger.jsonl:4+",
        "write@ledger.jsonl:8+",
        "rename@summary.json:1",
        "ledger.outputs.before:1",
        "ledger.closed.before:1",
    ] {
        let error = if cases.len() % 2 == 0 { "enospc" } else { "eio" };
        cases.push((format!("{point}:{error}"), format!("{point}:{error}")));
    }
    each(&cases, |plan| {
        let scene = Scene::new();
        let ran = scene.under(plan, &Scene::usual());
        assert_eq!(ran.code, 9, "{plan}\n{}{}", ran.stdout, ran.stderr);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("`longshore resume r`"), "{plan}\n{told}");
        scene.finish();
    });
}

/// The job was filled, and whether the disk knows it is in doubt: it stays as it is until the next
/// process starts it, or gives it up.
#[test]
fn a_job_whose_fact_may_not_be_on_disk_is_gone_on_with() {
    for plan in ["sync@ledger.jsonl:3+:eio", "ledger.prepared.before:1:eio"] {
        let scene = Scene::new();
        let ran = scene.under(plan, &Scene::usual()).expect(9);
        assert!(ran.stdout.contains("`longshore resume r`"), "{}", ran.stdout);
        scene.finish();
    }
}

/// The org of `-o demo` ends with the command, so nothing says that it could be gone on with.
#[test]
fn a_run_in_the_demo_org_cannot_be_gone_on_with_and_is_not_said_to() {
    let scene = Scene::new();
    let args = ["insert", "Account", "accounts.csv", "-o", "demo", "--run-name", "r"];
    let ran = scene.under("ledger.started.after:1:eio", &args);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!told.contains("resume") && !told.contains("resumable"), "{told}");
    let shown = scene.stage.world.run(&["runs", "show", "r"]).expect(0).stdout;
    assert!(!shown.contains("longshore resume"), "{shown}");
    let listed = scene.stage.world.run(&["runs"]).expect(0).stdout;
    assert!(!listed.contains("longshore resume"), "{listed}");
    let ran = scene.stage.world.run(&["resume", "r"]).expect(2);
    assert!(ran.stderr.contains("`demo` is made new for each command"), "{}", ran.stderr);
    // Nor is it taken for the run that is meant.
    scene.stage.world.run(&["resume"]).expect(2);
}

#[test]
fn a_run_in_the_kept_practice_org_is_gone_on_with() {
    let scene = Scene::new();
    let args = [&Scene::usual()[..], &["-o", "practice"]].concat();
    for point in ["prepared.before:1", "prepared.after:1", "started.after:1", "raw.after:2"] {
        assert!(scene.killed(&format!("ledger.{point}"), &args), "{point}");
        let ran = scene.stage.world.run(&["resume", "r", "--json"]).expect(0);
        let summary = super::json(&ran);
        assert_eq!(summary["rows"]["success"], ROWS, "{point}: {summary:#}");
        scene.stage.world.run(&["verify", "r"]).expect(0);
        let found = scene.stage.world.run(&[
            "export",
            "SELECT COUNT() FROM Account WHERE Name LIKE 'Mill %'",
            "-o",
            "practice",
        ]);
        assert!(found.stdout.contains("40"), "{point}: {}", found.stdout);
        std::fs::remove_dir_all(scene.stage.world.path("longshore-runs")).unwrap();
        scene.stage.world.run(&["practice", "reset"]).expect(0);
    }
}

/// Interrupted while it goes on, before it has come to the jobs.
#[test]
fn an_interrupted_resumption_leaves_the_run_as_it_was() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.started.after:1", &[&LOAD[..], &["--run-name", "r"]].concat()));
    let slow = rule("GET", "*/query*", Fault::Delay { ms: 60_000 });
    scene.stage.world.practice().mischief().add(slow);
    let child = scene.spawn(&["resume", "r"]);
    crate::resume::until("a question", || {
        scene.stage.world.practice().mischief().fired().iter().any(|(_, times)| *times > 0)
    });
    signal(&child, "INT");
    let ran = Ran::of(&child.wait_with_output().unwrap()).expect(130);
    assert!(ran.stderr.contains("longshore resume"), "{}", ran.stderr);
    scene.stage.world.practice().mischief().clear();
    scene.finish();
}
