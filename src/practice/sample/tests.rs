use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::*;
use crate::practice::org::{Cell, Change, Org, QueryScope, SeedSize, Value as Slot, Verb};

fn small() -> SeedSize {
    SeedSize { users: 5, permission_sets: 2 }
}

fn described(source: &Org, objects: &[&str]) -> Vec<Value> {
    objects.iter().map(|object| (*source.describe(object).unwrap()).clone()).collect()
}

fn wanted(describes: Vec<Value>, rows: usize) -> Wanted {
    Wanted {
        from: Some("prod".to_owned()),
        org_id: None,
        describes,
        added: Vec::new(),
        rows,
        mask: None,
    }
}

fn cell(value: &Slot) -> String {
    match value {
        Slot::Null => String::new(),
        Slot::Text(text) | Slot::Date(text) => text.clone(),
        Slot::Int(number) => number.to_string(),
        Slot::Double(number) => number.to_string(),
        Slot::Bool(value) => value.to_string(),
        Slot::DateTime(ms) => crate::practice::store::spell_datetime(*ms),
    }
}

/// Answers a question by the ids, as the client would.
fn answer(source: &Org, sampling: &mut Sampling, question: &Question, ids: &[String]) {
    for id in ids {
        let Some(fields) = source.retrieve(&question.object, id) else { continue };
        let values: BTreeMap<String, Slot> = fields.into_iter().collect();
        let id = cell(&values["Id"]);
        let cells: Vec<String> = question.fields.iter().map(|name| cell(&values[name])).collect();
        sampling.take(question.table, &id, &cells).unwrap();
    }
}

/// Copies some records of each object, and what they refer to.
fn copy(source: &Org, dir: &Path, wanted: Wanted) -> Report {
    let rows = wanted.rows;
    let mut sampling = Sampling::begin(dir, wanted).unwrap();
    let questions = sampling.questions();
    for round in 0..3 {
        for question in &questions {
            let missing = sampling.missing(question.table);
            answer(source, &mut sampling, question, &missing);
            let room = sampling.room(question.table);
            if round == 0 && room > 0 {
                let soql = format!("SELECT Id FROM {} LIMIT {rows}", question.object);
                let ids = source.query(&soql, QueryScope::Live).unwrap().record_ids;
                let new = |id: &String| !sampling.has(question.table, id);
                let ids: Vec<String> = ids.into_iter().filter(new).take(room).collect();
                answer(source, &mut sampling, question, &ids);
            }
        }
    }
    sampling.finish().unwrap()
}

fn column(org: &Org, soql: &str) -> Vec<String> {
    let rows = org.query(soql, QueryScope::Live).unwrap().rows;
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect()
}

fn insert(org: &Org, object: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let columns: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = [fields.iter().map(|(_, value)| Cell::Text((*value).to_owned())).collect()];
    let change = Change { object, verb: Verb::Insert, job: None, columns: &columns, rows: &rows };
    let result = org.apply(&change).remove(0);
    result.error.map_or(Ok(result.id), |error| Err(error.code))
}

#[test]
fn a_sample_is_whole_and_survives_a_reset() {
    let (source, dir) = (Org::new(&small()), tempfile::tempdir().unwrap());
    let describes = described(&source, &["Account", "Contact", "Shipment__c"]);
    let report = copy(&source, dir.path(), wanted(describes, 20));
    let names: Vec<&str> = report.objects.iter().map(|taken| &*taken.object).collect();
    assert_eq!(names, ["Contact", "Shipment__c", "Account"], "parents come last");
    assert!(report.objects.iter().all(|taken| taken.left_out == 0), "{report:?}");

    let org = Org::open(dir.path(), &SeedSize::default()).unwrap();
    let contacts = column(&org, "SELECT Email, Account.Name, Account.Legacy_Id__c FROM Contact");
    assert_eq!(contacts.len(), 20);
    // Each contact has the account that it has in the org that it is from.
    let known: HashSet<String> =
        column(&source, "SELECT Email, Account.Name, Account.Legacy_Id__c FROM Contact")
            .into_iter()
            .collect();
    assert!(contacts.iter().all(|contact| known.contains(contact)), "{contacts:?}");
    assert!(contacts.iter().all(|contact| !contact.ends_with('|')), "{contacts:?}");
    assert_eq!(org.audit().len(), 0, "what was copied is no effect");
    assert!(org.describe("Opportunity").is_none(), "what was not copied is not there");
    assert!(org.query("SELECT COUNT() FROM User", QueryScope::Live).is_ok());

    insert(&org, "Account", &[("Name", "New")]).unwrap();
    drop(org);
    Org::reset(dir.path()).unwrap();
    let org = Org::open(dir.path(), &SeedSize::default()).unwrap();
    assert_eq!(column(&org, "SELECT Id FROM Account WHERE Name = 'New'").len(), 0);
    assert_eq!(column(&org, "SELECT Id FROM Contact").len(), 20);
    drop(org);
    assert!(forget(dir.path()).unwrap());
    let org = Org::open(dir.path(), &small()).unwrap();
    assert_eq!(column(&org, "SELECT Id FROM Contact").len(), 400);
}

#[test]
fn the_rules_of_the_describe_are_met() {
    let dir = tempfile::tempdir().unwrap();
    let text = |name: &str, more: Value| {
        let mut field = json!({ "name": name, "type": "string", "length": 10 });
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    };
    let berth = json!({
        "name": "Berth__c", "keyPrefix": "a0Q",
        "fields": [
            text("Name", json!({ "nillable": false, "nameField": true })),
            text("Code__c", json!({ "unique": true, "externalId": true, "idLookup": true })),
            { "name": "Depth__c", "type": "double", "precision": 4, "scale": 1 },
            { "name": "Number__c", "type": "double", "precision": 8, "scale": 0, "externalId": true },
            { "name": "Kind__c", "type": "picklist", "restrictedPicklist": true, "picklistValues": [
                { "value": "Wet", "active": true, "defaultValue": true },
                { "value": "Dry", "active": true }, { "value": "Old", "active": false },
            ] },
            { "name": "Uses__c", "type": "multipicklist", "restrictedPicklist": true,
              "picklistValues": ["Grain", "Oil"] },
            { "name": "Opens__c", "type": "time" },
            { "name": "Locked__c", "type": "string", "createable": false, "updateable": false },
        ],
    });
    let wanted = Wanted {
        from: None,
        org_id: None,
        describes: Vec::new(),
        added: vec![berth],
        rows: 1,
        mask: None,
    };
    Sampling::begin(dir.path(), wanted).unwrap().finish().unwrap();
    let org = Org::open(dir.path(), &small()).unwrap();
    for (fields, code) in [
        (&[("Code__c", "1")][..], "REQUIRED_FIELD_MISSING"),
        (&[("Name", "longer than ten")], "STRING_TOO_LONG"),
        (&[("Name", "a"), ("Kind__c", "Old")], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (&[("Name", "a"), ("Uses__c", "Oil;Coal")], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (&[("Name", "a"), ("Depth__c", "1000")], "NUMBER_OUTSIDE_VALID_RANGE"),
        (&[("Name", "a"), ("Opens__c", "late")], "INVALID_FIELD"),
        (&[("Name", "a"), ("Locked__c", "x")], "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (&[("Name", "a"), ("Nope__c", "x")], "INVALID_FIELD"),
    ] {
        assert_eq!(insert(&org, "Berth__c", fields), Err(code.to_owned()), "{fields:?}");
    }
    let id = insert(
        &org,
        "Berth__c",
        &[
            ("Name", "North"),
            ("Code__c", "N"),
            ("Uses__c", "Oil; Grain"),
            ("Number__c", "7.0"),
            ("Opens__c", "08:30:00Z"),
        ],
    )
    .unwrap();
    assert!(id.starts_with("a0Q"), "{id}");
    let row = column(&org, "SELECT Name, Kind__c, Opens__c, CreatedBy.Username FROM Berth__c");
    assert_eq!(row, ["North|Wet|08:30:00Z|admin@practice.example"]);
    let again = insert(&org, "Berth__c", &[("Name", "South"), ("Code__c", "n")]);
    assert_eq!(again, Err("DUPLICATE_VALUE".to_owned()));
    // By a key that is a number, however it is written.
    let columns = ["Number__c".to_owned(), "Name".to_owned()];
    let rows = [vec![Cell::Text("7".to_owned()), Cell::Text("West".to_owned())]];
    let verb = Verb::Upsert { key: "Number__c".to_owned() };
    let object = "Berth__c";
    let changed = org.apply(&Change { object, verb, job: None, columns: &columns, rows: &rows });
    assert_eq!((changed[0].created, &changed[0].error), (false, &None));
    // Records of ours are there as ever.
    assert_eq!(column(&org, "SELECT Id FROM Account").len(), 200);
}

#[test]
fn a_file_may_add_a_field_to_an_object_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let key = json!({ "name": "Legacy_Id__c", "type": "string", "length": 40, "externalId": true });
    let added =
        ["Opportunity", "user"].map(|name| json!({ "name": name, "fields": [key.clone()] }));
    let wanted = Wanted {
        from: None,
        org_id: None,
        describes: Vec::new(),
        added: added.to_vec(),
        rows: 1,
        mask: None,
    };
    Sampling::begin(dir.path(), wanted).unwrap().finish().unwrap();
    let org = Org::open(dir.path(), &small()).unwrap();
    assert_eq!(column(&org, "SELECT Name FROM Opportunity WHERE Legacy_Id__c = null").len(), 150);
    assert_eq!(column(&org, "SELECT Name FROM User WHERE Legacy_Id__c = null").len(), 3_000);
}

#[test]
fn what_refers_out_of_the_sample_is_cleared_or_left_out() {
    let (source, dir) = (Org::new(&small()), tempfile::tempdir().unwrap());
    let mut describes = described(&source, &["Contact", "Shipment__c"]);
    let fields = describes[1]["fields"].as_array_mut().unwrap();
    fields.iter_mut().find(|field| field["name"] == "Account__c").unwrap()["nillable"] =
        false.into();
    let report = copy(&source, dir.path(), wanted(describes, 7));
    let taken: Vec<_> = report
        .objects
        .iter()
        .map(|taken| (&*taken.object, taken.records, taken.left_out, taken.cleared, taken.to_admin))
        .collect();
    // Of each contact the owner and who made and changed it are users.
    assert_eq!(taken, [("Contact", 7, 0, 7, 21), ("Shipment__c", 0, 7, 0, 0)]);
    let org = Org::open(dir.path(), &small()).unwrap();
    assert_eq!(column(&org, "SELECT Id FROM Contact WHERE AccountId = null").len(), 7);
    assert_eq!(
        column(&org, "SELECT Owner.Username FROM Contact LIMIT 1"),
        ["admin@practice.example"]
    );
}

#[test]
fn nothing_of_people_stays_where_that_is_not_wanted() {
    let (source, dir) = (Org::new(&small()), tempfile::tempdir().unwrap());
    let long = "Ask for Zoë O'Brien, 2nd floor;\nnot before 9:30";
    let fields = [
        ("LastName", "O'Brien"),
        ("FirstName", "Zoë"),
        ("Description", long),
        ("Email", "Zoe.OBrien@acme.example"),
        ("Phone", "+31 20 555-0100"),
        ("MailingCountry", "Chile"),
    ];
    insert(&source, "Contact", &fields).unwrap();
    let describes = described(&source, &["Contact", "Account", "Lead"]);
    let mask = Some(Key::of_chance().unwrap());
    let report = copy(&source, dir.path(), Wanted { mask, ..wanted(describes, 500) });
    let contact = report.objects.iter().find(|taken| taken.object == "Contact").unwrap();
    assert_eq!(contact.keys_as_they_are, ["Legacy_Id__c"]);
    assert!(contact.masked > 1_000, "{contact:?}");

    let org = Org::open(dir.path(), &small()).unwrap();
    let of_people = "SELECT FirstName, LastName, Name, Email, Phone FROM";
    for object in ["Contact", "Lead"] {
        let soql = format!("{of_people} {object} WHERE Email != null");
        let real: HashSet<String> = column(&source, &soql).into_iter().collect();
        let ours = column(&org, &soql);
        assert_eq!(ours.len(), real.len(), "{object}");
        assert!(ours.iter().all(|row| !real.contains(row)), "{object}");
        let emails: HashSet<&str> = ours.iter().map(|row| row.split('|').nth(3).unwrap()).collect();
        assert_eq!(emails.len(), ours.len(), "e-mails tell people apart as before");
        assert!(emails.iter().all(|email| email.ends_with("@mail.example")), "{emails:?}");
        for row in &ours {
            let parts: Vec<&str> = row.split('|').collect();
            assert_eq!(parts[2], format!("{} {}", parts[0], parts[1]));
        }
    }
    let zoe = column(
        &org,
        "SELECT FirstName, LastName, Description, Phone, MailingCountry FROM \
                            Contact WHERE MailingCountry = 'Chile'",
    );
    let [zoe] = &zoe[..] else { panic!("{zoe:?}") };
    let shape = |text: &str| -> String {
        let like = |c: char| match c {
            _ if c.is_uppercase() => 'A',
            _ if c.is_alphabetic() => 'a',
            '0'..='9' => '0',
            other => other,
        };
        text.chars().map(like).collect()
    };
    assert_eq!(shape(zoe), shape(&format!("Zoë|O'Brien|{long}|+31 20 555-0100|Chile")));
    assert!(
        !zoe.contains("Brien") && !zoe.contains("555-0100") && zoe.ends_with("|Chile"),
        "{zoe}"
    );
    // Nothing of it lies on the disk.
    for file in ["records.jsonl", "sample.json"] {
        let text = fs::read_to_string(dir.path().join("sample").join(file)).unwrap();
        assert!(!text.contains("Brien") && !text.to_lowercase().contains("acme.example"), "{file}");
    }
    assert!(!dir.path().join("sample/raw").exists());
}

#[test]
fn an_org_that_was_used_is_not_seeded() {
    let dir = tempfile::tempdir().unwrap();
    let org = Org::open(dir.path(), &small()).unwrap();
    insert(&org, "Account", &[("Name", "Mine")]).unwrap();
    drop(org);
    let refused = Sampling::begin(dir.path(), wanted(Vec::new(), 1)).err().unwrap();
    assert!(matches!(refused, Refused::Used(1)), "{refused}");
    Org::reset(dir.path()).unwrap();
    let user = json!({ "name": "User", "fields": [] });
    let refused = Sampling::begin(dir.path(), wanted(vec![user], 1)).err().unwrap();
    assert!(matches!(refused, Refused::OurOwn(_)), "{refused}");
}
