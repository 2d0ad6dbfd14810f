//! Reconciliation and assertions against a practice org that was loaded by the real binary: equal
//! numbers pass, and each of the faults that a migration makes is told with both numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use longshore::config::mapping::Place;
use longshore::config::plan::{Input, Source as From};
use longshore::config::runbook::{
    Assertion, Bound, Check, CheckKind, CheckSource, Rows, Tolerance,
};
use longshore::http::client::{Client, Settings};
use longshore::http::reqwest::{Patience, Reqwest};
use longshore::model::failure::Failure;
use longshore::model::secret::Secret;
use longshore::model::sign_in::{Grant, SignIn};
use longshore::pipeline::event::SummaryCheck;
use longshore::pipeline::stop::Stop;
use longshore::practice::org::{Cell, Change, Verb};
use longshore::practice::{CLIENT_ID, CLIENT_SECRET, Org, SeedSize};
use longshore::runbook::assert::assert as hold;
use longshore::runbook::reconcile::{Source, Surroundings, reconcile};
use longshore::target::salesforce::Salesforce;

use crate::world::{World, read_csv};

/// Sixty accounts, ten of them without a site, and two contacts of each of the first twenty.
fn world() -> World {
    let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
    let mut accounts = "Name,Legacy_Id__c,AnnualRevenue,Site\n".to_owned();
    let mut contacts = "Family,Key,Customer\n".to_owned();
    for row in 1..=60 {
        let site = if row % 6 == 0 { String::new() } else { format!("site {row}") };
        writeln!(accounts, "Port {row},P-{row},{row}000.0,{site}").unwrap();
        if row <= 20 {
            writeln!(contacts, "One {row},PC-{row},P-{row}\nTwo {row},PD-{row},p-{row}").unwrap();
        }
    }
    world.file("accounts.csv", accounts);
    world.file("contacts.csv", contacts);
    world.file(
        "contacts.toml",
        "[fields]\nLastName = \"Family\"\nLegacy_Id__c = \"Key\"\n\
         AccountId = { column = \"Customer\", lookup = { object = \"Account\", match = \
         \"Legacy_Id__c\" } }\n",
    );
    world.run(&["insert", "Account", "accounts.csv", "--run-name", "accounts"]).expect(0);
    let contacts = ["upsert", "Contact", "contacts.csv", "--external-id", "Legacy_Id__c"];
    let mapped = ["--map", "contacts.toml", "--run-name", "contacts"];
    world.run(&[&contacts[..], &mapped].concat()).expect(0);
    world
}

fn target(world: &World) -> impl Future<Output = Salesforce> {
    let wire = Arc::new(Reqwest::new(Patience::default(), None).unwrap());
    let now: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
    let sign_in = SignIn {
        instance_url: url::Url::parse(world.origin()).unwrap(),
        login_url: None,
        grant: Grant::ClientCredentials {
            client_id: CLIENT_ID.to_owned(),
            client_secret: Secret::new(CLIENT_SECRET.to_owned()),
        },
        api_version: None,
    };
    let client = Client::new(wire, Settings::new(1, Arc::new(move || now)));
    async move { Salesforce::sign_in(client, sign_in).await.unwrap() }
}

fn on_loop<A>(work: impl Future<Output = A>) -> A {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn checked(world: &World, checks: &[Check]) -> Result<Vec<SummaryCheck>, Failure> {
    let sources = |rows: &Rows| match rows {
        Rows::File(path) => Some(Source {
            name: path.display().to_string(),
            input: Input {
                source: From::File(world.path(path.to_str().unwrap())),
                delimiter: None,
                line_ending: None,
                encoding: None,
            },
        }),
        Rows::Step(_) => None,
    };
    let loads = |step: &str| {
        let root = world.path("longshore-runs").join(step);
        root.exists().then(|| vec![root])
    };
    let scratch = world.path("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    let around = Surroundings {
        file: "move.toml",
        sources: &sources,
        loads: &loads,
        scratch: &scratch,
        seed: 7,
        stop: &Stop::new(),
    };
    let answers = on_loop(async {
        let target = target(world).await;
        reconcile(checks, &around, &target).await
    });
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "files of a check stay");
    answers
}

fn check(name: &str, kind: CheckKind, absolute: f64) -> Check {
    let place = Place { line: 9, column: 3 };
    Check { name: name.to_owned(), kind, tolerance: Tolerance { absolute, share: None }, place }
}

fn file(name: &str) -> CheckSource {
    CheckSource { rows: Rows::File(PathBuf::from(name)), only: BTreeMap::new() }
}

/// Every kind of check, over the accounts and contacts that were loaded.
fn checks() -> Vec<Check> {
    let loaded = Some("Legacy_Id__c LIKE 'P-%'".to_owned());
    let account = || "Account".to_owned();
    let text = str::to_owned;
    let contact = Some("Legacy_Id__c != null".to_owned());
    vec![
        check(
            "accounts",
            CheckKind::Count {
                source: file("accounts.csv"),
                object: account(),
                filter: loaded.clone(),
            },
            0.0,
        ),
        check(
            "revenue",
            CheckKind::Sum {
                source: file("accounts.csv"),
                column: text("annualrevenue"),
                object: account(),
                field: text("AnnualRevenue"),
                filter: loaded.clone(),
            },
            0.0,
        ),
        check(
            "sites",
            CheckKind::Nulls {
                source: file("accounts.csv"),
                column: text("Site"),
                object: account(),
                field: text("Site"),
                filter: loaded.clone(),
            },
            0.0,
        ),
        check(
            "no orphans",
            CheckKind::Orphans {
                object: text("Contact"),
                field: text("AccountId"),
                filter: contact,
                expected: 0,
            },
            0.0,
        ),
        check(
            "keys",
            CheckKind::Duplicates {
                source: file("accounts.csv"),
                column: text("Legacy_Id__c"),
                object: account(),
                field: text("Legacy_Id__c"),
                filter: loaded,
            },
            0.0,
        ),
        check(
            "drawn",
            CheckKind::Sample { step: text("accounts"), rows: 25, fields: Vec::new() },
            0.0,
        ),
        check(
            "all contacts",
            CheckKind::Sample {
                step: text("contacts"),
                rows: 100,
                fields: vec![text("accountid")],
            },
            0.0,
        ),
    ]
}

fn told(answers: &[SummaryCheck]) -> String {
    let mut text = String::new();
    for SummaryCheck { name, kind, passed, source, org, differences, .. } in answers {
        let word = if *passed { "pass" } else { "FAIL" };
        writeln!(text, "{word} {name} ({kind}): {source} | {org}").unwrap();
        for difference in differences {
            writeln!(text, "    {difference}").unwrap();
        }
    }
    text
}

fn change(world: &World, object: &str, verb: Verb, columns: &[&str], row: &[&str]) {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let cell = |cell: &&str| match *cell {
        "#N/A" => Cell::Clear,
        text => Cell::Text(text.to_owned()),
    };
    let rows = [row.iter().map(cell).collect()];
    let change = Change { object, verb, job: None, columns: &columns, rows: &rows };
    let made = world.practice().org().apply(&change).remove(0);
    assert!(made.error.is_none(), "{made:?}");
}

#[test]
fn a_migration_is_reconciled_and_what_went_wrong_is_told() {
    let world = world();
    let answers = checked(&world, &checks()).unwrap();
    insta::assert_snapshot!(told(&answers), @"
    pass accounts (count): 60 | 60
    pass revenue (sum): 1830000 | 1830000
    pass sites (nulls): 16.67% (10 of 60) | 16.67% (10 of 60)
    pass no orphans (orphans): 0 | 0
    pass keys (duplicates): 0 | 0
    pass drawn (sample): 25 | 25
    pass all contacts (sample): 40 | 40
    ");
    let effects = world.practice().org().audit().len();

    // Somebody changes, deletes and doubles records behind the migration's back.
    let accounts = read_csv(&world.path("longshore-runs/accounts/out/success.csv"));
    let contacts = read_csv(&world.path("longshore-runs/contacts/out/success.csv"));
    let id = |rows: &[BTreeMap<String, String>], row: usize| rows[row - 1]["sf__Id"].clone();
    let moved = ["Id", "AccountId"];
    change(&world, "Account", Verb::Update, &["Id", "AnnualRevenue"], &[&id(&accounts, 1), "1001"]);
    change(&world, "Account", Verb::Update, &["Id", "Site"], &[&id(&accounts, 2), "#N/A"]);
    change(&world, "Account", Verb::Delete, &["Id"], &[&id(&accounts, 60)]);
    change(&world, "Contact", Verb::Update, &moved, &[&id(&contacts, 3), "#N/A"]);
    change(&world, "Contact", Verb::Update, &moved, &[&id(&contacts, 5), &id(&accounts, 30)]);
    change(&world, "Contact", Verb::Delete, &["Id"], &[&id(&contacts, 7)]);
    world.file("accounts.csv", world.read("accounts.csv") + "Port 61,p-3,many,\nragged,row\n");
    let mut all = checks();
    if let CheckKind::Sample { rows, .. } = &mut all[5].kind {
        *rows = 60;
    }
    let answers = checked(&world, &all).unwrap();
    let mut text = told(&answers);
    for (row, name) in [(1, "A1"), (2, "A2"), (30, "A30"), (60, "A60")] {
        text = text.replace(&id(&accounts, row), name);
    }
    for (row, name) in [(3, "C3"), (5, "C5"), (7, "C7")] {
        text = text.replace(&id(&contacts, row), name);
    }
    text = text.replace(&id(&accounts, 2), "A2").replace(&id(&accounts, 3), "A3");
    insta::assert_snapshot!(text, @"
    FAIL accounts (count): 62 | 59
        1 row of `accounts.csv` cannot be read; the first: accounts.csv:63:11: the row has 2 fields, the header has 4
    FAIL revenue (sum): 1830000 | 1770001
        line 62: `many` is no number
        1 row of `accounts.csv` cannot be read; the first: accounts.csv:63:11: the row has 2 fields, the header has 4
    FAIL sites (nulls): 18.03% (11 of 61) | 16.95% (10 of 59)
        1 row of `accounts.csv` cannot be read; the first: accounts.csv:63:11: the row has 2 fields, the header has 4
    FAIL no orphans (orphans): 0 | 1
    FAIL keys (duplicates): 1 | 0
        `P-3` stands 2 times in the source and once in the org
        1 row of `accounts.csv` cannot be read; the first: accounts.csv:63:11: the row has 2 fields, the header has 4
    FAIL drawn (sample): 60 | 57
        `A1`: `AnnualRevenue` is `1000.0` in the source and `1001.0` in the org
        `A2`: `Site` is `site 2` in the source and empty in the org
        `A60` is not in the org any more
    FAIL all contacts (sample): 40 | 37
        `PC-2` (`C3`): `AccountId` is `A2` in the source and empty in the org
        `PC-3` (`C5`): `AccountId` is `A3` in the source and `A30` in the org
        `PC-4` (`C7`) is not in the org any more
    ");
    assert_eq!(world.practice().org().audit().len(), effects + 6, "a check changes nothing");
    for check in &mut all {
        check.tolerance.absolute = 1_000_000.0;
    }
    let near: Vec<bool> =
        checked(&world, &all).unwrap().into_iter().map(|answer| answer.passed).collect();
    // What cannot be read or added is no matter of tolerance.
    assert_eq!(near, [true, false, false, true, false, true, true]);
}

#[test]
fn a_check_that_cannot_be_made_says_why_and_where() {
    let world = world();
    let sum = |column: &str, object: &str, field: &str, filter: Option<&str>| CheckKind::Sum {
        source: file("accounts.csv"),
        column: column.to_owned(),
        object: object.to_owned(),
        field: field.to_owned(),
        filter: filter.map(str::to_owned),
    };
    let sample = |step: &str, field: &str| CheckKind::Sample {
        step: step.to_owned(),
        rows: 5,
        fields: vec![field.to_owned()],
    };
    let of_step = CheckSource { rows: Rows::Step("x".to_owned()), only: BTreeMap::new() };
    let mut text = String::new();
    for kind in [
        sum("Revenue", "Account", "AnnualRevenue", None),
        sum("AnnualRevenue", "Acount", "AnnualRevenue", None),
        sum("AnnualRevenue", "Account", "AnualRevenue", None),
        sum("AnnualRevenue", "Account", "Name", None),
        sum("AnnualRevenue", "Account", "AnnualRevenue", Some("Nme = 'x'")),
        CheckKind::Count { source: file("gone.csv"), object: "Account".to_owned(), filter: None },
        CheckKind::Count { source: of_step, object: "Account".to_owned(), filter: None },
        sample("nowhere", "Name"),
        sample("accounts", "Nam"),
    ] {
        let failure = checked(&world, &[check("c", kind, 0.0)]).unwrap_err();
        let Failure { blame, message, hints, .. } = failure;
        let message =
            message.replace(world.origin(), "ORIGIN").replace(world.path("").to_str().unwrap(), "");
        let message = message.lines().next().unwrap_or_default();
        writeln!(text, "{blame:?} {message}").unwrap();
        for hint in hints {
            writeln!(text, "    {hint}").unwrap();
        }
    }
    insta::assert_snapshot!(text, @"
    Request move.toml:9:3: the check `c` cannot be made: `accounts.csv` has no column `Revenue`
        its columns are Name, Legacy_Id__c, AnnualRevenue, Site
    Request move.toml:9:3: the check `c` cannot be made: the org has no object `Acount`, or this user may not see it
        did you mean `Account`?
        `longshore objects` lists those that this user can see
    Request move.toml:9:3: the check `c` cannot be made: `Account` has no field `AnualRevenue`
        did you mean `AnnualRevenue`?
    Request move.toml:9:3: the check `c` cannot be made: `Name` is a string and cannot be added
        name a field of numbers, or compare with `count` or `nulls`
    Run move.toml:9:3: the check `c` cannot be made: cannot run the query: `127.0.0.1` says: Account WHERE Nme = 'x' ^ ERROR at Row:1:Column:46 No such column 'Nme' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names. (`INVALID_FIELD`, status 400)
    Request move.toml:9:3: the check `c` cannot be made: there is no file `gone.csv`
        check the path; `-` reads from stdin
    Request move.toml:9:3: the check `c` cannot be made: the step `x` has left no rows
    Request move.toml:9:3: the check `c` cannot be made: the step `nowhere` has not loaded anything that could be drawn from
    Request move.toml:9:3: the check `c` cannot be made: the step `accounts` does not send the field `Nam`
        did you mean `Name`?
    ");
}

#[test]
fn assertions_hold_or_not_and_a_question_without_one_answer_is_refused() {
    let world = world();
    let held = |soql: &str, bound: Bound| {
        let place = Place { line: 4, column: 12 };
        let assertion = Assertion { soql: soql.to_owned(), bound, place };
        on_loop(async {
            let target = target(&world).await;
            hold(&[assertion], "move.toml", &target).await
        })
    };
    let loaded = "FROM Account WHERE Legacy_Id__c LIKE 'P-%'";
    let mut text = String::new();
    for (soql, bound) in [
        (format!("SELECT COUNT() {loaded}"), Bound::Equals("60".to_owned())),
        (format!("SELECT SUM(AnnualRevenue) {loaded}"), Bound::Between(1.0, 1_830_000.0)),
        (format!("SELECT MAX(AnnualRevenue) most {loaded}"), Bound::AtMost(59_999.5)),
        (format!("SELECT Name {loaded} AND Site = 'site 1'"), Bound::Equals("Port 1".to_owned())),
        (format!("SELECT Name {loaded} AND Site = 'site 1'"), Bound::AtLeast(1.0)),
        ("SELECT SUM(AnnualRevenue) FROM Account WHERE Id = null".to_owned(), Bound::AtLeast(0.0)),
    ] {
        text += &told(&held(&soql, bound).unwrap());
    }
    for soql in [
        format!("SELECT Name {loaded}"),
        format!("SELECT Name {loaded} AND Name = 'no such'"),
        format!("SELECT MIN(Name), MAX(Name) {loaded}"),
        "SELECT Nme FROM Account".to_owned(),
    ] {
        let failure = held(&soql, Bound::AtLeast(1.0)).unwrap_err();
        let first = failure.message.lines().next().unwrap_or_default().to_owned();
        writeln!(text, "{:?} {first}", failure.blame).unwrap();
    }
    insta::assert_snapshot!(text, @"
    pass SELECT COUNT() FROM Account WHERE Legacy_Id__c LIKE 'P-%' (assert): 60 | 60
    pass SELECT SUM(AnnualRevenue) FROM Account WHERE Legacy_Id__c LIKE 'P-%' (assert): from 1 to 1830000 | 1830000
    FAIL SELECT MAX(AnnualRevenue) most FROM Account WHERE Legacy_Id__c LIKE 'P-%' (assert): at most 59999.5 | 60000
    pass SELECT Name FROM Account WHERE Legacy_Id__c LIKE 'P-%' AND Site = 'site 1' (assert): Port 1 | Port 1
    FAIL SELECT Name FROM Account WHERE Legacy_Id__c LIKE 'P-%' AND Site = 'site 1' (assert): at least 1 | Port 1
        `Port 1` is no number that can be held against a bound
    FAIL SELECT SUM(AnnualRevenue) FROM Account WHERE Id = null (assert): at least 0 | (empty)
        the answer is empty, and no number
    Request move.toml:4:12: the query finds several rows, and one value was asked for: `SELECT Name FROM Account WHERE Legacy_Id__c LIKE 'P-%'`
    Request move.toml:4:12: the query finds no row, and one value was asked for: `SELECT Name FROM Account WHERE Legacy_Id__c LIKE 'P-%' AND Name = 'no such'`
    Request move.toml:4:12: the query finds 2 values in a row, and one value was asked for: `SELECT MIN(Name), MAX(Name) FROM Account WHERE Legacy_Id__c LIKE 'P-%'`
    Run move.toml:4:12: cannot run the query: `127.0.0.1` says: SELECT Nme FROM Account ^ ERROR at Row:1:Column:8 No such column 'Nme' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names. (`INVALID_FIELD`, status 400)
    ");
}
