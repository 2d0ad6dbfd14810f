//! Left: jobs that were given up and that nobody confirmed to be out of the way.
//!
//! Such a job may hold rows. It never starts by itself, but a person can start it, and then its
//! rows are in the org twice. So each is looked at once more when all else is done.

use super::driver::Submit;
use crate::ledger::Fact;
use crate::model::chunk::{Chunk, ChunkNumber};
use crate::model::failure::{Blame, Failure};
use crate::model::ids::JobId;
use crate::pipeline::event::Event;
use crate::pipeline::handover::Ending;
use crate::target::{FaultClass, JobState, Outcome, Target};

/// A job that was given up without a confirmation.
pub(super) struct Left {
    job: JobId,
    chunk: ChunkNumber,
    first_row: u64,
    last_row: u64,
    /// The job that the rows went into instead, if they did.
    instead: Option<JobId>,
}

impl Left {
    /// Those of one chunk.
    pub(super) fn of(chunk: &Chunk, jobs: &[JobId], ending: &Ending) -> Vec<Self> {
        let instead = match ending {
            Ending::Results { job, .. }
            | Ending::Unknowable { job, .. }
            | Ending::Lost { job, .. } => Some(job),
            Ending::NotStarted { .. } => None,
        };
        let left = |job: &JobId| Self {
            job: job.clone(),
            chunk: chunk.number,
            first_row: chunk.first_row,
            last_row: chunk.last_row,
            instead: instead.cloned(),
        };
        jobs.iter().map(left).collect()
    }

    fn started(&self) -> Failure {
        let Self { job, first_row, last_row, .. } = self;
        let twice = match &self.instead {
            Some(other) => format!("went out in job {other} too and may be in the org twice"),
            None => "are not accounted for".to_owned(),
        };
        let message = format!(
            "job {job} was given up before it was started, and somebody has started it: rows \
             {first_row} to {last_row} {twice}"
        );
        Failure::new(Blame::Accounting, message).hint("look both jobs up in the org, and the rows")
    }
}

impl<T: Target> Submit<T> {
    /// Gives the job up once more if it is open, and tells it loudly if it was started.
    ///
    /// What cannot be asked stays in the ledger as it is; a resumption looks at it first.
    pub(super) async fn look_again(&self, left: &Left) {
        let job = &left.job;
        let state = match self.unless_stopped(self.target.ask(job)).await {
            Some(Outcome::Done(status)) => Some(status.state),
            Some(Outcome::NotDone(fault)) if fault.class == FaultClass::Gone => None,
            Some(Outcome::NotDone(_) | Outcome::Unknown(_)) | None => return,
        };
        match state {
            None | Some(JobState::Aborted) => self.is_out_of_the_way(left),
            Some(JobState::Open) => {
                let abandoned = self.unless_stopped(self.target.abandon(job)).await;
                if matches!(abandoned, Some(Outcome::Done(()))) {
                    self.is_out_of_the_way(left);
                    let message = format!("job {job}, which was left open, is given up");
                    self.watch.see(&Event::Notice { message });
                }
            }
            Some(
                JobState::UploadComplete
                | JobState::InProgress
                | JobState::JobComplete
                | JobState::Failed,
            ) => self.halt.because(left.started()),
        }
    }

    fn is_out_of_the_way(&self, left: &Left) {
        let (chunk, job) = (left.chunk, left.job.clone());
        self.record(&Fact::Abandoned { chunk, job, confirmed: true });
    }
}
