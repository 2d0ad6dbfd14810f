//! REST queries: pages of records, and where the next page is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::serve::{Inner, random_text};
use super::reply::{Refusal, Reply};
use super::{Call, Outcome};
use crate::practice::clock::spell_ms;
use crate::practice::org::{Cursor, QueryScope, SoqlError, Value};

/// Rows of a page at most, and unless asked otherwise. Source: query options, 200 to 2,000.
const PAGE_ROWS_MAX: usize = 2_000;
const PAGE_ROWS_MIN: usize = 200;

/// Queries whose next pages are remembered; the oldest goes first.
const CURSORS_MAX: usize = 50;

/// The queries that have more pages.
#[derive(Default)]
pub(in crate::practice) struct Cursors {
    held: Mutex<VecDeque<(String, Arc<Cursor>)>>,
}

impl Cursors {
    fn hold(&self, cursor: Arc<Cursor>) -> String {
        let id = format!("01g{}", random_text(12));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CURSORS_MAX {
            held.pop_front();
        }
        held.push_back((id.clone(), cursor));
        id
    }

    fn find(&self, id: &str) -> Option<Arc<Cursor>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|(known, _)| known == id).map(|(_, cursor)| Arc::clone(cursor))
    }
}

pub(super) fn route(call: &Call<'_>, version: u32, all: bool, rest: &[&str]) -> Outcome {
    if call.method != Method::GET {
        return Err(Refusal::method(&call.method));
    }
    match rest {
        [] => {
            let Some(soql) = call.param("q") else {
                return Err(Refusal::bad(
                    "MALFORMED_QUERY",
                    "SOQL statements cannot be empty or null",
                ));
            };
            let scope = if all { QueryScope::All } else { QueryScope::Live };
            let cursor = call.inner.org.cursor(soql, scope).map_err(refusal)?;
            if let Some(count) = cursor.count_only() {
                let body = json!({"totalSize": count, "done": true, "records": []});
                return Ok(Reply::ok(body));
            }
            Ok(Reply::ok(page(call, version, &Arc::new(cursor), None, 0)))
        }
        [locator] => {
            let unknown = || Refusal::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
            let (id, from) = locator.rsplit_once('-').ok_or_else(unknown)?;
            let cursor = call.inner.cursors.find(id).ok_or_else(unknown)?;
            let from = from.parse().map_err(|_| unknown())?;
            Ok(Reply::ok(page(call, version, &cursor, Some(id), from)))
        }
        _ => Err(Refusal::not_found()),
    }
}

pub(super) fn refusal(error: SoqlError) -> Refusal {
    Refusal::bad(error.code, error.message)
}

fn page(
    call: &Call<'_>,
    version: u32,
    cursor: &Arc<Cursor>,
    id: Option<&str>,
    from: usize,
) -> Json {
    let rows = cursor.read(from, page_rows(call));
    let end = from + rows.len();
    let shape = Shape::of(call.inner, cursor.object(), cursor.columns(), version);
    let records: Vec<Json> = rows.iter().map(|(id, row)| shape.record(id, row)).collect();
    let done = end >= cursor.len();
    let mut body = json!({"totalSize": cursor.len(), "done": done});
    if !done {
        let id = id.map_or_else(|| call.inner.cursors.hold(Arc::clone(cursor)), str::to_owned);
        body["nextRecordsUrl"] = json!(format!("/services/data/v{version}.0/query/{id}-{end}"));
    }
    body["records"] = json!(records);
    body
}

fn page_rows(call: &Call<'_>) -> usize {
    let options = call.header("sforce-query-options").unwrap_or_default();
    let asked = options.split([',', ';']).find_map(|option| {
        let (name, value) = option.split_once('=')?;
        let fits = name.trim().eq_ignore_ascii_case("batchSize");
        fits.then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    asked.unwrap_or(PAGE_ROWS_MAX).clamp(PAGE_ROWS_MIN, PAGE_ROWS_MAX)
}

/// How the columns of a query become members of a record.
pub(super) struct Shape<'a> {
    object: &'a str,
    columns: &'a [String],
    version: u32,
    /// Relationship name to the type it leads to.
    types: HashMap<String, String>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(inner: &Inner, object: &'a str, columns: &'a [String], version: u32) -> Self {
        let mut types = HashMap::new();
        if columns.iter().any(|column| column.contains('.')) {
            let describe = inner.describe(object);
            for field in describe["fields"].as_array().into_iter().flatten() {
                let targets = field["referenceTo"].as_array().into_iter().flatten();
                let targets: Vec<&str> = targets.filter_map(Json::as_str).collect();
                // An owner may be a group or a user; ours are users.
                let target = targets.iter().find(|name| **name == "User").or(targets.first());
                if let (Some(name), Some(target)) = (field["relationshipName"].as_str(), target) {
                    types.insert(name.to_owned(), (*target).to_owned());
                }
            }
        }
        Self { object, columns, version, types }
    }

    pub(super) fn record(&self, id: &str, row: &[Value]) -> Json {
        let mut record = Map::new();
        record.insert("attributes".to_owned(), attributes(self.object, id, self.version));
        for (column, value) in self.columns.iter().zip(row) {
            match column.split_once('.') {
                None => {
                    record.insert(column.clone(), spell(value));
                }
                Some((relation, field)) => {
                    let parent = record.entry(relation.to_owned()).or_insert(Json::Null);
                    if parent.is_null() && *value != Value::Null {
                        *parent = self.parent(relation);
                    }
                    if let Some(parent) = parent.as_object_mut() {
                        parent.insert(field.to_owned(), spell(value));
                    }
                }
            }
        }
        self.fill(&mut record);
        Json::Object(record)
    }

    fn parent(&self, relation: &str) -> Json {
        json!({"attributes": {"type": self.types.get(relation)}})
    }

    /// A parent that is there has all its members, also the empty ones before the first full one.
    fn fill(&self, record: &mut Map<String, Json>) {
        for column in self.columns {
            let Some((relation, field)) = column.split_once('.') else { continue };
            if let Some(parent) = record.get_mut(relation).and_then(Json::as_object_mut) {
                parent.entry(field.to_owned()).or_insert(Json::Null);
            }
        }
    }
}

pub(super) fn attributes(object: &str, id: &str, version: u32) -> Json {
    let url = format!("/services/data/v{version}.0/sobjects/{object}/{id}");
    json!({"type": object, "url": url})
}

/// A value as REST has it.
pub(super) fn spell(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) | Value::Date(text) => json!(text),
        Value::Int(number) => json!(number),
        Value::Double(number) => json!(number),
        Value::Bool(truth) => json!(truth),
        Value::DateTime(ms) => json!(spell_ms(*ms)),
    }
}
