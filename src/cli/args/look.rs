//! Looking at an org: export, objects, describe.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use super::{Connect, Manners, Progress};

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "examples:\n  \
    longshore export \"SELECT Id, Name FROM Profile\" --output profiles.csv -o practice\n  \
    longshore export PermissionSetAssignment --fields Id,Assignee.Username -o practice")]
pub struct Export {
    /// A SOQL query, or the API name of an object
    #[arg(value_name = "QUERY|OBJECT")]
    pub what: String,
    #[command(flatten)]
    pub connect: Connect,
    /// Fields of the object, separated by commas, or `all` [default: all]
    #[arg(long, env = "LONGSHORE_FIELDS", value_name = "LIST")]
    pub fields: Option<String>,
    /// Condition on the rows of the object, in SOQL
    #[arg(long = "where", env = "LONGSHORE_WHERE", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// Mapping file of Data Loader (`.sdl`): which columns to write, and their headers
    #[arg(short, long, env = "LONGSHORE_MAP", value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// The file to write, `-` for standard output
    #[arg(long, env = "LONGSHORE_OUTPUT", value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Include deleted and archived rows
    #[arg(long, env = "LONGSHORE_ALL", value_parser = BoolishValueParser::new())]
    pub all: bool,
    #[command(flatten)]
    pub manners: Manners,
    #[command(flatten)]
    pub progress: Progress,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Objects {
    #[command(flatten)]
    pub connect: Connect,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Describe {
    /// API name of the object
    #[arg(value_name = "OBJECT")]
    pub object: String,
    #[command(flatten)]
    pub connect: Connect,
    #[command(flatten)]
    pub manners: Manners,
}
