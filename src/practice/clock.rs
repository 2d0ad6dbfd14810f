//! What time it is in the practice org; tests may push it forward.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

/// The org's clock: the machine's or another, plus what a test has added.
pub struct Clock {
    source: Box<dyn Fn() -> i64 + Send + Sync>,
    ahead_ms: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(|| jiff::Timestamp::now().as_millisecond())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now_ms", &self.now_ms()).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock that follows another one, such as the virtual time of a test.
    pub fn of(source: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { source: Box::new(source), ahead_ms: AtomicI64::new(0) }
    }

    /// Milliseconds since 1970 in UTC.
    pub fn now_ms(&self) -> i64 {
        (self.source)() + self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Lets `ms` milliseconds pass at once, so that no test need wait for a job to idle out.
    pub fn advance_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// Spells a time as REST and Bulk API 2.0 do: `2026-11-20T09:00:01.000+0000`, without a colon in
/// the
/// offset.
pub fn spell_ms(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_spelled_without_a_colon_in_the_offset() {
        assert_eq!(spell_ms(1_795_165_201_007), "2026-11-20T09:00:01.007+0000");
    }

    #[test]
    fn the_clock_can_be_pushed_forward() {
        let clock = Clock::default();
        let before = clock.now_ms();
        clock.advance_ms(86_400_000);
        assert!(clock.now_ms() >= before + 86_400_000);
    }
}
