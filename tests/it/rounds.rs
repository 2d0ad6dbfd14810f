//! Rows that met a lock and are sent again, in an org that locks.

use std::fmt::Write;

use longshore::practice::switches::{RowLocks, Switches};
use longshore::practice::{Org, SeedSize};

use crate::lanes::{contacts, insert, world};
use crate::world::{Ran, World, read_csv};

/// Rows of [`contacts`] that are not valid.
fn bad(rows: u64) -> u64 {
    rows / 97
}

/// The numbers of rows of a result file, as they stand there.
fn numbers(world: &World, run: &str, file: &str) -> Vec<u64> {
    let path = world.path(&format!("longshore-runs/{run}/out/{file}.csv"));
    read_csv(&path).iter().map(|row| row["longshore__row"].parse().unwrap()).collect()
}

/// Every good row is in the org once, the files are in their order, and nothing is left over.
fn all_are_there(world: &World, run: &str, rows: u64) {
    world.run(&["verify", run]).expect(0);
    let good: Vec<u64> = (1..=rows).filter(|row| row % 97 != 0).collect();
    assert_eq!(numbers(world, run, "success"), good);
    assert_eq!(numbers(world, run, "error"), Vec::<u64>::new());
    assert_eq!(world.practice().org().audit().len(), rows - bad(rows), "every row once");
    let left = std::fs::read_dir(world.path(&format!("longshore-runs/{run}/out"))).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.contains("part")));
}

/// The rows as they stand in the file: jobs side by side meet each other's locks, and the rows go
/// through when fewer of them run at once.
#[test]
fn rows_that_met_a_lock_go_through_in_a_later_round() {
    let world = world(8);
    world.file("rows.csv", contacts(2_000));
    let (ran, summary) = world.load(&insert("none", &[]));
    let told = world.practice().locks_told();
    assert!(told.met_other_jobs > 0 && told.rows_failed > 0, "{told:?}");
    assert!(ran.stderr.contains("(round 1 of 3)"), "{}", ran.stderr);
    ran.expect(3);
    assert_eq!(summary["rows"]["input"], 2_000);
    assert_eq!(summary["rows"]["rejected"], bad(2_000));
    all_are_there(&world, summary["run"].as_str().unwrap(), 2_000);
}

/// A row locks two records, and lanes go by one of them.
#[test]
fn rows_with_two_parents_go_through() {
    let locks = RowLocks {
        on: true,
        time_scale: 200,
        wait_ms: 1_000,
        fields: [("Contact".to_owned(), vec!["AccountId".to_owned(), "Department".to_owned()])]
            .into(),
        ..RowLocks::default()
    };
    let org = Org::new(&SeedSize { users: 30, permission_sets: 5 });
    let world = World::of(org.with_switches(Switches { row_locks: locks, ..Switches::default() }));
    let mut csv = String::new();
    for (number, line) in contacts(2_000).lines().enumerate() {
        let department =
            if number == 0 { "Department".to_owned() } else { format!("D{}", number % 3) };
        writeln!(csv, "{line},{department}").unwrap();
    }
    world.file("rows.csv", csv);
    let (ran, summary) = world.load(&insert("AccountId", &[]));
    ran.expect(3);
    assert!(world.practice().locks_told().rows_failed > 0);
    all_are_there(&world, summary["run"].as_str().unwrap(), 2_000);
}

/// Somebody else has a record for good: the rows of that one end in error, after the last round.
#[test]
fn a_lock_that_never_goes_is_an_error_after_the_last_round() {
    let world = world(8);
    let mut csv = String::from("LastName,Account.Legacy_Id__c\n");
    (1..=300).for_each(|row| writeln!(csv, "Row {row},A-{:05}", 1 + row / 100).unwrap());
    world.file("rows.csv", csv);
    let held = world.practice().hold_locks(&["a-00002"]);
    let args = ["--group-by", "AccountId", "--max-failed", "150"];
    let (ran, summary) = world.load(&[&["insert", "Contact", "rows.csv"][..], &args].concat());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let stderr = &ran.stderr;
    for round in 1..=3 {
        assert!(stderr.contains(&format!("sent again (round {round} of 3)")), "{stderr}");
    }
    drop(held);
    let run = summary["run"].as_str().unwrap();
    // A transaction is refused as a whole, with rows that lock another record.
    let errors = numbers(&world, run, "error");
    assert!(errors.iter().all(|row| (1..=300).contains(row)) && errors.is_sorted());
    assert!((100..=300).all(|row| row >= 200 || errors.contains(&row)), "{errors:?}");
    let rows = &world.results(&summary, "error")[0];
    assert_eq!(rows["longshore__code"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(rows["longshore__class"], "retryable");
    world.run(&["verify", run]).expect(0);
    world.run(&["retry", run]).expect(0);
    assert_eq!(world.practice().org().audit().len(), 300);
}

/// A process that is killed around the first round leaves rows that were put off, that are in no
/// job, or in one of the round.
#[test]
fn a_run_is_gone_on_with_from_wherever_its_round_was_killed() {
    for (number, (fault, then)) in [
        ("ledger.reconciled.after:10", "ledger.round_began.before:1"),
        ("ledger.round_began.after:1", "ledger.prepared.after:1"),
        ("ledger.planned.after:11", "ledger.raw.after:2"),
        ("ledger.prepared.before:11", "ledger.reconciled.before:1"),
        ("ledger.started.after:11", "ledger.outputs.after:1"),
        ("ledger.reconciled.after:11", "ledger.closed.before:1"),
    ]
    .into_iter()
    .enumerate()
    {
        let world = world(8);
        world.file("rows.csv", contacts(2_000));
        let run = format!("r{number}");
        let args = insert("none", &["--run-name", &run]);
        let with = |args: &[&str], fault: &str| {
            let mut command = world.command(args);
            Ran::of(&command.env("LONGSHORE_FAULTS", format!("{fault}:kill")).output().unwrap())
        };
        let killed = with(&args, fault);
        assert_eq!(killed.code, -1, "{fault}: {}", killed.stderr);
        let again = with(&["resume", &run], then);
        if again.code == -1 {
            world.run(&["resume", &run]).expect(3);
        }
        all_are_there(&world, &run, 2_000);
    }
}
