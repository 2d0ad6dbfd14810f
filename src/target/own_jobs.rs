//! Jobs for a far side that runs none: each is a stretch of calls, carried out in this process.
//!
//! Reserving and staging change nothing at the far side; the commit starts the calls. A job that an
//! earlier process had started goes on when it is asked about. What a job is about, and how it is
//! carried out, is its owner's matter.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::model::ids::JobId;
use crate::target::{Fault, FaultClass, JobState, JobStatus, Outcome};

/// Letters and digits of a job id.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The jobs that this process knows.
pub(in crate::target) struct OwnJobs<W> {
    /// How their ids begin.
    lead: &'static str,
    by_id: Mutex<HashMap<JobId, Arc<OwnJob<W>>>>,
    /// Ends with the target, so that nothing is called for a run that is over.
    running: Mutex<JoinSet<()>>,
    made: AtomicU64,
}

/// One job, and what it is about.
pub(in crate::target) struct OwnJob<W> {
    pub(in crate::target) work: W,
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

impl<W: Send + Sync + 'static> OwnJobs<W> {
    /// None yet; the ids of those to come begin with `lead`.
    pub(in crate::target) fn new(lead: &'static str) -> Self {
        let (by_id, running) = (Mutex::default(), Mutex::default());
        Self { lead, by_id, running, made: AtomicU64::new(0) }
    }

    /// Makes a job; no call.
    pub(in crate::target) fn reserve(&self, work: W, seed: u64) -> Outcome<JobId> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        match JobId::parse(&name(self.lead, seed, number)) {
            Ok(id) => {
                locked(&self.by_id).insert(id.clone(), Arc::new(OwnJob::new(work, Stand::Empty)));
                Outcome::Done(id)
            }
            Err(bad) => Outcome::NotDone(no_job(&bad.to_string())),
        }
    }

    /// Remembers where the rows are; no call.
    pub(in crate::target) fn stage(&self, id: &JobId, body: &Path, bytes: u64) -> Outcome<()> {
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
    pub(in crate::target) fn adopt(&self, work: W, id: &JobId, body: &Path, begun: bool) {
        let stand = Stand::Staged { body: body.to_owned(), begun };
        let mut by_id = locked(&self.by_id);
        by_id.entry(id.clone()).or_insert_with(|| Arc::new(OwnJob::new(work, stand)));
    }

    /// Starts the calls, those that `carry_out` makes.
    pub(in crate::target) fn commit<F>(
        &self,
        id: &JobId,
        carry_out: impl FnOnce(Arc<OwnJob<W>>, PathBuf) -> F,
    ) -> Outcome<()>
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        match stand {
            Stand::Staged { body, .. } => self.start(job, body, carry_out),
            Stand::Running { .. } | Stand::Done { .. } => {}
            Stand::Empty => return Outcome::NotDone(no_job(id.as_str())),
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        }
        Outcome::Done(())
    }

    /// Where a job stands. One that an earlier process had started goes on, by `carry_out`.
    pub(in crate::target) fn ask<F>(
        &self,
        id: &JobId,
        carry_out: impl FnOnce(Arc<OwnJob<W>>, PathBuf) -> F,
    ) -> Outcome<JobStatus>
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let Some(job) = self.find(id) else { return Outcome::NotDone(no_job(id.as_str())) };
        let stand = locked(&job.stand).clone();
        let (processed, failed) = job.counted();
        let state = match stand {
            Stand::Empty | Stand::Staged { begun: false, .. } => JobState::Open,
            Stand::Staged { body, begun: true } => {
                self.start(job, body, carry_out);
                JobState::InProgress
            }
            Stand::Running { .. } => JobState::InProgress,
            Stand::Done { .. } => JobState::JobComplete,
            Stand::Stalled(fault) => return Outcome::NotDone(fault),
        };
        let (processed, failed) = (Some(processed), Some(failed));
        Outcome::Done(JobStatus { state, processed, failed, message: None })
    }

    /// Forgets a job that was never started.
    pub(in crate::target) fn abandon(&self, id: &JobId) -> Outcome<()> {
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

    /// Has `write` make the file `to` of what the job keeps beside its body; returns its bytes.
    pub(in crate::target) async fn download(
        &self,
        id: &JobId,
        to: &Path,
        write: impl FnOnce(&Path, &Path) -> io::Result<u64> + Send + 'static,
    ) -> Outcome<u64> {
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
            tokio::task::spawn_blocking(move || write(&body, &to)).await
        };
        match kept.map_err(io::Error::other).flatten() {
            Ok(bytes) => Outcome::Done(bytes),
            Err(error) => Outcome::NotDone(disk(to, &error)),
        }
    }

    /// The jobs whose calls are under way.
    pub(in crate::target) fn running(&self) -> Vec<Arc<OwnJob<W>>> {
        let by_id = locked(&self.by_id);
        let runs = |job: &&Arc<OwnJob<W>>| matches!(&*locked(&job.stand), Stand::Running { .. });
        by_id.values().filter(runs).map(Arc::clone).collect()
    }

    fn find(&self, id: &JobId) -> Option<Arc<OwnJob<W>>> {
        locked(&self.by_id).get(id).cloned()
    }

    fn start<F>(
        &self,
        job: Arc<OwnJob<W>>,
        body: PathBuf,
        carry_out: impl FnOnce(Arc<OwnJob<W>>, PathBuf) -> F,
    ) where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        *locked(&job.stand) = Stand::Running { body: body.clone() };
        let work = carry_out(Arc::clone(&job), body.clone());
        locked(&self.running).spawn(async move {
            let done = work.await;
            *locked(&job.stand) = match done {
                Ok(()) => Stand::Done { body },
                Err(fault) => Stand::Stalled(fault),
            };
        });
    }
}

impl<W> OwnJob<W> {
    fn new(work: W, stand: Stand) -> Self {
        let (processed, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { work, stand: Mutex::new(stand), processed, failed }
    }

    /// So many rows more have their results.
    pub(in crate::target) fn count(&self, rows: u64, failed: u64) {
        self.failed.fetch_add(failed, Ordering::Relaxed);
        self.processed.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows with results, and those of them that failed.
    pub(in crate::target) fn counted(&self) -> (u64, u64) {
        let processed = self.processed.load(Ordering::Relaxed);
        (processed, self.failed.load(Ordering::Relaxed).min(processed))
    }
}

/// A fault of the disk under the results that a job keeps.
pub(in crate::target) fn disk(path: &Path, error: &io::Error) -> Fault {
    Fault {
        class: FaultClass::Disk,
        status: None,
        code: "LOCAL_FILE".to_owned(),
        message: format!("cannot keep the results in `{}`: {error}", path.display()),
        hints: Vec::new(),
    }
}

/// A job id such as `callsk3f9mz7qa2bcd`.
fn name(lead: &str, seed: u64, number: u64) -> String {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut bits = bits ^ (bits >> 27);
    let mut name = lead.to_owned();
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
