//! A run: reads the file, maps its columns, validates the rows, chunks them into jobs, submits
//! those in parallel, and settles every row into the file of its verdict.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::chunk::{ChunkLimits, Spool};
use super::event::{Event, Summary, Watch};
use super::handover::EndedChunk;
use super::intake::{Intake, TakenIn};
use super::map::{self, Mapping, Wanted};
use super::read::{self, SlabReader};
use super::settle::{KeptColumns, RejectedFile, Settle, SettlePlan, Settled};
use super::stop::Halt;
pub use super::stop::Stop;
use super::submit::driver::Submit;
use super::validate::{self, Checks};
use super::{copies, ending};
use crate::config::mapping::MappingSpec;
use crate::config::plan::{LoadPlan, OnBadRow, Source};
use crate::ledger::{Fact, Ledger, Manifest, RunFolder};
use crate::model::chunk::Chunk;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::limits::CHUNKS_WAITING;
use crate::model::schema::OrgFacts;
use crate::target::{Fault, JobSpec, Target};

/// Where time and chance of a run come from.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    pub started: jiff::Timestamp,
    pub random: u32,
}

/// Carries out a load.
///
/// `Err` means that the load was refused and nothing was sent. `Ok` holds the accounting of every
/// row that was read, and the exit code; a failure in mid-run is part of it.
pub async fn load<T: Target>(
    plan: LoadPlan,
    target: Arc<T>,
    alias: String,
    watch: Arc<dyn Watch>,
    stop: Stop,
    seed: Seed,
) -> Result<Summary, Failure> {
    let began = tokio::time::Instant::now();
    copies::check(&plan)?;
    let reader = read::open(&plan.input)?;
    reader
        .notices()
        .iter()
        .for_each(|notice| watch.see(&Event::Notice { message: notice.clone() }));
    let org = target.facts().await?;
    let (mapping, checks) = compile(&plan, &*target, reader.header()).await?;

    let run = RunId::new(seed.started, seed.random);
    let name = plan.run_name.clone().unwrap_or_else(|| run.to_string());
    let folder = RunFolder::make(&plan.runs_dir, &name, &seed.started.to_string())?;
    folder.write_manifest(&manifest(&plan, &name, &alias, seed, &org, &mapping))?;
    let ledger = Arc::new(begin_ledger(&folder, &name)?);
    tell_start(&*watch, &plan, &run, &folder, &org, &alias, &mapping);

    let parts = Parts { plan, target, watch, stop, halt: Halt::default(), ledger, folder, seed };
    let carried = parts.carry(reader, mapping, checks).await;
    ending::conclude(&parts, carried, &ending::Names { run: name, alias, org }, began)
}

/// All that the stages of one run share.
pub(super) struct Parts<T> {
    pub(super) plan: LoadPlan,
    pub(super) target: Arc<T>,
    pub(super) watch: Arc<dyn Watch>,
    pub(super) stop: Stop,
    pub(super) halt: Halt,
    pub(super) ledger: Arc<Ledger>,
    pub(super) folder: RunFolder,
    pub(super) seed: Seed,
}

/// What both halves of the conveyor came to.
pub(super) struct Carried {
    pub(super) taken_in: Result<TakenIn, Failure>,
    pub(super) settled: Result<Settled, Failure>,
}

impl<T: Target> Parts<T> {
    /// The conveyor: intake on threads, submit on tokio, settle on a thread, all at once.
    async fn carry(&self, reader: SlabReader, mapping: Mapping, checks: Checks) -> Carried {
        let kept = KeptColumns::of_header(reader.header());
        let settle = match self.settle(&mapping, &kept) {
            Ok(settle) => settle,
            Err(failure) => return Carried::failed(failure),
        };
        let intake = match self.intake(reader, mapping, checks, &kept) {
            Ok(intake) => intake,
            Err(failure) => return Carried::failed(failure),
        };
        let (chunks_out, chunks_in) = mpsc::channel(CHUNKS_WAITING);
        let (ended_out, ended_in) = mpsc::channel(CHUNKS_WAITING);

        let halt = self.halt.clone();
        let ledger = Arc::clone(&self.ledger);
        let taking_in = spawn_blocking(move || take_in(intake, &chunks_out, &ledger, &halt));
        let halt = self.halt.clone();
        let settling = spawn_blocking(move || settle_all(settle, ended_in, &halt));
        self.submit().run(chunks_in, ended_out).await;

        Carried {
            taken_in: taking_in.await.unwrap_or_else(|_| Err(broken("intake"))),
            settled: settling.await.unwrap_or_else(|_| Err(broken("settle"))),
        }
    }

    fn intake(
        &self,
        reader: SlabReader,
        mapping: Mapping,
        checks: Checks,
        kept: &KeptColumns,
    ) -> Result<Intake, Failure> {
        let sent: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
        let limits = ChunkLimits { rows: self.plan.chunk_rows, bytes: self.plan.chunk_bytes };
        Ok(Intake {
            reader,
            mapping,
            checks,
            spool: Spool::new(&self.folder.sent(), &sent, limits),
            rejected: RejectedFile::begin(&self.folder.out(), kept)?,
            on_bad_row: self.plan.on_bad_row,
            skip: self.plan.skip,
            limit: self.plan.limit,
            watch: Arc::clone(&self.watch),
            stop: self.stop.clone(),
            halt: self.halt.clone(),
        })
    }

    fn submit(&self) -> Submit<T> {
        Submit {
            target: Arc::clone(&self.target),
            ledger: Arc::clone(&self.ledger),
            watch: Arc::clone(&self.watch),
            stop: self.stop.clone(),
            spec: JobSpec {
                object: self.plan.object.clone(),
                operation: self.plan.operation,
                external_id: self.plan.external_id.clone(),
            },
            raw: self.folder.raw(),
            parallel: self.plan.parallel,
            halt: self.halt.clone(),
        }
    }

    fn settle(&self, mapping: &Mapping, kept: &KeptColumns) -> Result<Settle, Failure> {
        let plan = SettlePlan {
            operation: self.plan.operation,
            fields: mapping.sent.clone(),
            external_id: self.plan.external_id.clone(),
            kept: kept.clone(),
            raw: self.folder.raw(),
            out: self.folder.out(),
            seed: u64::from(self.seed.random),
        };
        Settle::begin(plan, Arc::clone(&self.ledger), Arc::clone(&self.watch))
    }
}

impl Carried {
    fn failed(failure: Failure) -> Self {
        Self { settled: Err(Failure::new(failure.blame, &failure.message)), taken_in: Err(failure) }
    }
}

/// Hands chunks on as they fill; or, when one bad row shall stop all, only after the last row was
/// good.
fn take_in(
    intake: Intake,
    chunks: &mpsc::Sender<Chunk>,
    ledger: &Ledger,
    halt: &Halt,
) -> Result<TakenIn, Failure> {
    // A ledger that fails halts the run; the chunk still goes on, to be accounted for as not sent.
    let note = |fact: &Fact| {
        if let Err(error) = ledger.record(fact) {
            halt.because(no_ledger(&error));
        }
    };
    let hand_on = |chunk: Chunk| {
        note(&planned(&chunk));
        // Submit takes all that is handed on; it ends only after this sender is gone.
        chunks.blocking_send(chunk).is_ok()
    };
    let mut held = Vec::new();
    let hold = intake.on_bad_row == OnBadRow::Stop;
    let taken_in = intake.run(|chunk| {
        if hold {
            held.push(chunk);
            return true;
        }
        hand_on(chunk)
    });
    match &taken_in {
        Ok(taken_in) => {
            held.into_iter().all(hand_on);
            note(&input_read(taken_in));
        }
        Err(failure) => halt.because(Failure::new(failure.blame, &failure.message)),
    }
    taken_in
}

fn planned(chunk: &Chunk) -> Fact {
    Fact::Planned {
        chunk: chunk.number,
        first_row: chunk.first_row,
        last_row: chunk.last_row,
        rows: chunk.rows,
        bytes: chunk.body_bytes,
        digest: chunk.digest,
    }
}

fn input_read(taken_in: &TakenIn) -> Fact {
    Fact::InputRead {
        first_row: taken_in.first_row,
        rows: taken_in.accepted + taken_in.rejected,
        accepted: taken_in.accepted,
        rejected: taken_in.rejected,
        bytes: taken_in.source.bytes,
        digest: taken_in.source.digest,
        whole: taken_in.source.whole,
    }
}

/// A ledger that cannot be written ends the run.
pub(super) fn no_ledger(error: &std::io::Error) -> Failure {
    Failure::new(Blame::Disk, format!("cannot write the ledger: {error}"))
}

/// Settles until the last chunk has ended; when the disk fails, nothing more is sent.
fn settle_all(
    mut settle: Settle,
    mut ended: mpsc::Receiver<EndedChunk>,
    halt: &Halt,
) -> Result<Settled, Failure> {
    while let Some(chunk) = ended.blocking_recv() {
        if let Err(failure) = settle.take(chunk) {
            halt.because(Failure::new(failure.blame, &failure.message));
            return Err(failure);
        }
    }
    settle.finish()
}

/// What goes where, checked against what the org says of the object.
async fn compile<T: Target>(
    plan: &LoadPlan,
    target: &T,
    header: &[String],
) -> Result<(Mapping, Checks), Failure> {
    let names = plan.mapping.as_ref().map_or_else(|| header.to_vec(), MappingSpec::targets);
    let schema = target.load_schema(&plan.object, &names).await.map_err(Fault::of_request)?;
    validate::allowed(&schema.object, plan.operation)?;
    let wanted = Wanted {
        operation: plan.operation,
        external_id: plan.external_id.clone(),
        nulls: plan.nulls,
    };
    let mapping = map::compile(header, plan.mapping.as_ref(), &schema, &wanted)?;
    let key = plan.external_id.as_deref();
    let checks = validate::prepare(&mapping.sent, &schema, plan.operation, key)?;
    Ok((mapping, checks))
}

fn begin_ledger(folder: &RunFolder, run: &str) -> Result<Ledger, Failure> {
    let path = folder.ledger();
    Ledger::create(&path, run).map_err(|error| Failure::disk("create", &path, &error))
}

fn manifest(
    plan: &LoadPlan,
    run: &str,
    alias: &str,
    seed: Seed,
    org: &OrgFacts,
    mapping: &Mapping,
) -> Manifest {
    Manifest {
        format: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.to_owned(),
        started: seed.started.to_string(),
        operation: plan.operation.to_string(),
        object: plan.object.to_string(),
        external_id: plan.external_id.clone(),
        alias: alias.to_owned(),
        org_id: org.id.clone(),
        org_origin: org.origin.clone(),
        user_id: org.user_id.clone(),
        username: org.username.clone(),
        input: input_name(&plan.input.source),
        skip: plan.skip,
        limit: plan.limit,
        chunk_rows: plan.chunk_rows,
        chunk_bytes: plan.chunk_bytes,
        sent: mapping.sent.iter().map(|field| field.header.clone()).collect(),
    }
}

fn input_name(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Stdin => "stdin".to_owned(),
    }
}

#[expect(clippy::too_many_arguments, reason = "everything that a person is told at the start")]
fn tell_start(
    watch: &dyn Watch,
    plan: &LoadPlan,
    run: &RunId,
    folder: &RunFolder,
    org: &OrgFacts,
    alias: &str,
    mapping: &Mapping,
) {
    watch.see(&Event::Started {
        run: run.clone(),
        run_dir: folder.root().to_owned(),
        operation: plan.operation,
        object: plan.object.clone(),
        org: org.clone(),
        alias: alias.to_owned(),
        input: input_name(&plan.input.source),
    });
    let sent =
        mapping.sent.iter().map(|field| (field.from.clone(), field.header.clone())).collect();
    watch.see(&Event::Mapped { sent, not_sent: mapping.not_sent.clone() });
    for message in &mapping.notices {
        watch.see(&Event::Notice { message: message.clone() });
    }
}

fn broken(stage: &str) -> Failure {
    Failure::new(Blame::Run, format!("the {stage} stage broke down; this is a fault of longshore"))
}
