//! The columns of a query, told instead of its records.
//!
//! `GET /query` with `columns=true` is not in the vendor's guides; the `sf` command line asks it
//! before it prints a table, and what it reads of the answer is what is here. Source: plugin-data.

use serde_json::{Value, json};

use crate::practice::org::Cursor;

/// Columns by name; those of a parent are joined below the relationship.
pub(super) fn metadata(cursor: &Cursor) -> Value {
    let aggregate = cursor.object() == "AggregateResult";
    let mut columns = Vec::new();
    for path in cursor.columns() {
        place(&mut columns, path, aggregate);
    }
    let object = cursor.from();
    json!({
        "columnMetadata": columns,
        "entityName": object,
        "groupBy": false,
        "idSelected": cursor.columns().iter().any(|column| column == "Id"),
        "keyPrefix": cursor.prefix(),
    })
}

fn place(columns: &mut Vec<Value>, path: &str, aggregate: bool) {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let known = columns.iter().position(|column| column["columnName"] == name);
    let at = known.unwrap_or_else(|| {
        columns.push(json!({
            "aggregate": aggregate,
            "columnName": name,
            "custom": name.ends_with("__c") || name.ends_with("__r"),
            "displayName": name,
            "joinColumns": [],
        }));
        columns.len() - 1
    });
    if let (Some(rest), Value::Array(joined)) = (rest, &mut columns[at]["joinColumns"]) {
        place(joined, rest, false);
    }
}
