//! The chunks of the input, and those of each round, as the rows of the result files pass by.
//!
//! A round has a list of its rows. A row that is in it was put off in the round before, and ended
//! in this one unless the next has it too.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::iter::Peekable;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::Faults;
use super::ids::Sum;
use crate::ledger::state::{ChunkState, Phase, RunState};
use crate::ledger::{RawKind, round_list};
use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::verdict::Counts;

/// The chunks of the input or of a round, one after the other.
pub struct Pass<'a> {
    chunks: Peekable<Box<dyn Iterator<Item = (&'a ChunkNumber, &'a ChunkState)> + 'a>>,
    open: Option<ChunkTally<'a>>,
    list: Option<List>,
    has_rounds: bool,
}

/// The chunk whose rows are passing, or those of a window, whose rows interleave.
pub struct ChunkTally<'a> {
    pub chunks: Vec<(ChunkNumber, &'a ChunkState)>,
    pub first_row: u64,
    pub last_row: u64,
    pub counts: Counts,
    /// Rows that the next round has.
    pub deferred: u64,
    /// The Ids in success.csv, and where the first of them stands.
    pub ids: Sum,
    pub ids_at: Option<u64>,
    /// The digest of each, where there are rounds: rows of several chunks interleave then.
    pub each_id: Option<Vec<u128>>,
}

/// What the ledger says of such chunks.
pub struct Told {
    pub counts: Counts,
    pub deferred: u64,
    /// One of them without a last word.
    pub unsettled: Option<ChunkNumber>,
}

impl<'a> Pass<'a> {
    /// The chunks of the input and those of all rounds, or of those that the last process came to.
    pub fn all(root: &Path, state: &'a RunState, faults: &mut Faults) -> Vec<Self> {
        let mut passes = vec![Self::of(state, 0, None)];
        let reached = state.paused.as_ref().map_or(u32::MAX, |paused| paused.rounds);
        for (number, round) in (1..=reached).zip(&state.rounds) {
            let list = List::open(root, number, round.digest, faults);
            passes.push(Self::of(state, number, Some(list)));
        }
        passes
    }

    fn of(state: &'a RunState, round: u32, list: Option<List>) -> Self {
        let chunks = state.chunks.iter().filter(move |(_, chunk)| chunk.round == round);
        let chunks: Box<dyn Iterator<Item = _>> = Box::new(chunks);
        let has_rounds = !state.rounds.is_empty();
        let mut pass = Self { chunks: chunks.peekable(), open: None, list, has_rounds };
        pass.open = pass.next();
        pass
    }

    /// Whether the round has the row; rows ascend. A row that is passed over stands in no file.
    pub fn has(&mut self, row: u64, faults: &mut Faults) -> bool {
        self.list.as_mut().is_some_and(|list| list.has(row, faults))
    }

    /// The chunk at hand, if it ends before the row; the next one is at hand then.
    pub fn pass_by(&mut self, row: u64) -> Option<ChunkTally<'a>> {
        let passed = self.open.take_if(|chunk| chunk.last_row < row || row == u64::MAX)?;
        self.open = self.next();
        Some(passed)
    }

    /// The chunk of a row that no chunk at hand ends before.
    pub fn chunk_of(&mut self, row: u64) -> Option<&mut ChunkTally<'a>> {
        self.open.as_mut().filter(|chunk| chunk.first_row <= row)
    }

    /// The next round has the row; false if it was in no chunk.
    pub fn put_off(&mut self, row: u64) -> bool {
        self.chunk_of(row).map(|chunk| chunk.deferred += 1).is_some()
    }

    /// The last row has passed.
    pub fn end(&mut self, faults: &mut Faults) {
        if let Some(list) = &mut self.list {
            list.has(u64::MAX, faults);
        }
    }

    /// The next chunk, with all of its window.
    fn next(&mut self) -> Option<ChunkTally<'a>> {
        let (number, state) = self.chunks.next()?;
        let plan = state.plan;
        let mut tally = ChunkTally {
            chunks: vec![(*number, state)],
            first_row: plan.first_row,
            last_row: plan.end(),
            counts: Counts::default(),
            deferred: 0,
            ids: Sum::default(),
            ids_at: None,
            each_id: self.has_rounds.then(Vec::new),
        };
        let beside = |(_, next): &(&ChunkNumber, &ChunkState)| {
            plan.window.zip(next.plan.window).is_some_and(|(own, other)| own.is_with(&other))
        };
        while let Some((number, state)) = self.chunks.next_if(beside) {
            tally.chunks.push((*number, state));
        }
        Some(tally)
    }
}

impl ChunkTally<'_> {
    /// Takes an Id of success.csv, whose row begins at `offset`.
    pub fn take_id(&mut self, id: &[u8], offset: u64) {
        self.ids.add(id);
        self.ids_at.get_or_insert(offset);
        if let Some(each) = &mut self.each_id {
            each.push(xxh3_128(id));
        }
    }

    /// What the ledger says; of a chunk without a last word only how many rows it has.
    pub fn told(&self) -> Told {
        let mut told = Told { counts: Counts::default(), deferred: 0, unsettled: None };
        for (number, chunk) in &self.chunks {
            if let Phase::Settled { counts, .. } = &chunk.phase {
                told.counts.add(*counts);
                told.deferred += chunk.deferred;
            } else {
                told.counts.input += u64::from(chunk.plan.rows);
                told.unsettled = Some(*number);
            }
        }
        told
    }

    /// Rows that failed by the results as received, at most, and the chunk whose file says so last.
    /// Where a file was not counted when it came, or is not there, any row may have.
    pub fn failed_at_most(&self) -> (u64, Option<ChunkNumber>) {
        let (mut most, mut told_by) = (0, None);
        for (number, chunk) in &self.chunks {
            let failed = chunk.raw.iter().find(|raw| raw.which == RawKind::Failed);
            let counted = failed.and_then(|raw| raw.rows);
            told_by = counted.map(|_| *number).or(told_by);
            most += counted.unwrap_or_else(|| u64::from(chunk.plan.rows));
        }
        (most, told_by)
    }

    /// `000007`, or `000007 to 000012`.
    pub fn name(&self) -> String {
        match &self.chunks[..] {
            [(first, _), .., (last, _)] => format!("{first} to {last}"),
            [(only, _)] => only.to_string(),
            [] => String::new(),
        }
    }
}

impl Told {
    /// Whether the files have the same, and besides so many rows that were put off and left.
    pub fn are_in(&self, files: &Counts, left: u64) -> bool {
        let mut counts = self.counts;
        counts.input += left;
        // Where an earlier process has sent them again, the last one could not say what of it came.
        let unknown = files.unknown.saturating_sub(counts.unknown).min(left);
        counts.unknown += unknown;
        counts.unprocessed += left - unknown;
        counts == *files
    }
}

/// The list of the rows of a round, read along with the result files.
struct List {
    round: u32,
    lines: Option<io::Lines<BufReader<File>>>,
    head: Option<u64>,
}

impl List {
    /// Opens the list; what is wrong with it is a fault.
    fn open(root: &Path, round: u32, digest: Digest, faults: &mut Faults) -> Self {
        let path = round_list(root, round);
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        let again = read.and_then(|_| File::open(&path));
        if again.is_err() || Digest::finish(&hasher) != digest {
            faults.add(format!("round{round}.rows is missing or not as it was written"));
        }
        let lines = again.ok().map(|file| BufReader::new(file).lines());
        let mut list = Self { round, lines, head: None };
        list.advance();
        list
    }

    fn has(&mut self, row: u64, faults: &mut Faults) -> bool {
        while let Some(passed) = self.head.filter(|head| *head < row) {
            let round = self.round;
            faults.add(format!("row {passed} of round {round} was not there to be sent again"));
            self.advance();
        }
        let found = self.head == Some(row);
        if found {
            self.advance();
        }
        found
    }

    fn advance(&mut self) {
        let line = self.lines.as_mut().and_then(Iterator::next).and_then(Result::ok);
        self.head = line.and_then(|line| line.parse().ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::state::{Planned, Raw};

    fn chunk(raw: &[Raw]) -> ChunkState {
        let digest = Digest::of(b"x");
        let (first_row, last_row, rows) = (1, 10, 5);
        let (source, window) = (None, None);
        ChunkState {
            plan: Planned { first_row, last_row, rows, bytes: 1, digest, source, window },
            round: 0,
            deferred: 0,
            phase: Phase::Spooled,
            given_up: Vec::new(),
            why_unknown: None,
            raw: raw.to_vec(),
            image: None,
            unknown: 0,
        }
    }

    /// Found by seed 3099 of the simulation: of the chunks of one window some have results that
    /// were counted when they came, and others not.
    #[test]
    fn a_file_that_was_not_counted_may_hold_every_row_of_its_chunk() {
        let digest = Digest::of(b"x");
        let failed = |rows| vec![Raw { which: RawKind::Failed, rows, bytes: 1, digest }];
        let window = [
            (failed(Some(2)), 2, Some(1)),
            (failed(None), 7, Some(1)),
            (failed(Some(0)), 7, Some(3)),
            (Vec::new(), 12, Some(3)),
        ];
        let chunks: Vec<ChunkState> = window.iter().map(|(raw, ..)| chunk(raw)).collect();
        for (number, (_, most, told_by)) in (1..).zip(window) {
            let chunks =
                (1..=number).zip(&chunks).map(|(number, chunk)| (ChunkNumber(number), chunk));
            let tally = ChunkTally {
                chunks: chunks.collect(),
                first_row: 1,
                last_row: 10,
                counts: Counts::default(),
                deferred: 0,
                ids: Sum::default(),
                ids_at: None,
                each_id: None,
            };
            assert_eq!(tally.failed_at_most(), (most, told_by.map(ChunkNumber)));
        }
    }
}
