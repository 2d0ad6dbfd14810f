//! One practice org: its data, its rules and what has happened to it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::audit::Audit;
use super::switches::Switches;

/// One practice org. Cheap to clone; clones share the data.
///
/// All methods lock for the length of one transaction or query block and never wait for anything
/// else, so they may be called from async code.
#[derive(Clone)]
pub struct Org {
    audit: Arc<Audit>,
    switches: Arc<Switches>,
    dir: Option<Arc<PathBuf>>,
}

/// How much data a new org has; the same size gives the same records with the same ids.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SeedSize {
    pub users: u32,
    pub permission_sets: u32,
}

impl Default for SeedSize {
    fn default() -> Self {
        Self { users: 3_000, permission_sets: 40 }
    }
}

/// A value as queries give it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    /// `yyyy-MM-dd`.
    Date(String),
    /// Milliseconds since the epoch.
    DateTime(i64),
}

/// What a change does to its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Insert,
    Update,
    /// `key` is a field API name; `Id` inserts rows without an id.
    Upsert {
        key: String,
    },
    Delete,
    HardDelete,
    Undelete,
}

/// One transaction: at most 200 rows of one object.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    pub object: &'a str,
    pub verb: Verb,
    /// The id of the bulk job that the rows belong to.
    pub job: Option<&'a str>,
    /// Names as sent: `Field`, `Rel.Field` or `Type:Rel.Field`.
    pub columns: &'a [String],
    /// One cell a column.
    pub rows: &'a [Vec<Cell>],
}

/// One cell of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not supplied, or empty in a CSV.
    Absent,
    /// Set to null: `#N/A` in a CSV.
    Clear,
    Text(String),
    Json(serde_json::Value),
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult {
    /// 18 characters; empty when unknown.
    pub id: String,
    pub created: bool,
    pub error: Option<RowError>,
}

/// Why a row was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowError {
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
}

/// Why a query was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoqlError {
    /// `MALFORMED_QUERY`, `INVALID_FIELD` or `INVALID_TYPE`.
    pub code: &'static str,
    pub message: String,
}

impl fmt::Display for SoqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Canonical name.
    pub object: String,
    /// In the order of the query, such as `Id` or `Assignee.Username`, in canonical spelling.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// For `SELECT COUNT()`: the number; there are no rows then.
    pub count_only: Option<u64>,
    /// The id of each row.
    pub record_ids: Vec<String>,
}

/// Which records a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryScope {
    Live,
    /// Also records in the recycle bin.
    All,
}

impl Org {
    /// An org in memory.
    pub fn new(_size: &SeedSize) -> Self {
        Self { audit: Arc::default(), switches: Arc::default(), dir: None }
    }

    /// An org kept under `dir`, made on first use.
    pub fn open(dir: &Path, _size: &SeedSize) -> io::Result<Self> {
        let dir = Some(Arc::new(dir.to_path_buf()));
        Ok(Self { audit: Arc::default(), switches: Arc::default(), dir })
    }

    /// Takes the org under `dir` back to its seed.
    pub fn reset(_dir: &Path) -> io::Result<()> {
        Ok(())
    }

    /// The same org with other switches.
    #[must_use]
    pub fn with_switches(mut self, switches: Switches) -> Self {
        self.switches = Arc::new(switches);
        self
    }

    /// The same org with another source of milliseconds since the epoch.
    #[must_use]
    pub fn with_time(self, _now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self
    }

    /// Where the org is kept; `None` in memory.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref().map(PathBuf::as_path)
    }

    pub fn org_id(&self) -> String {
        String::new()
    }

    /// The id of the administrator, whom every session runs as.
    pub fn user_id(&self) -> String {
        String::new()
    }

    pub fn username(&self) -> String {
        "admin@practice.example".to_owned()
    }

    /// The body of `GET /sobjects`.
    pub fn describe_global(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// The body of `GET /sobjects/X/describe`.
    pub fn describe(&self, _object: &str) -> Option<serde_json::Value> {
        None
    }

    /// The API name in its own case.
    pub fn object_name(&self, _object: &str) -> Option<&'static str> {
        None
    }

    /// Whether a column of an upload is known; the error is the name that is not.
    pub fn check_column(&self, _object: &str, _column: &str) -> Result<(), String> {
        Ok(())
    }

    /// A cell of an upload as it comes back in the result files.
    pub fn echo(&self, _object: &str, _column: &str, cell: &str) -> String {
        cell.to_owned()
    }

    /// One transaction. Every row gets a result, in order; a failing row does not undo others.
    pub fn apply(&self, _change: &Change<'_>) -> Vec<RowResult> {
        Vec::new()
    }

    /// How far the transactions of a job have come, and what the last of them answered.
    pub fn job_mark(&self, _job: &str) -> JobMark {
        JobMark::default()
    }

    pub fn query(&self, soql: &str, scope: QueryScope) -> Result<Answer, SoqlError> {
        let cursor = self.cursor(soql, scope)?;
        let rows = cursor.read(0, usize::MAX);
        Ok(Answer {
            object: String::new(),
            columns: Vec::new(),
            rows: rows.into_iter().map(|row| row.1).collect(),
            count_only: None,
            record_ids: Vec::new(),
        })
    }

    /// A query whose rows are fetched in blocks, so a million of them need no million `Vec`s.
    pub fn cursor(&self, _soql: &str, _scope: QueryScope) -> Result<Cursor, SoqlError> {
        Ok(Cursor {})
    }

    /// All fields of a live record.
    pub fn retrieve(&self, _object: &str, _id: &str) -> Option<Vec<(String, Value)>> {
        None
    }

    /// Every effect and every request, written independently of what is answered.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    pub fn switches(&self) -> &Switches {
        &self.switches
    }
}

/// How far the transactions of a job have come; survives a kill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobMark {
    /// Rows that have been through [`Org::apply`], failed ones included.
    pub rows: u64,
    /// The results of the last transaction.
    pub last: Vec<RowResult>,
}

/// What a query asks for beyond rows of one object; the Bulk API refuses these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueryFeatures {
    pub aggregate: bool,
    /// A parent-to-child subquery in the SELECT list.
    pub subquery: bool,
    pub offset: bool,
    pub group_by: bool,
    pub type_of: bool,
    pub limit: bool,
    pub order_by: bool,
}

/// An evaluated query: it remembers which records, and reads their values when asked.
#[derive(Clone)]
pub struct Cursor {}

impl Cursor {
    pub fn object(&self) -> &str {
        ""
    }
    /// In the order of the query.
    pub fn columns(&self) -> &[String] {
        &[]
    }
    /// For `SELECT COUNT()`.
    pub fn count_only(&self) -> Option<u64> {
        None
    }
    pub fn len(&self) -> usize {
        0
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Record id and values of up to `count` rows from row `from`.
    pub fn read(&self, _from: usize, _count: usize) -> Vec<(String, Vec<Value>)> {
        Vec::new()
    }
}

/// What a query asks for, found by its words, also when it is not one we can run.
pub fn query_features(_soql: &str) -> QueryFeatures {
    QueryFeatures::default()
}
