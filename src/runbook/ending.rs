//! The end of a process of a run: the summary with its steps, and the exit code.

use std::path::Path;
use std::sync::PoisonError;

use tokio::time::Instant;

use super::carry::Run;
use super::view::{self, Seen};
use crate::ledger::{Fact, RunState, StepOutcome, write_whole};
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::pipeline::ending::{fail, verdict};
use crate::pipeline::event::{
    Event, Status, StepState, Summary, SummaryApi, SummaryFailure, SummaryFiles, SummaryOrg,
};
use crate::pipeline::manifest::resume_command;
use crate::target::Target;

/// The codes of exit, the gravest first.
const GRAVEST: [u8; 11] = [5, 8, 9, 4, 1, 75, 130, 7, 6, 2, 3];

/// Says how it ended, writes the summary, and closes the run if all of its steps have succeeded.
pub(super) fn conclude<T: Target>(
    run: &Run<T>,
    broken: Option<Failure>,
    began: Instant,
) -> Result<Summary, Failure> {
    let state = state(run)?;
    let seen = view::see(&run.frozen, &run.places, &state, run.timestamp())?;
    let is_over = broken.is_none()
        && seen.iter().filter(|seen| run.frozen.is_selected(&seen.step.id)).all(is_good);
    let mut summary = summary(run, seen, began);
    match broken {
        Some(failure) => fail(&mut summary, &failure),
        None => end(run, &state, &mut summary),
    }
    if !is_over {
        go_on(run, &mut summary);
    }
    write_summary(run.folder.root(), &summary)?;
    let (counts, exit_code) = (summary.rows, summary.exit_code);
    if is_over {
        run.record(&Fact::Outputs { files: Vec::new() })?;
        run.record(&Fact::Closed { counts, exit_code })?;
    } else if let Err(failure) =
        run.record(&Fact::Paused { counts, exit_code, first_row: 1, files: Vec::new(), rounds: 0 })
    {
        tracing::debug!(%failure, "The ledger cannot say that the run pauses.");
    }
    run.tools.watch.see(&Event::Ended { summary: Box::new(summary.clone()) });
    Ok(summary)
}

/// The steps as the ledger has them now.
fn state<T: Target>(run: &Run<T>) -> Result<RunState, Failure> {
    Ok(RunState::read(&run.folder.ledger(), &run.name)?.0)
}

fn is_good(seen: &Seen) -> bool {
    matches!(seen.step.state, StepState::Succeeded | StepState::Partial)
}

/// Status, exit code and failure by the steps: the gravest counts, and the first of those is told.
fn end<T: Target>(run: &Run<T>, state: &RunState, summary: &mut Summary) {
    let done = run.done.lock().unwrap_or_else(PoisonError::into_inner);
    let mut worst: Option<(u8, usize)> = None;
    for (place, step) in summary.steps.iter().enumerate() {
        let failure = done.get(&step.id).and_then(|ended| ended.failure.as_ref());
        let code = match step.state {
            StepState::Succeeded | StepState::Skipped | StepState::NotBegun => continue,
            StepState::Partial => 3,
            StepState::Waiting => Blame::Guard.exit_code(),
            StepState::Interrupted => Blame::Interrupted.exit_code(),
            StepState::Failed => failure.map_or(1, |failure| blame(failure).exit_code()),
        };
        let is_worse = |(worst, _)| rank(code) < rank(worst);
        if worst.is_none_or(is_worse) {
            worst = Some((code, place));
        }
    }
    let Some((code, place)) = worst else { return };
    summary.exit_code = code;
    let step = &summary.steps[place];
    summary.status = match step.state {
        StepState::Partial => return,
        StepState::Waiting | StepState::Interrupted => Status::Interrupted,
        _ => Status::Failed,
    };
    let ended = state.steps.get(&step.id).and_then(|state| state.ended.as_ref());
    let told = ended.and_then(|ended| ended.message.clone());
    let told = told.unwrap_or_else(|| "it came to no end".to_owned());
    let waits = ended.is_some_and(|ended| ended.outcome == StepOutcome::Waiting);
    let message = if waits { told } else { format!("step `{}`: {told}", step.id) };
    let failure = done.get(&step.id).and_then(|ended| ended.failure.as_ref());
    let hints = failure.map(|failure| failure.hints.clone()).unwrap_or_default();
    summary.failure = Some(SummaryFailure { message, hints });
}

/// Half-way through, a fault of the request is no refusal any more: something was sent.
fn blame(failure: &Failure) -> Blame {
    if failure.blame == Blame::Request { Blame::Run } else { failure.blame }
}

fn rank(code: u8) -> usize {
    GRAVEST.iter().position(|other| *other == code).unwrap_or(GRAVEST.len())
}

/// Says how to go on, where that is possible.
fn go_on<T: Target>(run: &Run<T>, summary: &mut Summary) {
    if summary.failure.is_none() {
        let why = if run.tools.stop.is_asked() { "interrupted" } else { "the run came to no end" };
        let blame = if run.tools.stop.is_asked() { Blame::Interrupted } else { Blame::Run };
        fail(summary, &Failure::new(blame, why));
    }
    let Some(failure) = &mut summary.failure else { return };
    if run.frozen.passing_org {
        failure.hints.retain(|hint| !hint.contains("longshore resume"));
        let hint = "an org of this command ends with it, so there is nothing to go on with";
        failure.hints.push(hint.to_owned());
        return;
    }
    let command = resume_command(run.folder.root());
    if !failure.hints.iter().any(|hint| hint.contains(&command)) {
        failure.hints.push(format!("`{command}` goes on where it stopped"));
    }
    summary.resume = Some(command);
}

/// The sum of the runs below; rows that were only read, by exports, are not among them.
pub(super) fn sum<'a>(seen: impl Iterator<Item = &'a Seen>) -> Counts {
    let mut rows = Counts::default();
    seen.filter(|seen| seen.step.kind != "export").for_each(|seen| rows.add(seen.step.rows));
    rows
}

fn summary<T: Target>(run: &Run<T>, seen: Vec<Seen>, began: Instant) -> Summary {
    let rows = sum(seen.iter());
    let (status, exit_code) = verdict(&rows);
    let first = run.frozen.selected().first().and_then(|step| run.frozen.orgs.get(&step.org));
    let mut api = SummaryApi::default();
    let mut counted: Vec<&str> = Vec::new();
    for at in run.orgs.values() {
        if !counted.contains(&at.alias.as_str()) {
            counted.push(&at.alias);
            let usage = at.target.usage();
            api.calls += usage.calls;
            api.retries += usage.retries;
        }
    }
    let (mut steps, mut jobs, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for seen in seen {
        steps.push(seen.step);
        jobs.extend(seen.jobs);
        errors.extend(seen.errors);
    }
    Summary {
        run: run.name.clone(),
        run_dir: run.folder.root().to_owned(),
        status,
        exit_code,
        operation: super::OPERATION.to_owned(),
        object: run.frozen.runbook.name.clone(),
        org: SummaryOrg {
            id: first.map(|org| org.id.clone()).unwrap_or_default(),
            kind: first.map(|org| org.kind.clone()).unwrap_or_default(),
            alias: first.map(|org| org.alias.clone()).unwrap_or_default(),
        },
        rows,
        jobs,
        errors,
        api,
        seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        files: SummaryFiles::default(),
        preview: None,
        steps,
        resume: None,
        failure: None,
    }
}

fn write_summary(root: &Path, summary: &Summary) -> Result<(), Failure> {
    let path = root.join("out/summary.json");
    let disk = |error: std::io::Error| Failure::disk("write", &path, &error);
    let mut json = serde_json::to_vec_pretty(summary).map_err(|error| disk(error.into()))?;
    json.push(b'\n');
    write_whole(&path, &json).map_err(disk)
}
