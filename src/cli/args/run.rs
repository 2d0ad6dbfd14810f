//! Runbooks: carrying one out, and working one out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Confirm, Manners, Place, Progress};

/// Carries a runbook out.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore run cutover.toml --target rehearsal")]
pub struct Run {
    /// The runbook, a TOML file of steps
    #[arg(value_name = "RUNBOOK")]
    pub runbook: PathBuf,
    #[command(flatten)]
    pub chosen: Chosen,
    /// Approve this checkpoint beforehand; may be given several times
    #[arg(long, env = "LONGSHORE_APPROVE", value_name = "STEP", value_delimiter = ',')]
    pub approve: Vec<String>,
    /// Name of the run folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME")]
    pub run_name: Option<String>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub confirm: Confirm,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

/// What of a runbook is meant, and where.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Chosen {
    /// Which of the runbook's targets [default: the one that the runbook says]
    #[arg(long, env = "LONGSHORE_TARGET", value_name = "NAME")]
    pub target: Option<String>,
    /// Give a parameter of the runbook its value; may be given several times
    #[arg(long, env = "LONGSHORE_PARAMETER", value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Only this step; may be given several times
    #[arg(long, env = "LONGSHORE_ONLY", value_name = "STEP", value_delimiter = ',')]
    pub only: Vec<String>,
    /// This step and those after it, in the order that `longshore plan RUNBOOK` shows
    #[arg(long, env = "LONGSHORE_FROM", value_name = "STEP")]
    pub from: Option<String>,
    /// The steps up to this one
    #[arg(long, env = "LONGSHORE_UNTIL", value_name = "STEP")]
    pub until: Option<String>,
    /// The targets of a runbook name its orgs; this flag is refused with a word on that
    #[arg(short = 'o', long, hide = true, value_name = "ALIAS")]
    pub target_org: Option<String>,
}

/// `plan x.toml` means `plan runbook x.toml`: no object is called so.
pub fn name_runbook(words: &mut Vec<OsString>) {
    let is_runbook = |word: &OsString| Path::new(word).extension().is_some_and(|it| it == "toml");
    if words.get(1).is_some_and(|word| word == "plan") && words.get(2).is_some_and(is_runbook) {
        words.insert(2, "runbook".into());
    }
}
