//! Why a file of beans was refused.

use std::path::PathBuf;

use super::Place;
use crate::model::failure::{Blame, Explain};
use crate::model::wording::nearest;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadBeans {
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("`{}` has {bytes} bytes, at most {max} are read", path.display())]
    TooLarge { path: PathBuf, bytes: u64, max: u64 },
    #[error("more files are imported than can be read, the last is `{}`", path.display())]
    TooManyFiles { path: PathBuf },
    #[error("{place}: {what}")]
    Refused { place: Place, what: String },
    #[error("there is no process `{id}`")]
    NoSuchBean { id: String, ids: Vec<String> },
    #[error("{place}: there is no parent `{id}`")]
    NoSuchParent { id: String, place: Place },
    #[error("{place}: the parents of this bean go round in a circle, by way of `{id}`")]
    ParentsInACircle { id: String, place: Place },
    #[error("{place}: `{id}` stands for others to build on and cannot be run")]
    Abstract { id: String, place: Place },
    #[error("{place}: the process `{id}` has no property `name`")]
    NoName { id: String, place: Place },
    #[error("{place}: there is no value for `${{{name}}}`")]
    NoValue { name: String, place: Place },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl Explain for BadBeans {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => {
                vec!["the first word behind `process` is the configuration folder".to_owned()]
            }
            Self::NoSuchBean { id, ids } => {
                let near = nearest(id, ids.iter().map(String::as_str));
                match near {
                    Some(near) => vec![format!("did you mean `{near}`?")],
                    None => vec![format!("there is: `{}`", ids.join("`, `"))],
                }
            }
            Self::NoValue { name, .. } => vec![
                format!("set `{name}` in the environment, or in a property file that is named"),
                "a value behind a colon stands in for one that is missing: `${name:value}`"
                    .to_owned(),
            ],
            Self::NoName { .. } => {
                vec![
                    "add `<property name=\"name\" value=\"…\"/>`: files are called by it"
                        .to_owned(),
                ]
            }
            _ => Vec::new(),
        }
    }
}
