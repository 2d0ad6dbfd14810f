//! An exhaustive explorer of the protocol: every placement of a few faults in a small load.
//!
//! [`far`] is a model of the far side, [`world`] of the disk and of the client's memory, and
//! [`client`] does what the real [`machine`](super::machine) says in every way that a request, a
//! disk or a power supply allows. States are searched depth first and each is visited once; from
//! that follow the number of schedules and of violations. A load has 2 chunks of 2 rows.
//!
//! Harmful mutants are switches in the client: the search must find each of them out.

mod client;
mod far;
mod world;

use std::collections::{BTreeMap, HashMap};

use self::far::ROWS;
use self::world::{Verdict, World};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    RequestLost,
    AnswerLost,
    /// The client gave up; the request arrives at any later time, or never.
    LateDelivery,
    DeliveredTwice,
    /// A certain refusal that will not pass, such as a limit.
    Refused,
    /// An upload or a download that breaks off.
    Cut,
    /// The process is killed.
    Crash,
    /// The same, and a part of what was not synced is lost.
    PowerCut,
    /// A write to the ledger, or its sync, fails.
    Disk,
    /// Somebody wishes the run to stop.
    Interrupt,
    CountersLag,
    JobFailed,
    /// By a person.
    JobAborted,
    JobDeleted,
}

const FAULTS: [Fault; 14] = [
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::LateDelivery,
    Fault::DeliveredTwice,
    Fault::Refused,
    Fault::Cut,
    Fault::Crash,
    Fault::PowerCut,
    Fault::Disk,
    Fault::Interrupt,
    Fault::CountersLag,
    Fault::JobFailed,
    Fault::JobAborted,
    Fault::JobDeleted,
];

/// Where it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Reserve,
    Stage,
    Abandon,
    Commit,
    Ask,
    Await,
    Fetch,
    GiveUp,
    /// Between two steps of the client.
    Between,
    /// A late request arrives.
    Arrival,
    /// The far side does something by itself.
    Work,
    Restart,
}

/// A client that does one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    PutAgain,
    LostUploadIsWhole,
    CommitWithoutPrepared,
    PreparedNotSynced,
    NewJobWhenInDoubt,
    AbortAfterPrepared,
    LostCommitIsDone,
    LateCommitForgotten,
    SpoiledNotRecorded,
    GoneIsNotDone,
    FailedIsUnprocessed,
    UnprocessedNotFetched,
    CutResultsTrusted,
    LaggingCountersBelieved,
    SettledBeforeFetched,
    ResumeCreatedAsStaged,
    ResumeCreatedAsReserved,
    ResumePreparedAsDoubtful,
    ResumeStartedAsSpooled,
}

/// Schedules from a state on, by how they end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    schedules: u128,
    doubled: u128,
    lost: u128,
    wrong: u128,
    stuck: u128,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.doubled += other.doubled;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.stuck += other.stuck;
    }

    fn violations(&self) -> u128 {
        self.doubled + self.lost + self.wrong + self.stuck
    }
}

struct Explorer {
    mutant: Mutant,
    parallel: bool,
    /// `None` while a state is being visited: to meet it again is to go round in circles.
    seen: HashMap<World, Option<Tally>>,
    path: Vec<(Step, Option<Fault>)>,
    fired: BTreeMap<(Step, Fault), u64>,
    example: Option<String>,
}

impl Explorer {
    fn explore(mutant: Mutant, faults: u8, parallel: bool) -> (Tally, Self) {
        let mut explorer = Self {
            mutant,
            parallel,
            seen: HashMap::new(),
            path: Vec::new(),
            fired: BTreeMap::new(),
            example: None,
        };
        let tally = explorer.visit(&World::new(faults));
        (tally, explorer)
    }

    fn visit(&mut self, world: &World) -> Tally {
        let world = world.simplified();
        let world = if self.parallel { world.canonical() } else { world };
        match self.seen.get(&world) {
            Some(Some(tally)) => return *tally,
            Some(None) => return self.found("circle", &world, |tally| &mut tally.stuck),
            None => {}
        }
        self.seen.insert(world, None);
        let mut tally = Tally::default();
        if world.is_settled() {
            tally.add(self.judge(&world));
        } else if is_doubled(&world) {
            tally.add(self.found("doubled", &world, |tally| &mut tally.doubled));
        }
        if tally.violations() == 0 {
            let moves = client::moves(&world, self.mutant, self.parallel);
            if !world.is_settled() && moves.iter().all(|step| step.fault.is_some()) {
                tally.add(self.found("stuck", &world, |tally| &mut tally.stuck));
            }
            for step in moves {
                if let Some(fault) = step.fault {
                    *self.fired.entry((step.step, fault)).or_default() += 1;
                }
                self.path.push((step.step, step.fault));
                tally.add(self.visit(&step.world));
                self.path.pop();
            }
        }
        self.seen.insert(world, Some(tally));
        tally
    }

    /// A load that is over: does what it says agree with what happened?
    fn judge(&mut self, world: &World) -> Tally {
        if is_doubled(world) {
            return self.found("doubled", world, |tally| &mut tally.doubled);
        }
        for lane in &world.lanes {
            for row in 0..ROWS {
                let worked = lane.jobs.iter().any(|job| job.worked[row] > 0);
                match lane.verdicts.map(|verdicts| verdicts[row]) {
                    None => return self.found("lost", world, |tally| &mut tally.lost),
                    // There are two reasons not to know, and no other.
                    Some(Verdict::Unknown) if lane.lost_its_results() => {}
                    Some(Verdict::Unknown) => {
                        return self.found("lost", world, |tally| &mut tally.lost);
                    }
                    Some(Verdict::Unprocessed) if !worked && world.excused => {}
                    Some(Verdict::Success) if worked && row == 0 => {}
                    Some(Verdict::Error) if worked && row == 1 => {}
                    Some(_) => return self.found("wrong", world, |tally| &mut tally.wrong),
                }
            }
        }
        Tally { schedules: 1, ..Tally::default() }
    }

    fn found(
        &mut self,
        what: &str,
        world: &World,
        count: impl Fn(&mut Tally) -> &mut u128,
    ) -> Tally {
        if self.example.is_none() {
            let ends: Vec<_> = world.lanes.iter().map(|lane| (lane.at, lane.verdicts)).collect();
            let faults = self.path.iter().filter(|(_, fault)| fault.is_some());
            let faults: Vec<_> = faults.collect();
            let path = &self.path;
            self.example = Some(format!("{what}: {faults:?}, on the way {path:?}, at {ends:?}"));
        }
        let mut tally = Tally { schedules: 1, ..Tally::default() };
        *count(&mut tally) += 1;
        tally
    }
}

/// Whether a row was worked on twice.
fn is_doubled(world: &World) -> bool {
    world.lanes.iter().any(|lane| {
        (0..ROWS).any(|row| lane.made_jobs().iter().map(|job| job.worked[row]).sum::<u8>() > 1)
    })
}

/// Runs in a thread of its own: a schedule can be a few hundred steps deep.
fn explore(mutant: Mutant, faults: u8, parallel: bool) -> (Tally, Explorer) {
    std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(move || Explorer::explore(mutant, faults, parallel))
        .unwrap()
        .join()
        .unwrap()
}

fn report(name: &str, faults: u8, tally: &Tally, explorer: &Explorer) {
    println!("{name}, up to {faults} faults: {} states, {tally:?}", explorer.seen.len());
}

/// The long form: `LONGSHORE_EXPLORE_FAULTS=4 cargo test --lib submit::explore -- --nocapture`.
#[expect(clippy::disallowed_methods, reason = "the long form of a test, by hand")]
fn faults_or(default: u8) -> u8 {
    let asked = std::env::var("LONGSHORE_EXPLORE_FAULTS").ok();
    asked.map_or(default, |text| text.parse().expect("LONGSHORE_EXPLORE_FAULTS is a number"))
}

#[test]
fn no_row_is_lost_or_doubled_in_one_lane() {
    let faults = faults_or(3);
    let (tally, explorer) = explore(Mutant::None, faults, false);
    report("one lane", faults, &tally, &explorer);
    assert_eq!(tally.violations(), 0, "{tally:?} {}", explorer.example.unwrap_or_default());
    for fault in FAULTS {
        let fired = explorer.fired.keys().any(|(_, fired)| *fired == fault);
        assert!(fired, "{fault:?} never happened");
    }
    for step in [Step::Reserve, Step::Stage, Step::Abandon, Step::Commit, Step::Between] {
        assert!(explorer.fired.contains_key(&(step, Fault::Crash)), "no crash in {step:?}");
    }
    for step in [Step::Reserve, Step::Stage, Step::Commit, Step::Ask, Step::Await, Step::Fetch] {
        assert!(explorer.fired.contains_key(&(step, Fault::Refused)), "no refusal of {step:?}");
    }
}

#[test]
fn no_row_is_lost_or_doubled_in_two_lanes() {
    let faults = faults_or(3).saturating_sub(2);
    let (tally, explorer) = explore(Mutant::None, faults, true);
    report("two lanes", faults, &tally, &explorer);
    assert_eq!(tally.violations(), 0, "{tally:?} {}", explorer.example.unwrap_or_default());
    for step in [Step::Between, Step::Commit] {
        assert!(explorer.fired.contains_key(&(step, Fault::PowerCut)), "no power cut in {step:?}");
    }
}

#[test]
fn every_harmful_mutant_is_found_out() {
    for (mutant, faults) in [
        (Mutant::PutAgain, 1),
        (Mutant::LostUploadIsWhole, 1),
        (Mutant::CommitWithoutPrepared, 1),
        (Mutant::PreparedNotSynced, 1),
        (Mutant::NewJobWhenInDoubt, 1),
        (Mutant::AbortAfterPrepared, 1),
        (Mutant::LostCommitIsDone, 1),
        (Mutant::LateCommitForgotten, 2),
        (Mutant::SpoiledNotRecorded, 2),
        (Mutant::GoneIsNotDone, 1),
        (Mutant::FailedIsUnprocessed, 1),
        (Mutant::UnprocessedNotFetched, 1),
        (Mutant::CutResultsTrusted, 1),
        (Mutant::LaggingCountersBelieved, 1),
        (Mutant::SettledBeforeFetched, 1),
        (Mutant::ResumeCreatedAsStaged, 1),
        (Mutant::ResumeCreatedAsReserved, 2),
        (Mutant::ResumePreparedAsDoubtful, 1),
        (Mutant::ResumeStartedAsSpooled, 1),
    ] {
        let (tally, explorer) = explore(mutant, faults, false);
        report(&format!("{mutant:?}"), faults, &tally, &explorer);
        assert!(tally.violations() > 0, "{mutant:?} was not found out with {faults} faults");
        if faults > 0 {
            let (fewer, _) = explore(mutant, faults - 1, false);
            assert_eq!(fewer.violations(), 0, "{mutant:?} needs fewer than {faults} faults");
        }
    }
}

#[test]
fn without_faults_nothing_goes_wrong_and_nothing_is_left() {
    for parallel in [false, true] {
        let (tally, explorer) = explore(Mutant::None, 0, parallel);
        assert_eq!(tally.violations(), 0, "{:?}", explorer.example);
        let settled: Vec<_> = explorer.seen.keys().filter(|world| world.is_settled()).collect();
        for world in settled {
            for lane in &world.lanes {
                assert_eq!(lane.verdicts, Some([Verdict::Success, Verdict::Error]));
            }
        }
    }
}
