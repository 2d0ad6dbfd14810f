//! The client of the model: does what the real machine says, and every way in which it can go.
//!
//! Outcomes become events by the real [`Tries`], events become states by the real
//! [`machine::advance`], and a restarted process is placed by the real [`Progress::from_facts`].

use super::far::{Job, ROWS, Request, fault};
use super::world::{At, End, Lane, Note, Refusal, Verdict, World};
use super::{Fault, Mutant, Step};
use crate::model::chunk::ChunkNumber;
use crate::model::limits::DOWNLOADS_MAX;
use crate::pipeline::submit::answers::{Meaning, Staged, Tries};
use crate::pipeline::submit::machine::{self, Event, Progress};
use crate::pipeline::submit::results;
use crate::target::{self, FaultClass, JobStatus, Outcome, ResultFile};

/// One step to another state.
pub(super) struct Move {
    pub(super) step: Step,
    pub(super) fault: Option<Fault>,
    pub(super) world: World,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    fault: Option<Fault>,
    effect: Effect,
    reply: Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Now,
    Later,
    NowAndLater,
    InPart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Heard,
    Lost,
    Refused,
    /// The client is gone before it could note anything.
    Crash,
}

const fn way(fault: Fault, effect: Effect, reply: Reply) -> Way {
    Way { fault: Some(fault), effect, reply }
}

const PLAIN: Way = Way { fault: None, effect: Effect::Now, reply: Reply::Heard };

/// Every way of a request that changes something.
const WAYS: [Way; 9] = [
    PLAIN,
    way(Fault::RequestLost, Effect::Nothing, Reply::Lost),
    way(Fault::AnswerLost, Effect::Now, Reply::Lost),
    way(Fault::LateDelivery, Effect::Later, Reply::Lost),
    way(Fault::DeliveredTwice, Effect::NowAndLater, Reply::Heard),
    way(Fault::Refused, Effect::Nothing, Reply::Refused),
    way(Fault::Cut, Effect::InPart, Reply::Lost),
    way(Fault::Crash, Effect::Now, Reply::Crash),
    way(Fault::Crash, Effect::Later, Reply::Crash),
];

/// Every move from a state.
pub(super) fn moves(world: &World, mutant: Mutant, parallel: bool) -> Vec<Move> {
    let mut out = Moves { mutant, from: *world, found: Vec::new() };
    for lane in 0..world.lanes.len() {
        out.by_the_far_side(lane);
    }
    if world.is_settled() {
        return out.found;
    }
    let idle = |at: At| matches!(at, At::Settled | At::Parked);
    let mut busy = (0..world.lanes.len()).filter(|lane| !idle(world.lanes[*lane].at)).peekable();
    if busy.peek().is_none() {
        // The process ended by itself; nothing written is lost.
        let mut next = *world;
        out.restart(&mut next, world.tail_count());
        out.push(Step::Restart, None, next);
        return out.found;
    }
    let lanes: Vec<usize> = if parallel { busy.collect() } else { busy.take(1).collect() };
    for lane in lanes {
        out.by_the_client(lane);
    }
    if world.faults_left > 0 {
        out.crash(Step::Between, world);
        if !world.stopping {
            let mut next = *world;
            next.stopping = true;
            next.halted = true;
            next.excused = true;
            out.push(Step::Between, Some(Fault::Interrupt), next);
        }
    }
    out.found
}

struct Moves {
    mutant: Mutant,
    from: World,
    found: Vec<Move>,
}

impl Moves {
    fn push(&mut self, step: Step, fault: Option<Fault>, mut world: World) {
        if fault.is_some() {
            if world.faults_left == 0 {
                return;
            }
            world.faults_left -= 1;
        }
        self.found.push(Move { step, fault, world });
    }

    /// The process is killed, or the power is cut and any part of the unsynced tail with it.
    fn crash(&mut self, step: Step, world: &World) {
        let all = world.tail_count();
        for kept in 0..=all {
            let mut next = *world;
            self.restart(&mut next, kept);
            let fault = if kept == all { Fault::Crash } else { Fault::PowerCut };
            self.push(step, Some(fault), next);
        }
    }

    fn restart(&self, world: &mut World, kept: u8) {
        let mutant = self.mutant;
        world.restart(kept, |lane, facts| {
            let chunk = ChunkNumber(u32::try_from(lane).unwrap() + 1);
            let Some(progress) = Progress::from_facts(chunk, facts) else { return At::Settled };
            match (mutant, At::of(&progress)) {
                (Mutant::ResumeCreatedAsStaged, At::Doubtful(job)) => At::Prepared(job),
                (Mutant::ResumeCreatedAsReserved, At::Doubtful(job)) => At::Reserved(job),
                (Mutant::ResumePreparedAsDoubtful, At::Committing(job)) => At::Doubtful(job),
                (Mutant::ResumeStartedAsSpooled, At::Committed(_)) => At::Spooled,
                (_, at) => at,
            }
        });
        for lane in &mut world.lanes {
            let Some(progress) = lane.at.progress() else { continue };
            lane.unheard = Tries::at(&progress).unheard;
        }
    }

    fn by_the_far_side(&mut self, lane: usize) {
        for job in 0..self.from.lanes[lane].jobs_made {
            for request in [Request::Put, Request::Commit, Request::Abort] {
                let mut next = self.from;
                let at = next.lanes[lane].job(job);
                if std::mem::take(at.pending(request)) {
                    let _refused = at.arrives(request).is_err();
                    self.push(Step::Arrival, None, next);
                }
            }
            let mut next = self.from;
            if next.lanes[lane].job(job).work() {
                self.push(Step::Work, None, next);
            }
            self.by_others(lane, job);
        }
    }

    /// The service fails a job, or a person takes it away.
    fn by_others(&mut self, lane: usize, job: u8) {
        use super::far::Stand;
        if self.from.faults_left == 0 {
            return;
        }
        let stand = self.from.lanes[lane].jobs[usize::from(job)].stand;
        let running = matches!(stand, Stand::Queued | Stand::Half);
        let mut ends = Vec::new();
        if running {
            ends.push((Fault::JobFailed, Stand::Failed));
        }
        if running || stand == Stand::Open {
            ends.push((Fault::JobAborted, Stand::Aborted));
        }
        if stand != Stand::Deleted {
            ends.push((Fault::JobDeleted, Stand::Deleted));
        }
        for (fault, stand) in ends {
            let mut next = self.from;
            next.lanes[lane].job(job).stand = stand;
            // A job that is not there is no reason for rows to stay unprocessed.
            next.excused |= stand != Stand::Deleted;
            self.push(Step::Work, Some(fault), next);
        }
    }

    fn by_the_client(&mut self, lane: usize) {
        let Some(progress) = self.from.lanes[lane].at.progress() else { return };
        let step = machine::next(&progress);
        match (step, self.from.lanes[lane].at) {
            (machine::Step::Reserve, _) => self.reserve(lane),
            (machine::Step::Stage(_), At::Reserved(job)) => self.stage(lane, job),
            (machine::Step::Abandon(_), At::Doubtful(job)) => self.abandon(lane, job),
            (machine::Step::Commit(_), At::Prepared(job)) => self.commit(lane, job),
            (machine::Step::Ask(_), At::Committing(job)) => self.ask(lane, job),
            (machine::Step::Await(_), At::Committed(job)) => self.wait(lane, job),
            (machine::Step::Fetch(..), At::Ended(job, end)) => self.fetch(lane, job, end),
            (machine::Step::GiveUp(_), At::Vanished(_)) => {
                let mut next = self.from;
                if self.mutant == Mutant::GoneIsNotDone {
                    next.lanes[lane].at = At::Spooled;
                } else {
                    settle(&mut next, lane, [Verdict::Unknown; ROWS]);
                }
                self.push(Step::GiveUp, None, next);
            }
            (step, at) => panic!("{step:?} does not fit {at:?}"),
        }
    }

    fn reserve(&mut self, lane: usize) {
        let mut next = self.from;
        if next.halted {
            settle(&mut next, lane, [Verdict::Unprocessed; ROWS]);
            self.push(Step::Reserve, None, next);
            return;
        }
        for way in WAYS {
            let mut next = self.from;
            let here = &mut next.lanes[lane];
            let mut tries = here.tries();
            let job = here.jobs_made;
            let outcome = match (way.effect, way.reply) {
                (Effect::Now, Reply::Heard) => Outcome::Done(At::reserved(job)),
                (_, Reply::Refused) => Outcome::NotDone(fault(FaultClass::Limit, "limit")),
                // However the answer is lost, the orphan is of no account.
                (Effect::Nothing, Reply::Lost) => lost(),
                (Effect::Now, Reply::Crash) => {
                    self.crash(Step::Reserve, &next);
                    continue;
                }
                _ => continue,
            };
            let meaning = tries.after_reserve(outcome);
            here.remember(&tries);
            match meaning {
                Meaning::Told(event) => {
                    here.jobs_made += 1;
                    here.told(event);
                    next.record(lane, Note::Created(job), false);
                }
                Meaning::NotStarted(_) => {
                    next.halted = true;
                    next.excused = true;
                    settle(&mut next, lane, [Verdict::Unprocessed; ROWS]);
                }
                _ => {}
            }
            self.push(Step::Reserve, way.fault, next);
        }
    }

    fn stage(&mut self, lane: usize, job: u8) {
        for way in WAYS {
            let mut next = self.from;
            let Some(outcome) = send(next.lanes[lane].job(job), Request::Put, way) else {
                self.crash(Step::Stage, &next);
                continue;
            };
            let mut staged = next.lanes[lane].tries().after_stage(outcome);
            match (self.mutant, &staged) {
                (Mutant::PutAgain, Staged::InDoubt(None)) => {
                    self.push(Step::Stage, way.fault, next);
                    continue;
                }
                (Mutant::LostUploadIsWhole, Staged::InDoubt(None)) => staged = Staged::Whole,
                _ => {}
            }
            let here = &mut next.lanes[lane];
            match staged {
                Staged::Whole if next.halted => here.told(Event::StageInDoubt),
                Staged::Whole => {
                    self.disk_fails(lane, job, way);
                    match self.mutant {
                        Mutant::PreparedNotSynced => {
                            next.record(lane, Note::Prepared(job), false);
                        }
                        Mutant::CommitWithoutPrepared => {}
                        _ => {
                            let kept = next.record(lane, Note::Prepared(job), true);
                            if !kept {
                                park(&mut next, lane);
                                self.push(Step::Stage, way.fault, next);
                                continue;
                            }
                        }
                    }
                    next.lanes[lane].told(Event::Staged);
                }
                Staged::InDoubt(hopeless) => {
                    here.told(Event::StageInDoubt);
                    if hopeless.is_some() {
                        next.halted = true;
                        next.excused = true;
                    }
                }
            }
            self.push(Step::Stage, way.fault, next);
        }
    }

    /// The write of `Prepared` fails, or its sync does and the line is there all the same.
    fn disk_fails(&mut self, lane: usize, job: u8, way: Way) {
        if way != PLAIN || self.from.broken || self.from.halted {
            return;
        }
        for written in [false, true] {
            let mut next = self.from;
            let sent = send(next.lanes[lane].job(job), Request::Put, way);
            assert!(sent.is_some());
            if written {
                next.record(lane, Note::Prepared(job), false);
            }
            next.broken = true;
            park(&mut next, lane);
            self.push(Step::Stage, Some(Fault::Disk), next);
        }
    }

    fn abandon(&mut self, lane: usize, job: u8) {
        let abandoned = |next: &World| {
            let mut next = *next;
            next.record(lane, Note::Abandoned(job), false);
            next.lanes[lane].told(Event::Abandoned);
            next
        };
        for way in WAYS {
            let mut next = self.from;
            match send(next.lanes[lane].job(job), Request::Abort, way) {
                None => self.crash(Step::Abandon, &next),
                // The call is repeated below the machine.
                Some(Outcome::Unknown(_)) => {
                    self.push(Step::Abandon, way.fault, next);
                    if next.stopping {
                        self.push(Step::Abandon, way.fault, abandoned(&next));
                    }
                }
                Some(_) => self.push(Step::Abandon, way.fault, abandoned(&next)),
            }
        }
    }

    fn commit(&mut self, lane: usize, job: u8) {
        for way in WAYS {
            let mut next = self.from;
            let Some(outcome) = send(next.lanes[lane].job(job), Request::Commit, way) else {
                self.crash(Step::Commit, &next);
                continue;
            };
            let here = &mut next.lanes[lane];
            let mut tries = here.tries();
            let event = tries.after_commit(Some(outcome));
            here.remember(&tries);
            match (self.mutant, &event) {
                (Mutant::NewJobWhenInDoubt, Event::CommitInDoubt) => here.at = At::Spooled,
                (Mutant::AbortAfterPrepared, Event::CommitInDoubt) => here.at = At::Doubtful(job),
                (Mutant::LostCommitIsDone, Event::CommitInDoubt) => here.at = At::Committed(job),
                (_, Event::CommitAcknowledged) => {
                    here.told(event);
                    next.record(lane, Note::Started(job), false);
                }
                _ => here.told(event),
            }
            self.push(Step::Commit, way.fault, next);
        }
    }

    fn ask(&mut self, lane: usize, job: u8) {
        for (fault, answer) in self.answers(lane, job) {
            let mut next = self.from;
            let Some(outcome) = answer else {
                self.push(Step::Ask, fault, next);
                continue;
            };
            let here = &mut next.lanes[lane];
            let mut tries = here.tries();
            if self.mutant == Mutant::LateCommitForgotten {
                tries.unheard = false;
            }
            let meaning = tries.after_ask(outcome);
            here.remember(&tries);
            match meaning {
                Meaning::Told(event) => {
                    let status = match &event {
                        Event::Status(status) => Some(status.state),
                        _ => None,
                    };
                    let spoiled = event == Event::Spoiled;
                    here.told(event);
                    if spoiled && self.mutant != Mutant::SpoiledNotRecorded {
                        if !next.record(lane, Note::Spoiled(job), true) {
                            park(&mut next, lane);
                        }
                    } else if status.is_some_and(|state| state != target::JobState::Open) {
                        next.record(lane, Note::Started(job), false);
                    }
                }
                Meaning::LeftOpen(_) => {
                    next.halted = true;
                    next.excused = true;
                    settle(&mut next, lane, [Verdict::Unprocessed; ROWS]);
                }
                _ => park(&mut next, lane),
            }
            self.push(Step::Ask, fault, next);
        }
        self.leave_when_stopping(Step::Ask, lane);
    }

    fn wait(&mut self, lane: usize, job: u8) {
        for (fault, answer) in self.answers(lane, job) {
            let mut next = self.from;
            match answer {
                None => {}
                Some(Outcome::Done(status)) => {
                    // A job that still runs is asked about again: no other state.
                    if !status.state.is_terminal() {
                        continue;
                    }
                    let end = End::of(&status);
                    next.record(lane, Note::Terminal(job, end), false);
                    next.lanes[lane].told(Event::Status(status));
                }
                Some(Outcome::NotDone(why)) if why.class == FaultClass::Gone => {
                    next.lanes[lane].told(Event::Gone);
                }
                Some(_) => park(&mut next, lane),
            }
            self.push(Step::Await, fault, next);
        }
        self.leave_when_stopping(Step::Await, lane);
    }

    /// What a question can bring; `None` when it is only repeated.
    fn answers(&self, lane: usize, job: u8) -> Vec<(Option<Fault>, Option<Outcome<JobStatus>>)> {
        let limit = Outcome::NotDone(fault(FaultClass::Limit, "limit"));
        let mut answers =
            vec![(Some(Fault::AnswerLost), None), (Some(Fault::Refused), Some(limit))];
        match self.from.lanes[lane].jobs[usize::from(job)].status() {
            Ok(status) => {
                if status.state.is_terminal() {
                    let lagging =
                        JobStatus { processed: Some(0), failed: Some(0), ..status.clone() };
                    answers.push((Some(Fault::CountersLag), Some(Outcome::Done(lagging))));
                }
                answers.push((None, Some(Outcome::Done(status))));
            }
            Err(gone) => answers.push((None, Some(Outcome::NotDone(gone)))),
        }
        answers
    }

    fn leave_when_stopping(&mut self, step: Step, lane: usize) {
        if self.from.stopping {
            let mut next = self.from;
            park(&mut next, lane);
            self.push(step, None, next);
        }
    }

    fn fetch(&mut self, lane: usize, job: u8, end: End) {
        let rows = u64::try_from(ROWS).unwrap();
        if self.mutant == Mutant::FailedIsUnprocessed && end.state == super::world::Ended::Failed {
            let mut next = self.from;
            settle(&mut next, lane, [Verdict::Unprocessed; ROWS]);
            self.push(Step::Fetch, None, next);
            return;
        }
        if self.mutant == Mutant::SettledBeforeFetched && !self.from.lanes[lane].settled_early() {
            let mut next = self.from;
            next.record(lane, Note::Reconciled, true);
            next.lanes[lane].rounds = 1;
            self.push(Step::Fetch, None, next);
            return;
        }
        for fault in [None, Some(Fault::Cut), Some(Fault::AnswerLost), Some(Fault::Refused)] {
            let mut next = self.from;
            let here = &mut next.lanes[lane];
            match fault {
                Some(Fault::AnswerLost) => {}
                Some(Fault::Refused) => park(&mut next, lane),
                _ if here.job(job).status().is_err() => {
                    settle(&mut next, lane, [Verdict::Unknown; ROWS]);
                }
                _ => {
                    here.rounds += 1;
                    let misled = here.rounds == 1 && is_lagging(end, *here.job(job));
                    here.cuts += u8::from(fault.is_some() || misled);
                    let believed = self.mutant == Mutant::LaggingCountersBelieved;
                    let round = if believed { 1 } else { u32::from(here.rounds) };
                    let mut files = results::wanted(&end.status(), round);
                    let mut got = collect(*here.job(job), &files, fault.is_some());
                    if got.count < rows && !files.contains(&ResultFile::Unprocessed) {
                        files.push(ResultFile::Unprocessed);
                        got = collect(*here.job(job), &files, fault.is_some());
                    }
                    if self.mutant == Mutant::UnprocessedNotFetched {
                        files.retain(|file| *file != ResultFile::Unprocessed);
                        got = collect(*here.job(job), &files, fault.is_some());
                    }
                    let whole = got.count == rows || self.mutant == Mutant::CutResultsTrusted;
                    if whole || u32::from(here.rounds) >= DOWNLOADS_MAX {
                        settle(&mut next, lane, got.verdicts);
                    }
                }
            }
            self.push(Step::Fetch, fault, next);
        }
        self.leave_when_stopping(Step::Fetch, lane);
    }
}

/// Whether a fault hides rows in the first round of downloads.
fn is_lagging(end: End, job: Job) -> bool {
    end.processed == 0 && job.worked != [0; ROWS]
}

struct Got {
    count: u64,
    verdicts: [Verdict; ROWS],
}

/// The rows of the result files; `cut` loses the last one.
fn collect(job: Job, files: &[ResultFile], cut: bool) -> Got {
    let mut lines = Vec::new();
    for which in files {
        let verdict = match which {
            ResultFile::Successful => Verdict::Success,
            ResultFile::Failed => Verdict::Error,
            ResultFile::Unprocessed => Verdict::Unprocessed,
        };
        for (row, count) in job.lines(*which).into_iter().enumerate() {
            lines.extend((0..count).map(|_| (row, verdict)));
        }
    }
    if cut {
        lines.pop();
    }
    let mut verdicts = [Verdict::Unknown; ROWS];
    for (row, verdict) in &lines {
        verdicts[*row] = *verdict;
    }
    Got { count: u64::try_from(lines.len()).unwrap(), verdicts }
}

/// Sends a request in one of the ways; `None` when the client did not live to hear the answer.
fn send(job: &mut Job, request: Request, way: Way) -> Option<Outcome<()>> {
    let arrived = match way.effect {
        Effect::Now => job.arrives(request),
        Effect::NowAndLater => {
            job.delay(request);
            job.arrives(request)
        }
        Effect::Later => {
            job.delay(request);
            Ok(())
        }
        Effect::InPart => {
            if request == Request::Put {
                job.arrives_in_part();
            }
            Ok(())
        }
        Effect::Nothing => Ok(()),
    };
    match way.reply {
        Reply::Heard => Some(match arrived {
            Ok(()) => Outcome::Done(()),
            Err(fault) if fault.class == FaultClass::Gone && request == Request::Abort => {
                Outcome::Done(())
            }
            Err(fault) => Outcome::NotDone(fault),
        }),
        Reply::Lost => Some(lost()),
        Reply::Refused => Some(Outcome::NotDone(fault(FaultClass::Limit, "limit"))),
        Reply::Crash => None,
    }
}

fn lost<T>() -> Outcome<T> {
    Outcome::Unknown(fault(FaultClass::Unavailable, "lost"))
}

/// This process cannot bring the chunk to its end.
fn park(world: &mut World, lane: usize) {
    world.lanes[lane].at = At::Parked;
    world.halted = true;
    world.excused = true;
}

/// The rows are in the result files. A ledger that fails leaves that to the next process.
fn settle(world: &mut World, lane: usize, verdicts: [Verdict; ROWS]) {
    if world.record(lane, Note::Reconciled, true) {
        world.lanes[lane].verdicts = Some(verdicts);
        world.lanes[lane].at = At::Settled;
    } else {
        world.lanes[lane].at = At::Parked;
    }
}

impl Lane {
    fn tries(&self) -> Tries {
        let refusal = match self.refusal {
            Refusal::None => None,
            Refusal::Spoiled => Some(fault(FaultClass::State, "Found multiple contents for job")),
            Refusal::State => Some(fault(FaultClass::State, "the state does not allow it")),
            Refusal::Gone => Some(fault(FaultClass::Gone, "not there")),
            Refusal::Limit => Some(fault(FaultClass::Limit, "limit")),
        };
        Tries { made: self.made.into(), refusal, unheard: self.unheard }
    }

    fn remember(&mut self, tries: &Tries) {
        self.made = u8::try_from(tries.made).unwrap();
        self.unheard = tries.unheard;
        self.refusal = match &tries.refusal {
            None => Refusal::None,
            Some(fault) if fault.message.contains("multiple contents") => Refusal::Spoiled,
            Some(fault) => match fault.class {
                FaultClass::State => Refusal::State,
                FaultClass::Gone => Refusal::Gone,
                FaultClass::Limit => Refusal::Limit,
                other => panic!("{other:?} is not in the model"),
            },
        };
    }

    fn told(&mut self, event: Event) {
        let Some(progress) = self.at.progress() else { return };
        self.at = At::of(&machine::advance(progress, event));
    }

    fn settled_early(&self) -> bool {
        self.rounds > 0
    }
}
