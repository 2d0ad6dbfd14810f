//! Records by Id and by key: what is asked, how often, and what comes back in which place.

use super::*;
use crate::model::limits::{JSON_BYTES_MAX, RECORDS_READ_MAX, URL_BYTES_MAX};
use crate::model::schema::{FieldKind, FieldSchema};

fn wanted(key: Option<FieldSchema>, fields: &[&str]) -> RecordsWanted {
    let object = ObjectName::parse("Account").unwrap();
    RecordsWanted { object, key, fields: fields.iter().map(|&name| name.to_owned()).collect() }
}

fn key(name: &str, kind: FieldKind, case_sensitive: bool) -> FieldSchema {
    let kind = serde_json::to_value(kind).unwrap();
    let field = serde_json::json!({
        "name": name, "label": name, "kind": kind, "type_name": kind, "length": 0, "digits": 0,
        "precision": 0, "scale": 0, "createable": true, "updateable": true, "nillable": true,
        "defaulted_on_create": false, "calculated": false, "auto_number": false,
        "external_id": true, "id_lookup": true, "unique": true, "case_sensitive": case_sensitive,
        "restricted_picklist": false, "picklist": [], "reference_to": [],
        "relationship_name": null, "polymorphic": false,
    });
    serde_json::from_value(field).unwrap()
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

const A: &str = "0015500001QdQWaAAN";

#[tokio::test(start_paused = true)]
async fn records_come_in_the_order_of_their_ids_whatever_their_spelling() {
    let answer = format!(
        r#"[null,{{"attributes":{{"type":"Account"}},"Id":"{A}","Name":"x, \"y\"",
            "AnnualRevenue":1500000.0,"Active__c":true,"Site":null,"BillingAddress":{{}}}}]"#
    );
    let (org, wire) = signed_in([Canned::json(200, &answer)]).await;
    let wanted =
        wanted(None, &["Name", "AnnualRevenue", "Active__c", "Site", "BillingAddress", "Nope"]);
    // The same record by 15 characters, one that is not there, and by 18.
    let ids = strings(&["0015500001QdQWa", "0015500001QdQWb", A]);
    let found = org.records(&wanted, &ids).await.unwrap();
    let cells = strings(&["x, \"y\"", "1500000.0", "true", "", "", ""]);
    let record = Record { id: A.to_owned(), cells };
    assert_eq!(found, [Some(record.clone()), None, Some(record)]);
    assert_eq!(asked(&wire), ["POST …/composite/sobjects/Account"]);
}

#[tokio::test(start_paused = true)]
async fn two_thousand_ids_are_one_call_and_an_answer_too_long_is_halved() {
    let ids: Vec<String> = (0..=RECORDS_READ_MAX).map(|n| format!("0015500001{n:05}")).collect();
    let empty = || Canned::json(200, "[]");
    let (org, wire) = signed_in([empty(), empty()]).await;
    org.records(&wanted(None, &["Name"]), &ids).await.unwrap();
    assert_eq!(asked(&wire).len(), 2);
    let long = Canned::json(200, &" ".repeat(JSON_BYTES_MAX + 1));
    let (org, wire) = signed_in([long, empty(), empty()]).await;
    org.records(&wanted(None, &["Name"]), &ids[..3]).await.unwrap();
    let sizes: Vec<usize> = wire.asked()[1..]
        .iter()
        .map(|asked| {
            let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
            body["ids"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(sizes, [3, 1, 2]);
    // One record whose answer is too long cannot be read at all.
    let long = Canned::json(200, &" ".repeat(JSON_BYTES_MAX + 1));
    let (org, _) = signed_in([long]).await;
    let fault = org.records(&wanted(None, &["Name"]), &ids[..1]).await.unwrap_err();
    assert!(fault.message.contains("longer than"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn keys_are_asked_for_in_lists_and_found_whatever_their_case() {
    let page = format!(
        r#"{{"totalSize":2,"done":false,"nextRecordsUrl":"/services/data/v62.0/query/x-1",
            "records":[{{"Id":"{A}","Key__c":"O'Brien","Name":"n"}}]}}"#
    );
    let last =
        r#"{"totalSize":2,"done":true,"records":[{"Id":"0015500001QdQWbAAN","Key__c":"b"}]}"#;
    let (org, wire) = signed_in([Canned::json(200, &page), Canned::json(200, last)]).await;
    let by_text = wanted(Some(key("Key__c", FieldKind::String, false)), &["Name"]);
    let found = org.records(&by_text, &strings(&["B", "", "o'brien", "c"])).await.unwrap();
    let ids: Vec<_> = found.iter().map(|one| one.as_ref().map(|one| one.id.as_str())).collect();
    assert_eq!(ids, [Some("0015500001QdQWbAAN"), None, Some(A), None]);
    let soql: String =
        url::form_urlencoded::parse(wire.asked()[1].path.split_once('?').unwrap().1.as_bytes())
            .find(|(name, _)| name == "q")
            .unwrap()
            .1
            .into_owned();
    assert_eq!(soql, r"SELECT Id,Key__c,Name FROM Account WHERE Key__c IN ('B','c','o\'brien')");
    // Case counts where the field says so, and a number is one however it is written.
    let one = r#"{"totalSize":1,"done":true,"records":[{"Id":"0015500001QdQWbAAN","Key__c":7.0}]}"#;
    for (kind, value, there) in [
        (FieldKind::Double, "7", true),
        (FieldKind::Double, "7.00", true),
        (FieldKind::Double, "8", false),
    ] {
        let (org, _) = signed_in([Canned::json(200, one)]).await;
        let wanted = wanted(Some(key("Key__c", kind, true)), &[]);
        let found = org.records(&wanted, &strings(&[value])).await.unwrap();
        assert_eq!(found[0].is_some(), there, "{value}");
    }
    // What is no number has no record, and is not asked for.
    let (org, wire) = signed_in([]).await;
    let by_number = wanted(Some(key("Key__c", FieldKind::Double, true)), &[]);
    assert_eq!(org.records(&by_number, &strings(&["x"])).await.unwrap(), [None]);
    assert_eq!(asked(&wire).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_list_of_keys_is_longer_than_a_url() {
    let empty = || Canned::json(200, r#"{"totalSize":0,"done":true,"records":[]}"#);
    let keys: Vec<String> = (0..2_000).map(|n| format!("key number {n:06}")).collect();
    let (org, wire) = signed_in((0..9).map(|_| empty())).await;
    let wanted = wanted(Some(key("Key__c", FieldKind::String, false)), &["Name"]);
    org.records(&wanted, &keys).await.unwrap();
    let lengths: Vec<usize> = wire.asked()[1..].iter().map(|asked| asked.path.len()).collect();
    assert!(lengths.iter().all(|length| ORIGIN.len() + length <= URL_BYTES_MAX), "{lengths:?}");
    assert!((3..=5).contains(&lengths.len()), "{lengths:?}");
}
