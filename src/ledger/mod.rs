//! What has happened, durably: an append-only file of facts, one a line.
//!
//! A line is `crc32 {json}`; each json names the digest of the line before, so a cut, an edit or a
//! swapped file shows. Facts that must be on disk before the next call are synced before
//! [`Ledger::record`] returns.

mod fact;
mod file;
mod manifest;

pub use fact::Fact;
pub use file::Ledger;
pub use manifest::{Manifest, RunFolder, sync_folder, write_whole};
