//! How long to wait before a repeat, and whether the run may still afford one.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use super::judge::Cost;
use crate::model::limits;

/// The retry budget of a run and its source of jitter.
///
/// A repeat takes tokens, a success gives one back; with an empty bucket nothing is repeated, so
/// that a service that is down is not hammered.
#[derive(Debug)]
pub struct Backoff {
    tokens: u32,
    random: u64,
}

impl Backoff {
    /// `seed` decides every delay that follows.
    pub fn new(seed: u64) -> Self {
        Self { tokens: limits::RETRY_TOKENS, random: seed }
    }

    /// Takes a repeat from the budget; `false` when there is not enough left.
    pub fn spend(&mut self, cost: Cost) -> bool {
        let price = match cost {
            Cost::Throttled => limits::RETRY_COST_THROTTLED,
            Cost::Other => limits::RETRY_COST_OTHER,
        };
        match self.tokens.checked_sub(price) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// A call succeeded.
    pub fn earn(&mut self) {
        self.tokens = limits::RETRY_TOKENS.min(self.tokens + 1);
    }

    /// The wait before repeat `repeat` (counted from 1): full jitter under a bound that doubles
    /// from [`limits::BACKOFF_BASE_MS`] to [`limits::BACKOFF_CAP_MS`].
    pub fn delay(&mut self, repeat: u32) -> Duration {
        let doubled = limits::BACKOFF_BASE_MS.saturating_mul(1 << repeat.min(20));
        let bound = doubled.min(limits::BACKOFF_CAP_MS);
        Duration::from_millis(self.next() % (bound + 1))
    }

    /// `SplitMix64`: enough to keep clients from moving in step.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What `Retry-After` asks for: seconds or an HTTP date, cut to [`limits::RETRY_AFTER_MAX_S`].
///
/// A date is measured against the far side's own `Date` where it gives one, so a wrong clock here
/// does no harm. Nonsense and negative numbers count as absent. Source: RFC 9110, 10.2.3.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        text.parse().unwrap_or(u64::MAX)
    } else {
        let then = http_date(text)?;
        let theirs =
            headers.get(http::header::DATE).and_then(|date| http_date(date.to_str().ok()?));
        let wait = then.as_second() - theirs.unwrap_or(now).as_second();
        u64::try_from(wait).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds.min(limits::RETRY_AFTER_MAX_S)))
}

/// A date as HTTP writes it.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    zoned.ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_in_both_forms_and_in_none() {
        let now: Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        let date = Some("Fri, 20 Nov 2026 08:00:00 GMT");
        for (text, server_date, seconds) in [
            ("7", None, Some(7)),
            ("0", None, Some(0)),
            ("99999", None, Some(900)),
            ("99999999999999999999999999", None, Some(900)),
            ("-5", None, None),
            ("soon", None, None),
            ("", None, None),
            ("1.5", None, None),
            ("Fri, 20 Nov 2026 09:00:30 GMT", None, Some(30)),
            ("Fri, 20 Nov 2026 08:59:00 GMT", None, Some(0)),
            ("Sat, 20 Nov 2027 09:00:00 GMT", None, Some(900)),
            // Our clock is an hour ahead of theirs: theirs counts.
            ("Fri, 20 Nov 2026 08:00:20 GMT", date, Some(20)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            if let Some(date) = server_date {
                headers.insert(http::header::DATE, HeaderValue::from_static(date));
            }
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text} {server_date:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn delays_stay_under_a_doubling_bound_and_differ() {
        let mut backoff = Backoff::new(7);
        for (repeat, bound) in [(1, 1_000), (2, 2_000), (5, 16_000), (9, 60_000), (60, 60_000)] {
            let delays: Vec<_> = (0..200).map(|_| backoff.delay(repeat)).collect();
            assert!(delays.iter().all(|d| *d <= Duration::from_millis(bound)), "{repeat}");
            assert!(delays.iter().any(|d| *d > Duration::from_millis(bound / 2)), "{repeat}");
            assert!(delays.iter().any(|d| *d < Duration::from_millis(bound / 4)), "{repeat}");
        }
    }

    #[test]
    fn the_budget_ends_and_is_earned_back() {
        let mut backoff = Backoff::new(1);
        let spent = (0..1_000).take_while(|_| backoff.spend(Cost::Throttled)).count();
        assert_eq!(spent, 100);
        for _ in 0..13 {
            backoff.earn();
        }
        assert!(!backoff.spend(Cost::Other));
        backoff.earn();
        assert!(backoff.spend(Cost::Other));
        for _ in 0..2_000 {
            backoff.earn();
        }
        assert_eq!((0..1_000).take_while(|_| backoff.spend(Cost::Other)).count(), 35);
    }
}
