//! `report`: the hand-over of a run. `diff`: what two runs differ in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::print;
use super::runs::root_of;
use crate::account::{Account, Difference, Took, difference};
use crate::cli::args::{Diff, Report};
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table};
use crate::ledger::{RunFolder, write_whole};
use crate::model::failure::{Blame, Failure};
use crate::report::figures::{counted, escape, path, shorten, time};
use crate::report::hand_over;
use crate::report::paint::Paint;

/// Characters of a cell of `diff`.
const CELL_CHARS: usize = 100;

/// Differences that the screen of `diff` tells; `--json` has all.
const CHANGES_SHOWN: usize = 200;

/// Writes the hand-over of a run.
pub fn report(args: &Report, shell: &Shell) -> Result<u8, Failure> {
    let root = root_of(&args.run, &args.place, shell)?;
    let account = read(&root)?;
    let folder = match &args.output {
        Some(folder) => shell.dir.join(folder),
        None => root.join("out"),
    };
    if !folder.is_dir() {
        let message = format!("there is no folder `{}`", path(&folder, &shell.dir));
        return Err(Failure::new(Blame::Request, message)
            .hint("make it, or leave `--output` out to write into the run's folder"));
    }
    let files =
        [("report.md", hand_over::markdown(&account)), ("report.html", hand_over::html(&account))];
    let mut written: Vec<PathBuf> = Vec::new();
    for (name, text) in &files {
        let file = folder.join(name);
        write_whole(&file, text.as_bytes())
            .map_err(|error| Failure::disk("write", &file, &error))?;
        written.push(file);
    }
    let text = if args.manners.json {
        let document = json!({
            "status": "succeeded", "exit_code": 0, "run": account.run,
            "ledger": { "lines": account.seal.lines, "digest": account.seal.digest },
            "files": written,
        });
        format!("{document}\n")
    } else {
        let lines = written.iter().map(|file| format!("{}\n", path(file, &shell.dir)));
        lines.collect()
    };
    print(&shell.out, &text)?;
    Ok(0)
}

/// Tells what two runs differ in; the exit code says whether they do.
pub fn diff(args: &Diff, shell: &Shell) -> Result<u8, Failure> {
    let one = read(&root_of(&args.one, &args.place, shell)?)?;
    let other = read(&root_of(&args.other, &args.place, shell)?)?;
    let found = difference(&one, &other);
    let code = if found.is_empty() { 0 } else { Blame::Accounting.exit_code() };
    let text = if args.manners.json {
        let status = if found.is_empty() { "succeeded" } else { "different" };
        let document = json!({
            "status": status, "exit_code": code, "runs": found.runs, "orgs": found.orgs,
            "rows": found.rows, "steps": found.steps, "checks": found.checks,
            "changes": found.changes, "took": found.took,
        });
        format!("{document}\n")
    } else {
        screen(&found, shell.out_paint(args.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(code)
}

/// The account of a run that nobody is working on.
fn read(root: &Path) -> Result<Account, Failure> {
    if RunFolder::is_held(root) {
        let message = format!("the run `{}` is held by another process", root.display());
        return Err(
            Failure::new(Blame::Held, message).hint("wait until that process ends, or stop it")
        );
    }
    Account::read(root)
}

/// What differs, and how long both took.
pub(super) fn screen(found: &Difference, paint: Paint) -> String {
    let [one, other] = &found.runs;
    let (one, other) = (escape(one), escape(other));
    let mut text = if found.is_empty() {
        let compared = compared(found);
        let equal = paint.green(&format!("`{one}` and `{other}` are equal but for their times"));
        format!("{equal}: {compared}\n")
    } else {
        let number = u64::try_from(found.changes.len()).unwrap_or(u64::MAX);
        let differ = paint.yellow(&format!("`{one}` and `{other}` differ"));
        format!("{differ}: {}\n\n{}", counted(number, "difference"), changes(found, paint))
    };
    let took: Vec<&Took> = found.took.iter().collect();
    if !took.is_empty() {
        text.push('\n');
        text.push_str(&lengths(found, &took, paint));
    }
    text
}

fn compared(found: &Difference) -> String {
    let mut parts = vec![counted(found.rows[0], "row")];
    for (number, noun) in [(found.steps, "step"), (found.checks, "check")] {
        if number > 0 {
            parts.push(counted(number, noun));
        }
    }
    parts.join(", ")
}

fn changes(found: &Difference, paint: Paint) -> String {
    let columns =
        [Column::Left("step"), Column::Left("what"), Column::Left("first"), Column::Left("second")];
    let cell = |text: &str| shorten(text, CELL_CHARS);
    let shown = found.changes.iter().take(CHANGES_SHOWN);
    let rows: Vec<Vec<String>> = shown
        .map(|change| {
            let step = if change.step.is_empty() { "the run" } else { &change.step };
            vec![cell(step), cell(&change.what), cell(&change.one), cell(&change.other)]
        })
        .collect();
    let mut text = table(&columns, &rows, paint);
    if found.changes.len() > CHANGES_SHOWN {
        let more = found.changes.len() - CHANGES_SHOWN;
        text.push_str(&format_args!("and {more} more; `--json` tells all\n").to_string());
    }
    text
}

fn lengths(found: &Difference, took: &[&Took], paint: Paint) -> String {
    let [one, other] = &found.orgs;
    let columns = [Column::Left("took"), Column::Right("first"), Column::Right("second")];
    let word = |seconds: Option<f64>| match seconds {
        Some(seconds) => time(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        None => "not known".to_owned(),
    };
    let mut rows: Vec<Vec<String>> = took
        .iter()
        .map(|took| {
            let step = if took.step.is_empty() { "the run" } else { &took.step };
            vec![shorten(step, CELL_CHARS), word(took.one), word(took.other)]
        })
        .collect();
    if one != other {
        rows.push(vec!["org".to_owned(), one.clone(), other.clone()]);
    }
    table(&columns, &rows, paint)
}
