//! The end of a run: the files of all rows, the summary, the exit code.

use std::path::Path;

use tokio::time::Instant;

use super::carry::{Run, on_thread};
use super::merge::{Merged, merge};
use super::preview::Preview;
use super::steps::Step;
use crate::faults;
use crate::ledger::{Fact, write_whole};
use crate::model::failure::{Blame, Failure};
use crate::model::schema::OrgFacts;
use crate::pipeline::ending::{fail, verdict};
use crate::pipeline::event::{Event, Summary, SummaryApi, SummaryFiles, SummaryJob, SummaryOrg};
use crate::pipeline::manifest::resume_command;
use crate::pipeline::parent::no_ledger;
use crate::target::Target;

/// What the run and the org are called.
pub(super) struct Names {
    pub run: String,
    pub alias: String,
    pub org: OrgFacts,
}

/// Writes the files of all rows anew, says how it ended, and closes the run if it is over.
pub(super) async fn conclude<T: Target>(
    run: &Run<T>,
    steps: &'static [Step],
    failure: Option<Failure>,
    is_over: bool,
    began: Instant,
) -> Result<Summary, Failure> {
    let root = run.folder.root().to_owned();
    let digest = run.frozen.decisions;
    let merging = root.clone();
    let planned = Preview::begin(run.target.kind(), run.frozen.request.action);
    let merged =
        on_thread(move || merge(&merging, digest, steps, planned)).await.map_err(|failure| {
            failure.hint(format!("`{}` writes the result files again", resume_command(&root)))
        })?;
    let mut summary = summary(run, steps, &merged, began);
    if let Some(failure) = failure.or_else(|| (!is_over).then(no_end)) {
        fail(&mut summary, &failure);
    }
    if !is_over {
        go_on(run, &mut summary);
    }
    write_summary(run, &summary)?;
    let (counts, exit_code, files) = (summary.rows, summary.exit_code, merged.outputs);
    if is_over {
        record(run, &Fact::Outputs { files })?;
        record(run, &Fact::Closed { counts, exit_code })?;
        remove_inputs(run);
    } else {
        record(run, &Fact::Paused { counts, exit_code, first_row: 1, files, rounds: 0 })?;
    }
    let told = Event::Ended { summary: Box::new(summary.clone()) };
    run.tools.watch.see(&told);
    Ok(summary)
}

/// A step stopped on the way and did not say why.
pub(super) fn no_end() -> Failure {
    Failure::new(Blame::Run, "the run came to no end")
}

fn record<T: Target>(run: &Run<T>, fact: &Fact) -> Result<(), Failure> {
    run.ledger.record(fact).map_err(|error| no_ledger(&error))
}

/// The inputs of steps are made from the decisions, and not needed by a run that is over.
fn remove_inputs<T: Target>(run: &Run<T>) {
    let folder = super::steps::folder(run.folder.root());
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
        if let Err(error) = faults::remove_file(&path) {
            tracing::debug!(%error, "The input of a step stays.");
        }
    }
}

fn go_on<T: Target>(run: &Run<T>, summary: &mut Summary) {
    let Some(failure) = &mut summary.failure else { return };
    if run.frozen.passing_org {
        let hint = "the org of this command ends with it, so there is nothing to go on with";
        failure.hints.push(hint.to_owned());
        return;
    }
    let command = resume_command(run.folder.root());
    failure.hints.push(format!("`{command}` goes on where it stopped, by the same decisions"));
    summary.resume = Some(command);
}

fn write_summary<T: Target>(run: &Run<T>, summary: &Summary) -> Result<(), Failure> {
    let path = run.folder.out().join("summary.json");
    let disk = |error: std::io::Error| Failure::disk("write", &path, &error);
    let mut json = serde_json::to_vec_pretty(summary).map_err(|error| disk(error.into()))?;
    json.push(b'\n');
    write_whole(&path, &json).map_err(disk)
}

fn summary<T: Target>(run: &Run<T>, steps: &[Step], merged: &Merged, began: Instant) -> Summary {
    let root = run.folder.root();
    let out = run.folder.out();
    let usage = run.target.usage();
    let (status, exit_code) = verdict(&merged.counts);
    Summary {
        run: run.names.run.clone(),
        run_dir: root.to_owned(),
        status,
        exit_code,
        operation: run.frozen.request.action.operation().to_owned(),
        object: super::object_of(run.target.kind()).to_owned(),
        org: SummaryOrg {
            id: run.names.org.id.clone(),
            kind: run.target.kind().to_owned(),
            alias: run.names.alias.clone(),
        },
        rows: merged.counts,
        jobs: jobs(steps, root),
        errors: merged.groups.to_sorted(),
        api: SummaryApi { calls: usage.calls, retries: usage.retries },
        seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        files: SummaryFiles {
            success: out.join("success.csv"),
            error: out.join("error.csv"),
            rejected: out.join("rejected.csv"),
            unprocessed: out.join("unprocessed.csv"),
            unknown: out.join("unknown.csv"),
        },
        preview: Some(merged.preview.counts()),
        steps: Vec::new(),
        resume: None,
        failure: None,
    }
}

/// The jobs of all steps.
fn jobs(steps: &[Step], root: &Path) -> Vec<SummaryJob> {
    let summaries = steps.iter().filter_map(|step| step.summary(root));
    summaries.flat_map(|summary| summary.jobs).collect()
}
