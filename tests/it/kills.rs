//! T2: the real binary is killed, and killed again while it goes on, until the load is finished.
//! The audit log of the practice org says what was applied.
//!
//! `cargo test` kills at every transition of the ledger and 2,000 times at random.
//! `LONGSHORE_KILLS=100000 cargo test --release --test it kills::at_any -- --nocapture` is the
//! soak, and `LONGSHORE_SEED` another beginning of its chances.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::door::{Break, Door};
use crate::faults::each;
use crate::yard::{Attempt, Audited, KINDS, Kind, Load, Yard};

/// Kills in `cargo test`.
const KILLS: u64 = 2_000;

/// Loads at once; they mostly wait for an answer or a poll.
const LANES: u64 = 12;

/// Processes of one load that are killed, if they do not end before.
const KILLS_OF_A_LOAD: u64 = 6;

/// Processes that it may take to finish a load when nobody kills, with answers lost on the way.
const TRIES: usize = 8;

/// A process lives about so long, beside the others.
const LIFE_MS: u64 = 700;

/// Facts of every load.
const EVERY_LOAD: [&str; 11] = [
    "opened",
    "planned",
    "input_read",
    "created",
    "prepared",
    "started",
    "terminal",
    "raw",
    "reconciled",
    "outputs",
    "closed",
];

/// Points that an untroubled load passes.
const POINTS: u64 = 110;

/// Of so many calls one is broken.
const BROKEN: u64 = 16;

/// Numbers by a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A number from the environment of the test.
fn setting(name: &str, otherwise: u64) -> u64 {
    let of_test = |(found, value): (std::ffi::OsString, std::ffi::OsString)| {
        (found == name).then(|| value.to_str().unwrap().parse().unwrap())
    };
    std::env::vars_os().find_map(of_test).unwrap_or(otherwise)
}

/// A door at which some of the calls about jobs are reset before their effect or after it, or whose
/// answer is cut.
fn lossy(seed: u64) -> Door {
    let chance = Mutex::new(Chance(seed));
    Door::breaking(move |asked| {
        if !asked.path.contains("/jobs/ingest") {
            return Break::None;
        }
        let mut chance = chance.lock().unwrap();
        match (chance.below(BROKEN), chance.below(3)) {
            (0, 0) => Break::Before,
            (0, 1) => Break::After,
            (0, _) => Break::Cut,
            _ => Break::None,
        }
    })
}

/// What is counted over all loads.
#[derive(Default)]
struct Tally {
    kills: AtomicU64,
    of_resumed: AtomicU64,
    processes: AtomicU64,
    loads: AtomicUsize,
}

impl Tally {
    fn count(&self, attempt: &Attempt) {
        self.processes.fetch_add(1, Ordering::SeqCst);
        if attempt.killed {
            self.kills.fetch_add(1, Ordering::SeqCst);
            self.of_resumed.fetch_add(u64::from(attempt.resumed), Ordering::SeqCst);
        }
    }

    fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    fn report(&self, what: &str, audited: &Audited, yard: &Yard, start: Instant) -> String {
        format!(
            "{what}: {} kills ({} of resumed processes), {} processes, {} loads, {} rows: {} \
             doubled, {} lost, {} wrong; {} calls broken; {:.0} s",
            self.kills(),
            self.of_resumed.load(Ordering::SeqCst),
            self.processes.load(Ordering::SeqCst),
            self.loads.load(Ordering::SeqCst),
            audited.rows,
            audited.doubled,
            audited.lost,
            audited.wrong,
            yard.struck(),
            start.elapsed().as_secs_f64(),
        )
    }
}

/// Runs loads, some at a time, until so many processes were killed.
fn kill_at_random(yard: &Yard, tally: &Tally, kills: u64, seed: u64, end: End) -> Audited {
    let finished = Mutex::new(Vec::new());
    each(&lanes(), |lane| {
        let mut chance = Chance(seed ^ (lane << 32));
        while tally.kills() < kills {
            let number = tally.loads.fetch_add(1, Ordering::SeqCst);
            let mut load = yard.load(number, KINDS[number % KINDS.len()]);
            if !kill_some(&mut load, &mut chance, tally, end) {
                load.finish(TRIES);
            }
            finished.lock().unwrap().push(load);
        }
    });
    yard.audit(&finished.into_inner().unwrap())
}

fn lanes() -> Vec<(String, u64)> {
    (0..LANES).map(|lane| (format!("lane {lane}"), lane)).collect()
}

/// How a process ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By SIGKILL: what was written stays.
    Kill,
    /// With the machine: what was not synced is lost in part.
    Power,
}

/// Ends processes of a load at random instants; says whether one of them finished the load.
fn kill_some(load: &mut Load<'_>, chance: &mut Chance, tally: &Tally, end: End) -> bool {
    for _ in 0..=chance.below(KILLS_OF_A_LOAD) {
        let attempt = kill_once(load, chance, end, "");
        tally.count(&attempt);
        if attempt.is_finished() {
            return true;
        }
        let Attempt { ran, killed, .. } = attempt;
        let stopped = killed || [1, 75].contains(&ran.code);
        assert!(stopped, "{}: {}\n{}\n{}", load.name(), ran.code, ran.stdout, ran.stderr);
    }
    false
}

/// Ends a process after a random time, or at a random change on disk.
fn kill_once(load: &mut Load<'_>, chance: &mut Chance, end: End, faults: &str) -> Attempt {
    if end == End::Kill && chance.below(2) == 0 {
        let millis = chance.below(LIFE_MS);
        return load.attempt(faults, Some(Duration::from_millis(millis)));
    }
    let side = if chance.below(2) == 0 { "any" } else { "any.after" };
    let (nth, seed) = (1 + chance.below(POINTS), chance.next());
    let action = match end {
        End::Kill => "kill".to_owned(),
        End::Power => format!("power={seed}"),
    };
    load.attempt(&format!("{faults}{side}:{nth}:{action}"), None)
}

/// Loads that so many kills may take; each takes one at least, on the average.
fn loads_for(kills: u64) -> usize {
    usize::try_from(kills + LANES * 3).unwrap()
}

#[test]
#[ignore = "`resume` is not there yet"]
fn at_any_instant_no_row_is_doubled_or_lost() {
    let (kills, seed) = (setting("LONGSHORE_KILLS", KILLS), setting("LONGSHORE_SEED", 1));
    let start = Instant::now();
    let (yard, tally) = (Yard::new(lossy(seed), loads_for(kills)), Tally::default());
    let audited = kill_at_random(&yard, &tally, kills, seed, End::Kill);
    println!("{}", tally.report("random kills", &audited, &yard, start));
    assert!(tally.kills() >= kills && tally.of_resumed.load(Ordering::SeqCst) > kills / 5);
    assert!(yard.struck() > 0, "no call was broken");
    audited.expect_clean();
}

#[test]
#[ignore = "`resume` is not there yet"]
fn without_power_no_row_is_doubled_or_lost() {
    let kills = setting("LONGSHORE_KILLS", KILLS) / 10;
    let seed = setting("LONGSHORE_SEED", 1);
    let start = Instant::now();
    let (yard, tally) = (Yard::new(lossy(seed), loads_for(kills)), Tally::default());
    let audited = kill_at_random(&yard, &tally, kills, seed, End::Power);
    println!("{}", tally.report("losses of power", &audited, &yard, start));
    assert!(tally.kills() >= kills && yard.struck() > 0);
    audited.expect_clean();
}

/// Where a process was killed at first, and where the one that goes on is killed.
struct Transition {
    kind: Kind,
    first: String,
    then: Vec<String>,
}

/// The points of a ledger that an untroubled process passes, each once.
fn transitions(passed: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = passed.iter().filter(|p| p.starts_with("ledger.")).collect();
    all.into_iter().cloned().collect()
}

#[test]
#[ignore = "`resume` is not there yet"]
fn at_every_transition_of_the_ledger_no_row_is_doubled_or_lost() {
    let start = Instant::now();
    let yard = Yard::new(Door::plain(), 1_000);
    let tally = Tally::default();
    let new_load = |kind: Kind| {
        let place = KINDS.iter().position(|other| *other == kind).unwrap();
        yard.load(tally.loads.fetch_add(1, Ordering::SeqCst) * KINDS.len() + place, kind)
    };
    let mut cases = Vec::new();
    for kind in KINDS {
        let (whole, passed) = new_load(kind).trace();
        assert!(whole.is_finished());
        let mut begun = new_load(kind);
        let killed = begun.attempt("ledger.prepared.after:1:kill", None);
        assert!(killed.killed);
        let (resumed, passed_then) = begun.trace();
        assert!(resumed.is_finished(), "{}", resumed.ran.stderr);
        let (points, then) = (transitions(&passed), transitions(&passed_then));
        for fact in EVERY_LOAD {
            let both = ["before", "after"].map(|side| format!("ledger.{fact}.{side}"));
            assert!(both.iter().all(|point| points.contains(point)), "{fact} is not passed");
        }
        for first in points {
            let then = then.clone();
            cases.push((format!("{kind:?} {first}"), Transition { kind, first, then }));
        }
    }
    let finished = Mutex::new(Vec::new());
    each(&cases, |case| {
        // The points of the process that goes on are dealt out in turn.
        let mut then = case.then.iter().cycle().skip(case.first.len() * 7 % case.then.len());
        for nth in 1.. {
            let mut load = new_load(case.kind);
            let attempt = load.attempt(&format!("{}:{nth}:kill", case.first), None);
            tally.count(&attempt);
            if !attempt.killed {
                assert!(attempt.is_finished(), "{}", attempt.ran.stderr);
                assert!(nth > 1, "never struck");
                return;
            }
            let point = then.next().unwrap();
            let again = load.attempt(&format!("{point}:1:kill"), None);
            tally.count(&again);
            if !again.is_finished() {
                load.finish(2);
            }
            finished.lock().unwrap().push(load);
        }
    });
    let audited = yard.audit(&finished.into_inner().unwrap());
    println!("{}", tally.report("kills at transitions", &audited, &yard, start));
    audited.expect_clean();
}

/// The same harness finds a build that makes a new job when the answer to a commit was lost.
#[test]
fn a_build_that_replaces_a_lost_commit_is_found_out() {
    const KILLS_MAX: u64 = 300;
    let start = Instant::now();
    let (yard, tally) = (Yard::new(lossy(2), loads_for(KILLS_MAX)), Tally::default());
    each(&lanes(), |lane| {
        let mut chance = Chance(*lane);
        while tally.kills() < KILLS_MAX && yard.doubled() == 0 {
            let number = tally.loads.fetch_add(1, Ordering::SeqCst);
            let mut load = yard.load(number, KINDS[number % KINDS.len()]);
            for _ in 0..=chance.below(KILLS_OF_A_LOAD) {
                let mutant = "mutant:replace_lost_commit,";
                let attempt = kill_once(&mut load, &mut chance, End::Kill, mutant);
                tally.count(&attempt);
                if !attempt.killed {
                    break;
                }
            }
        }
    });
    let audited = Audited { doubled: yard.doubled() as u64, ..Audited::default() };
    println!("{}", tally.report("a build that replaces a lost commit", &audited, &yard, start));
    assert!(audited.doubled > 0, "not found out by {} kills", tally.kills());
}
