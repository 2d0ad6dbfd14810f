//! The command line as it is typed. Nothing is opened or decided here; `resolve` does that.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory, FromArgMatches, ValueEnum};

/// longshore loads and unloads an org, and accounts for every row
#[derive(Debug, clap::Parser)]
#[command(name = "longshore", version, max_term_width = 100)]
#[command(after_help = "exit codes: 0 every row succeeded, 3 some rows did not, 2 refused and \
    nothing sent;\nall of them are in docs/reference/exit-codes.md")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a record for each row of a CSV file
    Insert(Insert),
    /// Change the records whose Id is in each row of a CSV file
    Update(Update),
    /// Create or change records, found by an external id
    Upsert(Upsert),
    /// Delete the records whose Id is in each row of a CSV file
    Delete(Delete),
    /// Delete records past the recycle bin; the org must allow it
    HardDelete(Delete),
    /// Write the rows of a query, or of an object, to a CSV file
    Export(Export),
    /// List the objects of the org and what can be done to them
    Objects(Objects),
    /// Show the fields of an object as a loader sees them
    Describe(Describe),
    /// Go on with a run that was interrupted, where it stopped
    Resume(Resume),
    /// Load the rows of a run again that failed, were not processed or were rejected
    Retry(Retry),
    /// Recompute the row accounting of a run from its ledger, raw results and result files
    Verify(OneRun),
    /// The runs that were made here: list them, show one, remove what they need no more
    Runs(Runs),
    /// The practice org: a small Salesforce on this machine
    #[command(subcommand)]
    Practice(Practice),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Which org.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Connect {
    /// The org: `demo`, a practice org made new for this one command; `practice`, the one kept
    /// under `./.longshore/practice`; `demo-auth0` and `practice-auth0`, practice tenants of Auth0;
    /// or `env`, from `LONGSHORE_INSTANCE_URL` and its companions
    #[arg(short = 'o', long, env = "LONGSHORE_TARGET_ORG", value_name = "ALIAS")]
    pub target_org: Option<String>,
}

/// How things are told, for every command that speaks to an org.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Manners {
    /// One JSON document on standard output at the end, and nothing else there
    #[arg(long, env = "LONGSHORE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
    /// How events and the log are written to standard error
    #[arg(
        long,
        env = "LONGSHORE_LOG_FORMAT",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// Write a log to standard error; twice for calls, three times for all there is
    #[arg(short, long, env = "LONGSHORE_VERBOSE", action = ArgAction::Count)]
    pub verbose: u8,
    /// Colors
    #[arg(
        long,
        env = "LONGSHORE_COLOR",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "WHEN"
    )]
    pub color: Color,
}

/// What is shown while rows move.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Progress {
    /// Show no progress, and the last screen only when a person must look at it
    #[arg(short, long, env = "LONGSHORE_QUIET", value_parser = BoolishValueParser::new())]
    pub quiet: bool,
    /// Show no bars and no lines of progress; notices stay
    #[arg(long, env = "LONGSHORE_NO_PROGRESS", value_parser = BoolishValueParser::new())]
    pub no_progress: bool,
}

/// What every load has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Load {
    /// API name of the object, such as `PermissionSetAssignment`; or give it with `--sobject`
    #[arg(value_name = "OBJECT")]
    pub first_word: Option<String>,
    /// The CSV file, `-` for standard input; or give it with `--file`
    #[arg(value_name = "FILE")]
    pub second_word: Option<String>,
    /// The object
    #[arg(short, long, env = "LONGSHORE_SOBJECT", value_name = "OBJECT")]
    pub sobject: Option<String>,
    /// The CSV file, `-` for standard input; `.gz` is unpacked on the way
    #[arg(short, long, env = "LONGSHORE_FILE", value_name = "FILE")]
    pub file: Option<String>,
    #[command(flatten)]
    pub connect: Connect,
    /// Mapping file (TOML) from columns to fields; without it, headers are matched to field names
    #[arg(short, long, env = "LONGSHORE_MAP", value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Leave out the first N rows
    #[arg(long, env = "LONGSHORE_SKIP", value_name = "N")]
    pub skip: Option<u64>,
    /// Load at most N rows
    #[arg(long, env = "LONGSHORE_LIMIT", value_name = "N")]
    pub limit: Option<u64>,
    /// What becomes of a row that cannot be read or is not valid [default: reject]
    #[arg(long, env = "LONGSHORE_ON_BAD_ROW", value_enum, ignore_case = true, value_name = "WHAT")]
    pub on_bad_row: Option<OnBadRow>,

    /// Auth0 only: look at each user once more after its change, and trust that look alone
    #[arg(long, env = "LONGSHORE_VERIFY_AFTER")]
    pub verify_after: bool,

    /// What separates the columns [default: found out]
    #[arg(
        long,
        env = "LONGSHORE_COLUMN_DELIMITER",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Input file"
    )]
    pub column_delimiter: Option<Delimiter>,
    /// How lines end [default: found out]
    #[arg(
        long,
        env = "LONGSHORE_LINE_ENDING",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Input file"
    )]
    pub line_ending: Option<LineEnding>,
    /// Character encoding, such as windows-1252 [default: UTF-8, or what a BOM says]
    #[arg(long, env = "LONGSHORE_ENCODING", value_name = "LABEL", help_heading = "Input file")]
    pub encoding: Option<String>,

    /// Rows of a job at most [default: 250000]
    #[arg(long, env = "LONGSHORE_CHUNK_ROWS", value_name = "N", help_heading = "Jobs")]
    pub chunk_rows: Option<u64>,
    /// Bytes of a job at most, header included [default: 100000000]
    #[arg(long, env = "LONGSHORE_CHUNK_BYTES", value_name = "N", help_heading = "Jobs")]
    pub chunk_bytes: Option<u64>,
    /// Jobs at once [default: 2]
    #[arg(long, env = "LONGSHORE_PARALLEL", value_name = "N", help_heading = "Jobs")]
    pub parallel: Option<u64>,
    /// Which API carries the rows; auto chooses Bulk API 2.0 [default: auto]
    #[arg(
        long,
        env = "LONGSHORE_API",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Jobs"
    )]
    pub api: Option<Api>,

    /// Where run folders are made [default: longshore-runs]
    #[arg(long, env = "LONGSHORE_RUNS_DIR", value_name = "DIR", help_heading = "Result files")]
    pub runs_dir: Option<PathBuf>,
    /// Name of the run folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME", help_heading = "Result files")]
    pub run_name: Option<String>,
    /// Place a copy of success.csv here
    #[arg(long, env = "LONGSHORE_SUCCESS", value_name = "FILE", help_heading = "Result files")]
    pub success: Option<PathBuf>,
    /// Place a copy of error.csv here
    #[arg(long, env = "LONGSHORE_ERROR", value_name = "FILE", help_heading = "Result files")]
    pub error: Option<PathBuf>,
    /// Go on where a person would be asked, as when the same load was started before
    #[arg(short, long, env = "LONGSHORE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,

    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,

    /// The arguments whose value came from the environment, by their name.
    #[arg(skip)]
    pub from_environment: BTreeSet<String>,
}

impl Load {
    /// The words that stand by themselves, in order.
    pub fn words(&self) -> Vec<&str> {
        [&self.first_word, &self.second_word].into_iter().flatten().map(String::as_str).collect()
    }
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore insert PermissionSetAssignment assignments.csv -o demo")]
pub struct Insert {
    #[command(flatten)]
    pub load: Load,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore update Profile profiles.csv -o practice")]
pub struct Update {
    #[command(flatten)]
    pub load: Load,
    /// What an empty cell means: ignore leaves the field alone, clear empties it [default: ignore]
    #[arg(long, env = "LONGSHORE_NULLS", value_enum, ignore_case = true, value_name = "MEANING")]
    pub nulls: Option<Nulls>,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "example: longshore upsert Account accounts.csv -i Legacy_Id__c -o practice"
)]
pub struct Upsert {
    #[command(flatten)]
    pub update: Update,
    /// The field by which records are found
    #[arg(short = 'i', long, env = "LONGSHORE_EXTERNAL_ID", value_name = "FIELD")]
    pub external_id: String,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore delete PermissionSetAssignment ids.csv -o practice")]
pub struct Delete {
    #[command(flatten)]
    pub load: Load,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "examples:\n  \
    longshore export \"SELECT Id, Name FROM Profile\" --output profiles.csv -o practice\n  \
    longshore export PermissionSetAssignment --fields Id,Assignee.Username -o practice")]
pub struct Export {
    /// A SOQL query, or the API name of an object
    #[arg(value_name = "QUERY|OBJECT")]
    pub what: String,
    #[command(flatten)]
    pub connect: Connect,
    /// Fields of the object, separated by commas, or `all` [default: all]
    #[arg(long, env = "LONGSHORE_FIELDS", value_name = "LIST")]
    pub fields: Option<String>,
    /// Condition on the rows of the object, in SOQL
    #[arg(long = "where", env = "LONGSHORE_WHERE", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// The file to write, `-` for standard output
    #[arg(long, env = "LONGSHORE_OUTPUT", value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Include deleted and archived rows
    #[arg(long, env = "LONGSHORE_ALL", value_parser = BoolishValueParser::new())]
    pub all: bool,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Objects {
    #[command(flatten)]
    pub connect: Connect,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Describe {
    /// API name of the object
    #[arg(value_name = "OBJECT")]
    pub object: String,
    #[command(flatten)]
    pub connect: Connect,
    #[command(flatten)]
    pub manners: Manners,
}

/// Where run folders are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Place {
    /// Where run folders are made [default: longshore-runs]
    #[arg(long, env = "LONGSHORE_RUNS_DIR", value_name = "DIR")]
    pub runs_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct OneRun {
    /// Name of the run, or path of its folder
    #[arg(value_name = "RUN")]
    pub run: String,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore resume")]
pub struct Resume {
    /// Name of the run, or path of its folder [default: the newest that is not finished]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Go on where a person would be asked
    #[arg(short, long, env = "LONGSHORE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore retry 20261122-180000-1a2b --errors all")]
pub struct Retry {
    /// Name of the run, or path of its folder
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Which rows of error.csv are tried again
    #[arg(
        long,
        env = "LONGSHORE_ERRORS",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "WHICH"
    )]
    pub errors: RetryErrors,
    /// Leave out the rows of rejected.csv
    #[arg(long, env = "LONGSHORE_NO_REJECTED", value_parser = BoolishValueParser::new())]
    pub no_rejected: bool,
    /// Name of the new run's folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME")]
    pub run_name: Option<String>,
    /// Go on where a person would be asked
    #[arg(short, long, env = "LONGSHORE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RetryErrors {
    /// Those that may pass: locks, limits, time-outs
    #[default]
    Retryable,
    /// All of them
    All,
    /// None of them
    None,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    #[command(subcommand)]
    pub what: Option<RunsCommand>,
    #[command(flatten)]
    pub list: ListRuns,
}

#[derive(Debug, clap::Subcommand)]
pub enum RunsCommand {
    /// List the runs, newest first; `runs` alone does so too
    List(ListRuns),
    /// Show the last screen of a run and what its ledger says
    Show(OneRun),
    /// Remove chunk bodies and raw results of finished runs; result files and ledgers stay
    Clean(CleanRuns),
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListRuns {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct CleanRuns {
    /// Only runs that were started at least so many days ago
    #[arg(long, env = "LONGSHORE_OLDER_THAN", value_name = "DAYS")]
    pub older_than: Option<u32>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, clap::Subcommand)]
pub enum Practice {
    /// Serve the practice org to any client on this machine, until Ctrl-C
    Serve(Serve),
    /// Take the kept practice org back to its seed
    Reset(Kept),
    /// Show what is in the kept practice org, and what happened to it last
    Show(Show),
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Serve {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, env = "LONGSHORE_PORT", value_name = "N", default_value_t = 8790)]
    pub port: u16,
    /// Serve HTTPS, with a certificate made for this machine
    #[arg(long, env = "LONGSHORE_TLS", value_parser = BoolishValueParser::new())]
    pub tls: bool,
    #[command(flatten)]
    pub kept: Kept,
    /// Serve a new org from memory instead, and keep nothing
    #[arg(long, env = "LONGSHORE_FRESH", value_parser = BoolishValueParser::new())]
    pub fresh: bool,
    /// Users of a new org [default: 3000]
    #[arg(long, env = "LONGSHORE_USERS", value_name = "N")]
    pub users: Option<u32>,
    /// Permission sets of a new org [default: 40]
    #[arg(long, env = "LONGSHORE_PERMISSION_SETS", value_name = "N")]
    pub permission_sets: Option<u32>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Kept {
    /// Where the practice org is kept [default: ./.longshore/practice]
    #[arg(long, env = "LONGSHORE_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Show {
    #[command(flatten)]
    pub kept: Kept,
    /// One JSON document on standard output
    #[arg(long, env = "LONGSHORE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnBadRow {
    /// It goes to rejected.csv, and the others go on
    Reject,
    /// The run stops
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Nulls {
    Ignore,
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Api {
    Auto,
    Bulk2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Delimiter {
    Comma,
    Tab,
    Pipe,
    Semicolon,
    Caret,
    Backquote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum LineEnding {
    Lf,
    Crlf,
    Cr,
}

impl Runs {
    pub fn manners(&self) -> &Manners {
        match &self.what {
            None => &self.list.manners,
            Some(RunsCommand::List(list)) => &list.manners,
            Some(RunsCommand::Show(one)) => &one.manners,
            Some(RunsCommand::Clean(clean)) => &clean.manners,
        }
    }
}

impl Args {
    /// Reads a command line; an `Err` may also be the help or the version that was asked for.
    pub fn read<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let matches = command().try_get_matches_from(words)?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let (Some(load), Some((_, given))) = (args.load_mut(), matches.subcommand()) {
            let from_environment =
                |id: &&clap::Id| given.value_source(id.as_str()) == Some(ValueSource::EnvVariable);
            let ids = given.ids().filter(from_environment);
            load.from_environment = ids.map(ToString::to_string).collect();
        }
        Ok(args)
    }

    fn load_mut(&mut self) -> Option<&mut Load> {
        match &mut self.command {
            Command::Insert(insert) => Some(&mut insert.load),
            Command::Update(update) => Some(&mut update.load),
            Command::Upsert(upsert) => Some(&mut upsert.update.load),
            Command::Delete(delete) | Command::HardDelete(delete) => Some(&mut delete.load),
            _ => None,
        }
    }

    /// How the command wants to be told things, where it can say so.
    pub fn manners(&self) -> Option<&Manners> {
        match &self.command {
            Command::Insert(insert) => Some(&insert.load.manners),
            Command::Update(update) => Some(&update.load.manners),
            Command::Upsert(upsert) => Some(&upsert.update.load.manners),
            Command::Delete(delete) | Command::HardDelete(delete) => Some(&delete.load.manners),
            Command::Resume(resume) => Some(&resume.manners),
            Command::Retry(retry) => Some(&retry.manners),
            Command::Export(export) => Some(&export.manners),
            Command::Objects(objects) => Some(&objects.manners),
            Command::Describe(describe) => Some(&describe.manners),
            Command::Verify(one) => Some(&one.manners),
            Command::Runs(runs) => Some(runs.manners()),
            Command::Practice(_) | Command::Completions { .. } | Command::Man => None,
        }
    }
}

/// The definition of the command line, for help, completions, manual and reference.
///
/// What the environment says now is not shown: help is often pasted where it should not be read.
pub fn command() -> clap::Command {
    quiet_about_values(Args::command())
}

fn quiet_about_values(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| arg.hide_env_values(true));
    command.mut_subcommands(quiet_about_values)
}
