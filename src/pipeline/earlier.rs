//! What earlier processes of the same run have come to. A new run has an empty one, so that a run
//! and its resumption are the same code.

use std::collections::BTreeMap;

use super::chunk::{Cut, Cuts};
use super::submit::machine::Progress;
use crate::ledger::{ChunkState, Fact, Facts, InputRead, Phase, Raw, Round, RunFolder, RunState};
use crate::model::chunk::ChunkNumber;
use crate::model::failure::Failure;
use crate::model::ids::JobId;
use crate::model::verdict::Counts;

/// What is known of each chunk, and of the input.
#[derive(Debug, Default)]
pub struct Earlier {
    chunks: BTreeMap<ChunkNumber, EarlierChunk>,
    input: Option<InputRead>,
    rounds: Vec<Round>,
}

#[derive(Debug)]
struct EarlierChunk {
    state: ChunkState,
    progress: Progress,
    /// Its files are as they were written; looked at only where a job may have its rows.
    intact: bool,
}

/// Results of a chunk that were brought to disk.
#[derive(Debug)]
pub struct EarlierResults {
    pub raw: Vec<Raw>,
    /// They were taken for all there is.
    pub settled: bool,
}

impl Earlier {
    /// Reads it from the ledger of a run; `state` is what the same ledger comes to.
    pub fn read(folder: &RunFolder, state: RunState) -> Result<Self, Failure> {
        let mut facts = Facts::open(&folder.ledger(), &state.run)?;
        let mut of_chunks: BTreeMap<ChunkNumber, Vec<Fact>> = BTreeMap::new();
        while let Some(fact) = facts.next_fact()? {
            // Where a settled chunk stood is asked for too: its files are written anew.
            let settling = matches!(fact, Fact::Reconciled { .. });
            if let (Some(chunk), false) = (fact.chunk(), settling) {
                of_chunks.entry(chunk).or_default().push(fact);
            }
        }
        let chunk = |(number, state): (ChunkNumber, ChunkState)| {
            let facts = of_chunks.get(&number).map(Vec::as_slice).unwrap_or_default();
            let progress = Progress::from_facts(number, facts).unwrap_or(Progress::Spooled);
            let mut chunk = EarlierChunk { state, progress, intact: false };
            chunk.intact = chunk.is_prepared() && chunk.cut().is_intact(&folder.sent(), number);
            (number, chunk)
        };
        let (input, rounds) = (state.input, state.rounds);
        Ok(Self { chunks: state.chunks.into_iter().map(chunk).collect(), input, rounds })
    }

    /// Where a chunk stands.
    pub fn progress(&self, chunk: ChunkNumber) -> Progress {
        self.chunks.get(&chunk).map_or(Progress::Spooled, |chunk| chunk.progress.clone())
    }

    /// Whether the ledger knows the chunk.
    pub fn is_planned(&self, chunk: ChunkNumber) -> bool {
        self.chunks.contains_key(&chunk)
    }

    /// The counts with which a chunk was settled.
    pub fn settled(&self, chunk: ChunkNumber) -> Option<Counts> {
        match self.chunks.get(&chunk)?.state.phase {
            Phase::Settled { counts, .. } => Some(counts),
            _ => None,
        }
    }

    /// Rows by verdict of all chunks that were settled.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let settled = self.chunks.keys().filter_map(|chunk| self.settled(*chunk));
        settled.for_each(|of_chunk| counts.add(of_chunk));
        counts
    }

    /// The job and the reason, when a chunk was settled with nothing known of any row.
    pub fn lost(&self, chunk: ChunkNumber) -> Option<(JobId, String)> {
        let state = &self.chunks.get(&chunk)?.state;
        let Phase::Settled { job: Some(job), counts } = &state.phase else { return None };
        let all = counts.unknown == counts.input && state.raw.is_empty();
        all.then(|| (job.clone(), state.why_unknown.clone().unwrap_or_default()))
    }

    /// The results of a chunk that are on disk.
    pub fn received(&self, chunk: ChunkNumber) -> Option<EarlierResults> {
        let state = &self.chunks.get(&chunk)?.state;
        if state.raw.is_empty() {
            return None;
        }
        let settled = matches!(state.phase, Phase::Settled { .. });
        Some(EarlierResults { raw: state.raw.clone(), settled })
    }

    /// Where the chunks were cut, those of rounds among them.
    pub fn cuts(&self) -> Cuts {
        self.chunks.iter().map(|(number, chunk)| (*number, chunk.cut())).collect()
    }

    /// Where the chunks of the input were cut.
    pub fn cuts_of_input(&self) -> Cuts {
        self.of_input().map(|(number, chunk)| (*number, chunk.cut())).collect()
    }

    /// The rows of a round that was begun.
    pub fn round(&self, round: u32) -> Option<Round> {
        let place = usize::try_from(round).ok()?.checked_sub(1)?;
        self.rounds.get(place).copied()
    }

    /// The chunks that were cut from the input; the others hold rows of theirs once more.
    fn of_input(&self) -> impl Iterator<Item = (&ChunkNumber, &EarlierChunk)> {
        self.chunks.iter().filter(|(_, chunk)| chunk.state.round == 0)
    }

    /// Chunks that a job may have and whose files are not as they were written.
    pub fn damaged(&self) -> impl Iterator<Item = ChunkNumber> {
        let damaged = |chunk: &EarlierChunk| chunk.is_prepared() && !chunk.intact;
        self.of_input().filter(move |(_, chunk)| damaged(chunk)).map(|(number, _)| *number)
    }

    /// The last row of the chunks that jobs may have, when no other lies before it; 0 for none.
    pub fn sent_to(&self) -> Option<u64> {
        let sent = |chunk: &&EarlierChunk| chunk.is_prepared();
        let first = self.of_input().map(|(_, chunk)| chunk).take_while(sent).count();
        let all = self.of_input().map(|(_, chunk)| chunk).filter(sent).count();
        let Some(at) = first.checked_sub(1) else { return (all == 0).then_some(0) };
        let (number, last) = self.chunks.iter().nth(at)?;
        // Between the rows of a window are those of its other chunks.
        let whole = last.state.plan.window.is_none_or(|window| window.last == *number);
        (first == all && whole).then(|| last.state.plan.end())
    }

    /// What was read, when reading came to its end.
    pub fn input(&self) -> Option<&InputRead> {
        self.input.as_ref()
    }

    /// Whether every row was read and is in a job that holds it, with its files here, so that the
    /// input is not needed.
    pub fn needs_no_input(&self) -> bool {
        self.input.is_some() && self.of_input().all(|(_, chunk)| chunk.intact)
    }

    /// Jobs that were made and, by what the ledger says, never started.
    pub fn idle_jobs(&self) -> impl Iterator<Item = (ChunkNumber, &JobId)> {
        self.chunks.iter().flat_map(|(number, chunk)| {
            let doubtful = match &chunk.progress {
                Progress::Doubtful(job) if chunk.state.phase == Phase::Reserved(job.clone()) => {
                    Some(job)
                }
                _ => None,
            };
            let given_up = chunk.state.given_up.iter();
            let unconfirmed = given_up.filter(|(_, confirmed)| !confirmed).map(|(job, _)| job);
            unconfirmed.chain(doubtful).map(|job| (*number, job))
        })
    }

    /// Every job that the ledger names.
    pub fn knows_job(&self, job: &str) -> bool {
        self.chunks.values().any(|chunk| {
            let given_up = chunk.state.given_up.iter().map(|(job, _)| job);
            given_up.chain(chunk.state.phase.job()).any(|of| of.as_str() == job)
        })
    }
}

impl EarlierChunk {
    fn cut(&self) -> Cut {
        let plan = self.state.plan;
        Cut {
            rows: plan.rows,
            first_row: plan.first_row,
            last_row: plan.last_row,
            bytes: plan.bytes,
            digest: plan.digest,
            source: plan.source,
            window: plan.window,
            keep: self.intact,
        }
    }

    fn is_prepared(&self) -> bool {
        !matches!(self.progress, Progress::Spooled | Progress::Reserved(_) | Progress::Doubtful(_))
    }
}
