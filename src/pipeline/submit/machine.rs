//! What to do next with a chunk: a function without I/O.
//!
//! The far side works in two phases. Creating and filling a job starts nothing; one call, the
//! commit, does. [`Progress`] is what is known for certain of a chunk, [`next`] says what to do
//! about it, and [`advance`] what is known after the answer. Once a job is prepared, only three
//! things are legal: the same commit, questions and downloads. Never is it abandoned, and never is
//! there a second job.
//!
//! The numbers in the comments are the rows of the table of lost answers in `docs/submit.md`.

use crate::model::ids::JobId;
use crate::target::{JobState, JobStatus};

/// How far a chunk has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// On disk here; the far side holds nothing that counts.
    Spooled,
    /// An empty job is there, made by this process a moment ago.
    Reserved(JobId),
    /// A job that may hold all, some or none of the rows and was never told to start.
    Doubtful(JobId),
    /// The job holds all rows. This fact is on disk before the commit is sent.
    Prepared(JobId),
    /// The commit was sent and whether it arrived is not known.
    Committing(JobId),
    /// The job was told to start and will come to an end by itself.
    Committed(JobId),
    /// The job has ended.
    Ended(JobId, JobStatus),
    /// The job was prepared, and the far side knows it no more. Nobody can say what became of its
    /// rows.
    Vanished(JobId),
}

impl Progress {
    /// The job that counts, if there is one.
    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::Spooled => None,
            Self::Reserved(job)
            | Self::Doubtful(job)
            | Self::Prepared(job)
            | Self::Committing(job)
            | Self::Committed(job)
            | Self::Ended(job, _)
            | Self::Vanished(job) => Some(job),
        }
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Reserve,
    Stage(JobId),
    Abandon(JobId),
    Commit(JobId),
    Ask(JobId),
    Await(JobId),
    Fetch(JobId, JobStatus),
    GiveUp(JobId),
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Reserved(JobId),
    /// Every row arrived.
    Staged,
    /// The upload was refused or its answer was lost: the job must not be used any more.
    StageInDoubt,
    /// The doubtful job is out of the way, or as far out of it as it will get: it never starts by
    /// itself.
    Abandoned,
    CommitAcknowledged,
    /// The commit was refused or its answer was lost.
    CommitInDoubt,
    /// The far side refuses to start the job because of what it holds, and shows it as open.
    Spoiled,
    Status(JobStatus),
    Gone,
}

/// What to do about what is known.
pub fn next(progress: &Progress) -> Step {
    match progress {
        Progress::Spooled => Step::Reserve,
        Progress::Reserved(job) => Step::Stage(job.clone()),
        Progress::Doubtful(job) => Step::Abandon(job.clone()),
        Progress::Prepared(job) => Step::Commit(job.clone()),
        Progress::Committing(job) => Step::Ask(job.clone()),
        Progress::Committed(job) => Step::Await(job.clone()),
        Progress::Ended(job, status) => Step::Fetch(job.clone(), status.clone()),
        Progress::Vanished(job) => Step::GiveUp(job.clone()),
    }
}

/// What is known after `event`; an event that cannot follow changes nothing.
pub fn advance(progress: Progress, event: Event) -> Progress {
    match (progress, event) {
        // 2, 3: a create whose answer was lost left an empty job that dies by itself.
        (Progress::Spooled, Event::Reserved(job)) => Progress::Reserved(job),
        (Progress::Reserved(job), Event::Staged) => Progress::Prepared(job),
        // 4, 5, 6: never a second upload to a job.
        (Progress::Reserved(job), Event::StageInDoubt) => Progress::Doubtful(job),
        (Progress::Doubtful(_), Event::Abandoned) => Progress::Spooled,
        (Progress::Prepared(job), Event::CommitAcknowledged) => Progress::Committed(job),
        // 8: ask; never abandon, never replace.
        (Progress::Prepared(job), Event::CommitInDoubt) => Progress::Committing(job),
        (Progress::Committing(job), Event::Status(status)) => after_asking(job, status),
        // 9: only the proof that the job is open and refused for its content allows a new one.
        (Progress::Prepared(job) | Progress::Committing(job), Event::Spoiled) => {
            Progress::Doubtful(job)
        }
        (Progress::Committed(job), Event::Status(status)) if status.state.is_terminal() => {
            Progress::Ended(job, status)
        }
        // 12.
        (Progress::Committing(job) | Progress::Committed(job), Event::Gone) => {
            Progress::Vanished(job)
        }
        (unchanged, _) => unchanged,
    }
}

fn after_asking(job: JobId, status: JobStatus) -> Progress {
    match status.state {
        JobState::Open => Progress::Prepared(job),
        JobState::UploadComplete | JobState::InProgress => Progress::Committed(job),
        JobState::JobComplete | JobState::Failed | JobState::Aborted => {
            Progress::Ended(job, status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobId {
        JobId::parse("7508c00000Qk3TbAAJ").unwrap()
    }

    fn status(state: JobState) -> JobStatus {
        JobStatus { state, processed: None, failed: None, message: None }
    }

    fn every_event() -> Vec<Event> {
        let mut events = vec![
            Event::Reserved(job()),
            Event::Staged,
            Event::StageInDoubt,
            Event::Abandoned,
            Event::CommitAcknowledged,
            Event::CommitInDoubt,
            Event::Spoiled,
            Event::Gone,
        ];
        for state in [
            JobState::Open,
            JobState::UploadComplete,
            JobState::InProgress,
            JobState::JobComplete,
            JobState::Failed,
            JobState::Aborted,
        ] {
            events.push(Event::Status(status(state)));
        }
        events
    }

    #[test]
    fn the_ordinary_way() {
        let mut progress = Progress::Spooled;
        let mut steps = Vec::new();
        for event in [
            Event::Reserved(job()),
            Event::Staged,
            Event::CommitAcknowledged,
            Event::Status(status(JobState::InProgress)),
            Event::Status(status(JobState::JobComplete)),
        ] {
            steps.push(next(&progress));
            progress = advance(progress, event);
        }
        assert_eq!(
            steps,
            [
                Step::Reserve,
                Step::Stage(job()),
                Step::Commit(job()),
                Step::Await(job()),
                Step::Await(job())
            ]
        );
        assert!(matches!(next(&progress), Step::Fetch(..)));
    }

    /// Once the commit may have arrived, no event leads back to a new job or an abandoned one; only
    /// the far side's own word that the job is open and spoiled does.
    #[test]
    fn a_job_that_may_have_started_is_never_replaced() {
        for start in [Progress::Committing(job()), Progress::Committed(job())] {
            for event in every_event() {
                if event == Event::Spoiled {
                    continue;
                }
                let after = advance(start.clone(), event.clone());
                assert!(
                    !matches!(next(&after), Step::Reserve | Step::Stage(_) | Step::Abandon(_)),
                    "{start:?} after {event:?} is {after:?}"
                );
            }
        }
    }

    #[test]
    fn a_lost_commit_is_asked_about_and_repeated_only_when_the_job_is_open() {
        let asked = advance(Progress::Prepared(job()), Event::CommitInDoubt);
        assert_eq!(next(&asked), Step::Ask(job()));
        for (state, step) in [
            (JobState::Open, Step::Commit(job())),
            (JobState::UploadComplete, Step::Await(job())),
            (JobState::InProgress, Step::Await(job())),
            (JobState::JobComplete, Step::Fetch(job(), status(JobState::JobComplete))),
            (JobState::Failed, Step::Fetch(job(), status(JobState::Failed))),
            (JobState::Aborted, Step::Fetch(job(), status(JobState::Aborted))),
        ] {
            assert_eq!(next(&advance(asked.clone(), Event::Status(status(state)))), step);
        }
    }

    #[test]
    fn an_upload_in_doubt_is_never_repeated_into_the_same_job() {
        let doubtful = advance(Progress::Reserved(job()), Event::StageInDoubt);
        assert_eq!(next(&doubtful), Step::Abandon(job()));
        assert_eq!(next(&advance(doubtful, Event::Abandoned)), Step::Reserve);
    }
}
