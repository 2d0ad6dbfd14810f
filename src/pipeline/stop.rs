//! The wish to stop, and the failure that stops a run: both shared by all that runs.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::failure::Failure;

/// Asked once, seen everywhere. Clones share the wish.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Asks everything to come to an orderly end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the wish is uttered.
    pub async fn asked(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ended = seen.wait_for(|asked| *asked).await.is_ok();
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
