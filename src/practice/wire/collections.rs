//! sObject Collections: up to 200 records in one call.

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::serve::Body;
use super::query::spell;
use super::reply::{Refusal, Reply};
use super::sobjects::{flatten, ids_by_key, key_field};
use super::{Call, Outcome, read_json};
use crate::practice::org::{Cell, Change, RowError, RowResult, Value, Verb};

/// Records of one call. Source: REST, sObject Collections.
const RECORDS_MAX: usize = 200;

/// Ids of one retrieve.
const RETRIEVED_MAX: usize = 2_000;

pub(super) async fn route(call: &Call<'_>, rest: &[&str], body: Body) -> Outcome {
    match (&call.method, rest) {
        (&Method::POST, []) => write(call, &Verb::Insert, None, &read_json(body).await?),
        (&Method::PATCH, []) => write(call, &Verb::Update, None, &read_json(body).await?),
        (&Method::DELETE, []) => delete(call),
        (&Method::PATCH, [object, key]) => {
            let object = call.inner.org.object_name(object).ok_or_else(Refusal::not_found)?;
            let key = key_field(call, object, key)?;
            let verb = Verb::Upsert { key };
            write(call, &verb, Some(object), &read_json(body).await?)
        }
        (&Method::POST, [object]) => {
            let object = call.inner.org.object_name(object).ok_or_else(Refusal::not_found)?;
            retrieve(call, object, &read_json(body).await?)
        }
        (_, [] | [_] | [_, _]) => Err(Refusal::method(&call.method)),
        _ => Err(Refusal::not_found()),
    }
}

fn write(call: &Call<'_>, verb: &Verb, object: Option<&str>, sent: &Json) -> Outcome {
    let records = sent["records"].as_array().cloned().unwrap_or_default();
    check_count(records.len())?;
    let all_or_none = sent["allOrNone"].as_bool().unwrap_or(false);
    let mut rows = Vec::new();
    for record in &records {
        let Some(record) = record.as_object() else {
            return Err(Refusal::bad("JSON_PARSER_ERROR", "a record is not an object"));
        };
        let named = record.get("attributes").and_then(|a| a["type"].as_str());
        let Some(named) = named else {
            let message = "attributes type is required";
            return Err(Refusal::bad("INVALID_INPUT", message));
        };
        let Some(known) = call.inner.org.object_name(named) else {
            let message = format!("sObject type '{named}' is not supported.");
            return Err(Refusal::bad("INVALID_TYPE", message));
        };
        if object.is_some_and(|object| object != known) {
            let message = "all records must be of the type in the path";
            return Err(Refusal::bad("INVALID_INPUT", message));
        }
        rows.push((known, id_column(record)));
    }
    Ok(apply(call, verb, &rows, all_or_none))
}

/// JSON clients write `id`; the org's column is `Id`.
fn id_column(record: &Map<String, Json>) -> Vec<(String, Cell)> {
    let mut columns = flatten(record);
    for (name, cell) in &mut columns {
        if name.eq_ignore_ascii_case("id") {
            "Id".clone_into(name);
            if *cell == Cell::Clear {
                *cell = Cell::Absent;
            }
        }
    }
    columns
}

fn delete(call: &Call<'_>) -> Outcome {
    let ids: Vec<&str> =
        call.param("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
    check_count(ids.len())?;
    let all_or_none = call.param("allOrNone") == Some("true");
    let global = call.inner.org.describe_global();
    let mut rows = Vec::new();
    for id in ids {
        let mut objects = global["sobjects"].as_array().into_iter().flatten();
        let object = objects
            .find(|object| object["keyPrefix"].as_str().is_some_and(|p| id.starts_with(p)))
            .and_then(|object| call.inner.org.object_name(object["name"].as_str()?));
        let Some(object) = object else {
            return Err(Refusal::bad("MALFORMED_ID", format!("malformed id {id}")));
        };
        rows.push((object, vec![("Id".to_owned(), Cell::Text(id.to_owned()))]));
    }
    Ok(apply(call, &Verb::Delete, &rows, all_or_none))
}

fn check_count(records: usize) -> Result<(), Refusal> {
    match records {
        0 => Err(Refusal::bad("REQUIRED_FIELD_MISSING", "At least 1 record is required")),
        1..=RECORDS_MAX => Ok(()),
        _ => {
            let message = format!(
                "record limit reached. cannot submit more than {RECORDS_MAX} \
                 records into this call"
            );
            Err(Refusal::bad("EXCEEDED_ID_LIMIT", message))
        }
    }
}

/// A row of a call: its object and its cells by column.
pub(super) type Row = (&'static str, Vec<(String, Cell)>);

fn apply(call: &Call<'_>, verb: &Verb, rows: &[Row], all_or_none: bool) -> Reply {
    let results = apply_rows(call, verb, rows, all_or_none);
    let upsert = matches!(verb, Verb::Upsert { .. });
    let spelled: Vec<Json> = results.iter().map(|result| spell_result(result, upsert)).collect();
    Reply::ok(json!(spelled))
}

/// Runs of rows of one object go through the org together; the results are in the rows' order.
pub(super) fn apply_rows(
    call: &Call<'_>,
    verb: &Verb,
    rows: &[Row],
    all_or_none: bool,
) -> Vec<RowResult> {
    let before: Vec<Option<Image>> =
        rows.iter().map(|row| all_or_none.then(|| image(call, verb, row)).flatten()).collect();
    let mut results = Vec::new();
    for run in rows.chunk_by(|left, right| left.0 == right.0) {
        results.extend(apply_run(call, verb, run[0].0, run));
    }
    if all_or_none && results.iter().any(|result| result.error.is_some()) {
        for ((result, row), before) in results.iter_mut().zip(rows).zip(before) {
            if result.error.is_none() {
                take_back(call, verb, row.0, result, before);
                *result = rolled_back();
            }
        }
    }
    results
}

fn apply_run(call: &Call<'_>, verb: &Verb, object: &str, run: &[Row]) -> Vec<RowResult> {
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in run.iter().flat_map(|(_, cells)| cells) {
        if !columns.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            columns.push(name.clone());
        }
    }
    let rows: Vec<Vec<Cell>> = run
        .iter()
        .map(|(_, cells)| {
            let cell = |column: &String| {
                let mut found = cells.iter().filter(|(name, _)| name.eq_ignore_ascii_case(column));
                found.next().map_or(Cell::Absent, |(_, cell)| cell.clone())
            };
            columns.iter().map(cell).collect()
        })
        .collect();
    let change = Change { object, verb: verb.clone(), job: None, columns: &columns, rows: &rows };
    call.inner.org.apply(&change)
}

/// A record as it was, cut down to the columns that a call is about to write.
struct Image(Vec<(String, Cell)>);

fn image(call: &Call<'_>, verb: &Verb, (object, cells): &Row) -> Option<Image> {
    let text = |name: &str| {
        let mut found = cells.iter().filter(|(column, _)| column.eq_ignore_ascii_case(name));
        match found.next() {
            Some((_, Cell::Text(text) | Cell::Json(Json::String(text)))) => Some(text.clone()),
            _ => None,
        }
    };
    let id = match verb {
        Verb::Update => text("Id")?,
        Verb::Upsert { key } => ids_by_key(call, object, key, &text(key)?).ok()?.pop()?,
        _ => return None,
    };
    let fields = call.inner.org.retrieve(object, &id)?;
    let written = |name: &String| {
        name != "Id" && cells.iter().any(|(column, _)| column.eq_ignore_ascii_case(name))
    };
    let mut image = vec![("Id".to_owned(), Cell::Text(id))];
    for (name, value) in fields.into_iter().filter(|(name, _)| written(name)) {
        let cell = if value == Value::Null { Cell::Clear } else { Cell::Json(spell(&value)) };
        image.push((name, cell));
    }
    Some(Image(image))
}

/// Undoes a row of a call that is to leave nothing behind. The org has no transaction across rows,
/// so its audit log shows the effect and its undoing; a parent set by `Rel.Field` is not set back.
fn take_back(
    call: &Call<'_>,
    verb: &Verb,
    object: &'static str,
    result: &RowResult,
    before: Option<Image>,
) {
    let only_id = vec![("Id".to_owned(), Cell::Text(result.id.clone()))];
    let undo = match (verb, before) {
        (Verb::Insert | Verb::Upsert { .. }, _) if result.created || *verb == Verb::Insert => {
            Some((Verb::HardDelete, only_id))
        }
        (Verb::Delete, _) => Some((Verb::Undelete, only_id)),
        (_, Some(Image(cells))) => Some((Verb::Update, cells)),
        (_, None) => None,
    };
    let Some((verb, cells)) = undo else { return };
    for undone in apply_run(call, &verb, object, &[(object, cells)]) {
        if let Some(error) = undone.error {
            tracing::error!(code = %error.code, id = %result.id, "a row was not rolled back");
        }
    }
}

fn rolled_back() -> RowResult {
    let message = "Record rolled back because not all records were valid and the request was using \
                   AllOrNone header";
    let error = RowError {
        code: "ALL_OR_NONE_OPERATION_ROLLED_BACK".to_owned(),
        message: message.to_owned(),
        fields: Vec::new(),
    };
    RowResult { id: String::new(), created: false, error: Some(error) }
}

fn spell_result(result: &RowResult, upsert: bool) -> Json {
    let mut spelled = Map::new();
    if !result.id.is_empty() {
        spelled.insert("id".to_owned(), json!(result.id));
    }
    spelled.insert("success".to_owned(), json!(result.error.is_none()));
    let errors: Vec<Json> = result.error.iter().map(spell_error).collect();
    spelled.insert("errors".to_owned(), json!(errors));
    if upsert && result.error.is_none() {
        spelled.insert("created".to_owned(), json!(result.created));
    }
    Json::Object(spelled)
}

/// Row errors have a `statusCode`, errors of a request an `errorCode`.
pub(super) fn spell_error(error: &RowError) -> Json {
    json!({"statusCode": error.code, "message": error.message, "fields": error.fields})
}

/// `{"ids":[…],"fields":[…]}`: the records in the order of the ids, null where there is none.
fn retrieve(call: &Call<'_>, object: &str, asked: &Json) -> Outcome {
    let list = |name: &str| -> Vec<String> {
        let items = asked[name].as_array().into_iter().flatten();
        items.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let (ids, fields) = (list("ids"), list("fields"));
    if ids.is_empty() || ids.len() > RETRIEVED_MAX || fields.is_empty() {
        let message = format!("ids (at most {RETRIEVED_MAX}) and fields are required");
        return Err(Refusal::bad("INVALID_INPUT", message));
    }
    let one = |id: &String| -> Json {
        let Some(known) = call.inner.org.retrieve(object, id) else { return Json::Null };
        let mut record = Map::new();
        record.insert("attributes".to_owned(), json!({"type": object}));
        for (name, value) in known {
            if name == "Id" || fields.iter().any(|field| field.eq_ignore_ascii_case(&name)) {
                record.insert(name, spell(&value));
            }
        }
        Json::Object(record)
    };
    Ok(Reply::ok(ids.iter().map(one).collect()))
}
