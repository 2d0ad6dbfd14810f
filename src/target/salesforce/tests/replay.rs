//! `fixtures/wire/`, from the client's side: the exchanges that the practice org is held to are
//! what the client asks, and it makes of each answer what it should.
//!
//! The format of the files stands in `practice/fixture_tests.rs`, which replays the requests.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::exports::{Lines, counted, soql};
use super::*;
use crate::model::limits;

const HERE: &str = "http://localhost:8080";
const HEADERS: [&str; 4] =
    ["content-type", "sforce-limit-info", "sforce-locator", "sforce-numberofrecords"];

/// The call of the client whose answer a file holds.
#[derive(Debug, Clone, Copy)]
enum Take {
    ByCredentials {
        secret: &'static str,
    },
    ByRefresh,
    /// What every step begins with; named once.
    Versions,
    Describe(&'static str),
    /// A query, and how many rows the `COUNT()` before it finds, where there is one.
    Export(&'static str, Option<u64>),
    Reserve(&'static str, Operation, Option<&'static str>),
    Stage,
    Commit,
    Ask,
    Abandon,
    Download(ResultFile),
    StartQuery(&'static str),
    AskQuery,
    Page(Option<&'static str>),
}

/// Whether the request of the file is the client's own.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    Same,
    /// The client asks otherwise, for this reason; the answer is its to understand all the same.
    Other(&'static str),
}

use Spelling::{Other, Same};
use Take::{Abandon, Ask, AskQuery, Commit, Download, Export, Page, Reserve, Stage, StartQuery};

const USERS: &str = "SELECT Id, Username, Profile.Name, IsActive FROM User ORDER BY Id LIMIT 5";
const DONE_JOB: &str = "done: 750Pr0A00000001ICA";
const STATE: &str = "not done: State INVALIDJOBSTATE";

/// File, call, whether the request is the same, and what the client makes of the answer.
const STEPS: [(&str, Take, Spelling, &str); 46] = [
    ("abort-01-create", Reserve("Account", Operation::Insert, None), Same, DONE_JOB),
    ("abort-03-abort", Abandon, Same, "done: ()"),
    ("abort-04-close-aborted", Commit, Same, STATE),
    ("abort-05-aborted", Ask, Same, "done: Aborted 0/0"),
    (
        "assign-01-create",
        Reserve("PermissionSetAssignment", Operation::Insert, None),
        Same,
        DONE_JOB,
    ),
    ("assign-02-open", Ask, Same, "done: Open ?/?"),
    ("assign-03-upload", Stage, Same, "done: ()"),
    ("assign-04-upload-again", Stage, Same, "not done: State CLIENTINPUTERROR"),
    ("assign-05-close", Commit, Same, "done: ()"),
    ("assign-06-complete", Ask, Same, "done: JobComplete 5/2"),
    ("assign-07-successfulresults", Download(ResultFile::Successful), Same, "done: whole"),
    ("assign-08-failedresults", Download(ResultFile::Failed), Same, "done: whole"),
    ("assign-09-unprocessedrecords", Download(ResultFile::Unprocessed), Same, "done: whole"),
    ("assign-10-close-again", Commit, Same, STATE),
    ("assign-11-abort-completed", Abandon, Same, STATE),
    ("assign-13-gone", Ask, Same, "not done: Gone NOT_FOUND"),
    ("export-01-create", StartQuery(USERS), Same, DONE_JOB),
    ("export-02-complete", AskQuery, Same, "done: JobComplete 5/?"),
    ("export-03-first-page", Page(None), Same, "done: 3 rows, then Some(\"cm93Mw\")"),
    ("export-04-last-page", Page(Some("cm93Mw")), Same, "done: 2 rows, then None"),
    (
        "export-06-aggregate-refused",
        StartQuery("SELECT COUNT() FROM User"),
        Same,
        "not done: Refused API_ERROR",
    ),
    ("look-01-versions", Take::Versions, Same, "done: 62.0"),
    ("look-03-unknown-object", Take::Describe("Nope"), Same, "not done: Gone NOT_FOUND"),
    (
        "look-04-organization",
        Export("SELECT Id, IsSandbox, OrganizationType FROM Organization", Some(1)),
        Same,
        "done: Id|IsSandbox|OrganizationType 00D8c00000ZgV6fEAF|true|Developer Edition",
    ),
    ("look-05-count", Export("SELECT COUNT() FROM User", None), Same, "done: COUNT() 30"),
    (
        "look-06-unknown-field",
        Export("SELECT Nope FROM Account", Some(7)),
        Same,
        "not done: Refused INVALID_FIELD",
    ),
    (
        "look-07-expired-session",
        Ask,
        Other("the file asks for the limits, which the client never does"),
        "not done: Access INVALID_SESSION_ID",
    ),
    (
        "refuse-01-unknown-object",
        Reserve("Acount", Operation::Insert, None),
        Same,
        "not done: Refused INVALIDJOB",
    ),
    (
        "refuse-02-wrong-case",
        Reserve("Account", Operation::Insert, None),
        Other("the client has one spelling of each operation"),
        "not done: Refused INVALIDJOB",
    ),
    ("refuse-03-create", Reserve("Account", Operation::Insert, None), Same, DONE_JOB),
    ("refuse-04-upload", Stage, Same, "done: ()"),
    ("refuse-05-close", Commit, Same, "done: ()"),
    (
        "refuse-06-failed",
        Ask,
        Same,
        "done: Failed 0/0 InvalidBatch : Field name not found : Foo__c",
    ),
    ("refuse-07-successfulresults", Download(ResultFile::Successful), Same, "done: whole"),
    ("refuse-08-failedresults", Download(ResultFile::Failed), Same, "done: whole"),
    ("refuse-09-unprocessedrecords", Download(ResultFile::Unprocessed), Same, "done: whole"),
    (
        "sign-in-01-client-credentials",
        Take::ByCredentials { secret: "practice-secret" },
        Same,
        "done: 62.0",
    ),
    (
        "sign-in-02-wrong-secret",
        Take::ByCredentials { secret: "wrong" },
        Same,
        "not done: Access invalid_client",
    ),
    ("sign-in-03-expired-refresh-token", Take::ByRefresh, Same, "not done: Access invalid_grant"),
    (
        "sign-in-04-unknown-grant",
        Take::ByCredentials { secret: "practice-secret" },
        Other("the client has no such grant; an org may refuse one that it has"),
        "not done: Access unsupported_grant_type",
    ),
    (
        "upsert-01-create",
        Reserve("Shipment__c", Operation::Upsert, Some("Shipment_Number__c")),
        Other("the client sends commas and LF whatever it reads"),
        DONE_JOB,
    ),
    ("upsert-02-upload", Stage, Same, "done: ()"),
    ("upsert-03-close", Commit, Same, "done: ()"),
    ("upsert-04-complete", Ask, Same, "done: JobComplete 2/1"),
    ("upsert-05-successfulresults", Download(ResultFile::Successful), Same, "done: whole"),
    ("upsert-06-failedresults", Download(ResultFile::Failed), Same, "done: whole"),
];

/// Calls that the client never makes, and why.
const NEVER: [(&str, &str); 4] = [
    ("abort-02-delete-open", "a job is evidence: the client aborts it and leaves it to the org"),
    ("assign-12-delete", "a job is evidence: the client leaves it to the org"),
    ("export-05-result-pages", "pages are read one after the other, by their locators"),
    ("look-02-limits", "the allowance is read from `Sforce-Limit-Info`, which costs no call"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire")
}

struct Exchange(Value);

impl Exchange {
    fn read(name: &str) -> Self {
        let bytes = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
        Self(serde_json::from_slice(&bytes).unwrap())
    }

    fn body(&self, side: &str) -> String {
        match &self.0[side]["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn answer(&self) -> Canned {
        let answer = &self.0["answer"];
        let status = answer["status"].as_u64().unwrap().try_into().unwrap();
        let all = answer["headers"].as_object().unwrap();
        assert!(all.keys().all(|name| HEADERS.contains(&name.as_str())), "{all:?}");
        HEADERS.iter().fold(Canned::new(status, self.body("answer")), |canned, name| {
            match all.get(*name) {
                Some(value) => canned.with(name, value.as_str().unwrap()),
                None => canned,
            }
        })
    }

    /// Fails unless the client asked this: method, path, media type, token and body.
    fn check(&self, name: &str, asked: &crate::http::scripted::Asked) {
        let request = &self.0["request"];
        assert_eq!(asked.origin, HERE, "{name}");
        assert_eq!(asked.method.as_str(), request["method"], "{name}");
        // The size of a page is the client's choice; in the story it is three rows.
        let path = request["path"].as_str().unwrap();
        let path =
            path.replace("maxRecords=3", &format!("maxRecords={}", limits::EXPORT_PAGE_ROWS));
        assert_eq!(parts(&asked.path), parts(&path), "{name}");
        let header = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("authorization"), request["headers"]["authorization"].as_str(), "{name}");
        let kind = header("content-type").map(|kind| kind.split(';').next().unwrap());
        assert_eq!(kind, request["headers"]["content-type"].as_str(), "{name}");
        if request["body"].is_object() {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            assert_eq!(body, request["body"], "{name}");
        } else {
            assert_eq!(asked.body, self.body("request"), "{name}");
        }
    }
}

/// A path and the decoded pairs of its query: `+`, `%20` and `,`, `%2C` are the same.
fn parts(path: &str) -> (String, Vec<(String, String)>) {
    let url = Url::parse(HERE).unwrap().join(path).unwrap();
    (url.path().to_owned(), url.query_pairs().into_owned().collect())
}

fn local(grant: Grant) -> SignIn {
    SignIn { instance_url: Url::parse(HERE).unwrap(), ..with_grant(grant) }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// How the client signs in for a step; a token is the one of the files.
fn grant_of(take: Take) -> Grant {
    let client_id = "practice-client".to_owned();
    match take {
        Take::ByCredentials { secret: text } => {
            Grant::ClientCredentials { client_id, client_secret: secret(text) }
        }
        Take::ByRefresh => Grant::Refresh {
            client_id,
            client_secret: None,
            refresh_token: Arc::new(Held::new(secret("expired"))),
        },
        _ => Grant::Token(secret("00DPr0000000001!AQ.EXAMPLE")),
    }
}

/// The answers for a step, and the place of the one from its file.
fn script(take: Take, answer: Canned) -> (Vec<Canned>, usize) {
    let versions = Exchange::read("look-01-versions").answer();
    match take {
        Take::ByCredentials { .. } | Take::ByRefresh => (vec![answer, versions], 0),
        Take::Versions => (vec![answer], 0),
        // An object that is not there is looked for among those that are.
        Take::Describe(_) => (vec![versions, answer, Canned::json(200, r#"{"sobjects":[]}"#)], 1),
        Export(_, Some(rows)) => (vec![versions, counted(rows), answer], 2),
        _ => (vec![versions, answer], 1),
    }
}

fn told<T>(outcome: Outcome<T>, show: impl FnOnce(T) -> String) -> String {
    match outcome {
        Outcome::Done(value) => format!("done: {}", show(value)),
        Outcome::NotDone(fault) => format!("not done: {:?} {}", fault.class, fault.code),
        Outcome::Unknown(fault) => format!("unknown: {:?} {}", fault.class, fault.code),
    }
}

fn certain<T>(ended: Result<T, Fault>) -> Outcome<T> {
    ended.map_or_else(Outcome::NotDone, Outcome::Done)
}

fn shown(status: JobStatus) -> String {
    let number = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
    let (processed, failed) = (number(status.processed), number(status.failed));
    let message = status.message.unwrap_or_default();
    format!("{:?} {processed}/{failed} {message}", status.state).trim_end().to_owned()
}

/// Makes the call of a step and says what came of it.
async fn perform(org: &Salesforce, take: Take, exchange: &Exchange) -> String {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("file.csv");
    let job = JobId::parse("750Pr0A00000001ICA").unwrap();
    match take {
        Take::ByCredentials { .. } | Take::ByRefresh | Take::Versions => {
            format!("done: {}", org.api_version())
        }
        Take::Describe(name) => {
            let name = ObjectName::parse(name).unwrap();
            told(certain(org.describe(&name).await), |schema| schema.name)
        }
        Export(query, _) => {
            let mut lines = Lines::default();
            let ended = org.export(&soql(query), work.path(), &mut lines).await;
            told(certain(ended), |_| lines.0.join(" "))
        }
        Reserve(object, operation, external_id) => {
            let object = ObjectName::parse(object).unwrap();
            let external_id = external_id.map(str::to_owned);
            let spec = JobSpec { object, operation, external_id, verify_after: false };
            told(org.reserve(&spec).await, |job| job.to_string())
        }
        Stage => {
            let body = exchange.body("request");
            let mut out = std::fs::File::create(&file).unwrap();
            io::Write::write_all(&mut out, body.as_bytes()).unwrap();
            told(org.stage(&job, &file, body.len() as u64).await, |()| "()".to_owned())
        }
        Commit => told(org.commit(&job).await, |()| "()".to_owned()),
        Ask => told(org.ask(&job).await, shown),
        Abandon => told(org.abandon(&job).await, |()| "()".to_owned()),
        Download(which) => told(org.download(&job, which, &file).await, |bytes| {
            let kept = std::fs::read_to_string(&file).unwrap();
            assert_eq!((kept.len() as u64, &kept), (bytes, &exchange.body("answer")));
            "whole".to_owned()
        }),
        StartQuery(query) => {
            told(certain(query::start(org, query, false).await), |job| job.to_string())
        }
        AskQuery => told(certain(query::ask(org, &job).await), shown),
        Page(locator) => told(certain(query::results(org, &job, locator, &file).await), |page| {
            assert_eq!(std::fs::read_to_string(&file).unwrap(), exchange.body("answer"));
            format!("{} rows, then {:?}", page.rows.unwrap(), page.next)
        }),
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_asks_and_understands_what_the_fixtures_say() {
    for (name, take, spelling, expected) in STEPS {
        let exchange = Exchange::read(name);
        let (script, place) = script(take, exchange.answer());
        let wire = Scripted::new(script);
        let told = match Salesforce::sign_in(wire.client(), local(grant_of(take))).await {
            Ok(org) => perform(&org, take, &exchange).await,
            Err(fault) => told(Outcome::NotDone::<()>(fault), |()| String::new()),
        };
        assert_eq!(told, expected, "{name}");
        let asked = wire.asked();
        match spelling {
            Same => exchange.check(name, &asked[place]),
            Other(reason) => assert!(!reason.is_empty(), "{name}"),
        }
        // A refusal is final: whatever is asked after it, it is not the same again.
        let again = asked.iter().filter(|other| other.line() == asked[place].line()).count();
        assert_eq!(again, 1, "{name}: {:?}", wire.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn the_pages_of_the_export_story_become_one_table() {
    let files =
        ["export-01-create", "export-02-complete", "export-03-first-page", "export-04-last-page"];
    let answers = files.map(|name| Exchange::read(name).answer());
    let versions = Exchange::read("look-01-versions").answer();
    let wire = Scripted::new([versions, counted(9_000)].into_iter().chain(answers));
    let sign_in = local(grant_of(Take::Versions));
    let org = Salesforce::sign_in(wire.client(), sign_in).await.unwrap();
    let work = tempfile::tempdir().unwrap();
    let mut lines = Lines::default();
    // Without its LIMIT, or REST would do.
    let query = USERS.replace(" LIMIT 5", "");
    let ended = org.export(&soql(&query), work.path(), &mut lines).await;
    assert_eq!(ended, Ok(ExportDone { rows: 5 }));
    assert_eq!(
        lines.0,
        [
            "Id|Username|Profile.Name|IsActive",
            "0058c00000ZgV6fAAF|admin@practice.example|System Administrator|true",
            "0058c00000ZgV6gAAF|viktor.hale.0001@practice.example|Port Clerk|true",
            "0058c00000ZgV6hAAF|kaito.dahl.0002@practice.example|Read Only|true",
            "0058c00000ZgV6iAAF|ruth.park.0003@practice.example|Standard User|true",
            "0058c00000ZgV6jAAF|ines.dahl.0004@practice.example|Standard User|true",
        ]
    );
    assert_eq!((org.usage().org_used, org.usage().org_allowed), (Some(6), Some(100_000)));
}

#[test]
fn every_fixture_is_used_or_excused() {
    let mut named = BTreeSet::new();
    let never = NEVER.iter().map(|(name, _)| *name);
    for name in STEPS.iter().map(|(name, ..)| *name).chain(never) {
        assert!(named.insert(name.to_owned()), "{name} stands here twice");
    }
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(named, there);
}
