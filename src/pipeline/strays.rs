//! Strays: jobs in the org that do not stand where the ledger says.
//!
//! A ledger can be older than the truth: a restored backup, a copied folder, a second machine. And
//! a job that was given up can be started by a person. Both would double rows, so a run is gone on
//! with only after every such job was looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::event::Event;
use super::run::Parts;
use crate::ledger::{Fact, Manifest, RunState};
use crate::model::chunk::ChunkNumber;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::JobId;
use crate::target::{FaultClass, JobState, Outcome, SeenJob, Target};

/// How far the clock here and the org's may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(24);

/// How much earlier than by our clock the run may have begun when no job tells.
const A_LITTLE: SignedDuration = SignedDuration::from_mins(5);

/// Jobs that are named in a message.
const NAMED: usize = 5;

/// Refuses when a job runs that the ledger takes for idle; asks when one was started that it does
/// not know; gives up what is left idle; tells of what may be ours and is not touched.
pub async fn check<T: Target>(parts: &Parts<T>, manifest: &Manifest) -> Result<(), Failure> {
    idle_jobs_are_idle(parts).await?;
    for run in same_load_since(parts.folder.root(), manifest) {
        parts.tools.assent.to(loaded_again(&run))?;
    }
    let Some(seen) = others(parts, manifest).await? else { return Ok(()) };
    let (open, started): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|job| job.state == JobState::Open);
    let stopped: Vec<_> =
        started.into_iter().filter(|job| job.state != JobState::Aborted).collect();
    if !open.is_empty() {
        let (count, stand, are, they) = match open.len() {
            1 => ("1 job".to_owned(), "stands", "is", "it is"),
            count => (format!("{count} jobs"), "stand", "are", "they are"),
        };
        let message = format!(
            "{count} of this user {stand} open for `{}` and {are} in no ledger here: {}; {they} \
             not touched",
            parts.plan.object,
            named(&open)
        );
        parts.tools.watch.see(&Event::Notice { message });
    }
    if stopped.is_empty() {
        return Ok(());
    }
    parts.tools.assent.to(foreign(parts, &stopped))
}

/// Every job that was made and not started is asked about; one that is open is given up.
async fn idle_jobs_are_idle<T: Target>(parts: &Parts<T>) -> Result<(), Failure> {
    for (chunk, job) in parts.earlier.idle_jobs() {
        let status = match parts.target.ask(job).await {
            Outcome::Done(status) => status,
            Outcome::NotDone(fault) if fault.class == FaultClass::Gone => continue,
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => return Err(fault.into()),
        };
        let counts = parts.earlier.progress(chunk).job() == Some(job);
        match status.state {
            JobState::Open if !counts => {
                let confirmed = matches!(parts.target.abandon(job).await, Outcome::Done(()));
                let fact = Fact::Abandoned { chunk, job: job.clone(), confirmed };
                parts.ledger.record(&fact).map_err(|error| super::run::no_ledger(&error))?;
                let message = format!("job {job}, which was left open, is given up");
                parts.tools.watch.see(&Event::Notice { message });
            }
            // Submit gives it up in its turn.
            JobState::Open | JobState::Aborted => {}
            JobState::UploadComplete
            | JobState::InProgress
            | JobState::JobComplete
            | JobState::Failed
                if counts =>
            {
                return Err(woken(job));
            }
            // Its rows went into another job since, so they are doubled, or may be.
            JobState::UploadComplete
            | JobState::InProgress
            | JobState::JobComplete
            | JobState::Failed => parts.tools.assent.to(started_by_hand(chunk, job))?,
        }
    }
    Ok(())
}

/// Jobs like those of the run, by the same user, made since it began, that neither the ledger
/// knows nor that of another run in the same folder; `None` when the org does not list jobs.
async fn others<T: Target>(
    parts: &Parts<T>,
    manifest: &Manifest,
) -> Result<Option<Vec<SeenJob>>, Failure> {
    let started = manifest.started.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    let ago = |span| started.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH);
    let spec = parts.spec();
    let listed = parts.target.jobs_since(&spec, &manifest.user_id, ago(CLOCKS_APART)).await?;
    let Some(listed) = listed else { return Ok(None) };
    let (ours, others): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|job| parts.earlier.knows_job(&job.id));
    // Our first job tells by the org's own clock when the run began.
    let first = ours.iter().map(|job| job.created).min().unwrap_or_else(|| ago(A_LITTLE));
    let mut others: Vec<_> = others.into_iter().filter(|job| job.created >= first).collect();
    if !others.is_empty() {
        let known = of_other_runs(parts.folder.root(), &manifest.run);
        others.retain(|job| !known.contains(&job.id));
    }
    Ok(Some(others))
}

/// The jobs of the runs beside this one.
fn of_other_runs(root: &Path, run: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (_, state) in beside(root, run).filter_map(with_state) {
        for chunk in state.chunks.values() {
            let given_up = chunk.given_up.iter().map(|(job, _)| job);
            known.extend(given_up.chain(chunk.phase.job()).map(ToString::to_string));
        }
    }
    known
}

/// Runs beside this one that were begun after it with the same input, for the same object and
/// operation, and that may have sent rows: those that this run has not sent yet, too.
fn same_load_since(root: &Path, manifest: &Manifest) -> Vec<String> {
    let moment = |run: &Manifest| run.started.parse::<Timestamp>().ok();
    let is_same = |other: &Manifest| {
        manifest.input_digest.is_some()
            && other.input_digest == manifest.input_digest
            && other.org_id == manifest.org_id
            && other.object.eq_ignore_ascii_case(&manifest.object)
            && other.operation == manifest.operation
            && moment(other) > moment(manifest)
    };
    beside(root, &manifest.run)
        .filter(|(_, other)| is_same(other))
        .filter_map(with_state)
        .filter(|(_, state)| !state.has_no_job())
        .map(|(other, _)| other.run)
        .collect()
}

/// The runs beside this one, by folder. A copy of this run is no other run.
fn beside(root: &Path, run: &str) -> impl Iterator<Item = (PathBuf, Manifest)> {
    let entries = root.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let folders = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    let others = folders.filter_map(|folder| Some((Manifest::read(&folder).ok()?, folder)));
    others.filter(move |(other, _)| other.run != run).map(|(other, folder)| (folder, other))
}

/// The same with what the ledger says, if it can be read.
fn with_state((folder, other): (PathBuf, Manifest)) -> Option<(Manifest, RunState)> {
    let (state, _) = RunState::read(&folder.join("ledger.jsonl"), &other.run).ok()?;
    Some((other, state))
}

fn named(jobs: &[SeenJob]) -> String {
    let mut names: Vec<&str> = jobs.iter().take(NAMED).map(|job| job.id.as_str()).collect();
    if jobs.len() > NAMED {
        names.push("…");
    }
    names.join(", ")
}

fn woken(job: &JobId) -> Failure {
    let message = format!("job {job} was started, and the ledger of this run says it was not");
    Failure::new(Blame::Ledger, message)
        .hint("the run folder may be an old copy, or a person has started the job in the org")
        .hint("look the job up in the org; going on would send its rows once more")
}

fn started_by_hand(chunk: ChunkNumber, job: &JobId) -> Failure {
    let message = format!(
        "job {job} was given up before it was started, and somebody has started it: the rows of \
         chunk {chunk} may be in the org twice"
    );
    Failure::new(Blame::Guard, message)
        .hint("look the job up in the org, and its rows")
        .hint("`--yes` goes on with the run")
}

fn loaded_again(run: &str) -> Failure {
    let message = format!("the same rows were loaded by run `{run}` since this run began");
    Failure::new(Blame::Guard, message)
        .hint(format!("`longshore runs show {run}` tells what became of them there"))
        .hint("`--yes` sends what this run has not sent yet all the same")
}

fn foreign<T>(parts: &Parts<T>, jobs: &[SeenJob]) -> Failure {
    let (operation, object) = (parts.plan.operation, &parts.plan.object);
    let count = if jobs.len() == 1 { "1 job".to_owned() } else { format!("{} jobs", jobs.len()) };
    let message = format!(
        "since the run began, this user has started {count} ({operation} `{object}`) that its \
         ledger does not know: {}",
        named(jobs)
    );
    Failure::new(Blame::Guard, message)
        .hint("if they come from this run (an old copy of its folder, a second machine), stop here")
        .hint("if they are of another load, `--yes` goes on")
}
