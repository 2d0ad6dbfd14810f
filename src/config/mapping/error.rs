//! Why a mapping file was refused.

use super::{MAPPING_BYTES_MAX, Place};
use crate::model::failure::{Blame, Explain};

/// A mapping file that cannot be used; the message starts with `file:line:column`.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("cannot read the mapping `{name}`: {error}")]
    Unreadable { name: String, error: std::io::Error },
    #[error("the mapping `{name}` is not a file")]
    NotAFile { name: String },
    #[error("the mapping `{name}` has {bytes} bytes, at most {MAPPING_BYTES_MAX} are read")]
    TooLarge { name: String, bytes: u64 },
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
            Self::Unreadable { .. } => vec!["check the path given with `--map`".to_owned()],
            Self::NotAFile { .. } | Self::TooLarge { .. } => {
                vec!["`--map` names a TOML file; `docs/reference/mapping.md` shows one".to_owned()]
            }
            Self::NotText { .. } => vec!["save it as UTF-8".to_owned()],
            Self::Refused { hints, .. } => hints.clone(),
        }
    }
}
