//! Assent: what a person must agree to before it is done.

use crate::model::failure::Failure;

/// Somebody who can agree.
pub trait Assent: Send + Sync {
    /// Lets the run go on, or returns the refusal. `doubt` says what is odd, as the failure that
    /// it is if nobody agrees.
    fn to(&self, doubt: Failure) -> Result<(), Failure>;
}

/// Agrees to everything, as `--yes` does.
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
