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

use tokio::task::spawn_blocking;

pub use calls::Calls;
use differences::Compared;
pub use differences::{Change, Differences};

use super::chunk::{ChunkLimits, Spool};
use super::event::{ErrorGroup, Event};
use super::intake::{Intake, ReadingEnd};
use super::lookup::Resolved;
use super::manifest::same_reading;
use super::read;
use super::run::{Opened, Tools, compile, digest, notices};
use super::settle::{KeptColumns, RejectedFile};
use super::stop::Halt;
use super::{begin, duplicates, guards, lookup};
use crate::config::plan::{LoadPlan, OnBadRow};
use crate::model::chunk::{Chunk, Digest};
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::limits::{SAMPLE_CHARS, SAMPLE_ROWS};
use crate::model::operation::Operation;
use crate::model::rows::CheckedSlab;
use crate::model::schema::{OrgFacts, SentField};
use crate::target::Target;

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
    /// What an update would change in its first rows, where that can be told.
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
        self.accepted + self.rejected
    }
}

/// Works out a load. `rejected_to` names a file for the rows that would be rejected.
pub async fn survey<T: Target>(
    plan: &LoadPlan,
    target: &T,
    tools: &Tools,
    rejected_to: Option<&Path>,
) -> Result<Survey, Failure> {
    duplicates::can_look(plan)?;
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
    let mut looked = duplicates::look(plan, &mapping, &checks, &name, tools).await?;
    let input_digest = match looked.digest {
        Some(digest) => Some(digest),
        None => digest(plan).await?,
    };
    let repeats = looked.passing(plan, &name)?;
    let (fields, not_sent) = (mapping.sent.clone(), mapping.not_sent.clone());
    let opened = Opened { reader, mapping, checks, repeats };
    let about = target.together(&plan.object);
    let taken = take(plan, opened, about, tools, rejected_to).await?;
    same_reading(plan, input_digest, taken.read_digest)?;
    let rows = taken.accepted + taken.rejected;
    let differences = match &taken.compared {
        Some(compared) => match compared.with(target, plan.object.as_str()).await {
            Ok(differences) => Some(differences),
            Err(fault) => {
                let message = format!("what the update would change cannot be told: {fault}");
                tools.watch.see(&Event::Notice { message });
                None
            }
        },
        None => None,
    };
    let foreseen = guards::foresee(plan, rows, &org, target, tools).await?;
    Ok(Survey {
        differences,
        refusals: foreseen.refusals,
        to_confirm: foreseen.to_confirm,
        org_kind: target.kind().to_owned(),
        calls: Calls::of(target.kind(), &taken.jobs, target.usage()),
        org,
        input_digest,
        columns,
        fields,
        not_sent,
        accepted: taken.accepted,
        rejected: taken.rejected,
        groups: taken.groups,
        jobs: taken.jobs,
        sample: taken.sample,
        lookups: looked_up.lookups.iter().map(Lookup::of).collect(),
    })
}

/// What the conveyor came to.
struct Taken {
    accepted: u64,
    rejected: u64,
    groups: Vec<ErrorGroup>,
    jobs: Jobs,
    sample: Vec<Sample>,
    compared: Option<Compared>,
    /// Digest of the input, where it was read to its end.
    read_digest: Option<Digest>,
}

async fn take(
    plan: &LoadPlan,
    opened: Opened,
    about: &[&str],
    tools: &Tools,
    rejected_to: Option<&Path>,
) -> Result<Taken, Failure> {
    let Opened { reader, mapping, checks, repeats } = opened;
    let kept = KeptColumns::of_header(reader.header());
    let sent: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
    let limits = ChunkLimits { rows: plan.chunk_rows, bytes: plan.chunk_bytes };
    let halt = Halt::default();
    let compared =
        (plan.operation == Operation::Update).then(|| Compared::of(&mapping.sent)).flatten();
    let first = First { header: sent.clone(), sample: Vec::new(), compared };
    let first = Arc::new(Mutex::new(first));
    let seen = Arc::clone(&first);
    let intake = Intake {
        reader,
        mapping,
        checks,
        repeats,
        spool: Spool::dry(&sent, limits).together(&sent, about),
        rejected: match rejected_to {
            Some(path) => RejectedFile::at(path, &kept)?,
            None => RejectedFile::nowhere(&kept),
        },
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
    let running = spawn_blocking(move || {
        let mut jobs = Jobs::default();
        let taken_in = intake.run(|chunk| {
            jobs.add(&chunk);
            true
        });
        taken_in.map(|taken_in| (taken_in, jobs))
    });
    let broken = || Failure::new(Blame::Run, "the survey broke down; this is a fault of longshore");
    let (taken_in, jobs) = running.await.map_err(|_| broken())??;
    if let Some(failure) = halt.take() {
        return Err(failure);
    }
    if taken_in.source.end == ReadingEnd::Stopped {
        return Err(Failure::new(Blame::Interrupted, "interrupted; nothing was sent"));
    }
    let whole = taken_in.source.end == ReadingEnd::Source;
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Taken {
        accepted: taken_in.accepted,
        rejected: taken_in.rejected,
        groups: taken_in.groups.sorted(),
        jobs,
        sample: std::mem::take(&mut first.sample),
        compared: first.compared.take(),
        read_digest: whole.then_some(taken_in.source.digest),
    })
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

/// A value as a plan shows it: not the whole of a long text.
fn cut(value: &str) -> String {
    match value.char_indices().nth(SAMPLE_CHARS) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}

/// Keeps the first rows that would be sent.
struct First {
    header: Vec<String>,
    sample: Vec<Sample>,
    compared: Option<Compared>,
}

impl First {
    fn look(&mut self, slab: &CheckedSlab) {
        if let Some(compared) = &mut self.compared {
            compared.look(slab);
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
