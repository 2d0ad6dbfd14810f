//! Why an org cannot be kept or found.

use std::path::PathBuf;

use super::{ALIAS_CHARS_MAX, RESERVED};
use crate::config::environment::Flaw;
use crate::model::failure::{Blame, Explain};
use crate::model::wording::nearest;

/// An org that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadProfile {
    #[error("there is no org `{}`", alias.escape_debug())]
    Unknown { alias: String, known: Vec<String> },
    #[error("`{}` is no alias", alias.escape_debug())]
    BadAlias { alias: String },
    #[error("`{alias}` has a meaning of its own and cannot be the alias of an org")]
    Reserved { alias: String },
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("cannot write `{}`: {error}", path.display())]
    Unwritable { path: PathBuf, error: std::io::Error },
    #[error("`{}` holds secrets and others may open it (mode {mode:04o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("`{}` cannot be used: {what}", path.display())]
    Wrong { path: PathBuf, what: String },
    #[error("the URL {what}")]
    BadUrl { what: String, hint: String },
    #[error("the key file {}", flaw.what)]
    Key { flaw: Box<Flaw> },
    #[error("the Salesforce CLI was not asked for a token")]
    NoToken,
}

impl Explain for BadProfile {
    fn blame(&self) -> Blame {
        match self {
            Self::Unwritable { .. } => Blame::Disk,
            _ => Blame::Request,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { alias, known } => {
                let near = nearest(alias, known.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean `{near}`?"));
                near.into_iter()
                    .chain(["`longshore org list` shows those that there are".to_owned()])
                    .chain(["`longshore org login ALIAS …` adds one".to_owned()])
                    .collect()
            }
            Self::BadAlias { .. } => vec![format!(
                "an alias has 1 to {ALIAS_CHARS_MAX} letters, digits, `-`, `_`, `.` and `@`, and \
                 begins with a letter or digit"
            )],
            Self::Reserved { .. } => {
                vec![format!("choose another than `{}`", RESERVED.join("`, `"))]
            }
            Self::Open { path, .. } => vec![format!("chmod 600 '{}'", path.display())],
            Self::Wrong { .. } => {
                vec!["`longshore org login ALIAS …` writes it anew".to_owned()]
            }
            Self::BadUrl { hint, .. } => vec![hint.clone()],
            Self::Key { flaw } => flaw.hints.clone(),
            Self::Unreadable { .. } | Self::Unwritable { .. } | Self::NoToken => Vec::new(),
        }
    }
}
