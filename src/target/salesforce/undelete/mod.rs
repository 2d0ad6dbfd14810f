//! Undelete: a chunk as a stretch of SOAP calls, carried out in this process.
//!
//! No API that runs jobs takes records out of the recycle bin; `undelete()` of SOAP does, at most
//! [`ROWS_OF_A_CALL`](crate::model::limits::ROWS_OF_A_CALL) Ids a call, and it answers for each.
//! Reserving and staging change nothing at the org; the commit starts the calls. What the org says
//! of the records is looked up and on disk before each call, so that whoever comes after a lost
//! answer or a kill knows what a call was about to change, and asks before there is another.

mod calls;
mod journal;
mod rows;

use std::path::Path;

pub(super) use self::calls::binned;
use self::calls::carry_out;
use super::Salesforce;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::target::own_jobs::{OwnJob, OwnJobs};
use crate::target::{JobSpec, JobStatus, Outcome, ResultFile};

/// How ids of these jobs begin; those of the Bulk API begin with `750`.
const LEAD: &str = "undel";

/// One job, of the object whose records it brings back.
type Job = OwnJob<ObjectName>;

/// The jobs that this process knows.
pub(super) struct Jobs(OwnJobs<ObjectName>);

impl Default for Jobs {
    fn default() -> Self {
        Self(OwnJobs::new(LEAD))
    }
}

impl Jobs {
    /// Whether a job is one of these, of whatever process.
    pub(super) fn are_of(id: &JobId) -> bool {
        id.as_str().starts_with(LEAD)
    }

    /// Makes a job; no call.
    pub(super) fn reserve(&self, spec: &JobSpec, seed: u64) -> Outcome<JobId> {
        self.0.reserve(spec.object.clone(), seed)
    }

    /// Remembers where the rows are; no call.
    pub(super) fn stage(&self, id: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        self.0.stage(id, body, bytes)
    }

    /// Takes over a job of an earlier process.
    pub(super) fn adopt(&self, spec: &JobSpec, id: &JobId, body: &Path, begun: bool) {
        self.0.adopt(spec.object.clone(), id, body, begun);
    }

    /// Starts the calls.
    pub(super) fn commit(&self, org: &Salesforce, id: &JobId) -> Outcome<()> {
        let org = org.without_jobs();
        self.0.commit(id, |job, body| async move { carry_out(&org, &job, &body).await })
    }

    /// Where a job stands. One that an earlier process had started goes on when it is asked about.
    pub(super) fn ask(&self, org: &Salesforce, id: &JobId) -> Outcome<JobStatus> {
        let org = org.without_jobs();
        self.0.ask(id, |job, body| async move { carry_out(&org, &job, &body).await })
    }

    /// Forgets a job that was never started.
    pub(super) fn abandon(&self, id: &JobId) -> Outcome<()> {
        self.0.abandon(id)
    }

    /// Writes a result file of a job that has ended.
    pub(super) async fn download(&self, id: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        self.0.download(id, to, move |body, to| journal::write_results(body, which, to)).await
    }
}
