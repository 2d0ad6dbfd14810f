//! Jobs that end otherwise than they should, and answers that no honest org gives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore::practice::mischief::{Fault, Rule};
use serde_json::json;

use super::{Ends, Stage, always, answer, each, rule};
use crate::door::{Asked, Door, Told};

const CREATE: &str = "*/jobs/ingest";
const JOB: &str = "*/jobs/ingest/*";

/// The usual load, the second job after the first.
const ONE_BY_ONE: [&str; 7] =
    ["insert", "Account", "accounts.csv", "--chunk-rows", "20", "--parallel", "1"];

fn second(rule: Rule) -> Rule {
    Rule { nth: 2, ..rule }
}

/// Rules, exit code, and success, error, unprocessed and unknown rows of 40 in two jobs.
type Case = (Vec<Rule>, i32, Ends);

fn run(cases: Vec<(&str, Case)>) {
    let cases: Vec<(String, Case)> =
        cases.into_iter().map(|(name, case)| (name.to_owned(), case)).collect();
    each(&cases, |(rules, code, ends)| {
        let outcome = Stage::new().mischief(rules).load_with(&ONE_BY_ONE).expect(*code, *ends);
        let undone = ends[2] + ends[3] > 0;
        let told = outcome.summary["errors"].as_array().unwrap();
        assert!(!undone || told.iter().any(|group| group["message"] != ""), "{told:?}");
    });
}

#[test]
fn jobs_that_end_badly() {
    let text = "InternalServerError : it broke";
    let fail = |rows| Fault::FailJob { after_rows: rows, message: text.to_owned() };
    let abort = |rows| Fault::AbortJob { after_rows: rows };
    run(vec![
        ("failed half-way", (vec![rule("POST", CREATE, fail(10))], 3, [30, 0, 10, 0])),
        ("failed at no row", (vec![rule("POST", CREATE, fail(0))], 3, [20, 0, 20, 0])),
        ("all failed half-way", (vec![always("POST", CREATE, fail(5))], 3, [10, 0, 30, 0])),
        ("aborted by a person", (vec![rule("POST", CREATE, abort(10))], 3, [30, 0, 10, 0])),
        ("aborted at no row", (vec![rule("POST", CREATE, abort(0))], 3, [20, 0, 20, 0])),
        (
            "failed half-way, unprocessed results cut",
            (
                vec![
                    rule("POST", CREATE, fail(10)),
                    rule(
                        "GET",
                        "*/unprocessedrecords",
                        Fault::Truncate {
                            bytes: 90,
                            length: longshore::practice::mischief::Length::Missing,
                        },
                    ),
                ],
                3,
                [30, 0, 10, 0],
            ),
        ),
        (
            "failed half-way, unprocessed answer lost",
            (
                vec![
                    rule("POST", CREATE, fail(10)),
                    rule("GET", "*/unprocessedrecords", Fault::LoseAnswer { effect: true }),
                ],
                3,
                [30, 0, 10, 0],
            ),
        ),
        (
            "the upload breaks",
            (vec![rule("PUT", "*/batches", Fault::BreakUpload { bytes: 100 })], 0, [40, 0, 0, 0]),
        ),
        (
            "the upload waits",
            (vec![rule("PUT", "*/batches", Fault::Delay { ms: 300 })], 0, [40, 0, 0, 0]),
        ),
        (
            "a filled job is said to hold two contents",
            (
                vec![rule(
                    "PATCH",
                    JOB,
                    answer(400, "INVALIDJOB", "Found multiple contents for job: <750>"),
                )],
                0,
                [40, 0, 0, 0],
            ),
        ),
        ("the order is kept", (vec![always("POST", CREATE, Fault::KeepOrder)], 0, [40, 0, 0, 0])),
        (
            "results left out, as past the daily allowance",
            (vec![rule("POST", CREATE, Fault::DropResults { every: 5 })], 5, [36, 0, 0, 4]),
        ),
        (
            "gone before the upload",
            (vec![rule("PUT", "*/batches", Fault::VanishJob)], 0, [40, 0, 0, 0]),
        ),
        ("gone before the start", (vec![rule("PATCH", JOB, Fault::VanishJob)], 5, [20, 0, 0, 20])),
        ("gone while running", (vec![rule("GET", JOB, Fault::VanishJob)], 5, [20, 0, 0, 20])),
        (
            "gone before the results",
            (vec![rule("GET", "*/successfulResults", Fault::VanishJob)], 5, [20, 0, 0, 20]),
        ),
    ]);
}

#[test]
fn service_that_stays_away() {
    let down = || answer(503, "SERVER_UNAVAILABLE", "down");
    let used_up = || answer(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    let crowded = || {
        answer(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        )
    };
    run(vec![
        (
            "the day's calls are used up at the second job",
            (vec![second(always("POST", CREATE, used_up()))], 75, [20, 0, 20, 0]),
        ),
        (
            "the day's calls are used up at an upload",
            (vec![second(always("PUT", "*/batches", used_up()))], 75, [20, 0, 20, 0]),
        ),
        (
            "the day's calls are used up at a start",
            (vec![second(always("PATCH", JOB, used_up()))], 75, [20, 0, 20, 0]),
        ),
        (
            "the day's calls are used up for good before a start",
            (vec![rule("PATCH", JOB, Fault::SpendAllowance { remaining: 0 })], 75, [0, 0, 40, 0]),
        ),
        (
            "a start is lost, and then the day's calls are used up",
            (
                vec![
                    rule("PATCH", JOB, Fault::LoseAnswer { effect: true }),
                    rule("GET", JOB, Fault::SpendAllowance { remaining: 0 }),
                ],
                75,
                [0, 0, 20, 20],
            ),
        ),
        (
            "the day's calls are used up at the results",
            (vec![always("GET", "*/successfulResults", used_up())], 75, [0, 0, 20, 20]),
        ),
        (
            "too many calls at once, for a moment",
            (
                vec![rule("POST", CREATE, crowded()), rule("PUT", "*/batches", crowded())],
                0,
                [40, 0, 0, 0],
            ),
        ),
        ("no job can be made", (vec![always("POST", CREATE, down())], 75, [0, 0, 40, 0])),
        (
            "no upload arrives",
            (
                vec![always("PUT", "*/batches", Fault::LoseAnswer { effect: false })],
                75,
                [0, 0, 40, 0],
            ),
        ),
        (
            "a quota of jobs is used up",
            (
                vec![second(always(
                    "POST",
                    CREATE,
                    answer(400, "ExceededQuota", "15,000 batches"),
                ))],
                75,
                [20, 0, 20, 0],
            ),
        ),
        (
            "the service is down for three calls on end",
            (vec![Rule { times: 3, ..rule("POST", CREATE, down()) }], 0, [40, 0, 0, 0]),
        ),
    ]);
}

#[test]
fn sessions_that_end() {
    let refused = || Rule {
        nth: 2,
        ..always("POST", "*/oauth2/token", answer(400, "invalid_grant", "authentication failure"))
    };
    let ended = |method, path| always(method, path, Fault::ExpireSessions);
    run(vec![
        (
            "renewal refused at the first job",
            (vec![ended("POST", CREATE), refused()], 4, [0, 0, 40, 0]),
        ),
        (
            "renewal refused at an upload",
            (vec![ended("PUT", "*/batches"), refused()], 4, [0, 0, 40, 0]),
        ),
        ("renewal refused at a start", (vec![ended("PATCH", JOB), refused()], 4, [0, 0, 40, 0])),
        ("renewal refused while polling", (vec![ended("GET", JOB), refused()], 4, [0, 0, 20, 20])),
        (
            "renewal refused at the results",
            (vec![ended("GET", "*/successfulResults"), refused()], 4, [0, 0, 20, 20]),
        ),
        (
            "a session ends every time and is renewed",
            (
                vec![
                    rule("POST", CREATE, Fault::ExpireSessions),
                    rule("PUT", "*/batches", Fault::ExpireSessions),
                    rule("PATCH", JOB, Fault::ExpireSessions),
                    rule("GET", JOB, Fault::ExpireSessions),
                    rule("GET", "*/successfulResults", Fault::ExpireSessions),
                ],
                0,
                [40, 0, 0, 0],
            ),
        ),
    ]);
}

/// Changes the answer to the first `times` questions about a job that is over.
fn ended_job(times: u64, change: fn(&mut serde_json::Value)) -> Door {
    let left = AtomicU64::new(times);
    Door::telling(move |asked: &Asked, told: &mut Told| {
        let over = asked.is_poll() && String::from_utf8_lossy(&told.body).contains("JobComplete");
        if !over
            || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
        {
            return false;
        }
        told.json(change);
        true
    })
}

#[test]
fn what_a_job_says_of_itself_is_not_believed_blindly() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, u64, Change); 7] = [
        ("unknown state", 2, |job| job["state"] = json!("Paused")),
        ("counters lag behind", 1, |job| {
            job["numberRecordsProcessed"] = json!(0);
            job["numberRecordsFailed"] = json!(0);
        }),
        ("failures are not counted yet", 9, |job| job["numberRecordsFailed"] = json!(0)),
        ("successes are not counted yet", 9, |job| {
            job["numberRecordsProcessed"] = job["numberRecordsFailed"].clone();
        }),
        ("counters are text", 9, |job| job["numberRecordsFailed"] = json!("2")),
        ("counters are negative and huge", 9, |job| {
            job["numberRecordsFailed"] = json!(-1);
            job["numberRecordsProcessed"] = json!(1e300);
        }),
        ("no counters", 9, |job| {
            job.as_object_mut().unwrap().retain(|name, _| !name.starts_with("number"));
        }),
    ];
    let cases: Vec<_> = cases.map(|(name, n, change)| (name.to_owned(), (n, change))).into();
    each(&cases, |(times, change)| {
        let stage = Stage::with(ended_job(*times, *change));
        let failing = always("POST", CREATE, Fault::TireRows { every: 10 });
        let stage = stage.mischief(&[failing]);
        stage.load().expect(3, [36, 4, 0, 0]);
        assert!(stage.door.struck() > 0);
    });
}

/// Changes the first download of the successful results, or all of them.
fn results(always: bool, change: fn(&str) -> String) -> Door {
    let seen = AtomicU64::new(0);
    Door::telling(move |asked: &Asked, told: &mut Told| {
        if !asked.is("GET", "/successfulResults") || told.status != 200 {
            return false;
        }
        let strikes = always || seen.fetch_add(1, Ordering::SeqCst) == 0;
        if strikes {
            told.body = change(std::str::from_utf8(&told.body).unwrap()).into_bytes();
        }
        strikes
    })
}

#[test]
fn results_that_do_not_fit_the_rows() {
    type Change = fn(&str) -> String;
    let half: Change = |text| {
        let kept = text.lines().count() / 2;
        text.lines().take(kept).fold(String::new(), |all, line| all + line + "\n")
    };
    let stranger: Change = |text| format!("{text}\"001Pr00000ZZZZZIA0\",\"true\",Nobody,1,1\n");
    let twice: Change = |text| format!("{text}{}\n", text.lines().last().unwrap());
    let quote: Change = |text| text.trim_end().trim_end_matches('"').to_owned() + "\n\"001";
    let headless: Change = |text| text.replacen("sf__Id", "sf__Other", 1);
    let crossed: Change = |text| {
        let mut lines = text.lines();
        let turn = |line: &str| {
            let (front, back) = line.rsplit_once(',').unwrap();
            let (front, middle) = front.rsplit_once(',').unwrap();
            format!("{front},{back},{middle}\n")
        };
        lines.by_ref().map(turn).collect()
    };
    let cases: [(&str, bool, Change, i32, Ends); 7] = [
        ("half of the lines, once", false, half, 0, [40, 0, 0, 0]),
        ("half of the lines, always", true, half, 5, [18, 0, 0, 22]),
        ("a line for a row never sent", true, stranger, 5, [40, 0, 0, 0]),
        ("one row twice", true, twice, 5, [38, 0, 0, 2]),
        ("an open quote, once", false, quote, 0, [40, 0, 0, 0]),
        ("columns in another order", true, crossed, 0, [40, 0, 0, 0]),
        ("no id column", true, headless, 5, [0, 0, 0, 40]),
    ];
    let cases: Vec<_> = cases
        .map(|(name, always, change, code, ends)| (name.to_owned(), (always, change, code, ends)))
        .into();
    each(&cases, |(always, change, code, ends)| {
        let stage = Stage::with(results(*always, *change));
        stage.load().expect(*code, *ends);
        assert!(stage.door.struck() > 0);
    });
}

#[test]
fn equal_rows_with_different_fates_are_counted_right() {
    let stage = Stage::new().mischief(&[always("POST", CREATE, Fault::TireRows { every: 10 })]);
    let rows: String = (0..40).map(|_| "Same,1500000,7,x\n").collect();
    stage.world.file("same.csv", format!("Name,AnnualRevenue,NumberOfEmployees,Remark\n{rows}"));
    let (ran, summary) = stage.world.load(&["insert", "Account", "same.csv", "--chunk-rows", "20"]);
    ran.expect(3);
    assert_eq!((&summary["rows"]["success"], &summary["rows"]["error"]), (&json!(36), &json!(4)));
    let mut ids = BTreeMap::new();
    for row in stage.world.results(&summary, "success") {
        assert_eq!(row["longshore__match"], "group");
        *ids.entry(row["sf__Id"].clone()).or_insert(0) += 1;
    }
    assert_eq!(ids.len(), 36);
    assert_eq!(stage.world.practice().org().audit().len(), 36);
}
