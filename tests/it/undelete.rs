//! `undelete` on the real binary: what comes back, what does not and why, and that a lost answer is
//! settled by asking and never by a second call for the same record.

use std::process::Stdio;

use longshore::practice::mischief::{BodyKind, Fault, Rule};
use longshore::practice::org::{Cell, Change, Verb};
use longshore::practice::{Org, SeedSize};

use crate::faults::each;
use crate::world::{Ran, World, read_csv};

const SOAP: &str = "/services/Soap/u/*";

fn change(world: &World, verb: &Verb, column: &str, cells: &[String]) -> Vec<String> {
    let columns = [column.to_owned()];
    let mut ids = Vec::new();
    for cells in cells.chunks(200) {
        let rows: Vec<Vec<Cell>> =
            cells.iter().map(|cell| vec![Cell::Text(cell.clone())]).collect();
        let verb = verb.clone();
        let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
        for done in world.practice().org().apply(&change) {
            assert!(done.error.is_none(), "{done:?}");
            ids.push(done.id);
        }
    }
    ids
}

/// An org with so many accounts, all of them in the recycle bin; their Ids.
fn binned(accounts: usize) -> (World, Vec<String>) {
    let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
    let names: Vec<String> = (1..=accounts).map(|n| format!("stock {n}")).collect();
    let ids = change(&world, &Verb::Insert, "Name", &names);
    change(&world, &Verb::Delete, "Id", &ids);
    world.file("ids.csv", format!("Id\n{}\n", ids.join("\n")));
    (world, ids)
}

/// How often each record was undeleted, by the audit log.
fn undeleted(world: &World) -> Vec<String> {
    let entries = world.practice().org().audit().entries_since(0);
    let mut ids: Vec<String> =
        entries.into_iter().filter(|one| one.verb == "undelete").map(|one| one.id).collect();
    ids.sort();
    ids
}

fn calls(world: &World) -> usize {
    let requests = world.practice().org().audit().requests();
    requests.iter().filter(|one| one.path.starts_with("/services/Soap/")).count()
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids
}

#[test]
fn each_row_is_told_what_became_of_it() {
    let (world, ids) = binned(7);
    // Live by now; gone for good; and one that never was.
    change(&world, &Verb::Undelete, "Id", &ids[4..6]);
    change(&world, &Verb::HardDelete, "Id", &ids[5..6]);
    let before = undeleted(&world).len();
    let nobody = "0018c00000zzzzz";
    let contact = "0038c00000ZgV6fAAF";
    let rows = [&ids[0], &ids[1][..15], &ids[4], &ids[5], nobody, contact, "no id", &ids[6]];
    world.file("mixed.csv", format!("Id,Why\n{},x\n", rows.join(",x\n")));
    let ran = world.run(&["undelete", "Account", "mixed.csv", "--run-name", "r"]).expect(3);
    assert!(ran.stdout.contains("undelete Account"), "{}", ran.stdout);
    let read = |file: &str| read_csv(&world.path(&format!("longshore-runs/r/out/{file}.csv")));
    let success = read("success");
    let found: Vec<_> = success.iter().map(|row| (&row["sf__Id"], &*row["sf__Created"])).collect();
    assert_eq!(found, [(&ids[0], "restored"), (&ids[1], "restored"), (&ids[6], "restored")]);
    assert_eq!(success[0]["Why"], "x");
    let told: Vec<String> = read("error")
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row["longshore__row"], row["longshore__code"], row["longshore__class"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "3 UNDELETE_FAILED permanent",
            "4 ENTITY_IS_DELETED permanent",
            "5 INVALID_CROSS_REFERENCE_KEY permanent",
        ]
    );
    let rejected: Vec<String> =
        read("rejected").iter().map(|row| row["longshore__row"].clone()).collect();
    assert_eq!(rejected, ["6", "7"]);
    assert_eq!(undeleted(&world).len() - before, 3);
    world.run(&["verify", "r"]).expect(0);

    // `retry` takes the rows that failed, and the org says the same again.
    let ran = world.run(&["retry", "r", "--yes", "--json"]).expect(3);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["operation"], "undelete", "{summary:#}");
    assert_eq!(undeleted(&world).len() - before, 3);
}

#[test]
fn two_hundred_a_call_and_a_look_before_each() {
    let (world, ids) = binned(450);
    world.run(&["undelete", "Account", "ids.csv", "--run-name", "r"]).expect(0);
    assert_eq!(undeleted(&world), sorted(&ids));
    assert_eq!(calls(&world), 3);
    let requests = world.practice().org().audit().requests();
    let looks = requests.iter().filter(|one| one.path.ends_with("/queryAll")).count();
    assert_eq!(looks, 3);
    world.run(&["verify", "r"]).expect(0);
}

#[test]
fn it_is_checked_planned_and_refused_like_any_load() {
    let (world, ids) = binned(3);
    let check = ["check", "Account", "ids.csv", "--operation", "undelete"];
    let ran = world.run(&check).expect(0);
    assert!(ran.stdout.contains("undelete"), "{}", ran.stdout);
    world.run(&["plan", "undelete", "Account", "ids.csv", "--output", "u.plan.toml"]).expect(0);
    assert_eq!((undeleted(&world).len(), calls(&world)), (0, 0));
    world.run(&["apply", "u.plan.toml"]).expect(0);
    assert_eq!(undeleted(&world), sorted(&ids));

    let twice = format!("Id\n{0}\n{0}\n", ids[0]);
    world.file("twice.csv", twice);
    let ran = world.run(&["undelete", "Account", "twice.csv"]).expect(2);
    assert!(ran.stderr.contains("same"), "{}", ran.stderr);
    change(&world, &Verb::Delete, "Id", &ids[..1]);
    let keep = ["undelete", "Account", "twice.csv", "--on-duplicate", "keep-first"];
    world.run(&keep).expect(3);
    world.file("users.csv", "Id\n0058c00000ZgV6fAAF\n");
    let ran = world.run(&["undelete", "User", "users.csv"]).expect(2);
    assert!(ran.stderr.contains("undelete"), "{}", ran.stderr);
}

/// The answer to one of the calls is lost, cut or made up, before its effect or after it.
#[test]
fn a_lost_answer_is_settled_by_asking() {
    let answer = |status, effect| Fault::Answer {
        status,
        code: "SERVER_UNAVAILABLE".to_owned(),
        message: "try later".to_owned(),
        body: BodyKind::Json,
        retry_after: None,
        effect,
    };
    let cases = [
        ("lost before", Fault::LoseAnswer { effect: false }, "restored"),
        ("lost after", Fault::LoseAnswer { effect: true }, "found"),
        ("503 before", answer(503, false), "restored"),
        ("503 after", answer(503, true), "found"),
        ("fault before", answer(500, false), "restored"),
        ("fault after", answer(500, true), "found"),
        ("page", Fault::HtmlOk, "restored"),
        (
            "cut",
            Fault::Truncate { bytes: 400, length: longshore::practice::mischief::Length::Missing },
            "found",
        ),
    ];
    let cases = cases.map(|(name, fault, word)| (name.to_owned(), (fault, word)));
    each(&cases, |(fault, word)| {
        let (world, ids) = binned(210);
        let rule = Rule {
            method: "POST".to_owned(),
            path: SOAP.to_owned(),
            nth: 1,
            times: 1,
            fault: fault.clone(),
        };
        world.practice().mischief().add(rule);
        let ran = world.run(&["undelete", "Account", "ids.csv", "--run-name", "r"]);
        assert_eq!(ran.code, 0, "{fault:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(undeleted(&world), sorted(&ids), "{fault:?}: each once");
        let success = read_csv(&world.path("longshore-runs/r/out/success.csv"));
        assert_eq!(success.len(), 210);
        let first = success[..200].iter().all(|row| row["sf__Created"] == *word);
        let rest = success[200..].iter().all(|row| row["sf__Created"] == "restored");
        assert!(first && rest, "{fault:?}");
        // What was found to be restored is not sent a second time.
        assert_eq!(calls(&world), if *word == "found" { 2 } else { 3 }, "{fault:?}");
        world.run(&["verify", "r"]).expect(0);
    });
}

/// Killed at every change on disk around the calls, and gone on with: each record is restored once,
/// and the rows are told so.
#[test]
fn a_kill_around_the_calls_costs_nothing() {
    let mut points: Vec<String> = Vec::new();
    for nth in 1..=4 {
        for op in ["write", "write.after", "sync", "sync.after"] {
            points.push(format!("{op}@calls.jsonl:{nth}"));
        }
    }
    points.extend(["create@calls.jsonl:1", "create.after@calls.jsonl:1"].map(str::to_owned));
    let cases: Vec<(String, String)> = points.into_iter().map(|at| (at.clone(), at)).collect();
    each(&cases, |point| {
        let (world, ids) = binned(210);
        let mut command = world.command(&["undelete", "Account", "ids.csv", "--run-name", "r"]);
        command.env("LONGSHORE_FAULTS", format!("{point}:kill")).stdout(Stdio::piped());
        assert_eq!(Ran::of(&command.output().unwrap()).code, -1, "{point}");
        world.run(&["resume", "r"]).expect(0);
        assert_eq!(undeleted(&world), sorted(&ids), "{point}: each once");
        assert_eq!(read_csv(&world.path("longshore-runs/r/out/success.csv")).len(), 210);
        world.run(&["verify", "r"]).expect(0);
    });
}

/// Between a lost answer and the next look, somebody has deleted a record again: it stays deleted.
#[test]
fn what_was_deleted_again_meanwhile_stays_so() {
    let (world, ids) = binned(3);
    let mut command = world.command(&["undelete", "Account", "ids.csv", "--run-name", "r"]);
    command.env("LONGSHORE_FAULTS", "write@calls.jsonl:2:kill");
    assert_eq!(Ran::of(&command.output().unwrap()).code, -1);
    assert_eq!(undeleted(&world), sorted(&ids), "the call was made, and its answer not kept");
    change(&world, &Verb::Delete, "Id", &ids[1..2]);
    world.run(&["resume", "r"]).expect(3);
    assert_eq!(undeleted(&world), sorted(&ids));
    let errors = read_csv(&world.path("longshore-runs/r/out/error.csv"));
    assert_eq!((errors.len(), &*errors[0]["longshore__code"]), (1, "DELETED_SINCE"));
    assert_eq!(errors[0]["Id"], ids[1]);
    let success = read_csv(&world.path("longshore-runs/r/out/success.csv"));
    assert!(success.iter().all(|row| row["sf__Created"] == "found"));
}

/// A refusal that time does not heal ends the process, and the run can be gone on with.
#[test]
fn a_refused_call_leaves_the_run_to_be_resumed() {
    let (world, ids) = binned(3);
    let fault = Fault::Answer {
        status: 500,
        code: "API_DISABLED_FOR_ORG".to_owned(),
        message: "API is not enabled".to_owned(),
        body: BodyKind::Json,
        retry_after: None,
        effect: false,
    };
    let rule = Rule { method: "POST".to_owned(), path: SOAP.to_owned(), nth: 1, times: 0, fault };
    world.practice().mischief().add(rule);
    let ran = world.run(&["undelete", "Account", "ids.csv", "--run-name", "r"]).expect(4);
    assert!(ran.stdout.contains("API_DISABLED_FOR_ORG"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("longshore resume r"), "{}", ran.stdout);
    assert_eq!(calls(&world), 1, "it is not tried again");
    world.practice().mischief().clear();
    world.run(&["resume", "r"]).expect(0);
    assert_eq!(undeleted(&world), sorted(&ids));
}

/// A session that ends under way is renewed, and the call is made once.
#[test]
fn an_ended_session_is_renewed() {
    let (world, ids) = binned(3);
    let fault = Fault::ExpireSessions;
    let rule = Rule { method: "POST".to_owned(), path: SOAP.to_owned(), nth: 1, times: 1, fault };
    world.practice().mischief().add(rule);
    world.run(&["undelete", "Account", "ids.csv", "--run-name", "r"]).expect(0);
    assert_eq!((undeleted(&world), calls(&world)), (sorted(&ids), 2));
}
