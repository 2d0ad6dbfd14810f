//! What became of the steps, as it lies on disk: for the summary, for `verify`, for `runs show`.

use std::path::PathBuf;

use super::ask::{Frozen, kind_of};
use super::carry::held_up;
use super::places::Places;
use crate::config::runbook::{Step, StepKind};
use crate::ledger::{Manifest, RunState, StepOutcome};
use crate::model::failure::Failure;
use crate::model::verdict::Counts;
use crate::pipeline::event::{ErrorGroup, StepState, SummaryCheck, SummaryJob, SummaryStep};
use crate::pipeline::parent;

/// A step, and what its runs say.
pub(super) struct Seen {
    pub step: SummaryStep,
    pub jobs: Vec<SummaryJob>,
    pub errors: Vec<ErrorGroup>,
}

/// All steps of the runbook, in the order of the file. `now` ends what has not ended.
pub(super) fn see(
    frozen: &Frozen,
    places: &Places,
    state: &RunState,
    now: jiff::Timestamp,
) -> Result<Vec<Seen>, Failure> {
    frozen.runbook.steps.iter().map(|step| one(frozen, places, state, now, step)).collect()
}

fn one(
    frozen: &Frozen,
    places: &Places,
    state: &RunState,
    now: jiff::Timestamp,
    step: &Step,
) -> Result<Seen, Failure> {
    let runs = runs_of(places, step);
    let mut rows = Counts::default();
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for root in &runs {
        rows.add(counts_of(root)?);
        let Some(summary) = parent::last_word(root) else { continue };
        jobs.extend(summary.jobs);
        errors.extend(summary.errors.into_iter().map(|group| ErrorGroup {
            message: format!("{}: {}", step.id, group.message),
            ..group
        }));
    }
    let known = state.steps.get(&step.id);
    let ended = known.and_then(|known| known.ended.as_ref());
    let (standing, mut message) = match ended {
        Some(ended) => (of_outcome(ended.outcome), ended.message.clone()),
        None if known.is_some_and(|known| known.began.is_some()) => (StepState::Interrupted, None),
        None => (StepState::NotBegun, None),
    };
    let mut standing = standing;
    if standing == StepState::NotBegun
        && frozen.is_selected(&step.id)
        && let Some(failed) = held_up(frozen, step, state)
    {
        standing = StepState::Skipped;
        message = Some(format!("step `{}` failed", failed.id));
    }
    if let (StepKind::Export(_), Some(file)) = (&step.kind, ended.and_then(|it| it.files.first())) {
        rows = Counts { input: file.rows, success: file.rows, ..Counts::default() };
    }
    let began = known.and_then(|known| known.began.as_deref());
    let alias = frozen.orgs.get(&step.org).map(|org| org.alias.clone()).unwrap_or_default();
    let root = places.steps().parent().unwrap_or(places.steps());
    let short = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_owned();
    let step = SummaryStep {
        id: step.id.clone(),
        kind: kind_of(step).to_owned(),
        state: standing,
        alias,
        rows,
        seconds: seconds(began, ended.map(|ended| ended.when.as_str()), now),
        runs: runs.iter().map(short).collect(),
        checks: checks_of(places, step),
        message,
    };
    Ok(Seen { step, jobs, errors })
}

/// The folders of the runs of a step that were begun.
pub(super) fn runs_of(places: &Places, step: &Step) -> Vec<PathBuf> {
    let all = match &step.kind {
        StepKind::Load(_) => vec![places.folder(&step.id), places.second(&step.id)],
        StepKind::Permissions(_) => vec![places.folder(&step.id)],
        StepKind::Export(_)
        | StepKind::Assert(_)
        | StepKind::Checkpoint(_)
        | StepKind::Reconcile(_) => Vec::new(),
    };
    all.into_iter().filter(|root| parent::is_begun(root)).collect()
}

/// The rows of a run as its ledger has them.
pub(super) fn counts_of(root: &std::path::Path) -> Result<Counts, Failure> {
    let manifest = Manifest::read(root)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let paused = state.paused.as_ref().map(|paused| paused.counts);
    // Of a run that broke off hard only what was settled is known, and no sum of it.
    Ok(state.closed.map(|closed| closed.counts).or(paused).unwrap_or_default())
}

/// What a step has compared.
pub(super) fn checks_of(places: &Places, step: &Step) -> Vec<SummaryCheck> {
    if !matches!(step.kind, StepKind::Assert(_) | StepKind::Reconcile(_)) {
        return Vec::new();
    }
    let text = std::fs::read(places.checks(&step.id)).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn of_outcome(outcome: StepOutcome) -> StepState {
    match outcome {
        StepOutcome::Succeeded => StepState::Succeeded,
        StepOutcome::Partial => StepState::Partial,
        StepOutcome::Failed => StepState::Failed,
        StepOutcome::Interrupted => StepState::Interrupted,
        StepOutcome::Waiting => StepState::Waiting,
    }
}

/// From the begin of a step to its end.
fn seconds(began: Option<&str>, ended: Option<&str>, now: jiff::Timestamp) -> f64 {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let Some(began) = began.and_then(time) else { return 0.0 };
    let ended = ended.and_then(time).unwrap_or(now);
    let seconds = ended.duration_since(began).as_secs_f64().max(0.0);
    (seconds * 1000.0).round() / 1000.0
}
