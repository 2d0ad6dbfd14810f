//! A far side of either kind, for those who learn at run time which one it is.

use std::path::Path;

use super::auth0::Auth0;
use super::salesforce::Salesforce;
use super::{
    ApiUsage, ExportDone, ExportRequest, Fault, JobSpec, JobStatus, KeyQuestion, KeySource, Limits,
    Outcome, Pace, Record, RecordsWanted, ResultFile, RowSink, SeenJob, Target,
};
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};

/// An org that we are signed in to, whatever it is.
pub enum AnyTarget {
    Salesforce(Salesforce),
    Auth0(Auth0),
}

/// The same question to whichever it is.
macro_rules! ask {
    ($self:ident, $org:ident => $answer:expr) => {
        match $self {
            Self::Salesforce($org) => $answer,
            Self::Auth0($org) => $answer,
        }
    };
}

impl Target for AnyTarget {
    fn kind(&self) -> &'static str {
        ask!(self, org => org.kind())
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        ask!(self, org => org.facts().await)
    }

    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        ask!(self, org => org.objects().await)
    }

    async fn describe(&self, object: &ObjectName) -> Result<ObjectSchema, Fault> {
        ask!(self, org => org.describe(object).await)
    }

    async fn load_schema(
        &self,
        object: &ObjectName,
        header: &[String],
    ) -> Result<LoadSchema, Fault> {
        ask!(self, org => org.load_schema(object, header).await)
    }

    async fn reserve(&self, spec: &JobSpec) -> Outcome<JobId> {
        ask!(self, org => org.reserve(spec).await)
    }

    async fn stage(&self, job: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        ask!(self, org => org.stage(job, body, bytes).await)
    }

    async fn commit(&self, job: &JobId) -> Outcome<()> {
        ask!(self, org => org.commit(job).await)
    }

    async fn ask(&self, job: &JobId) -> Outcome<JobStatus> {
        ask!(self, org => org.ask(job).await)
    }

    async fn abandon(&self, job: &JobId) -> Outcome<()> {
        ask!(self, org => org.abandon(job).await)
    }

    async fn download(&self, job: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        ask!(self, org => org.download(job, which, to).await)
    }

    fn adopt(&self, spec: &JobSpec, job: &JobId, body: &Path, started: bool) {
        ask!(self, org => org.adopt(spec, job, body, started));
    }

    async fn jobs_since(
        &self,
        spec: &JobSpec,
        user_id: &str,
        since: jiff::Timestamp,
    ) -> Result<Option<Vec<SeenJob>>, Fault> {
        ask!(self, org => org.jobs_since(spec, user_id, since).await)
    }

    async fn count_records(&self, object: &ObjectName) -> Result<Option<u64>, Fault> {
        ask!(self, org => org.count_records(object).await)
    }

    async fn limits(&self) -> Result<Limits, Fault> {
        ask!(self, org => org.limits().await)
    }

    fn usage(&self) -> ApiUsage {
        ask!(self, org => org.usage())
    }

    fn pace(&self) -> Option<Pace> {
        ask!(self, org => org.pace())
    }

    fn together(&self, object: &ObjectName) -> &'static [&'static str] {
        ask!(self, org => org.together(object))
    }

    async fn records(
        &self,
        wanted: &RecordsWanted,
        keys: &[String],
    ) -> Result<Vec<Option<Record>>, Fault> {
        ask!(self, org => org.records(wanted, keys).await)
    }

    async fn binned(&self, object: &ObjectName, ids: &[String]) -> Result<Vec<bool>, Fault> {
        ask!(self, org => org.binned(object, ids).await)
    }

    fn resumes(&self, request: &ExportRequest) -> bool {
        ask!(self, org => org.resumes(request))
    }

    async fn export(
        &self,
        request: &ExportRequest,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        ask!(self, org => org.export(request, work, sink).await)
    }
    async fn look_up(
        &self,
        question: &KeyQuestion<'_>,
        keys: &mut dyn KeySource,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        ask!(self, org => org.look_up(question, keys, work, sink).await)
    }
}
