//! One answer goes wrong, in every phase of a load: the load ends as if nothing had happened.

use longshore::practice::mischief::{BodyKind, Fault, Length, Rule};

use crate::door::Door;

use super::{Stage, always, answer, each, rule};

/// Phases of a load, by the request that opens each.
const PHASES: [(&str, &str, &str); 8] = [
    ("token", "POST", "*/oauth2/token"),
    ("describe", "GET", "*/describe"),
    ("create", "POST", "*/jobs/ingest"),
    ("upload", "PUT", "*/batches"),
    ("start", "PATCH", "*/jobs/ingest/*"),
    ("poll", "GET", "*/jobs/ingest/*"),
    ("successful", "GET", "*/successfulResults"),
    ("failed", "GET", "*/failedResults"),
];

fn with(fault: Fault, kind: BodyKind, after: Option<u64>, effected: bool) -> Fault {
    match fault {
        Fault::Answer { status, code, message, .. } => Fault::Answer {
            status,
            code,
            message,
            body: kind,
            retry_after: after,
            effect: effected,
        },
        other => other,
    }
}

fn faults() -> Vec<(&'static str, Fault)> {
    let down = || answer(503, "SERVER_UNAVAILABLE", "try later");
    let slow = || answer(429, "REQUEST_RATE", "slow down");
    vec![
        ("answer lost before the effect", Fault::LoseAnswer { effect: false }),
        ("answer lost after the effect", Fault::LoseAnswer { effect: true }),
        ("429", with(slow(), BodyKind::Json, Some(1), false)),
        ("429, no time named", with(slow(), BodyKind::Json, None, false)),
        ("429 HTML", with(slow(), BodyKind::Html, Some(0), false)),
        ("500 after the effect", with(answer(500, "", ""), BodyKind::Empty, None, true)),
        ("slow", Fault::Delay { ms: 700 }),
        ("503 before the effect", down()),
        ("503 after the effect", with(down(), BodyKind::Json, Some(0), true)),
        ("503 HTML after the effect", with(down(), BodyKind::Html, None, true)),
        ("502 HTML", with(answer(502, "", ""), BodyKind::Html, None, false)),
        ("504 empty", with(answer(504, "", ""), BodyKind::Empty, None, true)),
        ("200 HTML", Fault::HtmlOk),
        ("cut, length promised", Fault::Truncate { bytes: 30, length: Length::Lying }),
        ("cut, no length", Fault::Truncate { bytes: 30, length: Length::Missing }),
        ("session expired", Fault::ExpireSessions),
    ]
}

/// Every tenth row of every job fails, so that there is something in both result files.
fn some_rows_fail() -> Rule {
    always("POST", "*/jobs/ingest", Fault::TireRows { every: 10 })
}

#[test]
fn one_bad_answer_in_any_phase_changes_nothing() {
    let mut cases = Vec::new();
    for (phase, method, path) in PHASES {
        for (what, fault) in faults() {
            cases.push((format!("{phase}: {what}"), (rule(method, path, fault.clone()), false)));
            if what.starts_with("cut") {
                let name = format!("{phase}: {what}, compressed");
                cases.push((name, (rule(method, path, fault), true)));
            }
        }
    }
    each(&cases, |(rule, zipped)| {
        let door = if *zipped { Door::plain().zipping() } else { Door::plain() };
        let stage = Stage::with(door).mischief(&[some_rows_fail(), rule.clone()]);
        let outcome = stage.load().expect(3, [36, 4, 0, 0]);
        for row in stage.world.results(&outcome.summary, "error") {
            assert_eq!(row["longshore__code"], "REQUEST_RUNNING_TOO_LONG");
            assert_eq!(row["longshore__class"], "retryable");
        }
        assert_eq!(outcome.summary["jobs"].as_array().unwrap().len(), 2);
    });
}
