//! How fast calls may go out: a state machine without I/O that learns from what a tenant says of
//! its limits.
//!
//! A tenant has buckets of tokens. Each answer tells the size of its bucket, what remains, and a
//! reset: the moment the bucket is full again (drip) or gets its next lot (fixed window). Which of
//! the two, and how fast tokens come, is not told. So what remains, by the newest answer, is taken
//! for the truth; calls in flight are counted as taken; and what has come since is estimated by the
//! rate that was seen over the last seconds. An estimate that is wrong is corrected by the next
//! answer, so the pace follows either kind of bucket, and follows what other programs leave over.
//!
//! A fifth of each bucket is left for the log-ins of the tenant. That is a floor under what
//! remains and takes nothing from the sustained rate.

use std::collections::BTreeMap;
use std::time::Duration;

/// The share of a bucket that is left to others.
const RESERVE: f64 = 0.2;

/// Without a call for this long after a refusal, at least. Source: reference page on Auth0, 4.5.
const FREEZE_MIN: Duration = Duration::from_millis(250);

/// Seconds over which the rate is measured.
const MEASURE: Duration = Duration::from_secs(4);

/// Between two looks at an estimate, at least and at most.
const WAIT_MIN: Duration = Duration::from_millis(5);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Calls in flight at most, whatever the tenant allows. Source: 250 calls a second of 0.18 s each
/// are about 45; reference page on Auth0, 4.5.
const IN_FLIGHT_MAX: f64 = 80.0;

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Until the reset, by the far side's own clock.
    pub(super) reset_in: Duration,
}

/// How a call came back, as far as the pace cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CameBack {
    /// `None` when the answer was lost.
    pub(super) status: Option<u16>,
    pub(super) reading: Option<Reading>,
    pub(super) retry_after: Option<Duration>,
}

/// The right to send one call; it is given back with [`Limiter::answered`].
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    sent: Duration,
    class: String,
    bucket: Option<u32>,
    /// Nothing was known of its class.
    first: bool,
}

/// All buckets of a tenant. Times are those of one monotonic clock that the caller keeps.
#[derive(Debug)]
pub(super) struct Limiter {
    /// By their size: endpoints with one size are taken to share a bucket.
    buckets: BTreeMap<u32, Bucket>,
    /// The bucket of each class of calls; `None` for one whose answers name no limit.
    classes: BTreeMap<String, Option<u32>>,
    frozen_until: Duration,
    tickets: u64,
    in_flight: u32,
    /// Calls of classes that nothing is known of yet; they go out one by one.
    unknown: u32,
    /// Calls that may be in flight.
    window: f64,
    /// Seconds that a call takes, smoothed.
    latency: f64,
    refused: u64,
}

#[derive(Debug)]
struct Bucket {
    limit: f64,
    remaining: f64,
    /// When, and by which call, that was said.
    seen: Duration,
    by: u64,
    /// When the far side promised tokens.
    reset: Duration,
    in_flight: u32,
    /// An estimate has cost a refusal: tokens come in lots, so an empty bucket waits for the reset.
    in_lots: bool,
    /// Tokens a second that come for us.
    rate: f64,
    measure: Measure,
    answered: u64,
    /// Calls a second that were kept up, or could have been, over the last measurements.
    kept_up: Option<f64>,
}

/// The beginning of a measurement.
#[derive(Debug)]
struct Measure {
    at: Duration,
    remaining: f64,
    answered: u64,
    /// The bucket was full on the way, so more may have come than was seen.
    full: bool,
}

impl Limiter {
    pub(super) fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
            classes: BTreeMap::new(),
            frozen_until: Duration::ZERO,
            tickets: 0,
            in_flight: 0,
            unknown: 0,
            window: 2.0,
            latency: 0.3,
            refused: 0,
        }
    }

    /// The right to send a call of this class now, or how long to wait before asking again; an
    /// answer that comes earlier may change that.
    pub(super) fn take(&mut self, class: &str, now: Duration) -> Result<Ticket, Duration> {
        if now < self.frozen_until {
            return Err(self.frozen_until.saturating_sub(now));
        }
        if f64::from(self.in_flight) >= self.window.floor() {
            return Err(WAIT_MAX);
        }
        let known = self.classes.get(class).copied();
        match known {
            None if self.unknown > 0 => return Err(WAIT_MAX),
            None => self.unknown += 1,
            Some(None) => {}
            Some(Some(limit)) => {
                if let Some(bucket) = self.buckets.get_mut(&limit) {
                    bucket.check(now)?;
                    bucket.in_flight += 1;
                }
            }
        }
        self.in_flight += 1;
        self.tickets += 1;
        let bucket = known.flatten();
        let first = known.is_none();
        Ok(Ticket { number: self.tickets, sent: now, class: class.to_owned(), bucket, first })
    }

    /// A call came back, or was given up.
    pub(super) fn answered(&mut self, ticket: &Ticket, now: Duration, back: CameBack) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(bucket) = ticket.bucket.and_then(|limit| self.buckets.get_mut(&limit)) {
            bucket.in_flight = bucket.in_flight.saturating_sub(1);
        }
        if ticket.first {
            self.unknown = self.unknown.saturating_sub(1);
        }
        self.learn(ticket, now, back);
        match back.status {
            Some(429) => self.freeze(ticket, now, back),
            Some(status) if status < 500 => self.widen(ticket, now),
            Some(_) | None => self.window = (self.window * 0.7).max(1.0),
        }
    }

    /// Whether anything limits the calls.
    pub(super) fn is_limited(&self) -> bool {
        !self.buckets.is_empty()
    }

    /// Calls a second that can be kept up, by what was seen; `None` until a bucket was measured.
    pub(super) fn per_second(&self) -> Option<f64> {
        let known = self.buckets.values().filter_map(|bucket| bucket.kept_up);
        known.reduce(|all, one| all + one)
    }

    /// Calls that were answered with 429.
    #[cfg(test)]
    fn refused(&self) -> u64 {
        self.refused
    }

    fn learn(&mut self, ticket: &Ticket, now: Duration, back: CameBack) {
        let Some(reading) = back.reading else {
            // Errors carry no such headers, so only a success tells that there is no limit.
            if back.status.is_some_and(|status| status < 300) {
                self.classes.entry(ticket.class.clone()).or_insert(None);
            }
            return;
        };
        self.classes.insert(ticket.class.clone(), Some(reading.limit));
        match self.buckets.get_mut(&reading.limit) {
            Some(bucket) => bucket.learn(ticket, now, reading),
            None => drop(self.buckets.insert(reading.limit, Bucket::new(ticket, now, reading))),
        }
    }

    /// Everybody waits: until the far side says, or until there should be tokens above the
    /// reserve.
    fn freeze(&mut self, ticket: &Ticket, now: Duration, back: CameBack) {
        self.refused += 1;
        self.window = (self.window / 2.0).max(1.0);
        let limit = back.reading.map(|reading| reading.limit).or(ticket.bucket);
        let mut own = Duration::from_secs(1);
        if let Some(bucket) = limit.and_then(|limit| self.buckets.get_mut(&limit)) {
            // Those that were in flight with this one are refused too and halve nothing more.
            if now >= self.frozen_until {
                bucket.rate = (bucket.rate / 2.0).max(0.1);
            }
            bucket.in_lots |= ticket.bucket.is_some();
            bucket.remaining = 0.0;
            (bucket.seen, bucket.by) = (now, ticket.number);
            let refill = Duration::from_secs_f64((bucket.reserve() + 1.0) / bucket.rate);
            own = refill.min(bucket.reset.saturating_sub(now).max(FREEZE_MIN));
        }
        let wait = back.retry_after.unwrap_or(own).max(FREEZE_MIN);
        // Up to a tenth more, so that two programs do not come back at the same moment.
        let jitter = wait.mul_f64(f64::from(u32::try_from(ticket.number % 8).unwrap_or(0)) / 80.0);
        self.frozen_until = self.frozen_until.max(now + wait + jitter);
    }

    /// As many calls in flight as the rate and their length ask for, and some to spare.
    fn widen(&mut self, ticket: &Ticket, now: Duration) {
        let took = now.saturating_sub(ticket.sent).as_secs_f64();
        self.latency = self.latency.mul_add(0.8, took * 0.2);
        let rate = self.buckets.values().map(|bucket| bucket.rate).fold(10.0, f64::max);
        let wanted = (rate * self.latency).mul_add(2.0, 3.0).min(IN_FLIGHT_MAX);
        self.window = (self.window + 1.0 / self.window).min(wanted);
    }
}

impl Bucket {
    fn new(ticket: &Ticket, now: Duration, reading: Reading) -> Self {
        let (limit, remaining) = (f64::from(reading.limit), f64::from(reading.remaining));
        let reset = reading.reset_in.as_secs_f64().max(1.0);
        Self {
            limit,
            remaining,
            seen: now,
            by: ticket.number,
            reset: now + reading.reset_in,
            in_flight: 0,
            in_lots: false,
            // As if the reset were the moment at which it is full; measured soon.
            rate: ((limit - remaining) / reset).max(1.0),
            measure: Measure { at: now, remaining, answered: 1, full: false },
            answered: 1,
            kept_up: None,
        }
    }

    /// Tokens that others are to find.
    fn reserve(&self) -> f64 {
        (self.limit * RESERVE).floor()
    }

    /// Whether one more may go.
    fn check(&self, now: Duration) -> Result<(), Duration> {
        let free = self.remaining - f64::from(self.in_flight);
        let since = now.saturating_sub(self.seen).as_secs_f64();
        let come = self.rate.mul_add(since, free).min(self.limit);
        let lacking = self.reserve() + 1.0 - come;
        // Nothing is left, so an estimate that is too high would cost a refusal.
        let promised = if self.in_lots && free < 1.0 && self.in_flight == 0 {
            let wait = self.reset.saturating_sub(now);
            if wait <= Duration::from_secs(2) { wait } else { Duration::ZERO }
        } else {
            Duration::ZERO
        };
        if lacking <= 0.0 && promised.is_zero() {
            return Ok(());
        }
        let wait = Duration::from_secs_f64(lacking.max(0.0) / self.rate).max(promised);
        Err(wait.clamp(WAIT_MIN, WAIT_MAX))
    }

    fn learn(&mut self, ticket: &Ticket, now: Duration, reading: Reading) {
        let remaining = f64::from(reading.remaining);
        self.answered += 1;
        // An answer that was overtaken by a later call's tells nothing new, unless it is worse.
        if ticket.number < self.by && remaining >= self.remaining {
            return;
        }
        self.remaining = remaining;
        (self.seen, self.by) = (now, self.by.max(ticket.number));
        self.reset = now + reading.reset_in;
        self.measure.full |= remaining + 1.0 >= self.limit;
        let passed = now.saturating_sub(self.measure.at);
        if passed < MEASURE {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
        let calls = (self.answered - self.measure.answered) as f64;
        let come = (remaining - self.measure.remaining + calls).max(0.0);
        let rate = (come / passed.as_secs_f64()).max(0.1);
        // What was saved up goes out at once and says nothing of what can be kept up; and where
        // calls take long, the tokens that come are not what limits them.
        let made = calls / passed.as_secs_f64();
        let kept_up = if self.measure.full { made } else { made.min(rate) };
        self.kept_up = Some(self.kept_up.map_or(kept_up, |known| f64::midpoint(known, kept_up)));
        self.rate =
            if self.measure.full { self.rate.max(rate) } else { f64::midpoint(self.rate, rate) };
        self.measure = Measure { at: now, remaining, answered: self.answered, full: false };
    }
}

#[cfg(test)]
mod tests;
