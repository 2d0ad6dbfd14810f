//! Loads: insert, update, upsert and the deletes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use super::{
    Api, BeforeImages, Confirm, Connect, Delimiter, LineEnding, Manners, Nulls, OnBadRow,
    OnDuplicate, Progress,
};

/// What every load has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Load {
    /// API name of the object, such as `PermissionSetAssignment`; or give it with `--sobject`
    #[arg(value_name = "OBJECT")]
    pub first_word: Option<String>,
    /// The CSV file, `-` for standard input; or give it with `--file`
    #[arg(value_name = "FILE")]
    pub second_word: Option<String>,
    /// The object
    #[arg(short, long, env = "LONGSHORE_SOBJECT", value_name = "OBJECT")]
    pub sobject: Option<String>,
    /// The CSV file, `-` for standard input; `.gz` is unpacked on the way
    #[arg(short, long, env = "LONGSHORE_FILE", value_name = "FILE")]
    pub file: Option<String>,
    #[command(flatten)]
    pub connect: Connect,
    /// Mapping file (TOML) from columns to fields; without it, headers are matched to field names
    #[arg(short, long, env = "LONGSHORE_MAP", value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Leave out the first N rows
    #[arg(long, env = "LONGSHORE_SKIP", value_name = "N")]
    pub skip: Option<u64>,
    /// Load at most N rows
    #[arg(long, env = "LONGSHORE_LIMIT", value_name = "N")]
    pub limit: Option<u64>,
    /// What becomes of a row that cannot be read or is not valid [default: reject]
    #[arg(long, env = "LONGSHORE_ON_BAD_ROW", value_enum, ignore_case = true, value_name = "WHAT")]
    pub on_bad_row: Option<OnBadRow>,
    /// What becomes of rows with the same key (record id, upsert key, user and permission)
    /// [default: refuse, or send them where the same row twice does no harm]
    #[arg(
        long,
        env = "LONGSHORE_ON_DUPLICATE",
        value_enum,
        ignore_case = true,
        value_name = "WHAT"
    )]
    pub on_duplicate: Option<OnDuplicate>,

    /// Auth0 only: look at each user once more after its change, and trust that look alone
    #[arg(long, env = "LONGSHORE_VERIFY_AFTER")]
    pub verify_after: bool,

    /// What separates the columns [default: found out]
    #[arg(
        long,
        env = "LONGSHORE_COLUMN_DELIMITER",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Input file"
    )]
    pub column_delimiter: Option<Delimiter>,
    /// How lines end [default: found out]
    #[arg(
        long,
        env = "LONGSHORE_LINE_ENDING",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Input file"
    )]
    pub line_ending: Option<LineEnding>,
    /// Character encoding, such as windows-1252 [default: UTF-8, or what a BOM says]
    #[arg(long, env = "LONGSHORE_ENCODING", value_name = "LABEL", help_heading = "Input file")]
    pub encoding: Option<String>,

    /// Rows of a job at most [default: 250000]
    #[arg(long, env = "LONGSHORE_CHUNK_ROWS", value_name = "N", help_heading = "Jobs")]
    pub chunk_rows: Option<u64>,
    /// Bytes of a job at most, header included [default: 100000000]
    #[arg(long, env = "LONGSHORE_CHUNK_BYTES", value_name = "N", help_heading = "Jobs")]
    pub chunk_bytes: Option<u64>,
    /// Jobs at once at most; it begins with two [default: 8]
    #[arg(long, env = "LONGSHORE_PARALLEL", value_name = "N", help_heading = "Jobs")]
    pub parallel: Option<u64>,
    /// Which API carries the rows; auto chooses Bulk API 2.0 [default: auto]
    #[arg(
        long,
        env = "LONGSHORE_API",
        value_enum,
        ignore_case = true,
        value_name = "NAME",
        help_heading = "Jobs"
    )]
    pub api: Option<Api>,
    /// Send rows that lock the same record one job after the other: the field that names it, or
    /// `none` [default: a parent that the org locks, where rows share it]
    #[arg(long, env = "LONGSHORE_GROUP_BY", value_name = "FIELD", help_heading = "Jobs")]
    pub group_by: Option<String>,

    /// Where run folders are made [default: longshore-runs]
    #[arg(long, env = "LONGSHORE_RUNS_DIR", value_name = "DIR", help_heading = "Result files")]
    pub runs_dir: Option<PathBuf>,
    /// Name of the run folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME", help_heading = "Result files")]
    pub run_name: Option<String>,
    /// Place a copy of success.csv here
    #[arg(long, env = "LONGSHORE_SUCCESS", value_name = "FILE", help_heading = "Result files")]
    pub success: Option<PathBuf>,
    /// Place a copy of error.csv here
    #[arg(long, env = "LONGSHORE_ERROR", value_name = "FILE", help_heading = "Result files")]
    pub error: Option<PathBuf>,

    #[command(flatten)]
    pub confirm: Confirm,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,

    /// The arguments whose value came from the environment, by their name.
    #[arg(skip)]
    pub from_environment: BTreeSet<String>,
}

impl Load {
    /// The words that stand by themselves, in order.
    pub fn words(&self) -> Vec<&str> {
        [&self.first_word, &self.second_word].into_iter().flatten().map(String::as_str).collect()
    }
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore insert PermissionSetAssignment assignments.csv -o demo")]
pub struct Insert {
    #[command(flatten)]
    pub load: Load,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore update Profile profiles.csv -o practice")]
pub struct Update {
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub changing: Changing,
}

/// What an update has beside the flags of every load, and an upsert.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Changing {
    /// What an empty cell means: ignore leaves the field alone, clear empties it [default: ignore]
    #[arg(long, env = "LONGSHORE_NULLS", value_enum, ignore_case = true, value_name = "MEANING")]
    pub nulls: Option<Nulls>,
    /// Whether what the records hold is kept first, so that an undo is possible [default: off]
    #[arg(
        long,
        env = "LONGSHORE_BEFORE_IMAGES",
        value_enum,
        ignore_case = true,
        value_name = "WHETHER"
    )]
    pub before_images: Option<BeforeImages>,
    /// Leave out rows whose records hold already what they say
    #[arg(long, env = "LONGSHORE_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    pub skip_unchanged: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore undelete Account ids.csv -o practice")]
pub struct Undelete {
    #[command(flatten)]
    pub load: Load,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "example: longshore upsert Account accounts.csv -i Legacy_Id__c -o practice"
)]
pub struct Upsert {
    #[command(flatten)]
    pub update: Update,
    /// The field by which records are found
    #[arg(short = 'i', long, env = "LONGSHORE_EXTERNAL_ID", value_name = "FIELD")]
    pub external_id: String,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore delete PermissionSetAssignment ids.csv -o practice")]
pub struct Delete {
    #[command(flatten)]
    pub load: Load,
    /// Whether what the records hold is kept first, so that an undo is possible [default: on]
    #[arg(
        long,
        env = "LONGSHORE_BEFORE_IMAGES",
        value_enum,
        ignore_case = true,
        value_name = "WHETHER"
    )]
    pub before_images: Option<BeforeImages>,
}
