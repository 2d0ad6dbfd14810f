//! Lanes: rows that lock the same parent go out one job after the other.
//!
//! Each row goes into the lane that its parent's name comes to, and each lane has a chunk open of
//! its own, so that the rows of several chunks interleave. They do so within a window of rows only:
//! at its end every chunk is closed. Where a window ends is a function of the rows and the plan, or
//! is what an earlier process of the run has noted. Source: `docs/decisions/0026-lanes.md`.

use super::{ChunkLimits, OpenChunk, Spool, drift};
use crate::config::plan::LanePlan;
use crate::model::chunk::{Chunk, ChunkNumber, InWindow};
use crate::model::failure::Failure;
use crate::model::ids::RecordId;
use crate::model::limits::LANE_CHUNKS_IN_WINDOW;

/// The open chunks of all lanes but the one at hand, which is that of the spool itself.
pub(super) struct Lanes {
    /// The column of the body that names the parent.
    column: usize,
    /// Rows of a window.
    window_rows: u64,
    open: Vec<Option<OpenChunk>>,
    /// Rows of the window at hand, by lane.
    taken: Vec<u64>,
    /// The lane whose chunk the spool holds.
    at: usize,
    /// Chunks of the window that are full, with their lanes.
    closed: Vec<(usize, Chunk)>,
    /// The last row of the window at hand, where an earlier process has ended it.
    until: Option<u64>,
}

impl Spool {
    /// Puts rows into lanes by the column that the plan names, if the plan has lanes.
    #[must_use]
    pub fn in_lanes(mut self, header: &[String], plan: Option<&LanePlan>) -> Self {
        let Some(plan) = plan else { return self };
        let same = |column: &String| column.eq_ignore_ascii_case(&plan.column);
        let Some(column) = header.iter().position(same) else { return self };
        let lanes = usize::try_from(plan.lanes.max(1)).unwrap_or(1);
        self.limits = ChunkLimits { rows: self.limits.rows.min(plan.rows), ..self.limits };
        self.lanes = Some(Lanes {
            column,
            window_rows: u64::from(self.limits.rows) * lanes as u64 * LANE_CHUNKS_IN_WINDOW,
            open: std::iter::repeat_with(|| None).take(lanes).collect(),
            taken: vec![0; lanes],
            at: 0,
            closed: Vec::new(),
            until: None,
        });
        self
    }

    /// Takes up the chunk of the lane that the row goes to; gives the window before it, if the row
    /// is the first behind it.
    pub(super) fn enter_lane<'a>(
        &mut self,
        row: u64,
        mut cells: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<Chunk>, Failure> {
        let Some(lanes) = &self.lanes else { return Ok(Vec::new()) };
        let passed = match lanes.until {
            Some(last) => row > last,
            None => lanes.taken.iter().sum::<u64>() >= lanes.window_rows,
        };
        let full = if passed { self.close_window()? } else { Vec::new() };
        let cut = self.cuts.get(&ChunkNumber(self.next));
        let Some(lanes) = &mut self.lanes else { return Ok(full) };
        if lanes.taken.iter().all(|rows| *rows == 0) {
            lanes.until = cut.and_then(|cut| cut.window).map(|window| window.last_row);
        }
        let lane = lanes.of(cells.nth(lanes.column).unwrap_or_default());
        lanes.taken[lane] += 1;
        if lane != lanes.at {
            lanes.open[lanes.at] = std::mem::replace(&mut self.open, lanes.open[lane].take());
            lanes.at = lane;
        }
        Ok(full)
    }

    /// Keeps a full chunk until its window is over; without lanes it is given back.
    pub(super) fn hold(&mut self, chunk: Option<Chunk>) -> Option<Chunk> {
        match (&mut self.lanes, chunk) {
            (Some(lanes), Some(chunk)) => {
                lanes.closed.push((lanes.at, chunk));
                None
            }
            (_, chunk) => chunk,
        }
    }

    /// Closes the chunks of all lanes; they come in the order of their numbers.
    pub(super) fn close_window(&mut self) -> Result<Vec<Chunk>, Failure> {
        let lanes = self.lanes.as_ref().map_or(0, |lanes| lanes.open.len());
        for lane in 0..lanes {
            if let Some(lanes) = &mut self.lanes
                && lane != lanes.at
            {
                lanes.open[lanes.at] = std::mem::replace(&mut self.open, lanes.open[lane].take());
                lanes.at = lane;
            }
            let chunk = self.close_open()?;
            self.hold(chunk);
        }
        let Some(lanes) = &mut self.lanes else { return Ok(Vec::new()) };
        lanes.taken.fill(0);
        lanes.until = None;
        let mut closed = std::mem::take(&mut lanes.closed);
        closed.sort_by_key(|(_, chunk)| chunk.number);
        let (Some((_, first)), Some((_, last))) = (closed.first(), closed.last()) else {
            return Ok(Vec::new());
        };
        let (first, last) = (first.number, last.number);
        let last_row = closed.iter().map(|(_, chunk)| chunk.last_row).max().unwrap_or(0);
        let mut window = Vec::with_capacity(closed.len());
        for (lane, mut chunk) in closed {
            let lane = u32::try_from(lane).unwrap_or(u32::MAX);
            chunk.window = Some(InWindow { lane, first, last, last_row });
            if self.cuts.get(&chunk.number).is_some_and(|cut| cut.window != chunk.window) {
                return Err(drift(&chunk));
            }
            window.push(chunk);
        }
        Ok(window)
    }
}

impl Lanes {
    /// The lane of a row by the cell that names its parent. A row without one locks none, and goes
    /// where there are fewest rows.
    fn of(&self, cell: &[u8]) -> usize {
        if cell.is_empty() || cell == b"#N/A" {
            let fewest = self.taken.iter().enumerate().min_by_key(|(_, rows)| **rows);
            return fewest.map_or(0, |(lane, _)| lane);
        }
        lane_of(cell, self.taken.len())
    }
}

/// The lane of a parent: the same however its id or its key is spelled.
pub(super) fn lane_of(cell: &[u8], lanes: usize) -> usize {
    let print = if let Ok(id) = RecordId::parse(cell) {
        xxhash_rust::xxh3::xxh3_64(id.as_str().as_bytes())
    } else {
        let key = String::from_utf8_lossy(cell).trim().to_lowercase();
        xxhash_rust::xxh3::xxh3_64(key.as_bytes())
    };
    usize::try_from(print % lanes.max(1) as u64).unwrap_or(0)
}
