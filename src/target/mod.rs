//! The far side of a load: what it must be able to do, whatever it is.

pub mod any;
pub mod auth0;
mod own_jobs;
pub mod salesforce;
mod trouble;

use std::path::Path;

use crate::model::failure::{Blame, Explain, Failure};
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::{FieldSchema, LoadSchema, ObjectSchema, OrgFacts};

/// What a call came to. There is no blanket conversion from an error: every call site says what it
/// does when the outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Certain: it was done, and this came back.
    Done(T),
    /// Certain: it was not done, and repeats within the budget did not help.
    NotDone(Fault),
    /// Nobody knows: the request may have had its effect.
    Unknown(Fault),
}

/// What kind of trouble the far side made; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// Sign-in, session, permission: a person must act.
    Access,
    /// A limit of the org is used up.
    Limit,
    /// Down, overloaded, unreachable, or the answer was lost.
    Unavailable,
    /// The request itself was refused.
    Refused,
    /// What was asked about does not exist (any more).
    Gone,
    /// The state of the job does not allow it.
    State,
    /// The answer made no sense.
    Protocol,
    /// Our own disk.
    Disk,
}

/// A refusal or breakdown of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub class: FaultClass,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The far side's code, such as `INVALIDJOBSTATE`, or one of ours.
    pub code: String,
    /// A lower-case fragment that names the call, the host and what was said, never a secret.
    pub message: String,
    pub hints: Vec<String>,
}

impl Fault {
    /// The failure of a question about something that the user named: if it does not exist, the
    /// request is to blame and not the run.
    pub fn of_request(self) -> Failure {
        let gone = self.class == FaultClass::Gone;
        let mut failure = Failure::from(self);
        if gone {
            failure.blame = Blame::Request;
        }
        failure
    }
}

impl Explain for Fault {
    fn blame(&self) -> Blame {
        match self.class {
            FaultClass::Access => Blame::Access,
            FaultClass::Limit | FaultClass::Unavailable => Blame::Service,
            FaultClass::Refused | FaultClass::Gone | FaultClass::State | FaultClass::Protocol => {
                Blame::Run
            }
            FaultClass::Disk => Blame::Disk,
        }
    }

    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }
}

/// The job to create for a chunk.
#[derive(Debug, Clone)]
pub struct JobSpec {
    pub object: ObjectName,
    pub operation: Operation,
    /// The key field of an upsert.
    pub external_id: Option<String>,
    /// The id of the rule that assigns new leads and cases, where not the org's own is to.
    pub assignment_rule: Option<String>,
    /// Look at what was changed once more after the change. A far side whose answer is the proof
    /// (Salesforce) has no such look, and is not asked for one.
    pub verify_after: bool,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum JobState {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl JobState {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// The answer to a question about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    pub state: JobState,
    /// Rows worked on, failures included; `None` when the far side does not say.
    pub processed: Option<u64>,
    pub failed: Option<u64>,
    /// Why the job as a whole failed.
    pub message: Option<String>,
}

/// A job as a list of jobs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenJob {
    pub id: String,
    pub state: JobState,
    /// By the far side's clock.
    pub created: jiff::Timestamp,
}

/// One of the three result files of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultFile {
    Successful,
    Failed,
    Unprocessed,
}

/// Calls made so far, and what the org says is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApiUsage {
    pub calls: u64,
    pub retries: u64,
    /// Times that the far side asked to be spared (429, 503).
    pub spared: u64,
    /// Used and allowed in the org's rolling day, as its last answer said.
    pub org_used: Option<u64>,
    pub org_allowed: Option<u64>,
}

/// What an org allows in its rolling day, and what of it is left; each as left and allowed, where
/// the org says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub calls: Option<(u64, u64)>,
    /// Internal batches of Bulk API, of 10,000 rows of a job each.
    pub batches: Option<(u64, u64)>,
}

/// What is left to do at a far side that lets only so many calls through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Calls that the work under way still takes; an estimate where they depend on the answers.
    pub calls_left: u64,
    /// Rows of the work under way that have no result yet.
    pub rows_left: u64,
    /// Calls a second that can be kept up; `None` until that is learned.
    pub per_second: Option<f64>,
}

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    pub query: ExportQuery,
    /// Deleted and archived rows too.
    pub all: bool,
}

/// The question of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportQuery {
    Soql(String),
    Object {
        object: ObjectName,
        /// Field paths such as `Name` or `Owner.Username`; empty means every field that fits a
        /// CSV cell.
        fields: Vec<String>,
        /// The text after `WHERE`.
        filter: Option<String>,
    },
    /// What some users hold, where that is an object of its own; columns as an export of all of it
    /// has them, but for the e-mails of users who were named by their ids.
    Holdings {
        object: ObjectName,
        of: Holders,
    },
}

/// Whose holdings are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holders {
    /// These users, by their ids; whoever is not there has no rows.
    Users(Vec<String>),
    /// All who have one of these roles, by their ids; of the object of roles only.
    OfRoles(Vec<String>),
}

/// Takes the rows of an export, the header first and once.
///
/// An error of the sink ends the export with a fault of class [`FaultClass::Disk`]; the sink itself
/// remembers what it was.
pub trait RowSink: Send {
    fn header(&mut self, header: &csv::ByteRecord) -> std::io::Result<()>;
    fn row(&mut self, row: &csv::ByteRecord) -> std::io::Result<()>;

    /// Where an earlier export of the same question stopped, in the words of [`Self::mark`]; the
    /// header and the rows before it are there already.
    fn stopped_at(&self) -> Option<&str> {
        None
    }

    /// The rows so far are all those before this place, from which the same export may go on later.
    /// Only told by a far side that [can](Target::resumes).
    fn mark(&mut self, place: &str) -> std::io::Result<()> {
        let _ = place;
        Ok(())
    }

    /// How much there is left to do.
    fn pace(&mut self, pace: Pace) {
        let _ = pace;
    }

    /// Something a person should know of how the rows were got.
    fn note(&mut self, what: &str) {
        let _ = what;
    }
}

/// Which records to read, and which of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsWanted {
    pub object: ObjectName,
    /// The field whose values find them; `None` is the Id.
    pub key: Option<FieldSchema>,
    /// API names; the Id comes without asking.
    pub fields: Vec<String>,
}

/// A record as it is at the far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    /// A cell for each field that was asked for, spelled as a load could send it; empty where the
    /// record has no value.
    pub cells: Vec<String>,
}

/// A finished export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportDone {
    pub rows: u64,
}

/// Which records have one of some keys in one of some fields.
#[derive(Debug, Clone, Copy)]
pub struct KeyQuestion<'a> {
    pub object: &'a ObjectName,
    /// Fields of text or numbers, as the object describes them; `Id` is none of them.
    pub fields: &'a [FieldSchema],
    /// The text after `WHERE`.
    pub filter: Option<&'a str>,
    pub test: KeyTest,
}

/// When a value counts as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTest {
    /// It is a key, but perhaps for the case of letters.
    Equals,
    /// It begins with a key, but perhaps for the case of letters. For few keys; one page of records
    /// is enough.
    BeginsWith,
}

/// Keys, each once, that can be gone through again from the first.
pub trait KeySource: Send {
    fn rewind(&mut self) -> std::io::Result<()>;
    /// Puts the next key into `key`; `false` after the last.
    fn next(&mut self, key: &mut String) -> std::io::Result<bool>;
}

/// A far side that runs jobs.
///
/// Bulk API 2.0 is a two-phase commit: `reserve` and `stage` have no effect on records, `commit` is
/// the only call that starts anything, and asking is always free.
pub trait Target: Send + Sync + 'static {
    /// What kind of org it is: `salesforce` or `auth0`.
    fn kind(&self) -> &'static str;

    /// Which org this is and as whom we are signed in.
    fn facts(&self) -> impl Future<Output = Result<OrgFacts, Fault>> + Send;

    /// Every object that the user can see, without fields.
    fn objects(&self) -> impl Future<Output = Result<Vec<ObjectSchema>, Fault>> + Send;

    /// One object with its fields.
    fn describe(
        &self,
        object: &ObjectName,
    ) -> impl Future<Output = Result<ObjectSchema, Fault>> + Send;

    /// What is needed to check a load offline; `related` names the objects that relationship
    /// columns of the header may point to.
    fn load_schema(
        &self,
        object: &ObjectName,
        header: &[String],
    ) -> impl Future<Output = Result<LoadSchema, Fault>> + Send;

    /// Makes an empty job. Lost answer: an orphan that never runs.
    fn reserve(&self, spec: &JobSpec) -> impl Future<Output = Outcome<JobId>> + Send;

    /// Sends the rows; nothing runs. Once for each job, never again.
    fn stage(
        &self,
        job: &JobId,
        body: &Path,
        bytes: u64,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// Starts the job: the only commit. Lost answer: ask.
    fn commit(&self, job: &JobId) -> impl Future<Output = Outcome<()>> + Send;

    /// Where the job stands.
    fn ask(&self, job: &JobId) -> impl Future<Output = Outcome<JobStatus>> + Send;

    /// Gives up a job that was never committed.
    fn abandon(&self, job: &JobId) -> impl Future<Output = Outcome<()>> + Send;

    /// Streams one result file to `to` (written anew); returns its bytes.
    fn download(
        &self,
        job: &JobId,
        which: ResultFile,
        to: &Path,
    ) -> impl Future<Output = Outcome<u64>> + Send;

    /// Tells of a job that an earlier process of the run filled from `body`, and whether it had
    /// started it; before anything else is asked about the job.
    ///
    /// A far side that runs jobs by itself needs no telling.
    fn adopt(&self, spec: &JobSpec, job: &JobId, body: &Path, started: bool) {
        let _ = (spec, job, body, started);
    }

    /// The jobs of this object and operation that a user has made since then; `None` when the far
    /// side has no list of jobs.
    fn jobs_since(
        &self,
        spec: &JobSpec,
        user_id: &str,
        since: jiff::Timestamp,
    ) -> impl Future<Output = Result<Option<Vec<SeenJob>>, Fault>> + Send {
        let _ = (spec, user_id, since);
        std::future::ready(Ok(None))
    }

    /// How many records of an object there are now; `None` when the far side does not count them.
    fn count_records(
        &self,
        object: &ObjectName,
    ) -> impl Future<Output = Result<Option<u64>, Fault>> + Send {
        let _ = object;
        std::future::ready(Ok(None))
    }

    /// What the org allows in its day; nothing where it has no such limits, or does not tell us.
    fn limits(&self) -> impl Future<Output = Result<Limits, Fault>> + Send {
        std::future::ready(Ok(Limits::default()))
    }

    /// Calls made so far.
    fn usage(&self) -> ApiUsage;

    /// What the running jobs still take, where a limit on calls decides how long that is.
    fn pace(&self) -> Option<Pace> {
        None
    }

    /// The columns that name whom a row is about, where rows about one are best sent in one job.
    fn together(&self, object: &ObjectName) -> &'static [&'static str] {
        let _ = object;
        &[]
    }

    /// Reads records: for each key, in the order of the keys, the record that has it now; none
    /// where several have it.
    ///
    /// By Id it costs a call for each [`crate::model::limits::RECORDS_READ_MAX`] keys, and more
    /// only where their answer would not fit.
    fn records(
        &self,
        wanted: &RecordsWanted,
        keys: &[String],
    ) -> impl Future<Output = Result<Vec<Option<Record>>, Fault>> + Send {
        let _ = keys;
        std::future::ready(Err(Fault {
            class: FaultClass::Refused,
            status: None,
            code: "NO_RECORDS".to_owned(),
            message: format!("records of `{}` cannot be read by their keys", wanted.object),
            hints: Vec::new(),
        }))
    }

    /// Which of some records, by their Ids, are deleted and can be had back with an undelete.
    ///
    /// For an object whose records go into a recycle bin (`ObjectSchema::undeletable`).
    fn binned(
        &self,
        object: &ObjectName,
        ids: &[String],
    ) -> impl Future<Output = Result<Vec<bool>, Fault>> + Send {
        let _ = object;
        std::future::ready(Ok(vec![false; ids.len()]))
    }

    /// Whether an export takes long enough to be gone on with after an interruption: its `work`
    /// directory and its rows are kept then, and [`RowSink::stopped_at`] tells where it stopped.
    fn resumes(&self, request: &ExportRequest) -> bool {
        let _ = request;
        false
    }

    /// Hands the rows of a query to `sink`, in constant memory.
    ///
    /// `work` is a private directory for pages on their way; whoever made it removes it.
    fn export(
        &self,
        request: &ExportRequest,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> impl Future<Output = Result<ExportDone, Fault>> + Send {
        let _ = (request, work, sink);
        std::future::ready(Err(Fault {
            class: FaultClass::Refused,
            status: None,
            code: "NO_EXPORT".to_owned(),
            message: "this kind of org cannot be exported".to_owned(),
            hints: Vec::new(),
        }))
    }

    /// Hands the records that a question is about to `sink`, in constant memory and in as few calls
    /// as it takes: rows of the record's Id and the fields of the question in their order, without
    /// a header.
    ///
    /// A record may come twice, and others may come that were not asked for. `work` is as for
    /// [`Self::export`].
    fn look_up(
        &self,
        question: &KeyQuestion<'_>,
        keys: &mut dyn KeySource,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        let _ = (question, keys, work, sink);
        std::future::ready(Err(Fault {
            class: FaultClass::Refused,
            status: None,
            code: "NO_LOOKUP".to_owned(),
            message: "keys cannot be looked up in the objects of this kind of org".to_owned(),
            hints: vec![
                "look them up in a file: `lookup = { file = …, key = …, value = … }`".to_owned(),
            ],
        }))
    }
}
