//! The far side of the model: jobs and what they did to rows.
//!
//! Where the vendor does not say what happens, the worst is taken: a cut upload leaves a part
//! behind that a second upload is appended to, and an empty job can be started.

use crate::target::{Fault, FaultClass, JobState, JobStatus, ResultFile};

/// Rows of a chunk: the far side accepts the first and refuses the second.
pub(super) const ROWS: usize = 2;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Body {
    #[default]
    Nothing,
    /// The first row only.
    Part,
    Whole,
    /// A part and a whole: the first row twice.
    Mixed,
    /// Refused at the start.
    Double,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Stand {
    #[default]
    Open,
    Queued,
    Half,
    Complete,
    Failed,
    Aborted,
    Deleted,
}

/// What can still arrive of requests that the client gave up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Late {
    pub(super) put: bool,
    pub(super) commit: bool,
    pub(super) abort: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) body: Body,
    pub(super) stand: Stand,
    /// How often each row was worked on.
    pub(super) worked: [u8; ROWS],
    pub(super) late: Late,
}

/// A request that changes a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Put,
    Commit,
    Abort,
}

pub(super) fn fault(class: FaultClass, message: &str) -> Fault {
    let (code, message) = (String::new(), message.to_owned());
    Fault { class, status: None, code, message, hints: Vec::new() }
}

impl Job {
    pub(super) fn arrives(&mut self, request: Request) -> Result<(), Fault> {
        match (self.stand, request) {
            (Stand::Deleted, _) => Err(fault(FaultClass::Gone, "not there")),
            (Stand::Open, Request::Put) => {
                self.body = match self.body {
                    Body::Nothing => Body::Whole,
                    Body::Part => Body::Mixed,
                    Body::Whole | Body::Mixed | Body::Double => Body::Double,
                };
                Ok(())
            }
            (Stand::Open, Request::Commit) => match self.body {
                Body::Double => Err(fault(FaultClass::State, "Found multiple contents for job")),
                Body::Nothing => {
                    self.stand = Stand::Complete;
                    Ok(())
                }
                Body::Part | Body::Whole | Body::Mixed => {
                    self.stand = Stand::Queued;
                    Ok(())
                }
            },
            (Stand::Open | Stand::Queued | Stand::Half, Request::Abort) => {
                self.stand = Stand::Aborted;
                Ok(())
            }
            _ => Err(fault(FaultClass::State, "the state of the job does not allow it")),
        }
    }

    /// The connection broke in the middle of an upload.
    pub(super) fn arrives_in_part(&mut self) {
        if self.stand == Stand::Open {
            let empty = self.body == Body::Nothing;
            self.body = if empty { Body::Part } else { Body::Double };
        }
    }

    pub(super) fn delay(&mut self, request: Request) {
        *self.pending(request) = true;
    }

    pub(super) fn pending(&mut self, request: Request) -> &mut bool {
        match request {
            Request::Put => &mut self.late.put,
            Request::Commit => &mut self.late.commit,
            Request::Abort => &mut self.late.abort,
        }
    }

    /// A job never opens again, so most late requests can do nothing any more.
    pub(super) fn forget_what_cannot_arrive(&mut self) {
        let open = self.stand == Stand::Open;
        self.late.put &= open;
        self.late.commit &= open;
        self.late.abort &= open || matches!(self.stand, Stand::Queued | Stand::Half);
    }

    /// The job goes on by itself; says whether there was anything to do.
    pub(super) fn work(&mut self) -> bool {
        match self.stand {
            Stand::Queued => {
                self.worked[0] += 1;
                self.stand = Stand::Half;
            }
            Stand::Half => {
                self.worked[0] += u8::from(self.body == Body::Mixed);
                self.worked[1] += u8::from(self.body != Body::Part);
                self.stand = Stand::Complete;
            }
            _ => return false,
        }
        true
    }

    /// What the job says of itself, or that it is not there.
    pub(super) fn status(self) -> Result<JobStatus, Fault> {
        let state = match self.stand {
            Stand::Open => JobState::Open,
            Stand::Queued => JobState::UploadComplete,
            Stand::Half => JobState::InProgress,
            Stand::Complete => JobState::JobComplete,
            Stand::Failed => JobState::Failed,
            Stand::Aborted => JobState::Aborted,
            Stand::Deleted => return Err(fault(FaultClass::Gone, "not there")),
        };
        let processed = Some(u64::from(self.worked[0]) + u64::from(self.worked[1]));
        let failed = Some(u64::from(self.worked[1]));
        Ok(JobStatus { state, processed, failed, message: None })
    }

    /// Lines of a result file for each row.
    pub(super) fn lines(self, which: ResultFile) -> [u8; ROWS] {
        let holds = match self.body {
            Body::Nothing => [0, 0],
            Body::Part => [1, 0],
            Body::Whole => [1, 1],
            Body::Mixed => [2, 1],
            Body::Double => [2, 2],
        };
        match which {
            ResultFile::Successful => [self.worked[0], 0],
            ResultFile::Failed => [0, self.worked[1]],
            ResultFile::Unprocessed => [holds[0] - self.worked[0], holds[1] - self.worked[1]],
        }
    }
}
