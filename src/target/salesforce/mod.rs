//! Salesforce: sign-in, describe, Bulk API 2.0, REST query, and SOAP where there is nothing else.
//!
//! [`session`] sends every call and is the only place that attaches the token; [`errors`] turns
//! replies into faults; [`wire`] holds the JSON of the far side. The rest is one file for each
//! kind of call.

mod bulk2;
mod describe;
mod errors;
mod export;
mod keys;
mod limits;
mod login;
mod query;
mod records;
mod refusals;
mod revoke;
mod session;
mod soap;
mod soql;
mod undelete;
mod versions;
pub mod web;
mod wire;

#[cfg(test)]
mod tests;

pub use revoke::revoke;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use self::session::Session;
use super::{
    ApiUsage, ExportDone, ExportRequest, Fault, JobSpec, JobStatus, KeyQuestion, KeySource, Limits,
    Outcome, Record, RecordsWanted, ResultFile, RowSink, SeenJob, Target,
};
use crate::http::client::Client;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use crate::model::sign_in::SignIn;

/// An org that we are signed in to.
///
/// The token is only ever sent to the origin it was issued for; addresses that the far side sends
/// (`instance_url`, `nextRecordsUrl`, `contentUrl`, locators) are checked or built anew.
pub struct Salesforce {
    session: Arc<Session>,
    /// Such as `/services/data/v62.0`.
    base: String,
    undeletes: undelete::Jobs,
}

impl Salesforce {
    /// Gets a token and agrees on an API version.
    pub async fn sign_in(client: Client, sign_in: SignIn) -> Result<Self, Fault> {
        let wanted = sign_in.api_version.clone();
        let session = Session::open(client, sign_in).await?;
        let version = versions::negotiate(&session, wanted.as_deref()).await?;
        let base = format!("/services/data/v{version}");
        Ok(Self { session: Arc::new(session), base, undeletes: undelete::Jobs::default() })
    }

    /// The same org for a task of its own, which knows of no jobs.
    fn without_jobs(&self) -> Self {
        let (session, base) = (Arc::clone(&self.session), self.base.clone());
        Self { session, base, undeletes: undelete::Jobs::default() }
    }

    /// One object with all that the org says about it, for those who keep it as it is.
    pub async fn describe_as_sent(&self, object: &ObjectName) -> Result<serde_json::Value, Fault> {
        describe::as_sent(self, object.as_str()).await
    }

    /// The API version in use, such as `62.0`.
    pub fn api_version(&self) -> &str {
        self.base.rsplit_once('v').map_or("", |(_, version)| version)
    }
}

impl Target for Salesforce {
    fn kind(&self) -> &'static str {
        "salesforce"
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        describe::facts(self).await
    }

    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        describe::objects(self).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<ObjectSchema, Fault> {
        describe::object(self, object.as_str()).await
    }

    async fn load_schema(
        &self,
        object: &ObjectName,
        header: &[String],
    ) -> Result<LoadSchema, Fault> {
        describe::load_schema(self, object, header).await
    }

    async fn reserve(&self, spec: &JobSpec) -> Outcome<JobId> {
        if spec.operation == Operation::Undelete {
            return self.undeletes.reserve(spec, self.session.client().seed());
        }
        bulk2::reserve(self, spec).await
    }

    async fn stage(&self, job: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        if undelete::Jobs::are_of(job) {
            return self.undeletes.stage(job, body, bytes);
        }
        bulk2::stage(self, job, body, bytes).await
    }

    async fn commit(&self, job: &JobId) -> Outcome<()> {
        if undelete::Jobs::are_of(job) {
            return self.undeletes.commit(self, job);
        }
        bulk2::commit(self, job).await
    }

    async fn ask(&self, job: &JobId) -> Outcome<JobStatus> {
        if undelete::Jobs::are_of(job) {
            return self.undeletes.ask(self, job);
        }
        bulk2::ask(self, job).await
    }

    async fn abandon(&self, job: &JobId) -> Outcome<()> {
        if undelete::Jobs::are_of(job) {
            return self.undeletes.abandon(job);
        }
        bulk2::abandon(self, job).await
    }

    async fn download(&self, job: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        if undelete::Jobs::are_of(job) {
            return self.undeletes.download(job, which, to).await;
        }
        bulk2::download(self, job, which, to).await
    }

    fn adopt(&self, spec: &JobSpec, job: &JobId, body: &Path, started: bool) {
        if undelete::Jobs::are_of(job) {
            self.undeletes.adopt(spec, job, body, started);
        }
    }

    async fn jobs_since(
        &self,
        spec: &JobSpec,
        user_id: &str,
        since: Timestamp,
    ) -> Result<Option<Vec<SeenJob>>, Fault> {
        if spec.operation == Operation::Undelete {
            return Ok(None);
        }
        bulk2::jobs_since(self, spec, user_id, since).await.map(Some)
    }

    async fn count_records(&self, object: &ObjectName) -> Result<Option<u64>, Fault> {
        let soql = format!("SELECT COUNT() FROM {object}");
        Ok(either(query::page(self, &soql, false).await)?.total_size)
    }

    async fn limits(&self) -> Result<Limits, Fault> {
        limits::ask(self).await
    }

    fn usage(&self) -> ApiUsage {
        self.session.usage()
    }

    async fn records(
        &self,
        wanted: &RecordsWanted,
        keys: &[String],
    ) -> Result<Vec<Option<Record>>, Fault> {
        records::read(self, wanted, keys).await
    }

    async fn binned(&self, object: &ObjectName, ids: &[String]) -> Result<Vec<bool>, Fault> {
        undelete::binned(self, object, ids).await
    }

    async fn export(
        &self,
        request: &ExportRequest,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        export::export(self, request, work, sink).await
    }

    async fn look_up(
        &self,
        question: &KeyQuestion<'_>,
        keys: &mut dyn KeySource,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        keys::look_up(self, question, keys, work, sink).await
    }
}

/// For reads, where it makes no difference whether a failed one had an effect.
fn either<T>(outcome: Outcome<T>) -> Result<T, Fault> {
    match outcome {
        Outcome::Done(value) => Ok(value),
        Outcome::NotDone(fault) | Outcome::Unknown(fault) => Err(fault),
    }
}
