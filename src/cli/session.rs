//! A session: one run under way, shown to a person who can stop it and be asked.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::args::{Confirm, Manners, Progress};
use super::commands::{print, tell};
use super::org::{self, Choice};
use super::shell::Shell;
use super::{failure, signals};
use crate::config::policy::Policy;
use crate::model::failure::{Blame, Failure};
use crate::model::sign_in::SignIn;
use crate::pipeline::assent::{Assent, Word};
use crate::pipeline::budget::Budget;
use crate::pipeline::event::{Event, Status, Summary, Watch};
use crate::pipeline::guards::Guards;
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
pub struct Asking<'a> {
    /// What was answered beforehand.
    pub confirm: &'a Confirm,
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

    /// Where the run is shown, for those who tell of it by themselves.
    pub fn watch(&self) -> Arc<dyn Watch> {
        Arc::clone(&self.show) as Arc<dyn Watch>
    }

    /// Signs in, unless somebody stops it.
    pub async fn connect(&self, choice: Choice) -> Result<Arc<AnyTarget>, Failure> {
        let watch: Arc<dyn Watch> = Arc::clone(&self.show) as Arc<dyn Watch>;
        tokio::select! {
            target = Box::pin(org::connect(choice, self.shell, watch)) => target,
            () = self.stop.asked() => Err(signals::interrupted(BEFORE_SENDING)),
        }
    }

    /// Signs in to several orgs, in their order.
    pub async fn connect_all(
        &self,
        choices: &[Choice],
    ) -> Result<Vec<(Choice, Arc<AnyTarget>)>, Failure> {
        let watch: Arc<dyn Watch> = Arc::clone(&self.show) as Arc<dyn Watch>;
        tokio::select! {
            targets = Box::pin(org::connect_all(choices, self.shell, watch)) => targets,
            () = self.stop.asked() => Err(signals::interrupted(BEFORE_SENDING)),
        }
    }

    /// The same by a right that was found elsewhere.
    pub async fn connect_by(&self, sign_in: SignIn) -> Result<Arc<AnyTarget>, Failure> {
        let watch: Arc<dyn Watch> = Arc::clone(&self.show) as Arc<dyn Watch>;
        tokio::select! {
            target = Box::pin(org::connect_by(sign_in, self.shell, watch)) => target,
            () = self.stop.asked() => Err(signals::interrupted(BEFORE_SENDING)),
        }
    }

    /// The wish of a person to stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// What a run needs of the world; reads the policy of the project.
    pub fn tools(&self, asking: Asking<'_>) -> Result<Tools, Failure> {
        let policy = Policy::read(&self.shell.dir)?;
        let seed = Seed { started: (self.shell.now)(), random: low_half(org::random()) };
        let budget = asking.confirm.api_budget.or(policy.api_budget);
        Ok(Tools {
            watch: Arc::clone(&self.show) as Arc<dyn Watch>,
            stop: self.stop.clone(),
            assent: assent(self.shell, self.manners, asking),
            seed,
            budget: Budget::new(budget, seed.started),
            guards: Guards { policy, max_failed: asking.confirm.max_failed, reviewed: None },
            jobs: None,
        })
    }

    /// Does `work`, but not for long after a wish to stop.
    pub async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        signals::within(&self.stop, work).await
    }

    /// Ends what is shown, for a command with a screen of its own.
    pub fn close(&self) {
        self.show.close();
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

    /// Closes what is shown of one run, and shows the next; the wish to stop holds for both.
    pub fn next(&mut self) {
        self.show.close();
        self.show = self.shell.show(self.manners, self.progress);
    }

    /// Asks whether to go on, where somebody can answer.
    pub fn assent(&self, asking: Asking, doubt: Failure) -> Result<(), Failure> {
        assent(self.shell, self.manners, asking).to(doubt)
    }

    /// The last screen, where it is wanted.
    pub fn tell(&self, summary: &Summary) -> Result<(), Failure> {
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

fn assent(shell: &Shell, manners: &Manners, asking: Asking<'_>) -> Arc<dyn Assent> {
    let asked = shell.in_is_terminal && shell.err_is_terminal && !asking.input_is_stdin;
    Arc::new(Answers {
        given: asking.confirm.clone(),
        asked: asked && !manners.json,
        shell: shell.clone(),
        color: manners.color,
    })
}

/// The answers that were given beforehand, and those of the person in front.
struct Answers {
    given: Confirm,
    /// Somebody is there who can be asked.
    asked: bool,
    shell: Shell,
    color: super::args::Color,
}

impl Answers {
    fn ask(&self, doubt: &Failure, prompt: &str) -> Option<String> {
        if !self.asked {
            return None;
        }
        tell(&self.shell, &failure::question(doubt, prompt, self.shell.err_paint(self.color)));
        (self.shell.line)().ok()
    }
}

impl Assent for Answers {
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        let agreed =
            self.given.yes || self.ask(&doubt, "go on? [y/N] ").is_some_and(|line| is_yes(&line));
        if agreed { Ok(()) } else { Err(doubt) }
    }

    fn typed(&self, word: &Word<'_>, danger: Failure) -> Result<(), Failure> {
        let (flag, given, prompt) = match word {
            Word::Org { .. } => (
                "--confirm-org",
                self.given.confirm_org.clone(),
                "type the name of the org to go on: ",
            ),
            Word::Rows(_) => (
                "--confirm-rows",
                self.given.confirm_rows.iter().map(u64::to_string).collect(),
                "type the number of rows to go on: ",
            ),
            // What was given beforehand the run knows by itself.
            Word::Step(_) => ("--approve", Vec::new(), "type the id of the step to approve it: "),
        };
        if let Some(first) = given.first() {
            let wrong = format!("`{flag}` says `{}`", first.escape_debug());
            let is_given = given.iter().any(|given| word.is(given));
            return if is_given { Ok(()) } else { Err(danger.cause(wrong)) };
        }
        let typed = self.ask(&danger, prompt).is_some_and(|line| word.is(&line));
        if typed { Ok(()) } else { Err(danger) }
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

    /// What is asked of a person.
    enum Asked {
        Doubt,
        Word(Word<'static>),
    }

    const ACME: Word<'static> = Word::Org { name: "Acme Ltd", id: "00D8c00000Hn2PqEAJ" };

    fn confirm(words: &[&str]) -> Confirm {
        let words = ["longshore", "resume"].iter().chain(words);
        match crate::cli::args::Args::read(words).unwrap().command {
            crate::cli::args::Command::Resume(resume) => resume.confirm,
            other => panic!("{other:?}"),
        }
    }

    /// What comes of a question, with these terminals, flags and this answer, and what was said.
    fn answered(
        (terminals, input_is_stdin): (bool, bool),
        flags: &[&str],
        asked: &Asked,
        answer: &'static str,
    ) -> (Result<(), Failure>, String) {
        let (mut shell, told) = shell(std::path::Path::new("/"), &[("NO_COLOR", "1")]);
        (shell.in_is_terminal, shell.err_is_terminal) = (terminals, terminals);
        shell.line = Arc::new(move || Ok(answer.to_owned()));
        let failure = Failure::new(Blame::Guard, "this very load was started before")
            .hint("`--yes` sends all the rows once more");
        let confirm = confirm(flags);
        let asking = Asking { confirm: &confirm, input_is_stdin };
        let assent = assent(&shell, &Manners::default(), asking);
        let result = match asked {
            Asked::Doubt => assent.to(failure),
            Asked::Word(word) => assent.typed(word, failure),
        };
        let said = told.err.lock().unwrap().clone();
        (result, String::from_utf8(said).unwrap())
    }

    #[test]
    fn a_doubt_is_asked_about_only_where_somebody_can_answer() {
        for (place, flags, answer, passes) in [
            ((true, false), &[][..], "y\n", true),
            ((true, false), &[], "YES\n", true),
            ((true, false), &[], "\n", false),
            ((true, false), &[], "no\n", false),
            ((true, false), &[], "", false),
            ((true, true), &[], "y\n", false),
            ((false, false), &[], "y\n", false),
            ((false, false), &["--yes"], "", true),
            ((false, false), &["--confirm-org", "Acme Ltd"], "", false),
        ] {
            let (result, said) = answered(place, flags, &Asked::Doubt, answer);
            assert_eq!(result.is_ok(), passes, "{place:?} {flags:?} {answer:?}");
            assert_eq!(!said.is_empty(), place == (true, false), "{said}");
        }
    }

    #[test]
    fn a_word_must_be_typed_or_given_and_yes_is_not_it() {
        let (org, rows) = (Asked::Word(ACME), Asked::Word(Word::Rows(96)));
        for (terminals, flags, asked, answer, passes) in [
            (false, &["--yes"][..], &org, "", false),
            (false, &["--yes"], &rows, "", false),
            (false, &["--confirm-org", "Acme Ltd"], &org, "", true),
            (false, &["--confirm-org", "00D8c00000Hn2PqEAJ"], &org, "", true),
            (false, &["--confirm-org", "acme ltd"], &org, "", false),
            (false, &["--confirm-org", ""], &org, "", false),
            (false, &["--confirm-org", "Acme Ltd"], &rows, "", false),
            (false, &["--confirm-rows", "96"], &rows, "", true),
            (false, &["--confirm-rows", "95"], &rows, "", false),
            (true, &["--confirm-rows", "95"], &rows, "96\n", false),
            (true, &["--yes"], &org, "Acme Ltd\n", true),
            (true, &[], &org, "y\n", false),
            (true, &[], &org, "\n", false),
            (true, &[], &rows, "96\n", true),
            (true, &[], &rows, "96 rows\n", false),
        ] {
            let result = answered((terminals, false), flags, asked, answer).0;
            assert_eq!(result.is_ok(), passes, "{terminals} {flags:?} {answer:?}");
        }
        let wrong = answered((false, false), &["--confirm-org", "Umbrella"], &org, "").0;
        assert_eq!(wrong.unwrap_err().causes, ["`--confirm-org` says `Umbrella`"]);
    }

    #[test]
    fn the_questions() {
        let said = |asked: &Asked| answered((true, false), &[], asked, "n").1;
        insta::assert_snapshot!(said(&Asked::Doubt).trim_end(), @"
        warning: this very load was started before

        hint: `--yes` sends all the rows once more
        go on? [y/N]
        ");
        let last = |asked: &Asked| said(asked).lines().last().unwrap_or_default().to_owned();
        assert_eq!(last(&Asked::Word(ACME)), "type the name of the org to go on: ");
        assert_eq!(last(&Asked::Word(Word::Rows(1))), "type the number of rows to go on: ");
    }
}
