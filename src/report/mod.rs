//! Events for people and for programs: bars, plain lines, JSON, and the last screen.
//!
//! A run is watched by exactly one [`Show`]. Whoever writes is given where to: nothing here opens
//! standard output or standard error, and time comes from outside too, so every screen is a test.

pub mod bars;
pub mod exit;
pub mod figures;
pub mod hand_over;
pub mod json;
pub mod lines;
pub mod milestone;
pub mod paint;
pub mod summary;
pub mod tally;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::pipeline::event::Watch;

/// Where text goes; shared, because the log, the progress and the end all go to one terminal.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Time since the command began.
pub type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A watcher that may hold a part of the screen or something to say later.
pub trait Show: Watch {
    /// Gives the screen back and says what was held back; whatever is seen afterwards is not shown.
    fn close(&self);
}

/// A watcher for `--quiet`: it shows nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Watch for Silent {
    fn see(&self, _event: &crate::pipeline::event::Event) {}
}

impl Show for Silent {
    fn close(&self) {}
}

/// Writes `text` in one go, so that lines of several threads do not mix.
///
/// A reader that went away (`longshore … | head`) is no error.
pub fn say(sink: &Sink, text: &str) -> io::Result<()> {
    let mut writer = sink.lock().unwrap_or_else(PoisonError::into_inner);
    let said = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    match said {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes progress: when nobody can be told, there is nobody to tell that either.
fn mention(sink: &Sink, text: &str) {
    if say(sink, text).is_err() {
        tracing::debug!("Progress could not be written.");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sink that keeps what it is given.
    pub(crate) fn memory() -> (Sink, Arc<Mutex<Vec<u8>>>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        (Arc::clone(&kept) as Sink, kept)
    }

    /// What a [`memory`] sink was given.
    pub(crate) fn text_of(kept: &Arc<Mutex<Vec<u8>>>) -> String {
        String::from_utf8(kept.lock().unwrap().clone()).unwrap()
    }

    /// Long lines in pieces, so that a snapshot of them fits the page.
    pub(crate) fn folded(text: &str) -> String {
        let mut folded = String::new();
        for line in text.lines() {
            let mut width = 0;
            for word in line.split_inclusive(&[' ', ','][..]) {
                if width > 0 && width + word.chars().count() > 84 {
                    folded.truncate(folded.trim_end().len());
                    folded.push_str("\n    ~ ");
                    width = 6;
                }
                folded.push_str(word);
                width += word.chars().count();
            }
            folded.push('\n');
        }
        folded
    }

    /// A clock that the test moves.
    pub(crate) fn clock() -> (Elapsed, Arc<Mutex<Duration>>) {
        let now = Arc::new(Mutex::new(Duration::ZERO));
        let read = Arc::clone(&now);
        (Arc::new(move || *read.lock().unwrap()), now)
    }

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broken_pipe_is_no_error_and_a_full_disk_is() {
        let sink = |kind| Arc::new(Mutex::new(Closed(kind))) as Sink;
        assert!(say(&sink(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(say(&sink(io::ErrorKind::StorageFull), "x").is_err());
    }
}
