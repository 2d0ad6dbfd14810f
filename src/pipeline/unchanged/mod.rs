//! Unchanged rows: rows of an update or upsert whose records hold already what would be sent. They
//! are found before anything is sent, and left out.
//!
//! [`look`] reads the input once more, ahead of the conveyor, and what the records hold, some
//! thousands at a time. What it decides lies in the run folder as a list ([`Unchanged`]) before a
//! job is made: a later process of the run decides nothing anew. The rows go by the jobs
//! ([`Shelf`]) and end in success.csv, each in its place.
//! Source: `docs/decisions/0017-unchanged-rows.md`.

mod compare;
mod differences;
mod list;
mod shelf;

use std::sync::Arc;

pub use self::compare::{Comparison, Row};
pub use self::differences::{Change, Differences, cut};
pub use self::list::Unchanged;
pub use self::shelf::{Shelf, ShelfReader, ShelfWriter};

use self::list::Draft;
use super::chunk::{ChunkLimits, Spool};
use super::duplicates::{self, Repeats};
use super::event::{Event, Watch};
use super::intake::Window;
use super::map::{self, Mapping};
use super::read::{self, SlabReader};
use super::run::Tools;
use super::stop::Stop;
use super::threads::on_thread;
use super::validate::{self, Checks};
use crate::config::plan::{LoadPlan, Source};
use crate::ledger::{RunFolder, UnchangedRows};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{IMAGE_BATCH_BYTES, LOOKUP_TOLD_BYTES, RECORDS_READ_MAX};
use crate::model::operation::Operation;
use crate::model::rows::CheckedSlab;
use crate::model::wording::count;
use crate::target::{Fault, Target};

/// What breaks down when a thread of the look does.
const LOOKING: &str = "looking for unchanged rows";

/// What a look came to.
#[derive(Debug, Default)]
pub struct Looked {
    /// The digest of the input, when it was read to its end for this.
    pub digest: Option<Digest>,
    /// What the rows would change; `None` where nobody has looked.
    pub differences: Option<Differences>,
    /// Calls that the look took.
    pub calls: u64,
    draft: Option<Draft>,
}

impl Looked {
    /// What the manifest tells of the list; `None` where no row is left out.
    pub fn about(&self) -> Option<UnchangedRows> {
        self.draft.as_ref().map(Draft::about)
    }

    /// Makes the list durable in the folder of the run.
    pub fn write(&mut self, folder: &RunFolder) -> Result<(), Failure> {
        self.draft.as_mut().map_or(Ok(()), |draft| draft.write(folder))
    }

    /// The list for somebody who only looks.
    pub fn passing(&mut self) -> Result<Unchanged, Failure> {
        self.draft.as_mut().map_or_else(|| Ok(Unchanged::default()), Draft::passing)
    }
}

/// Refuses to leave out rows of what changes no record, and of an input that cannot be read twice.
pub fn can_look(plan: &LoadPlan) -> Result<(), Failure> {
    if !plan.skip_unchanged {
        return Ok(());
    }
    if !matches!(plan.operation, Operation::Update | Operation::Upsert) {
        let message = format!(
            "`--skip-unchanged` is for update and upsert, and this is {}",
            with_article(plan.operation)
        );
        return Err(Failure::new(Blame::Request, message).hint("leave it out"));
    }
    if plan.input.source == Source::Stdin {
        let message =
            "`--skip-unchanged` reads the rows twice, and standard input is read but once";
        return Err(Failure::new(Blame::Request, message)
            .hint("write the rows to a file first, and name the file")
            .hint("or leave the option out: every row is sent then"));
    }
    Ok(())
}

fn with_article(operation: Operation) -> String {
    let article = if operation.word().starts_with(['i', 'u']) { "an" } else { "a" };
    format!("{article} {operation}")
}

/// Looks for rows that change nothing, if that was asked for, among those that `rows` lets through.
///
/// `run` is what the run will be called. `Err` means that the load is refused and nothing was sent.
pub async fn look<T: Target>(
    plan: &LoadPlan,
    target: &T,
    (mapping, checks): (&Mapping, &Checks),
    rows: &mut duplicates::Looked,
    run: &str,
    tools: &Tools,
) -> Result<Looked, Failure> {
    if !plan.skip_unchanged {
        return Ok(Looked::default());
    }
    let comparison = Comparison::of_plan(plan, &mapping.sent).ok_or_else(no_key)?;
    tell_before(plan, &comparison, &*tools.watch);
    let calls = target.usage().calls;
    let comparison = Arc::new(comparison);
    let repeats = rows.passing(plan, run)?;
    let mut walk =
        Walk::begin(plan, (mapping, checks), repeats, Arc::clone(&comparison), &tools.stop)?;
    let tied = rows.tied()?;
    let mut draft = Draft::new(plan.runs_dir.clone(), run);
    let mut differences = Differences::default();
    loop {
        let batch;
        (walk, batch) = on_thread(LOOKING, move || walk.batch()).await?;
        if batch.is_empty() {
            break;
        }
        let held = comparison.held(target, &batch).await.map_err(not_read)?;
        let mut same = Vec::new();
        for (row, record) in batch.iter().zip(&held) {
            let is_same = differences.add(&comparison, row, record.as_ref());
            // What another row of the same key does to the record first is not known.
            if let Some(record) = record.as_ref().filter(|_| is_same && !tied.has(row.number)) {
                same.push((row.number, record.id.clone()));
            }
        }
        draft = on_thread(LOOKING, move || draft.add(&same).map(|()| draft)).await?;
    }
    let calls = target.usage().calls.saturating_sub(calls);
    let draft = on_thread(LOOKING, move || draft.finish()).await?;
    tell_after(&differences, draft.as_ref(), &*tools.watch);
    Ok(Looked { digest: walk.digest, differences: Some(differences), calls, draft })
}

/// Says what the wait is for, where there will be one, and what can never be compared.
fn tell_before(plan: &LoadPlan, comparison: &Comparison, watch: &dyn Watch) {
    let Source::File(path) = &plan.input.source else { return };
    if std::fs::metadata(path).is_ok_and(|about| about.len() >= LOOKUP_TOLD_BYTES) {
        let message = "what the records hold is read before anything is sent".to_owned();
        watch.see(&Event::Notice { message });
    }
    let blind: Vec<String> = comparison.blind().map(|name| format!("`{name}`")).collect();
    if !blind.is_empty() {
        let message = format!(
            "rows with a value for {} are always sent: it cannot be compared",
            blind.join(", ")
        );
        watch.see(&Event::Notice { message });
    }
}

fn tell_after(differences: &Differences, draft: Option<&Draft>, watch: &dyn Watch) {
    let left_out = draft.map_or(0, |draft| draft.about().rows);
    let all = count(differences.rows);
    let message = match left_out {
        0 => format!("every row changes something, and all {all} are sent"),
        rows if rows == differences.rows => {
            format!("no row changes anything, and none of the {all} is sent")
        }
        rows => format!("{} of {all} rows change nothing and are not sent", count(rows)),
    };
    if differences.rows > 0 {
        watch.see(&Event::Notice { message });
    }
}

fn no_key() -> Failure {
    let message = "`--skip-unchanged` finds records by their key, and no column of the file is it";
    Failure::new(Blame::Request, message)
}

/// Without what the records hold nothing is left out, and that was asked for.
fn not_read(fault: Fault) -> Failure {
    let message = format!("what the records hold cannot be read: {}", fault.message);
    Failure::from(Fault { message, ..fault })
        .hint("nothing was sent; without `--skip-unchanged` every row is sent")
}

/// The rows that would be sent, read on and on.
struct Walk {
    reader: SlabReader,
    window: Window,
    mapping: Mapping,
    checks: Checks,
    repeats: Repeats,
    /// Knows which rows fit no job.
    spool: Spool,
    comparison: Arc<Comparison>,
    stop: Stop,
    /// The slab at hand, and how many of its accepted rows were taken.
    slab: CheckedSlab,
    taken: usize,
    ended: bool,
    digest: Option<Digest>,
}

impl Walk {
    fn begin(
        plan: &LoadPlan,
        (mapping, checks): (&Mapping, &Checks),
        repeats: Repeats,
        comparison: Arc<Comparison>,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let header: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
        let limits = ChunkLimits { rows: plan.chunk_rows, bytes: plan.chunk_bytes };
        Ok(Self {
            reader: read::open(&plan.input)?,
            window: Window { skip: plan.skip, limit: plan.limit },
            mapping: mapping.clone(),
            checks: checks.clone(),
            repeats,
            spool: Spool::dry(&header, limits),
            comparison,
            stop: stop.clone(),
            slab: CheckedSlab::default(),
            taken: 0,
            ended: false,
            digest: None,
        })
    }

    /// The next rows, as many as one question is for; none at the end.
    fn batch(mut self) -> Result<(Self, Vec<Row>), Failure> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < RECORDS_READ_MAX && bytes < IMAGE_BATCH_BYTES {
            let Some(&index) = self.slab.accepted.get(self.taken) else {
                if self.next_slab()? {
                    continue;
                }
                break;
            };
            self.taken += 1;
            let row = self.comparison.row(&self.slab, index as usize);
            bytes += row.bytes();
            batch.push(row);
        }
        Ok((self, batch))
    }

    fn next_slab(&mut self) -> Result<bool, Failure> {
        self.stop.refuse_to_look_on()?;
        if self.ended {
            return Ok(false);
        }
        let Some(slab) = self.reader.next_slab()? else {
            self.ended = true;
            self.digest = Some(self.reader.digest());
            return Ok(false);
        };
        let (slab, ended) = self.window.cut(slab);
        self.ended = ended;
        let mapped = map::map(slab, &self.mapping);
        if let Some(failure) = self.mapping.trouble() {
            return Err(failure);
        }
        let mut slab = validate::validate(mapped, &self.checks);
        self.spool.set_apart(&mut slab);
        self.repeats.set_apart(&mut slab)?;
        (self.slab, self.taken) = (slab, 0);
        Ok(true)
    }
}
