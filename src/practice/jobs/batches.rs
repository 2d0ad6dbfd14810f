//! Batches of one job side by side, as the service runs them; here so where rows are locked.
//!
//! An org on disk notes its steps in one order, for the case that it is killed, and a job that
//! mischief strikes counts its rows: both run their batches one after the other.

use std::io;
use std::sync::mpsc;
use std::thread;

use super::UPLOAD;
use super::load::{End, Load, Outcome, TRANSACTION_ROWS, read_rows};
use super::survey::{Block, open_at};

/// Rows of one transaction and what became of them.
struct Done {
    block: usize,
    first_row: u64,
    rows: Vec<Vec<String>>,
    sent: u64,
    outcomes: Vec<Outcome>,
}

impl Load<'_> {
    /// Whether the batches run at the same time.
    pub(super) fn goes_side_by_side(&self) -> bool {
        let unhurt = self.job.trouble == super::super::mischief::Trouble::default();
        !self.locked.is_empty() && self.progress.is_none() && unhurt && self.survey.blocks.len() > 1
    }

    /// Runs the batches, so many at a time as there are workers.
    pub(super) fn run_side_by_side(mut self, blocks: &[Block]) -> io::Result<End> {
        let workers = self.inner.org.switches().row_locks.workers.max(1);
        let mut next = 0;
        while next < blocks.len() {
            match self.stop_now() {
                None => {}
                Some(End::Stopped) => return Ok(End::Stopped),
                Some(end) => return self.leave(&blocks[next..], 0, end),
            }
            let wave = &blocks[next..blocks.len().min(next + workers)];
            let now = self.inner.clock.now_ms();
            let allowed = wave.iter().take_while(|_| self.inner.meter.take_batch(now)).count();
            let mut done = self.wave(&wave[..allowed])?;
            done.sort_by_key(|done| (done.block, done.first_row));
            let mut done = done.into_iter().peekable();
            for block in 0..allowed {
                while let Some(done) = done.next_if(|done| done.block == block) {
                    self.sent += done.sent;
                    self.note(done.first_row, &done.rows, done.outcomes);
                }
                self.settle_block((next + block) as u64)?;
            }
            next += allowed;
            if allowed < wave.len() {
                let message = "ExceededQuota : ApiBatchItems Limit exceeded".to_owned();
                return self.leave(&blocks[next..], 0, End::Failed(message));
            }
        }
        self.leave(&[], 0, End::Complete)
    }

    /// Each of the batches on a thread of its own.
    fn wave(&self, blocks: &[Block]) -> io::Result<Vec<Done>> {
        let (out, done) = mpsc::sync_channel(blocks.len().max(1));
        thread::scope(|scope| {
            let running: Vec<_> = blocks
                .iter()
                .enumerate()
                .map(|(index, block)| {
                    let out = out.clone();
                    scope.spawn(move || self.batch(index, *block, &out))
                })
                .collect();
            drop(out);
            let all: Vec<Done> = done.iter().collect();
            for batch in running {
                batch.join().map_err(|_| io::Error::other("a batch broke down"))??;
            }
            Ok(all)
        })
    }

    fn batch(&self, index: usize, block: Block, out: &mpsc::SyncSender<Done>) -> io::Result<()> {
        let upload = self.inner.jobs.file(&self.job.id, UPLOAD);
        let mut reader = open_at(&upload, self.job, block.offset)?;
        let mut past = 0;
        while past < block.rows {
            let rows = read_rows(&mut reader, TRANSACTION_ROWS.min(block.rows - past))?;
            let first_row = block.first_row + past;
            past += rows.len() as u64;
            let (sent, outcomes) = self.attempt(first_row, &rows, None)?;
            let done = Done { block: index, first_row, rows, sent, outcomes };
            out.send(done).map_err(|_| io::Error::other("nobody takes what a batch did"))?;
        }
        Ok(())
    }
}
