//! A window: chunks whose rows interleave are put together by row number.
//!
//! In a lane chunks follow one another without interleaving, so one chunk of each lane is open at a
//! time, with its outcomes in memory.

use std::collections::{BTreeMap, VecDeque};

use super::Settle;
use super::emit::{Sheet, Tallied};
use crate::model::failure::Failure;
use crate::pipeline::handover::EndedChunk;

/// A lane with its chunk at hand, and those of the window that are to come.
struct Head<'a> {
    sheet: Sheet<'a>,
    strays: Option<Failure>,
    /// Place of the chunk in the window.
    place: usize,
    behind: VecDeque<(usize, &'a EndedChunk)>,
}

impl Settle {
    /// Puts the rows of all chunks into the files, in their order; gives the counts of each chunk.
    pub(super) fn merge(&mut self, window: &[EndedChunk]) -> Result<Vec<Tallied>, Failure> {
        let mut lanes: BTreeMap<Option<u32>, VecDeque<(usize, &EndedChunk)>> = BTreeMap::new();
        for (place, ended) in window.iter().enumerate() {
            let lane = ended.chunk.window.map(|window| window.lane);
            lanes.entry(lane).or_default().push_back((place, ended));
        }
        let mut counts = vec![Tallied::default(); window.len()];
        let mut heads = Vec::new();
        for mut behind in lanes.into_values() {
            let Some((place, first)) = behind.pop_front() else { continue };
            let (sheet, strays) = self.sheet(first)?;
            heads.push(Head { sheet, strays, place, behind });
        }
        loop {
            let rows =
                heads.iter().enumerate().filter_map(|(at, head)| Some((head.sheet.row()?, at)));
            let Some((_, at)) = rows.min() else { break };
            self.emit.next(&mut heads[at].sheet)?;
            if heads[at].sheet.row().is_none()
                && let Some((place, next)) = heads[at].behind.pop_front()
            {
                let (sheet, strays) = self.sheet(next)?;
                let head = &mut heads[at];
                let ended = std::mem::replace(&mut head.sheet, sheet);
                let of_ended = std::mem::replace(&mut head.strays, strays);
                let ended_place = std::mem::replace(&mut head.place, place);
                counts[ended_place] = self.end(ended, of_ended)?;
            }
        }
        for Head { sheet, strays, place, .. } in heads {
            counts[place] = self.end(sheet, strays)?;
        }
        Ok(counts)
    }
}
