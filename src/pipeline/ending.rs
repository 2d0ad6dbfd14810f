//! The end of a run: the accounting, the summary, the exit code.

use std::path::Path;

use tokio::time::Instant;

use super::copies;
use super::event::{
    Event, Status, Summary, SummaryApi, SummaryFailure, SummaryFiles, SummaryJob, SummaryOrg,
};
use super::run::{Carried, Parts, no_ledger};
use super::settle::Groups;
use crate::faults;
use crate::ledger::{Fact, Output, verify, write_whole};
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
pub fn conclude<T: Target>(
    parts: &Parts<T>,
    carried: Carried,
    names: &Names,
    began: Instant,
) -> Result<Summary, Failure> {
    let mut tally = Tally::of(carried);
    if tally.failure.is_none() {
        tally.failure = parts.halt.take();
    }
    if let Some(refusal) = tally.refusal() {
        // Nothing was sent and nothing is worth keeping; a folder that stays behind does no harm.
        let _removed = faults::remove_dir_all(parts.folder.root()).is_ok();
        return Err(refusal);
    }
    let outputs = tally.outputs();
    let mut summary = summary(parts, tally, names, began);
    if let Err(failure) = finish(parts, &mut summary, outputs) {
        fail(&mut summary, &failure);
    }
    parts.watch.see(&Event::Ended { summary: Box::new(summary.clone()) });
    Ok(summary)
}

/// Places the copies, writes the summary, has the accounting recomputed, and closes the ledger.
fn finish<T: Target>(
    parts: &Parts<T>,
    summary: &mut Summary,
    outputs: Option<Vec<Output>>,
) -> Result<(), Failure> {
    let record = |fact: &Fact| parts.ledger.record(fact).map_err(|error| no_ledger(&error));
    copies::place(&parts.plan, &summary.files.success, &summary.files.error)?;
    write_summary(parts, summary)?;
    // Without all five files there is nothing to verify, and the failure is told already.
    if let Some(files) = outputs {
        record(&Fact::Outputs { files })?;
        if let Some(fault) = recompute(parts, summary) {
            let earlier = summary.failure.take().map(|failure| failure.message);
            fail(summary, &earlier.into_iter().fold(fault, Failure::cause));
            write_summary(parts, summary)?;
        }
    }
    record(&Fact::Closed { counts: summary.rows, exit_code: summary.exit_code })
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
    if parts.stop.is_asked() && summary.rows.input > VERIFY_ROWS_WHEN_STOPPED {
        let message = format!("`longshore verify {}` checks the files of this run", summary.run);
        parts.watch.see(&Event::Notice { message });
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
    stopped_after: Option<u64>,
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
            stopped_after: None,
            outputs: Vec::new(),
        };
        match carried.settled {
            Ok(settled) => {
                // The two halves count apart; that they agree is checked, not assumed.
                tally.rows = Counts { input: 0, ..settled.counts };
                tally.groups = settled.groups;
                tally.jobs = settled.jobs;
                tally.failure = settled.alarm;
                tally.outputs.extend(settled.outputs);
            }
            Err(failure) => tally.failure = Some(failure),
        }
        match carried.taken_in {
            Ok(taken_in) => {
                tally.rows.input = taken_in.accepted + taken_in.rejected;
                tally.rows.rejected = taken_in.rejected;
                tally.groups.merge(taken_in.groups);
                tally.stopped_after = taken_in.stopped_after;
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
    fn refusal(&mut self) -> Option<Failure> {
        let refused = self.jobs.is_empty()
            && self.failure.as_ref().is_some_and(|failure| failure.blame == Blame::Request);
        if refused { self.failure.take() } else { None }
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
            kind: "salesforce".to_owned(),
            alias: names.alias.clone(),
        },
        rows,
        jobs: tally.jobs,
        errors: tally.groups.sorted(),
        api: SummaryApi { calls: usage.calls, retries: usage.retries },
        seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        files: files(&out),
        failure: None,
    };
    (summary.status, summary.exit_code) = verdict(&rows);
    if let Some(failure) = tally.failure {
        fail(&mut summary, &failure);
    } else if parts.stop.is_asked() {
        fail(&mut summary, &interruption(tally.stopped_after));
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
fn verdict(rows: &Counts) -> (Status, u8) {
    if rows.unknown > 0 {
        (Status::Unknown, 5)
    } else if rows.error + rows.rejected + rows.unprocessed > 0 {
        (Status::Partial, 3)
    } else {
        (Status::Succeeded, 0)
    }
}

fn fail(summary: &mut Summary, failure: &Failure) {
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

fn interruption(stopped_after: Option<u64>) -> Failure {
    let failure = Failure::new(Blame::Interrupted, "interrupted");
    match stopped_after {
        // What to do with the rows that were read is said beside their files.
        Some(row) => failure.hint(format!(
            "the file was read up to row {row}; go on behind it with `--skip {row}`"
        )),
        None => failure,
    }
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
