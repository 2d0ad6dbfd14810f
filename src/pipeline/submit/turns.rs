//! Turns: a lane has one job at a time, and its chunks go out in their order.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::gate::{Gate, Pass};
use crate::model::chunk::Chunk;
use crate::model::limits::CHUNKS_AHEAD;

/// Who goes when.
pub struct Turns {
    slots: Slots,
    /// Chunks that wait for the one before them in their lane; their number is bounded.
    ahead: Arc<Semaphore>,
    /// By lane, what is told when the last chunk that was queued has had its turn.
    lanes: HashMap<u32, oneshot::Receiver<()>>,
}

/// The jobs of this run, and those of all runs in the org.
#[derive(Clone)]
pub struct Slots {
    own: Arc<Semaphore>,
    gate: Arc<Gate>,
}

/// A chunk that waits for its turn.
pub enum Place {
    /// No lane: the slot is taken already.
    Now(Slot),
    InLane(Waiting),
}

/// A chunk behind another one of its lane.
pub struct Waiting {
    before: Option<oneshot::Receiver<()>>,
    after: oneshot::Sender<()>,
    slots: Slots,
    ahead: OwnedSemaphorePermit,
}

/// The right to have a job at the far side. When it goes, another chunk has it, and the next one of
/// the lane its turn.
pub struct Slot {
    pass: Pass,
    _own: OwnedSemaphorePermit,
    _lane: Option<oneshot::Sender<()>>,
}

impl Turns {
    /// At most `parallel` jobs at once, and no more than the gate lets in.
    pub fn new(parallel: usize, gate: Arc<Gate>) -> Self {
        Self {
            slots: Slots { own: Arc::new(Semaphore::new(parallel)), gate },
            ahead: Arc::new(Semaphore::new(CHUNKS_AHEAD)),
            lanes: HashMap::new(),
        }
    }

    /// Queues a chunk. One without a lane has its slot when this returns; one in a lane is behind
    /// all those of its lane that were queued before. `None` when the run breaks down.
    pub async fn queue(&mut self, chunk: &Chunk) -> Option<Place> {
        let Some(window) = chunk.window else {
            return self.slots.take(None).await.map(Place::Now);
        };
        let ahead = Arc::clone(&self.ahead).acquire_owned().await.ok()?;
        let (after, done) = oneshot::channel();
        let before = self.lanes.insert(window.lane, done);
        Some(Place::InLane(Waiting { before, after, slots: self.slots.clone(), ahead }))
    }
}

impl Slots {
    /// A place among the jobs of this run, and then among those of all runs in the org.
    async fn take(&self, lane: Option<oneshot::Sender<()>>) -> Option<Slot> {
        let own = Arc::clone(&self.own).acquire_owned().await.ok()?;
        let pass = self.gate.enter().await?;
        Some(Slot { pass, _own: own, _lane: lane })
    }
}

impl Slot {
    /// The job is filled and started; returns the rows of ours that were at the org before it.
    pub fn is_there(&mut self, rows: u64) -> u64 {
        self.pass.is_there(rows)
    }
}

impl Place {
    /// Waits for the turn.
    pub async fn turn(self) -> Option<Slot> {
        let Waiting { before, after, slots, ahead } = match self {
            Self::Now(slot) => return Some(slot),
            Self::InLane(waiting) => waiting,
        };
        if let Some(before) = before {
            // Told or dropped: either way the one before is through with its job.
            let _through = before.await.is_ok();
        }
        let slot = slots.take(Some(after)).await;
        drop(ahead);
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::room::Sign;
    use super::*;
    use crate::model::chunk::{ChunkNumber, Digest, InWindow};

    fn chunk(number: u32, lane: u32) -> Chunk {
        let (first, last) = (ChunkNumber(1), ChunkNumber(1_000));
        Chunk {
            number: ChunkNumber(number),
            rows: 1,
            first_row: 1,
            last_row: 1,
            body: PathBuf::new(),
            body_bytes: 0,
            digest: Digest::of(b""),
            source: PathBuf::new(),
            source_digest: Digest::of(b""),
            window: Some(InWindow { lane, first, last, last_row: 1 }),
        }
    }

    /// What runs now, and what has run, by lane.
    #[derive(Default)]
    struct Seen {
        running: BTreeSet<u32>,
        most: usize,
        ran: BTreeMap<u32, Vec<u32>>,
    }

    /// Every schedule of many: chunks of random lanes last for random times, and some go without a
    /// job. No lane ever has two jobs, the chunks of a lane go in order, and lanes go side by side.
    #[tokio::test(start_paused = true)]
    async fn no_lane_has_two_jobs_whatever_they_last() {
        for seed in 1..=60_u64 {
            let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut roll = |below: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 33) % below
            };
            let (lanes, parallel) = (1 + roll(6), 1 + roll(5));
            let seen = Arc::new(Mutex::new(Seen::default()));
            let gate = Gate::new(8);
            (2..parallel).for_each(|_| drop(gate.sees(Sign::AllBegun)));
            let mut turns = Turns::new(usize::try_from(parallel).unwrap(), gate);
            let mut tasks = tokio::task::JoinSet::new();
            for number in 1..=90 {
                let lane = u32::try_from(roll(lanes)).unwrap();
                let (ms, late) = (roll(50), roll(30));
                let place = turns.queue(&chunk(number, lane)).await.unwrap();
                let seen = Arc::clone(&seen);
                tasks.spawn(async move {
                    // A task may come to wait for its turn long after those behind it.
                    tokio::time::sleep(Duration::from_millis(late)).await;
                    let mut slot = place.turn().await.unwrap();
                    slot.is_there(1);
                    {
                        let mut seen = seen.lock().unwrap();
                        assert!(seen.running.insert(lane), "lane {lane} has two jobs");
                        seen.most = seen.most.max(seen.running.len());
                        seen.ran.entry(lane).or_default().push(number);
                    }
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    seen.lock().unwrap().running.remove(&lane);
                    drop(slot);
                });
            }
            while let Some(task) = tasks.join_next().await {
                task.unwrap();
            }
            let seen = seen.lock().unwrap();
            assert!(seen.ran.values().all(|numbers| numbers.is_sorted()), "seed {seed}");
            assert_eq!(seen.ran.values().map(Vec::len).sum::<usize>(), 90);
            assert!(seen.most <= usize::try_from(parallel).unwrap());
            let most = seen.ran.len().min(usize::try_from(parallel).unwrap());
            assert_eq!(seen.most, most, "lanes go side by side, seed {seed}");
        }
    }
}
