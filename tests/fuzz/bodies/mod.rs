//! What each fuzz target does with some bytes: one function a target, without a word of libFuzzer,
//! so that `tests/it/corpus.rs` replays the corpora as ordinary tests.
//!
//! A body panics when a promise is broken, and for no other reason.

mod csv_read;
mod ledger_read;
mod results;
mod texts;

pub use csv_read::csv_read;
pub use ledger_read::ledger_read;
pub use results::{results_match, results_read};
pub use texts::{mapping_read, project_file, retry_after};
