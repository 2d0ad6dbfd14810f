//! Budgets on the real binary: what a command may use of the org's day, against what the org
//! counts.

use std::fmt::Write as _;

use longshore::practice::switches::Switches;
use longshore::practice::tenant::switches::{Plan, Switches as TenantSwitches};
use longshore::practice::{Org, SeedSize, Tenant, TenantSize};
use serde_json::Value;

use crate::world::{Ran, World};

const ROWS: usize = 40;

/// A load of ten jobs, one at a time.
const LOAD: [&str; 9] =
    ["insert", "Account", "rows.csv", "--chunk-rows", "4", "--parallel", "1", "--run-name", "r"];

/// An org with so many calls and batches a day, and rows to insert.
fn world(calls_a_day: u64, batches_a_day: u64) -> World {
    let switches = Switches { calls_a_day, batches_a_day, ..Switches::default() };
    let org = Org::new(&SeedSize { users: 5, permission_sets: 2 }).with_switches(switches);
    let world = World::of(org);
    let lines: Vec<String> = (1..=ROWS).map(|row| format!("Row {row}\n")).collect();
    world.file("rows.csv", format!("Name\n{}", lines.concat()));
    world
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&LOAD[..], more].concat()
}

/// Names of the accounts that were inserted, each as often as it was.
fn inserted(world: &World) -> Vec<String> {
    let entries = world.practice().org().audit().entries_since(0);
    let names = entries.iter().filter(|entry| entry.object == "Account").flat_map(|entry| {
        entry
            .fields
            .iter()
            .filter(|(field, _)| *field == "Name")
            .map(|(_, name)| format!("{name:?}"))
    });
    names.collect()
}

/// Every row is in the org, and once.
fn all_are_there_once(world: &World) {
    let mut names = inserted(world);
    assert_eq!(names.len(), ROWS);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ROWS);
    world.run(&["verify", "r"]).expect(0);
}

fn said(ran: &Ran) -> String {
    let is_told = |line: &&str| line.starts_with("error") || line.starts_with("hint");
    let told: Vec<&str> = ran.stdout.lines().chain(ran.stderr.lines()).filter(is_told).collect();
    told.join("\n")
}

#[test]
fn a_run_pauses_when_its_calls_are_used_up_and_another_budget_goes_on_with_it() {
    let world = world(100_000, 15_000);
    let (ran, summary) = world.load(&with(&["--api-budget", "40"]));
    let ran = ran.expect(75);
    let done = inserted(&world).len();
    assert!((4..ROWS).contains(&done) && done.is_multiple_of(4), "{done}");
    assert!(summary["api"]["calls"].as_u64().unwrap() <= 40, "{summary:#}");
    let message = summary["failure"]["message"].as_str().unwrap();
    assert!(message.starts_with("the budget is 40 API calls: "), "{message}");
    assert_eq!(summary["resume"], "longshore resume r");
    let notice = "notice: about 40 rows will take about 70 API calls of the ";
    assert!(ran.stderr.contains(notice), "{}", ran.stderr);
    assert!(ran.stderr.contains("the run will pause"), "{}", ran.stderr);
    let unprocessed = world.read("longshore-runs/r/out/unprocessed.csv");
    assert!(unprocessed.contains("the budget is"), "{unprocessed}");

    // Too few for another job: it goes on with nothing, and nothing is lost.
    world.run(&["resume", "r", "--api-budget", "9"]).expect(75);
    assert_eq!(inserted(&world).len(), done);
    world.run(&["resume", "r", "--api-budget", "300"]).expect(0);
    all_are_there_once(&world);
}

#[test]
fn a_fifth_of_the_orgs_day_is_left_unless_it_is_asked_for() {
    let world = world(60, 15_000);
    let (ran, summary) = world.load(&LOAD);
    ran.expect(75);
    let used = |world: &World| world.practice().org().audit().requests().len();
    assert!(used(&world) <= 48, "{}", used(&world));
    let message = summary["failure"]["message"].as_str().unwrap();
    assert!(message.starts_with("the budget is all but 20% of the org's 60 API calls a day"));
    let done = inserted(&world).len();
    assert!((4..ROWS).contains(&done), "{done}");
    // As long as the org has no more, it does not go on by itself, and sends nothing.
    world.run(&["resume", "r"]).expect(75);
    assert_eq!(inserted(&world).len(), done);
}

#[test]
fn batches_are_left_too() {
    let world = world(100_000, 10);
    world.file("longshore.toml", "[policy]\napi_budget = 5000\n");
    let ran = world.run(&LOAD).expect(75);
    assert_eq!(inserted(&world).len(), 32);
    let told = said(&ran);
    let error = "error: the budget of the org's Bulk API batches of a day: none is left";
    assert!(told.starts_with(error), "{told}");
    assert!(told.contains("hint: `longshore resume r` goes on where it stopped"), "{told}");
    world.run(&["resume", "r", "--api-budget", "100%"]).expect(0);
    all_are_there_once(&world);
}

#[test]
fn a_tenant_has_no_day_but_takes_a_number() {
    let size = TenantSize { users: 12, permissions_each: Some(5) };
    let switches = TenantSwitches { plan: Plan::Unlimited, ..TenantSwitches::default() };
    let world = World::with_tenant(Tenant::new(&size).with_switches(switches));
    let tenant = world.practice().tenant().unwrap();
    let mut rows = "user_id,resource_server_identifier,permission_name\n".to_owned();
    for person in tenant.people() {
        for (api, permission) in tenant.permissions_of(&person.id) {
            writeln!(rows, "{},{api},{permission}", person.id).unwrap();
        }
    }
    world.file("rows.csv", &rows);
    let run = |args: &[&str], code| {
        let ran = world.run_changed(args, b"", |command| {
            command.env("LONGSHORE_TARGET_KIND", "auth0");
        });
        ran.expect(code)
    };
    let load = ["delete", "UserPermission", "rows.csv", "--run-name", "r", "--chunk-rows", "10"];
    let refused = run(&[&load[..], &["--api-budget", "50%"]].concat(), 2);
    insta::assert_snapshot!(said(&refused), @"
    error: an Auth0 tenant has no limit of calls for a day, so there is no 50% of what is left
    hint: give `--api-budget` as a number of calls
    ");
    assert!(!world.path("longshore-runs/r").exists());

    let budget = ["--api-budget", "50"];
    let ran = run(&[&load[..], &budget, &["--json"]].concat(), 75);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(summary["api"]["calls"].as_u64().unwrap() <= 50, "{summary:#}");
    run(&["resume", "r", "--api-budget", "500"], 0);
    assert!(tenant.people().iter().all(|person| tenant.permissions_of(&person.id).is_empty()));
    world.run(&["verify", "r"]).expect(0);
}
