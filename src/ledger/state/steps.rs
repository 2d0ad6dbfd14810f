//! The steps of a runbook, as the facts of its run tell them.

use std::fmt;

use crate::ledger::Fact;
use crate::ledger::fact::{Output, StepOutcome};

/// What is known of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepState {
    /// When the first process began it.
    pub began: Option<String>,
    pub approved: Option<Approval>,
    /// How the last process that worked on it left it; `None` while one does, and after a kill.
    pub ended: Option<EndedStep>,
}

/// Who has approved a step, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub by: String,
    pub when: String,
}

/// The end of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedStep {
    pub outcome: StepOutcome,
    pub when: String,
    pub message: Option<String>,
    pub files: Vec<Output>,
}

/// Why a fact of a step cannot follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    BegunAgain,
    NotBegun,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BegunAgain => "is begun again after it succeeded",
            Self::NotBegun => "ends and was not begun",
        })
    }
}

impl StepState {
    pub(super) fn apply(&mut self, fact: &Fact) -> Result<(), Wrong> {
        match fact {
            Fact::StepBegan { when, .. } => {
                if self.is_good() {
                    return Err(Wrong::BegunAgain);
                }
                self.began.get_or_insert_with(|| when.clone());
                self.ended = None;
            }
            Fact::StepApproved { by, when, .. } => {
                self.approved = Some(Approval { by: by.clone(), when: when.clone() });
            }
            Fact::StepEnded { outcome, when, message, files, .. } => {
                if self.began.is_none() || self.ended.is_some() {
                    return Err(Wrong::NotBegun);
                }
                self.ended = Some(EndedStep {
                    outcome: *outcome,
                    when: when.clone(),
                    message: message.clone(),
                    files: files.clone(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it succeeded, so that it is never begun again.
    pub fn is_good(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.outcome.is_good())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RunState;

    fn began() -> Fact {
        Fact::StepBegan { step: "a".to_owned(), when: "t1".to_owned() }
    }

    fn ended(outcome: StepOutcome) -> Fact {
        let (step, when) = ("a".to_owned(), "t2".to_owned());
        Fact::StepEnded { step, outcome, when, message: None, files: Vec::new() }
    }

    #[test]
    fn a_step_that_succeeded_is_never_begun_again() {
        use StepOutcome::{Failed, Interrupted, Partial, Succeeded, Waiting};
        let opened = Fact::Opened { format: 1, run: "r".to_owned() };
        for (facts, wanted) in [
            (vec![began(), ended(Succeeded)], None),
            (vec![began(), began(), ended(Succeeded)], None),
            (vec![began(), ended(Failed), began(), ended(Partial)], None),
            (vec![began(), ended(Waiting), began(), ended(Interrupted), began()], None),
            (vec![ended(Succeeded)], Some("step `a` ends and was not begun")),
            (vec![began(), ended(Failed), ended(Failed)], Some("step `a` ends and was not begun")),
            (
                vec![began(), ended(Partial), began()],
                Some("step `a` is begun again after it succeeded"),
            ),
        ] {
            let mut state = RunState::default();
            let all = std::iter::once(&opened).chain(&facts);
            let folded: Result<Vec<()>, _> = all.map(|fact| state.apply(fact)).collect();
            assert_eq!(folded.err().map(|why| why.to_string()).as_deref(), wanted, "{facts:?}");
        }
    }
}
