//! What was asked for, and what of it stands in the manifest so that a later process can go on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::order::Part;
use crate::config::policy::MaxFailed;
use crate::config::runbook::{Runbook, Step, TargetSpec};
use crate::ledger::Manifest;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};

/// A run of a runbook, as it was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub runbook: Runbook,
    /// Which of its targets.
    pub target: String,
    pub part: Part,
    /// Steps that are approved beforehand.
    pub approve: Vec<String>,
    /// Who asks, as the operating system calls them.
    pub by: String,
    pub runs_dir: PathBuf,
    pub run_name: Option<String>,
    /// Where the runs of this user are remembered; `None` remembers none.
    pub state_dir: Option<PathBuf>,
    /// An org of it ends with the command, so there is nothing to go on with.
    pub passing_org: bool,
}

/// The orgs that we are signed in to, by their aliases: each once, so that each has one pace.
pub type Orgs<T> = BTreeMap<String, Arc<T>>;

/// What the manifest of a run keeps.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Frozen {
    pub runbook: Runbook,
    pub target: String,
    /// The steps that are carried out, in their order.
    pub steps: Vec<String>,
    /// By the words that steps call them.
    pub orgs: BTreeMap<String, FrozenOrg>,
    /// The files that were there when the run began.
    pub inputs: Vec<FrozenFile>,
    /// A member of every plan: whether an org ends with the command.
    pub passing_org: bool,
    /// `--max-failed`, for steps that say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed: Option<MaxFailed>,
}

/// An org as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FrozenOrg {
    pub alias: String,
    pub kind: String,
    pub id: String,
    pub name: String,
    pub origin: String,
    pub user_id: String,
    pub username: String,
    /// Somebody has confirmed what is done to it, where that is needed.
    pub confirmed: bool,
}

/// A file that a step reads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FrozenFile {
    pub step: String,
    /// `input`, `mapping` or `lookup`.
    pub what: String,
    pub path: PathBuf,
    pub digest: Digest,
}

impl Request {
    /// The orgs of the target.
    pub fn target(&self) -> Result<&TargetSpec, Failure> {
        target_of(&self.runbook, &self.target)
    }
}

/// The target of that name.
pub fn target_of<'a>(runbook: &'a Runbook, name: &str) -> Result<&'a TargetSpec, Failure> {
    runbook.targets.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<String> =
            runbook.targets.iter().map(|target| format!("`{}`", target.name)).collect();
        let message = format!("the runbook has no target `{}`", name.escape_debug());
        Failure::new(Blame::Request, message).hint(format!("its targets are {}", names.join(", ")))
    })
}

impl Frozen {
    /// What stands in the manifest of a run.
    pub fn of(manifest: &Manifest) -> Result<Self, Failure> {
        let plan = manifest.plan.clone().unwrap_or_default();
        serde_json::from_value(plan).map_err(|error| {
            let message = format!("the manifest of `{}` is damaged", manifest.run);
            Failure::new(Blame::Ledger, message).cause(error)
        })
    }

    /// The steps that are carried out, in their order.
    pub fn selected(&self) -> Vec<&Step> {
        self.steps.iter().filter_map(|id| self.step(id)).collect()
    }

    /// The step of that id, whether it is carried out or not.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.runbook.steps.iter().find(|step| step.id == id)
    }

    pub fn is_selected(&self, id: &str) -> bool {
        self.steps.iter().any(|step| step == id)
    }

    /// The name of a step's folder: its place in the file, and its id.
    pub fn folder_name(&self, id: &str) -> String {
        folder_name(&self.runbook, id)
    }

    /// Rows in error past which a step fails: what is said nearest to it counts.
    pub fn max_failed(&self, step: &Step) -> Option<MaxFailed> {
        step.max_failed.or(self.max_failed).or(self.runbook.policy.max_failed)
    }
}

/// The name of a step's folder: its place in the file, and its id.
pub fn folder_name(runbook: &Runbook, id: &str) -> String {
    let place = runbook.steps.iter().position(|step| step.id == id).unwrap_or_default();
    format!("{:02}-{id}", place + 1)
}

/// The word of a step's kind.
pub fn kind_of(step: &Step) -> &'static str {
    use crate::config::runbook::StepKind;
    match step.kind {
        StepKind::Load(_) => "load",
        StepKind::Export(_) => "export",
        StepKind::Permissions(_) => "permissions",
        StepKind::Assert(_) => "assert",
        StepKind::Checkpoint(_) => "checkpoint",
        StepKind::Reconcile(_) => "reconcile",
    }
}
