//! What happened, for whoever watches. Events are the only way out: no stage prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::chunk::ChunkNumber;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::OrgFacts;
use crate::model::verdict::Counts;
use crate::target::Pace;

/// Somebody who is told.
///
/// Called from several threads, between two rows at the most often some times a second; it must be
/// quick and must not fail.
pub trait Watch: Send + Sync {
    fn see(&self, event: &Event);
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The org is known and the run folder is there; nothing was sent yet.
    Started {
        run: String,
        run_dir: PathBuf,
        operation: Operation,
        object: ObjectName,
        org: OrgFacts,
        alias: String,
        input: String,
    },
    /// Something a person should know and need not act on.
    Notice { message: String },
    /// Which columns go where, and which are not sent.
    Mapped { sent: Vec<(String, String)>, not_sent: Vec<String> },
    /// Totals of the reading side so far; `bytes_total` where the input's size is known.
    Read { rows: u64, rejected: u64, bytes: u64, bytes_total: Option<u64> },
    /// Rows so far that change nothing and are not sent.
    Unchanged { rows: u64 },
    /// The whole input has been read.
    InputEnded { rows: u64, rejected: u64 },
    /// A job was created, filled and started.
    JobStarted { chunk: ChunkNumber, job: JobId, rows: u64, bytes: u64 },
    /// What the far side says of a running job.
    JobProgress { chunk: ChunkNumber, job: JobId, processed: u64, failed: u64 },
    /// A job came to its end, in the far side's word.
    JobEnded { chunk: ChunkNumber, job: JobId, state: String, message: Option<String> },
    /// A chunk's rows are in the result files, but for those that are sent again.
    Settled { chunk: ChunkNumber, counts: Counts, deferred: u64 },
    /// Calls made so far, and what is left of the org's day where it says so.
    Calls { calls: u64, retries: u64, left: Option<u64> },
    /// What the work under way still takes at a far side that lets only so many calls through; it
    /// is known how many a second once that is learned.
    Pace { calls_left: u64, rows_left: u64, per_second: Option<f64> },
    /// The far side asked us to wait, or we do so on our own.
    Waiting { reason: String, seconds: f64 },
    /// Rows written by an export so far.
    Exported { rows: u64, bytes: u64 },
    /// The end, with all there is to say.
    Ended { summary: Box<Summary> },
}

impl From<Pace> for Event {
    fn from(pace: Pace) -> Self {
        let Pace { calls_left, rows_left, per_second } = pace;
        Self::Pace { calls_left, rows_left, per_second }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Succeeded,
    Partial,
    Unknown,
    Failed,
    Interrupted,
    Refused,
}

/// The last word on a run: `out/summary.json`, `--json` and the last screen all come from it.
///
/// The members and their order are a contract (`docs/reference/summary.md`).
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    pub run: String,
    pub run_dir: PathBuf,
    pub status: Status,
    pub exit_code: u8,
    pub operation: String,
    pub object: String,
    pub org: SummaryOrg,
    pub rows: Counts,
    pub jobs: Vec<SummaryJob>,
    pub errors: Vec<ErrorGroup>,
    pub api: SummaryApi,
    pub seconds: f64,
    pub files: SummaryFiles,
    /// Of a change of permissions: what it was going to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<SummaryPreview>,
    /// Of a runbook: its steps, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<SummaryStep>,
    /// The command that goes on with the run; there when it has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<SummaryFailure>,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct SummaryOrg {
    pub id: String,
    pub kind: String,
    pub alias: String,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct SummaryJob {
    pub id: String,
    pub rows: u64,
    pub state: String,
}

/// Rows that ended alike.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ErrorGroup {
    /// The far side's code, or our own for rejected, unprocessed and unknown rows.
    pub code: String,
    pub count: u64,
    /// The message of the first such row.
    pub message: String,
    /// The first few row numbers.
    pub rows: Vec<u64>,
    /// `error`, `rejected`, `unprocessed` or `unknown`.
    pub verdict: String,
}

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub struct SummaryApi {
    pub calls: u64,
    pub retries: u64,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct SummaryFiles {
    pub success: PathBuf,
    pub error: PathBuf,
    pub rejected: PathBuf,
    pub unprocessed: PathBuf,
    pub unknown: PathBuf,
}

/// What a change of permissions was going to do, in rows, before anything was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SummaryPreview {
    pub add: u64,
    pub change_expiry: u64,
    pub remove: u64,
    /// It was so already.
    pub unchanged: u64,
    pub blocked: u64,
    /// The blocked rows by a word for their reason.
    pub blocked_by: BTreeMap<String, u64>,
    /// What users hold was to be found out just before each change, so that the numbers of changes
    /// are the most there can be.
    pub up_to: bool,
}

/// What became of one step of a runbook.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SummaryStep {
    pub id: String,
    /// `load`, `export`, `permissions`, `assert`, `checkpoint` or `reconcile`.
    pub kind: String,
    pub state: StepState,
    /// What the step works in, by its alias.
    pub alias: String,
    pub rows: Counts,
    /// From the begin of the step to its end, waits and restarts included.
    pub seconds: f64,
    /// The folders of its runs, from the folder of the runbook's run on; more than one where
    /// there was a second pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<PathBuf>,
    /// What was compared, of an assert or a reconcile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<SummaryCheck>,
    /// Why it did not succeed; who approved, of a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Where a step of a runbook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Succeeded,
    /// It came to its end with some rows in error, within what the policy allows.
    Partial,
    Failed,
    /// It stopped on the way and can be gone on with.
    Interrupted,
    /// It waits for an approval.
    Waiting,
    /// It was not begun: a step that it depends on failed.
    Skipped,
    /// It was not begun yet, or `--only`, `--from` or `--until` left it out.
    NotBegun,
}

impl StepState {
    /// The state in a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::NotBegun => "not begun",
        }
    }
}

/// Two numbers or values that were held against each other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SummaryCheck {
    pub name: String,
    /// `assert`, or the kind of a reconciliation: `count`, `sum`, `nulls`, `orphans`,
    /// `duplicates`, `sample`.
    pub kind: String,
    pub passed: bool,
    /// What the source says, or the bound.
    pub source: String,
    /// What the org says.
    pub org: String,
    /// How far they may be apart; empty where they must be the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tolerance: String,
    /// The first differences, a sentence each; bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct SummaryFailure {
    pub message: String,
    pub hints: Vec<String>,
}
