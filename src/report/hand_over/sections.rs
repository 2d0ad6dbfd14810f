//! What stands on the page, in the order in which somebody who signs it asks.

use std::time::Duration;

use jiff::Timestamp;

use super::plot::{Bar, Plot, VERDICTS, as_float, lengths, shares};
use super::records::{approvals, files, jobs, ledger, options, undo};
use super::{Block, Cell, Look, Page, Part, Table};
use crate::account::{Account, Job, Kind, Org, Step};
use crate::model::limits::ERROR_GROUPS_MAX;
use crate::model::verdict::Counts;
use crate::pipeline::event::{ErrorGroup, Status, StepState};
use crate::report::exit::meaning;
use crate::report::figures::{bytes, count, counted, rate, shorten, time};

/// Bars of a plot.
const BARS_SHOWN: usize = 60;

/// Characters of a message that are shown.
pub(super) const MESSAGE_CHARS: usize = 400;

/// A run of which less than one part in so many was work is shown by lengths alone.
const IDLE_MAX: f64 = 10.0;

/// Differences of one check that are told.
const DIFFERENCES_SHOWN: usize = 5;

/// Groups of rows that ended alike are shown, the largest first.
const GROUPS_SHOWN: usize = ERROR_GROUPS_MAX;

pub(super) fn page(account: &Account) -> Page {
    let parts = [
        orgs(account),
        Some(rows(account)),
        checks(account),
        errors(account),
        speed(account),
        approvals(account),
        options(account),
        jobs(account),
        files(account),
        Some(undo(account)),
        ledger(account),
    ];
    Page {
        title: title(account),
        stamp: stamp(account),
        lead: lead(account),
        facts: facts(account),
        parts: parts.into_iter().flatten().collect(),
        signatures: vec![
            ("carried out by", named(&account.username)),
            ("reviewed by", String::new()),
            ("accepted by", String::new()),
        ],
        foot: format!(
            "Written by `longshore report` from the run folder of `{}`, run with version {}. Values \
             of rows are not in it; messages of the org may quote some.",
            account.run, account.version
        ),
    }
}

fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("`{name}`") }
}

fn title(account: &Account) -> String {
    let Account { operation, object, org, .. } = account;
    match account.kind {
        Kind::Runbook => format!("{object} in `{}`", org.alias),
        Kind::Load | Kind::Permissions => format!("{operation} {object} in `{}`", org.alias),
    }
}

fn stamp(account: &Account) -> Cell {
    let look = match account.end.status {
        Some(Status::Succeeded) => Look::Good,
        Some(Status::Partial) => Look::Doubtful,
        _ => Look::Bad,
    };
    let word = match account.end.status {
        Some(Status::Partial) => "finished in part",
        Some(Status::Unknown) => "finished, some rows unknown",
        _ => account.end.word(),
    };
    Cell { text: word.to_owned(), look }
}

fn lead(account: &Account) -> String {
    let rows = &account.rows;
    let mut text = format!("{} of {} succeeded", count(rows.success), counted(rows.input, "row"));
    let others = [
        (rows.unchanged, "was unchanged and not sent", "were unchanged and not sent"),
        (rows.error, "is in error", "are in error"),
        (rows.rejected, "was rejected", "were rejected"),
        (rows.unprocessed, "was not processed", "were not processed"),
        (rows.unknown, "is unknown", "are unknown"),
    ];
    for (number, one, many) in others.into_iter().filter(|(number, ..)| *number > 0) {
        let what = if number == 1 { one } else { many };
        text.push_str(&format_args!(", {} {what}", count(number)).to_string());
    }
    text.push('.');
    if account.kind == Kind::Runbook {
        let done = account.steps.iter().filter(|step| is_done(step)).count();
        let all = counted(large(account.steps.len()), "step");
        text.push_str(
            &format_args!(" {} of {all} came to a good end.", count(large(done))).to_string(),
        );
    }
    if !account.end.is_over {
        text.push_str(
            &format_args!(
                " The run is not finished: `longshore resume {}` goes on with it.",
                account.run
            )
            .to_string(),
        );
    }
    text
}

fn is_done(step: &Step) -> bool {
    matches!(step.step.state, StepState::Succeeded | StepState::Partial)
}

fn facts(account: &Account) -> Vec<(&'static str, Cell)> {
    let org = &account.org;
    let mut facts = vec![("run", Cell::code(&account.run))];
    let kind = match org.kind.as_str() {
        "auth0" => ", Auth0",
        "salesforce" => ", Salesforce",
        _ => "",
    };
    let name = if org.name.is_empty() { String::new() } else { format!(", {}", org.name) };
    facts.push(("org", Cell::text(format!("`{}`{kind}{name}", org.alias))));
    facts.push(("org id", Cell::code(&org.id)));
    facts.push(("address", Cell::code(&org.origin)));
    let id = if account.user_id.is_empty() {
        String::new()
    } else {
        format!(" (`{}`)", account.user_id)
    };
    facts.push(("user", Cell::text(format!("{}{id}", named(&account.username)))));
    facts.push(("started", Cell::text(moment(&account.times.started))));
    let ended = account.times.ended.as_deref().map_or_else(|| "not known".to_owned(), moment);
    facts.push(("ended", Cell::text(ended)));
    facts.push(("took", Cell::text(length(account.times.seconds))));
    if !account.times.resumed.is_empty() {
        let times: Vec<String> = account.times.resumed.iter().map(|when| moment(when)).collect();
        facts.push(("gone on with", Cell::text(shorten(&times.join(", "), MESSAGE_CHARS))));
    }
    if account.end.status.is_some() {
        facts.push(("API calls", Cell::text(calls(account))));
    }
    if let Some(code) = account.end.exit_code {
        facts.push(("exit code", Cell::text(format!("{code}, {}", meaning(code)))));
    }
    if let Some(input) = &account.input {
        let size = input.bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
        let is_read = input.whole || account.kind == Kind::Runbook;
        let part = if is_read { "" } else { ", not read to its end" };
        facts.push(("input", Cell::text(format!("`{}`{size}{part}", input.name))));
    }
    for (name, run) in [("tries again", &account.retry_of), ("takes back", &account.undo_of)] {
        facts.extend(run.as_ref().map(|run| (name, Cell::code(run))));
    }
    if let Some(failure) = &account.end.failure {
        facts.push(("failure", Cell::text(shorten(&failure.message, MESSAGE_CHARS))));
    }
    facts
}

fn calls(account: &Account) -> String {
    let again = match account.api.retries {
        0 => String::new(),
        retries => format!(", {} of them repeats", count(retries)),
    };
    format!("{}{again}", count(account.api.calls))
}

/// The orgs of a run that works in several.
fn orgs(account: &Account) -> Option<Part> {
    if account.orgs.len() < 2 {
        return None;
    }
    let row = |org: &Org| {
        vec![
            Cell::code(&org.alias),
            Cell::text(&org.name),
            Cell::text(&org.kind),
            Cell::code(&org.id),
            Cell::code(&org.origin),
            Cell::code(&org.username),
        ]
    };
    let columns = vec!["org", "name", "kind", "id", "address", "user"];
    let rows = account.orgs.iter().map(row).collect();
    Some(Part { title: "Orgs", blocks: vec![Block::Table(Table { columns, rows })] })
}

fn rows(account: &Account) -> Part {
    let legend = || VERDICTS.to_vec();
    let mut bars = vec![verdicts("all rows", &account.rows)];
    let mut blocks = Vec::new();
    if account.steps.is_empty() {
        bars.extend(job_bars(&account.jobs));
        let caption = "Rows by verdict, of the run and of each job";
        blocks.push(Block::Plot(Plot { caption, legend: legend(), bars }));
        blocks.push(Block::Table(totals(&account.rows)));
    } else {
        let with_rows = account.steps.iter().filter(|step| step.step.rows.input > 0);
        let of_step = |step: &Step| verdicts(&format!("`{}`", step.step.id), &step.step.rows);
        bars.extend(with_rows.take(BARS_SHOWN).map(of_step));
        let caption = "Rows by verdict, of the run and of each step";
        blocks.push(Block::Plot(Plot { caption, legend: legend(), bars }));
        blocks.push(Block::Table(steps(account)));
        blocks.extend(messages(account));
    }
    Part { title: "Rows", blocks }
}

fn verdicts(label: &str, rows: &Counts) -> Bar {
    let bad = rows.input.saturating_sub(rows.success);
    let told = match bad {
        0 => counted(rows.input, "row"),
        bad => format!("{}, {} not done", counted(rows.input, "row"), count(bad)),
    };
    Bar { label: label.to_owned(), parts: shares(rows), told }
}

fn job_bars(jobs: &[Job]) -> Vec<Bar> {
    let settled: Vec<(&Job, &Counts)> =
        jobs.iter().filter_map(|job| Some((job, job.counts.as_ref()?))).collect();
    if settled.len() < 2 {
        return Vec::new();
    }
    let bar = |(job, counts): &(&Job, &Counts)| {
        verdicts(&format!("rows {} to {}", count(job.first_row), count(job.last_row)), counts)
    };
    settled.iter().take(BARS_SHOWN).map(bar).collect()
}

fn totals(rows: &Counts) -> Table {
    let unchanged = match rows.unchanged {
        0 => String::new(),
        number => format!(", {} of them unchanged and not sent", count(number)),
    };
    let lines = [
        ("success", rows.success, format!("done, the org says{unchanged}")),
        ("error", rows.error, "refused by the org".to_owned()),
        ("rejected", rows.rejected, "failed a local check, never sent".to_owned()),
        ("unprocessed", rows.unprocessed, "not touched, for certain".to_owned()),
        ("unknown", rows.unknown, "nobody knows; look them up in the org".to_owned()),
        ("rows read", rows.input, "the sum of the others".to_owned()),
    ];
    let line = |(word, number, meaning): (&str, u64, String)| {
        vec![Cell::text(word), Cell::number(count(number)), Cell::text(meaning)]
    };
    Table { columns: vec!["verdict", "rows", "means"], rows: lines.into_iter().map(line).collect() }
}

fn steps(account: &Account) -> Table {
    let row = |step: &Step| {
        let told = &step.step;
        let rows = &told.rows;
        let numbers =
            [rows.input, rows.success, rows.error, rows.rejected, rows.unprocessed, rows.unknown];
        let mut cells = vec![
            Cell::code(&told.id),
            Cell::text(&told.kind),
            Cell::text(&told.alias),
            Cell { text: told.state.word().to_owned(), look: state_look(told.state) },
        ];
        cells.extend(numbers.map(|number| Cell::number(count(number))));
        let is_begun = !matches!(told.state, StepState::Skipped | StepState::NotBegun);
        let took = if is_begun { length(Some(told.seconds)) } else { String::new() };
        cells.push(Cell::number(took));
        cells
    };
    Table {
        columns: vec![
            "step",
            "kind",
            "org",
            "state",
            "rows",
            "success",
            "error",
            "rejected",
            "unprocessed",
            "unknown",
            "took",
        ],
        rows: account.steps.iter().map(row).collect(),
    }
}

fn state_look(state: StepState) -> Look {
    match state {
        StepState::Succeeded => Look::Good,
        StepState::Partial | StepState::Waiting => Look::Doubtful,
        StepState::Failed | StepState::Interrupted => Look::Bad,
        StepState::Skipped | StepState::NotBegun => Look::Text,
    }
}

/// Why steps did not succeed; what checkpoints say is told among the approvals.
fn messages(account: &Account) -> Option<Block> {
    let told = account.steps.iter().filter(|step| step.step.kind != "checkpoint");
    let items: Vec<String> = told
        .filter_map(|step| {
            let message = step.step.message.as_ref()?;
            Some(format!("`{}`: {}", step.step.id, shorten(message, MESSAGE_CHARS)))
        })
        .collect();
    (!items.is_empty()).then_some(Block::List(items))
}

/// The reconciliation: what was held against each other, with both numbers.
fn checks(account: &Account) -> Option<Part> {
    let mut rows = Vec::new();
    let mut differences = Vec::new();
    for step in &account.steps {
        let id = &step.step.id;
        for check in &step.step.checks {
            let (word, look) =
                if check.passed { ("passed", Look::Good) } else { ("failed", Look::Bad) };
            let exact = if check.tolerance.is_empty() { "none" } else { check.tolerance.as_str() };
            rows.push(vec![
                Cell::code(id),
                Cell::text(shorten(&check.name, MESSAGE_CHARS)),
                Cell::text(&check.kind),
                Cell::number(&check.source),
                Cell::number(&check.org),
                Cell::text(exact),
                Cell { text: word.to_owned(), look },
            ]);
            let told = check.differences.iter().take(DIFFERENCES_SHOWN);
            let told = told
                .map(|text| format!("`{id}`, {}: {}", check.name, shorten(text, MESSAGE_CHARS)));
            differences.extend(told);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let failed = account.steps.iter().flat_map(|step| &step.step.checks);
    let failed = failed.filter(|check| !check.passed).count();
    let all = counted(large(rows.len()), "comparison");
    let text = match failed {
        0 => format!("{all}, and all of them passed."),
        failed => format!("{all}; {} failed.", count(large(failed))),
    };
    let columns = vec!["step", "check", "kind", "source or bound", "org", "tolerance", "result"];
    let mut blocks = vec![Block::Text(text), Block::Table(Table { columns, rows })];
    if !differences.is_empty() {
        blocks.push(Block::List(differences));
    }
    Some(Part { title: "Reconciliation", blocks })
}

fn errors(account: &Account) -> Option<Part> {
    let mut groups = account.error_groups();
    if groups.is_empty() {
        return None;
    }
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    let by_step = account.kind == Kind::Runbook;
    let row = |(step, group): &(&str, &ErrorGroup)| {
        let numbers: Vec<String> = group.rows.iter().map(|row| count(*row)).collect();
        let more = if group.count > large(group.rows.len()) { ", …" } else { "" };
        let mut cells = if by_step { vec![Cell::code(*step)] } else { Vec::new() };
        cells.extend([
            Cell::text(&group.verdict),
            Cell::code(shorten(&group.code, MESSAGE_CHARS)),
            Cell::text(shorten(&group.message, MESSAGE_CHARS)),
            Cell::number(count(group.count)),
            Cell::text(format!("{}{more}", numbers.join(", "))),
        ]);
        cells
    };
    let mut columns = if by_step { vec!["step"] } else { Vec::new() };
    columns.extend(["verdict", "code", "message of the first", "rows", "the first of them"]);
    let rows = groups.iter().take(GROUPS_SHOWN).map(row).collect();
    let mut blocks = vec![Block::Table(Table { columns, rows })];
    if groups.len() > GROUPS_SHOWN {
        let more = groups.len() - GROUPS_SHOWN;
        let rows: u64 = groups[GROUPS_SHOWN..].iter().map(|(_, group)| group.count).sum();
        blocks.push(Block::Text(format!(
            "And {} of {}; `out/summary.json` of the runs has them.",
            counted(large(more), "more group"),
            counted(rows, "row")
        )));
    }
    Some(Part { title: "Rows that did not succeed", blocks })
}

/// How long each step took, and how many rows a second were sent or exported.
fn speed(account: &Account) -> Option<Part> {
    let timed: Vec<(String, f64, u64)> = if account.steps.is_empty() {
        let seconds = account.times.seconds?;
        vec![("the run".to_owned(), seconds, sent(&account.rows))]
    } else {
        let begun = account.steps.iter().filter(|step| step.step.seconds > 0.0);
        let of =
            |step: &Step| (format!("`{}`", step.step.id), step.step.seconds, sent(&step.step.rows));
        begun.map(of).collect()
    };
    if timed.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    if let Some(plot) = course(account) {
        blocks.push(Block::Plot(plot));
    } else if timed.len() > 1 {
        let widths = lengths(&timed.iter().map(|(_, seconds, _)| *seconds).collect::<Vec<_>>());
        let bar = |((label, seconds, _), width): (&(String, f64, u64), f64)| Bar {
            label: label.clone(),
            parts: vec![("time", width)],
            told: length(Some(*seconds)),
        };
        let bars = timed.iter().zip(widths).take(BARS_SHOWN).map(bar).collect();
        let caption = "How long each step took";
        blocks.push(Block::Plot(Plot { caption, legend: Vec::new(), bars }));
    }
    let rated: Vec<&(String, f64, u64)> = timed.iter().filter(|(_, _, rows)| *rows > 0).collect();
    if rated.len() > 1 {
        let per_second = |(_, seconds, rows): &&(String, f64, u64)| as_float(*rows) / seconds;
        let widths = lengths(&rated.iter().map(per_second).collect::<Vec<_>>());
        let bar = |((label, seconds, rows), width): (&(String, f64, u64), f64)| Bar {
            label: label.clone(),
            parts: vec![("rate", width)],
            told: rate(*rows, duration(*seconds)),
        };
        let rated = rated.iter().copied();
        let bars = rated.zip(widths).take(BARS_SHOWN).map(bar).collect();
        let caption = "Rows moved a second, by step";
        blocks.push(Block::Plot(Plot { caption, legend: Vec::new(), bars }));
    }
    let row = |(label, seconds, rows): &(String, f64, u64)| {
        let rate = if *rows > 0 { rate(*rows, duration(*seconds)) } else { String::new() };
        vec![
            Cell::text(label),
            Cell::number(length(Some(*seconds))),
            Cell::number(count(*rows)),
            Cell::number(rate),
        ]
    };
    let columns = vec!["what", "took", "rows moved", "rate"];
    blocks.push(Block::Table(Table { columns, rows: timed.iter().map(row).collect() }));
    Some(Part { title: "Time and rate", blocks })
}

/// When each step ran, from the begin of the run on; nothing where that would be mostly waiting for
/// somebody to go on with it, or is not known.
fn course(account: &Account) -> Option<Plot> {
    let parse = |text: &str| text.parse::<Timestamp>().ok();
    let begin = parse(&account.times.started)?;
    let whole = account.times.seconds.filter(|seconds| *seconds > 0.0)?;
    let mut bars = Vec::new();
    let mut worked = 0.0;
    for step in account.steps.iter().filter(|step| step.step.seconds > 0.0) {
        let began = parse(step.began.as_deref()?)?;
        let after = began.duration_since(begin).as_secs_f64().clamp(0.0, whole);
        let seconds = step.step.seconds.min(whole - after);
        worked += seconds;
        let width = (seconds / whole * 100.0).max(0.5);
        let at = (after / whole * 100.0).min(100.0 - width);
        bars.push(Bar {
            label: format!("`{}`", step.step.id),
            parts: vec![("gap", at), ("time", width)],
            told: length(Some(step.step.seconds)),
        });
    }
    if bars.len() < 2 || worked < whole / IDLE_MAX {
        return None;
    }
    bars.truncate(BARS_SHOWN);
    let caption = "When each step ran, and how long it took";
    Some(Plot { caption, legend: Vec::new(), bars })
}

fn sent(rows: &Counts) -> u64 {
    rows.input.saturating_sub(rows.rejected).saturating_sub(rows.unchanged)
}

/// A moment to the second, in UTC.
pub(super) fn moment(text: &str) -> String {
    let parsed = text.parse::<Timestamp>();
    parsed.map_or_else(|_| text.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn length(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "not known".to_owned(), |seconds| time(duration(seconds)))
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

pub(super) fn large(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
