//! Rounds: rows that failed on a lock are sent again after all others.

use std::path::{Path, PathBuf};

use super::{Impossible, Phase, RunState, Step, check};
use crate::model::chunk::Digest;

/// The rows of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    pub rows: u64,
    /// Of their list.
    pub digest: Digest,
}

/// Where the list of the rows of a round lies, in the run folder `root`: their numbers, one a line,
/// ascending.
pub fn round_list(root: &Path, round: u32) -> PathBuf {
    root.join(format!("round{round}.rows"))
}

impl RunState {
    /// The round at hand; 0 before the first.
    pub(super) fn round(&self) -> u32 {
        u32::try_from(self.rounds.len()).unwrap_or(u32::MAX)
    }

    /// Whether the round at hand sends so many more rows again than are planned by now.
    pub(super) fn has_room(&self, rows: u32) -> bool {
        self.rounds.last().is_none_or(|last| self.planned() + u64::from(rows) <= last.rows)
    }

    /// Rows in chunks of the round at hand.
    fn planned(&self) -> u64 {
        let own = self.chunks.values().rev().take_while(|chunk| chunk.round == self.round());
        own.map(|chunk| u64::from(chunk.plan.rows)).sum()
    }

    /// A round sends again what all chunks of the one before it have put off, and nothing else.
    pub(super) fn begin_round(&mut self, number: u32, round: Round) -> Step {
        check(number == self.round() + 1, || {
            format!("round {number} begins after round {}", self.round())
        })?;
        check(self.input.is_some(), || format!("round {number} begins before the input ends"))?;
        check(self.rounds.last().is_none_or(|last| self.planned() == last.rows), || {
            format!("round {number} begins and the one before has rows in no chunk")
        })?;
        let settled = |phase: &Phase| matches!(phase, Phase::Settled { .. });
        if let Some((open, _)) = self.chunks.iter().find(|(_, chunk)| !settled(&chunk.phase)) {
            return Err(Impossible(format!("round {number} begins and chunk {open} is open")));
        }
        let before = self.chunks.values().rev().take_while(|chunk| chunk.round == self.round());
        let deferred = before.map(|chunk| chunk.deferred).sum::<u64>();
        check(round.rows == deferred && deferred > 0, || {
            format!("round {number} has {} rows, and {deferred} were put off", round.rows)
        })?;
        self.rounds.push(round);
        Ok(())
    }
}
