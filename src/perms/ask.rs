//! What was asked for; it stands in the manifest of the run, so that a later process can go on.

use std::path::PathBuf;

use super::who::WhoField;
use crate::config::plan::Input;
use crate::model::chunk::Digest;

/// Which of the three changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Grant,
    Revoke,
    Sync,
}

impl Action {
    /// The operation as manifest and summary name it.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Grant => "perms grant",
            Self::Revoke => "perms revoke",
            Self::Sync => "perms sync",
        }
    }

    pub(super) fn of_operation(operation: &str) -> Option<Self> {
        [Self::Grant, Self::Revoke, Self::Sync].into_iter().find(|it| it.operation() == operation)
    }
}

/// What a sync makes exactly so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The permissions in the file are held by those who stand beside them, and by nobody else.
    #[default]
    ListedPermissions,
    /// The users in the file hold what stands beside them, and nothing else.
    ListedUsers,
}

impl Scope {
    /// Why a sync takes something away.
    pub(super) fn not_listed(self) -> &'static str {
        match self {
            Self::ListedPermissions => "not listed for this permission",
            Self::ListedUsers => "not listed for this user",
        }
    }
}

/// Why a revoke of everything takes something away.
pub(super) const EVERYTHING: &str = "everything that the user holds";

/// A change of permissions, checked for form.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Request {
    pub action: Action,
    pub scope: Scope,
    /// The file; without it `condition` says who.
    pub input: Option<Input>,
    /// A condition on users, in SOQL.
    pub condition: Option<String>,
    /// Permission sets and groups for every row, in place of columns.
    pub sets: Vec<String>,
    pub groups: Vec<String>,
    /// A user whose permissions every row gets.
    pub copy_from: Option<String>,
    /// Of a revoke: rows say who, and lose all that they hold.
    #[serde(default)]
    pub everything: bool,
    /// When grants end whose row does not say so.
    pub expires: Option<String>,
    /// The order in which columns decide who is meant.
    pub matching: Vec<WhoField>,
    pub runs_dir: PathBuf,
    pub run_name: Option<String>,
    /// Where the review of what is planned is written, before anything is sent.
    #[serde(default)]
    pub review: Option<PathBuf>,
    /// Stop after the preview.
    pub dry_run: bool,
    /// The org ends with the command, so there is nothing to go on with.
    pub passing_org: bool,
}

impl Request {
    /// Whether what to grant comes from elsewhere than the columns of the file.
    pub(super) fn names_permissions(&self) -> bool {
        let named = !self.sets.is_empty() || !self.groups.is_empty();
        named || self.copy_from.is_some() || self.everything
    }

    /// Whether something is taken away that no row names.
    pub(super) fn takes_unnamed(&self) -> bool {
        self.action == Action::Sync || self.everything
    }

    /// What the input is called in messages.
    pub(super) fn input_name(&self) -> String {
        match (&self.input, &self.condition) {
            (Some(input), _) => crate::pipeline::manifest::input_name(&input.source),
            (None, Some(condition)) => format!("users where {condition}"),
            (None, None) => String::new(),
        }
    }
}

/// What the manifest of a run keeps: the request, and the decisions by their digest.
///
/// The manifest is written when the decisions are on disk; from then on nothing is decided anew.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Frozen {
    pub request: Request,
    pub decisions: Digest,
    pub rows: u64,
    /// A member of every plan: whether the org ends with the command.
    pub passing_org: bool,
}
