//! The world around a command: environment, folder, streams and time. Tests build their own.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::args::{Color, LogFormat, Manners, Progress};
use super::browser::open;
use super::session::line_of_stdin;
use crate::config::environment::Environment;
use crate::report::bars::Bars;
use crate::report::json::Json;
use crate::report::lines::Lines;
use crate::report::paint::Paint;
use crate::report::{Elapsed, Show, Silent, Sink};

/// Shows an address to the person in front.
pub type Browser = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// What a command may touch.
#[derive(Clone)]
pub struct Shell {
    pub environment: Environment,
    /// The working directory; paths are shown as seen from here.
    pub dir: PathBuf,
    pub out: Sink,
    pub err: Sink,
    pub in_is_terminal: bool,
    pub out_is_terminal: bool,
    pub err_is_terminal: bool,
    /// Reads a line that a person types.
    pub line: Arc<dyn Fn() -> io::Result<String> + Send + Sync>,
    /// Reads a line that is not shown while a person types it.
    pub hidden_line: Arc<dyn Fn() -> io::Result<String> + Send + Sync>,
    /// Shows an address in a browser.
    pub browser: Browser,
    pub elapsed: Elapsed,
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Shell {
    /// The world of this process.
    pub fn of_process() -> Self {
        let start = tokio::time::Instant::now();
        let environment = Environment::from_process();
        let browser = environment.browser().map(str::to_owned);
        Self {
            environment,
            dir: std::env::current_dir().unwrap_or_else(|_| ".".into()),
            out: Arc::new(Mutex::new(io::stdout())),
            err: Arc::new(Mutex::new(io::stderr())),
            in_is_terminal: io::stdin().is_terminal(),
            line: Arc::new(line_of_stdin),
            hidden_line: Arc::new(rpassword::read_password),
            browser: Arc::new(move |address| open(browser.as_deref(), address)),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            elapsed: Arc::new(move || start.elapsed()),
            now: Arc::new(Timestamp::now),
        }
    }

    /// Colors for standard output.
    pub fn out_paint(&self, color: Color) -> Paint {
        self.paint(color, self.out_is_terminal)
    }

    /// Colors for standard error.
    pub fn err_paint(&self, color: Color) -> Paint {
        self.paint(color, self.err_is_terminal)
    }

    fn paint(&self, color: Color, terminal: bool) -> Paint {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !self.is_set("NO_COLOR") && !self.is_dumb(),
        };
        Paint { on }
    }

    fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    fn is_dumb(&self) -> bool {
        self.environment.get("TERM") == Some("dumb")
    }

    /// Who shows a run: bars on a terminal, lines elsewhere, JSON when asked for.
    ///
    /// Bars need the terminal to themselves, so a log on it (`-v`) means lines.
    pub fn show(&self, manners: &Manners, progress: &Progress) -> Arc<dyn Show> {
        let (err, elapsed) = (Arc::clone(&self.err), Arc::clone(&self.elapsed));
        match self.kind(manners, progress) {
            Kind::Silent => Arc::new(Silent),
            Kind::Json => Arc::new(Json::new(err, elapsed)),
            Kind::Bars => Arc::new(Bars::on_stderr(err, elapsed, self.dir.clone())),
            Kind::Lines => Arc::new(Lines::new(err, elapsed, self.dir.clone(), true)),
            Kind::Milestones => Arc::new(Lines::new(err, elapsed, self.dir.clone(), false)),
        }
    }

    fn kind(&self, manners: &Manners, progress: &Progress) -> Kind {
        let eyes = self.err_is_terminal && !self.is_dumb() && !self.is_set("CI");
        if progress.quiet {
            Kind::Silent
        } else if manners.log_format == LogFormat::Json {
            Kind::Json
        } else if progress.no_progress {
            Kind::Milestones
        } else if eyes && manners.verbose == 0 {
            Kind::Bars
        } else {
            Kind::Lines
        }
    }
}

/// A sink as a writer, locked for each write.
#[derive(Clone)]
pub struct Through(pub Sink);

impl Write for Through {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Silent,
    Json,
    Bars,
    Lines,
    Milestones,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::tests::{clock, memory};

    /// What a test shell was told, by stream.
    pub(crate) struct Told {
        pub(crate) out: Arc<Mutex<Vec<u8>>>,
        pub(crate) err: Arc<Mutex<Vec<u8>>>,
    }

    /// A shell without terminals in `dir`, and what is written to it.
    pub(crate) fn shell(dir: &std::path::Path, environment: &[(&str, &str)]) -> (Shell, Told) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let ((out, out_kept), (err, err_kept)) = (memory(), memory());
        let shell = Shell {
            environment: environment.iter().map(own).collect(),
            dir: dir.to_owned(),
            out,
            err,
            in_is_terminal: false,
            line: Arc::new(|| Err(io::Error::other("nobody is there"))),
            hidden_line: Arc::new(|| Err(io::Error::other("nobody is there"))),
            browser: Arc::new(|_| Err(io::Error::other("there is no browser"))),
            out_is_terminal: false,
            err_is_terminal: false,
            elapsed: clock().0,
            now: Arc::new(|| Timestamp::UNIX_EPOCH),
        };
        (shell, Told { out: out_kept, err: err_kept })
    }

    #[test]
    fn the_terminal_the_environment_and_the_flags_decide_what_is_shown() {
        let text = Manners::default();
        let json = Manners { log_format: LogFormat::Json, ..Manners::default() };
        let log = Manners { verbose: 1, ..Manners::default() };
        let all = Progress::default();
        let quiet = Progress { quiet: true, ..all.clone() };
        let none = Progress { no_progress: true, ..all.clone() };
        let cases = [
            (true, ("TERM", "xterm"), &text, &all, Kind::Bars),
            (false, ("TERM", "xterm"), &text, &all, Kind::Lines),
            (true, ("TERM", "dumb"), &text, &all, Kind::Lines),
            (true, ("CI", "true"), &text, &all, Kind::Lines),
            (true, ("CI", ""), &text, &all, Kind::Bars),
            (true, ("A", "b"), &log, &all, Kind::Lines),
            (true, ("A", "b"), &json, &none, Kind::Json),
            (true, ("A", "b"), &text, &none, Kind::Milestones),
            (true, ("A", "b"), &json, &quiet, Kind::Silent),
        ];
        for (terminal, variable, manners, progress, kind) in cases {
            let (mut shell, _told) = shell(std::path::Path::new("/"), &[variable]);
            shell.err_is_terminal = terminal;
            assert_eq!(shell.kind(manners, progress), kind, "{terminal} {variable:?} {manners:?}");
        }
    }

    #[test]
    fn colors_are_for_terminals_that_want_them() {
        for (terminal, variable, color, on) in [
            (true, ("A", "b"), Color::Auto, true),
            (false, ("A", "b"), Color::Auto, false),
            (true, ("NO_COLOR", "1"), Color::Auto, false),
            (true, ("NO_COLOR", ""), Color::Auto, true),
            (true, ("TERM", "dumb"), Color::Auto, false),
            (true, ("NO_COLOR", "1"), Color::Always, true),
            (true, ("A", "b"), Color::Never, false),
        ] {
            let (mut shell, _told) = shell(std::path::Path::new("/"), &[variable]);
            shell.out_is_terminal = terminal;
            assert_eq!(shell.out_paint(color).on, on, "{terminal} {variable:?} {color:?}");
        }
    }
}
