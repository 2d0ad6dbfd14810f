//! The second half of the page: approvals, options, jobs, files, the undo and the ledger.

use super::sections::{MESSAGE_CHARS, large, moment};
use super::{Block, Cell, Part, Table};
use crate::account::{Account, Job, Kind, Step};
use crate::model::chunk::Digest;
use crate::pipeline::event::SummaryStep;
use crate::report::figures::{count, counted, shorten};

/// Jobs that are told one by one.
const JOBS_SHOWN: usize = 200;

/// What people have approved and confirmed.
pub(super) fn approvals(account: &Account) -> Option<Part> {
    let mut items = Vec::new();
    for step in &account.steps {
        let Step { step: SummaryStep { id, kind, state, message, .. }, approved, .. } = step;
        if let Some(approval) = approved {
            let by = shorten(&approval.by, MESSAGE_CHARS);
            items.push(format!("`{id}`: approved by `{by}`, {}", moment(&approval.when)));
        } else if kind == "checkpoint" {
            let message = message.as_deref().unwrap_or("nobody has approved it");
            let state = state.word();
            items.push(format!("`{id}`, {state}: {}", shorten(message, MESSAGE_CHARS)));
        }
    }
    let mut confirmed: Vec<(String, &Account)> = vec![(String::new(), account)];
    if !account.steps.is_empty() {
        confirmed.extend(account.loads());
    }
    for (step, run) in confirmed {
        let step = if step.is_empty() { String::new() } else { format!("`{step}`: ") };
        if let Some(said) = &run.confirmed {
            let rows = match said.rows {
                Some(rows) => format!(", and that {} are to lose something", counted(rows, "row")),
                None => String::new(),
            };
            items.push(format!(
                "{step}`{}` was confirmed as the production org to be changed{rows}",
                said.org
            ));
        }
        if let Some(plan) = &run.applied {
            items.push(format!("{step}carries out the plan with the digest `{plan}`"));
        }
    }
    if items.is_empty() {
        return None;
    }
    Some(Part { title: "Approvals", blocks: vec![Block::List(items)] })
}

pub(super) fn options(account: &Account) -> Option<Part> {
    if account.options.is_empty() {
        return None;
    }
    let row = |(name, value): &(String, String)| vec![Cell::text(name), Cell::code(value)];
    let rows = account.options.iter().map(row).collect();
    let table = Table { columns: vec!["what", "value"], rows };
    Some(Part { title: "What was asked for", blocks: vec![Block::Table(table)] })
}

pub(super) fn jobs(account: &Account) -> Option<Part> {
    let loads = account.loads();
    let all: Vec<(&str, &Job)> = loads
        .iter()
        .flat_map(|(step, load)| load.jobs.iter().map(move |job| (step.as_str(), job)))
        .collect();
    if all.is_empty() {
        return None;
    }
    let by_step = !account.steps.is_empty();
    let row = |(step, job): &(&str, &Job)| {
        let mut cells = if by_step { vec![Cell::code(*step)] } else { Vec::new() };
        let bad = job.counts.map(|counts| count(counts.input.saturating_sub(counts.success)));
        cells.extend([
            Cell::code(if job.id.is_empty() { "none" } else { &job.id }),
            Cell::text(format!("{} to {}", count(job.first_row), count(job.last_row))),
            Cell::number(count(job.rows)),
            Cell::number(bad.unwrap_or_else(|| "not known".to_owned())),
            Cell::text(if job.state.is_empty() { "not ended" } else { &job.state }),
        ]);
        cells
    };
    let mut columns = if by_step { vec!["step"] } else { Vec::new() };
    columns.extend(["job", "of rows", "rows", "not done", "state"]);
    let rows = all.iter().take(JOBS_SHOWN).map(row).collect();
    let mut blocks = vec![Block::Table(Table { columns, rows })];
    if all.len() > JOBS_SHOWN {
        let more = counted(large(all.len() - JOBS_SHOWN), "more job");
        blocks.push(Block::Text(format!("And {more}; the ledgers have them.")));
    }
    Some(Part { title: "Jobs", blocks })
}

/// What was read and what came of it, each with its digest.
pub(super) fn files(account: &Account) -> Option<Part> {
    let mut rows = Vec::new();
    let mut add =
        |step: &str, what: &str, name: &str, number: Option<u64>, digest: Option<Digest>| {
            let digest = digest.map_or_else(|| "not known".to_owned(), |digest| digest.to_string());
            rows.push(vec![
                Cell::code(step),
                Cell::text(what),
                Cell::code(name),
                Cell::number(number.map(count).unwrap_or_default()),
                Cell::code(digest),
            ]);
        };
    for file in &account.frozen {
        add(&file.step, &file.what, &file.name, None, Some(file.digest));
    }
    let own = (String::new(), account);
    let loads = account.loads();
    let runs: Vec<&(String, &Account)> = if account.steps.is_empty() {
        vec![&own]
    } else {
        std::iter::once(&own).chain(&loads).collect()
    };
    for (step, run) in runs {
        // Those of a runbook are told above.
        let is_told = |digest| account.frozen.iter().any(|file| digest == Some(file.digest));
        if let Some(input) = run.input.as_ref().filter(|input| !is_told(input.digest)) {
            add(step, "input", &input.name, None, input.digest);
        }
        if let Some((name, digest)) = &run.mapping {
            add(step, "mapping", name, None, Some(*digest));
        }
        for file in run.files.iter().filter(|file| file.rows > 0) {
            let name = format!("out/{}", file.name);
            add(step, "result", &name, Some(file.rows), Some(file.digest));
        }
    }
    for step in &account.steps {
        for file in &step.files {
            let rows = Some(file.rows).filter(|rows| *rows > 0);
            add(&step.step.id, "result", &file.name, rows, Some(file.digest));
        }
    }
    if rows.is_empty() {
        return None;
    }
    if account.steps.is_empty() {
        for row in &mut rows {
            row.remove(0);
        }
    }
    let mut columns = if account.steps.is_empty() { Vec::new() } else { vec!["step"] };
    columns.extend(["what", "file", "rows", "digest (BLAKE3)"]);
    Some(Part { title: "Files", blocks: vec![Block::Table(Table { columns, rows })] })
}

pub(super) fn undo(account: &Account) -> Part {
    let undo = &account.undo;
    let mut blocks = Vec::new();
    let text = if !undo.undone_by.is_empty() {
        let runs: Vec<String> = undo.undone_by.iter().map(|run| format!("`{run}`")).collect();
        let runs = shorten(&runs.join(", "), MESSAGE_CHARS);
        format!("An undo of it was begun: {runs}. `longshore runs` tells how far it came.")
    } else if undo.can_be_asked {
        format!(
            "`longshore undo {run}` takes it back; with `--plan-only` it shows what it would do, \
             against the org as it is then, and sends nothing.",
            run = account.run
        )
    } else if account.end.is_over {
        "It cannot be taken back by a command.".to_owned()
    } else {
        "It can be taken back once it is finished.".to_owned()
    };
    blocks.push(Block::Text(text));
    if !undo.cannot.is_empty() {
        blocks.push(Block::Text("What cannot be brought back:".to_owned()));
        blocks.push(Block::List(undo.cannot.clone()));
    }
    if !undo.does.is_empty() {
        blocks.push(Block::Text("What an undo does:".to_owned()));
        blocks.push(Block::List(undo.does.clone()));
    }
    Part { title: "Taking it back", blocks }
}

pub(super) fn ledger(account: &Account) -> Option<Part> {
    let seal = &account.seal;
    if seal.lines == 0 {
        return None;
    }
    let torn = if seal.torn { " A further line was cut off while it was written." } else { "" };
    let text = format!(
        "The ledger has {}, and each names the digest of the line before. The last one is \
         `{}`: a ledger that does not have it any more was changed after this page was written. It \
         proves no more than that.{torn}",
        counted(seal.lines, "line"),
        seal.digest
    );
    let verify = format!(
        "`longshore verify {}` recomputes the accounting of the rows from what lies in the folder.",
        account.run
    );
    let mut blocks = vec![Block::Text(text)];
    if account.kind == Kind::Runbook {
        let row = |(step, run): (String, &Account)| {
            let lines = Cell::number(count(run.seal.lines));
            vec![Cell::code(step), lines, Cell::code(&run.seal.digest)]
        };
        let rows: Vec<_> = account.loads().into_iter().map(row).collect();
        if !rows.is_empty() {
            let columns = vec!["step", "lines", "last digest"];
            blocks.push(Block::Table(Table { columns, rows }));
        }
    } else {
        blocks.push(Block::Text(verify));
    }
    Some(Part { title: "Ledger", blocks })
}
