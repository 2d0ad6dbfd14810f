//! Poll: asks how running jobs fare, in few calls and without delay.
//!
//! Only the oldest unfinished job is asked about, after the time that it should still take at the
//! rate of the whole run: at least 0.5 s, at most 60 s and 5 % of the time that the run has taken.
//! When a job is found finished, the next one is asked about at once; without that the estimate
//! would lock to one job for each wait. (`docs/submit.md` has the reasons and figures.)

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::model::chunk::ChunkNumber;
use crate::model::ids::JobId;
use crate::model::limits::{POLL_FIRST_MS, POLL_MAX_MS, POLL_MIN_MS};
use crate::pipeline::event::{Event, Watch};
use crate::target::{Fault, FaultClass, JobStatus, Outcome, Target};

/// What waiting for a job came to.
#[derive(Debug)]
pub enum Waited {
    Ended(JobStatus),
    Gone(Fault),
    /// We cannot ask any more (signed out, for example); the job goes on without us.
    Blind(Fault),
}

/// The one who asks; shared by all chunks in flight.
pub struct Poller {
    waiting: Mutex<VecDeque<Waiting>>,
    changed: Notify,
}

struct Waiting {
    chunk: ChunkNumber,
    job: JobId,
    rows: u64,
    processed: u64,
    since: Instant,
    asked: bool,
    done: oneshot::Sender<Waited>,
}

/// Rows and time of the whole run, for the estimate.
struct Pace {
    began: Option<Instant>,
    rows_done: u64,
}

impl Poller {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), changed: Notify::new() })
    }

    /// Returns when the job has ended.
    pub async fn wait(&self, chunk: ChunkNumber, job: &JobId, rows: u64) -> Waited {
        let (done, ended) = oneshot::channel();
        let waiting = Waiting {
            chunk,
            job: job.clone(),
            rows,
            processed: 0,
            since: Instant::now(),
            asked: false,
            done,
        };
        self.locked().push_back(waiting);
        self.changed.notify_one();
        ended.await.unwrap_or_else(|_| Waited::Blind(nobody_asks()))
    }

    /// Asks until it is dropped.
    pub async fn run<T: Target>(&self, target: &T, watch: &dyn Watch) {
        let mut pace = Pace { began: None, rows_done: 0 };
        let mut at_once = false;
        loop {
            let Some((job, delay)) = self.oldest(&mut pace, at_once) else {
                self.changed.notified().await;
                at_once = false;
                continue;
            };
            tokio::time::sleep(delay).await;
            at_once = self.ask(target, watch, &job, &mut pace).await;
        }
    }

    /// The oldest job and how long to leave it alone.
    fn oldest(&self, pace: &mut Pace, at_once: bool) -> Option<(JobId, Duration)> {
        let waiting = self.locked();
        let oldest = waiting.front()?;
        let began = *pace.began.get_or_insert(oldest.since);
        let delay = if at_once {
            Duration::ZERO
        } else if oldest.asked {
            pace.delay(
                oldest.rows.saturating_sub(oldest.processed),
                oldest.processed,
                began.elapsed(),
            )
        } else {
            Duration::from_millis(POLL_FIRST_MS).saturating_sub(oldest.since.elapsed())
        };
        Some((oldest.job.clone(), delay))
    }

    /// Asks once; says whether a job left the queue.
    async fn ask<T: Target>(
        &self,
        target: &T,
        watch: &dyn Watch,
        job: &JobId,
        pace: &mut Pace,
    ) -> bool {
        match target.ask(job).await {
            Outcome::Done(status) if status.state.is_terminal() => {
                let rows = self.release(job, Waited::Ended(status));
                pace.rows_done += rows;
                true
            }
            Outcome::Done(status) => {
                self.note(job, &status, watch);
                if let Some(pace) = target.pace() {
                    watch.see(&Event::from(pace));
                }
                false
            }
            Outcome::NotDone(fault) if fault.class == FaultClass::Gone => {
                self.release(job, Waited::Gone(fault));
                true
            }
            // A limit on asking, or our own disk, says nothing about the job, but we cannot go on.
            Outcome::NotDone(fault)
                if matches!(
                    fault.class,
                    FaultClass::Access | FaultClass::Limit | FaultClass::Disk
                ) =>
            {
                self.release(job, Waited::Blind(fault));
                true
            }
            // The service is down or spoke nonsense; the job goes on, and so do the questions.
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
                let reason = format!("the state of job {job} cannot be read: {fault}");
                let seconds = Duration::from_millis(POLL_MAX_MS).as_secs_f64();
                watch.see(&Event::Waiting { reason, seconds });
                tokio::time::sleep(Duration::from_millis(POLL_MAX_MS)).await;
                false
            }
        }
    }

    fn release(&self, job: &JobId, waited: Waited) -> u64 {
        let mut waiting = self.locked();
        let Some(at) = waiting.iter().position(|entry| entry.job == *job) else { return 0 };
        let Some(entry) = waiting.remove(at) else { return 0 };
        // A chunk that stopped waiting (the run was interrupted) is not told.
        let _told = entry.done.send(waited).is_ok();
        entry.rows
    }

    fn note(&self, job: &JobId, status: &JobStatus, watch: &dyn Watch) {
        let mut waiting = self.locked();
        let Some(entry) = waiting.iter_mut().find(|entry| entry.job == *job) else { return };
        entry.asked = true;
        entry.processed = status.processed.unwrap_or(0).min(entry.rows);
        watch.see(&Event::JobProgress {
            chunk: entry.chunk,
            job: job.clone(),
            processed: entry.processed,
            failed: status.failed.unwrap_or(0),
        });
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// How long the rest of the oldest job should take at the rate of the whole run, within bounds.
    fn delay(&self, rows_left: u64, rows_begun: u64, elapsed: Duration) -> Duration {
        let least = Duration::from_millis(POLL_MIN_MS);
        let most = Duration::from_millis(POLL_MAX_MS).min(elapsed / 20).max(least);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rate = (self.rows_done + rows_begun) as f64 / elapsed.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = rows_left as f64 / rate.max(0.001);
        Duration::from_secs_f64(estimate.min(most.as_secs_f64())).max(least)
    }
}

fn nobody_asks() -> Fault {
    Fault {
        class: FaultClass::Unavailable,
        status: None,
        code: "NOT_ASKED".to_owned(),
        message: "the state of the job was not asked for any more".to_owned(),
        hints: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_rate_within_its_bounds() {
        let pace = Pace { began: None, rows_done: 100_000 };
        for (left, elapsed_s, expected_ms) in [
            (10_000, 10, 500),            // 1 s to go, but 5 % of 10 s is the most
            (10_000, 1_000, 50_000),      // 100 s to go, 5 % of 1,000 s is 50 s
            (1_000, 1_000, 10_000),       // 10 s to go
            (1, 1_000, 500),              // never under half a second
            (1_000_000, 100_000, 60_000), // never over a minute
        ] {
            let delay = pace.delay(left, 0, Duration::from_secs(elapsed_s));
            assert_eq!(delay.as_millis(), expected_ms, "{left} rows after {elapsed_s} s");
        }
    }
}
