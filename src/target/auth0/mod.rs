//! Auth0: permissions and roles of users, by the Management API.
//!
//! There is no call for many users, so a chunk becomes one paced stretch of calls in this process:
//! for each user a look at what it holds and one call with all that is to change. [`session`] sends
//! every call and is the only place that attaches the token; [`paced`] and [`limiter`] decide when;
//! [`jobs`] makes a stretch of calls look like a job, [`calls`] makes them, and [`journal`] keeps
//! what became of each row.

mod body;
mod calls;
mod errors;
mod export;
mod jobs;
mod journal;
mod limiter;
mod login;
mod members;
mod names;
mod paced;
mod schema;
mod session;
mod users;
mod wire;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::OnceCell;

use self::jobs::Jobs;
use self::names::{Apis, Roles};
use self::paced::Paced;
use self::session::Session;
use super::{
    ApiUsage, ExportDone, ExportRequest, Fault, JobSpec, JobStatus, Outcome, Pace, ResultFile,
    RowSink, Target,
};
use crate::http::client::{Client, Settings};
use crate::http::transport::Transport;
use crate::model::ids::JobId;
use crate::model::limits::LOOKUP_NEAREST_KEYS;
use crate::model::names::ObjectName;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use crate::model::sign_in::SignIn;

/// Calls a second that the client itself would let out; the limiter is stricter.
const CALLS_PER_SECOND: u32 = 5_000;

/// A tenant that we are signed in to.
///
/// The token is only ever sent to the tenant's own origin.
pub struct Auth0 {
    tenant: Arc<Tenant>,
    jobs: Jobs,
}

/// What calls need; shared by the jobs that run.
struct Tenant {
    session: Session,
    paced: Arc<Paced>,
    permissions: OnceCell<Names>,
    roles: OnceCell<Names>,
    /// E-mails that nobody has and for which it was asked what may have been meant.
    near: AtomicUsize,
}

/// What rows may name.
enum Names {
    Permissions(Apis),
    Roles(Roles),
}

impl Auth0 {
    /// Gets a token. Calls go out over `wire`, at the pace that the tenant's answers ask for.
    pub async fn sign_in(
        wire: Arc<dyn Transport>,
        mut settings: Settings,
        sign_in: SignIn,
    ) -> Result<Self, Fault> {
        let seed = settings.seed;
        let wire = Arc::new(Paced::new(wire, Arc::clone(&settings.clock)));
        settings.calls_per_second =
            CALLS_PER_SECOND.try_into().unwrap_or(settings.calls_per_second);
        let paced = Arc::clone(&wire);
        let session = Session::open(Client::new(wire, settings), sign_in).await?;
        let (permissions, roles) = (OnceCell::new(), OnceCell::new());
        let near = AtomicUsize::new(0);
        let tenant = Arc::new(Tenant { session, paced, permissions, roles, near });
        Ok(Self { jobs: Jobs::new(Arc::clone(&tenant), seed), tenant })
    }
}

impl Tenant {
    /// E-mails near to one that nobody has; asked for the first of a process only.
    async fn near(&self, email: &str) -> Vec<String> {
        if self.near.fetch_add(1, Ordering::Relaxed) >= LOOKUP_NEAREST_KEYS {
            return Vec::new();
        }
        users::near_email(&self.session, email).await
    }

    async fn apis(&self) -> Result<&Names, Fault> {
        let fetch = async || Apis::fetch(&self.session).await.map(Names::Permissions);
        self.permissions.get_or_try_init(fetch).await
    }

    async fn roles(&self) -> Result<&Names, Fault> {
        let fetch = async || Roles::fetch(&self.session).await.map(Names::Roles);
        self.roles.get_or_try_init(fetch).await
    }
}

impl Target for Auth0 {
    fn kind(&self) -> &'static str {
        "auth0"
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        Ok(schema::facts(&self.tenant.session))
    }

    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        Ok(schema::objects())
    }

    async fn describe(&self, object: &ObjectName) -> Result<ObjectSchema, Fault> {
        schema::object(&self.tenant, object).await
    }

    async fn load_schema(
        &self,
        object: &ObjectName,
        header: &[String],
    ) -> Result<LoadSchema, Fault> {
        schema::load_schema(&self.tenant, object, header).await
    }

    async fn reserve(&self, spec: &JobSpec) -> Outcome<JobId> {
        self.jobs.reserve(spec)
    }

    async fn stage(&self, job: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        self.jobs.stage(job, body, bytes)
    }

    async fn commit(&self, job: &JobId) -> Outcome<()> {
        self.jobs.commit(job)
    }

    async fn ask(&self, job: &JobId) -> Outcome<JobStatus> {
        self.jobs.ask(job)
    }

    async fn abandon(&self, job: &JobId) -> Outcome<()> {
        self.jobs.abandon(job)
    }

    async fn download(&self, job: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        self.jobs.download(job, which, to).await
    }

    fn adopt(&self, spec: &JobSpec, job: &JobId, body: &Path, started: bool) {
        self.jobs.adopt(spec, job, body, started);
    }

    /// Users are counted, and what they hold is not.
    async fn count_records(&self, object: &ObjectName) -> Result<Option<u64>, Fault> {
        if !schema::is_user(object) {
            return Ok(None);
        }
        users::count(&self.tenant.session).await.map(Some)
    }

    fn usage(&self) -> ApiUsage {
        self.tenant.session.usage()
    }

    fn pace(&self) -> Option<Pace> {
        self.jobs.pace()
    }

    fn together(&self, object: &ObjectName) -> &'static [&'static str] {
        if jobs::kind_of(object.as_str()).is_some() { &["user_id", "email"] } else { &[] }
    }

    fn resumes(&self, request: &ExportRequest) -> bool {
        export::resumes(request)
    }

    async fn export(
        &self,
        request: &ExportRequest,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        export::export(&self.tenant, request, work, sink).await
    }
}
