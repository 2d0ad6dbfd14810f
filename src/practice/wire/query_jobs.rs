//! Bulk API 2.0 query: `/jobs/query`.

use http::Method;
use serde_json::{Value, json};

use super::super::jobs::{EXPORT, Job, Kind, State, View, page};
use super::super::serve::Body;
use super::ingest::{Asked, abort, asked_state, blank, delete, find, list, wrong_state};
use super::query::refusal;
use super::reply::{CSV, Refusal, Reply};
use super::{Call, Outcome, read_json};
use crate::practice::org::{QueryScope, query_features};

/// Rows of a page unless `maxRecords` says otherwise; the service picks its own.
const PAGE_ROWS: u64 = 50_000;

/// Pages that `resultPages` lists at once. Source: Bulk API 2.0, up to five.
const PAGES_LISTED: usize = 5;

const MEMBERS: [&str; 5] = ["operation", "query", "contentType", "columnDelimiter", "lineEnding"];

pub(super) async fn route(call: &Call<'_>, version: u32, rest: &[&str], body: Body) -> Outcome {
    match (&call.method, rest) {
        (&Method::POST, []) => create(call, version, body).await,
        (&Method::GET, []) => list(call, version, Kind::Query),
        (&Method::GET, [id]) => Ok(Reply::ok(find(call, id, Kind::Query)?.view(View::Get))),
        (&Method::PATCH, [id]) => patch(call, id, body).await,
        (&Method::DELETE, [id]) => delete(call, id, Kind::Query),
        (&Method::GET, [id, word]) => {
            let job = find(call, id, Kind::Query)?;
            match word.to_ascii_lowercase().as_str() {
                "results" => results(call, version, &job).await,
                "resultpages" => result_pages(call, version, &job),
                _ => Err(Refusal::not_found()),
            }
        }
        (_, [_, _, _, ..]) => Err(Refusal::not_found()),
        (method, _) => Err(Refusal::method(method)),
    }
}

async fn create(call: &Call<'_>, version: u32, body: Body) -> Outcome {
    let asked = read_json(body).await?;
    let asked = Asked::read(&asked, &MEMBERS)?;
    let operation = asked.one_of("operation", &["query", "queryAll"])?;
    let style = asked.style()?;
    let Some(soql) = asked.text("query")? else {
        return Err(Refusal::bad("MALFORMED_QUERY", "SOQL statements cannot be empty or null"));
    };
    refuse_features(soql)?;
    let scope = if operation == "query" { QueryScope::Live } else { QueryScope::All };
    let cursor = call.inner.org.cursor(soql, scope).map_err(refusal)?;
    if !call.inner.meter.take_query_job(call.inner.clock.now_ms()) {
        let message = "Max bulk v2 query jobs (10000) per 24 hrs has been reached";
        return Err(Refusal::bad("LIMIT_EXCEEDED", message));
    }
    let job = call.inner.jobs.create(|id| Job {
        operation: operation.to_owned(),
        query: Some(soql.to_owned()),
        state: State::UploadComplete,
        ..blank(call, id, Kind::Query, cursor.object(), version, style)
    })?;
    call.inner.jobs.queue.push(job.id.clone());
    Ok(Reply::ok(job.view(View::Create)))
}

/// What Bulk API 2.0 does not do, although REST does.
fn refuse_features(soql: &str) -> Result<(), Refusal> {
    let features = query_features(soql);
    let named = [
        (features.group_by, "GROUP BY"),
        (features.offset, "OFFSET"),
        (features.type_of, "TYPEOF"),
        (features.aggregate, "COUNT()"),
    ];
    if features.subquery {
        let message = "Aggregate Relationships not supported in Bulk Query";
        return Err(Refusal::bad("API_ERROR", message));
    }
    match named.into_iter().find(|(used, _)| *used) {
        None => Ok(()),
        Some((_, word)) => {
            let message = format!("Implementation restriction: {word} not supported in Bulk Query");
            Err(Refusal::bad("API_ERROR", message))
        }
    }
}

async fn patch(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    find(call, id, Kind::Query)?;
    match asked_state(body).await?.as_str() {
        "Aborted" => Ok(Reply::ok(abort(call, id).await?.view(View::Patch))),
        other => Err(wrong_state(format!("Job state '{other}' is not supported"))),
    }
}

fn check_results(version: u32, job: &Job) -> Result<(), Refusal> {
    if job.api_version != version {
        let message = format!("The job was created with API version {}.0", job.api_version);
        return Err(Refusal::new(409, "INVALID_OPERATION", message));
    }
    if job.state != State::JobComplete {
        let state = job.state;
        let message = format!("Results are not available, current job state is '{state:?}'");
        return Err(wrong_state(message));
    }
    Ok(())
}

async fn results(call: &Call<'_>, version: u32, job: &Job) -> Outcome {
    check_results(version, job)?;
    let count = match call.param("maxRecords") {
        None => PAGE_ROWS,
        Some(text) => text.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
            Refusal::bad("INVALID_REQUEST_PARAMETER", "maxRecords must be a positive number")
        })?,
    };
    let from = from_row(call)?;
    let (inner, found) = (std::sync::Arc::clone(call.inner), job.clone());
    let page = tokio::task::spawn_blocking(move || page(&inner, &found, from, count)).await;
    let page = page.map_err(std::io::Error::other)??;
    let path = call.inner.jobs.file(&job.id, EXPORT);
    let range = Some((page.start, page.end));
    let mut reply = Reply::file(CSV, page.header, &path, range).await?;
    reply.headers.push(("sforce-numberofrecords", page.rows.to_string()));
    let next = page.next.map_or_else(|| "null".to_owned(), locator);
    reply.headers.push(("sforce-locator", next));
    Ok(reply)
}

/// Where a page begins, spelled so that nobody computes with it.
fn locator(row: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("row{row}"))
}

fn from_row(call: &Call<'_>) -> Result<u64, Refusal> {
    use base64::Engine;
    let Some(text) = call.param("locator").filter(|text| !text.is_empty()) else { return Ok(0) };
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok();
    let row = decoded
        .and_then(|bytes| std::str::from_utf8(&bytes).ok()?.strip_prefix("row")?.parse().ok());
    row.ok_or_else(|| Refusal::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))
}

/// Up to five pages from the locator on, to be fetched in parallel.
fn result_pages(call: &Call<'_>, version: u32, job: &Job) -> Outcome {
    check_results(version, job)?;
    let base = format!("/services/data/v{version}.0/jobs/query/{}", job.id);
    let mut row = from_row(call)?;
    let mut pages: Vec<Value> = Vec::new();
    while pages.len() < PAGES_LISTED && (row < job.processed || row == 0) {
        let url = match row {
            0 => format!("{base}/results"),
            row => format!("{base}/results?locator={}", locator(row)),
        };
        pages.push(json!({"resultUrl": url}));
        row += PAGE_ROWS;
    }
    let next =
        (row < job.processed).then(|| format!("{base}/resultpages?locator={}", locator(row)));
    Ok(Reply::ok(json!({
        "resultPages": pages,
        "nextRecordsUrl": next,
        "done": next.is_none(),
    })))
}
