//! The command line as it is typed. Nothing is opened or decided here; `resolve` does that.

mod import;
mod load;
mod look;
mod org;
mod perms;
mod plan;
mod practice;
mod process;
mod run;
mod runs;

use std::ffi::OsString;

use crate::config::policy::{ApiBudget, MaxFailed};
use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory, FromArgMatches, ValueEnum};

pub use import::{Import, ImportDataLoader};
pub use load::{Changing, Delete, Insert, Load, Undelete, Update, Upsert};
pub use look::{Describe, Export, Objects};
pub use org::{ListOrgs, Login, LoginWay, OneOrg, Org, OrgKind};
pub use perms::{
    ChangePerms, GrantPerms, Perms, ReportPerms, RevokePerms, SyncPerms, SyncScope, Who,
};
pub use plan::{
    Apply, Check, Plan, PlanDelete, PlanLoad, PlanOut, PlanRunbook, PlanUpdate, PlanUpsert,
};
pub use practice::{Kept, Practice, Reset, Seed, Serve, Show};
pub use process::{Process, is_meant as is_process};
pub use run::{Chosen, Run};
pub use runs::{
    CleanRuns, Diff, ListRuns, OneRun, Place, Report, Resume, Retry, RetryErrors, Runs,
    RunsCommand, Undo,
};

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
    /// Take the records whose Id is in each row of a CSV file out of the recycle bin
    Undelete(Undelete),
    /// Permissions by names: users and what they are to have, as people write them
    #[command(subcommand)]
    Perms(Perms),
    /// Work a load out, from the file to the last job, and send nothing
    Check(Check),
    /// Write a load down as a plan that can be reviewed, or show what a runbook would do
    #[command(subcommand)]
    Plan(Plan),
    /// Carry a reviewed plan out, if nothing that it rests on has changed
    Apply(Apply),
    /// Carry out a runbook: a data migration as one file of steps
    Run(Box<Run>),
    /// Write the rows of a query, or of an object, to a CSV file
    Export(Export),
    /// Run a process of Data Loader from its configuration folder as it is
    Process(Box<Process>),
    /// Turn what another loader was told into mapping files and commands
    #[command(subcommand)]
    Import(Import),
    /// List the objects of the org and what can be done to them
    Objects(Objects),
    /// Show the fields of an object as a loader sees them
    Describe(Describe),
    /// Go on with a run that was interrupted, where it stopped
    Resume(Resume),
    /// Load the rows of a run again that failed, were not processed or were rejected
    Retry(Retry),
    /// Take a finished run back: delete what it created, write back what it changed
    Undo(Undo),
    /// Recompute the row accounting of a run from its ledger, raw results and result files
    Verify(OneRun),
    /// Write the hand-over of a run, to be read and signed: report.md and report.html
    Report(Report),
    /// Tell what two runs differ in, as two rehearsals: rows, errors, checks
    Diff(Diff),
    /// The runs that were made here: list them, show one, remove what they need no more
    Runs(Runs),
    /// The orgs that you sign in to: add one, list them, show one, forget one
    #[command(subcommand)]
    Org(Org),
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

/// Answers to the guards, for every command that changes an org.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Guards")]
pub struct Confirm {
    /// Go on where a person would be asked, as when the same load was started before; it confirms
    /// nothing
    #[arg(short, long, env = "LONGSHORE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    /// The name or the id of the production org that is to be changed; several times where there
    /// are several
    #[arg(long, env = "LONGSHORE_CONFIRM_ORG", value_name = "NAME")]
    pub confirm_org: Vec<String>,
    /// How many rows the input has, where a production org is to lose something
    #[arg(long, env = "LONGSHORE_CONFIRM_ROWS", value_name = "N")]
    pub confirm_rows: Option<u64>,
    /// Start no further job when more rows than these are in error: a number, or a percentage of
    /// those whose fate is known, such as 5%
    #[arg(long, env = "LONGSHORE_MAX_FAILED", value_name = "N|P%")]
    pub max_failed: Option<MaxFailed>,
    /// Begin no job that takes the command past so many API calls: a number, or a percentage of
    /// those that the org has left, such as 50% [default: leave 20% of the org's day]
    #[arg(long, env = "LONGSHORE_API_BUDGET", value_name = "N|P%")]
    pub api_budget: Option<ApiBudget>,
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
pub enum OnDuplicate {
    /// Nothing is sent
    Refuse,
    /// The first is sent, the others go to rejected.csv
    KeepFirst,
    /// The last is sent, the others go to rejected.csv
    KeepLast,
    /// All are sent in the order of the file, in successive jobs
    Separate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Nulls {
    Ignore,
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BeforeImages {
    On,
    Off,
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

impl Args {
    /// Reads a command line; an `Err` may also be the help or the version that was asked for.
    pub fn read<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let command = command();
        let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let mut ignored = Vec::new();
        run::name_runbook(&mut words);
        if is_process(&words) {
            (words, ignored) = process::without_foreign(words, &command);
        }
        let matches = command.try_get_matches_from(words)?;
        let mut args = Self::from_arg_matches(&matches)?;
        let mut given = matches.subcommand();
        while let Some(deeper) = given.and_then(|(_, matches)| matches.subcommand()) {
            given = Some(deeper);
        }
        if let (Some(load), Some((_, given))) = (args.load_mut(), given) {
            let from_environment =
                |id: &&clap::Id| given.value_source(id.as_str()) == Some(ValueSource::EnvVariable);
            let ids = given.ids().filter(from_environment);
            load.from_environment = ids.map(ToString::to_string).collect();
        }
        if let Command::Process(process) = &mut args.command {
            process.ignored = ignored;
        }
        Ok(args)
    }

    fn load_mut(&mut self) -> Option<&mut Load> {
        match &mut self.command {
            Command::Insert(insert) => Some(&mut insert.load),
            Command::Update(update) => Some(&mut update.load),
            Command::Upsert(upsert) => Some(&mut upsert.update.load),
            Command::Delete(delete) | Command::HardDelete(delete) => Some(&mut delete.load),
            Command::Undelete(undelete) => Some(&mut undelete.load),
            Command::Check(check) => Some(&mut check.load),
            Command::Plan(plan) => plan.load_mut(),
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
            Command::Undelete(undelete) => Some(&undelete.load.manners),
            Command::Check(check) => Some(&check.load.manners),
            Command::Plan(plan) => Some(plan.manners()),
            Command::Apply(apply) => Some(&apply.manners),
            Command::Run(run) => Some(&run.manners),
            Command::Resume(resume) => Some(&resume.manners),
            Command::Retry(retry) => Some(&retry.manners),
            Command::Undo(undo) => Some(&undo.manners),
            Command::Perms(perms) => Some(perms.manners()),
            Command::Export(export) => Some(&export.manners),
            Command::Process(process) => Some(&process.manners),
            Command::Import(import) => Some(import.manners()),
            Command::Objects(objects) => Some(&objects.manners),
            Command::Describe(describe) => Some(&describe.manners),
            Command::Verify(one) => Some(&one.manners),
            Command::Report(report) => Some(&report.manners),
            Command::Diff(diff) => Some(&diff.manners),
            Command::Runs(runs) => Some(runs.manners()),
            Command::Org(org) => Some(org.manners()),
            Command::Practice(Practice::Seed(seed)) => Some(&seed.manners),
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
