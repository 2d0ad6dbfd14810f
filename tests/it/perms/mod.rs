//! Permissions by names: 5,000 rows granted, reported, synced and taken away, the practice org's
//! audit log being the oracle; kills in between, and what each command refuses.

mod everything;
mod roster;
mod tenant;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use longshore::practice::org::{Cell, Change, Value, Verb};
use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World, fixture, read_csv};

/// Rows of the fixture that cannot be carried out, by their code.
const BLOCKED: [(&str, usize); 16] = [
    ("bad_expires", 1),
    ("blank_permission", 1),
    ("blank_user", 1),
    ("duplicate_row", 3),
    ("expires_past", 1),
    ("group_failed", 1),
    ("licence_exhausted", 4),
    ("licence_mismatch", 4),
    ("permission_ambiguous", 1),
    ("permission_not_found", 3),
    ("profile_owned", 1),
    ("ragged_row", 1),
    ("two_permissions", 1),
    ("user_ambiguous", 1),
    ("user_inactive", 5),
    ("user_not_found", 5),
];

/// The seed, with what the fixture wants besides: two users of one e-mail, two sets of one label,
/// and a group whose recalculation failed.
fn world() -> World {
    let org = Org::new(&SeedSize::default());
    let world = World::of(org);
    for number in ["0777", "0778"] {
        let id = find(&world, "User", &format!("Username LIKE '%.{number}@practice.example'"));
        change(&world, "User", Verb::Update, &["Id", "Email"], &[&id, "twin@practice.example"]);
    }
    for name in ["Night_Shift", "Night_Shift_Late"] {
        change(&world, "PermissionSet", Verb::Insert, &["Name", "Label"], &[name, "Night Shift"]);
    }
    let id = find(&world, "PermissionSetGroup", "MasterLabel = 'Compliance'");
    change(&world, "PermissionSetGroup", Verb::Update, &["Id", "Status"], &[&id, "Failed"]);
    world
}

fn change(world: &World, object: &str, verb: Verb, columns: &[&str], row: &[&str]) -> String {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let row = row.iter().map(|cell| Cell::Text((*cell).to_owned())).collect();
    let rows = [row];
    let change = Change { object, verb, job: None, columns: &columns, rows: &rows };
    let made = world.practice().org().apply(&change).remove(0);
    assert!(made.error.is_none(), "{made:?}");
    made.id
}

/// The Id of the one record that a condition finds.
fn find(world: &World, object: &str, condition: &str) -> String {
    let soql = format!("SELECT Id FROM {object} WHERE {condition}");
    let ran = world.run(&["export", &soql, "-q"]).expect(0);
    let ids: Vec<&str> = ran.stdout.lines().skip(1).collect();
    assert_eq!(ids.len(), 1, "{soql}: {ids:?}");
    ids[0].to_owned()
}

/// Who has what in the org, beside what profiles own: pairs of Ids.
fn held(world: &World) -> BTreeSet<(String, String)> {
    let soql = "SELECT AssigneeId, PermissionSetId, PermissionSetGroupId FROM \
                PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false";
    let path = world.path("held.csv");
    world.run(&["export", soql, "-q", "--output", "held.csv"]).expect(0);
    let of = |row: &BTreeMap<String, String>| {
        let group = &row["PermissionSetGroupId"];
        let what = if group.is_empty() { &row["PermissionSetId"] } else { group };
        (row["AssigneeId"].clone(), what.clone())
    };
    read_csv(&path).iter().map(of).collect()
}

/// The pairs of a result file.
fn pairs(rows: &[BTreeMap<String, String>]) -> BTreeSet<(String, String)> {
    let id = |row: &BTreeMap<String, String>, name: &str| row[name].clone();
    rows.iter()
        .map(|row| (id(row, "longshore__user_id"), id(row, "longshore__permission_id")))
        .collect()
}

fn out(world: &World, run: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    read_csv(&world.path(&format!("longshore-runs/{run}/out/{name}.csv")))
}

/// Effects on assignments since then, as verb and pair.
fn effects(world: &World, since: u64) -> Vec<(&'static str, String)> {
    let entries = world.practice().org().audit().entries_since(since);
    let assignments = entries.into_iter().filter(|entry| entry.object == "PermissionSetAssignment");
    assignments.map(|entry| (entry.verb, entry.id)).collect()
}

fn audit(world: &World) -> u64 {
    world.practice().org().audit().len()
}

fn codes(rows: &[BTreeMap<String, String>]) -> BTreeMap<&str, usize> {
    let mut codes = BTreeMap::new();
    for row in rows {
        *codes.entry(row["longshore__code"].as_str()).or_default() += 1;
    }
    codes
}

/// The line that says what will happen.
fn preview(ran: &Ran) -> &str {
    let lines = ran.stderr.lines().filter_map(|line| line.strip_prefix("notice: "));
    let mut lines = lines.filter(|line| line.contains(" · blocked "));
    lines.next().unwrap_or_else(|| panic!("no preview: {}", ran.stderr))
}

#[test]
fn five_thousand_rows_are_granted_reported_synced_and_taken_away() {
    let world = world();
    world.file("requests.csv", std::fs::read(fixture("permissions/requests.csv")).unwrap());
    let file = "requests.csv";
    let before = held(&world);
    let start = audit(&world);

    // What would happen, and nothing does.
    let dry = world.run(&["perms", "grant", file, "--dry-run", "--review", "plan.csv"]).expect(3);
    let promised = preview(&dry).to_owned();
    assert!(dry.stdout.contains("nothing was sent"), "{}", dry.stdout);
    assert_eq!((audit(&world), world.path("longshore-runs").join("x").exists()), (start, false));
    let planned = read_csv(&world.path("plan.csv"));
    assert_eq!(planned.len(), 5_000);

    // Granted, every blocked row with its reason.
    let ran = world.run(&["perms", "grant", file, "--run-name", "grant"]).expect(3);
    assert_eq!(preview(&ran), promised);
    let rejected = out(&world, "grant", "rejected");
    let wanted: BTreeMap<&str, usize> = BLOCKED.into();
    assert_eq!(codes(&rejected), wanted);
    let success = out(&world, "grant", "success");
    let rows: usize =
        ["error", "unprocessed", "unknown"].map(|it| out(&world, "grant", it).len()).iter().sum();
    assert_eq!((rows, success.len() + rejected.len()), (0, 5_000));
    let after = held(&world);
    let added: BTreeSet<_> = after.difference(&before).cloned().collect();
    assert!(before.is_subset(&after), "a grant took something away");
    let said: Vec<_> = success.iter().filter(|row| row["sf__Created"] == "true").cloned().collect();
    assert_eq!(pairs(&said), added);
    assert_eq!(effects(&world, start).len(), added.len());
    for row in success.iter().filter(|row| row["sf__Created"] == "unchanged") {
        assert!(before.contains(&pairs(std::slice::from_ref(row)).pop_first().unwrap()), "{row:?}");
    }
    let review = out(&world, "grant", "access-review");
    assert_eq!(review, planned, "what was planned is what came of it");
    world.run(&["verify", "grant"]).expect(0);
    insta::assert_snapshot!(messages(&rejected), @"
    bad_expires: `soon` is no date (2027-01-31), no time (2027-01-31T10:00:00Z) and not `never`
    blank_permission: the row does not say which permission
    blank_user: the row does not say who
    duplicate_row: row 11 asks for the same
    expires_past: `2001-01-01T23:59:59.000Z` is past
    group_failed: the last recalculation of the group `Compliance` failed: correct it in the org first
    licence_exhausted: no seat of `Customs Filing` is left: 5 in all, 3 taken before, 2 by rows above
    licence_mismatch: `Contract Billing` needs the user license `Salesforce`, and `viktor.hale.0001@practice.example` has `Salesforce Platform`
    permission_ambiguous: 2 permission sets are called `Night Shift`; give the API name: `Night_Shift`, `Night_Shift_Late`
    permission_not_found: there is no permission set `Cargo Bookign`, did you mean `Cargo Booking`?
    profile_owned: `X00e00000000002` is owned by a profile and comes with it; it is not granted or taken away
    ragged_row: requests.csv:3077:28: the row has 2 fields, the header has 5
    two_permissions: the row names a permission set and a permission set group: put them in two rows
    user_ambiguous: 2 users have the e-mail `twin@practice.example`; name one by its username: `aoife.larsen.0778@practice.example`, `olga.kumar.0777@practice.example`
    user_inactive: `jonas.quinn.0022@practice.example` is inactive
    user_not_found: no user has the e-mail `nobody0@practice.example`
    ");
    let columns: BTreeSet<&str> =
        rejected.iter().map(|row| row["longshore__column"].as_str()).collect();
    let named = ["", "Email", "Permission Set", "Permission Set Group", "Expires"];
    assert_eq!(columns, named.into());

    // Once more: nothing is changed, and it says so.
    let since = audit(&world);
    let again = world.run(&["perms", "grant", file, "--run-name", "again"]).expect(3);
    assert!(again.stderr.contains("nothing is to be changed"), "{}", again.stderr);
    assert!(preview(&again).starts_with("add 0 · already "), "{}", preview(&again));
    assert_eq!(
        (audit(&world), codes(&out(&world, "again", "rejected"))),
        (since, {
            let mut wanted = wanted.clone();
            // The seats are taken by then, by these very rows.
            wanted.insert("licence_exhausted", 4);
            wanted
        })
    );
    world.run(&["verify", "again"]).expect(0);

    // The report is a file that the other commands take.
    let ran = world.run(&["perms", "report", "--output", "access.csv"]).expect(0);
    assert!(ran.stderr.contains("grants written to access.csv"), "{}", ran.stderr);
    let report = read_csv(&world.path("access.csv"));
    assert_eq!(report.len(), after.len());
    let same = world
        .run(&["perms", "sync", "access.csv", "--run-name", "same", "--match", "user-id"])
        .expect(0);
    let line = format!("add 0 · already {} · remove 0 · blocked 0", thousands(after.len()));
    assert_eq!((preview(&same), audit(&world)), (line.as_str(), since));

    // A sync to a part of it takes away the rest of these permissions, and nothing else.
    let kept: Vec<_> =
        report.iter().filter(|row| !row["Permission Set"].is_empty()).step_by(2).collect();
    let listed: BTreeSet<&str> = kept.iter().map(|row| row["Permission Set"].as_str()).collect();
    let mut text = "Username,Permission Set\n".to_owned();
    for row in &kept {
        writeln!(text, "{},{}", row["Username"], row["Permission Set"]).unwrap();
    }
    world.file("roster.csv", text);
    let refused = world.run(&["perms", "sync", "roster.csv", "--run-name", "roster"]).expect(6);
    assert!(refused.stderr.contains("this sync takes away "), "{}", refused.stderr);
    assert_eq!(audit(&world), since, "it was not agreed to");
    world.run(&["perms", "sync", "roster.csv", "--run-name", "roster", "--yes"]).expect(0);
    let ids: BTreeSet<_> =
        kept.iter().map(|row| (row["User Id"].clone(), row["Permission Set"].clone())).collect();
    world.run(&["perms", "report", "--output", "synced.csv"]).expect(0);
    let (mut inside, mut outside) = (BTreeSet::new(), 0);
    for row in read_csv(&world.path("synced.csv")) {
        if listed.contains(row["Permission Set"].as_str()) {
            inside.insert((row["User Id"].clone(), row["Permission Set"].clone()));
        } else {
            outside += 1;
        }
    }
    assert_eq!(inside, ids);
    let others = report.iter().filter(|row| !listed.contains(row["Permission Set"].as_str()));
    assert_eq!(outside, others.count());
    let review = out(&world, "roster", "access-review");
    let removed: Vec<_> = review.iter().filter(|row| row["after"] == "no").collect();
    assert!(removed.iter().all(|row| row["why"] == "not listed for this permission"));
    world.run(&["verify", "roster"]).expect(0);

    // Taken away, the Ids of assignments found by themselves; what is not there is left alone.
    let since = audit(&world);
    world.run(&["perms", "revoke", file, "--run-name", "revoke"]).expect(3);
    let success = out(&world, "revoke", "success");
    let gone: Vec<_> = success.iter().filter(|row| row["sf__Created"] != "unchanged").collect();
    assert_eq!(effects(&world, since).len(), gone.len());
    let left = held(&world);
    assert!(pairs(&success).is_disjoint(&left));
    let once_more = world.run(&["perms", "revoke", file, "--run-name", "once-more"]).expect(3);
    assert!(preview(&once_more).starts_with("remove 0 · not there "), "{}", once_more.stderr);
    world.run(&["verify", "revoke"]).expect(0);
}

/// The first message of each code.
fn messages(rejected: &[BTreeMap<String, String>]) -> String {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rejected {
        first.entry(&row["longshore__code"]).or_insert(&row["longshore__message"]);
    }
    let lines: Vec<String> =
        first.iter().map(|(code, message)| format!("{code}: {message}\n")).collect();
    lines.concat()
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.to_owned() } else { format!("{head},{tail}") }
}

/// A small org, and a state to start from: some users hold two sets, some to a time.
fn small() -> World {
    let world = World::of(Org::new(&SeedSize { users: 40, permission_sets: 8 }));
    let mut text = "Username,Permission Set,Expires\n".to_owned();
    for name in some_users(&world, 20) {
        write!(text, "{name},Customs Review,\n{name},Berth Planning,2099-01-31\n").unwrap();
    }
    world.file("start.csv", text);
    world.run(&["perms", "grant", "start.csv", "--run-name", "start"]).expect(0);
    world
}

fn some_users(world: &World, number: usize) -> Vec<String> {
    let soql = "SELECT Username FROM User WHERE IsActive = true ORDER BY Username LIMIT 30";
    let ran = world.run(&["export", soql, "-q"]).expect(0);
    ran.stdout.lines().skip(1).take(number).map(str::to_owned).collect()
}

/// A roster that grants, takes away and moves the end of grants.
fn roster(world: &World) -> String {
    let mut text = "Username,Permission Set,Expires\nnobody@x.example,Cargo Booking,\n".to_owned();
    for (number, name) in some_users(world, 30).iter().enumerate() {
        if number >= 10 {
            writeln!(text, "{name},Customs Review,").unwrap();
        }
        if number < 20 {
            writeln!(text, "{name},Berth Planning,{}", if number % 2 == 0 { "never" } else { "" })
                .unwrap();
        }
    }
    text
}

#[test]
fn a_sync_that_is_killed_is_gone_on_with_by_the_same_decisions() {
    let sync = ["perms", "sync", "roster.csv", "--run-name", "sync", "--yes", "--json"];
    // Without a kill: what is to come of it, and the points that a process passes.
    let world = small();
    world.file("roster.csv", roster(&world));
    let since = audit(&world);
    let trace = world.path("trace");
    let mut command = world.command(&sync);
    command.env("LONGSHORE_FAULTS", format!("trace={}", trace.display()));
    Ran::of(&command.output().unwrap()).expect(3);
    let points = std::fs::read_to_string(trace).unwrap();
    let points =
        points.lines().filter(|line| !line.contains(".after") && !line.starts_with("ledger."));
    let points = points.count();
    let mut wanted = effects(&world, since).into_iter().map(|(verb, _)| verb).collect::<Vec<_>>();
    wanted.sort_unstable();
    let (state, review) = (held(&world), out(&world, "sync", "access-review"));
    let of = |verb| wanted.iter().filter(|it| **it == verb).count();
    assert_eq!((of("insert"), of("update")), (10, 10), "{wanted:?}");
    assert!(of("hardDelete") >= 10, "{wanted:?}");

    let (mut unborn, mut resumed) = (0, 0);
    for nth in (1..=points).step_by((points / 8).max(1)) {
        let world = small();
        world.file("roster.csv", roster(&world));
        let since = audit(&world);
        let mut command = world.command(&sync);
        command.env("LONGSHORE_FAULTS", format!("any:{nth}:kill"));
        let killed = Ran::of(&command.output().unwrap());
        let root = world.path("longshore-runs/sync");
        let decided = std::fs::read(root.join("decisions.csv")).ok();
        if root.join("manifest.json").is_file() {
            // What the org has by now does not matter: nothing is decided anew.
            world.file("roster.csv", "Username,Permission Set\nadmin@practice.example,Gate\n");
            let ran = world.run(&["resume", "sync", "--json", "--yes"]);
            assert!([3, 2].contains(&ran.code), "{nth}: {} {}", ran.stdout, ran.stderr);
            assert_eq!(std::fs::read(root.join("decisions.csv")).ok(), decided);
            resumed += 1;
        } else {
            assert_eq!(audit(&world), since, "{nth}: sent before it was a run");
            if root.exists() {
                std::fs::remove_dir_all(&root).unwrap();
            }
            world.run(&sync).expect(3);
            unborn += 1;
        }
        let mut verbs =
            effects(&world, since).into_iter().map(|(verb, _)| verb).collect::<Vec<_>>();
        verbs.sort_unstable();
        assert_eq!(verbs, wanted, "{nth}: {}", killed.stderr);
        assert_eq!(
            (held(&world), out(&world, "sync", "access-review")),
            (state.clone(), review.clone())
        );
        world.run(&["verify", "sync"]).expect(0);
    }
    assert!(unborn >= 1 && resumed >= 4, "{unborn} {resumed}");
}

#[test]
fn a_change_of_permissions_is_taken_back_whole() {
    let world = small();
    world.file("roster.csv", roster(&world));
    let before = held(&world);
    world.run(&["perms", "sync", "roster.csv", "--run-name", "sync", "--yes"]).expect(3);
    let changed = held(&world);
    assert!(before.difference(&changed).count() >= 10 && changed.difference(&before).count() >= 10);
    let asked = world.run(&["undo", "sync"]).expect(6);
    assert!(asked.stderr.starts_with("error: this undo will "), "{}", asked.stderr);
    assert_eq!(held(&world), changed);
    // As after an undo that was cut off behind its first load: the same command goes on.
    world.run(&["undo", "longshore-runs/sync/steps/03-extend", "--yes"]).expect(0);
    let undone = world.run(&["undo", "sync", "--yes", "--json"]).expect(0);
    let document: serde_json::Value = serde_json::from_str(&undone.stdout).unwrap();
    assert_eq!(document["steps"].as_array().unwrap().len(), 2, "{document:#}");
    assert_eq!(held(&world), before);
    let since = audit(&world);
    let again = world.run(&["undo", "sync", "--yes"]).expect(2);
    assert!(
        again.stderr.starts_with("error: the run `sync` was undone before"),
        "{}",
        again.stderr
    );
    assert_eq!(audit(&world), since);
}

#[test]
fn a_row_that_names_nobody_withholds_what_it_may_mean() {
    let world = small();
    let users = some_users(&world, 20);
    // The first is misspelled: it must not lose the set for that.
    let mut text = format!("Username,Permission Set\n{}x,Customs Review\n", users[0]);
    for name in &users[2..] {
        write!(text, "{name},Customs Review\n{name},Berth Planning\n").unwrap();
    }
    world.file("typo.csv", text);
    let since = audit(&world);
    let ran = world.run(&["perms", "sync", "typo.csv", "--run-name", "typo", "--yes"]).expect(3);
    let rejected = out(&world, "typo", "rejected");
    let wanted = [("removal_withheld", 2), ("user_not_found", 1)];
    assert_eq!(codes(&rejected), wanted.into());
    assert!(ran.stderr.contains("2 grants are not taken away"), "{}", ran.stderr);
    // Of the other set the two lose what is not listed.
    let verbs: Vec<&str> = effects(&world, since).into_iter().map(|(verb, _)| verb).collect();
    assert!(verbs.len() >= 2 && verbs.iter().all(|verb| *verb == "hardDelete"), "{verbs:?}");
    world.run(&["perms", "report", "--output", "left.csv"]).expect(0);
    let left = read_csv(&world.path("left.csv"));
    let has = |user: &str, set: &str| {
        left.iter().any(|row| row["Username"] == user && row["Permission Set"] == set)
    };
    for user in &users[..2] {
        assert!(has(user, "Customs_Review") && !has(user, "Berth_Planning"), "{user}");
    }
    let near = format!("no user has the username `{0}x`; nearest: `{0}`", users[0]);
    assert_eq!(rejected[0]["longshore__message"], near);
    let row = rejected.last().unwrap();
    assert_eq!(
        row["longshore__message"],
        "not taken away: it may be what row 1 means, which names \
        nobody or nothing for certain"
    );
    assert_eq!(
        (row["Username"].as_str(), row["Permission Set"].as_str()),
        (users[1].as_str(), "Customs_Review")
    );
}

#[test]
fn the_users_of_a_sync_hold_what_is_listed_and_nothing_else() {
    let world = small();
    let users = some_users(&world, 3);
    // Whom an e-mail leaves open is not listed, and loses nothing.
    for name in ["admin@practice.example", &users[2]] {
        let id = find(&world, "User", &format!("Username = '{name}'"));
        change(&world, "User", Verb::Update, &["Id", "Email"], &[&id, "twin@x.example"]);
    }
    let rows = format!("{},,Crane Scheduling\n,twin@x.example,Crane Scheduling\n", users[1]);
    world.file("movers.csv", format!("Username,Email,Permission Set\n{rows}"));
    let before = held(&world);
    let ran =
        ["perms", "sync", "movers.csv", "--scope", "listed-users", "--yes", "--run-name", "m"];
    world.run(&ran).expect(3);
    assert_eq!(codes(&out(&world, "m", "rejected")), [("user_ambiguous", 1)].into());
    let review = out(&world, "m", "access-review");
    let whys: BTreeSet<&str> = review.iter().skip(2).map(|row| row["why"].as_str()).collect();
    assert_eq!(whys, ["not listed for this user"].into());
    let after = held(&world);
    let lost: Vec<_> = before.difference(&after).collect();
    let gained: Vec<_> = after.difference(&before).collect();
    assert_eq!(gained.len(), 1);
    assert!(lost.len() >= 2 && lost.iter().all(|(user, _)| *user == gained[0].0), "{lost:?}");
    assert_eq!(after.iter().filter(|(user, _)| *user == gained[0].0).count(), 1);
}

#[test]
fn who_and_what_may_come_from_elsewhere_than_the_file() {
    let world = small();
    let users = some_users(&world, 30);
    // What one holds, for those of a file.
    world.file("new.csv", format!("Email\n{}\n{}\n", users[25], users[26]));
    let copy = ["perms", "grant", "new.csv", "--copy-from", &users[0], "--run-name", "copy"];
    world.run(&copy).expect(0);
    let success = out(&world, "copy", "success");
    let model: BTreeSet<_> = success.iter().map(|row| row["Permission Set"].clone()).collect();
    assert!(model.is_superset(&["Customs_Review", "Berth_Planning"].map(str::to_owned).into()));
    assert_eq!(success.len(), 2 * model.len());
    // All whom a condition finds, to a time.
    let condition = "Username LIKE 'a%' AND IsActive = true";
    let by_rule = ["perms", "grant", "--where", condition, "--permission-set", "Crane Scheduling"];
    let ending = ["--expires", "2099-05-01", "--run-name", "rule"];
    world.run(&[&by_rule[..], &ending].concat()).expect(0);
    let found = world.run(&["export", &format!("SELECT Id FROM User WHERE {condition}"), "-q"]);
    let review = out(&world, "rule", "access-review");
    assert_eq!(review.len(), found.stdout.lines().count() - 1);
    assert!(review.iter().all(|row| row["after"] == "yes, until 2099-05-01T23:59:59.000Z"));
    // A new end moves the old one; none says nothing.
    let since = audit(&world);
    let later = ["--expires", "2099-06-01", "--run-name", "later"];
    let ran = world.run(&[&by_rule[..], &later].concat()).expect(0);
    assert!(preview(&ran).starts_with("add 0 · change expiry "), "{}", ran.stderr);
    let moved = audit(&world);
    assert_eq!(effects(&world, since).len(), review.len());
    world.run(&[&by_rule[..], &["--run-name", "unsaid"]].concat()).expect(0);
    assert_eq!(audit(&world), moved);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    let world = small();
    world.file("who.csv", "Username\nadmin@practice.example\n");
    world.file("what.csv", "Permission Set\nGate Access\n");
    world.file("empty.csv", "Username,Permission Set\n");
    world.file("nothing.csv", "Username,Permission Set\nadmin@practice.example,No Such Thing\n");
    let since = audit(&world);
    let cases: [&[&str]; 17] = [
        &["grant"],
        &["grant", "who.csv"],
        &["grant", "what.csv"],
        &["grant", "who.csv", "--where", "x", "--permission-set", "y"],
        &["grant", "--where", "IsActive = true"],
        &["grant", "--where", "Nonsense = 1", "--permission-set", "Crane Scheduling"],
        &["grant", "--where", "Username = 'x'", "--permission-set", "Crane Scheduling"],
        &["grant", "who.csv", "--permission-set", "Crane Schedulin"],
        &["grant", "who.csv", "--permission-set", "a", "--copy-from", "b"],
        &["grant", "who.csv", "--copy-from", "nobody@x.example"],
        &["grant", "nothing.csv", "--permission-set", "Crane Scheduling"],
        &["grant", "nothing.csv", "--expires", "soon"],
        &["grant", "nothing.csv", "--expires", "2001-01-01"],
        &["grant", "nothing.csv", "--review", "no/such/folder.csv"],
        &["sync", "empty.csv", "--yes"],
        &["sync", "nothing.csv", "--yes"],
        &["revoke", "missing.csv"],
    ];
    let mut told = String::new();
    for case in cases {
        let ran = world.run(&[&["perms"], case].concat()).expect(2);
        let lines =
            ran.stderr.lines().filter(|line| !line.is_empty() && !line.starts_with("notice: "));
        for line in lines {
            writeln!(told, "{line}").unwrap();
        }
        let runs = std::fs::read_dir(world.path("longshore-runs")).unwrap().count();
        assert_eq!((runs, audit(&world)), (1, since), "{case:?}");
    }
    insta::assert_snapshot!(told, @r"
    error: neither a file nor `--where` says who
    hint: `longshore perms grant FILE`, or `--where CONDITION --permission-set NAME`
    error: no column says which permission: the file has `Username`
    hint: name the column `Permission Set` or `Permission Set Group`
    hint: or name the same for every row with `--permission-set NAME`
    error: no column says who: the file has `Permission Set`
    hint: name the column of users `Username` or `Email` or `User Id` or `Federation Identifier` or `Employee Number`
    error: a file and `--where` both say who
    hint: leave one of them out
    error: `--where` says who, and nothing says which permission
    hint: name it with `--permission-set NAME`
    error: `--where`: cannot start the query: `127.0.0.1` says: User WHERE Nonsense = 1 ^ ERROR at Row:1:Column:37 No such column 'Nonsense' on entity 'User'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names. (`INVALID_FIELD`, status 400)
    error: `--where`: no user is found by `Username = 'x'`
    error: `--permission-set`: there is no permission set `Crane Schedulin`, did you mean `Crane Scheduling`?
    error: `--copy-from` and `--permission-set` both say which permission
    hint: leave one of them out
    error: `--copy-from`: no user has the username `nobody@x.example`
    error: both the column `Permission Set` and a flag say which permission
    hint: leave one of them out
    error: `--expires soon` is no date, no time and not `never`
    hint: write `2027-01-31` (to the end of that day, UTC) or `2027-01-31T10:00:00Z`
    error: `--expires 2001-01-01` is past
    error: `--review no/such/folder.csv` is not the path of a file
    hint: name a file in a folder there is
    error: the scope of this sync is empty: there are no rows
    hint: `longshore perms revoke FILE` takes away what is listed
    error: the scope of this sync is empty: no row names a permission that there is
    hint: `longshore perms revoke FILE` takes away what is listed
    error: there is no file `missing.csv`
    hint: check the path; `-` reads from stdin
    ");
}

#[test]
fn a_run_of_permissions_is_listed_shown_and_verified_like_a_load() {
    let world = small();
    let shown = world.run(&["runs", "show", "start"]).expect(0).stdout;
    for part in ["the decisions stand in `decisions.csv`", "step `02-grant` has come to its end"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(world.run(&["runs"]).expect(0).stdout.contains("perms grant"));
    let ran = world.run(&["resume", "start"]).expect(2);
    assert!(ran.stderr.contains("the run `start` is finished"), "{}", ran.stderr);
    let ran = world.run(&["retry", "start"]).expect(2);
    assert!(ran.stderr.contains("is a `perms grant`, and `retry` is for loads"), "{}", ran.stderr);
    // Any change to the files is found.
    for (name, told) in [
        ("out/access-review.csv", "access-review.csv was changed after the run"),
        ("out/success.csv", "does not stand in success.csv as it ended"),
        ("decisions.csv", "is not what was decided"),
    ] {
        let name = format!("longshore-runs/start/{name}");
        let text = world.read(&name);
        world.file(
            &name,
            text.replacen("true", "talse", 1)
                .replacen("yes", "yea", 1)
                .replacen("grant", "grent", 1),
        );
        let ran = world.run(&["verify", "start"]);
        assert!([5, 8].contains(&ran.code) && ran.stderr.contains(told), "{name}: {}", ran.stderr);
        world.file(&name, text);
    }
    world.run(&["verify", "start"]).expect(0);
    // The results as received of the steps go, and what people look at stays.
    let cleaned = world.run(&["runs", "clean"]).expect(0);
    assert!(cleaned.stdout.starts_with("start: 3 files removed"), "{}", cleaned.stdout);
    world.run(&["verify", "start"]).expect(0);
}

#[test]
fn a_step_that_breaks_off_leaves_a_run_that_is_accounted_for() {
    let world = small();
    world.file("roster.csv", roster(&world));
    let since = audit(&world);
    let mut command =
        world.command(&["perms", "sync", "roster.csv", "--run-name", "sync", "--yes"]);
    command.env("LONGSHORE_FAULTS", "ledger.prepared.before:2+:eio");
    let ran = Ran::of(&command.output().unwrap()).expect(9);
    assert!(
        ran.stdout
            .contains("`longshore resume sync` goes on where it stopped, by the same decisions"),
        "{}",
        ran.stdout
    );
    let done = effects(&world, since);
    assert!(done.iter().all(|(verb, _)| *verb == "hardDelete") && done.len() >= 10, "{done:?}");
    let reasons: BTreeSet<String> = out(&world, "sync", "unprocessed")
        .into_iter()
        .map(|row| row["longshore__reason"].clone())
        .collect();
    assert!(reasons.contains("step `03-extend` has not begun"), "{reasons:?}");
    let verified = world.run(&["verify", "sync"]).expect(0);
    assert!(verified.stdout.contains("note: the run is not finished"), "{}", verified.stdout);
    let shown = world.run(&["runs", "show", "sync"]).expect(0).stdout;
    assert!(shown.contains("step `02-grant` was begun"), "{shown}");

    world.run(&["resume", "sync", "--yes"]).expect(3);
    assert_eq!(out(&world, "sync", "unprocessed").len(), 0);
    assert_eq!(effects(&world, since).len(), done.len() + 20);
    world.run(&["verify", "sync"]).expect(0);
}

#[test]
fn a_report_is_about_the_users_and_permissions_of_its_file() {
    let world = small();
    let users = some_users(&world, 2);
    world.file(
        "ask.csv",
        format!("Username,Permission Set\n{},Berth Planning\nx@x.example,Nope\n", users[0]),
    );
    let ran = world.run(&["perms", "report", "ask.csv"]).expect(3);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "Username,Email,User Id,Active,Permission Set,Permission Set Group,Label,Expires,Assignment Id"
    );
    assert_eq!(lines.len(), 2);
    assert!(
        lines[1].contains(",true,Berth_Planning,,Berth Planning,2099-01-31T23:59:59.000Z,0Pa"),
        "{}",
        lines[1]
    );
    assert!(
        ran.stderr.contains("not reported: no user has the username `x@x.example`"),
        "{}",
        ran.stderr
    );
    world.file("sets.csv", "Permission Set\nBerth Planning\n");
    let ran =
        world.run(&["perms", "report", "sets.csv", "--output", "sets-out.csv", "--json"]).expect(0);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["rows"], read_csv(&world.path("sets-out.csv")).len());
    assert!(document["rows"].as_u64().unwrap() >= 20);
}

#[test]
fn the_end_of_a_grant_goes_to_the_org_as_a_time() {
    let world = small();
    world.file(
        "one.csv",
        "Username,Permission Set,Expires\nadmin@practice.example,Crane Scheduling,2099-01-31\n",
    );
    let since = audit(&world);
    world.run(&["perms", "grant", "one.csv"]).expect(0);
    let entry = world.practice().org().audit().entries_since(since).remove(0);
    let expires = entry.fields.iter().find(|(name, _)| *name == "ExpirationDate").unwrap();
    assert_eq!(expires.1, Value::DateTime(4_073_587_199_000));
}

#[test]
fn a_production_org_is_confirmed_once_for_all_steps() {
    let org = Org::new(&SeedSize { users: 40, permission_sets: 8 });
    let world = World::of(org.as_production());
    let users = some_users(&world, 12);
    let mut text = "Username,Permission Set\n".to_owned();
    for name in &users {
        writeln!(text, "{name},Customs Review").unwrap();
    }
    world.file("all.csv", &text);
    let grant = ["perms", "grant", "all.csv", "--run-name", "all"];
    let since = audit(&world);
    let ran = world.run(&[&grant[..], &["--yes"]].concat()).expect(6);
    assert!(ran.stderr.contains("needs the name of the org to be confirmed"), "{}", ran.stderr);
    assert_eq!((audit(&world), world.path("longshore-runs/all").exists()), (since, false));
    world.run(&[&grant[..], &["--confirm-org", "Practice Org"]].concat()).expect(0);

    // Of a sync with three steps, the removal decides what has to be confirmed.
    let text = format!("Username,Permission Set\n{0},Customs Review\n{0},Gate Access\n", users[0]);
    world.file("one.csv", text.replace("Gate Access", "Berth Planning"));
    let sync = ["perms", "sync", "one.csv", "--yes", "--confirm-org", "Practice Org"];
    let since = audit(&world);
    let ran = world.run(&[&sync[..], &["--run-name", "one"]].concat()).expect(6);
    let told = "needs the number of its rows to be confirmed";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(audit(&world), since);
    let rows = ran.stderr.split("--confirm-rows ").nth(1).unwrap();
    let rows: String = rows.chars().take_while(char::is_ascii_digit).collect();
    world.run(&[&sync[..], &["--run-name", "one", "--confirm-rows", &rows]].concat()).expect(0);
    assert!(audit(&world) > since);
    assert!(world.read("longshore-runs/one/manifest.json").contains("\"confirmed\""));

    // A policy holds for every step before the first of them.
    world.file("longshore.toml", "[policy]\nmax_rows = 5\n");
    let since = audit(&world);
    let again = ["perms", "grant", "all.csv", "--confirm-org", "Practice Org"];
    let ran = world.run(&again).expect(6);
    assert!(ran.stderr.contains("`max_rows` of `longshore.toml` is 5"), "{}", ran.stderr);
    assert_eq!(audit(&world), since);
}
