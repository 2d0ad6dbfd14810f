//! Verify: that the files of a run are what its decisions and its steps say, and its steps right.

use std::path::Path;

use super::ask::Frozen;
use super::decisions::Decisions;
use super::merge::{FILES, StepRows, of, of_decision};
use super::steps::Step;
use crate::ledger::{Manifest, RunState, Verified, verify as verify_step};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;

/// Faults that are told one by one.
const FAULTS_TOLD: usize = 20;

/// Recomputes the accounting of the run in `root`, that of each step before.
///
/// Held against each other: the decisions and the digest in the manifest; each row of the five
/// files, and the decision or the step that it comes from; the counts in ledger and summary; the
/// digests of the files, `access-review.csv` too.
pub(super) fn verify(root: &Path, frozen: &Frozen, steps: &[Step]) -> Result<Verified, Failure> {
    let manifest = Manifest::read(root)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let paused = state.paused.as_ref().map(|paused| (paused.counts, paused.files.as_slice()));
    let closed = state.closed.map(|closed| closed.counts).zip(state.outputs.as_deref());
    let Some((told, outputs)) = paused.or(closed) else {
        let run = &manifest.run;
        return Err(Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
            .hint(format!("`longshore resume {run}` goes on with it")));
    };
    let mut check = Check { faults: Vec::new(), all: 0, notes: Vec::new(), chunks: 0 };
    if state.closed.is_none() {
        let run = &manifest.run;
        check
            .notes
            .push(format!("the run is not finished; `longshore resume {run}` goes on with it"));
    }
    for step in steps.iter().filter(|step| step.is_begun(root)) {
        check.step(step, root)?;
    }
    let counts = check.rows(root, frozen, steps)?;
    for output in outputs {
        check.file(root, output)?;
    }
    if counts != told {
        check.fault(format!("the files have {counts:?}, and the ledger says {told:?}"));
    }
    if counts.input != frozen.rows {
        check.fault(format!("{} rows were decided, and {} ended", frozen.rows, counts.input));
    }
    let summary = std::fs::read(root.join("out/summary.json"));
    let summary = summary.ok().and_then(|text| serde_json::from_slice::<Said>(&text).ok());
    if summary.is_none_or(|said| said.rows != counts) {
        check.fault("summary.json does not say what the files have".to_owned());
    }
    Ok(Verified {
        run: manifest.run,
        counts,
        chunks: check.chunks,
        notes: check.notes,
        faults: check.faults,
        faults_in_all: check.all,
    })
}

/// Notes and faults of one step by itself.
#[cfg(test)]
pub(super) fn step_told(step: &Step, root: &Path) -> Result<(Vec<String>, Vec<String>), Failure> {
    let mut check = Check { faults: Vec::new(), all: 0, notes: Vec::new(), chunks: 0 };
    check.step(step, root)?;
    Ok((check.notes, check.faults))
}

#[derive(serde::Deserialize)]
struct Said {
    rows: Counts,
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

    fn step(&mut self, step: &Step, root: &Path) -> Result<(), Failure> {
        let verified = match verify_step(&step.root(root)) {
            // It broke off so hard that it could not even say so; `resume` makes its files anew.
            Err(failure) if failure.blame == Blame::Request && !step.is_closed(root)? => {
                self.notes.push(format!("step `{}` broke off and cannot be verified", step.name));
                return Ok(());
            }
            verified => verified?,
        };
        self.chunks += verified.chunks;
        for fault in verified.faults {
            self.fault(format!("step `{}`: {fault}", step.name));
        }
        if step.is_closed(root)? {
            let notes = verified.notes.into_iter();
            self.notes.extend(notes.map(|note| format!("step `{}`: {note}", step.name)));
        }
        Ok(())
    }

    /// Walks decisions and files together.
    fn rows(&mut self, root: &Path, frozen: &Frozen, steps: &[Step]) -> Result<Counts, Failure> {
        let mut decisions = Decisions::open(root, frozen.decisions)?;
        let mut tables = Vec::new();
        for (name, own) in FILES {
            tables.push(Heads::open(&root.join("out").join(name), own)?);
        }
        let mut results: Vec<StepRows> =
            steps.iter().map(|step| StepRows::open(step, root)).collect::<Result<_, _>>()?;
        let mut counts = Counts::default();
        while let Some(decision) = decisions.next()? {
            let row = match steps.iter().position(|step| step.takes(&decision)) {
                Some(place) => results[place].next(&decision)?,
                None => of_decision(&decision),
            };
            let (number, verdict) = (decision.mark.row, row.verdict);
            counts.input += 1;
            *of(&mut counts, verdict) += 1;
            let table = &mut tables[verdict as usize];
            let (name, _) = FILES[verdict as usize];
            if table.own.as_deref() != Some(row.own.as_slice()) {
                self.fault(format!("row {number} does not stand in {name} as it ended"));
            }
            table.advance()?;
        }
        for ((name, _), table) in FILES.iter().zip(&tables) {
            if table.own.is_some() {
                self.fault(format!("{name} has rows that were never read"));
            }
        }
        for (step, _) in steps.iter().zip(&results).filter(|(_, rows)| !rows.is_over()) {
            self.fault(format!("step `{}` has rows that were never decided", step.name));
        }
        Ok(counts)
    }

    fn file(&mut self, root: &Path, output: &crate::ledger::Output) -> Result<(), Failure> {
        let path = root.join("out").join(&output.name);
        let disk = |error| Failure::disk("read", &path, &error);
        let mut hasher = blake3::Hasher::new();
        let mut file = std::fs::File::open(&path).map_err(disk)?;
        std::io::copy(&mut file, &mut hasher).map_err(disk)?;
        if Digest::finish(&hasher) != output.digest {
            self.fault(format!("{} was changed after the run", output.name));
        }
        Ok(())
    }
}

/// A result file, and our own cells of the row at hand.
struct Heads {
    reader: csv::Reader<std::fs::File>,
    width: usize,
    own: Option<Vec<String>>,
}

impl Heads {
    fn open(path: &Path, own: &[&str]) -> Result<Self, Failure> {
        let reader = csv::Reader::from_path(path)
            .map_err(|error| Failure::disk("read", path, &error.into()))?;
        let mut heads = Self { reader, width: own.len(), own: None };
        heads.advance()?;
        Ok(heads)
    }

    /// Our own columns are the last but the two Ids.
    fn advance(&mut self) -> Result<(), Failure> {
        let mut record = csv::StringRecord::new();
        let read = self.reader.read_record(&mut record);
        let more = read.map_err(|error| Failure::new(Blame::Accounting, error.to_string()))?;
        let from = record.len().saturating_sub(self.width + 2);
        let own = record.iter().skip(from).take(self.width).map(str::to_owned).collect();
        self.own = more.then_some(own);
        Ok(())
    }
}
