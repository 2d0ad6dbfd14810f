//! What becomes of rows; each test works on its own small org.

use super::*;
use crate::practice::org::{Org, QueryScope, SeedSize, Value};

const NOON: i64 = 1_795_348_800_000;

fn org() -> Org {
    Org::new(&SeedSize { users: 300, permission_sets: 40 }).with_time(|| NOON)
}

/// The first column of the rows of a query.
fn ask(org: &Org, soql: &str) -> Vec<String> {
    let answer = org.query(soql, QueryScope::Live).unwrap();
    let first = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Text(text)) => text,
        other => format!("{other:?}"),
    };
    answer.rows.into_iter().map(first).collect()
}

fn one(org: &Org, soql: &str) -> String {
    ask(org, soql).swap_remove(0)
}

/// Applies rows written as texts: empty is absent, `#N/A` clears.
fn change(org: &Org, verb: Verb, object: &str, columns: &[&str], rows: &[&[&str]]) -> Vec<String> {
    let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let cell = |text: &&str| match *text {
        "" => Cell::Absent,
        "#N/A" => Cell::Clear,
        text => Cell::Text(text.to_owned()),
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let change = Change { object, verb, job: None, columns: &columns, rows: &rows };
    org.apply(&change).iter().map(told).collect()
}

/// A result as text: the id and whether it is new, or the error as Bulk writes it.
fn told(result: &RowResult) -> String {
    match &result.error {
        None => format!("{} {}", result.id, if result.created { "new" } else { "old" }),
        Some(error) => {
            let fields = error.fields.join(",");
            format!("{}:{}:{fields}", error.code, error.message)
        }
    }
}

fn insert(org: &Org, object: &str, columns: &[&str], row: &[&str]) -> String {
    change(org, Verb::Insert, object, columns, &[row]).swap_remove(0)
}

fn id_of(told: &str) -> &str {
    assert!(told.ends_with(" new"), "{told}");
    &told[..18]
}

#[test]
fn an_insert_fills_defaults_and_stamps() {
    let org = org();
    let made = insert(&org, "Account", &["NAME", "annualRevenue"], &["Acme", "12.9"]);
    let id = id_of(&made);
    let record = org.retrieve("Account", id).unwrap();
    let value = |name: &str| record.iter().find(|(field, _)| field == name).unwrap().1.clone();
    assert_eq!(value("Id"), Value::Text(id.to_owned()));
    assert_eq!(value("AnnualRevenue"), Value::Double(12.0));
    assert_eq!(value("OwnerId"), Value::Text(org.user_id()));
    assert_eq!(value("CreatedById"), Value::Text(org.user_id()));
    for stamp in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
        assert_eq!(value(stamp), Value::DateTime(NOON), "{stamp}");
    }
    assert_eq!(value("IsDeleted"), Value::Bool(false));
}

#[test]
fn rows_that_every_object_refuses() {
    let org = org();
    let user = org.user_id();
    for (object, columns, row, expected) in [
        (
            "Account",
            &["Site"][..],
            &["x"][..],
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name",
        ),
        (
            "Account",
            &["Name", "Id"],
            &["x", &user],
            "INVALID_FIELD_FOR_INSERT_UPDATE:cannot specify Id in an insert call:Id",
        ),
        (
            "Opportunity",
            &["Amount"],
            &["1"],
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name, StageName, \
             CloseDate]:Name,StageName,CloseDate",
        ),
        (
            "Account",
            &["Name", "CreatedDate"],
            &["x", "2026-01-01"],
            "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: CreatedDate. Please \
             check the security settings of this field and verify that it is read/write for your \
              profile or permission set.:CreatedDate",
        ),
        (
            "Account",
            &["Name", "Nope__c"],
            &["x", "y"],
            "INVALID_FIELD:No such column 'Nope__c' on sobject of type Account:",
        ),
        ("Accout", &["Name"], &["x"], "INVALID_TYPE:sObject type 'Accout' is not supported.:"),
        (
            "Contact",
            &["LastName", "Account.Legacy_Id__c"],
            &["x", "k9"],
            "INVALID_FIELD:Foreign key external ID: k9 not found for field Legacy_Id__c in \
             entity Account:",
        ),
        (
            "Account",
            &["Name", "Legacy_Id__c"],
            &["x", "a-00001"],
            "DUPLICATE_VALUE:duplicate value found: Legacy_Id__c duplicates value on record with \
             id: 0018c00000Zgxkd:Legacy_Id__c",
        ),
        (
            "Organization",
            &["Name"],
            &["x"],
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:entity type cannot be inserted: Organization:",
        ),
    ] {
        let told = insert(&org, object, columns, row);
        if expected.starts_with("DUPLICATE_VALUE") {
            let id = one(&org, "SELECT Id FROM Account WHERE Legacy_Id__c = 'A-00001'");
            let expected = expected.replace("0018c00000Zgxkd", &id[..15]);
            assert_eq!(told, expected);
        } else {
            assert_eq!(told, expected);
        }
    }
    assert!(org.audit().is_empty());
}

#[test]
fn a_failing_row_does_not_undo_its_neighbors() {
    let org = org();
    let rows: &[&[&str]] = &[&["one"], &[""], &["three"]];
    let told = change(&org, Verb::Insert, "Account", &["Name"], rows);
    assert!(told[0].ends_with("new") && told[2].ends_with("new"));
    assert!(told[1].starts_with("REQUIRED_FIELD_MISSING"));
    assert_eq!(org.audit().len(), 2);
}

#[test]
fn references_by_id_and_by_key() {
    let org = org();
    let account = one(&org, "SELECT Id FROM Account WHERE Legacy_Id__c = 'A-00007'");
    let columns = ["LastName", "AccountId"];
    let by_id = insert(&org, "Contact", &columns, &["Brook", &account[..15]]);
    let columns = ["LastName", "Account.Legacy_Id__c"];
    let by_key = insert(&org, "Contact", &columns, &["Brook", "a-00007"]);
    for told in [by_id, by_key] {
        let soql = format!("SELECT AccountId FROM Contact WHERE Id = '{}'", id_of(&told));
        assert_eq!(one(&org, &soql), account);
    }
    let columns = ["Subject", "User:Owner.Username"];
    let case = insert(&org, "Case", &columns, &["x", "ADMIN@practice.example"]);
    let soql = format!("SELECT Owner.Username FROM Case WHERE Id = '{}'", id_of(&case));
    assert_eq!(one(&org, &soql), "admin@practice.example");
    let columns = ["LastName", "AccountId"];
    let wrong = insert(&org, "Contact", &columns, &["x", &org.user_id()]);
    assert!(wrong.starts_with("FIELD_INTEGRITY_EXCEPTION:Account ID: id value of incorrect type"));
}

#[test]
fn one_field_takes_one_value() {
    let org = org();
    let account = one(&org, "SELECT Id FROM Account WHERE Legacy_Id__c = 'A-00007'");
    let columns = ["LastName", "AccountId", "Account.Legacy_Id__c"];
    let told = insert(&org, "Contact", &columns, &["x", &account, "A-00007"]);
    let message = "cannot specify both an external ID reference Account and a salesforce id";
    assert_eq!(told, format!("INVALID_FIELD:{message}, AccountId:AccountId"));
    assert!(insert(&org, "Contact", &columns, &["x", &account, ""]).ends_with(" new"));
    let told = insert(&org, "Account", &["Name", "NAME"], &["x", "y"]);
    assert_eq!(told, "INVALID_FIELD:field Name is specified more than once:Name");
}

#[test]
fn an_update_changes_only_what_is_sent() {
    let org = org();
    let made = insert(&org, "Account", &["Name", "Site", "Fax"], &["Acme", "North", "1"]);
    let id = id_of(&made);
    let columns = ["Id", "Name", "Site", "Fax"];
    let told = change(&org, Verb::Update, "Account", &columns, &[&[id, "", "#N/A", "2"]]);
    assert_eq!(told, [format!("{id} old")]);
    let record = org.retrieve("Account", id).unwrap();
    let value = |name: &str| record.iter().find(|(field, _)| field == name).unwrap().1.clone();
    assert_eq!(value("Name"), Value::Text("Acme".to_owned()));
    assert_eq!((value("Site"), value("Fax")), (Value::Null, Value::Text("2".to_owned())));
    let told = change(&org, Verb::Update, "Account", &["Id", "Name"], &[&[id, "#N/A"]]);
    assert_eq!(told, ["REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name"]);
}

#[test]
fn ids_that_name_no_record() {
    let org = org();
    let user = org.user_id();
    for (id, expected) in [
        ("", "MISSING_ARGUMENT:Id not specified in an update call:Id".to_owned()),
        ("nonsense", "MALFORMED_ID:malformed id nonsense:Id".to_owned()),
        (&user, format!("MALFORMED_ID:Account ID: id value of incorrect type: {user}:Id")),
        (
            "0015500001QdQWaAAN",
            "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:".to_owned(),
        ),
    ] {
        let told = change(&org, Verb::Update, "Account", &["Id", "Site"], &[&[id, "x"]]);
        assert_eq!(told, [expected]);
    }
}

#[test]
fn the_same_key_twice_in_a_transaction_fails_both() {
    let org = org();
    let upsert = Verb::Upsert { key: "legacy_id__c".to_owned() };
    let rows: &[&[&str]] = &[&["K-1", "a"], &["K-2", "b"], &["k-1", "c"]];
    let told = change(&org, upsert, "Account", &["Legacy_Id__c", "Name"], rows);
    assert_eq!(told[0], "DUPLICATE_VALUE:Duplicate external id specified: K-1:Legacy_Id__c");
    assert!(told[1].ends_with(" new"));
    assert_eq!(told[2], "DUPLICATE_VALUE:Duplicate external id specified: k-1:Legacy_Id__c");

    let id = id_of(&told[1]).to_owned();
    let told = change(&org, Verb::Update, "Account", &["Id"], &[&[&id], &[&id[..15]]]);
    assert!(told[0].starts_with("DUPLICATE_VALUE:Duplicate id specified"), "{told:?}");
    assert!(told[1].starts_with("DUPLICATE_VALUE:Duplicate id specified"), "{told:?}");
}

#[test]
fn an_upsert_inserts_updates_and_refuses() {
    let org = org();
    let by = |key: &str| Verb::Upsert { key: key.to_owned() };
    let columns = ["Legacy_Id__c", "Name"];
    let rows: &[&[&str]] = &[&["A-00003", "Renamed"], &["N-1", "New"], &["", "None"]];
    let told = change(&org, by("Legacy_Id__c"), "Account", &columns, rows);
    assert!(told[0].ends_with(" old") && told[1].ends_with(" new"));
    assert_eq!(told[2], "MISSING_ARGUMENT:Legacy_Id__c not specified:Legacy_Id__c");
    assert_eq!(one(&org, "SELECT Name FROM Account WHERE Legacy_Id__c='A-00003'"), "Renamed");

    let told = change(&org, by("Id"), "Account", &["Id", "Name"], &[&["", "Without an id"]]);
    assert!(told[0].ends_with(" new"));
    let told = change(&org, by("Name"), "Account", &["Name"], &[&["x"]]);
    assert!(told[0].starts_with("INVALID_FIELD:Field name provided, Name is not"));

    for _ in 0..2 {
        insert(&org, "Contact", &["LastName", "Email"], &["Twin", "twin@mail.example"]);
    }
    let rows: &[&[&str]] = &[&["twin@mail.example", "x"]];
    let told = change(&org, by("Email"), "Contact", &["Email", "LastName"], rows);
    assert!(told[0].starts_with("DUPLICATE_EXTERNAL_ID:Email: more than one record found"));
}

#[test]
fn deletes_and_the_recycle_bin() {
    let org = org();
    let made = insert(&org, "Account", &["Name", "Legacy_Id__c"], &["Acme", "D-1"]);
    let id = id_of(&made).to_owned();
    let on = |verb: Verb| change(&org, verb, "Account", &["Id"], &[&[&id]]).swap_remove(0);
    let soql = format!("SELECT Id FROM Account WHERE Id = '{id}'");
    let seen = |scope| org.query(&soql, scope).unwrap().rows.len();

    assert_eq!(on(Verb::Delete), format!("{id} old"));
    assert_eq!((seen(QueryScope::Live), seen(QueryScope::All)), (0, 1));
    assert_eq!(on(Verb::Delete), "ENTITY_IS_DELETED:entity is deleted:");
    assert_eq!(on(Verb::Update), "ENTITY_IS_DELETED:entity is deleted:");
    assert_eq!(on(Verb::Undelete), format!("{id} old"));
    assert_eq!(seen(QueryScope::Live), 1);
    assert!(on(Verb::Undelete).starts_with("UNDELETE_FAILED"));
    assert_eq!(on(Verb::HardDelete), format!("{id} old"));
    assert_eq!((seen(QueryScope::Live), seen(QueryScope::All)), (0, 0));
    assert_eq!(on(Verb::Undelete), "ENTITY_IS_DELETED:entity is deleted:");
    assert!(insert(&org, "Account", &["Name", "Legacy_Id__c"], &["x", "D-1"]).ends_with("new"));
}

/// A user who is active and holds none of the seeded sets.
fn free_user(org: &Org) -> String {
    one(
        org,
        "SELECT Id FROM User WHERE IsActive = true AND Profile.Name = 'Standard User' AND Id NOT \
         IN \
         (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = \
         false) ORDER BY Username",
    )
}

fn set(org: &Org, name: &str) -> String {
    one(org, &format!("SELECT Id FROM PermissionSet WHERE Name = '{name}'"))
}

const PSA: &str = "PermissionSetAssignment";
const PAIR: [&str; 2] = ["AssigneeId", "PermissionSetId"];

#[test]
fn an_assignment_is_made_once() {
    let org = org();
    let (user, set) = (free_user(&org), set(&org, "Cargo_Booking"));
    let made = insert(&org, PSA, &PAIR, &[&user, &set]);
    let id = id_of(&made).to_owned();
    let again = insert(&org, PSA, &PAIR, &[&user[..15], &set[..15]]);
    let expected = format!(
        "DUPLICATE_VALUE:Duplicate PermissionSetAssignment.  Assignee: {}; Permission Set: {}\
         :AssigneeId,PermissionSetId",
        &user[..15],
        &set[..15]
    );
    assert_eq!(again, expected);
    assert_eq!(change(&org, Verb::Delete, PSA, &["Id"], &[&[&id]]), [format!("{id} old")]);
    assert!(insert(&org, PSA, &PAIR, &[&user, &set]).ends_with(" new"));
    let told = change(&org, Verb::Delete, PSA, &["Id"], &[&[&id]]);
    assert_eq!(told, ["ENTITY_IS_DELETED:entity is deleted:"]);
}

#[test]
fn only_the_expiration_of_an_assignment_changes() {
    let org = org();
    let (user, set) = (free_user(&org), set(&org, "Rate_Quotes"));
    let made = insert(&org, PSA, &PAIR, &[&user, &set]);
    let id = id_of(&made);
    let columns = ["Id", "ExpirationDate"];
    let rows: &[&[&str]] = &[&[id, "2027-01-01T00:00:00Z"]];
    assert_eq!(change(&org, Verb::Update, PSA, &columns, rows), [format!("{id} old")]);
    let told = change(&org, Verb::Update, PSA, &["Id", "AssigneeId"], &[&[id, &user]]);
    assert!(told[0].starts_with("INVALID_FIELD_FOR_INSERT_UPDATE"), "{told:?}");
}

#[test]
fn assignments_that_are_refused() {
    let org = org();
    let user = free_user(&org);
    let inactive = one(&org, "SELECT Id FROM User WHERE IsActive = false");
    let group = one(&org, "SELECT Id FROM PermissionSetGroup");
    let platform = one(
        &org,
        "SELECT Id FROM User WHERE IsActive = true AND Profile.Name = 'Standard Platform User'",
    );
    let name = one(&org, &format!("SELECT Name FROM User WHERE Id = '{platform}'"));
    let (booking, billing) = (set(&org, "Cargo_Booking"), set(&org, "Contract_Billing"));
    let columns = ["AssigneeId", "PermissionSetId", "PermissionSetGroupId"];
    for (row, expected) in [
        ([&*user, "", ""],
         "REQUIRED_FIELD_MISSING:Required fields are missing: \
          [PermissionSetId]:PermissionSetId".to_owned()),
        (["", &booking, ""],
         "REQUIRED_FIELD_MISSING:Required fields are missing: [AssigneeId]:AssigneeId".to_owned()),
        ([&user, &booking, &group],
         "FIELD_INTEGRITY_EXCEPTION:specify either PermissionSetId or PermissionSetGroupId, not \
          both:PermissionSetId,PermissionSetGroupId".to_owned()),
        ([&inactive, &booking, ""],
         format!("INACTIVE_OWNER_OR_USER:operation performed with inactive user \
          [{inactive}]:AssigneeId")),
        ([&platform, &billing, ""],
         format!("FIELD_INTEGRITY_EXCEPTION:Can't assign permission set Contract Billing to user \
                  {name}. The user license doesn't allow the permission: Api \
                   Enabled:PermissionSetId")),
        ([&booking, &booking, ""],
         format!("FIELD_INTEGRITY_EXCEPTION:Assignee ID: id value of incorrect type: \
          {booking}:AssigneeId")),
    ] {
        assert_eq!(insert(&org, PSA, &columns, &row), expected);
    }
    let kind = "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true";
    let told = insert(&org, PSA, &PAIR, &[&user, &one(&org, kind)]);
    assert!(told.starts_with("INSUFFICIENT_ACCESS_OR_READONLY"), "{told}");
    let hidden = "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile=true";
    let told = change(&org, Verb::Delete, PSA, &["Id"], &[&[&one(&org, hidden)]]);
    assert!(told[0].starts_with("INSUFFICIENT_ACCESS_OR_READONLY"), "{told:?}");
}

#[test]
fn an_inactive_user_may_be_let_in_by_a_switch() {
    let org = org().with_switches(Switches { inactive_assignee: false, ..Switches::default() });
    let inactive = one(&org, "SELECT Id FROM User WHERE IsActive = false");
    let told = insert(&org, PSA, &PAIR, &[&inactive, &set(&org, "Fuel_Ordering")]);
    assert!(told.ends_with(" new"), "{told}");
}

#[test]
fn seats_of_a_license_run_out() {
    let org = org();
    let filing = set(&org, "Customs_Filing");
    let soql = "SELECT Id FROM User WHERE IsActive = true AND Profile.Name = 'Customer Care' AND \
                Id NOT IN (SELECT AssigneeId FROM PermissionSetLicenseAssign) LIMIT 4";
    let users = ask(&org, soql);
    let rows: Vec<[&str; 2]> = users.iter().map(|user| [&**user, &*filing]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let told = change(&org, Verb::Insert, PSA, &PAIR, &rows);
    assert!(told[0].ends_with(" new") && told[1].ends_with(" new"), "{told:?}");
    let full = "LICENSE_LIMIT_EXCEEDED:no licenses are left: Customs Filing:";
    assert_eq!(told[2..], [full, full]);
    let soql = "SELECT Id FROM PermissionSetLicense WHERE UsedLicenses = 5 AND TotalLicenses = 5";
    assert_eq!(ask(&org, soql).len(), 1);
    // Each assignment took a seat first, and the audit knows.
    assert_eq!(org.audit().len(), 4);
}

#[test]
fn a_group_is_assigned_by_its_aggregate() {
    let org = org();
    let user = free_user(&org);
    let group = one(&org, "SELECT Id FROM PermissionSetGroup WHERE DeveloperName = 'Compliance'");
    let columns = ["AssigneeId", "PermissionSetGroupId"];
    let made = insert(&org, PSA, &columns, &[&user, &group]);
    let soql = format!("SELECT PermissionSet.Type FROM {PSA} WHERE Id = '{}'", id_of(&made));
    assert_eq!(one(&org, &soql), "Group");
    assert!(insert(&org, PSA, &columns, &[&user, &group]).starts_with("DUPLICATE_VALUE"));
}

#[test]
fn custom_profiles_change_and_standard_ones_do_not() {
    let org = org();
    let columns = ["Id", "PermissionsApiUserOnly"];
    let custom = one(&org, "SELECT Id FROM Profile WHERE Name = 'Port Clerk'");
    let told = change(&org, Verb::Update, "Profile", &columns, &[&[&custom, "false"]]);
    assert_eq!(told, [format!("{custom} old")]);
    let soql =
        "SELECT Name FROM Profile WHERE PermissionsApiUserOnly = false AND Name='Port Clerk'";
    assert_eq!(ask(&org, soql).len(), 1);
    let standard = one(&org, "SELECT Id FROM Profile WHERE Name = 'Standard User'");
    let told = change(&org, Verb::Update, "Profile", &columns, &[&[&standard, "false"]]);
    assert!(told[0].starts_with("INSUFFICIENT_ACCESS_OR_READONLY"), "{told:?}");
}

#[test]
fn users_are_made_and_never_deleted() {
    let org = org();
    let profile = one(&org, "SELECT Id FROM Profile WHERE Name = 'Standard User'");
    let columns = [
        "Username",
        "LastName",
        "Email",
        "Alias",
        "TimeZoneSidKey",
        "LocaleSidKey",
        "EmailEncodingKey",
        "ProfileId",
        "LanguageLocaleKey",
    ];
    let row = |name: &'static str| {
        [name, "Vale", "v@mail.example", "vale", "Europe/Berlin", "de_DE", "UTF-8", "", "de"]
    };
    let with = |name| {
        let mut row: Vec<&str> = row(name).to_vec();
        row[7] = &profile;
        insert(&org, "User", &columns, &row)
    };
    let made = with("vera.vale@practice.example");
    let soql = format!("SELECT Name FROM User WHERE IsActive = true AND Id = '{}'", id_of(&made));
    assert_eq!(one(&org, &soql), "Vale");
    assert_eq!(
        with("VERA.vale@practice.example"),
        "DUPLICATE_USERNAME:Duplicate Username.:Username"
    );
    assert!(with("vera").starts_with("INVALID_EMAIL_ADDRESS"));
    let told = change(&org, Verb::Delete, "User", &["Id"], &[&[id_of(&made)]]);
    assert_eq!(told, ["INVALID_TYPE_FOR_OPERATION:entity type cannot be deleted: User:"]);
}

#[test]
fn sets_in_use_and_built_in_sets_stay() {
    let org = org();
    let used = one(
        &org,
        "SELECT PermissionSetId FROM PermissionSetAssignment WHERE PermissionSet.Type = 'Regular'",
    );
    let told = change(&org, Verb::Delete, "PermissionSet", &["Id"], &[&[&used]]);
    assert!(told[0].starts_with("DELETE_FAILED"), "{told:?}");
    let owned = one(&org, "SELECT Id FROM PermissionSet WHERE Type = 'Profile'");
    let told = change(&org, Verb::Update, "PermissionSet", &["Id", "Label"], &[&[&owned, "x"]]);
    assert!(told[0].starts_with("INSUFFICIENT_ACCESS_OR_READONLY"), "{told:?}");
    let made = insert(&org, "PermissionSet", &["Name", "Label"], &["Mooring", "Mooring"]);
    let told = change(&org, Verb::Delete, "PermissionSet", &["Id"], &[&[id_of(&made)]]);
    assert!(told[0].ends_with(" old"), "{told:?}");
}

#[test]
fn values_that_the_service_works_out() {
    let org = org();
    let made = insert(&org, "Contact", &["FirstName", "LastName"], &["Ada", "Marsh"]);
    let soql = format!("SELECT Name FROM Contact WHERE Id = '{}'", id_of(&made));
    assert_eq!(one(&org, &soql), "Ada Marsh");
    let columns = ["Name", "StageName", "CloseDate"];
    let made = insert(&org, "Opportunity", &columns, &["x", "Closed Won", "2026-12-01"]);
    let soql = format!("SELECT Id FROM Opportunity WHERE IsWon = true AND Id = '{}'", id_of(&made));
    assert_eq!(ask(&org, &soql).len(), 1);
    let made = insert(&org, "Case", &["Subject"], &["x"]);
    let soql = format!("SELECT CaseNumber FROM Case WHERE Id = '{}'", id_of(&made));
    assert_eq!(one(&org, &soql), "00001151");
}
