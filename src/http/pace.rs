//! How fast calls may go out to one org.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::model::limits;

/// The gate that every call passes.
///
/// The limiter has no queue of its own, so waiting callers stand in that of the lock: first come,
/// first served, and only one of them waits on the limiter. After
/// [`limits::FAILURES_BEFORE_PAUSE`] failures in a row the gate lets one call through every
/// [`limits::PAUSE_S`] seconds until one succeeds.
pub struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    turn: Mutex<()>,
    failures: AtomicU32,
}

impl Pace {
    /// At most `calls_per_second`, which is also the burst.
    pub fn new(calls_per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(calls_per_second);
        let limiter = RateLimiter::direct_with_clock(quota, TokioClock { start: Instant::now() });
        Self { limiter, turn: Mutex::new(()), failures: AtomicU32::new(0) }
    }

    /// Waits for our turn; `paused` is told when the wait is a pause after failures.
    pub async fn turn(&self, paused: impl FnOnce(Duration)) {
        let _turn = self.turn.lock().await;
        if self.failures.load(Ordering::Relaxed) >= limits::FAILURES_BEFORE_PAUSE {
            let pause = Duration::from_secs(limits::PAUSE_S);
            paused(pause);
            tokio::time::sleep(pause).await;
        }
        while let Err(early) = self.limiter.check() {
            let now = TokioClock::now(self.limiter.clock());
            tokio::time::sleep(early.wait_time_from(now)).await;
        }
    }

    /// The far side answered sensibly.
    pub fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// The far side is in trouble.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tokio's time, so that paused tests own it.
#[derive(Debug, Clone)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pace(rate: u32) -> Arc<Pace> {
        Arc::new(Pace::new(NonZeroU32::new(rate).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_calls_at_twenty_a_second() {
        let pace = pace(20);
        let start = Instant::now();
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let pace = Arc::clone(&pace);
                tokio::spawn(async move { pace.turn(|_| ()).await })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        // The first twenty go at once, the other eighty at twenty a second.
        let seconds = start.elapsed().as_secs_f64();
        assert!((3.9..=5.0).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_make_it_probe() {
        let pace = pace(20);
        for _ in 0..limits::FAILURES_BEFORE_PAUSE {
            pace.failed();
        }
        let start = Instant::now();
        let mut told = 0;
        pace.turn(|_| told += 1).await;
        pace.turn(|_| told += 1).await;
        assert_eq!((told, start.elapsed().as_secs()), (2, 60));
        pace.succeeded();
        pace.turn(|_| told += 1).await;
        assert_eq!((told, start.elapsed().as_secs()), (2, 60));
    }
}
