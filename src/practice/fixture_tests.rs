//! `fixtures/wire/`: sample exchanges that hold both sides to one spelling.
//!
//! A file is `{"request":{"method","path","headers","body"},"answer":{"status","headers","body"}}`;
//! a body is a JSON value if it is JSON, else a text, and null when there is none. The files of one
//! story share their name up to the number and are replayed in its order against a new org.
//! `cargo test -- --ignored write_the_fixtures_anew` writes them from the stories below.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::rig::{DATA, Heard, INGEST, QUERY, Rig};

/// Stands for the token of the session.
const TOKEN: &str = "00DPr0000000001!AQ.EXAMPLE";

/// Members that are new with each run.
const FRESH: [&str; 9] = [
    "access_token",
    "apiActiveProcessingTime",
    "createdDate",
    "issued_at",
    "refresh_token",
    "signature",
    "systemModstamp",
    "totalProcessingTime",
    "updated_at",
];

/// Answer headers that are part of the contract.
const HEADERS: [&str; 4] =
    ["content-type", "sforce-limit-info", "sforce-locator", "sforce-numberofrecords"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire")
}

async fn perform(rig: &Rig, request: &Value) -> Heard {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), text(value).replace(TOKEN, &rig.token)))
        .collect();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, path) = (text(&request["method"]), text(&request["path"]));
    rig.send(&method, &path, &headers, &text(&request["body"])).await
}

fn spell(heard: &Heard) -> Value {
    let body = match heard.text() {
        text if text.is_empty() => Value::Null,
        text if heard.header("content-type").contains("json") => {
            serde_json::from_str(&text).unwrap()
        }
        text => json!(text),
    };
    let headers: Map<String, Value> = HEADERS
        .iter()
        .filter(|name| heard.headers.contains_key(**name))
        .map(|name| ((*name).to_owned(), json!(heard.header(name))))
        .collect();
    json!({"status": heard.status.as_u16(), "headers": headers, "body": body})
}

/// Takes out what is new with each run; it must still be there.
fn settle(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                let fresh = FRESH.contains(&name.as_str());
                (name.clone(), if fresh { json!("fresh") } else { settle(value) })
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(settle).collect(),
        other => other.clone(),
    }
}

/// A poll answers when the job is over; other calls answer at once.
async fn answer(rig: &Rig, request: &Value, expected: &Value) -> Value {
    let mut got = spell(&perform(rig, request).await);
    let poll = request["method"] == "GET" && expected["body"]["state"].is_string();
    for _ in 0..1_000 {
        if !poll || got["body"]["state"] == expected["body"]["state"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        got = spell(&perform(rig, request).await);
        // A poll counts as a call; how many there were is not the story's.
        got["headers"]["sforce-limit-info"] = expected["headers"]["sforce-limit-info"].clone();
    }
    got
}

#[tokio::test]
async fn the_fixtures_are_what_the_practice_org_says() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "{}", files.len());
    let mut story = (String::new(), Rig::new());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let title = name.split(|c: char| c.is_ascii_digit()).next().unwrap().to_owned();
        if story.0 != title {
            story = (title, Rig::new());
        }
        let exchange: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let (request, expected) = (&exchange["request"], &exchange["answer"]);
        let mut got = answer(&story.1, request, expected).await;
        got["headers"]["sforce-limit-info"] = Value::Null;
        let mut expected = expected.clone();
        expected["headers"]["sforce-limit-info"] = Value::Null;
        assert_eq!(settle(&got), settle(&expected), "{name}");
    }
}

/// Writes one story, one file an exchange.
struct Scribe {
    rig: Rig,
    story: &'static str,
    number: u32,
}

impl Scribe {
    fn begin(story: &'static str) -> Self {
        Self { rig: Rig::new(), story, number: 0 }
    }

    async fn ask(&mut self, name: &str, method: &str, path: &str, body: Value) -> Value {
        let kind = match &body {
            Value::Null => None,
            Value::String(_) if path.contains("oauth2") => {
                Some("application/x-www-form-urlencoded")
            }
            Value::String(_) => Some("text/csv"),
            _ => Some("application/json"),
        };
        let mut headers = json!({"host": "localhost:8080"});
        if !path.contains("oauth2") {
            headers["authorization"] = json!(format!("Bearer {TOKEN}"));
        }
        if let Some(kind) = kind {
            headers["content-type"] = json!(kind);
        }
        let request = json!({"method": method, "path": path, "headers": headers, "body": body});
        self.put(name, request, "").await
    }

    async fn poll(&mut self, name: &str, path: &str, state: &str) -> Value {
        let headers = json!({"host": "localhost:8080", "authorization": format!("Bearer {TOKEN}")});
        let request = json!({"method": "GET", "path": path, "headers": headers, "body": null});
        self.put(name, request, state).await
    }

    async fn put(&mut self, name: &str, request: Value, state: &str) -> Value {
        let mut heard = spell(&perform(&self.rig, &request).await);
        while !state.is_empty() && heard["body"]["state"] != state {
            tokio::time::sleep(Duration::from_millis(5)).await;
            heard = spell(&perform(&self.rig, &request).await);
        }
        self.number += 1;
        let path = folder().join(format!("{}-{:02}-{name}.json", self.story, self.number));
        let exchange = json!({"request": request, "answer": heard});
        let text = serde_json::to_string_pretty(&exchange).unwrap();
        let text = text.replace(&self.rig.token, TOKEN);
        writeln!(File::create(path).unwrap(), "{text}").unwrap();
        heard["body"].clone()
    }

    async fn ids(&self, soql: &str) -> Vec<String> {
        let q: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let found = self.rig.get(&format!("{DATA}/query?q={q}")).await.json();
        let records = found["records"].as_array().unwrap();
        records.iter().map(|record| record["Id"].as_str().unwrap().to_owned()).collect()
    }
}

/// A job as this client asks for it, with the defaults written out. Some stories leave them out.
fn spelled_out(what: Value) -> Value {
    let mut job = what;
    job["contentType"] = json!("CSV");
    job["columnDelimiter"] = json!("COMMA");
    job["lineEnding"] = json!("LF");
    job
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "writes files; run it when the wire changes on purpose"]
async fn write_the_fixtures_anew() {
    fs::create_dir_all(folder()).unwrap();
    sign_in().await;
    look_around().await;
    assign().await;
    upsert().await;
    refuse().await;
    abort().await;
    export().await;
}

async fn sign_in() {
    let mut story = Scribe::begin("sign-in");
    let path = "/services/oauth2/token";
    let app = "client_id=practice-client&client_secret=practice-secret";
    let form = format!("grant_type=client_credentials&{app}");
    story.ask("client-credentials", "POST", path, json!(form)).await;
    let form = "grant_type=client_credentials&client_id=practice-client&client_secret=wrong";
    story.ask("wrong-secret", "POST", path, json!(form)).await;
    let form = "grant_type=refresh_token&client_id=practice-client&refresh_token=expired";
    story.ask("expired-refresh-token", "POST", path, json!(form)).await;
    let form = format!("grant_type=device&{app}");
    story.ask("unknown-grant", "POST", path, json!(form)).await;
}

async fn look_around() {
    let mut story = Scribe::begin("look");
    story.ask("versions", "GET", "/services/data", Value::Null).await;
    story.ask("limits", "GET", &format!("{DATA}/limits"), Value::Null).await;
    let path = format!("{DATA}/sobjects/Nope/describe");
    story.ask("unknown-object", "GET", &path, Value::Null).await;
    let query = |soql: &str| format!("{DATA}/query?q={}", soql.replace(' ', "+"));
    let soql = "SELECT Id, IsSandbox, OrganizationType FROM Organization";
    story.ask("organization", "GET", &query(soql), Value::Null).await;
    story.ask("count", "GET", &query("SELECT COUNT() FROM User"), Value::Null).await;
    let soql = "SELECT Nope FROM Account";
    story.ask("unknown-field", "GET", &query(soql), Value::Null).await;
    story.rig.token = "00DPr0000000001!EXPIRED".to_owned();
    story.ask("expired-session", "GET", &format!("{DATA}/limits"), Value::Null).await;
    fix_token(&story, "expired-session");
}

/// The expired token must stay an expired one when it is replayed.
fn fix_token(story: &Scribe, name: &str) {
    let path = folder().join(format!("{}-{:02}-{name}.json", story.story, story.number));
    let text = fs::read_to_string(&path).unwrap().replace(TOKEN, &story.rig.token);
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

async fn assign() {
    let mut story = Scribe::begin("assign");
    let users = story.ids("SELECT Id FROM User WHERE IsActive = true ORDER BY Id LIMIT 3").await;
    let label = "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false AND LicenseId = null \
                 ORDER BY Id LIMIT 1";
    let set = story.ids(label).await.remove(0);
    let job = spelled_out(json!({"object": "PermissionSetAssignment", "operation": "insert"}));
    let made = story.ask("create", "POST", INGEST, job).await;
    let path = format!("{INGEST}/{}", text(&made["id"]));
    story.ask("open", "GET", &path, Value::Null).await;
    let csv = format!(
        "AssigneeId,PermissionSetId\n{0},{3}\n{1},{3}\n{0},{3}\n005000000000000AAA,{3}\n{2},{3}\n",
        users[0], users[1], users[2], set
    );
    story.ask("upload", "PUT", &format!("{path}/batches"), json!(csv)).await;
    let again = json!("AssigneeId,PermissionSetId\n");
    story.ask("upload-again", "PUT", &format!("{path}/batches"), again).await;
    story.ask("close", "PATCH", &path, json!({"state": "UploadComplete"})).await;
    story.poll("complete", &path, "JobComplete").await;
    for name in ["successfulResults", "failedResults", "unprocessedrecords"] {
        story.ask(&name.to_lowercase(), "GET", &format!("{path}/{name}"), Value::Null).await;
    }
    story.ask("close-again", "PATCH", &path, json!({"state": "UploadComplete"})).await;
    story.ask("abort-completed", "PATCH", &path, json!({"state": "Aborted"})).await;
    story.ask("delete", "DELETE", &path, Value::Null).await;
    story.ask("gone", "GET", &path, Value::Null).await;
}

async fn upsert() {
    let mut story = Scribe::begin("upsert");
    let job = json!({"object": "Shipment__c", "operation": "upsert",
        "externalIdFieldName": "Shipment_Number__c", "lineEnding": "CRLF",
        "columnDelimiter": "SEMICOLON"});
    let made = story.ask("create", "POST", INGEST, job).await;
    let path = format!("{INGEST}/{}", text(&made["id"]));
    let csv = "SHIPMENT_NUMBER__C;Declared_Value__c;Is_Fragile__c;Ship_Date__c;Notes__c\r\n\
               F-1;912260031;1;2026-11-20;\"a \"\"b\"\"\"\r\nF-2;#N/A;;20/11/2026;\r\n";
    story.ask("upload", "PUT", &format!("{path}/batches"), json!(csv)).await;
    story.ask("close", "PATCH", &path, json!({"state": "UploadComplete"})).await;
    story.poll("complete", &path, "JobComplete").await;
    for name in ["successfulResults", "failedResults"] {
        story.ask(&name.to_lowercase(), "GET", &format!("{path}/{name}"), Value::Null).await;
    }
}

async fn refuse() {
    let mut story = Scribe::begin("refuse");
    let job = spelled_out(json!({"object": "Acount", "operation": "insert"}));
    story.ask("unknown-object", "POST", INGEST, job).await;
    let job = json!({"object": "Account", "operation": "Insert"});
    story.ask("wrong-case", "POST", INGEST, job).await;
    let job = spelled_out(json!({"object": "Account", "operation": "insert"}));
    let made = story.ask("create", "POST", INGEST, job).await;
    let path = format!("{INGEST}/{}", text(&made["id"]));
    let csv = json!("Name,Foo__c\nAcme,1\n");
    story.ask("upload", "PUT", &format!("{path}/batches"), csv).await;
    story.ask("close", "PATCH", &path, json!({"state": "UploadComplete"})).await;
    story.poll("failed", &path, "Failed").await;
    for name in ["successfulResults", "failedResults", "unprocessedrecords"] {
        story.ask(&name.to_lowercase(), "GET", &format!("{path}/{name}"), Value::Null).await;
    }
}

async fn abort() {
    let mut story = Scribe::begin("abort");
    let job = spelled_out(json!({"object": "Account", "operation": "insert"}));
    let made = story.ask("create", "POST", INGEST, job).await;
    let path = format!("{INGEST}/{}", text(&made["id"]));
    story.ask("delete-open", "DELETE", &path, Value::Null).await;
    story.ask("abort", "PATCH", &path, json!({"state": "Aborted"})).await;
    story.ask("close-aborted", "PATCH", &path, json!({"state": "UploadComplete"})).await;
    story.ask("aborted", "GET", &path, Value::Null).await;
}

async fn export() {
    let mut story = Scribe::begin("export");
    let soql = "SELECT Id, Username, Profile.Name, IsActive FROM User ORDER BY Id LIMIT 5";
    let job = spelled_out(json!({"operation": "query", "query": soql}));
    let made = story.ask("create", "POST", QUERY, job).await;
    let path = format!("{QUERY}/{}", text(&made["id"]));
    story.poll("complete", &path, "JobComplete").await;
    let first = format!("{path}/results?maxRecords=3");
    story.ask("first-page", "GET", &first, Value::Null).await;
    let next = story.rig.get(&first).await;
    let next = format!("{first}&locator={}", next.header("sforce-locator"));
    story.ask("last-page", "GET", &next, Value::Null).await;
    story.ask("result-pages", "GET", &format!("{path}/resultPages"), Value::Null).await;
    let job = spelled_out(json!({"operation": "query", "query": "SELECT COUNT() FROM User"}));
    story.ask("aggregate-refused", "POST", QUERY, job).await;
}
