//! Permissions by names: grant, revoke, sync, report.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::BoolishValueParser;

use super::{Confirm, Connect, Delimiter, Manners, Place, Progress};

#[derive(Debug, clap::Subcommand)]
pub enum Perms {
    /// Give users the permissions that stand beside them
    Grant(GrantPerms),
    /// Take from users the permissions that stand beside them
    Revoke(RevokePerms),
    /// Make it exactly so: give what is listed, and take away what is not, within a scope
    Sync(SyncPerms),
    /// Write who has what, by names
    Report(ReportPerms),
}

/// What the three changes have in common.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ChangePerms {
    /// CSV file with a column of users (`Username`, `Email`, `User Id`, `Federation Identifier`,
    /// `Employee Number`) and one of permissions (`Permission Set`, `Permission Set Group`; of an
    /// Auth0 tenant `API` with `Permission`, or `Role`); `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    #[command(flatten)]
    pub connect: Connect,
    /// A permission set for every user, in place of a column; may be given several times
    #[arg(long, env = "LONGSHORE_PERMISSION_SET", value_name = "NAME")]
    pub permission_set: Vec<String>,
    /// A permission set group for every user, in place of a column; may be given several times
    #[arg(long, env = "LONGSHORE_PERMISSION_SET_GROUP", value_name = "NAME")]
    pub permission_set_group: Vec<String>,
    /// All users that this SOQL condition finds, in place of a file
    #[arg(long = "where", env = "LONGSHORE_WHERE", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Columns that may say who, in the order in which they decide [default: all, as above]
    #[arg(
        long = "match",
        env = "LONGSHORE_MATCH",
        value_enum,
        ignore_case = true,
        value_delimiter = ',',
        value_name = "COLUMN"
    )]
    pub matching: Vec<Who>,
    /// What separates the columns [default: found out]
    #[arg(
        long,
        env = "LONGSHORE_COLUMN_DELIMITER",
        value_enum,
        ignore_case = true,
        value_name = "NAME"
    )]
    pub column_delimiter: Option<Delimiter>,
    /// Character encoding, such as windows-1252 [default: UTF-8, or what a BOM says]
    #[arg(long, env = "LONGSHORE_ENCODING", value_name = "LABEL")]
    pub encoding: Option<String>,
    /// Write who has what now, who will have what, and why, before anything is sent
    #[arg(long, env = "LONGSHORE_REVIEW", value_name = "FILE")]
    pub review: Option<PathBuf>,
    /// Say what would happen, and stop there
    #[arg(long, env = "LONGSHORE_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    #[command(flatten)]
    pub place: Place,
    /// Name of the run folder instead of one made from the time
    #[arg(long, env = "LONGSHORE_RUN_NAME", value_name = "NAME")]
    pub run_name: Option<String>,
    #[command(flatten)]
    pub confirm: Confirm,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore perms grant joiners.csv -o practice --dry-run")]
pub struct GrantPerms {
    #[command(flatten)]
    pub change: ChangePerms,
    /// What this user holds for every user of the file, in place of a column
    #[arg(long, env = "LONGSHORE_COPY_FROM", value_name = "USER")]
    pub copy_from: Option<String>,
    /// When a grant ends whose row does not say so: a date, a time, or `never`
    #[arg(long, env = "LONGSHORE_EXPIRES", value_name = "WHEN")]
    pub expires: Option<String>,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore perms revoke leavers.csv -o practice")]
pub struct RevokePerms {
    #[command(flatten)]
    pub change: ChangePerms,
    /// All that the users hold, whatever it is, but for what comes with a profile; the file says
    /// only who
    #[arg(long, env = "LONGSHORE_EVERYTHING", value_parser = BoolishValueParser::new())]
    pub everything: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore perms sync roster.csv -o practice --dry-run")]
pub struct SyncPerms {
    #[command(flatten)]
    pub change: ChangePerms,
    /// What is made exactly so
    #[arg(
        long,
        env = "LONGSHORE_SCOPE",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "SCOPE"
    )]
    pub scope: SyncScope,
    /// When a grant ends whose row does not say so: a date, a time, or `never`
    #[arg(long, env = "LONGSHORE_EXPIRES", value_name = "WHEN")]
    pub expires: Option<String>,
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore perms report --output access.csv -o practice")]
pub struct ReportPerms {
    /// CSV file whose users, or permissions, or both, are reported; without it, all of the org
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    #[command(flatten)]
    pub connect: Connect,
    /// The file to write, `-` for standard output
    #[arg(long, env = "LONGSHORE_OUTPUT", value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

/// A column that says who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    Username,
    Email,
    UserId,
    FederationIdentifier,
    EmployeeNumber,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SyncScope {
    /// The listed permissions are held by the users listed for them, and by nobody else
    #[default]
    ListedPermissions,
    /// The listed users hold what is listed for them, and nothing else
    ListedUsers,
}

impl Perms {
    pub fn manners(&self) -> &Manners {
        match self {
            Self::Grant(grant) => &grant.change.manners,
            Self::Revoke(revoke) => &revoke.change.manners,
            Self::Sync(sync) => &sync.change.manners,
            Self::Report(report) => &report.manners,
        }
    }
}
