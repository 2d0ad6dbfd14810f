//! The checked plan of a load: nothing optional that has a default, every limit kept.

use std::path::PathBuf;

use super::dataloader::conversions::Conversions;
pub use super::styles::{CopyStyle, DataLoaderCopies, ExportStyle};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Source {
    File(PathBuf),
    Stdin,
}

/// The separators that the Bulk API knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Delimiter {
    Comma,
    Tab,
    Pipe,
    Semicolon,
    Caret,
    Backquote,
}

impl Delimiter {
    pub const ALL: [Self; 6] =
        [Self::Comma, Self::Tab, Self::Pipe, Self::Semicolon, Self::Caret, Self::Backquote];

    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
            Self::Semicolon => b';',
            Self::Caret => b'^',
            Self::Backquote => b'`',
        }
    }

    /// The word of the command line and of the Bulk API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Comma => "COMMA",
            Self::Tab => "TAB",
            Self::Pipe => "PIPE",
            Self::Semicolon => "SEMICOLON",
            Self::Caret => "CARET",
            Self::Backquote => "BACKQUOTE",
        }
    }
}

/// How the lines of the input end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LineEnding {
    Lf,
    CrLf,
    Cr,
}

/// The input file and how to read it; `None` means: find out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Input {
    pub source: Source,
    pub delimiter: Option<Delimiter>,
    pub line_ending: Option<LineEnding>,
    /// A WHATWG encoding label such as `windows-1252`; `None` means UTF-8, or what a BOM says.
    pub encoding: Option<String>,
}

/// What a row that cannot be read or is not valid does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum OnBadRow {
    #[default]
    Reject,
    Stop,
}

/// What becomes of rows with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OnDuplicate {
    /// Nothing is sent.
    Refuse,
    /// The first row of each key is sent, the others are rejected.
    KeepFirst,
    /// The same with the last row.
    KeepLast,
    /// All are sent, those of one key in successive jobs.
    Separate,
}

impl OnDuplicate {
    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::KeepFirst => "keep-first",
            Self::KeepLast => "keep-last",
            Self::Separate => "separate",
        }
    }
}

/// What an empty cell means on update and upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Nulls {
    /// Leave the field alone.
    #[default]
    Ignore,
    /// Clear the field: `#N/A` is sent.
    Clear,
}

/// How the mapping file of a load is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum MappingManner {
    /// By the ending of its name, and all that it names must be there.
    #[default]
    Own,
    /// As Data Loader's, whatever its name; a line whose column is not in the file is passed over.
    DataLoader,
}

impl MappingManner {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// What is asked for to group rows by nothing.
pub const GROUP_BY_NONE: &str = "none";

/// Rows are in lanes: those that lock one parent go out one job after the other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LanePlan {
    /// The header cell of the column that names the parent.
    pub column: String,
    pub lanes: u32,
    /// Rows of a job at most.
    pub rows: u32,
}

/// Where run folders go, below the working directory, if nothing else is asked for.
pub const RUNS_DIR: &str = "longshore-runs";

/// A load, ready to be carried out.
///
/// It stands in the manifest of its run, so that a later process can go on with it; the mapping is
/// read again from its file then.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct LoadPlan {
    pub operation: Operation,
    pub object: ObjectName,
    /// The key field; there for an upsert and only then.
    pub external_id: Option<String>,
    /// The id of the rule that assigns leads and cases; `None` leaves it to the org.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment_rule: Option<String>,
    pub input: Input,
    /// The mapping file, read and checked for form; `None` matches headers to field names.
    #[serde(skip)]
    pub mapping: Option<super::mapping::MappingSpec>,
    #[serde(default, skip_serializing_if = "MappingManner::is_own")]
    pub mapping_manner: MappingManner,
    pub chunk_rows: u32,
    pub chunk_bytes: u64,
    /// Jobs at once at most; how many there are depends on what the org shows.
    pub parallel: usize,
    pub on_bad_row: OnBadRow,
    /// What was asked for; without it, it depends on what such rows would do.
    #[serde(default)]
    pub on_duplicate: Option<OnDuplicate>,
    pub nulls: Nulls,
    /// Data Loader's conversions, where its files are loaded as it loads them.
    #[serde(default)]
    pub conversions: Option<Conversions>,
    pub skip: u64,
    pub limit: Option<u64>,
    pub runs_dir: PathBuf,
    pub run_name: Option<String>,
    pub success_copy: Option<PathBuf>,
    pub error_copy: Option<PathBuf>,
    #[serde(default)]
    pub copy_style: CopyStyle,
    /// Where the loads of this user are remembered; `None` remembers none.
    #[serde(skip)]
    pub state_dir: Option<PathBuf>,
    /// The run whose rows are tried again by this one.
    pub retry_of: Option<String>,
    /// The run that is taken back by this one.
    #[serde(default)]
    pub undo_of: Option<String>,
    /// Keep what the records of each chunk hold before it is sent.
    #[serde(default)]
    pub before_images: bool,
    /// Leave out the rows whose records hold already what would be sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_unchanged: bool,
    /// Look at what was changed once more after the change; for far sides that can.
    #[serde(default)]
    pub verify_after: bool,
    /// The field by whose records rows are grouped, or [`GROUP_BY_NONE`]; without it, that is found
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// What came of that; decided before the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<LanePlan>,
    /// Rounds at most in which rows that met a lock are sent again; decided before the first row.
    #[serde(default, skip_serializing_if = "is_undecided")]
    pub rounds: u32,
    /// Rows in error past which no further job is started.
    #[serde(default)]
    pub max_failed: Option<super::policy::MaxFailed>,
    /// The org ends with the command, so there is nothing to go on with or to start again.
    pub passing_org: bool,
}

/// A plan that nobody has begun says nothing of rounds.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_undecided(rounds: &u32) -> bool {
    *rounds == 0
}
