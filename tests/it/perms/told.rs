//! What people are told on the way of `perms` that no other test asserts.

use std::fmt::Write as _;

use longshore::model::chunk::Digest;
use longshore::practice::org::Verb;

use super::{change, find, out, small, some_users};
use crate::world::{Ran, World};

fn told(world: &World, args: &[&str], code: i32) -> String {
    let ran = world.run(&[&["perms"], args].concat()).expect(code);
    let lines = ran.stderr.lines().filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with("notice: perms ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn refusals_of_salesforce_say_the_way_out() {
    let world = small();
    let users = some_users(&world, 2);
    world.file("nobody.csv", "Username,Permission Set\nnobody@x.example,Berth Planning\n");
    world.file("ragged.csv", "Username,Permission Set\na,b,c\n");
    world.file("other.csv", "Color\nred\n");
    // Somebody who holds nothing any more.
    world.file("who.csv", format!("Username\n{}\n", users[0]));
    world.run(&["perms", "report", "who.csv", "--output", "all.csv", "-q"]).expect(0);
    world.run(&["perms", "revoke", "all.csv", "-q"]).expect(0);
    let copy = ["grant", "who.csv", "--copy-from", &users[0]];
    let cases: [&[&str]; 7] = [
        &["sync", "nobody.csv", "--scope", "listed-users"],
        &copy,
        &["report", "ragged.csv"],
        &["report", "other.csv"],
        &["report", "who.csv", "--json"],
        &["report", "who.csv", "--output", "no/such/file.csv"],
        &["grant", "nobody.csv", "--expires", "2001-01-01"],
    ];
    let all = cases.map(|args| told(&world, args, 2)).join("\n").replace(&users[0], "SOMEBODY");
    insta::assert_snapshot!(all, @"
    error: the scope of this sync is empty: no row names a user that there is
    hint: `longshore perms revoke FILE` takes away what is listed
    error: `--copy-from`: `SOMEBODY` holds nothing but what its profile owns
    error: row 1: ragged.csv:2:5: the row has 3 fields, the header has 2
    error: no column says who: the file has `Color`
    hint: name the column of users `Username` or `Email` or `User Id` or `Federation Identifier` or `Employee Number`
    error: `--json` and the rows cannot both go to standard output
    hint: name a file for the rows with `--output FILE`
    error: `--output no/such/file.csv` is not the path of a file
    hint: name a file in a folder there is
    error: `--expires 2001-01-01` is past
    ");
}

#[test]
fn a_report_tells_the_first_names_that_mean_nobody_and_counts_the_rest() {
    let world = small();
    let mut text = "Username\n".to_owned();
    for number in 0..23 {
        writeln!(text, "zz{number}@x.example").unwrap();
    }
    world.file("many.csv", text);
    let said = told(&world, &["report", "many.csv"], 3);
    assert_eq!(said.matches("notice: not reported: no user has the username").count(), 20);
    assert!(said.contains("notice: and 3 more"), "{said}");
    assert!(said.contains("0 grants written to standard output"), "{said}");
}

#[test]
fn what_a_person_should_know_of_grants_is_told() {
    let world = small();
    let id = find(&world, "PermissionSetGroup", "MasterLabel = 'Port Operations'");
    change(&world, "PermissionSetGroup", Verb::Update, &["Id", "Status"], &[&id, "Outdated"]);
    let user = &some_users(&world, 1)[0];
    let rows = format!("{user},,Port Operations,\n{user},Berth Planning,,2099-02-28\n");
    world.file("a.csv", format!("Username,Permission Set,Permission Set Group,Expires\n{rows}"));
    let said = told(&world, &["grant", "a.csv", "--run-name", "a"], 0);
    let wanted = "notice: the group `Port Operations` is not recalculated yet: it grants what it \
                  did before until then";
    assert!(said.contains(wanted), "{said}");
    let review = out(&world, "a", "access-review");
    assert_eq!(review[1]["why"], "the end of the grant is moved");
    // An org that ends with the command leaves nothing to go on with.
    let grant = ["perms", "grant", "--where", "IsActive = true", "--permission-set"];
    let mut command = world.command(&[&grant[..], &["Gate Access", "-o", "demo"]].concat());
    command.env("LONGSHORE_FAULTS", "ledger.prepared.before:1+:eio");
    let ran = Ran::of(&command.output().unwrap());
    let hint = "the org of this command ends with it, so there is nothing to go on with";
    assert!(ran.stdout.contains(hint), "{} {}", ran.stdout, ran.stderr);
}

#[test]
fn verify_tells_each_thing_that_is_not_as_it_ended() {
    let world = small();
    let file = |name: &str| format!("longshore-runs/start/{name}");
    let success = world.read(&file("out/success.csv"));
    let (last, _) = success.trim_end().rsplit_once('\n').unwrap();
    let line = success.lines().nth(1).unwrap();
    let summary = world.read(&file("out/summary.json"));
    let manifest = world.read(&file("manifest.json"));
    let rejected = world.read(&file("out/rejected.csv"));
    let cases = [
        ("out/success.csv", format!("{last}\n"), "does not stand in success.csv as it ended"),
        (
            "out/success.csv",
            format!("{success}{line}\n"),
            "success.csv has rows that were never read",
        ),
        (
            "out/rejected.csv",
            format!("{rejected}{}\n", ",".repeat(9)),
            "rejected.csv has rows that",
        ),
        (
            "out/summary.json",
            summary.replacen("\"input\": ", "\"input\": 9", 1),
            "summary.json does not say what the files have",
        ),
        (
            "manifest.json",
            manifest.replacen("\"decisions\":", "\"decidings\":", 1),
            "the manifest of `start` is damaged",
        ),
    ];
    for (name, changed, wanted) in cases {
        let before = world.read(&file(name));
        assert_ne!(before, changed, "{name}");
        world.file(&file(name), changed);
        let ran = world.run(&["verify", "start"]);
        let all = ran.stdout + &ran.stderr;
        assert!([5, 8].contains(&ran.code) && all.contains(wanted), "{name}: {wanted}: {all}");
        world.file(&file(name), before);
    }
    let decisions = world.read(&file("decisions.csv"));
    world.file(&file("decisions.csv"), decisions.replacen("grant", "grent", 1));
    let ran = world.run(&["verify", "start"]).expect(8);
    let hint = "hint: restore the run folder from a copy, or begin a new run";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
}

#[test]
fn verify_tells_when_decisions_steps_and_ledger_do_not_go_together() {
    let world = small();
    let file = |name: &str| format!("longshore-runs/start/{name}");
    let (manifest, decisions) =
        (world.read(&file("manifest.json")), world.read(&file("decisions.csv")));
    // As if one row less had been decided, and the manifest said so too.
    let (less, _) = decisions.trim_end().rsplit_once('\n').unwrap();
    let less = format!("{less}\n");
    let digests = [&decisions, &less].map(|text| Digest::of(text.as_bytes()).to_string());
    assert!(manifest.contains(&digests[0]), "{manifest}");
    world.file(&file("decisions.csv"), &less);
    world.file(&file("manifest.json"), manifest.replace(&digests[0], &digests[1]));
    let ran = world.run(&["verify", "start"]).expect(5);
    for wanted in [
        "step `02-grant` has rows that were never decided",
        "40 rows were decided, and 39 ended",
        "and the ledger says Counts { input: 40,",
        "success.csv has rows that were never read",
    ] {
        assert!(ran.stderr.contains(wanted), "{wanted}: {}", ran.stderr);
    }
}

#[test]
fn names_that_mean_too_many_are_cut_short() {
    let world = small();
    let soql = "SELECT Id FROM User WHERE IsActive = true ORDER BY Username LIMIT 4";
    let ids = world.run(&["export", soql, "-q"]).expect(0).stdout;
    for id in ids.lines().skip(1) {
        change(&world, "User", Verb::Update, &["Id", "Email"], &[id, "desk@acme.example"]);
    }
    let sets = "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false AND Type != 'Group'";
    let ids = world.run(&["export", sets, "-q"]).expect(0).stdout;
    for id in ids.lines().skip(1).take(6) {
        change(&world, "PermissionSet", Verb::Update, &["Id", "Label"], &[id, "Desk"]);
    }
    let user = &some_users(&world, 6)[5];
    let rows = format!("desk@acme.example,,Gate Access\n,{user},Desk\n");
    world.file("a.csv", format!("Email,Username,Permission Set\n{rows}"));
    world.run(&["perms", "grant", "a.csv", "--run-name", "a"]).expect(3);
    let told: Vec<String> = out(&world, "a", "rejected")
        .iter()
        .map(|row| format!("{}: {}", row["longshore__code"], row["longshore__message"]))
        .collect();
    let all = told.join("\n");
    assert!(all.contains("user_ambiguous: 4 users have the e-mail `desk@acme.example`"), "{all}");
    assert!(all.contains("permission_ambiguous: 6 permission sets are called `Desk`"), "{all}");
    assert_eq!(all.matches(", …").count(), 2, "{all}");
}

#[test]
fn result_files_that_cannot_be_written_are_written_by_a_resume() {
    let world = small();
    let args = ["perms", "revoke", "start.csv", "--run-name", "back"];
    let mut command = world.command(&args);
    command.env("LONGSHORE_FAULTS", "write@access-review:1:enospc");
    let ran = Ran::of(&command.output().unwrap()).expect(9);
    let hint = "hint: `longshore resume back` writes the result files again";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    let effects = world.practice().org().audit().len();
    world.run(&["resume", "back"]).expect(0);
    assert_eq!(world.practice().org().audit().len(), effects, "nothing was sent again");
    assert_eq!(out(&world, "back", "access-review").len(), 40);
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_takes_nothing_more_is_told() {
    let world = small();
    let user = &some_users(&world, 1)[0];
    world.file("who.csv", format!("Username\n{user}\n"));
    for args in [&["perms", "report", "who.csv"][..], &["runs", "--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = world.command(args);
        let ran = command.stdout(full).stderr(std::process::Stdio::piped());
        let ran = Ran::of(&ran.spawn().unwrap().wait_with_output().unwrap());
        assert!(
            ran.stderr.contains("cannot write to standard output: "),
            "{args:?}: {}",
            ran.stderr
        );
        assert_eq!(ran.code, 9, "{args:?}");
    }
}
