//! The hand-over of runs that were made, and what two rehearsals differ in.

use longshore::ledger::RunFolder;
use longshore::practice::{Org, SeedSize};
use serde_json::Value;

use crate::world::World;

const ROWS: &str =
    "Name,Site,Legacy_Id__c\nHarbor Tools,Hamburg,U-1\n,Bremen,U-2\nQuay Supplies,Kiel,U-3\n";

/// A load of three rows, one of which is rejected, into an org of its own.
fn rehearsed(rows: &str) -> World {
    let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
    world.file("rows.csv", rows);
    let ran = world.run(&["insert", "Account", "rows.csv", "--run-name", "r", "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    world
}

#[test]
fn a_run_is_handed_over_from_its_folder() {
    let world = rehearsed(ROWS);
    let out = "longshore-runs/r/out";
    let ran = world.run(&["report", "r"]);
    let told = format!("{out}/report.md\n{out}/report.html\n");
    assert_eq!((ran.code, ran.stdout.replace('\\', "/")), (0, told), "{}", ran.stderr);
    let text = world.read(&format!("{out}/report.md"));
    for part in [
        "# insert Account in `env`",
        "2 of 3 rows succeeded, 1 was rejected.",
        "| rejected | `required` |",
        "`longshore undo r` takes it back",
        "## Signatures",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Harbor") && !text.contains("Quay"), "values of rows: {text}");
    let page = world.read(&format!("{out}/report.html"));

    // Somewhere else it is the same, and the run is as it was.
    std::fs::create_dir(world.path("signed")).unwrap();
    let ran = world.run(&["report", "r", "--output", "signed", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let digest = document["ledger"]["digest"].as_str().unwrap();
    assert!(text.contains(digest) && page.contains(digest), "{document}");
    assert_eq!(world.read("signed/report.md"), text);
    assert_eq!(world.read("signed/report.html"), page);
    assert_eq!(world.run(&["verify", "r"]).code, 0);

    let ran = world.run(&["undo", "r", "--yes", "--quiet"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(world.run(&["report", "r"]).code, 0);
    let text = world.read(&format!("{out}/report.md"));
    assert!(text.contains("An undo of it was begun: `r-undo-001-delete`"), "{text}");
}

#[test]
fn what_cannot_be_handed_over_is_refused() {
    let world = rehearsed(ROWS);
    let held = RunFolder::open(&world.path("longshore-runs/r"), "now").unwrap();
    for (args, code, message) in [
        (&["report", "nobody"][..], 2, "there is no run in `longshore-runs/nobody`"),
        (&["report", "r"], 7, "is held by another process"),
        (&["diff", "r", "r"], 7, "is held by another process"),
        (&["diff", "r"], 2, "OTHER"),
    ] {
        let ran = world.run(args);
        assert!(ran.code == code && ran.stderr.contains(message), "{args:?}: {}", ran.stderr);
    }
    drop(held);
    let ran = world.run(&["report", "r", "--output", "nowhere"]);
    assert!(ran.code == 2 && ran.stderr.contains("there is no folder `nowhere`"), "{}", ran.stderr);
}

#[test]
fn rehearsals_are_held_against_each_other() {
    let (one, same) = (rehearsed(ROWS), rehearsed(ROWS));
    let other = rehearsed(&ROWS.replace("Quay Supplies", ""));
    let folder = |world: &World| world.path("longshore-runs/r").display().to_string();
    let ran = one.run(&["diff", "r", &folder(&same)]);
    let equal = "`r` and `r` are equal but for their times: 3 rows\n";
    assert!(ran.code == 0 && ran.stdout.starts_with(equal), "{} {}", ran.stdout, ran.stderr);
    let ran = one.run(&["diff", "r", &folder(&other), "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, document["exit_code"].as_u64()), (5, Some(5)));
    let changes = document["changes"].as_array().unwrap().iter();
    let told: Vec<_> = changes.map(|change| change["what"].as_str().unwrap()).collect();
    let group = "rejected required: `Name`: blank, but `Name` is required";
    assert_eq!(told, ["input", "success", "rejected", group]);
    let ran = one.run(&["diff", "r", &folder(&other)]);
    assert!(ran.stdout.starts_with("`r` and `r` differ: 4 differences\n"), "{}", ran.stdout);
}
