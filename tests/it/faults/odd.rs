//! Odd answers, odd waits, other operations and other ways to sign in.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use longshore::practice::mischief::{BodyKind, Fault, Length};
use longshore::practice::{CLIENT_SECRET, Org, SeedSize};
use serde_json::json;
use tokio::time::Instant;

use super::{Ends, LOAD, Outcome, ROWS, Stage, accounts, answer, each, rule};
use crate::door::{Asked, Break, Door, Told};
use crate::world::{Ran, fixture};

/// Another answer to the first such request.
fn first(
    method: &'static str,
    end: &'static str,
    change: impl Fn(&mut Told) + Send + Sync + 'static,
) -> Door {
    let seen = AtomicU64::new(0);
    Door::telling(move |asked: &Asked, told: &mut Told| {
        let hit = asked.is(method, end) && seen.fetch_add(1, Ordering::SeqCst) == 0;
        if hit {
            change(told);
        }
        hit
    })
}

#[test]
fn every_form_of_retry_after_is_understood() {
    let cases: Vec<(String, (&str, u64))> = [
        ("2", 2),
        ("Fri, 20 Nov 2026 09:00:02 GMT", 2),
        ("Fri, 20 Nov 2026 08:59:00 GMT", 0),
        ("soon", 0),
        ("-7", 0),
        ("", 0),
        ("1e9", 0),
    ]
    .map(|(text, seconds)| (format!("`{text}`"), (text, seconds)))
    .into();
    each(&cases, |(text, seconds)| {
        let text = (*text).to_owned();
        let door = first("POST", "/jobs/ingest", move |told| {
            told.say(429, "[]");
            told.header("retry-after", &text);
            told.header("date", "Fri, 20 Nov 2026 09:00:00 GMT");
        });
        let stage = Stage::with(door);
        let start = Instant::now();
        stage.load().expect(0, [40, 0, 0, 0]);
        assert!(start.elapsed() >= Duration::from_secs(*seconds));
        assert_eq!(stage.door.struck(), 1);
    });
}

#[test]
fn answers_that_make_no_sense_are_repeated_or_refused() {
    type Change = fn(&mut Told);
    let cases: [(&str, &str, &str, Change, i32, Ends); 9] = [
        (
            "no job id",
            "POST",
            "/jobs/ingest",
            |t| t.json(|j| j["id"] = json!(null)),
            0,
            [40, 0, 0, 0],
        ),
        (
            "an empty job id",
            "POST",
            "/jobs/ingest",
            |t| t.json(|j| j["id"] = json!("")),
            0,
            [40, 0, 0, 0],
        ),
        (
            "a job id that climbs",
            "POST",
            "/jobs/ingest",
            |t| t.json(|j| j["id"] = json!("750/../../../sobjects/Account/1")),
            0,
            [40, 0, 0, 0],
        ),
        (
            "an id of something else",
            "POST",
            "/jobs/ingest",
            |t| t.json(|j| j["id"] = json!("0018c00000Qk3TbAAJ")),
            0,
            [40, 0, 0, 0],
        ),
        (
            "deep JSON",
            "GET",
            "/describe",
            |t| t.body = "[".repeat(10_000).into_bytes(),
            0,
            [40, 0, 0, 0],
        ),
        (
            "JSON of another shape",
            "POST",
            "/jobs/ingest",
            |t| t.body = b"[1, 2]".to_vec(),
            0,
            [40, 0, 0, 0],
        ),
        ("an empty answer", "POST", "/jobs/ingest", |t| t.body.clear(), 0, [40, 0, 0, 0]),
        ("an empty answer to a start", "PATCH", "IA", |t| t.body.clear(), 0, [40, 0, 0, 0]),
        (
            "compressed in name only",
            "GET",
            "/successfulResults",
            |t| t.header("content-encoding", "gzip"),
            0,
            [40, 0, 0, 0],
        ),
    ];
    let cases: Vec<_> =
        cases.map(|(name, m, e, change, c, n)| (name.to_owned(), (m, e, change, c, n))).into();
    each(&cases, |(method, end, change, code, ends)| {
        let change = *change;
        let end = if *end == "IA" { "" } else { *end };
        let stage = Stage::with(first(method, end, change));
        stage.load().expect(*code, *ends);
        assert!(stage.door.struck() > 0);
    });
}

/// Most of the body is still on its way when the answer comes.
#[test]
fn a_session_that_ends_in_the_middle_of_an_upload_is_renewed() {
    const MANY: usize = 20_000;
    let cases: Vec<(String, usize)> =
        [1, 2].map(|times| (format!("{times} uploads"), times)).into();
    each(&cases, |times| {
        let (times, seen) = (*times, AtomicUsize::new(0));
        let door = Door::breaking(move |asked| {
            let upload = asked.is("PUT", "/batches");
            let hit = upload && seen.fetch_add(1, Ordering::SeqCst) < times;
            if hit { Break::Midway } else { Break::None }
        });
        let stage = Stage::with(door);
        stage.world.file("many.csv", accounts(MANY));
        let rows = u64::try_from(MANY).unwrap();
        stage.load_with(&["insert", "Account", "many.csv"]).expect(0, [rows, 0, 0, 0]);
        assert_eq!(stage.door.struck(), u64::try_from(times).unwrap());
        assert!(stage.door.tokens().len() > 1, "the session was not renewed");
    });
}

#[test]
fn a_long_message_with_control_characters_is_shown_tamed() {
    let text = format!("no\u{1b}[31m\r\n\u{7}way {}", "x".repeat(100_000));
    let stage = Stage::new().mischief(&[rule("POST", "*/jobs/ingest", answer(400, "ODD", &text))]);
    let ran = stage.world.run(&LOAD).expect(1);
    for said in [&ran.stdout, &ran.stderr] {
        assert!(said.len() < 10_000, "{} bytes", said.len());
        assert!(!said.contains('\u{1b}') && !said.contains('\u{7}'), "{said}");
    }
    assert!(ran.stdout.contains("no [31m way xxx"), "{}", ran.stdout);
}

#[test]
fn other_operations_end_as_if_nothing_had_happened() {
    let faults = [
        ("create lost", rule("POST", "*/jobs/ingest", Fault::LoseAnswer { effect: true })),
        ("upload lost", rule("PUT", "*/batches", Fault::LoseAnswer { effect: true })),
        ("start lost", rule("PATCH", "*/jobs/ingest/*", Fault::LoseAnswer { effect: true })),
        (
            "start not arrived",
            rule("PATCH", "*/jobs/ingest/*", Fault::LoseAnswer { effect: false }),
        ),
        (
            "results cut",
            rule(
                "GET",
                "*/successfulResults",
                Fault::Truncate { bytes: 200, length: Length::Missing },
            ),
        ),
        ("session expired", rule("PATCH", "*/jobs/ingest/*", Fault::ExpireSessions)),
    ];
    let mut cases = Vec::new();
    for (name, fault) in &faults {
        for operation in ["upsert", "update", "delete", "assign"] {
            cases.push((format!("{operation}: {name}"), (operation, fault.clone())));
        }
    }
    each(&cases, |(operation, fault)| {
        let size = SeedSize { users: 60, permission_sets: 8 };
        let org = if *operation == "assign" { SeedSize::default() } else { size };
        let stage = Stage::of(Org::new(&org), Door::plain());
        let small = ["--chunk-rows", "20"];
        let ran = match *operation {
            "upsert" => {
                let rows: Vec<String> = (0..ROWS).map(|n| format!("K-{n},Pier {n}\n")).collect();
                stage.world.file("keys.csv", format!("Legacy_Id__c,Name\n{}", rows.concat()));
                let stage = stage.mischief(std::slice::from_ref(fault));
                let args = ["upsert", "Account", "keys.csv", "--external-id", "Legacy_Id__c"];
                stage.load_with(&[&args[..], &small].concat())
            }
            "assign" => {
                let all = std::fs::read_to_string(fixture("quickstart/assignments.csv")).unwrap();
                let some: String =
                    all.lines().take(ROWS + 1).map(|l| l.to_owned() + "\n").collect();
                stage.world.file("a.csv", some);
                let stage = stage.mischief(std::slice::from_ref(fault));
                let args = ["insert", "PermissionSetAssignment", "a.csv"];
                stage.load_with(&[&args[..], &small].concat())
            }
            verb => {
                let made = stage.load();
                let rows = stage.world.results(&made.summary, "success");
                let (header, cell) =
                    if verb == "update" { ("Id,Site", ",dock") } else { ("Id", "") };
                let rows: Vec<String> =
                    rows.iter().map(|r| format!("{}{cell}\n", r["sf__Id"])).collect();
                let rows = rows.concat();
                stage.world.file("ids.csv", format!("{header}\n{rows}"));
                let stage = stage.mischief(std::slice::from_ref(fault));
                let applied = || stage.world.practice().org().audit().len();
                let before = applied();
                let (ran, summary) =
                    stage.world.load(&[&[verb, "Account", "ids.csv"][..], &small].concat());
                assert_eq!(applied() - before, 40);
                Outcome { ran, summary }
            }
        };
        ran.expect(0, [40, 0, 0, 0]);
    });
}

#[test]
fn rows_from_a_pipe_are_sent_again_from_the_spool() {
    let stage = Stage::new();
    let lost = rule("PUT", "*/batches", Fault::LoseAnswer { effect: true });
    let stage = stage.mischief(&[lost]);
    let args = ["insert", "Account", "-", "--chunk-rows", "20", "--json"];
    let ran = stage.world.run_with_input(&args, accounts(ROWS).as_bytes()).expect(0);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    stage.world.check_accounting(&summary, 0);
    stage.check_once();
    assert_eq!(summary["rows"]["success"], 40);
    assert_eq!(stage.world.practice().mischief().fired()[0].1, 1);
}

#[test]
fn a_token_that_cannot_be_renewed_ends_the_run_and_is_not_told() {
    let stage = Stage::new().mischief(&[rule("PUT", "*/batches", Fault::ExpireSessions)]);
    let token = stage.world.practice().issue_token();
    let mut command = stage.world.command(&[&LOAD[..], &["--json", "-vv"][..]].concat());
    command.env_remove("LONGSHORE_CLIENT_ID").env_remove("LONGSHORE_CLIENT_SECRET");
    let ran = Ran::of(&command.env("LONGSHORE_ACCESS_TOKEN", &token).output().unwrap()).expect(4);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    stage.world.check_accounting(&summary, 0);
    assert!(summary["failure"]["hints"].to_string().contains("set a new one"), "{summary:#}");
    assert!(stage.door.tokens().contains(&token));
    stage.check_secrets(&ran);
}

#[test]
fn a_secret_that_the_far_side_repeats_is_not_told() {
    let text = format!("bad request: client_secret={CLIENT_SECRET}&grant_type=client_credentials");
    let cases: Vec<(String, (&str, &str, BodyKind))> = [
        ("sign-in", "POST", "*/oauth2/token"),
        ("describe", "GET", "*/describe"),
        ("create", "POST", "*/jobs/ingest"),
        ("upload", "PUT", "*/batches"),
        ("start", "PATCH", "*/jobs/ingest/*"),
        ("results", "GET", "*/successfulResults"),
    ]
    .map(|(name, method, path)| (name.to_owned(), (method, path, BodyKind::Json)))
    .into();
    each(&cases, |(method, path, _)| {
        let stage = Stage::new();
        let rule = super::always(method, path, answer(400, "ODD", &text));
        let stage = stage.mischief(&[rule]);
        let (ran, _) = stage.world.load(&[&LOAD[..], &["-vv", "--log-format", "json"]].concat());
        assert_ne!(ran.code, 0);
        assert!(ran.stdout.contains("[secret]"), "{}", ran.stdout);
        stage.check_secrets(&ran);
    });
}
