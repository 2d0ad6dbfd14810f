//! The runbook: a data migration as one file of steps, as it is written.
//!
//! Read strictly and whole before anybody signs in: an unknown key, a wrong type, a step that
//! waits for itself or a path that leaves the folder is refused with `file:line:column`.
//! `docs/reference/runbook.md` shows the shape of the file.

mod faults;
pub mod parse;
pub mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::mapping::Place;
use super::plan::{Delimiter, LineEnding, Nulls, OnBadRow, OnDuplicate};
pub use super::policy::ApiBudget;
use super::policy::{MaxFailed, Share};
use super::window::Window;
use crate::model::chunk::Digest;
use crate::model::operation::Operation;

pub use faults::{FAULTS_MAX, Fault, RunbookFaults};

/// A runbook, well-formed but not yet checked against files and orgs.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Runbook {
    pub name: String,
    pub description: Option<String>,
    /// The file's name as the user gave it, for messages.
    pub file: String,
    /// The folder that its paths are taken from, from the root of the file system on.
    pub folder: PathBuf,
    /// Digest of the file's bytes, before parameters are filled in.
    pub digest: Digest,
    /// What each parameter stands for in this run.
    pub parameters: BTreeMap<String, String>,
    /// What `--target` chooses from, in the order of the file; at least one.
    pub targets: Vec<TargetSpec>,
    /// The one of them that is taken when nothing is chosen.
    pub default_target: String,
    pub policy: RunbookPolicy,
    /// In the order of the file; no step waits for a later one in a circle.
    pub steps: Vec<Step>,
}

/// The orgs that a run of the file works in, by the words that steps call them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TargetSpec {
    pub name: String,
    pub orgs: BTreeMap<String, OrgSpec>,
    pub place: Place,
}

/// One org of a target.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrgSpec {
    pub alias: String,
    /// The org must have this id; anything else behind the alias is refused.
    pub org_id: Option<String>,
}

/// Limits of the whole run, beside those of the project.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunbookPolicy {
    /// Rows in error past which a step is stopped, where the step says nothing.
    pub max_failed: Option<MaxFailed>,
    /// Rows that all steps together may delete at most.
    pub max_rows_deleted: Option<u64>,
    /// When a production org may be worked in.
    pub change_window: Vec<Window>,
    /// Calls that the run may make in each org.
    pub api_budget: Option<ApiBudget>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Letters, digits, `-` and `_`; the name of its folder too.
    pub id: String,
    pub title: Option<String>,
    /// Steps that must have succeeded before it.
    pub depends_on: Vec<String>,
    /// Which org of the target; the only one where there is but one.
    pub org: String,
    pub max_failed: Option<MaxFailed>,
    pub kind: StepKind,
    pub place: Place,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum StepKind {
    Load(Box<LoadStep>),
    Export(ExportStep),
    Permissions(Box<PermissionsStep>),
    Assert(Vec<Assertion>),
    Checkpoint(Checkpoint),
    Reconcile(Vec<Check>),
}

/// Where the rows of a step come from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Rows {
    /// A file, from the root of the file system on.
    File(PathBuf),
    /// What an earlier export wrote, or what an earlier load loaded.
    Step(String),
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LoadStep {
    pub operation: Operation,
    pub object: String,
    pub rows: Rows,
    pub external_id: Option<String>,
    /// A mapping file, from the root of the file system on. Its lookups may name earlier steps:
    /// `lookup = { step = "accounts", key = "Legacy_Id__c" }` is the new Id of the row of the step
    /// `accounts` whose column `Legacy_Id__c` holds the value.
    pub mapping: Option<PathBuf>,
    /// Fields of the mapping that are left out at first and written by a second pass over the rows
    /// that succeeded, when all of them are there: references of an object to itself.
    pub second_pass: Vec<String>,
    pub delimiter: Option<Delimiter>,
    pub line_ending: Option<LineEnding>,
    pub encoding: Option<String>,
    pub on_bad_row: OnBadRow,
    pub on_duplicate: Option<OnDuplicate>,
    pub nulls: Nulls,
    /// `None`: as a load has it by itself, on for deletes, or for all where the run can be undone.
    pub before_images: Option<bool>,
    pub skip_unchanged: bool,
    pub verify_after: bool,
    pub chunk_rows: Option<u32>,
    pub chunk_bytes: Option<u64>,
    pub parallel: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportStep {
    pub query: ExportSpec,
    /// The name of the file in the step's folder; `rows = { step = "…" }` of a later step reads it.
    pub output: String,
    /// Deleted and archived rows too.
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ExportSpec {
    Soql(String),
    Object { object: String, fields: Vec<String>, filter: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PermissionsStep {
    pub action: PermissionsAction,
    /// What a sync makes exactly so: `listed-permissions` or `listed-users`.
    pub listed_users: bool,
    /// Every permission that the users hold is revoked, whatever it is.
    pub everything: bool,
    pub rows: Rows,
    pub permission_sets: Vec<String>,
    pub permission_set_groups: Vec<String>,
    /// Columns that say who is meant, in this order, as files call them: `User Id`.
    pub matching: Vec<String>,
    pub expires: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PermissionsAction {
    Grant,
    Revoke,
    Sync,
}

/// A question to the org, and the bound that its answer is held against.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Assertion {
    /// `SELECT COUNT() …`, or one that answers with one row of one value.
    pub soql: String,
    pub bound: Bound,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Bound {
    /// The same text, or the same number.
    Equals(String),
    AtLeast(f64),
    AtMost(f64),
    Between(f64, f64),
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// What whoever approves has looked at.
    pub message: String,
}

/// One comparison between source and org.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Check {
    pub name: String,
    pub kind: CheckKind,
    /// How far the two numbers may be apart.
    pub tolerance: Tolerance,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Tolerance {
    /// As a difference of the numbers.
    pub absolute: f64,
    /// As a part of the source's number.
    pub share: Option<Share>,
}

/// Rows of a source that count, and how the file is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CheckSource {
    pub rows: Rows,
    /// Only rows whose column holds this text: `where = { Stage = "Closed Won" }`.
    pub only: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum CheckKind {
    /// Rows of the source, and records of the object.
    Count { source: CheckSource, object: String, filter: Option<String> },
    /// The sum of a column, and of a field.
    Sum {
        source: CheckSource,
        column: String,
        object: String,
        field: String,
        filter: Option<String>,
    },
    /// The part of rows whose column is empty, and of records whose field is.
    Nulls {
        source: CheckSource,
        column: String,
        object: String,
        field: String,
        filter: Option<String>,
    },
    /// Records without the parent that they should have, against a number that is nought by itself.
    Orphans { object: String, field: String, filter: Option<String>, expected: u64 },
    /// Keys that stand more than once in the source, and in the field.
    Duplicates {
        source: CheckSource,
        column: String,
        object: String,
        field: String,
        filter: Option<String>,
    },
    /// Rows of a load step, drawn by chance, compared field by field with their records through the
    /// mapping of that step.
    Sample { step: String, rows: u32, fields: Vec<String> },
}

impl Runbook {
    /// Reads a runbook, and all mapping files that it names; `parameters` are those of the command
    /// line.
    ///
    /// # Errors
    ///
    /// All faults at once, the first 20 of them with their places.
    pub fn read(path: &Path, parameters: &[(String, String)]) -> Result<Self, RunbookFaults> {
        parse::read(path, parameters)
    }

    /// Reads the text of a runbook that lies, or lay, in `folder` (from the root of the file system
    /// on); `file` is its name in messages.
    pub fn parse(
        text: &str,
        file: &str,
        folder: &Path,
        parameters: &[(String, String)],
    ) -> Result<Self, RunbookFaults> {
        parse::parse(text, file, folder, parameters)
    }
}

#[cfg(test)]
mod tests;
