//! The calls of a query: REST pages, and jobs of Bulk API 2.0.

use std::path::Path;

use http::Method;
use http::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::session::Request;
use super::{Salesforce, either, errors, wire};
use crate::http::call::{Accept, Repeat};
use crate::model::ids::JobId;
use crate::model::limits;
use crate::target::{Fault, JobStatus, Outcome};

/// The first page of a REST query.
pub(super) async fn page(org: &Salesforce, soql: &str, all: bool) -> Outcome<wire::Page> {
    org.session.fetch(&rest(rest_path(org, soql, all))).await
}

/// The page after the one that named `address`, which must not lead away from the org.
pub(super) async fn next_page(org: &Salesforce, address: &str) -> Result<wire::Page, Fault> {
    let path = org.session.path_of(address)?;
    either(org.session.fetch(&rest(path)).await)
}

/// Path and query of a REST query.
pub(super) fn rest_path(org: &Salesforce, soql: &str, all: bool) -> String {
    let word = if all { "queryAll" } else { "query" };
    format!("{}/{word}?q={}", org.base, encoded(soql))
}

fn rest(path: String) -> Request {
    let size = HeaderValue::from(limits::REST_QUERY_ROWS_MAX);
    let size = HeaderValue::try_from(format!("batchSize={}", size.to_str().unwrap_or("2000")));
    let header = size.ok().map(|size| (HeaderName::from_static("sforce-query-options"), size));
    Request { header, ..Request::get("run the query", path) }
}

/// Starts a query job. A lost answer costs a job that nobody reads, so this may be repeated.
pub(super) async fn start(org: &Salesforce, soql: &str, all: bool) -> Result<JobId, Fault> {
    let body = json!({
        "operation": if all { "queryAll" } else { "query" },
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    });
    let path = format!("{}/jobs/query", org.base);
    let request = Request::json("start the query", Method::POST, path, &body, Repeat::Freely);
    let info: wire::JobInfo = either(org.session.fetch(&request).await)?;
    JobId::parse(&info.id).map_err(|bad| {
        let text = format!("`{}` started a query, but {bad}", org.session.host());
        errors::nonsense(org.session.client(), &text)
    })
}

/// Where a query job stands.
pub(super) async fn ask(org: &Salesforce, job: &JobId) -> Result<JobStatus, Fault> {
    let path = format!("{}/jobs/query/{job}", org.base);
    let request = Request::get(format!("ask about query `{job}`"), path);
    either(org.session.fetch::<wire::JobInfo>(&request).await).map(wire::JobInfo::status)
}

/// One page of results as it was downloaded.
#[derive(Debug)]
pub(super) struct ResultPage {
    /// Rows, as the far side counts them.
    pub(super) rows: Option<u64>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    pub(super) bytes: u64,
}

/// Downloads the page at `locator` to `to`. It can be read again as long as the job exists.
pub(super) async fn results(
    org: &Salesforce,
    job: &JobId,
    locator: Option<&str>,
    to: &Path,
) -> Result<ResultPage, Fault> {
    let rows = limits::EXPORT_PAGE_ROWS;
    let mut path = format!("{}/jobs/query/{job}/results?maxRecords={rows}", org.base);
    if let Some(locator) = locator {
        path.push_str("&locator=");
        path.push_str(&encoded(locator));
    }
    let doing = format!("download the rows of query `{job}`");
    let request = Request { accept: Accept::Csv, ..Request::get(doing, path) };
    let got = either(org.session.send_to(&request, Some(to)).await)?;
    Ok(ResultPage {
        rows: got.header("sforce-numberofrecords").and_then(|text| text.trim().parse().ok()),
        // Source: the last page has the literal text `null`.
        next: got
            .header("sforce-locator")
            .filter(|locator| !locator.is_empty() && *locator != "null")
            .map(str::to_owned),
        bytes: got.bytes,
    })
}

pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
