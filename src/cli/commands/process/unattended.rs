//! Who answers the guards where nobody is there: the folder, which names the org and the user.

use std::sync::Arc;

use crate::model::failure::Failure;
use crate::model::operation::Operation;
use crate::pipeline::assent::{Assent, Word};
use crate::pipeline::event::{Event, Watch};

/// Answers for a scheduled job (`docs/decisions/0019-process.md`).
pub struct Unattended {
    /// `--yes`.
    pub yes: bool,
    /// The operation that is begun; `None` where a run is gone on with.
    pub begins: Option<Operation>,
    pub watch: Arc<dyn Watch>,
}

impl Assent for Unattended {
    /// Rows that were loaded before are loaded again, unless each of them would make a new record.
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        let does_no_harm = self.begins.is_some_and(|operation| operation != Operation::Insert);
        if self.yes || does_no_harm {
            self.watch.see(&Event::Notice { message: doubt.message });
            return Ok(());
        }
        Err(doubt)
    }

    fn typed(&self, _word: &Word<'_>, _danger: Failure) -> Result<(), Failure> {
        Ok(())
    }
}
