//! A session: one run under way, shown to a person who can stop it and be asked.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::args::{Manners, Progress};
use super::commands::{print, tell};
use super::org::{self, Choice};
use super::shell::Shell;
use super::{failure, signals};
use crate::model::failure::{Blame, Failure};
use crate::pipeline::assent::{Always, Assent, Never};
use crate::pipeline::event::{Event, Status, Summary, Watch};
use crate::pipeline::run::{Seed, Tools};
use crate::pipeline::stop::Stop;
use crate::report::{Show, summary};
use crate::target::any::AnyTarget;

const BEFORE_SENDING: &str = "interrupted before anything was sent";

/// What a run has of the world; ends with [`Session::end`].
pub struct Session<'a> {
    shell: &'a Shell,
    manners: &'a Manners,
    progress: &'a Progress,
    show: Arc<dyn Show>,
    stop: Stop,
}

/// Who answers when there is a doubt.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// `--yes`.
    pub yes: bool,
    /// Standard input is the file that is loaded.
    pub input_is_stdin: bool,
}

impl<'a> Session<'a> {
    pub fn begin(shell: &'a Shell, manners: &'a Manners, progress: &'a Progress) -> Self {
        let show = shell.show(manners, progress);
        Self { shell, manners, progress, show, stop: Stop::new() }
    }

    /// Lets the first Ctrl-C ask for an orderly end, and says so where the run is shown.
    pub fn listen(&self) -> Result<(), Failure> {
        listen(&self.stop, &self.show)
    }

    /// Tells something where the run is shown.
    pub fn see(&self, event: &Event) {
        self.show.see(event);
    }

    /// Signs in, unless somebody stops it.
    pub async fn connect(&self, choice: Choice) -> Result<Arc<AnyTarget>, Failure> {
        let watch: Arc<dyn Watch> = Arc::clone(&self.show) as Arc<dyn Watch>;
        tokio::select! {
            target = org::connect(choice, self.shell, watch) => target,
            () = self.stop.asked() => Err(signals::interrupted(BEFORE_SENDING)),
        }
    }

    pub fn tools(&self, asking: Asking) -> Tools {
        Tools {
            watch: Arc::clone(&self.show) as Arc<dyn Watch>,
            stop: self.stop.clone(),
            assent: assent(self.shell, self.manners, asking),
            seed: Seed { started: (self.shell.now)(), random: low_half(org::random()) },
        }
    }

    /// Does `work`, but not for long after a wish to stop.
    pub async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        signals::within(&self.stop, work).await
    }

    /// The last screen or the document, and the exit code. `refused` makes the document of a run
    /// that was refused, so that a script always gets one.
    pub fn end(
        self,
        result: Result<Summary, Failure>,
        refused: impl FnOnce(&Failure) -> Summary,
    ) -> Result<u8, Failure> {
        self.show.close();
        match result {
            Ok(summary) => {
                self.tell(&summary)?;
                Ok(summary.exit_code)
            }
            Err(failure) => {
                if self.manners.json {
                    print(&self.shell.out, &summary::document(&refused(&failure)))?;
                }
                Err(failure)
            }
        }
    }

    /// Ends the showing of a command that has a last word of its own.
    pub fn close(self) {
        self.show.close();
    }

    fn tell(&self, summary: &Summary) -> Result<(), Failure> {
        if self.manners.json {
            return print(&self.shell.out, &summary::document(summary));
        }
        if self.progress.quiet && summary.status == Status::Succeeded {
            return Ok(());
        }
        let paint = self.shell.out_paint(self.manners.color);
        print(&self.shell.out, &summary::screen(summary, &self.shell.dir, paint))
    }
}

/// Lets the first Ctrl-C ask `stop`, and says so where the run is shown.
pub fn listen(stop: &Stop, show: &Arc<dyn Show>) -> Result<(), Failure> {
    let told = Arc::clone(show);
    let tell = move || {
        let message = "interrupted: nothing new is started, and what runs is noted; once more \
                       ends at once";
        told.see(&Event::Notice { message: message.to_owned() });
    };
    signals::listen(stop.clone(), tell)
        .map_err(|error| Failure::new(Blame::Run, format!("cannot listen to signals: {error}")))
}

fn assent(shell: &Shell, manners: &Manners, asking: Asking) -> Arc<dyn Assent> {
    if asking.yes {
        return Arc::new(Always);
    }
    let asked = shell.in_is_terminal && shell.err_is_terminal && !asking.input_is_stdin;
    if asked && !manners.json {
        return Arc::new(Terminal { shell: shell.clone(), color: manners.color });
    }
    Arc::new(Never)
}

/// Asks the person in front.
struct Terminal {
    shell: Shell,
    color: super::args::Color,
}

impl Assent for Terminal {
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        let question = failure::question(&doubt, self.shell.err_paint(self.color));
        tell(&self.shell, &question);
        if (self.shell.line)().is_ok_and(|line| is_yes(&line)) { Ok(()) } else { Err(doubt) }
    }
}

/// Reads one line of standard input.
pub fn line_of_stdin() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn low_half(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shell::tests::shell;

    /// Whether a doubt is passed, with these terminals and this answer, and what was said.
    fn passed(terminals: bool, asking: Asking, answer: &'static str) -> (bool, String) {
        let (mut shell, told) = shell(std::path::Path::new("/"), &[("NO_COLOR", "1")]);
        (shell.in_is_terminal, shell.err_is_terminal) = (terminals, terminals);
        shell.line = Arc::new(move || Ok(answer.to_owned()));
        let doubt = Failure::new(Blame::Guard, "this very load was started before")
            .hint("`--yes` sends all the rows once more");
        let passed = assent(&shell, &Manners::default(), asking).to(doubt).is_ok();
        let said = told.err.lock().unwrap().clone();
        (passed, String::from_utf8(said).unwrap())
    }

    #[test]
    fn a_doubt_is_asked_about_only_where_somebody_can_answer() {
        let nobody = Asking { yes: false, input_is_stdin: false };
        for (terminals, asking, answer, passes) in [
            (true, nobody, "y\n", true),
            (true, nobody, "YES\n", true),
            (true, nobody, "\n", false),
            (true, nobody, "no\n", false),
            (true, nobody, "", false),
            (true, Asking { input_is_stdin: true, ..nobody }, "y\n", false),
            (false, nobody, "y\n", false),
            (false, Asking { yes: true, ..nobody }, "", true),
        ] {
            let (passed, said) = passed(terminals, asking, answer);
            assert_eq!(passed, passes, "{terminals} {asking:?} {answer:?}");
            let asked = terminals && !asking.input_is_stdin;
            assert_eq!(!said.is_empty(), asked, "{said}");
        }
    }

    #[test]
    fn the_question() {
        let nobody = Asking { yes: false, input_is_stdin: false };
        insta::assert_snapshot!(passed(true, nobody, "n").1.trim_end(), @"
        warning: this very load was started before

        hint: `--yes` sends all the rows once more
        go on? [y/N]
        ");
    }
}
