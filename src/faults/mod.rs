//! Fault points: every change that a run makes on disk goes through here, so that tests can make
//! the n-th one fail, cut it short, or end the process or the power beside it.
//!
//! Without the cargo feature `faults`, which only the tests of this package turn on, the names
//! below are those of the standard library and empty functions; a built program holds none of it.
//!
//! A plan is a list of orders, `POINT[@PART]:N:ACTION`, with commas between:
//!
//! | POINT | passed |
//! |---|---|
//! | `create write sync rename remove set_len create_dir sync_folder` | before that is done |
//! | the same with `.after` | after it was done |
//! | `any`, `any.after` | before or after each of them |
//! | `ledger.FACT.before`, `ledger.FACT.after` | around writing (and syncing) that fact |
//!
//! `@PART` holds the order to paths that contain `PART`. `N` is the number of the passing, from 1;
//! `N+` is that and each later one. `ACTION` is `kill`, `panic`, `short` (half of a write is
//! done and the next one finds no space), `power=SEED` (what was not synced is lost in part,
//! then `kill`), or an error: `enospc eio edquot efbig erofs`.
//!
//! Further orders: `mutant:NAME` breaks the program on purpose where it asks [`mutant`];
//! `note=FILE` appends a line to a file for each order that was carried out, and `trace=FILE` one
//! for each point that is passed, with every path that has it.
//!
//! A whole process takes its plan from [`VARIABLE`]; in one process each run can have its own,
//! by the folder that it works in (`plan`). There a kill and a loss of power do not end the
//! process: every later change below that folder fails, so that the harness can drop the run.

/// The variable that holds the plan of a whole process.
pub const VARIABLE: &str = "LONGSHORE_FAULTS";

/// The mutant that makes another job when the answer to a commit was lost.
pub const REPLACE_LOST_COMMIT: &str = "replace_lost_commit";

/// Something that a run does to its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Create,
    Write,
    Sync,
    Rename,
    Remove,
    SetLen,
    CreateDir,
    SyncFolder,
}

/// On which side of a fact in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

#[cfg(feature = "faults")]
mod armed;
#[cfg(feature = "faults")]
mod file;
#[cfg(not(feature = "faults"))]
mod none;
#[cfg(feature = "faults")]
mod plan;
#[cfg(feature = "faults")]
mod power;

#[cfg(feature = "faults")]
pub use self::armed::{Guard, done, fact, mutant, order, plan, point};
#[cfg(feature = "faults")]
pub use self::file::{
    File, copy, create_folder, open, remove_dir_all, remove_file, rename, sync_folder,
};
#[cfg(not(feature = "faults"))]
pub use self::none::{
    File, copy, create_folder, done, fact, mutant, open, order, point, remove_dir_all, remove_file,
    rename, sync_folder,
};
#[cfg(feature = "faults")]
pub use self::plan::{Action, BadPlan, Plan};

#[cfg(test)]
#[cfg(feature = "faults")]
mod tests;
