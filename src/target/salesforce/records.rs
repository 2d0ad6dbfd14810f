//! Records by their Ids (sObject Collections) or by the values of a key field (SOQL).

use std::collections::HashMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::session::Request;
use super::{Salesforce, either, errors, query};
use crate::http::call::Repeat;
use crate::model::ids::RecordId;
use crate::model::limits::{RECORDS_READ_MAX, URL_BYTES_MAX};
use crate::model::schema::{FieldKind, FieldSchema};
use crate::target::{Fault, Record, RecordsWanted};

/// Bytes of a URL that are left to scheme, host and port.
const ORIGIN_BYTES: usize = 300;

/// For each key, in their order, the record that has it now.
pub(super) async fn read(
    org: &Salesforce,
    wanted: &RecordsWanted,
    keys: &[String],
) -> Result<Vec<Option<Record>>, Fault> {
    match &wanted.key {
        Some(key) if key.kind != FieldKind::Id => by_key(org, wanted, key, keys).await,
        _ => by_id(org, wanted, keys).await,
    }
}

/// `POST …/composite/sobjects/{Object}`: up to 2,000 Ids; the answer has `null` where there is no
/// record. Source: REST, sObject Collections. An answer that is too long is asked for in halves.
async fn by_id(
    org: &Salesforce,
    wanted: &RecordsWanted,
    ids: &[String],
) -> Result<Vec<Option<Record>>, Fault> {
    let mut found: HashMap<String, Record> = HashMap::new();
    let mut left: Vec<&[String]> = ids.chunks(RECORDS_READ_MAX).rev().collect();
    while let Some(some) = left.pop() {
        match retrieve(org, wanted, some).await {
            Ok(records) => {
                let records = records.iter().flatten().filter_map(|one| record(one, wanted));
                found.extend(records.map(|record| (canonical(&record.id), record)));
            }
            Err(fault) if fault.code == errors::TOO_LONG && some.len() > 1 => {
                let (first, second) = some.split_at(some.len() / 2);
                left.extend([second, first]);
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(ids.iter().map(|id| found.get(&canonical(id)).cloned()).collect())
}

async fn retrieve(
    org: &Salesforce,
    wanted: &RecordsWanted,
    ids: &[String],
) -> Result<Vec<Option<Map<String, Value>>>, Fault> {
    let fields: Vec<&str> =
        std::iter::once("Id").chain(wanted.fields.iter().map(String::as_str)).collect();
    let mut once: Vec<&String> = ids.iter().collect();
    once.sort_unstable();
    once.dedup();
    let body = json!({ "ids": once, "fields": fields });
    let path = format!("{}/composite/sobjects/{}", org.base, wanted.object);
    let doing = format!("read records of `{}`", wanted.object);
    either(
        org.session.fetch(&Request::json(doing, Method::POST, path, &body, Repeat::Freely)).await,
    )
}

/// `SELECT … WHERE Key IN (…)`, as many keys at a time as a URL holds. A key that several
/// records have finds none: nobody can say which it means.
async fn by_key(
    org: &Salesforce,
    wanted: &RecordsWanted,
    key: &FieldSchema,
    keys: &[String],
) -> Result<Vec<Option<Record>>, Fault> {
    let mut fields = vec!["Id", key.name.as_str()];
    let other = |name: &&str| *name != "Id" && *name != key.name;
    fields.extend(wanted.fields.iter().map(String::as_str).filter(other));
    let start =
        format!("SELECT {} FROM {} WHERE {} IN (", fields.join(","), wanted.object, key.name);
    // Missing where several records have the key.
    let mut found: HashMap<String, Option<Record>> = HashMap::new();
    for list in lists(org, &start, key, keys) {
        let mut page = either(query::page(org, &format!("{start}{list})"), false).await)?;
        loop {
            for row in &page.records {
                if let Some(record) = record(row, wanted) {
                    let of_key = found.entry(folded(&cell(row.get(&key.name)), key));
                    let mut is_first = false;
                    let only = of_key.or_insert_with(|| {
                        is_first = true;
                        Some(record)
                    });
                    if !is_first {
                        *only = None;
                    }
                }
            }
            let Some(next) = &page.next_records_url else { break };
            page = query::next_page(org, next).await?;
        }
    }
    Ok(keys.iter().map(|value| found.get(&folded(value, key)).cloned().flatten()).collect())
}

/// The literals of the keys, each once, in lists that fit a URL.
fn lists(org: &Salesforce, start: &str, key: &FieldSchema, keys: &[String]) -> Vec<String> {
    let mut literals: Vec<String> =
        keys.iter().filter(|value| !value.is_empty()).filter_map(|v| literal(v, key)).collect();
    literals.sort_unstable();
    literals.dedup();
    let room = URL_BYTES_MAX - ORIGIN_BYTES;
    let fixed = query::rest_path(org, &format!("{start})"), false).len();
    let (mut lists, mut bytes): (Vec<String>, usize) = (Vec::new(), 0);
    for literal in literals {
        let more = query::encoded(&literal).len() + query::encoded(",").len();
        match lists.last_mut() {
            Some(list) if bytes + more <= room => {
                list.push(',');
                list.push_str(&literal);
                bytes += more;
            }
            _ => {
                lists.push(literal);
                bytes = fixed + more;
            }
        }
    }
    lists
}

/// A value as SOQL writes it; `None` where no record can have it.
fn literal(value: &str, key: &FieldSchema) -> Option<String> {
    if key.kind.is_number() {
        return value.trim().parse::<f64>().is_ok().then(|| value.trim().to_owned());
    }
    Some(format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")))
}

/// What two spellings of one key have in common.
fn folded(value: &str, key: &FieldSchema) -> String {
    let value = value.trim();
    if key.kind.is_number() {
        let number = value.parse::<f64>();
        return number.map_or_else(|_| value.to_owned(), |number| number.to_string());
    }
    if key.case_sensitive { value.to_owned() } else { value.to_lowercase() }
}

fn record(row: &Map<String, Value>, wanted: &RecordsWanted) -> Option<Record> {
    let id = row.get("Id").and_then(Value::as_str)?.to_owned();
    Some(Record { id, cells: wanted.fields.iter().map(|name| cell(row.get(name))).collect() })
}

/// A value as a load would send it.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// 15 and 18 characters are one id.
fn canonical(id: &str) -> String {
    RecordId::parse(id.as_bytes()).map_or_else(|_| id.to_owned(), |id| id.as_str().to_owned())
}
