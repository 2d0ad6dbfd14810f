//! The last screen of a load: what became of the rows, why, where the files are, what to do next.

mod advice;
mod steps;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::exit;
use super::figures::{count, counted, escape, escape_lines, path, rate, shorten, time};
use super::paint::Paint;
use crate::model::limits::ROWS_LISTED;
use crate::model::rows::DUPLICATE_ROW;
use crate::pipeline::event::{ErrorGroup, Status, Summary};

/// Groups of alike rows that the screen shows; the files have all of them.
const GROUPS_SHOWN: usize = 12;

/// Characters of a far side's message that the screen shows.
const MESSAGE_WIDTH: usize = 160;

/// The exit code of a run that a signal has stopped.
const INTERRUPTED: u8 = 130;

/// The last screen as text, ending in a line end. Paths are shown as seen from `base`.
pub fn screen(summary: &Summary, base: &Path, paint: Paint) -> String {
    let parts = [
        headline(summary, paint),
        if summary.steps.is_empty() { String::new() } else { steps::steps(summary, paint) },
        table(summary, paint),
        groups(summary, paint),
        files(summary, base, paint),
        next(summary, base, paint),
        exit_code(summary),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// The summary as one JSON document with a line end, for `--json`.
pub fn document(summary: &Summary) -> String {
    let mut text = serde_json::to_string(summary).unwrap_or_default();
    text.push('\n');
    text
}

/// `insert PermissionSetAssignment into …: every row succeeded`.
fn headline(summary: &Summary, paint: Paint) -> String {
    let Summary { operation, object, rows, .. } = summary;
    let bad = rows.input.saturating_sub(rows.success);
    let word = match summary.status {
        Status::Succeeded if !summary.steps.is_empty() => paint.green("every step succeeded"),
        Status::Interrupted if !summary.steps.is_empty() && summary.exit_code != INTERRUPTED => {
            paint.yellow("waits for an approval")
        }
        Status::Succeeded if rows.input == 0 => paint.green("there were no rows"),
        Status::Succeeded if rows.unchanged == rows.input => {
            paint.green("every row is unchanged, nothing was sent")
        }
        Status::Succeeded => paint.green("every row succeeded"),
        Status::Partial | Status::Unknown => paint.yellow(&format!(
            "{} of {} did not succeed",
            count(bad),
            counted(rows.input, "row")
        )),
        Status::Failed => paint.red("the run failed"),
        Status::Interrupted => paint.yellow("interrupted"),
        Status::Refused => paint.red("refused, nothing was sent"),
    };
    let mut text =
        format!("{operation} {} in `{}`: {word}\n", escape(object), escape(&summary.org.alias));
    // `interrupted` stands in the line above already.
    let told = |message: &str| message == "interrupted" && summary.status == Status::Interrupted;
    if let Some(failure) = summary.failure.as_ref().filter(|it| !told(&it.message)) {
        let message = escape_lines(&failure.message, 2);
        writeln!(text, "{} {message}", paint.red("error:")).unwrap_or_default();
    }
    let length = Duration::try_from_secs_f64(summary.seconds).unwrap_or_default();
    let mut facts = vec![time(length)];
    let sent = rows.input.saturating_sub(rows.rejected).saturating_sub(rows.unchanged);
    if rows.success > rows.unchanged && summary.seconds > 0.0 {
        facts.push(rate(sent, length));
    }
    facts.push(counted(jobs(summary), "job"));
    facts.push(counted(summary.api.calls, "API call"));
    if summary.api.retries > 0 {
        facts.push(counted(summary.api.retries, "repeat"));
    }
    writeln!(text, "{}", facts.join(" · ")).unwrap_or_default();
    text
}

fn jobs(summary: &Summary) -> u64 {
    u64::try_from(summary.jobs.len()).unwrap_or(u64::MAX)
}

/// The verdicts, one a line, and their sum.
fn table(summary: &Summary, paint: Paint) -> String {
    let rows = &summary.rows;
    let verdicts = [
        ("success", rows.success),
        ("error", rows.error),
        ("rejected", rows.rejected),
        ("unprocessed", rows.unprocessed),
        ("unknown", rows.unknown),
    ];
    let width = verdicts.iter().map(|(_, n)| count(*n).len()).max().unwrap_or(0);
    let width = width.max(count(rows.input).len());
    let mut text = String::new();
    for (name, number) in verdicts {
        let line = format!("  {name:<12} {:>width$}", count(number));
        let line = match (name, number) {
            (_, 0) => line,
            ("success", _) => paint.green(&line),
            ("unknown", _) => paint.red(&line),
            _ => paint.yellow(&line),
        };
        let meaning = if number == 0 { "" } else { meaning(name, summary.resume.is_some()) };
        let unchanged = if name == "success" { rows.unchanged } else { 0 };
        let meaning = match unchanged {
            0 => meaning.to_owned(),
            all if all == number => "unchanged, not sent".to_owned(),
            some => format!("{meaning}; {} of them unchanged, not sent", count(some)),
        };
        writeln!(text, "{}", format!("{line}  {meaning}").trim_end()).unwrap_or_default();
    }
    writeln!(text, "  {:<12} {}", "", "─".repeat(width)).unwrap_or_default();
    writeln!(text, "  {:<12} {:>width$}", "rows read", count(rows.input)).unwrap_or_default();
    if !rows.is_balanced() {
        let sum: u64 = verdicts.iter().map(|(_, number)| number).sum();
        let gap = count(rows.input.abs_diff(sum));
        let words = format!("  these numbers do not add up: {gap} rows apart");
        writeln!(text, "{}", paint.red(&words)).unwrap_or_default();
    }
    text
}

/// What a verdict means; in a run that is gone on with, two of them are not the last word.
fn meaning(verdict: &str, goes_on: bool) -> &'static str {
    match verdict {
        "unprocessed" if goes_on => "not sent or not worked on yet",
        "unknown" if goes_on => "sent, and what became of it is not known yet",
        "success" => "done, the org says",
        "error" => "not done, the org says why",
        "rejected" => "failed a local check, never sent",
        "unprocessed" => "not worked on, nothing happened",
        _ => "sent, and nobody can say what became of it; never sent again by itself",
    }
}

/// Rows that ended alike, most frequent first.
fn groups(summary: &Summary, paint: Paint) -> String {
    let mut groups: Vec<&ErrorGroup> = summary.errors.iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let mut text = String::new();
    for group in groups.iter().take(GROUPS_SHOWN) {
        let code = paint.bold(&escape(&group.code));
        let verdict = match group.verdict.as_str() {
            "error" => String::new(),
            other => format!(" ({})", escape(other)),
        };
        writeln!(text, "  {} × {code}, {}{verdict}", count(group.count), row_numbers(group))
            .unwrap_or_default();
        if !group.message.is_empty() {
            let message = shorten(&escape(&group.message), MESSAGE_WIDTH);
            writeln!(text, "      {message}").unwrap_or_default();
        }
        if let Some(advice) = advice::of(group, &summary.operation) {
            writeln!(text, "      {}", paint.cyan(advice)).unwrap_or_default();
        }
    }
    if groups.len() > GROUPS_SHOWN {
        let more = groups.len() - GROUPS_SHOWN;
        let rows: u64 = groups.iter().skip(GROUPS_SHOWN).map(|group| group.count).sum();
        writeln!(text, "  and {more} more kinds in {}", counted(rows, "row")).unwrap_or_default();
    }
    text
}

/// `rows 17, 44, …`; without separators, so that they can be searched for in the files.
fn row_numbers(group: &ErrorGroup) -> String {
    let listed: Vec<String> = group.rows.iter().take(ROWS_LISTED).map(u64::to_string).collect();
    let noun = if group.count == 1 { "row" } else { "rows" };
    let shown = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    let more = if group.count > shown { ", …" } else { "" };
    format!("{noun} {}{more}", listed.join(", "))
}

/// The files that have rows, and the folder.
fn files(summary: &Summary, base: &Path, paint: Paint) -> String {
    if summary.run_dir.as_os_str().is_empty() {
        return String::new();
    }
    let (rows, files) = (&summary.rows, &summary.files);
    let mut text = format!("{}\n", paint.bold("files"));
    // The runs of a runbook have files of their own.
    let has_files = summary.steps.is_empty();
    for (file, number) in [
        (&files.success, rows.success),
        (&files.error, rows.error),
        (&files.rejected, rows.rejected),
        (&files.unprocessed, rows.unprocessed),
        (&files.unknown, rows.unknown),
    ] {
        if number > 0 && has_files {
            let rows = counted(number, "row");
            writeln!(text, "  {}  ({rows})", path(file, base)).unwrap_or_default();
        }
    }
    writeln!(text, "  {}  (all of this run)", path(&summary.run_dir, base)).unwrap_or_default();
    text
}

/// One line for each thing that a person can do about the rest.
fn next(summary: &Summary, base: &Path, paint: Paint) -> String {
    let (rows, files) = (&summary.rows, &summary.files);
    let mut hints = Vec::new();
    // Until the run has come to its end, there is one thing to do, and its failure says it.
    let is_over = summary.resume.is_none() && summary.steps.is_empty();
    hints.extend(steps::hints(summary, base));
    hints.extend(corrections(summary, base).filter(|_| is_over));
    if rows.unprocessed > 0 && is_over {
        let file = path(&files.unprocessed, base);
        hints.push(match retry(summary, base) {
            Some(retry) => format!("nothing happened to the rows of `{file}`: {retry} loads them"),
            None => format!("nothing happened to the rows of `{file}`: load it again as it is"),
        });
    }
    if rows.unknown > 0 && is_over {
        let file = path(&files.unknown, base);
        hints.push(format!(
            "look up the rows of `{file}` in the org before you load them again: they may be there"
        ));
    }
    if let Some(failure) = &summary.failure {
        hints.extend(failure.hints.iter().map(|hint| escape_lines(hint, 2)));
    }
    let mut text = String::new();
    for hint in hints {
        writeln!(text, "{} {hint}", paint.cyan("hint:")).unwrap_or_default();
    }
    text
}

/// The command that makes a run of the rows that did not succeed; none where the org ended with
/// the command.
fn retry(summary: &Summary, base: &Path) -> Option<String> {
    let shown = path(&summary.run_dir, base);
    let name = shown.strip_prefix("longshore-runs/").filter(|name| !name.contains('/'));
    let kept = !summary.org.alias.starts_with("demo") && !shown.is_empty();
    kept.then(|| format!("`longshore retry {}`", name.unwrap_or(&shown)))
}

/// What to do with error.csv and rejected.csv, whose paths stand right above.
fn corrections(summary: &Summary, base: &Path) -> Option<String> {
    let left_out: u64 = summary
        .errors
        .iter()
        .filter(|group| group.verdict == "rejected" && group.code == DUPLICATE_ROW)
        .map(|group| group.count)
        .sum();
    // Such a row would overwrite the one that was sent in its place.
    let rejected = summary.rows.rejected.saturating_sub(left_out);
    let files = match (summary.rows.error, rejected) {
        (0, 0) => return None,
        (_, 0) => "`error.csv`",
        (0, _) => "`rejected.csv`",
        _ => "`error.csv` and `rejected.csv`",
    };
    let ours = || summary.errors.iter().filter(|group| group.verdict == "error");
    let only_errors = rejected == 0;
    if only_errors && ours().all(|group| advice::is_so_already(group, &summary.operation)) {
        return None;
    }
    Some(if only_errors && ours().all(advice::is_worth_repeating) {
        match retry(summary, base) {
            Some(retry) => format!("the rows of {files} need no correction: {retry} loads them"),
            None => format!("the rows of {files} need no correction, load the file again as it is"),
        }
    } else {
        let these = if files.contains(" and ") { "these files" } else { "the file" };
        let but = if left_out > 0 && !only_errors {
            format!(" (those with the code `{DUPLICATE_ROW}` are to be dropped)")
        } else {
            String::new()
        };
        format!(
            "correct the rows of {files} or drop them{but}, and load {these}: added columns may stay"
        )
    })
}

/// Why the exit code is not zero.
fn exit_code(summary: &Summary) -> String {
    match summary.exit_code {
        0 => String::new(),
        code => {
            let meaning = exit::meaning(code);
            let here = meaning.strip_suffix("; resumable").filter(|_| summary.resume.is_none());
            format!("exit code {code}: {}\n", here.unwrap_or(meaning))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
