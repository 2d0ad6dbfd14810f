//! Jobs: exports and imports of users. Source: section 2.6.
//!
//! A job is pending, then processing, then over, by the tenant's clock. What is due is done before
//! the next request is looked at, so nothing runs in the background. Jobs live in memory.

mod export;
mod import;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::serve::random_text;
use super::profile::spell_time;
use super::reply::{Outcome, Refusal, Reply};
use super::store::Connection;
use super::switches::Switches;
use super::wire::Call;
use super::{State, Tenant};
pub(super) use export::{DOWNLOADS, create as create_export, download};
pub(super) use import::create as create_import;

/// Milliseconds after which a job and its data are gone.
const KEPT_MS: i64 = 86_400_000;

/// The jobs of a tenant by id.
#[derive(Default)]
pub(super) struct Jobs {
    all: BTreeMap<String, Job>,
}

struct Job {
    made_ms: i64,
    connection: Option<&'static Connection>,
    work: Work,
    /// Why the whole job failed.
    failure: Option<String>,
    over: bool,
}

enum Work {
    Export { asked: export::Asked, file: Bytes, secret: String },
    Import { asked: import::Asked, done: import::Done },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pending,
    Processing,
    Completed,
    Failed,
    Expired,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl Job {
    fn stage(&self, switches: &Switches, now: i64) -> Stage {
        let age = now - self.made_ms;
        let over = switches.job_pending_ms + switches.job_processing_ms;
        if age >= KEPT_MS {
            Stage::Expired
        } else if self.failure.is_some() {
            Stage::Failed
        } else if age >= over {
            Stage::Completed
        } else if age >= switches.job_pending_ms {
            Stage::Processing
        } else {
            Stage::Pending
        }
    }

    fn is_import(&self) -> bool {
        matches!(self.work, Work::Import { .. })
    }

    fn show(&self, id: &str, switches: &Switches, now: i64) -> Value {
        let stage = self.stage(switches, now);
        let mut shown = json!({
            "type": if self.is_import() { "users_import" } else { "users_export" },
            "status": stage.name(),
            "created_at": spell_time(self.made_ms),
            "id": id,
        });
        if let Some(connection) = self.connection {
            shown["connection_id"] = json!(connection.id);
            shown["connection"] = json!(connection.name);
        }
        if stage == Stage::Processing {
            let past = now - self.made_ms - switches.job_pending_ms;
            let whole = switches.job_processing_ms.max(1);
            shown["percentage_done"] = json!(past * 100 / whole);
            shown["time_left_seconds"] = json!((whole - past + 999) / 1_000);
        }
        if stage == Stage::Failed {
            shown["status_details"] = json!(self.failure);
        }
        match &self.work {
            Work::Export { asked, .. } => asked.show(&mut shown),
            Work::Import { asked, done } => {
                asked.show(&mut shown);
                if stage == Stage::Completed {
                    shown["summary"] = done.summary();
                }
            }
        }
        shown
    }
}

impl Jobs {
    /// Forgets a job, as if someone else had removed it.
    pub(super) fn remove(&mut self, id: &str) {
        self.all.remove(id);
    }

    /// Lets a job fail, unless it is over.
    pub(super) fn fail(&mut self, id: &str, why: &str) {
        if let Some(job) = self.all.get_mut(id).filter(|job| !job.over) {
            job.failure = Some(why.to_owned());
            job.over = true;
        }
    }

    fn put(&mut self, job: Job) -> String {
        let id = format!("job_{}", random_text(16));
        self.all.insert(id.clone(), job);
        id
    }

    fn find(&self, id: &str) -> Result<&Job, Refusal> {
        let text = "The job does not exist.";
        self.all.get(id).ok_or_else(|| Refusal::new(404, "inexistent_job", text))
    }

    /// Imports that are not over.
    fn active_imports(&self) -> usize {
        self.all.values().filter(|job| job.is_import() && !job.over).count()
    }
}

/// Does what is due by now.
pub(super) fn settle(
    tenant: &Tenant,
    state: &mut State,
    switches: &Switches,
    now: i64,
) -> Result<(), Refusal> {
    let due = |job: &&mut Job| !job.over && job.stage(switches, now) == Stage::Completed;
    let mut jobs = std::mem::take(&mut state.jobs);
    let mut outcome = Ok(());
    for job in jobs.all.values_mut().filter(due) {
        job.over = true;
        let over_ms = job.made_ms + switches.job_pending_ms + switches.job_processing_ms;
        let (connection, work) = (job.connection, &mut job.work);
        let done = match work {
            Work::Export { asked, file, .. } => {
                asked.run(&state.store, connection).map(|made| *file = made)
            }
            Work::Import { asked, done } => {
                asked.run(tenant, state, over_ms.min(now)).map(|made| *done = made)
            }
        };
        if let Err(refusal) = done {
            job.failure = Some(refusal.message.clone());
            outcome = Err(refusal);
        }
    }
    jobs.all.retain(|_, job| now - job.made_ms < 2 * KEPT_MS);
    state.jobs = jobs;
    outcome
}

pub(super) fn read(call: &Call<'_>) -> Outcome {
    let state = call.tenant.state();
    let job = state.jobs.find(call.id())?;
    let mut shown = job.show(call.id(), &call.switches, call.now);
    if let Work::Export { asked, secret, .. } = &job.work
        && job.stage(&call.switches, call.now) == Stage::Completed
    {
        shown["location"] = json!(export::link(call, call.id(), asked, secret));
    }
    Ok(Reply::ok(shown))
}

/// 204 when there are none; the job itself when it failed as a whole.
pub(super) fn errors(call: &Call<'_>) -> Outcome {
    let state = call.tenant.state();
    let job = state.jobs.find(call.id())?;
    if job.stage(&call.switches, call.now) == Stage::Failed {
        return Ok(Reply::ok(job.show(call.id(), &call.switches, call.now)));
    }
    match &job.work {
        Work::Import { done, .. } if !done.errors.is_empty() => {
            Ok(Reply::ok(Value::Array(done.errors.clone())))
        }
        _ => Ok(Reply::no_content()),
    }
}
