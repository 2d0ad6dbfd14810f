//! Bulk API 2.0 ingest: one job for each chunk, a two-phase commit in disguise.
//!
//! Creating and uploading have no effect on records; `PATCH UploadComplete` is the commit. Paths
//! are built from job ids that passed [`JobId::parse`]; the `contentUrl` of answers is not used.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use http::Method;
use jiff::Timestamp;
use serde_json::json;

use super::session::Request;
use super::{Salesforce, either, errors, wire};
use crate::faults;
use crate::http::call::{Accept, Repeat};
use crate::http::transport::Body;
use crate::model::ids::JobId;
use crate::model::limits::JOB_PAGES_MAX;
use crate::target::{Fault, FaultClass, JobSpec, JobStatus, Outcome, ResultFile, SeenJob};

/// Makes an empty job.
pub(super) async fn reserve(org: &Salesforce, spec: &JobSpec) -> Outcome<JobId> {
    let Some(operation) = spec.operation.bulk_word() else {
        return Outcome::NotDone(Fault {
            class: FaultClass::Refused,
            status: None,
            code: "NO_SUCH_OPERATION".to_owned(),
            message: format!("the Bulk API has no operation `{}`", spec.operation),
            hints: Vec::new(),
        });
    };
    let mut body = json!({
        "object": spec.object.as_str(),
        "operation": operation,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    });
    if let Some(field) = &spec.external_id {
        body["externalIdFieldName"] = field.as_str().into();
    }
    if let Some(rule) = &spec.assignment_rule {
        body["assignmentRuleId"] = rule.as_str().into();
    }
    let doing = format!("create a job for `{}`", spec.object);
    let path = format!("{}/jobs/ingest", org.base);
    let request = Request::json(doing, Method::POST, path, &body, Repeat::IfNotDone);
    match org.session.fetch::<wire::JobInfo>(&request).await {
        Outcome::Done(info) => match JobId::parse(&info.id) {
            Ok(id) => Outcome::Done(id),
            Err(bad) => {
                let text = format!("`{}` created a job, but {bad}", org.session.host());
                Outcome::Unknown(errors::nonsense(org.session.client(), &text))
            }
        },
        Outcome::NotDone(fault) => Outcome::NotDone(fault),
        Outcome::Unknown(fault) => Outcome::Unknown(fault),
    }
}

/// Sends the rows. A refused or lost upload has used up the job: there is never a second one.
pub(super) async fn stage(org: &Salesforce, job: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
    let request = Request {
        method: Method::PUT,
        body: Body::File { path: body.to_owned(), bytes },
        content_type: Some("text/csv; charset=UTF-8"),
        repeat: Repeat::IfNotSent,
        accept: Accept::Anything,
        ..Request::get(format!("upload to job `{job}`"), format!("{}/batches", job_path(org, job)))
    };
    nothing(org.session.send(&request).await)
}

/// Starts the job: the only commit.
pub(super) async fn commit(org: &Salesforce, job: &JobId) -> Outcome<()> {
    let doing = format!("start job `{job}`");
    nothing(org.session.send(&patch(org, job, doing, "UploadComplete", Repeat::IfNotDone)).await)
}

/// Gives up a job that was never committed. That it is gone is as good.
pub(super) async fn abandon(org: &Salesforce, job: &JobId) -> Outcome<()> {
    let doing = format!("abort job `{job}`");
    let outcome = org.session.send(&patch(org, job, doing, "Aborted", Repeat::Freely)).await;
    match nothing(outcome) {
        Outcome::NotDone(fault) if fault.class == FaultClass::Gone => Outcome::Done(()),
        outcome => outcome,
    }
}

/// Where the job stands.
pub(super) async fn ask(org: &Salesforce, job: &JobId) -> Outcome<JobStatus> {
    let request = Request::get(format!("ask about job `{job}`"), job_path(org, job));
    match org.session.fetch::<wire::JobInfo>(&request).await {
        Outcome::Done(info) => Outcome::Done(info.status()),
        Outcome::NotDone(fault) => Outcome::NotDone(fault),
        Outcome::Unknown(fault) => Outcome::Unknown(fault),
    }
}

/// The jobs of this object and operation that a user has made since then.
///
/// The list is that of all users, in no order, a thousand a page.
pub(super) async fn jobs_since(
    org: &Salesforce,
    spec: &JobSpec,
    user_id: &str,
    since: Timestamp,
) -> Result<Vec<SeenJob>, Fault> {
    let mut path = format!("{}/jobs/ingest?jobType=V2Ingest", org.base);
    let mut seen = Vec::new();
    for _ in 0..JOB_PAGES_MAX {
        let request = Request::get("list the jobs", path);
        let page: wire::JobPage = either(org.session.fetch(&request).await)?;
        let jobs = page.records.into_iter();
        seen.extend(jobs.filter_map(|job| job.seen(spec, user_id, since)));
        let Some(next) = page.next_records_url else { break };
        path = org.session.path_of(&next)?;
    }
    Ok(seen)
}

/// Streams one result file to `to`, which appears only when it is whole and on disk.
pub(super) async fn download(
    org: &Salesforce,
    job: &JobId,
    which: ResultFile,
    to: &Path,
) -> Outcome<u64> {
    let word = match which {
        ResultFile::Successful => "successfulResults",
        ResultFile::Failed => "failedResults",
        ResultFile::Unprocessed => "unprocessedrecords",
    };
    let request = Request {
        accept: Accept::Csv,
        ..Request::get(
            format!("download the {word} of job `{job}`"),
            format!("{}/{word}", job_path(org, job)),
        )
    };
    let part = part_of(to);
    let got = match org.session.send_to(&request, Some(&part)).await {
        Outcome::Done(got) => got,
        Outcome::NotDone(fault) => return Outcome::NotDone(fault),
        Outcome::Unknown(fault) => return Outcome::Unknown(fault),
    };
    match keep(&part, to).await {
        Ok(()) => Outcome::Done(got.bytes),
        Err(error) => Outcome::NotDone(Fault {
            class: FaultClass::Disk,
            status: None,
            code: "LOCAL_FILE".to_owned(),
            message: format!("cannot write `{}`: {error}", to.display()),
            hints: Vec::new(),
        }),
    }
}

fn job_path(org: &Salesforce, job: &JobId) -> String {
    format!("{}/jobs/ingest/{job}", org.base)
}

fn patch(org: &Salesforce, job: &JobId, doing: String, state: &str, repeat: Repeat) -> Request {
    Request::json(doing, Method::PATCH, job_path(org, job), &json!({ "state": state }), repeat)
}

fn nothing<T>(outcome: Outcome<T>) -> Outcome<()> {
    match outcome {
        Outcome::Done(_) => Outcome::Done(()),
        Outcome::NotDone(fault) => Outcome::NotDone(fault),
        Outcome::Unknown(fault) => Outcome::Unknown(fault),
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Syncs a finished file and gives it its name.
async fn keep(part: &Path, to: &Path) -> io::Result<()> {
    let (part, to) = (part.to_owned(), to.to_owned());
    let kept = tokio::task::spawn_blocking(move || {
        faults::open(OpenOptions::new().write(true), &part)?.sync_all()?;
        faults::rename(&part, &to)?;
        match to.parent().filter(|folder| cfg!(unix) && !folder.as_os_str().is_empty()) {
            Some(folder) => faults::sync_folder(folder),
            None => Ok(()),
        }
    });
    kept.await.map_err(io::Error::other)?
}
