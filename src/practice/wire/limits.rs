//! The org's allowances: what is counted, and what is left.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use serde_json::{Value, json};

use super::reply::{Refusal, Reply};
use super::{Call, Outcome};
use crate::practice::org::QueryScope;
use crate::practice::switches::Switches;

const QUERY_JOBS_A_DAY: u64 = 10_000;

const DAY_MS: i64 = 86_400_000;

/// Counts what is used up; a day after its first count it starts over.
pub(in crate::practice) struct Meter {
    calls_a_day: u64,
    batches_a_day: u64,
    used: Mutex<Used>,
}

#[derive(Default, Clone, Copy)]
struct Used {
    since_ms: i64,
    calls: u64,
    batches: u64,
    query_jobs: u64,
}

impl Meter {
    pub(in crate::practice) fn of(switches: &Switches) -> Self {
        let Switches { calls_a_day, batches_a_day, .. } = *switches;
        Self { calls_a_day, batches_a_day, used: Mutex::default() }
    }

    /// Counts a call; `false` when none is left.
    pub(super) fn take_call(&self, now: i64) -> bool {
        let mut used = self.lock(now);
        let free = used.calls < self.calls_a_day;
        used.calls += u64::from(free);
        free
    }

    /// Counts a batch of 10,000 rows; `false` when none is left.
    pub(in crate::practice) fn take_batch(&self, now: i64) -> bool {
        let mut used = self.lock(now);
        let free = used.batches < self.batches_a_day;
        used.batches += u64::from(free);
        free
    }

    /// Counts a query job; `false` when none is left.
    pub(super) fn take_query_job(&self, now: i64) -> bool {
        let mut used = self.lock(now);
        let free = used.query_jobs < QUERY_JOBS_A_DAY;
        used.query_jobs += u64::from(free);
        free
    }

    /// Leaves so many calls of the day.
    pub(super) fn leave(&self, remaining: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.calls = self.calls_a_day.saturating_sub(remaining);
    }

    /// `Sforce-Limit-Info`.
    pub(super) fn header(&self) -> String {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        format!("api-usage={}/{}", used.calls, self.calls_a_day)
    }

    fn lock(&self, now: i64) -> MutexGuard<'_, Used> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.since_ms == 0 {
            used.since_ms = now;
        } else if now - used.since_ms >= DAY_MS {
            *used = Used { since_ms: now, ..Used::default() };
        }
        used
    }
}

/// `GET /limits`.
pub(super) fn limits(call: &Call<'_>) -> Outcome {
    only_get(call)?;
    let meter = &call.inner.meter;
    let used = *meter.lock(call.inner.clock.now_ms());
    let entry = |max: u64, used: u64| json!({"Max": max, "Remaining": max - used});
    Ok(Reply::ok(json!({
        "DailyApiRequests": entry(meter.calls_a_day, used.calls),
        "DailyAsyncApexExecutions": entry(250_000, 0),
        "DailyBulkApiBatches": entry(meter.batches_a_day, used.batches),
        "DailyBulkV2QueryFileStorageMB": entry(976_562, 0),
        "DailyBulkV2QueryJobs": entry(QUERY_JOBS_A_DAY, used.query_jobs),
        "DataStorageMB": entry(10_240, 0),
        "FileStorageMB": entry(10_240, 0),
        "PermissionSets": {"Max": 1_500, "Remaining": 1_400,
            "CreateCustom": {"Max": 1_000, "Remaining": 900}},
    })))
}

fn only_get(call: &Call<'_>) -> Result<(), Refusal> {
    if call.method == Method::GET { Ok(()) } else { Err(Refusal::method(&call.method)) }
}

/// `GET /limits/recordCount?sObjects=Account,Contact`; objects without records are left out.
pub(super) fn record_count(call: &Call<'_>) -> Outcome {
    only_get(call)?;
    let asked = call.param("sObjects").unwrap_or_default();
    let count = |name: &str| -> Option<Value> {
        let object = call.inner.org.object_name(name.trim())?;
        let soql = format!("SELECT COUNT() FROM {object}");
        let cursor = call.inner.org.cursor(&soql, QueryScope::Live).ok()?;
        let count = cursor.count_only().unwrap_or(cursor.len() as u64);
        (count > 0).then(|| json!({"count": count, "name": object}))
    };
    let all: Vec<Value> = asked.split(',').filter_map(count).collect();
    Ok(Reply::ok(json!({"sObjects": all})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_runs_out_and_comes_back_after_a_day() {
        let switches = Switches::default();
        let meter = Meter::of(&switches);
        assert!((0..switches.batches_a_day).all(|_| meter.take_batch(1)));
        assert!(!meter.take_batch(DAY_MS));
        assert!(meter.take_call(DAY_MS), "each allowance is its own");
        assert!(meter.take_batch(DAY_MS + 1));
        meter.leave(1);
        assert!(meter.take_call(DAY_MS + 1));
        assert!(!meter.take_call(DAY_MS + 1));
        assert_eq!(meter.header(), "api-usage=100000/100000");
    }
}
