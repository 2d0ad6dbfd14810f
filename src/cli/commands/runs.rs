//! `runs list`, `runs show`, `runs clean`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::{leftovers, objects, print};
use crate::cli::args::{CleanRuns, ListRuns, OneRun, Place, Runs, RunsCommand};
use crate::cli::resolve;
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table};
use crate::config::project::Defaults;
use crate::ledger::{Cleaned, Manifest, Phase, RunFolder, RunState, Torn, clean as clean_run};
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::perms;
use crate::pipeline::event::{Status, Summary, SummaryFiles};
use crate::pipeline::manifest::resume_command;
use crate::report::figures::{bytes, count, counted, escape, path};
use crate::report::paint::Paint;
use crate::report::summary;
use crate::runbook;

/// Chunks that `show` tells one by one.
const CHUNKS_SHOWN: usize = 20;

/// Carries out one of the three.
pub fn runs(args: &Runs, shell: &Shell) -> Result<u8, Failure> {
    match &args.what {
        None => list(&args.list, shell),
        Some(RunsCommand::List(args)) => list(args, shell),
        Some(RunsCommand::Show(args)) => show(args, shell),
        Some(RunsCommand::Clean(args)) => clean(args, shell),
    }
}

/// The folder of a run that is given by name, or by the path of its folder.
pub fn root_of(run: &str, place: &Place, shell: &Shell) -> Result<PathBuf, Failure> {
    let is_path = Path::new(run).components().count() > 1 || run == ".";
    let root = if is_path { shell.dir.join(run) } else { runs_dir(place, shell)?.join(run) };
    if root.join("manifest.json").is_file() {
        return Ok(root);
    }
    let shown = path(&root, &shell.dir);
    Err(Failure::new(Blame::Request, format!("there is no run in `{shown}`"))
        .hint("`longshore runs` lists the runs; `--runs-dir DIR` looks elsewhere"))
}

/// The newest run below `dir` that is not finished and that nobody goes on with; if there is none,
/// the newest that another process holds, whose refusal says so.
pub fn newest_unfinished(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    newest_unfinished_of(dir, &|_| true)
}

/// The same among the runs whose names are meant.
pub fn newest_unfinished_of(
    dir: &Path,
    is_meant: &dyn Fn(&str) -> bool,
) -> Result<Option<PathBuf>, Failure> {
    let found = all(dir)?.into_iter().filter(|(name, _)| is_meant(name));
    let runs = found.filter_map(|(_, run)| run.ok());
    let (held, free): (Vec<Run>, Vec<Run>) =
        runs.filter(Run::is_unfinished).partition(|run| RunFolder::is_held(&run.root));
    Ok(free.into_iter().chain(held).map(|run| run.root).next())
}

/// Where the runs are.
pub fn runs_dir(place: &Place, shell: &Shell) -> Result<PathBuf, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    Ok(shell.dir.join(resolve::runs_dir(place.runs_dir.clone(), &defaults)))
}

/// What lies in a run folder.
struct Run {
    root: PathBuf,
    manifest: Manifest,
    state: RunState,
    torn: Option<Torn>,
    summary: Option<Summary>,
}

impl Run {
    fn read(root: &Path) -> Result<Self, Failure> {
        let manifest = Manifest::read(root)?;
        let (state, torn) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
        let out = root.join("out");
        let summary = std::fs::read(out.join("summary.json")).ok();
        let summary = summary.and_then(|text| serde_json::from_slice::<Summary>(&text).ok());
        // A later process has gone on since, and has come to no end of its own.
        let is_last = state.closed.is_some() || state.paused.is_some();
        let summary = summary.filter(|_| is_last).map(|summary| Summary {
            // The folder may have been moved since.
            run_dir: root.to_owned(),
            files: SummaryFiles {
                success: out.join("success.csv"),
                error: out.join("error.csv"),
                rejected: out.join("rejected.csv"),
                unprocessed: out.join("unprocessed.csv"),
                unknown: out.join("unknown.csv"),
            },
            ..summary
        });
        Ok(Self { root: root.to_owned(), manifest, state, torn, summary })
    }

    fn status(&self) -> String {
        match (&self.summary, &self.state.closed) {
            (Some(summary), Some(_)) => {
                let word = serde_json::to_value(summary.status).unwrap_or_default();
                word.as_str().unwrap_or_default().to_owned()
            }
            _ if RunFolder::is_held(&self.root) => "running".to_owned(),
            (Some(summary), None) if summary.status == Status::Interrupted => {
                "interrupted".to_owned()
            }
            _ => "unfinished".to_owned(),
        }
    }

    /// Whether `resume` can go on with it: it has not come to its end, nobody goes on with it now,
    /// and its org has not ended with the command.
    fn can_go_on(&self) -> bool {
        self.is_unfinished() && !RunFolder::is_held(&self.root)
    }

    /// Whether it has not come to its end, in an org that is still there.
    fn is_unfinished(&self) -> bool {
        let passing = self.manifest.plan.as_ref().is_some_and(|plan| plan["passing_org"] == true);
        self.state.closed.is_none() && !passing
    }

    /// The command that goes on with it.
    fn next(&self) -> Option<String> {
        self.can_go_on().then(|| resume_command(&self.root))
    }

    fn rows(&self) -> Option<Counts> {
        let paused = self.state.paused.as_ref().map(|paused| paused.counts);
        self.state.closed.map(|closed| closed.counts).or(paused)
    }
}

/// A run by the name of its folder, or why it cannot be read.
type Found = (String, Result<Run, Failure>);

/// The run folders below `dir`, newest first; those that cannot be read last.
fn all(dir: &Path) -> Result<Vec<Found>, Failure> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| Failure::disk("read", dir, &error))?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Failure::disk("read", dir, &error))?;
        if entry.path().join("manifest.json").is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            runs.push((name, Run::read(&entry.path())));
        }
    }
    let started = |run: &Result<Run, Failure>| {
        run.as_ref().ok().and_then(|run| run.manifest.started.parse::<Timestamp>().ok())
    };
    runs.sort_by(|(one, a), (other, b)| (started(b), other).cmp(&(started(a), one)));
    Ok(runs)
}

fn list(args: &ListRuns, shell: &Shell) -> Result<u8, Failure> {
    let dir = runs_dir(&args.place, shell)?;
    let runs = all(&dir)?;
    let text = if args.manners.json {
        let entries: Vec<serde_json::Value> =
            runs.iter().map(|(name, run)| entry(name, &dir, run)).collect();
        objects::json(&entries)?
    } else if runs.is_empty() {
        format!("there are no runs in {}\n", path(&dir, &shell.dir))
    } else {
        screen(&runs, shell.out_paint(args.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(0)
}

fn entry(name: &str, dir: &Path, run: &Result<Run, Failure>) -> serde_json::Value {
    match run {
        Ok(run) => json!({
            "run": name, "started": run.manifest.started, "operation": run.manifest.operation,
            "object": run.manifest.object, "org": run.manifest.alias,
            "org_id": run.manifest.org_id, "status": run.status(), "rows": run.rows(),
            "run_dir": run.root, "next": run.next(), "undo_of": run.manifest.undo_of,
        }),
        Err(failure) => json!({
            "run": name, "status": "damaged", "run_dir": dir.join(name),
            "failure": { "message": failure.message, "hints": failure.hints },
        }),
    }
}

fn screen(runs: &[Found], paint: Paint) -> String {
    let columns = [
        Column::Left("run"),
        Column::Left("started (UTC)"),
        Column::Left("operation"),
        Column::Left("object"),
        Column::Left("org"),
        Column::Left("status"),
        Column::Right("rows"),
        Column::Right("not done"),
    ];
    let row = |(name, run): &Found| {
        let Ok(run) = run else {
            let mut cells = vec![String::new(); columns.len()];
            name.clone_into(&mut cells[0]);
            "damaged".clone_into(&mut cells[5]);
            return cells;
        };
        let rows = run.rows();
        let bad = rows.map(|rows| rows.input.saturating_sub(rows.success)).filter(|n| *n > 0);
        vec![
            name.clone(),
            minute(&run.manifest.started),
            operation(&run.manifest),
            run.manifest.object.clone(),
            run.manifest.alias.clone(),
            run.status(),
            rows.map(|rows| count(rows.input)).unwrap_or_default(),
            bad.map(count).unwrap_or_default(),
        ]
    };
    let mut text = table(&columns, &runs.iter().map(row).collect::<Vec<_>>(), paint);
    for next in runs.iter().filter_map(|(_, run)| run.as_ref().ok()?.next()) {
        writeln!(text, "next: `{}`", escape(&next)).unwrap_or_default();
    }
    text
}

/// What a run did, and of which run that was the undo.
fn operation(manifest: &Manifest) -> String {
    match &manifest.undo_of {
        Some(run) => format!("{}, undo of `{run}`", manifest.operation),
        None => manifest.operation.clone(),
    }
}

fn minute(started: &str) -> String {
    let time = started.parse::<Timestamp>();
    time.map_or_else(|_| started.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

fn show(args: &OneRun, shell: &Shell) -> Result<u8, Failure> {
    let run = Run::read(&root_of(&args.run, &args.place, shell)?)?;
    let text = if args.manners.json {
        let document = json!({
            "status": run.status(), "exit_code": 0, "manifest": run.manifest,
            "summary": run.summary, "ledger": said(&run), "next": run.next(),
        });
        format!("{document}\n")
    } else {
        let paint = shell.out_paint(args.manners.color);
        let last = run.summary.as_ref().map(|s| summary::screen(s, &shell.dir, paint) + "\n");
        let mut text = last.unwrap_or_else(|| headline(&run)) + &paint.bold("ledger") + "\n";
        for line in said(&run) {
            writeln!(text, "  {}", escape(&line)).unwrap_or_default();
        }
        if let Some(next) = run.next() {
            writeln!(text, "\nnext: `{}`", escape(&next)).unwrap_or_default();
        }
        text
    };
    print(&shell.out, &text)?;
    Ok(0)
}

fn headline(run: &Run) -> String {
    let Manifest { operation, object, alias, input, .. } = &run.manifest;
    format!(
        "{operation} {} in `{}` from `{}`: {}\n\n",
        escape(object),
        escape(alias),
        escape(input),
        run.status()
    )
}

/// What the ledger says, in words, a line each.
fn said(run: &Run) -> Vec<String> {
    let state = &run.state;
    let mut lines = vec![format!("started at {}", run.manifest.started)];
    if runbook::is_run(&run.manifest) {
        lines.extend(steps_said(state));
        lines.push(closing(run));
        return lines;
    }
    lines.extend(run.manifest.undo_of.iter().map(|of| format!("takes back the run `{of}`")));
    lines.push(match &state.input {
        None => "reading was not finished".to_owned(),
        Some(input) => {
            let what =
                if input.whole { "the input was read to its end" } else { "reading stopped" };
            format!(
                "{what}: {} from row {} on, {} accepted and {} rejected, {}, digest {}",
                counted(input.rows, "row"),
                count(input.first_row),
                count(input.accepted),
                count(input.rejected),
                bytes(input.bytes),
                input.digest
            )
        }
    });
    if perms::is_run(&run.manifest) {
        lines.push("the decisions stand in `decisions.csv`".to_owned());
        for (step, closed) in perms::begun(&run.root, &run.manifest).unwrap_or_default() {
            let word = if closed { "has come to its end" } else { "was begun" };
            lines.push(format!("step `{step}` {word}"));
        }
        lines.push(closing(run));
        return lines;
    }
    let (settled, open): (Vec<_>, Vec<_>) =
        state.chunks.iter().partition(|(_, chunk)| matches!(chunk.phase, Phase::Settled { .. }));
    lines.push(format!(
        "{} of {} settled",
        count(u64::try_from(settled.len()).unwrap_or(u64::MAX)),
        counted(u64::try_from(state.chunks.len()).unwrap_or(u64::MAX), "chunk")
    ));
    for (number, chunk) in open.iter().take(CHUNKS_SHOWN) {
        let (first, last) = (count(chunk.plan.first_row), count(chunk.plan.last_row));
        lines.push(format!("chunk {number}, rows {first} to {last}: {}", phase(&chunk.phase)));
    }
    if open.len() > CHUNKS_SHOWN {
        lines.push(format!("and {} more chunks", open.len() - CHUNKS_SHOWN));
    }
    for (number, chunk) in &state.chunks {
        for (job, _) in chunk.given_up.iter().filter(|(_, confirmed)| !confirmed) {
            lines.push(format!("job {job} of chunk {number} was given up and may stand open"));
        }
    }
    if let Some(torn) = run.torn {
        lines.push(format!("line {} is torn off: the run was cut short there", torn.line));
    }
    lines.extend(state.cleaned.iter().map(|when| format!("cleaned at {when}")));
    lines.push(closing(run));
    lines
}

/// What the ledger of a runbook's run says of its steps.
fn steps_said(state: &RunState) -> impl Iterator<Item = String> {
    state.steps.iter().flat_map(|(id, step)| {
        let approved = step.approved.as_ref();
        let approved =
            approved.map(|by| format!("step `{id}` was approved by {} at {}", by.by, by.when));
        let ended = step.ended.as_ref().map(|ended| {
            let word = serde_json::to_value(ended.outcome).unwrap_or_default();
            let word = word.as_str().unwrap_or_default().to_owned();
            format!("step `{id}` ended at {}: {word}", ended.when)
        });
        let began = step.began.as_ref().map(|when| format!("step `{id}` was begun at {when}"));
        [began, approved, ended].into_iter().flatten()
    })
}

fn closing(run: &Run) -> String {
    match &run.state.closed {
        Some(closed) => format!("closed with exit code {}", closed.exit_code),
        None => "not closed".to_owned(),
    }
}

fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Spooled => "not sent".to_owned(),
        Phase::Reserved(job) => format!("job {job} was made for it and never started"),
        Phase::Prepared(job) => format!("job {job} holds it and may have been started"),
        Phase::Spoiled(job) => format!("job {job} holds it and cannot be started"),
        Phase::Started(job) => format!("job {job} was started"),
        Phase::Ended(ended) => format!("job {} ended {}", ended.job, ended.state),
        Phase::Settled { .. } => "settled".to_owned(),
    }
}

fn clean(args: &CleanRuns, shell: &Shell) -> Result<u8, Failure> {
    let dir = runs_dir(&args.place, shell)?;
    let now = (shell.now)();
    let mut done = Vec::new();
    for (name, run) in all(&dir)? {
        let outcome = match run {
            Ok(run) if is_young(&run, now, args.older_than) => continue,
            Ok(run) if perms::is_run(&run.manifest) => perms::clean(&run.root, &now.to_string()),
            Ok(run) if runbook::is_run(&run.manifest) => {
                runbook::clean(&run.root, &now.to_string())
            }
            Ok(run) => clean_run(&run.root, &now.to_string()),
            Err(failure) => Err(failure),
        };
        let outcome = match outcome {
            // Another process, or damage: its files may be all there is left to learn from.
            Err(failure) if matches!(failure.blame, Blame::Held | Blame::Ledger) => {
                Cleaned::Kept(failure.message)
            }
            other => other?,
        };
        if outcome != Cleaned::Clean {
            done.push((name, outcome));
        }
    }
    if args.older_than.is_none() {
        done.extend(leftovers::clean(&dir, now)?);
    }
    let text = if args.manners.json {
        let entries: Vec<serde_json::Value> = done.iter().map(cleaned).collect();
        objects::json(&entries)?
    } else {
        told(&done)
    };
    print(&shell.out, &text)?;
    Ok(0)
}

/// Whether a run is not older than so many days.
fn is_young(run: &Run, now: Timestamp, older_than: Option<u32>) -> bool {
    let Some(days) = older_than else { return false };
    let Ok(started) = run.manifest.started.parse::<Timestamp>() else { return true };
    now.duration_since(started).as_hours() < i64::from(days) * 24
}

fn cleaned((name, outcome): &(String, Cleaned)) -> serde_json::Value {
    match outcome {
        Cleaned::Removed { files, bytes } => json!({ "run": name, "files": files, "bytes": bytes }),
        Cleaned::Kept(why) => json!({ "run": name, "files": 0, "bytes": 0, "kept": why }),
        Cleaned::Clean => json!({ "run": name, "files": 0, "bytes": 0 }),
    }
}

fn told(done: &[(String, Cleaned)]) -> String {
    let mut text = String::new();
    let mut all = 0;
    for (name, outcome) in done {
        let what = match outcome {
            Cleaned::Removed { files, bytes: size } => {
                all += size;
                format!("{} removed ({})", counted(*files, "file"), bytes(*size))
            }
            Cleaned::Kept(why) => format!("kept: {}", escape(why)),
            Cleaned::Clean => continue,
        };
        writeln!(text, "{}: {what}", escape(name)).unwrap_or_default();
    }
    writeln!(text, "{} removed; result files, summaries and ledgers stay", bytes(all))
        .unwrap_or_default();
    text
}
