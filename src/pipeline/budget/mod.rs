//! The budget: how much of the org's day a command may use, so that others find some left.
//!
//! An org counts API calls, and internal batches of Bulk API, over a rolling day and for all that
//! work in it. A budget says how many of them the jobs of a command may take: a number of calls, a
//! part of what the org has left when the command begins, or, where nothing is said, all but a
//! fifth of the org's day. No job is begun that does not fit any more; those under way are followed
//! to their end, and what they still take is set aside for them. The run then pauses, and can be
//! gone on with.
//!
//! Clones of an `Arc` share one budget: all runs of a command in one org go by the same.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::chunk::ChunkLimits;
use super::threads::on_thread;
use crate::config::plan::{LoadPlan, Source};
use crate::config::policy::{ApiBudget, Share};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{
    BATCH_ROWS, BUDGET_KEPT_PERCENT, RECORDS_READ_MAX, ROWS_OF_A_CALL, ROWS_SAMPLED_BYTES,
};
use crate::model::operation::Operation;
use crate::model::wording::{count, counted};
use crate::target::{ApiUsage, Limits, Target};

/// Calls that begin a job of Bulk API 2.0: create, upload, start.
pub const TO_BEGIN: u64 = 3;

/// Questions about a job. Only the oldest job is asked about, so most need one or two.
pub const TO_ASK: u64 = 2;

/// Result files of a job: those that succeeded, and those in error where there are any.
pub const TO_FETCH: u64 = 2;

/// Calls for a user of an Auth0 tenant: a look before the change, the change, and for an e-mail
/// the question whose it is.
pub const FOR_A_USER: u64 = 3;

/// What a job takes of the org's day, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Until it runs.
    pub to_begin: u64,
    /// From then on, until its results are here.
    pub to_end: u64,
    pub batches: u64,
}

impl Cost {
    /// Of a job of so many rows at this kind of far side; `imaged` says that what its records hold
    /// is kept first.
    pub fn of(kind: &str, operation: Operation, imaged: bool, rows: u64) -> Self {
        let images = if imaged { rows.div_ceil(RECORDS_READ_MAX as u64) } else { 0 };
        match operation {
            _ if kind == "auth0" => Self { to_begin: 0, to_end: rows * FOR_A_USER, batches: 0 },
            // A call that does it, and where its answer is lost one that looks.
            Operation::Undelete => {
                Self { to_begin: 0, to_end: rows.div_ceil(ROWS_OF_A_CALL as u64), batches: 0 }
            }
            _ => Self {
                to_begin: TO_BEGIN + images,
                to_end: TO_ASK + TO_FETCH,
                batches: rows.div_ceil(u64::from(BATCH_ROWS)),
            },
        }
    }

    pub fn calls(self) -> u64 {
        self.to_begin + self.to_end
    }
}

/// What a load will be, about, before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// `None` where the size of the input does not tell.
    pub rows: Option<u64>,
    pub jobs: u64,
    pub calls: u64,
    pub batches: u64,
}

impl Work {
    /// From the size of the input and its first rows.
    pub async fn of(plan: &LoadPlan, kind: &str) -> Self {
        let Source::File(path) = plan.input.source.clone() else { return Self::default() };
        let looked = on_thread("estimating", move || Ok(rows_about(&path)));
        let Some((rows, bytes)) = looked.await.ok().flatten() else { return Self::default() };
        let rows = rows.saturating_sub(plan.skip).min(plan.limit.unwrap_or(u64::MAX));
        let limits = ChunkLimits { rows: plan.chunk_rows, bytes: plan.chunk_bytes };
        let by_rows = limits.chunks_of(rows);
        let jobs = by_rows.max(bytes.div_ceil(plan.chunk_bytes));
        let each = rows.div_ceil(jobs.max(1));
        let cost = Cost::of(kind, plan.operation, plan.before_images, each);
        let batches = cost.batches * jobs;
        Self { rows: Some(rows), jobs, calls: cost.calls() * jobs, batches }
    }

    /// Whether it is a drop in the org's day.
    fn is_small(&self) -> bool {
        self.rows.is_some_and(|rows| rows <= u64::from(BATCH_ROWS))
    }
}

/// Rows and bytes of a file, the rows by those of its beginning; `None` where it does not tell.
fn rows_about(path: &Path) -> Option<(u64, u64)> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok()?;
    if !about.is_file() {
        return None;
    }
    let mut sample = Vec::new();
    file.by_ref().take(ROWS_SAMPLED_BYTES).read_to_end(&mut sample).ok()?;
    let is_packed = sample.starts_with(&[0x1f, 0x8b]);
    let ends = |end: u8| memchr::memchr_iter(end, &sample).count() as u64;
    let lines = ends(b'\n').max(ends(b'\r')).max(1);
    let (len, seen) = (about.len(), sample.len().max(1) as u64);
    let rows = u128::from(len) * u128::from(lines) / u128::from(seen);
    // The first line is the header.
    (!is_packed).then(|| (u64::try_from(rows).unwrap_or(u64::MAX).saturating_sub(1), len))
}

/// What a command may use of the org's day. See the page of the module.
#[derive(Debug)]
pub struct Budget {
    asked: Option<ApiBudget>,
    began: Timestamp,
    /// Whether the org was asked what is left; held while it is.
    opened: tokio::sync::Mutex<bool>,
    state: Mutex<State>,
    /// Told whenever calls that were set aside are free again.
    freed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Calls that the command may make; `None` goes by what the org says with each answer.
    calls: Option<u64>,
    /// Batches that the command may start, where the org has told how many there are.
    batches: Option<u64>,
    /// Batches of jobs that were begun.
    batches_taken: u64,
    /// Calls set aside for jobs under way.
    set_aside: u64,
}

/// Why a job is not begun now.
#[derive(Debug)]
pub enum Short {
    /// It may fit when others have ended.
    ForNow,
    /// It does not fit.
    ForGood(Failure),
}

impl Budget {
    /// A budget as it was asked for, of a command that began then; [`Self::learn`] reads from the
    /// org what it comes to.
    pub fn new(asked: Option<ApiBudget>, began: Timestamp) -> Arc<Self> {
        let (opened, state) = (tokio::sync::Mutex::default(), Mutex::default());
        Arc::new(Self { asked, began, opened, state, freed: watch::Sender::new(()) })
    }

    /// The budget as it was asked for.
    pub fn asked(&self) -> Option<ApiBudget> {
        self.asked
    }

    /// Asks the org once what is left of its day, and tells what some work will take of it.
    ///
    /// Nothing is asked for a load of few rows, unless a budget was asked for.
    pub async fn learn<T: Target>(
        &self,
        target: &T,
        work: Work,
    ) -> Result<Option<String>, Failure> {
        let mut opened = self.opened.lock().await;
        if work.is_small() && self.asked.is_none() {
            return Ok(None);
        }
        if !*opened {
            let has_day = target.kind() != "auth0";
            let limits = match (self.asked, has_day) {
                (Some(ApiBudget::Share(share)), false) => return Err(no_day(share)),
                (_, false) => Limits::default(),
                (_, true) => target.limits().await.unwrap_or_else(|fault| {
                    tracing::debug!(%fault, "the org does not tell its limits");
                    Limits::default()
                }),
            };
            self.go_by(limits, target.usage())?;
            *opened = true;
        }
        Ok(self.foretold(work, target.usage()))
    }

    /// Works out what may be used, of what is left.
    fn go_by(&self, limits: Limits, usage: ApiUsage) -> Result<(), Failure> {
        let mut state = self.locked();
        let spare = |(left, allowed): (u64, u64)| left.saturating_sub(kept(allowed));
        match self.asked {
            Some(ApiBudget::Calls(calls)) => state.calls = Some(calls),
            Some(ApiBudget::Share(share)) => {
                let left = left_of(usage).map(|(left, _)| left);
                let left = left.or(limits.calls.map(|(left, _)| left)).ok_or_else(|| {
                    let message = format!(
                        "the org does not say how many API calls it has left, so there is no \
                         {share} of them"
                    );
                    Failure::new(Blame::Request, message)
                        .hint("give `--api-budget` as a number of calls")
                })?;
                state.calls = Some(usage.calls + share.of(left));
            }
            None => {}
        }
        state.batches = match self.asked {
            Some(ApiBudget::Share(share)) => limits.batches.map(|(left, _)| share.of(left)),
            _ => limits.batches.map(spare),
        };
        Ok(())
    }

    /// What some work takes, and of what.
    fn foretold(&self, work: Work, usage: ApiUsage) -> Option<String> {
        let rows = work.rows?;
        let of_calls = self.left(usage);
        let (set_aside, of_batches) = {
            let state = self.locked();
            let batches = state.batches.map(|all| all.saturating_sub(state.batches_taken));
            (state.set_aside, batches)
        };
        let of_calls = of_calls.map(|left| left.saturating_sub(set_aside));
        let (rows, calls) = (counted(rows, "row"), counted(work.calls, "API call"));
        let calls_there = of_calls.map(|left| format!(" of the {} in the budget", count(left)));
        let batches = if work.batches == 1 { "batch" } else { "batches" };
        let batches = of_batches.map(|left| {
            format!(", and {} {batches} of the {} there", count(work.batches), count(left))
        });
        let over = of_calls.is_some_and(|left| work.calls > left)
            || of_batches.is_some_and(|left| work.batches > left);
        let pauses = if over { "; the run will pause when the budget is used up" } else { "" };
        let (of_calls, batches) = (calls_there.unwrap_or_default(), batches.unwrap_or_default());
        Some(format!("about {rows} will take about {calls}{of_calls}{batches}{pauses}"))
    }

    /// Sets aside what a job takes, or says why it is not begun.
    pub fn begin(self: &Arc<Self>, usage: ApiUsage, cost: Cost) -> Result<Part, Short> {
        let left = self.left(usage);
        let mut state = self.locked();
        if let Some(left) = left {
            if cost.calls() > left {
                return Err(Short::ForGood(self.no_calls(usage, left, cost)));
            }
            if cost.calls().saturating_add(state.set_aside) > left {
                return Err(Short::ForNow);
            }
        }
        if let Some(all) = state.batches
            && state.batches_taken + cost.batches > all
        {
            let left = all.saturating_sub(state.batches_taken);
            return Err(Short::ForGood(self.no_batches(left, cost)));
        }
        state.set_aside += cost.calls();
        state.batches_taken += cost.batches;
        drop(state);
        Ok(Part { budget: Arc::clone(self), cost, is_begun: false })
    }

    /// Sets aside what a job still takes that an earlier process has begun.
    pub fn follow(self: &Arc<Self>, cost: Cost) -> Part {
        self.locked().set_aside += cost.to_end;
        Part { budget: Arc::clone(self), cost, is_begun: true }
    }

    /// Tells whenever something that was set aside is free again.
    pub fn freed(&self) -> watch::Receiver<()> {
        self.freed.subscribe()
    }

    /// Calls that may still be made; `None` where nothing limits them.
    fn left(&self, usage: ApiUsage) -> Option<u64> {
        match self.locked().calls {
            Some(all) => Some(all.saturating_sub(usage.calls)),
            None => left_of(usage).map(|(left, allowed)| left.saturating_sub(kept(allowed))),
        }
    }

    fn no_calls(&self, usage: ApiUsage, left: u64, cost: Cost) -> Failure {
        let job =
            format!("{} left, and the next job takes about {}", are(left), count(cost.calls()));
        let budget = match self.asked {
            Some(ApiBudget::Calls(calls)) => counted(calls, "API call"),
            Some(ApiBudget::Share(share)) => {
                format!("{share} of the API calls that the org had left")
            }
            None => match left_of(usage) {
                Some((left, allowed)) => format!(
                    "all but {BUDGET_KEPT_PERCENT}% of the org's {} a day ({} are left)",
                    counted(allowed, "API call"),
                    count(left)
                ),
                None => "API calls".to_owned(),
            },
        };
        let failure = Failure::new(Blame::Service, format!("the budget is {budget}: {job}"));
        self.ways_on(failure, matches!(self.asked, Some(ApiBudget::Calls(_))))
    }

    fn no_batches(&self, left: u64, cost: Cost) -> Failure {
        let message = format!(
            "the budget of the org's Bulk API batches of a day: {} left, and the next job takes {}",
            are(left),
            count(cost.batches)
        );
        self.ways_on(Failure::new(Blame::Service, message), false)
    }

    /// When there is more, and how to have more at once. A number of calls is one of the command,
    /// so the next one may make as many.
    fn ways_on(&self, failure: Failure, is_number: bool) -> Failure {
        if is_number {
            return failure.hint("`--api-budget` with more calls lets it go on for longer");
        }
        let again = self.began.checked_add(SignedDuration::from_hours(24)).unwrap_or(self.began);
        let again = again.strftime("%Y-%m-%d %H:%M UTC");
        failure
            .hint(format!(
                "an org counts over 24 hours: what this run has used is free again from {again} on"
            ))
            .hint("`--api-budget 100%` lets it use all that the org has left")
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set aside for a job under way; free again when it is dropped.
#[derive(Debug)]
pub struct Part {
    budget: Arc<Budget>,
    cost: Cost,
    is_begun: bool,
}

impl Part {
    /// The job runs: what it took to begin is in the org's own count by now.
    pub fn job_runs(&mut self) {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.budget.locked().set_aside -= self.cost.to_begin;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut state = self.budget.locked();
        if self.is_begun {
            state.set_aside -= self.cost.to_end;
        } else {
            state.set_aside -= self.cost.calls();
            // No batch is made of a job that never ran.
            state.batches_taken -= self.cost.batches;
        }
        drop(state);
        self.budget.freed.send_replace(());
    }
}

/// `none is`, `1 is`, `2 are`.
fn are(number: u64) -> String {
    match number {
        0 => "none is".to_owned(),
        1 => "1 is".to_owned(),
        more => format!("{} are", count(more)),
    }
}

/// Left of the org's day and allowed, by its last answer.
fn left_of(usage: ApiUsage) -> Option<(u64, u64)> {
    let (used, allowed) = usage.org_used.zip(usage.org_allowed)?;
    Some((allowed.saturating_sub(used), allowed))
}

/// What others are left of the org's day where nothing else is said.
fn kept(allowed: u64) -> u64 {
    allowed / 100 * BUDGET_KEPT_PERCENT + allowed % 100 * BUDGET_KEPT_PERCENT / 100
}

fn no_day(share: Share) -> Failure {
    let message = format!(
        "an Auth0 tenant has no limit of calls for a day, so there is no {share} of what is left"
    );
    Failure::new(Blame::Request, message).hint("give `--api-budget` as a number of calls")
}

#[cfg(test)]
mod tests;
