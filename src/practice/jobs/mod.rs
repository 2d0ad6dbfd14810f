//! Bulk API 2.0 jobs: kept as folders, worked off in the background.
//!
//! A job's folder has `job.json` and its files. What the wire does to a job is a change of
//! `job.json`; the worker ([`work`]) does the rest. A kept org finds its jobs again after a kill.

mod batches;
pub(super) mod csv;
mod export;
mod job;
mod load;
mod locks;
#[cfg(test)]
mod locks_tests;
mod results;
mod survey;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::ids::RecordId;

pub(super) use export::page;
pub use job::{Delimiter, Job, Kind, Settled, State, Upload};
pub(super) use job::{KEPT_MS, OPEN_MS_MAX, View};
pub use locks::{Held as LocksHeld, Told as LocksTold};
pub(super) use results::write_untouched;
pub(super) use work::{Queue, step, work};

/// The files of a job's folder.
pub(super) const UPLOAD: &str = "upload.csv";
pub(super) const SUCCESSFUL: &str = "successful.csv";
pub(super) const FAILED: &str = "failed.csv";
pub(super) const UNPROCESSED: &str = "unprocessed.csv";
pub(super) const EXPORT: &str = "export.csv";

/// All jobs of an org.
pub(super) struct Jobs {
    dir: PathBuf,
    /// Whether `dir` is ours to remove.
    temporary: bool,
    all: Mutex<All>,
    pub(super) queue: Queue,
    pub(super) locks: locks::Locks,
    /// Woken whenever a job reaches a terminal state.
    pub(super) settled: Notify,
}

struct All {
    jobs: BTreeMap<String, Job>,
    next: u64,
}

impl Jobs {
    /// The jobs of an org kept under `org_dir`, or none yet in a private directory that goes away.
    pub(super) fn open(org_dir: Option<&Path>) -> io::Result<Self> {
        let (dir, temporary) = match org_dir {
            Some(dir) => (dir.join("jobs"), false),
            None => (temporary_name(), true),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut jobs = BTreeMap::new();
        for entry in fs::read_dir(&dir)? {
            let file = entry?.path().join("job.json");
            let Ok(text) = fs::read(&file) else { continue };
            let mut job: Job = serde_json::from_slice(&text)
                .map_err(|e| io::Error::other(format!("`{}`: {e}", file.display())))?;
            if job.upload == Upload::Running {
                job.upload = Upload::None;
            }
            jobs.insert(job.id.clone(), job);
        }
        let next = jobs.keys().filter_map(|id| number_of(id)).max().map_or(1, |last| last + 1);
        let waiting: Vec<String> = jobs
            .values()
            .filter(|job| matches!(job.state, State::UploadComplete | State::InProgress))
            .map(|job| job.id.clone())
            .collect();
        let all = Mutex::new(All { jobs, next });
        let this = Self {
            dir,
            temporary,
            all,
            queue: Queue::default(),
            locks: locks::Locks::default(),
            settled: Notify::new(),
        };
        for id in waiting {
            this.queue.push(id);
        }
        Ok(this)
    }

    /// Whether jobs must survive a kill.
    pub(super) fn kept(&self) -> bool {
        !self.temporary
    }

    /// Files a new job under the next id.
    pub(super) fn create(&self, draft: impl FnOnce(String) -> Job) -> io::Result<Job> {
        let mut all = self.lock();
        let job = draft(spell_id(all.next));
        all.next += 1;
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder(&job.id))?;
        self.save(&job)?;
        all.jobs.insert(job.id.clone(), job.clone());
        Ok(job)
    }

    pub(super) fn get(&self, id: &str) -> Option<Job> {
        let all = self.lock();
        all.jobs.get(&full_id(id)).cloned()
    }

    /// Changes a job and keeps the change. `None` when there is no such job.
    pub(super) fn change<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Job) -> T,
    ) -> io::Result<Option<T>> {
        let mut all = self.lock();
        let Some(job) = all.jobs.get_mut(&full_id(id)) else { return Ok(None) };
        let answer = change(job);
        let terminal = job.state.is_terminal();
        self.save(job)?;
        drop(all);
        if terminal {
            self.settled.notify_waiters();
        }
        Ok(Some(answer))
    }

    /// Changes counters that need not survive a kill; the job afterwards.
    pub(super) fn count(&self, id: &str, change: impl FnOnce(&mut Job)) -> Option<Job> {
        let mut all = self.lock();
        let job = all.jobs.get_mut(id)?;
        change(job);
        Some(job.clone())
    }

    /// Removes a job with its files.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        let id = full_id(id);
        if self.lock().jobs.remove(&id).is_some() {
            fs::remove_dir_all(self.folder(&id))?;
            self.settled.notify_waiters();
        }
        Ok(())
    }

    pub(super) fn list(&self) -> Vec<Job> {
        self.lock().jobs.values().cloned().collect()
    }

    pub(super) fn file(&self, id: &str, name: &str) -> PathBuf {
        self.folder(&full_id(id)).join(name)
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    fn save(&self, job: &Job) -> io::Result<()> {
        let folder = self.folder(&job.id);
        let beside = folder.join("job.json.new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(job)?)?;
        fs::rename(&beside, folder.join("job.json"))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(%error, "the practice org's files stay behind");
        }
    }
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id of the n-th job: 18 characters with a right checksum.
fn spell_id(number: u64) -> String {
    let mut tail = [b'0'; 8];
    let mut rest = number;
    for slot in tail.iter_mut().rev() {
        *slot = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    let id = format!("750Pr0A{}", String::from_utf8_lossy(&tail));
    full_id(&id)
}

fn number_of(id: &str) -> Option<u64> {
    id.get(7..15)?.bytes().try_fold(0_u64, |sum, byte| {
        let digit = DIGITS.iter().position(|d| *d == byte)?;
        sum.checked_mul(62)?.checked_add(digit as u64)
    })
}

/// The 18-character form of an id; other texts stay as they are.
fn full_id(id: &str) -> String {
    RecordId::parse(id.as_bytes()).map_or_else(|_| id.to_owned(), |id| id.as_str().to_owned())
}

fn temporary_name() -> PathBuf {
    let random = super::serve::random_text(12);
    std::env::temp_dir().join(format!("longshore-practice-{random}"))
}
