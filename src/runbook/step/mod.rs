//! One step, from where it stands to its end: one file for each kind.

mod checkpoint;
mod checks;
mod export;
mod load;
mod permissions;
mod plan;
mod second;

pub(super) use permissions::request as permissions_request;
pub(super) use plan::{count_rows, load_plan, uses_steps};
pub(super) use second::{mapping_of as second_mapping, without_mapping};

use std::path::Path;

use super::carry::{At, Run};
use super::check::{in_window, within_budget};
use crate::config::plan::LoadPlan;
use crate::config::policy::MaxFailed;
use crate::config::runbook::{Step, StepKind};
use crate::ledger::{Fact, Output, StepOutcome};
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::pipeline::event::Summary;
use crate::pipeline::manifest::changed;
use crate::pipeline::parent;
use crate::pipeline::run::load;
use crate::pipeline::threads::on_thread;
use crate::pipeline::{guards, read, resume};
use crate::target::Target;

/// How a step ended in this process.
#[derive(Debug)]
pub struct Ended {
    pub outcome: StepOutcome,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// What a person is told of an end that is no failure.
    pub remark: Option<String>,
    /// What it wrote that is in no ledger of its own.
    pub files: Vec<Output>,
}

impl Ended {
    pub fn as_is(outcome: StepOutcome) -> Self {
        Self { outcome, failure: None, remark: None, files: Vec::new() }
    }

    /// The end that a failure means.
    pub fn failed(failure: Failure) -> Self {
        let outcome = match failure.blame {
            Blame::Interrupted => StepOutcome::Interrupted,
            _ => StepOutcome::Failed,
        };
        Self { failure: Some(failure), ..Self::as_is(outcome) }
    }

    /// What the ledger keeps of why.
    pub fn message(&self) -> Option<String> {
        let Some(failure) = &self.failure else { return self.remark.clone() };
        let parts = std::iter::once(&failure.message).chain(&failure.causes);
        Some(parts.map(String::as_str).collect::<Vec<_>>().join(": "))
    }
}

/// Begins a step or goes on with it.
pub(super) async fn carry<T: Target>(run: &Run<T>, step: &Step) -> Ended {
    match carried(run, step).await {
        Ok(ended) => ended,
        Err(failure) => Ended::failed(failure),
    }
}

async fn carried<T: Target>(run: &Run<T>, step: &Step) -> Result<Ended, Failure> {
    let at = run.org(step)?;
    run.may_begin(at)?;
    match &step.kind {
        StepKind::Load(load) => load::carry(run, step, load).await,
        StepKind::Export(export) => export::carry(run, step, export).await,
        StepKind::Permissions(change) => permissions::carry(run, step, change).await,
        StepKind::Checkpoint(checkpoint) => checkpoint::carry(run, step, checkpoint).await,
        StepKind::Assert(asserts) => checks::assert(run, step, asserts).await,
        StepKind::Reconcile(all) => checks::reconcile(run, step, all).await,
    }
}

/// How a run below the runbook's ended.
pub(super) enum ChildEnd {
    /// It has come to its end, now or before.
    Closed(Box<Summary>),
    /// It has not, and can be gone on with.
    Paused(Box<Summary>),
}

impl<T: Target> Run<T> {
    /// What must hold whenever a step is begun or gone on with, however late that is.
    fn may_begin(&self, at: &At<T>) -> Result<(), Failure> {
        let policy = &self.frozen.runbook.policy;
        in_window(policy, &at.facts, self.timestamp())?;
        within_budget(policy, at.before, at.target.usage(), &at.alias)
    }

    /// Begins a load below this run, or goes on with it; what has a manifest is never begun again.
    /// `Err` means that it was refused, or that what it has sent cannot be told now.
    pub(super) async fn child(
        &self,
        step: &Step,
        name: &str,
        plan: impl Future<Output = Result<LoadPlan, Failure>>,
    ) -> Result<ChildEnd, Failure> {
        let at = self.org(step)?;
        let root = self.places.steps().join(name);
        let tools = self.tools_of(step, at);
        let target = std::sync::Arc::clone(&at.target);
        let summary = if parent::is_begun(&root) {
            if parent::is_closed(&root)? {
                return closed(&root);
            }
            Box::pin(resume::resume(&root, target, tools)).await?
        } else {
            self.unchanged_inputs(step).await?;
            parent::make_folder(self.places.steps())?;
            parent::remove_unborn(&root)?;
            let plan = plan.await?;
            Box::pin(load(plan, target, at.alias.clone(), tools)).await?
        };
        let ended = Box::new(summary);
        Ok(if parent::is_closed(&root)? {
            ChildEnd::Closed(ended)
        } else {
            ChildEnd::Paused(ended)
        })
    }

    /// The files of a step that is not begun yet are those that were checked.
    pub(super) async fn unchanged_inputs(&self, step: &Step) -> Result<(), Failure> {
        let files = self.frozen.inputs.iter().filter(|file| file.step == step.id);
        let files: Vec<_> = files.cloned().collect();
        on_thread("comparing files", move || {
            for file in &files {
                let source = crate::config::plan::Source::File(file.path.clone());
                let now = read::digest(&source).map_err(|error| {
                    crate::pipeline::manifest::gone(&file.what, &file.path, &error.into())
                })?;
                if now != Some(file.digest) {
                    let now = now.map(|digest| digest.to_string()).unwrap_or_default();
                    return Err(changed(&file.what, &file.path, &file.digest.to_string(), &now));
                }
            }
            Ok(())
        })
        .await
    }

    /// What rows in error mean for a step that has come to its end.
    pub(super) fn judge(
        &self,
        step: &Step,
        summary: &Summary,
        counts: Counts,
    ) -> Result<Ended, Failure> {
        let limit = self.tools.guards.max_failed.or(self.frozen.max_failed(step));
        let trouble = parent::failure_of(summary).or_else(|| trouble(counts, limit));
        match trouble {
            Some(failure) => self.unless_approved(step, failure),
            None if counts.success == counts.input => Ok(Ended::as_is(StepOutcome::Succeeded)),
            None => Ok(Ended::as_is(StepOutcome::Partial)),
        }
    }

    /// What went wrong in a step is passed over when somebody has approved it, now or before.
    pub(super) fn unless_approved(&self, step: &Step, failure: Failure) -> Result<Ended, Failure> {
        let state = self.state.steps.get(&step.id);
        let by = match state.and_then(|state| state.approved.as_ref()) {
            Some(approval) => approval.by.clone(),
            None if self.approve.contains(&step.id) => {
                let (step, by, when) = (step.id.clone(), self.by.clone(), self.now());
                self.record(&Fact::StepApproved { step, by, when })?;
                self.by.clone()
            }
            None => return Ok(Ended::failed(self.ways_on(step, failure))),
        };
        let remark = Some(format!("{}; approved by `{by}`", failure.message));
        Ok(Ended { remark, ..Ended::as_is(StepOutcome::Partial) })
    }

    fn ways_on(&self, step: &Step, failure: Failure) -> Failure {
        let command = crate::pipeline::manifest::resume_command(self.folder.root());
        failure.hint(format!(
            "`{command} --approve {}` goes on all the same, once somebody has looked at them",
            step.id
        ))
    }
}

fn closed(root: &Path) -> Result<ChildEnd, Failure> {
    let summary = parent::last_word(root).ok_or_else(|| {
        let message = format!("`{}` has no summary any more", root.display());
        Failure::new(Blame::Ledger, message)
    })?;
    Ok(ChildEnd::Closed(Box::new(summary)))
}

/// What is wrong with the rows of a step that has come to its end.
fn trouble(counts: Counts, limit: Option<MaxFailed>) -> Option<Failure> {
    if counts.unknown > 0 {
        let message = format!("what became of {} rows is not known", counts.unknown);
        return Some(Failure::new(Blame::Accounting, message));
    }
    let bad = counts.error + counts.rejected + counts.unprocessed;
    let limit = limit.filter(|limit| limit.is_passed_by(bad, counts.input))?;
    let message =
        format!("{bad} of {} rows did not succeed, and `max_failed` is {limit}", counts.input);
    Some(Failure::new(Blame::Guard, message))
}

/// The end of a step whose run is not over.
fn paused<T>(run: &Run<T>, summary: &Summary) -> Ended {
    let failure = parent::failure_of(summary);
    let mut failure = failure.unwrap_or_else(|| Failure::new(Blame::Run, "it came to no end"));
    if failure.blame == Blame::Guard {
        // `max_failed` has stopped it, or a file is not what it was.
        let command = crate::pipeline::manifest::resume_command(run.folder.root());
        failure
            .hints
            .push(format!("`{command}` goes on; where too many rows failed, with `--yes`"));
    }
    Ended::failed(failure)
}

/// Whether an operation takes rows away.
pub(super) fn deletes(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Load(load) if guards::is_removal(load.operation))
}
