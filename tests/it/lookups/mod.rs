//! Lookups, from the command line to the org: what rows become, what is told, and what a kill in
//! between changes (nothing).

mod kills;
mod size;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use longshore::practice::org::{Cell, Change, Value, Verb};
use longshore::practice::{Org, SeedSize, Tenant, TenantSize};

use crate::world::{Ran, World, fixture, read_csv};

/// Accounts by name and number; the name `Twin` is there twice.
const ACCOUNTS: [(&str, &str); 5] = [
    ("Acme", "A-1"),
    ("Birch's \\ Sons", "A-2"),
    ("Twin", "A-3"),
    ("Twin", "A-4"),
    ("100% Ünï_Cöde", "A-5"),
];

/// A world with those accounts and their ids.
fn with_accounts() -> (World, Vec<String>) {
    let org = Org::new(&SeedSize { users: 20, permission_sets: 8 });
    let ids = stock(&org, &ACCOUNTS);
    (World::of(org), ids)
}

fn stock(org: &Org, accounts: &[(&str, &str)]) -> Vec<String> {
    let columns = ["Name", "AccountNumber"].map(str::to_owned);
    let cell = |text: &str| Cell::Text(text.to_owned());
    let rows: Vec<Vec<Cell>> =
        accounts.iter().map(|(name, number)| vec![cell(name), cell(number)]).collect();
    let verb = Verb::Insert;
    let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
    org.apply(&change).into_iter().map(|made| made.id).collect()
}

/// Queries that were asked since the world began.
fn queries(world: &World) -> usize {
    let requests = world.practice().org().audit().requests();
    requests.iter().filter(|asked| asked.path.contains("/query")).count()
}

fn refused(world: &World, args: &[&str]) -> Ran {
    let before = world.changes();
    let ran = world.run(args).expect(2);
    assert_eq!(world.changes(), before, "nothing was sent");
    let left = std::fs::read_dir(world.path("longshore-runs"));
    let left: Vec<_> = left.into_iter().flatten().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_str().unwrap().contains(".lookups.csv")), "{left:?}");
    ran
}

/// The fixture says who the users and sets are, by id and by name: ids must come of the names.
#[test]
fn usernames_and_labels_become_the_ids_that_the_org_gives_them() {
    let world = World::new();
    let map = "[fields]\n\
        AssigneeId = { column = \"Username\", transforms = [\"upper\"], lookup = { \
        object = \"User\", match = [\"Username\", \"Email\"], on_missing = \"error\" } }\n\
        PermissionSetId = { column = \"Permission Set\", lookup = { object = \"PermissionSet\", \
        match = \"Label\", where = \"IsOwnedByProfile = false\", on_many = \"error\" } }\n";
    world.file("map.toml", map);
    let input = fixture("quickstart/assignments.csv");
    let args = ["insert", "PermissionSetAssignment", &input, "-m", "map.toml"];
    let (ran, summary) = world.load(&args);
    let rows = read_csv(input.as_ref());
    assert_eq!(summary["rows"]["input"], rows.len(), "{}", ran.stderr);
    assert_eq!(summary["rows"]["rejected"], 0, "{}", ran.stderr);
    let wanted: BTreeSet<[String; 2]> = rows
        .iter()
        .map(|row| [row["AssigneeId"].clone(), row["PermissionSetId"].clone()])
        .collect();
    let mut got = BTreeSet::new();
    for entry in world.practice().org().audit().entries_since(0) {
        let text = |name: &str| match entry.fields.iter().find(|(field, _)| *field == name) {
            Some((_, Value::Text(text))) => text.clone(),
            _ => String::new(),
        };
        if entry.object == "PermissionSetAssignment" && entry.job.is_some() {
            got.insert([text("AssigneeId"), text("PermissionSetId")]);
        }
    }
    assert!(got.is_subset(&wanted), "{:?}", got.difference(&wanted));
    assert_eq!(got.len() as u64, summary["rows"]["success"].as_u64().unwrap());
    let manifest = world.read(&format!("{}/manifest.json", summary["run_dir"].as_str().unwrap()));
    assert!(manifest.contains("\"file\": \"lookups/2.table\""), "{manifest}");
}

#[test]
fn each_row_is_decided_by_its_key_and_the_rest_goes_on() {
    let (world, ids) = with_accounts();
    let map = "[fields]\nLastName = \"Name\"\n\
        AccountId = { column = \"Customer\", lookup = { object = \"account\", \
        match = [\"AccountNumber\", \"Name\"] } }\n";
    world.file("map.toml", map);
    let keys = [
        ("ACME", Some(&ids[0])),
        ("a-2", Some(&ids[1])),
        ("Birch's \\ Sons", Some(&ids[1])),
        ("100% ünï_cöde", Some(&ids[4])),
        ("Twin", None),
        ("Twyn", None),
        (&ids[2], Some(&ids[2])),
        (&ids[3][..15], Some(&ids[3])),
        ("", Some(&String::new())),
    ]
    .map(|(key, id)| (key.to_owned(), id.cloned()));
    let mut text = "Name,Customer\n".to_owned();
    keys.iter().zip(1..).for_each(|((key, _), row)| writeln!(text, "C{row},{key}").unwrap());
    world.file("contacts.csv", text);
    let (ran, summary) = world.load(&["insert", "Contact", "contacts.csv", "-m", "map.toml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let success = world.results(&summary, "success");
    let wanted: Vec<String> = (1..)
        .zip(&keys)
        .filter_map(|(row, (_, id))| id.as_ref().map(|id| format!("C{row} {id}")))
        .collect();
    let entries = world.practice().org().audit().entries_since(0);
    let got: Vec<String> = entries
        .iter()
        .filter(|entry| entry.object == "Contact" && entry.job.is_some())
        .map(|entry| {
            let text = |name: &str| match entry.fields.iter().find(|(field, _)| *field == name) {
                Some((_, Value::Text(text))) => text.clone(),
                _ => String::new(),
            };
            format!("{} {}", text("LastName"), text("AccountId"))
        })
        .collect();
    assert_eq!(got, wanted);
    assert_eq!(success.len(), wanted.len());
    let rejected = world.results(&summary, "rejected");
    let told: Vec<String> = rejected
        .iter()
        .map(|row| format!("{} {}", row["longshore__code"], row["longshore__message"]))
        .collect();
    assert_eq!(
        told,
        [
            format!(
                "lookup_ambiguous `Customer`: `Twin` is the `AccountNumber` or `Name` of more than \
                 one `account`: `{}`, `{}`",
                ids[2], ids[3]
            ),
            "lookup_missing `Customer`: no `account` has `Twyn` as its `AccountNumber` or `Name`"
                .to_owned(),
        ]
    );
    let list =
        read_csv(&world.path(&format!("{}/out/lookups.csv", summary["run_dir"].as_str().unwrap())));
    let list: Vec<[&str; 4]> = list
        .iter()
        .map(|row| ["key", "rows", "first_row", "verdict"].map(|column| row[column].as_str()))
        .collect();
    assert_eq!(list, [["Twin", "1", "5", "ambiguous"], ["Twyn", "1", "6", "missing"]]);
}

#[test]
fn a_load_with_unanswered_keys_is_refused_where_that_was_asked_for() {
    let (world, _) = with_accounts();
    world.file("c.csv", "Name,Customer\nA,Acme\nB,Acmee\nC,Twin\n");
    let map = |more: &str| {
        format!(
            "[fields]\nLastName = \"Name\"\nAccountId = {{ column = \"Customer\", lookup = {{ \
             object = \"Account\", match = \"Name\", {more} }} }}\n"
        )
    };
    let args = ["insert", "Contact", "c.csv", "-m", "map.toml", "--run-name", "r"];
    for (more, says) in [
        (
            "on_missing = \"error\"",
            "row 2: no `Account` has `Acmee` as its `Name`; nearest: `Acme`",
        ),
        ("on_many = \"error\"", "row 3: `Twin` is the `Name` of more than one `Account`: `001"),
    ] {
        world.file("map.toml", map(more));
        let ran = refused(&world, &args);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(ran.stderr.contains("3 keys looked up in `Account`: 1 found, 1 missing (1 row re"));
        assert!(ran.stderr.contains("longshore-runs/r.lookups.csv"), "{}", ran.stderr);
        assert_eq!(read_csv(&world.path("longshore-runs/r.lookups.csv")).len(), 2);
    }
    // The name is free, and the load goes when it may.
    world.file("map.toml", map("on_missing = \"skip\", on_many = \"skip\""));
    let ran = world.run(&args).expect(0);
    let says = "3 keys looked up in `Account`: 1 found, 1 missing (1 row sent empty), 1 ambiguous \
                (1 row sent empty)";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    // What takes a while is told before.
    let says = "notice: the keys of `AccountId` are looked up before anything is sent";
    assert!(!ran.stderr.contains(says), "{}", ran.stderr);
    let long = "x".repeat(120_000);
    let rows: Vec<String> = (1..10).map(|row| format!("D{row},Acme,{long}\n")).collect();
    world.file("c.csv", format!("Name,Customer,Note\n{}", rows.concat()));
    let ran = world.run(&["insert", "Contact", "c.csv", "-m", "map.toml"]).expect(0);
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}

#[test]
fn a_record_may_be_found_by_a_key_of_its_own() {
    let (world, ids) = with_accounts();
    world.file("gone.csv", "Number\nA-3\nA-9\n");
    let map = "[fields]\nId = { column = \"Number\", lookup = { object = \"Account\", \
               match = \"AccountNumber\" } }\n";
    world.file("map.toml", map);
    let (_, summary) = world.load(&["delete", "Account", "gone.csv", "-m", "map.toml"]);
    assert_eq!((&summary["rows"]["success"], &summary["rows"]["rejected"]), (&1.into(), &1.into()));
    assert_eq!(world.results(&summary, "success")[0]["sf__Id"], ids[2]);
}

/// Parents first, then children: `success.csv` of one load is the lookup of the next.
#[test]
fn the_results_of_a_load_are_a_lookup_of_the_next() {
    let world = World::of(Org::new(&SeedSize { users: 20, permission_sets: 8 }));
    world.file("parents.csv", "Legacy,Name\n7,Acme\n8,Birch\n8,Birch\n9,\n");
    world.file("children.csv", "LastName,Parent\nA,7\nB,8\nC,9\nD,7\n");
    world.file("parents.toml", "[fields]\nName = \"Name\"\n");
    let map = "[fields]\nLastName = \"LastName\"\nAccountId = { column = \"Parent\", lookup = { \
               file = \"longshore-runs/p/out/success.csv\", key = \"Legacy\", value = \"sf__Id\" \
               } }\n";
    world.file("children.toml", map);
    let parents = ["insert", "Account", "parents.csv", "-m", "parents.toml", "--run-name", "p"];
    world.run(&parents).expect(3);
    let before = queries(&world);
    let (_, summary) = world.load(&["insert", "Contact", "children.csv", "-m", "children.toml"]);
    // Which org it is is asked by each command.
    assert_eq!(queries(&world), before + 1, "a file costs no call");
    let rejected = world.results(&summary, "rejected");
    let told: Vec<_> = rejected
        .iter()
        .map(|row| (row["Parent"].as_str(), row["longshore__code"].as_str()))
        .collect();
    assert_eq!(told, [("8", "lookup_ambiguous"), ("9", "lookup_missing")]);
}

#[test]
fn what_cannot_be_looked_up_is_refused() {
    let (world, _) = with_accounts();
    world.file("c.csv", "Name,Customer\nA,Acme\n");
    let reference = "AccountId";
    for (field, lookup, says, hint) in [
        (
            reference,
            "object = \"Accuont\", match = \"Name\"",
            "AccountId` cannot hold",
            "`Account`",
        ),
        (reference, "object = \"User\", match = \"Name\"", "cannot hold the id of a `User`", ""),
        (
            "\"Account.Id\"",
            "object = \"Account\", match = \"Name\"",
            "names a key already",
            "AccountId",
        ),
        (reference, "object = \"Account\", match = \"Nme\"", "has no field `Nme`", "`Name`"),
        (
            reference,
            "object = \"Account\", match = \"IsDeleted\"",
            "is `boolean`",
            "text or numbers",
        ),
        (reference, "object = \"Account\", match = \"Name\", where = \"Nme = 'x'\"", "Nme", ""),
    ] {
        let map = format!(
            "[fields]\nLastName = \"Name\"\n{field} = {{ column = \"Customer\", lookup = {{ \
             {lookup} }} }}\n"
        );
        world.file("map.toml", map);
        let ran = refused(&world, &["insert", "Contact", "c.csv", "-m", "map.toml"]);
        assert!(ran.stderr.contains("map.toml:3:1: "), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{lookup}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{lookup}: {}", ran.stderr);
    }
    let args = ["insert", "Contact", "-", "-m", "map.toml"];
    let ran = world.run_with_input(&args, b"Name,Customer\nA,Acme\n").expect(2);
    assert!(ran.stderr.contains("standard input passes but once"), "{}", ran.stderr);
    assert!(ran.stderr.contains("save the rows to a file"), "{}", ran.stderr);
}

/// The org writes numbers in more ways than one.
#[test]
fn a_number_is_found_as_it_is_written_plainly() {
    let world = World::of(Org::new(&SeedSize { users: 20, permission_sets: 8 }));
    world.file("accounts.csv", "Name,AnnualRevenue\nAcme,1500000\nBirch,125\n");
    let (_, summary) = world.load(&["insert", "Account", "accounts.csv"]);
    let accounts = world.results(&summary, "success");
    world.file("c.csv", "Name,Customer\nA,1500000\nB,125\nC,12\nD,Acme\n");
    let map = "[fields]\nLastName = \"Name\"\nAccountId = { column = \"Customer\", lookup = { \
               object = \"Account\", match = [\"AnnualRevenue\", \"Name\"] } }\n";
    world.file("map.toml", map);
    let (_, summary) = world.load(&["insert", "Contact", "c.csv", "-m", "map.toml"]);
    assert_eq!((&summary["rows"]["success"], &summary["rows"]["rejected"]), (&3.into(), &1.into()));
    let query = "SELECT LastName, AccountId FROM Contact WHERE LastName IN ('A', 'B', 'D')";
    let out = world.path("out.csv");
    world.run(&["export", query, "--output", out.to_str().unwrap()]).expect(0);
    let mut got: Vec<String> = read_csv(&out)
        .iter()
        .map(|row| format!("{} {}", row["LastName"], row["AccountId"]))
        .collect();
    got.sort();
    let [acme, birch] = [0, 1].map(|row: usize| accounts[row]["sf__Id"].as_str());
    assert_eq!(got, [format!("A {acme}"), format!("B {birch}"), format!("D {acme}")]);
}

#[test]
fn a_retry_asks_anew() {
    let (world, ids) = with_accounts();
    world.file("c.csv", "Name,Customer\nA,Acme\nB,Cedar\n");
    let map = "[fields]\nLastName = \"Name\"\nAccountId = { column = \"Customer\", lookup = { \
               object = \"Account\", match = \"Name\" } }\n";
    world.file("map.toml", map);
    world.run(&["insert", "Contact", "c.csv", "-m", "map.toml", "--run-name", "r"]).expect(3);
    let cedar = stock(world.practice().org(), &[("Cedar", "A-9")]);
    let (_, summary) = world.load(&["retry", "r"]);
    assert_eq!(summary["rows"]["success"], 1, "{summary:#}");
    assert!(!ids.contains(&cedar[0]));
}

/// Keys that differ may name one record.
#[test]
fn two_keys_of_one_record_are_duplicates() {
    let (world, ids) = with_accounts();
    world.file("sites.csv", format!("Account,Site\nA-1,x\nacme,y\n{},z\n", ids[1]));
    let map = "[fields]\nSite = \"Site\"\nId = { column = \"Account\", lookup = { object = \
               \"Account\", match = [\"AccountNumber\", \"Name\"] } }\n";
    world.file("map.toml", map);
    let args = ["update", "Account", "sites.csv", "-m", "map.toml"];
    let before = world.changes();
    let ran = world.run(&args).expect(2);
    assert!(ran.stderr.contains("--on-duplicate"), "{}", ran.stderr);
    assert_eq!(world.changes(), before);
    let kept = [&args[..], &["--on-duplicate", "keep-last"]].concat();
    let (_, summary) = world.load(&kept);
    assert_eq!((&summary["rows"]["success"], &summary["rows"]["rejected"]), (&2.into(), &1.into()));
    assert_eq!(world.results(&summary, "rejected")[0]["longshore__code"], "duplicate_row");
}

/// A plan tells what was looked up, and is not applied when it would be something else.
#[test]
fn a_plan_freezes_what_its_lookups_found() {
    let (world, _) = with_accounts();
    world.file("c.csv", "Name,Customer\nA,Acme\nB,Twin\nC,A-4\n");
    let map = "[fields]\nLastName = \"Name\"\nAccountId = { column = \"Customer\", lookup = { \
               object = \"Account\", match = [\"AccountNumber\", \"Name\"] } }\n";
    world.file("map.toml", map);
    let plan = ["plan", "insert", "Contact", "c.csv", "-m", "map.toml", "--output", "p.toml"];
    let ran = world.run(&plan);
    let text = world.read("p.toml");
    for says in ["by = \"Account.AccountNumber, Account.Name\"", "keys = 3", "ambiguous = 1"] {
        assert!(text.contains(says), "{says}: {text}\n{}", ran.stderr);
    }
    assert_eq!(world.changes(), Vec::<String>::new());
    stock(world.practice().org(), &[("Acme", "A-9")]);
    let ran = world.run(&["apply", "p.toml"]).expect(6);
    assert!(ran.stderr.contains("the lookup of `AccountId` by `Account."), "{}", ran.stderr);
    assert_eq!(world.changes(), Vec::<String>::new());
}

#[test]
fn auth0_looks_keys_up_in_files_only() {
    let world =
        World::with_tenant(Tenant::new(&TenantSize { users: 5, permissions_each: Some(2) }));
    let tenant = world.practice().tenant().unwrap();
    let person = tenant.people()[0].id.clone();
    let (api, permission) = tenant.permissions_of(&person)[0].clone();
    world.file("staff.csv", format!("Badge,user_id\n17,{person}\n"));
    world.file("rows.csv", format!("Badge,api,permission\n17,{api},{permission}\n"));
    let map = |lookup: &str| {
        format!(
            "[fields]\nuser_id = {{ column = \"Badge\", lookup = {{ {lookup} }} }}\n\
             resource_server_identifier = \"api\"\npermission_name = \"permission\"\n"
        )
    };
    let args = ["delete", "UserPermission", "rows.csv", "-m", "map.toml"];
    let run = |lookup: &str| {
        world.file("map.toml", map(lookup));
        world.run_changed(&args, b"", |command| {
            command.env("LONGSHORE_TARGET_KIND", "auth0");
        })
    };
    run("file = \"staff.csv\", key = \"Badge\", value = \"user_id\"").expect(0);
    let ran = run("object = \"User\", match = \"email\"").expect(2);
    assert!(ran.stderr.contains("cannot be looked up in the objects of Auth0"), "{}", ran.stderr);
}
