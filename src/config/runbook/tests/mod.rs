mod bad;
mod schema;

use std::fs;

use super::*;

/// A folder with the files that runbooks of these tests name.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("in/accounts.csv", "Legacy_Id__c,Name,Parent\nA1,Acme,\n"),
        ("in/people.csv", "Email\nann@acme.example\n"),
        ("maps/account.toml", ACCOUNT_MAP),
        ("maps/contact.toml", CONTACT_MAP),
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }
    dir
}

const ACCOUNT_MAP: &str = "[fields]\nLegacy_Id__c = \"Legacy_Id__c\"\nName = \"Name\"\n\
    ParentId = { column = \"Parent\", lookup = { step = \"accounts\", key = \"Legacy_Id__c\" } }\n";
const CONTACT_MAP: &str = "[fields]\nLastName = \"Name\"\n\
    AccountId = { column = \"Account\", lookup = { step = \"accounts\", key = \"Legacy_Id__c\" } }\n";

const WHOLE: &str = r#"
runbook = "crm-cutover"
version = 1
description = "all of it"
default_target = "rehearsal"

[parameters]
owner = "migration@acme.example"
when = { description = "the day" }

[targets.rehearsal]
crm = "practice"
[targets.production]
crm = { alias = "prod", org_id = "00D8c00000Hn2PqEAJ" }

[policy]
max_failed = "0.5%"
max_rows_deleted = 5_000
change_window = "Fri 20:00-02:00 Europe/Berlin"
api_budget = "40%"

[[steps]]
id = "precheck"
title = "on ${when}, $${not}"
assert = [
  { query = "SELECT COUNT() FROM Account", equals = 0 },
  { query = "SELECT Name FROM User WHERE Email = '${owner}'", equals = "Ann" },
  { query = "SELECT COUNT() FROM Contact", between = [1, 2.5] },
]

[[steps]]
id = "accounts"
depends_on = ["precheck"]
org = "crm"
max_failed = 3
[steps.load]
operation = "upsert"
object = "Account"
file = "in/accounts.csv"
external_id = "Legacy_Id__c"
mapping = "maps/account.toml"
second_pass = ["ParentId"]
column_delimiter = "COMMA"
line_ending = "LF"
encoding = "utf-8"
on_duplicate = "keep-last"
nulls = "clear"
before_images = true
chunk_rows = 100

[[steps]]
id = "contacts"
depends_on = ["accounts", "old"]
load = { operation = "insert", object = "Contact", rows_of = "old", mapping = "maps/contact.toml" }

[[steps]]
id = "old"
depends_on = ["precheck"]
export = { object = "Contact", fields = ["Id", "Name"], where = "Name != null", output = "old.csv" }

[[steps]]
id = "joiners"
[steps.permissions]
action = "sync"
file = "in/people.csv"
permission_sets = ["Sales User"]
match = ["Email", "user-id"]
scope = "listed-users"
expires = "never"

[[steps]]
id = "go"
depends_on = ["contacts"]
checkpoint = { message = "all looked at" }

[[steps]]
id = "recon"
depends_on = ["go"]
reconcile = [
  { name = "accounts", count = { file = "in/accounts.csv", object = "Account" }, tolerance = "0.1%" },
  { name = "sum", sum = { rows_of = "accounts", column = "A", object = "Account", field = "A__c", only = { Stage = "Won" } }, tolerance = 0.01 },
  { name = "nulls", nulls = { file = "in/accounts.csv", column = "A", object = "Account", field = "A__c" } },
  { name = "orphans", orphans = { object = "Contact", field = "AccountId", expected = 3 } },
  { name = "twice", duplicates = { file = "in/accounts.csv", column = "A", object = "Account", field = "A__c" } },
  { name = "sample", sample = { step = "accounts", fields = ["Name"] } },
]
"#;

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parse(text: &str, folder: &Path, pairs: &[(&str, &str)]) -> Result<Runbook, RunbookFaults> {
    let folder = fs::canonicalize(folder).unwrap();
    Runbook::parse(text, "crm.toml", &folder, &given(pairs))
}

#[test]
fn a_runbook_that_says_all_there_is_to_say() {
    let dir = folder();
    let runbook = parse(WHOLE, dir.path(), &[("when", "friday")]);
    let runbook = runbook.unwrap_or_else(|faults| panic!("{faults}"));
    let StepKind::Load(load) = &runbook.steps[1].kind else { panic!("{runbook:?}") };
    let root = fs::canonicalize(dir.path()).unwrap();
    let wanted = LoadStep {
        operation: Operation::Upsert,
        object: "Account".to_owned(),
        rows: Rows::File(root.join("in/accounts.csv")),
        external_id: Some("Legacy_Id__c".to_owned()),
        mapping: Some(root.join("maps/account.toml")),
        second_pass: vec!["ParentId".to_owned()],
        delimiter: Some(Delimiter::Comma),
        line_ending: Some(LineEnding::Lf),
        encoding: Some("utf-8".to_owned()),
        on_bad_row: OnBadRow::Reject,
        on_duplicate: Some(OnDuplicate::KeepLast),
        nulls: Nulls::Clear,
        before_images: Some(true),
        skip_unchanged: false,
        verify_after: false,
        chunk_rows: Some(100),
        chunk_bytes: None,
        parallel: None,
    };
    assert_eq!(**load, wanted);
    let step = &runbook.steps[1];
    assert_eq!((step.place, step.org.as_str()), (Place { line: 31, column: 1 }, "crm"));
    assert_eq!(step.max_failed, Some(MaxFailed::Rows(3)));
    assert_eq!(runbook.steps[0].title.as_deref(), Some("on friday, ${not}"));
    let StepKind::Assert(asserts) = &runbook.steps[0].kind else { panic!("{runbook:?}") };
    assert_eq!(asserts[1].soql, "SELECT Name FROM User WHERE Email = 'migration@acme.example'");
    let bounds: Vec<&Bound> = asserts.iter().map(|one| &one.bound).collect();
    let text = |text: &str| Bound::Equals(text.to_owned());
    assert_eq!(bounds, [&text("0"), &text("Ann"), &Bound::Between(1.0, 2.5)]);
    let StepKind::Permissions(change) = &runbook.steps[4].kind else { panic!("{runbook:?}") };
    assert_eq!(change.matching, ["Email", "User Id"]);
    let StepKind::Reconcile(checks) = &runbook.steps[6].kind else { panic!("{runbook:?}") };
    let CheckKind::Sum { source, .. } = &checks[1].kind else { panic!("{checks:?}") };
    assert_eq!((&source.rows, source.only.len()), (&Rows::Step("accounts".to_owned()), 1));
    assert_eq!(checks[0].tolerance.share, Some("0.1%".parse().unwrap()));
    assert_eq!(runbook.policy.api_budget, Some(ApiBudget::Share("40%".parse().unwrap())));
    assert_eq!(runbook.policy.max_rows_deleted, Some(5_000));
    assert_eq!((runbook.targets.len(), runbook.default_target.as_str()), (2, "rehearsal"));
}
