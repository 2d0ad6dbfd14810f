//! Assent: what a person must agree to before it is done.

use crate::model::failure::Failure;

/// Somebody who can agree.
pub trait Assent: Send + Sync {
    /// Lets the run go on, or returns the refusal. `doubt` says what is odd, as the failure that
    /// it is if nobody agrees.
    fn to(&self, doubt: Failure) -> Result<(), Failure>;

    /// Lets something dangerous go on if the very word was given, or returns the refusal.
    ///
    /// Whoever agrees to everything (`--yes`) has not given it.
    fn typed(&self, word: &Word<'_>, danger: Failure) -> Result<(), Failure> {
        let _ = word;
        Err(danger)
    }
}

/// What a person must type to confirm something dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// The name of the org, letter for letter, or its id.
    Org { name: &'a str, id: &'a str },
    /// How many rows there are.
    Rows(u64),
    /// The id of the step of a runbook that is approved.
    Step(&'a str),
}

impl Word<'_> {
    /// Whether this is what was to be typed.
    pub fn is(&self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Self::Org { name, id } => !text.is_empty() && (text == *name || text == *id),
            Self::Rows(rows) => text.parse() == Ok(*rows),
            Self::Step(id) => text == *id,
        }
    }
}

/// Agrees to everything, as `--yes` does, and confirms nothing.
#[derive(Debug, Clone, Copy)]
pub struct Always;

impl Assent for Always {
    fn to(&self, _doubt: Failure) -> Result<(), Failure> {
        Ok(())
    }
}

/// Agrees to nothing: nobody can be asked.
#[derive(Debug, Clone, Copy)]
pub struct Never;

impl Assent for Never {
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        Err(doubt)
    }
}
