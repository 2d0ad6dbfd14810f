//! The loads that carry decisions out: runs of their own below `steps/` in the run folder.
//!
//! What is taken away comes first, so that seats are free when others are given them. The input of
//! a step is made from the decisions and nothing else, so it is the same however often it is made;
//! a step that was begun is gone on with as any run is, and never begun again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::carry::Run;
use super::decisions::{Decision, Decisions, What};
use super::preview::Preview;
use crate::config::plan::{
    CopyStyle, Delimiter, Input, LineEnding, LoadPlan, MappingManner, Nulls, OnBadRow, Source,
};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_DEFAULT, JOBS_PARALLEL_DEFAULT};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::pipeline::event::Summary;
use crate::pipeline::parent::{self, Confirmed, Within};
use crate::pipeline::resume;
use crate::pipeline::run::{Tools, load};
use crate::pipeline::settle::ResultWriter;
use crate::target::Target;

/// A load of one kind.
#[derive(Debug)]
pub(super) struct Step {
    /// Name of its folder.
    pub name: &'static str,
    pub what: What,
    pub operation: Operation,
    pub object: &'static str,
    columns: &'static [&'static str],
    /// The cells of a decision, by column.
    cells: fn(&Decision) -> Vec<&str>,
    /// Which of the decisions of that kind.
    of: fn(&Decision) -> bool,
    /// How many they are.
    pub rows: fn(&Preview) -> u64,
}

/// The steps in a Salesforce org, in their order.
pub(super) static SALESFORCE: [Step; 3] = [
    Step {
        name: "01-revoke",
        what: What::Revoke,
        operation: Operation::Delete,
        object: "PermissionSetAssignment",
        columns: &["Id"],
        cells: |decision| vec![&decision.assignment],
        of: |_| true,
        rows: |preview| preview.revoke,
    },
    Step {
        name: "02-grant",
        what: What::Grant,
        operation: Operation::Insert,
        object: "PermissionSetAssignment",
        columns: &["AssigneeId", "PermissionSetId", "PermissionSetGroupId", "ExpirationDate"],
        cells: |decision| {
            let id = decision.permission_id.as_str();
            let (set, group) = if id.starts_with("0PG") { ("", id) } else { (id, "") };
            vec![&decision.user_id, set, group, &decision.expires]
        },
        of: |_| true,
        rows: |preview| preview.grant,
    },
    Step {
        name: "03-extend",
        what: What::Extend,
        operation: Operation::Update,
        object: "PermissionSetAssignment",
        columns: &["Id", "ExpirationDate"],
        cells: |decision| vec![&decision.assignment, &decision.expires],
        of: |_| true,
        rows: |preview| preview.extend,
    },
];

/// The steps in an Auth0 tenant; permissions and roles are objects of their own. Roles go first, so
/// that of a permission it is told through which roles it stays effective after all.
pub(super) static AUTH0: [Step; 4] = [
    Step {
        name: "01-revoke-roles",
        what: What::Revoke,
        operation: Operation::Delete,
        object: "UserRole",
        columns: &ROLE,
        cells: of_role,
        of: is_role,
        rows: |preview| preview.revoked_roles,
    },
    Step {
        name: "02-revoke-permissions",
        what: What::Revoke,
        operation: Operation::Delete,
        object: "UserPermission",
        columns: &PERMISSION,
        cells: of_permission,
        of: |decision| !is_role(decision),
        rows: |preview| preview.revoke - preview.revoked_roles,
    },
    Step {
        name: "03-grant-permissions",
        what: What::Grant,
        operation: Operation::Insert,
        object: "UserPermission",
        columns: &PERMISSION,
        cells: of_permission,
        of: |decision| !is_role(decision),
        rows: |preview| preview.grant - preview.granted_roles,
    },
    Step {
        name: "04-grant-roles",
        what: What::Grant,
        operation: Operation::Insert,
        object: "UserRole",
        columns: &ROLE,
        cells: of_role,
        of: is_role,
        rows: |preview| preview.granted_roles,
    },
];

const PERMISSION: [&str; 4] = ["user_id", "email", "resource_server_identifier", "permission_name"];
const ROLE: [&str; 3] = ["user_id", "email", "role"];

/// A permission stands under the identifier of its API, and a role under none.
pub(super) fn is_role(decision: &Decision) -> bool {
    decision.assignment.is_empty()
}

fn of_permission(decision: &Decision) -> Vec<&str> {
    let [id, email] = who(decision);
    vec![id, email, &decision.assignment, &decision.permission]
}

fn of_role(decision: &Decision) -> Vec<&str> {
    let [id, email] = who(decision);
    vec![id, email, &decision.permission_id]
}

/// A user is named by the id, or else by the e-mail.
fn who(decision: &Decision) -> [&str; 2] {
    let email = if decision.user_id.is_empty() { decision.user.as_str() } else { "" };
    [&decision.user_id, email]
}

impl Step {
    pub fn takes(&self, decision: &Decision) -> bool {
        decision.what == self.what && (self.of)(decision)
    }

    /// The run folder of the step.
    pub fn root(&self, parent: &Path) -> PathBuf {
        folder(parent).join(self.name)
    }

    /// Whether a process has begun it; from then on it may have sent rows.
    pub fn is_begun(&self, parent: &Path) -> bool {
        parent::is_begun(&self.root(parent))
    }

    /// Whether it has come to its end.
    pub fn is_closed(&self, parent: &Path) -> Result<bool, Failure> {
        parent::is_closed(&self.root(parent))
    }

    /// The last word of the step, as it left it.
    pub fn summary(&self, parent: &Path) -> Option<Summary> {
        parent::last_word(&self.root(parent))
    }

    /// Whether some decision is for it.
    pub fn has_rows(&self, parent: &Path, decisions: Digest) -> Result<bool, Failure> {
        let mut all = Decisions::open(parent, decisions)?;
        while let Some(decision) = all.next()? {
            if self.takes(&decision) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the input of the step; returns how many rows it has.
    fn write_input(&self, parent: &Path, decisions: Digest) -> Result<u64, Failure> {
        let names = self.columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut file = ResultWriter::begin(&folder(parent), &self.input_name(), &names, &[])?;
        let mut all = Decisions::open(parent, decisions)?;
        while let Some(decision) = all.next()? {
            if self.takes(&decision) {
                file.push((self.cells)(&decision).into_iter().map(str::as_bytes))?;
            }
        }
        Ok(file.finish()?.rows)
    }

    fn input_name(&self) -> String {
        format!("{}.csv", self.name)
    }

    fn plan(&self, parent: &Path, passing_org: bool) -> Result<LoadPlan, Failure> {
        let object = ObjectName::parse(self.object)
            .map_err(|error| Failure::new(Blame::Run, error.to_string()))?;
        Ok(LoadPlan {
            operation: self.operation,
            object,
            external_id: None,
            input: Input {
                source: Source::File(folder(parent).join(self.input_name())),
                delimiter: Some(Delimiter::Comma),
                line_ending: Some(LineEnding::Lf),
                encoding: None,
            },
            mapping: None,
            assignment_rule: None,
            mapping_manner: MappingManner::Own,
            chunk_rows: CHUNK_ROWS_DEFAULT,
            chunk_bytes: CHUNK_BYTES_MAX,
            parallel: JOBS_PARALLEL_DEFAULT,
            on_bad_row: OnBadRow::Reject,
            on_duplicate: None,
            nulls: if self.what == What::Extend { Nulls::Clear } else { Nulls::Ignore },
            skip: 0,
            limit: None,
            runs_dir: folder(parent),
            run_name: Some(self.name.to_owned()),
            success_copy: None,
            error_copy: None,
            copy_style: CopyStyle::Own,
            conversions: None,
            // The run as a whole is what is begun once; a step belongs to it.
            state_dir: None,
            retry_of: None,
            undo_of: None,
            // With them a step can be taken back: what was revoked, and when it would have ended.
            before_images: self.operation != Operation::Insert,
            skip_unchanged: false,
            verify_after: false,
            group_by: None,
            lanes: None,
            rounds: 0,
            max_failed: None,
            passing_org,
        })
    }
}

/// Where the steps of the run in `parent` are.
pub(super) fn folder(root: &Path) -> PathBuf {
    parent::steps(root)
}

/// How a step of this process ended.
pub(super) enum StepEnd {
    /// It has come to its end, now or before.
    Closed(Option<Box<Summary>>),
    /// It has not, and can be gone on with.
    Paused(Box<Summary>),
    /// It was refused before anything of it was sent.
    Refused(Failure),
}

/// Begins a step or goes on with it. `Err` means that what it has sent cannot be told now.
pub(super) async fn carry<T: Target>(step: &Step, run: &Run<T>) -> Result<StepEnd, Failure> {
    let parent = run.folder.root();
    let (tools, target) = (&run.tools, &run.target);
    let root = step.root(parent);
    let mut tools = Tools { watch: Arc::new(Within(Arc::clone(&tools.watch))), ..tools.clone() };
    if run.confirmed {
        tools.assent = Arc::new(Confirmed(tools.assent));
    }
    let target = Arc::clone(target);
    let ended = if step.is_begun(parent) {
        if step.is_closed(parent)? {
            return Ok(StepEnd::Closed(step.summary(parent).map(Box::new)));
        }
        Box::pin(resume::resume(&root, target, tools)).await?
    } else {
        parent::remove_unborn(&root)?;
        parent::make_folder(&folder(parent))?;
        step.write_input(parent, run.frozen.decisions)?;
        let plan = step.plan(parent, run.frozen.passing_org)?;
        let alias = run.names.alias.clone();
        match Box::pin(load(plan, target, alias, tools)).await {
            Ok(summary) => summary,
            Err(failure) => return Ok(StepEnd::Refused(failure)),
        }
    };
    let ended = Box::new(ended);
    Ok(if step.is_closed(parent)? { StepEnd::Closed(Some(ended)) } else { StepEnd::Paused(ended) })
}
