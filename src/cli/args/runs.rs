//! Runs that were made: going on with them, trying again, listing and checking them.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;

use super::{Confirm, Manners, OnDuplicate, Progress};

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
#[command(after_help = "example: longshore report 20261122-180000-1a2b")]
pub struct Report {
    /// Name of the run, or path of its folder
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Folder that report.md and report.html are written to [default: `out` in the run's folder]
    #[arg(long, env = "LONGSHORE_OUTPUT", value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "exit codes: 0 equal but for their times, 5 they differ\n\
    example: longshore diff rehearsal-1 rehearsal-2")]
pub struct Diff {
    /// Name of the one run, or path of its folder
    #[arg(value_name = "RUN")]
    pub one: String,
    /// Name of the other run, or path of its folder
    #[arg(value_name = "OTHER")]
    pub other: String,
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
    /// Of a runbook's run: approve this checkpoint, or what went wrong in this step; may be given
    /// several times
    #[arg(long, env = "LONGSHORE_APPROVE", value_name = "STEP", value_delimiter = ',')]
    pub approve: Vec<String>,
    #[command(flatten)]
    pub confirm: Confirm,
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
    /// What becomes of rows with the same key [default: as the first run]
    #[arg(
        long,
        env = "LONGSHORE_ON_DUPLICATE",
        value_enum,
        ignore_case = true,
        value_name = "WHAT"
    )]
    pub on_duplicate: Option<OnDuplicate>,
    /// Name of the new run's folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME")]
    pub run_name: Option<String>,
    #[command(flatten)]
    pub confirm: Confirm,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore undo 20261122-180000-1a2b --plan-only")]
pub struct Undo {
    /// Name of the run, or path of its folder
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Work out what would be done and write it into the run folder; send nothing
    #[arg(long, env = "LONGSHORE_PLAN_ONLY", value_parser = BoolishValueParser::new())]
    pub plan_only: bool,
    #[command(flatten)]
    pub confirm: Confirm,
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
