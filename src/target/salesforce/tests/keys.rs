//! Keys looked up: by lists while that takes fewer calls, by an export otherwise.

use super::exports::{Lines, counted};
use super::*;
use crate::model::schema::{FieldKind, FieldSchema};
use crate::target::KeyTest;

/// Keys, gone through again and again.
struct Given {
    keys: Vec<String>,
    next: usize,
}

impl KeySource for Given {
    fn rewind(&mut self) -> io::Result<()> {
        self.next = 0;
        Ok(())
    }
    fn next(&mut self, key: &mut String) -> io::Result<bool> {
        let Some(next) = self.keys.get(self.next) else { return Ok(false) };
        key.clone_from(next);
        self.next += 1;
        Ok(true)
    }
}

fn fields(names: &[&str], case_sensitive: bool) -> Vec<FieldSchema> {
    let described = r#"{"name":"User","label":"User","fields":[
        {"name":"X","label":"X","type":"string","length":80,"byteLength":240}]}"#;
    let object: wire::Object = serde_json::from_str(described).unwrap();
    let object = ObjectSchema::from(object);
    let field = &object.fields[0];
    assert_eq!(field.kind, FieldKind::String);
    names
        .iter()
        .map(|name| FieldSchema { name: (*name).to_owned(), case_sensitive, ..field.clone() })
        .collect()
}

struct Asked {
    ended: Result<(), Fault>,
    rows: Vec<String>,
    calls: Vec<String>,
}

async fn ask(
    fields: &[FieldSchema],
    filter: Option<&str>,
    test: KeyTest,
    keys: Vec<String>,
    script: Vec<Canned>,
) -> Asked {
    let work = tempfile::tempdir().unwrap();
    let (org, wire) = signed_in(script).await;
    let object = ObjectName::parse("User").unwrap();
    let question = KeyQuestion { object: &object, fields, filter, test };
    let mut sink = Lines::default();
    let mut keys = Given { keys, next: 0 };
    let ended = org.look_up(&question, &mut keys, work.path(), &mut sink).await;
    assert_eq!(wire.left(), 0, "{ended:?} {:?}", asked(&wire));
    let calls = asked(&wire);
    // Its URL holds what the service takes.
    assert!(calls.iter().all(|call| call.len() + ORIGIN.len() < 16_384));
    let decoded = |call: &String| {
        let query = call.split_once("?q=").map_or(call.as_str(), |(_, query)| query);
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.next().map(|(text, _)| text.into_owned()).unwrap_or_default()
    };
    Asked { ended, rows: sink.0, calls: calls.iter().map(decoded).collect() }
}

fn page(names: &[&str]) -> Canned {
    let records: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"attributes":{{}},"Id":"1","Username":"{name}","Email":null}}"#))
        .collect();
    let (count, records) = (names.len(), records.join(","));
    Canned::json(200, &format!(r#"{{"totalSize":{count},"done":true,"records":[{records}]}}"#))
}

fn texts(keys: &[&str]) -> Vec<String> {
    keys.iter().copied().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn few_keys_go_as_a_list_in_every_field() {
    let keys = texts(&["ann", "O'Hara", "a\\b", "100%_", "two\nlines", "", &"x".repeat(2_000)]);
    let fields = fields(&["Username", "Email"], false);
    let filter = Some("IsActive = true");
    let asked = ask(&fields, filter, KeyTest::Equals, keys, vec![page(&["ANN", "o'hara"])]).await;
    assert_eq!(asked.ended, Ok(()));
    let list = r"'ann','O\'Hara','a\\b','100%_','two\nlines'";
    let query = format!(
        "SELECT Id, Username, Email FROM User WHERE (IsActive = true) AND (Username IN ({list}) OR \
         Email IN ({list}))"
    );
    assert_eq!(asked.calls, [query]);
    assert_eq!(asked.rows, ["1|ANN|", "1|o'hara|"]);
}

#[tokio::test(start_paused = true)]
async fn beginnings_go_as_patterns_of_one_page() {
    let fields = fields(&["Username"], false);
    let asked =
        ask(&fields, None, KeyTest::BeginsWith, texts(&["ann", "1_%"]), vec![page(&["Anna"])]);
    let asked = asked.await;
    assert_eq!(asked.ended, Ok(()));
    let query = r"SELECT Id, Username FROM User WHERE (Username LIKE 'ann%' OR Username LIKE '1\_\%%') LIMIT 2000";
    assert_eq!(asked.calls, [query]);
    assert_eq!(asked.rows, ["1|Anna"]);
}

/// Numbers stand without quotes, and what is no number is not asked for among them.
#[tokio::test(start_paused = true)]
async fn a_number_is_asked_for_as_a_number() {
    let mut fields = fields(&["Username", "Number__c"], false);
    fields[1].kind = FieldKind::Double;
    let keys = texts(&["17", "-1.5", "ann", "1e3", "' OR '"]);
    let asked = ask(&fields, None, KeyTest::Equals, keys, vec![page(&[])]).await;
    assert_eq!(asked.ended, Ok(()));
    let query = "SELECT Id, Username, Number__c FROM User WHERE (Username IN \
                 ('17','-1.5','ann','1e3','\\' OR \\'') OR Number__c IN (17,-1.5))";
    assert_eq!(asked.calls, [query]);
    // Where no key is a number there is nothing to ask.
    let asked = ask(&fields[1..], None, KeyTest::Equals, texts(&["x", "1x"]), Vec::new()).await;
    assert_eq!((asked.ended, asked.calls.len()), (Ok(()), 0));
    let asked = ask(&fields[1..], None, KeyTest::BeginsWith, texts(&["1"]), Vec::new()).await;
    assert_eq!((asked.ended, asked.calls.len()), (Ok(()), 0));
}

/// Keys for so many lists of one field.
fn keys_for(lists: usize) -> Vec<String> {
    // Quotes and a comma take three bytes each in a URL.
    let each = 16_000 / (80 + 9);
    (0..lists * each - each / 2).map(|number| format!("{number:080}")).collect()
}

#[tokio::test(start_paused = true)]
async fn many_keys_go_as_lists_where_an_export_takes_more_calls() {
    let fields = fields(&["Username"], false);
    // Six lists, against 2 calls, 20 questions and 50 pages.
    let mut script = vec![counted(5_000_000)];
    script.extend((0..6).map(|_| page(&[])));
    let asked = ask(&fields, None, KeyTest::Equals, keys_for(6), script).await;
    assert_eq!(asked.ended, Ok(()));
    assert_eq!(asked.calls[0], "SELECT COUNT() FROM User");
    let keys: Vec<&str> =
        asked.calls[1..].iter().flat_map(|call| call.split('\'').skip(1).step_by(2)).collect();
    assert_eq!(keys, keys_for(6), "each key in one list");
}

#[tokio::test(start_paused = true)]
async fn many_keys_of_few_records_go_by_an_export() {
    let fields = fields(&["Username"], false);
    let script = vec![counted(1_900), counted(1_900), page(&["ann"])];
    let asked = ask(&fields, Some("IsActive = true"), KeyTest::Equals, keys_for(6), script).await;
    assert_eq!(asked.ended, Ok(()));
    let count = "SELECT COUNT() FROM User WHERE IsActive = true";
    let all = "SELECT Id, Username FROM User WHERE IsActive = true";
    assert_eq!(asked.calls, [count, count, all]);
    assert_eq!(asked.rows, ["1|ann"]);
}

/// There a list with `ann` would not find `Ann`.
#[tokio::test(start_paused = true)]
async fn a_field_that_is_case_sensitive_goes_by_an_export() {
    let fields = fields(&["Username"], true);
    let script = vec![counted(1), page(&["Ann"])];
    let asked = ask(&fields, None, KeyTest::Equals, texts(&["ann"]), script).await;
    assert_eq!(asked.ended, Ok(()));
    assert_eq!(asked.calls[1], "SELECT Id, Username FROM User");
    assert_eq!(asked.rows, ["1|Ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_is_followed_by_an_export() {
    let fields = fields(&["Username"], false);
    let no = "field 'Username' can not be filtered in a query call";
    let script = vec![refusal(400, "INVALID_FIELD", no), counted(1), page(&["ann"])];
    let asked = ask(&fields, None, KeyTest::Equals, texts(&["ann"]), script).await;
    assert_eq!((asked.ended, asked.rows), (Ok(()), texts(&["1|ann"])));
    let script = vec![
        refusal(400, "MALFORMED_QUERY", "unexpected token: 'x'"),
        refusal(400, "MALFORMED_QUERY", "unexpected token: 'x'"),
        refusal(400, "MALFORMED_QUERY", "unexpected token: 'x'"),
    ];
    let asked = ask(&fields, Some("x"), KeyTest::Equals, texts(&["ann"]), script).await;
    let fault = asked.ended.unwrap_err();
    assert_eq!(fault.class, FaultClass::Refused);
    assert!(fault.message.contains("unexpected token"), "{}", fault.message);
}
