//! Signals: once for an orderly end within five seconds, twice for an end at once.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use longshore::practice::Pace;
use longshore::practice::mischief::{Fault, Rule};
use tokio::time::Instant;

use super::{Ends, LOAD, Stage, each, rule};
use crate::world::Ran;

/// Sends a signal by name, such as `INT`.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
}

/// Waits until the org has seen such a request.
fn await_request(stage: &Stage, method: &str, part: &str) {
    let (_keep, never) = sync_channel::<()>(0);
    for _ in 0..500 {
        let requests = stage.world.practice().org().audit().requests();
        if requests.iter().any(|asked| asked.method == method && asked.path.contains(part)) {
            return;
        }
        let _waited = never.recv_timeout(Duration::from_millis(20)).is_err();
    }
    panic!("no {method} {part} was seen");
}

fn spawn(stage: &Stage, args: &[&str]) -> Child {
    let mut command = stage.world.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// When to send the signal: a fault that holds a call up, and the request to wait for.
struct Moment {
    slow: Option<Rule>,
    method: &'static str,
    part: &'static str,
    /// Rows of a job; with 20 the second job has not begun.
    rows: &'static str,
    /// What a single signal comes to.
    ends: Ends,
}

fn moments() -> Vec<(&'static str, Moment)> {
    let wait = || Fault::Delay { ms: 60_000 };
    let held = |method: &'static str, path, part, ends| {
        let rows = if part == "/successfulResults" { "40" } else { "20" };
        Moment { slow: Some(rule(method, path, wait())), method, part, rows, ends }
    };
    vec![
        ("creating", held("POST", "*/jobs/ingest", "/jobs/ingest", [0, 0, 40, 0])),
        ("uploading", held("PUT", "*/batches", "/batches", [0, 0, 40, 0])),
        ("starting", held("PATCH", "*/jobs/ingest/*", "/jobs/ingest/", [0, 0, 20, 20])),
        (
            "running",
            Moment {
                slow: None,
                method: "PATCH",
                part: "/jobs/ingest/",
                rows: "20",
                ends: [0, 0, 20, 20],
            },
        ),
        ("downloading", held("GET", "*/successfulResults", "/successfulResults", [0, 0, 0, 40])),
    ]
}

fn args(moment: &Moment) -> [&'static str; 8] {
    ["insert", "Account", "accounts.csv", "-vv", "--parallel", "1", "--chunk-rows", moment.rows]
}

fn slow_jobs(moment: &Moment) -> Pace {
    match moment.slow {
        Some(_) => Pace::default(),
        None => Pace { queued: Duration::from_mins(1), transaction: Duration::ZERO },
    }
}

#[test]
fn once_is_an_orderly_end_and_every_row_is_accounted_for() {
    let mut cases = Vec::new();
    for (name, _) in moments() {
        for kind in ["INT", "TERM", "HUP"] {
            cases.push((format!("{name}: {kind}"), (name, kind)));
        }
    }
    each(&cases, |(name, kind)| {
        let moment = moments().into_iter().find(|(found, _)| found == name).unwrap().1;
        let stage = Stage::new();
        stage.world.practice().set_pace(slow_jobs(&moment));
        let stage = stage.mischief(&moment.slow.iter().cloned().collect::<Vec<_>>());
        let child = spawn(&stage, &[&args(&moment)[..], &["--json"][..]].concat());
        await_request(&stage, moment.method, moment.part);
        signal(&child, kind);
        let start = Instant::now();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        let summary: serde_json::Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
        assert_eq!((ran.code, &summary["status"]), (130, &"interrupted".into()), "{summary:#}");
        assert!(ran.stderr.contains("interrupted: nothing new is started"), "{}", ran.stderr);
        stage.world.check_accounting(&summary, 0);
        let outcome = super::Outcome { ran, summary };
        assert_eq!(outcome.ends(), moment.ends, "{:#}", outcome.summary);
        stage.check_once();
        stage.check_secrets(&outcome.ran);
        no_temporary_file(&stage);
        let starts = stage.world.changes();
        let made = starts.iter().filter(|asked| asked.starts_with("POST")).count();
        assert_eq!(made, 1, "{starts:?}");
    });
}

#[test]
fn twice_ends_at_once_and_leaves_no_half_file_under_a_final_name() {
    let cases: Vec<(String, &str)> =
        moments().into_iter().map(|(name, _)| (name.to_owned(), name)).collect();
    each(&cases, |name| {
        let moment = moments().into_iter().find(|(found, _)| found == name).unwrap().1;
        for kinds in [&["INT", "INT"][..], &["KILL"]] {
            let stage = Stage::new();
            stage.world.practice().set_pace(slow_jobs(&moment));
            let stage = stage.mischief(&moment.slow.iter().cloned().collect::<Vec<_>>());
            let mut child = spawn(&stage, &args(&moment));
            let err = BufReader::new(child.stderr.take().unwrap());
            await_request(&stage, moment.method, moment.part);
            let start = Instant::now();
            let mut told = err.lines();
            for (index, kind) in kinds.iter().enumerate() {
                signal(&child, kind);
                if index + 1 < kinds.len() {
                    // The second counts as a second one only after the first was taken.
                    let notice = told.find(|line| line.as_ref().unwrap().contains("once more"));
                    assert!(notice.is_some());
                }
            }
            let status = child.wait().unwrap();
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            assert_eq!(status.code(), (kinds[0] == "INT").then_some(130));
            stage.check_once();
            // Where the first signal sufficed, the files are whole and the summary is there.
            let orderly = out_folder(&stage).join("summary.json").exists();
            for name in ["success", "error", "unprocessed", "unknown"] {
                let path = out_folder(&stage).join(format!("{name}.csv"));
                // The second signal may fall between two files; each that has its name is whole.
                assert!(path.exists() || !orderly, "{}", path.display());
                assert!(!path.exists() || is_whole(&path), "{}", path.display());
            }
        }
    });
}

/// Whether a result file has its header and ends with a line end.
fn is_whole(path: &std::path::Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap();
    text.ends_with('\n') && text.lines().next().unwrap().contains("longshore__row")
}

fn out_folder(stage: &Stage) -> std::path::PathBuf {
    let runs = stage.world.path("longshore-runs");
    let run = std::fs::read_dir(runs).unwrap().next().unwrap().unwrap();
    run.path().join("out")
}

fn no_temporary_file(stage: &Stage) {
    let names: Vec<_> = std::fs::read_dir(out_folder(stage))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("part"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn an_interrupted_export_leaves_nothing_behind() {
    let cases: Vec<(String, &str)> =
        ["INT", "TERM", "HUP"].map(|kind| (kind.to_owned(), kind)).into();
    each(&cases, |kind| {
        let held = rule("GET", "*/results", Fault::Delay { ms: 60_000 });
        let stage = Stage::of(super::exports::many_users(), crate::door::Door::plain());
        let stage = stage.mischief(&[held]);
        stage.world.file("users.csv", "old content\n");
        let args = ["export", "SELECT Id, Name FROM User", "--output", "users.csv"];
        let child = spawn(&stage, &args);
        await_request(&stage, "GET", "/results");
        signal(&child, kind);
        let start = Instant::now();
        let ran = Ran::of(&child.wait_with_output().unwrap()).expect(130);
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(ran.stderr.contains("the export was interrupted"), "{}", ran.stderr);
        assert_eq!(stage.world.read("users.csv"), "old content\n");
        let mut left: Vec<_> = std::fs::read_dir(stage.world.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["accounts.csv", "users.csv"]);
    });
}

#[test]
fn a_wait_that_the_service_asks_for_is_cut_short_by_a_signal() {
    let slow = Fault::Answer {
        status: 429,
        code: "SLOW".to_owned(),
        message: "slow down".to_owned(),
        body: longshore::practice::mischief::BodyKind::Json,
        retry_after: Some(99_999),
        effect: false,
    };
    let stage = Stage::new().mischief(&[rule("POST", "*/jobs/ingest", slow)]);
    let mut child = spawn(&stage, &[&LOAD[..], &["--parallel", "1"][..]].concat());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("15 min") && err.read_line(&mut said).unwrap() > 0 {}
    assert!(said.contains("15 min") && said.contains("429"), "{said}");
    let start = Instant::now();
    signal(&child, "INT");
    err.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5));
}
