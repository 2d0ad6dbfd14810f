//! `process`: Data Loader's batch mode, its words and its configuration folder as they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use super::{Connect, Manners, Progress};
use crate::model::wording::nearest;

/// The name of the command.
const NAME: &str = "process";

/// Words that mean something only where a text is encrypted; to a process they are Data Loader's
/// and say nothing.
const OF_ENCRYPTION: [char; 3] = ['k', 'e', 'd'];

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "examples:\n  \
    longshore process conf nightlyContacts\n  \
    longshore process conf nightlyContacts dataAccess.name=today.csv -o practice\n  \
    longshore process --encrypt -e - my.key < password.txt")]
pub struct Process {
    /// The configuration folder, the process, and any `key=value`, as Data Loader takes them
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    #[command(flatten)]
    pub connect: Connect,
    /// Where run folders are made [default: longshore-runs beside the configuration folder]
    #[arg(long, env = "LONGSHORE_RUNS_DIR", value_name = "DIR")]
    pub runs_dir: Option<PathBuf>,
    /// Begin although an earlier run of the process is not finished, or inserted the very same rows
    #[arg(short, long, env = "LONGSHORE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    /// Go on with the run of the process that is not finished, where it stopped
    #[arg(long, env = "LONGSHORE_RESUME", value_parser = BoolishValueParser::new())]
    pub resume: bool,
    /// Make key files and encrypted values instead of running a process
    #[arg(long, env = "LONGSHORE_ENCRYPT", value_parser = BoolishValueParser::new())]
    pub encrypt: bool,
    /// With `--encrypt`: make the key file that the word names
    #[arg(short = 'k', group = "deed", requires = "encrypt")]
    pub make_key: bool,
    /// With `--encrypt`: encrypt the first word, or with `-` or none what stands on standard input,
    /// with the key file that the second names
    #[arg(short = 'e', group = "deed", requires = "encrypt")]
    pub seal: bool,
    /// With `--encrypt`: decrypt the first word with the key file that the second names
    #[arg(short = 'd', group = "deed", requires = "encrypt")]
    pub open: bool,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,

    /// Words with `-` in front that are none of ours: Data Loader passes over them.
    #[arg(skip)]
    pub ignored: Vec<String>,
}

/// Whether a command line is that of this command.
pub fn is_meant(words: &[OsString]) -> bool {
    words.get(1).is_some_and(|word| word == NAME)
}

/// Takes the words out that begin with `-` and are none of ours, as Data Loader does.
///
/// A word of two dashes that is nearly one of ours is left for the refusal: a slip in
/// `--target-org` must not end in another org.
pub fn without_foreign(
    words: Vec<OsString>,
    command: &clap::Command,
) -> (Vec<OsString>, Vec<String>) {
    let Some(command) = command.find_subcommand(NAME) else { return (words, Vec::new()) };
    let flags = Flags::of(command);
    let encrypts = words.iter().any(|word| word == "--encrypt" || word == "run.mode=encrypt");
    let (mut kept, mut foreign) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    kept.extend(words.by_ref().take(2));
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let fate = flags.fate(&text, encrypts);
        match fate {
            WordFate::Foreign => foreign.push(text),
            WordFate::Kept => kept.push(word),
            WordFate::WithValue => {
                kept.push(word);
                kept.extend(words.next());
            }
        }
    }
    (kept, foreign)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WordFate {
    Kept,
    WithValue,
    Foreign,
}

/// The flags of the command, and whether they take values.
struct Flags {
    long: BTreeMap<String, bool>,
    short: BTreeMap<char, bool>,
}

impl Flags {
    fn of(command: &clap::Command) -> Self {
        let mut flags = Self {
            long: BTreeMap::from([("help".to_owned(), false)]),
            short: BTreeMap::from([('h', false)]),
        };
        for arg in command.get_arguments() {
            let takes = arg.get_action().takes_values();
            flags.long.extend(arg.get_long().map(|name| (name.to_owned(), takes)));
            flags.short.extend(arg.get_short().map(|name| (name, takes)));
        }
        flags
    }

    fn fate(&self, word: &str, encrypts: bool) -> WordFate {
        let fate = |takes: bool| if takes { WordFate::WithValue } else { WordFate::Kept };
        if let Some(name) = word.strip_prefix("--") {
            let (name, has_value) =
                name.split_once('=').map_or((name, false), |(name, _)| (name, true));
            return match self.long.get(name) {
                Some(takes) => fate(*takes && !has_value),
                None if name.is_empty() => WordFate::Foreign,
                None if nearest(name, self.long.keys().map(String::as_str)).is_some() => {
                    WordFate::Kept
                }
                None => WordFate::Foreign,
            };
        }
        let Some(letters) = word.strip_prefix('-') else { return WordFate::Kept };
        for (at, letter) in letters.char_indices() {
            let is_foreign = OF_ENCRYPTION.contains(&letter) && !encrypts;
            match self.short.get(&letter).filter(|_| !is_foreign) {
                // The rest of the word, or else the next word, is its value.
                Some(true) => return fate(at + letter.len_utf8() == letters.len()),
                Some(false) => {}
                None => return WordFate::Foreign,
            }
        }
        if letters.is_empty() && !encrypts { WordFate::Foreign } else { WordFate::Kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Args, Command};

    fn read(words: &[&str]) -> Process {
        let words = ["longshore", "process"].iter().chain(words);
        match Args::read(words).unwrap().command {
            Command::Process(process) => *process,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_that_are_none_of_ours_are_passed_over() {
        type Case = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);
        let cases: [Case; 7] = [
            (&["conf", "bean"], &["conf", "bean"], &[]),
            (&["conf", "bean", "a=b", "-x"], &["conf", "bean", "a=b"], &["-x"]),
            (&["-x", "conf", "-y=z"], &["conf"], &["-x", "-y=z"]),
            (&["-Dsalesforce.config.dir=c", "conf"], &["conf"], &["-Dsalesforce.config.dir=c"]),
            (&["conf", "-vmargs", "--console"], &["conf"], &["-vmargs", "--console"]),
            (&["-e", "conf", "-k", "-"], &["conf"], &["-e", "-k", "-"]),
            (&["-o", "practice", "conf", "-vv", "-qy"], &["conf"], &[]),
        ];
        for (words, kept, ignored) in cases {
            let process = read(words);
            assert_eq!(process.words, kept, "{words:?}");
            assert_eq!(process.ignored, ignored, "{words:?}");
        }
        let process = read(&["conf", "bean", "a=b", "--target-org=practice", "-qy", "-v"]);
        assert_eq!(process.connect.target_org.as_deref(), Some("practice"));
        assert!(process.progress.quiet && process.yes && process.manners.verbose == 1);
        let process = read(&["--encrypt", "-e", "a=b", "my.key"]);
        assert!(process.encrypt && process.seal && process.words == ["a=b", "my.key"]);
    }

    #[test]
    fn a_slip_in_a_flag_of_ours_is_refused() {
        let error = Args::read(["longshore", "process", "conf", "--targt-org", "x"]).unwrap_err();
        assert!(error.to_string().contains("--targt-org"), "{error}");
    }
}
