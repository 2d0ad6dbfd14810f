//! The cut-over of a CRM in `fixtures/runbooks/crm-cutover`, rehearsed on the practice org.

mod data;

use std::collections::BTreeMap;
use std::path::Path;

use longshore::practice::{Org, SeedSize};
use serde_json::Value;

use crate::world::{World, fixture, read_csv};
use data::{Bad, Source};

/// The load steps with the files that they take, by place in the runbook.
const LOADS: [(&str, &str); 5] = [
    ("03-users", "users.csv"),
    ("04-accounts", "accounts.csv"),
    ("05-contacts", "contacts.csv"),
    ("06-engagements", "engagements.csv"),
    ("07-opportunities", "opportunities.csv"),
];

fn world() -> World {
    let world = World::of(Org::new(&SeedSize { users: 1, permission_sets: 1 }));
    let objects = fixture("runbooks/crm-cutover/objects.json");
    world.run(&["practice", "seed", "--describe", &objects]).expect(0);
    world
}

/// Runs the runbook in the kept practice org, which is as new.
fn rehearse(world: &World, runbook: &str, name: &str) -> Value {
    let ran = world.run(&["run", runbook, "--approve", "go", "--run-name", name, "--json"]);
    let said = format!("{}\n{}", ran.stdout, ran.stderr);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{said}"));
    // Rows that are bad are known to be; every step and every check is well.
    assert_eq!(ran.code, 3, "{said}");
    for step in summary["steps"].as_array().unwrap() {
        let state = step["state"].as_str().unwrap();
        assert!(["succeeded", "partial"].contains(&state), "{step:#}");
        for check in step["checks"].as_array().into_iter().flatten() {
            assert_eq!(check["passed"], true, "{check:#}");
        }
    }
    world.run(&["verify", name]).expect(0);
    summary
}

/// Each good row succeeded, and each bad one ended as it is known to.
fn check_rows(world: &World, run: &str, sources: &[Source]) {
    for (step, file) in LOADS {
        let source = sources.iter().find(|source| source.name == file).unwrap();
        let of = |verdict: &str| {
            let path = format!("longshore-runs/{run}/steps/{step}/out/{verdict}.csv");
            let rows = read_csv(&world.path(&path));
            rows.iter().map(|row| row["longshore__row"].parse().unwrap()).collect::<Vec<usize>>()
        };
        let bad = |sent: bool| -> Vec<usize> {
            let these = source.bad.iter().filter(|(_, bad)| bad.is_sent() == sent);
            these.map(|(row, _)| *row).collect()
        };
        assert_eq!((of("rejected"), of("error")), (bad(false), bad(true)), "{file}");
        assert_eq!(of("success").len(), source.rows - source.bad.len(), "{file}");
    }
}

#[test]
fn the_files_of_the_fixture_are_those_of_the_generator() {
    for source in data::all(1) {
        let path = fixture(&format!("runbooks/crm-cutover/in/{}", source.name));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text != source.text {
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, source.text.as_bytes()).unwrap();
            panic!("{} was out of date; it has been written anew, run again", source.name);
        }
    }
    let rows: usize = data::all(1).iter().map(|source| source.rows).sum();
    let large: usize = data::all(100).iter().map(|source| source.rows).sum();
    assert_eq!((rows, large), (2_000, 200_000));
}

#[test]
fn two_rehearsals_are_equal() {
    let (world, sources) = (world(), data::all(1));
    let runbook = fixture("runbooks/crm-cutover/runbook.toml");
    for name in ["one", "two"] {
        rehearse(&world, &runbook, name);
        check_rows(&world, name, &sources);
        world.run(&["practice", "reset"]).expect(0);
    }
    let ran = world.run(&["diff", "one", "two"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

/// The same with 200,000 rows, in some minutes:
/// `cargo test --release --test it -- --ignored runbook_crm`.
#[test]
#[ignore = "200,000 rows"]
fn two_rehearsals_of_200_000_rows_are_equal() {
    let (world, sources) = (world(), data::all(100));
    copy(Path::new(&fixture("runbooks/crm-cutover")), &world);
    for source in &sources {
        world.file(&format!("crm/in/{}", source.name), &source.text);
    }
    for name in ["one", "two"] {
        rehearse(&world, "crm/runbook.toml", name);
        check_rows(&world, name, &sources);
        world.run(&["practice", "reset"]).expect(0);
    }
    let ran = world.run(&["diff", "one", "two"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

/// The runbook and its mappings, without the rows.
fn copy(from: &Path, world: &World) {
    for name in ["runbook.toml", "maps"] {
        let path = from.join(name);
        if path.is_file() {
            world.file(&format!("crm/{name}"), std::fs::read(path).unwrap());
            continue;
        }
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            world.file(&format!("crm/{name}/{file}"), std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_kind_of_fault_is_in_the_files() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (_, bad) in data::all(1).iter().flat_map(|source| &source.bad) {
        *kinds.entry(format!("{bad:?}")).or_default() += 1;
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    assert!(Bad::Taken.is_sent() && !Bad::NoSuchSet.is_sent());
}
