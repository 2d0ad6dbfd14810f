//! `practice seed`: another practice org stands for the org that is copied.

use longshore::practice::Org;
use longshore::practice::SeedSize;
use serde_json::Value;

use crate::world::{Ran, World, read_csv};

fn small() -> World {
    World::of(Org::new(&SeedSize { users: 5, permission_sets: 2 }))
}

fn document(ran: Ran) -> Value {
    let ran = ran.expect(0);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

#[test]
fn an_org_is_copied_and_its_rules_are_met() {
    let world = small();
    let seed = ["practice", "seed", "--from", "env", "--objects", "Account,Contact,Shipment__c"];
    let ran = world.run(&[&seed[..], &["--rows", "20", "--json"]].concat());
    assert!(ran.stderr.contains("in at most 21 calls"), "{}", ran.stderr);
    assert!(ran.stderr.contains("personal data in these records"), "{}", ran.stderr);
    let told = document(ran);
    let records: Vec<_> = told["objects"].as_array().unwrap().iter().collect();
    assert_eq!(records.len(), 3, "{told:#}");
    assert!(records.iter().all(|taken| taken["records"].as_u64() >= Some(20)), "{told:#}");
    assert!(records.iter().all(|taken| taken["left_out"] == 0), "{told:#}");

    // The source was read, in as many calls as were told at most, and not changed.
    let org = world.practice().org();
    assert_eq!((org.audit().len(), world.changes()), (0, Vec::new()));
    let requests = org.audit().requests();
    let ours = requests.iter().filter(|request| {
        request.path.contains("describe")
            || request.path.contains("/sobjects/")
            || request.path.contains("query") && !request.path.contains("Organization")
    });
    assert!(ours.count() <= 21, "{requests:?}");

    // A load of bad rows meets the copied rules; what was not copied is not there.
    world.file(
        "bad.csv",
        "Name,Status__c,Weight_Kg__c,Account__r.Legacy_Id__c\n\
        good,Booked,1.5,A-00001\n\
        picklist,Sunk,1.5,A-00001\n\
        number,Booked,12345678901,A-00001\n\
        parent,Booked,1,A-99999\n",
    );
    let ran = world.run(&["insert", "Shipment__c", "bad.csv", "-o", "practice", "--json"]);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = |verdict: &str| summary["rows"][verdict].as_u64().unwrap();
    assert_eq!((rows("success"), rows("rejected") + rows("error")), (1, 3), "{summary:#}");
    let ran = world.run(&["insert", "Opportunity", "bad.csv", "-o", "practice"]).expect(2);
    assert!(ran.stderr.contains("no object `Opportunity`"), "{}", ran.stderr);

    // It has been used now, and is not lost by mistake.
    let again = world.run(&[&seed[..], &["--rows", "20"]].concat()).expect(6);
    assert!(again.stderr.contains("1 effect would be lost"), "{}", again.stderr);
    let reset = world.run(&["practice", "reset"]).expect(0);
    assert!(reset.stdout.contains("as it was when it was seeded from `env`"), "{}", reset.stdout);
    let query = "SELECT Name, Account__r.Name FROM Shipment__c";
    world.run(&["export", query, "-o", "practice", "--output", "left.csv"]).expect(0);
    let left = read_csv(&world.path("left.csv"));
    assert_eq!(left.len(), 20);
    assert!(left.iter().all(|row| !row["Account__r.Name"].is_empty()), "{left:?}");
    world.run(&["practice", "reset", "--forget-seed"]).expect(0);
    world.run(&["describe", "Opportunity", "-o", "practice"]).expect(0);
}

#[test]
fn what_people_read() {
    let world = small();
    let ran = world.run(&[
        "practice",
        "seed",
        "--from",
        "env",
        "--objects",
        "Contact",
        "--rows",
        "3",
        "--anonymize",
        "--where",
        "Contact: AccountId != null",
    ]);
    assert_eq!(
        ran.stderr,
        "copies 1 object of `env`, with up to 3 records of each, in at most 7 calls and those of \
         the sign-in; `env` is only read\n"
    );
    insta::assert_snapshot!(ran.expect(0).stdout, @"
    the practice org in .longshore/practice is seeded from `env`

    object   fields  records  left out  cleared  replaced
    Contact      31        3         0        3         9

    3 references cleared: the record is not in the sample
    9 references to users lead to the administrator of the practice org
    kept as they are, for rows are found by them: `Contact.Legacy_Id__c`
    ids are those of the practice org: none of them names a record of the org
    a describe does not tell of validation rules, triggers, flows, duplicate rules, lookup filters, dependent picklists and sharing: a rehearsal does not meet them
    7 calls made
    ");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_asked() {
    let world = small();
    world.file("broken.json", "{\n  \"name\": }");
    world.file("typeless.json", r#"{ "name": "Berth__c", "fields": [{ "name": "Code__c" }] }"#);
    for (args, code, message) in [
        (&[][..], 2, "nothing is named that the practice org could be seeded with"),
        (&["--from", "env"], 2, "`--from` copies objects, and none is named"),
        (&["--objects", "Account"], 2, "and none is named"),
        (&["--from", "env", "--objects", "Account", "--rows", "2001"], 2, "between 1 and 2,000"),
        (&["--from", "env", "--objects", "A b"], 2, "is not an API name"),
        (&["--from", "env", "--objects", "Account", "--where", "Type = 'x'"], 2, "names no object"),
        (
            &["--from", "env", "--objects", "Account", "--where", "Lead: Id != null"],
            2,
            "which is not among `--objects`",
        ),
        (&["--from", "practice", "--objects", "Account"], 2, "cannot be seeded from itself"),
        (&["--describe", "broken.json"], 2, "broken.json:2:11: this is no JSON"),
        (&["--describe", "typeless.json"], 2, "`Berth__c.Code__c` has no `type`"),
    ] {
        let ran = world.run(&[&["practice", "seed"][..], args].concat()).expect(code);
        assert!(ran.stderr.contains(message), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(world.practice().org().audit().requests().len(), 0);
    let user = ["practice", "seed", "--from", "env", "--objects", "User"];
    let ran = world.run(&user).expect(2);
    assert!(ran.stderr.contains("rules of its own for it"), "{}", ran.stderr);
    let wrong = ["practice", "seed", "--from", "env", "--objects", "Acount"];
    let ran = world.run(&wrong).expect(2);
    assert!(ran.stderr.contains("did you mean `Account`?"), "{}", ran.stderr);
}
