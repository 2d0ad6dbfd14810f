//! Carries a change of permissions out: read, look up, decide, freeze, send, account.
//!
//! The manifest of the run is the seam. Before it is written nothing is sent and nothing remains;
//! from then on the decisions stand, and every later process only carries them out.

use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use super::ask::{Action, Frozen, Request};
use super::decided::{Decided, decide};
use super::ending::{self, Names};
use super::merge::planned;
use super::preview::{Preview, count};
use super::steps::{self, Step, StepEnd};
use super::tenant;
use crate::ledger::{Confirmed, Fact, Ledger, Manifest, RunFolder};
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::schema::OrgFacts;
use crate::pipeline::event::{Event, Summary};
use crate::pipeline::guards::{self, Deed};
use crate::pipeline::parent::{Unborn, begin, failure_of, no_ledger};
use crate::pipeline::resume::same_org;
use crate::pipeline::run::Tools;
use crate::pipeline::threads::joined;
use crate::target::Target;

/// Version of what the manifest holds; that of loads.
const FORMAT: u32 = 2;

/// What a command came to.
pub enum Ended {
    /// It was carried out, as far as the summary says.
    Carried(Box<Summary>),
    /// It was only asked what would happen.
    Previewed(Box<Preview>),
}

/// Decides what a request means in the org, says it in a line, and carries it out.
///
/// `Err` means that it was refused and nothing was sent.
pub async fn carry_out<T: Target>(
    request: Request,
    target: Arc<T>,
    alias: String,
    tools: Tools,
) -> Result<Ended, Failure> {
    let began = Instant::now();
    let org = target.facts().await?;
    let run = RunId::new(tools.seed.started, tools.seed.random);
    let name = request.run_name.clone().unwrap_or_else(|| run.to_string());
    let started = tools.seed.started.to_string();
    let folder = RunFolder::make(&request.runs_dir, &name, &started)?;
    let unborn = Unborn::of(&folder);

    let input = request.input_name();
    let (operation, user) = (request.action.operation(), &org.username);
    let sandbox = match org.sandbox {
        Some(true) => ", sandbox",
        Some(false) => ", production",
        None => "",
    };
    let message =
        format!("{operation} with {input} in `{alias}` ({}{sandbox}) as `{user}`", org.name);
    tools.watch.see(&Event::Notice { message });
    let decided = if target.kind() == "auth0" {
        tenant::decide(&request, &*target, folder.root(), &*tools.watch).await?
    } else {
        decide(&request, &*target, folder.root(), tools.seed.started).await?
    };
    for notice in &decided.notices {
        tools.watch.see(&Event::Notice { message: notice.clone() });
    }
    let line = decided.preview.line(request.action);
    tools.watch.see(&Event::Notice { message: line.clone() });
    if let Some(path) = &request.review {
        planned(folder.root(), decided.decisions.digest, path)?;
    }
    if request.dry_run {
        return Ok(Ended::Previewed(Box::new(decided.preview)));
    }
    if request.takes_unnamed() && decided.preview.revoke > 0 {
        tools.assent.to(removes(request.action, &decided.preview, &line))?;
    }
    if decided.preview.changes() == 0 {
        let message = "nothing is to be changed, and nothing is sent".to_owned();
        tools.watch.see(&Event::Notice { message });
    }
    let confirmed = confirm(&decided.preview, &org, &*target, &tools).await?;
    let names = Names { run: name, alias, org };
    let mut manifest = manifest(&request, &decided, &names, target.kind(), &started);
    manifest.confirmed = confirmed;
    let ledger = begin(&folder, &manifest)?;
    unborn.is_born();
    let message = format!("run {} in {}", names.run, folder.root().display());
    tools.watch.see(&Event::Notice { message });
    let input = input_read(&decided);
    ledger.record(&input).map_err(|error| no_ledger(&error))?;

    let frozen = frozen(&request, &decided);
    let confirmed = manifest.confirmed.is_some();
    let run = Run { folder, ledger, frozen, names, confirmed, target, tools };
    run.go_on(began).await.map(|summary| Ended::Carried(Box::new(summary)))
}

/// Goes on with the run in `root`; nothing is decided anew, and no step is begun twice.
///
/// `Err` means that the run cannot be gone on with and is as it was.
pub async fn resume<T: Target>(
    root: &Path,
    target: Arc<T>,
    tools: Tools,
) -> Result<Summary, Failure> {
    let began = Instant::now();
    let now = tools.seed.started.to_string();
    let folder = RunFolder::open(root, &now)?;
    let manifest = Manifest::read(root)?;
    let frozen = super::frozen(&manifest)?;
    let reopened = Ledger::reopen(&folder.ledger(), &manifest.run)?;
    if reopened.state.closed.is_some() {
        let run = &manifest.run;
        return Err(Failure::new(Blame::Request, format!("the run `{run}` is finished"))
            .hint("the same command once more changes only what is not so yet")
            .hint(format!("`longshore verify {run}` checks its accounting")));
    }
    let org = target.facts().await?;
    same_org(&manifest, &org)?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let resumed = reopened.ledger.record(&Fact::Resumed { when: now, version });
    resumed.map_err(|error| no_ledger(&error))?;
    let confirmed = manifest.confirmed.is_some();
    let names = Names { run: manifest.run, alias: manifest.alias, org };
    let run = Run { folder, ledger: reopened.ledger, frozen, names, confirmed, target, tools };
    run.go_on(began).await
}

/// A run whose decisions stand.
pub(super) struct Run<T> {
    pub folder: RunFolder,
    pub ledger: Ledger,
    pub frozen: Frozen,
    pub names: Names,
    /// Somebody has confirmed what the run does to a production org.
    pub confirmed: bool,
    pub target: Arc<T>,
    pub tools: Tools,
}

impl<T: Target> Run<T> {
    /// Carries the steps out that have not come to their end, and accounts for all rows.
    async fn go_on(self, began: Instant) -> Result<Summary, Failure> {
        let steps = super::steps_of(self.target.kind());
        let mut failure = None;
        let mut is_over = true;
        for step in steps {
            if !self.has_rows(step).await? {
                continue;
            }
            if self.tools.stop.is_asked() {
                failure = Some(Failure::new(Blame::Interrupted, "interrupted"));
                is_over = false;
                break;
            }
            let ended = steps::carry(step, &self).await?;
            (failure, is_over) = match ended {
                StepEnd::Closed(summary) => (summary.as_deref().and_then(failure_of), true),
                StepEnd::Paused(summary) => (failure_of(&summary), false),
                StepEnd::Refused(refusal) => (Some(refusal), false),
            };
            if failure.is_some() || !is_over {
                break;
            }
        }
        if failure.is_some() && is_over {
            // A step that ended with a fault of its own may not be the last one.
            is_over = self.all_closed(steps).await?;
        }
        ending::conclude(&self, steps, failure, is_over, began).await
    }

    async fn has_rows(&self, step: &'static Step) -> Result<bool, Failure> {
        let (root, digest) = (self.folder.root().to_owned(), self.frozen.decisions);
        on_thread(move || step.has_rows(&root, digest)).await
    }

    async fn all_closed(&self, steps: &'static [Step]) -> Result<bool, Failure> {
        for step in steps {
            let root = self.folder.root();
            if self.has_rows(step).await? && !(step.is_begun(root) && step.is_closed(root)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Work on files, off the loop.
pub(super) async fn on_thread<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Failure> + Send + 'static,
) -> Result<R, Failure> {
    let done = joined(work).await;
    done.unwrap_or_else(|_| {
        let message = "a thread of `perms` broke down; this is a fault of longshore";
        Err(Failure::new(Blame::Run, message))
    })
}

fn frozen(request: &Request, decided: &Decided) -> Frozen {
    Frozen {
        request: request.clone(),
        decisions: decided.decisions.digest,
        rows: decided.decisions.rows,
        passing_org: request.passing_org,
    }
}

fn manifest(
    request: &Request,
    decided: &Decided,
    names: &Names,
    org_kind: &str,
    started: &str,
) -> Manifest {
    let Names { run, alias, org } = names;
    Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.clone(),
        started: started.to_owned(),
        operation: request.action.operation().to_owned(),
        object: super::object_of(org_kind).to_owned(),
        external_id: None,
        alias: alias.clone(),
        org_kind: org_kind.to_owned(),
        org_id: org.id.clone(),
        org_origin: org.origin.clone(),
        user_id: org.user_id.clone(),
        username: org.username.clone(),
        input: request.input_name(),
        skip: 0,
        limit: None,
        chunk_rows: 0,
        chunk_bytes: 0,
        sent: Vec::new(),
        fields: Vec::new(),
        columns: decided.header.clone(),
        input_digest: Some(decided.source.1),
        mapping: None,
        lookups: Vec::new(),
        images: Vec::new(),
        retry_of: None,
        undo_of: None,
        confirmed: None,
        applied: None,
        duplicates: None,
        unchanged: None,
        plan: serde_json::to_value(frozen(request, decided)).ok(),
    }
}

fn input_read(decided: &Decided) -> Fact {
    let rejected = decided.preview.rejected();
    let rows = decided.decisions.rows;
    let (bytes, digest) = decided.source;
    Fact::InputRead {
        first_row: 1,
        rows,
        accepted: rows.saturating_sub(rejected),
        rejected,
        bytes,
        digest,
        whole: true,
        unchanged: None,
    }
}

/// Holds all steps against the policy before the first of them, and has them confirmed at once.
async fn confirm<T: Target>(
    preview: &Preview,
    org: &OrgFacts,
    target: &T,
    tools: &Tools,
) -> Result<Option<Confirmed>, Failure> {
    let steps = super::steps_of(target.kind()).iter();
    let deeds: Vec<Deed<'_>> = steps
        .map(|step| (step, (step.rows)(preview)))
        .filter(|(_, rows)| *rows > 0)
        .map(|(step, rows)| Deed {
            operation: step.operation,
            object: step.object,
            org,
            rows: Some(rows),
        })
        .collect();
    guards::check_all(&deeds, target, tools).await
}

/// A change that takes away what no row names is agreed to first.
pub(super) fn removes(action: Action, preview: &Preview, line: &str) -> Failure {
    let (grant, is) = if preview.revoke == 1 { ("grant", "is") } else { ("grants", "are") };
    let number = count(preview.revoke);
    let message = match action {
        Action::Revoke => {
            format!("this takes away everything that the users hold, {number} {grant}: {line}")
        }
        Action::Grant | Action::Sync => {
            format!("this sync takes away {number} {grant} that {is} not listed: {line}")
        }
    };
    Failure::new(Blame::Guard, message)
        .hint("`--dry-run` and `--review FILE` show each of them")
        .hint("`--yes` takes them away")
}
