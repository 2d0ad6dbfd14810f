//! What people are told of rows with the same key.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::key::RowKey;
use super::survey::{Found, Survey};
use crate::config::plan::LoadPlan;
use crate::faults;
use crate::ledger::make_runs_dir;
use crate::model::cells::push_line;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{KEYS_LISTED, ROWS_LISTED, SEPARATE_CUTS_MAX};
use crate::model::rows::RowMark;
use crate::pipeline::manifest;
use crate::pipeline::map;
use crate::pipeline::settle::KeptColumns;

/// Columns of our own in the list of all duplicates.
const OWN: [&str; 4] =
    ["longshore__key", "longshore__first_row", "longshore__line", "longshore__row"];

pub(super) fn no_key(plan: &LoadPlan) -> String {
    let policy = plan.on_duplicate.map_or("", |policy| policy.word());
    let (operation, object) = (plan.operation, &plan.object);
    format!(
        "`--on-duplicate {policy}` does nothing here: rows of {operation} `{object}` have no key"
    )
}

pub(super) fn not_looked(key: &RowKey) -> String {
    let names = key.names();
    format!("rows with the same key ({names}) are not looked for: standard input is read but once")
}

pub(super) fn sent_all_the_same(key: &RowKey, found: &Found) -> String {
    let (have, rows) = (have_the_same_key(key, found.rows), some_of(found.rows, &found.first));
    let are = if found.rows == 1 { "is" } else { "are" };
    format!(
        "{have} as a row before and {are} sent all the same, as that changes nothing: {rows}; \
         `--on-duplicate keep-first` leaves such rows out"
    )
}

pub(super) fn left_out(key: &RowKey, found: &Found) -> String {
    let (have, rows) = (have_the_same_key(key, found.rows), some_of(found.rows, &found.first));
    let are = if found.rows == 1 { "is" } else { "are" };
    format!("{have} as another row, which is kept, and {are} left out: {rows}")
}

pub(super) fn separate(key: &RowKey, found: &Found) -> String {
    let (have, rows) = (have_the_same_key(key, found.rows), some_of(found.rows, &found.first));
    let goes = if found.rows == 1 { "goes" } else { "go" };
    format!(
        "{have} as a row before and {goes} into a later job, one job at a time: {rows}; at least {} \
         jobs are made",
        found.cuts + 1
    )
}

pub(super) fn too_many_jobs(key: &RowKey, found: &Found) -> Failure {
    let message = format!(
        "{} as a row before, so close to it that {} jobs were needed; `--on-duplicate separate` \
         makes {} at most",
        have_the_same_key(key, found.rows),
        found.cuts + 1,
        SEPARATE_CUTS_MAX + 1
    );
    Failure::new(Blame::Request, message)
        .hint("sort the file so that the first rows of all keys come first, then the second rows")
        .hint("or use `--on-duplicate keep-last`: of each key, the last row is sent")
}

/// Writes a list of all duplicates beside the run folders, and says what can be done.
pub(super) fn refuse(survey: &mut Survey<'_>, found: &mut Found, run: &str) -> Failure {
    let path = survey.plan.runs_dir.join(format!("{run}-duplicates.csv"));
    let listed = match list(survey, found, &path) {
        Ok(listed) => listed,
        Err(failure) => return failure,
    };
    let input = manifest::input_name(&survey.plan.input.source);
    let (rows, keys) = (found.rows + found.keys, found.keys);
    let message = match keys {
        1 => format!("{rows} rows of `{input}` have the same key ({})", survey.key.names()),
        _ => format!("{rows} rows of `{input}` share {keys} keys ({})", survey.key.names()),
    };
    let mut message = format!("{message}; which of them would win is left to chance");
    for key in &listed {
        message.push_str(&key.told());
    }
    if keys > listed.len() as u64 {
        message.push_str("\n…");
    }
    Failure::new(Blame::Request, message)
        .hint(format!("nothing was sent; all these rows are in `{}`", path.display()))
        .hint("`--on-duplicate keep-first` or `keep-last` sends one row of each key, and the others are in rejected.csv")
        .hint("`--on-duplicate separate` sends all of them in the order of the file, one job at a time")
}

/// A key with the first few of its rows.
struct Listed {
    first_row: u64,
    key: String,
    marks: Vec<RowMark>,
    rows: u64,
}

impl Listed {
    fn told(&self) -> String {
        let rows = joined(self.marks.iter().map(|mark| mark.row), self.rows);
        let lines = joined(self.marks.iter().map(|mark| mark.line), self.rows);
        format!("\n`{}`: rows {rows} (lines {lines})", self.key)
    }
}

/// Writes all rows that share a key to `path`; returns the first few keys.
fn list(survey: &mut Survey<'_>, found: &mut Found, path: &Path) -> Result<Vec<Listed>, Failure> {
    let disk = |error: &std::io::Error| Failure::disk("write", path, error);
    let header = crate::pipeline::read::open(&survey.plan.input)?.header().to_vec();
    let kept = KeptColumns::of_header(&header);
    let (mapping, key) = (survey.mapping.narrow(&survey.key.columns()), survey.key.narrow());
    make_runs_dir(&survey.plan.runs_dir)?;
    let beside = beside(path);
    let mut file = private(&beside).map_err(|error| disk(&error))?;
    let mut line = Vec::new();
    let own = OWN.iter().map(|name| name.as_bytes());
    push_line(&mut line, kept.names().iter().map(String::as_bytes).chain(own));
    let mut listed: Vec<Listed> = Vec::new();
    let mut walk = found.pairs.walk()?;
    let mut next = walk.next()?;
    survey.each_slab(|slab| {
        let last = slab.marks.last().map_or(0, |mark| mark.row);
        if next.is_none_or(|[row, ..]| row > last) {
            return Ok(());
        }
        let mapped = map::map(slab, &mapping);
        for (index, mark) in mapped.raw.marks.iter().enumerate() {
            let Some([row, first_row, _]) = next else { break };
            if row != mark.row {
                continue;
            }
            next = walk.next()?;
            let shown = key.shown(&mapped.fields, index);
            let cells = [first_row, mark.line, mark.row].map(|number| number.to_string());
            let own = std::iter::once(&shown).chain(&cells).map(String::as_bytes);
            let source = kept.of(|column| Some(mapped.raw.table.field(index, column)));
            push_line(&mut line, source.chain(own));
            file.write_all(&line).map_err(|error| disk(&error))?;
            line.clear();
            note(&mut listed, first_row, *mark, shown);
        }
        Ok(())
    })?;
    file.flush().map_err(|error| disk(&error))?;
    faults::rename(&beside, path).map_err(|error| disk(&error))?;
    Ok(listed)
}

fn note(listed: &mut Vec<Listed>, first_row: u64, mark: RowMark, key: String) {
    if let Some(of_key) = listed.iter_mut().find(|listed| listed.first_row == first_row) {
        of_key.rows += 1;
        if of_key.marks.len() < ROWS_LISTED {
            of_key.marks.push(mark);
        }
    } else if listed.len() < KEYS_LISTED {
        listed.push(Listed { first_row, key, marks: vec![mark], rows: 1 });
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("part")
}

fn private(path: &Path) -> std::io::Result<BufWriter<faults::File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    faults::open(&options, path).map(BufWriter::new)
}

fn have_the_same_key(key: &RowKey, rows: u64) -> String {
    let names = key.names();
    match rows {
        1 => format!("1 row has the same key ({names})"),
        _ => format!("{rows} rows have the same key ({names})"),
    }
}

fn some_of(rows: u64, first: &[u64]) -> String {
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("{noun} {}", joined(first.iter().copied(), rows))
}

/// `1, 2, 3`, with `…` where there are more.
fn joined(numbers: impl Iterator<Item = u64>, all: u64) -> String {
    let mut told: Vec<String> = numbers.map(|number| number.to_string()).collect();
    if all > told.len() as u64 {
        told.push("…".to_owned());
    }
    told.join(", ")
}
