//! The end of a run: the accounting, the summary, the exit code.

use std::path::Path;

use tokio::time::Instant;

use super::event::{
    Event, Status, Summary, SummaryApi, SummaryFailure, SummaryFiles, SummaryJob, SummaryOrg,
};
use super::intake::ReadingEnd;
use super::run::{Carried, Parts, no_ledger};
use super::settle::Groups;
use super::{again, copies, manifest};
use crate::faults;
use crate::ledger::{Fact, Output, RunState, verify, write_whole};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::VERIFY_ROWS_WHEN_STOPPED;
use crate::model::schema::OrgFacts;
use crate::model::verdict::Counts;
use crate::target::Target;

/// What the run and the org are called.
pub struct Names {
    pub run: String,
    pub alias: String,
    pub org: OrgFacts,
}

/// Puts the two halves together.
///
/// A refusal that came before any job was made is an error, and its run folder is taken away again.
pub(super) fn conclude<T: Target>(
    parts: &Parts<T>,
    carried: Carried,
    names: &Names,
    began: Instant,
) -> Result<Summary, Failure> {
    let mut tally = Tally::of(carried);
    if tally.failure.is_none() {
        // What only keeps further jobs from being started means nothing when there are none.
        let stops = |failure: &Failure| !tally.is_over || failure.blame != Blame::Guard;
        tally.failure = parts.halt.take().filter(stops);
    }
    if let Some(refusal) = tally.refusal(|| no_job_was_made(parts, &names.run)) {
        // Nothing was sent and nothing is worth keeping; a folder that stays behind does no harm.
        let _removed = faults::remove_dir_all(parts.folder.root()).is_ok();
        again::withdraw(&parts.plan, parts.folder.root());
        return Err(refusal);
    }
    let outputs = tally.outputs();
    let (is_over, first_row, rounds) = (tally.is_over, tally.first_row, tally.rounds);
    let mut summary = summary(parts, tally, names, began);
    let finished = match outputs {
        Some(files) if is_over => close(parts, &mut summary, files),
        files => pause(parts, &mut summary, (first_row, rounds), files.unwrap_or_default()),
    };
    if let Err(failure) = finished {
        fail(&mut summary, &failure);
        go_on(parts, &mut summary);
    }
    parts.tools.watch.see(&Event::Ended { summary: Box::new(summary.clone()) });
    Ok(summary)
}

/// Whether no process of this run has made a job. The ledger is asked and not the summary: a job
/// that was given up, or that holds rows and was refused its start, is in the org all the same.
fn no_job_was_made<T: Target>(parts: &Parts<T>, run: &str) -> bool {
    let read = RunState::read(&parts.folder.ledger(), run);
    read.is_ok_and(|(state, _)| state.has_no_job())
}

/// Every row has ended: places the copies, writes the summary, has the accounting recomputed, and
/// closes the ledger. What was needed to go on with the run is removed after that.
fn close<T: Target>(
    parts: &Parts<T>,
    summary: &mut Summary,
    files: Vec<Output>,
) -> Result<(), Failure> {
    copies::place(&parts.plan, &summary.files)?;
    write_summary(parts, summary)?;
    record(parts, &Fact::Outputs { files })?;
    check(parts, summary)?;
    record(parts, &Fact::Closed { counts: summary.rows, exit_code: summary.exit_code })?;
    if summary.rows.unknown == 0 {
        forget_chunks(parts);
    }
    Ok(())
}

/// The process ends before the run: the files hold what is known by now.
///
/// Without all five files there is nothing to verify, and the failure is told already.
fn pause<T: Target>(
    parts: &Parts<T>,
    summary: &mut Summary,
    (first_row, rounds): (u64, u32),
    files: Vec<Output>,
) -> Result<(), Failure> {
    go_on(parts, summary);
    copies::place(&parts.plan, &summary.files)?;
    write_summary(parts, summary)?;
    let (counts, exit_code, whole) = (summary.rows, summary.exit_code, files.len() == 5);
    record(parts, &Fact::Paused { counts, exit_code, first_row, files, rounds })?;
    if whole { check(parts, summary) } else { Ok(()) }
}

/// Says how to go on, where that is possible.
fn go_on<T: Target>(parts: &Parts<T>, summary: &mut Summary) {
    if summary.failure.is_none() {
        fail(summary, &Failure::new(Blame::Run, "the run came to no end"));
    }
    let Some(failure) = &mut summary.failure else { return };
    if parts.plan.passing_org {
        let hint = "the org of this command ends with it, so there is nothing to go on with";
        failure.hints.push(hint.to_owned());
        return;
    }
    let command = manifest::resume_command(parts.folder.root());
    // A refusal has said what is to be done before.
    if !failure.hints.iter().any(|hint| hint.contains("resume")) {
        failure.hints.push(format!("`{command}` goes on where it stopped"));
    }
    summary.resume = Some(command);
}

fn record<T: Target>(parts: &Parts<T>, fact: &Fact) -> Result<(), Failure> {
    parts.ledger.record(fact).map_err(|error| no_ledger(&error))
}

/// Tells what a second reckoning finds wrong, in place of all that was right.
fn check<T: Target>(parts: &Parts<T>, summary: &mut Summary) -> Result<(), Failure> {
    let Some(fault) = recompute(parts, summary) else { return Ok(()) };
    let earlier = summary.failure.take().map(|failure| failure.message);
    fail(summary, &earlier.into_iter().fold(fault, Failure::cause));
    write_summary(parts, summary)
}

/// Removes chunk bodies and source rows. A file that stays is only a waste of space.
fn forget_chunks<T: Target>(parts: &Parts<T>) {
    let sent = parts.folder.sent();
    let removed = std::fs::read_dir(&sent).and_then(|entries| {
        entries.into_iter().try_for_each(|entry| faults::remove_file(&entry?.path()))
    });
    if let Err(error) = removed {
        let message = format!(
            "cannot remove what was sent from `{}`: {error}; `longshore runs clean` does",
            sent.display()
        );
        parts.tools.watch.see(&Event::Notice { message });
    }
}

fn write_summary<T: Target>(parts: &Parts<T>, summary: &Summary) -> Result<(), Failure> {
    let path = parts.folder.out().join("summary.json");
    let mut json = serde_json::to_vec_pretty(summary)
        .map_err(|error| Failure::disk("write", &path, &error.into()))?;
    json.push(b'\n');
    write_whole(&path, &json).map_err(|error| Failure::disk("write", &path, &error))
}

/// What is wrong with the accounting by a second reckoning, from what lies on disk.
fn recompute<T: Target>(parts: &Parts<T>, summary: &Summary) -> Option<Failure> {
    if parts.tools.stop.is_asked() && summary.rows.input > VERIFY_ROWS_WHEN_STOPPED {
        let message = format!("`longshore verify {}` checks the files of this run", summary.run);
        parts.tools.watch.see(&Event::Notice { message });
        return None;
    }
    match verify(parts.folder.root()) {
        Ok(verified) => verified.failure(),
        Err(failure) => Some(failure),
    }
}

/// Rows, groups and jobs of both halves, and the first failure.
struct Tally {
    rows: Counts,
    groups: Groups,
    jobs: Vec<SummaryJob>,
    failure: Option<Failure>,
    /// Every row of the input has ended.
    is_over: bool,
    first_row: u64,
    /// Rounds that were begun.
    rounds: u32,
    /// The result files that were finished.
    outputs: Vec<Output>,
}

impl Tally {
    fn of(carried: Carried) -> Self {
        let mut tally = Self {
            rows: Counts::default(),
            groups: Groups::default(),
            jobs: Vec::new(),
            failure: None,
            is_over: false,
            first_row: 1,
            rounds: 0,
            outputs: Vec::new(),
        };
        let mut open = None;
        match carried.settled {
            Ok(settled) => {
                open = Some(settled.open);
                tally.rows = settled.counts;
                tally.groups = settled.groups;
                tally.jobs = settled.jobs;
                tally.failure = settled.alarm;
                tally.rounds = settled.rounds;
                tally.outputs.extend(settled.outputs);
            }
            Err(failure) => tally.failure = Some(failure),
        }
        match carried.taken_in {
            Ok(taken_in) => {
                let whole = taken_in.source.end != ReadingEnd::Stopped;
                let good = taken_in.accepted + taken_in.unchanged;
                let none_open = open == Some(0) && tally.rows.input == good;
                tally.is_over = whole && none_open;
                // The two halves count apart; that they agree is checked, not assumed.
                tally.rows.input = good + taken_in.rejected;
                tally.rows.rejected = taken_in.rejected;
                tally.groups.merge(taken_in.groups);
                tally.first_row = taken_in.first_row;
                tally.outputs.push(taken_in.output);
            }
            Err(failure) => tally.failure = Some(failure),
        }
        tally
    }

    /// The five result files, if all of them were finished.
    fn outputs(&mut self) -> Option<Vec<Output>> {
        let files = std::mem::take(&mut self.outputs);
        (files.len() == 5).then_some(files)
    }

    /// The failure, when it is a refusal: of the request, with no job made.
    fn refusal(&mut self, no_job: impl FnOnce() -> bool) -> Option<Failure> {
        let of_request = |failure: &mut Failure| failure.blame == Blame::Request && no_job();
        self.failure.take_if(of_request)
    }
}

fn summary<T: Target>(parts: &Parts<T>, tally: Tally, names: &Names, began: Instant) -> Summary {
    let out = parts.folder.out();
    let usage = parts.target.usage();
    let rows = tally.rows;
    let mut summary = Summary {
        run: names.run.clone(),
        run_dir: parts.folder.root().to_owned(),
        status: Status::Succeeded,
        exit_code: 0,
        operation: parts.plan.operation.to_string(),
        object: parts.plan.object.to_string(),
        org: SummaryOrg {
            id: names.org.id.clone(),
            kind: parts.target.kind().to_owned(),
            alias: names.alias.clone(),
        },
        rows,
        jobs: tally.jobs,
        errors: tally.groups.sorted(),
        api: SummaryApi { calls: usage.calls, retries: usage.retries },
        seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        files: files(&out),
        preview: None,
        steps: Vec::new(),
        resume: None,
        failure: None,
    };
    (summary.status, summary.exit_code) = verdict(&rows);
    if let Some(failure) = tally.failure {
        fail(&mut summary, &failure);
    } else if parts.tools.stop.is_asked() && !tally.is_over {
        fail(&mut summary, &Failure::new(Blame::Interrupted, "interrupted"));
    } else if !rows.is_balanced() {
        fail(&mut summary, &imbalance(&rows));
    }
    summary
}

fn files(out: &Path) -> SummaryFiles {
    SummaryFiles {
        success: out.join("success.csv"),
        error: out.join("error.csv"),
        rejected: out.join("rejected.csv"),
        unprocessed: out.join("unprocessed.csv"),
        unknown: out.join("unknown.csv"),
    }
}

/// Status and exit code by the rows alone; the gravest wins.
pub fn verdict(rows: &Counts) -> (Status, u8) {
    if rows.unknown > 0 {
        (Status::Unknown, 5)
    } else if rows.error + rows.rejected + rows.unprocessed > 0 {
        (Status::Partial, 3)
    } else {
        (Status::Succeeded, 0)
    }
}

/// Makes a failure the end of a summary.
pub fn fail(summary: &mut Summary, failure: &Failure) {
    // Half-way through, a fault of the request is no refusal any more: something was sent.
    let blame = if failure.blame == Blame::Request { Blame::Run } else { failure.blame };
    summary.status = if blame == Blame::Interrupted { Status::Interrupted } else { Status::Failed };
    summary.exit_code = blame.exit_code();
    let mut message = failure.message.clone();
    for cause in &failure.causes {
        message.push_str(": ");
        message.push_str(cause);
    }
    summary.failure = Some(SummaryFailure { message, hints: failure.hints.clone() });
}

fn imbalance(rows: &Counts) -> Failure {
    let message = format!(
        "the accounting does not add up: {} rows came in, and {} rejected, {} success, {} error, {} \
         unprocessed and {} unknown went out",
        rows.input, rows.rejected, rows.success, rows.error, rows.unprocessed, rows.unknown
    );
    Failure::new(Blame::Accounting, message)
        .hint("keep the run folder; this is a fault of longshore, report it with ledger.jsonl")
}
