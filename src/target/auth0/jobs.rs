//! Jobs: a chunk as one stretch of paced calls, carried out in this process.
//!
//! Reserving and staging change nothing at the tenant; the commit starts the calls. A job that an
//! earlier process began is gone on with where its result files end.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use super::Tenant;
use super::calls::carry_out;
use super::journal::{Paths, disk};
use super::users::Kind;
use crate::faults;
use crate::model::ids::JobId;
use crate::model::operation::Operation;
use crate::target::{Fault, FaultClass, JobSpec, JobState, JobStatus, Outcome, Pace, ResultFile};

/// Letters and digits of a job id.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Users whose calls tell what the others will cost.
const TELLING: u64 = 50;

/// The jobs that this process knows.
pub(super) struct Jobs {
    tenant: Arc<Tenant>,
    by_id: Mutex<HashMap<JobId, Arc<Job>>>,
    /// Ends with the target, so that nobody is called for a run that is over.
    running: Mutex<JoinSet<()>>,
    seed: u64,
    made: AtomicU64,
}

/// One job.
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) operation: Operation,
    pub(super) verify_after: bool,
    stand: Mutex<Stand>,
    processed: AtomicU64,
    failed: AtomicU64,
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

#[derive(Debug, Clone)]
enum Stand {
    Empty,
    /// The body is known, and nobody was called by this process. `begun`: an earlier one had
    /// started the job.
    Staged {
        body: PathBuf,
        begun: bool,
    },
    Running {
        body: PathBuf,
    },
    Done {
        body: PathBuf,
    },
    /// It cannot go on in this process.
    Stalled(Fault),
}

impl Jobs {
    pub(super) fn new(tenant: Arc<Tenant>, seed: u64) -> Self {
        let (by_id, running) = (Mutex::default(), Mutex::default());
        Self { tenant, by_id, running, seed, made: AtomicU64::new(0) }
    }

    /// Makes a job; no call.
    pub(super) fn reserve(&self, spec: &JobSpec) -> Outcome<JobId> {
        let job = match Job::of(spec) {
            Ok(job) => job,
            Err(fault) => return Outcome::NotDone(fault),
        };
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        match JobId::parse(&name(self.seed, number)) {
            Ok(id) => {
                locked(&self.by_id).insert(id.clone(), Arc::new(job));
                Outcome::Done(id)
            }
            Err(bad) => Outcome::NotDone(no_job(&bad.to_string())),
        }
    }

    /// Remembers where the rows are; no call.
    pub(super) fn stage(&self, id: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        match std::fs::metadata(body) {
            Ok(found) if found.len() == bytes => {
                *locked(&job.stand) = Stand::Staged { body: body.to_owned(), begun: false };
                Outcome::Done(())
            }
            Ok(found) => {
                let what = format!("it has {} bytes and should have {bytes}", found.len());
                Outcome::NotDone(disk(body, &io::Error::other(what)))
            }
            Err(error) => Outcome::NotDone(disk(body, &error)),
        }
    }

    /// Takes over a job of an earlier process.
    pub(super) fn adopt(&self, spec: &JobSpec, id: &JobId, body: &Path, begun: bool) {
        let Ok(job) = Job::of(spec) else { return };
        *locked(&job.stand) = Stand::Staged { body: body.to_owned(), begun };
        locked(&self.by_id).entry(id.clone()).or_insert_with(|| Arc::new(job));
    }

    /// Starts the calls.
    pub(super) fn commit(&self, id: &JobId) -> Outcome<()> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        match stand {
            Stand::Staged { body, .. } => self.start(&job, body),
            Stand::Running { .. } | Stand::Done { .. } => {}
            Stand::Empty => return Outcome::NotDone(no_job(id.as_str())),
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        }
        Outcome::Done(())
    }

    /// Where a job stands. One that an earlier process had started goes on when it is asked about.
    pub(super) fn ask(&self, id: &JobId) -> Outcome<JobStatus> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        let state = match stand {
            Stand::Empty | Stand::Staged { begun: false, .. } => JobState::Open,
            Stand::Staged { body, begun: true } => {
                self.start(&job, body);
                JobState::InProgress
            }
            Stand::Running { .. } => JobState::InProgress,
            Stand::Done { .. } => JobState::JobComplete,
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        };
        let (processed, failed) = job.counted();
        Outcome::Done(JobStatus { state, processed, failed, message: None })
    }

    /// Forgets a job that was never started.
    pub(super) fn abandon(&self, id: &JobId) -> Outcome<()> {
        let mut by_id = locked(&self.by_id);
        if let Some(job) = by_id.get(id)
            && matches!(&*locked(&job.stand), Stand::Running { .. } | Stand::Done { .. })
        {
            return Outcome::NotDone(Fault {
                class: FaultClass::State,
                status: None,
                code: "STARTED".to_owned(),
                message: format!("job `{id}` was started and cannot be given up"),
                hints: Vec::new(),
            });
        }
        by_id.remove(id);
        Outcome::Done(())
    }

    /// Copies a result file of a job that has ended.
    pub(super) async fn download(&self, id: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let body = match &*locked(&job.stand) {
            Stand::Done { body } | Stand::Running { body } | Stand::Staged { body, .. } => {
                body.clone()
            }
            Stand::Empty => return Outcome::NotDone(no_job(id.as_str())),
            Stand::Stalled(fault) => return Outcome::NotDone(fault.clone()),
        };
        let paths = Paths::of(&body);
        let from = match which {
            ResultFile::Successful => Some(paths.successful),
            ResultFile::Failed => Some(paths.failed),
            ResultFile::Unprocessed => None,
        };
        let kept = {
            let to = to.to_owned();
            tokio::task::spawn_blocking(move || copy(from.as_deref(), &to)).await
        };
        match kept.map_err(io::Error::other).flatten() {
            Ok(bytes) => Outcome::Done(bytes),
            Err(error) => Outcome::NotDone(disk(to, &error)),
        }
    }

    /// What the jobs under way still take, where the tenant limits calls.
    pub(super) fn pace(&self) -> Option<Pace> {
        if !self.tenant.paced.is_limited() {
            return None;
        }
        let (mut calls_left, mut rows_left) = (0, 0);
        for job in locked(&self.by_id).values() {
            if matches!(&*locked(&job.stand), Stand::Running { .. }) {
                calls_left += job.calls_left()?;
                let rows = job.rows.load(Ordering::Relaxed);
                rows_left += rows.saturating_sub(job.processed.load(Ordering::Relaxed));
            }
        }
        let per_second = self.tenant.paced.per_second();
        (rows_left > 0).then_some(Pace { calls_left, rows_left, per_second })
    }

    fn find(&self, id: &JobId) -> Option<Arc<Job>> {
        locked(&self.by_id).get(id).cloned()
    }

    fn start(&self, job: &Arc<Job>, body: PathBuf) {
        *locked(&job.stand) = Stand::Running { body: body.clone() };
        let (tenant, job) = (Arc::clone(&self.tenant), Arc::clone(job));
        locked(&self.running).spawn(async move {
            let done = carry_out(tenant, Arc::clone(&job), &body).await;
            *locked(&job.stand) = match done {
                Ok(()) => Stand::Done { body },
                Err(fault) => Stand::Stalled(fault),
            };
        });
    }
}

impl Job {
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
        let stand = Mutex::new(Stand::Empty);
        let (processed, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        let (operation, verify_after) = (spec.operation, spec.verify_after);
        Ok(Self {
            kind,
            operation,
            verify_after,
            stand,
            processed,
            failed,
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

    /// So many rows more have their results.
    pub(super) fn count(&self, rows: u64, failed: u64) {
        self.failed.fetch_add(failed, Ordering::Relaxed);
        self.processed.fetch_add(rows, Ordering::Relaxed);
    }

    fn counted(&self) -> (Option<u64>, Option<u64>) {
        let processed = self.processed.load(Ordering::Relaxed);
        (Some(processed), Some(self.failed.load(Ordering::Relaxed).min(processed)))
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

/// A job id such as `callsk3f9mz7qa2bcd`.
fn name(seed: u64, number: u64) -> String {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut bits = bits ^ (bits >> 27);
    let mut name = "calls".to_owned();
    for _ in 0..12 {
        name.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    name
}

fn no_job(id: &str) -> Fault {
    Fault {
        class: FaultClass::Gone,
        status: None,
        code: "NO_SUCH_JOB".to_owned(),
        message: format!("this process knows no job `{id}`"),
        hints: Vec::new(),
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
