//! A far side in simulated time: two links, and slots that work on batches. Bodies are lengths.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore::model::ids::JobId;
use longshore::model::names::ObjectName;
use longshore::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use longshore::target::{
    ApiUsage, Fault, FaultClass, JobSpec, JobState, JobStatus, Outcome, ResultFile, Target,
};
use tokio::time::Instant;

/// Rows of a scenario for each row that really lies on the disk.
pub const ROWS_OF_A_ROW: u64 = 1_000;

/// Rows of an internal batch.
pub const BATCH: u64 = 10_000;

/// What a scenario is made of; rates in bytes and rows a second.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub rows: u64,
    pub bytes_up: f64,
    pub bytes_down: f64,
    pub uplink: f64,
    pub downlink: f64,
    pub slots: usize,
    pub rows_of_slot: f64,
    pub round_trip: f64,
}

/// A link that is shared fairly by all that goes over it at the same time.
struct Link {
    per_second: f64,
    free_at: Mutex<Instant>,
}

impl Link {
    /// What is sent in one piece, in seconds.
    const PIECE: f64 = 0.1;
    /// Timers are as coarse as that.
    const COARSE: Duration = Duration::from_millis(2);

    fn new(per_second: f64) -> Self {
        Self { per_second, free_at: Mutex::new(Instant::now()) }
    }

    async fn carry(&self, bytes: f64) {
        let mut left = bytes / self.per_second;
        while left > 0.0 {
            let piece = left.min(Self::PIECE);
            left -= piece;
            let end = {
                let (mut free_at, now) = (self.free_at.lock().unwrap(), Instant::now());
                let begin = if *free_at + Self::COARSE < now { now } else { *free_at };
                *free_at = begin + Duration::from_secs_f64(piece);
                *free_at
            };
            tokio::time::sleep_until(end).await;
        }
    }
}

/// A job there.
struct Job {
    rows: u64,
    begins: Option<Instant>,
    /// Ends of its batches, and their rows.
    batches: Vec<(Instant, u64)>,
}

/// The far side.
pub struct Far {
    setting: Setting,
    up: Link,
    down: Link,
    slots: Mutex<Vec<Instant>>,
    jobs: Mutex<HashMap<String, Job>>,
    calls: AtomicU64,
    pub asked: AtomicU64,
    /// Jobs there at once, at most.
    pub most: AtomicU64,
}

impl Far {
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            up: Link::new(setting.uplink),
            down: Link::new(setting.downlink),
            slots: Mutex::new(vec![Instant::now(); setting.slots]),
            jobs: Mutex::default(),
            calls: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            most: AtomicU64::new(0),
        }
    }

    pub fn jobs(&self) -> u64 {
        self.jobs.lock().unwrap().len() as u64
    }

    /// Half of a round trip lies before what a call does, and half behind it.
    async fn half_way(&self) {
        tokio::time::sleep(Duration::from_secs_f64(self.setting.round_trip / 2.0)).await;
    }

    async fn call<A>(&self, does: impl FnOnce(&mut HashMap<String, Job>) -> A) -> Outcome<A> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.half_way().await;
        let done = does(&mut self.jobs.lock().unwrap());
        self.half_way().await;
        Outcome::Done(done)
    }

    /// Each batch goes to the slot that is free first.
    fn begin(&self, job: &mut Job) {
        let (mut slots, now) = (self.slots.lock().unwrap(), Instant::now());
        let mut left = job.rows;
        while left > 0 {
            let rows = left.min(BATCH);
            left -= rows;
            let slot = slots.iter_mut().min().unwrap();
            let begins = now.max(*slot);
            job.begins.get_or_insert(begins);
            #[expect(clippy::cast_precision_loss, reason = "rows of a batch")]
            let takes = Duration::from_secs_f64(rows as f64 / self.setting.rows_of_slot);
            *slot = begins + takes;
            job.batches.push((*slot, rows));
        }
    }
}

impl Job {
    fn status(&self, now: Instant) -> JobStatus {
        let done = self.batches.iter().filter(|(end, _)| *end <= now).map(|(_, rows)| rows).sum();
        let state = match self.begins {
            None => JobState::Open,
            Some(_) if done == self.rows => JobState::JobComplete,
            Some(begins) if begins <= now => JobState::InProgress,
            Some(_) => JobState::UploadComplete,
        };
        let done: u64 = done;
        let processed = Some(done / ROWS_OF_A_ROW);
        JobStatus { state, processed, failed: Some(0), message: None }
    }

    fn is_there(&self, now: Instant) -> bool {
        self.begins.is_some() && !self.status(now).state.is_terminal()
    }
}

fn no<A>() -> Result<A, Fault> {
    let (class, message) = (FaultClass::Refused, "not here".to_owned());
    Err(Fault { class, status: None, code: "TEST".to_owned(), message, hints: Vec::new() })
}

impl Target for Far {
    fn kind(&self) -> &'static str {
        "salesforce"
    }

    async fn reserve(&self, _: &JobSpec) -> Outcome<JobId> {
        self.call(|jobs| {
            let job = JobId::parse(&format!("7508c{:013}", jobs.len() + 1)).unwrap();
            let made = Job { rows: 0, begins: None, batches: Vec::new() };
            jobs.insert(job.to_string(), made);
            job
        })
        .await
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes of a job are rows of it"
    )]
    async fn stage(&self, job: &JobId, _: &Path, bytes: u64) -> Outcome<()> {
        self.up.carry(bytes as f64).await;
        let rows = (bytes as f64 / self.setting.bytes_up).round() as u64;
        self.call(|jobs| jobs.get_mut(job.as_str()).unwrap().rows = rows).await
    }

    async fn commit(&self, job: &JobId) -> Outcome<()> {
        self.call(|jobs| {
            self.begin(jobs.get_mut(job.as_str()).unwrap());
            let now = Instant::now();
            let there = jobs.values().filter(|job| job.is_there(now)).count() as u64;
            self.most.fetch_max(there, Ordering::Relaxed);
        })
        .await
    }

    async fn ask(&self, job: &JobId) -> Outcome<JobStatus> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.call(|jobs| jobs[job.as_str()].status(Instant::now())).await
    }

    async fn abandon(&self, _: &JobId) -> Outcome<()> {
        unreachable!("nothing fails here")
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of results")]
    async fn download(&self, job: &JobId, which: ResultFile, to: &Path) -> Outcome<u64> {
        assert_eq!(which, ResultFile::Successful);
        let found = self.call(|jobs| jobs[job.as_str()].rows).await;
        let Outcome::Done(rows) = found else { unreachable!("a call here is always done") };
        let bytes = rows as f64 * self.setting.bytes_down;
        self.down.carry(bytes).await;
        let mut file = std::fs::File::create(to).unwrap();
        let lines = "x\n".repeat(usize::try_from(rows / ROWS_OF_A_ROW).unwrap());
        file.write_all(format!("sf__Id\n{lines}").as_bytes()).unwrap();
        Outcome::Done(0)
    }

    fn usage(&self) -> ApiUsage {
        ApiUsage { calls: self.calls.load(Ordering::Relaxed), ..ApiUsage::default() }
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        no()
    }

    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        no()
    }

    async fn describe(&self, _: &ObjectName) -> Result<ObjectSchema, Fault> {
        no()
    }

    async fn load_schema(&self, _: &ObjectName, _: &[String]) -> Result<LoadSchema, Fault> {
        no()
    }
}
