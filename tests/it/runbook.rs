//! Runbooks on the real binary: carried out, killed, gone on with, approved, verified. The audit
//! log of the practice org says what was done, and how often.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longshore::practice::{Org, SeedSize};
use serde_json::Value;

use crate::world::{Ran, World, read_csv};

/// Accounts with parents among themselves, contacts of theirs, a gate, an export that is deleted,
/// and a reckoning.
const RUNBOOK: &str = r#"runbook = "small"
version = 1

[targets.rehearsal]
crm = "env"

[policy]
max_rows_deleted = 3

[[steps]]
id = "empty"
assert = [
  { query = "SELECT COUNT() FROM Contact WHERE Department = 'moved'", equals = 0 },
]

[[steps]]
id = "accounts"
depends_on = ["empty"]
[steps.load]
operation = "insert"
object = "Account"
file = "in/accounts.csv"
mapping = "maps/account.toml"
second_pass = ["ParentId"]
chunk_rows = 5

[[steps]]
id = "go"
depends_on = ["accounts"]
checkpoint = { message = "the accounts look right" }

[[steps]]
id = "contacts"
depends_on = ["go"]
[steps.load]
operation = "insert"
object = "Contact"
file = "in/contacts.csv"
mapping = "maps/contact.toml"

[[steps]]
id = "stale"
depends_on = ["go"]
export = { query = "SELECT Id FROM Account WHERE Site = 'stale'", output = "stale.csv" }

[[steps]]
id = "wipe"
depends_on = ["stale"]
[steps.load]
operation = "delete"
object = "Account"
rows_of = "stale"

[[steps]]
id = "recon"
depends_on = ["contacts"]
reconcile = [
  { name = "contacts", count = { file = "in/contacts.csv", object = "Contact", where = "Department = 'moved'" } },
  { name = "orphans", orphans = { object = "Contact", field = "AccountId", where = "Department = 'moved'" } },
  { name = "drawn", sample = { step = "contacts", rows = 3, fields = ["LastName"] } },
]
"#;

const ACCOUNT_MAP: &str = r#"[fields]
Legacy_Id__c = "Key"
Name = "Name"
Site = { constant = "new" }
ParentId = { column = "Parent", lookup = { step = "accounts", key = "Key" } }
"#;

const CONTACT_MAP: &str = r#"[fields]
Legacy_Id__c = "Key"
LastName = "LastName"
Department = { constant = "moved" }
AccountId = { column = "Account", lookup = { step = "accounts", key = "Key", on_missing = "error" } }
"#;

/// Accounts, those of them with a parent, and contacts.
const ACCOUNTS: usize = 12;
const CHILDREN: usize = 8;
const CONTACTS: usize = 6;
/// Accounts that are there before and are deleted.
const STALE: usize = 2;

fn world() -> World {
    let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
    world.file("stale.csv", "Name,Site\nOld one,stale\nOld two,stale\n");
    world.run(&["insert", "Account", "stale.csv", "--run-name", "stock"]).expect(0);
    let mut accounts = "Key,Name,Parent\n".to_owned();
    for row in 1..=ACCOUNTS {
        let parent =
            if row > ACCOUNTS - CHILDREN { format!("A{}", row % 4 + 1) } else { String::new() };
        writeln!(accounts, "A{row},Account {row},{parent}").unwrap();
    }
    let mut contacts = "Key,LastName,Account\n".to_owned();
    for row in 1..=CONTACTS {
        writeln!(contacts, "C{row},Last {row},A{}", row * 2).unwrap();
    }
    world.file("rb/in/accounts.csv", accounts);
    world.file("rb/in/contacts.csv", contacts);
    world.file("rb/maps/account.toml", ACCOUNT_MAP);
    world.file("rb/maps/contact.toml", CONTACT_MAP);
    world.file("rb/small.toml", RUNBOOK);
    world
}

const RUN: [&str; 5] = ["run", "rb/small.toml", "--run-name", "r", "--json"];

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

/// Step and state, in the order of the file.
fn states(summary: &Value) -> String {
    let steps = summary["steps"].as_array().unwrap().iter();
    let told = steps.map(|step| {
        format!("{} {}", step["id"].as_str().unwrap(), step["state"].as_str().unwrap())
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What jobs have done since then: object and verb, and how often.
fn effects(world: &World, since: u64) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for entry in world.practice().org().audit().entries_since(since) {
        *effects.entry(format!("{} {}", entry.verb, entry.object)).or_default() += 1;
    }
    effects
}

/// What all of the runbook does, once.
fn all() -> BTreeMap<String, usize> {
    let effects = [
        ("insert Account", ACCOUNTS),
        ("update Account", CHILDREN),
        ("insert Contact", CONTACTS),
        ("delete Account", STALE),
    ];
    effects.map(|(what, times)| (what.to_owned(), times)).into()
}

#[test]
fn a_runbook_waits_for_its_approval_and_is_reconciled_and_verified() {
    let world = world();
    let since = world.practice().org().audit().len();
    let ran = world.run(&RUN).expect(6);
    let summary = document(&ran);
    assert_eq!(
        states(&summary),
        "empty succeeded, accounts succeeded, go waiting, contacts not_begun, stale not_begun, \
         wipe not_begun, recon not_begun"
    );
    assert_eq!(summary["resume"], "longshore resume r");
    let hint = summary["failure"]["hints"][0].as_str().unwrap();
    assert_eq!(hint, "`longshore resume r --approve go` approves it and goes on");

    let ran = world.run(&["resume", "--approve", "go", "--json"]).expect(0);
    let summary = document(&ran);
    assert!(!states(&summary).contains(['_', 'x']), "{}", states(&summary));
    assert_eq!(effects(&world, since), all());
    let rows = ACCOUNTS + CHILDREN + CONTACTS + STALE;
    assert_eq!(summary["rows"]["success"], rows);
    assert_eq!((&summary["operation"], &summary["object"]), (&"run".into(), &"small".into()));
    let go = &summary["steps"][2]["message"];
    assert!(go.as_str().unwrap().starts_with("approved by `somebody` at 20"), "{go}");
    let checks = summary["steps"][6]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 3);
    assert!(checks.iter().all(|check| check["passed"] == true), "{checks:#?}");

    // Each child of the second pass has the Id of its parent, by the key.
    let made = read_csv(&world.path("longshore-runs/r/steps/02-accounts/out/success.csv"));
    let ids: BTreeMap<&str, &str> =
        made.iter().map(|row| (row["Key"].as_str(), row["sf__Id"].as_str())).collect();
    let written = world.run(&[
        "export",
        "SELECT Id, ParentId FROM Account WHERE Site = 'new'",
        "--output",
        "x.csv",
    ]);
    written.expect(0);
    let parents = read_csv(&world.path("x.csv"));
    assert_eq!(parents.iter().filter(|row| !row["ParentId"].is_empty()).count(), CHILDREN);
    for row in &made {
        let found = parents.iter().find(|parent| parent["Id"] == row["sf__Id"]).unwrap();
        let parent = ids.get(row["Parent"].as_str()).copied().unwrap_or_default();
        assert_eq!(found["ParentId"], parent, "{row:?}");
    }

    world.run(&["verify", "r"]).expect(0);
    let listed = world.run(&["runs"]).expect(0).stdout;
    assert!(listed.contains("run        small"), "{listed}");
    assert!(world.run(&["runs", "show", "r"]).stdout.contains("step `go` was approved by"));
    world.run(&["resume", "r"]).expect(2);
    world.run(&["retry", "r"]).expect(2);
    world.file("longshore-runs/r/steps/05-stale/out/stale.csv", "Id\n");
    let wrong = world.run(&["verify", "r"]).expect(5).stderr;
    assert!(wrong.contains("step `stale`: `stale.csv` was changed"), "{wrong}");
}

/// Kills at a fact of the parent's ledger, or of a run below it; each step kind has some.
const KILLS: [&str; 12] = [
    "ledger.opened.after:1:kill",
    "ledger.step_began.after:1:kill",
    "ledger.step_ended.before:1:kill",
    "ledger.step_began.after:2:kill",
    "ledger.prepared.after:2:kill",
    "ledger.closed.after:1:kill",
    "ledger.prepared.before:4:kill",
    "ledger.prepared.after:4:kill",
    "ledger.step_ended.before:2:kill",
    "ledger.step_approved.after:1:kill",
    "ledger.step_ended.before:5:kill",
    "ledger.step_ended.after:7:kill",
];

#[test]
fn a_runbook_that_is_killed_anywhere_does_everything_once() {
    for kill in KILLS {
        let world = world();
        let since = world.practice().org().audit().len();
        let args = ["run", "rb/small.toml", "--run-name", "r", "--json", "--approve", "go"];
        let killed = world.run_changed(&args, b"", |command| {
            command.env("LONGSHORE_FAULTS", kill);
        });
        assert_eq!(killed.code, -1, "{kill}: {}{}", killed.stdout, killed.stderr);
        // A process that ended before the manifest was there has begun nothing.
        let begun = world.path("longshore-runs/r/manifest.json").is_file();
        let next =
            if begun { vec!["resume", "r", "--approve", "go", "--json"] } else { args.to_vec() };
        if !begun {
            std::fs::remove_dir_all(world.path("longshore-runs/r")).unwrap();
        }
        let summary = document(&world.run(&next).expect(0));
        assert_eq!(effects(&world, since), all(), "{kill}: {summary:#}");
        world.run(&["verify", "r"]).expect(0);
    }
}

#[test]
fn a_failed_step_holds_up_its_dependents_until_somebody_approves() {
    let world = world();
    let since = world.practice().org().audit().len();
    // One of six contacts has no name; `side` waits for nobody.
    let contacts = world.read("rb/in/contacts.csv").replace("Last 3", "");
    world.file("rb/in/contacts.csv", contacts);
    let text = RUNBOOK.replace("id = \"contacts\"", "id = \"contacts\"\nmax_failed = 0");
    world.file("rb/small.toml", text);
    let args = ["run", "rb/small.toml", "--run-name", "r", "--json", "--approve", "go"];
    let summary = document(&world.run(&args).expect(6));
    assert_eq!(
        states(&summary),
        "empty succeeded, accounts succeeded, go succeeded, contacts failed, stale succeeded, \
         wipe succeeded, recon skipped"
    );
    assert_eq!(summary["steps"][6]["message"], "step `contacts` failed");
    let told = summary["failure"]["message"].as_str().unwrap();
    assert_eq!(told, "step `contacts`: 1 of 6 rows did not succeed, and `max_failed` is 0");

    // The reckoning finds the missing one, and fails by itself.
    let resume = ["resume", "--approve", "contacts", "--json"];
    let summary = document(&world.run(&resume).expect(1));
    assert_eq!(summary["steps"][3]["state"], "partial");
    assert_eq!(summary["steps"][6]["state"], "failed");
    let summary = document(&world.run(&["resume", "--approve", "recon", "--json"]).expect(3));
    assert_eq!(summary["steps"][6]["state"], "partial");
    let mut wanted = all();
    wanted.insert("insert Contact".to_owned(), CONTACTS - 1);
    assert_eq!(effects(&world, since), wanted);
    world.run(&["verify", "r"]).expect(0);
}

#[test]
fn a_file_that_changes_before_its_step_begins_is_refused() {
    let world = world();
    world.run(&RUN).expect(6);
    let contacts = world.read("rb/in/contacts.csv");
    world.file("rb/in/contacts.csv", contacts.replace("Last 3", "Last three"));
    let summary = document(&world.run(&["resume", "--approve", "go", "--json"]).expect(6));
    assert_eq!(summary["steps"][3]["state"], "failed");
    let told = summary["steps"][3]["message"].as_str().unwrap();
    assert!(told.contains("is not what it was when the run began"), "{told}");
    world.file("rb/in/contacts.csv", contacts);
    world.run(&["resume"]).expect(0);
    world.run(&["verify", "r"]).expect(0);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let world = world();
    let before = world.changes();
    let field = ("LastName = \"LastName\"", "LastNam = \"LastName\"");
    let many = ("rows_of = \"stale\"", "file = \"in/ids.csv\"");
    world.file(
        "rb/in/ids.csv",
        "Id\n0018c00000zzzzz\n0018c00000zzzzy\n0018c00000zzzzx\n0018c00000zzzzw\n",
    );
    for (args, change, code, told) in [
        (&["-o", "demo"][..], None, 2, "`-o demo` does not go with a runbook"),
        (&["--target", "moon"], None, 2, "the runbook has no target `moon`"),
        (&["--approve", "stop"], None, 2, "the runbook has no step `stop`"),
        (&["--approve", "wipe"], None, 2, "`--approve wipe`: the step is no checkpoint"),
        (&["--only", "contacts"], None, 2, "it uses what the step `accounts` leaves behind"),
        (&["--until", "empty", "--from", "wipe"], None, 2, "together leave no step"),
        (
            &[],
            Some(("crm = \"env\"", "crm = { alias = \"env\", org_id = \"00D000000000001EAA\" }")),
            6,
            "must be the org `00D000000000001EAA`",
        ),
        (&[], Some(many), 6, "the steps delete 4 rows, and `max_rows_deleted` of the runbook is 3"),
        (
            &[],
            Some(("max_rows_deleted = 3", "api_budget = 3")),
            6,
            "`api_budget` of the runbook is 3",
        ),
    ] {
        let (old, new) = change.unwrap_or(("", ""));
        world.file("rb/small.toml", RUNBOOK.replacen(old, new, 1));
        let ran = world.run(&[&["run", "rb/small.toml"], args].concat()).expect(code);
        assert!(ran.stderr.contains(told), "{args:?} {told}: {}", ran.stderr);
    }
    world.file("rb/small.toml", RUNBOOK);
    world.file("rb/maps/contact.toml", CONTACT_MAP.replace(field.0, field.1));
    let ran = world.run(&RUN).expect(2);
    assert!(
        ran.stderr.contains("step `contacts`") && ran.stderr.contains("LastNam"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.changes(), before);
    assert!(!world.path("longshore-runs/r").exists());
}

#[test]
fn a_plan_shows_all_steps_and_sends_nothing() {
    let world = world();
    let before = world.changes();
    let screen = world.run(&["plan", "rb/small.toml"]).expect(0).stdout;
    for told in [
        "plan of the runbook small for the target rehearsal: nothing was sent",
        "insert of `Account`, then `ParentId` in a second pass",
        "contacts: it looks up Ids that an earlier step is to make",
        "wipe: its rows come from the step `stale`",
    ] {
        assert!(screen.contains(told), "{told}: {screen}");
    }
    let ran = world.run(&["plan", "runbook", "rb/small.toml", "--json", "--until", "go"]).expect(0);
    let document = document(&ran);
    let steps = document["steps"].as_array().unwrap();
    let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["empty", "accounts", "go"]);
    assert_eq!((&steps[1]["rows"], &steps[1]["jobs"]), (&12.into(), &3.into()));
    assert_eq!(world.changes(), before);
}
