//! What has happened, durably: an append-only file of facts, one a line.
//!
//! A line is `crc32 {json}`; each json names the digest of the line before, so a cut, an edit or a
//! swapped file shows. Facts that must be on disk before the next call are synced before
//! [`Ledger::record`] returns. [`Facts`] reads them back, [`RunState`] is what they come to, and
//! [`verify`] recomputes the accounting of a run from what lies in its folder.

mod clean;
mod fact;
mod file;
mod history;
mod manifest;
mod read;
mod state;
mod verify;

pub use clean::{Cleaned, clean};
pub use fact::{Fact, Output, RawKind, Shelved, StepOutcome};
pub use file::{Ledger, Reopened};
pub use history::{History, StartedLoad};
pub use manifest::{
    Confirmed, DuplicateRows, LookupTable, Manifest, MappingFile, RunFolder, UnchangedRows,
    make_runs_dir, sync_folder, write_whole,
};
pub use read::{BadLedger, Facts, Torn};
pub use state::{
    Approval, ChunkState, EndedStep, Image, InputRead, Paused, Phase, Planned, Raw, Round,
    RunState, StepState, round_list,
};
pub use verify::{Verified, verify};
