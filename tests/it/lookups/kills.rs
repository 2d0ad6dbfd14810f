//! A kill between the answers and the end: whoever goes on has the very same answers.

use std::fmt::Write as _;

use super::{queries, stock, with_accounts};
use crate::faults::each;
use crate::world::{Ran, World, read_csv};

const LOAD: [&str; 9] =
    ["insert", "Contact", "c.csv", "-m", "map.toml", "--run-name", "r", "--chunk-rows", "20"];

const ROWS: usize = 60;

fn world() -> (World, Vec<String>) {
    let (world, ids) = with_accounts();
    let key = |row: usize| ["Acme", "A-2", "Twin", "Cedar", "A-4"][row % 5];
    let mut rows = "Name,Customer\n".to_owned();
    (1..=ROWS).for_each(|row| writeln!(rows, "C{row},{}", key(row)).unwrap());
    world.file("c.csv", rows);
    let map = "[fields]\nLastName = \"Name\"\nAccountId = { column = \"Customer\", lookup = { \
               object = \"Account\", match = [\"AccountNumber\", \"Name\"] } }\n";
    world.file("map.toml", map);
    (world, ids)
}

fn killed(world: &World, point: &str) {
    let mut command = world.command(&LOAD);
    let ran = Ran::of(&command.env("LONGSHORE_FAULTS", format!("{point}:kill")).output().unwrap());
    assert_eq!(ran.code, -1, "{point}: {}", ran.stderr);
}

/// Row number and account of each row that was sent, by the result files.
fn ends(world: &World) -> Vec<String> {
    let mut ends = Vec::new();
    for verdict in ["success", "rejected"] {
        for row in read_csv(&world.path(&format!("longshore-runs/r/out/{verdict}.csv"))) {
            let code = row.get("longshore__code").cloned().unwrap_or_default();
            ends.push(format!("{verdict} {} {code}", row["longshore__row"]));
        }
    }
    ends.sort();
    ends
}

/// After the answers were found the org changes: the missing account is there, and one is gone.
#[test]
fn a_run_that_is_gone_on_with_has_the_answers_that_it_began_with() {
    let (usual, _) = world();
    usual.run(&LOAD).expect(3);
    let wanted = ends(&usual);
    let points = [
        "create.after@manifest:1",
        "rename.after@manifest.json:1",
        "write@sent/000001.csv:1",
        "ledger.planned.after:1",
        "ledger.created.before:1",
        "ledger.prepared.after:1",
        "ledger.started.after:2",
        "ledger.input_read.before:1",
    ];
    let cases: Vec<(String, &str)> = points.map(|point| (point.to_owned(), point)).into();
    each(&cases, |point| {
        let (world, _) = world();
        killed(&world, point);
        if !world.path("longshore-runs/r/manifest.json").is_file() {
            world.run(&["resume", "r"]).expect(2);
            assert_eq!(world.changes(), Vec::<String>::new());
            return;
        }
        stock(world.practice().org(), &[("Cedar", "A-9"), ("Acme", "A-1")]);
        let asked = queries(&world);
        world.run(&["resume", "r"]).expect(3);
        // Which org it is is asked by each command.
        assert_eq!(queries(&world), asked + 1, "{point}: it asked again");
        assert_eq!(ends(&world), wanted, "{point}");
        world.run(&["verify", "r"]).expect(0);
    });
}

/// While keys are looked up there is no run, and its name stays free.
#[test]
fn killed_while_keys_are_looked_up_nothing_holds_the_name() {
    for point in ["create@keys.1.part:1", "write@1.table:1", "sync.after@1.table:1"] {
        let (world, _) = world();
        killed(&world, point);
        assert_eq!(world.changes(), Vec::<String>::new());
        world.run(&["resume", "r"]).expect(2);
        world.run(&LOAD).expect(3);
        world.run(&["verify", "r"]).expect(0);
    }
}

#[test]
fn answers_that_were_changed_refuse_what_was_not_sent() {
    let (world, _) = world();
    killed(&world, "ledger.prepared.after:1");
    let table = "longshore-runs/r/lookups/1.table";
    let bytes = std::fs::read(world.path(table)).unwrap();
    world.file(table, &bytes[..bytes.len() - 1]);
    let ran = world.run(&["resume", "r"]).expect(8);
    assert!(ran.stdout.contains("the answers of a lookup"), "{}{}", ran.stdout, ran.stderr);
    world.file(table, bytes);
    world.run(&["resume", "r"]).expect(3);
    world.run(&["verify", "r"]).expect(0);
    // A finished run needs them no more.
    world.run(&["runs", "clean"]).expect(0);
    assert!(!world.path(table).exists());
    world.run(&["verify", "r"]).expect(0);
}

/// A disk that fails while keys are looked up refuses the load.
#[test]
fn a_disk_that_is_full_refuses_the_load_and_leaves_nothing() {
    for point in
        ["create@.lookups:1", "write@keys.1.part:1", "write@1.table:1", "write@lookups.csv:1"]
    {
        let (world, _) = world();
        let mut command = world.command(&LOAD);
        command.env("LONGSHORE_FAULTS", format!("{point}:enospc"));
        let ran = Ran::of(&command.output().unwrap()).expect(9);
        assert!(ran.stderr.contains("cannot "), "{}", ran.stderr);
        assert_eq!(world.changes(), Vec::<String>::new(), "{point}");
        let left = std::fs::read_dir(world.path("longshore-runs"));
        assert_eq!(left.into_iter().flatten().count(), 0, "{point}");
    }
}
