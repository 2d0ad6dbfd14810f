//! The sum of the events so far, and what bars and lines say of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::figures::{bytes, count, counted, percent, rate, time, time_of_calls};
use crate::model::chunk::ChunkNumber;
use crate::model::verdict::Counts;
use crate::pipeline::event::Event;

/// What is known of a run. Its size is that of the jobs in flight, not of the run.
#[derive(Debug, Default)]
pub struct Tally {
    pub rows: u64,
    pub rejected: u64,
    pub unchanged: u64,
    pub bytes: u64,
    pub bytes_total: Option<u64>,
    pub input_ended: bool,
    pub sent: u64,
    pub jobs: u64,
    pub jobs_ended: u64,
    pub settled: Counts,
    pub calls_left: Option<u64>,
    pub exported: Option<(u64, u64)>,
    /// Calls and rows left of the work under way, and the calls a second.
    pub paced: Option<(u64, u64, Option<f64>)>,
    running: BTreeMap<ChunkNumber, (u64, u64)>,
}

impl Tally {
    /// Adds an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Read { rows, rejected, bytes, bytes_total } => {
                (self.rows, self.rejected) = (*rows, *rejected);
                (self.bytes, self.bytes_total) = (*bytes, *bytes_total);
            }
            Event::Unchanged { rows } => self.unchanged = *rows,
            Event::InputEnded { rows, rejected } => {
                (self.rows, self.rejected, self.input_ended) = (*rows, *rejected, true);
            }
            Event::JobStarted { chunk, rows, .. } => {
                self.sent += rows;
                self.jobs += 1;
                self.running.insert(*chunk, (0, 0));
            }
            Event::JobProgress { chunk, processed, failed, .. } => {
                self.running.insert(*chunk, (*processed, *failed));
            }
            Event::JobEnded { .. } => self.jobs_ended += 1,
            Event::Settled { chunk, counts, deferred } => {
                self.running.remove(chunk);
                self.sent = self.sent.saturating_sub(*deferred);
                self.settled.add(*counts);
            }
            Event::Calls { left, .. } => self.calls_left = left.or(self.calls_left),
            Event::Pace { calls_left, rows_left, per_second } => {
                self.paced = Some((*calls_left, *rows_left, *per_second));
            }
            Event::Exported { rows, bytes } => self.exported = Some((*rows, *bytes)),
            Event::Started { .. }
            | Event::Notice { .. }
            | Event::Mapped { .. }
            | Event::Waiting { .. }
            | Event::Ended { .. } => {}
        }
    }

    /// Sent rows whose fate is known, or that the far side says it has worked on.
    pub fn processed(&self) -> u64 {
        let settled = &self.settled;
        let done = settled.success + settled.error + settled.unprocessed + settled.unknown;
        done + self.running.values().map(|(processed, _)| processed).sum::<u64>()
    }

    /// Rows that did not succeed, rejected ones not counted.
    pub fn failed(&self) -> u64 {
        let settled = &self.settled;
        let failed = settled.error + settled.unprocessed + settled.unknown;
        failed + self.running.values().map(|(_, failed)| failed).sum::<u64>()
    }

    /// Rows that will be sent in all: known when the input has ended, before that an estimate.
    pub fn expected(&self) -> Option<u64> {
        let good = self.rows.saturating_sub(self.rejected).saturating_sub(self.unchanged);
        if self.input_ended {
            return Some(good);
        }
        let total = self.bytes_total.filter(|_| self.bytes > 0)?;
        let estimate = u128::from(good) * u128::from(total) / u128::from(self.bytes);
        u64::try_from(estimate).ok().map(|rows| rows.max(good))
    }

    /// How long the rest takes at the pace so far; nothing before there is a pace.
    ///
    /// Where calls are limited, what was saved up goes out at once in the beginning, so not the
    /// rows so far but the calls that are left tell.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        if let Some((calls, rows, per_second)) = self.paced.filter(|(_, rows, _)| *rows > 0) {
            let rest = self.expected()?.saturating_sub(self.processed());
            let all = u128::from(calls) * u128::from(rest.max(rows)) / u128::from(rows);
            return time_of_calls(u64::try_from(all).unwrap_or(u64::MAX), per_second);
        }
        let done = u32::try_from(self.processed()).ok().filter(|done| *done > 0)?;
        let rest = self.expected()?.saturating_sub(u64::from(done));
        let rest = u32::try_from(rest).ok()?;
        Some(elapsed.mul_f64(f64::from(rest) / f64::from(done)))
    }

    /// `3,000 rows, 5 rejected, 12 unchanged`.
    pub fn read_words(&self) -> String {
        let mut words = counted(self.rows, "row");
        if self.rejected > 0 {
            words.push_str(", ");
            words.push_str(&count(self.rejected));
            words.push_str(" rejected");
        }
        if self.unchanged > 0 {
            words.push_str(", ");
            words.push_str(&count(self.unchanged));
            words.push_str(" unchanged");
        }
        words
    }

    /// `1,200 of 3,000 sent in 2 jobs, 12 failed`.
    pub fn processed_words(&self) -> String {
        let done = count(self.processed());
        let sent = count(self.sent);
        let jobs = counted(self.jobs, "job");
        let failed = count(self.failed());
        format!("{done} of {sent} sent in {jobs}, {failed} failed")
    }

    /// `850 rows/s · 3 s left · 14,988 API calls left`.
    pub fn pace_words(&self, elapsed: Duration) -> String {
        let mut parts = vec![rate(self.processed(), elapsed)];
        if let Some(left) = self.left(elapsed) {
            parts.push(format!("{} left", time(left)));
        }
        if let Some(calls) = self.calls_left {
            parts.push(format!("{} API calls left", count(calls)));
        }
        parts.join(" · ")
    }

    /// `12,000 rows, 1.20 MB, 850 rows/s` of an export.
    pub fn export_words(&self, elapsed: Duration) -> Option<String> {
        let (rows, size) = self.exported?;
        let words = format!("{}, {}, {}", counted(rows, "row"), bytes(size), rate(rows, elapsed));
        let left = self.paced.and_then(|(calls, _, rate)| time_of_calls(calls, rate));
        Some(left.map_or(words.clone(), |left| format!("{words} · {} left", time(left))))
    }

    /// How much of the input has been read, where its size is known.
    pub fn read_percent(&self) -> Option<u64> {
        if self.input_ended {
            return Some(100);
        }
        self.bytes_total.map(|total| percent(self.bytes, total))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::ids::JobId;

    /// Two jobs of 1,000 rows, the first settled and the second half-way, 5 rows rejected.
    pub(crate) fn half_way() -> Vec<Event> {
        let job = |last: char| JobId::parse(&format!("7508c00000Qk3TbAA{last}")).unwrap();
        let (one, two) = (ChunkNumber(1), ChunkNumber(2));
        let counts = Counts { input: 1000, success: 990, error: 10, ..Counts::default() };
        vec![
            Event::Read { rows: 1200, rejected: 5, bytes: 60_000, bytes_total: Some(150_000) },
            Event::JobStarted { chunk: one, job: job('J'), rows: 1000, bytes: 50_000 },
            Event::JobStarted { chunk: two, job: job('K'), rows: 1000, bytes: 50_000 },
            Event::JobProgress { chunk: one, job: job('J'), processed: 600, failed: 4 },
            Event::JobEnded {
                chunk: one,
                job: job('J'),
                state: "JobComplete".to_owned(),
                message: None,
            },
            Event::Settled { chunk: one, counts, deferred: 0 },
            Event::JobProgress { chunk: two, job: job('K'), processed: 500, failed: 2 },
            Event::Calls { calls: 12, retries: 0, left: Some(14_988) },
            Event::Calls { calls: 13, retries: 0, left: None },
        ]
    }

    #[test]
    fn rows_are_counted_once_although_progress_and_results_both_tell_of_them() {
        let mut tally = Tally::default();
        for event in &half_way() {
            tally.take(event);
        }
        assert_eq!((tally.sent, tally.processed(), tally.failed()), (2000, 1500, 12));
        assert_eq!(tally.calls_left, Some(14_988));
        assert_eq!(tally.read_percent(), Some(40));
    }

    #[test]
    fn where_calls_are_limited_those_that_are_left_tell_the_time() {
        let mut tally = Tally::default();
        for event in &half_way() {
            tally.take(event);
        }
        tally.take(&Event::InputEnded { rows: 3005, rejected: 5 });
        let ten = Duration::from_secs(10);
        // 500 rows of the running job take 960 calls, so the 1,500 that are left take 2,880.
        for (per_second, left) in [(None, None), (Some(16.0), Some(Duration::from_mins(3)))] {
            tally.take(&Event::Pace { calls_left: 960, rows_left: 500, per_second });
            assert_eq!(tally.left(ten), left);
        }
        let words = tally.pace_words(ten);
        assert_eq!(words, "150 rows/s · 3 min 00 s left · 14,988 API calls left");
        tally.take(&Event::Exported { rows: 40, bytes: 1_000 });
        let words = tally.export_words(ten).unwrap();
        assert_eq!(words, "40 rows, 1.00 kB, 4.0 rows/s · 1 min 00 s left");
    }

    #[test]
    fn what_is_left_follows_from_the_pace() {
        let mut tally = Tally::default();
        assert_eq!(tally.left(Duration::from_secs(1)), None);
        for event in &half_way() {
            tally.take(event);
        }
        assert_eq!(tally.expected(), Some(2987));
        tally.take(&Event::InputEnded { rows: 3005, rejected: 5 });
        assert_eq!(tally.expected(), Some(3000));
        assert_eq!(tally.left(Duration::from_secs(10)), Some(Duration::from_secs(10)));
        assert_eq!(
            tally.pace_words(Duration::from_secs(10)),
            "150 rows/s · 10 s left · 14,988 API calls left"
        );
        // Rows that change nothing are read and never sent.
        tally.take(&Event::Unchanged { rows: 1_200 });
        assert_eq!(tally.expected(), Some(1800));
        assert_eq!(tally.read_words(), "3,005 rows, 5 rejected, 1,200 unchanged");
    }
}
