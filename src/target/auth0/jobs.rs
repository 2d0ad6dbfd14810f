//! Jobs: a chunk as one stretch of paced calls ([`OwnJobs`]), and what it still takes.
//!
//! A job that an earlier process began is gone on with where its result files end.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Tenant;
use super::calls::carry_out;
use super::journal::Paths;
use super::users::Kind;
use crate::faults;
use crate::model::ids::JobId;
use crate::model::operation::Operation;
use crate::target::own_jobs::{OwnJob, OwnJobs};
use crate::target::{Fault, FaultClass, JobSpec, JobStatus, Outcome, Pace, ResultFile};

/// How ids of these jobs begin.
const LEAD: &str = "calls";

/// Users whose calls tell what the others will cost.
const TELLING: u64 = 50;

/// The jobs that this process knows.
pub(super) struct Jobs {
    tenant: Arc<Tenant>,
    own: OwnJobs<Work>,
    seed: u64,
}

/// One job.
pub(super) type Job = OwnJob<Work>;

/// What a job is about, and what it costs.
pub(super) struct Work {
    pub(super) kind: Kind,
    pub(super) operation: Operation,
    pub(super) verify_after: bool,
    rows: AtomicU64,
    /// Users without results, and users that this process has dealt with.
    users_left: AtomicU64,
    users_done: AtomicU64,
    /// Calls for one of them, as is known beforehand.
    calls_each: AtomicU64,
    /// Calls for those that are dealt with, and for those that are in hand.
    calls_done: AtomicU64,
    calls_in_hand: AtomicU64,
    /// Many users are dealt with at once, so that no user's calls can be told.
    at_once: AtomicBool,
}

impl Jobs {
    pub(super) fn new(tenant: Arc<Tenant>, seed: u64) -> Self {
        Self { tenant, own: OwnJobs::new(LEAD), seed }
    }

    /// Makes a job; no call.
    pub(super) fn reserve(&self, spec: &JobSpec) -> Outcome<JobId> {
        match Work::of(spec) {
            Ok(work) => self.own.reserve(work, self.seed),
            Err(fault) => Outcome::NotDone(fault),
        }
    }

    /// Remembers where the rows are; no call.
    pub(super) fn stage(&self, id: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        self.own.stage(id, body, bytes)
    }

    /// Takes over a job of an earlier process.
    pub(super) fn adopt(&self, spec: &JobSpec, id: &JobId, body: &Path, begun: bool) {
        if let Ok(work) = Work::of(spec) {
            self.own.adopt(work, id, body, begun);
        }
    }

    /// Starts the calls.
    pub(super) fn commit(&self, id: &JobId) -> Outcome<()> {
        let tenant = Arc::clone(&self.tenant);
        self.own.commit(id, |job, body| async move { carry_out(tenant, job, &body).await })
    }

    /// Where a job stands. One that an earlier process had started goes on when it is asked about.
    pub(super) fn ask(&self, id: &JobId) -> Outcome<JobStatus> {
        let tenant = Arc::clone(&self.tenant);
        self.own.ask(id, |job, body| async move { carry_out(tenant, job, &body).await })
    }

    /// Forgets a job that was never started.
    pub(super) fn abandon(&self, id: &JobId) -> Outcome<()> {
        self.own.abandon(id)
    }

    /// Copies a result file of a job that has ended.
    pub(super) async fn download(&self, id: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        let write = move |body: &Path, to: &Path| {
            let paths = Paths::of(body);
            let from = match which {
                ResultFile::Successful => Some(paths.successful),
                ResultFile::Failed => Some(paths.failed),
                ResultFile::Unprocessed => None,
            };
            copy(from.as_deref(), to)
        };
        self.own.download(id, to, write).await
    }

    /// What the jobs under way still take, where the tenant limits calls.
    pub(super) fn pace(&self) -> Option<Pace> {
        if !self.tenant.paced.is_limited() {
            return None;
        }
        let (mut calls_left, mut rows_left) = (0, 0);
        for job in self.own.running() {
            calls_left += job.work.calls_left()?;
            let rows = job.work.rows.load(Ordering::Relaxed);
            rows_left += rows.saturating_sub(job.counted().0);
        }
        let per_second = self.tenant.paced.per_second();
        (rows_left > 0).then_some(Pace { calls_left, rows_left, per_second })
    }
}

impl Work {
    fn of(spec: &JobSpec) -> Result<Self, Fault> {
        let kind = kind_of(spec.object.as_str());
        let may = matches!(spec.operation, Operation::Insert | Operation::Delete);
        let Some(kind) = kind.filter(|_| may) else {
            return Err(Fault {
                class: FaultClass::Refused,
                status: None,
                code: "NO_SUCH_LOAD".to_owned(),
                message: format!("an Auth0 tenant has no {} of `{}`", spec.operation, spec.object),
                hints: vec![
                    "there are insert and delete of `UserPermission` and `UserRole`".into(),
                ],
            });
        };
        let (operation, verify_after) = (spec.operation, spec.verify_after);
        Ok(Self {
            kind,
            operation,
            verify_after,
            rows: AtomicU64::new(0),
            users_left: AtomicU64::new(0),
            users_done: AtomicU64::new(0),
            calls_each: AtomicU64::new(0),
            calls_done: AtomicU64::new(0),
            calls_in_hand: AtomicU64::new(0),
            at_once: AtomicBool::new(false),
        })
    }

    /// So many rows in all, and users that have no results yet. `by_email`: how many of these have
    /// to be looked up.
    pub(super) fn begun(&self, rows: u64, users: u64, by_email: u64) {
        let each = 2 + u64::from(self.verify_after) + u64::from(by_email * 2 > users);
        for (figure, value) in
            [(&self.rows, rows), (&self.users_left, users), (&self.calls_each, each)]
        {
            figure.store(value, Ordering::Relaxed);
        }
    }

    /// Whether many users are dealt with at once.
    pub(super) fn is_at_once(&self, at_once: bool) {
        self.at_once.store(at_once, Ordering::Relaxed);
    }

    /// A call was made for a user in hand.
    pub(super) fn called(&self) {
        self.calls_in_hand.fetch_add(1, Ordering::Relaxed);
    }

    /// All is known of a user, after so many calls.
    pub(super) fn user_done(&self, calls: u64) {
        self.users_left.fetch_sub(1, Ordering::Relaxed);
        self.users_done.fetch_add(1, Ordering::Relaxed);
        self.calls_in_hand.fetch_sub(calls, Ordering::Relaxed);
        self.calls_done.fetch_add(calls, Ordering::Relaxed);
    }

    /// Two groups of rows turned out to be one user's.
    pub(super) fn user_merged(&self) {
        self.users_left.fetch_sub(1, Ordering::Relaxed);
    }

    /// By what users have cost so far, once these are enough to tell.
    fn calls_left(&self) -> Option<u64> {
        if self.at_once.load(Ordering::Relaxed) {
            return None;
        }
        let users = self.users_left.load(Ordering::Relaxed);
        let done = self.users_done.load(Ordering::Relaxed);
        let calls = if done < TELLING {
            users * self.calls_each.load(Ordering::Relaxed)
        } else {
            let calls = u128::from(self.calls_done.load(Ordering::Relaxed)) * u128::from(users);
            u64::try_from(calls / u128::from(done)).unwrap_or(u64::MAX)
        };
        Some(calls.saturating_sub(self.calls_in_hand.load(Ordering::Relaxed)))
    }
}

/// What rows of an object are about.
pub(super) fn kind_of(object: &str) -> Option<Kind> {
    if object.eq_ignore_ascii_case("UserPermission") {
        Some(Kind::Permission)
    } else if object.eq_ignore_ascii_case("UserRole") {
        Some(Kind::Role)
    } else {
        None
    }
}

/// Copies a file beside `to`, syncs it and gives it its name; without a file, only a header.
fn copy(from: Option<&Path>, to: &Path) -> io::Result<u64> {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true);
    if let Some(from) = from {
        faults::copy(from, &part)?;
    } else {
        let mut file = faults::open(options.create(true).truncate(true), &part)?;
        io::Write::write_all(&mut file, b"sf__Id,sf__Error\n")?;
    }
    faults::open(OpenOptions::new().write(true), &part)?.sync_all()?;
    faults::rename(&part, to)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        faults::sync_folder(folder)?;
    }
    Ok(std::fs::metadata(to)?.len())
}
