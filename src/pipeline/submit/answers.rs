//! What the outcome of a call means to the machine, without I/O.
//!
//! [`Tries`] is what a chunk's way through the machine remembers beside [`Progress`]. The driver
//! and the explorer of the protocol (`explore/`) both decide with it, so what is explored is what
//! runs.

use super::machine::{Event, Progress};
use crate::model::ids::JobId;
use crate::model::limits::ATTEMPTS_MAX;
use crate::target::{Fault, FaultClass, JobState, JobStatus, Outcome};

/// What follows from an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The machine is told.
    Told(Event),
    /// Nothing that counts came of it; the same step again.
    Again,
    /// Certain: nothing of this chunk was started, and the run cannot go on.
    NotStarted(Fault),
    /// Certain: the job holds the rows, is open, and nothing that could start it is under way.
    LeftOpen(Fault),
    /// The job stands open, but a lost request to start it may yet arrive.
    NeverHeard(Option<Fault>),
    /// The job may have run and cannot be asked about now.
    Blind(Fault),
}

/// What an upload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// Every row is in the job.
    Whole,
    /// The job must not be used any more; with a fault, the run cannot go on either.
    InDoubt(Option<Fault>),
}

/// What was tried for a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tries {
    /// Jobs made and commits repeated.
    pub made: u32,
    /// The certain refusal of the last commit.
    pub refusal: Option<Fault>,
    /// A commit of this job was sent whose answer was never heard; it may yet arrive.
    pub unheard: bool,
}

impl Tries {
    /// At the beginning, or where a process before this one left the chunk: it may have sent the
    /// commit of a prepared job an instant before its end.
    pub fn at(progress: &Progress) -> Self {
        Self { unheard: matches!(progress, Progress::Committing(_)), ..Self::default() }
    }

    pub fn after_reserve(&mut self, outcome: Outcome<JobId>) -> Meaning {
        self.made += 1;
        match outcome {
            Outcome::Done(job) => {
                self.refusal = None;
                self.unheard = false;
                Meaning::Told(Event::Reserved(job))
            }
            // The orphan of a lost answer is empty and never runs; another job may be made.
            Outcome::Unknown(_) if self.made < ATTEMPTS_MAX => Meaning::Again,
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => Meaning::NotStarted(fault),
        }
    }

    pub fn after_stage(&self, outcome: Outcome<()>) -> Staged {
        match outcome {
            Outcome::Done(()) => Staged::Whole,
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
                // A job that somebody deleted before it was filled is replaced like any other.
                let passes = may_pass(fault.class) || fault.class == FaultClass::Gone;
                let hopeless = self.made >= ATTEMPTS_MAX || !passes;
                Staged::InDoubt(hopeless.then_some(fault))
            }
        }
    }

    /// `None` is a commit whose answer was not waited for.
    pub fn after_commit(&mut self, outcome: Option<Outcome<()>>) -> Event {
        match outcome {
            Some(Outcome::Done(())) => return Event::CommitAcknowledged,
            Some(Outcome::NotDone(fault)) => self.refusal = Some(fault),
            Some(Outcome::Unknown(_)) | None => self.unheard = true,
        }
        Event::CommitInDoubt
    }

    /// After a commit in doubt: did it arrive?
    pub fn after_ask(&mut self, outcome: Outcome<JobStatus>) -> Meaning {
        let status = match outcome {
            Outcome::Done(status) => status,
            Outcome::NotDone(fault) if fault.class == FaultClass::Gone => {
                return Meaning::Told(Event::Gone);
            }
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
                return match self.refusal.take() {
                    // Every commit was refused for certain, so nobody need be asked.
                    Some(refusal) if !self.unheard => Meaning::LeftOpen(refusal),
                    _ => Meaning::Blind(fault),
                };
            }
        };
        let refusal = self.refusal.take();
        if status.state != JobState::Open {
            return Meaning::Told(Event::Status(status));
        }
        let worn_out = self.made >= ATTEMPTS_MAX;
        match refusal {
            // Two contents never start, so neither does a lost commit that arrives yet.
            Some(fault) if is_spoiled(&fault) => Meaning::Told(Event::Spoiled),
            Some(fault) if worn_out || !may_pass(fault.class) => {
                if self.unheard {
                    Meaning::NeverHeard(Some(fault))
                } else {
                    Meaning::LeftOpen(fault)
                }
            }
            None if worn_out => Meaning::NeverHeard(None),
            Some(_) | None => {
                self.made += 1;
                Meaning::Told(Event::Status(status))
            }
        }
    }
}

/// Whether trying again may help.
fn may_pass(class: FaultClass) -> bool {
    matches!(class, FaultClass::Unavailable | FaultClass::State | FaultClass::Protocol)
}

/// The job got two contents and will never start. Text as recorded in field reports.
fn is_spoiled(fault: &Fault) -> bool {
    fault.message.contains("multiple contents")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(class: FaultClass) -> Fault {
        let (code, message) = ("X".to_owned(), "x".to_owned());
        Fault { class, status: None, code, message, hints: Vec::new() }
    }

    fn open() -> Outcome<JobStatus> {
        let state = JobState::Open;
        Outcome::Done(JobStatus { state, processed: None, failed: None, message: None })
    }

    /// Rows that are said to be unprocessed are sent again by people. A lost commit may arrive
    /// after a later one was refused, so the refusal of the later one is no proof.
    #[test]
    fn a_refused_commit_is_no_proof_while_an_earlier_one_may_yet_arrive() {
        let refused = || Some(Outcome::NotDone(fault(FaultClass::Limit)));
        let mut alone = Tries::default();
        alone.after_commit(refused());
        assert_eq!(alone.after_ask(open()), Meaning::LeftOpen(fault(FaultClass::Limit)));

        let lost = Some(Outcome::Unknown(fault(FaultClass::Unavailable)));
        for lost in [lost, None] {
            let mut after_a_lost_one = Tries::default();
            after_a_lost_one.after_commit(lost);
            assert!(matches!(after_a_lost_one.after_ask(open()), Meaning::Told(Event::Status(_))));
            after_a_lost_one.after_commit(refused());
            let meaning = after_a_lost_one.after_ask(open());
            assert_eq!(meaning, Meaning::NeverHeard(Some(fault(FaultClass::Limit))));
        }

        let job = JobId::parse("7508c00000Qk3TbAAJ").unwrap();
        let mut after_a_crash = Tries::at(&Progress::Committing(job));
        after_a_crash.after_commit(refused());
        let meaning = after_a_crash.after_ask(open());
        assert_eq!(meaning, Meaning::NeverHeard(Some(fault(FaultClass::Limit))));
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        for (class, goes_on) in [
            (FaultClass::Access, false),
            (FaultClass::Limit, false),
            (FaultClass::Refused, false),
            (FaultClass::Gone, false),
            (FaultClass::Disk, false),
            (FaultClass::Unavailable, true),
            (FaultClass::State, true),
            (FaultClass::Protocol, true),
        ] {
            let staged = Tries::default().after_stage(Outcome::NotDone(fault(class)));
            let replaced = goes_on || class == FaultClass::Gone;
            assert_eq!(staged == Staged::InDoubt(None), replaced, "upload, {class:?}");
            let mut tries = Tries::default();
            tries.after_commit(Some(Outcome::NotDone(fault(class))));
            let told = matches!(tries.after_ask(open()), Meaning::Told(_));
            assert_eq!(told, goes_on, "commit, {class:?}");
        }
    }

    #[test]
    fn tries_come_to_an_end() {
        let lost = || Outcome::Unknown(fault(FaultClass::Unavailable));
        let mut tries = Tries::default();
        for _ in 1..ATTEMPTS_MAX {
            assert_eq!(tries.after_reserve(lost()), Meaning::Again);
        }
        assert!(matches!(tries.after_reserve(lost()), Meaning::NotStarted(_)));

        let mut tries = Tries::default();
        for _ in 0..ATTEMPTS_MAX {
            tries.after_commit(Some(Outcome::Unknown(fault(FaultClass::Unavailable))));
            assert!(matches!(tries.after_ask(open()), Meaning::Told(_)));
        }
        assert_eq!(tries.after_ask(open()), Meaning::NeverHeard(None));
    }
}
