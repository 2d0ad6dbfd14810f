//! One file for each command.

pub mod apply;
pub mod check;
pub mod completions;
pub mod describe;
pub mod export;
pub mod import;
mod leftovers;
pub mod load;
mod logout;
pub mod objects;
pub mod org;
pub mod perms;
pub mod plan;
pub mod practice;
pub mod process;
pub mod report;
pub mod resume;
pub mod retry;
pub mod run;
pub mod runbook;
pub mod runs;
mod seed;
pub mod undo;
pub mod verify;

use super::shell::Shell;
use crate::model::failure::{Blame, Failure};
use crate::report::{Sink, say};

/// Writes a command's own output; a reader that went away is no error, a full disk is.
pub fn print(sink: &Sink, text: &str) -> Result<(), Failure> {
    say(sink, text).map_err(|error| {
        Failure::new(Blame::Disk, format!("cannot write to standard output: {error}"))
    })
}

/// Says something to the person in front, if there is one.
pub fn tell(shell: &Shell, text: &str) {
    if say(&shell.err, text).is_err() {
        tracing::debug!("Standard error cannot be written.");
    }
}
