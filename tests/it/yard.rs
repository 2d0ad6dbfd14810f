//! A load that goes wrong and is gone on with until it is finished, and what must come of it.
//!
//! Each load has a practice org of its own. In the end its files are held against what was to come,
//! row by row, and the audit log of the org against both.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use longshore::practice::org::{Cell, Change, Value, Verb};
use longshore::practice::{Org, SeedSize};
use tokio::time::Instant;

use crate::door::Door;
use crate::world::{Ran, World, read_csv};

/// Rows of a load.
pub const ROWS: usize = 40;
/// The row that fails a check here and is never sent.
const REJECTED: usize = 7;
/// Rows that the org refuses, one in each half.
const REFUSED: [usize; 2] = [13, 29];
/// Rows of a chunk; a load is two jobs.
const CHUNK_ROWS: &str = "20";
/// An account that there is not.
const NOBODY: &str = "0018c00000zzzzz";

/// What a load does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Insert,
    /// By a key; every other row is new.
    Upsert,
    Delete,
    /// Of accounts that were deleted before.
    Undelete,
}

pub const KINDS: [Kind; 4] = [Kind::Insert, Kind::Upsert, Kind::Delete, Kind::Undelete];

/// A load that is tried until it is finished.
pub struct Load {
    pub world: World,
    door: Arc<Door>,
    kind: Kind,
    /// Effects before the load.
    stocked: u64,
    attempts: usize,
    runs: usize,
}

/// What one process came to.
pub struct Attempt {
    pub ran: Ran,
    pub killed: bool,
    /// It went on with a run that an earlier process began.
    pub resumed: bool,
    pub took: Duration,
    /// The faults that struck: order and path.
    pub struck: Vec<(String, String)>,
}

/// How the rows of loads stand against the audit logs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Audited {
    pub rows: u64,
    pub doubled: u64,
    pub lost: u64,
    pub wrong: u64,
    /// The first few, for people.
    pub which: Vec<String>,
}

impl Load {
    /// A load into an org behind a door, with its rows to change or delete.
    pub fn new(kind: Kind, door: Door) -> Self {
        let door = Arc::new(door);
        let org = Org::new(&SeedSize { users: 2, permission_sets: 2 });
        let ids = stock(&org);
        if kind == Kind::Undelete {
            let rows: Vec<Vec<Cell>> = ids.iter().map(|id| vec![Cell::Text(id.clone())]).collect();
            let columns = ["Id".to_owned()];
            let (object, verb) = ("Account", Verb::Delete);
            org.apply(&Change { object, verb, job: None, columns: &columns, rows: &rows });
        }
        let stocked = org.audit().len();
        let world = World::behind(org, &door);
        world.file("rows.csv", input(kind, &ids));
        Self { world, door, kind, stocked, attempts: 0, runs: 0 }
    }

    fn run_name(&self) -> String {
        format!("run{}", self.runs)
    }

    /// The run that there is to go on with.
    fn unfinished(&self) -> Option<String> {
        let name = self.run_name();
        let manifest = self.world.path(&format!("longshore-runs/{name}/manifest.json"));
        manifest.is_file().then_some(name)
    }

    /// Begins the load, or goes on with it where an earlier process has left a run.
    fn next(&mut self) -> (Command, bool) {
        if let Some(run) = self.unfinished() {
            return (self.world.command(&["resume", &run, "--json"]), true);
        }
        self.runs += 1;
        let name = self.run_name();
        let mut args = match self.kind {
            Kind::Insert => vec!["insert", "Account", "rows.csv"],
            Kind::Upsert => vec!["upsert", "Account", "rows.csv", "--external-id", "Legacy_Id__c"],
            Kind::Delete => vec!["delete", "Account", "rows.csv"],
            Kind::Undelete => vec!["undelete", "Account", "rows.csv"],
        };
        args.extend(["--chunk-rows", CHUNK_ROWS, "--run-name", &name, "--json"]);
        (self.world.command(&args), false)
    }

    /// Runs a process with a plan of faults; kills it when `patience` has passed.
    pub fn attempt(&mut self, faults: &str, patience: Option<Duration>) -> Attempt {
        self.attempts += 1;
        let note = self.world.path(&format!("note{}", self.attempts));
        let (mut command, resumed) = self.next();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if !faults.is_empty() {
            command.env("LONGSHORE_FAULTS", format!("{faults},note={}", note.display()));
        }
        let start = Instant::now();
        let mut child = command.spawn().unwrap();
        if let Some(patience) = patience {
            wait_or_kill(&mut child, patience);
        }
        let output = child.wait_with_output().unwrap();
        let killed = output.status.code().is_none();
        let struck = std::fs::read_to_string(&note).unwrap_or_default();
        let struck = struck.lines().filter_map(|line| line.split_once(' '));
        let struck = struck.map(|(order, path)| (order.to_owned(), path.to_owned())).collect();
        Attempt { ran: Ran::of(&output), killed, resumed, took: start.elapsed(), struck }
    }

    /// Runs a process without faults; the points that it passed, in their order.
    pub fn trace(&mut self) -> (Attempt, Vec<String>) {
        let trace = self.world.path("trace");
        let attempt = self.attempt(&format!("trace={}", trace.display()), None);
        let text = std::fs::read_to_string(trace).unwrap();
        let points = text.lines().filter_map(|line| line.split(' ').next());
        (attempt, points.map(str::to_owned).collect())
    }

    /// Goes on without faults until the load is finished, with at most so many processes.
    pub fn finish(&mut self, at_most: usize) {
        let mut said = String::new();
        for _ in 0..at_most {
            let attempt = self.attempt("", None);
            if attempt.is_finished() {
                return;
            }
            let Ran { code, stdout, stderr } = attempt.ran;
            said = format!("code {code}\n{stdout}\n{stderr}");
        }
        panic!("not finished after {at_most} tries: {said}");
    }

    /// Calls that the door broke.
    pub fn broken(&self) -> u64 {
        self.door.struck()
    }

    /// What was applied so far.
    pub fn effects(&self) -> u64 {
        self.world.practice().org().audit().len() - self.stocked
    }

    /// Rows that were applied more than once.
    pub fn doubled(&self) -> u64 {
        self.applied().values().map(|ids| u64::from(ids.len() > 1)).sum()
    }

    /// The records that each row was applied to. A row is told by its name, or by the id of what it
    /// deletes.
    fn applied(&self) -> BTreeMap<String, Vec<String>> {
        let mut applied: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.world.practice().org().audit().entries_since(self.stocked) {
            let name = entry.fields.iter().find(|(field, _)| *field == "Name");
            let row = match (entry.verb, name) {
                ("delete" | "undelete", _) => entry.id.clone(),
                (_, Some((_, Value::Text(name)))) => name.clone(),
                other => panic!("an effect of no row: {other:?}"),
            };
            applied.entry(row).or_default().push(entry.id);
        }
        applied
    }

    /// Holds the audit log and the files of the finished load against each other.
    ///
    /// A row must have been applied once if it stands in success.csv, and never if it stands
    /// elsewhere.
    pub fn audit(&self) -> Audited {
        let (applied, mut audited) = (self.applied(), Audited::default());
        let mut seen = BTreeSet::new();
        for verdict in ["rejected", "success", "error", "unprocessed", "unknown"] {
            let file = format!("longshore-runs/{}/out/{verdict}.csv", self.run_name());
            for row in read_csv(&self.world.path(&file)) {
                let number: usize = row["longshore__row"].parse().unwrap();
                let by_id = matches!(self.kind, Kind::Delete | Kind::Undelete);
                let key = if by_id { &row["Id"] } else { &row["Name"] };
                let ids = applied.get(key).map(Vec::as_slice).unwrap_or_default();
                audited.rows += 1;
                let once = seen.insert(number);
                if ids.len() > 1 {
                    audited.doubled += 1;
                    audited.note(format!("{:?} row {number} was applied as {ids:?}", self.kind));
                } else if !once || !is_right(number, verdict, &row, ids) {
                    audited.wrong += 1;
                    let kind = self.kind;
                    audited.note(format!("{kind:?} {verdict}.csv, applied {ids:?}: {row:?}"));
                }
            }
        }
        for number in (1..=ROWS).filter(|number| !seen.contains(number)) {
            audited.lost += 1;
            audited.note(format!("{:?} row {number} is in no file", self.kind));
        }
        audited
    }
}

/// Whether a row is in the file that is due to it, and was applied accordingly.
fn is_right(number: usize, verdict: &str, row: &BTreeMap<String, String>, ids: &[String]) -> bool {
    let due = match number {
        REJECTED => "rejected",
        number if REFUSED.contains(&number) => "error",
        _ => "success",
    };
    let applied =
        if verdict == "success" { ids == [row["sf__Id"].clone()] } else { ids.is_empty() };
    verdict == due && applied
}

impl Audited {
    fn note(&mut self, what: String) {
        if self.which.len() < 20 {
            self.which.push(what);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.doubled += other.doubled;
        self.lost += other.lost;
        self.wrong += other.wrong;
        other.which.into_iter().for_each(|what| self.note(what));
    }

    /// Fails unless every row was applied once or not at all, as its file says.
    pub fn expect_clean(&self) {
        assert_eq!((self.doubled, self.lost, self.wrong), (0, 0, 0), "{:#?}", self.which);
    }
}

impl Attempt {
    /// The load is over, and some rows were not taken or are unknown; or it was over before, when
    /// the process that finished it was killed after its last word.
    pub fn is_finished(&self) -> bool {
        let before = self.resumed && self.ran.code == 2;
        [3, 5].contains(&self.ran.code) || before && self.ran.stderr.contains("` is finished\n")
    }
}

/// Accounts that are there before a load, one for each of its rows; their ids.
fn stock(org: &Org) -> Vec<String> {
    let columns = ["Name", "Legacy_Id__c"].map(str::to_owned);
    let row = |row| [format!("stock {row}"), format!("old-{row}")].map(Cell::Text).to_vec();
    let rows: Vec<Vec<Cell>> = (1..=ROWS).map(row).collect();
    let verb = Verb::Insert;
    let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
    org.apply(&change).into_iter().map(|made| made.id).collect()
}

fn input(kind: Kind, ids: &[String]) -> String {
    let mut text = match kind {
        Kind::Insert => "Name,AnnualRevenue,ParentId,Remark\n",
        Kind::Upsert => "Legacy_Id__c,Name,AnnualRevenue,ParentId,Remark\n",
        Kind::Delete | Kind::Undelete => "Id,Remark\n",
    }
    .to_owned();
    for (row, id) in (1..=ROWS).zip(ids) {
        let revenue = if row == REJECTED { "much" } else { "1500000" };
        let refused = REFUSED.contains(&row);
        let parent = if refused { NOBODY } else { "" };
        let line = match kind {
            Kind::Insert => format!("row {row},{revenue},{parent},note {row}\n"),
            Kind::Upsert => {
                let age = if row % 2 == 0 { "old" } else { "new" };
                format!("{age}-{row},row {row},{revenue},{parent},note {row}\n")
            }
            Kind::Delete | Kind::Undelete if row == REJECTED => format!("no id,note {row}\n"),
            Kind::Delete | Kind::Undelete if refused => format!("{},note {row}\n", nobody(row)),
            Kind::Delete | Kind::Undelete => format!("{id},note {row}\n"),
        };
        text.push_str(&line);
    }
    text
}

/// Another account that there is not, for each row: an id is sent once in a load.
fn nobody(row: usize) -> String {
    format!("{}{row:02}", &NOBODY[..NOBODY.len() - 2])
}

fn wait_or_kill(child: &mut Child, patience: Duration) {
    let (_keep, never) = sync_channel::<()>(0);
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            child.kill().unwrap();
            return;
        }
        let _waited = never.recv_timeout(left.min(Duration::from_millis(5))).is_err();
    }
}
