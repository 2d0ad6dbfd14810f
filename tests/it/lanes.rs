//! Rows that lock the same parent, in an org that locks.

use std::fmt::Write;

use longshore::practice::switches::{RowLocks, Switches};
use longshore::practice::{LocksTold, Org, SeedSize};

use crate::world::{Ran, World, read_csv};

/// Parents of the small seed that rows name.
const PARENTS: u64 = 40;

/// A transaction lasts 20 ms here, and nobody waits for half as long.
pub fn world(workers: usize) -> World {
    let locks =
        RowLocks { on: true, time_scale: 200, wait_ms: 1_000, workers, ..RowLocks::default() };
    let org = Org::new(&SeedSize { users: 30, permission_sets: 5 });
    World::of(org.with_switches(Switches { row_locks: locks, ..Switches::default() }))
}

/// Contacts in no order of their parents; a fifth of all has the first one.
pub fn contacts(rows: u64) -> String {
    let mut csv = String::from("LastName,Account.Legacy_Id__c,Note\n");
    let mut dice = 7_u64;
    for row in 1..=rows {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let parent = match (dice >> 33) % 5 {
            0 => 1,
            _ => 1 + (dice >> 40) % PARENTS,
        };
        // Ids and keys are compared without case; some rows have no parent, some are not valid.
        let name = if row % 97 == 0 { String::new() } else { format!("Row {row}") };
        match row % 31 {
            0 => writeln!(csv, "{name},,{row}").unwrap(),
            1 => writeln!(csv, "{name},a-{parent:05},{row}").unwrap(),
            _ => writeln!(csv, "{name},A-{parent:05},{row}").unwrap(),
        }
    }
    csv
}

pub fn insert<'a>(group_by: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["insert", "Contact", "rows.csv", "--chunk-rows", "200", "--parallel", "4"];
    [&args[..], &["--group-by", group_by], more].concat()
}

/// Transactions that found a parent taken, and rows that failed for it.
fn jobs(told: &LocksTold) -> (u64, u64) {
    (told.met_other_jobs + told.met_own_job, told.rows_failed)
}

#[test]
fn rows_of_one_parent_are_never_in_two_running_jobs() {
    let world = world(8);
    world.file("rows.csv", contacts(4_000));
    let (ran, summary) = world.load(&insert("AccountId", &[]));
    ran.expect(3);
    let told = world.practice().locks_told();
    assert!(told.transactions >= 20, "{told:?}");
    assert_eq!(jobs(&told), (0, 0), "{told:?}");
    assert_eq!(summary["rows"]["success"], 4_000 - 4_000 / 97);
    assert_eq!(summary["rows"]["rejected"], 4_000 / 97);
    let jobs = summary["jobs"].as_array().unwrap();
    let expected = 20..=20 + 4 * 2;
    assert!(expected.contains(&jobs.len()), "{} jobs", jobs.len());
    assert!(jobs.iter().all(|job| job["rows"].as_u64().unwrap() <= 200));
    let run = summary["run"].as_str().unwrap();
    world.run(&["verify", run]).expect(0);
}

/// A process that is killed leaves windows of which some chunks are noted, some in jobs.
#[test]
fn a_run_in_lanes_is_gone_on_with_from_wherever_it_was_killed() {
    for (number, fault) in [
        "ledger.planned.after:2:kill",
        "ledger.planned.after:19:kill",
        "ledger.prepared.after:3:kill",
        "ledger.started.after:5:kill",
        "ledger.reconciled.after:4:kill",
    ]
    .into_iter()
    .enumerate()
    {
        let world = world(8);
        world.file("rows.csv", contacts(4_000));
        let run = format!("r{number}");
        let args = insert("Account.Legacy_Id__c", &["--run-name", &run]);
        let mut command = world.command(&args);
        let killed = Ran::of(&command.env("LONGSHORE_FAULTS", fault).output().unwrap());
        assert_eq!(killed.code, -1, "{fault}: {}", killed.stderr);
        world.run(&["resume", &run]).expect(3);
        world.run(&["verify", &run]).expect(0);
        let success = read_csv(&world.path(&format!("longshore-runs/{run}/out/success.csv")));
        assert_eq!(success.len(), 4_000 - 4_000 / 97, "{fault}");
        let effects = world.practice().org().audit().len();
        assert_eq!(effects, success.len() as u64, "{fault}: every row once");
        assert_eq!(jobs(&world.practice().locks_told()), (0, 0), "{fault}");
    }
}

/// Nobody asks, and lanes are used where rows share parents and are more than one batch.
#[test]
fn lanes_are_found_out_and_a_plan_tells_of_them() {
    let world = World::of(Org::new(&SeedSize { users: 30, permission_sets: 5 }));
    let plan = |rows: &str, more: &[&str]| {
        world.file("rows.csv", rows);
        let args = [&["plan", "insert", "Contact", "rows.csv"], more].concat();
        let ran = world.run(&args);
        let says = "rows are grouped by `Account.Legacy_Id__c`, whose records the org locks: jobs \
                    of up to 10000 rows, in 2 lanes";
        ran.stderr.contains(says) || ran.stdout.contains(says)
    };
    let many = contacts(10_200);
    assert!(plan(&many, &[]));
    assert!(!plan(&many, &["--group-by", "none"]));
    assert!(!plan(&contacts(9_000), &[]), "one batch");
    let mut alone = String::from("LastName,Account.Legacy_Id__c\n");
    (0..10_200).for_each(|row| writeln!(alone, "Row {row},K-{row}").unwrap());
    assert!(!plan(&alone, &[]), "nobody shares a parent");
    let ran = world.run(&["plan", "insert", "Contact", "rows.csv", "--group-by", "OwnerId"]);
    let says = "`--group-by OwnerId`: no column is sent to that field";
    assert!(ran.code == 2 && ran.stderr.contains(says), "{}", ran.stderr);
}

/// The figures of decision 26: `cargo test --test it lanes::measured -- --ignored --nocapture`.
#[test]
#[ignore = "a minute: measures what lanes are worth"]
fn measured() {
    for group_by in ["none", "AccountId"] {
        let locks = RowLocks { on: true, time_scale: 100, ..RowLocks::default() };
        let org = Org::new(&SeedSize { users: 30, permission_sets: 5 });
        let world =
            World::of(org.with_switches(Switches { row_locks: locks, ..Switches::default() }));
        world.file("rows.csv", contacts(100_000));
        let start = tokio::time::Instant::now();
        let args = ["insert", "Contact", "rows.csv", "--parallel", "8", "--group-by", group_by];
        let (_, summary) = world.load(&args);
        let (told, took) = (world.practice().locks_told(), start.elapsed());
        let (rows, jobs) = (&summary["rows"], summary["jobs"].as_array().unwrap().len());
        println!("{group_by}: {took:.1?}, {jobs} jobs, {told:?}, {rows}");
        if group_by != "none" {
            assert!(told.rows_failed * 1_000 <= 100_000, "{told:?}");
        }
    }
}
