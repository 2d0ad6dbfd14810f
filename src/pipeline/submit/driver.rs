//! The driver: does what the machine says, and writes down what happened.

use std::fs::OpenOptions;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::answers::{Meaning, Staged, Tries};
use super::gate::Gate;
use super::left::Left;
use super::locks;
use super::machine::{self, Event as Answer, Progress, Step};
use super::poll::{Poller, Waited};
use super::results::{self, Received};
use super::turns::{Slot, Turns};
use crate::faults;
use crate::ledger::{Fact, Image, Ledger, RawKind, sync_folder};
use crate::model::chunk::Chunk;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::JobId;
use crate::model::limits::{BACKOFF_BASE_MS, STOP_GRACE_MS};
use crate::pipeline::budget::{Budget, Cost, Part, Short};
use crate::pipeline::earlier::Earlier;
use crate::pipeline::event::{Event, Watch};
use crate::pipeline::handover::{EndedChunk, Ending};
use crate::pipeline::images::{self, ImagePlan};
use crate::pipeline::stop::{Halt, Stop};
use crate::target::{
    ApiUsage, Fault, FaultClass, JobSpec, JobState, JobStatus, Outcome, ResultFile, Target,
};

/// All that submitting needs; shared by the chunks in flight.
pub struct Submit<T> {
    pub target: Arc<T>,
    pub ledger: Arc<Ledger>,
    pub watch: Arc<dyn Watch>,
    pub stop: Stop,
    pub spec: JobSpec,
    /// What is kept of the records before a job is made for them; `None` keeps nothing.
    pub images: Option<ImagePlan>,
    /// Where raw results go.
    pub raw: PathBuf,
    /// Jobs of this run at once at most.
    pub parallel: usize,
    /// Lets jobs into the org, those of other runs of the command among them.
    pub gate: Arc<Gate>,
    /// Decides by chance how often we ask.
    pub seed: u32,
    pub halt: Halt,
    pub earlier: Arc<Earlier>,
    /// What jobs may still be begun.
    pub budget: Arc<Budget>,
}

impl<T: Target> Submit<T> {
    /// Submits every chunk; each comes out exactly once, in whatever order they end.
    ///
    /// After a failure of the run no further chunk is started; those in flight are followed to
    /// their end as far as possible.
    pub async fn run(self, mut chunks: mpsc::Receiver<Chunk>, ended: mpsc::Sender<EndedChunk>) {
        let shared = Arc::new(self);
        let poller = Poller::new(Arc::clone(&shared.gate), shared.seed);
        let mut turns = Turns::new(shared.parallel, Arc::clone(&shared.gate));
        let asking = {
            let (poller, shared) = (Arc::clone(&poller), Arc::clone(&shared));
            tokio::spawn(async move { poller.run(&*shared.target, &*shared.watch).await })
        };
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(chunk) = chunks.recv().await {
            let Some(place) = turns.queue(&chunk).await else { break };
            let (shared, poller, ended) = (Arc::clone(&shared), Arc::clone(&poller), ended.clone());
            tasks.spawn(async move {
                let mut way = Way::from(shared.earlier.progress(chunk.number));
                let Some(slot) = place.turn().await else { return Vec::new() };
                let carried = AssertUnwindSafe(shared.carry(&chunk, &poller, slot, &mut way));
                let ending = match carried.catch_unwind().await {
                    Ok(ending) => ending,
                    Err(_) => shared.broken(&way),
                };
                let left = Left::of(&chunk, &way.left, &ending);
                drop(way);
                if ended.send(EndedChunk { chunk, ending }).await.is_err() {
                    // A disk that failed was told before.
                    shared.halt.because(broken_stage("settle"));
                }
                left
            });
        }
        let mut left = Vec::new();
        while let Some(task) = tasks.join_next().await {
            match task {
                Ok(of_chunk) => left.extend(of_chunk),
                Err(_) => shared.halt.because(broken_stage("submit")),
            }
        }
        asking.abort();
        for job in left {
            shared.look_again(&job).await;
        }
    }

    /// A task of ours has panicked. What it knew last stands; the rest is for a later process.
    fn broken(&self, way: &Way) -> Ending {
        let failure = broken_stage("submit");
        let why = failure.message.clone();
        self.halt.because(failure);
        match &way.progress {
            Progress::Spooled | Progress::Reserved(_) | Progress::Doubtful(_) => {
                Ending::NotStarted { why }
            }
            Progress::Prepared(job)
            | Progress::Committing(job)
            | Progress::Committed(job)
            | Progress::Ended(job, _)
            | Progress::Vanished(job) => Ending::Unknowable { job: job.clone(), why },
        }
    }

    /// Carries one chunk from the spool to its results.
    async fn carry(&self, chunk: &Chunk, poller: &Poller, slot: Slot, way: &mut Way) -> Ending {
        if let Some((job, why)) = self.earlier.lost(chunk.number) {
            return Ending::Lost { job, why };
        }
        if let Some(job) = way.progress.job() {
            let started = matches!(way.progress, Progress::Committed(_) | Progress::Ended(..));
            self.target.adopt(&self.spec, job, &chunk.body, started);
            way.part = Some(self.budget.follow(self.cost(chunk)));
        }
        let mut slot = Some(slot);
        loop {
            match machine::next(&way.progress) {
                Step::Reserve => {
                    self.pause(way).await;
                    if let Err(why) = self.set_aside(chunk, way).await {
                        return Ending::NotStarted { why };
                    }
                    if let Err(ending) = self.keep_images(chunk, way).await {
                        return ending;
                    }
                    if let Err(ending) = self.reserve(chunk, way).await {
                        return ending;
                    }
                }
                Step::Stage(job) => {
                    if let Err(ending) = self.stage(chunk, &job, way).await {
                        return ending;
                    }
                }
                Step::Abandon(job) => self.abandon(chunk, &job, way).await,
                Step::Commit(job) => self.commit(chunk, &job, way).await,
                Step::Ask(job) => {
                    if let Err(ending) = self.ask(chunk, &job, way).await {
                        return ending;
                    }
                }
                Step::Await(job) => {
                    let rows = u64::from(chunk.rows);
                    let ahead = slot.as_mut().map_or(0, |slot| slot.is_there(rows));
                    match self.wait(chunk, &job, (poller, ahead)).await {
                        Ok(answer) => way.happened(answer),
                        Err(ending) => return ending,
                    }
                }
                Step::Fetch(job, status) => {
                    drop(slot.take());
                    return self.fetch(chunk, job, status).await;
                }
                Step::GiveUp(job) => {
                    let why = format!("job {job} is not there any more");
                    return Ending::Lost { job, why };
                }
            }
        }
    }

    /// Before another attempt: a service that has just failed needs time, and so does a limit.
    async fn pause(&self, way: &Way) {
        if way.tries.made == 0 || self.why_not().is_some() {
            return;
        }
        let wait = Duration::from_millis(BACKOFF_BASE_MS << way.tries.made);
        let reason = "a job could not be made or filled, another is tried".to_owned();
        self.watch.see(&Event::Waiting { reason, seconds: wait.as_secs_f64() });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.asked() => {}
        }
    }

    /// Sets aside what the chunk takes of the budget, or says why it is not started.
    ///
    /// Where it fits but for what others have set aside, it waits for their end.
    async fn set_aside(&self, chunk: &Chunk, way: &mut Way) -> Result<(), String> {
        let mut freed = self.budget.freed();
        loop {
            if let Some(why) = self.why_not() {
                return Err(why);
            }
            if way.part.is_some() {
                return Ok(());
            }
            match self.budget.begin(self.target.usage(), self.cost(chunk)) {
                Ok(part) => way.part = Some(part),
                Err(Short::ForGood(failure)) => self.halt.because(failure),
                Err(Short::ForNow) => tokio::select! {
                    _ = freed.changed() => {}
                    () = self.stop.asked() => {}
                },
            }
        }
    }

    fn cost(&self, chunk: &Chunk) -> Cost {
        let imaged = self.images.is_some();
        Cost::of(self.target.kind(), self.spec.operation, imaged, u64::from(chunk.rows))
    }

    /// What the records hold is on disk before a job is made for them. Images of an earlier process
    /// are made anew: nothing of the chunk was started, and others may have changed records since.
    async fn keep_images(&self, chunk: &Chunk, way: &mut Way) -> Result<(), Ending> {
        let Some(plan) = self.images.as_ref().filter(|_| !way.imaged) else { return Ok(()) };
        let keeping = images::keep(&*self.target, plan, chunk, &self.raw);
        let image = match self.unless_stopped(keeping).await {
            Some(Ok(image)) => image,
            Some(Err(fault)) => return Err(self.not_started(fault)),
            None => return Err(Ending::NotStarted { why: INTERRUPTED.to_owned() }),
        };
        let Image { rows, bytes, digest } = image;
        way.imaged = self.record(&Fact::Imaged { chunk: chunk.number, rows, bytes, digest });
        let why = || format!("not sent: {}", self.halt.message().unwrap_or_default());
        if way.imaged { Ok(()) } else { Err(Ending::NotStarted { why: why() }) }
    }

    async fn reserve(&self, chunk: &Chunk, way: &mut Way) -> Result<(), Ending> {
        let Some(outcome) = self.unless_stopped(self.target.reserve(&self.spec)).await else {
            return Err(Ending::NotStarted { why: INTERRUPTED.to_owned() });
        };
        if let Outcome::Done(job) = &outcome {
            self.record(&Fact::Created { chunk: chunk.number, job: job.clone() });
        }
        match way.tries.after_reserve(outcome) {
            Meaning::NotStarted(fault) => return Err(self.not_started(fault)),
            Meaning::Told(answer) => way.happened(answer),
            _ => {}
        }
        Ok(())
    }

    async fn stage(&self, chunk: &Chunk, job: &JobId, way: &mut Way) -> Result<(), Ending> {
        let staging = self.target.stage(job, &chunk.body, chunk.body_bytes);
        let staged = match self.unless_stopped(staging).await {
            Some(outcome) => way.tries.after_stage(outcome),
            None => Staged::InDoubt(None),
        };
        match staged {
            // Nothing is committed after a wish to stop; the filled job is given up instead.
            Staged::Whole if self.why_not().is_none() && self.kept(chunk).await => {
                // A fact that was not written for certain may be on disk all the same. The job
                // stays as it is: the next process starts it, or gives it up.
                if !self.prepared(chunk, job) {
                    let why = format!("job {job} holds the rows and was never started");
                    return Err(Ending::NotStarted { why });
                }
                way.happened(Answer::Staged);
            }
            Staged::Whole | Staged::InDoubt(None) => way.happened(Answer::StageInDoubt),
            Staged::InDoubt(Some(fault)) => {
                self.halt.because(fault.into());
                way.happened(Answer::StageInDoubt);
            }
        }
        Ok(())
    }

    /// Makes the files of a chunk durable; says whether they are.
    ///
    /// Once the job is prepared they are what its results are matched with, by whatever process.
    async fn kept(&self, chunk: &Chunk) -> bool {
        let files = [chunk.body.clone(), chunk.source.clone()];
        let synced = tokio::task::spawn_blocking(move || sync_all(&files)).await;
        let synced = synced.unwrap_or_else(|_| Err(broken_stage("submit")));
        synced.map_err(|failure| self.halt.because(failure)).is_ok()
    }

    /// The job holds all rows; says whether the disk knows it.
    fn prepared(&self, chunk: &Chunk, job: &JobId) -> bool {
        self.record(&Fact::Prepared {
            chunk: chunk.number,
            job: job.clone(),
            bytes: chunk.body_bytes,
            digest: chunk.digest,
        })
    }

    async fn abandon(&self, chunk: &Chunk, job: &JobId, way: &mut Way) {
        let abandoned = self.unless_stopped(self.target.abandon(job)).await;
        let confirmed = matches!(abandoned, Some(Outcome::Done(())));
        self.record(&Fact::Abandoned { chunk: chunk.number, job: job.clone(), confirmed });
        if !confirmed {
            way.left.push(job.clone());
            let message = format!(
                "job {job} was given up before it was started and may still stand open in the org; \
                 do not start it by hand"
            );
            self.watch.see(&Event::Notice { message });
        }
        way.happened(Answer::Abandoned);
    }

    async fn commit(&self, chunk: &Chunk, job: &JobId, way: &mut Way) {
        let outcome = self.unless_stopped(self.target.commit(job)).await;
        let answer = way.tries.after_commit(outcome);
        if let Some(part) = &mut way.part {
            part.job_runs();
        }
        if answer == Answer::CommitAcknowledged {
            self.started(chunk, job);
        } else if faults::mutant(faults::REPLACE_LOST_COMMIT, &self.raw) {
            way.progress = Progress::Spooled;
        }
        way.happened(answer);
    }

    /// The job will never start; says whether the disk knows it.
    fn spoiled(&self, chunk: &Chunk, job: &JobId) -> bool {
        self.record(&Fact::Spoiled { chunk: chunk.number, job: job.clone() })
    }

    /// The job is known to have been told to start.
    fn started(&self, chunk: &Chunk, job: &JobId) {
        self.record(&Fact::Started { chunk: chunk.number, job: job.clone() });
        self.watch.see(&Event::JobStarted {
            chunk: chunk.number,
            job: job.clone(),
            rows: u64::from(chunk.rows),
            bytes: chunk.body_bytes,
        });
    }

    /// The job has come to its end.
    fn ended(&self, chunk: &Chunk, job: &JobId, status: &JobStatus) {
        self.record(&Fact::Terminal {
            chunk: chunk.number,
            job: job.clone(),
            state: format!("{:?}", status.state),
            processed: status.processed,
            failed: status.failed,
            message: status.message.clone(),
        });
        self.watch.see(&Event::JobEnded {
            chunk: chunk.number,
            job: job.clone(),
            state: format!("{:?}", status.state),
            message: status.message.clone(),
        });
        self.watch.see(&calls(self.target.usage()));
    }

    /// After a commit in doubt: did it arrive?
    async fn ask(&self, chunk: &Chunk, job: &JobId, way: &mut Way) -> Result<(), Ending> {
        let Some(outcome) = self.unless_stopped(self.target.ask(job)).await else {
            let why = format!("whether job {job} was started could not be asked any more");
            return Err(Ending::Unknowable { job: job.clone(), why });
        };
        match way.tries.after_ask(outcome) {
            Meaning::Told(answer) => {
                match &answer {
                    // Nothing is started after a wish to stop, and this job is not started.
                    Answer::Status(status)
                        if status.state == JobState::Open && self.stop.is_asked() =>
                    {
                        return Err(Self::stopped_open(job, way));
                    }
                    Answer::Status(status) if status.state == JobState::Open => {
                        let wait = BACKOFF_BASE_MS << way.tries.made;
                        tokio::time::sleep(Duration::from_millis(wait)).await;
                    }
                    Answer::Status(status) => {
                        self.started(chunk, job);
                        if status.state.is_terminal() {
                            self.ended(chunk, job, status);
                        }
                    }
                    // Only what is on disk is given up: see the fact.
                    Answer::Spoiled if !self.spoiled(chunk, job) => {
                        let why = format!("job {job} got its rows twice and will never start");
                        return Err(Ending::NotStarted { why });
                    }
                    _ => {}
                }
                way.happened(answer);
                Ok(())
            }
            Meaning::LeftOpen(fault) => Err(self.left_open(job, fault)),
            Meaning::NeverHeard(fault) => Err(self.never_heard(job, fault)),
            Meaning::Blind(fault) | Meaning::NotStarted(fault) => Err(self.blind(job, fault)),
            Meaning::Again => Ok(()),
        }
    }

    /// Waits for the job's end, or a short while longer than the wish to stop.
    async fn wait(
        &self,
        chunk: &Chunk,
        job: &JobId,
        (poller, ahead): (&Poller, u64),
    ) -> Result<Answer, Ending> {
        let waited = tokio::select! {
            waited = poller.wait(chunk.number, job, u64::from(chunk.rows), ahead) => waited,
            () = self.stop.asked() => {
                let why = format!(
                    "job {job} was still running when the run was interrupted; its rows may yet be \
                     processed"
                );
                return Err(Ending::Unknowable { job: job.clone(), why });
            }
        };
        match waited {
            Waited::Ended(status) => {
                self.ended(chunk, job, &status);
                Ok(Answer::Status(status))
            }
            Waited::Gone(_) => Ok(Answer::Gone),
            Waited::Blind(fault) => Err(self.blind(job, fault)),
        }
    }

    async fn fetch(&self, chunk: &Chunk, job: JobId, status: JobStatus) -> Ending {
        if let Some(fetched) = results::on_disk(&self.earlier, chunk, &self.raw).await {
            return fetched.of(job, status);
        }
        let fetching = results::fetch(&*self.target, chunk, &job, &status, &self.raw);
        let Some(fetched) = self.unless_stopped(fetching).await else {
            let why = format!("the results of job {job} were not fetched before the run stopped");
            return Ending::Unknowable { job, why };
        };
        match fetched {
            Ok(fetched) => {
                for file in &fetched.files {
                    self.record(&raw(chunk, file));
                }
                let not_locked = locks::told_in(&fetched.files).await;
                if let Some(message) = self.gate.ended(u64::from(chunk.rows), not_locked) {
                    self.watch.see(&Event::Notice { message });
                }
                fetched.of(job, status)
            }
            Err(fault) if fault.class == FaultClass::Gone => {
                let why = format!("the results of job {job} are not there any more");
                Ending::Lost { job, why }
            }
            Err(fault) => self.blind(&job, fault),
        }
    }

    /// Certain: nothing of this chunk was started, and the run cannot go on.
    fn not_started(&self, fault: Fault) -> Ending {
        let why = format!("not sent: {fault}");
        self.halt.because(fault.into());
        Ending::NotStarted { why }
    }

    /// The job holds the rows, is open, and is refused: certain that nothing ran.
    fn left_open(&self, job: &JobId, fault: Fault) -> Ending {
        let why = format!("job {job} holds the rows and was never started: {fault}");
        self.halt.because(fault.into());
        Ending::NotStarted { why }
    }

    /// The run was interrupted with the job full and open.
    fn stopped_open(job: &JobId, way: &Way) -> Ending {
        if way.tries.unheard {
            let why = format!("job {job} was not started when the run was interrupted, and may be");
            return Ending::Unknowable { job: job.clone(), why };
        }
        Ending::NotStarted { why: format!("job {job} holds the rows and was never started") }
    }

    /// A commit was lost and the job still stands open; the lost one may yet arrive.
    fn never_heard(&self, job: &JobId, refused: Option<Fault>) -> Ending {
        let Some(fault) = refused else {
            let why = format!("job {job} could not be started: the answer was lost every time");
            self.halt.because(Failure::new(Blame::Service, why.clone()));
            return Ending::Unknowable { job: job.clone(), why };
        };
        let why = format!(
            "job {job} was refused its start, but an earlier request to start it was lost and may \
             yet arrive: {fault}"
        );
        self.halt.because(fault.into());
        Ending::Unknowable { job: job.clone(), why }
    }

    /// The job may have run and cannot be asked about.
    fn blind(&self, job: &JobId, fault: Fault) -> Ending {
        let why = format!("what became of job {job} cannot be asked: {fault}");
        self.halt.because(fault.into());
        Ending::Unknowable { job: job.clone(), why }
    }

    /// Why no further job may be started, if so.
    fn why_not(&self) -> Option<String> {
        if self.stop.is_asked() {
            return Some(INTERRUPTED.to_owned());
        }
        self.halt.message().map(|message| format!("not sent: the run had stopped: {message}"))
    }

    /// The outcome, or `None` when a wish to stop came and the call went on for too long after it.
    pub(super) async fn unless_stopped<F: Future>(&self, call: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            outcome = call => Some(outcome),
            () = self.stop.asked_for(Duration::from_millis(STOP_GRACE_MS)) => None,
        }
    }

    /// Writes a fact down; a ledger that fails stops the run.
    pub(super) fn record(&self, fact: &Fact) -> bool {
        match self.ledger.record(fact) {
            Ok(()) => true,
            Err(error) => {
                let message = format!("cannot write the ledger: {error}");
                self.halt.because(Failure::new(Blame::Disk, message));
                false
            }
        }
    }
}

/// Makes files durable, and that they are where they are.
fn sync_all(files: &[PathBuf]) -> Result<(), Failure> {
    for path in files {
        let synced =
            faults::open(OpenOptions::new().write(true), path).and_then(|file| file.sync_all());
        synced.map_err(|error| Failure::disk("sync", path, &error))?;
    }
    let Some(last) = files.last() else { return Ok(()) };
    sync_folder(last).map_err(|error| Failure::disk("sync the folder of", last, &error))
}

fn raw(chunk: &Chunk, file: &Received) -> Fact {
    let which = match file.which {
        ResultFile::Successful => RawKind::Successful,
        ResultFile::Failed => RawKind::Failed,
        ResultFile::Unprocessed => RawKind::Unprocessed,
    };
    let (rows, bytes, digest) = (file.rows, file.bytes, file.digest);
    Fact::Raw { chunk: chunk.number, which, rows, bytes, digest }
}

fn broken_stage(stage: &str) -> Failure {
    let message = format!("the {stage} stage broke down; this is a fault of longshore");
    Failure::new(Blame::Run, message)
}

/// Why a chunk was not sent.
const INTERRUPTED: &str = "not sent: the run was interrupted before";

/// One chunk's way through the machine.
struct Way {
    progress: Progress,
    tries: Tries,
    /// Jobs that were given up, and nobody confirmed it.
    left: Vec<JobId>,
    /// What the records hold was kept by this process.
    imaged: bool,
    /// What is set aside of the budget.
    part: Option<Part>,
}

impl Way {
    fn from(progress: Progress) -> Self {
        let (tries, left) = (Tries::at(&progress), Vec::new());
        Self { tries, progress, left, imaged: false, part: None }
    }

    fn happened(&mut self, answer: Answer) {
        let before = std::mem::replace(&mut self.progress, Progress::Spooled);
        self.progress = machine::advance(before, answer);
    }
}

/// The calls so far, as an event.
fn calls(usage: ApiUsage) -> Event {
    let left = usage.org_allowed.zip(usage.org_used).map(|(all, used)| all.saturating_sub(used));
    Event::Calls { calls: usage.calls, retries: usage.retries, left }
}
