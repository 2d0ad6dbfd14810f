//! Resume: goes on with a run that another process has left, by nothing but what lies in its
//! folder.
//!
//! The order of the checks: lock, ledger, org and user, jobs that are out of their order, mapping,
//! input. The first four refuse the whole; a changed mapping or input refuses only what was not in
//! a job yet.

use std::path::Path;
use std::sync::Arc;

use super::budget::Work;
use super::duplicates::Repeats;
use super::earlier::Earlier;
use super::event::{Event, Summary};
use super::images::ImagePlan;
use super::read::{self, ReadError, SlabReader};
use super::run::{
    Incoming, Opened, Parts, Tools, brake, compile, digest, notices, shelf, tell_start,
};
use super::settle::{Found, KeptColumns, RejectedFile};
use super::stop::Halt;
use super::unchanged::Unchanged;
use super::{copies, ending, guards, lookup, manifest, strays};
use crate::config::plan::{LoadPlan, Source};
use crate::ledger::{Fact, Ledger, Manifest, Reopened, RunFolder, Torn};
use crate::model::failure::{Blame, Failure};
use crate::model::schema::OrgFacts;
use crate::model::verdict::Counts;
use crate::target::Target;

/// Goes on with the run in `root`, from where the process before this one left it.
///
/// `Err` means that the run cannot be gone on with and is as it was; `Ok` is as for a load.
pub async fn resume<T: Target>(
    root: &Path,
    target: Arc<T>,
    tools: Tools,
) -> Result<Summary, Failure> {
    let began = tokio::time::Instant::now();
    let now = tools.seed.started.to_string();
    let folder = RunFolder::open(root, &now)?;
    let manifest = Manifest::read(root)?;
    let plan = manifest::plan(&manifest, root.parent().unwrap_or(root))?;
    let Reopened { ledger, state, torn } = reopen(&folder, &manifest.run)?;
    if let Some(closed) = state.closed {
        return Err(finished(&manifest, closed.counts));
    }
    if let Some(torn) = torn {
        tools.watch.see(&Event::Notice { message: tell_torn(torn) });
    }
    copies::check(&plan)?;
    let org = target.facts().await?;
    same_org(&manifest, &org)?;

    let mut parts = Parts {
        target,
        halt: Halt::default(),
        ledger: Arc::new(ledger),
        fields: manifest.fields.clone(),
        images: ImagePlan::of(&plan.object, plan.operation, &manifest),
        kept: KeptColumns::of_header(&manifest.columns),
        shelf: shelf(&folder, &manifest),
        earlier: Arc::new(Earlier::read(&folder, state)?),
        brake: None,
        plan,
        folder,
        tools,
        resumed: true,
    };
    strays::check(&parts, &manifest).await?;
    let work = Work::of(&parts.plan, parts.target.kind()).await;
    parts.tools.budget.learn(&*parts.target, work).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    parts
        .ledger
        .record(&Fact::Resumed { when: now, version })
        .map_err(|error| super::run::no_ledger(&error))?;
    let Manifest { run, alias, .. } = &manifest;
    tell_start(&*parts.tools.watch, &parts.plan, run, &parts.folder, &org, alias);

    let incoming = match guards::check_again(&parts, &manifest, &org) {
        Ok(limit) => {
            parts.brake = brake(&parts.plan, limit, &org, &parts.folder);
            parts.incoming(&manifest).await
        }
        // What is in jobs is followed to its end: results do not wait for another day.
        Err(refusal) => Incoming::Refused(refusal),
    };
    let mut carried = parts.carry(incoming).await;
    carried.taken_in = carried.taken_in.map_err(|failure| parts.ways_out(failure));
    let names = ending::Names { run: run.clone(), alias: alias.clone(), org };
    ending::conclude(&parts, carried, &names, began)
}

impl<T: Target> Parts<T> {
    async fn incoming(&self, manifest: &Manifest) -> Incoming {
        if let Some(found) = self.found() {
            return Incoming::Spooled(Box::new(found));
        }
        match self.open_again(manifest).await {
            Ok(incoming) => incoming,
            // The run was begun; what does not fit it now is a change and no bad request.
            Err(failure) if failure.blame == Blame::Request => {
                Incoming::Refused(Failure { blame: Blame::Guard, ..failure })
            }
            Err(failure) => Incoming::Refused(failure),
        }
    }

    /// rejected.csv as an earlier process finished it, when nothing else of the input is needed:
    /// the lines of rows that were left out lie here too.
    fn found(&self) -> Option<Found> {
        let input = self.earlier.input().filter(|_| self.earlier.needs_no_input())?;
        if let Some(shelf) = &self.shelf {
            input.unchanged.filter(|about| shelf.find(about))?;
        }
        let found = RejectedFile::find(&self.folder.out(), &self.kept).ok()?;
        (found.output.rows == input.rejected).then_some(found)
    }

    /// The input from its first row on, if it and its mapping are what they were.
    async fn open_again(&self, manifest: &Manifest) -> Result<Incoming, Failure> {
        let mapping = manifest::mapping(manifest, self.plan.mapping_manner)?;
        let plan = LoadPlan { mapping, ..self.plan.clone() };
        same_input(manifest, &plan).await?;
        let repeats = Repeats::open(&self.folder, manifest.duplicates.as_ref(), plan.on_duplicate)?;
        let unchanged = Unchanged::open(&self.folder, manifest.unchanged.as_ref())?;
        let reader = open(&plan)?;
        same_columns(manifest, &reader)?;
        notices(&*self.tools.watch, &reader);
        let (mut mapping, checks, _) = compile(&plan, &*self.target, reader.header()).await?;
        lookup::reopen(self.folder.root(), &manifest.lookups, &mut mapping)?;
        let sent = mapping.sent.iter().map(|field| &field.header);
        if !sent.eq(manifest.sent.iter()) {
            return Err(other_fields(manifest));
        }
        Ok(Incoming::Read(Box::new(Opened { reader, mapping, checks, repeats, unchanged })))
    }
}

impl<T> Parts<T> {
    /// What can be done about rows that are refused, as they are not what the run began with.
    fn ways_out(&self, mut failure: Failure) -> Failure {
        if failure.blame != Blame::Guard {
            return failure;
        }
        let from_stdin = self.plan.input.source == Source::Stdin;
        if from_stdin {
            let command = manifest::resume_command(self.folder.root());
            failure = failure.hint(format!("`{command} < FILE` gives it the same rows once more"));
        }
        for chunk in self.earlier.damaged().take(1) {
            failure = failure.hint(format!(
                "files of chunk {chunk} in `sent/` are missing or changed; they are made again \
                 from the same input"
            ));
        }
        match self.earlier.sent_to() {
            Some(row) if !from_stdin && self.plan.limit.is_none() => failure.hint(format!(
                "or load the rest as a new run: no row after row {row} was sent (`--skip {row}`)"
            )),
            _ => failure,
        }
    }
}

/// The ledger as the process before this one left it.
///
/// A process that ended before its first fact was on disk had done nothing else; a ledger that is
/// gone although there are files of chunks or results was there.
fn reopen(folder: &RunFolder, run: &str) -> Result<Reopened, Failure> {
    let path = folder.ledger();
    let facts = std::fs::metadata(&path).map_or(0, |about| about.len());
    if facts == 0 && folder.has_traces() {
        let message = format!("the ledger of the run is gone: `{}`", path.display());
        return Err(Failure::new(Blame::Ledger, message)
            .hint("restore the run folder from a copy; without it nobody knows what was sent"));
    }
    if !path.exists() {
        drop(Ledger::create(&path, run).map_err(|e| Failure::disk("create", &path, &e))?);
    }
    Ok(Ledger::reopen(&path, run)?)
}

fn finished(manifest: &Manifest, rows: Counts) -> Failure {
    let run = &manifest.run;
    let mut failure = Failure::new(Blame::Request, format!("the run `{run}` is finished"));
    if rows.error + rows.unprocessed + rows.rejected > 0 {
        failure = failure
            .hint(format!("`longshore retry {run}` tries the rows again that did not succeed"));
    }
    failure.hint(format!("`longshore verify {run}` checks its accounting"))
}

fn tell_torn(torn: Torn) -> String {
    format!("line {} of the ledger was torn off when the run was cut short, and is cut", torn.line)
}

/// Refuses to go on in another org, or as another user, than the run was begun in.
pub fn same_org(manifest: &Manifest, org: &OrgFacts) -> Result<(), Failure> {
    let same_org = if manifest.org_id.is_empty() || org.id.is_empty() {
        // An org that does not tell its id is known by its place.
        manifest.org_origin == org.origin
    } else {
        manifest.org_id == org.id
    };
    if !same_org {
        let message = format!(
            "the run was begun in org `{}` at {}, and this is org `{}` at {}",
            manifest.org_id, manifest.org_origin, org.id, org.origin
        );
        return Err(Failure::new(Blame::Guard, message).hint("sign in to the org of the run"));
    }
    if manifest.user_id != org.user_id {
        let message =
            format!("the run was begun by `{}`, and you are `{}`", manifest.username, org.username);
        return Err(Failure::new(Blame::Guard, message)
            .hint("sign in as that user: the org shows the results of a job to its creator"));
    }
    Ok(())
}

/// Standard input passes: each chunk is held against what it was.
async fn same_input(manifest: &Manifest, plan: &LoadPlan) -> Result<(), Failure> {
    let (Source::File(path), Some(before)) = (&plan.input.source, manifest.input_digest) else {
        return Ok(());
    };
    let now = digest(plan).await.map_err(|why| manifest::gone("input", path, &why))?;
    match now {
        Some(now) if now != before => {
            Err(manifest::changed("input", path, &before.to_string(), &now.to_string()))
        }
        _ => Ok(()),
    }
}

fn open(plan: &LoadPlan) -> Result<SlabReader, Failure> {
    match &plan.input.source {
        Source::Stdin if read::stdin_is_terminal() => Err(nothing_comes()),
        Source::Stdin => Ok(read::open(&plan.input).map_err(|error| match error {
            ReadError::Empty { .. } => nothing_comes(),
            other => other.into(),
        })?),
        Source::File(_) => Ok(read::open(&plan.input)?),
    }
}

fn nothing_comes() -> Failure {
    let message = "the run reads its rows from standard input, and nothing comes from there";
    Failure::new(Blame::Guard, message)
}

fn same_columns(manifest: &Manifest, reader: &SlabReader) -> Result<(), Failure> {
    if reader.header() == manifest.columns {
        return Ok(());
    }
    let message = "the columns of the input are not those that the run began with";
    Err(Failure::new(Blame::Guard, message))
}

fn other_fields(manifest: &Manifest) -> Failure {
    let message = format!(
        "the columns of the input go to other fields than when the run began ({})",
        manifest.sent.join(", ")
    );
    Failure::new(Blame::Guard, message)
        .hint("fields of the object were added, removed or renamed since then")
}
