//! The background: threads that take jobs in the order in which they were closed.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::serve::Inner;
use super::{Job, Kind, State, export, load};

/// The jobs that wait, and whether to go on at all.
#[derive(Default)]
pub(in crate::practice) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<String>,
    stopped: bool,
}

impl Queue {
    pub(in crate::practice) fn push(&self, id: String) {
        self.lock().jobs.push_back(id);
        self.changed.notify_one();
    }

    /// Lets the threads end at their next look.
    pub(in crate::practice) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits, but not past the stop.
    pub(super) fn pause(&self, length: Duration) {
        if length.is_zero() {
            return;
        }
        let waited = self.changed.wait_timeout_while(self.lock(), length, |w| !w.stopped);
        drop(waited);
    }

    /// The next job, without waiting for one.
    fn try_pop(&self) -> Option<String> {
        self.lock().jobs.pop_front()
    }

    /// Puts a job back before all others.
    fn put_back(&self, id: String) {
        self.lock().jobs.push_front(id);
    }

    fn pop(&self) -> Option<String> {
        let mut waiting = self.lock();
        loop {
            if waiting.stopped {
                return None;
            }
            if let Some(id) = waiting.jobs.pop_front() {
                return Some(id);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's life: takes jobs until the queue is stopped.
pub(in crate::practice) fn work(inner: &Arc<Inner>) {
    while let Some(id) = inner.jobs.queue.pop() {
        inner.jobs.queue.pause(inner.pace().queued);
        let Some(job) = inner.jobs.get(&id) else { continue };
        work_off(inner, &job);
    }
}

/// Without threads: one step of the oldest job, which is to take it up or to work it off.
///
/// `false` when no job waits.
pub(in crate::practice) fn step(inner: &Arc<Inner>) -> bool {
    let Some(id) = inner.jobs.queue.try_pop() else { return false };
    let Some(job) = inner.jobs.get(&id) else { return true };
    if job.state == State::UploadComplete && job.kind == Kind::Ingest {
        match load::begin(inner, &id) {
            Ok(_) => inner.jobs.queue.put_back(id),
            Err(error) => broken(inner, &id, &error),
        }
        return true;
    }
    work_off(inner, &job);
    true
}

fn work_off(inner: &Arc<Inner>, job: &Job) {
    let done = match job.kind {
        Kind::Ingest => load::load(inner, job),
        Kind::Query => export::export(inner, job),
    };
    if let Err(error) = done {
        broken(inner, &job.id, &error);
    }
}

fn broken(inner: &Inner, id: &str, error: &io::Error) {
    tracing::error!(job = %id, %error, "a practice job broke");
    fail(inner, id, &format!("InternalServerError : {error}"));
}

fn fail(inner: &Inner, id: &str, message: &str) {
    let now = inner.clock.now_ms();
    let failed = inner.jobs.change(id, |job| {
        job.state = State::Failed;
        job.error = Some(message.to_owned());
        job.modified_ms = now;
    });
    if let Err(error) = failed {
        tracing::error!(job = %id, %error, "and its failure could not be kept");
    }
}
