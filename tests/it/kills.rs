//! T2: the real binary is killed, and killed again while it goes on, until the load is finished.
//! The audit log of the practice org says what was applied.
//!
//! `cargo test` kills at every transition of the ledger and 2,000 times at random, and takes away
//! the power 200 times. `LONGSHORE_KILLS=100000 cargo test --release --test it kills::
//! -- --nocapture` is the soak, and `LONGSHORE_SEED` another beginning of its chances.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore::faults::REPLACE_LOST_COMMIT;
use longshore::practice::mischief::{Fault, Rule};
use tokio::time::Instant;

use crate::door::{Break, Door};
use crate::faults::{answer, each, rule};
use crate::yard::{Attempt, Audited, KINDS, Kind, Load};

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
        if !["/jobs/ingest", "/Soap/", "/queryAll"].iter().any(|part| asked.path.contains(part)) {
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
struct Tally(Mutex<Counts>);

#[derive(Default, Clone)]
struct Counts {
    kills: u64,
    of_resumed: u64,
    processes: u64,
    loads: u64,
    broken: u64,
    audited: Audited,
}

impl Tally {
    fn now(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }

    fn process(&self, attempt: &Attempt) {
        let mut counts = self.0.lock().unwrap();
        counts.processes += 1;
        counts.kills += u64::from(attempt.killed);
        counts.of_resumed += u64::from(attempt.killed && attempt.resumed);
    }

    /// Takes a load that is over.
    fn load(&self, load: &Load, audited: Audited) {
        let mut counts = self.0.lock().unwrap();
        counts.loads += 1;
        counts.broken += load.broken();
        counts.audited.add(audited);
    }
}

impl Counts {
    fn report(&self, what: &str, start: Instant) -> String {
        let Self { kills, of_resumed, processes, loads, broken, audited } = self;
        let Audited { rows, doubled, lost, wrong, .. } = audited;
        let seconds = start.elapsed().as_secs();
        format!(
            "{what}: {kills} kills ({of_resumed} of resumed processes), {processes} processes \
             ended by themselves or not, {loads} loads, {rows} rows: {doubled} doubled, {lost} \
             lost, {wrong} wrong; {broken} calls broken; {seconds} s"
        )
    }
}

/// How a process ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By SIGKILL: what was written stays.
    Kill,
    /// With the machine: what was not synced is lost in part.
    Power,
}

/// Runs loads, some at a time, until so many processes were killed.
fn kill_at_random(tally: &Tally, kills: u64, seed: u64, end: End) {
    each(&lanes(), |lane| {
        let mut chance = Chance(seed ^ (lane << 32));
        while tally.now().kills < kills {
            let kind = KINDS[usize::try_from(chance.below(KINDS.len() as u64)).unwrap()];
            let mut load = Load::new(kind, lossy(chance.next()));
            if !kill_some(&mut load, &mut chance, tally, end) {
                load.finish(TRIES);
            }
            tally.load(&load, load.audit());
        }
    });
}

fn lanes() -> Vec<(String, u64)> {
    (0..LANES).map(|lane| (format!("lane {lane}"), lane)).collect()
}

/// Ends processes of a load at random instants; says whether one of them finished the load.
fn kill_some(load: &mut Load, chance: &mut Chance, tally: &Tally, end: End) -> bool {
    for _ in 0..=chance.below(KILLS_OF_A_LOAD) {
        let attempt = kill_once(load, chance, end, "");
        tally.process(&attempt);
        if attempt.is_finished() {
            return true;
        }
        let Attempt { ran, killed, .. } = attempt;
        // With answers lost again and again, a process may give up before it is killed.
        let stopped = killed || ran.code == 75;
        assert!(stopped, "{}\n{}\n{}", ran.code, ran.stdout, ran.stderr);
    }
    false
}

/// Ends a process after a random time, or at a random change on disk.
fn kill_once(load: &mut Load, chance: &mut Chance, end: End, faults: &str) -> Attempt {
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

#[test]
fn at_any_instant_no_row_is_doubled_or_lost() {
    let (kills, seed) = (setting("LONGSHORE_KILLS", KILLS), setting("LONGSHORE_SEED", 1));
    let (start, tally) = (Instant::now(), Tally::default());
    kill_at_random(&tally, kills, seed, End::Kill);
    let counts = tally.now();
    println!("{}", counts.report("random kills", start));
    assert!(counts.kills >= kills && counts.of_resumed > kills / 5 && counts.broken > 0);
    counts.audited.expect_clean();
}

#[test]
fn without_power_no_row_is_doubled_or_lost() {
    let (kills, seed) = (setting("LONGSHORE_KILLS", KILLS) / 10, setting("LONGSHORE_SEED", 1));
    let (start, tally) = (Instant::now(), Tally::default());
    kill_at_random(&tally, kills, seed, End::Power);
    let counts = tally.now();
    println!("{}", counts.report("losses of power", start));
    assert!(counts.kills >= kills && counts.of_resumed > kills / 5 && counts.broken > 0);
    counts.audited.expect_clean();
}

/// Where a process is killed at first, and points where the one that goes on is killed in turn.
struct Transition {
    kind: Kind,
    first: String,
    then: Vec<String>,
}

/// The points of a ledger that a process passed, each once.
fn transitions(passed: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = passed.iter().filter(|p| p.starts_with("ledger.")).collect();
    all.into_iter().cloned().collect()
}

/// What is passed by a whole load and by the one that goes on with a prepared job.
fn every_transition() -> Vec<(String, Transition)> {
    let mut cases = Vec::new();
    for kind in KINDS {
        let (whole, passed) = Load::new(kind, Door::plain()).trace();
        assert!(whole.is_finished(), "{}", whole.ran.stderr);
        let mut begun = Load::new(kind, Door::plain());
        assert!(begun.attempt("ledger.prepared.after:1:kill", None).killed);
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
    cases
}

#[test]
fn at_every_transition_of_the_ledger_no_row_is_doubled_or_lost() {
    let (start, tally) = (Instant::now(), Tally::default());
    let cases = every_transition();
    each(&cases, |case| {
        // The points of the process that goes on are dealt out in turn.
        let mut then = case.then.iter().cycle().skip(case.first.len() * 7 % case.then.len());
        for nth in 1.. {
            let mut load = Load::new(case.kind, Door::plain());
            let attempt = load.attempt(&format!("{}:{nth}:kill", case.first), None);
            tally.process(&attempt);
            if !attempt.killed {
                assert!(attempt.is_finished(), "{}", attempt.ran.stderr);
                assert!(nth > 1, "never struck");
                return;
            }
            let again = load.attempt(&format!("{}:1:kill", then.next().unwrap()), None);
            tally.process(&again);
            if !again.is_finished() {
                load.finish(1);
            }
            tally.load(&load, load.audit());
        }
    });
    let counts = tally.now();
    let what = format!("kills at each passing of {} transitions", cases.len());
    println!("{}", counts.report(&what, start));
    assert!(counts.of_resumed > 0);
    counts.audited.expect_clean();
}

/// Something that goes wrong beside the kill, so that a rarer fact is noted.
struct Rare {
    fact: &'static str,
    /// The first such call is broken after its effect.
    broken: Option<(&'static str, &'static str)>,
    rules: Vec<Rule>,
    /// Faults of the first process beside the kill.
    faults: &'static str,
    /// Rows that nobody can know of in the end.
    unknown: [u64; 2],
}

fn rare_facts() -> Vec<(String, Rare)> {
    let plain = |fact| Rare { fact, broken: None, rules: vec![], faults: "", unknown: [0, 0] };
    let spoiled = answer(400, "INVALIDJOB", "Found multiple contents for job: <750>");
    let vanished = rule("GET", "*/successfulResults", Fault::VanishJob);
    vec![
        Rare { broken: Some(("PUT", "/batches")), ..plain("abandoned") },
        Rare { rules: vec![rule("PATCH", "*/jobs/ingest/*", spoiled)], ..plain("spoiled") },
        Rare { rules: vec![vanished], unknown: [19, 20], ..plain("unknown") },
        Rare { faults: "create@/raw/:1:enospc,", ..plain("paused") },
    ]
    .into_iter()
    .map(|rare| (rare.fact.to_owned(), rare))
    .collect()
}

impl Rare {
    fn load(&self) -> Load {
        let (broken, struck) = (self.broken, AtomicBool::new(false));
        let door = Door::breaking(move |asked| {
            let hit = broken.is_some_and(|(method, end)| asked.is(method, end));
            if hit && !struck.swap(true, Ordering::SeqCst) { Break::After } else { Break::None }
        });
        let load = Load::new(Kind::Insert, door);
        for rule in &self.rules {
            load.world.practice().mischief().add(rule.clone());
        }
        load
    }
}

#[test]
fn at_the_rarer_transitions_no_row_is_doubled_or_lost() {
    let (start, tally) = (Instant::now(), Tally::default());
    each(&rare_facts(), |rare| {
        for side in ["before", "after"] {
            for nth in 1.. {
                let mut load = rare.load();
                let kill = format!("{}ledger.{}.{side}:{nth}:kill", rare.faults, rare.fact);
                let attempt = load.attempt(&kill, None);
                tally.process(&attempt);
                if !attempt.killed {
                    assert!(nth > 1, "{} is not noted: {}", rare.fact, attempt.ran.stderr);
                    break;
                }
                load.finish(2);
                let mut audited = load.audit();
                if rare.unknown.contains(&audited.wrong) {
                    audited.wrong = 0;
                }
                tally.load(&load, audited);
            }
        }
    });
    let counts = tally.now();
    println!("{}", counts.report("kills at the rarer transitions", start));
    assert!(counts.kills >= 8);
    counts.audited.expect_clean();
}

/// The same harness finds a build that makes a new job when the answer to a commit was lost.
#[test]
fn a_build_that_replaces_a_lost_commit_is_found_out() {
    const KILLS_MAX: u64 = 300;
    let (start, tally) = (Instant::now(), Tally::default());
    each(&lanes(), |lane| {
        let mut chance = Chance(*lane);
        while tally.now().kills < KILLS_MAX && tally.now().audited.doubled == 0 {
            let mut load = Load::new(Kind::Insert, lossy(chance.next()));
            for _ in 0..=chance.below(KILLS_OF_A_LOAD) {
                let mutant = format!("mutant:{REPLACE_LOST_COMMIT},");
                let attempt = kill_once(&mut load, &mut chance, End::Kill, &mutant);
                tally.process(&attempt);
                if !attempt.killed {
                    break;
                }
            }
            let doubled = load.doubled();
            tally.load(&load, Audited { doubled, ..Audited::default() });
        }
    });
    let counts = tally.now();
    println!("{}", counts.report("a build that replaces a lost commit", start));
    assert!(counts.audited.doubled > 0, "not found out by {} kills", counts.kills);
}
