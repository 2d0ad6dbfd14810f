//! Survey: a load worked out to the last job, with nothing sent and nothing spooled.
//!
//! The same stages as in a run read, map, validate and cut the whole input; only the chunks stay
//! unwritten. So what a survey counts is what a run will send.

pub mod frozen;

mod calls;
mod differences;
mod drift;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use calls::Calls;
use differences::FirstRows;

pub use super::unchanged::{Change, Differences};

use super::budget::{Cost, Work};
use super::chunk::{ChunkLimits, Spool};
use super::event::{ErrorGroup, Event};
use super::intake::{Intake, ReadingEnd};
use super::lookup::Resolved;
use super::manifest::same_reading;
use super::read;
use super::run::{Opened, Tools, can_verify_after, compile, digest, keeps_images, notices};
use super::settle::{KeptColumns, RejectedFile};
use super::stop::Halt;
use super::threads::on_thread;
use super::unchanged::{self, Comparison, cut};
use super::{begin, duplicates, guards, lanes, lookup, validate};
use crate::config::plan::{LoadPlan, OnBadRow};
use crate::model::chunk::{Chunk, Digest};
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::limits::SAMPLE_ROWS;
use crate::model::rows::CheckedSlab;
use crate::model::schema::{OrgFacts, SentField};
use crate::target::{Fault, Target};

/// What a load would be.
#[derive(Debug, Clone)]
pub struct Survey {
    pub org: OrgFacts,
    /// `salesforce` or `auth0`.
    pub org_kind: String,
    /// Digest of the input; `None` for standard input.
    pub input_digest: Option<Digest>,
    /// Header cells of the input.
    pub columns: Vec<String>,
    /// The columns of every body.
    pub fields: Vec<SentField>,
    /// Columns of the input that are not sent.
    pub not_sent: Vec<String>,
    pub accepted: u64,
    pub rejected: u64,
    /// Rows that change nothing and would be left out, as was asked for, and the digest of their
    /// list.
    pub unchanged: u64,
    pub unchanged_digest: Option<Digest>,
    /// Rejected rows by what is wrong with them, most frequent first.
    pub groups: Vec<ErrorGroup>,
    pub jobs: Jobs,
    /// The first rows as they would be sent.
    pub sample: Vec<Sample>,
    /// What the run will cost, and what is left of the org's day.
    pub calls: Calls,
    /// What the policy would refuse if the load were begun now.
    pub refusals: Vec<String>,
    /// The flags that would confirm it, where it must be confirmed.
    pub to_confirm: Option<String>,
    /// What an update or upsert would change, in its first rows or all of them, where that can be
    /// told.
    pub differences: Option<Differences>,
    /// Keys that were looked up, in the order of the mapping.
    pub lookups: Vec<Lookup>,
}

/// The jobs of a load, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub count: u64,
    pub rows: u64,
    /// Bytes of all bodies, headers included.
    pub bytes: u64,
    pub largest_rows: u64,
    pub largest_bytes: u64,
}

/// A row as it would be sent: pairs of body column and value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub row: u64,
    pub sent: Vec<(String, String)>,
}

/// A column whose values were looked up in the org or a file, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The field that is filled, such as `AssigneeId`.
    pub field: String,
    /// What they are compared with, such as `User.Username`.
    pub by: String,
    /// Different keys, and those of them that were found, not found and found more than once.
    pub keys: u64,
    pub found: u64,
    pub missing: u64,
    pub ambiguous: u64,
    /// Digest of all pairs of key and value, in order of the keys: the same keys, the same ids.
    pub digest: Digest,
}

impl Lookup {
    fn of(resolved: &Resolved) -> Self {
        Self {
            field: resolved.field.clone(),
            by: resolved.by.clone(),
            keys: resolved.distinct,
            found: resolved.found,
            missing: resolved.missing,
            ambiguous: resolved.many,
            digest: resolved.digest,
        }
    }
}

impl Survey {
    /// Rows of the input that the load takes.
    pub fn rows(&self) -> u64 {
        self.accepted + self.rejected + self.unchanged
    }
}

/// Works out a load. `rejected_to` names a file for the rows that would be rejected.
pub async fn survey<T: Target>(
    plan: &LoadPlan,
    target: &T,
    tools: &Tools,
    rejected_to: Option<&Path>,
) -> Result<Survey, Failure> {
    can_verify_after(plan, target)?;
    keeps_images(plan, target)?;
    duplicates::can_look(plan)?;
    unchanged::can_look(plan)?;
    lookup::twice_readable(plan)?;
    let reader = read::open(&plan.input)?;
    notices(&*tools.watch, &reader);
    let columns = reader.header().to_vec();
    let org = target.facts().await?;
    let (mut mapping, checks, before) = compile(plan, target, &columns).await?;
    for message in mapping.notices.iter().chain(&before.notices) {
        tools.watch.see(&Event::Notice { message: message.clone() });
    }
    let name = RunId::new(tools.seed.started, tools.seed.random).to_string();
    let (_desk, looked_up) = begin::look_up(plan, target, &mut mapping, &name, tools).await?;
    let mut looked = duplicates::look(plan, (&mapping, &checks), None, &name, tools).await?;
    let input_digest = match looked.digest {
        Some(digest) => Some(digest),
        None => digest(plan).await?,
    };
    let opened = (&mapping, &checks);
    let look = unchanged::look(plan, target, opened, &mut looked, &name, tools);
    let mut idle = Box::pin(look).await?;
    same_reading(plan, input_digest, idle.digest)?;
    let mut laned = plan.clone();
    looked.set_lanes(&mut laned);
    lanes::decide(&mut laned, target.kind(), &mapping, tools).await?;
    let (repeats, unchanged) = (looked.passing(plan, &name)?, idle.passing()?);
    let (fields, not_sent) = (mapping.sent.clone(), mapping.not_sent.clone());
    let opened = Opened { reader, mapping, checks, repeats, unchanged };
    let about = target.together(&plan.object);
    let taken = take(&laned, opened, (target.kind(), about), tools, rejected_to).await?;
    same_reading(plan, input_digest, taken.read_digest)?;
    let rows = taken.accepted + taken.rejected + taken.unchanged;
    let Cost { batches, .. } = taken.cost;
    let (accepted, jobs) = (Some(taken.accepted), taken.jobs.count);
    let work = Work { rows: accepted, jobs, calls: taken.cost.calls(), batches };
    tools.budget.learn(target, work).await?;
    let begun = target.usage();
    let room = tools.budget.room(begun);
    let differences = match (idle.differences.take(), &taken.first) {
        (None, Some(first)) => first_differences(plan, target, first, tools).await,
        (all, _) => all,
    };
    let foreseen = guards::foresee(plan, rows, &org, target, tools).await?;
    Ok(Survey {
        differences,
        refusals: foreseen.refusals,
        to_confirm: foreseen.to_confirm,
        org_kind: target.kind().to_owned(),
        calls: Calls::of(taken.cost, begun, target.usage(), room).with_look(idle.calls),
        org,
        input_digest,
        columns,
        fields,
        not_sent,
        accepted: taken.accepted,
        rejected: taken.rejected,
        unchanged: taken.unchanged,
        unchanged_digest: idle.about().map(|about| about.digest),
        groups: taken.groups,
        jobs: taken.jobs,
        sample: taken.sample,
        lookups: looked_up.lookups.iter().map(Lookup::of).collect(),
    })
}

/// Checks a load as far as that goes without its rows: the object, the operation, and the fields
/// that `header` goes to. Without a header there is no more than object and operation.
pub async fn columns<T: Target>(
    plan: &LoadPlan,
    target: &T,
    header: Option<&[String]>,
) -> Result<(), Failure> {
    can_verify_after(plan, target)?;
    keeps_images(plan, target)?;
    if let Some(header) = header {
        return compile(plan, target, header).await.map(drop);
    }
    let schema = target.load_schema(&plan.object, &[]).await.map_err(Fault::of_request)?;
    Ok(validate::allowed(&schema.object, plan.operation)?)
}

/// What the first rows would change; a load that nobody can compare is no less of a load.
async fn first_differences<T: Target>(
    plan: &LoadPlan,
    target: &T,
    first: &FirstRows,
    tools: &Tools,
) -> Option<Differences> {
    match first.with(target).await {
        Ok(differences) => Some(differences),
        Err(fault) => {
            let operation = plan.operation;
            let message = format!("what the {operation} would change cannot be told: {fault}");
            tools.watch.see(&Event::Notice { message });
            None
        }
    }
}

/// What the conveyor came to.
struct Taken {
    accepted: u64,
    rejected: u64,
    unchanged: u64,
    groups: Vec<ErrorGroup>,
    jobs: Jobs,
    /// What they take of the org's day, all together.
    cost: Cost,
    sample: Vec<Sample>,
    first: Option<FirstRows>,
    /// Digest of the input, where it was read to its end.
    read_digest: Option<Digest>,
}

/// Takes the input in. Of the far side come its kind, and the columns that say whom a row is about.
async fn take(
    plan: &LoadPlan,
    opened: Opened,
    (kind, about): (&str, &[&str]),
    tools: &Tools,
    rejected_to: Option<&Path>,
) -> Result<Taken, Failure> {
    let Opened { reader, mapping, checks, repeats, unchanged } = opened;
    let kept = KeptColumns::of_header(reader.header());
    let sent: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
    let limits = ChunkLimits { rows: plan.chunk_rows, bytes: plan.chunk_bytes };
    let halt = Halt::default();
    let comparison = Comparison::of_plan(plan, &mapping.sent).filter(|_| !plan.skip_unchanged);
    let rows = comparison.map(FirstRows::of);
    let first = First { header: sent.clone(), sample: Vec::new(), rows };
    let first = Arc::new(Mutex::new(first));
    let seen = Arc::clone(&first);
    let intake = Intake {
        reader,
        mapping,
        checks,
        repeats,
        unchanged,
        spool: Spool::dry(&sent, limits)
            .together(&sent, about)
            .in_lanes(&sent, plan.lanes.as_ref()),
        rejected: match rejected_to {
            Some(path) => RejectedFile::at(path, &kept)?,
            None => RejectedFile::nowhere(&kept),
        },
        shelf: None,
        kept,
        // All that is wrong is to be known, however little of it a run would stand.
        on_bad_row: OnBadRow::Reject,
        skip: plan.skip,
        limit: plan.limit,
        watch: Arc::clone(&tools.watch),
        stop: tools.stop.clone(),
        halt: halt.clone(),
        look: Some(Box::new(move |slab| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).look(slab);
        })),
    };
    let (kind, operation, imaged) = (kind.to_owned(), plan.operation, plan.before_images);
    let running = on_thread("the survey", move || {
        let (mut jobs, mut cost) = (Jobs::default(), Cost::default());
        let taken_in = intake.run(|chunk| {
            jobs.add(&chunk);
            cost.add(Cost::of(&kind, operation, imaged, u64::from(chunk.rows)));
            true
        });
        taken_in.map(|taken_in| (taken_in, jobs, cost))
    });
    let (taken_in, jobs, cost) = running.await?;
    if let Some(failure) = halt.take() {
        return Err(failure);
    }
    let whole = is_whole(taken_in.source.end)?;
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Taken {
        accepted: taken_in.accepted,
        rejected: taken_in.rejected,
        unchanged: taken_in.unchanged,
        groups: taken_in.groups.sorted(),
        jobs,
        cost,
        sample: std::mem::take(&mut first.sample),
        first: first.rows.take(),
        read_digest: whole.then_some(taken_in.source.digest),
    })
}

/// Whether the input was read to its own end, and not to that of `--limit`.
fn is_whole(end: ReadingEnd) -> Result<bool, Failure> {
    match end {
        ReadingEnd::Stopped => {
            Err(Failure::new(Blame::Interrupted, "interrupted; nothing was sent"))
        }
        end => Ok(end == ReadingEnd::Source),
    }
}

impl Jobs {
    fn add(&mut self, chunk: &Chunk) {
        self.count += 1;
        self.rows += u64::from(chunk.rows);
        self.bytes += chunk.body_bytes;
        self.largest_rows = self.largest_rows.max(u64::from(chunk.rows));
        self.largest_bytes = self.largest_bytes.max(chunk.body_bytes);
    }
}

/// Keeps the first rows that would be sent.
struct First {
    header: Vec<String>,
    sample: Vec<Sample>,
    rows: Option<FirstRows>,
}

impl First {
    fn look(&mut self, slab: &CheckedSlab) {
        if let Some(rows) = &mut self.rows {
            rows.look(slab);
        }
        let wanted = SAMPLE_ROWS.saturating_sub(self.sample.len());
        for &index in slab.accepted.iter().take(wanted) {
            let index = index as usize;
            let values = slab.fields.row(index).map(|cell| cut(&String::from_utf8_lossy(cell)));
            self.sample.push(Sample {
                row: slab.raw.marks[index].row,
                sent: self.header.iter().cloned().zip(values).collect(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_that_is_stopped_says_that_nothing_was_sent() {
        let stopped = is_whole(ReadingEnd::Stopped).unwrap_err();
        assert_eq!(stopped.blame, Blame::Interrupted);
        assert_eq!(stopped.message, "interrupted; nothing was sent");
        assert_eq!(is_whole(ReadingEnd::Source).ok(), Some(true));
        assert_eq!(is_whole(ReadingEnd::Window).ok(), Some(false));
    }
}
