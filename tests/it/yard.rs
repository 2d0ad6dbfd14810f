//! Many loads against one practice org, each in a folder of its own, with what must come of it.
//!
//! A load here is begun, goes wrong, and is gone on with until it is finished; then its files are
//! held against what was to come, row by row, and the audit log of the org against both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use longshore::practice::org::Value;
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
}

pub const KINDS: [Kind; 3] = [Kind::Insert, Kind::Upsert, Kind::Delete];

/// One practice org and the loads against it.
pub struct Yard {
    pub world: World,
    door: Arc<Door>,
    /// Accounts that are there to be changed or deleted, by their names.
    stock: BTreeMap<String, String>,
    stocked: u64,
}

/// A load that is tried until it is finished.
pub struct Load<'a> {
    yard: &'a Yard,
    pub kind: Kind,
    folder: String,
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

/// How the rows of finished loads stand against the audit log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audited {
    pub rows: u64,
    pub doubled: u64,
    pub lost: u64,
    pub wrong: u64,
    /// The first few, for people.
    pub which: Vec<String>,
}

impl Yard {
    /// A yard whose org stands behind a door, with rows to change and delete for so many loads.
    pub fn new(door: Door, loads: usize) -> Self {
        let door = Arc::new(door);
        let org = Org::new(&SeedSize { users: 2, permission_sets: 2 });
        let world = World::behind(org, &door);
        let mut yard = Self { world, door, stock: BTreeMap::new(), stocked: 0 };
        yard.fill(loads);
        yard
    }

    fn fill(&mut self, loads: usize) {
        if loads == 0 {
            return;
        }
        let mut text = String::from("Name,Legacy_Id__c\n");
        for load in 0..loads.div_ceil(KINDS.len()) * 2 {
            for row in 1..=ROWS {
                text.push_str(&format_args!("stock{load} row{row},old{load}-{row}\n").to_string());
            }
        }
        self.world.file("stock.csv", text);
        let args = ["insert", "Account", "stock.csv", "--run-name", "stock", "--quiet"];
        self.world.run(&args).expect(0);
        for row in read_csv(&self.world.path("longshore-runs/stock/out/success.csv")) {
            self.stock.insert(row["Name"].clone(), row["sf__Id"].clone());
        }
        self.stocked = self.world.practice().org().audit().len();
    }

    /// A load of its own; `number` is used once, and each kind has its own rows of the stock.
    pub fn load(&self, number: usize, kind: Kind) -> Load<'_> {
        let folder = format!("load{number}");
        self.world.file(&format!("{folder}/rows.csv"), self.input(number, kind));
        Load { yard: self, kind, folder, attempts: 0, runs: 0 }
    }

    fn input(&self, load: usize, kind: Kind) -> String {
        // Upserts and deletes change rows of their own.
        let stock = load / KINDS.len() * 2 + usize::from(kind == Kind::Delete);
        let mut text = match kind {
            Kind::Insert => "Name,AnnualRevenue,ParentId,Remark\n",
            Kind::Upsert => "Legacy_Id__c,Name,AnnualRevenue,ParentId,Remark\n",
            Kind::Delete => "Id,Remark\n",
        }
        .to_owned();
        for row in 1..=ROWS {
            let revenue = if row == REJECTED { "much" } else { "1500000" };
            let parent = if REFUSED.contains(&row) { NOBODY } else { "" };
            let line = match kind {
                Kind::Insert => format!("new load{load} row{row},{revenue},{parent},note {row}\n"),
                Kind::Upsert => {
                    let age = if row % 2 == 0 { "old" } else { "new" };
                    format!("{age}{stock}-{row},upsert load{load} row{row},{revenue},{parent},x\n")
                }
                Kind::Delete => match row {
                    REJECTED => format!("no id,note {row}\n"),
                    row if REFUSED.contains(&row) => format!("{NOBODY},note {row}\n"),
                    row => {
                        format!("{},note {row}\n", self.stock[&format!("stock{stock} row{row}")])
                    }
                },
            };
            text.push_str(&line);
        }
        text
    }

    /// Calls that the door broke.
    pub fn struck(&self) -> u64 {
        self.door.struck()
    }

    /// Holds the audit log, and the files of the finished loads, against each other.
    ///
    /// A row is told by its name, or by the id of what it deletes. It must have been applied once
    /// if it stands in success.csv, and never if it stands elsewhere.
    pub fn audit(&self, finished: &[Load<'_>]) -> Audited {
        let applied = self.applied();
        let mut audited = Audited::default();
        for load in finished {
            load.audit(&applied, &mut audited);
        }
        audited
    }

    /// Rows that were applied more than once, by any load.
    pub fn doubled(&self) -> usize {
        self.applied().values().filter(|ids| ids.len() > 1).count()
    }

    /// The records that each row was applied to since the stock was laid in.
    fn applied(&self) -> BTreeMap<String, Vec<String>> {
        let mut applied: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.world.practice().org().audit().entries_since(self.stocked) {
            let name = entry.fields.iter().find(|(field, _)| *field == "Name");
            let row = match (entry.verb, name) {
                ("delete", _) => entry.id.clone(),
                (_, Some((_, Value::Text(name)))) => name.clone(),
                _ => continue,
            };
            applied.entry(row).or_default().push(entry.id);
        }
        applied
    }
}

impl Audited {
    fn note(&mut self, what: String) {
        if self.which.len() < 20 {
            self.which.push(what);
        }
    }

    /// Fails unless every row was applied once or not at all, as its file says.
    pub fn expect_clean(&self) {
        assert_eq!((self.doubled, self.lost, self.wrong), (0, 0, 0), "{:#?}", self.which);
    }
}

impl Load<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.yard.world.path(&format!("{}/{name}", self.folder))
    }

    /// The folder of the run as it stands in messages.
    fn run_name(&self) -> String {
        format!("run{}", self.runs)
    }

    /// The run that there is to go on with.
    fn unfinished(&self) -> Option<String> {
        let name = self.run_name();
        self.path(&format!("longshore-runs/{name}/manifest.json")).is_file().then_some(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.yard.world.command(args);
        command.current_dir(self.path("")).env("TMPDIR", self.path(""));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Begins the load, or goes on with it where an earlier process has left a run.
    fn next(&mut self) -> (Command, bool) {
        if let Some(run) = self.unfinished() {
            return (self.command(&["resume", &run, "--json"]), true);
        }
        self.runs += 1;
        let name = self.run_name();
        let mut args = match self.kind {
            Kind::Insert => vec!["insert", "Account", "rows.csv"],
            Kind::Upsert => vec!["upsert", "Account", "rows.csv", "--external-id", "Legacy_Id__c"],
            Kind::Delete => vec!["delete", "Account", "rows.csv"],
        };
        args.extend(["--chunk-rows", CHUNK_ROWS, "--run-name", &name, "--json"]);
        (self.command(&args), false)
    }

    /// Runs a process with a plan of faults; kills it when `patience` has passed.
    pub fn attempt(&mut self, faults: &str, patience: Option<Duration>) -> Attempt {
        self.attempts += 1;
        let note = self.path(&format!("note{}", self.attempts));
        let (mut command, resumed) = self.next();
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
        let trace = self.path("trace");
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
        panic!("{} was not finished after {at_most} tries: {said}", self.folder);
    }

    /// Requests are not told apart by load; what was applied is.
    fn audit(&self, applied: &BTreeMap<String, Vec<String>>, audited: &mut Audited) {
        let mut seen = BTreeSet::new();
        for verdict in ["rejected", "success", "error", "unprocessed", "unknown"] {
            let file = format!("longshore-runs/{}/out/{verdict}.csv", self.run_name());
            for row in read_csv(&self.path(&file)) {
                let number: usize = row["longshore__row"].parse().unwrap();
                let key = if self.kind == Kind::Delete { &row["Id"] } else { &row["Name"] };
                let none = Vec::new();
                let ids = applied.get(key).unwrap_or(&none);
                audited.rows += 1;
                if !seen.insert(number) {
                    audited.wrong += 1;
                    audited.note(format!("{}: row {number} is in two files", self.folder));
                }
                if ids.len() > 1 {
                    audited.doubled += 1;
                    audited.note(format!(
                        "{}: row {number} applied {} times",
                        self.folder,
                        ids.len()
                    ));
                } else if verdict != due(number) {
                    audited.wrong += 1;
                    let text =
                        format!("{}: row {number} is in {verdict}.csv: {row:?}", self.folder);
                    audited.note(text);
                } else if verdict == "success" && ids != &[row["sf__Id"].clone()] {
                    audited.wrong += 1;
                    audited.note(format!("{}: row {number} is {ids:?}: {row:?}", self.folder));
                } else if verdict != "success" && !ids.is_empty() {
                    audited.wrong += 1;
                    audited.note(format!("{}: row {number} was applied: {row:?}", self.folder));
                }
            }
        }
        for number in (1..=ROWS).filter(|number| !seen.contains(number)) {
            audited.lost += 1;
            audited.note(format!("{}: row {number} is in no file", self.folder));
        }
    }

    pub fn name(&self) -> &str {
        &self.folder
    }

    /// Rows that were inserted or changed in the name of this load so far.
    pub fn effects(&self) -> u64 {
        let mut count = 0;
        let name = format!("{} ", self.folder);
        self.yard.world.practice().org().audit().each_since(self.yard.stocked, |entry| {
            let named = |value: &Value| matches!(value, Value::Text(text) if text.contains(&name));
            count += u64::from(entry.fields.iter().any(|(_, value)| named(value)));
        });
        count
    }
}

impl Attempt {
    /// The load is over, and some rows were not taken.
    pub fn is_finished(&self) -> bool {
        !self.killed && self.ran.code == 3
    }
}

/// Where a row must end.
fn due(row: usize) -> &'static str {
    match row {
        REJECTED => "rejected",
        row if REFUSED.contains(&row) => "error",
        _ => "success",
    }
}

fn wait_or_kill(child: &mut Child, patience: Duration) {
    let (_keep, never) = sync_channel::<()>(0);
    let start = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            child.kill().unwrap();
            return;
        }
        let _waited = never.recv_timeout(left.min(Duration::from_millis(2))).is_err();
    }
}
