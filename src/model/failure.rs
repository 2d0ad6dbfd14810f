//! Why a run stopped: what happened, whose it is, and the way out.

use std::fmt;

/// Who or what is to blame; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The run failed at the far side or for a reason of its own.
    Run,
    /// Usage, configuration, mapping or input; nothing was sent.
    Request,
    /// Sign-in or access.
    Access,
    /// `verify` found a fault.
    Accounting,
    /// A guard refused.
    Guard,
    /// Another process holds the run.
    Held,
    /// The ledger is damaged or newer than this program.
    Ledger,
    /// Disk or file.
    Disk,
    /// The service would not serve us for now.
    Service,
    /// The user stopped it.
    Interrupted,
}

impl Blame {
    /// The exit code of `docs/reference/exit-codes.md`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Run => 1,
            Self::Request => 2,
            Self::Access => 4,
            Self::Accounting => 5,
            Self::Guard => 6,
            Self::Held => 7,
            Self::Ledger => 8,
            Self::Disk => 9,
            Self::Service => 75,
            Self::Interrupted => 130,
        }
    }
}

/// Implemented beside a module's error enum: the module knows best whose fault it is and the way
/// out.
pub trait Explain: std::error::Error + Send + Sync + 'static {
    fn blame(&self) -> Blame;

    /// One sentence fragment for each way out.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The one error type at the top: blame, message, causes and hints.
#[derive(Debug)]
pub struct Failure {
    pub blame: Blame,
    pub message: String,
    /// Innermost last.
    pub causes: Vec<String>,
    pub hints: Vec<String>,
}

impl Failure {
    pub fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// A failure of the disk: what was being done, to which path, and what the system said.
    pub fn disk(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Blame::Disk, format!("cannot {doing} `{}`: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut source = error.source();
        while let Some(inner) = source {
            let cause = inner.to_string();
            // Many errors tell their source in their own message; once is enough.
            if !message.contains(&cause) {
                causes.push(cause);
            }
            source = inner.source();
        }
        Self { blame: error.blame(), message, causes, hints: error.hints() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Trouble {
        #[error("cannot read it: {0}")]
        Telling(#[source] std::io::Error),
        #[error("cannot read it")]
        Short(#[source] std::io::Error),
    }

    impl Explain for Trouble {
        fn blame(&self) -> Blame {
            Blame::Disk
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("the disk is wet");
        let told = Failure::from(Trouble::Telling(cause()));
        assert_eq!(
            (told.message.as_str(), told.causes.len()),
            ("cannot read it: the disk is wet", 0)
        );
        assert_eq!(Failure::from(Trouble::Short(cause())).causes, ["the disk is wet"]);
    }
}
