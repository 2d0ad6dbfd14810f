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

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

pub(super) use self::calls::binned;
use self::calls::carry_out;
use self::journal::disk;
use super::Salesforce;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::target::{Fault, FaultClass, JobSpec, JobState, JobStatus, Outcome, ResultFile};

/// How ids of these jobs begin; those of the Bulk API begin with `750`.
const LEAD: &str = "undel";

/// Letters and digits of a job id.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The jobs that this process knows.
#[derive(Default)]
pub(super) struct Jobs {
    by_id: Mutex<HashMap<JobId, Arc<Job>>>,
    /// Ends with the target, so that nothing is called for a run that is over.
    running: Mutex<JoinSet<()>>,
    made: AtomicU64,
}

/// One job.
struct Job {
    object: ObjectName,
    stand: Mutex<Stand>,
    processed: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug, Clone)]
enum Stand {
    Empty,
    /// The body is known, and nothing was called by this process. `begun`: an earlier one had
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
    /// Whether a job is one of these, of whatever process.
    pub(super) fn are_of(id: &JobId) -> bool {
        id.as_str().starts_with(LEAD)
    }

    /// Makes a job; no call.
    pub(super) fn reserve(&self, spec: &JobSpec, seed: u64) -> Outcome<JobId> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        match JobId::parse(&name(seed, number)) {
            Ok(id) => {
                locked(&self.by_id).insert(id.clone(), Arc::new(Job::of(spec, Stand::Empty)));
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
        let stand = Stand::Staged { body: body.to_owned(), begun };
        let mut by_id = locked(&self.by_id);
        by_id.entry(id.clone()).or_insert_with(|| Arc::new(Job::of(spec, stand)));
    }

    /// Starts the calls.
    pub(super) fn commit(&self, org: &Salesforce, id: &JobId) -> Outcome<()> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        match stand {
            Stand::Staged { body, .. } => self.start(org, &job, body),
            Stand::Running { .. } | Stand::Done { .. } => {}
            Stand::Empty => return Outcome::NotDone(no_job(id.as_str())),
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        }
        Outcome::Done(())
    }

    /// Where a job stands. One that an earlier process had started goes on when it is asked about.
    pub(super) fn ask(&self, org: &Salesforce, id: &JobId) -> Outcome<JobStatus> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        let state = match stand {
            Stand::Empty | Stand::Staged { begun: false, .. } => JobState::Open,
            Stand::Staged { body, begun: true } => {
                self.start(org, &job, body);
                JobState::InProgress
            }
            Stand::Running { .. } => JobState::InProgress,
            Stand::Done { .. } => JobState::JobComplete,
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        };
        let processed = job.processed.load(Ordering::Relaxed);
        let failed = job.failed.load(Ordering::Relaxed).min(processed);
        let (processed, failed) = (Some(processed), Some(failed));
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

    /// Writes a result file of a job that has ended.
    pub(super) async fn download(&self, id: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let body = match &*locked(&job.stand) {
            Stand::Done { body } | Stand::Running { body } | Stand::Staged { body, .. } => {
                body.clone()
            }
            Stand::Empty => return Outcome::NotDone(no_job(id.as_str())),
            Stand::Stalled(fault) => return Outcome::NotDone(fault.clone()),
        };
        let kept = {
            let to = to.to_owned();
            tokio::task::spawn_blocking(move || journal::write_results(&body, which, &to)).await
        };
        match kept.map_err(io::Error::other).flatten() {
            Ok(bytes) => Outcome::Done(bytes),
            Err(error) => Outcome::NotDone(disk(to, &error)),
        }
    }

    fn find(&self, id: &JobId) -> Option<Arc<Job>> {
        locked(&self.by_id).get(id).cloned()
    }

    fn start(&self, org: &Salesforce, job: &Arc<Job>, body: PathBuf) {
        *locked(&job.stand) = Stand::Running { body: body.clone() };
        let (org, job) = (org.without_jobs(), Arc::clone(job));
        locked(&self.running).spawn(async move {
            let done = carry_out(&org, &job, &body).await;
            *locked(&job.stand) = match done {
                Ok(()) => Stand::Done { body },
                Err(fault) => Stand::Stalled(fault),
            };
        });
    }
}

impl Job {
    fn of(spec: &JobSpec, stand: Stand) -> Self {
        Self {
            object: spec.object.clone(),
            stand: Mutex::new(stand),
            processed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// So many rows more have their results.
    fn count(&self, rows: u64, failed: u64) {
        self.failed.fetch_add(failed, Ordering::Relaxed);
        self.processed.fetch_add(rows, Ordering::Relaxed);
    }
}

/// A job id such as `undelk3f9mz7qa2bcd`.
fn name(seed: u64, number: u64) -> String {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut bits = bits ^ (bits >> 27);
    let mut name = LEAD.to_owned();
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
