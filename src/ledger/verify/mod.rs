//! Recomputes the accounting of a run from what lies in its folder: the proof that every row ended
//! once, by code that shares nothing with the code that wrote the files.
//!
//! What is held against each other: the row numbers of the five result files (each number of what
//! was read once, in one file); the rows by verdict in the files, per chunk in the ledger, in the
//! summary and in the last fact; the Ids of success.csv and those of the results as received; the
//! digests of the files and those that the ledger remembers; the rows that were left out as they
//! change nothing, and the list that was made before anything was sent; the rows that were sent
//! again in rounds, and the lists of those. Memory holds a map of the Ids seen (1.4 MiB for 10
//! million rows where ids are counted up, at most 14 MiB), the Ids of one chunk, in each round,
//! where there are rounds or its Ids are not those of its results, and otherwise one row of each
//! file.

mod ids;
mod passes;
mod tables;
mod unchanged;

use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use self::ids::{NotSure, Seen, first_double, number_of, rows_of, stand_in};
use self::passes::{ChunkTally, Pass};
use self::tables::{NAMES, Table, ids_from, read_raw};
use self::unchanged::Listed;
use super::state::{ChunkState, InputRead, RunState};
use super::{Manifest, Output, RawKind};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;

/// Faults that are told one by one.
const FAULTS_TOLD: usize = 20;

/// Ids that are looked at together for doubles where a map of all cannot tell; a larger file is
/// read twice more for each further such part.
const IDS_AT_ONCE: u64 = 2_000_000;

/// What verifying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub run: String,
    /// Rows as the files have them.
    pub counts: Counts,
    pub chunks: u64,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
    /// What is wrong; the first of them, when there are many.
    pub faults: Vec<String>,
    pub faults_in_all: u64,
}

impl Verified {
    /// The faults as the failure of a run, if there are any.
    pub fn failure(&self) -> Option<Failure> {
        let first = self.faults.first()?;
        let more = match self.faults_in_all {
            1 => String::new(),
            all => format!(" (and {} more)", all - 1),
        };
        let message = format!("the accounting of the run is wrong: {first}{more}");
        Some(
            Failure::new(Blame::Accounting, message)
                .hint(format!("`longshore verify {}` tells all that is wrong", self.run))
                .hint("keep the run folder, and look the rows up in the org before loading again"),
        )
    }
}

/// Verifies the run in the folder `root`.
///
/// `Err` means that there is nothing to verify: the run has not come to its result files, or its
/// ledger cannot be used.
pub fn verify(root: &Path) -> Result<Verified, Failure> {
    let manifest = Manifest::read(root)?;
    let (state, torn) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let Some((input, outputs)) = told(&state) else {
        return Err(unfinished(&manifest.run, state.closed.is_some()));
    };
    let mut check = Check::new(root, &manifest, &state);
    if let Some(torn) = torn {
        check.fault(format!("ledger.jsonl:{}: the last line is torn off", torn.line));
    }
    check.window(&manifest, &input);
    let mut tables = NAMES.map(|name| Table::open(&check.out, name));
    for table in &mut tables {
        table.advance(&mut check.faults);
    }
    check.walk(&mut tables, &input);
    for table in tables {
        check.output(table, outputs);
    }
    check.totals(&state, &input);
    check.doubles();
    Ok(check.done(manifest.run))
}

/// What was read, and the result files as they were finished: of the whole run, or as far as the
/// last process came that left it in order.
fn told(state: &RunState) -> Option<(InputRead, &[Output])> {
    let Some(paused) = &state.paused else {
        return Some((state.input?, state.outputs.as_deref()?));
    };
    let Counts { input, rejected, unchanged, .. } = paused.counts;
    let read = InputRead {
        first_row: paused.first_row,
        rows: input,
        accepted: input.saturating_sub(rejected).saturating_sub(unchanged),
        rejected,
        bytes: 0,
        digest: Digest::of(b""),
        whole: false,
        unchanged: None,
    };
    (paused.files.len() == NAMES.len()).then_some((read, paused.files.as_slice()))
}

fn unfinished(run: &str, closed: bool) -> Failure {
    if closed {
        let message =
            format!("the run `{run}` broke off before its result files were written to the end");
        return Failure::new(Blame::Accounting, message)
            .hint(format!("`longshore runs show {run}` tells how far it came"));
    }
    Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
        .hint(format!("`longshore resume {run}` goes on with it"))
        .hint(format!("`longshore runs show {run}` tells how far it came"))
}

/// What is wrong, as it is found.
#[derive(Debug, Default)]
struct Faults {
    told: Vec<String>,
    all: u64,
}

impl Faults {
    fn add(&mut self, fault: String) {
        self.all += 1;
        if self.told.len() < FAULTS_TOLD {
            self.told.push(fault);
        }
    }
}

struct Check<'a> {
    out: PathBuf,
    raw: PathBuf,
    state: &'a RunState,
    faults: Faults,
    notes: Vec<String>,
    counts: Counts,
    /// The chunks of the input, and those of each round that counts.
    passes: Vec<Pass<'a>>,
    listed: Listed,
    /// The Ids of success.csv, where no two rows may share one.
    seen: Option<Seen>,
}

impl<'a> Check<'a> {
    fn new(root: &Path, manifest: &Manifest, state: &'a RunState) -> Self {
        let mut notes = Vec::new();
        if let Some(when) = &state.cleaned {
            notes.push(format!(
                "`runs clean` removed the results as received of `{}` at {when}; Ids are not held \
                 against them",
                manifest.run
            ));
        }
        if state.paused.is_some() {
            notes.push(format!(
                "the run is not finished; `longshore resume {}` goes on with it",
                manifest.run
            ));
        }
        let mut faults = Faults::default();
        let listed = Listed::open(root, manifest.unchanged.as_ref(), &mut faults);
        // The Ids that Auth0 gives are those of users, who have several rows each.
        let one_row_each = manifest.operation == "insert" && manifest.org_kind != "auth0";
        let passes = Pass::all(root, state, &mut faults);
        Self {
            out: root.join("out"),
            raw: root.join("raw"),
            state,
            faults,
            notes,
            counts: Counts::default(),
            passes,
            listed,
            seen: one_row_each.then(Seen::default),
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults.add(fault);
    }

    /// What was read lies where it was asked for.
    fn window(&mut self, manifest: &Manifest, input: &InputRead) {
        let skipped = input.first_row == manifest.skip + 1;
        let limited = manifest.limit.is_none_or(|limit| input.rows <= limit);
        if !skipped || !limited {
            self.fault(format!(
                "{} rows were read from row {}, and asked for were {} rows from row {}",
                input.rows,
                input.first_row,
                manifest.limit.map_or("all".to_owned(), |limit| limit.to_string()),
                manifest.skip + 1
            ));
        }
    }

    /// Merges the five files by row number: together they are one ascending count.
    fn walk(&mut self, tables: &mut [Table; 5], input: &InputRead) {
        let mut expected = input.first_row;
        let end = input.first_row + input.rows;
        loop {
            let heads = tables.iter_mut().filter_map(|table| Some((table.head?, table)));
            let Some((row, table)) = heads.min_by_key(|(row, _)| *row) else { break };
            if row < expected {
                let name = table.name;
                self.faults.add(format!("row {row} stands twice or out of order, in {name}"));
            } else if row >= end {
                self.faults.add(format!("row {row} in {} was never read", table.name));
            } else if row > expected {
                self.faults.add(nowhere(expected, row - 1));
            }
            expected = expected.max(row + 1);
            self.counts.input += 1;
            *verdict(&mut self.counts, table.name) += 1;
            if let Some((seen, id)) = self.seen.as_mut().zip(table.id()) {
                seen.add(id);
            }
            if self.listed.has(row, table, &mut self.faults) {
                self.counts.unchanged += 1;
            } else if table.name != "rejected.csv" {
                self.sent(row, table);
            }
            table.advance(&mut self.faults);
        }
        if expected < end {
            self.fault(nowhere(expected, end - 1));
        }
        for pass in 0..self.passes.len() {
            while let Some(chunk) = self.passes[pass].pass_by(u64::MAX) {
                self.close(&chunk, pass);
            }
            self.passes[pass].end(&mut self.faults);
        }
    }

    /// A row that was in a chunk.
    ///
    /// Its verdict is that of the last round that has it; in those before it was put off.
    fn sent(&mut self, row: u64, table: &Table) {
        let mut pass = 0;
        while pass + 1 < self.passes.len() && self.passes[pass + 1].has(row, &mut self.faults) {
            self.pass_by(row, pass);
            if !self.passes[pass].put_off(row) {
                self.faults.add(format!("row {row} is in round {} and was in no chunk", pass + 1));
            }
            pass += 1;
        }
        self.pass_by(row, pass);
        match self.passes[pass].chunk_of(row) {
            Some(chunk) => {
                chunk.counts.input += 1;
                *verdict(&mut chunk.counts, table.name) += 1;
                if let Some(id) = table.id() {
                    chunk.take_id(id, table.offset());
                }
            }
            None => self.faults.add(format!("row {row} in {} was in no chunk", table.name)),
        }
    }

    #[inline]
    fn pass_by(&mut self, row: u64, pass: usize) {
        while let Some(chunk) = self.passes[pass].pass_by(row) {
            self.close(&chunk, pass);
        }
    }

    /// Every row of a chunk has passed, or of all those of a window.
    fn close(&mut self, tally: &ChunkTally<'_>, pass: usize) {
        if tally.chunks.iter().any(|(_, chunk)| self.is_behind(chunk)) {
            return;
        }
        let paused = self.state.paused.is_some();
        let told = tally.told();
        if !paused && let Some(number) = told.unsettled {
            self.fault(format!("chunk {number} was never settled"));
        }
        // Rows of which no round was begun by the last process are where it left them.
        let left = paused && pass + 1 == self.passes.len();
        let (deferred, left) = if left { (0, told.deferred) } else { (told.deferred, 0) };
        if tally.deferred != deferred && told.unsettled.is_none() {
            self.fault(format!(
                "of chunk {} round {} has {} rows, and {deferred} were put off",
                tally.name(),
                pass + 1,
                tally.deferred
            ));
        }
        let (number, files) = (tally.name(), &tally.counts);
        if let Some(open) = told.unsettled {
            // Of a chunk without a last word no row has ended yet.
            let Counts { input, success, error, .. } = *files;
            let rows = told.counts.input + left;
            if paused && (input, success, error) != (rows, told.counts.success, told.counts.error) {
                let words = words(files);
                self.fault(format!("chunk {open} is not settled, and the files have {words}"));
            }
        } else if !told.are_in(files, left) {
            self.fault(format!(
                "of chunk {number} the files have {}, and the ledger {}",
                words(files),
                words(&told.counts)
            ));
        }
        if self.state.cleaned.is_none() {
            self.received(tally);
        }
    }

    /// Whether an earlier process has put the chunk together and the last one, which left the
    /// result files, did not come so far.
    fn is_behind(&self, chunk: &ChunkState) -> bool {
        self.state.paused.as_ref().is_some_and(|paused| paused.is_before(chunk))
    }

    /// Holds a chunk against the results as received.
    fn received(&mut self, tally: &ChunkTally<'_>) {
        let mut received = ids::Sum::default();
        let mut successful = Vec::new();
        for (number, chunk) in &tally.chunks {
            for raw in &chunk.raw {
                let name = format!("{number}.{}.csv", raw.which.word());
                let path = self.raw.join(&name);
                let is_successful = raw.which == RawKind::Successful;
                let take = |id: &[u8]| {
                    if is_successful {
                        received.add(id);
                    }
                };
                match read_raw(&path, take) {
                    Ok(read) => {
                        let rows = raw.rows.is_none_or(|rows| read.rows == rows);
                        if read.digest != raw.digest || read.bytes != raw.bytes || !rows {
                            self.fault(format!("raw/{name} is not as it was received"));
                        }
                    }
                    Err(error) => self.fault(format!("raw/{name} cannot be read: {error}")),
                }
                if is_successful {
                    successful.push(path);
                }
            }
        }
        if let (rows, Some(chunk)) = tally.failed_at_most()
            && rows < tally.counts.error + tally.deferred
        {
            let name = format!("{chunk}.{}.csv", RawKind::Failed.word());
            self.fault(format!("error.csv has more rows of a job than raw/{name}"));
        }
        if tally.ids != received {
            self.strangers(tally, &successful);
        }
    }

    /// Ids of a chunk that are not in its results. The usual case is that all are the same; where
    /// the Ids of some rows are not known, each is looked for.
    fn strangers(&mut self, tally: &ChunkTally<'_>, successful: &[PathBuf]) {
        let Some(offset) = tally.ids_at else { return };
        let success = self.out.join("success.csv");
        let read = || ids_from(&success, offset, tally.last_row);
        let ids = match tally.each_id.clone().map_or_else(read, Ok) {
            Ok(ids) => ids,
            Err(error) => return self.fault(format!("success.csv cannot be read: {error}")),
        };
        let mut received = Vec::new();
        for path in successful {
            // That a file cannot be read is told already.
            let _read = read_raw(path, |id| received.push(xxh3_128(id))).is_ok();
        }
        let strangers = stand_in(ids, received);
        if strangers > 0 {
            self.fault(format!(
                "{strangers} Ids of chunk {} in success.csv are not in its results as received",
                tally.name()
            ));
        }
    }

    /// A result file is as it was finished.
    fn output(&mut self, table: Table, outputs: &[Output]) {
        let name = table.name;
        let read = table.finish();
        let Some(output) = outputs.iter().find(|output| output.name == name) else {
            return self.fault(format!("the ledger does not know {name}"));
        };
        let same =
            read.rows == output.rows && read.bytes == output.bytes && read.digest == output.digest;
        if !same {
            self.fault(format!(
                "{name} was changed after the run: it has {} rows in {} bytes, and had {} in {}",
                read.rows, read.bytes, output.rows, output.bytes
            ));
        }
    }

    /// All who count have come to the same.
    fn totals(&mut self, state: &RunState, input: &InputRead) {
        let files = self.counts;
        let summary = self.out.join("summary.json");
        let summary = std::fs::read(summary)
            .and_then(|text| serde_json::from_slice::<Said>(&text).map_err(io::Error::other));
        let mut others = match &state.paused {
            Some(paused) => vec![("the last fact", paused.counts)],
            None => vec![("the ledger", state.counts())],
        };
        match summary {
            Ok(said) => others.push(("summary.json", said.rows)),
            Err(error) => self.fault(format!("summary.json cannot be read: {error}")),
        }
        others.extend(state.closed.map(|closed| ("the last fact", closed.counts)));
        for (who, counts) in others {
            if counts != files {
                let (have, says) = (words(&files), words(&counts));
                self.fault(format!("the files have {have}, and {who} says {says}"));
            }
        }
        let of_input = state.chunks.values().filter(|chunk| chunk.round == 0);
        let seen = of_input.filter(|chunk| !self.is_behind(chunk));
        let planned: u64 = seen.map(|chunk| u64::from(chunk.plan.rows)).sum();
        if planned != input.accepted {
            self.fault(format!(
                "{} rows were accepted, and {planned} put in chunks",
                input.accepted
            ));
        }
    }

    /// No record was created for two rows.
    fn doubles(&mut self) {
        let Some(seen) = &self.seen else { return };
        let path = self.out.join("success.csv");
        let rows = match seen.double() {
            Ok(double) => {
                double.map(|double| rows_of(&path, |id| number_of(id) == Some(double))).transpose()
            }
            Err(NotSure) => {
                first_double(&path, self.counts.success, IDS_AT_ONCE).and_then(|double| {
                    double.map(|double| rows_of(&path, |id| xxh3_128(id) == double)).transpose()
                })
            }
        };
        match rows {
            Ok(None) => {}
            Ok(Some(rows)) => {
                let rows: Vec<String> = rows.iter().map(u64::to_string).collect();
                self.fault(format!("rows {} share one Id in success.csv", rows.join(", ")));
            }
            Err(error) => self.fault(format!("success.csv cannot be read: {error}")),
        }
    }

    fn done(self, run: String) -> Verified {
        Verified {
            run,
            counts: self.counts,
            chunks: self.state.chunks.len() as u64,
            notes: self.notes,
            faults: self.faults.told,
            faults_in_all: self.faults.all,
        }
    }
}

/// What summary.json says of the rows.
#[derive(serde::Deserialize)]
struct Said {
    rows: Counts,
}

fn nowhere(first: u64, last: u64) -> String {
    if first == last {
        format!("row {first} stands in no file")
    } else {
        format!("rows {first} to {last} stand in no file")
    }
}

#[inline]
fn verdict<'a>(counts: &'a mut Counts, name: &str) -> &'a mut u64 {
    match name {
        "success.csv" => &mut counts.success,
        "error.csv" => &mut counts.error,
        "rejected.csv" => &mut counts.rejected,
        "unprocessed.csv" => &mut counts.unprocessed,
        _ => &mut counts.unknown,
    }
}

fn words(counts: &Counts) -> String {
    let unchanged = match counts.unchanged {
        0 => String::new(),
        rows => format!(", {rows} of them unchanged"),
    };
    format!(
        "{} rows ({} success{unchanged}, {} error, {} rejected, {} unprocessed, {} unknown)",
        counts.input,
        counts.success,
        counts.error,
        counts.rejected,
        counts.unprocessed,
        counts.unknown
    )
}

#[cfg(test)]
mod tests;
