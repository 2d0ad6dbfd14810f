//! Runbooks made by hand, for the tests beside the code.

use crate::config::mapping::Place;
use crate::config::runbook::{Checkpoint, Step, StepKind};

/// A checkpoint that waits for other steps.
pub fn step(id: &str, after: &[&str]) -> Step {
    Step {
        id: id.to_owned(),
        title: None,
        depends_on: after.iter().map(|id| (*id).to_owned()).collect(),
        org: "crm".to_owned(),
        max_failed: None,
        kind: StepKind::Checkpoint(Checkpoint { message: "look".to_owned() }),
        place: Place { line: 1, column: 1 },
    }
}
