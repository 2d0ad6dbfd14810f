//! Why a mapping file was refused.

use super::Place;
use crate::model::failure::{Blame, Explain};

/// A mapping file that cannot be used; the message starts with `file:line:column`.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("cannot read the mapping `{name}`: {error}")]
    Unreadable {
        name: String,
        #[source]
        error: std::io::Error,
    },
    #[error("the mapping `{name}` is not UTF-8 text")]
    NotText { name: String },
    #[error("{name}:{place}: {what}")]
    Refused { name: String, place: Place, what: String, hints: Vec<String> },
}

impl Explain for MappingError {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => vec!["check the path of `--map`".to_owned()],
            Self::NotText { .. } => vec!["save it as UTF-8".to_owned()],
            Self::Refused { hints, .. } => hints.clone(),
        }
    }
}
