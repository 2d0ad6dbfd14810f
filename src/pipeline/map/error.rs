//! Why a load's columns could not be mapped.

use super::resolve::Unfit;
use crate::config::dataloader::conversions::UnknownZone;
use crate::model::failure::{Blame, Explain};
use crate::model::operation::Operation;
use crate::model::wording::shown;

/// A refusal before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("no column of the file is a field of `{object}`{}", which(columns))]
    NothingMatches {
        object: String,
        columns: Vec<String>,
        /// Column, and the field that was probably meant.
        near: Vec<(String, String)>,
        /// The delimiter that the only column is full of.
        delimiter: Option<&'static str>,
    },
    #[error(
        "{operation} needs {} `{key}`, and no {} gives it",
        key_noun(*operation),
        source_noun(*mapped)
    )]
    NoKey { operation: Operation, key: String, mapped: bool, near: Option<String> },
    #[error("upsert needs an external id field")]
    NoExternalId,
    #[error("an upsert cannot go by `{field}` of `{object}`: {}", key_fault(*known))]
    BadKey { object: String, field: String, known: bool, keys: Vec<String> },
    #[error(
        "{}the field `{field}` gets its value twice: from `{}` and from `{}`",
        at(places.as_deref()),
        shown(first.as_bytes()),
        shown(second.as_bytes())
    )]
    OneFieldTwice { field: String, first: String, second: String, places: Option<String> },
    #[error("{place}: the file has no column `{}`", shown(column.as_bytes()))]
    NoColumn { place: String, column: String, columns: Vec<String>, near: Option<String> },
    #[error(
        "{place}: `{}` is a result column of an earlier run and is never sent",
        shown(column.as_bytes())
    )]
    ResultColumn { place: String, column: String },
    #[error("{}`{}` {unfit}", at(place.as_deref()), shown(name.as_bytes()))]
    Unfit { place: Option<String>, name: String, unfit: Box<Unfit> },
    #[error("{name}: the mapping does not name {}, and `unmapped` is `refuse`", listed(columns))]
    Unmapped { name: String, columns: Vec<String> },
    #[error("{place}: `{name}` names a key already, so a lookup has no use there")]
    LookupTwice { place: String, name: String, field: String },
    #[error("{place}: the field `{field}` cannot hold the id of a `{}`", shown(object.as_bytes()))]
    LookupObject { place: String, field: String, object: String, allowed: Vec<String> },
    #[error("{place}: the lookup takes Ids of the step `{}` of a runbook", shown(step.as_bytes()))]
    LookupStep { place: String, step: String },
    #[error("`sfdc.timezone`: {0}")]
    Zone(#[from] UnknownZone),
    #[error("an update that sends only `Id` changes nothing")]
    OnlyKey { notices: Vec<String> },
}

impl Explain for MapError {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NothingMatches { object, near, delimiter, .. } => {
                nothing_hints(object, near, *delimiter)
            }
            Self::NoKey { near, key, mapped, .. } => no_key_hints(key, *mapped, near.as_deref()),
            Self::NoExternalId => vec!["name it with `--external-id FIELD`".to_owned()],
            Self::BadKey { keys, .. } if keys.is_empty() => {
                vec!["the object has no key field; insert or update instead".to_owned()]
            }
            Self::BadKey { keys, .. } => {
                vec![format!("external ids and lookup keys are {}", listed(keys))]
            }
            Self::OneFieldTwice { places: Some(_), .. } => vec!["keep one of them".to_owned()],
            Self::OneFieldTwice { .. } => vec![
                "take one of the columns out of the file, or say in a mapping (`--map`) which one \
                 counts"
                    .to_owned(),
            ],
            Self::NoColumn { near: Some(near), .. } => {
                vec![format!("did you mean `{}`?", shown(near.as_bytes()))]
            }
            Self::NoColumn { columns, .. } => vec![format!("its columns are {}", listed(columns))],
            Self::ResultColumn { .. } => {
                vec!["rename the column in the file if its values are to be sent".to_owned()]
            }
            Self::Unfit { unfit, .. } => unfit.hints(),
            Self::Unmapped { .. } => vec![
                "map them, take them out of the file, or set `unmapped = \"ignore\"`".to_owned(),
            ],
            Self::LookupTwice { field, .. } => {
                vec![format!("a lookup gives an id: write `{field}`, or take the lookup out")]
            }
            Self::LookupObject { allowed, .. } => {
                vec![format!("it holds ids of {}", listed(allowed))]
            }
            Self::LookupStep { .. } => {
                let way = "`longshore run` loads it as a step; by itself, a load has `object` or \
                           `file` to look in";
                vec![way.to_owned()]
            }
            Self::Zone(_) => {
                vec!["Data Loader takes GMT for a name that it does not know".to_owned()]
            }
            Self::OnlyKey { notices } => {
                let way = "give a column for each field that is to change".to_owned();
                std::iter::once(way).chain(notices.iter().cloned()).collect()
            }
        }
    }
}

fn nothing_hints(
    object: &str,
    near: &[(String, String)],
    delimiter: Option<&'static str>,
) -> Vec<String> {
    if let Some(delimiter) = delimiter {
        return vec![format!(
            "the file may be delimited otherwise: `--column-delimiter {delimiter}`"
        )];
    }
    let mut hints: Vec<String> = near
        .iter()
        .take(5)
        .map(|(column, field)| {
            format!("for `{}` did you mean `{field}`?", shown(column.as_bytes()))
        })
        .collect();
    hints.push(format!("`longshore describe {object}` lists the fields; `--map` renames columns"));
    hints
}

fn no_key_hints(key: &str, mapped: bool, near: Option<&str>) -> Vec<String> {
    let near = near.map(|near| shown(near.as_bytes()));
    match (near, mapped) {
        (Some(near), true) => vec![format!("add `{key} = \"{near}\"` to the mapping")],
        (None, true) => vec![format!("add a line for `{key}` to the mapping")],
        (Some(near), false) => {
            vec![format!("rename the column `{near}` to `{key}`, or map it with `--map`")]
        }
        (None, false) => vec![format!("add a column `{key}`, or map one to it with `--map`")],
    }
}

/// The columns that match nothing; none when all are results of an earlier run.
fn which(columns: &[String]) -> String {
    match columns {
        [] => ", only results of an earlier run (`sf__…`, `longshore__…`)".to_owned(),
        columns => format!(": {}", listed(columns)),
    }
}

fn key_noun(operation: Operation) -> &'static str {
    if operation.needs_id() { "the record id" } else { "its key" }
}

fn source_noun(mapped: bool) -> &'static str {
    if mapped { "line of the mapping" } else { "column of the file" }
}

fn key_fault(known: bool) -> &'static str {
    if known { "it is no key" } else { "there is no such field" }
}

fn at(place: Option<&str>) -> String {
    place.map_or(String::new(), |place| format!("{place}: "))
}

/// Names in backticks, ten at most.
pub fn listed(names: &[String]) -> String {
    let mut list = names
        .iter()
        .take(10)
        .map(|name| format!("`{}`", shown(name.as_bytes())))
        .collect::<Vec<_>>();
    if names.len() > 10 {
        list.push(format!("and {} more", names.len() - 10));
    }
    list.join(", ")
}
