use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::mischief::{BodyKind, Fault, Length, Rule};
use super::super::rig::{DATA, Heard, INGEST, Rig, account_rows, accounts};
use super::super::wire::{CLIENT_ID, CLIENT_SECRET, PASSWORD};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn ask(rig: &Rig, fields: &[(&str, &str)]) -> Heard {
    let form: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    rig.send("POST", "/services/oauth2/token", &[FORM, ("host", "localhost:9")], &form).await
}

fn assertion(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
}

#[tokio::test]
async fn every_grant_gives_a_token_that_works() {
    let rig = Rig::new();
    let app = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let credentials = [&app[..], &[("grant_type", "client_credentials")]].concat();
    let user = [("username", "admin@practice.example"), ("password", PASSWORD)];
    let password = [&app[..], &user, &[("grant_type", "password")]].concat();
    let claims = json!({"iss": CLIENT_ID, "sub": "Admin@practice.example",
        "aud": "https://login.salesforce.com", "exp": "99999999999999"});
    let jwt = assertion(&claims);
    let bearer = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", jwt.as_str()),
    ];
    let first = ask(&rig, &password).await.json();
    let refresh = first["refresh_token"].as_str().unwrap().to_owned();
    let renew = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT_ID),
        ("refresh_token", refresh.as_str()),
    ];
    for fields in [&credentials[..], &password, &bearer, &renew] {
        let token = ask(&rig, fields).await;
        assert_eq!(token.status, 200, "{}", token.text());
        let token = token.json();
        assert_eq!(token["instance_url"], "http://localhost:9");
        assert_eq!(token["token_type"], "Bearer");
        assert!(token["issued_at"].is_string() && token.get("expires_in").is_none());
        let access = token["access_token"].as_str().unwrap().to_owned();
        assert!(access.starts_with("00D") && access.as_bytes()[15] == b'!', "{access}");
        let rig = Rig { token: access, practice: rig.practice.clone() };
        assert_eq!(rig.get(DATA).await.status, 200);
        let (_, id) = token["id"].as_str().unwrap().split_once("localhost:9").unwrap();
        assert_eq!(rig.get(id).await.json()["username"], "admin@practice.example");
    }
}

#[tokio::test]
async fn basic_and_multipart_are_understood() {
    let rig = Rig::new();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    let headers = [FORM, ("authorization", basic.as_str())];
    let path = "/services/oauth2/token";
    let heard = rig.send("POST", path, &headers, "grant_type=client_credentials").await;
    assert_eq!(heard.status, 200);
    let field = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = field("grant_type", "client_credentials")
        + &field("client_id", CLIENT_ID)
        + &field("client_secret", CLIENT_SECRET)
        + "--x--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(rig.send("POST", path, &headers, &body).await.status, 200);
}

#[tokio::test]
async fn grants_are_refused_with_an_object() {
    let rig = Rig::new();
    let good = json!({"iss": CLIENT_ID, "sub": "admin@practice.example",
        "aud": "https://test.salesforce.com", "exp": 99_999_999_999_i64});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        assertion(&claims)
    };
    let jwt = |assertion: String| {
        vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
            ("assertion", assertion),
        ]
    };
    let plain = |fields: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let app = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    for (fields, error, description) in [
        (plain(&[]), "invalid_request", "missing required parameter: grant_type"),
        (plain(&[("grant_type", "device")]), "unsupported_grant_type", "grant type not supported"),
        (
            plain(&[("grant_type", "client_credentials")]),
            "invalid_request",
            "missing required parameter: client_id",
        ),
        (
            plain(&[("grant_type", "client_credentials"), app[0], ("client_secret", "no")]),
            "invalid_client",
            "invalid client credentials",
        ),
        (
            plain(&[("grant_type", "client_credentials"), ("client_id", "no"), app[1]]),
            "invalid_client_id",
            "client identifier invalid",
        ),
        (
            plain(&[
                ("grant_type", "password"),
                app[0],
                app[1],
                ("username", "admin@practice.example"),
                ("password", "no"),
            ]),
            "invalid_grant",
            "authentication failure",
        ),
        (
            plain(&[("grant_type", "refresh_token"), app[0], ("refresh_token", "no")]),
            "invalid_grant",
            "expired access/refresh token",
        ),
        (jwt("a.b.c".to_owned()), "invalid_grant", "invalid assertion"),
        (jwt(with("iss", json!("x"))), "invalid_client_id", "client identifier invalid"),
        (
            jwt(with("aud", json!("https://evil.example"))),
            "invalid_grant",
            "Audience validation failed",
        ),
        (jwt(with("sub", json!("x@y"))), "invalid_grant", "user hasn't approved this consumer"),
        (jwt(with("exp", json!(5))), "invalid_grant", "expired authorization code"),
    ] {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let heard = ask(&rig, &fields).await;
        assert_eq!(heard.status, 400, "{fields:?}");
        let expected = json!({"error": error, "error_description": description});
        assert_eq!(heard.json(), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn sessions_expire_and_can_be_revoked() {
    let rig = Rig::new();
    let garbled = rig.send("GET", DATA, &[("authorization", "nonsense")], "").await;
    assert_eq!(garbled.verdict(), "401 INVALID_AUTH_HEADER");
    assert_eq!(rig.send("GET", DATA, &[], "").await.verdict(), "401 INVALID_AUTH_HEADER");
    let wrong = rig.send("GET", DATA, &[("authorization", "Bearer 00D!x")], "").await;
    let expected = json!([{"message": "Session expired or invalid",
        "errorCode": "INVALID_SESSION_ID"}]);
    assert_eq!((wrong.status.as_u16(), wrong.json()), (401, expected));

    let form = format!("token={}", rig.token);
    let client = format!("{form}&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    let active = rig.send("POST", "/services/oauth2/introspect", &[FORM], &client).await.json();
    assert_eq!(active["active"], true);
    rig.practice.clock().advance_ms(7_000_000);
    assert_eq!(rig.get(DATA).await.status, 200);
    rig.practice.clock().advance_ms(7_000_000);
    assert_eq!(rig.get(DATA).await.status, 200, "use prolongs a session");
    assert_eq!(rig.send("POST", "/services/oauth2/revoke", &[FORM], &form).await.status, 200);
    assert_eq!(rig.get(DATA).await.verdict(), "401 INVALID_SESSION_ID");
    let gone = rig.get("/services/oauth2/userinfo").await;
    assert_eq!((gone.status.as_u16(), gone.text().as_str()), (403, "Bad_OAuth_Token"));
    let again = rig.send("POST", "/services/oauth2/introspect", &[FORM], &client).await.json();
    assert_eq!(again, json!({"active": false}));
}

#[tokio::test]
async fn userinfo_has_what_the_cli_needs() {
    let rig = Rig::new();
    let info = rig.get("/services/oauth2/userinfo").await.json();
    for name in ["user_id", "organization_id", "preferred_username"] {
        assert!(info[name].is_string(), "{name}");
    }
    let missing = rig.send("GET", "/services/oauth2/userinfo", &[], "").await;
    assert_eq!((missing.status.as_u16(), missing.text().as_str()), (403, "Missing_OAuth_Token"));
}

#[tokio::test]
async fn paths_are_matched_leniently_and_versions_strictly() {
    let rig = Rig::new();
    let all = rig.send("GET", "/services/data/", &[], "").await;
    let versions = all.json();
    assert_eq!(versions[0]["version"], "31.0");
    assert_eq!(versions.as_array().unwrap().last().unwrap()["url"], "/services/data/v67.0");
    assert_eq!(all.header("sforce-limit-info"), "");
    for (path, verdict) in [
        ("/services//data/v62.0//limits/", "200"),
        ("/services/data/v62.0/sobjects/account/describe/", "200"),
        ("/services/data/v20.0/limits", "410 GONE"),
        ("/services/data/v99.0/limits", "404 NOT_FOUND"),
        ("/services/data/v62.0/nonsense", "404 NOT_FOUND"),
        ("/services/data/v62.0/sobjects/Nope/describe", "404 NOT_FOUND"),
        ("/nonsense", "404 NOT_FOUND"),
    ] {
        assert_eq!(rig.get(path).await.verdict(), verdict, "{path}");
    }
    let long = format!("{DATA}/query?q={}", "x".repeat(17_000));
    assert_eq!(rig.get(&long).await.status, 414);
    let posted = rig.call("POST", &format!("{DATA}/limits"), "{}").await;
    assert_eq!(posted.verdict(), "405 METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn answers_say_how_much_is_used_and_are_pretty_or_zipped_when_asked() {
    let rig = Rig::new();
    let first = rig.get(&format!("{DATA}/limits")).await;
    assert_eq!(first.header("sforce-limit-info"), "api-usage=1/100000");
    assert_eq!(first.json()["DailyApiRequests"], json!({"Max": 100_000, "Remaining": 99_999}));
    let bearer = format!("Bearer {}", rig.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-prettyprint", "1"),
        ("accept-encoding", "deflate, gzip;q=0.5"),
    ];
    let zipped = rig.send("GET", &format!("{DATA}/limits"), &headers, "").await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(zipped.header("content-length"), "");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&zipped.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("{\n  \"DailyApiRequests\""), "{text}");
}

#[tokio::test]
async fn one_record_through_its_life() {
    let rig = Rig::new();
    let base = format!("{DATA}/sobjects/Account");
    let made = rig.call("POST", &format!("{base}/"), r#"{"Name":"Acme","Site":"Hull"}"#).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json(), json!({"id": id, "success": true, "errors": []}));
    let path = format!("{base}/{id}");
    assert_eq!(rig.call("PATCH", &path, r#"{"Site":null}"#).await.status, 204);
    let read = rig.get(&format!("{path}?fields=Name,Site")).await.json();
    let url = format!("/services/data/v62.0/sobjects/Account/{id}");
    let attributes = json!({"type": "Account", "url": url});
    assert_eq!(read, json!({"attributes": attributes, "Id": id, "Name": "Acme", "Site": null}));
    assert_eq!(rig.call("DELETE", &path, "").await.status, 204);
    let again = rig.call("DELETE", &path, "").await;
    assert_eq!(again.verdict(), "404 ENTITY_IS_DELETED");
    assert_eq!(again.json()[0]["message"], "entity is deleted");
    assert_eq!(rig.get(&path).await.verdict(), "404 NOT_FOUND");
    let bad = rig.call("POST", &base, "{}").await;
    let expected = json!([{"message": "Required fields are missing: [Name]",
        "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Name"]}]);
    assert_eq!((bad.status.as_u16(), bad.json()), (400, expected));
    assert_eq!(rig.call("POST", &base, "[").await.verdict(), "400 JSON_PARSER_ERROR");
}

#[tokio::test]
async fn upsert_by_an_external_id() {
    let rig = Rig::new();
    let path = format!("{DATA}/sobjects/Account/Legacy_Id__c/K%2F1");
    let first = rig.call("PATCH", &path, r#"{"Name":"Acme"}"#).await;
    assert_eq!((first.status.as_u16(), &first.json()["created"]), (201, &json!(true)));
    let second = rig.call("PATCH", &path, r#"{"Name":"Acme 2"}"#).await;
    assert_eq!((second.status.as_u16(), &second.json()["created"]), (200, &json!(false)));
    assert_eq!(rig.get(&path).await.json()["Name"], "Acme 2");
    let own = rig.call("PATCH", &path, r#"{"Legacy_Id__c":"x"}"#).await;
    assert_eq!(own.verdict(), "400 INVALID_FIELD");
    let unknown = rig.call("PATCH", &format!("{DATA}/sobjects/Account/Site/x"), "{}").await;
    let text = "Provided external ID field does not exist or is not accessible: Site";
    assert_eq!((unknown.status.as_u16(), &unknown.json()[0]["message"]), (404, &json!(text)));
    let twin = r#"{"Name":"Twin","Legacy_Id__c":"K/1"}"#;
    let made = rig.call("POST", &format!("{DATA}/sobjects/Account"), twin).await;
    if made.status == 201 {
        let many = rig.call("PATCH", &path, r#"{"Name":"x"}"#).await;
        assert_eq!((many.status.as_u16(), many.json().as_array().unwrap().len()), (300, 2));
    } else {
        assert_eq!(made.verdict(), "400 DUPLICATE_VALUE");
    }
}

#[tokio::test]
async fn collections_answer_in_the_order_of_the_request() {
    let rig = Rig::new();
    let path = format!("{DATA}/composite/sobjects");
    let account = json!({"type": "Account"});
    let records = json!([
        {"attributes": account, "Name": "A"},
        {"attributes": account},
        {"attributes": {"type": "Contact"}, "LastName": "C"},
    ]);
    let sent = json!({"allOrNone": false, "records": records});
    let heard = rig.call("POST", &path, &sent.to_string()).await.json();
    let successes: Vec<bool> =
        heard.as_array().unwrap().iter().map(|row| row["success"] == true).collect();
    assert_eq!(successes, [true, false, true]);
    let expected = json!([{"statusCode": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing: [Name]", "fields": ["Name"]}]);
    assert_eq!(heard[1]["errors"], expected);
    assert!(heard[1].get("id").is_none());

    let id = heard[0]["id"].as_str().unwrap();
    let sent = json!({"records": [{"attributes": account, "id": id, "Name": "B"}]});
    let updated = rig.call("PATCH", &path, &sent.to_string()).await.json();
    assert_eq!(updated[0], json!({"id": id, "success": true, "errors": []}));
    let asked = json!({"ids": [id, "001000000000000AAA"], "fields": ["Name"]}).to_string();
    let read = rig.call("POST", &format!("{path}/Account"), &asked).await.json();
    assert_eq!((&read[0]["Name"], &read[1]), (&json!("B"), &Value::Null));
    let sent = json!({"records": [{"attributes": account, "Legacy_Id__c": "K-9", "Name": "K"}]});
    let url = format!("{path}/Account/Legacy_Id__c");
    assert_eq!(rig.call("PATCH", &url, &sent.to_string()).await.json()[0]["created"], true);
    let deleted = rig.call("DELETE", &format!("{path}?ids={id}"), "").await.json();
    assert_eq!(deleted[0]["success"], true);
    let none = rig.call("POST", &path, r#"{"records":[]}"#).await;
    assert_eq!(none.verdict(), "400 REQUIRED_FIELD_MISSING");
    let many = json!({"records": vec![json!({"attributes": account, "Name": "x"}); 201]});
    assert_eq!(rig.call("POST", &path, &many.to_string()).await.verdict(), "400 EXCEEDED_ID_LIMIT");
}

async fn count(rig: &Rig, condition: &str) -> Value {
    let soql = format!("SELECT COUNT() FROM Account WHERE {condition}");
    let soql: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    rig.get(&format!("{DATA}/query/?q={soql}")).await.json()["totalSize"].clone()
}

#[tokio::test]
async fn all_or_none_leaves_nothing_behind() {
    let rig = Rig::new();
    let path = format!("{DATA}/composite/sobjects");
    let account = json!({"type": "Account"});
    let kept = rig.call("POST", &format!("{DATA}/sobjects/Account"), r#"{"Name":"Kept"}"#).await;
    let id = kept.json()["id"].clone();
    let bad = json!({"attributes": account, "id": "001000000000000AAA", "Name": "x"});
    for (method, good) in [
        ("POST", json!({"attributes": account, "Name": "Gone"})),
        ("PATCH", json!({"attributes": account, "id": id, "Name": "Changed"})),
    ] {
        let bad = if method == "POST" { json!({"attributes": account}) } else { bad.clone() };
        let sent = json!({"allOrNone": true, "records": [good, bad]});
        let heard = rig.call(method, &path, &sent.to_string()).await.json();
        let code = &heard[0]["errors"][0]["statusCode"];
        assert_eq!(code, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "{method}: {heard}");
        assert_eq!(heard[1]["success"], false);
    }
    assert_eq!(count(&rig, "Name IN ('Gone', 'Changed')").await, 0);
    assert_eq!(count(&rig, "Name = 'Kept'").await, 1);
}

#[tokio::test]
async fn queries_come_in_pages() {
    let rig = Rig::new();
    let id = rig.submit(&accounts("insert"), &account_rows(0, 450)).await;
    rig.ended(INGEST, &id).await;
    let bearer = format!("Bearer {}", rig.token);
    let headers = [("authorization", bearer.as_str()), ("sforce-query-options", "batchSize=200")];
    let soql = "SELECT+Id,Name,Owner.Username,Parent.Name+FROM+Account+WHERE+Name+LIKE+'Acme+%25'";
    let mut next = format!("{DATA}/query?q={soql}");
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = rig.send("GET", &next, &headers, "").await.json();
        assert_eq!(page["totalSize"], 450, "{page}");
        seen.extend(page["records"].as_array().unwrap().iter().map(|r| r["Id"].to_string()));
        pages += 1;
        if page["done"] == true {
            assert!(page.get("nextRecordsUrl").is_none());
            let record = &page["records"][0];
            assert_eq!(record["attributes"]["type"], "Account");
            assert_eq!(record["Owner"]["attributes"]["type"], "User");
            assert_eq!(record["Owner"]["Username"], "admin@practice.example");
            assert_eq!(record["Parent"], Value::Null);
            break;
        }
        next = page["nextRecordsUrl"].as_str().unwrap().to_owned();
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((pages, seen.len()), (3, 450));
    let wrong = rig.get(&format!("{DATA}/query/01gNOPE-200")).await;
    assert_eq!(wrong.verdict(), "400 INVALID_QUERY_LOCATOR");
    let hub = rig.get(&format!("{DATA}/query?q=SELECT+Id+FROM+ScratchOrgInfo+limit+1")).await;
    assert_eq!(hub.verdict(), "400 INVALID_TYPE");
    assert_eq!(rig.get(&format!("{DATA}/query")).await.verdict(), "400 MALFORMED_QUERY");
}

#[tokio::test]
async fn a_composite_call_uses_earlier_answers() {
    let rig = Rig::new();
    let base = format!("{DATA}/sobjects");
    let sent = json!({"compositeRequest": [
        {"method": "POST", "url": format!("{base}/Account"), "referenceId": "a",
            "body": {"Name": "Acme"}},
        {"method": "POST", "url": format!("{base}/Contact"), "referenceId": "c",
            "body": {"LastName": "Doe", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": format!("{base}/Account/@{{a.id}}?fields=Name"),
            "referenceId": "g"},
        {"method": "GET", "url": format!("{base}/Nope/describe"), "referenceId": "n"},
    ]});
    let heard = rig.call("POST", &format!("{DATA}/composite"), &sent.to_string()).await.json();
    let all = heard["compositeResponse"].as_array().unwrap();
    let statuses: Vec<&Value> = all.iter().map(|one| &one["httpStatusCode"]).collect();
    assert_eq!(statuses, [201, 201, 200, 404], "{heard}");
    assert_eq!(all[2]["body"]["Name"], "Acme");
}

#[tokio::test]
async fn a_tree_is_saved_whole_or_not_at_all() {
    let rig = Rig::new();
    let record = |reference: &str, name: Option<&str>| {
        let attributes = json!({"type": "Account", "referenceId": reference});
        json!({"attributes": attributes, "Name": name})
    };
    let path = format!("{DATA}/composite/tree/Account");
    let bad = json!({"records": [record("r1", Some("Tree")), record("r2", None)]}).to_string();
    let heard = rig.call("POST", &path, &bad).await;
    assert_eq!((heard.status.as_u16(), &heard.json()["hasErrors"]), (400, &json!(true)));
    assert_eq!(heard.json()["results"][0]["referenceId"], "r2");
    assert_eq!(count(&rig, "Name = 'Tree'").await, 0);
    let good = json!({"records": [record("r1", Some("Tree"))]}).to_string();
    let heard = rig.call("POST", &path, &good).await;
    assert_eq!((heard.status.as_u16(), &heard.json()["hasErrors"]), (201, &json!(false)));
    assert_eq!(count(&rig, "Name = 'Tree'").await, 1);
}

fn rule(method: &str, path: &str, fault: Fault) -> Rule {
    Rule { method: method.to_owned(), path: path.to_owned(), nth: 1, times: 1, fault }
}

fn made_up(status: u16, body: BodyKind, retry_after: Option<u64>, effect: bool) -> Fault {
    let (code, message) = ("SERVER_UNAVAILABLE".to_owned(), "busy".to_owned());
    Fault::Answer { status, code, message, body, retry_after, effect }
}

#[tokio::test]
async fn a_lost_answer_may_or_may_not_have_had_its_effect() {
    for (fault, effects) in [
        (Fault::LoseAnswer { effect: false }, 0),
        (Fault::LoseAnswer { effect: true }, 1),
        (made_up(503, BodyKind::Html, Some(7), false), 0),
        (made_up(500, BodyKind::Json, None, true), 1),
        (Fault::HtmlOk, 0),
    ] {
        let rig = Rig::new();
        rig.practice.mischief().add(rule("POST", "*/sobjects/Account", fault.clone()));
        let path = format!("{DATA}/sobjects/Account");
        let heard = rig.call("POST", &path, r#"{"Name":"Acme"}"#).await;
        match &fault {
            Fault::LoseAnswer { .. } => assert!(heard.dropped),
            Fault::HtmlOk => {
                assert_eq!(heard.status, 200);
                assert_eq!(heard.header("content-type"), "text/html; charset=UTF-8");
            }
            _ if effects == 0 => {
                assert_eq!((heard.status.as_u16(), heard.header("retry-after")), (503, "7"));
            }
            _ => assert_eq!(heard.verdict(), "500 SERVER_UNAVAILABLE"),
        }
        assert_eq!(rig.practice.org().audit().len(), effects, "{fault:?}");
        assert_eq!(rig.call("POST", &path, r#"{"Name":"B"}"#).await.status, 201);
        assert_eq!(rig.practice.mischief().fired()[0].1, 1);
    }
}

#[tokio::test]
async fn downloads_break_off_openly_or_secretly() {
    for length in [Length::Lying, Length::Missing] {
        let rig = Rig::new();
        let id = rig.submit(&accounts("insert"), &account_rows(0, 5)).await;
        rig.ended(INGEST, &id).await;
        let path = format!("{INGEST}/{id}/successfulResults");
        let whole = rig.get(&path).await;
        rig.practice.mischief().add(rule(
            "GET",
            "*/successfulResults",
            Fault::Truncate { bytes: 50, length },
        ));
        let cut = rig.get(&path).await;
        assert_eq!(cut.body, whole.body[..50]);
        assert_eq!(cut.broken, length == Length::Lying);
        let promised = whole.body.len().to_string();
        let expected = if cut.broken { promised.as_str() } else { "" };
        assert_eq!(cut.header("content-length"), expected);
        assert_eq!(rig.get(&path).await.body, whole.body);
    }
}

#[tokio::test]
async fn a_broken_upload_leaves_the_job_open_for_another() {
    let rig = Rig::new();
    let id = rig.create(&accounts("insert")).await;
    let path = format!("{INGEST}/{id}/batches");
    rig.practice.mischief().add(rule("PUT", "*", Fault::BreakUpload { bytes: 3 }));
    assert!(rig.call("PUT", &path, "Name\nA\n").await.dropped);
    assert_eq!(rig.call("PUT", &path, "Name\nB\n").await.status, 201);
    rig.patch(&id, "UploadComplete").await;
    assert_eq!(rig.ended(INGEST, &id).await["numberRecordsProcessed"], 1);
}

#[tokio::test]
async fn sessions_allowance_and_jobs_can_be_taken_away() {
    let rig = Rig::new();
    let id = rig.create(&accounts("insert")).await;
    let mischief = rig.practice.mischief();
    mischief.add(rule("GET", &format!("*/{id}"), Fault::VanishJob));
    assert_eq!(rig.get(&format!("{INGEST}/{id}")).await.verdict(), "404 NOT_FOUND");
    mischief.add(rule("GET", "*/limits", Fault::SpendAllowance { remaining: 1 }));
    let limits = rig.get(&format!("{DATA}/limits")).await;
    assert_eq!(limits.header("sforce-limit-info"), "api-usage=100000/100000");
    let spent = rig.get(DATA).await;
    assert_eq!(spent.verdict(), "403 REQUEST_LIMIT_EXCEEDED");
    assert_eq!(spent.json()[0]["message"], "TotalRequests Limit exceeded.");
    mischief.add(rule("GET", "*", Fault::ExpireSessions));
    assert_eq!(rig.get(DATA).await.verdict(), "401 INVALID_SESSION_ID");
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let rig = Rig::new();
    rig.practice.mischief().add(rule("GET", "*", Fault::Delay { ms: 60 }));
    let before = tokio::time::Instant::now();
    assert_eq!(rig.get(DATA).await.status, 200);
    assert!(before.elapsed().as_millis() >= 60);
}

#[tokio::test]
async fn a_served_org_is_steered_over_http() {
    let rig = Rig::new();
    let sent = r#"[{"method":"GET","path":"*/limits","fault":{"kind":"html_ok"}}]"#;
    assert_eq!(rig.send("POST", "/practice/mischief", &[], sent).await.status, 201);
    rig.get(&format!("{DATA}/limits")).await;
    let fired = rig.send("GET", "/practice/mischief", &[], "").await.json();
    assert_eq!(fired[0]["fired"], 1);
    let bad = rig.send("POST", "/practice/mischief", &[], r#"{"path":"*"}"#).await;
    assert_eq!(bad.verdict(), "400 BAD_MISCHIEF");
    assert_eq!(rig.send("DELETE", "/practice/mischief", &[], "").await.status, 204);
    assert_eq!(rig.send("GET", "/practice/mischief", &[], "").await.json(), json!([]));

    rig.call("POST", &format!("{DATA}/sobjects/Account"), r#"{"Name":"Acme"}"#).await;
    let audit = rig.send("GET", "/practice/audit?since=0", &[], "").await.json();
    assert_eq!(audit["length"], 1);
    assert_eq!(
        (&audit["entries"][0]["verb"], &audit["entries"][0]["fields"]["Name"]),
        (&json!("insert"), &json!("Acme"))
    );
    let none = rig.send("GET", "/practice/audit?since=1", &[], "").await.json();
    assert_eq!(none["entries"], json!([]));
    let requests = rig.send("GET", "/practice/requests", &[], "").await.json();
    let seen = requests["requests"].as_array().unwrap();
    assert_eq!(seen.len(), 2, "its own paths are not counted: {requests}");
    assert_eq!(seen[1], json!({"method": "POST", "path": format!("{DATA}/sobjects/Account")}));
    let clock = rig.send("POST", "/practice/clock", &[], r#"{"advanceMs":7200001}"#).await;
    assert_eq!(clock.status, 204);
    assert_eq!(rig.get(DATA).await.verdict(), "401 INVALID_SESSION_ID");
}
