//! Poll: asks how running jobs fare, in few calls and without delay.
//!
//! Only the oldest unfinished job is asked about, after the time that it should still take at the
//! rate of the whole run: at least 0.5 s, at most 60 s and 5 % of the time that the run has taken.
//! When a job is found finished, the next one is asked about at once; without that the estimate
//! would lock to one job for each wait. (`docs/submit.md` has the reasons and figures.)
//!
//! What it sees decides how many jobs there may be ([`super::room`]). While another job waits for a
//! place, the youngest is asked about too, once after each change: whether the org has begun it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::gate::Gate;
use super::room::Sign;
use crate::model::chunk::ChunkNumber;
use crate::model::ids::JobId;
use crate::model::limits::{
    JOB_TELLS_S, JOBS_PARALLEL_START, POLL_FIRST_MS, POLL_MAX_MS, POLL_MIN_MS, QUEUE_GRACE_S,
};
use crate::pipeline::event::{Event, Watch};
use crate::target::{Fault, FaultClass, JobState, JobStatus, Outcome, Target};

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
    gate: Arc<Gate>,
    /// Nothing has come or gone since it was looked at how far the org is.
    looked: AtomicBool,
    seed: u32,
}

struct Waiting {
    chunk: ChunkNumber,
    job: JobId,
    rows: u64,
    /// Rows of ours that were there before it.
    ahead: u64,
    processed: u64,
    since: Instant,
    asked: bool,
    /// The org has begun it.
    begun: bool,
    overdue: bool,
    done: oneshot::Sender<Waited>,
}

/// Rows and time of the whole run, for the estimate.
struct Pace {
    began: Option<Instant>,
    rows_done: u64,
    /// When the last job was found ended.
    last_end: Option<Instant>,
    /// Seconds that a row of the last jobs took.
    per_row: Option<f64>,
    dice: u64,
}

impl Poller {
    /// What it sees it tells the gate; the seed keeps many of us from asking in step.
    pub fn new(gate: Arc<Gate>, seed: u32) -> Arc<Self> {
        let (waiting, changed, looked) = (Mutex::default(), Notify::new(), AtomicBool::new(false));
        Arc::new(Self { waiting, changed, gate, looked, seed })
    }

    /// Returns when the job has ended; so many rows of ours were at the org before its own.
    pub async fn wait(&self, chunk: ChunkNumber, job: &JobId, rows: u64, ahead: u64) -> Waited {
        let (done, ended) = oneshot::channel();
        let waiting = Waiting {
            chunk,
            job: job.clone(),
            rows,
            ahead,
            processed: 0,
            since: Instant::now(),
            asked: false,
            begun: false,
            overdue: false,
            done,
        };
        self.locked().push_back(waiting);
        self.looked.store(false, Ordering::Relaxed);
        self.changed.notify_one();
        ended.await.unwrap_or_else(|_| Waited::Blind(nobody_asks()))
    }

    /// Asks until it is dropped.
    pub async fn run<T: Target>(&self, target: &T, watch: &dyn Watch) {
        let mut pace = Pace::of(self.seed);
        let mut at_once = false;
        loop {
            let Some((job, delay)) = self.oldest(&mut pace, at_once) else {
                self.changed.notified().await;
                at_once = false;
                continue;
            };
            tokio::time::sleep(delay).await;
            at_once = self.ask(target, watch, &job, &mut pace).await;
            if !at_once {
                self.look(target, watch, &mut pace).await;
            }
        }
    }

    /// Looks how far the org is, where another job would go: has it begun the youngest of ours, or
    /// not even those in the middle?
    async fn look<T: Target>(&self, target: &T, watch: &dyn Watch, pace: &mut Pace) {
        let tells = Duration::from_secs(JOB_TELLS_S);
        if pace.began.is_none_or(|began| began.elapsed() < tells) {
            return;
        }
        tell(watch, self.gate.counts(target.usage().spared));
        // How fast a tenant of Auth0 goes is a matter of calls, and not of jobs.
        let is_told = self.looked.load(Ordering::Relaxed) || target.kind() == "auth0";
        if is_told || !self.gate.is_pressed() {
            return;
        }
        let Some([youngest, middle]) = self.to_look_at() else { return };
        if self.gate.may_grow() && self.has_begun(target, watch, youngest, pace).await {
            tell(watch, self.gate.sees(Sign::AllBegun));
            return;
        }
        self.looked.store(true, Ordering::Relaxed);
        if self.gate.jobs() > JOBS_PARALLEL_START + 1
            && !self.has_begun(target, watch, middle, pace).await
        {
            tell(watch, self.gate.sees(Sign::HalfWait));
        }
    }

    /// The youngest job and the one in the middle, if the youngest is there for long enough to tell
    /// anything; with each, whether it is known to have begun.
    fn to_look_at(&self) -> Option<[(JobId, bool); 2]> {
        let waiting = self.locked();
        let (youngest, middle) = (waiting.back()?, &waiting[waiting.len() / 2]);
        let tells = youngest.since.elapsed() >= Duration::from_secs(JOB_TELLS_S);
        tells.then(|| [youngest, middle].map(|entry| (entry.job.clone(), entry.begun)))
    }

    async fn has_begun<T: Target>(
        &self,
        target: &T,
        watch: &dyn Watch,
        (job, known): (JobId, bool),
        pace: &mut Pace,
    ) -> bool {
        if known || self.ask(target, watch, &job, pace).await {
            return true;
        }
        self.locked().iter().any(|entry| entry.job == job && entry.begun)
    }

    /// The oldest job and how long to leave it alone.
    fn oldest(&self, pace: &mut Pace, at_once: bool) -> Option<(JobId, Duration)> {
        let waiting = self.locked();
        let oldest = waiting.front()?;
        let began = *pace.began.get_or_insert(oldest.since);
        let delay = if at_once {
            Duration::ZERO
        } else if oldest.asked {
            let left = oldest.rows.saturating_sub(oldest.processed);
            let delay = pace.delay(left, oldest.processed, began.elapsed());
            pace.a_little_less(delay)
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
                pace.ended(self.release(job, Waited::Ended(status)));
                true
            }
            Outcome::Done(status) => {
                self.note(job, &status, watch, pace);
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

    /// Tells who waits; returns the rows of the job and since when it was there.
    fn release(&self, job: &JobId, waited: Waited) -> Option<(u64, Instant)> {
        self.looked.store(false, Ordering::Relaxed);
        let mut waiting = self.locked();
        let at = waiting.iter().position(|entry| entry.job == *job)?;
        let entry = waiting.remove(at)?;
        // A chunk that stopped waiting (the run was interrupted) is not told.
        let _told = entry.done.send(waited).is_ok();
        Some((entry.rows, entry.since))
    }

    fn note(&self, job: &JobId, status: &JobStatus, watch: &dyn Watch, pace: &Pace) {
        let mut waiting = self.locked();
        let Some(entry) = waiting.iter_mut().find(|entry| entry.job == *job) else { return };
        entry.asked = true;
        entry.begun = status.state == JobState::InProgress;
        if !entry.begun && pace.is_overdue(entry.ahead, entry.since.elapsed()) {
            let known = std::mem::replace(&mut entry.overdue, true);
            tell(watch, self.gate.sees(Sign::Overdue).filter(|_| !known));
        }
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
    fn of(seed: u32) -> Self {
        let dice = u64::from(seed);
        Self { began: None, rows_done: 0, last_end: None, per_row: None, dice }
    }

    /// A job with so many rows, that was there since then, was found ended.
    fn ended(&mut self, job: Option<(u64, Instant)>) {
        let Some((rows, since)) = job else { return };
        self.rows_done += rows;
        let alone_since = self.last_end.replace(Instant::now()).map_or(since, |end| end.max(since));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let now = alone_since.elapsed().as_secs_f64() / rows.max(1) as f64;
        self.per_row = Some(self.per_row.map_or(now, |before| f64::midpoint(before, now)));
    }

    /// Whether a job behind so many rows of ours should have begun long since: it has waited for
    /// twice as long as they take, and some time more.
    fn is_overdue(&self, ahead: u64, waited: Duration) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let explained = self.per_row.map(|per_row| per_row * ahead as f64);
        explained.is_some_and(|seconds| {
            waited.as_secs_f64() > 2.0 * seconds + Duration::from_secs(QUEUE_GRACE_S).as_secs_f64()
        })
    }

    /// Up to a tenth less, by chance, but never less than the least.
    fn a_little_less(&mut self, delay: Duration) -> Duration {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let less = u32::try_from((self.dice >> 33) % 100).unwrap_or(0);
        (delay / 1_000 * (1_000 - less)).max(Duration::from_millis(POLL_MIN_MS))
    }

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

/// Tells a person, if there is something to tell.
fn tell(watch: &dyn Watch, message: Option<String>) {
    if let Some(message) = message {
        watch.see(&Event::Notice { message });
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
        let pace = Pace { rows_done: 100_000, ..Pace::of(1) };
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

    #[test]
    fn chance_takes_up_to_a_tenth_of_a_wait() {
        let mut pace = Pace::of(7);
        let minute = Duration::from_mins(1);
        let waits: Vec<Duration> = (0..100).map(|_| pace.a_little_less(minute)).collect();
        assert!(waits.iter().all(|wait| (54..=60).contains(&wait.as_secs())), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(56)));
        assert_eq!(pace.a_little_less(Duration::from_millis(501)).as_millis(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_overdue_when_those_before_it_do_not_explain_its_wait() {
        let mut pace = Pace::of(1);
        assert!(!pace.is_overdue(0, Duration::from_hours(1)), "nothing is known yet");
        let began = Instant::now();
        tokio::time::advance(Duration::from_secs(50)).await;
        pace.ended(Some((10_000, began)));
        // 5 ms a row.
        for (ahead, waited_s, overdue) in
            [(0, 30, false), (0, 31, true), (20_000, 230, false), (20_000, 231, true)]
        {
            let waited = Duration::from_secs(waited_s);
            assert_eq!(pace.is_overdue(ahead, waited), overdue, "{ahead} rows, {waited_s} s");
        }
        // The next one had the org for itself only from the end of the first on.
        tokio::time::advance(Duration::from_secs(150)).await;
        pace.ended(Some((10_000, began)));
        assert!((pace.per_row.unwrap() - 0.010).abs() < 1e-9, "{:?}", pace.per_row);
    }
}
