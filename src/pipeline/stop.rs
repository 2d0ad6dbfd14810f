//! The wish to stop, shared by all that runs.

use tokio::sync::watch;

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
