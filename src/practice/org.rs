//! One practice org: its data, its rules and what has happened to it.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::audit::Audit;
use super::journal::{self, Journal, Transaction};
use super::objects::{self, Catalog, Object};
use super::rules;
use super::sample;
use super::seed;
use super::soql::{self, Found, Shape};
use super::store::{Act, Effect, Life, Rid, Slot, Store};
use super::switches::Switches;

/// One practice org. Cheap to clone; clones share the data.
///
/// All methods lock for the length of one transaction or query block and never wait for anything
/// else, so they may be called from async code.
#[derive(Clone)]
pub struct Org {
    catalog: &'static Catalog,
    data: Arc<Mutex<Data>>,
    audit: Arc<Audit>,
    switches: Arc<Switches>,
    now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
    dir: Option<Arc<Path>>,
}

struct Data {
    store: Store,
    marks: HashMap<String, JobMark>,
    journal: Option<Journal>,
    /// Held open as long as the org is, so that no other process writes to its folder.
    lock: Option<File>,
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
    pub fn new(size: &SeedSize) -> Self {
        Self::of(Data::new(size), Audit::default())
    }

    /// An org in memory with users and permissions and no other records: quickly made.
    pub fn without_records(size: &SeedSize) -> Self {
        Self::of(Data::of(seed::grow_access(size)), Audit::default())
    }

    /// An org kept under `dir`, made on first use.
    ///
    /// The size of the seed counts on first use only; it is kept in `seed.json`. Settings in
    /// `switches.json` are used if the file is there, and so is what [`sample`] keeps of another
    /// org. An org that another process has open is
    /// refused with [`io::ErrorKind::WouldBlock`].
    pub fn open(dir: &Path, size: &SeedSize) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        let size = kept_size(dir, size)?;
        let kept = sample::Kept::read(dir)?;
        let mut data = Data::of(seed::grow(kept.catalog, &size));
        kept.replay(&mut data.store)?;
        let audit = Audit::default();
        let journal = Journal::open(dir, kept.catalog, |transaction| {
            for (effect, _) in &transaction.effects {
                data.store.perform(effect);
                audit.record(std::slice::from_ref(effect), transaction.job.as_deref());
            }
            data.mark(&transaction, results_of(&transaction));
        })?;
        (data.journal, data.lock) = (Some(journal), Some(lock));
        let mut org = Self::of(data, audit);
        org.dir = Some(dir.into());
        match fs::read(dir.join("switches.json")) {
            Ok(bytes) => org.switches = Arc::new(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(org)
    }

    /// Takes the org under `dir` back to its seed: removes its journal, its jobs and the size of
    /// its seed. Settings stay, and so does what was copied from another org, with the size that
    /// it goes with.
    pub fn reset(dir: &Path) -> io::Result<()> {
        if !dir.exists() {
            return Ok(());
        }
        let _lock = lock(dir)?;
        gone(fs::remove_file(journal::path_in(dir)))?;
        if !sample::is_kept(dir) {
            gone(fs::remove_file(dir.join("seed.json")))?;
        }
        gone(fs::remove_dir_all(dir.join("jobs")))
    }

    fn of(data: Data, audit: Audit) -> Self {
        Self {
            catalog: data.store.catalog(),
            data: Arc::new(Mutex::new(data)),
            audit: Arc::new(audit),
            switches: Arc::default(),
            now_ms: Arc::new(|| jiff::Timestamp::now().as_millisecond()),
            dir: None,
        }
    }

    /// The same org with other switches.
    #[must_use]
    pub fn with_switches(mut self, switches: Switches) -> Self {
        self.switches = Arc::new(switches);
        self
    }

    /// The same org with another source of milliseconds since the epoch.
    #[must_use]
    pub fn with_time(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.now_ms = Arc::new(now_ms);
        self
    }

    /// Where the org is kept; `None` in memory.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    pub fn org_id(&self) -> String {
        self.first_of("Organization")
    }

    /// The id of the administrator, whom every session runs as.
    pub fn user_id(&self) -> String {
        self.first_of("User")
    }

    /// Whether it says that it is a production org.
    pub fn is_production(&self) -> bool {
        let fields = self.retrieve("Organization", &self.org_id()).unwrap_or_default();
        fields.contains(&("IsSandbox".to_owned(), Value::Bool(false)))
    }

    /// The object that an id belongs to, by its first three characters.
    pub fn object_of(&self, id: &str) -> Option<&'static str> {
        self.catalog.of_prefix(id.as_bytes().get(..3)?).map(Object::name)
    }

    pub fn username(&self) -> String {
        seed::ADMIN.to_owned()
    }

    /// The body of `GET /sobjects`.
    pub fn describe_global(&self) -> serde_json::Value {
        self.catalog.describe_global()
    }

    /// The body of `GET /sobjects/X/describe`.
    ///
    /// Objects never change, so each is described once for all orgs that have them.
    pub fn describe(&self, object: &str) -> Option<Arc<serde_json::Value>> {
        self.catalog.find(object).map(|object| self.catalog.describe(object))
    }

    /// The API name in its own case.
    pub fn object_name(&self, object: &str) -> Option<&'static str> {
        self.catalog.find(object).map(Object::name)
    }

    /// Whether a column of an upload is known; the error is the name that is not.
    pub fn check_column(&self, object: &str, column: &str) -> Result<(), String> {
        let known = self.catalog.find(object).ok_or_else(|| object.to_owned())?;
        rules::resolve(known, column).map(drop)
    }

    /// A column of an upload in the spelling of the describe; unknown ones stay as they are.
    pub fn column_name(&self, object: &str, column: &str) -> String {
        let known = self.catalog.find(object);
        known.and_then(|object| rules::spelled(object, column)).unwrap_or_else(|| column.to_owned())
    }

    /// A cell of an upload as it comes back in the result files.
    pub fn echo(&self, object: &str, column: &str, cell: &str) -> String {
        super::echo::echo(self.catalog.find(object), column, cell, &self.switches)
    }

    /// One transaction. Every row gets a result, in order; a failing row does not undo others.
    ///
    /// A kept org answers after the transaction is in its journal; when that can not be written,
    /// every row fails with `UNKNOWN_EXCEPTION`.
    pub fn apply(&self, change: &Change<'_>) -> Vec<RowResult> {
        let now = (self.now_ms)();
        let mut data = self.data();
        let (results, done) = rules::run(&mut data.store, &self.switches, now, change);
        if let Some(Err(error)) = data.journal.as_mut().map(|journal| journal.write(&done)) {
            return unwritten(&results, &error);
        }
        for (effect, _) in &done.effects {
            self.audit.record(std::slice::from_ref(effect), change.job);
        }
        data.mark(&done, results.clone());
        results
    }

    /// How far the transactions of a job have come, and what the last of them answered.
    pub fn job_mark(&self, job: &str) -> JobMark {
        self.data().marks.get(job).cloned().unwrap_or_default()
    }

    pub fn query(&self, soql: &str, scope: QueryScope) -> Result<Answer, SoqlError> {
        let cursor = self.cursor(soql, scope)?;
        let (record_ids, rows) = cursor.read(0, usize::MAX).into_iter().unzip();
        Ok(Answer {
            object: cursor.object().to_owned(),
            columns: cursor.columns,
            rows,
            count_only: cursor.count_only,
            record_ids,
        })
    }

    /// A query whose rows are fetched in blocks, so a million of them need no million `Vec`s.
    pub fn cursor(&self, soql: &str, scope: QueryScope) -> Result<Cursor, SoqlError> {
        let now = (self.now_ms)();
        let found = soql::find(&self.data().store, soql, scope, now)?;
        Ok(Cursor::of(self.clone(), found))
    }

    /// All fields of a live record.
    pub fn retrieve(&self, object: &str, id: &str) -> Option<Vec<(String, Value)>> {
        let object = self.catalog.find(object)?;
        let record =
            Rid::parse(self.catalog, id).filter(|rid| rid.object().index == object.index)?;
        let data = self.data();
        if data.store.life(record) != Life::Live {
            return None;
        }
        let fields = object.fields.iter().enumerate();
        let value = |(place, field): (usize, &objects::Field)| {
            (field.name.to_owned(), data.store.get(record, place).to_value())
        };
        Some(fields.map(value).collect())
    }

    /// Every effect and every request, written independently of what is answered.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// The same org as if it were a production org: it says that it is no sandbox. This is not
    /// kept with the org.
    #[must_use]
    pub fn as_production(self) -> Self {
        let field = self.catalog.find("Organization").and_then(|object| {
            let place = object.position("IsSandbox")?;
            Some((Rid::new(object, 0), u16::try_from(place).ok()?))
        });
        if let Some((target, place)) = field {
            let values = vec![(place, Slot::Bool(false))];
            let effect = Effect { target, act: Act::Update, at: (self.now_ms)(), values };
            self.data().store.perform(&effect);
        }
        self
    }

    fn first_of(&self, object: &str) -> String {
        self.catalog.find(object).map_or(String::new(), |object| Rid::new(object, 0).spell())
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn new(size: &SeedSize) -> Self {
        Self::of(seed::grow(Catalog::built_in(), size))
    }

    fn of(store: Store) -> Self {
        Self { store, marks: HashMap::new(), journal: None, lock: None }
    }

    fn mark(&mut self, done: &Transaction, results: Vec<RowResult>) {
        if let Some(job) = &done.job {
            let mark = self.marks.entry(job.clone()).or_default();
            mark.rows += done.rows as u64;
            mark.last = results;
        }
    }
}

/// What a transaction answered, from what the journal says about it.
fn results_of(done: &Transaction) -> Vec<RowResult> {
    let nothing = RowResult { id: String::new(), created: false, error: None };
    let mut results = vec![nothing; done.rows];
    for (effect, row) in &done.effects {
        if let Some(result) = row.and_then(|row| results.get_mut(row)) {
            result.id = effect.target.spell();
            result.created = effect.act == Act::Insert;
        }
    }
    for failed in &done.failed {
        if let Some(result) = results.get_mut(failed.row) {
            result.id.clone_from(&failed.id);
            result.error = Some(failed.error.clone());
        }
    }
    results
}

fn unwritten(results: &[RowResult], error: &io::Error) -> Vec<RowResult> {
    let error = RowError {
        code: "UNKNOWN_EXCEPTION".to_owned(),
        message: format!("the practice org can not write its journal: {error}"),
        fields: Vec::new(),
    };
    let failed = |_| RowResult { id: String::new(), created: false, error: Some(error.clone()) };
    results.iter().map(failed).collect()
}

pub(super) fn lock(dir: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            format!("another process has the practice org in `{}` open", dir.display()),
        )),
    }
}

/// The size that the org was made with; written on first use.
pub(super) fn kept_size(dir: &Path, size: &SeedSize) -> io::Result<SeedSize> {
    let path = dir.join("seed.json");
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Beside it first, so that a kill leaves no half of it.
            let beside = dir.join("seed.json.new");
            serde_json::to_writer(File::create(&beside)?, size)?;
            fs::rename(beside, path)?;
            Ok(size.clone())
        }
        Err(error) => Err(error),
    }
}

pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

/// What a query asks for, found by its words, also when it is not one we can run.
pub fn query_features(soql: &str) -> QueryFeatures {
    soql::features(soql)
}

/// An evaluated query: it remembers which records, and reads their values when asked.
#[derive(Clone)]
pub struct Cursor {
    org: Org,
    found: Arc<Found>,
    columns: Vec<String>,
    count_only: Option<u64>,
    /// The one row of an aggregate.
    aggregate: Option<Vec<Value>>,
}

impl Cursor {
    fn of(org: Org, found: Found) -> Self {
        let mut columns: Vec<String> = found.columns.iter().map(|c| c.name.clone()).collect();
        let (mut count_only, mut aggregate) = (None, None);
        match &found.answer {
            Shape::Rows => {}
            Shape::Count => count_only = Some(found.numbers.len() as u64),
            Shape::Aggregate(values) => {
                columns = values.iter().map(|(name, _)| name.clone()).collect();
                aggregate = Some(values.iter().map(|(_, value)| value.clone()).collect());
            }
        }
        Self { org, found: Arc::new(found), columns, count_only, aggregate }
    }

    /// How the ids of the object that is asked begin.
    pub fn prefix(&self) -> &'static str {
        self.found.object.prefix()
    }

    /// The object of the rows: `AggregateResult` for aggregate functions.
    pub fn object(&self) -> &'static str {
        if self.aggregate.is_some() { "AggregateResult" } else { self.found.object.name() }
    }

    /// The object that is asked, also for aggregate functions.
    pub fn from(&self) -> &'static str {
        self.found.object.name()
    }

    /// In the order of the query.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// For `SELECT COUNT()`.
    pub fn count_only(&self) -> Option<u64> {
        self.count_only
    }

    /// Rows.
    pub fn len(&self) -> usize {
        match (self.count_only, &self.aggregate) {
            (Some(_), _) => 0,
            (None, Some(_)) => 1,
            (None, None) => self.found.numbers.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Record id and values of up to `count` rows from row `from`.
    pub fn read(&self, from: usize, count: usize) -> Vec<(String, Vec<Value>)> {
        let to = from.saturating_add(count).min(self.len());
        if from >= to {
            return Vec::new();
        }
        if let Some(values) = &self.aggregate {
            return vec![(String::new(), values.clone())];
        }
        let data = self.org.data();
        let numbers = self.found.numbers[from..to].iter();
        let row = |number: &u32| {
            let id = Rid::new(self.found.object, *number).spell();
            (id, soql::read(&data.store, &self.found, *number))
        };
        numbers.map(row).collect()
    }
}
