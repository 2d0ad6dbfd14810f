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
use crate::ledger::Manifest;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Summary;
use crate::pipeline::undo::{Drawn, Held, Part, Record, Stand, Tally};
use crate::pipeline::{resume, run};
use crate::report::figures::{counted, path};
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
}

/// Takes a run back, and returns the gravest exit code of the loads that it took.
pub async fn undo(args: &Undo, shell: &Shell) -> Result<u8, Failure> {
    let mut session = Session::begin(shell, &args.manners, &args.progress);
    let undone = Box::pin(carry_out(args, shell, &mut session)).await;
    session.close();
    let undone = undone?;
    if args.manners.json {
        print(&shell.out, &document(&undone))?;
    }
    Ok(undone.exit_code)
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
    let unfinished = match &begun {
        Some(record) => !is_over(&held, record)?,
        None => false,
    };
    if args.plan_only && unfinished {
        return Err(under_way(&args.run));
    }
    let target = session.connect(choice).await?;
    let (record, conflicts) = match begun {
        Some(record) if unfinished => {
            say(args, shell, &format!("going on with the undo of `{}`\n", record.run))?;
            (record, None)
        }
        begun => {
            if let Some(record) = begun {
                asked_again(args, session, &record)?;
            }
            let drawn = session.within(held.draw_up(&*target)).await?;
            say(args, shell, &preview(&drawn, &root, shell))?;
            if args.plan_only {
                return Ok(planned(&drawn));
            }
            if drawn.parts.is_empty() {
                let refusal = drawn.nothing();
                let conflicts = drawn.conflicts.map(|file| path(&file, &shell.dir));
                return Err(conflicts.into_iter().fold(refusal, |refusal, file| {
                    refusal.hint(format!("`{file}` tells which records, and why"))
                }));
            }
            session.assent(asking(args), doubt(&drawn))?;
            (drawn.begin()?, drawn.conflicts)
        }
    };
    let mut undone = Undone {
        run: record.run.clone(),
        tally: record.tally,
        parts: record.parts.clone(),
        conflicts,
        ids: None,
        runs: Vec::new(),
        exit_code: 0,
        planned: false,
    };
    let work = Work { args, held: &held, target: &target, choice };
    work.all(session, &mut undone).await?;
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
    /// The loads one after the other; one that comes to no end is the last.
    async fn all(&self, session: &mut Session<'_>, undone: &mut Undone) -> Result<(), Failure> {
        for (at, part) in undone.parts.clone().iter().enumerate() {
            if at > 0 {
                session.next();
            }
            let code = match self.held.stand(part)? {
                Stand::Finished(_, code) => code,
                stand => {
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
                return Ok(());
            }
            undone.exit_code = undone.exit_code.max(code);
            undone.ids = self.held.write_ids(part)?.or(undone.ids.take());
        }
        Ok(())
    }

    /// One load that is not over, begun or gone on with.
    async fn one(
        &self,
        part: &Part,
        stand: Stand,
        session: &Session<'_>,
    ) -> Result<Summary, Failure> {
        let (target, tools) = (Arc::clone(self.target), session.tools(asking(self.args)));
        if let Stand::Unfinished(root) = stand {
            return session.within(Box::pin(resume::resume(&root, target, tools))).await;
        }
        let alias = self.choice.alias().to_owned();
        let plan = self.held.load_plan(part);
        session.within(Box::pin(run::load(plan, target, alias, tools))).await
    }
}

fn asking(args: &Undo) -> Asking {
    Asking { yes: args.yes, input_is_stdin: false }
}

/// Whether every load of an undo has come to its end.
fn is_over(held: &Held, record: &Record) -> Result<bool, Failure> {
    for part in &record.parts {
        if !matches!(held.stand(part)?, Stand::Finished(..)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A second undo of the same run is planned against what is there now, and asked about.
fn asked_again(args: &Undo, session: &Session<'_>, record: &Record) -> Result<(), Failure> {
    if args.plan_only {
        return Ok(());
    }
    let runs: Vec<String> = record.parts.iter().map(|part| format!("`{}`", part.run)).collect();
    let message = format!("the run `{}` was undone before, by {}", record.run, runs.join(" and "));
    let mut doubt = Failure::new(Blame::Guard, message);
    if let Some(part) = record.parts.last() {
        doubt = doubt.hint(format!("`longshore undo {}` takes that back", part.run));
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

fn planned(drawn: &Drawn) -> Undone {
    Undone {
        run: drawn.run().to_owned(),
        tally: drawn.tally,
        parts: drawn.parts.clone(),
        conflicts: drawn.conflicts.clone(),
        ids: None,
        runs: Vec::new(),
        exit_code: 0,
        planned: true,
    }
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

fn document(undone: &Undone) -> String {
    let status = if undone.planned { "planned" } else { "carried_out" };
    let document = json!({
        "undo_of": undone.run,
        "status": status,
        "exit_code": undone.exit_code,
        "tally": undone.tally,
        "loads": undone.parts,
        "conflicts": undone.conflicts,
        "ids": undone.ids,
        "runs": undone.runs,
    });
    format!("{document}\n")
}
