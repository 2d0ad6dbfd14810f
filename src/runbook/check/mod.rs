//! What is checked before anything is sent: files, orgs, policy, and each step as far as it can be
//! known.
//!
//! What is wrong with steps is collected, so that nobody corrects a runbook one step at a time.

mod files;
mod policy;
mod steps;

use std::collections::BTreeMap;

pub(super) use policy::{Left, in_window, within_budget};
pub use steps::StepPlan;

use super::ask::{Frozen, FrozenOrg, Orgs, Request};
use super::order;
use crate::config::runbook::{Runbook, Step, StepKind};
use crate::ledger::{Confirmed, Manifest, StartedLoad};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::OrgFacts;
use crate::pipeline::again;
use crate::pipeline::assent::Assent;
use crate::pipeline::event::{Event, Watch};
use crate::pipeline::guards::{self, is_production, is_same_id};
use crate::pipeline::run::Tools;
use crate::target::Target;

/// Version of what the manifest holds; that of loads.
const FORMAT: u32 = 2;

/// A runbook that was worked out, with nothing sent.
#[derive(Debug)]
pub struct Checked {
    pub frozen: Frozen,
    /// By the words that steps call the orgs.
    pub facts: BTreeMap<String, OrgFacts>,
    /// The file as it is.
    pub text: Vec<u8>,
    /// The steps that are carried out, in their order.
    pub plans: Vec<StepPlan>,
    /// What would be refused, a failure for each thing.
    pub faults: Vec<Failure>,
    /// Rows that are taken away, by the aliases of orgs; `None` where they cannot be known yet.
    removed: BTreeMap<String, Option<u64>>,
}

/// Works a runbook out. `Err` means that not even its steps can be told.
pub async fn check<T: Target>(
    request: &Request,
    orgs: &Orgs<T>,
    tools: &Tools,
) -> Result<Checked, Failure> {
    let runbook = &request.runbook;
    let selected = order::select(&runbook.steps, &request.part)?;
    let selected: Vec<&Step> = selected.into_iter().map(|place| &runbook.steps[place]).collect();
    approvals(runbook, &request.approve)?;
    checkpoints_only(runbook, &request.approve)?;
    let (frozen_orgs, facts) = self::orgs(request, orgs, &selected).await?;
    let text = files::same_text(runbook)?;
    let mut faults = Vec::new();
    let (inputs, missing) = files::freeze(runbook, &selected);
    faults.extend(missing);
    let ids = selected.iter().map(|step| step.id.clone()).collect();
    let frozen = Frozen {
        runbook: runbook.clone(),
        target: request.target.clone(),
        steps: ids,
        orgs: frozen_orgs,
        inputs,
        passing_org: request.passing_org,
        max_failed: tools.guards.max_failed,
    };
    let mut checked =
        Checked { frozen, facts, text, plans: Vec::new(), faults, removed: BTreeMap::new() };
    if checked.faults.is_empty() {
        steps::check(&mut checked, request, orgs, tools).await?;
    }
    policy::hold(&mut checked, orgs, tools);
    Ok(checked)
}

/// Each org of the target that a step works in: it must be the one that the file says.
async fn orgs<T: Target>(
    request: &Request,
    orgs: &Orgs<T>,
    selected: &[&Step],
) -> Result<(BTreeMap<String, FrozenOrg>, BTreeMap<String, OrgFacts>), Failure> {
    let target = request.target()?;
    let (mut frozen, mut all) = (BTreeMap::new(), BTreeMap::new());
    for (word, spec) in &target.orgs {
        if !selected.iter().any(|step| step.org == *word) {
            continue;
        }
        let alias = &spec.alias;
        let Some(org) = orgs.get(alias) else {
            let message = format!("nobody is signed in to `{alias}`");
            return Err(Failure::new(Blame::Run, message));
        };
        let facts = org.facts().await?;
        if let Some(wanted) = &spec.org_id
            && !is_same_id(wanted, &facts.id)
        {
            let message = format!(
                "{}:{}: `{word}` of the target `{}` must be the org `{wanted}`, and `{alias}` is \
                 `{}`",
                request.runbook.file, target.place, target.name, facts.id
            );
            return Err(Failure::new(Blame::Guard, message)
                .hint("sign in to the org that is meant, or correct `org_id`"));
        }
        let known = FrozenOrg {
            alias: alias.clone(),
            kind: org.kind().to_owned(),
            id: facts.id.clone(),
            name: facts.name.clone(),
            origin: facts.origin.clone(),
            user_id: facts.user_id.clone(),
            username: facts.username.clone(),
            confirmed: false,
        };
        frozen.insert(word.clone(), known);
        all.insert(word.clone(), facts);
    }
    Ok((frozen, all))
}

/// Whoever approves a step must name one.
pub(super) fn approvals(runbook: &Runbook, approve: &[String]) -> Result<(), Failure> {
    let unknown = approve.iter().find(|id| runbook.steps.iter().all(|step| step.id != **id));
    match unknown {
        Some(id) => Err(order::unknown_step("--approve", id, &runbook.steps)),
        None => Ok(()),
    }
}

/// Errors cannot be approved before there are any.
fn checkpoints_only(runbook: &Runbook, approve: &[String]) -> Result<(), Failure> {
    let is_other =
        |step: &&Step| approve.contains(&step.id) && !matches!(step.kind, StepKind::Checkpoint(_));
    let Some(step) = runbook.steps.iter().find(is_other) else { return Ok(()) };
    let message = format!("`--approve {}`: the step is no checkpoint", step.id);
    Err(Failure::new(Blame::Request, message)
        .hint("what went wrong in another step can be approved with `resume`, once it is known"))
}

impl Checked {
    /// Tells the steps in their order.
    pub fn show(&self, watch: &dyn Watch) {
        let notice = |message: String| watch.see(&Event::Notice { message });
        let runbook = &self.frozen.runbook;
        let mut told: Vec<&str> = Vec::new();
        for (word, org) in &self.frozen.orgs {
            if told.contains(&org.alias.as_str()) {
                continue;
            }
            told.push(&org.alias);
            let kind = self.facts.get(word).and_then(|facts| facts.sandbox);
            let kind = match kind {
                Some(true) => ", sandbox",
                Some(false) => ", production",
                None => "",
            };
            notice(format!(
                "`{word}` of the target `{}` is `{}` ({}{kind}) as `{}`",
                self.frozen.target, org.alias, org.name, org.username
            ));
        }
        let all = runbook.steps.len();
        notice(format!(
            "{} of {all} steps of `{}`, in this order:",
            self.plans.len(),
            runbook.name
        ));
        for (number, plan) in self.plans.iter().enumerate() {
            notice(format!("{}. {}", number + 1, plan.line()));
        }
    }

    /// Refuses what would be refused on the way.
    pub fn hold(&mut self) -> Result<(), Failure> {
        let mut faults = std::mem::take(&mut self.faults);
        if faults.len() <= 1 {
            return faults.pop().map_or(Ok(()), Err);
        }
        let blame = faults.first().map_or(Blame::Request, |fault| fault.blame);
        let message = format!("{} things are wrong with the runbook", faults.len());
        let mut failure = Failure::new(blame, message);
        for fault in faults {
            failure.causes.push(fault.message);
            failure.causes.extend(fault.causes);
            for hint in fault.hints {
                if !failure.hints.contains(&hint) {
                    failure.hints.push(hint);
                }
            }
        }
        Err(failure)
    }

    /// Has a person confirm what is done to production orgs: each once, for all steps.
    pub fn confirm(&mut self, assent: &dyn Assent) -> Result<(), Failure> {
        let mut orgs: BTreeMap<&str, &OrgFacts> = BTreeMap::new();
        for (word, org) in &self.frozen.orgs {
            if let Some(facts) = self.facts.get(word).filter(|facts| is_production(facts)) {
                orgs.insert(&org.alias, facts);
            }
        }
        if orgs.is_empty() {
            return Ok(());
        }
        let runbook = &self.frozen.runbook;
        let mut rows = 0;
        for alias in orgs.keys() {
            match self.removed.get(*alias) {
                Some(Some(known)) => rows += known,
                Some(None) => {
                    let most = runbook.policy.max_rows_deleted;
                    rows += most.ok_or_else(|| uncounted(alias))?;
                }
                None => {}
            }
        }
        let named: Vec<&OrgFacts> = orgs.values().copied().collect();
        let rows = (rows > 0).then_some(rows);
        let what = format!("the runbook `{}`", runbook.name);
        guards::confirm_whole(&what, &named, rows, assent)?;
        let aliases: Vec<String> = orgs.keys().map(|alias| (*alias).to_owned()).collect();
        for org in self.frozen.orgs.values_mut() {
            org.confirmed |= aliases.contains(&org.alias);
        }
        Ok(())
    }
}

fn uncounted(alias: &str) -> Failure {
    let message = format!(
        "how many rows are taken away from the production org `{alias}` cannot be known beforehand"
    );
    Failure::new(Blame::Guard, message)
        .hint("give `max_rows_deleted` in `[policy]` of the runbook: that many are confirmed")
}

/// Notes the start of a run; asks first when the same steps with the same files were started in the
/// same orgs before.
pub(super) fn again(
    request: &Request,
    frozen: &Frozen,
    (run, started): (&str, &str),
    tools: &Tools,
) -> Result<(), Failure> {
    let Some(folder) = &request.state_dir else { return Ok(()) };
    let orgs: Vec<&str> = frozen.orgs.values().map(|org| org.id.as_str()).collect();
    let files: Vec<String> = frozen.inputs.iter().map(|file| file.digest.to_string()).collect();
    let runbook = &frozen.runbook;
    let key = serde_json::json!([
        orgs,
        runbook.digest.to_string(),
        runbook.parameters,
        frozen.steps,
        files
    ]);
    let run_dir = request.runs_dir.join(run);
    let load = StartedLoad {
        key: Digest::of(key.to_string().as_bytes()),
        run: run.to_owned(),
        run_dir: std::path::absolute(&run_dir).unwrap_or(run_dir),
        started: started.to_owned(),
    };
    let what = format!("this very runbook was started before: `{}`", runbook.name);
    again::note(folder, &load, &what, &*tools.assent, &*tools.watch)
}

/// The manifest of a run.
pub(super) fn manifest(frozen: &Frozen, run: &str, started: &str) -> Result<Manifest, Failure> {
    let first = frozen.selected().first().and_then(|step| frozen.orgs.get(&step.org));
    let first = first.ok_or_else(|| Failure::new(Blame::Run, "the runbook works in no org"))?;
    let confirmed = first.confirmed.then(|| Confirmed { org: first.id.clone(), rows: None });
    let plan = serde_json::to_value(frozen).map_err(|error| {
        Failure::new(Blame::Run, format!("the runbook cannot be kept: {error}"))
    })?;
    Ok(Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.to_owned(),
        started: started.to_owned(),
        operation: super::OPERATION.to_owned(),
        object: frozen.runbook.name.clone(),
        external_id: None,
        alias: first.alias.clone(),
        org_kind: first.kind.clone(),
        org_id: first.id.clone(),
        org_origin: first.origin.clone(),
        user_id: first.user_id.clone(),
        username: first.username.clone(),
        input: frozen.runbook.file.clone(),
        skip: 0,
        limit: None,
        chunk_rows: 0,
        chunk_bytes: 0,
        sent: Vec::new(),
        fields: Vec::new(),
        columns: Vec::new(),
        input_digest: Some(frozen.runbook.digest),
        mapping: None,
        lookups: Vec::new(),
        images: Vec::new(),
        retry_of: None,
        undo_of: None,
        confirmed,
        applied: None,
        duplicates: None,
        unchanged: None,
        plan: Some(plan),
    })
}
