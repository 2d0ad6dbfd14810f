//! Turns: a lane has one job at a time, and its chunks go out in their order.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::chunk::Chunk;
use crate::model::limits::CHUNKS_AHEAD;

/// Who goes when.
pub struct Turns {
    slots: Arc<Semaphore>,
    /// Chunks that wait for the one before them in their lane; their number is bounded.
    ahead: Arc<Semaphore>,
    /// By lane, what is told when the last chunk that was queued has had its turn.
    lanes: HashMap<u32, oneshot::Receiver<()>>,
}

/// A chunk that waits for its turn.
pub enum Place {
    /// No lane: the slot is taken already.
    Now(Slot),
    InLane {
        before: Option<oneshot::Receiver<()>>,
        after: oneshot::Sender<()>,
        slots: Arc<Semaphore>,
        ahead: OwnedSemaphorePermit,
    },
}

/// The right to run a job. When it goes, the next one has it, and the next of the lane its turn.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    _lane: Option<oneshot::Sender<()>>,
}

impl Turns {
    /// At most `parallel` jobs at once.
    pub fn new(parallel: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(parallel)),
            ahead: Arc::new(Semaphore::new(CHUNKS_AHEAD)),
            lanes: HashMap::new(),
        }
    }

    /// Queues a chunk. One without a lane has its slot when this returns; one in a lane is behind
    /// all those of its lane that were queued before. `None` when the run breaks down.
    pub async fn queue(&mut self, chunk: &Chunk) -> Option<Place> {
        let Some(window) = chunk.window else {
            let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
            return Some(Place::Now(Slot { _permit: permit, _lane: None }));
        };
        let ahead = Arc::clone(&self.ahead).acquire_owned().await.ok()?;
        let (after, done) = oneshot::channel();
        let before = self.lanes.insert(window.lane, done);
        Some(Place::InLane { before, after, slots: Arc::clone(&self.slots), ahead })
    }
}

impl Place {
    /// Waits for the turn.
    pub async fn turn(self) -> Option<Slot> {
        match self {
            Self::Now(slot) => Some(slot),
            Self::InLane { before, after, slots, ahead } => {
                if let Some(before) = before {
                    // Told or dropped: either way the one before is through with its job.
                    let _through = before.await.is_ok();
                }
                let permit = slots.acquire_owned().await.ok()?;
                drop(ahead);
                Some(Slot { _permit: permit, _lane: Some(after) })
            }
        }
    }
}
