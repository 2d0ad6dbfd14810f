//! How a process ends: Data Loader's exit codes.

use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::{ErrorGroup, Status, Summary};

/// The operation came to its end, with rows in error or without.
pub const DONE: u8 = 0;
/// The client's fault: usage, configuration, sign-in, a guard, an interruption.
pub const CLIENT: u8 = 1;
/// The operation did not succeed: mapping, input, the server, rows whose fate is not known.
pub const OPERATION: u8 = 2;
/// The mapping file is not there; Data Loader's code for what it did not expect.
pub const UNCAUGHT: u8 = 3;
/// Rows failed, and `process.batchMode.exitWithErrorOnFailedRows` is on.
pub const FAILED_ROWS: u8 = 4;

/// What a process came to.
pub struct Ended {
    /// The last screen of a load.
    pub summary: Option<Summary>,
    pub code: u8,
}

/// Why a process did not come to its end, and its exit code.
pub struct Stopped {
    pub failure: Failure,
    pub code: u8,
}

impl Stopped {
    pub fn new(failure: Failure, code: u8) -> Self {
        Self { failure, code }
    }

    /// The same once more, for whoever tells it.
    pub fn again(&self) -> Self {
        let Failure { blame, message, causes, hints } = &self.failure;
        let failure = Failure {
            blame: *blame,
            message: message.clone(),
            causes: causes.clone(),
            hints: hints.clone(),
        };
        Self { failure, code: self.code }
    }

    /// The refusal of an operation that had begun to speak with the org.
    pub fn of_operation(failure: Failure) -> Self {
        let code = match failure.blame {
            Blame::Guard | Blame::Held | Blame::Ledger | Blame::Disk | Blame::Interrupted => CLIENT,
            Blame::Run | Blame::Request | Blame::Access | Blame::Accounting | Blame::Service => {
                OPERATION
            }
        };
        Self { failure, code }
    }
}

/// What goes wrong before the operation begins is the client's.
impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self { failure, code: CLIENT }
    }
}

/// Rows that make a file one that Data Loader does not read at all. Here the others are sent.
const MALFORMED: [&str; 6] = [
    "unclosed_quote",
    "inside_open_quote",
    "text_after_quote",
    "ragged_row",
    "field_too_long",
    "row_too_long",
];

/// The exit code of a load that came to a summary.
pub fn code_of(summary: &Summary, failed_rows_fail: bool) -> u8 {
    let malformed = |group: &ErrorGroup| {
        group.verdict == "rejected" && MALFORMED.contains(&group.code.as_str())
    };
    match summary.status {
        Status::Partial if summary.errors.iter().any(malformed) => OPERATION,
        Status::Partial if failed_rows_fail => FAILED_ROWS,
        Status::Succeeded | Status::Partial => DONE,
        Status::Interrupted | Status::Refused => CLIENT,
        Status::Unknown | Status::Failed => OPERATION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_data_loaders() {
        let mut summary = crate::report::summary::tests::partial();
        for (status, lax, strict) in [
            (Status::Succeeded, 0, 0),
            (Status::Partial, 0, 4),
            (Status::Unknown, 2, 2),
            (Status::Failed, 2, 2),
            (Status::Interrupted, 1, 1),
        ] {
            summary.status = status;
            let codes = (code_of(&summary, false), code_of(&summary, true));
            assert_eq!(codes, (lax, strict), "{status:?}");
        }
        for (blame, code) in
            [(Blame::Request, 2), (Blame::Service, 2), (Blame::Guard, 1), (Blame::Interrupted, 1)]
        {
            assert_eq!(Stopped::of_operation(Failure::new(blame, "no")).code, code, "{blame:?}");
        }
        assert_eq!(Stopped::from(Failure::new(Blame::Access, "no")).code, 1);
    }
}
