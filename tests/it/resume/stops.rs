//! Runs that a signal ends in an orderly way, and what is said of them until they are finished.

use std::time::Duration;

use super::{Scene, json, signal, until, wait};
use crate::faults::{ROWS, accounts, each};
use crate::world::Ran;

/// Until it is finished every command says that the run is not, and what finishes it.
#[test]
fn an_interrupted_run_is_balanced_and_everything_says_how_to_go_on() {
    let scene = Scene::new();
    scene.jobs_wait();
    let ran = scene.signaled(&Scene::usual(), "INT", "PATCH", "/jobs/ingest/").expect(130);
    for part in ["interrupted", "hint: `longshore resume r` goes on where it stopped"] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    for wrong in ["--skip", "load it again", "load the file again"] {
        assert!(!ran.stdout.contains(wrong), "{wrong}\n{}", ran.stdout);
    }
    let summary = super::json_of(&scene.file("out/summary.json"));
    scene.stage.world.check_accounting(&summary, 0);

    let verified = scene.stage.world.run(&["verify", "r"]).expect(0).stdout;
    assert!(verified.contains("not finished; `longshore resume r` goes on with it"), "{verified}");
    let listed = scene.stage.world.run(&["runs"]).expect(0).stdout;
    assert!(listed.contains("interrupted"), "{listed}");
    assert!(listed.contains("next: `longshore resume r`"), "{listed}");
    let shown = scene.stage.world.run(&["runs", "show", "r"]).expect(0).stdout;
    for part in ["next: `longshore resume r`", "not closed", "interrupted"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let listed = json(&scene.stage.world.run(&["runs", "--json"]).expect(0));
    assert_eq!(
        (&listed[0]["status"], &listed[0]["next"]),
        (&"interrupted".into(), &"longshore resume r".into())
    );
    let ran = scene.stage.world.run(&["retry", "r"]).expect(2);
    assert!(ran.stderr.contains("`longshore resume r` goes on with it"), "{}", ran.stderr);

    scene.finish();
    let listed = scene.stage.world.run(&["runs"]).expect(0).stdout;
    assert!(listed.contains("succeeded") && !listed.contains("next:"), "{listed}");
}

#[test]
fn a_killed_run_does_not_show_the_summary_of_the_process_before() {
    let scene = Scene::new();
    scene.jobs_wait();
    scene.signaled(&Scene::usual(), "INT", "PATCH", "/jobs/ingest/").expect(130);
    assert!(scene.killed("ledger.created.after:1", &["resume", "r"]));
    let shown = scene.stage.world.run(&["runs", "show", "r"]).expect(0).stdout;
    assert!(!shown.contains("rows read"), "an old summary:\n{shown}");
    assert!(shown.contains("unfinished") && shown.contains("next: `longshore"), "{shown}");
    scene.stage.world.run(&["verify", "r"]).expect(2);
    scene.finish();
}

#[test]
fn any_signal_that_asks_to_stop_leaves_a_run_that_goes_on() {
    let mut cases = Vec::new();
    for (kind, method, part) in [
        ("INT", "POST", "/jobs/ingest"),
        ("TERM", "PUT", "/batches"),
        ("HUP", "PATCH", "/jobs/ingest/"),
        ("INT", "GET", "/successfulResults"),
        ("TERM", "PATCH", "/jobs/ingest/"),
        ("HUP", "POST", "/jobs/ingest"),
    ] {
        cases.push((format!("{kind} at {method} {part}"), (kind, method, part)));
    }
    each(&cases, |(kind, method, part)| {
        let scene = Scene::new();
        if *method == "PATCH" {
            scene.jobs_wait();
        }
        let ran = scene.signaled(&Scene::usual(), kind, method, part);
        // The last request may be answered before the signal is there.
        if ran.code != 0 {
            ran.expect(130);
            let (code, summary) = (130, super::json_of(&scene.file("out/summary.json")));
            assert_eq!(summary["exit_code"], code);
            scene.stage.world.check_accounting(&summary, 0);
            scene.stage.world.run(&["verify", "r"]).expect(0);
            scene.finish();
        }
        assert_eq!(scene.effects(), ROWS);
    });
}

#[test]
fn interrupted_three_times_a_run_still_ends_right() {
    let scene = Scene::new();
    scene.jobs_wait();
    let mut args = vec!["insert", "Account", "accounts.csv", "--chunk-rows", "10"];
    args.extend(["--run-name", "r", "--parallel", "1"]);
    for _ in 0..3 {
        let ran = scene.signaled(&args, "INT", "PATCH", "/jobs/ingest/").expect(130);
        assert!(ran.stdout.contains("`longshore resume r`"), "{}", ran.stdout);
        scene.stage.world.run(&["verify", "r"]).expect(0);
        args = vec!["resume", "r"];
    }
    let summary = scene.finish();
    assert_eq!(summary["jobs"].as_array().unwrap().len(), 4, "{summary:#}");
    assert_eq!(scene.commits(), 4);
}

/// The chunk that was open when reading stopped has a size of its own; so has the next attempt.
#[test]
fn a_chunk_that_the_stop_cut_short_stays_as_it_was_cut() {
    let scene = Scene::new();
    let rows = 12_000;
    scene.stage.world.file("accounts.csv", accounts(rows));
    let args = ["insert", "Account", "accounts.csv", "--chunk-rows", "3500", "--parallel", "1"];
    let args = [&args[..], &["--run-name", "r"]].concat();
    // As the first job is made, the reader is somewhere in the second chunk.
    scene.signaled(&args, "INT", "POST", "/jobs/ingest").expect(130);
    scene.stage.world.run(&["verify", "r"]).expect(0);
    let (ran, summary) = scene.resume();
    ran.expect(0);
    scene.all_done(&summary, rows);
}

#[test]
fn a_second_signal_ends_at_once_and_the_run_goes_on_later() {
    let scene = Scene::new();
    scene.jobs_wait();
    let child = scene.spawn(&Scene::usual());
    scene.await_request("PATCH", "/jobs/ingest/", 1);
    signal(&child, "INT");
    signal(&child, "TERM");
    let ran = Ran::of(&child.wait_with_output().unwrap());
    ran.expect(130);
    scene.finish();
}

#[test]
fn a_process_that_is_held_for_seconds_goes_on_as_if_nothing_was() {
    let scene = Scene::new();
    scene.jobs_wait();
    let child = scene.spawn(&Scene::usual());
    scene.await_request("PATCH", "/jobs/ingest/", 1);
    signal(&child, "STOP");
    wait(Duration::from_secs(3));
    signal(&child, "CONT");
    Ran::of(&child.wait_with_output().unwrap()).expect(0);
    assert_eq!(scene.effects(), ROWS);
    scene.stage.check_once();
    scene.stage.world.run(&["verify", "r"]).expect(0);
}

/// Nothing may be sent before the last row is known to be good, also when that takes two processes.
#[test]
fn stopping_at_a_bad_row_holds_over_a_kill() {
    let scene = Scene::new();
    let args = [&Scene::usual()[..], &["--on-bad-row", "stop"]].concat();
    assert!(scene.killed("ledger.planned.after:1", &args));
    scene.finish();

    let scene = Scene::new();
    scene.stage.world.file("accounts.csv", accounts(ROWS).replace(",37,note", ",many,note"));
    assert!(scene.killed("create@out/rejected:1", &args));
    let ran = scene.stage.world.run(&["resume", "r"]);
    assert_eq!(scene.stage.world.changes(), Vec::<String>::new());
    let told = format!("{}{}", ran.stdout, ran.stderr);
    ran.expect(2);
    assert!(told.contains("row 37 is not valid"), "{told}");
    assert!(!told.contains("goes on where it stopped"), "it never would: {told}");
}

/// An interruption while it reads must not let half of the file through.
#[test]
fn stopping_at_a_bad_row_sends_nothing_when_it_is_interrupted_while_reading() {
    let scene = Scene::new();
    scene.stage.world.file("accounts.csv", accounts(20_000));
    let mut args = Scene::usual();
    args[4] = "1000";
    let child = scene.spawn(&[&args[..], &["--on-bad-row", "stop"]].concat());
    let second = scene.stage.world.path("longshore-runs/r/sent/000002.csv");
    until("a second chunk", || second.exists());
    signal(&child, "INT");
    let ran = Ran::of(&child.wait_with_output().unwrap());
    if ran.code == 130 {
        let sent = scene.requests("PATCH", "/jobs/ingest/");
        assert_eq!(sent, 0, "{}", ran.stdout);
        scene.stage.world.run(&["resume", "r"]).expect(0);
    }
    assert_eq!(scene.effects(), 20_000);
}
