//! Plain lines, for where there is no terminal: a log file, a CI job, a pipe.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::milestone;
use super::tally::Tally;
use super::{Elapsed, Show, Sink, mention};
use crate::pipeline::event::{Event, Watch};

/// Between two lines of mere progress, at least.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Writes a line for each milestone, and one of progress when something changed, at most every
/// [`PAUSE`].
pub struct Lines {
    sink: Sink,
    elapsed: Elapsed,
    base: PathBuf,
    /// Whether progress is shown, and not only milestones.
    progress: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tally: Tally,
    said: String,
    said_at: Duration,
    closed: bool,
}

impl Lines {
    /// Lines to `sink`, with paths as seen from `base`.
    pub fn new(sink: Sink, elapsed: Elapsed, base: PathBuf, progress: bool) -> Self {
        Self { sink, elapsed, base, progress, state: Mutex::default() }
    }
}

impl Watch for Lines {
    fn see(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        state.tally.take(event);
        if let Some(words) = milestone::words(event, &self.base) {
            mention(&self.sink, &format!("{words}\n"));
        }
        if self.progress {
            let now = (self.elapsed)();
            if let Some(line) = state.due(now) {
                mention(&self.sink, &format!("{line}\n"));
            }
        }
    }
}

impl Show for Lines {
    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}

impl State {
    /// The line to write now, if one is due and says something new.
    fn due(&mut self, now: Duration) -> Option<String> {
        if now < self.said_at + PAUSE {
            return None;
        }
        let words = self.words()?;
        if words == self.said {
            return None;
        }
        self.said_at = now;
        self.said.clone_from(&words);
        Some(match self.tally.exported {
            Some(_) => self.tally.export_words(now)?,
            None => format!("{words}; {}", self.tally.pace_words(now)),
        })
    }

    /// What counts as news: everything but the passing of time.
    fn words(&self) -> Option<String> {
        if let Some((rows, bytes)) = self.tally.exported {
            return Some(format!("{rows} {bytes}"));
        }
        if self.tally.rows == 0 {
            return None;
        }
        Some(format!("read {}; {}", self.tally.read_words(), self.tally.processed_words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tally::tests::half_way;
    use crate::report::tests::{clock, folded, memory, text_of};

    fn watched(progress: bool, play: impl Fn(&Lines, &Mutex<Duration>)) -> String {
        let (sink, kept) = memory();
        let (elapsed, now) = clock();
        let lines = Lines::new(sink, elapsed, "/srv/ada".into(), progress);
        play(&lines, &now);
        text_of(&kept)
    }

    #[test]
    fn a_line_comes_when_something_changed_and_ten_seconds_have_passed() {
        let text = watched(true, |lines, now| {
            lines.see(&milestone::tests::started());
            for (event, second) in half_way().iter().zip([1, 2, 11, 12, 13, 14, 15, 16, 30]) {
                *now.lock().unwrap() = Duration::from_secs(second);
                lines.see(event);
            }
            *now.lock().unwrap() = Duration::from_mins(1);
            lines.see(&Event::Calls { calls: 14, retries: 0, left: Some(14_000) });
        });
        insta::assert_snapshot!(folded(&text), @"
        insert PermissionSetAssignment with assignments.csv
        org `practice` (Practice Org, 00D000000000001EAA, sandbox) as
            ~ `admin@practice.example`
        run 19700101-000000-haaa in longshore-runs/19700101-000000-haaa
        read 1,200 rows, 5 rejected; 0 of 2,000 sent in 2 jobs, 0 failed; 0.0 rows/s
        read 1,200 rows, 5 rejected; 1,500 of 2,000 sent in 2 jobs, 12 failed; 50 rows/s ·
            ~ 30 s left · 14,988 API calls left
        ");
    }

    #[test]
    fn without_progress_only_milestones_are_told() {
        let text = watched(false, |lines, now| {
            *now.lock().unwrap() = Duration::from_mins(1);
            for event in &half_way() {
                lines.see(event);
            }
            let reason = "`https://x.my.salesforce.com` asked for it".to_owned();
            lines.see(&Event::Waiting { reason, seconds: 12.0 });
            lines.close();
            lines.see(&Event::Notice { message: "too late".to_owned() });
        });
        assert_eq!(text, "waiting 12 s: `https://x.my.salesforce.com` asked for it\n");
    }

    #[test]
    fn an_export_tells_rows_bytes_and_pace() {
        let text = watched(true, |lines, now| {
            *now.lock().unwrap() = Duration::from_secs(20);
            lines.see(&Event::Exported { rows: 12_000, bytes: 1_200_000 });
            *now.lock().unwrap() = Duration::from_secs(40);
            lines.see(&Event::Exported { rows: 12_000, bytes: 1_200_000 });
        });
        assert_eq!(text, "12,000 rows, 1.20 MB, 600 rows/s\n");
    }
}
