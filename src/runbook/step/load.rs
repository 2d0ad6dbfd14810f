//! A load: a run of its own below `steps/`, and a second one where a second pass was asked for.

use super::{ChildEnd, Ended, paused, plan, second};
use crate::config::plan::{LoadPlan, Source};
use crate::config::runbook::{LoadStep, Step};
use crate::ledger::StepOutcome;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::parent;
use crate::pipeline::threads::on_thread;
use crate::runbook::carry::Run;
use crate::target::Target;

/// Begins the load or goes on with it, and then its second pass.
pub(super) async fn carry<T: Target>(
    run: &Run<T>,
    step: &Step,
    load: &LoadStep,
) -> Result<Ended, Failure> {
    let name = run.places.name(&step.id);
    let first = match run.child(step, &name, first(run, step, load)).await? {
        ChildEnd::Closed(summary) => summary,
        ChildEnd::Paused(summary) => return Ok(paused(run, &summary)),
    };
    let ended = run.judge(step, &first, first.rows)?;
    if load.second_pass.is_empty() || !ended.outcome.is_good() {
        return Ok(ended);
    }
    if !parent::is_begun(&run.places.second(&step.id)) && !second::prepare(run, step, load).await? {
        return Ok(ended);
    }
    let name = run.places.second_name(&step.id);
    let second = match run.child(step, &name, async { second::plan(run, step, load) }).await? {
        ChildEnd::Closed(summary) => summary,
        ChildEnd::Paused(summary) => return Ok(paused(run, &summary)),
    };
    let alone = run.judge(step, &second, second.rows)?;
    if alone.outcome == StepOutcome::Succeeded { Ok(ended) } else { Ok(alone) }
}

/// The plan of the load; what it needs is written down before.
async fn first<T: Target>(run: &Run<T>, step: &Step, load: &LoadStep) -> Result<LoadPlan, Failure> {
    let mut plan = plan::load_plan(step, load, &run.places, run.org(step)?.target.kind())?;
    plan.passing_org = run.frozen.passing_org;
    plan.mapping = plan::written(step, load, &run.places, plan.mapping)?;
    if let Source::File(path) = &plan.input.source
        && !path.is_file()
    {
        let message = format!("`{}` is not there", path.display());
        return Err(Failure::new(Blame::Guard, message));
    }
    few_deletes(run, step, &plan).await?;
    Ok(plan)
}

/// `max_rows_deleted` holds for all steps together, however many rows an export has found.
async fn few_deletes<T: Target>(run: &Run<T>, step: &Step, plan: &LoadPlan) -> Result<(), Failure> {
    let Some(most) = run.frozen.runbook.policy.max_rows_deleted else { return Ok(()) };
    if !super::deletes(step) {
        return Ok(());
    }
    let input = plan.input.clone();
    let mut all = on_thread("counting", move || plan::count_rows(&input)).await?;
    for other in run.frozen.runbook.steps.iter().filter(|other| other.id != step.id) {
        let root = run.places.folder(&other.id);
        if super::deletes(other) && parent::is_begun(&root) {
            all += parent::last_word(&root).map_or(0, |summary| summary.rows.input);
        }
    }
    if all <= most {
        return Ok(());
    }
    let message = format!(
        "with this step {all} rows are deleted, and `max_rows_deleted` of the runbook is {most}"
    );
    Err(Failure::new(Blame::Guard, message))
}
