//! Feed: hands chunks on to submit, those that are being cut and those that an earlier process of
//! the run has left.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::chunk::Spool;
use super::deferred::DeferredRows;
use super::earlier::Earlier;
use super::intake::{Intake, ReadingEnd, SourceRead, TakenIn};
use super::run::no_ledger;
use super::settle::Found;
use super::stop::Halt;
use crate::config::plan::OnBadRow;
use crate::ledger::{Fact, InputRead, Ledger};
use crate::model::chunk::Chunk;
use crate::model::failure::{Blame, Failure};

/// The upstream end of the chunks.
pub struct Feed {
    pub chunks: mpsc::Sender<Chunk>,
    pub ledger: Arc<Ledger>,
    pub halt: Halt,
    pub earlier: Arc<Earlier>,
    /// Where chunks lie.
    pub sent: PathBuf,
    /// The number of the last chunk that was handed on.
    pub handed_on: u32,
}

impl Feed {
    /// Hands chunks on as they fill; or, when one bad row shall stop all, only after the last row
    /// was good.
    pub fn take_in(mut self, intake: Intake) -> Result<TakenIn, Failure> {
        let mut held = Vec::new();
        let hold = intake.on_bad_row == OnBadRow::Stop;
        let taken_in = intake.run(|chunk| {
            if hold {
                held.push(chunk);
                return true;
            }
            self.hand_on(chunk)
        });
        match taken_in {
            Ok(taken_in) => {
                held.into_iter().all(|chunk| self.hand_on(chunk));
                self.note_end(&taken_in)?;
                Ok(taken_in)
            }
            Err(failure) => self.prepared_only(failure),
        }
    }

    /// Every row was read before, and every chunk is in a job.
    pub fn all_spooled(mut self, found: Found) -> Result<TakenIn, Failure> {
        let Some(input) = self.earlier.input().copied() else {
            return self
                .prepared_only(Failure::new(Blame::Run, "the input was not read to its end"));
        };
        for (number, cut) in self.earlier.cuts_of_input() {
            let chunk = cut.chunk(&self.sent, number);
            if !self.hand_on(chunk) {
                break;
            }
        }
        let end = if input.whole { ReadingEnd::Source } else { ReadingEnd::Window };
        Ok(TakenIn {
            accepted: input.accepted,
            rejected: input.rejected,
            unchanged: input.left_out(),
            shelved: input.unchanged,
            groups: found.groups,
            first_row: input.first_row,
            source: SourceRead { bytes: input.bytes, digest: input.digest, end },
            output: found.output,
        })
    }

    /// Nothing new is sent, for this reason; the jobs that hold rows already are followed.
    pub fn prepared_only(mut self, failure: Failure) -> Result<TakenIn, Failure> {
        self.halt.because(Failure::new(failure.blame, &failure.message));
        let left = self.earlier.cuts_of_input();
        for (number, cut) in left.into_iter().filter(|(_, cut)| cut.keep) {
            if number.0 > self.handed_on && !self.hand_on(cut.chunk(&self.sent, number)) {
                break;
            }
        }
        Err(failure)
    }

    /// Rows that are sent again, in chunks of their own.
    pub fn take_round(mut self, spool: Spool, rows: DeferredRows) -> Result<(), Failure> {
        let fed = self.cut_round(spool, rows);
        if let Err(failure) = &fed {
            self.halt.because(Failure::new(failure.blame, &failure.message));
        }
        fed
    }

    fn cut_round(&mut self, mut spool: Spool, mut rows: DeferredRows) -> Result<(), Failure> {
        while let Some(slab) = rows.next_slab()? {
            spool.take(&slab)?.into_iter().all(|chunk| self.hand_on(chunk));
        }
        spool.close()?.into_iter().all(|chunk| self.hand_on(chunk));
        Ok(())
    }

    fn hand_on(&mut self, chunk: Chunk) -> bool {
        self.handed_on = chunk.number.0;
        if !self.earlier.is_planned(chunk.number) {
            self.note(&Fact::Planned {
                chunk: chunk.number,
                first_row: chunk.first_row,
                last_row: chunk.last_row,
                rows: chunk.rows,
                bytes: chunk.body_bytes,
                digest: chunk.digest,
                source: Some(chunk.source_digest),
                window: chunk.window,
            });
        }
        // Submit takes all that is handed on; it ends only after this sender is gone.
        self.chunks.blocking_send(chunk).is_ok()
    }

    /// Notes that reading is over, unless it only stopped.
    fn note_end(&self, taken_in: &TakenIn) -> Result<(), Failure> {
        let whole = match taken_in.source.end {
            ReadingEnd::Source => true,
            ReadingEnd::Window => false,
            ReadingEnd::Stopped => return Ok(()),
        };
        let TakenIn { accepted, rejected, unchanged, shelved, first_row, source, .. } = taken_in;
        let read = InputRead {
            first_row: *first_row,
            rows: accepted + rejected + unchanged,
            accepted: *accepted,
            rejected: *rejected,
            bytes: source.bytes,
            digest: source.digest,
            whole,
            unchanged: *shelved,
        };
        match self.earlier.input() {
            None => self.note(&fact(read)),
            // How far a process reads ahead of the last row it takes is a matter of buffers.
            Some(before) if before.rows == read.rows && before.accepted == read.accepted => {}
            Some(before) => return Err(other_rows(before, &read)),
        }
        Ok(())
    }

    /// A ledger that fails halts the run; the chunk still goes on, to be accounted for as not sent.
    fn note(&self, fact: &Fact) {
        if let Err(error) = self.ledger.record(fact) {
            self.halt.because(no_ledger(&error));
        }
    }
}

fn fact(read: InputRead) -> Fact {
    let InputRead { first_row, rows, accepted, rejected, bytes, digest, whole, unchanged } = read;
    Fact::InputRead { first_row, rows, accepted, rejected, bytes, digest, whole, unchanged }
}

fn other_rows(before: &InputRead, now: &InputRead) -> Failure {
    let message = format!(
        "when the run began {} of {} rows were accepted, and now {} of {}",
        before.accepted, before.rows, now.accepted, now.rows
    );
    Failure::new(Blame::Guard, message)
}
