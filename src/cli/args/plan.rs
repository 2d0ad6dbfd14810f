//! Looking before loading: check, plan, apply.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;

use super::{
    BeforeImages, Changing, Chosen, Confirm, Connect, Load, Manners, Nulls, Place, Progress,
};
use crate::model::operation::Operation;

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore check Account accounts.csv --operation upsert -i \
    Legacy_Id__c -o practice")]
pub struct Check {
    #[command(flatten)]
    pub load: Load,
    /// What the load would do
    #[arg(
        long,
        env = "LONGSHORE_OPERATION",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "OPERATION"
    )]
    pub operation: Word,
    /// The field by which an upsert finds records
    #[arg(short = 'i', long, env = "LONGSHORE_EXTERNAL_ID", value_name = "FIELD")]
    pub external_id: Option<String>,
    /// What an empty cell means on update and upsert [default: ignore]
    #[arg(long, env = "LONGSHORE_NULLS", value_enum, ignore_case = true, value_name = "MEANING")]
    pub nulls: Option<Nulls>,
    /// Whether what the records hold is kept first, so that an undo is possible
    /// [default: on for deletes, else off]
    #[arg(
        long,
        env = "LONGSHORE_BEFORE_IMAGES",
        value_enum,
        ignore_case = true,
        value_name = "WHETHER"
    )]
    pub before_images: Option<BeforeImages>,
    /// Leave out rows whose records hold already what they say
    #[arg(long, env = "LONGSHORE_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    pub skip_unchanged: bool,
    /// Write the rows that would be rejected to this file, with the reasons
    #[arg(long, env = "LONGSHORE_REJECTED", value_name = "FILE")]
    pub rejected: Option<PathBuf>,
}

/// An operation as a word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Word {
    #[default]
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
    Undelete,
}

impl From<Word> for Operation {
    fn from(word: Word) -> Self {
        match word {
            Word::Insert => Self::Insert,
            Word::Update => Self::Update,
            Word::Upsert => Self::Upsert,
            Word::Delete => Self::Delete,
            Word::HardDelete => Self::HardDelete,
            Word::Undelete => Self::Undelete,
        }
    }
}

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Plan {
    /// Plan to create a record for each row
    Insert(PlanLoad),
    /// Plan to change records by their Ids
    Update(PlanUpdate),
    /// Plan to create or change records, found by an external id
    Upsert(PlanUpsert),
    /// Plan to delete records by their Ids
    Delete(PlanDelete),
    /// Plan to delete records past the recycle bin
    HardDelete(PlanDelete),
    /// Plan to take records out of the recycle bin by their Ids
    Undelete(PlanLoad),
    /// Show what a runbook would do, step by step; `longshore plan RUNBOOK.toml` is the same
    Runbook(Box<PlanRunbook>),
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore plan cutover.toml --target rehearsal")]
pub struct PlanRunbook {
    /// The runbook, a TOML file of steps
    #[arg(value_name = "RUNBOOK")]
    pub runbook: PathBuf,
    #[command(flatten)]
    pub chosen: Chosen,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore plan insert Account accounts.csv -o practice --output \
    accounts.plan.toml")]
pub struct PlanLoad {
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub out: PlanOut,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanUpdate {
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub changing: Changing,
    #[command(flatten)]
    pub out: PlanOut,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanUpsert {
    #[command(flatten)]
    pub update: PlanUpdate,
    /// The field by which records are found
    #[arg(short = 'i', long, env = "LONGSHORE_EXTERNAL_ID", value_name = "FIELD")]
    pub external_id: String,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanDelete {
    #[command(flatten)]
    pub load: Load,
    /// Whether what the records hold is kept first, so that an undo is possible [default: on]
    #[arg(
        long,
        env = "LONGSHORE_BEFORE_IMAGES",
        value_enum,
        ignore_case = true,
        value_name = "WHETHER"
    )]
    pub before_images: Option<BeforeImages>,
    #[command(flatten)]
    pub out: PlanOut,
}

/// What becomes of a plan.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Plan")]
pub struct PlanOut {
    /// Write the plan to this file; without it, to standard output
    #[arg(long, env = "LONGSHORE_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show where each value came from, and plan nothing
    #[arg(long, env = "LONGSHORE_EXPLAIN", value_parser = BoolishValueParser::new())]
    pub explain: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore apply accounts.plan.toml")]
pub struct Apply {
    /// The plan file, as `plan` made it and somebody has reviewed it
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub connect: Connect,
    /// Where run folders are made [default: as the plan says]
    #[arg(long, env = "LONGSHORE_RUNS_DIR", value_name = "DIR")]
    pub runs_dir: Option<PathBuf>,
    /// Name of the run folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME")]
    pub run_name: Option<String>,
    #[command(flatten)]
    pub confirm: Confirm,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

impl Plan {
    /// How the command wants to be told things.
    pub fn manners(&self) -> &Manners {
        match self {
            Self::Insert(plan) | Self::Undelete(plan) => &plan.load.manners,
            Self::Delete(plan) | Self::HardDelete(plan) => &plan.load.manners,
            Self::Update(plan) => &plan.load.manners,
            Self::Upsert(plan) => &plan.update.load.manners,
            Self::Runbook(plan) => &plan.manners,
        }
    }

    /// The load, unless a runbook is planned.
    pub fn load_mut(&mut self) -> Option<&mut Load> {
        Some(match self {
            Self::Insert(plan) | Self::Undelete(plan) => &mut plan.load,
            Self::Delete(plan) | Self::HardDelete(plan) => &mut plan.load,
            Self::Update(plan) => &mut plan.load,
            Self::Upsert(plan) => &mut plan.update.load,
            Self::Runbook(_) => return None,
        })
    }
}
