//! Rounds: rows that met a lock are sent again after all others, with fewer jobs at once.
//!
//! A row that failed for a lock is certainly not done. It is put off, and when every chunk of the
//! input has ended and is settled, a round sends all such rows again, as ordinary chunks behind the
//! last one. What meets a lock there is put off to the next round, and in the last one it is an
//! error like others. Which rows a round has follows from what lies on disk, so that a later
//! process cuts it the same. Source: `docs/decisions/0030-rounds.md`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::chunk::{ChunkLimits, Spool};
use super::deferred::Deferred;
use super::event::Event;
use super::feed::Feed;
use super::intake::{ReadingEnd, TakenIn};
use super::lanes;
use super::run::{Parts, broken, no_ledger, settle_all};
use super::settle::{Settle, Settled};
use super::submit::driver::Submit;
use super::threads::joined;
use crate::config::plan::{LanePlan, LoadPlan, OnDuplicate, Source};
use crate::ledger::Fact;
use crate::model::chunk::ChunkNumber;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{
    BATCH_ROWS, CHUNKS_WAITING, LAST_ROUND_JOBS, LAST_ROUND_ROWS, ROUND_PAUSE_MS, ROUNDS_MAX,
};
use crate::model::operation::Operation;
use crate::target::Target;

/// Rounds at most of a load at a far side of this kind.
///
/// A row that is sent again comes after rows that stood behind it. There are no rounds where that
/// may change what the records hold in the end: with rows of one key in successive jobs, and where
/// nobody has looked for such rows.
pub(super) fn of(plan: &LoadPlan, kind: &str) -> u32 {
    let ordered = plan.on_duplicate == Some(OnDuplicate::Separate);
    let changes = matches!(plan.operation, Operation::Update | Operation::Upsert);
    let unseen = changes && plan.input.source == Source::Stdin;
    let has_jobs = kind == "salesforce" && plan.operation != Operation::Undelete;
    if has_jobs && !ordered && !unseen { ROUNDS_MAX } else { 0 }
}

/// How a round sends its rows.
#[derive(Debug)]
struct Manner {
    parallel: usize,
    limits: ChunkLimits,
    lanes: Option<LanePlan>,
}

impl Manner {
    /// The first round goes in lanes where the column of the parents is known, with half the jobs
    /// at once; the second has one job at a time, of one batch; in the last one they are small.
    fn of(plan: &LoadPlan, parents: Option<&str>, round: u32, rows: u64) -> Self {
        let one_batch = plan.chunk_rows.min(BATCH_ROWS);
        let limits = |rows| ChunkLimits { rows, bytes: plan.chunk_bytes };
        if round == 1 {
            let parallel = (plan.parallel / 2).max(1);
            let lanes = u32::try_from(parallel).unwrap_or(1);
            let in_lanes =
                |column: &str| LanePlan { column: column.to_owned(), lanes, rows: one_batch };
            return Self { parallel, limits: limits(one_batch), lanes: parents.map(in_lanes) };
        }
        let small = u32::try_from(rows.div_ceil(LAST_ROUND_JOBS)).unwrap_or(u32::MAX);
        let small = small.max(LAST_ROUND_ROWS).min(one_batch);
        let rows = if round < ROUNDS_MAX { one_batch } else { small };
        Self { parallel: 1, limits: limits(rows), lanes: None }
    }
}

impl<T: Target> Parts<T> {
    /// Sends rows that were put off again, round after round, and finishes the result files.
    ///
    /// When the run stops before, the rows are in unprocessed.csv, and a later process goes on.
    pub(super) async fn rounds(
        &self,
        settle: Settle,
        taken_in: &Result<TakenIn, Failure>,
    ) -> Result<Settled, Failure> {
        let accepted = match taken_in {
            Ok(taken_in) => {
                let whole = taken_in.source.end != ReadingEnd::Stopped;
                whole.then_some(taken_in.accepted)
            }
            Err(_) => self.earlier.input().map(|input| input.accepted),
        };
        let mut settle = settle;
        loop {
            let put_off;
            (settle, put_off) = on_disk(settle, Settle::end_round).await?;
            let Some(rows) = put_off else { break };
            let through = settle.counts().input + rows.rows;
            let whole = settle.open_chunks() == 0 && accepted == Some(through);
            let begun = self.earlier.round(rows.round).is_some();
            if !whole || !self.begin(&rows).await? {
                settle = on_disk(settle, move |settle| {
                    rows.leave()?;
                    settle.leave(&rows, begun)
                })
                .await?
                .0;
                break;
            }
            (settle, ()) = on_disk(settle, Settle::begin_round).await?;
            settle = self.carry_round(settle, rows).await?;
        }
        let finished = spawn_blocking(move || settle.finish()).await;
        finished.unwrap_or_else(|_| Err(broken("settle")))
    }

    /// Begins a round, after a pause; false when the run stops before. A round that an earlier
    /// process has begun is gone on with in any case, as its jobs may be under way.
    async fn begin(&self, rows: &Deferred) -> Result<bool, Failure> {
        let (round, all) = (rows.round, self.plan.rounds);
        if let Some(before) = self.earlier.round(round) {
            if before != rows.round() {
                return Err(other_rows(round));
            }
            rows.keep()?;
            return Ok(true);
        }
        let is_over = || self.tools.stop.is_asked() || self.halt.message().is_some();
        if is_over() {
            return Ok(false);
        }
        let met = match rows.rows {
            1 => "1 row met a lock and is sent again".to_owned(),
            rows => format!("{rows} rows met a lock and are sent again"),
        };
        let message = format!("{met} (round {round} of {all})");
        self.tools.watch.see(&Event::Notice { message });
        let wait = pause(self.tools.seed.random, round);
        let reason = "others may hold the locks".to_owned();
        self.tools.watch.see(&Event::Waiting { reason, seconds: wait.as_secs_f64() });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.tools.stop.asked() => {}
        }
        if is_over() {
            return Ok(false);
        }
        rows.keep()?;
        let fact = Fact::RoundBegan { round, rows: rows.rows, digest: rows.digest };
        self.ledger.record(&fact).map_err(|error| no_ledger(&error))?;
        Ok(true)
    }

    /// The second half of the conveyor once more, with the chunks of a round.
    async fn carry_round(&self, settle: Settle, rows: Deferred) -> Result<Settle, Failure> {
        let parents = self.parents();
        let manner = Manner::of(&self.plan, parents.as_deref(), rows.round, rows.rows);
        let (chunks_out, chunks_in) = mpsc::channel(CHUNKS_WAITING);
        let (ended_out, ended_in) = mpsc::channel(CHUNKS_WAITING);
        let feed = Feed {
            chunks: chunks_out,
            ledger: Arc::clone(&self.ledger),
            halt: self.halt.clone(),
            earlier: Arc::clone(&self.earlier),
            sent: self.folder.sent(),
            handed_on: 0,
        };
        let spool = self.round_spool(&manner, settle.next_chunk());
        let read = rows.read(self.fields.len())?;
        let feeding = spawn_blocking(move || feed.take_round(spool, read));
        let (halt, brake) = (self.halt.clone(), self.brake.clone());
        let settling = spawn_blocking(move || settle_all(settle, ended_in, &halt, brake.as_ref()));
        let submit = Submit { parallel: manner.parallel, ..self.submit() };
        submit.run(chunks_in, ended_out).await;
        feeding.await.unwrap_or_else(|_| Err(broken("chunk")))?;
        settling.await.unwrap_or_else(|_| Err(broken("settle")))
    }

    fn round_spool(&self, manner: &Manner, first: ChunkNumber) -> Spool {
        let sent: Vec<String> = self.fields.iter().map(|field| field.header.clone()).collect();
        Spool::new(&self.folder.sent(), &sent, manner.limits)
            .from_number(first)
            .in_lanes(&sent, manner.lanes.as_ref())
            .as_before(self.earlier.cuts())
    }

    /// The column whose records the org locks, if it is known.
    fn parents(&self) -> Option<String> {
        if let Some(lanes) = &self.plan.lanes {
            return Some(lanes.column.clone());
        }
        let column = lanes::parent_of(self.plan.operation, &self.fields)?;
        Some(self.fields[column].header.clone())
    }
}

/// Does something with files, off the loop.
async fn on_disk<R: Send + 'static>(
    mut settle: Settle,
    work: impl FnOnce(&mut Settle) -> Result<R, Failure> + Send + 'static,
) -> Result<(Settle, R), Failure> {
    let done = joined(move || work(&mut settle).map(|done| (settle, done))).await;
    done.unwrap_or_else(|_| Err(broken("settle")))
}

/// How long to wait before a round: longer each time, and by chance more or less.
fn pause(seed: u32, round: u32) -> Duration {
    let wait = ROUND_PAUSE_MS << round.saturating_sub(1).min(16);
    let dice = [seed.to_le_bytes(), round.to_le_bytes()].concat();
    let share = 500 + xxhash_rust::xxh3::xxh3_64(&dice) % 1_001;
    Duration::from_millis(wait * share / 1_000)
}

fn other_rows(round: u32) -> Failure {
    let message = format!("round {round} comes out with other rows than when it began");
    Failure::new(Blame::Accounting, message)
        .hint("keep the run folder; a file in `sent/` or `raw/` was changed, or longshore is wrong")
}
