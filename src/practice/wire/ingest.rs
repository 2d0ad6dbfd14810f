//! Bulk API 2.0 ingest: `/jobs/ingest`.
//!
//! Where the vendor's documents are silent about a call in a wrong state, the answer is 400
//! `INVALIDJOBSTATE` with a text of the same family.

use std::io;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::super::jobs::{
    Delimiter, FAILED, Job, KEPT_MS, Kind, OPEN_MS_MAX, SUCCESSFUL, Settled, State, UNPROCESSED,
    UPLOAD, Upload, View, write_untouched,
};
use super::super::mischief::Trouble;
use super::super::serve::Body;
use super::oauth::{multipart_boundary, parts};
use super::reply::{CSV, Refusal, Reply};
use super::{Call, Outcome, read_small};
use crate::practice::switches::{RunningResults, SecondPut};

/// Bytes of an upload at most. Source: the advice is 100 MB; Data Loader fills jobs up to this.
const UPLOAD_MAX: u64 = 150_000_000;

/// Characters of the data in a multipart create. Source: Bulk API 2.0, create a job.
const MULTIPART_CHARS_MAX: usize = 100_000;

/// Jobs on a page of the list.
const LIST_PAGE: usize = 1_000;

const WRITE_BUFFER: usize = 1 << 18;

pub(super) async fn route(call: &Call<'_>, version: u32, rest: &[&str], body: Body) -> Outcome {
    match (&call.method, rest) {
        (&Method::POST, []) => create(call, version, body).await,
        (&Method::GET, []) => list(call, version, Kind::Ingest),
        (&Method::GET, [id]) => Ok(Reply::ok(find(call, id, Kind::Ingest)?.view(View::Get))),
        (&Method::PATCH, [id]) => patch(call, id, body).await,
        (&Method::DELETE, [id]) => delete(call, id, Kind::Ingest),
        (method, [id, word]) => {
            let job = find(call, id, Kind::Ingest)?;
            match (method, word.to_ascii_lowercase().as_str()) {
                (&Method::PUT, "batches") => upload(call, &job, body).await,
                (&Method::GET, "successfulresults") => results(call, &job, SUCCESSFUL).await,
                (&Method::GET, "failedresults") => results(call, &job, FAILED).await,
                (&Method::GET, "unprocessedrecords") => results(call, &job, UNPROCESSED).await,
                _ => Err(Refusal::not_found()),
            }
        }
        (_, [_, _, _, ..]) => Err(Refusal::not_found()),
        (method, _) => Err(Refusal::method(method)),
    }
}

/// The job, unless its time is over.
pub(super) fn find(call: &Call<'_>, id: &str, kind: Kind) -> Result<Job, Refusal> {
    let job = call.inner.jobs.get(id).filter(|job| job.kind == kind);
    let job = job.ok_or_else(Refusal::not_found)?;
    let age = call.inner.clock.now_ms() - job.modified_ms;
    if age > KEPT_MS {
        call.inner.jobs.remove(id)?;
        return Err(Refusal::not_found());
    }
    Ok(job)
}

pub(super) fn wrong_state(message: impl Into<String>) -> Refusal {
    Refusal::bad("INVALIDJOBSTATE", message)
}

async fn create(call: &Call<'_>, version: u32, body: Body) -> Outcome {
    let bytes = read_small(body).await?;
    let content_type = call.header("content-type").unwrap_or_default();
    let Some(boundary) = multipart_boundary(content_type) else {
        let job = file_job(call, version, &bytes)?;
        return Ok(Reply::ok(job.view(View::Create)));
    };
    let parts = parts(&bytes, &boundary);
    let find = |name: &str| parts.iter().find(|part| part.name == name);
    let (Some(asked), Some(content)) = (find("job"), find("content")) else {
        return Err(bad_job("Multipart request needs the parts job and content"));
    };
    if String::from_utf8_lossy(&content.body).chars().count() > MULTIPART_CHARS_MAX {
        let message = format!("Exceeded max size limit of {MULTIPART_CHARS_MAX}");
        return Err(Refusal::bad("CLIENTINPUTERROR", message));
    }
    let job = file_job(call, version, &asked.body)?;
    let file = call.inner.jobs.file(&job.id, UPLOAD);
    tokio::fs::File::create(&file).await?.write_all(&content.body).await?;
    let job = close(call, &job.id, true)?;
    Ok(Reply::ok(job.view(View::Create)))
}

fn bad_job(message: impl Into<String>) -> Refusal {
    Refusal::bad("INVALIDJOB", message)
}

fn file_job(call: &Call<'_>, version: u32, text: &[u8]) -> Result<Job, Refusal> {
    let asked: Value = serde_json::from_slice(text)
        .map_err(|error| Refusal::bad("JSON_PARSER_ERROR", error.to_string()))?;
    let asked = Asked::read(&asked, &MEMBERS)?;
    let operation = asked.one_of("operation", &OPERATIONS)?.to_owned();
    let name = asked.text("object")?.unwrap_or("null");
    let unknown = || bad_job(format!("Unable to find object: {name}"));
    let object = call.inner.org.object_name(name).ok_or_else(unknown)?;
    let describe = call.inner.describe(object);
    let may = |flag: &str| describe[flag].as_bool().unwrap_or(false);
    if !(may("createable") || may("updateable") || may("deletable")) {
        let message = format!("Entity '{object}' is not supported by the Bulk API.");
        return Err(Refusal::bad("INVALIDENTITY", message));
    }
    let external_id = match (operation.as_str(), asked.text("externalIdFieldName")?) {
        ("upsert", None) => {
            return Err(bad_job(format!(
                "External ID was blank for {object}. An External ID must be specified for upsert."
            )));
        }
        ("upsert", Some(key)) => Some(external_id(&describe, object, key)?),
        (_, key) => key.map(str::to_owned),
    };
    let (delimiter, crlf) = asked.style()?;
    let rule = asked.text("assignmentRuleId")?.map(str::to_owned);
    let draft = |id| Job {
        operation,
        external_id,
        assignment_rule: rule,
        ..blank(call, id, Kind::Ingest, object, version, (delimiter, crlf))
    };
    Ok(call.inner.jobs.create(draft)?)
}

/// A job as it begins.
pub(super) fn blank(
    call: &Call<'_>,
    id: String,
    kind: Kind,
    object: &str,
    version: u32,
    (delimiter, crlf): (Delimiter, bool),
) -> Job {
    let now = call.inner.clock.now_ms();
    Job {
        id,
        kind,
        object: object.to_owned(),
        operation: String::new(),
        external_id: None,
        query: None,
        delimiter,
        crlf,
        assignment_rule: None,
        api_version: version,
        created_by: call.inner.org.user_id(),
        created_ms: now,
        modified_ms: now,
        state: State::Open,
        aborting: false,
        upload: Upload::None,
        processed: 0,
        failed: 0,
        active_ms: 0,
        total_ms: 0,
        error: None,
        trouble: Trouble::default(),
        settled: Settled::default(),
    }
}

fn external_id(describe: &Value, object: &str, key: &str) -> Result<String, Refusal> {
    if key.eq_ignore_ascii_case("Id") {
        return Ok("Id".to_owned());
    }
    let mut fields = describe["fields"].as_array().into_iter().flatten();
    let field = fields.find(|field| {
        let name = field["name"].as_str().unwrap_or_default();
        name.eq_ignore_ascii_case(key)
            && (field["externalId"] == json!(true) || field["idLookup"] == json!(true))
    });
    let name = field.and_then(|field| field["name"].as_str()).map(str::to_owned);
    name.ok_or_else(|| {
        bad_job(format!("Field name provided, {key} does not match an External ID for {object}"))
    })
}

const OPERATIONS: [&str; 5] = ["insert", "update", "upsert", "delete", "hardDelete"];

const MEMBERS: [&str; 8] = [
    "object",
    "operation",
    "externalIdFieldName",
    "contentType",
    "columnDelimiter",
    "lineEnding",
    "assignmentRuleId",
    "concurrencyMode",
];

/// The body of a create call.
pub(super) struct Asked<'a>(&'a serde_json::Map<String, Value>);

impl<'a> Asked<'a> {
    pub(super) fn read(body: &'a Value, members: &[&str]) -> Result<Self, Refusal> {
        let map = body.as_object().ok_or_else(|| bad_job("Unable to parse Job"))?;
        match map.keys().find(|name| !members.contains(&name.as_str())) {
            Some(_) => Err(bad_job("Unable to parse Job")),
            None => Ok(Self(map)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad_job("Unable to parse Job")),
        }
    }

    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Result<&'a str, Refusal> {
        let word = self.text(name)?.filter(|word| words.contains(word));
        word.ok_or_else(|| bad_job("Unable to parse Job"))
    }

    /// The delimiter, and whether lines end in CRLF.
    pub(super) fn style(&self) -> Result<(Delimiter, bool), Refusal> {
        let unable = || bad_job("Unable to parse Job");
        let given = |name| self.0.get(name).filter(|value| !value.is_null());
        if given("contentType").is_some_and(|kind| kind != "CSV") {
            return Err(unable());
        }
        let delimiter = match given("columnDelimiter") {
            None => Delimiter::Comma,
            Some(name) => serde_json::from_value(name.clone()).map_err(|_| unable())?,
        };
        match self.text("lineEnding")? {
            None | Some("LF") => Ok((delimiter, false)),
            Some("CRLF") => Ok((delimiter, true)),
            Some(_) => Err(unable()),
        }
    }
}

async fn upload(call: &Call<'_>, job: &Job, body: Body) -> Outcome {
    if call.header("content-encoding").is_some_and(|coding| coding != "identity") {
        let message = "Content-Encoding is not supported for uploads";
        return Err(Refusal::new(415, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    let now = call.inner.clock.now_ms();
    let at_put = call.inner.org.switches().second_put == SecondPut::AtPut;
    let begun = call.inner.jobs.change(&job.id, |job| {
        if job.state != State::Open {
            return Err(wrong_state(format!(
                "Failed to upload data, since the Job is not Open. Current job state is '{:?}'",
                job.state
            )));
        }
        if now - job.created_ms > OPEN_MS_MAX {
            return Err(wrong_state("The Job has been open for more than 24 hours"));
        }
        match job.upload {
            Upload::None => job.upload = Upload::Running,
            Upload::Done | Upload::Twice if !at_put => job.upload = Upload::Twice,
            _ => return Err(multiple_contents(&job.id)),
        }
        Ok(job.upload)
    })?;
    let begun = begun.ok_or_else(Refusal::not_found)??;
    if begun == Upload::Twice {
        let drained = store(body, None).await;
        return drained.map(|()| Reply::empty(StatusCode::CREATED));
    }
    let target = call.inner.jobs.file(&job.id, UPLOAD);
    let part = target.with_extension("part");
    let stored = store(body, Some(&part)).await;
    let kept = match stored {
        Ok(()) => tokio::fs::rename(&part, &target).await.map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    // A broken upload leaves the job as if there had been none.
    let state = if kept.is_ok() { Upload::Done } else { Upload::None };
    call.inner.jobs.change(&job.id, |job| {
        job.upload = state;
        job.modified_ms = now;
    })?;
    kept.map(|()| Reply::empty(StatusCode::CREATED))
}

fn multiple_contents(id: &str) -> Refusal {
    let message = format!(
        "Found multiple contents for job: <{id}>, please 'Close' / 'Abort' / 'Delete' the current \
         Job then create a new Job and make sure you only do 'PUT' once on a given Job."
    );
    Refusal::bad("CLIENTINPUTERROR", message)
}

/// Streams a body to a file, or away.
async fn store(mut body: Body, path: Option<&std::path::Path>) -> Result<(), Refusal> {
    let mut file = match path {
        Some(path) => {
            Some(BufWriter::with_capacity(WRITE_BUFFER, tokio::fs::File::create(path).await?))
        }
        None => None,
    };
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let broken = |error| Refusal::bad("CLIENTINPUTERROR", format!("cannot read: {error}"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > UPLOAD_MAX {
            let text = "Failed to read request. Exceeded max size limit of";
            return Err(Refusal::bad("CLIENTINPUTERROR", format!("{text} {UPLOAD_MAX}")));
        }
        if let Some(file) = &mut file {
            file.write_all(&data).await?;
        }
    }
    if let Some(mut file) = file {
        file.flush().await?;
    }
    Ok(())
}

async fn patch(call: &Call<'_>, id: &str, body: Body) -> Outcome {
    find(call, id, Kind::Ingest)?;
    let job = match asked_state(body).await?.as_str() {
        "UploadComplete" => close(call, id, false)?,
        "Aborted" => abort(call, id).await?,
        other => return Err(wrong_state(format!("Job state '{other}' is not supported"))),
    };
    Ok(Reply::ok(job.view(View::Patch)))
}

pub(super) async fn asked_state(body: Body) -> Result<String, Refusal> {
    let asked = super::read_json(body).await?;
    let state = asked["state"].as_str().map(str::to_owned);
    state.ok_or_else(|| bad_job("Unable to parse Job"))
}

/// `UploadComplete`: the job is queued.
fn close(call: &Call<'_>, id: &str, multipart: bool) -> Result<Job, Refusal> {
    let now = call.inner.clock.now_ms();
    let closed = call.inner.jobs.change(id, |job| {
        let already = match job.state {
            State::Open => None,
            State::UploadComplete | State::InProgress => Some("Closed"),
            State::JobComplete => Some("Completed"),
            State::Failed => Some("Failed"),
            State::Aborted => Some("aborted"),
        };
        if let Some(word) = already {
            return Err(wrong_state(format!("Closing already {word} Job not allowed")));
        }
        if multipart {
            job.upload = Upload::Done;
        }
        match job.upload {
            Upload::Twice => return Err(multiple_contents(&job.id)),
            Upload::Running => return Err(wrong_state("The upload of the Job is not complete")),
            Upload::None | Upload::Done => {}
        }
        if now - job.created_ms > OPEN_MS_MAX {
            return Err(wrong_state("The Job has been open for more than 24 hours"));
        }
        job.state = State::UploadComplete;
        job.modified_ms = now;
        Ok(job.clone())
    })?;
    let job = closed.ok_or_else(Refusal::not_found)??;
    call.inner.jobs.queue.push(job.id.clone());
    Ok(job)
}

/// `Aborted`: at once, or when the transaction that runs is over. Nothing is rolled back.
pub(super) async fn abort(call: &Call<'_>, id: &str) -> Result<Job, Refusal> {
    let now = call.inner.clock.now_ms();
    let before = call.inner.jobs.change(id, |job| {
        let before = job.state;
        match job.state {
            State::Open | State::UploadComplete => {
                job.state = State::Aborted;
                job.modified_ms = now;
            }
            State::InProgress => job.aborting = true,
            State::JobComplete | State::Failed | State::Aborted => {}
        }
        before
    })?;
    let already = match before.ok_or_else(Refusal::not_found)? {
        State::JobComplete => Some("Completed"),
        State::Failed => Some("Failed"),
        State::Aborted => Some("Aborted"),
        _ => None,
    };
    if let Some(word) = already {
        return Err(wrong_state(format!("Aborting already {word} Job not allowed")));
    }
    let job = terminal(call, id).await?;
    if before != Some(State::InProgress) && job.kind == Kind::Ingest {
        let (inner, job) = (std::sync::Arc::clone(call.inner), job.clone());
        let written =
            tokio::task::spawn_blocking(move || write_untouched(&inner.org, &inner.jobs, &job));
        written.await.map_err(io::Error::other)??;
    }
    Ok(job)
}

/// Waits until the background has let go of the job.
async fn terminal(call: &Call<'_>, id: &str) -> Result<Job, Refusal> {
    loop {
        let mut settled = std::pin::pin!(call.inner.jobs.settled.notified());
        settled.as_mut().enable();
        let job = call.inner.jobs.get(id).ok_or_else(Refusal::not_found)?;
        if job.state.is_terminal() {
            return Ok(job);
        }
        settled.await;
    }
}

pub(super) fn delete(call: &Call<'_>, id: &str, kind: Kind) -> Outcome {
    let job = find(call, id, kind)?;
    let queued = kind == Kind::Ingest && job.state == State::UploadComplete;
    if !(job.state.is_terminal() || queued) {
        let message = "Error encountered when deleting the job because the job is not terminated";
        return Err(Refusal::bad("API_ERROR", message));
    }
    call.inner.jobs.remove(id)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn results(call: &Call<'_>, job: &Job, file: &str) -> Outcome {
    let partial = call.inner.org.switches().running_results == RunningResults::Partial;
    if !job.state.is_terminal() && !partial {
        let state = job.state;
        let message = format!("Results are not available, current job state is '{state:?}'");
        return Err(wrong_state(message));
    }
    let path = call.inner.jobs.file(&job.id, file);
    match Reply::file(CSV, Vec::new(), &path, None).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Reply::text(StatusCode::OK, CSV, ""))
        }
        other => Ok(other?),
    }
}

/// The list of jobs, a thousand a page, in no order that means anything.
pub(super) fn list(call: &Call<'_>, version: u32, kind: Kind) -> Outcome {
    let own_type = if kind == Kind::Ingest { "V2Ingest" } else { "V2Query" };
    let wanted = call.param("jobType").is_none_or(|asked| asked == own_type)
        && call.param("isPkChunkingEnabled") != Some("true");
    let from: usize = match call.param("queryLocator") {
        None => 0,
        Some(text) => {
            let number = text.rsplit('-').next().and_then(|number| number.parse().ok());
            let unknown = || Refusal::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
            number.ok_or_else(unknown)?
        }
    };
    let mut jobs = call.inner.jobs.list();
    jobs.retain(|job| wanted && job.kind == kind);
    let page: Vec<Value> =
        jobs.iter().skip(from).take(LIST_PAGE).map(|job| job.view(View::List)).collect();
    let end = from + page.len();
    let next = (end < jobs.len()).then(|| {
        let word = if kind == Kind::Ingest { "ingest" } else { "query" };
        format!("/services/data/v{version}.0/jobs/{word}?queryLocator=01gPr0AList000-{end}")
    });
    Ok(Reply::ok(json!({
        "done": next.is_none(),
        "records": page,
        "nextRecordsUrl": next,
    })))
}
