//! One Bulk API 2.0 job: what was asked, how far it is, and how each call spells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::clock::spell_ms;
use super::super::mischief::Trouble;

/// Milliseconds an ingest job may stay open. Source: Bulk API limits, 24 hours.
pub(in crate::practice) const OPEN_MS_MAX: i64 = 86_400_000;

/// Milliseconds after which a job and its results are gone. Source: Bulk API limits, 7 days.
pub(in crate::practice) const KEPT_MS: i64 = 7 * 86_400_000;

/// A job, as it is kept on disk and in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    pub kind: Kind,
    pub object: String,
    pub operation: String,
    pub external_id: Option<String>,
    pub query: Option<String>,
    pub delimiter: Delimiter,
    pub crlf: bool,
    pub assignment_rule: Option<String>,
    /// The major number: 67 for v67.0.
    pub api_version: u32,
    pub created_by: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub state: State,
    /// An abort has been asked for and the worker has not come to it yet.
    pub aborting: bool,
    pub upload: Upload,
    pub processed: u64,
    pub failed: u64,
    pub active_ms: i64,
    pub total_ms: i64,
    pub error: Option<String>,
    pub trouble: Trouble,
    pub settled: Settled,
}

/// What is in the result files for good, and how long they are then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub blocks: u64,
    pub processed: u64,
    pub failed: u64,
    /// Rows that went through the org.
    pub sent: u64,
    pub success_bytes: u64,
    pub failed_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Ingest,
    Query,
}

/// The states of the vendor's documents, under the vendor's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

/// What has come of the one upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upload {
    None,
    Running,
    Done,
    /// A second upload was let in; the close will refuse.
    Twice,
}

/// The six delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Delimiter {
    Comma,
    Tab,
    Pipe,
    Semicolon,
    Caret,
    Backquote,
}

impl Delimiter {
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
            Self::Semicolon => b';',
            Self::Caret => b'^',
            Self::Backquote => b'`',
        }
    }
}

impl State {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// The calls that answer with a job; each has its own set of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::practice) enum View {
    Create,
    Patch,
    Get,
    List,
}

impl Job {
    /// The job as the given call spells it. Source: recorded answers of v60.
    pub(in crate::practice) fn view(&self, view: View) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("id", json!(self.id));
        put("operation", json!(self.operation));
        put("object", json!(self.object));
        put("createdById", json!(self.created_by));
        put("createdDate", json!(spell_ms(self.created_ms)));
        put("systemModstamp", json!(spell_ms(self.modified_ms)));
        put("state", json!(self.state));
        if view != View::List
            && let Some(key) = &self.external_id
        {
            put("externalIdFieldName", json!(key));
        }
        if let Some(rule) = &self.assignment_rule {
            put("assignmentRuleId", json!(rule));
        }
        put("concurrencyMode", json!("Parallel"));
        put("contentType", json!("CSV"));
        put("apiVersion", json!(f64::from(self.api_version)));
        let ingest = self.kind == Kind::Ingest;
        let open = self.state == State::Open;
        if ingest && (view == View::Create || (view == View::Get && open)) {
            let (version, id) = (self.api_version, &self.id);
            let url = format!("services/data/v{version}.0/jobs/ingest/{id}/batches");
            put("contentUrl", json!(url));
        }
        if view != View::Patch {
            put("lineEnding", json!(if self.crlf { "CRLF" } else { "LF" }));
            put("columnDelimiter", json!(self.delimiter));
        }
        if matches!(view, View::Get | View::List) {
            put("jobType", json!(if ingest { "V2Ingest" } else { "V2Query" }));
        }
        if view == View::Get {
            self.put_progress(open, &mut out);
        }
        Value::Object(out)
    }

    fn put_progress(&self, open: bool, out: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        let ingest = self.kind == Kind::Ingest;
        if !(ingest && open) {
            put("numberRecordsProcessed", json!(self.processed));
        }
        if ingest && !open {
            put("numberRecordsFailed", json!(self.failed));
        }
        put("retries", json!(0));
        put("totalProcessingTime", json!(self.total_ms));
        if ingest {
            put("apiActiveProcessingTime", json!(self.active_ms));
            put("apexProcessingTime", json!(0));
        } else {
            put("isPkChunkingSupported", json!(true));
        }
        if self.state == State::Failed
            && let Some(error) = &self.error
        {
            put("errorMessage", json!(error));
        }
    }
}
