//! The wish to stop, and the failure that stops a run: both shared by all that runs.

use std::sync::{Arc, Mutex, PoisonError};

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::failure::{Blame, Failure};

/// Asked once, seen everywhere, and when. Clones share the wish.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Option<Instant>>);

impl Stop {
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Asks everything to come to an orderly end.
    pub fn ask(&self) {
        self.0
            .send_if_modified(|asked| asked.replace(asked.unwrap_or_else(Instant::now)).is_none());
    }

    pub fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Refuses to go on with what comes before the first row is sent, once the wish is uttered.
    pub fn refuse_to_look_on(&self) -> Result<(), Failure> {
        if !self.is_asked() {
            return Ok(());
        }
        Err(Failure::new(Blame::Interrupted, "interrupted")
            .hint("nothing was sent; the same command begins again"))
    }

    /// Returns when the wish is uttered.
    pub async fn asked(&self) {
        self.asked_at().await;
    }

    /// Returns when the wish is so old. However many calls wait one after the other, all of them
    /// together end then.
    pub async fn asked_for(&self, length: Duration) {
        let at = self.asked_at().await;
        tokio::time::sleep_until(at + length).await;
    }

    async fn asked_at(&self) -> Instant {
        let mut seen = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let at = seen.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        at.unwrap_or_else(Instant::now)
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// The first failure of a run. Clones share it; later failures are consequences and are dropped.
#[derive(Debug, Clone, Default)]
pub struct Halt(Arc<Mutex<Option<Failure>>>);

impl Halt {
    /// No further chunk is started after this.
    pub fn because(&self, failure: Failure) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    /// The message of the failure, if there is one.
    pub fn message(&self) -> Option<String> {
        let halted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halted.as_ref().map(ToString::to_string)
    }

    pub fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_grace_of_a_stop_is_not_begun_anew_by_each_call() {
        let (stop, start) = (Stop::new(), Instant::now());
        stop.ask();
        for _ in 0..3 {
            stop.asked_for(Duration::from_secs(2)).await;
            stop.ask();
        }
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[test]
    fn a_look_ahead_that_is_stopped_says_that_nothing_was_sent() {
        let stop = Stop::new();
        assert!(stop.refuse_to_look_on().is_ok());
        stop.ask();
        let refusal = stop.refuse_to_look_on().unwrap_err();
        assert_eq!((refusal.blame, refusal.message.as_str()), (Blame::Interrupted, "interrupted"));
        assert_eq!(refusal.hints, ["nothing was sent; the same command begins again"]);
    }
}
