//! Verify: that the summary of a run is what its steps come to, and that its steps are right.

use std::path::Path;

use super::ask::Frozen;
use super::ending::sum;
use super::places::Places;
use super::view;
use crate::config::runbook::{Step, StepKind};
use crate::ledger::{Manifest, Output, RunState, StepOutcome, Verified, verify as verify_run};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::perms;
use crate::pipeline::event::{StepState, Summary, SummaryStep};
use crate::pipeline::parent;

/// Faults that are told one by one.
const FAULTS_TOLD: usize = 20;

/// Recomputes the accounting of the run in `root`, that of each run below before.
///
/// Held against each other: the runs below and what the ledger says of their steps; the files of
/// exports and checks and their digests; the summary and the steps as they come out on disk; the
/// counts in ledger and summary.
pub(super) fn verify(root: &Path) -> Result<Verified, Failure> {
    let manifest = Manifest::read(root)?;
    let frozen = Frozen::of(&manifest)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let paused = state.paused.as_ref().map(|paused| paused.counts);
    let told = state.closed.map(|closed| closed.counts).or(paused);
    let run = &manifest.run;
    let Some(told) = told else {
        return Err(Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
            .hint(format!("`longshore resume {run}` goes on with it")));
    };
    let mut check = Check { faults: Vec::new(), all: 0, notes: Vec::new(), chunks: 0 };
    if state.closed.is_none() {
        let note = format!("the run is not finished; `longshore resume {run}` goes on with it");
        check.notes.push(note);
    }
    let places = Places::of(root, &frozen.runbook);
    for step in &frozen.runbook.steps {
        check.step(&places, step, &state, &frozen)?;
    }
    let seen = view::see(&frozen, &places, &state, jiff::Timestamp::UNIX_EPOCH)?;
    let counts = sum(seen.iter());
    if counts != told {
        check.fault(format!("the steps have {counts:?}, and the ledger says {told:?}"));
    }
    let steps: Vec<SummaryStep> = seen.into_iter().map(|seen| seen.step).collect();
    check.summary(root, counts, &steps);
    Ok(Verified {
        run: manifest.run,
        counts,
        chunks: check.chunks,
        notes: check.notes,
        faults: check.faults,
        faults_in_all: check.all,
    })
}

struct Check {
    faults: Vec<String>,
    all: u64,
    notes: Vec<String>,
    chunks: u64,
}

impl Check {
    fn fault(&mut self, fault: String) {
        self.all += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault);
        }
    }

    fn step(
        &mut self,
        places: &Places,
        step: &Step,
        state: &RunState,
        frozen: &Frozen,
    ) -> Result<(), Failure> {
        let id = &step.id;
        let runs = view::runs_of(places, step);
        for root in &runs {
            self.run(root, id)?;
        }
        if let Some(root) = runs.first() {
            self.input(root, id, frozen)?;
        }
        let Some(ended) = state.steps.get(id).and_then(|state| state.ended.as_ref()) else {
            return Ok(());
        };
        for file in &ended.files {
            self.file(places, step, file)?;
        }
        if ended.outcome.is_good() {
            self.good(step, &runs, ended.outcome)?;
        }
        Ok(())
    }

    /// The run of a step has read the file that was checked.
    fn input(&mut self, root: &Path, id: &str, frozen: &Frozen) -> Result<(), Failure> {
        let mut inputs = frozen.inputs.iter().filter(|file| file.step == id);
        let checked = inputs.find(|file| file.what == "input");
        let read = Manifest::read(root)?.input_digest;
        if let Some(checked) = checked
            && read != Some(checked.digest)
        {
            self.fault(format!("step `{id}` has read another file than the one that was checked"));
        }
        Ok(())
    }

    /// A step that succeeded has runs that have come to their end, with the rows to match.
    fn good(
        &mut self,
        step: &Step,
        runs: &[std::path::PathBuf],
        outcome: StepOutcome,
    ) -> Result<(), Failure> {
        let id = &step.id;
        let has_runs = matches!(step.kind, StepKind::Load(_) | StepKind::Permissions(_));
        if has_runs && runs.is_empty() {
            self.fault(format!("step `{id}` succeeded, and its run is not there"));
        }
        for root in runs {
            if !parent::is_closed(root)? {
                self.fault(format!("step `{id}` succeeded, and its run has not come to its end"));
            }
            let counts = view::counts_of(root)?;
            if outcome == StepOutcome::Succeeded && counts.success != counts.input {
                let bad = counts.input.saturating_sub(counts.success);
                self.fault(format!("step `{id}` succeeded, and {bad} of its rows did not"));
            }
        }
        Ok(())
    }

    fn run(&mut self, root: &Path, id: &str) -> Result<(), Failure> {
        let manifest = Manifest::read(root)?;
        let closed = parent::is_closed(root)?;
        let verified =
            if perms::is_run(&manifest) { perms::verify(root) } else { verify_run(root) };
        let verified = match verified {
            // It broke off so hard that it could not even say so; `resume` makes its files anew.
            Err(failure) if failure.blame == Blame::Request && !closed => {
                self.notes.push(format!("step `{id}` broke off and cannot be verified"));
                return Ok(());
            }
            verified => verified?,
        };
        self.chunks += verified.chunks;
        for fault in verified.faults {
            self.fault(format!("step `{id}`: {fault}"));
        }
        if closed {
            self.notes.extend(verified.notes.iter().map(|note| format!("step `{id}`: {note}")));
        }
        Ok(())
    }

    fn file(&mut self, places: &Places, step: &Step, file: &Output) -> Result<(), Failure> {
        let path = match step.kind {
            StepKind::Export(_) => places.rows_of(&step.id),
            _ => places.checks(&step.id),
        };
        let mut hasher = blake3::Hasher::new();
        let hashed = std::fs::File::open(&path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hasher).map(drop));
        match hashed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.fault(format!("step `{}`: `{}` is gone", step.id, file.name));
            }
            Err(error) => return Err(Failure::disk("read", &path, &error)),
            Ok(()) if Digest::finish(&hasher) != file.digest => {
                self.fault(format!("step `{}`: `{}` was changed", step.id, file.name));
            }
            Ok(()) => {}
        }
        Ok(())
    }

    /// The summary says of each step what lies on disk; times aside, which are not recomputed for
    /// steps that have not ended.
    fn summary(
        &mut self,
        root: &Path,
        counts: crate::model::verdict::Counts,
        steps: &[SummaryStep],
    ) {
        let text = std::fs::read(root.join("out/summary.json")).ok();
        let said = text.and_then(|text| serde_json::from_slice::<Summary>(&text).ok());
        let Some(said) = said else {
            self.fault("summary.json is not there, or damaged".to_owned());
            return;
        };
        if said.rows != counts {
            self.fault("summary.json does not say what the steps have".to_owned());
        }
        if said.steps.len() != steps.len() {
            self.fault("summary.json has other steps than the runbook".to_owned());
        }
        for (said, step) in said.steps.iter().zip(steps) {
            let ended = matches!(step.state, StepState::Succeeded | StepState::Partial);
            let seconds = if ended { said.seconds } else { step.seconds };
            let said = SummaryStep { seconds, ..said.clone() };
            if said != (SummaryStep { seconds, ..step.clone() }) {
                self.fault(format!("summary.json tells of step `{}` what is not so", step.id));
            }
        }
    }
}
