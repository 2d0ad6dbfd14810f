use std::sync::Mutex;

use super::*;
use crate::pipeline::assent::{Always, Never};

fn acme() -> OrgFacts {
    OrgFacts {
        id: "00D8c00000Hn2PqEAJ".to_owned(),
        name: "Acme Ltd".to_owned(),
        user_id: "0058c00000Hn2Pq".to_owned(),
        username: "ada@acme.example".to_owned(),
        sandbox: Some(false),
        origin: "https://acme.my.salesforce.com".to_owned(),
    }
}

fn deed(org: &OrgFacts, operation: Operation, rows: Option<u64>) -> Deed<'_> {
    Deed { operation, object: "PermissionSetAssignment", org, rows }
}

fn told(failure: &Failure) -> String {
    let hints = failure.hints.iter().map(|hint| format!("hint: {hint}\n"));
    format!("{} {}\n{}", failure.blame.exit_code(), failure.message, hints.collect::<String>())
}

fn policy(text: &str) -> Policy {
    toml::from_str(text).unwrap()
}

fn file() -> Source {
    Source::File("rows.csv".into())
}

fn now() -> jiff::Timestamp {
    "2026-11-22T22:40:00Z".parse().unwrap()
}

#[test]
fn which_org_is_production() {
    for (sandbox, origin, production) in [
        (Some(false), "https://acme.my.salesforce.com", true),
        (Some(false), "http://localhost", true),
        (Some(true), "https://acme.my.salesforce.com", false),
        (None, "https://acme.my.salesforce.com", true),
        (None, "https://acme.eu.auth0.com", true),
        (None, "http://localhost:8790", false),
        (None, "http://127.0.0.1:8790", false),
        (None, "https://127.1.2.3", false),
        (None, "http://[::1]:8790", false),
        (None, "https://localhost.evil.example", true),
        (None, "https://127.0.0.1.evil.example", true),
        (None, "https://10.0.0.1", true),
        (None, "", true),
    ] {
        let org = OrgFacts { sandbox, origin: origin.to_owned(), ..acme() };
        assert_eq!(is_production(&org), production, "{sandbox:?} {origin}");
    }
}

/// Gives the words it was made with, and notes which were asked for.
struct Typist {
    org: &'static str,
    rows: u64,
    asked: Mutex<Vec<String>>,
}

impl Assent for Typist {
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        Err(doubt)
    }

    fn typed(&self, word: &Word<'_>, danger: Failure) -> Result<(), Failure> {
        self.asked.lock().unwrap().push(format!("{word:?}"));
        let given = match word {
            Word::Org { .. } => self.org.to_owned(),
            Word::Rows(_) => self.rows.to_string(),
            Word::Step(id) => (*id).to_owned(),
        };
        if word.is(&given) { Ok(()) } else { Err(danger) }
    }
}

#[test]
fn production_is_confirmed_by_name_and_a_removal_by_its_rows_too() {
    use Operation::{Delete, HardDelete, Insert, Update, Upsert};
    let (production, sandbox) = (acme(), OrgFacts { sandbox: Some(true), ..acme() });
    for (org, operation, name, rows, words) in [
        (&production, Insert, "Acme Ltd", 0, Ok(1)),
        (&production, Update, "00D8c00000Hn2PqEAJ", 0, Ok(1)),
        (&production, Upsert, "Acme", 0, Err(1)),
        (&production, Delete, "Acme Ltd", 96, Ok(2)),
        (&production, Delete, "Acme Ltd", 95, Err(2)),
        (&production, HardDelete, "Acme Ltd", 96, Ok(2)),
        (&production, HardDelete, "acme ltd", 96, Err(1)),
        (&sandbox, HardDelete, "", 0, Ok(0)),
    ] {
        let typist = Typist { org: name, rows, asked: Mutex::default() };
        let confirmed = confirm(&deed(org, operation, Some(96)), &file(), &typist);
        let asked = typist.asked.lock().unwrap().len();
        let came = if confirmed.is_ok() { Ok(asked) } else { Err(asked) };
        assert_eq!(came, words, "{operation} {name} {rows}");
        if let Ok(Some(confirmed)) = confirmed {
            assert_eq!(confirmed.org, org.id);
            assert_eq!(confirmed.rows, is_removal(operation).then_some(96));
        }
    }
}

#[test]
fn yes_confirms_nothing() {
    let org = acme();
    let deed = deed(&org, Operation::Insert, Some(2));
    assert!(confirm(&deed, &file(), &Always).is_err());
}

#[test]
fn what_is_said_when_nobody_confirms() {
    let org = acme();
    let plain = OrgFacts {
        name: "acme.eu.auth0.com".to_owned(),
        id: "acme.eu.auth0.com".to_owned(),
        sandbox: None,
        ..acme()
    };
    let nameless = OrgFacts { name: String::new(), ..acme() };
    let quoted = OrgFacts { name: "Ada's".to_owned(), ..acme() };
    let cases = [
        (&org, Operation::Insert, Some(4_812)),
        (&org, Operation::Update, None),
        (&plain, Operation::Delete, Some(1)),
        (&nameless, Operation::HardDelete, Some(96)),
        (&quoted, Operation::Upsert, Some(0)),
    ];
    let mut text = String::new();
    for (org, operation, rows) in cases {
        text += &told(&confirm(&deed(org, operation, rows), &file(), &Never).unwrap_err());
    }
    let stdin = deed(&org, Operation::Delete, None);
    text += &told(&confirm(&stdin, &Source::Stdin, &Never).unwrap_err());
    let typist = Typist { org: "Acme Ltd", rows: 95, asked: Mutex::default() };
    let rows = deed(&org, Operation::Delete, Some(96));
    text += &told(&confirm(&rows, &file(), &typist).unwrap_err());
    insta::assert_snapshot!(text, @r#"
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the name of the org to be confirmed
    hint: `--confirm-org 'Acme Ltd'` confirms it; `--yes` does not
    6 update of rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the name of the org to be confirmed
    hint: `--confirm-org 'Acme Ltd'` confirms it; `--yes` does not
    6 delete of 1 row of `PermissionSetAssignment` in the production org `acme.eu.auth0.com` as `ada@acme.example` needs the name of the org to be confirmed
    hint: `--confirm-org acme.eu.auth0.com --confirm-rows 1` confirms it; `--yes` does not
    6 hard-delete of 96 rows of `PermissionSetAssignment` in the production org `00D8c00000Hn2PqEAJ` as `ada@acme.example` needs the name of the org to be confirmed
    hint: `--confirm-org 00D8c00000Hn2PqEAJ --confirm-rows 96` confirms it; `--yes` does not
    6 upsert of 0 rows of `PermissionSetAssignment` in the production org `Ada's` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the name of the org to be confirmed
    hint: `--confirm-org 'Ada'\''s'` confirms it; `--yes` does not
    6 delete of rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the number of its rows beforehand, and those of `stdin` cannot be counted
    hint: put the rows into a file
    6 delete of 96 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the number of its rows to be confirmed
    hint: `--confirm-org 'Acme Ltd' --confirm-rows 96` confirms it; `--yes` does not
    "#);
}

#[test]
fn the_policy_refuses() {
    let org = acme();
    let insert = deed(&org, Operation::Insert, Some(4_812));
    let refusals = [
        allowed(
            &policy("allowed_orgs = ['00D8c00000Hn2Pr', '00D8c00000Hn2PrEAJ']"),
            &insert,
            now(),
        ),
        allowed(&policy("allowed_orgs = []"), &insert, now()),
        allowed(&policy("change_window = 'Fri 18:00-22:00 Europe/Berlin'"), &insert, now()),
        allowed(
            &policy("change_window = ['Fri 18:00-22:00 UTC', 'Mon 06:00-07:00 UTC']"),
            &insert,
            now(),
        ),
        few_enough(&policy("max_rows = 4811"), &insert, &file()),
        few_enough(
            &policy("max_rows = 9999"),
            &deed(&org, Operation::Insert, None),
            &Source::Stdin,
        ),
        part_enough(
            "10%".parse().unwrap(),
            48_119,
            &deed(&org, Operation::Delete, Some(4_812)),
            &file(),
        ),
    ];
    let text: String = refusals.into_iter().map(|refusal| told(&refusal.unwrap_err())).collect();
    insta::assert_snapshot!(text, @"
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: the org is not in `allowed_orgs` of `longshore.toml`
    hint: sign in to another org, or add the id of this one
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: the org is not in `allowed_orgs` of `longshore.toml`
    hint: sign in to another org, or add the id of this one
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: it is Sun 23:40 there, and `change_window` of `longshore.toml` is `Fri 18:00-22:00 Europe/Berlin`
    hint: it opens on Fri 2026-11-27 at 18:00 Europe/Berlin
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: it is Sun 22:40 there, and `change_window` of `longshore.toml` is `Fri 18:00-22:00 UTC` and `Mon 06:00-07:00 UTC`
    hint: it opens on Mon 2026-11-23 at 06:00 UTC
    6 insert of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` is too much: `max_rows` of `longshore.toml` is 4811
    hint: if so many rows are meant, raise `max_rows` in `longshore.toml`
    hint: `--skip` and `--limit` load a part of them
    6 insert of rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example` needs the number of its rows beforehand, and those of `stdin` cannot be counted
    hint: put the rows into a file
    6 delete of 4812 rows of `PermissionSetAssignment` in the production org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: the object has 48119 records, and `max_delete_share` of `longshore.toml` is 10%
    hint: if so many shall go, raise `max_delete_share` in `longshore.toml`
    ");
}

#[test]
fn the_policy_lets_pass() {
    let org = acme();
    let sandbox = OrgFacts { sandbox: Some(true), ..acme() };
    for (org, text) in [
        (&org, ""),
        (&org, "allowed_orgs = ['00D8c00000Hn2PqEAJ']"),
        (&org, "allowed_orgs = ['00D8c00000Hn2Pq']"),
        (&org, "change_window = 'Sun 23:00-24:00 Europe/Berlin'"),
        (&sandbox, "change_window = 'Fri 18:00-22:00 Europe/Berlin'"),
    ] {
        assert!(
            allowed(&policy(text), &deed(org, Operation::Insert, None), now()).is_ok(),
            "{text}"
        );
    }
    let insert = deed(&org, Operation::Insert, Some(4_812));
    assert!(few_enough(&policy("max_rows = 4812"), &insert, &file()).is_ok());
    assert!(few_enough(&policy(""), &insert, &Source::Stdin).is_ok());
    assert!(part_enough("10%".parse().unwrap(), 48_120, &insert, &file()).is_ok());
}

#[test]
fn too_many_rows_in_error() {
    let org = OrgFacts { sandbox: Some(true), ..acme() };
    let brake = Brake {
        limit: "5%".parse().unwrap(),
        operation: Operation::Insert,
        object: "Account".to_owned(),
        org,
        run: "friday".to_owned(),
    };
    let counts = |success, error| Counts { success, error, ..Counts::default() };
    assert!(brake.pull(counts(95, 5)).is_none());
    insta::assert_snapshot!(told(&brake.pull(counts(94, 6)).unwrap()), @"
    6 insert of rows of `Account` in the org `Acme Ltd` (`00D8c00000Hn2PqEAJ`) as `ada@acme.example`: 6 of the 100 rows so far are in error, and `max_failed` is 5%
    hint: `out/error.csv` of the run tells what is wrong with them; no further job is started
    hint: `longshore resume friday --yes` sends the rest all the same, `--max-failed N` up to another limit
    ");
}
