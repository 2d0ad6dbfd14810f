//! `undo`: takes a finished run back, by one load or two.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::print;
use super::resume::org_of;
use super::runs::root_of;
use crate::cli::args::Undo;
use crate::cli::org::Choice;
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::ledger::{Manifest, RunState};
use crate::model::failure::{Blame, Failure};
use crate::perms;
use crate::pipeline::event::Summary;
use crate::pipeline::undo::{Drawn, Held, Part, Record, Stand, Tally};
use crate::pipeline::{resume, run, undo};
use crate::report::figures::{counted, path};
use crate::runbook;
use crate::target::any::AnyTarget;

/// Exit codes of loads that came to their end, the gravest last.
const ENDED: [u8; 3] = [0, 3, 5];

/// What an undo came to.
struct Undone {
    run: String,
    tally: Tally,
    parts: Vec<Part>,
    conflicts: Option<PathBuf>,
    ids: Option<PathBuf>,
    runs: Vec<Summary>,
    exit_code: u8,
    planned: bool,
    /// What a person should know before.
    notices: Vec<String>,
    /// Why there was nothing to do.
    nothing: Option<Failure>,
}

/// Takes a run back, and returns the gravest exit code of the loads that it took.
pub async fn undo(args: &Undo, shell: &Shell) -> Result<u8, Failure> {
    let root = root_of(&args.run, &args.place, shell)?;
    let manifest = Manifest::read(&root)?;
    let has_steps = perms::is_run(&manifest) || runbook::is_run(&manifest);
    let undone = if has_steps {
        Box::pin(steps(args, &root, &manifest, shell)).await?
    } else {
        let mut undone = one(args, shell).await?;
        if let Some(refusal) = undone.nothing.take() {
            return Err(refusal);
        }
        vec![undone]
    };
    if args.manners.json {
        let documents: Vec<_> = undone.iter().map(document).collect();
        let document = match documents.as_slice() {
            [one] if !has_steps => one.clone(),
            all => json!({ "undo_of": manifest.run, "steps": all }),
        };
        print(&shell.out, &format!("{document}\n"))?;
    }
    Ok(undone.iter().map(|undone| undone.exit_code).max().unwrap_or_default())
}

/// Takes a change of permissions or a runbook back: its loads, the last one first.
async fn steps(
    args: &Undo,
    root: &Path,
    manifest: &Manifest,
    shell: &Shell,
) -> Result<Vec<Undone>, Failure> {
    let run = &manifest.run;
    let is_runbook = runbook::is_run(manifest);
    let folders =
        if is_runbook { of_runbook(root, manifest)? } else { of_permissions(root, manifest)? };
    if folders.is_empty() {
        let message = format!("the run `{run}` changed nothing, so there is nothing to take back");
        return Err(Failure::new(Blame::Request, message));
    }
    let mut left = Vec::new();
    for folder in folders {
        if !was_undone(&folder, shell)? {
            left.push(folder);
        }
    }
    if left.is_empty() {
        return Err(Failure::new(Blame::Request, format!("the run `{run}` was undone before"))
            .hint("`longshore runs` lists its undo, which can itself be undone"));
    }
    if !is_runbook {
        return each(args, left, shell).await;
    }
    let mut args = args.clone();
    if !Box::pin(look(&args, run, &left, shell)).await? {
        // All of it was agreed to at once.
        args.confirm.yes = true;
    }
    each(&args, left, shell).await
}

/// Works the whole undo of a runbook out with nothing sent, says first what cannot be taken back,
/// and asks once; whether it is to be worked out only.
async fn look(args: &Undo, run: &str, folders: &[PathBuf], shell: &Shell) -> Result<bool, Failure> {
    let mut silent = Undo { plan_only: true, ..args.clone() };
    silent.manners.json = true;
    let (mut tally, mut cannot) = (Tally::default(), Vec::new());
    for folder in folders {
        let step = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if undo::was_begun(folder)? {
            say(args, shell, &format!("going on with the undo of `{step}`\n"))?;
            continue;
        }
        let looked = Undo { run: folder.display().to_string(), ..silent.clone() };
        match one(&looked, shell).await {
            Ok(undone) => {
                if undone.tally.cannot > 0 {
                    cannot.push(format!("{} of `{step}`", counted(undone.tally.cannot, "row")));
                    cannot.extend(undone.notices.iter().map(|why| format!("`{step}`: {why}")));
                }
                tally.add(undone.tally);
            }
            Err(refusal) if refusal.blame == Blame::Request => {
                cannot.push(format!("`{step}`: {}", refusal.message));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut text = String::new();
    for what in &cannot {
        writeln!(text, "cannot be taken back: {what}").unwrap_or_default();
    }
    writeln!(text, "undo of `{run}`, the last step first: {}", tally.text()).unwrap_or_default();
    say(args, shell, &text)?;
    if args.plan_only {
        return Ok(true);
    }
    let message = format!("the undo of this runbook will {}", tally.text());
    let mut doubt = Failure::new(Blame::Guard, message);
    for what in cannot {
        doubt = doubt.cause(format!("cannot be taken back: {what}"));
    }
    let doubt = doubt.hint("`--yes` carries it out; `--plan-only` only shows it");
    let session = Session::begin(shell, &args.manners, &args.progress);
    let agreed = session.assent(asking(args), doubt);
    session.close();
    agreed.map(|()| false)
}

/// One undo after the other, until one comes to no end.
async fn each(args: &Undo, folders: Vec<PathBuf>, shell: &Shell) -> Result<Vec<Undone>, Failure> {
    let (mut all, mut refusals) = (Vec::new(), Vec::new());
    for folder in folders {
        let step = folder.display().to_string();
        let mut undone = one(&Undo { run: step, ..args.clone() }, shell).await?;
        if let Some(refusal) = undone.nothing.take() {
            // The other loads are to be taken back all the same.
            say(args, shell, &format!("{}\n", refusal.message))?;
            refusals.push(refusal);
            continue;
        }
        let ended = undone.planned || ENDED.contains(&undone.exit_code);
        all.push(undone);
        if !ended {
            break;
        }
    }
    match refusals.pop() {
        Some(refusal) if all.is_empty() => Err(refusal),
        _ => Ok(all),
    }
}

/// The loads of a change of permissions that were begun, the last one first.
fn of_permissions(root: &Path, manifest: &Manifest) -> Result<Vec<PathBuf>, Failure> {
    finished(root, &manifest.run)?;
    let begun = perms::begun(root, manifest)?.into_iter().rev();
    Ok(begun.map(|(name, _)| root.join("steps").join(name)).collect())
}

/// The loads of all steps of a runbook that were begun, the last one first.
///
/// The runbook need not have come to its end: a step that failed may be why it is taken back. But a
/// run that is under way is not, as it would go on behind the undo.
fn of_runbook(root: &Path, manifest: &Manifest) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = Vec::new();
    for run in runbook::begun(root, manifest)?
        .into_iter()
        .rev()
        .flat_map(|step| step.runs.into_iter().rev())
    {
        let child = Manifest::read(&run)?;
        finished(&run, &child.run).map_err(|refusal| resume_whole(refusal, &manifest.run))?;
        if perms::is_run(&child) {
            folders.extend(of_permissions(&run, &child)?);
        } else {
            folders.push(run);
        }
    }
    Ok(folders)
}

/// A step is gone on with by the run that it belongs to.
fn resume_whole(refusal: Failure, run: &str) -> Failure {
    Failure::new(refusal.blame, refusal.message)
        .hint(format!("`longshore resume {run}` goes on with the runbook; then it can be undone"))
}

fn finished(root: &Path, run: &str) -> Result<(), Failure> {
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), run)?;
    if state.closed.is_some() {
        return Ok(());
    }
    Err(Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
        .hint(format!("`longshore resume {run}` goes on with it")))
}

/// Whether a load was taken back before, whole: an undo that was cut off goes on behind it.
fn was_undone(folder: &Path, shell: &Shell) -> Result<bool, Failure> {
    let held = Held::of(folder, &(shell.now)().to_string())?;
    let begun = held.begun()?;
    Ok(Before::of(&held, begun.as_ref())? == Before::Over)
}

async fn one(args: &Undo, shell: &Shell) -> Result<Undone, Failure> {
    let mut session = Session::begin(shell, &args.manners, &args.progress);
    let undone = Box::pin(carry_out(args, shell, &mut session)).await;
    session.close();
    undone
}

async fn carry_out(
    args: &Undo,
    shell: &Shell,
    session: &mut Session<'_>,
) -> Result<Undone, Failure> {
    let root = root_of(&args.run, &args.place, shell)?;
    let choice = org_of(&Manifest::read(&root)?, shell)?;
    session.listen()?;
    let held = Held::of(&root, &(shell.now)().to_string())?;
    let begun = held.begun()?;
    let before = Before::of(&held, begun.as_ref())?;
    if args.plan_only && before == Before::UnderWay {
        return Err(under_way(&args.run));
    }
    let target = session.connect(choice).await?;
    let work = Work { args, held: &held, target: &target, choice };
    let mut undone = Undone::of(held.manifest().run.clone());
    if let Some(record) = &begun {
        match before {
            Before::UnderWay => {
                say(args, shell, &format!("going on with the undo of `{}`\n", record.run))?;
                undone.tally = record.tally;
                let is_over = work.what_was_begun(record, session, &mut undone).await?;
                if !is_over || !held.has_parts_to_come(record)? {
                    return told(args, shell, undone);
                }
                session.next();
            }
            Before::Over if !args.plan_only => asked_again(args, session, &held, record)?,
            Before::Over | Before::Nothing => {}
        }
    }
    let drawn = session.within(held.draw_up(&*target)).await?;
    say(args, shell, &preview(&drawn, &root, shell))?;
    (undone.tally, undone.parts) = (drawn.tally, drawn.parts.clone());
    undone.conflicts.clone_from(&drawn.conflicts);
    undone.notices.clone_from(&drawn.notices);
    undone.planned = args.plan_only;
    if args.plan_only {
        return Ok(undone);
    }
    if drawn.parts.is_empty() {
        let refusal = drawn.nothing();
        let conflicts = drawn.conflicts.map(|file| path(&file, &shell.dir));
        return if undone.runs.is_empty() {
            undone.nothing = Some(conflicts.into_iter().fold(refusal, |refusal, file| {
                refusal.hint(format!("`{file}` tells which records, and why"))
            }));
            Ok(undone)
        } else {
            told(args, shell, undone)
        };
    }
    session.assent(asking(args), doubt(&drawn))?;
    let record = drawn.begin()?;
    work.all(&record.parts, session, &mut undone).await?;
    told(args, shell, undone)
}

/// What an earlier process has left of an undo of the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing that was sent, or what was sent is over and the rest was never begun: the rest is
    /// worked out anew, against the org as it is now.
    Nothing,
    /// A load that came to no end.
    UnderWay,
    /// All of it was carried out.
    Over,
}

impl Before {
    fn of(held: &Held, record: Option<&Record>) -> Result<Self, Failure> {
        let Some(record) = record else { return Ok(Self::Nothing) };
        let mut before = Self::Over;
        for part in &record.parts {
            match held.stand(part)? {
                Stand::Unfinished(_) => return Ok(Self::UnderWay),
                Stand::NotBegun => before = Self::Nothing,
                Stand::Finished(..) => {}
            }
        }
        Ok(before)
    }
}

impl Undone {
    fn of(run: String) -> Self {
        Self {
            run,
            tally: Tally::default(),
            parts: Vec::new(),
            conflicts: None,
            ids: None,
            runs: Vec::new(),
            exit_code: 0,
            planned: false,
            notices: Vec::new(),
            nothing: None,
        }
    }
}

/// Says where the new Ids are.
fn told(args: &Undo, shell: &Shell, undone: Undone) -> Result<Undone, Failure> {
    if let Some(ids) = &undone.ids {
        let text = format!("old and new Ids: {}\n", path(ids, &shell.dir));
        say(args, shell, &text)?;
    }
    Ok(undone)
}

/// What carrying out takes.
struct Work<'a> {
    args: &'a Undo,
    held: &'a Held,
    target: &'a Arc<AnyTarget>,
    choice: Choice,
}

impl Work<'_> {
    /// Goes on with the loads that were begun; whether they are all over.
    async fn what_was_begun(
        &self,
        record: &Record,
        session: &mut Session<'_>,
        undone: &mut Undone,
    ) -> Result<bool, Failure> {
        let mut begun = Vec::new();
        for part in &record.parts {
            if self.held.stand(part)? != Stand::NotBegun {
                begun.push(part.clone());
            }
        }
        undone.parts.clone_from(&begun);
        self.all(&begun, session, undone).await
    }

    /// The loads one after the other; whether all are over. One that comes to no end is the last.
    async fn all(
        &self,
        parts: &[Part],
        session: &mut Session<'_>,
        undone: &mut Undone,
    ) -> Result<bool, Failure> {
        let mut shown = false;
        for part in parts {
            let code = match self.held.stand(part)? {
                Stand::Finished(_, code) => code,
                stand => {
                    if std::mem::replace(&mut shown, true) {
                        session.next();
                    }
                    let summary = self.one(part, stand, session).await?;
                    session.close();
                    if !self.args.manners.json {
                        session.tell(&summary)?;
                    }
                    let code = summary.exit_code;
                    undone.runs.push(summary);
                    code
                }
            };
            if !ENDED.contains(&code) {
                undone.exit_code = code;
                return Ok(false);
            }
            undone.exit_code = undone.exit_code.max(code);
            undone.ids = self.held.write_ids(part)?.or(undone.ids.take());
        }
        Ok(true)
    }

    /// One load that is not over, begun or gone on with.
    async fn one(
        &self,
        part: &Part,
        stand: Stand,
        session: &Session<'_>,
    ) -> Result<Summary, Failure> {
        let (target, tools) = (Arc::clone(self.target), session.tools(asking(self.args))?);
        if let Stand::Unfinished(root) = stand {
            return session.within(Box::pin(resume::resume(&root, target, tools))).await;
        }
        let alias = self.choice.alias().to_owned();
        let plan = self.held.load_plan(part);
        session.within(Box::pin(run::load(plan, target, alias, tools))).await
    }
}

fn asking(args: &Undo) -> Asking<'_> {
    Asking { confirm: &args.confirm, input_is_stdin: false }
}

/// A second undo of the same run is worked out against what is there now, and asked about; but
/// records are never created a second time.
fn asked_again(
    args: &Undo,
    session: &Session<'_>,
    held: &Held,
    record: &Record,
) -> Result<(), Failure> {
    let runs: Vec<String> = record.parts.iter().map(|part| format!("`{}`", part.run)).collect();
    let message = format!("the run `{}` was undone before, by {}", record.run, runs.join(" and "));
    let created = held.created_by(record)?;
    let blame = if created.is_some() { Blame::Request } else { Blame::Guard };
    let mut doubt = Failure::new(blame, message);
    if let Some(part) = record.parts.last() {
        doubt = doubt.hint(format!("`longshore undo {}` takes that back", part.run));
    }
    if let Some(run) = created {
        let hint = format!("`longshore retry {run}` tries the rows again that did not succeed");
        return Err(doubt.hint(hint));
    }
    let hint = "`--yes` works it out once more, against what is there now";
    session.assent(asking(args), doubt.hint(hint))
}

fn under_way(run: &str) -> Failure {
    let message = format!("an undo of `{run}` is under way, and there is nothing to plan");
    Failure::new(Blame::Request, message)
        .hint(format!("`longshore undo {run}` goes on with it, without `--plan-only`"))
}

fn doubt(drawn: &Drawn) -> Failure {
    let message = format!("this undo will {}", drawn.tally.text());
    Failure::new(Blame::Guard, message).hint("`--yes` carries it out; `--plan-only` only shows it")
}

fn say(args: &Undo, shell: &Shell, text: &str) -> Result<(), Failure> {
    if args.manners.json || (args.progress.quiet && !args.plan_only) {
        return Ok(());
    }
    print(&shell.out, text)
}

/// What the undo is about to do, and the files in which it stands row by row.
fn preview(drawn: &Drawn, root: &Path, shell: &Shell) -> String {
    let mut text = format!("undo of `{}`: {}\n", drawn.run(), drawn.tally.text());
    for notice in &drawn.notices {
        writeln!(text, "notice: {notice}").unwrap_or_default();
    }
    for part in &drawn.parts {
        let file = path(&root.join("undo").join(&part.input), &shell.dir);
        let rows = counted(part.rows, "row");
        writeln!(text, "  {file}  ({rows}, as run `{}`)", part.run).unwrap_or_default();
    }
    if let Some(conflicts) = &drawn.conflicts {
        let file = path(conflicts, &shell.dir);
        writeln!(text, "  {file}  (left as it is)").unwrap_or_default();
    }
    text
}

fn document(undone: &Undone) -> serde_json::Value {
    let status = if undone.planned { "planned" } else { "carried_out" };
    json!({
        "undo_of": undone.run,
        "status": status,
        "exit_code": undone.exit_code,
        "tally": undone.tally,
        "loads": undone.parts,
        "conflicts": undone.conflicts,
        "ids": undone.ids,
        "runs": undone.runs,
    })
}
