//! A checkpoint: the run waits there until somebody has looked and says so.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Ended;
use crate::config::runbook::{Checkpoint, Step};
use crate::ledger::{Fact, StepOutcome};
use crate::model::failure::{Blame, Failure};
use crate::pipeline::assent::Word;
use crate::pipeline::manifest::resume_command;
use crate::runbook::carry::Run;
use crate::target::Target;

/// Passes when the step is approved: before, with this command, or by the person in front.
pub(super) async fn carry<T: Target>(
    run: &Run<T>,
    step: &Step,
    checkpoint: &Checkpoint,
) -> Result<Ended, Failure> {
    if let Some(approval) = run.state.steps.get(&step.id).and_then(|state| state.approved.as_ref())
    {
        return Ok(approved(&approval.by, &approval.when));
    }
    if !run.approve.contains(&step.id)
        && let Err(failure) = ask(run, step, checkpoint).await?
    {
        return Ok(Ended { failure: Some(failure), ..Ended::as_is(StepOutcome::Waiting) });
    }
    let (by, when) = (run.by.clone(), run.now());
    let fact = Fact::StepApproved { step: step.id.clone(), by: by.clone(), when: when.clone() };
    run.record(&fact)?;
    Ok(approved(&by, &when))
}

fn approved(by: &str, when: &str) -> Ended {
    let when = when.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
    let remark = Some(format!("approved by `{by}` at {when} UTC"));
    Ended { remark, ..Ended::as_is(StepOutcome::Succeeded) }
}

/// Asks the person in front, if there is one; steps beside it go on meanwhile.
async fn ask<T: Target>(
    run: &Run<T>,
    step: &Step,
    checkpoint: &Checkpoint,
) -> Result<Result<(), Failure>, Failure> {
    let command = resume_command(run.folder.root());
    let id = step.id.clone();
    let message = format!("step `{id}` waits for an approval: {}", checkpoint.message);
    let danger = Failure::new(Blame::Guard, message)
        .hint(format!("`{command} --approve {id}` approves it and goes on"));
    let assent = Arc::clone(&run.tools.assent);
    let asking = spawn_blocking(move || assent.typed(&Word::Step(&id), danger));
    tokio::select! {
        biased;
        () = run.tools.stop.asked() => {
            Err(Failure::new(Blame::Interrupted, "interrupted"))
        }
        answered = asking => answered.map_err(|_| {
            Failure::new(Blame::Run, "asking broke down; this is a fault of longshore")
        }),
    }
}
