//! Why the settings of a process were refused.

use crate::config::dataloader::conversions::{UnknownSwitch, UnknownZone};
use crate::model::failure::{Blame, Explain};
use crate::model::wording::shown;

/// Settings that make no process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    #[error("`{key}` is not set")]
    Missing { key: &'static str },
    #[error("`{key}` is no whole number: `{}`", shown(value.as_bytes()))]
    NoNumber { key: &'static str, value: String },
    #[error("`{key}` is set, and it cannot be kept here: {why}")]
    Refused { key: String, why: &'static str, way: &'static str },
    #[error("`process.operation` is no operation: `{}`", shown(value.as_bytes()))]
    NoOperation { value: String },
    #[error(
        "`hard_delete` goes by a Bulk API, and neither `sfdc.useBulkV2Api` nor `sfdc.useBulkApi` is on"
    )]
    NotInBulk,
    #[error("`run.mode` is `{}`, and there are no windows here", shown(value.as_bytes()))]
    NoMode { value: String },
    #[error("`dataAccess.type` is `{}`, and databases are not read or written here", shown(value.as_bytes()))]
    Database { value: String },
    #[error("`dataAccess.type` is `{}`, and `{operation}` wants `{wanted}`", shown(value.as_bytes()))]
    WrongType { value: String, operation: String, wanted: &'static str },
    #[error("`loader.csvOtherValue` is `{}`, which cannot delimit a file here", shown(value.as_bytes()))]
    NoDelimiter { value: String },
    #[error("no delimiter is on: `loader.csvComma`, `loader.csvTab` and `loader.csvOther` are off")]
    NoDelimiterOn,
    #[error("`{key}` is no encoding we know: `{}`", shown(value.as_bytes()))]
    NoCharset { key: &'static str, value: String },
    #[error("`loader.query.delimiter` is `{}`, which delimits nothing", value.escape_debug())]
    NoOutputDelimiter { value: char },
    #[error("`longshore.allow`: {0}")]
    NoSwitch(UnknownSwitch),
    #[error("`sfdc.timezone`: {0}")]
    NoZone(UnknownZone),
}

impl Explain for BadSettings {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Missing { key } => format!(
                "set it in the bean, in `config.properties`, or behind the command: `{key}=…`"
            ),
            Self::NoSwitch(UnknownSwitch { near: Some(near), .. }) => {
                format!("did you mean `{near}`?")
            }
            Self::NoSwitch(_) => {
                "`docs/reference/data-loader-conversions.md` lists them".to_owned()
            }
            Self::NoNumber { .. } | Self::NoZone(_) | Self::NoOutputDelimiter { .. } => {
                return Vec::new();
            }
            Self::Refused { way, .. } => (*way).to_owned(),
            Self::NoOperation { .. } => "`insert`, `update`, `upsert`, `delete`, `hard_delete`, \
                                         `undelete`, `extract` or `extract_all`"
                .to_owned(),
            Self::NotInBulk => "with Data Loader this process never ran; if the records are to be \
                                gone past the recycle bin, set `sfdc.useBulkV2Api` to `true`"
                .to_owned(),
            Self::NoMode { .. } => "leave it out, or say `run.mode=batch`".to_owned(),
            Self::Database { .. } => {
                "let the database write a CSV file, and name it with `dataAccess.name`".to_owned()
            }
            Self::WrongType { wanted, .. } => format!("set `dataAccess.type` to `{wanted}`"),
            Self::NoDelimiter { .. } => {
                "`,`, tab, `|`, `;`, `^` and `` ` `` can, one of them in a file".to_owned()
            }
            Self::NoDelimiterOn => "set one of them to `true`".to_owned(),
            Self::NoCharset { .. } => {
                "use a label such as `UTF-8`, `windows-1252` or `ISO-8859-1`".to_owned()
            }
        };
        vec![hint]
    }
}
