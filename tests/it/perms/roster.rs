//! Syncs and reports of an Auth0 tenant: what its store holds and its audit log is the oracle.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use longshore::practice::tenant::switches::{Plan, Switches};
use longshore::practice::{Tenant, TenantSize};

use super::{codes, messages, out, preview};
use crate::world::{Ran, World, read_csv};

/// User, API and permission; or user, nothing and role.
pub(super) type Held = BTreeSet<(String, String, String)>;

const SHIPPING: &str = "https://shipping.example/api";

pub(super) fn world(users: u32) -> World {
    let switches = Switches { plan: Plan::Unlimited, ..Switches::default() };
    let size = TenantSize { users, permissions_each: None };
    World::with_tenant(Tenant::new(&size).with_switches(switches))
}

fn tenant(world: &World) -> &Tenant {
    world.practice().tenant().unwrap()
}

/// A user of the tenant; those without an e-mail have a blank one.
pub(super) struct Person {
    pub id: String,
    pub email: String,
}

pub(super) fn people(world: &World) -> Vec<Person> {
    let all = tenant(world).people().into_iter();
    all.map(|it| Person { id: it.id, email: it.email.unwrap_or_default() }).collect()
}

fn to_auth0(command: &mut Command) {
    command.env("LONGSHORE_TARGET_KIND", "auth0");
}

pub(super) fn run(world: &World, args: &[&str], code: i32) -> Ran {
    world.run_changed(&[&["perms"], args].concat(), b"", to_auth0).expect(code)
}

/// What users hold by themselves.
pub(super) fn held(world: &World) -> Held {
    let mut all = Held::new();
    for person in people(world) {
        let id = person.id;
        let permissions = tenant(world).permissions_of(&id).into_iter();
        all.extend(permissions.map(|(api, name)| (id.clone(), api, name)));
        let roles = tenant(world).roles_of(&id).into_iter();
        all.extend(roles.map(|(role, _)| (id.clone(), String::new(), role)));
    }
    all
}

/// What a report says that users hold by themselves, roles by their ids.
fn reported(world: &World, name: &str) -> Held {
    let roles = tenant(world).roles();
    let of = |row: &std::collections::BTreeMap<String, String>| {
        let role = roles.iter().find(|(id, name)| [id, name].contains(&&row["Role"]));
        let what = role.map_or(&row["Permission"], |(id, _)| id);
        (row["User Id"].clone(), row["API"].clone(), what.clone())
    };
    let rows = read_csv(&world.path(name));
    rows.iter().filter(|row| row["Direct"] == "yes").map(of).collect()
}

fn changes(world: &World) -> u64 {
    tenant(world).audit().len()
}

#[test]
fn a_report_of_a_tenant_is_what_its_users_hold_and_a_sync_to_it_changes_nothing() {
    let world = world(60);
    let ran = run(&world, &["report", "--output", "access.csv"], 0);
    assert!(ran.stderr.contains("each user is asked: 60 calls"), "{}", ran.stderr);
    let before = held(&world);
    assert_eq!(reported(&world, "access.csv"), before);
    let rows = read_csv(&world.path("access.csv"));
    let by_role: Vec<_> = rows.iter().filter(|row| row["Direct"] == "no").collect();
    assert!(!by_role.is_empty() && by_role.iter().all(|row| !row["Through"].is_empty()));
    let files = |world: &World| std::fs::read_dir(world.path(".")).unwrap().count();
    assert_eq!(files(&world), 1, "nothing stays beside the report");

    // What is so already is left alone, and what is so by roles is not asked for.
    let since = changes(&world);
    let ran = run(&world, &["sync", "access.csv", "--run-name", "same", "--json"], 0);
    let line = format!("add 0 · already {} · remove 0 · blocked 0", super::thousands(rows.len()));
    assert_eq!((preview(&ran), changes(&world)), (line.as_str(), since));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["preview"]["unchanged"], rows.len());
    assert!(ran.stderr.contains("nothing is to be changed"), "{}", ran.stderr);
    run(&world, &["revoke", "access.csv", "--dry-run"], 0);
    world.run(&["verify", "same"]).expect(0);

    // To standard output, of some users, and of some permissions and roles.
    let person = &people(&world)[3];
    world.file("who.csv", format!("Email\n{}\nnobody@x.example\n", person.email));
    let ran = run(&world, &["report", "who.csv"], 3);
    assert!(ran.stderr.contains("a call for the permissions of each"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("not reported: no user has the e-mail `nobody@x.example`"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.stdout.lines().next().unwrap(),
        "Email,User Id,API,Permission,Role,Direct,Through"
    );
    world.file("some.csv", &ran.stdout);
    let of_one = before.iter().filter(|(user, ..)| *user == person.id).cloned().collect();
    assert_eq!(reported(&world, "some.csv"), of_one);
    world.file(
        "what.csv",
        format!("API,Permission,Role\n{SHIPPING},read:rates,\n,,Billing Clerk\n"),
    );
    run(&world, &["report", "what.csv", "--output", "what-out.csv"], 0);
    let clerk =
        tenant(&world).roles().into_iter().find(|(_, name)| name == "Billing Clerk").unwrap();
    let is_asked = |(_, api, what): &&(String, String, String)| {
        *what == clerk.0 || (api == SHIPPING && what == "read:rates")
    };
    let asked: Held = before.iter().filter(is_asked).cloned().collect();
    assert!(asked.len() > 10);
    assert_eq!(reported(&world, "what-out.csv"), asked);
}

/// A roster of one permission and one role: all who have them but every third, and others too.
fn roster(world: &World) -> (String, Held) {
    let mut text = "User Id,API,Permission,Role\n".to_owned();
    let mut wanted = Held::new();
    for (number, person) in people(world).iter().enumerate() {
        let id = &person.id;
        if number % 3 != 0 {
            let clerk = tenant(world).roles().into_iter().find(|(_, name)| name == "Billing Clerk");
            writeln!(text, "{id},,,Billing Clerk").unwrap();
            wanted.insert((id.clone(), String::new(), clerk.unwrap().0));
        }
        if number % 4 == 1 {
            writeln!(text, "{id},Shipping API,read:rates,").unwrap();
            wanted.insert((id.clone(), SHIPPING.to_owned(), "read:rates".to_owned()));
        }
    }
    (text, wanted)
}

/// Whether it is what the roster is about.
fn is_in_scope(world: &World, (_, api, what): &(String, String, String)) -> bool {
    let mut roles = tenant(world).roles().into_iter();
    (api == SHIPPING && what == "read:rates")
        || roles.any(|(id, name)| name == "Billing Clerk" && id == *what)
}

#[test]
fn a_sync_of_a_tenant_makes_it_exactly_so_once_and_is_taken_back_whole() {
    let world = world(60);
    let before = held(&world);
    let (text, wanted) = roster(&world);
    world.file("roster.csv", text);
    let sync = ["sync", "roster.csv", "--run-name", "roster"];
    let since = changes(&world);
    let ran = run(&world, &sync, 6);
    assert!(ran.stderr.contains("this sync takes away "), "{}", ran.stderr);
    assert_eq!((changes(&world), world.path("longshore-runs/roster").exists()), (since, false));
    let ran = run(&world, &[&sync[..], &["--yes", "--review", "plan.csv"]].concat(), 0);
    let after = held(&world);
    let (inside, outside): (Held, Held) =
        after.iter().cloned().partition(|pair| is_in_scope(&world, pair));
    assert_eq!(inside, wanted);
    let others: Held = before.iter().filter(|pair| !is_in_scope(&world, pair)).cloned().collect();
    assert_eq!(outside, others);
    assert!(ran.stderr.contains("by roles alone (`Shipping Clerk`"), "{}", ran.stderr);

    // The review is what was planned, but for what stays effective by a role.
    let review = out(&world, "roster", "access-review");
    let removed: Vec<_> =
        review.iter().filter(|row| row["before"] == "yes" && row["after"] != "yes").collect();
    assert!(removed.iter().all(|row| row["why"] == "not listed for this permission"), "{review:?}");
    assert_eq!(removed.len(), before.difference(&after).count());
    assert!(removed.iter().any(|row| row["after"].contains("still effective through role")));
    let planned = read_csv(&world.path("plan.csv"));
    let before_and_why = |rows: &[std::collections::BTreeMap<String, String>]| -> Vec<[String; 4]> {
        let names = ["user", "permission", "before", "why"];
        rows.iter().map(|row| names.map(|name| row[name].clone())).collect()
    };
    assert_eq!(before_and_why(&planned), before_and_why(&review));
    world.run(&["verify", "roster"]).expect(0);

    let since = changes(&world);
    let ran = run(&world, &["sync", "roster.csv", "--yes"], 0);
    assert!(
        preview(&ran).starts_with("add 0 · already ") && ran.stderr.contains("nothing is sent")
    );
    assert_eq!(changes(&world), since);

    let undo = world.run_changed(&["undo", "roster", "--yes"], b"", to_auth0);
    undo.expect(0);
    assert_eq!(held(&world), before);
}

#[test]
fn what_is_unclear_is_not_taken_away_from_a_tenant() {
    let world = world(60);
    let people = people(&world);
    let twin = people
        .iter()
        .find(|person| people.iter().filter(|other| other.email == person.email).count() > 1);
    let (twin, first) = (twin.unwrap(), &people[0]);
    let typo = first.email.replace("00000", "0000");
    let rows = [
        format!("{typo},,,Billing Clerk"),
        format!("{},,,Employee", twin.email),
        format!("{},,,Employee", people[1].email),
        format!("{},,,Employee", people[1].email),
        format!("{},Shipping API,,", people[2].email),
        format!("{},,,Shipping Clark", people[4].email),
        ",,,Employee".to_owned(),
    ];
    world.file("typo.csv", format!("Email,API,Permission,Role\n{}\n", rows.join("\n")));
    let before = held(&world);
    let args = ["sync", "typo.csv", "--run-name", "typo", "--yes", "--scope", "listed-users"];
    run(&world, &args, 3);
    let rejected = out(&world, "typo", "rejected");
    insta::assert_snapshot!(messages(&rejected), @"
    blank_permission: the row has a value in `API` and none in `Permission`
    blank_user: the row does not say who
    duplicate_row: row 3 asks for the same
    removal_withheld: not taken away: it may be what row 5 means, which names nobody or nothing for certain
    role_not_found: there is no role `Shipping Clark`, did you mean `Shipping Clerk`?
    user_ambiguous: 2 users have the e-mail `ivo.abara.00018@practice.example`; give one of the ids `auth0|f5b5f609c097822efc7d57ee`, `google-oauth2|100000000233972002474`
    user_not_found: no user has the e-mail `ada.abara.0000@practice.example`; nearest: `ada.abara.00000@practice.example`
    ");
    let found = codes(&rejected);
    assert_eq!(found["user_ambiguous"], 1, "{found:?}");
    // Those whom an e-mail leaves open, and those whose row is unclear, lose nothing.
    let after = held(&world);
    let lost: BTreeSet<_> = before.difference(&after).map(|(user, ..)| user.clone()).collect();
    assert_eq!(lost, [people[1].id.clone()].into());
    assert_eq!(after.difference(&before).count(), 0);
    assert!(after.contains(&(people[1].id.clone(), String::new(), employee(&world))));
}

fn employee(world: &World) -> String {
    tenant(world).roles().into_iter().find(|(_, name)| name == "Employee").unwrap().0
}

#[test]
fn a_sync_of_a_tenant_that_makes_no_sense_is_refused() {
    let world = world(5);
    let email = &people(&world)[0].email;
    world.file("empty.csv", "Email,Role\n");
    world.file("nothing.csv", format!("Email,Role\n{email},No Such Role\n"));
    world.file("nobody.csv", "Email,Role\nnobody@x.example,Employee\n");
    world.file("what.csv", "Email,Color\nx,y\n");
    world.file("who.csv", "Role,Color\nx,y\n");
    let since = changes(&world);
    let told = [
        &["sync", "empty.csv"][..],
        &["sync", "nothing.csv"],
        &["sync", "nobody.csv", "--scope", "listed-users"],
        &["sync", "what.csv"],
        &["sync", "who.csv"],
        &["sync", "nobody.csv", "--expires", "never"],
        &["sync", "nobody.csv", "--permission-set", "x"],
        &["report", "what.csv", "--output", "no/such/file.csv"],
    ]
    .map(|args| {
        let ran = run(&world, args, 2);
        let lines =
            ran.stderr.lines().filter(|line| !line.is_empty() && !line.starts_with("notice: "));
        lines.collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!(told.join("\n"), @"
    error: the scope of this sync is empty: there are no rows
    hint: `longshore perms revoke FILE` takes away what is listed
    error: the scope of this sync is empty: no row names a permission or role that there is
    hint: `longshore perms revoke FILE` takes away what is listed
    error: the scope of this sync is empty: no row names a user that there is
    hint: `longshore perms revoke FILE` takes away what is listed
    error: no column says which permission: the file has `Email`, `Color`
    hint: name the columns `API` and `Permission`, or `Role`
    error: no column says who: the file has `Role`, `Color`
    hint: name the column of users `User Id` or `Email`
    error: `--expires` is for Salesforce orgs, and this is an Auth0 tenant
    hint: name users with permissions or roles in a file
    error: `--permission-set` is for Salesforce orgs, and this is an Auth0 tenant
    hint: name users with permissions or roles in a file
    error: `--output no/such/file.csv` is not the path of a file
    hint: name a file in a folder there is
    ");
    assert_eq!(changes(&world), since);
}

#[test]
fn a_sync_of_a_tenant_goes_on_where_its_questions_and_its_changes_were_cut_off() {
    let sync = ["perms", "sync", "roster.csv", "--run-name", "sync", "--yes"];
    let kill = |world: &World, at: &str| {
        let mut command = world.command(&sync);
        to_auth0(&mut command);
        command.env("LONGSHORE_FAULTS", at);
        Ran::of(&command.output().unwrap())
    };
    for at in ["any:8:kill", "any:12:kill", "any:30:kill", "any:60:kill", "any:90:kill"] {
        let world = world(40);
        let (text, wanted) = roster(&world);
        world.file("roster.csv", text);
        kill(&world, at);
        let root = world.path("longshore-runs/sync");
        if root.join("manifest.json").is_file() {
            // What the file says by now does not matter: nothing is decided anew.
            world.file("roster.csv", "User Id,Role\nx,Employee\n");
            world.run_changed(&["resume", "sync", "--yes"], b"", to_auth0).expect(0);
        } else {
            if root.exists() {
                std::fs::remove_dir_all(&root).unwrap();
            }
            world.run_changed(&sync, b"", to_auth0).expect(0);
        }
        let inside: Held =
            held(&world).into_iter().filter(|pair| is_in_scope(&world, pair)).collect();
        assert_eq!(inside, wanted, "{at}");
        world.run(&["verify", "sync"]).expect(0);
    }
}

#[test]
fn a_sync_of_listed_users_tells_what_its_file_has_no_column_for() {
    let world = world(10);
    let some = people(&world).into_iter().find(|person| !person.email.is_empty()).unwrap();
    world.file("roles.csv", format!("Email,Role\n{},Shipping Clerk\n", some.email));
    let rights = format!("{},{SHIPPING},read:shipments\n", some.email);
    world.file("rights.csv", format!("Email,API,Permission\n{rights}"));
    for (file, told) in [
        (
            "roles.csv",
            "the file has no column `Permission` of an `API`, so the permissions of the listed \
             users stay as they are",
        ),
        ("rights.csv", "the file has no column `Role`, so the roles of the listed users stay as"),
    ] {
        let args = ["sync", file, "--scope", "listed-users", "--dry-run"];
        let ran = run(&world, &args, 0);
        assert!(ran.stderr.contains(told), "{file}: {}", ran.stderr);
    }
}
