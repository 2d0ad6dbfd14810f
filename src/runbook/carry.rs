//! Carries a runbook out: check, show, freeze, then step by step, side by side where that goes.
//!
//! The manifest of the run is the seam. Before it is written nothing is sent and nothing remains;
//! from then on the steps are what they are, and every later process goes on with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::ask::{Frozen, Orgs, Request};
use super::check::{self, Checked, Left};
use super::ending;
use super::order::{self, Board, Standing};
use super::places::Places;
use super::step::{self, Ended};
use super::watch::Teller;
use crate::config::runbook::Step;
use crate::ledger::{
    Fact, Ledger, Manifest, RunFolder, RunState, StepOutcome, StepState, write_whole,
};
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::limits::{JOBS_PARALLEL_DEFAULT, STEPS_PARALLEL};
use crate::model::schema::OrgFacts;
use crate::perms;
use crate::pipeline::assent::Assent;
use crate::pipeline::budget::Budget;
use crate::pipeline::event::{Event, Summary};
use crate::pipeline::parent::{Confirmed, Unborn, begin, no_ledger};
use crate::pipeline::resume::same_org;
use crate::pipeline::run::Tools;
use crate::pipeline::submit::gate::Gate;
use crate::pipeline::undo;
use crate::target::Target;

/// The copy of the runbook in the folder of its run.
const COPY: &str = "runbook.toml";

/// Checks a runbook against files and orgs, shows its steps in their order, and carries them out.
///
/// `Err` means that it was refused and nothing was sent.
pub async fn carry_out<T: Target>(
    request: Request,
    orgs: Orgs<T>,
    tools: Tools,
) -> Result<Summary, Failure> {
    let began = Instant::now();
    let mut checked = check::check(&request, &orgs, &tools).await?;
    checked.show(&*tools.watch);
    checked.hold()?;
    checked.confirm(&*tools.assent)?;
    let run = RunId::new(tools.seed.started, tools.seed.random);
    let name = request.run_name.clone().unwrap_or_else(|| run.to_string());
    let started = tools.seed.started.to_string();
    let folder = RunFolder::make(&request.runs_dir, &name, &started)?;
    let unborn = Unborn::of(&folder);
    check::again(&request, &checked.frozen, (&name, &started), &tools)?;
    let Checked { frozen, facts, text, .. } = checked;
    let copy = folder.root().join(COPY);
    write_whole(&copy, &text).map_err(|error| Failure::disk("write", &copy, &error))?;
    let manifest = check::manifest(&frozen, &name, &started)?;
    let ledger = begin(&folder, &manifest)?;
    unborn.is_born();
    let message = format!("run {name} in {}", folder.root().display());
    tools.watch.see(&Event::Notice { message });
    let opened = Opened { folder, ledger, state: RunState::default(), name };
    let run = Run::of(opened, frozen, (orgs, facts), tools, (request.approve, request.by));
    run.go_on(began).await
}

/// Goes on with the run in `root`: steps that have succeeded stay as they are, and each other one
/// is gone on with where it stands, or begun.
///
/// `Err` means that the run cannot be gone on with and is as it was.
pub async fn resume<T: Target>(
    root: &Path,
    orgs: Orgs<T>,
    tools: Tools,
    (approve, by): (Vec<String>, String),
) -> Result<Summary, Failure> {
    let began = Instant::now();
    let now = tools.seed.started.to_string();
    let folder = RunFolder::open(root, &now)?;
    let manifest = Manifest::read(root)?;
    let frozen = Frozen::of(&manifest)?;
    let reopened = Ledger::reopen(&folder.ledger(), &manifest.run)?;
    if reopened.state.closed.is_some() {
        let run = &manifest.run;
        return Err(Failure::new(Blame::Request, format!("the run `{run}` is finished"))
            .hint(format!("`longshore verify {run}` checks its accounting")));
    }
    check::approvals(&frozen.runbook, &approve)?;
    stands(root, &manifest)?;
    let mut facts = BTreeMap::new();
    for (word, org) in &frozen.orgs {
        let target = orgs.get(&org.alias).ok_or_else(|| not_signed_in(&org.alias))?;
        let now = target.facts().await?;
        same_org(&as_manifest(&manifest, org), &now)?;
        facts.insert(word.clone(), now);
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let resumed = reopened.ledger.record(&Fact::Resumed { when: now, version });
    resumed.map_err(|error| no_ledger(&error))?;
    let (ledger, state) = (reopened.ledger, reopened.state);
    let opened = Opened { folder, ledger, state, name: manifest.run };
    let run = Run::of(opened, frozen, (orgs, facts), tools, (approve, by));
    run.go_on(began).await
}

/// A run of which a step was taken back is not gone on with: later steps would miss what it did.
fn stands(root: &Path, manifest: &Manifest) -> Result<(), Failure> {
    for step in super::begun(root, manifest)? {
        for run in &step.runs {
            if was_taken_back(run)? {
                let message = format!("step `{}` was taken back, so this run is over", step.id);
                let whole = format!("`longshore undo {}` takes back what is left", manifest.run);
                return Err(Failure::new(Blame::Request, message)
                    .hint(whole)
                    .hint("`longshore run` begins the runbook anew"));
            }
        }
    }
    Ok(())
}

fn was_taken_back(run: &Path) -> Result<bool, Failure> {
    let manifest = Manifest::read(run)?;
    if !perms::is_run(&manifest) {
        return undo::was_begun(run);
    }
    let mut loads = perms::begun(run, &manifest)?.into_iter();
    loads.try_fold(false, |was, (load, _)| {
        Ok(was || undo::was_begun(&run.join("steps").join(load))?)
    })
}

fn not_signed_in(alias: &str) -> Failure {
    Failure::new(
        Blame::Run,
        format!("nobody is signed in to `{alias}`; this is a fault of longshore"),
    )
}

/// The manifest as that of a run in this one of its orgs.
fn as_manifest(manifest: &Manifest, org: &super::ask::FrozenOrg) -> Manifest {
    Manifest {
        org_id: org.id.clone(),
        org_origin: org.origin.clone(),
        user_id: org.user_id.clone(),
        username: org.username.clone(),
        ..manifest.clone()
    }
}

/// A run folder that is held, and what its ledger says.
struct Opened {
    folder: RunFolder,
    ledger: Ledger,
    state: RunState,
    name: String,
}

/// One org of a run.
pub(super) struct At<T> {
    pub alias: String,
    pub target: Arc<T>,
    pub facts: OrgFacts,
    /// What is done to it was confirmed, or needs no confirming.
    pub confirmed: bool,
    /// Jobs at once of all steps together.
    pub jobs: Arc<Gate>,
    /// What all steps together may use of the org's day.
    pub budget: Arc<Budget>,
    /// Its calls before the steps.
    pub before: Left,
}

/// A run whose steps are known.
pub(super) struct Run<T> {
    pub folder: RunFolder,
    pub ledger: Ledger,
    /// As an earlier process left it.
    pub state: RunState,
    pub frozen: Frozen,
    pub name: String,
    pub places: Places,
    /// By the words that steps call them.
    pub orgs: BTreeMap<String, At<T>>,
    pub tools: Tools,
    pub began: Instant,
    /// Steps that are approved with this command, and by whom.
    pub approve: BTreeSet<String>,
    pub by: String,
    /// Approvals and ends that this process has written.
    pub done: Mutex<BTreeMap<String, Ended>>,
}

impl<T: Target> Run<T> {
    fn of(
        opened: Opened,
        frozen: Frozen,
        (targets, mut facts): (Orgs<T>, BTreeMap<String, OrgFacts>),
        tools: Tools,
        (approve, by): (Vec<String>, String),
    ) -> Self {
        let parallel = jobs_at_once(&frozen);
        let policy = frozen.runbook.policy.api_budget;
        let asked = tools.budget.asked().or(policy);
        let mut shared: BTreeMap<&str, (Arc<Gate>, Arc<Budget>)> = BTreeMap::new();
        let mut orgs = BTreeMap::new();
        for (word, org) in &frozen.orgs {
            let (Some(target), Some(facts)) = (targets.get(&org.alias), facts.remove(word)) else {
                continue;
            };
            let (jobs, budget) = shared
                .entry(&org.alias)
                .or_insert_with(|| (Gate::new(parallel), Budget::new(asked, tools.seed.started)));
            let at = At {
                alias: org.alias.clone(),
                facts,
                confirmed: org.confirmed,
                jobs: Arc::clone(jobs),
                budget: Arc::clone(budget),
                before: Left::of(target.usage()),
                target: Arc::clone(target),
            };
            orgs.insert(word.clone(), at);
        }
        let Opened { folder, ledger, state, name } = opened;
        Self {
            places: Places::of(folder.root(), &frozen.runbook),
            folder,
            ledger,
            state,
            frozen,
            name,
            orgs,
            tools,
            began: Instant::now(),
            approve: approve.into_iter().collect(),
            by,
            done: Mutex::default(),
        }
    }

    /// Carries the steps out that have not succeeded yet, and accounts for all of them.
    async fn go_on(self, began: Instant) -> Result<Summary, Failure> {
        let broken = self.steps().await.err();
        ending::conclude(&self, broken, began)
    }

    /// As many steps side by side as may be; `Err` when the ledger cannot be written.
    async fn steps(&self) -> Result<(), Failure> {
        let selected = self.frozen.selected();
        let mut board = Board::of(&selected, |step| {
            self.state.steps.get(&step.id).is_some_and(StepState::is_good)
        });
        let mut running: FuturesUnordered<LocalBoxFuture<'_, (usize, Ended)>> =
            FuturesUnordered::new();
        let mut broken = None;
        loop {
            while running.len() < STEPS_PARALLEL
                && broken.is_none()
                && !self.tools.stop.is_asked()
                && let Some(place) = board.next()
            {
                let step = selected[place];
                if let Err(failure) = self.begin(step) {
                    broken = Some(failure);
                    break;
                }
                board.set(place, Standing::Running);
                running.push(Box::pin(async move { (place, step::carry(self, step).await) }));
            }
            let Some((place, ended)) = running.next().await else { break };
            let good = ended.outcome.is_good();
            board.set(place, if good { Standing::Good } else { Standing::Bad });
            if let Err(failure) = self.end(selected[place], ended) {
                broken.get_or_insert(failure);
            }
        }
        broken.map_or(Ok(()), Err)
    }

    /// Notes that a step begins, and tells so.
    fn begin(&self, step: &Step) -> Result<(), Failure> {
        let again = self.state.steps.contains_key(&step.id);
        let word = if again { "is gone on with" } else { "begins" };
        self.tell(&format!("step `{}` {word}", step.id));
        self.record(&Fact::StepBegan { step: step.id.clone(), when: self.now() })
    }

    /// Notes how a step has ended, and tells so.
    fn end(&self, step: &Step, ended: Ended) -> Result<(), Failure> {
        let message = ended.message();
        let word = match ended.outcome {
            StepOutcome::Succeeded => "succeeded",
            StepOutcome::Partial => "ended, some of it did not succeed",
            StepOutcome::Failed => "failed",
            StepOutcome::Interrupted => "was interrupted",
            StepOutcome::Waiting => "waits for an approval",
        };
        let why = message.as_ref().filter(|_| !ended.outcome.is_good());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        self.tell(&format!("step `{}` {word}{why}", step.id));
        let fact = Fact::StepEnded {
            step: step.id.clone(),
            outcome: ended.outcome,
            when: self.now(),
            message,
            files: ended.files.clone(),
        };
        self.record(&fact)?;
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(step.id.clone(), ended);
        Ok(())
    }

    pub(super) fn record(&self, fact: &Fact) -> Result<(), Failure> {
        self.ledger.record(fact).map_err(|error| no_ledger(&error))
    }

    pub(super) fn tell(&self, message: &str) {
        self.tools.watch.see(&Event::Notice { message: message.to_owned() });
    }

    /// The time, by the clock that the run was given.
    pub(super) fn now(&self) -> String {
        self.timestamp().to_string()
    }

    pub(super) fn timestamp(&self) -> jiff::Timestamp {
        let since = jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        let started = self.tools.seed.started;
        started.checked_add(since).unwrap_or(started)
    }

    /// The org that a step works in.
    pub(super) fn org(&self, step: &Step) -> Result<&At<T>, Failure> {
        self.orgs.get(&step.org).ok_or_else(|| not_signed_in(&step.org))
    }

    /// What the runs of a step have of the world.
    pub(super) fn tools_of(&self, step: &Step, at: &At<T>) -> Tools {
        let base = &self.tools;
        let mut tools = base.clone();
        tools.watch = Arc::new(Teller::of(&step.id, Arc::clone(&base.watch)));
        if at.confirmed {
            tools.assent = Arc::new(Confirmed(Arc::clone(&base.assent))) as Arc<dyn Assent>;
        }
        tools.seed.started = self.timestamp();
        tools.guards.max_failed = base.guards.max_failed.or(self.frozen.max_failed(step));
        tools.jobs = Some(Arc::clone(&at.jobs));
        tools.budget = Arc::clone(&at.budget);
        tools
    }
}

/// Jobs that all steps together may have in one org: as many as the step that asks for most.
fn jobs_at_once(frozen: &Frozen) -> usize {
    use crate::config::runbook::StepKind;
    let of = |step: &&Step| match &step.kind {
        StepKind::Load(load) => load.parallel,
        _ => None,
    };
    let most = frozen.selected().iter().filter_map(of).max();
    most.unwrap_or(JOBS_PARALLEL_DEFAULT)
}

/// The first step that a step waits for in vain, because it failed.
pub(super) fn held_up<'a>(frozen: &'a Frozen, step: &Step, state: &RunState) -> Option<&'a Step> {
    let failed = |step: &Step| {
        let ended = state.steps.get(&step.id).and_then(|state| state.ended.as_ref());
        ended.is_some_and(|ended| ended.outcome == StepOutcome::Failed)
    };
    order::held_up_by(step, &frozen.runbook.steps, &|step| {
        frozen.is_selected(&step.id) && failed(step)
    })
}
