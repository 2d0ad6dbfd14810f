//! The block at the bottom of a terminal: two bars, the pace, and the last notice.
//!
//! Nothing is ever printed through the block, because lines that scroll between two redraws leave
//! ghosts of it behind. What has to stay on the screen is said before the block appears or after it
//! is gone.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::figures::shorten;
use super::milestone;
use super::tally::Tally;
use super::{Elapsed, Show, Sink, mention};
use crate::pipeline::event::{Event, Watch};

/// Redraws a second, at most.
const REDRAWS: u8 = 10;

/// Notices that are held for the end; more than these are counted only.
const HELD: usize = 20;

/// Characters of a notice that the block shows.
const NOTICE_WIDTH: usize = 100;

/// Progress bars on a terminal, at most four lines.
pub struct Bars {
    sink: Sink,
    elapsed: Elapsed,
    base: PathBuf,
    block: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tally: Tally,
    lines: Option<BlockLines>,
    held: Vec<String>,
    dropped: u64,
    closed: bool,
}

/// The lines of the block, from the top.
struct BlockLines {
    /// Of a load: read and processed.
    bars: Option<(ProgressBar, ProgressBar)>,
    pace: ProgressBar,
    notice: Option<ProgressBar>,
}

impl Bars {
    /// Bars on standard error; `sink` is standard error too and gets what has to stay.
    pub fn on_stderr(sink: Sink, elapsed: Elapsed, base: PathBuf) -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(REDRAWS), sink, elapsed, base)
    }

    /// Bars on any terminal.
    pub fn on_terminal(
        terminal: Box<dyn TermLike>,
        sink: Sink,
        elapsed: Elapsed,
        base: PathBuf,
    ) -> Self {
        Self::on(ProgressDrawTarget::term_like_with_hz(terminal, REDRAWS), sink, elapsed, base)
    }

    fn on(target: ProgressDrawTarget, sink: Sink, elapsed: Elapsed, base: PathBuf) -> Self {
        let block = MultiProgress::with_draw_target(target);
        Self { sink, elapsed, base, block, state: Mutex::default() }
    }

    fn draw(&self, state: &mut State) {
        let tally = &state.tally;
        let now = (self.elapsed)();
        let load = tally.rows > 0;
        let lines = state.lines.get_or_insert_with(|| BlockLines::new(&self.block, load));
        if let Some(words) = tally.export_words(now) {
            lines.pace.set_message(words);
            return;
        }
        let Some((read, processed)) = &lines.bars else { return };
        if let Some(percent) = tally.read_percent() {
            read.set_length(100);
            read.set_position(percent);
        }
        read.set_message(tally.read_words());
        if let Some(expected) = tally.expected() {
            processed.set_length(expected);
            processed.set_position(tally.processed());
        }
        processed.set_message(tally.processed_words());
        lines.pace.set_message(tally.pace_words(now));
    }

    fn keep(&self, state: &mut State, words: String) {
        if let Some(lines) = &mut state.lines {
            let notice = lines.notice.get_or_insert_with(|| line(&self.block));
            notice.set_message(shorten(&words.replace('\n', " "), NOTICE_WIDTH));
        }
        if state.held.len() < HELD {
            state.held.push(words);
        } else {
            state.dropped += 1;
        }
    }
}

impl Watch for Bars {
    fn see(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        state.tally.take(event);
        match milestone::words(event, &self.base) {
            // The block is not there yet, so this may scroll.
            Some(words) if state.lines.is_none() => mention(&self.sink, &format!("{words}\n")),
            Some(words) => self.keep(&mut state, words),
            // An empty block would be in the way of the first lines.
            None if state.tally.rows == 0 && state.tally.exported.is_none() => {}
            None => self.draw(&mut state),
        }
    }
}

impl Show for Bars {
    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        state.closed = true;
        if let Some(lines) = state.lines.take() {
            lines.each().for_each(ProgressBar::finish_and_clear);
        }
        for words in &state.held {
            mention(&self.sink, &format!("{words}\n"));
        }
        if state.dropped > 0 {
            mention(&self.sink, &format!("and {} more notices\n", state.dropped));
        }
    }
}

impl BlockLines {
    fn new(block: &MultiProgress, load: bool) -> Self {
        let bars = load.then(|| (bar(block, "read"), bar(block, "processed")));
        Self { bars, pace: line(block), notice: None }
    }

    fn each(&self) -> impl Iterator<Item = &ProgressBar> {
        let bars = self.bars.iter().flat_map(|(read, processed)| [read, processed]);
        bars.chain([&self.pace]).chain(&self.notice)
    }
}

/// A bar with its name before it and its figures behind it; without a length, no bar.
fn bar(block: &MultiProgress, name: &'static str) -> ProgressBar {
    let bar = block.add(ProgressBar::new(1));
    let style = ProgressStyle::with_template("{prefix:9} {bar:24} {percent:>3} %  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━╸ "));
    bar.set_prefix(name);
    bar
}

/// A line without a bar, set in like the figures.
fn line(block: &MultiProgress) -> ProgressBar {
    let line = block.add(ProgressBar::no_length());
    let style = ProgressStyle::with_template("          {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    line.set_style(style);
    line
}

#[cfg(test)]
mod tests;
