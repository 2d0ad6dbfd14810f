//! A run: reads the file, maps its columns, validates the rows, chunks them into jobs, submits
//! those in parallel, and settles every row into the file of its verdict.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::assent::Assent;
use super::begin::Begun;
use super::budget::{Budget, Work};
use super::chunk::{ChunkLimits, Spool};
use super::duplicates::{self, Repeats};
use super::earlier::Earlier;
use super::event::{Event, Summary, Watch};
use super::feed::Feed;
use super::guards::{self, Brake, Guards};
use super::handover::EndedChunk;
use super::images::{Before, ImagePlan};
use super::intake::{Intake, TakenIn};
use super::map::{self, Mapping, Wanted};
use super::read::{self, SlabReader};
use super::settle::{Found, KeptColumns, RejectedFile, Settle, SettlePlan, Settled};
use super::stop::Halt;
pub use super::stop::Stop;
use super::submit::driver::Submit;
use super::submit::gate::Gate;
use super::unchanged::{self, Shelf, Unchanged};
use super::validate::{self, Checks};
use super::{again, begin, copies, ending, lookup, manifest};
use crate::config::dataloader::conversions::Switch;
use crate::config::mapping::MappingSpec;
use crate::config::plan::{LoadPlan, MappingManner};
use crate::config::policy::MaxFailed;
use crate::ledger::{Ledger, Manifest, RunFolder};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::limits::CHUNKS_WAITING;
use crate::model::operation::Operation;
use crate::model::schema::{OrgFacts, SentField};
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
    mut plan: LoadPlan,
    target: Arc<T>,
    alias: String,
    tools: Tools,
) -> Result<Summary, Failure> {
    let began = tokio::time::Instant::now();
    let watch = &tools.watch;
    copies::check(&plan)?;
    can_verify_after(&plan, &*target)?;
    keeps_images(&plan, &*target)?;
    duplicates::can_look(&plan)?;
    unchanged::can_look(&plan)?;
    lookup::twice_readable(&plan)?;
    let reader = read::open(&plan.input)?;
    notices(&**watch, &reader);
    let org = target.facts().await?;
    let (mut mapping, checks, before) = compile(&plan, &*target, reader.header()).await?;
    let run = RunId::new(tools.seed.started, tools.seed.random);
    let name = plan.run_name.clone().unwrap_or_else(|| run.to_string());
    let ahead = duplicates::read_ahead(&plan, (&mapping, &checks), &name, &tools).await;
    let digest = match ahead.as_ref().and_then(|ahead| ahead.digest) {
        Some(digest) => Some(digest),
        None => digest(&plan).await?,
    };
    as_reviewed(&tools, digest)?;
    let confirmed = guards::check(&plan, digest, &org, &*target, &tools).await?;
    let work = Work::of(&plan, target.kind()).await;
    let foretold = tools.budget.learn(&*target, work).await?;
    plan.max_failed = tools.guards.max_failed.or(tools.guards.policy.max_failed);

    let kept = KeptColumns::of_header(reader.header());
    let mut manifest = Manifest {
        input_digest: digest,
        columns: reader.header().to_vec(),
        org_kind: target.kind().to_owned(),
        images: before.fields,
        confirmed,
        applied: tools.guards.reviewed.as_ref().map(|reviewed| reviewed.plan.clone()),
        ..manifest::of(&plan, &name, &alias, tools.seed, &org, &mapping)
    };
    let begun = {
        let root = plan.runs_dir.join(&name);
        again::ask(&plan, &manifest, &root, &*tools.assent, &**watch)?;
        let opened = (&mut mapping, &checks);
        let begun = begin::run(&mut plan, &*target, opened, ahead, &mut manifest, &tools).await;
        if begun.is_err() {
            again::withdraw(&plan, &root);
        }
        begun?
    };
    let Begun { folder, ledger, looked_up, repeats, unchanged } = begun;
    let ledger = Arc::new(ledger);
    tell_start(&**watch, &plan, &run.to_string(), &folder, &org, &alias);
    tell_mapping(&**watch, &mapping);
    for message in looked_up.notices().into_iter().chain(before.notices).chain(foretold) {
        watch.see(&Event::Notice { message });
    }

    let images = ImagePlan::of(&plan.object, plan.operation, &manifest);
    let parts = Parts {
        brake: brake(&plan, plan.max_failed, &org, &folder),
        plan,
        target,
        tools,
        halt: Halt::default(),
        ledger,
        fields: mapping.sent.clone(),
        images,
        shelf: shelf(&folder, &manifest),
        folder,
        kept,
        earlier: Arc::default(),
        resumed: false,
    };
    let opened = Opened { reader, mapping, checks, repeats, unchanged };
    let carried = Box::pin(parts.carry(Incoming::Read(Box::new(opened)))).await;
    ending::conclude(&parts, carried, &ending::Names { run: name, alias, org }, began)
}

/// What a run needs of the world around it.
#[derive(Clone)]
pub struct Tools {
    pub watch: Arc<dyn Watch>,
    pub stop: Stop,
    pub assent: Arc<dyn Assent>,
    pub seed: Seed,
    pub guards: Guards,
    /// What the runs of this command may use of the org's day, all together.
    pub budget: Arc<Budget>,
    /// Lets the jobs of all runs side by side into one org; `None` where there is one run.
    pub jobs: Option<Arc<Gate>>,
}

/// All that the stages of one run share.
pub(super) struct Parts<T> {
    pub(super) plan: LoadPlan,
    pub(super) target: Arc<T>,
    pub(super) tools: Tools,
    pub(super) halt: Halt,
    pub(super) ledger: Arc<Ledger>,
    pub(super) folder: RunFolder,
    /// The columns of every body.
    pub(super) fields: Vec<SentField>,
    pub(super) images: Option<ImagePlan>,
    pub(super) kept: KeptColumns,
    /// Where lines of rows that change nothing lie; missing where all rows are sent.
    pub(super) shelf: Option<Shelf>,
    pub(super) earlier: Arc<Earlier>,
    /// Stops the run when too many rows are in error.
    pub(super) brake: Option<Brake>,
    /// Another process has begun the run.
    pub(super) resumed: bool,
}

/// Where the rows of a run come from.
pub(super) enum Incoming {
    /// The input, from its first row on.
    Read(Box<Opened>),
    /// Earlier processes have read it all; what they rejected is found in its file.
    Spooled(Box<Found>),
    /// The input cannot be gone on with. What is in jobs already is followed to its end.
    Refused(Failure),
}

/// The input and all that is known of its rows beforehand.
pub(super) struct Opened {
    pub(super) reader: SlabReader,
    pub(super) mapping: Mapping,
    pub(super) checks: Checks,
    pub(super) repeats: Repeats,
    pub(super) unchanged: Unchanged,
}

/// What both halves of the conveyor came to.
pub(super) struct Carried {
    pub(super) taken_in: Result<TakenIn, Failure>,
    pub(super) settled: Result<Settled, Failure>,
}

impl<T: Target> Parts<T> {
    /// The conveyor: intake on a thread, submit on tokio, settle on a thread, all at once.
    pub(super) async fn carry(&self, incoming: Incoming) -> Carried {
        // What an earlier process left out is not known where the input is refused.
        let shelf = self.shelf.as_ref().filter(|_| !matches!(incoming, Incoming::Refused(_)));
        let settle = match self.settle(shelf) {
            Ok(settle) => settle,
            Err(failure) => return Carried::failed(failure),
        };
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
        let feeding: Box<dyn FnOnce() -> Result<TakenIn, Failure> + Send> = match incoming {
            Incoming::Read(opened) => match self.intake(*opened) {
                Ok(intake) => Box::new(move || feed.take_in(intake)),
                Err(failure) => return Carried::failed(failure),
            },
            Incoming::Spooled(found) => Box::new(move || feed.all_spooled(*found)),
            Incoming::Refused(failure) => Box::new(move || feed.prepared_only(failure)),
        };
        let taking_in = spawn_blocking(feeding);
        let (halt, brake) = (self.halt.clone(), self.brake.clone());
        let settling = spawn_blocking(move || settle_all(settle, ended_in, &halt, brake.as_ref()));
        self.submit().run(chunks_in, ended_out).await;

        let taken_in = taking_in.await.unwrap_or_else(|_| Err(broken("intake")));
        if taken_in.is_err() && self.resumed {
            // What an earlier process rejected is not known to this one, and its file is not left
            // beside files that are of this one.
            let empty = RejectedFile::begin(&self.folder.out(), &self.kept);
            let _kept = empty.and_then(RejectedFile::finish).is_ok();
        }
        let settled = match settling.await.unwrap_or_else(|_| Err(broken("settle"))) {
            Ok(settle) => Box::pin(self.rounds(settle, &taken_in)).await,
            Err(failure) => Err(failure),
        };
        Carried { taken_in, settled }
    }

    fn intake(&self, opened: Opened) -> Result<Intake, Failure> {
        let Opened { reader, mapping, checks, repeats, unchanged } = opened;
        let sent: Vec<String> = mapping.sent.iter().map(|field| field.header.clone()).collect();
        let limits = ChunkLimits { rows: self.plan.chunk_rows, bytes: self.plan.chunk_bytes };
        let about = self.target.together(&self.plan.object);
        let spool = Spool::new(&self.folder.sent(), &sent, limits)
            .together(&sent, about)
            .in_lanes(&sent, self.plan.lanes.as_ref());
        Ok(Intake {
            reader,
            mapping,
            checks,
            repeats,
            unchanged,
            spool: spool.as_before(self.earlier.cuts()),
            rejected: RejectedFile::begin(&self.folder.out(), &self.kept)?,
            shelf: self.shelf.as_ref().map(Shelf::begin).transpose()?,
            kept: self.kept.clone(),
            on_bad_row: self.plan.on_bad_row,
            skip: self.plan.skip,
            limit: self.plan.limit,
            watch: Arc::clone(&self.tools.watch),
            stop: self.tools.stop.clone(),
            halt: self.halt.clone(),
            look: None,
        })
    }

    pub(super) fn submit(&self) -> Submit<T> {
        Submit {
            target: Arc::clone(&self.target),
            ledger: Arc::clone(&self.ledger),
            watch: Arc::clone(&self.tools.watch),
            stop: self.tools.stop.clone(),
            spec: self.spec(),
            images: self.images.clone(),
            raw: self.folder.raw(),
            parallel: self.plan.parallel,
            gate: self.tools.jobs.clone().unwrap_or_else(|| Gate::new(self.plan.parallel)),
            seed: self.tools.seed.random,
            halt: self.halt.clone(),
            earlier: Arc::clone(&self.earlier),
            budget: Arc::clone(&self.tools.budget),
        }
    }

    pub(super) fn spec(&self) -> JobSpec {
        JobSpec {
            object: self.plan.object.clone(),
            operation: self.plan.operation,
            external_id: self.plan.external_id.clone(),
            assignment_rule: self.plan.assignment_rule.clone(),
            verify_after: self.plan.verify_after,
        }
    }

    fn settle(&self, shelf: Option<&Shelf>) -> Result<Settle, Failure> {
        let plan = SettlePlan {
            operation: self.plan.operation,
            fields: self.fields.clone(),
            external_id: self.plan.external_id.clone(),
            kept: self.kept.clone(),
            shelf: shelf.map(Shelf::reader),
            root: self.folder.root().to_owned(),
            sent: self.folder.sent(),
            raw: self.folder.raw(),
            out: self.folder.out(),
            rounds: self.plan.rounds,
            seed: u64::from(self.tools.seed.random),
        };
        let (ledger, watch) = (Arc::clone(&self.ledger), Arc::clone(&self.tools.watch));
        Settle::begin(plan, Arc::clone(&self.earlier), ledger, watch)
    }
}

impl Carried {
    fn failed(failure: Failure) -> Self {
        Self { settled: Err(Failure::new(failure.blame, &failure.message)), taken_in: Err(failure) }
    }
}

/// A ledger that cannot be written ends the run.
pub(super) fn no_ledger(error: &std::io::Error) -> Failure {
    Failure::new(Blame::Disk, format!("cannot write the ledger: {error}"))
}

/// Settles until the last chunk has ended; when the disk fails, nothing more is sent.
pub(super) fn settle_all(
    mut settle: Settle,
    mut ended: mpsc::Receiver<EndedChunk>,
    halt: &Halt,
    brake: Option<&Brake>,
) -> Result<Settle, Failure> {
    while let Some(chunk) = ended.blocking_recv() {
        if let Err(failure) = settle.take(chunk) {
            halt.because(Failure::new(failure.blame, &failure.message));
            return Err(failure);
        }
        if let Some(refusal) = brake.and_then(|brake| brake.pull(settle.counts())) {
            halt.because(refusal);
        }
    }
    Ok(settle)
}

/// The input of a plan is the one that was reviewed, to the moment of its load.
fn as_reviewed(tools: &Tools, digest: Option<Digest>) -> Result<(), Failure> {
    match &tools.guards.reviewed {
        Some(reviewed) if Some(reviewed.input) != digest => Err(Failure::new(
            Blame::Guard,
            "the file was changed after it was compared with the plan",
        )),
        _ => Ok(()),
    }
}

/// Where the lines of rows that change nothing lie, where there are such rows.
pub(super) fn shelf(folder: &RunFolder, manifest: &Manifest) -> Option<Shelf> {
    manifest.unchanged.map(|_| Shelf::in_folder(&folder.sent()))
}

/// What stops the run when too many rows are in error.
pub(super) fn brake(
    plan: &LoadPlan,
    limit: Option<MaxFailed>,
    org: &OrgFacts,
    folder: &RunFolder,
) -> Option<Brake> {
    limit.map(|limit| Brake {
        limit,
        operation: plan.operation,
        object: plan.object.to_string(),
        org: org.clone(),
        run: manifest::shown(folder.root()),
    })
}

/// An option that would do nothing is refused.
pub(super) fn can_verify_after<T: Target>(plan: &LoadPlan, target: &T) -> Result<(), Failure> {
    if !plan.verify_after || target.kind() == "auth0" {
        return Ok(());
    }
    let message = "`--verify-after` is for Auth0, whose answer to a removal proves nothing";
    Err(Failure::new(Blame::Request, message)
        .hint("leave it out: the results of this org tell what became of each row"))
}

/// A removal of Auth0 needs its images to go on with, so they cannot be left out.
pub(super) fn keeps_images<T: Target>(plan: &LoadPlan, target: &T) -> Result<(), Failure> {
    if plan.before_images || plan.operation != Operation::Delete || target.kind() != "auth0" {
        return Ok(());
    }
    let message = "a removal from Auth0 always keeps what users held, and `--before-images off` has no meaning";
    Err(Failure::new(Blame::Request, message)
        .hint("leave it out: without the images an interrupted removal could not go on"))
}

/// What goes where, checked against what the org says of the object.
pub async fn compile<T: Target>(
    plan: &LoadPlan,
    target: &T,
    header: &[String],
) -> Result<(Mapping, Checks, Before), Failure> {
    let names = plan.mapping.as_ref().map_or_else(|| header.to_vec(), MappingSpec::targets);
    let schema = target.load_schema(&plan.object, &names).await.map_err(Fault::of_request)?;
    validate::allowed(&schema.object, plan.operation)?;
    let wanted = Wanted {
        operation: plan.operation,
        external_id: plan.external_id.clone(),
        nulls: plan.nulls,
        conversions: plan.conversions.clone(),
        passes_over: plan.mapping_manner == MappingManner::DataLoader,
    };
    let mapping = map::compile(header, plan.mapping.as_ref(), &schema, &wanted)?;
    let key = plan.external_id.as_deref();
    let mut checks = validate::prepare(&mapping.sent, &schema, plan.operation, key)?;
    if plan.conversions.as_ref().is_some_and(|given| given.allows(Switch::ShortYears)) {
        checks = checks.with_early_years();
    }
    // What an Auth0 job needs to know of its users it keeps by itself.
    let by_record = target.kind() != "auth0";
    let before = by_record.then(|| Before::of(plan, &schema.object, &mapping.sent));
    Ok((mapping, checks, before.unwrap_or_default()))
}

pub(super) fn tell_start(
    watch: &dyn Watch,
    plan: &LoadPlan,
    run: &str,
    folder: &RunFolder,
    org: &OrgFacts,
    alias: &str,
) {
    watch.see(&Event::Started {
        run: run.to_owned(),
        run_dir: folder.root().to_owned(),
        operation: plan.operation,
        object: plan.object.clone(),
        org: org.clone(),
        alias: alias.to_owned(),
        input: manifest::input_name(&plan.input.source),
    });
}

fn tell_mapping(watch: &dyn Watch, mapping: &Mapping) {
    let sent =
        mapping.sent.iter().map(|field| (field.from.clone(), field.header.clone())).collect();
    watch.see(&Event::Mapped { sent, not_sent: mapping.not_sent.clone() });
    for message in &mapping.notices {
        watch.see(&Event::Notice { message: message.clone() });
    }
}

/// Tells what reading found out about the input.
pub(super) fn notices(watch: &dyn Watch, reader: &SlabReader) {
    let notices = reader.notices().iter();
    notices.for_each(|notice| watch.see(&Event::Notice { message: notice.clone() }));
}

/// The digest of the input; a large file is read through for it, off the loop.
pub(super) async fn digest(plan: &LoadPlan) -> Result<Option<Digest>, Failure> {
    let source = plan.input.source.clone();
    let hashed = spawn_blocking(move || read::digest(&source)).await;
    Ok(hashed.map_err(|_| broken("read"))??)
}

pub(super) fn broken(stage: &str) -> Failure {
    Failure::new(Blame::Run, format!("the {stage} stage broke down; this is a fault of longshore"))
}
