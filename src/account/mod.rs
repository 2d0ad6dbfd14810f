//! What is known of a run, from its folder alone: who did what to which org, what became of the
//! rows, what was compared, and how it can be taken back.
//!
//! Nothing is asked and nothing is reckoned anew: the manifest, the ledger and the summary are put
//! together, and those of the runs that a runbook or a change of permissions consists of. The same
//! folder gives the same account, wherever it lies and whenever it is read. Memory: some hundred
//! bytes for each job, and the summaries.

mod difference;
mod read;
mod undo;

#[cfg(test)]
pub(crate) mod tests;

pub use difference::{Change, Difference, Took, difference};
pub use undo::Undo;

use crate::ledger::{Approval, Confirmed, Output};
use crate::model::chunk::Digest;
use crate::model::verdict::Counts;
use crate::pipeline::event::{ErrorGroup, Status, SummaryApi, SummaryFailure, SummaryStep};

/// All there is to say of a run.
#[derive(Debug, Clone)]
pub struct Account {
    pub run: String,
    pub kind: Kind,
    /// Version of the program that began it.
    pub version: String,
    pub operation: String,
    /// API name of the object; the runbook's name.
    pub object: String,
    pub username: String,
    pub user_id: String,
    /// The first of them.
    pub org: Org,
    /// The orgs of a runbook by the words of its file; empty for others.
    pub orgs: Vec<Org>,
    pub input: Option<Input>,
    /// The mapping file and its digest.
    pub mapping: Option<(String, Digest)>,
    /// What else was asked for, in words, where it says something.
    pub options: Vec<(String, String)>,
    pub times: Times,
    pub end: End,
    pub rows: Counts,
    pub errors: Vec<ErrorGroup>,
    pub jobs: Vec<Job>,
    pub api: SummaryApi,
    pub steps: Vec<Step>,
    /// Files that came of it, as the ledger has them.
    pub files: Vec<Output>,
    /// Files that it was frozen with, beside its own input and mapping.
    pub frozen: Vec<Frozen>,
    pub seal: Seal,
    pub retry_of: Option<String>,
    pub undo_of: Option<String>,
    pub confirmed: Option<Confirmed>,
    /// Digest of the plan that it carried out.
    pub applied: Option<String>,
    pub undo: Undo,
}

/// What kind of run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Load,
    Permissions,
    Runbook,
}

/// A file as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Empty where it is of the run as a whole.
    pub step: String,
    /// What it is for: `input`, `mapping`, `lookup`, `runbook`, `decisions`.
    pub what: String,
    pub name: String,
    pub digest: Digest,
}

/// Where it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    pub alias: String,
    /// What the org calls itself; empty where that was not kept.
    pub name: String,
    pub username: String,
    /// `salesforce` or `auth0`; empty in old runs.
    pub kind: String,
    pub id: String,
    /// Scheme, host and port.
    pub origin: String,
}

/// The file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    pub digest: Option<Digest>,
    pub bytes: Option<u64>,
    /// Whether it was read to its end.
    pub whole: bool,
}

/// When it was done, as the folder has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    pub started: String,
    /// When further processes went on with it.
    pub resumed: Vec<String>,
    /// When the last process ended, if that could say so.
    pub ended: Option<String>,
    /// From the first begin to the last end, in seconds.
    pub seconds: Option<f64>,
}

/// How it ended.
#[derive(Debug, Clone)]
pub struct End {
    /// `None` when the last process came to no end.
    pub status: Option<Status>,
    pub exit_code: Option<u8>,
    /// Nothing is left to go on with.
    pub is_over: bool,
    pub failure: Option<SummaryFailure>,
}

/// One job, or the chunk of one that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Empty when there was none.
    pub id: String,
    pub first_row: u64,
    pub last_row: u64,
    pub rows: u64,
    /// In the far side's word; empty when it did not say.
    pub state: String,
    /// Rows by verdict, once they are in the result files.
    pub counts: Option<Counts>,
}

/// One step of a runbook, or of a change of permissions.
#[derive(Debug, Clone)]
pub struct Step {
    pub step: SummaryStep,
    /// When it was begun first.
    pub began: Option<String>,
    /// Who has approved it, and when.
    pub approved: Option<Approval>,
    /// The runs that it consists of.
    pub runs: Vec<Account>,
    /// Files of a step that is no run, such as an export, from its folder on.
    pub files: Vec<Output>,
}

/// The end of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Facts in it.
    pub lines: u64,
    /// The first 16 bytes of the digest of its last line, in hexadecimal, as a next line would name
    /// it.
    pub digest: String,
    /// The process was cut off while it wrote the line after that.
    pub torn: bool,
}

impl Account {
    /// The runs that sent something themselves, each with the step it belongs to; the step is empty
    /// for a load by itself.
    pub fn loads(&self) -> Vec<(String, &Self)> {
        if self.steps.is_empty() {
            return vec![(String::new(), self)];
        }
        let mut found = Vec::new();
        for step in &self.steps {
            for (place, run) in step.runs.iter().enumerate() {
                let id = match place {
                    0 => step.step.id.clone(),
                    1 => format!("{}, second pass", step.step.id),
                    _ => format!("{}, run {}", step.step.id, place + 1),
                };
                for (inner, load) in run.loads() {
                    let name =
                        if inner.is_empty() { id.clone() } else { format!("{id} / {inner}") };
                    found.push((name, load));
                }
            }
        }
        found
    }

    /// Rows that ended alike, each with its step: those of the runs of the steps where the row
    /// numbers are those of their files, and its own otherwise.
    pub fn error_groups(&self) -> Vec<(&str, &ErrorGroup)> {
        if self.kind != Kind::Runbook {
            return self.errors.iter().map(|group| ("", group)).collect();
        }
        let mut found = Vec::new();
        for step in &self.steps {
            for run in &step.runs {
                found.extend(run.errors.iter().map(|group| (step.step.id.as_str(), group)));
            }
        }
        found
    }
}

impl End {
    /// How it ended, in a word.
    pub fn word(&self) -> &'static str {
        match self.status {
            Some(Status::Succeeded) => "succeeded",
            Some(Status::Partial) => "partial",
            Some(Status::Unknown) => "unknown",
            Some(Status::Failed) => "failed",
            Some(Status::Interrupted) => "interrupted",
            Some(Status::Refused) => "refused",
            None => "unfinished",
        }
    }
}
