//! REST queries: pages of records, and where the next page is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::serve::{Inner, random_text};
use super::reply::{Refusal, Reply};
use super::{Call, Outcome, columns};
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
            if call.param("columns").is_some_and(|asked| asked.eq_ignore_ascii_case("true")) {
                return Ok(Reply::ok(columns::metadata(&cursor)));
            }
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
    /// Relationship path (`Account.Owner`) to the type it leads to.
    types: HashMap<String, String>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(inner: &Inner, object: &'a str, columns: &'a [String], version: u32) -> Self {
        let mut types = HashMap::new();
        for column in columns {
            let mut from = object.to_owned();
            for (dot, _) in column.match_indices('.') {
                let path = &column[..dot];
                let Some(to) = types.get(path).cloned().or_else(|| target(inner, &from, path))
                else {
                    break;
                };
                types.insert(path.to_owned(), to.clone());
                from = to;
            }
        }
        Self { object, columns, version, types }
    }

    pub(super) fn record(&self, id: &str, row: &[Value]) -> Json {
        let mut record = Map::new();
        record.insert("attributes".to_owned(), attributes(self.object, id, self.version));
        for (column, value) in self.columns.iter().zip(row) {
            self.put(&mut record, column, 0, value);
        }
        // A parent that is there has all its members, also empty ones before the first full one.
        for column in self.columns {
            self.put(&mut record, column, 0, &Value::Null);
        }
        Json::Object(record)
    }

    /// Puts a value at the end of the path that begins at byte `at` of the column.
    ///
    /// A value makes the parents on its way; an empty one goes as far as there are parents.
    fn put(&self, members: &mut Map<String, Json>, column: &str, at: usize, value: &Value) {
        let Some((relation, _)) = column[at..].split_once('.') else {
            let member = members.entry(column[at..].to_owned()).or_insert(Json::Null);
            if *value != Value::Null {
                *member = spell(value);
            }
            return;
        };
        let end = at + relation.len();
        let parent = members.entry(relation.to_owned()).or_insert(Json::Null);
        if parent.is_null() && *value != Value::Null {
            *parent = json!({"attributes": {"type": self.types.get(&column[..end])}});
        }
        if let Some(parent) = parent.as_object_mut() {
            self.put(parent, column, end + 1, value);
        }
    }
}

/// The type that the last relationship of a path leads to, from the type before it.
fn target(inner: &Inner, from: &str, path: &str) -> Option<String> {
    let relation = path.rsplit('.').next()?;
    let describe = inner.describe(from);
    let mut fields = describe["fields"].as_array()?.iter();
    let field = fields.find(|field| field["relationshipName"] == relation)?;
    let targets = field["referenceTo"].as_array()?;
    // An owner may be a group or a user; ours are users.
    let target = targets.iter().find(|name| **name == "User").or(targets.first());
    Some(target?.as_str()?.to_owned())
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::practice::rig::Rig;

    const QUERY: &str = "/services/data/v62.0/query?q=";

    #[tokio::test]
    async fn parents_of_parents_are_nested() {
        let rig = Rig::new();
        let soql = "SELECT Account.Site, Account.Owner.Username, Account.Owner.Manager.Name, \
                    Account.Parent.Owner.Name FROM Contact LIMIT 1";
        let heard = rig.get(&format!("{QUERY}{}", soql.replace(' ', "+"))).await;
        let record = heard.json()["records"][0].take();
        assert_eq!(
            record["Account"],
            json!({
                "attributes": {"type": "Account"},
                "Site": null,
                "Owner": {
                    "attributes": {"type": "User"},
                    "Username": rig.practice.org().username(),
                    "Manager": null,
                },
                "Parent": null,
            })
        );
    }

    #[tokio::test]
    async fn columns_are_told_when_asked_for() {
        let rig = Rig::new();
        for (select, expected) in [
            ("Id, Name", json!([["Id", []], ["Name", []]])),
            (
                "Id, Account.Owner.Name, Account.Name, Account.Owner.Email",
                json!([
                    ["Id", []],
                    ["Account", [["Owner", [["Name", []], ["Email", []]]], ["Name", []]]],
                ]),
            ),
        ] {
            let soql = format!("SELECT {select} FROM Contact LIMIT 1").replace(' ', "+");
            let heard = rig.get(&format!("{QUERY}{soql}&columns=true")).await.json();
            assert_eq!(heard["entityName"], "Contact");
            assert_eq!(outline(&heard["columnMetadata"]), expected, "{select}");
        }
        let heard = rig.get(&format!("{QUERY}SELECT+COUNT(Id)+n+FROM+Contact&columns=true")).await;
        let column = heard.json()["columnMetadata"][0].take();
        assert_eq!((&column["columnName"], &column["aggregate"]), (&json!("n"), &json!(true)));
    }

    /// Names and what is joined below them.
    fn outline(columns: &Value) -> Value {
        let columns = columns.as_array().unwrap().iter();
        columns
            .map(|column| json!([column["columnName"], outline(&column["joinColumns"])]))
            .collect()
    }
}
