//! Asserts and reconciliations: the org is asked, nothing is changed, and what was found is written
//! down.

use std::path::PathBuf;

use super::{Ended, plan};
use crate::config::plan::{Input, Source as InputSource};
use crate::config::runbook::{Assertion, Check, Rows, Step, StepKind};
use crate::ledger::{Output, StepOutcome, write_whole};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::SummaryCheck;
use crate::pipeline::parent::{self, make_folder};
use crate::runbook::carry::Run;
use crate::runbook::reconcile::{Source, Surroundings, reconcile as compare};
use crate::runbook::view::runs_of;
use crate::target::Target;

/// Holds answers of the org against their bounds.
pub(super) async fn assert<T: Target>(
    run: &Run<T>,
    step: &Step,
    asserts: &[Assertion],
) -> Result<Ended, Failure> {
    let at = run.org(step)?;
    let asking = crate::runbook::assert::assert(asserts, &run.frozen.runbook.file, &*at.target);
    let checks = run.unless_stopped(asking).await?;
    kept(run, step, &checks)
}

/// Holds files and org against each other.
pub(super) async fn reconcile<T: Target>(
    run: &Run<T>,
    step: &Step,
    checks: &[Check],
) -> Result<Ended, Failure> {
    let at = run.org(step)?;
    run.unchanged_inputs(step).await?;
    let scratch = run.places.folder(&step.id);
    make_folder(&scratch)?;
    let sources = |rows: &Rows| Some(source(run, rows));
    let loads = |id: &str| loads(run, id);
    let around = Surroundings {
        file: &run.frozen.runbook.file,
        sources: &sources,
        loads: &loads,
        scratch: &scratch,
        // The same runbook draws the same rows, so that two rehearsals can be compared.
        seed: seed_of(run.frozen.runbook.digest),
        stop: &run.tools.stop,
    };
    let comparing = Box::pin(compare(checks, &around, &*at.target));
    let checks = run.unless_stopped(comparing).await?;
    kept(run, step, &checks)
}

impl<T> Run<T> {
    /// A question that is given up when somebody wants the run to stop.
    async fn unless_stopped<A>(
        &self,
        asking: impl Future<Output = Result<A, Failure>>,
    ) -> Result<A, Failure> {
        tokio::select! {
            biased;
            answer = asking => answer,
            () = self.tools.stop.asked() => Err(Failure::new(Blame::Interrupted, "interrupted")),
        }
    }
}

/// The file of some rows, and how it is to be read: as the load of the same file reads it.
fn source<T: Target>(run: &Run<T>, rows: &Rows) -> Source {
    let path = run.places.file(rows);
    let name = match rows {
        Rows::File(path) => path.display().to_string(),
        Rows::Step(id) => format!("the rows of the step `{id}`"),
    };
    let source = InputSource::File(path);
    let input = match rows {
        Rows::Step(_) => plan::own(source),
        Rows::File(_) => {
            let loads = run.frozen.runbook.steps.iter().filter_map(|step| match &step.kind {
                StepKind::Load(load) if load.rows == *rows => Some(load),
                _ => None,
            });
            let same = loads.into_iter().next();
            Input {
                source,
                delimiter: same.and_then(|load| load.delimiter),
                line_ending: same.and_then(|load| load.line_ending),
                encoding: same.and_then(|load| load.encoding.clone()),
            }
        }
    };
    Source { name, input }
}

/// The folders of the runs of a load, if it has come to its end.
fn loads<T: Target>(run: &Run<T>, id: &str) -> Option<Vec<PathBuf>> {
    let step = run.frozen.step(id)?;
    let runs = runs_of(&run.places, step);
    let is_closed = |root: &PathBuf| parent::is_closed(root).unwrap_or(false);
    (!runs.is_empty() && runs.iter().all(is_closed)).then_some(runs)
}

/// The first bytes of a digest as a number.
fn seed_of(digest: Digest) -> u64 {
    let text = digest.to_string();
    u64::from_str_radix(text.get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// Writes down what was found; a check that did not pass fails the step.
fn kept<T: Target>(run: &Run<T>, step: &Step, checks: &[SummaryCheck]) -> Result<Ended, Failure> {
    let path = run.places.checks(&step.id);
    make_folder(path.parent().unwrap_or(&path))?;
    let disk = |error: std::io::Error| Failure::disk("write", &path, &error);
    let mut json = serde_json::to_vec_pretty(checks).map_err(|error| disk(error.into()))?;
    json.push(b'\n');
    write_whole(&path, &json).map_err(disk)?;
    let file = Output {
        name: "checks.json".to_owned(),
        rows: checks.len() as u64,
        bytes: json.len() as u64,
        digest: Digest::of(&json),
    };
    let failed: Vec<&SummaryCheck> = checks.iter().filter(|check| !check.passed).collect();
    let ended = match failed.first() {
        None => Ended::as_is(StepOutcome::Succeeded),
        Some(first) => {
            let message = format!(
                "{} of {} checks did not pass; `{}`: {} against {}",
                failed.len(),
                checks.len(),
                first.name,
                first.source,
                first.org
            );
            run.unless_approved(step, Failure::new(Blame::Run, message))?
        }
    };
    Ok(Ended { files: vec![file], ..ended })
}
