//! What is told of a step while others run beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::verdict::Counts;
use crate::pipeline::event::{Event, Watch};

/// Between two words on the rows of a step.
const TELL: Duration = Duration::from_secs(5);

/// Tells what a step does by its id, a line at a time: the chunks of steps side by side have the
/// same numbers, so they are not passed on.
pub struct Teller {
    id: String,
    watch: Arc<dyn Watch>,
    so_far: Mutex<(Counts, Option<Instant>)>,
}

impl Teller {
    pub fn of(id: &str, watch: Arc<dyn Watch>) -> Self {
        Self { id: id.to_owned(), watch, so_far: Mutex::default() }
    }

    fn tell(&self, message: &str) {
        self.watch.see(&Event::Notice { message: format!("{}: {message}", self.id) });
    }

    /// Rows that have ended, now and then.
    fn settled(&self, counts: Counts) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        so_far.0.add(counts);
        let told = so_far.1.get_or_insert_with(Instant::now);
        if told.elapsed() < TELL {
            return;
        }
        *told = Instant::now();
        let Counts { input, success, .. } = so_far.0;
        drop(so_far);
        self.tell(&format!("{input} rows have ended, {success} of them succeeded"));
    }
}

impl Watch for Teller {
    fn see(&self, event: &Event) {
        match event {
            Event::Notice { message } => self.tell(message),
            Event::Started { operation, object, .. } => {
                self.tell(&format!("{operation} of `{object}` begins"));
            }
            Event::Waiting { reason, seconds } => {
                let reason = format!("{}: {reason}", self.id);
                self.watch.see(&Event::Waiting { reason, seconds: *seconds });
            }
            Event::Settled { counts, .. } => self.settled(*counts),
            calls @ Event::Calls { .. } => self.watch.see(calls),
            Event::Mapped { .. }
            | Event::Read { .. }
            | Event::Unchanged { .. }
            | Event::InputEnded { .. }
            | Event::JobStarted { .. }
            | Event::JobProgress { .. }
            | Event::JobEnded { .. }
            | Event::Pace { .. }
            | Event::Exported { .. }
            | Event::Ended { .. } => {}
        }
    }
}

/// Passes on what must be known of a step that is only worked out, and no progress.
pub struct Quietly(pub Teller);

impl Watch for Quietly {
    fn see(&self, event: &Event) {
        if matches!(event, Event::Notice { .. } | Event::Waiting { .. }) {
            self.0.see(event);
        }
    }
}
