//! Plans that are in force: points are counted, and what was ordered happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::file::File;
use super::plan::{Action, Order, Plan};
use super::power::Power;
use super::{Op, Side};

/// Every plan in force.
static ARMED: RwLock<Vec<Arc<Armed>>> = RwLock::new(Vec::new());

/// How many there are; most runs have none and pay one look.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Bytes of a line in a note or a trace; more than any path.
const LINE: usize = 256;

/// A plan in force for everything below a folder.
struct Armed {
    below: PathBuf,
    plan: Plan,
    /// A kill ends this process.
    real: bool,
    dead: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Passings of each point.
    points: BTreeMap<String, u64>,
    /// Passings that each order was asked about.
    asked: Vec<u64>,
    fired: u64,
    /// Files of which a write was cut short and whose next one fails.
    cut_short: BTreeSet<PathBuf>,
    power: Power,
}

/// What the point says, if it lets pass at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Whole,
    Half,
}

/// Keeps a plan in force until it is dropped.
pub struct Guard {
    armed: Arc<Armed>,
}

/// Puts a plan in force for every path below `folder`.
pub fn plan(folder: &Path, plan: Plan) -> Guard {
    Guard { armed: arm(folder, plan, false) }
}

/// Puts the plan of [`super::VARIABLE`] in force for this process; `None` is no plan.
pub fn order(text: Option<&str>) -> io::Result<()> {
    if let Some(text) = text {
        let plan = text.parse().map_err(io::Error::other)?;
        arm(Path::new(""), plan, true);
    }
    Ok(())
}

fn arm(below: &Path, plan: Plan, real: bool) -> Arc<Armed> {
    let cuts = plan.orders.iter().any(|order| matches!(order.action, Action::Power(_)));
    let seen =
        Seen { asked: vec![0; plan.orders.len()], power: Power::new(cuts), ..Seen::default() };
    let armed = Arc::new(Armed {
        below: below.to_owned(),
        plan,
        real,
        dead: AtomicBool::new(false),
        seen: Mutex::new(seen),
    });
    ARMED.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&armed));
    COUNT.fetch_add(1, Ordering::SeqCst);
    armed
}

impl Guard {
    /// How often something that was ordered happened.
    pub fn fired(&self) -> u64 {
        self.armed.seen(|seen| seen.fired)
    }

    /// Passings of each point so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.armed.seen(|seen| seen.points.clone())
    }

    /// Whether a kill or a loss of power has happened.
    pub fn is_dead(&self) -> bool {
        self.armed.dead.load(Ordering::SeqCst)
    }

    /// Kills the run now, whatever was ordered.
    pub fn kill(&self) {
        self.armed.dead.store(true, Ordering::SeqCst);
    }

    /// Takes the power away now, whatever was ordered.
    pub fn cut_power(&self, seed: u64) -> io::Result<()> {
        self.armed.dead.store(true, Ordering::SeqCst);
        self.armed.seen(|seen| seen.power.cut(seed))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut all = ARMED.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|armed| !Arc::ptr_eq(armed, &self.armed));
        COUNT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The plan for a path, if there is one.
fn at(path: &Path) -> Option<Arc<Armed>> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let all = ARMED.read().unwrap_or_else(PoisonError::into_inner);
    all.iter().find(|armed| path.starts_with(&armed.below)).cloned()
}

/// Passed before a change on disk. An error is that of the change, which must not be made then.
pub fn point(op: Op, path: &Path) -> io::Result<()> {
    let Some(armed) = at(path) else { return Ok(()) };
    match armed.pass(op.words()[0], path)? {
        Pass::Whole => Ok(()),
        Pass::Half => Err(Action::Short.error()),
    }
}

/// Passed after a change on disk was made.
pub fn done(op: Op, path: &Path) -> io::Result<()> {
    let Some(armed) = at(path) else { return Ok(()) };
    armed.seen(|seen| match op {
        Op::Sync => seen.power.synced(path),
        Op::SyncFolder => seen.power.synced_folder(path),
        Op::Remove => seen.power.removed(path),
        Op::Create | Op::Write | Op::Rename | Op::SetLen | Op::CreateDir => Ok(()),
    })?;
    armed.pass(op.words()[1], path).map(drop)
}

/// Passed before a write; how many of the bytes may be written.
pub(super) fn room(path: &Path, bytes: usize) -> io::Result<usize> {
    let Some(armed) = at(path) else { return Ok(bytes) };
    if armed.seen(|seen| seen.cut_short.remove(path)) {
        return Err(Action::Short.error());
    }
    match armed.pass(Op::Write.words()[0], path)? {
        Pass::Whole => Ok(bytes),
        Pass::Half if bytes < 2 => Err(Action::Short.error()),
        Pass::Half => {
            armed.seen(|seen| seen.cut_short.insert(path.to_owned()));
            Ok(bytes / 2)
        }
    }
}

/// Passed on both sides of a fact that is appended to a ledger; `json` is the line without frame.
pub fn fact(side: Side, ledger: &File, json: &[u8]) -> io::Result<()> {
    let Some(armed) = at(ledger.path()) else { return Ok(()) };
    let line: serde_json::Value = serde_json::from_slice(json).map_err(io::Error::other)?;
    let side = if side == Side::Before { "before" } else { "after" };
    let name = format!("ledger.{}.{side}", line["what"].as_str().unwrap_or_default());
    armed.pass(&name, ledger.path()).map(drop)
}

/// Whether the program shall be broken on purpose in this way, for the run that `path` is of.
pub fn mutant(name: &str, path: &Path) -> bool {
    at(path).is_some_and(|armed| armed.plan.mutants.iter().any(|mutant| mutant == name))
}

/// A file was opened to be written; it was not there before if `fresh`.
pub(super) fn opened(path: &Path, fresh: bool) {
    if let Some(armed) = at(path) {
        armed.seen(|seen| seen.power.opened(path, fresh));
    }
}

/// A folder was made that was not there before.
pub(super) fn made_folder(path: &Path) {
    if let Some(armed) = at(path) {
        armed.seen(|seen| seen.power.made_folder(path));
    }
}

/// A file is about to get the name `to`.
pub(super) fn will_rename(to: &Path) {
    if let Some(armed) = at(to) {
        armed.seen(|seen| seen.power.will_rename(to));
    }
}

/// A file got another name.
pub(super) fn renamed(from: &Path, to: &Path) {
    if let Some(armed) = at(to) {
        armed.seen(|seen| seen.power.renamed(from, to));
    }
}

impl Armed {
    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pass(&self, name: &str, path: &Path) -> io::Result<Pass> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(gone());
        }
        if let Some(trace) = &self.plan.trace {
            append(trace, &format!("{name} {}", path.display()))?;
        }
        match self.order(name, path) {
            None => Ok(Pass::Whole),
            Some(order) => self.carry_out(order, path),
        }
    }

    /// Counts the passing; the first order whose turn it is.
    fn order(&self, name: &str, path: &Path) -> Option<&Order> {
        self.seen(|seen| {
            *seen.points.entry(name.to_owned()).or_default() += 1;
            let mut due = None;
            for (order, asked) in self.plan.orders.iter().zip(&mut seen.asked) {
                if !order.is_about(name, path) {
                    continue;
                }
                *asked += 1;
                let turn = *asked == order.nth || (order.on && *asked > order.nth);
                if turn && due.is_none() {
                    due = Some(order);
                    seen.fired += 1;
                }
            }
            due
        })
    }

    fn carry_out(&self, order: &Order, path: &Path) -> io::Result<Pass> {
        if let Some(note) = &self.plan.note {
            append(note, &format!("{} {}", order.text, path.display()))?;
        }
        match order.action {
            Action::Short => Ok(Pass::Half),
            Action::Kill => Err(self.die()),
            Action::Panic => panic!("a panic that was ordered (fault point)"),
            Action::Power(seed) => {
                self.dead.store(true, Ordering::SeqCst);
                self.seen(|seen| seen.power.cut(seed))?;
                Err(self.die())
            }
            error => Err(error.error()),
        }
    }

    fn die(&self) -> io::Error {
        self.dead.store(true, Ordering::SeqCst);
        if self.real {
            kill();
        }
        gone()
    }
}

impl Order {
    fn is_about(&self, name: &str, path: &Path) -> bool {
        let point = match self.point.as_str() {
            "any" => Op::ALL.into_iter().any(|op| op.words()[0] == name),
            "any.after" => Op::ALL.into_iter().any(|op| op.words()[1] == name),
            point => point == name,
        };
        let is_there = |part: &String| path.to_string_lossy().contains(part.as_str());
        point && self.part.as_ref().is_none_or(is_there)
    }
}

/// What everything comes to after the end.
fn gone() -> io::Error {
    io::Error::other("the process is gone (fault point)")
}

/// Ends the process as nothing else does: without unwinding, flushing or a word.
fn kill() {
    #[cfg(unix)]
    if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
        .is_ok()
    {
        loop {
            std::thread::park();
        }
    }
    std::process::abort();
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    let mut text = String::with_capacity(LINE);
    text.push_str(line);
    text.push('\n');
    // One write a line, so that the lines of several threads stay whole.
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}
